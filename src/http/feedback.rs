//! `POST /v1/feedback`: what a reader thought of an answer, by its id. The answer may be another server's.

use super::{
    body::Posted,
    error::{ApiError, BodyRefused, Missing, Unavailable},
    health::Status,
    router::AppState,
};
use crate::journal::{NoteError, Rating};
use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

/// Longest comment that is kept, in characters.
const MAX_COMMENT_CHARS: usize = 2_000;

/// What a reader thought of an answer.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FeedbackRequest {
    /// The answer's id, as it stands in any of the replies: `chatcmpl-` or `cmpl-` may be before it. The answer may be that
    /// of another server, or an old one.
    id: String,
    rating: Rating,
    /// The reader's words; the first 2,000 characters are kept.
    #[serde(default)]
    comment: Option<String>,
}

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
    let journal = state.journal.clone();
    let id = answer_id(&request.id).to_owned();
    let written = tokio::task::spawn_blocking(move || journal.rate(&id, request.rating, comment.as_deref()));
    match written.await {
        Ok(Ok(())) => Ok(Json(Status::OK)),
        Ok(Err(NoteError::Unknown)) => Err(ApiError::not_found("this is no answer's id")),
        Ok(Err(NoteError::Off)) => Err(ApiError::not_found("feedback is switched off")),
        Ok(Err(error @ NoteError::Write { .. })) => {
            tracing::error!(error = crate::commands::chain(&error), "cannot write feedback");
            Err(ApiError::unavailable("feedback cannot be written at the moment"))
        }
        Err(_) => Err(ApiError::internal()),
    }
}

/// An answer's own id, from what OpenAI's clients were given for it.
fn answer_id(given: &str) -> &str {
    ["chatcmpl-", "cmpl-"].iter().find_map(|prefix| given.strip_prefix(prefix)).unwrap_or(given)
}
