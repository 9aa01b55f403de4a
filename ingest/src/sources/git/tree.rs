//! The files of a commit below one folder, with the rules that folders on a disk have.
//!
//! Names that are hidden and other people's code are left out. Links are followed as text, within the folder and once
//! each: their targets are known by the link's own name, where they have none without a link. The content of a
//! submodule and of a file in Git's large file storage is elsewhere, so it is reported.

use super::{
    GitError,
    address::Web,
    cache::{Cache, Lock},
    history::Change,
    shown_path,
};
use crate::{
    formats::Origin,
    report::Rejection,
    sources::{
        Item,
        archive::{Archive, Contents, MAX_ARCHIVE_BYTES, is_archive},
        archives::{Archives, Expanded, within_archive},
        files::{FileTree, MAX_FILE_BYTES, ReadError},
        folder::{CLOSED_FOLDERS, MAX_DEPTH, MAX_ENTRIES, id_path, left_out},
    },
};
use gix::{
    ObjectId, Repository, ThreadSafeRepository,
    bstr::ByteSlice,
    objs::{Kind, tree::EntryKind},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    io::{self, Cursor},
    path::Path,
    sync::Arc,
};

/// A small repository can have more folders than can be walked: a tree may be in many others.
const MAX_FOLDERS: usize = 100_000;
/// Entries of trees that are looked at for where links lead.
const MAX_LOOKED_AT: usize = 10_000_000;
/// A longer link is refused.
const MAX_LINK_BYTES: u64 = 4_096;
/// Links that lead to links that lead to links.
const MAX_HOPS: usize = 40;
/// How a file begins whose content is in Git's large file storage.
const LARGE_FILE: &[u8] = b"version https://git-lfs.github.com/spec/";
/// A larger file is not a pointer to the large file storage.
const MAX_POINTER_BYTES: usize = 1_024;

/// The content of a commit's folder.
pub(super) struct Listed {
    pub(super) items: Vec<Item>,
    pub(super) files: HashMap<String, File>,
    pub(super) rejected: Vec<Rejection>,
    /// Whether all objects are there. Without one, its file cannot be read.
    pub(super) is_whole: bool,
    /// The id of the tree of the folder that is read.
    pub(super) root: ObjectId,
}

/// A file of the tree.
pub(super) struct File {
    id: ObjectId,
    /// The path below the folder, without any link.
    pub(super) real: String,
}

/// A folder as it is configured, without `/` at its ends.
pub(super) fn folder(text: &str) -> Result<String, String> {
    let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    match names.contains(&"..") {
        true => Err("`folder` leads out of the repository".to_owned()),
        false => Ok(names.join("/")),
    }
}

/// The tree of a folder at a commit, if it is there.
pub(super) fn of_folder(
    repository: &Repository,
    commit: ObjectId,
    folder: &str,
) -> Result<Option<ObjectId>, GitError> {
    let root = repository.find_commit(commit)?.tree()?;
    if folder.is_empty() {
        return Ok(Some(root.id));
    }
    let entry = root.lookup_entry(folder.split('/').map(str::as_bytes))?;
    Ok(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.object_id()))
}

/// Lists the files of a folder at a commit, by their paths.
pub(super) fn list(
    repository: &Repository,
    commit: ObjectId,
    folder: &str,
    shown: &str,
) -> Result<Listed, GitError> {
    let root = of_folder(repository, commit, folder)?;
    let root = root.ok_or_else(|| GitError::Absent(format!("folder `{folder}` at commit {commit}")))?;
    let mut walk = Walk {
        repository,
        root,
        shown,
        files: BTreeMap::new(),
        rejected: Vec::new(),
        seen: HashSet::from([String::new()]),
        links: VecDeque::new(),
        num_folders: 0,
        num_entries: 0,
        num_looked_at: 0,
    };
    walk.descend(Place { real: String::new(), shown: String::new(), depth: 0, id: root })?;
    walk.follow_links()?;
    let Walk { files, rejected, .. } = walk;
    let mut is_whole = true;
    let mut items = Vec::with_capacity(files.len());
    for (key, file) in &files {
        let header = repository.find_header(file.id);
        is_whole &= header.is_ok();
        let bytes = header.map_or(0, |header| header.size());
        items.push(Item { key: key.clone(), version: Some(file.id.to_string()), bytes });
    }
    Ok(Listed { items, files: files.into_iter().collect(), rejected, is_whole, root })
}

