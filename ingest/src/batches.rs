//! Runs of items that are handled at once, so that memory stays bounded.

/// How large a batch is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    /// About this many bytes.
    pub(crate) bytes: u64,
    /// At most this many items.
    pub(crate) items: usize,
}

/// A batch that is stored at once.
pub(crate) const STORED: BatchSize = BatchSize { bytes: 2 << 20, items: 64 };

/// A batch of which only hashes are kept: larger, so that threads rarely wait for the last item of one.
pub(crate) const LOOKED_AT: BatchSize = BatchSize { bytes: 8 << 20, items: 512 };

/// Runs of items of about one size.
pub(crate) fn batches<T>(items: &[T], size: BatchSize, bytes: impl Fn(&T) -> u64) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        let own = bytes(item);
        if at > start && (sum + own > size.bytes || at - start >= size.items) {
            batches.push(&items[start..at]);
            (start, sum) = (at, 0);
        }
        sum += own;
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
            let found: Vec<usize> =
                batches(sizes, STORED, |&size| size).iter().map(|batch| batch.len()).collect();
            assert_eq!(found, lengths);
        };
        check(&[], &[]);
        check(&[1; 130], &[64, 64, 2]);
        check(&[STORED.bytes * 4, 1, STORED.bytes, 1], &[1, 1, 1, 1]);
        check(&[1, 1, STORED.bytes], &[2, 1]);
    }
}
