//! Archives: a ZIP or tar file as a folder of its source. No file is unpacked to disk, and the archive's own statements
//! are not trusted: names that lead out of it, links and devices are refused, sizes are counted while they are read.
//!
//! Entry point: [`Archive::open`]. The name of a file decides whether it is read as an archive: [`is_archive`].

use super::files::{MAX_FILE_BYTES, ReadError};
use crate::{
    bounds::{Allowance, Bounded, count_zip_entries},
    formats::Format,
};
use flate2::read::MultiGzDecoder;
use kb::text::is_invisible;
use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Seek, SeekFrom},
    sync::{Mutex, PoisonError},
};
use zip::{CompressionMethod, ZipArchive};

/// A larger archive is not opened.
pub const MAX_ARCHIVE_BYTES: u64 = 256 << 20;

/// The files of an archive unpack to no more, those aside that are too large to be read.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;

/// An archive with more entries is refused.
const MAX_ENTRIES: usize = 20_000;

/// A larger archive within an archive is not opened.
const MAX_INNER_BYTES: u64 = 64 << 20;

/// Folders in each other beyond this, and names longer than this, are refused.
const MAX_DEPTH: usize = 64;
const MAX_NAME_BYTES: usize = 1024;

/// A longer header of a tar file, which may hold a name, is refused.
const MAX_HEADER_BYTES: u64 = 64 << 10;

/// In a tar file that is packed as a whole, at most this many bytes are kept of files that are not read.
const MAX_OTHER_BYTES: u64 = 256 << 10;

/// Extensions of archives, lower-cased.
const EXTENSIONS: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];

/// The bytes of an archive.
pub trait Bytes: Read + Seek + Send {}

impl<B: Read + Seek + Send> Bytes for B {}

/// Whether a file is an archive, by its name.
pub fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    EXTENSIONS.iter().any(|extension| name.ends_with(extension))
}

pub struct Archive {
    sort: Sort,
    files: BTreeMap<String, Entry>,
}

/// The files of an archive.
#[derive(Debug, Default)]
pub struct Contents {
    /// The files by path, with their sizes as far as the archive tells.
    pub files: Vec<(String, u64)>,
    /// The entries that cannot be read, by name, with the reason.
    pub rejected: Vec<(String, String)>,
    /// The entries that are left out by convention, by name, with the reason.
    pub left_out: Vec<(String, &'static str)>,
}

enum Sort {
    Zip(Mutex<ZipArchive<Box<dyn Bytes>>>),
    Tar(Mutex<Box<dyn Bytes>>),
    /// The bytes of each file, for formats that cannot be read from the middle.
    Packed(Vec<Vec<u8>>),
}

/// The place of a file of an archive.
enum Entry {
    /// The number of a ZIP archive's entry, with its size.
    Number(usize, u64),
    /// A place in a tar file.
    Place(u64, u64),
    /// The number of a file that was kept.
    Kept(usize),
    /// A file that is too large, or of a format that is not read.
    Left(u64),
    /// A file in an archive within this one.
    Inner(Box<Archive>),
}

impl Archive {
    /// Opens an archive, whose name tells its format, and lists it. The error is the reason why it is not read.
    pub fn open(name: &str, bytes: Box<dyn Bytes>) -> Result<(Self, Contents), String> {
        Self::opened(name, bytes, true)
    }

    fn opened(name: &str, mut bytes: Box<dyn Bytes>, is_outermost: bool) -> Result<(Self, Contents), String> {
        let most = if is_outermost { MAX_ARCHIVE_BYTES } else { MAX_INNER_BYTES };
        let length = bytes.seek(SeekFrom::End(0)).and_then(|length| bytes.rewind().map(|()| length));
        let length = length.map_err(|error| damaged(&error))?;
        if length > most {
            return Err(format!("an archive of {length} bytes; at most {most} are opened"));
        }
        let lower = name.to_ascii_lowercase();
        let allowance = Allowance::of(length, MAX_UNPACKED_BYTES);
        let mut listing = Listing { contents: Contents::default(), files: BTreeMap::new(), allowance };
        let sort = match () {
            () if lower.ends_with(".zip") => listing.take_zip(bytes, is_outermost)?,
            () if lower.ends_with(".tar") => listing.take_tar(bytes)?,
            () => listing.take_packed_tar(bytes)?,
        };
        let Listing { mut contents, files, .. } = listing;
        contents.files.sort();
        contents.rejected.sort();
        contents.left_out.sort();
        Ok((Self { sort, files }, contents))
    }

