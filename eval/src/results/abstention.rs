//! How well answerable and unanswerable questions are told apart.

use crate::abstention::{Abstention, Outcome};
use serde::Serialize;

/// A pair of answerable and unanswerable questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AbstentionResult {
    /// The name of the pair in the suite.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// Confidence at and above which the decision answers.
    pub threshold: f64,
    /// The measures of the pair.
    #[serde(flatten)]
    pub measures: Abstention,
    /// The decision about each question.
    pub outcomes: Vec<Outcome>,
}
