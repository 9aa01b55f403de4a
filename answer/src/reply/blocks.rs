//! Markdown that arrives in pieces, cut into blocks: a paragraph, a heading, a list item, a table, a whole fence. Pure.
//!
//! A block is given out when nothing that follows can change it any more. How the text was cut into pieces makes no
//! difference to the blocks. Entry point: [`Blocks`].

use super::reasoning::Reasoning;
use crate::{markdown::OPTIONS, text::visible};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};
use std::ops::Range;

/// Up to here the open text is read again with every line; a longer one only when it has grown by a share, so that a
/// block of many lines costs no quadratic time.
const READ_EVERY_LINE_BYTES: usize = 8 << 10;
/// One part in this many.
const GROWTH: usize = 16;

/// Most bytes of a reply, without its reasoning, that are read: several times the longest answer that anybody reads. A
/// longer one is a model that repeats itself, or somebody who wants to keep the checks busy.
pub const MAX_BYTES: usize = 32 << 10;

/// One block, without the blank lines around it. Link definitions before it are part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The text; nothing in it is invisible.
    pub text: String,
    /// Whether a blank line stood before it.
    pub after_blank: bool,
    /// Whether all that came before it was reasoning, as only its end showed.
    pub restarts: bool,
}

/// Cuts a text into blocks while it arrives.
#[derive(Debug, Default)]
pub struct Blocks {
    /// The last line as far as it has come; escapes and line ends are only whole at a line's end.
    line: String,
    /// Whole lines that belong to no block yet.
    open: String,
    /// How long `open` must be to be read again.
    read_at: usize,
    reasoning: Reasoning,
    wrapping: Wrapping,
    /// Whether the next block is the first after reasoning.
    restarts: bool,
    /// The bytes read so far, without reasoning, and how many are read at most.
    num_bytes: usize,
    max_bytes: Option<usize>,
}

impl Blocks {
    /// Of a model's reply, which may be of any length.
    pub fn of_reply() -> Self {
        Self { max_bytes: Some(MAX_BYTES), ..Self::default() }
    }

    /// Takes the next piece; returns the blocks that are whole now.
    pub fn push(&mut self, piece: &str) -> Vec<Block> {
        let Some(end) = piece.rfind('\n').map(|at| at + 1) else {
            self.line.push_str(piece);
            return Vec::new();
        };
        self.line.push_str(&piece[..end]);
        let lines = visible(&self.line);
        self.line.clear();
        self.line.push_str(&piece[end..]);
        let mut blocks = self.take(&lines);
        if self.open.len() < self.read_at {
            return blocks;
        }
        blocks.extend(self.cut());
        self.read_at = match self.open.len() {
            0..READ_EVERY_LINE_BYTES => 0,
            length => length + length / GROWTH,
        };
        blocks
    }

    /// The remaining blocks, once the text has ended.
    pub fn finish(&mut self) -> Vec<Block> {
        let last = visible(&std::mem::take(&mut self.line));
        let mut blocks = self.take(&last);
        blocks.extend(self.cut());
        // The last block, and what may follow it without being one.
        let rest = std::mem::take(&mut self.open);
        let end = units(&rest).last().map_or(0, |unit| rest[..unit.range.end].trim_end().len());
        for text in [&rest[..end], &rest[end..]] {
            blocks.extend(self.block(text));
        }
        blocks
    }

    /// Adds whole lines to the open text, without reasoning and without what only wraps the reply. Where reasoning ends
    /// that was not seen to begin, what is open was a part of it, and the blocks before it are given out first.
    fn take(&mut self, lines: &str) -> Vec<Block> {
        let mut blocks = Vec::new();
        for said in self.reasoning.without(lines) {
            if said.restarts {
                blocks.extend(self.cut());
                self.open.clear();
                (self.read_at, self.restarts, self.num_bytes) = (0, true, 0);
            }
            self.num_bytes += said.text.len();
            if self.is_too_long() {
                continue;
            }
            self.wrapping.add(&said.text, &mut self.open);
        }
        blocks
    }

    /// Whether a reply went beyond [`MAX_BYTES`]: the text behind them is not read, and the blocks are no whole reply.
    pub fn is_too_long(&self) -> bool {
        self.max_bytes.is_some_and(|max_bytes| self.num_bytes > max_bytes)
    }

