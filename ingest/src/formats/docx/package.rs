//! The package of an office file: a ZIP archive whose parts are XML, read within bounds.

use crate::bounds::{Allowance, Bounded, count_zip_entries};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use std::{
    collections::HashMap,
    io::{BufReader, Cursor, Read},
};
use zip::{ZipArchive, result::ZipError};

/// A package with more entries is refused.
const MAX_ENTRIES: usize = 10_000;

/// The parts that are read unpack to no more.
const MAX_BYTES: u64 = 64 << 20;

/// Elements in each other beyond this are refused.
const MAX_DEPTH: usize = 256;

/// More relationships of a part are not read.
const MAX_RELATIONSHIPS: usize = 20_000;

/// An opened package: a ZIP file of XML parts.
pub(super) struct Package<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    allowance: Allowance,
}

/// A reference of one part to another, or to an address.
pub(super) struct Relationship {
    /// The last component of its type, such as `hyperlink`.
    pub(super) sort: String,
    /// An address, or the name of another part.
    pub(super) target: String,
}

impl<'b> Package<'b> {
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, String> {
        let entries = count_zip_entries(bytes, MAX_ENTRIES).map_err(|error| error.to_string())?;
        if entries > MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} entries in its package"));
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error.to_string()))?;
        Ok(Self { archive, allowance: Allowance::of(bytes.len() as u64, MAX_BYTES) })
    }

    /// A part's XML; `None` where there is no such part.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Xml<'_>>, String> {
        let entry = match self.archive.by_name(name) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) if error.to_string().contains("assword") => {
                return Err("protected by a password: save it without one".to_owned());
            }
            Err(error) => return Err(damaged(&error.to_string())),
        };
        let bounded: Box<dyn Read + '_> = Box::new(Bounded::new(entry, &mut self.allowance));
        let mut reader = Reader::from_reader(BufReader::new(bounded));
        reader.config_mut().allow_dangling_amp = true;
        Ok(Some(Xml { reader, buffer: Vec::new(), depth: 0 }))
    }

    /// The references of a part, by identifier.
    pub(super) fn relationships(&mut self, part: &str) -> Result<HashMap<String, Relationship>, String> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let slash = if folder.is_empty() { "" } else { "/" };
        let Some(mut xml) = self.part(&format!("{folder}{slash}_rels/{file}.rels"))? else {
            return Ok(HashMap::new());
        };
        let mut found = HashMap::new();
        while found.len() < MAX_RELATIONSHIPS {
            match xml.next()? {
                Event::Start(element) | Event::Empty(element) if name_of(&element) == "Relationship" => {
                    let (Some(id), Some(target)) = (attribute(&element, "Id"), attribute(&element, "Target"))
                    else {
                        continue;
                    };
                    let sort = attribute(&element, "Type").unwrap_or_default();
                    let sort = sort.rsplit('/').next().unwrap_or_default().to_owned();
                    found.insert(id, Relationship { sort, target });
                }
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(found)
    }
}

/// A part that is being read.
pub(super) struct Xml<'p> {
    reader: Reader<BufReader<Box<dyn Read + 'p>>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl Xml<'_> {
    /// The next event; an error names the fault of the package.
    pub(super) fn next(&mut self) -> Result<Event<'_>, String> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| match error {
            // An error of the bounds on packed data.
            quick_xml::Error::Io(error) if error.kind() == std::io::ErrorKind::Other => error.to_string(),
            error => damaged(&error.to_string()),
        })?;
        match &event {
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => return Err(damaged("a part ends early")),
            _ => {}
        }
        match self.depth > MAX_DEPTH {
            true => Err(format!("elements stand in each other more than {MAX_DEPTH} deep")),
            false => Ok(event),
        }
    }

    /// How many elements are open, one that has just begun included.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }
}

fn damaged(detail: &str) -> String {
    let detail: String = crate::formats::shown(detail).chars().take(200).collect();
    format!("damaged: {}", detail.to_lowercase().trim_end_matches('.'))
}

/// An element's name without its prefix, which may be any.
pub(super) fn name_of<'e>(element: &'e BytesStart<'_>) -> &'e str {
    element.local_name().into_inner()
}

/// The value of the first attribute of this name, whatever its prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    // Duplicates are looked for by comparing all with all.
    let found = attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().into_inner() == name)?;
    Some(found.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

/// Whether a property is set: it is where it stands without a value.
pub(super) fn is_on(element: &BytesStart<'_>) -> bool {
    !attribute(element, "val").is_some_and(|value| matches!(value.as_str(), "0" | "false" | "off" | "none"))
}
