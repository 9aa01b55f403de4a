//! The files that a commit needs, read once: the commit file with its checksums, the index's files, the rows'
//! checksums.
//!
//! Files are read into memory ([`Purpose::Searching`]) or checked and left on disk ([`Purpose::Writing`]); no file is
//! mapped, so a file that is overwritten or cut by other programs changes no answer and ends no process.

use super::{
    directory::COMMIT_FILE,
    layout::{GenerationPaths, MANIFEST, ROW_SUMS, Stamp, read_exact_at, stamp},
    records::Payload,
    sums::{self, FileSum, ROW_SUM_BYTES, RowSum, Sums, damaged},
    vectors::Purpose,
};
use crate::store::error::StoreError;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};
use tantivy::{
    HasLen,
    directory::{
        Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
        error::{DeleteError, LockError, OpenReadError, OpenWriteError},
    },
};

/// The member of the commit file with the [`Sums`].
pub(super) const SUMS: &str = "checksums";

/// The files of a segment, by the ends of their names.
const SEGMENT_FILES: [&str; 6] = ["idx", "pos", "term", "store", "fast", "fieldnorm"];

/// The folder of the index's files, in the names of a commit's files.
const INDEX: &str = "tantivy/";

/// The commit file, read and checked.
#[derive(Debug, Clone)]
pub(super) struct Committed {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Checksums of the files; `None` for a commit of a version that made none.
    pub sums: Option<Sums>,
    /// The statement that the commit carries: how many rows count, and more.
    pub payload: Payload,
    /// Names of the index's files, without their folder.
    pub index_files: Vec<String>,
}

/// The part of the commit file that is read here; the rest concerns the index only.
#[derive(Deserialize)]
struct CommitFile {
    segments: Vec<Segment>,
    payload: Option<String>,
    #[serde(rename = "checksums")]
    sums: Option<Sums>,
}

#[derive(Deserialize)]
struct Segment {
    segment_id: String,
    deletes: Option<Deletes>,
}

#[derive(Deserialize)]
struct Deletes {
    opstamp: u64,
}

impl Segment {
    fn files(&self) -> impl Iterator<Item = String> {
        let stem = self.segment_id.replace('-', "");
        let deletes = self.deletes.as_ref().map(|deletes| format!("{stem}.{}.del", deletes.opstamp));
        SEGMENT_FILES.iter().map(move |end| format!("{stem}.{end}")).chain(deletes)
    }
}

/// The name by which a commit knows a file of the index.
pub(super) fn index_name(file: &str) -> String {
    format!("{INDEX}{file}")
}

/// The files of the index that a commit file names.
pub(super) fn index_files(commit_file: &[u8]) -> serde_json::Result<Vec<String>> {
    let CommitFile { segments, .. } = serde_json::from_slice(commit_file)?;
    Ok(segments.iter().flat_map(Segment::files).collect())
}

impl Committed {
    /// Reads the last commit of a generation.
    pub fn read(paths: &GenerationPaths) -> Result<Self, StoreError> {
        let path = paths.index.join(COMMIT_FILE);
        let bytes = sums::read(&path)?;
        let is_sealed = sums::check_seal(&bytes, COMMIT_FILE).map_err(|why| damaged(&path, why))?;
        let file: CommitFile =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error.to_string()))?;
        let payload = match &file.payload {
            None => Payload::default(),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| damaged(&path, format!("its payload cannot be read: {error}")))?,
        };
        let index_files: Vec<String> = file.segments.iter().flat_map(Segment::files).collect();
        let sums = match (is_sealed, file.sums) {
            (true, None) => return Err(damaged(&path, "it has no checksums of its files")),
            (true, sums) => sums,
            (false, _) => None,
        };
        if let Some(sums) = &sums {
            let needed = [MANIFEST.to_owned(), ROW_SUMS.to_owned()];
            let mut needed = needed.into_iter().chain(index_files.iter().map(|file| index_name(file)));
            if let Some(name) = needed.find(|name| !sums.files.contains_key(name)) {
                return Err(damaged(&path, format!("it has no checksum of `{name}`")));
            }
        }
        Ok(Self { bytes, sums, payload, index_files })
    }

    /// The commit without its checksums, for files that may be damaged.
    pub fn unchecked(self) -> Self {
        Self { sums: None, ..self }
    }

    /// The checksum of a file, by its name in the commit.
    pub fn sum(&self, name: &str) -> Option<&FileSum> {
        self.sums.as_ref()?.files.get(name)
    }

    /// Checks bytes that were read as a file's content.
    pub fn check(&self, name: &str, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        match self.sum(name) {
            Some(sum) => sum.check(path, &FileSum::of(bytes)),
            None => Ok(()),
        }
    }

    /// The checksums of the rows that the commit counts; `None` where the commit has no checksums of rows.
    pub fn row_sums(&self, paths: &GenerationPaths) -> Result<Option<Vec<RowSum>>, StoreError> {
        let Some(sum) = self.sum(ROW_SUMS) else { return Ok(None) };
        let path = &paths.row_sums;
        let expected = self.payload.rows.saturating_mul(ROW_SUM_BYTES as u64);
        if sum.bytes != expected {
            return Err(sums::wrong_length(path, sum.bytes, expected));
        }
        let file = sums::open(path)?;
        // Longer is right: a writer may be at work, or was killed.
        let length = sums::length(&file, path)?;
        if length < expected {
            return Err(sums::wrong_length(path, length, expected));
        }
        let mut bytes = vec![0; usize::try_from(expected).map_err(|_| damaged(path, "it is too long"))?];
        read_exact_at(&file, &mut bytes, 0).map_err(|error| sums::missing_or("read", path, error))?;
        sum.check(path, &FileSum::of(&bytes))?;
        Ok(Some(RowSum::all(&bytes)))
    }
}

