//! The files of a knowledge base, and the few ways in which they change: atomically, durably, under one lock.
//!
//! Entry point: [`Layout`]. `generation.rs` has the contents of a generation's files.

use super::sums;
use crate::store::{
    error::StoreError,
    manifest::{FORMAT_VERSION, Manifest},
};
use serde::Deserialize;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Longer than what says which generation counts, or how far answers are trusted, ever is.
const MAX_SMALL_FILE_BYTES: u64 = 16 << 20;

/// Name of the file with the calibration, in the knowledge base's directory.
const CALIBRATION: &str = "calibration.json";

/// Name of the file with the log of the last runs.
const RUN_LOG: &str = "runs.json";

/// Name of the manifest, in a generation's directory and in the commit's list of files.
pub(super) const MANIFEST: &str = "manifest.json";

/// Name of the file with the rows' checksums, likewise.
pub(super) const ROW_SUMS: &str = "vectors.sums";

/// Paths below a knowledge base's directory.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

/// Paths below a generation's directory.
#[derive(Debug, Clone)]
pub(super) struct GenerationPaths {
    pub directory: PathBuf,
    pub manifest: PathBuf,
    pub index: PathBuf,
    pub vectors: PathBuf,
    pub quantised: PathBuf,
    pub row_sums: PathBuf,
}

/// The writer's lock. It ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing the file would do, but for a child process that is just being started and still shares it.
        let _ = self.file.unlock();
    }
}

/// The properties of a file that differ between two versions of it, known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Makes an I/O error that names what was tried and where.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn current(&self) -> PathBuf {
        self.root.join("CURRENT")
    }

    pub fn embedding_cache(&self) -> PathBuf {
        self.root.join("embedding-cache")
    }

    fn calibration(&self) -> PathBuf {
        self.root.join(CALIBRATION)
    }

    pub fn generation(&self, number: u64) -> GenerationPaths {
        let directory = self.root.join(format!("g{number}"));
        GenerationPaths {
            manifest: directory.join(MANIFEST),
            index: directory.join("tantivy"),
            vectors: directory.join("vectors.f32"),
            quantised: directory.join("vectors.i8"),
            row_sums: directory.join(ROW_SUMS),
            directory,
        }
    }

    /// Takes the writer's lock, and creates the directory if it does not exist.
    pub fn lock(&self) -> Result<WriterLock, StoreError> {
        self.refuse_foreign_directory()?;
        create_directory(&self.root)?;
        let path = self.root.join("LOCK");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_error("open the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(WriterLock { file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Locked { place: path.to_string_lossy().into_owned() })
            }
            Err(TryLockError::Error(source)) => Err(StoreError::Io { action: "lock", path, source }),
        }
    }

    /// A mistyped `--kb` must not scatter files over other documents of the user.
    fn refuse_foreign_directory(&self) -> Result<(), StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(io_error("list", &self.root)(source)),
        };
        let mut foreign = None;
        for entry in entries {
            let name = entry.map_err(io_error("list", &self.root))?.file_name();
            let name = name.to_string_lossy();
            if matches!(name.as_ref(), "LOCK" | "CURRENT" | CALIBRATION | RUN_LOG | "embedding-cache") {
                return Ok(());
            }
            if name != "lost+found" {
                foreign = Some(name.into_owned());
            }
        }
        match foreign {
            Some(entry) => Err(StoreError::ForeignDirectory { path: self.root.clone(), entry }),
            None => Ok(()),
        }
    }

    /// The number of the generation that readers use; `None` when there is no knowledge base yet.
    pub fn current_generation(&self) -> Result<Option<u64>, StoreError> {
        let path = self.current();
        let text = match crate::files::read(&path, MAX_SMALL_FILE_BYTES) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        match parse_generation(text.strip_suffix('\n').unwrap_or(&text)) {
            Some(number) => Ok(Some(number)),
            None => {
                let shown: String = text.chars().take(40).collect();
                Err(StoreError::Damaged {
                    path,
                    detail: format!("it should name a generation, such as `g7`, but holds {shown:?}"),
                })
            }
        }
    }

    /// Makes a complete, synced generation the one that readers use.
    pub fn publish(&self, number: u64) -> Result<(), StoreError> {
        write_atomically(&self.current(), format!("g{number}\n").as_bytes())
    }

    /// Removes generations other than `keep`: those superseded, and those whose writer was killed.
    pub fn remove_other_generations(&self, keep: Option<u64>) -> Result<(), StoreError> {
        for entry in fs::read_dir(&self.root).map_err(io_error("list", &self.root))? {
            let entry = entry.map_err(io_error("list", &self.root))?;
            let number = parse_generation(&entry.file_name().to_string_lossy());
            if number.is_some() && number != keep {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(io_error("remove the old generation", &path))?;
            }
        }
        Ok(())
    }

    /// The number after those of all generations that were ever begun and still leave a trace.
    pub fn next_generation(&self) -> Result<u64, StoreError> {
        // A pointer that cannot be read names nothing that a new generation could be mistaken for.
        let mut last = self.current_generation().ok().flatten().unwrap_or(0);
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(last + 1),
            Err(source) => return Err(io_error("list", &self.root)(source)),
        };
        for entry in entries {
            let name = entry.map_err(io_error("list", &self.root))?.file_name();
            last = last.max(parse_generation(&name.to_string_lossy()).unwrap_or(0));
        }
        Ok(last.saturating_add(1))
    }

    /// The bytes of a generation's manifest.
    pub fn manifest_bytes(&self, number: u64) -> Result<Vec<u8>, StoreError> {
        sums::read(&self.generation(number).manifest)
    }

    /// The manifest of a generation in its bytes, of a format that this program reads.
    pub fn manifest(&self, number: u64, bytes: &[u8]) -> Result<Manifest, StoreError> {
        #[derive(Deserialize)]
        struct Format {
            format_version: u32,
        }
        let path = self.generation(number).manifest;
        let damaged =
            |error: serde_json::Error| StoreError::Damaged { path: path.clone(), detail: error.to_string() };
        // The version is read alone first: fields that a later format adds or drops must not look like damage.
        let format: Format = serde_json::from_slice(bytes).map_err(damaged)?;
        if format.format_version != FORMAT_VERSION {
            return Err(StoreError::format_mismatch(&self.root.to_string_lossy(), format.format_version));
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(damaged)?;
        if manifest.generation != number {
            let detail = format!("it belongs to generation {}", manifest.generation);
            return Err(StoreError::Damaged { path, detail });
        }
        Ok(manifest)
    }

    /// The stored calibration; `None` if no calibration is stored.
    pub fn read_calibration(&self) -> Result<Option<serde_json::Value>, StoreError> {
        let path = self.calibration();
        let bytes = match crate::files::read(&path, MAX_SMALL_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        let damaged = |detail: String| StoreError::DamagedCalibration { path: path.clone(), detail };
        let is_sealed = sums::check_seal(&bytes, CALIBRATION).map_err(|why| damaged(why.to_owned()))?;
        let mut value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if let Some(members) = value.as_object_mut().filter(|_| is_sealed) {
            members.remove("checksum");
        }
        Ok(Some(value))
    }

    /// Replaces the stored calibration.
    pub fn write_calibration(&self, calibration: &serde_json::Value) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec_pretty(calibration).expect("a JSON value can be written");
        bytes.push(b'\n');
        write_atomically(&self.calibration(), &sums::seal(&bytes, CALIBRATION))
    }

    /// The log of the last runs; `None` if there is no log, or the file cannot be used: no decision depends on it.
    pub fn read_run_log(&self) -> Option<serde_json::Value> {
        let path = self.root.join(RUN_LOG);
        let unusable = match crate::files::read(&path, MAX_SMALL_FILE_BYTES) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(log) => return Some(log),
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
        };
        tracing::warn!("`{}` cannot be used: {unusable}", path.display());
        None
    }

    /// Replaces the log of the last runs.
    pub fn write_run_log(&self, log: &serde_json::Value) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec_pretty(log).expect("a JSON value can be written");
        bytes.push(b'\n');
        write_atomically(&self.root.join(RUN_LOG), &bytes)
    }

    /// Removes the stored calibration, if there is one.
    pub fn remove_calibration(&self) -> Result<(), StoreError> {
        let path = self.calibration();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path)(error)),
            _ => sync_directory(&self.root),
        }
    }
}

