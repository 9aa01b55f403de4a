//! The text that a reader sees of a block, and where in the source each part of it stands: emphasis, entities, indentation
//! and quotation marks of the block are gone. Pure.

use std::ops::Range;

/// A block's text with its places in the source.
#[derive(Debug, Default)]
pub struct Flow {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// Where it begins in the text.
    start: usize,
    source: Range<usize>,
    /// Whether it stands in the source character by character.
    is_verbatim: bool,
    is_span: bool,
}

impl Flow {
    /// Adds what stands in the source at `range`.
    pub fn push(&mut self, content: &str, range: Range<usize>, source: &str) {
        let is_verbatim = source.get(range.clone()) == Some(content);
        self.add(content, range, is_verbatim, false);
    }

    /// Adds a code span. One that is a command by itself only parts what stands around it; others are words like those
    /// around them.
    pub fn push_span(&mut self, code: &str, range: Range<usize>, is_command: bool) {
        self.add(if is_command { "`" } else { code }, range, false, true);
    }

    fn add(&mut self, content: &str, source: Range<usize>, is_verbatim: bool, is_span: bool) {
        if !content.is_empty() {
            self.pieces.push(Piece { start: self.text.len(), source, is_verbatim, is_span });
            self.text.push_str(content);
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a part of the text stands in the source, from its first to its last character; `None` for an empty part.
    pub fn source(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let last = range.end.checked_sub(1).filter(|last| *last >= range.start)?;
        let (first, end) = (self.piece(range.start)?, self.piece(last)?);
        let start = match first.is_verbatim {
            true => first.source.start + (range.start - first.start),
            false => first.source.start,
        };
        let end = match end.is_verbatim {
            true => end.source.start + (range.end - end.start),
            false => end.source.end,
        };
        (start <= end).then_some(start..end)
    }

    /// Whether a part of the text stands in one code span.
    pub fn is_within_span(&self, range: &Range<usize>) -> bool {
        let first = self.index(range.start);
        first.is_some()
            && first == self.index(range.end.saturating_sub(1))
            && self.pieces[first.unwrap_or(0)].is_span
    }

    /// Whether a part of the text begins or ends in a code span.
    pub fn touches_span(&self, range: &Range<usize>) -> bool {
        [range.start, range.end.saturating_sub(1)]
            .iter()
            .any(|at| self.piece(*at).is_some_and(|piece| piece.is_span))
    }

    fn index(&self, at: usize) -> Option<usize> {
        self.pieces.partition_point(|piece| piece.start <= at).checked_sub(1)
    }

    fn piece(&self, at: usize) -> Option<&Piece> {
        self.index(at).map(|index| &self.pieces[index])
    }
}
