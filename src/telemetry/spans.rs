//! Spans of what a question costs, named as OpenTelemetry's conventions for generative models have it. They hold counts
//! and names from the configuration, never a prompt or a document.

use super::metrics::{Metrics, name};
use crate::{
    assistant::AnswerError,
    llm::{Llm, LlmError, Reply, ReplyStream},
};
use futures::{StreamExt, TryStreamExt, stream};
use kb::retrieve::Retrieval;
use opentelemetry::trace::Status;
use std::{future::Future, time::Instant};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// An endpoint may call its model anything; so much of it is kept.
const MAX_MODEL_CHARS: usize = 128;

/// One call of a model: counted when it ends, with a span that lasts as long.
struct Call {
    metrics: Metrics,
    provider: &'static str,
    model: String,
    span: Span,
    began: Instant,
}

impl Call {
    fn begin(metrics: &Metrics, llm: &dyn Llm) -> Self {
        let (provider, model) = (llm.provider(), llm.model().to_owned());
        let span = tracing::info_span!("chat", otel.kind = "client", otel.name = format!("chat {model}"));
        span.set_attribute("gen_ai.operation.name", "chat");
        span.set_attribute("gen_ai.provider.name", provider);
        span.set_attribute("gen_ai.request.model", model.clone());
        Self { metrics: metrics.clone(), provider, model, span, began: Instant::now() }
    }

    fn replied_by(&self, model: &str) {
        let model: String = model.chars().take(MAX_MODEL_CHARS).collect();
        self.span.set_attribute("gen_ai.response.model", model);
    }

    fn end(&self, error: Option<&LlmError>) {
        self.metrics.llm_called(self.provider, &self.model, error, self.began.elapsed());
        if let Some(error) = error {
            self.span.set_attribute("error.type", name(error.cause()));
            self.span.set_status(Status::error(""));
        }
    }
}

/// Counts one call of a model, and gives it a span.
pub async fn llm_call(
    metrics: &Metrics,
    llm: &dyn Llm,
    call: impl Future<Output = Result<Reply, LlmError>>,
) -> Result<Reply, LlmError> {
    let this = Call::begin(metrics, llm);
    let result = call.instrument(this.span.clone()).await;
    this.end(result.as_ref().err());
    if let Ok(reply) = &result {
        this.replied_by(&reply.model);
        if let Some(usage) = reply.usage {
            this.span.set_attribute("gen_ai.usage.input_tokens", i64::from(usage.input_tokens));
            this.span.set_attribute("gen_ai.usage.output_tokens", i64::from(usage.output_tokens));
        }
    }
    result
}

/// The same for a reply that is read while it is written; one that nobody reads to its end is not counted.
pub async fn llm_stream(
    metrics: &Metrics,
    llm: &dyn Llm,
    call: impl Future<Output = Result<ReplyStream, LlmError>>,
) -> Result<ReplyStream, LlmError> {
    let this = Call::begin(metrics, llm);
    let ReplyStream { model, pieces } = match call.instrument(this.span.clone()).await {
        Ok(reply) => reply,
        Err(error) => {
            this.end(Some(&error));
            return Err(error);
        }
    };
    this.replied_by(&model);
    let watched = stream::try_unfold((pieces, this), |(mut pieces, this)| async move {
        let next = pieces.try_next().await;
        if let Ok(None) | Err(_) = &next {
            this.end(next.as_ref().err());
        }
        next.map(|piece| piece.map(|piece| (piece, (pieces, this))))
    });
    Ok(ReplyStream { model, pieces: watched.boxed() })
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
