//! Scores of passages to scores of documents, and two legs to one ranking. Pure.

use crate::store::{DocumentKey, Match};
use std::collections::HashMap;

/// The shares with which a document's best, second and third best passage count in the lexical leg: a long page with
/// several good passages is a better answer than one with a single lucky passage.
pub const PASSAGE_SHARES: [f32; 3] = [1.0, 0.3, 0.2];

/// How much a further passage raises a document above its best one in the dense leg.
const TEMPERATURE: f32 = 0.04;

/// A document's lexical score: its best passages, each by its share in [`PASSAGE_SHARES`].
pub(super) fn best_passages(matches: &[Match]) -> HashMap<DocumentKey, f32> {
    let mut best: HashMap<DocumentKey, [f32; 3]> = HashMap::new();
    for found in matches {
        let top = best.entry(found.document).or_default();
        let mut score = found.score.max(0.0);
        for place in top.iter_mut() {
            if score > *place {
                std::mem::swap(&mut score, place);
            }
        }
    }
    best.into_iter()
        .map(|(document, top)| {
            (document, top.iter().zip(PASSAGE_SHARES).map(|(score, share)| score * share).sum())
        })
        .collect()
}

/// A document's dense score: the soft maximum `t ln Σ exp(cosine / t)` over its passages among the matches, so that
/// several near passages count a little more than one. It is never below the best of them.
pub(super) fn soft_maximum(matches: &[Match]) -> HashMap<DocumentKey, f32> {
    let mut best: HashMap<DocumentKey, f32> = HashMap::new();
    for found in matches {
        let top = best.entry(found.document).or_insert(f32::MIN);
        *top = top.max(found.score);
    }
    let mut sums: HashMap<DocumentKey, f32> = HashMap::new();
    for found in matches {
        *sums.entry(found.document).or_default() +=
            ((found.score - best[&found.document]) / TEMPERATURE).exp();
    }
    sums.into_iter().map(|(document, sum)| (document, best[&document] + TEMPERATURE * sum.ln())).collect()
}

/// Best first, ties by key, so that equal scores rank the same in every run.
pub(super) fn ranking(scores: &HashMap<DocumentKey, f32>) -> Vec<(DocumentKey, f32)> {
    let mut ranking: Vec<(DocumentKey, f32)> = scores.iter().map(|(key, score)| (*key, *score)).collect();
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranking
}

/// The highest score; a tiny positive number if there are no scores, so that it can be divided by.
pub(super) fn maximum(scores: &HashMap<DocumentKey, f32>) -> f32 {
    scores.values().copied().fold(f32::MIN_POSITIVE, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ChunkKey;

    fn found(document: u64, score: f32) -> Match {
        Match { chunk: ChunkKey::new(DocumentKey(document), 0), document: DocumentKey(document), score }
    }

    #[test]
    fn the_second_and_third_passage_count_less() {
        let scores =
            best_passages(&[found(1, 0.5), found(2, 0.6), found(1, 0.4), found(1, 0.2), found(1, 0.1)]);
        assert!((scores[&DocumentKey(1)] - (0.5 + 0.3 * 0.4 + 0.2 * 0.2)).abs() < 1e-6);
        let order: Vec<u64> = ranking(&scores).into_iter().map(|(key, _)| key.0).collect();
        assert_eq!(order, [1, 2]);
    }

    #[test]
    fn a_soft_maximum_is_a_little_above_the_best() {
        let scores =
            soft_maximum(&[found(1, 0.5), found(1, 0.5), found(2, 0.5), found(2, -0.5), found(3, -0.2)]);
        assert!((scores[&DocumentKey(1)] - (0.5 + TEMPERATURE * 2.0f32.ln())).abs() < 1e-6);
        assert!((scores[&DocumentKey(2)] - 0.5).abs() < 1e-6);
        assert!((scores[&DocumentKey(3)] + 0.2).abs() < 1e-6);
    }
}
