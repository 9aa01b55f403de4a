//! What a model is given: the rule and the section as a whole, the team's own pages first, nothing twice.

use crate::harness::{Script, ScriptedLlm, Setup, build, sample_kb};
use serde_json::json;
use std::path::Path;

/// The request that a model gets for a question.
async fn asked(kb: &Path, question: &str) -> String {
    let llm = ScriptedLlm::start(Script::says("I don't know")).await;
    let app = Setup { kb: kb.to_owned(), ..Setup::with_llm(&llm.base_url) }.start().await;
    let reply = app.post("/v1/ask", json!({ "question": question }).to_string()).await;
    let requests = llm.requests.lock().expect("the requests");
    requests.last().unwrap_or_else(|| panic!("{question}: {:?}", reply.json())).replace("\\n", "\n")
}

#[tokio::test]
async fn rules_and_procedures_come_whole() {
    for (question, parts) in [
        // A table that speaks of a rule, and the rule.
        (
            "Deployment payments/payments-api has 3 replicas but 1 are available with status running",
            [
                "1. A restart needs the word of `payments-primary`",
                "| yes, with rule 1 |",
                "A rollback is decided by `payments-primary`",
            ],
        ),
        // The rule that may be about a masked object is not half a rule.
        (
            "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas but 0 are available with status running",
            [
                "applies: maybe",
                "1. A restart needs the word of `payments-primary`",
                "There is no checkpoint.",
            ],
        ),
        (
            "How do I drain a node safely?",
            ["## Who may do it", "kubectl drain worker-5", "Uncordon the node, stop, and open a thread"],
        ),
        (
            "HorizontalPodAutoscaler uses StatefulSet/db as ScaleTargetRef which does not exist.",
            ["Wrong kind or name in `scaleTargetRef`", "1. Correct `scaleTargetRef`", "## Meaning"],
        ),
    ] {
        let request = asked(sample_kb(), question).await;
        for part in parts {
            let part = part.replace('"', "\\\"");
            assert!(request.contains(&part), "{question}: {part} is not in {request}");
        }
    }
}

#[tokio::test]
async fn translations_are_not_given_twice() {
    let request = asked(sample_kb(), "Pod 一直 CrashLoopBackOff，該怎麼處理？").await;
    assert_eq!(request.matches("id: runbooks/runbooks/pod-crashloopbackoff").count(), 1, "{request}");
}

#[tokio::test]
async fn the_teams_own_page_stands_before_a_vendors() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    };
    write(
        "vendor/relay.md",
        "---\nkind: docs\n---\n# Relay buffer is full\n\nThe relay buffer is full when a relay drops frames faster than it sends them. Relays \
         keep frames in memory; see the reference of its settings.\n\n## Fix\n\n1. Restart the relay.\n",
    );
    write(
        "team/our-relay.md",
        "---\nkind: runbook\n---\n# Our relay buffer is full\n\n## Symptoms\n\nThe relay buffer is full and the relay drops frames, customers \
         in Taipei see gaps.\n\n## Before\n\nAsk the relay owners.\n\n## Steps\n\n1. Raise the buffer.\n",
    );
    let kb = build(&[directory.path().join("vendor"), directory.path().join("team")]);
    let request = asked(kb.path(), "The relay buffer is full and the relay drops frames").await;
    let at = |part: &str| request.find(part).unwrap_or_else(|| panic!("{part} is not in {request}"));
    assert!(at("id: team/our-relay.md") < at("id: vendor/relay.md"), "{request}");
    assert!(at("Ask the relay owners.") < at("1. Raise the buffer."), "{request}");
    at("1. Restart the relay.");
}
