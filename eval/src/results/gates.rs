//! The conditions of a suite with the values that were found.

use serde::Serialize;

/// One condition with the value that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// The set, pair or group of cases.
    pub of: String,
    /// The bounded value, such as `ndcg@10`.
    pub what: String,
    /// The value that was found.
    pub found: f64,
    /// The bound on the value.
    pub bound: Bound,
    /// Whether the condition holds.
    pub passed: bool,
}

/// A bound with its side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The value must not be less.
    AtLeast(f64),
    /// The value must not be more.
    AtMost(f64),
}

/// Figures are compared as they are printed, to four decimals, so that a gate set to a printed figure holds.
const PRECISION: f64 = 0.000_05;

impl Gate {
    /// Compares a value with its bound. NaN fails.
    pub fn new(of: &str, what: &str, found: f64, bound: Bound) -> Self {
        let passed = match bound {
            Bound::AtLeast(least) => found >= least - PRECISION,
            Bound::AtMost(most) => found <= most + PRECISION,
        };
        Self { of: of.to_owned(), what: what.to_owned(), found, bound, passed }
    }

    /// The condition on one line, such as `alerts_easy: ndcg@10 0.9611, at least 0.9550`.
    pub fn describe(&self) -> String {
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("at least {least:.4}"),
            Bound::AtMost(most) => format!("at most {most:.4}"),
        };
        format!("{}: {} {:.4}, {bound}", self.of, self.what, self.found)
    }
}
