//! Understanding a failure: from the text that arrives to the names in it, the text to search for and the text to echo.
//!
//! Deterministic, offline and linear in the text's length. Entry points: [`Question::parse`] for a text, and
//! [`Question::from_parts`] where parts of a failure are known before. Both go through
//!
//! - `known`: the parts that are known, which hold whatever the text says,
//! - `anonymised`: k8sgpt's stand-ins for names are found and set aside,
//! - `failures`: failures that k8sgpt joined are split,
//! - `objects` and `identifiers`: the names in each failure are recognised, with the lists of `vocabulary`,
//! - `volatile`: the parts that no document can repeat are removed from the text to search for,
//! - `subject`: the subject of the text is told from the words that every question has,
//! - `wordings`: the states that the text describes get the words that headings have for them,
//! - [`crate::language`]: the language of the answer is chosen.
//!
//! `docs/failure-understanding.md` has the rules. How a document's `applies_to` is compared with the recognised names
//! is in [`crate::retrieve::matches`].

mod alerts;
mod anonymised;
mod asking;
mod codes;
mod failures;
mod glossary;
mod identifiers;
mod known;
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
pub use known::FailureParts;
pub use names::{Failure, Identifier, IdentifierKind, Label, Object};
pub use subject::{Aside, AsideKind};
pub use vocabulary::{kind_named, kinds, kinds_in_name};
pub use volatile::Volatile;
pub(crate) use volatile::stem;

use crate::language;
use anonymised::{names_in as anonymised_names, set_stand_ins_aside};
use known::Known;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// A question, parsed once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    text: String,
    language: Language,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<Known>,
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
        Self::understand(text, Known::default(), language)
    }

    /// A failure of which parts are known, and its message; as [`Question::parse`] of the two together, but that the
    /// known parts are not guessed. [`QuestionError::TooLong`] is about the message.
    pub fn from_parts(parts: &FailureParts, language: Option<&str>) -> Result<Self, QuestionError> {
        let known = Known::of(parts);
        let message = parts.message.trim();
        if message.is_empty() && known.is_empty() {
            return Err(QuestionError::Empty);
        }
        Self::understand(message, known, language)
    }

    /// Understands a message, trimmed, beside what is known of the failure.
    fn understand(message: &str, known: Known, language: Option<&str>) -> Result<Self, QuestionError> {
        if message.len() > MAX_QUESTION_BYTES {
            return Err(QuestionError::TooLong { bytes: message.len() });
        }
        let known = known.introducing(message);
        let text = format!("{}{message}", known.introduction.given);
        let text = text.as_str();
        let mut anonymised = Vec::new();
        let mut failures = Vec::new();
        let mut cleaned = vec![volatile::clean(&known.introduction.visible)];
        // An alert tells of one failure.
        let parts = if known.alert.is_some() { vec![message] } else { failures::split(message) };
        for part in parts {
            let visible = set_stand_ins_aside(part, &mut anonymised);
            let recognised = identifiers::recognise(&visible, &known);
            cleaned.push(volatile::clean(&visible));
            failures.push(Failure {
                text: part.to_owned(),
                identifiers: recognised.identifiers,
                objects: recognised.objects,
                namespaces: recognised.namespaces,
            });
        }
        cleaned.retain(|part| !part.is_empty());
        let is_new = |token: &&String| {
            !anonymised.iter().any(|said| said == *token || anonymised_names(said).contains(&token.as_str()))
        };
        let known_only: Vec<String> = known.anonymised.iter().filter(is_new).cloned().collect();
        anonymised.splice(0..0, known_only);
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
            known: (!known.is_empty()).then_some(known),
            failures,
            identifiers,
            anonymised,
            search_text,
        })
    }

    /// The same question in the words of English documents, to be answered in the same language; `None` where no term
    /// of it is known in English.
    pub fn in_english(&self) -> Option<Self> {
        let english = glossary::in_english(self.message())?;
        let known = self.known.clone().unwrap_or_default();
        Self::understand(english.trim(), known, Some(&self.language.0)).ok()
    }

    /// The text as it was asked, trimmed. Known parts that the message does not say stand in front of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text without the known parts that stand in front of it.
    fn message(&self) -> &str {
        &self.text[self.known.as_ref().map_or(0, |known| known.introduction.given.len())..]
    }

    /// The parts that were known before the text was read, as one line: two questions of the same text and the same
    /// known parts are the same. `None` where nothing was known.
    pub fn known_parts(&self) -> Option<String> {
        let known = self.known.as_ref()?;
        Some(serde_json::to_string(known).expect("strings and lists are JSON"))
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
        self.asks()
            && self.anonymised.is_empty()
            && !self.asides.iter().any(|aside| aside.kind == AsideKind::Event)
            && !self.identifiers.iter().any(tells)
    }

    /// Whether something is asked, whatever else the text tells.
    pub fn asks(&self) -> bool {
        asking::asks(self.message())
    }

    /// k8sgpt's anonymised tokens, byte for byte, in order of appearance, without duplicates; a namespace and a name
    /// that are joined by `/` are one token. Noise for the search, to be echoed by the answer.
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
        let introduction = self.known.iter().map(|known| known.introduction.visible.clone());
        let texts = self.failures.iter().map(|failure| set_stand_ins_aside(&failure.text, &mut Vec::new()));
        introduction.chain(texts).flat_map(|visible| volatile::parts(&visible)).collect()
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
