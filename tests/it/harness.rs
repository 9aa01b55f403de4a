//! What the tests share: a knowledge base, an assistant, requests through the router, and a language model that does
//! what it is told.

use crate::{
    dialect::{Dialect, Ending},
    sse::{self, Events, Step, Steps},
};
use answer::{
    assistant::{Assistant, Settings},
    llm::{
        Llm, breaker,
        openai::OpenAiSettings,
        providers::Providers,
        settings::{ProviderSettings, Sampling},
    },
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use kb::{
    embed::{EmbedderChoice, EmbedderSettings},
    retrieve::Retriever,
    store::{self, Address, Identity},
};
use net::Secret;
use prometheus::Registry;
use runbookd::{
    config::{Config, Environment},
    http::{AppState, router, server, tls::Tls},
    metrics::Metrics,
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tower::ServiceExt;

/// The key that the tests configure; nothing but the model's endpoint may ever see it.
pub const LLM_KEY: &str = "sk-canary-2f9d";

/// The sample documents in a knowledge base, built once for all tests.
pub fn sample_kb() -> &'static Path {
    static KB: OnceLock<tempfile::TempDir> = OnceLock::new();
    KB.get_or_init(|| build(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")])).path()
}

/// Builds a knowledge base of some folders.
pub fn build(paths: &[PathBuf]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    ingest_into(directory.path(), paths);
    directory
}

/// Brings a knowledge base up to date with some folders.
pub fn ingest_into(kb: &Path, paths: &[PathBuf]) {
    let options = ingest::pipeline::Options {
        kb: Address::Directory(kb.to_owned()),
        embedder: EmbedderSettings::new(EmbedderChoice::Hashed),
        sources: ingest::sources::folder::sources(paths, None, &ingest::formats::Defaults::default())
            .expect("the folders are there"),
        dry_run: false,
        force: false,
    };
    // A runtime of its own: the caller's must not be blocked, and may not even exist.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let progress = Arc::new(ingest::progress::Progress::hidden());
        runtime
            .block_on(ingest::pipeline::ingest(&options, progress, std::future::pending()))
            .expect("the documents are read");
    })
    .join()
    .expect("the documents are read");
}

/// An assistant over a knowledge base, reached through the router.
pub struct TestApp {
    pub router: Router,
    pub state: AppState,
}

/// What a test may change.
pub struct Setup {
    pub kb: PathBuf,
    pub llm: Vec<ProviderSettings>,
    /// A model of the test's own, instead.
    pub own_llm: Option<Arc<dyn Llm>>,
    pub breaker: breaker::Settings,
    pub settings: Settings,
    pub environment: Vec<(&'static str, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            kb: sample_kb().to_owned(),
            llm: Vec::new(),
            own_llm: None,
            breaker: breaker::Settings::default(),
            settings: Settings { llm_timeout: Duration::from_millis(1_500), ..Settings::default() },
            environment: Vec::new(),
        }
    }
}

impl Setup {
    /// With a scripted model.
    pub fn with_llm(base_url: &str) -> Self {
        Self { llm: vec![openai(base_url)], ..Self::default() }
    }

    pub async fn start(self) -> TestApp {
        let registry = Registry::new();
        let counted = answer::Metrics::new(&registry);
        let llm = Providers::connect(&self.llm, self.breaker, &counted).expect("clients");
        let llm = self.own_llm.or(llm.map(|llm| Arc::new(llm) as Arc<dyn Llm>));
        let embedder = EmbedderSettings::new(EmbedderChoice::Hashed).start().expect("no model is needed");
        let identity = Identity::current(embedder.identity().clone());
        let kb = store::open(&Address::Directory(self.kb), Some(&identity)).await.expect("it was just built");
        let assistant = Assistant::new(kb, Retriever::new(embedder.clone()), llm, self.settings, counted);
        // Nothing is written into the home of whoever runs the tests.
        let state = ("RUNBOOKD_STATE", "none".to_owned());
        let environment: Environment = std::iter::once(state)
            .chain(self.environment)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let config = Config::load(None, &environment, Vec::new()).expect("a right configuration");
        let state = AppState::new(assistant, embedder, Metrics::new(registry), config.server);
        TestApp { router: router(state.clone()), state }
    }
}

