//! `runbookd doctor`: whether everything an answer needs is there, and how old it is; with `--verify`, whether every file of
//! the knowledge base is what was committed. Exit code 0 when it can answer, 1 when it cannot or something is damaged.

use super::common::{Common, on_runtime, quiet};
use crate::{config::Config, telemetry};
use answer::{
    calibration::{self, Origin},
    llm::settings::ProviderSettings,
    prompt::{Fence, Prompt},
};
use clap::Args;
use futures::future::join_all;
use jiff::Timestamp;
use kb::{
    document::DocumentRecord,
    embed::EmbedderChoice,
    question::Question,
    store::{self, Address, Filter, KnowledgeBase},
};
use serde::Serialize;
use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Longest wait for the language model.
const LLM_TIMEOUT: Duration = Duration::from_secs(10);
/// A source not read for so long is worth a word.
const STALE_AFTER_DAYS: i64 = 30;

/// Check model, knowledge base, calibration, sources and the language model.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    common: Common,
    /// Read every file of the knowledge base and compare it with its checksum.
    #[arg(long)]
    verify: bool,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Checks everything and prints the report.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.common.load_to_ask()?;
        telemetry::start_log(&quiet(&config.log))?;
        on_runtime(examine(&config, self.verify, self.json))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    verdict: Verdict,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

impl Report {
    fn add(&mut self, name: impl Into<String>, verdict: Verdict, detail: impl Into<String>) {
        self.ok &= verdict != Verdict::Failed;
        self.checks.push(Check { name: name.into(), verdict, detail: detail.into() });
    }
}

async fn examine(config: &Config, verify: bool, json: bool) -> anyhow::Result<ExitCode> {
    let address = config.knowledge_base()?;
    let mut report = Report { ok: true, checks: Vec::new() };
    // On servers it costs two counts.
    if verify || address.is_remote() {
        files_of(address, &mut report).await;
    }
    files(config, &mut report);
    let identity = embedder(config, &mut report).await;
    match store::open(address, None).await {
        Err(error) => report.add("knowledge base", Verdict::Failed, super::chain(&error)),
        Ok(kb) => {
            if let Some(identity) = &identity {
                match store::open(address, Some(identity)).await {
                    Ok(_) => {
                        report.add("identity", Verdict::Ok, "built with this model, chunker and analyzer")
                    }
                    Err(error) => report.add("identity", Verdict::Failed, super::chain(&error)),
                }
            }
            if let Err(error) = contents(kb.as_ref(), &mut report).await {
                report.add("contents", Verdict::Failed, super::chain(&error));
            }
        }
    }
    llm(config, &mut report).await;

    match json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => print(&report),
    }
    Ok(ExitCode::from(if report.ok { 0 } else { 1 }))
}

/// Reads every file of the knowledge base.
async fn files_of(address: &Address, report: &mut Report) {
    let verification = match store::verify(address).await {
        Ok(verification) => verification,
        Err(error) => return report.add("files", Verdict::Failed, super::chain(&error)),
    };
    for error in &verification.damaged {
        report.add("files", Verdict::Failed, super::chain(error));
    }
    for server in &verification.servers {
        let verdict = if server.is_well { Verdict::Ok } else { Verdict::Warning };
        report.add("servers", verdict, server.detail.clone());
    }
    if address.is_remote() {
        if verification.damaged.is_empty() {
            report.add("records", Verdict::Ok, "as many as the manifest says");
        }
        return;
    }
    let whole = format!("{} files, {} bytes", verification.files.len(), verification.bytes);
    if !verification.uncovered.is_empty() {
        let detail = format!(
            "{} of {whole} are not covered by checksums, for an earlier version wrote them; the next commit covers them",
            verification.uncovered.len()
        );
        report.add("files", Verdict::Warning, detail);
    } else if verification.damaged.is_empty() {
        report.add("files", Verdict::Ok, format!("{whole}, all as they were committed"));
    }
}

fn print(report: &Report) {
    let width = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
    for Check { name, verdict, detail } in &report.checks {
        let mark = match verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warning => "warn",
            Verdict::Failed => "FAIL",
        };
        let detail = detail.replace('\n', &format!("\n      {:width$}  ", ""));
        println!("{mark}  {name:width$}  {detail}");
    }
}

fn files(config: &Config, report: &mut Report) {
    if config.embedder.choice != EmbedderChoice::Local {
        return;
    }
    for (name, place) in [
        ("onnx runtime", config.embedder.places.ort_library()),
        ("model files", config.embedder.places.model_dir()),
    ] {
        match place {
            Ok(path) => report.add(name, Verdict::Ok, path.display().to_string()),
            Err(error) => report.add(name, Verdict::Failed, error.to_string()),
        }
    }
}

