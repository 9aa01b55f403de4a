//! Cuts a block into pieces that fit beside their prefix. Most blocks fit and are one piece.

use super::blocks::{Block, Shape};
use crate::sentences::sentences;
use kb::embed::TokenCounter;
use std::{borrow::Cow, ops::Range};
use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

/// A token is taken to stand for at most this many bytes. Some tokenizers make one unknown token of a line of encoded
/// data however long it is; without this bound a chunk could be megabytes.
const MAX_BYTES_PER_TOKEN: usize = 12;

/// A sentence that does not fit is handed to the splitter in stretches of this size: it measures a text many times, and
/// the longer, the more often.
const STRETCH_BYTES: usize = 2 << 10;

/// A stretch of text that goes into a chunk whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// The piece's range in the body.
    pub(super) range: Range<usize>,
    /// The number of the piece's own tokens, without special ones.
    pub(super) tokens: usize,
    pub(super) is_heading: bool,
    /// The text between it and the piece before it.
    pub(super) separator: &'static str,
}

impl Piece {
    /// Two pieces of about half the length, cut between words where there are any.
    pub(super) fn halved(&self) -> Option<(Self, Self)> {
        let middle = (self.text.len() / 2..=self.text.len()).find(|&at| self.text.is_char_boundary(at))?;
        let space = self.text[..middle].rfind(char::is_whitespace).filter(|&at| at > self.text.len() / 4);
        let at = space.unwrap_or(middle);
        if at == 0 || at >= self.text.len() {
            let first = self.text.chars().next()?.len_utf8();
            if first >= self.text.len() {
                return None;
            }
            return Some(self.cut_at(first));
        }
        Some(self.cut_at(at))
    }

    fn cut_at(&self, at: usize) -> (Self, Self) {
        let is_verbatim = self.range.len() == self.text.len();
        let middle = if is_verbatim { self.range.start + at } else { self.range.end };
        let half = |text: &str, range, separator| Self {
            text: text.trim().to_owned(),
            range,
            tokens: self.tokens.div_ceil(2),
            is_heading: false,
            separator,
        };
        let start = if is_verbatim { middle } else { self.range.start };
        (
            half(&self.text[..at], self.range.start..middle, self.separator),
            half(&self.text[at..], start..self.range.end, " "),
        )
    }
}

/// Measures text in tokens, special ones not counted.
pub(super) struct Sizer<'a> {
    counter: &'a dyn TokenCounter,
    /// The largest number of tokens that a chunk's text may have.
    pub(super) limit: usize,
    /// Tokens that a chunk's text should have.
    pub(super) target: usize,
}

impl<'a> Sizer<'a> {
    pub(super) fn new(counter: &'a dyn TokenCounter, limit: usize, target: usize) -> Self {
        let limit = limit.max(1);
        Self { counter, limit, target: target.min(limit) }
    }

    fn tokens(&self, text: &str) -> usize {
        net_tokens(self.counter, text)
    }

    fn piece(&self, text: impl Into<String>, range: Range<usize>, separator: &'static str) -> Piece {
        let text = text.into();
        Piece { tokens: self.tokens(&text), text, range, is_heading: false, separator }
    }
}

impl ChunkSizer for &Sizer<'_> {
    fn size(&self, chunk: &str) -> usize {
        self.tokens(chunk)
    }
}

/// Tokens of a text by itself, without the special ones that every text gets.
pub(super) fn net_tokens(counter: &dyn TokenCounter, text: &str) -> usize {
    let tokens = counter.count(text).saturating_sub(counter.count(""));
    tokens.max(text.len() / MAX_BYTES_PER_TOKEN)
}

/// A heading that stands in a chunk's text.
pub(super) fn heading(line: &str, range: Range<usize>, sizer: &Sizer<'_>) -> Vec<Piece> {
    let piece = sizer.piece(line, range.clone(), "\n\n");
    if piece.tokens <= sizer.limit / 2 {
        return vec![Piece { is_heading: true, ..piece }];
    }
    prose_parts(line, sizer.target, sizer)
        .into_iter()
        .map(|part| sizer.piece(&line[part], range.clone(), "\n\n"))
        .collect()
}

/// Appends the pieces of a block of `tokens` tokens.
pub(super) fn cut(block: &Block<'_>, text: &str, tokens: usize, sizer: &Sizer<'_>, pieces: &mut Vec<Piece>) {
    if tokens <= sizer.limit {
        let shown = dedented(text, &block.range);
        let piece = Piece {
            text: shown.into_owned(),
            range: block.range.clone(),
            tokens,
            is_heading: false,
            separator: "\n\n",
        };
        return pieces.push(piece);
    }
    match &block.shape {
        Shape::Prose => cut_prose(text, block.range.clone(), "\n\n", sizer, pieces),
        Shape::Code { info, content } => cut_code(text, block, info, content, sizer, pieces),
        Shape::Table { rows, columns } => cut_table(text, block, rows, *columns, sizer, pieces),
        Shape::List { items } => cut_list(text, items, sizer, pieces),
    }
}

