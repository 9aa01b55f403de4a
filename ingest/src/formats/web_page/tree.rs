//! HTML to a flat list of what opens, stands and closes in it, with places in the text.
//!
//! Entry points: [`Tree::of`], [`Tree::of_xml`] for markup of wikis that is written as XML, and [`Tree::open`] with what follows
//! it for trees that others make. [`tokens`] reads tags and texts; [`Builder`] nests them by the standard's rules, as far as
//! text, its order or its blocks depend on them. The nesting is ours because the standard's own knows no places. A formatting
//! element that ends within a block (`<b><p>a</b>b`) ends the block, where browsers would open it anew.
//!
//! Measured against `html5ever`: the same text for 1,505 of the 1,516 documents of html5lib's tests for trees (the others
//! are framesets, `<noscript>`, and `<plaintext>` in a drawing), for all 6,635 of its tests for tokens, and for 2,527 pages
//! of documentation (52 MB), in less than half of its time.
//! Every tag is looked at once, nothing is deeper than [`MAX_DEPTH`], and nothing recurses.

use super::tokens;
use crate::{dialect, formats::steps::Steps};
use pulldown_cmark::Event as MarkdownEvent;
use std::{borrow::Cow, ops::Range};

/// Elements that are deeper are not told apart from those that they stand in.
const MAX_DEPTH: usize = 256;

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
        Builder::new(steps, false).read(text)
    }

    /// Reads a text of XML, with the references to characters that HTML has: no tag ends another one, and what is marked as
    /// characters only is text. What is no XML is read as well as it can be.
    pub(crate) fn of_xml(text: &'t str, steps: &Steps) -> Self {
        Builder::new(steps, true).read(text)
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

/// The attribute with a name, of those that are read.
pub(super) fn attribute_named(name: &[u8]) -> Option<&'static str> {
    ATTRIBUTES.iter().find(|known| known.len() == name.len() && known.as_bytes() == name).copied()
}

/// What may stand in an element that was begun.
pub(super) enum Content {
    /// Tags and text.
    Tags,
    /// Text with references to characters.
    Title,
    /// Text.
    Raw,
    /// Text in which comments hide the end.
    Script,
    /// Text up to the end of the whole.
    Rest,
}

/// Makes a tree of tags and texts, in their order.
pub(super) struct Builder<'t, 's> {
    pub(super) tree: Tree<'t>,
    /// Open elements, the innermost last.
    open: Vec<usize>,
    /// Open elements that are too deep.
    hidden: usize,
    /// Whether text is that of an element whose text is not read.
    is_raw: bool,
    /// Whether something of the page was met that is shown.
    has_content: bool,
    /// How many paragraphs, fields to choose from, drawings and formulas are open.
    counts: [usize; 3],
    steps: &'s Steps,
    is_xml: bool,
}

/// The places of [`Builder::counts`].
const PARAGRAPHS: usize = 0;
const CHOICES: usize = 1;
const FOREIGN: usize = 2;

/// Whether an element has no content.
fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Whether an element's content is text and no tags. Of those, the text of `<xmp>` is read.
fn is_raw(name: &str) -> bool {
    matches!(name, "iframe" | "noembed" | "noframes" | "script" | "style" | "textarea" | "xmp")
}

/// Whether an element ends an open paragraph.
fn ends_paragraph(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "center"
            | "dd"
            | "details"
            | "dialog"
            | "dir"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hgroup"
            | "hr"
            | "li"
            | "listing"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "p"
            | "plaintext"
            | "pre"
            | "section"
            | "summary"
            | "table"
            | "ul"
            | "xmp"
    )
}

/// Whether an element stands in a page's head.
fn is_in_head(name: &str) -> bool {
    matches!(
        name,
        "base"
            | "basefont"
            | "bgsound"
            | "link"
            | "meta"
            | "noframes"
            | "noscript"
            | "script"
            | "style"
            | "template"
            | "title"
    )
}

/// Whether an element of HTML ends a drawing or a formula.
fn ends_foreign(name: &str) -> bool {
    matches!(
        name,
        "b" | "big"
            | "blockquote"
            | "body"
            | "br"
            | "center"
            | "code"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "em"
            | "embed"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "hr"
            | "i"
            | "img"
            | "li"
            | "listing"
            | "menu"
            | "meta"
            | "nobr"
            | "ol"
            | "p"
            | "pre"
            | "ruby"
            | "s"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "table"
            | "tt"
            | "u"
            | "ul"
    )
}

/// What of an element is counted.
fn counted(name: &str) -> Option<usize> {
    match name {
        "p" => Some(PARAGRAPHS),
        "select" => Some(CHOICES),
        "svg" | "math" => Some(FOREIGN),
        _ => None,
    }
}

