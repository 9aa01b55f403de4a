//! Writing rows at the end of a generation's files.

use super::rows::{check_length, full_stride, quantise, quantised_stride, sums_of_rows};
use crate::store::{
    embedded::{
        layout::{GenerationPaths, io_error},
        sums::{FileSum, ROW_SUM_BYTES, RowSum, Summing, length},
    },
    error::StoreError,
};
use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// Writes rows at the end of the files. Rows count only after a commit has recorded their number.
pub(in crate::store::embedded) struct Appender {
    full: (BufWriter<File>, PathBuf),
    quantised: (BufWriter<File>, PathBuf),
    row_sums: (BufWriter<File>, PathBuf),
    /// The checksum, so far, of the file with the rows' checksums.
    summing: Summing,
    dimensions: usize,
    rows: u64,
}

impl Appender {
    /// Opens the files and cuts off what no commit recorded. Files shorter than `rows` are damaged. Without `sums`,
    /// which earlier versions did not write, they are made of the rows as they are now.
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
