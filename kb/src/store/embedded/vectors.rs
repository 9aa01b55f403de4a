//! The vectors of a generation: append-only files of rows, and the exact scan over them.
//!
//! `vectors.f32` holds the vectors, `vectors.i8` the same rows quantised to a byte a dimension, each followed by its
//! scale. A search scans the bytes, which are a quarter of the memory traffic, and scores the best few again with the
//! floats. The scan is exact: no graph to build, to tune or to lose recall with.
//!
//! Rows are never changed. Which of them are alive is known by the index alone. `vectors.sums` has the checksums of each row,
//! so that rows are checked as they are read, however many were appended since.

use super::{
    best::Best,
    bits::{Bits, ones},
    layout::{GenerationPaths, io_error, read_exact_at},
    sums::{
        FileSum, ROW_SUM_BYTES, RowSum, Summing, damaged, length, missing_or, open, read_through,
        wrong_length,
    },
};
use crate::store::StoreError;
use rayon::prelude::*;
use simsimd::SpatialSimilarity;
use std::{
    borrow::Cow,
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(target_endian = "big")]
compile_error!("the bytes of a quantised row are compared as they are stored, which is little-endian");

/// Bytes of a row's scale in `vectors.i8`.
const SCALE_BYTES: usize = size_of::<f32>();

/// From this many rows on the scan uses all cores; below, handing it out costs more than it saves.
const PARALLEL_FROM_ROWS: usize = 20_000;

/// Words of 64 rows that one core scans at a time.
const WORDS_PER_TASK: usize = 64;

/// How many rows the byte scan hands to the floats for each one asked for, and at least.
const RESCORE_FACTOR: usize = 4;
const RESCORE_MIN: usize = 200;

/// Rows of a block in memory; a multiple of 64. A snapshot shares the blocks that it has in common with the one before.
const ROWS_PER_BLOCK: usize = 1_024;

/// Floats beyond this many bytes stay on disk and are read row by row, each with its checksum.
const MAX_HELD_BYTES: u64 = if cfg!(test) { 256 << 10 } else { 256 << 20 };

/// What rows are opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Answering: what a search needs is in memory, so that nothing that happens to the files reaches an answer.
    Searching,
    /// Writing: everything is checked once, and stays on disk.
    Writing,
    /// Only the records are wanted, of files that may be damaged; there are no rows.
    Salvaging,
}

/// Writes rows at the end of the files. Nothing counts before a commit has recorded the number of rows.
pub(super) struct Appender {
    full: (BufWriter<File>, PathBuf),
    quantised: (BufWriter<File>, PathBuf),
    row_sums: (BufWriter<File>, PathBuf),
    /// Of the file with the rows' checksums.
    summing: Summing,
    dimensions: usize,
    rows: u64,
}

impl Appender {
    /// Opens the files and cuts off what no commit recorded. Files shorter than `rows` are damaged. Without `sums`, which
    /// earlier versions did not write, they are made of the rows as they are now.
    pub fn open(
        paths: &GenerationPaths,
        dimensions: usize,
        rows: u64,
        sums: Option<&[RowSum]>,
    ) -> Result<Self, StoreError> {
        let open = |path: &Path, expected: u64| {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(path)
                .map_err(io_error("open", path))?;
            check_length(path, length(&file, path)?, expected)?;
            file.set_len(expected).map_err(io_error("truncate", path))?;
            let mut writer = BufWriter::with_capacity(1 << 18, file);
            std::io::Seek::seek(&mut writer, std::io::SeekFrom::Start(expected))
                .map_err(io_error("seek in", path))?;
            Ok::<_, StoreError>((writer, path.to_owned()))
        };
        let full = open(&paths.vectors, rows * full_stride(dimensions) as u64)?;
        let quantised = open(&paths.quantised, rows * quantised_stride(dimensions) as u64)?;
        let mut summing = Summing::default();
        let row_sums = match sums {
            Some(sums) => {
                sums.iter().for_each(|sum| summing.update(&sum.to_bytes()));
                open(&paths.row_sums, rows * ROW_SUM_BYTES as u64)?
            }
            None => {
                let mut row_sums = open(&paths.row_sums, 0)?;
                for sum in sums_of_rows(paths, dimensions, rows)? {
                    summing.update(&sum.to_bytes());
                    let (writer, path) = &mut row_sums;
                    writer.write_all(&sum.to_bytes()).map_err(io_error("append to", path))?;
                }
                row_sums
            }
        };
        Ok(Self { full, quantised, row_sums, summing, dimensions, rows })
    }

    /// The number of rows, those appended included.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The sum of the file with the rows' checksums.
    pub fn sum(&self) -> FileSum {
        self.summing.sum()
    }

