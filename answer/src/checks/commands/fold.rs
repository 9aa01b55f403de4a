//! Text as it is judged: look-alikes, wide and invisible characters as the ASCII that a terminal's reader takes them for. Only
//! the judgement sees it; what leaves is edited where it stands. Pure.

use std::{borrow::Cow, ops::Range};
use unicode_normalization::UnicodeNormalization;

/// The place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In code every character is a shell's.
    Code,
    /// In running text, wide punctuation and quotation marks are the sentence's.
    Text,
}

/// A folded text, and where each of its bytes comes from.
#[derive(Debug)]
pub struct Folded<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// For each byte the range of the character that it came from; nothing where the text is what it was.
    sources: Vec<(usize, usize)>,
}

impl Folded<'_> {
    /// A part's place in the text before it was folded.
    pub fn source(&self, part: &Range<usize>) -> Range<usize> {
        match part.end.checked_sub(1).filter(|_| !self.sources.is_empty() && !part.is_empty()) {
            Some(last) => self.sources[part.start].0..self.sources[last].1,
            None => part.clone(),
        }
    }
}

/// Folds a text.
pub fn folded(text: &str, place: Place) -> Folded<'_> {
    if text.is_ascii() {
        return Folded { text: Cow::Borrowed(text), sources: Vec::new() };
    }
    let mut folded = String::with_capacity(text.len());
    let mut sources = Vec::with_capacity(text.len());
    let mut previous = ' ';
    for (at, character) in text.char_indices() {
        let begin = folded.len();
        let next = text[at + character.len_utf8()..].chars().next().unwrap_or(' ');
        push(character, (previous, next), place, &mut folded);
        sources.resize(sources.len() + folded.len() - begin, (at, at + character.len_utf8()));
        previous = character;
    }
    Folded { text: Cow::Owned(folded), sources }
}

fn push(character: char, (previous, next): (char, char), place: Place, into: &mut String) {
    let begins_flag = previous.is_whitespace() && next.is_alphabetic();
    match character {
        c if c.is_ascii() => into.push(c),
        // Characters that do not show are left out.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => {}
        // Marks on a letter hide it in code.
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' if place == Place::Code => {}
        // A word processor writes `--` so.
        '\u{2014}' if begins_flag => into.push_str("--"),
        '\u{2013}' if begins_flag || place == Place::Code => into.push('-'),
        '\u{2013}' => into.push(character),
        '\u{2010}'..='\u{2012}' | '\u{2212}' => into.push('-'),
        '\u{201c}' | '\u{201d}' if place == Place::Code => into.push('"'),
        '\u{2018}' | '\u{2019}' if place == Place::Code => into.push('\''),
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => into.push('/'),
        '！' | '（' | '）' | '，' | '：' | '；' | '？' | '、' | '。' | '…' if place == Place::Text => {
            into.push(character)
        }
        '…' => into.push(character),
        c => {
            for plain in std::iter::once(c).nfkc() {
                into.push(if plain.is_alphabetic() { look_alike(plain) } else { plain });
            }
        }
    }
}

/// The ASCII letter or sign that a character of another alphabet looks like, or itself.
fn look_alike(character: char) -> char {
    if character.is_ascii() || character >= '\u{2e80}' {
        return character;
    }
    let mut prototype = unicode_security::confusable_detection::skeleton(character.encode_utf8(&mut [0; 4]))
        .collect::<Vec<char>>()
        .into_iter();
    match (prototype.next(), prototype.next()) {
        // The tables make one of `I` and `l`.
        (Some('l'), None) if character.is_uppercase() => 'I',
        (Some(plain), None) if plain.is_ascii() => plain,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_command_is_folded() {
        for (text, expected) in [
            ("ｋｕｂｅｃｔｌ　ｄｅｌｅｔｅ", "kubectl delete"),
            ("kubectl d\u{435}l\u{435}te", "kubectl delete"),
            ("ku\u{200b}bectl de\u{ad}lete", "kubectl delete"),
            ("rm \u{2013}rf \u{2014}force", "rm -rf --force"),
            ("𝗋𝗆 -rf ∕", "rm -rf /"),
            ("sh “x”", "sh \"x\""),
            ("r\u{332}m\u{336} x", "rm x"),
        ] {
            assert_eq!(folded(text, Place::Code).text, expected);
        }
    }

    #[test]
    fn running_text_keeps_what_it_says() {
        for text in ["請執行，然後：等待（一）。", "Khởi động lại dịch vụ", "“so” — ‘that’", "plain"]
        {
            let folded = folded(text, Place::Text);
            let back = folded.source(&(0..folded.text.len()));
            assert_eq!((folded.text.as_ref(), &text[back]), (text, text));
        }
    }
}
