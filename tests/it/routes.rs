//! Every route with every kind of token, and what the routes beside k8sgpt's answer.

use crate::harness::{Reply, Script, ScriptedLlm, Setup, TestApp, build};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use runbookd::{
    http::{auth::Role, router::routes},
    journals::Journals,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";

pub fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn with_tokens(tokens: &[(&str, &str, &str)]) -> (TestApp, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text: String = tokens
        .iter()
        .map(|(token, roles, more)| {
            format!(
                "[[token]]\nname = \"{token}\"\nsha256 = \"{}\"\nroles = [{roles}]\n{more}\n",
                sha256(token)
            )
        })
        .collect();
    std::fs::write(file.path(), text).expect("written");
    let environment = vec![("RUNBOOKD_TOKENS_FILE", file.path().display().to_string())];
    (Setup { environment, ..Setup::default() }.start().await, file)
}

async fn send(app: &TestApp, method: &Method, path: &str, token: Option<&str>, body: &Value) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("Host", "runbookd");
    request = request.header("Content-Type", "application/json");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    app.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

#[tokio::test]
async fn every_route_takes_the_right_tokens_only() {
    // A request that each route answers, with the status it gives to somebody who may.
    let good: BTreeMap<&str, (Value, &str, u16)> = BTreeMap::from([
        ("/completions", (json!({ "prompt": "why?" }), "", 200)),
        ("/v1/completions", (json!({ "prompt": "why?" }), "", 200)),
        ("/v1/chat/completions", (json!({ "messages": [{ "role": "user", "content": "why?" }] }), "", 200)),
        ("/v1/ask", (json!({ "question": "why?" }), "", 200)),
        ("/v1/search", (json!({ "query": "why?" }), "", 200)),
        ("/v1/models", (json!({}), "", 200)),
        ("/v1/documents", (json!({}), "?id=runbooks/runbooks/pod-oom-killed.md", 200)),
        ("/v1/feedback", (json!({ "id": "unknown", "rating": "up" }), "", 404)),
        ("/mcp", (json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }), "", 200)),
        ("/metrics", (json!({}), "", 200)),
        ("/healthz", (json!({}), "", 200)),
        ("/readyz", (json!({}), "", 200)),
        ("/openapi.json", (json!({}), "", 200)),
    ]);
    let (app, _file) = with_tokens(&[
        ("asks", "\"ask\"", ""),
        ("rates", "\"feedback\"", ""),
        ("measures", "\"metrics\"", ""),
        ("rules", "\"admin\"", ""),
    ])
    .await;
    for route in routes() {
        let (body, query, status) =
            good.get(route.path).unwrap_or_else(|| panic!("no row for {}", route.path));
        for (token, role) in [
            (None, None),
            (Some("wrong"), None),
            (Some("asks"), Some(Role::Ask)),
            (Some("rates"), Some(Role::Feedback)),
            (Some("measures"), Some(Role::Metrics)),
            (Some("rules"), Some(Role::Admin)),
        ] {
            let expected = match (route.role, role) {
                (None, _) => *status,
                (Some(_), None) => 401,
                (Some(needed), Some(held)) if needed == held || held == Role::Admin => *status,
                (Some(_), Some(_)) => 403,
            };
            for slash in ["", "/"] {
                let path = format!("{}{slash}{query}", route.path);
                let reply = send(&app, &route.method, &path, token, body).await;
                assert_eq!(reply.status.as_u16(), expected, "{} {path} with {token:?}", route.method);
                if let (403, Some(role)) = (expected, route.role) {
                    let lacks = format!("this token lacks the role `{}`", role.name());
                    assert_eq!(reply.json()["error"]["message"], lacks, "{path}");
                }
                if expected == 401 {
                    assert_eq!(reply.headers["www-authenticate"], "Bearer");
                }
            }
        }
    }
    assert_eq!(good.len(), routes().len());
}

