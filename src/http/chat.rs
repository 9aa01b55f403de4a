//! `POST /v1/chat/completions`: OpenAI's form, whole or as a stream. The last user message is the question; where it names
//! nothing to search for, the ones before it give the context.

use super::{
    body::Posted,
    error::{ApiError, BodyRefused, Misconfigured, Unavailable},
    sse,
    state::AppState,
    wire::{
        chat::{CHUNKS, ChatCompletion, ChatRequest, Content, Message},
        json::Object,
        openai,
    },
};
use answer::{
    format::Format,
    request::{Request, question},
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use kb::{
    analyzer::is_cjk,
    question::{Identifier, IdentifierKind},
    store::Filter,
};

/// A question that names nothing leans on the turns before it, unless it has so many words; a character of a script without
/// spaces counts as half of one.
const MIN_WORDS_ALONE: usize = 12;
/// Most turns before the question that are read.
const MAX_CONTEXT: usize = 4;

/// Answers a conversation's last question.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "answers",
    request_body(
        content = ChatRequest,
        example = json!({ "messages": [{ "role": "user", "content": "Why is my pod OOMKilled?" }] })
    ),
    responses(
        (
            status = 200,
            description = "The answer, or with `stream` server-sent events that end with `[DONE]`.",
            content((ChatCompletion = "application/json"), ("text/event-stream")),
        ),
        BodyRefused,
        Misconfigured,
        Unavailable,
    )
)]
pub async fn chat_completions(
    State(state): State<AppState>,
    Extension(filter): Extension<Filter>,
    Posted(request): Posted<ChatRequest>,
) -> Result<Response, ApiError> {
    let messages: Vec<Message> = request.messages.into_iter().map(|Object(message)| message).collect();
    let question = question_in(&messages)
        .ok_or_else(|| ApiError::malformed("`messages` holds no user message with a text"))?;
    let asked = Request::parse(&question, None, Format::default())
        .map_err(|error| ApiError::malformed(error.to_string()))?;
    if request.stream == Some(true) {
        return Ok(sse::stream(state, asked, filter, CHUNKS, openai::wants_usage(request.stream_options)));
    }
    let answer = state.answer(&asked, &filter).await?;
    ApiError::refuse_misconfigured(&answer)?;
    Ok(Json(ChatCompletion::from(answer)).into_response())
}

/// The question of a conversation.
fn question_in(messages: &[Message]) -> Option<String> {
    let users = messages
        .iter()
        .filter(|message| message.role == "user")
        .filter_map(|message| message.content.as_ref());
    let texts = users.map(Content::text).filter(|text| !text.trim().is_empty()).collect::<Vec<_>>();
    let last = texts.len().checked_sub(1)?;
    let earliest = last.saturating_sub(MAX_CONTEXT);
    let from = (earliest..=last).rev().find(|at| stands_alone(&texts[*at])).unwrap_or(last.saturating_sub(1));
    Some(texts[from..].join("\n"))
}

/// Whether a question says by itself what it is about.
fn stands_alone(text: &str) -> bool {
    let is_naming = |named: &Identifier| {
        IdentifierKind::TELLING.contains(&named.kind)
            || matches!(named.kind, IdentifierKind::Image | IdentifierKind::Taint)
    };
    let names = question(text, None).is_ok_and(|question| question.identifiers().iter().any(is_naming));
    let words = text.split_whitespace().count() + text.chars().filter(|c| is_cjk(*c)).count() / 2;
    names || words >= MIN_WORDS_ALONE
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
        for leaning in [
            "how do I fix it?",
            "what should I do about that now?",
            "Can you explain that in more detail please?",
            "接下來怎麼辦?",
        ] {
            let expected = format!("My pod payments-api was OOMKilled with exit code 137\n{leaning}");
            let first = user("My pod payments-api was OOMKilled with exit code 137");
            check(json!([first, user(leaning)]), Some(&expected));
        }
        check(
            json!([user("My pod is OOMKilled."), user("And then?"), user("Why that?")]),
            Some("My pod is OOMKilled.\nAnd then?\nWhy that?"),
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
