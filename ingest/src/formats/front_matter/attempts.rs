//! Texts that were meant as a key that is read strictly, and are not one: misspelt, in letters that only look like it,
//! without a space after the colon, in another table, or in front matter that we do not read.
//!
//! The author of such a text relies on it, so it keeps the file out; the report says the line, and the correct
//! spelling. Keys near one that is read leniently are only reported.

use super::{FrontMatterError, STRICT, VERSION_KEYS};
use kb::text::is_invisible;
use serde_json::{Map, Value};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// More lines at a page's beginning are not looked at for keys.
const MAX_HEAD_LINES: usize = 200;

/// Nor are more bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Maps within maps are looked into this far.
const MAX_DEPTH: usize = 16;

/// Names under which other tools restrict who may read a page, folded, one a line, sorted.
const RESTRICTING: &str = include_str!("restricting.txt");

/// The names, in their order.
#[cfg(test)]
pub(super) fn restricting() -> Vec<&'static str> {
    RESTRICTING.lines().collect()
}

/// The keys that are read leniently.
const LENIENT: [&str; 25] = [
    "author",
    "authors",
    "created",
    "date",
    "description",
    "kind",
    "labels",
    "lang",
    "language",
    "last_modified",
    "last_updated",
    "lastmod",
    "linktitle",
    "lint_ignore",
    "permalink",
    "product",
    "tags",
    "title",
    "trust",
    "updated",
    "url",
    "version",
    "versions",
    "product_version",
    "release",
];

/// Common keys of other tools, although they are near one of ours.
const OTHERS: [&str; 14] = [
    "data",
    "dates",
    "draft",
    "image",
    "languages",
    "mind",
    "name",
    "path",
    "products",
    "releases",
    "slug",
    "state",
    "type",
    "urls",
];

/// The meaning that the author of a name had in mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    Access,
    AppliesTo,
}

impl Meant {
    fn key(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::AppliesTo => "applies_to",
        }
    }

    /// The meaning of a name that is not one of our keys; `None` for any other name.
    fn of(name: &str) -> Option<Self> {
        let folded = folded(name);
        if folded.len() > 24 || folded.is_empty() {
            return None;
        }
        let is_near = |known: &str, far: usize| distance(&folded, known) <= far;
        if RESTRICTING.lines().any(|known| known == folded)
            || is_near("access", 1)
            || is_near("accesstags", 2)
        {
            Some(Self::Access)
        } else if is_near("appliesto", 2) || matches!(folded.as_str(), "applyto" | "applies" | "appliestoo") {
            Some(Self::AppliesTo)
        } else {
            None
        }
    }
}

/// A name as a person sees it: without marks, case, signs and invisible characters, look-alikes as the Latin letters
/// that they look like.
fn folded(name: &str) -> String {
    let letters =
        name.nfkd().filter(|c| !is_combining_mark(*c) && !is_invisible(*c)).flat_map(char::to_lowercase);
    letters.map(latin).filter(|c| c.is_alphanumeric()).collect()
}

/// The Latin letter that a Cyrillic, Greek or Armenian one looks like.
fn latin(letter: char) -> char {
    match letter {
        'а' | 'α' | 'ɑ' => 'a',
        'Ь' | 'ь' => 'b',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' | 'є' => 'e',
        'ɡ' | 'ց' => 'g',
        'һ' | 'հ' => 'h',
        'і' | 'ι' | 'ı' | 'ӏ' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ⅼ' => 'l',
        'м' => 'm',
        'п' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' | 'ꜱ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    }
}

/// How many letters must be put in, left out, changed or swapped with their neighbour to make one word the other.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Refuses keys of a map that was read which were meant as strict ones; `first_line` is where the block begins in the
/// file.
pub(super) fn refuse_in(
    map: &Map<String, Value>,
    raw: &str,
    first_line: usize,
) -> Result<(), FrontMatterError> {
    for (key, value) in map {
        if STRICT.contains(&key.as_str()) {
            continue;
        }
        if let Some(meant) = meant_by(key, value) {
            return Err(refusal(meant, key, line_of(raw, key).map(|line| first_line + line)));
        }
        if let Some((inner, meant)) = nested(value, MAX_DEPTH) {
            let line = line_of(raw, inner).map(|line| first_line + line);
            let detail = format!(
                "it stands within `{key}`, where it is not read; write it as a key of its own{}",
                at(line)
            );
            return Err(FrontMatterError::Key { key: shown(meant, inner), detail });
        }
    }
    // If the key itself was read, its value may contain any text.
    match map.contains_key("access") {
        true => Ok(()),
        false => refuse_line_in_block(raw, first_line),
    }
}

