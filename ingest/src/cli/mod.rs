//! The `ingest` program: its commands, its errors with their exit codes. A file for each command or group of commands
//! has its flags and prints its result; [`ingest`] is the command without a name.

mod chunks;
mod copies;
mod ingest;
mod lint;
mod sarif;
mod sources;

use crate::{config::ConfigError, error::IngestError, progress::say, report::Report, watch::WatchError};
use clap::{Args, Parser, Subcommand};
use kb::{causes::with_causes, embed::EmbedError, store::StoreError};
use serde::Serialize;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Reads documents into a knowledge base.
///
/// Each folder is a source named after its last component; documents are added, changed and removed within the sources
/// that are named, and all changes become visible at once. Files: Markdown, HTML, AsciiDoc, reStructuredText, plain
/// text, Word documents, PDF, XML dumps of MediaWiki, exports of Notion, CSV and JSON lines with questions and answers
/// or incidents, Prometheus rule files, and ZIP and tar archives of those.
///
/// `--config FILE` reads the sources that a file lists, among them live ones, and `--watch` keeps all of them in sync.
///
/// Exit codes: 0 done; 1 failed, nothing committed; 2 usage or configuration; 3 the deletion guard refused, renaming
/// would join two sources, or a source is missing from a --rebuild; 4 another writer is at work; 5 done, but a source
/// could not be read or, with --strict, some file was not indexed, or `status` shows a source that is not in sync.
#[derive(Debug, Parser)]
#[command(name = "ingest", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: ingest::Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the stored chunks as JSON lines. (A folder of this name is `./chunks`.)
    Chunks(chunks::Flags),
    /// Tells what is wrong with documents: dead links, removed Kubernetes APIs, runbooks without steps, contradicting
    /// rules, near-duplicates, secrets and more (docs/lint.md). Writes nothing. (A folder of this name is `./lint`.)
    ///
    /// Exit codes: 0 nothing as bad as --fail-on, 5 something as bad, 2 usage, 1 failed. A document's front matter can
    /// leave checks out: `lint_ignore: [stale]`.
    Lint(lint::Flags),
    /// Gives a source another name, in one commit and without embedding anything. (A folder of this name is
    /// `./rename`.)
    Rename(sources::RenameFlags),
    /// Shows when each source was last in sync, how many documents it has, what failed and why. Exits with 5 when the
    /// last run of a source failed or left something out. (A folder of this name is `./status`.)
    Status(sources::StatusFlags),
    /// Copies the knowledge base into a new directory, also while it is read and written. (A folder of this name is
    /// `./backup`.)
    Backup(copies::BackupFlags),
    /// Copies a knowledge base into another, which may be of another kind, without embedding anything: a new generation
    /// that replaces what is there when all of it is written. (A folder of this name is `./copy`.)
    Copy(copies::CopyFlags),
    /// Goes back to the generation before the last `--rebuild` or copy, on a Qdrant server, which keeps one. (A folder
    /// of this name is `./rollback`.)
    Rollback(copies::RollbackFlags),
    /// Makes a backup the state of the knowledge base: all at once, and only when all of it is whole. (A folder of this
    /// name is `./restore`.)
    Restore(copies::RestoreFlags),
}

/// The flag that names the knowledge base, with its address as it was typed.
#[derive(Debug, Args)]
struct KbFlag {
    /// The knowledge base: a directory, or qdrant://HOST:6334[,HOST2:6334]/NAME; created when there is none.
    #[arg(long, env = "RUNBOOKD_KB", value_name = "KB")]
    kb: Option<String>,
}

/// How a run ended other than well.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error("there is no document `{id}` in the knowledge base")]
    NoDocument { id: String },
    #[error("failed to write the output")]
    Output(#[source] io::Error),
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Ingest(error.into())
    }
}

impl CliError {
    /// The exit code; every kind of error has to choose one.
    fn exit_code(&self) -> u8 {
        const FAILED: u8 = 1;
        const USAGE: u8 = 2;
        match self {
            Self::Config(_) => USAGE,
            Self::NoDocument { .. } | Self::Output(_) | Self::Watch(_) => FAILED,
            Self::Ingest(error) => match error {
                IngestError::Paths(_)
                | IngestError::NoSource { .. }
                | IngestError::SameName { .. }
                | IngestError::RebuildFromFile { .. } => USAGE,
                IngestError::Guard { .. }
                | IngestError::SourceExists { .. }
                | IngestError::Incomplete { .. } => 3,
                IngestError::Store(StoreError::Locked { .. }) => 4,
                IngestError::Store(
                    StoreError::Mismatch { .. }
                    | StoreError::Occupied { .. }
                    | StoreError::NoBackup { .. }
                    | StoreError::NoEarlier { .. }
                    | StoreError::FromItself { .. },
                ) => USAGE,
                IngestError::Embed(EmbedError::Choice { .. } | EmbedError::NotFound { .. }) => USAGE,
                IngestError::Store(_)
                | IngestError::Embed(_)
                | IngestError::Source(_)
                | IngestError::Interrupted { .. }
                | IngestError::Worker(_) => FAILED,
            },
        }
    }
}

/// Runs the command that was typed.
pub async fn run(cli: Cli) -> ExitCode {
    let mut is_json = cli.flags.json;
    log_to_stderr(cli.flags.verbose);
    let done = match cli.command {
        Some(Command::Chunks(flags)) => chunks::print(flags).await,
        Some(Command::Rename(flags)) => sources::rename(flags).await,
        Some(Command::Backup(flags)) => {
            is_json = flags.json;
            copies::backup(flags).await
        }
        Some(Command::Copy(flags)) => copies::copy(flags).await,
        Some(Command::Rollback(flags)) => copies::rollback(flags).await,
        Some(Command::Restore(flags)) => {
            is_json = flags.json;
            copies::restore(flags).await
        }
        Some(Command::Lint(flags)) => {
            is_json = flags.json;
            lint::run(flags).await
        }
        Some(Command::Status(flags)) => {
            is_json = flags.json;
            sources::status(flags).await
        }
        None if cli.flags.watch => ingest::watch(cli.flags).await,
        None => ingest::ingest(cli.flags).await,
    };
    let code = match done {
        Ok(code) => code,
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let said = with_causes(&error);
            say(&said);
            if is_json {
                let report = match &error {
                    CliError::Ingest(IngestError::Guard { report, .. }) => Some(report.as_ref()),
                    _ => None,
                };
                let _ = print_json(&Failure { error: said, report });
            }
            error.exit_code()
        }
    };
    ExitCode::from(code)
}

/// The object that `--json` prints when nothing was committed.
#[derive(Serialize)]
struct Failure<'a> {
    error: String,
    #[serde(flatten)]
    report: Option<&'a Report>,
}

fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(|error| CliError::Output(error.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(CliError::Output)
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_target(false)
        .log_internal_errors(false)
        .init();
}
