//! English that stands where names stand: hyphenated words and terms, and what is beside a kind or a namespace.

use super::case::{MAX_WORD_BYTES, lower};
use crate::lists::words;
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

const COMPOUNDS_FILE: &str = include_str!("compounds.txt");
const HEADS_FILE: &str = include_str!("compound_heads.txt");
const TAILS_FILE: &str = include_str!("compound_tails.txt");
const GENERIC_FILE: &str = include_str!("generic.txt");
const NOT_NAMESPACES_FILE: &str = include_str!("not_namespaces.txt");

#[cfg(test)]
pub(super) const LISTS: [(&str, &str); 5] = [
    ("compounds.txt", COMPOUNDS_FILE),
    ("compound_heads.txt", HEADS_FILE),
    ("compound_tails.txt", TAILS_FILE),
    ("generic.txt", GENERIC_FILE),
    ("not_namespaces.txt", NOT_NAMESPACES_FILE),
];

static COMPOUNDS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(COMPOUNDS_FILE));
static HEADS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(HEADS_FILE));
static TAILS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(TAILS_FILE));
static GENERIC: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(GENERIC_FILE));
static NOT_NAMESPACES: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(NOT_NAMESPACES_FILE));

/// Whether a hyphenated lower-case word is English or a term of the field, and so names no object.
pub(in crate::question) fn is_compound(word: &str) -> bool {
    if COMPOUNDS.contains(word) {
        return true;
    }
    let mut parts = word.split('-');
    let head = parts.next().unwrap_or_default();
    let Some(tail) = parts.next_back() else { return true };
    let num_parts = 2 + parts.clone().count();
    // Three and more parts with little words between them: `end-to-end`, `state-of-the-art`.
    if parts.clone().any(|part| {
        matches!(
            part,
            "to" | "of" | "in" | "the" | "and" | "by" | "at" | "a" | "an" | "as" | "is" | "or" | "per"
        )
    }) && num_parts <= 5
        && !parts.any(|part| part.bytes().any(|b| b.is_ascii_digit()))
    {
        return true;
    }
    if num_parts > 2 {
        return false;
    }
    HEADS.contains(head)
        || TAILS.contains(tail)
        || (tail.len() > 4 && (tail.ends_with("ed") || tail.ends_with("ing")))
}

/// Whether a word, in any case, stands beside a kind and names nothing.
pub(in crate::question) fn is_generic(word: &str) -> bool {
    lower(word, &mut [0; MAX_WORD_BYTES]).is_some_and(|word| GENERIC.contains(word))
}

/// Whether a word, in any case, stands beside `namespace` without naming one.
pub(in crate::question) fn names_no_namespace(word: &str) -> bool {
    lower(word, &mut [0; MAX_WORD_BYTES]).is_some_and(|word| NOT_NAMESPACES.contains(word))
}
