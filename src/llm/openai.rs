//! Any OpenAI-compatible endpoint: `POST {base_url}/chat/completions`. Azure's form (`api-key` header, `api-version` in
//! the query) is used when a version is configured.
//!
//! Prompts, bodies and keys are never logged, and no part of a body gets into an error.

use super::{Llm, LlmError, Reply, ReplyStream, events};
use crate::{prompt::Prompt, secret::Secret};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Largest body that is read.
pub const MAX_BODY_BYTES: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two pieces of a body.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Where the model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiSettings {
    /// Includes `/v1` (or Azure's deployment path).
    pub base_url: String,
    /// The model.
    pub model: String,
    /// Sent as a bearer token, or as `api-key` for Azure.
    pub api_key: Option<Secret>,
    /// Azure's `api-version`; makes the request Azure's.
    pub api_version: Option<String>,
    /// Most tokens of a reply; the endpoint's own limit when absent.
    pub max_output_tokens: Option<u32>,
}

/// The client.
pub struct OpenAi {
    settings: OpenAiSettings,
    url: reqwest::Url,
    client: reqwest::Client,
}

/// The settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum OpenAiError {
    /// The base URL is none.
    #[error("`{base_url}` is no http or https URL")]
    Url {
        /// As configured.
        base_url: String,
    },
    /// No HTTP client.
    #[error("failed to set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: [ChatMessage<'a>; 2],
    temperature: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    stream: bool,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
struct ChatReply {
    #[serde(default)]
    model: Option<String>,
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

impl OpenAi {
    /// A client; nothing is sent yet.
    pub fn new(settings: OpenAiSettings) -> Result<Self, OpenAiError> {
        let base = settings.base_url.trim_end_matches('/');
        let mut url = reqwest::Url::parse(&format!("{base}/chat/completions"))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| OpenAiError::Url { base_url: settings.base_url.clone() })?;
        if let Some(version) = &settings.api_version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        // A second installation in one process is refused, and the first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(60))
            .user_agent(concat!("runbookd/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(OpenAiError::Client)?;
        Ok(Self { settings, url, client })
    }

    /// Sends a request; anything but success is an error.
    async fn send(&self, body: &[u8], accept: &str) -> Result<reqwest::Response, LlmError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(reqwest::header::ACCEPT, accept)
            .body(body.to_vec());
        if let Some(key) = &self.settings.api_key {
            request = match self.settings.api_version {
                Some(_) => request.header("api-key", key.expose()),
                None => request.bearer_auth(key.expose()),
            };
        }
        let response = request.send().await.map_err(|error| classify(&error))?;
        let status = response.status();
        match status.is_success() {
            true => Ok(response),
            false => Err(LlmError::Status { status: status.as_u16(), retry_after: retry_after(&response) }),
        }
    }

    async fn try_once(&self, body: &[u8]) -> Result<Reply, LlmError> {
        self.read_whole(self.send(body, "application/json").await?).await
    }

    /// Begins to read a stream; a reply that came as plain JSON after all is said at once.
    async fn try_stream(&self, body: &[u8], deadline: Instant) -> Result<ReplyStream, LlmError> {
        let first_byte_by = events::first_byte_by(Instant::now(), deadline);
        let sent = self.send(body, "text/event-stream, application/json");
        let response = timeout_at(first_byte_by, sent).await.map_err(|_| LlmError::Timeout)??;
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        match content_type.split([';', '/']).nth(1).unwrap_or_default().trim() {
            "json" => self.read_whole(response).await.map(ReplyStream::from),
            "html" => Err(LlmError::Invalid { detail: "it is a page".to_owned() }),
            _ => events::begin(response, first_byte_by, deadline, &self.settings.model).await,
        }
    }

    async fn read_whole(&self, mut response: reqwest::Response) -> Result<Reply, LlmError> {
        let mut body = Vec::new();
        loop {
            let piece = timeout(IDLE_TIMEOUT, response.chunk()).await.map_err(|_| LlmError::Timeout)?;
            let Some(piece) = piece.map_err(|error| classify_body(&error))? else { break };
            if body.len() + piece.len() > MAX_BODY_BYTES {
                return Err(LlmError::TooLarge { max_bytes: MAX_BODY_BYTES });
            }
            body.extend_from_slice(&piece);
        }
        self.read(&body)
    }

    fn request(&self, prompt: &Prompt, stream: bool) -> Result<Vec<u8>, LlmError> {
        let (system, user) = (prompt.system(), prompt.user());
        let request = ChatRequest {
            model: &self.settings.model,
            messages: [
                ChatMessage { role: "system", content: &system },
                ChatMessage { role: "user", content: &user },
            ],
            temperature: 0.0,
            max_tokens: self.settings.max_output_tokens,
            stream,
        };
        serde_json::to_vec(&request)
            .map_err(|_| LlmError::Invalid { detail: "the request cannot be written as JSON".to_owned() })
    }

