//! Writes blocks as Markdown, with words together that were parted at the ends of lines.

use super::layout::{Block, Layout, Row, Shape};
use crate::formats::{
    redaction::Redactions,
    written::{Writer, one_line, push_words},
};
use std::{collections::HashSet, ops::Range};

/// Items of lists in each other beyond this.
const MAX_NESTING: usize = 6;

/// The heading that a document has for a title.
pub(super) enum Title {
    /// The one that stands above all others.
    Heading(String),
    /// Several headings stand at the top, so that the document has no title.
    OfParts,
    /// There are no headings.
    Unknown,
}

/// Writes a layout; gives its title as far as the headings tell it.
pub(super) fn write(layout: &Layout, redactions: &Redactions<'_>, writer: &mut Writer<'_>) -> Title {
    let vocabulary = Vocabulary::of(&layout.text);
    let words = |block: &Block| words_of(&block.lines, redactions, &vocabulary);
    let mut open: Vec<OpenList> = Vec::new();
    for block in &layout.blocks {
        let place = place_of(block);
        match block.shape {
            Shape::Heading(level) => {
                close(writer, &mut open, f32::NEG_INFINITY);
                writer.heading(level, &escaped(&words(block)), None, place);
            }
            Shape::Item(number) => {
                item(writer, &mut open, number, block.x);
                writer.paragraph(&escaped(&words(block)), place);
            }
            Shape::Rows => {
                close(writer, &mut open, block.x);
                let cells = |row: &Row| {
                    let line = redactions.shown(row.range.clone());
                    let parting = if line.contains('\t') { '\t' } else { ' ' };
                    line.split(parting).map(|cell| escaped(cell.trim())).collect::<Vec<_>>()
                };
                writer.table(&block.lines.iter().map(cells).collect::<Vec<_>>(), place);
            }
            Shape::Paragraph => {
                close(writer, &mut open, block.x);
                writer.paragraph(&escaped(&words(block)), place);
            }
            Shape::Code => {
                close(writer, &mut open, block.x);
                writer.code("", &code_of(&block.lines, redactions), place);
            }
        }
    }
    close(writer, &mut open, f32::NEG_INFINITY);
    let headings = || {
        layout.blocks.iter().filter_map(|block| match block.shape {
            Shape::Heading(level) => Some((level, block)),
            _ => None,
        })
    };
    let Some(top) = headings().map(|(level, _)| level).min() else { return Title::Unknown };
    let mut tops = headings().filter(|(level, _)| *level == top).map(|(_, block)| block);
    let is_above = headings().next().is_some_and(|(level, _)| level == top);
    match (tops.next(), tops.next()) {
        (Some(only), None) if is_above => Title::Heading(one_line(&words(only))),
        _ => Title::OfParts,
    }
}

/// An open list, which has an open item.
struct OpenList {
    x: f32,
    next: Option<u64>,
}

/// Two places from the left are one.
const SAME_PLACE: f32 = 4.0;

/// Closes the lists whose items do not hold what begins at a place.
fn close(writer: &mut Writer<'_>, open: &mut Vec<OpenList>, x: f32) {
    while open.last().is_some_and(|list| x < list.x + SAME_PLACE) {
        open.pop();
        writer.close_item();
        writer.close_list();
    }
}

fn item(writer: &mut Writer<'_>, open: &mut Vec<OpenList>, number: Option<u64>, x: f32) {
    while open.last().is_some_and(|list| x < list.x - SAME_PLACE) || open.len() > MAX_NESTING {
        open.pop();
        writer.close_item();
        writer.close_list();
    }
    let is_beside = open.last().is_some_and(|list| x <= list.x + SAME_PLACE);
    let next = number.map(|number| number.saturating_add(1));
    match open.last_mut() {
        Some(list) if is_beside && list.next == number => {
            writer.close_item();
            list.next = next;
        }
        _ => {
            if is_beside {
                open.pop();
                writer.close_item();
                writer.close_list();
            }
            writer.open_list(number);
            open.push(OpenList { x, next });
        }
    }
    writer.open_item();
}

fn place_of(block: &Block) -> Range<usize> {
    let start = block.lines.first().map_or(0, |row| row.range.start);
    start..block.lines.last().map_or(start, |row| row.range.end)
}

fn escaped(words: &str) -> String {
    let mut written = String::with_capacity(words.len());
    push_words(&mut written, words, false);
    written
}

fn code_of(rows: &[Row], redactions: &Redactions<'_>) -> String {
    let mut code = String::new();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            code.push_str(if row.follows_gap { "\n\n" } else { "\n" });
        }
        code.extend(std::iter::repeat_n(' ', row.indent));
        code.push_str(&redactions.shown(row.range.clone()));
    }
    code
}

/// The words of lines, on one line.
fn words_of(rows: &[Row], redactions: &Redactions<'_>, vocabulary: &Vocabulary<'_>) -> String {
    let mut words = String::new();
    for row in rows {
        let line = redactions.shown(row.range.clone());
        let line = line.trim();
        match words.chars().next_back() {
            None => {}
            Some('\u{ad}') => drop(words.pop()),
            Some('-') if line.starts_with(char::is_alphanumeric) => {
                let last = words.rsplit(char::is_whitespace).next().unwrap_or_default();
                let first = line.split(char::is_whitespace).next().unwrap_or_default();
                if vocabulary.joins(last, first) {
                    words.pop();
                }
            }
            // Scripts that are written without spaces are not parted by a line's end either.
            Some(last) => {
                let is_tight = |c: char| {
                    kb::analyzer::is_cjk(c) || matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}')
                };
                if !(is_tight(last) && line.chars().next().is_some_and(is_tight)) {
                    words.push(' ');
                }
            }
        }
        words.push_str(&line.replace('\t', " "));
    }
    words
}

/// The words that a text has within its lines.
struct Vocabulary<'t>(HashSet<&'t str>);

impl<'t> Vocabulary<'t> {
    fn of(text: &'t str) -> Self {
        let is_edge = |c: char| !c.is_alphanumeric();
        let words = text.lines().flat_map(|line| {
            // A word that is divided at the end of its line is not counted.
            let line =
                if line.ends_with('-') { line.rsplit_once(' ').map_or("", |(line, _)| line) } else { line };
            line.split_whitespace().map(move |word| word.trim_matches(is_edge))
        });
        Self(words.filter(|word| !word.is_empty()).collect())
    }

    /// Whether a word that ends in a hyphen at the end of a line is one with the word on the next: as other lines have
    /// it, or where both look like parts of a word and not like names.
    fn joins(&self, last: &str, first: &str) -> bool {
        let is_edge = |c: char| !c.is_alphanumeric();
        let (last, first) = (last.trim_start_matches(is_edge), first.trim_end_matches(is_edge));
        let stem = &last[..last.len().saturating_sub(1)];
        if self.0.contains(format!("{last}{first}").as_str()) {
            return false;
        }
        if self.0.contains(format!("{stem}{first}").as_str()) {
            return true;
        }
        let is_part = |part: &str| {
            let mut letters = part.chars();
            // A capital begins a sentence, or a word of some languages.
            let is_begun = letters.next().is_some_and(char::is_alphabetic);
            is_begun && letters.all(char::is_lowercase)
        };
        let are_words = self.0.contains(stem) && self.0.contains(first);
        is_part(stem) && is_part(first) && first.starts_with(char::is_lowercase) && !are_words
    }
}
