//! The pages of an XML dump of MediaWiki, one after the other, each with its newest revision.
//!
//! Entry point: [`pages`]. A dump is read as a stream: no more than one page is held. Dumps have no DTD and a known
//! depth; a file with a DTD or a greater depth is refused.

use crate::bounds::Rationed;
use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};
use std::{cell::Cell, collections::BTreeMap, io::BufRead, ops::Range, rc::Rc};

/// A page with a longer text is not read, nor what follows it.
const MAX_TEXT_BYTES: u64 = 8 << 20;

/// Elements in elements; dumps have six.
const MAX_DEPTH: usize = 16;

/// A page of a wiki, with its newest revision.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct WikiPage {
    /// The number that the wiki gave it.
    pub(crate) id: String,
    pub(crate) title: String,
    /// The number of its namespace; articles have 0.
    pub(crate) namespace: String,
    /// The title of the page that it only leads to.
    pub(crate) redirect: Option<String>,
    /// The restrictions of the page as old dumps write them: `edit=sysop:move=sysop`.
    pub(crate) restrictions: String,
    /// The newest revision of the page.
    pub(crate) revision: Revision,
    /// The page's range in the dump.
    pub(crate) place: Range<usize>,
}

/// A revision of a page.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) timestamp: String,
    pub(crate) author: String,
    /// The model of the text: `wikitext`, `json`, `css`; empty in old dumps.
    pub(crate) model: String,
    pub(crate) text: String,
}

/// The wiki that a dump is of.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Wiki {
    /// The address of its main page.
    pub(crate) base: String,
    pub(crate) language: String,
    /// The names of the namespaces, by their numbers.
    pub(crate) namespaces: BTreeMap<String, String>,
}

/// Reads the pages of a dump.
pub(crate) struct Pages<R> {
    reader: Reader<Rationed<R>>,
    /// How much of the next piece may be read.
    left: Rc<Cell<u64>>,
    buffer: Vec<u8>,
    /// The names of the elements that are open.
    path: Vec<String>,
    text: String,
    page: Option<WikiPage>,
    revision: Revision,
    namespace: String,
    is_done: bool,
    /// The facts about the wiki; all of them stand before the first page.
    pub(crate) wiki: Wiki,
}

/// The pages of a dump, in its order; the first error is the last item.
pub(crate) fn pages<R: BufRead>(dump: R) -> Pages<R> {
    let left = Rc::new(Cell::new(MAX_TEXT_BYTES));
    let mut reader = Reader::from_reader(Rationed::new(dump, left.clone()));
    reader.config_mut().allow_dangling_amp = true;
    Pages {
        reader,
        left,
        buffer: Vec::new(),
        path: Vec::new(),
        text: String::new(),
        page: None,
        revision: Revision::default(),
        namespace: String::new(),
        is_done: false,
        wiki: Wiki::default(),
    }
}

/// Whether a text is a dump: its root is `<mediawiki>`.
pub(crate) fn is_dump(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => return element.local_name().as_ref() == "mediawiki",
            Ok(Event::Text(text)) if !text.trim().is_empty() => return false,
            Ok(Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::Text(_)) => {}
            _ => return false,
        }
    }
}

impl<R: BufRead> Iterator for Pages<R> {
    type Item = Result<WikiPage, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_done {
            match self.step() {
                Ok(None) => {}
                Ok(Some(page)) => return Some(Ok(page)),
                Err(reason) => {
                    self.is_done = true;
                    return Some(Err(reason));
                }
            }
        }
        None
    }
}

