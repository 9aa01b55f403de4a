//! How much of what a sentence speaks of stands in a passage.

use super::{
    Support,
    passage::Passage,
    words::{Tongue, Words},
};
use std::collections::HashSet;

/// How much of a sentence a passage has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    is_same_tongue: bool,
    /// The best part's share.
    of_part: f32,
    /// The share of all parts together.
    of_passage: f32,
    /// How much there is to find.
    weight: f32,
}

/// Least sum of both shares, where sentence and passage have one language and where not. Fitted on one half of the
/// sentences of `eval/suites/support`, and so that no honest reply of `eval/suites/replies` is marked.
const LEAST_SHARES: f32 = 0.7;
const LEAST_FOREIGN_SHARES: f32 = 0.6;

/// The least weight of a sentence's words. Below `LEAST_WEIGHT` half of the least shares is enough, and a passage in
/// another language needs no share at all; below `LEAST_SHORT` a sentence is not judged by its words.
const LEAST_WEIGHT: f32 = 2.5;
const LEAST_SHORT: f32 = 1.7;

impl Shares {
    /// Whether so little stands there that the sentence is not the passage's.
    pub fn are_low(self) -> bool {
        let (least, least_of_short) = match self.is_same_tongue {
            true => (LEAST_SHARES, LEAST_SHARES / 2.0),
            false => (LEAST_FOREIGN_SHARES, 0.0),
        };
        let found = self.of_part + self.of_passage;
        (self.weight >= LEAST_WEIGHT && found < least)
            || (self.weight >= LEAST_SHORT && found < least_of_short)
    }
}

impl Support<'_> {
    /// The words without those of the question, which need no source.
    pub(super) fn unasked(&self, words: &Words) -> Words {
        let unasked = |words: &HashSet<String>| {
            words.iter().filter(|word| !self.asked.parts.has(word)).cloned().collect()
        };
        Words { shared: unasked(&words.shared), own: unasked(&words.own) }
    }

    pub(super) fn shares(
        &self,
        words: &Words,
        tongue: Tongue,
        passages: &[&Passage],
        num_amounts: usize,
    ) -> Shares {
        // The words of the question need no source: they count as found.
        let unasked = self.unasked(words);
        let is_foreign = passages.iter().all(|passage| passage.tongue != tongue);
        let of_amounts = if is_foreign { num_amounts as f32 } else { 0.0 };
        let asked = (words.shared.len() - unasked.shared.len()) as f32 + of_amounts;
        let words = unasked;
        let mut shares = Shares { is_same_tongue: false, of_part: 0.0, of_passage: 0.0, weight: 0.0 };
        for passage in passages {
            let is_same_tongue = passage.tongue == tongue;
            let scores = passage.parts.scores(&words, is_same_tongue);
            let weight = (scores.weight + asked).max(f32::EPSILON);
            let of_part = (scores.of_texts.iter().copied().fold(0.0, f32::max) + asked) / weight;
            let of_passage = (scores.of_all + asked) / weight;
            if of_part + of_passage >= shares.of_part + shares.of_passage {
                shares = Shares { is_same_tongue, of_part, of_passage, weight: scores.weight };
            }
        }
        shares
    }
}
