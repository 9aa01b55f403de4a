//! The quality of a ranking: the measures of `trec_eval`, computed as it computes them. Pure.
//!
//! Entry points: [`score`] for one query, [`mean`] over a set. [`crate::labels`] decides whether a ranking holds
//! documents, directories or passages; here each of them is a *unit* with a name.
//!
//! To add a metric: a field of [`Metrics`], which then is in `report.json`; its formula in [`score`] and its sum in
//! [`mean`]; a variant of [`Metric`] at the end of [`Metric::ALL`], by whose name suites set floors; and a column in
//! the tables of [`crate::report`].

use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashSet},
};

/// The units that answer a query, with their grades. A grade above 0 is relevant; 0 and below is judged not relevant.
pub type Relevance = BTreeMap<String, i32>;

/// Depth of nDCG, of the larger recall and of MRR.
const DEPTH: usize = 10;

/// The measures of one query, or their mean over queries; every value is 0..1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Normalised discounted cumulative gain of the first ten, gain linear in the grade: `ndcg_cut_10`.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
    /// Share of the relevant units among the first five: `recall_5`.
    #[serde(rename = "recall@5")]
    pub recall_5: f64,
    /// Share of the relevant units among the first ten: `recall_10`.
    #[serde(rename = "recall@10")]
    pub recall_10: f64,
    /// 1 / rank of the first relevant unit among the first ten, else 0: `recip_rank` of a run cut at ten (`-M 10`).
    #[serde(rename = "mrr@10")]
    pub mrr_10: f64,
    /// Average precision over the whole ranking: `map`.
    pub map: f64,
}

/// The name of one of [`Metrics`], for floors, gates and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Metric {
    /// The metric [`Metrics::ndcg_10`].
    #[serde(rename = "ndcg@10")]
    Ndcg10,
    /// The metric [`Metrics::recall_5`].
    #[serde(rename = "recall@5")]
    Recall5,
    /// The metric [`Metrics::recall_10`].
    #[serde(rename = "recall@10")]
    Recall10,
    /// The metric [`Metrics::mrr_10`].
    #[serde(rename = "mrr@10")]
    Mrr10,
    /// The metric [`Metrics::map`].
    #[serde(rename = "map")]
    Map,
}

impl Metric {
    /// Every metric, in the order of the tables.
    pub const ALL: [Metric; 5] =
        [Metric::Ndcg10, Metric::Recall5, Metric::Recall10, Metric::Mrr10, Metric::Map];

    /// The name in JSON, suites and tables.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Ndcg10 => "ndcg@10",
            Metric::Recall5 => "recall@5",
            Metric::Recall10 => "recall@10",
            Metric::Mrr10 => "mrr@10",
            Metric::Map => "map",
        }
    }
}

impl Metrics {
    /// The value of one metric.
    pub fn get(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Ndcg10 => self.ndcg_10,
            Metric::Recall5 => self.recall_5,
            Metric::Recall10 => self.recall_10,
            Metric::Mrr10 => self.mrr_10,
            Metric::Map => self.map,
        }
    }
}

/// Scores one ranking, best first. A unit that comes again counts once, at its first place. An empty ranking, and a
/// query without any relevant unit, score 0, as in `trec_eval -c`.
pub fn score<'a>(ranking: impl IntoIterator<Item = &'a str>, relevance: &Relevance) -> Metrics {
    let mut grades: Vec<i32> = relevance.values().copied().filter(|grade| *grade > 0).collect();
    let num_relevant = grades.len();
    if num_relevant == 0 {
        return Metrics::default();
    }
    grades.sort_unstable_by(|a, b| b.cmp(a));
    let ideal: f64 = grades.iter().take(DEPTH).enumerate().map(|(at, grade)| gain(*grade, at)).sum();

    let mut seen = HashSet::new();
    let (mut dcg, mut precisions, mut reciprocal_rank) = (0.0, 0.0, 0.0);
    let (mut found, mut found_at_5, mut found_at_10) = (0usize, 0usize, 0usize);
    for (at, unit) in ranking.into_iter().filter(|unit| seen.insert(*unit)).enumerate() {
        let grade = relevance.get(unit).copied().unwrap_or(0);
        if grade <= 0 {
            continue;
        }
        found += 1;
        precisions += found as f64 / (at + 1) as f64;
        if at < 5 {
            found_at_5 = found;
        }
        if at < DEPTH {
            found_at_10 = found;
            dcg += gain(grade, at);
            if reciprocal_rank == 0.0 {
                reciprocal_rank = 1.0 / (at + 1) as f64;
            }
        }
    }
    let relevant = num_relevant as f64;
    Metrics {
        ndcg_10: dcg / ideal,
        recall_5: found_at_5 as f64 / relevant,
        recall_10: found_at_10 as f64 / relevant,
        mrr_10: reciprocal_rank,
        map: precisions / relevant,
    }
}

/// The mean over queries, each with equal weight; zeros if there are no queries.
pub fn mean(queries: impl IntoIterator<Item = Metrics>) -> Metrics {
    let (mut sum, mut count) = (Metrics::default(), 0usize);
    for metrics in queries {
        sum.ndcg_10 += metrics.ndcg_10;
        sum.recall_5 += metrics.recall_5;
        sum.recall_10 += metrics.recall_10;
        sum.mrr_10 += metrics.mrr_10;
        sum.map += metrics.map;
        count += 1;
    }
    let count = count.max(1) as f64;
    Metrics {
        ndcg_10: sum.ndcg_10 / count,
        recall_5: sum.recall_5 / count,
        recall_10: sum.recall_10 / count,
        mrr_10: sum.mrr_10 / count,
        map: sum.map / count,
    }
}

