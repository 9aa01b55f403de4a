//! HTML to a flat list of what opens, stands and closes in it, with places in the text.
//!
//! Entry points: [`Tree::of`], [`Tree::of_xml`] for markup of wikis that is written as XML, and [`Tree::open`] with what follows
//! it for trees that others make. It reads tags as browsers do where pages depend on it: attributes without quotes, tags that
//! end others (`<li>` after `<li>`), elements that are text only. It builds no tree of the standard's kind: that one takes
//! quadratic time on deep or many-attributed tags. Here every byte is looked at once, nothing is deeper than [`MAX_DEPTH`],
//! and nothing recurses.

use crate::{dialect, formats::steps::Steps};
use pulldown_cmark::Event as MarkdownEvent;
use std::{borrow::Cow, collections::HashMap, ops::Range};

/// Elements that are deeper are not told apart from those that they stand in.
const MAX_DEPTH: usize = 256;

/// Longer names of elements, attributes and characters are none.
const MAX_NAME_BYTES: usize = 40;

/// Longer values of attributes are cut.
const MAX_VALUE_BYTES: usize = 8 << 10;

/// The attributes that are read, sorted.
const ATTRIBUTES: [&str; 40] = [
    "ac:alt",
    "ac:anchor",
    "ac:emoji-fallback",
    "ac:name",
    "ac:title",
    "alt",
    "aria-hidden",
    "class",
    "colspan",
    "content",
    "data-lang",
    "data-language",
    "data-syntaxhighlighter-params",
    "datetime",
    "hidden",
    "href",
    "id",
    "itemprop",
    "key",
    "lang",
    "name",
    "property",
    "rel",
    "ri:account-id",
    "ri:content-id",
    "ri:content-title",
    "ri:filename",
    "ri:key",
    "ri:parameter",
    "ri:space-key",
    "ri:username",
    "ri:value",
    "role",
    "rowspan",
    "start",
    "style",
    "title",
    "type",
    "value",
    "xml:lang",
];

/// Elements without content, sorted.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

/// Elements in which no tag but their own end is read, sorted.
const TEXT_ONLY: [&str; 8] = ["iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"];

/// Elements that end an open paragraph, sorted.
const END_PARAGRAPHS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "ul",
    "xmp",
];

/// Begins what is characters only.
const CHARACTERS: &str = "<![CDATA[";

/// How far up an open paragraph is looked for.
const MAX_INLINE_DEPTH: usize = 8;

/// What a text holds, in its order.
#[derive(Debug)]
pub(crate) enum Event<'t> {
    /// An element begins.
    Open(usize),
    /// Text, its references decoded, and its place.
    Text(Cow<'t, str>, Range<usize>),
    /// An element ends.
    Close(usize),
}

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Its name, lower-cased.
    pub(crate) name: String,
    attributes: Vec<(&'static str, String)>,
    /// The element that it stands in.
    pub(crate) parent: Option<usize>,
    /// Where its tag stands in the text.
    pub(crate) place: Range<usize>,
    /// The number of the event that opens it.
    pub(crate) opens: usize,
    /// The number of the event that closes it.
    pub(crate) closes: usize,
    /// Of a table: its cells, those of inner tables left out.
    pub(super) cells: usize,
    /// What stands in it, of what a page is told by.
    pub(super) holds: Holds,
}

impl Element {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Gives an attribute another value.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((name, value)),
        }
    }

    /// The names of its classes.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.attribute("class").unwrap_or_default().split_whitespace()
    }
}

/// Whether elements of some sorts stand in an element.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Holds {
    /// `<h1>`.
    pub(super) title: bool,
    /// What only a page has: headings of the first levels, `<main>`, `<article>`.
    pub(super) page: bool,
    /// `<nav>`.
    pub(super) navigation: bool,
    /// `<table>`.
    pub(super) table: bool,
}

/// A text of HTML, read.
#[derive(Debug, Default)]
pub(crate) struct Tree<'t> {
    /// What it holds; every element that opens closes.
    pub(crate) events: Vec<Event<'t>>,
    /// Its elements, in the order of their tags.
    pub(crate) elements: Vec<Element>,
    /// Whether a tag or a comment had no end, and took the rest of the text with it.
    pub(crate) is_cut: bool,
}

