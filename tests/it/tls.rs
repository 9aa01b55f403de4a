//! HTTPS.

use crate::{
    harness::{Setup, http_client, serve},
    server::read_all,
};
use runbookd::http::tls::{Tls, TlsFiles};
use std::time::Duration;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

#[tokio::test]
async fn https_is_spoken_and_nothing_else() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let directory = tempfile::tempdir().expect("a directory");
    let files =
        TlsFiles { certificate: directory.path().join("tls.crt"), key: directory.path().join("tls.key") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    let environment = vec![("RUNBOOKD_SERVER_READ_TIMEOUT_S", "0.5".to_owned())];
    let app = Setup { environment, ..Setup::default() }.start().await;
    let served = serve(&app, Some(Tls::load(files).expect("a right pair"))).await;

    let port = served.address.port();
    let trusting = |certificate: Option<reqwest::Certificate>| {
        let builder = http_client().resolve("localhost", served.address);
        certificate
            .into_iter()
            .fold(builder, |builder, root| builder.add_root_certificate(root))
            .build()
            .expect("a client")
    };
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate");
    let reply =
        trusting(Some(root)).get(format!("https://localhost:{port}/healthz")).send().await.expect("a reply");
    assert_eq!(reply.status().as_u16(), 200);
    assert!(
        trusting(None).get(format!("https://localhost:{port}/healthz")).send().await.is_err(),
        "not trusted"
    );

    // Plain HTTP, a handshake that stops halfway, and silence all end.
    let plain: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    for start in [plain, b"\x16\x03\x01\x02\x00\x01", b""] {
        let mut stream = TcpStream::connect(served.address).await.expect("a connection");
        stream.write_all(start).await.expect("sent");
        let reply = timeout(Duration::from_secs(5), read_all(&mut stream)).await.expect("it is closed");
        assert!(!reply.contains("HTTP/1.1"), "{reply}");
    }
    let metrics = app.get("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    for line in
        [r#"runbookd_connections_total{event="slow"} 2"#, r#"runbookd_connections_total{event="no_tls"} 2"#]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}
