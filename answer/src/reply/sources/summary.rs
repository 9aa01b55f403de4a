//! One block as a reader takes it: its kind, what it cites, and which of its claims no citation covers.

use super::claims::says_something;
use crate::{
    citations,
    markdown::{self, Leaf, Outline},
    phrases::Phrases,
};
use kb::lists::{self, WordSet};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// How many levels up a citation is looked for that covers a claim.
const MAX_LEVELS: usize = 16;

/// Signs in front of items that are no list to Markdown.
const BULLETS: &str = "☐☑☒✅✔✓❌✗•●○▪▫■□▸►‣⁃·→➤➜";

/// The kind of a block, for the blocks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Item,
    Heading,
    /// Only citations, no words.
    Lone,
    Text,
    /// The words of a document.
    Quotation,
    /// Code, a table, a line: no claim.
    Verbatim,
}

/// A block's kind, its citations and its claims.
pub struct Summary {
    pub kind: Kind,
    /// `Some` of an item, with its number where it has one.
    pub item: Option<Option<usize>>,
    /// Whether it cites anything.
    pub cites: bool,
    /// Whether it introduces the block after it.
    pub introduces: bool,
    /// Where its claims end that no citation of its own covers.
    pub claims: Vec<usize>,
}

/// Running text within a block: a paragraph, an item's own text, a labelled line.
struct Part {
    range: Range<usize>,
    /// The list item or quotation that it stands in.
    parent: Option<usize>,
    cites: bool,
    /// Whether its citations stand at its end only.
    ends_cited: bool,
    introduces: bool,
    is_claim: bool,
}

impl Summary {
    /// Reads a block. A text with one of `urls` has a source.
    pub fn of(text: &str, phrases: &Phrases, urls: &[&str]) -> Self {
        let outline = markdown::outline(text);
        let mut parts: Vec<Part> = Vec::new();
        for leaf in outline.leaves.iter().filter(|leaf| leaf.is_running_text) {
            parts.extend(
                labelled_lines(text, leaf).map(|range| Part::of(text, range, leaf.parent, phrases, urls)),
            );
        }
        let cites = parts.iter().any(|part| part.cites)
            || outline.leaves.iter().any(|leaf| {
                !leaf.is_running_text && !leaf.is_code && is_cited(&text[leaf.range.clone()], urls)
            });
        let start = text.trim_start();
        // Signs that people write in front of items, and Markdown does not know.
        let is_bulleted = start.starts_with(|c| BULLETS.contains(c));
        let item = outline.item_numbers.first().copied().or(is_bulleted.then_some(None));
        let is_heading = outline.leaves.first().is_some_and(|leaf| leaf.is_heading);
        let kind = match parts.first() {
            _ if item.is_some() => Kind::Item,
            _ if is_heading => Kind::Heading,
            None => Kind::Verbatim,
            Some(part) if parts.len() == 1 && part.cites && is_lone(&text[part.range.clone()]) => Kind::Lone,
            Some(_) if start.starts_with('|') => Kind::Verbatim,
            Some(_) if start.starts_with('>') => Kind::Quotation,
            Some(_) => Kind::Text,
        };
        let introduces = parts.last().is_some_and(|part| part.introduces);
        Self { kind, item, cites, introduces, claims: uncovered(&parts, &outline) }
    }
}

/// Where the claims end that no citation of their block covers. An item and what stands below it counts once.
fn uncovered(parts: &[Part], outline: &Outline) -> Vec<usize> {
    let mut own_cites = vec![false; outline.parents.len()];
    let mut seen = vec![false; outline.parents.len()];
    for part in parts {
        if let Some(parent) = part.parent
            && !std::mem::replace(&mut seen[parent], true)
        {
            own_cites[parent] = part.cites;
        }
    }
    let num_cited = parts.iter().filter(|part| part.cites).count();
    if num_cited == 1 && parts.last().is_some_and(|part| part.cites && part.ends_cited) {
        return Vec::new();
    }
    let ancestors = |part: &Part| {
        std::iter::successors(part.parent, |parent| outline.parents[*parent])
            .take(MAX_LEVELS)
            .collect::<Vec<_>>()
    };
    let mut introduction: Option<&Part> = None;
    let mut claims: Vec<&Part> = Vec::new();
    for part in parts {
        let around = ancestors(part);
        // A cited introduction of a list covers its items and those below them.
        let is_introduced = introduction.is_some_and(|introduction| {
            introduction.parent != part.parent
                && introduction.parent.is_none_or(|parent| around.contains(&parent))
        });
        if part.is_claim && !part.cites && !is_introduced && !around.iter().any(|parent| own_cites[*parent]) {
            claims.push(part);
        }
        if part.introduces && part.cites {
            introduction = Some(part);
        } else if !is_introduced {
            introduction = None;
        }
    }
    let is_item = parts.first().is_some_and(|part| part.parent.is_some());
    match parts.first().filter(|first| is_item && !first.cites && claims.len() > 1) {
        Some(own) => vec![own.range.end],
        None => claims.iter().map(|part| part.range.end).collect(),
    }
}

