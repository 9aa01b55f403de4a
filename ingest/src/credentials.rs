//! Where a source's credentials are: never in the configuration itself, but in a variable or a file that it names.

use net::Secret;
use serde::Deserialize;
use std::{fmt, path::PathBuf};

/// Longer credentials are none.
const MAX_BYTES: u64 = 64 << 10;

/// A reference to a secret: `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Reference {
    /// An environment variable.
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
        /// The file.
        path: PathBuf,
        /// The cause.
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

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}
