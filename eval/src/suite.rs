//! A suite: a TOML file that names question sets, abstention pairs and single cases, with what must hold.
//!
//! Entry point: [`Suite::read`]. Paths are relative to `root`, which is relative to the suite's own folder; a leading
//! `$RUNBOOKD_TEST_DATA` stands for a directory of public data that is not part of the project.

use crate::{
    abstention::Abstention,
    asking::K8sgptRequest,
    datasets::{Beir, Corpus, SectionSet},
    error::EvalError,
    files::read_text,
    metrics::Metric,
    results::{Figures, ReplyFigures, SupportFigures},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// The variable of [`Suite::read`].
const DATA_VARIABLE: &str = "$RUNBOOKD_TEST_DATA";

/// A suite, its paths resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Name, for reports and file names.
    pub name: String,
    /// How far the lower end of a difference's interval may fall before a gate fails.
    pub tolerance: f64,
    /// Labelled sets of questions.
    pub sets: Vec<SetSpec>,
    /// Pairs of answerable and unanswerable questions.
    pub abstention: Vec<AbstentionSpec>,
    /// What is asked for section fidelity.
    pub fidelity: Vec<FidelitySpec>,
    /// Replies whose way through the checks is judged.
    pub replies: Vec<RepliesSpec>,
    /// Sentences that cite a document, true and untrue.
    pub support: Vec<SupportSpec>,
    /// The corpus that the cases are asked against; empty when there are no cases.
    pub corpus: Vec<PathBuf>,
    /// Single questions with what the answer must be.
    pub cases: Vec<Case>,
    /// Hash of the cases as they are written.
    pub cases_hash: String,
    /// Bounds on the cases together.
    pub case_floors: CaseFloors,
}

/// A labelled set of questions.
#[derive(Debug, Clone, PartialEq)]
pub struct SetSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// `queries.jsonl`.
    pub queries: PathBuf,
    /// `qrels.tsv` or a directory of them.
    pub qrels: PathBuf,
    /// What is searched.
    pub corpus: Corpus,
    /// The least that the final ranking must reach.
    pub floors: BTreeMap<Metric, f64>,
    /// The least share of the relevant that must be within the evidence.
    pub evidence_recall_floor: Option<f64>,
}

/// Two sides of the decision to answer, asked against one corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct AbstentionSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// What is searched.
    pub corpus: Corpus,
    /// Files of questions that the corpus covers.
    pub answerable: Vec<PathBuf>,
    /// Files of questions that it does not.
    pub unanswerable: Vec<PathBuf>,
    /// The most that may go wrong.
    pub ceilings: AbstentionCeilings,
}

/// Questions whose answers are held against the section asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct FidelitySpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The folders that are searched, and whose sections are known.
    pub corpus: Vec<PathBuf>,
    /// What is asked.
    pub asked: Asked,
    /// The least that figures must reach, by their names.
    pub floors: BTreeMap<String, f64>,
    /// The most that they may.
    pub ceilings: BTreeMap<String, f64>,
}

/// Given replies, honest and hostile, whose way through the checks is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct RepliesSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The folders that their evidence stands in.
    pub corpus: Vec<PathBuf>,
    /// Files of honest replies.
    pub honest: Vec<PathBuf>,
    /// Files of hostile replies.
    pub hostile: Vec<PathBuf>,
    /// The most that figures may reach, by their names.
    pub ceilings: BTreeMap<String, f64>,
}

/// Sentences that cite a document, true and untrue, which the checks have to tell apart.
#[derive(Debug, Clone, PartialEq)]
pub struct SupportSpec {
    /// Name, unique within the suite.
    pub name: String,
    /// The folders that their documents stand in.
    pub corpus: Vec<PathBuf>,
    /// The file of true ones.
    pub faithful: PathBuf,
    /// The file of untrue ones.
    pub unfaithful: PathBuf,
    /// The least that figures must reach, by their names.
    pub floors: BTreeMap<String, f64>,
    /// The most that they may.
    pub ceilings: BTreeMap<String, f64>,
}

/// What is asked for section fidelity.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Headings of the corpus itself.
    Headings(Sampling),
    /// Questions with labelled sections.
    Sets(Vec<SectionSet>),
}

/// How headings are chosen as questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Stop after this many questions that count.
    pub questions: usize,
    /// Another seed asks other headings first.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { questions: 200, seed: 7 }
    }
}

