//! The files of a folder as they were listed, those in its archives as well.

use super::{Folder, ListedFile};
use crate::{
    report::Rejection,
    sources::{
        Item,
        archive::{Archive, Contents, is_archive},
        archives::{Archives, Expanded, within_archive},
        exports::Exports,
        files::{FileTree, ReadError},
    },
};
use std::{collections::HashMap, path::Path};

/// The listed files of a folder, by path, with the archives that are open.
pub(super) struct FolderTree {
    folder: Folder,
    files: HashMap<String, ListedFile>,
    archives: Archives,
}

impl FolderTree {
    /// The files of a folder, and the items that they are. Files that are exports are put aside.
    pub(super) fn of(
        folder: Folder,
        files: Vec<ListedFile>,
        mut expanded: Expanded,
    ) -> (Self, Expanded, Exports) {
        let mut exports = Exports::default();
        let mut items = Vec::with_capacity(files.len());
        for file in &files {
            let is_export = !is_archive(&file.relative) && exports.take(&folder, file);
            if !is_export {
                items.push(Item { key: file.relative.clone(), version: None, bytes: file.bytes });
            }
        }
        let files = files.into_iter().map(|file| (file.relative.clone(), file)).collect();
        let tree = Self { folder, files, archives: Archives::default() };
        for item in items {
            match is_archive(&item.key) {
                true => tree.expand(&item.key, &mut expanded, &mut exports),
                false => expanded.items.push(item),
            }
        }
        (tree, expanded, exports)
    }

    /// Lists an archive as a folder.
    fn expand(&self, key: &str, expanded: &mut Expanded, exports: &mut Exports) {
        let contents = self.open(key).map(|(archive, contents)| {
            self.archives.keep(key, archive);
            contents
        });
        if let Some(file) = self.files.get(key)
            && exports.take_archive(&self.folder, file, &contents)
        {
            return;
        }
        expanded.add(key, None, contents, |path| self.rejection(path));
    }

    fn rejection(&self, path: &str) -> Rejection {
        self.folder.rejection(Path::new(path), "")
    }

    fn open(&self, key: &str) -> Result<(Archive, Contents), ReadError> {
        let (file, _) = self.folder.open(self.files.get(key).ok_or(ReadError::Gone)?)?;
        Archive::open(key, Box::new(file)).map_err(ReadError::Refused)
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
        let place = within_archive(path, |key| self.files.contains_key(key)).ok_or(ReadError::Gone)?;
        self.archives.read(place, |key| self.open(key))
    }
}
