//! The binary: exit codes, one JSON object on stdout, secrets nowhere.

use crate::{
    harness::{LLM_KEY, sample_kb},
    process::{Server, runbookd},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    process::Output,
};

fn with_kb(arguments: &[&str]) -> Output {
    runbookd(arguments).arg("--kb").arg(sample_kb()).output().expect("it runs")
}

fn stdout_object(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(value.is_object());
    value
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn ask_and_search_print_their_contracts() {
    let output = with_kb(&["ask", "--json", "the termination reason is OOMKilled exitCode=137"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = stdout_object(&output);
    let expected = "id answer status confidence reason answered_by degraded cached warnings citations nearest kb_version";
    assert_eq!(keys(&answer), expected.split(' ').collect());
    assert_eq!(
        keys(&answer["citations"][0]),
        "n document chunk title heading_path url updated_at".split(' ').collect()
    );

    let unknown = with_kb(&["ask", "--json", "sourdough bread on a zeppelin"]);
    assert_eq!(unknown.status.code(), Some(0), "not knowing is no failure");
    let unknown = stdout_object(&unknown);
    assert_eq!(unknown["status"], "unknown");
    assert!(unknown["answer"].as_str().expect("a string").starts_with("I don't know"));

    let found = with_kb(&["search", "--json", "--limit", "3", "image", "pull", "401"]);
    let found = stdout_object(&found);
    assert_eq!(keys(&found), "hits kb_version".split(' ').collect());
    let hits = found["hits"].as_array().expect("an array");
    assert_eq!(hits.len(), 3);
    let expected =
        "rank score scores document chunk title kind url heading_path text start_byte end_byte tokens";
    for (at, hit) in hits.iter().enumerate() {
        assert_eq!(keys(hit), expected.split(' ').collect());
        assert_eq!(hit["rank"], at + 1);
        assert_eq!(keys(&hit["scores"]), "bm25 dense".split(' ').collect());
        assert!(
            hit["chunk"]
                .as_str()
                .expect("a string")
                .starts_with(&format!("{}#", hit["document"].as_str().expect("a string")))
        );
    }
}

#[test]
fn doctor_says_what_is_there_and_what_is_not() {
    let output = with_kb(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let report = stdout_object(&output);
    assert_eq!(report["ok"], true);
    let names: Vec<&str> = report["checks"]
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|check| check["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["embedder", "identity", "contents", "calibration", "source runbooks", "language model"]
    );
    let table = with_kb(&["doctor"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("ok    embedder"));

    let missing = runbookd(&["doctor", "--kb", "/nonexistent/kb"]).output().expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stdout).contains("there is no knowledge base"));
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    for (arguments, code, says) in [
        (&["ask", "--kb", "/nonexistent/kb", "why?"][..], 1, "there is no knowledge base"),
        (&["ask", "why?"], 2, "no knowledge base: give `--kb DIR`"),
        (&["ask", "--kb", ".", "  "], 2, "the question is empty"),
        (&["ask"], 2, "QUESTION"),
        (&["frobnicate"], 2, "frobnicate"),
        (&["search", "--limit", "0", "x"], 2, "--limit"),
        (&["ask", "--embedder", "magic", "x"], 2, "embedder.choice"),
        (&["ask", "--config", "/nonexistent.toml", "x"], 2, "cannot read the configuration file"),
        (&["serve", "--kb", ".", "--listen", "0.0.0.0:0"], 2, "--allow-unauthenticated"),
        (&["gaps"], 2, "RUNBOOKD_STATE"),
    ] {
        let output = runbookd(arguments).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(says), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// SIGTERM ends the server with 0, and with everything logged nothing secret is.
#[test]
fn the_server_ends_when_told_and_logs_no_secrets() {
    let server = Server::start(&[
        ("RUNBOOKD_TOKEN", "token-canary"),
        ("RUNBOOKD_LLM_BASE_URL", "http://127.0.0.1:9/v1"),
        ("RUNBOOKD_LLM_MODEL", "none"),
        ("RUNBOOKD_LLM_API_KEY", LLM_KEY),
        ("RUNBOOKD_LLM_TIMEOUT_S", "1"),
        ("RUNBOOKD_LOG", "trace"),
    ]);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","arguments":{"question":"OOMKilled question-canary"}}}"#;
    for (path, body) in
        [("/completions", r#"{"options":{"message":"OOMKilled question-canary"}}"#), ("/mcp", call)]
    {
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer token-canary\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("llm_unreachable"), "{reply}");
    }

    let log = server.stop();
    for canary in [LLM_KEY, "token-canary", "question-canary", "BEGIN DOCUMENTS"] {
        assert!(!log.contains(canary), "{canary} is in the log");
    }
}
