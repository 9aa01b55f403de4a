//! Writes what was read as Markdown.

use super::{
    body::{Block, Body, Paragraph, Piece},
    numbering::{LEVELS, Marks, Numbering},
};
use crate::formats::{
    redaction::Redactions,
    written::{Writer, one_line, push_code, push_link, push_words},
};
use std::{collections::HashMap, ops::Range};

/// A longer cell is not repeated in the rows that it spans.
const MAX_REPEATED_BYTES: usize = 200;

/// More is not repeated in one document.
const MAX_ALL_REPEATED_BYTES: usize = 256 << 10;

/// A cell spans no more columns.
const MAX_SPAN: usize = 32;

/// More columns that cells span are not written in one document.
const MAX_ALL_SPANNED: usize = 100_000;

/// Writes a body; gives the document's title where a paragraph is one.
pub(super) fn write(
    body: &Body,
    redactions: &Redactions<'_>,
    numbering: &Numbering,
    writer: &mut Writer<'_>,
) -> Option<String> {
    let title = body.blocks.iter().find_map(|block| match block {
        Block::Paragraph(paragraph) if paragraph.is_title => Some(paragraph),
        _ => None,
    });
    let title = title.map(|paragraph| one_line(&text_of(&paragraph.pieces, redactions)));
    let below_title = usize::from(title.is_some());
    let mut writing = Writing {
        body,
        redactions,
        numbering,
        writer,
        open: Vec::new(),
        counts: HashMap::new(),
        below_title,
        repeated: 0,
        spanned: 0,
    };
    writing.blocks(0..body.blocks.len());
    title
}

/// An open list: its identifier, its level, and how far its items are set in.
struct OpenList<'b> {
    list: &'b str,
    level: usize,
    left: i64,
}

/// A paragraph that is indented further than this stands within the one before.
const SET_IN: i64 = 100;

struct Writing<'b, 'w, 's> {
    body: &'b Body,
    redactions: &'b Redactions<'b>,
    numbering: &'b Numbering,
    writer: &'w mut Writer<'s>,
    /// Open lists with an open item each, the innermost last.
    open: Vec<OpenList<'b>>,
    /// The numbers of the next items, by list.
    counts: HashMap<&'b str, [Option<u64>; LEVELS]>,
    /// The number of levels by which headings stand lower than their styles say.
    below_title: usize,
    /// Bytes of cells that were repeated.
    repeated: usize,
    /// Columns that cells span beside their first.
    spanned: usize,
}

impl<'b> Writing<'b, '_, '_> {
    /// Writes blocks that stand below each other.
    fn blocks(&mut self, range: Range<usize>) {
        let blocks = &self.body.blocks;
        let goes_on = going_on(&blocks[range.clone()]);
        let mut at = range.start;
        while at < range.end {
            let goes_on = goes_on[at - range.start];
            match &blocks[at] {
                Block::Paragraph(paragraph) if paragraph.is_code && paragraph.list.is_none() => {
                    self.close_unless(goes_on, paragraph.left);
                    at = self.code(at, range.end);
                    continue;
                }
                Block::Paragraph(paragraph) => self.paragraph(paragraph, goes_on),
                Block::OpenTable => {
                    self.close_unless(goes_on, 0);
                    let end = end_of_table(blocks, at).min(range.end);
                    self.table(at + 1..end);
                    at = end;
                }
                // Outside of a table they say nothing.
                Block::OpenRow | Block::OpenCell { .. } | Block::CloseTable => {}
            }
            at += 1;
        }
        self.close_lists(0);
    }

    fn paragraph(&mut self, paragraph: &'b Paragraph, goes_on: Option<(&str, usize)>) {
        let place = paragraph.range.clone();
        if let Some(level) = paragraph.heading {
            self.close_lists(0);
            let words = self.plain_words(&paragraph.pieces);
            return self.writer.heading(usize::from(level) + self.below_title, &words, None, place);
        }
        if paragraph.is_title {
            self.close_lists(0);
            let words = self.plain_words(&paragraph.pieces);
            return self.writer.heading(1, &words, None, place);
        }
        match &paragraph.list {
            Some((list, level)) => self.item(list, *level, paragraph.left),
            None => self.close_unless(goes_on, paragraph.left),
        }
        let words = self.words(&paragraph.pieces);
        self.writer.paragraph(&words, place);
    }

