//! What becomes of a running server when the files of its knowledge base are damaged, overwritten, or restored.

use crate::{
    harness::{Setup, TestApp, build, ingest_into, sample_kb},
    process::runbookd,
};
use kb::store::{self, Address};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const QUESTION: &str = "the last termination reason is OOMKilled container=api";

/// The sample documents without some of them, so that two states differ.
fn fewer_documents() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let docs = folder.path().join("runbooks");
    fs::create_dir(&docs).expect("the name is free");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/runbooks");
    for name in ["pod-oom-killed.md", "image-pull-failures.md"] {
        if let Ok(text) = fs::read(source.join(name)) {
            fs::write(docs.join(name), text).expect("it can be written");
        }
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it lists").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("it can be copied")),
        }
    }
}

/// Waits until readiness is as it should be, and gives it back.
async fn readiness(app: &TestApp, is_right: impl Fn(u16, &Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let reply = app.get("/readyz").await;
        let (status, body) = (reply.status.as_u16(), reply.json());
        if is_right(status, &body) {
            return body;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn answer(app: &TestApp) -> Value {
    let reply = app.post("/v1/ask", json!({ "question": QUESTION }).to_string()).await;
    assert_eq!(reply.status.as_u16(), 200);
    reply.json()
}

async fn metric(app: &TestApp, name: &str) -> String {
    let text = String::from_utf8(app.get("/metrics").await.body).expect("UTF-8");
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned()
}

fn some_file(kb: &Path, end: &str) -> PathBuf {
    let mut found =
        fs::read_dir(kb).expect("it lists").flatten().map(|entry| entry.path()).filter_map(|path| match path
            .is_dir()
        {
            true => fs::read_dir(&path)
                .ok()?
                .flatten()
                .map(|entry| entry.path())
                .find(|path| path.to_string_lossy().ends_with(end)),
            false => path.to_string_lossy().ends_with(end).then_some(path),
        });
    found.next().expect("there is one")
}

/// A file that is not what was committed: not ready, with the reason; answers go on as they were.
#[tokio::test]
async fn damage_is_told_and_answers_go_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    copy(sample_kb(), &path);
    let app = Setup { kb: path.clone(), ..Setup::default() }.start().await;
    let before = answer(&app).await;
    let ready = readiness(&app, |status, _| status == 200).await;
    assert_eq!((&ready["knowledge_base"], &ready["reason"]), (&json!("ok"), &Value::Null));
    assert_eq!(metric(&app, "runbookd_knowledge_base_damaged").await, "0");

    let index =
        path.join(fs::read_to_string(path.join("CURRENT")).expect("it is there").trim()).join("tantivy");
    for file in [some_file(&index.join(".."), ".f32"), some_file(&index.join(".."), ".store")] {
        let whole = fs::read(&file).expect("it is there");
        fs::write(&file, &whole[..whole.len() / 2]).expect("it is ours");
        let told = readiness(&app, |status, _| status == 503).await;
        assert_eq!((&told["status"], &told["knowledge_base"]), (&json!("not ready"), &json!("damaged")));
        let reason = told["reason"].as_str().expect("it has one");
        let name = file.file_name().expect("it has one").to_string_lossy().into_owned();
        for part in [name.as_str(), "is damaged", "ingest restore", "ingest --rebuild"] {
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!(metric(&app, "runbookd_knowledge_base_damaged").await, "1");
        let now = answer(&app).await;
        assert_eq!((&now["answer"], &now["kb_version"]), (&before["answer"], &before["kb_version"]));
        let found = app.post("/v1/search", json!({ "query": "image pull 401" }).to_string()).await;
        assert_eq!(found.status.as_u16(), 200, "what was not asked before is found too");
        fs::write(&file, &whole).expect("it is ours");
        readiness(&app, |status, _| status == 200).await;
    }
    assert_eq!(metric(&app, "runbookd_knowledge_base_damaged").await, "0");
}

/// Copies over the files in use, and restored backups, under questions: none fails.
#[tokio::test(flavor = "multi_thread")]
async fn overwritten_and_restored_bases_cost_no_answer() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [path, kept, older] = ["kb", "kept", "older"].map(|name| directory.path().join(name));
    let fewer = fewer_documents();
    ingest_into(&path, &[fewer.path().join("runbooks")]);
    copy(&path, &older);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/runbooks");
    ingest_into(&path, &[docs]);
    let address = Address::Directory(path.clone());
    store::backup(&address, &kept).await.expect("there is space");

    let app = std::sync::Arc::new(Setup { kb: path.clone(), ..Setup::default() }.start().await);
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asking = {
        let (app, ended) = (app.clone(), ended.clone());
        tokio::spawn(async move {
            let mut asked = 0;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                let question = json!({ "question": format!("{QUESTION} number {asked}") });
                let reply = app.post("/v1/ask", question.to_string()).await;
                assert_eq!(reply.status.as_u16(), 200, "question {asked}");
                asked += 1;
            }
            asked
        })
    };
    let documents = async || metric(&app, "runbookd_knowledge_base_documents").await;
    let all = documents().await;
    for _ in 0..3 {
        let (from, to) = (older.clone(), path.clone());
        tokio::task::spawn_blocking(move || copy(&from, &to)).await.expect("it ends");
        readiness(&app, |status, body| status == 200 && body["kb_version"] != "").await;
        let started = Instant::now();
        while documents().await == all {
            assert!(started.elapsed() < Duration::from_secs(10), "the copied state is not served");
        }
        let restored = store::restore(&kept, &address).await.expect("it is whole");
        readiness(&app, |status, body| status == 200 && body["kb_version"] == restored.version.as_str())
            .await;
        assert_eq!(documents().await, all);
    }
    ended.store(true, std::sync::atomic::Ordering::Relaxed);
    let asked = asking.await.expect("every question was answered");
    assert!(asked > 10, "{asked}");
}

#[test]
fn doctor_verifies() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/runbooks");
    let directory = build(&[docs]);
    let doctor = |expected: i32| {
        let output = runbookd(&["doctor", "--verify", "--json", "--kb"]).arg(directory.path()).output();
        let output = output.expect("it runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(expected), "{text}");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        let checks = report["checks"].as_array().expect("a list").clone();
        checks.into_iter().find(|check| check["name"] == "files").expect("it is checked")
    };
    let files = doctor(0);
    assert_eq!(files["verdict"], "ok", "{files}");
    let file = some_file(&directory.path().join("g1"), "vectors.i8");
    let mut bytes = fs::read(&file).expect("it is there");
    bytes[100] ^= 1;
    fs::write(&file, bytes).expect("it is ours");
    let files = doctor(1);
    let detail = files["detail"].as_str().expect("a text");
    assert!(files["verdict"] == "failed" && detail.contains("g1/vectors.i8"), "{files}");
}
