//! A whole suite: every set, pair and case, then the baseline, then the gates. Entry point: [`Runner::run`].

use crate::{
    abstention::{self, Outcome},
    baseline::Baseline,
    calibration::Observation,
    cases::{self, Respondent},
    config::Settings,
    datasets::{Corpus, Qrels, Query, SectionSet, read_passages, read_qrels, read_queries},
    error::EvalError,
    fidelity::{self, Asker},
    gates,
    knowledge::{Indexed, Library},
    pages,
    recording::Recorder,
    replies,
    results::{
        AbstentionResult, CasesResult, FidelityResult, RepliesResult, RunResult, SetFigures, SupportResult,
        Timings, macro_average, worst_set,
    },
    retrieval::{DEPTH, Engine, ScoredSet, score_set},
    suite::{AbstentionSpec, Asked, FidelitySpec, RepliesSpec, Sampling, SetSpec, Suite, SupportSpec},
    support,
};
use answer::{Assistant, Metrics, llm::Llm};
use kb::{
    answerable::{Calibration, Status},
    embed::Embedder,
    retrieve::{Retriever, Tuning},
    store::Identity,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of the set that holds the retrieval of a suite's cases.
const CASES_SET: &str = "cases";

/// Runs suites and single sets.
pub struct Runner {
    settings: Settings,
    engine: Engine,
    embedder: Embedder,
    library: Library,
}

/// The options of a run.
#[derive(Default)]
pub struct RunOptions<'a> {
    /// The baseline that the run is compared with.
    pub baseline: Option<&'a Path>,
    /// The language model, recorded or replayed; without one, answers are extracts.
    pub recorder: Option<Arc<Recorder>>,
    /// Whether the language model judges answers as well.
    pub judge: bool,
}

/// The answerable and unanswerable questions of a pair after they were asked.
pub struct AskedSides {
    /// The decision about each question, and the observation that it was based on.
    pub found: Vec<(Outcome, Observation)>,
    /// The confidence at and above which the decision answers.
    pub threshold: f64,
}

impl AskedSides {
    /// The measures of the pair.
    pub fn into_result(self, name: &str, corpus: String) -> AbstentionResult {
        let outcomes: Vec<Outcome> = self.found.into_iter().map(|(outcome, _)| outcome).collect();
        let measures = abstention::evaluate(&outcomes);
        AbstentionResult { name: name.to_owned(), corpus, threshold: self.threshold, measures, outcomes }
    }
}

impl Runner {
    /// Starts the embedding model.
    pub async fn start(settings: Settings, tuning: Tuning, rebuild: bool) -> Result<Self, EvalError> {
        let embedding = settings.product.embedder.clone();
        // Loading a model blocks.
        let embedder = tokio::task::spawn_blocking(move || embedding.start())
            .await
            .map_err(|error| EvalError::Usage(format!("the model's loader failed: {error}")))??;
        let library = Library::open(
            &settings.cache,
            settings.server.clone(),
            &settings.product.embedder,
            &embedder,
            rebuild,
        )?;
        let engine = Engine {
            retriever: Retriever::tuned(embedder.clone(), tuning),
            options: settings.product.assistant.retrieval,
            concurrency: settings.concurrency,
        };
        Ok(Self { settings, engine, embedder, library })
    }

    /// The identity of the knowledge bases that this program builds: model and analyser.
    pub fn identity(&self) -> Identity {
        Identity::current(self.embedder.identity().clone())
    }

    /// The knowledge base of a corpus, which is built if it is not in the cache.
    pub async fn indexed(&mut self, corpus: &Corpus) -> Result<Indexed, EvalError> {
        self.library.get(corpus).await
    }

    /// Scores one labelled set.
    pub async fn set(&mut self, spec: &SetSpec) -> Result<ScoredSet, EvalError> {
        let indexed = self.library.get(&spec.corpus).await?;
        let (queries, qrels) = (read_queries(&spec.queries)?, read_qrels(&spec.qrels)?);
        self.score(&spec.name, &indexed, &queries, &qrels).await
    }

    /// Scores questions against an open knowledge base.
    pub async fn score(
        &self,
        name: &str,
        indexed: &Indexed,
        queries: &[Query],
        qrels: &Qrels,
    ) -> Result<ScoredSet, EvalError> {
        let calibration = calibration_of(indexed).await?;
        score_set(&self.engine, name, indexed, &calibration, queries, qrels).await
    }

