//! The final order: curated rules first, then the fused score with trust and language; and the passages that stand for
//! each document.

use super::{
    legs::{Legs, Tuning},
    results::{Hit, LegScores, Options, RankedDocument, RetrieveError, RuleMatch, RuleStrength},
    rules::matches,
};
use crate::{
    analyzer::tokens,
    document::{Chunk, DocumentRecord},
    language::primary,
    question::{AsideKind, IdentifierKind, Question, alert_headed, error_codes, kinds_in_name},
    store::{ChunkKey, DocumentKey, View},
};
use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Documents that trust and language may move, at least; those below stay out of sight anyway.
const RERANKED: usize = 50;
/// As many times more are looked at where documents exist in several versions, most of which will go.
const VERSIONED_FACTOR: usize = 4;
/// Documents beyond those that are needed, in place of near-duplicates.
const SPARE_DOCUMENTS: usize = 2;
/// Hits beyond those that are needed, for the same.
const SPARE_HITS: usize = 6;
/// The most passages of one document among the hits.
const MAX_HITS_PER_DOCUMENT: usize = 3;
/// A further passage of a document is a hit when it scores at least this share of the document's best.
const MIN_PASSAGE_SHARE: f32 = 0.75;

/// A document keeps its place by a rule about a general event as long as it scores this share of the best.
const GENERAL_RULE_SHARE: f32 = 0.75;
/// Pages whose headings are read before the order is final.
const PAGES_READ: usize = 8;
/// Passages of a page that may become hits.
const PASSAGES_READ: usize = 12;

/// A document in the final order.
pub(super) struct Ranked {
    pub key: DocumentKey,
    pub record: Arc<DocumentRecord>,
    pub score: f32,
    language: f32,
    pub rule: Option<RuleMatch>,
}

/// Exact rules stand above everything, those that may apply behind an anonymised name above similarity.
fn rule_tier(rule: Option<&RuleMatch>) -> u8 {
    match rule.map(|rule| rule.strength) {
        Some(RuleStrength::Exact) => 0,
        Some(RuleStrength::BehindStandIn) => 1,
        None => 2,
    }
}

/// Curated rules first, then the fused order with trust and language.
pub(super) async fn ranked(
    view: &dyn View,
    question: &Question,
    legs: &Legs,
    tuning: &Tuning,
    options: &Options,
) -> Result<Vec<Ranked>, RetrieveError> {
    let mut matched = matched_rules(view, question).await?;
    let scores: HashMap<DocumentKey, f32> = legs.fused.iter().copied().collect();
    let limit = RERANKED.max(options.documents).max(options.hits);
    let mut keys: Vec<DocumentKey> = legs.fused.iter().map(|(key, _)| *key).take(limit).collect();
    let ruled: Vec<DocumentKey> = matched.keys().filter(|key| !keys.contains(key)).copied().collect();
    keys.extend(ruled);
    let mut records = view.documents(&keys).await?;
    if records.iter().flatten().any(|record| record.meta.version.is_some()) && legs.fused.len() > limit {
        let further: Vec<DocumentKey> = legs.fused[limit..]
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| !keys.contains(key))
            .take((VERSIONED_FACTOR - 1) * limit)
            .collect();
        records.extend(view.documents(&further).await?);
        keys.extend(further);
    }
    let mut ranked = Vec::with_capacity(keys.len());
    for (key, record) in keys.into_iter().zip(records) {
        let Some(record) = record else { continue };
        let tiers = f32::from(record.meta.trust as u8);
        let language = language_agreement(record.meta.language.as_deref(), &question.language().0);
        let bonus = tiers * tuning.trust_bonus + language * tuning.language_bonus;
        let score = scores.get(&key).copied().unwrap_or(0.0) + bonus;
        ranked.push(Ranked { key, record, score, language, rule: matched.remove(&key) });
    }
    if question.asides().iter().any(|aside| aside.kind == AsideKind::Event) {
        without_general_rules(&mut ranked);
    }
    sort(&mut ranked);
    Ok(ranked)
}

/// Lets rules about the event that a failure begins with give way where another page of at least the same trust fits
/// the rest far better: `MountVolume.SetUp failed for volume "config": configmap "x" not found` is no failure of the
/// storage.
fn without_general_rules(ranked: &mut [Ranked]) {
    let scores: Vec<(u8, f32)> =
        ranked.iter().map(|ranked| (ranked.record.meta.trust as u8, ranked.score)).collect();
    for ranked in ranked {
        let is_general = |matched: &RuleMatch| {
            let rule = &matched.rule;
            rule.alert.is_empty() && rule.namespace.is_empty() && rule.name.is_empty()
        };
        let trust = ranked.record.meta.trust as u8;
        let of_equals = scores.iter().filter(|(other, _)| *other >= trust).map(|(_, score)| *score);
        if ranked.rule.as_ref().is_some_and(is_general)
            && ranked.score < GENERAL_RULE_SHARE * of_equals.fold(0.0, f32::max)
        {
            ranked.rule = None;
        }
    }
}

