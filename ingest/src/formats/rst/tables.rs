//! Tables of reStructuredText: as grids, between lines of `=`, as CSV and as lists of lists. The result is the rows of
//! a table whose cells are paragraphs of markup; a cell that spans others stands in the first of them.

use super::{
    Row,
    names::CODE,
    rows::{bullet_of, dedented, directive_of, end_of_inside, field_of},
};

/// A table has no more columns.
const MAX_COLUMNS: usize = 200;

/// The text of a table's cells, row by row.
pub(super) type Cells = Vec<Vec<String>>;

/// The end of the grid that begins at `at`; `None` if no grid begins there.
pub(super) fn end_of_grid(rows: &[Row<'_>], at: usize) -> Option<usize> {
    let is_border = |text: &str| {
        text.len() >= 3
            && text.starts_with("+-")
            && text.ends_with('+')
            && text.bytes().all(|b| b"+-=".contains(&b))
    };
    if !is_border(rows[at].text) {
        return None;
    }
    let is_inside = |row: &&Row<'_>| row.text.starts_with(['+', '|']);
    Some(at + rows[at..].iter().take_while(is_inside).count())
}

/// The cells of a grid.
pub(super) fn grid(rows: &[Row<'_>]) -> Cells {
    let lines: Vec<Vec<char>> = rows.iter().map(|row| row.text.chars().collect()).collect();
    let mut bounds: Vec<usize> = Vec::new();
    for line in lines.iter().filter(|line| line.first() == Some(&'+')) {
        bounds
            .extend(line.iter().enumerate().filter(|(_, c)| **c == '+').map(|(at, _)| at).take(MAX_COLUMNS));
        bounds.sort_unstable();
        bounds.dedup();
        bounds.truncate(MAX_COLUMNS);
    }
    let num_columns = bounds.len().saturating_sub(1).max(1);
    let mut cells: Cells = Vec::new();
    // The row that a column's text belongs to.
    let mut current = vec![0; num_columns];
    for line in &lines {
        let is_separator = line.first() == Some(&'+');
        if is_separator {
            cells.push(Vec::new());
        }
        let last = cells.len().saturating_sub(1);
        let mut column = 0;
        while column + 1 < bounds.len() && bounds[column] < line.len() {
            let start = bounds[column] + 1;
            // A bound without a sign lies within a cell that spans columns.
            let mut next = column + 1;
            while next + 1 < bounds.len() && line.get(bounds[next]).is_some_and(|c| !matches!(c, '|' | '+')) {
                next += 1;
            }
            let part = &line[start.min(line.len())..bounds[next].min(line.len())];
            let ends_cell =
                is_separator && !part.is_empty() && part.iter().all(|c| matches!(c, '-' | '=' | '+'));
            if ends_cell {
                current[column..next].fill(last);
            } else {
                push_line(&mut cells, current[column], column, &part.iter().collect::<String>());
            }
            column = next;
        }
    }
    cells
}

fn push_line(cells: &mut Cells, row: usize, column: usize, text: &str) {
    let Some(row) = cells.get_mut(row) else { return };
    if row.len() <= column {
        row.resize(column + 1, String::new());
    }
    if !text.trim().is_empty() {
        row[column].push_str(text.trim());
        row[column].push('\n');
    }
}

/// Whether a line is a border of a simple table: runs of `=`, blanks between them.
fn is_border(text: &str) -> bool {
    text.starts_with('=') && text.contains("= ") && text.bytes().all(|byte| matches!(byte, b'=' | b' '))
}

/// The end of the simple table that begins at `at`; `None` if no table begins there.
pub(super) fn end_of_simple(rows: &[Row<'_>], at: usize) -> Option<usize> {
    if !is_border(rows[at].text) {
        return None;
    }
    let mut num_borders = 0;
    for (number, row) in rows.iter().enumerate().skip(at + 1) {
        if is_border(row.text) {
            num_borders += 1;
            if num_borders == 2 || rows.get(number + 1).is_none_or(Row::is_blank) {
                return Some(number + 1);
            }
        }
    }
    None
}

/// The cells of a simple table.
pub(super) fn simple(rows: &[Row<'_>]) -> Cells {
    let Some(border) = rows.first().map(|row| row.text) else { return Vec::new() };
    let mut starts: Vec<usize> = Vec::new();
    let mut before = ' ';
    for (at, character) in border.char_indices() {
        if character == '=' && before == ' ' && starts.len() < MAX_COLUMNS {
            starts.push(at);
        }
        before = character;
    }
    let mut cells: Cells = Vec::new();
    for row in rows.iter().skip(1) {
        let is_rule = row.text.bytes().all(|byte| matches!(byte, b'-' | b' ' | b'='));
        if is_rule || row.is_blank() {
            continue;
        }
        let line: Vec<char> = row.text.chars().collect();
        let cut = |column: usize| {
            let start = starts[column];
            let is_own = start == 0 || line.get(start - 1).is_none_or(|c| c.is_whitespace());
            (is_own && start < line.len()).then_some(start)
        };
        let columns: Vec<(usize, usize)> =
            (0..starts.len()).filter_map(|column| Some((column, cut(column)?))).collect();
        let ends = columns.iter().skip(1).map(|(_, start)| *start).chain([line.len()]);
        let parts: Vec<(usize, String)> = columns
            .iter()
            .zip(ends)
            .map(|((column, start), end)| (*column, line[*start..end].iter().collect::<String>()))
            .collect();
        let continues = parts.first().is_none_or(|(column, text)| *column > 0 || text.trim().is_empty());
        if !continues || cells.is_empty() {
            cells.push(Vec::new());
        }
        let last = cells.len() - 1;
        for (column, text) in parts {
            // A backslash stands for an empty cell, so that the row is one of its own.
            let text = if text.trim() == "\\" { "" } else { text.as_str() };
            push_line(&mut cells, last, column, text);
        }
    }
    cells
}

/// The cells of a table that is written as CSV.
pub(super) fn csv(text: &str, delimiter: u8) -> Cells {
    // Blanks before a quote do not count.
    let sign = char::from(delimiter);
    let text = text.replace(&format!("{sign} \""), &format!("{sign}\""));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let records = reader.records().map_while(Result::ok);
    records.map(|record| record.iter().take(MAX_COLUMNS).map(str::to_owned).collect()).collect()
}

/// The cells of a table that is a list of lists.
pub(super) fn list(rows: &[Row<'_>]) -> Cells {
    let items = items_of(rows);
    items
        .iter()
        .map(|row| items_of(row).iter().take(MAX_COLUMNS).map(|cell| text_of(cell)).collect())
        .collect()
}

/// The rows of each item of a list.
fn items_of<'r>(rows: &[Row<'r>]) -> Vec<Vec<Row<'r>>> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(row) = rows.get(at) {
        let Some((_, width)) = bullet_of(row.text) else {
            at += 1;
            continue;
        };
        let end = end_of_inside(rows, at);
        let mut inner =
            vec![Row { text: row.text.get(width..).unwrap_or_default(), place: row.place.clone() }];
        inner.extend(dedented(&rows[at + 1..end], width));
        items.push(inner);
        at = end;
    }
    items
}

/// The text of a cell: its paragraphs and items, its code between backticks, and of directives what they say.
fn text_of(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(row) = rows.get(at) {
        let inside = row.text.trim_start();
        let markup = inside.strip_prefix(".. ").map(str::trim_start);
        let Some((name, arguments)) = markup.and_then(directive_of) else {
            let may_hold = markup.is_some() || inside.ends_with("::");
            let end = if may_hold { end_of_inside(rows, at) } else { at + 1 };
            let is_code = markup.is_none() && end > at + 1;
            // A comment or a target says nothing.
            if markup.is_none() {
                text.push_str(if is_code { inside.trim_end_matches(':') } else { inside });
                text.push('\n');
            }
            if is_code {
                push_code(&mut text, &rows[at + 1..end]);
            }
            at = end;
            continue;
        };
        let end = end_of_inside(rows, at);
        let content = rows[at + 1..end].iter().filter(|row| field_of(row.text.trim_start()).is_none());
        if CODE.binary_search(&name).is_ok() {
            let content: Vec<Row<'_>> = content.cloned().collect();
            push_code(&mut text, &content);
        } else {
            for words in std::iter::once(arguments).chain(content.map(|row| row.text.trim())) {
                text.push_str(words);
                text.push('\n');
            }
        }
        at = end;
    }
    text
}

fn push_code(text: &mut String, rows: &[Row<'_>]) {
    let code: Vec<&str> = rows.iter().map(|row| row.text.trim()).filter(|line| !line.is_empty()).collect();
    if !code.is_empty() {
        text.push_str(&format!("``{}``\n", code.join(" ").replace("``", "")));
    }
}
