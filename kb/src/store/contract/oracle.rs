//! The ranking of every engine, written down plainly: sums in double precision over the texts of documents in memory,
//! without an index. [`Oracle::assert_agrees`] compares a view with it.
//!
//! It shares with engines what decides which texts there are ([`Chunk::indexed_text`], [`file_name`],
//! [`Filter::shows`]), the analyzer, and that lengths are rounded to a byte.

use super::{TestDocument, vector_of};
use crate::{
    analyzer::{self, Term},
    document::file_name,
    store::{
        ChunkKey, Commonness, Counts, DocumentKey, DocumentSimilarity, Field, Filter, Inbound,
        LexicalMatches, LexicalQuery, View,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tantivy::fieldnorm::FieldNormReader;

/// The whole knowledge base, and the filter through which it is seen.
pub struct Oracle<'a> {
    documents: &'a [TestDocument],
    filter: Filter,
    passages: Vec<Text<ChunkKey>>,
    /// By [`Field`]: that field of every document that counts for its average.
    fields: [Vec<Text<DocumentKey>>; 4],
}

/// The terms of one text.
struct Text<K> {
    key: K,
    terms: Vec<Term>,
    length: f64,
}

impl<'a> Oracle<'a> {
    pub fn new(documents: &'a [TestDocument], filter: &Filter) -> Self {
        let passages = documents.iter().flat_map(|document| {
            document.chunks.iter().map(|chunk| {
                let key = ChunkKey::new(document.key(), chunk.ordinal);
                Text::new(key, terms(&chunk.indexed_text(&document.meta.title)))
            })
        });
        let fields = Field::ALL.map(|field| {
            let texts = documents.iter().map(|document| match field {
                Field::Title => Text::new(document.key(), terms(&document.meta.title)),
                Field::Name => Text::new(document.key(), terms(&file_name(&document.meta.id))),
                Field::Headings => Text::new(
                    document.key(),
                    headings(document).iter().flat_map(|text| terms(text)).collect(),
                ),
                Field::Links => linking_text(documents, document),
            });
            texts.filter(|text| text.length > 0.0).collect()
        });
        Self { documents, filter: filter.clone(), passages: passages.collect(), fields }
    }

    /// Everything that a view says of words and links, for each of `queries`; `vectors` are texts whose vectors are
    /// compared with those of documents.
    pub async fn assert_agrees(&self, view: &dyn View, queries: &[LexicalQuery], vectors: &[&str]) {
        for query in queries {
            let found = view.search_lexical(query, 10_000, 10_000).await.expect("the index is readable");
            self.assert_found(query, &found);
            let words: Vec<Term> = query.terms.iter().map(|(term, _)| term.clone()).collect();
            for document in self.documents.iter().map(TestDocument::key) {
                let passages: Vec<&Text<ChunkKey>> =
                    self.passages.iter().filter(|text| text.key.document() == document).collect();
                let has = |term: &Term| {
                    self.shows(document) && passages.iter().any(|text| text.frequency(term) > 0.0)
                };
                let found = view.terms_of(document, &words).await.expect("the index is readable");
                assert_eq!(found, words.iter().map(has).collect::<Vec<_>>());
            }
        }
        let keys: Vec<DocumentKey> = self.documents.iter().map(TestDocument::key).collect();
        let inbound = view.inbound(&keys).await.expect("known");
        for (document, found) in self.documents.iter().zip(inbound) {
            let expected =
                if self.shows(document.key()) { self.inbound(document) } else { Inbound::default() };
            assert_eq!(found.linking, expected.linking, "{}", document.meta.id);
            assert!((found.coverage - expected.coverage).abs() < 1e-6, "{found:?} instead of {expected:?}");
        }
        for text in vectors {
            let query = vector_of(text);
            let found = view.document_similarities(&query, &keys).await.expect("the vectors are readable");
            for (document, found) in self.documents.iter().zip(found) {
                let expected = if self.shows(document.key()) { similarity(document, &query) } else { None };
                assert_eq!(found.is_some(), expected.is_some(), "{}", document.meta.id);
                let (Some(found), Some(expected)) = (found, expected) else { continue };
                assert_eq!(found.best_passage, expected.best_passage, "{}", document.meta.id);
                assert!((found.best - expected.best).abs() < 1e-4, "{found:?} instead of {expected:?}");
                assert!(
                    (found.centroid - expected.centroid).abs() < 1e-4,
                    "{found:?} instead of {expected:?}"
                );
            }
        }
    }

    fn assert_found(&self, query: &LexicalQuery, found: &LexicalMatches) {
        assert_eq!(found.commonness, self.commonness(query), "{query:?}");
        assert_eq!(found.shown, self.shown(query), "{query:?}");
        assert!(found.passages.iter().all(|found| found.document == found.chunk.document()));
        let scores: Vec<(ChunkKey, f32)> =
            found.passages.iter().map(|found| (found.chunk, found.score)).collect();
        assert_ranked_alike(&scores, &self.passages(query));
        assert_ranked_alike(&found.documents, &self.documents(query));
    }

    fn shows(&self, key: DocumentKey) -> bool {
        self.documents.iter().any(|document| document.key() == key && self.filter.shows(&document.meta))
    }

    /// Number of the documents, and of the passages, that have a term in a passage, whatever is shown of them.
    fn counts_of(&self, term: &str) -> Counts {
        let having: Vec<&Text<ChunkKey>> =
            self.passages.iter().filter(|text| text.frequency(term) > 0.0).collect();
        let documents: HashSet<DocumentKey> = having.iter().map(|text| text.key.document()).collect();
        Counts { documents: documents.len() as u64, chunks: having.len() as u64 }
    }

    fn commonness(&self, query: &LexicalQuery) -> Commonness {
        let total = Counts { documents: self.documents.len() as u64, chunks: self.passages.len() as u64 };
        let of_term = |(at, (term, _)): (usize, &(Term, f32))| {
            let is_repeated = query.terms[..at].iter().any(|(other, _)| other == term);
            if is_repeated { Counts::default() } else { self.counts_of(term) }
        };
        Commonness { total, terms: query.terms.iter().enumerate().map(of_term).collect() }
    }

    fn shown(&self, query: &LexicalQuery) -> Vec<bool> {
        let is_shown = |(at, (term, _)): (usize, &(Term, f32))| {
            let is_repeated = query.terms[..at].iter().any(|(other, _)| other == term);
            let having =
                |text: &Text<ChunkKey>| text.frequency(term) > 0.0 && self.shows(text.key.document());
            !is_repeated && self.passages.iter().any(having)
        };
        query.terms.iter().enumerate().map(is_shown).collect()
    }

    /// Passages with their scores, best first.
    fn passages(&self, query: &LexicalQuery) -> Vec<(ChunkKey, f64)> {
        let mut sums: BTreeMap<ChunkKey, f64> = BTreeMap::new();
        for (term, weight) in first_of_each(query) {
            let rarity = rarity(self.counts_of(term).chunks, self.passages.len());
            for text in self.passages.iter().filter(|text| self.shows(text.key.document())) {
                *sums.entry(text.key).or_default() +=
                    weight * rarity * text.saturated(term, average(&self.passages));
            }
        }
        ranked(sums)
    }

    /// Documents with the scores of their fields, best first.
    fn documents(&self, query: &LexicalQuery) -> Vec<(DocumentKey, f64)> {
        let mut sums: BTreeMap<DocumentKey, f64> = BTreeMap::new();
        for (term, weight) in first_of_each(query) {
            let rarity = rarity(self.counts_of(term).documents, self.documents.len());
            for field in Field::ALL {
                let texts = &self.fields[field as usize];
                let field_weight = f64::from(query.weights.of(field));
                for text in texts.iter().filter(|text| self.shows(text.key)) {
                    let mut score = field_weight * weight * rarity * text.saturated(term, average(texts));
                    if field == Field::Links {
                        score *= self.coverage(text.key);
                    }
                    *sums.entry(text.key).or_default() += score;
                }
            }
        }
        ranked(sums)
    }

    fn coverage(&self, key: DocumentKey) -> f64 {
        let document = self.documents.iter().find(|document| document.key() == key);
        f64::from(self.inbound(document.expect("texts are those of documents")).coverage)
    }

    fn inbound(&self, document: &TestDocument) -> Inbound {
        let linking = |document| linking(self.documents, document).count() as u32;
        let source: Vec<&TestDocument> =
            self.documents.iter().filter(|other| other.meta.source == document.meta.source).collect();
        let linked = source.iter().filter(|other| linking(other) > 0).count();
        let coverage = (2.0 * linked as f32 / source.len() as f32).min(1.0);
        Inbound { linking: linking(document), coverage }
    }
}

impl<K> Text<K> {
    fn new(key: K, terms: Vec<Term>) -> Self {
        let length = rounded(terms.len());
        Self { key, terms, length }
    }

    fn frequency(&self, term: &str) -> f64 {
        self.terms.iter().filter(|other| *other == term).count() as f64
    }

    fn saturated(&self, term: &str, average: f64) -> f64 {
        let frequency = self.frequency(term);
        if frequency == 0.0 {
            return 0.0;
        }
        frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * self.length / average))
    }
}

