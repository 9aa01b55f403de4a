//! `GET /v1/models`: the one model that OpenAI's clients can choose. Many of them list models before they ask, and take a
//! server that has none for a broken one.

use super::{
    health,
    state::AppState,
    wire::models::{Model, ModelList},
};
use answer::request::OWN_MODEL;
use axum::{Json, extract::State};
use std::time::UNIX_EPOCH;

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
