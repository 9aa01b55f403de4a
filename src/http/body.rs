//! A request's body, read within limits of size and time; all bodies together within a limit of memory.

use super::{bodies::Held, error::ApiError, state::AppState, wire::json};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body of JSON, whatever its content type says.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        json::read(&read(&parts.headers, body, state).await?).map(Self)
    }
}

/// The whole body, without the mark that some editors put before a text.
pub async fn read(headers: &HeaderMap, body: Body, state: &AppState) -> Result<Bytes, ApiError> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.into_iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ApiError::compressed());
    }
    let reading = read_within(body, state.settings().max_body_bytes, state.bodies.hold());
    let bytes = timeout(state.settings().read_timeout, reading).await.map_err(|_| ApiError::too_slow())??;
    Ok(match bytes.starts_with(BYTE_ORDER_MARK) {
        true => bytes.slice(BYTE_ORDER_MARK.len()..),
        false => bytes,
    })
}

async fn read_within(mut body: Body, max_bytes: usize, mut held: Held) -> Result<Bytes, ApiError> {
    // A declared length over the limit is refused before anything is read.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(ApiError::too_large(max_bytes));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::malformed("the body ended early"))?;
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > max_bytes {
            return Err(ApiError::too_large(max_bytes));
        }
        if !held.grow(piece.len()) {
            return Err(ApiError::unavailable("too many large requests at once"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Bytes::from(bytes))
}
