//! The contents of a generation's index: its schema, its four sorts of records, and the facts that a commit records
//! about itself.
//!
//! - A *document record* for each document: its stored [`DocumentRecord`], where its rows are, the terms of its title,
//!   name and headings, and those that filters look for.
//! - A *chunk record* for each chunk: the stored [`Chunk`], its row, and the terms of its passage.
//! - A *link record* for each page that a document without access tags links to: the words of the linking sentences. A page's
//!   inbound texts are thus spread over the records of the documents that link to it and go with them; no record has
//!   to be written again when the links of another page change. `lexical.rs` adds them up.
//!
//! - A *state record* for each source whose reader keeps something with its documents: the stored [`SourceState`].
//!
//! Every record carries the key of the document it came from, so deleting by that key deletes all there is.

use crate::store::{
    filter::{Filter, HAS_RULES},
    keys::DocumentKey,
    prepared::{Lengths, PreparedDocument},
    view::Field,
};
use serde::{Deserialize, Serialize};
use tantivy::{
    TantivyDocument, Term,
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

/// The state that is kept with a source's documents for the next run.
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

/// The statement that a commit carries; rows and records count by it alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Payload {
    /// Number of the commit; goes on through generations.
    pub sequence: u64,
    /// Number of rows in the vector files that count.
    pub rows: u64,
    /// Lengths of all live chunks.
    pub live: Lengths,
    /// Average number of terms of a passage that BM25 uses: that of the live chunks, so that scores depend on what
    /// there is and not on the commits that led there.
    pub average: f32,
}

impl Payload {
    /// The payload of the commit after this one.
    pub fn next(&self, rows: u64, live: Lengths) -> Self {
        Self { sequence: self.sequence + 1, rows, live, average: live.average() }
    }
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
        let PreparedDocument { key, record, lengths, filter_terms, fields, links, chunks } = document;
        let source = DocumentKey::of(&record.meta.source).0;
        let stored = PreparedDocument::stored(record, lengths);
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
        let parts = filter.term_sets().into_iter().map(|terms| self.any_of(terms));
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
