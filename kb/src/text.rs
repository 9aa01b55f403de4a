//! Text from outside made safe to show: no terminal escapes, no control or invisible characters. Pure.

use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// Terminal control sequences: CSI, OSC (hyperlinks among them), and two-byte escapes, in 7-bit and 8-bit form. One that
/// is never closed ends with its line, so that a text's lines can be read one by one.
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(?m)(?:\u{1b}\\]|\u{9d}).*?(?:\u{7}|\u{1b}\\\\|\u{9c}|$)|(?:\u{1b}\\[|\u{9b})[0-?]*[ -/]*[@-~]|\u{1b}[ -/]*[0-~]",
    )
    .expect("the pattern is valid")
});

/// The characters that begin them.
const BEGIN_ESCAPES: [char; 3] = ['\u{1b}', '\u{9b}', '\u{9d}'];

/// Removes terminal escapes with their arguments, and every character that does not show: C0 and C1 controls but line
/// feed and tab, bidirectional overrides, zero-width characters, variation selectors and Unicode tags. Line ends
/// become `\n`.
pub fn visible(text: &str) -> String {
    let text = match text.contains(BEGIN_ESCAPES) {
        true => ESCAPES.replace_all(text, ""),
        false => text.into(),
    };
    let text = match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n").into(),
        false => text,
    };
    let mut before = None;
    text.chars()
        .filter(|&character| {
            let is_kept = !is_invisible(character) || (character == AS_EMOJI && before.is_some_and(is_emoji));
            before = Some(character);
            is_kept
        })
        .collect()
}

/// Says that the sign before it is drawn as an emoji.
const AS_EMOJI: char = '\u{fe0f}';

/// Whether a sign is drawn as an emoji where that is asked for (Unicode Technical Standard 51, by blocks).
fn is_emoji(character: char) -> bool {
    matches!(character, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'
        | '\u{24c2}' | '\u{25a0}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
}

/// The ranges in bytes of the terminal escapes, with their arguments.
pub fn escapes(text: &str) -> Vec<Range<usize>> {
    match text.contains(BEGIN_ESCAPES) {
        true => ESCAPES.find_iter(text).map(|escape| escape.range()).collect(),
        false => Vec::new(),
    }
}

/// Whether a character is drawn as nothing or changes how others are drawn.
pub fn is_invisible(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        _ if character.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}'
        | '\u{ffa0}' => true,
        '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => true,
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_removed() {
        for (text, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9d}8;;https://evil.example\u{7}link", "link"),
            ("\u{1b}]0;never closed", ""),
            ("\u{1b}]0;never closed\nnext", "\nnext"),
            ("a\u{202e}b\u{200b}c\u{feff}", "abc"),
            ("hi\u{e0041}\u{e0042}", "hi"),
            ("bell\u{7}null\0", "bellnull"),
            ("記憶體不足", "記憶體不足"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }
}
