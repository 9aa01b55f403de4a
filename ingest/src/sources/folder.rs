//! A folder on disk. The only file that walks one.
//!
//! [`resolve`] turns the command line's paths into [`Folder`]s, [`Folder::list`] finds the files, [`Folder::read`] reads
//! one. Only regular files below the root are read: pipes, devices and sockets are reported instead, and a file that is
//! swapped for something else between listing and reading is noticed.
//!
//! Links are followed where they stay below the root, as in a mounted ConfigMap (`page.md -> ..data/page.md`) or a folder of
//! git-sync (`current -> .worktrees/<commit>`): after everything else, so that a file has the name without a link where it
//! has one, and once each, so that there are no loops. What they lead to is known by the link's own name.

use super::{
    Listing as SourceListing, Source, SourceError, SyncState,
    archives::Expanded,
    files::{self, MAX_FILE_BYTES, ReadError},
    folder_tree::FolderTree,
};
use crate::{formats::Defaults, loader::blocking, report::Rejection};
use async_trait::async_trait;
use kb::{files::not_regular, redact::redact, store::CHUNKER_VERSION, text::is_invisible};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    ffi::OsString,
    fs::{File, Metadata, OpenOptions},
    hash::{Hash as _, Hasher as _},
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use walkdir::WalkDir;

/// Folders deeper than this below the root are refused.
pub const MAX_DEPTH: usize = 64;

/// A folder with more entries than this fails to list.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Folders that hold other people's code; not descended into. Hidden ones are not either.
const FOREIGN_FOLDERS: [&str; 1] = ["node_modules"];

/// Folders into which no link is followed either, for they hold what is nobody's document.
pub(super) const CLOSED_FOLDERS: [&str; 5] = [".git", ".hg", ".ssh", ".svn", "node_modules"];

/// Why the paths on the command line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// There is nothing at the path.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// As typed.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The path ends in no name.
    #[error("`{path}` gives no name for its source; give one with `--source NAME`")]
    Nameless {
        /// As typed.
        path: String,
    },
    /// A source's name would make ids ambiguous.
    #[error(
        "`{name}` cannot name a source: use a name without `/`, control and invisible characters, other than `.` and `..`"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// Two paths would feed one source, and each would remove the other's documents.
    #[error(
        "`{first}` and `{second}` are both source `{name}`; ingest them in two runs with different `--source` names"
    )]
    SameSource {
        /// The name.
        name: String,
        /// One path.
        first: String,
        /// The other.
        second: String,
    },
    /// `--source` names one source only.
    #[error("`--source` renames one PATH, but {paths} were given; run `ingest` once for each")]
    OneNameManyPaths {
        /// How many.
        paths: usize,
    },
}

/// Why a folder could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The folder itself cannot be read.
    #[error("failed to list `{path}`")]
    Root {
        /// The folder.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// There are too many entries.
    #[error("`{path}` has more than {MAX_ENTRIES} entries; ingest its subfolders one by one")]
    TooMany {
        /// The folder.
        path: String,
    },
}

/// A source on disk: a folder, or one file of it.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The source's name.
    pub name: String,
    /// What was typed; reports name files by it.
    shown_root: PathBuf,
    root: PathBuf,
    /// Set when the path named a file: the file's name.
    only: Option<PathBuf>,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Regular files, by relative path.
    pub files: Vec<ListedFile>,
    /// What is no regular file, or is left out.
    pub rejected: Vec<Rejection>,
    /// Whether everything below the root was seen. Otherwise nothing may be removed for being absent.
    pub complete: bool,
}

