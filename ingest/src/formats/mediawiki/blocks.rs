//! Wikitext, line by line: headings, lists, tables, code, paragraphs.

use super::{
    inline::Inline,
    kept::{MARK, Piece, piece_at},
};
use crate::formats::written::{Writer, one_line};
use std::ops::Range;

/// Lists in lists that are told apart.
const MAX_DEPTH: usize = 32;

/// A table has no more columns.
const MAX_COLUMNS: usize = 200;

/// Writes the blocks of a page.
pub(super) struct Blocks<'w, 'p> {
    pub(super) writer: Writer<'w>,
    pub(super) inline: &'p Inline<'p>,
    /// The place of the whole page, which all of its blocks have.
    pub(super) place: Range<usize>,
    /// The signs of the lists that are open, each with an open item.
    lists: Vec<char>,
}

impl<'w, 'p> Blocks<'w, 'p> {
    pub(super) fn new(writer: Writer<'w>, inline: &'p Inline<'p>, place: Range<usize>) -> Self {
        Self { writer, inline, place, lists: Vec::new() }
    }

    pub(super) fn write(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        let mut paragraph = String::new();
        while let Some(line) = lines.get(at) {
            if !self.inline.steps.take(1) {
                return;
            }
            let words = line.trim();
            let is_indented =
                line.starts_with(' ') && !words.starts_with("{|") && !words.starts_with(MARK[0]);
            let starts_block = words.is_empty()
                || heading_of(words).is_some()
                || words.starts_with(['*', '#', ':', ';'])
                || words.starts_with("{|")
                || words.starts_with("----")
                || is_indented;
            if !self.lists.is_empty() && self.is_code(words) {
                // Code directly below an item is the item's.
                self.flush(&mut words.to_owned());
                at += 1;
                continue;
            }
            if !starts_block {
                if !self.lists.is_empty() {
                    self.close_lists(0);
                }
                paragraph.push_str(words);
                paragraph.push('\n');
                at += 1;
                continue;
            }
            self.flush(&mut paragraph);
            at = self.block(&lines, at, words);
        }
        self.flush(&mut paragraph);
        self.close_lists(0);
    }

    /// Whether a line is a block of code and nothing else.
    fn is_code(&self, line: &str) -> bool {
        let piece = piece_at(line, self.inline.pieces);
        piece.is_some_and(|(piece, length)| {
            matches!(piece, Piece::Code { is_block: true, .. }) && length == line.len()
        })
    }

    /// Writes the block that begins at a line; returns where it ends.
    fn block(&mut self, lines: &[&str], at: usize, words: &str) -> usize {
        let line = lines[at];
        if words.is_empty() {
            return at + 1;
        }
        if line.starts_with(' ') && !words.starts_with("{|") && !words.starts_with(MARK[0]) {
            return self.preformatted(lines, at);
        }
        if let Some((level, title)) = heading_of(words) {
            self.close_lists(0);
            let title = self.inline.markdown(title);
            self.writer.heading(level, &title, None, self.place.clone());
            return at + 1;
        }
        if words.trim_start_matches(':').trim_start().starts_with("{|") {
            return self.table(lines, at);
        }
        if words.starts_with("----") {
            self.close_lists(0);
            self.flush(&mut words.trim_start_matches('-').to_owned());
            return at + 1;
        }
        self.item(words);
        at + 1
    }

