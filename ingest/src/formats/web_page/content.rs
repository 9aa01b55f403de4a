//! The part of a page that is the page, written as Markdown.

use super::tree::{Element, Event, Tree};
use crate::formats::{
    steps::Steps,
    written::{Writer, one_line, push_code, push_link, push_words},
};
use kb::html::{self, Habit};
use std::ops::Range;

/// Classes and identifiers of what stands around a page or in it for browsers only, one a line, sorted.
const FURNITURE: &str = include_str!("furniture.txt");

/// A longer cell is not repeated in the rows that it spans.
const MAX_REPEATED_BYTES: usize = 200;

/// More is not repeated in one page.
const MAX_ALL_REPEATED_BYTES: usize = 256 << 10;

/// A cell spans no more columns or rows.
const MAX_SPAN: usize = 32;

/// Classes of boxes, which say their sort in another class.
const BOXES: [&str; 9] = [
    "admonition",
    "admonitionblock",
    "alert",
    "callout",
    "confluence-information-macro",
    "markdown-alert",
    "notice",
    "panel",
    "theme-admonition",
];

/// Sorts of boxes.
const SORTS: [&str; 12] = [
    "attention",
    "caution",
    "danger",
    "error",
    "hint",
    "important",
    "info",
    "note",
    "seealso",
    "tip",
    "todo",
    "warning",
];

/// Sorts that are boxes without any other class.
const BARE_SORTS: [&str; 8] =
    ["attention", "caution", "danger", "hint", "important", "note", "tip", "warning"];

/// Classes of a box's title.
const TITLES: [&str; 9] = [
    "admonition-heading",
    "admonition-title",
    "alert-heading",
    "alert-title",
    "callout-title",
    "markdown-alert-title",
    "panel-heading",
    "panelHeader",
    "title",
];

/// A page that was read: what of it is shown.
pub(super) struct Page<'t> {
    pub(super) tree: &'t Tree<'t>,
    /// By element: whether it is no part of the page's text.
    left_out: Vec<bool>,
    /// By element: whether words stand in it that are shown.
    has_words: Vec<bool>,
}

impl<'t> Page<'t> {
    pub(super) fn of(tree: &'t Tree<'t>) -> Self {
        let none = vec![false; tree.elements.len()];
        let mut page = Self { tree, left_out: none.clone(), has_words: none };
        let mut innermost = None;
        let mut at = 0;
        while let Some(event) = tree.events.get(at) {
            match event {
                Event::Open(number) => {
                    let is_left_out = is_left_out(&tree.elements[*number]);
                    page.left_out[*number] = is_left_out;
                    match is_left_out {
                        true => at = tree.elements[*number].closes,
                        false => innermost = Some(*number),
                    }
                }
                Event::Close(number) => innermost = tree.elements[*number].parent,
                Event::Text(words, _) if words.chars().any(char::is_alphanumeric) => {
                    let mut around = innermost;
                    while let Some(number) = around.filter(|&number| !page.has_words[number]) {
                        page.has_words[number] = true;
                        around = tree.elements[number].parent;
                    }
                }
                Event::Text(..) => {}
            }
            at += 1;
        }
        page
    }

    /// The element that is the page; `None` for the whole text.
    pub(super) fn root(&self) -> Option<usize> {
        let elements = &self.tree.elements;
        let found = |is_it: &dyn Fn(&Element) -> bool| {
            let mut fitting =
                (0..elements.len()).filter(|&number| self.has_words[number] && is_it(&elements[number]));
            fitting.next().map(|first| (first, fitting.next().is_none()))
        };
        let is_main = |element: &Element| element.name == "main" || element.attribute("role") == Some("main");
        let main =
            found(&|element| element.attribute("id") == Some("main-content")).or_else(|| found(&is_main));
        let article = || found(&|element| element.name == "article").filter(|(_, is_only)| *is_only);
        main.or_else(article).or_else(|| found(&|element| element.name == "body")).map(|(number, _)| number)
    }

    /// The numbers of the events within an element.
    pub(super) fn within(&self, root: Option<usize>) -> Range<usize> {
        let whole = 0..self.tree.events.len();
        root.map_or(whole, |root| self.tree.elements[root].opens + 1..self.tree.elements[root].closes)
    }

