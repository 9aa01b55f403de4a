//! `/mcp`, as an agent's own client sees it over a real connection.

use crate::{
    harness::{Reply, Script, ScriptedLlm, Served, Setup, TestApp, build, serve},
    routes::sha256,
};
use axum::{body::Body, http::Request};
use rmcp::{
    RoleClient, ServiceExt,
    model::{CallToolRequestParams, CallToolResult},
    service::RunningService,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";
const OOM_PAGE: &str = "runbooks/runbooks/pod-oom-killed.md";

type Agent = RunningService<RoleClient, ()>;

/// Connects to `/mcp` followed by `query`; an error is what the client says.
async fn connect(served: &Served, query: &str, token: Option<&str>) -> Result<Agent, String> {
    let mut config =
        StreamableHttpClientTransportConfig::with_uri(format!("http://{}/mcp{query}", served.address));
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    // No page of this machine is trusted through TLS here, but a client wants a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let transport = StreamableHttpClientTransport::with_client(client, config);
    ().serve(transport).await.map_err(|error| format!("{error:?}"))
}

async fn call(agent: &Agent, tool: &'static str, arguments: Value) -> CallToolResult {
    let arguments = arguments.as_object().cloned().expect("an object");
    let request = CallToolRequestParams::new(tool).with_arguments(arguments);
    agent.call_tool(request).await.unwrap_or_else(|error| panic!("{tool}: {error}"))
}

/// The one text item of a result.
fn text(result: &CallToolResult) -> String {
    let [item] = result.content.as_slice() else { panic!("not one item: {result:?}") };
    item.as_text().expect("a text").text.clone()
}

/// The JSON of a call that must succeed.
async fn answer(agent: &Agent, tool: &'static str, arguments: Value) -> Value {
    let result = call(agent, tool, arguments).await;
    assert_ne!(result.is_error, Some(true), "{tool}: {result:?}");
    let value: Value = serde_json::from_str(&text(&result)).expect("JSON");
    if let Some(structured) = &result.structured_content {
        assert_eq!(structured, &value);
    }
    value
}

/// The words of a call that must fail.
async fn failure(agent: &Agent, tool: &'static str, arguments: Value) -> String {
    let result = call(agent, tool, arguments).await;
    assert_eq!(result.is_error, Some(true), "{tool}: {result:?}");
    text(&result)
}

fn strings<'v>(values: &'v Value, key: &str) -> Vec<&'v str> {
    let values = values.as_array().expect("an array");
    values.iter().map(|value| value[key].as_str().expect("a string")).collect()
}