/// Tags hide a document from every route, its rules included.
#[tokio::test]
async fn tagged_documents_are_for_those_who_hold_a_tag() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("secret");
    std::fs::create_dir(&folder).expect("a folder");
    let page = "---\ntitle: Vault unsealing\nkind: sop\naccess: [security]\napplies_to:\n  alert: VaultSealed\n---\n\n# Vault unsealing\n\n## Meaning\n\nThe vault is sealed.\n\n## Mitigation\n\n1. Call the keeper of the fifth key, Zanzibarium.\n";
    std::fs::write(folder.join("vault.md"), page).expect("written");
    std::fs::write(folder.join("open.md"), "# Lunch\n\nThe canteen opens at noon.\n").expect("written");
    let kb = build(&[folder]);
    let tokens = tempfile::NamedTempFile::new().expect("a file");
    let text = format!(
        "[[token]]\nname = \"a\"\nsha256 = \"{}\"\nroles = [\"ask\"]\n[[token]]\nname = \"b\"\nsha256 = \"{}\"\nroles = [\"ask\"]\naccess = [\"security\"]\n",
        sha256("plain"),
        sha256("cleared")
    );
    std::fs::write(tokens.path(), text).expect("written");
    let environment = vec![("RUNBOOKD_TOKENS_FILE", tokens.path().display().to_string())];
    let app = Setup { kb: kb.path().to_owned(), environment, ..Setup::default() }.start().await;
    let post = Method::POST;
    let question = json!({ "question": "alert VaultSealed is firing" });
    let search = json!({ "query": "vault sealed keeper fifth key" });
    // The one who may see it asks first: nothing that was kept for one is given to the other.
    for (token, sees) in [("cleared", true), ("plain", false), ("cleared", true)] {
        for (path, body) in [("/v1/ask", &question), ("/v1/search", &search)] {
            let reply = send(&app, &post, path, Some(token), body).await;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            assert_eq!(text.contains("secret/vault.md"), sees, "{path} as {token}: {text}");
            assert_eq!(
                text.contains("fifth key") && path == "/v1/ask",
                sees && path == "/v1/ask",
                "{path} as {token}: {text}"
            );
        }
        let reply =
            send(&app, &Method::GET, "/v1/documents?id=secret/vault.md", Some(token), &json!({})).await;
        assert_eq!(reply.status.as_u16(), if sees { 200 } else { 404 }, "{token}");
    }
    // A word that only a hidden document has is told apart from one that is nowhere by nobody.
    let mut told = Vec::new();
    for word in ["Zanzibarium", "Zanzibariux"] {
        let question = json!({ "question": format!("where is {word}") });
        let mut reply = send(&app, &post, "/v1/ask", Some("plain"), &question).await.json();
        // Two words are not equally near to a document, wherever they stand.
        reply["id"].take();
        reply["confidence"].take();
        told.push(reply.to_string().replace(word, "it"));
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains("no document mentions it"), "{}", told[0]);
}

