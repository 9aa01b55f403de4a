//! A page's structure where it is not written as headings. Entries of a catalogue (paragraphs in bold or questions of
//! an FAQ with their answers below, definitions, items of a list that begin with an alert's name, an error code or a
//! question) become sections of their own, so that a passage treats one problem. No word is moved: the name of an entry
//! stays in its text. Tables of contents, which only repeat the headings, are left out.

use super::blocks::{Block, Section, Shape};
use kb::question::is_name_of_entry;
use std::{collections::HashSet, ops::Range};

/// Level of an entry: below every heading.
const ENTRY_LEVEL: usize = 7;
/// Longest name of an entry, in characters.
const MAX_NAME_CHARS: usize = 120;
/// A list with fewer links is not taken for a table of contents.
const MIN_CONTENTS: usize = 3;
/// A page with fewer entries is not taken for a catalogue.
const MIN_ENTRIES: usize = 2;

/// The sections with each entry in one of its own, and without tables of contents.
pub(super) fn told_apart<'t>(mut sections: Vec<Section<'t>>, text: &str) -> Vec<Section<'t>> {
    let headings: HashSet<String> =
        sections.iter().filter_map(|section| section.path.last()).map(|heading| folded(heading)).collect();
    for section in &mut sections {
        section.blocks.retain(|block| !is_contents(block, text, &headings));
    }
    sections.into_iter().flat_map(|section| split(section, text)).collect()
}

/// Whether a block is a list of the page's own headings.
fn is_contents(block: &Block<'_>, text: &str, headings: &HashSet<String>) -> bool {
    let Shape::List { .. } = &block.shape else { return false };
    let lines: Vec<String> =
        text[block.range.clone()].lines().map(folded).filter(|line| !line.is_empty()).collect();
    let known = lines.iter().filter(|line| headings.contains(*line)).count();
    lines.len() >= MIN_CONTENTS && known * 5 >= lines.len() * 4
}

/// The letters and digits of a line, lower case, without the marker of an item.
fn folded(line: &str) -> String {
    let line = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    line.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn split<'t>(section: Section<'t>, text: &str) -> Vec<Section<'t>> {
    let terms: Vec<Option<String>> = section.blocks.iter().map(|block| defined_term(block, text)).collect();
    let defined: Vec<usize> = (0..terms.len()).filter(|&at| terms[at].is_some()).collect();
    if defined.len() >= MIN_ENTRIES {
        return split_at_paragraphs(section, &defined, &terms);
    }
    let names: Vec<Option<String>> = section.blocks.iter().map(|block| paragraph_name(block, text)).collect();
    // A name with nothing below it names nothing.
    let named: Vec<usize> = (0..names.len())
        .filter(|&at| names[at].is_some() && names.get(at + 1).is_some_and(Option::is_none))
        .collect();
    if named.len() >= MIN_ENTRIES {
        return split_at_paragraphs(section, &named, &names);
    }
    let lists = section.blocks.iter().any(|block| item_names(block, text).is_some());
    if lists { split_at_items(section, text) } else { vec![section] }
}

/// The section up to the first named paragraph, then a section for each.
fn split_at_paragraphs<'t>(
    mut section: Section<'t>,
    named: &[usize],
    names: &[Option<String>],
) -> Vec<Section<'t>> {
    let mut entries = Vec::with_capacity(named.len() + 1);
    for &at in named.iter().rev() {
        let blocks = section.blocks.split_off(at);
        entries.push(entry(&section, names[at].as_deref().unwrap_or_default(), blocks));
    }
    entries.push(section);
    entries.reverse();
    entries
}

/// The section's own blocks in their order, a list of entries as a section for each item.
fn split_at_items<'t>(section: Section<'t>, text: &str) -> Vec<Section<'t>> {
    let blank = || Section { blocks: Vec::new(), starts_part: false, ..section.clone() };
    let mut sections = vec![Section { blocks: Vec::new(), ..section.clone() }];
    for block in &section.blocks {
        let (Some(names), Shape::List { items }) = (item_names(block, text), &block.shape) else {
            match sections.last_mut() {
                Some(last) if last.level != ENTRY_LEVEL => last.blocks.push(block.clone()),
                _ => sections.push(Section { blocks: vec![block.clone()], ..blank() }),
            }
            continue;
        };
        for (name, item) in names.iter().zip(items) {
            let range = range_of(item);
            let block = Block { range, shape: Shape::List { items: vec![item.clone()] } };
            sections.push(entry(&section, name, vec![block]));
        }
    }
    sections
}

