//! What the server counts, for `/metrics`: [`Metrics`] is handed to whoever has something to count.
//!
//! Every label's value comes from a fixed list or from the configuration, so the number of series is bounded; no text of a
//! caller, a document or a model is ever a label. What can be read off the state at hand (slots, queues, the knowledge
//! base) is a gauge that `http/metrics.rs` sets when it is asked.

use crate::{
    answer::Answer,
    degraded::Degraded,
    llm::{LlmError, ProviderHealth, Usage},
};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};
use std::{sync::Arc, time::Duration};

/// Upper bounds of durations: from an answer that is repeated to the longest deadline.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The counters of one server. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGauge,
    answers: IntCounterVec,
    cache_lookups: IntCounterVec,
    slots: IntGaugeVec,
    slots_in_use: IntGaugeVec,
    slots_refused: IntCounterVec,
    search_seconds: Histogram,
    llm_calls: IntCounterVec,
    llm_call_seconds: HistogramVec,
    llm_tokens: IntCounterVec,
    llm_breaker_open: IntGaugeVec,
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

/// What there is only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Searches at once.
    Search,
    /// Calls of the language model at once.
    Llm,
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Llm => "llm",
        }
    }
}

/// How much of a [`Resource`] there is and is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// All of them.
    pub total: usize,
    /// Those taken.
    pub in_use: usize,
}

/// Where an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It had been given before.
    Hit,
    /// Nobody had asked.
    Miss,
    /// Somebody was asking the same at that moment.
    Coalesced,
}

/// What became of a connection.
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

