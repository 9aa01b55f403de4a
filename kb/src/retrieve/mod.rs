//! From a question to ranked hits and to a budgeted set of evidence.
//!
//! [`Retriever::retrieve`] is the whole path: curated rules, both legs, fusion by document, near-duplicates, evidence.
//! Whether the result can answer the question is decided in [`crate::answerable`].

mod absent;
mod evidence;
mod fusion;
mod legs;
mod order;
mod rules;
mod signals;
mod versions;

pub use evidence::{joined, unit_of};
pub use fusion::PASSAGE_SHARES;
pub use legs::Tuning;
pub use rules::matches;
pub use signals::Signals;
pub use versions::VersionGap;

use crate::{
    analyzer::humps,
    document::{Chunk, DocumentRecord, Rule},
    embed::{EmbedError, Embedder},
    question::Question,
    store::{StoreError, View},
};
use legs::Legs;
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

/// Each stage's ranking of documents: what `evaluate` scores apart.
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

/// The results of one retrieval.
pub struct Retrieval {
    /// The state that was searched; expansion and document look-ups must use it.
    pub view: Arc<dyn View>,
    /// The best chunks, best first, near-duplicates collapsed.
    pub hits: Vec<Hit>,
    /// The passages for the final prompt, within the budget, best first; consecutive passages of a document are merged.
    pub evidence: Vec<Hit>,
    /// Documents by stage, at most [`Options::documents`] each; empty when that is 0.
    pub stages: Stages,
    /// The names in the question that no document mentions, as they were written; a few at most.
    pub absent: Vec<String>,
    /// The version that the question asks for, where others are described instead.
    pub version_gap: Option<VersionGap>,
    /// The signals that the decision to answer is based on.
    pub signals: Signals,
}

impl AsRef<Retrieval> for Retrieval {
    fn as_ref(&self) -> &Retrieval {
        self
    }
}

/// How much to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The most hits that are returned.
    pub hits: usize,
    /// Most documents in each of [`Stages`]; 0 leaves them empty, which is faster.
    pub documents: usize,
    /// Most passages among the evidence; 0 leaves it empty, which is faster.
    pub evidence_passages: usize,
    /// Most tokens of evidence, in the embedding model's tokens.
    pub evidence_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { hits: 10, documents: 0, evidence_passages: 8, evidence_tokens: 2_400 }
    }
}

impl Options {
    /// Hits, near-duplicates gone, that are shown or become evidence.
    fn distinct_hits(&self) -> usize {
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

/// Finds passages for questions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Retriever {
    embedder: Embedder,
    tuning: Tuning,
}

impl Retriever {
    /// A retriever that embeds questions with `embedder`.
    pub fn new(embedder: Embedder) -> Self {
        Self::tuned(embedder, Tuning::DEFAULT)
    }

    /// A retriever with other numbers: for measuring what each is worth.
    pub fn tuned(embedder: Embedder, tuning: Tuning) -> Self {
        Self { embedder, tuning }
    }

    /// The numbers in use.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Searches one view for one question.
    pub async fn retrieve(
        &self,
        view: Arc<dyn View>,
        question: &Question,
        options: &Options,
    ) -> Result<Retrieval, RetrieveError> {
        let vector = self.embedder.embed_question(&with_humps_explained(question.embedded_text())).await?;
        let legs = Legs::search(view.as_ref(), question, &vector, &self.tuning).await?;
        let mut ranked = order::ranked(view.as_ref(), question, &legs, &self.tuning, options).await?;
        let version_gap = versions::choose(&mut ranked, question);
        let hits = order::hits(view.as_ref(), question, &legs, &ranked, &self.tuning, options).await?;
        let hits = evidence::without_duplicates(hits, options.distinct_hits());
        let evidence = evidence::choose(view.as_ref(), &hits, options).await?;
        let absent = absent::absent(question, &legs);
        let signals = signals::measure(view.as_ref(), question, &legs, &ranked).await?;
        let stages = match options.documents {
            0 => Stages::default(),
            limit => {
                Stages { ranked: order::ranking(&ranked, limit), ..legs.stages(view.as_ref(), limit).await? }
            }
        };
        let hits = hits.into_iter().take(options.hits).collect();
        Ok(Retrieval { view, hits, evidence, stages, absent, version_gap, signals })
    }
}

/// A question as it is embedded: CamelCase words are followed by their parts, which the model knows better.
fn with_humps_explained(text: &str) -> String {
    let mut explained = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        explained.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        explained.push_str(word);
        let parts = humps(word);
        if parts.len() > 1 {
            explained.push_str(&format!(" ({})", parts.join(" ")));
        }
        rest = &rest[end..];
    }
    explained.push_str(rest);
    explained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_humps_are_explained() {
        assert_eq!(with_humps_explained("pod OOMKilled, 節點 x"), "pod OOMKilled (OOM Killed), 節點 x");
    }
}
