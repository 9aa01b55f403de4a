//! The measures of one retrieval that the decision to answer is based on: [`Signals`], whose fields say the formulas.

use super::{
    legs::Legs,
    order::Ranked,
    results::{RetrieveError, RuleStrength},
};
use crate::{
    analyzer::{self, Term},
    question::{Identifier, IdentifierKind, Question},
    store::{View, bm25},
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Documents whose titles may agree with the question.
const TITLES: usize = 3;
/// The usual number of terms of a title, for the saturation of BM25.
const TITLE_TERMS: f32 = 5.0;

/// The input of the decision to answer: measured by the retriever, and stored with recordings so that a calibration can
/// be fitted without another search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Highest cosine of any passage.
    pub top_cosine: f32,
    /// √(best passage's BM25 / the most that the question's terms can score): how much of the question one passage
    /// says.
    pub bm25_share: f32,
    /// ln(number of distinct terms): longer questions match more by chance.
    pub log_terms: f32,
    /// Highest BM25 among the titles of the first three documents, as a share of the most it can be.
    pub title_share: f32,
    /// Share of the question's terms, by rarity, that the first document has anywhere.
    pub coverage: f32,
    /// Share of the question's letters in words of a language that the default embedding model does not read.
    pub unread_share: f32,
    /// ln(number of passages searched): the best of many is nearer by chance than the best of few.
    pub log_passages: f32,
    /// 1 when the question names alerts and none of them occurs in any document, else 0.
    pub unknown_alert: f32,
    /// Whether a curated rule matched exactly.
    pub rule_matched: bool,
    /// Whether a curated rule may match behind anonymised names.
    pub rule_behind_stand_in: bool,
}

impl Signals {
    /// The names of [`Signals::features`], in order.
    pub const NAMES: &[&str] = &[
        "top_cosine",
        "bm25_share",
        "log_terms",
        "title_share",
        "coverage",
        "unread_share",
        "log_passages",
        "unknown_alert",
        "unread_cosine",
        "unread_coverage",
    ];

    /// The input of the calibrated probability. A matched rule is not a feature: it decides by itself. If the model
    /// does not read the question, its cosine tells less and the words tell more, so both have a slope of their own.
    pub fn features(&self) -> Vec<f64> {
        let Self { top_cosine, bm25_share, log_terms, title_share, coverage, .. } = *self;
        let Self { unread_share, log_passages, unknown_alert, .. } = *self;
        let plain = [
            top_cosine,
            bm25_share,
            log_terms,
            title_share,
            coverage,
            unread_share,
            log_passages,
            unknown_alert,
        ];
        let products = [unread_share * top_cosine, unread_share * coverage];
        plain.into_iter().chain(products).map(f64::from).collect()
    }
}

