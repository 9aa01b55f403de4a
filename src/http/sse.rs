//! Answers as server-sent events. Only checked text goes out: the model's text block by block, as soon as each block is
//! checked, any other text whole; comments keep the connection alive in between.
//!
//! The headers are out before the answer is known, so a failure is an event: `{"error": {message, type, code}}`,
//! and after a part of an answer also `runbookd`, with the sources of what was sent. Then `[DONE]`, as always.

use super::{
    error::ApiError,
    state::AppState,
    wire::{
        answer::{self as wire, Degraded},
        openai::{Form, Piece, Usage},
    },
};
use answer::{
    Answer, Answered,
    assistant::Delta,
    request::{Occasion, Request},
};
use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures::{StreamExt, stream};
use kb::store::Filter;
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::Instrument;

/// Time between two comments.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Most blocks that wait for a slow client; then the answer waits too, within its deadline.
const MAX_WAITING: usize = 64;

/// Answers a request as a stream.
pub fn stream(
    state: AppState,
    request: Request,
    filter: Filter,
    form: Form,
    includes_usage: bool,
) -> Response {
    let occasion = Occasion::now(state.settings().deadline);
    let mut writer = Writer {
        form,
        id: format!("{}{}", form.id_prefix, occasion.id),
        created: occasion.now.as_second(),
        includes_usage,
        sent: None,
    };
    let (outlet, mut blocks) = mpsc::channel(MAX_WAITING);
    // A task of its own: who reads slowly must hold up neither the model nor those who wait for the same answer. It
    // ends when the stream is dropped, and its call of the model with it.
    let mut answering = JoinSet::new();
    let terms = state.terms();
    let answer = async move { state.desk.stream(&request, &filter, occasion, terms, &outlet).await };
    answering.spawn(answer.in_current_span());
    let deltas = stream::poll_fn(move |context| blocks.poll_recv(context)).map(Step::Delta);
    let ended = stream::once(async move {
        match answering.join_next().await {
            Some(Ok(answered)) => Step::Ended(Box::new(answered.map_err(ApiError::from))),
            // It panicked, which the log has told.
            Some(Err(_)) | None => Step::Ended(Box::new(Err(ApiError::internal()))),
        }
    });
    let events = deltas
        .chain(ended)
        .flat_map(move |step| stream::iter(writer.write(step)))
        .map(|piece| piece.to_string())
        .chain(stream::once(std::future::ready("[DONE]".to_owned())))
        .map(|data| Ok::<_, Infallible>(Event::default().data(data)));
    // Proxies that collect a reply before they pass it on are told not to.
    let unbuffered = [("x-accel-buffering", "no")];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

enum Step {
    Delta(Delta),
    Ended(Box<Result<Answered, ApiError>>),
}

/// Writes the events of one stream.
struct Writer {
    form: Form,
    id: String,
    created: i64,
    /// Whether the client asked for [`Piece::Usage`].
    includes_usage: bool,
    /// The text that was sent; `None` before the first.
    sent: Option<String>,
}

impl Writer {
    fn write(&mut self, step: Step) -> Vec<Value> {
        match step {
            Step::Delta(Delta { model, text }) => self.texts(&model, [text.as_str()]),
            Step::Ended(ended) => match *ended {
                Ok(Answered::Whole(answer)) => self.end(&answer),
                Ok(Answered::Interrupted(answer)) => {
                    let message = "the language model failed in the middle of its answer";
                    let mut event = failure(message, json!(answer.degraded.map(Degraded::from)));
                    event["runbookd"] = json!(wire::Answer::from(answer));
                    vec![event]
                }
                Err(error) => vec![failure(error.message(), json!(error.code()))],
            },
        }
    }

    /// The events with the rest of the answer, or the event with the reason why there is no rest.
    fn end(&mut self, answer: &Answer) -> Vec<Value> {
        if let Err(error) = ApiError::refuse_misconfigured(answer) {
            return vec![failure(error.message(), json!(answer.degraded.map(Degraded::from)))];
        }
        let text = answer.with_sources();
        let sent = self.sent.as_deref().unwrap_or_default();
        let rest = text.strip_prefix(sent).expect("an answer begins with what was shown of it");
        let mut pieces = self.texts(&answer.model, blocks(rest));
        pieces.push(self.chunk(&answer.model, Piece::Last(answer)));
        if self.includes_usage {
            let mut counted = self.chunk(&answer.model, Piece::Usage);
            counted["usage"] = json!(answer.usage.map(Usage::from));
            pieces.push(counted);
        }
        pieces
    }

    fn texts<'t>(&mut self, model: &str, texts: impl IntoIterator<Item = &'t str>) -> Vec<Value> {
        let mut pieces = Vec::new();
        if self.sent.is_none() {
            pieces.push(self.chunk(model, Piece::First));
        }
        for text in texts {
            self.sent.get_or_insert_default().push_str(text);
            pieces.push(self.chunk(model, Piece::Text(text)));
        }
        pieces
    }

    fn chunk(&self, model: &str, piece: Piece<'_>) -> Value {
        let mut chunk = (self.form.chunk)(piece);
        chunk["id"] = json!(self.id);
        chunk["created"] = json!(self.created);
        chunk["model"] = json!(model);
        if self.includes_usage {
            // As OpenAI has it: null on every chunk but the one that tells.
            chunk["usage"] = Value::Null;
        }
        chunk
    }
}

/// An error as an event; OpenAI's clients raise it.
fn failure(message: &str, code: Value) -> Value {
    json!({ "error": { "message": message, "type": "server_error", "code": code } })
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