/// The meaning of a key with its value. `private: false` and `visibility: public` restrict nothing.
fn meant_by(key: &str, value: &Value) -> Option<Meant> {
    let is_open = match value {
        Value::Bool(flag) => !flag,
        Value::String(text) => {
            matches!(text.trim().to_lowercase().as_str(), "public" | "everyone" | "all" | "no" | "false")
        }
        _ => false,
    };
    let is_switch = matches!(folded(key).as_str(), "private" | "confidential" | "restricted" | "visibility");
    Meant::of(key).filter(|_| !(is_open && is_switch))
}

/// The first key within a value that was meant to restrict who may read the page. Rules of other tools may be called as
/// ours.
fn nested(value: &Value, depth: usize) -> Option<(&str, Meant)> {
    if depth == 0 {
        return None;
    }
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let is_ours = STRICT.contains(&key.to_lowercase().as_str());
            let meant =
                if is_ours { Meant::of(key) } else { meant_by(key, value).filter(|_| near_access(key)) };
            meant.map(|meant| (key.as_str(), meant)).or_else(|| nested(value, depth - 1))
        }),
        Value::Array(items) => items.iter().find_map(|item| nested(item, depth - 1)),
        _ => None,
    }
}

fn near_access(key: &str) -> bool {
    let folded = folded(key);
    folded.starts_with("access") || distance(&folded, "access") <= 1
}

/// Refuses a line of a block that reads as a key of ours, though the block's format makes it a part of something else.
fn refuse_line_in_block(raw: &str, first_line: usize) -> Result<(), FrontMatterError> {
    // The column of a key whose value is a text of several lines, which may say anything.
    let mut text_of = None;
    for (number, line) in lines(raw).enumerate() {
        let indent = line.len() - line.trim_start().len();
        if line.trim().is_empty() || text_of.is_some_and(|column| indent > column) {
            continue;
        }
        let value = line.split_once(": ").map_or("", |(_, value)| value.trim());
        text_of = value.starts_with(['|', '>']).then_some(indent);
        if line.trim_start().starts_with('#') {
            continue;
        }
        let Some((name, has_separator)) = key_on(line) else { continue };
        if has_separator && folded(name) == "access" || is_glued(line) {
            return Err(refusal(Meant::Access, name, Some(first_line + number)));
        }
    }
    Ok(())
}

/// `access:[ops]`: no space after the colon, so that the format makes one word of it.
fn is_glued(line: &str) -> bool {
    let Some((name, _)) = key_on(line) else { return false };
    let after = line.trim_start().strip_prefix(name).unwrap_or_default();
    Meant::of(name) == Some(Meant::Access)
        && after.starts_with([':', '='])
        && after[1..].starts_with(['[', '"', '\''])
}

/// Refuses an unread line that reads as a key of ours at a place where front matter may stand: before any text, or
/// between lines of dashes near the beginning. `first_line` is the number of the text's first line in its file.
pub(super) fn refuse_in_head(text: &str, first_line: usize) -> Result<(), FrontMatterError> {
    let head = &text[..text.floor_char_boundary(text.len().min(MAX_HEAD_BYTES))];
    // Whether text was seen, and the first key since the last line of dashes.
    let (mut is_in_text, mut since_dashes) = (false, None);
    let mut is_in_dashes = false;
    for (number, line) in lines(head).enumerate().take(MAX_HEAD_LINES) {
        let words = line.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if words.is_empty() {
            continue;
        }
        if is_fence(words) {
            if let (true, Some((name, meant, line))) = (is_in_dashes, since_dashes.take()) {
                return Err(unread(name, meant, line));
            }
            is_in_dashes = words.starts_with(is_dash) || words.starts_with('+');
            continue;
        }
        let key = key_on(line).filter(|(name, has_separator)| {
            *has_separator && name.chars().count() <= 32 && !name.contains(' ')
        });
        let is_entry = key.is_some()
            || line.starts_with([' ', '\t'])
            || words.starts_with(['-', '[', ']', '{', '}', '"', '#']);
        let meant = key.and_then(|(name, _)| {
            let is_sentence = is_in_text && !is_in_dashes;
            let meant = Meant::of(name)
                .filter(|meant| *meant == Meant::AppliesTo || near_access(name) || is_tagged(line));
            meant.filter(|_| !is_sentence).map(|meant| (name, meant, first_line + number))
        });
        match meant {
            Some((name, meant, line)) if !is_in_text => return Err(unread(name, meant, line)),
            Some(found) => since_dashes = since_dashes.or(Some(found)),
            None => {}
        }
        if words.starts_with('#') || !is_entry {
            is_in_text = true;
            if !words.starts_with('#') || words.starts_with("# ") {
                is_in_dashes = false;
                since_dashes = None;
            }
        }
    }
    Ok(())
}

