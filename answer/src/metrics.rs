//! The counters of answering: [`Metrics`] is made once at the start and passed to the rooms that count.
//!
//! Every label's value comes from a fixed list or from the configuration, so the number of series is bounded; no text of a
//! caller, a document or a model is ever a label. To add one: a field here, its name and help below, a method that says
//! what happened; [`series`] makes the kinds there are.

use crate::degraded::Degraded;
use kb::answerable::Status;
use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGaugeVec, Registry};
use std::{sync::Arc, time::Duration};

/// The counters of one program. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
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
}

/// A resource of which only so much is used at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Searches that run at the same time.
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

/// The result of a lookup of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It had been given before.
    Hit,
    /// No answer was kept for the question.
    Miss,
    /// Somebody was asking the same at that moment.
    Coalesced,
}

impl Lookup {
    fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
        }
    }
}

impl Default for Metrics {
    /// Counters of a registry that is not exposed.
    fn default() -> Self {
        Self::new(&Registry::new())
    }
}

impl Metrics {
    /// Everything at zero, in a registry that has none of it yet.
    pub fn new(registry: &Registry) -> Self {
        let inner = Inner {
            answers: series::counters(
                registry,
                "runbookd_answers_total",
                "Answers, by what they are worth, who wrote them and why they are less than they could be.",
                &["status", "answered_by", "degraded"],
            ),
            cache_lookups: series::counters(
                registry,
                "runbookd_answer_cache_lookups_total",
                "Questions by whether the answer was at hand (hit), being made for another (coalesced) or new (miss).",
                &["result"],
            ),
            slots: series::gauges(registry, "runbookd_slots", "How many may work at once.", &["resource"]),
            slots_in_use: series::gauges(
                registry,
                "runbookd_slots_in_use",
                "How many work now.",
                &["resource"],
            ),
            slots_refused: series::counters(
                registry,
                "runbookd_slots_refused_total",
                "Times that no slot was free in time.",
                &["resource"],
            ),
            search_seconds: series::histogram(
                registry,
                "runbookd_search_duration_seconds",
                "Time of one search, its wait for a slot included.",
            ),
            llm_calls: series::counters(
                registry,
                "runbookd_llm_calls_total",
                "Calls of a language model, each try of each provider, by outcome.",
                &["provider", "model", "outcome"],
            ),
            llm_call_seconds: series::histograms(
                registry,
                "runbookd_llm_call_duration_seconds",
                "Time of one call of a language model.",
                &["provider", "model"],
            ),
            llm_tokens: series::counters(
                registry,
                "runbookd_llm_tokens_total",
                "Tokens that language models counted, where their endpoints said so: input and output.",
                &["provider", "model", "kind"],
            ),
            llm_breaker_open: series::gauges(
                registry,
                "runbookd_llm_breaker_open",
                "1 while a provider of language models is left alone because it kept failing.",
                &["provider", "model"],
            ),
        };
        // A rate needs a start: what can be foreseen is there from the first scrape.
        for lookup in [Lookup::Hit, Lookup::Miss, Lookup::Coalesced] {
            inner.cache_lookups.with_label_values(&[lookup.name()]);
        }
        for resource in [Resource::Search, Resource::Llm] {
            inner.slots_refused.with_label_values(&[resource.name()]);
        }
        Self(Arc::new(inner))
    }

    /// An answer is given.
    pub fn answered(&self, status: Status, answered_by: &str, degraded: Option<Degraded>) {
        let labels = [status.as_str(), answered_by, degraded.map_or("none", Degraded::as_str)];
        self.0.answers.with_label_values(&labels).inc();
    }

    /// An answer was looked for.
    pub fn looked_up(&self, lookup: Lookup) {
        self.0.cache_lookups.with_label_values(&[lookup.name()]).inc();
    }

    /// No slot was free in time.
    pub fn slot_refused(&self, resource: Resource) {
        self.0.slots_refused.with_label_values(&[resource.name()]).inc();
    }

    /// A search ended well.
    pub fn searched(&self, took: Duration) {
        self.0.search_seconds.observe(took.as_secs_f64());
    }

    /// A language model replied (`ok`), or did not, for the reason that `outcome` names; `took` only where it was called.
    pub fn llm_called(&self, provider: &str, model: &str, outcome: &str, took: Option<Duration>) {
        self.0.llm_calls.with_label_values(&[provider, model, outcome]).inc();
        if let Some(took) = took {
            self.0.llm_call_seconds.with_label_values(&[provider, model]).observe(took.as_secs_f64());
        }
    }

    /// A language model said what its reply took.
    pub fn llm_spent(&self, provider: &str, model: &str, input_tokens: u32, output_tokens: u32) {
        for (kind, tokens) in [("input", input_tokens), ("output", output_tokens)] {
            self.0.llm_tokens.with_label_values(&[provider, model, kind]).inc_by(u64::from(tokens));
        }
    }

    /// The caller no longer waits for a language model's reply.
    pub fn llm_canceled(&self, provider: &str, model: &str) {
        self.0.llm_calls.with_label_values(&[provider, model, "canceled"]).inc();
    }

    /// Sets how much of a resource is in use.
    pub fn set_slots(&self, resource: Resource, total: usize, in_use: usize) {
        self.0.slots.with_label_values(&[resource.name()]).set(total as i64);
        self.0.slots_in_use.with_label_values(&[resource.name()]).set(in_use as i64);
    }

    /// Sets whether a provider of language models is left alone.
    pub fn set_breaker(&self, provider: &str, model: &str, is_open: bool) {
        self.0.llm_breaker_open.with_label_values(&[provider, model]).set(i64::from(is_open));
    }
}

/// Series of a registry, made of names and labels that are constants.
pub mod series {
    use prometheus::{
        Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
        core::Collector,
    };

    /// Upper bounds of durations: from an answer that is repeated to the longest deadline.
    const SECONDS: [f64; 14] =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

    pub fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        register(registry, IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
        register(registry, IntGauge::new(name, help))
    }

    pub fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// One histogram of seconds.
    pub fn histogram(registry: &Registry, name: &str, help: &str) -> Histogram {
        register(registry, Histogram::with_opts(seconds(name, help)))
    }

    /// Histograms of seconds with labels.
    pub fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        register(registry, HistogramVec::new(seconds(name, help), labels))
    }

    fn seconds(name: &str, help: &str) -> HistogramOpts {
        HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
    }

    fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
        let collector = collector.expect("names and labels are constants that are valid");
        registry.register(Box::new(collector.clone())).expect("every name is used once");
        collector
    }
}
