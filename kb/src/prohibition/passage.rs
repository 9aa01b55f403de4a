//! The prohibitions of a passage's Markdown, in whatever shape it gives them: sentences, items, steps, rows,
//! quotations, boxes, headings with what stands below them, comments in code.

use super::{
    Prohibition,
    sentence::{Found, forbidden},
};
use crate::{
    lists::{WordSet, lines, words},
    sentences::{self, Prose},
    text::visible,
};
use pulldown_cmark::{BlockQuoteKind, Event, Options, Parser, Tag, TagEnd};
use std::{collections::BTreeSet, sync::LazyLock};

/// The extensions of CommonMark that are read.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM);

/// A prohibition's text with the list below it is cut here.
const MAX_TEXT_BYTES: usize = 1_200;
/// The most bytes that are quoted of a warning that forbids nothing by itself.
const MAX_WARNING_BYTES: usize = 600;

pub(super) const LABELS_FILE: &str = include_str!("labels.txt");
pub(super) const NOES_FILE: &str = include_str!("noes.txt");

/// Labels of boxes and paragraphs that warn, lower case.
static LABELS: LazyLock<Vec<&str>> = LazyLock::new(|| lines(LABELS_FILE).collect());

/// The prohibitions of a passage, in their order; of the headings above it the last takes what stands below it.
pub fn of_passage(heading_path: &[String], markdown: &str) -> Vec<Prohibition> {
    let mut reader = Reader::default();
    for heading in heading_path {
        reader.heading(&one_line(heading));
    }
    for event in Parser::new_ext(markdown, OPTIONS) {
        reader.event(event);
    }
    reader.end_paragraph();
    reader.end_lead();
    let mut seen = BTreeSet::new();
    reader.found.retain(|prohibition| seen.insert(prohibition.text.clone()));
    reader.found
}

/// The prohibition that a document's title states by itself.
pub fn of_title(title: &str) -> Option<Prohibition> {
    let title = one_line(title);
    forbidden(&title).map(|found| Prohibition::new(title, found.actions))
}

/// A sentence that forbids the things named below it.
struct Lead {
    text: String,
    actions: BTreeSet<String>,
    /// Whether the list below names what is forbidden.
    takes_items: bool,
    /// Whether the first sentence below belongs to it.
    takes_sentence: bool,
    items: Vec<String>,
}

