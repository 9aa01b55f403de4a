//! What `POST /v1/chat/completions` takes and sends: OpenAI's form.

use super::{
    answer,
    json::Object,
    openai::{Form, Piece, StreamOptions, Usage},
    schema,
};
use ::answer::Answer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        Ref,
        schema::{Array, ArrayBuilder},
    },
};

/// A conversation; sampling parameters are the client's own business.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChatRequest {
    #[schema(schema_with = with_a_question)]
    pub messages: Vec<Object<Message>>,
    #[serde(default)]
    pub stream: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<StreamOptions>)]
    pub stream_options: Option<Object<StreamOptions>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Message {
    pub role: String,
    #[serde(default)]
    pub content: Option<Content>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    #[schema(value_type = Vec<Part>)]
    Parts(Vec<Object<Part>>),
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Part {
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    /// Its text, the parts a line each.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => {
                parts.iter().filter_map(|Object(part)| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// Messages of which at least one holds a question.
fn with_a_question() -> Array {
    let text = schema::not_blank();
    let content = json!([text, { "type": "array", "contains": schema::with_text("text") }]);
    let question = json!({
        "type": "object",
        "required": ["role", "content"],
        "properties": { "role": { "const": "user" }, "content": { "anyOf": content } },
    });
    ArrayBuilder::new()
        .items(Ref::from_schema_name("Message"))
        .extensions(schema::keywords([("contains", question)]))
        .build()
}

/// The answer in OpenAI's own fields, and in ours beside them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatCompletion {
    id: String,
    object: &'static str,
    /// Unix time, in seconds.
    created: i64,
    model: String,
    choices: [Choice; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    runbookd: answer::Answer,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Choice {
    index: u32,
    message: AssistantMessage,
    finish_reason: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AssistantMessage {
    role: &'static str,
    content: String,
}

impl From<Answer> for ChatCompletion {
    fn from(answer: Answer) -> Self {
        let message = AssistantMessage { role: "assistant", content: answer.with_sources() };
        Self {
            id: format!("chatcmpl-{}", answer.id),
            object: "chat.completion",
            created: answer.created_at.as_second(),
            model: answer.model.clone(),
            choices: [Choice { index: 0, message, finish_reason: "stop" }],
            usage: answer.usage.map(Usage::from),
            runbookd: answer.into(),
        }
    }
}

/// The same as a stream.
pub const CHUNKS: Form = Form { id_prefix: "chatcmpl-", chunk };

/// One piece of a stream in OpenAI's form; the first names the role, the last the reason and our own fields.
fn chunk(piece: Piece<'_>) -> Value {
    let (delta, finish, extra) = match piece {
        Piece::Usage => return json!({ "object": "chat.completion.chunk", "choices": [] }),
        Piece::First => (json!({ "role": "assistant", "content": "" }), Value::Null, None),
        Piece::Text(text) => (json!({ "content": text }), Value::Null, None),
        Piece::Last(answer) => (json!({}), json!("stop"), Some(answer)),
    };
    let mut chunk = json!({
        "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    });
    if let Some(answer) = extra {
        chunk["runbookd"] = json!(answer::Answer::from(answer.clone()));
    }
    chunk
}
