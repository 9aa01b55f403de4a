//! Logistic regression with L2, fitted by Newton's method (iteratively reweighted least squares). Pure and
//! deterministic: the same rows give the same coefficients on every machine's IEEE arithmetic.
//!
//! Entry point: [`fit`]. [`crate::calibration`] knows what the rows mean.

/// One labelled example with its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Features, the same number in every example.
    pub features: Vec<f64>,
    /// Whether it is positive.
    pub positive: bool,
    /// The weight of the example; above 0.
    pub weight: f64,
    /// The part of its log-odds that is known and not fitted.
    pub offset: f64,
}

/// The causes of a fit that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// All examples have one label.
    #[error("a fit needs both answerable and unanswerable questions; there are {positive} and {negative}")]
    OneSided {
        /// Number of positive examples.
        positive: usize,
        /// Number of negative examples.
        negative: usize,
    },
    /// An example differs in its number of features from the first, or has a value that is not finite.
    #[error("example {at} does not have {expected} finite features")]
    Features {
        /// Index of the example.
        at: usize,
        /// Number of features of the first.
        expected: usize,
    },
}

/// Most Newton steps; a fit that converges at all does so within ten.
const MAX_STEPS: usize = 100;

/// Fits `P(positive) = 1 / (1 + exp(-(c0 + Σ c_i x_i)))` and returns `[c0, c1, ...]` on the features' own scale.
///
/// `l2` penalises the coefficients of the features scaled to unit variance (the intercept is free), in units of one
/// example; features that never change get 0.
pub fn fit(examples: &[Example], l2: f64) -> Result<Vec<f64>, FitError> {
    let positive = examples.iter().filter(|example| example.positive).count();
    let negative = examples.len() - positive;
    if positive == 0 || negative == 0 {
        return Err(FitError::OneSided { positive, negative });
    }
    let width = examples[0].features.len();
    if let Some(at) = examples.iter().position(|e| {
        e.features.len() != width || e.features.iter().any(|x| !x.is_finite()) || !e.offset.is_finite()
    }) {
        return Err(FitError::Features { at, expected: width });
    }

    let scales = Scale::of(examples, width);
    let rows: Vec<Vec<f64>> = examples
        .iter()
        .map(|example| {
            let scaled = example.features.iter().zip(&scales).map(|(x, scale)| scale.apply(*x));
            std::iter::once(1.0).chain(scaled).collect()
        })
        .collect();
    let mut solution = vec![0.0; width + 1];
    let mut loss = penalised_loss(&rows, examples, &solution, l2);
    for _ in 0..MAX_STEPS {
        let step = newton_step(&rows, examples, &solution, l2);
        // Halved until the loss falls: a full step can overshoot when the classes are almost separable.
        let mut factor = 1.0;
        let improved = loop {
            let next: Vec<f64> = solution.iter().zip(&step).map(|(c, d)| c + factor * d).collect();
            let next_loss = penalised_loss(&rows, examples, &next, l2);
            if next_loss < loss {
                let gain = loss - next_loss;
                (solution, loss) = (next, next_loss);
                break gain > 1e-12 * (1.0 + loss);
            }
            factor /= 2.0;
            if factor < 1e-9 {
                break false;
            }
        };
        if !improved {
            break;
        }
    }

    // Back to the features' own scale.
    let mut coefficients = vec![solution[0]];
    for (scale, scaled) in scales.iter().zip(&solution[1..]) {
        let coefficient = scaled / scale.deviation;
        coefficients[0] -= coefficient * scale.mean;
        coefficients.push(coefficient);
    }
    Ok(coefficients)
}

/// The probability that the coefficients give to the features.
pub fn probability(coefficients: &[f64], features: &[f64]) -> f64 {
    let Some((intercept, slopes)) = coefficients.split_first() else { return 0.5 };
    sigmoid(intercept + slopes.iter().zip(features).map(|(c, x)| c * x).sum::<f64>())
}

