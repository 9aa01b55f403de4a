//! The parts that sources of issues share. Each system's normaliser makes an [`Issue`] of a record, from an export and
//! from the live system alike; [`Issue::parsed`] makes its document, in which the problem and its resolution are
//! sections that refer to each other, and which says of an unresolved issue that it is unresolved.

pub(super) mod export;
pub(super) mod live;
pub(super) mod markdown;
mod ranking;
pub(super) mod records;
#[cfg(test)]
pub(super) mod server;
#[cfg(test)]
pub(super) mod trial;

use crate::{
    blocking::blocking,
    formats::{
        Defaults, Document, Parsed, Place, Syntax,
        links::Pages,
        metadata,
        redaction::{self, Secrets},
        site::Site,
        stated::Stated,
        written::push_words,
    },
    report::Rejection,
    sources::{Reading, SourceError},
};
use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use kb::{
    document::{ContentHash, Kind, Link},
    mapped::MappedText,
};
use rayon::prelude::*;
use regex::Regex;
use serde_json::Value;
use std::{
    fmt,
    sync::{Arc, LazyLock},
};

/// Raised when the same issue becomes another document, so that all are read again.
const NORMALISER_VERSION: u32 = 1;

/// Comments of an issue that are kept: the best, and of the others the earliest.
const MAX_COMMENTS: usize = 200;

/// Longer descriptions and comments are cut.
const MAX_TEXT_BYTES: usize = 256 << 10;

/// Comments that would make a document longer are left out.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// Longer fragments are not written.
const MAX_ANCHOR_BYTES: usize = 100;

/// Comments that a resolution is made of.
const MAX_RESOLVING: usize = 3;

/// The mark that stands for a secret, as words of Markdown.
static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\?\[redacted:([a-z0-9-]+)\\?\]").expect("a right pattern"));

/// An issue as a tracker has it.
#[derive(Debug)]
pub(super) struct Issue {
    /// The key within the source, such as `OPS-7` or `issues/7`.
    pub(super) key: String,
    /// The title that a reader sees.
    pub(super) title: String,
    pub(super) url: Option<String>,
    pub(super) labels: Vec<String>,
    /// The person who has the problem.
    pub(super) author: Option<String>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
    /// When it was closed.
    pub(super) closed_at: Option<Timestamp>,
    /// Access tags, where the system restricts it.
    pub(super) access: Option<Vec<String>>,
    /// Sentences of the system's own fields, as Markdown.
    pub(super) facts: String,
    pub(super) outcome: Outcome,
    /// The description, as Markdown with headings from the third level on.
    pub(super) description: String,
    /// Other issues, each as a line of Markdown.
    pub(super) related: Vec<String>,
    /// Links to other issues of the source.
    pub(super) links: Vec<Link>,
    pub(super) comments: Vec<Comment>,
    /// The secrets that were redacted, counted by rule.
    pub(super) secrets: Secrets,
    /// Faults of the issue that do not keep it out.
    pub(super) warnings: Vec<String>,
}

/// How an issue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The issue is not closed.
    Open,
    /// Closed because the problem was solved: how that is called, such as `closed as completed`.
    Resolved(String),
    /// Closed although it was not.
    Dropped(String),
}

/// A comment on an issue.
#[derive(Debug, Clone, Default)]
pub(super) struct Comment {
    /// The fragment that leads to it.
    pub(super) anchor: String,
    pub(super) author: String,
    /// The author's role in the project, as a reader is told it, such as `member`.
    pub(super) role: Option<&'static str>,
    pub(super) created_at: Option<Timestamp>,
    /// The number of readers who agreed.
    pub(super) agreeing: u64,
    /// As Markdown with headings from the fourth level on.
    pub(super) text: String,
}

/// Makes issues' documents of what a system says of them.
pub(super) trait Normaliser: Send + Sync + 'static {
    /// The key of a record; `None` if it is not an issue.
    fn key(&self, record: &Value) -> Option<String>;

    /// When it was last changed.
    fn updated_at(&self, record: &Value) -> Option<Timestamp>;

    /// The documents of a record; of one that is left out, the reason.
    fn parsed(&self, record: &Value, origin: &Origin) -> Parsed;
}

/// The source that an issue is of.
#[derive(Debug)]
pub(super) struct Origin {
    /// The source's name, the first part of its documents' ids.
    pub(super) name: String,
    /// How reports name the source's place: an address or a file.
    pub(super) shown: String,
    /// The metadata that the run gives to all documents of the source.
    pub(super) defaults: Defaults,
}

