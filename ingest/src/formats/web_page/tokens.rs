//! A text's tags and texts, each with its place, as `html5gum` reads them: by the standard, which every browser
//! follows.
//!
//! Entry point: [`read`], which tells a [`Builder`] what it meets.

use super::{
    builder::{Builder, Content},
    tree::attribute_named,
};
use html5gum::{Emitter, Error, State, Tokenizer};
use std::borrow::Cow;

/// Longer names of elements and attributes are cut: no known name is longer.
const MAX_NAME_BYTES: usize = 40;

/// Longer values of attributes are cut.
const MAX_VALUE_BYTES: usize = 8 << 10;

/// Reads a text to its end, or until the builder has enough.
pub(super) fn read<'t, 's>(text: &'t str, builder: &mut Builder<'t, 's>) {
    let tokens = Tokens {
        text,
        builder,
        position: 0,
        done: 0,
        begins: 0,
        words: Vec::new(),
        words_start: 0,
        words_end: 0,
        name: Vec::new(),
        is_end: false,
        is_closed: false,
        is_open: false,
        attributes: Vec::new(),
        key: Vec::new(),
        value: Vec::new(),
        last_start: Vec::new(),
        characters: None,
    };
    // The one thing that is given is that there is enough.
    Tokenizer::new_with_emitter(text, tokens).next();
}

/// The state of reading.
struct Tokens<'t, 's, 'b> {
    text: &'t str,
    builder: &'b mut Builder<'t, 's>,
    /// How far the text was read.
    position: usize,
    /// The end of the last tag or comment.
    done: usize,
    /// The place of the last `<` that may begin a tag or a comment.
    begins: usize,
    /// Text, its references decoded.
    words: Vec<u8>,
    words_start: usize,
    words_end: usize,
    /// The name of the tag.
    name: Vec<u8>,
    is_end: bool,
    is_closed: bool,
    /// Whether the tag has no end yet.
    is_open: bool,
    attributes: Vec<(&'static str, String)>,
    /// The name of the attribute.
    key: Vec<u8>,
    value: Vec<u8>,
    /// The name of the last tag that began an element: the one that ends an element without tags in it.
    last_start: Vec<u8>,
    /// The start of the last part that is marked as characters only.
    characters: Option<usize>,
}

impl Tokens<'_, '_, '_> {
    /// Tells of the text that was read, which ends at `end` or before.
    fn end_words(&mut self, end: usize) {
        if self.words.is_empty() {
            return;
        }
        let text = self.text;
        let end = text.floor_char_boundary(self.words_end.min(end));
        let start = text.floor_char_boundary(self.words_start.min(end));
        let words = match &text[start..end] {
            written if written.as_bytes() == self.words => Cow::Borrowed(written),
            _ => Cow::Owned(String::from_utf8_lossy(&self.words).into_owned()),
        };
        self.words.clear();
        self.builder.text(words, start..end);
    }

    /// Notes the end of a tag or a comment.
    fn end_token(&mut self) {
        self.end_words(self.begins);
        self.done = self.position;
    }

    fn end_attribute(&mut self) {
        if let Some(key) = attribute_named(&self.key).filter(|_| !self.is_end) {
            let is_new = self.attributes.iter().all(|(taken, _)| *taken != key);
            if is_new {
                let value = String::from_utf8_lossy(&self.value);
                let value = &value[..value.floor_char_boundary(value.len().min(MAX_VALUE_BYTES))];
                self.attributes.push((key, value.to_owned()));
            }
        }
        self.key.clear();
        self.value.clear();
    }

    fn begin_tag(&mut self, is_end: bool) {
        (self.is_end, self.is_closed, self.is_open) = (is_end, false, true);
        self.name.clear();
        self.attributes.clear();
        self.key.clear();
        self.value.clear();
    }

    fn end_comment(&mut self) {
        self.end_token();
        // At the end of the text, an open tag or comment ends.
        let is_ended = self.text.as_bytes().get(..self.position).is_some_and(|read| read.ends_with(b">"));
        self.builder.tree.is_cut |= !is_ended;
    }
}

/// Appends as much as is kept.
fn push(kept: &mut Vec<u8>, more: &[u8], most: usize) {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(&more[..more.len().min(room)]);
}

impl Emitter for Tokens<'_, '_, '_> {
    type Token = ();

    fn move_position(&mut self, offset: isize) {
        self.position = self.position.saturating_add_signed(offset);
    }

    fn pop_token(&mut self) -> Option<()> {
        self.builder.has_enough().then_some(())
    }

    fn emit_string(&mut self, words: &[u8]) {
        self.is_open = false;
        if self.words.is_empty() {
            let start = self.position.saturating_sub(words.len());
            let is_written = self.text.as_bytes().get(start..self.position) == Some(words);
            self.words_start = if is_written { start } else { self.done };
        }
        self.words_end = self.position;
        self.words.extend_from_slice(words);
    }

    fn start_open_tag(&mut self) {
        self.begins = self.position.saturating_sub(1);
    }

    fn init_start_tag(&mut self) {
        self.begin_tag(false);
    }

    fn init_end_tag(&mut self) {
        self.begin_tag(true);
    }

    fn push_tag_name(&mut self, name: &[u8]) {
        push(&mut self.name, name, MAX_NAME_BYTES);
    }

    fn init_attribute(&mut self) {
        self.end_attribute();
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        push(&mut self.key, name, MAX_NAME_BYTES);
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        push(&mut self.value, value, MAX_VALUE_BYTES + 4);
    }

    fn set_self_closing(&mut self) {
        self.is_closed = true;
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_attribute();
        self.end_token();
        self.is_open = false;
        let name = String::from_utf8_lossy(&self.name);
        if self.is_end {
            self.builder.end_tag(&name, self.begins..self.position);
            return None;
        }
        let name = name.into_owned();
        self.last_start.clone_from(&self.name);
        let attributes = std::mem::take(&mut self.attributes);
        let place = self.begins..self.position;
        match self.builder.start_tag(name, attributes, place, self.is_closed) {
            Content::Tags => None,
            Content::Title => Some(State::RcData),
            Content::Raw => Some(State::RawText),
            Content::Script => Some(State::ScriptData),
            Content::Rest => Some(State::PlainText),
        }
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.is_end && self.name == self.last_start
    }

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start = name.unwrap_or_default().to_vec();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        let is_text = self.builder.has_cdata();
        if is_text {
            self.characters = Some(self.position);
        }
        is_text
    }

    fn emit_current_comment(&mut self) {
        self.end_comment();
    }

    fn emit_current_doctype(&mut self) {
        self.end_comment();
    }

    fn emit_eof(&mut self) {
        self.end_words(self.text.len());
        let characters = self.characters.and_then(|start| self.text.get(start..));
        let are_open = characters.is_some_and(|characters| !characters.contains("]]>"));
        self.builder.tree.is_cut |= self.is_open || are_open;
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_error(&mut self, _error: Error) {}

    fn init_comment(&mut self) {}

    fn push_comment(&mut self, _text: &[u8]) {}

    fn init_doctype(&mut self) {}

    fn push_doctype_name(&mut self, _name: &[u8]) {}

    fn set_force_quirks(&mut self) {}

    fn set_doctype_public_identifier(&mut self, _value: &[u8]) {}

    fn set_doctype_system_identifier(&mut self, _value: &[u8]) {}

    fn push_doctype_public_identifier(&mut self, _value: &[u8]) {}

    fn push_doctype_system_identifier(&mut self, _value: &[u8]) {}
}