    /// Whether the page says a text in its own words.
    pub(super) fn holds(&self, root: Option<usize>, text: &str) -> bool {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let words = self.tree.events[self.within(root)].iter().filter_map(|event| match event {
            Event::Text(words, _) => Some(letters(words)),
            _ => None,
        });
        words.collect::<String>().contains(&letters(text))
    }

    /// The words of a heading, without what is for browsers only.
    pub(super) fn heading_words(&self, heading: usize) -> Option<String> {
        let mut words = String::new();
        let range = self.within(Some(heading));
        let mut at = range.start;
        while at < range.end {
            match &self.tree.events[at] {
                Event::Open(inner) if self.left_out[*inner] => at = self.tree.elements[*inner].closes,
                Event::Text(text, _) => words.push_str(text),
                _ => {}
            }
            at += 1;
        }
        let words = one_line(without_signs(&words));
        Some(words).filter(|words| words.chars().any(char::is_alphanumeric))
    }
}

/// A heading without the signs that show its address.
fn without_signs(words: &str) -> &str {
    words.trim_end().trim_end_matches(['¶', '#', '§', '🔗']).trim_end()
}

/// Whether an element is no part of a page's text.
fn is_left_out(element: &Element) -> bool {
    let is_outer = matches!(element.name.as_str(), "html" | "body" | "main");
    match element.name.as_str() {
        name if html::is(name, Habit::LeftOut) => return true,
        "header" => return !element.holds.title || element.holds.navigation,
        // Some sites stand in one form as a whole.
        "form" => return !element.holds.page,
        "aside" if sort_of(element).is_none() => return true,
        _ => {}
    }
    let role = element.attribute("role").unwrap_or_default();
    if matches!(
        role,
        "navigation" | "search" | "banner" | "contentinfo" | "complementary" | "dialog" | "toolbar"
    ) {
        return true;
    }
    let style =
        element.attribute("style").unwrap_or_default().to_ascii_lowercase().replace(char::is_whitespace, "");
    let is_hidden = element.attribute("hidden").is_some()
        || element.attribute("aria-hidden").is_some_and(|value| value == "true")
        || style.contains("display:none")
        || style.contains("visibility:hidden");
    let names = element.classes().chain(element.attribute("id"));
    is_hidden || (!is_outer && names.map(str::to_ascii_lowercase).any(|name| is_furniture(&name)))
}

fn is_furniture(name: &str) -> bool {
    FURNITURE.lines().any(|known| known == name)
}

/// What a box is: its sort's name where it says one; `None` for what is no box.
fn sort_of(element: &Element) -> Option<Option<&'static str>> {
    let sort_named = |name: &str, sorts: &[&'static str]| {
        sorts.iter().find(|sort| name.eq_ignore_ascii_case(sort)).copied()
    };
    if !matches!(
        element.name.as_str(),
        "div" | "aside" | "section" | "p" | "blockquote" | "details" | "table"
    ) {
        return None;
    }
    let is_box = element.classes().any(|class| BOXES.contains(&class));
    let bare = element.classes().find_map(|class| sort_named(class, &BARE_SORTS));
    if !is_box {
        return bare.map(Some);
    }
    let of_class = |class: &str| {
        let last = class.rsplit('-').next().unwrap_or_default();
        sort_named(class, &SORTS).or_else(|| sort_named(last, &SORTS))
    };
    Some(element.classes().find_map(of_class))
}

fn label_of(sort: &str) -> String {
    let mut letters = sort.chars();
    match sort {
        "seealso" => "See also:".to_owned(),
        _ => letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain([':']).collect(),
    }
}

/// Writes an element's content.
pub(super) fn write(page: &Page<'_>, root: Option<usize>, writer: &mut Writer<'_>, steps: &Steps) {
    let mut walk = Walk {
        page,
        tree: page.tree,
        writer,
        words: String::new(),
        place: None,
        actions: Vec::new(),
        tables: Vec::new(),
        link: None,
        num_boxes: 0,
        num_repeated: 0,
        is_in_caption: false,
        last_end: 0,
    };
    let within = page.within(root);
    let mut at = within.start;
    while at < within.end && steps.take(1) {
        match &page.tree.events[at] {
            Event::Open(number) => at = walk.open(*number).unwrap_or(at),
            Event::Text(words, place) => walk.text(words, place),
            Event::Close(_) => walk.close(),
        }
        at += 1;
    }
    walk.flush();
}

