//! `POST /completions`: what k8sgpt's `customrest` backend sends and reads.
//!
//! The client reads one JSON object, matches its keys without regard to case, and gives up the whole run at any status
//! of 400 or above. So a well-formed request gets 200, and nothing else in the reply is called `model` or `response`.

use super::{
    body::Posted,
    error::{ApiError, BodyRefused, Unavailable},
    sse,
    state::AppState,
    wire::{
        completions::{
            CHUNKS, CustomRestQuestion, CustomRestReply, CustomRestRequest, Prompt, TextCompletion,
        },
        json::Object,
        openai,
    },
};
use answer::{
    k8sgpt::{Form, NoQuestion},
    request::Request,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use kb::store::Filter;

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
    Extension(filter): Extension<Filter>,
    Posted(request): Posted<CustomRestRequest>,
) -> Result<Json<CustomRestReply>, ApiError> {
    let request = question_in(request)?;
    Ok(Json(state.answer(&request, &filter).await?.into()))
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
    Extension(filter): Extension<Filter>,
    Posted(mut request): Posted<CustomRestRequest>,
) -> Result<Response, ApiError> {
    let is_stream = request.stream == Some(true);
    let wants_usage = openai::wants_usage(request.stream_options.take());
    let request = question_in(request)?;
    if is_stream {
        return Ok(sse::stream(state, request, filter, CHUNKS, wants_usage));
    }
    let answer = state.answer(&request, &filter).await?;
    Ok(Json(TextCompletion::from(answer)).into_response())
}

/// The question, its language and the wanted format.
fn question_in(request: CustomRestRequest) -> Result<Request, ApiError> {
    let Object(options) = request.options.unwrap_or_default();
    let prompt = request.prompt.map(Prompt::text).transpose()?.unwrap_or_default();
    let form =
        Form { prompt: &prompt, message: options.message.as_deref(), language: options.language.as_deref() };
    form.request().map_err(|error: NoQuestion| ApiError::malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::json;
    use answer::k8sgpt::default_prompt;
    use kb::question::MAX_QUESTION_BYTES;

    #[test]
    fn requests_are_read_as_clients_write_them() {
        let read = |body: &str| json::read(body.as_bytes()).and_then(question_in);
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