async fn embedder(config: &Config, report: &mut Report) -> Option<store::Identity> {
    let settings = config.embedder.clone();
    let started = match tokio::task::spawn_blocking(move || settings.start()).await {
        Ok(Ok(embedder)) => embedder,
        Ok(Err(error)) => {
            report.add("embedder", Verdict::Failed, super::chain(&error));
            return None;
        }
        Err(error) => {
            report.add("embedder", Verdict::Failed, error.to_string());
            return None;
        }
    };
    let before = std::time::Instant::now();
    match started.embed_question("pod restarts").await {
        Ok(vector) => {
            let (name, took) = (&started.identity().name, before.elapsed());
            report.add(
                "embedder",
                Verdict::Ok,
                format!("{name}, {} dimensions, {took:.1?} for a question", vector.len()),
            );
        }
        Err(error) => report.add("embedder", Verdict::Failed, super::chain(&error)),
    }
    Some(store::Identity::current(started.identity().clone()))
}

async fn contents(kb: &dyn KnowledgeBase, report: &mut Report) -> Result<(), store::StoreError> {
    let view = kb.view(&Filter::everything()).await?;
    let counts = view.counts().await?;
    let detail =
        format!("{} documents, {} chunks, version {}", counts.documents, counts.chunks, view.version());
    match counts.documents {
        0 => report.add("contents", Verdict::Failed, "it is empty; run `ingest --kb KB FOLDER`"),
        _ => report.add("contents", Verdict::Ok, detail),
    }

    match calibration::choose(kb.calibration().await?, &kb.identity()) {
        (used, Origin::Stored) => {
            report.add("calibration", Verdict::Ok, format!("its own, fitted on {}", used.fitted_on));
        }
        (used, Origin::Builtin) => {
            let detail = format!("the default (fitted on {}); `evaluate calibrate` fits one", used.fitted_on);
            report.add("calibration", Verdict::Ok, detail);
        }
        (_, Origin::Mismatch(why)) => {
            report.add(
                "calibration",
                Verdict::Warning,
                format!("the default is used instead of its own: {why}"),
            );
        }
    }

    let mut sources: BTreeMap<String, Vec<Arc<DocumentRecord>>> = BTreeMap::new();
    for document in view.all_documents().await? {
        sources.entry(document.meta.source.clone()).or_default().push(document);
    }
    let now = Timestamp::now();
    for (source, documents) in sources {
        let ingested = documents.iter().map(|document| document.ingested_at).max();
        let updated = documents.iter().filter_map(|document| document.meta.updated_at).max();
        let day = |time: Option<Timestamp>| {
            time.map_or("never".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
        };
        let age_days = ingested.map_or(0, |at| now.duration_since(at).as_secs() / 86_400);
        let verdict = if age_days > STALE_AFTER_DAYS { Verdict::Warning } else { Verdict::Ok };
        let detail = format!(
            "{} documents, last ingested change {}, newest page {}",
            documents.len(),
            day(ingested),
            day(updated)
        );
        report.add(format!("source {source}"), verdict, detail);
    }
    Ok(())
}

async fn llm(config: &Config, report: &mut Report) {
    if config.llm.is_empty() {
        report.add("language model", Verdict::Ok, "none configured; answers quote the documents");
    }
    let limit = LLM_TIMEOUT.min(config.assistant.llm_timeout);
    let asked = join_all(config.llm.iter().map(|settings| provider(settings, limit))).await;
    for (at, (verdict, detail)) in asked.into_iter().enumerate() {
        let name = match at {
            0 => "language model".to_owned(),
            at => format!("language model (llm.fallback[{}])", at - 1),
        };
        report.add(name, verdict, detail);
    }
}

/// One request to one provider. Answers come from the documents without it, so a failure is a warning.
async fn provider(settings: &ProviderSettings, limit: Duration) -> (Verdict, String) {
    let (kind, model) = (settings.kind(), settings.model());
    let client = match settings.connect() {
        Ok(client) => client,
        Err(error) => return (Verdict::Failed, format!("{kind}, {model}: {}", super::chain(&error))),
    };
    let question = Question::parse("Reply with: ok", None).expect("a constant that is not empty");
    let prompt = Prompt::grounded_in(&[], &question, &Default::default(), Fence::random());
    let before = Instant::now();
    match client.complete(&prompt, before + limit).await {
        Ok(reply) => (Verdict::Ok, format!("{kind}, {} replied in {:.1?}", reply.model, before.elapsed())),
        Err(error) => (Verdict::Warning, format!("{kind}, {model}: {error}")),
    }
}
