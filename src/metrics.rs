//! The server's own counters, beside those of answering: requests, connections, the state of the knowledge base.
//! [`Metrics`] is made once at the start, over the one registry of the program.
//!
//! Every label's value comes from a fixed list or from the configuration, so the number of series is bounded; no text
//! of a caller is ever a label. A figure that can be read off the present state is a gauge that `http/metrics.rs` sets
//! when it is asked.

use answer::metrics::series;
use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};
use std::{sync::Arc, time::Duration};

/// The counters of one server. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGauge,
    kb_up: IntGauge,
    kb_damaged: IntGauge,
    kb_info: IntGaugeVec,
    kb_documents: IntGauge,
    kb_chunks: IntGauge,
    kb_committed: IntGauge,
    embed_queue: IntGauge,
    connections_open: IntGauge,
    connections: IntCounterVec,
}

/// The outcome of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It was taken on.
    Accepted,
    /// It was told to come back: there were too many.
    Refused,
    /// It said nothing, or took too long over a head or a handshake.
    Slow,
    /// It was used, and then for a while no more.
    Idle,
    /// It did not speak TLS, where that is spoken.
    NoTls,
}

impl Connection {
    const ALL: [Self; 5] = [Self::Accepted, Self::Refused, Self::Slow, Self::Idle, Self::NoTls];

    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Slow => "slow",
            Self::Idle => "idle",
            Self::NoTls => "no_tls",
        }
    }
}

/// The state of the knowledge base when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgeBaseState {
    /// Names the state, such as `g7.12`.
    pub version: String,
    pub documents: u64,
    pub chunks: u64,
    /// Whether its files are no longer what was committed.
    pub is_damaged: bool,
    /// When it was written, in seconds since 1970, where that is known.
    pub committed_at_s: Option<u64>,
}

impl Metrics {
    /// Everything at zero, in a registry that has none of it yet and is shown whole.
    pub fn new(registry: Registry) -> Self {
        series::gauges(&registry, "runbookd_build_info", "The running version; always 1.", &["version"])
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let inner = Inner {
            requests: series::counters(
                &registry,
                "runbookd_http_requests_total",
                "Requests answered, by route, method and status; `canceled` where the client left.",
                &["route", "method", "status"],
            ),
            request_seconds: series::histograms(
                &registry,
                "runbookd_http_request_duration_seconds",
                "Time from a request's head to the end of its reply.",
                &["route", "method"],
            ),
            in_flight: series::gauge(
                &registry,
                "runbookd_http_requests_in_flight",
                "Requests being answered.",
            ),
            kb_up: series::gauge(
                &registry,
                "runbookd_knowledge_base_up",
                "1 when the knowledge base can be read.",
            ),
            kb_damaged: series::gauge(
                &registry,
                "runbookd_knowledge_base_damaged",
                "1 while the files of the knowledge base are damaged or overwritten and the last whole state answers.",
            ),
            kb_info: series::gauges(
                &registry,
                "runbookd_knowledge_base_info",
                "The state of the knowledge base that answers; always 1.",
                &["version"],
            ),
            kb_documents: series::gauge(
                &registry,
                "runbookd_knowledge_base_documents",
                "Documents in the knowledge base.",
            ),
            kb_chunks: series::gauge(
                &registry,
                "runbookd_knowledge_base_chunks",
                "Passages in the knowledge base.",
            ),
            kb_committed: series::gauge(
                &registry,
                "runbookd_knowledge_base_committed_timestamp_seconds",
                "When the knowledge base was last changed, in seconds since 1970; 0 where that is not known.",
            ),
            embed_queue: series::gauge(
                &registry,
                "runbookd_embed_queue_length",
                "Questions waiting for the embedding model.",
            ),
            connections_open: series::gauge(&registry, "runbookd_connections_open", "Open connections."),
            connections: series::counters(
                &registry,
                "runbookd_connections_total",
                "Connections, by what became of them: accepted, refused (too many); closed as slow, idle, no_tls.",
                &["event"],
            ),
            registry,
        };
        // A rate needs a first value, so the series that can be foreseen are there from the first scrape.
        for event in Connection::ALL {
            inner.connections.with_label_values(&[event.name()]);
        }
        Self(Arc::new(inner))
    }

    /// Counts a request that begins.
    pub fn request_begins(&self) {
        self.0.in_flight.inc();
    }

    /// A request ends. `route` is the template of a known route, `method` one of HTTP's own or `other`; `status` is
    /// `None` where the client left before the reply.
    pub fn request_ends(&self, route: &str, method: &'static str, status: Option<u16>, took: Duration) {
        self.0.in_flight.dec();
        let status = status.map_or_else(|| "canceled".to_owned(), |status| status.to_string());
        self.0.requests.with_label_values(&[route, method, &status]).inc();
        self.0.request_seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// Counts the outcome of a connection.
    pub fn connection(&self, event: Connection) {
        self.0.connections.with_label_values(&[event.name()]).inc();
    }

    /// A connection is open until the returned value is dropped.
    pub fn connection_opens(&self) -> OpenConnection {
        self.0.connections_open.inc();
        OpenConnection(self.0.connections_open.clone())
    }

    /// Sets how many questions wait for the embedding model.
    pub fn set_embed_queue(&self, waiting: usize) {
        self.0.embed_queue.set(waiting as i64);
    }

    /// Sets the state of the knowledge base; `None` when it cannot be read.
    pub fn set_knowledge_base(&self, state: Option<&KnowledgeBaseState>) {
        self.0.kb_up.set(i64::from(state.is_some()));
        let Some(state) = state else { return };
        self.0.kb_damaged.set(i64::from(state.is_damaged));
        // One series only: that of the state which answers.
        self.0.kb_info.reset();
        self.0.kb_info.with_label_values(&[&state.version]).set(1);
        self.0.kb_documents.set(state.documents as i64);
        self.0.kb_chunks.set(state.chunks as i64);
        self.0.kb_committed.set(state.committed_at_s.unwrap_or_default() as i64);
    }

    /// Everything in Prometheus' text format 0.0.4.
    pub fn exposition(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.registry.gather())
    }
}

/// Counts as an open connection while it lives.
pub struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
