//! The interface's description tells the truth: about the routes, and about what they reply.

use crate::harness::TestApp;
use runbookd::http::router::routes;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn description() -> Value {
    TestApp::new().await.get("/openapi.json").await.json()
}

/// Every operation: method, path and what is said of it.
fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("an item") {
            operations.push((method.to_uppercase(), path.clone(), operation));
        }
    }
    operations
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let description = description().await;
    assert_eq!(description["openapi"], "3.1.0");
    let described: BTreeSet<_> =
        operations(&description).into_iter().map(|(method, path, _)| (method, path)).collect();
    let served: BTreeSet<_> =
        routes().into_iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    assert_eq!(described, served);

    let parsed: utoipa::openapi::OpenApi = serde_json::from_value(description.clone()).expect("OpenAPI 3.1");
    assert_eq!(parsed.paths.paths.len(), routes().len());

    for (method, path, operation) in operations(&description) {
        let route = routes().into_iter().find(|route| route.path == path).expect("it is served");
        let says = |status: &str| operation["responses"][status].is_object();
        assert!(operation["responses"]["200"]["content"].is_object() && says("500"), "{path}");
        assert_eq!(operation["requestBody"].is_object(), method == "POST", "{path}");
        assert_eq!(says("413") && says("408") && says("415"), method == "POST", "{path}");
        let protected = route.role.is_some();
        assert_eq!(says("400") && says("401"), protected, "{path}");
        assert_eq!(says("403"), route.is_guarded(), "{path}");
        assert_eq!(operation["security"] == json!([{}, { "bearer": [] }]), protected, "{path}");
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let scoped = parameters.iter().any(|parameter| parameter["name"] == "cluster");
        assert_eq!(scoped, route.is_scoped(), "{path}");
    }
}

/// Nothing is referred to that is not there.
#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let description = description().await;
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.len() > 10, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

/// Every field that a reply has is described, and every field that must be there is.
#[tokio::test]
async fn replies_have_the_fields_that_are_described() {
    let app = TestApp::new().await;
    let description = app.get("/openapi.json").await.json();
    let question = "the last termination reason is OOMKilled container=api";
    let chat = json!({ "messages": [{ "role": "user", "content": question }] });
    let replies = [
        ("Answer", app.post("/v1/ask", json!({ "question": question }).to_string()).await.json()),
        ("CustomRestReply", app.post("/completions", json!({ "prompt": question }).to_string()).await.json()),
        ("ChatCompletion", app.post("/v1/chat/completions", chat.to_string()).await.json()),
        ("SearchReply", app.post("/v1/search", json!({ "query": question }).to_string()).await.json()),
        ("DocumentReply", app.get("/v1/documents?id=runbooks/runbooks/pod-oom-killed.md").await.json()),
        ("ModelList", app.get("/v1/models").await.json()),
        ("Readiness", app.get("/readyz").await.json()),
        ("Error", app.get("/v1/documents").await.json()),
    ];
    for (name, reply) in &replies {
        let schema = &description["components"]["schemas"][name];
        let described: BTreeSet<&str> =
            schema["properties"].as_object().expect(name).keys().map(String::as_str).collect();
        let given: BTreeSet<&str> = reply.as_object().expect(name).keys().map(String::as_str).collect();
        assert_eq!(described, given, "{name}");
        let required = schema["required"].as_array().expect(name).iter();
        let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
        let left_out: Vec<&&str> = given.difference(&required).collect();
        // OpenAI's clients know a reply whose cost nobody told.
        assert!(left_out.iter().all(|field| **field == "usage"), "{name}: {left_out:?} may be left out");
    }
}
