//! `runbookd ready`: what a container's health check is told.

use crate::process::{Server, runbookd};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// The exit code and the one line of output.
fn ready(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let output =
        runbookd(&["ready"]).args(arguments).envs(environment.iter().copied()).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code().expect("it ended by itself"), text)
}

fn check(arguments: &[&str], environment: &[(&str, &str)], code: i32, says: &str) {
    let (found, text) = ready(arguments, environment);
    assert!(found == code && text.contains(says), "{arguments:?} {environment:?}: {found}, {text}");
}

/// Passes one request on to a server without `/runbooks` before its path, as a proxy does; its address.
fn proxy(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut lines = BufReader::new(client.try_clone().expect("a socket"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            lines.read_line(&mut head).expect("a line");
        }
        let head =
            head.replacen("GET /runbooks/", "GET /", 1).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        let mut server = TcpStream::connect(target).expect("it listens");
        server.write_all(head.as_bytes()).expect("sent");
        let mut reply = Vec::new();
        server.read_to_end(&mut reply).expect("a reply");
        client.write_all(&reply).expect("sent");
    });
    address
}

#[test]
fn a_server_says_whether_it_is_ready() {
    let mut server = Server::start(&[("RUNBOOKD_SERVER_SHUTDOWN_DELAY_S", "20")]);
    let url = format!("http://{}", server.address);
    check(&["--url", &url], &[], 0, "ready: knowledge base g1.");
    // As in a container: the configuration that the server has, and a proxy for the world outside.
    let closed = ("HTTP_PROXY", "http://127.0.0.1:9");
    let anywhere = server.address.replace("127.0.0.1", "0.0.0.0");
    check(&[], &[("RUNBOOKD_LISTEN", &server.address), closed], 0, "ready: ");
    check(&[], &[("RUNBOOKD_LISTEN", &anywhere), closed], 0, "ready: ");
    check(&["--url", &url], &[closed], 0, "ready: ");
    // Below a path.
    let below = format!("http://{}/runbooks", proxy(server.address.clone()));
    check(&["--url", &below], &[], 0, "ready: ");
    check(&["--url", &format!("{url}/runbooks")], &[], 1, "not ready: http://127.0.0.1:");
    check(&["--url", &format!("{url}/runbooks/")], &[], 1, "it answered with status 404");

    server.signal("TERM");
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let (code, text) = ready(&["--url", &url], &[]);
        if code == 1 {
            assert!(text.contains("it answered with status 503"), "{text}");
            break;
        }
        assert!(Instant::now() < deadline, "it is still ready");
    }
    server.stop();
    check(&["--url", &url], &[], 1, "no connection");
}

#[test]
fn a_server_that_speaks_tls_is_known_by_its_certificate() {
    let directory = tempfile::tempdir().expect("a directory");
    let pair = |name: &str| {
        // Not the name that it is called by.
        let made =
            rcgen::generate_simple_self_signed(["runbooks.example".to_owned()]).expect("a certificate");
        let path = |end: &str| directory.path().join(format!("{name}.{end}")).display().to_string();
        fs::write(path("crt"), made.cert.pem()).expect("written");
        fs::write(path("key"), made.signing_key.serialize_pem()).expect("written");
        (path("crt"), path("key"))
    };
    let ((certificate, key), (other, other_key)) = (pair("tls"), pair("other"));
    let tls = |certificate: &str, key: &str| {
        [("RUNBOOKD_SERVER_TLS_CERT", certificate.to_owned()), ("RUNBOOKD_SERVER_TLS_KEY", key.to_owned())]
    };
    let borrowed = |pairs: &[(&'static str, String)], listen: &str| -> Vec<(&'static str, String)> {
        [pairs, &[("RUNBOOKD_LISTEN", listen.to_owned())]].concat()
    };
    let environment = tls(&certificate, &key);
    let server = Server::start(&environment.each_ref().map(|(name, value)| (*name, value.as_str())));
    for (files, code, says) in [
        (tls(&certificate, &key), 0, "ready: "),
        (tls(&other, &other_key), 1, "no trusted connection"),
        (tls("/nonexistent.crt", &key), 1, "cannot read `/nonexistent.crt`"),
    ] {
        let environment = borrowed(&files, &server.address);
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        check(&[], &environment, code, says);
    }
    check(&["--url", &format!("https://{}", server.address)], &[], 1, "no trusted connection");
    check(&[], &[("RUNBOOKD_LISTEN", &server.address)], 1, "not ready: http://127.0.0.1:");
    server.stop();
}

#[test]
fn what_cannot_be_asked_is_not_ready() {
    check(&["--url", "127.0.0.1:8000"], &[], 1, "no http or https URL");
    check(&[], &[("RUNBOOKD_LISTEN", "127.0.0.1:0")], 1, "give `--url`");
    check(&["--config", "/nonexistent.toml"], &[], 1, "cannot read the configuration file");
    // One that takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let started = Instant::now();
    check(&["--url", &url], &[], 1, "no complete reply within its time");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
