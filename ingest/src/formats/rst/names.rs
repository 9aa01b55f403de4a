//! The names that a page of reStructuredText gives in one place and uses in another: targets of links, substitutions
//! and labels.
//!
//! Entry point: [`Names::of`], one look at all rows before any is written.

use super::{
    Row,
    rows::{adornment_of, directive_of, field_of},
};
use std::collections::HashMap;

/// More names of each sort are not kept.
const MAX_NAMES: usize = 5_000;

/// Longer values are cut.
const MAX_VALUE_BYTES: usize = 1_000;

/// Names may stand for each other this many times.
const MAX_HOPS: usize = 4;

/// Directives whose content is not markup, sorted.
pub(super) const CODE: [&str; 18] = [
    "code",
    "code-block",
    "code-tab",
    "command-output",
    "console",
    "doctest",
    "highlight-block",
    "ipython",
    "jinja",
    "literal",
    "math",
    "parsed-literal",
    "program-output",
    "prompt",
    "raw",
    "sourcecode",
    "testcode",
    "testoutput",
];

/// The names of a page.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Addresses, or other names with `_` behind them, by name.
    pub(super) targets: HashMap<String, String>,
    /// Addresses of links without a name, in order.
    pub(super) anonymous: Vec<String>,
    /// Markup by the name that stands for it.
    pub(super) substitutions: HashMap<String, String>,
    /// Headings by the label before them.
    pub(super) labels: HashMap<String, String>,
}

impl Names {
    /// Reads the names that rows give.
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let mut names = Self::default();
        let mut labels: Vec<String> = Vec::new();
        // The column of what code follows.
        let mut code_below: Option<usize> = None;
        for (at, row) in rows.iter().enumerate() {
            if row.is_blank() || code_below.is_some_and(|column| row.indent() > column) {
                continue;
            }
            code_below = None;
            let text = row.text.trim_start();
            if let Some(address) = text.strip_prefix("__ ") {
                names.add_anonymous(joined(address, rows, at));
            } else if let Some(rest) = text.strip_prefix(".. ").map(str::trim_start) {
                if let Some(target) = rest.strip_prefix('_') {
                    names.target(target, rows, at, &mut labels);
                } else if let Some(definition) = rest.strip_prefix('|') {
                    names.substitution(definition, rows, at);
                } else if directive_of(rest).is_some_and(|(name, _)| CODE.binary_search(&name).is_ok()) {
                    code_below = Some(row.indent());
                }
            } else if text.ends_with("::") {
                code_below = Some(row.indent());
                labels.clear();
            } else if adornment_of(text).is_none() {
                let is_heading = rows.get(at + 1).is_some_and(|next| adornment_of(next.text).is_some());
                for label in labels.drain(..).filter(|_| is_heading) {
                    if names.labels.len() < MAX_NAMES {
                        names.labels.insert(label, cut(text.to_owned()));
                    }
                }
            }
        }
        names
    }

    fn target(&mut self, target: &str, rows: &[Row<'_>], at: usize, labels: &mut Vec<String>) {
        let Some((name, rest)) = target_of(target) else { return };
        let address = joined(rest, rows, at);
        if name == "_" {
            self.add_anonymous(address);
        } else if address.is_empty() {
            labels.push(normalised(name));
        } else if self.targets.len() < MAX_NAMES {
            self.targets.insert(normalised(name), cut(address));
        }
    }

    fn add_anonymous(&mut self, address: String) {
        if self.anonymous.len() < MAX_NAMES {
            self.anonymous.push(cut(address));
        }
    }

    fn substitution(&mut self, definition: &str, rows: &[Row<'_>], at: usize) {
        let Some((name, rest)) = definition.split_once('|') else { return };
        let Some((directive, arguments)) = directive_of(rest.trim_start()) else { return };
        let value = match directive {
            "replace" => joined_words(arguments, rows, at),
            "unicode" => characters(arguments),
            "image" => {
                let column = rows[at].indent();
                let options = rows[at + 1..].iter().take_while(|row| row.indent() > column).take(20);
                let fields = options.filter_map(|row| field_of(row.text.trim_start()));
                let alt = fields.filter(|(name, _)| *name == "alt").map(|(_, value)| value.to_owned());
                alt.last().unwrap_or_default()
            }
            _ => String::new(),
        };
        if self.substitutions.len() < MAX_NAMES {
            self.substitutions.insert(normalised(name), cut(value));
        }
    }

    /// The address that a name leads to; empty for a part of the page.
    pub(super) fn address(&self, name: &str) -> Option<&str> {
        let mut name = normalised(name);
        for _ in 0..MAX_HOPS {
            let address = self.targets.get(&name)?;
            match address.strip_suffix('_').filter(|_| !address.contains("://")) {
                Some(other) => name = normalised(other.trim_matches('`')),
                None => return Some(address),
            }
        }
        None
    }
}

/// The name of a target, and the text behind its colon.
pub(super) fn target_of(target: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = target.strip_prefix('`') {
        let (name, rest) = quoted.split_once('`')?;
        return Some((name, rest.strip_prefix(':')?.trim()));
    }
    let ends = target.match_indices(':').find(|(at, _)| {
        let after = &target[at + 1..];
        (after.is_empty() || after.starts_with(' ')) && !target[..*at].ends_with('\\')
    });
    let (end, _) = ends?;
    Some((&target[..end], target[end + 1..].trim()))
}

/// A name as names are compared.
pub(super) fn normalised(name: &str) -> String {
    name.split_whitespace().map(|word| word.replace('\\', "").to_lowercase()).collect::<Vec<_>>().join(" ")
}

/// An address, which may go on in the rows below.
fn joined(first: &str, rows: &[Row<'_>], at: usize) -> String {
    joined_words(first, rows, at).replace(' ', "")
}

fn joined_words(first: &str, rows: &[Row<'_>], at: usize) -> String {
    /// More rows are not read.
    const MAX_ROWS: usize = 10;
    let column = rows[at].indent();
    let following = rows[at + 1..].iter().take_while(|row| row.indent() > column).take(MAX_ROWS);
    let words = std::iter::once(first).chain(following.map(|row| row.text)).map(str::trim);
    words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

fn cut(mut value: String) -> String {
    value.truncate(value.floor_char_boundary(MAX_VALUE_BYTES));
    value
}

/// The text that codes of characters and words stand for.
fn characters(arguments: &str) -> String {
    let arguments = arguments.split(" .. ").next().unwrap_or_default();
    let words = arguments.split_whitespace().map(|word| {
        let code = ["0x", "U+", "u+", "\\u", "\\x"].iter().find_map(|prefix| word.strip_prefix(prefix));
        let character = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        character.map_or_else(|| word.to_owned(), String::from)
    });
    words.collect::<Vec<_>>().join(" ")
}
