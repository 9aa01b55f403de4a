//! How many documents and passages have a term, in the whole generation: a point for each term, by its dimension.
//!
//! A point holds the counts after each of the last few changes of them, each with the number of its change, so that
//! every state finds its own. The server's own estimate of rarity would count superseded versions, and each shard
//! apart.

use super::{
    client::{Cluster, Mode},
    manifest::get,
    points::{Draft, Sort, fields, integer, list, numbered},
    visible::Visible,
};
use crate::store::{error::StoreError, view::Counts};
use qdrant_client::qdrant::{PointId, PointStruct, point_id::PointIdOptions};
use std::collections::HashMap;

const COUNTS: &str = "counts";

/// Terms that are read or written at a time.
pub(super) const TERMS_AT_ONCE: usize = 2_000;

/// Earlier counts that a point keeps, for states that are still being read.
const KEPT_COUNTS: usize = 4;

/// Counts, each with the number of the change that led to them, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TermCounts(Vec<(u64, Counts)>);

impl TermCounts {
    /// The counts of a state. A state that is older than all that is kept gets the oldest.
    pub fn at(&self, visible: &Visible) -> Counts {
        let committed = self.0.iter().rev().find(|(number, _)| visible.has(*number));
        committed.map(|(_, counts)| *counts).unwrap_or_default()
    }

    /// The counts after the change `number`, which was made of the state `visible`.
    pub fn changed(&self, visible: &Visible, number: u64, delta: Delta) -> Self {
        let before = self.at(visible);
        let moved = |count: u64, by: i64| count.saturating_add_signed(by);
        let after = Counts {
            documents: moved(before.documents, delta.documents),
            chunks: moved(before.chunks, delta.chunks),
        };
        // Counts of changes that were never committed are dropped.
        let mut kept: Vec<(u64, Counts)> =
            self.0.iter().filter(|(number, _)| visible.has(*number)).copied().collect();
        kept.drain(..kept.len().saturating_sub(KEPT_COUNTS - 1));
        kept.push((number, after));
        Self(kept)
    }

    fn of(numbers: &[i64]) -> Self {
        let counts = |part: &[i64; 3]| {
            let [number, documents, chunks] = part.map(|number| number.max(0) as u64);
            (number, Counts { documents, chunks })
        };
        Self(numbers.as_chunks::<3>().0.iter().map(counts).collect())
    }

    /// The point that keeps the counts of a dimension.
    pub fn point(&self, dimension: u32) -> PointStruct {
        let numbers = self.0.iter().flat_map(|(number, counts)| [*number, counts.documents, counts.chunks]);
        let numbers = numbers.map(|number| integer(number as i64));
        Draft::new(numbered(u64::from(dimension)), Sort::Term).with(COUNTS, list(numbers)).build()
    }
}

/// The differences that a change makes to the counts of a term.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delta {
    pub documents: i64,
    pub chunks: i64,
}

/// The counts of terms by their dimensions; terms without known counts are left out.
pub(super) async fn read(
    cluster: &Cluster,
    collection: &str,
    dimensions: &[u32],
) -> Result<HashMap<u32, TermCounts>, StoreError> {
    let mut counts = HashMap::with_capacity(dimensions.len());
    for dimensions in dimensions.chunks(TERMS_AT_ONCE) {
        let ids: Vec<PointId> = dimensions.iter().map(|&dimension| numbered(u64::from(dimension))).collect();
        let found = cluster
            .call(Mode::Read, "count terms of", |server| {
                let request = get(collection, ids.clone());
                async move { server.get_points(request).await }
            })
            .await?;
        for point in &found.result {
            let Some(PointIdOptions::Num(number)) =
                point.id.as_ref().and_then(|id| id.point_id_options.clone())
            else {
                continue;
            };
            counts.insert(number as u32, TermCounts::of(&fields(point).integers(COUNTS)?));
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_finds_its_counts() {
        let delta = |documents: i64, chunks: i64| Delta { documents, chunks };
        let counts = |documents: u64, chunks: u64| Counts { documents, chunks };
        let start = Visible::default();
        let first = TermCounts::default().changed(&start, 1, delta(2, 5));
        assert_eq!(first.at(&start), counts(0, 0), "not committed yet");
        let one = start.with(1);
        assert_eq!(first.at(&one), counts(2, 5));
        let never = first.changed(&one, 2, delta(100, 100));
        let third = never.changed(&one, 3, delta(-1, -2));
        let three = one.clone().with(3);
        assert_eq!((third.at(&one), third.at(&three)), (counts(2, 5), counts(1, 3)));
        let stored = TermCounts::of(&[1, 2, 5, 3, 1, 3]);
        assert_eq!(stored, third);
        let many = (4..20).fold((third, three), |(terms, visible), number| {
            (terms.changed(&visible, number, delta(1, 1)), visible.with(number))
        });
        assert_eq!(many.0.at(&many.1), counts(17, 19));
        assert_eq!(many.0.0.len(), KEPT_COUNTS);
    }
}
