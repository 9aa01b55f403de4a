//! Any OpenAI-compatible endpoint: `POST {base_url}/chat/completions`. Azure's form (`api-key` header, `api-version` in
//! the query) is used when a version is configured.

use super::{
    Llm, LlmError, Reply, ReplyStream, Usage, events, model_name,
    settings::Sampling,
    transport::{self, MAX_STREAM_BYTES},
};
use crate::prompt::Prompt;
use async_trait::async_trait;
use net::{
    Call, Client, HeaderName, HeaderValue, Method, Secret, SetupError, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

/// Where the model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiSettings {
    /// Includes `/v1` (or Azure's deployment path).
    pub base_url: String,
    pub model: String,
    /// Sent as a bearer token, or as `api-key` for Azure.
    pub api_key: Option<Secret>,
    /// Azure's `api-version`; makes the request Azure's.
    pub api_version: Option<String>,
    /// Most tokens of a reply; the endpoint's own limit when absent.
    pub max_output_tokens: Option<u32>,
    /// Whether a temperature is sent.
    pub sampling: Sampling,
}

pub struct OpenAi {
    settings: OpenAiSettings,
    url: Url,
    client: Client,
}

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: [ChatMessage; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    stream: bool,
}

#[derive(Serialize)]
struct ChatMessage {
    role: &'static str,
    content: String,
}

#[derive(Deserialize)]
struct ChatReply {
    #[serde(default)]
    model: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<ChatUsage>,
}

#[derive(Deserialize)]
struct ChatUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
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
    pub fn new(settings: OpenAiSettings) -> Result<Self, SetupError> {
        let client = transport::client(settings.base_url.trim_end_matches('/'))?;
        let mut url = client.url("chat/completions").map_err(|_| SetupError::Url)?;
        if let Some(version) = &settings.api_version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        Ok(Self { settings, url, client })
    }

    fn post(&self, prompt: &Prompt, stream: bool) -> Result<Call<'_>, LlmError> {
        let call = self.client.call(Method::POST, self.url.as_str())?.json(&self.request(prompt, stream))?;
        Ok(match (&self.settings.api_key, &self.settings.api_version) {
            (None, _) => call,
            (Some(key), Some(_)) => call.header(HeaderName::from_static("api-key"), key.header()?),
            (Some(key), None) => call.header(AUTHORIZATION, key.bearer()?),
        })
    }

    fn request(&self, prompt: &Prompt, stream: bool) -> ChatRequest<'_> {
        ChatRequest {
            model: &self.settings.model,
            messages: [
                ChatMessage { role: "system", content: prompt.system() },
                ChatMessage { role: "user", content: prompt.user() },
            ],
            temperature: self.settings.sampling.temperature(),
            max_tokens: self.settings.max_output_tokens,
            stream,
        }
    }

    fn read(&self, body: &[u8]) -> Result<Reply, LlmError> {
        let reply: ChatReply = transport::parse(body)?;
        let Some(choice) = reply.choices.into_iter().next() else {
            return Err(LlmError::Invalid { detail: "it has no choices".to_owned() });
        };
        finished(choice.finish_reason.as_deref())?;
        let text = choice.message.content.unwrap_or_default();
        if text.trim().is_empty() {
            return Err(LlmError::Empty);
        }
        let usage = reply
            .usage
            .map(|usage| Usage { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens });
        Ok(Reply { text, model: model_name(reply.model, &self.settings.model), usage })
    }
}

#[async_trait]
impl Llm for OpenAi {
    fn model(&self) -> &str {
        &self.settings.model
    }

    fn provider(&self) -> &'static str {
        match self.settings.api_version {
            Some(_) => "azure.ai.openai",
            None => "openai",
        }
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        let call = self.post(prompt, false)?;
        self.read(&transport::exchange(call, deadline).await?)
    }

    /// A reply that came as plain JSON after all is said at once.
    async fn stream(
        &self,
        prompt: &Prompt,
        begins_by: Instant,
        deadline: Instant,
    ) -> Result<ReplyStream, LlmError> {
        let first_byte_by = events::first_byte_by(Instant::now(), deadline).min(begins_by);
        let accepted = HeaderValue::from_static("text/event-stream, application/json");
        let call = self.post(prompt, true)?.header(ACCEPT, accepted);
        let incoming = call.policy(transport::until(first_byte_by)).open().await?;
        let content_type = incoming.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        match content_type.split([';', '/']).nth(1).unwrap_or_default().trim() {
            "json" => {
                let reply = timeout_at(deadline, incoming.whole()).await.map_err(|_| LlmError::Timeout)?;
                self.read(&reply?.body).map(ReplyStream::from)
            }
            "html" => Err(LlmError::Invalid { detail: "it is a page".to_owned() }),
            _ => {
                let incoming = incoming.with_max_body(MAX_STREAM_BYTES);
                events::begin(incoming, first_byte_by, deadline, &self.settings.model).await
            }
        }
    }
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
            sampling: Sampling::default(),
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
        assert_eq!(read(stop), Ok(Reply { text: "hi".to_owned(), model: "m-1".to_owned(), usage: None }));
        // A model's reasoning is no part of its reply.
        for field in ["reasoning", "reasoning_content", "thinking"] {
            let thought = stop.replace("\"content\"", &format!("\"{field}\":\"delete it [1]\",\"content\""));
            assert_eq!(read(&thought).map(|reply| reply.text), Ok("hi".to_owned()));
            assert_eq!(read(&thought.replace("\"hi\"", "null")), Err(LlmError::Empty));
        }
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
