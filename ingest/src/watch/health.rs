//! The state that a running ingest shows: `/metrics` for Prometheus, `/healthz` and `/readyz` for an orchestrator.

use super::WatchError;
use crate::{progress::say, report::Report};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore, task::AbortHandle};

/// This many connections are served at once; further ones wait.
const MAX_CONNECTIONS: usize = 32;

/// Longest time that one connection takes.
const CONNECTION_TIME: Duration = Duration::from_secs(15);

/// Bounds of the histogram of runs, in seconds.
const RUN_SECONDS: [f64; 8] = [0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0];

/// Figures of all runs.
pub(super) struct Health {
    registry: Registry,
    runs: IntCounterVec,
    seconds: Histogram,
    documents: IntGaugeVec,
    rejected: IntGaugeVec,
    last_success: GaugeVec,
    /// Sources that were never read with success.
    waiting: Mutex<BTreeSet<String>>,
}

impl Health {
    /// Figures for these sources; nothing was read yet.
    pub(super) fn new<'n>(sources: impl Iterator<Item = &'n str>) -> Self {
        let by_source = |name: &str, help: &str| (Opts::new(name, help), ["source"]);
        let (opts, labels) =
            by_source("runbookd_ingest_documents", "Documents of the source after its last run.");
        let documents = IntGaugeVec::new(opts, &labels).expect("a constant name");
        let (opts, labels) =
            by_source("runbookd_ingest_rejected", "Items that the source's last run could not index.");
        let rejected = IntGaugeVec::new(opts, &labels).expect("a constant name");
        let (opts, labels) = by_source(
            "runbookd_ingest_last_success_timestamp_seconds",
            "When the source was last in sync, in Unix seconds.",
        );
        let last_success = GaugeVec::new(opts, &labels).expect("a constant name");
        let runs = Opts::new("runbookd_ingest_runs_total", "Runs by source and outcome: ok or failed.");
        let runs = IntCounterVec::new(runs, &["source", "outcome"]).expect("a constant name");
        let seconds = HistogramOpts::new("runbookd_ingest_run_seconds", "Seconds that successful runs took.");
        let seconds = Histogram::with_opts(seconds.buckets(RUN_SECONDS.to_vec())).expect("a constant name");
        let registry = Registry::new();
        let register = |collector: Box<dyn prometheus::core::Collector>| {
            registry.register(collector).expect("each name is registered once");
        };
        register(Box::new(runs.clone()));
        register(Box::new(seconds.clone()));
        register(Box::new(documents.clone()));
        register(Box::new(rejected.clone()));
        register(Box::new(last_success.clone()));
        let waiting: BTreeSet<String> = sources.map(str::to_owned).collect();
        for source in &waiting {
            for outcome in ["ok", "failed"] {
                runs.with_label_values(&[source, outcome]).reset();
            }
        }
        Self { registry, runs, seconds, documents, rejected, last_success, waiting: Mutex::new(waiting) }
    }

    /// Counts a run that committed.
    pub(super) fn note(&self, report: &Report, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        let now = jiff::Timestamp::now().as_second() as f64;
        for source in &report.sources {
            let name = source.name.as_str();
            let outcome = if source.failed.is_some() { "failed" } else { "ok" };
            self.runs.with_label_values(&[name, outcome]).inc();
            if source.failed.is_some() {
                continue;
            }
            let faults = source.rejected.iter().filter(|rejection| !rejection.by_convention).count();
            self.documents.with_label_values(&[name]).set(source.documents.seen as i64);
            self.rejected.with_label_values(&[name]).set(faults as i64);
            self.last_success.with_label_values(&[name]).set(now);
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
    }

    /// Counts a run that failed as a whole.
    pub(super) fn note_failure(&self, sources: &[&str]) {
        for source in sources {
            self.runs.with_label_values(&[source, "failed"]).inc();
        }
    }

    fn reply(&self, request: &Request<Incoming>) -> (StatusCode, &'static str, String) {
        const TEXT: &str = "text/plain; charset=utf-8";
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n".to_owned());
        }
        match request.uri().path() {
            "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
            "/readyz" => {
                let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                match waiting.is_empty() {
                    true => (StatusCode::OK, TEXT, "ok\n".to_owned()),
                    false => {
                        let names: Vec<&str> = waiting.iter().map(String::as_str).collect();
                        let text = format!("never in sync: {}\n", names.join(", "));
                        (StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
                    }
                }
            }
            "/metrics" => match TextEncoder::new().encode_to_string(&self.registry.gather()) {
                Ok(text) => (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
            },
            _ => (StatusCode::NOT_FOUND, TEXT, "there are /metrics, /healthz and /readyz\n".to_owned()),
        }
    }
}

/// Serves until it is dropped.
pub(super) struct Server(AbortHandle);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to serve the figures.
pub(super) async fn serve(address: SocketAddr, health: Arc<Health>) -> Result<Server, WatchError> {
    let failed = |source| WatchError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    say(&format!("metrics on http://{bound}/metrics"));
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accept = async move {
        loop {
            let Ok(permit) = connections.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of files, most likely.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let health = health.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let (status, kind, text) = health.reply(&request);
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    *response.status_mut() = status;
                    response
                        .headers_mut()
                        .insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
                    async { Ok::<_, Infallible>(response) }
                });
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(CONNECTION_TIME).keep_alive(false);
                // A client that fails or dawdles loses its own reply only.
                let _ = tokio::time::timeout(
                    CONNECTION_TIME,
                    http.serve_connection(TokioIo::new(stream), service),
                )
                .await;
                drop(permit);
            });
        }
    };
    Ok(Server(tokio::spawn(accept).abort_handle()))
}
