//! Copies between knowledge bases of any engines, without embedding again.

use super::{
    embedded,
    error::StoreError,
    filter::{Access, Filter},
    keys::DocumentKey,
    open::{Address, open, open_rebuilding},
    qdrant::QdrantAddress,
    upkeep::Copied,
    view::Counts,
    writer::Commit,
};
use std::path::Path;

/// Makes a new generation of the knowledge base at `to` of everything that the newest state at `from` has: documents,
/// chunks, vectors, the states of sources, the run log and the calibration. It counts when all of it is written.
pub async fn copy(
    from: &Address,
    to: &Address,
    mut progress: impl FnMut(Counts, Counts),
) -> Result<Commit, StoreError> {
    let source = open(from, None).await?;
    let view = source.view(&Filter { access: Access::All, ..Filter::default() }).await?;
    let total = view.counts().await?;
    let mut writer = open_rebuilding(to, &source.identity()).await?;
    let mut done = Counts::default();
    for record in view.all_documents().await? {
        let key = DocumentKey::of(&record.meta.id);
        let chunks: Vec<_> = view.chunks_of(key).await?.into_iter().map(|(_, chunk)| chunk).collect();
        let vectors = view.vectors_of(key).await?;
        writer.replace(&record.meta, record.content_hash, &chunks, &vectors).await?;
        done.documents += 1;
        done.chunks += chunks.len() as u64;
        progress(done, total);
    }
    for (name, state) in view.source_states().await? {
        writer.set_source_state(&name, Some(&state)).await?;
    }
    let commit = writer.commit().await?;
    if let Some(log) = source.run_log().await? {
        writer.set_run_log(&log).await?;
    }
    if let Some(calibration) = source.calibration().await? {
        writer.set_calibration(&calibration).await?;
    }
    Ok(commit)
}

/// Backs up a knowledge base on a server to a directory: copies one state of it into a knowledge base of the embedded
/// engine, so that all backups have the same form.
pub(super) async fn backup(from: &QdrantAddress, to: &Path) -> Result<Copied, StoreError> {
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(StoreError::Occupied { path: to.to_owned() });
    }
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let working = tempfile::Builder::new().prefix(".backup-").tempdir_in(parent).map_err(|source| {
        StoreError::Io { action: "make a directory in", path: parent.to_owned(), source }
    })?;
    let directory = working.path().join("kb");
    copy(&Address::Qdrant(from.clone()), &Address::Directory(directory.clone()), |_, _| ()).await?;
    embedded::backup(&directory, to).await
}

/// Makes a backup the newest state of a knowledge base on a server.
pub(super) async fn restore(from: &Path, to: &QdrantAddress) -> Result<Copied, StoreError> {
    let parent = tempfile::tempdir().map_err(|source| StoreError::Io {
        action: "make a directory in",
        path: std::env::temp_dir(),
        source,
    })?;
    let directory = parent.path().join("kb");
    // Checks every file of the backup.
    let restored = embedded::restore(from, &directory).await?;
    let commit = copy(&Address::Directory(directory), &Address::Qdrant(to.clone()), |_, _| ()).await?;
    Ok(Copied { version: commit.version, warnings: commit.warnings, ..restored })
}
