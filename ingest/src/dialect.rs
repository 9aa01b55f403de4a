//! The Markdown that we read: CommonMark with tables, footnotes, strikethrough, task lists and `{#id}` after headings.

use pulldown_cmark::{OffsetIter, Options, Parser};

/// Parses a text in our dialect, with byte ranges.
pub(crate) fn parse(text: &str) -> OffsetIter<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    Parser::new_ext(text, options).into_offset_iter()
}

/// A fence's character and length, when the line opens one. Quote marks and any indentation may precede it, since a
/// fence may stand in a list.
pub(crate) fn opening_fence(line: &str) -> Option<(char, usize)> {
    let line = line.trim_start_matches([' ', '\t', '>']);
    let character = line.chars().next().filter(|&c| c == '`' || c == '~')?;
    let rest = line.trim_start_matches(character);
    let length = line.len() - rest.len();
    (length >= 3 && !(character == '`' && rest.contains('`'))).then_some((character, length))
}

/// Whether the line closes a fence.
pub(crate) fn closes_fence(line: &str, (character, length): (char, usize)) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>']).trim_end();
    line.len() >= length && line.chars().all(|c| c == character)
}

/// Calls `visit` for each line with its first byte and whether it belongs to fenced code, the fence included. Lines
/// keep their line breaks.
pub(crate) fn for_each_line<'a>(text: &'a str, mut visit: impl FnMut(usize, &'a str, bool)) {
    let mut fence = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_code = match fence {
            Some(open) => {
                if closes_fence(line, open) {
                    fence = None;
                }
                true
            }
            None => {
                fence = opening_fence(line);
                fence.is_some()
            }
        };
        visit(at, line, is_code);
        at += line.len();
    }
}
