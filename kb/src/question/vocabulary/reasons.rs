//! Why objects fail: reasons, the phrases that mean them, and the sentences of the operating system.

use super::case::{MAX_WORD_BYTES, lower};
use crate::lists::{lines, pairs, words};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

const REASONS_FILE: &str = include_str!("reasons.txt");
const PLAIN_FILE: &str = include_str!("plain_reasons.txt");
const PHRASES_FILE: &str = include_str!("reason_phrases.txt");
const ERRNOS_FILE: &str = include_str!("errnos.txt");

#[cfg(test)]
pub(super) const LISTS: [(&str, &str); 4] = [
    ("reasons.txt", REASONS_FILE),
    ("plain_reasons.txt", PLAIN_FILE),
    ("reason_phrases.txt", PHRASES_FILE),
    ("errnos.txt", ERRNOS_FILE),
];

static REASONS: LazyLock<FxHashMap<String, &str>> =
    LazyLock::new(|| lines(REASONS_FILE).map(|reason| (reason.to_ascii_lowercase(), reason)).collect());

static PLAIN_REASONS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(PLAIN_FILE));

/// The reason a word spells, in any case; an `Init:` before it is no part of it.
pub(in crate::question) fn reason_of_word(word: &str) -> Option<&'static str> {
    let word = word.strip_prefix("Init:").unwrap_or(word);
    if word.len() < 7 {
        return None;
    }
    REASONS.get(lower(word, &mut [0; MAX_WORD_BYTES])?).copied()
}

/// Whether a word is a reason and English too: then it counts capitalised, after a word such as `reason`, and nowhere else.
pub(in crate::question) fn is_plain_reason(word: &str) -> bool {
    PLAIN_REASONS.contains(word)
}

/// Patterns in lower case, each with the reason that it means.
pub(in crate::question) fn reason_phrases() -> impl Iterator<Item = (&'static str, &'static str)> {
    pairs(PHRASES_FILE)
}

/// Sentences of errno and of the network, with the symbols that mean them; empty if a sentence has no symbol.
pub(in crate::question) fn errnos() -> impl Iterator<Item = (&'static str, &'static str)> {
    pairs(ERRNOS_FILE)
}
