//! The results of checking and of copying a knowledge base.

use super::error::StoreError;
use serde::Serialize;
use std::path::PathBuf;

/// The result of [`verify`](super::verify).
#[derive(Debug, Default)]
pub struct Verification {
    /// The version that was looked at, where it could be told.
    pub version: Option<String>,
    /// The files that are as they should be, as far as can be told.
    pub files: Vec<PathBuf>,
    /// The size of these files, in bytes.
    pub bytes: u64,
    /// The files among them that an earlier version wrote without checksums; the next commit covers them.
    pub uncovered: Vec<PathBuf>,
    /// How the servers are, a line each, where the knowledge base is on servers.
    pub servers: Vec<ServerHealth>,
    /// All damage that was found; each error names a file and the way out.
    pub damaged: Vec<StoreError>,
}

/// A thing to be known of the servers of a knowledge base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHealth {
    /// Whether it is as it should be.
    pub is_well: bool,
    /// The server or the copy, and how it is.
    pub detail: String,
}

/// The content of a backup, or of the state that was restored from one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// The version of the copy.
    pub version: String,
    /// The number of chunks.
    pub chunks: u64,
    /// The number of files.
    pub files: u64,
    /// The size of the files, in bytes.
    pub bytes: u64,
    /// Whether the original had checksums. The copy has.
    pub was_covered: bool,
    /// Failures after the copy was safe; the copy stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
