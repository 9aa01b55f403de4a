//! Records of JSON in a file: an export, or what a live system said, put aside so that memory does not grow with it. A
//! scan finds where each record stands; one is read at a time.

use serde_json::Value;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Longer records are refused.
const MAX_RECORD_BYTES: u64 = 16 << 20;

/// More records of one file are not read.
const MAX_RECORDS: usize = 2_000_000;

/// The names that systems give to their lists of issues.
const LISTS: [&[u8]; 2] = [b"issues", b"values"];

/// Longer names of fields are not looked at.
const MAX_NAME_BYTES: usize = 16;

/// A file of records.
pub(in crate::sources) struct Records {
    file: Mutex<File>,
}

/// The result of a scan.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sources) struct Found {
    /// The ranges of the records.
    pub(in crate::sources) records: Vec<Range<u64>>,
    /// The broken places, each by its first byte and with its fault.
    pub(in crate::sources) broken: Vec<(u64, &'static str)>,
}

impl Records {
    /// The records of a file.
    pub(in crate::sources) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(kb::files::open(path)?) })
    }

    /// A file without a name, which goes with this.
    pub(in crate::sources) fn temporary() -> io::Result<Self> {
        Ok(Self { file: Mutex::new(tempfile::tempfile()?) })
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a record; says where it stands.
    pub(in crate::sources) fn push(&self, record: &Value) -> io::Result<Range<u64>> {
        let bytes = serde_json::to_vec(record)?;
        let mut file = self.file();
        let start = file.seek(SeekFrom::End(0))?;
        file.write_all(&bytes)?;
        Ok(start..start + bytes.len() as u64)
    }

    /// The bytes of a record.
    pub(in crate::sources) fn bytes(&self, range: &Range<u64>) -> Result<Vec<u8>, String> {
        let length = range.end.saturating_sub(range.start);
        if length > MAX_RECORD_BYTES {
            return Err(format!("{length} bytes; at most {MAX_RECORD_BYTES} of one issue are read"));
        }
        let mut file = self.file();
        let mut bytes = vec![0; length as usize];
        let read = file.seek(SeekFrom::Start(range.start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|error| format!("cannot be read: {error}"))?;
        Ok(bytes)
    }

    /// Reads the record at this range of bytes as JSON.
    pub(in crate::sources) fn read(&self, range: &Range<u64>) -> Result<Value, String> {
        net::from_slice(&self.bytes(range)?).map_err(|error| format!("not valid JSON: {error}"))
    }

    /// Finds the records: the objects of a list, those of a list called `issues` in an object, or objects one after the
    /// other, such as one a line. The records' contents are not checked.
    pub(in crate::sources) fn scan(&self) -> io::Result<Found> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(256 << 10, &*file);
        let mut scan = Scan::default();
        loop {
            let buffer = reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let length = buffer.len();
            for byte in buffer {
                scan.take(*byte);
            }
            reader.consume(length);
            if scan.found.records.len() > MAX_RECORDS {
                scan.found.broken.push((scan.at, "more records are not read"));
                return Ok(scan.found);
            }
        }
        Ok(scan.finish())
    }
}

/// The range of the first record in the beginning of a file.
pub(in crate::sources) fn first(head: &[u8]) -> Option<Range<usize>> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begins = text.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if !matches!(begins, b'{' | b'[') {
        return None;
    }
    let mut scan = Scan::default();
    head.iter().find(|byte| {
        scan.take(**byte);
        !scan.found.records.is_empty()
    })?;
    let first = scan.found.records.first()?;
    Some(usize::try_from(first.start).ok()?..usize::try_from(first.end).ok()?)
}

/// The state of one pass over a file's bytes.
#[derive(Default)]
struct Scan {
    found: Found,
    at: u64,
    /// Braces and brackets that are open.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// The text of the last string at the top of an object, as far as it may be a list's name.
    name: Vec<u8>,
    /// At which depth the records stand, within a list.
    list_depth: Option<usize>,
    /// Whether the outermost value had a list.
    had_list: bool,
    /// The start of the outermost value.
    outer: u64,
    /// The start of a record of a list.
    record: Option<u64>,
    /// The last byte outside strings that is not white space.
    before: u8,
    is_line_start: bool,
}

impl Scan {
    fn take(&mut self, byte: u8) {
        let at = self.at;
        self.at += 1;
        if self.in_string {
            return self.in_string(byte, at);
        }
        match byte {
            b'\n' => {
                self.is_line_start = true;
                return;
            }
            b' ' | b'\t' | b'\r' => return,
            b'"' => {
                self.in_string = true;
                self.name.clear();
            }
            b'{' | b'[' => {
                let is_new =
                    byte == b'{' && self.is_line_start && !matches!(self.before, b':' | b',' | b'[' | b'{');
                if is_new && self.depth > 0 && self.list_depth.is_none() {
                    self.abandon("not valid JSON: it ends early");
                }
                self.open(byte, at);
            }
            b'}' | b']' => self.close(at),
            _ => {}
        }
        self.is_line_start = false;
        self.before = byte;
    }

