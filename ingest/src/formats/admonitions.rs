//! Boxes, tabs and imports of documentation generators, line by line: Docusaurus' `:::note`, MkDocs' `!!! note` and
//! `=== "Tab"`, GitHub's `> [!NOTE]`, GitBook's `{% hint %}`, Jekyll's `{% highlight %}` and `{: .class }`, and MDX's
//! `import`, `export` and comments.

use super::steps::Steps;
use crate::dialect;
use kb::mapped::Edit;
use regex::Regex;
use std::sync::LazyLock;

/// Text that is indented by so much is code, where nothing says otherwise.
const CODE_INDENTATION: usize = 4;

/// An import or an export that goes on over more bytes is text.
const MAX_STATEMENT_BYTES: usize = 8 << 10;

struct Patterns {
    docusaurus: Regex,
    docusaurus_end: Regex,
    mkdocs: Regex,
    github: Regex,
    mdx: Regex,
    liquid: Regex,
    highlight: Regex,
    tab: Regex,
    tag: Regex,
    statement: Regex,
    attributes: Regex,
    attributes_behind: Regex,
    snippet: Regex,
    jsx: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("the pattern is valid");
    let attribute = r#"(?:[.#][A-Za-z][\w-]*|[\w-]+=(?:"[^"{}]*"|'[^'{}]*'|[\w-]+)|:?toc)"#;
    Patterns {
        docusaurus: pattern(r"^\s*:{3,}[ \t]*([A-Za-z]+)(?:\[(.*)\]|[ \t]+(.*?))?\s*$"),
        docusaurus_end: pattern(r"^\s*:{3,}\s*$"),
        mkdocs: pattern(
            r#"^[ \t]*(?:(?:!!!|\?\?\?\+?)[ \t]+([A-Za-z-]+)[^"]*(?:"(.*)"\s*)?|===[+!]?[ \t]+"(.*)"\s*)$"#,
        ),
        github: pattern(r"(?i)^(\s*>\s*)\[!(note|tip|important|warning|caution)\]\s*$"),
        mdx: pattern(
            r#"^(?:import\s+(?:[^'"]+\s+from\s+)?['"][^'"]+['"];?|export\s+(?:const|default|function|let)\s.*|\{/\*.*\*/\})\s*$"#,
        ),
        jsx: pattern(r"</?[A-Za-z][A-Za-z0-9.]*\s[^<>]*=\{[^<>]*\}[^<>]*>"),
        liquid: pattern(r"^\s*\{%-?\s*/?[A-Za-z_]+[^%]*-?%\}\s*$"),
        highlight: pattern(r"^\s*\{%-?\s*(end)?highlight\b[ \t]*([A-Za-z0-9_+#.-]*)[^%]*-?%\}\s*$"),
        tab: pattern(r#"^\s*\{%-?\s*tab\s[^%]*title="([^"%]*)"[^%]*-?%\}\s*$"#),
        // Within a sentence only what is known to be a tag.
        tag: pattern(
            r"\{%-?\s*/?(?:(?:link|post_url)\s+([^\s%]+)|(?:end)?(?:raw|comment|capture|assign|if|unless|for|case|hint|tabs?|code|highlight|ifversion|note|tip|warning)|elsif|else|when|embed|content-ref|octicon|file|include)\b[^%\n]*-?%\}",
        ),
        statement: pattern(r"^(?:import\s+\{|export\s+(?:const|default|function|let)\s.*[\[{(`]\s*$)"),
        attributes: pattern(&format!(r"^\s*\{{:?\s*{attribute}(?:\s+{attribute})*\s*\}}\s*$")),
        attributes_behind: pattern(
            r#"\{:\s*(?:[.#][A-Za-z]|[\w-]+=)[^{}\n]{0,200}\}|\)(\{\s?(?:[.#:][A-Za-z]|[\w-]+=)[^{}\n]{0,200}\})"#,
        ),
        snippet: pattern(r"^\s*;?-{1,2}8<-{1,2}(?:\s.*)?$"),
    }
});

/// The sort of the box that MkDocs would make of a line, and its words, as pages have that came from there: `???+
/// warning Mind`.
pub(crate) fn marked(line: &str) -> Option<(&str, &str)> {
    let rest = ["!!! ", "???+ ", "??? "].iter().find_map(|mark| line.strip_prefix(mark))?;
    let (kind, words) = rest.split_once(' ')?;
    let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase());
    is_kind.then(|| (kind, words.trim_start()))
}

