//! Texts that no log may show: keys and tokens.

use crate::CallError;
use reqwest::header::HeaderValue;
use std::fmt;

/// A secret that does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text as a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret as the value of a header, marked so that it shows in no log.
    pub fn header(&self) -> Result<HeaderValue, CallError> {
        sensitive(&self.0)
    }

    /// The value of `Authorization` with a bearer token.
    pub fn bearer(&self) -> Result<HeaderValue, CallError> {
        sensitive(&format!("Bearer {}", self.0))
    }
}

/// The value of a header that has a secret in it, marked so that it shows in no log.
pub fn sensitive(text: &str) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| CallError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_nowhere_and_must_fit_a_header() {
        let value = Secret::new("k-very-secret".to_owned()).bearer().expect("a value");
        assert_eq!(format!("{value:?}"), "Sensitive");
        let error = Secret::new("k-very\nsecret".to_owned()).bearer().expect_err("two lines");
        assert!(error == CallError::Credentials && !error.to_string().contains("secret"), "{error}");
    }
}