impl<'t> Tree<'t> {
    /// Reads a text of HTML.
    pub(crate) fn of(text: &'t str, steps: &Steps) -> Self {
        Reader::new(text, steps, false).read()
    }

    /// Reads a text of XML, with the references to characters that HTML has: no tag ends another one, and what is marked as
    /// characters only is text. What is no XML is read as well as it can be.
    pub(crate) fn of_xml(text: &'t str, steps: &Steps) -> Self {
        Reader::new(text, steps, true).read()
    }

    /// Adds the beginning of an element; returns its number.
    pub(crate) fn open(
        &mut self,
        parent: Option<usize>,
        name: String,
        attributes: Vec<(&'static str, String)>,
        place: Range<usize>,
    ) -> usize {
        let (number, opens) = (self.elements.len(), self.events.len());
        self.elements.push(Element { name, attributes, parent, place, opens, ..Element::default() });
        self.events.push(Event::Open(number));
        number
    }

    /// Adds the end of an element.
    pub(crate) fn close(&mut self, element: usize) {
        let closed = &mut self.elements[element];
        closed.closes = self.events.len();
        self.events.push(Event::Close(element));
        let (inner, name) = (closed.holds, closed.name.as_str());
        let holds = Holds {
            title: inner.title || name == "h1",
            page: inner.page || matches!(name, "h1" | "h2" | "main" | "article"),
            navigation: inner.navigation || name == "nav",
            table: inner.table || name == "table",
        };
        if let Some(parent) = closed.parent.map(|parent| &mut self.elements[parent].holds) {
            parent.title |= holds.title;
            parent.page |= holds.page;
            parent.navigation |= holds.navigation;
            parent.table |= holds.table;
        }
    }

    /// Counts a cell for the table that it stands in.
    pub(crate) fn count_cell(&mut self, table: usize) {
        self.elements[table].cells += 1;
    }

    /// Moves all places: the text that was read stands in another one from `by` on.
    pub(crate) fn moved(mut self, by: usize) -> Self {
        let moved = |place: &mut Range<usize>| *place = place.start + by..place.end + by;
        self.elements.iter_mut().for_each(|element| moved(&mut element.place));
        for event in &mut self.events {
            if let Event::Text(_, place) = event {
                moved(place);
            }
        }
        self
    }

    /// The elements with a name.
    pub(super) fn named(&self, name: &'static str) -> impl Iterator<Item = usize> {
        let named = self.elements.iter().enumerate().filter(move |(_, element)| element.name == name);
        named.map(|(number, _)| number)
    }

    /// The text within an element, spaces as they are.
    pub(crate) fn text_of(&self, element: usize) -> String {
        let element = &self.elements[element];
        let mut words = String::new();
        for event in &self.events[element.opens..element.closes] {
            if let Event::Text(text, _) = event {
                words.push_str(text);
            }
        }
        words
    }
}

struct Reader<'t, 's> {
    text: &'t str,
    tree: Tree<'t>,
    /// Open elements, the innermost last.
    open: Vec<usize>,
    /// Open elements that are too deep.
    hidden: usize,
    /// Named character references that were looked up.
    names: HashMap<&'t str, Option<String>>,
    steps: &'s Steps,
    is_xml: bool,
}

impl<'t, 's> Reader<'t, 's> {
    fn new(text: &'t str, steps: &'s Steps, is_xml: bool) -> Self {
        let tree = Tree::default();
        Self { text, tree, open: Vec::new(), hidden: 0, names: HashMap::new(), steps, is_xml }
    }

    fn read(mut self) -> Tree<'t> {
        let mut at = 0;
        while at < self.text.len() && !self.steps.are_spent() {
            let is_tag = self.text.as_bytes()[at] == b'<';
            let end = if is_tag { self.tag(at) } else { None };
            at = end.unwrap_or_else(|| {
                // A `<` that begins no tag is text.
                let from = at + usize::from(is_tag);
                let end = self.text[from..].find('<').map_or(self.text.len(), |length| from + length);
                self.words(at..end)
            });
        }
        while let Some(element) = self.open.pop() {
            self.tree.close(element);
        }
        self.tree
    }

