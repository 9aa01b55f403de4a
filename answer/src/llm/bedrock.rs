//! Amazon Bedrock's Converse API: `POST {base_url}/model/{model}/converse`, with a Bedrock API key or signed.

use super::{
    Llm, LlmError, Reply, Usage,
    aws::{self, Keys, Role, RoleSource},
    settings::Sampling,
    transport,
};
use crate::prompt::Prompt;
use async_trait::async_trait;
use net::{Call, Client, Method, Secret, SetupError, Url, header::AUTHORIZATION};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use tokio::time::Instant;

/// The name that requests are signed for.
const SERVICE: &str = "bedrock";
/// The characters that AWS escapes in a path: all but RFC 3986's unreserved ones.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedrockSettings {
    /// The AWS region, such as `eu-central-1`.
    pub region: String,
    /// Another endpoint than the region's own, such as a VPC's.
    pub base_url: Option<String>,
    /// A model's id, or an inference profile's id or ARN.
    pub model: String,
    /// How requests show who we are.
    pub access: BedrockAccess,
    /// Most tokens of a reply; the model's own limit when absent.
    pub max_output_tokens: Option<u32>,
    /// Whether a temperature is sent.
    pub sampling: Sampling,
}

/// How requests show who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BedrockAccess {
    /// A Bedrock API key, sent as a bearer token.
    ApiKey(Secret),
    /// Signed with keys that were given.
    Keys(Keys),
    /// Signed with the keys of a role.
    Role(RoleSource),
}

pub struct Bedrock {
    settings: BedrockSettings,
    url: Url,
    client: Client,
    access: Access,
}

enum Access {
    ApiKey(Secret),
    Keys(Keys),
    Role(Box<Role>),
}

