//! One form for Chinese text: Traditional characters are read as Simplified ones, and words that Taiwan and Hong Kong
//! have for a thing as the mainland's, so that a question in one script finds a page in the other.
//!
//! `traditional.txt` holds a Traditional character and its Simplified form a line, from the Open Chinese Convert
//! dictionary (Apache-2.0); `regional.txt` the words that differ in more than characters.

use super::is_cjk;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

static CHARACTERS: LazyLock<FxHashMap<char, char>> = LazyLock::new(|| {
    let pair = |line: &str| {
        let mut characters = line.chars();
        Some((characters.next()?, characters.next()?))
    };
    include_str!("traditional.txt").lines().filter_map(pair).collect()
});

/// A word of one region and the other's word, in Simplified characters.
type Regional = (Vec<char>, Vec<char>);

/// The regional words by their first character, the longest first.
static WORDS: LazyLock<FxHashMap<char, Vec<Regional>>> = LazyLock::new(|| {
    let mut words: FxHashMap<char, Vec<Regional>> = FxHashMap::default();
    let pair = |line: &'static str| line.split_once(' ');
    for (word, other) in include_str!("regional.txt").lines().filter_map(pair) {
        let word: Vec<char> = word.chars().collect();
        words.entry(word[0]).or_default().push((word, other.chars().collect()));
    }
    words.values_mut().for_each(|words| words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len())));
    words
});

/// A character of a run and the bytes of the text that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The character in its Simplified form, if it has one.
    pub character: char,
    /// The offset in bytes of its start in the text.
    pub start: usize,
    /// The offset in bytes of its end in the text.
    pub end: usize,
}

/// The Simplified form of a character, or the character itself if it has no other form.
pub fn simplified(character: char) -> char {
    let character = match character {
        '\u{f900}'..='\u{faff}' => character.nfkc().next().unwrap_or(character),
        _ => character,
    };
    CHARACTERS.get(&character).copied().unwrap_or(character)
}

/// A text with Chinese characters in their Simplified form, the same number of characters.
pub fn simplified_text(text: &str) -> String {
    text.chars().map(|character| if is_cjk(character) { simplified(character) } else { character }).collect()
}

/// A run of characters in its one form, in place.
pub(super) fn unify(run: &mut Vec<Unit>) {
    let regional = |unit: &Unit| WORDS.contains_key(&unit.character);
    if !run.iter().any(regional) {
        run.iter_mut().for_each(|unit| unit.character = simplified(unit.character));
        return;
    }
    let mut unified = Vec::with_capacity(run.len());
    let mut at = 0;
    while at < run.len() {
        let rest = &run[at..];
        let begins = |word: &[char]| {
            word.len() <= rest.len()
                && word.iter().zip(rest).all(|(character, unit)| *character == unit.character)
        };
        let words = WORDS.get(&rest[0].character).map_or(&[][..], Vec::as_slice);
        match words.iter().find(|(word, _)| begins(word)) {
            Some((word, other)) => {
                let (start, end) = (rest[0].start, rest[word.len() - 1].end);
                unified.extend(other.iter().map(|&character| Unit { character, start, end }));
                at += word.len();
            }
            None => {
                unified.push(Unit { character: simplified(rest[0].character), ..rest[0] });
                at += 1;
            }
        }
    }
    *run = unified;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_end_in_simplified_characters() {
        for table in [include_str!("traditional.txt"), include_str!("regional.txt")] {
            let lines: Vec<&str> = table.lines().collect();
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "not sorted, or a line comes twice");
        }
        for (traditional, form) in CHARACTERS.iter() {
            assert!(!CHARACTERS.contains_key(form), "{traditional} becomes {form}, which becomes another");
        }
        for (word, other) in WORDS.values().flatten() {
            assert!(other.iter().all(|c| simplified(*c) == *c), "{word:?} becomes {other:?}");
        }
    }
}