    /// Adds text; returns where it ends.
    fn words(&mut self, range: Range<usize>) -> usize {
        let end = range.end;
        let words = self.decoded(&self.text[range.clone()]);
        if !words.is_empty() {
            self.tree.events.push(Event::Text(words, range));
        }
        end
    }

    /// Reads what a `<` begins; returns where it ends, or `None` when it begins nothing.
    fn tag(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let end_of = |mark: &str, from: usize| {
            rest.get(from..).and_then(|after| after.find(mark)).map(|end| from + end + mark.len())
        };
        match rest.as_bytes().get(1)? {
            b'!' if rest.starts_with("<!--") => Some(self.skipped(at, end_of("-->", 2))),
            b'!' if self.is_xml && rest.starts_with(CHARACTERS) => {
                let from = at + CHARACTERS.len();
                let end = self.skipped(at, end_of("]]>", CHARACTERS.len()));
                let words = &self.text[from..end];
                let words = words.strip_suffix("]]>").unwrap_or(words);
                if !words.is_empty() {
                    self.tree.events.push(Event::Text(Cow::Borrowed(words), from..from + words.len()));
                }
                Some(end)
            }
            b'!' | b'?' => Some(self.skipped(at, end_of(">", 1))),
            b'/' if rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
                let name = name_at(&rest[2..]).to_ascii_lowercase();
                let end = self.skipped(at, end_of(">", 2));
                self.close_named(&name);
                Some(end)
            }
            byte if byte.is_ascii_alphabetic() => Some(self.start_tag(at)),
            _ => None,
        }
    }

    /// Where something that is left out ends; without an end, the text's.
    fn skipped(&mut self, at: usize, length: Option<usize>) -> usize {
        self.tree.is_cut |= length.is_none();
        length.map_or(self.text.len(), |length| at + length)
    }

    fn start_tag(&mut self, start: usize) -> usize {
        let text = self.text;
        let name = name_at(&text[start + 1..]);
        let mut at = start + 1 + name.len();
        let mut attributes: Vec<(&'static str, String)> = Vec::new();
        let is_closed = loop {
            let rest = &text[at..];
            let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            let is_closed = rest[..rest.len() - trimmed.len()].ends_with('/');
            at = text.len() - trimmed.len();
            if trimmed.is_empty() {
                self.tree.is_cut = true;
                return at;
            }
            if trimmed.starts_with('>') {
                at += 1;
                break is_closed;
            }
            // The first character of a name may be any.
            let first = trimmed.chars().next().map_or(0, char::len_utf8);
            let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
            let length = trimmed[first..].find(is_end).map_or(trimmed.len(), |end| first + end);
            let key = &trimmed[..length];
            at += length;
            let after = text[at..].trim_start_matches(|c: char| c.is_ascii_whitespace());
            let mut value = "";
            if let Some(written) = after.strip_prefix('=') {
                let written = written.trim_start_matches(|c: char| c.is_ascii_whitespace());
                at = text.len() - written.len();
                let quote = written.chars().next().filter(|c| matches!(c, '"' | '\''));
                let (from, end) = match quote {
                    Some(quote) => (1, written[1..].find(quote).map(|end| 1 + end)),
                    None => (0, written.find(|c: char| c.is_ascii_whitespace() || c == '>')),
                };
                let Some(end) = end else {
                    self.tree.is_cut = true;
                    return text.len();
                };
                value = &written[from..end];
                at += end + from;
            }
            let known = ATTRIBUTES.iter().find(|known| known.eq_ignore_ascii_case(key));
            if let Some(known) = known.filter(|known| attributes.iter().all(|(taken, _)| taken != *known)) {
                let value = &value[..value.floor_char_boundary(value.len().min(MAX_VALUE_BYTES))];
                attributes.push((known, self.decoded(value).into_owned()));
            }
        };
        let name = name.to_ascii_lowercase();
        if !self.is_xml {
            self.end_others(&name);
        }
        let is_void = VOID.binary_search(&name.as_str()).is_ok();
        let is_text_only = !self.is_xml && TEXT_ONLY.binary_search(&name.as_str()).is_ok();
        let number = self.open_element(name, attributes, start..at);
        match number {
            None => {
                // Too deep: only its end is waited for.
                self.hidden += usize::from(!is_void && !is_closed && !is_text_only);
                at
            }
            Some(number) if is_void || is_closed => {
                self.tree.close(number);
                at
            }
            Some(number) if is_text_only => {
                let end = self.end_of_text_only(at, number);
                if self.tree.elements[number].name == "title" {
                    self.words(at..end);
                }
                self.tree.close(number);
                end
            }
            Some(number) => {
                self.open.push(number);
                at
            }
        }
    }

    /// Where the content of an element without tags ends.
    fn end_of_text_only(&mut self, at: usize, number: usize) -> usize {
        let name = self.tree.elements[number].name.as_str();
        let rest = &self.text[at..];
        let is_end = |(end, _): &(usize, &str)| {
            rest.as_bytes()
                .get(end + 2..end + 2 + name.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
        };
        let end = rest.match_indices("</").find(is_end).map(|(end, _)| at + end);
        self.tree.is_cut |= end.is_none();
        end.unwrap_or(self.text.len())
    }

    fn open_element(
        &mut self,
        name: String,
        attributes: Vec<(&'static str, String)>,
        place: Range<usize>,
    ) -> Option<usize> {
        if self.open.len() >= MAX_DEPTH {
            return None;
        }
        if matches!(name.as_str(), "td" | "th")
            && let Some(table) = self.innermost("table")
        {
            self.tree.count_cell(table);
        }
        Some(self.tree.open(self.open.last().copied(), name, attributes, place))
    }

    /// The innermost open element with a name.
    fn innermost(&self, name: &str) -> Option<usize> {
        let found = self.open.iter().rposition(|&open| self.tree.elements[open].name == name);
        self.steps.take(self.open.len() - found.unwrap_or(0));
        found.map(|at| self.open[at])
    }

    /// Closes the innermost element with a name, and what is open in it.
    fn close_named(&mut self, name: &str) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else if let Some(element) = self.innermost(name) {
            self.close_to(element);
        }
    }

    fn close_to(&mut self, element: usize) {
        while let Some(open) = self.open.pop() {
            self.tree.close(open);
            if open == element {
                return;
            }
        }
    }

    /// Closes what a tag ends without saying so.
    fn end_others(&mut self, name: &str) {
        if END_PARAGRAPHS.binary_search(&name).is_ok() {
            let near = self.open.iter().rev().take(MAX_INLINE_DEPTH);
            let is_inline = |name: &str| {
                END_PARAGRAPHS.binary_search(&name).is_err() && !matches!(name, "td" | "th" | "li" | "dd")
            };
            let mut upward = near.take_while(|&&open| {
                let name = self.tree.elements[open].name.as_str();
                name == "p" || is_inline(name)
            });
            if let Some(&paragraph) = upward.find(|&&open| self.tree.elements[open].name == "p") {
                self.close_to(paragraph);
            }
        }
        let (ended, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol", "menu"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "tr" => (&["tr"], &["thead", "tbody", "tfoot", "table"]),
            "thead" | "tbody" | "tfoot" => (&["thead", "tbody", "tfoot"], &["table"]),
            "option" => (&["option"], &["select"]),
            _ => return,
        };
        let mut looked = 0;
        let is_known = |&&open: &&usize| {
            looked += 1;
            let name = self.tree.elements[open].name.as_str();
            ended.contains(&name) || within.contains(&name)
        };
        let found = self.open.iter().rev().find(is_known).copied();
        self.steps.take(looked);
        if let Some(open) = found.filter(|&open| ended.contains(&self.tree.elements[open].name.as_str())) {
            self.close_to(open);
        }
    }

    /// A text with characters in the place of references to them.
    fn decoded(&mut self, text: &'t str) -> Cow<'t, str> {
        if !text.contains('&') {
            return Cow::Borrowed(text);
        }
        let mut decoded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            decoded.push_str(&rest[..at]);
            let reference = &rest[at + 1..];
            let name =
                reference.find(|c: char| !(c.is_ascii_alphanumeric() || c == '#')).unwrap_or(reference.len());
            let is_closed = reference[name..].starts_with(';');
            let meant = match &reference[..name] {
                name if name.len() > MAX_NAME_BYTES => None,
                "amp" | "AMP" => Some("&".to_owned()),
                "lt" | "LT" => Some("<".to_owned()),
                "gt" | "GT" => Some(">".to_owned()),
                "quot" => Some("\"".to_owned()),
                "nbsp" => Some("\u{a0}".to_owned()),
                name if is_closed => self.names.entry(name).or_insert_with(|| character_named(name)).clone(),
                _ => None,
            };
            match meant {
                Some(character) => {
                    decoded.push_str(&character);
                    rest = &reference[name + usize::from(is_closed)..];
                }
                None => {
                    decoded.push('&');
                    rest = reference;
                }
            }
        }
        decoded.push_str(rest);
        Cow::Owned(decoded)
    }
}

/// The name that a tag begins with.
fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(text.len());
    &text[..end]
}