    /// Appends a vector; its row is the number of rows before.
    pub fn append(&mut self, vector: &[f32]) -> Result<(), StoreError> {
        debug_assert_eq!(vector.len(), self.dimensions);
        let full: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        let (bytes, scale) = quantise(vector);
        let quantised: Vec<u8> =
            bytes.into_iter().map(|byte| byte as u8).chain(scale.to_le_bytes()).collect();
        let sum = RowSum { full: crc32fast::hash(&full), quantised: crc32fast::hash(&quantised) }.to_bytes();
        let files = [
            (&mut self.full, &full[..]),
            (&mut self.quantised, &quantised[..]),
            (&mut self.row_sums, &sum[..]),
        ];
        for ((writer, path), bytes) in files {
            writer.write_all(bytes).map_err(io_error("append to", path))?;
        }
        self.summing.update(&sum);
        self.rows += 1;
        Ok(())
    }

    /// Makes all rows durable.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        for (writer, path) in [&mut self.full, &mut self.quantised, &mut self.row_sums] {
            writer.flush().map_err(io_error("append to", path))?;
            writer.get_ref().sync_data().map_err(io_error("sync", path))?;
        }
        Ok(())
    }
}

/// Hands each of the first `rows` rows of a file to `visit`, with its number.
pub(super) fn visit_rows(
    path: &Path,
    stride: usize,
    rows: u64,
    mut visit: impl FnMut(usize, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let file = open(path)?;
    let expected = rows * stride as u64;
    check_length(path, length(&file, path)?, expected)?;
    let mut row = 0;
    read_through(&file, path, expected, stride, |piece| {
        for bytes in piece.chunks_exact(stride) {
            visit(row, bytes)?;
            row += 1;
        }
        Ok(())
    })
}

/// The checksums of rows as they are now.
pub(super) fn sums_of_rows(
    paths: &GenerationPaths,
    dimensions: usize,
    rows: u64,
) -> Result<Vec<RowSum>, StoreError> {
    let mut sums = Vec::new();
    visit_rows(&paths.vectors, full_stride(dimensions), rows, |_, bytes| {
        sums.push(RowSum { full: crc32fast::hash(bytes), quantised: 0 });
        Ok(())
    })?;
    visit_rows(&paths.quantised, quantised_stride(dimensions), rows, |row, bytes| {
        sums[row].quantised = crc32fast::hash(bytes);
        Ok(())
    })?;
    Ok(sums)
}

/// An error when a row's bytes are not those of its checksum.
pub(super) fn check_row(path: &Path, row: usize, bytes: &[u8], sum: u32) -> Result<(), StoreError> {
    match crc32fast::hash(bytes) == sum {
        true => Ok(()),
        false => Err(damaged(path, format!("row {row} is not what was committed"))),
    }
}

/// The rows of one commit. Later rows may be appended meanwhile; they are not seen.
pub(super) struct Vectors {
    path: PathBuf,
    full: Full,
    /// Blocks of [`ROWS_PER_BLOCK`] rows; none unless they are opened for searching.
    quantised: Vec<Arc<[u8]>>,
    /// By row; `None` where an earlier version wrote the rows and made no checksums.
    sums: Option<Vec<RowSum>>,
    dimensions: usize,
    rows: usize,
}

/// Where the floats are.
enum Full {
    /// In memory, in blocks of [`ROWS_PER_BLOCK`] rows.
    Held(Vec<Arc<[f32]>>),
    /// On disk.
    OnDisk(File),
    /// Nowhere: see [`Purpose::Salvaging`].
    Absent,
}

impl Vectors {
    /// Opens the first `rows` rows. Files shorter than that, and rows that are not those of their checksums, are damaged.
    ///
    /// `before` is an earlier commit of the same generation: what it checked and holds is not read again.
    pub fn open(
        paths: &GenerationPaths,
        dimensions: usize,
        rows: u64,
        sums: Option<Vec<RowSum>>,
        purpose: Purpose,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let count = usize::try_from(rows).map_err(|_| too_many_rows(&paths.vectors))?;
        let mut vectors = Self {
            path: paths.vectors.clone(),
            full: Full::Absent,
            quantised: Vec::new(),
            sums,
            dimensions,
            rows: count,
        };
        if purpose == Purpose::Salvaging {
            return Ok(vectors);
        }
        let file = |path: &Path, stride: usize| {
            let file = open(path)?;
            check_length(path, length(&file, path)?, rows * stride as u64)?;
            Ok::<_, StoreError>(file)
        };
        let full = file(&paths.vectors, full_stride(dimensions))?;
        let quantised = file(&paths.quantised, quantised_stride(dimensions))?;
        let full_sum = |sums: &RowSum| sums.full;
        let quantised_sum = |sums: &RowSum| sums.quantised;
        if purpose == Purpose::Writing {
            let known = vectors.rows_in_common(before);
            vectors.check(&full, &paths.vectors, full_stride(dimensions), known, full_sum)?;
            vectors.check(
                &quantised,
                &paths.quantised,
                quantised_stride(dimensions),
                known,
                quantised_sum,
            )?;
            vectors.full = Full::OnDisk(full);
            return Ok(vectors);
        }
        let known = vectors.rows_in_common(before) / ROWS_PER_BLOCK;
        let held = |before: &Self| before.quantised[..known].to_vec();
        let mut blocks = before.map(held).unwrap_or_default();
        vectors.read_blocks(
            &quantised,
            &paths.quantised,
            quantised_stride(dimensions),
            blocks.len(),
            quantised_sum,
            |block| blocks.push(Arc::from(block)),
        )?;
        vectors.quantised = blocks;
        vectors.full = if rows * full_stride(dimensions) as u64 > MAX_HELD_BYTES {
            Full::OnDisk(full)
        } else {
            let mut blocks = match before.map(|before| &before.full) {
                Some(Full::Held(blocks)) => blocks[..known].to_vec(),
                _ => Vec::new(),
            };
            vectors.read_blocks(
                &full,
                &paths.vectors,
                full_stride(dimensions),
                blocks.len(),
                full_sum,
                |block| blocks.push(floats(block).collect()),
            )?;
            Full::Held(blocks)
        };
        Ok(vectors)
    }

    /// Whether every row that a search needs was checked and cannot change any more.
    pub fn is_held(&self) -> bool {
        matches!(self.full, Full::Held(_))
    }

    /// How many rows are, by their checksums, those of an earlier commit.
    fn rows_in_common(&self, before: Option<&Self>) -> usize {
        let before = before.filter(|before| before.dimensions == self.dimensions);
        let before = before.and_then(|before| before.sums.as_deref()).unwrap_or_default();
        let now = self.sums.as_deref().unwrap_or_default();
        before.iter().zip(now).take_while(|(before, now)| before == now).count()
    }

    /// Checks the rows from `from` on.
    fn check(
        &self,
        file: &File,
        path: &Path,
        stride: usize,
        from: usize,
        sum: impl Fn(&RowSum) -> u32,
    ) -> Result<(), StoreError> {
        let Some(sums) = &self.sums else { return Ok(()) };
        let mut buffer = vec![0; ROWS_PER_BLOCK * stride];
        for first in (from..self.rows).step_by(ROWS_PER_BLOCK) {
            let rows = ROWS_PER_BLOCK.min(self.rows - first);
            let bytes = &mut buffer[..rows * stride];
            read_exact_at(file, bytes, (first * stride) as u64)
                .map_err(|error| missing_or("read", path, error))?;
            for (row, bytes) in (first..).zip(bytes.chunks_exact(stride)) {
                check_row(path, row, bytes, sum(&sums[row]))?;
            }
        }
        Ok(())
    }

    /// Reads and checks blocks, those from the one with number `from` on.
    fn read_blocks(
        &self,
        file: &File,
        path: &Path,
        stride: usize,
        from: usize,
        sum: impl Fn(&RowSum) -> u32,
        mut keep: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        let mut buffer = vec![0; ROWS_PER_BLOCK.min(self.rows) * stride];
        for first in (from * ROWS_PER_BLOCK..self.rows).step_by(ROWS_PER_BLOCK) {
            let rows = ROWS_PER_BLOCK.min(self.rows - first);
            let bytes = &mut buffer[..rows * stride];
            read_exact_at(file, bytes, (first * stride) as u64)
                .map_err(|error| missing_or("read", path, error))?;
            if let Some(sums) = &self.sums {
                for (row, bytes) in (first..).zip(bytes.chunks_exact(stride)) {
                    check_row(path, row, bytes, sum(&sums[row]))?;
                }
            }
            keep(bytes);
        }
        Ok(())
    }

    /// The vector of a row.
    pub fn row(&self, row: usize) -> Result<Cow<'_, [f32]>, StoreError> {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        match &self.full {
            Full::Held(blocks) => {
                let block = &blocks[row / ROWS_PER_BLOCK];
                Ok(Cow::Borrowed(&block[row % ROWS_PER_BLOCK * self.dimensions..][..self.dimensions]))
            }
            Full::OnDisk(file) => {
                let mut bytes = vec![0; full_stride(self.dimensions)];
                read_exact_at(file, &mut bytes, (row * full_stride(self.dimensions)) as u64)
                    .map_err(|error| missing_or("read", &self.path, error))?;
                if let Some(sums) = &self.sums {
                    check_row(&self.path, row, &bytes, sums[row].full)?;
                }
                Ok(Cow::Owned(floats(&bytes).collect()))
            }
            Full::Absent => Err(damaged(&self.path, "its rows are not read")),
        }
    }

    /// The cosine of a row to a normalised query.
    pub fn similarity(&self, row: usize, query: &[f32]) -> Result<f32, StoreError> {
        Ok(dot(&self.row(row)?, query))
    }

    /// The keys of the rows among `allowed` with the highest cosine to `query`, best first, ties by the key; at most
    /// `limit`. `key` gives back its row by `row_of`.
    pub fn nearest<K: Ord + Copy + Send + Sync>(
        &self,
        query: &[f32],
        allowed: &Bits,
        limit: usize,
        key: impl Fn(u32) -> K + Sync,
        row_of: impl Fn(K) -> u32,
    ) -> Result<Vec<(f32, K)>, StoreError> {
        if limit == 0 || self.rows == 0 {
            return Ok(Vec::new());
        }
        let candidates =
            self.scan(query, allowed, limit.saturating_mul(RESCORE_FACTOR).max(RESCORE_MIN), key);
        let mut best = Best::new(limit);
        for key in candidates {
            best.offer(self.similarity(row_of(key) as usize, query)?, key);
        }
        Ok(best.into_sorted())
    }

    /// The keys of the rows among `allowed` with the highest cosine by their bytes, which is right to about a hundredth.
    fn scan<K: Ord + Copy + Send + Sync>(
        &self,
        query: &[f32],
        allowed: &Bits,
        limit: usize,
        key: impl Fn(u32) -> K + Sync,
    ) -> impl Iterator<Item = K> {
        // The query's scale is the same factor for all rows and changes no order.
        let (query, _) = quantise(query);
        let stride = quantised_stride(self.dimensions);
        let scan_words = |first_word: usize, words: &[u64]| {
            let mut best = Best::new(limit);
            for (at, &word) in words.iter().enumerate() {
                for bit in ones(word) {
                    let row = (first_word + at) * 64 + bit;
                    let block = &self.quantised[row / ROWS_PER_BLOCK];
                    let bytes = &block[row % ROWS_PER_BLOCK * stride..][..stride];
                    let (vector, scale) = bytes.split_at(self.dimensions);
                    let scale = f32::from_le_bytes(scale.try_into().expect("the rest of a row is its scale"));
                    let score = dot_i8(&query, vector) * scale;
                    if best.admits(score) {
                        best.offer(score, key(row as u32));
                    }
                }
            }
            best
        };
        let words = allowed.words();
        let best = if allowed.len() < PARALLEL_FROM_ROWS {
            scan_words(0, words)
        } else {
            words
                .par_chunks(WORDS_PER_TASK)
                .enumerate()
                .map(|(task, words)| scan_words(task * WORDS_PER_TASK, words))
                .reduce(|| Best::new(limit), Best::merge)
        };
        best.into_sorted().into_iter().map(|(_, key)| key)
    }
}

