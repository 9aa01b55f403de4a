//! The API key of the Qdrant servers, from the environment or a file.

use std::path::PathBuf;

/// The file that holds the key, which comes first, and the key itself.
#[expect(clippy::disallowed_methods, reason = "the three programs share this one place for the key")]
pub(super) fn of_this_process() -> (Option<PathBuf>, Option<String>) {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let file = set("RUNBOOKD_QDRANT_API_KEY_FILE").map(PathBuf::from);
    let value = set("RUNBOOKD_QDRANT_API_KEY").map(|key| key.to_string_lossy().into_owned());
    (file, value)
}
