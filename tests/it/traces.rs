//! Spans at a scripted collector, and a log that has everything but what it must not have.

use crate::{
    harness::{LLM_KEY, Script, ScriptedLlm, http_client, k8sgpt_request},
    process::Server,
};
use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const OOM: &str = "the last termination reason is OOMKilled container=api pod=question-canary";
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID: &str = "b7ad6b7169203331";

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A collector on this machine: its URL, and what it was sent.
async fn collector() -> (String, Received) {
    async fn traces(State(received): State<Received>, body: Bytes) {
        let request = ExportTraceServiceRequest::decode(body).expect("protobuf of OTLP");
        received.lock().expect("no test panicked").push(request);
    }
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let app = Router::new().route("/v1/traces", post(traces)).with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

fn spans(received: &Received) -> Vec<Span> {
    let received = received.lock().expect("no test panicked");
    let resources = received.iter().flat_map(|request| &request.resource_spans);
    resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An attribute as text.
fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

async fn ask(server: &Server, client: &reqwest::Client) -> reqwest::Response {
    client
        .post(format!("http://{}/completions?source=query-canary", server.address))
        .header("traceparent", format!("00-{TRACE_ID}-{PARENT_ID}-01"))
        .header("x-request-id", "request-17")
        .bearer_auth("token-canary")
        .body(k8sgpt_request(OOM, "english").to_string())
        .send()
        .await
        .expect("a reply")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_spans_and_nothing_secret_is_told() {
    let (endpoint, received) = collector().await;
    let llm =
        ScriptedLlm::start(Script::says("Error: it was killed [1]\nSolution: raise the limit [1]")).await;
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("RUNBOOKD_TOKEN", "token-canary"),
        ("RUNBOOKD_LLM_BASE_URL", &llm.base_url),
        ("RUNBOOKD_LLM_MODEL", "scripted"),
        ("RUNBOOKD_LLM_API_KEY", LLM_KEY),
        ("RUNBOOKD_LOG", "trace"),
    ]);
    let client = http_client().build().expect("a client");
    // The query narrows the search to a source that there is not, so the first answer needs no model.
    let reply = ask(&server, &client).await;
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["x-request-id"]),
        (200, &"request-17".parse().expect("a value"))
    );
    let reply = client
        .post(format!("http://{}/completions", server.address))
        .header("traceparent", format!("00-{TRACE_ID}-{PARENT_ID}-01"))
        .bearer_auth("token-canary")
        .body(k8sgpt_request(OOM, "english").to_string())
        .send()
        .await
        .expect("a reply");
    let body = reply.text().await.expect("a body");
    assert!(body.contains(r#""answered_by":"llm""#), "{body}");
    // Ending sends what is still waiting.
    let log = server.stop();

    let spans = spans(&received);
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == name).collect() };
    let requests = named("POST /completions");
    assert_eq!(requests.len(), 2, "{spans:#?}");
    for request in &requests {
        assert_eq!(
            (hexadecimal(&request.trace_id), hexadecimal(&request.parent_span_id)),
            (TRACE_ID.to_owned(), PARENT_ID.to_owned())
        );
        assert_eq!(request.kind, SpanKind::Server as i32);
        assert_eq!(attribute(request, "http.route").as_deref(), Some("/completions"));
        assert_eq!(attribute(request, "http.response.status_code").as_deref(), Some("200"));
    }
    let is_child = |span: &Span| requests.iter().any(|request| request.span_id == span.parent_span_id);
    let retrievals = named("retrieval");
    assert!(retrievals.len() == 2 && retrievals.iter().all(|span| is_child(span)), "{retrievals:#?}");
    assert!(retrievals.iter().any(|span| attribute(span, "runbookd.hits").is_some_and(|hits| hits != "0")));
    let chats = named("chat scripted");
    assert!(chats.len() == 1 && is_child(chats[0]), "{chats:#?}");
    assert_eq!(chats[0].kind, SpanKind::Client as i32);
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "scripted"),
        ("gen_ai.response.model", "scripted-1"),
        ("gen_ai.usage.input_tokens", "120"),
        ("gen_ai.usage.output_tokens", "9"),
    ] {
        assert_eq!(attribute(chats[0], key).as_deref(), Some(value), "{key}");
    }

    assert!(
        log.contains("request-17") && log.contains("/completions") && log.contains("status=200"),
        "{log}"
    );
    let told = format!("{:?}", received.lock().expect("no test panicked"));
    for canary in
        [LLM_KEY, "token-canary", "question-canary", "query-canary", "BEGIN DOCUMENTS", "raise the limit"]
    {
        assert!(!log.contains(canary), "{canary} is in the log");
        assert!(!told.contains(canary), "{canary} is in a span");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_is_named_and_a_collector_that_is_away_does_no_harm() {
    let (endpoint, received) = collector().await;
    let llm = ScriptedLlm::start(Script::Status(401)).await;
    let model = [
        ("RUNBOOKD_TOKEN", "token-canary"),
        ("RUNBOOKD_LLM_BASE_URL", llm.base_url.as_str()),
        ("RUNBOOKD_LLM_MODEL", "scripted"),
    ];
    let client = http_client().build().expect("a client");
    let server = Server::start(&[&model[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]].concat());
    let url = format!("http://{}/completions", server.address);
    let body = k8sgpt_request(OOM, "english").to_string();
    let send = async |url: &str| {
        let request = client.post(url).bearer_auth("token-canary").body(body.clone());
        request.send().await.expect("a reply").status().as_u16()
    };
    assert_eq!(send(&url).await, 200);
    server.stop();
    let spans = spans(&received);
    let chat = spans.iter().find(|span| span.name == "chat scripted").expect("a span");
    assert_eq!(attribute(chat, "error.type").as_deref(), Some("llm_unauthorized"));
    assert_eq!(chat.status.as_ref().map(|status| status.code), Some(StatusCode::Error as i32));

    let nowhere = ScriptedLlm::refusing().await;
    let nowhere = nowhere.trim_end_matches("/v1");
    let server = Server::start(&[&model[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere)]].concat());
    assert_eq!(send(&format!("http://{}/completions", server.address)).await, 200);
    let log = server.stop();
    assert_eq!(log.matches("spans cannot be exported at the moment").count(), 1, "{log}");
}
