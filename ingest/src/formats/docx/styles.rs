//! The styles of a document, and the properties that they give to paragraphs and words.
//!
//! The names of the styles that come with a program are English in the file, whatever language the program shows them
//! in; the others are known by their level in the outline and by the styles that they are based on.

use super::package::{Package, Xml, attribute, is_on, name_of};
use quick_xml::events::{BytesStart, Event};
use std::collections::HashMap;

/// More styles are not read.
const MAX_STYLES: usize = 10_000;

/// Styles that are based on each other beyond this.
const MAX_BASES: usize = 16;

/// Names of styles for code, lower-cased, sorted.
const CODE_STYLES: [&str; 21] = [
    "code",
    "code block",
    "code char",
    "codeblock",
    "command",
    "console",
    "html code",
    "html preformatted",
    "html sample",
    "html typewriter",
    "inline code",
    "listing",
    "macro",
    "macro text",
    "preformatted",
    "preformatted text",
    "source code",
    "source text",
    "terminal",
    "verbatim",
    "verbatim char",
];

/// Parts of the names of fonts whose letters are equally wide.
const EQUALLY_WIDE: [&str; 15] = [
    "andale",
    "cascadia",
    "consolas",
    "courier",
    "fira code",
    "fixedsys",
    "hack",
    "inconsolata",
    "letter gothic",
    "lucida console",
    "menlo",
    "monaco",
    "source code",
    "terminal",
    "typewriter",
];

/// The properties of a paragraph or of its words. A property that is not stated is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties {
    /// The level in the outline, from 1; 0 for text.
    pub(super) outline: Option<u8>,
    /// The list that it is an item of.
    pub(super) list: Option<String>,
    /// The item's level, from 0.
    pub(super) list_level: Option<u8>,
    /// How far it is set in, in twentieths of a point.
    pub(super) left: Option<i64>,
    pub(super) is_code: Option<bool>,
    pub(super) is_bold: Option<bool>,
    pub(super) is_hidden: Option<bool>,
}

impl Properties {
    /// The properties of `self`, completed by those of `other`.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self {
            outline: self.outline.or(other.outline),
            list: self.list.clone().or_else(|| other.list.clone()),
            list_level: self.list_level.or(other.list_level),
            left: self.left.or(other.left),
            is_code: self.is_code.or(other.is_code),
            is_bold: self.is_bold.or(other.is_bold),
            is_hidden: self.is_hidden.or(other.is_hidden),
        }
    }

    /// Takes a property of words.
    pub(super) fn take_of_words(&mut self, element: &BytesStart<'_>) {
        match name_of(element) {
            "b" => self.is_bold = Some(is_on(element)),
            "vanish" => self.is_hidden = Some(is_on(element)),
            "webHidden" if is_on(element) => self.is_hidden = Some(true),
            "rFonts" => {
                let font = attribute(element, "ascii").or_else(|| attribute(element, "hAnsi"));
                let font = font.or_else(|| attribute(element, "cs"));
                self.is_code = font.map(|font| is_equally_wide(&font)).or(self.is_code);
            }
            _ => {}
        }
    }

    /// Takes a property of a paragraph.
    pub(super) fn take_of_paragraph(&mut self, element: &BytesStart<'_>) {
        let number = || attribute(element, "val").and_then(|value| value.trim().parse::<u8>().ok());
        match name_of(element) {
            "outlineLvl" => self.outline = number().map(|level| if level < 9 { level + 1 } else { 0 }),
            "numId" => self.list = attribute(element, "val"),
            "ilvl" => self.list_level = number().map(|level| level.min(8)),
            "ind" => {
                let width = attribute(element, "left").or_else(|| attribute(element, "start"));
                self.left = width.and_then(|width| width.parse().ok()).or(self.left);
            }
            _ => {}
        }
    }
}

/// A style of paragraphs or of words.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    /// The style's name, lower-cased.
    pub(super) name: String,
    /// The properties, those of the style that it is based on included.
    pub(super) properties: Properties,
}

impl Style {
    /// Whether it is a document's title.
    pub(super) fn is_title(&self) -> bool {
        self.name == "title"
    }

