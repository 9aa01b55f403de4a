//! The results of both legs for a question, and their fusion. The numbers are in [`Tuning`].

use super::{
    fusion,
    results::{RankedDocument, RetrieveError, Stages},
};
use crate::{
    analyzer::{self, Form, Term, Token},
    question::{AsideKind, Question},
    store::{ChunkKey, Commonness, Counts, DocumentKey, FieldWeights, Inbound, LexicalQuery, Match, View},
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// The numbers of the ranking. One set for every knowledge base; each was chosen by measurement (`docs/retrieval.md`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Factor of a document's best passages, within the lexical leg.
    pub passages: f32,
    /// Factors of a document's own fields, next to its best passages.
    pub fields: FieldWeights,
    /// Passages that the lexical leg gives.
    pub lexical_depth: usize,
    /// Passages that the dense leg gives.
    pub dense_depth: usize,
    /// Documents that are found by their own fields alone.
    pub document_depth: usize,
    /// Factor of the dense leg; the lexical one counts 1 for its best document.
    pub dense: f32,
    /// Factor of the cosine to the mean of a document's passages, within the dense leg.
    pub centroid: f32,
    /// Factor of ln(1 + number of documents that link to a document).
    pub inbound: f32,
    /// The weight of the terms of an event that many failures begin with, if more follows.
    pub events: f32,
    /// The weight of words that occur near every failure.
    pub generic: f32,
    /// The weight of the words that form an English question.
    pub frames: f32,
    /// The weight of the words that headings use for the states that a question describes.
    pub wordings: f32,
    /// Taken from a passage below the name of an alert about something else than the question.
    pub other_alert: f32,
    /// Added for each tier of trust above public.
    pub trust_bonus: f32,
    /// Added when a document is in the language of the answer.
    pub language_bonus: f32,
}

impl Tuning {
    /// The values that the product uses.
    pub const DEFAULT: Tuning = Tuning {
        passages: 1.0,
        fields: FieldWeights { title: 0.76, name: 0.94, headings: 0.11, links: 1.34 },
        lexical_depth: 1_000,
        dense_depth: 300,
        document_depth: 50,
        dense: 1.07,
        centroid: 0.79,
        inbound: 0.08,
        events: 0.3,
        generic: 0.35,
        frames: 0.5,
        wordings: 0.8,
        other_alert: 1.0,
        trust_bonus: 0.01,
        language_bonus: 0.03,
    };
}

/// The results of both legs.
pub(super) struct Legs {
    /// The question's terms with their weights.
    pub terms: Vec<(Term, f32)>,
    /// The weights of `terms`, in order, for the coverage of the question.
    pub telling: Vec<f32>,
    /// Number of distinct terms, each word's forms counting once.
    pub num_words: usize,
    /// Places in `terms` of two pairs of characters or syllables that share one, the earlier first.
    pub overlaps: Vec<(usize, usize)>,
    /// How common `terms` are, in order; those that no document has which may be seen are nowhere.
    pub commonness: Commonness,
    /// BM25 scores of passages.
    pub bm25: HashMap<ChunkKey, f32>,
    pub cosine: HashMap<ChunkKey, f32>,
    /// The passages of each candidate that either leg found.
    pub passages: HashMap<DocumentKey, Vec<ChunkKey>>,
    /// Scores of candidates by leg, and fused.
    pub lexical_scores: HashMap<DocumentKey, f32>,
    pub dense_scores: HashMap<DocumentKey, f32>,
    pub fused: Vec<(DocumentKey, f32)>,
    /// Share of the question that is written without spaces, which the default embedding model does not know.
    pub unspaced_share: f32,
}

