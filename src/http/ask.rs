//! `POST /v1/ask`: a question in, the answer with its evidence out; the object of `runbookd ask --json`.

use super::{
    body::{Object, Posted},
    error::{ApiError, BodyRefused, Unavailable},
    router::AppState,
    scope::RequestFilter,
};
use answer::{answer::Answer, assistant::Request, format::Format};
use axum::{Extension, Json, extract::State};
use kb::store::Filter;
use serde::Deserialize;
use utoipa::ToSchema;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AskRequest {
    /// The question or the failure.
    #[schema(pattern = r"\S")]
    question: String,
    /// Language of the answer, as free text; without a usable one, the question's own.
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<RequestFilter>)]
    filter: Option<Object<RequestFilter>>,
}

/// Answers a question.
#[utoipa::path(
    post,
    path = "/v1/ask",
    tag = "answers",
    request_body(content = AskRequest, example = json!({ "question": "the last termination reason is OOMKilled" })),
    responses((status = 200, description = "The answer, also when it is `unknown`.", body = Answer), BodyRefused, Unavailable)
)]
pub async fn ask(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    Posted(request): Posted<AskRequest>,
) -> Result<Json<Answer>, ApiError> {
    let scope = request.filter.unwrap_or_default().0.narrow(scope);
    let request = Request::parse(&request.question, request.language.as_deref(), Format::default())
        .map_err(|error| ApiError::malformed(error.to_string()))?;
    Ok(Json(state.answer(&request, &scope).await?))
}
