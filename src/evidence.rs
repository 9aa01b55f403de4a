//! The numbered passages one answer may rest on: what the model sees, what `[n]` refers to. Pure.

use crate::text::{one_line, visible};
use jiff::Timestamp;
use kb::{
    document::{Chunk, DocumentRecord, Kind},
    retrieve::{Hit, RuleStrength},
};

/// One passage that an answer may cite, its texts free of anything that does not show.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What `[n]` calls it, from 1.
    pub n: usize,
    /// The document's id.
    pub document: String,
    /// The chunk's id.
    pub chunk: String,
    /// The document's title, one line.
    pub title: String,
    /// Where a person reads it.
    pub url: Option<String>,
    /// When the document was last changed.
    pub updated_at: Option<Timestamp>,
    /// The document's kind.
    pub kind: Kind,
    /// Headings above the passage.
    pub heading_path: Vec<String>,
    /// The passage.
    pub text: String,
    /// How one of the document's rules matched.
    pub rule: Option<RuleStrength>,
}

impl Evidence {
    /// A passage as evidence number `n`.
    pub fn new(n: usize, chunk: &Chunk, document: &DocumentRecord, rule: Option<RuleStrength>) -> Self {
        Self {
            n,
            document: chunk.document.clone(),
            chunk: chunk.id(),
            title: one_line(&visible(&document.meta.title)),
            url: document.meta.url.as_deref().and_then(web_url),
            updated_at: document.meta.updated_at,
            kind: document.meta.kind,
            heading_path: chunk.heading_path.iter().map(|heading| one_line(&visible(heading))).collect(),
            text: visible(&chunk.text),
            rule,
        }
    }

    /// Numbers the hits from 1, in their order.
    pub fn of_hits(hits: &[Hit]) -> Vec<Self> {
        let strength = |hit: &Hit| hit.rule.as_ref().map(|rule| rule.strength);
        hits.iter()
            .enumerate()
            .map(|(at, hit)| Self::new(at + 1, &hit.chunk, &hit.document, strength(hit)))
            .collect()
    }

    /// Title and headings on one line.
    pub fn heading(&self) -> String {
        let mut line = self.title.clone();
        for heading in &self.heading_path {
            line.push_str(" > ");
            line.push_str(heading);
        }
        line
    }

    /// Everything of it that an answer may repeat: heading and passage.
    pub fn quotable(&self) -> String {
        format!("{}\n{}", self.heading(), self.text)
    }
}

/// A document's URL when it is one that a reader can follow safely: `http` or `https`, no white space, no markup.
fn web_url(url: &str) -> Option<String> {
    let url = url.trim();
    let scheme = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let plain = url
        .chars()
        .all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '"' | '`' | '\\'));
    ((scheme.starts_with("https://") || scheme.starts_with("http://")) && plain && visible(url) == url)
        .then(|| url.to_owned())
}
