//! What `GET /v1/documents` sends.

use super::schema;
use answer::documents::{Document, Passage};
use jiff::Timestamp;
use kb::document::Kind;
use serde::Serialize;
use utoipa::ToSchema;

/// A document as the knowledge base holds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentReply {
    id: String,
    source: String,
    title: String,
    #[schema(required)]
    url: Option<String>,
    #[schema(schema_with = schema::kind)]
    kind: Kind,
    labels: Vec<String>,
    #[schema(required)]
    product: Option<String>,
    #[schema(required)]
    version: Option<String>,
    #[schema(required)]
    language: Option<String>,
    #[schema(required)]
    author: Option<String>,
    #[schema(required)]
    updated_at: Option<Timestamp>,
    /// The passages in their order, with blank lines between; headings are in `chunks`.
    text: String,
    chunks: Vec<ChunkReply>,
    kb_version: String,
}

/// One passage.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChunkReply {
    chunk: String,
    heading_path: Vec<String>,
    text: String,
    start_byte: u64,
    end_byte: u64,
    tokens: u32,
}

impl From<Document> for DocumentReply {
    fn from(document: Document) -> Self {
        let text = document.text();
        Self {
            id: document.id,
            source: document.source,
            title: document.title,
            url: document.url,
            kind: document.kind,
            labels: document.labels,
            product: document.product,
            version: document.version,
            language: document.language,
            author: document.author,
            updated_at: document.updated_at,
            text,
            chunks: document.passages.into_iter().map(ChunkReply::from).collect(),
            kb_version: document.kb_version,
        }
    }
}

impl From<Passage> for ChunkReply {
    fn from(passage: Passage) -> Self {
        let Passage { chunk, heading_path, text, start_byte, end_byte, tokens } = passage;
        Self { chunk, heading_path, text, start_byte, end_byte, tokens }
    }
}
