//! Exports of Notion: pages as `Title 32hex.md` in folders of the same name, databases as `Title 32hex.csv`.
//!
//! The number behind a title is taken out of it; ids keep the number, because it tells pages apart. The properties of a
//! page stand as `Key: value` below its title: those that are metadata become such and leave the text. A database
//! without questions is one document: a table, or a section for each entry if entries are long.

use super::{
    Parsed, Place, front_matter,
    front_matter::FrontMatterError,
    markdown, redaction,
    stated::Stated,
    stem_of,
    written::{Writer, one_line, push_words},
};
use crate::report::Rejection;
use jiff::civil::{Date, DateTime};
use kb::mapped::{Edit, MappedText};

/// Digits of the number behind a title.
const DIGITS: usize = 32;

/// Further lines below a title are not properties.
const MAX_PROPERTIES: usize = 60;

/// A longer name is not that of a property.
const MAX_KEY_CHARS: usize = 60;

/// An entry with a longer field has a section of its own.
const LONG_FIELD_BYTES: usize = 300;

/// More columns of a database are not read.
const MAX_COLUMNS: usize = 200;

/// Properties by their names in lower case, and the keys of front matter that they stand for; of those for one key the
/// first that a page has counts.
const PROPERTIES: [(&str, &str); 34] = [
    ("author", "author"),
    ("authors", "author"),
    ("owner", "author"),
    ("owners", "author"),
    ("maintainer", "author"),
    ("responsible", "author"),
    ("created by", "author"),
    ("last edited by", "author"),
    ("tags", "labels"),
    ("tag", "labels"),
    ("labels", "labels"),
    ("label", "labels"),
    ("category", "labels"),
    ("categories", "labels"),
    ("topics", "labels"),
    ("created", "created"),
    ("created at", "created"),
    ("created time", "created"),
    ("date created", "created"),
    ("last edited time", "updated"),
    ("last edited", "updated"),
    ("last updated", "updated"),
    ("last updated time", "updated"),
    ("last modified", "updated"),
    ("updated", "updated"),
    ("updated at", "updated"),
    ("url", "url"),
    ("source url", "url"),
    ("language", "language"),
    ("product", "product"),
    ("version", "version"),
    ("product version", "version"),
    ("status", "status"),
    ("state", "status"),
];

/// A title without the number that stands behind it, where one does.
pub(super) fn without_number(name: &str) -> Option<&str> {
    let name = name.strip_suffix("_all").unwrap_or(name);
    let split = name.len().checked_sub(DIGITS + 1)?;
    let (title, number) = (name.get(..split)?, name.get(split..)?);
    let number = number.strip_prefix(' ')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_number && !title.trim().is_empty()).then(|| title.trim_end())
}

/// Whether a file is one of an export, by its name.
pub(super) fn is_exported(place: &Place<'_>) -> bool {
    without_number(stem_of(file_of(place))).is_some()
}

fn file_of<'a>(place: &Place<'a>) -> &'a str {
    place.relative.rsplit('/').next().unwrap_or(place.relative)
}

/// A page without its properties and numbers, and the metadata in its properties.
pub(super) fn without_properties(source: MappedText) -> Result<(Stated, MappedText), FrontMatterError> {
    let mut edits = numbers_of(source.as_str());
    let mut keys: Vec<(String, String)> = Vec::new();
    let mut found: Vec<(usize, &str, String)> = Vec::new();
    let mut at = 0;
    let (mut has_title, mut has_properties, mut num_lines) = (false, false, 0);
    for line in source.as_str().split_inclusive('\n') {
        let range = at..at + line.len();
        at += line.len();
        if line.trim().is_empty() {
            if has_properties {
                break;
            }
            continue;
        }
        if !has_title {
            if !line.starts_with("# ") {
                break;
            }
            has_title = true;
            continue;
        }
        let Some((name, value)) = property_of(line).filter(|_| num_lines < MAX_PROPERTIES) else { break };
        has_properties = true;
        num_lines += 1;
        let lower = name.to_lowercase();
        match PROPERTIES.iter().position(|(known, _)| *known == lower) {
            Some(rank) => {
                edits.push(Edit::delete(range));
                found.push((rank, PROPERTIES[rank].1, value.to_owned()));
            }
            // A property that may restrict the page is read, or refuses it; other names of front matter mean something
            // else here.
            None if front_matter::is_strict(&lower) => {
                edits.push(Edit::delete(range));
                keys.push((lower, value.to_owned()));
            }
            None if !front_matter::is_key(&lower) => keys.push((lower, value.to_owned())),
            None => {}
        }
    }
    found.sort_by_key(|(rank, ..)| *rank);
    for (_, key, value) in found {
        let value = match key {
            "author" => named(&value),
            "created" | "updated" => written_date(&value),
            "status" => format!("status: {value}"),
            _ => value,
        };
        let is_label = matches!(key, "labels" | "status");
        let key = if is_label { "labels" } else { key };
        match keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) if is_label && !value.is_empty() => *known = format!("{known},{value}"),
            Some(_) => {}
            None if value.is_empty() => {}
            None => keys.push((key.to_owned(), value)),
        }
    }
    let said = front_matter::of_keys(keys)?;
    Ok((said, source.edited(edits)))
}

