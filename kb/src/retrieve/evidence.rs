//! From ranked hits to the evidence of one answer: near-duplicates collapsed, passages completed by their neighbours,
//! consecutive ones merged, all within a budget.

use super::{Hit, Options, RuleStrength};
use crate::{
    analyzer::is_cjk,
    document::Chunk,
    store::{ChunkKey, DocumentKey, StoreError, View},
};
use rustc_hash::FxHasher;
use std::{collections::HashSet, hash::Hasher as _, sync::Arc};

/// Passages that share this much of their words say the same.
const DUPLICATE_OVERLAP: f32 = 0.85;
/// A document up to this length is given whole when it ranks first: a runbook is followed from top to bottom.
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
/// Documents come in the order of their best hit. The first one, and those that a rule names, are given whole when they
/// are short; of others the passages that were hit, each with the rest of its section. Consecutive passages of one
/// document become one.
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
        let chunks = view.chunks_of(DocumentKey::of(&first.chunk.document)).await?;
        let hit_ordinals: Vec<u32> = hits
            .iter()
            .filter(|h| h.chunk.document == first.chunk.document)
            .map(|h| h.chunk.ordinal)
            .collect();
        let ruled = first.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::Exact);
        let wanted = wanted_ordinals(&chunks, &hit_ordinals, rank == 0 || ruled);
        for run in runs(&chunks, &wanted, &mut tokens_left) {
            if evidence.len() >= options.evidence_passages {
                break;
            }
            let scores = hits
                .iter()
                .find(|h| {
                    h.chunk.document == first.chunk.document
                        && run.iter().any(|c| c.ordinal == h.chunk.ordinal)
                })
                .map_or(first.scores, |h| h.scores);
            evidence.push(Hit {
                chunk: merged(&run),
                document: Arc::clone(&first.document),
                score: first.score,
                scores,
                rule: first.rule.clone(),
            });
        }
    }
    Ok(evidence)
}

/// Ordinals in the order of their worth: hits, then what completes them.
fn wanted_ordinals(chunks: &[(ChunkKey, Chunk)], hits: &[u32], whole_if_short: bool) -> Vec<u32> {
    let mut wanted = hits.to_vec();
    let total: u32 = chunks.iter().map(|(_, chunk)| chunk.tokens).sum();
    if whole_if_short && total <= WHOLE_DOCUMENT_TOKENS {
        wanted.extend(chunks.iter().map(|(_, chunk)| chunk.ordinal));
    } else {
        for ordinal in hits {
            let Some((_, hit)) = chunks.iter().find(|(_, chunk)| chunk.ordinal == *ordinal) else { continue };
            let same_section = chunks.iter().filter(|(_, chunk)| {
                chunk.heading_path == hit.heading_path && chunk.ordinal.abs_diff(hit.ordinal) <= 1
            });
            wanted.extend(same_section.map(|(_, chunk)| chunk.ordinal));
        }
    }
    let mut seen = HashSet::new();
    wanted.retain(|ordinal| seen.insert(*ordinal));
    wanted
}

/// Takes the wanted chunks while the budget lasts (the first always), and groups consecutive ones.
fn runs<'a>(chunks: &'a [(ChunkKey, Chunk)], wanted: &[u32], tokens_left: &mut u32) -> Vec<Vec<&'a Chunk>> {
    let mut taken: Vec<&Chunk> = Vec::new();
    for ordinal in wanted {
        let Some((_, chunk)) = chunks.iter().find(|(_, chunk)| chunk.ordinal == *ordinal) else { continue };
        if chunk.tokens <= *tokens_left || taken.is_empty() {
            *tokens_left = tokens_left.saturating_sub(chunk.tokens);
            taken.push(chunk);
        }
    }
    taken.sort_by_key(|chunk| chunk.ordinal);
    let mut runs: Vec<Vec<&Chunk>> = Vec::new();
    for chunk in taken {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| last.ordinal + 1 == chunk.ordinal) => run.push(chunk),
            _ => runs.push(vec![chunk]),
        }
    }
    runs
}

/// Consecutive chunks as one; headings that begin within it are written out.
fn merged(run: &[&Chunk]) -> Chunk {
    let mut merged = run[0].clone();
    for pair in run.windows(2) {
        let (previous, chunk) = (pair[0], pair[1]);
        merged.text.push_str("\n\n");
        let last_heading = chunk.heading_path.last();
        if let Some(heading) = last_heading
            && chunk.heading_path != previous.heading_path
            && !chunk.text.trim_start().trim_start_matches('#').trim_start().starts_with(heading.as_str())
        {
            merged.text.push_str(&"#".repeat((chunk.heading_path.len() + 1).min(6)));
            merged.text.push(' ');
            merged.text.push_str(heading);
            merged.text.push_str("\n\n");
        }
        merged.text.push_str(&chunk.text);
        merged.end_byte = chunk.end_byte;
        merged.tokens += chunk.tokens;
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
