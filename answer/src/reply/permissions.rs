//! The actions that the passages allow only with an approval, and the sentences of a reply that allow them without it:
//! `you may restart it without asking` against `a restart needs the word of payments-primary`. The wordings are data:
//! `permissions.txt`. Pure.

use super::support;
use crate::evidence::Evidence;
use kb::prohibition;
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

/// `sort<TAB>expression`: what binds an action to an approval, and what frees it.
const WORDINGS: &str = include_str!("permissions.txt");

fn of(sort: &str) -> Regex {
    let own = WORDINGS.lines().filter_map(|line| line.strip_prefix(sort)?.strip_prefix('\t'));
    Regex::new(&format!("(?i){}", own.collect::<Vec<_>>().join("|"))).expect("the expressions are valid")
}

static BINDS: LazyLock<Regex> = LazyLock::new(|| of("binds"));
static FREES: LazyLock<Regex> = LazyLock::new(|| of("frees"));

/// The lines of passages that require an approval (`bound`), and those that say it is not needed (`freed`).
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    bound: Vec<Line>,
    freed: Vec<Line>,
}

/// A line of a passage about approvals.
#[derive(Debug, Clone)]
struct Line {
    /// The actions it speaks of; of a line without any, those of the headings above it.
    actions: BTreeSet<String>,
    /// The names in it.
    names: Vec<String>,
    /// The passage that it stands in, by its place.
    passage: usize,
}

impl Approvals {
    /// The lines of the passages about approvals, and the passages' texts in lower case.
    pub fn of(evidence: &[Evidence]) -> (Self, Vec<String>) {
        let mut approvals = Self::default();
        let texts: Vec<String> = evidence.iter().map(|passage| passage.quotable().to_lowercase()).collect();
        for (at, passage) in evidence.iter().enumerate() {
            let of_heading = LazyLock::new(|| prohibition::spoken_of(&passage.heading()));
            let line = |text: &str| {
                let own = prohibition::spoken_of(text);
                let actions = if own.is_empty() { of_heading.clone() } else { own };
                Line { actions, names: prohibition::names(text), passage: at }
            };
            for text in passage.text.lines().filter(|line| line.len() <= MAX_LINE_BYTES) {
                // A row may do both, `needs no approval`, and `never without approval` frees nothing.
                let frees = FREES.is_match(text);
                let forbids = frees && forbids_rest(text);
                match (frees && !forbids, forbids || BINDS.is_match(text)) {
                    (true, _) => approvals.freed.push(line(text)),
                    (false, true) => approvals.bound.push(line(text)),
                    (false, false) => {}
                }
            }
        }
        (approvals, texts)
    }

    /// Whether a sentence frees an action from the approval that a passage binds it to. `texts` are the passages'.
    pub fn are_denied_by(&self, sentence: &str, texts: &[String]) -> bool {
        if self.bound.is_empty() || !FREES.is_match(sentence) {
            return false;
        }
        if forbids_rest(sentence) || sentence.trim_end().ends_with(['?', '？']) {
            return false;
        }
        let actions = prohibition::spoken_of(sentence);
        let names = names_in(sentence, texts);
        let is_about = |line: &Line| !line.actions.is_disjoint(&actions);
        // A document that frees this object, or the action where it names none.
        let is_freed = self.freed.iter().any(|line| {
            let is_same = line.names.iter().any(|name| names.contains(name));
            is_same || is_about(line) && (line.names.is_empty() || names.is_empty())
        });
        let is_bound = self.bound.iter().any(|line| {
            is_about(line) && names.iter().all(|name| texts[line.passage].contains(name.as_str()))
        });
        is_bound && !is_freed
    }
}

/// Whether a text that speaks of no approval forbids what it speaks of: `do not restart it without asking`.
fn forbids_rest(text: &str) -> bool {
    let rest = FREES.replace_all(text, " ");
    prohibition::of_title(&rest).is_some() || support::denies(&rest)
}

