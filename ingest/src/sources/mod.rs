//! The sources of documents. A [`Source`] lists its items; the [`Reader`] that the listing comes with reads single
//! items. A directory, a repository, an export and a live system are all read through these two.
//!
//! An item's key is stable: a page's path, or the id that its system gave it. The documents of the item `key` of the
//! source `name` have the ids `name/key` and `name/key#part`, whatever the item was read from, so that an export and
//! the live system are one source.
//!
//! To add a source: write a [`Source`] and its [`Reader`] in a module here, with `Settings` (the keys of its own) and a
//! function `open` that checks them; run `contract::contract_tests!` on it; add its type to `TYPES` and to `source` in
//! `config/file.rs`; describe it in `docs/sources.md`. An issue tracker needs only a `tracker::Normaliser` for its
//! issues, and a `Source` for its live form.

pub mod archive;
mod archives;
pub mod confluence;
#[cfg(test)]
pub(crate) mod contract;
mod exports;
pub mod files;
pub mod folder;
pub mod git;
pub mod github;
pub mod jira;
mod tracker;

use crate::{
    formats::{Mark, Parsed},
    lint,
    report::{Rejection, Warning},
};
use async_trait::async_trait;
use jiff::Timestamp;
use kb::document::ContentHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A place that documents come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// The source's name: the first part of its documents' ids.
    fn name(&self) -> &str;

    /// How reports name the source.
    fn shown(&self) -> String {
        format!("source {}", self.name())
    }

    /// Whether it is only a part of what its name stands for, such as one file of a folder.
    fn is_part(&self) -> bool {
        false
    }

    /// A number that changes when a look at the source shows that it may have changed; `None` where only a listing
    /// tells. Sources with one are watched: see [`Source::folder`].
    async fn stamp(&self) -> Option<u64> {
        None
    }

    /// The folder whose changes are changes of the source.
    fn folder(&self) -> Option<PathBuf> {
        None
    }

    /// A text that changes with every setting that its documents depend on. Only sources whose items have versions need
    /// one.
    fn settings(&self) -> String {
        String::new()
    }

    /// Lists the items. `before` is the state after the last committed run, empty before the first one and after the
    /// source's settings changed; a live source asks for the changes since its cursor. A listing that broke off is not
    /// an error as long as a part of it can be used: it is not complete, and keeps the cursor.
    async fn list(&self, before: &SyncState) -> Result<Listing, SourceError>;
}

/// Reads items of a listing.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Whether reading an item costs so little that it is read twice: once to learn what changed, once to store that.
    /// Otherwise an item whose version is stored is not read at all, and the others are read once.
    fn is_cheap(&self) -> bool;

    /// Reads items: one reading for each, in order. A failure is told in the item's reading.
    async fn read(&self, items: &[Item]) -> Vec<Reading>;
}

/// The items of a source, as one look at it found them.
pub struct Listing {
    /// The items to read, in the order in which they are read.
    pub items: Vec<Item>,
    /// Keys of items that are there and have not changed since the last run; of an incremental listing.
    pub unchanged: Vec<String>,
    /// Whether `items` and `unchanged` are all there is. Only then is a document removed for being absent.
    pub is_complete: bool,
    /// Keys of items that the source says are gone: they are removed even if the listing is not complete.
    pub gone: Vec<String>,
    /// The entries that cannot be read, each with the reason.
    pub rejected: Vec<Rejection>,
    /// Faults of the listing that keep no item from being read.
    pub warnings: Vec<Warning>,
    /// The start of the next listing; committed with the documents once all items were dealt with.
    pub cursor: Option<Value>,
    /// Reads items of this listing, and of no other.
    pub reader: Arc<dyn Reader>,
}

impl Listing {
    /// A complete listing of these items.
    pub fn new(items: Vec<Item>, reader: Arc<dyn Reader>) -> Self {
        Self {
            items,
            unchanged: Vec::new(),
            is_complete: true,
            gone: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            cursor: None,
            reader,
        }
    }
}

impl Listing {
    /// Whether the listing names no item at all: neither one to read nor one that is unchanged, gone or rejected.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.unchanged.is_empty() && self.gone.is_empty() && self.rejected.is_empty()
    }
}

/// An item of a source, such as a file or a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key, unique within the source.
    pub key: String,
    /// Changes whenever its content does; `None` where only reading tells.
    pub version: Option<String>,
    /// About how many bytes it has; for batches and progress.
    pub bytes: u64,
}

