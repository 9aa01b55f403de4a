//! What the index of a generation holds: its schema, its three sorts of records, and what a commit says of itself.
//!
//! - A *document record* for each document: its stored [`DocumentRecord`], where its rows are, and the terms that
//!   filters look for.
//! - A *chunk record* for each chunk: the stored [`Chunk`], its row, and the terms of its four fields.
//! - A *link record* for each page that a document without access tags links to: the words of those links. A page's
//!   inbound texts are thus spread over the records of the documents that link to it and go with them; nothing has to
//!   be written again when somebody else's links change. `lexical.rs` adds them up.
//!
//! Every record carries the key of the document it came from, so deleting by that key deletes all there is.

use crate::{
    analyzer,
    document::{Chunk, DocumentMeta, DocumentRecord, path_words},
    store::{Access, DocumentKey, Field, Filter},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tantivy::{
    TantivyDocument, Term,
    fieldnorm::FieldNormReader,
    query::{BooleanQuery, Occur, Query, TermSetQuery},
    schema::{
        FAST, Field as IndexField, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
    },
    tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager},
};

/// Names of the columns that a snapshot reads.
pub(super) const DOCUMENT: &str = "document";
pub(super) const ROW: &str = "row";
pub(super) const FIRST_ROW: &str = "first_row";
pub(super) const NUM_CHUNKS: &str = "num_chunks";
pub(super) const TARGET: &str = "target";

/// Longer filter values are indexed by their hash: the index has a limit on terms, and documents have none on labels.
const MAX_FILTER_VALUE_BYTES: usize = 200;

/// The schema, with its fields at hand.
#[derive(Clone)]
pub(super) struct Records {
    pub schema: Schema,
    document: IndexField,
    row: IndexField,
    first_row: IndexField,
    num_chunks: IndexField,
    target: IndexField,
    stored: IndexField,
    filter: IndexField,
    texts: [IndexField; 4],
    links: IndexField,
}

/// Lengths of a set of chunks, from which average field lengths follow. Lengths are rounded as the index rounds them,
/// so that every engine that rounds alike has the same averages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lengths {
    /// Number of chunks.
    pub chunks: u64,
    /// Sum of the rounded number of terms in each field, in the order of [`Field::ALL`].
    pub terms: [u64; 4],
}

/// What is stored with a document record.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredDocument {
    pub record: DocumentRecord,
    pub lengths: Lengths,
}

/// What a commit says of itself: the only thing that makes rows and records count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Payload {
    /// Number of the commit; goes on through generations.
    pub sequence: u64,
    /// Number of rows in the vector files that count.
    pub rows: u64,
    /// Lengths of all live chunks.
    pub live: Lengths,
    /// Average number of terms in each field that BM25 uses. Frozen, so that a small commit leaves the scores of all
    /// other documents as they were; see [`Payload::next`].
    pub averages: [f32; 4],
}

/// The frozen averages are replaced when one is off by more than this share.
const REFREEZE_SHARE: f32 = 0.2;

impl Lengths {
    pub fn add(&mut self, other: &Lengths) {
        self.chunks += other.chunks;
        self.terms.iter_mut().zip(other.terms).for_each(|(sum, terms)| *sum += terms);
    }

    pub fn subtract(&mut self, other: &Lengths) {
        self.chunks -= other.chunks;
        self.terms.iter_mut().zip(other.terms).for_each(|(sum, terms)| *sum -= terms);
    }

    fn averages(&self) -> [f32; 4] {
        self.terms.map(|terms| if self.chunks == 0 { 0.0 } else { terms as f32 / self.chunks as f32 })
    }
}

impl Payload {
    /// The payload of the commit after this one.
    pub fn next(&self, rows: u64, live: Lengths) -> Self {
        let now = live.averages();
        let off =
            self.averages.iter().zip(now).any(|(frozen, now)| (frozen - now).abs() > REFREEZE_SHARE * frozen);
        Self { sequence: self.sequence + 1, rows, live, averages: if off { now } else { self.averages } }
    }
}

/// The terms of a chunk's fields as the index takes them.
#[derive(Clone, Default)]
pub(super) struct FieldTerms {
    texts: [String; 4],
    rounded: [u64; 4],
}

/// A chunk ready for the index.
pub(super) struct PreparedChunk {
    stored: Vec<u8>,
    terms: FieldTerms,
}

/// A document and its chunks, analysed and ready for the index. Independent of rows, so it can be made on any thread.
pub(super) struct PreparedDocument {
    pub key: DocumentKey,
    pub lengths: Lengths,
    stored: Vec<u8>,
    filter_terms: Vec<String>,
    /// For each target: the terms of all its link texts.
    links: Vec<(DocumentKey, String)>,
    chunks: Vec<PreparedChunk>,
}

