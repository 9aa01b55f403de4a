//! Writing one generation: vectors first, then the index, whose commit is the only commit there is.
//!
//! This order makes a kill harmless. Vector rows are appended and synced before the commit that mentions them; the
//! commit's payload says how many rows count; opening cuts off the rows beyond. A generation thus always has the state
//! of its last commit, even after a kill between the two steps. The commit file has the checksums of everything that it
//! needs: see `sums.rs`.

use super::{
    committed::Committed,
    deletion::Having,
    directory::IndexDirectory,
    layout::{
        GenerationPaths, Layout, MANIFEST, ROW_SUMS, create_directory, io_error, sync_directory,
        write_atomically,
    },
    records::{Payload, Records, SourceState},
    sums::{FileSum, Sums},
    vectors::Appender,
};
use crate::store::{
    error::StoreError,
    keys::DocumentKey,
    manifest::{FORMAT_VERSION, Identity, Manifest},
    prepared::PreparedDocument,
};
use std::fs;
use tantivy::{
    Directory, Index, IndexSettings, IndexWriter, TantivyError,
    merge_policy::{LogMergePolicy, MergePolicy, NoMergePolicy},
};

/// Memory in which the index collects documents before it writes a segment, and the threads that share it.
const INDEXING_MEMORY_BYTES: usize = 96 << 20;
const INDEXING_THREADS: usize = 2;

/// The number of segments of about one size at which they are merged.
const MERGE_FROM_SEGMENTS: usize = 6;

/// The files that the index's library left beside its own in earlier versions.
const RETIRED_FILES: [&str; 3] = [".managed.json", ".tantivy-meta.lock", ".tantivy-writer.lock"];

/// One generation, open for writing.
pub(super) struct Generation {
    pub manifest: Manifest,
    pub paths: GenerationPaths,
    pub payload: Payload,
    records: Records,
    index: Index,
    directory: IndexDirectory,
    /// Starts threads and takes memory, so it is made by the first change.
    writer: Option<IndexWriter>,
    vectors: Appender,
}

/// Makes an error of the index that names what was tried and where.
pub(super) fn index_error(
    action: &'static str,
    paths: &GenerationPaths,
) -> impl FnOnce(TantivyError) -> StoreError {
    move |source| StoreError::Index {
        action,
        place: paths.index.to_string_lossy().into_owned(),
        source: Box::new(source),
    }
}

impl Generation {
    /// Makes an empty generation, durable but not yet published. Files that a killed writer left in its place are
    /// removed.
    pub fn create(
        layout: &Layout,
        number: u64,
        identity: &Identity,
        payload: Payload,
    ) -> Result<Self, StoreError> {
        let paths = layout.generation(number);
        if paths.directory.exists() {
            fs::remove_dir_all(&paths.directory)
                .map_err(io_error("remove the leftover", &paths.directory))?;
        }
        create_directory(&paths.index)?;
        let manifest =
            Manifest { format_version: FORMAT_VERSION, generation: number, identity: identity.clone() };
        let manifest_bytes = manifest_bytes(&manifest);
        write_atomically(&paths.manifest, &manifest_bytes)?;
        let mut vectors = Appender::open(&paths, identity.model.dimensions, 0, Some(&[]))?;
        vectors.sync()?;
        let directory = IndexDirectory::new(&paths.index, Sums::default());
        directory.set_sum(MANIFEST, FileSum::of(&manifest_bytes));
        directory.set_sum(ROW_SUMS, vectors.sum());
        let records = Records::new();
        Index::create(directory.clone(), records.schema.clone(), IndexSettings::default())
            .map_err(index_error("create", &paths))?;
        sync_directory(&paths.index)?;
        sync_directory(&paths.directory)?;
        sync_directory(layout.root())?;
        let index = open_index(directory.clone(), &paths, &records)?;
        Ok(Self { manifest, paths, payload, records, index, directory, writer: None, vectors })
    }

    /// Opens the published generation as its last commit left it.
    pub fn open(layout: &Layout, number: u64) -> Result<Self, StoreError> {
        let paths = layout.generation(number);
        let committed = Committed::read(&paths)?;
        let manifest_bytes = layout.manifest_bytes(number)?;
        committed.check(MANIFEST, &paths.manifest, &manifest_bytes)?;
        let manifest = layout.manifest(number, &manifest_bytes)?;
        let payload = committed.payload.clone();
        let row_sums = committed.row_sums(&paths)?;
        let vectors =
            Appender::open(&paths, manifest.identity.model.dimensions, payload.rows, row_sums.as_deref())?;
        for name in RETIRED_FILES {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(paths.index.join(name));
        }
        let directory = IndexDirectory::new(&paths.index, committed.sums.unwrap_or_default());
        directory.set_sum(MANIFEST, FileSum::of(&manifest_bytes));
        let records = Records::new();
        let index = open_index(directory.clone(), &paths, &records)?;
        Ok(Self { manifest, paths, payload, records, index, directory, writer: None, vectors })
    }

    /// Replaces whatever there is of a document.
    pub fn replace(&mut self, document: PreparedDocument, vectors: &[Vec<f32>]) -> Result<(), StoreError> {
        self.remove(document.key)?;
        self.add(document, vectors)
    }

