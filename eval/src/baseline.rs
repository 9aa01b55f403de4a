//! The figures of an earlier run, query by query, with the hashes of their corpora, questions and model. A baseline is
//! committed with the suite; figures with other hashes are never compared with it.

use crate::{
    error::EvalError,
    files::read_text,
    results::{CasesResult, RunResult, SetComparison, SetResult},
    statistics::compare,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// Version of the file's layout.
const FORMAT_VERSION: u32 = 1;

/// The content of a baseline file, in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format_version: u32,
    /// The name of the suite that was run.
    pub suite: String,
    /// The embedding model, by name; the hash decides.
    pub model: String,
    /// Hash of the embedding model's identity.
    pub model_hash: String,
    /// Hash of what the suite fixes.
    pub configuration: String,
    /// The figures by set; under [`CASES`] those of the cases.
    pub series: BTreeMap<String, Series>,
}

/// The figures of one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Hash of the documents.
    pub corpus: String,
    /// Hash of questions and labels.
    pub set: String,
    /// The figure of each query, by its id: nDCG@10 of the headline stage; of a case 1 where it passes, else 0.
    pub values: BTreeMap<String, f64>,
}

/// The name of the series of the cases that pass. A colon keeps it apart from the names of sets.
pub const CASES: &str = "cases: passed";

impl Baseline {
    /// The figures of a run, to six decimals.
    pub fn of(run: &RunResult) -> Self {
        let mut series: BTreeMap<String, Series> =
            run.sets.iter().map(|set| (set.name.clone(), series_of_set(set))).collect();
        if let Some(cases) = &run.cases {
            series.insert(CASES.to_owned(), series_of_cases(cases));
        }
        Self {
            format_version: FORMAT_VERSION,
            suite: run.suite.clone(),
            model: run.model.clone(),
            model_hash: run.model_hash.clone(),
            configuration: run.configuration.clone(),
            series,
        }
    }

    /// Reads a baseline file.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let baseline: Baseline = serde_json::from_str(&read_text(path)?)
            .map_err(|error| EvalError::data(path, format!("is not a baseline: {error}")))?;
        match baseline.format_version {
            FORMAT_VERSION => Ok(baseline),
            other => Err(EvalError::Baseline {
                path: path.to_owned(),
                what: "format".to_owned(),
                found: other.to_string(),
                expected: FORMAT_VERSION.to_string(),
            }),
        }
    }

    /// Writes the file; an older one is replaced only by a complete one.
    pub fn write(&self, path: &Path) -> Result<(), EvalError> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| EvalError::data(path, format!("could not be serialised: {error}")))?;
        text.push('\n');
        let partial = path.with_extension("partial");
        fs::write(&partial, text).map_err(EvalError::io("write", &partial))?;
        fs::rename(&partial, path).map_err(EvalError::io("replace", path))
    }

    /// Adds its comparison to each set of the run. If corpora, questions, model or configuration differ, nothing is
    /// added and the error names the difference; `path` is for its message.
    pub fn compare(&self, run: &mut RunResult, path: &Path) -> Result<(), EvalError> {
        let now = Baseline::of(run);
        let refuse = |what: &str, found: &str, expected: &str| match found == expected {
            true => Ok(()),
            false => Err(EvalError::Baseline {
                path: path.to_owned(),
                what: what.to_owned(),
                found: short(found),
                expected: short(expected),
            }),
        };
        refuse("suite", &self.suite, &now.suite)?;
        refuse("embedding model", &self.model, &now.model)?;
        refuse("embedding model's files", &self.model_hash, &now.model_hash)?;
        refuse("configuration", &self.configuration, &now.configuration)?;
        let names = |baseline: &Baseline| baseline.series.keys().cloned().collect::<Vec<_>>().join(", ");
        refuse("choice of sets", &names(self), &names(&now))?;
        for (name, before) in &self.series {
            let now = &now.series[name];
            refuse(&format!("corpus for `{name}`"), &before.corpus, &now.corpus)?;
            refuse(&format!("set of questions for `{name}`"), &before.set, &now.set)?;
        }
        for set in &mut run.sets {
            set.comparison = Some(self.series[&set.name].compared_with(&now.series[&set.name]));
        }
        if let Some(cases) = &mut run.cases {
            cases.comparison = Some(self.series[CASES].compared_with(&now.series[CASES]));
        }
        Ok(())
    }
}

