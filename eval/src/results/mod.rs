//! The results of a run. Data only: the runner fills it, [`crate::gates`] judges it, [`crate::report`] shows it.
//!
//! No value here depends on the time of day or on how long something took ([`Timings`] is kept apart), so two runs over
//! the same inputs serialise to the same bytes. A field that is added or renamed here is one of `report.json`.

mod abstention;
mod cases;
mod fidelity;
mod gates;
mod replies;
mod retrieval;
mod support;

pub use abstention::AbstentionResult;
pub use cases::{CaseResult, CasesResult, Check};
pub use fidelity::{FidelityQuestion, FidelityResult, Figures, SetFigures};
pub use gates::{Bound, Gate};
pub use replies::{Fault, FaultKind, JudgedReply, RepliesResult, ReplyFigures};
pub use retrieval::{
    Expected, Got, QueryResult, SetComparison, SetResult, Stage, StageResult, macro_average, worst_set,
};
pub use support::{Half, JudgedSentence, SupportFigures, SupportResult};

use crate::metrics::Metrics;
use serde::Serialize;
use std::collections::BTreeMap;

/// All results of one `evaluate run`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResult {
    /// The name of the suite.
    pub suite: String,
    /// The embedding model, by name.
    pub model: String,
    /// Hash of the embedding model's identity.
    pub model_hash: String,
    /// Hash of what the suite fixes: depths and budgets.
    pub configuration: String,
    /// Whether every gate held.
    pub passed: bool,
    /// The gates of all parts of the suite.
    pub gates: Vec<Gate>,
    /// Means over sets, each set with equal weight, by stage.
    pub macro_average: BTreeMap<Stage, Metrics>,
    /// The set with the lowest nDCG@10.
    pub worst_set: Option<String>,
    /// Labelled sets; the cases' retrieval is the one named `cases`.
    pub sets: Vec<SetResult>,
    /// The abstention pairs, in the suite's order.
    pub abstention: Vec<AbstentionResult>,
    /// The answered cases, if the suite has any.
    pub cases: Option<CasesResult>,
    /// Section fidelity, in the suite's order.
    pub fidelity: Vec<FidelityResult>,
    /// The effect of the checks on given replies, in the suite's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<RepliesResult>,
    /// Whether the checks tell true sentences from untrue ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub support: Vec<SupportResult>,
}

/// How long each retrieval took, in milliseconds, by set and query. Differs from run to run, so it has files of its
/// own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Milliseconds by query, by the name of its set.
    pub retrieval_ms: BTreeMap<String, BTreeMap<String, f64>>,
}
