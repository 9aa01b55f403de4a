//! A run's results for people and machines: the terminal, JSON, JUnit, Markdown for a pull request, one HTML page. All
//! pure; [`write_all`] puts the files in a directory.
//!
//! All files but the two on latency are functions of the results alone, so two runs over the same inputs write the same
//! bytes.
//!
//! To add a form of report: a file with one function from a [`RunResult`] to a text, whose texts from suites, documents
//! and answers go through a function of `escape.rs`; its call in [`write_all`]; its line there and in
//! `docs/evaluation.md`. Columns and numbers are those of `figures.rs`. To add a part of a report: a function in each
//! of the forms.

mod escape;
mod figures;
mod html;
mod junit;
mod markdown;
mod plots;
mod terminal;

pub use html::{latency_page, page};
pub use junit::junit;
pub use markdown::markdown;
pub use terminal::{abstention_table, fidelity_table, gates_table, retrieval_table, run_summary};

use crate::{
    error::EvalError,
    files::{json, json_line},
    results::{RunResult, Timings},
    trec,
};
use std::{fs, path::Path};

/// Writes every report of a run into `directory`, which is created:
///
/// - `report.json`, `report.html`, `report.md`, `junit.xml`;
/// - `queries/<set>.jsonl`: a query a line; `runs/<set>.<stage>.trec`: the rankings;
/// - `latency.json`, `latency.html`: how long the retrievals took, the only files that differ between equal runs.
pub fn write_all(run: &RunResult, timings: &Timings, directory: &Path) -> Result<(), EvalError> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(EvalError::io("write", path))
    };
    for folder in [directory.to_owned(), directory.join("queries"), directory.join("runs")] {
        fs::create_dir_all(&folder).map_err(EvalError::io("create", folder))?;
    }
    write("report.json", &json(run)?)?;
    write("report.html", &page(run))?;
    write("report.md", &markdown(run))?;
    write("junit.xml", &junit(run))?;
    write("latency.json", &json(timings)?)?;
    write("latency.html", &latency_page(run, timings))?;
    for set in &run.sets {
        let name = file_name(&set.name);
        let lines = set.queries.iter().map(json_line).collect::<Result<Vec<_>, _>>()?;
        write(&format!("queries/{name}.jsonl"), &lines.concat())?;
        for (stage, rankings) in &set.runs {
            let stage = stage.name();
            write(&format!("runs/{name}.{stage}.trec"), &trec::write(rankings, stage))?;
        }
    }
    for pair in &run.abstention {
        let lines = pair.outcomes.iter().map(json_line).collect::<Result<Vec<_>, _>>()?;
        write(&format!("queries/{}.jsonl", file_name(&pair.name)), &lines.concat())?;
    }
    for result in &run.fidelity {
        let lines = result.questions.iter().map(json_line).collect::<Result<Vec<_>, _>>()?;
        write(&format!("queries/{}.jsonl", file_name(&result.name)), &lines.concat())?;
    }
    for result in &run.replies {
        let all = result.honest.iter().chain(&result.hostile);
        let lines = all.map(json_line).collect::<Result<Vec<_>, _>>()?;
        write(&format!("queries/{}.jsonl", file_name(&result.name)), &lines.concat())?;
    }
    for result in &run.support {
        let lines = result.sentences.iter().map(json_line).collect::<Result<Vec<_>, _>>()?;
        write(&format!("queries/{}.jsonl", file_name(&result.name)), &lines.concat())?;
    }
    Ok(())
}

