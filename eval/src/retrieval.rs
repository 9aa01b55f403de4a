//! Asks the retriever every question of a set, several at a time, and scores what it finds stage by stage.
//!
//! Entry points: [`Engine::measure`] for the raw measurements, [`score_set`] for a labelled set. Query embeddings are
//! computed one at a time by the embedder's own thread, so results do not depend on how many questions run at once.

use crate::{
    datasets::{Qrels, Query, hash_of_set},
    error::EvalError,
    knowledge::Indexed,
    labels::Labels,
    metrics::{self, Metrics, Relevance, first_relevant_rank, trec_order},
    results::{Expected, Got, QueryResult, SetResult, Stage, StageResult},
    statistics::{bootstrap_interval, mean},
    trec,
};
use futures::{StreamExt, TryStreamExt, stream};
use ingest::progress::Progress;
use kb::{
    answerable::{Calibration, Decided, Decision},
    question::Question,
    retrieve::{Options, RankedDocument, Retrieval, Retriever},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

/// Depth of the rankings that are scored and written: MAP sees this many documents.
pub const DEPTH: usize = 100;

/// The engine that measures, the same for every question of a run.
#[derive(Clone)]
pub struct Engine {
    /// The retriever under test.
    pub retriever: Retriever,
    /// How much is retrieved; [`Options::documents`] is set by each measurement.
    pub options: Options,
    /// Number of questions that are asked at once.
    pub concurrency: usize,
}

/// The measurements of one question.
pub struct Measured {
    /// The id of the question.
    pub query: String,
    /// The retrieval with its stages, hits and evidence.
    pub retrieval: Retrieval,
    /// Whether it can be answered.
    pub decision: Decision,
    /// The time that it took, its embedding included.
    pub milliseconds: f64,
}

impl Engine {
    /// Asks every question, with rankings of `documents` documents each. Results come in the questions' order;
    /// `each` keeps what it needs of each, so that memory does not grow with whole retrievals.
    pub async fn measure<T: Send + 'static>(
        &self,
        name: &str,
        indexed: &Indexed,
        calibration: &Arc<Calibration>,
        queries: &[Query],
        documents: usize,
        each: impl Fn(&Query, Measured) -> T + Send + Sync + Clone + 'static,
    ) -> Result<Vec<T>, EvalError> {
        let progress = Arc::new(Progress::on_stderr());
        progress.begin("asking", queries.len());
        let options = Options { documents, ..self.options };
        let found = stream::iter(queries.iter().cloned())
            .map(|query| {
                let (engine, view) = (self.clone(), indexed.view.clone());
                let (calibration, each, progress) = (calibration.clone(), each.clone(), progress.clone());
                // A task of its own, so that several cores search.
                tokio::spawn(async move {
                    let parsed = Question::parse(&query.text, query.language()).map_err(|error| {
                        EvalError::Usage(format!("query `{}` cannot be asked: {error}", query.id))
                    })?;
                    let started = Instant::now();
                    let found = engine.retriever.decide(view, &parsed, &options, &calibration).await;
                    let Decided { retrieval, decision } = found.map_err(|source| EvalError::Retrieve {
                        query: query.id.clone(),
                        source: Box::new(source),
                    })?;
                    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
                    progress.advance(1);
                    let measured = Measured { query: query.id.clone(), retrieval, decision, milliseconds };
                    Ok::<T, EvalError>(each(&query, measured))
                })
            })
            .buffered(self.concurrency.max(1))
            .map(|joined| {
                joined.map_err(|error| EvalError::Usage(format!("a task of `{name}` failed: {error}")))?
            })
            .try_collect::<Vec<T>>()
            .await;
        progress.finish();
        found
    }
}

/// A set's scores with how long each retrieval took.
pub struct ScoredSet {
    /// The scores of the set.
    pub result: SetResult,
    /// The time of each retrieval, in milliseconds, by query.
    pub milliseconds: BTreeMap<String, f64>,
}

