//! How well answerable and unanswerable questions are told apart: AUROC, the risk-coverage curve, and the errors at a
//! threshold. Pure.
//!
//! Entry point: [`evaluate`]. Sources: El-Yaniv and Wiener, "On the foundations of noise-free selective
//! classification", JMLR 2010 (risk and coverage); Geifman et al., ICLR 2019 (AURC).

use kb::retrieve::Signals;
use serde::Serialize;
use std::collections::BTreeMap;

/// One question with the decision about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The id of the question.
    pub query: String,
    /// The group it is reported under, such as a product.
    pub class: String,
    /// Whether the knowledge base covers it, by its label.
    pub answerable: bool,
    /// Confidence that it does.
    pub confidence: f64,
    /// Whether it was answered: a status other than `unknown`.
    pub answered: bool,
    /// The signals that the decision was based on.
    pub signals: Signals,
}

/// A point of the risk-coverage curve: if only the most confident share `coverage` of the questions is answered, the
/// share `risk` of these should have been refused.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RiskCoverage {
    /// Share of questions answered, 0..1.
    pub coverage: f64,
    /// Share of those that are unanswerable, 0..1.
    pub risk: f64,
}

/// The errors within one class, as numbers of questions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClassErrors {
    /// Number of answerable questions.
    pub answerable: usize,
    /// Answerable questions that were refused.
    pub false_refusals: usize,
    /// Number of unanswerable questions.
    pub unanswerable: usize,
    /// Unanswerable questions that were answered.
    pub false_answers: usize,
}

/// The measures over one pair of question sets; shares are 0..1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Abstention {
    /// Probability that an answerable question is more confident than an unanswerable one; ties count half.
    pub auroc: f64,
    /// Mean risk over all coverages; less is better.
    pub aurc: f64,
    /// Share of the unanswerable at or above [`Abstention::threshold_at_95`].
    pub false_answers_at_95: f64,
    /// The highest threshold at which at least 95 % of the answerable score at or above it.
    pub threshold_at_95: f64,
    /// Share of the unanswerable that were answered, by the decision as it is configured.
    pub false_answers: f64,
    /// Share of the answerable that were refused, by the decision as it is configured.
    pub false_refusals: f64,
    /// Number of answerable questions.
    pub num_answerable: usize,
    /// Number of unanswerable questions.
    pub num_unanswerable: usize,
    /// The curve, by rising coverage, one point for each distinct confidence.
    pub curve: Vec<RiskCoverage>,
    /// The errors, by [`Outcome::class`].
    pub by_class: BTreeMap<String, ClassErrors>,
}

/// Computes every measure. Sets without a question on one side give 0 for the measures that need both.
pub fn evaluate(outcomes: &[Outcome]) -> Abstention {
    let confidences = |answerable: bool| -> Vec<f64> {
        outcomes.iter().filter(|o| o.answerable == answerable).map(|o| o.confidence).collect()
    };
    let (answerable, unanswerable) = (confidences(true), confidences(false));
    let threshold_at_95 = threshold_at_share(&answerable, 95);
    let at_or_above = unanswerable.iter().filter(|confidence| **confidence >= threshold_at_95).count();
    let (curve, aurc) = risk_coverage(outcomes);
    let mut by_class: BTreeMap<String, ClassErrors> = BTreeMap::new();
    for outcome in outcomes {
        let class = by_class.entry(outcome.class.clone()).or_default();
        match outcome.answerable {
            true => {
                class.answerable += 1;
                class.false_refusals += usize::from(!outcome.answered);
            }
            false => {
                class.unanswerable += 1;
                class.false_answers += usize::from(outcome.answered);
            }
        }
    }
    Abstention {
        auroc: auroc(&answerable, &unanswerable),
        aurc,
        false_answers_at_95: match answerable.is_empty() {
            true => 0.0,
            false => share(at_or_above, unanswerable.len()),
        },
        threshold_at_95,
        false_answers: share(by_class.values().map(|class| class.false_answers).sum(), unanswerable.len()),
        false_refusals: share(by_class.values().map(|class| class.false_refusals).sum(), answerable.len()),
        num_answerable: answerable.len(),
        num_unanswerable: unanswerable.len(),
        curve,
        by_class,
    }
}

/// The highest value at which at least `percent` of `values` are at or above it; 0 if there are no values.
pub fn threshold_at_share(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let needed = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(needed - 1).copied().unwrap_or(0.0)
}

