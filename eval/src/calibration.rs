//! Fits the decision to answer on labelled questions and reports its measures, on request of the half of the questions
//! that took no part in the fit. Pure: the runner measures the signals.
//!
//! Entry point: [`calibrate`]. Several knowledge bases and sets are pooled in one fit, because the result must hold for
//! knowledge bases never seen.

use crate::{
    abstention::{self, Abstention, Outcome},
    error::EvalError,
    logistic::{Example, FitError, fit, probability},
};
use kb::{
    answerable::{Calibration, DECISION_VERSION},
    retrieve::Signals,
    store::Identity,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// One question with the signals of its retrieval.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The pool it belongs to: a pair of sets against one corpus.
    pub group: String,
    /// The id of the question.
    pub query: String,
    /// The class it is reported under.
    pub class: String,
    /// Whether its corpus covers it.
    pub answerable: bool,
    /// The signals that the decision is based on.
    pub signals: Signals,
}

/// The options of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Strength of the penalty on coefficients of features scaled to unit variance.
    pub l2: f64,
    /// Percent of the answerable that must be answered at the threshold.
    pub answered_percent: usize,
    /// Fit on one half of the questions and report on the other.
    pub half: bool,
    /// Coefficients that are given rather than fitted, by the feature's name.
    pub held: Vec<(String, f64)>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { l2: 1.0, answered_percent: 95, half: false, held: Vec::new() }
    }
}

/// A fit with its measures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// The form that is stored with the knowledge base, or compiled in.
    pub calibration: Calibration,
    /// Coefficients by feature, the intercept first.
    pub coefficients: Vec<(String, f64)>,
    /// Number of questions fitted on.
    pub fitted: usize,
    /// The measures by group, over the questions reported on: the other half, or all.
    pub reported: BTreeMap<String, Abstention>,
}

/// Fits one decision for all observations.
///
/// Within each group both sides weigh the same, and groups weigh the same: otherwise the largest set would decide, and
/// the confidence would tell its size rather than whether a question is covered. Questions that a curated rule matches
/// are answered whatever the confidence, so they take no part.
pub fn calibrate(
    observations: &[Observation],
    identity: &Identity,
    options: &FitOptions,
) -> Result<Fit, EvalError> {
    let is_fitted_on = |observation: &Observation| !options.half || half_of(&observation.query) == 0;
    let fitted: Vec<&Observation> =
        observations.iter().filter(|o| is_fitted_on(o) && !o.signals.rule_matched).collect();
    let mut sides: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for observation in &fitted {
        *sides.entry((&observation.group, observation.answerable)).or_default() += 1;
    }
    let held = held_places(&options.held)?;
    let examples: Vec<Example> = fitted
        .iter()
        .map(|observation| Example {
            features: without_held(&observation.signals, &held),
            offset: held.iter().map(|(at, value)| value * observation.signals.features()[*at]).sum(),
            positive: observation.answerable,
            // Scaled so that weights sum to the number of examples: the penalty keeps its meaning.
            weight: fitted.len() as f64
                / (sides.len() * sides[&(observation.group.as_str(), observation.answerable)]) as f64,
        })
        .collect();
    let mut coefficients = fit(&examples, options.l2)?;
    if coefficients.len() != Signals::NAMES.len() + 1 {
        return Err(FitError::Features { at: 0, expected: Signals::NAMES.len() }.into());
    }
    for (at, value) in held {
        coefficients[at + 1] = value;
    }
    let confidence = |signals: &Signals| match signals.rule_matched {
        true => 1.0,
        false => probability(&coefficients, &signals.features()),
    };

    let threshold = pooled_threshold(&fitted, &confidence, options.answered_percent);
    let mut reported: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for observation in observations.iter().filter(|o| !options.half || half_of(&o.query) == 1) {
        let confidence = confidence(&observation.signals);
        reported.entry(observation.group.clone()).or_default().push(Outcome {
            query: observation.query.clone(),
            class: observation.class.clone(),
            answerable: observation.answerable,
            confidence,
            answered: confidence >= threshold,
            signals: observation.signals,
        });
    }
    let groups: Vec<&str> = reported.keys().map(String::as_str).collect();
    let half = if options.half { "half of " } else { "" };
    let calibration = Calibration {
        decision_version: DECISION_VERSION,
        model: identity.model.name.clone(),
        analyzer_version: identity.analyzer_version,
        coefficients: coefficients.clone(),
        threshold: threshold as f32,
        fitted_on: format!("{half}{} questions: {}", observations.len(), groups.join(", ")),
    };
    let names = std::iter::once("intercept").chain(Signals::NAMES.iter().copied()).map(str::to_owned);
    Ok(Fit {
        calibration,
        coefficients: names.zip(coefficients).collect(),
        fitted: fitted.len(),
        reported: reported
            .into_iter()
            .map(|(group, outcomes)| (group, abstention::evaluate(&outcomes)))
            .collect(),
    })
}

/// The places of the held coefficients among the features.
fn held_places(held: &[(String, f64)]) -> Result<Vec<(usize, f64)>, EvalError> {
    let place = |(name, value): &(String, f64)| {
        let at = Signals::NAMES.iter().position(|known| known == name);
        let unknown =
            || EvalError::Usage(format!("`{name}` is no feature; there are {}", Signals::NAMES.join(", ")));
        Ok((at.ok_or_else(unknown)?, *value))
    };
    held.iter().map(place).collect()
}

/// The features with 0 in place of those whose coefficient is held: the fit leaves out features that never change.
fn without_held(signals: &Signals, held: &[(usize, f64)]) -> Vec<f64> {
    let mut features = signals.features();
    held.iter().for_each(|(at, _)| features[*at] = 0.0);
    features
}

