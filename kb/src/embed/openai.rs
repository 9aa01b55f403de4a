//! An OpenAI-compatible `POST {base_url}/embeddings` endpoint. Runs on the embedder's thread, on a small runtime of its
//! own, so that the trait stays synchronous.

use super::{EmbedError, EmbeddingModel, choice::EndpointSettings, hashed::normalise};
use crate::store::ModelIdentity;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Most texts of one request; what the common servers accept.
const MAX_TEXTS: usize = 64;
/// Largest reply that is read.
const MAX_REPLY_BYTES: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TRIES: u32 = 3;

pub(super) struct OpenAiModel {
    identity: ModelIdentity,
    url: String,
    settings: EndpointSettings,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'a str,
}

#[derive(Deserialize)]
struct Response {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

enum Failure {
    /// Another try may help, not before the given pause.
    Passing(String, Option<Duration>),
    Final(String),
}

impl OpenAiModel {
    /// Asks the endpoint for one vector to learn its dimension.
    pub(super) fn connect(model: &str, settings: &EndpointSettings) -> Result<Self, EmbedError> {
        let url = format!("{}/embeddings", settings.base_url.trim_end_matches('/'));
        let refused = |detail: String| EmbedError::Endpoint { url: shown(&url), detail };
        // A second installation in one process is refused, and the first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let identity = ModelIdentity {
            name: format!("openai:{model}"),
            dimensions: 0,
            hash: String::new(),
            pooling: "endpoint".to_owned(),
            query_prefix: String::new(),
            passage_prefix: String::new(),
            max_tokens: settings.max_tokens,
            tokenizer: "words-v1".to_owned(),
        };
        let mut connected = Self { identity, url: url.clone(), settings: settings.clone(), client, runtime };
        let probe = connected.request(&["dimension".to_owned()])?;
        connected.identity.dimensions = probe.first().map_or(0, Vec::len);
        match connected.identity.dimensions {
            0 => Err(refused("it gave an empty vector".to_owned())),
            _ => Ok(connected),
        }
    }

    fn request(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |detail: String| EmbedError::Endpoint { url: shown(&self.url), detail };
        let deadline = Instant::now() + self.settings.timeout;
        let mut tries = 0;
        loop {
            tries += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let tried = self.runtime.block_on(async {
                tokio::time::timeout(left, self.try_once(texts)).await.unwrap_or_else(|_| {
                    Err(Failure::Final(format!("no reply within {:?}", self.settings.timeout)))
                })
            });
            match tried {
                Ok(vectors) => return Ok(vectors),
                Err(Failure::Final(detail)) => return Err(failed(detail)),
                Err(Failure::Passing(detail, pause)) => {
                    let pause = pause.unwrap_or(Duration::from_millis(250 * u64::from(tries)));
                    let left = deadline.saturating_duration_since(Instant::now());
                    if tries == MAX_TRIES || pause >= left {
                        return Err(failed(detail));
                    }
                    std::thread::sleep(pause);
                }
            }
        }
    }

    async fn try_once(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let model = self.identity.name.strip_prefix("openai:").unwrap_or(&self.identity.name);
        let mut request =
            self.client.post(&self.url).json(&Request { model, input: texts, encoding_format: "float" });
        if let Some(key) = &self.settings.api_key {
            request = request.bearer_auth(key);
        }
        let mut reply =
            request.send().await.map_err(|error| Failure::Passing(error.without_url().to_string(), None))?;
        let status = reply.status();
        if status.as_u16() == 429 || status.is_server_error() {
            let pause =
                reply.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let pause = pause.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            return Err(Failure::Passing(format!("status {status}"), pause));
        }
        if !status.is_success() {
            return Err(Failure::Final(format!("status {status}; check the model's name and the key")));
        }
        let mut body = Vec::new();
        while let Some(piece) =
            reply.chunk().await.map_err(|error| Failure::Passing(error.without_url().to_string(), None))?
        {
            if body.len() + piece.len() > MAX_REPLY_BYTES {
                return Err(Failure::Final(format!("the reply is over {MAX_REPLY_BYTES} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        let reply: Response = serde_json::from_slice(&body)
            .map_err(|error| Failure::Final(format!("the reply is no embeddings object: {error}")))?;
        in_order(reply, texts.len(), self.identity.dimensions).map_err(Failure::Final)
    }
}

/// A URL without what may be a password in it.
fn shown(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "no URL".to_owned() };
    // Only URLs without a host refuse this, and they have no password either.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
    url.to_string()
}

/// The vectors in the order of the texts, whatever order the endpoint chose.
fn in_order(reply: Response, expected: usize, dimensions: usize) -> Result<Vec<Vec<f32>>, String> {
    let mut vectors = vec![Vec::new(); expected];
    for mut item in reply.data {
        if dimensions != 0 && item.embedding.len() != dimensions {
            return Err(format!("it gave {} dimensions instead of {dimensions}", item.embedding.len()));
        }
        normalise(&mut item.embedding);
        match vectors.get_mut(item.index) {
            Some(place) => *place = item.embedding,
            None => return Err(format!("it gave a vector {} for {expected} texts", item.index)),
        }
    }
    match vectors.iter().position(Vec::is_empty) {
        Some(index) => Err(format!("it gave no vector for text {index}")),
        None => Ok(vectors),
    }
}

impl EmbeddingModel for OpenAiModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(MAX_TEXTS) {
            vectors.extend(self.request(batch)?);
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    #[test]
    fn an_endless_pause_is_a_failure_that_tells_no_password() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://user:canary@{}/v1", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 8192]);
            let reply =
                "HTTP/1.1 429 Later\r\nretry-after: 18446744073709551615\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(reply.as_bytes());
        });
        let timeout = Duration::from_secs(5);
        let settings = EndpointSettings { base_url, api_key: None, timeout, max_tokens: 512 };
        let error = OpenAiModel::connect("m", &settings).err().expect("it is refused").to_string();
        assert!(error.contains("status 429") && !error.contains("canary"), "{error}");
    }
}
