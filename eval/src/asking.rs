//! How an evaluation asks the product: the request as a client would send it, with id, clock and fence fixed, so that
//! two runs give the same bytes.

use crate::error::EvalError;
use answer::{Occasion, Request, format::Format, k8sgpt, prompt::Fence, request};
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;

/// Time for one answer. Far above any real one: a slow machine must not change a result.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

/// The fields of k8sgpt's request; see its `customrest` client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct K8sgptRequest {
    /// `options.message`: the failures joined by one space.
    pub message: String,
    /// `prompt`; absent: the client's default template around the message.
    #[serde(default)]
    pub prompt: Option<String>,
}

/// The request of a person with a question, or that of k8sgpt where `asked` is given. `language` is free text.
pub(crate) fn request(
    id: &str,
    question: Option<&str>,
    asked: Option<&K8sgptRequest>,
    language: Option<&str>,
) -> Result<Request, EvalError> {
    let unusable = |detail: String| EvalError::Usage(format!("case `{id}` cannot be asked: {detail}"));
    let Some(asked) = asked else {
        let question = request::question(question.unwrap_or_default(), language)
            .map_err(|error| unusable(error.to_string()))?;
        return Ok(Request { question, format: Format::default() });
    };
    let language = language.unwrap_or("english");
    let prompt = asked.prompt.clone().unwrap_or_else(|| k8sgpt::default_prompt(language, &asked.message));
    let form = k8sgpt::Form { prompt: &prompt, message: Some(&asked.message), language: Some(language) };
    form.request().map_err(|error| unusable(error.to_string()))
}

/// The circumstances of an answer, the same in every run but for the deadline.
pub(crate) fn occasion(id: &str) -> Occasion {
    Occasion { id: id.to_owned(), now: Timestamp::UNIX_EPOCH, fence: fence(), deadline: deadline() }
}

/// The fence of every prompt.
pub(crate) fn fence() -> Fence {
    Fence::fixed("evaluate")
}

/// The end of the time for an answer that is asked for now.
pub(crate) fn deadline() -> Instant {
    Instant::now() + ANSWER_LIMIT
}
