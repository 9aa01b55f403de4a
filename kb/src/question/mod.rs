//! Understanding a failure: from the text that arrives to the names in it, the text to search for and the text to echo.
//!
//! Deterministic, offline and linear in the text's length. Entry point: [`Question::parse`], which goes through
//!
//! - `anonymised`: k8sgpt's stand-ins for names are found and set aside,
//! - `failures`: failures that k8sgpt joined are split,
//! - `objects` and `identifiers`: the names in each failure are recognised, with the lists of `vocabulary`,
//! - `volatile`: the parts that no document can repeat are removed from the text to search for,
//! - `subject`: the subject of the text is told from the words that every question has,
//! - `wordings`: the states that the text describes get the words that headings have for them,
//! - [`crate::language`]: the language of the answer is chosen.
//!
//! `docs/failure-understanding.md` has the rules. How a document's `applies_to` is compared with the recognised names is
//! in [`crate::retrieve::matches`].

mod alerts;
mod anonymised;
mod asking;
mod codes;
mod failures;
mod glossary;
mod identifiers;
mod names;
mod objects;
mod subject;
mod vocabulary;
mod volatile;
mod wordings;

pub use crate::language::Language;
pub use alerts::{alert_headed, heading_names_entry, is_name_of_entry};
pub use anonymised::names_in;
pub use codes::{error_codes, is_error_code};
pub use names::{Failure, Identifier, IdentifierKind, Label, Object};
pub use subject::{Aside, AsideKind};
pub use vocabulary::{kind_named, kinds, kinds_in_name};
pub use volatile::Volatile;
pub(crate) use volatile::stem;

use crate::language;
use anonymised::set_stand_ins_aside;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// A question, parsed once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    text: String,
    language: Language,
    failures: Vec<Failure>,
    identifiers: Vec<Identifier>,
    #[serde(rename = "masked")]
    anonymised: Vec<String>,
    search_text: String,
    subject: String,
    asides: Vec<Aside>,
    other_words: String,
    without_events: Option<String>,
    is_vietnamese: bool,
    unread_share: f32,
}

/// The text holds nothing to ask.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuestionError {
    /// Empty, or white space only.
    #[error("the question is empty")]
    Empty,
    /// The text is longer than [`MAX_QUESTION_BYTES`].
    #[error("the question has {bytes} bytes; at most {MAX_QUESTION_BYTES} are read")]
    TooLong {
        /// The length of the text, in bytes.
        bytes: usize,
    },
}

/// Longest question that is read.
pub const MAX_QUESTION_BYTES: usize = 64 * 1024;

