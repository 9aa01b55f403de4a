//! The lexical leg: the server finds candidates by sparse vectors, and they are scored again here, exactly.
//!
//! A stored weight is the part of BM25 that a text alone decides, with an assumed average length: `tf (k1 + 1) / (tf +
//! k1 (1 - b + b length / assumed))`. The rest (rarity, the factors of terms and fields) is the query's. The true
//! averages move with every commit; the number of occurrences follows from the stored weight and the length, so that
//! the scores are those of the averages of today, whatever was assumed.

use super::{
    client::Mode,
    manifest::State,
    numbers::DocumentNumbers,
    points::{self, LENGTH_DIMENSION, PASSAGE, Weights, field_dimension, is_of, passage_dimension},
    requests::Wanted,
    terms::{self, TermCounts},
    view::QdrantView,
};
use crate::{
    analyzer::Term,
    store::{
        bm25::{inverse_document_frequency, length_part, saturated},
        error::StoreError,
        keys::DocumentKey,
        view::{Commonness, Counts, Field, LexicalMatches, LexicalQuery, Match, View as _},
    },
};
use qdrant_client::qdrant::{
    Query, QueryBatchPoints, QueryPoints, ScoredPoint, VectorInput, VectorsOutput, query, vector_input,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Average lengths that stored weights assume: those of a usual passage, and of the fields of a usual document.
const ASSUMED_PASSAGE: f32 = 100.0;
const ASSUMED_FIELDS: [f32; 4] = [8.0, 4.0, 40.0, 30.0];

/// Candidates beyond those asked for, since the assumed averages are not the true ones.
const MIN_SPARE: usize = 64;
const SPARE_SHARE: usize = 8;

/// The longest list of candidates; ties at its end are asked for again until it is reached.
const MAX_CANDIDATES: usize = 8_192;

/// The stored weights of a passage.
pub(super) fn passage_weights(frequencies: &HashMap<&str, u32>, length: u64) -> BTreeMap<u32, f32> {
    let part = length_part(length as f32, ASSUMED_PASSAGE);
    let mut weights = BTreeMap::new();
    for (term, &frequency) in frequencies {
        *weights.entry(passage_dimension(term)).or_default() += saturated(frequency as f32, part);
    }
    weights
}

/// The vector of a passage: its weights with its length beside them.
pub(super) fn passage_vector(mut weights: BTreeMap<u32, f32>, length: u64) -> BTreeMap<u32, f32> {
    if !weights.is_empty() {
        weights.insert(LENGTH_DIMENSION, length as f32);
    }
    weights
}

/// The dimensions of the terms of a passage that was read.
pub(super) fn passage_dimensions(vectors: Option<&VectorsOutput>) -> Vec<u32> {
    let weights = points::sparse_of(vectors, PASSAGE).unwrap_or_default();
    weights.into_keys().filter(|&dimension| dimension != LENGTH_DIMENSION).collect()
}

/// Adds the stored weights of a field of a document, by the dimensions of its terms.
pub(super) fn add_field_weights(
    weights: &mut BTreeMap<u32, f32>,
    field: Field,
    frequencies: &BTreeMap<u32, u64>,
    length: u64,
) {
    let length = length_part(length as f32, ASSUMED_FIELDS[field as usize]);
    for (&dimension, &frequency) in frequencies {
        *weights.entry(dimension).or_default() += saturated(frequency as f32, length);
    }
}

/// The dimensions of a field's terms, one a line as they are prepared, with the number of occurrences of each.
pub(super) fn field_frequencies(field: Field, terms: &str) -> BTreeMap<u32, u64> {
    let mut frequencies = BTreeMap::new();
    for term in terms.lines() {
        *frequencies.entry(field_dimension(field, term)).or_default() += 1;
    }
    frequencies
}

/// The number of occurrences that led to a stored weight.
fn frequency_of(weight: f32, length: f32) -> f32 {
    // The inverse of `saturated`, whose limit is at k1 + 1.
    let limit = saturated(1.0, 0.0);
    (weight * length / (limit - weight).max(f32::EPSILON)).round().max(1.0)
}

/// The number of occurrences that led to a stored weight of a field.
pub(super) fn field_frequency_of(field: Field, weight: f32, length: u64) -> u64 {
    frequency_of(weight, length_part(length as f32, ASSUMED_FIELDS[field as usize])) as u64
}

/// A term of a query, once.
struct Asked<'a> {
    /// The term's place in the query.
    at: usize,
    term: &'a str,
    weight: f32,
    counts: Counts,
}

