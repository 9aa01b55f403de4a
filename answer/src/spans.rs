//! The span of a search. It holds counts and the state's name, never a question or a document.

use crate::metrics::Metrics;
use kb::retrieve::Retrieval;
use opentelemetry::trace::Status;
use std::{future::Future, time::Instant};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Counts one search, and gives it a span.
pub async fn search<T: AsRef<Retrieval>, E>(
    metrics: &Metrics,
    search: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::info_span!(target: "runbookd::telemetry::spans", "retrieval");
    let began = Instant::now();
    let result = search.instrument(span.clone()).await;
    match &result {
        Ok(found) => {
            let retrieval = found.as_ref();
            metrics.searched(began.elapsed());
            span.set_attribute("runbookd.hits", retrieval.hits.len() as i64);
            span.set_attribute("runbookd.evidence", retrieval.evidence.len() as i64);
            span.set_attribute("runbookd.knowledge_base.version", retrieval.view.version().to_owned());
        }
        Err(_) => span.set_status(Status::error("")),
    }
    result
}
