//! Runs in TREC's format, `query Q0 document rank score tag`, which `trec_eval` and other scorers read.
//!
//! Each document comes once per query, and scores fall strictly, so that every scorer reads the same order whatever its
//! rule for ties.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

/// A run: for each query its documents, best first, with their scores.
pub type Run = BTreeMap<String, Vec<(String, f32)>>;

/// Writes a run. The format has no quoting: white space within a query's id becomes `_`, within a document's id one
/// space, which scorers that count fields from the line's end read well.
pub fn write(run: &Run, tag: &str) -> String {
    let mut text = String::new();
    for (query, documents) in run {
        let mut seen = HashSet::new();
        let mut previous: Option<f64> = None;
        let distinct = documents.iter().filter(|(document, _)| seen.insert(document.as_str()));
        for (rank, (document, score)) in distinct.enumerate() {
            let score = falling(f64::from(*score), previous);
            previous = Some(score);
            let (query, document) = (one_line(query, "_"), one_line(document, " "));
            writeln!(text, "{query} Q0 {document} {} {score:.7} {tag}", rank + 1)
                .expect("writing to a string cannot fail");
        }
    }
    text
}

/// `score`, or a little under the one before it when it would not fall. The step survives both seven decimals and the
/// single precision that `trec_eval` reads scores in.
fn falling(score: f64, previous: Option<f64>) -> f64 {
    let score = if score.is_finite() { score } else { 0.0 };
    match previous {
        None => score,
        Some(previous) => score.min(previous - (previous.abs() * 1e-6).max(1e-6)),
    }
}

fn one_line(id: &str, between: &str) -> String {
    id.split_whitespace().collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(documents: &[(&str, f32)], expected: &str) {
        let documents = documents.iter().map(|(document, score)| ((*document).to_owned(), *score)).collect();
        assert_eq!(write(&Run::from([("q 1".to_owned(), documents)]), "final"), expected);
    }

    #[test]
    fn scores_fall_strictly_and_documents_come_once() {
        check(
            &[("b.md", 0.5), ("a.md", 0.5), ("b.md", 0.4), ("c d.md", 0.75), ("e.md", f32::NAN)],
            "q_1 Q0 b.md 1 0.5000000 final\n\
             q_1 Q0 a.md 2 0.4999990 final\n\
             q_1 Q0 c d.md 3 0.4999980 final\n\
             q_1 Q0 e.md 4 0.0000000 final\n",
        );
        check(&[], "");
        // Still apart in single precision.
        check(&[("a", 200.0), ("b", 200.0)], "q_1 Q0 a 1 200.0000000 final\nq_1 Q0 b 2 199.9998000 final\n");
    }
}
