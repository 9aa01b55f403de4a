//! The failures of storage, in terms of no engine.

use super::keys::ChunkKey;
use std::path::PathBuf;

/// The failures of a storage engine.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no knowledge base at the address.
    #[error("there is no knowledge base at `{path}`; create one with `ingest --kb {path} FOLDER`")]
    Missing {
        /// The address that was opened.
        path: String,
    },
    /// Another writer is at work.
    #[error("another writer holds `{place}`; wait for it to finish, or stop it")]
    Locked {
        /// The lock file, or the part of the knowledge base.
        place: String,
    },
    /// The knowledge base was built with something else than this program uses.
    #[error(
        "the knowledge base at `{path}` was built with {what} `{found}`, but this program uses `{expected}`; {advice}"
    )]
    Mismatch {
        /// The address that was opened.
        path: String,
        /// The part of the identity that differs.
        what: &'static str,
        /// The value in the stored manifest.
        found: String,
        /// The value of this program.
        expected: String,
        /// The way out, in one line.
        advice: String,
    },
    /// A file's content differs from the content that was written.
    #[error(
        "`{path}` is damaged: {detail}; bring back a backup with `ingest restore`, or build the knowledge base again from its documents with `ingest --rebuild`"
    )]
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The damage, in one line.
        detail: String,
    },
    /// The file system failed.
    #[error("failed to {action} `{path}`")]
    Io {
        /// The operation that failed: a verb phrase before the path.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause, as the operating system gives it.
        #[source]
        source: std::io::Error,
    },
    /// An operation of the index failed.
    #[error("failed to {action} the index in `{place}`")]
    Index {
        /// The operation that failed: a verb phrase before "the index".
        action: &'static str,
        /// The place of the index.
        place: String,
        /// The cause, as the index gives it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The servers of the knowledge base do not answer, or not in time, or lack the copies that they need. The same
    /// call may work later.
    #[error(
        "the knowledge base at `{address}` cannot be reached: no server managed to {action} it: {detail}"
    )]
    Unreachable {
        /// The address that was called.
        address: String,
        /// The operation that failed: a verb phrase before "it".
        action: &'static str,
        /// The last failure, in one line.
        detail: String,
    },
    /// The servers of the knowledge base refuse an operation, now and later.
    #[error("the knowledge base at `{address}` does not allow to {action} it: {detail}")]
    Refused {
        /// The address that was called.
        address: String,
        /// The operation that failed: a verb phrase before "it".
        action: &'static str,
        /// The server's reason, in one line.
        detail: String,
    },
    /// The stored calibration differs from the one that was written. The knowledge base itself is not concerned.
    #[error("`{path}` is damaged: {detail}; remove it, or write it again with `evaluate calibrate`")]
    DamagedCalibration {
        /// The path of the file.
        path: PathBuf,
        /// The defect, in one line.
        detail: String,
    },
    /// A knowledge base was to be made in a directory that has other files.
    #[error(
        "`{path}` is no knowledge base, and not empty: it has `{entry}`; give a new or an empty directory"
    )]
    ForeignDirectory {
        /// The path of the directory.
        path: PathBuf,
        /// The name of an entry of the directory.
        entry: String,
    },
    /// A backup was to be written where something is.
    #[error("`{path}` is not free; give a new directory to the backup")]
    Occupied {
        /// The path of the directory.
        path: PathBuf,
    },
    /// The directory holds no backup to restore.
    #[error("there is no backup in `{path}`; `ingest backup` makes one")]
    NoBackup {
        /// The path of the directory.
        path: PathBuf,
    },
    /// There is no generation to go back to.
    #[error("there is no earlier generation of `{address}`: {advice}")]
    NoEarlier {
        /// The address that was opened.
        address: String,
        /// The way out, in one line.
        advice: &'static str,
    },
    /// A knowledge base was to be restored from its own directory.
    #[error("`{path}` cannot be restored from itself")]
    FromItself {
        /// The path of the directory.
        path: PathBuf,
    },
    /// The writer failed before; its pending changes are incomplete and cannot be committed.
    #[error("an earlier change to `{place}` failed, so nothing more can be written; open it again")]
    Broken {
        /// The place of the knowledge base.
        place: String,
    },
    /// The view does not show this chunk.
    #[error("this view shows no chunk {:016x}#{}", .chunk.document().0, .chunk.ordinal())]
    UnknownChunk {
        /// The key of the chunk.
        chunk: ChunkKey,
    },
    /// The query cannot be searched for; a bug of the caller.
    #[error("cannot search: {detail}")]
    InvalidQuery {
        /// The defect, in one line.
        detail: String,
    },
    /// The program is ending.
    #[error("the program is stopping")]
    Stopping,
    /// The caller handed over something that cannot be stored; a bug.
    #[error("cannot store `{document}`: {detail}")]
    Invalid {
        /// The id of the document.
        document: String,
        /// The defect, in one line.
        detail: String,
    },
}
