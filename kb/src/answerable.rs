//! Can this question be answered from what was found? Decided before any LLM is asked.

use crate::{question::is_error_code, retrieve::Retrieval};
use serde::{Deserialize, Serialize};

/// What the decision looks at: measured by the retriever, stored with recordings so that a calibration can be fitted
/// without searching again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Highest cosine of any passage.
    pub top_cosine: f32,
    /// √(best passage's BM25 / the most that the question's terms can score): how much of the question one passage says.
    pub bm25_share: f32,
    /// ln(number of distinct terms): longer questions match more by chance.
    pub log_terms: f32,
    /// Highest BM25 among the titles of the first three documents, as a share of the most it can be.
    pub title_share: f32,
    /// Share of the question's terms, by rarity, that the first document has anywhere.
    pub coverage: f32,
    /// Share of the question's letters in words of a language that the default embedding model does not read.
    pub unread_share: f32,
    /// ln(number of passages searched): the best of many is nearer by chance than the best of few.
    pub log_passages: f32,
    /// 1 when the question names alerts and none of them occurs in any document, else 0.
    pub unknown_alert: f32,
    /// Whether a curated rule matched exactly.
    pub rule_matched: bool,
    /// Whether a curated rule may match behind anonymised names.
    pub rule_behind_stand_in: bool,
}

impl Signals {
    /// The names of [`Signals::features`], in order.
    pub const NAMES: &[&str] = &[
        "top_cosine",
        "bm25_share",
        "log_terms",
        "title_share",
        "coverage",
        "unread_share",
        "log_passages",
        "unknown_alert",
        "unread_cosine",
        "unread_coverage",
    ];

    /// What the calibrated probability is computed from. A matched rule is no feature: it decides by itself. Where the
    /// model does not read the question, its cosine tells less, and the words tell more: both have a slope of their own.
    pub fn features(&self) -> Vec<f64> {
        let Self { top_cosine, bm25_share, log_terms, title_share, coverage, .. } = *self;
        let Self { unread_share, log_passages, unknown_alert, .. } = *self;
        let plain = [
            top_cosine,
            bm25_share,
            log_terms,
            title_share,
            coverage,
            unread_share,
            log_passages,
            unknown_alert,
        ];
        let products = [unread_share * top_cosine, unread_share * coverage];
        plain.into_iter().chain(products).map(f64::from).collect()
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
pub const DECISION_VERSION: u32 = 4;

/// A question this little above the threshold, in log-odds, is answered in part only.
const PARTIAL_LOG_ODDS: f64 = 1.0;

impl Calibration {
    /// The compiled-in default, fitted on public documentation, which must transfer to knowledge bases never seen.
    pub fn builtin() -> Self {
        Self {
            decision_version: DECISION_VERSION,
            model: "all-minilm-l6-v2-int8".to_owned(),
            analyzer_version: crate::analyzer::VERSION,
            coefficients: vec![-13.28, 13.68, 11.82, 1.83, 1.92, 2.46, -1.88, -0.57, -3.0, -3.57, 2.93],
            threshold: 0.6,
            fitted_on:
                "documentation of Kubernetes, runbooks and catalogues of alerts, whole and in parts, failures as k8sgpt writes them, and handbooks in Vietnamese, Indonesian and both Chinese scripts"
                    .to_owned(),
        }
    }

    /// Log-odds that the knowledge base covers a question.
    fn log_odds(&self, signals: &Signals) -> f64 {
        let (intercept, slopes) = self.coefficients.split_first().unwrap_or((&0.0, &[]));
        intercept + slopes.iter().zip(signals.features()).map(|(slope, feature)| slope * feature).sum::<f64>()
    }
}

/// Decides whether `retrieval` can answer a question.
///
/// A curated rule that matches decides by itself; one that may match behind an anonymised name makes the answer partial at
/// least. Otherwise the calibrated probability decides.
pub fn decide(retrieval: &Retrieval, calibration: &Calibration) -> Decision {
    let signals = &retrieval.signals;
    let log_odds = calibration.log_odds(signals);
    let probability = (1.0 / (1.0 + (-log_odds).exp())) as f32;
    let threshold = f64::from(calibration.threshold).clamp(1e-6, 1.0 - 1e-6);
    let above = log_odds - (threshold / (1.0 - threshold)).ln();
    let best = retrieval.hits.first().map(|hit| hit.document.meta.title.as_str());
    let missing = retrieval.absent.clone();
    let decided = |status, confidence, reason: String| Decision {
        status,
        confidence,
        reason,
        missing: missing.clone(),
    };
    let Some(best) = best else {
        return decided(
            Status::Unknown,
            0.0,
            "the knowledge base has no document that is like the question".to_owned(),
        );
    };
    let absent = match missing.as_slice() {
        [] => String::new(),
        names => format!("; no document mentions {}", names.join(", ")),
    };
    if signals.rule_matched {
        let reason = format!("`{best}` says that it applies to exactly this");
        return decided(Status::Answered, probability.max(RULE_CONFIDENCE), reason);
    }
    if signals.rule_behind_stand_in {
        let reason = format!("names are masked, and `{best}` may apply to this object");
        return decided(Status::Partial, probability, reason);
    }
    if above < 0.0 {
        let reason =
            format!("the nearest document, `{best}`, is not near enough to cover the question{absent}");
        return decided(Status::Unknown, probability, reason);
    }
    // Its codes are what an error is looked up by: a page about others may cover it in part.
    let is_other_code = missing.iter().any(|name| is_error_code(name));
    if above < PARTIAL_LOG_ODDS || is_other_code {
        let reason = format!("`{best}` covers a part of the question{absent}");
        return decided(Status::Partial, probability, reason);
    }
    decided(Status::Answered, probability, format!("`{best}` covers the question"))
}

/// A rule that somebody wrote for this very case is as sure as anything gets.
const RULE_CONFIDENCE: f32 = 0.99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_name_and_a_coefficient() {
        assert_eq!(Signals::default().features().len(), Signals::NAMES.len());
        assert_eq!(Calibration::builtin().coefficients.len(), Signals::NAMES.len() + 1);
    }
}
