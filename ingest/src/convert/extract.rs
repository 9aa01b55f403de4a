//! The text of a PDF file with its place on the pages. With [`forms`] the only file that knows `pdf-extract`, which
//! panics on much and never runs outside of a child.

use super::{Line, Page, Told, child::Output, forms};
use crate::bounds::{Allowance, Bounded};
use flate2::read::ZlibDecoder;
use pdf_extract::{
    Dictionary, Document, MediaBox, Object, OutputDev, OutputError, Transform, decode_text_string,
    output_doc, output_doc_page,
};
use std::{
    collections::{BTreeMap, HashSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};
use unicode_normalization::UnicodeNormalization;

/// A file with more pages is refused.
const MAX_PAGES: usize = 5_000;

/// More text is refused.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// All streams that are not pictures unpack to no more.
const MAX_STREAM_BYTES: u64 = 256 << 20;

/// A stream is packed no more often.
const MAX_FILTERS: usize = 3;

/// More properties are not read.
const MAX_PROPERTIES: usize = 200;

/// More entries of the outline are not read.
const MAX_OUTLINE: usize = 5_000;

/// Properties that the program writes about itself.
const OF_PROGRAMS: [&[u8]; 5] = [b"Creator", b"Producer", b"Subject", b"Trapped", b"PTEX.Fullbanner"];

/// A gap of this share of a letter's size is a space.
const SPACE: f64 = 0.17;

/// A gap of this share may part the cells of a row.
const CELL: f64 = 0.6;

/// Widths of letters that differ by less are equal, as shares of the size.
const EQUALLY_WIDE: f64 = 0.004;

/// Says what a file holds; the inner result is why it is not read.
pub(super) fn extract(bytes: &[u8], output: &mut Output) -> io::Result<Result<(), String>> {
    let document = match opened(bytes) {
        Ok(document) => document,
        Err(reason) => return Ok(Err(reason)),
    };
    let num_pages = document.get_pages().len();
    if num_pages > MAX_PAGES {
        return Ok(Err(format!("it has {num_pages} pages; at most {MAX_PAGES} are read: split it")));
    }
    if let Err(reason) = forms::check(&document) {
        return Ok(Err(reason));
    }
    let properties = catch_unwind(AssertUnwindSafe(|| properties_of(&document))).unwrap_or_default();
    output.tell(&Told::Properties(properties))?;
    let mut device = Device { output, page: None, text_bytes: 0, failure: None };
    let mut next = 1;
    let mut is_first_try = true;
    while next <= num_pages as u32 {
        let tried = catch_unwind(AssertUnwindSafe(|| match is_first_try {
            true => output_doc(&document, &mut device),
            false => output_doc_page(&document, &mut device, next),
        }));
        if let Some(failure) = device.failure.take() {
            return failure.map(Err);
        }
        let open = device.page.as_ref().map(|page| page.number);
        // The part of the page that was read is shown.
        let _ = device.end_page();
        if let Some(failure) = device.failure.take() {
            return failure.map(Err);
        }
        match (tried, is_first_try) {
            (Ok(Ok(())), true) => break,
            (Ok(Ok(())), false) => next += 1,
            (Ok(Err(_)) | Err(_), _) => {
                // The page that it failed on; before a page began, the first.
                let failed = open.unwrap_or(next).max(next);
                device.output.tell(&Told::Unread(failed))?;
                next = failed + 1;
            }
        }
        is_first_try = false;
    }
    let outline = catch_unwind(AssertUnwindSafe(|| outline_of(&document))).unwrap_or_default();
    output.tell(&Told::Outline(outline))?;
    Ok(Ok(()))
}

/// The document, without its pictures.
fn opened(bytes: &[u8]) -> Result<Document, String> {
    let damaged = || {
        "damaged, or written as no program should: it cannot be opened as a PDF file; print it to PDF again"
            .to_owned()
    };
    let encrypted = || "protected by a password: save it without one".to_owned();
    let opened = catch_unwind(|| {
        let mut document = Document::load_mem(bytes)?;
        // A file that is encrypted only to forbid printing or changes needs no password.
        if document.is_encrypted() {
            document.decrypt("")?;
        }
        Ok(document)
    });
    let mut document = match opened {
        Ok(Ok(document)) => document,
        Ok(Err(pdf_extract::Error::Decryption(_))) => return Err(encrypted()),
        Ok(Err(_)) | Err(_) if bytes.windows(8).any(|part| part == b"/Encrypt") => return Err(encrypted()),
        Ok(Err(_)) | Err(_) => return Err(damaged()),
    };
    let mut allowance = Allowance::of(bytes.len() as u64, MAX_STREAM_BYTES);
    for object in document.objects.values_mut() {
        let Object::Stream(stream) = object else { continue };
        if is_picture(&stream.dict) {
            // The parser would read it as text.
            stream.dict.remove(b"Filter");
            stream.dict.remove(b"DecodeParms");
            stream.set_content(Vec::new());
        } else {
            let filters = stream.filters().unwrap_or_default();
            if filters.len() > MAX_FILTERS {
                return Err("made to harm: a stream is packed more often than programs do".to_owned());
            }
            let mut unpacked: Box<dyn io::Read + '_> = Box::new(stream.content.as_slice());
            for _ in filters.iter().take_while(|filter| **filter == b"FlateDecode") {
                unpacked = Box::new(ZlibDecoder::new(unpacked));
            }
            // Damaged data is left to the parser to judge.
            if let Err(error) = io::copy(&mut Bounded::new(unpacked, &mut allowance), &mut io::sink())
                && error.kind() == io::ErrorKind::Other
            {
                return Err(error.to_string());
            }
        }
    }
    spell_out_widths(&mut document);
    Ok(document)
}

/// Whether a stream is a picture, by its dictionary.
pub(super) fn is_picture(stream: &Dictionary) -> bool {
    stream.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
}

/// Writes the widths of letters one by one where they are given for a range, which the parser reads as other widths.
fn spell_out_widths(document: &mut Document) {
    /// More are not written.
    const MAX_WIDTHS: usize = 400_000;
    let mut num_widths = 0;
    let mut spelled = Vec::new();
    for (id, object) in &document.objects {
        let Ok(font) = object.as_dict() else { continue };
        let widths = font.get(b"W").and_then(|widths| document.dereference(widths));
        let Ok(widths) = widths.and_then(|(_, widths)| widths.as_array()) else { continue };
        let (mut all, mut rest) = (Vec::new(), widths.as_slice());
        while let [first, second, after @ ..] = rest {
            let list = document.dereference(second).ok().filter(|(_, list)| list.as_array().is_ok());
            if let Some((_, list)) = list {
                all.extend([first.clone(), list.clone()]);
                rest = after;
                continue;
            }
            let (Ok(from), Ok(to), [width, after @ ..]) = (first.as_i64(), second.as_i64(), after) else {
                break;
            };
            let count = usize::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(0).min(1 << 16);
            num_widths += count;
            if num_widths > MAX_WIDTHS {
                return;
            }
            all.extend([first.clone(), Object::Array(vec![width.clone(); count])]);
            rest = after;
        }
        spelled.push((*id, all));
    }
    for (id, all) in spelled {
        if let Ok(font) = document.get_dictionary_mut(id) {
            font.set("W", Object::Array(all));
        }
    }
}

fn properties_of(document: &Document) -> Vec<(String, String)> {
    let info = document.trailer.get(b"Info").and_then(|info| document.dereference(info));
    let Ok(info) = info.and_then(|(_, info)| info.as_dict()) else { return Vec::new() };
    let texts =
        info.iter().filter(|(key, _)| !OF_PROGRAMS.contains(&key.as_slice())).filter_map(|(key, value)| {
            let (_, value) = document.dereference(value).ok()?;
            Some((String::from_utf8_lossy(key).into_owned(), decode_text_string(value).ok()?))
        });
    texts.take(MAX_PROPERTIES).collect()
}

/// The titles of the outline, in its order, each with its level.
fn outline_of(document: &Document) -> Vec<(u8, String)> {
    let mut found = Vec::new();
    let inner = |node: &Dictionary, key: &[u8]| node.get(key).and_then(Object::as_reference).ok();
    let root = document.catalog().and_then(|catalog| document.get_dict_in_dict(catalog, b"Outlines"));
    let Some(first) = root.ok().and_then(|root| inner(root, b"First")) else { return found };
    let mut seen = HashSet::new();
    let mut open = vec![(1u8, first)];
    while let Some((level, id)) = open.pop() {
        if found.len() >= MAX_OUTLINE || !seen.insert(id) {
            continue;
        }
        let Ok(node) = document.get_dictionary(id) else { continue };
        let title = node.get(b"Title").and_then(|title| document.dereference(title));
        if let Some(title) = title.ok().and_then(|(_, title)| decode_text_string(title).ok()) {
            found.push((level, title));
        }
        open.extend(inner(node, b"Next").map(|next| (level, next)));
        open.extend(inner(node, b"First").map(|first| (level.saturating_add(1), first)));
    }
    found
}

/// Takes the letters that the parser finds.
struct Device<'o> {
    output: &'o mut Output,
    page: Option<Draft>,
    text_bytes: usize,
    /// The reason why the reading ends: an error of the output, or the text that says why the file is not read.
    failure: Option<io::Result<String>>,
}