/// Whether no end tag in an element ends one around it.
fn is_scope(name: &str) -> bool {
    matches!(
        name,
        "applet"
            | "caption"
            | "html"
            | "table"
            | "td"
            | "th"
            | "marquee"
            | "object"
            | "template"
            | "foreignobject"
    )
}

/// Whether an element is more than words, so that the end tags of words do not reach beyond it.
fn is_block(name: &str) -> bool {
    is_scope(name)
        || ends_paragraph(name)
        || matches!(
            name,
            "body" | "button" | "col" | "colgroup" | "tbody" | "tfoot" | "thead" | "tr" | "select"
        )
}

/// Whether an element is of words and reaches over blocks.
fn is_format(name: &str) -> bool {
    matches!(
        name,
        "a" | "b"
            | "big"
            | "code"
            | "em"
            | "font"
            | "i"
            | "nobr"
            | "s"
            | "small"
            | "strike"
            | "strong"
            | "tt"
            | "u"
    )
}

fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

impl<'t, 's> Builder<'t, 's> {
    fn new(steps: &'s Steps, is_xml: bool) -> Self {
        Self {
            tree: Tree::default(),
            open: Vec::new(),
            hidden: 0,
            is_raw: false,
            has_content: false,
            counts: [0; 3],
            steps,
            is_xml,
        }
    }

