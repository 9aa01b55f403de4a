//! `POST /completions`: what k8sgpt's `customrest` backend sends and reads.
//!
//! The client reads one JSON object, matches its keys without regard to case, and gives up the whole run at any status
//! of 400 or above. So a well-formed request gets 200, and nothing else in the reply is called `model` or `response`.

use super::{
    body::{self, Object, Posted},
    error::{ApiError, BodyRefused, Unavailable},
    router::AppState,
    schema, sse,
};
use answer::{
    answer::{Answer, AnsweredBy, Citation, Degraded, Nearest},
    assistant::Request,
    format::{Format, Shape},
    llm,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use kb::{answerable::Status, store::Filter};
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
    prompt: Option<Prompt>,
    #[serde(default)]
    #[schema(value_type = Option<CustomRestOptions>)]
    options: Option<Object<CustomRestOptions>>,
    /// Asks `/v1/completions` for a stream.
    #[serde(default)]
    stream: Option<bool>,
    /// What the stream is to tell beside the text.
    #[serde(default)]
    #[schema(value_type = Option<sse::StreamOptions>)]
    stream_options: Option<Object<sse::StreamOptions>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`prompt` is neither a string nor a list of one string")]
enum Prompt {
    One(String),
    Listed(Vec<String>),
}

impl Prompt {
    fn text(self) -> Result<String, ApiError> {
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
struct CustomRestOptions {
    /// The failure's text; it is what is searched for.
    #[serde(default)]
    message: Option<String>,
    /// Language of the answer, as free text.
    #[serde(default)]
    language: Option<String>,
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
            answered_by: answer.answered_by,
            degraded: answer.degraded,
            cached: answer.cached,
            warnings: answer.warnings,
            citations: answer.citations,
            nearest: answer.nearest,
            kb_version: answer.kb_version,
        }
    }
}

/// Whole seconds: `2026-01-02T03:04:05Z`.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Answers one request of k8sgpt.
#[utoipa::path(
    post,
    path = "/completions",
    tag = "answers",
    request_body(content = CustomRestQuestion, example = json!({ "options": { "message": "Back-off pulling image" } })),
    responses((status = 200, description = "The answer in `response`.", body = CustomRestReply), BodyRefused, Unavailable)
)]
pub async fn completions(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    Posted(request): Posted<CustomRestRequest>,
) -> Result<Json<CustomRestReply>, ApiError> {
    let request = question_in(request)?;
    Ok(Json(state.answer(&request, &scope).await?.into()))
}

/// The same for k8sgpt and for OpenAI's clients: one object that both can read, or a stream.
#[utoipa::path(
    post,
    path = "/v1/completions",
    tag = "answers",
    request_body(content = CustomRestQuestion, example = json!({ "options": { "message": "Back-off pulling image" } })),
    responses(
        (
            status = 200,
            description = "The answer, or with `stream` server-sent events that end with `[DONE]`.",
            content((TextCompletion = "application/json"), ("text/event-stream")),
        ),
        BodyRefused,
        Unavailable,
    )
)]
pub async fn v1_completions(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    Posted(mut request): Posted<CustomRestRequest>,
) -> Result<Response, ApiError> {
    let is_stream = request.stream == Some(true);
    let wants_usage = sse::wants_usage(request.stream_options.take());
    let request = question_in(request)?;
    if is_stream {
        return Ok(sse::stream(state, request, scope, CHUNKS, wants_usage));
    }
    let answer = state.answer(&request, &scope).await?;
    let (created, text) = (answer.created_at.as_second(), answer.with_sources());
    let reply = TextCompletion {
        object: "text_completion",
        created,
        choices: [TextChoice { index: 0, text, finish_reason: "stop", logprobs: () }],
        usage: answer.usage.map(Usage::from),
        custom_rest: answer.into(),
    };
    Ok(Json(reply).into_response())
}

/// OpenAI's older form around k8sgpt's.
#[derive(Debug, Serialize, ToSchema)]
struct TextCompletion {
    object: &'static str,
    created: i64,
    choices: [TextChoice; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(flatten)]
    custom_rest: CustomRestReply,
}

#[derive(Debug, Serialize, ToSchema)]
struct TextChoice {
    index: u32,
    text: String,
    finish_reason: &'static str,
    /// Always null.
    #[schema(schema_with = schema::null)]
    logprobs: (),
}

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

const CHUNKS: sse::Form = sse::Form { id_prefix: "cmpl-", chunk };