#[tokio::test]
async fn agents_find_read_and_ask() {
    let app = TestApp::new().await;
    let served = serve(&app, None).await;
    let agent = connect(&served, "", None).await.expect("connected");

    let info = agent.peer_info().expect("it introduced itself");
    assert!(info.instructions.as_deref().is_some_and(|text| text.contains("read-only")), "{info:?}");
    let tools = agent.list_all_tools().await.expect("listed");
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(names, ["search", "fetch", "ask", "query_documentation"]);
    for tool in &tools {
        let hints = tool.annotations.as_ref().expect("annotated");
        assert_eq!((hints.read_only_hint, hints.open_world_hint), (Some(true), Some(false)), "{}", tool.name);
        assert!(tool.description.as_deref().is_some_and(|text| text.len() > 80), "{}", tool.name);
        assert_eq!(tool.input_schema["type"], "object");
    }

    let found = answer(&agent, "search", json!({ "query": OOM })).await;
    let ids = strings(&found["results"], "id");
    assert_eq!(ids[0], OOM_PAGE, "{found}");
    assert!(ids.iter().all(|id| ids.iter().filter(|other| other == &id).count() == 1), "{ids:?}");
    assert!(ids.len() > 1 && strings(&found["results"], "title").iter().all(|title| !title.is_empty()));
    assert_eq!(strings(&found["results"], "url").len(), ids.len());

    let page = answer(&agent, "fetch", json!({ "id": OOM_PAGE })).await;
    assert_eq!((page["id"].as_str(), page["metadata"]["kind"].as_str()), (Some(OOM_PAGE), Some("runbook")));
    let body = page["text"].as_str().expect("a string");
    let stored = app.get(&format!("/v1/documents?id={OOM_PAGE}")).await.json();
    for chunk in stored["chunks"].as_array().expect("an array") {
        assert!(body.contains(chunk["text"].as_str().expect("a string")), "{body}");
    }
    assert!(body.contains("\n\n## Mitigation\n\n"), "{body}");
    assert_eq!(answer(&agent, "fetch", json!({ "id": format!("{OOM_PAGE}#1") })).await, page);
    // An entry of a table is a document of its own, with a `#` in its id.
    let faq = "runbooks/qa/oncall-faq.csv#1";
    assert_eq!(answer(&agent, "fetch", json!({ "id": faq })).await["id"], faq);

    let answered = answer(&agent, "ask", json!({ "question": OOM })).await;
    let over_http = app.post("/v1/ask", json!({ "question": OOM }).to_string()).await.json();
    assert_eq!((&answered["status"], &answered["answer"]), (&json!("answered"), &over_http["answer"]));
    assert_eq!(over_http["cached"], true, "both ask through the same cache");
    let in_chinese = answer(&agent, "ask", json!({ "question": OOM, "language": "zh-TW" })).await;
    assert_ne!(in_chinese["answer"], answered["answer"]);
    let unknown = answer(&agent, "ask", json!({ "question": "Where do penguins sleep at night?" })).await;
    assert_eq!(unknown["status"], "unknown");

    let passages = answer(&agent, "query_documentation", json!({ "queryText": OOM })).await;
    assert_eq!(strings(&passages["passages"], "text").len(), 4, "kagent's default");
    assert!(strings(&passages["passages"], "chunk")[0].starts_with(OOM_PAGE));
    for limit in [json!(2.0), json!("2"), json!("2.0"), json!(" 2 ")] {
        let two = answer(&agent, "query_documentation", json!({ "queryText": OOM, "limit": limit })).await;
        assert_eq!(strings(&two["passages"], "title").len(), 2, "{limit}");
    }
    let usual = answer(&agent, "query_documentation", json!({ "queryText": OOM, "limit": null })).await;
    assert_eq!(strings(&usual["passages"], "title").len(), 4);
}

#[tokio::test]
async fn bad_arguments_are_errors_of_the_tool() {
    let app = TestApp::new().await;
    let served = serve(&app, None).await;
    let agent = connect(&served, "", None).await.expect("connected");
    for (tool, arguments, says) in [
        ("search", json!({}), "missing field `query`"),
        ("search", json!({ "query": 5 }), "expected a string"),
        ("search", json!({ "query": "  " }), "empty"),
        ("search", json!({ "query": "a", "access": ["security"] }), "unknown field `access`"),
        ("fetch", json!({ "id": "no/such.md" }), "no document with this id"),
        ("fetch", json!({ "id": format!("{OOM_PAGE}#99") }), "no document with this id"),
        ("fetch", json!({ "id": "" }), "no document with this id"),
        ("ask", json!({ "question": "" }), "empty"),
        ("ask", json!({ "question": "a", "language": ["en"] }), "expected a string"),
        ("query_documentation", json!({ "queryText": "a", "limit": 0 }), "`limit` must be 1 to 100"),
        ("query_documentation", json!({ "queryText": "a", "limit": -1 }), "not a whole number"),
        ("query_documentation", json!({ "queryText": "a", "limit": 1.5 }), "not a whole number"),
        ("query_documentation", json!({ "queryText": "a", "limit": "1.5" }), "not a whole number"),
        ("query_documentation", json!({ "queryText": "a", "limit": "0" }), "`limit` must be 1 to 100"),
        ("query_documentation", json!({ "queryText": "a", "limit": "few" }), "is not a number"),
        ("query_documentation", json!({ "query": "a" }), "unknown field `query`"),
        (
            "query_documentation",
            json!({ "queryText": "a", "productName": "x".repeat(300) }),
            "`productName` takes values of at most 256 characters",
        ),
        ("reboot", json!({}), "there is no tool `reboot`"),
    ] {
        let words = failure(&agent, tool, arguments.clone()).await;
        assert!(words.contains(says), "{tool} {arguments}: {words}");
    }
    // The connection is as good as before.
    assert!(!answer(&agent, "search", json!({ "query": OOM })).await["results"].is_null());
}

