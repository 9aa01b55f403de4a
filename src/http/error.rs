//! The errors of the interface, told to the caller as far as they concern the caller. The only file with status codes.

use super::auth::Denied;
use answer::{Answer, Degraded, assistant::AnswerError, desk::DeskError};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kb::retrieve::RetrieveError;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response as Described, ResponseBuilder,
        schema::Type,
    },
};

/// A refusal with its status.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    retry_after_s: Option<u32>,
}

/// What a refusal looks like; OpenAI's clients know the shape.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct Body<'a> {
    error: Detail<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorDetail)]
struct Detail<'a> {
    /// What is wrong, for a person.
    message: &'a str,
    /// `invalid_request_error` or `server_error`.
    r#type: &'a str,
}

impl ApiError {
    /// The request is not what this endpoint takes.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), retry_after_s: None }
    }

    /// The text that the caller is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The name of the failure, for programs that read an event, which has no status.
    pub fn code(&self) -> &'static str {
        match self.status.as_u16() {
            502 => "llm_misconfigured",
            503 => "unavailable",
            500 => "internal",
            _ => "refused",
        }
    }

    /// The body is too large.
    pub fn too_large(max_bytes: usize) -> Self {
        let message = format!("the body is over {max_bytes} bytes");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, message, retry_after_s: None }
    }

    /// The body would have to be unpacked.
    pub fn compressed() -> Self {
        let message = "compressed bodies are not read; send it without `Content-Encoding`".to_owned();
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, message, retry_after_s: None }
    }

    /// The body did not arrive in time.
    pub fn too_slow() -> Self {
        let message = "the body did not arrive in time".to_owned();
        Self { status: StatusCode::REQUEST_TIMEOUT, message, retry_after_s: None }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into(), retry_after_s: None }
    }

    /// Somebody who is not let in.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.into(), retry_after_s: None }
    }

    /// The path is right, the method is not.
    pub fn method() -> Self {
        let message = "this path does not take that method".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, message, retry_after_s: None }
    }

    /// A protocol's own library refuses the request.
    pub fn by_protocol(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after_s: None }
    }

    /// The server can answer no request at the moment; the caller may try again in a few seconds.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into(), retry_after_s: Some(5) }
    }

    /// Something broke that should not; the log has the rest.
    pub fn internal() -> Self {
        let message = "the server failed at this request; its log says where, under the reply's x-request-id";
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: message.to_owned(), retry_after_s: None }
    }

    /// The model does not take our key, our model's name or our request.
    pub fn misconfigured() -> Self {
        let message = "the language model's endpoint refuses this server's configuration".to_owned();
        Self { status: StatusCode::BAD_GATEWAY, message, retry_after_s: None }
    }

    /// Makes an error of an answer whose model refused our key, our model's name or our request. OpenAI clients show an
    /// error to their user; an answer without the model would hide the wrong configuration.
    pub fn refuse_misconfigured(answer: &Answer) -> Result<(), Self> {
        match answer.degraded {
            Some(Degraded::LlmUnauthorized | Degraded::LlmRejected) => Err(Self::misconfigured()),
            _ => Ok(()),
        }
    }

    /// The request took longer than it may.
    pub fn deadline() -> Self {
        Self::unavailable("the knowledge base did not answer in time")
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let (status, message) = match denied {
            Denied::Unknown => (StatusCode::UNAUTHORIZED, "a valid bearer token is needed".to_owned()),
            Denied::Role(role) => {
                (StatusCode::FORBIDDEN, format!("this token lacks the role `{}`", role.name()))
            }
        };
        Self { status, message, retry_after_s: None }
    }
}

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        // Told whole to the log, without paths and addresses to the caller.
        let told = match &error {
            AnswerError::KnowledgeBase(_) | AnswerError::Retrieve(RetrieveError::Search(_)) => {
                "the knowledge base cannot be read at the moment"
            }
            AnswerError::Retrieve(RetrieveError::Embed(_)) => {
                "the embedding model cannot be used at the moment"
            }
            AnswerError::Overloaded { .. } => "too many questions at once",
        };
        match &error {
            // Each such request has its line and is counted; a flood of them must not be one of the log.
            AnswerError::Overloaded { .. } => tracing::debug!("{error}"),
            _ => tracing::error!(error = kb::causes::with_causes(&error), "cannot answer"),
        }
        Self::unavailable(told)
    }
}

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Answer(error) => error.into(),
            DeskError::TooLate(_) => Self::deadline(),
            DeskError::Degraded => Self::unavailable("the language model cannot be used at the moment"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let kind = match self.status.is_server_error() {
            true => "server_error",
            false => "invalid_request_error",
        };
        let body = Body { error: Detail { message: &self.message, r#type: kind } };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// How a route that takes a token refuses.
pub enum Admission {}

impl IntoResponses for Admission {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN])
    }
}

/// How a route refuses a body.
pub enum BodyRefused {}

impl IntoResponses for BodyRefused {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[
            StatusCode::BAD_REQUEST,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ])
    }
}

/// How a route refuses web pages.
pub enum Guarded {}

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::FORBIDDEN])
    }
}

/// How a route says that there is no such thing.
pub enum Missing {}

impl IntoResponses for Missing {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::NOT_FOUND])
    }
}

/// How every route says that something broke in it.
pub enum Broken {}

impl IntoResponses for Broken {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::INTERNAL_SERVER_ERROR])
    }
}

/// How a route says that it cannot answer now.
pub enum Unavailable {}

impl IntoResponses for Unavailable {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::SERVICE_UNAVAILABLE])
    }
}

/// How a route for OpenAI's clients says that the language model refuses the server's key or model.
pub enum Misconfigured {}

impl IntoResponses for Misconfigured {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::BAD_GATEWAY])
    }
}

/// How the protocol's library refuses.
pub enum ProtocolRefused {}

impl IntoResponses for ProtocolRefused {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[StatusCode::UNSUPPORTED_MEDIA_TYPE])
    }
}

/// Refusals for the interface's description.
fn described(statuses: &[StatusCode]) -> BTreeMap<String, RefOr<Described>> {
    let described = statuses.iter().map(|status| {
        let description = match *status {
            StatusCode::BAD_REQUEST => "The request is not what this path takes.",
            StatusCode::UNAUTHORIZED => "A valid bearer token is needed.",
            StatusCode::FORBIDDEN => {
                "The token does not allow this, or it comes from a web page, or under a name, of somebody else."
            }
            StatusCode::NOT_FOUND => "There is no such thing, or not for this token.",
            StatusCode::REQUEST_TIMEOUT => "The body did not arrive in time.",
            StatusCode::PAYLOAD_TOO_LARGE => "The body is too large.",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                "The body is compressed, or this path insists on the content type `application/json`."
            }
            StatusCode::INTERNAL_SERVER_ERROR => "Something broke in the server.",
            StatusCode::BAD_GATEWAY => "The language model refuses this server's key or model.",
            _ => "Nothing can be answered at the moment.",
        };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
        let mut response =
            ResponseBuilder::new().description(description).content("application/json", content);
        let header =
            |type_| HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(type_))).build();
        match *status {
            StatusCode::UNAUTHORIZED => response = response.header("WWW-Authenticate", header(Type::String)),
            StatusCode::SERVICE_UNAVAILABLE => {
                response = response.header("Retry-After", header(Type::Integer))
            }
            _ => {}
        }
        (status.as_u16().to_string(), RefOr::T(response.build()))
    });
    described.collect()
}
