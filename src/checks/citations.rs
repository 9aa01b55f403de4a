//! `[n]` in a reply, resolved to the evidence that was given.

use crate::markdown::{code_block_ranges, code_ranges};
use kb::analyzer::is_cjk;
use regex::{Captures, Regex};
use std::{collections::BTreeSet, sync::LazyLock};

/// `[1]`, `[1, 2]`, `[1-3]`, and what models make of it: `[^1]`, `[doc 1]`, `[1†source]`, full-width brackets.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix) [\ \t]? [\[【［〔] \s*
          (?: \^ | (?: docs? | documents? | sources? | refs? | references? | citations? | evidence ) [\s.:]* )? \#? \s*
          ( \d{1,5} (?: \s* (?: [,;，、；] | [-–—] ) \s* \d{1,5} )* )
          \s* (?: † [^\]】］〕]{0,60} )? [\]】］〕]",
    )
    .expect("the pattern is valid")
});

/// The most numbers that one range stands for.
const MAX_RANGE: usize = 20;

/// The numbers of a marker: `1, 3-5` gives 1, 3, 4, 5. A date is none.
fn numbers(list: &str) -> Vec<usize> {
    let parts = list.split([',', ';', '，', '、', '；']);
    let ranges = parts.map(|part| {
        let mut ends = part.split(['-', '–', '—']).filter_map(|number| number.trim().parse::<usize>().ok());
        let first = ends.next().unwrap_or_default();
        first..=ends.next_back().unwrap_or(first)
    });
    ranges.flat_map(|range| range.take(MAX_RANGE)).collect()
}

/// A document's text in which no number in brackets can be taken for a citation of ours: `[7]` becomes `(7)`.
pub fn neutralised(text: &str) -> String {
    let code = code_ranges(text);
    let neutral = MARKER.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).expect("group 0 is the match");
        let (space, marker) = whole.as_str().split_at(whole.len() - whole.as_str().trim_start().len());
        // The label of a link is no citation, and goes with the link.
        let is_label = text[whole.end()..].starts_with(['(', '[', ':']);
        match is_label || code.iter().any(|range| range.contains(&(whole.end() - 1))) {
            true => whole.as_str().to_owned(),
            false => {
                format!("{space}({})", marker.trim_matches(['[', ']', '【', '】', '［', '］', '〔', '〕']))
            }
        }
    });
    neutral.into_owned()
}

/// A reply whose citations all exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The text; each citation is written `[n]`.
    pub text: String,
    /// The numbers cited.
    pub cited: BTreeSet<usize>,
    /// The numbers that were removed because no evidence has them.
    pub removed: BTreeSet<usize>,
}

/// Resolves the citations of a reply against the numbers `exists` knows. Code is left alone, and so is an index such as
/// `items[0]`.
pub fn resolve(text: &str, exists: impl Fn(usize) -> bool) -> Resolved {
    let code = code_ranges(text);
    let (mut cited, mut removed) = (BTreeSet::new(), BTreeSet::new());
    let resolved = MARKER.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).expect("group 0 is the match");
        let bracket = whole.start() + (whole.len() - whole.as_str().trim_start().len());
        if code.iter().any(|range| range.contains(&bracket)) {
            return whole.as_str().to_owned();
        }
        let numbers = numbers(&found[1]);
        let is_index = bracket == whole.start()
            && text[..bracket].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !numbers.iter().any(|n| exists(*n));
        if is_index {
            return whole.as_str().to_owned();
        }
        let mut marker = String::new();
        for number in numbers {
            match exists(number) {
                true => {
                    cited.insert(number);
                    marker.push_str(&format!("[{number}]"));
                }
                false => {
                    removed.insert(number);
                }
            }
        }
        match marker.is_empty() {
            true => String::new(),
            false => format!("{}{marker}", &whole.as_str()[..bracket - whole.start()]),
        }
    });
    Resolved { text: resolved.into_owned(), cited, removed }
}

/// Shortest block that is a claim, in letters; a character of a script without spaces counts as three.
const MIN_CLAIM_LETTERS: usize = 20;

/// Marks each block of running text (paragraph, list item, labelled line) that cites nothing. Code, headings, tables and
/// what only introduces the next block are no claims.
pub fn mark_uncited(text: &str, mark: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let code = code_block_ranges(text);
    let mut block = String::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        // What stands before the code on its first line is a list's or a quote's mark.
        let first = at + line.len() - start.len();
        at += line.len();
        if code.iter().any(|range| range.contains(&first) || (first < range.start && range.start < at)) {
            end_block(&mut block, &mut marked, mark);
            marked.push_str(line);
            continue;
        }
        if start.is_empty() || begins_block(start) {
            end_block(&mut block, &mut marked, mark);
        }
        block.push_str(line);
    }
    end_block(&mut block, &mut marked, mark);
    marked
}