/// What a reference stands for: Markdown has HTML's.
pub(crate) fn character_named(name: &str) -> Option<String> {
    let written = format!("&{name};");
    let mut events = dialect::parse(&written);
    let text = events.find_map(|(event, _)| match event {
        MarkdownEvent::Text(text) => Some(text.into_string()),
        _ => None,
    });
    text.filter(|text| *text != written && text != "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn outline(text: &str) -> String {
        let tree = Tree::of(text, &Steps::for_text(text));
        let mut shown = String::new();
        for event in &tree.events {
            match event {
                Event::Open(number) => write!(shown, "<{}>", tree.elements[*number].name),
                Event::Text(words, _) => write!(shown, "{words}"),
                Event::Close(number) => write!(shown, "</{}>", tree.elements[*number].name),
            }
            .expect("a string takes all");
        }
        shown
    }

    #[test]
    fn pages_are_read_as_browsers_do() {
        for (text, expected) in [
            ("<p>a<p>b <B>c</p>d", "<p>a</p><p>b <b>c</b></p>d"),
            ("<ul><li>a<ul><li>b</ul><li>c</ul>", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
            (
                "<table><tr><td>a<td>b<tr><th>c</table>",
                "<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>",
            ),
            ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
            ("<br>a<br/>b<img src=x>", "<br></br>a<br></br>b<img></img>"),
            ("<script>if (a </b) x</script >c", "<script></script>c"),
            ("<title>a &amp; <b></title>b", "<title>a & <b></title>b"),
            ("<!doctype html><!-- <p> --><?x?>a", "a"),
            (
                "a < b &lt;c&gt; &copy; &nosuch; &#x41;&#66; &amp;amp; R&D &amp",
                "a < b <c> © &nosuch; AB &amp; R&D &",
            ),
            ("<a href='x>y' b=c\nd>z</a>", "<a>z</a>"),
            ("</p></x>a", "a"),
            ("<div/>a<span />b", "<div></div>a<span></span>b"),
            ("é<p>日本", "é<p>日本</p>"),
            ("<", "<"),
            ("a<", "a<"),
        ] {
            assert_eq!(outline(text), expected, "{text}");
        }
        let tree = Tree::of("<A HREF=\"a&amp;b\" href=c class='x  y'>", &Steps::for_text(""));
        let element = &tree.elements[0];
        assert_eq!(
            (element.attribute("href"), element.classes().collect::<Vec<_>>()),
            (Some("a&b"), vec!["x", "y"])
        );
        for list in [&ATTRIBUTES[..], &VOID, &TEXT_ONLY, &END_PARAGRAPHS] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn what_has_no_end_takes_the_rest() {
        for text in ["a<b c", "a<b c='", "a<!-- ", "a<script>b", "a</b", "a<b c=d", "a<?"] {
            let tree = Tree::of(text, &Steps::for_text(text));
            assert!(tree.is_cut, "{text}");
        }
    }
}
