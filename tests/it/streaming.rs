//! Answers that are read while they are written: only checked blocks go out, in order, and every bad day of the model ends
//! in a labelled answer or in an event that says so.

use crate::{
    faults::{faults_of_the_endpoint, speaks_no_tls},
    harness::{LLM_KEY, Script, ScriptedLlm, Setup, TestApp},
    sse::{Step, Streamed},
};
use runbookd::http::server;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    time::timeout,
};

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";
/// No rule applies to this one, the documents only cover it.
const PROBE: &str = "Readiness probe failed: HTTP probe failed with statuscode: 503";
const LEGACY: &str =
    "Deployment legacy/dont-do-anything-deployment has 1 replicas but 0 are available with status running";
const MASKED: &str = "Deployment JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V has 1 replicas but 0 are available with status running";
const CHAT: &str = "/v1/chat/completions";
/// Far more than anything here takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn chat(question: &str) -> Value {
    json!({ "stream": true, "messages": [{ "role": "user", "content": question }] })
}

fn completion(question: &str) -> Value {
    json!({ "stream": true, "prompt": question })
}

async fn streamed(app: &TestApp, question: &str) -> Streamed {
    let streamed = timeout(PATIENCE * 3, async { app.open(CHAT, &chat(question)).await.rest().await });
    let streamed = streamed.await.expect("it ends");
    assert!(streamed.is_done, "the end marker is missing: {streamed:?}");
    let all = format!("{streamed:?}");
    assert!(
        !all.contains(LLM_KEY) && !all.contains("Welcome to the proxy"),
        "the endpoint's body got out: {all}"
    );
    streamed
}

/// With a model that has all the time it needs, unless it is the time that is tested.
async fn with_llm(base_url: &str, is_slow: bool) -> TestApp {
    let mut setup = Setup::with_llm(base_url);
    setup.settings.llm_timeout = if is_slow { Duration::from_secs(2) } else { PATIENCE };
    setup.start().await
}

async fn with_steps(steps: Vec<Step>) -> (TestApp, ScriptedLlm) {
    let llm = ScriptedLlm::start(Script::streams(steps)).await;
    (with_llm(&llm.base_url, false).await, llm)
}

#[tokio::test]
async fn a_block_is_sent_while_the_model_still_writes() {
    for (path, body, form, prefix) in [
        (CHAT, chat(OOM), "chat.completion.chunk", "chatcmpl-"),
        ("/v1/completions", completion(OOM), "text_completion", "cmpl-"),
    ] {
        let go_on = Arc::new(Notify::new());
        let (app, llm) = with_steps(vec![
            Step::text("The kernel ki"),
            Step::text("lled it [1], not"),
            Step::text(" [77].\n\n1. Lo"),
            Step::Hold(go_on.clone()),
            Step::text("ok at <b>it</b> [1]\n2. See [this](https://evil.example/x) [1]\n"),
            Step::text("\n```bash\nkubectl delete ns search\n\nkubectl get pods\n```\n"),
            Step::Finish("stop"),
            Step::Done,
        ])
        .await;
        let mut events = app.open(path, &body).await;
        let first = timeout(PATIENCE, events.next_text()).await.expect("it comes before the rest is written");
        assert_eq!(first, "The kernel killed it [1], not.");
        go_on.notify_one();
        let rest = timeout(PATIENCE, events.rest()).await.expect("it ends");
        assert!(rest.is_done && rest.error.is_none(), "{rest:?}");
        let text = first + &rest.text;
        assert!(
            text.starts_with(
                "The kernel killed it [1], not.\n\n1. Look at it [1]\n2. See this [1]\n\n```bash\n\
                 # command removed: it destroys, and is not in the documents\n\nkubectl get pods\n```\nSources: [1] "
            ),
            "{text}"
        );
        let last = rest.chunks.last().expect("a chunk");
        assert_eq!(last["choices"][0]["finish_reason"], "stop");
        let extra = &last["runbookd"];
        assert_eq!((extra["status"].as_str(), extra["degraded"].as_str()), (Some("answered"), None));
        assert_eq!((extra["answered_by"].as_str(), extra["cached"].as_bool()), (Some("llm"), Some(false)));
        assert_eq!(extra["citations"][0]["document"], "runbooks/runbooks/pod-oom-killed.md");
        for chunk in &rest.chunks {
            assert_eq!(chunk["object"], form);
            assert_eq!((&chunk["id"], &chunk["created"]), (&last["id"], &last["created"]));
            assert_eq!(chunk["model"], "scripted-1");
            assert_eq!(chunk.get("usage"), None, "nothing was counted");
        }
        assert_eq!(last["id"], format!("{prefix}{}", extra["id"].as_str().expect("a string")));
        let request = llm.last_request();
        assert!(
            request.contains("\"stream\":true") && request.contains("accept: text/event-stream"),
            "{request}"
        );

        // Whoever does not stream gets the same text.
        let whole =
            app.post(path, body.to_string().replace("\"stream\":true", "\"stream\":false")).await.json();
        let choice = &whole["choices"][0];
        let whole = choice["message"]["content"].as_str().or(choice["text"].as_str()).expect("a string");
        assert_eq!(whole, text);
        assert_eq!(llm.num_requests(), 1, "a streamed answer is kept as any other");
    }
}

