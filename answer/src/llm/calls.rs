//! One call of a model, counted and with a span, named as OpenTelemetry's conventions for generative models have it. They
//! hold counts and names from the configuration, never a prompt or a document.

use super::{Llm, LlmError, Reply, ReplyStream, Usage};
use crate::metrics::Metrics;
use futures::{StreamExt, ready, stream};
use opentelemetry::trace::Status;
use std::{future::Future, task::Poll, time::Instant};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Counts one call of a model, and gives it a span.
pub async fn whole(
    metrics: &Metrics,
    llm: &dyn Llm,
    call: impl Future<Output = Result<Reply, LlmError>>,
) -> Result<Reply, LlmError> {
    let mut observed = Call::begin(metrics, llm);
    let result = call.instrument(observed.span.clone()).await;
    match &result {
        Ok(reply) => {
            observed.replies(&reply.model, reply.usage);
            observed.ends(None);
        }
        Err(error) => observed.ends(Some(error)),
    }
    result
}

/// The same for a reply in pieces: the call lasts until the last of them.
pub async fn streamed(
    metrics: &Metrics,
    llm: &dyn Llm,
    call: impl Future<Output = Result<ReplyStream, LlmError>>,
) -> Result<ReplyStream, LlmError> {
    let mut observed = Call::begin(metrics, llm);
    let ReplyStream { model, usage, mut pieces } = match call.instrument(observed.span.clone()).await {
        Ok(reply) => reply,
        Err(error) => {
            observed.ends(Some(&error));
            return Err(error);
        }
    };
    observed.replies(&model, usage);
    let pieces = stream::poll_fn(move |context| {
        let piece = ready!(pieces.poll_next_unpin(context));
        match &piece {
            Some(Ok(_)) => {}
            Some(Err(error)) => observed.ends(Some(error)),
            None => observed.ends(None),
        }
        Poll::Ready(piece)
    });
    Ok(ReplyStream { model, usage, pieces: pieces.boxed() })
}

/// A call under way.
struct Call {
    metrics: Metrics,
    provider: &'static str,
    model: String,
    span: Span,
    began: Instant,
    has_ended: bool,
}

impl Call {
    fn begin(metrics: &Metrics, llm: &dyn Llm) -> Self {
        let (provider, model) = (llm.provider(), llm.model().to_owned());
        let span = tracing::info_span!(target: "runbookd::telemetry::spans", "chat", otel.kind = "client", otel.name = format!("chat {model}"));
        span.set_attribute("gen_ai.operation.name", "chat");
        span.set_attribute("gen_ai.provider.name", provider);
        span.set_attribute("gen_ai.request.model", model.clone());
        Self { metrics: metrics.clone(), provider, model, span, began: Instant::now(), has_ended: false }
    }

    /// The model that replies, as its endpoint names it, and what it counted.
    fn replies(&self, model: &str, usage: Option<Usage>) {
        self.span.set_attribute("gen_ai.response.model", model.to_owned());
        if let Some(usage) = usage {
            self.span.set_attribute("gen_ai.usage.input_tokens", i64::from(usage.input_tokens));
            self.span.set_attribute("gen_ai.usage.output_tokens", i64::from(usage.output_tokens));
            self.metrics.llm_spent(self.provider, &self.model, usage.input_tokens, usage.output_tokens);
        }
    }

    fn ends(&mut self, error: Option<&LlmError>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let outcome = error.map_or("ok", |error| error.cause().as_str());
        // A call that was not made took no time worth knowing.
        let took = (error != Some(&LlmError::BreakerOpen)).then(|| self.began.elapsed());
        self.metrics.llm_called(self.provider, &self.model, outcome, took);
        if let Some(error) = error {
            self.span.set_attribute("error.type", error.cause().as_str());
            self.span.set_status(Status::error(""));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.has_ended {
            self.metrics.llm_canceled(self.provider, &self.model);
        }
    }
}