/// The names in a sentence: those that look like one, and words with a hyphen that a passage has in code.
fn names_in(sentence: &str, texts: &[String]) -> Vec<String> {
    let mut names = prohibition::names(sentence);
    let lower = sentence.to_lowercase();
    let words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let joined = words.filter(|word| word.trim_matches('-').contains('-')).take(MAX_NAMES);
    names.extend(
        joined.filter(|word| texts.iter().any(|text| text.contains(&format!("`{word}`")))).map(str::to_owned),
    );
    names.sort();
    names.dedup();
    names
}

/// Of a sentence, so many words are looked up.
const MAX_NAMES: usize = 16;

/// A longer line is read for nothing.
const MAX_LINE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "\
1. A restart needs the word of `payments-primary` in `#payments-oncall`. For SEV1 the incident commander's word is enough.
2. No restart in the peak hours, except for SEV1.

| Service | Allowed |
| --- | --- |
| `payments-api` | yes, with rule 1 |
| `notifier` | yes, no approval needed |
";

    fn check(text: &str, sentence: &str, expected: bool) {
        let passage = Evidence { text: text.to_owned(), ..Evidence::sample(1) };
        let (approvals, texts) = Approvals::of(&[passage]);
        assert_eq!(approvals.are_denied_by(sentence, &texts), expected, "{sentence}");
    }

    #[test]
    fn the_data_is_sorted_and_read_whole() {
        let lines: Vec<&str> = WORDINGS.lines().collect();
        assert!(lines.is_sorted_by(|a, b| a < b), "permissions.txt is sorted and holds each line once");
        for line in lines {
            let (sort, expression) = line.split_once('\t').expect("two columns");
            assert!(["binds", "frees"].contains(&sort) && Regex::new(expression).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_bound_is_not_set_free() {
        for sentence in [
            "You may restart payments-api at any hour without asking anybody [1].",
            "A restart of payments-api needs no approval [1].",
            "`payments-api` can be restarted without any further approval [1].",
            "Just restart it, you don't need to ask anyone [1].",
            "无需批准即可重启 payments-api [1]。",
            "可以直接重启 payments-api，不用问任何人 [1]。",
            "不必經過核准就可以重新啟動 `payments-api` [1]。",
            "Bạn có thể khởi động lại payments-api mà không cần hỏi ai [1].",
            "Không cần phê duyệt để khởi động lại `payments-api` [1].",
            "Anda boleh me-restart payments-api tanpa izin siapa pun [1].",
            "Restart `payments-api` tidak perlu persetujuan [1].",
        ] {
            check(POLICY, sentence, true);
        }
        check(
            "Restarts of `orders-api` require the owner's approval.",
            "`orders-api` may be restarted without asking [1].",
            true,
        );
        check(
            "重启 `orders-api` 须经负责人批准。",
            "You may restart `orders-api` without approval [1].",
            true,
        );
        check("Khởi động lại cần được trưởng nhóm phê duyệt.", "Restart saja tanpa persetujuan [1].", true);
    }

    #[test]
    fn what_repeats_or_is_free_stays() {
        for sentence in [
            "Do not restart payments-api without asking payments-primary [1].",
            "Never restart it without approval [1].",
            "`notifier` may be restarted, no approval is needed [1].",
            "Untuk `notifier` tidak perlu persetujuan; boleh rolling restart [1].",
            "重启 `notifier` 无需批准 [1]。",
            "未经批准不要重启 payments-api [1]。",
            "Không khởi động lại payments-api mà không hỏi [1].",
            "Jangan restart payments-api tanpa izin [1].",
            "May I restart payments-api without asking [1]?",
            "Restart payments-api once `payments-primary` has agreed [1].",
            "Without asking the owner you cannot know the cause [1].",
            "Drain the node without asking [1].",
        ] {
            check(POLICY, sentence, false);
        }
        check("Restart it.", "Restart it without asking [1].", false);
    }
}