#[tokio::test]
async fn what_is_not_streamed_and_what_is_are_the_same() {
    let reply = "# Cause\n\nThe kernel killed it.\n\nIt reached its limit [1].\nDo:\n1. Look [1]\n   - `kubectl get pods` \n2. `kubectl drain x --force` [2]\n\n\
                 | a | b |\n|---|---|\n| c | d [3] |\n\n> Quote\n\n    indented\n\nEnd [1]";
    let llm = ScriptedLlm::start(Script::Stream(Arc::new(move |_| Step::whole(reply)))).await;
    let streams = streamed(&with_llm(&llm.base_url, false).await, OOM).await;
    // A plain reply to a request for a stream is accepted.
    let llm = ScriptedLlm::start(Script::says(reply)).await;
    let plain = streamed(&with_llm(&llm.base_url, false).await, OOM).await;
    assert!(llm.last_request().contains("\"stream\":true"));
    let app = with_llm(&llm.base_url, false).await;
    let whole = app.post(CHAT, chat(OOM).to_string().replace("true", "false")).await.json();
    assert!(llm.last_request().contains("\"stream\":false"));
    let whole = whole["choices"][0]["message"]["content"].as_str().expect("a string");
    assert_eq!((streams.text.as_str(), plain.text.as_str()), (whole, whole));
    assert!(whole.starts_with("# Cause\n\nThe kernel killed it."), "{whole}");
}

