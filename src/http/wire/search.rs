//! What `POST /v1/search` takes and sends.

use super::{
    filter::RequestFilter,
    json::{self, Object},
    schema,
};
use answer::search::{Found, FoundPassage};
use kb::{document::Kind, retrieve::LegScores};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A query.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SearchRequest {
    /// What to look for.
    #[schema(pattern = r"\S")]
    pub query: String,
    /// Most hits.
    #[serde(default = "default_limit", deserialize_with = "json::count")]
    #[schema(minimum = 1, maximum = 100)]
    pub limit: usize,
    #[serde(default)]
    #[schema(value_type = Option<RequestFilter>)]
    pub filter: Option<Object<RequestFilter>>,
}

fn default_limit() -> usize {
    10
}

/// What a search found.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchReply {
    /// Best first.
    hits: Vec<SearchHit>,
    /// The state of the knowledge base that was read.
    kb_version: String,
}

/// One hit: rank and scores beside the chunk's own fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchHit {
    /// From 1.
    rank: usize,
    /// Fused score, comparable within one reply.
    score: f32,
    /// The legs' scores.
    #[schema(schema_with = schema::leg_scores)]
    scores: LegScores,
    /// The document's id.
    document: String,
    /// The chunk's id.
    chunk: String,
    /// The document's title.
    title: String,
    /// The document's kind.
    #[schema(schema_with = schema::kind)]
    kind: Kind,
    /// Where a person reads it.
    #[schema(required)]
    url: Option<String>,
    /// Headings above the passage.
    heading_path: Vec<String>,
    /// The passage.
    text: String,
    /// First byte in the source.
    start_byte: u64,
    /// One past the last byte in the source.
    end_byte: u64,
    /// Length in the model's tokens, with the prefix.
    tokens: u32,
}

impl From<Found> for SearchReply {
    fn from(found: Found) -> Self {
        let hits = found.passages.into_iter().enumerate().map(|(at, passage)| SearchHit::of(at + 1, passage));
        Self { hits: hits.collect(), kb_version: found.kb_version }
    }
}

impl SearchHit {
    fn of(rank: usize, found: FoundPassage) -> Self {
        Self {
            rank,
            score: found.score,
            scores: found.scores,
            document: found.document,
            chunk: found.passage.chunk,
            title: found.title,
            kind: found.kind,
            url: found.url,
            heading_path: found.passage.heading_path,
            text: found.passage.text,
            start_byte: found.passage.start_byte,
            end_byte: found.passage.end_byte,
            tokens: found.passage.tokens,
        }
    }
}