    /// A block of its text; `None` when that is blank.
    fn block(&mut self, text: &str) -> Option<Block> {
        let block = block(text)?;
        Some(Block { restarts: std::mem::take(&mut self.restarts), ..block })
    }

    /// Takes the whole blocks out of the open text.
    fn cut(&mut self) -> Vec<Block> {
        let ends_blank =
            self.open.ends_with("\n\n") || self.open.trim_end_matches([' ', '\t']).ends_with("\n\n");
        // After a blank line, a line that begins at the margin shows whether the last block still goes on.
        let probed = match ends_blank {
            true => units(&format!("{}x", self.open)),
            false => units(&self.open),
        };
        let mut blocks = Vec::new();
        let mut at = 0;
        for pair in probed.windows(2) {
            let is_probe = ends_blank && pair[1].range.start >= self.open.len();
            if is_probe && pair[0].may_go_on {
                break;
            }
            let text = &self.open[at..pair[0].range.end.min(self.open.len())];
            let length = text.trim_end().len();
            let text = text[..length].to_owned();
            blocks.extend(self.block(&text));
            at += length;
        }
        self.open.drain(..at);
        blocks
    }
}

/// A block of its text; `None` when that is blank.
fn block(text: &str) -> Option<Block> {
    let text = text.trim_end();
    let start = text.len() - text.trim_start().len();
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let after_blank = text[..start].matches('\n').count() > 1;
    (!text.is_empty()).then(|| Block { text: text[line..].to_owned(), after_blank, restarts: false })
}

/// A fence around the answer or a part of it, which says that it is Markdown: the answer is what it holds.
#[derive(Debug, Default)]
struct Wrapping {
    is_open: bool,
    /// How long the fence is that is open within.
    inner: Option<usize>,
    /// Whether the last line ended.
    is_in_line: bool,
}

impl Wrapping {
    /// Adds lines to a text, without those that open or close such a fence.
    fn add(&mut self, lines: &str, text: &mut String) {
        for line in lines.split_inclusive('\n') {
            let starts = !std::mem::replace(&mut self.is_in_line, !line.ends_with('\n'));
            if !(starts && self.wraps(line)) {
                text.push_str(line);
            }
        }
    }

    fn wraps(&mut self, line: &str) -> bool {
        let length = line.chars().take_while(|c| *c == '`').count();
        let info = line[length..].trim();
        match (self.inner, self.is_open) {
            _ if length < 3 || info.contains('`') => false,
            (Some(least), _) => {
                if length >= least && info.is_empty() {
                    self.inner = None;
                }
                false
            }
            (None, true) if info.is_empty() => {
                self.is_open = false;
                true
            }
            (None, false) if matches!(info.to_ascii_lowercase().as_str(), "markdown" | "md") => {
                self.is_open = true;
                true
            }
            (None, _) => {
                self.inner = Some(length);
                false
            }
        }
    }
}

/// A block at the top level, or an item of a list there.
struct Unit {
    range: Range<usize>,
    /// Whether it may go on after a blank line.
    may_go_on: bool,
}

fn units(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        let is_top = open.is_empty() || open == [true];
        match event {
            Event::Start(tag) => {
                let is_list = matches!(tag, Tag::List(_));
                let is_item = matches!(tag, Tag::Item);
                if is_top && !is_list {
                    let may_go_on = is_item || matches!(tag, Tag::CodeBlock(CodeBlockKind::Indented));
                    units.push(Unit { range, may_go_on });
                }
                open.push(is_list && open.is_empty());
            }
            Event::End(_) => {
                open.pop();
            }
            _ if is_top => units.push(Unit { range, may_go_on: false }),
            _ => {}
        }
    }
    units
}

/// Whether whatever follows after a blank line is a block of its own.
pub fn is_closed(text: &str) -> bool {
    begins_at(&format!("{text}\n\nx"), text.len() + 2)
}