impl<R: BufRead> Pages<R> {
    /// Reads on to the next event; gives the page that it ends.
    fn step(&mut self) -> Result<Option<WikiPage>, String> {
        let start = position(&self.reader);
        self.buffer.clear();
        self.left.set(MAX_TEXT_BYTES);
        if self.text.len() as u64 > MAX_TEXT_BYTES {
            return Err(format!("a text of more than {MAX_TEXT_BYTES} bytes (before byte {start})"));
        }
        let event = self.reader.read_event_into(&mut self.buffer);
        let event = event.map_err(|error| format!("cannot be read from byte {start} on: {error}"))?;
        match event {
            Event::Start(element) => {
                let name = element.local_name().as_ref().to_owned();
                let said = Said::of(&element);
                if self.path.len() >= MAX_DEPTH {
                    return Err(format!("elements in elements deeper than {MAX_DEPTH} (byte {start})"));
                }
                self.path.push(name);
                self.open(said, start);
            }
            Event::Empty(element) => {
                let name = element.local_name().as_ref().to_owned();
                let said = Said::of(&element);
                self.path.push(name);
                self.open(said, start);
                return Ok(self.close());
            }
            Event::End(_) => return Ok(self.close()),
            Event::Text(text) => self.text.push_str(&text.xml10_content()),
            Event::CData(text) => self.text.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().ok().flatten();
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => self.text.push(character),
                    (None, Some(text)) => self.text.push_str(text),
                    (None, None) => self.text.push_str(&format!("&{};", &*name)),
                }
            }
            Event::DocType(_) => return Err("a DTD, which no dump of MediaWiki has".to_owned()),
            Event::Eof => {
                self.is_done = true;
                if !self.path.is_empty() {
                    return Err("it ends within an element: the dump is cut".to_owned());
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(None)
    }

    /// Begins the element that the path ends in.
    fn open(&mut self, said: Said, start: usize) {
        self.text.clear();
        match self.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["mediawiki"] => self.wiki.language = said.language,
            [_, "page"] => self.page = Some(WikiPage { place: start..start, ..WikiPage::default() }),
            [_, "page", "revision"] => self.revision = Revision::default(),
            [_, "page", "redirect"] => {
                if let Some(page) = &mut self.page {
                    page.redirect = Some(said.title);
                }
            }
            [_, "siteinfo", "namespaces", "namespace"] => self.namespace = said.key,
            _ => {}
        }
    }

    /// Ends the element that the path ends in.
    fn close(&mut self) -> Option<WikiPage> {
        let end = position(&self.reader);
        let text = std::mem::take(&mut self.text);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let mut ended = None;
        match (path.as_slice(), &mut self.page) {
            ([_, "page"], page) => {
                ended = page.take();
                if let Some(page) = &mut ended {
                    page.place.end = end.max(page.place.start);
                }
            }
            ([_, "page", "title"], Some(page)) => page.title = text,
            ([_, "page", "ns"], Some(page)) => page.namespace = text.trim().to_owned(),
            ([_, "page", "id"], Some(page)) => page.id = text.trim().to_owned(),
            ([_, "page", "restrictions"], Some(page)) => page.restrictions = text,
            // Times are written so that the later one is the greater.
            ([_, "page", "revision"], Some(page)) if self.revision.timestamp >= page.revision.timestamp => {
                page.revision = std::mem::take(&mut self.revision);
            }
            ([_, "page", "revision", "timestamp"], _) => self.revision.timestamp = text.trim().to_owned(),
            ([_, "page", "revision", "contributor", "username"], _) => self.revision.author = text,
            ([_, "page", "revision", "model"], _) => self.revision.model = text.trim().to_owned(),
            ([_, "page", "revision", "text"], _) => self.revision.text = text,
            ([_, "siteinfo", "base"], _) => self.wiki.base = text.trim().to_owned(),
            ([_, "siteinfo", "namespaces", "namespace"], _) => {
                self.wiki.namespaces.insert(std::mem::take(&mut self.namespace), text);
            }
            _ => {}
        }
        self.path.pop();
        ended
    }
}

/// The attributes that count.
#[derive(Default)]
struct Said {
    title: String,
    key: String,
    language: String,
}

impl Said {
    fn of(element: &BytesStart<'_>) -> Self {
        let mut said = Self::default();
        for attribute in element.attributes().flatten() {
            let value =
                || attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or_default().into_owned();
            match attribute.key.as_ref() {
                "title" => said.title = value(),
                "key" => said.key = value(),
                "xml:lang" => said.language = value(),
                _ => {}
            }
        }
        said
    }
}

fn position<R>(reader: &Reader<R>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}
