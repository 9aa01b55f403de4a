//! The walk over a folder: which files there are, which links are followed, and why an entry is left out.

use super::{
    Folder, ListError, ListedFile, Listing, MAX_DEPTH, MAX_ENTRIES,
    names::{CLOSED_FOLDERS, id_path, left_out},
    open::{identity, is_loop, open_regular},
};
use crate::report::Rejection;
use kb::files::not_regular;
use std::{
    collections::{HashSet, VecDeque},
    ffi::OsString,
    fs::Metadata,
    io::{self, Read},
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// Lists a folder; see [`Folder::list`].
pub(super) fn list(folder: &Folder) -> Result<Listing, ListError> {
    let shown = || folder.shown_root.display().to_string();
    // The root may be a link that was typed.
    let root = folder.root.canonicalize().map_err(|source| ListError::Root { path: shown(), source })?;
    let is_link = folder.root.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let mut walk = Walk { is_linked: is_link, ..Walk::new(folder, root.clone()) };
    match &folder.only {
        Some(only) => match root.join(only).symlink_metadata() {
            Ok(metadata) => walk.take(only, &root.join(only), &metadata, walk.is_linked),
            Err(error) => walk.reject(only, format!("cannot be read: {error}")),
        },
        None => {
            std::fs::read_dir(&root).map_err(|source| ListError::Root { path: shown(), source })?;
            walk.seen.insert(root.clone());
            walk.descend(&root, Path::new(""), walk.is_linked)?;
        }
    }
    walk.follow_links()?;
    Ok(walk.listing)
}

/// The state of one listing.
struct Walk<'f> {
    folder: &'f Folder,
    /// The folder's path without links; no link leads out of it.
    root: PathBuf,
    is_linked: bool,
    listing: Listing,
    /// Folders and files that were met, without links.
    seen: HashSet<PathBuf>,
    /// Links that were met: as seen from the root, and where they stand.
    links: VecDeque<(PathBuf, PathBuf)>,
    entries: usize,
}

impl<'f> Walk<'f> {
    fn new(folder: &'f Folder, root: PathBuf) -> Self {
        Self {
            folder,
            root,
            is_linked: false,
            listing: Listing { complete: true, ..Listing::default() },
            seen: HashSet::new(),
            links: VecDeque::new(),
            entries: 0,
        }
    }

    fn reject(&mut self, relative: &Path, reason: impl Into<String>) {
        self.listing.rejected.push(self.folder.rejection(relative, reason));
    }

    /// Reports an entry that is left out by convention, which is not a fault.
    fn leave_out(&mut self, relative: &Path, reason: impl Into<String>) {
        let rejection = self.folder.rejection(relative, reason);
        self.listing.rejected.push(Rejection { by_convention: true, ..rejection });
    }