    /// Asks the questions of a pair.
    pub async fn pair(&mut self, spec: &AbstentionSpec) -> Result<AskedSides, EvalError> {
        let indexed = self.library.get(&spec.corpus).await?;
        self.sides(&spec.name, &indexed, &spec.answerable, &spec.unanswerable).await
    }

    /// Asks answerable and unanswerable questions of an open knowledge base.
    pub async fn sides(
        &self,
        name: &str,
        indexed: &Indexed,
        answerable: &[impl AsRef<Path>],
        unanswerable: &[impl AsRef<Path>],
    ) -> Result<AskedSides, EvalError> {
        let calibration = calibration_of(indexed).await?;
        let mut found = Vec::new();
        let sides = [(true, answerable.iter().map(AsRef::as_ref).collect::<Vec<&Path>>())];
        let sides = sides.into_iter().chain([(false, unanswerable.iter().map(AsRef::as_ref).collect())]);
        for (is_answerable, files) in sides {
            for file in files {
                let queries = read_queries(file)?;
                let group = name.to_owned();
                let measured = self
                    .engine
                    .measure(name, indexed, &calibration, &queries, 0, move |query, measured| {
                        let outcome = Outcome {
                            query: measured.query.clone(),
                            class: query.class().to_owned(),
                            answerable: is_answerable,
                            confidence: f64::from(measured.decision.confidence),
                            answered: measured.decision.status != Status::Unknown,
                            signals: measured.retrieval.signals,
                        };
                        let observation = Observation {
                            group: group.clone(),
                            query: measured.query,
                            class: query.class().to_owned(),
                            answerable: is_answerable,
                            signals: measured.retrieval.signals,
                        };
                        (outcome, observation)
                    })
                    .await?;
                found.extend(measured);
            }
        }
        Ok(AskedSides { found, threshold: f64::from(calibration.threshold) })
    }

    /// Measures section fidelity as a suite asks for it.
    pub async fn fidelity(&mut self, spec: &FidelitySpec) -> Result<FidelityResult, EvalError> {
        let indexed = self.library.get(&Corpus::Directories(spec.corpus.clone())).await?;
        match &spec.asked {
            Asked::Headings(sampling) => {
                self.heading_fidelity(&spec.name, &indexed, &spec.corpus, *sampling).await
            }
            Asked::Sets(sets) => self.label_fidelity(&spec.name, &indexed, &spec.corpus, sets).await,
        }
    }

    /// Asks headings of an open knowledge base, which was made of the files below `paths`.
    pub async fn heading_fidelity(
        &self,
        name: &str,
        indexed: &Indexed,
        paths: &[PathBuf],
        sampling: Sampling,
    ) -> Result<FidelityResult, EvalError> {
        let pages = pages_of(paths).await?;
        let (questions, num_tried) = fidelity::of_headings(&self.asker(indexed), &pages, sampling).await?;
        Ok(FidelityResult {
            name: name.to_owned(),
            corpus: indexed.corpus.clone(),
            num_tried,
            figures: fidelity::headings_figures(&questions),
            by_set: BTreeMap::new(),
            questions,
        })
    }

    /// Asks the questions of sets with labelled sections of an open knowledge base.
    pub async fn label_fidelity(
        &self,
        name: &str,
        indexed: &Indexed,
        paths: &[PathBuf],
        sets: &[SectionSet],
    ) -> Result<FidelityResult, EvalError> {
        let (pages, asker) = (pages_of(paths).await?, self.asker(indexed));
        let (mut all, mut by_set) = (Vec::new(), BTreeMap::new());
        for set in sets {
            let (queries, passages) = (read_queries(&set.queries)?, read_passages(&set.passages)?);
            let questions = fidelity::of_labels(&asker, &pages, &queries, &passages).await?;
            let figures = fidelity::labels_figures(&questions);
            by_set.insert(set.name.clone(), SetFigures { num_questions: questions.len(), figures });
            all.extend(questions);
        }
        if sets.len() == 1 {
            by_set.clear();
        }
        Ok(FidelityResult {
            name: name.to_owned(),
            corpus: indexed.corpus.clone(),
            num_tried: all.len(),
            figures: fidelity::labels_figures(&all),
            by_set,
            questions: all,
        })
    }

