//! `/healthz`: the process runs. `/readyz`: it can answer. Only the knowledge base and the embedder decide that: without
//! the language model answers come from the documents.

use super::router::AppState;
use axum::{Json, extract::State, http::StatusCode};
use kb::store::Filter;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the knowledge base.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The process runs.
pub async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The server can answer.
pub async fn readyz(State(state): State<AppState>) -> (StatusCode, Json<Value>) {
    let kb = state.assistant.knowledge_base();
    let view = timeout(PROBE_TIMEOUT, kb.view(&Filter::everything())).await;
    let version = match view {
        Ok(Ok(view)) => Some(view.version().to_owned()),
        Ok(Err(error)) => {
            tracing::error!(error = crate::commands::chain(&error), "not ready");
            None
        }
        Err(_) => None,
    };
    let embedder = state.embedder.is_running();
    let ready = version.is_some() && embedder && !state.is_draining();
    let llm = match state.assistant.llm() {
        None => json!("not configured"),
        Some((_, health)) => json!(health),
    };
    let status = match (ready, state.is_draining()) {
        (true, _) => "ready",
        (false, true) => "draining",
        (false, false) => "not ready",
    };
    let body = json!({
        "status": status,
        "knowledge_base": if version.is_some() { "ok" } else { "unavailable" },
        "kb_version": version,
        "embedder": if embedder { "ok" } else { "stopped" },
        "llm": llm,
        "llm_providers": state.assistant.llm_providers(),
    });
    let code = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(body))
}
