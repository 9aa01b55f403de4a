//! Errors of the configuration.

use super::environment::KEYS;
use crate::http::auth;
use std::{io, net::SocketAddr, path::PathBuf};

/// An error of the configuration. Each message names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{path}`")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file `{path}` is not TOML: {detail}")]
    Syntax {
        path: PathBuf,
        /// The place and the reason.
        detail: String,
    },
    /// A key that does not exist, or a value of the wrong type.
    #[error("the configuration is wrong{}: {detail}", from(.origin))]
    Shape {
        /// The source of the value, when one source alone is at fault.
        origin: Option<String>,
        /// The key and its error.
        detail: String,
    },
    /// A value that cannot be used.
    #[error("`{key}` is wrong: {detail}")]
    Value {
        /// The key, with its variable.
        key: String,
        /// The error and a right value.
        detail: String,
    },
    /// A secret's file cannot be read.
    #[error("`{key}` names `{path}`, which cannot be read")]
    Secret {
        key: String,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The tokens file is wrong.
    #[error(transparent)]
    Tokens(#[from] auth::TokensError),
    /// No knowledge base was named.
    #[error("no knowledge base: give `--kb DIR`, or set RUNBOOKD_KB")]
    NoKnowledgeBase,
    /// A public address without tokens.
    #[error(
        "`{listen}` can be reached from other machines, but there is no token: set RUNBOOKD_TOKEN or \
         RUNBOOKD_TOKENS_FILE, listen on 127.0.0.1, or say --allow-unauthenticated"
    )]
    Unauthenticated {
        /// The address that `listen` holds.
        listen: SocketAddr,
    },
}

fn from(origin: &Option<String>) -> String {
    origin.as_ref().map(|origin| format!(" in {origin}")).unwrap_or_default()
}

/// A value that cannot be used, its key named with the variable that sets it.
pub(super) fn wrong(key: &str, detail: impl Into<String>) -> ConfigError {
    let variable = KEYS.iter().find(|(path, ..)| *path == key).map(|(_, variable, _)| *variable);
    let key = variable.map_or_else(|| key.to_owned(), |variable| format!("{key} ({variable})"));
    ConfigError::Value { key, detail: detail.into() }
}
