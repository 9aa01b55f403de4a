//! Confluence's storage format, as the HTML that it stands for.
//!
//! Entry point: [`html_of`]. The format is XML: paragraphs, lists and tables are written as in HTML, everything else as
//! macros (`ac:…`) and references to resources (`ri:…`). The result is a tree that is written as any web page is,
//! so that boxes, tables and code read alike wherever they come from. A table with code of several lines or with lists
//! in its cells, which no table of Markdown can hold, becomes a list with an item for each row. [`macros`] reads macros
//! and links.

mod macros;

use super::addresses::Addresses;
use crate::formats::{
    steps::Steps,
    web_page::{Element, Event, Tree},
};
use std::{borrow::Cow, ops::Range};

/// The attributes of HTML that are kept.
const KEPT_ATTRIBUTES: [&str; 5] = ["alt", "colspan", "rowspan", "start", "style"];

/// The names of emoticons, and the signs that they show.
const EMOTICONS: [(&str, &str); 10] = [
    ("cross", "❌"),
    ("information", "ℹ️"),
    ("minus", "➖"),
    ("plus", "➕"),
    ("question", "❓"),
    ("red-star", "⭐"),
    ("thumbs-down", "👎"),
    ("thumbs-up", "👍"),
    ("tick", "✅"),
    ("warning", "⚠️"),
];

/// The page that a text in the storage format stands for; `space` is the key of the space that it is in.
pub(super) fn html_of<'t>(text: &'t str, addresses: &Addresses, space: &str, steps: &Steps) -> Tree<'t> {
    let storage = Tree::of_xml(text, steps);
    let mut reading = Reading {
        holds_blocks: elements_with_blocks(&storage),
        storage: &storage,
        addresses,
        space,
        steps,
        html: Tree::default(),
        open: Vec::new(),
        ends: Vec::new(),
        tables: Vec::new(),
    };
    let mut at = 0;
    while at < storage.events.len() && steps.take(1) {
        match &storage.events[at] {
            Event::Open(number) => at = reading.begin(*number).unwrap_or(at),
            Event::Text(words, place) => reading.text(words.clone(), place),
            Event::Close(number) => reading.end(*number),
        }
        at += 1;
    }
    let mut html = reading.finish();
    html.is_cut = storage.is_cut;
    html
}

/// For each element, whether lists or code of several lines stand in it, which do not fit into a cell.
fn elements_with_blocks(storage: &Tree<'_>) -> Vec<bool> {
    let mut holds_blocks = vec![false; storage.elements.len()];
    for element in &storage.elements {
        let is_block = match element.name.as_str() {
            "ul" | "ol" | "ac:task-list" => true,
            "pre" | "ac:plain-text-body" => {
                let inside = &storage.events[element.opens..element.closes];
                inside.iter().any(|event| match event {
                    Event::Text(words, _) => words.trim().contains('\n'),
                    Event::Open(inner) => storage.elements[*inner].name == "br",
                    Event::Close(_) => false,
                })
            }
            _ => false,
        };
        let mut around = element.parent.filter(|_| is_block);
        while let Some(number) = around.filter(|&number| !holds_blocks[number]) {
            holds_blocks[number] = true;
            around = storage.elements[number].parent;
        }
    }
    holds_blocks
}

/// A table that is open.
#[derive(Default)]
struct Table {
    /// The element that it is written as.
    html: Option<usize>,
    /// Whether it is written as a list.
    is_listed: bool,
    /// The names of the columns of a table that is written as a list.
    headers: Vec<String>,
    num_rows: usize,
    column: usize,
    /// Per column, the rows that a cell above still spans.
    spans: Vec<usize>,
}

struct Reading<'t, 'a> {
    storage: &'a Tree<'t>,
    holds_blocks: Vec<bool>,
    addresses: &'a Addresses,
    space: &'a str,
    steps: &'a Steps,
    html: Tree<'t>,
    /// Open elements of the HTML, the innermost last.
    open: Vec<usize>,
    /// Per open element of the storage format, how many of the HTML end with it.
    ends: Vec<usize>,
    tables: Vec<Table>,
}

