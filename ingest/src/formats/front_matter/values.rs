//! The values of the keys of front matter: those that decide who may read a page strictly, the others leniently, with a
//! warning for each that cannot be read.

use super::{FrontMatterError, STRICT, type_of};
use crate::formats::{self, stated::Stated};
use jiff::{Timestamp, civil, tz::TimeZone};
use kb::{
    document::{Kind, Rule, Trust},
    text::is_invisible,
};
use serde_json::{Map, Value};

/// Reads the keys of front matter, which are in lower case; `raw` is what they were parsed of.
pub(super) fn interpret(
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

/// A value whose texts may be shown: escapes of YAML, TOML and JSON may have hidden anything in them.
fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(formats::shown(text)),
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
pub(super) const VERSION_KEYS: [&str; 9] = [
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
    kb::language::normalised_tag(text)
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