/// The edits that turn boxes into labelled text and drop lines that are markup only.
pub(crate) fn edits(text: &str, steps: &Steps) -> Vec<Edit> {
    let patterns = &*PATTERNS;
    let mut edits = Vec::new();
    // The indentation of open MkDocs boxes: their text is indented by four more.
    let mut boxes: Vec<usize> = Vec::new();
    // The indentation of each open Docusaurus box and that of its first line, by which its text is indented too far.
    let mut fenced_boxes: Vec<(usize, Option<usize>)> = Vec::new();
    // The end of a comment or a statement over several lines.
    let mut dropped_until = 0;
    let mut ends = Ends::default();
    dialect::for_each_line(text, |at, line, is_code| {
        if at < dropped_until {
            return edits.push(Edit::delete(at..(at + line.len()).min(dropped_until)));
        }
        let content = line.trim_end_matches('\n');
        if !is_code && let Some(end) = ends.of_statement(text, at, content, patterns, steps) {
            dropped_until = end;
            return edits.push(Edit::delete(at..(at + line.len()).min(end)));
        }
        let first = content.trim_start().bytes().next();
        let indentation = content.bytes().take_while(|&byte| byte == b' ').count();
        if first.is_some() {
            // The innermost box is indented most.
            while boxes.last().is_some_and(|&of_box| steps.take(1) && indentation < of_box + 4) {
                boxes.pop();
            }
            if let Some((of_box, surplus @ None)) = fenced_boxes.last_mut() {
                let deeper = indentation.saturating_sub(*of_box);
                *surplus = Some(if deeper >= CODE_INDENTATION { deeper } else { 0 });
            }
        }
        let replaced = match first {
            _ if is_code => None,
            Some(b':') => match patterns.docusaurus.captures(content) {
                Some(found) => {
                    fenced_boxes.push((indentation, None));
                    let title = found.get(2).or(found.get(3)).map(|title| title.as_str().trim());
                    Some(label(&found[1], title))
                }
                None => patterns.docusaurus_end.is_match(content).then(|| {
                    fenced_boxes.pop();
                    String::new()
                }),
            },
            Some(b'!' | b'?' | b'=') => patterns.mkdocs.captures(content).map(|found| {
                boxes.push(indentation);
                let title = found.get(2).or(found.get(3)).map(|title| title.as_str().trim());
                format!("{}\n", label(found.get(1).map_or("", |kind| kind.as_str()), title))
            }),
            Some(b'>') => patterns
                .github
                .captures(content)
                .map(|found| format!("{}{}", &found[1], label(&found[2], None))),
            Some(b'i' | b'e') => patterns.mdx.is_match(content).then(String::new),
            Some(b'{') => braced(content, patterns),
            Some(b'-' | b';') => patterns.snippet.is_match(content).then(String::new),
            _ => None,
        };
        match replaced {
            Some(words) => edits.push(Edit::replace(at..at + content.len(), words)),
            None => {
                let surplus = fenced_boxes.last().and_then(|(_, surplus)| *surplus).unwrap_or(0);
                let surplus = indentation.min(CODE_INDENTATION * boxes.len() + surplus);
                if surplus > 0 {
                    edits.push(Edit::delete(at..at + surplus));
                }
                // Tags whose attributes hold JavaScript; the HTML of others is cleaned as HTML.
                if !is_code && content.contains("={") {
                    let tags = patterns.jsx.find_iter(content);
                    edits.extend(tags.map(|tag| Edit::delete(at + tag.start()..at + tag.end())));
                }
                if !is_code && content.contains('{') {
                    edits.extend(inline_edits(content, at, patterns));
                }
            }
        }
    });
    edits
}

/// The text in place of a line that begins with a brace; `None` where the line is text.
fn braced(line: &str, patterns: &Patterns) -> Option<String> {
    if let Some(found) = patterns.highlight.captures(line) {
        return Some(if found.get(1).is_some() { "```".to_owned() } else { format!("```{}", &found[2]) });
    }
    if let Some(found) = patterns.tab.captures(line) {
        return Some(label("", Some(&found[1])));
    }
    let is_none =
        [&patterns.mdx, &patterns.liquid, &patterns.attributes].iter().any(|pattern| pattern.is_match(line));
    is_none.then(String::new)
}

/// The edits that take tags and attributes out of a line; those between backticks stay.
fn inline_edits(line: &str, start: usize, patterns: &Patterns) -> Vec<Edit> {
    let mut found: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    if line.contains("{%") {
        let tags = patterns.tag.captures_iter(line);
        found.extend(tags.filter_map(|tag| {
            let words = tag.get(1).map_or("", |address| address.as_str());
            Some((tag.get(0)?.range(), words.to_owned()))
        }));
    }
    if line.contains("{:") || line.contains("){") {
        let attributes = patterns.attributes_behind.captures_iter(line);
        found.extend(
            attributes.filter_map(|found| Some((found.get(1).or(found.get(0))?.range(), String::new()))),
        );
    }
    found.sort_by_key(|(range, _)| range.start);
    let (mut counted, mut num_ticks) = (0, 0);
    let is_outside = |(range, _): &(std::ops::Range<usize>, String)| {
        num_ticks += line[counted.min(range.start)..range.start].matches('`').count();
        counted = range.start;
        num_ticks % 2 == 0
    };
    found.retain(is_outside);
    let edit = |(range, words): (std::ops::Range<usize>, String)| {
        Edit::replace(start + range.start..start + range.end, words)
    };
    found.into_iter().map(edit).collect()
}

