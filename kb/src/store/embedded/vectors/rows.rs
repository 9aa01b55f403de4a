//! One file of rows: how a row is written, checked and read, in memory or where it lies.

use crate::store::{
    embedded::{
        layout::{GenerationPaths, read_exact_at},
        sums::{RowSum, damaged, length, missing_or, open, read_through, wrong_length},
    },
    error::StoreError,
};
use rayon::prelude::*;
use std::{
    borrow::Cow,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(target_endian = "big")]
compile_error!("the bytes of a quantised row are compared as they are stored, which is little-endian");

/// Bytes of a row's scale in `vectors.i8`.
const SCALE_BYTES: usize = size_of::<f32>();

/// Rows of a block in memory; a multiple of 64. A snapshot shares the blocks that it has in common with the one before.
pub(super) const ROWS_PER_BLOCK: usize = 1_024;

/// The first rows of a file, as many as a commit counts. Later ones may be appended meanwhile; they are not seen.
pub(super) struct Rows<T> {
    path: PathBuf,
    file: File,
    /// Bytes of a row.
    stride: usize,
    rows: usize,
    /// By row; `None` where an earlier version wrote the rows and made no checksums.
    sums: Option<Arc<[RowSum]>>,
    /// Which of a row's checksums is that of this file.
    sum: fn(&RowSum) -> u32,
    decode: fn(Vec<u8>) -> Vec<T>,
    /// Blocks of [`ROWS_PER_BLOCK`] rows; `None` while the rows stay on disk.
    held: Option<Vec<Arc<[T]>>>,
}

impl Rows<f32> {
    /// The vectors in full precision.
    pub fn full(
        paths: &GenerationPaths,
        dimensions: usize,
        rows: usize,
        sums: Option<Arc<[RowSum]>>,
    ) -> Result<Self, StoreError> {
        let decode = |bytes: Vec<u8>| floats(&bytes).collect();
        Self::open(&paths.vectors, full_stride(dimensions), rows, sums, |sums| sums.full, decode)
    }
}

impl Rows<u8> {
    /// The vectors as bytes, each followed by its scale.
    pub fn quantised(
        paths: &GenerationPaths,
        dimensions: usize,
        rows: usize,
        sums: Option<Arc<[RowSum]>>,
    ) -> Result<Self, StoreError> {
        let stride = quantised_stride(dimensions);
        Self::open(&paths.quantised, stride, rows, sums, |sums| sums.quantised, |bytes| bytes)
    }
}

impl<T: Clone + Send + Sync> Rows<T> {
    fn open(
        path: &Path,
        stride: usize,
        rows: usize,
        sums: Option<Arc<[RowSum]>>,
        sum: fn(&RowSum) -> u32,
        decode: fn(Vec<u8>) -> Vec<T>,
    ) -> Result<Self, StoreError> {
        let file = open(path)?;
        check_length(path, length(&file, path)?, rows as u64 * stride as u64)?;
        Ok(Self { path: path.to_owned(), file, stride, rows, sums, sum, decode, held: None })
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> u64 {
        self.rows as u64 * self.stride as u64
    }

    /// Bytes of one row.
    pub fn stride(&self) -> usize {
        self.stride
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Reads all rows into memory. The first `known` are those of `before`: the whole blocks of them that `before`
    /// holds are not read again.
    pub fn hold(&mut self, before: Option<&Self>, known: usize) -> Result<(), StoreError> {
        let held = before.and_then(|before| before.held.as_ref());
        let mut blocks = held.map(|held| held[..known / ROWS_PER_BLOCK].to_vec()).unwrap_or_default();
        blocks.extend(self.each_block(blocks.len(), |bytes| Arc::from((self.decode)(bytes)))?);
        self.held = Some(blocks);
        Ok(())
    }

    /// Compares the rows from `known` on with their checksums.
    pub fn check(&self, known: usize) -> Result<(), StoreError> {
        self.each_block(known / ROWS_PER_BLOCK, |_| ()).map(drop)
    }

    /// Applies `make` to each block on disk, from block number `from` on, on all cores.
    fn each_block<R: Send>(
        &self,
        from: usize,
        make: impl Fn(Vec<u8>) -> R + Sync,
    ) -> Result<Vec<R>, StoreError> {
        let blocks = from..self.rows.div_ceil(ROWS_PER_BLOCK);
        blocks.into_par_iter().map(|block| self.read_block(block).map(&make)).collect()
    }

    fn read_block(&self, block: usize) -> Result<Vec<u8>, StoreError> {
        let first = block * ROWS_PER_BLOCK;
        self.read(first, ROWS_PER_BLOCK.min(self.rows - first))
    }

    /// Reads rows from the disk, each of which must have its checksum.
    fn read(&self, first: usize, count: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; count * self.stride];
        read_exact_at(&self.file, &mut bytes, first as u64 * self.stride as u64)
            .map_err(|error| missing_or("read", &self.path, error))?;
        if let Some(sums) = &self.sums {
            for (row, bytes) in (first..).zip(bytes.chunks_exact(self.stride)) {
                check_row(&self.path, row, bytes, (self.sum)(&sums[row]))?;
            }
        }
        Ok(bytes)
    }

    /// A block, as [`Self::row`] would give its rows.
    pub fn block(&self, block: usize) -> Result<Cow<'_, [T]>, StoreError> {
        match &self.held {
            Some(held) => Ok(Cow::Borrowed(&held[block])),
            None => Ok(Cow::Owned((self.decode)(self.read_block(block)?))),
        }
    }

