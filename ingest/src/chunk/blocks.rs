//! A text's sections and their blocks: what the chunker may cut between.

use crate::dialect;
use kb::text::visible;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Tag, TagEnd};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

/// The text between two headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'t> {
    /// Headings above and including this section's, outermost first, the document's title left out.
    pub(super) path: Vec<String>,
    /// Level of this section's heading, 1 to 6; 0 for the text before the first heading, 7 for an entry without a
    /// heading of its own.
    pub(super) level: usize,
    /// The range of the heading itself.
    pub(super) heading_range: Range<usize>,
    /// Fragment of the heading.
    pub(super) anchor: Option<String>,
    /// Whether chunks may not reach across this section's start.
    pub(super) starts_part: bool,
    /// The section's blocks, in order.
    pub(super) blocks: Vec<Block<'t>>,
}

impl Section<'_> {
    /// The heading as Markdown.
    pub(super) fn heading_line(&self) -> Option<String> {
        self.path.last().map(|heading| format!("{} {heading}", "#".repeat(self.level.max(1))))
    }
}

/// A block: whole lines of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block<'t> {
    pub(super) range: Range<usize>,
    pub(super) shape: Shape<'t>,
}

/// How a block may be cut when it is too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape<'t> {
    /// At sentences, lines, words.
    Prose,
    /// Fenced or indented code: between lines of `content`, each part in a fence with the same info string.
    Code { info: &'t str, content: Range<usize> },
    /// Cut between rows; the first of `rows` is the header, which is repeated. `columns` is for the line below it.
    Table { rows: Vec<Range<usize>>, columns: usize },
    /// Cut between items, then between the blocks of an item.
    List { items: Vec<Vec<Block<'t>>> },
}

/// Lists nested deeper than this are cut like prose.
const MAX_NESTING: usize = 8;

/// Sections of a plain text: one, with a block for each paragraph.
pub(super) fn plain_sections(text: &str) -> Vec<Section<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut paragraph: Option<Range<usize>> = None;
    let mut at = 0;
    let mut finish = |paragraph: &mut Option<Range<usize>>| {
        if let Some(range) = paragraph.take() {
            blocks.push(Block { range: without_end(text, range), shape: Shape::Prose });
        }
    };
    for line in text.split_inclusive('\n') {
        match line.trim().is_empty() {
            true => finish(&mut paragraph),
            false => paragraph = Some(paragraph.map_or(at, |range| range.start)..at + line.len()),
        }
        at += line.len();
    }
    finish(&mut paragraph);
    vec![Section { path: Vec::new(), level: 0, heading_range: 0..0, anchor: None, starts_part: true, blocks }]
}

/// Sections of a Markdown text. The only first-level heading is left out of the paths when it says the title.
pub(super) fn markdown_sections<'t>(text: &'t str, title: &str) -> Vec<Section<'t>> {
    let mut sections = vec![Section {
        path: Vec::new(),
        level: 0,
        heading_range: 0..0,
        anchor: None,
        starts_part: true,
        blocks: Vec::new(),
    }];
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut anchors = Anchors::default();
    let mut title_seen = false;
    // If several headings stand at the top, the first is a section like the others.
    let num_tops = dialect::parse(text)
        .filter(|(event, _)| matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })))
        .count();
    let mut covered = 0;
    let mut events = Events { inner: dialect::parse(text), text };
    while let Some((event, range)) = events.inner.next() {
        // Words that no block claims are a block of their own.
        push_gap(text, covered..range.start, &mut sections);
        covered = covered.max(range.end);
        if let Event::Start(Tag::Heading { level, id, .. }) = event {
            let heading = events.heading_text();
            let level = level as usize;
            let anchor = anchors.anchor(id.as_deref(), &heading);
            if heading.is_empty() {
                continue;
            }
            // Headings that stand one below the other share the text after the last of them.
            let shares = |(above, _): &(usize, String)| {
                *above == level
                    && sections.last().is_some_and(|last| last.level == level && last.blocks.is_empty())
            };
            open.retain(|heading| heading.0 < level || (level > 1 && shares(heading)));
            let says_title = level == 1 && !title_seen && heading == title && num_tops == 1;
            title_seen |= level == 1;
            if !says_title {
                open.push((level, heading));
            }
            sections.push(Section {
                path: open.iter().map(|(_, heading)| heading.clone()).collect(),
                level,
                heading_range: without_end(text, range),
                anchor: Some(anchor).filter(|anchor| !anchor.is_empty()),
                starts_part: level <= 2,
                blocks: Vec::new(),
            });
        } else if let Some(block) = events.block(event, range, 0)
            && let Some(section) = sections.last_mut()
        {
            section.blocks.push(block);
        }
    }
    push_gap(text, covered..text.len(), &mut sections);
    sections
}

fn push_gap<'t>(text: &'t str, gap: Range<usize>, sections: &mut [Section<'t>]) {
    if gap.start < gap.end
        && text[gap.clone()].chars().any(char::is_alphanumeric)
        && let Some(section) = sections.last_mut()
    {
        let lead = text[gap.clone()].len() - text[gap.clone()].trim_start().len();
        section
            .blocks
            .push(Block { range: without_end(text, gap.start + lead..gap.end), shape: Shape::Prose });
    }
}

/// The range without white space at its end.
fn without_end(text: &str, range: Range<usize>) -> Range<usize> {
    let kept = text[range.clone()].trim_end().len();
    range.start..range.start + kept
}

/// Reads blocks from the parser's events.
struct Events<'t> {
    inner: pulldown_cmark::OffsetIter<'t>,
    text: &'t str,
}

