//! `GET /v1/documents?id=`: one document as the knowledge base holds it, when the caller may see it.

use super::{
    error::{ApiError, Missing, Unavailable},
    router::AppState,
    schema, scope,
};
use answer::{assistant::AnswerError, checks::title, evidence::web_url, text::visible};
use axum::{Extension, Json, extract::State, http::Uri};
use jiff::Timestamp;
use kb::{
    document::Kind,
    redact::redact,
    store::{DocumentKey, Filter, KnowledgeBase, StoreError},
};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

/// A document as the knowledge base holds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentReply {
    pub id: String,
    pub source: String,
    pub title: String,
    #[schema(required)]
    pub url: Option<String>,
    #[schema(schema_with = schema::kind)]
    pub kind: Kind,
    pub labels: Vec<String>,
    #[schema(required)]
    pub product: Option<String>,
    #[schema(required)]
    pub version: Option<String>,
    #[schema(required)]
    pub language: Option<String>,
    #[schema(required)]
    pub author: Option<String>,
    #[schema(required)]
    pub updated_at: Option<Timestamp>,
    /// The passages in their order, with blank lines between; headings are in `chunks`.
    pub text: String,
    pub chunks: Vec<ChunkReply>,
    pub kb_version: String,
}

/// One passage.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChunkReply {
    pub chunk: String,
    pub heading_path: Vec<String>,
    pub text: String,
    pub start_byte: u64,
    pub end_byte: u64,
    pub tokens: u32,
}

impl DocumentReply {
    /// The whole document as Markdown, with the headings between the passages: what a reader without `chunks` needs.
    pub fn markdown(&self) -> String {
        let mut markdown = String::new();
        let mut above: &[String] = &[];
        for chunk in &self.chunks {
            let shared = above.iter().zip(&chunk.heading_path).take_while(|(one, two)| one == two).count();
            let new = chunk.heading_path.iter().enumerate().skip(shared);
            let headings =
                new.map(|(depth, heading)| format!("{} {heading}", "#".repeat((depth + 2).min(6))));
            for block in headings.chain([chunk.text.clone()]) {
                if !markdown.is_empty() {
                    markdown.push_str("\n\n");
                }
                markdown.push_str(&block);
            }
            above = &chunk.heading_path;
        }
        markdown
    }
}

/// Shows a document. One that the caller may not see does not exist for them.
#[utoipa::path(
    get,
    path = "/v1/documents",
    tag = "knowledge",
    params(("id" = String, Query, min_length = 1, example = "runbooks/runbooks/pod-oom-killed.md", description = "The document's id.")),
    responses((status = 200, description = "The document.", body = DocumentReply), Missing, Unavailable)
)]
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
    let found = find(&state, &scope, &id).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("there is no such document"))
}

/// The document with this id within the server's deadline, when `scope` shows it, for every protocol.
pub async fn find(state: &AppState, scope: &Filter, id: &str) -> Result<Option<DocumentReply>, ApiError> {
    let reading = read(state.assistant.knowledge_base().as_ref(), scope, id);
    let found = timeout(state.settings().deadline, reading).await.map_err(|_| ApiError::deadline())?;
    Ok(found.map_err(AnswerError::from)?)
}

async fn read(kb: &dyn KnowledgeBase, scope: &Filter, id: &str) -> Result<Option<DocumentReply>, StoreError> {
    let key = DocumentKey::of(id);
    let view = kb.view(scope).await?;
    let found = view.documents(&[key]).await?;
    let Some(record) = found.into_iter().flatten().find(|record| record.meta.id == id) else {
        return Ok(None);
    };
    let chunks: Vec<ChunkReply> = view
        .chunks_of(key)
        .await?
        .into_iter()
        .map(|(_, chunk)| ChunkReply {
            chunk: chunk.id(),
            heading_path: chunk.heading_path.iter().map(|heading| title::shown(heading)).collect(),
            text: visible(&redact(&chunk.text).text),
            start_byte: chunk.start_byte,
            end_byte: chunk.end_byte,
            tokens: chunk.tokens,
        })
        .collect();
    let meta = record.meta.clone();
    Ok(Some(DocumentReply {
        id: meta.id,
        source: meta.source,
        title: title::shown(&meta.title),
        url: meta.url.as_deref().and_then(web_url),
        kind: meta.kind,
        labels: meta.labels.iter().map(|label| title::shown(label)).collect(),
        product: meta.product.as_deref().map(title::shown),
        version: meta.version.as_deref().map(title::shown),
        language: meta.language,
        author: meta.author.as_deref().map(title::shown),
        updated_at: meta.updated_at,
        text: chunks.iter().map(|chunk| chunk.text.as_str()).collect::<Vec<_>>().join("\n\n"),
        chunks,
        kb_version: view.version().to_owned(),
    }))
}
