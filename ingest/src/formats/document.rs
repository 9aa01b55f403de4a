//! A document as its format's parser makes it: metadata, cleaned text, hash.

use super::{beside::Beside, editions};
use jiff::Timestamp;
use kb::{
    document::{ContentHash, DocumentMeta},
    mapped::MappedText,
    store::CHUNKER_VERSION,
};

/// A document, before it is cut into chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// All but the text.
    pub meta: DocumentMeta,
    /// The cleaned text, which knows its place in the file's decoded text.
    pub body: MappedText,
    /// How to read the body.
    pub syntax: Syntax,
    /// Fragments that lead into the file itself, such as `page=3` of a PDF: each with the byte of the decoded text from
    /// which on it holds, in order. If there are any, links to passages use them instead of the headings' fragments.
    pub fragments: Vec<(usize, String)>,
    /// Headings that all of it stands below, outermost first, such as that of the page that a file is attached to.
    pub above: Vec<String>,
    /// Hash of everything that the stored document depends on, but for the embedding model.
    pub content_hash: ContentHash,
    /// Facts for the document lint, which are not stored.
    pub(crate) beside: Beside,
}

/// The facts about a file that its source knows and that are not in its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address where a person reads it.
    pub url: Option<String>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Markdown, in the dialect of `dialect.rs`.
    Markdown,
    /// Text without markup.
    Plain,
}

impl Document {
    /// Puts a document together and hashes it.
    pub fn new(meta: DocumentMeta, body: MappedText, syntax: Syntax) -> Self {
        let metadata = serde_json::to_vec(&within_source(&meta)).expect("metadata has only string keys");
        let text = body.as_str();
        let place = body.source_range(0..text.len());
        // The place is part of it because chunks tell their byte range in the file.
        let numbers = [CHUNKER_VERSION as u64, syntax as u64, place.start as u64, place.end as u64];
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let content_hash = ContentHash::of(&[&metadata, text.as_bytes(), &numbers]);
        let (fragments, above, beside) = (Vec::new(), Vec::new(), Beside::default());
        Self { meta, body, syntax, fragments, above, content_hash, beside }
    }

    /// The same document with fragments that lead into its file.
    pub fn with_fragments(mut self, fragments: Vec<(usize, String)>) -> Self {
        if fragments.is_empty() {
            return self;
        }
        let written: String = fragments.iter().map(|(at, fragment)| format!("{at} {fragment}\n")).collect();
        self.content_hash = ContentHash::of(&[&self.content_hash.0, written.as_bytes()]);
        self.fragments = fragments;
        self
    }

    /// The same document below headings.
    pub fn below(mut self, above: Vec<String>) -> Self {
        if above.is_empty() {
            return self;
        }
        let written = above.iter().fold(String::from("below"), |written, heading| written + "\n" + heading);
        self.content_hash = ContentHash::of(&[&self.content_hash.0, written.as_bytes()]);
        self.above = above;
        self
    }

    /// The same document with other metadata.
    pub fn with_meta(self, change: impl FnOnce(&mut DocumentMeta)) -> Self {
        let Self { mut meta, body, syntax, fragments, above, beside, .. } = self;
        change(&mut meta);
        Self { beside, ..Self::new(meta, body, syntax).with_fragments(fragments).below(above) }
    }

    /// The fragment that leads to a byte of the decoded text.
    pub fn fragment_at(&self, byte: usize) -> Option<&str> {
        let after = self.fragments.partition_point(|(start, _)| *start <= byte);
        self.fragments.get(after.checked_sub(1)?).map(|(_, fragment)| fragment.as_str())
    }

    /// The same document with what its source knows of it, where it does not say so itself.
    pub fn from(self, origin: &Origin) -> Self {
        if *origin == Origin::default() {
            return self;
        }
        self.with_meta(|meta| {
            meta.url = meta.url.take().or_else(|| origin.url.clone());
            meta.updated_at = meta.updated_at.or(origin.updated_at);
        })
    }

    /// The same document as one of another source: `rename` gives new ids to it and to the documents that it links to.
    pub(crate) fn named(self, source: &str, rename: impl Fn(&str) -> String) -> Self {
        let Self { mut meta, body, syntax, fragments, beside, .. } = self;
        meta.source = source.to_owned();
        for id in meta.links.iter_mut().map(|link| &mut link.target).chain([&mut meta.id]) {
            *id = rename(id);
        }
        Self { beside, ..Self::new(meta, body, syntax).with_fragments(fragments) }
    }

    /// The same document on a version that only its siblings show it to be for.
    pub fn on_version(mut self, version: &str) -> Self {
        self.content_hash = editions::hash_on_version(self.content_hash, version);
        self.meta.version = Some(version.to_owned());
        self
    }
}

/// Metadata as they are under any name of the source: one that is renamed has the documents that it had.
fn within_source(meta: &DocumentMeta) -> DocumentMeta {
    let prefix = format!("{}/", meta.source);
    let mut meta = meta.clone();
    let links = meta.links.iter_mut().map(|link| &mut link.target);
    for id in links.chain([&mut meta.id]) {
        if let Some(rest) = id.strip_prefix(&prefix) {
            *id = rest.to_owned();
        }
    }
    meta.source.clear();
    meta
}