impl Origin {
    /// Why the source cannot be read.
    pub(super) fn failed(&self, reason: impl Into<String>) -> SourceError {
        SourceError::failed(&self.name, reason)
    }

    /// How reports name an issue.
    pub(super) fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.shown.trim_end_matches('/'))
    }
}

/// The outcome of asking for an issue.
#[derive(Debug)]
pub(super) enum Asked {
    /// The system's record of it, comments included.
    Record(Value),
    /// The issue does not exist any more.
    Gone,
    /// The content stayed unknown, for this reason.
    Failed(String),
}

/// Makes the documents of issues, which takes the processor and no waiting.
pub(super) async fn readings(
    normaliser: Arc<dyn Normaliser>,
    origin: Arc<Origin>,
    asked: Vec<(String, Asked)>,
) -> Vec<Reading> {
    let shown: Vec<String> = asked.iter().map(|(key, _)| origin.shown(key)).collect();
    let read = move || {
        asked.into_par_iter().map(|(key, asked)| reading(&*normaliser, &origin, &key, asked)).collect()
    };
    match blocking(read).await {
        Ok(readings) => readings,
        // A bug in a normaliser loses one batch, whose stored documents stay.
        Err(error) => shown.iter().map(|shown| Reading::unknown(shown, error.to_string())).collect(),
    }
}

fn reading(normaliser: &dyn Normaliser, origin: &Origin, key: &str, asked: Asked) -> Reading {
    let shown = origin.shown(key);
    match asked {
        Asked::Record(record) => {
            Reading { parsed: normaliser.parsed(&record, origin), shown, ..Reading::default() }
        }
        Asked::Gone => Reading { is_gone: true, shown, ..Reading::default() },
        Asked::Failed(reason) => Reading::unknown(&shown, reason),
    }
}

/// The settings that documents depend on, as one text. It changes with what a normaliser makes of the same issue as
/// well.
pub(super) fn fingerprint(parts: &impl fmt::Debug, defaults: &Defaults) -> String {
    ContentHash::of(&[&NORMALISER_VERSION.to_le_bytes(), format!("{parts:?} {defaults:?}").as_bytes()])
        .to_string()
}

/// The default for the hours after which everything is listed again: a day.
pub(super) fn day_hours() -> u64 {
    24
}

/// So much of the time before the last run is asked for again, where nothing is said.
pub(super) fn overlap_minutes() -> u32 {
    10
}

/// Issues of one page, where nothing is said.
pub(super) fn page_size() -> u32 {
    100
}

/// The result for an issue that is left out: only the reason.
pub(super) fn left_out(origin: &Origin, key: &str, reason: impl Into<String>) -> Parsed {
    Parsed { rejected: vec![Rejection::new(origin.shown(key), reason)], ..Parsed::default() }
}

/// A text without its secrets and without invisible characters.
pub(super) fn redacted(text: &str, secrets: &mut Secrets) -> String {
    let (text, found) = redaction::redacted(text.to_owned());
    redaction::add(secrets, found);
    text.as_str().to_owned()
}

/// Redacts words of a document, but only words with a character that is written otherwise in Markdown, which could hide
/// a secret. Other words are redacted later with the whole document, where the text around them tells more.
pub(super) fn redacted_words(words: &str, secrets: &mut Secrets) -> String {
    let is_plain = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                ' ' | '\n'
                    | '.'
                    | ','
                    | ';'
                    | ':'
                    | '/'
                    | '-'
                    | '='
                    | '('
                    | ')'
                    | '"'
                    | '\''
                    | '%'
                    | '+'
                    | '@'
            )
    };
    match words.chars().all(is_plain) {
        true => words.to_owned(),
        false => redacted(words, secrets),
    }
}

/// A text of at most [`MAX_TEXT_BYTES`], cut at the end of a line, and whether it was cut.
pub(super) fn bounded(text: &str) -> (&str, bool) {
    if text.len() <= MAX_TEXT_BYTES {
        return (text, false);
    }
    let text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    (&text[..text.rfind('\n').unwrap_or(text.len())], true)
}

/// An instant as trackers write it: with a zone, which may lack its colon.
pub(super) fn instant(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    let zoned = || strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?.to_timestamp().ok();
    text.parse().ok().or_else(zoned)
}

