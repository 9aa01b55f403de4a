//! A bit a dimension, to choose the few thousand rows that are worth scanning.
//!
//! Of each row, the difference to a centre is rotated, and the signs of its components are kept with two numbers. From
//! these the cosine of the row to a query is estimated, as in RaBitQ (Gao and Long, SIGMOD 2024):
//!
//! ```text
//! <row, query> = <centre, query> + <row - centre, centre> + <row - centre, query - centre>
//!                same for all      a number of the row      signs · rotated query · another number of the row
//! ```
//!
//! The centre takes out what all vectors of a model have in common, which for some is most of them. The rotation
//! spreads single dimensions that outweigh the others. Without the two, recall depends on the model. The query keeps
//! four bits a dimension: rounded to signs as well, four to eight times as many rows are needed for the same recall.
//!
//! For 384 dimensions a row takes 56 bytes, a seventh of those in `vectors.i8`.

use super::{
    dot,
    rotation::Rotation,
    rows::{ROWS_PER_BLOCK, Rows, parts},
};
use crate::store::{
    embedded::{
        best::Best,
        bits::{Bits, ones},
    },
    error::StoreError,
};
use rayon::prelude::*;
use std::{borrow::Cow, sync::Arc};

/// Rows whose bits lie together, by the words of [`Bits`].
const GROUP: usize = 64;

/// Rows of a group that are compared at once: a word of each fills a register of 512 bits.
const LANES: usize = 8;

/// Bits of a component of the query, beside its sign.
const PLANES: usize = 3;

/// A component of the query beyond so many times their root mean square counts as that.
const CLIP: f32 = 3.0;

/// The centre is the mean of at most so many blocks.
const CENTRE_BLOCKS: usize = 16;

/// The least words of 64 rows that one core looks through at a time; fewer, and handing them out costs more than it
/// saves.
const MIN_WORDS_PER_TASK: usize = if cfg!(test) { 64 } else { 2_048 };

/// See the module's documentation.
pub(super) struct Screen {
    rotation: Arc<Rotation>,
    centre: Arc<[f32]>,
    /// The centre depends on the first so many rows, and on no others.
    centre_rows: usize,
    dimensions: usize,
    blocks: Vec<Arc<Block>>,
}

/// [`ROWS_PER_BLOCK`] rows, or the last ones.
struct Block {
    /// For each group, for each [`LANES`] rows of it, for each 64 dimensions: a word of each row.
    bits: Vec<u64>,
    /// By row: the factor of the sum of signs times query.
    factors: Vec<f32>,
    /// By row: the product of its difference to the centre with the centre.
    offsets: Vec<f32>,
}

impl Screen {
    /// The bits of rows. The bits that `before` has of the first `known` rows are taken over, if the centre is the
    /// same.
    pub fn of(
        rows: &Rows<u8>,
        dimensions: usize,
        before: Option<&Self>,
        known: usize,
    ) -> Result<Self, StoreError> {
        // A power of two, so that few commits move the centre; and of the first rows, so that a commit has the same
        // bits whenever and after whatever it is opened.
        let centre_rows = if rows.len() == 0 { 0 } else { 1 << rows.len().ilog2() };
        let before = before.filter(|before| before.centre_rows == centre_rows && known >= centre_rows);
        let mut screen = match before {
            Some(before) => Self {
                rotation: before.rotation.clone(),
                centre: before.centre.clone(),
                blocks: before.blocks[..known / ROWS_PER_BLOCK].to_vec(),
                ..*before
            },
            None => Self {
                rotation: Arc::new(Rotation::new(dimensions)),
                centre: centre(rows, dimensions, centre_rows)?.into(),
                centre_rows,
                dimensions,
                blocks: Vec::new(),
            },
        };
        let missing = screen.blocks.len()..rows.len().div_ceil(ROWS_PER_BLOCK);
        let made = missing.into_par_iter().map(|block| {
            let rows: Cow<'_, [u8]> = rows.block(block)?;
            Ok(Arc::new(screen.block(&rows)))
        });
        let made: Vec<Arc<Block>> = made.collect::<Result<_, StoreError>>()?;
        screen.blocks.extend(made);
        Ok(screen)
    }

    fn words_per_row(&self) -> usize {
        self.dimensions.div_ceil(64)
    }

    fn block(&self, bytes: &[u8]) -> Block {
        let stride = super::quantised_stride(self.dimensions);
        let (words, rows) = (self.words_per_row(), bytes.len() / stride);
        let mut block = Block {
            bits: vec![0; rows.div_ceil(GROUP) * GROUP * words],
            factors: vec![0.0; rows.next_multiple_of(GROUP)],
            offsets: vec![0.0; rows.next_multiple_of(GROUP)],
        };
        let mut vector = vec![0.0; self.dimensions];
        for (row, bytes) in bytes.chunks_exact(stride).enumerate() {
            let (bytes, scale) = parts(bytes);
            for ((component, byte), centre) in vector.iter_mut().zip(bytes).zip(self.centre.iter()) {
                *component = f32::from(*byte) * scale - centre;
            }
            block.offsets[row] = dot(&vector, &self.centre);
            self.rotation.turn(&mut vector);
            let sum: f32 = vector.iter().map(|component| component.abs()).sum();
            // A row that is the centre itself has no direction.
            block.factors[row] = if sum > 0.0 { dot(&vector, &vector) / sum } else { 0.0 };
            let first = row / LANES * LANES * words + row % LANES;
            for (word, components) in vector.chunks(64).enumerate() {
                block.bits[first + word * LANES] = signs(components);
            }
        }
        block
    }

