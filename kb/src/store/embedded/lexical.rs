//! BM25 over a snapshot: the lexical leg over passages and over the fields of documents, and how rare terms are.
//!
//! Scores are added up term by term over all postings, in the order of the query. tantivy's own scorers would skip
//! through them, but they count deleted records among document frequencies and averages, so that a score would depend
//! on which segments happened to be merged; here it depends on the live content alone, and equals that of a knowledge
//! base built afresh. It is also faster for queries of many common terms, which failures are.

use super::{
    best::Best,
    bits::Bits,
    layout::io_error,
    selection::Selection,
    snapshot::{Segment, Snapshot},
};
use crate::{
    analyzer::Term,
    store::{
        bm25::{inverse_document_frequency, length_part, saturated},
        error::StoreError,
        keys::ChunkKey,
        view::{Commonness, Counts, Field, LexicalMatches, LexicalQuery, Match},
    },
};
use std::collections::HashSet;
use tantivy::fieldnorm::FieldNormReader;

/// [`length_part`] for each of the 256 lengths that the index can tell apart.
fn length_parts(average: f32) -> [f32; 256] {
    std::array::from_fn(|id| length_part(FieldNormReader::id_to_fieldnorm(id as u8) as f32, average))
}

/// Scores by number, and which of them are not zero.
struct Sums {
    sums: Vec<f32>,
    touched: Vec<u32>,
}

impl Sums {
    fn new(length: usize) -> Self {
        Self { sums: vec![0.0; length], touched: Vec::new() }
    }

    fn add(&mut self, number: u32, score: f32) {
        let sum = &mut self.sums[number as usize];
        if *sum == 0.0 {
            self.touched.push(number);
        }
        *sum += score;
    }
}

impl Sums {
    /// The highest positive sums, best first, ties by the first part of `key`.
    fn best(self, limit: usize, key: impl Fn(&u32) -> (u32, u32)) -> Vec<(u32, f32)> {
        let mut best = Best::new(limit);
        for number in self.touched {
            let score = self.sums[number as usize];
            if score > 0.0 && best.admits(score) {
                best.offer(score, key(&number));
            }
        }
        best.into_sorted().into_iter().map(|(score, (_, number))| (number, score)).collect()
    }
}

/// Each term once, with its place in the query: one that is given twice must not score twice.
fn distinct(terms: &[(Term, f32)]) -> impl Iterator<Item = (usize, &str, f32)> {
    let mut seen = HashSet::new();
    let terms = terms.iter().enumerate().map(|(at, (term, weight))| (at, term.as_str(), *weight));
    terms.filter(move |&(_, term, _)| seen.insert(term))
}

impl Snapshot {
    /// The best passages and documents of a selection for a bag of words.
    pub fn search_lexical(
        &self,
        selection: &Selection,
        query: &LexicalQuery,
        num_passages: usize,
        num_documents: usize,
    ) -> Result<LexicalMatches, StoreError> {
        let total = self.selections.everything().counts;
        let mut commonness = Commonness { total, terms: vec![Counts::default(); query.terms.len()] };
        let mut shown = vec![false; query.terms.len()];
        let mut passages = Sums::new(self.owners.len());
        let mut documents = Sums::new(self.documents.len());
        let passage_parts = length_parts(self.payload.average);
        let mut postings: Vec<(u32, f32)> = Vec::new();
        let mut having = Bits::empty(self.documents.len());
        for (at, term, weight) in distinct(&query.terms) {
            postings.clear();
            having.clear();
            let common = &mut commonness.terms[at];
            self.visit_passages(term, |row, frequency, length| {
                postings.push((row, saturated(frequency as f32, passage_parts[length as usize])));
                let owner = self.owners[row as usize] as usize;
                if !having.contains(owner) {
                    having.insert(owner);
                    common.documents += 1;
                }
            })?;
            common.chunks = postings.len() as u64;
            shown[at] = postings.iter().any(|(row, _)| selection.rows.contains(*row as usize));
            if weight <= 0.0 {
                continue;
            }
            let rarity = weight * inverse_document_frequency(common.chunks, total.chunks);
            for &(row, score) in postings.iter().filter(|(row, _)| selection.rows.contains(*row as usize)) {
                passages.add(row, rarity * score);
            }
            let rarity = weight * inverse_document_frequency(common.documents, total.documents);
            self.add_fields(selection, term, rarity, query, &mut documents)?;
        }
        let key = |&row: &u32| (self.owners[row as usize], row);
        let passages =
            passages.best(num_passages, key).into_iter().map(|(row, score)| self.to_match(row, score));
        let documents = documents.best(num_documents, |&number| (number, number));
        let documents =
            documents.into_iter().map(|(number, score)| (self.documents[number as usize].key, score));
        Ok(LexicalMatches { passages: passages.collect(), documents: documents.collect(), commonness, shown })
    }

    /// Adds what a term is worth in the fields of documents.
    fn add_fields(
        &self,
        selection: &Selection,
        term: &str,
        rarity: f32,
        query: &LexicalQuery,
        sums: &mut Sums,
    ) -> Result<(), StoreError> {
        for field in Field::ALL.into_iter().filter(|&field| query.weights.of(field) > 0.0) {
            let weight = query.weights.of(field) * rarity;
            let average = self.field_averages[field as usize];
            if field == Field::Links {
                // The sentences that link to a document are spread over records; their sum is what saturates.
                let mut frequencies = Sums::new(self.documents.len());
                self.visit_field(term, field, |target, frequency, _| {
                    frequencies.add(target, frequency as f32)
                })?;
                for target in frequencies.touched {
                    if selection.documents.contains(target as usize) {
                        let length_part = length_part(self.inbound_lengths[target as usize] as f32, average);
                        let score = saturated(frequencies.sums[target as usize], length_part);
                        sums.add(target, weight * self.inbound[target as usize].coverage * score);
                    }
                }
            } else {
                let length_parts = length_parts(average);
                self.visit_field(term, field, |number, frequency, length| {
                    if selection.documents.contains(number as usize) {
                        sums.add(number, weight * saturated(frequency as f32, length_parts[length as usize]));
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Whether a passage of a document has each term, by the document's number.
    pub fn terms_of(&self, number: u32, terms: &[Term]) -> Result<Vec<bool>, StoreError> {
        let entry = self.documents[number as usize];
        let rows = entry.first_row..entry.first_row + entry.num_chunks;
        let has = |term: &Term| {
            let mut found = false;
            self.visit_passages(term, |row, _, _| found |= rows.contains(&row))?;
            Ok(found)
        };
        terms.iter().map(has).collect()
    }

    /// A row with its score, by the keys that callers know.
    pub fn to_match(&self, row: u32, score: f32) -> Match {
        let entry = &self.documents[self.owners[row as usize] as usize];
        Match { chunk: ChunkKey::new(entry.key, row - entry.first_row), document: entry.key, score }
    }

    fn visit_passages(&self, term: &str, mut visit: impl FnMut(u32, u32, u8)) -> Result<(), StoreError> {
        let search = |segment: &Segment| segment.passages.visit(term, &segment.slots, &mut visit);
        self.segments.iter().try_for_each(search).map_err(io_error("search", &self.paths.index))
    }

    fn visit_field(
        &self,
        term: &str,
        field: Field,
        mut visit: impl FnMut(u32, u32, u8),
    ) -> Result<(), StoreError> {
        let search =
            |segment: &Segment| segment.fields[field as usize].visit(term, &segment.slots, &mut visit);
        self.segments.iter().try_for_each(search).map_err(io_error("search", &self.paths.index))
    }
}
