//! Checksums of every file that a commit needs: the commit records them, and some files also end with one of their own.
//!
//! - [`Sums`] is in the commit file and names each file of the generation with its length and its BLAKE3 hash.
//! - [`RowSum`] is in `vectors.sums`, one for each row of the vector files, which are appended to: the two CRC-32 of the row.
//!   That file is named in [`Sums`] with the rows that the commit counts.
//! - [`seal`] ends a JSON object with a checksum of everything before: the commit file and the calibration.
//!
//! Hashes show damage, not forgery: a person who may write the files may write their checksums.

use super::layout::{io_error, read_exact_at};
use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind},
    path::Path,
};

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 18;

/// The member that [`seal`] adds, up to its value.
const SEAL: &str = "\"checksum\":\"";
/// The text after the value of that member.
const SEAL_END: &str = "\"}\n";
/// Hexadecimal digits of a BLAKE3 hash.
const HASH_DIGITS: usize = 64;

/// Length and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileSum {
    pub bytes: u64,
    pub blake3: String,
}

/// The files of a commit, by their path below the generation's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub files: BTreeMap<String, FileSum>,
}

/// Checksums of a row: of its floats, and of its bytes with their scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowSum {
    pub full: u32,
    pub quantised: u32,
}

/// Bytes of a [`RowSum`] on disk.
pub(super) const ROW_SUM_BYTES: usize = 2 * size_of::<u32>();

impl RowSum {
    pub fn to_bytes(self) -> [u8; ROW_SUM_BYTES] {
        let mut bytes = [0; ROW_SUM_BYTES];
        bytes[..4].copy_from_slice(&self.full.to_le_bytes());
        bytes[4..].copy_from_slice(&self.quantised.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ROW_SUM_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h] = *bytes;
        Self { full: u32::from_le_bytes([a, b, c, d]), quantised: u32::from_le_bytes([e, f, g, h]) }
    }

    /// The sums in the bytes of `vectors.sums`.
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks::<ROW_SUM_BYTES>().0.iter().map(Self::from_bytes).collect()
    }
}

/// Makes a sum while a file is written or read.
#[derive(Debug, Clone, Default)]
pub(super) struct Summing {
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Summing {
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub fn sum(&self) -> FileSum {
        FileSum { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

impl FileSum {
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }

    /// An error that names the file when this is not its sum.
    pub fn check(&self, path: &Path, found: &FileSum) -> Result<(), StoreError> {
        if self.bytes != found.bytes {
            return Err(wrong_length(path, found.bytes, self.bytes));
        }
        match self.blake3 == found.blake3 {
            true => Ok(()),
            false => Err(damaged(path, "its content is not what was committed")),
        }
    }
}

/// The error of a file whose content is wrong.
pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), detail: detail.into() }
}

/// The error of a file of a wrong length.
pub(super) fn wrong_length(path: &Path, found: u64, committed: u64) -> StoreError {
    damaged(path, format!("it has {found} bytes, but {committed} were committed"))
}

/// Opens a file that a commit needs; one that is not there is damage.
pub(super) fn open(path: &Path) -> Result<File, StoreError> {
    File::open(path).map_err(|error| missing_or("open", path, error))
}

/// The error of reading a file that a commit needs.
pub(super) fn missing_or(action: &'static str, path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => damaged(path, "it is missing"),
        ErrorKind::UnexpectedEof => damaged(path, "it ends before what was committed"),
        _ => io_error(action, path)(error),
    }
}

/// No file of a knowledge base is longer.
const MAX_FILE_BYTES: u64 = 1 << 40;

/// Reads a whole file that a commit needs.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    crate::files::read(path, MAX_FILE_BYTES).map_err(|error| missing_or("read", path, error))
}

/// The length of an open file.
pub(super) fn length(file: &File, path: &Path) -> Result<u64, StoreError> {
    Ok(file.metadata().map_err(io_error("look up", path))?.len())
}

/// Hands the first `bytes` bytes of a file to `visit`, in pieces of a multiple of `stride` bytes.
pub(super) fn read_through(
    file: &File,
    path: &Path,
    bytes: u64,
    stride: usize,
    mut visit: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let piece = (READ_BYTES / stride).max(1) * stride;
    let mut buffer = vec![0; piece.min(usize::try_from(bytes).unwrap_or(piece))];
    let mut at = 0;
    while at < bytes {
        let length = buffer.len().min(usize::try_from(bytes - at).unwrap_or(buffer.len()));
        let piece = &mut buffer[..length];
        read_exact_at(file, piece, at).map_err(|error| missing_or("read", path, error))?;
        visit(piece)?;
        at += length as u64;
    }
    Ok(())
}