    fn read(mut self, text: &'t str) -> Tree<'t> {
        tokens::read(text, &mut self);
        let is_text_only = |name: &str| name == "title" || is_raw(name);
        self.tree.is_cut |= self.is_raw || (!self.is_xml && self.current().is_some_and(is_text_only));
        while self.close_innermost().is_some() {}
        self.tree
    }

    /// Whether nothing more is to be read.
    pub(super) fn has_enough(&self) -> bool {
        self.steps.are_spent()
    }

    /// Whether what is marked as characters only is text here.
    pub(super) fn has_cdata(&self) -> bool {
        self.is_xml || self.counts[FOREIGN] > 0
    }

    /// The name of the innermost open element.
    fn current(&self) -> Option<&str> {
        self.open.last().map(|&open| self.tree.elements[open].name.as_str())
    }

    /// Adds text.
    pub(super) fn text(&mut self, words: Cow<'t, str>, place: Range<usize>) {
        if self.is_raw {
            return;
        }
        if !self.has_content && !self.is_xml && words.contains(|c: char| !c.is_whitespace()) {
            if self.current() == Some("head") {
                self.close_innermost();
            }
            self.has_content = matches!(self.current(), None | Some("html"));
        }
        self.tree.events.push(Event::Text(words, place));
    }

    /// Begins an element; says what it holds.
    pub(super) fn start_tag(
        &mut self,
        name: String,
        attributes: Vec<(&'static str, String)>,
        place: Range<usize>,
        is_closed: bool,
    ) -> Content {
        if !self.is_xml && self.end_others(&name) {
            return Content::Tags;
        }
        let is_markup = self.is_xml || self.counts[FOREIGN] > 0 || is_closed;
        let content = match name.as_str() {
            _ if is_markup => Content::Tags,
            "title" | "textarea" => Content::Title,
            "script" => Content::Script,
            "plaintext" => Content::Rest,
            name if is_raw(name) => Content::Raw,
            _ => Content::Tags,
        };
        self.is_raw =
            !matches!(content, Content::Tags | Content::Rest) && !matches!(name.as_str(), "title" | "xmp");
        let is_empty = is_closed || is_void(&name);
        let counted = counted(&name);
        match self.open_element(name, attributes, place) {
            // Too deep: only its end is waited for.
            None => self.hidden += usize::from(!is_empty),
            Some(number) if is_empty => self.tree.close(number),
            Some(number) => {
                self.open.push(number);
                if let Some(counted) = counted {
                    self.counts[counted] += 1;
                }
            }
        }
        content
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
            && let Some(table) = self.innermost(|name| name == "table", |_| false)
        {
            self.tree.count_cell(table);
        }
        Some(self.tree.open(self.open.last().copied(), name, attributes, place))
    }

    /// The innermost open element that is one, as long as no barrier stands in between.
    fn innermost(&self, is_it: impl Fn(&str) -> bool, is_barrier: impl Fn(&str) -> bool) -> Option<usize> {
        let mut looked = 0;
        let mut found = None;
        for &open in self.open.iter().rev() {
            looked += 1;
            let name = self.tree.elements[open].name.as_str();
            if is_it(name) {
                found = Some(open);
            }
            if found.is_some() || is_barrier(name) {
                break;
            }
        }
        self.steps.take(looked);
        found
    }

    fn close_innermost(&mut self) -> Option<usize> {
        let open = self.open.pop()?;
        if let Some(counted) = counted(&self.tree.elements[open].name) {
            self.counts[counted] -= 1;
        }
        self.tree.close(open);
        Some(open)
    }

    /// Closes an element, and what is open in it.
    fn close_to(&mut self, element: usize) {
        while self.close_innermost().is_some_and(|open| open != element) {}
    }

    /// Ends the element that an end tag means, and what is open in it.
    pub(super) fn end_tag(&mut self, name: &str, place: Range<usize>) {
        self.is_raw = false;
        if self.hidden > 0 {
            self.hidden -= 1;
            return;
        }
        let is_named = |other: &str| other == name;
        let element = match name {
            _ if self.is_xml => self.innermost(is_named, |_| false),
            // What follows is shown as part of the page all the same.
            "body" | "html" => None,
            // Browsers read these as if they began what they end.
            "br" => return drop(self.start_tag("br".to_owned(), Vec::new(), place, true)),
            "p" if self.counts[PARAGRAPHS] == 0 => {
                return drop(self.start_tag("p".to_owned(), Vec::new(), place, true));
            }
            "p" => self.innermost(is_named, |name| is_scope(name) || name == "button"),
            "li" => self.innermost(is_named, |name| is_scope(name) || matches!(name, "ol" | "ul")),
            "table" | "template" => self.innermost(is_named, |name| name == "template"),
            "caption" | "colgroup" | "tbody" | "td" | "tfoot" | "th" | "thead" | "tr" => {
                self.innermost(is_named, |name| matches!(name, "table" | "template"))
            }
            name if is_heading(name) => self.innermost(is_heading, is_scope),
            name if is_format(name) || is_block(name) => self.innermost(is_named, is_scope),
            _ => self.innermost(is_named, is_block),
        };
        if let Some(element) = element {
            self.close_to(element);
        }
    }

    /// Closes what a tag ends without saying so. Says whether the tag itself begins nothing.
    fn end_others(&mut self, name: &str) -> bool {
        let is_of_page = !matches!(name, "html" | "head" | "body") && !is_in_head(name);
        match name {
            "html" if self.has_content || !self.open.is_empty() => return true,
            "head" | "body" if self.has_content => return true,
            _ if self.current() == Some("head") && (is_of_page || name == "body") => {
                self.close_innermost();
            }
            _ => {}
        }
        self.has_content |= is_of_page || name == "body";
        if self.counts[FOREIGN] > 0 && ends_foreign(name) {
            let is_foreign = |name: &str| matches!(name, "svg" | "math");
            let is_within = |name: &str| {
                matches!(
                    name,
                    "annotation-xml"
                        | "desc"
                        | "foreignobject"
                        | "mi"
                        | "mn"
                        | "mo"
                        | "ms"
                        | "mtext"
                        | "title"
                )
            };
            if let Some(foreign) = self.innermost(is_foreign, is_within) {
                self.close_to(foreign);
            }
        }
        let ends_choice = matches!(
            name,
            "caption"
                | "input"
                | "keygen"
                | "select"
                | "table"
                | "tbody"
                | "td"
                | "textarea"
                | "tfoot"
                | "th"
                | "thead"
                | "tr"
        );
        if self.counts[CHOICES] > 0
            && ends_choice
            && let Some(choice) = self.innermost(|name| name == "select", is_scope)
        {
            self.close_to(choice);
            if name == "select" {
                return true;
            }
        }
        self.end_items(name);
        if self.counts[PARAGRAPHS] > 0
            && ends_paragraph(name)
            && let Some(paragraph) =
                self.innermost(|name| name == "p", |name| is_scope(name) || name == "button")
        {
            self.close_to(paragraph);
        }
        if is_heading(name) && self.current().is_some_and(is_heading) {
            self.close_innermost();
        }
        false
    }

    /// Closes the items, cells and rows that another one ends.
    fn end_items(&mut self, name: &str) {
        let is_around = |name: &str| is_block(name) && !matches!(name, "address" | "div" | "p");
        let is_table = |name: &str| matches!(name, "table" | "template");
        let ended = match name {
            "li" => self.innermost(|name| name == "li", is_around),
            "dt" | "dd" => self.innermost(|name| matches!(name, "dt" | "dd"), is_around),
            "td" | "th" => self.innermost(
                |name| matches!(name, "td" | "th" | "caption" | "colgroup"),
                |name| name == "tr" || is_table(name),
            ),
            "tr" => self.innermost(
                |name| matches!(name, "tr" | "caption" | "colgroup"),
                |name| matches!(name, "thead" | "tbody" | "tfoot") || is_table(name),
            ),
            "thead" | "tbody" | "tfoot" | "caption" | "colgroup" => self.innermost(
                |name| matches!(name, "thead" | "tbody" | "tfoot" | "caption" | "colgroup"),
                is_table,
            ),
            "table" => self.innermost(
                |name| name == "table",
                |name| matches!(name, "td" | "th" | "caption" | "template"),
            ),
            "option" => self.innermost(|name| name == "option", |name| name == "select" || is_block(name)),
            _ => None,
        };
        if let Some(ended) = ended {
            self.close_to(ended);
        }
    }
}

/// What a reference stands for: Markdown has HTML's.
pub(crate) fn character_named(name: &str) -> Option<String> {
    let written = format!("&{name};");
    let texts = dialect::parse(&written).filter_map(|(event, _)| match event {
        MarkdownEvent::Text(text) => Some(text.into_string()),
        _ => None,
    });
    Some(texts.collect::<String>()).filter(|text| *text != written && !text.is_empty())
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
            ("a</p>b</x>c</br>d", "a<p></p>bc<br></br>d"),
            ("a<!-- b --!>c<!-->d<!--->e</ f>g</#>h<![CDATA[i]]>j", "acdeghj"),
            ("<script>'<!-- <script>'</script>a--></script>b</scriptx>c", "<script></script>bc"),
            (
                "<script></script a=\">\">b<title></titlex></title>c",
                "<script></script>b<title></titlex></title>c",
            ),
            (
                "<xmp><b>&amp;</xmp>c<plaintext><b></plaintext>",
                "<xmp><b>&amp;</xmp>c<plaintext><b></plaintext></plaintext>",
            ),
            ("a&gtb &copyx &notit; &#41b &#x41Z &#150; &#38;lt; &#x26;", "a>b ©x ¬it; )b AZ – &lt; &"),
            ("<h1>a<h2>b</h3>c", "<h1>a</h1><h2>b</h2>c"),
            ("<ul><p>a<li>b<div><li>c", "<ul><p>a</p><li>b<div></div></li><li>c</li></ul>"),
            ("<div><table><td></div>a</table></div>b", "<div><table><td>a</td></table></div>b"),
            ("<span><div>a</span>b</div>c", "<span><div>ab</div>c</span>"),
            ("<table><tr><table><td>a", "<table><tr></tr></table><table><td>a</td></table>"),
            (
                "<select><option>a<select>b<select>c<input>d",
                "<select><option>a</option></select>b<select>c</select><input></input>d",
            ),
            ("<table><select>a<tr><td>b", "<table><select>a</select><tr><td>b</td></tr></table>"),
            ("<svg><g>a<p>b</svg>c", "<svg><g>a</g></svg><p>bc</p>"),
            (
                "<svg><title>a</svg>b<math><![CDATA[<c>]]></math>",
                "<svg><title>a</title></svg>b<math><c></math>",
            ),
            (
                "<html><head><title>a</title><body>b</body></html>c",
                "<html><head><title>a</title></head><body>bc</body></html>",
            ),
            ("<html><head><p>a<body>b<html>c", "<html><head></head><p>abc</p></html>"),
            ("<head>a", "<head></head>a"),
            ("a\r\nb\r<p>\r\n", "a\nb\n<p>\n</p>"),
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
        assert!(ATTRIBUTES.is_sorted());
    }

    #[test]
    fn text_knows_its_place() {
        let text = "é<!-- x -->a &amp; <<b>日\r\n本</b>\r\n<title>t</title>&lt";
        let tree = Tree::of(text, &Steps::for_text(text));
        let texts = tree.events.iter().filter_map(|event| match event {
            Event::Text(words, place) => Some((words.as_ref(), &text[place.clone()])),
            _ => None,
        });
        let expected = [
            ("é", "é"),
            ("a & <", "a &amp; <"),
            ("日\n本", "日\r\n本"),
            ("\n", "\r\n"),
            ("t", "t"),
            ("<", "&lt"),
        ];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
        let tags: Vec<&str> = tree.elements.iter().map(|element| &text[element.place.clone()]).collect();
        assert_eq!(tags, ["<b>", "<title>"]);
        let xml = "<a:B x='1'/>c<![CDATA[<d>]]>";
        let tree = Tree::of_xml(xml, &Steps::for_text(xml));
        let Some(Event::Text(words, place)) = tree.events.last() else { panic!("{tree:?}") };
        assert_eq!(
            (words.as_ref(), &xml[place.clone()], tree.elements[0].name.as_str()),
            ("c<d>", "c<![CDATA[<d>", "a:b")
        );
    }

    #[test]
    fn references_are_named() {
        for (name, text) in
            [("amp", Some("&")), ("#38", Some("&")), ("#x26", Some("&")), ("nosuch", None), ("lt", Some("<"))]
        {
            assert_eq!(character_named(name).as_deref(), text, "{name}");
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
