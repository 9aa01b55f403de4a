//! `GET /v1/documents?id=`: one document as the knowledge base holds it, when the caller may see it.

use super::{error::ApiError, router::AppState, scope};
use crate::assistant::AnswerError;
use axum::{Extension, Json, extract::State, http::Uri};
use jiff::Timestamp;
use kb::{
    document::Kind,
    store::{DocumentKey, Filter},
};
use serde::Serialize;

/// What goes back.
#[derive(Debug, Serialize)]
pub struct DocumentReply {
    id: String,
    source: String,
    title: String,
    url: Option<String>,
    kind: Kind,
    labels: Vec<String>,
    product: Option<String>,
    version: Option<String>,
    language: Option<String>,
    author: Option<String>,
    updated_at: Option<Timestamp>,
    /// The passages in their order, with blank lines between; headings are in `chunks`.
    text: String,
    chunks: Vec<ChunkReply>,
    kb_version: String,
}

/// One passage.
#[derive(Debug, Serialize)]
pub struct ChunkReply {
    chunk: String,
    heading_path: Vec<String>,
    text: String,
    start_byte: u64,
    end_byte: u64,
    tokens: u32,
}

/// Shows a document. One that the caller may not see does not exist for them.
pub async fn document(
    State(state): State<AppState>,
    Extension(scope): Extension<Filter>,
    uri: Uri,
) -> Result<Json<DocumentReply>, ApiError> {
    let id = scope::form_pairs(uri.query().unwrap_or_default())
        .into_iter()
        .find_map(|(key, value)| (key == "id").then_some(value))
        .filter(|id| !id.is_empty())
        .ok_or_else(|| ApiError::malformed("the query needs `id`"))?;
    let key = DocumentKey::of(&id);
    let view = state.assistant.knowledge_base().view(&scope).await.map_err(AnswerError::from)?;
    let found = view.documents(&[key]).await.map_err(AnswerError::from)?;
    let record = found
        .into_iter()
        .flatten()
        .find(|record| record.meta.id == id)
        .ok_or_else(|| ApiError::not_found("there is no such document"))?;
    let chunks = view.chunks_of(key).await.map_err(AnswerError::from)?;
    let chunks: Vec<ChunkReply> = chunks
        .into_iter()
        .map(|(_, chunk)| ChunkReply {
            chunk: chunk.id(),
            heading_path: chunk.heading_path,
            text: chunk.text,
            start_byte: chunk.start_byte,
            end_byte: chunk.end_byte,
            tokens: chunk.tokens,
        })
        .collect();
    let meta = record.meta.clone();
    Ok(Json(DocumentReply {
        id,
        source: meta.source,
        title: meta.title,
        url: meta.url,
        kind: meta.kind,
        labels: meta.labels,
        product: meta.product,
        version: meta.version,
        language: meta.language,
        author: meta.author,
        updated_at: meta.updated_at,
        text: chunks.iter().map(|chunk| chunk.text.as_str()).collect::<Vec<_>>().join("\n\n"),
        chunks,
        kb_version: view.version().to_owned(),
    }))
}