/// A scripted model behind an OpenAI-compatible endpoint.
pub fn openai(base_url: &str) -> ProviderSettings {
    ProviderSettings::OpenAi(OpenAiSettings {
        base_url: base_url.to_owned(),
        model: "scripted".to_owned(),
        api_key: Some(Secret::new(LLM_KEY.to_owned())),
        api_version: None,
        max_output_tokens: None,
        sampling: Sampling::default(),
    })
}

/// A reply, read whole.
pub struct Reply {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as one JSON object, nothing before or after it.
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&self.body));
        });
        assert!(value.is_object(), "{value}");
        value
    }
}

impl TestApp {
    /// Without a model.
    pub async fn new() -> Self {
        Setup::default().start().await
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 16 << 20).await.expect("a body").to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// Posts a request and reads what comes while it comes.
    pub async fn open(&self, path: &str, body: &Value) -> Events {
        let request = Request::post(path).body(Body::from(body.to_string())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events::of(response.into_body())
    }

    /// A failure as k8sgpt sends it; the reply must be a good one.
    pub async fn k8sgpt(&self, message: &str, language: &str) -> Value {
        let reply = self.post("/completions", k8sgpt_request(message, language).to_string()).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }
}

/// A server on a port of its own.
pub struct Served {
    pub address: SocketAddr,
    pub stop: mpsc::UnboundedSender<()>,
    pub ended: tokio::task::JoinHandle<server::Ending>,
}

/// Serves an app, with a certificate or without.
pub async fn serve(app: &TestApp, tls: Option<Tls>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stops) = mpsc::unbounded_channel();
    let state = app.state.clone();
    let ended = tokio::spawn(server::serve(listener, state, tls, stops));
    Served { address, stop, ended }
}

/// A client that comes over a socket.
pub fn http_client() -> reqwest::ClientBuilder {
    // A second installation in one process is refused, and the first serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// The body that k8sgpt's `customrest` client sends, with its default template.
pub fn k8sgpt_request(message: &str, language: &str) -> Value {
    let prompt = format!(
        "Simplify the following Kubernetes error message delimited by triple dashes written in --- {language} --- language; --- {message} ---.\n\
         \tProvide the most possible solution in a step by step style in no more than 280 characters. Write the output in the following format:\n\
         \tError: {{Explain error here}}\n\tSolution: {{Step by step solution here}}"
    );
    json!({
        "model": "runbooks",
        "prompt": prompt,
        "options": { "language": language, "message": message, "temperature": 0.7, "top_p": 0.5, "top_k": 50 },
    })
}

/// What a scripted model does with a request.
#[derive(Clone)]
pub enum Script {
    /// A complete reply, made from the user's message.
    Say(Arc<dyn Fn(&str) -> String + Send + Sync>),
    /// A status with a body that quotes the key, as careless endpoints do.
    Status(u16),
    /// 429, and how many seconds to wait.
    RateLimited(u32),
    /// A status, and then the text.
    StatusOnce(u16, &'static str),
    /// Nothing, for ever.
    Silent,
    /// Half a body, then nothing for ever.
    Stall,
    /// Half a body, then the connection ends.
    Cut,
    /// A page.
    Html,
    /// Exactly this.
    Body(String),
    /// No body.
    Empty,
    /// A body of this many bytes, valid but for its size.
    Huge(usize),
    /// A reply that did not reach its end.
    Unfinished,
    /// Server-sent events, made from the user's message.
    Stream(Arc<Steps>),
    /// One for the first request, one for all others.
    First(Arc<Script>, Arc<Script>),
}

impl Script {
    /// A reply that is always the same.
    pub fn says(text: &'static str) -> Self {
        Self::Say(Arc::new(move |_| text.to_owned()))
    }

    /// A stream that is always the same.
    pub fn streams(steps: Vec<Step>) -> Self {
        Self::Stream(Arc::new(move |_| steps.clone()))
    }
}

/// A language model on this machine.
pub struct ScriptedLlm {
    /// With `/v1`.
    pub base_url: String,
    /// The requests so far, heads and bodies.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl ScriptedLlm {
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, script.clone(), seen.clone()));
            }
        });
        Self { base_url, requests }
    }

    /// An address where nobody listens.
    pub async fn refusing() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}/v1", listener.local_addr().expect("an address"))
    }

    pub fn num_requests(&self) -> usize {
        self.requests.lock().expect("no test panicked").len()
    }

    pub fn last_request(&self) -> String {
        self.requests.lock().expect("no test panicked").last().cloned().unwrap_or_default()
    }
}

