//! Passages as sections, and sections as elements: the smallest things that can be quoted without losing what belongs to
//! them. A sentence that introduces a block stands with it, or not at all. Pure.

use super::code::{self, Code};
use crate::{
    evidence::Evidence,
    markdown::{Unit, units},
    quote::{Quote, push_sentence},
    text::num_chars,
};
use kb::sections::{self, Role};

/// Longest first sentence that is only a step's label.
const MAX_LABEL_CHARS: usize = 24;
/// Longest configuration that is quoted, in lines.
const MAX_TEXT_LINES: usize = 30;

/// The text under one heading of the unit.
pub struct Section<'a> {
    /// Its part in the problem; `None` where its heading does not tell.
    pub role: Option<Role>,
    /// Whether it stands in the passage that leads.
    pub leads: bool,
    /// Its units, in order.
    pub units: Vec<Unit>,
    /// The passage it stands in.
    pub from: &'a Evidence,
}

impl<'a> Section<'a> {
    /// The sections of a unit's passages. Only headings below the unit's own, which are the first `depth` of each path,
    /// tell a role.
    pub fn of(passages: &'a [Evidence], depth: usize, lead: Option<&str>) -> Vec<Self> {
        let mut found = Vec::new();
        for from in passages {
            for part in sections::parts(&from.heading_path, &from.text) {
                let role = part.path.iter().skip(depth).rev().find_map(|heading| Role::told_by(heading));
                let units = units(part.text);
                if !units.is_empty() {
                    let leads = lead == Some(from.chunk.as_str());
                    let units = without_name(units, part.path.last());
                    found.push(Self { role, leads, units, from });
                }
            }
        }
        found
    }

    /// The sentences of running text that introduce nothing.
    pub fn sentences(&self) -> impl Iterator<Item = Quote<'a>> {
        self.units.iter().filter_map(|unit| match unit {
            Unit::Sentence { text, .. } | Unit::Warning(text) if !introduces(text) => {
                Some(Quote { text: text.clone(), from: self.from })
            }
            _ => None,
        })
    }

    /// The section as elements, in order. Rows of tables are among them unless those about this very failure are known,
    /// and the others are about something else.
    pub fn elements(&self, with_rows: bool) -> Vec<Element<'a>> {
        let mut elements = Elements { found: Vec::new(), from: self.from, label: None, with_rows };
        for unit in &self.units {
            elements.add(unit);
        }
        elements.finish()
    }
}

/// The units without the paragraph that names the entry they belong to.
fn without_name(mut units: Vec<Unit>, heading: Option<&String>) -> Vec<Unit> {
    if let (Some(Unit::Sentence { text, .. }), Some(heading)) = (units.first(), heading)
        && text.trim_end_matches([':', '：']).ends_with(heading.as_str())
        && units.len() > 1
    {
        units.remove(0);
    }
    units
}

/// Whether a sentence only says that something follows.
pub fn introduces(sentence: &str) -> bool {
    sentence.trim_end_matches(['*', '_', ' ']).ends_with([':', '：'])
}

/// How an element stands on its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Running text.
    Prose,
    /// An item of a list without numbers.
    Bullet,
    /// An item of a numbered list.
    Numbered,
}

/// The smallest text that can be quoted alone.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    /// How it stands on its page.
    pub shape: Shape,
    /// Its words; they end in a colon only where something is below them.
    pub quote: Quote<'a>,
    /// The blocks and items that belong to it, in order.
    pub below: Vec<Below>,
}

/// A block or an item below an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Below {
    /// An item of a list below the element.
    Item {
        /// How many lists deep below the element's own, from 0.
        depth: usize,
        /// The text of the item without its mark.
        text: String,
    },
    /// Commands, each with its continuation lines.
    Commands(Vec<String>),
    /// Configuration or another text, with the first word of its info string.
    Text {
        language: String,
        /// The lines of the block without its fences.
        text: String,
    },
}

impl Element<'_> {
    /// All of its words, for judging how well it fits.
    pub fn words(&self) -> String {
        let mut words = self.quote.text.clone();
        for below in &self.below {
            words.push('\n');
            match below {
                Below::Item { text, .. } | Below::Text { text, .. } => words.push_str(text),
                Below::Commands(lines) => words.push_str(&lines.join("\n")),
            }
        }
        words
    }

    /// Its commands, each with its continuation lines.
    pub fn commands(&self) -> impl Iterator<Item = &String> {
        self.below
            .iter()
            .filter_map(|below| if let Below::Commands(lines) = below { Some(lines) } else { None })
            .flatten()
    }

    /// Whether it is running text and nothing else.
    pub fn is_plain(&self) -> bool {
        self.shape == Shape::Prose && self.below.is_empty()
    }
}

struct Elements<'a> {
    found: Vec<Element<'a>>,
    from: &'a Evidence,
    /// A sentence that is only a label (`Quota.`): it belongs to the one after it.
    label: Option<String>,
    with_rows: bool,
}

