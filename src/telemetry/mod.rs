//! What the program tells of itself: the log on stderr, spans for a collector ([`otlp`]), counters ([`metrics`]).
//!
//! Entry point: [`start`]. Prompts, questions and documents are in none of them, at any level.

pub mod metrics;
mod otlp;
pub mod spans;

pub use otlp::{Exporter, OtlpError};

use crate::config::{ConfigError, Log, Telemetry};
use opentelemetry::trace::TracerProvider;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts the log.
pub fn start_log(log: &Log) -> anyhow::Result<()> {
    tracing_subscriber::registry().with(log_layer(log)?).try_init()?;
    Ok(())
}

/// Starts the log, and the export of spans where one is configured. Must be called on the runtime that is to carry them;
/// what is returned sends the rest when it is shut down.
pub fn start(log: &Log, telemetry: &Telemetry) -> anyhow::Result<Option<Exporter>> {
    let exporter = telemetry.otlp_endpoint.as_deref().map(Exporter::start).transpose()?;
    let spans = exporter.as_ref().map(|exporter| {
        // Only our own spans: those of libraries may hold what must not leave, and nobody asked for them.
        let ours =
            Targets::new().with_target("runbookd", LevelFilter::INFO).with_target("kb", LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(exporter.provider().tracer("runbookd"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(ours)
    });
    tracing_subscriber::registry().with(log_layer(log)?).with(spans).try_init()?;
    Ok(exporter)
}

fn log_layer(log: &Log) -> Result<Box<dyn Layer<Registry> + Send + Sync>, ConfigError> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| ConfigError::Value {
        key: "log.filter (RUNBOOKD_LOG)".to_owned(),
        detail: error.to_string(),
    })?;
    // The MCP library logs whole messages, questions and documents with them.
    let filter = filter.add_directive("rmcp=error".parse().expect("it is a directive"));
    let layer = fmt::layer().with_writer(std::io::stderr);
    Ok(match log.json {
        true => layer.json().with_filter(filter).boxed(),
        false => layer.with_target(false).with_filter(filter).boxed(),
    })
}
