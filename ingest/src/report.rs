//! The result of a run: its counts, and every file that it did not index, with the reason. `ingest --json` prints it as
//! JSON.

use kb::store::Commit;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// A file, or a part of one, that was found and not indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Its place: the path as given on the command line, joined with the path below it; a row of a CSV file adds
    /// `#<row>`.
    pub path: String,
    /// The reason, and the remedy if there is one.
    pub reason: String,
    /// Left out by convention (hidden files and the like), not for a fault; `--strict` does not mind.
    #[serde(skip)]
    pub by_convention: bool,
}

impl Rejection {
    /// A rejection for a fault, as opposed to one by convention.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), by_convention: false }
    }
}

/// A document that was indexed, though maybe not as its author meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its place, as in [`Rejection::path`].
    pub path: String,
    /// The fault, and how the document was read in spite of it.
    pub message: String,
}

/// Secrets that were redacted in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedactedSecrets {
    /// Their place, as in [`Rejection::path`].
    pub path: String,
    /// The rule that found them, as it stands in their place.
    pub rule: Cow<'static, str>,
    /// The number of secrets.
    pub count: u64,
}

impl RedactedSecrets {
    /// The secrets of an item that reports name `path`, one entry for each rule.
    pub(crate) fn by_rule<R: Into<Cow<'static, str>>>(path: &str, counts: BTreeMap<R, u64>) -> Vec<Self> {
        let of_rule = |(rule, count): (R, u64)| Self { path: path.to_owned(), rule: rule.into(), count };
        counts.into_iter().map(of_rule).collect()
    }
}

/// Documents by what happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentCounts {
    /// Found and readable: the sum of the next three.
    pub seen: u64,
    /// Documents that were not stored before.
    pub added: u64,
    /// Different from what is stored.
    pub changed: u64,
    /// Equal to what is stored.
    pub unchanged: u64,
    /// Stored, and no longer found.
    pub removed: u64,
}

impl DocumentCounts {
    /// Adds the counts of another source.
    pub(crate) fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.removed += other.removed;
    }
}

/// The part of a run that is about one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// The source's name, as in its documents' ids.
    pub name: String,
    /// Counts of its documents.
    pub documents: DocumentCounts,
    /// Whether everything that the source has was listed.
    pub is_complete: bool,
    /// Why nothing of it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The parts of it that were not indexed; they are in the report of the run as well.
    #[serde(skip)]
    pub rejected: Vec<Rejection>,
}

/// Chunks by what happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ChunkCounts {
    /// Stored by this run.
    pub written: u64,
    /// The written chunks whose vectors were computed; the vectors of the others were known from earlier runs.
    pub embedded: u64,
    /// Dropped by this run, those of replaced documents included.
    pub removed: u64,
}

/// The result of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The counts of documents, all sources together.
    pub documents: DocumentCounts,
    /// The same by source.
    pub sources: Vec<SourceReport>,
    /// Counts of chunks; zero in a dry run.
    pub chunks: ChunkCounts,
    /// The files and parts that were not indexed, by path.
    pub rejected: Vec<Rejection>,
    /// The knowledge base's generation after the run; `None` where nothing was committed.
    pub generation: Option<u64>,
    /// The knowledge base's version after the run, as readers name it.
    pub kb_version: Option<String>,
    /// The documents that were indexed with reservations, by path.
    pub warnings: Vec<Warning>,
    /// Secrets redacted in the documents that were read, all rules together.
    pub redacted: u64,
    /// The same by file and rule. The secrets themselves are never told.
    pub secrets: Vec<RedactedSecrets>,
    /// How often each check of the document lint found something in the documents that were read, by its name; `ingest
    /// lint` says what and where.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lint: BTreeMap<&'static str, u64>,
    /// Whether the run only looked.
    pub dry_run: bool,
    /// The most important message, for somebody who looks at nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Report {
    /// Notes the state that the run led to, and the failures after the commit was safe.
    pub fn note_commit(&mut self, commit: &Commit) {
        self.generation = Some(commit.generation);
        self.kb_version = Some(commit.version.clone());
        let warnings = commit.warnings.iter().map(|message| Warning {
            path: format!("knowledge base {}", commit.version),
            message: message.clone(),
        });
        self.warnings.extend(warnings);
    }

    /// Adds secrets that were redacted.
    pub(crate) fn note_secrets(&mut self, secrets: Vec<RedactedSecrets>) {
        self.redacted += secrets.iter().map(|redacted| redacted.count).sum::<u64>();
        self.secrets.extend(secrets);
    }

    /// Sorts rejections, warnings and secrets by path, and sources by name.
    pub(crate) fn sort(&mut self) {
        self.rejected.sort_by(|a, b| a.path.cmp(&b.path));
        self.warnings.sort_by(|a, b| a.path.cmp(&b.path));
        self.sources.sort_by(|a, b| a.name.cmp(&b.name));
        self.secrets.sort_by(|a, b| (&a.path, &a.rule).cmp(&(&b.path, &b.rule)));
    }

    /// Says in [`Report::note`] when nothing was indexed, with how to find out why.
    pub fn note_if_empty(&mut self) {
        let is_empty = self.documents.seen == 0
            || (!self.dry_run && self.documents.unchanged == 0 && self.chunks.written == 0);
        if is_empty {
            let why = match self.rejected.first() {
                None => "no file was found".to_owned(),
                Some(first) => format!(
                    "{} entries were left out, the first for this: {}: {}",
                    self.rejected.len(),
                    first.path,
                    first.reason
                ),
            };
            self.note = Some(format!("nothing was indexed: {why}"));
        }
    }

    /// Whether a source could not be read at all.
    pub fn has_failed_source(&self) -> bool {
        self.sources.iter().any(|source| source.failed.is_some())
    }

    /// Whether some file was not indexed for a fault: what `--strict` fails on.
    pub fn has_faults(&self) -> bool {
        self.rejected.iter().any(|rejection| !rejection.by_convention)
    }
}