    /// Writes a paragraph, and the code that stands in it.
    fn flush(&mut self, paragraph: &mut String) {
        let text = std::mem::take(paragraph);
        let mut rest = text.as_str();
        let mut words = String::new();
        while let Some(found) = rest.find(MARK[0]) {
            words.push_str(&rest[..found]);
            rest = &rest[found..];
            let Some((piece, length)) = piece_at(rest, self.inline.pieces) else {
                rest = &rest[MARK[0].len_utf8()..];
                continue;
            };
            match piece {
                Piece::Code { language, text, is_block: true } => {
                    self.paragraph(&std::mem::take(&mut words));
                    self.writer.code(language_of(language), text, self.place.clone());
                }
                _ => words.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        words.push_str(rest);
        self.paragraph(&words);
    }

    fn paragraph(&mut self, text: &str) {
        if !text.trim().is_empty() {
            let words = self.inline.markdown(text.trim());
            self.writer.paragraph(&words, self.place.clone());
        }
    }

    /// Writes an item, or a line that belongs to one.
    fn item(&mut self, line: &str) {
        let marks = line.len() - line.trim_start_matches(['*', '#', ':', ';']).len();
        let (marks, text) = line.split_at(marks);
        let text = text.trim();
        let signs: Vec<char> = marks.chars().filter(|c| matches!(c, '*' | '#')).take(MAX_DEPTH).collect();
        let common = signs.iter().zip(&self.lists).take_while(|(a, b)| a == b).count();
        if marks.ends_with([':', ';']) {
            self.close_lists(common);
            let mut text = match marks.ends_with(';') {
                true => defined(text),
                false => text.to_owned(),
            };
            return self.flush(&mut text);
        }
        if common == signs.len() {
            self.close_lists(common);
            self.writer.close_item();
            self.writer.open_item();
        } else {
            self.close_lists(common);
            for sign in &signs[common..] {
                self.writer.open_list((*sign == '#').then_some(1));
                self.writer.open_item();
                self.lists.push(*sign);
            }
        }
        self.flush(&mut text.to_owned());
    }

    fn close_lists(&mut self, kept: usize) {
        while self.lists.len() > kept {
            self.lists.pop();
            self.writer.close_item();
            self.writer.close_list();
        }
    }

    /// Writes lines that begin with a blank, which are shown as they are.
    fn preformatted(&mut self, lines: &[&str], at: usize) -> usize {
        self.close_lists(0);
        let is_inside = |line: &&&str| line.starts_with(' ') && !line.trim().is_empty();
        let end = at + lines[at..].iter().take_while(is_inside).count().max(1);
        let mut code = String::new();
        for line in &lines[at..end] {
            code.push_str(&self.inline.plain(line.strip_prefix(' ').unwrap_or(line)));
            code.push('\n');
        }
        self.writer.code("", &code, self.place.clone());
        end
    }

    /// Writes a table; the words of tables within the table are text of its cells.
    fn table(&mut self, lines: &[&str], at: usize) -> usize {
        self.close_lists(0);
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut caption = String::new();
        let (mut depth, mut end) = (1usize, at + 1);
        while let Some(line) = lines.get(end) {
            end += 1;
            let line = line.trim();
            if line.starts_with("{|") {
                depth += 1;
            } else if line.starts_with("|}") {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else if depth > 1 {
                push_text(&mut rows, without_attributes(line.trim_start_matches(['|', '!', '-', '+'])));
            } else if line.starts_with("|-") {
                rows.push(Vec::new());
            } else if let Some(text) = line.strip_prefix("|+") {
                caption = without_attributes(text).to_owned();
            } else if let Some(cells) = line.strip_prefix('!') {
                let cells = cells.replace("!!", "||");
                push_cells(&mut rows, &cells);
            } else if let Some(cells) = line.strip_prefix('|') {
                push_cells(&mut rows, cells);
            } else {
                push_text(&mut rows, line);
            }
        }
        let caption = self.inline.markdown(&caption);
        self.writer.label(&caption, self.place.clone());
        let cell = |text: &String| one_line(&self.inline.markdown(text.trim()));
        let rows: Vec<Vec<String>> =
            rows.iter().filter(|row| !row.is_empty()).map(|row| row.iter().map(cell).collect()).collect();
        self.writer.table(&rows, self.place.clone());
        end
    }
}

/// Adds the cells of a line to the last row.
fn push_cells(rows: &mut Vec<Vec<String>>, cells: &str) {
    if rows.is_empty() {
        rows.push(Vec::new());
    }
    let Some(row) = rows.last_mut() else { return };
    for cell in cells.split("||") {
        if row.len() >= MAX_COLUMNS {
            break;
        }
        let text = without_attributes(cell);
        let attributes = &cell[..cell.len() - text.len()];
        let span = attributes.split_once("colspan=").map_or("", |(_, after)| after.trim_start_matches('"'));
        let span = span.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let span = span.parse::<usize>().unwrap_or(1).clamp(1, MAX_COLUMNS);
        row.push(text.trim().to_owned());
        row.resize((row.len() + span - 1).min(MAX_COLUMNS), String::new());
    }
}

/// Adds a line to the last cell; signs of lists are not words there.
fn push_text(rows: &mut [Vec<String>], line: &str) {
    if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
        cell.push('\n');
        cell.push_str(line.trim_start_matches(['*', '#', ':', ';', ' ']));
    }
}

/// A cell without what says how it looks, which one `|` parts from it.
fn without_attributes(cell: &str) -> &str {
    let Some((attributes, text)) = cell.split_once('|') else { return cell };
    let are_attributes =
        attributes.contains('=') && !attributes.contains(['[', '{']) && !attributes.contains(MARK[0]);
    let is_blank = attributes.trim().is_empty();
    if are_attributes || is_blank { text } else { cell }
}

/// A term and its meaning, as words.
fn defined(line: &str) -> String {
    match line
        .split_once(" : ")
        .or_else(|| line.split_once(": ").filter(|(term, _)| !term.contains(['[', ']'])))
    {
        Some((term, text)) => format!("'''{}''': {}", term.trim(), text.trim()),
        None => format!("'''{}'''", line.trim()),
    }
}

/// The level and the words of a heading.
fn heading_of(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_end_matches(|c: char| c.is_whitespace());
    let before = line.len() - line.trim_start_matches('=').len();
    let after = line.len() - line.trim_end_matches('=').len();
    let level = before.min(after).min(6);
    (level > 0 && line.len() > 2 * level).then(|| (level, line[level..line.len() - level].trim()))
}

/// The name of a language as Markdown has it.
fn language_of(name: &str) -> &str {
    match name {
        "text" | "plain" | "none" => "",
        "shell" | "sh" => "sh",
        name => name,
    }
}
