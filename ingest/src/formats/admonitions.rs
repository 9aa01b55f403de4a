//! Boxes, tabs and imports of documentation generators, line by line: Docusaurus' `:::note`, MkDocs' `!!! note` and
//! `=== "Tab"`, GitHub's `> [!NOTE]`, GitBook's `{% hint %}`, and MDX's `import` and `export` lines.

use super::steps::Steps;
use crate::dialect;
use kb::mapped::Edit;
use regex::Regex;
use std::sync::LazyLock;

/// Text that is indented by so much is code, where nothing says otherwise.
const CODE_INDENTATION: usize = 4;

struct Patterns {
    docusaurus: Regex,
    docusaurus_end: Regex,
    mkdocs: Regex,
    github: Regex,
    mdx: Regex,
    liquid: Regex,
    jsx: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("the pattern is valid");
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
    }
});

/// The edits that turn boxes into labelled text and drop what is no text.
pub(crate) fn edits(text: &str, steps: &Steps) -> Vec<Edit> {
    let patterns = &*PATTERNS;
    let mut edits = Vec::new();
    // The indentation of open MkDocs boxes: their text is indented by four more.
    let mut boxes: Vec<usize> = Vec::new();
    // Of open Docusaurus boxes, their indentation and that of their first line, by which their text is too far in.
    let mut fenced_boxes: Vec<(usize, Option<usize>)> = Vec::new();
    dialect::for_each_line(text, |at, line, is_code| {
        let content = line.trim_end_matches('\n');
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
            Some(b'{') => {
                (patterns.mdx.is_match(content) || patterns.liquid.is_match(content)).then(String::new)
            }
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
            }
        }
    });
    edits
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
        check("{% hint style=\"info\" %}\nx\n{% endhint %}\n", "\nx\n\n");
    }

    #[test]
    fn imports_go_and_text_stays() {
        check("a <img src=\"x.png\" style={{ width: \"49%\" }} /> b", "a  b");
        check("import Tabs from '@theme/Tabs';\nexport const a = 1\ntext\n", "\n\ntext\n");
        for text in [
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