/// Whether a block begins on the line that begins at `at`.
pub fn begins_at(text: &str, at: usize) -> bool {
    let first = at + text[at..].len() - text[at..].trim_start_matches([' ', '\t']).len();
    units(text).iter().any(|unit| (at..=first).contains(&unit.range.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str, piece_bytes: usize) -> (Vec<Block>, usize) {
        let (mut holder, mut found) = (Blocks::default(), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(piece_bytes.min(rest.len())));
            found.extend(holder.push(piece));
            rest = after;
        }
        let early = found.len();
        found.extend(holder.finish());
        (found, early)
    }

    /// The blocks, and how many of them come before the end; a blank line before one is written `¶`.
    fn check(text: &str, expected: &[&str], early: usize) {
        for piece_bytes in [1, 2, 3, 7, 64, usize::MAX] {
            let (found, before_end) = blocks(text, piece_bytes);
            let shown: Vec<String> = found
                .iter()
                .map(|block| format!("{}{}", if block.after_blank { "¶" } else { "" }, block.text))
                .collect();
            assert_eq!(shown, expected, "{text:?} in pieces of {piece_bytes}");
            if piece_bytes == 1 {
                assert_eq!(before_end, early, "{text:?}");
            }
        }
    }

    #[test]
    fn blocks_are_given_out_when_they_are_whole() {
        check("One.\n\nTwo", &["One.", "¶Two"], 1);
        check("One.\n\n", &["One."], 1);
        check("One\nstill one", &["One\nstill one"], 0);
        check("# Head\nText\n\n\n\nMore\n", &["# Head", "Text", "¶More"], 2);
        check("Do:\n1. a\n   b\n2. c\n\n   d\n3. e\n", &["Do:", "1. a\n   b", "2. c\n\n   d", "3. e"], 3);
        check("- a\n\n", &["- a"], 0);
        check("- a\n  - b\n  - c\n- d\n\nEnd.\n", &["- a\n  - b\n  - c", "- d", "¶End."], 2);
    }

    #[test]
    fn what_holds_blank_lines_stays_whole() {
        check("```sh\na\n\nb\n```\n\nEnd\n", &["```sh\na\n\nb\n```", "¶End"], 1);
        check("```\na\n\nb\n", &["```\na\n\nb"], 0);
        check("~~~\n```\n\n```\n~~~\nEnd\n", &["~~~\n```\n\n```\n~~~", "End"], 1);
        check("<!-- a\n\nb -->\n\nEnd\n", &["<!-- a\n\nb -->", "¶End"], 1);
        check("    a\n\n    b\n\nEnd\n", &["    a\n\n    b", "¶End"], 1);
        check("| a |\n|---|\n| b |\n\nEnd\n", &["| a |\n|---|\n| b |", "¶End"], 1);
        check(
            "1. a\n   ```\n   b\n\n   c\n   ```\n2. d\n",
            &["1. a\n   ```\n   b\n\n   c\n   ```", "2. d"],
            1,
        );
    }

    #[test]
    fn definitions_belong_to_the_block_after_them() {
        check("[a][r]\n\n[r]: x\n\nEnd\n\n", &["[a][r]", "¶[r]: x\n\nEnd"], 2);
        check("[a]\n\n[r]: x\n\n", &["[a]", "¶[r]: x"], 1);
        check("- a\n\n[r]: x\n\n", &["- a", "¶[r]: x"], 0);
    }

    #[test]
    fn reasoning_and_wrapping_are_no_blocks() {
        check("<think>\na [1]\n\nb\n</think>\n\nCause.\n\n", &["¶Cause."], 1);
        check(
            "```markdown\n## Cause\nIt.\n```bash\nls\n```\nEnd.\n```\n",
            &["## Cause", "It.", "```bash\nls\n```", "End."],
            3,
        );
        check("Here:\n\n```md\n1. a\n2. b\n```\n", &["Here:", "¶1. a", "2. b"], 2);
        check("```\n```markdown\n```\nEnd\n", &["```\n```markdown\n```", "End"], 1);
        let (found, _) = blocks("Hm.\n\nSo.\n</think>\nCause.\n", 7);
        assert_eq!(found.iter().map(|block| block.restarts).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn closed_is_what_cannot_swallow_the_next_block() {
        for (text, closed) in
            [("a", true), ("- a", true), ("```\na\n```", true), ("```\na", false), ("<!-- a", false)]
        {
            assert_eq!(is_closed(text), closed, "{text}");
        }
    }

    #[test]
    fn a_long_block_is_not_read_with_every_line() {
        let text = format!("```\n{}", "\n".repeat(1 << 20));
        let (found, _) = blocks(&text, 1 << 10);
        assert_eq!(found.len(), 1);
    }
}
