//! `POST /v1/search`: passages for a query; the object of `runbookd search --json`.

use super::{
    body::Posted,
    error::{ApiError, BodyRefused, Unavailable},
    state::AppState,
    wire::search::{SearchReply, SearchRequest},
};
use answer::{request, search::Found};
use axum::{Extension, Json, extract::State};
use kb::store::Filter;

/// Most hits of one search.
const MAX_LIMIT: usize = 100;

/// Searches the knowledge base.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "knowledge",
    request_body(content = SearchRequest, example = json!({ "query": "OOMKilled exit code 137", "limit": 3 })),
    responses((status = 200, description = "The hits, best first.", body = SearchReply), BodyRefused, Unavailable)
)]
pub async fn search(
    State(state): State<AppState>,
    Extension(filter): Extension<Filter>,
    Posted(request): Posted<SearchRequest>,
) -> Result<Json<SearchReply>, ApiError> {
    let filter = request.filter.unwrap_or_default().0.narrow(filter);
    Ok(Json(find(&state, &filter, &request.query, request.limit).await?.into()))
}

/// At most `limit` passages within the server's deadline, for every protocol that searches.
pub async fn find(state: &AppState, filter: &Filter, query: &str, limit: usize) -> Result<Found, ApiError> {
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::malformed(format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    let question = request::question(query, None).map_err(|error| ApiError::malformed(error.to_string()))?;
    Ok(state.desk.search(&question, filter, limit, state.terms()).await?)
}
