//! `POST /v1/ask`: a question in, the answer with its evidence out; the object of `runbookd ask --json`.

use super::{body::Posted, error::ApiError, router::AppState, scope::RequestFilter};
use crate::{answer::Answer, assistant::Request, format::Format};
use axum::{Extension, Json, extract::State};
use kb::store::Filter;
use serde::Deserialize;

/// What arrives.
#[derive(Debug, Deserialize)]
pub struct AskRequest {
    question: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    filter: Option<RequestFilter>,
}

/// Answers a question.
pub async fn ask(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    Posted(request): Posted<AskRequest>,
) -> Result<Json<Answer>, ApiError> {
    let scope = request.filter.unwrap_or_default().narrow(scope);
    let request = Request::parse(&request.question, request.language.as_deref(), Format::default())
        .map_err(|error| ApiError::malformed(error.to_string()))?;
    Ok(Json(state.answer(&request, &scope).await?))
}