async fn converse(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    let (head_end, length) = loop {
        let mut piece = [0u8; 8192];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end]
                .lines()
                .filter_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned)
                })
                .find_map(|length| length.trim().parse::<usize>().ok())
                .unwrap_or_default();
            break (end + 4, length);
        }
    };
    while bytes.len() < head_end + length {
        let mut piece = [0u8; 8192];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let body: Value = serde_json::from_slice(&bytes[head_end..]).unwrap_or_default();
    let dialect = Dialect::of(&request);
    let is_first = {
        let mut seen = seen.lock().expect("no test panicked");
        seen.push(request);
        seen.len() == 1
    };
    let user = dialect.user_message(&body);
    let chat = |text: &str, ending: Ending| dialect.reply(text, ending);
    let script = match &script {
        Script::First(script, _) if is_first => script,
        Script::First(_, script) => script,
        script => script,
    };
    let reply = match script {
        Script::First(..) => panic!("a script for the first request does not begin with another"),
        Script::Stream(steps) => return sse::perform(stream, steps(&user)).await,
        Script::Say(say) => http(200, "application/json", &chat(&say(&user), Ending::Whole)),
        Script::StatusOnce(status, text) => match is_first {
            true => http(*status, "application/json", "{}"),
            false => http(200, "application/json", &chat(text, Ending::Whole)),
        },
        Script::Status(status) => http(
            *status,
            "application/json",
            &json!({ "error": { "message": format!("Incorrect API key {LLM_KEY}") } }).to_string(),
        ),
        Script::RateLimited(seconds) => http(429, "application/json", "{}")
            .replace("\r\n\r\n", &format!("\r\nretry-after: {seconds}\r\n\r\n")),
        Script::Silent => {
            std::future::pending::<()>().await;
            return;
        }
        Script::Stall | Script::Cut => {
            let whole = http(200, "application/json", &chat("Raise the limit [1].", Ending::Whole));
            let _ = stream.write_all(&whole.as_bytes()[..whole.len() - 40]).await;
            if matches!(script, Script::Stall) {
                std::future::pending::<()>().await;
            }
            return;
        }
        Script::Html => http(200, "text/html", "<html><body>Welcome to the proxy</body></html>"),
        Script::Body(body) => http(200, "text/plain", body),
        Script::Empty => http(200, "application/json", ""),
        Script::Huge(bytes) => {
            http(200, "application/json", &chat(&format!("[1] {}", "x".repeat(*bytes)), Ending::Whole))
        }
        Script::Unfinished => http(200, "application/json", &chat("Raise the lim", Ending::AtLimit)),
    };
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn http(status: u16, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A running program over some pages, by their paths.
pub async fn with_pages(pages: &[(&str, &str)]) -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let docs = folder.path().join("kb");
    for (path, text) in pages {
        let path = docs.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    let kb = build(&[docs]);
    let app = Setup { kb: kb.path().to_owned(), ..Setup::default() }.start().await;
    (app, kb)
}