/// Upper bounds (and one lower bound) on [`Abstention`]; what is absent is not checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbstentionCeilings {
    /// Most [`Abstention::false_answers_at_95`].
    pub false_answers_at_95: Option<f64>,
    /// Most [`Abstention::false_answers`].
    pub false_answers: Option<f64>,
    /// Most [`Abstention::false_refusals`].
    pub false_refusals: Option<f64>,
    /// Least [`Abstention::auroc`].
    pub min_auroc: Option<f64>,
}

impl AbstentionCeilings {
    /// Each bound with its name, the value found, the bound, and whether larger is better.
    pub fn checks(&self, found: &Abstention) -> Vec<(&'static str, f64, f64, bool)> {
        [
            ("false_answers_at_95", found.false_answers_at_95, self.false_answers_at_95, false),
            ("false_answers", found.false_answers, self.false_answers, false),
            ("false_refusals", found.false_refusals, self.false_refusals, false),
            ("auroc", found.auroc, self.min_auroc, true),
        ]
        .into_iter()
        .filter_map(|(name, found, bound, more_is_better)| Some((name, found, bound?, more_is_better)))
        .collect()
    }
}

/// Lower bounds on the cases together; what is absent is not checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFloors {
    /// Share of cases that pass every check. 1 unless the suite says otherwise.
    pub passed: Option<f64>,
    /// Mean nDCG@10 of the final ranking over cases with relevant documents.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: Option<f64>,
    /// Mean share of citations that are relevant.
    pub citation_precision: Option<f64>,
    /// Mean share of the relevant that is cited.
    pub citation_recall: Option<f64>,
}

/// One question with what its answer must be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique within the suite.
    pub id: String,
    /// The question as a person asks it.
    #[serde(default)]
    pub question: Option<String>,
    /// Or the request that k8sgpt sends.
    #[serde(default)]
    pub k8sgpt: Option<K8sgptRequest>,
    /// The asker's language, as free text.
    #[serde(default)]
    pub language: Option<String>,
    /// The access tags that the asker holds; none: what everybody may see.
    #[serde(default)]
    pub access: Vec<String>,
    /// Documents, directories (`path/`) or passages (`path#heading`) that answer it, each as a plain id (grade 1) or
    /// `{ id, grade }`.
    #[serde(default)]
    pub relevant: Vec<Relevant>,
    /// Whether the corpus covers it.
    #[serde(default = "yes")]
    pub answerable: bool,
    /// The status wanted, when it matters more exactly than answered or not.
    #[serde(default)]
    pub status: Option<kb::answerable::Status>,
    /// The language tag that the answer must be in.
    #[serde(default)]
    pub answer_language: Option<String>,
    /// Texts that the answer must contain, compared without case and spacing; of `a | b` one is enough.
    #[serde(default)]
    pub must_mention: Vec<String>,
    /// Texts that it must not contain.
    #[serde(default)]
    pub must_not_mention: Vec<String>,
    /// The document that must come first.
    #[serde(default)]
    pub first: Option<String>,
    /// A good answer, for token F1 and ROUGE-L.
    #[serde(default)]
    pub reference: Option<String>,
    /// The group it is reported under.
    #[serde(default)]
    pub class: Option<String>,
}

fn yes() -> bool {
    true
}

/// A label of a [`Case`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Relevant {
    /// Grade 1.
    Plain(String),
    /// With its grade.
    Graded {
        /// The label.
        id: String,
        /// Its grade.
        grade: i32,
    },
}

impl Case {
    /// What is searched for and answered: the question, or k8sgpt's message.
    pub fn text(&self) -> &str {
        match (&self.k8sgpt, &self.question) {
            (Some(request), _) => &request.message,
            (None, question) => question.as_deref().unwrap_or_default(),
        }
    }

    /// Its labels with their grades.
    pub fn judgements(&self) -> Vec<(String, i32)> {
        self.relevant
            .iter()
            .map(|relevant| match relevant {
                Relevant::Plain(id) => (id.clone(), 1),
                Relevant::Graded { id, grade } => (id.clone(), *grade),
            })
            .collect()
    }

    /// The group it is reported under.
    pub fn class(&self) -> &str {
        self.class.as_deref().unwrap_or("cases")
    }
}

impl Suite {
    /// Reads and checks a suite. `data` is what `$RUNBOOKD_TEST_DATA` stands for.
    pub fn read(path: &Path, data: Option<&Path>) -> Result<Suite, EvalError> {
        let text = read_text(path)?;
        let not_a_suite = |error: toml::de::Error| EvalError::data(path, error.to_string());
        let file: SuiteFile = toml::from_str(&text).map_err(not_a_suite)?;
        let written: toml::Table = toml::from_str(&text).map_err(not_a_suite)?;
        let cases = written.get("case").map(toml::Value::to_string).unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("."));
        let bad = |detail: String| EvalError::data(path, detail);
        let root = resolve(folder, file.root.as_deref().unwrap_or("."), data).map_err(bad)?;
        let at = |relative: &str| resolve(&root, relative, data).map_err(bad);
        let all = |relative: &[String]| relative.iter().map(|one| at(one)).collect::<Result<Vec<_>, _>>();

