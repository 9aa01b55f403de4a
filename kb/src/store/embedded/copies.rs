//! Backups and their way back. Both copy one commit, file by file, check what they read against its checksums, and
//! count only when everything is written: a backup when its directory gets its name, a restored state when the pointer
//! names it.
//!
//! A backup is a knowledge base of its own, without the embedding cache. It is taken without a lock: a commit's files
//! are never changed, only added to, and when one is gone because a writer moved on, the newer commit is copied.

use super::{
    committed::{Committed, SUMS, index_name},
    directory::COMMIT_FILE,
    generation::manifest_bytes,
    guard::undamaged,
    layout::{
        GenerationPaths, Layout, MANIFEST, ROW_SUMS, create_directory, io_error, sync_directory,
        write_atomically,
    },
    snapshot::{Snapshot, StateStamp},
    sums::{self, FileSum, ROW_SUM_BYTES, RowSum, Summing, Sums},
    vectors::{Purpose, check_row, full_stride, quantised_stride, sums_of_rows, visit_rows},
    verify::verified,
};
use crate::store::blocking::blocking;
use crate::{
    causes::with_causes,
    store::{error::StoreError, manifest::Manifest, upkeep::Copied},
};
use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    time::Duration,
};

/// How often copying is begun again when a writer moved on underneath.
const ATTEMPTS: usize = 20;

/// Copies the newest state of the knowledge base in `kb` into a new directory.
pub async fn backup(kb: &Path, to: &Path) -> Result<Copied, StoreError> {
    let (source, to) = (Layout::new(kb), to.to_owned());
    blocking(move || {
        if !is_free(&to)? {
            return Err(StoreError::Occupied { path: to });
        }
        let name = to.file_name().ok_or_else(|| StoreError::Occupied { path: to.clone() })?;
        let partial = to.with_file_name(format!(".{}.partial", name.to_string_lossy()));
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(io_error("remove the leftover", &partial))?;
        }
        let target = Layout::new(&partial);
        create_directory(&partial)?;
        let copied = copy_newest(&source, &target, None).and_then(|(number, copied)| {
            if let Some(calibration) = source.read_calibration()? {
                target.write_calibration(&calibration)?;
            }
            target.publish(number)?;
            check(&target)?;
            fs::rename(&partial, &to).map_err(io_error("give its name to the backup", &to))?;
            Ok(copied)
        });
        if copied.is_err() {
            // A full disk must not stay full because of us.
            let _ = fs::remove_dir_all(&partial);
        }
        let copied = copied?;
        sync_parent(&to)?;
        Ok(copied)
    })
    .await
}

/// Makes a backup the newest state of the knowledge base in `kb`, whatever its state, and creates the knowledge base if
/// it is missing. Readers keep the previous state until all files are copied and checked.
pub async fn restore(from: &Path, kb: &Path) -> Result<Copied, StoreError> {
    let (source, target) = (Layout::new(from), Layout::new(kb));
    blocking(move || {
        if source.current_generation()?.is_none() {
            return Err(StoreError::NoBackup { path: source.root().to_owned() });
        }
        let _lock = target.lock()?;
        if is_same(source.root(), target.root()) {
            return Err(StoreError::FromItself { path: target.root().to_owned() });
        }
        let number = target.next_generation()?;
        let calibration = source.read_calibration()?;
        let copied = copy_newest(&source, &target, Some(number)).and_then(|(_, copied)| {
            target.publish(number)?;
            Ok(copied)
        });
        let mut copied = match copied {
            Ok(copied) => copied,
            Err(error) => {
                // Publishing can fail after it took effect: what readers follow decides.
                if target.current_generation().ok().flatten() != Some(number) {
                    let _ = fs::remove_dir_all(target.generation(number).directory);
                }
                return Err(error);
            }
        };
        let tidied = match calibration {
            Some(calibration) => target.write_calibration(&calibration),
            None => target.remove_calibration(),
        };
        let tidied = [tidied, target.remove_other_generations(Some(number))];
        copied.warnings =
            tidied.into_iter().filter_map(Result::err).map(|error| with_causes(&error)).collect();
        Ok(copied)
    })
    .await
}

fn is_free(path: &Path) -> Result<bool, StoreError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(io_error("list", path)(source)),
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

fn sync_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_directory(parent),
        None => sync_directory(Path::new(".")),
    }
}

