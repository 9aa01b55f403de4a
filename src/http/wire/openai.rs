//! What OpenAI's two protocols share: the tokens that a reply took, and the form of a stream.

use super::json::Object;
use answer::{Answer, llm};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The tokens that the model counted for this reply: none where it was not asked, because the answer had been given before
/// or needs no model. Absent where the model does not say.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
}

impl From<llm::Usage> for Usage {
    fn from(usage: llm::Usage) -> Self {
        let llm::Usage { input_tokens, output_tokens } = usage;
        Self {
            prompt_tokens: input_tokens,
            completion_tokens: output_tokens,
            total_tokens: input_tokens.saturating_add(output_tokens),
        }
    }
}

/// What a client wants of a stream beside the text.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct StreamOptions {
    /// Asks for one more chunk before the end, without choices, that tells what the model counted; null where the model
    /// does not say. There is none where the answer breaks off.
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Whether a client wants to know what the model counted.
pub fn wants_usage(options: Option<Object<StreamOptions>>) -> bool {
    options.is_some_and(|Object(options)| options.include_usage == Some(true))
}

/// How a protocol writes a stream.
#[derive(Clone, Copy)]
pub struct Form {
    /// Stands before the answer's id.
    pub id_prefix: &'static str,
    /// Writes one piece; id, time and model are added.
    pub chunk: fn(Piece<'_>) -> Value,
}

/// What a stream is made of.
pub enum Piece<'a> {
    /// Before the first text.
    First,
    /// A part of the answer.
    Text(&'a str),
    /// After the last text.
    Last(&'a Answer),
    /// After everything else, what the model counted: no choice belongs to it.
    Usage,
}
