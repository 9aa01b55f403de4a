//! The file of a suite as it is written, and the checks of its parts.

use super::{
    case::Case,
    spec::{
        AbstentionCeilings, AbstentionSpec, Asked, CaseFloors, FidelitySpec, RepliesSpec, Sampling, SetSpec,
        SupportSpec,
    },
};
use crate::{
    datasets::{Beir, Corpus, SectionSet},
    error::EvalError,
    metrics::Metric,
    results::{Figures, ReplyFigures, SupportFigures},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// The variable that paths may begin with.
const DATA_VARIABLE: &str = "$RUNBOOKD_TEST_DATA";

/// The whole file of a suite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteFile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) root: Option<String>,
    #[serde(default = "default_tolerance")]
    pub(super) tolerance: f64,
    #[serde(default)]
    pub(super) corpus: Vec<String>,
    #[serde(default)]
    pub(super) case_floors: CaseFloors,
    #[serde(default)]
    pub(super) set: Vec<SetFile>,
    #[serde(default)]
    pub(super) abstention: Vec<AbstentionFile>,
    #[serde(default)]
    pub(super) fidelity: Vec<FidelityFile>,
    #[serde(default)]
    pub(super) replies: Vec<RepliesFile>,
    #[serde(default)]
    pub(super) support: Vec<SupportFile>,
    #[serde(default)]
    pub(super) case: Vec<Case>,
}

fn default_tolerance() -> f64 {
    0.02
}

/// The facts about the file that all parts need.
pub(super) struct Context<'a> {
    path: &'a Path,
    root: PathBuf,
    data: Option<&'a Path>,
    /// The names of the parts so far.
    names: HashSet<String>,
}

impl<'a> Context<'a> {
    /// `root` is that of the file, relative to its folder; `data` stands for [`DATA_VARIABLE`].
    pub(super) fn new(path: &'a Path, root: Option<&str>, data: Option<&'a Path>) -> Result<Self, EvalError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let root =
            resolve(folder, root.unwrap_or("."), data).map_err(|detail| EvalError::data(path, detail))?;
        Ok(Self { path, root, data, names: HashSet::new() })
    }

    fn bad(&self, detail: String) -> EvalError {
        EvalError::data(self.path, detail)
    }

    fn at(&self, relative: &str) -> Result<PathBuf, EvalError> {
        resolve(&self.root, relative, self.data).map_err(|detail| self.bad(detail))
    }

    pub(super) fn all(&self, relative: &[String]) -> Result<Vec<PathBuf>, EvalError> {
        relative.iter().map(|one| self.at(one)).collect()
    }

    /// The specifications of the parts of one kind. A name that another part of the suite has is refused.
    pub(super) fn each<F, S>(
        &mut self,
        files: Vec<F>,
        name: impl Fn(&F) -> &str,
        spec: impl Fn(F, &Self) -> Result<S, EvalError>,
    ) -> Result<Vec<S>, EvalError> {
        let mut specs = Vec::with_capacity(files.len());
        for file in files {
            if !self.names.insert(name(&file).to_owned()) {
                return Err(self.bad(format!("the name `{}` comes twice", name(&file))));
            }
            specs.push(spec(file, self)?);
        }
        Ok(specs)
    }

    /// Refuses a bound on a figure that is not in `known`. `part` and `pronoun` begin the clauses of the message, each
    /// with its verb.
    fn check_figures<'b>(
        &self,
        part: &str,
        pronoun: &str,
        known: &[&str],
        mut bounded: impl Iterator<Item = &'b String>,
    ) -> Result<(), EvalError> {
        match bounded.find(|name| !known.contains(&name.as_str())) {
            Some(other) => {
                let known = known.join(", ");
                Err(self.bad(format!("{part} no figure `{other}`; {pronoun} {known}")))
            }
            None => Ok(()),
        }
    }

    /// Refuses cases without a question or a corpus, and ids that come twice.
    pub(super) fn check_cases(&self, cases: &[Case], corpus: &[String]) -> Result<(), EvalError> {
        let mut ids = HashSet::new();
        for case in cases {
            let id = &case.id;
            if !ids.insert(id) {
                return Err(self.bad(format!("the case `{id}` comes twice")));
            }
            if case.question.is_some() == case.k8sgpt.is_some() {
                return Err(self.bad(format!("case `{id}` needs either `question` or `k8sgpt`")));
            }
            if case.text().trim().is_empty() {
                return Err(self.bad(format!("case `{id}` asks nothing")));
            }
        }
        match cases.is_empty() || !corpus.is_empty() {
            true => Ok(()),
            false => Err(self.bad("the cases need a `corpus` at the top of the file".to_owned())),
        }
    }
}

