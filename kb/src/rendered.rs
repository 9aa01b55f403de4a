//! A text as its reader sees it once it is rendered, as far as that can show a secret which its source does not:
//! invisible characters dropped, character references and escapes decoded, emphasis, comments and tags within a word
//! gone. Not a renderer: it errs towards joining. Time is linear in the text's length.

use crate::{
    mapped::{Edit, MappedText},
    text::{escapes, is_invisible},
};
use std::ops::Range;

/// The text with the map to what was given; `None` where it would be the same.
pub fn rendered(text: &str) -> Option<MappedText> {
    let mut view = View { text, escapes: escapes(text), edits: Vec::new(), comments_end: None };
    view.read();
    let View { edits, .. } = view;
    (!edits.is_empty()).then(|| MappedText::new(text.to_owned()).edited(edits))
}

/// The text with its terminal escapes as spaces, so that the text after one begins a word; `None` if it has no escapes.
pub fn parted(text: &str) -> Option<MappedText> {
    let edits: Vec<Edit> = escapes(text).into_iter().map(|escape| Edit::replace(escape, " ")).collect();
    (!edits.is_empty()).then(|| MappedText::new(text.to_owned()).edited(edits))
}

struct View<'t> {
    text: &'t str,
    escapes: Vec<Range<usize>>,
    edits: Vec<Edit>,
    /// The last possible end of a comment, once it has been looked for.
    comments_end: Option<Option<usize>>,
}

/// The marks that may stand within a word without being seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Characters that are never seen.
    Invisible,
    /// A run of `*`.
    Stars,
    /// A run of `_`.
    Underscores,
    /// Comments, tags, a run of backticks, of two and more `~`.
    Other,
}

/// The bytes of characters that are read as they are. Most of a text consists of them.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = match byte as u8 {
            b'\t' | b'\r' => true,
            b'*' | b'_' | b'`' | b'~' | b'<' | b'&' | b'\\' | 0..0x20 | 0x7f => false,
            // Invisible characters begin with one of these bytes.
            0xc2 | 0xcd | 0xd8 | 0xe1 | 0xe2 | 0xe3 | 0xef | 0xf0 | 0xf3 => false,
            _ => true,
        };
        byte += 1;
    }
    plain
};

impl View<'_> {
    fn read(&mut self) {
        let mut marks: Vec<(Range<usize>, Mark)> = Vec::new();
        // The last character that is seen, and how many runs of `*` are open on its line.
        let (mut before, mut open) = (None, 0usize);
        let (mut at, mut escape) = (0, 0);
        while at < self.text.len() {
            let plain =
                self.text.as_bytes()[at..].iter().take_while(|byte| IS_PLAIN[usize::from(**byte)]).count();
            if plain > 0 {
                before = self.text[..at + plain].chars().next_back();
                at += plain;
                continue;
            }
            marks.clear();
            let mut end = at;
            while let Some((next, mark)) = self.mark(end, &mut escape) {
                marks.push((end..next, mark));
                end = next;
            }
            if marks.is_empty() {
                at += self.letter(at, &mut before);
                if before == Some('\n') {
                    open = 0;
                }
                continue;
            }
            let is_within = before.is_some_and(joins) && self.joins_at(end);
            let after = self.text[end..].chars().next();
            for (range, mark) in marks.drain(..) {
                let is_dropped = match mark {
                    Mark::Invisible => true,
                    Mark::Other => is_within,
                    // Underscores within a name are visible.
                    Mark::Underscores => !is_within,
                    Mark::Stars if range.len() > 3 => is_within,
                    Mark::Stars if after.is_none_or(char::is_whitespace) => {
                        let closes = open > 0;
                        open = open.saturating_sub(1);
                        closes
                    }
                    Mark::Stars => {
                        open = match before.is_none_or(char::is_whitespace) || open == 0 {
                            true => open + 1,
                            false => open - 1,
                        };
                        true
                    }
                };
                match is_dropped {
                    true => self.edits.push(Edit::delete(range)),
                    false => before = self.text[range].chars().next_back(),
                }
            }
            at = end;
        }
    }

    /// Reads one character that is seen; returns its length in the source.
    fn letter(&mut self, at: usize, before: &mut Option<char>) -> usize {
        let rest = &self.text[at..];
        if let Some(escaped) = escaped(rest) {
            self.edits.push(Edit::delete(at..at + 1));
            *before = Some(escaped);
            return 2;
        }
        if let Some((length, character)) = reference(rest) {
            let range = at..at + length;
            match character {
                '\n' | '\t' => self.edits.push(Edit::replace(range, " ")),
                _ if is_invisible(character) => {
                    self.edits.push(Edit::delete(range));
                    return length;
                }
                _ => self.edits.push(Edit::replace(range, character)),
            }
            *before = Some(character);
            return length;
        }
        *before = rest.chars().next();
        before.map_or(1, char::len_utf8)
    }

    /// The end and the kind of the mark that begins here. `escape` is the first terminal escape that is not passed.
    fn mark(&mut self, at: usize, escape: &mut usize) -> Option<(usize, Mark)> {
        let rest = &self.text[at..];
        let byte = *rest.as_bytes().first()?;
        let run = || at + rest.bytes().take_while(|other| *other == byte).count();
        match byte {
            b'*' => Some((run(), Mark::Stars)),
            b'_' => Some((run(), Mark::Underscores)),
            b'`' => Some((run(), Mark::Other)),
            b'~' if rest.starts_with("~~") => Some((run(), Mark::Other)),
            b'<' => Some((at + self.comment(at).or_else(|| tag(rest))?, Mark::Other)),
            b'\r' | b'\n' | b'\t' => None,
            0x20..0x7f => None,
            _ => {
                while self.escapes.get(*escape).is_some_and(|range| range.start < at) {
                    *escape += 1;
                }
                if let Some(range) = self.escapes.get(*escape).filter(|range| range.start == at) {
                    return Some((range.end, Mark::Invisible));
                }
                let character = rest.chars().next()?;
                is_invisible(character).then(|| (at + character.len_utf8(), Mark::Invisible))
            }
        }
    }

    /// The length of the comment that begins here.
    fn comment(&mut self, at: usize) -> Option<usize> {
        let inside = self.text[at..].strip_prefix("<!--")?;
        let last = *self.comments_end.get_or_insert_with(|| self.text.rfind("-->"));
        // Without the last end every beginning would be looked for up to the text's end.
        last.filter(|last| *last >= at + 4)?;
        inside.find("-->").map(|end| 4 + end + 3)
    }

    /// Whether what begins here goes on with a word.
    fn joins_at(&self, at: usize) -> bool {
        let rest = &self.text[at..];
        let next = reference(rest).map(|(_, character)| character).or_else(|| escaped(rest));
        next.or_else(|| rest.chars().next()).is_some_and(joins)
    }
}