fn chunk(piece: sse::Piece<'_>) -> Value {
    let (text, finish, extra) = match piece {
        sse::Piece::Usage => return json!({ "object": "text_completion", "choices": [] }),
        sse::Piece::First => ("", Value::Null, None),
        sse::Piece::Text(text) => (text, Value::Null, None),
        sse::Piece::Last(answer) => ("", json!("stop"), Some(answer)),
    };
    let mut chunk = json!({
        "object": "text_completion",
        "choices": [{ "index": 0, "text": text, "finish_reason": finish, "logprobs": null }],
    });
    if let Some(answer) = extra {
        chunk["runbookd"] = json!(answer);
    }
    chunk
}

/// Reads a request's body as [`completions`] does, for whoever asks without HTTP. The error is what a client is told.
pub fn request_in(body: &[u8]) -> Result<Request, String> {
    body::json(body).and_then(question_in).map_err(|error| error.message().to_owned())
}

/// The question, its language and the wanted format: from `options.message`, else from the prompt without its template.
fn question_in(request: CustomRestRequest) -> Result<Request, ApiError> {
    let Object(options) = request.options.unwrap_or_default();
    let prompt = request.prompt.map(Prompt::text).transpose()?.unwrap_or_default();
    let template = Template::recognise(&prompt);
    let format = template.as_ref().map(|template| template.format).unwrap_or_default();
    // k8sgpt gives up its whole run on a 400, so a failure without text is answered by what surrounds it.
    let message = options.message.as_deref().or(template.as_ref().map(|template| template.message));
    let text = message.filter(|message| !message.trim().is_empty()).unwrap_or(&prompt);
    let language = options.language.as_deref().filter(|language| !language.trim().is_empty());
    let language = language.or(template.as_ref().map(|template| template.language));
    Request::parse(text, language, format)
        .map_err(|_| ApiError::malformed("neither `options.message` nor `prompt` holds a question"))
}

/// One of k8sgpt's prompts, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Template<'a> {
    message: &'a str,
    language: &'a str,
    format: Format,
}

impl<'a> Template<'a> {
    /// Takes a prompt apart, when it is one of the templates of k8sgpt 0.3 to 0.4.
    fn recognise(prompt: &'a str) -> Option<Self> {
        let prompt = prompt.trim();
        let (message, language, instruction) =
            if let Some(rest) = prompt.strip_prefix("Return your prompt in this language: ") {
                let (language, rest) = rest.split_once(", beginning with")?;
                let start = rest
                    .find("\n\t---\n")
                    .map(|at| at + "\n\t---\n".len())
                    .or_else(|| after_line(rest, "---"))?;
                let end = start + rest[start..].rfind("---\n").filter(|at| *at > 0)?;
                let format = Format { shape: Shape::ScrapeReport, max_chars: None };
                return Some(Self { message: rest[start..end].trim(), language: language.trim(), format });
            } else if let Some(rest) = prompt.strip_prefix("Simplify the following ") {
                match rest.split_once(" delimited by triple dashes written in --- ") {
                    Some((_, rest)) => {
                        let (language, rest) = rest.split_once(" --- language; --- ")?;
                        // The message may hold dashes itself: the last delimiter closes it.
                        let end = rest.rfind(" ---.")?;
                        (&rest[..end], language, &rest[end..])
                    }
                    None => {
                        let (_, rest) = rest.split_once(" and provide a solution in ")?;
                        let (language, message) = rest.split_once(": ")?;
                        (message, language, "")
                    }
                }
            } else {
                return None;
            };
        let shape = match instruction {
            _ if instruction.contains("Solution: {kubectl command}") => Shape::ErrorCommand,
            _ if instruction.contains("Solution:") => Shape::ErrorSolution,
            _ => Shape::Plain,
        };
        let format = Format { shape, max_chars: max_chars(instruction) };
        Some(Self { message: message.trim(), language: language.trim(), format })
    }
}

/// Where the line after the first line equal to `line` begins.
fn after_line(text: &str, line: &str) -> Option<usize> {
    let mut at = 0;
    for found in text.split_inclusive('\n') {
        at += found.len();
        if found.trim() == line {
            return Some(at);
        }
    }
    None
}