/// A folder or a file that is met.
struct Place {
    /// The path below the folder that is read.
    real: String,
    /// The same as it is seen through links.
    shown: String,
    depth: usize,
    id: ObjectId,
}

/// The target of a link.
enum Target {
    Folder(String, ObjectId),
    File(String, ObjectId),
    Nothing,
    Outside,
    TooFar,
}

struct Walk<'r> {
    repository: &'r Repository,
    root: ObjectId,
    /// The repository, as reports name it.
    shown: &'r str,
    files: BTreeMap<String, File>,
    rejected: Vec<Rejection>,
    /// Folders and files that were met, by their paths without links.
    seen: HashSet<String>,
    links: VecDeque<Place>,
    num_folders: usize,
    num_entries: usize,
    num_looked_at: usize,
}

impl Walk<'_> {
    fn reject(&mut self, path: &str, reason: &str) {
        self.rejected.push(Rejection::new(shown_path(self.shown, path), reason));
    }

    /// Reports a file that is left out by convention or on purpose, which is not a fault.
    fn leave_out(&mut self, path: &str, reason: &str) {
        let rejection = Rejection::new(shown_path(self.shown, path), reason);
        self.rejected.push(Rejection { by_convention: true, ..rejection });
    }

    /// Lists the files below a folder. Links are put aside.
    fn descend(&mut self, from: Place) -> Result<(), GitError> {
        let mut folders = vec![from];
        while let Some(folder) = folders.pop() {
            self.num_folders += 1;
            if self.num_folders > MAX_FOLDERS {
                let reason = format!("it has more than {MAX_FOLDERS} folders; name a `folder` of it");
                return Err(GitError::Refused(reason));
            }
            let tree = self.repository.find_tree(folder.id)?;
            for entry in tree.iter() {
                let entry = entry?;
                self.num_entries += 1;
                if self.num_entries > MAX_ENTRIES {
                    let reason = format!("it has more than {MAX_ENTRIES} entries; name a `folder` of it");
                    return Err(GitError::Refused(reason));
                }
                let name = entry.filename().to_str_lossy();
                let place = Place {
                    real: joined(&folder.real, &name),
                    shown: joined(&folder.shown, &name),
                    depth: folder.depth + 1,
                    id: entry.object_id(),
                };
                let is_named = entry.filename().to_str().is_ok() && !name.is_empty() && !name.contains('/');
                let kind = entry.mode().kind();
                if !is_named {
                    self.reject(&place.shown, "the name is not UTF-8, or is none; rename the file");
                } else if let Some(reason) = left_out(&name, kind == EntryKind::Tree) {
                    self.leave_out(&place.shown, reason);
                } else {
                    match kind {
                        EntryKind::Tree if place.depth >= MAX_DEPTH => {
                            self.reject(&place.shown, &format!("more than {MAX_DEPTH} folders deep"));
                        }
                        EntryKind::Tree if !self.seen.insert(place.real.clone()) => {
                            self.leave_out(&place.shown, "a folder that is read under another name");
                        }
                        EntryKind::Tree => folders.push(place),
                        EntryKind::Blob | EntryKind::BlobExecutable => self.take(place),
                        EntryKind::Link => self.links.push_back(place),
                        EntryKind::Commit => self.leave_out(
                            &place.shown,
                            "a submodule; make its repository a source to have its files",
                        ),
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, Place { real, shown, id, .. }: Place) {
        if !self.seen.insert(real.clone()) {
            return self.leave_out(&shown, "a file that is read under another name");
        }
        match id_path(Path::new(&shown)) {
            Ok(path) if !self.files.contains_key(&path) => {
                self.files.insert(path, File { id, real });
            }
            Ok(_) => self.reject(&shown, "a second file of this name"),
            Err(reason) => self.reject(&shown, reason),
        }
    }

    /// Follows the links that were put aside, and those that are met on the way.
    fn follow_links(&mut self) -> Result<(), GitError> {
        while let Some(link) = self.links.pop_front() {
            let target = self.target(&link)?;
            let is_closed = |path: &str| path.split('/').any(|name| CLOSED_FOLDERS.contains(&name));
            match target {
                Target::Nothing => self.reject(&link.shown, "a symbolic link to nothing"),
                Target::TooFar => self.reject(&link.shown, "a symbolic link that leads too far"),
                Target::Outside => {
                    self.reject(
                        &link.shown,
                        "a symbolic link that leads out of the folder; it is not followed",
                    );
                }
                Target::Folder(real, _) | Target::File(real, _) if is_closed(&real) => self.reject(
                    &link.shown,
                    "a symbolic link into a folder that holds no documents; it is not followed",
                ),
                Target::Folder(real, id) => {
                    let place = Place { real, shown: link.shown, depth: link.depth, id };
                    if place.depth > MAX_DEPTH {
                        self.reject(&place.shown, &format!("more than {MAX_DEPTH} folders deep"));
                    } else if self.seen.insert(place.real.clone()) {
                        self.descend(place)?;
                    } else {
                        self.leave_out(
                            &place.shown,
                            "a symbolic link to a folder that is read under another name",
                        );
                    }
                }
                Target::File(real, _) if name_of(&real).starts_with('.') => {
                    self.reject(&link.shown, "a symbolic link to a hidden file; it is not followed");
                }
                Target::File(real, id) => self.take(Place { real, id, ..link }),
            }
        }
        Ok(())
    }

    /// The target of a link, through others on the way.
    fn target(&mut self, link: &Place) -> Result<Target, GitError> {
        let mut at: Vec<String> = link.real.split('/').map(str::to_owned).collect();
        // The names that are still to be walked, the next one last.
        let mut rest = vec![at.pop().unwrap_or_default()];
        let mut num_hops = 0;
        let mut met = (EntryKind::Tree, self.root);
        while let Some(name) = rest.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => match at.pop() {
                    Some(_) => met.0 = EntryKind::Tree,
                    None => return Ok(Target::Outside),
                },
                _ => {
                    at.push(name);
                    let Some(found) = self.entry(&at)? else {
                        return Ok(match self.num_looked_at > MAX_LOOKED_AT {
                            true => Target::TooFar,
                            false => Target::Nothing,
                        });
                    };
                    met = found;
                }
            }
            if met.0 == EntryKind::Link {
                num_hops += 1;
                if num_hops > MAX_HOPS {
                    return Ok(Target::TooFar);
                }
                at.pop();
                let Some(text) = self.link(met.1)? else { return Ok(Target::Nothing) };
                if text.starts_with('/') {
                    return Ok(Target::Outside);
                }
                rest.extend(text.split('/').rev().map(str::to_owned));
                met.0 = EntryKind::Tree;
            }
        }
        // After `..` the folder is known by its path only.
        let (kind, id) =
            if at.is_empty() { (EntryKind::Tree, self.root) } else { self.entry(&at)?.unwrap_or(met) };
        Ok(match kind {
            EntryKind::Tree => Target::Folder(at.join("/"), id),
            EntryKind::Blob | EntryKind::BlobExecutable => Target::File(at.join("/"), id),
            EntryKind::Link | EntryKind::Commit => Target::Nothing,
        })
    }

    /// The entry at a path without links, as long as looking for it is worth it.
    fn entry(&mut self, path: &[String]) -> Result<Option<(EntryKind, ObjectId)>, GitError> {
        let mut met = (EntryKind::Tree, self.root);
        for name in path {
            if met.0 != EntryKind::Tree {
                return Ok(None);
            }
            let tree = self.repository.find_tree(met.1)?;
            let mut found = None;
            for entry in tree.iter() {
                let entry = entry?;
                self.num_looked_at += 1;
                if entry.filename() == name.as_str() {
                    found = Some((entry.mode().kind(), entry.object_id()));
                    break;
                }
            }
            if self.num_looked_at > MAX_LOOKED_AT {
                return Ok(None);
            }
            let Some(next) = found else { return Ok(None) };
            met = next;
        }
        Ok(Some(met))
    }

    /// The text of a link; `None` if it is too long or not UTF-8.
    fn link(&self, id: ObjectId) -> Result<Option<String>, GitError> {
        if self.repository.find_header(id)?.size() > MAX_LINK_BYTES {
            return Ok(None);
        }
        Ok(String::from_utf8(self.repository.find_blob(id)?.take_data()).ok())
    }
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The files of a folder at a commit.
pub(super) struct CommitTree {
    pub(super) repository: ThreadSafeRepository,
    /// The repository, as reports name it.
    pub(super) shown: String,
    pub(super) folder: String,
    pub(super) commit: ObjectId,
    pub(super) branch: Option<String>,
    pub(super) files: HashMap<String, File>,
    /// When each file was last changed, by its path without links.
    pub(super) changes: HashMap<String, Change>,
    pub(super) web: Option<Web>,
    /// Is told of objects that cannot be read.
    pub(super) broken: Option<Cache>,
    pub(super) archives: Archives,
    /// Held until the files were read.
    pub(super) _lock: Option<Arc<Lock>>,
}

impl CommitTree {
    /// The items with those of archives in their places.
    pub(super) fn expanded(&self, items: Vec<Item>, rejected: Vec<Rejection>) -> Expanded {
        let mut expanded = Expanded::new(rejected, true);
        for item in items {
            if !is_archive(&item.key) {
                expanded.items.push(item);
                continue;
            }
            let contents = self.open(&item.key).map(|(archive, contents)| {
                self.archives.keep(&item.key, archive);
                contents
            });
            let rejection = |path: &str| Rejection::new(self.shown(path), "");
            expanded.add(&item.key, item.version.as_deref(), contents, rejection);
        }
        expanded
    }

    fn open(&self, key: &str) -> Result<(Archive, Contents), ReadError> {
        let bytes = self.blob(self.files.get(key).ok_or(ReadError::Gone)?, |bytes| {
            let reason = || format!("an archive of {bytes} bytes; at most {MAX_ARCHIVE_BYTES} are opened");
            if bytes > MAX_ARCHIVE_BYTES { Err(ReadError::Refused(reason())) } else { Ok(()) }
        })?;
        Archive::open(key, Box::new(Cursor::new(bytes))).map_err(ReadError::Refused)
    }

    /// The bytes of a file whose size `check` allows.
    fn blob(
        &self,
        file: &File,
        check: impl FnOnce(u64) -> Result<(), ReadError>,
    ) -> Result<Vec<u8>, ReadError> {
        let repository = self.repository.to_thread_local();
        let unreadable = |error: gix::Error| {
            if let Some(cache) = &self.broken {
                cache.note_broken();
            }
            ReadError::Io(io::Error::other(error.to_string()))
        };
        let header = repository.find_header(file.id).map_err(unreadable)?;
        if header.kind() != Kind::Blob {
            return Err(ReadError::Refused("it is no file".to_owned()));
        }
        check(header.size())?;
        let bytes = repository.find_blob(file.id).map_err(unreadable)?.take_data();
        if bytes.len() <= MAX_POINTER_BYTES && bytes.starts_with(LARGE_FILE) {
            let reason = "its content is in Git's large file storage, which is not read";
            return Err(ReadError::Refused(reason.to_owned()));
        }
        Ok(bytes)
    }
}

impl FileTree for CommitTree {
    fn shown(&self, path: &str) -> String {
        shown_path(&self.shown, &joined(&self.folder, path))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        if let Some(file) = self.files.get(path) {
            return self.blob(file, |bytes| match bytes > MAX_FILE_BYTES {
                true => Err(ReadError::TooLarge { bytes }),
                false => Ok(()),
            });
        }
        let place = within_archive(path, |key| self.files.contains_key(key)).ok_or(ReadError::Gone)?;
        self.archives.read(place, |key| self.open(key))
    }

    fn origin(&self, path: &str) -> Origin {
        let archive = || self.files.get(within_archive(path, |key| self.files.contains_key(key))?.0);
        let Some(file) = self.files.get(path).or_else(archive) else { return Origin::default() };
        let change = self.changes.get(&file.real);
        let commit = change.and_then(|change| change.commit);
        let url = self.web.as_ref().map(|web| {
            let path = joined(&self.folder, &file.real);
            web.url(&path, commit, self.commit, self.branch.as_deref())
        });
        Origin { url, updated_at: change.and_then(|change| change.at) }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_folder_stays_within_the_repository() {
        for (text, expected) in [("", ""), ("/", ""), ("./docs//en/", "docs/en"), ("docs", "docs")] {
            assert_eq!(super::folder(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(super::folder("docs/../..").is_err());
    }
}
