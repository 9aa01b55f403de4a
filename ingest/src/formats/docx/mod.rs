//! Word documents (`.docx`): the text with its headings, lists, tables, code and links, without what stands around it.
//!
//! Entry point: [`parse`]. [`package`] reads the parts of the file within bounds, [`styles`] and [`numbering`] what
//! paragraphs are like, [`body`] the text, and [`write`] makes Markdown of it. The document's properties are read as
//! front matter is: what restricts who may read it is among them, or keeps it out. Places are counted in the document's
//! words.

mod body;
mod numbering;
mod package;
mod styles;
mod write;

use super::{
    Parsed, Place, front_matter,
    magic::Magic,
    markdown,
    redaction::Redactions,
    shown,
    stated::Stated,
    title_of_path,
    written::{Writer, one_line},
};
use body::{Block, Body, Context};
use kb::mapped::MappedText;
use numbering::Numbering;
use package::{Package, Relationship, attribute, name_of};
use quick_xml::events::Event;
use std::collections::HashMap;
use styles::Styles;

/// The text's part, where the package does not say.
const USUAL_PART: &str = "word/document.xml";

/// A longer value of a property is left out.
const MAX_VALUE_BYTES: usize = 4 << 10;

/// More properties are refused.
const MAX_PROPERTIES: usize = 500;

pub(super) fn parse(bytes: &[u8], place: &Place<'_>) -> Parsed {
    match Magic::of(bytes) {
        Some(Magic::Zip) => {}
        Some(Magic::Ole) => {
            let reason = "protected by a password, or in the format of Word before 2007: save it as .docx without a password";
            return Parsed::rejected(place, reason);
        }
        Some(other) => return Parsed::rejected(place, format!("{}, no Word document", other.name())),
        None => return Parsed::rejected(place, "no Word document: it is no package of an office program"),
    }
    match read(bytes, place) {
        Ok(parsed) => parsed,
        Err(reason) => Parsed::rejected(place, reason),
    }
}

fn read(bytes: &[u8], place: &Place<'_>) -> Result<Parsed, String> {
    let mut package = Package::open(bytes)?;
    let parts = package.relationships("")?;
    let of_sort =
        |sort: &str| parts.values().filter(|part| part.sort == sort).map(|part| part.target.clone()).min();
    let main = of_sort("officeDocument").map(|target| target.trim_start_matches('/').to_owned());
    let main = main.unwrap_or_else(|| USUAL_PART.to_owned());
    if ["xl/", "ppt/", "visio/"].iter().any(|folder| main.starts_with(folder)) {
        return Err(
            "no Word document but a spreadsheet, slides or a drawing: save it as .docx or PDF".to_owned()
        );
    }
    let said = said_of(&mut package, &of_sort)?;

    let relationships = package.relationships(&main)?;
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
    let part_of = |sort: &str, usual: &str| {
        let related = relationships
            .values()
            .filter(|related| related.sort == sort)
            .map(|related| &related.target)
            .min();
        match related.map_or(usual, String::as_str) {
            whole if whole.starts_with('/') => whole[1..].to_owned(),
            name if folder.is_empty() => name.to_owned(),
            name => format!("{folder}/{name}"),
        }
    };
    let styles = Styles::of(&mut package, &part_of("styles", "styles.xml"))?;
    let numbering = Numbering::of(&mut package, &part_of("numbering", "numbering.xml"))?;
    let mut notes = HashMap::new();
    for (sort, name) in [("footnote", "footnotes"), ("endnote", "endnotes")] {
        let of_part = read_part(
            &mut package,
            &part_of(name, &format!("{name}.xml")),
            &styles,
            &numbering,
            HashMap::new(),
        )?;
        let of_part = of_part.map(|body| body.notes).unwrap_or_default();
        notes.extend(
            of_part.into_iter().filter(|(_, note)| !note.is_empty()).map(|(id, note)| ((sort, id), note)),
        );
    }
    let context = Context { styles: &styles, numbering: &numbering, relationships: &relationships, notes };
    let body = match package.part(&main)? {
        Some(xml) => body::read(xml, &mut { context })?,
        None => return Err(format!("damaged: its package has no part {}", shown(&main))),
    };
    front_matter::refuse_in_office_file(&body.text).map_err(|error| error.to_string())?;
    Ok(written(&body, &numbering, said, place))
}

