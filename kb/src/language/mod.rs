//! Languages: their tags and names, and which one a text is in.
//!
//! Entry points: [`normalised_tag`] for the normal form of a tag, [`is_same`] for whether two tags are one
//! language to a reader, [`of_prose`] for the language of a document. Those of questions are told by `detect`.

mod detect;

pub use detect::of_prose;
pub(crate) use detect::{choose, detect, unread_share};

use crate::lists::pairs;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

const TAGS_FILE: &str = include_str!("tags.txt");
const NAMES_FILE: &str = include_str!("names.txt");

/// The language an answer is written in: a BCP 47 tag such as `en`, `zh-TW`, `zh-CN`, `vi`, `id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Language(pub String);

/// The properties that a language can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Answers can be requested in the language.
    Asked,
    /// The two letters of the language's tag in a path always name the language.
    InPaths,
    /// A question in the language is recognised by the statistics of its letters.
    Told,
    /// The language is written in other letters than Latin ones.
    OwnScript,
}

impl Habit {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "asked" => Self::Asked,
            "in-paths" => Self::InPaths,
            "told" => Self::Told,
            "own-script" => Self::OwnScript,
            _ => return None,
        })
    }
}

static TAGS: LazyLock<FxHashMap<&str, Vec<Habit>>> = LazyLock::new(|| {
    let habits = |words: &str| words.split(' ').filter_map(Habit::named).collect();
    pairs(TAGS_FILE).map(|(tag, words)| (tag, habits(words))).collect()
});

static NAMES: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| pairs(NAMES_FILE).collect());

/// Whether a language, by its two letters in lower case, has a habit.
pub fn is(language: &str, habit: Habit) -> bool {
    TAGS.get(language).is_some_and(|habits| habits.contains(&habit))
}

/// The language of a tag without its script and region, in lower case: `zh` of `zh-TW`.
pub fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a tag names the traditional script of Chinese, or a region that writes it.
pub fn is_traditional_tag(tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    let mut parts = tag.split(['-', '_']);
    parts.next() == Some("zh") && parts.any(|part| matches!(part, "tw" | "hk" | "mo" | "hant"))
}

/// Whether two tags are the same language to a reader; Chinese in its two scripts is two.
pub fn is_same(one: &str, two: &str) -> bool {
    primary(one) == primary(two) && is_traditional_tag(one) == is_traditional_tag(two)
}

/// A tag in its usual case: `zh-tw` and `zh_TW` become `zh-TW`, `EN` becomes `en`. `None` if the text is not a language
/// tag.
pub fn normalised_tag(text: &str) -> Option<String> {
    let mut parts = text.trim().split(['-', '_']);
    let language = parts.next().filter(|part| matches!(part.len(), 2 | 3) && is_letters(part))?;
    let mut tag = language.to_ascii_lowercase();
    for part in parts {
        if part.is_empty() || part.len() > 8 || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        match part.len() {
            2 => tag.push_str(&part.to_ascii_uppercase()),
            4 if is_letters(part) => {
                tag.push_str(&part[..1].to_ascii_uppercase());
                tag.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    Some(tag)
}

fn is_letters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The tag a wish means: a name in English or in the language itself, or a tag; `None` if it means nothing known. `zh`
/// for Chinese of which no script is asked for.
fn tag_of_wish(wish: &str) -> Option<String> {
    let wish: String = wish.trim().chars().take(64).collect::<String>().to_lowercase().replace('_', "-");
    let wish = wish.trim_matches(['"', '\'', '.', ' ']);
    let named = NAMES.get(wish).copied();
    match named {
        Some(tag) => Some(tag.to_owned()),
        None => tag_of_tag(wish),
    }
}

fn tag_of_tag(wish: &str) -> Option<String> {
    let mut parts = wish.split(['-', '.', '@']);
    let primary = parts.next()?;
    if primary == "zh" {
        return Some(
            match parts.find(|part| matches!(*part, "tw" | "hant" | "hk" | "mo" | "cn" | "hans" | "sg")) {
                Some("hk" | "mo") => "zh-HK",
                Some("tw" | "hant") => "zh-TW",
                Some(_) => "zh-CN",
                None => "zh",
            }
            .to_owned(),
        );
    }
    if !is(primary, Habit::Asked) {
        return None;
    }
    match parts.next() {
        Some(region) if region.len() == 2 && region.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Some(format!("{primary}-{}", region.to_ascii_uppercase()))
        }
        _ => Some(primary.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::{lines, unsorted};

    #[test]
    fn the_lists_are_sorted_and_read_whole() {
        for (name, list) in [("tags.txt", TAGS_FILE), ("names.txt", NAMES_FILE)] {
            assert_eq!(unsorted(list), None, "sort {name}");
        }
        assert_eq!(NAMES.len(), lines(NAMES_FILE).count());
        for (tag, words) in pairs(TAGS_FILE) {
            assert!(words.split(' ').all(|word| Habit::named(word).is_some()), "{tag} is {words}");
        }
    }

    #[test]
    fn tags_of_one_language_are_the_same() {
        for (one, two, same) in [
            ("en", "en-US", true),
            ("zh", "zh-CN", true),
            ("zh-Hant", "zh_HK", true),
            ("zh-TW", "zh-CN", false),
            ("en", "de", false),
        ] {
            assert_eq!(is_same(one, two), same, "{one} {two}");
        }
    }
}
