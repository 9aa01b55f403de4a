//! The place of front matter in a file, and its keys by the parser of its format.

use super::{FrontMatterError, MAX_BYTES, entries};
use serde_json::{Map, Value};
use std::ops::Range;

/// How front matter is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Toml,
    Json,
}

/// Front matter as it stands in its file: the text between the fences, and the range with the fences.
pub(super) struct Block<'a> {
    pub(super) format: Format,
    pub(super) content: &'a str,
    pub(super) whole: Range<usize>,
}

pub(super) fn find(text: &str) -> Result<Option<Block<'_>>, FrontMatterError> {
    if text.starts_with('{') && !text.starts_with("{{") {
        return find_json(text);
    }
    let (fence, format) = match text.get(..3) {
        Some("---") => ("---", Format::Yaml),
        Some("+++") => ("+++", Format::Toml),
        _ => return Ok(None),
    };
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != fence {
        return Ok(None);
    }
    let start = first.len();
    let mut at = start;
    for line in lines {
        let trimmed = line.trim_end();
        if trimmed == fence || (format == Format::Yaml && trimmed == "...") {
            return Ok(Some(Block { format, content: &text[start..at], whole: 0..at + line.len() }));
        }
        at += line.len();
        if at - start > MAX_BYTES {
            break;
        }
    }
    let body = &text[start..];
    let next = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match looks_like_key(next) {
        true if at - start > MAX_BYTES => Err(FrontMatterError::TooLarge),
        true => Err(FrontMatterError::NotClosed { fence }),
        // A line across the page, not front matter.
        false => Ok(None),
    }
}

fn looks_like_key(line: &str) -> bool {
    let Some((key, _)) = line.split_once([':', '=']) else { return false };
    let key = key.trim_end().trim_matches('"');
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

fn find_json(text: &str) -> Result<Option<Block<'_>>, FrontMatterError> {
    let inside = text[1..].trim_start();
    if !inside.starts_with(['"', '}']) {
        return Ok(None);
    }
    // The parser stops after the object; the rest of the text is the page.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) => {
            let end = values.byte_offset();
            Ok(Some(Block { format: Format::Json, content: &text[..end], whole: 0..end }))
        }
        Some(Err(error)) => Err(FrontMatterError::Malformed { format: "JSON", detail: error.to_string() }),
        None => Ok(None),
    }
}

impl Block<'_> {
    /// The keys in lower case; `None` when the block holds no map and so is not front matter of ours.
    pub(super) fn parse(&self) -> Result<Option<Map<String, Value>>, FrontMatterError> {
        let malformed = |format, detail: String| FrontMatterError::Malformed { format, detail };
        let value: Value = match self.format {
            Format::Yaml => {
                // YAML's own value comes first, because it refuses a key that is given twice.
                let value: serde_norway::Value = serde_norway::from_str(self.content)
                    .map_err(|error| malformed("YAML", in_file(&error.to_string())))?;
                if let serde_norway::Value::String(text) = value {
                    entries::refuse_hidden(self.content, &Value::String(text))?;
                    return Ok(None);
                }
                serde_json::to_value(value).map_err(|error| malformed("YAML", error.to_string()))?
            }
            Format::Toml => {
                let table: toml::Table = toml::from_str(self.content)
                    .map_err(|error| malformed("TOML", in_file(&one_line(&error.to_string()))))?;
                toml_to_json(toml::Value::Table(table))
            }
            Format::Json => {
                serde_json::from_str(self.content).map_err(|error| malformed("JSON", error.to_string()))?
            }
        };
        let map = match value {
            Value::Null => Map::new(),
            Value::Object(map) => map,
            other => {
                return Err(malformed(
                    self.format.name(),
                    format!("expected keys, found {}", type_of(&other)),
                ));
            }
        };
        let mut lower = Map::with_capacity(map.len());
        for (key, value) in map {
            let key = key.to_lowercase();
            if lower.insert(key.clone(), value).is_some() {
                return Err(FrontMatterError::Key { key, detail: entries::TWICE.to_owned() });
            }
        }
        Ok(Some(lower))
    }
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Yaml => "YAML",
            Format::Toml => "TOML",
            Format::Json => "JSON",
        }
    }
}

pub(super) fn toml_to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(toml_to_json).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, toml_to_json(value))).collect())
        }
    }
}

/// A parser's message, with its lines counted in the file, which begins with the fence.
fn in_file(detail: &str) -> String {
    let mut parts = detail.split("line ");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        told.push_str("line ");
        match part[..end].parse::<usize>() {
            Ok(line) => told.push_str(&format!("{}{}", line + 1, &part[end..])),
            Err(_) => told.push_str(part),
        }
    }
    told
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