/// What is to be done at an element's end.
enum Action {
    Nothing,
    /// A block ends.
    Block,
    Heading(usize, Option<String>),
    /// The title of a box, or what a page folds away under.
    Label,
    Box,
    Strong(usize),
    Link,
    List,
    Item,
    Quote,
    Table,
    Row,
    Cell,
    Caption,
}

/// A table that is being read.
#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    /// Per column, the rows that a cell above still spans, and its words.
    spans: Vec<(usize, String)>,
    /// What stands in none of its cells.
    before: String,
    is_in_cell: bool,
    columns: usize,
    lines: usize,
    place: Range<usize>,
}

struct Walk<'t, 'w, 's> {
    page: &'t Page<'t>,
    tree: &'t Tree<'t>,
    writer: &'w mut Writer<'s>,
    /// The block that is being read, as Markdown.
    words: String,
    place: Option<Range<usize>>,
    actions: Vec<Action>,
    /// Open tables: at most one, for what holds another is none.
    tables: Vec<Table>,
    /// Where the open link's words begin, and where it leads.
    link: Option<(usize, String)>,
    num_boxes: usize,
    /// Bytes that were repeated for cells over several rows.
    num_repeated: usize,
    is_in_caption: bool,
    /// Where the last text ends.
    last_end: usize,
}

