//! A question as it is asked: [`Request`], and the [`Occasion`] on which it is, which has everything of a call that is
//! no part of the question: clock, randomness, deadline.

use crate::{format::Format, prompt::Fence};
use jiff::Timestamp;
use kb::{
    question::{FailureParts, MAX_QUESTION_BYTES, Question, QuestionError},
    redact,
};
use std::time::Duration;
use tokio::time::Instant;

/// The model that an answer without one names.
pub const OWN_MODEL: &str = "runbookd";

/// A question with the layout of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub question: Question,
    pub format: Format,
}

impl Request {
    /// Reads a question as [`question`] does.
    pub fn parse(text: &str, language: Option<&str>, format: Format) -> Result<Self, QuestionError> {
        Ok(Self { question: question(text, language)?, format })
    }
}

/// Reads a question that came from outside: secrets are masked before anything else sees it, and a text longer than is
/// read is cut, because a refusal would end a client's whole run for the sake of a long log.
pub fn question(text: &str, language: Option<&str>) -> Result<Question, QuestionError> {
    let text = redact::redact(start_of(text.trim()));
    Question::parse(start_of(&text.text), language)
}

/// Reads a failure of which parts are known, as [`question`] reads a text: secrets are masked in every part.
pub fn failure(parts: &FailureParts, language: Option<&str>) -> Result<Question, QuestionError> {
    let masked = |text: &String| redact::redact(text).text.into_owned();
    let part = |part: &Option<String>| part.as_ref().map(masked);
    let message = redact::redact(start_of(parts.message.trim()));
    let parts = FailureParts {
        alert: part(&parts.alert),
        reason: part(&parts.reason),
        kind: part(&parts.kind),
        namespace: part(&parts.namespace),
        name: part(&parts.name),
        container: part(&parts.container),
        labels: parts.labels.iter().map(|(label, value)| (label.clone(), masked(value))).collect(),
        message: start_of(&message.text).to_owned(),
    };
    Question::from_parts(&parts, language)
}

/// The longest start that is read.
fn start_of(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_QUESTION_BYTES)]
}

/// The values of one call that are not in the question.
#[derive(Debug, Clone)]
pub struct Occasion {
    pub id: String,
    /// The time of the answer.
    pub now: Timestamp,
    /// The fence around the documents in the prompt.
    pub fence: Fence,
    /// When the asker stops waiting.
    pub deadline: Instant,
}

impl Occasion {
    /// Here and now, with time for `limit`.
    pub fn now(limit: Duration) -> Self {
        Self {
            id: format!("{:032x}", rand::random::<u128>()),
            now: Timestamp::now(),
            fence: Fence::random(),
            deadline: Instant::now() + limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_in_a_question() {
        for text in [
            "Kafka fails with AKIAQ7RL\u{200b}MXVTN2ZPWK4D",
            "Kafka fails with \u{1b}[31mAKIAQ7RLMXVTN2ZPWK4D\u{1b}[0m",
            "Kafka fails with AKIAQ7RL**MXVTN2ZPWK4D**",
        ] {
            let question = question(text, None).expect("a question");
            for kept in [question.text(), question.search_text()] {
                assert!(!crate::text::visible(kept).contains("MXVTN2ZPWK4D"), "{text:?} gave {kept:?}");
            }
        }
    }
}
