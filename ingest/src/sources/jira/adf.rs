//! Atlassian's document format, a tree of nodes in JSON, as Markdown. Of an unknown node the children are
//! written. The tree is walked with a stack of our own.

use crate::{
    formats::{
        front_matter::is_web_address,
        redaction::Secrets,
        written::{Writer, one_line, push_code, push_link, push_words},
    },
    sources::tracker::{redacted, redacted_words},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

/// The most columns that a cell is taken to span.
const MAX_SPAN: u64 = 64;

/// Writes a document. Its headings are `shift` levels deeper than in the source.
pub(super) fn write(writer: &mut Writer<'_>, document: &Value, shift: usize, secrets: &mut Secrets) {
    let mut walk = Walk { writer, shift, secrets, steps: vec![Step::Block(document)] };
    while let Some(step) = walk.steps.pop() {
        match step {
            Step::Block(node) => walk.block(node),
            Step::Words(nodes) => {
                let words = walk.words(nodes);
                walk.writer.paragraph(&words, 0..0);
            }
            Step::CloseItem => walk.writer.close_item(),
            Step::CloseList => walk.writer.close_list(),
            Step::CloseQuote => walk.writer.close_quote(),
        }
    }
}

/// The steps that are left to be done, the last first.
enum Step<'v> {
    Block(&'v Value),
    Words(&'v [Value]),
    CloseItem,
    CloseList,
    CloseQuote,
}

struct Walk<'w, 's, 'v> {
    writer: &'w mut Writer<'s>,
    shift: usize,
    secrets: &'w mut Secrets,
    steps: Vec<Step<'v>>,
}

impl<'v> Walk<'_, '_, 'v> {
    fn block(&mut self, node: &'v Value) {
        match kind(node) {
            "paragraph" => self.steps.push(Step::Words(content(node))),
            "heading" => {
                let level = node["attrs"]["level"].as_u64().unwrap_or(1).clamp(1, 6) as usize;
                let words = self.words(content(node));
                self.writer.heading(level + self.shift, &words, None, 0..0);
            }
            "bulletList" | "decisionList" | "taskList" => {
                self.writer.open_list(None);
                self.steps.push(Step::CloseList);
                self.children(node);
            }
            "orderedList" => {
                self.writer.open_list(Some(node["attrs"]["order"].as_u64().unwrap_or(1)));
                self.steps.push(Step::CloseList);
                self.children(node);
            }
            "listItem" | "decisionItem" => {
                self.writer.open_item();
                self.steps.push(Step::CloseItem);
                self.children(node);
            }
            "taskItem" | "blockTaskItem" => {
                let mark = if node["attrs"]["state"].as_str() == Some("DONE") { "[x] " } else { "[ ] " };
                let words = self.flat(node);
                self.writer.open_item();
                self.writer.paragraph(&format!("{mark}{words}"), 0..0);
                self.writer.close_item();
            }
            "codeBlock" => {
                let code = redacted(&code_of(node), self.secrets);
                self.writer.code(node["attrs"]["language"].as_str().unwrap_or_default(), &code, 0..0);
            }
            "blockquote" => {
                self.writer.open_quote();
                self.steps.push(Step::CloseQuote);
                self.children(node);
            }
            "panel" => {
                let label = match node["attrs"]["panelType"].as_str() {
                    Some("warning") => "Warning:",
                    Some("error") => "Error:",
                    Some("success") => "Success:",
                    Some("tip") => "Tip:",
                    Some("info") => "Info:",
                    _ => "Note:",
                };
                self.writer.label(label, 0..0);
                self.children(node);
            }
            "expand" | "nestedExpand" => {
                let title = redacted(node["attrs"]["title"].as_str().unwrap_or_default(), self.secrets);
                let mut words = String::new();
                push_words(&mut words, &title, false);
                self.writer.label(&words, 0..0);
                self.children(node);
            }
            "table" => {
                let rows: Vec<Vec<String>> = content(node).iter().map(|row| self.cells(row)).collect();
                self.writer.table(&rows, 0..0);
            }
            "rule" => {}
            _ if is_inline(node) => self.steps.push(Step::Words(std::slice::from_ref(node))),
            _ => self.children(node),
        }
    }

    /// Goes on with what stands in a node: words that no paragraph holds are one.
    fn children(&mut self, node: &'v Value) {
        let mut rest = content(node);
        let first = self.steps.len();
        while let Some(node) = rest.first() {
            let num_inline = rest.iter().take_while(|node| is_inline(node)).count();
            match num_inline {
                0 => self.steps.push(Step::Block(node)),
                _ => self.steps.push(Step::Words(&rest[..num_inline])),
            }
            rest = &rest[num_inline.max(1)..];
        }
        self.steps[first..].reverse();
    }

    fn cells(&mut self, row: &Value) -> Vec<String> {
        let mut cells = Vec::new();
        for cell in content(row) {
            let span = cell["attrs"]["colspan"].as_u64().unwrap_or(1).clamp(1, MAX_SPAN);
            cells.push(self.flat(cell));
            cells.extend((1..span).map(|_| String::new()));
        }
        cells
    }

    /// All that stands in a node, on one line.
    fn flat(&mut self, node: &Value) -> String {
        let mut line = String::new();
        let mut rest: Vec<&[Value]> = vec![content(node)];
        while let Some(nodes) = rest.pop() {
            let num_inline = nodes.iter().take_while(|node| is_inline(node)).count();
            if num_inline > 0 {
                rest.push(&nodes[num_inline..]);
                push_apart(&mut line, &self.words(&nodes[..num_inline]));
            } else if let [block, others @ ..] = nodes {
                rest.push(others);
                match kind(block) {
                    "codeBlock" => {
                        let mut code = String::new();
                        push_code(&mut code, &redacted(&code_of(block), self.secrets));
                        push_apart(&mut line, &code);
                    }
                    _ => rest.push(content(block)),
                }
            }
        }
        line
    }

    /// Words with their marks.
    fn words(&mut self, nodes: &[Value]) -> String {
        let mut runs: Vec<Run<'_>> = Vec::new();
        let mut rest: Vec<&Value> = nodes.iter().rev().collect();
        while let Some(node) = rest.pop() {
            let (words, marks) = match (self.said(node), content(node)) {
                (Some(words), _) => (words, Marks::of(node)),
                (None, []) => continue,
                (None, children) => {
                    rest.extend(children.iter().rev());
                    continue;
                }
            };
            match runs.last_mut().filter(|run| run.marks == marks) {
                Some(run) => run.words.push_str(&words),
                None => runs.push(Run { marks, words }),
            }
        }
        let mut written = String::new();
        runs.iter().for_each(|run| run.push(&mut written));
        written
    }

    /// The text of a node by itself; `None` if it has none.
    fn said(&mut self, node: &Value) -> Option<String> {
        let attribute = |name: &str| node["attrs"][name].as_str();
        let words = match kind(node) {
            "text" => redacted_words(node["text"].as_str().unwrap_or_default(), self.secrets),
            "hardBreak" => "\n".to_owned(),
            "emoji" => attribute("text").or(attribute("shortName")).unwrap_or_default().to_owned(),
            "date" => date_of(&node["attrs"]["timestamp"]).unwrap_or_default(),
            "media" | "mediaInline" => match attribute("alt") {
                Some(alt) if !alt.trim().is_empty() => format!("(image: {})", redacted(alt, self.secrets)),
                _ => return None,
            },
            "inlineCard" | "blockCard" | "embedCard" => {
                redacted(attribute("url").or(node["attrs"]["data"]["url"].as_str())?, self.secrets)
            }
            // A mention, a status, and other nodes with a text.
            _ => redacted(attribute("text")?, self.secrets),
        };
        Some(words)
    }
}

/// Words that have the same marks.
struct Run<'v> {
    marks: Marks<'v>,
    words: String,
}

