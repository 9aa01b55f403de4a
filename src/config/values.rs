//! Values that are checked alike under several keys.

use super::{ConfigError, environment::Environment, error::wrong};
use net::Secret;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

/// Longest time that a setting may name, in seconds: an hour.
const MAX_SECONDS: f64 = 3_600.0;

/// The largest secret, in bytes; a longer file is refused.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// A secret from its variable, or from the file that a key or `<VARIABLE>_FILE` names.
pub(super) fn secret(
    environment: &Environment,
    variable: &str,
    key: &str,
    file: Option<PathBuf>,
) -> Result<Option<Secret>, ConfigError> {
    match environment.get(variable) {
        Some(text) => trimmed(variable, text).map(Some),
        None => file.map(|path| secret_file(key, path)).transpose(),
    }
}

/// A secret from the file that a key names.
pub(super) fn secret_file(key: &str, path: PathBuf) -> Result<Secret, ConfigError> {
    match kb::files::read_text(&path, MAX_SECRET_BYTES) {
        Ok(text) => trimmed(key, &text),
        Err(source) => Err(ConfigError::Secret { key: key.to_owned(), path, source }),
    }
}

/// A secret without the white space around it: `echo` ends a file with a line break. A blank secret is an error,
/// and must not be taken for "no secret is needed".
pub(super) fn trimmed(key: &str, text: &str) -> Result<Secret, ConfigError> {
    match text.trim() {
        "" => Err(wrong(key, "it holds nothing but white space")),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

/// An address of the web. A wrong one is not shown: it may hold a password.
pub(super) fn web_url(key: &str, text: String) -> Result<String, ConfigError> {
    let begins = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_url = begins && !text.contains(char::is_whitespace) && net::Url::parse(&text).is_ok();
    match is_url {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(wrong(key, "it is no URL such as https://api.example.com/v1")),
    }
}

/// Names of hosts, in small letters.
pub(super) fn hosts(key: &str, names: Vec<String>) -> Result<BTreeSet<String>, ConfigError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    names
        .into_iter()
        .map(|name| match !name.is_empty() && name.chars().all(is_part) {
            true => Ok(name.trim_end_matches('.').to_ascii_lowercase()),
            false => Err(wrong(key, format!("`{name}` is no name of a host such as runbooks.example.com"))),
        })
        .collect()
}

pub(super) fn seconds(key: &str, seconds: f64) -> Result<Duration, ConfigError> {
    match (0.05..=MAX_SECONDS).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        // As `1e300`, not as three hundred digits.
        false => Err(wrong(key, format!("{seconds:?} s is out of range; give 0.05 to {MAX_SECONDS}"))),
    }
}

/// A time that may be none at all.
pub(super) fn delay(key: &str, given: f64) -> Result<Duration, ConfigError> {
    if given == 0.0 { Ok(Duration::ZERO) } else { seconds(key, given) }
}

/// A number from 1 to `largest`.
pub(super) fn at_most(largest: usize, key: &str, number: usize) -> Result<usize, ConfigError> {
    match (1..=largest).contains(&number) {
        true => Ok(number),
        false => Err(wrong(key, format!("{number} is out of range; give 1 to {largest}"))),
    }
}