/// Before anything was sent, every fault ends as it does without a stream: in a labelled answer from the documents.
#[tokio::test]
async fn a_fault_before_the_first_block_ends_in_an_answer_from_the_documents() {
    let stalled = || Arc::new(Notify::new());
    let error = json!({ "error": { "message": format!("Incorrect API key {LLM_KEY}"), "code": 500 } });
    let error = || Step::Raw(format!("data: {error}\n\n"));
    let open = || Step::text("The kernel killed it [1]");
    let uncited = || Step::text("The kernel killed it.\n\nRaise the limit.\n\n");
    let mut faults =
        vec![(ScriptedLlm::refusing().await, "llm_unreachable"), (speaks_no_tls().await, "llm_tls")];
    for (script, cause) in faults_of_the_endpoint().chain([
        // Nothing but the head.
        (Script::streams(vec![Step::Stall(stalled())]), "llm_timeout"),
        (Script::streams(vec![]), "llm_empty"),
        (Script::streams(vec![Step::Done]), "llm_cut"),
        (Script::streams(vec![Step::text(" \n"), Step::Finish("stop"), Step::Done]), "llm_empty"),
        (Script::streams(vec![Step::Raw("<html>Welcome to the proxy</html>\n\n".to_owned())]), "llm_empty"),
        (Script::streams(vec![Step::Raw("data: Welcome to the proxy\n\n".to_owned())]), "llm_invalid"),
        (Script::streams(vec![Step::Raw("data: \u{fffd}{\n\n".to_owned())]), "llm_invalid"),
        (Script::streams(vec![error()]), "llm_server_error"),
        (Script::streams(vec![Step::Break]), "llm_cut"),
        (Script::streams(vec![Step::Raw("x".repeat(9 << 20))]), "llm_too_large"),
        (Script::streams(vec![Step::Raw(format!("data: {}", "x".repeat(9 << 20)))]), "llm_too_large"),
        (Script::streams(vec![Step::Raw(": comment\n\n".repeat(1 << 20))]), "llm_too_large"),
        // A block that did not end was never shown, nor one that the end might have refused.
        (Script::streams(vec![open()]), "llm_cut"),
        (Script::streams(vec![open(), Step::Done]), "llm_cut"),
        (Script::streams(vec![open(), Step::Finish("length"), Step::Done]), "llm_cut"),
        (Script::streams(vec![open(), Step::Finish("tool_calls"), Step::Done]), "llm_cut"),
        (Script::streams(vec![open(), Step::Break]), "llm_cut"),
        (Script::streams(vec![open(), error()]), "llm_server_error"),
        (Script::streams(vec![open(), Step::Stall(stalled())]), "llm_timeout"),
        (Script::streams(vec![uncited(), Step::Break]), "llm_cut"),
        (Script::streams(vec![uncited(), Step::Stall(stalled())]), "llm_timeout"),
        (Script::streams(vec![uncited(), Step::Finish("stop"), Step::Done]), "llm_uncited"),
        (
            Script::streams(Step::whole("I don't know\n\nBut raise the limit [1].\n\nAnd wait.\n")),
            "llm_uncited",
        ),
    ]) {
        faults.push((ScriptedLlm::start(script).await.base_url, cause));
    }
    let checks = faults.into_iter().enumerate().map(|(n, (base_url, cause))| async move {
        let streamed = streamed(&with_llm(&base_url, cause == "llm_timeout").await, OOM).await;
        assert_eq!(streamed.error, None, "{n} {cause}");
        let extra = streamed.extra();
        assert_eq!((extra["degraded"].as_str(), n), (Some(cause), n), "{}", streamed.text);
        assert_eq!((extra["answered_by"].as_str(), n), (Some("extractive"), n), "{cause}");
        assert_eq!(extra["citations"][0]["document"], "runbooks/runbooks/pod-oom-killed.md", "{n} {cause}");
        assert!(!streamed.text.contains("The kernel killed it"), "{n} {cause}: {}", streamed.text);
        assert!(streamed.text.contains("\nSources: [1]"), "{n} {cause}: {}", streamed.text);
        assert!(streamed.chunks.iter().all(|chunk| chunk["model"] == "runbookd"), "{n} {cause}");
    });
    futures::future::join_all(checks).await;
}

