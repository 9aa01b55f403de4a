//! A passage's Markdown as units one can quote alone: sentences, steps, table rows, commands, warnings. Pure.

use kb::{
    html::{self, Habit},
    lists,
    sentences::Prose,
};
use pulldown_cmark::{BlockQuoteKind, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// The extensions of CommonMark that are read.
pub const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM);

/// A part of a passage that makes sense alone. Texts are one line; code stands in backticks; links are their texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// A sentence of running text.
    Sentence {
        text: String,
        /// Whether its paragraph ends with it.
        ends_paragraph: bool,
    },
    /// An item of a list.
    Step {
        /// Its first paragraph, without the marker.
        text: String,
        /// Whether the list is numbered.
        ordered: bool,
        /// The rest of the item in order: nested items, code, further paragraphs.
        below: Vec<Unit>,
    },
    /// A row of a table with its header.
    Row {
        /// The cells of the header, as Markdown.
        header: Vec<String>,
        /// The cells, as many as the header has at most.
        cells: Vec<String>,
    },
    /// A code block.
    Code {
        /// The info string's first word.
        language: String,
        /// The text, as it stands, without the last line's end.
        text: String,
    },
    /// A warning or caution.
    Warning(String),
}

/// Reads a passage's units in order. Headings, images and HTML are left out.
pub fn units(markdown: &str) -> Vec<Unit> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(markdown, OPTIONS) {
        reader.event(event);
    }
    reader.end_paragraph();
    reader.units
}

/// The byte ranges of code spans and code blocks, in order.
pub fn code_ranges(markdown: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (event, range) in Parser::new_ext(markdown, OPTIONS).into_offset_iter() {
        if matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))) {
            ranges.push(range);
        }
    }
    ranges
}

/// A block's text or code, without those of the blocks in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Where it stands, from its first to its last sign.
    pub range: Range<usize>,
    /// The list item or quotation that it stands in, by its place in [`Outline::parents`].
    pub parent: Option<usize>,
    /// Whether it is a paragraph or an item's own text.
    pub is_running_text: bool,
    /// Whether it is a heading.
    pub is_heading: bool,
    /// Whether it is code.
    pub is_code: bool,
}

/// How the blocks of a text stand in each other.
#[derive(Debug, Default)]
pub struct Outline {
    /// Of each list item and quotation, in order, the one that it stands in.
    pub parents: Vec<Option<usize>>,
    /// The numbers of the items at the top; those of lists without numbers have none.
    pub item_numbers: Vec<Option<usize>>,
    /// The texts, in order.
    pub leaves: Vec<Leaf>,
}

/// Reads how the blocks of a text stand in each other.
pub fn outline(markdown: &str) -> Outline {
    let mut outline = Outline::default();
    let mut open: Vec<usize> = Vec::new();
    let mut numbers: Vec<Option<usize>> = Vec::new();
    let (mut is_heading, mut is_cell, mut in_code) = (false, false, false);
    // Running text that still goes on.
    let mut run: Option<Range<usize>> = None;
    for (event, range) in Parser::new_ext(markdown, OPTIONS).into_offset_iter() {
        let goes_on = match &event {
            Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::InlineHtml(_) => {
                !in_code
            }
            Event::TaskListMarker(_) => true,
            Event::Start(tag) => is_inline(&tag.to_end()),
            Event::End(tag) => is_inline(tag),
            _ => false,
        };
        match (&mut run, goes_on) {
            (Some(run), true) => run.end = run.end.max(range.end),
            (None, true) => run = Some(range.clone()),
            (_, false) => {
                if let Some(range) = run.take() {
                    let is_running_text = !is_heading && !is_cell;
                    let parent = open.last().copied();
                    outline.leaves.push(Leaf { range, parent, is_running_text, is_heading, is_code: false });
                }
            }
        }
        match event {
            Event::Start(Tag::Heading { .. }) => is_heading = true,
            Event::End(TagEnd::Heading(_)) => is_heading = false,
            Event::Start(Tag::Table(_)) => is_cell = true,
            Event::End(TagEnd::Table) => is_cell = false,
            Event::Start(Tag::CodeBlock(_)) => {
                in_code = true;
                let parent = open.last().copied();
                outline.leaves.push(Leaf {
                    range,
                    parent,
                    is_running_text: false,
                    is_heading: false,
                    is_code: true,
                });
            }
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::List(start)) => {
                numbers.push(start.and_then(|start| usize::try_from(start).ok()))
            }
            Event::End(TagEnd::List(_)) => {
                numbers.pop();
            }
            Event::Start(Tag::Item) => {
                if let [number] = numbers.as_mut_slice() {
                    outline.item_numbers.push(*number);
                    *number = number.map(|number| number + 1);
                }
                outline.parents.push(open.last().copied());
                open.push(outline.parents.len() - 1);
            }
            Event::Start(Tag::BlockQuote(_)) => {
                outline.parents.push(open.last().copied());
                open.push(outline.parents.len() - 1);
            }
            Event::End(TagEnd::Item | TagEnd::BlockQuote(_)) => {
                open.pop();
            }
            _ => {}
        }
    }
    outline
}

