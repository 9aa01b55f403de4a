//! BM25 over a snapshot: the lexical leg, the words of inbound links, and how rare terms are.
//!
//! Scores are added up term by term over all postings, in the order of the query. tantivy's own scorers would skip
//! through them, but they count deleted records among document frequencies and averages, so that a score would depend
//! on which segments happened to be merged; here it depends on the live content alone, and equals that of a knowledge
//! base built afresh. It is also faster for queries of many common terms, which failures are.

use super::{best::Best, bits::Bits, layout::io_error, scope::Scope, snapshot::Snapshot};
use crate::{
    analyzer::Term,
    store::{ChunkKey, DocumentKey, Field, LexicalQuery, Match, StoreError, TermStatistics},
};
use std::{collections::HashSet, io};
use tantivy::fieldnorm::FieldNormReader;

/// How fast further occurrences of a term stop counting.
const K1: f32 = 1.2;
/// How much a text's length counts.
const B: f32 = 0.75;

/// Rarity: ln(1 + (N - n + 0.5) / (n + 0.5)), as Lucene and tantivy have it.
fn inverse_document_frequency(documents_with_term: usize, documents: u64) -> f32 {
    let (with, all) = (documents_with_term as f32, documents as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// `tf (k1 + 1) / (tf + length_part)`.
fn saturated(frequency: f32, length_part: f32) -> f32 {
    frequency * (K1 + 1.0) / (frequency + length_part)
}

/// The part of the denominator that depends on the length of the text.
fn length_part(length: f32, average: f32) -> f32 {
    K1 * (1.0 - B + B * length / average.max(f32::MIN_POSITIVE))
}

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

/// Each term that counts, once: one that is given twice must not score twice.
fn distinct(terms: &[(Term, f32)]) -> impl Iterator<Item = (&str, f32)> {
    let mut seen = HashSet::new();
    let terms = terms.iter().map(|(term, weight)| (term.as_str(), *weight));
    terms.filter(move |&(term, weight)| weight > 0.0 && seen.insert(term))
}

impl Snapshot {
    /// The best chunks of a scope for a bag of words, best first, ties by chunk key.
    pub fn search_lexical(
        &self,
        scope: &Scope,
        query: &LexicalQuery,
        limit: usize,
    ) -> Result<Vec<Match>, StoreError> {
        let mut sums = Sums::new(self.owners.len());
        let mut postings: Vec<(u32, f32)> = Vec::new();
        let fields: Vec<(Field, f32, [f32; 256])> = Field::ALL
            .into_iter()
            .filter(|&field| query.weights.of(field) > 0.0)
            .map(|field| {
                (field, query.weights.of(field), length_parts(self.payload.averages[field as usize]))
            })
            .collect();
        for (term, term_weight) in distinct(&query.terms) {
            for (field, field_weight, length_parts) in &fields {
                postings.clear();
                self.visit_chunks(term, *field, |row, frequency, length| {
                    postings.push((row, saturated(frequency as f32, length_parts[length as usize])));
                })?;
                let rarity = inverse_document_frequency(postings.len(), self.payload.live.chunks);
                let weight = field_weight * term_weight * rarity;
                for &(row, score) in postings.iter().filter(|(row, _)| scope.rows.contains(*row as usize)) {
                    sums.add(row, weight * score);
                }
            }
        }
        let mut best = Best::new(limit);
        for row in sums.touched {
            let score = sums.sums[row as usize];
            if score > 0.0 && best.admits(score) {
                best.offer(score, (self.owners[row as usize], row));
            }
        }
        Ok(best.into_sorted().into_iter().map(|(score, (_, row))| self.to_match(row, score)).collect())
    }

    /// The best documents of a scope for the words of the links to them, best first, ties by document key.
    pub fn search_links(
        &self,
        scope: &Scope,
        terms: &[(Term, f32)],
        limit: usize,
    ) -> Result<Vec<(DocumentKey, f32)>, StoreError> {
        let linked = self.inbound_lengths.iter().filter(|&&length| length > 0).count();
        let total: u64 = self.inbound_lengths.iter().map(|&length| u64::from(length)).sum();
        let average = if linked == 0 { 0.0 } else { total as f32 / linked as f32 };
        let mut sums = Sums::new(self.documents.len());
        let mut frequencies = Sums::new(self.documents.len());
        for (term, weight) in distinct(terms) {
            for segment in &self.segments {
                segment
                    .links
                    .visit(term, &segment.slots, |target, frequency, _| {
                        frequencies.add(target, frequency as f32)
                    })
                    .map_err(io_error("search", &self.paths.index))?;
            }
            let rarity = inverse_document_frequency(frequencies.touched.len(), linked as u64);
            for target in frequencies.touched.drain(..) {
                let frequency = std::mem::take(&mut frequencies.sums[target as usize]);
                if scope.documents.contains(target as usize) {
                    let length_part = length_part(self.inbound_lengths[target as usize] as f32, average);
                    sums.add(target, weight * rarity * saturated(frequency, length_part));
                }
            }
        }
        let mut best = Best::new(limit);
        for number in sums.touched {
            let score = sums.sums[number as usize];
            if score > 0.0 {
                best.offer(score, number);
            }
        }
        let found = best.into_sorted().into_iter();
        Ok(found.map(|(score, number)| (self.documents[number as usize].key, score)).collect())
    }

    /// In how many chunks of a scope each term occurs, in whichever field.
    pub fn term_statistics(&self, scope: &Scope, terms: &[Term]) -> Result<TermStatistics, StoreError> {
        let mut chunk_frequencies = Vec::with_capacity(terms.len());
        for term in terms {
            let mut seen = Bits::empty(self.owners.len());
            let mut count = 0;
            for field in Field::ALL {
                self.visit_chunks(term, field, |row, _, _| {
                    let row = row as usize;
                    if scope.rows.contains(row) && !seen.contains(row) {
                        seen.insert(row);
                        count += 1;
                    }
                })?;
            }
            chunk_frequencies.push(count);
        }
        Ok(TermStatistics { num_chunks: scope.counts.chunks, chunk_frequencies })
    }

    /// Names a row for the outside.
    pub fn to_match(&self, row: u32, score: f32) -> Match {
        let entry = &self.documents[self.owners[row as usize] as usize];
        Match { chunk: ChunkKey::new(entry.key, row - entry.first_row), document: entry.key, score }
    }

    fn visit_chunks(
        &self,
        term: &str,
        field: Field,
        mut visit: impl FnMut(u32, u32, u8),
    ) -> Result<(), StoreError> {
        let search = |segment: &super::snapshot::Segment| -> io::Result<()> {
            segment.texts[field as usize].visit(term, &segment.slots, &mut visit)
        };
        self.segments.iter().try_for_each(search).map_err(io_error("search", &self.paths.index))
    }
}
