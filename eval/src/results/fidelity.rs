//! Which sections of a page the sentences of answers stand in.

use kb::answerable::Status;
use serde::Serialize;
use std::collections::BTreeMap;

/// The places of the sentences of one answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FidelityQuestion {
    /// The id of the question; of a heading, `document#heading`.
    pub query: String,
    /// The text of the question.
    pub text: String,
    /// The sections that answer it, as `document#heading`.
    pub wanted: Vec<String>,
    /// Whether the search's first hit lies in one of them.
    pub first_hit: bool,
    /// The status of the answer.
    pub status: Status,
    /// The confidence of the answer, 0..1.
    pub confidence: f64,
    /// Number of sentences of the answer that count.
    pub sentences: usize,
    /// Number of sentences that stand in a wanted section.
    pub inside: usize,
    /// The share of the answer that stands there, 0..1: of headings by number of sentences, of labelled questions by
    /// length.
    pub share: f64,
    /// Whether the first sentence stands there.
    pub leads: bool,
    /// The first sentences that stand elsewhere, in lower case and without marks.
    pub strays: Vec<String>,
    /// The text of the answer.
    pub answer: String,
}

impl FidelityQuestion {
    /// Whether it was answered at all.
    pub fn is_answered(&self) -> bool {
        self.status != Status::Unknown
    }
}

/// Section fidelity in figures; all are shares, 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "of", rename_all = "lowercase")]
pub enum Figures {
    /// The figures of headings that were asked as questions and whose section the search found.
    Headings {
        /// The share of answered headings whose first sentence stands in the section.
        lead: f64,
        /// The share of answered headings whose sentences all stand in the section.
        whole: f64,
        /// The mean share of the sentences of an answered heading that stand in the section.
        mean_share: f64,
        /// The share of refused headings among all.
        refused: f64,
    },
    /// The figures of questions with a labelled section.
    Labels {
        /// The share of all questions whose first hit lies in the section.
        #[serde(rename = "head@1")]
        head_1: f64,
        /// The share of answered questions among all.
        answered: f64,
        /// The share of answered questions with more than half of the text in the section.
        mostly: f64,
        /// The share of answered questions without any text in the section.
        nothing: f64,
    },
}

impl Figures {
    /// The names of the figures of headings, in suites, reports and JSON.
    pub const OF_HEADINGS: [&'static str; 4] = ["lead", "whole", "mean_share", "refused"];
    /// The names of the figures of labelled questions.
    pub const OF_LABELS: [&'static str; 4] = ["head@1", "answered", "mostly", "nothing"];

    /// Each figure with its name in suites, reports and JSON.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        let (names, values) = match *self {
            Figures::Headings { lead, whole, mean_share, refused } => {
                (Self::OF_HEADINGS, [lead, whole, mean_share, refused])
            }
            Figures::Labels { head_1, answered, mostly, nothing } => {
                (Self::OF_LABELS, [head_1, answered, mostly, nothing])
            }
        };
        std::array::from_fn(|at| (names[at], values[at]))
    }
}

/// Section fidelity over one corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FidelityResult {
    /// The name in the suite.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// Number of questions that were tried; of headings more than those that count.
    pub num_tried: usize,
    /// The figures over all questions.
    pub figures: Figures,
    /// The figures of each set, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_set: BTreeMap<String, SetFigures>,
    /// Each question that counts, in the order of asking.
    pub questions: Vec<FidelityQuestion>,
}

/// The figures of one of several sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SetFigures {
    /// Number of questions of the set.
    pub num_questions: usize,
    /// The figures of these questions.
    #[serde(flatten)]
    pub figures: Figures,
}
