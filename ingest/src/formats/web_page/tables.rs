//! Tables of a page, cell by cell. The words of a cell over several rows are repeated in each of them, within bounds.

use super::tree::{Element, Tree};
use std::ops::Range;

/// A longer cell is not repeated in the rows that it spans.
const MAX_REPEATED_BYTES: usize = 200;

/// More is not repeated in one page.
const MAX_ALL_REPEATED_BYTES: usize = 256 << 10;

/// A cell spans no more columns or rows.
const MAX_SPAN: usize = 32;

/// A table that is being read.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Vec<String>>,
    row: Vec<String>,
    /// Per column, the rows that a cell above still spans, and its words.
    spans: Vec<(usize, String)>,
    /// Text that stands in none of its cells.
    pub(super) before: String,
    pub(super) is_in_cell: bool,
    columns: usize,
    lines: usize,
    pub(super) place: Range<usize>,
}

impl Table {
    /// The table at a place of the source, without rows.
    pub(super) fn at(place: Range<usize>) -> Self {
        Self { place, ..Self::default() }
    }

    /// Begins a cell, after the columns that cells of rows above span.
    pub(super) fn begin_cell(&mut self, element: &Element) {
        let span = |name| {
            let span = element.attribute(name).and_then(|span| span.trim().parse::<usize>().ok());
            span.unwrap_or(1).clamp(1, MAX_SPAN)
        };
        self.take_spanned();
        (self.columns, self.lines, self.is_in_cell) = (span("colspan"), span("rowspan"), true);
    }

    /// Ends the cell that is open. `num_repeated` counts the bytes that the page repeats.
    pub(super) fn end_cell(&mut self, words: &str, num_repeated: &mut usize) {
        let is_short = words.len() <= MAX_REPEATED_BYTES && *num_repeated < MAX_ALL_REPEATED_BYTES;
        for number in 0..self.columns.max(1) {
            let column = self.row.len();
            if self.spans.len() <= column {
                self.spans.resize(column + 1, (0, String::new()));
            }
            let words = if number == 0 { words.to_owned() } else { String::new() };
            let lines = self.lines.saturating_sub(1);
            let repeated = if is_short && lines > 0 { words.clone() } else { String::new() };
            *num_repeated += lines * repeated.len();
            self.spans[column] = (lines, repeated);
            self.row.push(words);
        }
        self.is_in_cell = false;
    }

    /// Ends the row that is open, if it has cells.
    pub(super) fn end_row(&mut self) {
        if !self.row.is_empty() {
            self.take_spanned();
            self.rows.push(std::mem::take(&mut self.row));
        }
    }

    /// Fills the columns that cells of rows above span.
    fn take_spanned(&mut self) {
        while let Some((lines, words)) = self.spans.get_mut(self.row.len()).filter(|(lines, _)| *lines > 0) {
            *lines -= 1;
            self.row.push(words.clone());
        }
    }
}

/// Whether a table holds data, and not the page's layout.
pub(super) fn is_data(tree: &Tree<'_>, number: usize) -> bool {
    let table = &tree.elements[number];
    let is_in_box = || {
        let parent = table.parent.map(|parent| &tree.elements[parent]);
        parent.is_some_and(|parent| parent.classes().any(|class| class == "admonitionblock"))
    };
    let is_layout = table.attribute("role").is_some_and(|role| matches!(role, "presentation" | "none"))
        || table.classes().any(|class| matches!(class, "highlighttable" | "rouge-table" | "lntable"));
    table.cells > 1 && !table.holds.table && !is_layout && !is_in_box()
}
