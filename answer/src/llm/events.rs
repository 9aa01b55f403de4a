//! A chat completion as server-sent events, as OpenAI's endpoint and those like it write them: bytes in, pieces of text
//! out.
//!
//! Everything is bounded: the whole body and so each line and event in it, the wait for the first byte, the pause
//! between two, and the time in all. A reply is complete when its finish reason is `stop`, and not before.

use super::{LlmError, ReplyStream, model_name, openai::finished, transport::IDLE_TIMEOUT};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use net::Incoming;
use serde::{Deserialize, de::IgnoredAny};
use sse_stream::SseByteStream;
use std::{pin::Pin, time::Duration};
use tokio::time::{Instant, timeout};

/// Longest wait for the end of the body once the reply is complete, so that the connection can be used again.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// When the first byte must be there: a reply that has not begun after three quarters of its time would be cut in the
/// middle, and an answer from the documents is better than half of one.
pub fn first_byte_by(now: Instant, deadline: Instant) -> Instant {
    now + deadline.saturating_duration_since(now) * 3 / 4
}

/// Reads up to the first text that is not blank; `asked` is the model where the endpoint names none.
pub async fn begin(
    incoming: Incoming,
    first_byte_by: Instant,
    deadline: Instant,
    asked: &str,
) -> Result<ReplyStream, LlmError> {
    let bytes: ByteStream = Box::pin(bytes(incoming, first_byte_by, deadline));
    let mut chunks =
        Chunks { events: SseByteStream::new(bytes), model: None, has_events: false, is_complete: false };
    let mut first = String::new();
    while first.trim().is_empty() {
        first.push_str(&chunks.next().await?.ok_or(LlmError::Empty)?);
    }
    let model = model_name(chunks.model.take(), asked);
    let rest = stream::try_unfold(chunks, |mut chunks| async move {
        Ok(chunks.next().await?.map(|piece| (piece, chunks)))
    });
    Ok(ReplyStream { model, usage: None, pieces: stream::iter([Ok(first)]).chain(rest).boxed() })
}

type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, LlmError>> + Send>>;

/// The body as it comes, within its times.
fn bytes(
    incoming: Incoming,
    first_byte_by: Instant,
    deadline: Instant,
) -> impl Stream<Item = Result<Bytes, LlmError>> {
    stream::try_unfold((incoming, first_byte_by), move |(mut incoming, wait_until)| async move {
        let piece = incoming.chunk_by(wait_until.min(deadline)).await?;
        Ok(piece.map(|piece| (piece, (incoming, Instant::now() + IDLE_TIMEOUT))))
    })
}

/// A `chat.completion.chunk`, as far as it matters; the first of some endpoints and the last of others has no choices.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

struct Chunks {
    events: SseByteStream<ByteStream>,
    model: Option<String>,
    has_events: bool,
    is_complete: bool,
}

impl Chunks {
    /// The next piece of text; `None` after the last one of a complete reply.
    async fn next(&mut self) -> Result<Option<String>, LlmError> {
        while !self.is_complete {
            let Some(event) = self.events.try_next().await.map_err(body_error)? else {
                return Err(match self.has_events {
                    true => LlmError::Cut { detail: "it ended without a finish reason".to_owned() },
                    false => LlmError::Empty,
                });
            };
            let Some(data) = event.data else { continue };
            self.has_events = true;
            if data.trim() == "[DONE]" {
                return Err(LlmError::Cut { detail: "it ended without a finish reason".to_owned() });
            }
            // The category only: serde's message can quote the body.
            let chunk: Chunk = serde_json::from_str(&data).map_err(|error| LlmError::Invalid {
                detail: format!("{:?} error in an event's JSON", error.classify()).to_lowercase(),
            })?;
            if chunk.error.is_some() {
                return Err(LlmError::Reported);
            }
            self.model = self.model.take().or(chunk.model.filter(|model| !model.is_empty()));
            let Some(choice) = chunk.choices.into_iter().next() else { continue };
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                finished(Some(&reason))?;
                self.is_complete = true;
            }
            if let Some(text) = choice.delta.and_then(|delta| delta.content).filter(|text| !text.is_empty()) {
                return Ok(Some(text));
            }
        }
        // The reply is complete; further events do not matter.
        let _ = timeout(END_TIMEOUT, async { while let Ok(Some(_)) = self.events.try_next().await {} }).await;
        Ok(None)
    }
}

fn body_error(error: sse_stream::Error) -> LlmError {
    match error {
        sse_stream::Error::Body(cause) => match cause.downcast::<LlmError>() {
            Ok(cause) => *cause,
            Err(_) => LlmError::Cut { detail: "its body broke".to_owned() },
        },
        _ => LlmError::Invalid { detail: "an event is not UTF-8".to_owned() },
    }
}
