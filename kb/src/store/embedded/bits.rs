//! A fixed-length set of row or document numbers.

/// A set of numbers below a fixed length, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    length: usize,
}

impl Bits {
    /// The empty set of numbers below `length`.
    pub fn empty(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], length }
    }

    /// Takes every number out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    pub fn insert(&mut self, number: usize) {
        debug_assert!(number < self.length);
        self.words[number / 64] |= 1 << (number % 64);
    }

    pub fn insert_range(&mut self, range: std::ops::Range<usize>) {
        for number in range {
            self.insert(number);
        }
    }

    /// Whether `number` is in the set; a number beyond the length is not.
    pub fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// The first number that is too high for the set.
    pub fn bound(&self) -> usize {
        self.length
    }

    /// How many numbers are in it.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The numbers in the set, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| ones(word).map(move |bit| at * 64 + bit))
    }
}

/// The positions of the set bits of a word, ascending.
pub(super) fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_inserted() {
        let mut bits = Bits::empty(200);
        bits.insert_range(60..70);
        bits.insert(199);
        assert_eq!(bits.iter().collect::<Vec<_>>(), (60..70).chain([199]).collect::<Vec<_>>());
        assert_eq!(bits.len(), 11);
        assert!(bits.contains(64) && !bits.contains(70) && !bits.contains(10_000));
        assert_eq!(Bits::empty(0).iter().count(), 0);
    }
}
