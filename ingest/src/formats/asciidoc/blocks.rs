//! The blocks of a page, written one after the other, with the lists and blocks that are open around them.

use super::{
    inline::markdown_of,
    lines::{Lines, is_verbatim_fence},
    marks::{heading_of, is_fence, item_of},
    pending::Pending,
    tables,
};
use crate::formats::{
    admonitions,
    steps::Steps,
    written::{Writer, one_line},
};
use std::ops::Range;

/// Lists and blocks in each other that are told apart.
const MAX_DEPTH: usize = 48;

/// The styles that make a paragraph or a block a box; sorted.
const BOXES: [&str; 5] = ["CAUTION", "IMPORTANT", "NOTE", "TIP", "WARNING"];

/// A list or a block that is not closed yet.
enum Frame {
    /// A list, by its mark, with an item.
    List(String),
    /// A block between two equal lines.
    Block { fence: String, is_quote: bool },
}

/// Writes the blocks of a page.
pub(super) fn write(lines: &Lines<'_>, writer: &mut Writer<'_>, steps: &Steps) {
    let mut page = Page {
        lines,
        at: 0,
        writer,
        steps,
        frames: Vec::new(),
        pending: Pending::default(),
        has_title: false,
        is_attached: false,
    };
    page.read();
}

struct Page<'t, 'w, 's> {
    lines: &'t Lines<'t>,
    at: usize,
    writer: &'t mut Writer<'w>,
    steps: &'s Steps,
    frames: Vec<Frame>,
    pending: Pending,
    has_title: bool,
    /// Whether a `+` ties the next block to the open item.
    is_attached: bool,
}