/// The order of `trec_eval`: higher score first, equal scores by name, the *later* name first.
pub fn trec_order(a: (&str, f32), b: (&str, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then_with(|| b.0.cmp(a.0))
}

/// Position of the first relevant unit, from 1.
pub fn first_relevant_rank<'a>(
    ranking: impl IntoIterator<Item = &'a str>,
    relevance: &Relevance,
) -> Option<usize> {
    let mut seen = HashSet::new();
    ranking
        .into_iter()
        .filter(|unit| seen.insert(*unit))
        .position(|unit| relevance.get(unit).is_some_and(|grade| *grade > 0))
        .map(|at| at + 1)
}

/// The gain of a unit of this grade at this position, counted from 0.
fn gain(grade: i32, at: usize) -> f64 {
    f64::from(grade) / ((at + 2) as f64).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relevance(units: &[(&str, i32)]) -> Relevance {
        units.iter().map(|(unit, grade)| ((*unit).to_owned(), *grade)).collect()
    }

    fn check(ranking: &str, relevant: &[(&str, i32)], expected: [f64; 5]) {
        let found = score(ranking.split_whitespace(), &relevance(relevant));
        for (metric, expected) in Metric::ALL.into_iter().zip(expected) {
            let found = found.get(metric);
            assert!(
                (found - expected).abs() < 5e-5,
                "{ranking}: {} is {found}, not {expected}",
                metric.name()
            );
        }
    }

    /// Worked by hand from the definitions in trec_eval's m_ndcg_cut.c, m_recall.c, m_recip_rank.c and m_map.c.
    #[test]
    fn figures_worked_by_hand() {
        // Everything right: dcg = ideal.
        check("a", &[("a", 1)], [1.0, 1.0, 1.0, 1.0, 1.0]);
        // Second place: 1 / log2(3) = 0.6309.
        check("x a", &[("a", 1)], [0.6309, 1.0, 1.0, 0.5, 0.5]);
        // Graded, linear gain: dcg = 1/log2(2) + 2/log2(4) = 2; ideal = 2/log2(2) + 1/log2(3) = 2.6309;
        // ap = (1/1 + 2/3) / 2.
        check("b x a", &[("a", 2), ("b", 1)], [0.7602, 1.0, 1.0, 1.0, 0.8333]);
        // Sixth of six: outside the first five. 1 / log2(7) = 0.3562.
        check("1 2 3 4 5 a", &[("a", 1)], [0.3562, 0.0, 1.0, 0.1667, 0.1667]);
        // Eleventh: only map sees it.
        check("1 2 3 4 5 6 7 8 9 10 a", &[("a", 3)], [0.0, 0.0, 0.0, 0.0, 0.0909]);
        // One of two is missing: ideal = 1 + 0.6309.
        check("a", &[("a", 1), ("b", 1)], [0.6131, 0.5, 0.5, 1.0, 0.5]);
        // Judged not relevant counts neither as found nor as wanted.
        check("n a", &[("n", 0), ("a", 1), ("m", -1)], [0.6309, 1.0, 1.0, 0.5, 0.5]);
    }

    #[test]
    fn a_missing_run_scores_nothing() {
        check("", &[("a", 1)], [0.0; 5]);
        check("a", &[], [0.0; 5]);
        check("a", &[("a", 0)], [0.0; 5]);
    }

    #[test]
    fn a_repeated_unit_counts_once_and_takes_no_place() {
        check("x x a", &[("a", 1)], [0.6309, 1.0, 1.0, 0.5, 0.5]);
        check("a a", &[("a", 1)], [1.0; 5]);
    }

    #[test]
    fn ideal_is_cut_at_ten() {
        let many: Vec<(String, i32)> = (0..20).map(|i| (format!("d{i:02}"), 1)).collect();
        let many: Vec<(&str, i32)> = many.iter().map(|(unit, grade)| (unit.as_str(), *grade)).collect();
        let ranking: Vec<&str> = many.iter().map(|(unit, _)| *unit).collect();
        check(&ranking.join(" "), &many, [1.0, 0.25, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn ties_are_broken_as_trec_eval_does() {
        let mut run = [("a", 1.0), ("c", 1.0), ("b", 2.0), ("d", 1.0)];
        run.sort_by(|a, b| trec_order(*a, *b));
        assert_eq!(run.iter().map(|(unit, _)| *unit).collect::<Vec<_>>(), ["b", "d", "c", "a"]);
    }

    #[test]
    fn the_mean_gives_every_query_equal_weight() {
        let one = score(["a"], &relevance(&[("a", 1)]));
        let none = score([], &relevance(&[("a", 1), ("b", 2)]));
        assert_eq!(mean([one, none]).ndcg_10, 0.5);
        assert_eq!(mean([]).map, 0.0);
    }

    #[test]
    fn rank_of_the_first_relevant() {
        let relevant = relevance(&[("a", 1), ("n", 0)]);
        assert_eq!(first_relevant_rank(["n", "x", "x", "a"], &relevant), Some(3));
        assert_eq!(first_relevant_rank(["n"], &relevant), None);
    }
}