impl PreparedDocument {
    pub fn new(record: DocumentRecord, chunks: &[Chunk]) -> Self {
        use rayon::prelude::*;
        let mut common = FieldTerms::default();
        common.set(Field::Title, &record.meta.title);
        common.set(Field::Path, &path_words(&record.meta.id));
        let chunks: Vec<PreparedChunk> = chunks
            .par_iter()
            .map(|chunk| {
                let mut terms = common.clone();
                terms.set(Field::Body, &chunk.text);
                terms.set(Field::Headings, &chunk.heading_path.join("\n"));
                let stored = serde_json::to_vec(chunk).expect("a chunk can be written as JSON");
                PreparedChunk { stored, terms }
            })
            .collect();
        let mut lengths = Lengths { chunks: chunks.len() as u64, terms: [0; 4] };
        for chunk in &chunks {
            lengths.terms.iter_mut().zip(chunk.terms.rounded).for_each(|(sum, terms)| *sum += terms);
        }
        let filter_terms = document_filter_terms(&record.meta);
        let links = inbound_texts(&record.meta);
        let key = DocumentKey::of(&record.meta.id);
        let stored =
            serde_json::to_vec(&StoredDocument { record, lengths }).expect("a record can be written as JSON");
        Self { key, lengths, stored, filter_terms, links, chunks }
    }

    pub fn num_chunks(&self) -> usize {
        self.chunks.len()
    }
}

impl FieldTerms {
    fn set(&mut self, field: Field, text: &str) {
        let (joined, count) = join_terms(text);
        self.texts[field as usize] = joined;
        self.rounded[field as usize] = u64::from(round_length(count));
    }
}

/// The length that BM25 sees: the index keeps it in one byte.
fn round_length(length: u32) -> u32 {
    FieldNormReader::id_to_fieldnorm(FieldNormReader::fieldnorm_to_id(length))
}

/// The terms of a text, one a line, and their number. Analysing before the index does gives us the lengths, and the
/// title of a document is analysed once instead of once for each of its chunks.
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

/// For each document that `meta` links to: the terms of the links' texts, each text once. Nobody may learn from a
/// ranking what a restricted document says, and a document's links to itself say nothing about it.
fn inbound_texts(meta: &DocumentMeta) -> Vec<(DocumentKey, String)> {
    if !meta.access.is_empty() {
        return Vec::new();
    }
    let mut by_target: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for link in meta.links.iter().filter(|link| link.target != meta.id) {
        by_target.entry(&link.target).or_default().insert(link.text.trim());
    }
    let joined = |texts: BTreeSet<&str>| texts.into_iter().map(|text| join_terms(text).0).collect::<String>();
    by_target.into_iter().map(|(target, texts)| (DocumentKey::of(target), joined(texts))).collect()
}

