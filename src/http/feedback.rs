//! `POST /v1/feedback`: what a reader thought of an answer, by its id.

use super::{body::Posted, error::ApiError, router::AppState};
use crate::journal::{NoteError, Rating};
use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest comment that is kept, in characters.
const MAX_COMMENT_CHARS: usize = 2_000;

/// What arrives.
#[derive(Debug, Deserialize)]
pub struct FeedbackRequest {
    id: String,
    rating: Rating,
    #[serde(default)]
    comment: Option<String>,
}

/// Writes a rating down.
pub async fn feedback(
    State(state): State<AppState>,
    Posted(request): Posted<FeedbackRequest>,
) -> Result<Json<Value>, ApiError> {
    let comment: Option<String> =
        request.comment.map(|comment| comment.chars().take(MAX_COMMENT_CHARS).collect());
    let journal = state.journal.clone();
    let written =
        tokio::task::spawn_blocking(move || journal.rate(&request.id, request.rating, comment.as_deref()));
    match written.await {
        Ok(Ok(())) => Ok(Json(json!({ "status": "ok" }))),
        Ok(Err(NoteError::Unknown)) => Err(ApiError::not_found("no answer with this id is remembered")),
        Ok(Err(NoteError::Off)) => Err(ApiError::not_found("feedback is switched off")),
        Ok(Err(error @ NoteError::Write { .. })) => {
            tracing::error!(error = crate::commands::chain(&error), "cannot write feedback");
            Err(ApiError::unavailable("feedback cannot be written at the moment"))
        }
        Err(_) => Err(ApiError::unavailable("feedback cannot be written at the moment")),
    }
}