fn cut_prose(
    text: &str,
    range: Range<usize>,
    separator: &'static str,
    sizer: &Sizer<'_>,
    pieces: &mut Vec<Piece>,
) {
    let mut previous_end = None;
    for part in prose_parts(&text[range.clone()], sizer.target, sizer) {
        let part = range.start + part.start..range.start + part.end;
        let between = match previous_end {
            None => separator,
            Some(end) => match &text[end..part.start] {
                "" => "",
                gap if gap.contains('\n') => "\n",
                _ => " ",
            },
        };
        previous_end = Some(part.end);
        pieces.push(sizer.piece(&text[part.clone()], part, between));
    }
}

/// The ranges of parts of at most `max_tokens`: whole sentences and lines as far as they fit, each counted once; only a
/// longer one is left to the splitter, which looks for words and then characters.
fn prose_parts(text: &str, max_tokens: usize, sizer: &Sizer<'_>) -> Vec<Range<usize>> {
    let splitter = TextSplitter::new(ChunkConfig::new(max_tokens.max(1)).with_sizer(sizer));
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut open: Option<(Range<usize>, usize)> = None;
    for sentence in sentences(text) {
        let tokens = sizer.tokens(&text[sentence.clone()]);
        match &mut open {
            Some((part, sum)) if *sum + tokens <= max_tokens => {
                part.end = sentence.end;
                *sum += tokens;
                continue;
            }
            _ => parts.extend(open.take().map(|(part, _)| part)),
        }
        if tokens <= max_tokens {
            open = Some((sentence, tokens));
            continue;
        }
        for stretch in stretches(&text[sentence.clone()]) {
            let start = sentence.start + stretch.start;
            let stretch = &text[start..sentence.start + stretch.end];
            if !stretch.contains(char::is_whitespace) {
                halve(stretch, start, max_tokens, sizer, &mut parts);
                continue;
            }
            let cut = splitter.chunk_indices(stretch);
            parts.extend(cut.map(|(at, part)| start + at..start + at + part.len()));
        }
    }
    parts.extend(open.map(|(part, _)| part));
    parts.into_iter().map(|part| trimmed(text, part)).filter(|part| !part.is_empty()).collect()
}

/// Cuts one long word in halves until they fit.
fn halve(word: &str, start: usize, max_tokens: usize, sizer: &Sizer<'_>, parts: &mut Vec<Range<usize>>) {
    let middle = word.ceil_char_boundary(word.len() / 2);
    if middle == word.len() || sizer.tokens(word) <= max_tokens {
        return parts.push(start..start + word.len());
    }
    halve(&word[..middle], start, max_tokens, sizer, parts);
    halve(&word[middle..], start + middle, max_tokens, sizer, parts);
}

/// Ranges of at most [`STRETCH_BYTES`] that cover the text, cut between words where there are any.
fn stretches(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = match rest.len() <= STRETCH_BYTES {
            true => rest.len(),
            false => {
                let cut = rest.floor_char_boundary(STRETCH_BYTES);
                let space = rest[..cut].rfind(char::is_whitespace);
                // White space has up to three bytes; the cut goes before it.
                space.filter(|&at| at > 0).unwrap_or(cut)
            }
        };
        let stretch = start..start + end;
        start = stretch.end;
        Some(stretch)
    })
}

/// The range without white space around it.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + (slice.len() - slice.trim_start().len());
    start..start + slice.trim().len()
}

fn cut_code(
    text: &str,
    block: &Block<'_>,
    info: &str,
    content: &Range<usize>,
    sizer: &Sizer<'_>,
    pieces: &mut Vec<Piece>,
) {
    let indentation = column(text, block.range.start);
    let code = &text[content.clone()];
    let fence = "`".repeat(longest_run(code, '`').max(2) + 1);
    let fenced = |code: &str, info: &str| format!("{fence}{info}\n{}\n{fence}", code.trim_end_matches('\n'));
    let info = if sizer.tokens(info) * 4 > sizer.limit { "" } else { info };
    let room = sizer.limit.saturating_sub(sizer.tokens(&fenced("", info)) + 1).max(1);

    let mut part = String::new();
    let mut part_range = block.range.start..content.start;
    let mut part_tokens = 0;
    let mut at = content.start;
    for (number, line) in code.split_inclusive('\n').enumerate() {
        let range = at..at + line.len();
        at = range.end;
        // The content's first line begins after its indentation.
        let shown = if number == 0 { line } else { without_indentation(line, indentation) };
        let tokens = sizer.tokens(shown);
        if part_tokens + tokens > room && !part.trim().is_empty() {
            pieces.push(sizer.piece(fenced(&part, info), part_range.clone(), "\n\n"));
            part.clear();
            (part_range, part_tokens) = (range.start..range.start, 0);
        }
        if tokens > room {
            let first = range.end - shown.len();
            for piece in prose_parts(shown, room, sizer) {
                let range = first + piece.start..first + piece.end;
                pieces.push(sizer.piece(fenced(&shown[piece], info), range, "\n\n"));
            }
            (part_range, part_tokens) = (range.end..range.end, 0);
            part.clear();
            continue;
        }
        part.push_str(shown);
        part_range.end = range.end;
        part_tokens += tokens;
    }
    if !part.trim().is_empty() {
        part_range.end = part_range.end.max(block.range.end);
        pieces.push(sizer.piece(fenced(&part, info), part_range, "\n\n"));
    }
}

