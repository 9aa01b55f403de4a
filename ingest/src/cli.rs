//! The `ingest` command: its flags, what it prints, its exit codes.

use crate::{
    config::{self, ConfigError, Configured},
    lint::command::{self as lint, LintError},
    pipeline::{self, IngestError},
    progress::{Progress, say},
    rename::{self, Renamed},
    report::{Report, SourceReport},
    status::Status,
    watch::{self, WatchError},
};
use clap::{Args, Parser, Subcommand};
use kb::{
    causes::with_causes,
    document::{Kind, UnknownKind},
    embed::EmbedError,
    store::{self, Copied, DocumentKey, Filter, StoreError},
};
use serde::Serialize;
use std::{
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
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
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the stored chunks as JSON lines. (A folder of this name is `./chunks`.)
    Chunks {
        #[command(flatten)]
        kb: KbFlag,
        /// Only the chunks of the document with this id.
        #[arg(long, value_name = "ID")]
        document: Option<String>,
    },
    /// Tells what is wrong with documents: dead links, removed Kubernetes APIs, runbooks without steps, contradicting
    /// rules, near-duplicates, secrets and more (docs/lint.md). Writes nothing. (A folder of this name is `./lint`.)
    ///
    /// Exit codes: 0 nothing as bad as --fail-on, 5 something as bad, 2 usage, 1 failed. A document's front matter can
    /// leave checks out: `lint_ignore: [stale]`.
    Lint(lint::Flags),
    /// Gives a source another name, in one commit and without embedding anything. (A folder of this name is
    /// `./rename`.)
    Rename {
        #[command(flatten)]
        kb: KbFlag,
        /// Also into a source that has other documents: what both have stays as it is there.
        #[arg(long)]
        force: bool,
        /// The name that the knowledge base has.
        #[arg(value_name = "OLD")]
        old: String,
        /// The name that the folder has now.
        #[arg(value_name = "NEW")]
        new: String,
    },
    /// Shows when each source was last in sync, how many documents it has, what failed and why. Exits with 5 when the
    /// last run of a source failed or left something out. (A folder of this name is `./status`.)
    Status {
        #[command(flatten)]
        kb: KbFlag,
        /// The file that lists the sources: those that were never read are shown too.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Copies the knowledge base into a new directory, also while it is read and written. (A folder of this name is
    /// `./backup`.)
    Backup {
        #[command(flatten)]
        kb: KbFlag,
        /// The new directory.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Copies a knowledge base into another, which may be of another kind, without embedding anything: a new generation
    /// that replaces what is there when all of it is written. (A folder of this name is `./copy`.)
    Copy {
        /// The knowledge base to copy: a directory, or qdrant://HOST:6334/NAME.
        #[arg(long, value_name = "KB")]
        from: String,
        /// Where to, in the same way.
        #[arg(long, value_name = "KB")]
        to: String,
    },
    /// Goes back to the generation before the last `--rebuild` or copy, on a Qdrant server, which keeps one. (A folder
    /// of this name is `./rollback`.)
    Rollback {
        #[command(flatten)]
        kb: KbFlag,
    },
    /// Makes a backup the state of the knowledge base: all at once, and only when all of it is whole. (A folder of this
    /// name is `./restore`.)
    Restore {
        #[command(flatten)]
        kb: KbFlag,
        /// The directory of the backup.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// One JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
}

/// Where the knowledge base is.
#[derive(Debug, Args)]
pub struct KbFlag {
    /// The knowledge base: a directory, or qdrant://HOST:6334[,HOST2:6334]/NAME; created when there is none.
    #[arg(long, env = "RUNBOOKD_KB", value_name = "KB")]
    pub(crate) kb: Option<String>,
}

/// What was typed.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub(crate) kb: KbFlag,
    /// Folders, or single files. A file belongs to the source named after its folder, and nothing is removed.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Name the source so, not after its folder; for one PATH.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Kind of all documents: runbook, sop, docs, wiki, issue or qa. Otherwise front matter and folder names tell.
    #[arg(long, value_parser = |text: &str| -> Result<Kind, UnknownKind> { text.parse() })]
    pub(crate) kind: Option<Kind>,
    /// Access tag of documents whose front matter gives none. May be given several times.
    #[arg(long, value_name = "TAG")]
    pub(crate) access: Vec<String>,
    /// Language of documents that do not say theirs, such as en or zh-TW.
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,
    /// Embedding model: local, fastembed:NAME, openai:MODEL or hashed.
    #[arg(long, env = "RUNBOOKD_EMBEDDER", default_value = "local")]
    pub(crate) embedder: String,
    /// Directory of the local embedding model.
    #[arg(long, value_name = "DIR")]
    pub(crate) model_dir: Option<PathBuf>,
    /// ONNX Runtime's shared library.
    #[arg(long, value_name = "FILE")]
    pub(crate) ort_lib: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) embeddings: EndpointFlags,
    /// A file that lists the sources, in place of PATHs: see docs/sources.md.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "source", "kind", "access", "language"])]
    pub(crate) config: Option<PathBuf>,
    /// Of the file's sources, only the one of this name. May be given several times.
    #[arg(long, value_name = "NAME", requires = "config", conflicts_with = "paths")]
    pub(crate) only: Vec<String>,
    /// Keep running: read folders again when they change, and live sources at their intervals.
    #[arg(long, conflicts_with_all = ["dry_run", "rebuild", "strict", "json"])]
    pub(crate) watch: bool,
    /// With --watch: show /metrics, /healthz and /readyz there.
    #[arg(long, value_name = "ADDR", requires = "watch")]
    pub(crate) listen: Option<SocketAddr>,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
    /// Remove documents however many are gone.
    #[arg(long)]
    pub(crate) force: bool,
    /// Build the knowledge base again of the named folders alone, for example because its files are damaged. Vectors
    /// come from its embedding cache.
    #[arg(long, conflicts_with = "dry_run")]
    rebuild: bool,
    /// Exit with 5 when some file was not indexed. Hidden files do not count.
    #[arg(long)]
    strict: bool,
    /// Log more; twice: still more.
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// The embeddings endpoint, for `--embedder openai:MODEL`.
#[derive(Debug, Args)]
pub struct EndpointFlags {
    /// Base URL of an OpenAI-compatible embeddings endpoint, including /v1.
    #[arg(long = "embeddings-base-url", env = "RUNBOOKD_EMBEDDINGS_BASE_URL", value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Seconds that one request to it may take, all tries included.
    #[arg(
        long = "embeddings-timeout-s",
        env = "RUNBOOKD_EMBEDDINGS_TIMEOUT_S",
        default_value_t = 30,
        value_name = "S",
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    pub(crate) timeout_s: u64,
    /// Most tokens that it takes.
    #[arg(
        long = "embeddings-max-tokens",
        env = "RUNBOOKD_EMBEDDINGS_MAX_TOKENS",
        default_value_t = 512,
        value_name = "N"
    )]
    pub(crate) max_tokens: usize,
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
                | IngestError::Worker { .. } => FAILED,
            },
        }
    }
}