fn terms(text: &str) -> Vec<Term> {
    analyzer::tokens(text).into_iter().map(|token| token.term).collect()
}

fn rounded(length: usize) -> f64 {
    f64::from(FieldNormReader::id_to_fieldnorm(FieldNormReader::fieldnorm_to_id(length as u32)))
}

fn average<K>(texts: &[Text<K>]) -> f64 {
    texts.iter().map(|text| text.length).sum::<f64>() / texts.len() as f64
}

fn rarity(having: u64, all: usize) -> f64 {
    (1.0 + (all as f64 - having as f64 + 0.5) / (having as f64 + 0.5)).ln()
}

/// Terms that count, with their weights.
fn first_of_each(query: &LexicalQuery) -> impl Iterator<Item = (&Term, f64)> {
    let terms = query.terms.iter().enumerate();
    let first = terms.filter(|(at, (term, _))| query.terms[..*at].iter().all(|(other, _)| other != term));
    first.map(|(_, (term, weight))| (term, f64::from(*weight)))
}

/// Headings above passages and within them, each once.
fn headings(document: &TestDocument) -> BTreeSet<String> {
    let mut headings = BTreeSet::new();
    for chunk in &document.chunks {
        headings.extend(chunk.heading_path.iter().cloned());
        for level in ["# ", "## ", "### ", "#### ", "##### ", "###### "] {
            let within = chunk.text.lines().filter_map(|line| line.strip_prefix(level));
            headings.extend(within.map(|heading| heading.trim().to_owned()));
        }
    }
    headings
}

