//! Files that a user names and that are read whole: settings, keys, tokens, journals, questions. A named pipe would
//! keep its reader waiting for ever, a device never ends, and a huge file takes the memory; each of them is an error
//! that says so, at once.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    path::Path,
};

/// Opens a regular file for reading; links are followed.
pub fn open(path: &Path) -> io::Result<File> {
    // Asked before opening, because opening some devices does something, and after, because it may be another by then.
    check(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Options that open a named pipe, which took a file's place, without waiting for its other end.
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options
}

/// Reads a regular file of at most `max_bytes`.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let too_large = || {
        let detail = format!("it is larger than {max_bytes} bytes, the most that is read here");
        io::Error::new(io::ErrorKind::FileTooLarge, detail)
    };
    let length = file.metadata()?.len();
    if length > max_bytes {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // The file may grow while it is read, and files of the kernel give no length.
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(bytes) }
}

/// Reads a file as [`read`] does; an error unless it is UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    String::from_utf8(read(path, max_bytes)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// An error unless the file is a regular one.
pub fn check(metadata: &Metadata) -> io::Result<()> {
    match not_regular(metadata) {
        None => Ok(()),
        Some(what) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}"))),
    }
}

/// A description of a file that is not a regular one, such as "a named pipe, not a file"; `None` for a regular file.
pub fn not_regular(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a named pipe, not a file");
        }
        if kind.is_socket() {
            return Some("a socket, not a file");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Some("a device, not a file");
        }
    }
    Some(if kind.is_dir() { "a directory, not a file" } else { "not a regular file" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_size_are_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("small"), "text").expect("it can be written");
        File::create(path("huge")).and_then(|file| file.set_len(1 << 40)).expect("a file with a hole");
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().expect("it runs");
        assert!(made.success());
        std::os::unix::fs::symlink(path("pipe"), path("link")).expect("a link");
        let _listener = std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");
        for (path, says) in [
            (path("pipe"), "it is a named pipe, not a file"),
            (path("link"), "it is a named pipe, not a file"),
            (path("socket"), "it is a socket, not a file"),
            (path("huge"), "it is larger than 4 bytes"),
            (directory.path().to_owned(), "it is a directory, not a file"),
            (Path::new("/dev/zero").to_owned(), "it is a device, not a file"),
            (path("absent"), "No such file"),
        ] {
            let error = read_text(&path, 4).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(read_text(&path("small"), 4).expect("it is a file"), "text");
        assert!(read(&path("small"), 3).is_err());
    }
}
