//! From a question to ranked hits and to a budgeted set of evidence.
//!
//! [`Retriever::retrieve`] is the whole path: curated rules, both legs, fusion by document, near-duplicates, evidence.
//! Whether the result can answer the question is decided in [`crate::answerable`].

mod evidence;
mod fusion;
mod rules;

pub use fusion::PASSAGE_SHARES;
pub use rules::matches;

use crate::{
    analyzer::{self, Term},
    answerable::Signals,
    document::{Chunk, DocumentRecord, Rule},
    embed::{EmbedError, Embedder},
    question::Question,
    store::{ChunkKey, DocumentKey, FieldWeights, LexicalQuery, Match, StoreError, View},
};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, collections::HashMap, sync::Arc};

/// What each leg gave a chunk; `None` when the leg did not find it.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct LegScores {
    /// BM25 sum over the fields.
    pub bm25: Option<f32>,
    /// Cosine.
    pub dense: Option<f32>,
}

/// A chunk that was found, with everything needed to show it.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The passage.
    pub chunk: Chunk,
    /// Its document.
    pub document: Arc<DocumentRecord>,
    /// Fused score, comparable within one retrieval; falls from hit to hit.
    pub score: f32,
    /// The legs' own scores.
    pub scores: LegScores,
    /// The rule that put it first, when one did.
    pub rule: Option<RuleMatch>,
}

/// How a document's `applies_to` matched a question.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleMatch {
    /// The rule.
    pub rule: Rule,
    /// Whether it holds, or may hold behind a masked name.
    pub strength: RuleStrength,
}

/// Whether a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleStrength {
    /// Every key matches what the question names.
    Exact,
    /// All keys match but name or namespace, and the question's names are masked: it may be this object.
    BehindMask,
}

/// A document with a score, best first in every list.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RankedDocument {
    /// The document's id.
    pub document: String,
    /// Score, comparable within one list.
    pub score: f32,
}

/// Each stage's ranking of documents: what `evaluate` scores apart.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Stages {
    /// The lexical leg alone.
    pub bm25: Vec<RankedDocument>,
    /// The dense leg alone.
    pub dense: Vec<RankedDocument>,
    /// Both fused, before rules and trust.
    pub fused: Vec<RankedDocument>,
    /// The final order.
    pub ranked: Vec<RankedDocument>,
}

/// Everything one retrieval found.
pub struct Retrieval {
    /// The state that was searched; expansion and document look-ups must use it.
    pub view: Arc<dyn View>,
    /// The best chunks, best first, near-duplicates collapsed.
    pub hits: Vec<Hit>,
    /// What the final prompt gets, within the budget, best first; consecutive passages of a document merged.
    pub evidence: Vec<Hit>,
    /// Documents by stage, at most [`Options::documents`] each; empty when that is 0.
    pub stages: Stages,
    /// What the decision to answer looks at.
    pub signals: crate::answerable::Signals,
}

/// How much to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Most hits.
    pub hits: usize,
    /// Most documents in each of [`Stages`]; 0 leaves them empty, which is faster.
    pub documents: usize,
    /// Most passages among the evidence.
    pub evidence_passages: usize,
    /// Most tokens of evidence, in the embedding model's tokens.
    pub evidence_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { hits: 10, documents: 0, evidence_passages: 8, evidence_tokens: 2_400 }
    }
}

/// Why a retrieval failed.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The question could not be embedded.
    #[error("failed to embed the question")]
    Embed(#[from] EmbedError),
    /// The knowledge base could not be searched.
    #[error("failed to search the knowledge base")]
    Search(#[from] StoreError),
}

/// The numbers of the ranking. One set for every knowledge base; each was chosen by measurement (`docs/retrieval.md`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Factors of the lexical fields.
    pub fields: FieldWeights,
    /// Chunks that each leg gives.
    pub depth: usize,
    /// Share of the lexical leg, after division by its best document's score; the cosine has the rest.
    pub lexical_share: f32,
    /// Factor of the inbound link texts' BM25, relative to the lexical leg's.
    pub links: f32,
    /// Added for each tier of trust above public.
    pub trust_bonus: f32,
    /// Added when a document is in the language of the answer.
    pub language_bonus: f32,
}