/// The documents whose links to `target` count.
fn linking<'a>(
    documents: &'a [TestDocument],
    target: &'a TestDocument,
) -> impl Iterator<Item = &'a TestDocument> {
    documents.iter().filter(|other| {
        let links = &other.meta.links;
        other.meta.access.is_empty()
            && other.meta.id != target.meta.id
            && links.iter().any(|link| link.target == target.meta.id)
    })
}

/// The sentences that link to `target`: each sentence of a linking document once.
fn linking_text(documents: &[TestDocument], target: &TestDocument) -> Text<DocumentKey> {
    let mut text = Text::new(target.key(), Vec::new());
    for other in linking(documents, target) {
        let links = other.meta.links.iter().filter(|link| link.target == target.meta.id);
        let sentences: HashSet<&String> =
            links.map(|link| if link.sentence.is_empty() { &link.text } else { &link.sentence }).collect();
        let said: Vec<Term> = sentences.into_iter().flat_map(|sentence| terms(sentence)).collect();
        text.length += rounded(said.len());
        text.terms.extend(said);
    }
    text
}

fn similarity(document: &TestDocument, query: &[f32]) -> Option<DocumentSimilarity> {
    let cosine = |vector: &[f64]| {
        let length = vector.iter().map(|part| part * part).sum::<f64>().sqrt();
        vector.iter().zip(query).map(|(part, other)| part * f64::from(*other)).sum::<f64>() / length
    };
    let vectors: Vec<Vec<f64>> =
        document.vectors().iter().map(|vector| vector.iter().copied().map(f64::from).collect()).collect();
    let mut mean = vec![0.0; query.len()];
    for vector in &vectors {
        mean.iter_mut().zip(vector).for_each(|(mean, part)| *mean += part / vectors.len() as f64);
    }
    let cosines = vectors.iter().enumerate().map(|(ordinal, vector)| (ordinal as u32, cosine(vector)));
    let best = cosines.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(ordinal, best)| DocumentSimilarity {
        best_passage: ChunkKey::new(document.key(), ordinal),
        best: best as f32,
        centroid: cosine(&mean) as f32,
    })
}

fn ranked<K: Ord>(sums: BTreeMap<K, f64>) -> Vec<(K, f64)> {
    let mut ranked: Vec<(K, f64)> = sums.into_iter().filter(|(_, score)| *score > 0.0).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked
}

fn keys<K: Copy + Ord, S>(ranked: &[(K, S)]) -> BTreeSet<K> {
    ranked.iter().map(|(key, _)| *key).collect()
}

/// Same keys, and scores that differ by rounding only.
fn assert_ranked_alike<K: Copy + Ord + std::fmt::Debug>(found: &[(K, f32)], expected: &[(K, f64)]) {
    assert_eq!(keys(found), keys(expected), "found {found:?}, expected {expected:?}");
    assert_eq!(found.len(), expected.len(), "{found:?} has something twice");
    let by_key: BTreeMap<K, f64> = expected.iter().copied().collect();
    for (key, score) in found {
        let expected = by_key[key];
        assert!(
            (f64::from(*score) - expected).abs() <= 1e-4 * expected,
            "{score} instead of {expected} for {key:?}"
        );
    }
    for pair in found.windows(2) {
        let in_order = pair[0].1 > pair[1].1 || pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0;
        assert!(in_order, "{pair:?} are in the wrong order");
    }
}