/// Reads a copy back from where it was written.
fn check(target: &Layout) -> Result<(), StoreError> {
    match verified(target)?.damaged.into_iter().next() {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// Copies the newest commit, as the generation with the number `renumbered` or its own, and reads the copy back.
/// Returns that number.
fn copy_newest(
    source: &Layout,
    target: &Layout,
    renumbered: Option<u64>,
) -> Result<(u64, Copied), StoreError> {
    let mut attempt = 0;
    loop {
        let Some(number) = source.current_generation()? else {
            return Err(StoreError::Missing { path: source.root().to_string_lossy().into_owned() });
        };
        let before = StateStamp::of(source, number);
        let new_number = renumbered.unwrap_or(number);
        let error = match copy(source, number, target, new_number) {
            Ok(copied) => return Ok((new_number, copied)),
            Err(error) => error,
        };
        attempt += 1;
        if attempt >= ATTEMPTS || StateStamp::of(source, number) == before {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn copy(source: &Layout, number: u64, target: &Layout, new_number: u64) -> Result<Copied, StoreError> {
    let (from, to) = (source.generation(number), target.generation(new_number));
    if !from.directory.is_dir() {
        let detail = format!("it names generation g{number}, which is not there");
        return Err(StoreError::Damaged { path: source.current(), detail });
    }
    let committed = Committed::read(&from)?;
    let bytes = source.manifest_bytes(number)?;
    committed.check(MANIFEST, &from.manifest, &bytes)?;
    let manifest = source.manifest(number, &bytes)?;
    let dimensions = manifest.identity.model.dimensions;
    let was_covered = committed.sums.is_some();

    if to.directory.exists() {
        fs::remove_dir_all(&to.directory).map_err(io_error("remove the leftover", &to.directory))?;
    }
    create_directory(&to.index)?;
    let mut sums = Sums::default();
    for name in &committed.index_files {
        let known = committed.sum(&index_name(name));
        let sum = copy_file(&from.index.join(name), &to.index.join(name), known)?;
        sums.files.insert(index_name(name), sum);
    }
    let rows = committed.payload.rows;
    let row_sums = match committed.row_sums(&from)? {
        Some(row_sums) => row_sums,
        None => sums_of_rows(&from, dimensions, rows)?,
    };
    copy_rows(&from.vectors, &to.vectors, full_stride(dimensions), &row_sums, |sum| sum.full)?;
    copy_rows(&from.quantised, &to.quantised, quantised_stride(dimensions), &row_sums, |sum| sum.quantised)?;
    let row_sum_bytes: Vec<u8> = row_sums.iter().flat_map(|sum| sum.to_bytes()).collect();
    sums.files.insert(ROW_SUMS.to_owned(), FileSum::of(&row_sum_bytes));
    write(&to.row_sums, &row_sum_bytes)?;
    let manifest = manifest_bytes(&Manifest { generation: new_number, ..manifest });
    sums.files.insert(MANIFEST.to_owned(), FileSum::of(&manifest));
    write_atomically(&to.manifest, &manifest)?;
    write_commit_file(&from, &to, &committed, &sums)?;
    sync_directory(&to.directory)?;
    sync_directory(target.root())?;

    let copied = Copied {
        version: format!("g{new_number}.{}", committed.payload.sequence),
        chunks: committed.payload.live.chunks,
        files: sums.files.len() as u64 + 3,
        bytes: sums.files.values().map(|sum| sum.bytes).sum::<u64>()
            + rows * (full_stride(dimensions) + quantised_stride(dimensions)) as u64,
        was_covered,
        warnings: Vec::new(),
    };
    read_back(target, new_number)?;
    Ok(copied)
}

/// Opens the copy as a writer would, which checks all of it.
fn read_back(target: &Layout, number: u64) -> Result<(), StoreError> {
    let index = target.generation(number).index;
    undamaged(&index, || Snapshot::open_generation(target, number, None, Purpose::Writing, None)).map(drop)
}

/// Writes the commit file of a copy: the same commit, with the checksums of the copy and the time of the original.
fn write_commit_file(
    from: &GenerationPaths,
    to: &GenerationPaths,
    committed: &Committed,
    sums: &Sums,
) -> Result<(), StoreError> {
    let (from, to) = (from.index.join(COMMIT_FILE), to.index.join(COMMIT_FILE));
    let mut commit: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&committed.bytes).map_err(|error| sums::damaged(&from, error.to_string()))?;
    commit.remove(SUMS);
    commit.remove("checksum");
    let commit = serde_json::to_vec(&commit).expect("JSON that was read can be written");
    write_atomically(&to, &sums::seal(&sums::with_member(&commit, SUMS, sums), COMMIT_FILE))?;
    if let Some(modified) = fs::metadata(&from).ok().and_then(|metadata| metadata.modified().ok()) {
        let file = File::options().write(true).open(&to).map_err(io_error("open", &to))?;
        file.set_modified(modified).map_err(io_error("set the time of", &to))?;
    }
    Ok(())
}

/// Copies a file durably and returns its checksum, which must be the one that is known.
fn copy_file(from: &Path, to: &Path, known: Option<&FileSum>) -> Result<FileSum, StoreError> {
    let source = sums::open(from)?;
    let mut target = File::create(to).map_err(io_error("create", to))?;
    let mut summing = Summing::default();
    let length = sums::length(&source, from)?;
    sums::read_through(&source, from, length, 1, |piece| {
        summing.update(piece);
        target.write_all(piece).map_err(io_error("write", to))
    })?;
    let sum = summing.sum();
    if let Some(known) = known {
        known.check(from, &sum)?;
    }
    target.sync_data().map_err(io_error("sync", to))?;
    Ok(sum)
}

/// Copies rows durably, each of which must have its checksum.
fn copy_rows(
    from: &Path,
    to: &Path,
    stride: usize,
    row_sums: &[RowSum],
    part: impl Fn(&RowSum) -> u32,
) -> Result<(), StoreError> {
    let mut target = BufWriter::with_capacity(1 << 18, File::create(to).map_err(io_error("create", to))?);
    visit_rows(from, stride, row_sums.len() as u64, |row, bytes| {
        check_row(from, row, bytes, part(&row_sums[row]))?;
        target.write_all(bytes).map_err(io_error("write", to))
    })?;
    target.flush().map_err(io_error("write", to))?;
    target.get_ref().sync_data().map_err(io_error("sync", to))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    debug_assert_eq!(bytes.len() % ROW_SUM_BYTES, 0);
    let mut file = File::create(path).map_err(io_error("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(io_error("write", path))
}
