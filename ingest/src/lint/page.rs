//! The facts about one document that the lint reads and keeps.

use super::{
    Settings,
    duplicates::Signature,
    kubernetes, links,
    outline::Outline,
    rules::{self, Command, Forbidden},
    runbook,
};
use crate::{
    findings::{Check, Finding, Severity},
    formats::{
        self, Document, Mark, Parsed, Syntax,
        beside::{Lines, Unknown},
        inner_links::Link,
    },
    report::{Rejection, Warning},
};
use jiff::Timestamp;
use kb::document::{Chunk, DocumentMeta, Kind, Rule, untranslated};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Text that is shown of a document is cut here.
const MAX_SHOWN_CHARS: usize = 100;

/// The findings in a file, and its documents.
pub(super) fn of_parsed(shown: &str, parsed: &Parsed) -> (Vec<Finding>, Vec<Page>) {
    let mut findings = parsed.findings.clone();
    findings.extend(parsed.rejected.iter().filter(|rejection| is_told(rejection)).map(rejected));
    findings.extend(parsed.warnings.iter().map(reservation));
    // Not every source has files whose text tells where.
    if parsed.findings.iter().all(|finding| finding.check != Check::Secret) {
        findings
            .extend(parsed.redacted.iter().map(|(rule, count)| Finding::secret(rule, shown, None, *count)));
    }
    let pages: Vec<Page> = parsed.documents.iter().map(|document| Page::of(document, shown)).collect();
    if let [page] = pages.as_slice() {
        findings.retain(|finding| page.wants(finding.check));
    }
    (findings, pages)
}

/// A file, or a row of one, that is not indexed. A page without text says nothing wrong.
pub(super) fn rejected(rejection: &Rejection) -> Finding {
    let finding = Finding::new(Check::NotIndexed, &rejection.path, None, rejection.reason.clone());
    if rejection.reason == NO_TEXT { finding.with_severity(Severity::Note) } else { finding }
}

/// A warning about a document that may be indexed otherwise than its author meant.
pub(super) fn reservation(warning: &Warning) -> Finding {
    Finding::new(Check::Reservation, &warning.path, None, warning.message.clone())
}

/// Why a page without text is not indexed.
const NO_TEXT: &str = "no text";

/// Whether a rejection is worth telling: an image is not a document, and pages that stand for their folder often have
/// no text.
pub(super) fn is_told(rejection: &Rejection) -> bool {
    let is_empty_index = rejection.reason == NO_TEXT && is_index(&rejection.path);
    !(rejection.by_convention || rejection.reason.starts_with("not supported") || is_empty_index)
}

/// The secrets that were redacted in stored texts, by the rules that stand in their place.
fn redacted_in(texts: [&str; 2]) -> BTreeMap<&str, u64> {
    const MARK: &str = "[redacted:";
    /// No rule has a longer name.
    const MAX_RULE_BYTES: usize = 64;
    let mut counts = BTreeMap::new();
    for after in texts.into_iter().flat_map(|text| text.split(MARK).skip(1)) {
        let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let rule = &after[..after.find(|c| !is_of_name(c)).unwrap_or(after.len())];
        if (1..=MAX_RULE_BYTES).contains(&rule.len()) && after[rule.len()..].starts_with(']') {
            *counts.entry(rule).or_insert(0) += 1;
        }
    }
    counts
}

