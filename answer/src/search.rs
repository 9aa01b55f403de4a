//! Hits as `search --json` and `/v1/search` show them.

use crate::{
    assistant::{AnswerError, Assistant},
    checks::title,
    evidence::web_url,
    schema,
    text::visible,
};
use kb::{
    document::Kind,
    question::Question,
    redact::redact,
    retrieve::{Hit, LegScores, Options},
    store::Filter,
};
use serde::Serialize;
use utoipa::ToSchema;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchReply {
    /// Best first.
    pub hits: Vec<SearchHit>,
    /// The state of the knowledge base that was read.
    pub kb_version: String,
}

/// One hit: rank and scores beside the chunk's own fields.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchHit {
    /// From 1.
    pub rank: usize,
    /// Fused score, comparable within one reply.
    pub score: f32,
    /// The legs' scores.
    #[schema(schema_with = schema::leg_scores)]
    pub scores: LegScores,
    /// The document's id.
    pub document: String,
    /// The chunk's id.
    pub chunk: String,
    /// The document's title.
    pub title: String,
    /// The document's kind.
    #[schema(schema_with = schema::kind)]
    pub kind: Kind,
    /// Where a person reads it.
    #[schema(required)]
    pub url: Option<String>,
    /// Headings above the passage.
    pub heading_path: Vec<String>,
    /// The passage.
    pub text: String,
    /// First byte in the source.
    pub start_byte: u64,
    /// One past the last byte in the source.
    pub end_byte: u64,
    /// Length in the model's tokens, with the prefix.
    pub tokens: u32,
}

impl SearchReply {
    /// Searches with at most `limit` hits.
    pub async fn find(
        assistant: &Assistant,
        question: &Question,
        scope: &Filter,
        limit: usize,
    ) -> Result<Self, AnswerError> {
        let options = Options { hits: limit, evidence_passages: 0, ..Options::default() };
        let retrieval = assistant.search(question, scope, &options).await?;
        let kb_version = retrieval.view.version().to_owned();
        let hits =
            retrieval.hits.into_iter().take(limit).enumerate().map(|(at, hit)| SearchHit::of(at + 1, hit));
        Ok(Self { hits: hits.collect(), kb_version })
    }
}

impl SearchHit {
    fn of(rank: usize, hit: Hit) -> Self {
        let Hit { chunk, document, score, scores, .. } = hit;
        Self {
            rank,
            score,
            scores,
            chunk: chunk.id(),
            document: chunk.document,
            title: title::shown(&document.meta.title),
            kind: document.meta.kind,
            url: document.meta.url.as_deref().and_then(web_url),
            heading_path: chunk.heading_path.iter().map(|heading| title::shown(heading)).collect(),
            text: visible(&redact(&chunk.text).text),
            start_byte: chunk.start_byte,
            end_byte: chunk.end_byte,
            tokens: chunk.tokens,
        }
    }
}
