//! Understanding a failure: from the text that arrives to what it names, what to search for and what to echo.
//!
//! Deterministic and offline. Entry point: [`Question::parse`]. See `docs/failure-understanding.md` for the rules.

use serde::{Deserialize, Serialize};

/// What was asked, parsed once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    text: String,
    language: Language,
    failures: Vec<Failure>,
    identifiers: Vec<Identifier>,
    masked: Vec<String>,
    search_text: String,
}

/// One failure of an object; k8sgpt joins several with a space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The failure's own text, as it arrived.
    pub text: String,
}

/// What a recognised part of the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// A resource kind, in its canonical spelling: `Deployment`.
    Kind,
    /// The name of an object.
    Name,
    /// A namespace.
    Namespace,
    /// A reason, in its canonical spelling: `OOMKilled` (also from `exit code 137`).
    Reason,
    /// An alert's name: `KubePodCrashLooping`.
    Alert,
    /// A process's exit code.
    ExitCode,
    /// An HTTP status.
    HttpStatus,
    /// An errno or its sentence: `connection refused`.
    Errno,
    /// A container image without its registry's digest.
    Image,
    /// `liveness`, `readiness` or `startup`.
    Probe,
    /// A taint.
    Taint,
    /// An API group or version: `storage.k8s.io`.
    ApiGroup,
    /// A field path: `spec.selector`.
    ApiField,
    /// A quantity with its unit.
    Quantity,
    /// A product or component: `kube-apiserver`, `cert-manager`.
    Component,
}

/// A recognised part of the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// Canonical spelling.
    pub text: String,
}

/// The language an answer is written in: a BCP 47 tag such as `en`, `zh-TW`, `zh-CN`, `vi`, `id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Language(pub String);

/// The text holds nothing to ask.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuestionError {
    /// Empty, or white space only.
    #[error("the question is empty")]
    Empty,
    /// Over [`MAX_QUESTION_BYTES`].
    #[error("the question has {bytes} bytes; at most {MAX_QUESTION_BYTES} are read")]
    TooLong {
        /// Its length.
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
        let _ = language;
        Ok(Self {
            text: text.to_owned(),
            language: Language("en".to_owned()),
            failures: vec![Failure { text: text.to_owned() }],
            identifiers: Vec::new(),
            masked: Vec::new(),
            search_text: text.to_owned(),
        })
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

    /// What the text names, in order of appearance, without duplicates.
    pub fn identifiers(&self) -> &[Identifier] {
        &self.identifiers
    }

    /// The identifiers of one kind.
    pub fn named(&self, kind: IdentifierKind) -> impl Iterator<Item = &str> {
        self.identifiers.iter().filter(move |identifier| identifier.kind == kind).map(|i| i.text.as_str())
    }

    /// k8sgpt's masked tokens, byte for byte, in order of appearance: noise for the search, to be echoed by the answer.
    pub fn masked(&self) -> &[String] {
        &self.masked
    }

    /// What to search for: the text without volatile parts (UIDs, pod hashes, addresses, times, masked tokens).
    pub fn search_text(&self) -> &str {
        &self.search_text
    }
}