impl<'t> Reading<'t, '_> {
    /// Begins an element. Returns the event to go on after, where nothing of its content is to be read.
    fn begin(&mut self, number: usize) -> Option<usize> {
        let storage = self.storage;
        let element = &storage.elements[number];
        let place = &element.place;
        let before = self.open.len();
        let is_read = match element.name.as_str() {
            "ac:structured-macro" | "ac:macro" => self.begin_macro(number),
            "ac:link" => self.begin_link(number),
            "ac:image" => {
                let words = element.attribute("ac:alt").or(element.attribute("ac:title")).unwrap_or_default();
                self.add("img", vec![("alt", words.to_owned())], place);
                true
            }
            "ac:caption" => {
                self.push("p", Vec::new(), place);
                true
            }
            "ac:emoticon" => {
                self.text(Cow::Owned(sign_of(element).to_owned()), place);
                false
            }
            "ac:task-list" => {
                self.push("ul", Vec::new(), place);
                true
            }
            "ac:task" => {
                self.push("li", Vec::new(), place);
                let status = self.child(number, "ac:task-status").map(|child| storage.text_of(child));
                let is_done = status.is_some_and(|status| status.trim() == "complete");
                self.text(Cow::Borrowed(if is_done { "[x] " } else { "[ ] " }), place);
                true
            }
            "ac:layout" | "ac:layout-section" | "ac:layout-cell" => {
                self.push("div", Vec::new(), place);
                true
            }
            "ac:adf-node" if element.attribute("type") == Some("panel") => {
                let sort = self.adf_attribute(number, "panel-type").unwrap_or_default();
                self.begin_box(&sort, None, place);
                true
            }
            // This is shown if the node beside it is not understood.
            "ac:adf-fallback" => {
                let extension = element.parent;
                extension.is_none_or(|extension| self.child(extension, "ac:adf-node").is_none())
            }
            "ac:plain-text-body" => {
                self.code("", &storage.text_of(number), place);
                false
            }
            "ac:task-id"
            | "ac:task-uuid"
            | "ac:task-status"
            | "ac:parameter"
            | "ac:default-parameter"
            | "ac:placeholder"
            | "ac:adf-attribute" => false,
            name if name.starts_with("ri:") => false,
            name if name.starts_with("ac:") => true,
            "time" => {
                self.text(Cow::Owned(element.attribute("datetime").unwrap_or_default().to_owned()), place);
                true
            }
            "a" => {
                let address = element.attribute("href").unwrap_or_default();
                let address = self.addresses.page_at(address).unwrap_or(address).to_owned();
                self.push("a", vec![("href", address)], place);
                true
            }
            "table" => {
                self.begin_table(number);
                true
            }
            "tr" => self.begin_row(number),
            "td" | "th" => {
                self.begin_cell(number);
                true
            }
            "tbody" | "thead" | "tfoot" | "colgroup" | "col" => true,
            // The paragraph that a labelled cell begins with goes on after the label.
            "p" if self.begins_labelled_cell(number) => true,
            name => {
                self.push(name, kept_attributes(element), place);
                true
            }
        };
        if is_read {
            self.ends.push(self.open.len() - before);
            return None;
        }
        while self.open.len() > before {
            self.pop();
        }
        Some(element.closes)
    }

    fn end(&mut self, number: usize) {
        for _ in 0..self.ends.pop().unwrap_or(0) {
            self.pop();
        }
        if self.storage.elements[number].name == "table" {
            self.tables.pop();
        }
    }

    fn finish(mut self) -> Tree<'t> {
        while !self.open.is_empty() {
            self.pop();
        }
        self.html
    }

    // Writing.

    fn push(&mut self, name: &str, attributes: Vec<(&'static str, String)>, place: &Range<usize>) -> usize {
        let number = self.html.open(self.open.last().copied(), name.to_owned(), attributes, place.clone());
        self.open.push(number);
        number
    }

    fn pop(&mut self) {
        if let Some(number) = self.open.pop() {
            self.html.close(number);
        }
    }

    /// Writes an element without content.
    fn add(&mut self, name: &str, attributes: Vec<(&'static str, String)>, place: &Range<usize>) {
        self.push(name, attributes, place);
        self.pop();
    }

    fn text(&mut self, words: Cow<'t, str>, place: &Range<usize>) {
        if !words.is_empty() {
            self.html.events.push(Event::Text(words, place.clone()));
        }
    }

    fn element_with(
        &mut self,
        name: &str,
        attributes: Vec<(&'static str, String)>,
        words: &str,
        place: &Range<usize>,
    ) {
        self.push(name, attributes, place);
        self.text(Cow::Owned(words.to_owned()), place);
        self.pop();
    }

    /// Writes words that stand out, as a block.
    fn label(&mut self, words: &str, place: &Range<usize>) {
        self.push("p", Vec::new(), place);
        self.element_with("strong", Vec::new(), words, place);
        self.pop();
    }

    fn code(&mut self, language: &str, code: &str, place: &Range<usize>) {
        self.element_with("pre", vec![("data-language", language.trim().to_owned())], code, place);
    }

    /// Begins a box; a title stands in the place of its sort's name.
    fn begin_box(&mut self, sort: &str, title: Option<&str>, place: &Range<usize>) {
        let sort = match sort {
            "success" | "custom" | "panel" => "",
            "error" => "danger",
            sort => sort,
        };
        self.push("div", vec![("class", format!("admonition {sort}"))], place);
        if let Some(title) = title {
            self.element_with("p", vec![("class", "title".to_owned())], title, place);
        }
    }

    // Reading.

    /// The elements that stand in another one, but not in one of those.
    fn children(&self, number: usize) -> impl Iterator<Item = usize> {
        let storage = self.storage;
        let mut at = storage.elements[number].opens + 1;
        let end = storage.elements[number].closes;
        std::iter::from_fn(move || {
            while at < end {
                match &storage.events[at] {
                    Event::Open(child) => {
                        at = storage.elements[*child].closes + 1;
                        return Some(*child);
                    }
                    _ => at += 1,
                }
            }
            None
        })
    }

    fn child(&self, number: usize, name: &str) -> Option<usize> {
        self.children(number).find(|&child| self.storage.elements[child].name == name)
    }

    // Tables.

    fn begin_table(&mut self, number: usize) {
        let place = self.storage.elements[number].place.clone();
        let is_listed = self.holds_blocks[number];
        let html = self.push(if is_listed { "ul" } else { "table" }, Vec::new(), &place);
        let html = Some(html).filter(|_| !is_listed);
        self.tables.push(Table { html, is_listed, ..Table::default() });
    }

    /// Begins a row. Returns whether its cells are to be read.
    fn begin_row(&mut self, number: usize) -> bool {
        let storage = self.storage;
        let place = &storage.elements[number].place;
        let is_cell = |&child: &usize| matches!(storage.elements[child].name.as_str(), "td" | "th");
        let cells: Vec<usize> = self.children(number).filter(is_cell).collect();
        let Some(table) = self.tables.last_mut() else { return true };
        (table.column, table.num_rows) = (0, table.num_rows + 1);
        if !table.is_listed {
            self.push("tr", Vec::new(), place);
            return true;
        }
        let is_header = table.num_rows == 1 && cells.iter().all(|&cell| storage.elements[cell].name == "th");
        if is_header && cells.len() > 1 {
            for cell in cells {
                table.headers.push(storage.text_of(cell).trim().to_owned());
                let columns = span_of(&storage.elements[cell], "colspan");
                let num_headers = table.headers.len() + columns - 1;
                table.headers.resize(num_headers, String::new());
            }
            return false;
        }
        self.push("li", Vec::new(), place);
        true
    }

    fn begin_cell(&mut self, number: usize) {
        let storage = self.storage;
        let element = &storage.elements[number];
        let Some(table) = self.tables.last_mut() else { return };
        if let Some(html) = table.html {
            self.html.count_cell(html);
            self.push(element.name.as_str(), kept_attributes(element), &element.place);
            return;
        }
        while let Some(rows) = table.spans.get_mut(table.column).filter(|rows| **rows > 0) {
            *rows -= 1;
            table.column += 1;
        }
        let (columns, rows) = (span_of(element, "colspan"), span_of(element, "rowspan"));
        let first = table.column;
        table.column += columns;
        if table.spans.len() < table.column {
            table.spans.resize(table.column, 0);
        }
        table.spans[first..table.column].fill(rows - 1);
        let header = table.headers.get(first).cloned().unwrap_or_default();
        self.push("div", Vec::new(), &element.place);
        let has_content = element.closes > element.opens + 1;
        if !header.is_empty() && has_content {
            let label = format!("{}:", header.trim_end_matches([':', '：']));
            self.element_with("strong", Vec::new(), &label, &element.place);
            self.text(Cow::Borrowed(" "), &element.place);
        }
    }

    /// Whether a paragraph is the first in a cell of a table that is written as a list.
    fn begins_labelled_cell(&self, number: usize) -> bool {
        let storage = self.storage;
        let is_listed = self.tables.last().is_some_and(|table| table.is_listed && !table.headers.is_empty());
        let cell = storage.elements[number].parent.map(|parent| &storage.elements[parent]);
        is_listed
            && cell.is_some_and(|cell| {
                matches!(cell.name.as_str(), "td" | "th") && {
                    let before = &storage.events[cell.opens + 1..storage.elements[number].opens];
                    // White space may stand before it.
                    before.len() <= 1 && !before.iter().any(|event| matches!(event, Event::Close(_)))
                }
            })
    }
}

fn kept_attributes(element: &Element) -> Vec<(&'static str, String)> {
    let kept = KEPT_ATTRIBUTES.iter();
    kept.filter_map(|name| element.attribute(name).map(|value| (*name, value.to_owned()))).collect()
}

/// How many columns or rows a cell takes.
fn span_of(element: &Element, name: &str) -> usize {
    /// A cell spans no more.
    const MAX_SPAN: usize = 32;
    let span = element.attribute(name).and_then(|span| span.trim().parse::<usize>().ok());
    span.unwrap_or(1).clamp(1, MAX_SPAN)
}

/// The sign that an emoticon shows.
fn sign_of(element: &Element) -> &str {
    let fallback = element.attribute("ac:emoji-fallback").filter(|sign| !sign.starts_with(':'));
    let name = element.attribute("ac:name").unwrap_or_default();
    let known = EMOTICONS.iter().find(|(known, _)| *known == name).map(|(_, sign)| *sign);
    known.or(fallback).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_sorted() {
        assert!(EMOTICONS.is_sorted() && KEPT_ATTRIBUTES.is_sorted());
    }
}
