//! The last layer: a text in which no renderer finds a link, an image or HTML, whichever dialect it reads. Works on the
//! characters, code included, since what one dialect takes for code another does not; line by line or within a
//! paragraph, so that the seal of two blocks is that of each.

use super::addresses::{self, Allowed, Place};
use crate::{
    fences::{self, Reading},
    markdown::is_element,
    text::edited,
};
use kb::lists::{self, WordSet};
use regex::{Captures, Regex};
use std::{ops::Range, sync::LazyLock};

/// The signs that may stand before a block on its line: quotes, list items, tasks, table cells, footnotes.
const CONTAINERS: &str = r"^(?:[^\S\n]|[>|:*+\-]|[0-9]{1,9}[.)]|\[[ xX]?\]|\[\^[^\[\]\n]{0,99}\][^\S\n]*:)*";

/// The text with nothing in it that some dialect could take for markup that loads or leads anywhere.
pub fn sealed(text: &str, allowed: Allowed<'_>) -> String {
    let sure = if text.contains('`') { sure_code(text) } else { Vec::new() };
    let text = addresses::without(text, allowed, Place::Anywhere(&sure));
    let text = without_references(&text);
    let text = without_tags(&text);
    let text = text.replace("![", "! [").replace("](", "] (");
    plain_fences(&without_definitions(&text))
}

/// Where every dialect reads code: within fences of backticks that are closed, and between single backticks in pairs on
/// one line. Nowhere, where another sign makes that doubtful.
fn sure_code(text: &str) -> Vec<Range<usize>> {
    static FENCE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(&format!("{CONTAINERS}(`{{3,}})[^`]*$")).expect("the pattern is valid"));
    static ROW: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^[\s>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t:-]*)+$").expect("the pattern is valid")
    });
    if text.contains("\\`") || text.contains("~~~") {
        return Vec::new();
    }
    let has_table = text.contains('|') && ROW.is_match(text);
    let (mut fences, mut spans): (Vec<Range<usize>>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
    let (mut open, mut is_torn): (Option<(usize, usize)>, bool) = (None, false);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let fence = FENCE.captures(line.trim_end()).and_then(|found| found.get(1)).map(|sign| sign.len());
        match (open, fence) {
            (Some((start, length)), Some(closing)) if closing >= length => {
                fences.push(start..at);
                open = None;
            }
            (Some(_), _) => {}
            (None, Some(length)) => open = Some((at + line.len(), length)),
            (None, None) => {
                let ticks: Vec<usize> = line.match_indices('`').map(|(tick, _)| at + tick).collect();
                is_torn |= ticks.len() % 2 == 1 || line.contains("``");
                if !(has_table && line.contains('|')) {
                    spans.extend(ticks.chunks_exact(2).map(|pair| pair[0] + 1..pair[1]));
                }
            }
        }
        at += line.len();
    }
    match is_torn {
        true => Vec::new(),
        false => {
            fences.extend(spans);
            fences.sort_by_key(|range| range.start);
            fences
        }
    }
}

/// Character references that would spell an address for a program that looks for links in what is shown.
fn without_references(text: &str) -> String {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|colon|sol|bsol|period|commat|quest);")
            .expect("the pattern is valid")
    });
    let spells = |name: &str| match name.strip_prefix('#') {
        None => true,
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32).is_some_and(|character| {
                character.is_ascii_alphanumeric()
                    || matches!(character, ':' | '/' | '\\' | '.' | '@' | '?' | '．' | '。' | '｡')
            })
        }
    };
    let replaced = REFERENCE.replace_all(text, |found: &Captures<'_>| match spells(&found[1]) {
        true => format!("& {};", &found[1]),
        false => found[0].to_owned(),
    });
    replaced.into_owned()
}

/// `<` becomes `‹` where an element of HTML would begin. A placeholder stays, and so does what a shell reads.
fn without_tags(text: &str) -> String {
    static TAG: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"<(?:!|(/?)([A-Za-z][^\s/><]*))").expect("the pattern is valid"));
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for found in TAG.captures_iter(text) {
        let start = found.get(0).expect("a match has a text").start();
        let is_tag = found.get(2).is_none_or(|name| {
            let after = &text[name.end()..];
            match &found[1] {
                "" => opens(&name.as_str().to_ascii_lowercase(), after),
                _ => is_element(name.as_str()) && !after.starts_with('/'),
            }
        });
        if is_tag {
            edits.push((start..start + 1, "‹".to_owned()));
        }
    }
    edited(text, edits)
}