/// A document as far as it is compared with others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(super) id: String,
    /// As reports name it.
    pub(super) path: String,
    pub(super) source: String,
    pub(super) title: String,
    pub(super) language: Option<String>,
    pub(super) version: Option<String>,
    pub(super) kind: Kind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rules: Vec<Rule>,
    /// The prohibitions in the text; only of documents with rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) forbids: Vec<Forbidden>,
    /// The commands in the text; only of documents with rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) commands: Vec<Command>,
    /// The identifiers of its headings and other places, simplified; `None` where fragments lead to its file's pages.
    #[serde(skip)]
    pub(super) anchors: Option<HashSet<String>>,
    /// Which identifiers of its headings are not known.
    #[serde(skip)]
    pub(super) unknown_anchors: Unknown,
    #[serde(skip)]
    pub(super) links: Vec<Link>,
    pub(super) signature: Option<Signature>,
    /// The marks of one edition of a page among others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) marks: Vec<Mark>,
    #[serde(skip)]
    pub(super) lines: Arc<Lines>,
    pub(super) touched_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) ignored: Vec<Check>,
    #[serde(skip)]
    pub(super) findings: Vec<Finding>,
}

impl Page {
    /// Reads a document of a file.
    fn of(document: &Document, shown_file: &str) -> Self {
        let part = document.meta.id.rsplit_once('#').map(|(_, part)| format!("#{part}")).unwrap_or_default();
        let path = format!("{shown_file}{part}");
        let (body, lines) = (&document.body, &document.beside.lines);
        let line = |at: usize| lines.line(body.source_range(at..at).start);
        let outline = match document.syntax {
            Syntax::Markdown => Outline::of(body.as_str()),
            Syntax::Plain => Outline::default(),
        };
        let mut page = Self::read(&document.meta, path, body.as_str(), &outline, line);
        match (&mut page.anchors, document.fragments.is_empty()) {
            (Some(anchors), true) => {
                anchors.extend(document.beside.anchors.iter().map(|anchor| links::simplified(anchor)));
            }
            (anchors, _) => *anchors = None,
        }
        page.unknown_anchors = document.beside.unknown_anchors;
        page.links = document.beside.links.clone();
        page.marks = document.marks();
        page.lines = lines.clone();
        page.findings.extend(links::duplicate_anchors(&outline, &page.path, line));
        let fences = outline.open_fences.iter().map(|&at| {
            Finding::new(
                Check::UnclosedFence,
                &page.path,
                line(at),
                "the block of code that begins here has no end",
            )
        });
        page.findings.extend(fences);
        for name in &document.beside.ignored_checks {
            match name.parse::<Check>() {
                Ok(check) => page.ignored.push(check),
                Err(_) => {
                    let message = format!("`lint_ignore` names `{}`, and no check has the name", shown(name));
                    page.findings.push(Finding::new(Check::UnknownCheck, &page.path, None, message));
                }
            }
        }
        page
    }

    /// Reads a document as it is stored: without lines, and of its links only which pages they lead to.
    pub(crate) fn stored(meta: &DocumentMeta, chunks: &[Chunk]) -> Self {
        let mut body = String::new();
        let mut path: &[String] = &[];
        for chunk in chunks {
            let shared = path.iter().zip(&chunk.heading_path).take_while(|(a, b)| a == b).count();
            for (depth, heading) in chunk.heading_path.iter().enumerate().skip(shared) {
                body.push_str(&format!("{} {heading}\n\n", "#".repeat((depth + 1).min(6))));
            }
            body.push_str(&chunk.text);
            body.push_str("\n\n");
            path = &chunk.heading_path;
        }
        let outline = Outline::of(&body);
        let mut page = Self::read(meta, meta.id.clone(), &body, &outline, |_| None);
        page.links = links::stored(&meta.links);
        page.findings.extend(
            redacted_in([meta.title.as_str(), &body])
                .into_iter()
                .map(|(rule, count)| Finding::secret(rule, &page.path, None, count)),
        );
        page
    }

