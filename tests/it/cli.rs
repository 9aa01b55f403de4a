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
    process::{Command, Output, Stdio},
    time::Duration,
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

/// Pipes, devices, folders and huge files in the place of files that are read whole: an error at once, never a wait.
#[test]
fn what_is_no_file_is_said_to_be_none() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    for name in ["pipe", "unanswered.jsonl", "feedback.1.jsonl"] {
        assert!(Command::new("mkfifo").arg(path(name)).status().expect("it runs").success());
    }
    let huge = std::fs::File::create(path("huge")).expect("it can be made");
    huge.set_len(1 << 40).expect("a file with a hole");
    let (pipe, folder, huge, state) = (path("pipe"), path(""), path("huge"), path(""));
    let (kb, out) = (sample_kb().display().to_string(), path("out"));
    let config = ("--config", "");
    for (arguments, variable, says) in [
        (&["gaps"][..], ("RUNBOOKD_STATE", &*state), "unanswered.jsonl`: it is a named pipe, not a file"),
        (&["gaps"], ("RUNBOOKD_STATE", &pipe), "Not a directory"),
        (
            &["feedback", "export", "--out", &out],
            ("RUNBOOKD_STATE", &state),
            "feedback.1.jsonl`: it is a named pipe",
        ),
        (&["search", "--config", &pipe, "x"], config, "it is a named pipe, not a file"),
        (&["search", "--config", &folder, "x"], config, "it is a directory, not a file"),
        (&["search", "--config", "/dev/zero", "x"], config, "it is a device, not a file"),
        (&["search", "--config", &huge, "x"], config, "it is larger than 1048576 bytes"),
        (&["search", "--kb", &kb, "x"], ("RUNBOOKD_TOKENS_FILE", &pipe), "it is a named pipe, not a file"),
        (&["search", "--kb", &kb, "x"], ("RUNBOOKD_TOKENS_FILE", "/dev/zero"), "it is a device, not a file"),
        (
            &["serve", "--kb", &kb, "--listen", "127.0.0.1:0"],
            ("RUNBOOKD_TOKENS_FILE", &pipe),
            "it is a named pipe",
        ),
        (&["search", "--kb", &pipe, "x"], config, "there is no knowledge base"),
    ] {
        let mut command = runbookd(arguments);
        if !variable.1.is_empty() {
            command.env(variable.0, variable.1);
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        let (ended, waiting) = std::sync::mpsc::channel();
        let id = child.id().to_string();
        std::thread::spawn(move || ended.send(child.wait_with_output()));
        let output = waiting.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| {
            let _ = Command::new("kill").arg(&id).status();
            panic!("{arguments:?} does not end");
        });
        let output = output.expect("it ran");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(says), "{arguments:?}: {errors}");
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
