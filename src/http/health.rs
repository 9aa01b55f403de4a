//! `/healthz`: the process runs. `/readyz`: it can answer. Only the knowledge base and the embedder decide that: without
//! the language model answers come from the documents.

use super::{
    state::AppState,
    wire::health::{ProviderHealth, Readiness, Status},
};
use axum::{Json, extract::State, http::StatusCode};
use kb::store::{Filter, View};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Longest wait for the knowledge base.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The process runs.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses((status = 200, description = "The process runs.", body = Status))
)]
pub async fn healthz() -> Json<Status> {
    Json(Status::OK)
}

/// The newest state of the knowledge base, if it can be read in time.
pub(super) async fn view(state: &AppState) -> Option<Arc<dyn View>> {
    let kb = state.desk.assistant().knowledge_base();
    match timeout(PROBE_TIMEOUT, kb.view(&Filter::everything())).await {
        Ok(Ok(view)) => Some(view),
        Ok(Err(error)) => {
            tracing::error!(error = kb::causes::with_causes(&error), "the knowledge base cannot be read");
            None
        }
        Err(_) => {
            tracing::error!("the knowledge base did not answer within {PROBE_TIMEOUT:?}");
            None
        }
    }
}

/// The server can answer.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "The server can answer.", body = Readiness),
        (status = 503, description = "It cannot, or is about to stop.", body = Readiness),
    )
)]
pub async fn readyz(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let version = view(&state).await.map(|view| view.version().to_owned());
    let trouble = state.desk.assistant().knowledge_base().trouble();
    let is_damaged = trouble.as_ref().is_some_and(|trouble| trouble.is_damage);
    let embedder = state.embedder.is_running();
    let ready = version.is_some() && !is_damaged && embedder && !state.is_draining();
    let llm = match state.desk.assistant().llm() {
        None => "not configured",
        Some((_, health)) => health.as_str(),
    };
    let status = match (ready, state.is_draining()) {
        (true, _) => "ready",
        (false, true) => "draining",
        (false, false) => "not ready",
    };
    let body = Readiness {
        status,
        knowledge_base: match (&version, &trouble) {
            (None, _) => "unavailable",
            (_, Some(trouble)) if trouble.is_damage => "damaged",
            (_, Some(_)) => "outdated",
            (_, None) => "ok",
        },
        reason: trouble.map(|trouble| trouble.reason),
        kb_version: version,
        embedder: if embedder { "ok" } else { "stopped" },
        llm,
        llm_providers: state.desk.assistant().llm_providers().into_iter().map(ProviderHealth::from).collect(),
    };
    let code = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(body))
}