/// Posts one message to the router.
async fn post(app: &TestApp, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::post("/mcp");
    let host = [("host", "127.0.0.1")];
    let is_given = headers.iter().any(|(name, _)| *name == "host");
    for (name, value) in headers.iter().chain(host.iter().filter(|_| !is_given)) {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn what_is_no_message_is_refused_in_our_form() {
    let environment = vec![("RUNBOOKD_SERVER_MAX_BODY_BYTES", "2000".to_owned())];
    let app = Setup { environment, ..Setup::default() }.start().await;
    let json_type = ("content-type", "application/json");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let huge = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","x":"{}"}}"#, "x".repeat(3_000));
    for (headers, body, status) in [
        (vec![json_type], list, 200),
        (vec![json_type, ("accept", "application/json")], list, 200),
        (vec![json_type, ("host", "runbookd.example.com")], list, 403),
        (vec![json_type, ("origin", "http://localhost:6274")], list, 200),
        (vec![json_type, ("origin", "https://evil.example")], list, 403),
        (vec![("content-type", "text/plain")], list, 415),
        (vec![json_type, ("mcp-protocol-version", "1999-01-01")], list, 400),
        (vec![json_type], "", 400),
        (vec![json_type], "{", 400),
        (vec![json_type], r#"{"jsonrpc":"2.0"}"#, 400),
        (vec![json_type], huge.as_str(), 413),
    ] {
        let reply = post(&app, &headers, body).await;
        assert_eq!(reply.status.as_u16(), status, "{headers:?} {body:.80}: {:?}", reply.headers);
        assert_eq!(reply.headers["content-type"], "application/json");
        let reply = reply.json();
        assert_eq!(reply["error"]["message"].is_string(), status != 200, "{headers:?} {body:.80}: {reply}");
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let reply = post(&app, &[json_type], notification).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0));
    let nameless = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#;
    let reply = post(&app, &[json_type], nameless).await.json();
    assert_eq!(reply["error"], json!({ "code": -32602, "message": "these are no params of `tools/call`" }));
    let unknown = post(&app, &[json_type], r#"{"jsonrpc":"2.0","id":"a","method":"no/such"}"#).await.json();
    assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!("a"), &json!(-32601)));
    for path in ["/mcp", "/mcp/"] {
        let reply = app.get(path).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.headers["allow"]),
            (405, &"POST".parse().expect("a value"))
        );
    }
}

#[tokio::test]
async fn tokens_and_scope_hold_for_every_tool() {
    let directory = tempfile::tempdir().expect("a directory");
    for (source, page, text) in [
        (
            "secret",
            "vault.md",
            "---\ntitle: Vault unsealing\nkind: sop\naccess: [security]\nproduct: vault\n---\n\n# Vault unsealing\n\nThe vault is sealed. Call the keeper of the fifth key.\n",
        ),
        (
            "open",
            "canteen.md",
            "---\ntitle: Vault canteen\nproduct: canteen\n---\n\n# Vault canteen\n\nThe canteen beside the vault opens at noon.\n",
        ),
    ] {
        let folder = directory.path().join(source);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join(page), text).expect("written");
    }
    let kb = build(&[directory.path().join("secret"), directory.path().join("open")]);
    let tokens = directory.path().join("tokens.toml");
    let entry = |name: &str, more: &str| {
        format!("[[token]]\nname = \"{name}\"\nsha256 = \"{}\"\n{more}\n", sha256(name))
    };
    let entries = entry("plain", "roles = [\"ask\"]")
        + &entry("cleared", "roles = [\"ask\"]\naccess = [\"security\"]")
        + &entry("rates", "roles = [\"feedback\"]");
    std::fs::write(&tokens, entries).expect("written");
    let environment = vec![("RUNBOOKD_TOKENS_FILE", tokens.display().to_string())];
    let app = Setup { kb: kb.path().to_owned(), environment, ..Setup::default() }.start().await;
    let served = serve(&app, None).await;

    for (token, status) in [(None, "401"), (Some("wrong"), "401"), (Some("rates"), "403")] {
        let error = connect(&served, "", token).await.expect_err("it is refused");
        assert!(error.contains(status) || error.contains("AuthRequired"), "{token:?}: {error}");
    }
    // With tokens, what a browser says of a page's origin decides nothing.
    let headers = [
        ("authorization", "Bearer plain"),
        ("origin", "https://chat.example"),
        ("content-type", "application/json"),
    ];
    assert_eq!(
        post(&app, &headers, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await.status.as_u16(),
        200
    );

    // The one who may see it asks first: nothing that was kept for one is given to the other.
    for (token, query, sees) in [
        ("cleared", "", true),
        ("plain", "", false),
        ("cleared", "?source=open", false),
        ("cleared", "?source=secret,open", true),
    ] {
        let agent = connect(&served, query, Some(token)).await.expect("connected");
        let question = "the vault is sealed, who keeps the fifth key?";
        for (tool, arguments) in [
            ("search", json!({ "query": question })),
            ("ask", json!({ "question": question })),
            ("query_documentation", json!({ "queryText": question })),
        ] {
            let said = answer(&agent, tool, arguments).await.to_string();
            assert_eq!(said.contains("secret/vault.md"), sees, "{tool} as {token}{query}: {said}");
        }
        let fetched = call(&agent, "fetch", json!({ "id": "secret/vault.md" })).await;
        assert_eq!(fetched.is_error == Some(true), !sees, "{token}{query}: {fetched:?}");
        assert_eq!(text(&fetched).contains("fifth key"), sees);
    }

    let agent = connect(&served, "", Some("cleared")).await.expect("connected");
    let of_product = |product: &str| json!({ "queryText": "vault", "productName": product });
    let said = answer(&agent, "query_documentation", of_product("canteen")).await;
    assert_eq!(strings(&said["passages"], "title"), ["Vault canteen"]);
    let narrowed = connect(&served, "?product=vault", Some("cleared")).await.expect("connected");
    let said = answer(&narrowed, "query_documentation", of_product("canteen")).await;
    assert_eq!(said["passages"], json!([]), "an argument never widens the scope of the address");
}

