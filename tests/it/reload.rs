//! SIGHUP: a server that runs takes up what is new, says what it cannot, and ends nothing.

use crate::{
    harness::{Script, ScriptedLlm, http_client},
    process::Server,
    routes::sha256,
    sse::Step,
};
use serde_json::json;
use std::{fs, path::Path, sync::Arc, time::Duration};
use tokio::sync::Notify;

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";

/// Files of a server in a directory of their own.
struct Files(tempfile::TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    }

    fn tokens(&self, tokens: &[&str]) -> String {
        let entry = |token: &&str| {
            format!("[[token]]\nname = \"{token}\"\nsha256 = \"{}\"\nroles = [\"admin\"]\n", sha256(token))
        };
        self.write("tokens.toml", &tokens.iter().map(entry).collect::<String>())
    }

    /// A certificate and its key; the certificate.
    fn certificate(&self) -> reqwest::Certificate {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        self.write("tls.crt", &made.cert.pem());
        self.write("tls.key", &made.signing_key.serialize_pem());
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate")
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

/// Waits for a state; the server is told by a signal, which nothing answers.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come");
}

async fn status(client: &reqwest::Client, url: &str, token: &str) -> u16 {
    let body = json!({ "query": "image pull" }).to_string();
    let sent = client.post(format!("{url}/v1/search")).bearer_auth(token).body(body).send().await;
    sent.expect("a reply").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_settings_are_taken_up_and_a_stream_goes_on() {
    let go_on = Arc::new(Notify::new());
    let llm = ScriptedLlm::start(Script::streams(vec![
        Step::text("The kernel killed it for using too much memory [1].\n\n"),
        Step::Hold(go_on.clone()),
        Step::text("Raise its memory limit [1]."),
        Step::Finish("stop"),
        Step::Done,
    ]))
    .await;
    let files = Files(tempfile::tempdir().expect("a temporary directory"));
    let tokens = files.tokens(&["old", "both"]);
    let config = |more: &str| files.write("runbookd.toml", &format!("tokens_file = {tokens:?}\n{more}"));
    let path = config("[server]\nmax_body_bytes = 200000\n");
    let base_url = llm.base_url.clone();
    let mut server = Server::start_with(
        &["--config", &path],
        &[("RUNBOOKD_LLM_BASE_URL", &base_url), ("RUNBOOKD_LLM_MODEL", "scripted")],
    );
    let (client, url) = (http_client().build().expect("a client"), format!("http://{}", server.address));
    let ask = json!({ "stream": true, "messages": [{ "role": "user", "content": OOM }] }).to_string();
    let asked = client.post(format!("{url}/v1/chat/completions")).bearer_auth("old").body(ask);
    let mut stream = asked.send().await.expect("a reply");
    let mut seen = String::new();
    while !seen.contains("too much memory") {
        let piece = stream.chunk().await.expect("it goes on").expect("it has not ended");
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
    assert_eq!(status(&client, &url, "new").await, 401);

    files.tokens(&["new", "both"]);
    config("[server]\nmax_body_bytes = 20\ncached_answers = 7\n");
    server.signal("HUP");
    until("the new token", async || status(&client, &url, "new").await != 401).await;
    assert_eq!(status(&client, &url, "new").await, 413, "the smaller limit holds");
    assert_eq!(status(&client, &url, "old").await, 401, "it was taken away");
    // Broken in every way: what was read before stays.
    for broken in ["[server]\nmax_body_bytes = \"many\"\n", "[server]\nmax_bodies = 1\n", "[server\n"] {
        config(broken);
        server.signal("HUP");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    files.write("tokens.toml", "");
    config("[server]\nmax_body_bytes = 200000\n");
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(status(&client, &url, "both").await, 413);
    // Without any token it would be open to everybody.
    files.write("runbookd.toml", "[server]\nmax_body_bytes = 300000\n");
    server.signal("HUP");
    until("the larger limit", async || status(&client, &url, "both").await == 200).await;
    assert_eq!(status(&client, &url, "none").await, 401);

    go_on.notify_one();
    while let Some(piece) = stream.chunk().await.expect("it goes on") {
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(seen.contains("memory limit") && seen.trim_end().ends_with("[DONE]"), "{seen}");
    let log = tokio::task::spawn_blocking(move || server.stop()).await.expect("it ends");
    for line in [
        "taken_up=\"server.max_body_bytes\"",
        "keys=\"server.cached_answers\"",
        "`server.max_body_bytes`: invalid type",
        "keys=\"tokens_file\"",
        "it lists no `[[token]]`",
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_to_new_connections() {
    let files = Files(tempfile::tempdir().expect("a temporary directory"));
    let first = files.certificate();
    let (certificate, key) = (files.path("tls.crt"), files.path("tls.key"));
    let mut server = Server::start_with(
        &[],
        &[("RUNBOOKD_SERVER_TLS_CERT", &certificate), ("RUNBOOKD_SERVER_TLS_KEY", &key)],
    );
    let address = server.address.parse().expect("an address");
    let trusting = |root: &reqwest::Certificate| {
        let client = http_client().resolve("localhost", address).add_root_certificate(root.clone());
        client.build().expect("a client")
    };
    let url = format!("https://localhost:{}/healthz", address.port());
    let is_shown = async |client: reqwest::Client| client.get(&url).send().await.is_ok();
    let open = trusting(&first);
    assert!(is_shown(open.clone()).await);
    // The key of another pair: the old one stays.
    let second = files.certificate();
    let whole = fs::read_to_string(Path::new(&key)).expect("it is there");
    files.write("tls.key", "no key");
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(is_shown(trusting(&first)).await);
    files.write("tls.key", &whole);
    server.signal("HUP");
    until("the new certificate", async || is_shown(trusting(&second)).await).await;
    assert!(!is_shown(trusting(&first)).await);
    assert!(is_shown(open).await, "a connection that is open goes on");
    let log = tokio::task::spawn_blocking(move || server.stop()).await.expect("it ends");
    assert!(log.contains("holds no private key"), "{log}");
}
