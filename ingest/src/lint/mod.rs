//! The document lint: what is wrong with documents before anybody asks about them.
//!
//! Entry points: [`Linter::add_parsed`] for what was read of each item, then [`Linter::findings`]; `command` is `ingest
//! lint`, and every run of `ingest` counts the findings in its report. `page.rs` reads one document: `outline.rs` its
//! structure, `runbook.rs` its sections, `links.rs` its links, `kubernetes.rs` its examples. What two documents have to
//! do with each other is told by `duplicates.rs` and `rules.rs`; `kept.rs` is what a run keeps for the next one. Of a
//! document only what is compared is kept, so that memory grows with the number of documents and not with their text.
//! Time is linear in the text, and documents are compared with those only that share something with them.
//!
//! A document's front matter can name checks that it does not want: `lint_ignore: [stale]`.

pub mod check;
pub(crate) mod command;
mod duplicates;
mod kept;
mod kubernetes;
mod links;
mod outline;
mod page;
mod rules;
mod runbook;
mod sarif;

pub use check::{Check, Severity};
pub use kept::Kept;
pub(crate) use links::{Link, Unknown, links_of};
pub(crate) use page::{Lines, Page, note};

use crate::{
    formats::Parsed,
    report::{Rejection, Warning},
    survey::versions_of_editions,
};
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
    /// The fault, as one sentence.
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
    /// The time that ages are counted up to.
    pub now: Timestamp,
    /// See [`STALE_DAYS`].
    pub stale_days: u32,
}

impl Settings {
    /// The settings of a run that starts now, with the default limits.
    pub fn now() -> Self {
        Self { now: Timestamp::now(), stale_days: STALE_DAYS }
    }
}

/// Collects documents, and compares them once all are there.
pub struct Linter {
    settings: Settings,
    pages: Vec<Page>,
    findings: Vec<Finding>,
    /// What was counted of items that were not read.
    counted: BTreeMap<&'static str, u64>,
}

impl Default for Linter {
    fn default() -> Self {
        Self::new(Settings::now())
    }
}

impl Linter {
    /// A linter that has no documents yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, pages: Vec::new(), findings: Vec::new(), counted: BTreeMap::new() }
    }

    /// Adds a document.
    pub(crate) fn add(&mut self, mut page: Page) {
        let wanted =
            std::mem::take(&mut page.findings).into_iter().filter(|finding| page.wants(finding.check));
        self.findings.extend(wanted);
        self.pages.push(page);
    }

    /// Adds what was read of an item, which reports name `shown`. With `is_part`, the pages that its links may lead to
    /// were not read.
    pub(crate) fn add_parsed(&mut self, shown: &str, parsed: &Parsed, is_part: bool) {
        let (findings, pages) = page::of_parsed(shown, parsed);
        self.findings.extend(findings);
        for page in pages {
            self.add(if is_part { page.without_links() } else { page });
        }
    }

    /// Adds items that cannot be read at all.
    pub(crate) fn add_rejected(&mut self, rejected: &[Rejection]) {
        self.findings
            .extend(rejected.iter().filter(|rejection| page::is_told(rejection)).map(page::rejected));
    }

    /// Adds what is odd about a source as such.
    pub(crate) fn add_warnings(&mut self, warnings: &[Warning]) {
        self.findings.extend(warnings.iter().map(page::reservation));
    }

    /// Adds what another one has.
    pub(crate) fn append(&mut self, other: Self) {
        self.pages.extend(other.pages);
        self.findings.extend(other.findings);
        add(&mut self.counted, other.counted);
    }

    /// How many documents there are.
    pub fn num_documents(&self) -> usize {
        self.pages.len()
    }

    /// Everything that was found, by path, line and check.
    pub fn findings(mut self) -> Vec<Finding> {
        // Documents are read in any order.
        self.pages.sort_by(|a, b| a.id.cmp(&b.id));
        let marks =
            self.pages.iter().flat_map(|page| page.marks.iter().map(|mark| (page.id.clone(), mark.clone())));
        let versions = versions_of_editions(&marks.collect::<Vec<_>>());
        for page in &mut self.pages {
            page.version = page.version.take().or_else(|| versions.get(&page.id).cloned());
        }
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
    pub fn counts(mut self) -> BTreeMap<&'static str, u64> {
        let mut all = std::mem::take(&mut self.counted);
        add(&mut all, counts(&self.findings()));
        all
    }
}

fn add(all: &mut BTreeMap<&'static str, u64>, more: BTreeMap<&'static str, u64>) {
    for (check, count) in more {
        *all.entry(check).or_insert(0) += count;
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