impl QdrantView {
    /// The best passages and documents for a bag of words.
    pub(super) async fn lexical(
        &self,
        query: &LexicalQuery,
        num_passages: usize,
        num_documents: usize,
    ) -> Result<LexicalMatches, StoreError> {
        let mut seen = HashSet::new();
        let distinct: Vec<(usize, &str, f32)> = query
            .terms
            .iter()
            .enumerate()
            .map(|(at, (term, weight))| (at, term.as_str(), *weight))
            .filter(|&(_, term, _)| seen.insert(term))
            .collect();
        let terms: Vec<&str> = distinct.iter().map(|&(_, term, _)| term).collect();
        let counts = self.counts_of(&terms).await?;
        let mut commonness =
            Commonness { total: self.state().counts, terms: vec![Counts::default(); query.terms.len()] };
        let asked: Vec<Asked<'_>> = distinct
            .into_iter()
            .zip(counts)
            .map(|((at, term, weight), counts)| Asked { at, term, weight, counts })
            .collect();
        asked.iter().for_each(|asked| commonness.terms[asked.at] = asked.counts);

        let (passages, documents) =
            tokio::try_join!(self.passages(&asked, num_passages), self.fields(&asked, query, num_documents))?;
        let Passages { best, found } = passages;
        let mut shown = vec![false; query.terms.len()];
        let mut unknown = Vec::new();
        for asked in asked.iter().filter(|asked| asked.counts.chunks > 0) {
            let dimension = passage_dimension(asked.term);
            match self.shows_everything() || found.contains(&dimension) {
                true => shown[asked.at] = true,
                false => unknown.push((asked.at, dimension)),
            }
        }
        for (at, is_shown) in self.passages_with(&unknown).await? {
            shown[at] = is_shown;
        }
        Ok(LexicalMatches { passages: best, documents, commonness, shown })
    }

    /// How common terms are in the whole generation, in their order.
    async fn counts_of(&self, terms: &[&str]) -> Result<Vec<Counts>, StoreError> {
        let dimensions: Vec<u32> = terms.iter().map(|term| passage_dimension(term)).collect();
        let mut known: HashMap<u32, TermCounts> = HashMap::new();
        let mut missing = Vec::new();
        {
            let cached = self.kept().terms();
            for &dimension in &dimensions {
                match cached.get(self.version(), dimension) {
                    Some(counts) => drop(known.insert(dimension, counts)),
                    None => missing.push(dimension),
                }
            }
        }
        if !missing.is_empty() {
            let mut read = terms::read(self.cluster(), self.collection(), &missing).await?;
            let mut cached = self.kept().terms();
            for dimension in missing {
                let counts = read.remove(&dimension).unwrap_or_default();
                cached.insert(self.version(), dimension, counts.clone());
                known.insert(dimension, counts);
            }
        }
        let at = |dimension: &u32| known.get(dimension).map(|counts| counts.at(&self.state().visible));
        Ok(dimensions.iter().map(|dimension| at(dimension).unwrap_or_default()).collect())
    }