/// The Mann-Whitney statistic over the number of pairs; 0 when a side is empty.
pub fn auroc(positive: &[f64], negative: &[f64]) -> f64 {
    if positive.is_empty() || negative.is_empty() {
        return 0.0;
    }
    let mut sorted = negative.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let wins: f64 = positive
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let up_to = sorted.partition_point(|other| other <= value);
            below as f64 + (up_to - below) as f64 / 2.0
        })
        .sum();
    wins / (positive.len() * negative.len()) as f64
}

/// The curve and the area under it. Questions of equal confidence cannot be ordered: the area takes the expectation
/// over their orders, so that it does not depend on the order of the input.
fn risk_coverage(outcomes: &[Outcome]) -> (Vec<RiskCoverage>, f64) {
    let mut sorted: Vec<(f64, bool)> = outcomes.iter().map(|o| (o.confidence, !o.answerable)).collect();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut curve, mut area) = (Vec::new(), 0.0);
    let (mut covered, mut wrong) = (0usize, 0usize);
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        let wrong_in_group = group.iter().filter(|(_, wrong)| *wrong).count();
        for step in 1..=group.len() {
            let expected = wrong as f64 + wrong_in_group as f64 * step as f64 / group.len() as f64;
            area += expected / (covered + step) as f64;
        }
        covered += group.len();
        wrong += wrong_in_group;
        curve.push(RiskCoverage { coverage: share(covered, sorted.len()), risk: share(wrong, covered) });
    }
    (curve, if sorted.is_empty() { 0.0 } else { area / sorted.len() as f64 })
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(answerable: &[f64], unanswerable: &[f64], threshold: f64) -> Vec<Outcome> {
        let outcome = |confidence: f64, answerable: bool| Outcome {
            query: String::new(),
            class: if answerable { "ours".to_owned() } else { "theirs".to_owned() },
            answerable,
            confidence,
            answered: confidence >= threshold,
            signals: Signals::default(),
        };
        answerable
            .iter()
            .map(|confidence| outcome(*confidence, true))
            .chain(unanswerable.iter().map(|confidence| outcome(*confidence, false)))
            .collect()
    }

    #[test]
    fn perfect_separation() {
        let found = evaluate(&outcomes(&[0.9, 0.8], &[0.2, 0.1], 0.5));
        assert_eq!((found.auroc, found.false_answers_at_95), (1.0, 0.0));
        assert_eq!((found.false_answers, found.false_refusals), (0.0, 0.0));
        // Risks at coverage 1/4..4/4: 0, 0, 1/3, 1/2.
        assert!((found.aurc - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn auroc_counts_ties_half() {
        assert_eq!(auroc(&[0.5], &[0.5]), 0.5);
        assert_eq!(auroc(&[0.9, 0.5], &[0.5, 0.1]), (2.0 + 1.5) / 4.0);
        assert_eq!(auroc(&[0.1], &[0.9]), 0.0);
        assert_eq!(auroc(&[], &[0.9]), 0.0);
    }

    #[test]
    fn the_threshold_keeps_95_percent_of_the_answerable() {
        // 20 answerable: 19 must stay, so the threshold is the 19th highest.
        let answerable: Vec<f64> = (1..=20).map(|i| f64::from(i) / 20.0).collect();
        assert_eq!(threshold_at_share(&answerable, 95), 0.1);
        // 21: 95 % are 19.95, so 20 must stay.
        let answerable: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
        assert_eq!(threshold_at_share(&answerable, 95), 0.05);
        assert_eq!(threshold_at_share(&[0.7], 95), 0.7);
        let found = evaluate(&outcomes(&answerable, &[0.05, 0.04, 0.0, 0.5], 0.3));
        assert_eq!(found.false_answers_at_95, 0.5);
        assert_eq!(found.false_answers, 0.25);
        assert_eq!(found.false_refusals, 6.0 / 21.0);
        assert_eq!(found.by_class["theirs"].false_answers, 1);
        assert_eq!(found.by_class["ours"].false_refusals, 6);
    }

    #[test]
    fn equal_confidences_give_one_point_and_no_order() {
        let mut mixed = outcomes(&[0.5, 0.5], &[0.5, 0.5], 0.6);
        let found = evaluate(&mixed);
        assert_eq!(found.curve, [RiskCoverage { coverage: 1.0, risk: 0.5 }]);
        assert!((found.aurc - 0.5).abs() < 1e-12);
        mixed.reverse();
        assert_eq!(evaluate(&mixed), found);
    }

    #[test]
    fn empty_sides_do_not_panic() {
        assert_eq!(evaluate(&[]).aurc, 0.0);
        assert_eq!(evaluate(&outcomes(&[], &[0.4], 0.1)).false_answers_at_95, 0.0);
        assert_eq!(evaluate(&outcomes(&[0.4], &[], 0.1)).false_answers, 0.0);
    }
}
