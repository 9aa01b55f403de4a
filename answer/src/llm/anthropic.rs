//! Anthropic's Messages API: `POST {base_url}/v1/messages`.

use super::{Llm, LlmError, Reply, Usage, model_name, settings::Sampling, transport};
use crate::prompt::Prompt;
use async_trait::async_trait;
use net::{Client, HeaderName, HeaderValue, Method, Secret, SetupError, Url};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Anthropic's own endpoint.
pub const BASE_URL: &str = "https://api.anthropic.com";
/// Most tokens of a reply where nothing is configured; the API has no default.
pub const MAX_OUTPUT_TOKENS: u32 = 1_024;
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Where the model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnthropicSettings {
    /// With or without `/v1`.
    pub base_url: String,
    pub model: String,
    /// Sent as `x-api-key`.
    pub api_key: Option<Secret>,
    /// Most tokens of a reply.
    pub max_output_tokens: u32,
    /// Whether a temperature is sent.
    pub sampling: Sampling,
}

pub struct Anthropic {
    settings: AnthropicSettings,
    url: Url,
    client: Client,
}

#[derive(Serialize)]
struct MessagesRequest<'a> {
    model: &'a str,
    max_tokens: u32,
    system: &'a str,
    messages: [Message<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    stream: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
struct MessagesReply {
    #[serde(default)]
    model: Option<String>,
    content: Vec<Block>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<MessagesUsage>,
}

#[derive(Deserialize)]
struct MessagesUsage {
    #[serde(default)]
    input_tokens: u32,
    #[serde(default)]
    output_tokens: u32,
}

/// A part of the reply; parts without a text, such as the model's thoughts, are not shown.
#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: Option<String>,
}

impl Anthropic {
    /// A client; nothing is sent yet.
    pub fn new(settings: AnthropicSettings) -> Result<Self, SetupError> {
        let base = settings.base_url.trim_end_matches('/');
        let client = transport::client(base.strip_suffix("/v1").unwrap_or(base))?;
        let url = client.url("v1/messages").map_err(|_| SetupError::Url)?;
        Ok(Self { settings, url, client })
    }

    fn read(&self, body: &[u8]) -> Result<Reply, LlmError> {
        let reply: MessagesReply = transport::parse(body)?;
        match reply.stop_reason.as_deref() {
            Some("end_turn" | "stop_sequence") => {}
            Some("max_tokens") => {
                return Err(LlmError::Cut { detail: "it reached its length limit".to_owned() });
            }
            Some("refusal") => return Err(LlmError::Cut { detail: "the model refused".to_owned() }),
            _ => return Err(LlmError::Cut { detail: "its stop reason is not `end_turn`".to_owned() }),
        }
        let text: String = reply.content.into_iter().filter_map(|block| block.text).collect();
        if text.trim().is_empty() {
            return Err(LlmError::Empty);
        }
        let usage = reply
            .usage
            .map(|usage| Usage { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens });
        Ok(Reply { text, model: model_name(reply.model, &self.settings.model), usage })
    }
}

#[async_trait]
impl Llm for Anthropic {
    fn model(&self) -> &str {
        &self.settings.model
    }

    fn provider(&self) -> &'static str {
        "anthropic"
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        let (system, user) = (prompt.system(), prompt.user());
        let request = MessagesRequest {
            model: &self.settings.model,
            max_tokens: self.settings.max_output_tokens,
            system: &system,
            messages: [Message { role: "user", content: &user }],
            temperature: self.settings.sampling.temperature(),
            stream: false,
        };
        let call = self.client.call(Method::POST, self.url.as_str())?.json(&request)?;
        let mut call = call.header(HeaderName::from_static("anthropic-version"), VERSION);
        if let Some(key) = &self.settings.api_key {
            call = call.header(HeaderName::from_static("x-api-key"), key.header()?);
        }
        self.read(&transport::exchange(call, deadline).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base_url: &str) -> Anthropic {
        Anthropic::new(AnthropicSettings {
            base_url: base_url.to_owned(),
            model: "m".to_owned(),
            api_key: Some(Secret::new("k-very-secret".to_owned())),
            max_output_tokens: MAX_OUTPUT_TOKENS,
            sampling: Sampling::default(),
        })
        .expect("a client")
    }

    #[test]
    fn the_base_may_end_in_v1() {
        for base_url in ["https://h", "https://h/", "https://h/v1", "https://h/v1/"] {
            assert_eq!(client(base_url).url.as_str(), "https://h/v1/messages");
        }
    }

    #[test]
    fn bodies_are_judged() {
        let read = |body: &str| client(BASE_URL).read(body.as_bytes());
        let whole = r#"{"model":"m-1","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"}],"stop_reason":"end_turn"}"#;
        let hi = || Ok(Reply { text: "hi".to_owned(), model: "m-1".to_owned(), usage: None });
        assert_eq!(read(whole), hi());
        assert_eq!(read(&whole.replace("end_turn", "stop_sequence")), hi());
        for reason in ["max_tokens", "refusal", "pause_turn", "tool_use"] {
            assert!(
                matches!(read(&whole.replace("end_turn", reason)), Err(LlmError::Cut { .. })),
                "{reason}"
            );
        }
        assert!(matches!(read(r#"{"content":[{"text":"hi"}]}"#), Err(LlmError::Cut { .. })));
        assert_eq!(read(r#"{"content":[],"stop_reason":"end_turn"}"#), Err(LlmError::Empty));
        assert_eq!(read(" "), Err(LlmError::Empty));
        assert!(matches!(read(&whole[..30]), Err(LlmError::Cut { .. })));
        assert!(matches!(read(r#"{"choices":[]}"#), Err(LlmError::Invalid { .. })));
    }
}
