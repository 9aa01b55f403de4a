//! Answers as server-sent events. Only checked text goes out: the answer is complete and checked before its first block
//! is sent, and comments keep the connection alive until then.

use super::{chat, router::AppState};
use crate::{answer::Answer, assistant::Request};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use kb::store::Filter;
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};

/// Time between two comments.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What a stream is made of.
pub enum Piece<'a> {
    /// Before the answer is known.
    First,
    /// A block of the answer.
    Text(&'a str),
    /// After the last block.
    Last(&'a Answer),
}

/// Answers a request as a stream; `form` writes each piece as the protocol wants it. Ends with `[DONE]`, also after an
/// error event.
pub fn stream(
    state: AppState,
    request: Request,
    scope: Filter,
    form: fn(Piece<'_>) -> Value,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::once(std::future::ready(form(Piece::First)));
    let rest = stream::once(async move {
        let answer = match state.answer(&request, &scope).await {
            Ok(answer) => chat::refuse_misconfigured(&answer).map(|()| answer),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => pieces(&answer, form),
            Err(error) => vec![json!({ "error": { "message": error.message(), "type": "server_error" } })],
        }
    })
    .flat_map(stream::iter);
    let events = first
        .chain(rest)
        .map(|piece| Event::default().data(piece.to_string()))
        .chain(stream::once(std::future::ready(Event::default().data("[DONE]"))))
        .map(Ok);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn pieces(answer: &Answer, form: fn(Piece<'_>) -> Value) -> Vec<Value> {
    let text = answer.with_sources();
    let name = |mut piece: Value| {
        piece["id"] = json!(format!("chatcmpl-{}", answer.id));
        piece["created"] = json!(answer.created_at.as_second());
        piece["model"] = json!(answer.model);
        piece
    };
    let mut pieces: Vec<Value> =
        blocks(&text).into_iter().map(|block| name(form(Piece::Text(block)))).collect();
    pieces.push(name(form(Piece::Last(answer))));
    pieces
}

/// A text's paragraphs, list items and whole fences; together they are the text.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let (mut start, mut at, mut fenced) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        let begins = !fenced && at > start;
        if begins {
            blocks.push(&text[start..at]);
            start = at;
        }
        fenced ^= is_fence;
        at += line.len();
    }
    if start < text.len() {
        blocks.push(&text[start..]);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_one_block() {
        let text = "Cause.\n\n1. One\n2. Two\n```bash\na\n\nb\n```\nEnd";
        let blocks = blocks(text);
        assert_eq!(blocks, ["Cause.\n", "\n", "1. One\n", "2. Two\n", "```bash\na\n\nb\n```\n", "End"]);
        assert_eq!(blocks.concat(), text);
    }
}