    fn in_string(&mut self, byte: u8, at: u64) {
        match byte {
            // No string has a line break in it.
            b'\n' => {
                self.in_string = false;
                self.is_line_start = true;
                match self.list_depth {
                    None => self.abandon("not valid JSON: a text does not end"),
                    Some(_) => self.found.broken.push((at, "not valid JSON: a text does not end")),
                }
            }
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => {
                self.in_string = false;
                self.before = byte;
            }
            _ if self.depth == 1 && self.name.len() < MAX_NAME_BYTES => self.name.push(byte),
            _ => {}
        }
    }

    fn open(&mut self, byte: u8, at: u64) {
        if self.depth == 0 {
            (self.outer, self.had_list) = (at, false);
        }
        let begins_list = byte == b'['
            && (self.depth == 0
                || (self.depth == 1 && self.before == b':' && LISTS.contains(&self.name.as_slice())));
        if self.list_depth == Some(self.depth) && byte == b'{' {
            self.record = Some(at);
        }
        self.depth += 1;
        if begins_list && self.list_depth.is_none() {
            (self.list_depth, self.had_list) = (Some(self.depth), true);
        }
    }

    fn close(&mut self, at: u64) {
        if self.depth == 0 {
            self.found.broken.push((at, "not valid JSON: it ends twice"));
            return;
        }
        if self.list_depth == Some(self.depth) {
            self.list_depth = None;
        }
        self.depth -= 1;
        if self.list_depth == Some(self.depth) {
            if let Some(start) = self.record.take() {
                self.found.records.push(start..at + 1);
            }
        } else if self.depth == 0 && !self.had_list {
            self.found.records.push(self.outer..at + 1);
        }
    }

    /// Gives the outermost value up.
    fn abandon(&mut self, reason: &'static str) {
        self.found.broken.push((self.outer, reason));
        (self.depth, self.list_depth, self.record) = (0, None, None);
    }

    fn finish(mut self) -> Found {
        if self.depth > 0 || self.in_string {
            self.found
                .broken
                .push((self.record.unwrap_or(self.outer), "not valid JSON: the file ends early"));
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(text: &str) -> (Vec<&str>, Vec<(u64, &'static str)>) {
        let records = Records::temporary().expect("a temporary file");
        records.file().write_all(text.as_bytes()).expect("it can be written");
        let found = records.scan().expect("it can be read");
        let cut = |range: &Range<u64>| &text[range.start as usize..range.end as usize];
        (found.records.iter().map(cut).collect(), found.broken)
    }

    #[test]
    fn records_are_found_in_every_shape() {
        for (text, expected) in [
            (r#"[{"a":"}"},{"b":[{}]}]"#, vec![r#"{"a":"}"}"#, r#"{"b":[{}]}"#]),
            (
                r#"{"total":2,"issues":[{"a":{"issues":[{}]}},{"b":2}],"x":[{}]}"#,
                vec![r#"{"a":{"issues":[{}]}}"#, r#"{"b":2}"#],
            ),
            (
                "{\"key\":\"A\",\"x\":[{}]}\n{\"key\":\"B\\\"{\"}\r\n",
                vec![r#"{"key":"A","x":[{}]}"#, r#"{"key":"B\"{"}"#],
            ),
            ("{\"issues\":[{\"a\":1}]}\n{\"issues\":[\n{\"a\":2}]}", vec![r#"{"a":1}"#, r#"{"a":2}"#]),
            (r#"{"issues":[]}"#, vec![]),
            ("[]", vec![]),
            (r#"{"x":"issues","y":[{}]}"#, vec![r#"{"x":"issues","y":[{}]}"#]),
            (" \n", vec![]),
        ] {
            assert_eq!(scan(text), (expected, Vec::new()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_file_is_scanned(units in proptest::collection::vec(proptest::sample::select(UNITS), 0..40)) {
            let text = units.concat();
            let (records, broken) = scan(&text);
            prop_assert!(records.iter().all(|record| record.starts_with('{') && record.ends_with(['}', ']'])), "{text:?}");
            if let Ok(serde_json::Value::Array(list)) = serde_json::from_str(&text) {
                let objects = list.iter().filter(|value| value.is_object()).count();
                prop_assert_eq!((records.len(), broken.len()), (objects, 0), "{:?}", text);
            }
        }
    }

    /// The pieces that random texts are put together from: signs of JSON, and others.
    const UNITS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        ":",
        ",",
        "\n",
        " ",
        "issues",
        "\"issues\":",
        "\"a\":1",
        "{}",
        "[{\"a\":1}]",
        "1",
        "ế",
    ];

    #[test]
    fn what_is_broken_loses_nothing_else() {
        for (text, records, broken) in [
            ("{\"a\":\"x\n{\"b\":1}\n", vec![r#"{"b":1}"#], 0),
            ("{\"a\":[1\n{\"b\":1}\n", vec![r#"{"b":1}"#], 0),
            ("{\"b\":1}\n{\"a\":", vec![r#"{"b":1}"#], 8),
            (r#"{"issues":[{"a":1},{"b":"#, vec![r#"{"a":1}"#], 19),
            ("{\"a\":1}}", vec![r#"{"a":1}"#], 7),
        ] {
            let (found, told) = scan(text);
            assert_eq!((found, told.first().map(|(at, _)| *at)), (records, Some(broken)), "{text}");
        }
    }
}
