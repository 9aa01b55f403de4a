//! Panics of the index's library, which some damage causes, as errors.

use crate::store::error::StoreError;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Reads what is under `path`; the index's library panics over some damage.
pub(super) fn undamaged<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let damaged = || StoreError::Damaged {
        path: path.to_owned(),
        detail: "reading it ended in a panic, which the log describes".to_owned(),
    };
    // All that was read so far is dropped, so that no caller sees a value in a broken state.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged()))
}