    /// Lists what is below a folder without links in its path; from the root it is seen as `below`. Links are put
    /// aside.
    fn descend(&mut self, folder: &Path, below: &Path, is_linked: bool) -> Result<(), ListError> {
        let depth_before = below.components().count();
        let mut walk = WalkDir::new(folder).follow_links(false).min_depth(1).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(ListError::TooMany { path: self.folder.shown_root.display().to_string() });
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.listing.complete = false;
                    let path = error.path().and_then(|path| path.strip_prefix(folder).ok());
                    let path = below.join(path.unwrap_or(Path::new("")));
                    let cause = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    self.reject(&path, format!("cannot be listed: {cause}"));
                    continue;
                }
            };
            let relative = below.join(entry.path().strip_prefix(folder).unwrap_or(entry.path()));
            let name = entry.file_name().to_string_lossy();
            let is_folder = entry.file_type().is_dir();
            if let Some(reason) = left_out(&name, is_folder) {
                if is_folder {
                    walk.skip_current_dir();
                }
                self.leave_out(&relative, reason);
            } else if is_folder {
                if depth_before + entry.depth() >= MAX_DEPTH {
                    walk.skip_current_dir();
                    self.reject(&relative, format!("more than {MAX_DEPTH} folders deep"));
                } else if !self.seen.insert(entry.path().to_owned()) {
                    walk.skip_current_dir();
                    self.leave_out(&relative, "a folder that is read under another name");
                }
            } else {
                match entry.metadata() {
                    Ok(metadata) => self.take(&relative, entry.path(), &metadata, is_linked),
                    Err(error) => {
                        self.listing.complete = false;
                        self.reject(&relative, format!("cannot be read: {error}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sorts an entry that is not a folder into files, links and rejections.
    fn take(&mut self, relative: &Path, place: &Path, metadata: &Metadata, is_linked: bool) {
        if metadata.is_symlink() {
            return self.links.push_back((relative.to_owned(), place.to_owned()));
        }
        if let Some(reason) = not_regular(metadata) {
            return self.reject(relative, reason);
        }
        if let Some((target, metadata)) = self.written_link(place, metadata) {
            return self.take(relative, &target, &metadata, true);
        }
        if !self.seen.insert(place.to_owned()) {
            return self.leave_out(relative, "a file that is read under another name");
        }
        match id_path(relative) {
            Ok(path) => self.listing.files.push(ListedFile {
                relative: path,
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
                real: place.to_owned(),
                is_linked,
                identity: identity(metadata),
            }),
            Err(reason) => self.reject(relative, reason),
        }
    }

    /// The file that a link leads to when the link is written as a text, as in a checkout or an unpacked archive on a
    /// file system without links. The text is one relative path to a file below the root, and nothing else.
    fn written_link(&self, place: &Path, metadata: &Metadata) -> Option<(PathBuf, Metadata)> {
        let mut rest: Vec<OsString> = path_in(place, metadata)?;
        let mut at = place.parent()?.to_owned();
        for _ in 0..MAX_DEPTH {
            let Some(name) = rest.pop() else { break };
            if name == ".." {
                at = at.parent()?.to_owned();
            } else if name != "." {
                let next = at.join(&name);
                let metadata = next.symlink_metadata().ok()?;
                match path_in(&next, &metadata) {
                    Some(further) => rest.extend(further),
                    None => at = next,
                }
            }
            if !at.starts_with(&self.root) {
                return None;
            }
        }
        let metadata = at.symlink_metadata().ok().filter(Metadata::is_file)?;
        let below_root = at.strip_prefix(&self.root).ok()?;
        let mut folders = below_root.parent()?.components().map(|name| name.as_os_str().to_string_lossy());
        let is_hidden = at.file_name()?.to_string_lossy().starts_with('.');
        let is_closed = is_hidden || folders.any(|name| CLOSED_FOLDERS.contains(&&*name));
        (rest.is_empty() && at != place && !is_closed).then_some((at, metadata))
    }

    /// Follows the links that were put aside, and those that are met on the way.
    fn follow_links(&mut self) -> Result<(), ListError> {
        while let Some((relative, place)) = self.links.pop_front() {
            let target = match place.canonicalize() {
                Ok(target) => target,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.reject(&relative, "a symbolic link to nothing");
                    continue;
                }
                Err(error) => {
                    self.listing.complete &= is_loop(&error);
                    self.reject(&relative, format!("a symbolic link that cannot be followed: {error}"));
                    continue;
                }
            };
            let Ok(below_root) = target.strip_prefix(&self.root) else {
                self.reject(&relative, "a symbolic link that leads out of the folder; it is not followed");
                continue;
            };
            let mut names = below_root.components().map(|name| name.as_os_str().to_string_lossy());
            if names.any(|name| CLOSED_FOLDERS.contains(&&*name)) {
                self.reject(
                    &relative,
                    "a symbolic link into a folder that holds no documents; it is not followed",
                );
                continue;
            }
            // The target may have become a link itself since the first look.
            let metadata = match target.symlink_metadata() {
                Ok(metadata) if !metadata.is_symlink() => metadata,
                _ => {
                    self.listing.complete = false;
                    self.reject(&relative, "a symbolic link that changed while it was followed");
                    continue;
                }
            };
            if metadata.is_dir() {
                if relative.components().count() > MAX_DEPTH {
                    self.reject(&relative, format!("more than {MAX_DEPTH} folders deep"));
                } else if !self.seen.insert(target.clone()) {
                    self.leave_out(&relative, "a symbolic link to a folder that is read under another name");
                } else {
                    self.descend(&target, &relative, true)?;
                }
            } else if target.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
                self.reject(&relative, "a symbolic link to a hidden file; it is not followed");
            } else {
                self.take(&relative, &target, &metadata, true);
            }
        }
        Ok(())
    }
}

/// The names of the relative path, the last one first, that is all the text of a file. A path without a folder is one
/// only where it is hidden: anything else may be a word.
fn path_in(place: &Path, metadata: &Metadata) -> Option<Vec<OsString>> {
    const MAX_BYTES: u64 = 255;
    if !metadata.is_file() || metadata.len() == 0 || metadata.len() > MAX_BYTES {
        return None;
    }
    let mut text = String::new();
    open_regular(place).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let is_path = (text.contains('/') || text.starts_with(".."))
        && !text.starts_with('/')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | '\\'));
    is_path.then(|| text.split('/').rev().filter(|name| !name.is_empty()).map(OsString::from).collect())
}