/// The index's files of one commit.
pub(super) struct IndexFiles {
    commit_file: Arc<[u8]>,
    files: BTreeMap<String, IndexFile>,
}

#[derive(Clone)]
struct IndexFile {
    path: PathBuf,
    handle: Arc<dyn FileHandle>,
    sum: Option<FileSum>,
    stamp: Option<Stamp>,
    is_held: bool,
}

impl IndexFiles {
    /// Opens and checks the files. Files that `before` has, and that are unchanged since, are not read again.
    pub fn open(
        paths: &GenerationPaths,
        committed: &Committed,
        purpose: Purpose,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let mut files = BTreeMap::new();
        for name in &committed.index_files {
            let path = paths.index.join(name);
            let sum = committed.sum(&index_name(name));
            let known = before.and_then(|before| before.files.get(name)).filter(|known| {
                known.path == path
                    && known.stamp.is_some()
                    && known.stamp == stamp(&path)
                    && known.sum.as_ref() == sum
                    && known.is_held == (purpose == Purpose::Searching)
            });
            let file = match known {
                Some(known) => known.clone(),
                None => IndexFile::open(path, sum, purpose)?,
            };
            files.insert(name.clone(), file);
        }
        Ok(Self { commit_file: committed.bytes.as_slice().into(), files })
    }

    /// The files, as the index's library wants to see them.
    pub fn directory(self: &Arc<Self>) -> CommittedDirectory {
        CommittedDirectory(self.clone())
    }

    /// The paths of the files on disk.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.values().map(|file| file.path.as_path())
    }
}

impl IndexFile {
    fn open(path: PathBuf, sum: Option<&FileSum>, purpose: Purpose) -> Result<Self, StoreError> {
        // Taken before the content: a change in between makes another stamp, and the file is read again.
        let stamp = stamp(&path);
        let is_held = purpose == Purpose::Searching;
        let handle: Arc<dyn FileHandle> = if is_held {
            let bytes = sums::read(&path)?;
            if let Some(sum) = sum {
                sum.check(&path, &FileSum::of(&bytes))?;
            }
            Arc::new(OwnedBytes::new(bytes))
        } else {
            let file = sums::open(&path)?;
            if let Some(sum) = sum {
                sum.check(&path, &sums::sum_of_file(&file, &path)?)?;
            }
            let bytes = sums::length(&file, &path)?;
            Arc::new(FileOnDisk { file, bytes: usize::try_from(bytes).unwrap_or(usize::MAX) })
        };
        Ok(Self { path, handle, sum: sum.cloned(), stamp, is_held })
    }
}

/// A file that is read from disk when it is needed. It is an error if it is gone by then.
#[derive(Debug)]
pub(super) struct FileOnDisk {
    file: File,
    bytes: usize,
}

impl FileOnDisk {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        Ok(Self { file, bytes })
    }
}

impl HasLen for FileOnDisk {
    fn len(&self) -> usize {
        self.bytes
    }
}

impl FileHandle for FileOnDisk {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let mut bytes = vec![0; range.len()];
        read_exact_at(&self.file, &mut bytes, range.start as u64)?;
        Ok(OwnedBytes::new(bytes))
    }
}

/// The files of one commit as a directory that cannot be written.
#[derive(Clone)]
pub(super) struct CommittedDirectory(Arc<IndexFiles>);

impl fmt::Debug for CommittedDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.files.keys()).finish()
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a commit is not written to")
}

impl Directory for CommittedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let file = path.to_str().and_then(|name| self.0.files.get(name));
        file.map(|file| file.handle.clone()).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(path == Path::new(COMMIT_FILE)
            || path.to_str().is_some_and(|name| self.0.files.contains_key(name)))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        match path == Path::new(COMMIT_FILE) {
            true => Ok(self.0.commit_file.to_vec()),
            false => Err(OpenReadError::FileDoesNotExist(path.to_owned())),
        }
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
