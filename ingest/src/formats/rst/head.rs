//! The metadata of a page of reStructuredText: the fields at its top, before or behind its title, and `.. meta::`.

use super::{
    Row,
    rows::{adornment_of, directive_of, end_of_inside, field_of, lines_of, rows_of},
};
use crate::formats::{
    front_matter::{self, FrontMatterError},
    stated::Stated,
    steps::Steps,
};

/// More fields are not read.
const MAX_FIELDS: usize = 200;

/// Fields that only the tools read, sorted.
const SILENT: [&str; 14] = [
    "address",
    "contact",
    "copyright",
    "description",
    "html_theme.sidebar_secondary.remove",
    "no-search",
    "nocomments",
    "nosearch",
    "og:description",
    "organization",
    "orphan",
    "robots",
    "tocdepth",
    "viewport",
];

/// The fields of a page, and where they stand.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The names and values of all fields.
    keys: Vec<(String, String)>,
    /// The fields at the top that a reader is to see: the row, the name and the value of each.
    pub(super) shown: Vec<(usize, String, String)>,
    /// The rows that hold the fields at the top.
    pub(super) rows: std::ops::Range<usize>,
}

impl Head {
    /// Reads what the rows of a page say of it.
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let mut head = Self::default();
        head.fields(rows);
        let mut at = 0;
        while let Some(row) = rows.get(at) {
            if row.is_blank() {
                at += 1;
                continue;
            }
            let directive = row.text.strip_prefix(".. ").and_then(|rest| directive_of(rest.trim_start()));
            let end = end_of_inside(rows, at);
            if directive.is_some_and(|(name, _)| name == "meta") {
                let said = rows[at + 1..end].iter().filter_map(|row| field_of(row.text.trim_start()));
                for (name, value) in said.take(MAX_FIELDS) {
                    // A language may stand behind the name.
                    let name = name.split_whitespace().next().unwrap_or_default();
                    head.keys.push((key_of(name), value_of(value)));
                }
            }
            at = end;
        }
        head
    }

    /// Reads the first list of fields, if nothing but a title, comments and targets stands before it.
    fn fields(&mut self, rows: &[Row<'_>]) {
        let mut at = 0;
        let mut has_title = false;
        while let Some(row) = rows.get(at) {
            if row.is_blank() {
                at += 1;
            } else if row.text == ".." || row.text.starts_with(".. ") {
                at = end_of_inside(rows, at);
            } else if field_of(row.text).is_some() {
                break;
            } else {
                let is_title = |at: usize| rows.get(at).is_some_and(|row| adornment_of(row.text).is_some());
                if has_title || !(is_title(at + 1) || is_title(at)) {
                    return;
                }
                at += if is_title(at) { 3 } else { 2 };
                has_title = true;
            }
        }
        let start = at;
        while let Some((name, value)) = rows.get(at).and_then(|row| field_of(row.text)) {
            let end = end_of_inside(rows, at);
            let more = rows[at + 1..end].iter().map(|row| row.text.trim()).filter(|text| !text.is_empty());
            let parts: Vec<&str> =
                std::iter::once(value).filter(|value| !value.is_empty()).chain(more).collect();
            let is_list = parts.iter().all(|part| part.starts_with("- ") || part.starts_with("* "));
            let items = parts.iter().map(|part| if is_list { &part[2..] } else { part });
            let value = items.collect::<Vec<_>>().join(if is_list { ", " } else { " " });
            let key = key_of(name);
            let is_silent = SILENT.contains(&key.as_str()) || front_matter::is_key(&key);
            if !is_silent && self.shown.len() < MAX_FIELDS {
                self.shown.push((at, name.to_owned(), value.clone()));
            }
            if self.keys.len() < MAX_FIELDS || front_matter::is_strict(&key) {
                self.keys.push((key, value_of(&value)));
            }
            at = end;
        }
        self.rows = start..at;
    }

    /// The metadata, read as front matter is.
    pub(super) fn stated(&self) -> Result<Stated, FrontMatterError> {
        // `$Date$` is for a tool to fill in.
        let keys =
            self.keys.iter().filter(|(key, value)| front_matter::is_strict(key) || !value.starts_with('$'));
        front_matter::of_keys(keys.cloned())
    }
}

/// The end of the fields that a text begins with; 0 if it begins with something else.
pub(super) fn leading_fields_end(text: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    let mut is_inside = false;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if field_of(line.trim_end()).is_some() || (is_inside && line.starts_with([' ', '\t'])) {
            is_inside = true;
            end = at;
        } else if !line.trim().is_empty() {
            break;
        }
    }
    end
}

/// Whether a text restricts who may read it, so that no other page may show it.
pub(crate) fn restricts(text: &str) -> bool {
    let lines = lines_of(text, 0, None, &Steps::for_text(text));
    !Head::of(&rows_of(&lines)).stated().is_ok_and(|said| said.access.is_none())
}

fn key_of(name: &str) -> String {
    let name = name.trim().to_lowercase().replace(' ', "_");
    match name.as_str() {
        "keywords" => "labels".to_owned(),
        "revision" => "version".to_owned(),
        "last-updated" | "last_update" | "modified" => "updated".to_owned(),
        _ => name,
    }
}

fn value_of(value: &str) -> String {
    value.trim().trim_matches(['[', ']']).replace('"', "")
}
