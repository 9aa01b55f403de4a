//! A folder on disk, which `walk.rs` alone walks.
//!
//! [`resolve`] turns the command line's paths into [`Folder`]s, [`Folder::list`] finds the files, [`Folder::read`]
//! reads one. Only regular files below the root are read: pipes, devices and sockets are reported instead, and a file
//! that is swapped for something else between listing and reading is noticed.
//!
//! Links are followed where they stay below the root, as in a mounted ConfigMap (`page.md -> ..data/page.md`) or a
//! folder of git-sync (`current -> .worktrees/<commit>`): after everything else, so that a file has the name without a
//! link where it has one, and once each, so that there are no loops. A file or folder that is reached through a link
//! has the link's own name.

mod names;
mod open;
#[cfg(all(test, unix))]
mod tests;
mod tree;
mod walk;

use self::{names::last_component, tree::FolderTree};
use super::{
    Listing as SourceListing, Source, SourceError, SyncState,
    archives::Expanded,
    files::{self, MAX_FILE_BYTES, ReadError},
};
use crate::{blocking::blocking, formats::Defaults, report::Rejection};
use async_trait::async_trait;
use kb::{redact::redact, store::CHUNKER_VERSION};
use std::{
    collections::BTreeMap,
    fs::File,
    hash::{Hash as _, Hasher as _},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

pub use names::check_name;
pub(super) use names::{CLOSED_FOLDERS, id_path, left_out, visible};

/// Folders deeper than this below the root are refused.
pub const MAX_DEPTH: usize = 64;

/// A folder with more entries than this fails to list.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Why the paths on the command line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// There is nothing at the path.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The path as it was typed.
        path: String,
        /// The file system's error.
        #[source]
        source: io::Error,
    },
    /// The path ends in no name.
    #[error("`{path}` gives no name for its source; give one with `--source NAME`")]
    Nameless {
        /// The path as it was typed.
        path: String,
    },
    /// A source's name would make ids ambiguous.
    #[error(
        "`{name}` cannot name a source: use a name without `/`, control and invisible characters, other than `.` and `..`"
    )]
    BadName {
        /// The name that is refused.
        name: String,
    },
    /// Two paths would feed one source, and each would remove the other's documents.
    #[error(
        "`{first}` and `{second}` are both source `{name}`; ingest them in two runs with different `--source` names"
    )]
    SameSource {
        /// The name that both would have.
        name: String,
        /// The path that was typed first.
        first: String,
        /// The path that was typed later.
        second: String,
    },
    /// `--source` names one source only.
    #[error("`--source` renames one PATH, but {paths} were given; run `ingest` once for each")]
    OneNameManyPaths {
        /// The number of paths that were typed.
        paths: usize,
    },
}

/// Why a folder could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The folder itself cannot be read.
    #[error("failed to list `{path}`")]
    Root {
        /// The folder, as reports name it.
        path: String,
        /// The file system's error.
        #[source]
        source: io::Error,
    },
    /// There are too many entries.
    #[error("`{path}` has more than {MAX_ENTRIES} entries; ingest its subfolders one by one")]
    TooMany {
        /// The folder, as reports name it.
        path: String,
    },
}

/// A source on disk: a folder, or one file of it.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The source's name: `--source`, or the last component of the path.
    pub name: String,
    /// The path as it was typed; reports name files by it.
    shown_root: PathBuf,
    root: PathBuf,
    /// Set when the path named a file: the file's name.
    only: Option<PathBuf>,
}

/// The entries below a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Regular files, by relative path.
    pub files: Vec<ListedFile>,
    /// Entries that are not regular files, or that are left out, with the reason for each.
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
    /// The file's path, without any link.
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

    /// Finds the files, sorted by path except those that links lead to, which come last. Only files that are short
    /// enough to be the text of a link are opened.
    pub fn list(&self) -> Result<Listing, ListError> {
        walk::list(self)
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
        let opened = open::open_regular(&file.real).map_err(|error| match error {
            // A link may lead to a newer version by now; the stored documents stay until that is seen.
            ReadError::Gone if file.is_linked => ReadError::Swapped,
            error => error,
        })?;
        let metadata = opened.metadata().map_err(ReadError::Io)?;
        let is_in_place = || file.real.canonicalize().is_ok_and(|path| path == file.real);
        if !metadata.is_file() || open::identity(&metadata) != file.identity || !is_in_place() {
            return Err(ReadError::Swapped);
        }
        Ok((opened, metadata.len()))
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
