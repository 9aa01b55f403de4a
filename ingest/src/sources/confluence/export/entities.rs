//! The objects of `entities.xml`: a flat list of what Confluence stores, each with an id, properties and references to
//! others. Read as a stream: only one object is in memory.

use super::ExportError;
use crate::{bounds::Rationed, formats::web_page::character_named};
use quick_xml::{Reader, events::Event};
use std::{
    cell::Cell,
    io::{self, BufReader, Read},
    rc::Rc,
};

/// A larger piece of XML, or a larger object, is refused.
const MAX_OBJECT_BYTES: u64 = 32 << 20;

/// References of one object beyond these are left out.
const MAX_REFERENCES: usize = 10_000;

/// Properties of one object beyond these are left out.
const MAX_PROPERTIES: usize = 200;

/// An object of the export, with its properties.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) class: String,
    pub(super) id: String,
    properties: Vec<(String, Value)>,
}

/// The value of a property.
#[derive(Debug)]
enum Value {
    Text(String),
    /// Ids of other objects.
    References(Vec<String>),
}

impl Object {
    fn value(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A property that is a text; `None` for an empty one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Value::References(_) => None,
        }
    }

    /// A property that is taken out.
    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        let (_, value) = self.properties.iter_mut().find(|(known, _)| known == name)?;
        match value {
            Value::Text(text) => Some(std::mem::take(text)),
            Value::References(_) => None,
        }
    }

    /// The id of the object that a property refers to.
    pub(super) fn reference(&self, name: &str) -> Option<&str> {
        self.references(name).first().map(String::as_str)
    }

    /// The ids of the objects that a property refers to.
    pub(super) fn references(&self, name: &str) -> &[String] {
        match self.value(name) {
            Some(Value::References(ids)) => ids,
            _ => &[],
        }
    }

    /// Whether it is kept only as what another one was before.
    pub(super) fn is_old(&self) -> bool {
        ["originalVersion", "originalVersionId"]
            .iter()
            .any(|name| self.reference(name).is_some() || self.text(name).is_some())
    }

    /// Whether it is shown: no draft, not archived, not in the trash.
    pub(super) fn is_current(&self) -> bool {
        self.text("contentStatus").is_none_or(|status| status == "current")
    }
}

/// Calls `visit` for each object, in the order of the file. Returns whether bytes had to be replaced that are no UTF-8.
pub(super) fn for_each(
    xml: impl Read,
    mut visit: impl FnMut(Object) -> Result<(), ExportError>,
) -> Result<bool, ExportError> {
    let (left, has_bad_bytes) = (Rc::new(Cell::new(MAX_OBJECT_BYTES)), Rc::new(Cell::new(false)));
    let xml = BufReader::new(Mended::new(xml, has_bad_bytes.clone()));
    let mut reader = Reader::from_reader(Rationed::new(xml, left.clone()));
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut reading = Reading::default();
    let mut buffer = Vec::new();
    let mut has_ended = false;
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(_) if left.get() == 0 => {
                let at = reader.buffer_position();
                let detail = format!("an object is larger than {MAX_OBJECT_BYTES} bytes");
                return Err(ExportError::Xml { at, detail });
            }
            Err(error) => {
                let detail = error.to_string();
                return Err(ExportError::Xml { at: reader.error_position(), detail });
            }
        };
        match event {
            Event::Start(tag) => reading.open(tag.name().as_ref(), attributes(&tag)),
            Event::Empty(tag) => {
                reading.open(tag.name().as_ref(), attributes(&tag));
                reading.close(tag.name().as_ref());
            }
            Event::End(tag) => {
                has_ended |= tag.name().as_ref() == "hibernate-generic";
                reading.close(tag.name().as_ref());
            }
            Event::Text(text) => reading.text(&text),
            Event::CData(text) => reading.text(&text),
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    _ => character_of(&reference),
                };
                reading.text(&character.unwrap_or_default());
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if let Some(object) = reading.finished.take() {
            left.set(MAX_OBJECT_BYTES);
            visit(object)?;
        } else if !reading.is_in_object {
            left.set(MAX_OBJECT_BYTES);
        }
    }
    match has_ended {
        true => Ok(has_bad_bytes.get()),
        false => {
            let detail = "it ends early".to_owned();
            Err(ExportError::Xml { at: reader.buffer_position(), detail })
        }
    }
}

