//! Spans of what a question costs, named as OpenTelemetry's conventions for generative models have it. They hold counts
//! and names from the configuration, never a prompt or a document.

use super::metrics::{Metrics, name};
use crate::{
    assistant::AnswerError,
    llm::{Llm, LlmError, Reply},
};
use kb::retrieve::Retrieval;
use opentelemetry::trace::Status;
use std::{future::Future, time::Instant};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// An endpoint may call its model anything; so much of it is kept.
const MAX_MODEL_CHARS: usize = 128;

/// Counts one call of a model, and gives it a span.
pub async fn llm_call(
    metrics: &Metrics,
    llm: &dyn Llm,
    call: impl Future<Output = Result<Reply, LlmError>>,
) -> Result<Reply, LlmError> {
    let (provider, model) = (llm.provider(), llm.model());
    let span = tracing::info_span!("chat", otel.kind = "client", otel.name = format!("chat {model}"));
    span.set_attribute("gen_ai.operation.name", "chat");
    span.set_attribute("gen_ai.provider.name", provider.to_owned());
    span.set_attribute("gen_ai.request.model", model.to_owned());
    let began = Instant::now();
    let result = call.instrument(span.clone()).await;
    metrics.llm_called(provider, model, result.as_ref().err(), began.elapsed());
    match &result {
        Ok(reply) => {
            let model: String = reply.model.chars().take(MAX_MODEL_CHARS).collect();
            span.set_attribute("gen_ai.response.model", model);
            if let Some(usage) = reply.usage {
                span.set_attribute("gen_ai.usage.input_tokens", i64::from(usage.input_tokens));
                span.set_attribute("gen_ai.usage.output_tokens", i64::from(usage.output_tokens));
            }
        }
        Err(error) => {
            span.set_attribute("error.type", name(error.cause()));
            span.set_status(Status::error(""));
        }
    }
    result
}

/// Counts one search, and gives it a span.
pub async fn search(
    metrics: &Metrics,
    search: impl Future<Output = Result<Retrieval, AnswerError>>,
) -> Result<Retrieval, AnswerError> {
    let span = tracing::info_span!("retrieval");
    let began = Instant::now();
    let result = search.instrument(span.clone()).await;
    match &result {
        Ok(retrieval) => {
            metrics.searched(began.elapsed());
            span.set_attribute("runbookd.hits", retrieval.hits.len() as i64);
            span.set_attribute("runbookd.evidence", retrieval.evidence.len() as i64);
            span.set_attribute("runbookd.knowledge_base.version", retrieval.view.version().to_owned());
        }
        Err(_) => span.set_status(Status::error("")),
    }
    result
}
