//! The structure of a document's text as far as the checks look at it: headings with what stands below them, code,
//! lists, sentences that forbid.

use crate::{chunk::Anchors, dialect};
use kb::{prohibition, text::visible};
use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};
use std::ops::Range;

/// A heading, or a paragraph that is bold as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    /// 1 to 6; 7 for a bold paragraph.
    pub(super) level: usize,
    pub(super) words: String,
    /// The identifier that it gives itself, if it does.
    pub(super) given: Option<String>,
    /// The identifier that leads to it.
    pub(super) anchor: String,
    pub(super) start: usize,
    /// Whether words stand between it and the next heading.
    pub(super) has_words: bool,
}

/// Code, in a block or in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) is_block: bool,
    /// The paragraph that it stands in; of a block, the one before it.
    pub(super) said: Range<usize>,
}

impl Code {
    /// Whether the paragraph that it belongs to forbids something.
    pub(super) fn is_forbidden(&self, text: &str) -> bool {
        let start =
            text.ceil_char_boundary(self.said.end.saturating_sub(MAX_PARAGRAPH_BYTES).max(self.said.start));
        let said = &text[start..self.said.end.max(start)];
        said.chars().any(char::is_alphabetic) && !prohibition::of_passage(&[], said).is_empty()
    }
}

/// The structure of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) headings: Vec<Heading>,
    pub(super) codes: Vec<Code>,
    /// Words outside headings; where words are not parted by spaces, pieces of sentences.
    pub(super) num_words: usize,
    /// Items of numbered lists.
    pub(super) num_steps: usize,
    /// The starts of blocks of code whose fence is not closed.
    pub(super) open_fences: Vec<usize>,
}

impl Outline {
    pub(super) fn of(text: &str) -> Self {
        let mut reader = Reader::default();
        for (event, range) in dialect::parse(text) {
            reader.event(event, range, text);
        }
        reader.outline
    }
}

/// Only the end of a longer paragraph is searched for prohibitions.
const MAX_PARAGRAPH_BYTES: usize = 4 << 10;

/// A longer paragraph is not a heading, however bold it is.
const MAX_LABEL_BYTES: usize = 120;

#[derive(Default)]
struct Reader {
    outline: Outline,
    anchors: Anchors,
    heading: Option<(usize, Option<String>, usize)>,
    /// The words of the heading or of the paragraph.
    words: String,
    /// The range of the words.
    said: Range<usize>,
    /// How many of the paragraph's words are bold.
    num_bold: usize,
    strong: usize,
    /// Codes of the paragraph that is read.
    in_sentence: usize,
    /// The range of the paragraph before.
    before: Range<usize>,
    code: Option<(String, Range<usize>, bool)>,
    numbered: Vec<bool>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, range: Range<usize>, text: &str) {
        match event {
            Event::Start(Tag::Heading { level, id, .. }) => {
                self.end_paragraph();
                self.heading = Some((level as usize, id.map(|id| id.into_string()), range.start));
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(range),
            Event::Start(Tag::CodeBlock(kind)) => {
                self.end_paragraph();
                let is_open = matches!(kind, CodeBlockKind::Fenced(_)) && !is_closed(&text[range.clone()]);
                self.code = Some((String::new(), range, is_open));
            }
            Event::End(TagEnd::CodeBlock) => self.end_code(),
            Event::Start(Tag::Strong) => self.strong += 1,
            Event::End(TagEnd::Strong) => self.strong = self.strong.saturating_sub(1),
            Event::Start(Tag::List(first)) => {
                self.end_paragraph();
                self.numbered.push(first.is_some());
            }
            Event::End(TagEnd::List(_)) => {
                self.end_paragraph();
                self.numbered.pop();
            }
            Event::Start(Tag::Item) => {
                self.end_paragraph();
                self.outline.num_steps += usize::from(self.numbered.last() == Some(&true));
            }
            Event::Start(Tag::Paragraph | Tag::TableCell)
            | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => self.end_paragraph(),
            Event::Text(words) => match &mut self.code {
                Some((code, ..)) => code.push_str(&words),
                None => self.push(&words, range),
            },
            Event::Code(code) => {
                self.push(&code, range.clone());
                if self.heading.is_none() {
                    self.in_sentence += 1;
                    self.add_code(code.into_string(), range.start, false);
                }
            }
            Event::SoftBreak | Event::HardBreak => self.push(" ", range),
            _ => {}
        }
    }

    fn push(&mut self, words: &str, range: Range<usize>) {
        if self.strong > 0 {
            self.num_bold += letters(words);
        }
        if self.words.is_empty() {
            self.said.start = range.start;
        }
        self.said.end = range.end;
        self.words.push_str(words);
    }

    fn add_code(&mut self, text: String, start: usize, is_block: bool) {
        self.outline.codes.push(Code { text, start, is_block, said: self.before.clone() });
    }

    fn end_code(&mut self) {
        let Some((code, range, is_open)) = self.code.take() else { return };
        if is_open {
            self.outline.open_fences.push(range.start);
        }
        self.mark_words(&code);
        self.add_code(code, range.start, true);
    }

    fn mark_words(&mut self, words: &str) {
        self.outline.num_words += words.split_whitespace().count();
        if let Some(heading) = self.outline.headings.last_mut() {
            heading.has_words |= words.chars().any(char::is_alphanumeric) && !is_stand_in(words);
        }
    }

    fn end_heading(&mut self, range: Range<usize>) {
        let Some((level, given, start)) = self.heading.take() else { return };
        let words = visible(&std::mem::take(&mut self.words));
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        (self.num_bold, self.in_sentence, self.before) = (0, 0, range);
        let anchor = self.anchors.anchor(given.as_deref(), &words);
        self.outline.headings.push(Heading { level, words, given, anchor, start, has_words: false });
    }

    fn end_paragraph(&mut self) {
        if self.heading.is_some() {
            return;
        }
        let words = std::mem::take(&mut self.words);
        let num_bold = std::mem::take(&mut self.num_bold);
        let in_sentence = std::mem::take(&mut self.in_sentence);
        let num_letters = letters(&words);
        if num_letters == 0 {
            return;
        }
        self.before = self.said.clone();
        let first = self.outline.codes.len().saturating_sub(in_sentence);
        self.outline.codes[first..].iter_mut().for_each(|code| code.said = self.said.clone());
        if num_bold == num_letters && words.len() <= MAX_LABEL_BYTES && self.numbered.is_empty() {
            let words = words.trim().trim_end_matches([':', '：']).to_owned();
            let (anchor, start) = (String::new(), self.said.start);
            let heading = Heading { level: 7, words, given: None, anchor, start, has_words: false };
            self.outline.headings.push(heading);
            return;
        }
        self.mark_words(&words);
    }
}