    /// Reads a file that was listed, at most [`MAX_FILE_BYTES`].
    pub fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let entry = match self.files.get(path) {
            Some(entry) => entry,
            // Within an archive that is one of the files.
            None => {
                let inner = path.match_indices('/').find_map(|(at, _)| match self.files.get(&path[..at]) {
                    Some(Entry::Inner(inner)) => Some((inner, &path[at + 1..])),
                    _ => None,
                });
                let (inner, rest) = inner.ok_or(ReadError::Gone)?;
                return inner.read(rest);
            }
        };
        match (entry, &self.sort) {
            (Entry::Left(bytes), _) => Err(ReadError::TooLarge { bytes: *bytes }),
            (Entry::Number(number, size), Sort::Zip(archive)) => {
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                let file = archive.by_index(*number).map_err(|error| refused(&error))?;
                read_whole(file, *size)
            }
            (Entry::Place(at, size), Sort::Tar(bytes)) => {
                let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.seek(SeekFrom::Start(*at)).map_err(ReadError::Io)?;
                read_whole(bytes.as_mut().take(*size), *size)
            }
            (Entry::Kept(number), Sort::Packed(kept)) => kept.get(*number).cloned().ok_or(ReadError::Gone),
            _ => Err(ReadError::Gone),
        }
    }
}

/// Reads a file of which the archive says how long it is.
fn read_whole(file: impl Read, size: u64) -> Result<Vec<u8>, ReadError> {
    let most = size.min(MAX_FILE_BYTES);
    let mut read = Vec::new();
    // The fault is in the archive, and not in the disk.
    file.take(most + 1).read_to_end(&mut read).map_err(|error| refused(&error))?;
    match read.len() as u64 {
        length if length > MAX_FILE_BYTES => Err(ReadError::TooLarge { bytes: length }),
        length if length > size => Err(refused(&"it is longer than the archive says")),
        length if length < size => Err(refused(&"it is shorter than the archive says")),
        _ => Ok(read),
    }
}

/// An archive that is being listed.
struct Listing {
    contents: Contents,
    files: BTreeMap<String, Entry>,
    allowance: Allowance,
}

impl Listing {
    fn take_zip(&mut self, mut bytes: Box<dyn Bytes>, is_outermost: bool) -> Result<Sort, String> {
        let entries = count_zip_entries(&mut bytes, MAX_ENTRIES).map_err(|error| damaged(&error))?;
        if entries > MAX_ENTRIES {
            return Err(too_many());
        }
        let mut archive = ZipArchive::new(bytes).map_err(|error| damaged(&error))?;
        for number in 0..archive.len() {
            let (name, size, is_folder, reason) = {
                let file = archive.by_index_raw(number).map_err(|error| damaged(&error))?;
                let Ok(name) = file.name().map(|name| name.into_owned()) else {
                    let shown = String::from_utf8_lossy(file.name_raw()).into_owned();
                    self.reject(&shown, "its name cannot be read");
                    continue;
                };
                (name, file.size(), file.is_dir(), zip_refusal(&file))
            };
            let Some(path) = self.path_of(&name, is_folder) else { continue };
            if let Some(reason) = reason {
                self.reject(&name, reason);
                continue;
            }
            if is_archive(&path) {
                let opened = match is_outermost && path.to_ascii_lowercase().ends_with(".zip") {
                    true => inner_archive(&mut archive, number, size, &mut self.allowance),
                    false => Err("an archive within an archive; unpack it".to_owned()),
                };
                match opened {
                    Ok((inner, contents)) => self.take_inner(path, inner, contents),
                    Err(reason) => self.reject(&name, reason),
                }
                continue;
            }
            if size <= MAX_FILE_BYTES {
                self.allowance.take(size)?;
            }
            let entry = if size > MAX_FILE_BYTES { Entry::Left(size) } else { Entry::Number(number, size) };
            self.add(path, size, entry);
        }
        Ok(Sort::Zip(Mutex::new(archive)))
    }

    fn take_tar(&mut self, mut bytes: Box<dyn Bytes>) -> Result<Sort, String> {
        self.take_tar_entries(&mut bytes, |position, size, _| Ok(Entry::Place(position, size)))?;
        Ok(Sort::Tar(Mutex::new(bytes)))
    }

