//! HTML within Markdown, as the text that it shows. Tags go and their contents stay; comments, scripts and styles go
//! whole. A text that only looks like a tag, such as `<pod-name>`, is a placeholder and stays.

use super::steps::Steps;
use crate::dialect;
use kb::{
    html::{self, Habit},
    mapped::Edit,
};
use pulldown_cmark::{Event, Tag, TagEnd};
use std::ops::Range;

/// A longer tag is text.
const MAX_TAG_BYTES: usize = 2 << 10;

/// The edits that turn a Markdown text's HTML into text.
pub(crate) fn edits(text: &str, steps: &Steps) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !text.contains('<') {
        return edits;
    }
    let mut stripper = Stripper { text, edits: &mut edits, raw_element: None, steps, next_end: 0 };
    let mut block: Option<Range<usize>> = None;
    for (event, range) in dialect::parse(text) {
        match event {
            Event::Start(Tag::HtmlBlock) => block = Some(range.start..range.start),
            Event::Html(_) => match &mut block {
                Some(block) => block.end = range.end,
                None => stripper.strip(range, true),
            },
            Event::End(TagEnd::HtmlBlock) => {
                if let Some(block) = block.take() {
                    stripper.strip(block, true);
                }
            }
            Event::InlineHtml(_) => stripper.strip(range, false),
            _ => {}
        }
    }
    edits
}

struct Stripper<'a> {
    text: &'a str,
    edits: &'a mut Vec<Edit>,
    /// Inside `<script>` or `<style>`, whose end has not been seen.
    raw_element: Option<&'static str>,
    steps: &'a Steps,
    /// The place of the first `>` behind the tags that were read; no tag ends before it.
    next_end: usize,
}

impl Stripper<'_> {
    fn strip(&mut self, range: Range<usize>, is_block: bool) {
        let mut at = range.start;
        if is_block {
            self.unindent(range.clone());
        }
        while at < range.end {
            if let Some(element) = self.raw_element {
                let rest = &self.text[at..range.end];
                let close = format!("</{element}");
                let end = find_ignoring_case(rest, &close).map(|end| at + end);
                self.edits.push(Edit::delete(at..end.unwrap_or(range.end)));
                let Some(end) = end else { return };
                self.raw_element = None;
                at = end;
            }
            let Some(found) = self.text[at..range.end].find('<') else { return };
            let start = at + found;
            at = self.tag(start, range.end, is_block);
        }
    }

    /// Handles what a `<` begins; returns where to go on.
    fn tag(&mut self, start: usize, limit: usize, is_block: bool) -> usize {
        let rest = &self.text[start..limit];
        if rest.starts_with("<!--") {
            let end = rest.find("-->").map_or(limit, |end| start + end + 3);
            self.edits.push(Edit::delete(start..end));
            return end;
        }
        if self.next_end < start {
            self.next_end = self.text[start..].find('>').map_or(self.text.len(), |length| start + length);
        }
        let is_far = self.next_end - start > MAX_TAG_BYTES || self.next_end >= limit;
        if is_far || !self.steps.take(1 + self.next_end - start) {
            return start + 1;
        }
        let Some(length) = tag_length(rest) else {
            self.steps.take(rest.len().min(MAX_TAG_BYTES));
            return start + 1;
        };
        let (tag, end) = (&rest[..length], start + length);
        if tag.starts_with("<!") || tag.starts_with("<?") {
            self.edits.push(Edit::delete(start..end));
            return end;
        }
        let is_closing = tag.starts_with("</");
        let inner = tag.trim_start_matches(['<', '/']);
        let name_end = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')))
            .unwrap_or(inner.len());
        let name = &inner[..name_end];
        let Some(words) = words(name, tag, is_closing, is_block) else { return end };
        self.edits.push(Edit::replace(start..end, words));
        if !is_closing && !tag.ends_with("/>") {
            self.raw_element = ["script", "style"].into_iter().find(|raw| name.eq_ignore_ascii_case(raw));
        }
        end
    }

    /// Once its tags are gone, an indented line of an HTML block would read as code.
    fn unindent(&mut self, range: Range<usize>) {
        let mut at = range.start;
        for line in self.text[range].split_inclusive('\n') {
            let spaces = line.len() - line.trim_start_matches([' ', '\t']).len();
            if spaces > 0 {
                self.edits.push(Edit::delete(at..at + spaces));
            }
            at += line.len();
        }
    }
}

fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

/// Length of the tag at the start of the text, its quoted attributes respected.
pub(super) fn tag_length(text: &str) -> Option<usize> {
    let second = *text.as_bytes().get(1)?;
    if !(second.is_ascii_alphabetic() || matches!(second, b'/' | b'!' | b'?' | b'>')) {
        return None;
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().take(MAX_TAG_BYTES) {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'>', None) => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The text in a tag's place; `None` when it is not a tag of HTML or JSX.
pub(super) fn words(name: &str, tag: &str, is_closing: bool, is_block: bool) -> Option<String> {
    // A tab is told apart by its label.
    if matches!(name, "Tab" | "TabItem") && !is_closing {
        let label =
            ["label", "title", "value"].iter().find_map(|name| attribute(tag, name)).unwrap_or_default();
        let words = if label.is_empty() { String::new() } else { format!("**{label}**") };
        return Some(if is_block { format!("\n\n{words}\n\n") } else { words });
    }
    // `<>` and `<Tabs>` are JSX.
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Some(String::new());
    }
    let lower = name.to_ascii_lowercase();
    let around = |in_block: &str| if is_block { in_block.to_owned() } else { " ".to_owned() };
    Some(match lower.as_str() {
        name if html::is(name, Habit::Unmarked) => String::new(),
        "img" => attribute(tag, "alt").unwrap_or_default().to_owned(),
        "li" if !is_closing => around("\n- "),
        "br" | "tr" | "li" | "dd" | "dt" => around("\n"),
        "td" | "th" => " ".to_owned(),
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if is_block && !is_closing => {
            let level = usize::from(lower.as_bytes()[1] - b'0');
            format!("\n\n{} ", "#".repeat(level))
        }
        name if html::is(name, Habit::Apart) => around("\n\n"),
        _ => return None,
    })
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let at = find_ignoring_case(tag, &format!("{name}="))?;
    let value = &tag[at + name.len() + 1..];
    let quote = value.chars().next().filter(|&c| c == '"' || c == '\'')?;
    value[1..].split(quote).next().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::assert_edited;
    use kb::mapped::MappedText;

    fn check(source: &str, cleaned: &str) {
        assert_edited(source, edits(source, &Steps::for_text(source)), cleaned);
    }

    #[test]
    fn inline_tags_go_and_their_words_stay() {
        check("press <kbd>Ctrl</kbd>+<kbd>C</kbd><br>now", "press Ctrl+C now");
        check("see <img src='x' alt=\"the diagram\"/>", "see the diagram");
        check("a <!-- hidden --> b", "a  b");
        check("a <Tabs groupId=\"x\">b</Tabs>", "a b");
    }

    #[test]
    fn placeholders_and_code_stay() {
        for text in [
            "kubectl delete pod <pod-name>",
            "`<b>`",
            "```\n<b>x</b>\n```",
            "a < b > c",
            "<https://example.com>",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn blocks_become_paragraphs() {
        let html = "<div>\n    <h3>Title</h3>\n    <p>One</p>\n    <ul><li>a</li><li>b</li></ul>\n</div>\n";
        let source = MappedText::new(html.to_owned()).edited(edits(html, &Steps::for_text(html)));
        let lines: Vec<&str> =
            source.as_str().lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, ["### Title", "One", "- a", "- b"]);
        check("<TabItem value=\"a\" label=\"Linux\">\n\nx\n\n</TabItem>\n", "\n\n**Linux**\n\n\n\nx\n\n\n");
        check("<script>\nalert(1)\n</script>\n\ntext\n", "\n\ntext\n");
        check("<style>a{}</style>\n", "\n");
        check("<!--\nlong\n\ncomment\n-->\ntext", "\ntext");
        check(
            "<details>\n<summary>More</summary>\n\nbody\n\n</details>\n",
            "\n\n\n\n\nMore\n\n\n\nbody\n\n\n\n\n",
        );
    }

    #[test]
    fn unclosed_tags_do_not_cost_more_than_their_length() {
        let text = "<a ".repeat(200_000);
        check(&text, &text);
    }
}
