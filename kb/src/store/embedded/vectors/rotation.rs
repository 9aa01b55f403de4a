//! A fixed random-like rotation, by which no dimension matters more than others whatever model the vectors are of.

/// How often signs are flipped and halves are mixed. Fewer leave traces of single dimensions.
const ROUNDS: usize = 4;

/// A rotation of vectors of one length; the same for the same length.
pub(super) struct Rotation {
    /// For each round, the sign of each component: 1 or -1, by which the component is multiplied.
    signs: [Vec<f32>; ROUNDS],
    /// The highest power of two that is not above the number of dimensions: so many are mixed at once.
    mixed: usize,
}

impl Rotation {
    pub fn new(dimensions: usize) -> Self {
        let mut state = dimensions as u64;
        let mut sign = || {
            // The generator SplitMix64, so that the signs are drawn alike everywhere.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            if (bits ^ (bits >> 31)) & 1 == 0 { 1.0 } else { -1.0 }
        };
        let signs = [(); ROUNDS].map(|()| (0..dimensions).map(|_| sign()).collect());
        Self { signs, mixed: if dimensions == 0 { 0 } else { 1 << dimensions.ilog2() } }
    }

    /// Turns a vector; lengths and angles stay as they are.
    pub fn turn(&self, vector: &mut [f32]) {
        let scale = 1.0 / (self.mixed.max(1) as f32).sqrt();
        for (round, signs) in self.signs.iter().enumerate() {
            vector.iter_mut().zip(signs).for_each(|(component, sign)| *component *= sign);
            // The front and the back by turns, which overlap: so all is mixed with all.
            let from = if round % 2 == 0 { 0 } else { vector.len() - self.mixed };
            let part = &mut vector[from..from + self.mixed];
            hadamard(part);
            part.iter_mut().for_each(|component| *component *= scale);
        }
    }
}

/// The fast Walsh-Hadamard transform, in place, of a length that is a power of two.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (front, back) = pair.split_at_mut(half);
            for (a, b) in front.iter_mut().zip(back) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_angles_stay_and_what_was_one_dimension_is_in_all() {
        for dimensions in [0_usize, 1, 2, 3, 24, 256, 384, 1_000, 1_536] {
            let rotation = Rotation::new(dimensions);
            let turned = |at: usize| {
                let mut unit = vec![0.0; dimensions];
                unit[at] = 1.0;
                rotation.turn(&mut unit);
                unit
            };
            let axes: Vec<usize> = (0..dimensions).step_by(dimensions.div_ceil(7).max(1)).collect();
            for &a in &axes {
                for &b in &axes {
                    let (left, right) = (turned(a), turned(b));
                    let dot: f32 = left.iter().zip(&right).map(|(a, b)| a * b).sum();
                    assert!((dot - f32::from(u8::from(a == b))).abs() < 1e-4, "{dimensions}: {a} and {b}");
                }
                let most = turned(a).iter().fold(0.0_f32, |most, part| most.max(part.abs()));
                assert!(dimensions < 256 || most < 0.4, "{dimensions}: {a} is still {most} of one");
            }
        }
    }
}
