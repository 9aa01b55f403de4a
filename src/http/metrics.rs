//! `GET /metrics`: what the server counted, in Prometheus' text format, with the state at hand read off as it is asked.

use super::{
    error::{ApiError, Unavailable},
    health,
    state::AppState,
};
use crate::metrics::KnowledgeBaseState;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use std::time::UNIX_EPOCH;

/// The format, as scrapers know it.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shows the counters.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (status = 200, description = "Prometheus' text format 0.0.4.", body = String, content_type = "text/plain"),
        Unavailable,
    )
)]
pub async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    state.desk.assistant().show_use();
    let metrics = &state.metrics;
    metrics.set_embed_queue(state.embedder.num_waiting());
    metrics.set_knowledge_base(knowledge_base(&state).await.as_ref());
    let text = metrics.exposition().map_err(|error| {
        tracing::error!(%error, "cannot show the metrics");
        ApiError::unavailable("the metrics cannot be shown")
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

async fn knowledge_base(state: &AppState) -> Option<KnowledgeBaseState> {
    let view = health::view(state).await?;
    let counts = view.counts().await.ok()?;
    let committed_at = view.committed_at().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let trouble = state.desk.assistant().knowledge_base().trouble();
    Some(KnowledgeBaseState {
        is_damaged: trouble.is_some_and(|trouble| trouble.is_damage),
        version: view.version().to_owned(),
        documents: counts.documents,
        chunks: counts.chunks,
        committed_at_s: committed_at.map(|since| since.as_secs()),
    })
}
