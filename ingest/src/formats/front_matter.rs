//! The metadata at the top of a file: YAML between `---` lines, TOML between `+++` lines, or a JSON object.
//!
//! Keys that decide who may read a document or when it must come first (`access`, `applies_to`) are read strictly: a
//! mistake there refuses the file, because ignoring it would publish the document or lose the rule; so does what was meant
//! as one of them and is not read (`attempts`). A mistake in any other key is a warning, also one that keeps the whole from being YAML or TOML: then it is read key by key (`entries`).

mod attempts;
mod entries;

use jiff::{Timestamp, civil, tz::TimeZone};
use kb::{
    document::{Kind, Rule, Trust},
    text::is_invisible,
};
use serde_json::{Map, Value};
use std::ops::Range;

use super::stated::Stated;
pub(crate) use attempts::distance;
pub(super) use attempts::refuse_in_office_file;
pub use attempts::refuse_in_text;
pub(super) use entries::TWICE;

/// Front matter beyond this is refused.
pub const MAX_BYTES: usize = 64 << 10;

/// Why front matter refuses its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontMatterError {
    /// There is no closing line.
    #[error("front matter is not closed: no second `{fence}` line")]
    NotClosed {
        /// The line looked for.
        fence: &'static str,
    },
    /// It is too large.
    #[error("front matter is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It does not parse.
    #[error("front matter is not valid {format}: {detail}")]
    Malformed {
        /// `YAML`, `TOML` or `JSON`.
        format: &'static str,
        /// What the parser says, line included.
        detail: String,
    },
    /// A key that must not be misread is wrong.
    #[error("front matter key `{key}`: {detail}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong, and what is allowed.
        detail: String,
    },
}

/// Reads the front matter at the start of a text. Returns it with the range it takes up, or `None` when there is none.
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

/// What a page says about itself in keys of its own markup, such as HTML's `<meta>`: read as front matter is. Of a key that
/// is given twice the first counts, unless it must not be misread.
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

/// What an entry of a table says about itself. A key that is none of front matter's is refused, for it may say who is allowed
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Toml,
    Json,
}

struct Block<'a> {
    format: Format,
    content: &'a str,
    whole: Range<usize>,
}

fn find(text: &str) -> Result<Option<Block<'_>>, FrontMatterError> {
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
    // The parser stops after the object; what follows is the page.
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
    /// The keys in lower case; `None` when the block holds no map and so is none of ours.
    fn parse(&self) -> Result<Option<Map<String, Value>>, FrontMatterError> {
        let malformed = |format, detail: String| FrontMatterError::Malformed { format, detail };
        let value: Value = match self.format {
            Format::Yaml => {
                // By way of YAML's own value, which refuses a key that is given twice.
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
    fn name(self) -> &'static str {
        match self {
            Format::Yaml => "YAML",
            Format::Toml => "TOML",
            Format::Json => "JSON",
        }
    }
}

fn toml_to_json(value: toml::Value) -> Value {
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

/// What a parser says, with its lines counted in the file, which begins with the fence.
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

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn interpret(
    map: Map<String, Value>,
    raw: &str,
    mut warnings: Vec<String>,
) -> Result<Stated, FrontMatterError> {
    let lenient: Map<String, Value> = map
        .iter()
        .filter(|(key, _)| !STRICT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), shown(value)))
        .collect();
    let mut matter = {
        let mut keys = Keys { map: &lenient, raw, warnings: &mut warnings };
        Stated {
            title: keys.text(&["title"]).or_else(|| keys.text(&["linktitle"])),
            description: keys.text(&["description"]),
            kind: keys.parsed(&["kind"], |text| text.parse::<Kind>().map_err(|error| error.to_string())),
            labels: keys.list(&["labels", "tags"]),
            product: keys.text(&["product"]),
            version: keys.version(),
            language: keys.parsed(&["language", "lang"], language),
            author: Some(keys.list(&["author", "authors"]).join(", ")).filter(|author| !author.is_empty()),
            created_at: keys.parsed(&["created", "date"], time),
            updated_at: keys.parsed(&["updated", "lastmod", "last_modified", "last_updated"], time),
            url: keys.url(&["url", "permalink"]),
            trust: keys.parsed(&["trust"], trust),
            lint_ignore: keys.list(&["lint_ignore"]),
            ..Stated::default()
        }
    };
    matter.access = map.get("access").map(access).transpose()?;
    matter.applies_to = map.get("applies_to").map(rules).transpose()?.unwrap_or_default();
    matter.warnings = warnings;
    Ok(matter)
}

