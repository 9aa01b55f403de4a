//! The identity that a knowledge base was built with, and whether this program can use it.

use super::error::StoreError;
use crate::embed::ModelIdentity;
use serde::{Deserialize, Serialize};

/// The values that must be equal between the program that wrote a knowledge base and the one that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The identity of the embedding model.
    pub model: ModelIdentity,
    /// Version of the rules that cut chunks.
    pub chunker_version: u32,
    /// Version of the rules that make terms.
    pub analyzer_version: u32,
}

/// Version of the directory layout and of the stored records.
pub const FORMAT_VERSION: u32 = 3;

/// Version of the chunker's rules; a change of what it cuts must raise it. Kept here because readers check it without
/// knowing the chunker.
pub const CHUNKER_VERSION: u32 = 2;

impl Identity {
    /// The identity that this program builds knowledge bases with, given its embedding model.
    pub fn current(model: ModelIdentity) -> Self {
        Self { model, chunker_version: CHUNKER_VERSION, analyzer_version: crate::analyzer::VERSION }
    }

    /// Refuses a question's vector that the model cannot have made.
    pub(crate) fn check_query(&self, query: &[f32]) -> Result<(), StoreError> {
        let expected = self.model.dimensions;
        match query.len() == expected && query.iter().all(|component| component.is_finite()) {
            true => Ok(()),
            false => Err(StoreError::InvalidQuery {
                detail: format!(
                    "it needs a vector of {expected} finite numbers, not {} numbers",
                    query.len()
                ),
            }),
        }
    }
}

/// The file `manifest.json` of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Number of the generation.
    pub generation: u64,
    /// The identity that the knowledge base was built with.
    pub identity: Identity,
}

impl Manifest {
    /// Refuses a knowledge base that this program cannot use; `address` is for the message.
    pub fn check(&self, expected: &Identity, address: &str) -> Result<(), StoreError> {
        if self.format_version != FORMAT_VERSION {
            return Err(StoreError::format_mismatch(address, self.format_version));
        }
        let found = &self.identity;
        let pairs: [(&'static str, String, String, bool); 4] = [
            ("embedding model", describe(&found.model), describe(&expected.model), true),
            ("tokenizer", found.model.tokenizer.clone(), expected.model.tokenizer.clone(), true),
            (
                "chunker version",
                found.chunker_version.to_string(),
                expected.chunker_version.to_string(),
                false,
            ),
            (
                "analyzer version",
                found.analyzer_version.to_string(),
                expected.analyzer_version.to_string(),
                false,
            ),
        ];
        for (what, found, expected, model_related) in pairs {
            if found != expected {
                let advice = match model_related {
                    true => format!("choose that model with `--embedder`, or {}", rebuild(address)),
                    false => rebuild(address),
                };
                return Err(StoreError::Mismatch { path: address.to_owned(), what, found, expected, advice });
            }
        }
        Ok(())
    }
}

impl StoreError {
    /// The refusal of a knowledge base with another format than [`FORMAT_VERSION`].
    pub(crate) fn format_mismatch(address: &str, found: u32) -> Self {
        StoreError::Mismatch {
            path: address.to_owned(),
            what: "format version",
            found: found.to_string(),
            expected: FORMAT_VERSION.to_string(),
            advice: rebuild(address),
        }
    }
}

fn rebuild(address: &str) -> String {
    format!(
        "build it again in a new directory: `ingest --kb NEW_DIRECTORY ...`, or use the release that wrote `{address}`"
    )
}

/// One line that differs whenever vectors would.
fn describe(model: &ModelIdentity) -> String {
    let ModelIdentity { name, dimensions, hash, pooling, query_prefix, passage_prefix, max_tokens, .. } =
        model;
    let hash = hash.get(..12).unwrap_or(hash);
    format!(
        "{name} ({dimensions} dimensions, hash {hash}, pooling {pooling}, prefixes {query_prefix:?}/{passage_prefix:?}, window {max_tokens})"
    )
}
