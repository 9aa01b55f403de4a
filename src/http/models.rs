//! `GET /v1/models`: the one model that OpenAI's clients can choose. Many of them list models before they ask, and take a
//! server that has none for a broken one.

use super::{health, router::AppState};
use answer::assistant::OWN_MODEL;
use axum::{Json, extract::State};
use serde::Serialize;
use std::time::UNIX_EPOCH;
use utoipa::ToSchema;

/// Every model there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// `list`.
    object: &'static str,
    data: [Model; 1],
}

/// What answers. Requests may name any other model: the answer says which one wrote it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    /// The name to ask by.
    id: &'static str,
    /// `model`.
    object: &'static str,
    /// When the knowledge base was last written: Unix time, in seconds, 0 where it does not say.
    created: u64,
    owned_by: &'static str,
}

/// Lists the one model that answers.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "answers",
    responses((status = 200, description = "A list of one model.", body = ModelList))
)]
pub async fn models(State(state): State<AppState>) -> Json<ModelList> {
    let written = health::view(&state).await.and_then(|view| view.committed_at());
    let created =
        written.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
    let model = Model { id: OWN_MODEL, object: "model", created, owned_by: OWN_MODEL };
    Json(ModelList { object: "list", data: [model] })
}