impl<'a> Elements<'a> {
    fn add(&mut self, unit: &Unit) {
        match unit {
            Unit::Sentence { text, ends_paragraph } => self.sentence(text, *ends_paragraph),
            Unit::Warning(text) => self.push(Shape::Prose, text.clone(), Vec::new()),
            Unit::Step { text, ordered, below } => {
                let shape = if *ordered { Shape::Numbered } else { Shape::Bullet };
                let mut under = Vec::new();
                below.iter().for_each(|unit| push_below(&mut under, unit, 0));
                self.push(shape, text.clone(), under);
            }
            Unit::Code { language, text } => self.code(language, text),
            Unit::Row { cells, .. } if self.with_rows => {
                let said: Vec<&str> =
                    cells.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
                self.push(Shape::Bullet, said.join(" — "), Vec::new());
            }
            Unit::Row { .. } => {}
        }
    }

    fn push(&mut self, shape: Shape, text: String, below: Vec<Below>) {
        self.end_label();
        self.found.push(Element { shape, quote: Quote { text, from: self.from }, below });
    }

    fn sentence(&mut self, text: &str, ends_paragraph: bool) {
        if self.label.is_none() && num_chars(text) <= MAX_LABEL_CHARS && !introduces(text) && !ends_paragraph
        {
            self.label = Some(text.to_owned());
            return;
        }
        let mut whole = self.label.take().unwrap_or_default();
        push_sentence(&mut whole, text);
        self.push(Shape::Prose, whole, Vec::new());
    }

    fn end_label(&mut self) {
        if let Some(label) = self.label.take() {
            let quote = Quote { text: label, from: self.from };
            self.found.push(Element { shape: Shape::Prose, quote, below: Vec::new() });
        }
    }

    /// Code belongs to the sentence or the item before it. Output belongs to nothing that is said in an answer.
    fn code(&mut self, language: &str, text: &str) {
        self.end_label();
        let Some(below) = below_of(language, text) else { return };
        match self.found.last_mut().filter(|last| last.below.is_empty() || last.shape != Shape::Prose) {
            Some(last) => last.below.push(below),
            None => self.push(Shape::Prose, String::new(), vec![below]),
        }
    }

    fn finish(mut self) -> Vec<Element<'a>> {
        self.end_label();
        // An introduction stands with what it introduces: the list after it, the code below it.
        let mut kept: Vec<Element<'a>> = Vec::new();
        let mut found = self.found.into_iter().peekable();
        while let Some(element) = found.next() {
            let is_bare = element.below.is_empty() && introduces(&element.quote.text);
            let has_list = found.peek().is_some_and(|next| next.shape != Shape::Prose);
            if !is_bare || (has_list && element.shape == Shape::Prose) {
                kept.push(element);
            }
        }
        kept
    }
}

fn below_of(language: &str, text: &str) -> Option<Below> {
    match code::kind_of(language, text) {
        Code::Commands(lines) => Some(Below::Commands(lines)),
        Code::Text if text.lines().count() <= MAX_TEXT_LINES => {
            Some(Below::Text { language: language.to_owned(), text: text.to_owned() })
        }
        Code::Text | Code::Output => None,
    }
}

fn push_below(under: &mut Vec<Below>, unit: &Unit, depth: usize) {
    match unit {
        Unit::Step { text, below, .. } => {
            under.push(Below::Item { depth, text: text.clone() });
            below.iter().for_each(|unit| push_below(under, unit, depth + 1));
        }
        Unit::Sentence { text, .. } | Unit::Warning(text) => match under.last_mut() {
            // A paragraph goes on.
            Some(Below::Item { depth: above, text: paragraph }) if *above == depth => {
                push_sentence(paragraph, text)
            }
            _ => under.push(Below::Item { depth, text: text.clone() }),
        },
        Unit::Code { language, text } => under.extend(below_of(language, text)),
        Unit::Row { cells, .. } => under.push(Below::Item { depth, text: cells.join(" — ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let passage = Evidence { text: text.to_owned(), ..Evidence::sample(1) };
        let passages = [passage];
        let sections = Section::of(&passages, 0, None);
        let shown: Vec<String> = sections
            .iter()
            .flat_map(|section| {
                section.elements(true).into_iter().map(move |element| (section.role, element))
            })
            .map(|(role, element)| {
                let role = role.map(|role| format!("{role:?} ")).unwrap_or_default();
                format!("{role}{:?}: {}", element.shape, element.words().replace('\n', " / "))
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn what_belongs_together_stays_together() {
        check(
            "It hangs.\n\nTo log in, use the URL:\n\n```nohighlight\nplatctl login https://a.example --sso\n```\n\nThen wait.",
            &[
                "Prose: It hangs.",
                "Prose: To log in, use the URL: / platctl login https://a.example --sso",
                "Prose: Then wait.",
            ],
        );
        check(
            "The log says why:\n\n```sh\nMar 14 04:22:05 node1 kubelet: failed\n```\n\nDelete the bridge:\n\n```sh\nip link delete cni0\n```",
            &["Prose: Delete the bridge: / ip link delete cni0"],
        );
        check(
            "1. Look:\n   ```\n   kubectl get pods\n   ```\n   Wait for it.\n2. Then\n   - this\n   - that\n\nDone so far:",
            &["Numbered: Look: / kubectl get pods / Wait for it.", "Numbered: Then / this / that"],
        );
        check("Quota. Raise it in the console.", &["Prose: Quota. Raise it in the console."]);
        check(
            "### Symptoms\n\nIt is slow.\n\n### Solution\n\nDo this:\n\n- Wait.",
            &["Symptoms Prose: It is slow.", "Steps Prose: Do this:", "Steps Bullet: Wait."],
        );
    }
}
