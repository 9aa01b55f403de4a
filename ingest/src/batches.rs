//! Runs of items that are handled at once, so that memory stays bounded.

/// A batch: about this many bytes.
pub(crate) const BATCH_BYTES: u64 = 2 << 20;

/// A batch: at most this many items.
pub(crate) const BATCH_ITEMS: usize = 64;

/// Runs of items of about [`BATCH_BYTES`] and at most [`BATCH_ITEMS`].
pub(crate) fn batches<T>(items: &[T], bytes: impl Fn(&T) -> u64) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        let size = bytes(item);
        if at > start && (sum + size > BATCH_BYTES || at - start >= BATCH_ITEMS) {
            batches.push(&items[start..at]);
            (start, sum) = (at, 0);
        }
        sum += size;
    }
    if start < items.len() {
        batches.push(&items[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_bytes_and_items() {
        let check = |sizes: &[u64], lengths: &[usize]| {
            let found: Vec<usize> = batches(sizes, |&size| size).iter().map(|batch| batch.len()).collect();
            assert_eq!(found, lengths);
        };
        check(&[], &[]);
        check(&[1; 130], &[64, 64, 2]);
        check(&[BATCH_BYTES * 4, 1, BATCH_BYTES, 1], &[1, 1, 1, 1]);
        check(&[1, 1, BATCH_BYTES], &[2, 1]);
    }
}
