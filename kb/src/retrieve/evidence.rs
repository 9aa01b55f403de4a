//! From ranked hits to the evidence of one answer: near-duplicates collapsed, passages completed by their neighbours,
//! consecutive ones merged, all within a budget.

use super::{Hit, Options, RuleStrength};
use crate::{
    analyzer::is_cjk,
    document::{Chunk, Kind},
    sections::Unit,
    store::{DocumentKey, StoreError, View},
};
use rustc_hash::FxHasher;
use std::{collections::HashSet, hash::Hasher as _, sync::Arc};

/// Passages that share this much of their words say the same.
const DUPLICATE_OVERLAP: f32 = 0.85;
/// The part of a document that treats the problem is given whole up to this length: a runbook is followed from top to
/// bottom.
const WHOLE_DOCUMENT_TOKENS: u32 = 1_400;
/// Most documents among the evidence.
const MAX_DOCUMENTS: usize = 4;
/// A document whose score is below this share of the best one's is not worth the model's attention.
const MIN_SCORE_SHARE: f32 = 0.6;

/// The first `limit` hits without those that repeat an earlier one's passage. Between two alike, the one that stands first
/// stays, so the order must already put the more trusted and the fresher first.
pub(super) fn without_duplicates(hits: Vec<Hit>, limit: usize) -> Vec<Hit> {
    let mut kept: Vec<(Hit, Vec<u64>)> = Vec::with_capacity(hits.len());
    for hit in hits {
        if kept.len() >= limit {
            break;
        }
        let words = words(&hit.chunk.text);
        let repeats = kept.iter().any(|(earlier, earlier_words)| {
            earlier.chunk.document != hit.chunk.document
                && overlap(earlier_words, &words) >= DUPLICATE_OVERLAP
        });
        if !repeats {
            kept.push((hit, words));
        }
    }
    kept.into_iter().map(|(hit, _)| hit).collect()
}

/// The distinct words of a text, each by its hash, in order: whole words whatever their case, and each character of a
/// script that is written without spaces. Copies differ in little else, so nothing is stemmed.
fn words(text: &str) -> Vec<u64> {
    let hash = |word: &str| {
        let mut hasher = FxHasher::default();
        word.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        hasher.finish()
    };
    let runs = text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty());
    let mut words: Vec<u64> = Vec::with_capacity(text.len() / 6);
    for mut run in runs {
        while let Some(at) = run.find(is_cjk) {
            let (before, rest) = run.split_at(at);
            let (character, rest) = rest.split_at(rest.ceil_char_boundary(1));
            words.extend([before, character].into_iter().filter(|word| !word.is_empty()).map(hash));
            run = rest;
        }
        if !run.is_empty() {
            words.push(hash(run));
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// Jaccard overlap of two sets of words, each in order; two empty sets do not overlap.
fn overlap(a: &[u64], b: &[u64]) -> f32 {
    let mut rest = b;
    let mut shared = 0;
    for word in a {
        let smaller = rest.iter().take_while(|other| *other < word).count();
        rest = &rest[smaller..];
        shared += usize::from(rest.first() == Some(word));
    }
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f32 / all as f32 }
}

/// Chooses the evidence from ranked hits.
///
/// Documents come in the order of their best hit. Of the first one, and of those that a rule names, the part that treats
/// the problem is given whole when it is short: a rule's document, a runbook of one problem, the section of a page that
/// treats several. Of others the passages that were hit come, each with the rest of its section. Consecutive passages of
/// one part become one; the passages with the best hit come first.
pub(super) async fn choose(view: &dyn View, hits: &[Hit], options: &Options) -> Result<Vec<Hit>, StoreError> {
    let mut evidence = Vec::new();
    let mut tokens_left = options.evidence_tokens as u32;
    let mut documents: Vec<&Hit> = Vec::new();
    for hit in hits {
        if !documents.iter().any(|first| first.chunk.document == hit.chunk.document) {
            documents.push(hit);
        }
    }
    let best = documents.first().map_or(0.0, |hit| hit.score);
    documents.retain(|hit| hit.rule.is_some() || hit.score >= MIN_SCORE_SHARE * best);
    for (rank, first) in documents.into_iter().take(MAX_DOCUMENTS).enumerate() {
        if evidence.len() >= options.evidence_passages || tokens_left == 0 {
            break;
        }
        let passages: Vec<Chunk> = view
            .chunks_of(DocumentKey::of(&first.chunk.document))
            .await?
            .into_iter()
            .map(|(_, chunk)| chunk)
            .collect();
        let of_document = hits.iter().filter(|hit| hit.chunk.document == first.chunk.document);
        let found: Vec<(usize, &Hit)> = of_document
            .filter_map(|hit| {
                Some((passages.iter().position(|chunk| chunk.ordinal == hit.chunk.ordinal)?, hit))
            })
            .collect();
        let Some((lead, _)) = found.first() else { continue };
        let unit = unit_of(&passages, *lead, first);
        let places: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
        let wanted = wanted(&passages, &places, &unit, rank == 0 || is_ruled(first));
        for run in runs(&passages, &wanted, &unit, &mut tokens_left) {
            if evidence.len() >= options.evidence_passages {
                break;
            }
            let best = found.iter().find(|(at, _)| run.contains(at));
            evidence.push(Hit {
                chunk: merged(&passages, &run, best.map_or(run[0], |(at, _)| *at)),
                document: Arc::clone(&first.document),
                score: first.score,
                scores: best.map_or(first.scores, |(_, hit)| hit.scores),
                rule: first.rule.clone(),
            });
        }
    }
    Ok(evidence)
}

fn is_ruled(hit: &Hit) -> bool {
    hit.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::Exact)
}

