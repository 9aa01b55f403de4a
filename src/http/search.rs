//! `POST /v1/search`: passages for a query; the object of `runbookd search --json`.

use super::{body::Posted, error::ApiError, router::AppState, scope::RequestFilter};
use crate::{assistant, search::SearchReply};
use axum::{Extension, Json, extract::State};
use kb::store::Filter;
use serde::Deserialize;
use tokio::time::timeout;

/// Most hits of one search.
const MAX_LIMIT: usize = 100;

/// What arrives.
#[derive(Debug, Deserialize)]
pub struct SearchRequest {
    query: String,
    #[serde(default = "default_limit")]
    limit: usize,
    #[serde(default)]
    filter: Option<RequestFilter>,
}

fn default_limit() -> usize {
    10
}

/// Searches the knowledge base.
pub async fn search(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    Posted(request): Posted<SearchRequest>,
) -> Result<Json<SearchReply>, ApiError> {
    if !(1..=MAX_LIMIT).contains(&request.limit) {
        return Err(ApiError::malformed(format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    let scope = request.filter.unwrap_or_default().narrow(scope);
    let question =
        assistant::question(&request.query, None).map_err(|error| ApiError::malformed(error.to_string()))?;
    let searching = SearchReply::find(&state.assistant, &question, &scope, request.limit);
    let reply = timeout(state.settings().deadline, searching).await.map_err(|_| ApiError::deadline())??;
    Ok(Json(reply))
}
