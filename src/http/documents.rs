//! `GET /v1/documents?id=`: one document as the knowledge base holds it, when the caller may see it.

use super::{
    error::{ApiError, Missing, Unavailable},
    state::AppState,
    wire::{documents::DocumentReply, filter},
};
use answer::documents::Document;
use axum::{Extension, Json, extract::State, http::Uri};
use kb::store::Filter;

/// Shows a document. One that the caller may not see does not exist for them.
#[utoipa::path(
    get,
    path = "/v1/documents",
    tag = "knowledge",
    params(("id" = String, Query, min_length = 1, example = "runbooks/runbooks/pod-oom-killed.md", description = "The document's id.")),
    responses((status = 200, description = "The document.", body = DocumentReply), Missing, Unavailable)
)]
pub async fn document(
    State(state): State<AppState>,
    Extension(filter): Extension<Filter>,
    uri: Uri,
) -> Result<Json<DocumentReply>, ApiError> {
    let id = filter::form_pairs(uri.query().unwrap_or_default())
        .into_iter()
        .find_map(|(key, value)| (key == "id").then_some(value))
        .filter(|id| !id.is_empty())
        .ok_or_else(|| ApiError::malformed("the query needs `id`"))?;
    let found = find(&state, &filter, &id).await?;
    found
        .map(|document| Json(document.into()))
        .ok_or_else(|| ApiError::not_found("there is no such document"))
}

/// The document with this id within the server's deadline, when `filter` lets it through, for every protocol.
pub async fn find(state: &AppState, filter: &Filter, id: &str) -> Result<Option<Document>, ApiError> {
    Ok(state.desk.document(id, filter, state.terms()).await?)
}