impl Part {
    fn of(text: &str, range: Range<usize>, parent: Option<usize>, phrases: &Phrases, urls: &[&str]) -> Self {
        let raw = &text[range.clone()];
        let end = range.start + raw.trim_end().len();
        let without = citations::resolve(raw, |_| false).text;
        let cites = is_cited(raw, urls);
        let body = raw.trim_end().trim_end_matches(['.', '。', '*', '_', ')', '）', ' ']);
        let num_markers = citations::resolve(raw, |n| n > 0).cited.len();
        let tail = citations::tail(body);
        let ends_cited = cites && citations::resolve(tail, |n| n > 0).cited.len() == num_markers;
        let bare = without.trim_end().trim_end_matches(['*', '_', ' ']);
        let is_lead = bare.ends_with([':', '：']);
        let introduces = is_lead || leads_on(bare);
        let is_claim =
            !is_lead && !raw.trim_start().starts_with(['#', '|']) && says_something(&without, phrases);
        Self { range: range.start..end, parent, cites, ends_cited, introduces, is_claim }
    }
}

/// Whether a text without a colon introduces what comes next: it says so, or it is as short as a heading and no
/// sentence.
fn leads_on(text: &str) -> bool {
    const MAX_HEADING_CHARS: usize = 60;
    static LEAD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:following|as follows|below|in this order|these (?:steps|causes|commands|checks|reasons))\b|以下|如下|下列|依序|依次|sau đây|như sau|dưới đây|berikut")
            .expect("the pattern is valid")
    });
    let last = markdown::sentences(text).last().copied().unwrap_or_default();
    let is_sentence = text.ends_with(['.', '。', '!', '！', '?', '？', ';', '；']);
    LEAD.is_match(last) || (!is_sentence && text.chars().count() <= MAX_HEADING_CHARS)
}

fn is_cited(raw: &str, urls: &[&str]) -> bool {
    !citations::resolve(raw, |n| n > 0).cited.is_empty() || urls.iter().any(|url| raw.contains(url))
}

/// Words that stand before citations and say nothing else.
const SOURCE_LABELS: &str = include_str!("source_labels.txt");

/// Whether a text is nothing but citations, and a word such as `Source:`.
fn is_lone(raw: &str) -> bool {
    static LABELS: LazyLock<WordSet> = LazyLock::new(|| lists::words(SOURCE_LABELS));
    let rest = citations::resolve(raw, |_| false).text;
    let word: String = rest.chars().filter(|c| c.is_alphanumeric()).collect();
    word.is_empty() || LABELS.contains(word.to_lowercase().as_str())
}

/// The lines of running text that a label begins; the whole where none does.
fn labelled_lines(text: &str, leaf: &Leaf) -> impl Iterator<Item = Range<usize>> {
    let raw = &text[leaf.range.clone()];
    let starts = raw.match_indices('\n').map(|(at, _)| at + 1);
    let mut starts: Vec<usize> = starts.filter(|at| is_label(&raw[*at..])).collect();
    starts.insert(0, 0);
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([raw.len()]).collect();
    let begin = leaf.range.start;
    starts.into_iter().zip(ends).map(move |(start, end)| begin + start..begin + end)
}

fn is_label(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '*', '_']);
    ["Error:", "Solution:"].iter().any(|label| line.starts_with(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_are_sorted_and_unique() {
        assert_eq!(lists::unsorted(SOURCE_LABELS), None);
    }
}