pub(super) fn full_stride(dimensions: usize) -> usize {
    dimensions * size_of::<f32>()
}

pub(super) fn quantised_stride(dimensions: usize) -> usize {
    dimensions + SCALE_BYTES
}

fn check_length(path: &Path, length: u64, expected: u64) -> Result<(), StoreError> {
    match length >= expected {
        true => Ok(()),
        false => Err(wrong_length(path, length, expected)),
    }
}

/// The floats in the bytes of rows.
fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<{ size_of::<f32>() }>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn too_many_rows(path: &Path) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        detail: "it has more rows than this machine can address".to_owned(),
    }
}

/// A vector as signed bytes and the factor that gives it back. Symmetric, with a scale of its own for each vector:
/// components of unit vectors are small, and one scale for all would leave most of the 255 steps unused.
fn quantise(vector: &[f32]) -> (Vec<i8>, f32) {
    let largest = vector.iter().fold(0.0_f32, |largest, component| largest.max(component.abs()));
    if largest == 0.0 {
        return (vec![0; vector.len()], 0.0);
    }
    let bytes = vector.iter().map(|component| (component / largest * 127.0).round() as i8).collect();
    (bytes, largest / 127.0)
}

fn dot_i8(query: &[i8], bytes: &[u8]) -> f32 {
    // SAFETY: u8 and i8 have the same size and alignment, and every bit pattern is valid.
    let vector = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), bytes.len()) };
    i8::dot(query, vector).expect("vectors of one generation have one length") as f32
}

/// The dot product of two vectors of one length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    f32::dot(a, b).expect("vectors of one generation have one length") as f32
}
