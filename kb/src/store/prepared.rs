//! A document as the engines store it: analysed, its lengths counted, independent of where it will be.

use super::{error::StoreError, filter::filter_terms, keys::DocumentKey, view::Field};
use crate::{
    analyzer,
    document::{Chunk, DocumentMeta, DocumentRecord, file_name},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tantivy::fieldnorm::FieldNormReader;

/// Lengths of a set of chunks, from which their average length follows. Lengths are rounded as the index rounds them,
/// so that every engine that rounds alike has the same averages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lengths {
    /// Number of chunks.
    pub chunks: u64,
    /// Sum of the rounded number of terms in each.
    pub terms: u64,
}

/// The stored form of a document's record: the record and the lengths of its chunks.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredDocument {
    pub record: DocumentRecord,
    pub lengths: Lengths,
}

impl Lengths {
    pub fn add(&mut self, other: &Lengths) {
        self.chunks += other.chunks;
        self.terms += other.terms;
    }

    pub fn subtract(&mut self, other: &Lengths) {
        self.chunks -= other.chunks;
        self.terms -= other.terms;
    }

    pub fn average(&self) -> f32 {
        if self.chunks == 0 { 0.0 } else { self.terms as f32 / self.chunks as f32 }
    }
}

/// A chunk ready for the index.
pub(super) struct PreparedChunk {
    pub stored: Vec<u8>,
    /// The terms of its passage, and their rounded number.
    pub terms: String,
    pub length: u64,
}

/// A document and its chunks, analysed and ready for the index. Independent of rows, so it can be made on any thread.
pub(super) struct PreparedDocument {
    pub key: DocumentKey,
    pub lengths: Lengths,
    pub record: DocumentRecord,
    pub filter_terms: Vec<String>,
    /// The terms of title, name and headings.
    pub fields: [(Field, String); 3],
    /// For each target: the terms of all sentences that link to it.
    pub links: Vec<(DocumentKey, String)>,
    pub chunks: Vec<PreparedChunk>,
}

impl PreparedDocument {
    pub fn new(record: DocumentRecord, chunks: &[Chunk]) -> Self {
        use rayon::prelude::*;
        let meta = &record.meta;
        let fields = [
            (Field::Title, join_terms(&meta.title).0),
            (Field::Name, join_terms(&file_name(&meta.id)).0),
            (Field::Headings, join_terms(&headings(chunks)).0),
        ];
        let chunks: Vec<PreparedChunk> = chunks
            .par_iter()
            .map(|chunk| {
                let (terms, count) = join_terms(&chunk.indexed_text(&meta.title));
                let stored = serde_json::to_vec(chunk).expect("a chunk can be written as JSON");
                PreparedChunk { stored, terms, length: u64::from(round_length(count)) }
            })
            .collect();
        let lengths =
            Lengths { chunks: chunks.len() as u64, terms: chunks.iter().map(|chunk| chunk.length).sum() };
        let filter_terms = filter_terms(meta);
        let links = inbound_texts(meta);
        let key = DocumentKey::of(&meta.id);
        Self { key, lengths, record, filter_terms, fields, links, chunks }
    }

    /// The JSON that is stored with the document's record.
    pub fn stored(record: DocumentRecord, lengths: Lengths) -> Vec<u8> {
        serde_json::to_vec(&StoredDocument { record, lengths }).expect("a record can be written as JSON")
    }

    pub fn num_chunks(&self) -> usize {
        self.chunks.len()
    }
}

/// All headings of a document, each once, one a line: those above its chunks and those within them.
fn headings(chunks: &[Chunk]) -> String {
    let mut seen = BTreeSet::new();
    let mut headings = String::new();
    for chunk in chunks {
        for heading in chunk.heading_path.iter().map(String::as_str).chain(headings_within(&chunk.text)) {
            if seen.insert(heading) {
                headings.push_str(heading);
                headings.push('\n');
            }
        }
    }
    headings
}

/// The headings in a Markdown text. A shell's comment in a code block looks like one.
fn headings_within(text: &str) -> impl Iterator<Item = &str> {
    let mut open: Option<&str> = None;
    text.lines().filter_map(move |line| {
        let fence = code_fence(line);
        match open {
            None => open = fence,
            Some(opening)
                if fence.is_some_and(|fence| fence.starts_with(opening) && line.trim() == fence) =>
            {
                open = None;
            }
            Some(_) => {}
        }
        let heading = line.trim_start_matches('#');
        (open.is_none() && heading.len() < line.len() && heading.starts_with(' ')).then(|| heading.trim())
    })
}

/// The marks with which a line begins or ends a code block.
fn code_fence(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let length = |mark: char| line.len() - line.trim_start_matches(mark).len();
    let length = length('`').max(length('~'));
    (length >= 3).then(|| &line[..length])
}

/// The length that BM25 sees: the index keeps it in one byte.
pub(super) fn round_length(length: u32) -> u32 {
    FieldNormReader::id_to_fieldnorm(FieldNormReader::fieldnorm_to_id(length))
}

/// The terms of a text, one a line, and their number. The texts are analysed before the index does it, as their lengths
/// are needed.
fn join_terms(text: &str) -> (String, u32) {
    let mut joined = String::with_capacity(text.len() + text.len() / 2);
    let mut count = 0;
    for token in analyzer::tokens(text) {
        joined.push_str(&token.term);
        joined.push('\n');
        count += 1;
    }
    (joined, count)
}

/// For each document that `meta` links to: the terms of the linking sentences, each once. The sentences of a restricted
/// document are left out, as a ranking must not show them to other readers; so are a document's links to itself, which
/// say nothing about it.
fn inbound_texts(meta: &DocumentMeta) -> Vec<(DocumentKey, String)> {
    if !meta.access.is_empty() {
        return Vec::new();
    }
    let mut by_target: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for link in meta.links.iter().filter(|link| link.target != meta.id) {
        let sentence = if link.sentence.is_empty() { &link.text } else { &link.sentence };
        by_target.entry(&link.target).or_default().insert(sentence.trim());
    }
    let joined = |texts: BTreeSet<&str>| texts.into_iter().map(|text| join_terms(text).0).collect::<String>();
    by_target.into_iter().map(|(target, texts)| (DocumentKey::of(target), joined(texts))).collect()
}

/// How far a vector's length may be from 1. Models round, and so do the formats in which their vectors arrive.
const MAX_LENGTH_ERROR: f32 = 0.01;

/// Refuses a document whose chunks or vectors are not those that a store may take.
pub(super) fn check(
    meta: &DocumentMeta,
    chunks: &[Chunk],
    vectors: &[Vec<f32>],
    dimensions: usize,
) -> Result<(), StoreError> {
    let invalid = |detail: String| Err(StoreError::Invalid { document: meta.id.clone(), detail });
    if chunks.len() != vectors.len() {
        return invalid(format!("it has {} chunks but {} vectors", chunks.len(), vectors.len()));
    }
    for (ordinal, (chunk, vector)) in chunks.iter().zip(vectors).enumerate() {
        if chunk.document != meta.id || chunk.ordinal as usize != ordinal {
            return invalid(format!("chunk {ordinal} is numbered `{}`", chunk.id()));
        }
        if vector.len() != dimensions {
            let found = vector.len();
            return invalid(format!(
                "the vector of chunk {ordinal} has {found} dimensions instead of {dimensions}"
            ));
        }
        let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
        // Some models have no direction for a text without words.
        if (length - 1.0).abs() > MAX_LENGTH_ERROR && length != 0.0 || !length.is_finite() {
            return invalid(format!("the vector of chunk {ordinal} has length {length} instead of 1"));
        }
    }
    Ok(())
}
