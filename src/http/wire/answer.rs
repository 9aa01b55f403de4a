//! An answer as a JSON object, for every protocol.

use super::{named::named, schema};
use ::answer as domain;
use jiff::Timestamp;
use kb::answerable::Status;
use serde::Serialize;
use utoipa::ToSchema;

named!(AnsweredBy, domain::AnsweredBy, "Who wrote an answer's text.");
named!(Degraded, domain::Degraded, "Why an answer is less than it could be.");

/// A source of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Citation {
    /// What `[n]` in the text refers to.
    n: usize,
    /// The document's id.
    document: String,
    /// The chunk's id.
    chunk: String,
    /// The document's title.
    title: String,
    /// The headings above the passage, outermost first; empty before the first.
    heading_path: Vec<String>,
    /// Where a person reads it: the document's page, at the passage's heading where it has one.
    #[schema(required)]
    url: Option<String>,
    /// When the document was last changed.
    #[schema(required)]
    updated_at: Option<Timestamp>,
}

impl From<domain::Citation> for Citation {
    fn from(citation: domain::Citation) -> Self {
        let domain::Citation { n, document, chunk, title, heading_path, url, updated_at } = citation;
        Self { n, document, chunk, title, heading_path, url, updated_at }
    }
}

/// A document that came near a question nobody could answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nearest {
    /// The document's id.
    document: String,
    /// Its title.
    title: String,
    /// Where a person reads it.
    #[schema(required)]
    url: Option<String>,
}

impl From<domain::Nearest> for Nearest {
    fn from(nearest: domain::Nearest) -> Self {
        let domain::Nearest { document, title, url } = nearest;
        Self { document, title, url }
    }
}

/// An answer with everything needed to judge it. Serialises to the object of `ask --json` and `/v1/ask`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    /// Names this answer for feedback.
    id: String,
    /// The text, without the list of sources.
    #[serde(rename = "answer")]
    text: String,
    /// What it is worth.
    #[schema(schema_with = schema::status)]
    status: Status,
    /// Calibrated probability that the knowledge base covers the question, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    confidence: f32,
    /// Why the status is what it is, one English sentence.
    reason: String,
    /// Who wrote the text.
    answered_by: AnsweredBy,
    /// Why it is less than it could be.
    #[schema(required)]
    degraded: Option<Degraded>,
    /// Whether it was given before.
    cached: bool,
    /// What the object's own documents forbid, a sentence each; the text begins with it.
    warnings: Vec<String>,
    /// The sources, by number.
    citations: Vec<Citation>,
    /// The documents that came nearest; only where the status is unknown.
    nearest: Vec<Nearest>,
    /// The state of the knowledge base that was read.
    kb_version: String,
}

impl From<domain::Answer> for Answer {
    fn from(answer: domain::Answer) -> Self {
        Self {
            id: answer.id,
            text: answer.text,
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