#[derive(Default, PartialEq)]
struct Marks<'v> {
    link: Option<&'v str>,
    is_code: bool,
    is_strong: bool,
    is_emphasis: bool,
    is_struck: bool,
}

impl<'v> Marks<'v> {
    fn of(node: &'v Value) -> Self {
        let mut marks = Self::default();
        if matches!(kind(node), "inlineCard" | "blockCard" | "embedCard") {
            marks.link = node["attrs"]["url"].as_str().or(node["attrs"]["data"]["url"].as_str());
        }
        for mark in node["marks"].as_array().into_iter().flatten() {
            match kind(mark) {
                "link" => marks.link = mark["attrs"]["href"].as_str(),
                "code" => marks.is_code = true,
                "strong" => marks.is_strong = true,
                "em" => marks.is_emphasis = true,
                "strike" => marks.is_struck = true,
                _ => {}
            }
        }
        marks
    }
}

impl Run<'_> {
    fn push(&self, written: &mut String) {
        let trimmed = self.words.trim();
        if trimmed.is_empty() {
            return written.push_str(&self.words);
        }
        let lead = self.words.len() - self.words.trim_start().len();
        written.push_str(&self.words[..lead]);
        let start = written.len();
        let mut marks = String::new();
        for (is_set, mark) in
            [(self.marks.is_strong, "**"), (self.marks.is_emphasis, "*"), (self.marks.is_struck, "~~")]
        {
            marks.push_str(if is_set { mark } else { "" });
        }
        if self.marks.link == Some(trimmed) && is_web_address(trimmed) && !trimmed.contains(['<', '>']) {
            written.push_str(&format!("<{trimmed}>"));
        } else {
            written.push_str(&marks);
            match self.marks.is_code {
                true => push_code(written, trimmed),
                false => push_words(written, trimmed, self.marks.link.is_some()),
            }
            written.extend(marks.chars().rev());
            if let Some(address) = self.marks.link {
                push_link(written, start, address);
            }
        }
        written.push_str(&self.words[lead + trimmed.len()..]);
    }
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn content(node: &Value) -> &[Value] {
    node["content"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_inline(node: &Value) -> bool {
    matches!(
        kind(node),
        "text"
            | "hardBreak"
            | "mention"
            | "emoji"
            | "inlineCard"
            | "blockCard"
            | "embedCard"
            | "status"
            | "date"
            | "media"
            | "mediaInline"
            | "placeholder"
            | "inlineExtension"
    )
}

/// The code of a block: the text of its nodes.
fn code_of(node: &Value) -> String {
    content(node).iter().filter_map(|node| node["text"].as_str()).collect()
}

/// The day of a time in milliseconds since 1970, a number or a text.
fn date_of(timestamp: &Value) -> Option<String> {
    let milliseconds = timestamp.as_i64().or_else(|| timestamp.as_str()?.trim().parse().ok())?;
    let instant = Timestamp::from_millisecond(milliseconds).ok()?;
    Some(instant.to_zoned(TimeZone::UTC).date().to_string())
}

fn push_apart(line: &mut String, words: &str) {
    let words = one_line(words);
    if !words.is_empty() {
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(&words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::mapped::MappedText;
    use proptest::prelude::*;
    use serde_json::json;

    fn markdown(document: &Value) -> String {
        let source = MappedText::new(String::new());
        let mut writer = Writer::new(&source);
        write(&mut writer, document, 2, &mut Secrets::new());
        writer.finish().0.as_str().to_owned()
    }

    fn text(words: &str) -> Value {
        json!({"type": "text", "text": words})
    }

    fn paragraph(words: &str) -> Value {
        json!({"type": "paragraph", "content": [text(words)]})
    }

    #[test]
    fn blocks_become_markdown() {
        let item = |words: &str| json!({"type": "listItem", "content": [paragraph(words)]});
        let cell = |kind: &str, words: &str| json!({"type": kind, "content": [paragraph(words)]});
        let document = json!({"type": "doc", "version": 1, "content": [
            {"type": "heading", "attrs": {"level": 1}, "content": [text("節點 NotReady")]},
            {"type": "paragraph", "content": [
                text("Thấy "), {"type": "status", "attrs": {"text": "DONE", "color": "green"}}, text(" on "),
                {"type": "date", "attrs": {"timestamp": "1767225600000"}}, text(" by "),
                {"type": "mention", "attrs": {"id": "5b10", "text": "@Nguyễn Lan"}}, text(" "),
                {"type": "emoji", "attrs": {"shortName": ":warning:", "text": "⚠️"}},
                {"type": "hardBreak"}, text("next line"),
            ]},
            {"type": "bulletList", "content": [
                {"type": "listItem", "content": [paragraph("drain"), {"type": "orderedList", "attrs": {"order": 3}, "content": [
                    item("cordon"), item("reboot")]}]},
                {"type": "listItem", "content": [
                    {"type": "codeBlock", "attrs": {"language": "bash"}, "content": [text("kubectl drain node-1\n")]}]},
            ]},
            {"type": "taskList", "content": [
                {"type": "taskItem", "attrs": {"state": "DONE"}, "content": [text("page the team")]},
                {"type": "taskItem", "attrs": {"state": "TODO"}, "content": [text("write it up")]}]},
            {"type": "panel", "attrs": {"panelType": "warning"}, "content": [paragraph("Never reboot two nodes.")]},
            {"type": "blockquote", "content": [paragraph("It said so.")]},
            {"type": "expand", "attrs": {"title": "Logs"}, "content": [
                {"type": "codeBlock", "content": [text("E0101 kubelet")]}]},
            {"type": "table", "content": [
                {"type": "tableRow", "content": [cell("tableHeader", "Node"), cell("tableHeader", "State|now")]},
                {"type": "tableRow", "content": [
                    {"type": "tableCell", "attrs": {"colspan": 2}, "content": [paragraph("node-1"),
                        {"type": "codeBlock", "content": [text("down")]}]}]}]},
            {"type": "rule"},
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "x", "alt": "the graph"}}]},
            {"type": "blockCard", "attrs": {"url": "https://acme.example/d/1"}},
            {"type": "layoutSection", "content": [{"type": "somethingNew", "content": [paragraph("kept"), text("loose")]}]},
        ]});
        insta::assert_snapshot!(markdown(&document), @r"
        ### 節點 NotReady

        Thấy DONE on 2026-01-01 by @Nguyễn Lan ⚠️
        next line

        - drain

          3. cordon
          4. reboot
        - ```bash
          kubectl drain node-1
          ```

        - [x] page the team
        - [ ] write it up

        **Warning:**

        Never reboot two nodes.

        > It said so.

        **Logs**

        ```
        E0101 kubelet
        ```

        | Node | State\|now |
        | --- | --- |
        | node-1 `down` | |

        (image: the graph)

        <https://acme.example/d/1>

        kept

        loose
        ");
    }

    #[test]
    fn marks_become_markdown() {
        let marked = |words: &str, marks: Value| {
            markdown(&json!({"type": "paragraph", "content": [
                text("a "), {"type": "text", "text": words, "marks": marks}, text(" b")]}))
        };
        for (words, marks, expected) in [
            ("x", json!([{"type": "strong"}]), "a **x** b\n"),
            (" x ", json!([{"type": "em"}, {"type": "underline"}]), "a  *x*  b\n"),
            ("x", json!([{"type": "strike"}]), "a ~~x~~ b\n"),
            ("x`y*", json!([{"type": "code"}]), "a ``x`y*`` b\n"),
            ("x", json!([{"type": "strong"}, {"type": "em"}]), "a ***x*** b\n"),
            (
                "the page",
                json!([{"type": "link", "attrs": {"href": "https://e.example/a b"}}]),
                "a [the page](https://e.example/a%20b) b\n",
            ),
            (
                "https://e.example/a",
                json!([{"type": "link", "attrs": {"href": "https://e.example/a"}}]),
                "a <https://e.example/a> b\n",
            ),
            ("x", json!([{"type": "link", "attrs": {"href": "javascript:alert(1)"}}]), "a x b\n"),
            ("*not* <b>", json!([]), "a \\*not\\* \\<b> b\n"),
        ] {
            assert_eq!(marked(words, marks), expected, "{words}");
        }
        let key = "ghp_aB3dE5gH7jK9mN2pQ4rS6tU8vWxYz0aB3dE5";
        assert!(marked(key, json!([{"type": "strong"}])).contains("redacted:"));
    }

    /// A node of any kind, with a text or a link somewhere, in others.
    fn any_node() -> impl Strategy<Value = Value> {
        let kinds = [
            "paragraph",
            "heading",
            "bulletList",
            "orderedList",
            "listItem",
            "taskList",
            "taskItem",
            "codeBlock",
            "blockquote",
            "panel",
            "expand",
            "table",
            "tableRow",
            "tableCell",
            "text",
            "mention",
            "inlineCard",
            "media",
            "date",
            "hardBreak",
            "odd",
        ];
        let kind = proptest::sample::select(kinds.to_vec());
        let leaf = (kind.clone(), "[a-z節 `*_<\\[\\]|\\n]{0,12}").prop_map(|(kind, words)| {
            json!({"type": kind, "text": words, "attrs": {"text": words, "url": words, "level": words.len(), "timestamp": words},
                "marks": [{"type": "link", "attrs": {"href": words}}]})
        });
        leaf.prop_recursive(6, 60, 5, move |inner| {
            (kind.clone(), proptest::collection::vec(inner, 0..5))
                .prop_map(|(kind, content)| json!({"type": kind, "content": content, "attrs": {"colspan": 3, "order": 0}}))
        })
    }

    proptest! {
        #[test]
        fn any_document_is_read(document in any_node()) {
            let size = document.to_string().len();
            prop_assert!(markdown(&document).len() <= 40 * size, "{document}");
        }
    }

    #[test]
    fn what_is_no_document_harms_nothing() {
        let mut deep = json!({"type": "paragraph", "content": [text("deep")]});
        for number in 0..5_000 {
            let kind = ["bulletList", "listItem", "blockquote", "panel", "odd"][number % 5];
            let mut node = serde_json::Map::new();
            node.insert("type".to_owned(), json!(kind));
            node.insert("content".to_owned(), Value::Array(vec![deep]));
            deep = Value::Object(node);
        }
        assert!(markdown(&deep).contains("deep"));
        std::mem::forget(deep);
        for odd in [
            json!(null),
            json!([1]),
            json!({"type": 5, "content": "x"}),
            json!({"type": "table", "content": [3]}),
        ] {
            assert_eq!(markdown(&odd), "");
        }
    }
}
