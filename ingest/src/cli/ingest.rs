//! `ingest` without a command: its flags, a run or the watch, the report of a run.

use super::{CliError, KbFlag, print_json};
use crate::{
    config::{
        self, ConfigError, Configured,
        file::{DEFAULT_INTERVAL, Team, TeamSource},
    },
    formats::Defaults,
    pipeline::{self, Options},
    progress::{Progress, say},
    report::{Report, SourceReport},
    sources::folder,
    watch,
};
use clap::Args;
use kb::{
    causes::with_causes,
    document::{Kind, UnknownKind},
    embed::{EmbedderChoice, EmbedderSettings, EndpointSettings, Places},
    language::normalised_tag,
};
use std::{
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// What was typed.
#[derive(Debug, Args)]
pub(super) struct Flags {
    #[command(flatten)]
    kb: KbFlag,
    /// Folders, or single files. A file belongs to the source named after its folder, and nothing is removed.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Name the source so, not after its folder; for one PATH.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Kind of all documents: runbook, sop, docs, wiki, issue or qa. Otherwise front matter and folder names tell.
    #[arg(long, value_parser = |text: &str| -> Result<Kind, UnknownKind> { text.parse() })]
    kind: Option<Kind>,
    /// Access tag of documents whose front matter gives none. May be given several times.
    #[arg(long, value_name = "TAG")]
    access: Vec<String>,
    /// Language of documents that do not say theirs, such as en or zh-TW.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Embedding model: local, fastembed:NAME, openai:MODEL or hashed.
    #[arg(long, env = "RUNBOOKD_EMBEDDER", default_value = "local")]
    embedder: String,
    /// Directory of the local embedding model.
    #[arg(long, value_name = "DIR")]
    model_dir: Option<PathBuf>,
    /// ONNX Runtime's shared library.
    #[arg(long, value_name = "FILE")]
    ort_lib: Option<PathBuf>,
    #[command(flatten)]
    embeddings: EndpointFlags,
    /// A file that lists the sources, in place of PATHs: see docs/sources.md.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "source", "kind", "access", "language"])]
    config: Option<PathBuf>,
    /// Of the file's sources, only the one of this name. May be given several times.
    #[arg(long, value_name = "NAME", requires = "config", conflicts_with = "paths")]
    only: Vec<String>,
    /// Keep running: read folders again when they change, and live sources at their intervals.
    #[arg(long, conflicts_with_all = ["dry_run", "rebuild", "strict", "json"])]
    pub(super) watch: bool,
    /// With --watch: show /metrics, /healthz and /readyz there.
    #[arg(long, value_name = "ADDR", requires = "watch")]
    listen: Option<SocketAddr>,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
    /// Remove documents however many are gone.
    #[arg(long)]
    force: bool,
    /// Build the knowledge base again of the named folders alone, for example because its files are damaged. Vectors
    /// come from its embedding cache.
    #[arg(long, conflicts_with = "dry_run")]
    rebuild: bool,
    /// Exit with 5 when some file was not indexed. Hidden files do not count.
    #[arg(long)]
    strict: bool,
    /// Log more; twice: still more.
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// The embeddings endpoint, for `--embedder openai:MODEL`.
#[derive(Debug, Args)]
struct EndpointFlags {
    /// Base URL of an OpenAI-compatible embeddings endpoint, including /v1.
    #[arg(long = "embeddings-base-url", env = "RUNBOOKD_EMBEDDINGS_BASE_URL", value_name = "URL")]
    base_url: Option<String>,
    /// Seconds that one request to it may take, all tries included.
    #[arg(
        long = "embeddings-timeout-s",
        env = "RUNBOOKD_EMBEDDINGS_TIMEOUT_S",
        default_value_t = 30,
        value_name = "S",
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    timeout_s: u64,
    /// Most tokens that it takes.
    #[arg(
        long = "embeddings-max-tokens",
        env = "RUNBOOKD_EMBEDDINGS_MAX_TOKENS",
        default_value_t = 512,
        value_name = "N"
    )]
    max_tokens: usize,
}

impl TryFrom<Flags> for Configured {
    type Error = ConfigError;

    fn try_from(flags: Flags) -> Result<Self, ConfigError> {
        let embedder = EmbedderSettings {
            choice: flags.embedder.parse::<EmbedderChoice>()?,
            places: Places::of_this_process(flags.ort_lib.clone(), flags.model_dir.clone()),
            threads: None,
            endpoint: match &flags.embeddings.base_url {
                Some(base_url) => Some(EndpointSettings {
                    base_url: base_url.trim_end_matches('/').to_owned(),
                    api_key: config::endpoint_key()?,
                    timeout: Duration::from_secs(flags.embeddings.timeout_s),
                    max_tokens: flags.embeddings.max_tokens,
                }),
                None => None,
            },
        };
        let mut team = match &flags.config {
            Some(path) => config::file::read(path)?,
            None => folders(&flags)?,
        };
        team.keep_only(&flags.only, "--only")?;
        let kb = config::address(flags.kb.kb.as_deref().or(team.kb.as_deref()))?;
        let intervals = team.sources.iter().map(|source| source.interval).collect();
        let sources = team.sources.into_iter().map(|source| source.source).collect();
        let options = Options { kb, embedder, sources, dry_run: flags.dry_run, force: flags.force };
        Ok(Self { options, intervals, listen: flags.listen.or(team.listen) })
    }
}

/// The folders that were typed.
fn folders(flags: &Flags) -> Result<Team, ConfigError> {
    if flags.paths.is_empty() {
        return Err(ConfigError::NoPaths);
    }
    let access: Vec<String> = flags.access.iter().map(|tag| tag.trim().to_owned()).collect();
    if access.iter().any(String::is_empty) {
        return Err(ConfigError::EmptyTag);
    }
    let language = match flags.language.clone() {
        Some(text) => Some(normalised_tag(&text).ok_or(ConfigError::Language(text))?),
        None => None,
    };
    let defaults = Defaults { kind: flags.kind, access, language, ..Defaults::default() };
    let sources = folder::sources(&flags.paths, flags.source.as_deref(), &defaults)?;
    let of = |source| TeamSource { source, interval: DEFAULT_INTERVAL };
    Ok(Team { kb: None, listen: None, sources: sources.into_iter().map(of).collect() })
}

/// `ingest`: one run, whose report is printed. Returns the exit code.
pub(super) async fn ingest(flags: Flags) -> Result<u8, CliError> {
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
            // The note is shown even when stdout is piped away.
            report.note.iter().for_each(|note| say(note));
            print_json(&report)
        }
        false => print_report(&report).map_err(CliError::Output),
    };
    match printed {
        // The commit stays, even when its report cannot be printed.
        Err(error) if report.generation.is_some() => say(&format!("committed; {}", with_causes(&error))),
        printed => printed?,
    }
    let is_partial = report.has_failed_source() || (is_strict && report.has_faults());
    Ok(if is_partial { 5 } else { 0 })
}

/// Runs until it is interrupted.
pub(super) async fn watch(flags: Flags) -> Result<u8, CliError> {
    let configured = Configured::try_from(flags)?;
    // Listened for before anything is done.
    let interrupted = interruption();
    watch::watch(configured, interrupted).await?;
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
