//! The facts about a document that are not stored: they tell [`crate::lint`] whether it is in order. [`note`] adds
//! those that only the file's text shows, before cleaning takes them out.

use super::{Format, Parsed, Place, inner_links::Link, links::anchors};
use crate::{
    dialect,
    findings::{Check, Finding},
    kubernetes,
};
use kb::{language, redact::redact};
use std::sync::Arc;

/// The facts about a document that are not stored and that [`crate::lint`] needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Beside {
    /// The document's links within its source, those that lead nowhere included.
    pub(crate) links: Vec<Link>,
    /// Identifiers of places other than headings.
    pub(crate) anchors: Arc<[String]>,
    /// Which identifiers of its headings only its site's generator knows.
    pub(crate) unknown_anchors: Unknown,
    /// The checks that it does not want.
    pub(crate) ignored_checks: Vec<String>,
    /// The lines of the file that it was read from.
    pub(crate) lines: Arc<Lines>,
}

/// Which identifiers of a document's headings only its site's generator knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unknown {
    /// All identifiers are known.
    #[default]
    None,
    /// Some identifiers in letters other than Latin ones are not known.
    OfScript,
    /// Some identifiers are not known, of any words.
    Any,
}

impl Unknown {
    /// Whether an identifier may be one of them.
    pub(crate) fn may_be(self, fragment: &str) -> bool {
        match self {
            Self::None => false,
            Self::OfScript => !fragment.is_ascii(),
            Self::Any => true,
        }
    }
}

/// The starts of a text's lines; empty where lines are not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// The lines of a file's decoded text.
    pub(crate) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The number of the line that a byte is on.
    pub(crate) fn line(&self, byte: usize) -> Option<usize> {
        (!self.starts.is_empty()).then(|| self.starts.partition_point(|start| *start <= byte))
    }
}

/// Notes what only the file's text tells: the lines of its documents, identifiers that cleaning takes out, the places
/// of its secrets, manifests.
pub(crate) fn note(parsed: &mut Parsed, format: Format, text: &str, place: &Place<'_>) {
    let lines = Arc::new(Lines::of(text));
    let anchors: Arc<[String]> = match (format, parsed.documents.len()) {
        (Format::Markdown | Format::WebPage | Format::AsciiDoc, 1) => anchors(text).into(),
        _ => Arc::default(),
    };
    for document in &mut parsed.documents {
        if format == Format::Markdown && text.contains("{{") {
            document.beside.unknown_anchors = unknown_anchors(text, document.meta.language.as_deref());
        }
        document.beside.lines = lines.clone();
        document.beside.anchors = anchors.clone();
    }
    let mut findings = secrets(text, &lines, parsed, place);
    if format == Format::PrometheusRules && parsed.documents.is_empty() {
        // Most YAML files are manifests, which are not indexed themselves.
        findings.extend(
            kubernetes::removed_in(text, None)
                .into_iter()
                .map(|(at, removed)| Finding::new(Check::RemovedApi, place.shown, lines.line(at), removed)),
        );
    }
    parsed.findings.extend(findings);
}

/// Which identifiers of a text's headings are not known, because a site puts words in the place of a shortcode. The
/// words of `heading` are known in English; elsewhere they are words of the page's language.
fn unknown_anchors(text: &str, language: Option<&str>) -> Unknown {
    let language = language.map_or("en", |tag| tag.split('-').next().unwrap_or(tag));
    let mut unknown = Unknown::None;
    dialect::for_each_line(text, |_, line, is_code| {
        if is_code || !line.starts_with('#') || line.contains("{#") {
            return;
        }
        for rest in line.split("{{").skip(1) {
            let Some(tag) = rest.strip_prefix(['<', '%']) else { continue };
            let name = tag.trim_start().split(|c: char| c.is_whitespace() || matches!(c, '>' | '%')).next();
            unknown = unknown.max(match name.unwrap_or_default() {
                "heading" if language == "en" => Unknown::None,
                "heading" if language::is(language, language::Habit::OwnScript) => Unknown::OfScript,
                // These say their words themselves.
                "glossary_tooltip" | "ref" | "relref" => Unknown::None,
                _ => Unknown::Any,
            });
        }
    });
    unknown
}

/// Secrets of one rule so few lines apart are told as one.
const NEAR_LINES: usize = 3;

/// The secrets of a file, by rule and place.
fn secrets(text: &str, lines: &Lines, parsed: &Parsed, place: &Place<'_>) -> Vec<Finding> {
    if parsed.redacted.is_empty() {
        return Vec::new();
    }
    let found = redact(text);
    // Rule, first line, last line, how many.
    let mut runs: Vec<(&str, Option<usize>, Option<usize>, u64)> = Vec::new();
    for (range, rule) in &found.redacted {
        let line = lines.line(range.start);
        let is_near =
            |last: Option<usize>| last.zip(line).is_some_and(|(last, line)| line <= last + NEAR_LINES);
        match runs.last_mut() {
            Some((known, _, last, count)) if known == rule && is_near(*last) => {
                *last = line;
                *count += 1;
            }
            _ => runs.push((rule, line, line, 1)),
        }
    }
    // Some secrets show only once the text is clean.
    for (rule, count) in &parsed.redacted {
        let known = found.counts.get(rule).copied().unwrap_or(0) as u64;
        if *count > known {
            runs.push((rule, None, None, count - known));
        }
    }
    runs.into_iter().map(|(rule, line, _, count)| Finding::secret(rule, place.shown, line, count)).collect()
}
