//! Passages that a search found, as they may leave.
//!
//! Entry point: [`find`].

use crate::{
    assistant::{AnswerError, Assistant},
    checks::title,
    documents::Passage,
    evidence::web_url,
};
use kb::{
    document::Kind,
    question::Question,
    retrieve::{Hit, LegScores, Options},
    store::Filter,
};

/// The result of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The passages that were found, the best first.
    pub passages: Vec<FoundPassage>,
    /// The state of the knowledge base that was read.
    pub kb_version: String,
}

/// One hit: its scores, the passage, and what its document says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundPassage {
    /// Fused score, comparable within one search.
    pub score: f32,
    pub scores: LegScores,
    /// The document's id, such as `runbooks/oom.md`.
    pub document: String,
    pub title: String,
    pub kind: Kind,
    /// Where a person reads it.
    pub url: Option<String>,
    pub passage: Passage,
}

/// Searches with at most `limit` hits.
pub async fn find(
    assistant: &Assistant,
    question: &Question,
    filter: &Filter,
    limit: usize,
) -> Result<Found, AnswerError> {
    let options = Options { hits: limit, evidence_passages: 0, ..Options::default() };
    let retrieval = assistant.search(question, filter, &options).await?;
    let kb_version = retrieval.view.version().to_owned();
    let passages = retrieval.hits.into_iter().take(limit).map(FoundPassage::from).collect();
    Ok(Found { passages, kb_version })
}

impl From<Hit> for FoundPassage {
    fn from(hit: Hit) -> Self {
        let Hit { chunk, document, score, scores, .. } = hit;
        Self {
            score,
            scores,
            title: title::cleaned(&document.meta.title),
            kind: document.meta.kind,
            url: document.meta.url.as_deref().and_then(web_url),
            passage: Passage::of(&chunk),
            document: chunk.document,
        }
    }
}