    /// The `kept` rows among `allowed` whose estimated cosine to `query` is highest.
    pub fn best(&self, query: &[f32], allowed: &Bits, kept: usize) -> Bits {
        let probe = self.probe(query);
        let words = allowed.words();
        // Few tasks, for each lets `kept` rows in before it knows which are good.
        let task = words.len().div_ceil(2 * rayon::current_num_threads()).max(MIN_WORDS_PER_TASK);
        let best = if words.len() <= task {
            self.best_of(&probe, 0, words, kept)
        } else {
            words
                .par_chunks(task)
                .enumerate()
                .map(|(number, words)| self.best_of(&probe, number * task, words, kept))
                .reduce(|| Best::new(kept), Best::merge)
        };
        let mut rows = Bits::empty(allowed.bound());
        best.into_sorted().into_iter().for_each(|(_, row)| rows.insert(row as usize));
        rows
    }

    fn best_of(&self, probe: &Probe, first_word: usize, words: &[u64], kept: usize) -> Best<u32> {
        let mut best = Best::new(kept);
        let group_bits = GROUP * self.words_per_row();
        for (group, &word) in (first_word..).zip(words) {
            if word == 0 {
                continue;
            }
            let block = &self.blocks[group * GROUP / ROWS_PER_BLOCK];
            let at = group % (ROWS_PER_BLOCK / GROUP);
            let bits = &block.bits[at * group_bits..][..group_bits];
            let (factors, offsets) = (&block.factors.as_chunks().0[at], &block.offsets.as_chunks().0[at]);
            let estimates = estimates(bits, probe, factors, offsets);
            for (lanes, estimates) in estimates.as_chunks::<LANES>().0.iter().enumerate() {
                // Nearly all are too low, and comparing them together is far faster than one by one.
                if !estimates.iter().fold(false, |any, &estimate| any | best.admits(estimate)) {
                    continue;
                }
                for bit in ones(word >> (lanes * LANES) & 0xff) {
                    best.offer(estimates[bit], (group * GROUP + lanes * LANES + bit) as u32);
                }
            }
        }
        best
    }

    fn probe(&self, query: &[f32]) -> Probe {
        let mut query: Vec<f32> = query.iter().zip(self.centre.iter()).map(|(a, b)| a - b).collect();
        self.rotation.turn(&mut query);
        let most = query.iter().fold(0.0_f32, |most, component| most.max(component.abs()));
        let root_mean_square = (dot(&query, &query) / self.dimensions as f32).sqrt();
        let levels = (1 << PLANES) - 1;
        let step = (most.min(CLIP * root_mean_square) / levels as f32).max(f32::MIN_POSITIVE);
        let level = |component: f32| ((component.abs() / step).round() as u32).min(levels);
        let words = query.chunks(64).map(|components| {
            let mut planes = [0; PLANES];
            for (at, &component) in components.iter().enumerate() {
                let level = level(component);
                for (bit, plane) in planes.iter_mut().enumerate() {
                    *plane |= u64::from(level >> bit & 1) << at;
                }
            }
            ProbeWord { opposite: !signs(components), planes }
        });
        let total = query.iter().map(|&component| level(component)).sum::<u32>() as f32;
        Probe { words: words.collect(), step, total }
    }
}

/// A query, prepared for being compared with bits.
struct Probe {
    words: Vec<ProbeWord>,
    /// The value of one level: a component's size divided by it, and rounded, is the component's level.
    step: f32,
    /// The sum of all levels.
    total: f32,
}

/// 64 dimensions of a query.
#[derive(Clone, Copy)]
struct ProbeWord {
    /// The exclusive-or of this word and a row's signs has a bit for each component whose sign agrees.
    opposite: u64,
    /// The bits of the levels, lowest first.
    planes: [u64; PLANES],
}

/// The mean of rows from all over the first `span`.
fn centre(rows: &Rows<u8>, dimensions: usize, span: usize) -> Result<Vec<f32>, StoreError> {
    let blocks = span.div_ceil(ROWS_PER_BLOCK);
    let stride = super::quantised_stride(dimensions);
    let (mut sum, mut count) = (vec![0.0_f32; dimensions], 0_usize);
    for block in (0..blocks).step_by(blocks.div_ceil(CENTRE_BLOCKS).max(1)) {
        let in_span = (span - block * ROWS_PER_BLOCK).min(ROWS_PER_BLOCK);
        for row in rows.block(block)?.chunks_exact(stride).take(in_span) {
            let (bytes, scale) = parts(row);
            sum.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += f32::from(*byte) * scale);
            count += 1;
        }
    }
    sum.iter_mut().for_each(|sum| *sum /= count.max(1) as f32);
    Ok(sum)
}

