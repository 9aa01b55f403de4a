//! A knowledge base open for writing.

use super::{error::StoreError, view::Counts};
use crate::document::{Chunk, ContentHash, DocumentMeta};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The result of one [`Writer::commit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The version that readers see from now on.
    pub version: String,
    /// The number of the generation.
    pub generation: u64,
    /// Failures after the changes were safe; the changes stand.
    pub warnings: Vec<String>,
}

/// A knowledge base open for writing: by one writer at a time, or by one for each source. Readers see the changes from
/// [`Writer::commit`] on: all changes at once, and no change of a writer that was dropped or killed before. An engine
/// may keep changes without a commit, but only to spare the next writer the work of storing them again.
#[async_trait]
pub trait Writer: Send {
    /// Keeps other writers away from sources until this one is dropped; [`StoreError::Locked`] when another is at work
    /// on one of them. Changes of a source's documents do the same. An engine that allows one writer at a time has
    /// nothing to do here.
    async fn claim(&mut self, _sources: &[String]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Content hash of every committed document whose source is among `sources`, by id.
    async fn fingerprints(&mut self, sources: &[String]) -> Result<HashMap<String, ContentHash>, StoreError>;

    /// How much is committed.
    async fn counts(&mut self) -> Result<Counts, StoreError>;

    /// The sources with committed documents, and how many each has.
    async fn sources(&mut self) -> Result<BTreeMap<String, u64>, StoreError>;

    /// Gives the committed documents of a source another source's name: in their ids, their chunks and the links among
    /// them; nothing is embedded. If the other source already has a document of the same name, that document stays.
    /// Returns how many documents the source had. The source's state goes with them unless the other source has one.
    /// Comes before other changes of the same documents.
    async fn rename_source(&mut self, from: &str, to: &str) -> Result<u64, StoreError>;

    /// Number of chunks of a document, this writer's changes included; 0 if there is no such document. For reports of
    /// removals.
    async fn num_chunks(&mut self, document: &str) -> Result<u64, StoreError>;

    /// Replaces a document and its chunks. `vectors` are L2-normalised, one a chunk, in order.
    async fn replace(
        &mut self,
        meta: &DocumentMeta,
        content_hash: ContentHash,
        chunks: &[Chunk],
        vectors: &[Vec<f32>],
    ) -> Result<(), StoreError>;

    /// Removes a document and its chunks; does nothing if there is no such document.
    async fn remove(&mut self, document: &str) -> Result<(), StoreError>;

    /// Makes all changes durable and visible at once. Without any change it writes nothing, except that the first
    /// commit creates the knowledge base.
    ///
    /// After an error the state is the one before or the one asked for; the writer refuses further changes.
    async fn commit(&mut self) -> Result<Commit, StoreError>;

    /// The state that was committed with each source's documents, by the source's name.
    async fn source_states(&mut self) -> Result<BTreeMap<String, serde_json::Value>, StoreError>;

    /// Keeps a state with a source's documents, or forgets the one that is kept; visible with the next commit. The
    /// program that writes keeps in it how far it has read the source.
    async fn set_source_state(
        &mut self,
        source: &str,
        state: Option<&serde_json::Value>,
    ) -> Result<(), StoreError>;

    /// The value that [`Writer::set_run_log`] stored last; `None` if it stored nothing.
    async fn run_log(&mut self) -> Result<Option<serde_json::Value>, StoreError>;

    /// Stores the log of the last runs; visible at once, outside the generations.
    async fn set_run_log(&mut self, log: &serde_json::Value) -> Result<(), StoreError>;

    /// Stores the calibration of the decision to answer; visible at once, outside the generations.
    async fn set_calibration(&mut self, calibration: &serde_json::Value) -> Result<(), StoreError>;
}