/// The part of a hit's document that treats the problem of its passage `lead`: all of it where a rule names it.
pub fn unit_of(passages: &[Chunk], lead: usize, hit: &Hit) -> Unit {
    match is_ruled(hit) {
        true => Unit::whole(passages),
        false => {
            let is_one_procedure = matches!(hit.document.meta.kind, Kind::Runbook | Kind::Sop);
            Unit::around(passages, lead, is_one_procedure)
        }
    }
}

/// Places of passages in the order of their worth: the hits of the unit, what completes them, the other hits.
fn wanted(passages: &[Chunk], found: &[usize], unit: &Unit, whole_if_short: bool) -> Vec<usize> {
    let (inside, outside): (Vec<usize>, Vec<usize>) = found.iter().partition(|at| unit.passages.contains(at));
    let total: u32 = unit.passages.iter().map(|&at| passages[at].tokens).sum();
    let section_of = |at: usize| {
        let around = at.saturating_sub(1)..(at + 2).min(passages.len());
        around.filter(move |&other| passages[other].heading_path == passages[at].heading_path)
    };
    let mut wanted = inside.clone();
    match whole_if_short && total <= WHOLE_DOCUMENT_TOKENS {
        true => wanted.extend(&unit.passages),
        false => wanted.extend(inside.iter().flat_map(|&at| section_of(at))),
    }
    wanted.extend(&outside);
    wanted.extend(outside.iter().flat_map(|&at| section_of(at)));
    let mut seen = HashSet::new();
    wanted.retain(|at| seen.insert(*at));
    wanted
}

/// Takes the wanted passages while the budget lasts (the first always), and groups consecutive ones that are all in the
/// unit, or all in one section outside of it. The groups come in the order of their best passage.
fn runs(passages: &[Chunk], wanted: &[usize], unit: &Unit, tokens_left: &mut u32) -> Vec<Vec<usize>> {
    let mut taken: Vec<usize> = Vec::new();
    for &at in wanted {
        let tokens = passages[at].tokens;
        if tokens <= *tokens_left || taken.is_empty() {
            *tokens_left = tokens_left.saturating_sub(tokens);
            taken.push(at);
        }
    }
    taken.sort_unstable();
    let belong = |a: usize, b: usize| match (unit.passages.contains(&a), unit.passages.contains(&b)) {
        (true, true) => true,
        (false, false) => passages[a].heading_path == passages[b].heading_path,
        _ => false,
    };
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for at in taken {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|&last| last + 1 == at && belong(last, at)) => run.push(at),
            _ => runs.push(vec![at]),
        }
    }
    let worth = |run: &Vec<usize>| wanted.iter().position(|at| run.contains(at));
    runs.sort_by_key(worth);
    runs
}

/// Consecutive passages as one: their common headings above it, the others written out in it. It is cited as the passage
/// `best`, whose heading is its anchor.
fn merged(passages: &[Chunk], run: &[usize], best: usize) -> Chunk {
    let first = &passages[run[0]];
    let mut path = first.heading_path.as_slice();
    for &at in run {
        let shared = path.iter().zip(&passages[at].heading_path).take_while(|(a, b)| a == b).count();
        path = &path[..shared];
    }
    let mut merged = Chunk {
        heading_path: path.to_vec(),
        text: String::new(),
        ordinal: passages[best].ordinal,
        anchor: passages[best].anchor.clone(),
        tokens: 0,
        ..first.clone()
    };
    let mut above = path;
    for &at in run {
        let chunk = &passages[at];
        if !merged.text.is_empty() {
            merged.text.push_str("\n\n");
        }
        let known = above.iter().zip(&chunk.heading_path).take_while(|(a, b)| a == b).count();
        for (level, heading) in chunk.heading_path.iter().enumerate().skip(known.max(path.len())) {
            // An entry of a list or an FAQ has its name in its text.
            let begins = chunk.text.trim_start().trim_start_matches(['#', '*', '_', '-', '`', ' ']);
            if !begins.starts_with(heading.as_str()) {
                merged.text.push_str(&format!("{} {heading}\n\n", "#".repeat((level + 2).min(6))));
            }
        }
        merged.text.push_str(&chunk.text);
        merged.end_byte = chunk.end_byte;
        merged.tokens += chunk.tokens;
        above = &chunk.heading_path;
        merged.prohibitions.extend(chunk.prohibitions.iter().cloned());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_overlap_by_their_words() {
        for (a, b, expected) in [
            ("Restart the pod, then wait.", "restart THE pod then wait", 1.0),
            ("restart the pod", "drain the node", 0.2),
            ("節點未就緒", "節點 已就緒", 4.0 / 6.0),
            ("Pod節點", "pod 節點", 1.0),
            ("same same", "same", 1.0),
            ("", "", 0.0),
        ] {
            let (a_words, b_words) = (words(a), words(b));
            for found in [overlap(&a_words, &b_words), overlap(&b_words, &a_words)] {
                assert!((found - expected).abs() < 1e-6, "{a:?} and {b:?}: {found}");
            }
        }
    }
}
