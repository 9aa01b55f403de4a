//! Looks at every file of a knowledge base, as far as its checksums go, and says all that is wrong.

use super::{
    committed::{Committed, index_name},
    directory::{COMMIT_FILE, IndexDirectory},
    generation::{index_error, open_index},
    guard::undamaged,
    layout::{GenerationPaths, Layout, MANIFEST},
    records::Records,
    snapshot::{Snapshot, StateStamp},
    sums::{self, RowSum, Sums},
    vectors::{Purpose, check_row, full_stride, quantised_stride, visit_rows},
};
use crate::store::blocking::blocking;
use crate::{
    document::ContentHash,
    store::{error::StoreError, upkeep::Verification},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often verifying is begun again when a writer moved on underneath.
const ATTEMPTS: usize = 20;

/// Verifies the newest state of the knowledge base in `path`. Takes no lock, and no memory to speak of.
pub async fn verify(path: &Path) -> Result<Verification, StoreError> {
    let layout = Layout::new(path);
    blocking(move || verified(&layout)).await
}

/// The documents that a knowledge base seems to have, by id, whatever state its files are in; `None` where they cannot
/// be read. To be compared with, never to be answered from.
pub async fn documents_of_damaged(path: &Path) -> Option<HashMap<String, ContentHash>> {
    let layout = Layout::new(path);
    let read = move || {
        let Some(number) = layout.current_generation()? else {
            // Where no generation was ever begun, no documents can be lost.
            return Ok((layout.next_generation()? == 1).then(HashMap::new));
        };
        let index = layout.generation(number).index;
        undamaged(&index, || {
            let snapshot = Snapshot::open_generation(&layout, number, None, Purpose::Salvaging, None)?;
            let documents = (0..snapshot.documents.len() as u32).map(|number| {
                let record = snapshot.stored_document(number)?.record;
                Ok((record.meta.id, record.content_hash))
            });
            documents.collect::<Result<HashMap<_, _>, StoreError>>().map(Some)
        })
    };
    blocking(read).await.ok().flatten()
}

/// The first thing that is wrong with the newest state. The calibration is no part of it, and told by who reads it.
pub(super) fn first_damage(layout: &Layout) -> Option<StoreError> {
    let is_of_state = |error: &StoreError| !matches!(error, StoreError::DamagedCalibration { .. });
    match verified(layout) {
        Ok(verification) => verification.damaged.into_iter().find(is_of_state),
        Err(error) => Some(error),
    }
}

pub(super) fn verified(layout: &Layout) -> Result<Verification, StoreError> {
    let mut attempt = 0;
    loop {
        let number = match layout.current_generation() {
            Ok(Some(number)) => number,
            Ok(None) => {
                return Err(StoreError::Missing { path: layout.root().to_string_lossy().into_owned() });
            }
            Err(error) => return Ok(Verification { damaged: vec![error], ..Verification::default() }),
        };
        let before = StateStamp::of(layout, number);
        let mut found = Finding::default();
        found.look_at(layout, number);
        attempt += 1;
        // A file that a writer removed meanwhile is not damage: then there is a newer state to look at.
        let has_moved_on = StateStamp::of(layout, number) != before;
        if found.0.damaged.is_empty() || attempt >= ATTEMPTS || !has_moved_on {
            return Ok(found.0);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A verification in the making.
#[derive(Default)]
struct Finding(Verification);

impl Finding {
    fn look_at(&mut self, layout: &Layout, number: u64) {
        let paths = layout.generation(number);
        if !paths.directory.is_dir() {
            let detail = format!("it names generation g{number}, which is not there");
            return self.wrong(StoreError::Damaged { path: layout.current(), detail });
        }
        if let Err(error) = layout.read_calibration() {
            self.wrong(error);
        }
        let manifest_bytes = self.unless_wrong(layout.manifest_bytes(number));
        let committed = match Committed::read(&paths) {
            Ok(committed) => committed,
            Err(error) => return self.wrong(error),
        };
        self.saw(&paths.index.join(COMMIT_FILE), committed.bytes.len() as u64);
        self.0.version = Some(format!("g{number}.{}", committed.payload.sequence));
        let mut dimensions = None;
        if let Some(bytes) = manifest_bytes {
            let checked = committed.check(MANIFEST, &paths.manifest, &bytes);
            let manifest = checked.and_then(|()| layout.manifest(number, &bytes));
            self.saw(&paths.manifest, bytes.len() as u64);
            dimensions = self.unless_wrong(manifest).map(|manifest| manifest.identity.model.dimensions);
        }
        for name in &committed.index_files {
            let path = paths.index.join(name);
            let found = sums::open(&path).and_then(|file| match committed.sum(&index_name(name)) {
                Some(sum) => {
                    let found = sums::sum_of_file(&file, &path)?;
                    sum.check(&path, &found)?;
                    Ok(found.bytes)
                }
                None => sums::length(&file, &path),
            });
            if let Some(bytes) = self.unless_wrong(found) {
                self.saw(&path, bytes);
            }
        }
        if let (Some(row_sums), Some(dimensions)) =
            (self.unless_wrong(committed.row_sums(&paths)), dimensions)
        {
            self.look_at_rows(&paths, committed.payload.rows, dimensions, row_sums.as_deref());
        }
        if committed.sums.is_none() {
            self.look_at_uncovered(&paths);
            self.0.uncovered = self.0.files.clone();
        }
        if self.0.damaged.is_empty() {
            let opened = undamaged(&paths.index, || {
                Snapshot::open_generation(layout, number, None, Purpose::Salvaging, None)
            });
            self.unless_wrong(opened);
        }
    }

    fn look_at_rows(
        &mut self,
        paths: &GenerationPaths,
        rows: u64,
        dimensions: usize,
        row_sums: Option<&[RowSum]>,
    ) {
        type Part = fn(&RowSum) -> u32;
        let files: [(&PathBuf, usize, Part); 2] = [
            (&paths.vectors, full_stride(dimensions), |sum| sum.full),
            (&paths.quantised, quantised_stride(dimensions), |sum| sum.quantised),
        ];
        for (path, stride, part) in files {
            let looked = visit_rows(path, stride, rows, |row, bytes| match row_sums {
                Some(sums) => check_row(path, row, bytes, part(&sums[row])),
                None => Ok(()),
            });
            if self.unless_wrong(looked).is_some() {
                self.saw(path, rows * stride as u64);
            }
        }
        if let Some(row_sums) = row_sums {
            self.saw(&paths.row_sums, (row_sums.len() * sums::ROW_SUM_BYTES) as u64);
        }
    }

    /// The index's own checksums, of the bodies of its files, are all that an earlier version wrote.
    fn look_at_uncovered(&mut self, paths: &GenerationPaths) {
        let directory = IndexDirectory::new(&paths.index, Sums::default());
        let validate = || {
            let index = open_index(directory, paths, &Records::new())?;
            index.validate_checksum().map_err(index_error("verify", paths))
        };
        let damaged = self.unless_wrong(undamaged(&paths.index, validate)).unwrap_or_default();
        let mut damaged: Vec<PathBuf> = damaged.into_iter().collect();
        damaged.sort_unstable();
        for name in damaged {
            self.wrong(sums::damaged(&paths.index.join(name), "its content is not what was written"));
        }
    }

    fn saw(&mut self, path: &Path, bytes: u64) {
        self.0.files.push(path.to_owned());
        self.0.bytes += bytes;
    }

    fn wrong(&mut self, error: StoreError) {
        self.0.damaged.push(error);
    }

    fn unless_wrong<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.wrong(error)).ok()
    }
}