/// Words as Markdown, on one line.
pub(super) fn words_of(text: &str) -> String {
    let mut words = String::new();
    push_words(&mut words, &text.split_whitespace().collect::<Vec<_>>().join(" "), false);
    words
}

/// The day of an instant.
pub(super) fn day(instant: Timestamp) -> String {
    instant.to_zoned(TimeZone::UTC).date().to_string()
}

impl Outcome {
    fn is_resolved(&self) -> bool {
        matches!(self, Self::Resolved(_))
    }
}

impl Issue {
    /// The document of the issue. `part` follows `#` in the id if an issue has several documents.
    pub(super) fn parsed(mut self, origin: &Origin, part: Option<&str>) -> Parsed {
        self.comments.retain(|comment| !ranking::is_noise(&comment.text));
        self.comments.sort_by_key(|comment| comment.created_at);
        let num_left_out = self.keep_best();
        let (text, num_cut) = self.text();
        // The mark of a secret is shown as everywhere.
        let text = PLACEHOLDER.replace_all(&text, "[redacted:$1]").into_owned();
        let (body, joined) = redaction::again(MappedText::new(text));
        redaction::add(&mut self.secrets, joined);
        // Chunks tell their place in this text, whatever the issue was read from.
        let body = MappedText::new(body.as_str().to_owned());
        let (pages, site) = (Pages::default(), Site::default());
        let shown = origin.shown(&self.key);
        let place = Place {
            source: &origin.name,
            relative: &self.key,
            shown: &shown,
            pages: &pages,
            site: &site,
            defaults: &origin.defaults,
        };
        let mut labels = std::mem::take(&mut self.labels);
        labels.push(if self.outcome.is_resolved() { "resolved" } else { "unresolved" }.to_owned());
        let said = Stated {
            kind: Some(Kind::Issue),
            url: self.url.take(),
            labels,
            author: self.author.take(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            access: self.access.take(),
            ..Stated::default()
        };
        let part = part.map(|part| format!("#{part}")).unwrap_or_default();
        let id = format!("{}/{}{part}", origin.name, self.key);
        let mut meta = metadata(&place, id, self.title, said, body.as_str());
        meta.links = self.links;
        let mut parsed = Parsed { redacted: self.secrets, ..Parsed::default() };
        for warning in self.warnings {
            parsed.warn(&place, warning);
        }
        if num_left_out + num_cut > 0 {
            parsed.warn(
                &place,
                format!("{} comments are left out: there are too many", num_left_out + num_cut),
            );
        }
        parsed.documents.push(Document::new(meta, body, Syntax::Markdown));
        parsed
    }

    /// Leaves out comments beyond those that are kept; says how many.
    fn keep_best(&mut self) -> usize {
        let num_left_out = self.comments.len().saturating_sub(MAX_COMMENTS);
        if num_left_out > 0 {
            let scores = ranking::scores(&self.comments, self.author.as_deref(), self.closed_at);
            let mut best: Vec<usize> = (0..self.comments.len()).collect();
            best.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
            best.truncate(MAX_COMMENTS);
            best.sort_unstable();
            self.comments = best.into_iter().map(|at| self.comments[at].clone()).collect();
        }
        num_left_out
    }

    /// The text, and how many comments had no room in it.
    fn text(&self) -> (String, usize) {
        let resolving = match self.outcome.is_resolved() {
            true => ranking::resolving(&self.comments, self.author.as_deref(), self.closed_at, MAX_RESOLVING),
            false => Vec::new(),
        };
        let mut text = "## Problem\n\n".to_owned();
        let state = match &self.outcome {
            Outcome::Resolved(how) if resolving.is_empty() => {
                format!("This issue is resolved ({}); no comment says how.", words_of(how))
            }
            Outcome::Resolved(how) => {
                format!("This issue is resolved ({}): see Resolution below.", words_of(how))
            }
            Outcome::Dropped(how) => format!("This issue is unresolved: {}.", words_of(how)),
            Outcome::Open => "This issue is unresolved: it is still open.".to_owned(),
        };
        push_block(&mut text, &[self.facts.trim(), &state].join(" "));
        // These come before the description, whose last heading would take them in.
        if !self.related.is_empty() {
            push_block(&mut text, "Related issues:");
            push_block(&mut text, &self.related.join("\n"));
        }
        push_block(&mut text, &self.description);
        for (rank, at) in resolving.iter().enumerate() {
            let comment = &self.comments[*at];
            if rank == 0 {
                push_block(&mut text, &format!("## Resolution{}", comment.fragment()));
                let how = match self.closed_at {
                    Some(closed_at) => format!("closed on {}", day(closed_at)),
                    None => "closed".to_owned(),
                };
                let title = words_of(&self.title);
                push_block(&mut text, &format!("This resolves the problem above, “{title}”: {how}."));
                push_block(&mut text, &comment.byline());
            } else {
                push_block(&mut text, &comment.heading());
            }
            push_block(&mut text, &comment.text);
        }
        let mut others = (0..self.comments.len()).filter(|at| !resolving.contains(at)).peekable();
        if others.peek().is_some() {
            push_block(&mut text, "## Discussion");
        }
        let mut num_cut = 0;
        for comment in others.map(|at| &self.comments[at]) {
            if text.len() + comment.text.len() > MAX_DOCUMENT_BYTES {
                num_cut += 1;
                continue;
            }
            push_block(&mut text, &comment.heading());
            push_block(&mut text, &comment.text);
        }
        (text, num_cut)
    }
}

impl Comment {
    /// The fragment as headings have it.
    fn fragment(&self) -> String {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_plain =
            (1..=MAX_ANCHOR_BYTES).contains(&self.anchor.len()) && self.anchor.bytes().all(is_name);
        match is_plain {
            true => format!(" {{#{}}}", self.anchor),
            false => String::new(),
        }
    }

