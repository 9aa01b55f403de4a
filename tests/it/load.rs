//! More than the server can do, slow clients in numbers, and a knowledge base that changes underneath: what must hold,
//! without any time asserted. `scripts/bench/load.py` measures the same.

use crate::{
    harness::{Setup, TestApp, build, ingest_into, serve},
    server::read_all,
};
use axum::{body::Body, http::StatusCode};
use futures::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream};

async fn search(app: &TestApp, query: &str) -> StatusCode {
    let reply = app.post("/v1/search", json!({ "query": query }).to_string()).await;
    if reply.status == StatusCode::SERVICE_UNAVAILABLE {
        assert_eq!(reply.headers["retry-after"], "5");
    }
    reply.status
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once() {
    let mut setup = Setup::default();
    setup.settings.search_slots = 2;
    let app = setup.start().await;
    let queries: Vec<String> = (0..40).map(|at| format!("image pull {at}")).collect();
    let statuses = join_all(queries.iter().map(|query| search(&app, query))).await;
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    let (served, refused) = (count(StatusCode::OK), count(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(served + refused, 40, "{statuses:?}");
    assert!(served >= 3 && refused > 0, "two slots and one who waits: {statuses:?}");
    assert_eq!(search(&app, "afterwards").await, StatusCode::OK);
}

/// Bodies of almost the largest size that never end: together they may hold 64 MiB.
#[tokio::test]
async fn bodies_together_are_bounded() {
    let app = TestApp::new().await;
    let endless = || {
        let start = stream::once(async { Ok::<_, std::io::Error>(vec![b' '; (1 << 20) - 1]) });
        Body::from_stream(start.chain(stream::pending()))
    };
    let mut replies: FuturesUnordered<_> = (0..70).map(|_| app.post("/v1/search", endless())).collect();
    for _ in 0..6 {
        let reply = replies.next().await.expect("seventy are under way");
        assert_eq!(
            (reply.status, &reply.headers["retry-after"]),
            (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().expect("a value"))
        );
    }
    drop(replies);
    assert_eq!(search(&app, "afterwards").await, StatusCode::OK);
}

#[tokio::test]
async fn who_comes_beyond_the_limit_is_told_so() {
    let environment = vec![
        ("RUNBOOKD_SERVER_READ_TIMEOUT_S", "0.5".to_owned()),
        ("RUNBOOKD_SERVER_MAX_CONNECTIONS", "2".to_owned()),
    ];
    let app = Setup { environment, ..Setup::default() }.start().await;
    let served = serve(&app, None).await;
    let connect = async || TcpStream::connect(served.address).await.expect("a connection");
    let ask = async |mut stream: TcpStream| {
        let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        read_all(&mut stream).await
    };
    let idle = (connect().await, connect().await);
    let refused = ask(connect().await).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"), "{refused}");
    let (mut one, mut two) = idle;
    assert_eq!(
        (read_all(&mut one).await, read_all(&mut two).await),
        (String::new(), String::new()),
        "closed"
    );
    assert!(ask(connect().await).await.starts_with("HTTP/1.1 200"), "there is room again");
    let mut kept = connect().await;
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert!(read_all(&mut kept).await.starts_with("HTTP/1.1 200"), "and then it is closed");
    let text = String::from_utf8(app.get("/metrics").await.body).expect("UTF-8");
    for line in [
        r#"runbookd_connections_total{event="refused"} 1"#,
        r#"runbookd_connections_total{event="slow"} 2"#,
        r#"runbookd_connections_total{event="idle"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn questions_are_answered_while_the_knowledge_base_changes() {
    let folder = tempfile::tempdir().expect("a directory");
    let documents = folder.path().join("docs");
    std::fs::create_dir(&documents).expect("a folder");
    let write = |edition: usize| {
        let page = format!("# Draining a node\n\nEdition {edition}. Cordon the node, then drain it.\n");
        std::fs::write(documents.join("drain.md"), page).expect("written");
    };
    write(0);
    let kb = build(std::slice::from_ref(&documents));
    let app = Setup { kb: kb.path().to_owned(), ..Setup::default() }.start().await;
    let mut versions = BTreeSet::new();
    for edition in 1..=5 {
        write(edition);
        let (kb, documents) = (kb.path().to_owned(), documents.clone());
        let ingesting = tokio::task::spawn_blocking(move || ingest_into(&kb, &[documents]));
        let mut done = false;
        while !done {
            done = ingesting.is_finished();
            let reply = app.post("/v1/search", json!({ "query": "drain a node" }).to_string()).await;
            assert_eq!(reply.status, StatusCode::OK);
            let reply = reply.json();
            assert_eq!(reply["hits"].as_array().map(Vec::len), Some(1), "{reply}");
            versions.insert(reply["kb_version"].as_str().expect("a string").to_owned());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ingesting.await.expect("the documents are read");
    }
    // A reader looks for news every tenth of a second.
    for _ in 0..100 {
        let reply = app.post("/v1/search", json!({ "query": "drain a node" }).to_string()).await.json();
        versions.insert(reply["kb_version"].as_str().expect("a string").to_owned());
        if reply["hits"][0]["text"].as_str().is_some_and(|text| text.contains("Edition 5")) {
            assert!(versions.len() > 1, "{versions:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the last edition is not found: {versions:?}");
}