impl Tuning {
    /// What the product uses.
    pub const DEFAULT: Tuning = Tuning {
        fields: FieldWeights { body: 1.0, title: 0.5, headings: 0.5, path: 0.5 },
        depth: 400,
        lexical_share: 0.4,
        links: 0.5,
        trust_bonus: 0.005,
        language_bonus: 0.02,
    };
}

/// Finds passages for questions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Retriever {
    embedder: Embedder,
    tuning: Tuning,
}

/// Most passages of one document among the hits.
const MAX_HITS_PER_DOCUMENT: usize = 3;

impl Retriever {
    /// A retriever that embeds questions with `embedder`.
    pub fn new(embedder: Embedder) -> Self {
        Self::tuned(embedder, Tuning::DEFAULT)
    }

    /// A retriever with other numbers: for measuring what each is worth.
    pub fn tuned(embedder: Embedder, tuning: Tuning) -> Self {
        Self { embedder, tuning }
    }

    /// The numbers in use.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Searches one view for one question.
    pub async fn retrieve(
        &self,
        view: Arc<dyn View>,
        question: &Question,
        options: &Options,
    ) -> Result<Retrieval, RetrieveError> {
        let vector = self.embedder.embed_question(question.search_text()).await?;
        let legs = Legs::search(view.as_ref(), question, &vector, &self.tuning).await?;
        let fused = legs.fused(&self.tuning);
        let ranked = self.rerank(view.as_ref(), question, &fused).await?;
        let hits = hits(view.as_ref(), &legs, &ranked, options).await?;
        let hits = evidence::without_duplicates(hits);
        let evidence = evidence::choose(view.as_ref(), &hits, options).await?;
        let stages = match options.documents {
            0 => Stages::default(),
            limit => legs.stages(view.as_ref(), &fused, &ranked, limit).await?,
        };
        let signals = legs.signals(&ranked);
        let hits = hits.into_iter().take(options.hits).collect();
        Ok(Retrieval { view, hits, evidence, stages, signals })
    }

    /// Curated rules first, then the fused order with trust and language.
    async fn rerank(
        &self,
        view: &dyn View,
        question: &Question,
        fused: &[(DocumentKey, f32)],
    ) -> Result<Vec<Ranked>, RetrieveError> {
        let mut matched: HashMap<DocumentKey, RuleMatch> = HashMap::new();
        for ruled in view.ruled_documents().await?.iter() {
            let strongest = ruled
                .rules
                .iter()
                .filter_map(|rule| Some(RuleMatch { rule: rule.clone(), strength: matches(rule, question)? }))
                .min_by_key(|rule_match| rule_match.strength != RuleStrength::Exact);
            if let Some(rule_match) = strongest {
                matched.insert(DocumentKey::of(&ruled.document), rule_match);
            }
        }
        let scores: HashMap<DocumentKey, f32> = fused.iter().copied().collect();
        let mut keys: Vec<DocumentKey> = fused.iter().map(|(key, _)| *key).take(RERANKED).collect();
        keys.extend(matched.keys().filter(|key| !keys.contains(key)).copied().collect::<Vec<_>>());
        let records = view.documents(&keys).await?;
        let mut ranked = Vec::with_capacity(keys.len());
        for (key, record) in keys.into_iter().zip(records) {
            let Some(record) = record else { continue };
            let tiers = f32::from(record.meta.trust as u8);
            let language = language_agreement(record.meta.language.as_deref(), &question.language().0);
            let bonus = tiers * self.tuning.trust_bonus + language * self.tuning.language_bonus;
            let score = scores.get(&key).copied().unwrap_or(0.0) + bonus;
            ranked.push(Ranked { key, record, score, language, rule: matched.remove(&key) });
        }
        // Among documents that rules put first, the one in the asker's language comes first: they say the same.
        ranked.sort_by(|a, b| {
            let by_language = match a.rule {
                Some(_) => b.language.total_cmp(&a.language),
                None => Ordering::Equal,
            };
            let by_tier = rule_tier(a.rule.as_ref()).cmp(&rule_tier(b.rule.as_ref()));
            by_tier.then(by_language).then(b.score.total_cmp(&a.score)).then(a.key.cmp(&b.key))
        });
        Ok(ranked)
    }
}