#[derive(Default)]
struct Reader {
    found: Vec<Prohibition>,
    lead: Option<Lead>,
    text: String,
    /// Whether the paragraph so far is bold, and where its bold beginning ended.
    strong: usize,
    strong_end: Option<usize>,
    is_heading: bool,
    items: usize,
    /// A box whose label warns, with what was said in it, and whether any of it forbids.
    warning: Option<(String, bool)>,
    quotes: Vec<bool>,
    /// A label alone in its paragraph: the next paragraph is what it warns of.
    is_labelled: bool,
    code: Option<String>,
    cells: Option<Vec<String>>,
    images: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.push(&text),
            },
            Event::Code(code) => self.push(&format!("`{code}`")),
            Event::SoftBreak | Event::HardBreak => {
                // A bold line is a heading to a reader.
                if self.strong == 0 && self.strong_end == Some(self.text.len()) {
                    let line = one_line(&std::mem::take(&mut self.text));
                    self.strong_end = None;
                    match labelled(&line) {
                        (true, "") => self.is_labelled = true,
                        _ => self.heading(&line),
                    }
                } else {
                    self.push(" ");
                }
            }
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        if self.images == 0 {
            self.text.push_str(text);
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.end_paragraph();
                self.end_lead();
                self.is_heading = true;
            }
            Tag::Strong => self.strong += 1,
            Tag::Image { .. } => self.images += 1,
            Tag::BlockQuote(kind) => {
                self.end_paragraph();
                let warns = matches!(
                    kind,
                    Some(BlockQuoteKind::Warning | BlockQuoteKind::Caution | BlockQuoteKind::Important)
                );
                let begins = warns && self.warning.is_none();
                if begins {
                    self.warning = Some((String::new(), false));
                }
                self.quotes.push(begins);
            }
            Tag::List(_) => self.end_paragraph(),
            Tag::Item => {
                self.end_paragraph();
                self.items += 1;
            }
            Tag::CodeBlock(_) => {
                self.end_paragraph();
                self.code = Some(String::new());
            }
            Tag::TableRow | Tag::TableHead => self.cells = Some(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.is_heading = false;
                let heading = one_line(&std::mem::take(&mut self.text));
                self.heading(&heading);
            }
            TagEnd::Strong => {
                self.strong = self.strong.saturating_sub(1);
                self.strong_end = Some(self.text.len());
            }
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            TagEnd::Paragraph => self.end_paragraph(),
            TagEnd::Item => {
                self.end_paragraph();
                self.items = self.items.saturating_sub(1);
            }
            TagEnd::List(_) if self.items == 0 => self.end_lead(),
            TagEnd::BlockQuote(_) => {
                self.end_paragraph();
                if self.quotes.pop() == Some(true) {
                    self.end_warning();
                }
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                for line in code.lines() {
                    if let Some(comment) = comment(line) {
                        self.sentences(comment);
                    }
                }
            }
            TagEnd::TableCell => {
                let cell = one_line(&std::mem::take(&mut self.text));
                if let Some(cells) = &mut self.cells {
                    cells.push(cell);
                }
            }
            TagEnd::TableRow | TagEnd::TableHead => {
                let cells = self.cells.take().unwrap_or_default();
                self.row(&cells);
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        if self.cells.is_some() || self.is_heading {
            return;
        }
        let is_bold = self.strong_end == Some(self.text.trim_end().len());
        self.strong_end = None;
        let text = one_line(&std::mem::take(&mut self.text));
        if text.is_empty() {
            return;
        }
        let was_labelled = std::mem::take(&mut self.is_labelled);
        if self.items > 0 && self.lead.as_ref().is_some_and(|lead| lead.takes_items) {
            return self.item(&text);
        }
        let (label, rest) = labelled(&text);
        if label && rest.is_empty() {
            self.is_labelled = true;
            return;
        }
        let begins = (label || was_labelled) && self.warning.is_none();
        if begins {
            self.warning = Some((String::new(), false));
        }
        match is_bold && self.items == 0 && split(rest).len() == 1 {
            true => self.heading(rest),
            false => self.sentences(rest),
        }
        if begins {
            self.end_warning();
        }
    }

    /// The text in a warning's box counts even if it forbids nothing by itself.
    fn end_warning(&mut self) {
        self.end_lead();
        let Some((text, forbids)) = self.warning.take() else { return };
        if !forbids && !text.is_empty() {
            let end = text.floor_char_boundary(MAX_WARNING_BYTES);
            self.found.push(Prohibition::new(text[..end].to_owned(), BTreeSet::new()));
        }
    }

    /// A line above others: if it forbids, the items and the sentence below it can belong to the prohibition.
    fn heading(&mut self, heading: &str) {
        self.end_lead();
        let Some(Found { actions, is_lead, .. }) = forbidden(heading) else { return };
        self.forbade();
        let text = heading.trim_end_matches([':', '：', ' ', '.', '。', '!', '！']).to_owned();
        self.lead =
            Some(Lead { text, actions, takes_items: is_lead, takes_sentence: true, items: Vec::new() });
    }

    fn sentences(&mut self, text: &str) {
        let sentences = split(text);
        let last = sentences.len().saturating_sub(1);
        let mut asked: Option<&str> = None;
        for (at, sentence) in sentences.into_iter().enumerate() {
            // A question that this sentence answers with no: `Restart it? Never.`
            let question = asked.take().filter(|_| is_no(sentence));
            if let Some(question) = question
                && let Some(found) = forbidden(&format!("do not {}", question.trim_end_matches(['?', '？'])))
            {
                self.forbade();
                self.found.push(Prohibition::new(format!("{question} {sentence}"), found.actions));
                continue;
            }
            asked = sentence.ends_with(['?', '？']).then_some(sentence);
            if let Some((said, _)) = &mut self.warning {
                push_spaced(said, sentence);
            }
            let Some(found) = forbidden(sentence) else {
                if let Some(lead) = &mut self.lead
                    && std::mem::take(&mut lead.takes_sentence)
                {
                    lead.items.push(sentence.to_owned());
                }
                continue;
            };
            self.end_lead();
            self.forbade();
            let introduces = sentence.ends_with([':', '：']) && at == last;
            match introduces {
                true => {
                    self.lead = Some(Lead {
                        text: sentence.trim_end_matches([':', '：']).to_owned(),
                        actions: found.actions,
                        takes_items: true,
                        takes_sentence: false,
                        items: Vec::new(),
                    });
                }
                false => self.found.push(Prohibition::new(sentence.to_owned(), found.actions)),
            }
        }
    }

    fn item(&mut self, text: &str) {
        if let Some((said, forbids)) = &mut self.warning {
            push_spaced(said, text);
            *forbids = true;
        }
        if let Some(lead) = &mut self.lead {
            lead.items.push(text.trim_end_matches(['.', ';', '。', '；']).to_owned());
        }
    }

    fn row(&mut self, cells: &[String]) {
        let first = cells.first().map(String::as_str).unwrap_or_default();
        for (at, cell) in cells.iter().enumerate() {
            for sentence in split(cell) {
                let Some(found) = forbidden(sentence) else { continue };
                let text = match at {
                    0 => sentence.to_owned(),
                    _ => format!("{first} — {sentence}"),
                };
                self.found.push(Prohibition::new(text, found.actions));
            }
        }
    }

    fn forbade(&mut self) {
        if let Some((_, forbids)) = &mut self.warning {
            *forbids = true;
        }
    }

    fn end_lead(&mut self) {
        let Some(Lead { mut text, mut actions, items, takes_items, .. }) = self.lead.take() else { return };
        if !items.is_empty() {
            text.push_str(": ");
            text.push_str(&items.join("; "));
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        }
        if takes_items && actions.is_empty() {
            for item in &items {
                // Read as it is meant: forbidden.
                actions.extend(
                    forbidden(&format!("do not {item}")).map(|found| found.actions).unwrap_or_default(),
                );
            }
        }
        self.found.push(Prohibition::new(text, actions));
    }
}

