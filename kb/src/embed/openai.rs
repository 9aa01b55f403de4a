//! An OpenAI-compatible `POST {base_url}/embeddings` endpoint. Runs on the embedder's thread, on a small runtime of its
//! own, so that the trait stays synchronous.

use super::{
    choice::EndpointSettings, error::EmbedError, hashed::normalise, identity::ModelIdentity,
    model::EmbeddingModel,
};
use net::{Authorization, CallError, Client, Method, Policy, Secret, Settings, SetupError, Url};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most texts of one request; the common servers accept as many.
const MAX_TEXTS: usize = 64;
/// Largest reply that is read.
const MAX_REPLY_BYTES: usize = 64 << 20;
const MAX_TRIES: u32 = 3;

pub(super) struct OpenAiModel {
    identity: ModelIdentity,
    client: Client,
    /// The endpoint's address as errors show it.
    url: String,
    timeout: Duration,
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

impl OpenAiModel {
    /// Asks the endpoint for one vector to learn its dimension.
    pub(super) fn connect(model: &str, settings: &EndpointSettings) -> Result<Self, EmbedError> {
        let url = without_credentials(&format!("{}/embeddings", settings.base_url.trim_end_matches('/')));
        let refused = |detail: String| EmbedError::Endpoint { url: url.clone(), detail };
        let client = client(settings).map_err(|error| refused(error.to_string()))?;
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
        let mut connected = Self { identity, client, url: url.clone(), timeout: settings.timeout, runtime };
        let probe = connected.request(&["dimension".to_owned()])?;
        connected.identity.dimensions = probe.first().map_or(0, Vec::len);
        match connected.identity.dimensions {
            0 => Err(refused("it gave an empty vector".to_owned())),
            _ => Ok(connected),
        }
    }

    fn request(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |detail: String| EmbedError::Endpoint { url: self.url.clone(), detail };
        let model = self.identity.name.strip_prefix("openai:").unwrap_or(&self.identity.name);
        let request = Request { model, input: texts, encoding_format: "float" };
        let asked = async {
            // The call may be repeated, as the same texts have the same vectors.
            let call = self.client.call(Method::POST, "embeddings")?.json(&request)?.repeatable();
            call.send_for_json::<Response>().await
        };
        let reply = self.runtime.block_on(asked).map_err(|error| failed(self.advised(&error)))?;
        in_order(reply, texts.len(), self.identity.dimensions).map_err(failed)
    }

    /// An error with what to do about it.
    fn advised(&self, error: &CallError) -> String {
        match error {
            CallError::Timeout => format!("no reply within {:?}", self.timeout),
            CallError::Status { status: 429 | 500.., .. } => error.to_string(),
            CallError::Status { .. } => format!("{error}; check the model's name and the key"),
            CallError::NotJson { .. } => format!("{error}; it is no embeddings object"),
            _ => error.to_string(),
        }
    }
}

/// Calls the endpoint: a few tries within the time of a request.
fn client(settings: &EndpointSettings) -> Result<Client, SetupError> {
    let policy = Policy {
        attempts: MAX_TRIES,
        idle: settings.timeout,
        first_pause: Duration::from_millis(250),
        ..Policy::once(settings.timeout, MAX_REPLY_BYTES)
    };
    let key =
        settings.api_key.clone().map_or(Authorization::None, |key| Authorization::Bearer(Secret::new(key)));
    Client::new(Settings::new(&settings.base_url, policy)?.with(key))
}

/// A URL without the parts that may hold a password.
fn without_credentials(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "no URL".to_owned() };
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
