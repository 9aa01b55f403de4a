//! The conditions that a change must meet to pass: absolute bounds, and no loss against the baseline beyond the
//! tolerance. Pure.

use crate::{
    metrics::mean,
    results::{
        AbstentionResult, Bound, CasesResult, FidelityResult, Gate, RepliesResult, SetComparison, SetResult,
        SupportResult,
    },
    suite::{AbstentionSpec, CaseFloors, FidelitySpec, RepliesSpec, SetSpec, SupportSpec},
};
/// The floors of a set, and its comparison with the baseline.
pub fn of_set(spec: Option<&SetSpec>, result: &SetResult, tolerance: f64) -> Vec<Gate> {
    let mut gates = Vec::new();
    if let Some(spec) = spec {
        let headline = result.headline();
        gates.extend(spec.floors.iter().map(|(metric, floor)| {
            Gate::new(&result.name, metric.name(), headline.get(*metric), Bound::AtLeast(*floor))
        }));
        gates.extend(spec.evidence_recall_floor.map(|floor| {
            Gate::new(&result.name, "evidence recall", result.evidence_recall, Bound::AtLeast(floor))
        }));
    }
    gates.extend(of_comparison(&result.name, "ndcg@10", result.comparison.as_ref(), tolerance));
    gates
}

/// The ceilings of an abstention pair.
pub fn of_abstention(spec: &AbstentionSpec, result: &AbstentionResult) -> Vec<Gate> {
    spec.ceilings
        .checks(&result.measures)
        .into_iter()
        .map(|(what, found, bound, more_is_better)| {
            let bound = if more_is_better { Bound::AtLeast(bound) } else { Bound::AtMost(bound) };
            Gate::new(&result.name, what, found, bound)
        })
        .collect()
}

/// The bounds on section fidelity.
pub fn of_fidelity(spec: &FidelitySpec, result: &FidelityResult) -> Vec<Gate> {
    let named = result.figures.named();
    let found =
        |name: &str| named.iter().find(|(figure, _)| *figure == name).map_or(f64::NAN, |(_, value)| *value);
    let floors = spec.floors.iter().map(|(name, least)| (name, Bound::AtLeast(*least)));
    let ceilings = spec.ceilings.iter().map(|(name, most)| (name, Bound::AtMost(*most)));
    let bounds = floors.chain(ceilings);
    let mut gates: Vec<Gate> =
        bounds.map(|(name, bound)| Gate::new(&result.name, name, found(name), bound)).collect();
    if !gates.is_empty() {
        // Without questions the shares are 0, and ceilings would hold by chance.
        let questions = result.questions.len() as f64;
        gates.push(Gate::new(&result.name, "questions", questions, Bound::AtLeast(1.0)));
    }
    gates
}

/// The bounds on what the checks do to given replies.
pub fn of_replies(spec: &RepliesSpec, result: &RepliesResult) -> Vec<Gate> {
    let named = result.figures.named();
    let found =
        |name: &str| named.iter().find(|(figure, _)| *figure == name).map_or(f64::NAN, |(_, value)| *value);
    let bounds = spec.ceilings.iter();
    bounds.map(|(name, most)| Gate::new(&result.name, name, found(name), Bound::AtMost(*most))).collect()
}

/// The bounds on how well the checks tell true sentences from untrue ones.
pub fn of_support(spec: &SupportSpec, result: &SupportResult) -> Vec<Gate> {
    let named = result.figures.named();
    let found =
        |name: &str| named.iter().find(|(figure, _)| *figure == name).map_or(f64::NAN, |(_, value)| *value);
    let floors = spec.floors.iter().map(|(name, least)| (name, Bound::AtLeast(*least)));
    let ceilings = spec.ceilings.iter().map(|(name, most)| (name, Bound::AtMost(*most)));
    floors.chain(ceilings).map(|(name, bound)| Gate::new(&result.name, name, found(name), bound)).collect()
}

/// The floors of the cases together.
pub fn of_cases(
    floors: &CaseFloors,
    result: &CasesResult,
    retrieval: Option<&SetResult>,
    tolerance: f64,
) -> Vec<Gate> {
    let over = |values: Vec<Option<f64>>| -> f64 {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        crate::statistics::mean(&values)
    };
    let cases = &result.cases;
    let passed = over(cases.iter().map(|case| Some(f64::from(u8::from(case.passed())))).collect());
    let mut gates =
        vec![Gate::new("cases", "share passed", passed, Bound::AtLeast(floors.passed.unwrap_or(1.0)))];
    gates.extend(floors.ndcg_10.map(|floor| {
        let found = retrieval.map(|set| mean(set.queries.iter().map(|query| query.headline())).ndcg_10);
        Gate::new("cases", "ndcg@10", found.unwrap_or(0.0), Bound::AtLeast(floor))
    }));
    gates.extend(floors.citation_precision.map(|floor| {
        let found = over(cases.iter().map(|case| case.citation_precision).collect());
        Gate::new("cases", "citation precision", found, Bound::AtLeast(floor))
    }));
    gates.extend(floors.citation_recall.map(|floor| {
        let found = over(cases.iter().map(|case| case.citation_recall).collect());
        Gate::new("cases", "citation recall", found, Bound::AtLeast(floor))
    }));
    gates.extend(of_comparison("cases", "share passed", result.comparison.as_ref(), tolerance));
    gates
}

fn of_comparison(of: &str, what: &str, comparison: Option<&SetComparison>, tolerance: f64) -> Option<Gate> {
    let low = comparison?.statistics.interval.low;
    Some(Gate::new(of, &format!("{what}, change (lower end)"), low, Bound::AtLeast(-tolerance)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::compare;

    #[test]
    fn bounds_hold_on_their_side_and_at_the_printed_figure() {
        for (found, bound, passed) in [
            (0.95, Bound::AtLeast(0.95), true),
            (0.949_96, Bound::AtLeast(0.95), true),
            (0.949_9, Bound::AtLeast(0.95), false),
            (0.01, Bound::AtMost(0.01), true),
            (0.02, Bound::AtMost(0.01), false),
            (f64::NAN, Bound::AtLeast(0.0), false),
        ] {
            assert_eq!(Gate::new("s", "m", found, bound).passed, passed, "{found} {bound:?}");
        }
    }

    #[test]
    fn a_loss_beyond_the_tolerance_fails_and_none_passes() {
        let check = |now: &[f64], before: &[f64]| {
            let statistics = compare(now, before);
            let comparison = SetComparison { statistics, lost: Vec::new(), found: Vec::new() };
            of_comparison("s", "ndcg@10", Some(&comparison), 0.02).expect("there is a comparison").passed
        };
        let before = vec![1.0; 50];
        assert!(check(&before, &before));
        assert!(!check(&vec![0.9; 50], &before));
        let better: Vec<f64> = vec![1.0; 50];
        assert!(check(&better, &vec![0.5; 50]));
        assert_eq!(of_comparison("s", "m", None, 0.02), None);
    }
}