/// The keys that are read strictly.
const STRICT: [&str; 2] = ["access", "applies_to"];

/// A value whose texts may be shown: escapes of YAML, TOML and JSON may have hidden anything in them.
fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(super::shown(text)),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shown(value))).collect(),
        other => other.clone(),
    }
}

/// The keys that are read leniently.
struct Keys<'a> {
    map: &'a Map<String, Value>,
    raw: &'a str,
    warnings: &'a mut Vec<String>,
}

impl Keys<'_> {
    /// The first of these keys that is there and not empty.
    fn find(&self, names: &[&'static str]) -> Option<(&'static str, &Value)> {
        names.iter().find_map(|&name| {
            let value = self.map.get(name)?;
            (!value.is_null() && value != "").then_some((name, value))
        })
    }

    fn text(&mut self, names: &[&'static str]) -> Option<String> {
        let (name, value) = self.find(names)?;
        let text = match value {
            Value::String(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            // `version: 1.20` is a number to YAML, and would become 1.2.
            Value::Number(number) => Some(raw_scalar(self.raw, name).unwrap_or_else(|| number.to_string())),
            _ => None,
        };
        if text.is_none() {
            let warning = format!("front matter key `{name}` is {}, not a text; ignored", type_of(value));
            self.warnings.push(warning);
        }
        text.filter(|text| !text.is_empty())
    }

    fn parsed<T>(&mut self, names: &[&'static str], parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let name = self.find(names)?.0;
        let text = self.text(&[name])?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.warnings.push(format!("front matter key `{name}`: {detail}; ignored"));
                None
            }
        }
    }

    /// The version, or several with commas, as they are written.
    fn version(&mut self) -> Option<String> {
        let (name, value) = self.find(&VERSION_KEYS)?;
        let Value::Array(items) = value else { return self.text(&[name]) };
        // To YAML, `1.20` is a number, and would become 1.2.
        let written = items.iter().any(Value::is_number).then(|| raw_list(self.raw, name));
        let items =
            written.unwrap_or_else(|| items.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        Some(items.join(", ")).filter(|versions| !versions.is_empty())
    }

    /// A site-relative `url` only moves the page within its site.
    fn url(&mut self, names: &[&'static str]) -> Option<String> {
        self.text(names).filter(|url| is_web_address(url))
    }

    /// The values of all these keys: a list, or one text split at commas.
    fn list(&mut self, names: &[&'static str]) -> Vec<String> {
        let mut items = Vec::new();
        for &name in names {
            match self.map.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => items.extend(text.split(',').map(str::to_owned)),
                Some(Value::Array(values)) => items.extend(values.iter().filter_map(|value| match value {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    Value::Object(map) => map.get("name").and_then(Value::as_str).map(str::to_owned),
                    _ => None,
                })),
                Some(other) => {
                    self.warnings.push(format!(
                        "front matter key `{name}` is {}, not a list; ignored",
                        type_of(other)
                    ));
                }
            }
        }
        items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }
}

/// Keys that name the version of the product; the first that is there counts.
const VERSION_KEYS: [&str; 9] = [
    "version",
    "versions",
    "product_version",
    "product-version",
    "product_versions",
    "productversion",
    "app_version",
    "appversion",
    "release",
];

/// The items of a top-level list as they are written.
fn raw_list(raw: &str, key: &str) -> Vec<String> {
    let is_key = |line: &&str| {
        let name = line.split([':', '=']).next().unwrap_or_default().trim_end().trim_matches('"');
        name.eq_ignore_ascii_case(key)
    };
    let mut lines = raw.lines().skip_while(|line| !is_key(line));
    let Some(first) = lines.next() else { return Vec::new() };
    let value = first.split_once([':', '=']).map_or("", |(_, value)| value);
    let following =
        lines.take_while(|line| line.starts_with([' ', '\t', '-', ']']) || line.trim().is_empty());
    let written =
        std::iter::once(value).chain(following).map(|line| line.split('#').next().unwrap_or_default());
    let items = written.flat_map(|line| line.split([',', '[', ']']));
    let items =
        items.map(|item| item.trim().trim_start_matches("- ").trim().trim_matches(['"', '\'']).trim());
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// A top-level scalar as it is written.
fn raw_scalar(raw: &str, key: &str) -> Option<String> {
    raw.lines().find_map(|line| {
        let (name, value) = line.split_once([':', '='])?;
        if !name.trim_end().trim_matches('"').eq_ignore_ascii_case(key) {
            return None;
        }
        let value = value.split('#').next().unwrap_or_default().trim().trim_end_matches(',');
        (!value.is_empty()).then(|| value.to_owned())
    })
}

/// Whether a text is an address that a person can open in a browser.
pub(crate) fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty()) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn language(text: &str) -> Result<String, String> {
    super::language::normalised_tag(text)
        .ok_or_else(|| format!("`{text}` is no language tag such as `en` or `zh-TW`"))
}

fn trust(text: &str) -> Result<Trust, String> {
    match text.to_ascii_lowercase().as_str() {
        "curated" => Ok(Trust::Curated),
        "official" => Ok(Trust::Official),
        "wiki" => Ok(Trust::Wiki),
        "public" => Ok(Trust::Public),
        _ => Err(format!("`{text}` is no level of trust; use curated, official, wiki or public")),
    }
}

/// A date, a date with a time, or an instant; without a zone it is UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil =
        text.parse::<civil::DateTime>().ok().or_else(|| text.parse::<civil::Date>().ok().map(Into::into));
    civil
        .and_then(|civil: civil::DateTime| civil.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| format!("`{text}` is no date such as `2026-02-16`"))
}

fn access(value: &Value) -> Result<Vec<String>, FrontMatterError> {
    let tags = texts(value).map_err(|detail| FrontMatterError::Key { key: "access".to_owned(), detail })?;
    if tags.is_empty() {
        let detail = "it is empty; leave the key out for everyone".to_owned();
        return Err(FrontMatterError::Key { key: "access".to_owned(), detail });
    }
    Ok(tags)
}

fn rules(value: &Value) -> Result<Vec<Rule>, FrontMatterError> {
    let error = |key: &str, detail: String| {
        let key = if key.is_empty() { "applies_to".to_owned() } else { format!("applies_to.{key}") };
        FrontMatterError::Key { key, detail }
    };
    let maps: Vec<&Map<String, Value>> = match value {
        Value::Object(map) => vec![map],
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_object().ok_or_else(|| error("", format!("expected maps, found {}", type_of(item))))
            })
            .collect::<Result<_, _>>()?,
        other => {
            return Err(error("", format!("expected a map or a list of maps, found {}", type_of(other))));
        }
    };
    let mut rules = Vec::with_capacity(maps.len());
    for map in maps {
        let mut rule = Rule::default();
        for (key, value) in map {
            let place = match key.as_str() {
                "alert" => &mut rule.alert,
                "kind" => &mut rule.kind,
                "reason" => &mut rule.reason,
                "namespace" => &mut rule.namespace,
                "name" => &mut rule.name,
                _ => {
                    return Err(error(key, "unknown; use alert, kind, reason, namespace or name".to_owned()));
                }
            };
            *place = texts(value).map_err(|detail| error(key, detail))?;
            if place.is_empty() {
                return Err(error(key, "it is empty; leave the key out, or give a value".to_owned()));
            }
        }
        if rule.is_empty() {
            return Err(error(
                "",
                "a rule without keys matches nothing; give alert, kind, reason, namespace or name".into(),
            ));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// One text or a list of texts, none of them empty.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) if text.chars().any(is_invisible) => {
            Err("a value holds characters that are not seen".to_owned())
        }
        Value::String(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Value::String(_) => Err("a value is empty".to_owned()),
        other => Err(format!("expected a text, found {}; put it in quotes", type_of(other))),
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        Value::Null => Ok(Vec::new()),
        other => Ok(vec![one(other)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Stated {
        parse(text).expect(text).expect("there is front matter").0
    }

    /// The first few, and how many more there are.
    const MAX_BOMB_WARNINGS: usize = 9;

    fn check_error(text: &str, part: &str) {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text:?} gave {error:?}, without {part:?}");
    }

    #[test]
    fn the_three_formats_say_the_same() {
        let yaml = "---\ntitle: Node  down\nkind: runbook\ntags: [b, a]\nversion: 1.20\ndate: 2024-08-21\naccess: [sre]\n\
                    applies_to:\n  kind: [Pod, ReplicaSet]\n  name: web-*\n---\nbody";
        let toml = "+++\ntitle = \"Node down\"\nkind = \"runbook\"\ntags = [\"b\", \"a\"]\nversion = 1.20\n\
                    date = 2024-08-21\naccess = [\"sre\"]\n[applies_to]\nkind = [\"Pod\", \"ReplicaSet\"]\nname = \"web-*\"\n+++\nbody";
        let json = "{\n\"title\": \"Node down\",\n\"kind\": \"runbook\",\n\"tags\": [\"b\", \"a\"],\n\"version\": 1.20,\n\
                    \"date\": \"2024-08-21\",\n\"access\": \"sre\",\n\"applies_to\": [{\"kind\": [\"Pod\", \"ReplicaSet\"], \"name\": \"web-*\"}]\n}\nbody";
        let expected = read(yaml);
        assert_eq!(expected.title.as_deref(), Some("Node down"));
        assert_eq!(expected.version.as_deref(), Some("1.20"));
        assert_eq!(expected.access, Some(vec!["sre".to_owned()]));
        assert_eq!(expected.created_at.map(|time| time.to_string()).as_deref(), Some("2024-08-21T00:00:00Z"));
        assert_eq!(expected.applies_to[0].kind, ["Pod", "ReplicaSet"]);
        assert_eq!(read(toml), expected);
        assert_eq!(read(json), expected);
        for text in [yaml, toml, json] {
            let (_, range) = parse(text).expect("it parses").expect("it is there");
            assert_eq!(text[range.end..].trim_start(), "body");
        }
    }

    #[test]
    fn a_line_across_the_page_is_no_front_matter() {
        for text in [
            "",
            "text",
            "---\n\nText after a line\n",
            "---\nSome words\n---\n",
            "{{< note >}}",
            "{ not json }",
            "--- x",
        ] {
            assert_eq!(parse(text), Ok(None), "{text:?}");
        }
        assert_eq!(parse("---\n---\nbody").map(|found| found.map(|(_, range)| range)), Ok(Some(0..8)));
    }

    #[test]
    fn what_would_lose_access_or_rules_is_refused() {
        check_error("---\naccess: [sre\n", "not closed");
        check_error("---\naccess: [sre\n---\n", "not valid YAML");
        check_error("+++\naccess = [\n+++\n", "not valid TOML");
        check_error("{\"access\": [\"sre\"", "not valid JSON");
        check_error("---\naccess: [1]\n---\n", "found a number");
        check_error("---\naccess: []\n---\n", "it is empty");
        check_error("---\naccess:\n---\n", "it is empty");
        check_error("---\naccess: {a: b}\n---\n", "found a map");
        check_error("---\nAccess: [a]\naccess: [b]\n---\n", "given twice");
        check_error("---\naccess: [a]\naccess: [b]\n---\n", "duplicate");
        check_error("---\napplies_to: x\n---\n", "found a text");
        check_error("---\napplies_to: [{}]\n---\n", "matches nothing");
        check_error("---\napplies_to: {nam: x}\n---\n", "applies_to.nam`: unknown; use alert, kind");
        check_error("---\napplies_to: {name: 5}\n---\n", "put it in quotes");
        check_error("---\naccess:sre\n---\n", "found a text");
        check_error("---\naccess sre\n---\n", "found a text");
        check_error("+++\ntitle = Relay\naccess = sre\n+++\n", "not valid TOML");
        check_error("+++\ntitle = Relay\n[[applies_to]]\nname = web\n+++\n", "not valid TOML");
        check_error("---\naccess: [\"s\\u200bre\"]\n---\n", "not seen");
    }

    /// What was meant to restrict and is not read keeps the page out, with the line.
    #[test]
    fn attempts_to_restrict_are_refused() {
        for (text, line) in [
            ("---\ntitle: A\naccess:[ops]\n---\n", ""),
            ("---\naccess:[ops]\ntitle: A\n---\n", ""),
            ("---\naccess:\u{a0}[ops]\n---\n", ""),
            ("---\ntitle: A\naccess:\u{a0}[ops]\n---\n", ""),
            ("---\ntitle: A\naccess：[ops]\n---\n", ""),
            ("---\ntitle: A\naccess： [ops]\nkind: sop\n---\n", ""),
            ("---\ntitle: A\n\u{430}ccess: [ops]\n---\n", "(line 3)"),
            ("---\ntitle: A\n\u{ff41}ccess: [ops]\n---\n", "(line 3)"),
            ("---\ntitle: A\na\u{441}\u{441}ess: [ops]\n---\n", "(line 3)"),
            ("---\nacces: [ops]\n---\n", "(line 2)"),
            ("---\nacess: ops\n---\n", "(line 2)"),
            ("---\naccess_tags: [ops]\n---\n", "(line 2)"),
            ("---\nAccess-Tag: ops\n---\n", "(line 2)"),
            ("---\naccesss: ops\n---\n", "(line 2)"),
            ("---\n'access ': [ops]\n---\n", "(line 2)"),
            ("---\nrestricted_to: [ops]\n---\n", "(line 2)"),
            ("---\nvisibility: internal\n---\n", "(line 2)"),
            ("---\nprivate: true\n---\n", "(line 2)"),
            ("---\ntitle: A\ndescription: on relays\n  access: [ops]\n---\n", "line 4"),
            ("---\ntitle: A\nparams:\n  access: [ops]\n---\n", "(line 4)"),
            ("---\nparams:\n  a:\n  - {acces: ops}\n---\n", "within `params`"),
            ("+++\ntitle = 'A'\n[params]\naccess = ['ops']\n+++\n", "(line 4)"),
            ("+++\n[extra.a]\naccess = ['ops']\n+++\n", "(line 3)"),
            ("+++\naccess_tags = ['ops']\n+++\n", "(line 2)"),
            ("{\"params\": {\"access\": [\"ops\"]}}\nbody", "within `params`"),
            ("{\"acces\": \"ops\"}\nbody", "(line 1)"),
            ("\n---\naccess: [ops]\n---\n# A\n", "(line 3)"),
            ("\u{a0}\n\n---\ntitle: A\naccess: [ops]\n---\n", "(line 5)"),
            (" ---\naccess: [ops]\n---\n", "(line 2)"),
            ("----\naccess: [ops]\n----\n", "(line 2)"),
            ("———\naccess: [ops]\n———\n", "(line 2)"),
            ("--- # meta\naccess: [ops]\n---\n", "(line 2)"),
            ("---yaml\naccess: [ops]\n---\n", "(line 2)"),
            ("```yaml\naccess: [ops]\n```\n# A\n", "(line 2)"),
            ("<!--\naccess: [ops]\n-->\n# A\n", "(line 2)"),
            ("<!-- access: [ops] -->\n# A\n", "(line 1)"),
            ("access: [ops]\n\n# A\n", "(line 1)"),
            ("title: A\naccess: [ops]\n---\n# A\n", "(line 2)"),
            ("# A\n\n---\ntitle: A\naccess: [ops]\n---\n", "(line 5)"),
            ("\n{\"access\": [\"ops\"]}\nbody", "(line 2)"),
            ("---\raccess: [ops]\r---\rbody", "(line 2)"),
            ("---\ntitle: A\n---\n---\naccess: [ops]\n---\n", "(line 5)"),
            ("---\n---\naccess: [ops]\n---\n", "(line 3)"),
            ("---\napplies-to: {name: web}\n---\n", "applies_to"),
            ("---\nappliesTo: {name: web}\n---\n", "applies_to"),
        ] {
            check_error(text, line);
        }
        for text in [
            "---\ntitle: A\nprivate: false\nvisibility: public\n---\n",
            "---\ntitle: A\naccess: [ops]\ndescription: |\n  access: read only\n---\n",
            "---\ndescription: |\n  access: read only\n---\n",
            "---\ntitle: Access to relays\n---\n# Access\n\nAccess: by VPN\n",
            "# Relay\n\nAccess: by VPN only. Ask in #ops.\n",
            "Relay is stuck\n---\naccess: [a] is a key\n",
            "---\nsuccess: 5\nweight: 3\nmenu: {main: {weight: 5}}\n---\n",
            "---\ntitle: A\n---\n\nText.\n\n---\n\naccess: x\n",
            "---\nlayout: page\nslug: access\nprocess: a\n---\n",
        ] {
            let parsed = parse(text);
            assert!(parsed.is_ok(), "{text:?} gave {parsed:?}");
        }
        assert!(
            refuse_in_text("---\naccess: [ops]\n---\nx")
                .is_err_and(|error| { error.to_string().contains("line 2: it is read in Markdown only") })
        );
        assert_eq!(refuse_in_text("Relay is stuck.\nAccess: by VPN\n"), Ok(()));
    }

    #[test]
    fn keys_near_a_known_one_are_reported() {
        for (key, known) in [
            ("titel", Some("title")),
            ("lables", Some("labels")),
            ("tag", Some("tags")),
            ("descripton", Some("description")),
            ("langauge", Some("language")),
            ("verison", Some("version")),
            ("weight", None),
            ("toc", None),
            ("menu", None),
            ("draft", None),
            ("type", None),
            ("date", None),
        ] {
            let warnings = read(&format!("---\n{key}: a\n---\n")).warnings.join("; ");
            let expected = known.map(|known| format!("was `{known}` meant?")).unwrap_or_default();
            assert!(
                warnings.contains(&expected) && (known.is_some() || !warnings.contains("meant")),
                "{key}: {warnings}"
            );
        }
    }

    #[test]
    fn names_that_restrict_are_sorted() {
        assert!(attempts::restricting().is_sorted_by(|a, b| a < b));
    }

    /// What is not quite YAML costs its key, unless it may have been a key that restricts.
    #[test]
    fn broken_keys_cost_no_page_and_open_none() {
        for broken in ["title: Relay: queue is stuck", "tags: [relay, @oncall]", "title: \"Relay", "kind: *k"]
        {
            for strict in [
                "access: [sre",
                "access: [@sre]",
                "access:\n\t- sre",
                "access:sre",
                "access：[sre]",
                " access: [sre]",
                "\taccess: [sre]",
                "- access: [sre]",
                "? access",
                "access",
                "\"access: [sre]",
                "Access = sre",
                "{access: [sre]",
                "access: [a]\nAccess: [b]",
                "applies_to: {name: web: 1}",
                "applies_to:\n\t- name: web",
            ] {
                for text in
                    [format!("---\n{broken}\n{strict}\n---\nx"), format!("---\n{strict}\n{broken}\n---\nx")]
                {
                    assert!(parse(&text).is_err(), "{text}");
                }
            }
            let matter = read(&format!("---\naccess: [sre]\n{broken}\napplies_to:\n  name: web\n---\nx"));
            assert_eq!(matter.access, Some(vec!["sre".to_owned()]), "{broken}");
            assert_eq!(matter.applies_to.len(), 1, "{broken}");
        }
    }

    #[test]
    fn what_can_be_read_is_read() {
        let check = |front: &str, title: Option<&str>, labels: &[&str], warnings: &[&str]| {
            let text = format!("---\n{front}\nkind: sop\n---\nbody");
            let (matter, range) = parse(&text).expect(&text).expect(&text);
            assert_eq!((matter.title.as_deref(), matter.kind), (title, Some(Kind::Sop)), "{front}");
            assert_eq!(matter.labels, labels, "{front}");
            assert_eq!(&text[range.end..], "body", "{front}");
            assert_eq!(matter.warnings.len(), warnings.len(), "{front}: {:?}", matter.warnings);
            for (warning, part) in matter.warnings.iter().zip(warnings) {
                assert!(warning.contains(part), "{front}: {warning:?}, without {part:?}");
            }
        };
        check("title: Relay: queue is stuck", Some("Relay: queue is stuck"), &[], &["line 2: key `title`"]);
        check("title: 队列: 卡住了", Some("队列: 卡住了"), &[], &["line 2: key `title`"]);
        check("title：队列卡住了", Some("队列卡住了"), &[], &["line 2: key `title`"]);
        check("title:Relay", Some("Relay"), &[], &["line 2: key `title`"]);
        check("title: *Relay* is stuck", Some("*Relay* is stuck"), &[], &["line 2: key `title`"]);
        check("title: `relay` is stuck", Some("`relay` is stuck"), &[], &["line 2: key `title`"]);
        check("title: %d messages", Some("%d messages"), &[], &["line 2: key `title`"]);
        check("title: @oncall: relay", Some("@oncall: relay"), &[], &["line 2: key `title`"]);
        check("title: \"Relay is \"stuck\"\"", Some("Relay is \"stuck\""), &[], &["line 2: key `title`"]);
        check("title: 'Relay", Some("Relay"), &[], &["line 2: key `title`"]);
        check("title: \"Relay", Some("Relay"), &[], &["line 2: key `title`"]);
        check("title: [Relay] queue", Some("[Relay] queue"), &[], &["line 2: key `title`"]);
        check("title: A\ntags: [relay, @oncall]", Some("A"), &["relay", "@oncall"], &["line 3: key `tags`"]);
        check(
            "tags:\n\t- relay\n\t- queue\ntitle: A",
            Some("A"),
            &["relay", "queue"],
            &["line 2: key `tags`"],
        );
        check("tags: [relay,\n  @oncall", None, &["relay", "@oncall"], &["line 2: key `tags`"]);
        check(
            "title: A\ntitle: B",
            Some("A"),
            &[],
            &["line 3: key `title` is a duplicate; the first counts"],
        );
        check("Title: A\ntitle: B", Some("A"), &[], &["duplicate"]);
        check("\ttitle: B\ntitle: A", Some("A"), &[], &["line 2 holds no key"]);
        check(
            "title: A\nmenu: {a: b: c}",
            Some("A"),
            &[],
            &["line 3: key `menu` is not valid YAML; ignored"],
        );
        check("# note\n\ntitle: A\nsummary: a: b # c", Some("A"), &[], &["line 5: key `summary`"]);
        let toml =
            read("+++\ntitle = Relay is stuck\ntags = [\"a\", b]\nkind = \"sop\"\n[extra]\nx = y\n+++\n");
        assert_eq!((toml.title.as_deref(), toml.kind), (Some("Relay is stuck"), Some(Kind::Sop)));
        assert_eq!((toml.labels.as_slice(), toml.warnings.len()), (&["a".to_owned(), "b".to_owned()][..], 3));
    }

    #[test]
    fn versions_stay_as_they_are_written() {
        for (front, version) in [
            ("version: 1.20", Some("1.20")),
            ("version: \"v1.20\"", Some("v1.20")),
            ("product_version: 1.20 # old", Some("1.20")),
            ("versions: [1.20, 1.21]", Some("1.20, 1.21")),
            ("versions:\n  - 1.20\n  - \"1.21\"\ntitle: x", Some("1.20, 1.21")),
            ("versions: ['1.20', '1.21']", Some("1.20, 1.21")),
            ("release: 2.x", Some("2.x")),
            ("version:", None),
        ] {
            assert_eq!(read(&format!("---\n{front}\n---\n")).version.as_deref(), version, "{front}");
        }
    }

    #[test]
    fn other_mistakes_are_warnings() {
        let matter = read(
            "---\nkind: Deployment\ndate: yesterday\ntrust: high\ntitle: [a]\nweight: 5\nurl: /docs/x/\n---\n",
        );
        assert_eq!(
            (matter.kind, matter.created_at, matter.trust, matter.title, matter.url),
            (None, None, None, None, None)
        );
        assert_eq!(matter.warnings.len(), 4, "{:?}", matter.warnings);
    }

    #[test]
    fn nothing_unseen_and_no_secret_is_kept() {
        let key = "AKIAQ7RLMXVTN2ZPWK4D";
        let matter = read(&format!(
            "---\ntitle: \"A\\u202e\\u200bB\\e[31m{key}\\e[0m\"\nauthor: [{{name: \"x\\u202e{key}\"}}]\n\
             tags: [\"\\u202ea\", \"\\x41{}\"]\nversion: \"1\\u0007\"\n---\n",
            &key[1..]
        ));
        assert_eq!(matter.title.as_deref(), Some("AB[redacted:aws-access-key]"));
        assert_eq!(matter.author.as_deref(), Some("x[redacted:aws-access-key]"));
        assert_eq!(matter.labels, ["a", "[redacted:aws-access-key]"]);
        assert_eq!(matter.version.as_deref(), Some("1"));
    }

    #[test]
    fn bombs_do_no_harm() {
        let mut aliases = "---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = format!("*a{}", i - 1);
            aliases.push_str(&format!("a{i}: &a{i} [{}]\n", [before.as_str(); 9].join(", ")));
        }
        aliases.push_str("---\n");
        let matter = read(&aliases);
        assert_eq!((matter.title, matter.warnings.len()), (None, MAX_BOMB_WARNINGS));
        aliases.insert_str(4, "access: [x]\n");
        assert_eq!(read(&aliases).access, Some(vec!["x".to_owned()]));
        check_error(&aliases.replace("access: [x]", "access: *a1"), "not valid YAML");
        read(&format!("---\na: {}{}\n---\n", "[".repeat(20_000), "]".repeat(20_000)));
        let lines = format!("---\n{}---\n", "a: b: c\n".repeat(7_000));
        assert_eq!(read(&lines).warnings.len(), MAX_BOMB_WARNINGS);
        check_error(&format!("{{\"a\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000)), "recursion");
        check_error(&format!("---\na: {}\n---\n", "x".repeat(MAX_BYTES)), "larger than");
    }
}