/// The state of the knowledge base when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgeBaseState {
    /// Names the state, such as `g7.12`.
    pub version: String,
    /// Number of documents.
    pub documents: u64,
    /// Number of passages.
    pub chunks: u64,
    /// Whether its files are no longer what was committed.
    pub is_damaged: bool,
    /// When it was written, in seconds since 1970, where that is known.
    pub committed_at_s: Option<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let seconds = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let histograms = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, HistogramVec::new(seconds(name, help), labels))
        };
        gauges("runbookd_build_info", "The running version; always 1.", &["version"])
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let inner = Inner {
            requests: counters(
                "runbookd_http_requests_total",
                "Requests answered, by route, method and status; `canceled` where the client left.",
                &["route", "method", "status"],
            ),
            request_seconds: histograms(
                "runbookd_http_request_duration_seconds",
                "Time from a request's head to the end of its reply.",
                &["route", "method"],
            ),
            in_flight: gauge("runbookd_http_requests_in_flight", "Requests being answered."),
            answers: counters(
                "runbookd_answers_total",
                "Answers, by what they are worth, who wrote them and why they are less than they could be.",
                &["status", "answered_by", "degraded"],
            ),
            cache_lookups: counters(
                "runbookd_answer_cache_lookups_total",
                "Questions by whether the answer was at hand (hit), being made for another (coalesced) or new (miss).",
                &["result"],
            ),
            slots: gauges("runbookd_slots", "How many may work at once.", &["resource"]),
            slots_in_use: gauges("runbookd_slots_in_use", "How many work now.", &["resource"]),
            slots_refused: counters(
                "runbookd_slots_refused_total",
                "Times that no slot was free in time.",
                &["resource"],
            ),
            search_seconds: register(
                &registry,
                Histogram::with_opts(seconds(
                    "runbookd_search_duration_seconds",
                    "Time of one search, its wait for a slot included.",
                )),
            ),
            llm_calls: counters(
                "runbookd_llm_calls_total",
                "Calls of a language model, each try of each provider, by outcome.",
                &["provider", "model", "outcome"],
            ),
            llm_call_seconds: histograms(
                "runbookd_llm_call_duration_seconds",
                "Time of one call of a language model.",
                &["provider", "model"],
            ),
            llm_tokens: counters(
                "runbookd_llm_tokens_total",
                "Tokens that language models counted, where their endpoints said so: input and output.",
                &["provider", "model", "kind"],
            ),
            llm_breaker_open: gauges(
                "runbookd_llm_breaker_open",
                "1 while a provider of language models is left alone because it kept failing.",
                &["provider", "model"],
            ),
            kb_up: gauge("runbookd_knowledge_base_up", "1 when the knowledge base can be read."),
            kb_damaged: gauge(
                "runbookd_knowledge_base_damaged",
                "1 while the files of the knowledge base are damaged or overwritten and the last whole state answers.",
            ),
            kb_info: gauges(
                "runbookd_knowledge_base_info",
                "The state of the knowledge base that answers; always 1.",
                &["version"],
            ),
            kb_documents: gauge("runbookd_knowledge_base_documents", "Documents in the knowledge base."),
            kb_chunks: gauge("runbookd_knowledge_base_chunks", "Passages in the knowledge base."),
            kb_committed: gauge(
                "runbookd_knowledge_base_committed_timestamp_seconds",
                "When the knowledge base was last changed, in seconds since 1970; 0 where that is not known.",
            ),
            embed_queue: gauge("runbookd_embed_queue_length", "Questions waiting for the embedding model."),
            connections_open: gauge("runbookd_connections_open", "Open connections."),
            connections: counters(
                "runbookd_connections_total",
                "Connections, by what became of them: accepted, refused (too many); closed as slow, idle, no_tls.",
                &["event"],
            ),
            registry,
        };
        // A rate needs a start: what can be foreseen is there from the first scrape.
        for lookup in [Lookup::Hit, Lookup::Miss, Lookup::Coalesced] {
            inner.cache_lookups.with_label_values(&[lookup_name(lookup)]);
        }
        for resource in [Resource::Search, Resource::Llm] {
            inner.slots_refused.with_label_values(&[resource.name()]);
        }
        for event in
            [Connection::Accepted, Connection::Refused, Connection::Slow, Connection::Idle, Connection::NoTls]
        {
            inner.connections.with_label_values(&[event_name(event)]);
        }
        Self(Arc::new(inner))
    }

    /// A request begins.
    pub fn request_begins(&self) {
        self.0.in_flight.inc();
    }

    /// A request ends. `route` is the template of a known route, `method` one of HTTP's own or `other`; `status` is `None`
    /// where the client left before the reply.
    pub fn request_ends(&self, route: &str, method: &'static str, status: Option<u16>, took: Duration) {
        self.0.in_flight.dec();
        let status = status.map_or_else(|| "canceled".to_owned(), |status| status.to_string());
        self.0.requests.with_label_values(&[route, method, &status]).inc();
        self.0.request_seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// An answer is given.
    pub fn answered(&self, answer: &Answer) {
        let degraded = answer.degraded.map_or("none", Degraded::as_str);
        let labels = [answer.status.as_str(), answer.answered_by.as_str(), degraded];
        self.0.answers.with_label_values(&labels).inc();
    }

    /// An answer was looked for.
    pub fn looked_up(&self, lookup: Lookup) {
        self.0.cache_lookups.with_label_values(&[lookup_name(lookup)]).inc();
    }

    /// No slot was free in time.
    pub fn slot_refused(&self, resource: Resource) {
        self.0.slots_refused.with_label_values(&[resource.name()]).inc();
    }

    /// A search ended well.
    pub fn searched(&self, took: Duration) {
        self.0.search_seconds.observe(took.as_secs_f64());
    }

    /// The language model replied, or did not.
    pub fn llm_called(&self, provider: &str, model: &str, error: Option<&LlmError>, took: Duration) {
        let outcome = error.map_or("ok", |error| error.cause().as_str());
        self.0.llm_calls.with_label_values(&[provider, model, outcome]).inc();
        // A call that was not made took no time worth knowing.
        if error != Some(&LlmError::BreakerOpen) {
            self.0.llm_call_seconds.with_label_values(&[provider, model]).observe(took.as_secs_f64());
        }
    }

    /// The language model said what its reply took.
    pub fn llm_spent(&self, provider: &str, model: &str, usage: Usage) {
        for (kind, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
            self.0.llm_tokens.with_label_values(&[provider, model, kind]).inc_by(u64::from(tokens));
        }
    }

    /// Nobody waits for the language model's reply any more.
    pub fn llm_canceled(&self, provider: &str, model: &str) {
        self.0.llm_calls.with_label_values(&[provider, model, "canceled"]).inc();
    }

    /// Something became of a connection.
    pub fn connection(&self, event: Connection) {
        self.0.connections.with_label_values(&[event_name(event)]).inc();
    }

    /// A connection is open until the returned value is dropped.
    pub fn connection_opens(&self) -> OpenConnection {
        self.0.connections_open.inc();
        OpenConnection(self.0.connections_open.clone())
    }

    /// Sets how much of a resource is in use.
    pub fn set_slots(&self, resource: Resource, slots: Slots) {
        self.0.slots.with_label_values(&[resource.name()]).set(slots.total as i64);
        self.0.slots_in_use.with_label_values(&[resource.name()]).set(slots.in_use as i64);
    }

    /// Sets which providers of language models are left alone.
    pub fn set_providers(&self, providers: &[ProviderHealth]) {
        for one in providers {
            // Two endpoints of one model are one series: open when either is.
            let is_same =
                |other: &&ProviderHealth| (other.provider, &other.model) == (one.provider, &one.model);
            let is_open = providers.iter().filter(is_same).any(|other| other.is_left_alone);
            self.0.llm_breaker_open.with_label_values(&[one.provider, &one.model]).set(i64::from(is_open));
        }
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

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("names and labels are constants that are valid");
    registry.register(Box::new(collector.clone())).expect("every name is used once");
    collector
}

fn lookup_name(lookup: Lookup) -> &'static str {
    match lookup {
        Lookup::Hit => "hit",
        Lookup::Miss => "miss",
        Lookup::Coalesced => "coalesced",
    }
}

fn event_name(event: Connection) -> &'static str {
    match event {
        Connection::Accepted => "accepted",
        Connection::Refused => "refused",
        Connection::Slow => "slow",
        Connection::Idle => "idle",
        Connection::NoTls => "no_tls",
    }
}
