//! The two labels that some clients read, `Error:` and `Solution:`, each once: a model writes them bold, as headings or
//! in the asker's language. Pure. Entry point: [`labelled`].

use super::blocks;
use regex::Regex;
use std::sync::LazyLock;

/// The words that models write for each label, a line each: `error` or `solution`, a tab, the words in lower case;
/// sorted.
const WORDS: &str = include_str!("labels.txt");

/// A line's label with its emphasis: its words and its colon.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?mx) ^[\ \t]* (?:\#{1,6}[\ \t]+)? [*_]{0,3} (?P<words>\p{L}[\p{L}\ -]{0,30}?) [\ \t]*
          (?: [:：] [*_]{0,3} | [*_]{1,3} [\ \t]* [:：] | (?P<bare> [*_]{0,3} [\ \t]* $ ) ) [\ \t]* [*_]{0,3} [\ \t]*",
    )
        .expect("the pattern is valid")
});

/// The text in the parts that the client reads: `Error:` and, from its second paragraph or line on, `Solution:`. Labels
/// that it has in another form are written so.
pub fn labelled(text: &str) -> String {
    let mut found: Vec<&str> = Vec::new();
    let mut written = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let sign = ["```", "~~~"].into_iter().find(|sign| line.trim_start().starts_with(sign));
        if sign.is_some() {
            fence = if fence.is_some() { fence.filter(|open| Some(*open) != sign) } else { sign };
        }
        match label_of(line).filter(|(label, _)| fence.is_none() && !found.contains(label)) {
            Some((label, rest)) if label == "Error:" || !found.is_empty() => {
                found.push(label);
                // Between the two parts stands no blank line.
                if label == "Solution:" {
                    written.truncate(written.trim_end().len());
                    written.push('\n');
                }
                let apart = if rest.trim().is_empty() { "" } else { " " };
                written.push_str(&format!("{label}{apart}{rest}"));
            }
            _ => written.push_str(line),
        }
    }
    match found.contains(&"Error:") && (found.contains(&"Solution:") || has_plain_label(text)) {
        true => written,
        false => with_labels(text),
    }
}

fn has_plain_label(text: &str) -> bool {
    text.lines().any(|line| ["Error:", "Solution:"].iter().any(|label| line.trim_start().starts_with(label)))
}

/// The label that a line begins with, as the client reads it, and the rest of the line.
fn label_of(line: &str) -> Option<(&'static str, &str)> {
    let found = LABEL.captures(line)?;
    if found.name("bare").is_some() && !line.trim_start().starts_with('#') {
        return None;
    }
    let words = found["words"].trim().to_lowercase();
    let label = WORDS.lines().filter_map(|line| line.split_once('\t')).find(|(_, known)| *known == words)?.0;
    Some((if label == "error" { "Error:" } else { "Solution:" }, &line[found[0].len()..]))
}

/// A text without labels, with them.
fn with_labels(text: &str) -> String {
    let is_heading = |line: &str| line.starts_with('#') || (line.starts_with("**") && line.ends_with("**"));
    if text.is_empty() || has_plain_label(text) {
        return text.to_owned();
    }
    // A heading only says what follows, which the label does.
    let start = text.lines().take_while(|line| line.trim().is_empty() || is_heading(line.trim()));
    let body = text.lines().skip(start.count()).collect::<Vec<_>>().join("\n");
    let body = if body.trim().is_empty() { text } else { &body };
    match body.split_once('\n') {
        Some((error, solution)) if !blocks::is_closed(error) || solution.trim().is_empty() => {
            format!("Error: {}", body.trim())
        }
        Some((error, solution)) => {
            let solution = solution.trim_start();
            // A list, a fence or a table is one only at the beginning of its line.
            let apart = if solution.starts_with(|c: char| c.is_alphabetic()) { " " } else { "\n" };
            format!("Error: {}\nSolution:{apart}{solution}", error.trim_end())
        }
        None => format!("Error: {body}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_unique() {
        let lines: Vec<&str> = WORDS.lines().collect();
        assert!(lines.is_sorted() && lines.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(lines.iter().all(|line| line.starts_with("error\t") || line.starts_with("solution\t")));
    }

    #[test]
    fn labels_stand_once_and_plain() {
        for text in [
            "**Error:** it fails [1].\n\n**Solution:** look at it [1].",
            "**Error**: it fails [1].\n**Solution**: look at it [1].",
            "**Error：** it fails [1].\n\n**Solution：** look at it [1].",
            "### Error:\nit fails [1].\n\n### Solution:\nlook at it [1].",
            "## Error\nit fails [1].\n\n## Solution\nlook at it [1].",
            "错误：it fails [1].\n解决方案：look at it [1].",
            "**錯誤：** it fails [1].\n\n**解決方法：** look at it [1].",
            "**Lỗi:** it fails [1].\n\n**Giải pháp:** look at it [1].",
            "__Kesalahan:__ it fails [1].\n*Solusi:* look at it [1].",
            "Error: it fails [1].\nSolution: look at it [1].",
            "***Cause:*** it fails [1].\n\n***Fix:*** look at it [1].",
        ] {
            let found = labelled(text).replace("Error:\n", "Error: ").replace("Solution:\n", "Solution: ");
            assert_eq!(found, "Error: it fails [1].\nSolution: look at it [1].", "{text:?}");
        }
    }

    #[test]
    fn what_is_no_label_stays() {
        for text in [
            "Error: it says `Error: x`, so [1]\nSolution: look [1]\nError: it is another one.",
            "Error: it fails [1]\nSolution: look [1]\n```\nLỗi: x\n```",
        ] {
            assert_eq!(labelled(text), text);
        }
        assert_eq!(
            labelled("It fails [1].\nLook: there [1]."),
            "Error: It fails [1].\nSolution: Look: there [1]."
        );
    }
}
