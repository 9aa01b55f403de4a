//! Front matter that does not parse as a whole, key by key: a fault costs its key, not the page.
//!
//! If a key stands twice, the first counts. The keys that are read strictly are the exception: when one of them cannot
//! be read, or a line may be a misspelt one, the whole is an error, because to go on without it would show the page to
//! everybody.

use super::{Format, FrontMatterError, STRICT, toml_to_json, type_of};
use serde_json::{Map, Value};

/// Longer keys are sentences.
const MAX_KEY_BYTES: usize = 64;

/// More warnings of one page are not useful.
const MAX_WARNINGS: usize = 8;

/// The keys that could be read, and the warnings about the rest.
pub(super) struct Salvaged {
    /// The keys in lower case.
    pub map: Map<String, Value>,
    /// A line each, for the report.
    pub warnings: Vec<String>,
}

/// Reads the keys that can be read; `cause` is why the whole does not parse. `None` when no line holds a key: then it
/// is not front matter.
pub(super) fn salvage(
    content: &str,
    format: Format,
    cause: &FrontMatterError,
) -> Result<Option<Salvaged>, FrontMatterError> {
    let (entries, stray) = entries(content, format);
    for line in stray.iter().map(|(_, line)| *line) {
        refuse_strict(line, cause)?;
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let mut salvaged = Salvaged { map: Map::new(), warnings: Vec::new() };
    for (line, _) in stray {
        salvaged.warnings.push(format!("front matter line {line} holds no key; ignored"));
    }
    for entry in entries {
        let (key, line) = (entry.key.clone(), entry.line);
        let is_strict = STRICT.contains(&key.as_str());
        let (value, doubt) = match entry.parsed(format) {
            Some(value) => (Some(value), None),
            None if is_strict => {
                return Err(FrontMatterError::Key {
                    key,
                    detail: format!("line {line} cannot be read; {cause}"),
                });
            }
            None => {
                entry.text.lines().skip(1).try_for_each(|line| refuse_strict(line, cause))?;
                let value = entry.roughly();
                let done = match &value {
                    Some(Value::String(_)) => "read as the text that stands there",
                    Some(_) => "read as a list",
                    None => "ignored",
                };
                let name = format.name();
                (value, Some(format!("front matter line {line}: key `{key}` is not valid {name}; {done}")))
            }
        };
        salvaged.warnings.extend(doubt);
        let Some(value) = value else { continue };
        if salvaged.map.contains_key(&key) {
            if is_strict {
                return Err(FrontMatterError::Key { key: key.clone(), detail: TWICE.to_owned() });
            }
            let warning = format!("front matter line {line}: key `{key}` is a duplicate; the first counts");
            salvaged.warnings.push(warning);
        } else {
            salvaged.map.insert(key.clone(), value);
        }
    }
    let left_out = salvaged.warnings.len().saturating_sub(MAX_WARNINGS);
    if left_out > 0 {
        salvaged.warnings.truncate(MAX_WARNINGS);
        salvaged
            .warnings
            .push(format!("front matter: {left_out} more lines could not be read as they stand"));
    }
    Ok(Some(salvaged))
}

/// The fault of a key that is there more than once.
pub(in crate::formats) const TWICE: &str = "a duplicate: it is given twice";

/// Refuses a line that may have been meant as a key that is read strictly.
pub(super) fn refuse_strict(line: &str, cause: &FrontMatterError) -> Result<(), FrontMatterError> {
    let start = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let word_end =
        start.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(start.len());
    match STRICT.contains(&start[..word_end].to_lowercase().as_str()) {
        true => Err(cause.clone()),
        false => Ok(()),
    }
}

/// A key with all lines up to the next.
struct Entry<'a> {
    /// The key in lower case.
    key: String,
    /// The line in the file, from 1.
    line: usize,
    text: &'a str,
    /// The text after the key on its line.
    value: &'a str,
}

