//! The scores of rankings: of a query, of a set, and of a set against its baseline.

use crate::{
    metrics::{Metrics, mean},
    statistics::{Comparison, Interval},
    trec::Run,
};
use kb::answerable::Status;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The text of the question.
    pub text: String,
    /// The group it is reported under.
    pub class: String,
    /// The relevant documents, the highest grade first, with their places in the ranking.
    pub expected: Vec<Expected>,
    /// The first ten of the final order.
    pub got: Vec<Got>,
    /// Scores by stage.
    pub metrics: BTreeMap<Stage, Metrics>,
    /// Share of the relevant that is within the evidence.
    pub evidence_recall: f64,
    /// The status that the decision to answer gives.
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

/// Means over sets by stage, each set with equal weight; a stage that a set lacks is left out there.
pub fn macro_average(sets: &[SetResult]) -> BTreeMap<Stage, Metrics> {
    let stages = sets.iter().flat_map(|set| set.stages.keys().copied());
    let stages: BTreeSet<Stage> = stages.collect();
    stages
        .into_iter()
        .map(|stage| {
            let found = sets.iter().filter_map(|set| set.stages.get(&stage)).map(|stage| stage.metrics);
            (stage, mean(found))
        })
        .collect()
}

/// The set with the lowest headline nDCG@10, the first of equals.
pub fn worst_set(sets: &[SetResult]) -> Option<&SetResult> {
    sets.iter().min_by(|a, b| a.headline().ndcg_10.total_cmp(&b.headline().ndcg_10))
}
