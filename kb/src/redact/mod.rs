//! Redacts secrets, in documents before they are kept and in questions before they reach embedding, cache, logs or
//! prompt.
//!
//! Entry point: [`redact`]. Each secret becomes `[redacted:<rule>]`, so that the sentence around it stays readable and
//! a reader sees the kind of the secret. Three kinds of finds:
//!
//! - *formats* that a vendor gave its tokens so that they can be recognised (`vendors.json`, from gitleaks' rule set;
//!   no crate on crates.io offers such a set as a library);
//! - values at *places* where secrets stand, some whatever they look like, others only if they look drawn at random:
//!   assignments, sentences, commands, headers and addresses (`rules`), judged by `values` and `judge`;
//! - the values of Kubernetes' Secrets (`manifests`).
//!
//! Not redacted are placeholders (`<password>`, `changeme`, `$DB_PASSWORD`, `xxxx`), values that contain `EXAMPLE` as
//! those of AWS' documentation do (`AKIAIOSFODNN7EXAMPLE`), names of Kubernetes objects, digests, and k8sgpt's
//! anonymised tokens, which have no vendor's format; such a token is redacted only where a key such as `password=`
//! stands before it, which k8sgpt never writes.
//!
//! A secret that only shows when the text is rendered is redacted as well: with invisible characters in it, with an
//! escape or a character reference in place of a character, parted by emphasis or a comment ([`rendered`]).
//!
//! A rule is tried on a text only if one of its keywords is in it, and compiled at the first such text. Time is linear
//! in the text's length; redacting twice changes nothing.

mod judge;
mod manifests;
mod rules;
mod values;
mod vendors;

use crate::rendered::{parted, rendered};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use rules::Rule;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{LazyLock, Mutex, OnceLock},
};
use vendors::Vendor;

/// Most bytes of a compiled pattern, and most bytes of its cache while it runs.
const MAX_PATTERN_BYTES: usize = 4 << 20;

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'t> {
    /// The text; borrowed if it has no secrets.
    pub text: Cow<'t, str>,
    /// How many secrets each rule redacted; rules that redacted none are left out.
    pub counts: BTreeMap<&'static str, usize>,
    /// The redacted ranges of the given text with the rules' names, in order and without overlaps. A caller maps places
    /// of the redacted text to the given text with them.
    pub redacted: Vec<(Range<usize>, &'static str)>,
}

impl Redacted<'_> {
    /// Number of redacted secrets.
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }
}

/// A rule of either kind with its pattern, which is compiled at its first use.
struct Detector {
    rule: Kind,
    pattern: OnceLock<Regex>,
}

enum Kind {
    Own(&'static Rule),
    Vendor(&'static Vendor),
}

impl Detector {
    fn name(&self) -> &'static str {
        match self.rule {
            Kind::Own(rule) => rule.name,
            Kind::Vendor(vendor) => &vendor.id,
        }
    }

    fn keywords(&self) -> Vec<&'static str> {
        match self.rule {
            Kind::Own(rule) => rule.keywords.to_vec(),
            Kind::Vendor(vendor) => vendor.keywords.iter().map(String::as_str).collect(),
        }
    }

    fn pattern(&self) -> &Regex {
        let source = match self.rule {
            Kind::Own(rule) => rule.pattern,
            Kind::Vendor(vendor) => &vendor.pattern,
        };
        self.pattern.get_or_init(|| compiled(source))
    }

    /// The group that is the secret; `None`: the first group that took part, or the whole match.
    fn group(&self) -> Option<usize> {
        match self.rule {
            Kind::Own(_) => None,
            Kind::Vendor(vendor) => vendor.group,
        }
    }

    fn holds(&self, before: &str, value: &str) -> bool {
        match self.rule {
            Kind::Own(rule) => (rule.holds)(before, value),
            Kind::Vendor(vendor) => vendor.holds(before, value),
        }
    }