    /// Lets given replies pass the checks, as a suite asks for it.
    pub async fn replies(&mut self, spec: &RepliesSpec) -> Result<RepliesResult, EvalError> {
        let indexed = self.library.get(&Corpus::Directories(spec.corpus.clone())).await?;
        let (given, attacks) = (replies::read_all(&spec.honest)?, replies::read_all(&spec.hostile)?);
        let (mut honest, mut hostile) = (Vec::new(), Vec::new());
        for reply in &given.reply {
            honest.push(replies::judge(&indexed, reply, None).await?);
        }
        for reply in &attacks.reply {
            hostile.push(replies::judge(&indexed, reply, Some(&attacks.never)).await?);
        }
        let figures = replies::figures(&honest, &hostile);
        Ok(RepliesResult { name: spec.name.clone(), corpus: indexed.corpus, figures, honest, hostile })
    }

    /// Lets sentences pass the checks, as a suite asks for it.
    pub async fn support(&mut self, spec: &SupportSpec) -> Result<SupportResult, EvalError> {
        let indexed = self.library.get(&Corpus::Directories(spec.corpus.clone())).await?;
        let mut sentences = Vec::new();
        for (path, is_faithful) in [(&spec.faithful, true), (&spec.unfaithful, false)] {
            for sentence in support::read(path)? {
                sentences.push(support::judge(&indexed, &sentence, is_faithful).await?);
            }
        }
        let figures = support::figures(&sentences);
        Ok(SupportResult { name: spec.name.clone(), corpus: indexed.corpus, figures, sentences })
    }

    /// The product over a knowledge base, without a language model.
    fn asker(&self, indexed: &Indexed) -> Asker {
        let settings = self.settings.product.assistant.clone();
        let retriever = self.engine.retriever.clone();
        let assistant = Assistant::new(indexed.kb.clone(), retriever, None, settings, Metrics::default());
        Asker { assistant, concurrency: self.engine.concurrency }
    }

    /// Runs a suite. Failed gates are part of the result; an error means that there is no result.
    pub async fn run(
        &mut self,
        suite: &Suite,
        options: &RunOptions<'_>,
    ) -> Result<(RunResult, Timings), EvalError> {
        // Read before anything is measured: a mistake in it should not cost minutes.
        let baseline =
            options.baseline.map(|path| Ok::<_, EvalError>((Baseline::read(path)?, path))).transpose()?;
        let mut timings = Timings::default();
        let mut sets = Vec::new();
        for spec in &suite.sets {
            let ScoredSet { result, milliseconds } = self.set(spec).await?;
            timings.retrieval_ms.insert(spec.name.clone(), milliseconds);
            sets.push(result);
        }
        let mut pairs = Vec::new();
        for spec in &suite.abstention {
            let asked = self.pair(spec).await?;
            let corpus = self.library.get(&spec.corpus).await?.corpus;
            pairs.push(asked.into_result(&spec.name, corpus));
        }
        let mut sections = Vec::new();
        for spec in &suite.fidelity {
            sections.push(self.fidelity(spec).await?);
        }
        let mut replied = Vec::new();
        for spec in &suite.replies {
            replied.push(self.replies(spec).await?);
        }
        let mut supported = Vec::new();
        for spec in &suite.support {
            supported.push(self.support(spec).await?);
        }
        let mut answered = None;
        if !suite.cases.is_empty() {
            let (result, retrieval) = self.cases(suite, options).await?;
            answered = Some(result);
            if let Some(ScoredSet { result, milliseconds }) = retrieval {
                timings.retrieval_ms.insert(CASES_SET.to_owned(), milliseconds);
                sets.push(result);
            }
        }

        let identity = serde_json::to_vec(self.embedder.identity()).unwrap_or_default();
        let mut run = RunResult {
            suite: suite.name.clone(),
            model: self.embedder.identity().name.clone(),
            model_hash: blake3::hash(&identity).to_hex().to_string(),
            configuration: self.configuration(options),
            passed: false,
            gates: Vec::new(),
            macro_average: macro_average(&sets),
            worst_set: worst_set(&sets).map(|set| set.name.clone()),
            sets,
            abstention: pairs,
            cases: answered,
            fidelity: sections,
            replies: replied,
            support: supported,
        };
        if let Some((baseline, path)) = baseline {
            baseline.compare(&mut run, path)?;
        }
        for result in &run.sets {
            let spec = suite.sets.iter().find(|spec| spec.name == result.name);
            run.gates.extend(gates::of_set(spec, result, suite.tolerance));
        }
        for (spec, result) in suite.abstention.iter().zip(&run.abstention) {
            run.gates.extend(gates::of_abstention(spec, result));
        }
        for (spec, result) in suite.fidelity.iter().zip(&run.fidelity) {
            run.gates.extend(gates::of_fidelity(spec, result));
        }
        for (spec, result) in suite.replies.iter().zip(&run.replies) {
            run.gates.extend(gates::of_replies(spec, result));
        }
        for (spec, result) in suite.support.iter().zip(&run.support) {
            run.gates.extend(gates::of_support(spec, result));
        }
        if let Some(result) = &run.cases {
            let retrieval = run.sets.iter().find(|set| set.name == CASES_SET);
            run.gates.extend(gates::of_cases(&suite.case_floors, result, retrieval, suite.tolerance));
        }
        run.passed = run.gates.iter().all(|gate| gate.passed);
        Ok((run, timings))
    }