impl Walk<'_, '_, '_> {
    /// Begins an element. Returns the event to go on after where its content was read already, or is left out.
    fn open(&mut self, number: usize) -> Option<usize> {
        let tree = self.tree;
        let element = &tree.elements[number];
        self.last_end = self.last_end.max(element.place.end);
        if self.page.left_out[number] {
            return Some(element.closes);
        }
        let action = match element.name.as_str() {
            _ if self.num_boxes > 0 && element.classes().any(|class| TITLES.contains(&class)) => {
                self.flush();
                Action::Label
            }
            "br" => {
                let is_open = self.tables.last().is_some_and(|table| table.is_in_cell) || self.link.is_some();
                self.words.push(if is_open { ' ' } else { '\n' });
                Action::Nothing
            }
            "hr" => {
                self.flush();
                Action::Nothing
            }
            "img" => {
                let words = one_line(element.attribute("alt").unwrap_or_default());
                self.text(&words, &element.place);
                Action::Nothing
            }
            "code" | "kbd" | "samp" | "tt" => {
                let code = self.code_of(number);
                match self.between() {
                    Some(words) => push_code(words, &code),
                    None => {
                        self.note(&element.place);
                        push_code(&mut self.words, &code);
                    }
                }
                return Some(element.closes);
            }
            "listing" | "plaintext" | "pre" | "xmp" => {
                let code = self.code_of(number);
                let place = element.place.start..self.end_of(number);
                if let Some(words) = self.between() {
                    push_code(words, &code);
                } else if self.tables.last().is_some_and(|table| table.is_in_cell) || self.link.is_some() {
                    push_code(&mut self.words, &code);
                } else {
                    self.flush();
                    self.writer.code(&language_of(tree, number), &code, place);
                }
                return Some(element.closes);
            }
            "b" | "strong" => Action::Strong(self.words.len()),
            "a" => {
                self.end_link();
                if let Some(address) = element.attribute("href").filter(|address| !address.starts_with('#')) {
                    self.link = Some((self.words.len(), address.to_owned()));
                }
                Action::Link
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                let level = usize::from(element.name.as_bytes()[1] - b'0');
                Action::Heading(level, self.id_of(number))
            }
            "caption" if self.is_in_cell() => {
                self.is_in_caption = true;
                Action::Caption
            }
            "summary" | "dt" => {
                self.flush();
                Action::Label
            }
            "ul" | "ol" | "menu" => {
                self.flush();
                if !self.is_in_cell() {
                    let start = element.attribute("start").and_then(|start| start.trim().parse().ok());
                    self.writer.open_list((element.name == "ol").then(|| start.unwrap_or(1)));
                }
                Action::List
            }
            "li" => {
                self.flush();
                if !self.is_in_cell() {
                    self.writer.open_item();
                }
                Action::Item
            }
            "blockquote" if sort_of(element).is_none() => {
                self.flush();
                if !self.is_in_cell() {
                    self.writer.open_quote();
                }
                Action::Quote
            }
            "table" if is_data(tree, number) && self.tables.is_empty() => {
                self.flush();
                let place = element.place.start..self.end_of(number);
                self.tables.push(Table { place, ..Table::default() });
                Action::Table
            }
            "tr" if !self.tables.is_empty() => {
                self.end_row();
                Action::Row
            }
            "td" | "th" if !self.tables.is_empty() => {
                self.begin_cell(element);
                Action::Cell
            }
            _ if sort_of(element).is_some() => {
                self.flush();
                self.num_boxes += 1;
                if let Some(sort) = sort_of(element).flatten().filter(|_| !has_title(tree, number)) {
                    let place = element.place.clone();
                    self.label(&label_of(sort), place);
                }
                Action::Box
            }
            name if is_inline(name) => Action::Nothing,
            "td" | "th" => Action::Block,
            _ => {
                self.flush();
                Action::Block
            }
        };
        self.actions.push(action);
        None
    }

    fn close(&mut self) {
        match self.actions.pop() {
            None | Some(Action::Nothing) => {}
            Some(Action::Row) => self.end_row(),
            Some(Action::Caption) => {
                self.is_in_caption = false;
                let (words, place) = self.taken();
                self.writer.label(&words, place);
            }
            Some(Action::Block) => self.flush(),
            Some(Action::Heading(level, id)) => {
                let (words, place) = self.taken();
                let words = without_signs(&words);
                match self.is_in_cell() {
                    true => self.words.push_str(words),
                    false => self.writer.heading(level, words, id.as_deref(), place),
                }
            }
            Some(Action::Label) => {
                let (words, place) = self.taken();
                let words = one_line(&words);
                let is_sort = SORTS.iter().any(|sort| words.eq_ignore_ascii_case(sort));
                self.label(&if is_sort { format!("{words}:") } else { words }, place);
            }
            Some(Action::Box) => {
                self.flush();
                self.num_boxes -= 1;
            }
            Some(Action::Strong(start)) => self.end_strong(start),
            Some(Action::Link) => self.end_link(),
            Some(Action::List) => {
                self.flush();
                if !self.is_in_cell() {
                    self.writer.close_list();
                }
            }
            Some(Action::Item) => {
                self.flush();
                if !self.is_in_cell() {
                    self.writer.close_item();
                }
            }
            Some(Action::Quote) => {
                self.flush();
                if !self.is_in_cell() {
                    self.writer.close_quote();
                }
            }
            Some(Action::Cell) => self.end_cell(),
            Some(Action::Table) => self.end_table(),
        }
    }

    fn is_in_cell(&self) -> bool {
        !self.tables.is_empty()
    }

    fn note(&mut self, place: &Range<usize>) {
        self.last_end = self.last_end.max(place.end);
        let known = self.place.get_or_insert(place.clone());
        known.end = known.end.max(place.end);
    }

    fn is_between(&self) -> bool {
        self.tables.last().is_some_and(|table| !table.is_in_cell) && !self.is_in_caption
    }

    /// Where text goes that stands in a table and in none of its cells: before the table, where browsers show it.
    fn between(&mut self) -> Option<&mut String> {
        if !self.is_between() {
            return None;
        }
        let table = self.tables.last_mut()?;
        if !table.before.is_empty() {
            table.before.push(' ');
        }
        Some(&mut table.before)
    }

    fn text(&mut self, words: &str, place: &Range<usize>) {
        let line = one_line(words);
        if line.is_empty() && (words.is_empty() || self.is_between()) {
            return;
        }
        if let Some(before) = self.between() {
            push_words(before, &line, false);
            return;
        }
        let is_apart = self.words.is_empty() || self.words.ends_with(char::is_whitespace);
        let mut collapsed = String::with_capacity(words.len());
        if words.starts_with(char::is_whitespace) && !is_apart {
            collapsed.push(' ');
        }
        collapsed.push_str(&line);
        if !line.is_empty() {
            self.note(place);
            if words.ends_with(char::is_whitespace) {
                collapsed.push(' ');
            }
        }
        push_words(&mut self.words, &collapsed, self.link.is_some());
    }

    /// Ends the block that is being read.
    fn flush(&mut self) {
        self.end_link();
        if self.is_in_cell() {
            if !self.words.is_empty() && !self.words.ends_with(char::is_whitespace) {
                self.words.push(' ');
            }
            return;
        }
        let (words, place) = self.taken();
        self.writer.paragraph(&words, place);
    }

    fn taken(&mut self) -> (String, Range<usize>) {
        self.end_link();
        let place = self.place.take().unwrap_or(self.last_end..self.last_end);
        // Where markup began in a block that ended before it, it begins in the next.
        for action in &mut self.actions {
            if let Action::Strong(start) = action {
                *start = 0;
            }
        }
        (std::mem::take(&mut self.words), place)
    }

    fn label(&mut self, words: &str, place: Range<usize>) {
        match self.is_in_cell() {
            true => self.words.push_str(&format!("{words} ")),
            false => self.writer.label(words, place),
        }
    }

    fn end_strong(&mut self, start: usize) {
        if start > self.words.len() || !self.words.is_char_boundary(start) {
            return;
        }
        let words = &self.words[start..];
        let trimmed = words.trim();
        if trimmed.is_empty() || trimmed.contains("**") || trimmed.contains('\n') || self.link.is_some() {
            return;
        }
        let lead = &words[..words.len() - words.trim_start().len()];
        let tail = &words[words.trim_end().len()..];
        let marked = format!("{lead}**{trimmed}**{tail}");
        self.words.truncate(start);
        self.words.push_str(&marked);
    }

    fn end_link(&mut self) {
        let Some((start, address)) = self.link.take() else { return };
        if start > self.words.len() || !self.words.is_char_boundary(start) {
            return;
        }
        let words = &self.words[start..];
        let lead = words.len() - words.trim_start().len();
        let has_space_after = words.trim_end().len() < words.len() && !words.trim().is_empty();
        push_link(&mut self.words, start + lead, &address);
        if has_space_after {
            self.words.push(' ');
        }
    }

    fn begin_cell(&mut self, element: &Element) {
        let span = |name| {
            let span = element.attribute(name).and_then(|span| span.trim().parse::<usize>().ok());
            span.unwrap_or(1).clamp(1, MAX_SPAN)
        };
        let (columns, lines) = (span("colspan"), span("rowspan"));
        let Some(table) = self.tables.last_mut() else { return };
        table.take_spanned();
        (table.columns, table.lines, table.is_in_cell) = (columns, lines, true);
        self.words.clear();
    }

    fn end_cell(&mut self) {
        self.end_link();
        let words = one_line(&std::mem::take(&mut self.words));
        self.place = None;
        let is_short = words.len() <= MAX_REPEATED_BYTES && self.num_repeated < MAX_ALL_REPEATED_BYTES;
        if let Some(table) = self.tables.last_mut() {
            for number in 0..table.columns.max(1) {
                let column = table.row.len();
                if table.spans.len() <= column {
                    table.spans.resize(column + 1, (0, String::new()));
                }
                let words = if number == 0 { words.clone() } else { String::new() };
                let lines = table.lines.saturating_sub(1);
                let repeated = if is_short && lines > 0 { words.clone() } else { String::new() };
                self.num_repeated += lines * repeated.len();
                table.spans[column] = (lines, repeated);
                table.row.push(words);
            }
            table.is_in_cell = false;
        }
    }

    fn end_row(&mut self) {
        if let Some(table) = self.tables.last_mut().filter(|table| !table.row.is_empty()) {
            table.take_spanned();
            let row = std::mem::take(&mut table.row);
            table.rows.push(row);
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        if let Some(table) = self.tables.pop() {
            self.words.clear();
            self.place = None;
            self.writer.paragraph(&table.before, table.place.start..table.place.start);
            self.writer.table(&table.rows, table.place);
        }
    }

    /// Where an element's last text ends.
    fn end_of(&self, number: usize) -> usize {
        let element = &self.tree.elements[number];
        let inside = self.tree.events[element.opens..element.closes].iter().rev();
        let end = inside.map(|event| match event {
            Event::Text(_, place) => place.end,
            Event::Open(inner) | Event::Close(inner) => self.tree.elements[*inner].place.end,
        });
        end.take(8).max().unwrap_or(element.place.end)
    }

    /// The identifier of a heading, or of the section that begins with it.
    fn id_of(&self, number: usize) -> Option<String> {
        let element = &self.tree.elements[number];
        let own = element.attribute("id");
        let of_section = || {
            let parent = &self.tree.elements[element.parent?];
            let is_section = parent.name == "section" || parent.classes().any(|class| class == "section");
            parent.attribute("id").filter(|_| is_section)
        };
        own.or_else(of_section).map(str::to_owned)
    }

    /// The text of code, with its line breaks.
    fn code_of(&self, number: usize) -> String {
        let element = &self.tree.elements[number];
        let mut code = String::new();
        let mut at = element.opens + 1;
        while at < element.closes {
            match &self.tree.events[at] {
                Event::Open(inner) if self.page.left_out[*inner] => at = self.tree.elements[*inner].closes,
                Event::Open(inner) => {
                    let name = self.tree.elements[*inner].name.as_str();
                    let begins_line =
                        name == "br" || (!is_inline(name) && !code.is_empty() && !code.ends_with('\n'));
                    if begins_line {
                        code.push('\n');
                    }
                }
                Event::Text(words, _) => code.push_str(&words.replace('\u{a0}', " ")),
                Event::Close(_) => {}
            }
            at += 1;
        }
        code
    }
}

