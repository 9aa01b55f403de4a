//! The parts of a wikitext that are not read as wikitext: code, formulas, `<nowiki>`; and those that are not shown at
//! all: comments and footnotes.
//!
//! Entry point: [`Kept::of`]. Each piece is put aside, and a mark that no text has stands in its place, so that its
//! content is never read as markup.

use crate::formats::{steps::Steps, web_page::character_named};

/// A mark begins and ends with these: characters for private use, which are taken out of texts.
pub(super) const MARK: [char; 2] = ['\u{e000}', '\u{e001}'];

/// A longer tag is text.
const MAX_TAG_BYTES: usize = 500;

/// A piece that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Code, in a block of its own or within a sentence.
    Code { language: String, text: String, is_block: bool },
    /// Words without markup.
    Words(String),
}

/// A text, and the pieces that its marks stand for.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) pieces: Vec<Piece>,
}

/// The treatment of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    CodeBlock,
    Code,
    Words,
    Dropped,
    /// Only its tags go.
    Opened,
}

/// Elements whose content is not read as wikitext, with the treatment of each.
const ELEMENTS: [(&str, Treatment); 24] = [
    ("ce", Treatment::Code),
    ("chem", Treatment::Code),
    ("code", Treatment::Code),
    ("gallery", Treatment::Dropped),
    ("graph", Treatment::Dropped),
    ("hiero", Treatment::Dropped),
    ("imagemap", Treatment::Dropped),
    ("includeonly", Treatment::Dropped),
    ("indicator", Treatment::Dropped),
    ("inputbox", Treatment::Dropped),
    ("kbd", Treatment::Words),
    ("mapframe", Treatment::Dropped),
    ("math", Treatment::Code),
    ("noinclude", Treatment::Opened),
    ("nowiki", Treatment::Words),
    ("onlyinclude", Treatment::Opened),
    ("poem", Treatment::Opened),
    ("pre", Treatment::CodeBlock),
    ("ref", Treatment::Dropped),
    ("score", Treatment::Dropped),
    ("source", Treatment::CodeBlock),
    ("syntaxhighlight", Treatment::CodeBlock),
    ("timeline", Treatment::Dropped),
    ("tt", Treatment::Code),
];

impl Kept {
    /// Puts the parts aside that are not wikitext.
    pub(super) fn of(text: &str, steps: &Steps) -> Self {
        let mut kept = Self::default();
        // Elements that have no end behind here.
        let mut endless: Vec<&str> = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('<').filter(|_| !steps.are_spent()) {
            kept.push(&text[at..at + found]);
            at += found;
            let rest = &text[at..];
            if rest.starts_with("<!--") {
                match (!endless.contains(&"!--")).then(|| rest.find("-->")).flatten() {
                    Some(end) => at += end + 3,
                    None => {
                        endless.push("!--");
                        at += 4;
                    }
                }
                continue;
            }
            let Some(length) = kept.element(rest, &mut endless, steps) else {
                kept.text.push('<');
                at += 1;
                continue;
            };
            at += length;
        }
        kept.push(&text[at..]);
        kept
    }

