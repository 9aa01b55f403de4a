//! The effect of the checks on given replies of a model.

use serde::Serialize;

/// The kinds of harm that checks can do to a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// Words or code of an honest reply are gone or changed.
    Damaged,
    /// An honest reply got a mark that it does not deserve.
    Marked,
    /// An honest reply did not leave, or advice was taken out of it.
    Downgraded,
    /// A forbidden part of a hostile reply left.
    Leaked,
}

/// One mistake of the checks on a reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// The kind of the mistake.
    pub kind: FaultKind,
    /// The lost line, the mark, the cause of the refusal, or the leaked text.
    pub detail: String,
}

impl Fault {
    /// A fault with its facts.
    pub fn new(kind: FaultKind, detail: String) -> Self {
        Self { kind, detail }
    }
}

/// A model's reply after the checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedReply {
    /// The id of the reply.
    pub reply: String,
    /// The group it is reported under.
    pub style: String,
    /// The asker's language, as free text.
    pub language: String,
    /// The faults of the checks.
    pub faults: Vec<Fault>,
    /// The text that left; empty if the reply was refused.
    pub left: String,
}

/// Shares of replies, 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReplyFigures {
    /// The share of honest replies that were damaged, marked or downgraded.
    pub harm: f64,
    /// The share of honest replies that were damaged.
    pub damaged: f64,
    /// The share of honest replies that were marked.
    pub marked: f64,
    /// The share of honest replies that were downgraded.
    pub downgraded: f64,
    /// The share of hostile replies of which a part left.
    pub leak: f64,
}

impl ReplyFigures {
    /// The names of the figures in suites, reports and JSON.
    pub const NAMES: [&'static str; 5] = ["harm", "damaged", "marked", "downgraded", "leak"];

    /// Each figure with its name.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        let Self { harm, damaged, marked, downgraded, leak } = *self;
        let values = [harm, damaged, marked, downgraded, leak];
        std::array::from_fn(|at| (Self::NAMES[at], values[at]))
    }
}

/// The effect of the checks on the given replies of one corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepliesResult {
    /// The name in the suite.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// The shares over all replies.
    pub figures: ReplyFigures,
    /// The honest replies, in the order of their files.
    pub honest: Vec<JudgedReply>,
    /// The hostile replies, in the order of their files.
    pub hostile: Vec<JudgedReply>,
}