/// The threshold at which the wanted share of the answerable is answered, each group with equal weight: the mean of
/// the groups' own thresholds would let one odd group move it, so the pooled share decides. It lies halfway to the next
/// lower confidence, so that rounding does not refuse the very question it was set by.
fn pooled_threshold(fitted: &[&Observation], confidence: &impl Fn(&Signals) -> f64, percent: usize) -> f64 {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for observation in fitted.iter().filter(|o| o.answerable) {
        *sizes.entry(&observation.group).or_default() += 1;
    }
    let mut weighted: Vec<(f64, f64)> = fitted
        .iter()
        .map(|o| {
            let weight =
                if o.answerable { 1.0 / (sizes.len() * sizes[o.group.as_str()]) as f64 } else { 0.0 };
            (confidence(&o.signals), weight)
        })
        .collect();
    weighted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut share = 0.0;
    for (at, (confidence, weight)) in weighted.iter().enumerate() {
        share += weight;
        if share >= percent as f64 / 100.0 - 1e-9 {
            let next = weighted[at..].iter().map(|(next, _)| *next).find(|next| next < confidence);
            return (confidence + next.unwrap_or(0.0)) / 2.0;
        }
    }
    0.5
}

/// The half of a question, 0 or 1, by its id alone: an added question moves no other question to the other half.
fn half_of(query: &str) -> u8 {
    blake3::hash(query.as_bytes()).as_bytes()[0] & 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::store::ModelIdentity;

    fn identity() -> Identity {
        Identity::current(ModelIdentity {
            name: "m".to_owned(),
            dimensions: 4,
            hash: String::new(),
            pooling: String::new(),
            query_prefix: String::new(),
            passage_prefix: String::new(),
            max_tokens: 16,
            tokenizer: String::new(),
        })
    }

    fn observations() -> Vec<Observation> {
        let observation = |at: usize, answerable: bool, top_cosine: f32| Observation {
            group: if at.is_multiple_of(3) { "a" } else { "b" }.to_owned(),
            query: format!("{answerable}-{at}"),
            class: "all".to_owned(),
            answerable,
            signals: Signals { top_cosine, ..Signals::default() },
        };
        (0..60)
            .flat_map(|at| {
                let spread = (at as f32 * 0.37).sin() * 0.15;
                [observation(at, true, 0.7 + spread), observation(at, false, 0.35 + spread)]
            })
            .collect()
    }

    #[test]
    fn a_fit_separates_and_keeps_the_wanted_share() {
        let fit = calibrate(&observations(), &identity(), &FitOptions::default()).expect("both sides");
        assert_eq!(fit.coefficients.len(), Signals::NAMES.len() + 1);
        assert_eq!(fit.calibration.coefficients.len(), Signals::NAMES.len() + 1);
        for (group, measures) in &fit.reported {
            assert!(measures.auroc > 0.95, "{group} {measures:?}");
            assert!(measures.false_refusals <= 0.11, "{group} {measures:?}");
        }
        assert_eq!(fit.fitted, 120);
    }

    #[test]
    fn half_is_fitted_on_and_the_other_half_reported() {
        let options = FitOptions { half: true, ..FitOptions::default() };
        let fit = calibrate(&observations(), &identity(), &options).expect("both sides");
        let reported: usize =
            fit.reported.values().map(|measures| measures.num_answerable + measures.num_unanswerable).sum();
        assert_eq!(fit.fitted + reported, 120);
        assert!((40..=80).contains(&fit.fitted), "{}", fit.fitted);
        assert_eq!(calibrate(&observations(), &identity(), &options).expect("a fit"), fit);
    }

    #[test]
    fn rules_take_no_part_in_the_fit() {
        let mut with_rules = observations();
        for at in 0..10 {
            let mut observation = with_rules[0].clone();
            observation.query = format!("rule-{at}");
            observation.signals.rule_matched = true;
            observation.signals.top_cosine = 0.0;
            with_rules.push(observation);
        }
        let plain = calibrate(&observations(), &identity(), &FitOptions::default()).expect("a fit");
        let ruled = calibrate(&with_rules, &identity(), &FitOptions::default()).expect("a fit");
        assert_eq!(plain.calibration.coefficients, ruled.calibration.coefficients);
        assert_eq!(ruled.reported["a"].num_answerable, plain.reported["a"].num_answerable + 10);
    }

    #[test]
    fn a_held_coefficient_stays_and_the_others_are_fitted_around_it() {
        let mut alerts = observations();
        alerts.iter_mut().step_by(4).for_each(|observation| observation.signals.unknown_alert = 1.0);
        let held = vec![("unknown_alert".to_owned(), -3.0)];
        let fit =
            calibrate(&alerts, &identity(), &FitOptions { held, ..FitOptions::default() }).expect("a fit");
        let coefficient =
            |name: &str| fit.coefficients.iter().find(|(known, _)| known == name).map(|(_, c)| *c);
        assert_eq!(coefficient("unknown_alert"), Some(-3.0));
        assert!(coefficient("top_cosine").is_some_and(|c| c > 0.0));
        let held = vec![("no_such_feature".to_owned(), 1.0)];
        assert!(calibrate(&alerts, &identity(), &FitOptions { held, ..FitOptions::default() }).is_err());
    }

    #[test]
    fn one_side_alone_is_refused() {
        let one_side: Vec<Observation> = observations().into_iter().filter(|o| o.answerable).collect();
        assert!(calibrate(&one_side, &identity(), &FitOptions::default()).is_err());
    }
}