/// The terms that the filters of [`Records::filter_query`] look for.
fn document_filter_terms(meta: &DocumentMeta) -> Vec<String> {
    let mut terms = vec![filter_term("source", &meta.source), filter_term("kind", meta.kind.as_str())];
    terms.push(meta.product.as_ref().map_or(without("product"), |product| filter_term("product", product)));
    terms.push(meta.version.as_ref().map_or(without("version"), |version| filter_term("version", version)));
    terms.extend(meta.labels.iter().map(|label| filter_term("label", label)));
    let clusters: Vec<String> = meta
        .labels
        .iter()
        .filter_map(|label| Some(filter_term("cluster", label.strip_prefix("cluster:")?)))
        .collect();
    match clusters.is_empty() {
        true => terms.push(without("cluster")),
        false => terms.extend(clusters),
    }
    match meta.access.is_empty() {
        true => terms.push(without("access")),
        false => terms.extend(meta.access.iter().map(|tag| filter_term("access", tag))),
    }
    if !meta.applies_to.is_empty() {
        terms.push(HAS_RULES.to_owned());
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Marks documents with `applies_to` rules.
const HAS_RULES: &str = "rules";

fn filter_term(part: &str, value: &str) -> String {
    match value.len() <= MAX_FILTER_VALUE_BYTES {
        true => format!("{part}={value}"),
        false => format!("{part}#{}", blake3::hash(value.as_bytes())),
    }
}

/// The term of a document that has no value for `part`; no value's term looks like it.
fn without(part: &str) -> String {
    format!("{part}-")
}

impl Records {
    pub fn new() -> Self {
        let counted = |name: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(name)
                .set_index_option(IndexRecordOption::WithFreqs)
                .set_fieldnorms(true);
            TextOptions::default().set_indexing_options(indexing)
        };
        let exact = TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let mut builder = Schema::builder();
        let document = builder.add_u64_field(DOCUMENT, INDEXED | FAST);
        let row = builder.add_u64_field(ROW, FAST);
        let first_row = builder.add_u64_field(FIRST_ROW, FAST);
        let num_chunks = builder.add_u64_field(NUM_CHUNKS, FAST);
        let target = builder.add_u64_field(TARGET, FAST);
        let stored = builder.add_bytes_field("stored", STORED);
        let filter = builder.add_text_field("filter", TextOptions::default().set_indexing_options(exact));
        let texts = Field::ALL.map(|field| builder.add_text_field(field.name(), counted(LINES)));
        let links = builder.add_text_field("links", counted(LINES));
        let schema = builder.build();
        Self { schema, document, row, first_row, num_chunks, target, stored, filter, texts, links }
    }

    /// The tokenizers that the schema names.
    pub fn tokenizers() -> TokenizerManager {
        let manager = TokenizerManager::default();
        manager.register(LINES, Lines { token: Token::default() });
        manager
    }

    /// The field with the terms of a part of a chunk.
    pub fn text(&self, field: Field) -> IndexField {
        self.texts[field as usize]
    }

    /// The field with the terms of links, in link records.
    pub fn links(&self) -> IndexField {
        self.links
    }

    /// The field with a record's JSON.
    pub fn stored(&self) -> IndexField {
        self.stored
    }

    /// Matches every record that came from a document.
    pub fn of_document(&self, key: DocumentKey) -> Term {
        Term::from_field_u64(self.document, key.0)
    }

    /// The records of a document whose first chunk has row `first_row`; the others follow it in order.
    pub fn build(&self, document: PreparedDocument, first_row: u64) -> impl Iterator<Item = TantivyDocument> {
        let PreparedDocument { key, stored, filter_terms, links, chunks, .. } = document;
        let mut record = TantivyDocument::new();
        record.add_u64(self.document, key.0);
        record.add_u64(self.first_row, first_row);
        record.add_u64(self.num_chunks, chunks.len() as u64);
        record.add_bytes(self.stored, &stored);
        for term in filter_terms {
            record.add_text(self.filter, term);
        }
        let links = links.into_iter().map(move |(target, terms)| {
            let mut record = TantivyDocument::new();
            record.add_u64(self.document, key.0);
            record.add_u64(self.target, target.0);
            record.add_text(self.links, terms);
            record
        });
        let chunks = chunks.into_iter().zip(first_row..).map(move |(chunk, row)| {
            let mut record = TantivyDocument::new();
            record.add_u64(self.document, key.0);
            record.add_u64(self.row, row);
            record.add_bytes(self.stored, &chunk.stored);
            for (field, terms) in self.texts.iter().zip(chunk.terms.texts) {
                record.add_text(*field, terms);
            }
            record
        });
        std::iter::once(record).chain(links).chain(chunks)
    }

    /// Matches the document records that `filter` shows: the same documents as [`Filter::shows`]. `None`: all of them.
    pub fn filter_query(&self, filter: &Filter) -> Option<Box<dyn Query>> {
        let Filter { sources, kinds, products, versions, labels, clusters, access } = filter;
        let values = |part: &str, values: &BTreeSet<String>| -> Vec<String> {
            values.iter().map(|value| filter_term(part, value)).collect()
        };
        let open_or = |part: &str, set: &BTreeSet<String>| {
            let mut terms = values(part, set);
            if !terms.is_empty() {
                terms.push(without(part));
            }
            terms
        };
        let mut parts = vec![
            values("source", sources),
            kinds.iter().map(|kind| filter_term("kind", kind.as_str())).collect(),
            open_or("product", products),
            open_or("version", versions),
            values("label", labels),
            open_or("cluster", clusters),
        ];
        if let Access::Tags(held) = access {
            let mut terms = values("access", held);
            terms.push(without("access"));
            parts.push(terms);
        }
        let parts = parts.into_iter().filter(|terms| !terms.is_empty()).map(|terms| self.any_of(terms));
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = parts.map(|query| (Occur::Must, query)).collect();
        match clauses.len() {
            0 => None,
            1 => Some(clauses.remove(0).1),
            _ => Some(Box::new(BooleanQuery::new(clauses))),
        }
    }

    /// Matches the document records with `applies_to` rules.
    pub fn rules_query(&self) -> Box<dyn Query> {
        self.any_of(vec![HAS_RULES.to_owned()])
    }

    fn any_of(&self, terms: Vec<String>) -> Box<dyn Query> {
        Box::new(TermSetQuery::new(terms.iter().map(|term| Term::from_field_text(self.filter, term))))
    }
}

/// Name of [`Lines`] in the schema.
const LINES: &str = "lines";

/// Makes each line a term: text fields are given as [`join_terms`] writes them.
#[derive(Clone)]
struct Lines {
    token: Token,
}

struct LineStream<'a> {
    lines: std::str::Lines<'a>,
    token: &'a mut Token,
}

impl Tokenizer for Lines {
    type TokenStream<'a> = LineStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> LineStream<'a> {
        self.token.reset();
        LineStream { lines: text.lines(), token: &mut self.token }
    }
}

impl TokenStream for LineStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(line) = self.lines.next() else { return false };
        self.token.text.clear();
        self.token.text.push_str(line);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
