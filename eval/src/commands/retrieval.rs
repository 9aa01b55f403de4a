//! `evaluate retrieval`: the scores of rankings.

use crate::{
    config::Settings,
    datasets::{Beir, Corpus, read_qrels, read_queries},
    error::EvalError,
    knowledge::Indexed,
    results::{SetResult, Stage, macro_average, worst_set},
    run::Runner,
    suite::{SetSpec, Suite},
    trec,
};
use kb::retrieve::Tuning;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The choice of the sets.
#[derive(Debug, Clone)]
pub enum What {
    /// Questions and labels against `--kb`.
    Kb {
        /// The file of questions, `queries.jsonl`.
        queries: PathBuf,
        /// The file of labels, `qrels.tsv`.
        qrels: PathBuf,
    },
    /// A directory in BEIR's layout.
    Beir(PathBuf),
    /// The sets of a suite.
    Suite {
        /// The file of the suite.
        suite: PathBuf,
        /// The names of the sets that are scored; empty: all.
        only: Vec<String>,
    },
}

/// Scores the chosen sets.
pub async fn run(
    settings: Settings,
    tuning: Tuning,
    rebuild: bool,
    what: &What,
) -> Result<Vec<SetResult>, EvalError> {
    let mut results = Vec::new();
    match what {
        What::Kb { queries, qrels } => {
            let address = settings.knowledge_base()?.clone();
            let (queries, qrels) = (read_queries(queries)?, read_qrels(qrels)?);
            let runner = Runner::start(settings, tuning, rebuild).await?;
            let indexed = Indexed::open(&address, &runner.identity()).await?;
            results.push(runner.score("given questions", &indexed, &queries, &qrels).await?.result);
        }
        What::Beir(directory) => {
            let beir = Beir::open(directory)?;
            let spec = SetSpec {
                name: directory
                    .file_name()
                    .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                queries: beir.queries,
                qrels: beir.qrels,
                corpus: Corpus::Jsonl(beir.corpus),
                floors: BTreeMap::new(),
                evidence_recall_floor: None,
            };
            results.push(Runner::start(settings, tuning, rebuild).await?.set(&spec).await?.result);
        }
        What::Suite { suite: path, only } => {
            let suite = Suite::read(path, settings.data.as_deref())?;
            if let Some(unknown) = only.iter().find(|name| !suite.sets.iter().any(|set| &set.name == *name)) {
                return Err(EvalError::Usage(format!("the suite has no set `{unknown}`")));
            }
            let mut runner = Runner::start(settings, tuning, rebuild).await?;
            for spec in suite.sets.iter().filter(|set| only.is_empty() || only.contains(&set.name)) {
                results.push(runner.set(spec).await?.result);
            }
        }
    }
    Ok(results)
}

/// Writes the run file (of a single set) and the queries.
pub fn write_files(
    sets: &[SetResult],
    run: Option<&Path>,
    per_query: Option<&Path>,
) -> Result<(), EvalError> {
    if let (Some(path), Some(rankings)) = (run, sets.first().and_then(|set| set.runs.get(&Stage::Final))) {
        fs::write(path, trec::write(rankings, "runbookd")).map_err(EvalError::io("write", path))?;
    }
    if let Some(path) = per_query {
        let mut text = String::new();
        for set in sets {
            for query in &set.queries {
                let mut line = json!(query);
                line["set"] = set.name.as_str().into();
                text.push_str(&line.to_string());
                text.push('\n');
            }
        }
        fs::write(path, text).map_err(EvalError::io("write", path))?;
    }
    Ok(())
}

/// The object that `--json` prints: of one set its figures, of a suite an object of sets.
pub fn json(sets: &[SetResult], stages: bool, is_suite: bool) -> Value {
    let of_set = |set: &SetResult| {
        let mut value = json!(set.stages.get(&Stage::Final).map(|stage| stage.metrics));
        value["queries"] = set.num_queries.into();
        if stages {
            value["stages"] = json!(set.stages);
            value["evidence_recall"] = set.evidence_recall.into();
        }
        value
    };
    match (is_suite, sets) {
        (false, [set]) => of_set(set),
        _ => {
            let by_name: BTreeMap<&str, Value> =
                sets.iter().map(|set| (set.name.as_str(), of_set(set))).collect();
            json!({
                "sets": by_name,
                "macro_average": macro_average(sets).get(&Stage::Final),
                "worst_set": worst_set(sets).map(|set| set.name.as_str()),
            })
        }
    }
}