/// Whether a tag stands within running text.
pub fn is_inline(tag: &TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::Superscript
            | TagEnd::Subscript
    )
}

#[derive(Default)]
struct Reader {
    units: Vec<Unit>,
    /// The block's inline text so far.
    text: String,
    /// Ordered or not, for each open list.
    lists: Vec<bool>,
    /// Open list items: the first paragraph, and the units below it.
    items: Vec<(String, Vec<Unit>)>,
    /// Open warnings; inside, everything is part of one text.
    warning: Option<String>,
    /// Open block quotes, and whether each began the warning.
    quotes: Vec<bool>,
    header: Vec<String>,
    cells: Vec<String>,
    code: Option<(String, String)>,
    heading: bool,
    images: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.push(&text),
            },
            Event::Code(code) => self.push(&format!("`{code}`")),
            Event::SoftBreak | Event::HardBreak => self.push(" "),
            Event::InlineHtml(html) if is_placeholder(&html) => self.push(&html),
            Event::InlineHtml(html) if html.to_ascii_lowercase().starts_with("<br") => self.push(" "),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        if !self.heading && self.images == 0 {
            self.text.push_str(text);
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.end_paragraph();
                self.heading = true;
            }
            Tag::Image { .. } => self.images += 1,
            Tag::BlockQuote(kind) => {
                self.end_paragraph();
                let warns = matches!(
                    kind,
                    Some(BlockQuoteKind::Warning | BlockQuoteKind::Caution | BlockQuoteKind::Important)
                );
                let begins = warns && self.warning.is_none();
                if begins {
                    self.warning = Some(String::new());
                }
                self.quotes.push(begins);
            }
            Tag::List(start) => {
                self.end_paragraph();
                self.lists.push(start.is_some());
            }
            Tag::Item => {
                self.end_paragraph();
                self.items.push((String::new(), Vec::new()));
            }
            Tag::CodeBlock(kind) => {
                self.end_paragraph();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split_whitespace().next().unwrap_or_default().to_owned()
                    }
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::TableHead => self.header.clear(),
            Tag::TableRow => self.cells.clear(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => self.heading = false,
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            TagEnd::Paragraph => self.end_paragraph(),
            TagEnd::BlockQuote(_) => {
                self.end_paragraph();
                if self.quotes.pop() == Some(true)
                    && let Some(warning) = self.warning.take().filter(|text| !text.trim().is_empty())
                {
                    self.place(Unit::Warning(warning.trim().to_owned()));
                }
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Item => self.end_item(),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::TableCell => {
                let cell = one_line(&std::mem::take(&mut self.text));
                self.cells.push(cell);
            }
            TagEnd::TableHead => self.header = std::mem::take(&mut self.cells),
            TagEnd::TableRow => {
                let cells = std::mem::take(&mut self.cells);
                let header = self.header.clone();
                self.place(Unit::Row { header, cells });
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let text = one_line(&std::mem::take(&mut self.text));
        if text.is_empty() {
            return;
        }
        if let Some(warning) = &mut self.warning {
            push_sentence(warning, &text);
        } else if let Some((item, below)) = self.items.last_mut()
            && item.is_empty()
            && below.is_empty()
        {
            *item = text;
        } else if let Some(warning) = plain_warning(&text) {
            let warning = warning.to_owned();
            self.place(Unit::Warning(warning));
        } else {
            let sentences: Vec<String> = sentences(&text).into_iter().map(str::to_owned).collect();
            let num_sentences = sentences.len();
            for (at, text) in sentences.into_iter().enumerate() {
                self.place(Unit::Sentence { text, ends_paragraph: at + 1 == num_sentences });
            }
        }
    }

    /// Puts a unit where it belongs: into the item that is open, or to the others.
    fn place(&mut self, unit: Unit) {
        match self.items.last_mut() {
            Some((_, below)) => below.push(unit),
            None => self.units.push(unit),
        }
    }

    fn end_item(&mut self) {
        self.end_paragraph();
        let Some((text, below)) =
            self.items.pop().filter(|(text, below)| !text.is_empty() || !below.is_empty())
        else {
            return;
        };
        let ordered = self.lists.last().copied().unwrap_or_default();
        match &mut self.warning {
            Some(warning) => push_sentence(warning, &text),
            None => self.place(Unit::Step { text, ordered, below }),
        }
    }

    fn end_code(&mut self) {
        let Some((language, code)) = self.code.take() else { return };
        let text = code.trim_end().to_owned();
        if !text.is_empty() {
            self.place(Unit::Code { language, text });
        }
    }
}

/// `<pod-name>`, as people write what a reader must fill in; no HTML element, no attributes.
pub fn is_placeholder(html: &str) -> bool {
    let Some(name) = html.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else { return false };
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    plain && name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_element(name)
}

/// Whether a name is that of an HTML element, and not more likely a placeholder's.
pub fn is_element(name: &str) -> bool {
    html::is(&name.to_ascii_lowercase(), Habit::Shown)
}

fn push_sentence(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

fn one_line(text: &str) -> String {
    crate::text::one_line(text)
}

/// Labels of such paragraphs, in lower case.
const WARNING_LABELS: &str = include_str!("markdown/warning_labels.txt");

/// `Warning: ...` as a paragraph, which is how cleaned admonitions arrive.
fn plain_warning(text: &str) -> Option<&str> {
    let lower = text.to_lowercase();
    let label = lists::lines(WARNING_LABELS).find(|label| lower.starts_with(label))?;
    text.get(label.len()..).map(str::trim).filter(|text| !text.is_empty())
}

/// Splits running text at sentence ends outside code.
pub fn sentences(text: &str) -> Vec<&str> {
    kb::sentences::split(text, Prose::Answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_are_sorted_and_unique() {
        assert_eq!(lists::unsorted(WARNING_LABELS), None);
    }

    #[test]
    fn a_passage_is_read_as_units() {
        let passage = "\
## Diagnosis

The kubelet asks e.g. containerd. It failed; see [events](x.md).

> [!CAUTION]
> Do not restart it. Not even once.

1. Look at `kubectl get pods`:
   ```bash
   kubectl describe pod <pod-name>
   ```

   Wait.
2. Then
   - this
   - that

| Event | Cause |
| --- | --- |
| `401` | no secret ![x](y.png) |

```bash
kubectl get events
kubectl get nodes
```

Warning: data is lost.
";
        let sentence = |text: &str, ends_paragraph| Unit::Sentence { text: text.to_owned(), ends_paragraph };
        let code = |text: &str| Unit::Code { language: "bash".to_owned(), text: text.to_owned() };
        let step = |text: &str, ordered, below| Unit::Step { text: text.to_owned(), ordered, below };
        let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            units(passage),
            [
                sentence("The kubelet asks e.g. containerd.", false),
                sentence("It failed; see events.", true),
                Unit::Warning("Do not restart it. Not even once.".to_owned()),
                step(
                    "Look at `kubectl get pods`:",
                    true,
                    vec![code("kubectl describe pod <pod-name>"), sentence("Wait.", true)]
                ),
                step("Then", true, vec![step("this", false, vec![]), step("that", false, vec![])]),
                Unit::Row { header: cells(["Event", "Cause"]), cells: cells(["`401`", "no secret"]) },
                code("kubectl get events\nkubectl get nodes"),
                Unit::Warning("data is lost.".to_owned()),
            ]
        );
    }
}