/// The generation that the name of a directory gives: 7 for `g7`, `None` for a name of another form.
fn parse_generation(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('g')?;
    match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().ok(),
        false => None,
    }
}

/// Fills a buffer from a place of a file. Never through a map of the file: one that somebody cuts must be an error, not
/// the end of the process.
pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, buffer, at);
    #[cfg(windows)]
    {
        let (mut at, mut rest) = (at, buffer);
        while !rest.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(file, rest, at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    at += read as u64;
                    rest = &mut rest[read..];
                }
            }
        }
        Ok(())
    }
}

/// The stamp of a file; `None` if the file does not exist.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode })
}

/// Creates a directory and its parents, durably.
pub(super) fn create_directory(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_directory(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(source) => return Err(io_error("create the directory", path)(source)),
    }
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_directory(parent),
        None => sync_directory(Path::new(".")),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    // Elsewhere a directory cannot be opened, and its entries are durable with the files.
    #[cfg(unix)]
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("sync the directory", path))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Replaces a file durably: after a crash it holds the old bytes or the new ones.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace(path, bytes)?;
    sync_directory(path.parent().expect("files of a knowledge base are in a directory"))
}

/// Replaces a file as a whole; after a power failure it may be the old one again. Callers hold the writer's lock, so
/// the temporary file has a fixed name and a leftover of a killed writer is overwritten.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().expect("files of a knowledge base have names").to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(io_error("write", &temporary))?;
    fs::rename(&temporary, path).map_err(io_error("replace", path))
}
