//! Whether the checks tell sentences that their documents say from others.

use serde::Serialize;

/// The half of the documents that a sentence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The documents that the rule was fitted on.
    Fit,
    /// The documents that it was not fitted on.
    Held,
}

/// A sentence after the checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedSentence {
    /// The half that its document belongs to.
    pub half: Half,
    /// The document, or a part of it as `document#heading`.
    pub document: String,
    /// The asker's language, as free text.
    pub language: String,
    /// The way in which it was made, such as `paraphrase` or `negated`.
    pub kind: String,
    /// The text of the sentence.
    pub text: String,
    /// Whether its document says it.
    pub is_faithful: bool,
    /// Whether the checks marked it.
    pub is_marked: bool,
}

impl JudgedSentence {
    /// Whether the checks are wrong about it.
    pub fn is_misjudged(&self) -> bool {
        self.is_faithful == self.is_marked
    }
}

/// Shares of sentences, 0..1; the first two of documents that the rule was not fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SupportFigures {
    /// The share of untrue sentences that were marked.
    pub caught: f64,
    /// The share of true sentences that were marked.
    pub false_marks: f64,
    /// The share of untrue sentences that were marked, of documents that the rule was fitted on.
    pub fit_caught: f64,
    /// The share of true sentences that were marked, of documents that the rule was fitted on.
    pub fit_false_marks: f64,
}

impl SupportFigures {
    /// The names of the figures in suites, reports and JSON.
    pub const NAMES: [&'static str; 4] = ["caught", "false_marks", "fit_caught", "fit_false_marks"];

    /// Each figure with its name.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        let Self { caught, false_marks, fit_caught, fit_false_marks } = *self;
        let values = [caught, false_marks, fit_caught, fit_false_marks];
        std::array::from_fn(|at| (Self::NAMES[at], values[at]))
    }
}

/// Whether the checks tell true sentences from untrue ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SupportResult {
    /// The name in the suite.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// The shares over all sentences.
    pub figures: SupportFigures,
    /// The sentences, in the order of their files.
    pub sentences: Vec<JudgedSentence>,
}

impl SupportResult {
    /// How many sentences are true, and how many are not.
    pub fn num_by_truth(&self) -> [usize; 2] {
        let faithful = self.sentences.iter().filter(|sentence| sentence.is_faithful).count();
        [faithful, self.sentences.len() - faithful]
    }
}
