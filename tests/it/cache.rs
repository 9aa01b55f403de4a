//! Answers given before: what counts as the same question, and when an answer is given no more.

use crate::harness::{Script, ScriptedLlm, Setup, TestApp, build, ingest_into};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

const BACK_OFF: &str = "back-off 10s restarting failed container=api pod=search-api-6b7f9d5c4-zz8rt";

fn response(reply: &Value) -> &str {
    reply["response"].as_str().expect("a string")
}

async fn app_saying(reply: impl Fn(&str) -> String + Send + Sync + 'static) -> (TestApp, ScriptedLlm) {
    let llm = ScriptedLlm::start(Script::Say(Arc::new(reply))).await;
    (Setup::with_llm(&llm.base_url).start().await, llm)
}

/// An operator asks about a failing pod every 30 seconds; the waiting time and the pod's suffix change.
#[tokio::test]
async fn the_same_failure_of_another_pod_is_no_new_question() {
    let (app, llm) = app_saying(|user| {
        let (_, rest) = user.split_once("pod=search-api-").expect("the failure names one");
        let suffix = &rest[..15];
        format!("Error: search-api-{suffix} crashes [1]\nSolution: read its logs [1]")
    })
    .await;
    let first = app.k8sgpt(BACK_OFF, "english").await;
    assert!(response(&first).contains("search-api-6b7f9d5c4-zz8rt crashes"), "{first}");
    for (from, to) in [("10s", "2m40s"), ("zz8rt", "x2x7k"), ("restarting ", "restarting  ")] {
        let again = app.k8sgpt(&BACK_OFF.replace(from, to), "english").await;
        assert_eq!(again["cached"], true, "{to}: {again}");
        assert_eq!(
            response(&again).contains("search-api-6b7f9d5c4-zz8rt crashes"),
            from != "zz8rt",
            "{again}"
        );
        assert_eq!(
            response(&again).contains("search-api-6b7f9d5c4-x2x7k crashes"),
            from == "zz8rt",
            "{again}"
        );
    }
    assert_eq!(llm.num_requests(), 1);
    app.k8sgpt(&BACK_OFF.replace("container=api", "container=web"), "english").await;
    assert_eq!(llm.num_requests(), 2, "another container may fail for another reason");
}

/// An answer that repeats what only one asker has is nobody else's.
#[tokio::test]
async fn an_answer_with_somebody_elses_figures_is_not_repeated() {
    let (app, llm) = app_saying(|user| {
        let waits = if user.contains("back-off 10s") { "10s" } else { "something else" };
        format!("Error: it waits {waits} [1]\nSolution: read its logs [1]")
    })
    .await;
    app.k8sgpt(BACK_OFF, "english").await;
    let longer = BACK_OFF.replace("10s", "20s");
    for cached in [false, true] {
        let reply = app.k8sgpt(&longer, "english").await;
        assert_eq!(reply["cached"], cached, "{reply}");
        assert!(!response(&reply).contains("10s"), "{reply}");
    }
    assert_eq!(llm.num_requests(), 2);
}

/// A knowledge base that was moved away and built anew counts its versions from the start.
#[tokio::test]
async fn what_a_knowledge_base_said_before_it_was_rebuilt_is_forgotten() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("pages");
    std::fs::create_dir(&folder).expect("a folder");
    let write = |advice: &str| {
        let page = format!("# Quasar breaker\n\nWhen the quasar breaker trips, {advice} it by hand.\n");
        std::fs::write(folder.join("quasar.md"), page).expect("written");
    };
    write("wind");
    let kb = build(std::slice::from_ref(&folder));
    let app = Setup { kb: kb.path().to_owned(), ..Setup::default() }.start().await;
    let ask = async || {
        let question = json!({ "question": "the quasar breaker trips" }).to_string();
        app.post("/v1/ask", question).await.json()
    };
    let before = ask().await;
    assert!(before["answer"].as_str().expect("a string").contains("wind it"), "{before}");
    assert_eq!(ask().await["cached"], true);
    write("kick");
    empty(kb.path());
    ingest_into(kb.path(), std::slice::from_ref(&folder));
    // A server looks for changes from time to time.
    let told_anew = async {
        loop {
            let after = ask().await;
            if after["answer"].as_str().expect("a string").contains("kick it") {
                return after;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let after = timeout(Duration::from_secs(10), told_anew).await.expect("it notices");
    assert_eq!(after["kb_version"], before["kb_version"], "the version alone would not tell");
}

fn empty(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => std::fs::remove_dir_all(path),
            false => std::fs::remove_file(path),
        }
        .expect("removed");
    }
}
