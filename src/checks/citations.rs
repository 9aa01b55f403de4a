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
}
