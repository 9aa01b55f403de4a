//! Scores of chunks to scores of documents, and two legs to one ranking. Pure.

use crate::store::{DocumentKey, Match};
use std::collections::HashMap;

/// What share of a document's second and third best passage counts: a long page with several good passages is a better
/// answer than one with a single lucky one.
pub const PASSAGE_SHARES: [f32; 3] = [1.0, 0.3, 0.15];

/// A document's score: its best passages, each by its share in [`PASSAGE_SHARES`]. Negative scores count as 0.
pub fn by_document(matches: &[Match]) -> HashMap<DocumentKey, f32> {
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
        .map(|(document, top)| (document, top.iter().zip(PASSAGE_SHARES).map(|(score, share)| score * share).sum()))
        .collect()
}

/// Best first, ties by key, so that equal scores rank the same in every run.
pub fn ranking(scores: &HashMap<DocumentKey, f32>) -> Vec<(DocumentKey, f32)> {
    let mut ranking: Vec<(DocumentKey, f32)> = scores.iter().map(|(key, score)| (*key, *score)).collect();
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranking
}

/// The highest score, 0 when there is none.
pub fn maximum(scores: &HashMap<DocumentKey, f32>) -> f32 {
    scores.values().copied().fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ChunkKey;

    #[test]
    fn the_second_and_third_passage_count_less() {
        let found = |document, score| Match { chunk: ChunkKey(0), document: DocumentKey(document), score };
        let scores = by_document(&[found(1, 0.5), found(2, 0.6), found(1, 0.4), found(1, 0.2), found(1, 0.1)]);
        assert!((scores[&DocumentKey(1)] - (0.5 + 0.3 * 0.4 + 0.15 * 0.2)).abs() < 1e-6);
        let order: Vec<u64> = ranking(&scores).into_iter().map(|(key, _)| key.0).collect();
        assert_eq!(order, [1, 2]);
    }
}