impl Legs {
    pub async fn search(
        view: &dyn View,
        question: &Question,
        vector: &[f32],
        tuning: &Tuning,
    ) -> Result<Self, RetrieveError> {
        let QueryTerms { terms, telling, num_words, overlaps } = QueryTerms::of(question, tuning);
        let query = LexicalQuery { terms: terms.clone(), weights: tuning.fields };
        let (lexical, mut dense) = tokio::try_join!(
            view.search_lexical(&query, tuning.lexical_depth, tuning.document_depth),
            view.search_dense(vector, tuning.dense_depth),
        )?;
        let mut candidates: HashSet<DocumentKey> = dense.iter().map(|found| found.document).collect();
        candidates.extend(lexical.passages.iter().take(tuning.dense_depth).map(|found| found.document));
        candidates
            .extend(lexical.documents.iter().take(tuning.document_depth).map(|(document, _)| *document));
        let mut candidates: Vec<DocumentKey> = candidates.into_iter().collect();
        candidates.sort_unstable();

        let bm25: HashMap<ChunkKey, f32> =
            lexical.passages.iter().map(|found| (found.chunk, found.score)).collect();
        let mut cosine: HashMap<ChunkKey, f32> =
            dense.iter().map(|found| (found.chunk, found.score)).collect();
        let (similarities, inbound) =
            tokio::try_join!(view.document_similarities(vector, &candidates), view.inbound(&candidates))?;
        // A candidate that only the words found still has a best passage for the meaning.
        let seen: HashSet<DocumentKey> = dense.iter().map(|found| found.document).collect();
        let mut centroids: HashMap<DocumentKey, f32> = HashMap::new();
        for (document, similarity) in candidates.iter().zip(&similarities) {
            let Some(similarity) = similarity else { continue };
            centroids.insert(*document, similarity.centroid);
            cosine.entry(similarity.best_passage).or_insert(similarity.best);
            if !seen.contains(document) {
                dense.push(Match {
                    chunk: similarity.best_passage,
                    document: *document,
                    score: similarity.best,
                });
            }
        }
        let mut passages: HashMap<DocumentKey, Vec<ChunkKey>> = HashMap::new();
        let mut listed = HashSet::new();
        for found in lexical.passages.iter().take(tuning.dense_depth).chain(&dense) {
            if listed.insert(found.chunk) {
                passages.entry(found.document).or_default().push(found.chunk);
            }
        }

        let mut lexical_scores = fusion::best_passages(&lexical.passages);
        lexical_scores.values_mut().for_each(|score| *score *= tuning.passages);
        for (document, score) in &lexical.documents {
            *lexical_scores.entry(*document).or_default() += score;
        }
        let mut dense_scores = fusion::soft_maximum(&dense);
        for (document, centroid) in centroids {
            *dense_scores.entry(document).or_default() += tuning.centroid * centroid;
        }
        // A reader who may not read a document must not learn whether it has a word.
        let counts = lexical.commonness.terms.into_iter().zip(&lexical.shown);
        let common =
            counts.map(|(counts, is_shown)| if *is_shown { counts } else { Counts::default() }).collect();
        let unspaced_share = unspaced_share(question.search_text());
        let best = fusion::maximum(&lexical_scores);
        let fused = candidates.iter().zip(&inbound).map(|(document, Inbound { linking, coverage })| {
            let score = |scores: &HashMap<DocumentKey, f32>| scores.get(document).copied().unwrap_or(0.0);
            let links = tuning.inbound * coverage * (1.0 + *linking as f32).ln();
            let dense = (1.0 - unspaced_share) * tuning.dense * score(&dense_scores);
            (*document, score(&lexical_scores) / best + dense + links)
        });
        let fused = fusion::ranking(&fused.collect());
        Ok(Self {
            terms,
            telling,
            num_words,
            overlaps,
            commonness: Commonness { total: lexical.commonness.total, terms: common },
            bm25,
            cosine,
            passages,
            lexical_scores,
            dense_scores,
            fused,
            unspaced_share,
        })
    }

    /// The passages of a document by their own worth, best first, each with its score.
    pub fn passages_of(&self, document: DocumentKey, tuning: &Tuning) -> Vec<(ChunkKey, f32)> {
        let best_bm25 = self.bm25.values().copied().fold(f32::MIN_POSITIVE, f32::max);
        let dense = (1.0 - self.unspaced_share) * tuning.dense;
        let score = |chunk: &ChunkKey| {
            let part = |scores: &HashMap<ChunkKey, f32>| scores.get(chunk).copied().unwrap_or(0.0);
            part(&self.bm25) / best_bm25 + dense * part(&self.cosine)
        };
        let passages = self.passages.get(&document).map_or(&[][..], Vec::as_slice);
        let mut scored: Vec<(ChunkKey, f32)> = passages.iter().map(|chunk| (*chunk, score(chunk))).collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scored
    }