fn begins_block(line: &str) -> bool {
    let is_numbered = line.split_once(['.', ')']).is_some_and(|(number, rest)| {
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) && rest.starts_with(' ')
    });
    is_numbered
        || ["- ", "* ", "+ ", "#", "|", "> ", "Error:", "Solution:"]
            .iter()
            .any(|start| line.starts_with(start))
}

fn end_block(block: &mut String, marked: &mut String, mark: &str) {
    let text = block.trim_end();
    let weight = |c: char| if is_cjk(c) { 3 } else { usize::from(c.is_alphabetic()) };
    let is_claim = text.chars().map(weight).sum::<usize>() >= MIN_CLAIM_LETTERS
        && !text.trim_start().starts_with(['#', '|'])
        && !text.trim_end_matches('*').ends_with([':', '：'])
        && resolve(text, |n| n > 0).cited.is_empty();
    marked.push_str(text);
    if is_claim {
        marked.push_str(&format!(" ({mark})"));
    }
    marked.push_str(&block[text.len()..]);
    block.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, resolved: &str, cited: &[usize]) {
        let found = resolve(text, |n| (1..=3).contains(&n));
        assert_eq!(found.text, resolved, "{text}");
        assert_eq!(found.cited, cited.iter().copied().collect(), "{text}");
    }

    #[test]
    fn citations_are_resolved() {
        check("Raise the limit [1].", "Raise the limit [1].", &[1]);
        check("Raise it [1, 9] or [2;3].", "Raise it [1] or [2][3].", &[1, 2, 3]);
        check("Invented [7].", "Invented.", &[]);
        check("Full width【2】", "Full width[2]", &[2]);
        check("Tool form 【3†source】", "Tool form [3]", &[3]);
        check("`.items[0]` and `x[9]`", "`.items[0]` and `x[9]`", &[]);
        check("status.containerStatuses[0] fails [1]", "status.containerStatuses[0] fails [1]", &[1]);
        check("the limit[2]", "the limit[2]", &[2]);
        check("[]", "[]", &[]);
        for unknown in [
            "[7-9]",
            "[^9]",
            "[doc 9]",
            "[ 9 ]",
            "[9 ]",
            "［9］",
            "[9†x]",
            "[99999]",
            "[#9]",
            "〔9〕",
            "[source: 9]",
        ] {
            check(&format!("Invented {unknown}."), "Invented.", &[]);
        }
        check("Ranges [1-2], [2–9]", "Ranges [1][2], [2][3]", &[1, 2, 3]);
        check("[Document 2] and [^1]", "[2] and [1]", &[1, 2]);
        check("in [a-b]", "in [a-b]", &[]);
    }

    #[test]
    fn numbers_that_documents_write_are_no_citations() {
        for (text, neutral) in [
            ("Approved by security [2], see [7-9].", "Approved by security (2), see (7-9)."),
            ("[1](https://a.example) and `x[1]`, [note]", "[1](https://a.example) and `x[1]`, [note]"),
            ("```\nsystemd [1]: up\n```\n[3]", "```\nsystemd [1]: up\n```\n(3)"),
        ] {
            assert_eq!(neutralised(text), neutral);
        }
    }

    #[test]
    fn claims_without_a_citation_are_marked() {
        for (text, marked) in [
            ("The container was killed by the kernel [1].", "The container was killed by the kernel [1]."),
            ("The container was killed by the kernel.", "The container was killed by the kernel. (?)"),
            (
                "Error: the container was killed [1].\nSolution: raise the memory limit now.\n",
                "Error: the container was killed [1].\nSolution: raise the memory limit now. (?)\n",
            ),
            (
                "These are the steps that help:\n\n1. Raise the memory limit,\n   then wait. [2]\n2. Ask.",
                "These are the steps that help:\n\n1. Raise the memory limit,\n   then wait. [2]\n2. Ask.",
            ),
            (
                "# A heading that is quite long enough\n\n```\nkubectl get pods --all-namespaces\n```",
                "# A heading that is quite long enough\n\n```\nkubectl get pods --all-namespaces\n```",
            ),
            ("馬上把整個叢集刪掉。", "馬上把整個叢集刪掉。 (?)"),
            ("重啟 Pod [1]。", "重啟 Pod [1]。"),
            (
                "Look at containers[0] of the failing workload.",
                "Look at containers[0] of the failing workload. (?)",
            ),
            (
                "The kernel wrote `oom [1]` into its own log.",
                "The kernel wrote `oom [1]` into its own log. (?)",
            ),
            ("```x``` is what the container has written.", "```x``` is what the container has written. (?)"),
            (
                "> ```\n> kubectl apply -f /tmp/some-file.yaml\n> ```",
                "> ```\n> kubectl apply -f /tmp/some-file.yaml\n> ```",
            ),
        ] {
            assert_eq!(mark_uncited(text, "?"), marked, "{text}");
        }
    }
}