/// HTML elements whose names people also write as placeholders.
const PLACEHOLDER_NAMES: &str = include_str!("placeholders.txt");

/// Whether `<name` and what follows it is an element, or carries a script or a style.
fn opens(name: &str, after: &str) -> bool {
    /// Elements whose names people also write as placeholders: they load by their attributes alone.
    static PLACEHOLDERS: LazyLock<WordSet> = LazyLock::new(|| lists::words(PLACEHOLDER_NAMES));
    static SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)[\s"'/](?:on[a-z]+|style|srcdoc)\s*="#).expect("the pattern is valid")
    });
    let attributes = attributes(after);
    if SCRIPT.is_match(attributes) {
        return true;
    }
    match name {
        // `a<b && c` is a comparison.
        "b" | "i" | "p" | "q" | "s" | "u" => after.starts_with(['>', '/']),
        _ if PLACEHOLDERS.contains(name) => attributes.contains('='),
        _ => is_element(name),
    }
}

/// The text that a browser may read as the attributes of a tag: to the end of the tag or of the paragraph, 1 KiB at
/// most.
fn attributes(after: &str) -> &str {
    let near = &after[..after.floor_char_boundary(1 << 10)];
    let paragraph = near.split("\n\n").next().unwrap_or_default();
    match paragraph.find('>') {
        // A `>` within quotes does not end the tag: then the whole paragraph is read.
        Some(end) if !paragraph[..end].contains(['"', '\'']) => &paragraph[..end],
        _ => paragraph,
    }
}

/// `[label]:` at the start of a block would make `[label]` a link everywhere: a space before the colon ends that.
fn without_definitions(text: &str) -> String {
    static BEFORE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(&format!("(?m){CONTAINERS}")).expect("the pattern is valid"));
    if !text.contains("]:") {
        return text.to_owned();
    }
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut read = 0;
    for before in BEFORE.find_iter(text) {
        let within = before.as_str().match_indices('[').map(|(at, _)| before.start() + at);
        let next = text[before.end()..].starts_with('[').then_some(before.end());
        for start in within.chain(next) {
            // A label that begins within the last one ends where that ends.
            if start < read {
                continue;
            }
            let ends;
            (ends, read) = label_ends(text, start);
            let colons = ends.into_iter().filter(|end| text[*end..].starts_with(':'));
            edits.extend(colons.map(|colon| (colon..colon, " ".to_owned())));
        }
    }
    edited(text, edits)
}

/// Where the label that begins at `start` may end, and how far that had to be read: at its first closing bracket, or at
/// an escaped one for who knows no escapes. Whether it may hold an opening one is for each reader to say.
fn label_ends(text: &str, start: usize) -> (Vec<usize>, usize) {
    let mut ends = Vec::new();
    let (mut escaped, mut blank) = (false, false);
    for (at, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            b']' => ends.push(at + 1),
            b'\n' if blank => return (ends, at),
            _ => {}
        }
        if byte == b']' && !escaped {
            return (ends, at);
        }
        escaped = byte == b'\\' && !escaped;
        blank = byte == b'\n' || (blank && matches!(byte, b' ' | b'\t' | b'>'));
    }
    (ends, text.len())
}

/// A fence keeps the language that it names, when that is a plain word and nothing that renderers run or draw.
fn plain_fences(text: &str) -> String {
    static FENCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(&format!(r"(?m){CONTAINERS}(?:`{{3,}}|~{{3,}})([^\n]*)$")).expect("the pattern is valid")
    });
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for found in FENCE.captures_iter(text) {
        let info = found.get(1).expect("the group is always there");
        let backticks = text[..info.start()].ends_with('`');
        if backticks && info.as_str().contains('`') {
            continue;
        }
        let language = info.as_str().split_whitespace().next().unwrap_or_default();
        let kept = if is_plain_language(language) { language } else { "" };
        if info.as_str().trim() != kept {
            edits.push((info.range(), kept.to_owned()));
        }
    }
    edited(text, edits)
}

fn is_plain_language(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.'));
    plain
        && word.len() <= 20
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && !fences::is(&word.to_ascii_lowercase(), Reading::Drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholders_are_sorted_and_unique() {
        assert_eq!(lists::unsorted(PLACEHOLDER_NAMES), None);
    }
}
