//! What the commands share: the flags that each takes, and how one is run.

use crate::config::{Config, ConfigError, Environment, Flags, Log};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};
use toml::Value;

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The knowledge base: a directory.
    #[arg(long, value_name = "KB")]
    kb: Option<String>,
    /// The configuration file [default: runbookd.toml, when there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The embedding model: local, fastembed:NAME, openai:MODEL or hashed.
    #[arg(long, value_name = "EMBEDDER")]
    embedder: Option<String>,
}

impl Common {
    /// The configuration for a command that does not listen: it needs no token for the address that is configured.
    pub(super) fn load_to_ask(&self) -> Result<Config, ConfigError> {
        self.load(vec![("allow_unauthenticated", Value::Boolean(true))])
    }

    /// The configuration, `flags` of one command included.
    pub fn load(&self, mut flags: Flags) -> Result<Config, ConfigError> {
        let text = |value: &String| Value::String(value.clone());
        flags.extend(self.kb.as_ref().map(|kb| ("kb", text(kb))));
        flags.extend(self.embedder.as_ref().map(|embedder| ("embedder.choice", text(embedder))));
        Config::load(self.config.as_deref(), &Environment::of_this_process(), flags)
    }
}

/// Warnings only: stderr is read by a person who waits for one answer.
pub(super) fn quiet(log: &Log) -> Log {
    match log.filter == "info" {
        true => Log { filter: "warn".to_owned(), ..log.clone() },
        false => log.clone(),
    }
}

/// Runs a command to its end on a runtime of its own.
pub(super) fn on_runtime(
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}
