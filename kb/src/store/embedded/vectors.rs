//! The vectors of a generation: append-only files of rows, and the exact scan over them.
//!
//! `vectors.f32` holds the vectors, `vectors.i8` the same rows quantised to a byte a dimension, each followed by its
//! scale. A search scans the bytes, which are a quarter of the memory traffic, and scores the best few again with the
//! floats. The scan is exact: no graph to build, to tune or to lose recall with.
//!
//! Rows are never changed. Which of them are alive is known by the index alone.

use super::{
    best::Best,
    bits::{Bits, ones},
    layout::{GenerationPaths, io_error},
};
use crate::store::StoreError;
use memmap2::{Mmap, MmapOptions};
use rayon::prelude::*;
use simsimd::SpatialSimilarity;
use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

#[cfg(target_endian = "big")]
compile_error!("the vector files are read in place and are little-endian");

/// Bytes of a row's scale in `vectors.i8`.
const SCALE_BYTES: usize = size_of::<f32>();

/// From this many rows on the scan uses all cores; below, handing it out costs more than it saves.
const PARALLEL_FROM_ROWS: usize = 20_000;

/// Words of 64 rows that one core scans at a time.
const WORDS_PER_TASK: usize = 64;

/// How many rows the byte scan hands to the floats for each one asked for, and at least.
const RESCORE_FACTOR: usize = 4;
const RESCORE_MIN: usize = 200;

/// Writes rows at the end of both files. Nothing counts before a commit has recorded the number of rows.
pub(super) struct Appender {
    full: (BufWriter<File>, PathBuf),
    quantised: (BufWriter<File>, PathBuf),
    dimensions: usize,
    rows: u64,
}

impl Appender {
    /// Opens the files and cuts off what no commit recorded. Files shorter than `rows` are damaged.
    pub fn open(paths: &GenerationPaths, dimensions: usize, rows: u64) -> Result<Self, StoreError> {
        let open = |path: &Path, stride: usize| {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(io_error("open", path))?;
            let length = file.metadata().map_err(io_error("look up", path))?.len();
            let expected = rows * stride as u64;
            check_length(path, length, expected)?;
            file.set_len(expected).map_err(io_error("truncate", path))?;
            let mut writer = BufWriter::with_capacity(1 << 18, file);
            std::io::Seek::seek(&mut writer, std::io::SeekFrom::Start(expected))
                .map_err(io_error("seek in", path))?;
            Ok::<_, StoreError>((writer, path.to_owned()))
        };
        Ok(Self {
            full: open(&paths.vectors, full_stride(dimensions))?,
            quantised: open(&paths.quantised, quantised_stride(dimensions))?,
            dimensions,
            rows,
        })
    }

    /// The number of rows, those appended included.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends a vector; its row is the number of rows before.
    pub fn append(&mut self, vector: &[f32]) -> Result<(), StoreError> {
        debug_assert_eq!(vector.len(), self.dimensions);
        let (writer, path) = &mut self.full;
        for component in vector {
            writer.write_all(&component.to_le_bytes()).map_err(io_error("append to", path))?;
        }
        let (bytes, scale) = quantise(vector);
        let (writer, path) = &mut self.quantised;
        let bytes: Vec<u8> = bytes.into_iter().map(|byte| byte as u8).collect();
        writer
            .write_all(&bytes)
            .and_then(|()| writer.write_all(&scale.to_le_bytes()))
            .map_err(io_error("append to", path))?;
        self.rows += 1;
        Ok(())
    }

    /// Makes all rows durable.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        for (writer, path) in [&mut self.full, &mut self.quantised] {
            writer.flush().map_err(io_error("append to", path))?;
            writer.get_ref().sync_data().map_err(io_error("sync", path))?;
        }
        Ok(())
    }
}

/// The rows of one commit, mapped into memory. Later rows may be appended meanwhile; they are not seen.
pub(super) struct Vectors {
    full: Option<Mmap>,
    quantised: Option<Mmap>,
    dimensions: usize,
    rows: usize,
}

impl Vectors {
    /// Maps the first `rows` rows. Files shorter than that are damaged.
    pub fn open(paths: &GenerationPaths, dimensions: usize, rows: u64) -> Result<Self, StoreError> {
        let map = |path: &Path, stride: usize| {
            let file = File::open(path).map_err(io_error("open", path))?;
            let length = file.metadata().map_err(io_error("look up", path))?.len();
            let expected = rows * stride as u64;
            check_length(path, length, expected)?;
            let expected = usize::try_from(expected).map_err(|_| too_many_rows(path))?;
            if expected == 0 {
                return Ok::<_, StoreError>(None);
            }
            // SAFETY: committed rows are never rewritten, and writers cut the file only behind them. Whoever cuts it
            // by other means takes the process down with SIGBUS, as with any mapped file.
            let map = unsafe { MmapOptions::new().len(expected).map(&file) };
            map.map(Some).map_err(io_error("map", path))
        };
        Ok(Self {
            full: map(&paths.vectors, full_stride(dimensions))?,
            quantised: map(&paths.quantised, quantised_stride(dimensions))?,
            dimensions,
            rows: usize::try_from(rows).map_err(|_| too_many_rows(&paths.vectors))?,
        })
    }

    /// The vector of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let map = self.full.as_ref().expect("there is a row, so the file is not empty");
        let bytes = &map[row * full_stride(self.dimensions)..][..full_stride(self.dimensions)];
        // SAFETY: every bit pattern is an f32; the map starts at a page and a stride is a multiple of four bytes, so
        // the pointer is aligned; the length is that of the slice.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<f32>(), self.dimensions) }
    }

    /// The cosine of a row to a normalised query.
    pub fn similarity(&self, row: usize, query: &[f32]) -> f32 {
        dot(self.row(row), query)
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
    ) -> Vec<(f32, K)> {
        if limit == 0 || self.rows == 0 {
            return Vec::new();
        }
        let candidates =
            self.scan(query, allowed, limit.saturating_mul(RESCORE_FACTOR).max(RESCORE_MIN), key);
        let mut best = Best::new(limit);
        for key in candidates {
            best.offer(self.similarity(row_of(key) as usize, query), key);
        }
        best.into_sorted()
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
        let map = self.quantised.as_ref().expect("there is a row, so the file is not empty");
        let stride = quantised_stride(self.dimensions);
        let scan_words = |first_word: usize, words: &[u64]| {
            let mut best = Best::new(limit);
            for (at, &word) in words.iter().enumerate() {
                for bit in ones(word) {
                    let row = (first_word + at) * 64 + bit;
                    let bytes = &map[row * stride..][..stride];
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

fn full_stride(dimensions: usize) -> usize {
    dimensions * size_of::<f32>()
}

fn quantised_stride(dimensions: usize) -> usize {
    dimensions + SCALE_BYTES
}

fn check_length(path: &Path, length: u64, expected: u64) -> Result<(), StoreError> {
    match length >= expected {
        true => Ok(()),
        false => Err(StoreError::Damaged {
            path: path.to_owned(),
            detail: format!("it has {length} bytes, but {expected} were committed"),
        }),
    }
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
