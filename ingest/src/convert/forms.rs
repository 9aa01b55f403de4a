//! How much the pages of a PDF file draw, counted before any is drawn. A page draws forms, which draw others: where
//! each of thirty draws the next one twice, the last is drawn a billion times. Each form is read once, however often it
//! is drawn. Knows the parser, as [`super::extract`] does, and counts what that parser does.

use pdf_extract::{Dictionary, Document, Object, ObjectId, Stream, content::Content};
use std::{
    borrow::Cow,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

/// The pages of a file draw no more forms.
const MAX_FORMS: u64 = 100_000;

/// The content that the pages of a file draw is at most this long, each form counted as often as it is drawn.
const MAX_BYTES: u64 = 256 << 20;

/// Forms stand in each other no deeper.
const MAX_DEPTH: usize = 32;

/// Pages have no more folders above them.
const MAX_PARENTS: usize = 64;

/// When a page may draw more objects than this, some of them are assumed to be forms.
const MAX_LOOKED_AT: usize = 64;

/// Says why a file is refused whose pages draw too much.
pub(super) fn check(document: &Document) -> Result<(), String> {
    let mut forms = Forms { document, known: HashMap::new(), open: Vec::new(), bytes_read: 0 };
    let mut all = Drawing::default();
    for page in document.get_pages().into_values() {
        // A page that the counting breaks on breaks the parser as well, which then leaves the page out.
        if let Ok(drawing) = catch_unwind(AssertUnwindSafe(|| forms.of_page(page))) {
            all.add(drawing?)?;
        }
    }
    Ok(())
}

/// The forms and bytes that are drawn, added up.
#[derive(Debug, Clone, Copy, Default)]
struct Drawing {
    forms: u64,
    bytes: u64,
    /// How deep forms stand in each other.
    depth: usize,
}

impl Drawing {
    /// Draws something else as well.
    fn add(&mut self, other: Self) -> Result<(), String> {
        self.forms = self.forms.saturating_add(other.forms);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.depth = self.depth.max(other.depth);
        match self.forms > MAX_FORMS || self.bytes > MAX_BYTES {
            true => Err(too_much()),
            false => Ok(()),
        }
    }
}

fn too_much() -> String {
    format!("made to harm: its pages draw more than {MAX_FORMS} forms or {} MiB", MAX_BYTES >> 20)
}

fn too_deep() -> String {
    format!("made to harm: its pages draw forms that stand in each other more than {MAX_DEPTH} deep")
}

/// A form, with the resources that it is drawn with: those of the one that draws it, where it has none.
type Key = (*const Stream, *const Dictionary);

struct Forms<'d> {
    document: &'d Document,
    known: HashMap<Key, Drawing>,
    /// The forms that are being counted, each drawn by the one before it.
    open: Vec<Key>,
    /// How much the counting itself has read; all of it is drawn at least once.
    bytes_read: u64,
}

impl<'d> Forms<'d> {
    fn of_page(&mut self, page: ObjectId) -> Result<Drawing, String> {
        self.open.clear();
        let content = self.document.get_page_content(page).unwrap_or_default();
        match self.resources_of(page) {
            Some(resources) => self.of_content(&content, resources),
            None => Ok(Drawing { bytes: content.len() as u64, ..Drawing::default() }),
        }
    }

    /// A page's own resources, or those of a folder above it.
    fn resources_of(&self, page: ObjectId) -> Option<&'d Dictionary> {
        let mut node = self.document.get_dictionary(page).ok()?;
        for _ in 0..MAX_PARENTS {
            if let Some(resources) = self.dictionary(node, b"Resources") {
                return Some(resources);
            }
            let parent = node.get(b"Parent").and_then(Object::as_reference).ok()?;
            node = self.document.get_dictionary(parent).ok()?;
        }
        None
    }

    fn of_content(&mut self, content: &[u8], resources: &'d Dictionary) -> Result<Drawing, String> {
        let mut drawing = Drawing::default();
        drawing.add(Drawing { bytes: content.len() as u64, ..drawing })?;
        self.bytes_read += content.len() as u64;
        if self.bytes_read > MAX_BYTES {
            return Err(too_much());
        }
        let Some(objects) = self.dictionary(resources, b"XObject") else { return Ok(drawing) };
        let may_be_form =
            objects.len() > MAX_LOOKED_AT || objects.iter().any(|(_, object)| self.form(object).is_some());
        if !may_be_form || !content.windows(2).any(|operator| operator == b"Do") {
            return Ok(drawing);
        }
        let Ok(content) = Content::decode(content) else { return Ok(drawing) };
        for operation in content.operations.iter().filter(|operation| operation.operator == "Do") {
            let name = operation.operands.first().and_then(|operand| operand.as_name().ok());
            let object = name.and_then(|name| objects.get(name).ok());
            if let Some(form) = object.and_then(|object| self.form(object)) {
                drawing.add(self.of_form(form, resources)?)?;
            }
        }
        Ok(drawing)
    }

    fn of_form(&mut self, form: &'d Stream, outer: &'d Dictionary) -> Result<Drawing, String> {
        let resources = self.dictionary(&form.dict, b"Resources").unwrap_or(outer);
        let key = (ptr::from_ref(form), ptr::from_ref(resources));
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        if self.open.contains(&key) {
            return Err("made to harm: a form that its pages draw draws itself".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.push(key);
        let content = match form.filters() {
            Ok(_) => form.decompressed_content().map_or(Cow::Borrowed(form.content.as_slice()), Cow::Owned),
            Err(_) => Cow::Borrowed(form.content.as_slice()),
        };
        let mut drawing = self.of_content(&content, resources)?;
        drawing.add(Drawing { forms: 1, depth: drawing.depth + 1, bytes: 0 })?;
        if drawing.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.pop();
        self.known.insert(key, drawing);
        Ok(drawing)
    }

    fn dictionary(&self, of: &'d Dictionary, key: &[u8]) -> Option<&'d Dictionary> {
        let (_, found) = self.document.dereference(of.get(key).ok()?).ok()?;
        found.as_dict().ok()
    }

    /// The stream of an object that is drawn as a form; pictures have nothing in them that is.
    fn form(&self, object: &'d Object) -> Option<&'d Stream> {
        let (_, object) = self.document.dereference(object).ok()?;
        object.as_stream().ok().filter(|stream| !super::extract::is_picture(&stream.dict))
    }
}