/// The entries, and the lines before the first that belong to none, each with its number in the file.
fn entries(content: &str, format: Format) -> (Vec<Entry<'_>>, Vec<(usize, &str)>) {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut stray = Vec::new();
    let (mut at, mut in_table) = (0, false);
    // The fence is the file's first line.
    for (line, number) in content.split_inclusive('\n').zip(2..) {
        let start = at;
        at += line.len();
        let header = table_header(line).filter(|_| format == Format::Toml);
        in_table |= header.is_some();
        let found = match header {
            Some(key) => Some((key.to_owned(), "")),
            None if in_table => None,
            None => key_of(line, format),
        };
        match (found, entries.last_mut()) {
            (Some((key, value)), _) => {
                entries.push(Entry {
                    key: key.to_lowercase(),
                    line: number,
                    text: &content[start..at],
                    value,
                });
            }
            (None, Some(entry)) => entry.text = &content[at - line.len() - entry.text.len()..at],
            (None, None) if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
            (None, None) => stray.push((number, line)),
        }
    }
    (entries, stray)
}

/// `[name]` or `[[name]]`, or the first part of a name with dots.
fn table_header(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let inside = inside.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')).unwrap_or(inside);
    let name = inside.split('.').next()?.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && name.chars().all(is_of_key)).then_some(name)
}

fn is_of_key(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// The key that a line begins with, and the text after it. An indented line has no key.
fn key_of(line: &str, format: Format) -> Option<(String, &str)> {
    let separators: &[char] = if format == Format::Toml { &['='] } else { &[':', '：'] };
    let at = line.find(separators)?;
    let separator = line[at..].chars().next()?;
    let (key, value) = (&line[..at], &line[at + separator.len_utf8()..]);
    let key = key.trim_end();
    let key =
        ['"', '\''].iter().find_map(|quote| key.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(key);
    // An address is not a key.
    let is_key = (1..=MAX_KEY_BYTES).contains(&key.len())
        && key.chars().all(is_of_key)
        && !key.starts_with(['-', '.'])
        && !value.starts_with("//");
    is_key.then(|| (key.to_owned(), value.trim()))
}

impl Entry<'_> {
    /// The value by the format's own parser; `None` when the entry by itself does not parse either.
    fn parsed(&self, format: Format) -> Option<Value> {
        let value = match format {
            Format::Yaml => {
                let value: serde_norway::Value = serde_norway::from_str(self.text).ok()?;
                serde_json::to_value(value).ok()?
            }
            Format::Toml => toml_to_json(toml::Value::Table(toml::from_str(self.text).ok()?)),
            Format::Json => return None,
        };
        let Value::Object(map) = value else { return None };
        let mut pairs = map.into_iter();
        match (pairs.next(), pairs.next()) {
            (Some((key, value)), None) if key.to_lowercase() == self.key => Some(value),
            _ => None,
        }
    }

    /// The value as a reader takes it: a list in brackets or under dashes, or the text up to the line's end.
    fn roughly(&self) -> Option<Value> {
        let following = self.text.lines().skip(1).map(str::trim);
        let following = following.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let list = |items: &mut dyn Iterator<Item = &str>| {
            let items: Vec<Value> =
                items.map(unquoted).filter(|item| !item.is_empty()).map(Value::from).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        };
        match self.value.chars().next() {
            None => {
                let items: Option<Vec<&str>> = following.map(|line| line.strip_prefix('-')).collect();
                list(&mut items?.into_iter())
            }
            // `[Relay] queue` is a text.
            Some('[') if self.value.find(']').is_none_or(|end| end + 1 == self.value.len()) => {
                let joined = std::iter::once(self.value).chain(following).collect::<Vec<_>>().join(" ");
                let inside = joined.strip_prefix('[').unwrap_or_default();
                list(&mut inside.strip_suffix(']').unwrap_or(inside).split(','))
            }
            // A map, or a text of several lines.
            Some('{' | '|' | '>') => None,
            Some(_) => Some(unquoted(self.value)).filter(|text| !text.is_empty()).map(Value::from),
        }
    }
}

/// A text without the quotes around it, or without the one that was never closed.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.strip_suffix(quote).unwrap_or(inside).trim();
        }
    }
    text
}

/// Refuses a value that holds no keys at all, though a line of it may have been meant as one that is read strictly.
pub(super) fn refuse_hidden(content: &str, found: &Value) -> Result<(), FrontMatterError> {
    // The fence is the file's first line.
    content.lines().zip(2..).try_for_each(|(line, number)| {
        let detail = format!("line {number}: expected keys, found {}", type_of(found));
        refuse_strict(line, &FrontMatterError::Malformed { format: Format::Yaml.name(), detail })
    })
}
