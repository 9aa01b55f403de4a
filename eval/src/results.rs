//! The results of a run. Data only: the runner fills it, [`crate::gates`] judges it, [`crate::report`] shows it.
//!
//! No value here depends on the time of day or on how long something took ([`Timings`] is kept apart), so two runs over
//! the same inputs serialise to the same bytes.

use crate::{
    abstention::{Abstention, Outcome},
    gates::Gate,
    metrics::Metrics,
    statistics::{Comparison, Interval},
    support::Half,
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
    /// The name of the check, such as `citations exist`.
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
    /// The text of the question.
    pub question: String,
    /// The group it is reported under.
    pub class: String,
    /// Status of the answer.
    pub status: Status,
    /// Confidence.
    pub confidence: f64,
    /// The writer of the answer: `llm`, `extractive` or `none`.
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

/// Where the sentences of one answer stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FidelityQuestion {
    /// Its id; of a heading its document and the heading.
    pub query: String,
    /// The text of the question.
    pub text: String,
    /// The sections that answer it, as `document#heading`.
    pub wanted: Vec<String>,
    /// Whether the search's first hit lies in one of them.
    pub first_hit: bool,
    /// Status of the answer.
    pub status: Status,
    /// Confidence.
    pub confidence: f64,
    /// Sentences of the answer that count.
    pub sentences: usize,
    /// Those that stand in a wanted section.
    pub inside: usize,
    /// How much of the answer stands there, 0..1: of headings by number of sentences, of labelled questions by length.
    pub share: f64,
    /// Whether the first sentence does.
    pub leads: bool,
    /// The first sentences that do not, in lower case and without marks.
    pub strays: Vec<String>,
    /// The answer's text.
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
    /// Of headings asked as questions whose section the search found.
    Headings {
        /// The share of answered headings whose first sentence stands in the section.
        lead: f64,
        /// The share of answered headings whose sentences all stand in the section.
        whole: f64,
        /// Mean share of the sentences that do.
        mean_share: f64,
        /// The share of refused headings among all.
        refused: f64,
    },
    /// Of questions with a labelled section.
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
    /// Each figure with its name in suites, reports and JSON.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        match *self {
            Figures::Headings { lead, whole, mean_share, refused } => {
                [("lead", lead), ("whole", whole), ("mean_share", mean_share), ("refused", refused)]
            }
            Figures::Labels { head_1, answered, mostly, nothing } => {
                [("head@1", head_1), ("answered", answered), ("mostly", mostly), ("nothing", nothing)]
            }
        }
    }
}

/// Section fidelity over one corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FidelityResult {
    /// Name.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// Questions that were tried; more than count, where headings are asked.
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
    /// Its questions.
    pub num_questions: usize,
    /// Their figures.
    #[serde(flatten)]
    pub figures: Figures,
}

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
    /// Something of a hostile reply left.
    Leaked,
}

/// One thing that checks did wrong to a reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// What sort of thing.
    pub kind: FaultKind,
    /// The line that is lost, the mark, the cause of the refusal, or what leaked.
    pub detail: String,
}

impl Fault {
    /// A fault.
    pub fn new(kind: FaultKind, detail: String) -> Self {
        Self { kind, detail }
    }
}

/// A model's reply after the checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedReply {
    /// Its id.
    pub reply: String,
    /// The group it is reported under.
    pub style: String,
    /// The asker's language.
    pub language: String,
    /// The faults of the checks.
    pub faults: Vec<Fault>,
    /// What left; empty where nothing did.
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
    /// Each figure with its name in suites, reports and JSON.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        let Self { harm, damaged, marked, downgraded, leak } = *self;
        [("harm", harm), ("damaged", damaged), ("marked", marked), ("downgraded", downgraded), ("leak", leak)]
    }
}

/// What the checks did to given replies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepliesResult {
    /// Name.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// The shares.
    pub figures: ReplyFigures,
    /// The honest replies, in the order of their files.
    pub honest: Vec<JudgedReply>,
    /// The hostile ones.
    pub hostile: Vec<JudgedReply>,
}

/// A sentence after the checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedSentence {
    /// The half that its document belongs to.
    pub half: Half,
    /// The document, or a part of it.
    pub document: String,
    /// The asker's language.
    pub language: String,
    /// How it came about.
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
    /// The same of documents that the rule was fitted on.
    pub fit_caught: f64,
    /// The same of documents that the rule was fitted on.
    pub fit_false_marks: f64,
}

impl SupportFigures {
    /// Each figure with its name in suites, reports and JSON.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        let Self { caught, false_marks, fit_caught, fit_false_marks } = *self;
        [
            ("caught", caught),
            ("false_marks", false_marks),
            ("fit_caught", fit_caught),
            ("fit_false_marks", fit_false_marks),
        ]
    }
}

/// Whether the checks tell true sentences from untrue ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SupportResult {
    /// Name.
    pub name: String,
    /// Hash of the documents.
    pub corpus: String,
    /// The shares.
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
    /// Section fidelity.
    pub fidelity: Vec<FidelityResult>,
    /// What the checks did to given replies.
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
