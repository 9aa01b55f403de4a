//! HTML to a flat list of what opens, stands and closes in it, with places in the text.
//!
//! Entry points: [`Tree::of`], [`Tree::of_xml`] for markup of wikis that is written as XML, and [`Tree::open`] with
//! what follows it for trees that others make. [`super::tokens`] reads tags and texts, [`super::builder`] nests them.

use super::builder::Builder;
use crate::{dialect, formats::steps::Steps};
use pulldown_cmark::Event as MarkdownEvent;
use std::{borrow::Cow, ops::Range};

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

/// The parts of a text, in its order.
#[derive(Debug)]
pub(crate) enum Event<'t> {
    /// The start of an element.
    Open(usize),
    /// Text, its references decoded, and its place.
    Text(Cow<'t, str>, Range<usize>),
    /// The end of an element.
    Close(usize),
}

/// An element with its attributes and its place.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// The element's name, lower-cased.
    pub(crate) name: String,
    attributes: Vec<(&'static str, String)>,
    /// The element that it stands in.
    pub(crate) parent: Option<usize>,
    /// The range of its tag in the text.
    pub(crate) place: Range<usize>,
    /// The number of the event that opens it.
    pub(crate) opens: usize,
    /// The number of the event that closes it.
    pub(crate) closes: usize,
    /// For a table, the number of its cells without those of inner tables.
    pub(super) cells: usize,
    /// The elements inside that show where the page is.
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
    /// An `<h1>` element.
    pub(super) title: bool,
    /// An element that only a page has: a heading of the first levels, `<main>`, `<article>`.
    pub(super) page: bool,
    /// A `<nav>` element.
    pub(super) navigation: bool,
    /// A `<table>` element.
    pub(super) table: bool,
}

/// A text of HTML, read.
#[derive(Debug, Default)]
pub(crate) struct Tree<'t> {
    /// The events in order; every element that opens closes.
    pub(crate) events: Vec<Event<'t>>,
    /// The elements, in the order of their tags.
    pub(crate) elements: Vec<Element>,
    /// Whether a tag or a comment had no end, and took the rest of the text with it.
    pub(crate) is_cut: bool,
}

impl<'t> Tree<'t> {
    /// Reads a text of HTML.
    pub(crate) fn of(text: &'t str, steps: &Steps) -> Self {
        Builder::new(steps, false).read(text)
    }

    /// Reads a text of XML, with the references to characters that HTML has: no tag ends another one, and character
    /// data is text. A text that is not valid XML is read as far as possible.
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

/// The characters that a reference stands for: Markdown has HTML's references.
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
    use proptest::prelude::*;
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

    const UNITS: &[&str] = &[
        "<p>",
        "</p>",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<li>",
        "<ul>",
        "</ul>",
        "<b>",
        "</b>",
        "<br/>",
        "<a href='",
        "'>",
        "\"",
        "<!--",
        "-->",
        "--!>",
        "<![CDATA[",
        "]]>",
        "<svg>",
        "</svg>",
        "<title>",
        "</title>",
        "<script>",
        "</script>",
        "<select>",
        "<body>",
        "</body>",
        "<head>",
        "<!doctype",
        ">",
        "<",
        "</",
        "&amp",
        ";",
        "&#",
        "é",
        "日本",
        "\r\n",
        "\r",
        "\0",
        "a ",
    ];

    proptest! {
        #[test]
        fn any_text_has_places(units in proptest::collection::vec(proptest::sample::select(UNITS), 0..60), is_xml: bool) {
            let text = units.concat();
            let steps = Steps::for_text(&text);
            let tree = if is_xml { Tree::of_xml(&text, &steps) } else { Tree::of(&text, &steps) };
            let (mut open, mut at) = (Vec::new(), 0);
            for event in &tree.events {
                let place = match event {
                    Event::Open(number) => {
                        prop_assert_eq!(tree.elements[*number].parent, open.last().copied());
                        open.push(*number);
                        &tree.elements[*number].place
                    }
                    Event::Text(_, place) => place,
                    Event::Close(number) => {
                        prop_assert_eq!(open.pop(), Some(*number), "{:?}", text);
                        continue;
                    }
                };
                prop_assert!(place.start >= at && text.get(place.clone()).is_some_and(|part| !part.is_empty()), "{text:?}: {event:?}");
                at = place.end;
            }
            prop_assert!(open.is_empty());
        }
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
