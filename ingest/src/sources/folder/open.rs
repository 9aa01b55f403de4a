//! Opens the very file that was listed: no link, pipe or other file that has taken its place since.

use crate::sources::files::ReadError;
use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    path::Path,
};

/// Device and inode, where the platform has them.
pub(super) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Opens without following a link that took the file's place, and without waiting for the other end of a pipe.
pub(super) fn open_regular(path: &Path) -> Result<File, ReadError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Gone,
        _ if is_loop(&error) => ReadError::Swapped,
        _ => ReadError::Io(error),
    })
}

/// Whether a link was in the way: one that is not followed, or that leads to itself.
pub(super) fn is_loop(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}
