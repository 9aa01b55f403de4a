//! `POST /v1/ask`: a question in, the answer with its evidence out; the object of `runbookd ask --json`.

use super::{
    body::Posted,
    error::{ApiError, BodyRefused, Unavailable},
    state::AppState,
    wire::{answer::Answer, ask::AskRequest},
};
use answer::{format::Format, request::Request};
use axum::{Extension, Json, extract::State};
use kb::store::Filter;

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
    Extension(filter): Extension<Filter>,
    Posted(request): Posted<AskRequest>,
) -> Result<Json<Answer>, ApiError> {
    let filter = request.filter.unwrap_or_default().0.narrow(filter);
    let request = Request::parse(&request.question, request.language.as_deref(), Format::default())
        .map_err(|error| ApiError::malformed(error.to_string()))?;
    Ok(Json(state.answer(&request, &filter).await?.into()))
}