    /// Answers the cases, and scores the retrieval of those with labels.
    async fn cases(
        &mut self,
        suite: &Suite,
        options: &RunOptions<'_>,
    ) -> Result<(CasesResult, Option<ScoredSet>), EvalError> {
        let indexed = self.library.get(&Corpus::Directories(suite.corpus.clone())).await?;
        let llm = options.recorder.clone().map(|recorder| recorder as Arc<dyn Llm>);
        let settings = self.settings.product.assistant.clone();
        let retriever = self.engine.retriever.clone();
        let assistant =
            Assistant::new(indexed.kb.clone(), retriever, llm.clone(), settings, Metrics::default());
        let respondent = Respondent { assistant: &assistant, judge: llm.as_ref().filter(|_| options.judge) };
        let found = cases::run_cases(&respondent, &indexed, &suite.cases).await?;
        if let Some(problems) =
            options.recorder.as_ref().map(|recorder| recorder.problems()).filter(|p| !p.is_empty())
        {
            return Err(EvalError::Recordings { count: problems.len(), first: problems[0].clone() });
        }
        let queries: Vec<Query> = suite
            .cases
            .iter()
            .map(|case| {
                let mut meta = serde_json::Map::new();
                meta.insert("class".to_owned(), case.class().into());
                if let Some(language) = &case.language {
                    meta.insert("language".to_owned(), language.as_str().into());
                }
                Query { id: case.id.clone(), text: case.text().to_owned(), meta }
            })
            .collect();
        let labelled = suite.cases.iter().filter(|case| !case.relevant.is_empty());
        let qrels: Qrels = labelled.map(|case| (case.id.clone(), case.judgements())).collect();
        let retrieval = match qrels.is_empty() {
            true => None,
            false => Some(self.score(CASES_SET, &indexed, &queries, &qrels).await?),
        };
        let result = CasesResult {
            corpus: indexed.corpus,
            set: suite.cases_hash.clone(),
            cases: found,
            comparison: None,
        };
        Ok((result, retrieval))
    }

    /// Hash of the conditions outside the code under test: depths, budgets, and the model that answers.
    fn configuration(&self, options: &RunOptions<'_>) -> String {
        let kb::retrieve::Options { hits, documents: _, evidence_passages, evidence_tokens } =
            self.engine.options;
        let llm = options.recorder.as_ref().map_or("extractive", |recorder| recorder.model());
        let text =
            format!("depth {DEPTH}, hits {hits}, evidence {evidence_passages}/{evidence_tokens}, {llm}");
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

/// The pages below folders.
pub(crate) async fn pages_of(paths: &[PathBuf]) -> Result<fidelity::Corpus, EvalError> {
    Ok(Arc::new(pages::read(paths).await?))
}

/// The calibration that the product would use for this knowledge base.
async fn calibration_of(indexed: &Indexed) -> Result<Arc<Calibration>, EvalError> {
    let stored = indexed.kb.calibration().await.map_err(EvalError::store("its calibration"))?;
    Ok(Arc::new(answer::calibration::choose(stored, &indexed.kb.identity()).0))
}