impl Table {
    /// Fills the columns that cells of rows above span.
    fn take_spanned(&mut self) {
        while let Some((lines, words)) = self.spans.get_mut(self.row.len()).filter(|(lines, _)| *lines > 0) {
            *lines -= 1;
            self.row.push(words.clone());
        }
    }
}

/// Whether a box has a title of its own.
fn has_title(tree: &Tree<'_>, number: usize) -> bool {
    /// The title is near the beginning.
    const NEAR: usize = 16;
    let element = &tree.elements[number];
    let inside = tree.events[element.opens + 1..element.closes].iter().take(NEAR);
    let mut elements = inside.filter_map(|event| match event {
        Event::Open(inner) => Some(&tree.elements[*inner]),
        _ => None,
    });
    elements.any(|inner| inner.name == "summary" || inner.classes().any(|class| TITLES.contains(&class)))
}

/// Whether a table holds data, and not the page's layout.
fn is_data(tree: &Tree<'_>, number: usize) -> bool {
    let table = &tree.elements[number];
    let is_in_box = || {
        let parent = table.parent.map(|parent| &tree.elements[parent]);
        parent.is_some_and(|parent| parent.classes().any(|class| class == "admonitionblock"))
    };
    let is_layout = table.attribute("role").is_some_and(|role| matches!(role, "presentation" | "none"))
        || table.classes().any(|class| matches!(class, "highlighttable" | "rouge-table" | "lntable"));
    table.cells > 1 && !table.holds.table && !is_layout && !is_in_box()
}

