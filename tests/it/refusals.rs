//! Refusals of bodies that are still under way: who sends everything before reading must find the reply all the same.

use crate::harness::{Setup, TestApp, serve};
use axum::http::Method;
use runbookd::http::router::routes;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sending {
    /// Its length first.
    Whole,
    /// In chunks, with no length.
    Chunked,
    /// The head, and the body without waiting for the server's word.
    Expecting,
}

/// Sends a request to its last byte, then reads to the end of the connection, which must not be reset.
async fn send(address: SocketAddr, path: &str, headers: &str, sending: Sending, bytes: usize) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}");
    head.push_str(&match sending {
        Sending::Whole => format!("content-length: {bytes}\r\n\r\n"),
        Sending::Chunked => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        Sending::Expecting => format!("expect: 100-continue\r\ncontent-length: {bytes}\r\n\r\n"),
    });
    stream.write_all(head.as_bytes()).await.expect("sent");
    let piece = vec![b' '; 64 << 10];
    for _ in 0..bytes / piece.len() {
        if sending == Sending::Chunked {
            stream
                .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                .await
                .expect("the server still takes it");
        }
        stream.write_all(&piece).await.unwrap_or_else(|error| panic!("{path} {sending:?}: {error}"));
        if sending == Sending::Chunked {
            stream.write_all(b"\r\n").await.expect("the server still takes it");
        }
    }
    if sending == Sending::Chunked {
        stream.write_all(b"0\r\n\r\n").await.expect("the server still takes it");
    }
    let mut reply = String::new();
    let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut reply));
    reading.await.expect("it is closed").unwrap_or_else(|error| panic!("{path} {sending:?}: {error}"));
    reply
}

#[track_caller]
fn check(reply: &str, status: u16, about: &str) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{about}: {reply:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{about}: {head}");
    assert!(head.contains("connection: close"), "{about}: {head}");
    let body: serde_json::Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{about}: {error}"));
    assert!(body["error"]["message"].is_string(), "{about}: {body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_says_that_a_body_is_too_large() {
    let served = serve(&TestApp::new().await, None).await;
    let paths: Vec<&str> =
        routes().iter().filter(|route| route.method == Method::POST).map(|route| route.path).collect();
    assert!(paths.len() >= 7, "{paths:?}");
    for path in paths {
        for sending in [Sending::Whole, Sending::Chunked, Sending::Expecting] {
            let reply = send(served.address, path, "", sending, 9 << 20).await;
            check(&reply, 413, &format!("{path} {sending:?}"));
        }
    }
}

/// Whatever the reason, and before anything of the body is read.
#[tokio::test(flavor = "multi_thread")]
async fn other_refusals_arrive_as_well() {
    let environment = vec![("RUNBOOKD_TOKEN", "token-canary".to_owned())];
    let served = serve(&Setup { environment, ..Setup::default() }.start().await, None).await;
    for (path, headers, status) in [
        ("/v1/ask", "", 401),
        ("/nowhere", "", 404),
        ("/healthz", "", 405),
        ("/completions", "authorization: Bearer token-canary\r\ncontent-encoding: gzip\r\n", 415),
    ] {
        for sending in [Sending::Whole, Sending::Chunked] {
            check(&send(served.address, path, headers, sending, 6 << 20).await, status, path);
        }
    }
    let served = serve(&TestApp::new().await, None).await;
    check(
        &send(served.address, "/v1/ask", "origin: https://evil.example\r\n", Sending::Whole, 6 << 20).await,
        403,
        "",
    );
}

/// What is small does not cost the connection, and who never stops sending is closed.
#[tokio::test(flavor = "multi_thread")]
async fn connections_go_on_after_small_refusals_and_end_after_endless_ones() {
    let environment = vec![("RUNBOOKD_SERVER_READ_TIMEOUT_S", "0.5".to_owned())];
    let served = serve(&Setup { environment, ..Setup::default() }.start().await, None).await;
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    for _ in 0..3 {
        let request = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.expect("a reply");
        assert!(bytes[..read].starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&bytes[..read]));
    }
    let mut endless = TcpStream::connect(served.address).await.expect("a connection");
    let head = "POST /v1/ask HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    endless.write_all(head.as_bytes()).await.expect("sent");
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let sending = async { while endless.write_all(chunk.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), sending).await.expect("it is closed");
}
