//! What the index of a generation holds: its schema, its four sorts of records, and what a commit says of itself.
//!
//! - A *document record* for each document: its stored [`DocumentRecord`], where its rows are, the terms of its title,
//!   name and headings, and those that filters look for.
//! - A *chunk record* for each chunk: the stored [`Chunk`], its row, and the terms of its passage.
//! - A *link record* for each page that a document without access tags links to: the words of the linking sentences. A page's
//!   inbound texts are thus spread over the records of the documents that link to it and go with them; nothing has to
//!   be written again when somebody else's links change. `lexical.rs` adds them up.
//!
//! - A *state record* for each source whose reader keeps something with its documents: the stored [`SourceState`].
//!
//! Every record carries the key of the document it came from, so deleting by that key deletes all there is.

use crate::{
    analyzer,
    document::{Chunk, DocumentMeta, DocumentRecord, file_name},
    store::{Access, DocumentKey, Field, Filter},
    version::{Versions, wanted_terms},
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
pub(super) const SOURCE: &str = "source";

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
    source: IndexField,
    stored: IndexField,
    filter: IndexField,
    passage: IndexField,
    fields: [IndexField; 4],
}

/// Lengths of a set of chunks, from which their average length follows. Lengths are rounded as the index rounds them,
/// so that every engine that rounds alike has the same averages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lengths {
    /// Number of chunks.
    pub chunks: u64,
    /// Sum of the rounded number of terms in each.
    pub terms: u64,
}

/// What is stored with a document record.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredDocument {
    pub record: DocumentRecord,
    pub lengths: Lengths,
}

/// What is kept with a source's documents for the next run.
#[derive(Serialize, Deserialize)]
pub(super) struct SourceState {
    pub source: String,
    pub state: serde_json::Value,
}

impl SourceState {
    /// The key of the records of a source's state, which no document's id gives.
    pub fn key(source: &str) -> DocumentKey {
        DocumentKey::of(&format!("\u{0}state\u{0}{source}"))
    }
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
    /// Average number of terms of a passage that BM25 uses: that of the live chunks, so that scores depend on what there
    /// is and not on the commits that led there.
    pub average: f32,
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

    fn average(&self) -> f32 {
        if self.chunks == 0 { 0.0 } else { self.terms as f32 / self.chunks as f32 }
    }
}

impl Payload {
    /// The payload of the commit after this one.
    pub fn next(&self, rows: u64, live: Lengths) -> Self {
        Self { sequence: self.sequence + 1, rows, live, average: live.average() }
    }
}

/// A chunk ready for the index.
pub(super) struct PreparedChunk {
    stored: Vec<u8>,
    /// The terms of its passage, and their rounded number.
    terms: String,
    length: u64,
}

/// A document and its chunks, analysed and ready for the index. Independent of rows, so it can be made on any thread.
pub(super) struct PreparedDocument {
    pub key: DocumentKey,
    pub lengths: Lengths,
    stored: Vec<u8>,
    source: u64,
    filter_terms: Vec<String>,
    /// The terms of title, name and headings.
    fields: [(Field, String); 3],
    /// For each target: the terms of all sentences that link to it.
    links: Vec<(DocumentKey, String)>,
    chunks: Vec<PreparedChunk>,
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
        let filter_terms = document_filter_terms(meta);
        let links = inbound_texts(meta);
        let (key, source) = (DocumentKey::of(&meta.id), DocumentKey::of(&meta.source).0);
        let stored =
            serde_json::to_vec(&StoredDocument { record, lengths }).expect("a record can be written as JSON");
        Self { key, lengths, stored, source, filter_terms, fields, links, chunks }
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
fn round_length(length: u32) -> u32 {
    FieldNormReader::id_to_fieldnorm(FieldNormReader::fieldnorm_to_id(length))
}

/// The terms of a text, one a line, and their number. Analysing before the index does gives us the lengths.
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

/// For each document that `meta` links to: the terms of the linking sentences, each once. Nobody may learn from a
/// ranking what a restricted document says, and a document's links to itself say nothing about it.
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

/// The terms that the filters of [`Records::filter_query`] look for.
fn document_filter_terms(meta: &DocumentMeta) -> Vec<String> {
    let mut terms = vec![filter_term("source", &meta.source), filter_term("kind", meta.kind.as_str())];
    terms.push(meta.product.as_ref().map_or(without("product"), |product| filter_term("product", product)));
    match &meta.version {
        Some(version) => {
            terms.extend(Versions::terms(version).iter().map(|term| filter_term("version", term)));
        }
        None => terms.push(without("version")),
    }
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
        let source = builder.add_u64_field(SOURCE, FAST);
        let stored = builder.add_bytes_field("stored", STORED);
        let filter = builder.add_text_field("filter", TextOptions::default().set_indexing_options(exact));
        let passage = builder.add_text_field("passage", counted(LINES));
        let fields = Field::ALL.map(|field| builder.add_text_field(field.name(), counted(LINES)));
        let schema = builder.build();
        Self { schema, document, row, first_row, num_chunks, target, source, stored, filter, passage, fields }
    }

    /// The tokenizers that the schema names.
    pub fn tokenizers() -> TokenizerManager {
        let manager = TokenizerManager::default();
        manager.register(LINES, Lines { token: Token::default() });
        manager
    }

    /// The field with the terms of a passage, in chunk records.
    pub fn passage(&self) -> IndexField {
        self.passage
    }

    /// The field with the terms of a document's field: in document records, but for links, which are in link records.
    pub fn field(&self, field: Field) -> IndexField {
        self.fields[field as usize]
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
        let PreparedDocument { key, stored, source, filter_terms, fields, links, chunks, .. } = document;
        let mut record = TantivyDocument::new();
        record.add_u64(self.document, key.0);
        record.add_u64(self.first_row, first_row);
        record.add_u64(self.num_chunks, chunks.len() as u64);
        record.add_u64(self.source, source);
        record.add_bytes(self.stored, &stored);
        for term in filter_terms {
            record.add_text(self.filter, term);
        }
        for (field, terms) in fields {
            record.add_text(self.field(field), terms);
        }
        let links_field = self.field(Field::Links);
        let links = links.into_iter().map(move |(target, terms)| {
            let mut record = TantivyDocument::new();
            record.add_u64(self.document, key.0);
            record.add_u64(self.target, target.0);
            record.add_text(links_field, terms);
            record
        });
        let chunks = chunks.into_iter().zip(first_row..).map(move |(chunk, row)| {
            let mut record = TantivyDocument::new();
            record.add_u64(self.document, key.0);
            record.add_u64(self.row, row);
            record.add_bytes(self.stored, &chunk.stored);
            record.add_text(self.passage, chunk.terms);
            record
        });
        std::iter::once(record).chain(links).chain(chunks)
    }

    /// The record of a source's state.
    pub fn state(&self, state: &SourceState) -> TantivyDocument {
        let mut record = TantivyDocument::new();
        record.add_u64(self.document, SourceState::key(&state.source).0);
        let stored = serde_json::to_vec(state).expect("a state can be written as JSON");
        record.add_bytes(self.stored, &stored);
        record
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
            open_or("version", &versions.iter().flat_map(|version| wanted_terms(version)).collect()),
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
