//! Components and products that failures name, and the groups of the API.

use super::case::{MAX_WORD_BYTES, lower};
use crate::lists::{lines, pairs, words};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

const COMPONENTS_FILE: &str = include_str!("components.txt");
const SPELLINGS_FILE: &str = include_str!("component_spellings.txt");
const API_GROUPS_FILE: &str = include_str!("api_groups.txt");
const SHORT_API_GROUPS_FILE: &str = include_str!("short_api_groups.txt");

#[cfg(test)]
pub(super) const LISTS: [(&str, &str); 4] = [
    ("components.txt", COMPONENTS_FILE),
    ("component_spellings.txt", SPELLINGS_FILE),
    ("api_groups.txt", API_GROUPS_FILE),
    ("short_api_groups.txt", SHORT_API_GROUPS_FILE),
];

static COMPONENTS: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| {
    let components = lines(COMPONENTS_FILE).map(|component| (component, component));
    components.chain(pairs(SPELLINGS_FILE)).collect()
});

static API_GROUPS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(API_GROUPS_FILE));

static SHORT_API_GROUPS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(SHORT_API_GROUPS_FILE));

/// The component a word names.
pub(in crate::question) fn component_of_word(word: &str) -> Option<&'static str> {
    if word.len() < 3 {
        return None;
    }
    COMPONENTS.get(lower(word, &mut [0; MAX_WORD_BYTES])?).copied()
}

/// The component that two words name together: `Home Assistant`, `cert manager`.
pub(in crate::question) fn component_of_words(first: &str, second: &str) -> Option<&'static str> {
    static FIRST: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
        COMPONENTS.keys().filter_map(|component| component.split_once('-')).map(|(first, _)| first).collect()
    });
    if !FIRST.contains(lower(first, &mut [0; MAX_WORD_BYTES])?) {
        return None;
    }
    component_of_word(&format!("{first}-{second}"))
}

/// Whether this is a group of the API with a dot in it: one of Kubernetes' own, or a known one.
pub(in crate::question) fn is_api_group(group: &str) -> bool {
    group.ends_with(".k8s.io") || API_GROUPS.contains(group)
}

/// Whether this is a group of the API without a dot, which counts only with a version (`apps/v1`).
pub(in crate::question) fn is_short_api_group(group: &str) -> bool {
    SHORT_API_GROUPS.contains(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_of_a_component() {
        let known = words(COMPONENTS_FILE);
        assert_eq!(pairs(SPELLINGS_FILE).find(|(_, component)| !known.contains(component)), None);
        assert_eq!(pairs(SPELLINGS_FILE).find(|(spelling, _)| known.contains(spelling)), None);
    }
}
