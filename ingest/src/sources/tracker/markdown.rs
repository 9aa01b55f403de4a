//! A text of Markdown that stands within another one: a description or a comment.

use crate::{
    dialect,
    formats::{markdown::cleaned, redaction::Secrets, site::Site, steps::Steps, written::one_line},
    sources::tracker::{bounded, redacted},
};
use kb::mapped::{Edit, MappedText};
use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

/// The deepest heading that there is.
const MAX_LEVEL: usize = 6;

/// The text with its headings `shift` levels deeper and nothing left open, and whether it was cut; why not, where its
/// markup takes too many steps.
pub(in crate::sources) fn fragment(
    text: &str,
    shift: usize,
    secrets: &mut Secrets,
) -> Result<(String, bool), String> {
    let (text, is_cut) = bounded(text);
    let text = redacted(text, secrets);
    let steps = Steps::for_text(&text);
    let (text, _) = cleaned(MappedText::new(text), &Site::default(), &steps)?;
    let edits = edits(text.as_str(), shift);
    Ok((text.edited(edits).as_str().trim_end().trim_start_matches('\n').to_owned(), is_cut))
}

fn edits(text: &str, shift: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let end = text.trim_end().len();
    // Blocks in a list or a quotation end with it.
    let mut depth = 0;
    for (event, range) in dialect::parse(text) {
        match event {
            Event::Start(Tag::Item | Tag::BlockQuote(_) | Tag::FootnoteDefinition(_)) => depth += 1,
            Event::End(TagEnd::Item | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition) => depth -= 1,
            Event::Start(Tag::Heading { level, .. }) => {
                let level = "#".repeat((level as usize + shift).min(MAX_LEVEL));
                let heading = text[range.clone()].trim_end();
                let marks = heading.len() - heading.trim_start_matches('#').len();
                if marks > 0 {
                    edits.push(Edit::replace(range.start..range.start + marks, level));
                } else if let Some((words, _line)) = heading.rsplit_once('\n') {
                    // The line below would say another level. Words on several lines become those of one.
                    let words = one_line(&words.replace("\n>", "\n"));
                    edits.push(Edit::replace(
                        range.start..range.start + heading.len(),
                        format!("{level} {words}"),
                    ));
                }
            }
            // Any text after it would be code.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) if depth == 0 && range.end >= end => {
                let block = text[range.clone()].trim_end();
                let mut lines = block.lines();
                let Some(fence) = lines.next().and_then(dialect::opening_fence) else { continue };
                if !lines.next_back().is_some_and(|line| dialect::closes_fence(line, fence)) {
                    let closing = fence.0.to_string().repeat(fence.1);
                    edits.push(Edit::replace(end..end, format!("\n{closing}")));
                }
            }
            // So would it be part of a declaration.
            Event::Start(Tag::HtmlBlock) if depth == 0 && range.end >= end => {
                let start =
                    range.start + (text[range.clone()].len() - text[range.clone()].trim_start().len());
                edits.push(Edit::replace(start..start, "\\"));
            }
            _ => {}
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let (found, _) = fragment(text, 2, &mut Secrets::new()).expect("it is small");
        assert_eq!(found, expected, "{text}");
        // Whatever follows is a heading of its own.
        let whole = format!("{found}\n\n## After\n");
        let headings = dialect::parse(&whole).filter(|(event, range)| {
            matches!(event, Event::Start(Tag::Heading { .. })) && whole[range.clone()].starts_with("## After")
        });
        assert_eq!(headings.count(), 1, "{whole}");
    }

    #[test]
    fn headings_stand_deeper_and_nothing_stays_open() {
        check("# A\n\nb\n\n##### C\n", "### A\n\nb\n\n###### C");
        check("A\n===\n\nB\nc\n---\nd\n", "### A\n\n#### B c\nd");
        check("> B\n> ---\n> d", "> #### B\n> d");
        check("a\n```sh\nkubectl # x\n", "a\n```sh\nkubectl # x\n```");
        check("a\n~~~~\nx\n~~~\n", "a\n~~~~\nx\n~~~\n~~~~");
        check("- a\n  ```\n  x\n", "- a\n  ```\n  x");
        check("```\n# code\n```\n", "```\n# code\n```");
        check("<!-- please\nfill in\n-->\nwords <pod-name>\n", "words <pod-name>");
        check("<?php\necho", "\\<?php\necho");
        check("<details><summary>Logs</summary>\n\n```\nx\n```\n</details>", "Logs\n\n\n\n```\nx\n```");
    }
}
