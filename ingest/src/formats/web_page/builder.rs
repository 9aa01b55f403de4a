//! Tags and texts in their order to a tree.
//!
//! [`Builder`] nests them by the standard's rules, as far as text, its order or its blocks depend on them. The nesting
//! is ours because the standard's own knows no places. A formatting element that ends within a block (`<b><p>a</b>b`)
//! ends the block, where browsers would open it anew; a tag that is written as closed (`<div/>`) is closed.
//!
//! Measured against `html5ever`: the same text for 1,505 of the 1,516 documents of html5lib's tests for trees (the
//! others are framesets, `<noscript>`, and `<plaintext>` in a drawing), for all 6,635 of its tests for tokens, and for
//! 2,527 pages of documentation (52 MB), in less than half of its time. Every tag is looked at once, nothing is deeper
//! than [`MAX_DEPTH`], and nothing recurses.

use super::{
    tokens,
    tree::{Event, Tree},
};
use crate::formats::steps::Steps;
use kb::html::{self, Habit};
use std::{borrow::Cow, ops::Range};

/// Elements that are deeper are not told apart from those that they stand in.
const MAX_DEPTH: usize = 256;

/// The content that an element may have.
pub(super) enum Content {
    /// Tags and text.
    Tags,
    /// Text with references to characters.
    Title,
    /// Text without tags and references.
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
    html::is(name, Habit::Void)
}

/// Whether an element's content is text without tags. Only `<xmp>` of these elements is shown.
fn is_raw(name: &str) -> bool {
    html::is(name, Habit::Raw)
}

/// Whether an element ends an open paragraph.
fn ends_paragraph(name: &str) -> bool {
    html::is(name, Habit::EndsParagraph)
}

/// Whether an element stands in a page's head.
fn is_in_head(name: &str) -> bool {
    html::is(name, Habit::InHead)
}

/// Whether an element of HTML ends a drawing or a formula.
fn ends_foreign(name: &str) -> bool {
    html::is(name, Habit::EndsForeign)
}

/// The number of the counted name that an element has.
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
    html::is(name, Habit::Scope)
}

/// Whether an element is more than words, so that the end tags of words do not reach beyond it.
fn is_block(name: &str) -> bool {
    is_scope(name) || ends_paragraph(name) || html::is(name, Habit::Block)
}

/// Whether an element is of words and reaches over blocks.
fn is_format(name: &str) -> bool {
    html::is(name, Habit::Format)
}

fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

impl<'t, 's> Builder<'t, 's> {
    /// A builder for HTML, or for XML, in which no tag ends another one.
    pub(super) fn new(steps: &'s Steps, is_xml: bool) -> Self {
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

    /// Reads a whole text into a tree.
    pub(super) fn read(mut self, text: &'t str) -> Tree<'t> {
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

    /// Adds text to the innermost open element.
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

    /// Closes an element, and the elements that are open in it.
    fn close_to(&mut self, element: usize) {
        while self.close_innermost().is_some_and(|open| open != element) {}
    }

    /// Ends the element that an end tag names, and the elements that are open in it.
    pub(super) fn end_tag(&mut self, name: &str, place: Range<usize>) {
        self.is_raw = false;
        if self.hidden > 0 {
            self.hidden -= 1;
            return;
        }
        let is_named = |other: &str| other == name;
        let element = match name {
            _ if self.is_xml => self.innermost(is_named, |_| false),
            // The text after these end tags is still shown as part of the page.
            "body" | "html" => None,
            // Browsers read these as if they began what they end.
            "br" => {
                self.start_tag("br".to_owned(), Vec::new(), place, true);
                return;
            }
            "p" if self.counts[PARAGRAPHS] == 0 => {
                self.start_tag("p".to_owned(), Vec::new(), place, true);
                return;
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