/// Does the same as `refuse_in_head` for a text of a format without front matter, in which no key is read at all.
pub fn refuse_in_text(text: &str) -> Result<(), FrontMatterError> {
    refuse_unread(text, "it is read in Markdown only; rename the file to `.md`, or give `--access`")
}

/// Does the same as `refuse_in_head` for the words of an office file.
pub fn refuse_in_office_file(text: &str) -> Result<(), FrontMatterError> {
    refuse_unread(text, "it is not read there; give the file a property `access`, or give `--access`")
}

fn refuse_unread(text: &str, advice: &str) -> Result<(), FrontMatterError> {
    refuse_in_head(text, 1).map_err(|error| match error {
        FrontMatterError::Key { key, detail } => {
            let line = detail.rsplit_once(" (").map_or("", |(_, line)| line.trim_end_matches(')'));
            FrontMatterError::Key { key, detail: format!("{line}: {advice}") }
        }
        error => error,
    })
}

/// Whether a line's value is a list, as tags are.
fn is_tagged(line: &str) -> bool {
    line.contains('[')
}

/// Whether a key is one that is read leniently.
pub(super) fn is_known(key: &str) -> bool {
    LENIENT.contains(&key) || VERSION_KEYS.contains(&key)
}

/// The warning about a key that is near one of ours, when it is near one.
pub(super) fn near_known(key: &str) -> Option<&'static str> {
    let name = folded(key);
    if LENIENT.iter().chain(&VERSION_KEYS).any(|known| *known == key)
        || OTHERS.contains(&key)
        || name.len() < 3
    {
        return None;
    }
    let far = if name.len() >= 7 { 2 } else { 1 };
    let near =
        |known: &&&str| distance(&name, &folded(known)) <= far && name.chars().next() == known.chars().next();
    LENIENT.iter().filter(near).min_by_key(|known| distance(&name, &folded(known))).copied()
}

fn refusal(meant: Meant, name: &str, line: Option<usize>) -> FrontMatterError {
    let key = meant.key();
    let example = match meant {
        Meant::Access => "access: [tag]",
        Meant::AppliesTo => "applies_to: {name: web}",
    };
    let detail = format!("it reads as `{key}`, and is not that key; write `{example}`{}", at(line));
    FrontMatterError::Key { key: shown(meant, name), detail }
}

fn unread(name: &str, meant: Meant, line: usize) -> FrontMatterError {
    let detail = format!(
        "it stands outside the front matter, where it is not read; begin the file with a line `---`, then the keys, then \
         a line `---`{}",
        at(Some(line))
    );
    FrontMatterError::Key { key: shown(meant, name), detail }
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

/// A name as reports show it: short, with look-alike letters replaced by the letters that they look like.
fn shown(meant: Meant, name: &str) -> String {
    let name: String = name.trim().chars().filter(|c| !is_invisible(*c)).take(32).collect();
    if name.is_empty() { meant.key().to_owned() } else { super::super::shown(&name) }
}

/// Lines, however they end.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    text.split('\n').flat_map(move |line| line.strip_suffix('\r').unwrap_or(line).split(ends))
}

fn is_dash(character: char) -> bool {
    matches!(character, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '－' | '_' | '=' | '*' | '~')
}

/// Whether a line only surrounds front matter.
fn is_fence(line: &str) -> bool {
    let dashes = line.chars().take_while(|c| is_dash(*c)).count();
    let rest = line.trim_start_matches(is_dash).trim();
    (dashes >= 1 && rest.is_empty()
        || dashes >= 3 && (rest.starts_with('#') || !rest.contains(char::is_whitespace)))
        || line.chars().all(|c| c == '+' || c == '＋')
        || line.starts_with("```")
        || matches!(line, "..." | "<!--" | "-->" | "{" | "}" | "{{" | "%%")
}

/// The word that a line begins with as a key may, and whether a separator stands after it.
fn key_on(line: &str) -> Option<(&str, bool)> {
    let start = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = start
        .find(|c: char| {
            !(c.is_alphanumeric()
                || is_combining_mark(c)
                || is_invisible(c)
                || matches!(c, '_' | '-' | ' ' | '.'))
        })
        .unwrap_or(start.len());
    let name = start[..end].trim_end();
    let after =
        start[end..].trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '*' | '`'));
    let has_separator = after.starts_with([':', '=', '：', '＝', '﹕', '︰', '꞉', '∶', '≔']);
    (!name.is_empty()).then_some((name, has_separator))
}

/// The line of a block that begins with a key, from 0.
fn line_of(raw: &str, key: &str) -> Option<usize> {
    lines(raw).position(|line| key_on(line).is_some_and(|(name, _)| folded(name) == folded(key)))
}
