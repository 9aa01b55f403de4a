//! `[n]` in a reply, resolved to the evidence that was given.

use crate::markdown::code_ranges;
use regex::{Captures, Regex};
use std::{collections::BTreeSet, sync::LazyLock};

/// `[1]`, `[1, 2]`, `[1-3]`, and what models make of it: `[^1]`, `[doc 1]`, `[1†source]`, `[[1]]`, other brackets and
/// digits; with a word, round brackets as well.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    let word = r"(?: docs? | documents? | sources? | refs? | references? | citations? | evidence | dokumen | sumber
        | tài\ liệu | nguồn | 文[档檔件] | 来源 | 來源 | 参考(?:文[档檔件])? | 參考(?:文[档檔件])? | 资料 | 資料 )[\s.:：]*";
    let number = r"[\d]{1,5}";
    let numbers = format!(r"{number} (?: \s* (?: [,;，、；&] | [-–—~] ) \s* (?:{word})? \#? {number} )*");
    Regex::new(&format!(
        r"(?ix) [\ \t]? [\[【［〔] \s* (?: \^ | {word} )? \#? \s* (?<list>{numbers})
          \s* (?: † [^\]】］〕]{{0,60}} )? [\]】］〕]
        | [\ \t]? [(（] \s* {word} (?: [\[【［〔] \s* )? \#? (?<named>{numbers}) \s* (?: [\]】］〕] \s* )? [)）]"
    ))
    .expect("the pattern is valid")
});

/// Numbers set high at the end of a sentence or a word of a script without spaces.
static RAISED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("([.。!！?？)）\"”」』])([¹²³⁴⁵⁶⁷⁸⁹][⁰¹²³⁴⁵⁶⁷⁸⁹]?)").expect("the pattern is valid")
});

/// The most numbers that one range stands for.
const MAX_RANGE: usize = 20;

/// The numbers of a marker: `1, 3-5` gives 1, 3, 4, 5. A date such as `2026-11-28` gives no number.
fn numbers(list: &str) -> Vec<usize> {
    let parts = list.split([',', ';', '，', '、', '；', '&']);
    let ranges = parts.map(|part| {
        let mut ends = part.split(['-', '–', '—', '~']).filter_map(number);
        let first = ends.next().unwrap_or_default();
        first..=ends.next_back().unwrap_or(first)
    });
    ranges.flat_map(|range| range.take(MAX_RANGE)).collect()
}

/// The number that a part of a marker ends with, in digits of any script.
fn number(part: &str) -> Option<usize> {
    let digit = |c: char| match c {
        '０'..='９' => Some(c as u32 - '０' as u32),
        _ => c.to_digit(10),
    };
    let part = part.trim_end();
    let start = part.char_indices().rev().take_while(|(_, c)| digit(*c).is_some()).last()?.0;
    part[start..].chars().try_fold(0usize, |number, c| Some(number * 10 + digit(c)? as usize))
}

/// A document's text in which no number in brackets can be taken for a citation of ours: `[7]` becomes `(7)`.
pub fn neutralised(text: &str) -> String {
    let code = code_ranges(text);
    let neutral = MARKER.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).expect("group 0 is the match");
        let (space, marker) = whole.as_str().split_at(whole.len() - whole.as_str().trim_start().len());
        // The label of a link is no citation, and goes with the link; what stands in round brackets is read as it is.
        let is_label = text[whole.end()..].starts_with(['(', '[', ':']);
        match is_label
            || found.name("named").is_some()
            || code.iter().any(|range| range.contains(&(whole.end() - 1)))
        {
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
    let raised = RAISED.replace_all(text, |found: &Captures<'_>| {
        let number: String = found[2]
            .chars()
            .filter_map(|c| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|digit| digit == c))
            .map(|digit| digit.to_string())
            .collect();
        match number.parse().is_ok_and(&exists) {
            true => format!("{}[{number}]", &found[1]),
            false => found[0].to_owned(),
        }
    });
    let text = raised.as_ref();
    let code = code_ranges(text);
    let (mut cited, mut removed) = (BTreeSet::new(), BTreeSet::new());
    let resolved = MARKER.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).expect("group 0 is the match");
        let bracket = whole.start() + (whole.len() - whole.as_str().trim_start().len());
        if code.iter().any(|range| range.contains(&bracket)) {
            return whole.as_str().to_owned();
        }
        let list = found.name("list").or(found.name("named")).map_or("", |list| list.as_str());
        let numbers = numbers(list);
        let is_index = bracket == whole.start()
            && text[..bracket].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !numbers.iter().any(|n| exists(*n));
        if is_index {
            return whole.as_str().to_owned();
        }
        let is_named = found.name("named").is_some();
        if is_named && !numbers.iter().any(|n| exists(*n)) {
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

/// The citations that a text ends with, and the signs between them.
pub fn tail(text: &str) -> &str {
    let is_between = |between: &str| !between.contains(char::is_alphanumeric);
    let mut start = text.len();
    let markers: Vec<_> = MARKER.find_iter(text).map(|marker| marker.range()).collect();
    for marker in markers.into_iter().rev().take_while(|marker| marker.end <= text.len()) {
        if !is_between(&text[marker.end.min(start)..start]) {
            break;
        }
        start = marker.start;
    }
    &text[start..]
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
}
