//! What k8sgpt's `customrest` backend sends and reads, and OpenAI's older form around it.

use super::{
    answer::{self, AnsweredBy, Citation, Degraded, Nearest},
    json::Object,
    openai::{Form, Piece, StreamOptions, Usage},
    schema,
};
use crate::http::error::ApiError;
use ::answer::Answer;
use jiff::Timestamp;
use kb::answerable::Status;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema,
        schema::{AllOfBuilder, Type},
    },
};

/// A question as k8sgpt sends it. Everything may be absent or null; what is not listed is the client's own business.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CustomRestRequest {
    /// The question, or one of k8sgpt's templates around it. OpenAI's form allows a list, here of one.
    #[serde(default)]
    #[schema(schema_with = prompt)]
    pub prompt: Option<Prompt>,
    #[serde(default)]
    #[schema(value_type = Option<CustomRestOptions>)]
    pub options: Option<Object<CustomRestOptions>>,
    /// Asks `/v1/completions` for a stream.
    #[serde(default)]
    pub stream: Option<bool>,
    /// What the stream is to tell beside the text.
    #[serde(default)]
    #[schema(value_type = Option<StreamOptions>)]
    pub stream_options: Option<Object<StreamOptions>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`prompt` is neither a string nor a list of one string")]
pub enum Prompt {
    /// A text.
    One(String),
    /// A list of texts.
    Listed(Vec<String>),
}

impl Prompt {
    /// The one text.
    pub fn text(self) -> Result<String, ApiError> {
        match self {
            Self::One(text) => Ok(text),
            Self::Listed(texts) => match <[String; 1]>::try_from(texts) {
                Ok([text]) => Ok(text),
                Err(texts) => {
                    let message = format!("`prompt` holds {} texts; ask one question at a time", texts.len());
                    Err(ApiError::malformed(message))
                }
            },
        }
    }
}

fn prompt() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let listed = ArrayBuilder::new().items(text()).min_items(Some(1)).max_items(Some(1));
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    let description =
        "The question, or one of k8sgpt's templates around it. OpenAI's form allows a list, here of one.";
    OneOfBuilder::new().item(nothing).item(text()).item(listed).description(Some(description)).into()
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CustomRestOptions {
    /// The failure's text; it is what is searched for.
    #[serde(default)]
    pub message: Option<String>,
    /// Language of the answer, as free text.
    #[serde(default)]
    pub language: Option<String>,
}

/// A request that holds a question somewhere.
pub enum CustomRestQuestion {}

impl PartialSchema for CustomRestQuestion {
    fn schema() -> RefOr<Schema> {
        let in_options = json!({
            "type": "object",
            "required": ["options"],
            "properties": { "options": schema::with_text("message") },
        });
        let listed = json!({
            "type": "object",
            "required": ["prompt"],
            "properties": { "prompt": { "type": "array", "contains": schema::not_blank() } },
        });
        let somewhere =
            schema::keywords([("anyOf", json!([schema::with_text("prompt"), listed, in_options]))]);
        AllOfBuilder::new()
            .item(Ref::from_schema_name("CustomRestRequest"))
            .item(ObjectBuilder::new().extensions(somewhere))
            .into()
    }
}

impl ToSchema for CustomRestQuestion {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((CustomRestRequest::name().into_owned(), CustomRestRequest::schema()));
        CustomRestRequest::schemas(schemas);
    }
}

/// The answer as k8sgpt reads it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomRestReply {
    model: String,
    created_at: Timestamp,
    response: String,
    id: String,
    #[schema(schema_with = schema::status)]
    status: Status,
    #[schema(minimum = 0, maximum = 1)]
    confidence: f32,
    reason: String,
    answered_by: AnsweredBy,
    #[schema(required)]
    degraded: Option<Degraded>,
    cached: bool,
    warnings: Vec<String>,
    citations: Vec<Citation>,
    nearest: Vec<Nearest>,
    kb_version: String,
}

impl From<Answer> for CustomRestReply {
    fn from(answer: Answer) -> Self {
        let response = answer.with_sources();
        Self {
            model: answer.model,
            created_at: seconds(answer.created_at),
            response,
            id: answer.id,
            status: answer.status,
            confidence: answer.confidence,
            reason: answer.reason,
            answered_by: answer.answered_by.into(),
            degraded: answer.degraded.map(Degraded::from),
            cached: answer.cached,
            warnings: answer.warnings,
            citations: answer.citations.into_iter().map(Citation::from).collect(),
            nearest: answer.nearest.into_iter().map(Nearest::from).collect(),
            kb_version: answer.kb_version,
        }
    }
}

/// Whole seconds: `2026-01-02T03:04:05Z`.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// OpenAI's older form around k8sgpt's.
#[derive(Debug, Serialize, ToSchema)]
pub struct TextCompletion {
    object: &'static str,
    created: i64,
    choices: [TextChoice; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(flatten)]
    custom_rest: CustomRestReply,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TextChoice {
    index: u32,
    text: String,
    finish_reason: &'static str,
    /// Always null.
    #[schema(schema_with = schema::null)]
    logprobs: (),
}

impl From<Answer> for TextCompletion {
    fn from(answer: Answer) -> Self {
        let (created, text) = (answer.created_at.as_second(), answer.with_sources());
        Self {
            object: "text_completion",
            created,
            choices: [TextChoice { index: 0, text, finish_reason: "stop", logprobs: () }],
            usage: answer.usage.map(Usage::from),
            custom_rest: answer.into(),
        }
    }
}

/// The same as a stream.
pub const CHUNKS: Form = Form { id_prefix: "cmpl-", chunk };

fn chunk(piece: Piece<'_>) -> Value {
    let (text, finish, extra) = match piece {
        Piece::Usage => return json!({ "object": "text_completion", "choices": [] }),
        Piece::First => ("", Value::Null, None),
        Piece::Text(text) => (text, Value::Null, None),
        Piece::Last(answer) => ("", json!("stop"), Some(answer)),
    };
    let mut chunk = json!({
        "object": "text_completion",
        "choices": [{ "index": 0, "text": text, "finish_reason": finish, "logprobs": null }],
    });
    if let Some(answer) = extra {
        chunk["runbookd"] = json!(answer::Answer::from(answer.clone()));
    }
    chunk
}
