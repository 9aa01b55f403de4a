//! Reads the text of a document, in one pass and without recursion: paragraphs with their words, and tables.
//!
//! Deleted and hidden words, comments and the alternatives for older programs are left out; inserted words stay. The
//! paragraphs of a text box follow the one that it is anchored to.

use super::{
    numbering::{LEVELS, Level, Marks, Numbering},
    package::{Relationship, Xml, attribute, name_of},
    styles::{Properties, Styles},
};
use quick_xml::{
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};
use std::{collections::HashMap, ops::Range};

/// A longer text is refused.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// More blocks are refused.
const MAX_BLOCKS: usize = 200_000;

/// More pieces of text that differ in their form are refused.
const MAX_PIECES: usize = 500_000;

/// Fields and links in each other beyond this are read as words.
const MAX_FIELDS: usize = 32;

/// A longer instruction of a field is cut.
const MAX_INSTRUCTION_BYTES: usize = 4 << 10;

/// Elements whose content is not part of the text: deleted or moved text, the state before a change, notes of programs.
const LEFT_OUT: [&str; 22] = [
    "Fallback",
    "annotationRef",
    "comment",
    "del",
    "delInstrText",
    "delText",
    "endnoteRef",
    "fldData",
    "footnoteRef",
    "moveFrom",
    "numberingChange",
    "pPrChange",
    "rPrChange",
    "rt",
    "sdtEndPr",
    "sdtPr",
    "sectPr",
    "sectPrChange",
    "tblGridChange",
    "tblPrChange",
    "tcPrChange",
    "trPrChange",
];

/// A part of the text.
#[derive(Debug)]
pub(super) enum Block {
    /// A paragraph that is in no way empty.
    Paragraph(Paragraph),
    OpenTable,
    OpenRow,
    OpenCell {
        /// Columns that it spans.
        columns: usize,
        /// Whether it goes on with the cell above it.
        is_continued: bool,
    },
    CloseTable,
}

/// A paragraph with its style, its words and its place in lists.
#[derive(Debug, Default)]
pub(super) struct Paragraph {
    /// Whether it is the document's title.
    pub(super) is_title: bool,
    /// The level of a heading.
    pub(super) heading: Option<u8>,
    /// The list that it is an item of, with the item's level.
    pub(super) list: Option<(String, usize)>,
    /// How far it is set in, in twentieths of a point.
    pub(super) left: i64,
    /// Whether its style is one for code.
    pub(super) is_code: bool,
    /// Whether blank lines stand before it.
    pub(super) follows_blank: bool,
    pub(super) pieces: Vec<Piece>,
    /// The paragraph's range in the text.
    pub(super) range: Range<usize>,
}

/// Words of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// The words' range in the text.
    pub(super) range: Range<usize>,
    pub(super) is_bold: bool,
    pub(super) is_code: bool,
    /// The number of an address in [`Body::links`].
    pub(super) link: Option<usize>,
}

/// A text that was read.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// All words, a line for each paragraph.
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
    /// Addresses that words lead to.
    pub(super) links: Vec<String>,
    /// Notes by identifier, where the text is one of notes.
    pub(super) notes: Vec<(String, String)>,
}

/// The other parts of the package that a text is read with.
pub(super) struct Context<'c> {
    pub(super) styles: &'c Styles,
    pub(super) numbering: &'c Numbering,
    pub(super) relationships: &'c HashMap<String, Relationship>,
    /// Texts of notes by sort and identifier; a note stands where it is referred to first.
    pub(super) notes: HashMap<(&'static str, String), String>,
}