/// `in no more than 280 characters`.
fn max_chars(instruction: &str) -> Option<usize> {
    let (_, rest) = instruction.split_once("no more than ")?;
    let (number, _) = rest.split_once(" characters")?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::question::MAX_QUESTION_BYTES;

    /// k8sgpt's own templates, filled as it fills them.
    fn default_prompt(language: &str, message: &str) -> String {
        format!(
            "Simplify the following Kubernetes error message delimited by triple dashes written in --- {language} --- language; --- {message} ---.\n\
             \tProvide the most possible solution in a step by step style in no more than 280 characters. Write the output in the following format:\n\
             \tError: {{Explain error here}}\n\tSolution: {{Step by step solution here}}"
        )
    }

    #[test]
    fn templates_are_taken_apart() {
        let check = |prompt: &str, message: &str, language: &str, shape: Shape, max_chars: Option<usize>| {
            let format = Format { shape, max_chars };
            assert_eq!(Template::recognise(prompt), Some(Template { message, language, format }), "{prompt}");
        };
        check(
            &default_prompt("english", "a --- b ---. c"),
            "a --- b ---. c",
            "english",
            Shape::ErrorSolution,
            Some(280),
        );
        check(&default_prompt("zh", "Back-off"), "Back-off", "zh", Shape::ErrorSolution, Some(280));
        check(
            "Simplify the following Prometheus error message delimited by triple dashes written in --- english --- language; --- bad config ---.\n\
             \tThis error came when validating the Prometheus configuration file.\n\
             \tWrite the output in the following format in no more than 300 characters:\n\tError: {Explain error here}\n\tSolution: {Step by step solution here}",
            "bad config",
            "english",
            Shape::ErrorSolution,
            Some(300),
        );
        check(
            "Simplify the following Kyverno warnings message delimited by triple dashes written in --- english --- language; --- policy x failed ---.\n\
             \tProvide the most probable solution as a kubectl command. \n\n\
             \tWrite the output in the following format, for the solution, only show the kubectl command:\n\t\n\
             \tError: {Explain error here}\n\n\tSolution: {kubectl command}",
            "policy x failed",
            "english",
            Shape::ErrorCommand,
            None,
        );
        check(
            "Return your prompt in this language: english, beginning with\n\tThe following is a list of the form:\n\tjob_name:\n\t{Prometheus job_name}\n\
             \t---\n\tjob_name: a\n\t---\n\tFor each job_name, describe the Kubernetes service.",
            "job_name: a",
            "english",
            Shape::ScrapeReport,
            None,
        );
        check(
            "Simplify the following Kubernetes error message and provide a solution in english: it fails: badly",
            "it fails: badly",
            "english",
            Shape::Plain,
            None,
        );
        assert_eq!(Template::recognise("Why does my pod restart?"), None);
    }

    #[test]
    fn requests_are_read_as_clients_write_them() {
        let read = |body: &str| body::json(body.as_bytes()).and_then(question_in);
        let text = |body: &str| read(body).expect(body).question.text().to_owned();
        assert_eq!(text(r#"{"model":"x","prompt":"y","options":{}}"#), "y");
        assert_eq!(text(r#"{"prompt":"y","options":null}"#), "y");
        assert_eq!(text(r#"{"prompt":"y"}"#), "y");
        assert_eq!(text(r#"{"prompt":["y"]}"#), "y");
        assert_eq!(text(r#"{"prompt":"p","options":{"message":"m","temperature":0.7,"top_k":50}}"#), "m");
        assert_eq!(text(r#"{"prompt":null,"options":{"message":"m","language":null}}"#), "m");
        assert_eq!(text(&serde_json::json!({ "prompt": default_prompt("english", "m") }).to_string()), "m");
        for body in [
            "",
            "{}",
            "[]",
            r#"{"prompt":" ","options":{"message":""}}"#,
            r#"{"prompt":5}"#,
            r#"{"prompt":[]}"#,
            r#"{"prompt":[" "]}"#,
            r#"{"prompt":["a","b"]}"#,
            r#"{"prompt":[1,2]}"#,
            "{\"prompt\":\"a\"}{}",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
        let says = |body: &str| read(body).expect_err(body).message().to_owned();
        assert_eq!(says(r#"{"prompt":["a","b"]}"#), "`prompt` holds 2 texts; ask one question at a time");
        assert!(says(r#"{"prompt":[1]}"#).contains("`prompt` is neither a string nor"));
        let long =
            serde_json::json!({ "options": { "message": "é".repeat(MAX_QUESTION_BYTES) } }).to_string();
        assert_eq!(read(&long).expect("it is cut").question.text().len(), MAX_QUESTION_BYTES);
    }
}
