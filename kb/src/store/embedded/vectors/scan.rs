//! The exact scan over the bytes of rows.

use super::rows::{ROWS_PER_BLOCK, Rows, parts, quantise};
use crate::store::{
    embedded::{
        best::Best,
        bits::{Bits, ones},
    },
    error::StoreError,
};
use rayon::prelude::*;
use simsimd::SpatialSimilarity;

/// From this many rows on the scan uses all cores; below, handing it out costs more than it saves.
const PARALLEL_FROM_ROWS: usize = 20_000;

/// From this many rows on the scan uses all cores, if the rows have to be read from the disk.
const PARALLEL_FROM_ROWS_ON_DISK: usize = 200;

/// Words of 64 rows that one core scans at a time.
const WORDS_PER_TASK: usize = 64;

/// The keys of the `limit` rows among `allowed` with the highest cosine to `query` by their bytes, best first. By
/// bytes, a cosine is right to about a hundredth.
pub(super) fn best<K: Ord + Copy + Send + Sync>(
    rows: &Rows<u8>,
    query: &[f32],
    allowed: &Bits,
    limit: usize,
    key: impl Fn(u32) -> K + Sync,
) -> Result<Vec<K>, StoreError> {
    // The query's scale is the same factor for all rows and changes no order.
    let (query, _) = quantise(query);
    let stride = rows.stride();
    let scan_words = |first_word: usize, words: &[u64]| -> Result<Best<K>, StoreError> {
        let mut best = Best::new(limit);
        for (first_row, &word) in (first_word * 64..).step_by(64).zip(words) {
            let held = rows.held_block(first_row / ROWS_PER_BLOCK);
            for bit in ones(word) {
                let row = first_row + bit;
                let read;
                let bytes = match held {
                    Some(block) => &block[row % ROWS_PER_BLOCK * stride..][..stride],
                    None => {
                        read = rows.row(row)?;
                        &read[..]
                    }
                };
                let (vector, scale) = parts(bytes);
                let score = dot_i8(&query, vector) * scale;
                if best.admits(score) {
                    best.offer(score, key(row as u32));
                }
            }
        }
        Ok(best)
    };
    let words = allowed.words();
    let parallel_from = if rows.is_held() { PARALLEL_FROM_ROWS } else { PARALLEL_FROM_ROWS_ON_DISK };
    let best = if allowed.len() < parallel_from {
        scan_words(0, words)?
    } else {
        words
            .par_chunks(WORDS_PER_TASK)
            .enumerate()
            .map(|(task, words)| scan_words(task * WORDS_PER_TASK, words))
            .try_reduce(|| Best::new(limit), |a, b| Ok(a.merge(b)))?
    };
    Ok(best.into_sorted().into_iter().map(|(_, key)| key).collect())
}

fn dot_i8(query: &[i8], vector: &[i8]) -> f32 {
    i8::dot(query, vector).expect("vectors of one generation have one length") as f32
}
