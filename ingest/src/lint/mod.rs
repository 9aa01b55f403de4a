//! The document lint: the faults of documents, found before anybody asks about them.
//!
//! Entry points: [`Linter::add_parsed`] for the reading of each item, then [`Linter::findings`]. Every run of `ingest`
//! counts the findings in its report; `ingest lint` prints them. `page.rs` reads one document: `outline.rs` its
//! structure, `runbook.rs` its sections, `links.rs` its links, `kubernetes.rs` its examples. `duplicates.rs` and
//! `rules.rs` compare documents with each other; `kept.rs` is the part that a run keeps for the next one.
//!
//! Of a document only the facts that are compared are kept, so that memory grows with the number of documents and not
//! with their text. Time is linear in the text, and a document is compared only with those that share something with
//! it.
//!
//! A document's front matter can name checks that it does not want: `lint_ignore: [stale]`.
//!
//! To add a check: give it a name, a severity and advice in `findings/check.rs`, make its findings in `page.rs` where
//! one document shows them, or in a file that [`Linter::findings`] calls where documents are compared, and describe it
//! in `docs/lint.md`.

mod duplicates;
mod kept;
mod kubernetes;
mod links;
mod outline;
mod page;
mod rules;
mod runbook;

pub use kept::Kept;
pub(crate) use page::Page;

use crate::{
    findings::{Finding, counts},
    formats::{Parsed, versions_of_editions},
    report::{Rejection, Warning},
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Documents that were not touched for this many days are reported.
pub const STALE_DAYS: u32 = 365;

/// The settings of a lint: the time, and the limits.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The time that ages are counted up to.
    pub now: Timestamp,
    /// The age in days from which a document is reported; see [`STALE_DAYS`].
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
    /// The counts of items that were not read.
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

    /// Adds a document, without the findings that it does not want.
    pub(crate) fn add(&mut self, mut page: Page) {
        let wanted =
            std::mem::take(&mut page.findings).into_iter().filter(|finding| page.wants(finding.check));
        self.findings.extend(wanted);
        self.pages.push(page);
    }

    /// Adds the reading of an item that reports name `shown`. With `is_part`, the pages that its links may lead to were
    /// not read.
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

    /// All findings, by path, line and check.
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

#[cfg(test)]
mod tests;