#[derive(Serialize)]
struct ConverseRequest<'a> {
    system: [Text<'a>; 1],
    messages: [Message<'a>; 1],
    #[serde(rename = "inferenceConfig")]
    inference: Inference,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: [Text<'a>; 1],
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Inference {
    #[serde(rename = "maxTokens", skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
}

#[derive(Deserialize)]
struct ConverseReply {
    output: Output,
    #[serde(default, rename = "stopReason")]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenUsage {
    #[serde(default)]
    input_tokens: u32,
    #[serde(default)]
    output_tokens: u32,
}

#[derive(Deserialize)]
struct Output {
    message: ReplyMessage,
}

#[derive(Deserialize)]
struct ReplyMessage {
    content: Vec<Block>,
}

/// A part of the reply; parts without a text, such as the model's reasoning, are not shown.
#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: Option<String>,
}

impl Bedrock {
    /// A client; nothing is sent yet.
    pub fn new(settings: BedrockSettings) -> Result<Self, SetupError> {
        let regional = || format!("https://bedrock-runtime.{}.amazonaws.com", settings.region);
        let base_url = settings.base_url.clone().unwrap_or_else(regional);
        let model = utf8_percent_encode(&settings.model, &RESERVED);
        let client = transport::client(base_url.trim_end_matches('/'))?;
        let url = client.url(&format!("model/{model}/converse")).map_err(|_| SetupError::Url)?;
        let access = match &settings.access {
            BedrockAccess::ApiKey(key) => Access::ApiKey(key.clone()),
            BedrockAccess::Keys(keys) => Access::Keys(keys.clone()),
            BedrockAccess::Role(source) => Access::Role(Box::new(Role::new(source.clone())?)),
        };
        Ok(Self { settings, url, client, access })
    }

    /// The call with proof of who we are.
    async fn call(&self, request: &ConverseRequest<'_>, deadline: Instant) -> Result<Call<'_>, LlmError> {
        let call = self.client.call(Method::POST, self.url.as_str())?.json(request)?;
        let keys = match &self.access {
            Access::ApiKey(key) => return Ok(call.header(AUTHORIZATION, key.bearer()?)),
            Access::Keys(keys) => keys.clone(),
            Access::Role(role) => role.keys(deadline).await?,
        };
        let scope = aws::Scope { region: &self.settings.region, service: SERVICE, at: SystemTime::now() };
        let signed = [("content-type", "application/json")];
        let headers = aws::sign(&self.url, &signed, call.sent_body(), &keys, &scope)?;
        Ok(headers.into_iter().fold(call, |call, (name, value)| call.header(name, value)))
    }

    fn read(&self, body: &[u8]) -> Result<Reply, LlmError> {
        let reply: ConverseReply = transport::parse(body)?;
        match reply.stop_reason.as_deref() {
            Some("end_turn" | "stop_sequence") => {}
            Some("max_tokens") => {
                return Err(LlmError::Cut { detail: "it reached its length limit".to_owned() });
            }
            Some("guardrail_intervened" | "content_filtered") => {
                return Err(LlmError::Cut { detail: "its content was filtered".to_owned() });
            }
            _ => return Err(LlmError::Cut { detail: "its stop reason is not `end_turn`".to_owned() }),
        }
        let text: String = reply.output.message.content.into_iter().filter_map(|block| block.text).collect();
        if text.trim().is_empty() {
            return Err(LlmError::Empty);
        }
        let usage = reply
            .usage
            .map(|usage| Usage { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens });
        Ok(Reply { text, model: self.settings.model.clone(), usage })
    }
}

#[async_trait]
impl Llm for Bedrock {
    fn model(&self) -> &str {
        &self.settings.model
    }

    fn provider(&self) -> &'static str {
        "aws.bedrock"
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        let (system, user) = (prompt.system(), prompt.user());
        let request = ConverseRequest {
            system: [Text { text: &system }],
            messages: [Message { role: "user", content: [Text { text: &user }] }],
            inference: Inference {
                max_tokens: self.settings.max_output_tokens,
                temperature: self.settings.sampling.temperature(),
            },
        };
        let result = transport::exchange(self.call(&request, deadline).await?, deadline).await;
        if let (Err(LlmError::Status { status: 401 | 403, .. }), Access::Role(role)) = (&result, &self.access)
        {
            // They may have been revoked before their time.
            role.forget().await;
        }
        self.read(&result?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base_url: Option<&str>, model: &str) -> Bedrock {
        Bedrock::new(BedrockSettings {
            region: "eu-west-1".to_owned(),
            base_url: base_url.map(str::to_owned),
            model: model.to_owned(),
            access: BedrockAccess::ApiKey(Secret::new("k-very-secret".to_owned())),
            max_output_tokens: None,
            sampling: Sampling::default(),
        })
        .expect("a client")
    }

    #[test]
    fn model_ids_are_encoded_as_aws_reads_them() {
        for (base_url, model, expected) in [
            (
                None,
                "anthropic.claude-3-5-sonnet-20241022-v2:0",
                "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
            ),
            (
                Some("https://vpce-1.example.com/"),
                "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0",
                "https://vpce-1.example.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.amazon.nova-lite-v1%3A0/converse",
            ),
        ] {
            assert_eq!(client(base_url, model).url.as_str(), expected);
        }
    }

    #[test]
    fn bodies_are_judged() {
        let read = |body: &str| client(None, "m").read(body.as_bytes());
        let whole = r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{}},{"text":"hi"}]}},"stopReason":"end_turn"}"#;
        let hi = || Ok(Reply { text: "hi".to_owned(), model: "m".to_owned(), usage: None });
        assert_eq!(read(whole), hi());
        assert_eq!(read(&whole.replace("end_turn", "stop_sequence")), hi());
        for reason in ["max_tokens", "guardrail_intervened", "content_filtered", "tool_use", "new_one"] {
            assert!(
                matches!(read(&whole.replace("end_turn", reason)), Err(LlmError::Cut { .. })),
                "{reason}"
            );
        }
        assert_eq!(read(&whole.replace(r#"{"text":"hi"}"#, r#"{"text":" "}"#)), Err(LlmError::Empty));
        assert_eq!(read(""), Err(LlmError::Empty));
        assert!(matches!(read(&whole[..30]), Err(LlmError::Cut { .. })));
        assert!(matches!(read(r#"{"Output":{}}"#), Err(LlmError::Invalid { .. })));
    }
}