#[tokio::test]
async fn openai_clients_get_their_forms() {
    let app = TestApp::new().await;
    let chat = json!({ "model": "x", "messages": [{ "role": "user", "content": OOM }] });
    let reply = app.post("/v1/chat/completions", chat.to_string()).await.json();
    assert_eq!(reply["object"], "chat.completion");
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    let content = reply["choices"][0]["message"]["content"].as_str().expect("a string");
    assert!(content.contains("\nSources: [1]"), "{content}");
    assert_eq!(reply["runbookd"]["status"], "answered");

    // One object for k8sgpt and for OpenAI's clients.
    let reply = app.post("/v1/completions", json!({ "prompt": OOM }).to_string()).await.json();
    assert_eq!(reply["choices"][0]["text"], reply["response"]);
    assert_eq!(reply["object"], "text_completion");
    assert!(reply["created"].is_i64() && reply["created_at"].is_string() && reply["id"].is_string());
    let same = |key: &str| {
        reply.as_object().expect("an object").keys().filter(|k| k.eq_ignore_ascii_case(key)).count()
    };
    assert_eq!((same("model"), same("response")), (1, 1));

    assert_eq!(app.post("/v1/chat/completions", r#"{"messages":[]}"#).await.status, StatusCode::BAD_REQUEST);
}

/// What a reply says of its cost is what the model counted for it, and nothing is made up.
#[tokio::test]
async fn tokens_are_those_that_the_model_counted() {
    let spent = |input: u32, output: u32| json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let chat = json!({ "messages": [{ "role": "user", "content": OOM }] });
    let completion = json!({ "prompt": OOM });
    for (path, body) in [("/v1/chat/completions", &chat), ("/v1/completions", &completion)] {
        let llm = ScriptedLlm::start(Script::says("The kernel killed it [1].")).await;
        let app = Setup::with_llm(&llm.base_url).start().await;
        let usage = async || app.post(path, body.to_string()).await.json().get("usage").cloned();
        assert_eq!(usage().await, Some(spent(120, 9)), "{path}");
        assert_eq!(usage().await, Some(spent(0, 0)), "{path}: given before");
        assert_eq!(llm.num_requests(), 1);

        let silent = r#"{"choices":[{"message":{"content":"It was killed [1]."},"finish_reason":"stop"}]}"#;
        let llm = ScriptedLlm::start(Script::Body(silent.to_owned())).await;
        let app = Setup::with_llm(&llm.base_url).start().await;
        let reply = app.post(path, body.to_string()).await.json();
        let answered_by = reply["answered_by"].as_str().or(reply["runbookd"]["answered_by"].as_str());
        assert_eq!((answered_by, reply.get("usage")), (Some("llm"), None), "{path}: {reply}");

        let app = TestApp::new().await;
        let reply = app.post(path, body.to_string()).await.json();
        assert_eq!(reply["usage"], spent(0, 0), "{path}: without a model");
    }
}

/// The events of a stream, comments left out.
fn events(reply: &Reply) -> Vec<String> {
    let text = String::from_utf8(reply.body.clone()).expect("UTF-8");
    text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn streams_carry_the_same_checked_text() {
    let llm = ScriptedLlm::start(Script::says(
        "The kernel killed it [1].\n\n1. Look [1]\n2. See [this](https://evil.example/x) [1]\n",
    ))
    .await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    for (path, body) in [
        ("/v1/chat/completions", json!({ "stream": true, "messages": [{ "role": "user", "content": OOM }] })),
        ("/v1/completions", json!({ "stream": true, "prompt": OOM })),
    ] {
        let reply = app.post(path, body.to_string()).await;
        assert_eq!(reply.headers["content-type"], "text/event-stream");
        let events = events(&reply);
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        let pieces: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(event).expect("JSON"))
            .collect();
        let text: String = pieces
            .iter()
            .filter_map(|piece| {
                piece["choices"][0]["delta"]["content"].as_str().or(piece["choices"][0]["text"].as_str())
            })
            .collect();
        assert!(
            text.starts_with("The kernel killed it [1].\n\n1. Look [1]\n2. See this [1]\nSources: [1] "),
            "{text}"
        );
        let last = pieces.last().expect("a piece");
        assert_eq!(last["choices"][0]["finish_reason"], "stop");
        assert_eq!(
            (last["runbookd"]["status"].as_str(), last["runbookd"]["degraded"].as_str()),
            (Some("answered"), None)
        );
    }
}

/// An OpenAI client hears of a wrong key; the other faults are answers.
#[tokio::test]
async fn openai_clients_hear_of_our_mistakes() {
    let chat = json!({ "messages": [{ "role": "user", "content": OOM }] });
    let streamed = json!({ "stream": true, "messages": [{ "role": "user", "content": OOM }] });
    for (script, status) in [
        (Script::Status(401), 502),
        (Script::Status(404), 502),
        (Script::Status(500), 200),
        (Script::Cut, 200),
    ] {
        let llm = ScriptedLlm::start(script).await;
        let app = Setup::with_llm(&llm.base_url).start().await;
        let reply = app.post("/v1/chat/completions", chat.to_string()).await;
        assert_eq!(reply.status.as_u16(), status);
        let events = events(&app.post("/v1/chat/completions", streamed.to_string()).await);
        assert_eq!(events.iter().any(|event| event.contains("\"error\"")), status == 502, "{events:?}");
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(!text.contains("Incorrect API key"), "{text}");
    }
}

#[tokio::test]
async fn ask_search_and_documents() {
    let app = TestApp::new().await;
    let answer =
        app.post("/v1/ask", json!({ "question": OOM, "language": "zh-TW" }).to_string()).await.json();
    assert_eq!(answer["status"], "answered");
    let id = answer["citations"][0]["document"].as_str().expect("a string").to_owned();

    let found = app
        .post(
            "/v1/search",
            json!({ "query": "image pull", "limit": 2, "filter": { "kind": "runbook" } }).to_string(),
        )
        .await
        .json();
    let hits = found["hits"].as_array().expect("an array");
    assert_eq!(hits.len(), 2);
    assert!(hits.iter().all(|hit| hit["kind"] == "runbook"));

    let document = app.get(&format!("/v1/documents?id={}", id.replace('/', "%2F"))).await.json();
    assert_eq!(document["id"], id);
    assert!(!document["chunks"].as_array().expect("an array").is_empty());

    for (path, body) in [
        ("/v1/search", json!({ "query": "x", "limit": 0 })),
        ("/v1/search", json!({ "query": "x", "limit": 1_000 })),
        ("/v1/search", json!({ "query": " " })),
        ("/v1/search", json!({ "query": "x", "filter": { "access": ["security"] } })),
        ("/v1/ask", json!({ "text": "x" })),
    ] {
        assert_eq!(app.post(path, body.to_string()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(app.get("/v1/documents").await.status, StatusCode::BAD_REQUEST);
    let marked = format!("\u{feff}{}", json!({ "query": "image pull" }));
    assert_eq!(app.post("/v1/search", marked).await.status, StatusCode::OK, "a byte order mark is no text");
    for (encoding, status) in [("gzip", 415), ("identity", 200)] {
        let request = Request::post("/v1/search").header("content-encoding", encoding);
        let reply = app.send(request.body(Body::from(r#"{"query":"x"}"#)).expect("a request")).await;
        assert_eq!(reply.status.as_u16(), status, "{encoding}");
    }
    // What narrows a search means nothing to a scrape.
    assert_eq!(app.get("/metrics?kind=poem").await.status, StatusCode::OK);
    assert_eq!(app.get("/v1/documents?id=x&kind=poem").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.get("/v1/documents?id=no/such").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_same_question_is_answered_once() {
    let llm =
        ScriptedLlm::start(Script::says("Error: it was killed [1]\nSolution: raise the limit [1]")).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let (one, two, three) =
        tokio::join!(app.k8sgpt(OOM, "english"), app.k8sgpt(OOM, "english"), app.k8sgpt(OOM, "english"));
    assert_eq!(llm.num_requests(), 1, "asked once, though three wait");
    assert_eq!([&one, &two, &three].iter().filter(|reply| reply["cached"] == false).count(), 1);
    assert_ne!(one["id"], two["id"]);
    assert_eq!(one["response"], two["response"]);
    assert_eq!(app.k8sgpt(OOM, "english").await["cached"], true);
    assert_eq!(app.k8sgpt(OOM, "vietnamese").await["cached"], false, "another language");
    assert_eq!(llm.num_requests(), 2);

    // Masked names are fresh in each run.
    let app = TestApp::new().await;
    let masked =
        |token: &str| format!("Deployment {token} has 1 replicas but 0 are available with status running");
    let (one, two) = (
        "JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V",
        "OThAIyQlXg==/KSghQCMkJV4mKigpXytBQkNERUZHSEkh",
    );
    assert_eq!(app.k8sgpt(&masked(one), "english").await["cached"], false);
    let reply = app.k8sgpt(&masked(two), "english").await;
    assert_eq!(reply["cached"], true);
    let text = reply["response"].as_str().expect("a string");
    assert!(two.split("=/").all(|name| text.contains(name)) && !text.contains("JUBBMl8rRw"), "{text}");
}

#[tokio::test]
async fn a_bad_answer_is_not_kept() {
    let llm = ScriptedLlm::start(Script::Status(500)).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    for _ in 0..2 {
        let reply = app.k8sgpt(OOM, "english").await;
        assert_eq!(
            (reply["degraded"].as_str(), reply["cached"].as_bool()),
            (Some("llm_server_error"), Some(false))
        );
    }
}

#[tokio::test]
async fn ratings_and_gaps_are_written_down() {
    let directory = tempfile::tempdir().expect("a directory");
    let environment = vec![("RUNBOOKD_STATE", directory.path().display().to_string())];
    let app = Setup { environment, ..Setup::default() }.start().await;
    let id = app.k8sgpt(OOM, "english").await["id"].as_str().expect("a string").to_owned();
    let rate = async |id: &str, rating: &str| {
        let body = json!({ "id": id, "rating": rating, "comment": "password=hunter2hunter2X9" });
        app.post("/v1/feedback", body.to_string()).await.status.as_u16()
    };
    assert_eq!(
        (rate(&id, "up").await, rate(&id, "sideways").await, rate("other", "up").await),
        (200, 400, 404)
    );
    // As OpenAI's clients know them.
    let chat = json!({ "messages": [{ "role": "user", "content": OOM }] });
    let whole = app.post("/v1/chat/completions", chat.to_string()).await.json();
    let streamed = json!({ "stream": true, "prompt": OOM });
    let streamed = events(&app.post("/v1/completions", streamed.to_string()).await);
    let streamed: Value = serde_json::from_str(&streamed[0]).expect("JSON");
    for (reply, prefix) in [(whole, "chatcmpl-"), (streamed, "cmpl-")] {
        let id = reply["id"].as_str().expect("a string");
        assert!(id.starts_with(prefix), "{id}");
        assert_eq!(rate(id, "down").await, 200, "{id}");
    }
    // An answer of another server, or of before a restart.
    assert_eq!(rate("0123456789abcdef0123456789abcdef", "up").await, 200);
    let journals = Journals::own(directory.path());
    let feedback = journals.feedback().expect("read");
    let answer = feedback[0].answer.as_ref().expect("it was remembered");
    assert_eq!((feedback.len(), answer.question.as_str()), (4, OOM));
    assert_eq!(answer.documents, ["runbooks/runbooks/pod-oom-killed.md"]);
    assert_eq!(feedback[3].answer, None);

    for question in [
        "How do I bake bread on a zeppelin?",
        "How do I bake bread on a zeppelin?!",
        "Where do penguins sleep at night?",
    ] {
        assert_eq!(app.k8sgpt(question, "english").await["status"], "unknown");
    }
    // The journal has a thread of its own.
    let mut gaps = Vec::new();
    for _ in 0..100 {
        gaps = journals.gaps().expect("read");
        if gaps.iter().map(|gap| gap.count).sum::<usize>() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(gaps.iter().map(|gap| gap.count).sum::<usize>(), 3, "{gaps:?}");
}

/// A page under a name that leads to this machine must not read what its owner may.
#[tokio::test]
async fn without_tokens_web_pages_are_kept_out() {
    let start = async |pairs: &[(&'static str, &str)]| {
        let environment = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Setup { environment, ..Setup::default() }.start().await
    };
    let (rebound, foreign) = (("host", "evil.example:8000"), ("origin", "https://evil.example"));
    let (address, name, page) =
        (("host", "127.0.0.1:8000"), ("host", "runbooks.corp"), ("origin", "http://localhost:3000"));
    let local = start(&[]).await;
    let named = start(&[("RUNBOOKD_SERVER_ALLOWED_HOSTS", "Runbooks.corp, other.corp")]).await;
    let public =
        start(&[("RUNBOOKD_LISTEN", "0.0.0.0:8000"), ("RUNBOOKD_ALLOW_UNAUTHENTICATED", "true")]).await;
    let (guarded, _file) = with_tokens(&[("rules", "\"admin\"", "")]).await;
    let bearer = ("authorization", "Bearer rules");
    for (app, headers, is_let_in) in [
        (&local, vec![], true),
        (&local, vec![address], true),
        (&local, vec![address, page], true),
        (&local, vec![address, foreign], false),
        (&local, vec![address, ("origin", "null")], false),
        (&local, vec![address, page, foreign], false),
        (&local, vec![rebound], false),
        (&local, vec![address, rebound], false),
        (&local, vec![name], false),
        (&named, vec![name], true),
        (&named, vec![name, ("origin", "https://runbooks.corp")], true),
        (&named, vec![rebound], false),
        (&public, vec![rebound], true),
        (&public, vec![rebound, foreign], false),
        (&guarded, vec![rebound, foreign, bearer], true),
    ] {
        for route in routes() {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
            let mut request = Request::builder().method(&route.method).uri(route.path);
            request = request.header("content-type", "application/json");
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let reply = app.send(request.body(Body::from(body)).expect("a request")).await;
            let is_open = route.path == "/healthz" || route.path == "/readyz";
            let is_in = reply.status != StatusCode::FORBIDDEN;
            assert_eq!(is_in, is_let_in || is_open, "{} {headers:?}", route.path);
        }
    }
}

/// Clients list models before they ask.
#[tokio::test]
async fn one_model_is_listed() {
    let list = TestApp::new().await.get("/v1/models").await.json();
    assert_eq!((&list["object"], list["data"].as_array().map(Vec::len)), (&json!("list"), Some(1)));
    let model = &list["data"][0];
    assert_eq!((&model["id"], &model["object"]), (&json!("runbookd"), &json!("model")));
    assert!(model["created"].as_u64().is_some_and(|created| created > 1_600_000_000), "{model}");
    assert!(model["owned_by"].is_string(), "{model}");
}
