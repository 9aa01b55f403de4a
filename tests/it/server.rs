//! Connections that misbehave, and the end of the server.

use crate::harness::{Script, ScriptedLlm, Served, Setup, k8sgpt_request, serve};
use runbookd::http::server::Ending;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What comes back before the connection ends.
pub async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn slow_clients_are_closed_and_others_served() {
    let environment = vec![("RUNBOOKD_SERVER_READ_TIMEOUT_S", "0.5".to_owned())];
    let app = Setup { environment, ..Setup::default() }.start().await;
    let served = serve(&app, None).await;
    let starts: [&[u8]; 4] = [
        b"",
        b"GET /healthz HT",
        b"POST /completions HTTP/1.1\r\nhost: x\r\nx-drip: ",
        b"PRI * HTTP/2.0\r\n\r\nSM",
    ];
    let mut slow = Vec::new();
    for start in starts.iter().cycle().take(40) {
        let mut stream = TcpStream::connect(served.address).await.expect("a connection");
        stream.write_all(start).await.expect("sent");
        slow.push(tokio::spawn(async move {
            let before = Instant::now();
            let (mut from, mut to) = stream.split();
            let drip = async {
                while to.write_all(b"a").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            let mut bytes = Vec::new();
            tokio::select! {
                _ = from.read_to_end(&mut bytes) => {}
                () = drip => {}
            }
            before.elapsed()
        }));
    }
    let mut good = TcpStream::connect(served.address).await.expect("a connection");
    good.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    assert!(read_all(&mut good).await.starts_with("HTTP/1.1 200"));
    for client in slow {
        let took = client.await.expect("it ended");
        assert!(took < Duration::from_secs(3), "a slow client was kept for {took:?}");
    }
    // A body that never comes.
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    stream
        .write_all(b"POST /completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{\"pr")
        .await
        .expect("sent");
    let reply =
        tokio::time::timeout(Duration::from_secs(3), read_all(&mut stream)).await.expect("closed in time");
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
}

/// Who asks and asks and takes none of the replies would keep a connection for ever.
#[tokio::test]
async fn clients_that_do_not_read_are_closed() {
    let environment = vec![("RUNBOOKD_SERVER_READ_TIMEOUT_S", "0.5".to_owned())];
    let app = Setup { environment, ..Setup::default() }.start().await;
    let served = serve(&app, None).await;
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let asking = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(5), asking).await.expect("the server closes");
    let metrics = String::from_utf8(app.get("/metrics").await.body).expect("UTF-8");
    assert!(metrics.contains("runbookd_connections_total{event=\"slow\"} 1\n"), "{metrics}");
}

/// How a server ends that was told to stop.
async fn ending(served: Served) -> Ending {
    let ended = tokio::time::timeout(Duration::from_secs(5), served.ended).await.expect("it ends");
    ended.expect("without a panic")
}

/// Whether a new connection is served.
async fn accepts(served: &Served) -> bool {
    let Ok(mut stream) = TcpStream::connect(served.address).await else { return false };
    let request = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.is_ok()
        && read_all(&mut stream).await.starts_with("HTTP/1.1 200")
}

/// Load balancers go on sending for a moment after readiness has dropped.
#[tokio::test]
async fn before_it_stops_it_says_so() {
    let start = async |delay_s: &str| {
        let environment = vec![("RUNBOOKD_SERVER_SHUTDOWN_DELAY_S", delay_s.to_owned())];
        let app = Setup { environment, ..Setup::default() }.start().await;
        let served = serve(&app, None).await;
        served.stop.send(()).expect("it runs");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(app.get("/readyz").await.status.as_u16(), 503);
        assert!(accepts(&served).await);
        served
    };
    assert_eq!(ending(start("1").await).await, Ending::Drained, "when the delay is over");
    let hurried = start("1000").await;
    hurried.stop.send(()).expect("it runs");
    assert_eq!(ending(hurried).await, Ending::Drained, "when it is told again");
}

/// A client whose question is being answered.
async fn asking(served: &Served) -> TcpStream {
    let body = k8sgpt_request("the last termination reason is OOMKilled", "english").to_string();
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    let head =
        format!("POST /completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream
}

#[tokio::test]
async fn who_insists_is_obeyed_at_once() {
    let llm = ScriptedLlm::start(Script::Silent).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let served = serve(&app, None).await;
    let _asking = asking(&served).await;
    let before = Instant::now();
    for _ in 0..2 {
        served.stop.send(()).expect("it runs");
    }
    assert_eq!(ending(served).await, Ending::Abandoned);
    assert!(before.elapsed() < Duration::from_millis(800), "{:?}", before.elapsed());
}

#[tokio::test]
async fn stopping_answers_what_is_under_way() {
    let llm = ScriptedLlm::start(Script::Silent).await;
    let app = Setup::with_llm(&llm.base_url).start().await;
    let served = serve(&app, None).await;
    let mut stream = asking(&served).await;
    assert_eq!(app.get("/readyz").await.status.as_u16(), 200);
    served.stop.send(()).expect("it runs");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let draining = app.get("/readyz").await;
    assert_eq!(draining.status.as_u16(), 503);
    assert_eq!(draining.json()["status"], "draining");
    assert!(TcpStream::connect(served.address).await.is_err(), "nothing new is accepted");
    let reply = read_all(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("llm_timeout"), "{reply}");
    assert_eq!(ending(served).await, Ending::Drained);
}
