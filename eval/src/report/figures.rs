//! Columns, rows and numbers that the forms of a report have in common.

use crate::{
    results::{FidelityResult, Figures, RunResult},
    statistics::mean,
};

/// Mean share of the cases' citations that are relevant; `None` where no labelled case cites.
pub(super) fn citation_precision(run: &RunResult) -> Option<f64> {
    let cases = run.cases.iter().flat_map(|cases| &cases.cases);
    let found: Vec<f64> = cases.filter_map(|case| case.citation_precision).collect();
    (!found.is_empty()).then(|| mean(&found))
}

/// The columns of a table of section fidelity, of headings and of labelled questions, which are tables of their own.
pub(super) const FIDELITY_COLUMNS: [[&str; 4]; 2] = [
    ["lead sentence in the section", "whole answer in it", "mean share in it", "refused"],
    ["head@1", "answered", "mostly in the section", "nothing from it"],
];

/// The rows of both tables: name, number of questions, figures. The rows of several sets follow the row of all.
pub(super) fn fidelity_rows(results: &[FidelityResult]) -> [Vec<(String, usize, [f64; 4])>; 2] {
    let mut rows = [Vec::new(), Vec::new()];
    for result in results {
        let at = match result.figures {
            Figures::Headings { .. } => 0,
            Figures::Labels { .. } => 1,
        };
        let figures = |figures: Figures| figures.named().map(|(_, value)| value);
        rows[at].push((result.name.clone(), result.questions.len(), figures(result.figures)));
        rows[at].extend(result.by_set.iter().map(|(set, found)| {
            (format!("{}: {set}", result.name), found.num_questions, figures(found.figures))
        }));
    }
    rows
}

/// The columns of a table of given replies.
pub(super) const REPLY_COLUMNS: [&str; 5] = ["harm", "damaged", "marked", "downgraded", "leak"];

/// The columns of a table of sentences.
pub(super) const SUPPORT_COLUMNS: [&str; 4] = ["caught", "false marks", "caught (fit)", "false marks (fit)"];

/// A figure with four decimals, such as `0.9611`.
pub(super) fn figure(value: f64) -> String {
    format!("{value:.4}")
}

/// A difference with its sign, such as `+0.0123`, with a real minus sign; zero has no sign.
pub(super) fn signed(value: f64) -> String {
    match format!("{value:+.4}").as_str() {
        "+0.0000" | "-0.0000" => "0.0000".to_owned(),
        text => text.replace('-', "\u{2212}"),
    }
}

/// A share as a percentage, such as `12.5 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs() {
        assert_eq!(
            (signed(0.01), signed(-0.01), signed(-0.000_001)),
            ("+0.0100".into(), "\u{2212}0.0100".into(), "0.0000".into())
        );
    }
}
