//! Vietnamese is written in syllables with marks. People leave the marks out when they type in a hurry, and a word is
//! mostly two syllables: so a marked syllable is a term with and without its marks, and two syllables beside each other
//! are one more.

use unicode_normalization::UnicodeNormalization;

/// The longest syllable (`nghiêng`) has this many letters.
const MAX_SYLLABLE: usize = 7;

/// No syllable is longer, whichever form its marks are written in.
pub(super) const MAX_SYLLABLE_BYTES: usize = MAX_SYLLABLE + 6;

/// Joins the syllables of a pair; no passage's word has it between two syllables by itself.
pub(super) const PAIR: char = '_';

/// Whether a letter has a mark, as Vietnamese writes it; a few other languages share some of them.
pub fn is_marked(character: char) -> bool {
    matches!(character,
        'À'..='Ã' | 'È'..='Ê' | 'Ì' | 'Í' | 'Ò'..='Õ' | 'Ù' | 'Ú' | 'Ý' | 'à'..='ã' | 'è'..='ê' | 'ì' | 'í' | 'ò'..='õ'
        | 'ù' | 'ú' | 'ý' | 'Ă' | 'ă' | 'Đ' | 'đ' | 'Ĩ' | 'ĩ' | 'Ũ' | 'ũ' | 'Ơ' | 'ơ' | 'Ư' | 'ư' | '\u{300}'..='\u{36f}'
        | '\u{1ea0}'..='\u{1ef9}')
}

/// A word without its marks.
pub fn unmarked(word: &str) -> String {
    let bare = |character: char| match character {
        'đ' => Some('d'),
        'Đ' => Some('D'),
        '\u{300}'..='\u{36f}' => None,
        _ => Some(character),
    };
    word.nfd().filter_map(bare).collect()
}

/// A word as a syllable, lower case without marks: letters only, and few of them.
pub(super) fn syllable(word: &str) -> Option<String> {
    let bare = match word.is_ascii() {
        true => word.to_ascii_lowercase(),
        false => unmarked(word).to_lowercase(),
    };
    let is_syllable = bare.len() <= MAX_SYLLABLE && bare.bytes().all(|byte| byte.is_ascii_lowercase());
    is_syllable.then_some(bare)
}
