//! The document lint: what is wrong with documents before anybody asks about them.
//!
//! Entry points: [`Linter::add`] for each document, then [`Linter::findings`]; `command` is `ingest lint`. `page.rs` reads one
//! document: `outline.rs` its structure, `runbook.rs` its sections, `links.rs` its links, `kubernetes.rs` its examples. What two
//! documents have to do with each other is told by `duplicates.rs` and `rules.rs`. Of a document only what is compared is
//! kept, so that memory grows with the number of documents and not with their text. Time is linear in the text, and
//! documents are compared with those only that share something with them.
//!
//! A document's front matter can name checks that it does not want: `lint_ignore: [stale]`.

pub mod check;
pub(crate) mod command;
mod duplicates;
mod kubernetes;
mod links;
mod outline;
mod page;
mod rules;
mod runbook;
mod sarif;

pub use check::{Check, Severity};
pub(crate) use page::{Page, read};

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Documents that were not touched for so many days are reported.
pub const STALE_DAYS: u32 = 365;

/// Something that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// How bad it is.
    pub severity: Severity,
    /// The file, as reports name it; of a knowledge base, the document's id.
    pub path: String,
    /// The line in the file, counted from 1; `None` where it is not known or the whole document is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl Finding {
    /// A finding as bad as its check is.
    pub(crate) fn new(check: Check, path: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        let (severity, advice) = (check.severity(), check.advice());
        Self { check, severity, path: path.to_owned(), line, message, advice }
    }

    /// The same, less or more bad.
    pub(crate) fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// What a run takes for granted.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The present.
    pub now: Timestamp,
    /// See [`STALE_DAYS`].
    pub stale_days: u32,
}

impl Settings {
    /// The usual ones.
    pub fn now() -> Self {
        Self { now: Timestamp::now(), stale_days: STALE_DAYS }
    }
}

/// Collects documents, and compares them once all are there.
pub struct Linter {
    settings: Settings,
    pages: Vec<Page>,
    findings: Vec<Finding>,
}

impl Linter {
    /// Without documents.
    pub fn new(settings: Settings) -> Self {
        Self { settings, pages: Vec::new(), findings: Vec::new() }
    }

    /// Adds a document.
    pub(crate) fn add(&mut self, mut page: Page) {
        let wanted =
            std::mem::take(&mut page.findings).into_iter().filter(|finding| page.wants(finding.check));
        self.findings.extend(wanted);
        self.pages.push(page);
    }

    /// Adds what was found of a file that is no document.
    pub(crate) fn add_findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// How many documents there are.
    pub fn num_documents(&self) -> usize {
        self.pages.len()
    }

    /// Everything that was found, by path, line and check.
    pub fn findings(mut self) -> Vec<Finding> {
        // Documents are read in any order.
        self.pages.sort_by(|a, b| a.id.cmp(&b.id));
        let mut between: Vec<(&Page, Finding)> = Vec::new();
        for page in &self.pages {
            between.extend(page.staleness(&self.settings).map(|finding| (page, finding)));
        }
        between.extend(links::dead(&self.pages));
        between.extend(duplicates::titles(&self.pages));
        between.extend(duplicates::texts(&self.pages));
        between.extend(rules::equal(&self.pages));
        between.extend(rules::contradicting(&self.pages));
        let wanted = between.into_iter().filter(|(page, finding)| page.wants(finding.check));
        self.findings.extend(wanted.map(|(_, finding)| finding));
        self.findings.sort_by(|a, b| {
            (&a.path, a.line, a.check, &a.message).cmp(&(&b.path, b.line, b.check, &b.message))
        });
        self.findings.dedup();
        self.findings
    }

    /// How often each check found something, by its name.
    pub fn counts(self) -> BTreeMap<&'static str, u64> {
        counts(&self.findings())
    }
}

/// How often each check found something, by its name.
pub fn counts(findings: &[Finding]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.check.name()).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
