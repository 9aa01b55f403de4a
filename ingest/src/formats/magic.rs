//! The type of a file by its first bytes, whatever its name says.

/// A PDF's mark may have this much before it.
const MAX_BEFORE_PDF: usize = 1024;

/// A sort of file that its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Magic {
    Pdf,
    /// A ZIP archive, which new office files are as well.
    Zip,
    /// Office files of the time before, and those that a password protects.
    Ole,
    /// A file packed by gzip.
    Gzip,
    /// A picture, of any format that is known.
    Picture,
    /// A program that a system runs.
    Program,
}

impl Magic {
    /// The sort of a file with these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        const AT_START: [(&[u8], Magic); 9] = [
            (b"%PDF-", Magic::Pdf),
            (b"PK\x03\x04", Magic::Zip),
            (b"PK\x05\x06", Magic::Zip),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Magic::Ole),
            (b"\x1f\x8b", Magic::Gzip),
            (b"\x89PNG\r\n", Magic::Picture),
            (b"\xff\xd8\xff", Magic::Picture),
            (b"GIF8", Magic::Picture),
            (b"\x7fELF", Magic::Program),
        ];
        let found = AT_START.iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, sort)| *sort);
        found.or_else(|| {
            let head = &bytes[..bytes.len().min(MAX_BEFORE_PDF)];
            // Other bytes may come before the mark of a PDF file.
            let is_pdf = head.windows(5).any(|part| part == b"%PDF-") && bytes.contains(&0);
            is_pdf.then_some(Self::Pdf)
        })
    }

    /// The name that reports give a file of this type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pdf => "a PDF file",
            Self::Zip => "a ZIP archive or an office file",
            Self::Ole => "an old or protected office file",
            Self::Gzip => "a gzip file",
            Self::Picture => "a picture",
            Self::Program => "a program",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        for (bytes, sort) in [
            (&b"%PDF-1.7\n"[..], Some(Magic::Pdf)),
            (b"\0\0\n%PDF-1.7\n", Some(Magic::Pdf)),
            (b"# About %PDF-1.7\n", None),
            (b"PK\x03\x04x", Some(Magic::Zip)),
            (b"\x1f\x8b\x08", Some(Magic::Gzip)),
            (b"", None),
            (b"text", None),
        ] {
            assert_eq!(Magic::of(bytes), sort, "{bytes:?}");
        }
    }
}