/// After a part was sent it stays, nothing unchecked follows, and an event says what happened.
#[tokio::test]
async fn a_fault_after_the_first_block_keeps_it_and_says_so() {
    let begin = || Step::text("The kernel killed it [1].\n\nRaise the li");
    let error = json!({ "error": { "message": format!("Incorrect API key {LLM_KEY}"), "code": "x" } });
    let checks = [
        (vec![], "llm_cut"),
        (vec![Step::Done], "llm_cut"),
        (vec![Step::Break], "llm_cut"),
        (vec![Step::Finish("length"), Step::Done], "llm_cut"),
        (vec![Step::Finish("content_filter"), Step::Done], "llm_cut"),
        (vec![Step::Stall(Arc::new(Notify::new()))], "llm_timeout"),
        (vec![Step::Raw(format!("data: {error}\n\n"))], "llm_server_error"),
        (vec![Step::Raw("data: Welcome to the proxy\n\n".to_owned())], "llm_invalid"),
        (vec![Step::Raw("data: {\"choices\": 5}\n\n".to_owned())], "llm_invalid"),
        (vec![Step::Raw("x".repeat(9 << 20))], "llm_too_large"),
        (vec![Step::text("x".repeat(10 << 20))], "llm_too_large"),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (after, cause))| async move {
        let llm = ScriptedLlm::start(Script::streams([vec![begin()], after].concat())).await;
        let app = with_llm(&llm.base_url, cause == "llm_timeout").await;
        let cut = streamed(&app, OOM).await;
        assert_eq!(cut.text, "The kernel killed it [1].", "{n} {cause}");
        assert_eq!((cut.code(), n), (cause, n));
        let event = cut.error.as_ref().expect("an error");
        assert_eq!(event["error"]["type"], "server_error");
        let extra = &event["runbookd"];
        assert_eq!((extra["status"].as_str(), extra["degraded"].as_str()), (Some("partial"), Some(cause)));
        assert_eq!(extra["citations"][0]["document"], "runbooks/runbooks/pod-oom-killed.md", "{n} {cause}");
        assert!(cut.chunks.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null()), "{cut:?}");
        assert_eq!(llm.num_requests(), 1, "{n} {cause}: nothing is tried again after the first byte");
        // It is no answer to anybody else.
        let again = streamed(&app, OOM).await;
        assert_eq!((again.code(), llm.num_requests()), (cause, 2), "{n}");
    });
    futures::future::join_all(checks).await;
}

/// A model that falls silent is given up long before its time is over.
#[tokio::test]
async fn a_pause_within_a_reply_ends_it() {
    let silent = || Step::Stall(Arc::new(Notify::new()));
    let begin = || Step::text("The kernel killed it [1].\n\nRaise the li");
    let checks = [vec![begin(), silent()], vec![Step::text("The ker"), silent()]].map(|steps| async {
        let (app, _llm) = with_steps(steps).await;
        let streamed = timeout(PATIENCE * 3 / 4, streamed(&app, OOM)).await.expect("the pause ends it");
        let told =
            streamed.error.as_ref().map_or_else(|| streamed.extra().clone(), |e| e["runbookd"].clone());
        assert_eq!(told["degraded"], "llm_timeout", "{streamed:?}");
    });
    futures::future::join_all(checks).await;
}

