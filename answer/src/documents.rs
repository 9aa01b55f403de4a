//! Whole documents and their passages as they may leave: without what does not show, secrets masked once more.
//!
//! Entry point: [`find`].

use crate::{checks::title, evidence::web_url, text::visible};
use jiff::Timestamp;
use kb::{
    document::{Chunk, Kind},
    redact::redact,
    store::{DocumentKey, Filter, KnowledgeBase, StoreError},
};

/// A document as the knowledge base holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub id: String,
    pub source: String,
    pub title: String,
    /// Where a person reads it.
    pub url: Option<String>,
    pub kind: Kind,
    pub labels: Vec<String>,
    /// The product that it is about.
    pub product: Option<String>,
    /// The version that it is about.
    pub version: Option<String>,
    pub language: Option<String>,
    pub author: Option<String>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// Its passages, in order.
    pub passages: Vec<Passage>,
    /// The state of the knowledge base that was read.
    pub kb_version: String,
}

/// A passage of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The id of the chunk, within the document.
    pub chunk: String,
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// Its text, without the headings.
    pub text: String,
    /// First byte in the source.
    pub start_byte: u64,
    /// One past the last byte in the source.
    pub end_byte: u64,
    /// Length in the model's tokens, with the prefix.
    pub tokens: u32,
}

/// The document with this id, when `filter` shows it.
pub async fn find(kb: &dyn KnowledgeBase, filter: &Filter, id: &str) -> Result<Option<Document>, StoreError> {
    let key = DocumentKey::of(id);
    let view = kb.view(filter).await?;
    let found = view.documents(&[key]).await?;
    let Some(record) = found.into_iter().flatten().find(|record| record.meta.id == id) else {
        return Ok(None);
    };
    let chunks = view.chunks_of(key).await?;
    let meta = record.meta.clone();
    Ok(Some(Document {
        id: meta.id,
        source: meta.source,
        title: title::cleaned(&meta.title),
        url: meta.url.as_deref().and_then(web_url),
        kind: meta.kind,
        labels: meta.labels.iter().map(|label| title::cleaned(label)).collect(),
        product: meta.product.as_deref().map(title::cleaned),
        version: meta.version.as_deref().map(title::cleaned),
        language: meta.language,
        author: meta.author.as_deref().map(title::cleaned),
        updated_at: meta.updated_at,
        passages: chunks.iter().map(|(_, chunk)| Passage::of(chunk)).collect(),
        kb_version: view.version().to_owned(),
    }))
}

impl Document {
    /// The passages with blank lines between, without headings.
    pub fn text(&self) -> String {
        self.passages.iter().map(|passage| passage.text.as_str()).collect::<Vec<_>>().join("\n\n")
    }

    /// The whole document as Markdown, with the headings between the passages.
    pub fn markdown(&self) -> String {
        let mut markdown = String::new();
        let mut above: &[String] = &[];
        for passage in &self.passages {
            let shared = above.iter().zip(&passage.heading_path).take_while(|(one, two)| one == two).count();
            let new = passage.heading_path.iter().enumerate().skip(shared);
            let headings =
                new.map(|(depth, heading)| format!("{} {heading}", "#".repeat((depth + 2).min(6))));
            for block in headings.chain([passage.text.clone()]) {
                if !markdown.is_empty() {
                    markdown.push_str("\n\n");
                }
                markdown.push_str(&block);
            }
            above = &passage.heading_path;
        }
        markdown
    }
}

impl Passage {
    /// A chunk as it may leave.
    pub fn of(chunk: &Chunk) -> Self {
        Self {
            chunk: chunk.id(),
            heading_path: chunk.heading_path.iter().map(|heading| title::cleaned(heading)).collect(),
            text: visible(&redact(&chunk.text).text),
            start_byte: chunk.start_byte,
            end_byte: chunk.end_byte,
            tokens: chunk.tokens,
        }
    }
}
