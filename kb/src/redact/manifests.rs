//! The values of Kubernetes' Secrets: the values below `data` and `stringData` of an object of that kind, in the YAML
//! of manifests, documentation and quotations, and in JSON. The kind may stand after the data, as `kubectl get` writes
//! it. Time is linear in the text's length.

use super::judge::is_stand_in_of_secret as is_stand_in;
use std::ops::Range;

/// The ranges of the values: those in YAML in the order of the text, then those in JSON.
pub(super) fn values(text: &str) -> Vec<Range<usize>> {
    let mut found = yaml(text);
    for quote in ["\"", "\\\""] {
        if text.contains(&format!("{quote}kind{quote}")) {
            found.extend(json(text, quote));
        }
    }
    found
}

/// A mapping of YAML that has not ended.
struct Mapping {
    /// The column of its keys.
    column: usize,
    is_secret: bool,
    /// Whether the lines below are its data.
    in_data: bool,
    /// The column of the key of a value of several lines, while its lines are read.
    block: Option<usize>,
    values: Vec<Range<usize>>,
}

impl Mapping {
    fn at(column: usize) -> Self {
        Self { column, is_secret: false, in_data: false, block: None, values: Vec::new() }
    }
}

fn yaml(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<Mapping> = Vec::new();
    let mut close = |open: &mut Vec<Mapping>, from: usize| {
        while open.last().is_some_and(|mapping| mapping.column >= from) {
            if let Some(Mapping { is_secret: true, values, .. }) = open.pop() {
                found.extend(values);
            }
        }
    };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim_end();
        // Lines of quoted mail and Markdown begin with `>`.
        let indent = line.len() - line.trim_start_matches([' ', '\t', '>']).len();
        let words = &line[indent..];
        if words.is_empty() {
            continue;
        }
        if let Some(mapping) = open.last_mut().filter(|mapping| mapping.in_data && indent > mapping.column) {
            // A value may be a manifest itself, so the lines of data are not read as keys.
            data_line(text, start + indent..start + line.len(), mapping);
            continue;
        }
        let is_separator =
            matches!(words, "---" | "...") || words.starts_with("```") || words.starts_with("~~~");
        if is_separator {
            close(&mut open, 0);
            continue;
        }
        let mut column = indent;
        let mut entry = words;
        while let Some(rest) = entry.strip_prefix("- ") {
            close(&mut open, column + 1);
            let item = rest.trim_start();
            column += entry.len() - item.len();
            entry = item;
        }
        close(&mut open, column + 1);
        let Some((key, value)) = key_of(entry) else {
            // A sentence ends the mappings before it.
            if !entry.starts_with(['#', '-']) {
                close(&mut open, column);
            }
            continue;
        };
        if open.last().is_none_or(|mapping| mapping.column < column) {
            open.push(Mapping::at(column));
        }
        let Some(mapping) = open.last_mut() else { continue };
        mapping.in_data = false;
        match key {
            "kind" => mapping.is_secret |= unquoted(value) == "Secret",
            "data" | "stringData" => {
                mapping.in_data = true;
                mapping.block = None;
                let inside = value.strip_prefix('{').map(|rest| rest.trim_end_matches('}').trim());
                if let Some(inside) = inside.filter(|inside| !is_stand_in(inside)) {
                    let from = inside.as_ptr() as usize - text.as_ptr() as usize;
                    mapping.values.push(from..from + inside.len());
                }
            }
            _ => {}
        }
    }
    close(&mut open, 0);
    found
}

