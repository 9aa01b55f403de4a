//! The directory that the index's library writes to: files with checksums, and the commit file that names them.
//!
//! Three things are our own. `meta.json`, the commit itself, is replaced durably, readable by the users that may read
//! its neighbours, and holds the checksums of all files that it needs. The list of files that the library keeps so that
//! it can remove what nothing needs is not kept, but made of what is there. And no lock is taken: the writer holds that
//! of the knowledge base.

use super::{
    committed::{FileOnDisk, SUMS, index_files, index_name},
    layout::{sync_directory, write_atomically},
    sums::{self, FileSum, Summing, Sums},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, TerminatingWrite, WatchCallback, WatchHandle,
    WritePtr,
    error::{DeleteError, LockError, OpenReadError, OpenWriteError},
};

/// The file that names the segments of the last commit.
pub(super) const COMMIT_FILE: &str = "meta.json";

/// The library's own list of its files.
const MANAGED_FILES: &str = ".managed.json";

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct IndexDirectory {
    root: PathBuf,
    /// Checksums of the files that the next commit may need, those of the whole generation by their names in the
    /// commit.
    sums: Arc<Mutex<Sums>>,
}

impl IndexDirectory {
    /// The directory of a generation's index; `sums` are those of its last commit.
    pub fn new(root: &Path, sums: Sums) -> Self {
        Self { root: root.to_owned(), sums: Arc::new(Mutex::new(sums)) }
    }

    /// Sets the checksum of a file that is not the index's, for the next commit.
    pub fn set_sum(&self, name: &str, sum: FileSum) {
        self.sums().files.insert(name.to_owned(), sum);
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The commit file with the checksums of what it needs.
    fn with_sums(&self, commit_file: &[u8]) -> io::Result<Vec<u8>> {
        let mut sums = self.sums();
        let files = index_files(commit_file)?;
        let mut needed = Sums::default();
        for (name, sum) in sums.files.iter().filter(|(name, _)| !name.contains('/')) {
            needed.files.insert(name.clone(), sum.clone());
        }
        for file in files {
            let (name, path) = (index_name(&file), self.root.join(&file));
            let sum = match sums.files.get(&name) {
                Some(sum) => sum.clone(),
                // A file of a version that made no checksums is covered as it is now.
                None => {
                    let opened = File::open(&path)?;
                    let sum = sums::sum_of_file(&opened, &path).map_err(io::Error::other)?;
                    sums.files.insert(name.clone(), sum.clone());
                    sum
                }
            };
            needed.files.insert(name, sum);
        }
        Ok(sums::seal(&sums::with_member(commit_file, SUMS, &needed), COMMIT_FILE))
    }
}

fn not_found_or(path: &Path, error: io::Error) -> OpenReadError {
    match error.kind() {
        ErrorKind::NotFound => OpenReadError::FileDoesNotExist(path.to_owned()),
        _ => OpenReadError::wrap_io_error(error, path.to_owned()),
    }
}

impl Directory for IndexDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match FileOnDisk::open(&self.root.join(path)) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => Err(not_found_or(path, error)),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.sums().files.remove(&index_name(&path.to_string_lossy()));
        fs::remove_file(self.root.join(path)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => DeleteError::FileDoesNotExist(path.to_owned()),
            _ => DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_owned() },
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.root.join(path).try_exists().map_err(|error| not_found_or(path, error))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let opened = OpenOptions::new().write(true).create_new(true).open(self.root.join(path));
        let file = opened.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => OpenWriteError::FileAlreadyExists(path.to_owned()),
            _ => OpenWriteError::wrap_io_error(error, path.to_owned()),
        })?;
        let name = index_name(&path.to_string_lossy());
        let file = SummedFile { file, summing: Summing::default(), name, sums: self.sums.clone() };
        Ok(BufWriter::new(Box::new(file)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let read = match path == Path::new(MANAGED_FILES) {
            true => list(&self.root),
            false => fs::read(self.root.join(path)),
        };
        read.map_err(|error| not_found_or(path, error))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        if path == Path::new(MANAGED_FILES) {
            return Ok(());
        }
        let data = match path == Path::new(COMMIT_FILE) {
            true => self.with_sums(data)?,
            false => data.to_vec(),
        };
        // The library's own replacement does not sync the directory after the rename, so a commit that was reported
        // could be lost with the power; and only the owner may read its temporary files.
        write_atomically(&self.root.join(path), &data).map_err(io::Error::other)
    }

    fn sync_directory(&self) -> io::Result<()> {
        sync_directory(&self.root).map_err(io::Error::other)
    }

    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

/// The names of all files but hidden ones, as the library writes them down.
fn list(root: &Path) -> io::Result<Vec<u8>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        names.extend(name.to_str().filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    Ok(serde_json::to_vec(&names)?)
}

/// A file whose checksum is made while it is written.
struct SummedFile {
    file: File,
    summing: Summing,
    name: String,
    sums: Arc<Mutex<Sums>>,
}

impl Write for SummedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.summing.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for SummedFile {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.file.sync_data()?;
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.files.insert(self.name.clone(), self.summing.sum());
        Ok(())
    }
}
