//! What is answered: grounded, cited, honest about what is not known, careful where the team says so.

use crate::harness::{Script, ScriptedLlm, Setup, TestApp};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::time::sleep;

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";
const LEGACY: &str =
    "Deployment legacy/dont-do-anything-deployment has 1 replicas but 0 are available with status running";
const MASKED: &str = "Deployment JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V has 1 replicas but 0 are available with status running";
const UNKNOWN: &str = "How do I bake sourdough bread without yeast on a zeppelin?";

fn response(reply: &Value) -> &str {
    reply["response"].as_str().expect("a string")
}

#[tokio::test]
async fn a_grounded_reply_is_passed_on_with_its_sources() {
    let llm = ScriptedLlm::start(Script::says(
        "Error: The container reached its limit [1].\nSolution: Raise it [1][99].",
    ))
    .await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let reply = app.k8sgpt(OOM, "english").await;
    assert_eq!(reply["answered_by"], "llm");
    assert_eq!(reply["model"], "scripted-1");
    assert_eq!(reply["citations"].as_array().map(Vec::len), Some(1));
    let text = response(&reply);
    assert!(
        text.starts_with(
            "Error: The container reached its limit [1].\nSolution: Raise it [1].\nSources: [1] "
        ),
        "{text}"
    );

    // Where to read on, and how fresh it is.
    let link = reply["citations"][0]["url"].as_str().expect("a URL");
    assert!(link.starts_with("https://wiki.example.com/platform/runbooks/pod-oom-killed#"), "{link}");
    assert!(text.ends_with(&format!(" ({link}, updated 2026-08-17)")), "{text}");

    let request = llm.last_request();
    for part in [
        "POST /v1/chat/completions HTTP/1.1",
        "authorization: Bearer sk-canary-2f9d",
        "\"temperature\":0.0",
        "\"stream\":false",
        "Answer from these documents only; if they do not cover it, say exactly: I don't know",
        "Solution: {step by step solution here}",
        "one short sentence to explain, then at most two steps",
        "<<<DOCUMENT [1] ",
        "title: Container OOMKilled (exit code 137)",
        "id: runbooks/runbooks/pod-oom-killed.md",
        "updated: 2026-08-17",
        "applies: yes",
        "pod=search-api-6b7f9d5c4-zz8rt",
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
    assert!(!request.contains("Simplify the following"), "the client's prompt is no instruction of ours");
}

#[tokio::test]
async fn what_is_not_covered_is_not_asked() {
    let llm = ScriptedLlm::start(Script::says("Bake it [1].")).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    for (language, begins) in [
        ("english", "I don't know"),
        ("Traditional Chinese", "我不知道"),
        ("zh-CN", "我不知道"),
        ("vietnamese", "Tôi không biết"),
        ("indonesian", "Saya tidak tahu"),
        ("german", "I don't know"),
    ] {
        let reply = app.k8sgpt(UNKNOWN, language).await;
        assert_eq!(reply["status"], "unknown", "{reply}");
        assert_eq!(reply["answered_by"], "none");
        assert!(response(&reply).starts_with(begins), "{language}: {}", response(&reply));
        assert_eq!(reply["citations"], serde_json::json!([]));
        assert!(!reply["nearest"].as_array().expect("an array").is_empty());
        assert!(!reply["reason"].as_str().expect("a string").is_empty());
    }
    assert_eq!(llm.num_requests(), 0, "the decision stands before the model");
}

#[tokio::test]
async fn a_model_that_does_not_know_is_believed() {
    for says in ["I don't know", "Error: I don't know.\nSolution: -", "Restart it and all will be well."] {
        let llm = ScriptedLlm::start(Script::Say(Arc::new(move |_| says.to_owned()))).await;
        let app = Setup::with_llm(&llm.base_url).start().await;
        // No rule applies to this one, the documents only cover it.
        let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        let reply = app.k8sgpt(message, "english").await;
        assert_eq!(reply["status"], "unknown", "{says}: {reply}");
        assert!(response(&reply).starts_with("I don't know"), "{says}");
        assert!(llm.num_requests() == 1, "{says}");
        // Where the team has a rule for this very failure, the rule speaks.
        let reply = app.k8sgpt(OOM, "english").await;
        assert_eq!(
            (reply["answered_by"].as_str(), reply["degraded"].as_str()),
            (Some("extractive"), Some("llm_uncited"))
        );
    }
}

#[tokio::test]
async fn the_untouchable_deployment_is_not_touched() {
    let app = TestApp::new().await;
    let reply = app.k8sgpt(LEGACY, "english").await;
    assert_eq!(reply["status"], "answered");
    assert_eq!(reply["citations"][0]["document"], "runbooks/sops/dont-touch-legacy-deployment.md");
    assert!(
        response(&reply)
            .starts_with("WARNING: Do not restart, scale, edit, roll back or delete this Deployment"),
        "{reply}"
    );

    // A model that gives the usual advice cannot take the warning away.
    let llm = ScriptedLlm::start(Script::Say(Arc::new(|user| {
        let other = (1..=8).find(|n| {
            user.split(&format!("\n[{n}] ")).nth(1).is_some_and(|rest| {
                let id = rest.lines().nth(1).unwrap_or_default();
                id.starts_with("id: ") && !id.contains("dont-touch")
            })
        });
        format!("Error: it is down [{}]\nSolution: restart it [{}]", other.unwrap_or(1), other.unwrap_or(1))
    })))
    .await;
    let reply = Setup::with_llm(&llm.base_url).start().await.k8sgpt(LEGACY, "english").await;
    assert_eq!(reply["answered_by"], "llm", "{reply}");
    assert!(response(&reply).starts_with("WARNING: Do not restart"), "{reply}");
}

#[tokio::test]
async fn masked_names_come_back_byte_for_byte() {
    let tokens = ["JUBBMl8rRw==", "QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V"];
    let has_tokens = |reply: &Value| tokens.iter().all(|token| response(reply).contains(token));

    let reply = TestApp::new().await.k8sgpt(MASKED, "english").await;
    assert!(has_tokens(&reply), "{reply}");
    let text = response(&reply);
    assert!(
        text.starts_with("WARNING: Names are masked here. First check that this is not one of these"),
        "{text}"
    );
    assert!(text.contains("SOP: the legacy deployment nobody may touch"), "{text}");
    assert_eq!(reply["status"], "partial");

    for (says, answered_by) in [
        ("Error: JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V is down [1]\nSolution: look [1]", "llm"),
        ("Error: the Deployment is down [1]\nSolution: look [1]", "llm"),
        (
            "Error: JUBBMl8rRw/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V is down [1]\nSolution: look [1]",
            "extractive",
        ),
        // What is only cut short is made whole.
        ("Error: QUtkIVR4OW0jUTdfcEx6... is down [1]\nSolution: look [1]", "llm"),
    ] {
        let llm = ScriptedLlm::start(Script::says(says)).await;
        let reply = Setup::with_llm(&llm.base_url).start().await.k8sgpt(MASKED, "english").await;
        assert_eq!(reply["answered_by"], answered_by, "{says}: {reply}");
        assert!(has_tokens(&reply), "{says}: {reply}");
    }
}

#[tokio::test]
async fn the_frame_is_in_the_askers_language() {
    let app = TestApp::new().await;
    let reply = app.k8sgpt(OOM, "Traditional Chinese").await;
    assert!(response(&reply).contains("\n來源：[1]"), "{reply}");
    // A page in the asker's language stands for its original.
    let reply = app
        .k8sgpt(
            "Back-off pulling image \"registry.example.com/payments/api:1.42.0\" ImagePullBackOff",
            "Traditional Chinese",
        )
        .await;
    assert_eq!(
        reply["citations"][0]["document"], "runbooks/runbooks/image-pull-failures.zh-TW.md",
        "{reply}"
    );
}

#[tokio::test]
async fn secrets_in_a_question_go_nowhere() {
    let llm = ScriptedLlm::start(Script::Say(Arc::new(|user| format!("Error: it says {user} [1]")))).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let reply = app.k8sgpt(&format!("{OOM} token={secret}"), "english").await;
    assert!(!llm.last_request().contains(secret) && !reply.to_string().contains(secret));
    assert_eq!(llm.num_requests(), 1);
}

#[tokio::test]
async fn invented_commands_are_marked_and_destructive_ones_removed() {
    let says = "Error: the container was killed [1].\nSolution: 1. `kubectl -n $NS describe pod $POD` [1] \
                2. `kubectl delete namespace search` [1] 3. `kubectl patch deployment made-up-name` [1]";
    let llm = ScriptedLlm::start(Script::says(says)).await;
    let mut setup = Setup::with_llm(&llm.base_url);
    setup.settings.keep_length = false;
    let reply = setup.start().await.k8sgpt(OOM, "english").await;
    let text = response(&reply);
    assert!(text.contains("1. `kubectl -n $NS describe pod $POD` [1]"), "{text}");
    assert!(text.contains("2. [command removed: it destroys, and is not in the documents] [1]"), "{text}");
    assert!(
        text.contains("`kubectl patch deployment made-up-name` (not in the documents: check before running)"),
        "{text}"
    );
}

/// However a command is written and whoever typed it first: what no document has is taken out or marked, streamed or not.
#[tokio::test]
async fn a_command_is_recognised_however_it_is_written() {
    let grant = "kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=eve";
    let question = format!("{OOM}: please run {grant} or kubectl delete ns search");
    let says = format!(
        "Error: 請執行kubectl delete ns search [1]\nSolution: kubectl\n**delete** ns search [1]\n\n`{grant}` [1]\n\n\
         1. Do [1]:\n   ```bash\n   kubectl get pods\n   sudo kubectl \\\n     delete ns search\n   # rm -rf /var/lib\n   ```\n"
    );
    let llm = ScriptedLlm::start(Script::Say(Arc::new(move |_| says.clone()))).await;
    let mut setup = Setup::with_llm(&llm.base_url);
    setup.settings.keep_length = false;
    let app = setup.start().await;
    let body = serde_json::json!({ "stream": true, "messages": [{ "role": "user", "content": question }] });
    let streamed = app.open("/v1/chat/completions", &body).await.rest().await.text;
    for text in [response(&app.k8sgpt(&question, "english").await), &streamed] {
        assert!(!text.contains("delete ns") && !text.contains("**delete**"), "{text}");
        assert!(!text.contains("rm -rf"), "{text}");
        assert!(!text.contains("clusterrolebinding"), "{text}");
        assert!(text.contains("   kubectl get pods\n   # command removed"), "{text}");
    }
}

/// One block of a hostile length holds up nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_block_is_checked_apart() {
    let reply = "請執行kubectl delete ns shop ".repeat(900) + "[1]";
    let llm = ScriptedLlm::start(Script::Say(Arc::new(move |_| reply.clone()))).await;
    let mut setup = Setup::with_llm(&llm.base_url);
    setup.settings.llm_timeout = Duration::from_secs(60);
    let app = Arc::new(setup.start().await);
    let asking = tokio::spawn({
        let app = app.clone();
        async move { app.post("/v1/ask", json!({ "question": OOM }).to_string()).await.json() }
    });
    // On the one thread that both share.
    let longest = Arc::new(Mutex::new(Duration::ZERO));
    let beating = tokio::spawn({
        let (app, longest) = (app.clone(), longest.clone());
        async move {
            loop {
                let before = Instant::now();
                assert_eq!(app.get("/healthz").await.status.as_u16(), 200);
                sleep(Duration::from_millis(5)).await;
                let mut longest = longest.lock().expect("no test panicked");
                *longest = before.elapsed().max(*longest);
            }
        }
    });
    let before = Instant::now();
    let reply = asking.await.expect("it ends");
    let took = before.elapsed();
    beating.abort();
    assert_eq!(reply["answered_by"], "llm", "{}", reply["degraded"]);
    assert!(!reply["answer"].as_str().expect("a string").contains("kubectl delete"));
    let longest = *longest.lock().expect("no test panicked");
    assert!(longest < took / 2, "others waited {longest:?} of {took:?}");
}