/// The path with [`DATA_VARIABLE`] replaced by `data`, or joined to `folder`.
fn resolve(folder: &Path, relative: &str, data: Option<&Path>) -> Result<PathBuf, String> {
    match relative.strip_prefix(DATA_VARIABLE) {
        Some(rest) => match data {
            Some(data) => Ok(data.join(rest.trim_start_matches('/'))),
            None => Err(format!("`{relative}` needs {DATA_VARIABLE}; set it, or give `--data DIRECTORY`")),
        },
        None => Ok(folder.join(relative)),
    }
}

/// A `[[set]]`: a labelled set of questions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFile {
    pub(super) name: String,
    #[serde(default)]
    beir: Option<String>,
    #[serde(default)]
    queries: Option<String>,
    #[serde(default)]
    qrels: Option<String>,
    #[serde(default)]
    corpus: Vec<String>,
    #[serde(default)]
    floors: BTreeMap<String, f64>,
}

impl SetFile {
    pub(super) fn spec(self, context: &Context<'_>) -> Result<SetSpec, EvalError> {
        let (queries, qrels, corpus) = match (self.beir, self.queries, self.qrels) {
            (Some(beir), None, None) if self.corpus.is_empty() => {
                let beir = Beir::open(&context.at(&beir)?)?;
                (beir.queries, beir.qrels, Corpus::Jsonl(beir.corpus))
            }
            (None, Some(queries), Some(qrels)) if !self.corpus.is_empty() => {
                let corpus = Corpus::Directories(context.all(&self.corpus)?);
                (context.at(&queries)?, context.at(&qrels)?, corpus)
            }
            _ => {
                let name = self.name;
                let detail = format!("set `{name}` needs either `beir`, or `queries`, `qrels` and `corpus`");
                return Err(context.bad(detail));
            }
        };
        let mut floors = self.floors;
        let evidence_recall_floor = floors.remove("evidence_recall");
        let floors = floors
            .into_iter()
            .map(|(name, floor)| {
                let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
                let unknown = || context.bad(format!("`{name}` is not a metric that can have a floor"));
                Ok((metric.ok_or_else(unknown)?, floor))
            })
            .collect::<Result<_, EvalError>>()?;
        Ok(SetSpec { name: self.name, queries, qrels, corpus, floors, evidence_recall_floor })
    }
}

/// An `[[abstention]]`: a pair of answerable and unanswerable questions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbstentionFile {
    pub(super) name: String,
    corpus: Vec<String>,
    answerable: Vec<String>,
    unanswerable: Vec<String>,
    #[serde(default)]
    ceilings: AbstentionCeilings,
}

impl AbstentionFile {
    pub(super) fn spec(self, context: &Context<'_>) -> Result<AbstentionSpec, EvalError> {
        if self.corpus.is_empty() || self.answerable.is_empty() || self.unanswerable.is_empty() {
            let name = self.name;
            let detail = format!("abstention `{name}` needs `corpus`, `answerable` and `unanswerable`");
            return Err(context.bad(detail));
        }
        Ok(AbstentionSpec {
            corpus: Corpus::Directories(context.all(&self.corpus)?),
            answerable: context.all(&self.answerable)?,
            unanswerable: context.all(&self.unanswerable)?,
            name: self.name,
            ceilings: self.ceilings,
        })
    }
}