impl Listing {
    /// A number that differs when files came, went or were written.
    fn stamp(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        for file in &self.files {
            (&file.relative, file.bytes, file.modified, file.identity).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// A regular file at the time of listing.
#[derive(Debug, Clone)]
pub struct ListedFile {
    /// Path below the root, with `/`.
    pub relative: String,
    /// Size when it was listed.
    pub bytes: u64,
    modified: Option<SystemTime>,
    /// The path without any link in it.
    real: PathBuf,
    /// Whether a link leads to it, which may lead elsewhere the next moment.
    is_linked: bool,
    identity: Option<(u64, u64)>,
}

impl ListedFile {
    /// Where it is, without any link.
    pub(super) fn path(&self) -> &Path {
        &self.real
    }
}

/// Turns the command line's paths into sources; `name` is `--source`.
pub fn resolve(paths: &[PathBuf], name: Option<&str>) -> Result<Vec<Folder>, PathError> {
    if name.is_some() && paths.len() > 1 {
        return Err(PathError::OneNameManyPaths { paths: paths.len() });
    }
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut folders = Vec::with_capacity(paths.len());
    for path in paths {
        let folder = Folder::at(path, name)?;
        let shown = path.display().to_string();
        if let Some(first) = taken.insert(folder.name.clone(), shown.clone()) {
            return Err(PathError::SameSource { name: folder.name, first, second: shown });
        }
        folders.push(folder);
    }
    Ok(folders)
}

/// The command line's paths as sources whose documents have these defaults.
pub fn sources(
    paths: &[PathBuf],
    name: Option<&str>,
    defaults: &Defaults,
) -> Result<Vec<Arc<dyn Source>>, PathError> {
    let of = |folder| Arc::new(FolderSource { folder, defaults: defaults.clone() }) as Arc<dyn Source>;
    Ok(resolve(paths, name)?.into_iter().map(of).collect())
}

/// A folder with what holds for its documents.
pub struct FolderSource {
    folder: Folder,
    defaults: Defaults,
}

impl FolderSource {
    /// The folder, or the one file, at `path`; named `name`, or after its last component.
    pub fn at(path: &Path, name: Option<&str>, defaults: Defaults) -> Result<Self, PathError> {
        Ok(Self { folder: Folder::at(path, name)?, defaults })
    }
}

#[async_trait]
impl Source for FolderSource {
    fn name(&self) -> &str {
        &self.folder.name
    }

    fn shown(&self) -> String {
        self.folder.shown("")
    }

    fn is_part(&self) -> bool {
        self.folder.only.is_some()
    }

    async fn stamp(&self) -> Option<u64> {
        let folder = self.folder.clone();
        // A folder that cannot be listed has a stamp of its own: the run says why.
        let stamp = move || folder.list().map_or(0, |listing| listing.stamp());
        blocking(stamp).await.ok()
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.folder.root.clone())
    }

    fn settings(&self) -> String {
        format!("{:?} {CHUNKER_VERSION} {}", self.defaults, env!("CARGO_PKG_VERSION"))
    }

    async fn list(&self, before: &SyncState) -> Result<SourceListing, SourceError> {
        let (folder, defaults, looks) = (self.folder.clone(), self.defaults.clone(), before.looks.clone());
        let list = move || {
            let Listing { files, rejected, complete } = folder.list()?;
            let is_complete = complete && folder.only.is_none();
            let name = folder.name.clone();
            let expanded = Expanded::new(rejected, is_complete);
            let (tree, expanded, exports) = FolderTree::of(folder, files, expanded);
            let Expanded { items, rejected, is_complete } = expanded;
            let tree = Arc::new(tree);
            let listing = files::listing(&name, tree, items, is_complete, rejected, &defaults, looks);
            Ok::<_, ListError>((listing, exports))
        };
        let listed = blocking(list).await;
        let listed = listed.map_err(|error| SourceError::failed(self.name(), error.to_string()))?;
        let (listing, exports) = listed?;
        Ok(exports.added_to(self.name(), &self.defaults, listing).await)
    }
}

/// Whether a source may be named so.
pub fn check_name(name: &str) -> Result<(), PathError> {
    let is_odd = |c: char| c == '/' || c.is_control() || is_invisible(c);
    match name.is_empty() || name == "." || name == ".." || name.chars().any(is_odd) {
        true => Err(PathError::BadName { name: name.to_owned() }),
        false => Ok(()),
    }
}

impl Folder {
    pub(crate) fn at(path: &Path, name: Option<&str>) -> Result<Self, PathError> {
        let shown = path.display().to_string();
        let unreadable = |source| PathError::Unreadable { path: shown.clone(), source };
        let nameless = || PathError::Nameless { path: shown.clone() };
        // A link named on the command line is the user's own choice when it leads to a folder; a link to a file is
        // followed like any other when it is listed.
        let is_folder =
            std::fs::metadata(path).or_else(|_| path.symlink_metadata()).map_err(unreadable)?.is_dir();
        let (root, only) = if is_folder {
            (path.to_owned(), None)
        } else {
            let file = path.file_name().ok_or_else(nameless)?;
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            (parent.to_owned(), Some(PathBuf::from(file)))
        };
        let name = match name {
            Some(name) => name.to_owned(),
            None => last_component(&root).map_err(unreadable)?.ok_or_else(nameless)?,
        };
        check_name(&name)?;
        Ok(Self { name, shown_root: root.clone(), root, only })
    }

    /// How reports name a file of this source.
    pub fn shown(&self, relative: &str) -> String {
        redact(&self.shown_root.join(relative).display().to_string()).text.into_owned()
    }

    /// Finds the files, sorted by path but for those that links lead to. Only those are opened that are so short that they
    /// may be a link's text.
    pub fn list(&self) -> Result<Listing, ListError> {
        let shown = || self.shown_root.display().to_string();
        // The root may be a link that was typed.
        let root = self.root.canonicalize().map_err(|source| ListError::Root { path: shown(), source })?;
        let mut walk = Walk { is_linked: self.is_link(), ..Walk::new(self, root.clone()) };
        match &self.only {
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

    /// Whether the root itself is reached through a link.
    fn is_link(&self) -> bool {
        self.root.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
    }

    pub(super) fn rejection(&self, relative: &Path, reason: impl Into<String>) -> Rejection {
        // Control characters in a name would forge lines of a report, others turn its letters around.
        let path: String = self.shown_root.join(relative).to_string_lossy().chars().map(visible).collect();
        Rejection::new(redact(&path).text, reason)
    }

    /// Reads a file's bytes, at most [`MAX_FILE_BYTES`].
    pub fn read(&self, file: &ListedFile) -> Result<Vec<u8>, ReadError> {
        let (opened, length) = self.open(file)?;
        if length > MAX_FILE_BYTES {
            return Err(ReadError::TooLarge { bytes: length });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
        opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        match bytes.len() as u64 {
            len if len > MAX_FILE_BYTES => Err(ReadError::TooLarge { bytes: len }),
            _ => Ok(bytes),
        }
    }

    /// Opens the file that was listed, and no other that has taken its place; gives its length.
    pub(super) fn open(&self, file: &ListedFile) -> Result<(File, u64), ReadError> {
        let opened = open_regular(&file.real).map_err(|error| match error {
            // Where a link led, there may be a newer version by now; what is stored stays until that is seen.
            ReadError::Gone if file.is_linked => ReadError::Swapped,
            error => error,
        })?;
        let metadata = opened.metadata().map_err(ReadError::Io)?;
        let is_in_place = || file.real.canonicalize().is_ok_and(|path| path == file.real);
        if !metadata.is_file() || identity(&metadata) != file.identity || !is_in_place() {
            return Err(ReadError::Swapped);
        }
        Ok((opened, metadata.len()))
    }
}

/// One listing under way.
struct Walk<'f> {
    folder: &'f Folder,
    /// Without links.
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

    /// Nothing is lost by it, so it is no fault.
    fn leave_out(&mut self, relative: &Path, reason: impl Into<String>) {
        let rejection = self.folder.rejection(relative, reason);
        self.listing.rejected.push(Rejection { by_convention: true, ..rejection });
    }

    /// Lists what is below a folder without links in its path; from the root it is seen as `below`. Links are put aside.
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

    /// Sorts one entry that is no folder into files, links and rejections.
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

    /// The file that a link leads to which is written as a text: so a checkout on a file system without links has them, and
    /// an archive that was unpacked there. The text is one relative path to a file below the root, and nothing else.
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
            // Between the two looks the target may have become a link itself.
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

/// The names of the relative path, the last one first, that is all the text of a file. A path without a folder is one only
/// where it is hidden: anything else may be a word.
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

/// The name that a folder's path ends in; `.`, `..` and `/` ask the file system.
fn last_component(path: &Path) -> io::Result<Option<String>> {
    let named = |path: &Path| match path.components().next_back() {
        Some(Component::Normal(name)) => name.to_str().map(str::to_owned),
        _ => None,
    };
    match named(path) {
        Some(name) => Ok(Some(name)),
        None => Ok(named(&path.canonicalize()?)),
    }
}

pub(super) fn left_out(name: &str, is_folder: bool) -> Option<&'static str> {
    if name.starts_with('.') {
        return Some(if is_folder { "hidden folder; not looked into" } else { "hidden file" });
    }
    (is_folder && FOREIGN_FOLDERS.contains(&name)).then_some("folder of dependencies; not looked into")
}

/// The path as it stands in ids.
pub(super) fn id_path(relative: &Path) -> Result<String, &'static str> {
    let mut path = String::new();
    for component in relative.components() {
        let Some(name) = component.as_os_str().to_str() else {
            return Err("the name is not UTF-8; rename the file");
        };
        if name.chars().any(char::is_control) {
            return Err("the name holds control characters; rename the file");
        }
        if name.chars().any(is_invisible) {
            return Err("the name holds characters that are not seen; rename the file");
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
    }
    Ok(path)
}

pub(super) fn visible(character: char) -> char {
    if character.is_control() || is_invisible(character) { char::REPLACEMENT_CHARACTER } else { character }
}

/// Device and inode, where the platform has them.
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Opens without following a link that took the file's place, and without waiting for the other end of a pipe.
fn open_regular(path: &Path) -> Result<File, ReadError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Gone,
        _ if is_loop(&error) => ReadError::Swapped,
        _ => ReadError::Io(error),
    })
}

/// Whether a link was in the way: one that is not followed, or that leads to itself.
fn is_loop(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn folder(path: &Path) -> Folder {
        resolve(&[path.to_owned()], None).expect("it is a folder").remove(0)
    }

    #[test]
    fn sources_are_named_after_the_last_component() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let docs = dir.path().join("docs");
        fs::create_dir_all(docs.join("sub")).expect("it can be made");
        fs::write(docs.join("sub/page.md"), "x").expect("it can be written");
        for (path, name) in [
            ("docs", "docs"),
            ("docs/", "docs"),
            ("docs/.", "docs"),
            ("docs/sub/..", "docs"),
            ("docs/sub", "sub"),
            ("docs/sub/page.md", "sub"),
        ] {
            assert_eq!(folder(&dir.path().join(path)).name, name, "{path}");
        }
        let both = [docs.clone(), docs.join("sub/..")];
        assert!(matches!(resolve(&both, None), Err(PathError::SameSource { .. })));
        assert!(matches!(resolve(&both, Some("x")), Err(PathError::OneNameManyPaths { paths: 2 })));
        for bad in ["", "a/b", "..", "a\nb", "a\u{202e}b"] {
            assert!(
                matches!(resolve(std::slice::from_ref(&docs), Some(bad)), Err(PathError::BadName { .. })),
                "{bad:?}"
            );
        }
        assert!(matches!(resolve(&[PathBuf::from("/")], None), Err(PathError::Nameless { .. })));
    }

