//! The best few of many scores, in a fixed order.

use std::cmp::Ordering;

/// Keeps the `limit` best of what is offered: highest score first, ties by the smaller key.
#[derive(Debug, Clone)]
pub(super) struct Best<K> {
    limit: usize,
    entries: Vec<(f32, K)>,
    /// Score of the worst entry that can still matter.
    threshold: f32,
}

impl<K: Ord + Copy> Best<K> {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: Vec::with_capacity(limit.saturating_mul(2).min(4096)),
            threshold: f32::NEG_INFINITY,
        }
    }

    /// Whether a score is high enough to be kept for now; saves making a key in vain.
    pub fn admits(&self, score: f32) -> bool {
        score >= self.threshold
    }

    pub fn offer(&mut self, score: f32, key: K) {
        if self.limit == 0 || score < self.threshold {
            return;
        }
        self.entries.push((score, key));
        // Twice the limit is let in before the worse half is dropped: a constant cost per offer.
        if self.entries.len() >= self.limit.saturating_mul(2).max(64) {
            self.shrink();
        }
    }

    pub fn merge(mut self, other: Self) -> Self {
        for (score, key) in other.entries {
            self.offer(score, key);
        }
        self
    }

    fn shrink(&mut self) {
        if self.entries.len() > self.limit {
            self.entries.select_nth_unstable_by(self.limit - 1, order);
            self.entries.truncate(self.limit);
            self.threshold = self.entries[self.limit - 1].0;
        }
    }

    /// The best, best first.
    pub fn into_sorted(mut self) -> Vec<(f32, K)> {
        self.shrink();
        self.entries.sort_unstable_by(order);
        self.entries
    }
}

fn order<K: Ord>(a: &(f32, K), b: &(f32, K)) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_sorting_everything(scores in proptest::collection::vec(0u8..8, 0..400), limit in 0usize..90) {
            let mut all: Vec<(f32, usize)> =
                scores.iter().enumerate().map(|(key, &score)| (f32::from(score), key)).collect();
            let (mut left, mut right) = (Best::new(limit), Best::new(limit));
            for (at, &(score, key)) in all.iter().enumerate() {
                if at % 3 == 0 { left.offer(score, key) } else { right.offer(score, key) }
            }
            all.sort_by(order);
            all.truncate(limit);
            prop_assert_eq!(left.merge(right).into_sorted(), all);
        }
    }
}