    /// Adds the secrets of a text that this rule finds.
    fn find(&self, text: &str, found: &mut Vec<(Range<usize>, &'static str)>) {
        for captures in self.pattern().captures_iter(text.as_bytes()) {
            let mut groups = captures.iter().skip(1).flatten().filter(|group| !group.is_empty());
            let secret = match self.group() {
                Some(group) => captures.get(group),
                None => groups.next().or_else(|| captures.get(0)),
            };
            let (Some(secret), Some(whole)) = (secret, captures.get(0)) else { continue };
            // Patterns match bytes, which may divide a character.
            let start = text.floor_char_boundary(secret.start());
            let end = text.ceil_char_boundary(secret.end());
            let from = text.floor_char_boundary(whole.start());
            if is_within_redaction(&text[..from]) {
                continue;
            }
            let before = &text[from..start];
            let value = &text[start..end];
            let value = match self.rule {
                Kind::Own(_) => judge::trimmed(value),
                Kind::Vendor(_) => value,
            };
            if self.holds(before, value) {
                found.push((start..start + value.len(), self.name()));
            }
        }
    }
}

/// Whether a text ends within a redaction: a rule's name such as `password` is not a key there.
fn is_within_redaction(before: &str) -> bool {
    const BEGIN: &str = "[redacted:";
    let near = &before[before.floor_char_boundary(before.len().saturating_sub(60))..];
    near.rfind(BEGIN).is_some_and(|at| !near[at..].contains(']'))
}

fn compiled(pattern: &str) -> Regex {
    let mut builder = RegexBuilder::new(pattern);
    builder.unicode(false).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    builder.build().expect("the patterns are fixed, and a test compiles each")
}

/// Whether a pattern of values that are not secret matches a text.
fn is_match(pattern: &'static str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<&'static str, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = COMPILED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.entry(pattern).or_insert_with(|| compiled(pattern)).is_match(text.as_bytes())
}

/// All rules, with the automaton that finds their keywords.
struct Detectors {
    /// The detectors in order: an earlier rule wins if two overlap.
    all: Vec<Detector>,
    keywords: AhoCorasick,
    /// The places of each keyword's rules in `all`.
    of_keyword: Vec<Vec<usize>>,
}

static DETECTORS: LazyLock<Detectors> = LazyLock::new(|| {
    let own = rules::all().map(Kind::Own);
    let vendors = vendors::all().iter().map(Kind::Vendor);
    let all: Vec<Detector> =
        own.chain(vendors).map(|rule| Detector { rule, pattern: OnceLock::new() }).collect();
    let mut of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, detector) in all.iter().enumerate() {
        for keyword in detector.keywords() {
            of.entry(keyword.to_lowercase()).or_default().push(at);
        }
    }
    let keywords = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(of.keys())
        .expect("the keywords are fixed");
    Detectors { all, keywords, of_keyword: of.into_values().collect() }
});

impl Detectors {
    /// The rules with a keyword in the text.
    fn of(&self, text: &str) -> impl Iterator<Item = &Detector> {
        let mut is_there = vec![false; self.of_keyword.len()];
        for found in self.keywords.find_overlapping_iter(text) {
            is_there[found.pattern().as_usize()] = true;
        }
        let mut applies = vec![false; self.all.len()];
        for (rules, _) in self.of_keyword.iter().zip(is_there).filter(|(_, is_there)| *is_there) {
            rules.iter().for_each(|rule| applies[*rule] = true);
        }
        self.all.iter().zip(applies).filter_map(|(detector, applies)| applies.then_some(detector))
    }
}

/// Redacts the secrets of a text.
pub fn redact(text: &str) -> Redacted<'_> {
    let mut found = secrets(text);
    for seen in [rendered(text), parted(text)].into_iter().flatten() {
        let shown = secrets(seen.as_str()).into_iter();
        found.extend(shown.map(|(range, rule)| (seen.source_range(range), rule)));
    }
    let mut counts = BTreeMap::new();
    if found.is_empty() {
        return Redacted { text: Cow::Borrowed(text), counts, redacted: Vec::new() };
    }
    // The sort is stable: of two finds at one place that of the earlier rule stays first.
    found.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut redacted: Vec<(Range<usize>, &'static str)> = Vec::with_capacity(found.len());
    let mut at = 0;
    for (range, rule) in found {
        if range.start < at {
            // The rest of a find that overlaps with the last one is secret as well.
            at = at.max(range.end);
            if let Some((last, _)) = redacted.last_mut() {
                last.end = at;
            }
            continue;
        }
        out.push_str(&text[at..range.start]);
        out.push_str("[redacted:");
        out.push_str(rule);
        out.push(']');
        *counts.entry(rule).or_insert(0) += 1;
        at = range.end;
        redacted.push((range, rule));
    }
    out.push_str(&text[at..]);
    Redacted { text: Cow::Owned(out), counts, redacted }
}

/// The ranges of secrets with the names of their rules, rule by rule.
fn secrets(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found: Vec<(Range<usize>, &'static str)> = Vec::new();
    if text.contains("Secret") {
        found.extend(manifests::values(text).into_iter().map(|range| (range, "kubernetes-secret")));
    }
    for detector in DETECTORS.of(text) {
        detector.find(text, &mut found);
    }
    found
}

#[cfg(test)]
mod near_misses;
#[cfg(test)]
mod tests;