    /// Begins an item at a level of a list; `left` is its indentation.
    fn item(&mut self, list: &'b str, level: usize, left: i64) {
        match self.open.iter().rposition(|open| open.list == list && open.level <= level) {
            Some(at) => self.close_lists(at + 1),
            None => {
                while self.open.last().is_some_and(|open| open.left > left + SET_IN) {
                    self.close_list();
                }
            }
        }
        let marks = self.numbering.level(list, level).map_or(Marks::Signs, |level| level.marks);
        let counts = self.counts.entry(list).or_default();
        counts[level + 1..].fill(None);
        let number = match marks {
            Marks::Numbers(start) => {
                let number = counts[level].unwrap_or(start);
                counts[level] = Some(number.saturating_add(1));
                Some(number)
            }
            Marks::Signs | Marks::Nothing => None,
        };
        match self.open.last() {
            Some(open) if open.list == list && open.level == level => self.writer.close_item(),
            last => {
                // Another list that stands beside this one.
                if last.is_some_and(|open| open.list != list && open.left + SET_IN >= left) {
                    self.close_list();
                }
                self.writer.open_list(number);
                self.open.push(OpenList { list, level, left });
            }
        }
        self.writer.open_item();
    }

    /// Closes the lists that a block does not stand in: it does in those that it is set in as far as, and in the one
    /// that goes on after it.
    fn close_unless(&mut self, goes_on: Option<(&str, usize)>, left: i64) {
        let within = self.open.iter().take_while(|open| left > 0 && left + SET_IN >= open.left).count();
        let going_on = self
            .open
            .iter()
            .rposition(|open| goes_on.is_some_and(|(list, level)| open.list == list && open.level <= level));
        let going_on = going_on.map_or(0, |at| at + 1);
        self.close_lists(within.max(going_on));
    }

    fn close_lists(&mut self, left: usize) {
        while self.open.len() > left {
            self.close_list();
        }
    }

    fn close_list(&mut self) {
        if self.open.pop().is_some() {
            self.writer.close_item();
            self.writer.close_list();
        }
    }

    /// Writes the code that begins at a block; gives the number of the block after it.
    fn code(&mut self, first: usize, end: usize) -> usize {
        let mut code = String::new();
        let mut place: Option<Range<usize>> = None;
        let mut at = first;
        while let Some(Block::Paragraph(paragraph)) = self.body.blocks[..end].get(at) {
            if !paragraph.is_code || paragraph.list.is_some() {
                break;
            }
            if let Some(place) = &mut place {
                code.push_str(if paragraph.follows_blank { "\n\n" } else { "\n" });
                place.end = paragraph.range.end;
            }
            place.get_or_insert(paragraph.range.clone());
            for piece in &paragraph.pieces {
                code.push_str(&self.redactions.shown(piece.range.clone()).replace('\u{a0}', " "));
            }
            at += 1;
        }
        if let Some(place) = place {
            self.writer.code("", &code, place);
        }
        at.max(first + 1)
    }