static NOES: LazyLock<WordSet> = LazyLock::new(|| words(NOES_FILE));

/// Whether a sentence only says no.
fn is_no(sentence: &str) -> bool {
    let bare = sentence.trim_end_matches(['.', '!', '。', '！']).to_lowercase();
    NOES.contains(bare.as_str())
}

/// Whether a paragraph begins with a label that warns, and the text after the label.
fn labelled(text: &str) -> (bool, &str) {
    let lower = text.to_lowercase();
    for label in LABELS.iter() {
        // Lower case may be longer than what it came from.
        if let Some(rest) = lower.strip_prefix(label)
            && rest.starts_with([':', '：', '!', '！'])
            && let Some(rest) = text.get(label.len()..)
        {
            return (true, rest.trim_start_matches([':', '：', '!', '！', ' ']));
        }
    }
    (false, text)
}

/// A comment in code, without its marks.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim();
    let comment = ["#", "//", "--", ";"].iter().find_map(|mark| line.strip_prefix(mark))?;
    Some(comment.trim_start_matches(['#', '/', '-', '!', ' ']))
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in visible(text).split_whitespace() {
        push_spaced(&mut line, word);
    }
    line
}

fn push_spaced(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

fn split(text: &str) -> Vec<&str> {
    sentences::split(text, Prose::Document)
}
