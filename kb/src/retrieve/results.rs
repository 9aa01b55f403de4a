//! The options, results and errors of a retrieval, apart from its signals and its gap of versions.

use crate::{
    document::{Chunk, DocumentRecord, Rule},
    embed::EmbedError,
    store::StoreError,
};
use std::sync::Arc;

/// The score of a chunk in each leg; `None` if the leg did not find it.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct LegScores {
    /// BM25 of the passage.
    pub bm25: Option<f32>,
    /// The cosine of the question's and the passage's vectors.
    pub dense: Option<f32>,
}

/// A chunk that was found, with everything needed to show it.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The passage that was found.
    pub chunk: Chunk,
    /// The document that the passage belongs to.
    pub document: Arc<DocumentRecord>,
    /// Fused score, comparable within one retrieval; falls from hit to hit.
    pub score: f32,
    /// The legs' own scores.
    pub scores: LegScores,
    /// The rule that put it first, when one did.
    pub rule: Option<RuleMatch>,
}

/// How a document's `applies_to` matched a question.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleMatch {
    /// The rule that matches.
    pub rule: Rule,
    /// Whether it holds, or may hold behind an anonymised name.
    pub strength: RuleStrength,
}

/// Whether a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleStrength {
    /// Every key matches what the question names.
    Exact,
    /// All keys match but name or namespace, and the question's names are anonymised: it may be this object.
    BehindStandIn,
}

/// A document with a score, best first in every list.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RankedDocument {
    /// The id of the document.
    pub document: String,
    /// Score, comparable within one list.
    pub score: f32,
}

/// Each stage's ranking of documents, which `evaluate` scores separately.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Stages {
    /// The lexical leg alone.
    pub bm25: Vec<RankedDocument>,
    /// The dense leg alone.
    pub dense: Vec<RankedDocument>,
    /// Both fused, before rules and trust.
    pub fused: Vec<RankedDocument>,
    /// The documents in the final order.
    pub ranked: Vec<RankedDocument>,
}

/// How much to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The most hits that are returned.
    pub hits: usize,
    /// The most documents in each of [`Stages`]; 0 leaves them empty, which is faster.
    pub documents: usize,
    /// The most passages among the evidence; 0 leaves it empty, which is faster.
    pub evidence_passages: usize,
    /// The most tokens of evidence, in the embedding model's tokens.
    pub evidence_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { hits: 10, documents: 0, evidence_passages: 8, evidence_tokens: 2_400 }
    }
}

impl Options {
    /// Hits, near-duplicates gone, that are shown or become evidence.
    pub(super) fn distinct_hits(&self) -> usize {
        self.hits + 2 * self.evidence_passages
    }
}

/// Why a retrieval failed.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The question could not be embedded.
    #[error("failed to embed the question")]
    Embed(#[from] EmbedError),
    /// The knowledge base could not be searched.
    #[error("failed to search the knowledge base")]
    Search(#[from] StoreError),
}
