//! The vectors of a generation: append-only files of rows, and the search over them.
//!
//! `vectors.f32` holds the vectors, `vectors.i8` the same rows quantised to a byte a dimension, each followed by its
//! scale. A search scans the bytes (`scan.rs`), which are a quarter of the memory traffic, and scores the best few
//! again with the floats. There is no graph to build, to tune or to lose recall with.
//!
//! Where there are many rows, `screen.rs` chooses a few thousand of them first, by a bit a dimension. The bits are made
//! of `vectors.i8` as a commit is opened, and are in no file: there is nothing more to check, to copy or to damage, and
//! what earlier versions wrote has them too.
//!
//! Rows are never changed (`append.rs`). Which of them are alive is known by the index alone. `vectors.sums` has the
//! checksums of each row, so that rows are checked as they are read (`rows.rs`), however many were appended since.

mod append;
mod rotation;
mod rows;
mod scan;
mod screen;

pub(super) use append::Appender;
pub(super) use rows::{check_row, full_stride, quantised_stride, sums_of_rows, visit_rows};

use super::{
    best::Best,
    bits::Bits,
    layout::GenerationPaths,
    sums::{RowSum, damaged},
};
use crate::store::error::StoreError;
use rayon::prelude::*;
use rows::Rows;
use screen::Screen;
use simsimd::SpatialSimilarity;
use std::{borrow::Cow, path::PathBuf, sync::Arc};

/// How many rows the byte scan hands to the floats for each one asked for, and at least.
const RESCORE_FACTOR: usize = 4;
const RESCORE_MIN: usize = 200;

/// How many rows the bits hand to the byte scan for each one asked for, and at least. `docs/scaling.md` says how many
/// of the nearest are among them.
const SCREEN_FACTOR: usize = 20;
const SCREEN_MIN: usize = 2_000;

/// From so many bytes to scan on, the bits choose first; below, choosing costs more than it saves.
const SCREEN_FROM_BYTES: usize = if cfg!(test) { 1 << 20 } else { 8 << 20 };

/// Vectors with fewer dimensions have no screen: one bit for each says too little of the vector.
const SCREEN_FROM_DIMENSIONS: usize = 256;

/// Floats beyond this many bytes stay on disk and are read row by row, each with its checksum.
const MAX_HELD_FULL_BYTES: u64 = if cfg!(test) { 256 << 10 } else { 256 << 20 };

/// Quantised vectors beyond this many bytes stay on disk; a search reads ten times as many rows of them.
const MAX_HELD_QUANTISED_BYTES: u64 = if cfg!(test) { 256 << 10 } else { 512 << 20 };

/// The purpose for which the rows are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Answering: all data that a search needs is in memory, so that no change of the files reaches an answer.
    Searching,
    /// Writing: everything is checked once, and stays on disk.
    Writing,
    /// Only the records are wanted, of files that may be damaged; there are no rows.
    Salvaging,
}

/// The rows of one commit. Later rows may be appended meanwhile; they are not seen.
pub(super) struct Vectors {
    path: PathBuf,
    /// The vectors; `None` for [`Purpose::Salvaging`], which reads no rows.
    files: Option<Files>,
    /// By row; `None` where an earlier version wrote the rows and made no checksums.
    sums: Option<Arc<[RowSum]>>,
    dimensions: usize,
}

struct Files {
    full: Rows<f32>,
    quantised: Rows<u8>,
    /// `None` where it would not pay.
    screen: Option<Screen>,
}