    /// A block in memory; `None` while the rows stay on disk.
    pub fn held_block(&self, block: usize) -> Option<&[T]> {
        self.held.as_ref().map(|held| &*held[block])
    }

    /// A row, checked when it was read or now.
    pub fn row(&self, row: usize) -> Result<Cow<'_, [T]>, StoreError> {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        match &self.held {
            Some(held) => {
                let length = self.stride / size_of::<T>();
                let block = &held[row / ROWS_PER_BLOCK];
                Ok(Cow::Borrowed(&block[row % ROWS_PER_BLOCK * length..][..length]))
            }
            None => Ok(Cow::Owned((self.decode)(self.read(row, 1)?))),
        }
    }
}

/// Hands each of the first `rows` rows of a file to `visit`, with its number.
pub(in crate::store::embedded) fn visit_rows(
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
pub(in crate::store::embedded) fn sums_of_rows(
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
pub(in crate::store::embedded) fn check_row(
    path: &Path,
    row: usize,
    bytes: &[u8],
    sum: u32,
) -> Result<(), StoreError> {
    match crc32fast::hash(bytes) == sum {
        true => Ok(()),
        false => Err(damaged(path, format!("row {row} is not what was committed"))),
    }
}

pub(super) fn check_length(path: &Path, length: u64, expected: u64) -> Result<(), StoreError> {
    match length >= expected {
        true => Ok(()),
        false => Err(wrong_length(path, length, expected)),
    }
}

/// Bytes of a row of `vectors.f32`.
pub(in crate::store::embedded) fn full_stride(dimensions: usize) -> usize {
    dimensions * size_of::<f32>()
}

/// Bytes of a row of `vectors.i8`.
pub(in crate::store::embedded) fn quantised_stride(dimensions: usize) -> usize {
    dimensions + SCALE_BYTES
}

/// The floats in the bytes of rows.
fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<{ size_of::<f32>() }>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// A vector as signed bytes and the factor that gives it back. Symmetric, with a scale of its own for each vector:
/// components of unit vectors are small, and one scale for all would leave most of the 255 steps unused.
pub(super) fn quantise(vector: &[f32]) -> (Vec<i8>, f32) {
    let largest = vector.iter().fold(0.0_f32, |largest, component| largest.max(component.abs()));
    if largest == 0.0 {
        return (vec![0; vector.len()], 0.0);
    }
    let bytes = vector.iter().map(|component| (component / largest * 127.0).round() as i8).collect();
    (bytes, largest / 127.0)
}

/// The signed bytes and the scale of a row of `vectors.i8`.
#[inline]
pub(super) fn parts(row: &[u8]) -> (&[i8], f32) {
    let (bytes, scale) = row.split_at(row.len() - SCALE_BYTES);
    // SAFETY: u8 and i8 have the same size and alignment, and every bit pattern is valid.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), bytes.len()) };
    (bytes, f32::from_le_bytes(scale.try_into().expect("the rest of a row is its scale")))
}
