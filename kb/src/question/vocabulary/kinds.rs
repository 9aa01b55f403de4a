//! The kinds of resources, in every spelling and language that people use for them.

use super::case::{MAX_WORD_BYTES, lower};
use crate::lists::{lines, pairs, words};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

const KINDS_FILE: &str = include_str!("kinds.txt");
const SHORT_FILE: &str = include_str!("short_kinds.txt");
const FIRST_PARTS_FILE: &str = include_str!("first_parts.txt");
const FOREIGN_FILE: &str = include_str!("foreign_kinds.txt");

#[cfg(test)]
pub(super) const LISTS: [(&str, &str); 4] = [
    ("kinds.txt", KINDS_FILE),
    ("short_kinds.txt", SHORT_FILE),
    ("first_parts.txt", FIRST_PARTS_FILE),
    ("foreign_kinds.txt", FOREIGN_FILE),
];

/// A kind of Kubernetes resource.
pub(in crate::question) struct ResourceKind {
    /// The canonical spelling.
    pub canonical: &'static str,
    /// Whether the lower-case word is plain English too (`service`, `job`): then it counts only beside a name.
    pub ambiguous: bool,
    /// Short names of `kubectl` and other words for it, lower case, separated by spaces; the plural in `s` is implied.
    aliases: &'static str,
}

static KINDS: LazyLock<Vec<ResourceKind>> = LazyLock::new(|| {
    let kind = |(canonical, rest): (&'static str, &'static str)| {
        let (sort, aliases) = rest.split_once('\t').unwrap_or((rest, ""));
        ResourceKind { canonical, ambiguous: sort == "word", aliases }
    };
    pairs(KINDS_FILE).map(kind).collect()
});

static KINDS_BY_WORD: LazyLock<FxHashMap<String, &'static ResourceKind>> = LazyLock::new(|| {
    let mut words = FxHashMap::default();
    for kind in KINDS.iter() {
        let lower = kind.canonical.to_ascii_lowercase();
        words.insert(format!("{lower}s"), kind);
        words.insert(lower, kind);
        for alias in kind.aliases.split_ascii_whitespace() {
            words.insert(alias.to_owned(), kind);
            if !alias.ends_with('s') {
                words.insert(format!("{alias}s"), kind);
            }
        }
    }
    words
});

static SHORT_KINDS: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| pairs(SHORT_FILE).collect());

static FIRST_PARTS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(FIRST_PARTS_FILE));

/// The kind a word names, in any case, singular, plural or short: `pvcs`, `Deployment`, `StatefulSets`.
pub(in crate::question) fn kind_of_word(word: &str) -> Option<&'static ResourceKind> {
    KINDS_BY_WORD.get(lower(word, &mut [0; MAX_WORD_BYTES])?).copied()
}

/// The kinds of objects that questions are understood to name, as Kubernetes spells them.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.canonical)
}

/// The kind that a word names, as Kubernetes spells it: `Pod` for `pods` and `po`.
pub fn kind_named(word: &str) -> Option<&'static str> {
    kind_of_prefix(word)
}

/// The kinds of objects in an alert's name: `KubeHpaReplicasMismatch` is about a HorizontalPodAutoscaler. The longest run of
/// the name's parts counts, so that `PersistentVolumeClaimFull` is not about a PersistentVolume.
pub fn kinds_in_name(name: &str) -> Vec<&'static str> {
    const MAX_PARTS: usize = 4;
    let parts = crate::analyzer::humps(name);
    let mut kinds = Vec::new();
    let mut at = 0;
    while at < parts.len() {
        let longest = (1..=MAX_PARTS.min(parts.len() - at))
            .rev()
            .find_map(|length| Some((length, kind_of_word(&parts[at..at + length].concat())?)));
        let (length, kind) = longest.map_or((1, None), |(length, kind)| (length, Some(kind.canonical)));
        kinds.extend(kind);
        at += length;
    }
    kinds
}

/// The kind before a slash or an equals sign, where the shortest names count too: `deploy/`, `cm/`.
pub(in crate::question) fn kind_of_prefix(word: &str) -> Option<&'static str> {
    if let Some(kind) = kind_of_word(word) {
        return Some(kind.canonical);
    }
    SHORT_KINDS.get(lower(word, &mut [0; MAX_WORD_BYTES])?).copied()
}

