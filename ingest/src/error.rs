//! Why a run, a renaming or a copy ended without a commit.

use crate::{
    blocking::WorkerError,
    report::Report,
    sources::{SourceError, folder::PathError},
};
use kb::{embed::EmbedError, store::StoreError};

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The paths cannot be used.
    #[error(transparent)]
    Paths(#[from] PathError),
    /// No source could be listed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The knowledge base failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedding model failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Too much would be removed.
    #[error("refused to remove {}; if they are really gone, run again with --force", list(.refused))]
    Guard {
        /// The sources, each with the number of documents that would go and that are stored.
        refused: Vec<(String, usize, usize)>,
        /// The report of the run up to the refusal, with its plan.
        report: Box<Report>,
    },
    /// There is nothing to rename.
    #[error("there is no source `{name}` in the knowledge base; it has {}", list_names(.sources))]
    NoSource {
        /// The name that was given.
        name: String,
        /// The sources that there are.
        sources: Vec<String>,
    },
    /// The two names are one.
    #[error("the source is named `{name}` already")]
    SameName {
        /// The name that was given twice.
        name: String,
    },
    /// A source would be lost in another one.
    #[error(
        "`{old}` was not renamed: source `{new}` has other documents; to join the two, run again with --force"
    )]
    SourceExists {
        /// The source's present name.
        old: String,
        /// The name it was to get.
        new: String,
    },
    /// A knowledge base would be built again without some of its sources.
    #[error(
        "refused to build the knowledge base again without {}; name the folders of all its sources, or run again with --force to do without them",
        sources.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    Incomplete {
        /// The sources that were not named.
        sources: Vec<String>,
    },
    /// A knowledge base cannot be built again from single files.
    #[error("`{path}` is one file: --rebuild takes the folders of all sources")]
    RebuildFromFile {
        /// The path of the single file, as it was typed.
        path: String,
    },
    /// The user stopped the run.
    #[error("interrupted; {}", match .kept { true => "what was read of live sources until the last commit stays", false => "nothing was committed" })]
    Interrupted {
        /// Whether a live source may have committed on the way.
        kept: bool,
    },
    /// A worker thread ended early; a bug.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

fn list_names(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn list(refused: &[(String, usize, usize)]) -> String {
    let sources =
        refused.iter().map(|(name, gone, stored)| format!("{gone} of {stored} documents of source `{name}`"));
    sources.collect::<Vec<_>>().join(" and ")
}
