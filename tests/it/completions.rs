//! `/completions` as k8sgpt's client sends to it and reads from it.

use crate::harness::{Setup, TestApp, k8sgpt_request};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";

/// The client reads the whole body once, into `{model, created_at, response}`, keys without regard to case.
#[tokio::test]
async fn the_reply_is_what_the_client_reads() {
    let app = TestApp::new().await;
    // The client's own bytes, headers and all: Go's encoder escapes `<`, `>` and `&`.
    let body = k8sgpt_request(OOM, "english").to_string().replace('&', "\\u0026");
    let request = Request::post("/completions?cluster=prod")
        .header("Content-Type", "application/json")
        .header("Accept", "application/x-ndjson")
        .header("User-Agent", "Go-http-client/1.1")
        .body(Body::from(body))
        .expect("a request");
    let reply = app.send(request).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert!(reply.body.starts_with(b"{"), "no byte order mark, no white space");
    let object = reply.json();
    for key in ["model", "created_at", "response"] {
        let same =
            object.as_object().expect("an object").keys().filter(|other| other.eq_ignore_ascii_case(key));
        assert_eq!(same.count(), 1, "{key}");
        assert!(object[key].is_string(), "{key}");
    }
    let created_at = object["created_at"].as_str().expect("a string");
    assert_eq!(created_at.len(), "2026-01-02T03:04:05Z".len(), "{created_at}");
    created_at.parse::<jiff::Timestamp>().expect("RFC 3339");

    let mut keys: Vec<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    insta::assert_snapshot!(keys.join(" "), @"answered_by cached citations confidence created_at degraded id kb_version model nearest reason response status warnings");
    assert_eq!(object["answered_by"], "extractive");
    assert_eq!(object["degraded"], json!(null), "without a model nothing is degraded");
    let response = object["response"].as_str().expect("a string");
    assert!(response.starts_with("Error: `OOMKilled`"), "{response}");
    assert!(response.contains("\nSolution: 1. ") && response.contains("\nSources: [1]"), "{response}");
    let text = response.split("\nSources:").next().expect("a start");
    assert!(text.chars().count() <= 300, "{} characters: {text}", text.chars().count());
    assert_eq!(object["citations"][0]["document"], "runbooks/runbooks/pod-oom-killed.md");
}

#[tokio::test]
async fn well_formed_requests_are_always_answered() {
    let app = TestApp::new().await;
    for body in [
        json!({ "model": "x", "prompt": "y", "options": {} }),
        json!({ "prompt": "why?" }),
        json!({ "prompt": "why?", "options": null }),
        json!({ "model": null, "prompt": null, "options": { "message": "OOMKilled", "language": null } }),
        json!({ "options": { "message": "a\u{0}b \u{1b}[31m", "language": "klingon" } }),
        json!({ "options": { "message": "x ".repeat(200_000) } }),
        json!({ "prompt": "--- ---. --- language; ---" }),
        json!({ "prompt": "Simplify the following Kubernetes error message delimited by triple dashes written in --- " }),
    ] {
        let reply = app.post("/completions", body.to_string()).await;
        assert_eq!(reply.status, StatusCode::OK, "{:.100}", body.to_string());
        assert!(!reply.json()["response"].as_str().expect("a string").is_empty());
    }
    let without_type =
        Request::post("/completions").body(Body::from(r#"{"prompt":"why?"}"#)).expect("a request");
    assert_eq!(app.send(without_type).await.status, StatusCode::OK);
}

#[tokio::test]
async fn malformed_requests_are_told_apart() {
    let app = TestApp::new().await;
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("{}", 400),
        (r#"{"prompt":"  ","options":{"message":""}}"#, 400),
        (r#"{"prompt":["y","z"]}"#, 400),
        ("{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}", 400),
    ] {
        let reply = app.post("/completions", body).await;
        assert_eq!(reply.status.as_u16(), status, "{body}");
        assert!(reply.json()["error"]["message"].is_string(), "{body}");
    }
    assert_eq!(app.post("/completions", vec![b' '; 2 << 20]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let streamed = Body::from_stream(Endless(0));
    assert_eq!(app.post("/completions", streamed).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(app.get("/completions").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(app.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.post("/completions?kind=poem", r#"{"prompt":"a"}"#).await.status, StatusCode::BAD_REQUEST);
    // A redirect would become a GET.
    assert_eq!(app.post("/completions/", r#"{"prompt":"a"}"#).await.status, StatusCode::OK);
}

/// A body that declares no length and ends only when nobody reads it.
struct Endless(usize);

impl futures::Stream for Endless {
    type Item = Result<Vec<u8>, std::io::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0 += 1;
        assert!(self.0 < 100, "the body is read far over the limit");
        std::task::Poll::Ready(Some(Ok(vec![b' '; 64 * 1024])))
    }
}

#[tokio::test]
async fn tokens_are_asked_for_when_there_are_any() {
    let app =
        Setup { environment: vec![("RUNBOOKD_TOKEN", "t0ken".to_owned())], ..Setup::default() }.start().await;
    for (header, status) in [(None, 401), (Some("Bearer wrong"), 401), (Some("Bearer t0ken"), 200)] {
        let mut request = Request::post("/completions");
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        let request = request.body(Body::from(r#"{"prompt":"why?"}"#)).expect("a request");
        assert_eq!(app.send(request).await.status.as_u16(), status, "{header:?}");
    }
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK, "probes hold no token");
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_query_string_narrows_the_scope() {
    let app = TestApp::new().await;
    let ask = async |path: &str| app.post(path, k8sgpt_request(OOM, "english").to_string()).await.json();
    let narrowed = ask("/completions?kind=sop").await;
    for citation in narrowed["citations"].as_array().expect("an array") {
        assert!(citation["document"].as_str().expect("a string").starts_with("runbooks/sops/"), "{citation}");
    }
    let nothing = ask("/completions?source=elsewhere").await;
    assert_eq!(
        (nothing["status"].as_str(), nothing["nearest"].as_array().map(Vec::len)),
        (Some("unknown"), Some(0))
    );
}