/// Whether words only say that others are to come.
fn is_stand_in(words: &str) -> bool {
    const STAND_INS: [&str; 10] = [
        "todo",
        "tbd",
        "tba",
        "fixme",
        "to do",
        "to be added",
        "to be done",
        "coming soon",
        "待补充",
        "待補充",
    ];
    let bare = words.trim().trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    STAND_INS.contains(&bare.as_str())
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Whether the last line of a block of code closes the fence on its first.
fn is_closed(block: &str) -> bool {
    let block = block.trim_end();
    let Some(fence) = dialect::opening_fence(block) else { return true };
    block.lines().count() > 1
        && block.lines().next_back().is_some_and(|line| dialect::closes_fence(line, fence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let outline = Outline::of(text);
        let headings = outline.headings.iter().map(|heading| {
            let words = if heading.has_words { "" } else { " (empty)" };
            format!("{} {}{words}", heading.level, heading.words)
        });
        let codes = outline.codes.iter().map(|code| {
            format!(
                "{}{}",
                if code.is_forbidden(text) { "not " } else { "" },
                code.text.trim().replace('\n', "|")
            )
        });
        let told = headings.chain(codes).collect::<Vec<_>>().join("; ");
        assert_eq!(
            format!("{told}; {} steps, {} open", outline.num_steps, outline.open_fences.len()),
            expected
        );
    }

    #[test]
    fn structure_is_read() {
        check("# A\n\nTODO.\n\n## B\n\nx\n", "1 A (empty); 2 B; 0 steps, 0 open");
        check("# A\n\n## B\n\nx\n", "1 A (empty); 2 B; 0 steps, 0 open");
        check("**Diagnosis:**\n\n1. `a`\n2. b\n", "7 Diagnosis; a; 2 steps, 0 open");
        check("Never run `kubectl delete`.\n\nRun `ls`.\n", "not kubectl delete; ls; 0 steps, 0 open");
        check("Do not run:\n\n```\nrm x\n```\n\ny\n\n```\nls\n```\n", "not rm x; ls; 0 steps, 0 open");
        check("```sh\nls\n", "ls; 0 steps, 1 open");
        check("- ```sh\n  ls\n  ```\n- > ~~~\n  > ls\n  > ~~~~\n", "ls; ls; 0 steps, 0 open");
        check("````\n```\n````\n", "```; 0 steps, 0 open");
    }
}
