//! Bad days of the language model: each ends in a labelled answer from the documents, in time.

use crate::{
    bedrock::bedrock,
    harness::{LLM_KEY, Script, ScriptedLlm, Setup, k8sgpt_request, openai},
    providers::anthropic,
};
use answer::llm::settings::ProviderSettings;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";
/// The harness gives the model this long; everything else must fit into a second more.
const LLM_TIMEOUT: Duration = Duration::from_millis(1_500);

async fn check(llm: ProviderSettings, degraded: &str) {
    let kind = llm.kind();
    let app = Setup { llm: vec![llm], ..Setup::default() }.start().await;
    let before = Instant::now();
    let reply = app.k8sgpt(OOM, "english").await;
    let took = before.elapsed();
    assert_eq!(reply["degraded"], degraded, "{kind}: {reply}");
    assert_eq!(reply["answered_by"], "extractive", "{degraded}");
    assert_eq!(reply["status"], "answered", "{degraded}");
    assert_eq!(reply["citations"][0]["document"], "runbooks/runbooks/pod-oom-killed.md", "{degraded}");
    assert!(took < LLM_TIMEOUT + Duration::from_secs(1), "{kind}: {degraded} took {took:?}");
    let text = reply.to_string();
    assert!(
        !text.contains(LLM_KEY) && !text.contains("Welcome to the proxy"),
        "the endpoint's body got out: {text}"
    );
    assert_eq!(app.get("/readyz").await.status.as_u16(), 200, "{degraded}: the model is not needed");
}

/// An `https` address where plain HTTP is spoken.
pub async fn speaks_no_tls() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    format!("https://{address}/v1")
}

/// What an endpoint can do wrong, and what the answer says of it; the same with and without a stream.
pub fn faults_of_the_endpoint() -> impl Iterator<Item = (Script, &'static str)> {
    [
        (Script::Status(429), "llm_rate_limited"),
        (Script::Status(500), "llm_server_error"),
        (Script::Status(503), "llm_server_error"),
        (Script::Silent, "llm_timeout"),
        (Script::Stall, "llm_timeout"),
        (Script::Cut, "llm_cut"),
        (Script::Unfinished, "llm_cut"),
        (Script::Html, "llm_invalid"),
        (Script::Empty, "llm_empty"),
        (Script::Huge(10 << 20), "llm_too_large"),
    ]
    .into_iter()
}

async fn every_fault(provider: fn(&str) -> ProviderSettings) {
    check(provider(&ScriptedLlm::refusing().await), "llm_unreachable").await;
    check(provider(&speaks_no_tls().await), "llm_tls").await;
    for (script, degraded) in [
        (Script::Status(400), "llm_rejected"),
        (Script::Status(401), "llm_unauthorized"),
        (Script::Status(403), "llm_unauthorized"),
        (Script::Status(404), "llm_rejected"),
        (Script::RateLimited(60), "llm_rate_limited"),
        (Script::Status(302), "llm_rejected"),
    ]
    .into_iter()
    .chain(faults_of_the_endpoint())
    {
        let llm = ScriptedLlm::start(script).await;
        check(provider(&llm.base_url), degraded).await;
    }
}

#[tokio::test]
async fn every_fault_of_openai_ends_in_an_answer_from_the_documents() {
    every_fault(openai).await;
}

#[tokio::test]
async fn every_fault_of_anthropic_ends_in_an_answer_from_the_documents() {
    every_fault(anthropic).await;
}

#[tokio::test]
async fn every_fault_of_bedrock_ends_in_an_answer_from_the_documents() {
    every_fault(bedrock).await;
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_a_lasting_one_is_not() {
    let llm = ScriptedLlm::start(Script::StatusOnce(
        503,
        "Error: it was killed [1]\nSolution: raise the limit [1]",
    ))
    .await;
    let reply = Setup::with_llm(&llm.base_url).start().await.k8sgpt(OOM, "english").await;
    assert_eq!((reply["answered_by"].as_str(), llm.num_requests()), (Some("llm"), 2), "{reply}");

    let llm = ScriptedLlm::start(Script::Status(401)).await;
    Setup::with_llm(&llm.base_url).start().await.k8sgpt(OOM, "english").await;
    assert_eq!(llm.num_requests(), 1);

    let llm = ScriptedLlm::start(Script::Status(500)).await;
    Setup::with_llm(&llm.base_url).start().await.k8sgpt(OOM, "english").await;
    assert_eq!(llm.num_requests(), 3, "one bounded loop");

    let llm = ScriptedLlm::start(Script::RateLimited(60)).await;
    Setup::with_llm(&llm.base_url).start().await.k8sgpt(OOM, "english").await;
    assert_eq!(llm.num_requests(), 1, "it asks us to wait beyond the deadline");
}

#[tokio::test]
async fn without_a_free_slot_the_documents_answer() {
    let llm = ScriptedLlm::start(Script::Silent).await;
    let mut setup = Setup::with_llm(&llm.base_url);
    setup.settings.llm_slots = 1;
    let app = setup.start().await;
    let (one, two) = tokio::join!(app.k8sgpt(OOM, "english"), app.k8sgpt(OOM, "vietnamese"));
    let mut causes = [one["degraded"].as_str(), two["degraded"].as_str()];
    causes.sort_unstable();
    assert_eq!(causes, [Some("llm_timeout"), Some("overloaded")]);
}

#[tokio::test]
async fn strict_servers_refuse_instead() {
    let llm = ScriptedLlm::start(Script::Status(500)).await;
    let environment = vec![("RUNBOOKD_SERVER_STRICT", "true".to_owned())];
    let app = Setup { environment, ..Setup::with_llm(&llm.base_url) }.start().await;
    let reply = app.post("/completions", k8sgpt_request(OOM, "english").to_string()).await;
    assert_eq!((reply.status.as_u16(), reply.headers["retry-after"].as_bytes()), (503, &b"5"[..]));
}
