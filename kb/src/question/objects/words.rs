//! A text cut into words, with their places.

use crate::{analyzer::is_cjk, question::volatile::STAND_IN};

/// A word of the text and what stands right before and after it.
pub(in crate::question) struct Word<'t> {
    /// The word, without punctuation around it.
    pub text: &'t str,
    /// The offset in bytes of the word's start.
    pub start: usize,
    /// The offset in bytes of the word's end.
    pub end: usize,
    /// Whether it is a run of CJK characters.
    pub is_cjk: bool,
}

/// Cuts a text into words. A word holds letters, digits and `-_./:@+`; CJK runs are words of their own.
pub(in crate::question) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start: Option<(usize, bool)> = None;
    for (at, character) in text.char_indices() {
        let class = if is_cjk(character) {
            Some(true)
        } else if character.is_alphanumeric()
            || character == STAND_IN
            || matches!(character, '-' | '_' | '.' | '/' | ':' | '@' | '+' | '\u{300}'..='\u{36f}')
        {
            Some(false)
        } else {
            None
        };
        if let Some((from, was_cjk)) = start
            && class != Some(was_cjk)
        {
            push(text, from, at, was_cjk, &mut words);
            start = None;
        }
        if start.is_none()
            && let Some(is_cjk) = class
        {
            start = Some((at, is_cjk));
        }
    }
    if let Some((from, was_cjk)) = start {
        push(text, from, text.len(), was_cjk, &mut words);
    }
    words
}

fn push<'t>(text: &'t str, start: usize, end: usize, is_cjk: bool, words: &mut Vec<Word<'t>>) {
    let word = &text[start..end];
    let word_start = start + (word.len() - word.trim_start_matches([':', '@', '+']).len());
    let word = text[word_start..end].trim_end_matches(['.', ':', '/', '@', '+', '_']);
    // The end of `Pod's` is not a word.
    let is_clitic = word.len() <= 2 && text[..start].ends_with(['\'', '’']) && {
        let before = text[..start].trim_end_matches(['\'', '’']);
        before.ends_with(|c: char| c.is_alphanumeric())
    };
    if !is_clitic && word.chars().any(|c| c.is_alphanumeric() || c == STAND_IN) {
        words.push(Word { text: word, start: word_start, end: word_start + word.len(), is_cjk });
    }
}
