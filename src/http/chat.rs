//! `POST /v1/chat/completions`: OpenAI's form, whole or as a stream. The last user message is the question; where it is
//! too short to stand alone, the one before it gives the context.

use super::{body::Posted, error::ApiError, router::AppState, sse};
use crate::{
    answer::{Answer, Degraded},
    assistant::Request,
    format::Format,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use kb::store::Filter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A question of fewer words leans on the turn before it.
const MIN_WORDS_ALONE: usize = 5;

/// What arrives; sampling parameters are the client's own business.
#[derive(Debug, Deserialize)]
pub struct ChatRequest {
    messages: Vec<Message>,
    #[serde(default)]
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// What we say beside OpenAI's own fields.
#[derive(Debug, Serialize)]
pub struct Extra<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
}

/// Answers a conversation's last question.
pub async fn chat_completions(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    Posted(request): Posted<ChatRequest>,
) -> Result<Response, ApiError> {
    let question = question_in(&request.messages)
        .ok_or_else(|| ApiError::malformed("`messages` holds no user message with a text"))?;
    let asked = Request::parse(&question, None, Format::default())
        .map_err(|error| ApiError::malformed(error.to_string()))?;
    if request.stream == Some(true) {
        return Ok(sse::stream(state, asked, scope, CHUNKS));
    }
    let answer = state.answer(&asked, &scope).await?;
    refuse_misconfigured(&answer)?;
    Ok(Json(json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": answer.created_at.as_second(),
        "model": answer.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": answer.with_sources() },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 },
        "runbookd": Extra { answer: &answer },
    }))
    .into_response())
}

/// An OpenAI client can show an error, so a model that refuses our key or name is one: nobody would notice otherwise.
pub fn refuse_misconfigured(answer: &Answer) -> Result<(), ApiError> {
    match answer.degraded {
        Some(Degraded::LlmUnauthorized | Degraded::LlmRejected) => Err(ApiError::misconfigured()),
        _ => Ok(()),
    }
}

/// The question of a conversation.
fn question_in(messages: &[Message]) -> Option<String> {
    let users = messages
        .iter()
        .filter(|message| message.role == "user")
        .filter_map(|message| message.content.as_ref());
    let mut texts = users.map(Content::text).filter(|text| !text.trim().is_empty()).collect::<Vec<_>>();
    let last = texts.pop()?;
    match texts.pop() {
        Some(before) if last.split_whitespace().count() < MIN_WORDS_ALONE && last.chars().count() < 40 => {
            Some(format!("{before}\n{last}"))
        }
        _ => Some(last),
    }
}

const CHUNKS: sse::Form = sse::Form { id_prefix: "chatcmpl-", chunk };

/// One piece of a stream in OpenAI's form; the first names the role, the last the reason and our own fields.
fn chunk(piece: sse::Piece<'_>) -> Value {
    let (delta, finish, extra) = match piece {
        sse::Piece::First => (json!({ "role": "assistant", "content": "" }), Value::Null, None),
        sse::Piece::Text(text) => (json!({ "content": text }), Value::Null, None),
        sse::Piece::Last(answer) => (json!({}), json!("stop"), Some(Extra { answer })),
    };
    let mut chunk = json!({
        "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    });
    if let Some(extra) = extra {
        chunk["runbookd"] = json!(extra);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_message_is_the_question() {
        let check = |messages: Value, expected: Option<&str>| {
            let messages: Vec<Message> = serde_json::from_value(messages.clone()).expect("messages");
            assert_eq!(question_in(&messages).as_deref(), expected);
        };
        let user = |text: &str| json!({ "role": "user", "content": text });
        check(
            json!([{ "role": "system", "content": "obey" }, user("Why is my pod OOMKilled every night?")]),
            Some("Why is my pod OOMKilled every night?"),
        );
        check(
            json!([user("My pod is OOMKilled."), { "role": "assistant", "content": "Raise it." }, user("And then?")]),
            Some("My pod is OOMKilled.\nAnd then?"),
        );
        check(
            json!([user("One."), user("What does ImagePullBackOff mean for a pod?")]),
            Some("What does ImagePullBackOff mean for a pod?"),
        );
        check(
            json!([{ "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": {} }] }]),
            Some("a"),
        );
        check(json!([{ "role": "assistant", "content": "hello" }]), None);
        check(json!([{ "role": "user", "content": null }]), None);
    }
}