/// What an agent is told is checked as any other answer.
#[tokio::test]
async fn answers_for_agents_are_checked() {
    let llm = ScriptedLlm::start(Script::says(
        "It was killed [1]. ![x](https://evil.example/?q=1) See [this](https://evil.example/x) <script>alert(1)</script>",
    ))
    .await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let served = serve(&app, None).await;
    let agent = connect(&served, "", None).await.expect("connected");
    let answered = answer(&agent, "ask", json!({ "question": OOM })).await;
    assert_eq!(answered["answered_by"], "llm");
    let said = answered.to_string();
    assert!(!said.contains("evil.example") && !said.contains("<script"), "{said}");
}

/// `version` leaves out the documents of other versions, however they are marked; those without one stay.
#[tokio::test]
async fn documents_of_other_versions_are_left_out() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let docs = folder.path().join("kb");
    for (path, text) in [
        ("1.11/path.md", "# Old path\n\nThe relay listens on port 1."),
        ("v1.13/path.md", "# New path\n\nThe relay listens on port 2."),
        ("front-old.md", "---\ntitle: Old front\nproduct_version: v1.11\n---\nThe relay listens on port 3."),
        ("front-new.md", "---\ntitle: New front\nversions: [1.12, 1.13]\n---\nThe relay listens on port 4."),
        ("t1.md", "# Ports of relay 1.11\n\nThe relay listens on port 5."),
        ("t2.md", "# Ports of relay 1.13\n\nThe relay listens on port 6."),
        ("none.md", "# No version\n\nThe relay listens on a port."),
    ] {
        let path = docs.join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    let kb = build(&[docs]);
    let app = Setup { kb: kb.path().to_owned(), ..Setup::default() }.start().await;
    let served = serve(&app, None).await;
    let agent = connect(&served, "", None).await.expect("connected");
    let old = ["No version", "Old front", "Old path", "Ports of relay 1.11"];
    let new = ["New front", "New path", "No version", "Ports of relay 1.13"];
    for (version, expected) in [
        ("1.11", &old[..]),
        ("v1.11", &old),
        ("1.11.4", &old),
        ("1.13", &new),
        ("1.13.x", &new),
        ("1.12", &["New front", "No version"]),
        ("1", &["No version"]),
        ("2.0", &["No version"]),
    ] {
        let arguments = json!({ "queryText": "relay listens on port", "version": version, "limit": 20 });
        let found = answer(&agent, "query_documentation", arguments).await;
        let mut titles = strings(&found["passages"], "title");
        titles.sort();
        assert_eq!(titles, expected, "{version}");
    }
}
