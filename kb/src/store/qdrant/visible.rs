//! Which versions of records a state shows.
//!
//! Every change has a number of its own, given out in order. A writer puts new versions beside the old ones, marked
//! with its number, and marks the old ones as superseded by it. All of that counts from the moment on at which the
//! manifest lists the number as committed, and not before: a commit is the writing of one point. (Multi-version
//! concurrency control, as in Bernstein and Goodman, "Multiversion concurrency control: theory and algorithms", ACM
//! TODS 8(4), 1983.)

use super::points::{between, is_any, nested, payload};
use qdrant_client::qdrant::Filter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The numbers of the changes that are committed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Visible {
    /// The largest committed number.
    last: u64,
    /// Smaller numbers that are not committed: of writers at work, and of some that ended without a commit.
    pending: BTreeSet<u64>,
}

impl Visible {
    /// Whether a change is committed.
    pub fn has(&self, number: u64) -> bool {
        number <= self.last && !self.pending.contains(&number)
    }

    pub fn pending(&self) -> impl Iterator<Item = u64> + '_ {
        self.pending.iter().copied()
    }

    /// The visible changes with one change more. All numbers before it have been given out.
    pub fn with(mut self, number: u64) -> Self {
        if number > self.last {
            self.pending.extend(self.last + 1..number);
            self.last = number;
        }
        self.pending.remove(&number);
        self
    }

    /// Forgets the number of a change that has no stored points any more.
    pub fn forget(&mut self, number: u64) {
        self.pending.remove(&number);
    }

    /// The points that are shown.
    pub fn filter(&self) -> Filter {
        let last = i64::try_from(self.last).unwrap_or(i64::MAX);
        let mut filter = Filter::must([between(payload::FROM, None, Some(last))]);
        let not_yet = between(payload::UNTIL, Some(last + 1), None);
        if self.pending.is_empty() {
            filter.must.push(not_yet);
            return filter;
        }
        let pending: Vec<i64> = self.pending.iter().map(|&number| number as i64).collect();
        filter.must_not.push(is_any(payload::FROM, pending.clone()));
        filter.must.push(nested(Filter::should([not_yet, is_any(payload::UNTIL, pending)])));
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_count_from_their_commit_on() {
        let visible = Visible::default().with(3).with(1);
        let committed: Vec<u64> = (0..6).filter(|&number| visible.has(number)).collect();
        assert_eq!(committed, [0, 1, 3]);
        let later = visible.clone().with(5).with(2);
        assert!(later.has(2) && later.has(5) && !later.has(4));
        assert!(!visible.has(2) && !visible.has(5), "an earlier state stays as it is");
        assert_eq!(later.pending().collect::<Vec<_>>(), [4]);
    }
}