    /// Whether its paragraphs lead to others only: tables of contents and of figures.
    pub(super) fn is_contents(&self) -> bool {
        let rest = self.name.strip_prefix("toc").or_else(|| self.name.strip_prefix("contents"));
        rest.is_some_and(|rest| {
            matches!(rest.trim(), "heading" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9")
        }) || matches!(self.name.as_str(), "table of figures" | "table of authorities" | "index heading")
    }
}

/// All styles of a document.
#[derive(Debug, Default)]
pub(super) struct Styles {
    by_id: HashMap<String, Style>,
    /// The properties of paragraphs without a style.
    pub(super) of_paragraphs: Style,
}

impl Styles {
    pub(super) fn of(package: &mut Package<'_>, part: &str) -> Result<Self, String> {
        let Some(mut xml) = package.part(part)? else { return Ok(Self::default()) };
        let mut found: HashMap<String, (Style, Option<String>)> = HashMap::new();
        let mut default = None;
        while found.len() < MAX_STYLES {
            match xml.next()? {
                Event::Start(element) if name_of(&element) == "style" => {
                    let Some(id) = attribute(&element, "styleId") else { continue };
                    let is_default =
                        attribute(&element, "default").is_some_and(|value| value == "1" || value == "true");
                    if is_default && attribute(&element, "type").as_deref() == Some("paragraph") {
                        default = Some(id.clone());
                    }
                    let style = style_of(&mut xml, &id)?;
                    found.insert(id, style);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let by_id: HashMap<String, Style> =
            found.iter().map(|(id, (style, _))| (id.clone(), resolved(&found, id, style))).collect();
        let of_paragraphs = default.and_then(|id| by_id.get(&id).cloned()).unwrap_or_default();
        Ok(Self { by_id, of_paragraphs })
    }

    /// The style with an identifier, known by that alone where the document does not describe it.
    pub(super) fn get(&self, id: &str) -> Style {
        self.by_id.get(id).cloned().unwrap_or_else(|| {
            let mut style = Style { name: words_of(id), ..Style::default() };
            style.properties.outline = level_of_name(&style.name);
            style
        })
    }
}

/// Reads a style to its end; gives what it is based on as well.
fn style_of(xml: &mut Xml<'_>, id: &str) -> Result<(Style, Option<String>), String> {
    let depth = xml.depth();
    let mut style = Style { name: words_of(id), ..Style::default() };
    let mut base = None;
    loop {
        match xml.next()? {
            Event::Start(element) | Event::Empty(element) => match name_of(&element) {
                "name" => style.name = attribute(&element, "val").unwrap_or_default().trim().to_lowercase(),
                "basedOn" => base = attribute(&element, "val"),
                _ => {
                    style.properties.take_of_paragraph(&element);
                    style.properties.take_of_words(&element);
                }
            },
            Event::Eof => break,
            _ => {}
        }
        if xml.depth() < depth {
            break;
        }
    }
    let of_name = level_of_name(&style.name);
    style.properties.outline = of_name.or(style.properties.outline);
    if CODE_STYLES.binary_search(&style.name.as_str()).is_ok() {
        style.properties.is_code = Some(true);
    }
    Ok((style, base))
}

/// A style with what the styles say that it is based on.
fn resolved(all: &HashMap<String, (Style, Option<String>)>, id: &str, style: &Style) -> Style {
    let mut style = style.clone();
    let mut base = all.get(id).and_then(|(_, base)| base.as_deref());
    for _ in 0..MAX_BASES {
        let Some((below, next)) = base.and_then(|id| all.get(id)) else { break };
        style.properties = style.properties.or(&below.properties);
        base = next.as_deref();
    }
    style
}

/// `heading 2` is of level 2.
fn level_of_name(name: &str) -> Option<u8> {
    let digit = name.strip_prefix("heading")?.trim();
    digit.parse().ok().filter(|level| (1..=9).contains(level))
}

/// An identifier as a name: `Heading1` is `heading 1`.
fn words_of(id: &str) -> String {
    let id = id.to_lowercase();
    match id.find(|c: char| c.is_ascii_digit()) {
        Some(at) if at > 0 => format!("{} {}", id[..at].trim_end_matches(['-', '_', ' ']), &id[at..]),
        _ => id,
    }
}

fn is_equally_wide(font: &str) -> bool {
    let font = font.to_lowercase();
    EQUALLY_WIDE.iter().any(|part| font.contains(part))
        || font.split([' ', '-']).any(|word| matches!(word, "mono" | "monospace" | "monospaced"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert!(CODE_STYLES.is_sorted(), "they are searched");
        for (name, level) in
            [("heading 1", Some(1)), ("heading", None), ("heading 10", None), ("headings 1", None)]
        {
            assert_eq!(level_of_name(name), level, "{name}");
        }
        assert_eq!(words_of("Heading1"), "heading 1");
        assert_eq!(words_of("Heading-2"), "heading 2");
        for (font, is_wide) in [
            ("Consolas", true),
            ("DejaVu Sans Mono", true),
            ("Liberation Mono", true),
            ("Courier New", true),
            ("Calibri", false),
            ("Monotype Corsiva", false),
        ] {
            assert_eq!(is_equally_wide(font), is_wide, "{font}");
        }
    }
}
