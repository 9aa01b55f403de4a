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
    /// The fused ranking of both legs.
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

/// The scores of one stage over a set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageResult {
    /// The means over all queries with labels.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// 95 % interval of nDCG@10.
    pub interval: Interval,
}

/// A set of questions, scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetResult {
    /// The name of the set.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// Hash of questions and labels.
    pub set: String,
    /// Number of queries with labels; a labelled query without a question counts, and scores 0.
    pub num_queries: usize,
    /// The scores by stage.
    pub stages: BTreeMap<Stage, StageResult>,
    /// Mean share of the relevant units within the evidence, which has a budget of tokens.
    pub evidence_recall: f64,
    /// The comparison with the baseline, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<SetComparison>,
    /// The queries in the order of their ids.
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
    /// The statistics over all queries.
    #[serde(flatten)]
    pub statistics: Comparison,
    /// The queries that no longer have a relevant unit among the first ten.
    pub lost: Vec<String>,
    /// The queries that have one now and had none.
    pub found: Vec<String>,
}

/// The scores of one query of a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryResult {
    /// The id of the query.
    pub query: String,
    /// The text of the question.
    pub text: String,
    /// The group it is reported under.
    pub class: String,
    /// The relevant documents, the highest grade first, with their places in the ranking.
    pub expected: Vec<Expected>,
    /// The first ten of the final order.
    pub got: Vec<Got>,
    /// The scores by stage.
    pub metrics: BTreeMap<Stage, Metrics>,
    /// The share of the relevant units within the evidence.
    pub evidence_recall: f64,
    /// The status that the decision to answer gives.
    pub status: Status,
    /// The confidence of the decision, 0..1.
    pub confidence: f64,
}

impl QueryResult {
    /// The scores of the stage that counts; see [`SetResult::headline`].
    pub fn headline(&self) -> Metrics {
        let metrics = self.metrics.get(&Stage::Passages).or_else(|| self.metrics.get(&Stage::Final));
        metrics.copied().unwrap_or_default()
    }
}

/// A label with the rank of its unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// The document, directory or passage.
    pub unit: String,
    /// The grade of the label.
    pub grade: i32,
    /// The rank of the unit in the final order, from 1; `None`: not found.
    pub rank: Option<usize>,
}

/// A document of the final order with its scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Got {
    /// The id of the document.
    pub document: String,
    /// The grade of its unit; `None`: not labelled.
    pub grade: Option<i32>,
    /// The score in the final order.
    pub score: f32,
    /// The score of the lexical leg, if that found it.
    pub bm25: Option<f32>,
    /// The score of the dense leg, if that found it.
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