/// The sum of an open file as it is now.
pub(super) fn sum_of_file(file: &File, path: &Path) -> Result<FileSum, StoreError> {
    let mut summing = Summing::default();
    read_through(file, path, length(file, path)?, 1, |piece| {
        summing.update(piece);
        Ok(())
    })?;
    Ok(summing.sum())
}

/// Ends a JSON object with a checksum of everything before and of the file's name, so that no file passes for another.
/// Bytes that are not a JSON object stay as they are.
pub(super) fn seal(json: &[u8], name: &str) -> Vec<u8> {
    let Some(body) = without_end(json) else { return json.to_vec() };
    let mut sealed = body.to_vec();
    if !sealed.trim_ascii_end().ends_with(b"{") {
        sealed.push(b',');
    }
    let hash = seal_of(&sealed, name);
    for part in [SEAL, hash.as_str(), SEAL_END] {
        sealed.extend_from_slice(part.as_bytes());
    }
    sealed
}

fn seal_of(body: &[u8], name: &str) -> String {
    blake3::Hasher::new().update(body).update(name.as_bytes()).finalize().to_hex().to_string()
}

/// Adds a member to a JSON object. Bytes that are not a JSON object stay as they are.
pub(super) fn with_member(json: &[u8], name: &str, value: &impl Serialize) -> Vec<u8> {
    let Some(body) = without_end(json) else { return json.to_vec() };
    let mut longer = body.to_vec();
    let comma = if body.trim_ascii_end().ends_with(b"{") { "" } else { "," };
    let value = serde_json::to_string(value).expect("checksums can be written as JSON");
    longer.extend_from_slice(format!("{comma}\"{name}\":{value}}}").as_bytes());
    longer
}

/// A JSON object without its last brace.
fn without_end(json: &[u8]) -> Option<&[u8]> {
    let json = json.trim_ascii_end();
    let body = json.strip_suffix(b"}")?;
    json.starts_with(b"{").then_some(body)
}

/// Whether bytes are sealed as the file with this name; the reason why not when they should be and their checksum is
/// another.
pub(super) fn check_seal(bytes: &[u8], name: &str) -> Result<bool, &'static str> {
    let (start, end) = (SEAL.as_bytes(), SEAL_END.as_bytes());
    let tail = start.len() + HASH_DIGITS + end.len();
    if bytes.len() >= tail {
        let (body, tail) = bytes.split_at(bytes.len() - tail);
        let (found, hash) = tail.split_at(start.len());
        let (hash, last) = hash.split_at(HASH_DIGITS);
        if found == start && last == end {
            return match seal_of(body, name).as_bytes() == hash {
                true => Ok(true),
                false => Err("its content is not what its checksum was made of"),
            };
        }
        // A seal with a fault in its frame must not pass for a file of a version that made none.
        if hash.iter().all(u8::is_ascii_hexdigit) {
            return Err("its checksum cannot be read");
        }
    }
    match bytes.windows(b"\"checksum".len()).any(|window| window == b"\"checksum") {
        true => Err("its checksum cannot be read"),
        false => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_sealed_object_is_seen() {
        for object in [r#"{"a": [1, 2], "b": "c"}"#, "{}", "{\n  \"version\": 1\n}\n"] {
            let sealed = seal(object.as_bytes(), "a.json");
            assert_eq!(check_seal(&sealed, "a.json"), Ok(true), "{object}");
            assert!(check_seal(&sealed, "b.json").is_err(), "one file for another");
            let value: serde_json::Value = serde_json::from_slice(&sealed).expect("it is still JSON");
            assert!(value["checksum"].is_string());
            for at in 0..sealed.len() {
                for bit in 0..8 {
                    let mut flipped = sealed.clone();
                    flipped[at] ^= 1 << bit;
                    let is_seen = check_seal(&flipped, "a.json").is_err()
                        || serde_json::from_slice::<serde_json::Value>(&flipped).is_err();
                    assert!(is_seen, "bit {bit} of byte {at} of {object}");
                }
                let cut = &sealed[..at];
                let is_seen = check_seal(cut, "a.json").is_err()
                    || serde_json::from_slice::<serde_json::Value>(cut).is_err();
                assert!(is_seen, "{object} cut to {at} bytes");
            }
        }
        assert_eq!(check_seal(br#"{"a": 1}"#, "a.json"), Ok(false), "earlier versions made none");
        assert_eq!(seal(b"[1]", "a.json"), b"[1]");
    }
}