/// A `[[fidelity]]`: questions for section fidelity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FidelityFile {
    pub(super) name: String,
    corpus: Vec<String>,
    #[serde(default)]
    headings: Option<HeadingsFile>,
    #[serde(default)]
    sets: Vec<String>,
    #[serde(default)]
    floors: BTreeMap<String, f64>,
    #[serde(default)]
    ceilings: BTreeMap<String, f64>,
}

/// The `headings` of a [`FidelityFile`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadingsFile {
    #[serde(default)]
    questions: Option<usize>,
    #[serde(default)]
    seed: Option<u64>,
}

impl FidelityFile {
    pub(super) fn spec(self, context: &Context<'_>) -> Result<FidelitySpec, EvalError> {
        let name = self.name;
        let corpus = context.all(&self.corpus)?;
        let (asked, known) = match self.headings {
            Some(headings) if self.sets.is_empty() && !corpus.is_empty() => {
                let Sampling { questions, seed } = Sampling::default();
                let sampling = Sampling {
                    questions: headings.questions.unwrap_or(questions),
                    seed: headings.seed.unwrap_or(seed),
                };
                (Asked::Headings(sampling), Figures::OF_HEADINGS)
            }
            None if !self.sets.is_empty() && !corpus.is_empty() => {
                let sets = context.all(&self.sets)?.iter().map(|set| SectionSet::at(set)).collect();
                (Asked::Sets(sets), Figures::OF_LABELS)
            }
            _ => {
                let detail = format!("fidelity `{name}` needs `corpus`, and either `headings` or `sets`");
                return Err(context.bad(detail));
            }
        };
        let (floors, ceilings) = (self.floors, self.ceilings);
        let bounded = floors.keys().chain(ceilings.keys());
        context.check_figures(&format!("fidelity `{name}` has"), "it has", &known, bounded)?;
        Ok(FidelitySpec { name, corpus, asked, floors, ceilings })
    }
}

/// A `[[replies]]`: given replies of a model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RepliesFile {
    pub(super) name: String,
    corpus: Vec<String>,
    #[serde(default)]
    honest: Vec<String>,
    #[serde(default)]
    hostile: Vec<String>,
    #[serde(default)]
    ceilings: BTreeMap<String, f64>,
}

impl RepliesFile {
    pub(super) fn spec(self, context: &Context<'_>) -> Result<RepliesSpec, EvalError> {
        let name = self.name;
        if self.corpus.is_empty() || self.honest.is_empty() || self.hostile.is_empty() {
            return Err(context.bad(format!("replies `{name}` need `corpus`, `honest` and `hostile`")));
        }
        let part = format!("replies `{name}` have");
        context.check_figures(&part, "they have", &ReplyFigures::NAMES, self.ceilings.keys())?;
        Ok(RepliesSpec {
            corpus: context.all(&self.corpus)?,
            honest: context.all(&self.honest)?,
            hostile: context.all(&self.hostile)?,
            name,
            ceilings: self.ceilings,
        })
    }
}

/// A `[[support]]`: true and untrue sentences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SupportFile {
    pub(super) name: String,
    corpus: Vec<String>,
    faithful: String,
    unfaithful: String,
    #[serde(default)]
    floors: BTreeMap<String, f64>,
    #[serde(default)]
    ceilings: BTreeMap<String, f64>,
}

impl SupportFile {
    pub(super) fn spec(self, context: &Context<'_>) -> Result<SupportSpec, EvalError> {
        let name = self.name;
        if self.corpus.is_empty() {
            return Err(context.bad(format!("support `{name}` needs a `corpus`")));
        }
        let part = format!("support `{name}` has");
        let bounded = self.floors.keys().chain(self.ceilings.keys());
        context.check_figures(&part, "it has", &SupportFigures::NAMES, bounded)?;
        Ok(SupportSpec {
            corpus: context.all(&self.corpus)?,
            faithful: context.at(&self.faithful)?,
            unfaithful: context.at(&self.unfaithful)?,
            name,
            floors: self.floors,
            ceilings: self.ceilings,
        })
    }
}