pub(super) async fn measure(
    view: &dyn View,
    question: &Question,
    legs: &Legs,
    ranked: &[Ranked],
) -> Result<Signals, RetrieveError> {
    let total = legs.commonness.total;
    let counts = legs.commonness.terms.iter();
    let in_passages = legs.terms.iter().zip(counts.clone());
    let in_passages: Vec<f32> = in_passages
        .map(|((_, weight), counts)| weight * bm25::inverse_document_frequency(counts.chunks, total.chunks))
        .collect();
    let in_documents = legs.telling.iter().zip(counts);
    let in_documents: Vec<f32> = in_documents
        .map(|(weight, counts)| weight * bm25::inverse_document_frequency(counts.documents, total.documents))
        .collect();
    let anywhere: Vec<bool> = legs.commonness.terms.iter().map(|counts| counts.documents > 0).collect();
    let seams = seams(legs, &anywhere);
    let mass = |rarities: &[f32]| {
        let weighed = rarities.iter().zip(&seams).map(|(rarity, seam)| rarity * (1.0 - seam));
        weighed.sum::<f32>().max(f32::MIN_POSITIVE)
    };

    let best_bm25 = legs.bm25.values().copied().fold(0.0, f32::max);
    // No passage can score more than every term at its saturation, `bm25::MOST` times its rarity.
    let bm25_share = (best_bm25 / (bm25::MOST * mass(&in_passages))).sqrt();
    let title_share = ranked
        .iter()
        .take(TITLES)
        .map(|document| {
            title_score(&document.record.meta.title, legs, &in_documents) / (bm25::MOST * mass(&in_documents))
        })
        .fold(0.0, f32::max);
    let coverage = match ranked.first() {
        None => 0.0,
        Some(first) => {
            let terms: Vec<Term> = legs.terms.iter().map(|(term, _)| term.clone()).collect();
            let present = view.terms_of(first.key, &terms).await?;
            let covered = present.iter().zip(self::seams(legs, &present)).zip(&seams);
            let covered =
                covered.map(|((present, here), anywhere)| if *present { 1.0 } else { here - anywhere });
            let covered = in_documents.iter().zip(covered).map(|(rarity, share)| rarity * share.max(0.0));
            covered.sum::<f32>() / mass(&in_documents)
        }
    };
    Ok(Signals {
        top_cosine: legs.cosine.values().copied().fold(0.0, f32::max),
        bm25_share,
        log_terms: (legs.num_words.max(1) as f32).ln(),
        title_share,
        coverage,
        unread_share: question.unread_share(),
        log_passages: (total.chunks.max(1) as f32).ln(),
        unknown_alert: f32::from(u8::from(names_unknown_alert(question, legs))),
        rule_matched: ranked
            .iter()
            .any(|ranked| ranked.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::Exact)),
        rule_behind_stand_in: ranked.iter().any(|ranked| {
            ranked.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::BehindStandIn)
        }),
    })
}

/// For each term that is not `present`, how far it stands at a seam between two words: of the two characters, or
/// syllables, of a pair, the share that a present neighbouring pair shares with it. Such a pair is written only by
/// chance.
fn seams(legs: &Legs, present: &[bool]) -> Vec<f32> {
    let mut beside = vec![[false; 2]; present.len()];
    for &(left, right) in &legs.overlaps {
        beside[right][0] |= present[left];
        beside[left][1] |= present[right];
    }
    let share = |(sides, present): ([bool; 2], &bool)| match present {
        true => 0.0,
        false => sides.into_iter().filter(|side| *side).count() as f32 / 2.0,
    };
    beside.into_iter().zip(present).map(share).collect()
}

/// Which of the question's terms are mentioned by documents that may be seen.
pub(super) fn mentioned(legs: &Legs) -> HashMap<&str, bool> {
    let terms = legs.terms.iter().zip(&legs.commonness.terms);
    terms.map(|((term, _), counts)| (term.as_str(), counts.documents > 0)).collect()
}

/// Whether the question names alerts and no document mentions any of them. An alert's name is one term as a whole, and
/// its first: the parts come after it.
fn names_unknown_alert(question: &Question, legs: &Legs) -> bool {
    let mentioned = mentioned(legs);
    let mut alerts =
        question.identifiers().iter().filter(|named| named.kind == IdentifierKind::Alert).peekable();
    let is_unknown = |alert: &Identifier| {
        let whole = analyzer::distinct_terms(&alert.text).into_iter().next();
        whole.is_some_and(|whole| mentioned.get(whole.as_str()) == Some(&false))
    };
    alerts.peek().is_some() && alerts.all(is_unknown)
}

/// BM25 of a title for the question.
fn title_score(title: &str, legs: &Legs, rarities: &[f32]) -> f32 {
    let counts = analyzer::term_counts(title);
    let length: u32 = counts.iter().map(|(_, count)| count).sum();
    let length_part = bm25::length_part(length as f32, TITLE_TERMS);
    let score = |((term, _), rarity): (&(String, f32), &f32)| {
        let count = counts.iter().find(|(other, _)| other == term).map_or(0, |(_, count)| *count);
        rarity * bm25::saturated(count as f32, length_part)
    };
    legs.terms.iter().zip(rarities).map(score).sum()
}