impl From<LintError> for CliError {
    fn from(error: LintError) -> Self {
        match error {
            LintError::Config(error) => error.into(),
            LintError::Ingest(error) => error.into(),
            LintError::Output(error) => Self::Output(error),
        }
    }
}

/// Runs the command that was typed.
pub async fn run(cli: Cli) -> ExitCode {
    let mut is_json = cli.flags.json;
    log_to_stderr(cli.flags.verbose);
    let done = match cli.command {
        Some(Command::Chunks { kb, document }) => print_chunks(&kb, document.as_deref()).await.map(|()| 0),
        Some(Command::Rename { kb, force, old, new }) => rename(&kb, &old, &new, force).await.map(|()| 0),
        Some(Command::Backup { kb, to, json }) => {
            is_json = json;
            backup(&kb, &to, json).await
        }
        Some(Command::Copy { from, to }) => copy(&from, &to).await,
        Some(Command::Rollback { kb }) => rollback(&kb).await,
        Some(Command::Restore { kb, from, json }) => {
            is_json = json;
            restore(&from, &kb, json).await
        }
        Some(Command::Lint(flags)) => {
            is_json = flags.json;
            lint::run(flags).await.map_err(CliError::from)
        }
        Some(Command::Status { kb, config, json }) => {
            is_json = json;
            status(&kb, config.as_deref(), json).await
        }
        None if cli.flags.watch => watch(cli.flags).await,
        None => ingest(cli.flags).await,
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

/// What `--json` prints when nothing was committed.
#[derive(Serialize)]
struct Failure<'a> {
    error: String,
    #[serde(flatten)]
    report: Option<&'a Report>,
}

async fn ingest(flags: Flags) -> Result<u8, CliError> {
    let (is_json, is_strict, rebuild) = (flags.json, flags.strict, flags.rebuild);
    let Configured { options, .. } = Configured::try_from(flags)?;
    let interrupted = interruption();
    let progress = Arc::new(Progress::on_stderr());
    let report = match rebuild {
        true => pipeline::rebuild(&options, progress, interrupted).await?,
        false => pipeline::ingest(&options, progress, interrupted).await?,
    };
    let printed = match is_json {
        true => {
            // Whoever pipes the object away still sees it.
            report.note.iter().for_each(|note| say(note));
            print_json(&report)
        }
        false => print_report(&report).map_err(CliError::Output),
    };
    match printed {
        // What was committed stands, whether or not anybody can be told.
        Err(error) if report.generation.is_some() => say(&format!("committed; {}", with_causes(&error))),
        printed => printed?,
    }
    let is_partial = report.has_failed_source() || (is_strict && report.has_faults());
    Ok(if is_partial { 5 } else { 0 })
}

async fn watch(flags: Flags) -> Result<u8, CliError> {
    let configured = Configured::try_from(flags)?;
    // Listened for before anything is done.
    let interrupted = interruption();
    watch::watch(configured, interrupted).await?;
    Ok(0)
}

async fn status(kb: &KbFlag, file: Option<&Path>, is_json: bool) -> Result<u8, CliError> {
    let team = file.map(config::file::read).transpose()?;
    let of_file = team.as_ref().and_then(|team| team.kb.as_deref());
    let address = config::address(kb.kb.as_deref().or(of_file))?;
    let names = team.iter().flat_map(|team| &team.sources).map(|source| source.source.name());
    let status = Status::of(&address, names).await.map_err(IngestError::from)?;
    match is_json {
        true => print_json(&status)?,
        false => write!(io::stdout(), "{status}").map_err(CliError::Output)?,
    }
    Ok(if status.is_well() { 0 } else { 5 })
}

async fn rename(kb: &KbFlag, old: &str, new: &str, force: bool) -> Result<(), CliError> {
    let address = config::address(kb.kb.as_deref())?;
    let Renamed { documents, commit } = rename::rename(&address, old, new, force).await?;
    let said = format!("source `{old}` is `{new}` now: {documents} documents; version {}", commit.version);
    for warning in &commit.warnings {
        say(warning);
    }
    // What was committed stands, whether or not anybody can be told.
    if writeln!(io::stdout(), "{said}").is_err() {
        say("committed; the output cannot be written");
    }
    Ok(())
}

async fn backup(kb: &KbFlag, to: &Path, is_json: bool) -> Result<u8, CliError> {
    let address = config::address(kb.kb.as_deref())?;
    let copied = store::backup(&address, to).await.map_err(IngestError::from)?;
    print_copied(&format!("backed up to {}", to.display()), &copied, is_json)
}

async fn restore(from: &Path, kb: &KbFlag, is_json: bool) -> Result<u8, CliError> {
    let address = config::address(kb.kb.as_deref())?;
    let copied = store::restore(from, &address).await.map_err(IngestError::from)?;
    print_copied(&format!("restored to {address}"), &copied, is_json)
}

async fn copy(from: &str, to: &str) -> Result<u8, CliError> {
    let (from, to) = (config::address(Some(from))?, config::address(Some(to))?);
    let progress = Progress::on_stderr();
    let mut copied = 0;
    let commit = store::copy(&from, &to, |done, total| {
        if copied == 0 {
            progress.begin("copying", total.chunks as usize);
        }
        progress.advance((done.chunks - copied) as usize);
        copied = done.chunks;
    })
    .await
    .map_err(IngestError::from)?;
    progress.finish();
    commit.warnings.iter().for_each(|warning| say(warning));
    told(&format!("copied to {to}: version {}", commit.version))
}

async fn rollback(kb: &KbFlag) -> Result<u8, CliError> {
    let address = config::address(kb.kb.as_deref())?;
    let commit = store::rollback(&address).await.map_err(IngestError::from)?;
    told(&format!("{address} is at version {} again", commit.version))
}

/// Prints what was done, which stands whether or not anybody can be told.
fn told(line: &str) -> Result<u8, CliError> {
    if writeln!(io::stdout(), "{line}").is_err() {
        say("done; the output cannot be written");
    }
    Ok(0)
}

fn print_copied(what: &str, copied: &Copied, is_json: bool) -> Result<u8, CliError> {
    copied.warnings.iter().for_each(|warning| say(&format!("{what}; but afterwards: {warning}")));
    let printed = match is_json {
        true => print_json(copied),
        false => {
            let Copied { version, chunks, files, bytes, .. } = copied;
            let line = format!("{what}: version {version}, {chunks} chunks, {files} files, {bytes} bytes");
            writeln!(io::stdout(), "{line}").map_err(CliError::Output)
        }
    };
    // The copy stands, whether or not anybody can be told.
    if let Err(error) = printed {
        say(&format!("{what}; {}", with_causes(&error)));
    }
    Ok(0)
}

/// Completes at Ctrl-C or a request to terminate. Listens from when it is called, not from when it is awaited.
fn interruption() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        async move {
            let waits =
                signals.into_iter().flatten().map(|mut signal| Box::pin(async move { signal.recv().await }));
            let waits: Vec<_> = waits.collect();
            // Without a handler the signal ends the process, and nothing is committed either.
            if waits.is_empty() {
                std::future::pending::<()>().await;
            }
            futures::future::select_all(waits).await;
        }
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(|error| CliError::Output(error.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(CliError::Output)
}

fn print_report(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for rejection in &report.rejected {
        writeln!(out, "not indexed: {}: {}", rejection.path, rejection.reason)?;
    }
    for warning in &report.warnings {
        writeln!(out, "warning: {}: {}", warning.path, warning.message)?;
    }
    for source in report.sources.iter().filter(|_| report.sources.len() > 1) {
        let SourceReport { name, documents, failed, rejected, .. } = source;
        match failed {
            Some(reason) => writeln!(out, "source {name}: failed: {reason}")?,
            None => writeln!(
                out,
                "source {name}: {} seen, {} added, {} changed, {} unchanged, {} removed; {} entries not indexed",
                documents.seen,
                documents.added,
                documents.changed,
                documents.unchanged,
                documents.removed,
                rejected.len()
            )?,
        }
    }
    let documents = &report.documents;
    writeln!(
        out,
        "documents: {} seen, {} added, {} changed, {} unchanged, {} removed; {} entries not indexed",
        documents.seen,
        documents.added,
        documents.changed,
        documents.unchanged,
        documents.removed,
        report.rejected.len()
    )?;
    if report.redacted > 0 {
        for redacted in &report.secrets {
            writeln!(
                out,
                "secrets masked: {}: {} by the rule {}",
                redacted.path, redacted.count, redacted.rule
            )?;
        }
        writeln!(out, "secrets masked: {}", report.redacted)?;
    }
    if !report.lint.is_empty() {
        let counts: Vec<String> =
            report.lint.iter().map(|(check, count)| format!("{count} {check}")).collect();
        writeln!(out, "lint: {} (`ingest lint` says where)", counts.join(", "))?;
    }
    if report.dry_run {
        writeln!(out, "dry run: nothing was changed")?;
        return report.note.iter().try_for_each(|note| writeln!(out, "{note}"));
    }
    let chunks = &report.chunks;
    writeln!(
        out,
        "chunks: {} written, {} embedded, {} removed",
        chunks.written, chunks.embedded, chunks.removed
    )?;
    writeln!(out, "knowledge base version: {}", report.kb_version.as_deref().unwrap_or("none"))?;
    report.note.iter().try_for_each(|note| writeln!(out, "{note}"))
}

/// One line of `ingest chunks`.
#[derive(Serialize)]
struct ChunkLine<'a> {
    document: &'a str,
    chunk: String,
    title: &'a str,
    kind: Kind,
    url: Option<&'a str>,
    heading_path: &'a [String],
    text: &'a str,
    start_byte: u64,
    end_byte: u64,
    tokens: u32,
}

async fn print_chunks(kb: &KbFlag, document: Option<&str>) -> Result<(), CliError> {
    let address = config::address(kb.kb.as_deref())?;
    let store_failed = |error: StoreError| CliError::Ingest(error.into());
    let kb = store::open(&address, None).await.map_err(store_failed)?;
    let view = kb.view(&Filter::everything()).await.map_err(store_failed)?;
    let records = match document {
        Some(id) => {
            let found = view.documents(&[DocumentKey::of(id)]).await.map_err(store_failed)?;
            let found: Vec<_> = found.into_iter().flatten().collect();
            if found.is_empty() {
                return Err(CliError::NoDocument { id: id.to_owned() });
            }
            found
        }
        None => view.all_documents().await.map_err(store_failed)?,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for record in records {
        let meta = &record.meta;
        for (_, chunk) in view.chunks_of(DocumentKey::of(&meta.id)).await.map_err(store_failed)? {
            let line = ChunkLine {
                document: &meta.id,
                chunk: chunk.id(),
                title: &meta.title,
                kind: meta.kind,
                url: meta.url.as_deref(),
                heading_path: &chunk.heading_path,
                text: &chunk.text,
                start_byte: chunk.start_byte,
                end_byte: chunk.end_byte,
                tokens: chunk.tokens,
            };
            serde_json::to_writer(&mut out, &line).map_err(|error| CliError::Output(error.into()))?;
            out.write_all(b"\n").map_err(CliError::Output)?;
        }
    }
    out.flush().map_err(CliError::Output)
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
