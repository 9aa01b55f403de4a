//! `[n]` in a reply, resolved to the evidence that was given.

use crate::markdown::code_ranges;
use regex::{Captures, Regex};
use std::{collections::BTreeSet, sync::LazyLock};

/// `[1]`, `[1, 2]`, `[1; 3]`, also in the full-width brackets some models use.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[ \t]?(?:\[(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\]|【(\d{1,4})(?:†[^】]*)?】)")
        .expect("the pattern is valid")
});

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
        let numbers: Vec<usize> = found
            .get(1)
            .or(found.get(2))
            .into_iter()
            .flat_map(|list| list.as_str().split([',', ';']))
            .filter_map(|number| number.trim().parse().ok())
            .collect();
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

/// Shortest block that is a claim.
const MIN_CLAIM_CHARS: usize = 20;

/// Marks each block of running text (paragraph, list item, labelled line) that cites nothing. Code, headings, tables and
/// what only introduces the next block are no claims.
pub fn mark_uncited(text: &str, mark: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut fenced = false;
    let mut block = String::new();
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let is_fence = start.starts_with("```") || start.starts_with("~~~");
        if fenced || is_fence {
            end_block(&mut block, &mut marked, mark);
            marked.push_str(line);
            fenced ^= is_fence;
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
    let is_claim = text.chars().filter(|c| c.is_alphabetic()).count() >= MIN_CLAIM_CHARS
        && !text.trim_start().starts_with(['#', '|'])
        && !text.trim_end_matches('*').ends_with([':', '：'])
        && !MARKER.is_match(text);
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
        ] {
            assert_eq!(mark_uncited(text, "?"), marked, "{text}");
        }
    }
}
