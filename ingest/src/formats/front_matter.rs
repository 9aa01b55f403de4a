//! The metadata at the top of a file: YAML between `---` lines, TOML between `+++` lines, or a JSON object.
//!
//! Keys that decide who may read a document or when it must come first (`access`, `applies_to`) are read strictly: a
//! mistake there refuses the file, because ignoring it would publish the document or lose the rule; so does what was
//! meant as one of them and is not read (`attempts`). A mistake in any other key is a warning, also one that keeps the
//! whole from being YAML or TOML: then it is read key by key (`entries`). [`block`] finds front matter and parses it,
//! [`values`] reads what its keys say.

mod attempts;
mod block;
mod entries;
mod values;

use super::stated::Stated;
use block::{Format, find, toml_to_json, type_of};
use serde_json::{Map, Value};
use std::ops::Range;
use values::{VERSION_KEYS, interpret};

pub(crate) use attempts::distance;
pub(super) use attempts::refuse_in_office_file;
pub use attempts::refuse_in_text;
pub(super) use entries::TWICE;
pub(crate) use values::is_web_address;

/// Front matter beyond this is refused.
pub const MAX_BYTES: usize = 64 << 10;

/// Why front matter refuses its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontMatterError {
    /// The closing line is missing.
    #[error("front matter is not closed: no second `{fence}` line")]
    NotClosed {
        /// The line looked for.
        fence: &'static str,
    },
    /// The block is longer than the limit.
    #[error("front matter is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It does not parse.
    #[error("front matter is not valid {format}: {detail}")]
    Malformed {
        /// `YAML`, `TOML` or `JSON`.
        format: &'static str,
        /// The parser's message, line included.
        detail: String,
    },
    /// A key that must not be misread is wrong.
    #[error("front matter key `{key}`: {detail}")]
    Key {
        key: String,
        /// The fault, and the values that are allowed.
        detail: String,
    },
}

/// Reads the front matter at the start of a text. Returns it with the range it takes up, or `None` for a text without
/// front matter.
pub fn parse(text: &str) -> Result<Option<(Stated, Range<usize>)>, FrontMatterError> {
    let Some(block) = find(text)? else {
        attempts::refuse_in_head(text, 1)?;
        return Ok(None);
    };
    if block.content.len() > MAX_BYTES {
        return Err(FrontMatterError::TooLarge);
    }
    let parsed = match block.parse() {
        // An object of JSON that is wrong somewhere has no end either.
        Err(cause) if block.format != Format::Json => {
            let salvaged = entries::salvage(block.content, block.format, &cause)?;
            salvaged.map(|salvaged| (salvaged.map, salvaged.warnings))
        }
        parsed => parsed?.map(|map| (map, Vec::new())),
    };
    let Some((map, mut warnings)) = parsed else {
        attempts::refuse_in_head(text, 1)?;
        return Ok(None);
    };
    let (before, body) = text.split_at(block.whole.end);
    // The fence is the file's first line; JSON has none.
    let first_line = if block.format == Format::Json { 1 } else { 2 };
    attempts::refuse_in(&map, block.content, first_line)?;
    if !map.contains_key("access") {
        attempts::refuse_in_head(body, 1 + before.matches('\n').count())?;
    }
    for key in map.keys() {
        if let Some(known) = attempts::near_known(key) {
            let key = super::shown(key);
            warnings.push(format!("front matter key `{key}` is not read; was `{known}` meant?"));
        }
    }
    Ok(Some((interpret(map, block.content, warnings)?, block.whole)))
}

/// The metadata that a page has in keys of its own markup, such as HTML's `<meta>`: read as front matter is. Of a key
/// that is given twice the first counts, unless it must not be misread.
pub(super) fn of_keys(keys: impl IntoIterator<Item = (String, String)>) -> Result<Stated, FrontMatterError> {
    let mut map = Map::new();
    for (key, value) in keys {
        let key = key.to_lowercase();
        let is_strict = STRICT.contains(&key.as_str());
        if map.contains_key(&key) {
            if is_strict {
                return Err(FrontMatterError::Key { key, detail: entries::TWICE.to_owned() });
            }
            continue;
        }
        let value = match is_strict && !value.trim().is_empty() {
            true => value.split(',').map(|tag| Value::String(tag.to_owned())).collect(),
            false if is_strict => Value::Null,
            false => Value::String(value),
        };
        map.insert(key, value);
    }
    attempts::refuse_in(&map, "", 1)?;
    interpret(map, "", Vec::new())
}

/// The metadata in an entry of a table. A key that front matter does not have is refused, for it may say who is allowed
/// to read the entry.
pub(super) fn of_entry(entry: Map<String, Value>) -> Result<Stated, FrontMatterError> {
    let mut map = Map::new();
    for (key, value) in entry {
        let lower = key.trim().to_lowercase();
        if !STRICT.contains(&lower.as_str()) && !attempts::is_known(&lower) {
            let key = super::shown(&key.chars().take(40).collect::<String>());
            return Err(FrontMatterError::Key { key, detail: "unknown".to_owned() });
        }
        if map.contains_key(&lower) {
            return Err(FrontMatterError::Key { key: lower, detail: entries::TWICE.to_owned() });
        }
        map.insert(lower, value);
    }
    attempts::refuse_in(&map, "", 1)?;
    interpret(map, "", Vec::new())
}

/// Whether a key, in lower case, is one that is read.
pub(super) fn is_key(key: &str) -> bool {
    is_strict(key) || attempts::is_known(key)
}

/// Whether a key decides who may read a document or when it must come first.
pub(super) fn is_strict(key: &str) -> bool {
    STRICT.contains(&key)
}

/// The keys that are read strictly.
const STRICT: [&str; 2] = ["access", "applies_to"];

#[cfg(test)]
mod tests;