/// Mean and deviation of one feature.
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(examples: &[Example], width: usize) -> Vec<Scale> {
        let total: f64 = examples.iter().map(|example| example.weight).sum();
        (0..width)
            .map(|column| {
                let mean = examples.iter().map(|e| e.weight * e.features[column]).sum::<f64>() / total;
                let variance =
                    examples.iter().map(|e| e.weight * (e.features[column] - mean).powi(2)).sum::<f64>()
                        / total;
                // A constant feature becomes 0 everywhere, and the penalty keeps its coefficient there.
                Scale { mean, deviation: if variance > 1e-18 { variance.sqrt() } else { f64::INFINITY } }
            })
            .collect()
    }

    fn apply(&self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn penalised_loss(rows: &[Vec<f64>], examples: &[Example], solution: &[f64], l2: f64) -> f64 {
    let data: f64 = rows
        .iter()
        .zip(examples)
        .map(|(row, example)| {
            let logit = example.offset + dot(row, solution);
            let margin = if example.positive { logit } else { -logit };
            // log(1 + exp(-margin)) without overflow.
            example.weight * ((-margin.abs()).exp().ln_1p() + (-margin).max(0.0))
        })
        .sum();
    data + l2 / 2.0 * solution[1..].iter().map(|c| c * c).sum::<f64>()
}

/// Solves `H d = -g` for gradient and Hessian at `solution`.
fn newton_step(rows: &[Vec<f64>], examples: &[Example], solution: &[f64], l2: f64) -> Vec<f64> {
    let size = solution.len();
    // Each row is [H | -g]; a tiny ridge on the intercept keeps the system solvable when all rows are certain.
    let mut system = vec![vec![0.0; size + 1]; size];
    for (i, row) in system.iter_mut().enumerate() {
        row[i] = if i == 0 { 1e-9 } else { l2.max(1e-9) };
        row[size] = if i == 0 { 0.0 } else { -l2 * solution[i] };
    }
    for (row, example) in rows.iter().zip(examples) {
        let p = sigmoid(example.offset + dot(row, solution));
        let curvature = example.weight * p * (1.0 - p);
        let residual = example.weight * (f64::from(u8::from(example.positive)) - p);
        for i in 0..size {
            for j in 0..size {
                system[i][j] += curvature * row[i] * row[j];
            }
            system[i][size] += residual * row[i];
        }
    }
    solve(system)
}

/// Gauss elimination with partial pivoting of `[A | b]`, `A` positive definite.
fn solve(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let size = system.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()))
            .unwrap_or(column);
        system.swap(column, pivot);
        let (upper, lower) = system.split_at_mut(column + 1);
        let pivot_row = &upper[column];
        for row in lower {
            let factor = row[column] / pivot_row[column];
            for (value, pivot_value) in row[column..].iter_mut().zip(&pivot_row[column..]) {
                *value -= factor * pivot_value;
            }
        }
    }
    let mut solution = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| system[row][column] * solution[column]).sum();
        solution[row] = (system[row][size] - known) / system[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(features: &[f64], positive: bool) -> Example {
        Example { features: features.to_vec(), positive, weight: 1.0, offset: 0.0 }
    }

    /// With one two-valued feature and no penalty the fit is the log odds of each cell.
    #[test]
    fn finds_the_log_odds_of_a_two_by_two_table() {
        let mut examples = Vec::new();
        for (x, positive, count) in [(0.0, true, 10), (0.0, false, 30), (1.0, true, 40), (1.0, false, 20)] {
            examples.extend((0..count).map(|_| example(&[x], positive)));
        }
        let found = fit(&examples, 0.0).expect("both labels are there");
        let expected = [(10.0f64 / 30.0).ln(), (40.0f64 / 20.0).ln() - (10.0f64 / 30.0).ln()];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert!((probability(&found, &[1.0]) - 2.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn weights_count_like_copies() {
        let copies = [
            example(&[0.1], true),
            example(&[0.1], true),
            example(&[0.9], true),
            example(&[0.2], false),
            example(&[0.8], false),
        ];
        let mut weighted: Vec<Example> = copies[1..].to_vec();
        weighted[0].weight = 2.0;
        let (a, b) = (fit(&copies, 1.0).expect("a fit"), fit(&weighted, 1.0).expect("a fit"));
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn what_is_known_is_not_fitted_again() {
        let known: Vec<Example> = (0..20)
            .map(|i| Example { offset: 2.0 * f64::from(i % 3), ..example(&[f64::from(i % 3)], i % 2 == 0) })
            .collect();
        let plain: Vec<Example> = known.iter().map(|e| Example { offset: 0.0, ..e.clone() }).collect();
        let (known, plain) = (fit(&known, 0.0).expect("a fit"), fit(&plain, 0.0).expect("a fit"));
        assert!((known[1] + 2.0 - plain[1]).abs() < 1e-6, "{known:?} {plain:?}");
    }

    #[test]
    fn separable_classes_stay_finite_under_the_penalty() {
        let examples: Vec<Example> = (0..20).map(|i| example(&[f64::from(i), 3.0], i >= 10)).collect();
        let found = fit(&examples, 1.0).expect("both labels are there");
        assert!(found.iter().all(|c| c.is_finite()));
        assert_eq!(found[2], 0.0, "a constant feature says nothing");
        assert!(probability(&found, &[0.0, 3.0]) < 0.1 && probability(&found, &[19.0, 3.0]) > 0.9);
        assert_eq!(fit(&examples, 1.0), Ok(found));
    }

    #[test]
    fn a_stronger_penalty_shrinks() {
        let examples: Vec<Example> = (0..20).map(|i| example(&[f64::from(i)], i >= 10)).collect();
        let (weak, strong) = (fit(&examples, 0.1).expect("a fit"), fit(&examples, 10.0).expect("a fit"));
        assert!(strong[1].abs() < weak[1].abs());
    }

    #[test]
    fn refuses_what_cannot_be_fitted() {
        assert_eq!(fit(&[example(&[1.0], true)], 1.0), Err(FitError::OneSided { positive: 1, negative: 0 }));
        assert_eq!(fit(&[], 1.0), Err(FitError::OneSided { positive: 0, negative: 0 }));
        let uneven = [example(&[1.0], true), example(&[1.0, 2.0], false)];
        assert_eq!(fit(&uneven, 1.0), Err(FitError::Features { at: 1, expected: 1 }));
        let not_a_number = [example(&[1.0], true), example(&[f64::NAN], false)];
        assert_eq!(fit(&not_a_number, 1.0), Err(FitError::Features { at: 1, expected: 1 }));
    }
}