        let mut names = HashSet::new();
        let mut sets = Vec::new();
        for set in file.set {
            if !names.insert(set.name.clone()) {
                return Err(bad(format!("the name `{}` comes twice", set.name)));
            }
            let (queries, qrels, corpus) = match (set.beir, set.queries, set.qrels) {
                (Some(beir), None, None) if set.corpus.is_empty() => {
                    let beir = Beir::open(&at(&beir)?)?;
                    (beir.queries, beir.qrels, Corpus::Jsonl(beir.corpus))
                }
                (None, Some(queries), Some(qrels)) if !set.corpus.is_empty() => {
                    (at(&queries)?, at(&qrels)?, Corpus::Directories(all(&set.corpus)?))
                }
                _ => {
                    let name = set.name;
                    return Err(bad(format!(
                        "set `{name}` needs either `beir`, or `queries`, `qrels` and `corpus`"
                    )));
                }
            };
            let mut floors = set.floors;
            let evidence_recall_floor = floors.remove("evidence_recall");
            let floors = floors
                .into_iter()
                .map(|(name, floor)| {
                    let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
                    Ok((
                        metric
                            .ok_or_else(|| bad(format!("`{name}` is not a metric that can have a floor")))?,
                        floor,
                    ))
                })
                .collect::<Result<_, EvalError>>()?;
            sets.push(SetSpec { name: set.name, queries, qrels, corpus, floors, evidence_recall_floor });
        }

        let mut abstention = Vec::new();
        for pair in file.abstention {
            if !names.insert(pair.name.clone()) {
                return Err(bad(format!("the name `{}` comes twice", pair.name)));
            }
            if pair.corpus.is_empty() || pair.answerable.is_empty() || pair.unanswerable.is_empty() {
                let name = pair.name;
                return Err(bad(format!(
                    "abstention `{name}` needs `corpus`, `answerable` and `unanswerable`"
                )));
            }
            abstention.push(AbstentionSpec {
                corpus: Corpus::Directories(all(&pair.corpus)?),
                answerable: all(&pair.answerable)?,
                unanswerable: all(&pair.unanswerable)?,
                name: pair.name,
                ceilings: pair.ceilings,
            });
        }

        let mut fidelity = Vec::new();
        for spec in file.fidelity {
            let name = spec.name;
            if !names.insert(name.clone()) {
                return Err(bad(format!("the name `{name}` comes twice")));
            }
            let corpus = all(&spec.corpus)?;
            let (asked, known) = match spec.headings {
                Some(headings) if spec.sets.is_empty() && !corpus.is_empty() => {
                    let Sampling { questions, seed } = Sampling::default();
                    let sampling = Sampling {
                        questions: headings.questions.unwrap_or(questions),
                        seed: headings.seed.unwrap_or(seed),
                    };
                    (Asked::Headings(sampling), Figures::OF_HEADINGS)
                }
                None if !spec.sets.is_empty() && !corpus.is_empty() => {
                    let sets = all(&spec.sets)?.iter().map(|set| SectionSet::at(set)).collect();
                    (Asked::Sets(sets), Figures::OF_LABELS)
                }
                _ => {
                    return Err(bad(format!(
                        "fidelity `{name}` needs `corpus`, and either `headings` or `sets`"
                    )));
                }
            };
            if let Some(other) =
                spec.floors.keys().chain(spec.ceilings.keys()).find(|key| !known.contains(&key.as_str()))
            {
                return Err(bad(format!(
                    "fidelity `{name}` has no figure `{other}`; it has {}",
                    known.join(", ")
                )));
            }
            let (floors, ceilings) = (spec.floors, spec.ceilings);
            fidelity.push(FidelitySpec { name, corpus, asked, floors, ceilings });
        }

