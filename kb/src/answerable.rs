//! Can this question be answered from what was found? Decided before any LLM is asked.

use crate::{question::Question, retrieve::Retrieval};
use serde::{Deserialize, Serialize};

/// What the decision looks at: measured by the retriever, stored with recordings so that a calibration can be fitted
/// without searching again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Highest cosine of any passage.
    pub top_cosine: f32,
    /// Whether a curated rule matched exactly.
    pub rule_matched: bool,
}

impl Signals {
    /// The names of [`Signals::features`], in order.
    pub const NAMES: &[&str] = &["top_cosine"];

    /// What the calibrated probability is computed from. A matched rule is no feature: it decides by itself.
    pub fn features(&self) -> Vec<f64> {
        vec![f64::from(self.top_cosine)]
    }
}

/// What we may say about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The evidence covers it.
    Answered,
    /// The evidence covers a part, or only may apply.
    Partial,
    /// The evidence does not cover it.
    Unknown,
}

/// The decision with its reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Status.
    pub status: Status,
    /// Calibrated probability that the knowledge base covers the question, 0..1.
    pub confidence: f32,
    /// One English sentence.
    pub reason: String,
    /// What the question names and the knowledge base does not.
    pub missing: Vec<String>,
}

/// The fitted decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Version of features and formula; a calibration of another version is not used.
    pub decision_version: u32,
    /// Name of the embedding model it was fitted with.
    pub model: String,
    /// Version of the analyzer it was fitted with.
    pub analyzer_version: u32,
    /// Intercept first, then one coefficient a feature.
    pub coefficients: Vec<f64>,
    /// At and above: answered or partial. Below: unknown.
    pub threshold: f32,
    /// What it was fitted on, in words.
    pub fitted_on: String,
}

/// Version of [`Signals`] and of the formula.
pub const DECISION_VERSION: u32 = 1;

impl Calibration {
    /// The compiled-in default, fitted on public documentation, which must transfer to knowledge bases never seen.
    pub fn builtin() -> Self {
        Self {
            decision_version: DECISION_VERSION,
            model: "all-minilm-l6-v2-int8".to_owned(),
            analyzer_version: crate::analyzer::VERSION,
            coefficients: vec![-6.0, 12.0],
            threshold: 0.5,
            fitted_on: "not fitted yet".to_owned(),
        }
    }
}

/// Decides whether `retrieval` can answer `question`.
pub fn decide(question: &Question, retrieval: &Retrieval, calibration: &Calibration) -> Decision {
    let _ = question;
    let (intercept, slopes) = calibration.coefficients.split_first().unwrap_or((&0.0, &[]));
    let logit = intercept + slopes.iter().zip(retrieval.signals.features()).map(|(c, x)| c * x).sum::<f64>();
    let confidence = (1.0 / (1.0 + (-logit).exp())) as f32;
    let status = match retrieval.signals.rule_matched || confidence >= calibration.threshold {
        true => Status::Answered,
        false => Status::Unknown,
    };
    Decision { status, confidence, reason: String::new(), missing: Vec::new() }
}