fn is_inline(name: &str) -> bool {
    html::is(name, Habit::Inline)
}

/// The language of a block of code, as one of the elements around it names it.
fn language_of(tree: &Tree<'_>, number: usize) -> String {
    const PREFIXES: [&str; 6] =
        ["language-", "lang-", "highlight-source-", "highlight-text-", "sourceCode-", "highlight-"];
    let of_element = |element: &Element| {
        let given = element.attribute("data-lang").or(element.attribute("data-language"));
        let brush = element
            .attribute("data-syntaxhighlighter-params")
            .and_then(|parameters| parameters.split(';').find_map(|part| part.trim().strip_prefix("brush:")));
        let of_class = || {
            element.classes().find_map(|class| PREFIXES.iter().find_map(|prefix| class.strip_prefix(prefix)))
        };
        given.or(brush).or_else(of_class).map(|name| name.trim().to_ascii_lowercase())
    };
    let element = &tree.elements[number];
    let inner = tree.events.get(element.opens + 1..element.closes).unwrap_or_default().iter().take(2);
    let inner = inner.filter_map(|event| match event {
        Event::Open(inner) => Some(&tree.elements[*inner]),
        _ => None,
    });
    let parent = element.parent.map(|parent| &tree.elements[parent]);
    let grandparent = parent.and_then(|parent| parent.parent).map(|parent| &tree.elements[parent]);
    let found = [element].into_iter().chain(inner).chain(parent).chain(grandparent).find_map(of_element);
    found
        .filter(|name| !matches!(name.as_str(), "default" | "none" | "plaintext" | "plain" | "text"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_sorted() {
        let names: Vec<&str> = FURNITURE.lines().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "sorted, each once");
        assert!(BOXES.is_sorted() && SORTS.is_sorted() && BARE_SORTS.is_sorted() && TITLES.is_sorted());
    }
}