/// The edits that take numbers out of headings.
fn numbers_of(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let words = line.trim_end();
        if words.starts_with('#')
            && let Some(title) = without_number(words)
        {
            edits.push(Edit::delete(at + title.len()..at + words.len()));
        }
        at += line.len();
    }
    edits
}

/// The name and the value that a line gives.
fn property_of(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_end().split_once(':')?;
    let is_name = name.starts_with(char::is_alphanumeric)
        && name.chars().count() <= MAX_KEY_CHARS
        && !name.contains(['`', '[', '*', '|', '<', '.']);
    (is_name && (value.is_empty() || value.starts_with(' '))).then(|| (name.trim(), value.trim()))
}

/// People and pages without the addresses behind their names.
fn named(value: &str) -> String {
    let names = value.split(',').map(|name| name.split(" (").next().unwrap_or(name).trim());
    names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A date as Notion writes it, in the form that front matter has; anything else as it is.
fn written_date(value: &str) -> String {
    let value = value.trim().trim_start_matches('@');
    let first = value.split(['→', '(']).next().unwrap_or(value).trim();
    let times = [
        "%B %d, %Y %I:%M %p",
        "%b %d, %Y %I:%M %p",
        "%B %d, %Y %H:%M",
        "%Y/%m/%d %I:%M %p",
        "%Y/%m/%d %H:%M",
    ];
    let time = times.iter().find_map(|format| DateTime::strptime(format, first).ok());
    let dates = ["%B %d, %Y", "%b %d, %Y", "%Y/%m/%d"];
    let date = || dates.iter().find_map(|format| Date::strptime(format, first).ok());
    match time {
        Some(time) => time.to_string(),
        None => date().map_or_else(|| first.to_owned(), |date| date.to_string()),
    }
}

/// Whether a CSV file is a database: it has the number behind its name, or the folder of its entries beside it.
pub(super) fn is_database(place: &Place<'_>) -> bool {
    let folder = place.relative.rsplit_once('.').map_or(place.relative, |(stem, _)| stem);
    is_exported(place) || place.site.has_folder(folder)
}

/// The document of a database.
pub(super) fn database(text: &str, place: &Place<'_>) -> Parsed {
    // An export has the view of a database, and all of it.
    if let Some(stem) = place.relative.strip_suffix(".csv").filter(|stem| !stem.ends_with("_all"))
        && place.site.has_file(&format!("{stem}_all.csv"))
    {
        return Parsed::left_out(place, "all entries of this database are in the file `_all.csv` beside it");
    }
    let (source, redacted) = redaction::redacted(text.to_owned());
    let text = source.as_str();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.iter().take(MAX_COLUMNS).map(one_line).collect::<Vec<_>>(),
        Err(error) => return Parsed::rejected(place, format!("not a CSV: {error}")),
    };
    if let Some(reason) = restricting(&header) {
        return Parsed::rejected(place, reason);
    }
    let mut entries: Vec<(Vec<String>, std::ops::Range<usize>)> = Vec::new();
    let mut parsed = Parsed::default();
    let mut record = csv::StringRecord::new();
    loop {
        let start = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX).min(text.len());
        match reader.read_record(&mut record) {
            Ok(true) => {
                let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX).min(text.len());
                entries.push((
                    record.iter().take(MAX_COLUMNS).map(str::to_owned).collect(),
                    start..end.max(start),
                ));
            }
            Ok(false) => break,
            Err(error) => {
                parsed.rejected.push(Rejection::new(
                    format!("{}#{}", place.shown, entries.len() + 1),
                    error.to_string(),
                ));
                break;
            }
        }
    }
    let mut writer = Writer::new(&source);
    let is_long = entries.iter().flat_map(|(fields, _)| fields).any(|field| field.len() > LONG_FIELD_BYTES);
    match is_long {
        true => entries.iter().for_each(|(fields, range)| write_section(&mut writer, &header, fields, range)),
        false => {
            let rows = std::iter::once(&header).chain(entries.iter().map(|(fields, _)| fields));
            let rows: Vec<Vec<String>> =
                rows.map(|row| row.iter().map(|field| words_of(field)).collect()).collect();
            writer.table(&rows, 0..text.len());
        }
    }
    let (body, found_links) = writer.finish();
    let of_file = markdown::finished(body, &found_links, Stated::default(), redacted, place);
    parsed.rejected.extend(of_file.rejected);
    Parsed { rejected: parsed.rejected, ..of_file }
}