impl Question {
    /// Parses a question or failure text. `language` is the asker's wish, as free text (`english`, `Traditional
    /// Chinese`, `zh`); without a usable one the reply is in the question's own language.
    pub fn parse(text: &str, language: Option<&str>) -> Result<Self, QuestionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QuestionError::Empty);
        }
        if text.len() > MAX_QUESTION_BYTES {
            return Err(QuestionError::TooLong { bytes: text.len() });
        }
        let mut anonymised = Vec::new();
        let mut failures = Vec::new();
        let mut cleaned = Vec::new();
        for part in failures::split(text) {
            let visible = set_stand_ins_aside(part, &mut anonymised);
            let recognised = identifiers::recognise(&visible);
            cleaned.push(volatile::clean(&visible));
            failures.push(Failure {
                text: part.to_owned(),
                identifiers: recognised.identifiers,
                objects: recognised.objects,
                namespaces: recognised.namespaces,
            });
        }
        cleaned.retain(|part| !part.is_empty());
        let mut search_text = cleaned.join(" ");
        if search_text.is_empty() {
            // The text has volatile parts only: a search for them is better than a search for nothing.
            search_text = text.to_owned();
        }
        let mut seen = HashSet::new();
        let identifiers = failures
            .iter()
            .flat_map(|failure| &failure.identifiers)
            .filter(|identifier| seen.insert(*identifier))
            .cloned()
            .collect();
        let spoken = language::detect(&search_text);
        let subject::Subject { subject, asides, without_events } = subject::split(&search_text, spoken);
        Ok(Self {
            text: text.to_owned(),
            subject,
            asides,
            other_words: wordings::other_words(&search_text),
            without_events,
            is_vietnamese: spoken == "vi",
            unread_share: language::unread_share(&search_text, spoken),
            language: language::choose(text, language),
            failures,
            identifiers,
            anonymised,
            search_text,
        })
    }

    /// The same question in the words of English documents, to be answered in the same language; `None` where no term of it is
    /// known in English.
    pub fn in_english(&self) -> Option<Self> {
        let english = glossary::in_english(&self.text)?;
        Self::parse(&english, Some(&self.language.0)).ok()
    }

    /// The text as it was asked, trimmed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The language to answer in.
    pub fn language(&self) -> &Language {
        &self.language
    }

    /// The failures that were joined, in order; at least one.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The names in the text, in order of appearance, without duplicates.
    pub fn identifiers(&self) -> &[Identifier] {
        &self.identifiers
    }

    /// The identifiers of one kind.
    pub fn named(&self, kind: IdentifierKind) -> impl Iterator<Item = &str> {
        self.identifiers.iter().filter(move |identifier| identifier.kind == kind).map(|i| i.text.as_str())
    }

    /// Whether the text asks without reporting a failure: `How do I drain a node?`, but not `OOMKilled, what now?`.
    pub fn only_asks(&self) -> bool {
        let tells = |identifier: &Identifier| {
            use IdentifierKind::{Alert, Errno, ExitCode, HttpStatus, Reason};
            matches!(identifier.kind, Alert | Errno | ExitCode | HttpStatus | Reason)
        };
        asking::asks(&self.text)
            && self.anonymised.is_empty()
            && !self.asides.iter().any(|aside| aside.kind == AsideKind::Event)
            && !self.identifiers.iter().any(tells)
    }

    /// Whether something is asked, whatever else the text tells.
    pub fn asks(&self) -> bool {
        asking::asks(&self.text)
    }

    /// k8sgpt's anonymised tokens, byte for byte, in order of appearance, without duplicates; a namespace and a name that
    /// are joined by `/` are one token. Noise for the search, to be echoed by the answer.
    pub fn anonymised(&self) -> &[String] {
        &self.anonymised
    }

    /// Whether an object is named whose name or namespace is anonymised: then a rule about one object may hold unseen.
    pub fn name_is_anonymised(&self) -> bool {
        self.anonymised_objects().next().is_some()
    }

    /// The kinds of the objects whose name or namespace is anonymised, sorted, without duplicates.
    pub fn anonymised_kinds(&self) -> BTreeSet<&str> {
        self.anonymised_objects().filter_map(|object| object.kind.as_deref()).collect()
    }

    fn anonymised_objects(&self) -> impl Iterator<Item = &Object> {
        self.failures
            .iter()
            .flat_map(|failure| &failure.objects)
            .filter(|object| object.name == Label::Anonymised || object.namespace == Some(Label::Anonymised))
    }

    /// The parts that differ from one occurrence of the same failure to the next, in order of appearance, without
    /// anonymised names.
    pub fn volatile(&self) -> Vec<Volatile> {
        let visible = self.failures.iter().map(|failure| set_stand_ins_aside(&failure.text, &mut Vec::new()));
        visible.flat_map(|visible| volatile::parts(&visible)).collect()
    }

    /// The text to search for: without volatile parts (UIDs, pod hashes, addresses, times, anonymised tokens). Prose
    /// stays as it is; the result is never longer than the text.
    pub fn search_text(&self) -> &str {
        &self.search_text
    }

    /// The part of [`Question::search_text`] that the question is about: without the words that every question has in
    /// its language. Never empty.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The parts of [`Question::search_text`] that were set aside, because every question or many failures have them.
    pub fn asides(&self) -> &[Aside] {
        &self.asides
    }

    /// The words that headings have for the states that the text describes, which it may not have itself; empty when it
    /// describes none.
    pub fn other_words(&self) -> &str {
        &self.other_words
    }

    /// The text to embed: [`Question::search_text`] without the beginning that many failures share, if more follows it.
    pub fn embedded_text(&self) -> &str {
        self.without_events.as_deref().unwrap_or(&self.search_text)
    }

    /// Whether it is written in Vietnamese, with or without marks.
    pub fn is_vietnamese(&self) -> bool {
        self.is_vietnamese
    }

    /// The share of the letters that stand in words of a language that an English model does not read.
    pub fn unread_share(&self) -> f32 {
        self.unread_share
    }
}