impl Vectors {
    /// Opens the first `rows` rows. Files shorter than that, and rows that are not those of their checksums, are
    /// damaged.
    ///
    /// `before` is an earlier commit of the same generation: the rows that it has checked and holds are not read again.
    pub fn open(
        paths: &GenerationPaths,
        dimensions: usize,
        rows: u64,
        sums: Option<Vec<RowSum>>,
        purpose: Purpose,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let rows = usize::try_from(rows).map_err(|_| too_many_rows(&paths.vectors))?;
        let sums = sums.map(Arc::from);
        let mut vectors = Self { path: paths.vectors.clone(), files: None, sums, dimensions };
        if purpose == Purpose::Salvaging {
            return Ok(vectors);
        }
        let mut full = Rows::full(paths, dimensions, rows, vectors.sums.clone())?;
        let mut quantised = Rows::quantised(paths, dimensions, rows, vectors.sums.clone())?;
        let known = vectors.rows_in_common(before);
        if purpose == Purpose::Writing {
            full.check(known)?;
            quantised.check(known)?;
            vectors.files = Some(Files { full, quantised, screen: None });
            return Ok(vectors);
        }
        let before = before.and_then(|before| before.files.as_ref());
        let is_screened =
            dimensions >= SCREEN_FROM_DIMENSIONS && quantised.bytes() >= SCREEN_FROM_BYTES as u64;
        if !is_screened || quantised.bytes() <= MAX_HELD_QUANTISED_BYTES {
            quantised.hold(before.map(|before| &before.quantised), known)?;
        }
        let screen_before = before.and_then(|before| before.screen.as_ref());
        let screen = is_screened.then(|| Screen::of(&quantised, dimensions, screen_before, known));
        if full.bytes() <= MAX_HELD_FULL_BYTES {
            full.hold(before.map(|before| &before.full), known)?;
        }
        vectors.files = Some(Files { full, quantised, screen: screen.transpose()? });
        Ok(vectors)
    }

    /// Whether every row that a search needs was checked and cannot change any more.
    pub fn is_held(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.full.is_held() && files.quantised.is_held())
    }

    /// How many rows are, by their checksums, those of an earlier commit.
    fn rows_in_common(&self, before: Option<&Self>) -> usize {
        let before = before.filter(|before| before.dimensions == self.dimensions);
        let before = before.and_then(|before| before.sums.as_deref()).unwrap_or_default();
        let now = self.sums.as_deref().unwrap_or_default();
        before.iter().zip(now).take_while(|(before, now)| before == now).count()
    }

    fn files(&self) -> Result<&Files, StoreError> {
        self.files.as_ref().ok_or_else(|| damaged(&self.path, "its rows are not read"))
    }

    /// The vector of a row.
    pub fn row(&self, row: usize) -> Result<Cow<'_, [f32]>, StoreError> {
        self.files()?.full.row(row)
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
        row_of: impl Fn(K) -> u32 + Sync,
    ) -> Result<Vec<(f32, K)>, StoreError> {
        let files = self.files()?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let screened = files.screened(query, allowed, limit);
        let allowed = screened.as_ref().unwrap_or(allowed);
        let candidates = limit.saturating_mul(RESCORE_FACTOR).max(RESCORE_MIN);
        let candidates = scan::best(&files.quantised, query, allowed, candidates, key)?;
        let scored = |key: K| -> Result<(f32, K), StoreError> {
            Ok((dot(&files.full.row(row_of(key) as usize)?, query), key))
        };
        let scored: Vec<(f32, K)> = match files.full.is_held() {
            true => candidates.into_iter().map(scored).collect::<Result<_, _>>()?,
            // Reading takes longer than handing it out.
            false => candidates.into_par_iter().map(scored).collect::<Result<_, _>>()?,
        };
        let mut best = Best::new(limit);
        scored.into_iter().for_each(|(score, key)| best.offer(score, key));
        Ok(best.into_sorted())
    }
}

impl Files {
    /// The rows among `allowed` that are worth scanning; `None` for all of them.
    fn screened(&self, query: &[f32], allowed: &Bits, limit: usize) -> Option<Bits> {
        let screen = self.screen.as_ref()?;
        let (rows, kept) = (allowed.len(), limit.saturating_mul(SCREEN_FACTOR).max(SCREEN_MIN));
        // Rows on disk are slow to read, so the bits choose wherever there is a choice.
        let pays = !self.quantised.is_held() || rows * self.quantised.stride() >= SCREEN_FROM_BYTES;
        (rows > kept && pays).then(|| screen.best(query, allowed, kept))
    }
}

fn too_many_rows(path: &std::path::Path) -> StoreError {
    damaged(path, "it has more rows than this machine can address")
}

/// The dot product of two vectors of one length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    f32::dot(a, b).expect("vectors of one generation have one length") as f32
}