impl Page<'_, '_, '_> {
    fn line(&self, at: usize) -> Option<(&str, Range<usize>)> {
        self.lines.lines.get(at).map(|line| (line.text.as_ref(), line.place.clone()))
    }

    fn read(&mut self) {
        let lines = self.lines;
        while let Some(line) = lines.lines.get(self.at) {
            if !self.steps.take(1) {
                return;
            }
            let (text, place) = (line.text.as_ref(), line.place.clone());
            self.at += 1;
            if !(text.is_empty() || self.begins_without_block(text, &place)) {
                self.block(text, place);
            }
        }
        self.close_frames(0);
    }

    /// Reads a line that is not a block of its own: attributes of the next block, or a line that is not shown.
    fn begins_without_block(&mut self, text: &str, place: &Range<usize>) -> bool {
        let is_comment = text.starts_with("//") && !text.starts_with("////");
        if is_comment || matches!(text, "'''" | "<<<" | "---" | "***" | "* * *" | "- - -") {
            return true;
        }
        if text == "+" {
            self.is_attached = true;
            return true;
        }
        if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'))
            && !inside.contains("](")
        {
            match inside.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')) {
                Some(id) => self.pending.id = id.split(',').next().map(|id| id.trim().to_owned()),
                None => self.pending.read(inside),
            }
            return true;
        }
        if let Some(title) =
            text.strip_prefix('.').filter(|title| !title.starts_with(['.', ' ', '\t']) && !title.is_empty())
        {
            self.pending.title = Some(markdown_of(title, self.steps));
            return true;
        }
        for name in ["image", "video", "audio", "toc"] {
            let Some(rest) = text.strip_prefix(name).and_then(|rest| rest.strip_prefix("::")) else {
                continue;
            };
            let Some((_, content)) = rest.strip_suffix(']').and_then(|rest| rest.split_once('[')) else {
                continue;
            };
            let words = content.split(',').next().unwrap_or_default().trim_matches('"');
            let is_shown = name == "image" && !words.contains('=');
            self.begin_block();
            self.write_title(place);
            if is_shown {
                let words = markdown_of(words, self.steps);
                self.writer.paragraph(&words, place.clone());
            }
            self.pending = Pending::default();
            return true;
        }
        false
    }

    fn block(&mut self, text: &str, place: Range<usize>) {
        if let Some((level, words)) = heading_of(text) {
            return self.heading(level, words, place);
        }
        let is_fence = is_fence(text);
        if is_fence
            && let Some(open) = self
                .frames
                .iter()
                .rposition(|frame| matches!(frame, Frame::Block { fence, .. } if fence == text))
        {
            self.close_frames(open);
            return;
        }
        if is_verbatim_fence(text) || text.starts_with("```") {
            return self.verbatim(text, place);
        }
        if is_fence {
            return self.open_block(text, &place);
        }
        if matches!(text, "|===" | "!===" | ",===" | ":===") {
            return self.table(text, place);
        }
        if let Some((mark, words)) = item_of(text) {
            return self.item(mark, words, place);
        }
        self.paragraph(text, place);
    }

    fn heading(&mut self, level: usize, words: &str, place: Range<usize>) {
        self.close_frames(0);
        let pending = std::mem::take(&mut self.pending);
        let words = one_line(&markdown_of(words, self.steps));
        let is_title = level == 1 && !self.has_title;
        match pending.style.as_str() {
            "discrete" | "float" if level > 2 => self.writer.label(&words, place),
            _ => self.writer.heading(level, &words, pending.id.as_deref(), place),
        }
        if is_title {
            self.has_title = true;
            // The lines of the author and the revision.
            while let Some((text, _)) = self.line(self.at) {
                let is_author = text.split_whitespace().count() <= 12
                    && !text.ends_with('.')
                    && (text.contains('@') || text.starts_with('v'));
                if text.is_empty() || !is_author || text.contains("[") {
                    break;
                }
                self.at += 1;
            }
        }
    }

    /// Prepares for a block: open lists that the block does not continue end.
    fn begin_block(&mut self) {
        let is_attached = std::mem::take(&mut self.is_attached);
        if !is_attached {
            let innermost = self.frames.iter().rposition(|frame| matches!(frame, Frame::Block { .. }));
            self.close_frames(innermost.map_or(0, |at| at + 1));
        }
    }

    fn close_frames(&mut self, kept: usize) {
        while self.frames.len() > kept {
            match self.frames.pop() {
                Some(Frame::List(_)) => {
                    self.writer.close_item();
                    self.writer.close_list();
                }
                Some(Frame::Block { is_quote: true, .. }) => self.writer.close_quote(),
                Some(Frame::Block { .. }) | None => {}
            }
        }
    }

    fn write_title(&mut self, place: &Range<usize>) {
        if let Some(title) = self.pending.title.take() {
            self.writer.label(&title, place.clone());
        }
    }

    /// Writes what a block is called: the sort of a box, or its title.
    fn write_label(&mut self, place: &Range<usize>) {
        match (BOXES.contains(&self.pending.style.as_str()), &self.pending.title) {
            (true, None) => {
                let label = label_of(&self.pending.style);
                self.writer.label(&label, place.clone());
            }
            _ => self.write_title(place),
        }
    }

    fn open_block(&mut self, fence: &str, place: &Range<usize>) {
        self.begin_block();
        self.write_label(place);
        let pending = std::mem::take(&mut self.pending);
        if self.frames.len() >= MAX_DEPTH {
            return;
        }
        let is_quote = fence.starts_with('_') || matches!(pending.style.as_str(), "quote" | "verse");
        if is_quote {
            self.writer.open_quote();
        }
        self.frames.push(Frame::Block { fence: fence.to_owned(), is_quote });
    }

    /// Reads text between two equal lines in which nothing is markup.
    fn verbatim(&mut self, fence: &str, place: Range<usize>) {
        let close = if fence.starts_with("```") { "```" } else { fence };
        let mut code = String::new();
        let mut end = place.end;
        let lines = self.lines;
        while let Some(line) = lines.lines.get(self.at) {
            self.at += 1;
            end = line.place.end.max(end);
            if line.text == close {
                break;
            }
            code.push_str(&line.text);
            code.push('\n');
        }
        if fence.starts_with('/') {
            return;
        }
        self.begin_block();
        self.write_title(&place);
        let pending = std::mem::take(&mut self.pending);
        // A passthrough block holds HTML.
        if !fence.starts_with('+') {
            let language =
                fence.strip_prefix("```").filter(|name| !name.is_empty()).unwrap_or(&pending.language);
            self.writer.code(language, &code, place.start..end);
        }
    }

    fn table(&mut self, fence: &str, place: Range<usize>) {
        let lines = self.lines;
        let start = self.at;
        while lines.lines.get(self.at).is_some_and(|line| line.text != fence) {
            self.at += 1;
        }
        let inside = &lines.lines[start..self.at];
        self.at += 1;
        let end = inside.last().map_or(place.end, |line| line.place.end);
        self.begin_block();
        self.write_title(&place);
        let pending = std::mem::take(&mut self.pending);
        let rows = tables::rows_of(inside, fence, &pending.attributes, self.steps);
        self.writer.table(&rows, place.start..end);
    }

    fn item(&mut self, mark: String, words: &str, place: Range<usize>) {
        self.is_attached = false;
        let block =
            self.frames.iter().rposition(|frame| matches!(frame, Frame::Block { .. })).map_or(0, |at| at + 1);
        let known = self.frames[block..]
            .iter()
            .position(|frame| matches!(frame, Frame::List(known) if *known == mark));
        match known {
            Some(at) => {
                self.close_frames(block + at + 1);
                self.writer.close_item();
            }
            None => {
                if self.frames.len() >= MAX_DEPTH {
                    self.close_frames(block);
                }
                if self.frames.len() == block {
                    self.write_title(&place);
                }
                let is_numbered = mark.starts_with(['.', '1', '<']);
                self.writer.open_list(is_numbered.then_some(1));
                self.frames.push(Frame::List(mark.clone()));
            }
        }
        self.pending = Pending::default();
        self.writer.open_item();
        let (first, text) = match words.split_once(&mark).filter(|_| mark.starts_with([':', ';'])) {
            Some((term, text)) => {
                let term = markdown_of(term.trim(), self.steps);
                (
                    if term.contains("**") { format!("{term}: ") } else { format!("**{term}**: ") },
                    text.trim_start(),
                )
            }
            None => (String::new(), words),
        };
        if text.is_empty() {
            self.skip_blank_lines();
        }
        let (text, place) = self.rest_of_paragraph(text, place);
        let words = markdown_of(&text, self.steps);
        self.writer.paragraph(&format!("{first}{}", words.trim_start()), place);
    }

    /// A term's text may stand some lines below it.
    fn skip_blank_lines(&mut self) {
        const MOST: usize = 2;
        let blank =
            self.lines.lines[self.at..].iter().take(MOST).take_while(|line| line.text.is_empty()).count();
        self.at += blank;
    }

    /// The lines of a paragraph whose first line was read.
    fn rest_of_paragraph(&mut self, first: &str, mut place: Range<usize>) -> (String, Range<usize>) {
        let mut text = first.to_owned();
        let lines = self.lines;
        while let Some(line) = lines.lines.get(self.at) {
            let next = line.text.as_ref();
            let is_attributes = next.starts_with('[') && next.ends_with(']') && !next.contains("](");
            let ends = next.is_empty()
                || next == "+"
                || is_fence(next)
                || is_verbatim_fence(next)
                || next.starts_with("```")
                || matches!(next, "|===" | ",===" | ":===" | "!===")
                || (is_attributes
                    && (next.starts_with("[[")
                        || next[1..]
                            .starts_with(|c: char| c.is_alphabetic() || matches!(c, '.' | '#' | ',' | '%'))))
                || (!self.frames.is_empty() && item_of(next).is_some());
            if ends {
                break;
            }
            self.at += 1;
            if next.starts_with("//") {
                continue;
            }
            place.end = line.place.end.max(place.end);
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(next.trim());
        }
        (text, place)
    }

    fn paragraph(&mut self, first: &str, place: Range<usize>) {
        self.begin_block();
        if self.pending.is_code() || first.starts_with([' ', '\t']) {
            return self.literal(first, place);
        }
        let named = first.split_once(": ").filter(|(name, _)| BOXES.contains(name));
        let named = named.or_else(|| admonitions::marked(first));
        if let Some((name, rest)) = named {
            let (text, place) = self.rest_of_paragraph(rest, place);
            self.write_title(&place);
            self.pending = Pending::default();
            let words = markdown_of(&text, self.steps);
            return self
                .writer
                .paragraph(&format!("**{}** {}", label_of(&name.to_uppercase()), words.trim_start()), place);
        }
        self.write_label(&place);
        let is_quote = matches!(self.pending.style.as_str(), "quote" | "verse");
        self.pending = Pending::default();
        let (text, place) = self.rest_of_paragraph(first.trim_start(), place);
        let words = markdown_of(&text, self.steps);
        if is_quote {
            self.writer.open_quote();
        }
        self.writer.paragraph(&words, place);
        if is_quote {
            self.writer.close_quote();
        }
    }

    /// A paragraph of code: it is called so, or indented.
    fn literal(&mut self, first: &str, mut place: Range<usize>) {
        self.write_title(&place);
        let pending = std::mem::take(&mut self.pending);
        let mut code = format!("{first}\n");
        let lines = self.lines;
        while let Some(line) =
            lines.lines.get(self.at).filter(|line| !line.text.is_empty() && line.text != "+")
        {
            self.at += 1;
            place.end = line.place.end.max(place.end);
            code.push_str(&line.text);
            code.push('\n');
        }
        let indentation =
            code.lines().map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0);
        let code: String = code.lines().map(|line| format!("{}\n", &line[indentation..])).collect();
        self.writer.code(&pending.language, &code, place);
    }
}

fn label_of(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(String::from).unwrap_or_default();
    format!("{first}{}:", letters.as_str().to_lowercase())
}
