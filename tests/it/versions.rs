//! Pages that exist in several versions: the one that is asked for answers, and what is not described is said.

use crate::harness::{TestApp, with_pages};
use serde_json::{Value, json};

async fn ask(app: &TestApp, question: &str) -> Value {
    app.post("/v1/ask", json!({ "question": question }).to_string()).await.json()
}

/// The same page in two versions, marked in one of the ways that documents have.
fn pages(mark: &str) -> Vec<(String, String)> {
    let page = |version: &str, replicas: u32, messages: u32| {
        let text =
            format!("The relay keeps {replicas} replicas by default. Its queue holds {messages} messages.\n");
        let title = "# Defaults of the relay";
        match mark {
            "front matter" => (
                format!("defaults-{replicas}.md"),
                format!("---\nversion: {version}\n---\n{title}\n\n{text}"),
            ),
            "list" => (
                format!("defaults-{replicas}.md"),
                format!("---\nversions: [{version}]\n---\n{title}\n\n{text}"),
            ),
            "title" => (format!("defaults-{replicas}.md"), format!("{title} {version}\n\n{text}")),
            "file name" => (format!("defaults-v{version}.md"), format!("{title}\n\n{text}")),
            folder => {
                (format!("{}/defaults.md", folder.replace("VERSION", version)), format!("{title}\n\n{text}"))
            }
        }
    };
    vec![page("1.11", 3, 1000), page("1.13", 5, 8000)]
}

#[tokio::test]
async fn the_version_that_is_asked_for_answers() {
    for mark in [
        "docs/VERSION",
        "vVERSION",
        "docs/release-VERSION",
        "versioned_docs/version-VERSION.x",
        "VERSION.x/en",
        "relay-VERSION",
        "front matter",
        "list",
        "title",
        "file name",
    ] {
        let pages = pages(mark);
        let pages: Vec<(&str, &str)> =
            pages.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let (app, _kb) = with_pages(&pages).await;
        let what = "how many messages does the queue of the relay hold by default";
        for (question, says, others) in [
            (format!("{what} in version 1.13?"), "8000", "1000"),
            (format!("{what} in version 1.11?"), "1000", "8000"),
            (format!("{what} in v1.11.4?"), "1000", "8000"),
            (format!("{what} on 1.11?"), "1000", "8000"),
            (format!("relay 1.11: {what}?"), "1000", "8000"),
            // The newest where none is asked for, or where a number is no version.
            (format!("{what}?"), "8000", "1000"),
            (format!("{what} with image relay:1.11.0 and 1.5 GiB at 10.0.0.1?"), "8000", "1000"),
            (format!("{what} on kubernetes 1.29?"), "8000", "1000"),
        ] {
            let reply = ask(&app, &question).await;
            let text = reply["answer"].as_str().expect("a string");
            assert_ne!(reply["status"], "unknown", "{mark}: {question}: {reply}");
            assert!(text.contains(says) && !text.contains(others), "{mark}: {question}: {text}");
        }
        for (question, begins) in [
            (format!("{what} in version 1.12?"), "The documents describe version 1.11, 1.13, not 1.12."),
            (format!("{what} in relay v1.12.3?"), "The documents describe version 1.11, 1.13, not 1.12.3."),
        ] {
            let reply = ask(&app, &question).await;
            let text = reply["answer"].as_str().expect("a string").replace(".x", "");
            assert!(text.contains(begins), "{mark}: {question}: {text}");
            assert!(!text.contains("1000") && !text.contains("8000"), "{mark}: {question}: {text}");
            assert_eq!(reply["status"], "unknown", "{mark}: {question}: {reply}");
            assert_eq!(reply["nearest"].as_array().map(Vec::len), Some(2), "{mark}: {question}: {reply}");
        }
    }
}

#[tokio::test]
async fn a_gap_is_told_in_the_askers_language() {
    let pages = pages("docs/VERSION");
    let pages: Vec<(&str, &str)> = pages.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (app, _kb) = with_pages(&pages).await;
    for (language, says) in [
        ("english", "The documents describe version 1.11, 1.13, not 1.12."),
        ("zh-TW", "文件說明的是 1.11、1.13 版，沒有 1.12 版。"),
        ("zh-CN", "文档说明的是 1.11、1.13 版，没有 1.12 版。"),
        ("vi", "Tài liệu mô tả phiên bản 1.11, 1.13, không có phiên bản 1.12."),
        ("id", "Dokumen menjelaskan versi 1.11, 1.13, bukan versi 1.12."),
    ] {
        let body = json!({ "question": "defaults of the relay in version 1.12", "language": language });
        let reply = app.post("/v1/ask", body.to_string()).await.json();
        assert!(reply["answer"].as_str().is_some_and(|text| text.contains(says)), "{language}: {reply}");
    }
}

#[tokio::test]
async fn what_has_no_version_stays() {
    let (app, _kb) = with_pages(&[
        ("1.11/queue.md", "# Queue of the relay\n\nThe queue of the relay holds 1000 messages by default.\n"),
        ("drain.md", "# Drain the relay\n\nDrain the relay with `relayctl drain` in any release.\n"),
        ("relay v1.33 upgrade.md", "Upgrade the relay on Tuesdays only, with `relayctl upgrade`.\n"),
    ])
    .await;
    // Only one version is described: it is shown, and the text says which.
    let reply =
        ask(&app, "how many messages does the queue of the relay hold by default in version 1.13?").await;
    let text = reply["answer"].as_str().expect("a string");
    assert_eq!(reply["status"], "partial", "{reply}");
    assert!(
        text.contains("1000") && text.contains("The documents describe version 1.11, not 1.13."),
        "{text}"
    );
    assert!(text.contains("The documents may cover only a part of this."), "{text}");
    for question in [
        "how do I drain the relay 1.13 with relayctl drain?",
        "how do I drain the relay with relayctl drain?",
    ] {
        let reply = ask(&app, question).await;
        assert!(reply["answer"].as_str().is_some_and(|text| text.contains("relayctl drain")), "{reply}");
    }
    // A title that no other page has but for the version only mentions it.
    let reply = ask(&app, "upgrade the relay to version 1.34 with relayctl upgrade, on Tuesdays only?").await;
    assert!(reply["answer"].as_str().is_some_and(|text| text.contains("Tuesdays")), "{reply}");
    let page = app.get("/v1/documents?id=kb/relay%20v1.33%20upgrade.md").await.json();
    assert_eq!((&page["title"], &page["version"]), (&json!("relay v1.33 upgrade"), &Value::Null));
}
