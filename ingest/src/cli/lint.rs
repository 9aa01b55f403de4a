//! `ingest lint`: its flags, the documents that it reads, its output.

use super::{CliError, sarif};
use crate::{
    batches::{LOOKED_AT, STORED, batches},
    config,
    error::IngestError,
    findings::{Check, Finding, Severity, counts},
    formats::Defaults,
    lint::{Linter, Page, STALE_DAYS, Settings},
    progress::Progress,
    report::Rejection,
    runs::RunLog,
    sources::{Source, SyncState, folder},
};
use clap::{Args, ValueEnum};
use kb::{
    causes::with_causes,
    document::{Kind, UnknownKind},
    store::{self, DocumentKey, Filter},
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
pub(super) struct Flags {
    /// Folders, or single files; of a single file the links are not looked at.
    #[arg(value_name = "PATH", required_unless_present_any = ["kb", "config"])]
    paths: Vec<PathBuf>,
    /// Look at the documents of a knowledge base, as far as it has them: without lines, headings that links lead to,
    /// and `lint_ignore`.
    #[arg(long, value_name = "KB", conflicts_with = "paths")]
    kb: Option<String>,
    /// Read the sources that a file lists, live ones included: see docs/sources.md. No knowledge base is needed or
    /// written.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "kb", "kind"])]
    config: Option<PathBuf>,
    /// Of the file's sources, only the one of this name. May be given several times.
    #[arg(long, value_name = "NAME", requires = "config", conflicts_with_all = ["paths", "kb"])]
    source: Vec<String>,
    /// Print one JSON object: `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub(super) json: bool,
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

/// The object that `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    documents: usize,
    findings: &'a [Finding],
    counts: BTreeMap<&'static str, u64>,
}

/// The exit code of a run that found what `--fail-on` names.
const FOUND: u8 = 5;

/// Looks at what was named, and tells what was found. Returns the exit code.
pub(super) async fn run(flags: Flags) -> Result<u8, CliError> {
    let settings = Settings { stale_days: flags.stale, ..Settings::now() };
    let linter = match (&flags.kb, &flags.config) {
        (Some(kb), _) => of_knowledge_base(kb, settings).await?,
        (None, Some(file)) => {
            let mut team = config::file::read(file)?;
            team.keep_only(&flags.source, "--source")?;
            let sources = team.sources.into_iter().map(|source| source.source).collect();
            of_sources(sources, settings, &Progress::on_stderr()).await?
        }
        (None, None) => {
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
    let output = if flags.json { Output::Json } else { flags.format };
    write(output, &findings, num_documents).map_err(CliError::Output)?;
    let fails = findings.iter().any(|finding| flags.fail_on.is_reached(finding.severity));
    Ok(if fails { FOUND } else { 0 })
}

/// Reads all documents of sources. A source that cannot be listed is a finding; it is an error when none can be listed.
async fn of_sources(
    sources: Vec<Arc<dyn Source>>,
    settings: Settings,
    progress: &Progress,
) -> Result<Linter, IngestError> {
    let mut linter = Linter::new(settings);
    let (mut num_listed, mut failure) = (0, None);
    for source in sources {
        progress.begin("listing", 1);
        let listing = match source.list(&SyncState::default()).await {
            Ok(listing) => listing,
            Err(error) => {
                linter.add_rejected(&[Rejection::new(source.shown(), with_causes(&error))]);
                failure = Some(error);
                continue;
            }
        };
        num_listed += 1;
        linter.add_rejected(&listing.rejected);
        linter.add_warnings(&listing.warnings);
        // Items that are expensive to read are read a few at a time, as when they are stored.
        let size = if listing.reader.is_cheap() { LOOKED_AT } else { STORED };
        let is_part = source.is_part() || !listing.is_complete;
        progress.begin("reading", listing.items.len());
        for batch in batches(&listing.items, size, |item| item.bytes) {
            for reading in listing.reader.read(batch).await {
                linter.add_parsed(&reading.shown, &reading.parsed, is_part);
            }
            progress.advance(batch.len());
        }
        progress.finish();
    }
    match failure {
        Some(error) if num_listed == 0 => Err(error.into()),
        _ => Ok(linter),
    }
}

/// Reads the documents of a knowledge base, and its log of the runs that wrote it.
async fn of_knowledge_base(kb: &str, settings: Settings) -> Result<Linter, CliError> {
    let address = config::address(Some(kb))?;
    let kb = store::open(&address, None).await?;
    let view = kb.view(&Filter::everything()).await?;
    let mut linter = Linter::new(settings);
    for record in view.all_documents().await? {
        let chunks = view.chunks_of(DocumentKey::of(&record.meta.id)).await?;
        let chunks: Vec<_> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
        linter.add(Page::stored(&record.meta, &chunks));
    }
    for (name, run) in RunLog::of(kb.run_log().await?).sources {
        linter.add_rejected(&run.rejected);
        if let Some(reason) = run.failed {
            linter.add_rejected(&[Rejection::new(format!("source {name}"), reason)]);
        }
    }
    Ok(linter)
}

/// Writes the findings to stdout.
fn write(output: Output, findings: &[Finding], num_documents: usize) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match output {
        Output::Text => print(&mut out, findings, num_documents)?,
        Output::Json => {
            let told = Told { documents: num_documents, findings, counts: counts(findings) };
            serde_json::to_writer(&mut out, &told).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Output::Sarif => {
            serde_json::to_writer_pretty(&mut out, &sarif::log(findings)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
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
