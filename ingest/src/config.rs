//! What was typed to what is true: flags and environment become [`Options`]. The only file of this package that reads
//! the environment (by way of clap for what is also a flag).

use crate::{
    cli::Flags,
    formats::{Defaults, language},
    pipeline::Options,
    sources::folder::{self, PathError},
};
use kb::{
    embed::{EmbedError, EmbedderChoice, EmbedderSettings, EndpointSettings, Places},
    store::{Address, AddressError},
};
use std::{path::PathBuf, time::Duration};

/// A longer key is none.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// What is typed wrongly.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No knowledge base.
    #[error("no knowledge base: give `--kb DIR`, or set RUNBOOKD_KB")]
    NoKnowledgeBase,
    /// No path.
    #[error("nothing to ingest: give the PATH of a folder or a file")]
    NoPaths,
    /// A path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The knowledge base's address.
    #[error("--kb: {0}")]
    Address(#[from] AddressError),
    /// The embedder.
    #[error(transparent)]
    Embedder(#[from] EmbedError),
    /// An access tag.
    #[error("--access: a tag is empty")]
    EmptyTag,
    /// The language.
    #[error("--language: `{0}` is no language tag such as `en` or `zh-TW`")]
    Language(String),
    /// The key's file.
    #[error("RUNBOOKD_EMBEDDINGS_API_KEY_FILE: cannot read `{path}`")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// The knowledge base's address.
pub fn address(kb: Option<&str>) -> Result<Address, ConfigError> {
    Ok(kb.ok_or(ConfigError::NoKnowledgeBase)?.parse()?)
}

impl TryFrom<Flags> for Options {
    type Error = ConfigError;

    fn try_from(flags: Flags) -> Result<Self, ConfigError> {
        if flags.paths.is_empty() {
            return Err(ConfigError::NoPaths);
        }
        let access: Vec<String> = flags.access.iter().map(|tag| tag.trim().to_owned()).collect();
        if access.iter().any(String::is_empty) {
            return Err(ConfigError::EmptyTag);
        }
        let language = match flags.language {
            Some(text) => Some(language::normalised_tag(&text).ok_or(ConfigError::Language(text))?),
            None => None,
        };
        let defaults = Defaults { kind: flags.kind, access, language };
        let embedder = EmbedderSettings {
            choice: flags.embedder.parse::<EmbedderChoice>()?,
            places: Places::of_this_process(flags.ort_lib, flags.model_dir),
            threads: None,
            endpoint: match flags.embeddings.base_url {
                Some(base_url) => Some(EndpointSettings {
                    base_url: base_url.trim_end_matches('/').to_owned(),
                    api_key: endpoint_key()?,
                    timeout: Duration::from_secs(flags.embeddings.timeout_s),
                    max_tokens: flags.embeddings.max_tokens,
                }),
                None => None,
            },
        };
        Ok(Self {
            kb: address(flags.kb.kb.as_deref())?,
            embedder,
            sources: folder::sources(&flags.paths, flags.source.as_deref(), &defaults)?,
            dry_run: flags.dry_run,
            force: flags.force,
        })
    }
}

/// The embeddings endpoint's key: from the environment or a file it names, never a flag that `ps` would show.
#[expect(clippy::disallowed_methods, reason = "this is the configuration")]
fn endpoint_key() -> Result<Option<String>, ConfigError> {
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
