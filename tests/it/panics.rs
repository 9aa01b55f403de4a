//! A part that breaks breaks one request, and its client is told so.

use crate::harness::{Setup, TestApp};
use answer::{
    llm::{Llm, LlmError, Reply},
    prompt::Prompt,
};
use async_trait::async_trait;
use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::Instant;

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";

struct Panics;

#[async_trait]
impl Llm for Panics {
    fn model(&self) -> &str {
        "panics"
    }
    async fn complete(&self, _: &Prompt, _: Instant) -> Result<Reply, LlmError> {
        panic!("{OOM}")
    }
}

#[tokio::test]
async fn a_panic_is_a_reply() {
    let app = Setup { own_llm: Some(Arc::new(Panics)), ..Setup::default() }.start().await;
    for (path, body) in [
        ("/completions", json!({ "prompt": OOM })),
        ("/v1/ask", json!({ "question": OOM })),
        ("/v1/chat/completions", json!({ "messages": [{ "role": "user", "content": OOM }] })),
    ] {
        let reply = app.post(path, body.to_string()).await;
        assert_eq!(reply.status.as_u16(), 500, "{path}");
        assert!(reply.headers.contains_key("x-request-id"), "{path}");
        let error = reply.json()["error"].clone();
        assert_eq!(error["type"], "server_error", "{path}: {error}");
        assert!(!error.to_string().contains("OOMKilled"), "{path}: {error}");
    }
    let streamed = json!({ "prompt": OOM, "stream": true });
    let reply = app.post("/v1/completions", streamed.to_string()).await;
    let text = String::from_utf8(reply.body).expect("UTF-8");
    let error = text.lines().find_map(|line| line.strip_prefix("data: {").map(|rest| format!("{{{rest}")));
    let error: Value = serde_json::from_str(&error.expect("an event")).expect("JSON");
    assert_eq!(error["error"]["code"], "internal", "{text}");
    assert!(text.trim_end().ends_with("data: [DONE]") && !text.contains("in time"), "{text}");

    let called = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "ask", "arguments": { "question": OOM } },
    });
    let request =
        Request::post("/mcp").header("content-type", "application/json").header("host", "localhost");
    let reply = app.send(request.body(Body::from(called.to_string())).expect("a request")).await.json();
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(7), &json!(-32603)), "{reply}");

    // The others are served, and the books are right.
    assert_eq!(search(&app).await, 200);
    let metrics = String::from_utf8(app.get("/metrics").await.body).expect("UTF-8");
    let booked = r#"runbookd_http_requests_total{method="POST",route="/completions",status="500"} 1"#;
    assert!(metrics.contains(booked), "{metrics}");
}

async fn search(app: &TestApp) -> u16 {
    app.post("/v1/search", json!({ "query": OOM }).to_string()).await.status.as_u16()
}