/// Reads a text to its end.
pub(super) fn read(mut xml: Xml<'_>, context: &mut Context<'_>) -> Result<Body, String> {
    let mut reader = Reader::new(context);
    loop {
        // The event borrows from what is read.
        let depth_before = xml.depth();
        match xml.next()? {
            Event::Eof => break,
            Event::Start(element) if reader.skips_from.is_none() => reader.open(&element, depth_before)?,
            Event::Empty(element) if reader.skips_from.is_none() => {
                reader.open(&element, depth_before)?;
                if reader.skips_from.take().is_none() {
                    reader.close(name_of(&element))?;
                }
            }
            Event::End(element) => match reader.skips_from {
                Some(depth) if depth_before > depth + 1 => {}
                Some(_) => reader.skips_from = None,
                None => reader.close(element.local_name().into_inner())?,
            },
            Event::Text(text) => reader.take(&text)?,
            Event::CData(text) => reader.take(&text)?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten();
                match (character, resolve_predefined_entity(&reference)) {
                    (Some(character), _) => reader.take(character.encode_utf8(&mut [0; 4]))?,
                    (None, Some(text)) => reader.take(text)?,
                    // No other is defined.
                    (None, None) => {}
                }
            }
            _ => {}
        }
    }
    Ok(reader.body)
}

/// A field whose end was not read yet.
#[derive(Debug, Default)]
struct Field {
    instruction: String,
    /// Whether what follows is what it shows.
    is_result: bool,
    link: Option<usize>,
}

/// A paragraph whose end was not read yet.
#[derive(Default)]
struct Draft {
    start: usize,
    style: Option<String>,
    own: Properties,
    pieces: Vec<Piece>,
    words: Words,
    /// Blocks inside the paragraph, which follow it: text boxes.
    inner: Vec<Block>,
    /// Whether it is the first letter of the next paragraph.
    is_drop_cap: bool,
}

/// The properties of the words that follow.
#[derive(Default)]
struct Words {
    style: Option<String>,
    own: Properties,
    /// Worked out when there are words.
    resolved: Option<Form>,
}

/// The form of words.
#[derive(Clone, Copy)]
struct Form {
    is_bold: bool,
    is_code: bool,
    is_hidden: bool,
}

/// The owner of the properties that are being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nothing,
    Paragraph,
    Words,
}

/// A text that is being read.
struct Reader<'r, 'c> {
    context: &'r mut Context<'c>,
    body: Body,
    /// Open paragraphs, the innermost last.
    drafts: Vec<Draft>,
    fields: Vec<Field>,
    /// Open fields that are too deep to be read.
    hidden_fields: usize,
    /// Open links, those without an address as well.
    anchors: Vec<Option<usize>>,
    numbers_of_links: HashMap<String, usize>,
    /// The depth of an element whose content is left out.
    skips_from: Option<usize>,
    is_text: bool,
    is_instruction: bool,
    owner: Owner,
    num_blocks: usize,
    num_pieces: usize,
    follows_blank: bool,
    /// The first letter of the next paragraph, with where it begins.
    drop_cap: Option<(usize, Vec<Piece>)>,
    /// The identifier of the note that is being read, and its start.
    note: Option<(String, usize)>,
}

impl<'r, 'c> Reader<'r, 'c> {
    fn new(context: &'r mut Context<'c>) -> Self {
        Self {
            context,
            body: Body::default(),
            drafts: Vec::new(),
            fields: Vec::new(),
            hidden_fields: 0,
            anchors: Vec::new(),
            numbers_of_links: HashMap::new(),
            skips_from: None,
            is_text: false,
            is_instruction: false,
            owner: Owner::Nothing,
            num_blocks: 0,
            num_pieces: 0,
            follows_blank: false,
            drop_cap: None,
            note: None,
        }
    }

