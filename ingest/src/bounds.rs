//! Bounds of packed data: a declared size is never believed, the bytes that come out are counted.

use regex::bytes::Regex;
use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    rc::Rc,
    sync::LazyLock,
};

/// A packed file may always unpack to this many bytes.
const FREE_BYTES: u64 = 8 << 20;

/// Beyond that, it may be this many times as long as what went in. Text is packed to a tenth, a thirtieth at best.
const MAX_RATIO: u64 = 100;

/// Bytes that may come out of a packed file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    most: u64,
    taken: u64,
    by_ratio: bool,
}

impl Allowance {
    /// For a file of `packed` bytes, never more than `most`.
    pub(crate) fn of(packed: u64, most: u64) -> Self {
        let by_ratio = packed.saturating_mul(MAX_RATIO).max(FREE_BYTES);
        Self { most: most.min(by_ratio), taken: 0, by_ratio: by_ratio < most }
    }

    /// Takes bytes, or says why there are too many.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), String> {
        self.taken = self.taken.saturating_add(bytes);
        match self.taken > self.most {
            true => Err(self.refusal()),
            false => Ok(()),
        }
    }

    fn refusal(&self) -> String {
        match self.by_ratio {
            true => format!(
                "it unpacks to more than {MAX_RATIO} times its size, as files do that are made to harm"
            ),
            false => format!("it unpacks to more than {} MiB", self.most >> 20),
        }
    }
}

/// Reads what is unpacked and takes it from an allowance; fails when that is spent.
pub(crate) struct Bounded<'a, R> {
    inner: R,
    allowance: &'a mut Allowance,
}

impl<'a, R: Read> Bounded<'a, R> {
    /// Reads `inner` within an allowance.
    pub(crate) fn new(inner: R, allowance: &'a mut Allowance) -> Self {
        Self { inner, allowance }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.allowance.take(read as u64).map_err(io::Error::other)?;
        Ok(read)
    }
}

/// Reads as much as was allowed for the next piece, and fails beyond it: for parsers that keep a piece whole.
pub(crate) struct Rationed<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R> Rationed<R> {
    /// Reads `inner`, of which `left` says how much more may be read.
    pub(crate) fn new(inner: R, left: Rc<Cell<u64>>) -> Self {
        Self { inner, left }
    }
}

impl<R: BufRead> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Rationed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.left.get()).unwrap_or(usize::MAX);
        if left == 0 {
            return Err(io::Error::other("too large"));
        }
        let available = self.inner.fill_buf()?;
        Ok(&available[..available.len().min(left)])
    }

    fn consume(&mut self, amount: usize) {
        self.left.set(self.left.get().saturating_sub(amount as u64));
        self.inner.consume(amount);
    }
}

/// Counts what may be entries of a ZIP archive, up to one more than `most`: their headers take memory as soon as an
/// archive is opened. Never fewer than there are.
pub(crate) fn count_zip_entries(mut archive: impl Read, most: usize) -> io::Result<usize> {
    static HEADER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?-u)PK\x01\x02").expect("the pattern is valid"));
    /// A header may lie across two parts.
    const OVERLAP: usize = 3;
    let mut part = vec![0; 256 << 10];
    let (mut count, mut kept) = (0, 0);
    loop {
        let read = archive.read(&mut part[kept..])?;
        let end = kept + read;
        count += HEADER.find_iter(&part[..end]).count();
        if read == 0 || count > most {
            return Ok(count.min(most + 1));
        }
        kept = end.min(OVERLAP);
        part.copy_within(end - kept..end, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_counted() {
        for (packed, most, bytes, part) in [
            (10, 64 << 20, 8 << 20, None),
            (10, 64 << 20, (8 << 20) + 1, Some("100 times")),
            (1 << 20, 64 << 20, 64 << 20, None),
            (1 << 20, 64 << 20, (64 << 20) + 1, Some("64 MiB")),
        ] {
            let mut allowance = Allowance::of(packed, most);
            let read =
                io::copy(&mut Bounded::new(io::repeat(0).take(bytes), &mut allowance), &mut io::sink());
            match part {
                None => assert_eq!(read.ok(), Some(bytes)),
                Some(part) => {
                    let reason = read.expect_err("it is refused").to_string();
                    assert!(reason.contains(part), "{reason}");
                }
            }
        }
    }

    #[test]
    fn entries_are_counted_across_parts() {
        let mut bytes = vec![0; (256 << 10) - 2];
        bytes.extend(b"PK\x01\x02");
        bytes.extend(vec![0; 256 << 10]);
        bytes.extend(b"PK\x01\x02PK\x01\x02");
        assert_eq!(count_zip_entries(bytes.as_slice(), 10).ok(), Some(3));
        assert_eq!(count_zip_entries(bytes.as_slice(), 1).ok(), Some(2));
    }
}