/// Asks and scores a labelled set. Queries without labels are left out; labels without a query score 0, as in
/// `trec_eval -c`.
pub async fn score_set(
    engine: &Engine,
    name: &str,
    indexed: &Indexed,
    calibration: &Arc<Calibration>,
    queries: &[Query],
    qrels: &Qrels,
) -> Result<ScoredSet, EvalError> {
    let labels = Arc::new(Labels::new(qrels, &indexed.documents));
    let labelled: Vec<Query> =
        queries.iter().filter(|query| qrels.contains_key(&query.id)).cloned().collect();
    let shared = labels.clone();
    let mut scored = engine
        .measure(name, indexed, calibration, &labelled, DEPTH, move |query, measured| {
            let milliseconds = measured.milliseconds;
            (score_query(query, &measured, &shared), milliseconds)
        })
        .await?;
    scored.sort_by(|a, b| a.0.result.query.cmp(&b.0.result.query));

    let milliseconds = scored.iter().map(|(scored, ms)| (scored.result.query.clone(), *ms)).collect();
    let asked: HashSet<&str> = labelled.iter().map(|query| query.id.as_str()).collect();
    let num_missing = qrels.keys().filter(|query| !asked.contains(query.as_str())).count();
    let mut stages = BTreeMap::new();
    let mut runs: BTreeMap<Stage, trec::Run> = BTreeMap::new();
    let mut all: Vec<Stage> = Stage::DOCUMENTS.to_vec();
    if labels.has_passages() {
        all.push(Stage::Passages);
    }
    for stage in all {
        let mut values: Vec<Metrics> = scored
            .iter()
            .map(|(scored, _)| scored.result.metrics.get(&stage).copied().unwrap_or_default())
            .collect();
        values.extend(std::iter::repeat_n(Metrics::default(), num_missing));
        let gains: Vec<f64> = values.iter().map(|metrics| metrics.ndcg_10).collect();
        let metrics = metrics::mean(values);
        stages.insert(stage, StageResult { metrics, interval: bootstrap_interval(&gains) });
        let run = scored
            .iter_mut()
            .filter_map(|(scored, _)| Some((scored.result.query.clone(), scored.rankings.remove(&stage)?)));
        runs.insert(stage, run.collect());
    }
    let recalls: Vec<f64> = scored
        .iter()
        .map(|(scored, _)| scored.result.evidence_recall)
        .chain(std::iter::repeat_n(0.0, num_missing))
        .collect();
    let mut queries_with_labels: Vec<Query> = labelled.clone();
    queries_with_labels.sort_by(|a, b| a.id.cmp(&b.id));
    let result = SetResult {
        name: name.to_owned(),
        corpus: indexed.corpus.clone(),
        set: hash_of_set(&queries_with_labels, qrels).to_string(),
        num_queries: scored.len() + num_missing,
        stages,
        evidence_recall: mean(&recalls),
        comparison: None,
        queries: scored.into_iter().map(|(scored, _)| scored.result).collect(),
        runs,
    };
    Ok(ScoredSet { result, milliseconds })
}

/// A query's scores with the rankings that were scored.
struct ScoredQuery {
    result: QueryResult,
    rankings: BTreeMap<Stage, Vec<(String, f32)>>,
}

fn score_query(query: &Query, measured: &Measured, labels: &Labels) -> ScoredQuery {
    let Retrieval { stages, hits, evidence, .. } = &measured.retrieval;
    let relevance = labels.relevant_documents(&query.id);
    let mut metrics = BTreeMap::new();
    let mut rankings = BTreeMap::new();
    for (stage, ranked) in [
        (Stage::Bm25, &stages.bm25),
        (Stage::Dense, &stages.dense),
        (Stage::Fused, &stages.fused),
        (Stage::Final, &stages.ranked),
    ] {
        let ranking = in_trec_order(ranked);
        let units: Vec<String> =
            ranking.iter().map(|(document, _)| labels.unit_of_document(document)).collect();
        metrics.insert(stage, metrics::score(units.iter().map(String::as_str), &relevance));
        rankings.insert(stage, ranking);
    }

    let units_of_final: Vec<String> =
        rankings[&Stage::Final].iter().map(|(document, _)| labels.unit_of_document(document)).collect();
    let units_of_final = distinct(units_of_final);
    let mut expected = expected(&relevance, &units_of_final);
    let mut evidence_recall = {
        let found: HashSet<String> =
            evidence.iter().map(|hit| labels.unit_of_document(&hit.chunk.document)).collect();
        recall(&relevance, &found)
    };
    if labels.has_passages() {
        let relevance = labels.relevant_passages(&query.id);
        let units = distinct(hits.iter().flat_map(|hit| labels.units_of_chunk(&hit.chunk)).collect());
        metrics.insert(Stage::Passages, metrics::score(units.iter().map(String::as_str), &relevance));
        expected = self::expected(&relevance, &units);
        let found: HashSet<String> =
            evidence.iter().flat_map(|hit| labels.units_of_chunk(&hit.chunk)).collect();
        evidence_recall = recall(&relevance, &found);
    }

    let leg = |ranked: &[RankedDocument]| -> HashMap<String, f32> {
        ranked.iter().map(|found| (found.document.clone(), found.score)).collect()
    };
    let (bm25, dense) = (leg(&stages.bm25), leg(&stages.dense));
    let got = rankings[&Stage::Final]
        .iter()
        .take(10)
        .map(|(document, score)| Got {
            document: document.clone(),
            grade: relevance.get(&labels.unit_of_document(document)).copied(),
            score: *score,
            bm25: bm25.get(document).copied(),
            dense: dense.get(document).copied(),
        })
        .collect();
    let result = QueryResult {
        query: query.id.clone(),
        text: query.text.clone(),
        class: query.class().to_owned(),
        expected,
        got,
        metrics,
        evidence_recall,
        status: measured.decision.status,
        confidence: f64::from(measured.decision.confidence),
    };
    ScoredQuery { result, rankings }
}