/// 1 for the same tag, half for the same language in another script or region, 0 otherwise or when unknown.
fn language_agreement(document: Option<&str>, wanted: &str) -> f32 {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    match document {
        Some(tag) if tag.eq_ignore_ascii_case(wanted) => 1.0,
        Some(tag) if primary(tag) == primary(wanted) => 0.5,
        _ => 0.0,
    }
}

/// Documents that trust and language may move; those below stay out of sight anyway.
const RERANKED: usize = 200;

/// A document in the final order.
struct Ranked {
    key: DocumentKey,
    record: Arc<DocumentRecord>,
    score: f32,
    language: f32,
    rule: Option<RuleMatch>,
}

/// Exact rules stand above everything, those that may apply behind a masked name above similarity.
fn rule_tier(rule: Option<&RuleMatch>) -> u8 {
    match rule.map(|rule| rule.strength) {
        Some(RuleStrength::Exact) => 0,
        Some(RuleStrength::BehindMask) => 1,
        None => 2,
    }
}

/// What both legs found for a question.
struct Legs {
    bm25: HashMap<ChunkKey, f32>,
    cosine: HashMap<ChunkKey, f32>,
    chunks: HashMap<DocumentKey, Vec<ChunkKey>>,
    bm25_documents: HashMap<DocumentKey, f32>,
    dense_documents: HashMap<DocumentKey, f32>,
    link_documents: HashMap<DocumentKey, f32>,
}

impl Legs {
    async fn search(
        view: &dyn View,
        question: &Question,
        vector: &[f32],
        tuning: &Tuning,
    ) -> Result<Self, RetrieveError> {
        let terms = query_terms(question.search_text());
        let query = LexicalQuery { terms: terms.clone(), weights: tuning.fields };
        let (lexical, dense, links) = tokio::try_join!(
            view.search_lexical(&query, tuning.depth),
            view.search_dense(vector, tuning.depth),
            view.search_links(&terms, tuning.depth),
        )?;
        // The dense leg is exact, so a chunk that only the words found can be given its cosine as well.
        let mut cosine: HashMap<ChunkKey, f32> = dense.iter().map(|found| (found.chunk, found.score)).collect();
        let unseen: Vec<&Match> = lexical.iter().filter(|found| !cosine.contains_key(&found.chunk)).collect();
        let unseen_keys: Vec<ChunkKey> = unseen.iter().map(|found| found.chunk).collect();
        let unseen_cosines = view.similarities(vector, &unseen_keys).await?;
        let mut all_dense = dense.clone();
        for (found, score) in unseen.into_iter().zip(unseen_cosines) {
            cosine.insert(found.chunk, score);
            all_dense.push(Match { score, ..*found });
        }
        let mut chunks: HashMap<DocumentKey, Vec<ChunkKey>> = HashMap::new();
        for found in &all_dense {
            chunks.entry(found.document).or_default().push(found.chunk);
        }
        Ok(Self {
            bm25: lexical.iter().map(|found| (found.chunk, found.score)).collect(),
            cosine,
            chunks,
            bm25_documents: fusion::by_document(&lexical),
            dense_documents: fusion::by_document(&all_dense),
            link_documents: links.into_iter().collect(),
        })
    }

    /// Documents by the sum of both legs: the lexical one divided by its best, the cosine as it is.
    fn fused(&self, tuning: &Tuning) -> Vec<(DocumentKey, f32)> {
        let mut lexical = self.bm25_documents.clone();
        for (document, score) in &self.link_documents {
            *lexical.entry(*document).or_default() += tuning.links * score;
        }
        let best = fusion::maximum(&lexical).max(f32::MIN_POSITIVE);
        let mut fused: HashMap<DocumentKey, f32> =
            self.dense_documents.iter().map(|(key, score)| (*key, (1.0 - tuning.lexical_share) * score)).collect();
        for (document, score) in lexical {
            *fused.entry(document).or_default() += tuning.lexical_share * score / best;
        }
        fusion::ranking(&fused)
    }

    /// The score of a passage among those of its document.
    fn passage_score(&self, chunk: ChunkKey, tuning_share: f32, best_bm25: f32) -> f32 {
        let bm25 = self.bm25.get(&chunk).copied().unwrap_or(0.0) / best_bm25;
        let cosine = self.cosine.get(&chunk).copied().unwrap_or(0.0);
        tuning_share * bm25 + (1.0 - tuning_share) * cosine
    }

