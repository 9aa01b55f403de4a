//! What can be typed: `runbookd serve | search | ask | doctor | ready | gaps | feedback`. Turns flags into configuration and results into exit
//! codes: 0 done, 1 failed, 2 usage or configuration.

use crate::{
    commands,
    config::{Config, ConfigError, Environment, Flags, Log},
    telemetry,
};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};
use toml::Value;

/// Answers from a team's own runbooks, for k8sgpt, agents and people.
#[derive(Debug, Parser)]
#[command(name = "runbookd", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve answers over HTTP.
    Serve {
        #[command(flatten)]
        common: Common,
        /// Where to listen [default: 127.0.0.1:8000].
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
        /// Answer anybody, also on a public address.
        #[arg(long)]
        allow_unauthenticated: bool,
    },
    /// Search the knowledge base.
    Search {
        #[command(flatten)]
        common: Common,
        /// Most hits.
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
        /// What to look for.
        #[arg(value_name = "QUERY", required = true, num_args = 1..)]
        query: Vec<String>,
    },
    /// Ask a question, or paste a failure.
    Ask {
        #[command(flatten)]
        common: Common,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
        /// The answer's language, such as `english` or `zh-TW`; the question's own when absent.
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<String>,
        /// The question.
        #[arg(value_name = "QUESTION", required = true, num_args = 1..)]
        question: Vec<String>,
    },
    /// List what was asked and could not be answered, most asked first: the runbooks worth writing.
    Gaps {
        #[command(flatten)]
        common: Common,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
        /// Journals of several servers, read as one in place of this one's own: state directories, or folders that hold some.
        #[arg(value_name = "JOURNAL")]
        journals: Vec<PathBuf>,
    },
    /// Use what readers said about answers.
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// Ask the running server whether it can answer: exit code 0 when it can, else 1. For health checks of containers.
    Ready {
        #[command(flatten)]
        common: Common,
        /// Where the server is, with a path where a proxy gives it one [default: where this configuration listens].
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Check model, knowledge base, calibration, sources and the language model.
    Doctor {
        #[command(flatten)]
        common: Common,
        /// Read every file of the knowledge base and compare it with its checksum.
        #[arg(long)]
        verify: bool,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum FeedbackCommand {
    /// Write an evaluation set of rated answers and unanswered questions: queries.jsonl, qrels.tsv, unanswerable.jsonl.
    Export {
        #[command(flatten)]
        common: Common,
        /// The directory to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Journals of several servers, read as one in place of this one's own: state directories, or folders that hold some.
        #[arg(value_name = "JOURNAL")]
        journals: Vec<PathBuf>,
    },
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The knowledge base: a directory.
    #[arg(long, value_name = "KB")]
    kb: Option<String>,
    /// The configuration file [default: runbookd.toml, when there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The embedding model: local, fastembed:NAME, openai:MODEL or hashed.
    #[arg(long, value_name = "EMBEDDER")]
    embedder: Option<String>,
}

impl Common {
    /// The configuration, `flags` of one command included.
    pub fn load(&self, mut flags: Flags) -> Result<Config, ConfigError> {
        let text = |value: &String| Value::String(value.clone());
        flags.extend(self.kb.as_ref().map(|kb| ("kb", text(kb))));
        flags.extend(self.embedder.as_ref().map(|embedder| ("embedder.choice", text(embedder))));
        Config::load(self.config.as_deref(), &Environment::of_this_process(), flags)
    }
}

/// Parses the command line, runs the command, and says how it ended.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", commands::chain(error.as_ref()));
            let usage =
                error.downcast_ref::<ConfigError>().is_some() || error.downcast_ref::<UsageError>().is_some();
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// An argument cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UsageError(#[from] kb::question::QuestionError);

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { common, listen, allow_unauthenticated } => {
            let mut flags: Flags =
                listen.map(|listen| ("listen", Value::String(listen))).into_iter().collect();
            if allow_unauthenticated {
                flags.push(("allow_unauthenticated", Value::Boolean(true)));
            }
            let load = move || common.load(flags.clone());
            let config = load()?;
            on_runtime(commands::serve::run(&config, Box::new(load)))
        }
        Command::Search { common, limit, json, query } => {
            let config = common.load(for_one_question())?;
            telemetry::start_log(&quiet(&config.log))?;
            on_runtime(commands::search::run(&config, &query.join(" "), usize::from(limit), json))
        }
        Command::Ask { common, json, language, question } => {
            let config = common.load(for_one_question())?;
            telemetry::start_log(&quiet(&config.log))?;
            on_runtime(commands::ask::run(&config, &question.join(" "), language.as_deref(), json))
        }
        Command::Gaps { common, json, journals } => {
            commands::gaps::run(&common.load(for_one_question())?, &journals, json)
        }
        Command::Feedback(FeedbackCommand::Export { common, out, journals }) => {
            commands::feedback::export(&common.load(for_one_question())?, &journals, &out)
        }
        Command::Ready { common, url } => {
            // Whoever checks a container's health knows two exit codes, so a wrong configuration has no other.
            let ended = ready(&common, url.as_deref()).unwrap_or_else(|error| {
                eprintln!("not ready: {}", commands::chain(error.as_ref()));
                ExitCode::FAILURE
            });
            Ok(ended)
        }
        Command::Doctor { common, verify, json } => {
            let config = common.load(for_one_question())?;
            telemetry::start_log(&quiet(&config.log))?;
            on_runtime(commands::doctor::run(&config, verify, json))
        }
    }
}

fn ready(common: &Common, url: Option<&str>) -> anyhow::Result<ExitCode> {
    let server = match url {
        Some(url) => commands::ready::at(url)?,
        None => commands::ready::listener(&common.load(for_one_question())?.server)?,
    };
    on_runtime(commands::ready::run(server))
}

/// A command that does not listen needs no token for the address that is configured.
fn for_one_question() -> Flags {
    vec![("allow_unauthenticated", Value::Boolean(true))]
}

/// Warnings only: stderr is read by a person who waits for one answer.
fn quiet(log: &Log) -> Log {
    match log.filter == "info" {
        true => Log { filter: "warn".to_owned(), ..log.clone() },
        false => log.clone(),
    }
}

fn on_runtime(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}
