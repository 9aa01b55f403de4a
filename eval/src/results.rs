//! What a run found. Data only: the runner fills it, [`crate::gates`] judges it, [`crate::report`] shows it.
//!
//! Nothing here depends on the time of day or on how long something took ([`Timings`] is kept apart), so two runs over
//! the same inputs serialise to the same bytes.

use crate::{
    abstention::{Abstention, Outcome},
    gates::Gate,
    metrics::Metrics,
    statistics::{Comparison, Interval},
    trec::Run,
};
use kb::answerable::Status;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stage of the retrieval whose ranking is scored apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The lexical leg alone.
    Bm25,
    /// The dense leg alone.
    Dense,
    /// Both fused.
    Fused,
    /// The final order of documents.
    Final,
    /// The final order of passages; only for sets with labelled passages.
    Passages,
}

impl Stage {
    /// The stages that every set has, in the order of the path.
    pub const DOCUMENTS: [Stage; 4] = [Stage::Bm25, Stage::Dense, Stage::Fused, Stage::Final];

    /// The name in JSON, tables and file names.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Bm25 => "bm25",
            Stage::Dense => "dense",
            Stage::Fused => "fused",
            Stage::Final => "final",
            Stage::Passages => "passages",
        }
    }
}

/// One stage over a set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageResult {
    /// Means over all queries with labels.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// 95 % interval of nDCG@10.
    pub interval: Interval,
}

/// A set of questions, scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetResult {
    /// Name.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// Hash of questions and labels.
    pub set: String,
    /// Queries with labels; one that was not there to be asked counts, and scores 0.
    pub num_queries: usize,
    /// Scores by stage.
    pub stages: BTreeMap<Stage, StageResult>,
    /// Mean share of the relevant that is within the evidence, that is within its token budget.
    pub evidence_recall: f64,
    /// Against the baseline, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<SetComparison>,
    /// Each query, in the order of ids.
    pub queries: Vec<QueryResult>,
    /// The rankings, for run files.
    #[serde(skip)]
    pub runs: BTreeMap<Stage, Run>,
}

impl SetResult {
    /// The scores of the stage that counts: passages where they are labelled, else the final documents.
    pub fn headline(&self) -> Metrics {
        let stage = self.stages.get(&Stage::Passages).or_else(|| self.stages.get(&Stage::Final));
        stage.map(|stage| stage.metrics).unwrap_or_default()
    }
}

/// A set against its baseline, by nDCG@10 of the headline stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetComparison {
    /// The statistics.
    #[serde(flatten)]
    pub statistics: Comparison,
    /// Queries that had something relevant among the first ten and no longer have.
    pub lost: Vec<String>,
    /// Queries that now have.
    pub found: Vec<String>,
}

/// One query of a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryResult {
    /// Its id.
    pub query: String,
    /// What was asked.
    pub text: String,
    /// The group it is reported under.
    pub class: String,
    /// What is relevant, the highest grade first, and where it came.
    pub expected: Vec<Expected>,
    /// The first ten of the final order.
    pub got: Vec<Got>,
    /// Scores by stage.
    pub metrics: BTreeMap<Stage, Metrics>,
    /// Share of the relevant that is within the evidence.
    pub evidence_recall: f64,
    /// What the decision to answer says.
    pub status: Status,
    /// Its confidence.
    pub confidence: f64,
}

impl QueryResult {
    /// The scores of the stage that counts; see [`SetResult::headline`].
    pub fn headline(&self) -> Metrics {
        let metrics = self.metrics.get(&Stage::Passages).or_else(|| self.metrics.get(&Stage::Final));
        metrics.copied().unwrap_or_default()
    }
}

/// A label with the place its unit took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// Document, directory or passage.
    pub unit: String,
    /// Its grade.
    pub grade: i32,
    /// Its place in the final order, from 1; `None`: not found.
    pub rank: Option<usize>,
}