    /// The rankings by stage, but for the final one.
    pub async fn stages(&self, view: &dyn View, limit: usize) -> Result<Stages, RetrieveError> {
        let named = async |ranking: &[(DocumentKey, f32)]| -> Result<Vec<RankedDocument>, RetrieveError> {
            let ranking = &ranking[..ranking.len().min(limit)];
            let keys: Vec<DocumentKey> = ranking.iter().map(|(key, _)| *key).collect();
            let records = view.documents(&keys).await?;
            let named = |(record, (_, score)): (
                Option<std::sync::Arc<crate::document::DocumentRecord>>,
                &(_, f32),
            )| {
                Some(RankedDocument { document: record?.meta.id.clone(), score: *score })
            };
            Ok(records.into_iter().zip(ranking).filter_map(named).collect())
        };
        Ok(Stages {
            bm25: named(&fusion::ranking(&self.lexical_scores)).await?,
            dense: named(&fusion::ranking(&self.dense_scores)).await?,
            fused: named(&self.fused).await?,
            ranked: Vec::new(),
        })
    }
}

/// The weight of a term that a word has without its diacritical marks: different words become the same without them.
const UNMARKED_WEIGHT: f32 = 0.3;
/// How much the words set aside tell of whether the question is covered.
fn telling_of(kind: AsideKind) -> f32 {
    match kind {
        AsideKind::Event | AsideKind::Generic => 0.3,
        AsideKind::Frame => 0.0,
    }
}

/// The terms of a question with their weights; see [`Legs`].
#[derive(Default)]
struct QueryTerms {
    terms: Vec<(Term, f32)>,
    telling: Vec<f32>,
    num_words: usize,
    overlaps: Vec<(usize, usize)>,
}

impl QueryTerms {
    /// A term weighs 1 + ln(number of its occurrences), less where it says less.
    fn of(question: &Question, tuning: &Tuning) -> Self {
        let tokens = match question.is_vietnamese() {
            true => analyzer::vietnamese_tokens,
            false => analyzer::tokens,
        };
        let mut query = Self::default();
        let mut places: HashMap<Term, usize> = HashMap::new();
        let mut counts: Vec<u32> = Vec::new();
        let factor = |kind: AsideKind| match kind {
            AsideKind::Event => tuning.events,
            AsideKind::Generic => tuning.generic,
            AsideKind::Frame => tuning.frames,
        };
        let weights = |kind: AsideKind| (factor(kind), telling_of(kind));
        let asides = question.asides().iter().map(|aside| (aside.text.as_str(), weights(aside.kind)));
        for (text, (factor, telling)) in [(question.subject(), (1.0, 1.0))].into_iter().chain(asides) {
            let mut before: Option<(usize, usize)> = None;
            for Token { term, form, start, end, .. } in tokens(text) {
                let is_pair = form == Form::Pair || text[start..end].chars().all(analyzer::is_cjk);
                let weight = match form {
                    Form::Unmarked => UNMARKED_WEIGHT,
                    Form::Word | Form::Pair => 1.0,
                };
                let place = *places.entry(term).or_insert_with_key(|term| {
                    query.num_words += usize::from(form == Form::Word && telling > 0.0);
                    query.terms.push((term.clone(), weight * factor));
                    query.telling.push(weight * telling);
                    counts.push(0);
                    counts.len() - 1
                });
                counts[place] += 1;
                if is_pair {
                    query
                        .overlaps
                        .extend(before.filter(|(_, end)| *end > start).map(|(before, _)| (before, place)));
                    before = Some((place, end));
                }
            }
        }
        for Token { term, .. } in analyzer::tokens(question.other_words()) {
            places.entry(term).or_insert_with_key(|term| {
                query.terms.push((term.clone(), tuning.wordings));
                query.telling.push(0.0);
                counts.push(1);
                counts.len() - 1
            });
        }
        for (((_, weight), telling), count) in query.terms.iter_mut().zip(&mut query.telling).zip(counts) {
            let times = 1.0 + (count as f32).ln();
            *weight *= times;
            *telling *= times;
        }
        query
    }
}

/// The share of letters and digits that belong to scripts written without spaces.
fn unspaced_share(text: &str) -> f32 {
    let (mut unspaced, mut all) = (0usize, 0usize);
    for character in text.chars().filter(|character| character.is_alphanumeric()) {
        all += 1;
        unspaced += usize::from(analyzer::is_cjk(character));
    }
    if all == 0 { 0.0 } else { unspaced as f32 / all as f32 }
}