/// A bit for each component that is above zero, the first lowest.
fn signs(components: &[f32]) -> u64 {
    components.iter().enumerate().fold(0, |bits, (at, &component)| bits | u64::from(component > 0.0) << at)
}

/// The estimated cosines of a group's rows, less what is the same for all.
fn estimates(group: &[u64], probe: &Probe, factors: &[f32; GROUP], offsets: &[f32; GROUP]) -> [f32; GROUP] {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
            // SAFETY: the processor has these instructions.
            return unsafe { estimates_avx512(group, probe, factors, offsets) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has these instructions.
            return unsafe { estimates_avx2(group, probe, factors, offsets) };
        }
    }
    estimates_anywhere(group, probe, factors, offsets)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn estimates_avx512(
    group: &[u64],
    probe: &Probe,
    factors: &[f32; GROUP],
    offsets: &[f32; GROUP],
) -> [f32; GROUP] {
    estimates_anywhere(group, probe, factors, offsets)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn estimates_avx2(
    group: &[u64],
    probe: &Probe,
    factors: &[f32; GROUP],
    offsets: &[f32; GROUP],
) -> [f32; GROUP] {
    estimates_anywhere(group, probe, factors, offsets)
}

/// Written for the compiler to make the best of the instructions that its caller may use.
#[inline(always)]
fn estimates_anywhere(
    group: &[u64],
    probe: &Probe,
    factors: &[f32; GROUP],
    offsets: &[f32; GROUP],
) -> [f32; GROUP] {
    let sums = agreement(group, &probe.words);
    let mut estimates = [0.0; GROUP];
    for (row, estimate) in estimates.iter_mut().enumerate() {
        // Signs that differ count against the row.
        let product = (2 * sums[row]) as f32 - probe.total;
        *estimate = product * probe.step * factors[row] + offsets[row];
    }
    estimates
}

/// For each row of a group, the sum of the query's levels where the signs agree.
#[inline(always)]
fn agreement(group: &[u64], probe: &[ProbeWord]) -> [i32; GROUP] {
    let mut sums = [0; GROUP];
    let rows = group.chunks_exact(LANES * probe.len()).zip(sums.as_chunks_mut::<LANES>().0);
    for (rows, sums) in rows {
        let mut counts = [0_u64; LANES];
        for (bits, word) in rows.as_chunks::<LANES>().0.iter().zip(probe) {
            for (count, bits) in counts.iter_mut().zip(bits) {
                let agreeing = bits ^ word.opposite;
                for (at, plane) in word.planes.iter().enumerate() {
                    *count += u64::from((agreeing & plane).count_ones()) << at;
                }
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = count as i32;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::Random;

    #[test]
    fn every_way_of_counting_gives_the_levels_where_signs_agree() {
        let mut random = Random(3);
        let mut word = || (0..4).fold(0, |word, _| word << 16 | random.below(1 << 16) as u64);
        for words in [1, 4, 6, 13] {
            let group: Vec<u64> = (0..GROUP * words).map(|_| word()).collect();
            let probe: Vec<ProbeWord> = (0..words)
                .map(|_| ProbeWord { opposite: word(), planes: [(); PLANES].map(|()| word()) })
                .collect();
            let probe = Probe { words: probe, step: 0.5, total: 100.0 };
            let expected: Vec<f32> = (0..GROUP)
                .map(|row| {
                    let bits = |at: usize| group[(row / LANES * words + at) * LANES + row % LANES];
                    let agrees =
                        |at: usize, bit: usize| (bits(at) ^ probe.words[at].opposite) >> bit & 1 == 1;
                    let level = |at: usize, bit: usize| {
                        (0..PLANES)
                            .map(|plane| (probe.words[at].planes[plane] >> bit & 1) << plane)
                            .sum::<u64>()
                    };
                    let pairs = (0..words).flat_map(|at| (0..64).map(move |bit| (at, bit)));
                    let sum: u64 =
                        pairs.filter(|&(at, bit)| agrees(at, bit)).map(|(at, bit)| level(at, bit)).sum();
                    (2.0 * sum as f32 - 100.0) * 0.5 * 3.0 + row as f32
                })
                .collect();
            let (factors, offsets) = ([3.0; GROUP], std::array::from_fn(|row| row as f32));
            assert_eq!(estimates(&group, &probe, &factors, &offsets).as_slice(), expected);
            assert_eq!(estimates_anywhere(&group, &probe, &factors, &offsets).as_slice(), expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has these instructions.
                let estimates = unsafe { estimates_avx2(&group, &probe, &factors, &offsets) };
                assert_eq!(estimates.as_slice(), expected);
            }
        }
    }
}