    async fn stages(
        &self,
        view: &dyn View,
        fused: &[(DocumentKey, f32)],
        ranked: &[Ranked],
        limit: usize,
    ) -> Result<Stages, RetrieveError> {
        let named = async |ranking: &[(DocumentKey, f32)]| -> Result<Vec<RankedDocument>, RetrieveError> {
            let ranking = &ranking[..ranking.len().min(limit)];
            let keys: Vec<DocumentKey> = ranking.iter().map(|(key, _)| *key).collect();
            let records = view.documents(&keys).await?;
            Ok(records
                .into_iter()
                .zip(ranking)
                .filter_map(|(record, (_, score))| Some(RankedDocument { document: record?.meta.id.clone(), score: *score }))
                .collect())
        };
        Ok(Stages {
            bm25: named(&fusion::ranking(&self.bm25_documents)).await?,
            dense: named(&fusion::ranking(&self.dense_documents)).await?,
            fused: named(fused).await?,
            ranked: ranked
                .iter()
                .take(limit)
                .map(|ranked| RankedDocument { document: ranked.record.meta.id.clone(), score: ranked.score })
                .collect(),
        })
    }

    fn signals(&self, ranked: &[Ranked]) -> Signals {
        let rule = |strength| ranked.iter().any(|r| r.rule.as_ref().is_some_and(|rule| rule.strength == strength));
        Signals {
            top_cosine: self.cosine.values().copied().fold(0.0, f32::max),
            rule_matched: rule(RuleStrength::Exact),
            ..Signals::default()
        }
    }
}

/// The terms of a text, each weighing 1 however often it occurs.
fn query_terms(text: &str) -> Vec<(Term, f32)> {
    analyzer::distinct_terms(text).into_iter().map(|term| (term, 1.0)).collect()
}

/// The best passages of the best documents.
async fn hits(
    view: &dyn View,
    legs: &Legs,
    ranked: &[Ranked],
    options: &Options,
) -> Result<Vec<Hit>, RetrieveError> {
    let best_bm25 = legs.bm25.values().copied().fold(f32::MIN_POSITIVE, f32::max);
    let mut chosen: Vec<(&Ranked, ChunkKey, f32)> = Vec::new();
    for document in ranked.iter().take(options.hits * 2) {
        let mut passages: Vec<(ChunkKey, f32)> = match legs.chunks.get(&document.key) {
            Some(chunks) => chunks
                .iter()
                .map(|chunk| (*chunk, legs.passage_score(*chunk, Tuning::DEFAULT.lexical_share, best_bm25)))
                .collect(),
            // Found by a rule or by its links alone: it begins at its beginning.
            None => view.chunks_of(document.key).await?.first().map(|(key, _)| (*key, 0.0)).into_iter().collect(),
        };
        passages.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let best = passages.first().map_or(0.0, |(_, score)| *score);
        passages.retain(|(_, score)| *score >= 0.75 * best);
        for (chunk, score) in passages.into_iter().take(MAX_HITS_PER_DOCUMENT) {
            chosen.push((document, chunk, score - best));
        }
    }
    let keys: Vec<ChunkKey> = chosen.iter().map(|(_, chunk, _)| *chunk).collect();
    let chunks = view.chunks(&keys).await?;
    let mut hits: Vec<Hit> = chosen
        .into_iter()
        .zip(chunks)
        .map(|((document, key, deficit), chunk)| Hit {
            chunk,
            document: Arc::clone(&document.record),
            score: document.score + deficit,
            scores: LegScores { bm25: legs.bm25.get(&key).copied(), dense: legs.cosine.get(&key).copied() },
            rule: document.rule.clone(),
        })
        .collect();
    // The sort is stable, so documents that a rule put first keep their order.
    hits.sort_by(|a, b| {
        let (a_tier, b_tier) = (rule_tier(a.rule.as_ref()), rule_tier(b.rule.as_ref()));
        let by_score = if a_tier == 2 { b.score.total_cmp(&a.score) } else { Ordering::Equal };
        a_tier.cmp(&b_tier).then(by_score)
    });
    Ok(hits)
}
