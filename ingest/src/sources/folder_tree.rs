//! The files of a folder as they were listed, those in its archives as well.

use super::{
    Item,
    archive::{Archive, Contents, is_archive},
    files::{FileTree, MAX_FILE_BYTES, ReadError},
    folder::{Folder, ListedFile},
};
use crate::report::Rejection;
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// The items of a folder, with those of its archives in their places.
pub(super) struct Expanded {
    pub(super) items: Vec<Item>,
    pub(super) rejected: Vec<Rejection>,
    pub(super) is_complete: bool,
}

impl Expanded {
    /// No items yet; what the folder's own listing found.
    pub(super) fn new(rejected: Vec<Rejection>, is_complete: bool) -> Self {
        Self { items: Vec::new(), rejected, is_complete }
    }
}

/// The files of a folder as they were listed.
pub(super) struct FolderTree {
    folder: Folder,
    files: HashMap<String, ListedFile>,
    /// The archive that was read last: its files follow each other.
    opened: Mutex<Option<(String, Arc<Archive>)>>,
}

impl FolderTree {
    /// The files of a folder, and the items that they are.
    pub(super) fn of(folder: Folder, files: Vec<ListedFile>, mut expanded: Expanded) -> (Self, Expanded) {
        let keys: Vec<(String, u64)> = files.iter().map(|file| (file.relative.clone(), file.bytes)).collect();
        let files = files.into_iter().map(|file| (file.relative.clone(), file)).collect();
        let tree = Self { folder, files, opened: Mutex::new(None) };
        for (key, bytes) in keys {
            match is_archive(&key) {
                true => tree.expand(&key, &mut expanded),
                false => expanded.items.push(Item { key, version: None, bytes }),
            }
        }
        (tree, expanded)
    }

    /// Lists an archive as a folder.
    fn expand(&self, key: &str, expanded: &mut Expanded) {
        let below = |name: &str| self.folder.rejection(&Path::new(key).join(name), "");
        match self.open(key) {
            Ok((archive, contents)) => {
                let items = contents.files.into_iter().map(|(name, bytes)| Item {
                    key: format!("{key}/{name}"),
                    version: None,
                    bytes: bytes.min(MAX_FILE_BYTES),
                });
                expanded.items.extend(items);
                let refused =
                    contents.rejected.into_iter().map(|(name, reason)| Rejection { reason, ..below(&name) });
                expanded.rejected.extend(refused);
                let left_out = contents.left_out.into_iter().map(|(name, reason)| Rejection {
                    reason: reason.to_owned(),
                    by_convention: true,
                    ..below(&name)
                });
                expanded.rejected.extend(left_out);
                self.keep(key, Arc::new(archive));
            }
            Err(error) => {
                expanded.is_complete &= !error.content_is_unknown();
                expanded.rejected.push(self.folder.rejection(Path::new(key), error.to_string()));
            }
        }
    }

    fn open(&self, key: &str) -> Result<(Archive, Contents), ReadError> {
        let (file, _) = self.folder.open(self.files.get(key).ok_or(ReadError::Gone)?)?;
        Archive::open(key, Box::new(file)).map_err(ReadError::Refused)
    }

    fn keep(&self, key: &str, archive: Arc<Archive>) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.to_owned(), archive));
    }

    /// An archive that was listed.
    fn archive(&self, key: &str) -> Result<Arc<Archive>, ReadError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match opened.as_ref() {
            Some((name, archive)) if name == key => Ok(archive.clone()),
            _ => {
                // The one before gives its memory back first.
                *opened = None;
                let archive = Arc::new(self.open(key)?.0);
                *opened = Some((key.to_owned(), archive.clone()));
                Ok(archive)
            }
        }
    }
}

impl FileTree for FolderTree {
    fn shown(&self, path: &str) -> String {
        self.folder.shown(path)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        if let Some(file) = self.files.get(path) {
            return self.folder.read(file);
        }
        let prefixes = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
        let mut archives =
            prefixes.filter(|(prefix, _)| is_archive(prefix) && self.files.contains_key(*prefix));
        let (archive, rest) = archives.next().ok_or(ReadError::Gone)?;
        self.archive(archive)?.read(rest)
    }
}