    /// Adds a document that the generation does not have yet.
    pub fn add(&mut self, document: PreparedDocument, vectors: &[Vec<f32>]) -> Result<(), StoreError> {
        debug_assert_eq!(document.num_chunks(), vectors.len());
        let first_row = self.vectors.rows();
        if first_row + vectors.len() as u64 >= u64::from(u32::MAX) {
            let detail = "the generation has no more row numbers".to_owned();
            return Err(StoreError::Damaged { path: self.paths.vectors.clone(), detail });
        }
        for vector in vectors {
            self.vectors.append(vector)?;
        }
        let (records, paths) = (self.records.clone(), self.paths.clone());
        let writer = self.writer()?;
        for record in records.build(document, first_row) {
            if let Err(error) = writer.add_document(record) {
                return Err(index_error("add to", &paths)(cause(writer, error)));
            }
        }
        Ok(())
    }

    /// Replaces the state of a source, or removes it.
    pub fn set_state(&mut self, source: &str, state: Option<serde_json::Value>) -> Result<(), StoreError> {
        self.remove(SourceState::key(source))?;
        let Some(state) = state else { return Ok(()) };
        let record = self.records.state(&SourceState { source: source.to_owned(), state });
        let paths = self.paths.clone();
        let writer = self.writer()?;
        match writer.add_document(record) {
            Ok(_) => Ok(()),
            Err(error) => Err(index_error("add to", &paths)(cause(writer, error))),
        }
    }

    /// Removes whatever there is of a document.
    pub fn remove(&mut self, document: DocumentKey) -> Result<(), StoreError> {
        let (term, paths) = (self.records.of_document(document), self.paths.clone());
        let deleted = self.writer()?.delete_query(Box::new(Having(term)));
        deleted.map(drop).map_err(index_error("delete from", &paths))
    }

    /// The number of rows, those not yet committed included.
    pub fn rows(&self) -> u64 {
        self.vectors.rows()
    }

    /// Makes all changes durable under `payload`.
    pub fn commit(&mut self, payload: Payload) -> Result<(), StoreError> {
        self.vectors.sync()?;
        self.directory.set_sum(ROW_SUMS, self.vectors.sum());
        let text = serde_json::to_string(&payload).expect("a payload can be written as JSON");
        let paths = self.paths.clone();
        let mut prepared = self.writer()?.prepare_commit().map_err(index_error("write", &paths))?;
        prepared.set_payload(&text);
        prepared.commit().map_err(index_error("commit", &paths))?;
        self.payload = payload;
        Ok(())
    }

    /// Whether the last commit on disk is the one with this payload.
    pub fn has_committed(&self, payload: &Payload) -> bool {
        Committed::read(&self.paths).is_ok_and(|committed| committed.payload.sequence == payload.sequence)
    }

    /// Merges segments where there are many of one size. Readers do not notice it; a failure costs only speed.
    pub fn merge_segments(&mut self) -> Result<(), StoreError> {
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(MERGE_FROM_SEGMENTS);
        let metas = self.index.searchable_segment_metas().map_err(index_error("look into", &self.paths))?;
        let candidates = policy.compute_merge_candidates(&metas);
        if candidates.is_empty() {
            return Ok(());
        }
        let paths = self.paths.clone();
        let writer = self.writer()?;
        for candidate in candidates {
            writer.merge(&candidate.0).wait().map_err(index_error("merge segments of", &paths))?;
        }
        writer.garbage_collect_files().wait().map_err(index_error("clean up", &paths))?;
        Ok(())
    }

    fn writer(&mut self) -> Result<&mut IndexWriter, StoreError> {
        if self.writer.is_none() {
            let writer: IndexWriter = self
                .index
                .writer_with_num_threads(INDEXING_THREADS, INDEXING_MEMORY_BYTES)
                .map_err(index_error("open for writing", &self.paths))?;
            // Merging in the background would rewrite `meta.json` at moments of its own, and be lost at exit.
            writer.set_merge_policy(Box::new(NoMergePolicy));
            // Files of a killed or failed writer take space that this one may need.
            writer.garbage_collect_files().wait().map_err(index_error("clean up", &self.paths))?;
            self.writer = Some(writer);
        }
        Ok(self.writer.as_mut().expect("it was just made"))
    }
}

/// The error that stopped the index's threads, such as a full disk: adding a document only learns that they have
/// stopped, and preparing a commit learns why.
fn cause(writer: &mut IndexWriter, error: TantivyError) -> TantivyError {
    match (error, writer.prepare_commit()) {
        (TantivyError::ErrorInThread(_), Err(cause)) => cause,
        (error, _) => error,
    }
}

/// The bytes of a manifest's file.
pub(super) fn manifest_bytes(manifest: &Manifest) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(manifest).expect("a manifest can be written as JSON");
    bytes.push(b'\n');
    bytes
}

/// Opens the index of a generation and checks that it is ours.
pub(super) fn open_index(
    directory: impl Directory,
    paths: &GenerationPaths,
    records: &Records,
) -> Result<Index, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: paths.index.clone(), detail };
    let mut index = Index::open(directory).map_err(|error| match error {
        TantivyError::DataCorruption(corruption) => damaged(format!("{corruption:?}")),
        error => index_error("open", paths)(error),
    })?;
    if index.schema() != records.schema {
        return Err(damaged("its fields are not those of a knowledge base".to_owned()));
    }
    index.set_tokenizers(Records::tokenizers());
    Ok(index)
}