#[tokio::test]
async fn our_own_mistakes_are_an_event() {
    for (status, code) in
        [(400, "llm_rejected"), (401, "llm_unauthorized"), (403, "llm_unauthorized"), (404, "llm_rejected")]
    {
        let llm = ScriptedLlm::start(Script::Status(status)).await;
        let streamed = streamed(&with_llm(&llm.base_url, false).await, OOM).await;
        assert_eq!((streamed.code(), streamed.text.as_str(), llm.num_requests()), (code, "", 1), "{status}");
        assert_eq!(streamed.chunks, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_before_the_first_byte() {
    let script = Script::First(
        Arc::new(Script::Status(503)),
        Arc::new(Script::streams(Step::whole("The kernel killed it [1].\n"))),
    );
    let llm = ScriptedLlm::start(script).await;
    let streamed = streamed(&with_llm(&llm.base_url, false).await, OOM).await;
    assert!(streamed.text.starts_with("The kernel killed it [1]."), "{streamed:?}");
    assert_eq!(llm.num_requests(), 2);
}

#[tokio::test]
async fn a_model_that_keeps_failing_is_left_alone() {
    let (broken, cut) = (Script::Html, Script::streams(vec![Step::text("It was killed [1].\n\n")]));
    for script in [broken, cut] {
        let llm = ScriptedLlm::start(script).await;
        let app = Setup::with_llm(&llm.base_url).start().await;
        for _ in 0..5 {
            streamed(&app, OOM).await;
        }
        assert_eq!(streamed(&app, OOM).await.extra()["degraded"], "llm_breaker_open");
        assert_eq!(llm.num_requests(), 5);
    }
}

#[tokio::test]
async fn without_a_free_slot_the_documents_answer() {
    let go_on = Arc::new(Notify::new());
    let llm = ScriptedLlm::start(Script::streams(vec![
        Step::text("The kernel killed it [1].\n\n"),
        Step::Hold(go_on.clone()),
        Step::Finish("stop"),
    ]))
    .await;
    let mut setup = Setup::with_llm(&llm.base_url);
    setup.settings.llm_slots = 1;
    setup.settings.llm_timeout = PATIENCE;
    let app = setup.start().await;
    let mut first = app.open(CHAT, &chat(OOM)).await;
    first.next_text().await;
    let second = streamed(&app, PROBE).await;
    assert_eq!(second.extra()["degraded"], "overloaded", "the slot is held for the whole stream");
    go_on.notify_one();
    assert!(first.rest().await.is_done);
}

/// Whoever hangs up ends the model's call and frees its slot.
#[tokio::test]
async fn hanging_up_ends_the_call_of_the_model() {
    let left = Arc::new(Notify::new());
    let script = Script::First(
        Arc::new(Script::streams(vec![
            Step::text("The kernel killed it [1].\n\n"),
            Step::Stall(left.clone()),
        ])),
        Arc::new(Script::streams(Step::whole("It was killed [1].\n"))),
    );
    let llm = ScriptedLlm::start(script).await;
    let mut setup = Setup::with_llm(&llm.base_url);
    setup.settings.llm_slots = 1;
    setup.settings.llm_timeout = PATIENCE * 2;
    let app = setup.start().await;
    let mut events = app.open(CHAT, &chat(OOM)).await;
    events.next_text().await;
    drop(events);
    timeout(PATIENCE, left.notified()).await.expect("the model's endpoint is hung up on as well");
    let again = streamed(&app, OOM).await;
    assert_eq!(again.extra()["answered_by"], "llm", "the slot is free, and nothing was kept: {again:?}");
    assert_eq!(again.extra()["cached"], false);
}

/// The same through a connection: a client that closes it is noticed while nothing is written.
#[tokio::test]
async fn a_closed_connection_ends_the_call_of_the_model() {
    let left = Arc::new(Notify::new());
    let steps = vec![Step::text("The kernel killed it [1].\n\n"), Step::Stall(left.clone())];
    let (app, _llm) = with_steps(steps).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (_stop, stops) = mpsc::unbounded_channel();
    let server = tokio::spawn(server::serve(listener, app.state.clone(), None, stops));
    let mut client = TcpStream::connect(address).await.expect("a connection");
    let body = chat(OOM).to_string();
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("The kernel killed it") {
        let mut piece = [0; 4096];
        let length = timeout(PATIENCE, client.read(&mut piece)).await.expect("in time").expect("it is open");
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    drop(client);
    timeout(PATIENCE / 4, left.notified()).await.expect("the model's endpoint is hung up on as well");
    server.abort();
}

#[tokio::test]
async fn an_overloaded_search_is_an_event() {
    let mut setup = Setup::default();
    setup.settings.search_slots = 0;
    setup.settings.search_wait = Duration::from_millis(50);
    let streamed = streamed(&setup.start().await, OOM).await;
    assert_eq!((streamed.code(), streamed.text.as_str()), ("unavailable", ""));
}

#[tokio::test]
async fn strict_servers_say_no_instead_of_quoting() {
    let app = async |script| {
        let llm = ScriptedLlm::start(script).await;
        let environment = vec![("RUNBOOKD_SERVER_STRICT", "true".to_owned())];
        Setup { environment, ..Setup::with_llm(&llm.base_url) }.start().await
    };
    let refused = streamed(&app(Script::Status(500)).await, OOM).await;
    assert_eq!((refused.code(), refused.text.as_str()), ("unavailable", ""));
    let cut = streamed(&app(Script::streams(vec![Step::text("Killed [1].\n\nRai")])).await, OOM).await;
    assert_eq!((cut.code(), cut.text.as_str()), ("llm_cut", "Killed [1]."));
}

#[tokio::test]
async fn what_the_documents_do_not_cover_is_not_known() {
    // The model says so, cites nothing, or cites what does not exist: not one word of it goes out.
    for reply in [
        "I don't know.",
        "It is broken.\n\nRestart it.\n\nThen wait.\n\n",
        "Restart it [99].\n\nThen wait [98].\n\n",
    ] {
        let (app, llm) = with_steps(Step::whole(reply)).await;
        let streamed = streamed(&app, PROBE).await;
        assert!(streamed.text.starts_with("I don't know"), "{reply}: {}", streamed.text);
        assert!(!streamed.text.contains("Restart") && !streamed.text.contains("broken"), "{}", streamed.text);
        assert_eq!(
            (streamed.extra()["status"].as_str(), llm.num_requests()),
            (Some("unknown"), 1),
            "{reply}"
        );
    }
    let (app, llm) = with_steps(Step::whole("Bake it [1].\n")).await;
    let streamed = streamed(&app, "How do I bake sourdough bread without yeast on a zeppelin?").await;
    assert_eq!((streamed.extra()["status"].as_str(), llm.num_requests()), (Some("unknown"), 0));
}

#[tokio::test]
async fn what_must_not_be_touched_is_said_first() {
    let go_on = Arc::new(Notify::new());
    let (app, _llm) = with_steps(vec![
        Step::text("It is down [1].\n\n"),
        Step::Hold(go_on.clone()),
        Step::text("Restart it [1][1].\n"),
        Step::Finish("stop"),
    ])
    .await;
    let mut events = app.open(CHAT, &chat(LEGACY)).await;
    let first = events.next_text().await;
    assert!(
        first.starts_with("WARNING: Do not restart, scale, edit, roll back or delete this Deployment"),
        "{first}"
    );
    assert!(first.ends_with("\nIt is down [1]."), "{first}");
    go_on.notify_one();
    let rest = events.rest().await;
    let citations = rest.extra()["citations"].as_array().expect("an array").iter();
    let mut cited: Vec<u64> = citations.filter_map(|citation| citation["n"].as_u64()).collect();
    assert!(!cited.is_empty(), "{rest:?}");
    cited.dedup();
    assert_eq!(rest.extra()["citations"].as_array().map(Vec::len), Some(cited.len()), "each source once");

    // An answer that breaks off keeps it.
    let (app, _llm) = with_steps(vec![Step::text("It is down [1].\n\nRestart")]).await;
    let cut = streamed(&app, LEGACY).await;
    assert!(
        cut.text.starts_with("WARNING: Do not restart") && cut.text.ends_with("It is down [1]."),
        "{cut:?}"
    );
}

/// Whether a masked name came back whole is known at the end: until then nothing is sent.
#[tokio::test]
async fn masked_names_are_judged_before_anything_is_sent() {
    for (says, answered_by) in [
        ("JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V is down [1].\n\nLook [1].\n", "llm"),
        ("The Deployment is down [1].\n\nLook [1].\n", "llm"),
        (
            "The Deployment is down [1].\n\nLook at JUBBMl8rRw/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V [1].\n",
            "extractive",
        ),
    ] {
        let (app, _llm) = with_steps(Step::whole(says)).await;
        let streamed = streamed(&app, MASKED).await;
        assert_eq!(streamed.extra()["answered_by"], answered_by, "{says}: {streamed:?}");
        assert!(streamed.text.starts_with("WARNING: Names are masked here."), "{}", streamed.text);
        for token in ["JUBBMl8rRw==", "QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V"] {
            assert!(streamed.text.contains(token), "{says}: {}", streamed.text);
        }
        assert!(!streamed.text.contains("JUBBMl8rRw/"), "{}", streamed.text);
    }
}

#[tokio::test]
async fn the_same_question_is_answered_once() {
    let go_on = Arc::new(Notify::new());
    let (app, llm) = with_steps(vec![
        Step::text("The kernel killed it [1].\n\n"),
        Step::Hold(go_on.clone()),
        Step::text("Raise the limit [1].\n"),
        Step::Finish("stop"),
    ])
    .await;
    let mut first = app.open(CHAT, &chat(OOM)).await;
    let begin = first.next_text().await;
    let second = app.open(CHAT, &chat(OOM)).await;
    go_on.notify_one();
    let both = timeout(PATIENCE, async { tokio::join!(first.rest(), second.rest()) }).await;
    let (first, second) = both.expect("both end");
    assert_eq!(begin + &first.text, second.text);
    assert_eq!((&first.extra()["cached"], &second.extra()["cached"]), (&json!(false), &json!(true)));
    assert_ne!(first.extra()["id"], second.extra()["id"]);
    let third = streamed(&app, OOM).await;
    assert_eq!((&third.extra()["cached"], third.text.as_str()), (&json!(true), second.text.as_str()));
    assert_eq!(llm.num_requests(), 1);
    assert!(third.chunks.iter().all(|chunk| chunk["model"] == "scripted-1"), "{third:?}");
}

/// A client that does not read holds up nobody who asks the same.
#[tokio::test]
async fn who_does_not_read_holds_up_nobody() {
    let reply = "The kernel killed it [1].\n\nRaise the limit [1].\n\nWait [1].\n";
    let (app, llm) = with_steps(Step::whole(reply)).await;
    let mut idle = app.open(CHAT, &chat(OOM)).await;
    idle.next_text().await;
    let other = streamed(&app, OOM).await;
    assert_eq!((&other.extra()["cached"], llm.num_requests()), (&json!(true), 1));
    drop(idle);
}

#[tokio::test]
async fn comments_keep_the_connection_alive() {
    let llm = ScriptedLlm::start(Script::Silent).await;
    let mut setup = Setup::with_llm(&llm.base_url);
    // The first byte is given up after three quarters of it.
    setup.settings.llm_timeout = Duration::from_secs(7);
    let streamed = streamed(&setup.start().await, OOM).await;
    assert!(streamed.num_comments > 0, "{streamed:?}");
    assert_eq!(streamed.extra()["degraded"], "llm_timeout");
}

/// As OpenAI has it: one more chunk, without choices; all others say that they count nothing.
#[tokio::test]
async fn usage_is_told_to_those_who_ask() {
    let app = TestApp::new().await;
    for (path, body) in [(CHAT, chat(OOM)), ("/v1/completions", completion(OOM))] {
        for (options, is_told) in [
            (json!({ "include_usage": true }), true),
            (json!({ "include_usage": false }), false),
            (json!({}), false),
            (Value::Null, false),
        ] {
            let mut body = body.clone();
            body["stream_options"] = options.clone();
            let streamed = app.open(path, &body).await.rest().await;
            assert!(streamed.is_done && !streamed.text.is_empty(), "{streamed:?}");
            let (last, others) = streamed.chunks.split_last().expect("a chunk");
            if is_told {
                assert_eq!(last["choices"], json!([]), "{path}");
                let counted = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
                assert_eq!(last["usage"], counted, "no model was asked");
                assert!(others.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)), "{path}");
                assert_eq!(others.last().expect("a chunk")["choices"][0]["finish_reason"], "stop");
                assert_eq!((&last["id"], &last["object"]), (&others[0]["id"], &others[0]["object"]));
            } else {
                assert_eq!(last["choices"][0]["finish_reason"], "stop", "{path} {options}");
                assert!(streamed.chunks.iter().all(|chunk| chunk.get("usage").is_none()), "{path} {options}");
            }
        }
        let mut wrong = body.clone();
        wrong["stream_options"] = json!([]);
        assert_eq!(app.post(path, wrong.to_string()).await.status.as_u16(), 400);
    }
}
