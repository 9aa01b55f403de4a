//! The rows of a page of reStructuredText, and the blocks that a row may begin.

use crate::formats::steps::Steps;
use std::{borrow::Cow, ops::Range};

/// A tab stands for blanks up to the next column that this divides.
const TAB_COLUMNS: usize = 8;

/// A row of a block: a line, or what is left of it within the blocks that it stands in.
#[derive(Debug, Clone)]
pub(super) struct Row<'r> {
    /// Without white space at its end.
    pub(super) text: &'r str,
    /// The line's place in the file.
    pub(super) place: Range<usize>,
}

impl Row<'_> {
    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// The blanks that it begins with; none on a blank row.
    pub(super) fn indent(&self) -> usize {
        self.text.len() - self.text.trim_start_matches(' ').len()
    }
}

/// The lines of a text from `start` on, tabs as blanks; `place` is where they stand, if not here.
pub(super) fn lines_of<'t>(
    text: &'t str,
    start: usize,
    place: Option<&Range<usize>>,
    steps: &Steps,
) -> Vec<(Cow<'t, str>, Range<usize>)> {
    let mut lines = Vec::new();
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let own = at..at + line.trim_end().len();
        at += line.len();
        lines.push((without_tabs(line.trim_end(), steps), place.cloned().unwrap_or(own)));
    }
    lines
}

/// Lines as rows.
pub(super) fn rows_of<'r>(lines: &'r [(Cow<'_, str>, Range<usize>)]) -> Vec<Row<'r>> {
    lines.iter().map(|(text, place)| Row { text: text.as_ref(), place: place.clone() }).collect()
}

fn without_tabs<'t>(line: &'t str, steps: &Steps) -> Cow<'t, str> {
    if !line.contains('\t') || !steps.take(TAB_COLUMNS * line.len()) {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len() + TAB_COLUMNS);
    let mut column = 0;
    for character in line.chars() {
        match character {
            '\t' => {
                let blanks = TAB_COLUMNS - column % TAB_COLUMNS;
                text.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            character => {
                text.push(character);
                column += 1;
            }
        }
    }
    Cow::Owned(text)
}

/// Rows without the columns that all of them begin with, at most `most`.
pub(super) fn dedented<'r>(rows: &[Row<'r>], most: usize) -> Vec<Row<'r>> {
    let least = rows.iter().filter(|row| !row.is_blank()).map(Row::indent).min().unwrap_or(0).min(most);
    let cut =
        |row: &Row<'r>| Row { text: row.text.get(least..).unwrap_or_default(), place: row.place.clone() };
    rows.iter().map(cut).collect()
}

/// The end of the rows that belong to the block which begins at `at`: those below it that are indented or blank.
pub(super) fn end_of_inside(rows: &[Row<'_>], at: usize) -> usize {
    let mut end = at + 1;
    let mut last = end;
    while let Some(row) = rows.get(end).filter(|row| row.is_blank() || row.indent() > 0) {
        end += 1;
        if !row.is_blank() {
            last = end;
        }
    }
    last
}

/// The rows between two, without blank ones at their ends.
pub(super) fn trimmed<'a, 'r>(rows: &'a [Row<'r>]) -> &'a [Row<'r>] {
    let first = rows.iter().position(|row| !row.is_blank()).unwrap_or(rows.len());
    let last = rows.iter().rposition(|row| !row.is_blank()).map_or(first, |last| last + 1);
    &rows[first..last]
}

/// The sign that a line consists of.
pub(super) fn adornment_of(text: &str) -> Option<char> {
    let sign = text.chars().next().filter(char::is_ascii_punctuation)?;
    text.chars().all(|c| c == sign).then_some(sign)
}

/// Whether a line that consists of one sign is long enough to make a heading of a title.
pub(super) fn underlines(adornment: &str, title: &str) -> bool {
    adornment.len() >= 4 || adornment.len() >= title.chars().count()
}