impl Series {
    /// The comparison of `now` with this baseline. A query that one side lacks counts 0 there.
    fn compared_with(&self, now: &Series) -> SetComparison {
        let queries: std::collections::BTreeSet<&String> =
            self.values.keys().chain(now.values.keys()).collect();
        let value = |series: &Series, query: &String| series.values.get(query).copied().unwrap_or(0.0);
        let before: Vec<f64> = queries.iter().map(|query| value(self, query)).collect();
        let after: Vec<f64> = queries.iter().map(|query| value(now, query)).collect();
        let flipped = |from: &[f64], to: &[f64]| -> Vec<String> {
            let pairs = queries.iter().zip(from.iter().zip(to));
            pairs.filter(|(_, (a, b))| **a > 0.0 && **b == 0.0).map(|(query, _)| (*query).clone()).collect()
        };
        SetComparison {
            statistics: compare(&after, &before),
            lost: flipped(&before, &after),
            found: flipped(&after, &before),
        }
    }
}

fn series_of_set(set: &SetResult) -> Series {
    let values = set.queries.iter().map(|query| (query.query.clone(), rounded(query.headline().ndcg_10)));
    Series { corpus: set.corpus.clone(), set: set.set.clone(), values: values.collect() }
}

fn series_of_cases(cases: &CasesResult) -> Series {
    let values = cases.cases.iter().map(|case| (case.case.clone(), f64::from(u8::from(case.passed()))));
    Series { corpus: cases.corpus.clone(), set: cases.set.clone(), values: values.collect() }
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The start of a hash, or the whole of anything shorter.
fn short(text: &str) -> String {
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => text[..12].to_owned(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn a_run_compares_with_its_own_baseline_as_equal() {
        let mut run = sample();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("baseline.json");
        Baseline::of(&run).write(&path).expect("a file");
        Baseline::read(&path).expect("the file just written").compare(&mut run, &path).expect("equal inputs");
        let comparison = run.sets[0].comparison.as_ref().expect("a comparison");
        assert_eq!((comparison.statistics.difference, comparison.lost.len()), (0.0, 0));
    }

    #[test]
    fn lost_queries_are_named() {
        let mut run = sample();
        let mut baseline = Baseline::of(&run);
        let query = run.sets[0].queries[0].query.clone();
        baseline.series.get_mut(&run.sets[0].name).expect("the set").values.insert(query.clone(), 0.0);
        baseline.compare(&mut run, Path::new("b.json")).expect("equal inputs");
        assert_eq!(run.sets[0].comparison.as_ref().expect("a comparison").found, [query]);
    }

    #[test]
    fn anything_measured_on_something_else_is_refused() {
        type Change = fn(&mut Baseline);
        let changes: [(&str, Change); 5] = [
            ("embedding model", |b| b.model = "another".into()),
            ("embedding model's files", |b| b.model_hash = "another".into()),
            ("configuration", |b| b.configuration = "another".into()),
            ("choice of sets", |b| {
                b.series.pop_first();
            }),
            ("corpus for", |b| {
                for series in b.series.values_mut() {
                    series.corpus = "another".into();
                }
            }),
        ];
        for (what, change) in changes {
            let mut run = sample();
            let mut baseline = Baseline::of(&run);
            change(&mut baseline);
            let error =
                baseline.compare(&mut run, Path::new("b.json")).expect_err("a difference").to_string();
            assert!(error.contains(&format!("another {what}")), "{error}");
            assert!(run.sets.iter().all(|set| set.comparison.is_none()), "{what}");
        }
    }
}