/// Whether a character can stand within a secret or between it and its key.
fn joins(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '=' | '-' | '_' | '/' | '+' | '.' | ':')
}

/// The character that a backslash at the start makes an ordinary one.
fn escaped(text: &str) -> Option<char> {
    text.strip_prefix('\\')?.chars().next().filter(char::is_ascii_punctuation)
}

/// The length of the tag that a text begins with.
fn tag(text: &str) -> Option<usize> {
    const MAX_BYTES: usize = 256;
    let bytes = &text.as_bytes()[..text.len().min(MAX_BYTES)];
    let name = if bytes.get(1) == Some(&b'/') { 2 } else { 1 };
    bytes.get(name).filter(|byte| byte.is_ascii_alphabetic())?;
    let end = name + bytes[name..].iter().position(|byte| matches!(byte, b'<' | b'>' | b'\n'))?;
    (bytes[end] == b'>').then_some(end + 1)
}

/// The length and the character of the reference that a text begins with: any by number, by name those of ASCII and of
/// what is not seen. One that only stands there once another is decoded (`&amp;#55;`) counts as well.
fn reference(text: &str) -> Option<(usize, char)> {
    let mut length = 1;
    let mut body = text.strip_prefix('&')?;
    let mut found = None;
    loop {
        let Some(end) = body.bytes().take(32).position(|byte| byte == b';') else { return found };
        let Some(character) = character_of(&body[..end]) else { return found };
        length += end + 1;
        body = &body[end + 1..];
        if character != '&' {
            return Some((length, character));
        }
        found = Some((length, '&'));
    }
}

fn character_of(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let parsed = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return parsed.ok().and_then(char::from_u32);
    }
    Some(match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" | "NonBreakingSpace" | "Tab" | "NewLine" => ' ',
        "excl" => '!',
        "num" => '#',
        "dollar" => '$',
        "percnt" => '%',
        "lpar" => '(',
        "rpar" => ')',
        "ast" | "midast" => '*',
        "plus" => '+',
        "comma" => ',',
        "period" => '.',
        "sol" => '/',
        "colon" => ':',
        "semi" => ';',
        "equals" => '=',
        "quest" => '?',
        "commat" => '@',
        "lsqb" | "lbrack" => '[',
        "bsol" => '\\',
        "rsqb" | "rbrack" => ']',
        "Hat" => '^',
        "lowbar" | "UnderBar" => '_',
        "grave" | "DiacriticalGrave" => '`',
        "lcub" | "lbrace" => '{',
        "verbar" | "vert" | "VerticalLine" => '|',
        "rcub" | "rbrace" => '}',
        "shy" => '\u{ad}',
        "zwj" => '\u{200d}',
        "zwnj" => '\u{200c}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        "NoBreak" => '\u{2060}',
        "af" | "ApplyFunction" | "it" | "InvisibleTimes" | "ic" | "InvisibleComma" => '\u{2061}',
        "ZeroWidthSpace"
        | "NegativeVeryThinSpace"
        | "NegativeThinSpace"
        | "NegativeMediumSpace"
        | "NegativeThickSpace" => '\u{200b}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_as_a_reader_sees_them() {
        for (source, seen) in [
            ("AK&#73;A &#x4b;ey &amp;#55; a&lowbar;b", "AKIA Key 7 a_b"),
            ("a\\_b \\*c\\*", "a_b *c*"),
            ("a**b**c __d__ e_f _g_", "abc d e_f g"),
            ("**Key:** v, *w* x", "Key: v, w x"),
            ("a<!-- x -->b<b></b>c `d` `e`f", "abc `d` `ef"),
            ("a\u{200b}b\u{1b}[31mc\u{1b}[0md&ZeroWidthSpace;e&#8238;f", "abcdef"),
        ] {
            assert_eq!(rendered(source).expect(source).as_str(), seen, "{source:?}");
        }
    }

    #[test]
    fn no_character_that_is_not_seen_is_passed_by() {
        for character in ('\0'..=char::MAX).filter(|character| is_invisible(*character) && *character != '\r')
        {
            let first = character.to_string().as_bytes()[0];
            assert!(!IS_PLAIN[usize::from(first)], "{character:?}");
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "plain text\r\n\tof two lines, 記憶體不足",
            "* a bullet\n* and another",
            "a = b * c, secret: ****************, password=***\nnext",
            "`code` and <pod-name> and a < b && c; &nosuch; C:\\temp",
            "snake_case_name",
            "<!-- a comment -->",
        ] {
            assert!(rendered(text).is_none(), "{text:?}: {:?}", rendered(text));
        }
    }
}
