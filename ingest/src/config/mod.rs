//! Configuration: `ingest.toml`, the environment, and [`Configured`], which a command makes of them and of its flags.
//! The only room of this package that reads the environment (by way of clap for what is also a flag).

pub mod file;

use crate::{pipeline::Options, sources::folder::PathError};
use file::Team;
use kb::{
    embed::EmbedError,
    store::{Address, AddressError},
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// A longer key is refused.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// A mistake in the flags, the environment or `ingest.toml`.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither a flag, the environment nor the file names a knowledge base.
    #[error("no knowledge base: give `--kb DIR`, or set RUNBOOKD_KB")]
    NoKnowledgeBase,
    /// No path and no file of sources is given.
    #[error("nothing to ingest: give the PATH of a folder or a file, or `--config ingest.toml`")]
    NoPaths,
    /// The file of sources.
    #[error("`{path}`: {detail}")]
    File {
        path: PathBuf,
        /// The mistake, and its place.
        detail: String,
    },
    /// A source that the file does not have.
    #[error("{flag}: the file has no source `{name}`; it has {}", .sources.join(", "))]
    NoSuchSource {
        /// The flag that names it.
        flag: &'static str,
        /// The name that the flag gives.
        name: String,
        /// The sources that there are.
        sources: Vec<String>,
    },
    /// A path cannot be a source.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The knowledge base's address.
    #[error("--kb: {0}")]
    Address(#[from] AddressError),
    /// The embedder's name is unknown, or its model cannot be found.
    #[error(transparent)]
    Embedder(#[from] EmbedError),
    /// An access tag is empty.
    #[error("--access: a tag is empty")]
    EmptyTag,
    /// The text is not a language tag.
    #[error("--language: `{0}` is no language tag such as `en` or `zh-TW`")]
    Language(String),
    /// The file with the key of the embeddings endpoint cannot be read.
    #[error("RUNBOOKD_EMBEDDINGS_API_KEY_FILE: cannot read `{path}`")]
    KeyFile {
        path: PathBuf,
        /// The file system's error.
        #[source]
        source: std::io::Error,
    },
}

/// The knowledge base's address.
pub fn address(kb: Option<&str>) -> Result<Address, ConfigError> {
    Ok(kb.ok_or(ConfigError::NoKnowledgeBase)?.parse()?)
}

/// The settings of a run or of the watch, made of flags, environment and `ingest.toml`.
#[derive(Clone)]
pub struct Configured {
    /// The settings of one run.
    pub options: Options,
    /// How often each source is read while ingest keeps running, in the order of the sources.
    pub intervals: Vec<Duration>,
    /// The address where metrics and health are shown meanwhile.
    pub listen: Option<SocketAddr>,
}

impl Team {
    /// Leaves out all sources but those that the flag `flag` names, if it names any.
    pub(crate) fn keep_only(&mut self, only: &[String], flag: &'static str) -> Result<(), ConfigError> {
        if only.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.sources.iter().map(|source| source.source.name().to_owned()).collect();
        if let Some(name) = only.iter().find(|name| !names.contains(name)) {
            return Err(ConfigError::NoSuchSource { flag, name: name.clone(), sources: names });
        }
        self.sources.retain(|source| only.iter().any(|name| name == source.source.name()));
        Ok(())
    }
}

/// The embeddings endpoint's key: from the environment or a file it names, never a flag that `ps` would show.
#[expect(clippy::disallowed_methods, reason = "this is the configuration")]
pub(crate) fn endpoint_key() -> Result<Option<String>, ConfigError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(key) = variable("RUNBOOKD_EMBEDDINGS_API_KEY") {
        return Ok(Some(key));
    }
    let Some(path) = variable("RUNBOOKD_EMBEDDINGS_API_KEY_FILE").map(PathBuf::from) else { return Ok(None) };
    match kb::files::read_text(&path, MAX_KEY_BYTES) {
        Ok(key) => Ok(Some(key.trim().to_owned())),
        Err(source) => Err(ConfigError::KeyFile { path, source }),
    }
}
