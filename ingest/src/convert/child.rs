//! The child's end of the pipe: the file comes in on standard input, lines of JSON go out.

use super::{ARGUMENT, Told, extract, limits};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufWriter, Read, Write},
    process::ExitCode,
};

/// A longer file is not read.
const MAX_INPUT_BYTES: u64 = 64 << 20;

/// The exit code of a child that cannot do its work.
const FAILED: u8 = 1;

/// Reads a file for another process when the program was started for that; `None` when it was not.
pub fn serve_if_asked(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let is_pdf = arguments.next().is_some_and(|format| format == "pdf");
    Some(match is_pdf.then(serve) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(_)) | None => ExitCode::from(FAILED),
    })
}

fn serve() -> io::Result<()> {
    limits::set()?;
    // A panic becomes a refusal like any other; its message is not useful to readers.
    std::panic::set_hook(Box::new(|_| {}));
    let mut output = Output(BufWriter::new(own_output()?));
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_INPUT_BYTES).read_to_end(&mut bytes)?;
    match extract::extract(&bytes, &mut output)? {
        Ok(()) => output.tell(&Told::Done),
        Err(reason) => output.tell(&Told::Refused(reason)),
    }
}

/// The child's output, written a line at a time.
pub(super) struct Output(BufWriter<File>);

impl Output {
    /// Says a line at once: the process may break any moment.
    pub(super) fn tell(&mut self, told: &Told) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, told)?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }
}

/// Standard output for ourselves alone: the prints of parsers to standard output go to standard error.
#[cfg(unix)]
fn own_output() -> io::Result<File> {
    use std::os::fd::AsFd;
    let own = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(own))
}

#[cfg(not(unix))]
fn own_output() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}
