//! `evaluate fidelity`: which section of a page the answers stand in.

use crate::{
    config::Settings,
    datasets::SectionSet,
    error::EvalError,
    knowledge::Indexed,
    results::FidelityResult,
    run::Runner,
    suite::{Asked, FidelitySpec, Sampling, Suite},
};
use kb::retrieve::Tuning;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The choice of the questions.
#[derive(Debug, Clone)]
pub enum What {
    /// Headings of `--kb`, or the questions of sets, asked of `--kb`.
    Kb {
        /// The files and folders that `--kb` was made of.
        paths: Vec<PathBuf>,
        /// Directories of sets; without any, headings are asked.
        sets: Vec<PathBuf>,
    },
    /// The questions of sets, of the folders that their `set.json` names below `corpora`.
    Sets {
        /// The directories of the sets.
        sets: Vec<PathBuf>,
        /// The folder above them; absent: `corpora` below the directory of public data.
        corpora: Option<PathBuf>,
    },
    /// The questions of a suite.
    Suite {
        /// The file of the suite.
        suite: PathBuf,
        /// The names that are measured; empty: all.
        only: Vec<String>,
    },
}

/// Asks the chosen questions and measures their answers.
pub async fn run(
    settings: Settings,
    tuning: Tuning,
    rebuild: bool,
    what: &What,
    sampling: Sampling,
) -> Result<Vec<FidelityResult>, EvalError> {
    let at = |sets: &[PathBuf]| -> Vec<SectionSet> { sets.iter().map(|set| SectionSet::at(set)).collect() };
    let mut results = Vec::new();
    match what {
        What::Kb { paths, sets } => {
            let address = settings.knowledge_base()?.clone();
            let runner = Runner::start(settings, tuning, rebuild).await?;
            let indexed = Indexed::open(&address, &runner.identity()).await?;
            results.push(match sets.is_empty() {
                true => runner.heading_fidelity("headings", &indexed, paths, sampling).await?,
                false => runner.label_fidelity("given questions", &indexed, paths, &at(sets)).await?,
            });
        }
        What::Sets { sets, corpora } => {
            let sets = at(sets);
            let corpora = corpora.clone().or_else(|| Some(settings.data.as_ref()?.join("corpora")));
            let corpora = corpora.ok_or_else(|| {
                let detail =
                    "say where the sets' folders are with `--corpora DIR`, or name the files with `--kb`";
                EvalError::Usage(detail.to_owned())
            })?;
            let corpus = folders(&sets, &corpora)?;
            let spec = FidelitySpec {
                name: "given questions".to_owned(),
                corpus,
                asked: Asked::Sets(sets),
                floors: BTreeMap::new(),
                ceilings: BTreeMap::new(),
            };
            results.push(Runner::start(settings, tuning, rebuild).await?.fidelity(&spec).await?);
        }
        What::Suite { suite: path, only } => {
            let suite = Suite::read(path, settings.data.as_deref())?;
            let is_known = |name: &String| suite.fidelity.iter().any(|spec| &spec.name == name);
            if let Some(unknown) = only.iter().find(|name| !is_known(name)) {
                return Err(EvalError::Usage(format!("the suite has no fidelity `{unknown}`")));
            }
            let mut runner = Runner::start(settings, tuning, rebuild).await?;
            for spec in suite.fidelity.iter().filter(|spec| only.is_empty() || only.contains(&spec.name)) {
                results.push(runner.fidelity(spec).await?);
            }
        }
    }
    Ok(results)
}

/// The folders that the sets name, each once.
fn folders(sets: &[SectionSet], corpora: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let mut names = BTreeSet::new();
    for set in sets {
        names.extend(set.corpus_dirs()?);
    }
    Ok(names.into_iter().map(|name| corpora.join(name)).collect())
}

/// Writes a question a line, with the name of its result under `set`.
pub fn write_questions(results: &[FidelityResult], path: &Path) -> Result<(), EvalError> {
    let mut text = String::new();
    for result in results {
        for question in &result.questions {
            let mut line = json!(question);
            line["set"] = result.name.as_str().into();
            text.push_str(&line.to_string());
            text.push('\n');
        }
    }
    fs::write(path, text).map_err(EvalError::io("write", path))
}

/// The object that `--json` prints: of one result its figures, of a suite an object of them.
pub fn json(results: &[FidelityResult], is_suite: bool) -> Value {
    let of_result = |result: &FidelityResult| {
        let mut value = json!(result.figures);
        value["questions"] = result.questions.len().into();
        value["tried"] = result.num_tried.into();
        if !result.by_set.is_empty() {
            value["by_set"] = json!(result.by_set);
        }
        value
    };
    match (is_suite, results) {
        (false, [result]) => of_result(result),
        _ => {
            let by_name: BTreeMap<&str, Value> =
                results.iter().map(|result| (result.name.as_str(), of_result(result))).collect();
            json!({ "fidelity": by_name })
        }
    }
}
