//! An AsciiDoc file's lines after what its preprocessor does: conditions, includes, attributes and comments.
//!
//! Entry point: [`Lines::of`]. Includes stay within the source; a file that cannot be included is left out and told.
//! Attributes are known where they are given, in the order of the lines, and their values are bounded.

use crate::formats::{
    Place,
    site::{self, MAX_INCLUDED_BYTES, MAX_INCLUDED_FILES},
    steps::Steps,
};
use std::{borrow::Cow, collections::HashMap, ops::Range};

/// Longer values of attributes are cut.
const MAX_VALUE_BYTES: usize = 1_000;

/// More attributes are not kept.
const MAX_ATTRIBUTES: usize = 2_000;

/// Files that include files that include files.
const MAX_NESTING: usize = 3;

/// Conditions (`ifdef::`) are nested at most so deep.
const MAX_CONDITIONS: usize = 64;

/// A line and its place in the file; a line of an included file stands where it is included.
#[derive(Debug)]
pub(super) struct Line<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) place: Range<usize>,
}

/// The lines of a page.
#[derive(Debug, Default)]
pub(super) struct Lines<'t> {
    pub(super) lines: Vec<Line<'t>>,
    /// The attributes of the file itself, in their order.
    pub(super) given: Vec<(String, String)>,
    /// Includes that were left out.
    pub(super) missing: Vec<String>,
}

struct Reader<'t, 'p> {
    place: &'p Place<'p>,
    steps: &'p Steps,
    lines: Lines<'t>,
    attributes: HashMap<String, String>,
    /// Open conditions, and whether each holds.
    conditions: Vec<bool>,
    num_files: usize,
    num_bytes: usize,
}

impl<'t> Lines<'t> {
    /// Reads a text from `start` on.
    pub(super) fn of(text: &'t str, start: usize, place: &Place<'_>, steps: &Steps) -> Self {
        let mut reader = Reader {
            place,
            steps,
            lines: Lines::default(),
            attributes: HashMap::new(),
            conditions: Vec::new(),
            num_files: 0,
            num_bytes: 0,
        };
        let mut fence: Option<&str> = None;
        let mut at = start;
        let mut following = text[start..].split_inclusive('\n').peekable();
        while let Some(line) = following.next() {
            let place = at..at + line.trim_end().len();
            at += line.len();
            let line = line.trim_end();
            match fence {
                Some(open) if line == open => fence = None,
                None if is_verbatim_fence(line) => fence = Some(line),
                _ => {}
            }
            // A value goes on where its line ends in a backslash.
            let mut joined: Option<String> = None;
            if fence.is_none() && attribute_of(line).is_some() {
                while let Some(lead) = joined.as_deref().unwrap_or(line).strip_suffix(" \\") {
                    let Some(next) = following.next() else { break };
                    at += next.len();
                    joined = Some(format!("{lead} {}", next.trim()));
                    if joined.as_ref().is_some_and(|joined| joined.len() > 4 * MAX_VALUE_BYTES) {
                        break;
                    }
                }
            }
            let text = joined.map_or(Cow::Borrowed(line), Cow::Owned);
            reader.line(text, place, fence.is_some(), 0);
        }
        reader.lines
    }
}

