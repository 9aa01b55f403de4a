//! `/metrics`, and what every request leaves behind: an id, and nothing of its text.

use crate::{
    harness::{LLM_KEY, Script, ScriptedLlm, Setup, TestApp},
    sse::Step,
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;
use std::collections::BTreeMap;

const OOM: &str =
    "the last termination reason is OOMKilled container=api pod=question-canary-6b7f9d5c4-zz8rt";

/// The samples of an exposition, by name and labels.
async fn scrape(app: &TestApp) -> BTreeMap<String, f64> {
    let reply = app.get("/metrics").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(reply.body).expect("UTF-8");
    let mut samples = BTreeMap::new();
    let mut described = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(name.starts_with("runbookd_"), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(kind != "histogram" || name.ends_with("_seconds"), "{line}");
            described = Some(name.to_owned());
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(name.starts_with(described.as_deref().expect("a type comes first")), "{line}");
            let known = samples.insert(name.to_owned(), value.parse().expect("a number"));
            assert_eq!(known, None, "{line}");
        }
    }
    samples
}

#[tokio::test]
async fn streams_are_counted_by_how_they_end() {
    let whole = Script::streams(Step::whole("The kernel killed it [1].\n"));
    let cut = Script::streams(vec![Step::text("It was killed [1].\n\n")]);
    for (script, outcome) in [(whole, "ok"), (cut, "llm_cut")] {
        let llm = ScriptedLlm::start(script).await;
        let app = Setup::with_llm(&llm.base_url).start().await;
        let question = json!({ "stream": true, "messages": [{ "role": "user", "content": OOM }] });
        app.post("/v1/chat/completions", question.to_string()).await;
        let name =
            format!(r#"runbookd_llm_calls_total{{model="scripted",outcome="{outcome}",provider="openai"}}"#);
        assert_eq!(scrape(&app).await.get(&name), Some(&1.0), "{outcome}");
    }
}

#[tokio::test]
async fn figures_are_right_and_hold_no_text() {
    let llm =
        ScriptedLlm::start(Script::says("Error: it was killed [1]\nSolution: raise the limit [1]")).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let before = scrape(&app).await;
    assert_eq!(before[r#"runbookd_answer_cache_lookups_total{result="hit"}"#], 0.0, "there before it counts");
    for _ in 0..3 {
        app.k8sgpt(OOM, "english").await;
    }
    app.k8sgpt("sourdough bread on a zeppelin question-canary", "english").await;
    assert_eq!(app.post("/v1/ask/", "{").await.status, StatusCode::BAD_REQUEST);
    app.post("/v1/search", json!({ "query": "question-canary image pull" }).to_string()).await;
    for path in ["/path-canary", "/path-canary/2?token=question-canary", "/completions/path-canary"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND);
    }
    let odd = Request::builder().method("METHODCANARY").uri("/completions").body(Body::empty());
    assert_eq!(app.send(odd.expect("a request")).await.status, StatusCode::METHOD_NOT_ALLOWED);

    let after = scrape(&app).await;
    let version = env!("CARGO_PKG_VERSION");
    for (name, value) in [
        (r#"runbookd_http_requests_total{method="POST",route="/completions",status="200"}"#, 4.0),
        (r#"runbookd_http_requests_total{method="POST",route="/v1/ask",status="400"}"#, 1.0),
        (r#"runbookd_http_requests_total{method="POST",route="/v1/search",status="200"}"#, 1.0),
        (r#"runbookd_http_requests_total{method="GET",route="unmatched",status="404"}"#, 3.0),
        (r#"runbookd_http_requests_total{method="other",route="/completions",status="405"}"#, 1.0),
        (r#"runbookd_http_requests_total{method="GET",route="/metrics",status="200"}"#, 1.0),
        (r#"runbookd_http_request_duration_seconds_count{method="POST",route="/completions"}"#, 4.0),
        (
            r#"runbookd_http_request_duration_seconds_bucket{method="POST",route="/completions",le="+Inf"}"#,
            4.0,
        ),
        ("runbookd_http_requests_in_flight", 1.0),
        (r#"runbookd_answers_total{answered_by="llm",degraded="none",status="answered"}"#, 3.0),
        (r#"runbookd_answers_total{answered_by="none",degraded="none",status="unknown"}"#, 1.0),
        (r#"runbookd_answer_cache_lookups_total{result="hit"}"#, 2.0),
        (r#"runbookd_answer_cache_lookups_total{result="miss"}"#, 2.0),
        (r#"runbookd_answer_cache_lookups_total{result="coalesced"}"#, 0.0),
        (r#"runbookd_slots{resource="search"}"#, 32.0),
        (r#"runbookd_slots_in_use{resource="llm"}"#, 0.0),
        (r#"runbookd_slots_refused_total{resource="search"}"#, 0.0),
        ("runbookd_search_duration_seconds_count", 3.0),
        (r#"runbookd_llm_calls_total{model="scripted",outcome="ok",provider="openai"}"#, 1.0),
        (r#"runbookd_llm_call_duration_seconds_count{model="scripted",provider="openai"}"#, 1.0),
        (r#"runbookd_llm_tokens_total{kind="input",model="scripted",provider="openai"}"#, 120.0),
        (r#"runbookd_llm_tokens_total{kind="output",model="scripted",provider="openai"}"#, 9.0),
        (r#"runbookd_llm_breaker_open{model="scripted",provider="openai"}"#, 0.0),
        ("runbookd_knowledge_base_up", 1.0),
        ("runbookd_embed_queue_length", 0.0),
        (&format!(r#"runbookd_build_info{{version="{version}"}}"#), 1.0),
    ] {
        assert_eq!(after.get(name), Some(&value), "{name} in {after:#?}");
    }
    assert!(after["runbookd_knowledge_base_documents"] > 10.0);
    assert!(after["runbookd_knowledge_base_chunks"] > after["runbookd_knowledge_base_documents"]);
    assert!(after["runbookd_knowledge_base_committed_timestamp_seconds"] > 1.7e9);
    assert_eq!(after.keys().filter(|name| name.starts_with("runbookd_knowledge_base_info{")).count(), 1);
    for name in after.keys() {
        assert!(!name.to_lowercase().contains("canary") && !name.contains(LLM_KEY), "{name}");
    }
}

#[tokio::test]
async fn a_failing_model_shows() {
    let llm = ScriptedLlm::start(Script::Status(401)).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    for at in 0..7 {
        app.k8sgpt(&format!("{OOM} in container number {at}"), "english").await;
    }
    let samples = scrape(&app).await;
    let calls = |outcome: &str| {
        samples[&format!(
            r#"runbookd_llm_calls_total{{model="scripted",outcome="{outcome}",provider="openai"}}"#
        )]
    };
    assert_eq!((calls("llm_unauthorized"), calls("llm_breaker_open")), (5.0, 2.0));
    assert_eq!(samples[r#"runbookd_llm_breaker_open{model="scripted",provider="openai"}"#], 1.0);
    assert_eq!(
        samples[r#"runbookd_llm_call_duration_seconds_count{model="scripted",provider="openai"}"#], 5.0,
        "a call that was not made took no time"
    );
    assert_eq!(
        samples[r#"runbookd_answers_total{answered_by="extractive",degraded="llm_unauthorized",status="answered"}"#],
        5.0
    );
}

#[tokio::test]
async fn every_reply_has_an_id() {
    let app = TestApp::new().await;
    for (path, given) in [("/healthz", Some("caller-1")), ("/nothing", Some("two words")), ("/readyz", None)]
    {
        let mut request = Request::get(path);
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        let reply = app.send(request.body(Body::empty()).expect("a request")).await;
        let id = reply.headers["x-request-id"].to_str().expect("ASCII");
        match given {
            Some("caller-1") => assert_eq!(id, "caller-1"),
            _ => assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}"),
        }
    }
}
