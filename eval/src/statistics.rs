//! Whether a difference between two runs is real: paired bootstrap, randomisation test, wins and losses, and the
//! smallest difference that a set can show at all. Pure, and deterministic: the random numbers come from a fixed seed.
//!
//! Sources: Sakai, "Statistical reform in information retrieval", SIGIR Forum 2014; Smucker, Allan and Carterette, "A
//! comparison of statistical significance tests for information retrieval evaluation", CIKM 2007.

use serde::{Deserialize, Serialize};

/// Number of bootstrap resamples and of random sign flips: the interval's ends move by less than 0.001 between seeds on
/// sets of a hundred queries.
const RESAMPLES: usize = 10_000;

/// The seed of the random numbers, a constant, so that two runs agree.
const SEED: u64 = 0x72756e_626f6f6b64;

/// Differences up to this size are floating-point noise and count as ties.
const TIE: f64 = 1e-12;

/// A confidence interval of 95 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// The comparison of one run with an earlier one on the same queries; differences are *now minus before*.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The mean of the differences over all queries.
    pub difference: f64,
    /// The 95 % interval of the mean by the paired bootstrap.
    pub interval: Interval,
    /// Two-sided p-value of the paired randomisation test.
    pub p_value: f64,
    /// Number of queries that got better.
    pub wins: usize,
    /// Number of queries that stayed the same.
    pub ties: usize,
    /// Number of queries that got worse.
    pub losses: usize,
    /// The smallest true difference that a set of this size and spread would show in four of five runs (power 0.8 at
    /// the 5 % level).
    pub minimum_detectable_difference: f64,
}

/// Compares two runs, query by query: both slices hold the same queries in the same order.
///
/// Extra values of the longer slice are left out; without queries the difference is 0.
pub fn compare(now: &[f64], before: &[f64]) -> Comparison {
    let differences: Vec<f64> = now.iter().zip(before).map(|(now, before)| now - before).collect();
    let wins = differences.iter().filter(|difference| **difference > TIE).count();
    let losses = differences.iter().filter(|difference| **difference < -TIE).count();
    Comparison {
        difference: mean(&differences),
        interval: bootstrap_interval(&differences),
        p_value: randomisation_p_value(&differences),
        wins,
        ties: differences.len() - wins - losses,
        losses,
        minimum_detectable_difference: minimum_detectable_difference(&differences),
    }
}

/// The mean; 0 for no value.
pub fn mean(values: &[f64]) -> f64 {
    match values.is_empty() {
        true => 0.0,
        false => values.iter().sum::<f64>() / values.len() as f64,
    }
}

/// The 95 % percentile-bootstrap interval of the mean.
pub fn bootstrap_interval(values: &[f64]) -> Interval {
    if values.is_empty() {
        return Interval::default();
    }
    let mut random = SplitMix64(SEED);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sum: f64 = (0..values.len()).map(|_| values[random.below(values.len())]).sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    Interval { low: quantile(&means, 0.025), high: quantile(&means, 0.975) }
}

/// Two-sided p-value of the hypothesis that the signs of the differences are arbitrary. The observed assignment counts
/// as one of the trials, so the value is never 0.
pub fn randomisation_p_value(differences: &[f64]) -> f64 {
    let observed = differences.iter().sum::<f64>().abs();
    let mut random = SplitMix64(SEED);
    let extreme = (0..RESAMPLES)
        .filter(|_| {
            let mut signs = 0u64;
            let mut sum = 0.0;
            for (at, difference) in differences.iter().enumerate() {
                if at % 64 == 0 {
                    signs = random.next();
                }
                sum += if signs >> (at % 64) & 1 == 0 { *difference } else { -*difference };
            }
            sum.abs() >= observed - TIE
        })
        .count();
    (extreme + 1) as f64 / (RESAMPLES + 1) as f64
}

/// `(z(0.975) + z(0.8)) * s / sqrt(n)` with the sample deviation `s` of the differences; 0 for fewer than two.
pub fn minimum_detectable_difference(differences: &[f64]) -> f64 {
    let n = differences.len();
    if n < 2 {
        return 0.0;
    }
    let centre = mean(differences);
    let variance = differences.iter().map(|d| (d - centre).powi(2)).sum::<f64>() / (n - 1) as f64;
    (1.959_964 + 0.841_621) * (variance / n as f64).sqrt()
}

/// The value below which a share `q` of the sorted values lies, interpolated linearly; 0 if there are no values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let at = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64)
}

/// Steele, Lea and Flood's SplitMix64. Written out because its stream must stay the same whatever a crate's next
/// version does: reports are compared byte by byte.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0. Multiply-shift: the bias is under 2^-50 for any set of queries.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First values for seed 1234567, from the reference implementation.
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn equal_runs_show_no_difference() {
        let values = [0.1, 0.5, 1.0, 0.0];
        let comparison = compare(&values, &values);
        assert_eq!(comparison.difference, 0.0);
        assert_eq!(comparison.interval, Interval::default());
        assert_eq!(comparison.p_value, 1.0);
        assert_eq!((comparison.wins, comparison.ties, comparison.losses), (0, 4, 0));
    }

    #[test]
    fn a_clear_loss_is_significant_and_its_interval_lies_below_zero() {
        let before = vec![1.0; 40];
        let now: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 0.5 } else { 1.0 }).collect();
        let comparison = compare(&now, &before);
        assert_eq!(comparison.difference, -0.25);
        assert!(comparison.interval.low < -0.25 && comparison.interval.high < -0.1, "{comparison:?}");
        assert!(comparison.p_value < 0.001, "{comparison:?}");
        assert_eq!((comparison.wins, comparison.ties, comparison.losses), (0, 20, 20));
        // s = 0.2532, n = 40.
        assert!((comparison.minimum_detectable_difference - 0.1122).abs() < 1e-3);
    }

    #[test]
    fn one_flip_among_few_queries_is_not_significant() {
        let comparison = compare(&[1.0, 0.0, 1.0], &[1.0, 1.0, 1.0]);
        assert!(comparison.p_value > 0.9, "{comparison:?}");
    }

    #[test]
    fn the_interval_of_a_known_spread() {
        // 50 zeros and 50 ones: standard error 0.05, so about 0.5 ± 0.098.
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let interval = bootstrap_interval(&values);
        assert!(
            (interval.low - 0.40).abs() <= 0.011 && (interval.high - 0.60).abs() <= 0.011,
            "{interval:?}"
        );
    }

    #[test]
    fn two_runs_agree() {
        let now = [0.3, 0.9, 0.2, 0.8];
        let before = [0.4, 0.1, 0.2, 0.9];
        assert_eq!(compare(&now, &before), compare(&now, &before));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 0.5), 1.5);
        assert_eq!(quantile(&[5.0], 0.99), 5.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
