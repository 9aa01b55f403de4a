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

/// Removes terminal escapes with their arguments, and every character that does not show: C0 and C1 controls but line
/// feed and tab, bidirectional overrides, zero-width characters, variation selectors and Unicode tags. Line ends
/// become `\n`.
pub fn visible(text: &str) -> String {
    let text = match text.contains(['\u{1b}', '\u{9b}', '\u{9d}']) {
        true => ESCAPES.replace_all(text, ""),
        false => text.into(),
    };
    let text = match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n").into(),
        false => text,
    };
    text.chars().filter(|character| !is_invisible(*character)).collect()
}

/// Whether a character is drawn as nothing or changes how others are drawn.
fn is_invisible(character: char) -> bool {
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

/// White space runs become one space, the ends are trimmed.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The text cut after at most `max_chars` characters, at a word's end where there is one, with `…` when cut.
pub fn clipped(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    let room = max_chars.saturating_sub(1);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let cut = &text[..end];
    let is_word_end = text[end..].starts_with(char::is_whitespace);
    let word_end = match cut.rfind(char::is_whitespace) {
        Some(at) if !is_word_end && at * 2 > cut.len() => at,
        _ => cut.len(),
    };
    format!("{}…", cut[..word_end].trim_end())
}

/// The text with edits applied, which come in the order of their starts; one that begins within the one before it does
/// not count.
pub fn edited(text: &str, edits: impl IntoIterator<Item = (Range<usize>, String)>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    for (range, replacement) in edits {
        if range.start < at {
            continue;
        }
        written.push_str(&text[at..range.start]);
        written.push_str(&replacement);
        at = range.end;
    }
    written.push_str(&text[at..]);
    written
}

/// Number of characters, as people and k8sgpt's limit count them.
pub fn num_chars(text: &str) -> usize {
    text.chars().count()
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

    #[test]
    fn edits_are_applied_in_order() {
        let edits = [(0..3, "One"), (2..5, "lost"), (4..4, "and "), (8..8, "!")];
        let edits = edits.map(|(range, text)| (range, text.to_owned()));
        assert_eq!(edited("one two ", edits), "One and two !");
    }

    #[test]
    fn clipping_prefers_the_end_of_a_word() {
        assert_eq!(clipped("short", 10), "short");
        assert_eq!(clipped("restart the pod now", 12), "restart the…");
        assert_eq!(clipped("記憶體不足導致重新啟動", 5), "記憶體不…");
    }
}