/// A name from a suite, which may have any characters, as a file name.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    match name.starts_with('.') || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        abstention::{self, Outcome},
        fidelity,
        metrics::{Metrics, Relevance, score},
        results::*,
        statistics::bootstrap_interval,
    };
    use kb::answerable::Status;
    use std::collections::BTreeMap;

    /// Texts as an attacker would write them.
    pub(crate) const HOSTILE: &str =
        "<script>alert(1)</script> | `x` [a](http://evil) \u{1b}[31m \u{202e}txt.exe & \"q\"";

    fn query(id: &str, text: &str, ranking: &[&str], relevant: &[(&str, i32)]) -> QueryResult {
        let relevance: Relevance =
            relevant.iter().map(|(unit, grade)| ((*unit).to_owned(), *grade)).collect();
        let final_metrics = score(ranking.iter().copied(), &relevance);
        let dense = score(ranking.iter().rev().copied(), &relevance);
        QueryResult {
            query: id.to_owned(),
            text: text.to_owned(),
            class: "pods".to_owned(),
            expected: relevant
                .iter()
                .map(|(unit, grade)| Expected {
                    unit: (*unit).to_owned(),
                    grade: *grade,
                    rank: ranking.iter().position(|got| got == unit).map(|at| at + 1),
                })
                .collect(),
            got: ranking
                .iter()
                .enumerate()
                .map(|(at, document)| Got {
                    document: (*document).to_owned(),
                    grade: relevance.get(*document).copied(),
                    score: 1.0 - at as f32 / 10.0,
                    bm25: (at != 1).then_some(12.5 - at as f32),
                    dense: Some(0.8 - at as f32 / 20.0),
                })
                .collect(),
            metrics: BTreeMap::from([(Stage::Dense, dense), (Stage::Final, final_metrics)]),
            evidence_recall: 1.0,
            status: Status::Answered,
            confidence: 0.93,
        }
    }

    fn set(name: &str, queries: Vec<QueryResult>) -> SetResult {
        let stage = |stage: Stage| {
            let values: Vec<Metrics> = queries.iter().map(|query| query.metrics[&stage]).collect();
            let gains: Vec<f64> = values.iter().map(|metrics| metrics.ndcg_10).collect();
            StageResult { metrics: crate::metrics::mean(values), interval: bootstrap_interval(&gains) }
        };
        SetResult {
            name: name.to_owned(),
            corpus: "c0ffee".to_owned(),
            set: "5e7".to_owned(),
            num_queries: queries.len(),
            stages: BTreeMap::from([
                (Stage::Dense, stage(Stage::Dense)),
                (Stage::Final, stage(Stage::Final)),
            ]),
            evidence_recall: 1.0,
            comparison: None,
            queries,
            runs: BTreeMap::from([(
                Stage::Final,
                trec::Run::from([("q1".to_owned(), vec![("pods/oom.md".to_owned(), 0.5)])]),
            )]),
        }
    }

    /// A small run with everything in it.
    pub(crate) fn sample() -> RunResult {
        let pods = set(
            "pods",
            vec![
                query(
                    "q1",
                    "Why was the pod OOMKilled?",
                    &["pods/oom.md", "pods/crash.md"],
                    &[("pods/oom.md", 2)],
                ),
                query(
                    "q2",
                    HOSTILE,
                    &["pods/crash.md", "pods/<b>.md"],
                    &[("pods/<b>.md", 1), ("gone.md", 1)],
                ),
            ],
        );
        let outcomes: Vec<Outcome> = [(0.9, true), (0.7, true), (0.8, false), (0.1, false)]
            .into_iter()
            .enumerate()
            .map(|(at, (confidence, answerable))| Outcome {
                query: format!("u{at}"),
                class: if answerable { "pods" } else { HOSTILE }.to_owned(),
                answerable,
                confidence,
                answered: confidence > 0.5,
                signals: kb::retrieve::Signals::default(),
            })
            .collect();
        let abstention = AbstentionResult {
            name: "others".to_owned(),
            corpus: "c0ffee".to_owned(),
            threshold: 0.5,
            measures: abstention::evaluate(&outcomes),
            outcomes,
        };
        let cases = CasesResult {
            corpus: "c0ffee".to_owned(),
            set: "ca5e5".to_owned(),
            cases: vec![CaseResult {
                case: "untouchable".to_owned(),
                question: HOSTILE.to_owned(),
                class: "k8sgpt".to_owned(),
                status: Status::Answered,
                confidence: 0.99,
                answered_by: "extractive".to_owned(),
                answer: format!("Do not touch it. {HOSTILE}"),
                cited: vec!["sops/legacy.md".to_owned()],
                citation_precision: Some(1.0),
                citation_recall: Some(0.5),
                token_f1: None,
                rouge_l: None,
                judged: None,
                checks: vec![
                    Check { name: "citations exist".to_owned(), passed: true, detail: String::new() },
                    Check { name: "mentions".to_owned(), passed: false, detail: format!("lacks {HOSTILE}") },
                ],
            }],
            comparison: None,
        };
        let question = FidelityQuestion {
            query: "f1".to_owned(),
            text: HOSTILE.to_owned(),
            wanted: vec!["pods/oom.md#Limits".to_owned()],
            first_hit: true,
            status: Status::Answered,
            confidence: 0.9,
            sentences: 2,
            inside: 1,
            share: 0.4,
            leads: false,
            strays: vec!["another section says this".to_owned()],
            answer: format!("Another section says this. {HOSTILE}"),
        };
        let fidelity = |name: &str, figures: Figures| FidelityResult {
            name: name.to_owned(),
            corpus: "c0ffee".to_owned(),
            num_tried: 3,
            figures,
            by_set: BTreeMap::new(),
            questions: vec![question.clone()],
        };
        let headings = fidelity("headings", fidelity::headings_figures(std::slice::from_ref(&question)));
        let mut labelled = fidelity("labelled", fidelity::labels_figures(std::slice::from_ref(&question)));
        let alerts = SetFigures { num_questions: 1, figures: labelled.figures };
        labelled.by_set = BTreeMap::from([("alerts".to_owned(), alerts)]);
        let sets =
            vec![pods, set("nodes", vec![query("n1", "node?", &["nodes/a.md"], &[("nodes/a.md", 1)])])];
        let gates = vec![
            Gate::new("pods", "ndcg@10", 0.7, Bound::AtLeast(0.6)),
            Gate::new("others", "false_answers_at_95", 0.5, Bound::AtMost(0.1)),
        ];
        RunResult {
            suite: "sample".to_owned(),
            model: "hashed".to_owned(),
            model_hash: "4a5".to_owned(),
            configuration: "c0f".to_owned(),
            passed: false,
            gates,
            macro_average: macro_average(&sets),
            worst_set: worst_set(&sets).map(|set| set.name.clone()),
            sets,
            abstention: vec![abstention],
            cases: Some(cases),
            fidelity: vec![headings, labelled],
            replies: Vec::new(),
            support: Vec::new(),
        }
    }

    pub(crate) fn sample_timings() -> Timings {
        let pods = (0..30).map(|i| (format!("q{i:02}"), 3.0 + f64::from(i % 7) * 1.5)).collect();
        Timings { retrieval_ms: BTreeMap::from([("pods".to_owned(), pods)]) }
    }

    #[test]
    fn every_file_is_written_and_equal_results_give_equal_bytes() {
        let directories =
            [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
        for directory in &directories {
            write_all(&sample(), &sample_timings(), directory.path()).expect("files");
        }
        let names = [
            "report.json",
            "report.html",
            "report.md",
            "junit.xml",
            "latency.json",
            "latency.html",
            "queries/pods.jsonl",
            "queries/others.jsonl",
            "queries/labelled.jsonl",
            "runs/pods.final.trec",
        ];
        for name in names {
            let [first, second] = [0, 1].map(|at: usize| {
                fs::read_to_string(directories[at].path().join(name)).unwrap_or_else(|_| panic!("{name}"))
            });
            assert_eq!(first, second, "{name}");
            assert!(first.ends_with('\n') && first.len() > 10, "{name}");
        }
    }

    #[test]
    fn the_json_holds_the_named_metrics() {
        let value: serde_json::Value = serde_json::from_str(&json(&sample()).expect("JSON")).expect("JSON");
        let stage = &value["sets"][0]["stages"]["final"];
        for key in ["ndcg@10", "recall@5", "recall@10", "mrr@10", "map"] {
            assert!(stage[key].is_number(), "{key}");
        }
        assert!(value["abstention"][0]["false_answers_at_95"].is_number());
        assert_eq!(value["fidelity"][0]["figures"]["lead"], 0.0, "{value}");
        assert_eq!(value["fidelity"][1]["by_set"]["alerts"]["head@1"], 1.0, "{value}");
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        assert_eq!(file_name("../../etc/passwd"), "_.._.._etc_passwd");
        assert_eq!(file_name("alerts easy"), "alerts_easy");
    }
}
