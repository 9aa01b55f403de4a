//! The archives among the files of a source: their files are items in their place, `path/to/archive.zip/file`.

use super::{
    Item,
    archive::{Archive, Contents, is_archive},
    files::{MAX_FILE_BYTES, ReadError},
};
use crate::report::Rejection;
use std::sync::{Arc, Mutex, PoisonError};

/// The items of a source, with those of its archives in their places.
pub(super) struct Expanded {
    pub(super) items: Vec<Item>,
    pub(super) rejected: Vec<Rejection>,
    pub(super) is_complete: bool,
}

impl Expanded {
    /// Starts with the rejections and the completeness of the source's own listing, and without items.
    pub(super) fn new(rejected: Vec<Rejection>, is_complete: bool) -> Self {
        Self { items: Vec::new(), rejected, is_complete }
    }

    /// Adds the files of an archive, or the reason why it is not read. `rejection` names a path of the source, without
    /// a reason.
    pub(super) fn add(
        &mut self,
        key: &str,
        version: Option<&str>,
        contents: Result<Contents, ReadError>,
        rejection: impl Fn(&str) -> Rejection,
    ) {
        let contents = match contents {
            Ok(contents) => contents,
            Err(error) => {
                self.is_complete &= !error.content_is_unknown();
                return self.rejected.push(Rejection { reason: error.to_string(), ..rejection(key) });
            }
        };
        let below = |name: &str| format!("{key}/{name}");
        self.items.extend(contents.files.into_iter().map(|(name, bytes)| Item {
            key: below(&name),
            version: version.map(str::to_owned),
            bytes: bytes.min(MAX_FILE_BYTES),
        }));
        let refused = contents.rejected.into_iter();
        self.rejected.extend(refused.map(|(name, reason)| Rejection { reason, ..rejection(&below(&name)) }));
        let left_out = contents.left_out.into_iter().map(|(name, reason)| Rejection {
            reason: reason.to_owned(),
            by_convention: true,
            ..rejection(&below(&name))
        });
        self.rejected.extend(left_out);
    }
}

/// The archive that was read last: its files follow each other.
#[derive(Default)]
pub(super) struct Archives {
    opened: Mutex<Option<(String, Arc<Archive>)>>,
}

impl Archives {
    /// Keeps an archive that was opened for its listing.
    pub(super) fn keep(&self, key: &str, archive: Archive) {
        let kept = Some((key.to_owned(), Arc::new(archive)));
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// Reads a file of an archive, which `open` opens by its key.
    pub(super) fn read(
        &self,
        (key, file): (&str, &str),
        open: impl FnOnce(&str) -> Result<(Archive, Contents), ReadError>,
    ) -> Result<Vec<u8>, ReadError> {
        self.archive(key, open)?.read(file)
    }

    fn archive(
        &self,
        key: &str,
        open: impl FnOnce(&str) -> Result<(Archive, Contents), ReadError>,
    ) -> Result<Arc<Archive>, ReadError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match opened.as_ref() {
            Some((name, archive)) if name == key => Ok(archive.clone()),
            _ => {
                // The one before gives its memory back first.
                *opened = None;
                let archive = Arc::new(open(key)?.0);
                *opened = Some((key.to_owned(), archive.clone()));
                Ok(archive)
            }
        }
    }
}

/// The archive that a path leads into, and the file within it; `is_file` says what is a file of the source.
pub(super) fn within_archive(path: &str, is_file: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let prefixes = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    prefixes.into_iter().find(|(prefix, _)| is_archive(prefix) && is_file(prefix))
}