fn cut_table(
    text: &str,
    block: &Block<'_>,
    rows: &[Range<usize>],
    columns: usize,
    sizer: &Sizer<'_>,
    pieces: &mut Vec<Piece>,
) {
    let Some((header_row, rows)) = rows.split_first() else {
        return cut_prose(text, block.range.clone(), "\n\n", sizer, pieces);
    };
    let header = format!("{}\n|{}", text[header_row.clone()].trim_end(), " --- |".repeat(columns));
    let header_tokens = sizer.tokens(&header);
    if header_tokens * 2 > sizer.limit {
        // A header that leaves no room for rows is not worth repeating.
        for row in std::iter::once(header_row).chain(rows) {
            cut_prose(text, row.clone(), "\n", sizer, pieces);
        }
        return;
    }
    let room = sizer.limit - header_tokens;
    let mut part = String::new();
    let mut part_range = header_row.clone();
    let mut part_tokens = 0;
    let mut is_header_shown = false;
    for row in rows {
        let line = text[row.clone()].trim_end();
        let tokens = sizer.tokens(line) + 1;
        if part_tokens + tokens > room && !part.is_empty() {
            pieces.push(sizer.piece(format!("{header}{part}"), part_range.clone(), "\n\n"));
            part.clear();
            (part_range, part_tokens) = (row.start..row.start, 0);
            is_header_shown = true;
        }
        if tokens > room {
            if !is_header_shown {
                pieces.push(sizer.piece(header.as_str(), header_row.clone(), "\n\n"));
                is_header_shown = true;
            }
            cut_prose(text, row.clone(), "\n\n", sizer, pieces);
            (part_range, part_tokens) = (row.end..row.end, 0);
            continue;
        }
        part.push('\n');
        part.push_str(line);
        part_range.end = row.end;
        part_tokens += tokens;
    }
    if !part.is_empty() {
        pieces.push(sizer.piece(format!("{header}{part}"), part_range, "\n\n"));
    }
}

fn cut_list(text: &str, items: &[Vec<Block<'_>>], sizer: &Sizer<'_>, pieces: &mut Vec<Piece>) {
    let mut group: Option<(Range<usize>, usize)> = None;
    let finish = |group: Option<(Range<usize>, usize)>, pieces: &mut Vec<Piece>| {
        if let Some((range, _)) = group {
            pieces.push(sizer.piece(dedented(text, &range), range, "\n\n"));
        }
    };
    for item in items {
        let (Some(first), Some(last)) = (item.first(), item.last()) else { continue };
        let range = first.range.start..last.range.end.max(first.range.start);
        let tokens = sizer.tokens(&text[range.clone()]);
        match &mut group {
            Some((grouped, sum)) if *sum + tokens <= sizer.target => {
                grouped.end = range.end;
                *sum += tokens;
            }
            _ => {
                finish(group.take(), pieces);
                if tokens <= sizer.limit {
                    group = Some((range, tokens));
                } else {
                    for block in item {
                        cut(block, text, sizer.tokens(&text[block.range.clone()]), sizer, pieces);
                    }
                }
            }
        }
    }
    finish(group, pieces);
}

/// A block's text without the indentation that its place in a list gives its lines.
fn dedented<'t>(text: &'t str, range: &Range<usize>) -> Cow<'t, str> {
    let indentation = column(text, range.start);
    let slice = &text[range.clone()];
    if indentation == 0 || !slice.contains('\n') {
        return Cow::Borrowed(slice);
    }
    let mut lines = slice.split_inclusive('\n');
    let mut shown = String::with_capacity(slice.len());
    shown.push_str(lines.next().unwrap_or_default());
    lines.for_each(|line| shown.push_str(without_indentation(line, indentation)));
    Cow::Owned(shown)
}

/// Bytes between the start of the line and a position.
fn column(text: &str, at: usize) -> usize {
    at - text[..at].rfind('\n').map_or(0, |line_break| line_break + 1)
}

fn without_indentation(line: &str, most: usize) -> &str {
    let spaces = line.bytes().take(most).take_while(|&byte| byte == b' ').count();
    &line[spaces..]
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