/// Why a database is refused that has a column which says who may read an entry.
fn restricting(header: &[String]) -> Option<String> {
    let keys = header.iter().map(|name| (name.to_lowercase(), "x".to_owned()));
    let keys = keys.filter(|(name, _)| front_matter::is_strict(name) || !front_matter::is_key(name));
    match front_matter::of_keys(keys) {
        Ok(said) if said.access.is_none() && said.applies_to.is_empty() => None,
        Ok(_) => Some("a column says who may read its entries, which a table cannot".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn write_section(
    writer: &mut Writer<'_>,
    header: &[String],
    fields: &[String],
    range: &std::ops::Range<usize>,
) {
    let mut fields = header.iter().zip(fields).filter(|(_, field)| !field.trim().is_empty());
    let Some((_, title)) = fields.next() else { return };
    writer.heading(2, &words_of(title), None, range.clone());
    for (name, field) in fields {
        let lines: Vec<String> = field.lines().map(words_of).collect();
        writer.paragraph(&format!("**{}:** {}", words_of(name), lines.join("\n")), range.clone());
    }
}

fn words_of(text: &str) -> String {
    let mut words = String::new();
    push_words(&mut words, &one_line(text), false);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Document, Format, parsed_in, site::Site};

    const NUMBER: &str = "0123456789abcdef0123456789abcdef";

    fn parse_file(format: Format, path: &str, text: &str, files: &[&str]) -> Parsed {
        let files: Vec<String> = files.iter().map(|file| file.replace("HEX", NUMBER)).collect();
        let site = Site::of(files.iter().map(|file| (file.clone(), 1)), |_| None);
        let pages: Vec<&str> = files.iter().map(String::as_str).collect();
        parsed_in(format, &path.replace("HEX", NUMBER), &text.replace("HEX", NUMBER), &pages, &site)
    }

    #[track_caller]
    fn document(mut parsed: Parsed) -> Document {
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        parsed.documents.remove(0)
    }

    #[test]
    fn pages_lose_their_properties_and_numbers() {
        let text = "# Drain a node\n\nOwner: Jane Doe (https://notion.so/jane), Bo\nStatus: In review\nTags: Nodes, drain\n\
                    Created time: March 4, 2024 3:21 PM\nLast edited time: 2024/03/05 15:21\nURL: https://e.com/a\nSeverity: SEV1\n\
                    Description: kept\n\nSee [Cordon](Runbooks%20HEX/Cordon%20a%20node%20HEX.md) first.\n\n\
                    ## Steps HEX\n\n<aside>\n💡 Mind the budget.\n\n</aside>\n";
        let document = document(parse_file(
            Format::Markdown,
            "Ops/Drain a node HEX.md",
            text,
            &["Ops/Drain a node HEX.md", "Ops/Runbooks HEX/Cordon a node HEX.md"],
        ));
        insta::assert_snapshot!(document.body.as_str(), @r"
        # Drain a node

        Severity: SEV1
        Description: kept

        See Cordon first.

        ## Steps




        💡 Mind the budget.
        ");
        let meta = &document.meta;
        assert_eq!(meta.id, format!("kb/Ops/Drain a node {NUMBER}.md"));
        assert_eq!((meta.title.as_str(), meta.author.as_deref()), ("Drain a node", Some("Jane Doe, Bo")));
        assert_eq!(meta.labels, ["Nodes", "drain", "status: In review"]);
        assert_eq!(meta.created_at.map(|time| time.to_string()).as_deref(), Some("2024-03-04T15:21:00Z"));
        assert_eq!(meta.updated_at.map(|time| time.to_string()).as_deref(), Some("2024-03-05T15:21:00Z"));
        assert_eq!(meta.url.as_deref(), Some("https://e.com/a"));
        assert_eq!(meta.links.len(), 1);
        assert_eq!(meta.links[0].target, format!("kb/Ops/Runbooks {NUMBER}/Cordon a node {NUMBER}.md"));
    }

    #[test]
    fn titles_come_without_numbers() {
        let untitled = document(parse_file(Format::Markdown, "My page HEX.md", "text", &[]));
        assert_eq!(untitled.meta.title, "My page");
        for (name, title) in [
            ("A HEX", Some("A")),
            ("A HEX_all", Some("A")),
            ("A-HEX", None),
            ("AHEX", None),
            ("HEX", None),
            ("A 0123", None),
            ("é節 HEX", Some("é節")),
        ] {
            assert_eq!(without_number(&name.replace("HEX", NUMBER)), title, "{name}");
        }
        // A page that only looks alike keeps its lines.
        let other = document(parse_file(Format::Markdown, "a.md", "# A\n\nOwner: Jane\n", &[]));
        assert_eq!((other.meta.author, other.body.as_str()), (None, "# A\n\nOwner: Jane\n"));
    }

    #[test]
    fn what_restricts_a_page_is_read_or_refuses_it() {
        for (line, access) in
            [("Access: ops, sre", Some("ops sre")), ("Acess: ops", None), ("Visibility: team", None)]
        {
            let parsed = parse_file(Format::Markdown, "A HEX.md", &format!("# A\n\n{line}\n\ntext\n"), &[]);
            let found = parsed.documents.first().map(|document| document.meta.access.join(" "));
            assert_eq!(found.as_deref(), access, "{line} {:?}", parsed.rejected);
        }
        let parsed = parse_file(Format::QaCsv, "A HEX.csv", "Name,Access\na,ops\n", &[]);
        assert!(parsed.rejected[0].reason.contains("a column says"), "{:?}", parsed.rejected);
        let parsed = parse_file(Format::QaCsv, "A HEX.csv", "Name,Visible to\na,ops\n", &[]);
        assert!(parsed.documents.is_empty(), "{:?}", parsed.documents);
    }

    #[test]
    fn databases_become_tables_or_sections() {
        let text = "Name,Owner,Runbook | url\n\"Node, down\",Jane,https://e.com\nDisk *full*,,\n";
        let table = document(parse_file(Format::QaCsv, "Alerts HEX_all.csv", text, &["Alerts HEX.csv"]));
        insta::assert_snapshot!(table.body.as_str(), @r"
        | Name | Owner | Runbook \| url |
        | --- | --- | --- |
        | Node, down | Jane | https://e.com |
        | Disk \*full\* | | |
        ");
        assert_eq!(table.meta.title, "Alerts");
        let long = format!("Name,Text\nA,\"one\n{}\"\nB,two\n", "word ".repeat(100));
        let sections = document(parse_file(Format::QaCsv, "Log.csv", &long, &["Log/A HEX.md"]));
        assert!(
            sections.body.as_str().starts_with("## A\n\n**Text:** one\nword word"),
            "{}",
            sections.body.as_str()
        );
        let view = parse_file(Format::QaCsv, "A HEX.csv", text, &["A HEX_all.csv"]);
        assert!(view.documents.is_empty() && view.rejected[0].by_convention, "{:?}", view.rejected);
        let questions = "question,answer\nHow?,So.\n";
        let rows = parse_file(Format::QaCsv, "A HEX.csv", questions, &[]);
        assert!(rows.documents[0].meta.id.ends_with(".csv#1"), "{:?}", rows.documents);
        let other = parse_file(Format::QaCsv, "a.csv", text, &["b/c.md"]);
        assert!(other.rejected[0].reason.contains("not a question/answer CSV"), "{:?}", other.rejected);
    }
}
