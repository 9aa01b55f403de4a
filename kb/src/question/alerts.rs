//! The names of alerts, told from other words: in a failure's text, at its beginning, in headings and at the beginning
//! of entries. Headings and entries are named by error codes as well.

use super::{objects::Word, vocabulary};
use crate::{
    analyzer::humps,
    lists::{lines, words},
};
use regex::Regex;
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

const ENDINGS_FILE: &str = include_str!("vocabulary/alert_endings.txt");
const PLAIN_FILE: &str = include_str!("vocabulary/plain_alerts.txt");

/// Longest name that is taken for that of an alert.
const MAX_NAME_BYTES: usize = 100;

/// Words for *alert* in languages that are written without spaces.
const UNSPACED: [&str; 4] = ["告警", "警報", "警报", "警示"];

static ENDINGS: LazyLock<Vec<&str>> = LazyLock::new(|| lines(ENDINGS_FILE).collect());
static PLAIN: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(PLAIN_FILE));

/// The alert that the word at `i` names. In front of a sentence (`KubePodNotReady: Pod has …`) and beside the word
/// *alert* any name in camel case counts; elsewhere only one of three and more parts that ends as alerts do.
pub(super) fn named<'t>(text: &'t str, words: &[Word<'t>], i: usize) -> Option<&'t str> {
    let word = words[i].text;
    if word.len() > MAX_NAME_BYTES || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    if vocabulary::kind_of_word(word).is_some() || vocabulary::is_plain_reason(word) {
        return None;
    }
    if PLAIN.contains(word) {
        return Some(word);
    }
    let num_parts = humps(word).len();
    let is_camel = num_parts >= 2 && !word.contains('_') && word.bytes().any(|b| b.is_ascii_lowercase());
    let starts_like_alert = word.starts_with(|c: char| c.is_ascii_uppercase())
        || word.starts_with("etcd")
        || word.starts_with("kube");
    if !is_camel || !starts_like_alert {
        return None;
    }
    let is_alert = is_in_front(text, words, i)
        || follows_alert(text, words, i)
        || is_before_alert(words, i)
        || ((num_parts >= 3 || words.len() == 1) && ends_like_alert(word));
    is_alert.then_some(word)
}

/// `KubePodNotReady: Pod has …`, `KubePodNotReady(critical): …`.
fn is_in_front(text: &str, words: &[Word<'_>], i: usize) -> bool {
    i == 0 && words[0].start == 0 && {
        let rest = &text[words[0].end..];
        let rest =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
        rest.starts_with(": ") || rest.starts_with('：')
    }
}

/// Whether the word follows a key or a word for an alert: `alertname=KubePodNotReady`, `告警 KubePodNotReady`.
fn follows_alert(text: &str, words: &[Word<'_>], i: usize) -> bool {
    let Some(before) = i.checked_sub(1).map(|before| &words[before]) else { return false };
    let is_key = matches!(
        before.text.to_ascii_lowercase().as_str(),
        "alertname" | "alert" | "alerts" | "告警" | "警報" | "警告" | "cảnh" | "báo" | "peringatan"
    );
    let is_beside = || text[before.end..words[i].start].chars().all(|c| " :=\"'`「：".contains(c));
    (is_key && is_beside()) || (before.is_cjk && UNSPACED.iter().any(|word| before.text.ends_with(word)))
}

/// `the KubePodNotReady alert`, `KubePodNotReady 這個告警`.
fn is_before_alert(words: &[Word<'_>], i: usize) -> bool {
    words.get(i + 1).is_some_and(|next| {
        let after = next.text.trim_start_matches(['的', '這', '这', '個', '个']);
        (matches!(next.text, "alert" | "alerts") && next.start - words[i].end <= 3)
            || UNSPACED.iter().any(|word| after.starts_with(word))
    })
}

fn ends_like_alert(word: &str) -> bool {
    ENDINGS.iter().any(|ending| word.ends_with(ending) && word.len() > ending.len())
}

/// Whether a text begins with the name of an alert and a sentence: `KubePodNotReady: Pod has …`.
pub(super) fn begins_with_alert(text: &str) -> bool {
    static ALERT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[A-Za-z][A-Za-z0-9]{5,80}(?:\([^)]{0,40}\))?: [A-Z]").expect("the pattern is fixed")
    });
    ALERT.is_match(text)
}

/// The alert that a heading is the name of: `KubeletDown`, `Alert Name: "KubeletDown"`, but not `Node NotReady`.
pub fn alert_headed(heading: &str) -> Option<&str> {
    let name = heading.rsplit([':', '：']).next()?.trim_matches(|c: char| !c.is_alphanumeric());
    (name.chars().all(|c| c.is_ascii_alphanumeric()) && humps(name).len() > 1).then_some(name)
}

/// Whether a short heading has the name of an alert or an error code in it, whatever is said besides: `Alert:
/// RelayDown`.
pub fn heading_names_entry(heading: &str) -> bool {
    let is_name = |word: &str| {
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let is_camel = humps(word).iter().filter(|hump| hump.len() >= 2).count() >= 2;
        let has_digit = word.chars().any(|c| c.is_ascii_digit());
        let is_code = has_digit && word.chars().any(|c| c.is_ascii_uppercase());
        word.len() >= 3 && is_plain && (is_camel || is_code)
    };
    let words: Vec<&str> =
        heading.split(|c: char| c.is_whitespace() || matches!(c, ':' | '"' | '`')).collect();
    words.len() <= 5 && words.iter().any(|word| is_name(word))
}

/// Whether the name of an entry is that of an alert (`RelayQueueStuck`) or an error code (`E1003`, `ERR_TIMEOUT`,
/// `ORA-00600`); no plain word.
pub fn is_name_of_entry(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let is_camel = name.chars().all(|c| c.is_ascii_alphanumeric()) && humps(name).len() >= 2;
    let is_code = name.chars().any(|c| c.is_ascii_uppercase())
        && !name.chars().any(|c| c.is_ascii_lowercase())
        && name.chars().any(|c| c.is_ascii_digit() || c == '_');
    name.len() >= 3 && is_plain && (is_camel || is_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::unsorted;

    #[test]
    fn the_lists_are_sorted_and_unique() {
        assert_eq!(unsorted(ENDINGS_FILE), None, "sort alert_endings.txt");
        assert_eq!(unsorted(PLAIN_FILE), None, "sort plain_alerts.txt");
    }

    #[test]
    fn headings_that_are_names_of_alerts_are_told() {
        for (heading, name) in [
            ("KubeletDown", Some("KubeletDown")),
            ("Alert Name: \"KubeHpaMaxedOut\"", Some("KubeHpaMaxedOut")),
            ("`RelayQueueStuck`", Some("RelayQueueStuck")),
            ("Node NotReady", None),
            ("Networking", None),
            ("OOMKilled pods", None),
            ("節點未就緒", None),
        ] {
            assert_eq!(alert_headed(heading), name, "{heading}");
        }
    }

    #[test]
    fn entries_are_named_by_alerts_and_codes() {
        for (name, of_entry, in_heading) in [
            ("RelayQueueStuck", true, true),
            ("ORA-00600", true, true),
            ("ERR_TIMEOUT", true, true),
            ("Networking", false, false),
            ("Alert: RelayDown", false, true),
        ] {
            assert_eq!((is_name_of_entry(name), heading_names_entry(name)), (of_entry, in_heading), "{name}");
        }
    }
}
