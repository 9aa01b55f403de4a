//! A line of wikitext as Markdown: links, strong words, addresses, and words without marks and tags.

use super::{
    Titles,
    kept::{MARK, Piece, piece_at, reference_of},
};
use crate::formats::{
    html,
    steps::Steps,
    written::{one_line, push_code, push_link, push_words},
};
use std::cell::RefCell;

/// Markup is looked for no further than this.
const MAX_SPAN_BYTES: usize = 2_000;

/// Links in the captions of pictures in the captions of pictures.
const MAX_DEPTH: usize = 3;

/// Tags of extensions that show nothing.
const SILENT_TAGS: [&str; 12] = [
    "categorytree",
    "languages",
    "nowiki",
    "ref",
    "references",
    "rss",
    "section",
    "templatestyles",
    "toc",
    "translate",
    "tvar",
    "wbr",
];

/// Parameters of pictures that are not words.
const PICTURE_OPTIONS: [&str; 18] = [
    "baseline",
    "border",
    "bottom",
    "center",
    "frame",
    "framed",
    "frameless",
    "left",
    "middle",
    "none",
    "right",
    "sub",
    "super",
    "text-bottom",
    "text-top",
    "thumb",
    "thumbnail",
    "top",
];

/// Reads the lines of one page.
pub(super) struct Inline<'p> {
    pub(super) titles: &'p Titles,
    pub(super) pieces: &'p [Piece],
    pub(super) steps: &'p Steps,
    /// The categories that were met.
    pub(super) categories: RefCell<Vec<String>>,
}

impl Inline<'_> {
    /// The Markdown of a paragraph's lines.
    pub(super) fn markdown(&self, text: &str) -> String {
        self.reading(text, false, 0).read()
    }

    /// The words of lines, for code.
    pub(super) fn plain(&self, text: &str) -> String {
        let mut reading = self.reading(text, false, 0);
        reading.is_plain = true;
        reading.read()
    }

    fn reading<'i, 't>(&'i self, text: &'t str, is_in_link: bool, depth: usize) -> Reading<'i, 't> {
        Reading {
            inline: self,
            text,
            is_in_link,
            is_plain: false,
            depth,
            strong_from: None,
            next_close: [None; 3],
            written: String::new(),
        }
    }
}

struct Reading<'i, 't> {
    inline: &'i Inline<'i>,
    text: &'t str,
    is_in_link: bool,
    is_plain: bool,
    depth: usize,
    /// The start of strong words in the text that was written.
    strong_from: Option<usize>,
    /// The places of the next `]]`, the next `]` and the next `>`, once they were looked for.
    next_close: [Option<usize>; 3],
    written: String,
}

