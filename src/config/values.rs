//! Values that are checked alike under several keys.

use super::{ConfigError, environment::Environment, error::wrong};
use crate::secret::Secret;
use std::{path::PathBuf, time::Duration};

/// A secret from its variable, or from the file that a key or `<VARIABLE>_FILE` names.
pub(super) fn secret(
    environment: &Environment,
    variable: &str,
    key: &str,
    file: Option<PathBuf>,
) -> Result<Option<Secret>, ConfigError> {
    if let Some(text) = environment.get(variable) {
        return Ok(Some(Secret::new(text.to_owned())));
    }
    file.map(|path| secret_file(key, path)).transpose()
}

/// A secret from the file that a key names.
pub(super) fn secret_file(key: &str, path: PathBuf) -> Result<Secret, ConfigError> {
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Secret::new(text.trim().to_owned())),
        Err(source) => Err(ConfigError::Secret { key: key.to_owned(), path, source }),
    }
}

pub(super) fn web_url(key: &str, text: String) -> Result<String, ConfigError> {
    let scheme_ends = text.starts_with("http://") || text.starts_with("https://");
    match scheme_ends && !text.contains(char::is_whitespace) {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(wrong(key, format!("`{text}` is no URL such as https://api.example.com/v1"))),
    }
}

pub(super) fn seconds(key: &str, seconds: f64) -> Result<Duration, ConfigError> {
    match seconds.is_finite() && (0.05..=3_600.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(wrong(key, format!("{seconds} s is out of range; give 0.05 to 3600"))),
    }
}

pub(super) fn at_least_one(key: &str, number: usize) -> Result<usize, ConfigError> {
    match number {
        0 => Err(wrong(key, "it must be at least 1")),
        _ => Ok(number),
    }
}
