//! A request's body, read within limits of size and time.

use super::{error::ApiError, router::AppState};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// A body of JSON, whatever its content type says.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        json(&read(request.into_body(), state).await?).map(Self)
    }
}

/// The whole body.
async fn read(body: Body, state: &AppState) -> Result<Bytes, ApiError> {
    let max_bytes = state.settings().max_body_bytes;
    // A declared length over the limit is refused before anything is read.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(ApiError::too_large(max_bytes));
    }
    match timeout(state.settings().read_timeout, axum::body::to_bytes(body, max_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(match is_length_limit(&error) {
            true => ApiError::too_large(max_bytes),
            false => ApiError::malformed("the body ended early"),
        }),
        Err(_) => Err(ApiError::too_slow()),
    }
}

/// Bytes as JSON.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::malformed(format!("the body is not the JSON expected here: {error}")))
}

fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(cause) = source {
        if cause.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = cause.source();
    }
    false
}