impl Reading<'_, '_> {
    fn read(mut self) -> String {
        let (mut at, mut done) = (0, 0);
        while let Some(found) = self.text[at..].find(is_sign).filter(|_| !self.inline.steps.are_spent()) {
            at += found;
            let is_own = matches!(self.text.as_bytes()[at], b'\'' | b'\n');
            if is_own {
                self.push(done..at);
                at = self.mark(at);
                done = at;
                continue;
            }
            let before = std::mem::take(&mut self.written);
            let length = self.markup(at);
            let markup = std::mem::replace(&mut self.written, before);
            match length {
                Some(length) => {
                    self.push(done..at);
                    self.written.push_str(&markup);
                    at += length;
                    done = at;
                }
                None => at += self.text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        self.push(done..self.text.len());
        self.written
    }

    fn push(&mut self, range: std::ops::Range<usize>) {
        let words = &self.text[range];
        self.push_words(words);
    }

    fn push_words(&mut self, words: &str) {
        match self.is_plain {
            true => self.written.push_str(words),
            false => push_words(&mut self.written, words, self.is_in_link),
        }
    }

    fn push_code(&mut self, code: &str) {
        match self.is_plain {
            true => self.written.push_str(code),
            false => push_code(&mut self.written, code),
        }
    }

    /// Reads a run of apostrophes, or the end of a line, where what stands out ends; returns where it ends.
    fn mark(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        if rest.starts_with('\n') {
            self.strong_from = None;
            self.written.push('\n');
            return at + 1;
        }
        let run = rest.len() - rest.trim_start_matches('\'').len();
        let (shown, is_strong) = match run {
            1 => (1, false),
            2 => (0, false),
            3 => (0, true),
            4 => (1, true),
            run => (run - 5, true),
        };
        self.push_words(&"'".repeat(shown));
        if is_strong && !self.is_plain && !self.is_in_link {
            match self.strong_from.take() {
                None => self.strong_from = Some(self.written.len()),
                Some(from) => {
                    let words = self.written.split_off(from);
                    let is_plain = words.trim().is_empty() || words.contains("**");
                    self.written.push_str(&if is_plain { words } else { format!("**{}**", words.trim()) });
                }
            }
        }
        at + run
    }

    /// Reads the markup that a sign begins; returns its length.
    fn markup(&mut self, at: usize) -> Option<usize> {
        let text = self.text;
        let rest = &text[at..];
        let before = text[..at].chars().next_back();
        match rest.as_bytes()[0] {
            b'[' if rest.starts_with("[[") => self.link(at),
            b'[' => self.external_link(at),
            b'<' => {
                self.close(2, at)?;
                self.tag(rest)
            }
            b'&' => {
                let (character, length) = reference_of(rest)?;
                self.push_words(&character);
                Some(length)
            }
            b'_' => {
                // A switch such as `__NOTOC__`.
                let name = rest.strip_prefix("__")?;
                let end =
                    name.find(|c: char| !c.is_ascii_uppercase()).filter(|end| (3..=30).contains(end))?;
                name[end..].starts_with("__").then_some(end + 4)
            }
            b'h' | b'f' if !before.is_some_and(char::is_alphanumeric) => {
                let is_address =
                    ["http://", "https://", "ftp://"].iter().any(|scheme| rest.starts_with(scheme));
                if !is_address || self.is_in_link {
                    return None;
                }
                let window = &rest[..rest.floor_char_boundary(rest.len().min(MAX_SPAN_BYTES))];
                let end = window.find(ends_address).unwrap_or(window.len());
                let mut address =
                    window[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
                if !address.contains('(') {
                    address = address.trim_end_matches(')');
                }
                match self.is_plain {
                    true => self.written.push_str(address),
                    false => self.written.push_str(&format!("<{address}>")),
                }
                Some(address.len())
            }
            _ if rest.starts_with(MARK[0]) => {
                let (piece, length) = piece_at(rest, self.inline.pieces)?;
                match piece {
                    Piece::Code { text, .. } => self.push_code(text),
                    Piece::Words(words) => self.push_words(words),
                }
                Some(length)
            }
            _ => None,
        }
    }

    /// The place of the next closing sign from a place on. Places must go forward.
    fn close(&mut self, sign: usize, from: usize) -> Option<usize> {
        let known = &mut self.next_close[sign];
        if known.is_none_or(|known| known < from) {
            let mark = ["]]", "]", ">"][sign];
            *known = Some(self.text[from..].find(mark).map_or(usize::MAX, |found| from + found));
        }
        known.filter(|known| *known <= from.saturating_add(MAX_SPAN_BYTES))
    }

    fn link(&mut self, at: usize) -> Option<usize> {
        let text = self.text;
        let from = at + 2;
        let first_end = self.close(0, from)?;
        let inside = &text[from..first_end];
        let target = inside.split('|').next().unwrap_or(inside).trim();
        if target.contains(['[', '\n', '<', '{']) || target.is_empty() {
            return None;
        }
        let titles = self.inline.titles;
        let space = titles.namespace_of(target.trim_start_matches(':'));
        if !target.starts_with(':') && space == Some(Space::Picture) {
            let end = self.end_of_picture(from)?;
            self.picture(&text[from..end]);
            return Some(end + 2 - at);
        }
        if self.depth > 0 && self.is_in_link {
            return None;
        }
        let end = first_end + 2;
        if !target.starts_with(':') && space == Some(Space::Category) {
            let name = target.split_once(':').map_or(target, |(_, name)| name).trim().replace('_', " ");
            self.inline.categories.borrow_mut().push(name);
            return Some(end - at);
        }
        if !target.starts_with(':') && titles.is_language_link(target) {
            return Some(end - at);
        }
        let target = target.trim_start_matches(':');
        let label = inside.split_once('|').map(|(_, label)| label.trim());
        let (page, part) = target.split_once('#').unwrap_or((target, ""));
        let words = match label {
            Some("") => {
                // `[[Help:Page (a)|]]` shows `Page`.
                let name = page.rsplit(':').next().unwrap_or(page);
                name.split(" (").next().unwrap_or(name).to_owned()
            }
            Some(label) => label.to_owned(),
            None if page.is_empty() => part.replace('_', " "),
            None => target.replace('_', " "),
        };
        let start = self.written.len();
        let inner = self.inner(&words, true);
        self.written.push_str(&inner);
        if let (Some(id), false) = (titles.page(page), self.is_plain || self.is_in_link) {
            push_link(&mut self.written, start, &format!("/page/{id}"));
        }
        Some(end - at)
    }

    /// The end of a picture, in whose caption links may stand.
    fn end_of_picture(&self, from: usize) -> Option<usize> {
        let text = self.text;
        let window = &text[from..text.floor_char_boundary(text.len().min(from + MAX_SPAN_BYTES))];
        self.inline.steps.take(window.len());
        let mut depth = 0usize;
        let mut at = 0;
        while let Some(found) = window[at..].find(['[', ']']) {
            at += found;
            match &window[at..] {
                rest if rest.starts_with("[[") => {
                    depth += 1;
                    at += 2;
                }
                rest if rest.starts_with("]]") => {
                    if depth == 0 {
                        return Some(from + at);
                    }
                    depth -= 1;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        None
    }

    /// Writes a picture's words: what stands for it, or its caption.
    fn picture(&mut self, inside: &str) {
        let parts = parted(inside);
        let is_option = |part: &str| {
            let name = part.split('=').next().unwrap_or(part).trim();
            PICTURE_OPTIONS.contains(&part.trim())
                || part.trim().ends_with("px")
                || (part.contains('=')
                    && ["alt", "class", "lang", "link", "page", "start", "thumb", "upright"].contains(&name))
        };
        let alt = parts.iter().skip(1).find_map(|part| part.trim().strip_prefix("alt="));
        let caption = parts.iter().skip(1).rev().find(|part| !is_option(part)).copied();
        let inner = self.inner(caption.or(alt).unwrap_or_default(), false);
        self.written.push_str(&inner);
    }

    fn external_link(&mut self, at: usize) -> Option<usize> {
        let text = self.text;
        let rest = &text[at + 1..];
        let is_address =
            ["http://", "https://", "ftp://", "mailto:", "//"].iter().any(|scheme| rest.starts_with(scheme));
        if !is_address || self.is_in_link {
            return None;
        }
        let end = self.close(1, at + 1)?;
        let inside = &text[at + 1..end];
        if inside.contains('\n') {
            return None;
        }
        let address_end =
            inside.find(|c: char| c.is_whitespace() || matches!(c, '<' | '"')).unwrap_or(inside.len());
        let (address, words) = inside.split_at(address_end);
        let words = words.trim();
        let start = self.written.len();
        match (words.is_empty(), self.is_plain) {
            (true, true) => self.written.push_str(address),
            (true, false) => self.written.push_str(&format!("<{}>", address.replace('>', "%3E"))),
            (false, is_plain) => {
                let inner = self.inner(words, true);
                self.written.push_str(&inner);
                if !is_plain {
                    push_link(&mut self.written, start, address);
                }
            }
        }
        Some(end + 1 - at)
    }

    /// Reads a tag: a tag of HTML is dropped, a text that only looks like one stays.
    fn tag(&mut self, text: &str) -> Option<usize> {
        let length = html::tag_length(text);
        self.inline.steps.take(length.unwrap_or(MAX_SPAN_BYTES));
        let length = length?;
        let tag = &text[..length];
        let inner = tag.trim_start_matches(['<', '/']);
        let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(inner.len());
        let name = inner[..end].to_ascii_lowercase();
        if name.is_empty() {
            return None;
        }
        if SILENT_TAGS.contains(&name.as_str()) {
            return Some(length);
        }
        if matches!(name.as_str(), "br" | "li" | "tr" | "dd" | "dt" | "p" | "div") {
            self.written.push('\n');
            return Some(length);
        }
        let words = html::words(&name, tag, tag.starts_with("</"), false)?;
        self.push_words(&words);
        Some(length)
    }

    /// The Markdown of what stands in markup.
    fn inner(&self, text: &str, is_in_link: bool) -> String {
        if self.depth >= MAX_DEPTH {
            return String::new();
        }
        let mut reading = self.inline.reading(text, is_in_link, self.depth + 1);
        reading.is_plain = self.is_plain;
        one_line(&reading.read())
    }
}

/// The use of a namespace for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Pictures and other files.
    Picture,
    Category,
    /// Any other namespace without articles.
    Other,
}

/// The parts of a picture's markup; those of links in it stay together.
fn parted(inside: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0usize);
    for (at, sign) in inside.match_indices(['[', ']', '|']) {
        match sign {
            "[" => depth += 1,
            "]" => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    parts
}

fn is_sign(character: char) -> bool {
    matches!(character, '\'' | '\n' | '[' | '<' | '&' | '_' | 'h' | 'f') || character == MARK[0]
}

fn ends_address(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '<' | '>' | '"' | '[' | ']' | '|' | '{' | '}')
        || MARK.contains(&character)
}
