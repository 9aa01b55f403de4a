//! References to a source's credentials: these are never in the configuration itself, but in a variable or a file that
//! it names.

use net::Secret;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use std::{fmt, path::PathBuf};

/// Longer credentials are refused.
const MAX_BYTES: u64 = 64 << 10;

/// A reference to a secret: `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The name of an environment variable.
    Env(String),
    /// A file, read anew for each run, so that a rotated token is taken up.
    File(PathBuf),
}

/// The reference leads to no secret.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The variable is not set, or empty.
    #[error("the variable `{0}` is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("the file `{path}` cannot be read")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The file system's error.
        #[source]
        source: std::io::Error,
    },
    /// The file is empty.
    #[error("the file `{0}` is empty")]
    Empty(PathBuf),
}

impl Reference {
    /// Reads the secret, without white space around it.
    #[expect(clippy::disallowed_methods, reason = "the configuration names the variable")]
    pub fn read(&self) -> Result<Secret, CredentialError> {
        let text = match self {
            Self::Env(name) => std::env::var(name).unwrap_or_default(),
            Self::File(path) => kb::files::read_text(path, MAX_BYTES)
                .map_err(|source| CredentialError::File { path: path.clone(), source })?,
        };
        match (text.trim(), self) {
            ("", Self::Env(name)) => Err(CredentialError::Unset(name.clone())),
            ("", Self::File(path)) => Err(CredentialError::Empty(path.clone())),
            (secret, _) => Ok(Secret::new(secret.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

/// Reads a reference. Somebody may have written the secret itself in its place, so no error shows the text.
struct ReferenceVisitor;

const EXPECTED: &str = "`{ env = \"NAME\" }` or `{ file = \"PATH\" }`, which say where the secret is";

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Reference, E> {
        Err(E::custom(format!("expected {EXPECTED}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
        let unexpected = || A::Error::custom(format!("expected {EXPECTED}"));
        let reference = match map.next_key::<String>()?.as_deref() {
            Some("env") => Reference::Env(map.next_value()?),
            Some("file") => Reference::File(map.next_value()?),
            _ => return Err(unexpected()),
        };
        match map.next_key::<String>()? {
            None => Ok(reference),
            Some(_) => Err(unexpected()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_place_of_its_reference_is_not_shown() {
        let read = |text: &str| {
            let table: toml::Table = toml::from_str(text).expect("TOML");
            table["token"].clone().try_into::<Reference>().map_err(|error| error.to_string())
        };
        assert_eq!(read("token = { env = \"X\" }"), Ok(Reference::Env("X".to_owned())));
        assert_eq!(read("token.file = \"x/y\""), Ok(Reference::File(PathBuf::from("x/y"))));
        for text in ["\"canary\"", "{ value = \"canary\" }", "{ env = \"X\", value = \"canary\" }", "{}"] {
            let error = read(&format!("token = {text}")).expect_err(text);
            assert!(error.contains("say where the secret is") && !error.contains("canary"), "{error}");
        }
    }
}
