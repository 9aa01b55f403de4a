//! Can this question be answered from what was found? Decided before any LLM is asked.

use crate::{
    question::{Question, is_error_code},
    retrieve::{Options, Retrieval, RetrieveError, Retriever, Signals},
    store::View,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The kinds of answer that the evidence for a question allows.
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

impl Status {
    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
        }
    }
}

/// The decision with its reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The kind of answer that the evidence allows.
    pub status: Status,
    /// Calibrated probability that the knowledge base covers the question, 0..1.
    pub confidence: f32,
    /// The reason, as one English sentence.
    pub reason: String,
    /// The names in the question that occur nowhere in the knowledge base.
    pub missing: Vec<String>,
}

/// The coefficients of the fitted decision.
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
    /// A description in words of the data that it was fitted on.
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

/// A retrieval with the decision that it allows.
pub struct Decided {
    /// The result of the search that the decision is about.
    pub retrieval: Retrieval,
    /// Whether it answers the question.
    pub decision: Decision,
}

impl AsRef<Retrieval> for Decided {
    fn as_ref(&self) -> &Retrieval {
        &self.retrieval
    }
}

impl Retriever {
    /// Searches one view for one question and decides whether the result answers it. If the documents do not seem to
    /// cover the question, and it has terms that English documents know, the search is repeated once with the English
    /// words.
    pub async fn decide(
        &self,
        view: Arc<dyn View>,
        question: &Question,
        options: &Options,
        calibration: &Calibration,
    ) -> Result<Decided, RetrieveError> {
        let found = self.retrieve(Arc::clone(&view), question, options).await?;
        let decision = decide(&found, calibration);
        if decision.status != Status::Unknown {
            return Ok(Decided { retrieval: found, decision });
        }
        let Some(english) = question.in_english() else {
            return Ok(Decided { retrieval: found, decision });
        };
        let found_so = self.retrieve(view, &english, options).await?;
        let decision_so = decide(&found_so, calibration);
        match decision_so.status {
            Status::Unknown => Ok(Decided { retrieval: found, decision }),
            Status::Answered | Status::Partial => Ok(Decided { retrieval: found_so, decision: decision_so }),
        }
    }
}

/// Decides whether `retrieval` can answer a question.
///
/// A curated rule that matches decides by itself; one that may match behind an anonymised name makes the answer partial
/// at least. Otherwise the calibrated probability decides.
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
    // People look up an error by its codes, so a page about other codes covers the question only in part.
    let is_other_code = missing.iter().any(|name| is_error_code(name));
    if above < PARTIAL_LOG_ODDS || is_other_code {
        let reason = format!("`{best}` covers a part of the question{absent}");
        return decided(Status::Partial, probability, reason);
    }
    decided(Status::Answered, probability, format!("`{best}` covers the question"))
}

/// A rule that was written for this very case gives the highest confidence.
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