impl<'t> Reader<'t, '_> {
    /// Reads one line. In verbatim text only conditions and includes count.
    fn line(&mut self, text: Cow<'t, str>, place: Range<usize>, is_verbatim: bool, nesting: usize) {
        if self.condition(&text) || self.conditions.contains(&false) {
            return;
        }
        if let Some((name, options)) = include_of(&text) {
            let name = self.expanded(name);
            return self.include(&name, options, place, is_verbatim, nesting);
        }
        if let Some(shown) = text.strip_prefix('\\').filter(|shown| include_of(shown).is_some()) {
            let shown = shown.to_owned();
            return self.lines.lines.push(Line { text: Cow::Owned(shown), place });
        }
        if !is_verbatim && let Some((name, value)) = attribute_of(&text) {
            let value = value.map(|value| self.expanded(value));
            if nesting == 0 {
                self.lines.given.push((name.to_owned(), value.clone().unwrap_or_default()));
            }
            match value {
                Some(mut value) if self.attributes.len() < MAX_ATTRIBUTES => {
                    value.truncate(value.floor_char_boundary(MAX_VALUE_BYTES));
                    self.attributes.insert(name.to_ascii_lowercase(), value);
                }
                Some(_) => {}
                None => drop(self.attributes.remove(&name.to_ascii_lowercase())),
            }
            return;
        }
        let text = match text.contains('{') && !is_verbatim {
            true => Cow::Owned(self.expanded(&text)),
            false => text,
        };
        self.lines.lines.push(Line { text, place });
    }

    /// Whether the line is a condition, which it then opens or ends.
    fn condition(&mut self, line: &str) -> bool {
        let Some((name, rest)) = line.split_once("::").filter(|(_, rest)| rest.ends_with(']')) else {
            return false;
        };
        let Some((names, content)) = rest.split_once('[') else { return false };
        let has = |name: &str| self.attributes.contains_key(name.trim());
        let are_set = || match names.contains('+') {
            true => names.split('+').all(has),
            false => names.split(',').any(has),
        };
        let holds = match name {
            "ifdef" => are_set(),
            "ifndef" => !are_set(),
            // The compared values are rarely known: both branches are kept for the reader.
            "ifeval" => true,
            "endif" => {
                self.conditions.pop();
                return true;
            }
            _ => return false,
        };
        let content = content.trim_end_matches(']');
        match name != "ifeval" && !content.is_empty() {
            // The text of a condition on one line.
            true if holds && !self.conditions.contains(&false) => {
                let place = self.lines.lines.last().map_or(0..0, |line| line.place.end..line.place.end);
                self.lines.lines.push(Line { text: Cow::Owned(content.to_owned()), place });
            }
            true => {}
            false if self.conditions.len() < MAX_CONDITIONS => self.conditions.push(holds),
            false => {}
        }
        true
    }

    fn include(&mut self, name: &str, options: &str, place: Range<usize>, is_verbatim: bool, nesting: usize) {
        let site = self.place.site;
        let found = self
            .steps
            .take(site.num_files())
            .then(|| site.included_file(self.place.relative, name))
            .flatten();
        let is_allowed = nesting < MAX_NESTING && self.num_files < MAX_INCLUDED_FILES;
        let Some(path) = found.filter(|path| is_allowed && *path != self.place.relative) else {
            return self.lines.missing.push(name.to_owned());
        };
        if !is_verbatim && site::is_page(path) {
            // The included file is a document of its own.
            let words = path.rsplit('/').next().unwrap_or(path);
            let words = words.rsplit_once('.').map_or(words, |(stem, _)| stem).replace(['-', '_'], " ");
            for text in [String::new(), format!("link:{name}[{words}]"), String::new()] {
                self.lines.lines.push(Line { text: Cow::Owned(text), place: place.clone() });
            }
            return;
        }
        let text = site.text(path).filter(|text| self.num_bytes + text.len() <= MAX_INCLUDED_BYTES);
        let Some(text) = text else { return self.lines.missing.push(name.to_owned()) };
        self.num_files += 1;
        self.num_bytes += text.len();
        let option = |key: &str| {
            let (_, after) = options.split_once(key)?;
            let after = after.strip_prefix('=')?.trim_start_matches('"');
            Some(after.split(['"', ']', ';', ',']).next().unwrap_or_default().trim().to_owned())
        };
        let tag = option("tags").or(option("tag")).filter(|tag| !tag.is_empty() && !tag.contains('*'));
        let mut is_inside = tag.is_none();
        for line in text.lines() {
            let mark = |mark: &str| {
                line.split_once(mark).and_then(|(_, rest)| rest.split_once("[]")).map(|(name, _)| name)
            };
            match (mark("tag::"), mark("end::")) {
                (None, None) if is_inside => {
                    self.line(
                        Cow::Owned(line.trim_end().to_owned()),
                        place.clone(),
                        is_verbatim,
                        nesting + 1,
                    );
                }
                (Some(name), _) if tag.as_deref() == Some(name) => is_inside = true,
                (_, Some(name)) if tag.as_deref() == Some(name) => is_inside = false,
                _ => {}
            }
        }
    }

    /// A text with the values of attributes in the place of their names; unknown names stay.
    fn expanded(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            expanded.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let end = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
                .unwrap_or(after.len());
            let name = after[..end].to_ascii_lowercase();
            let is_escaped = expanded.ends_with('\\');
            let value = (after[end..].starts_with('}') && !is_escaped)
                .then(|| self.attributes.get(&name).map(String::as_str).or_else(|| intrinsic(&name)))
                .flatten();
            match value {
                Some(value) if self.steps.take(value.len()) => {
                    expanded.push_str(value);
                    rest = &after[end + 1..];
                }
                _ => {
                    if is_escaped {
                        expanded.pop();
                    }
                    expanded.push('{');
                    rest = after;
                }
            }
        }
        expanded.push_str(rest);
        expanded
    }
}

/// The text of an attribute that every page has.
fn intrinsic(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "apos" => "'",
        "asterisk" => "*",
        "backslash" => "\\",
        "backtick" => "`",
        "blank" | "empty" | "zwsp" | "wj" | "shy" => "",
        "brvbar" => "¦",
        "caret" => "^",
        "cpp" => "C++",
        "deg" => "°",
        "endsb" => "]",
        "gt" => ">",
        "ldquo" => "“",
        "lsquo" => "‘",
        "lt" => "<",
        "nbsp" | "sp" => " ",
        "plus" => "+",
        "quot" => "\"",
        "rdquo" => "”",
        "rsquo" => "’",
        "startsb" => "[",
        "tilde" => "~",
        "two-colons" => "::",
        "two-semicolons" => ";;",
        "vbar" => "|",
        _ => return None,
    })
}

/// The name and the value of the attribute that a line gives, or takes away.
fn attribute_of(line: &str) -> Option<(&str, Option<&str>)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let is_unset = name.starts_with('!') || name.ends_with('!');
    let name = name.trim_matches('!');
    let is_name = name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
        && (value.is_empty() || value.starts_with([' ', '\t']));
    is_name.then(|| (name, (!is_unset).then(|| value.trim())))
}

/// The file and the options that an include names.
fn include_of(line: &str) -> Option<(&str, &str)> {
    let (name, options) = line.strip_prefix("include::")?.strip_suffix(']')?.split_once('[')?;
    (!name.is_empty() && name.len() <= 200).then_some((name, options))
}

/// Whether a line begins or ends text without markup.
pub(super) fn is_verbatim_fence(line: &str) -> bool {
    line.len() >= 4 && ["-", ".", "+", "/"].iter().any(|sign| line.chars().all(|c| sign.contains(c)))
        || line == "```"
}