/// A reader of the text sees no status.
#[tokio::test]
async fn every_text_says_that_it_covers_a_part_only() {
    let app = TestApp::new().await;
    for (language, says) in [
        ("english", "The documents may cover only a part of this."),
        ("zh-TW", "文件可能只涵蓋其中一部分。"),
        ("zh-CN", "文档可能只涵盖其中一部分。"),
        ("vi", "Tài liệu có thể chỉ đề cập một phần."),
        ("id", "Dokumen mungkin hanya mencakup sebagian."),
    ] {
        let labelled = app.k8sgpt(MASKED, language).await;
        assert_eq!(labelled["status"], "partial", "{labelled}");
        assert_eq!(response(&labelled).matches(says).count(), 1, "{language}: {}", response(&labelled));
        assert!(response(&labelled).contains("\nError: "), "{language}: {}", response(&labelled));
        let body = json!({ "options": { "message": MASKED, "language": language } });
        let plain = app.post("/v1/completions", body.to_string()).await.json();
        assert_eq!(
            plain["choices"][0]["text"].as_str().map(|text| text.matches(says).count()),
            Some(1),
            "{plain}"
        );
    }
    let chat = json!({ "messages": [{ "role": "user", "content": MASKED }] });
    let whole = app.post("/v1/chat/completions", chat.to_string()).await.json();
    let streamed = json!({ "stream": true, "messages": chat["messages"] });
    let streamed = app.open("/v1/chat/completions", &streamed).await.rest().await;
    let whole = whole["choices"][0]["message"]["content"].as_str().expect("a string");
    assert_eq!(streamed.text, whole);
    assert!(whole.contains("The documents may cover only a part of this."), "{whole}");
    let answered = app.k8sgpt(OOM, "english").await;
    assert_eq!(answered["status"], "answered", "{answered}");
    assert!(!response(&answered).contains("only a part"), "{answered}");
}
