//! What every provider's requests have in common: connections, deadlines, a bound on bodies, and what went wrong when
//! something did.
//!
//! Prompts, bodies and keys are never logged, and no part of a body gets into an error.

use super::LlmError;
use net::Secret;
use reqwest::{
    Client, RequestBuilder, Response, Url,
    header::{self, HeaderValue},
};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Largest body that is read.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Largest body of a stream: every token comes in some 300 bytes of JSON, and a model that reasons writes thousands.
pub const MAX_STREAM_BYTES: usize = 8 << 20;
/// Longest pause that is read of `Retry-After`: longer ones are as far beyond every deadline.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two pieces of a body.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// An address is none. It is not shown: it may hold a password.
    #[error("an endpoint's address is no http or https URL")]
    Url,
    /// No HTTP client.
    #[error("failed to set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// An HTTP client for one or several providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transport {
    client: Client,
}

impl Transport {
    /// A client; nothing is sent yet.
    pub fn new() -> Result<Self, TransportError> {
        // A second installation in one process is refused, and the first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(60))
            .user_agent(concat!("runbookd/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(TransportError::Client)?;
        Ok(Self { client })
    }

    /// A POST of JSON.
    pub(super) fn post(&self, url: Url, body: Vec<u8>) -> RequestBuilder {
        self.client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(body)
    }

    /// A POST of a form.
    pub(super) fn post_form(&self, url: Url, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = Url::parse("form:").expect("a constant that is a URL");
        form.query_pairs_mut().extend_pairs(fields);
        self.client
            .post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.query().unwrap_or_default().to_owned())
    }

    /// A GET.
    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }
}

/// `{base_url}/{path}`.
pub(super) fn endpoint(base_url: &str, path: &str) -> Result<Url, TransportError> {
    url(&format!("{}/{path}", base_url.trim_end_matches('/')))
}

/// An address of the web.
pub(super) fn url(text: &str) -> Result<Url, TransportError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or(TransportError::Url)
}

/// A header's value that shows in no log.
pub(super) fn secret(secret: &Secret) -> Result<HeaderValue, LlmError> {
    secret_value(secret.expose())
}

/// The value of `Authorization` with a bearer token.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, LlmError> {
    secret_value(&format!("Bearer {}", token.expose()))
}

/// A header's value that is secret in parts.
pub(super) fn secret_value(text: &str) -> Result<HeaderValue, LlmError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| LlmError::Credentials {
        detail: "they hold a character that no header may hold".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends a request and reads the whole body of a successful response, before `deadline`.
pub(super) async fn exchange(request: RequestBuilder, deadline: Instant) -> Result<Vec<u8>, LlmError> {
    let exchange = async { body(send(request).await?).await };
    timeout_at(deadline, exchange).await.map_err(|_| LlmError::Timeout)?
}

/// Sends a request. Only a successful status is a response.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, LlmError> {
    let response = request.send().await.map_err(|error| classify(&error))?;
    let status = response.status();
    match status.is_success() {
        true => Ok(response),
        false => Err(LlmError::Status { status: status.as_u16(), retry_after: retry_after(&response) }),
    }
}

/// A response's whole body.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, LlmError> {
    let mut body = Vec::new();
    loop {
        let piece = timeout(IDLE_TIMEOUT, response.chunk()).await.map_err(|_| LlmError::Timeout)?;
        let Some(piece) = piece.map_err(|error| classify_body(&error))? else { break };
        if body.len() + piece.len() > MAX_BODY_BYTES {
            return Err(LlmError::TooLarge { max_bytes: MAX_BODY_BYTES });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// A request's body.
pub(super) fn json(request: &impl serde::Serialize) -> Result<Vec<u8>, LlmError> {
    serde_json::to_vec(request)
        .map_err(|_| LlmError::Invalid { detail: "the request cannot be written as JSON".to_owned() })
}

/// A reply's body in its provider's shape.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, LlmError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(LlmError::Empty);
    }
    serde_json::from_slice(body).map_err(|error| match error.is_eof() {
        true => LlmError::Cut { detail: "the JSON ends early".to_owned() },
        // The category only: serde's message can quote the body.
        false => {
            LlmError::Invalid { detail: format!("{:?} error in its JSON", error.classify()).to_lowercase() }
        }
    })
}

/// `Retry-After` in seconds; the form with a date is taken as absent.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    pause(value.trim())
}

/// A number of seconds, as far as it is any use.
fn pause(seconds: &str) -> Option<Duration> {
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let bounded = |number: u64| Duration::from_secs(number).min(MAX_RETRY_AFTER);
    is_number.then(|| seconds.parse().map_or(MAX_RETRY_AFTER, bounded))
}

/// A request that got no response.
pub(super) fn classify(error: &reqwest::Error) -> LlmError {
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

/// A body that ended before its end.
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

    #[test]
    fn a_pause_has_a_bound() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        for long in ["9223372036854770000", "18446744073709551615", "99999999999999999999999"] {
            assert_eq!(pause(long), Some(MAX_RETRY_AFTER), "{long}");
        }
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(pause(other), None, "{other}");
        }
    }

    #[test]
    fn a_key_shows_nowhere_and_must_fit_a_header() {
        let value = bearer(&Secret::new("k-very-secret".to_owned())).expect("a value");
        assert_eq!(format!("{value:?}"), "Sensitive");
        let error = bearer(&Secret::new("k-very\nsecret".to_owned())).expect_err("two lines");
        assert!(error.is_ours() && !error.to_string().contains("secret"), "{error}");
    }
}
