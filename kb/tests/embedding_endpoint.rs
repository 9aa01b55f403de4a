//! The embeddings endpoint: what is sent, and what becomes of each way it can fail. A scripted server on loopback.

use kb::embed::{EmbedError, Embedder, EmbedderChoice, EmbedderSettings, EndpointSettings};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Duration, Instant},
};

/// What the server does with one request.
enum Reply {
    /// Vectors of dimension 2, last text first.
    Vectors,
    /// A status and no body.
    Status(&'static str),
    /// Nothing, until the client gives up.
    Silence,
    /// This body.
    Body(&'static str),
}

struct Server {
    base_url: String,
    requests: mpsc::Receiver<(String, serde_json::Value)>,
}

/// Serves `replies` in order, the last one again and again; runs until the test ends.
fn serve(replies: Vec<Reply>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base_url = format!("http://{}/v1", listener.local_addr().expect("it is bound"));
    let (seen, requests) = mpsc::channel();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for (turn, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { return };
            let reply = &replies[turn.min(replies.len() - 1)];
            let Some(request) = read_request(&stream) else { continue };
            let texts = request.1["input"].as_array().map_or(0, Vec::len);
            let _ = seen.send(request);
            match reply {
                Reply::Vectors => {
                    let data: Vec<_> = (0..texts)
                        .rev()
                        .map(|index| serde_json::json!({"index": index, "embedding": [3.0 + index as f32, 4.0]}))
                        .collect();
                    respond(&stream, "200 OK", &serde_json::json!({ "data": data }).to_string());
                }
                Reply::Status(status) => respond(&stream, status, ""),
                Reply::Body(body) => respond(&stream, "200 OK", body),
                Reply::Silence => silent.push(stream),
            }
        }
    });
    Server { base_url, requests }
}

fn read_request(stream: &TcpStream) -> Option<(String, serde_json::Value)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn respond(mut stream: &TcpStream, status: &str, body: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn connect(server: &Server, timeout: Duration) -> Result<Embedder, EmbedError> {
    let mut settings = EmbedderSettings::new(EmbedderChoice::Endpoint("tiny".to_owned()));
    settings.endpoint = Some(EndpointSettings {
        base_url: server.base_url.clone(),
        api_key: Some("s3cret".to_owned()),
        timeout,
        max_tokens: 512,
    });
    settings.start()
}

#[tokio::test]
async fn vectors_are_asked_for_with_the_key_and_come_back_in_order() {
    let server = serve(vec![Reply::Vectors]);
    let embedder = connect(&server, Duration::from_secs(5)).expect("the server answers");
    assert_eq!(embedder.identity().dimensions, 2);
    let vectors =
        embedder.embed_passages(vec!["a".to_owned(), "bb".to_owned()]).await.expect("it answers again");
    assert_eq!(vectors[0], [0.6, 0.8]);
    assert!((vectors[1][0] - 4.0 / 32.0f32.sqrt()).abs() < 1e-6);
    let (head, body) = server.requests.iter().nth(1).expect("two requests were made");
    assert!(head.starts_with("POST /v1/embeddings"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer s3cret"), "{head}");
    assert_eq!(body["model"], "tiny");
    assert_eq!(body["input"], serde_json::json!(["a", "bb"]));
}

#[test]
fn a_passing_fault_is_tried_again() {
    let server = serve(vec![Reply::Status("503 Service Unavailable"), Reply::Vectors]);
    connect(&server, Duration::from_secs(5)).expect("the second try succeeds");
    assert_eq!(server.requests.try_iter().count(), 2);
}

#[test]
fn faults_end_in_a_clear_error_without_the_key() {
    for (replies, expected) in [
        (vec![Reply::Status("401 Unauthorized")], "check the model's name and the key"),
        (vec![Reply::Status("429 Too Many Requests")], "429"),
        (vec![Reply::Body("<html>")], "no embeddings object"),
        (vec![Reply::Body(r#"{"data":[]}"#)], "no vector for text 0"),
        (vec![Reply::Body(r#"{"data":[{"index":7,"embedding":[1.0]}]}"#)], "a vector 7 for 1 texts"),
        (vec![Reply::Silence], "no reply within"),
    ] {
        let server = serve(replies);
        let started = Instant::now();
        let error = connect(&server, Duration::from_secs(2)).expect_err("it cannot work").to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(4), "the deadline covers all tries");
    }
}