/// Puts documents in the final order.
pub(super) fn sort(ranked: &mut [Ranked]) {
    // Among documents that rules put first, the one in the asker's language comes first: they say the same.
    ranked.sort_by(|a, b| {
        let by_language = match a.rule {
            Some(_) => b.language.total_cmp(&a.language),
            None => Ordering::Equal,
        };
        let by_tier = rule_tier(a.rule.as_ref()).cmp(&rule_tier(b.rule.as_ref()));
        by_tier.then(by_language).then(b.score.total_cmp(&a.score)).then(a.key.cmp(&b.key))
    });
}

/// The documents whose rules match, each with its strongest rule.
async fn matched_rules(
    view: &dyn View,
    question: &Question,
) -> Result<HashMap<DocumentKey, RuleMatch>, RetrieveError> {
    let mut matched = HashMap::new();
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
    Ok(matched)
}

/// 1 for the same tag, half for the same language in another script or region, 0 otherwise or when unknown.
fn language_agreement(document: Option<&str>, wanted: &str) -> f32 {
    match document {
        Some(tag) if tag.eq_ignore_ascii_case(wanted) => 1.0,
        Some(tag) if primary(tag) == primary(wanted) => 0.5,
        _ => 0.0,
    }
}

/// The first documents of the final order.
pub(super) fn ranking(ranked: &[Ranked], limit: usize) -> Vec<RankedDocument> {
    let named =
        |ranked: &Ranked| RankedDocument { document: ranked.record.meta.id.clone(), score: ranked.score };
    ranked.iter().take(limit).map(named).collect()
}

/// The best passages of the best documents, a few more than are needed, since near-duplicates will go.
pub(super) async fn hits(
    view: &dyn View,
    question: &Question,
    legs: &Legs,
    ranked: &[Ranked],
    tuning: &Tuning,
    options: &Options,
) -> Result<Vec<Hit>, RetrieveError> {
    let mut pages: Vec<(&Ranked, Vec<(ChunkKey, f32)>)> = Vec::new();
    for document in ranked.iter().take(options.hits + SPARE_DOCUMENTS) {
        let mut passages = legs.passages_of(document.key, tuning);
        if passages.is_empty() {
            // Found by a rule alone: it begins at its beginning.
            passages.extend(view.chunks_of(document.key).await?.first().map(|(key, _)| (*key, 0.0)));
        }
        passages.truncate(PASSAGES_READ);
        pages.push((document, passages));
    }
    let others = others(view, question, legs, &pages).await?;
    let mut chosen: Vec<(&Ranked, ChunkKey, f32)> = Vec::new();
    for (document, mut passages) in pages {
        put_back(&mut passages, &others.of_other_kinds, tuning);
        // A page's score is that of its best passage; it is lower if that passage is about something else.
        let best = passages.first().map_or(0.0, |(_, score)| *score);
        put_back(&mut passages, &others.unmentioned, tuning);
        let first = passages.first().map_or(0.0, |(_, score)| *score);
        passages.retain(|(_, score)| *score >= MIN_PASSAGE_SHARE * first);
        for (chunk, score) in passages.into_iter().take(MAX_HITS_PER_DOCUMENT) {
            chosen.push((document, chunk, document.score + (score - best)));
        }
    }
    // The sort is stable, so documents that a rule put first keep their order.
    chosen.sort_by(|(a, _, a_score), (b, _, b_score)| {
        let (a_tier, b_tier) = (rule_tier(a.rule.as_ref()), rule_tier(b.rule.as_ref()));
        let by_score = if a_tier == 2 { b_score.total_cmp(a_score) } else { Ordering::Equal };
        a_tier.cmp(&b_tier).then(by_score)
    });
    chosen.truncate(options.distinct_hits() + SPARE_HITS);
    let keys: Vec<ChunkKey> = chosen.iter().map(|(_, chunk, _)| *chunk).collect();
    let chunks = view.chunks(&keys).await?;
    let best = chosen.first().map_or(0.0, |(_, _, score)| *score);
    let alerts = named_alerts(question);
    let codes: Vec<&str> = error_codes(question.text()).collect();
    let treats = |chunk: &Chunk| is_headed_by(chunk, &alerts) || names_code(chunk, &codes);
    let hit = |((document, key, score), chunk): ((&Ranked, ChunkKey, f32), Chunk)| Hit {
        chunk,
        document: Arc::clone(&document.record),
        score,
        scores: LegScores { bm25: legs.bm25.get(&key).copied(), dense: legs.cosine.get(&key).copied() },
        rule: document.rule.clone(),
    };
    let mut hits: Vec<Hit> = chosen.into_iter().zip(chunks).map(hit).collect();
    // A section whose heading is the alert's name treats the alert, and a section that names the error's code treats
    // the error, in any company. The hits that rules put first stay there.
    hits.sort_by_key(|hit| (rule_tier(hit.rule.as_ref()), !treats(&hit.chunk)));
    let is_named = |hit: &&mut Hit| hit.rule.is_none() && treats(&hit.chunk);
    hits.iter_mut().filter(is_named).for_each(|hit| hit.score = hit.score.max(best));
    Ok(hits)
}

