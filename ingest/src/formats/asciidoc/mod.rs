//! AsciiDoc, block by block: headings, lists, boxes, code with its callouts, tables, quotations.
//!
//! Entry point: [`parse`]. [`lines`] does the preprocessor's work, [`blocks`] writes the page's blocks, [`marks`] tells
//! them by their first lines, [`inline`] reads paragraphs, [`tables`] cells. A page's attributes are read as front
//! matter is, so that `:access: ops, sre` restricts it.

mod blocks;
mod inline;
mod lines;
mod marks;
mod pending;
mod tables;

use super::{
    Parsed, Place, front_matter, markdown, redaction, stated::Stated, steps::Steps, written::Writer,
};
use inline::markdown_of;
use lines::Lines;

/// Attributes that mean something else in AsciiDoc than in front matter.
const OTHER_ATTRIBUTES: [&str; 4] = ["permalink", "title", "trust", "url"];

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    let (source, redacted) = redaction::redacted(text);
    let text = source.as_str();
    let (front, start) = match front_matter::parse(text) {
        Ok(None) => (Stated::default(), 0),
        Ok(Some((said, range))) => (said, range.end),
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let steps = Steps::for_text(text);
    let lines = Lines::of(text, start, place, &steps);
    let said = match front_matter::of_keys(keys_of(&lines)).and_then(|given| front.or(given)) {
        Ok(said) => said,
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let mut writer = Writer::new(&source);
    if let Some(description) =
        said.description.as_deref().filter(|description| !text[start..].contains(*description))
    {
        writer.paragraph(&markdown_of(description, &steps), start..start);
    }
    blocks::write(&lines, &mut writer, &steps);
    if steps.are_spent() {
        return Parsed::rejected(place, steps.refusal());
    }
    let (body, found_links) = writer.finish();
    let mut parsed = markdown::finished(body, &found_links, said, redacted, place);
    if !parsed.documents.is_empty() {
        for name in lines.missing.iter().take(10) {
            parsed.warn(
                place,
                format!("include `{}` is not in the source, or too large; left out", super::shown(name)),
            );
        }
    }
    parsed
}

/// Whether a text restricts who may read it, so that no other page may show it.
pub(super) fn restricts(text: &str) -> bool {
    let names = text.lines().filter_map(|line| line.strip_prefix(':')?.split_once(':'));
    let keys = names.map(|(name, value)| (key_of(name), value.to_owned()));
    let keys = keys.filter(|(name, _)| !OTHER_ATTRIBUTES.contains(&name.as_str()));
    !front_matter::of_keys(keys).is_ok_and(|said| said.access.is_none())
}

fn key_of(name: &str) -> String {
    let name = name.trim_matches('!').to_ascii_lowercase();
    match name.strip_prefix("page-").unwrap_or(&name) {
        "revdate" => "updated".to_owned(),
        "revnumber" => "version".to_owned(),
        "keywords" => "labels".to_owned(),
        name => name.to_owned(),
    }
}

fn keys_of(lines: &Lines<'_>) -> Vec<(String, String)> {
    let given = lines.given.iter().map(|(name, value)| (key_of(name), value));
    let given = given.filter(|(name, _)| !OTHER_ATTRIBUTES.contains(&name.as_str()));
    let value_of = |name: &str, value: &str| match name {
        "author" | "authors" | "labels" | "tags" | "access" => {
            value.trim_matches(['[', ']']).replace('"', "").to_owned()
        }
        _ => value.to_owned(),
    };
    given
        .map(|(name, value)| {
            let value = value_of(&name, value);
            (name, value)
        })
        .collect()
}

#[cfg(test)]
mod tests;