    fn heading(&self) -> String {
        let author = match self.author.is_empty() {
            true => String::new(),
            false => format!(" by {}", words_of(&self.author)),
        };
        format!("### Comment{author}{}", self.fragment())
    }

    fn byline(&self) -> String {
        let role = self.role.map(|role| format!(" ({role})")).unwrap_or_default();
        let when = self.created_at.map(|at| format!(" on {}", day(at))).unwrap_or_default();
        match self.author.is_empty() {
            true => format!("Written{when}:"),
            false => format!("Written by {}{role}{when}:", words_of(&self.author)),
        }
    }
}

/// Appends a block with a blank line before and after it.
fn push_block(text: &mut String, block: &str) {
    let block = block.trim_matches('\n');
    if !block.trim().is_empty() {
        text.push_str(block);
        text.push_str("\n\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instants_are_read_in_every_zone() {
        for (text, expected) in [
            ("2026-01-02T03:04:05.678+0900", Some("2026-01-01T18:04:05.678Z")),
            ("2026-01-02T03:04:05.000-0330", Some("2026-01-02T06:34:05Z")),
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05+05:30", Some("2026-01-01T21:34:05Z")),
            ("yesterday", None),
        ] {
            let found = instant(&json!(text)).map(|instant| instant.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn long_issues_keep_their_best_comments() {
        let comment = |number: usize, text: String| Comment {
            anchor: format!("c-{number}"),
            author: "bo".to_owned(),
            created_at: Timestamp::from_second(number as i64).ok(),
            text,
            ..Comment::default()
        };
        let mut comments: Vec<Comment> =
            (0..500).map(|number| comment(number, format!("I see this as well, number {number}."))).collect();
        comments.push(comment(
            500,
            "The root cause is a full disk. Fixed by https://e.example/acme/ops/pull/7.".to_owned(),
        ));
        let issue = Issue {
            key: "OPS-1".to_owned(),
            title: "OPS-1: Disk".to_owned(),
            url: None,
            labels: Vec::new(),
            author: None,
            created_at: None,
            updated_at: None,
            closed_at: None,
            access: None,
            facts: String::new(),
            outcome: Outcome::Resolved("Fixed".to_owned()),
            description: "x".repeat(10),
            related: Vec::new(),
            links: Vec::new(),
            comments,
            secrets: Secrets::new(),
            warnings: Vec::new(),
        };
        let origin = Origin { name: "ops".to_owned(), shown: "x".to_owned(), defaults: Defaults::default() };
        let parsed = issue.parsed(&origin, None);
        let text = parsed.documents[0].body.as_str();
        assert!(text.contains("## Resolution {#c-500}"), "{text}");
        assert_eq!(text.matches("### Comment by bo").count(), MAX_COMMENTS - 1);
        assert_eq!(parsed.warnings[0].message, "301 comments are left out: there are too many");
    }
}
