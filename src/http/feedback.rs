//! `POST /v1/feedback`: what a reader thought of an answer, by its id. The answer may be another server's.

use super::{
    body::Posted,
    error::{ApiError, BodyRefused, Missing, Unavailable},
    state::AppState,
    wire::{feedback::FeedbackRequest, health::Status},
};
use answer::journal::NoteError;
use axum::{Json, extract::State};

/// Longest comment that is kept, in characters.
const MAX_COMMENT_CHARS: usize = 2_000;

/// Writes a rating down.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "answers",
    request_body = FeedbackRequest,
    responses((status = 200, description = "It is written down.", body = Status), BodyRefused, Missing, Unavailable)
)]
pub async fn feedback(
    State(state): State<AppState>,
    Posted(request): Posted<FeedbackRequest>,
) -> Result<Json<Status>, ApiError> {
    let comment: Option<String> =
        request.comment.map(|comment| comment.chars().take(MAX_COMMENT_CHARS).collect());
    let journal = state.desk.journal().clone();
    let id = answer_id(&request.id).to_owned();
    let written =
        tokio::task::spawn_blocking(move || journal.rate(&id, request.rating.into(), comment.as_deref()));
    match written.await {
        Ok(Ok(())) => Ok(Json(Status::OK)),
        Ok(Err(NoteError::Unknown)) => Err(ApiError::not_found("this is no answer's id")),
        Ok(Err(NoteError::Off)) => Err(ApiError::not_found("feedback is switched off")),
        Ok(Err(error @ NoteError::Write { .. })) => {
            tracing::error!(error = kb::causes::with_causes(&error), "cannot write feedback");
            Err(ApiError::unavailable("feedback cannot be written at the moment"))
        }
        Err(_) => Err(ApiError::internal()),
    }
}

/// An answer's own id, from what OpenAI's clients were given for it.
fn answer_id(given: &str) -> &str {
    ["chatcmpl-", "cmpl-"].iter().find_map(|prefix| given.strip_prefix(prefix)).unwrap_or(given)
}