    fn read(
        meta: &DocumentMeta,
        path: String,
        body: &str,
        outline: &Outline,
        line: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let rules = rules::limited(&meta.applies_to);
        let mut findings: Vec<Finding> = runbook::missing(meta, outline)
            .into_iter()
            .map(|(check, message)| Finding::new(check, &path, None, message))
            .collect();
        findings.extend(
            kubernetes::removed(meta, body, outline)
                .into_iter()
                .map(|(check, at, message)| Finding::new(check, &path, line(at), message)),
        );
        findings
            .extend(rules::dead(&rules).map(|message| Finding::new(Check::DeadRule, &path, None, message)));
        let has_rules = !rules.is_empty();
        Self {
            id: meta.id.clone(),
            source: meta.source.clone(),
            title: meta.title.clone(),
            language: meta.language.clone(),
            version: meta.version.clone(),
            kind: meta.kind,
            rules,
            forbids: if has_rules { rules::forbidden(body) } else { Vec::new() },
            commands: if has_rules { rules::commands(body, outline, &line) } else { Vec::new() },
            anchors: Some(outline.headings.iter().flat_map(links::anchors_of).collect()),
            unknown_anchors: Unknown::None,
            links: Vec::new(),
            marks: Vec::new(),
            lines: Arc::default(),
            signature: Signature::of(body),
            touched_at: meta.updated_at.or(meta.created_at),
            ignored: Vec::new(),
            findings,
            path,
        }
    }

    /// The line of a byte of its file.
    pub(super) fn line(&self, at: Option<usize>) -> Option<usize> {
        at.and_then(|at| self.lines.line(at))
    }

    /// The same as if it had no links.
    pub(super) fn without_links(self) -> Self {
        Self { links: Vec::new(), ..self }
    }

    /// Whether the document wants a check.
    pub(super) fn wants(&self, check: Check) -> bool {
        !self.ignored.contains(&check)
    }

    /// Whether two documents are one page in two languages or for two versions.
    pub(super) fn is_edition_of(&self, other: &Self) -> bool {
        self.language != other.language
            || self.version != other.version
            || untranslated(&self.id) == untranslated(&other.id)
            || without_api_version(&self.id) == without_api_version(&other.id)
    }

    /// Whether it is an entry of a file that holds several, such as a row of a table.
    pub(super) fn is_entry(&self) -> bool {
        self.id.contains('#')
    }

    /// Whether it stands for a folder rather than for itself.
    pub(super) fn is_index(&self) -> bool {
        is_index(&self.id)
    }

    /// The finding that the page was not touched for longer than the settings allow.
    pub(super) fn staleness(&self, settings: &Settings) -> Option<Finding> {
        const HOURS_A_DAY: i64 = 24;
        let touched = self.touched_at?;
        let days = settings.now.duration_since(touched).as_hours() / HOURS_A_DAY;
        let date = touched.strftime("%Y-%m-%d");
        (days > i64::from(settings.stale_days)).then(|| {
            Finding::new(Check::Stale, &self.path, None, format!("not touched since {date}, {days} days ago"))
        })
    }
}

/// An id without the version of an API at its end: `a/config.v1beta1.md` and `a/config-v1.md` give `a/config`.
fn without_api_version(id: &str) -> &str {
    let (stem, _) = untranslated(id);
    let Some((name, version)) = stem.rsplit_once(['.', '-']) else { return stem };
    let is_digit = |c: char| c.is_ascii_digit();
    let is_version = version.strip_prefix('v').is_some_and(|rest| {
        let rest = rest.trim_end_matches(is_digit);
        let major = rest.strip_suffix("alpha").or_else(|| rest.strip_suffix("beta")).unwrap_or(rest);
        version.ends_with(is_digit) && major.chars().all(is_digit)
    });
    if is_version { name } else { stem }
}

/// Whether an id is that of a page which stands for its folder.
pub(super) fn is_index(id: &str) -> bool {
    let name = id.rsplit('/').next().unwrap_or(id);
    let stem = name.split('.').next().unwrap_or(name);
    matches!(stem.to_ascii_lowercase().as_str(), "index" | "_index" | "readme" | "home" | "_sidebar")
}

/// Words of a document as a report shows them.
pub(super) fn shown(text: &str) -> String {
    let text = formats::shown(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    match line.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A path as a report shows it within a sentence.
pub(super) fn shown_path(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).collect::<String>().replace('`', "'")
}
