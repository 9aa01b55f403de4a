//! What the decision to answer looks at, measured on one retrieval. The formulas are those of [`Signals`]' fields.

use super::{RetrieveError, RuleStrength, legs::Legs, order::Ranked};
use crate::{
    analyzer::{self, Term},
    answerable::Signals,
    question::{Identifier, IdentifierKind, Question},
    store::View,
};
use std::collections::HashMap;

/// Documents whose titles may agree with the question.
const TITLES: usize = 3;
/// The usual number of terms of a title, for the saturation of BM25.
const TITLE_TERMS: f32 = 5.0;

pub(super) async fn measure(
    view: &dyn View,
    question: &Question,
    legs: &Legs,
    ranked: &[Ranked],
) -> Result<Signals, RetrieveError> {
    let total = legs.commonness.total;
    let rarities = |all: u64, with: &dyn Fn(usize) -> u64| -> Vec<f32> {
        (0..legs.terms.len()).map(|at| legs.terms[at].1 * rarity(with(at), all)).collect()
    };
    let in_passages = rarities(total.chunks, &|at| legs.commonness.terms[at].chunks);
    let in_documents = rarities(total.documents, &|at| legs.commonness.terms[at].documents);
    let mass = |rarities: &[f32]| rarities.iter().sum::<f32>().max(f32::MIN_POSITIVE);

    let best_bm25 = legs.bm25.values().copied().fold(0.0, f32::max);
    // No passage can score more than every term at its saturation, (k1 + 1) times its rarity.
    let bm25_share = (best_bm25 / (2.2 * mass(&in_passages))).sqrt();
    let title_share = ranked
        .iter()
        .take(TITLES)
        .map(|document| {
            title_score(&document.record.meta.title, legs, &in_documents) / (2.2 * mass(&in_documents))
        })
        .fold(0.0, f32::max);
    let coverage = match ranked.first() {
        None => 0.0,
        Some(first) => {
            let terms: Vec<Term> = legs.terms.iter().map(|(term, _)| term.clone()).collect();
            let present = view.terms_of(first.key, &terms).await?;
            let covered = in_documents.iter().zip(present).filter(|(_, present)| *present);
            covered.map(|(rarity, _)| rarity).sum::<f32>() / mass(&in_documents)
        }
    };
    Ok(Signals {
        top_cosine: legs.cosine.values().copied().fold(0.0, f32::max),
        bm25_share,
        log_terms: (legs.terms.len().max(1) as f32).ln(),
        title_share,
        coverage,
        unspaced_share: legs.unspaced_share,
        log_passages: (total.chunks.max(1) as f32).ln(),
        unknown_alert: f32::from(u8::from(names_unknown_alert(question, legs))),
        rule_matched: ranked
            .iter()
            .any(|ranked| ranked.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::Exact)),
        rule_behind_mask: ranked
            .iter()
            .any(|ranked| ranked.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::BehindMask)),
    })
}

/// Which of the question's terms are mentioned by documents that may be seen.
fn mentioned(legs: &Legs) -> HashMap<&str, bool> {
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

/// What the question names and no document mentions: identifiers first, then plain words.
pub(super) fn absent(question: &Question, legs: &Legs) -> Vec<String> {
    let mentioned = mentioned(legs);
    let is_absent = |text: &str| {
        let terms = analyzer::distinct_terms(text);
        !terms.is_empty() && terms.iter().all(|term| mentioned.get(term.as_str()) == Some(&false))
    };
    let named = question.identifiers().iter().filter(|identifier| NAMING.contains(&identifier.kind));
    let words = question.search_text().split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    let words = words.map(|word| word.trim_matches(['-', '_', '.'])).filter(|word| {
        word.chars().count() >= MIN_WORD
            && word.chars().any(char::is_alphabetic)
            && !word.chars().any(analyzer::is_cjk)
    });
    let mut absent: Vec<String> = Vec::new();
    for text in named.map(|identifier| identifier.text.as_str()).chain(words) {
        let is_known = |known: &String| known.to_lowercase().contains(&text.to_lowercase());
        if absent.len() < MAX_ABSENT && is_absent(text) && !absent.iter().any(is_known) {
            absent.push(text.to_owned());
        }
    }
    absent
}

/// Kinds of identifiers whose absence is worth telling; an object's name is in no document as a rule.
const NAMING: [IdentifierKind; 5] = [
    IdentifierKind::Component,
    IdentifierKind::Alert,
    IdentifierKind::Reason,
    IdentifierKind::Kind,
    IdentifierKind::ApiGroup,
];
/// Shorter words are no names.
const MIN_WORD: usize = 4;
/// More would be a list nobody reads.
const MAX_ABSENT: usize = 3;

fn rarity(with: u64, all: u64) -> f32 {
    let (with, all) = (with as f32, all as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// BM25 of a title for the question.
fn title_score(title: &str, legs: &Legs, rarities: &[f32]) -> f32 {
    let counts = analyzer::term_counts(title);
    let length: u32 = counts.iter().map(|(_, count)| count).sum();
    let length_part = 1.2 * (0.25 + 0.75 * length as f32 / TITLE_TERMS);
    let saturated = |count: u32| count as f32 * 2.2 / (count as f32 + length_part);
    let score = |((term, _), rarity): (&(String, f32), &f32)| {
        let count = counts.iter().find(|(other, _)| other == term).map_or(0, |(_, count)| *count);
        rarity * saturated(count)
    };
    legs.terms.iter().zip(rarities).map(score).sum()
}
