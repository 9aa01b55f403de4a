//! The wordings by which sentences are told apart, in the languages that users write. They are data: `wordings.txt`, a sort and
//! an expression a line.

use regex::Regex;
use std::sync::LazyLock;

/// `sort<TAB>expression`.
const WORDINGS: &str = include_str!("wordings.txt");

fn of(sort: &str) -> Regex {
    let own = WORDINGS.lines().filter_map(|line| line.strip_prefix(sort)?.strip_prefix('\t'));
    Regex::new(&format!("(?i){}", own.collect::<Vec<_>>().join("|"))).expect("the expressions are valid")
}

/// Tells to do something, in languages whose verbs do not show it.
pub static ADVISES: LazyLock<Regex> = LazyLock::new(|| of("advises"));
/// Says that the answer itself has been checked, which no document can say of it.
pub static ASSURES: LazyLock<Regex> = LazyLock::new(|| of("assures"));
/// Draws the conclusion of the sentence before.
pub static CONCLUDES: LazyLock<Regex> = LazyLock::new(|| of("concludes"));
/// Denies or forbids, as the lead of a list may.
pub static DENIES: LazyLock<Regex> = LazyLock::new(|| of("denies"));
/// Tells what comes of an action that it begins with.
pub static EFFECTS: LazyLock<Regex> = LazyLock::new(|| of("effects"));
/// Begins an example of the answer's own.
pub static EXAMPLE: LazyLock<Regex> = LazyLock::new(|| of("example"));
/// Tells what did not come about, which a passage may tell as a failure.
pub static FAILS: LazyLock<Regex> = LazyLock::new(|| of("fails"));
/// Says that an amount follows from others, or is about another.
pub static FOLLOWS: LazyLock<Regex> = LazyLock::new(|| of("follows"));
/// Denies in some way, so that either polarity may mean the same.
pub static HALF_DENIES: LazyLock<Regex> = LazyLock::new(|| of("half-denies"));
/// Has a negation and denies nothing.
pub static HARMLESS: LazyLock<Regex> = LazyLock::new(|| of("harmless"));
/// Allows something by itself.
pub static PERMITS: LazyLock<Regex> = LazyLock::new(|| of("permits"));
/// Only points at other parts of the answer.
pub static POINTS: LazyLock<Regex> = LazyLock::new(|| of("points"));
/// Says what something is.
pub static STATES: LazyLock<Regex> = LazyLock::new(|| of("states"));
/// Tells what happens and advises nothing, in languages whose verbs do not show it.
pub static TELLS: LazyLock<Regex> = LazyLock::new(|| of("tells"));
/// Begins with what the answer does not know.
pub static UNKNOWN: LazyLock<Regex> = LazyLock::new(|| of("unknown"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_sorted_and_read_whole() {
        let lines: Vec<&str> = WORDINGS.lines().collect();
        assert!(lines.is_sorted_by(|a, b| a < b), "wordings.txt is sorted and holds each line once");
        let sorts = [
            "advises",
            "assures",
            "concludes",
            "denies",
            "effects",
            "example",
            "fails",
            "follows",
            "half-denies",
            "harmless",
            "permits",
            "points",
            "states",
            "tells",
            "unknown",
        ];
        for line in lines {
            let (sort, expression) = line.split_once('\t').expect("two columns");
            assert!(sorts.contains(&sort) && Regex::new(expression).is_ok(), "{line}");
        }
    }
}
