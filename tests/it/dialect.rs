//! What the scripted model speaks: the three providers' requests and replies, told apart by the path.

use serde_json::{Value, json};

/// A provider's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Anthropic,
    Bedrock,
}

/// How a reply ends.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    Whole,
    /// At its limit of tokens.
    AtLimit,
}

impl Dialect {
    /// The dialect of a request, by its first line.
    pub fn of(request: &str) -> Self {
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path {
            _ if path.ends_with("/v1/messages") => Self::Anthropic,
            _ if path.ends_with("/converse") => Self::Bedrock,
            _ => Self::OpenAi,
        }
    }

    /// The user's message in a request's body.
    pub fn user_message(self, body: &Value) -> String {
        let content = match self {
            Self::OpenAi => &body["messages"][1]["content"],
            Self::Anthropic => &body["messages"][0]["content"],
            Self::Bedrock => &body["messages"][0]["content"][0]["text"],
        };
        content.as_str().unwrap_or_default().to_owned()
    }

    /// A reply's body.
    pub fn reply(self, text: &str, ending: Ending) -> String {
        let reason = match (self, ending) {
            (Self::OpenAi, Ending::Whole) => "stop",
            (Self::OpenAi, Ending::AtLimit) => "length",
            (_, Ending::Whole) => "end_turn",
            (_, Ending::AtLimit) => "max_tokens",
        };
        let body = match self {
            Self::OpenAi => json!({
                "id": "c1", "object": "chat.completion", "model": "scripted-1",
                "choices": [{
                    "index": 0,
                    "message": { "role": "assistant", "content": text },
                    "finish_reason": reason,
                }],
                "usage": { "prompt_tokens": 120, "completion_tokens": 9, "total_tokens": 129 },
            }),
            Self::Anthropic => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-anthropic-1",
                "content": [{ "type": "text", "text": text }],
                "stop_reason": reason, "stop_sequence": null,
                "usage": { "input_tokens": 1, "output_tokens": 1 },
            }),
            Self::Bedrock => json!({
                "metrics": { "latencyMs": 1 },
                "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
                "stopReason": reason,
                "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 },
            }),
        };
        body.to_string()
    }
}
