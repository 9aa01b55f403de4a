//! The cases of a suite with the checks of their answers.

use super::retrieval::SetComparison;
use crate::judge::Marks;
use kb::answerable::Status;
use serde::Serialize;

/// The outcome of one check of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The name of the check, such as `citations exist`.
    pub name: String,
    /// Whether the check holds.
    pub passed: bool,
    /// The facts, if it does not hold; else empty.
    pub detail: String,
}

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseResult {
    /// The id of the case.
    pub case: String,
    /// The text of the question.
    pub question: String,
    /// The group it is reported under.
    pub class: String,
    /// The status of the answer.
    pub status: Status,
    /// The confidence of the answer, 0..1.
    pub confidence: f64,
    /// The writer of the answer: `llm`, `extractive` or `none`.
    pub answered_by: String,
    /// The text of the answer.
    pub answer: String,
    /// The cited documents, in order.
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
    pub judged: Option<Marks>,
    /// The checks of the answer.
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
    /// The cases in the suite's order.
    pub cases: Vec<CaseResult>,
    /// Against the baseline, by the share that passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<SetComparison>,
}