fn attributes(tag: &quick_xml::events::BytesStart<'_>) -> Attributes {
    let mut found = Attributes::default();
    for attribute in tag.attributes().with_checks(false).flatten() {
        let value = attribute.value.into_owned();
        match attribute.key.as_ref() {
            "name" => found.name = value,
            "class" => found.class = value,
            _ => {}
        }
    }
    found
}

fn character_of(name: &str) -> Option<String> {
    match name {
        "amp" => Some("&".to_owned()),
        "lt" => Some("<".to_owned()),
        "gt" => Some(">".to_owned()),
        "quot" => Some("\"".to_owned()),
        "apos" => Some("'".to_owned()),
        // No character of XML, such as the code point 0.
        name if name.starts_with('#') => None,
        name => character_named(name),
    }
}

#[derive(Default)]
struct Attributes {
    name: String,
    class: String,
}

/// The object that is being read.
#[derive(Default)]
struct Reading {
    object: Object,
    is_in_object: bool,
    /// Elements that are open within the object.
    depth: usize,
    /// The name of the open property.
    property: Option<String>,
    /// Whether the text is that of an id.
    is_in_id: bool,
    text: String,
    references: Vec<String>,
    finished: Option<Object>,
}

impl Reading {
    fn open(&mut self, tag: &str, attributes: Attributes) {
        if !self.is_in_object {
            if tag == "object" {
                self.object = Object { class: attributes.class, ..Object::default() };
                (self.is_in_object, self.depth) = (true, 0);
                self.property = None;
            }
            return;
        }
        self.depth += 1;
        match tag {
            "property" | "collection" if self.depth == 1 => {
                self.property = Some(attributes.name);
                self.text.clear();
                self.references.clear();
            }
            "id" => {
                self.is_in_id = true;
                self.text.clear();
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.is_in_object && (self.is_in_id || self.property.is_some()) {
            self.text.push_str(text);
        }
    }

    fn close(&mut self, tag: &str) {
        if !self.is_in_object {
            return;
        }
        match tag {
            "object" => {
                self.is_in_object = false;
                self.finished = Some(std::mem::take(&mut self.object));
            }
            "id" => {
                self.is_in_id = false;
                let id = std::mem::take(&mut self.text).trim().to_owned();
                match self.property {
                    None if self.object.id.is_empty() => self.object.id = id,
                    Some(_) if self.references.len() < MAX_REFERENCES => self.references.push(id),
                    _ => {}
                }
            }
            "property" | "collection" if self.depth == 1 => {
                if let Some(name) = self.property.take()
                    && self.object.properties.len() < MAX_PROPERTIES
                {
                    let references = std::mem::take(&mut self.references);
                    let text = std::mem::take(&mut self.text);
                    let value = match references.is_empty() {
                        true => Value::Text(text),
                        false => Value::References(references),
                    };
                    self.object.properties.push((name, value));
                }
            }
            _ => {}
        }
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Reads UTF-8, with the replacement character in the place of other bytes.
struct Mended<R> {
    inner: R,
    /// Bytes that were read and are not UTF-8 yet.
    rest: Vec<u8>,
    /// The text that may be given out, from `given` on.
    text: Vec<u8>,
    given: usize,
    is_mended: Rc<Cell<bool>>,
}

impl<R: Read> Mended<R> {
    fn new(inner: R, is_mended: Rc<Cell<bool>>) -> Self {
        Self { inner, rest: Vec::new(), text: Vec::new(), given: 0, is_mended }
    }

    /// Reads more; `text` stays empty at the end.
    fn fill(&mut self) -> io::Result<()> {
        const BLOCK_BYTES: usize = 64 << 10;
        (self.given, self.text) = (0, Vec::new());
        while self.text.is_empty() {
            let before = self.rest.len();
            self.rest.resize(before + BLOCK_BYTES, 0);
            let length = self.inner.read(&mut self.rest[before..])?;
            self.rest.truncate(before + length);
            let rest = std::mem::take(&mut self.rest);
            let mut chunks = rest.utf8_chunks().peekable();
            while let Some(chunk) = chunks.next() {
                self.text.extend_from_slice(chunk.valid().as_bytes());
                // A character may go on in the next block.
                let goes_on = chunks.peek().is_none()
                    && length > 0
                    && std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
                if goes_on {
                    self.rest = chunk.invalid().to_vec();
                } else if !chunk.invalid().is_empty() {
                    self.is_mended.set(true);
                    self.text.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
            if length == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Mended<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.fill()?;
        }
        let length = buffer.len().min(self.text.len() - self.given);
        buffer[..length].copy_from_slice(&self.text[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let visit = |object: Object| {
            found.push(format!("{object:?}"));
            Ok(())
        };
        for_each(xml.as_bytes(), visit).map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn objects_are_read_one_by_one() {
        let xml = r#"<?xml version="1.0"?><hibernate-generic datetime="x">
<object class="Page" package="p"><id name="id">7</id>
<property name="title"><![CDATA[A & b]]]]><![CDATA[>]]></property>
<property name="text">x &lt; &#121;&nbsp;&#0; &nosuch; z</property>
<property name="space" class="Space" package="p"><id name="id">1</id></property>
<collection name="bodyContents" class="c"><element class="BodyContent"><id name="id">8</id></element><element class="BodyContent"><id name="id">9</id></element></collection>
<property name="empty"/></object></hibernate-generic>"#;
        insta::assert_snapshot!(read(xml).expect("it can be read").join("\n"), @r#"
        Object { class: "Page", id: "7", properties: [("title", Text("A & b]]>")), ("text", Text("x < y\u{a0}  z")), ("space", References(["1"])), ("bodyContents", References(["8", "9"])), ("empty", Text(""))] }
        "#);
        assert!(
            read("<hibernate-generic><object class=\"Page\">").expect_err("cut").contains("it ends early")
        );
        assert!(read("").is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        struct Dripping<'b>(&'b [u8]);
        impl Read for Dripping<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = self.0.len().min(1);
                buffer[..length].copy_from_slice(&self.0[..length]);
                self.0 = &self.0[length..];
                Ok(length)
            }
        }
        for (bytes, text, is_mended) in [
            ("aé日🙂".as_bytes(), "aé日🙂", false),
            (b"a\xe9b\xf0\x9f\x99", "a\u{fffd}b\u{fffd}", true),
            (b"\xff\xfe", "\u{fffd}\u{fffd}", true),
        ] {
            let found = Rc::new(Cell::new(false));
            let mut read = String::new();
            Mended::new(Dripping(bytes), found.clone()).read_to_string(&mut read).expect("it is text");
            assert_eq!((read.as_str(), found.get()), (text, is_mended), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        struct Endless(&'static [u8]);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = self.0.len().min(buffer.len());
                if length == 0 {
                    buffer.fill(b'x');
                    return Ok(buffer.len());
                }
                buffer[..length].copy_from_slice(&self.0[..length]);
                self.0 = &self.0[length..];
                Ok(length)
            }
        }
        for begin in
            ["<hibernate-generic><object class=\"Page\"><property name=\"a\"><![CDATA[", "<a b=\"", "<!--"]
        {
            let error = for_each(Endless(begin.as_bytes()), |_| Ok(())).expect_err("it has no end");
            assert!(error.to_string().contains("larger than"), "{begin}: {error}");
        }
    }
}
