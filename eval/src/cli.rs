//! The command line: `evaluate run | retrieval | abstention | fidelity | calibrate | init | lint`. Turns flags into
//! settings and results into exit codes: 0 done and gates hold, 1 a gate failed or `lint` found errors, 2 could not run.

use crate::{
    baseline::Baseline,
    calibration::FitOptions,
    commands::{self, Sides},
    config::Settings,
    error::EvalError,
    suite::Sampling,
};
use clap::{Args, Parser, Subcommand};
use kb::{causes::with_causes, retrieve::Tuning};
use runbookd::config::Flags;
use serde::Serialize;
use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

/// Measures retrieval, the decision to answer, and answers; gates a change.
///
/// Exit codes: 0 done, gates hold; 1 a gate failed; 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "evaluate", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a suite: sets, abstention pairs, cases and gates.
    Run {
        #[command(flatten)]
        common: CommonFlags,
        /// The suite.
        #[arg(value_name = "SUITE.toml")]
        suite: PathBuf,
        /// Compare with this file, query by query.
        #[arg(long, value_name = "FILE")]
        baseline: Option<PathBuf>,
        /// Write this run's figures as a baseline.
        #[arg(long, value_name = "FILE")]
        write_baseline: Option<PathBuf>,
        /// Write reports into this directory.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Answer with the language model's recorded replies; a missing one is a failure.
        #[arg(long, value_name = "DIR", conflicts_with = "record")]
        replay: Option<PathBuf>,
        /// Answer with the configured language model, and record its replies.
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        /// Let the language model judge answers as well.
        #[arg(long)]
        judge: bool,
        /// Print the whole result as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Score retrieval on labelled questions, document by document, as trec_eval -c does.
    Retrieval {
        #[command(flatten)]
        common: CommonFlags,
        /// Questions: JSON lines with _id and text.
        #[arg(long, value_name = "FILE", requires = "qrels")]
        queries: Option<PathBuf>,
        /// Labels: query-id, corpus-id, score, separated by tabs.
        #[arg(long, value_name = "FILE", requires = "queries")]
        qrels: Option<PathBuf>,
        /// A directory in BEIR's layout, whose corpus.jsonl is indexed.
        #[arg(long, value_name = "DIR", conflicts_with_all = ["queries", "qrels", "kb"])]
        beir: Option<PathBuf>,
        /// Every set of a suite.
        #[arg(long, value_name = "SUITE.toml", conflicts_with_all = ["queries", "qrels", "kb", "beir"])]
        suite: Option<PathBuf>,
        /// Of the suite only this set. May be given several times.
        #[arg(long, value_name = "NAME", requires = "suite")]
        only: Vec<String>,
        /// Write the final ranking in TREC's format.
        #[arg(long, value_name = "FILE", conflicts_with = "suite")]
        run: Option<PathBuf>,
        /// Write a query a line, with every stage's figures.
        #[arg(long, value_name = "FILE")]
        per_query: Option<PathBuf>,
        /// With --json: every stage's figures as well.
        #[arg(long)]
        stages: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Measure how well answerable and unanswerable questions are told apart.
    Abstention {
        #[command(flatten)]
        common: CommonFlags,
        #[command(flatten)]
        sides: SideFlags,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Measure which section of a page the answers stand in: headings asked as questions, or labelled sections.
    Fidelity {
        #[command(flatten)]
        common: CommonFlags,
        /// The files and folders that --kb was made of.
        #[arg(value_name = "PATH", conflicts_with = "suite")]
        paths: Vec<PathBuf>,
        /// A directory with queries.jsonl and passages.tsv, in place of headings; without PATH, what its set.json names
        /// is indexed. May be given several times.
        #[arg(long, value_name = "DIR", conflicts_with = "suite")]
        set: Vec<PathBuf>,
        /// Where the folders of set.json are [default: corpora below --data].
        #[arg(long, value_name = "DIR", requires = "set", conflicts_with = "paths")]
        corpora: Option<PathBuf>,
        /// Everything that a suite asks.
        #[arg(long, value_name = "SUITE.toml")]
        suite: Option<PathBuf>,
        /// Of the suite only this name. May be given several times.
        #[arg(long, value_name = "NAME", requires = "suite")]
        only: Vec<String>,
        /// Most headings that count.
        #[arg(long, value_name = "COUNT", default_value_t = Sampling::default().questions, conflicts_with = "suite")]
        questions: usize,
        /// Decides the order in which headings are asked.
        #[arg(long, value_name = "NUMBER", default_value_t = Sampling::default().seed, conflicts_with = "suite")]
        seed: u64,
        /// Write a question a line, with its answer and the sentences that stand elsewhere.
        #[arg(long, value_name = "FILE")]
        per_query: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Fit the decision to answer, and store it with the knowledge base.
    Calibrate {
        #[command(flatten)]
        common: CommonFlags,
        #[command(flatten)]
        sides: SideFlags,
        /// Fit on half of the questions, by a hash of their ids, and report on the other half.
        #[arg(long)]
        half: bool,
        /// Percent of the answerable that are answered at the threshold.
        #[arg(long, value_name = "PERCENT", default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100))]
        answered: u8,
        /// Strength of the penalty on coefficients.
        #[arg(long, value_name = "STRENGTH", default_value_t = 1.0)]
        l2: f64,
        /// Give a coefficient rather than fit it, such as unknown_alert=-3. May be given several times.
        #[arg(long, value_name = "FEATURE=VALUE", value_parser = held_coefficient)]
        hold: Vec<(String, f64)>,
        /// Print the fit, and store nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Build a labelled set from Prometheus rules: what an alert says -> the document its runbook_url names.
    Init {
        #[command(flatten)]
        common: CommonFlags,
        /// Rule files, or PrometheusRule objects: a directory or a file.
        #[arg(long, value_name = "DIR")]
        rules: PathBuf,
        /// Where queries.jsonl, qrels.tsv and coverage.json go.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Print the coverage report as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Check labelled sets: labels that point nowhere, duplicates, questions copied from the corpus.
    Lint {
        #[command(flatten)]
        common: CommonFlags,
        /// Every set of a suite.
        #[arg(value_name = "SUITE.toml", conflicts_with_all = ["queries", "qrels", "kb"])]
        suite: Option<PathBuf>,
        /// Questions.
        #[arg(long, value_name = "FILE", requires = "qrels")]
        queries: Option<PathBuf>,
        /// Labels.
        #[arg(long, value_name = "FILE", requires = "queries")]
        qrels: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// The flags of every command.
#[derive(Debug, Args)]
struct CommonFlags {
    #[command(flatten)]
    product: runbookd::cli::Common,
    /// Where knowledge bases built for suites are kept [default: the user's cache directory].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Search copies of these knowledge bases on a Qdrant server, qdrant://HOST:6334/PREFIX, instead of themselves; copies that
    /// are missing are made.
    #[arg(long, value_name = "KB")]
    server: Option<String>,
    /// What $RUNBOOKD_TEST_DATA stands for in suites.
    #[arg(long, value_name = "DIR", env = "RUNBOOKD_TEST_DATA")]
    data: Option<PathBuf>,
    /// Build the knowledge bases of suites anew.
    #[arg(long)]
    rebuild: bool,
    /// Change one number of the ranking, such as links=0 or fields.title=2, to measure what it is worth.
    #[arg(long, value_name = "KEY=VALUE")]
    tune: Vec<String>,
}

impl CommonFlags {
    fn settings(&self) -> Result<(Settings, Tuning), EvalError> {
        let product =
            self.product.load(Flags::new()).map_err(|error| EvalError::Usage(with_causes(&error)))?;
        let mut settings = Settings::new(product, self.cache.clone(), self.data.clone())?;
        settings.server = self.server.clone();
        Ok((settings, tuned(&self.tune)?))
    }
}

#[derive(Debug, Args)]
struct SideFlags {
    /// Questions that the knowledge base covers. May be given several times.
    #[arg(long, value_name = "FILE")]
    answerable: Vec<PathBuf>,
    /// Questions that it does not cover. May be given several times.
    #[arg(long, value_name = "FILE")]
    unanswerable: Vec<PathBuf>,
    /// Every abstention pair of a suite, in place of --answerable and --unanswerable.
    #[arg(long, value_name = "SUITE.toml", conflicts_with_all = ["answerable", "unanswerable"])]
    suite: Option<PathBuf>,
}

/// Reads `FEATURE=VALUE`, a finite number.
fn held_coefficient(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("give FEATURE=VALUE")?;
    let value: f64 = value.trim().parse().map_err(|_| format!("`{value}` is no number"))?;
    match value.is_finite() {
        true => Ok((name.trim().to_owned(), value)),
        false => Err(format!("`{value}` is not finite")),
    }
}

impl SideFlags {
    fn sides(self) -> Result<Sides, EvalError> {
        match self.suite {
            Some(suite) => Ok(Sides::Suite(suite)),
            None if self.answerable.is_empty() || self.unanswerable.is_empty() => {
                Err(EvalError::Usage("give --answerable and --unanswerable, or --suite".to_owned()))
            }
            None => Ok(Sides::Files { answerable: self.answerable, unanswerable: self.unanswerable }),
        }
    }
}

/// The default numbers of the ranking with the given changes, each as `KEY=VALUE`.
fn tuned(changes: &[String]) -> Result<Tuning, EvalError> {
    let wrong = |change: &str, why: String| EvalError::Usage(format!("--tune {change}: {why}"));
    let mut value = serde_json::to_value(Tuning::DEFAULT).map_err(|error| wrong("", error.to_string()))?;
    for change in changes {
        let (key, number) =
            change.split_once('=').ok_or_else(|| wrong(change, "expected KEY=VALUE".to_owned()))?;
        let pointer = format!("/{}", key.replace('.', "/"));
        let place = value.pointer_mut(&pointer).ok_or_else(|| {
            let all = serde_json::to_string(&Tuning::DEFAULT).unwrap_or_default();
            wrong(change, format!("there is no such number; there are {all}"))
        })?;
        *place = serde_json::from_str(number).map_err(|error| wrong(change, error.to_string()))?;
    }
    serde_json::from_value(value).map_err(|error| wrong(&changes.join(" "), error.to_string()))
}

/// Parses the command line and runs the command; the exit code says how it ended.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .with_target(false)
        .init();
    let is_json = cli.command.is_json();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("evaluate: the runtime could not be started: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(execute(cli.command)) {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err(error) => {
            let said = with_causes(&error);
            eprintln!("evaluate: {said}");
            if is_json {
                let _ = print_json(&serde_json::json!({ "error": said }));
            }
            ExitCode::from(2)
        }
    }
}

impl Command {
    fn is_json(&self) -> bool {
        match self {
            Command::Run { json, .. }
            | Command::Retrieval { json, .. }
            | Command::Abstention { json, .. }
            | Command::Fidelity { json, .. }
            | Command::Calibrate { json, .. }
            | Command::Init { json, .. }
            | Command::Lint { json, .. } => *json,
        }
    }
}

/// Runs a command. `false`: a gate failed, or `lint` found errors.
async fn execute(command: Command) -> Result<bool, EvalError> {
    match command {
        Command::Run { common, suite, baseline, write_baseline, out, replay, record, judge, json } => {
            let (settings, tuning) = common.settings()?;
            let request =
                commands::run::Request { suite, baseline, replay, record, judge, rebuild: common.rebuild };
            let (result, timings) = commands::run::run(settings, tuning, &request).await?;
            if let Some(out) = &out {
                crate::report::write_all(&result, &timings, out)?;
                eprintln!("reports: {}", out.display());
            }
            if let Some(path) = &write_baseline {
                Baseline::of(&result).write(path)?;
                eprintln!("baseline: {}", path.display());
            }
            print(json, &result, || crate::report::run_summary(&result))?;
            Ok(result.passed)
        }
        Command::Retrieval { common, queries, qrels, beir, suite, only, run, per_query, stages, json } => {
            let (settings, tuning) = common.settings()?;
            let what = match (queries, qrels, beir, suite) {
                (Some(queries), Some(qrels), None, None) => commands::retrieval::What::Kb { queries, qrels },
                (None, None, Some(directory), None) => commands::retrieval::What::Beir(directory),
                (None, None, None, Some(suite)) => commands::retrieval::What::Suite { suite, only },
                _ => {
                    let detail = "give --kb with --queries and --qrels, or --beir, or --suite";
                    return Err(EvalError::Usage(detail.to_owned()));
                }
            };
            let sets = commands::retrieval::run(settings, tuning, common.rebuild, &what).await?;
            commands::retrieval::write_files(&sets, run.as_deref(), per_query.as_deref())?;
            let is_suite = matches!(what, commands::retrieval::What::Suite { .. });
            let value = commands::retrieval::json(&sets, stages, is_suite);
            print(json, &value, || crate::report::retrieval_table(&sets))?;
            Ok(true)
        }
        Command::Abstention { common, sides, json } => {
            let (settings, tuning) = common.settings()?;
            let sides = sides.sides()?;
            let pairs = commands::abstention::run(settings, tuning, common.rebuild, &sides).await?;
            let value = commands::abstention::json(&pairs, matches!(sides, Sides::Suite(_)));
            print(json, &value, || crate::report::abstention_table(&pairs))?;
            Ok(true)
        }
        Command::Fidelity {
            common,
            paths,
            set: sets,
            corpora,
            suite,
            only,
            questions,
            seed,
            per_query,
            json,
        } => {
            let (settings, tuning) = common.settings()?;
            let what = match suite {
                Some(suite) => commands::fidelity::What::Suite { suite, only },
                None if !paths.is_empty() => commands::fidelity::What::Kb { paths, sets },
                None if !sets.is_empty() => commands::fidelity::What::Sets { sets, corpora },
                None => {
                    let detail = "give --kb with the files it was made of, or --set, or --suite";
                    return Err(EvalError::Usage(detail.to_owned()));
                }
            };
            let sampling = Sampling { questions, seed };
            let found = commands::fidelity::run(settings, tuning, common.rebuild, &what, sampling).await?;
            if let Some(path) = &per_query {
                commands::fidelity::write_questions(&found, path)?;
            }
            let is_suite = matches!(what, commands::fidelity::What::Suite { .. });
            let value = commands::fidelity::json(&found, is_suite);
            print(json, &value, || crate::report::fidelity_table(&found))?;
            Ok(true)
        }
        Command::Calibrate { common, sides, half, answered, l2, hold, dry_run, json } => {
            let (settings, tuning) = common.settings()?;
            if !(l2.is_finite() && l2 >= 0.0) {
                return Err(EvalError::Usage("--l2 must be a number of at least 0".to_owned()));
            }
            let options = FitOptions { l2, answered_percent: usize::from(answered), half, held: hold };
            let (fit, stored) = commands::calibrate::run(
                settings,
                tuning,
                common.rebuild,
                &sides.sides()?,
                &options,
                dry_run,
            )
            .await?;
            print(json, &fit, || commands::calibrate::text(&fit, stored.as_deref()))?;
            Ok(true)
        }
        Command::Init { common, rules, out, json } => {
            let (settings, _) = common.settings()?;
            let coverage = commands::init::run(&settings, &rules, &out).await?;
            print(json, &coverage, || commands::init::text(&coverage, &out))?;
            Ok(true)
        }
        Command::Lint { common, suite, queries, qrels, json } => {
            let (settings, tuning) = common.settings()?;
            let what = match (suite, queries, qrels) {
                (Some(suite), None, None) => commands::lint::What::Suite(suite),
                (None, Some(queries), Some(qrels)) => commands::lint::What::Kb { queries, qrels },
                _ => {
                    return Err(EvalError::Usage(
                        "give a SUITE, or --kb with --queries and --qrels".to_owned(),
                    ));
                }
            };
            let findings = commands::lint::run(settings, tuning, common.rebuild, &what).await?;
            print(json, &findings, || commands::lint::text(&findings))?;
            Ok(!findings.has_errors())
        }
    }
}

fn print(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), EvalError> {
    let printed = match json {
        true => print_json(value),
        false => io::stdout().lock().write_all(text().as_bytes()),
    };
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(EvalError::io("write", "standard output")),
    }
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn numbers_are_tuned_by_name() {
        let value = |tuning: &Tuning, key: &str| {
            let pointer = format!("/{}", key.replace('.', "/"));
            serde_json::to_value(tuning)
                .expect("numbers")
                .pointer(&pointer)
                .and_then(serde_json::Value::as_f64)
        };
        let found = tuned(&["fields.title=2.5".to_owned(), "trust_bonus=0.25".to_owned()])
            .expect("numbers that exist");
        assert_eq!(value(&found, "fields.title"), Some(2.5));
        assert_eq!(value(&found, "trust_bonus"), Some(0.25));
        assert_eq!(tuned(&[]).expect("none"), Tuning::DEFAULT);
        for wrong in ["fields.title", "nothing=1", "trust_bonus=x", "fields=1"] {
            assert!(tuned(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