/// Adds a line below `data`: its value, or the whole line if it continues a value.
fn data_line(text: &str, range: Range<usize>, mapping: &mut Mapping) {
    let words = &text[range.clone()];
    let line_start = text[..range.start].rfind('\n').map_or(0, |end| end + 1);
    let column = range.start - line_start;
    if mapping.block.is_none_or(|key| column <= key) {
        mapping.block = None;
        if words.starts_with('#') {
            return;
        }
        if let Some((_, value)) = key_of(words) {
            if value.is_empty() || value.starts_with(['|', '>']) {
                mapping.block = Some(column);
                return;
            }
            if value.starts_with(['"', '\'']) && !value[1..].ends_with(&value[..1]) {
                mapping.block = Some(column);
            }
            let inside = value.trim_matches(['"', '\'']);
            let inside = inside.split_once(" #").map_or(inside, |(inside, _)| inside).trim_end();
            if !is_stand_in(inside) {
                let from = inside.as_ptr() as usize - text.as_ptr() as usize;
                mapping.values.push(from..from + inside.len());
            }
            return;
        }
    }
    // The lines of a value of several lines are one value.
    match mapping.values.last_mut() {
        Some(last) if text[last.end..range.start].trim_matches([' ', '\t', '\r', '\n', '>']).is_empty() => {
            last.end = range.end
        }
        _ if is_stand_in(words) => {}
        _ => mapping.values.push(range),
    }
}

/// The key, without quotes, and the value of `key: value`.
fn key_of(entry: &str) -> Option<(&str, &str)> {
    let at = entry.find(':')?;
    let (key, value) = (&entry[..at], &entry[at + 1..]);
    let key = unquoted(key.trim_end());
    let is_key = !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'));
    (is_key && (value.is_empty() || value.starts_with([' ', '\t']))).then(|| (key, value.trim()))
}

fn unquoted(text: &str) -> &str {
    let text = text.split(" #").next().unwrap_or_default().trim().trim_end_matches(',');
    text.trim_matches(['"', '\''])
}

/// An object of JSON that has not ended.
#[derive(Default)]
struct Object {
    is_secret: bool,
    is_data: bool,
    /// The key that was read last.
    key: Option<Range<usize>>,
    /// Whether the key was followed by a colon.
    is_valued: bool,
    values: Vec<Range<usize>>,
}

fn json(text: &str, quote: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<Object> = Vec::new();
    let bytes = text.as_bytes();
    // Before this place no string ends.
    let mut endless = 0;
    let mut at = 0;
    while at < bytes.len() {
        if at >= endless && text.as_bytes()[at..].starts_with(quote.as_bytes()) {
            let start = at + quote.len();
            let end = match string_end(text, start, quote) {
                Ok(end) => end,
                Err(line_end) => {
                    endless = line_end;
                    at = start;
                    continue;
                }
            };
            at = end + quote.len();
            let Some(object) = open.last_mut() else { continue };
            if !object.is_valued {
                object.key = Some(start..end);
                continue;
            }
            object.is_valued = false;
            let key = object.key.take().unwrap_or_default();
            object.is_secret |= &text[key] == "kind" && &text[start..end] == "Secret";
            if object.is_data && !is_stand_in(&text[start..end]) {
                object.values.push(start..end);
            }
            continue;
        }
        match bytes[at] {
            b':' => open.iter_mut().rev().take(1).for_each(|object| object.is_valued = object.key.is_some()),
            b',' => open.iter_mut().rev().take(1).for_each(|object| object.is_valued = false),
            b'{' => {
                let key = open.last_mut().filter(|object| object.is_valued).and_then(|object| {
                    object.is_valued = false;
                    object.key.take()
                });
                let is_data = key.is_some_and(|key| matches!(&text[key], "data" | "stringData"));
                open.push(Object { is_data, ..Object::default() });
            }
            b'}' => {
                if let Some(object) = open.pop() {
                    match object.is_data {
                        true => open
                            .iter_mut()
                            .rev()
                            .take(1)
                            .for_each(|parent| parent.values.extend(object.values.clone())),
                        false if object.is_secret => found.extend(object.values),
                        false => {}
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    // Objects that the end of the text cuts off.
    found.extend(open.into_iter().filter(|object| object.is_secret).flat_map(|object| object.values));
    found
}

/// The end of a string that begins here; as an error the end of the line, if the string does not end on it.
fn string_end(text: &str, start: usize, quote: &str) -> Result<usize, usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        if bytes[at] == b'\n' {
            return Err(at);
        }
        if bytes[at..].starts_with(quote.as_bytes()) {
            return Ok(at);
        }
        // A backslash is skipped with the byte that it escapes.
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Err(bytes.len())
}
