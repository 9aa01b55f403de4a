//! `evaluate lint`: checks labelled sets.

use crate::{
    config::Settings,
    datasets::{Corpus, Qrels, Query, read_passages, read_qrels, read_queries},
    error::EvalError,
    fidelity,
    knowledge::Indexed,
    lint::{Finding, Lint},
    run::{Runner, pages_of},
    suite::{Asked, Suite},
};
use kb::{retrieve::Tuning, store::DocumentKey};
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// The choice of the sets.
#[derive(Debug, Clone)]
pub enum What {
    /// Every labelled set of a suite, the unanswerable questions of its pairs, and its cases.
    Suite(PathBuf),
    /// Questions and labels against `--kb`.
    Kb {
        /// The file of questions, `queries.jsonl`.
        queries: PathBuf,
        /// The file of labels, `qrels.tsv`.
        qrels: PathBuf,
    },
}

/// The findings by set.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    sets: BTreeMap<String, Vec<Finding>>,
}

impl Findings {
    /// Whether one of the findings makes figures wrong.
    pub fn has_errors(&self) -> bool {
        self.sets.values().flatten().any(|finding| finding.problem.is_error())
    }
}

/// Checks the chosen sets.
pub async fn run(
    settings: Settings,
    tuning: Tuning,
    rebuild: bool,
    what: &What,
) -> Result<Findings, EvalError> {
    let mut findings = Findings::default();
    match what {
        What::Kb { queries, qrels } => {
            let address = settings.knowledge_base()?.clone();
            let (queries, qrels) = (read_queries(queries)?, read_qrels(qrels)?);
            let runner = Runner::start(settings, tuning, rebuild).await?;
            let indexed = Indexed::open(&address, &runner.identity()).await?;
            let found = check(&indexed, &queries, &qrels, true).await?;
            findings.sets.insert("given questions".to_owned(), found);
        }
        What::Suite(path) => {
            let suite = Suite::read(path, settings.data.as_deref())?;
            let mut runner = Runner::start(settings, tuning, rebuild).await?;
            for spec in &suite.sets {
                let indexed = runner.indexed(&spec.corpus).await?;
                let (queries, qrels) = (read_queries(&spec.queries)?, read_qrels(&spec.qrels)?);
                findings.sets.insert(spec.name.clone(), check(&indexed, &queries, &qrels, true).await?);
            }
            for spec in &suite.abstention {
                let indexed = runner.indexed(&spec.corpus).await?;
                let mut found = Vec::new();
                for file in &spec.unanswerable {
                    found.extend(check(&indexed, &read_queries(file)?, &Qrels::new(), false).await?);
                }
                findings.sets.insert(spec.name.clone(), found);
            }
            for spec in &suite.fidelity {
                let Asked::Sets(sets) = &spec.asked else { continue };
                let pages = pages_of(&spec.corpus).await?;
                for set in sets {
                    let (queries, passages) = (read_queries(&set.queries)?, read_passages(&set.passages)?);
                    let found = fidelity::problems(&pages, &queries, &passages);
                    findings.sets.insert(format!("{}: {}", spec.name, set.name), found);
                }
            }
            if !suite.cases.is_empty() {
                let indexed = runner.indexed(&Corpus::Directories(suite.corpus.clone())).await?;
                let query = |id: &str, text: &str| Query {
                    id: id.to_owned(),
                    text: text.to_owned(),
                    meta: serde_json::Map::new(),
                };
                let queries: Vec<Query> =
                    suite.cases.iter().map(|case| query(&case.id, case.text())).collect();
                let labelled = suite.cases.iter().filter(|case| !case.relevant.is_empty());
                let qrels: Qrels = labelled.map(|case| (case.id.clone(), case.judgements())).collect();
                findings.sets.insert("cases".to_owned(), check(&indexed, &queries, &qrels, false).await?);
            }
        }
    }
    Ok(findings)
}

async fn check(
    indexed: &Indexed,
    queries: &[Query],
    qrels: &Qrels,
    is_answerable: bool,
) -> Result<Vec<Finding>, EvalError> {
    let mut lint = Lint::new(queries, qrels, &indexed.documents, is_answerable);
    for document in indexed.documents.iter() {
        let chunks = indexed.view.chunks_of(DocumentKey::of(document)).await;
        let chunks = chunks.map_err(EvalError::store(document))?;
        let chunks: Vec<_> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
        lint.document(document, &chunks);
    }
    Ok(lint.finish())
}

/// The findings in words, errors first within each set.
pub fn text(findings: &Findings) -> String {
    let mut text = String::new();
    for (set, found) in &findings.sets {
        if found.is_empty() {
            text.push_str(&format!("{set}: sound\n"));
            continue;
        }
        text.push_str(&format!("{set}: {} findings\n", found.len()));
        for finding in found {
            let weight = if finding.problem.is_error() { "error" } else { "note" };
            text.push_str(&format!("  {weight}: {} {}\n", finding.query, finding.detail));
        }
    }
    text
}
