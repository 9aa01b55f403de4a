//! PDF files: what a child process reads of them ([`crate::convert`]), as a page with headings, lists and code.
//!
//! Entry point: [`parse`]. [`layout`] makes blocks of the lines, [`write`] Markdown of the blocks. Passages lead to the
//! page on which they begin: `#page=3`. Places are counted in the file's words.

mod layout;
mod write;

use super::{
    Parsed, Place, front_matter, magic::Magic, markdown, redaction::Redactions, title_of_path,
    written::Writer,
};
use crate::convert::{self, Pdf};
use jiff::{Timestamp, civil};
use kb::mapped::MappedText;
use layout::Layout;
use write::Title;

/// More pages are not named one by one.
const MAX_NAMED_PAGES: usize = 20;

pub(super) fn parse(bytes: &[u8], place: &Place<'_>) -> Parsed {
    match Magic::of(bytes) {
        Some(Magic::Pdf) => {}
        Some(other) => return Parsed::rejected(place, format!("{}, no PDF file", other.name())),
        None => return Parsed::rejected(place, "no PDF file"),
    }
    match convert::pdf(bytes) {
        Ok(pdf) => parsed(&pdf, place),
        Err(error) => Parsed {
            is_unknown: error.is_of_this_machine(),
            is_slow: error.is_slow(),
            ..Parsed::rejected(place, error.to_string())
        },
    }
}

/// The document of what was read.
fn parsed(pdf: &Pdf, place: &Place<'_>) -> Parsed {
    let has_words =
        |page: &&convert::Page| page.lines.iter().any(|line| line.text.chars().any(char::is_alphanumeric));
    if !pdf.pages.iter().any(|page| has_words(&page)) {
        let reason = match pdf.unread.is_empty() {
            true => "no text: its pages are pictures, as those of a scan; run OCR on it first",
            false => "damaged: none of its pages can be read",
        };
        return Parsed::rejected(place, reason);
    }
    let mut said = match super::said_in_properties(pdf.properties.iter().filter_map(key_of)) {
        Ok(said) => said,
        Err(reason) => return Parsed::rejected(place, reason),
    };
    let layout = Layout::of(pdf);
    if let Err(error) = front_matter::refuse_in_office_file(&layout.text) {
        return Parsed::rejected(place, error.to_string());
    }
    let source = MappedText::new(layout.text.clone());
    let (redactions, secrets) = Redactions::of(&layout.text);
    let mut writer = Writer::new(&source);
    let title = write::write(&layout, &redactions, &mut writer);
    let (text, links) = writer.finish();
    said.title = match title {
        Title::Heading(title) => Some(title),
        Title::OfParts => said.title.or_else(|| Some(title_of_path(place))),
        Title::Unknown => said.title,
    };
    let mut parsed = markdown::finished(text, &links, said, secrets, place);
    let fragments =
        layout.pages.iter().map(|(start, number)| (*start, format!("page={number}"))).collect::<Vec<_>>();
    parsed.documents =
        parsed.documents.into_iter().map(|document| document.with_fragments(fragments.clone())).collect();
    let is_whole = |page: &&convert::Page| !pdf.unread.contains(&page.number);
    let empty = pdf.pages.iter().filter(|page| !has_words(page)).filter(is_whole);
    let empty: Vec<u32> = empty.map(|page| page.number).collect();
    for (pages, what) in
        [(&pdf.unread, "cannot be read, or not to the end"), (&empty, "without text: pictures are not read")]
    {
        if !pages.is_empty() && !parsed.documents.is_empty() {
            parsed.warn(place, format!("{} {what}", named(pages)));
        }
    }
    parsed
}

fn named(pages: &[u32]) -> String {
    let mut names: Vec<String> = pages.iter().take(MAX_NAMED_PAGES).map(u32::to_string).collect();
    if pages.len() > MAX_NAMED_PAGES {
        names.push(format!("{} more", pages.len() - MAX_NAMED_PAGES));
    }
    format!("{} {}", if pages.len() == 1 { "page" } else { "pages" }, names.join(", "))
}

/// A property as a key of front matter.
fn key_of((name, value): &(String, String)) -> Option<(String, String)> {
    let value = super::shown(value.trim());
    let key = match name.as_str() {
        "Title" if super::is_made_up_title(&value) => return None,
        "Title" => "title",
        "Author" => "author",
        "Keywords" => return Some(("labels".to_owned(), value.replace(';', ","))),
        "CreationDate" => return Some(("created".to_owned(), time_of(&value)?.to_string())),
        "ModDate" => return Some(("updated".to_owned(), time_of(&value)?.to_string())),
        other => other,
    };
    Some((key.to_owned(), value))
}

/// A time as PDF writes it: `D:20240115093000+07'00'`, of which the year alone has to be there.
fn time_of(text: &str) -> Option<Timestamp> {
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (time, zone) = text.split_at(digits.min(14));
    let number = |from: usize, length: usize, otherwise: i8| {
        time.get(from..from + length).map_or(Some(otherwise), |digits| digits.parse().ok())
    };
    let year: i16 = time.get(..4)?.parse().ok()?;
    let date = civil::Date::new(year, number(4, 2, 1)?, number(6, 2, 1)?).ok()?;
    let time = civil::Time::new(number(8, 2, 0)?, number(10, 2, 0)?, number(12, 2, 0)?, 0).ok()?;
    let mut parts =
        zone.get(1..).unwrap_or_default().split('\'').map(|part| part.parse::<i32>().unwrap_or(0));
    let seconds = parts.next().unwrap_or(0) * 3600 + parts.next().unwrap_or(0) * 60;
    let seconds = if zone.starts_with('-') { -seconds } else { seconds };
    let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
    offset.to_timestamp(civil::DateTime::from_parts(date, time)).ok()
}

#[cfg(test)]
mod tests;