    fn read(&self, body: &[u8]) -> Result<Reply, LlmError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(LlmError::Empty);
        }
        let reply: ChatReply = serde_json::from_slice(body).map_err(|error| match error.is_eof() {
            true => LlmError::Cut { detail: "the JSON ends early".to_owned() },
            // The category only: serde's message can quote the body.
            false => LlmError::Invalid {
                detail: format!("{:?} error in its JSON", error.classify()).to_lowercase(),
            },
        })?;
        let Some(choice) = reply.choices.into_iter().next() else {
            return Err(LlmError::Invalid { detail: "it has no choices".to_owned() });
        };
        finished(choice.finish_reason.as_deref())?;
        let text = choice.message.content.unwrap_or_default();
        if text.trim().is_empty() {
            return Err(LlmError::Empty);
        }
        Ok(Reply { text, model: reply.model.unwrap_or_else(|| self.settings.model.clone()) })
    }
}

#[async_trait]
impl Llm for OpenAi {
    fn model(&self) -> &str {
        &self.settings.model
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        let body = self.request(prompt, false)?;
        retried(deadline, || self.try_once(&body)).await
    }

    async fn stream(&self, prompt: &Prompt, deadline: Instant) -> Result<ReplyStream, LlmError> {
        let body = self.request(prompt, true)?;
        retried(deadline, || self.try_stream(&body, deadline)).await
    }
}

/// Tries until it succeeds, fails in a way that lasts, or has been tried often enough before `deadline`.
async fn retried<T, F>(deadline: Instant, attempt: impl Fn() -> F) -> Result<T, LlmError>
where
    F: Future<Output = Result<T, LlmError>>,
{
    let mut pause = FIRST_PAUSE;
    for tries in 1.. {
        let error = match timeout_at(deadline, attempt()).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => error,
            Err(_) => return Err(LlmError::Timeout),
        };
        let asked = match &error {
            LlmError::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        let next = asked.unwrap_or(pause);
        if tries == MAX_TRIES || !error.is_passing() || Instant::now() + next >= deadline {
            return Err(error);
        }
        tracing::debug!(tries, %error, "asking the model again");
        sleep(next).await;
        pause *= 2;
    }
    Err(LlmError::Timeout)
}

/// Whether a finish reason is that of a complete reply.
pub(super) fn finished(reason: Option<&str>) -> Result<(), LlmError> {
    let detail = match reason {
        Some("stop") => return Ok(()),
        Some("length") => "it reached its length limit",
        Some("content_filter") => "its content was filtered",
        _ => "its finish reason is not `stop`",
    };
    Err(LlmError::Cut { detail: detail.to_owned() })
}

/// `Retry-After` in seconds; the form with a date is taken as absent.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// A request that got no response.
fn classify(error: &reqwest::Error) -> LlmError {
    if error.is_timeout() && !error.is_connect() {
        return LlmError::Timeout;
    }
    if is_tls(error) {
        return LlmError::Tls { detail: root(error) };
    }
    if error.is_connect() {
        return LlmError::Unreachable { detail: root(error) };
    }
    // Connected, sent, and then the connection ended without a response.
    LlmError::Unreachable { detail: format!("the connection ended without a response: {}", root(error)) }
}

fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    // An I/O error's source is that of what it wraps, so the wrapped error must be asked for.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>()
        || wrapped.is_some_and(|wrapped| is_tls(wrapped))
        || error.source().is_some_and(is_tls)
}

pub(super) fn classify_body(error: &reqwest::Error) -> LlmError {
    match error.is_timeout() {
        true => LlmError::Timeout,
        false => LlmError::Cut { detail: root(error) },
    }
}

/// The innermost cause: it names no URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match std::ptr::addr_eq(cause, error as &dyn std::error::Error) {
        true => "the request failed".to_owned(),
        false => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base_url: &str, api_version: Option<&str>) -> OpenAi {
        OpenAi::new(OpenAiSettings {
            base_url: base_url.to_owned(),
            model: "m".to_owned(),
            api_key: Some(Secret::new("k-very-secret".to_owned())),
            api_version: api_version.map(str::to_owned),
            max_output_tokens: None,
        })
        .expect("a client")
    }

    #[test]
    fn the_url_follows_the_provider() {
        assert_eq!(client("http://h/v1/", None).url.as_str(), "http://h/v1/chat/completions");
        assert_eq!(
            client("https://r.example.com/openai/deployments/d", Some("2024-10-21")).url.as_str(),
            "https://r.example.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
        );
        assert!(!format!("{:?}", client("http://h/v1", None).settings).contains("k-very-secret"));
    }

    #[test]
    fn bodies_are_judged() {
        let read = |body: &str| client("http://h/v1", None).read(body.as_bytes());
        let stop = r#"{"model":"m-1","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
        assert_eq!(read(stop), Ok(Reply { text: "hi".to_owned(), model: "m-1".to_owned() }));
        assert_eq!(read(""), Err(LlmError::Empty));
        assert_eq!(
            read(r#"{"choices":[{"message":{"content":" "},"finish_reason":"stop"}]}"#),
            Err(LlmError::Empty)
        );
        assert!(matches!(read("<html>"), Err(LlmError::Invalid { .. })));
        assert!(matches!(read(r#"{"choices":[]}"#), Err(LlmError::Invalid { .. })));
        assert!(matches!(read(&stop[..40]), Err(LlmError::Cut { .. })));
        assert!(matches!(read(&stop.replace("stop", "length")), Err(LlmError::Cut { .. })));
        assert!(matches!(read(r#"{"choices":[{"message":{"content":"hi"}}]}"#), Err(LlmError::Cut { .. })));
    }
}