/// Whether a word can be the first of a kind that is written as two: `Service` of `service account`.
pub(in crate::question) fn is_first_part(word: &str) -> bool {
    lower(word, &mut [0; MAX_WORD_BYTES]).is_some_and(|word| FIRST_PARTS.contains(word))
}

/// A word for a kind in a language other than English.
struct ForeignKind {
    word: &'static str,
    canonical: &'static str,
    /// Whether the word means more: then it counts only beside a name.
    ambiguous: bool,
}

/// The order of precedence if one run of characters names several kinds.
const MEANT_FIRST: [&str; 15] = [
    "PersistentVolumeClaim",
    "StatefulSet",
    "DaemonSet",
    "PersistentVolume",
    "ServiceAccount",
    "NetworkPolicy",
    "Namespace",
    "StorageClass",
    "CronJob",
    "ConfigMap",
    "ReplicaSet",
    "Pod",
    "Deployment",
    "Node",
    "Service",
];

static FOREIGN_KINDS: LazyLock<Vec<ForeignKind>> = LazyLock::new(|| {
    let kind = |line: &'static str| {
        let mut columns = line.split('\t').skip(1);
        let (word, sort, canonical) = (columns.next()?, columns.next()?, columns.next()?);
        Some(ForeignKind { word, canonical, ambiguous: sort == "word" })
    };
    let mut kinds: Vec<ForeignKind> = lines(FOREIGN_FILE).filter_map(kind).collect();
    let rank = |kind: &ForeignKind| MEANT_FIRST.iter().position(|first| *first == kind.canonical);
    kinds.sort_by_key(|kind| rank(kind).unwrap_or(MEANT_FIRST.len()));
    kinds
});

/// Whether a word can be the first of a foreign word for a kind with spaces between its parts.
pub(in crate::question) fn begins_foreign_kind(word: &str) -> bool {
    static FIRST: LazyLock<FxHashSet<&str>> =
        LazyLock::new(|| FOREIGN_KINDS.iter().filter_map(|kind| kind.word.split(' ').next()).collect());
    lower(word, &mut [0; MAX_WORD_BYTES]).is_some_and(|word| FIRST.contains(word))
}

/// The kind that a foreign word in lower case means.
pub(in crate::question) fn foreign_kind(word: &str) -> Option<&'static str> {
    FOREIGN_KINDS.iter().find(|kind| kind.word == word).map(|kind| kind.canonical)
}

/// The kind whose foreign word a text ends with.
pub(in crate::question) fn foreign_kind_at_end(text: &str) -> Option<&'static str> {
    FOREIGN_KINDS.iter().find(|kind| text.ends_with(kind.word)).map(|kind| kind.canonical)
}

/// The kind whose foreign word a text begins with.
pub(in crate::question) fn foreign_kind_at_start(text: &str) -> Option<&'static str> {
    FOREIGN_KINDS.iter().find(|kind| text.starts_with(kind.word)).map(|kind| kind.canonical)
}

/// The kind that a text names by a foreign word which means little else, and where it stands.
pub(in crate::question) fn foreign_kind_within(text: &str) -> Option<(usize, &'static str)> {
    let mut clear = FOREIGN_KINDS.iter().filter(|kind| !kind.ambiguous);
    clear.find_map(|kind| Some((text.find(kind.word)?, kind.canonical)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_read_whole() {
        assert_eq!(KINDS.len(), lines(KINDS_FILE).count());
        assert_eq!(FOREIGN_KINDS.len(), lines(FOREIGN_FILE).count());
        let mut named = SHORT_KINDS.values().copied().chain(FOREIGN_KINDS.iter().map(|kind| kind.canonical));
        assert_eq!(named.find(|kind| kinds().all(|known| known != *kind)), None);
    }

    #[test]
    fn the_longer_of_two_foreign_words_counts() {
        assert_eq!(foreign_kind_at_start("持久卷声明无法绑定"), Some("PersistentVolumeClaim"));
        assert_eq!(foreign_kind_at_end("重啟有狀態副本集"), Some("StatefulSet"));
        assert_eq!(foreign_kind_within("節點上的容器組"), Some((12, "Pod")));
        assert_eq!(foreign_kind_within("部署失敗"), None);
    }
}