fn read_part(
    package: &mut Package<'_>,
    part: &str,
    styles: &Styles,
    numbering: &Numbering,
    relationships: HashMap<String, Relationship>,
) -> Result<Option<Body>, String> {
    let Some(xml) = package.part(part)? else { return Ok(None) };
    let mut context = Context { styles, numbering, relationships: &relationships, notes: HashMap::new() };
    body::read(xml, &mut context).map(Some)
}

/// The document of a text.
fn written(body: &Body, numbering: &Numbering, mut said: Stated, place: &Place<'_>) -> Parsed {
    if !body.text.chars().any(char::is_alphanumeric) {
        return Parsed::rejected(place, "no text; of pictures nothing is read");
    }
    let source = MappedText::new(body.text.clone());
    let (redactions, secrets) = Redactions::of(&body.text);
    let mut writer = Writer::new(&source);
    let title = write::write(body, &redactions, numbering, &mut writer);
    let (text, links) = writer.finish();
    said.title = title.or_else(|| only_first_heading(body, &redactions)).or(said.title);
    // The first of several parts does not name the whole.
    let has_parts = said.title.is_none() && tops_of(body) > 1;
    said.title = said.title.or_else(|| has_parts.then(|| title_of_path(place)));
    markdown::finished(text, &links, said, secrets, place)
}

/// The words of the heading that a document begins with, where no other is of its level: a title that is kept beside
/// the text is often the title of the document that this one was made from.
fn only_first_heading(body: &Body, redactions: &Redactions<'_>) -> Option<String> {
    let mut paragraphs = body.blocks.iter().filter_map(|block| match block {
        Block::Paragraph(paragraph) => Some(paragraph),
        _ => None,
    });
    let first = paragraphs.next()?;
    let level = first.heading?;
    let is_only = paragraphs.all(|other| other.heading.is_none_or(|other| other > level));
    is_only.then(|| one_line(&write::text_of(&first.pieces, redactions)))
}

/// How many headings are of the highest level.
fn tops_of(body: &Body) -> usize {
    let levels = body.blocks.iter().filter_map(|block| match block {
        Block::Paragraph(paragraph) => paragraph.heading,
        _ => None,
    });
    let top = levels.clone().min();
    levels.filter(|level| Some(*level) == top).count()
}

/// The metadata in the document's properties.
fn said_of(package: &mut Package<'_>, part_of: &dyn Fn(&str) -> Option<String>) -> Result<Stated, String> {
    let mut keys = Vec::new();
    for (sort, usual) in
        [("core-properties", "docProps/core.xml"), ("custom-properties", "docProps/custom.xml")]
    {
        let part = part_of(sort).unwrap_or_else(|| usual.to_owned());
        let Some(mut xml) = package.part(part.trim_start_matches('/'))? else { continue };
        // The property that is being read, and its value.
        let (mut key, mut value) = (None::<String>, String::new());
        loop {
            let depth = xml.depth();
            match xml.next()? {
                Event::Start(element) if depth <= 1 => {
                    key = match name_of(&element) {
                        "property" => attribute(&element, "name"),
                        name => core_key(name).map(str::to_owned),
                    };
                    value.clear();
                }
                Event::Text(text) if value.len() <= MAX_VALUE_BYTES => value.push_str(&text),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().ok().flatten();
                    let named = quick_xml::escape::resolve_predefined_entity(&reference).unwrap_or_default();
                    value.extend(character);
                    value.push_str(named);
                }
                Event::End(_) if depth == 2 => {
                    let Some(key) = key.take() else { continue };
                    // A property may restrict the readers, so no property is cut or dropped.
                    if value.len() > MAX_VALUE_BYTES || keys.len() == MAX_PROPERTIES {
                        let bounds = format!(
                            "{MAX_PROPERTIES} properties, or one longer than {MAX_VALUE_BYTES} bytes"
                        );
                        return Err(format!("more than {bounds}"));
                    }
                    let value = shown(value.trim());
                    keys.push(if key == "labels" { (key, value.replace(';', ",")) } else { (key, value) });
                }
                Event::Eof => break,
                _ => {}
            }
        }
    }
    let is_said = |(key, value): &(String, String)| key != "title" || !super::is_made_up_title(value);
    super::said_in_properties(keys.into_iter().filter(is_said))
}

/// The key of front matter that a property stands for.
fn core_key(name: &str) -> Option<&'static str> {
    Some(match name {
        "title" => "title",
        "creator" => "author",
        "created" => "created",
        "modified" => "updated",
        "keywords" => "labels",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