/// The documents of a ranking with their scores, each once. The order is the ranking's own, which may put a document
/// with a matching rule above higher scores; neighbours of equal score are ordered as `trec_eval` orders them.
fn in_trec_order(ranked: &[RankedDocument]) -> Vec<(String, f32)> {
    let mut seen = HashSet::new();
    let mut ranking: Vec<(String, f32)> = ranked
        .iter()
        .filter(|found| seen.insert(found.document.as_str()))
        .map(|found| (found.document.clone(), found.score))
        .collect();
    for tied in ranking.chunk_by_mut(|a, b| a.1 == b.1) {
        tied.sort_by(|a, b| trec_order((&a.0, a.1), (&b.0, b.1)));
    }
    ranking
}

fn distinct(units: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    units.into_iter().filter(|unit| seen.insert(unit.clone())).collect()
}

fn expected(relevance: &Relevance, ranking: &[String]) -> Vec<Expected> {
    let mut labels: Vec<(&String, &i32)> = relevance.iter().collect();
    labels.sort_by_key(|(_, grade)| std::cmp::Reverse(**grade));
    labels
        .into_iter()
        .map(|(unit, grade)| {
            let alone = Relevance::from([(unit.clone(), 1)]);
            let rank = first_relevant_rank(ranking.iter().map(String::as_str), &alone);
            Expected { unit: unit.clone(), grade: *grade, rank }
        })
        .collect()
}

fn recall(relevance: &Relevance, found: &HashSet<String>) -> f64 {
    let relevant: Vec<&String> =
        relevance.iter().filter(|(_, grade)| **grade > 0).map(|(unit, _)| unit).collect();
    let hit = relevant.iter().filter(|unit| found.contains(unit.as_str())).count();
    if relevant.is_empty() { 0.0 } else { hit as f64 / relevant.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(documents: &[(&str, f32)]) -> Vec<RankedDocument> {
        documents
            .iter()
            .map(|(id, score)| RankedDocument { document: (*id).to_owned(), score: *score })
            .collect()
    }

    #[test]
    fn ties_follow_trec_and_rules_keep_their_place() {
        let list = ranked(&[("rule", 0.1), ("a", 0.5), ("b", 0.5), ("c", 0.4), ("a", 0.3)]);
        let order: Vec<String> = in_trec_order(&list).into_iter().map(|(document, _)| document).collect();
        assert_eq!(order, ["rule", "b", "a", "c"]);
    }

    #[test]
    fn expected_units_carry_their_rank() {
        let relevance = Relevance::from([("a".to_owned(), 2), ("z".to_owned(), 1)]);
        let found = expected(&relevance, &["x".to_owned(), "a".to_owned()]);
        assert_eq!(found[0], Expected { unit: "a".to_owned(), grade: 2, rank: Some(2) });
        assert_eq!(found[1].rank, None);
    }

    #[test]
    fn recall_counts_relevant_units_only() {
        let relevance = Relevance::from([("a".to_owned(), 1), ("b".to_owned(), 1), ("n".to_owned(), 0)]);
        assert_eq!(recall(&relevance, &HashSet::from(["a".to_owned(), "n".to_owned()])), 0.5);
        assert_eq!(recall(&Relevance::new(), &HashSet::new()), 0.0);
    }
}