fn entry<'t>(within: &Section<'t>, name: &str, blocks: Vec<Block<'t>>) -> Section<'t> {
    let heading_range = blocks.first().map_or(within.heading_range.clone(), |first| first.range.clone());
    let mut path = within.path.clone();
    path.push(name.to_owned());
    Section {
        path,
        level: ENTRY_LEVEL,
        heading_range,
        anchor: within.anchor.clone(),
        starts_part: false,
        blocks,
    }
}

fn range_of(item: &[Block<'_>]) -> Range<usize> {
    let start = item.first().map_or(0, |first| first.range.start);
    start..item.last().map_or(start, |last| last.range.end.max(start))
}

/// The name that a paragraph gives to what follows: all of it bold, or a question marked as one (`Q: ...?`).
fn paragraph_name(block: &Block<'_>, text: &str) -> Option<String> {
    if block.shape != Shape::Prose {
        return None;
    }
    let paragraph = text[block.range.clone()].trim();
    let is_short = paragraph.chars().count() <= MAX_NAME_CHARS && !paragraph.contains('\n');
    let name = is_short.then(|| bold_whole(paragraph).or_else(|| marked_question(paragraph)))??;
    // A sentence says something, and a warning must not be hidden in a heading.
    let is_sentence = name.ends_with(['.', '!', '。', '！', ',', '，', ';', '；']);
    (!is_sentence && name.chars().any(char::is_alphabetic)).then(|| name.to_owned())
}

/// The term of a definition: a short line, and below it a line that begins with a colon.
fn defined_term(block: &Block<'_>, text: &str) -> Option<String> {
    let (term, definition) = text[block.range.clone()].split_once('\n')?;
    let is_definition = block.shape == Shape::Prose && definition.trim_start().starts_with(": ");
    let term = term.trim().trim_matches(['*', '_', '`']);
    (is_definition && !term.is_empty() && term.chars().count() <= MAX_NAME_CHARS).then(|| term.to_owned())
}

/// The words of a paragraph that is bold from its beginning to its end, but for a colon.
fn bold_whole(paragraph: &str) -> Option<&str> {
    let paragraph = paragraph.trim_end_matches([':', '：']);
    ["**", "__"].iter().find_map(|mark| {
        let inner = paragraph.strip_prefix(mark)?.strip_suffix(mark)?;
        let inner = inner.trim().trim_end_matches([':', '：']);
        (!inner.is_empty() && !inner.contains(mark)).then_some(inner)
    })
}

/// The question after `Q:`, `Q3.`, `问：`, `Hỏi:`, `Tanya:`.
fn marked_question(paragraph: &str) -> Option<&str> {
    const MARKS: [&str; 9] =
        ["question", "pertanyaan", "câu hỏi", "tanya", "hỏi", "问题", "問題", "问", "問"];
    let plain = paragraph.trim_matches(['*', '_']);
    let lower = plain.to_lowercase();
    let mark = MARKS
        .iter()
        .find(|mark| lower.starts_with(**mark))
        .copied()
        .or(lower.starts_with('q').then_some("q"))?;
    let rest = plain.get(mark.len()..)?.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let question = rest.strip_prefix([':', '：', '.', ')', '、'])?.trim_start_matches(['*', '_', ' ']);
    question.ends_with(['?', '？']).then_some(question)
}

/// The names of a list's items where each is an entry of a catalogue.
fn item_names(block: &Block<'_>, text: &str) -> Option<Vec<String>> {
    let Shape::List { items } = &block.shape else { return None };
    if items.len() < MIN_ENTRIES || !text[block.range.clone()].starts_with(['-', '*', '+']) {
        return None;
    }
    items.iter().map(|item| item_name(&text[range_of(item)])).collect()
}

/// The name at the beginning of an item: an alert's name or an error code with something behind it, or a question in
/// bold.
fn item_name(item: &str) -> Option<String> {
    let first = item.trim_start_matches(['-', '*', '+']).trim_start();
    let line = first.lines().next().unwrap_or_default();
    let has_more = |rest: &str| rest.chars().any(char::is_alphanumeric) || first.contains('\n');
    for mark in ["**", "__", "`"] {
        let Some((name, rest)) = line.strip_prefix(mark).and_then(|rest| rest.split_once(mark)) else {
            continue;
        };
        let name = name.trim_matches(['`', ' ']).trim_end_matches([':', '：']);
        let is_name = is_name_of_entry(name) || name.ends_with(['?', '？']);
        let is_short = name.chars().count() <= MAX_NAME_CHARS;
        return (is_name && is_short && has_more(rest)).then(|| name.to_owned());
    }
    let end = line.find([':', '：', ' ', '(', '—']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_apart = [": ", "：", " - ", " – ", " — ", " ("].iter().any(|mark| rest.starts_with(mark));
    let ends_line = rest.trim_end_matches([':', '：']).is_empty();
    (is_name_of_entry(name) && (is_apart || ends_line) && has_more(rest)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::blocks::markdown_sections;

    fn check(text: &str, expected: &[&str]) {
        let sections = told_apart(markdown_sections(text, "T"), text);
        let shown: Vec<String> = sections
            .iter()
            .filter(|section| !section.blocks.is_empty())
            .map(|section| {
                let blocks: Vec<&str> =
                    section.blocks.iter().map(|block| &text[block.range.clone()]).collect();
                format!("{} | {}", section.path.join(" > "), blocks.join(" / "))
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn entries_become_sections() {
        check(
            "## FAQ\n\nIntro.\n\n**Why is it slow?**\n\nDisk.\n\n**How to stop it**:\n\nCtrl-C.\n",
            &[
                "FAQ | Intro.",
                "FAQ > Why is it slow? | **Why is it slow?** / Disk.",
                "FAQ > How to stop it | **How to stop it**: / Ctrl-C.",
            ],
        );
        check(
            "Q1: Is it up?\n\nYes.\n\n问：磁盘满了怎么办？\n\n清理。\n",
            &["Is it up? | Q1: Is it up? / Yes.", "磁盘满了怎么办？ | 问：磁盘满了怎么办？ / 清理。"],
        );
        check(
            "Alerts:\n\n- **RelayDown**: start it.\n- `RelayStuck` drain it.\n  - look first\n\nEnd.\n",
            &[
                " | Alerts:",
                "RelayDown | - **RelayDown**: start it.",
                "RelayStuck | - `RelayStuck` drain it.\n  - look first",
                " | End.",
            ],
        );
        check(
            "`no primary`\n: Restart it.\n\nfull disk\n: Clean it.\n",
            &["no primary | `no primary`\n: Restart it.", "full disk | full disk\n: Clean it."],
        );
        check(
            "* E1003 - no disk\n* ERR_TIMEOUT: wait\n",
            &["E1003 | * E1003 - no disk", "ERR_TIMEOUT | * ERR_TIMEOUT: wait"],
        );
    }

    #[test]
    fn contents_are_left_out_and_stacked_headings_share_their_text() {
        check(
            "- One Thing\n  - Two\n- RelayStuck\n\n## One thing\n\nA.\n\n### Two\n\nB.\n\n## RelayDown\n\n## RelayStuck\n\n### Impact\n\nC.\n",
            &["One thing | A.", "One thing > Two | B.", "RelayDown > RelayStuck > Impact | C."],
        );
    }

    #[test]
    fn other_lists_and_paragraphs_stay() {
        for text in [
            "+ *Message*: `It is down.`\n+ *Severity*: critical",
            "1. **Check quota.** Look.\n2. **Raise it.** Ask.",
            "- Restart it: now.\n- Stop it: later.",
            "**Do not touch it!**\n\nEver.\n\n**Nobody may.**\n\nNo.",
            "- `kubectl get pods`\n- `kubectl get nodes`",
            "**Only one name**\n\nText.",
        ] {
            assert_eq!(told_apart(markdown_sections(text, "T"), text).len(), 1, "{text}");
        }
    }
}
