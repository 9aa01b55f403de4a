//! `POST /mcp`: the Model Context Protocol over streamable HTTP, for agents. The SDK speaks the protocol, `tools.rs` is
//! what they can call, `wire/mcp.rs` describes what goes over the wire.
//!
//! There are no sessions: a request stands alone, so nothing grows with the number of clients, and token and scope are
//! those of the very request that calls a tool. Without sessions the protocol needs no GET and no DELETE.

mod tools;

use super::{
    body,
    error::{ApiError, BodyRefused, ProtocolRefused},
    state::AppState,
    wire::{
        json,
        mcp::{JsonRpcMessage, JsonRpcReply, Refusal},
    },
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Full};
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use std::sync::Arc;
use tools::Tools;

/// Answers one message of the Model Context Protocol (streamable HTTP, without sessions).
#[utoipa::path(
    post,
    path = "/mcp",
    tag = "agents",
    request_body(
        content = JsonRpcMessage,
        example = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "search", "arguments": { "query": "OOMKilled" } },
        })
    ),
    responses(
        (status = 200, description = "The reply.", body = JsonRpcReply),
        (status = 202, description = "A notification is taken note of."),
        BodyRefused,
        ProtocolRefused,
        (status = 400, description = "The request is not what this path takes.", body = Refusal),
        (status = 404, description = "From protocol 2026-07-28 on: there is no such method.", body = JsonRpcReply),
    )
)]
pub async fn mcp(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, &state).await?;
    // The SDK would call these an unsupported media type.
    if is_json(&parts.headers) {
        json::read::<ClientJsonRpcMessage>(&bytes)?;
    }
    // Every reply is one JSON object, so a client that cannot read event streams is served as well.
    parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    let config = config(&state);
    let service = StreamableHttpService::new(
        move || Ok(Tools::new(state.clone())),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let response = service.handle(Request::from_parts(parts, Full::new(bytes))).await;
    if is_json(response.headers()) || response.status().is_success() {
        return Ok(response.map(Body::new).into_response());
    }
    // The SDK's own refusals are plain text; ours all have one shape.
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Err(ApiError::by_protocol(parts.status, String::from_utf8_lossy(&bytes)))
}

fn is_json(headers: &axum::http::HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Without sessions, and with JSON for replies. The library's checks of hosts and origins are off, for [`super::guard`]
/// decides before which of them are let in.
fn config(state: &AppState) -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(state.settings().max_body_bytes)
        .disable_allowed_hosts()
        .disable_allowed_origins()
}