impl<'t> Events<'t> {
    /// The words of a heading whose start was read; reads to its end.
    fn heading_text(&mut self) -> String {
        let mut words = String::new();
        for (event, _) in self.inner.by_ref() {
            match event {
                Event::End(TagEnd::Heading(_)) => break,
                Event::Text(text) | Event::Code(text) | Event::InlineHtml(text) => words.push_str(&text),
                Event::SoftBreak | Event::HardBreak => words.push(' '),
                _ => {}
            }
        }
        visible(&words).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The block that an event begins; reads to its end. `None` for what has no words, such as a rule.
    fn block(&mut self, event: Event<'t>, range: Range<usize>, depth: usize) -> Option<Block<'t>> {
        let shape = match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let content = self.code_content(range.start);
                Shape::Code { info: info_string(self.text, &range, &kind), content }
            }
            Event::Start(Tag::Table(alignments)) => {
                Shape::Table { rows: self.rows(), columns: alignments.len() }
            }
            Event::Start(Tag::List(_)) if depth < MAX_NESTING => Shape::List { items: self.items(depth) },
            Event::Start(_) => {
                self.skip();
                Shape::Prose
            }
            Event::Rule => return None,
            _ => Shape::Prose,
        };
        let range = without_end(self.text, range);
        (!range.is_empty()).then_some(Block { range, shape })
    }

    /// Reads to the end of the element whose start was read.
    fn skip(&mut self) {
        let mut depth = 1usize;
        for (event, _) in self.inner.by_ref() {
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The range of the code within a code block.
    fn code_content(&mut self, start: usize) -> Range<usize> {
        let mut content: Option<Range<usize>> = None;
        for (event, range) in self.inner.by_ref() {
            match event {
                Event::End(TagEnd::CodeBlock) => break,
                Event::Text(_) => {
                    let start = content.map_or(range.start, |content| content.start);
                    content = Some(start..range.end);
                }
                _ => {}
            }
        }
        content.unwrap_or(start..start)
    }

    /// The rows of a table, the header first.
    fn rows(&mut self) -> Vec<Range<usize>> {
        let mut rows = Vec::new();
        for (event, range) in self.inner.by_ref() {
            match event {
                Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(without_end(self.text, range)),
                Event::End(TagEnd::Table) => break,
                _ => {}
            }
        }
        rows
    }

    /// The items of a list, each with its blocks. An item's first block begins with the item's marker.
    fn items(&mut self, depth: usize) -> Vec<Vec<Block<'t>>> {
        let mut items = Vec::new();
        while let Some((event, range)) = self.inner.next() {
            match event {
                Event::Start(Tag::Item) => items.push(self.item(range, depth)),
                Event::End(TagEnd::List(_)) => break,
                _ => {}
            }
        }
        items
    }

    fn item(&mut self, item: Range<usize>, depth: usize) -> Vec<Block<'t>> {
        let mut blocks: Vec<Block<'t>> = Vec::new();
        // A tight item's words stand in it without a paragraph around them.
        let mut loose: Option<Range<usize>> = None;
        while let Some((event, range)) = self.inner.next() {
            let is_inline = match &event {
                Event::End(TagEnd::Item) => break,
                Event::Start(tag) => matches!(
                    tag,
                    Tag::Emphasis
                        | Tag::Strong
                        | Tag::Strikethrough
                        | Tag::Link { .. }
                        | Tag::Image { .. }
                        | Tag::Superscript
                        | Tag::Subscript
                ),
                _ => true,
            };
            if is_inline {
                if matches!(event, Event::Start(_)) {
                    self.skip();
                }
                loose = Some(loose.map_or(range.start, |loose| loose.start)..range.end);
                continue;
            }
            if let Some(range) = loose.take() {
                blocks.push(Block { range: without_end(self.text, range), shape: Shape::Prose });
            }
            blocks.extend(self.block(event, range, depth + 1));
        }
        if let Some(range) = loose {
            blocks.push(Block { range: without_end(self.text, range), shape: Shape::Prose });
        }
        blocks.retain(|block| !block.range.is_empty());
        match blocks.first_mut() {
            Some(first) if matches!(first.shape, Shape::Prose) => first.range.start = item.start,
            _ => {}
        }
        blocks
    }
}

/// The words after a fence, as written.
fn info_string<'t>(text: &'t str, block: &Range<usize>, kind: &CodeBlockKind<'_>) -> &'t str {
    match kind {
        CodeBlockKind::Indented => "",
        CodeBlockKind::Fenced(_) => {
            let line = text[block.clone()].lines().next().unwrap_or_default();
            line.trim_start_matches(['`', '~', ' ', '\t']).trim_end()
        }
    }
}

/// Fragments as GitHub makes them, unique within a document.
#[derive(Default)]
pub(crate) struct Anchors {
    taken: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Anchors {
    /// The fragment of the next heading, which may give one itself.
    pub(crate) fn anchor(&mut self, given: Option<&str>, heading: &str) -> String {
        let wanted = given.map_or_else(|| slug(heading), str::to_owned);
        let mut anchor = wanted.clone();
        let number = self.next.entry(wanted.clone()).or_default();
        while !self.taken.insert(anchor.clone()) {
            *number += 1;
            anchor = format!("{wanted}-{number}");
        }
        anchor
    }
}

/// Lower case, spaces as hyphens, other punctuation left out.
fn slug(heading: &str) -> String {
    let mut slug = String::with_capacity(heading.len());
    for character in heading.chars().flat_map(char::to_lowercase) {
        match character {
            ' ' => slug.push('-'),
            '-' | '_' => slug.push(character),
            _ if character.is_alphanumeric() => slug.push(character),
            _ => {}
        }
    }
    slug
}
