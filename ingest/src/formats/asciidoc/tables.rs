//! The rows of tables: cells behind `|` or `!`, each with its span, or CSV.

use super::{inline::markdown_of, lines::Line};
use crate::formats::{steps::Steps, written::one_line};

/// A table has no more columns.
const MAX_COLUMNS: usize = 64;

/// The rows of a table between two lines `fence`, with the attributes that stand in brackets before it.
pub(super) fn rows_of(lines: &[Line<'_>], fence: &str, attributes: &str, steps: &Steps) -> Vec<Vec<String>> {
    let sign = match fence.chars().next() {
        Some(_) if attributes.contains("format=csv") || attributes.contains("format=\"csv\"") => ',',
        Some(sign) => sign,
        None => '|',
    };
    let mut cells: Vec<(usize, String)> = Vec::new();
    let mut columns = columns_of(attributes);
    for line in lines {
        let before = cells.len();
        push_cells(&mut cells, &line.text, sign);
        if columns == 0 && cells.len() > before && !line.text.is_empty() {
            columns = cells[before..].iter().map(|(span, _)| span).sum();
        }
    }
    let columns = columns.clamp(1, MAX_COLUMNS);
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    for (span, words) in cells {
        row.push(one_line(&markdown_of(words.trim(), steps)));
        row.resize((row.len() + span - 1).min(columns).max(row.len()), String::new());
        if row.len() >= columns {
            rows.push(std::mem::take(&mut row));
        }
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

/// The number of columns that `cols` among the attributes gives, or 0.
fn columns_of(attributes: &str) -> usize {
    let Some((_, value)) = attributes.split_once("cols=") else { return 0 };
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => value.split(',').next().unwrap_or_default(),
    };
    let count = |column: &str| match column.trim().split_once('*') {
        Some((number, _)) => number.trim().parse().unwrap_or(1),
        None => 1,
    };
    value
        .split([',', ';'])
        .map(count)
        .fold(0usize, |sum, columns| sum.saturating_add(columns))
        .min(MAX_COLUMNS)
}

/// Adds the cells that begin on a line of a table, each with the columns that it spans; other text belongs to the last.
fn push_cells(cells: &mut Vec<(usize, String)>, line: &str, sign: char) {
    if sign != '|' && sign != '!' {
        cells.extend(
            line.split(sign)
                .filter(|_| !line.is_empty())
                .map(|cell| (1, cell.trim().trim_matches('"').to_owned())),
        );
        return;
    }
    let mut rest = line;
    let mut is_first = true;
    loop {
        // A `|` behind a backslash is text.
        let found =
            rest.char_indices().find(|&(at, c)| c == sign && !rest[..at].ends_with('\\')).map(|(at, _)| at);
        let (text, after) = found.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
        let words_end = match after {
            Some(_) => text.trim_end().len() - specification(text).len(),
            None => text.len(),
        };
        if let Some((_, cell)) = cells.last_mut() {
            if is_first {
                cell.push('\n');
            }
            cell.push_str(&text[..words_end].replace("\\|", "|"));
        }
        let Some(after) = after else { return };
        let spec = specification(text);
        let span = spec.split_once('+').and_then(|(span, _)| span.split('.').next()?.parse::<usize>().ok());
        cells.push((span.unwrap_or(1).clamp(1, MAX_COLUMNS), String::new()));
        rest = after;
        is_first = false;
    }
}

/// The specification before a cell's `|`, which says how the cell is shown: `2+`, `.3+`, `a`, `^.^s`.
fn specification(text: &str) -> &str {
    let text = text.trim_end_matches(' ');
    let start = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let word = &text[start..];
    let span_end = word.find('+').map_or(0, |at| at + 1);
    let (span, style) = word.split_at(span_end);
    let is_span = span.trim_end_matches('+').chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_style = style
        .chars()
        .all(|c| matches!(c, '<' | '>' | '^' | '.' | 'a' | 'd' | 'e' | 'h' | 'l' | 'm' | 's' | 'v'))
        && style.chars().filter(char::is_ascii_alphabetic).count() <= 1;
    let is_apart = start > 0 || text.len() == word.len();
    if word.len() <= 10 && is_span && is_style && is_apart && text.len() == word.len() + start {
        word
    } else {
        ""
    }
}
