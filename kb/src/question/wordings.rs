//! Other words for the state that a failure describes. An alert's text says "has not matched the expected number", and
//! the section that treats it is headed `ReplicasMismatch`: the names that people give to states are few, so they are
//! data (`wordings.txt`). Entry point: [`other_words`].

use regex::RegexSet;
use std::sync::LazyLock;

/// The patterns with the words that stand for each.
static WORDINGS: LazyLock<(RegexSet, Vec<&str>)> = LazyLock::new(|| {
    let (patterns, words): (Vec<String>, Vec<&str>) =
        lines().map(|(pattern, words)| (format!("(?i-u:{pattern})"), words)).unzip();
    (RegexSet::new(patterns).expect("the patterns are fixed"), words)
});

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("wordings.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').expect("a tab"))
}

/// The words that headings have for the states that a text describes, separated by spaces; empty when it describes
/// none.
pub(super) fn other_words(text: &str) -> String {
    let (patterns, words) = &*WORDINGS;
    let found: Vec<&str> = patterns.matches(text).into_iter().map(|at| words[at]).collect();
    found.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_are_sorted_and_unique() {
        let patterns: Vec<&str> = lines().map(|(pattern, _)| pattern).collect();
        assert!(patterns.is_sorted_by(|a, b| a < b), "sort wordings.txt");
    }

    #[test]
    fn a_described_state_has_other_words() {
        for (text, words) in [
            ("StatefulSet db has not matched the expected number of replicas", "mismatch inconsistent"),
            ("The replicas are out of sync.", "inconsistent mismatch"),
            ("Pod app-0 has been in a non-ready state", "not ready"),
            ("The certificate expires in 3 days", "expiration expiry"),
            ("node-7 has 3% free space left", "full space usage"),
            ("restart the pod", ""),
            ("節點沒有準備好", ""),
        ] {
            assert_eq!(other_words(text), words, "{text}");
        }
    }
}