    fn open(&mut self, element: &BytesStart<'_>, depth: usize) -> Result<(), String> {
        let name = name_of(element);
        if LEFT_OUT.binary_search(&name).is_ok() {
            self.skips_from = Some(depth);
            return Ok(());
        }
        match (name, self.owner) {
            ("p", _) => {
                if !self.body.text.is_empty() && !self.body.text.ends_with('\n') {
                    self.body.text.push('\n');
                }
                self.owner = Owner::Nothing;
                self.drafts.push(Draft { start: self.body.text.len(), ..Draft::default() });
            }
            ("pPr", _) => self.owner = Owner::Paragraph,
            // The properties of the paragraph mark itself.
            ("rPr", Owner::Paragraph) => self.skips_from = Some(depth),
            ("rPr", _) => self.owner = Owner::Words,
            (name, Owner::Paragraph) => {
                if let Some(draft) = self.drafts.last_mut() {
                    match name {
                        "pStyle" => draft.style = attribute(element, "val"),
                        "framePr" => draft.is_drop_cap = attribute(element, "dropCap").is_some(),
                        _ => draft.own.take_of_paragraph(element),
                    }
                }
            }
            (name, Owner::Words) => {
                if let Some(draft) = self.drafts.last_mut() {
                    match name {
                        "rStyle" => draft.words.style = attribute(element, "val"),
                        _ => draft.words.own.take_of_words(element),
                    }
                }
            }
            (name, Owner::Nothing) => self.open_content(name, element)?,
        }
        Ok(())
    }

