//! The part of an item's findings that the lint keeps when the item is not read again before its content changes, so
//! that the next run's report says the same of it.

use super::{
    Linter,
    page::{self, Page},
};
use crate::{findings::Check, formats::Parsed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The findings in an item, counted, and its documents as far as they are compared with others. Links within the source
/// are left out: only formats whose documents have no such links are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// How often each check found something. The findings themselves are reported by `ingest lint`, which reads all
    /// documents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<Check, u64>,
    /// The documents, whatever the source is named and the item shown as.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pages: Vec<Page>,
}

impl Kept {
    /// The part to keep of an item of `source` that reports name `shown`.
    pub(crate) fn of(source: &str, shown: &str, parsed: &Parsed) -> Self {
        let (mut findings, mut pages) = page::of_parsed(shown, parsed);
        for page in &mut pages {
            let of_page = std::mem::take(&mut page.findings);
            findings.extend(of_page.into_iter().filter(|finding| page.wants(finding.check)));
            let without = |text: &str, prefix: &str| text.strip_prefix(prefix).unwrap_or(text).to_owned();
            page.id = without(&page.id, source);
            page.path = without(&page.path, shown);
            page.marks.iter_mut().for_each(|(rest, _)| *rest = without(rest, source));
            page.source.clear();
        }
        findings.sort_by(|a, b| {
            (&a.path, a.line, a.check, &a.message).cmp(&(&b.path, b.line, b.check, &b.message))
        });
        findings.dedup();
        let mut counts = BTreeMap::new();
        for finding in findings {
            *counts.entry(finding.check).or_insert(0) += 1;
        }
        Self { counts, pages }
    }

    /// The documents as they are now named.
    fn pages<'k>(&'k self, source: &'k str, shown: &'k str) -> impl Iterator<Item = Page> + 'k {
        self.pages.iter().map(move |page| Page {
            id: format!("{source}{}", page.id),
            path: format!("{shown}{}", page.path),
            source: source.to_owned(),
            marks: page
                .marks
                .iter()
                .map(|(rest, version)| (format!("{source}{rest}"), version.clone()))
                .collect(),
            ..page.clone()
        })
    }
}

impl Linter {
    /// Adds the kept part of an item: it is counted and compared with the others, but its findings are not reported one
    /// by one again.
    pub(crate) fn add_kept(&mut self, source: &str, shown: &str, kept: &Kept) {
        for (check, count) in &kept.counts {
            *self.counted.entry(check.name()).or_insert(0) += count;
        }
        self.pages.extend(kept.pages(source, shown));
    }
}