    #[test]
    fn names_that_are_not_what_they_seem_are_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["a\u{202e}dm.exe.md", "b\u{200b}.md", "c\u{1b}[31m.md", "頁.md"] {
            fs::write(dir.path().join(name), "text").expect("it can be written");
        }
        let listing = folder(dir.path()).list().expect("it lists");
        let files: Vec<&str> = listing.files.iter().map(|file| file.relative.as_str()).collect();
        assert_eq!(files, ["頁.md"]);
        assert_eq!(listing.rejected.len(), 3);
        for rejection in &listing.rejected {
            assert!(rejection.path.contains(char::REPLACEMENT_CHARACTER), "{rejection:?}");
            assert!(!rejection.path.chars().any(is_invisible), "{rejection:?}");
        }
    }

    /// Makes files and links (`name -> target`), and lists them as `path` for a file and `path: reason` for what is none.
    #[track_caller]
    fn check_listed(entries: &[&str], root: &str, expected: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for entry in entries {
            let (path, target) = match entry.split_once(" -> ") {
                Some((path, target)) => (path, Some(target)),
                None => (*entry, None),
            };
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            match target {
                Some(target) => symlink(target, &path).expect("a link can be made"),
                None => fs::write(&path, *entry).expect("it can be written"),
            }
        }
        let folder = folder(&dir.path().join(root));
        let listing = folder.list().expect("it lists");
        for file in &listing.files {
            folder.read(file).unwrap_or_else(|error| panic!("{}: {error}", file.relative));
        }
        let shown_root = dir.path().join(root);
        let rejected = listing.rejected.iter().filter(|rejection| !rejection.reason.starts_with("hidden"));
        let rejected = rejected.map(|rejection| {
            let path = Path::new(&rejection.path).strip_prefix(&shown_root).expect("below the root");
            let reason = rejection.reason.trim_start_matches("a symbolic link ");
            format!("{}: {}", path.display(), &reason[..reason.floor_char_boundary(16)])
        });
        let mut listed: Vec<String> =
            listing.files.iter().map(|file| file.relative.clone()).chain(rejected).collect();
        listed.sort();
        assert_eq!(listed, expected, "{entries:?}");
        dir
    }

    #[test]
    fn links_that_stay_below_the_root_are_followed_once() {
        // A mounted ConfigMap, with a folder of its items.
        check_listed(
            &[
                "cm/..2026_11_27/relay.md",
                "cm/..2026_11_27/sub/queue.md",
                "cm/..data -> ..2026_11_27",
                "cm/relay.md -> ..data/relay.md",
                "cm/sub -> ..data/sub",
            ],
            "cm",
            &["relay.md", "sub/queue.md"],
        );
        // A folder of git-sync: named itself, and by its link.
        let git =
            ["git/.worktrees/5f3a/docs/a.md", "git/.worktrees/5f3a/.git", "git/current -> .worktrees/5f3a"];
        check_listed(&git, "git", &["current/docs/a.md"]);
        check_listed(&git, "git/current", &["docs/a.md"]);
        // A file has its own name where it is seen under it.
        check_listed(
            &["k/latest -> v2", "k/v2/a.md", "k/b.md -> v2/a.md", "k/c.md -> v2/a.md"],
            "k",
            &["b.md: a file that is r", "c.md: a file that is r", "latest: to a folder that", "v2/a.md"],
        );
        check_listed(
            &["k/b.md -> .h/a.md", "k/c.md -> .h/a.md", "k/.h/a.md"],
            "k",
            &["b.md", "c.md: a file that is r"],
        );
        // Loops.
        check_listed(
            &["k/a.md", "k/self -> .", "k/sub/up -> ..", "k/x -> y", "k/y -> x"],
            "k",
            &[
                "a.md",
                "self: to a folder that",
                "sub/up: to a folder that",
                "x: that cannot be f",
                "y: that cannot be f",
            ],
        );
        check_listed(
            &["k/.h/a.md", "k/.h/l -> ..", "k/p -> .h", "k/q -> .h/l"],
            "k",
            &["p/a.md", "p/l: to a folder that", "q: to a folder that"],
        );
        check_listed(
            &["k/.h/a.md", "k/.h/s/b.md", "k/p -> .h/s", "k/q -> .h"],
            "k",
            &["p/b.md", "q/a.md", "q/s: a folder that is"],
        );
    }

    #[test]
    fn links_that_leave_the_root_are_refused() {
        check_listed(
            &[
                "secret.md",
                "other/a.md",
                "k/out.md -> ../secret.md",
                "k/far -> ../other",
                "k/etc.md -> /etc/passwd",
                "k/none.md -> nothing",
                "k/via.md -> ../k/../secret.md",
                "k/hop.md -> hop2",
                "k/hop2 -> ../secret.md",
                "k/back.md -> ../k/.h/page.md",
                "k/.h/page.md",
                "k/token.md -> .git/config",
                "k/.git/config",
                "k/git -> .git",
                "k/env.md -> .env",
                "k/.env",
            ],
            "k",
            &[
                "back.md",
                "env.md: to a hidden file",
                "etc.md: that leads out o",
                "far: that leads out o",
                "git: into a folder th",
                "hop.md: that leads out o",
                "hop2: that leads out o",
                "none.md: to nothing",
                "out.md: that leads out o",
                "token.md: into a folder th",
                "via.md: that leads out o",
            ],
        );
        check_listed(&["k/a.md -> ..data/a.md", "k/..data/a.md"], "k/a.md", &["a.md"]);
    }

    #[test]
    fn links_that_are_written_as_texts_are_followed() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let root = dir.path().join("k");
        for (path, text) in [
            ("k/..1/relay.md", "# Relay\n\nStart it.\n"),
            ("k/..data", "..1"),
            ("k/relay.md", "..data/relay.md"),
            ("k/note.md", "see/also the page"),
            ("k/word.md", "either/or"),
            ("k/out.md", "../secret.md"),
            ("k/closed.md", ".git/config"),
            ("k/.git/config", "x"),
            ("k/loop.md", "./loop.md"),
            ("secret.md", "secret"),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
        let folder = folder(&root);
        let listing = folder.list().expect("it lists");
        let read =
            |file: &ListedFile| String::from_utf8(folder.read(file).expect("it can be read")).expect("text");
        let found: Vec<(String, String)> =
            listing.files.iter().map(|file| (file.relative.clone(), read(file))).collect();
        let expected = [
            ("closed.md", ".git/config"),
            ("loop.md", "./loop.md"),
            ("note.md", "see/also the page"),
            ("out.md", "../secret.md"),
            ("relay.md", "# Relay\n\nStart it.\n"),
            ("word.md", "either/or"),
        ];
        assert_eq!(found, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    }

    #[test]
    fn what_a_link_led_to_may_be_replaced() {
        let dir = check_listed(&["k/.w/1/a.md", "k/.w/2/a.md", "k/now -> .w/1"], "k", &["now/a.md"]);
        let folder = folder(&dir.path().join("k"));
        let listing = folder.list().expect("it lists");
        fs::remove_dir_all(dir.path().join("k/.w/1")).expect("it can be removed");
        let read = folder.read(&listing.files[0]);
        assert!(matches!(read, Err(ReadError::Swapped)), "its content is unknown, not gone: {read:?}");
        symlink("2", dir.path().join("k/.w/1")).expect("a link can be made");
        assert!(matches!(folder.read(&listing.files[0]), Err(ReadError::Swapped)), "a folder became a link");
    }

    #[test]
    fn a_file_swapped_for_a_link_is_noticed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (page, secret) = (dir.path().join("page.md"), dir.path().join("secret"));
        fs::write(&page, "text").expect("it can be written");
        fs::write(&secret, "secret").expect("it can be written");
        let folder = folder(dir.path());
        let listing = folder.list().expect("it lists");
        let file = listing.files.iter().find(|file| file.relative == "page.md").expect("it was listed");
        assert_eq!(folder.read(file).expect("it reads"), b"text");
        fs::remove_file(&page).expect("it can be removed");
        assert!(matches!(folder.read(file), Err(ReadError::Gone)));
        symlink(&secret, &page).expect("a link can be made");
        assert!(matches!(folder.read(file), Err(ReadError::Swapped)));
        fs::remove_file(&page).expect("it can be removed");
        fs::rename(&secret, &page).expect("it can be renamed");
        assert!(matches!(folder.read(file), Err(ReadError::Swapped)), "another file under the name");
    }
}

#[cfg(test)]
mod contract_tests {
    use super::*;
    use crate::sources::contract::{SourceUnderTest, contract_tests};
    use std::fs;

    struct TestFolder(tempfile::TempDir);

    impl TestFolder {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            fs::create_dir(directory.path().join("docs")).expect("it can be made");
            Self(directory)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("docs").join(format!("{name}.md"))
        }
    }

    #[async_trait]
    impl SourceUnderTest for TestFolder {
        fn open(&self) -> Arc<dyn Source> {
            let path = self.0.path().join("docs");
            Arc::new(FolderSource::at(&path, None, Defaults::default()).expect("it is there"))
        }

        async fn put(&self, name: &str, word: &str) {
            fs::write(self.path(name), format!("# Page {name}\n\nThe word is {word}.\n")).expect("space");
        }

        async fn remove(&self, name: &str) {
            fs::remove_file(self.path(name)).expect("it is there");
        }

        async fn fail_item(&self, _name: Option<&str>) -> bool {
            false
        }

        async fn cut_listing(&self, _is_cut: bool) -> bool {
            false
        }
    }

    contract_tests!(TestFolder::new());
}
