//! The program's own reports: the log on stderr, spans for a collector ([`otlp`]). Counters are in `crate::metrics`.
//!
//! Entry point: [`start`]. Prompts, questions and documents are in none of them, at any level.

mod otlp;

pub use otlp::{Exporter, OtlpError};

use crate::config::{ConfigError, Log, Telemetry};
use opentelemetry::trace::TracerProvider;
use std::{any::Any, io::IsTerminal, panic::Location};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

pub fn start_log(log: &Log) -> anyhow::Result<()> {
    tracing_subscriber::registry().with(log_layer(log)?).try_init()?;
    Ok(())
}

/// Starts the log, and the export of spans where one is configured. Must be called on the runtime that is to carry
/// them; what is returned sends the rest when it is shut down.
pub fn start(log: &Log, telemetry: &Telemetry) -> anyhow::Result<Option<Exporter>> {
    let exporter = telemetry.otlp_endpoint.as_deref().map(Exporter::start).transpose()?;
    let spans = exporter.as_ref().map(|exporter| {
        // Only our own spans: those of libraries may hold data that must not leave.
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

/// From now on a panic is a line of the log with its place, and within a request with the request's id. The panic's
/// message is in the line only if it is a constant, for a formatted message may hold a text that a caller sent.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log_panic(panic.payload(), panic.location())));
}

fn log_panic(payload: &(dyn Any + Send), location: Option<&Location<'_>>) {
    let words = payload.downcast_ref::<&'static str>().copied();
    let location = location.map(ToString::to_string);
    tracing::error!(location, panic = words.unwrap_or("its words may hold data"), "panicked");
}

fn log_layer(log: &Log) -> Result<Box<dyn Layer<Registry> + Send + Sync>, ConfigError> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| ConfigError::Value {
        key: "log.filter (RUNBOOKD_LOG)".to_owned(),
        detail: error.to_string(),
    })?;
    // The MCP library logs whole messages, questions and documents with them.
    let filter = filter.add_directive("rmcp=error".parse().expect("it is a directive"));
    let layer = fmt::layer().with_writer(std::io::stderr);
    // Colours are for eyes: in a file they are noise. A terminal's user may switch them off with NO_COLOR.
    let layer = if std::io::stderr().is_terminal() { layer } else { layer.with_ansi(false) };
    Ok(match log.json {
        true => layer.json().with_filter(filter).boxed(),
        false => layer.with_target(false).with_filter(filter).boxed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panicked").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_with_its_request_and_without_data() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::registry().with(fmt::layer().with_writer(move || writer.clone()));
        tracing::subscriber::with_default(log, || {
            let _request = tracing::error_span!("request", request_id = "caller-1").entered();
            log_panic(&"index out of bounds", Some(Location::caller()));
            log_panic(&"it is inside `question-canary`".to_owned(), Some(Location::caller()));
        });
        let text = String::from_utf8(written.0.lock().expect("no test panicked").clone()).expect("UTF-8");
        assert_eq!(text.matches("caller-1").count(), 2, "{text}");
        assert_eq!(text.matches("src/telemetry/mod.rs:").count(), 2, "{text}");
        assert!(text.contains("index out of bounds") && !text.contains("canary"), "{text}");
    }
}
