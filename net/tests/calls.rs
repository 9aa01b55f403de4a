//! Every rule of a call, against a server on this machine that says what it is told to.

use net::{
    Authorization, CallError, Client, HeaderMap, HeaderName, Method, Policy, Secret, Settings, SetupError,
    header,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

/// What the server does with one connection after it has read the request.
#[derive(Clone)]
enum Step {
    /// Says this and closes.
    Say(String),
    /// Says this and then nothing, with the connection open.
    Stall(String),
}

/// Replies in order; the last one again and again.
struct Server {
    origin: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        let mut steps: VecDeque<Step> = steps.into_iter().collect();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let step = if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() };
                tokio::spawn(serve(stream, step.expect("a step"), seen.clone()));
            }
        });
        Self { origin, requests }
    }

    fn num_requests(&self) -> usize {
        self.requests.lock().expect("no panic").len()
    }

    /// The first line of each request.
    fn lines(&self) -> Vec<String> {
        let requests = self.requests.lock().expect("no panic");
        requests.iter().filter_map(|request| request.lines().next()).map(str::to_owned).collect()
    }

    fn client(&self, path: &str) -> Client {
        Client::new(settings(&format!("{}{path}", self.origin))).expect("a client")
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, step: Step, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            seen.lock().expect("no panic").push(text);
            break;
        }
    }
    match step {
        Step::Say(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Step::Stall(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.flush().await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
}

fn policy() -> Policy {
    Policy {
        attempts: 3,
        budget: Duration::from_secs(4),
        per_try: Duration::from_secs(2),
        idle: Duration::from_secs(2),
        first_pause: Duration::from_millis(10),
        max_body: 1_000,
    }
}

fn settings(base: &str) -> Settings {
    Settings::new(base, policy()).expect("an address")
}

fn status(status: u16, headers: &str) -> Step {
    Step::Say(format!("HTTP/1.1 {status} X\r\n{headers}connection: close\r\ncontent-length: 6\r\n\r\ncanary"))
}

fn ok(body: &str) -> Step {
    Step::Say(format!(
        "HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn cut() -> Step {
    Step::Say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\n[\"half".to_owned())
}

#[tokio::test]
async fn a_reply_is_its_status_headers_and_body() {
    let server = Server::start([ok(r#"["a"]"#)]).await;
    let client = server.client("/wiki");
    let reply = client.get("rest/x", &[("q", "a b&c"), ("limit", "5")]).await.expect("a reply");
    assert_eq!((reply.status, reply.header("x-a"), reply.json()), (200, Some("b"), Ok(vec!["a".to_owned()])));
    client.get("/top?page=2", &[]).await.expect("a reply");
    client.get(&format!("{}/next?cursor=a%2Fb", server.origin), &[]).await.expect("a reply");
    client.get("", &[]).await.expect("a reply");
    client.post_json("x", &serde_json::json!({"a": 1})).await.expect("a reply");
    assert_eq!(
        server.lines(),
        [
            "GET /wiki/rest/x?q=a+b%26c&limit=5 HTTP/1.1",
            "GET /top?page=2 HTTP/1.1",
            "GET /next?cursor=a%2Fb HTTP/1.1",
            "GET /wiki HTTP/1.1",
            "POST /wiki/x HTTP/1.1"
        ]
    );
    let requests = server.requests.lock().expect("no panic");
    assert!(
        requests[4].ends_with("\r\n\r\n{\"a\":1}") && requests[4].contains("content-type: application/json")
    );
    assert!(
        requests[0].contains("accept: application/json") && requests[0].contains("user-agent: runbookd/")
    );
}

#[tokio::test]
async fn only_the_configured_system_is_called() {
    let server = Server::start([ok("[]")]).await;
    let client = server.client("/");
    for other in
        ["http://127.0.0.1:1/x", "//other.example/x", "https://127.0.0.1/x", "file:///etc/passwd", "mailto:x"]
    {
        assert_eq!(client.get(other, &[]).await.err(), Some(CallError::Address), "{other}");
    }
    assert_eq!(server.num_requests(), 0);
    for other in ["", "h", "ftp://h/", "file:///x", "http://"] {
        assert!(Settings::new(other, policy()).is_err(), "{other}");
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let server = Server::start([ok("[]")]).await;
    let secret = || Secret::new("canary".to_owned());
    for (authorization, header) in [
        (Authorization::Bearer(secret()), "authorization: Bearer canary"),
        (
            Authorization::Basic { user: "a@b".to_owned(), password: secret() },
            "authorization: Basic YUBiOmNhbmFyeQ==",
        ),
        (Authorization::Header(HeaderName::from_static("private-token"), secret()), "private-token: canary"),
    ] {
        let settings = settings(&server.origin).with(authorization.clone());
        let client = Client::new(settings).expect("a client");
        client.get("x", &[]).await.expect("a reply");
        let request = server.requests.lock().expect("no panic").pop().expect("a request");
        assert!(request.lines().any(|line| line == header), "{request}");
        assert!(!format!("{client:?}{authorization:?}").contains("canary"));
    }
    let two_lines = Authorization::Bearer(Secret::new("canary\nx".to_owned()));
    let error = Client::new(settings(&server.origin).with(two_lines)).expect_err("no header").to_string();
    assert!(!error.contains("canary"), "{error}");
    // Those of the address itself are kept on addresses that the system gave.
    let base = server.origin.replace("http://", "http://user:canary@");
    let client = Client::new(settings(&base)).expect("a client");
    client.get(&format!("{}/next", server.origin), &[]).await.expect("a reply");
    let request = server.requests.lock().expect("no panic").pop().expect("a request");
    assert!(request.contains("authorization: Basic dXNlcjpjYW5hcnk="), "{request}");
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_is_not() {
    let check = async |steps: Vec<Step>, expected: Result<u16, CallError>, num_requests: usize| {
        let server = Server::start(steps).await;
        let found = server.client("/").get("x", &[("token", "canary")]).await.map(|reply| reply.status);
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        assert_eq!((found, server.num_requests()), (expected, num_requests));
    };
    let failed = |status, retry_after: Option<u64>| {
        Err(CallError::Status { status, retry_after: retry_after.map(Duration::from_secs) })
    };
    for passing in [408, 429, 500, 502, 503, 504] {
        check(vec![status(passing, ""), status(passing, ""), ok("")], Ok(200), 3).await;
        check(vec![status(passing, "")], failed(passing, None), 3).await;
    }
    for lasting in [303, 304, 400, 401, 403, 404, 410, 422, 501] {
        check(vec![status(lasting, "")], failed(lasting, None), 1).await;
    }
    check(vec![cut(), Step::Say(String::new()), ok("")], Ok(200), 3).await;
    // Longer than there is time for: the caller is told.
    check(vec![status(429, "retry-after: 60\r\n")], failed(429, Some(60)), 1).await;
    let used_up = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 0\r\n";
    check(vec![status(403, used_up), ok("")], Ok(200), 2).await;
    check(vec![status(403, "retry-after: 0\r\n"), ok("")], Ok(200), 2).await;
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept() {
    let server = Server::start([status(503, "retry-after: 1\r\n"), ok("")]).await;
    let started = Instant::now();
    server.client("/").get("x", &[]).await.expect("a reply");
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_may_change_something_is_sent_once() {
    let server = Server::start([status(503, ""), ok("[]")]).await;
    let error = server.client("/").post_json("x", &1).await.err();
    assert_eq!((error.and_then(|error| error.status()), server.num_requests()), (Some(503), 1));
    let server = Server::start([status(503, ""), ok("[]")]).await;
    let client = server.client("/");
    let call = client.call(Method::POST, "x").expect("an address").json(&1).expect("JSON").repeatable();
    assert_eq!((call.send_for_json::<Vec<u8>>().await, server.num_requests()), (Ok(vec![]), 2));
}

#[tokio::test]
async fn json_that_ends_early_is_asked_for_again() {
    let server = Server::start([ok(r#"["a"#), ok(r#"["a"]"#)]).await;
    let client = server.client("/");
    // On another thread, as those are that read sources.
    let task = tokio::spawn(async move { client.get_json::<Vec<String>>("x", &[]).await });
    let found = task.await.expect("no panic");
    assert_eq!((found, server.num_requests()), (Ok(vec!["a".to_owned()]), 2));
    let server = Server::start([ok("<html>canary")]).await;
    let error = server.client("/").get_json::<Vec<String>>("x", &[]).await.expect_err("a page");
    assert!(matches!(error, CallError::NotJson { .. }) && !error.to_string().contains("canary"), "{error}");
    assert_eq!(server.num_requests(), 1);
}

#[tokio::test]
async fn every_wait_ends() {
    let check = async |step: Step, policy: Policy, expected: Duration, num_requests: usize| {
        let server = Server::start([step]).await;
        let client = server.client("/");
        let started = Instant::now();
        let error = client.call(Method::GET, "x").expect("an address").policy(policy).send().await.err();
        let took = started.elapsed();
        assert_eq!((error, server.num_requests()), (Some(CallError::Timeout), num_requests));
        assert!(took >= expected && took < expected + Duration::from_secs(1), "{took:?}");
    };
    let ms = Duration::from_millis;
    let half = || Step::Stall("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_owned());
    let per_try = Policy { per_try: ms(200), ..policy() };
    check(Step::Stall(String::new()), per_try, ms(600), 3).await;
    check(half(), per_try, ms(600), 3).await;
    check(half(), Policy { idle: ms(200), ..policy() }, ms(600), 3).await;
    check(Step::Stall(String::new()), Policy { budget: ms(300), ..policy() }, ms(300), 1).await;
    check(half(), Policy::once(ms(300), 1_000), ms(300), 1).await;
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let server = Server::start([ok(&"x".repeat(1_001))]).await;
    let error = server.client("/").get("x", &[]).await.err();
    assert_eq!((error, server.num_requests()), (Some(CallError::TooLarge { max_bytes: 1_000 }), 1));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000));
    let server = Server::start([Step::Stall(endless)]).await;
    let error = server.client("/").get("x", &[]).await.err();
    assert_eq!(error, Some(CallError::TooLarge { max_bytes: 1_000 }));
}

#[tokio::test]
async fn redirects_stay_within_the_system() {
    let other = Server::start([ok("[]")]).await;
    let to = |code: u16, location: &str| status(code, &format!("location: {location}\r\n"));
    for code in [301, 302, 307, 308] {
        let server = Server::start([to(code, "../b?canary=1"), ok("[]")]).await;
        let settings = settings(&server.origin).with(Authorization::Bearer(Secret::new("t".to_owned())));
        let client = Client::new(settings).expect("a client");
        client.get("x/a", &[]).await.expect("a reply");
        assert_eq!(server.lines(), ["GET /x/a HTTP/1.1", "GET /b?canary=1 HTTP/1.1"]);
        assert!(server.requests.lock().expect("no panic")[1].contains("authorization: Bearer t"));

        let refused = Err(CallError::Redirect { status: code });
        for location in [format!("{}/b", other.origin), "//h.example/b".to_owned(), "ftp://h/b".to_owned()] {
            let server = Server::start([to(code, &location)]).await;
            let found = server.client("/").get("x", &[]).await.map(|reply| reply.status);
            assert_eq!((found, server.num_requests()), (refused.clone(), 1), "{location}");
        }
        let server = Server::start([to(code, "/b"), ok("[]")]).await;
        let found = server.client("/").post_json("x", &1).await.map(|reply| reply.status);
        assert_eq!((found, server.num_requests()), (refused, 1), "what is posted stays where it was posted");
    }
    assert_eq!(other.num_requests(), 0);
    let server = Server::start([to(302, "/x")]).await;
    assert!(matches!(server.client("/").get("x", &[]).await, Err(CallError::Redirect { .. })));
    assert_eq!(server.num_requests(), 6, "a loop");
}

#[tokio::test]
async fn a_stream_comes_in_pieces_and_is_not_asked_for_again() {
    let text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: a";
    let server = Server::start([status(503, ""), Step::Stall(text.to_owned())]).await;
    let client = server.client("/");
    let call = client.call(Method::GET, "x").expect("an address");
    let mut incoming =
        call.policy(Policy { idle: Duration::from_millis(200), ..policy() }).open().await.expect("a head");
    assert_eq!(
        (incoming.status(), &incoming.headers()[header::CONTENT_TYPE]),
        (200, &"text/event-stream".parse().expect("a value"))
    );
    assert_eq!(incoming.chunk().await.expect("a piece").as_deref(), Some(&b"data: a"[..]));
    assert_eq!(incoming.chunk().await, Err(CallError::Timeout));
    assert_eq!(server.num_requests(), 2);
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_names_no_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://user:canary@{}", listener.local_addr().expect("an address"));
    drop(listener);
    let client = Client::new(settings(&origin)).expect("a client");
    let error = client.get("x", &[("token", "canary")]).await.expect_err("nobody listens");
    assert!(matches!(error, CallError::Connect { .. }), "{error:?}");
    assert!(!format!("{error} {error:?} {client:?}").contains("canary"), "{error}");
}

/// A server that speaks TLS and says one thing: its address, its certificate and the requests that came.
async fn start_tls(step: Step) -> (String, String, Arc<Mutex<Vec<String>>>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .expect("a key");
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, step.clone(), seen.clone()).await;
            }
        }
    });
    (base, made.cert.pem(), requests)
}

fn redirect(status: u16, location: &str) -> Step {
    Step::Say(format!(
        "HTTP/1.1 {status} X\r\nlocation: {location}\r\nset-cookie: canary=1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    ))
}

/// Gets a file of `system`, which may hand the call on.
async fn downloaded(system: &Server) -> Result<String, CallError> {
    let custom = (HeaderName::from_static("x-custom"), "canary".parse().expect("a value"));
    let settings = Settings {
        headers: HeaderMap::from_iter([custom]),
        ..settings(&system.origin.replace("http://", "http://user:canary@"))
            .with(Authorization::Bearer(Secret::new("canary".to_owned())))
    };
    let client = Client::new(settings).expect("a client");
    let call = client.call(Method::GET, "file?a=1").expect("an address").handed_on();
    let reply = call.header(header::COOKIE, "canary=1".parse().expect("a value")).send().await?;
    Ok(String::from_utf8_lossy(&reply.body).into_owned())
}

#[tokio::test]
async fn a_download_is_handed_on_once_and_without_anything_of_ours() {
    for code in [301, 302, 303, 307, 308] {
        let store = Server::start([ok("file")]).await;
        let system = Server::start([redirect(code, &format!("{}/b?sig=a%2Fb#c", store.origin))]).await;
        assert_eq!(downloaded(&system).await.as_deref(), Ok("file"));
        assert_eq!(store.lines(), ["GET /b?sig=a%2Fb HTTP/1.1"]);
        let sent = store.requests.lock().expect("no panic")[0].to_lowercase();
        for ours in ["canary", "authorization", "cookie", "x-custom", "referer", "application/json"] {
            assert!(!sent.contains(ours), "{ours}: {sent}");
        }
        let first = system.requests.lock().expect("no panic")[0].to_lowercase();
        assert!(first.contains("authorization: bearer canary"), "{first}");
        // A call that nobody said that of stays, and so does one that is no GET.
        let plain = system.client("/").get("file", &[]).await.map(|reply| reply.status);
        assert!(plain.is_err() && store.num_requests() == 1, "{plain:?}");
        for method in [Method::HEAD, Method::POST] {
            let client = system.client("/");
            let call = client.call(method, "file").expect("an address").handed_on();
            assert!(call.send().await.is_err() && store.num_requests() == 1);
        }
    }
    // Within the system it is as ever, before the store is named.
    let store = Server::start([ok("file")]).await;
    let system = Server::start([redirect(302, "/b"), redirect(302, &store.origin)]).await;
    assert_eq!(downloaded(&system).await.as_deref(), Ok("file"));
    assert_eq!((system.num_requests(), store.num_requests()), (2, 1));
}

#[tokio::test]
async fn a_store_hands_nothing_on() {
    let last = Server::start([ok("file")]).await;
    for location in [last.origin.as_str(), "/c", "http://169.254.169.254/x"] {
        let store = Server::start([redirect(302, location), ok("file")]).await;
        let system = Server::start([redirect(307, &store.origin)]).await;
        assert_eq!(downloaded(&system).await, Err(CallError::Redirect { status: 302 }), "{location}");
        assert_eq!((system.num_requests(), store.num_requests()), (1, 1));
    }
    assert_eq!(last.num_requests(), 0);
    for location in
        ["ftp://h/x", "file:///etc/passwd", "http://user:p@127.0.0.1:1/x", "http://u@127.0.0.1:1/x"]
    {
        let system = Server::start([redirect(302, location)]).await;
        assert_eq!(downloaded(&system).await, Err(CallError::Redirect { status: 302 }), "{location}");
    }
}

#[tokio::test]
async fn a_download_is_not_handed_on_to_the_machines_surroundings() {
    for location in [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/x",
        "http://0xA9FEA9FE/x",
        "http://[::ffff:169.254.169.254]/x",
        "http://[fe80::1]/x",
        "http://[fd00:ec2::254]/x",
        "https://100.100.100.200/x",
    ] {
        let system = Server::start([redirect(302, location)]).await;
        assert_eq!(downloaded(&system).await, Err(CallError::Forbidden), "{location}");
        assert_eq!(system.num_requests(), 1);
    }
}

#[tokio::test]
async fn a_download_stays_encrypted() {
    let store = Server::start([ok("file")]).await;
    let (base, pem, requests) = start_tls(redirect(302, &store.origin)).await;
    let settings = Settings { roots: Some(pem.into_bytes()), ..settings(&base) };
    let client = Client::new(settings).expect("a client");
    let found = client.call(Method::GET, "x").expect("an address").handed_on().send().await;
    assert_eq!(found.map(|reply| reply.status), Err(CallError::Redirect { status: 302 }));
    assert_eq!((requests.lock().expect("no panic").len(), store.num_requests()), (1, 0));
}

#[tokio::test]
async fn a_store_is_held_to_the_bounds_of_the_call() {
    let check = async |steps: Vec<Step>, expected: Result<&str, CallError>, num_requests: usize| {
        let store = Server::start(steps).await;
        let system = Server::start([redirect(302, &store.origin)]).await;
        let started = Instant::now();
        let found = downloaded(&system).await;
        assert_eq!((found.as_deref().map_err(Clone::clone), store.num_requests()), (expected, num_requests));
        // Each try begins at the system, which signs a new address.
        assert_eq!(system.num_requests(), num_requests);
        started.elapsed()
    };
    check(vec![ok(&"x".repeat(1_001))], Err(CallError::TooLarge { max_bytes: 1_000 }), 1).await;
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000));
    check(vec![Step::Stall(endless)], Err(CallError::TooLarge { max_bytes: 1_000 }), 1).await;
    let took = check(vec![status(429, "retry-after: 1\r\n"), ok("file")], Ok("file"), 2).await;
    assert!(took >= Duration::from_secs(1), "{took:?}");
    check(vec![status(500, ""), cut(), ok("file")], Ok("file"), 3).await;
    let busy = Err(CallError::Status { status: 429, retry_after: Some(Duration::from_secs(60)) });
    check(vec![status(429, "retry-after: 60\r\n")], busy, 1).await;
    check(vec![status(403, "")], Err(CallError::Status { status: 403, retry_after: None }), 1).await;
    // Only one try has the time.
    let took = check(vec![Step::Stall(String::new())], Err(CallError::Timeout), 2).await;
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_certificate_is_trusted_when_its_root_is_given() {
    let (base, pem, _) = start_tls(ok("[]")).await;
    let trusting = |roots: Option<String>| {
        Client::new(Settings { roots: roots.map(String::into_bytes), ..settings(&base) }).expect("a client")
    };
    let found = trusting(Some(pem)).get_json::<Vec<u8>>("x", &[]).await;
    assert_eq!(found, Ok(vec![]));
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    for roots in [None, Some(other.cert.pem())] {
        let error = trusting(roots).get("x", &[]).await.expect_err("an unknown certificate");
        assert!(matches!(error, CallError::Tls { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_at_hand_is_trusted_by_no_name_but_alone() {
    let (base, pem, requests) = start_tls(ok("[]")).await;
    let base = base.replace("localhost", "127.0.0.1");
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let call = async |certificate: String, roots: Option<String>| {
        let (certificate, roots) = (Some(certificate.into_bytes()), roots.map(String::into_bytes));
        let client = Client::new(Settings { certificate, roots, directly: true, ..settings(&base) });
        client.expect("a client").get_json::<Vec<u8>>("x", &[]).await
    };
    assert_eq!(call(pem.clone(), None).await, Ok(vec![]));
    // The first of a chain is the server's own.
    assert_eq!(call(format!("{pem}{}", other.cert.pem()), None).await, Ok(vec![]));
    for certificate in [other.cert.pem(), format!("{}{pem}", other.cert.pem())] {
        let error = call(certificate, Some(pem.clone())).await.expect_err("another certificate");
        assert!(matches!(error, CallError::Tls { .. }), "{error:?}");
    }
    assert_eq!(requests.lock().expect("no panic").len(), 2);
    let none = Settings { certificate: Some(b"text".to_vec()), ..settings(&base) };
    assert!(matches!(Client::new(none), Err(SetupError::Certificate)));
}
