//! Makes untrusted text safe to show: questions, documents' ids and answers may have any characters.

use std::fmt::Write as _;

/// Text for a terminal or as the base of the other forms: control, invisible and direction-changing characters are
/// spelled out, line breaks and tabs become spaces.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(&mut out, character, false);
    }
    out
}

/// Text between HTML tags or within a quoted attribute; line breaks stay.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => push_visible(&mut out, other, true),
        }
    }
    out
}

/// Text within XML; the same rules as for HTML keep characters out that XML 1.0 forbids.
pub fn xml(text: &str) -> String {
    html(text)
}

/// Text within a cell of a Markdown table: no markup, no link, no line break.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention notifies people; an address becomes a link by itself.
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '!' | '#' | '~' | '\\' | '$' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

/// At most `limit` characters, with an ellipsis when something was left out.
pub fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

fn push_visible(out: &mut String, character: char, keep_line_breaks: bool) {
    match character {
        '\n' if keep_line_breaks => out.push('\n'),
        '\n' | '\t' | '\r' => out.push(' '),
        character if is_deceptive(character) => {
            write!(out, "‹U+{:04X}›", u32::from(character)).expect("writing to a string cannot fail");
        }
        character => out.push(character),
    }
}

/// Characters that hide, reorder or command: controls, zero-width, bidirectional, tags, non-characters.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_stays_hidden() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}b\u{200b}\n\tc"), "a‹U+001B›[31m‹U+202E›b‹U+200B›  c");
        assert_eq!(visible("記憶體 Sự cố 👍"), "記憶體 Sự cố 👍");
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            html("<a href=\"x\">'&'\u{0}</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;‹U+0000›&lt;/a&gt;"
        );
        assert_eq!(
            markdown("| <b>[x](http://e) `c` @team\n"),
            "\\| &lt;b&gt;\\[x\\]\\(http&#58;//e\\) \\`c\\` &#64;team "
        );
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shortened("節點未就緒", 2), "節點…");
        assert_eq!(shortened("ab", 2), "ab");
    }
}