    fn open_content(&mut self, name: &str, element: &BytesStart<'_>) -> Result<(), String> {
        match name {
            "r" => {
                if let Some(draft) = self.drafts.last_mut() {
                    draft.words = Words::default();
                }
            }
            "t" => self.is_text = true,
            "instrText" => self.is_instruction = true,
            "tab" | "ptab" => self.push_words("\t")?,
            "cr" => self.push_words("\n")?,
            "br" => {
                let sort = attribute(element, "type");
                if !matches!(sort.as_deref(), Some("page" | "column")) {
                    self.push_words("\n")?;
                }
            }
            "noBreakHyphen" => self.push_words("-")?,
            "sym" => {
                let code = attribute(element, "char").and_then(|code| u32::from_str_radix(&code, 16).ok());
                // The sign of a font at a code without a character is unknown without that font.
                let is_private = |code: &u32| (0xe000..=0xf8ff).contains(code);
                if let Some(character) = code.filter(|code| !is_private(code)).and_then(char::from_u32) {
                    self.push_words(character.encode_utf8(&mut [0; 4]))?;
                }
            }
            "hyperlink" => {
                let address = attribute(element, "id").and_then(|id| {
                    let found = self.context.relationships.get(&id)?;
                    (found.sort == "hyperlink").then(|| found.target.clone())
                });
                let number = address.and_then(|address| self.number_of_link(address));
                self.anchors.push(number);
            }
            "fldSimple" => {
                let address = attribute(element, "instr").and_then(|instruction| address_in(&instruction));
                let number = address.and_then(|address| self.number_of_link(address));
                self.anchors.push(number);
            }
            "fldChar" => self.turn_field(attribute(element, "fldCharType").as_deref()),
            "footnoteReference" | "endnoteReference" => {
                let sort = if name.starts_with('f') { "footnote" } else { "endnote" };
                let key = attribute(element, "id").map(|id| (sort, id));
                if let Some(note) = key.and_then(|key| self.context.notes.remove(&key)) {
                    self.push_words(&format!(" ({note})"))?;
                }
            }
            "footnote" | "endnote" => {
                self.note = attribute(element, "id").map(|id| (id, self.body.text.len()));
            }
            "tbl" => self.push(Block::OpenTable)?,
            "tr" => self.push(Block::OpenRow)?,
            "tc" => self.push(Block::OpenCell { columns: 1, is_continued: false })?,
            "gridSpan" | "vMerge" => {
                let sink = self.drafts.last_mut().map_or(&mut self.body.blocks, |draft| &mut draft.inner);
                if let Some(Block::OpenCell { columns, is_continued }) = sink.last_mut() {
                    let value = attribute(element, "val");
                    match name {
                        "gridSpan" => *columns = value.and_then(|value| value.parse().ok()).unwrap_or(1),
                        _ => *is_continued = value.as_deref() != Some("restart"),
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), String> {
        match name {
            "p" => self.close_paragraph()?,
            "pPr" | "rPr" => self.owner = Owner::Nothing,
            "t" => self.is_text = false,
            "instrText" => self.is_instruction = false,
            "hyperlink" | "fldSimple" => drop(self.anchors.pop()),
            "tbl" => self.push(Block::CloseTable)?,
            "footnote" | "endnote" => {
                if let Some((id, start)) = self.note.take() {
                    let words = self.body.text[start..].split_whitespace().collect::<Vec<_>>().join(" ");
                    self.body.notes.push((id, words));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, text: &str) -> Result<(), String> {
        if self.is_instruction {
            let field = self.fields.last_mut().filter(|field| !field.is_result);
            if let Some(field) = field.filter(|field| field.instruction.len() < MAX_INSTRUCTION_BYTES) {
                field.instruction.push_str(text);
            }
        }
        match self.is_text {
            true => self.push_words(text),
            false => Ok(()),
        }
    }

    /// Appends words to the innermost paragraph, unless they are hidden.
    fn push_words(&mut self, words: &str) -> Result<(), String> {
        let is_shown = self.fields.iter().all(|field| field.is_result);
        let Some(draft) = self.drafts.last_mut().filter(|_| is_shown && !words.is_empty()) else {
            return Ok(());
        };
        let styles = self.context.styles;
        let form = *draft.words.resolved.get_or_insert_with(|| {
            let of_style = |id: &String| styles.get(id).properties;
            let own = &draft.words.own;
            let words = draft.words.style.as_ref().map_or_else(|| own.clone(), |id| own.or(&of_style(id)));
            let is_hidden = words.is_hidden.or_else(|| {
                let of_paragraph = draft.style.as_ref().map(of_style);
                of_paragraph.unwrap_or_else(|| styles.of_paragraphs.properties.clone()).is_hidden
            });
            Form {
                is_bold: words.is_bold == Some(true),
                is_code: words.is_code == Some(true),
                is_hidden: is_hidden == Some(true),
            }
        });
        if form.is_hidden {
            return Ok(());
        }
        let of_field = || self.fields.iter().rev().find_map(|field| field.link);
        let link = self.anchors.iter().rev().find_map(|link| *link).or_else(of_field);
        let start = self.body.text.len();
        if start + words.len() > MAX_TEXT_BYTES {
            return Err(format!("its text is longer than {} MiB; split the file", MAX_TEXT_BYTES >> 20));
        }
        self.body.text.push_str(words);
        let end = self.body.text.len();
        let Form { is_bold, is_code, .. } = form;
        match draft.pieces.last_mut() {
            Some(last)
                if last.range.end == start
                    && (last.is_bold, last.is_code, last.link) == (is_bold, is_code, link) =>
            {
                last.range.end = end;
            }
            _ => {
                self.num_pieces += 1;
                if self.num_pieces > MAX_PIECES {
                    return Err("its text changes its form too often to be read; split the file".to_owned());
                }
                draft.pieces.push(Piece { range: start..end, is_bold, is_code, link });
            }
        }
        Ok(())
    }

    fn close_paragraph(&mut self) -> Result<(), String> {
        let Some(draft) = self.drafts.pop() else { return Ok(()) };
        let end = self.body.text.len();
        self.body.text.push('\n');
        // An instruction does not reach over paragraphs; one without an end would hide the rest of the text.
        self.fields.retain(|field| field.is_result);
        let styles = self.context.styles;
        let style = draft.style.as_ref().map_or_else(|| styles.of_paragraphs.clone(), |id| styles.get(id));
        let has_words = |piece: &Piece| !self.body.text[piece.range.clone()].trim().is_empty();
        if !draft.pieces.iter().any(has_words) {
            self.follows_blank = true;
        } else if draft.is_drop_cap && self.drop_cap.is_none() {
            self.drop_cap = Some((draft.start, draft.pieces));
        } else if !style.is_contents() {
            let is_code = style.properties.is_code == Some(true)
                || draft.pieces.iter().all(|piece| piece.is_code || !has_words(piece));
            let properties = draft.own.or(&style.properties);
            let is_title = style.is_title();
            let heading = properties.outline.filter(|level| *level > 0 && !is_title);
            let level = self.level_of(&properties).filter(|_| heading.is_none() && !is_title);
            let left = draft.own.left.or(level.as_ref().and_then(|(_, _, level)| level.left));
            let left = left.or(properties.left).unwrap_or(0);
            // A paragraph of a list without a mark goes on with the item before it.
            let list = level.filter(|(_, _, level)| level.marks != Marks::Nothing);
            let list = list.map(|(list, number, _)| (list, number));
            let (start, mut pieces) = self.drop_cap.take().unwrap_or((draft.start, Vec::new()));
            pieces.extend(draft.pieces);
            let paragraph = Paragraph {
                is_title,
                heading,
                list,
                left,
                is_code: is_code && heading.is_none() && !is_title,
                follows_blank: std::mem::take(&mut self.follows_blank),
                pieces,
                range: start..end,
            };
            self.push(Block::Paragraph(paragraph))?;
        }
        let sink = self.drafts.last_mut().map_or(&mut self.body.blocks, |outer| &mut outer.inner);
        sink.extend(draft.inner);
        Ok(())
    }

    /// The list of which a paragraph is a part, with its level.
    fn level_of(&self, properties: &Properties) -> Option<(String, usize, Level)> {
        let list = properties.list.as_ref()?;
        let number = usize::from(properties.list_level.unwrap_or(0)).min(LEVELS - 1);
        let level = self.context.numbering.level(list, number)?;
        Some((list.clone(), number, level))
    }

    fn push(&mut self, block: Block) -> Result<(), String> {
        self.num_blocks += 1;
        if self.num_blocks > MAX_BLOCKS {
            return Err(format!("more than {MAX_BLOCKS} paragraphs and cells; split the file"));
        }
        self.drafts.last_mut().map_or(&mut self.body.blocks, |draft| &mut draft.inner).push(block);
        Ok(())
    }

    fn turn_field(&mut self, sort: Option<&str>) {
        match sort {
            Some("begin") if self.fields.len() < MAX_FIELDS => self.fields.push(Field::default()),
            Some("begin") => self.hidden_fields += 1,
            Some("separate") if self.hidden_fields == 0 => {
                let address = self.fields.last().and_then(|field| address_in(&field.instruction));
                let link = address.and_then(|address| self.number_of_link(address));
                if let Some(field) = self.fields.last_mut() {
                    (field.is_result, field.link) = (true, link);
                }
            }
            Some("end") if self.hidden_fields > 0 => self.hidden_fields -= 1,
            Some("end") => drop(self.fields.pop()),
            _ => {}
        }
    }

    fn number_of_link(&mut self, address: String) -> Option<usize> {
        if address.is_empty() || address.len() > MAX_INSTRUCTION_BYTES {
            return None;
        }
        if let Some(number) = self.numbers_of_links.get(&address) {
            return Some(*number);
        }
        let number = self.body.links.len();
        self.body.links.push(address.clone());
        self.numbers_of_links.insert(address, number);
        Some(number)
    }
}

/// The address that a field leads to.
fn address_in(instruction: &str) -> Option<String> {
    let words = instruction.trim();
    let rest = words
        .get(..9)
        .filter(|word| word.eq_ignore_ascii_case("HYPERLINK"))
        .map(|_| words[9..].trim_start())?;
    let address = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!address.is_empty() && !address.starts_with('\\')).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(LEFT_OUT.is_sorted(), "they are searched");
    }

    #[test]
    fn fields_lead_to_addresses() {
        for (instruction, address) in [
            (r#" HYPERLINK "https://e.com/a b" \o "x" "#, Some("https://e.com/a b")),
            ("hyperlink https://e.com", Some("https://e.com")),
            (r#"HYPERLINK \l "part""#, None),
            ("PAGE", None),
            ("HYPERLINÉ x", None),
        ] {
            assert_eq!(address_in(instruction).as_deref(), address, "{instruction}");
        }
    }
}
