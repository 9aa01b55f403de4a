//! Server-sent events: those that a scripted model sends, and those that come back from us.

use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

/// Makes the steps of a stream from the user's message.
pub type Steps = dyn Fn(&str) -> Vec<Step> + Send + Sync;

/// A step of a stream.
#[derive(Clone)]
pub enum Step {
    /// A piece of the reply's text.
    Text(String),
    /// Bytes as they are.
    Raw(String),
    /// The finish reason.
    Finish(&'static str),
    /// The end marker.
    Done,
    /// Nothing until the test says so.
    Hold(Arc<Notify>),
    /// Nothing until the other side hangs up, which the test is told.
    Stall(Arc<Notify>),
    /// The connection breaks.
    Break,
}

impl Step {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A whole reply in small pieces, with its end.
    pub fn whole(text: &str) -> Vec<Self> {
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters.chunks(7).map(|piece| Self::Text(piece.iter().collect()));
        pieces.chain([Self::Finish("stop"), Self::Done]).collect()
    }

    fn bytes(&self) -> String {
        let chunk = |delta: Value, finish: Value| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
            let chunk = json!({ "id": "c1", "object": "chat.completion.chunk", "model": "scripted-1", "choices": [choice] });
            format!("data: {chunk}\n\n")
        };
        match self {
            Self::Text(text) => chunk(json!({ "content": text }), Value::Null),
            Self::Finish(reason) => chunk(json!({}), json!(reason)),
            Self::Done => "data: [DONE]\n\n".to_owned(),
            Self::Raw(bytes) => bytes.clone(),
            Self::Hold(_) | Self::Stall(_) | Self::Break => String::new(),
        }
    }
}

/// Sends a stream step by step, with chunked encoding, so that its end and a break differ.
pub async fn perform(mut stream: TcpStream, steps: Vec<Step>) {
    let head = "HTTP/1.1 200 Scripted\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).await;
    for step in steps {
        match &step {
            Step::Hold(go_on) => go_on.notified().await,
            Step::Stall(left) => {
                while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
                left.notify_one();
                return;
            }
            Step::Break => {
                let _ = stream.write_all(b"40\r\ndata: {").await;
                return;
            }
            _ => {
                let bytes = step.bytes();
                let chunk = format!("{:x}\r\n{bytes}\r\n", bytes.len());
                if stream.write_all(chunk.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
    let _ = stream.shutdown().await;
}

/// The server-sent events of a reply.
pub struct Events {
    body: BoxStream<'static, Result<axum::body::Bytes, axum::Error>>,
    text: String,
}

impl Events {
    pub fn of(body: axum::body::Body) -> Self {
        Self { body: body.into_data_stream().boxed(), text: String::new() }
    }

    /// The next event's data, comments as they are; `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.strip_prefix("data: ").unwrap_or(event).to_owned();
                self.text = rest.to_owned();
                return Some(event);
            }
            let bytes = self.body.next().await?.expect("the body does not break");
            self.text.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
        }
    }

    /// Reads the next event that carries text, and gives that.
    pub async fn next_text(&mut self) -> String {
        while let Some(event) = self.next().await {
            let piece: Value = serde_json::from_str(&event).unwrap_or_default();
            let text = text_of(&piece);
            if !text.is_empty() {
                return text.to_owned();
            }
        }
        panic!("no text came");
    }

    /// All that is left, as [`Streamed`].
    pub async fn rest(mut self) -> Streamed {
        let mut streamed = Streamed::default();
        while let Some(event) = self.next().await {
            assert!(!streamed.is_done, "nothing comes after the end marker");
            match event.as_str() {
                "[DONE]" => streamed.is_done = true,
                _ if event.starts_with(':') => streamed.num_comments += 1,
                _ => streamed.take(serde_json::from_str(&event).expect("JSON")),
            }
        }
        streamed
    }
}

/// A stream's events, put together.
#[derive(Debug, Default)]
pub struct Streamed {
    pub text: String,
    pub chunks: Vec<Value>,
    /// The `error` event.
    pub error: Option<Value>,
    /// Whether the end marker came.
    pub is_done: bool,
    pub num_comments: usize,
}

impl Streamed {
    fn take(&mut self, event: Value) {
        assert!(self.error.is_none(), "nothing but the end marker comes after an error: {event}");
        match event.get("error") {
            Some(_) => self.error = Some(event),
            None => {
                self.text.push_str(text_of(&event));
                self.chunks.push(event);
            }
        }
    }

    /// What we say beside OpenAI's own fields.
    pub fn extra(&self) -> &Value {
        &self.chunks.last().expect("a chunk")["runbookd"]
    }

    /// The error's code.
    pub fn code(&self) -> &str {
        let event = self.error.as_ref().unwrap_or_else(|| panic!("no error: {self:?}"));
        event["error"]["code"].as_str().expect("a string")
    }
}

/// A chunk's text, in either of OpenAI's forms.
fn text_of(chunk: &Value) -> &str {
    let choice = &chunk["choices"][0];
    choice["delta"]["content"].as_str().or(choice["text"].as_str()).unwrap_or_default()
}
