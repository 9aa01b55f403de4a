//! AsciiDoc, block by block: headings, lists, boxes, code with its callouts, tables, quotations and what stands in
//! them.
//!
//! Entry point: [`parse`]. [`lines`] does what the preprocessor does, [`inline`] reads paragraphs. A page's attributes
//! are read as front matter is, so that `:access: ops, sre` restricts it.

mod inline;
mod lines;

use super::{
    Parsed, Place, admonitions, front_matter, markdown, redaction,
    stated::Stated,
    steps::Steps,
    written::{Writer, one_line},
};
use inline::markdown_of;
use lines::{Lines, is_verbatim_fence};
use std::ops::Range;

/// Lists and blocks in each other that are told apart.
const MAX_DEPTH: usize = 48;

/// A table has no more columns.
const MAX_COLUMNS: usize = 64;

/// The styles that make a paragraph or a block a box; sorted.
const BOXES: [&str; 5] = ["CAUTION", "IMPORTANT", "NOTE", "TIP", "WARNING"];

/// Attributes that mean something else in AsciiDoc than in front matter.
const OTHER_ATTRIBUTES: [&str; 4] = ["permalink", "title", "trust", "url"];

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    let (source, redacted) = redaction::redacted(text);
    let text = source.as_str();
    let (front, start) = match front_matter::parse(text) {
        Ok(None) => (Stated::default(), 0),
        Ok(Some((said, range))) => (said, range.end),
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let steps = Steps::for_text(text);
    let lines = Lines::of(text, start, place, &steps);
    let said = match front_matter::of_keys(keys_of(&lines)).and_then(|given| front.or(given)) {
        Ok(said) => said,
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let mut writer = Writer::new(&source);
    if let Some(description) =
        said.description.as_deref().filter(|description| !text[start..].contains(*description))
    {
        writer.paragraph(&markdown_of(description, &steps), start..start);
    }
    let mut page = Page {
        lines: &lines,
        at: 0,
        writer,
        steps: &steps,
        frames: Vec::new(),
        pending: Pending::default(),
        has_title: false,
        is_attached: false,
    };
    page.read();
    if steps.are_spent() {
        return Parsed::rejected(place, steps.refusal());
    }
    let (body, found_links) = page.writer.finish();
    let mut parsed = markdown::finished(body, &found_links, said, redacted, place);
    if !parsed.documents.is_empty() {
        for name in lines.missing.iter().take(10) {
            parsed.warn(
                place,
                format!("include `{}` is not in the source, or too large; left out", super::shown(name)),
            );
        }
    }
    parsed
}

/// Whether a text restricts who may read it, so that no other page may show it.
pub(super) fn restricts(text: &str) -> bool {
    let names = text.lines().filter_map(|line| line.strip_prefix(':')?.split_once(':'));
    let keys = names.map(|(name, value)| (key_of(name), value.to_owned()));
    let keys = keys.filter(|(name, _)| !OTHER_ATTRIBUTES.contains(&name.as_str()));
    !front_matter::of_keys(keys).is_ok_and(|said| said.access.is_none())
}

fn key_of(name: &str) -> String {
    let name = name.trim_matches('!').to_ascii_lowercase();
    match name.strip_prefix("page-").unwrap_or(&name) {
        "revdate" => "updated".to_owned(),
        "revnumber" => "version".to_owned(),
        "keywords" => "labels".to_owned(),
        name => name.to_owned(),
    }
}

fn keys_of(lines: &Lines<'_>) -> Vec<(String, String)> {
    let given = lines.given.iter().map(|(name, value)| (key_of(name), value));
    let given = given.filter(|(name, _)| !OTHER_ATTRIBUTES.contains(&name.as_str()));
    let value_of = |name: &str, value: &str| match name {
        "author" | "authors" | "labels" | "tags" | "access" => {
            value.trim_matches(['[', ']']).replace('"', "").to_owned()
        }
        _ => value.to_owned(),
    };
    given
        .map(|(name, value)| {
            let value = value_of(&name, value);
            (name, value)
        })
        .collect()
}

/// A list or a block that is not closed yet.
enum Frame {
    /// A list, by its mark, with an item.
    List(String),
    /// A block between two equal lines.
    Block { fence: String, is_quote: bool },
}

/// The title, id and attributes from the lines before a block.
#[derive(Default, Clone)]
struct Pending {
    title: Option<String>,
    id: Option<String>,
    /// The first word between the brackets: `source`, `NOTE`.
    style: String,
    language: String,
    /// Everything between the brackets.
    attributes: String,
}

struct Page<'t, 'w, 's> {
    lines: &'t Lines<'t>,
    at: usize,
    writer: Writer<'w>,
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

    /// Reads a line that is no block of its own: what it says of the next, or what is not shown.
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

    /// Prepares for a block: what is open and not continued ends.
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
        // What passes through as it is, is HTML.
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
        let sign = match fence.chars().next() {
            Some(_)
                if pending.attributes.contains("format=csv")
                    || pending.attributes.contains("format=\"csv\"") =>
            {
                ','
            }
            Some(sign) => sign,
            None => '|',
        };
        let mut cells: Vec<(usize, String)> = Vec::new();
        let mut columns = pending.columns();
        for line in inside {
            let before = cells.len();
            push_cells(&mut cells, &line.text, sign);
            if columns == 0 && cells.len() > before && !line.text.is_empty() {
                columns = cells[before..].iter().map(|(span, _)| span).sum();
            }
        }
        let columns = columns.clamp(1, MAX_COLUMNS);
        let (mut rows, mut row) = (Vec::new(), Vec::new());
        for (span, words) in cells {
            row.push(one_line(&markdown_of(words.trim(), self.steps)));
            row.resize((row.len() + span - 1).min(columns).max(row.len()), String::new());
            if row.len() >= columns {
                rows.push(std::mem::take(&mut row));
            }
        }
        if !row.is_empty() {
            rows.push(row);
        }
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

impl Pending {
    /// Reads what stands between brackets.
    fn read(&mut self, inside: &str) {
        let mut parts = inside.split(',').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let style_end = first.find(['.', '#', '%']).unwrap_or(first.len());
        if !first.contains('=') {
            let style = first[..style_end].trim_matches('"');
            if !style.is_empty() {
                self.style = style.to_owned();
            }
            if let Some((_, id)) = first.split_once('#') {
                self.id = id.split(['.', '%']).next().map(str::to_owned);
            }
            let language = parts.next().filter(|language| !language.contains('='));
            if let (true, Some(language)) = (style.is_empty() || style == "source", language) {
                self.style = "source".to_owned();
                self.language = language.trim_matches('"').to_owned();
            }
        }
        self.attributes.push_str(inside);
        self.attributes.push(',');
    }

    fn is_code(&self) -> bool {
        matches!(self.style.as_str(), "source" | "listing" | "literal")
    }

    /// The number of columns that `cols` gives, or 0.
    fn columns(&self) -> usize {
        let Some((_, value)) = self.attributes.split_once("cols=") else { return 0 };
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
}

fn label_of(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(String::from).unwrap_or_default();
    format!("{first}{}:", letters.as_str().to_lowercase())
}

/// The level and the words of a heading.
fn heading_of(text: &str) -> Option<(usize, &str)> {
    let sign = text.chars().next().filter(|c| matches!(c, '=' | '#'))?;
    let words = text.trim_start_matches(sign);
    let level = text.len() - words.len();
    (level <= 6 && words.starts_with([' ', '\t']) && !words.trim().is_empty()).then(|| (level, words.trim()))
}

/// Whether a line begins or ends a block of blocks.
fn is_fence(text: &str) -> bool {
    text == "--"
        || (text.len() >= 4 && ["=", "*", "_"].iter().any(|sign| text.chars().all(|c| sign.contains(c))))
}

/// The mark and the words of a list's item; a term stands before its mark, which its words then hold.
fn item_of(text: &str) -> Option<(String, &str)> {
    /// A longer term is text.
    const MAX_TERM_BYTES: usize = 200;
    let text = text.trim_start_matches([' ', '\t']);
    let window = &text[..text.floor_char_boundary(text.len().min(MAX_TERM_BYTES))];
    let is_mark = |mark: &&str| {
        let end = window.find(*mark).map(|at| &text[at + mark.len()..]);
        end.is_some_and(|after| {
            (after.is_empty() || after.starts_with([' ', '\t'])) && !window.starts_with(*mark)
        })
    };
    if let Some(mark) = ["::::", ":::", "::", ";;"].iter().find(|mark| is_mark(mark)) {
        return Some(((*mark).to_owned(), text));
    }
    let (mark, rest) = text.split_once([' ', '\t'])?;
    let rest = rest.trim_start();
    let is_run = |sign: char| mark.chars().all(|c| c == sign) && mark.len() <= 5;
    if mark == "-" || is_run('*') || is_run('.') {
        return Some((mark.to_owned(), rest));
    }
    let number = mark.strip_suffix('.').filter(|number| !number.is_empty());
    if number.is_some_and(|number| number.len() <= 4 && number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some(("1.".to_owned(), rest));
    }
    let callout = mark.strip_prefix('<').and_then(|mark| mark.strip_suffix('>'));
    if callout.is_some_and(|number| {
        number == "." || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }) {
        return Some(("<1>".to_owned(), rest));
    }
    None
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

/// What stands before a cell's `|` and says how it is shown: `2+`, `.3+`, `a`, `^.^s`.
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

#[cfg(test)]
mod tests;