    fn take_packed_tar(&mut self, bytes: Box<dyn Bytes>) -> Result<Sort, String> {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut allowance = self.allowance;
        let unpacked = Bounded::new(MultiGzDecoder::new(bytes), &mut allowance);
        self.take_tar_entries(unpacked, |_, size, file| {
            let Some(file) = file else { return Ok(Entry::Left(size)) };
            let read = read_whole(file, size).map_err(|error| error.to_string())?;
            kept.push(read);
            Ok(Entry::Kept(kept.len() - 1))
        })?;
        Ok(Sort::Packed(kept))
    }

    /// Lists a tar file; `entry` makes an entry of a file's position, size and, where it is worth reading, content.
    fn take_tar_entries(
        &mut self,
        bytes: impl Read,
        mut entry: impl FnMut(u64, u64, Option<&mut dyn Read>) -> Result<Entry, String>,
    ) -> Result<(), String> {
        let mut archive = tar::Archive::new(bytes);
        // Raw: what stands before a file and may hold its name is read here, within bounds.
        let files = archive.entries().map_err(|error| damaged(&error))?.raw(true);
        let mut long_name: Option<Vec<u8>> = None;
        for (number, file) in files.enumerate() {
            let mut file = file.map_err(|error| damaged(&error))?;
            if number >= MAX_ENTRIES {
                return Err(too_many());
            }
            let sort = file.header().entry_type();
            if sort.is_gnu_longname() || sort.is_pax_local_extensions() {
                let header = header_text(&mut file)?;
                match sort.is_gnu_longname() {
                    true => {
                        long_name = Some(header.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
                    }
                    false => long_name = pax_path(&header)?.or(long_name),
                }
                continue;
            }
            if sort.is_gnu_longlink() || sort.is_pax_global_extensions() {
                header_text(&mut file)?;
                continue;
            }
            let name = long_name.take().unwrap_or_else(|| file.path_bytes().into_owned());
            let Ok(name) = String::from_utf8(name) else {
                let name = String::from_utf8_lossy(&file.path_bytes()).into_owned();
                self.reject(&name, "its name is not UTF-8");
                continue;
            };
            let Some(path) = self.path_of(&name, sort.is_dir()) else { continue };
            let reason = match () {
                () if sort.is_symlink() || sort.is_hard_link() => {
                    Some("a link; links of archives are not followed")
                }
                () if sort.is_gnu_sparse() => Some("a file with holes"),
                () if !(sort.is_file() || sort.is_contiguous()) => Some("no regular file"),
                () if is_archive(&path) => Some("an archive within an archive; unpack it"),
                () => None,
            };
            if let Some(reason) = reason {
                self.reject(&name, reason);
                continue;
            }
            let (position, size) = (file.raw_file_position(), file.size());
            let is_read = size <= MAX_FILE_BYTES && (Format::of(&path).is_ok() || size <= MAX_OTHER_BYTES);
            let found = entry(position, size, if is_read { Some(&mut file) } else { None })?;
            let found = if size > MAX_FILE_BYTES { Entry::Left(size) } else { found };
            self.add(path, size, found);
        }
        Ok(())
    }

    /// The path of an entry; `None` if it is not a file or is not read.
    fn path_of(&mut self, name: &str, is_folder: bool) -> Option<String> {
        match checked_path(name) {
            Err(reason) => self.reject(name, reason),
            Ok(_) if is_folder => {}
            Ok(path) => match left_out(&path) {
                Some(reason) => self.contents.left_out.push((path, reason)),
                None if self.files.contains_key(&path) => self.reject(name, "a second entry of this name"),
                None => return Some(path),
            },
        }
        None
    }

    fn add(&mut self, path: String, size: u64, entry: Entry) {
        self.contents.files.push((path.clone(), size));
        self.files.insert(path, entry);
    }

    fn take_inner(&mut self, path: String, inner: Archive, contents: Contents) {
        let within = |name: String| format!("{path}/{name}");
        self.contents.files.extend(contents.files.into_iter().map(|(name, size)| (within(name), size)));
        self.contents.rejected.extend(contents.rejected.into_iter().map(|(name, why)| (within(name), why)));
        self.contents.left_out.extend(contents.left_out.into_iter().map(|(name, why)| (within(name), why)));
        self.files.insert(path, Entry::Inner(Box::new(inner)));
    }

    fn reject(&mut self, name: &str, reason: impl Into<String>) {
        let shown = name.chars().take(MAX_NAME_BYTES).map(|c| match c.is_control() || is_invisible(c) {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        });
        self.contents.rejected.push((shown.collect(), reason.into()));
    }
}

/// Opens an archive that is an entry of another one.
fn inner_archive(
    archive: &mut ZipArchive<Box<dyn Bytes>>,
    number: usize,
    size: u64,
    allowance: &mut Allowance,
) -> Result<(Archive, Contents), String> {
    if size > MAX_INNER_BYTES {
        return Err(format!(
            "an archive of {size} bytes within an archive; at most {MAX_INNER_BYTES} are opened"
        ));
    }
    let file = archive.by_index(number).map_err(|error| damaged(&error))?;
    let mut bytes = Vec::new();
    Bounded::new(file, allowance).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    Archive::opened("inner.zip", Box::new(Cursor::new(bytes)), false)
}

/// Why an entry of a ZIP archive is not read.
fn zip_refusal<R: Read>(file: &zip::read::ZipFile<'_, R>) -> Option<String> {
    /// The bits of a mode that tell the sort of a file, and those of a regular one.
    const SORT: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    let sort = file.unix_mode().map_or(0, |mode| mode & SORT);
    match file.compression() {
        _ if file.encrypted() => Some("protected by a password".to_owned()),
        _ if file.is_symlink() => Some("a link; links of archives are not followed".to_owned()),
        _ if sort != 0 && sort != REGULAR && !file.is_dir() => Some("no regular file".to_owned()),
        CompressionMethod::Stored | CompressionMethod::Deflated => None,
        other => {
            Some(format!("packed in a way that is not read ({other}); pack it as ZIP programs usually do"))
        }
    }
}

/// The bytes of a header that holds more than a name of usual length.
fn header_text(file: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut header = Vec::new();
    file.take(MAX_HEADER_BYTES + 1).read_to_end(&mut header).map_err(|error| damaged(&error))?;
    match header.len() as u64 > MAX_HEADER_BYTES {
        true => Err(damaged(&"a header is too long")),
        false => Ok(header),
    }
}

/// The path in an extended header, which is lines of `length key=value`.
fn pax_path(header: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut path = None;
    for line in header.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b' ') else { continue };
        let record = &line[at + 1..];
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(value.to_vec());
        } else if record.starts_with(b"size=") || record.starts_with(b"GNU.sparse.") {
            return Err("its files are larger than is read, or have holes".to_owned());
        }
    }
    Ok(path)
}