    /// Puts aside the element that a text begins with; returns its length.
    fn element<'t>(&mut self, text: &'t str, endless: &mut Vec<&'t str>, steps: &Steps) -> Option<usize> {
        let window = &text[..text.floor_char_boundary(text.len().min(MAX_TAG_BYTES))];
        let is_closing = window.starts_with("</");
        let inside = window.get(if is_closing { 2 } else { 1 }..).unwrap_or_default();
        let name_end =
            inside.find(|c: char| !c.is_ascii_alphanumeric()).filter(|end| (1..=20).contains(end))?;
        let name = inside[..name_end].to_ascii_lowercase();
        let (name, treatment) = ELEMENTS.iter().find(|(known, _)| *known == name).copied()?;
        let tag_end = window.find('>');
        steps.take(tag_end.unwrap_or(window.len()));
        let tag = &window[..tag_end? + 1];
        if is_closing || tag.ends_with("/>") || treatment == Treatment::Opened {
            return Some(tag.len());
        }
        let content = &text[tag.len()..];
        if endless.contains(&name) {
            return None;
        }
        let Some(end) = end_of(content, name) else {
            endless.push(name);
            return None;
        };
        let after = &content[end..];
        let length = tag.len() + end + after.find('>').map_or(after.len(), |end| end + 1);
        let content = &content[..end];
        match treatment {
            Treatment::CodeBlock => {
                let language = attribute(tag, "lang").unwrap_or_default().to_ascii_lowercase();
                let is_inline =
                    tag.split_whitespace().skip(1).any(|word| word.trim_end_matches('>') == "inline");
                let text =
                    if name == "pre" { unescaped(&without_nowiki(content)) } else { content.to_owned() };
                self.keep(Piece::Code { language, text, is_block: !is_inline });
            }
            Treatment::Code => {
                let text = unescaped(&without_nowiki(content));
                let is_block = text.trim().contains('\n') && name != "math";
                self.keep(Piece::Code { language: String::new(), text, is_block });
            }
            Treatment::Words => self.keep(Piece::Words(unescaped(content))),
            Treatment::Dropped | Treatment::Opened => {}
        }
        Some(length)
    }

    /// Puts a piece aside, and its mark into the text.
    pub(super) fn keep(&mut self, piece: Piece) {
        let mark = self.mark(piece);
        self.text.push_str(&mark);
    }

    /// Puts a piece aside; returns its mark.
    pub(super) fn mark(&mut self, piece: Piece) -> String {
        self.pieces.push(piece);
        format!("{}{}{}", MARK[0], self.pieces.len() - 1, MARK[1])
    }

    fn push(&mut self, text: &str) {
        self.text.extend(text.chars().filter(|c| !MARK.contains(c)));
    }
}

/// The piece that the mark at the beginning of a text stands for, and the mark's length.
pub(super) fn piece_at<'k>(text: &str, pieces: &'k [Piece]) -> Option<(&'k Piece, usize)> {
    let inside = text.strip_prefix(MARK[0])?;
    let window = &inside[..inside.floor_char_boundary(inside.len().min(24))];
    let end = window.find(MARK[1])?;
    let piece = pieces.get(inside[..end].parse::<usize>().ok()?)?;
    Some((piece, MARK[0].len_utf8() + end + MARK[1].len_utf8()))
}

/// The place of the tag that ends an element.
fn end_of(content: &str, name: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = content[at..].find("</") {
        let end = at + found;
        let after = content.as_bytes().get(end + 2..end + 2 + name.len());
        if after.is_some_and(|after| after.eq_ignore_ascii_case(name.as_bytes())) {
            return Some(end);
        }
        at = end + 2;
    }
    None
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = tag.split_once(&format!("{name}="))?;
    let value = after.trim_start_matches(['"', '\'']);
    Some(value.split(['"', '\'', ' ', '>', '/']).next().unwrap_or_default())
}

fn without_nowiki(text: &str) -> String {
    text.replace("<nowiki>", "").replace("</nowiki>", "").replace("<nowiki/>", "").replace("<nowiki />", "")
}

/// A text with the characters that references stand for.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference_of(rest) {
            Some((character, length)) => {
                plain.push_str(&character);
                rest = &rest[length..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that the reference at the beginning of a text stands for, and the reference's length.
pub(super) fn reference_of(text: &str) -> Option<(String, usize)> {
    let inside = text.strip_prefix('&')?;
    let window = &inside[..inside.floor_char_boundary(inside.len().min(34))];
    let name = &window[..window.find(';')?];
    if name == "amp" {
        return Some(("&".to_owned(), name.len() + 2));
    }
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#');
    let character = is_name.then(|| character_named(name)).flatten()?;
    Some((character, name.len() + 2))
}