/// The result of reading one item.
#[derive(Debug, Default)]
pub struct Reading {
    /// The item's documents, with the parts of it that did not become one.
    pub parsed: Parsed,
    /// How reports name the item.
    pub shown: String,
    /// Whether the item's content stayed unknown: the item's stored documents stay, and the next run reads it again.
    /// The reason is in [`Parsed::rejected`].
    pub is_unknown: bool,
    /// Whether its content is known, makes no document for a fault, and its stored documents stay all the same. The
    /// next run reads it again only when it changed.
    pub keeps_stored: bool,
    /// Whether it is gone since it was listed.
    pub is_gone: bool,
    /// The hash of the bytes of an item whose findings are kept for the next run.
    pub content: Option<ContentHash>,
    /// How many runs have read these bytes, this one included; 0 where that does not matter.
    pub tries: u32,
    /// The look of an earlier run at the very same bytes, in place of [`Reading::parsed`].
    pub look: Option<Look>,
}

impl Reading {
    /// The reading of an item whose content stayed unknown.
    pub fn unknown(shown: &str, reason: impl Into<String>) -> Self {
        let rejected = vec![Rejection::new(shown, reason)];
        let parsed = Parsed { rejected, ..Parsed::default() };
        Self { parsed, shown: shown.to_owned(), is_unknown: true, ..Self::default() }
    }
}

/// The state of a source that a run keeps for the next one: stored in the knowledge base, in the same commit as the
/// documents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncState {
    /// Hash of the settings that the documents were read with; with other settings everything is read again.
    #[serde(default)]
    pub settings: String,
    /// The start of the next listing.
    #[serde(default)]
    pub cursor: Option<Value>,
    /// The version of each item that is stored.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Items that could not be read, and why; the next run reads them again.
    #[serde(default)]
    pub failed: BTreeMap<String, String>,
    /// The looks at items that are not read again before their bytes change, by the items' keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looks: BTreeMap<String, Look>,
    /// The time of the last complete listing. Kept in the log of runs, since it does not belong to the documents.
    #[serde(skip)]
    pub listed_at: Option<Timestamp>,
}

/// The findings in an item that is not read again before its bytes change. Its paths begin where the item's own ends,
/// for the item may be shown as something else by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The hash of its bytes.
    pub content: ContentHash,
    /// How many runs have read these bytes.
    pub tries: u32,
    /// Whether the item's content stayed unknown; see [`Reading::is_unknown`].
    #[serde(default)]
    pub is_unknown: bool,
    /// The item's documents, in the order of the file.
    pub documents: Vec<LookedAt>,
    /// The parts of the item that did not become a document.
    pub rejected: Vec<Rejection>,
    /// Faults of its documents that do not keep them out.
    pub warnings: Vec<Warning>,
    /// How many secrets each rule redacted.
    #[serde(default)]
    pub secrets: BTreeMap<String, u64>,
    /// The findings and counts that the lint keeps of the item.
    pub lint: lint::Kept,
}

/// An item that was not read to its end is tried in this many runs; one that takes too long may do so only because the
/// machine has other work.
const MAX_TRIES: u32 = 3;

impl Look {
    /// Whether reading the same bytes again is not worth its time.
    pub fn is_final(&self) -> bool {
        !self.is_unknown || self.tries >= MAX_TRIES
    }
}

/// A document as the first look at its item keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LookedAt {
    /// The id without the source's name.
    pub path: String,
    /// Its hash, [`crate::formats::Document::content_hash`].
    pub hash: ContentHash,
    /// The marks of one edition among others, without the source's name.
    pub marks: Vec<Mark>,
}

/// Why a source could not be listed. Its stored documents stay unchanged then.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A folder on disk could not be listed.
    #[error(transparent)]
    Folder(#[from] folder::ListError),
    /// A live system refused or failed.
    #[error("source `{name}`: {reason}")]
    Failed {
        /// The source's name, as configured.
        name: String,
        /// The reason, and the remedy; without any secret.
        reason: String,
    },
    /// The credentials are refused or absent.
    #[error("source `{name}`: {reason}; check {reference}")]
    Credentials {
        /// The source's name, as configured.
        name: String,
        /// The reply of the system, without any secret.
        reason: String,
        /// The variable or file that holds the credentials.
        reference: String,
    },
}

impl SourceError {
    /// A live system refused or failed.
    pub fn failed(name: &str, reason: impl Into<String>) -> Self {
        Self::Failed { name: name.to_owned(), reason: reason.into() }
    }
}