        let mut replies = Vec::new();
        for spec in file.replies {
            let name = spec.name;
            if !names.insert(name.clone()) {
                return Err(bad(format!("the name `{name}` comes twice")));
            }
            if spec.corpus.is_empty() || spec.honest.is_empty() || spec.hostile.is_empty() {
                return Err(bad(format!("replies `{name}` need `corpus`, `honest` and `hostile`")));
            }
            let known = ReplyFigures::NAMES;
            if let Some(other) = spec.ceilings.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(bad(format!(
                    "replies `{name}` have no figure `{other}`; they have {}",
                    known.join(", ")
                )));
            }
            replies.push(RepliesSpec {
                corpus: all(&spec.corpus)?,
                honest: all(&spec.honest)?,
                hostile: all(&spec.hostile)?,
                name,
                ceilings: spec.ceilings,
            });
        }

        let mut support = Vec::new();
        for spec in file.support {
            let name = spec.name;
            if !names.insert(name.clone()) {
                return Err(bad(format!("the name `{name}` comes twice")));
            }
            if spec.corpus.is_empty() {
                return Err(bad(format!("support `{name}` needs a `corpus`")));
            }
            let known = SupportFigures::NAMES;
            if let Some(other) =
                spec.floors.keys().chain(spec.ceilings.keys()).find(|key| !known.contains(&key.as_str()))
            {
                return Err(bad(format!(
                    "support `{name}` has no figure `{other}`; it has {}",
                    known.join(", ")
                )));
            }
            support.push(SupportSpec {
                corpus: all(&spec.corpus)?,
                faithful: at(&spec.faithful)?,
                unfaithful: at(&spec.unfaithful)?,
                name,
                floors: spec.floors,
                ceilings: spec.ceilings,
            });
        }

        let mut ids = HashSet::new();
        for case in &file.case {
            let id = &case.id;
            if !ids.insert(id) {
                return Err(bad(format!("the case `{id}` comes twice")));
            }
            if case.question.is_some() == case.k8sgpt.is_some() {
                return Err(bad(format!("case `{id}` needs either `question` or `k8sgpt`")));
            }
            if case.text().trim().is_empty() {
                return Err(bad(format!("case `{id}` asks nothing")));
            }
        }
        if !file.case.is_empty() && file.corpus.is_empty() {
            return Err(bad("the cases need a `corpus` at the top of the file".to_owned()));
        }
        Ok(Suite {
            name: file.name,
            tolerance: file.tolerance,
            sets,
            abstention,
            fidelity,
            replies,
            support,
            corpus: all(&file.corpus)?,
            cases: file.case,
            cases_hash: blake3::hash(cases.as_bytes()).to_hex().to_string(),
            case_floors: file.case_floors,
        })
    }
}

