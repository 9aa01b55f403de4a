//! Files of an evaluation: text is read within a limit, results are written as JSON.

use crate::error::EvalError;
use std::{io::Read as _, path::Path};

/// Longest text file that is read: 256 MiB.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Reads a text file of at most 256 MiB.
pub(crate) fn read_text(path: &Path) -> Result<String, EvalError> {
    let file = kb::files::open(path).map_err(EvalError::io("read", path))?;
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(EvalError::io("read", path))?;
    match text.len() as u64 > MAX_FILE_BYTES {
        true => Err(EvalError::data(path, format!("is over {MAX_FILE_BYTES} bytes"))),
        false => Ok(text),
    }
}

/// Pretty JSON with a last line break.
pub fn json(value: &impl serde::Serialize) -> Result<String, EvalError> {
    let mut text = serde_json::to_string_pretty(value).map_err(unserialisable)?;
    text.push('\n');
    Ok(text)
}

/// JSON on one line, with a line break at its end.
pub(crate) fn json_line(value: &impl serde::Serialize) -> Result<String, EvalError> {
    let mut text = serde_json::to_string(value).map_err(unserialisable)?;
    text.push('\n');
    Ok(text)
}

fn unserialisable(error: serde_json::Error) -> EvalError {
    EvalError::Usage(format!("the results could not be written as JSON: {error}"))
}
