//! The parts of a suite, their paths resolved and their bounds read.

use crate::{
    abstention::Abstention,
    datasets::{Corpus, SectionSet},
    metrics::Metric,
};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// A labelled set of questions.
#[derive(Debug, Clone, PartialEq)]
pub struct SetSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The path of `queries.jsonl`.
    pub queries: PathBuf,
    /// The path of `qrels.tsv`, or of a directory of such files.
    pub qrels: PathBuf,
    /// The documents that are searched.
    pub corpus: Corpus,
    /// The least values that the final ranking must reach.
    pub floors: BTreeMap<Metric, f64>,
    /// The least mean share of the relevant units within the evidence.
    pub evidence_recall_floor: Option<f64>,
}

/// Answerable and unanswerable questions, asked against one corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct AbstentionSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The documents that are searched.
    pub corpus: Corpus,
    /// Files of questions that the corpus covers.
    pub answerable: Vec<PathBuf>,
    /// Files of questions that the corpus does not cover.
    pub unanswerable: Vec<PathBuf>,
    /// The bounds on the measures.
    pub ceilings: AbstentionCeilings,
}

/// Questions whose answers are held against the section asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct FidelitySpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The folders that are searched, and whose sections are known.
    pub corpus: Vec<PathBuf>,
    /// The choice of the questions.
    pub asked: Asked,
    /// The least values of figures, by their names.
    pub floors: BTreeMap<String, f64>,
    /// The greatest values of figures, by their names.
    pub ceilings: BTreeMap<String, f64>,
}

/// Given replies, honest and hostile, whose way through the checks is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct RepliesSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The folders that their evidence stands in.
    pub corpus: Vec<PathBuf>,
    /// Files of honest replies.
    pub honest: Vec<PathBuf>,
    /// Files of hostile replies.
    pub hostile: Vec<PathBuf>,
    /// The greatest values of figures, by their names.
    pub ceilings: BTreeMap<String, f64>,
}

/// Sentences that cite a document, true and untrue, which the checks have to tell apart.
#[derive(Debug, Clone, PartialEq)]
pub struct SupportSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The folders that their documents stand in.
    pub corpus: Vec<PathBuf>,
    /// The file of true sentences.
    pub faithful: PathBuf,
    /// The file of untrue sentences.
    pub unfaithful: PathBuf,
    /// The least values of figures, by their names.
    pub floors: BTreeMap<String, f64>,
    /// The greatest values of figures, by their names.
    pub ceilings: BTreeMap<String, f64>,
}

/// The choice of the questions for section fidelity.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Headings of the corpus itself.
    Headings(Sampling),
    /// Questions with labelled sections.
    Sets(Vec<SectionSet>),
}

/// How headings are chosen as questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// The number of questions that count after which the asking stops.
    pub questions: usize,
    /// The seed of the order: another seed asks other headings first.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { questions: 200, seed: 7 }
    }
}

/// Upper bounds (and one lower bound) on [`Abstention`]; an absent bound is not checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbstentionCeilings {
    /// The greatest [`Abstention::false_answers_at_95`].
    pub false_answers_at_95: Option<f64>,
    /// The greatest [`Abstention::false_answers`].
    pub false_answers: Option<f64>,
    /// The greatest [`Abstention::false_refusals`].
    pub false_refusals: Option<f64>,
    /// The least [`Abstention::auroc`].
    pub min_auroc: Option<f64>,
}

impl AbstentionCeilings {
    /// Each bound with its name, the value found, the bound, and whether larger is better.
    pub fn checks(&self, found: &Abstention) -> Vec<(&'static str, f64, f64, bool)> {
        [
            ("false_answers_at_95", found.false_answers_at_95, self.false_answers_at_95, false),
            ("false_answers", found.false_answers, self.false_answers, false),
            ("false_refusals", found.false_refusals, self.false_refusals, false),
            ("auroc", found.auroc, self.min_auroc, true),
        ]
        .into_iter()
        .filter_map(|(name, found, bound, more_is_better)| Some((name, found, bound?, more_is_better)))
        .collect()
    }
}

/// Lower bounds on the cases together; an absent bound is not checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFloors {
    /// Share of cases that pass every check; absent: 1.
    pub passed: Option<f64>,
    /// Mean nDCG@10 of the final ranking over cases with relevant documents.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: Option<f64>,
    /// Mean share of the cited units that are relevant.
    pub citation_precision: Option<f64>,
    /// Mean share of the relevant units that are cited.
    pub citation_recall: Option<f64>,
}