/// A document of the final order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Got {
    /// Its id.
    pub document: String,
    /// The grade of its unit; `None`: not labelled.
    pub grade: Option<i32>,
    /// Score in the final order.
    pub score: f32,
    /// Score of the lexical leg, where that found it.
    pub bm25: Option<f32>,
    /// Score of the dense leg, where that found it.
    pub dense: Option<f32>,
}

/// A pair of answerable and unanswerable questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AbstentionResult {
    /// Name.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// Confidence at and above which the decision answers.
    pub threshold: f64,
    /// The measures.
    #[serde(flatten)]
    pub measures: Abstention,
    /// Each question.
    pub outcomes: Vec<Outcome>,
}

/// One check of one answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was checked, such as `citations exist`.
    pub name: String,
    /// Whether it holds.
    pub passed: bool,
    /// The facts, when it does not.
    pub detail: String,
}

/// One case, answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseResult {
    /// Its id.
    pub case: String,
    /// What was asked.
    pub question: String,
    /// The group it is reported under.
    pub class: String,
    /// Status of the answer.
    pub status: Status,
    /// Confidence.
    pub confidence: f64,
    /// Who wrote it: `llm`, `extractive` or `none`.
    pub answered_by: String,
    /// The answer's text.
    pub answer: String,
    /// Documents cited, in order.
    pub cited: Vec<String>,
    /// Share of the cited that is relevant; `None` without citations or labels.
    pub citation_precision: Option<f64>,
    /// Share of the relevant that is cited; `None` without labels.
    pub citation_recall: Option<f64>,
    /// Token F1 with the reference answer.
    pub token_f1: Option<f64>,
    /// ROUGE-L (F1) with the reference answer.
    pub rouge_l: Option<f64>,
    /// The judge's marks, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged: Option<crate::judge::Marks>,
    /// Every check.
    pub checks: Vec<Check>,
}

impl CaseResult {
    /// Whether every check holds.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

/// The cases of a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CasesResult {
    /// Hash of the documents.
    pub corpus: String,
    /// Hash of the cases.
    pub set: String,
    /// Each case, in the suite's order.
    pub cases: Vec<CaseResult>,
    /// Against the baseline, by the share that passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<SetComparison>,
}

/// Everything that one `evaluate run` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResult {
    /// The suite's name.
    pub suite: String,
    /// The embedding model, by name.
    pub model: String,
    /// Hash of the embedding model's identity.
    pub model_hash: String,
    /// Hash of what the suite fixes: depths and budgets.
    pub configuration: String,
    /// Whether every gate held.
    pub passed: bool,
    /// Every gate.
    pub gates: Vec<Gate>,
    /// Means over sets, each set with equal weight, by stage.
    pub macro_average: BTreeMap<Stage, Metrics>,
    /// The set with the lowest nDCG@10.
    pub worst_set: Option<String>,
    /// Labelled sets; the cases' retrieval is the one named `cases`.
    pub sets: Vec<SetResult>,
    /// Abstention pairs.
    pub abstention: Vec<AbstentionResult>,
    /// Answered cases.
    pub cases: Option<CasesResult>,
}

/// How long each retrieval took, in milliseconds, by set and query. Differs from run to run, so it has files of its
/// own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timings {
    /// By set, then by query.
    pub retrieval_ms: BTreeMap<String, BTreeMap<String, f64>>,
}

/// Means over sets by stage, each set with equal weight; a stage that a set lacks is left out there.
pub fn macro_average(sets: &[SetResult]) -> BTreeMap<Stage, Metrics> {
    let stages = sets.iter().flat_map(|set| set.stages.keys().copied());
    let stages: std::collections::BTreeSet<Stage> = stages.collect();
    stages
        .into_iter()
        .map(|stage| {
            let found = sets.iter().filter_map(|set| set.stages.get(&stage)).map(|stage| stage.metrics);
            (stage, crate::metrics::mean(found))
        })
        .collect()
}

/// The set with the lowest headline nDCG@10, the first of equals.
pub fn worst_set(sets: &[SetResult]) -> Option<&SetResult> {
    sets.iter().min_by(|a, b| a.headline().ndcg_10.total_cmp(&b.headline().ndcg_10))
}
