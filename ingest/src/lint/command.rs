//! `ingest lint`: its flags, what it reads, what it prints.

use super::{Check, Finding, Linter, Page, STALE_DAYS, Settings, Severity, counts, sarif};
use crate::{
    batches::{LOOKED_AT, batches},
    config::{self, ConfigError},
    formats::Defaults,
    pipeline::IngestError,
    progress::Progress,
    sources::{Source, SyncState, folder},
};
use clap::{Args, ValueEnum};
use kb::{
    document::{Kind, UnknownKind},
    store::{self, DocumentKey, Filter, StoreError},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

/// What was typed.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// Folders, or single files; of a single file the links are not looked at.
    #[arg(value_name = "PATH", required_unless_present = "kb")]
    paths: Vec<PathBuf>,
    /// Look at the documents of a knowledge base, as far as it has them: without links, lines and `lint_ignore`.
    #[arg(long, value_name = "KB", conflicts_with = "paths")]
    kb: Option<String>,
    /// Print one JSON object: `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
    /// Exit with 5 when something as bad as this was found.
    #[arg(long, value_enum, default_value_t = Threshold::Error, value_name = "SEVERITY")]
    fail_on: Threshold,
    /// Report documents that were not touched for more than so many days, by the dates that they state.
    #[arg(long, value_name = "DAYS", default_value_t = STALE_DAYS)]
    stale: u32,
    /// Leave a check out. May be given several times.
    #[arg(long, value_name = "CHECK")]
    ignore: Vec<Check>,
    /// Only this check. May be given several times.
    #[arg(long, value_name = "CHECK")]
    only: Vec<Check>,
    /// Kind of all documents, as for `ingest`.
    #[arg(long, value_parser = |text: &str| -> Result<Kind, UnknownKind> { text.parse() })]
    kind: Option<Kind>,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

/// What a run fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Threshold {
    /// Any finding.
    Note,
    /// Warnings and errors.
    Warning,
    /// Errors.
    Error,
    /// Nothing.
    Never,
}

impl Threshold {
    fn is_reached(self, severity: Severity) -> bool {
        match self {
            Self::Note => true,
            Self::Warning => severity >= Severity::Warning,
            Self::Error => severity >= Severity::Error,
            Self::Never => false,
        }
    }
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LintError {
    /// The flags.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The documents.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The output.
    #[error("failed to write the output")]
    Output(#[from] io::Error),
}

impl From<StoreError> for LintError {
    fn from(error: StoreError) -> Self {
        Self::Ingest(error.into())
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    documents: usize,
    findings: &'a [Finding],
    counts: BTreeMap<&'static str, u64>,
}

/// The exit code of a run that found what `--fail-on` names.
const FOUND: u8 = 5;

/// Looks at what was named, and tells what was found. Returns the exit code.
pub(crate) async fn run(flags: Flags) -> Result<u8, LintError> {
    let settings = Settings { stale_days: flags.stale, ..Settings::now() };
    let linter = match &flags.kb {
        Some(kb) => of_knowledge_base(kb, settings).await?,
        None => {
            let defaults = Defaults { kind: flags.kind, ..Defaults::default() };
            let sources = folder::sources(&flags.paths, None, &defaults).map_err(IngestError::from)?;
            of_sources(sources, settings, &Progress::on_stderr()).await?
        }
    };
    let num_documents = linter.num_documents();
    let is_wanted = |finding: &Finding| {
        !flags.ignore.contains(&finding.check)
            && (flags.only.is_empty() || flags.only.contains(&finding.check))
    };
    let findings: Vec<Finding> = linter.findings().into_iter().filter(is_wanted).collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    match if flags.json { Output::Json } else { flags.format } {
        Output::Text => print(&mut out, &findings, num_documents)?,
        Output::Json => {
            let told = Told { documents: num_documents, findings: &findings, counts: counts(&findings) };
            serde_json::to_writer(&mut out, &told).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Output::Sarif => {
            serde_json::to_writer_pretty(&mut out, &sarif::log(&findings)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    let fails = findings.iter().any(|finding| flags.fail_on.is_reached(finding.severity));
    Ok(if fails { FOUND } else { 0 })
}

/// Reads what sources have.
async fn of_sources(
    sources: Vec<Arc<dyn Source>>,
    settings: Settings,
    progress: &Progress,
) -> Result<Linter, IngestError> {
    let mut linter = Linter::new(settings);
    for source in sources {
        let listing = source.list(&SyncState::default()).await?;
        linter.add_rejected(&listing.rejected);
        progress.begin("reading", listing.items.len());
        for batch in batches(&listing.items, LOOKED_AT, |item| item.bytes) {
            for reading in listing.reader.read(batch).await {
                linter.add_parsed(&reading.shown, &reading.parsed, source.is_part());
            }
            progress.advance(batch.len());
        }
        progress.finish();
    }
    Ok(linter)
}

/// Reads the documents of a knowledge base.
async fn of_knowledge_base(kb: &str, settings: Settings) -> Result<Linter, LintError> {
    let address = config::address(Some(kb))?;
    let kb = store::open(&address, None).await?;
    let view = kb.view(&Filter::everything()).await?;
    let mut linter = Linter::new(settings);
    for record in view.all_documents().await? {
        let chunks = view.chunks_of(DocumentKey::of(&record.meta.id)).await?;
        let chunks: Vec<_> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
        linter.add(Page::stored(&record.meta, &chunks));
    }
    Ok(linter)
}

fn print(out: &mut impl Write, findings: &[Finding], num_documents: usize) -> io::Result<()> {
    for Finding { check, severity, path, line, message, advice } in findings {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        writeln!(out, "{path}{line}: {severity}[{check}]: {message}; {advice}")?;
    }
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(of);
    for (check, count) in counts(findings) {
        writeln!(out, "{check}: {count}")?;
    }
    writeln!(out, "{num_documents} documents: {errors} errors, {warnings} warnings, {notes} notes")
}
