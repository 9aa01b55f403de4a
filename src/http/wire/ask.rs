//! What `POST /v1/ask` takes; it replies with an [`Answer`](super::answer::Answer).

use super::{filter::RequestFilter, json::Object};
use serde::Deserialize;
use utoipa::ToSchema;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AskRequest {
    /// The question or the failure.
    #[schema(pattern = r"\S")]
    pub question: String,
    /// Language of the answer, as free text; without a usable one, the question's own.
    #[serde(default)]
    pub language: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<RequestFilter>)]
    pub filter: Option<Object<RequestFilter>>,
}