/// A directive's name and the text behind its colons.
pub(super) fn directive_of(rest: &str) -> Option<(&str, &str)> {
    let is_sign = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | ':');
    let end = rest.find("::")?;
    let name = rest[..end].trim_end();
    let after = &rest[end + 2..];
    let is_name = !name.is_empty() && name.len() <= 60 && name.chars().all(is_sign);
    (is_name && (after.is_empty() || after.starts_with(' '))).then(|| (name, after.trim()))
}

/// A field's name and the text behind it on its row.
pub(super) fn field_of(text: &str) -> Option<(&str, &str)> {
    /// Longer names are text.
    const MAX_NAME_BYTES: usize = 200;
    let inside = text.strip_prefix(':').filter(|inside| !inside.starts_with([':', ' ', '`']))?;
    let window = &inside[..inside.floor_char_boundary(inside.len().min(MAX_NAME_BYTES))];
    let mut ends = window.match_indices(':').map(|(at, _)| at);
    let end = ends.find(|&at| {
        let after = &inside[at + 1..];
        (after.is_empty() || after.starts_with([' ', '`'])) && !inside[..at].ends_with(['\\', ' '])
    })?;
    // Behind a role's name stands its text.
    (end > 0 && !inside[end + 1..].starts_with('`')).then(|| (&inside[..end], inside[end + 1..].trim_start()))
}

/// The sign of a bullet and the columns before the item's text.
pub(super) fn bullet_of(text: &str) -> Option<(char, usize)> {
    let sign = text.chars().next().filter(|c| matches!(c, '*' | '+' | '-' | '•' | '‣' | '⁃'))?;
    let after = &text[sign.len_utf8()..];
    let blanks = after.len() - after.trim_start_matches(' ').len();
    (after.is_empty() || blanks > 0).then(|| (sign, sign.len_utf8() + blanks))
}

/// An enumerator's form (the signs around its number, and the sort of number), its number, and the columns before the
/// text.
pub(super) fn enumerator_of(text: &str) -> Option<((char, char), u64, usize)> {
    let open = if text.starts_with('(') { 1 } else { 0 };
    let inside = &text[open..];
    let end = inside
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '#'))
        .filter(|end| (1..=6).contains(end))?;
    let close = inside[end..].chars().next().filter(|c| matches!(c, '.' | ')'))?;
    if open == 1 && close != ')' {
        return None;
    }
    let after = &inside[end + 1..];
    let blanks = after.len() - after.trim_start_matches(' ').len();
    if !after.is_empty() && blanks == 0 {
        return None;
    }
    let number = &inside[..end];
    let (sort, value) = if number == "#" {
        ('#', 1)
    } else if number.bytes().all(|byte| byte.is_ascii_digit()) {
        ('1', number.parse().ok()?)
    } else if number.len() == 1 && !matches!(number, "i" | "I") {
        let letter = number.bytes().next().filter(u8::is_ascii_alphabetic)?;
        ('a', u64::from(letter.to_ascii_lowercase() - b'a') + 1)
    } else {
        ('i', roman(number)?)
    };
    let form = if open == 1 { '(' } else { close };
    Some(((form, sort), value, open + end + 1 + blanks))
}

fn roman(number: &str) -> Option<u64> {
    let value = |c: char| match c.to_ascii_lowercase() {
        'i' => Some(1),
        'v' => Some(5),
        'x' => Some(10),
        _ => None,
    };
    let values: Vec<u64> = number.chars().map(value).collect::<Option<_>>()?;
    let next = values.iter().skip(1).chain([&0]);
    let sum = values.iter().zip(next).fold(0i64, |sum, (own, next)| {
        let own_value = i64::try_from(*own).unwrap_or(0);
        if own < next { sum - own_value } else { sum + own_value }
    });
    u64::try_from(sum).ok()
}

/// The options of a command and the text behind them, two blanks apart.
pub(super) fn option_of(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('-') {
        return None;
    }
    let (options, rest) = text.split_once("  ").unwrap_or((text, ""));
    let is_option = |option: &str| {
        let name = option.trim_start_matches('-');
        let dashes = option.len() - name.len();
        (1..=2).contains(&dashes)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && option.split_whitespace().count() <= 2
    };
    let are_options = options.len() <= 200 && options.split(", ").all(is_option);
    are_options.then(|| (options, rest.trim_start()))
}