/// A page whose end was not reached yet.
struct Draft {
    number: u32,
    lines: Vec<Line>,
    letters: Vec<Letter>,
    direction: Direction,
}

/// A letter, with its place in its own direction.
struct Letter {
    text: String,
    x: f64,
    y: f64,
    /// To the next letter.
    width: f64,
    size: f64,
}

/// The direction in which lines run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Right,
    Up,
    Left,
    Down,
}

impl Direction {
    /// The direction of a text; `None` for one that runs across the page.
    fn of(trm: &Transform) -> Option<Self> {
        let (along, up) = (trm.m11, trm.m12);
        let is_small = |small: f64, large: f64| small.abs() < 0.05 * large.abs();
        match () {
            () if is_small(up, along) => Some(if along > 0.0 { Self::Right } else { Self::Left }),
            () if is_small(along, up) => Some(if up > 0.0 { Self::Up } else { Self::Down }),
            () => None,
        }
    }

    /// A place as one that text in this direction has: along its lines, and down across them.
    fn turned(self, x: f64, y: f64) -> (f64, f64) {
        match self {
            Self::Right => (x, -y),
            Self::Left => (-x, y),
            Self::Up => (y, x),
            Self::Down => (-y, -x),
        }
    }
}

impl OutputDev for Device<'_> {
    fn begin_page(
        &mut self,
        number: u32,
        _: &MediaBox,
        _: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.page =
            Some(Draft { number, lines: Vec::new(), letters: Vec::new(), direction: Direction::Right });
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        let Some(mut page) = self.page.take() else { return Ok(()) };
        page.end_line();
        self.text_bytes += page.lines.iter().map(|line| line.text.len()).sum::<usize>();
        let told = match self.text_bytes > MAX_TEXT_BYTES {
            true => Ok(format!("it has more than {} MiB of text; split it", MAX_TEXT_BYTES >> 20)),
            false => match self.output.tell(&Told::Page(Page { number: page.number, lines: page.lines })) {
                Ok(()) => return Ok(()),
                Err(error) => Err(error),
            },
        };
        self.failure = Some(told);
        Err(OutputError::FormatError(std::fmt::Error))
    }

    fn output_character(
        &mut self,
        trm: &Transform,
        width: f64,
        spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        let Some(page) = &mut self.page else { return Ok(()) };
        let Some(direction) = Direction::of(trm) else { return Ok(()) };
        let length = |x: f64, y: f64| x.hypot(y);
        let size = length(trm.m21, trm.m22) * font_size.abs();
        let along = length(trm.m11, trm.m12);
        let (x, y) = direction.turned(trm.m31, trm.m32);
        if ![x, y, size, along, width].iter().all(|number| number.is_finite())
            || size <= 0.0
            || text.is_empty()
        {
            return Ok(());
        }
        let letter =
            Letter { text: text.to_owned(), x, y, width: along * (width * font_size.abs() + spacing), size };
        if page.direction != direction || page.letters.last().is_some_and(|last| last.breaks_before(&letter))
        {
            page.end_line();
        }
        page.direction = direction;
        page.letters.push(letter);
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

impl Letter {
    /// Whether a letter stands on another line, or before this one.
    fn breaks_before(&self, next: &Self) -> bool {
        let size = self.size.max(next.size);
        (next.y - self.y).abs() > 0.5 * size || next.x < self.x - size
    }
}

impl Draft {
    /// Makes a line of the letters that are there.
    fn end_line(&mut self) {
        let letters = std::mem::take(&mut self.letters);
        let is_word = |letter: &&Letter| !letter.text.trim().is_empty();
        let (Some(first), Some(last)) = (letters.iter().find(is_word), letters.iter().rev().find(is_word))
        else {
            return;
        };
        let mut sizes: BTreeMap<i64, usize> = BTreeMap::new();
        for letter in letters.iter().filter(is_word) {
            *sizes.entry((letter.size * 2.0).round() as i64).or_default() += 1;
        }
        let most = sizes.iter().max_by_key(|(_, count)| **count).map_or(0, |(size, _)| *size);
        let size = most as f64 / 2.0;
        let width = equal_width(&letters);
        let line = Line {
            x: first.x as f32,
            end: (last.x + last.width) as f32,
            y: first.y as f32,
            size: size as f32,
            letter: width.map(|(width, _)| width as f32),
            is_code: width.is_some_and(|(_, is_sure)| is_sure),
            text: text_of(&letters, width.filter(|(_, is_sure)| *is_sure).map(|(width, _)| width)),
        };
        // Letters that are made bold by writing them twice.
        let is_twice = self.lines.last().is_some_and(|before| {
            before.text == line.text && (before.y - line.y).abs() < 1.0 && (before.x - line.x).abs() < 2.0
        });
        if !is_twice {
            self.lines.push(line);
        }
    }
}

/// The width that all letters of a line have, and whether that is sure to be its font's doing: digits are equally wide
/// in most.
fn equal_width(letters: &[Letter]) -> Option<(f64, bool)> {
    /// So many different letters tell.
    const TELLING: usize = 3;
    let mut seen: HashSet<&str> = HashSet::new();
    let mut found: Option<f64> = None;
    for letter in letters.iter().filter(|letter| !letter.text.trim().is_empty()) {
        let width = letter.width / letter.size;
        match found {
            None => found = Some(width),
            Some(first) if (first - width).abs() <= EQUALLY_WIDE => {}
            Some(_) => return None,
        }
        if !letter.text.is_ascii() {
            return None;
        }
        if letter.text.chars().all(|c| c.is_ascii_alphabetic()) {
            seen.insert(&letter.text);
        }
    }
    let width = found.filter(|width| (0.4..0.75).contains(width))?;
    Some((width * letters.first()?.size, seen.len() >= TELLING))
}

/// Whether a character is one only in its font, and none that lists are marked with.
fn is_unknown(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
        && !matches!(character, '\u{f0b7}' | '\u{f0a7}')
}

/// The words of a line; with a width of letters, with as many spaces as there is room for.
fn text_of(letters: &[Letter], width: Option<f64>) -> String {
    /// No line of code has more spaces in a row that mean anything.
    const MAX_SPACES: f64 = 120.0;
    let mut text = String::new();
    let mut end: Option<f64> = None;
    for letter in letters {
        let is_space = letter.text.chars().all(char::is_whitespace);
        let gap = end.map_or(0.0, |end| letter.x - end);
        match width {
            // Spaces are counted by the room that they take.
            Some(_) if is_space => continue,
            Some(width) => {
                let spaces = (gap / width).round().clamp(0.0, MAX_SPACES);
                text.extend(std::iter::repeat_n(' ', spaces as usize));
            }
            None if gap > CELL * letter.size && !is_space => {
                let kept = text.trim_end().len();
                text.truncate(kept);
                text.push('\t');
            }
            None if gap > SPACE * letter.size && !is_space && !text.ends_with(' ') => text.push(' '),
            None => {}
        }
        match (is_space, letter.text.chars().next()) {
            (true, _) if text.ends_with([' ', '\t']) || text.is_empty() => {}
            (true, _) => text.push(' '),
            // Letters that are joined are those letters.
            (_, Some('\u{fb00}'..='\u{fb06}')) => text.extend(letter.text.nfkc()),
            _ => text.extend(letter.text.chars().filter(|c| !c.is_control() && !is_unknown(*c))),
        }
        // Spaces that the file itself has are not a gap, however wide they are.
        end = Some(letter.x + letter.width);
    }
    let kept = text.trim_end().len();
    text.truncate(kept);
    text
}