/// Passages below the names of alerts about something else than the question.
#[derive(Default)]
struct Others {
    /// The alert is about objects of other kinds than the question names: advice for a HorizontalPodAutoscaler does not
    /// help a Deployment.
    of_other_kinds: HashSet<ChunkKey>,
    /// The alert shares no word with the question, while that of another passage does.
    unmentioned: HashSet<ChunkKey>,
}

/// Puts some passages of a page behind the rest.
fn put_back(passages: &mut [(ChunkKey, f32)], others: &HashSet<ChunkKey>, tuning: &Tuning) {
    let behind = passages.iter_mut().filter(|(key, _)| others.contains(key));
    behind.for_each(|(_, score)| *score -= tuning.other_alert);
    passages.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

/// The passages about something else among the best ones of the best pages.
async fn others(
    view: &dyn View,
    question: &Question,
    legs: &Legs,
    pages: &[(&Ranked, Vec<(ChunkKey, f32)>)],
) -> Result<Others, RetrieveError> {
    let unruled = pages.iter().filter(|(document, _)| document.rule.is_none()).take(PAGES_READ);
    let keys: Vec<ChunkKey> = unruled.flat_map(|(_, passages)| passages).map(|(key, _)| *key).collect();
    let kinds: Vec<&str> = question.named(IdentifierKind::Kind).collect();
    let said: HashSet<&str> = legs
        .terms
        .iter()
        .zip(&legs.telling)
        .filter(|(_, telling)| **telling > 0.0)
        .map(|((term, _), _)| term.as_str())
        .collect();
    let mut others = Others::default();
    let mut unmentioned = Vec::new();
    let mut is_any_mentioned = false;
    for (key, chunk) in keys.iter().zip(view.chunks(&keys).await?) {
        let names: Vec<&str> =
            chunk.heading_path.iter().filter_map(|heading| alert_headed(heading)).collect();
        let of_names: Vec<&str> = names.iter().flat_map(|name| kinds_in_name(name)).collect();
        if !kinds.is_empty() && !of_names.is_empty() && !of_names.iter().any(|kind| kinds.contains(kind)) {
            others.of_other_kinds.insert(*key);
        }
        let is_mentioned = |name: &&str| tokens(name).iter().any(|token| said.contains(token.term.as_str()));
        match names.iter().any(is_mentioned) {
            true => is_any_mentioned = true,
            false if !names.is_empty() => unmentioned.push(*key),
            false => {}
        }
    }
    others.unmentioned.extend(unmentioned.into_iter().filter(|_| is_any_mentioned));
    Ok(others)
}

/// The alerts that the question names, in lower case.
fn named_alerts(question: &Question) -> Vec<String> {
    let alerts = question.identifiers().iter().filter(|named| named.kind == IdentifierKind::Alert);
    alerts.map(|named| named.text.to_lowercase()).collect()
}

/// Whether the passage or a heading above it has one of the codes.
fn names_code(chunk: &Chunk, codes: &[&str]) -> bool {
    let texts = chunk.heading_path.iter().map(String::as_str).chain([chunk.text.as_str()]);
    !codes.is_empty() && texts.into_iter().any(|text| error_codes(text).any(|code| codes.contains(&code)))
}

/// Whether a heading above the passage has one of the names as a word.
fn is_headed_by(chunk: &Chunk, names: &[String]) -> bool {
    let words = chunk.heading_path.iter().flat_map(|heading| heading.split(|c: char| !c.is_alphanumeric()));
    !names.is_empty()
        && words.into_iter().any(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
}