/// The ends of statements over several lines. A missing end is remembered, and looked for once.
#[derive(Default)]
struct Ends {
    has_no_comment: bool,
    has_no_import: bool,
    has_no_export: bool,
}

impl Ends {
    /// The end of a comment, import or export of MDX that a line begins and does not end.
    fn of_statement(
        &mut self,
        text: &str,
        at: usize,
        line: &str,
        patterns: &Patterns,
        steps: &Steps,
    ) -> Option<usize> {
        let after = at + line.len();
        if line.trim_start().starts_with("{/*") && !line.contains("*/}") && !self.has_no_comment {
            let end = text[after..].find("*/}").map(|end| after + end + 3);
            self.has_no_comment = end.is_none();
            steps.take(end.unwrap_or(text.len()) - after);
            return end;
        }
        if !patterns.statement.is_match(line) || patterns.mdx.is_match(line) && line.starts_with("import") {
            return None;
        }
        let is_import = line.starts_with("import");
        let known = if is_import { &mut self.has_no_import } else { &mut self.has_no_export };
        if *known {
            return None;
        }
        let window = &text[after..text.floor_char_boundary(text.len().min(after + MAX_STATEMENT_BYTES))];
        let ends: &[&str] = if is_import { &["\n} from "] } else { &["\n}", "\n]", "\n)", "\n`"] };
        let end = ends.iter().filter_map(|end| window.find(end)).min();
        steps.take(end.unwrap_or(window.len()));
        *known = end.is_none();
        let end = after + end? + 1;
        Some(text[end..].find('\n').map_or(text.len(), |length| end + length))
    }
}

fn label(kind: &str, title: Option<&str>) -> String {
    match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("**{title}**"),
        None => {
            let mut chars = kind.chars();
            let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
            format!("**{first}{}:**", chars.as_str().to_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::assert_edited;

    fn check(source: &str, cleaned: &str) {
        assert_edited(source, edits(source, &Steps::for_text(source)), cleaned);
    }

    #[test]
    fn boxes_become_labelled_text() {
        check(":::note\n\nMind.\n\n:::\n", "**Note:**\n\nMind.\n\n\n");
        check(":::danger Stop here\nx\n:::\n", "**Stop here**\nx\n\n");
        check(":::tip[Good idea]\nx\n:::", "**Good idea**\nx\n");
        check(
            ":::note\n\n    Mind.\n    - a\n        - b\n\n:::\n    code\n",
            "**Note:**\n\nMind.\n- a\n    - b\n\n\n    code\n",
        );
        check(":::tip\n1. a\n\n        b\n:::\n", "**Tip:**\n1. a\n\n        b\n\n");
        check("> [!CAUTION]\n> Do not.\n", "> **Caution:**\n> Do not.\n");
        check("!!! warning \"Mind\"\n    one\n\n    two\nafter\n", "**Mind**\n\none\n\ntwo\nafter\n");
        check("??? note\n    one\n", "**Note:**\n\none\n");
        check("!!! tip\n    run:\n    ```\n    x\n    ```\n", "**Tip:**\n\nrun:\n```\nx\n```\n");
        check("=== \"Linux\"\n    apt\n", "**Linux**\n\napt\n");
        check("{% highlight sh linenos %}\nx\n{% endhighlight %}\n", "```sh\nx\n```\n");
        check("{% tabs %}\n{% tab title=\"Linux\" %}\nx\n{% endtab %}\n", "\n**Linux**\nx\n\n");
        check(
            "See [a]({% link b/c.md %}) {% raw %}x{% endraw %} `{% raw %}` {% mystery %}.",
            "See [a](b/c.md) x `{% raw %}` {% mystery %}.",
        );
        check(
            "# T\n{: .no_toc }\n{:toc}\n{.h3 .a}\n[x](y){ .button } z{: #id } `{: .a}` {a} f(){b}",
            "# T\n\n\n\n[x](y) z `{: .a}` {a} f(){b}",
        );
        check("--8<-- [start:a]\nx\n--8<--\n", "\nx\n\n");
        check("{% hint style=\"info\" %}\nx\n{% endhint %}\n", "\nx\n\n");
    }

    #[test]
    fn imports_go_and_text_stays() {
        check("a <img src=\"x.png\" style={{ width: \"49%\" }} /> b", "a  b");
        check("import Tabs from '@theme/Tabs';\nexport const a = 1\ntext\n", "\n\ntext\n");
        check("import {\n  A,\n  B,\n} from 'x'\ntext\n", "\ntext\n");
        check("export const toc = [\n  {a: 1},\n];\ntext\n", "\ntext\n");
        check("{/* one\n\ntwo */} three\ntext\n", " three\ntext\n");
        for text in [
            "import {\n  A,\n",
            "{/* open\n\ntext\n",
            "```js\nimport a from 'a'\n:::note\n```\n",
            "import the image from the registry\n",
            "export the variable\n",
            "Title\n=== \n",
            "::: \u{e4}\n",
            "! wow\n",
        ] {
            check(text, text);
        }
    }
}