/// The path of an entry below the archive.
fn checked_path(name: &str) -> Result<String, &'static str> {
    if name.len() > MAX_NAME_BYTES {
        return Err("its name is too long");
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("the name holds characters that are not seen");
    }
    // Some programs write paths with the separators of their system.
    let name = name.replace('\\', "/");
    let is_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || is_drive {
        return Err("its path begins at the root; paths of archives must not leave it");
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("its path leads out of the archive"),
            part => parts.push(part),
        }
    }
    match parts.len() {
        0 if !name.ends_with('/') && name != "." => Err("it has no name"),
        depth if depth > MAX_DEPTH => Err("too many folders deep"),
        _ => Ok(parts.join("/")),
    }
}

/// The reason why a file is not a document by convention; `None` if it may be one.
fn left_out(path: &str) -> Option<&'static str> {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folders = folders.split('/').filter(|folder| !folder.is_empty());
    if folders.any(|folder| folder.starts_with('.') || matches!(folder, "node_modules" | "__MACOSX")) {
        return Some("in a hidden folder or one of dependencies; not looked into");
    }
    file.starts_with('.').then_some("hidden file")
}

fn too_many() -> String {
    format!("an archive with more than {MAX_ENTRIES} entries; unpack it")
}

/// Why an archive, or a file of it, cannot be read.
fn damaged(error: &dyn std::fmt::Display) -> String {
    let detail: String = crate::formats::shown(&error.to_string()).chars().take(200).collect();
    // Reaching the bounds is not damage.
    match detail.starts_with("it unpacks to more") {
        true => detail,
        false => format!("damaged: {detail}"),
    }
}

fn refused(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Refused(damaged(error))
}

#[cfg(test)]
mod tests;
