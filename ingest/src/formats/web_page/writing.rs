//! Writes the content of a page as Markdown, element by element.

use super::{
    boxes, code,
    content::{Page, without_signs},
    tables::{self, Table},
    tree::{Element, Event, Tree},
};
use crate::formats::{
    steps::Steps,
    written::{Writer, one_line, push_code, push_link, push_words},
};
use kb::html::{self, Habit};
use std::ops::Range;

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

/// The action at an element's end.
enum Action {
    Nothing,
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

struct Walk<'t, 'w, 's> {
    page: &'t Page<'t>,
    tree: &'t Tree<'t>,
    writer: &'w mut Writer<'s>,
    /// The block that is being read, as Markdown.
    words: String,
    place: Option<Range<usize>>,
    actions: Vec<Action>,
    /// The table that is open, if any: a table that holds another one is layout.
    tables: Vec<Table>,
    /// The start of the open link's words, and its address.
    link: Option<(usize, String)>,
    num_boxes: usize,
    /// Bytes that were repeated for cells over several rows.
    num_repeated: usize,
    is_in_caption: bool,
    /// The end of the last text.
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
            _ if self.num_boxes > 0 && boxes::is_title(element) => {
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
                let code = code::text_of(self.page, number);
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
                let code = code::text_of(self.page, number);
                let place = element.place.start..self.end_of(number);
                if let Some(words) = self.between() {
                    push_code(words, &code);
                } else if self.tables.last().is_some_and(|table| table.is_in_cell) || self.link.is_some() {
                    push_code(&mut self.words, &code);
                } else {
                    self.flush();
                    self.writer.code(&code::language_of(tree, number), &code, place);
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
            "blockquote" if boxes::sort_of(element).is_none() => {
                self.flush();
                if !self.is_in_cell() {
                    self.writer.open_quote();
                }
                Action::Quote
            }
            "table" if tables::is_data(tree, number) && self.tables.is_empty() => {
                self.flush();
                let place = element.place.start..self.end_of(number);
                self.tables.push(Table::at(place));
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
            _ if boxes::sort_of(element).is_some() => {
                self.flush();
                self.num_boxes += 1;
                if let Some(sort) =
                    boxes::sort_of(element).flatten().filter(|_| !boxes::has_title(tree, number))
                {
                    let place = element.place.clone();
                    self.label(&boxes::label_of(sort), place);
                }
                Action::Box
            }
            name if html::is(name, Habit::Inline) => Action::Nothing,
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
                self.label(&if boxes::is_sort(&words) { format!("{words}:") } else { words }, place);
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

    /// The place for text that stands in a table and outside its cells: before the table, where browsers show it.
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
        // Markup that began in a block which has ended begins again in the next block.
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
        if let Some(table) = self.tables.last_mut() {
            table.begin_cell(element);
            self.words.clear();
        }
    }

    fn end_cell(&mut self) {
        self.end_link();
        let words = one_line(&std::mem::take(&mut self.words));
        self.place = None;
        if let Some(table) = self.tables.last_mut() {
            table.end_cell(&words, &mut self.num_repeated);
        }
    }

    fn end_row(&mut self) {
        if let Some(table) = self.tables.last_mut() {
            table.end_row();
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

    /// The end of an element's last text.
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
}
