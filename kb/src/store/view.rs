//! The [`View`] of a knowledge base, its queries and its results.

use super::{
    error::StoreError,
    keys::{ChunkKey, DocumentKey},
};
use crate::{
    analyzer::Term,
    document::{Chunk, DocumentRecord, Rule},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

/// A chunk that one leg of the search found, light enough to have a thousand of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// The key of the chunk.
    pub chunk: ChunkKey,
    /// The key of its document.
    pub document: DocumentKey,
    /// BM25 sum or cosine, by the leg that found it; comparable within one result only.
    pub score: f32,
}

/// The parts of a document that are searched as a whole, each with its own length statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The document's title.
    Title,
    /// The name of the file: see [`crate::document::file_name`].
    Name,
    /// The headings of all its passages.
    Headings,
    /// The sentences that link to the document, in documents of any source that have no access tags.
    Links,
}

impl Field {
    /// All fields, in the order in which engines store their numbers.
    pub const ALL: [Field; 4] = [Field::Title, Field::Name, Field::Headings, Field::Links];

    /// Name in the index.
    pub fn name(self) -> &'static str {
        match self {
            Field::Title => "title",
            Field::Name => "name",
            Field::Headings => "headings",
            Field::Links => "links",
        }
    }
}

/// Factor of each field's BM25 score; a document's score is the weighted sum. A weight of 0 leaves the field out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FieldWeights {
    /// The weight of [`Field::Title`].
    pub title: f32,
    /// The weight of [`Field::Name`].
    pub name: f32,
    /// The weight of [`Field::Headings`].
    pub headings: f32,
    /// The weight of [`Field::Links`].
    pub links: f32,
}

impl FieldWeights {
    /// The weight of one field.
    pub fn of(&self, field: Field) -> f32 {
        match field {
            Field::Title => self.title,
            Field::Name => self.name,
            Field::Headings => self.headings,
            Field::Links => self.links,
        }
    }
}

/// A bag of words for the lexical leg.
///
/// A passage scores `Σ term weight · BM25(term)` over what [`crate::document::passage`] says of it, rarity counted in
/// passages. A document scores `Σ field weight · term weight · BM25(term, field)`, rarity counted in documents that
/// have the term anywhere, so that a term is not rare because few titles have it. [`Field::Links`] counts by
/// [`Inbound::coverage`]. The constants are in `bm25.rs`; a field's average length is that of the documents that have
/// one. Rarity and averages are those of the whole knowledge base, whatever a view shows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LexicalQuery {
    /// Terms, analysed as the index was, each with its factor. A term that is given twice counts once.
    pub terms: Vec<(Term, f32)>,
    /// Factor of each field.
    pub weights: FieldWeights,
}

/// The matches of the lexical leg.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LexicalMatches {
    /// The passages with the highest scores, best first, ties by key.
    pub passages: Vec<Match>,
    /// The documents with the highest scores of their fields, best first, ties by key.
    pub documents: Vec<(DocumentKey, f32)>,
    /// How common the query's terms are.
    pub commonness: Commonness,
    /// For each term of the query, in order: whether a passage that this view shows has it. A repeated term has none.
    pub shown: Vec<bool>,
}

/// How common terms are in the whole knowledge base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commonness {
    /// The numbers of all documents and chunks.
    pub total: Counts,
    /// For each term of the query, in order: the documents and passages that have it. A repeated term has none.
    pub terms: Vec<Counts>,
}

/// How near a document is to a question's vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DocumentSimilarity {
    /// The passage of the document that is nearest to the question.
    pub best_passage: ChunkKey,
    /// The cosine of that passage.
    pub best: f32,
    /// The cosine of the mean of its passages' vectors.
    pub centroid: f32,
}

/// The links to a document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Inbound {
    /// Number of other documents without access tags that link to it.
    pub linking: u32,
    /// How much links say in its source, 0..1: twice the share of the source's documents that anything links to, at
    /// most 1. Where few pages are linked, having links says little about a page.
    pub coverage: f32,
}

/// How much a view shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The number of documents.
    pub documents: u64,
    /// The number of chunks.
    pub chunks: u64,
}

/// A document that carries `applies_to` rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RuledDocument {
    /// The id of the document.
    pub document: String,
    /// Its rules; any one that matches is enough.
    pub rules: Vec<Rule>,
}

/// One generation through one filter. Every method answers from the same state, whatever writers do meanwhile.
#[async_trait]
pub trait View: Send + Sync {
    /// The name of the state that is read, such as `g7.12`; it changes with each commit. Cache keys contain it.
    fn version(&self) -> &str;

    /// When this state was committed; `None` where the engine does not know.
    fn committed_at(&self) -> Option<SystemTime> {
        None
    }

    /// The numbers of documents and chunks that this view shows.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// At most `passages` passages and `documents` documents for a bag of words.
    async fn search_lexical(
        &self,
        query: &LexicalQuery,
        passages: usize,
        documents: usize,
    ) -> Result<LexicalMatches, StoreError>;

    /// The chunks with the highest cosine, best first, ties by key; at most `limit`. `query` is L2-normalised.
    async fn search_dense(&self, query: &[f32], limit: usize) -> Result<Vec<Match>, StoreError>;

    /// How near documents that this view shows are to `query`, in their order; `None` for one without chunks.
    async fn document_similarities(
        &self,
        query: &[f32],
        documents: &[DocumentKey],
    ) -> Result<Vec<Option<DocumentSimilarity>>, StoreError>;

    /// The links to documents, in the order of `documents`.
    async fn inbound(&self, documents: &[DocumentKey]) -> Result<Vec<Inbound>, StoreError>;

    /// The vectors of all chunks of a document, in order; empty when this view does not show it. For copying.
    async fn vectors_of(&self, document: DocumentKey) -> Result<Vec<Vec<f32>>, StoreError>;

    /// For each of `terms`, in order: whether a passage of the document has it. All are `false` for a document that
    /// this view does not show.
    async fn terms_of(&self, document: DocumentKey, terms: &[Term]) -> Result<Vec<bool>, StoreError>;

    /// The chunks, in the order of `keys`. [`StoreError::UnknownChunk`] for one that this view does not show.
    async fn chunks(&self, keys: &[ChunkKey]) -> Result<Vec<Chunk>, StoreError>;

    /// All chunks of a document, in order; empty when this view does not show it.
    async fn chunks_of(&self, document: DocumentKey) -> Result<Vec<(ChunkKey, Chunk)>, StoreError>;

    /// The documents, in the order of `keys`; `None` for one that this view does not show.
    async fn documents(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Arc<DocumentRecord>>>, StoreError>;

    /// Every document's record that this view shows, by id; for `doctor`, `ingest chunks` and reports.
    async fn all_documents(&self) -> Result<Vec<Arc<DocumentRecord>>, StoreError>;

    /// The state that was committed with each source's documents, by the source's name; of all sources, whatever the
    /// view shows.
    async fn source_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError>;

    /// The documents with `applies_to` rules that this view shows, by id.
    async fn ruled_documents(&self) -> Result<Arc<[RuledDocument]>, StoreError>;
}