    async fn passages(&self, asked: &[Asked<'_>], limit: usize) -> Result<Passages, StoreError> {
        let total = self.state().counts.chunks;
        let mut weights: Vec<(u32, f32)> = Vec::new();
        for asked in asked.iter().filter(|asked| asked.weight > 0.0 && asked.counts.chunks > 0) {
            let rarity = asked.weight * inverse_document_frequency(asked.counts.chunks, total);
            weights.push((passage_dimension(asked.term), rarity));
        }
        let average = self.state().average();
        let mut found = HashSet::new();
        let mut score = |point: &ScoredPoint| -> Result<f32, StoreError> {
            let stored = Weights::of(point.vectors.as_ref(), PASSAGE);
            let length = stored.get(LENGTH_DIMENSION).ok_or_else(|| points::damaged(PASSAGE))?;
            let (assumed, current) = (length_part(length, ASSUMED_PASSAGE), length_part(length, average));
            let mut sum = 0.0;
            for (dimension, rarity) in &weights {
                if let Some(weight) = stored.get(*dimension) {
                    sum += rarity * saturated(frequency_of(weight, assumed), current);
                    found.insert(*dimension);
                }
            }
            Ok(sum)
        };
        let candidates = self.candidates(PASSAGE, &weights, limit).await?;
        let mut best: Vec<Match> = Vec::with_capacity(candidates.len());
        for point in &candidates {
            let Some(chunk) = points::chunk_of(point.id.as_ref()) else { continue };
            best.push(Match { chunk, document: chunk.document(), score: score(point)? });
        }
        best.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        best.truncate(limit);
        Ok(Passages { best, found })
    }

    async fn fields(
        &self,
        asked: &[Asked<'_>],
        query: &LexicalQuery,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, f32)>, StoreError> {
        let state: &State = self.state();
        let mut weights: Vec<(u32, f32)> = Vec::new();
        // The order of the query's terms, so that every engine rounds the sums alike.
        for asked in asked.iter().filter(|asked| asked.weight > 0.0) {
            let rarity =
                asked.weight * inverse_document_frequency(asked.counts.documents, state.counts.documents);
            for field in Field::ALL.into_iter().filter(|&field| query.weights.of(field) > 0.0) {
                weights.push((field_dimension(field, asked.term), query.weights.of(field) * rarity));
            }
        }
        let averages = Field::ALL.map(|field| state.field_average(field));
        let score = |point: &ScoredPoint, numbers: &DocumentNumbers| {
            let stored = Weights::of(point.vectors.as_ref(), points::FIELDS);
            let mut sum = 0.0;
            for (dimension, weight) in &weights {
                let Some(stored) = stored.get(*dimension) else { continue };
                let Some(field) = Field::ALL.into_iter().find(|&field| is_of(field, *dimension)) else {
                    continue;
                };
                let at = field as usize;
                let frequency = frequency_of(stored, length_part(numbers.lengths[at], ASSUMED_FIELDS[at]));
                let score = saturated(frequency, length_part(numbers.lengths[at], averages[at]));
                sum += match field {
                    Field::Links => weight * numbers.coverage * score,
                    _ => weight * score,
                };
            }
            sum
        };
        let candidates = self.candidates(points::FIELDS, &weights, limit).await?;
        let key = |point: &ScoredPoint| points::document_of(point.id.as_ref());
        let keys: Vec<DocumentKey> = candidates.iter().filter_map(key).collect();
        let numbers = self.numbers_of(&keys).await?;
        let scored = candidates.iter().filter_map(|point| {
            let document = key(point)?;
            Some((document, score(point, numbers.get(&document)?)))
        });
        let mut best: Vec<(DocumentKey, f32)> = scored.filter(|(_, score)| *score > 0.0).collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.truncate(limit);
        Ok(best)
    }

    /// The points with the highest sums of stored weights, with these. Points that are equal to the last of them are
    /// asked for as well, since ties fall by key.
    async fn candidates(
        &self,
        using: &'static str,
        weights: &[(u32, f32)],
        limit: usize,
    ) -> Result<Vec<ScoredPoint>, StoreError> {
        if limit == 0 || weights.is_empty() {
            return Ok(Vec::new());
        }
        let mut merged: BTreeMap<u32, f32> = BTreeMap::new();
        weights.iter().for_each(|(dimension, weight)| *merged.entry(*dimension).or_default() += weight);
        let vector = VectorInput { variant: Some(vector_input::Variant::Sparse(points::sparse(&merged))) };
        let mut asked = limit + MIN_SPARE.max(limit / SPARE_SHARE);
        loop {
            let points = self.search(self.query(using, vector.clone(), asked, true)).await?;
            let is_cut = points.len() >= asked && asked < MAX_CANDIDATES;
            let last = points.last().map(|point| point.score);
            let is_tied = is_cut && points.get(limit - 1).map(|point| point.score) == last;
            if is_tied {
                asked = (asked * 4).min(MAX_CANDIDATES);
                continue;
            }
            return Ok(points);
        }
    }

    /// For each dimension: whether a passage that this view shows has it.
    async fn passages_with(&self, dimensions: &[(usize, u32)]) -> Result<Vec<(usize, bool)>, StoreError> {
        if dimensions.is_empty() {
            return Ok(Vec::new());
        }
        let queries: Vec<QueryPoints> = dimensions
            .iter()
            .map(|&(_, dimension)| {
                let weights = BTreeMap::from([(dimension, 1.0)]);
                let vector = vector_input::Variant::Sparse(points::sparse(&weights));
                self.query(PASSAGE, VectorInput { variant: Some(vector) }, 1, false)
            })
            .collect();
        let found = self
            .cluster()
            .call(Mode::Read, "search", |server| {
                let request = QueryBatchPoints {
                    collection_name: self.collection().to_owned(),
                    query_points: queries.clone(),
                    ..QueryBatchPoints::default()
                };
                async move { server.query_batch(request).await }
            })
            .await?;
        let shown = found.result.iter().map(|batch| !batch.result.is_empty());
        Ok(dimensions.iter().map(|&(at, _)| at).zip(shown).collect())
    }

    /// Whether a passage of a document has each term.
    pub(super) async fn terms_in(
        &self,
        document: DocumentKey,
        terms: &[Term],
    ) -> Result<Vec<bool>, StoreError> {
        let wanted = Wanted { payload: &[], vectors: &[PASSAGE] };
        let chunks = self.chunk_points(&[document], wanted).await?;
        let mut dimensions: HashSet<u32> = HashSet::new();
        for chunk in &chunks {
            dimensions.extend(passage_dimensions(chunk.vectors.as_ref()));
        }
        Ok(terms.iter().map(|term| dimensions.contains(&passage_dimension(term))).collect())
    }
}

/// The passages that were found.
struct Passages {
    best: Vec<Match>,
    /// The dimensions of the query's terms that candidates have.
    found: HashSet<u32>,
}

/// The query's vector as the server takes it.
pub(super) fn nearest(vector: VectorInput) -> Query {
    Query { variant: Some(query::Variant::Nearest(vector)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_occurrences_follows_from_the_weight() {
        for length in [1.0, 8.0, 40.0, 100.0, 1_000.0, 30_000.0] {
            let part = length_part(length, ASSUMED_PASSAGE);
            for frequency in 1..=300 {
                let weight = saturated(frequency as f32, part);
                assert_eq!(frequency_of(weight, part), frequency as f32, "in a text of {length} terms");
            }
        }
    }
}