    /// Writes a table, whose blocks are these.
    fn table(&mut self, range: Range<usize>) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut place: Option<Range<usize>> = None;
        let mut cell = String::new();
        let (mut column, mut depth) = (0, 0usize);
        let mut widest = 0;
        for block in &self.body.blocks[range.clone()] {
            match block {
                Block::OpenTable => depth += 1,
                Block::CloseTable => depth = depth.saturating_sub(1),
                Block::Paragraph(paragraph) => {
                    if !cell.is_empty() {
                        cell.push(' ');
                    }
                    match paragraph.is_code {
                        true => push_code(&mut cell, &text_of(&paragraph.pieces, self.redactions)),
                        false => cell.push_str(&one_line(&self.words(&paragraph.pieces))),
                    }
                    let place = place.get_or_insert(paragraph.range.clone());
                    place.end = place.end.max(paragraph.range.end);
                }
                // A table in a cell is a part of the cell's words.
                _ if depth > 0 => {}
                Block::OpenRow => {
                    finish_cell(&mut rows, column, &mut cell);
                    rows.push(Vec::new());
                    column = 0;
                }
                Block::OpenCell { columns, is_continued } => {
                    finish_cell(&mut rows, column, &mut cell);
                    let above =
                        rows.len().checked_sub(2).and_then(|above| rows[above].get(column_after(&rows)));
                    if let (true, Some(above)) = (*is_continued, above)
                        && above.len() <= MAX_REPEATED_BYTES
                        && self.repeated + above.len() <= MAX_ALL_REPEATED_BYTES
                    {
                        self.repeated += above.len();
                        cell.clone_from(above);
                    }
                    let columns = (*columns).clamp(1, MAX_SPAN);
                    let columns = if self.spanned > MAX_ALL_SPANNED { 1 } else { columns };
                    self.spanned += columns - 1;
                    column = column_after(&rows) + columns;
                    widest = widest.max(column);
                }
            }
        }
        finish_cell(&mut rows, column, &mut cell);
        if widest > 1 {
            return self.writer.table(&rows, place.unwrap_or(0..0));
        }
        // A table of one column is a box around text.
        self.boxed(range);
    }

    /// Writes the text of a table of one column, without the tables in it.
    fn boxed(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            match &self.body.blocks[at] {
                Block::Paragraph(paragraph) if paragraph.is_code && paragraph.list.is_none() => {
                    at = self.code(at, range.end);
                    continue;
                }
                Block::Paragraph(paragraph) => {
                    let around = self.open.last().map(|open| (open.list, open.level));
                    self.paragraph(paragraph, around);
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// The words of pieces without any markup but for code.
    fn plain_words(&self, pieces: &[Piece]) -> String {
        let mut words = String::new();
        for piece in pieces {
            push_words(&mut words, &self.redactions.shown(piece.range.clone()), false);
        }
        words
    }

    /// The words of pieces as Markdown.
    fn words(&self, pieces: &[Piece]) -> String {
        let mut written = String::new();
        let mut at = 0;
        while let Some(piece) = pieces.get(at) {
            // A link may change its form within.
            let same_link = |other: &&Piece| other.link == piece.link;
            let num =
                if piece.link.is_some() { pieces[at..].iter().take_while(same_link).count() } else { 1 };
            let start = written.len();
            for (number, piece) in pieces[at..at + num].iter().enumerate() {
                let after = pieces.get(at + number + 1).map(|next| self.redactions.shown(next.range.clone()));
                self.piece(piece, after.and_then(|after| after.chars().next()), &mut written);
            }
            if let Some(address) = piece.link.and_then(|link| self.body.links.get(link)) {
                push_link(&mut written, start, address);
            }
            at += num;
        }
        written
    }

    /// Appends a piece, before which stands what is written and after which `after`.
    fn piece(&self, piece: &Piece, after: Option<char>, written: &mut String) {
        let text = self.redactions.shown(piece.range.clone());
        let words = text.trim();
        if words.is_empty() {
            return written.push_str(&text);
        }
        let (lead, tail) = (text.len() - text.trim_start().len(), text.trim_end().len());
        written.push_str(&text[..lead]);
        let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let is_parted = is_apart(written.chars().next_back())
            && is_apart(text[tail..].chars().next().or(after))
            && !words.contains('\n');
        // Words in another font within a line are code if they look like a word; a space may have another font by
        // chance.
        if piece.is_code {
            for (number, line) in words.split('\n').enumerate() {
                if number > 0 {
                    written.push('\n');
                }
                push_code(written, line);
            }
        } else if piece.is_bold && piece.link.is_none() && is_parted && !words.contains('*') {
            written.push_str("**");
            push_words(written, words, false);
            written.push_str("**");
        } else {
            push_words(written, words, piece.link.is_some());
        }
        written.push_str(&text[tail..]);
    }
}

/// The text of pieces, without any markup.
pub(super) fn text_of(pieces: &[Piece], redactions: &Redactions<'_>) -> String {
    pieces.iter().map(|piece| redactions.shown(piece.range.clone())).collect()
}

/// For each block, the list that goes on after it, before the next heading, and the level at which it does.
fn going_on(blocks: &[Block]) -> Vec<Option<(&str, usize)>> {
    let mut lists = vec![None; blocks.len()];
    let mut list = None;
    for (number, block) in blocks.iter().enumerate().rev() {
        lists[number] = list;
        match block {
            Block::Paragraph(Paragraph { list: Some((of, level)), .. }) => list = Some((of.as_str(), *level)),
            Block::Paragraph(paragraph) if paragraph.heading.is_some() || paragraph.is_title => list = None,
            _ => {}
        }
    }
    lists
}

/// The number of the block that ends the table which begins at a block.
fn end_of_table(blocks: &[Block], start: usize) -> usize {
    let mut depth = 0usize;
    for (number, block) in blocks.iter().enumerate().skip(start) {
        match block {
            Block::OpenTable => depth += 1,
            Block::CloseTable => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return number;
        }
    }
    blocks.len()
}

/// Puts a cell into the last row and fills the columns that it spans, up to `column`.
fn finish_cell(rows: &mut Vec<Vec<String>>, column: usize, cell: &mut String) {
    if rows.is_empty() && !cell.is_empty() {
        rows.push(Vec::new());
    }
    let Some(row) = rows.last_mut() else { return };
    if row.len() < column || !cell.is_empty() {
        row.push(std::mem::take(cell));
    }
    while row.len() < column {
        row.push(String::new());
    }
}

/// The column of the next cell of the last row.
fn column_after(rows: &[Vec<String>]) -> usize {
    rows.last().map_or(0, Vec::len)
}
