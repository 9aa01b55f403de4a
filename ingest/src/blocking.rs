//! Work that computes or waits for the disk, on threads where it does not hold up the runtime.

/// A worker thread ended early; a bug.
#[derive(Debug, thiserror::Error)]
#[error("a worker thread failed: {detail}")]
pub struct WorkerError {
    /// The message with which the thread ended.
    pub detail: String,
}

/// Runs work on a thread of its own, and waits for its result.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, WorkerError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| WorkerError { detail: error.to_string() })
}