/// Joins, with the variable replaced.
fn resolve(folder: &Path, relative: &str, data: Option<&Path>) -> Result<PathBuf, String> {
    match relative.strip_prefix(DATA_VARIABLE) {
        Some(rest) => match data {
            Some(data) => Ok(data.join(rest.trim_start_matches('/'))),
            None => Err(format!("`{relative}` needs {DATA_VARIABLE}; set it, or give `--data DIRECTORY`")),
        },
        None => Ok(folder.join(relative)),
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteFile {
    name: String,
    #[serde(default)]
    root: Option<String>,
    #[serde(default = "default_tolerance")]
    tolerance: f64,
    #[serde(default)]
    corpus: Vec<String>,
    #[serde(default)]
    case_floors: CaseFloors,
    #[serde(default)]
    set: Vec<SetFile>,
    #[serde(default)]
    abstention: Vec<AbstentionFile>,
    #[serde(default)]
    fidelity: Vec<FidelityFile>,
    #[serde(default)]
    replies: Vec<RepliesFile>,
    #[serde(default)]
    support: Vec<SupportFile>,
    #[serde(default)]
    case: Vec<Case>,
}

fn default_tolerance() -> f64 {
    0.02
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFile {
    name: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbstentionFile {
    name: String,
    corpus: Vec<String>,
    answerable: Vec<String>,
    unanswerable: Vec<String>,
    #[serde(default)]
    ceilings: AbstentionCeilings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FidelityFile {
    name: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SupportFile {
    name: String,
    corpus: Vec<String>,
    faithful: String,
    unfaithful: String,
    #[serde(default)]
    floors: BTreeMap<String, f64>,
    #[serde(default)]
    ceilings: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepliesFile {
    name: String,
    corpus: Vec<String>,
    #[serde(default)]
    honest: Vec<String>,
    #[serde(default)]
    hostile: Vec<String>,
    #[serde(default)]
    ceilings: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadingsFile {
    #[serde(default)]
    questions: Option<usize>,
    #[serde(default)]
    seed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, data: Option<&str>) -> Result<Suite, String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("suite.toml");
        std::fs::write(&path, text).expect("a file in it");
        Suite::read(&path, data.map(Path::new)).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_are_resolved_and_bounds_read() {
        let suite = read(
            r#"
            name = "s"
            root = "$RUNBOOKD_TEST_DATA"
            [[set]]
            name = "alerts"
            queries = "q/queries.jsonl"
            qrels = "q/qrels.tsv"
            corpus = ["corpora/runbooks"]
            floors = { "ndcg@10" = 0.9, evidence_recall = 0.8 }
            [[abstention]]
            name = "others"
            corpus = ["/elsewhere"]
            answerable = ["a.jsonl"]
            unanswerable = ["u.jsonl"]
            ceilings = { false_answers_at_95 = 0.01 }
            "#,
            Some("/data"),
        )
        .expect("a good suite");
        assert_eq!(suite.sets[0].queries, Path::new("/data/q/queries.jsonl"));
        assert_eq!(suite.sets[0].floors, BTreeMap::from([(Metric::Ndcg10, 0.9)]));
        assert_eq!(suite.sets[0].evidence_recall_floor, Some(0.8));
        assert_eq!(suite.abstention[0].corpus, Corpus::Directories(vec!["/elsewhere".into()]));
        assert_eq!(suite.abstention[0].ceilings.false_answers_at_95, Some(0.01));
        assert_eq!(suite.tolerance, 0.02);
    }

    #[test]
    fn fidelity_asks_headings_or_sets() {
        let suite = read(
            r#"
            name = "s"
            [[fidelity]]
            name = "pages"
            corpus = ["/docs"]
            headings = { questions = 50 }
            floors = { lead = 0.9 }
            ceilings = { refused = 0.05 }
            [[fidelity]]
            name = "alerts"
            corpus = ["/docs"]
            sets = ["/sets/alerts"]
            floors = { "head@1" = 0.9 }
            "#,
            None,
        )
        .expect("a good suite");
        assert_eq!(
            suite.fidelity[0].asked,
            Asked::Headings(Sampling { questions: 50, ..Sampling::default() })
        );
        assert_eq!(suite.fidelity[0].ceilings, BTreeMap::from([("refused".to_owned(), 0.05)]));
        let Asked::Sets(sets) = &suite.fidelity[1].asked else { panic!("{:?}", suite.fidelity) };
        assert_eq!(
            (sets[0].name.as_str(), sets[0].queries.as_path()),
            ("alerts", Path::new("/sets/alerts/queries.jsonl"))
        );
    }

    #[test]
    fn cases_hold_either_kind_of_question() {
        let suite = read(
            r#"
            name = "s"
            corpus = ["../runbooks"]
            [[case]]
            id = "plain"
            question = "why?"
            relevant = ["a.md", { id = "b/", grade = 2 }]
            [[case]]
            id = "k8sgpt"
            k8sgpt = { message = "Back-off pulling image" }
            answerable = false
            status = "unknown"
            "#,
            None,
        )
        .expect("a good suite");
        assert_eq!(suite.cases[0].judgements(), [("a.md".to_owned(), 1), ("b/".to_owned(), 2)]);
        assert_eq!(suite.cases[1].text(), "Back-off pulling image");
        assert!(suite.cases[0].answerable && !suite.cases[1].answerable);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("name = 's'\n[[set]]\nname = 'a'", "set `a` needs either `beir`"),
            ("name = 's'\nroot = '$RUNBOOKD_TEST_DATA'", "set it, or give `--data DIRECTORY`"),
            ("name = 's'\ncorpus = ['x']\n[[case]]\nid = 'a'", "needs either `question` or `k8sgpt`"),
            ("name = 's'\n[[case]]\nid = 'a'\nquestion = 'x'", "need a `corpus`"),
            ("name = 's'\ncorpus = ['x']\n[[case]]\nid = 'a'\nquestion = ' '", "asks nothing"),
            ("name = 's'\nextra = 1", "unknown field `extra`"),
            ("name = 's'\n[[fidelity]]\nname='a'\ncorpus=['c']", "and either `headings` or `sets`"),
            (
                "name = 's'\n[[fidelity]]\nname='a'\ncorpus=['c']\nheadings={}\nfloors={mostly=1.0}",
                "no figure `mostly`; it has lead, whole",
            ),
            (
                "name = 's'\n[[replies]]\nname='a'\ncorpus=['c']\nhonest=['h']",
                "need `corpus`, `honest` and `hostile`",
            ),
            (
                "name = 's'\n[[replies]]\nname='a'\ncorpus=['c']\nhonest=['h']\nhostile=['l']\nceilings={lost=1.0}",
                "no figure `lost`; they have harm",
            ),
            (
                "name = 's'\n[[set]]\nname='a'\nqueries='q'\nqrels='r'\ncorpus=['c']\nfloors={ndcg=1.0}",
                "`ndcg` is not a metric",
            ),
        ] {
            let error = read(text, None).expect_err("a bad suite");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
