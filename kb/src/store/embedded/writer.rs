//! The writing side: one writer at a time, whose changes become visible and durable together.
//!
//! A knowledge base that does not exist yet is built beside the pointer that readers follow and published by its first
//! commit, so a killed first run leaves no knowledge base that a reader could open. One that is built again, because
//! its files are damaged, is built in the same way beside what is there.

use super::{
    generation::Generation,
    guard::undamaged,
    layout::{Layout, WriterLock},
    records::Payload,
    snapshot::Snapshot,
    vectors::Purpose,
};
use crate::store::blocking::blocking;
use crate::{
    document::{Chunk, ContentHash, DocumentMeta, DocumentRecord},
    store::{
        error::StoreError,
        filter::{Access, Filter},
        keys::DocumentKey,
        manifest::Identity,
        prepared::{Lengths, PreparedDocument, check},
        rename::Renaming,
        view::Counts,
        writer::{Commit, Writer},
    },
};
use async_trait::async_trait;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// When a commit is followed by a compaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompactionPolicy {
    /// Share of dead rows above which it is worth it.
    pub dead_share: f64,
    /// Dead rows below which it is not.
    pub dead_rows: u64,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        Self { dead_share: 0.3, dead_rows: 2_000 }
    }
}

/// A knowledge base in a directory, open for writing. Holds the directory's lock until it is dropped.
pub struct EmbeddedWriter {
    state: Arc<Mutex<State>>,
}

struct State {
    layout: Layout,
    identity: Identity,
    compaction: CompactionPolicy,
    generation: Generation,
    /// The last commit; `None` before the first commit of a new knowledge base.
    committed: Option<Snapshot>,
    /// Whether this run has changed the state of a source.
    has_new_states: bool,
    /// The documents that this run has changed so far: the lengths of a replaced document, `None` for a removed one.
    touched: HashMap<DocumentKey, Option<Lengths>>,
    /// Lengths of all chunks, this run's changes included.
    live: Lengths,
    /// Whether a change failed half-way: then the pending changes are not those that were asked for.
    broken: bool,
    /// Whether the last commit could not be opened again: it stands, but nothing can be built on it here.
    is_spent: bool,
    /// The last field, so that it is given back after the files are closed, which may still write.
    _lock: WriterLock,
}

impl EmbeddedWriter {
    /// Opens the knowledge base in `path` for writing, or for being created by the first commit. A knowledge base with
    /// another identity than `identity` is refused.
    pub async fn open(path: &Path, identity: &Identity) -> Result<Self, StoreError> {
        Self::open_with(path, identity, CompactionPolicy::default()).await
    }

    pub(super) async fn open_with(
        path: &Path,
        identity: &Identity,
        compaction: CompactionPolicy,
    ) -> Result<Self, StoreError> {
        let (layout, identity) = (Layout::new(path), identity.clone());
        let root = layout.root().to_owned();
        let state = blocking(move || undamaged(&root, || State::open(layout, identity, compaction))).await?;
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// Opens the knowledge base in `path` to build it again: with no documents, whatever its files hold. Readers see
    /// those files until the first commit, which replaces them. The embedding cache is kept.
    pub async fn open_rebuilding(path: &Path, identity: &Identity) -> Result<Self, StoreError> {
        let (layout, identity) = (Layout::new(path), identity.clone());
        let state = blocking(move || State::open_rebuilding(layout, identity)).await?;
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let state = self.state.clone();
        blocking(move || work(&mut state.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Runs a change; one that fails half-way ends the writer's usefulness.
    async fn change<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |state| {
            if state.broken || state.is_spent {
                return Err(StoreError::Broken { place: state.layout.root().to_string_lossy().into_owned() });
            }
            // Set first, so that a panic counts as well.
            state.broken = true;
            let result = work(state);
            state.broken = result.is_err();
            result
        })
        .await
    }
}

impl State {
    fn open(layout: Layout, identity: Identity, compaction: CompactionPolicy) -> Result<Self, StoreError> {
        let lock = layout.lock()?;
        let number = layout.current_generation()?;
        let committed = match number {
            None => None,
            Some(number) => {
                Some(Snapshot::open_generation(&layout, number, Some(&identity), Purpose::Writing, None)?)
            }
        };
        // Only now: a knowledge base that is refused must stay as it is.
        layout.remove_other_generations(number)?;
        let generation = match number {
            None => Generation::create(&layout, 1, &identity, Payload::default())?,
            Some(number) => Generation::open(&layout, number)?,
        };
        Ok(Self::new(layout, identity, compaction, generation, committed, lock))
    }

    fn open_rebuilding(layout: Layout, identity: Identity) -> Result<Self, StoreError> {
        let lock = layout.lock()?;
        // Removes the generations that a refused or killed run left. If the pointer cannot be read, it is unknown which
        // these are.
        if let Ok(Some(number)) = layout.current_generation() {
            layout.remove_other_generations(Some(number))?;
        }
        let number = layout.next_generation()?;
        let generation = Generation::create(&layout, number, &identity, Payload::default())?;
        Ok(Self::new(layout, identity, CompactionPolicy::default(), generation, None, lock))
    }

    fn new(
        layout: Layout,
        identity: Identity,
        compaction: CompactionPolicy,
        generation: Generation,
        committed: Option<Snapshot>,
        lock: WriterLock,
    ) -> Self {
        Self {
            layout,
            identity,
            compaction,
            live: generation.payload.live,
            generation,
            committed,
            has_new_states: false,
            touched: HashMap::new(),
            broken: false,
            is_spent: false,
            _lock: lock,
        }
    }

    /// The lengths of a document as it would be committed now; `None` if there is no such document.
    fn lengths(&self, key: DocumentKey, id: &str) -> Result<Option<Lengths>, StoreError> {
        if let Some(touched) = self.touched.get(&key) {
            return Ok(*touched);
        }
        let Some(snapshot) = &self.committed else { return Ok(None) };
        let Some(number) = snapshot.document_number(key) else { return Ok(None) };
        let stored = snapshot.stored_document(number)?;
        if stored.record.meta.id != id {
            let detail = format!("its key is that of `{}`; rename one of them", stored.record.meta.id);
            return Err(StoreError::Invalid { document: id.to_owned(), detail });
        }
        Ok(Some(stored.lengths))
    }

    fn replace(
        &mut self,
        document: PreparedDocument,
        id: &str,
        vectors: &[Vec<f32>],
    ) -> Result<(), StoreError> {
        let (key, lengths) = (document.key, document.lengths);
        let before = self.lengths(key, id)?;
        match before {
            None => self.generation.add(document, vectors)?,
            Some(_) => self.generation.replace(document, vectors)?,
        }
        self.count(key, before, Some(lengths));
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<(), StoreError> {
        let key = DocumentKey::of(id);
        let before = self.lengths(key, id)?;
        if before.is_some() {
            self.generation.remove(key)?;
            self.count(key, before, None);
        }
        Ok(())
    }

    fn sources(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let Some(snapshot) = &self.committed else { return Ok(BTreeMap::new()) };
        // One document of each tells its name.
        let mut counts: HashMap<u64, (u32, u64)> = HashMap::new();
        for (number, entry) in snapshot.documents.iter().enumerate() {
            counts.entry(entry.source).or_insert((number as u32, 0)).1 += 1;
        }
        let named = |(number, count)| Ok((snapshot.stored_document(number)?.record.meta.source, count));
        counts.into_values().map(named).collect()
    }

    fn rename_source(&mut self, from: &str, to: &str) -> Result<u64, StoreError> {
        let Some(snapshot) = &self.committed else { return Ok(0) };
        let sources = BTreeSet::from([from.to_owned()]);
        let selection = snapshot.selection(&Filter { sources, access: Access::All, ..Filter::default() })?;
        let numbers: Vec<u32> = selection.documents.iter().map(|number| number as u32).collect();
        let renaming = Renaming::new(from, to);
        for &number in &numbers {
            let Some(snapshot) = &self.committed else { break };
            let Whole { record, chunks, vectors } = Whole::of(snapshot, number)?;
            let old = record.meta.id.clone();
            let (record, chunks) = renaming.applied(record, chunks)?;
            let id = record.meta.id.clone();
            let is_there = self.lengths(DocumentKey::of(&id), &id)?.is_some();
            self.remove(&old)?;
            if !is_there {
                self.replace(PreparedDocument::new(record, &chunks), &id, &vectors)?;
            }
        }
        let mut states = self.source_states()?;
        if let Some(state) = states.remove(from) {
            self.set_source_state(from, None)?;
            if !states.contains_key(to) {
                self.set_source_state(to, Some(state))?;
            }
        }
        Ok(numbers.len() as u64)
    }

    fn source_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        self.committed.as_ref().map_or_else(|| Ok(BTreeMap::new()), Snapshot::source_states)
    }

    fn set_source_state(&mut self, source: &str, state: Option<serde_json::Value>) -> Result<(), StoreError> {
        self.has_new_states = true;
        self.generation.set_state(source, state)
    }

    fn count(&mut self, key: DocumentKey, before: Option<Lengths>, after: Option<Lengths>) {
        if let Some(before) = before {
            self.live.subtract(&before);
        }
        if let Some(after) = after {
            self.live.add(&after);
        }
        self.touched.insert(key, after);
    }

    fn commit(&mut self) -> Result<Commit, StoreError> {
        let mut warnings = Vec::new();
        if !self.touched.is_empty() || self.has_new_states || self.committed.is_none() {
            let payload = self.generation.payload.next(self.generation.rows(), self.live);
            let written = self.generation.commit(payload.clone());
            self.settled(written, |state| state.generation.has_committed(&payload), &mut warnings)?;
            self.generation.payload = payload;
            if self.committed.is_none() {
                let number = self.generation.manifest.generation;
                let published = self.layout.publish(number);
                let is_published = |state: &Self| {
                    state.layout.current_generation().is_ok_and(|current| current == Some(number))
                };
                self.settled(published, is_published, &mut warnings)?;
                let removed = self.layout.remove_other_generations(Some(number));
                warnings.extend(removed.err().map(|error| told(&error)));
            }
            // Readers see the changes now, so no failure from here on may be reported as a failed commit.
            self.touched.clear();
            self.has_new_states = false;
            warnings.extend(self.tidy().err().map(|error| told(&error)));
            let reopened = self.check_pointer().and_then(|()| self.snapshot());
            match reopened {
                Ok(snapshot) => self.committed = Some(snapshot),
                Err(error) => {
                    self.is_spent = true;
                    warnings.push(told(&error));
                }
            }
        }
        for warning in &warnings {
            tracing::warn!("the commit stands, but afterwards: {warning}");
        }
        let generation = self.generation.manifest.generation;
        let version = format!("g{generation}.{}", self.generation.payload.sequence);
        Ok(Commit { version, generation, warnings })
    }

    /// A step may have taken effect before it failed: it counts as done if readers see its effect.
    fn settled(
        &self,
        step: Result<(), StoreError>,
        has_taken_effect: impl FnOnce(&Self) -> bool,
        warnings: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        match step {
            Err(error) if has_taken_effect(self) => {
                warnings.push(told(&error));
                Ok(())
            }
            step => step,
        }
    }

    /// Checks that readers use this writer's generation, even if tidying up failed: the next changes must go where
    /// readers look.
    fn check_pointer(&self) -> Result<(), StoreError> {
        match self.layout.current_generation()? == Some(self.generation.manifest.generation) {
            true => Ok(()),
            false => Err(StoreError::Damaged {
                path: self.layout.current(),
                detail: "it names another generation than its writer has written".to_owned(),
            }),
        }
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let number = self.generation.manifest.generation;
        let before = self.committed.as_ref();
        Snapshot::open_generation(&self.layout, number, Some(&self.identity), Purpose::Writing, before)
    }

    /// Compacts the generation or merges its segments, so that the knowledge base stays fast. The commit stands if this
    /// fails, and the next commit tries again.
    fn tidy(&mut self) -> Result<(), StoreError> {
        match self.is_worth_compacting() {
            true => self.compact(),
            false => self.generation.merge_segments(),
        }
    }

    fn is_worth_compacting(&self) -> bool {
        let Payload { rows, live, .. } = &self.generation.payload;
        let dead = rows - live.chunks;
        dead >= self.compaction.dead_rows && dead as f64 > self.compaction.dead_share * *rows as f64
    }

    /// Copies what is alive into a new generation and makes it the current one.
    fn compact(&mut self) -> Result<(), StoreError> {
        let old = self.snapshot()?;
        let number = old.manifest.generation + 1;
        let copied = copy_live(&self.layout, &old, number, &self.identity);
        let published = match &copied {
            Ok(_) => self.layout.publish(number),
            Err(_) => Ok(()),
        };
        // Publishing can fail after it took effect, so this writer goes on in the generation that readers use.
        let current = self.layout.current_generation()?;
        match copied {
            Ok(new) if current == Some(number) => self.generation = new,
            copied => {
                let failed = copied.map(drop).and(published);
                // A full disk must not stay full because of us.
                let _ = std::fs::remove_dir_all(self.layout.generation(number).directory);
                return failed;
            }
        }
        published?;
        drop(old);
        self.layout.remove_other_generations(Some(number))
    }
}

/// An error with its causes, on one line.
fn told(error: &StoreError) -> String {
    crate::causes::with_causes(error)
}

/// Writes the live documents of a snapshot, in the order of their rows, into a new generation, and commits that.
fn copy_live(
    layout: &Layout,
    old: &Snapshot,
    number: u64,
    identity: &Identity,
) -> Result<Generation, StoreError> {
    let mut new = Generation::create(layout, number, identity, old.payload.clone())?;
    let mut order: Vec<u32> = (0..old.documents.len() as u32).collect();
    order.sort_unstable_by_key(|&document| old.documents[document as usize].first_row);
    for document in order {
        let Whole { record, chunks, vectors } = Whole::of(old, document)?;
        new.add(PreparedDocument::new(record, &chunks), &vectors)?;
    }
    for (source, state) in old.source_states()? {
        new.set_state(&source, Some(state))?;
    }
    let payload = new.payload.next(new.rows(), old.payload.live);
    new.commit(payload)?;
    Ok(new)
}

/// All there is of a document.
struct Whole {
    record: DocumentRecord,
    chunks: Vec<Chunk>,
    vectors: Vec<Vec<f32>>,
}

impl Whole {
    /// The document with a number.
    fn of(snapshot: &Snapshot, number: u32) -> Result<Self, StoreError> {
        let entry = snapshot.documents[number as usize];
        let rows = entry.first_row..entry.first_row + entry.num_chunks;
        let chunks = rows.clone().map(|row| snapshot.chunk(row)).collect::<Result<_, _>>()?;
        let row = |row: u32| Ok(snapshot.vectors.row(row as usize)?.into_owned());
        let vectors = rows.map(row).collect::<Result<_, StoreError>>()?;
        Ok(Self { record: snapshot.stored_document(number)?.record, chunks, vectors })
    }
}

#[async_trait]
impl Writer for EmbeddedWriter {
    async fn fingerprints(&mut self, sources: &[String]) -> Result<HashMap<String, ContentHash>, StoreError> {
        #[derive(Deserialize)]
        struct Stored {
            record: Record,
        }
        #[derive(Deserialize)]
        struct Record {
            meta: Meta,
            content_hash: ContentHash,
        }
        #[derive(Deserialize)]
        struct Meta {
            id: String,
        }
        let sources: BTreeSet<String> = sources.iter().cloned().collect();
        self.run(move |state| {
            let Some(snapshot) = state.committed.as_ref().filter(|_| !sources.is_empty()) else {
                return Ok(HashMap::new());
            };
            let selection =
                snapshot.selection(&Filter { sources, access: Access::All, ..Filter::default() })?;
            let fingerprint = |number: usize| {
                let Stored { record } = snapshot.stored_as(number as u32)?;
                Ok((record.meta.id, record.content_hash))
            };
            selection.documents.iter().map(fingerprint).collect()
        })
        .await
    }

    async fn counts(&mut self) -> Result<Counts, StoreError> {
        self.run(|state| {
            let counts = state.committed.as_ref().map(|snapshot| snapshot.selections.everything().counts);
            Ok(counts.unwrap_or_default())
        })
        .await
    }

    async fn sources(&mut self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.run(|state| state.sources()).await
    }

    async fn rename_source(&mut self, from: &str, to: &str) -> Result<u64, StoreError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.change(move |state| state.rename_source(&from, &to)).await
    }

    async fn num_chunks(&mut self, document: &str) -> Result<u64, StoreError> {
        let id = document.to_owned();
        self.run(move |state| {
            Ok(state.lengths(DocumentKey::of(&id), &id)?.map_or(0, |lengths| lengths.chunks))
        })
        .await
    }

    async fn replace(
        &mut self,
        meta: &DocumentMeta,
        content_hash: ContentHash,
        chunks: &[Chunk],
        vectors: &[Vec<f32>],
    ) -> Result<(), StoreError> {
        let (meta, chunks, vectors) = (meta.clone(), chunks.to_vec(), vectors.to_vec());
        let dimensions = self.run(|state| Ok(state.identity.model.dimensions)).await?;
        check(&meta, &chunks, &vectors, dimensions)?;
        self.change(move |state| {
            let id = meta.id.clone();
            let (num_chunks, ingested_at) = (chunks.len() as u32, jiff::Timestamp::now());
            let record = DocumentRecord { meta, content_hash, num_chunks, ingested_at };
            state.replace(PreparedDocument::new(record, &chunks), &id, &vectors)
        })
        .await
    }

    async fn remove(&mut self, document: &str) -> Result<(), StoreError> {
        let id = document.to_owned();
        self.change(move |state| state.remove(&id)).await
    }

    async fn commit(&mut self) -> Result<Commit, StoreError> {
        self.change(State::commit).await
    }

    async fn source_states(&mut self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        self.run(|state| state.source_states()).await
    }

    async fn set_source_state(
        &mut self,
        source: &str,
        state: Option<&serde_json::Value>,
    ) -> Result<(), StoreError> {
        let (source, value) = (source.to_owned(), state.cloned());
        self.change(move |state| state.set_source_state(&source, value)).await
    }

    async fn run_log(&mut self) -> Result<Option<serde_json::Value>, StoreError> {
        self.run(|state| Ok(state.layout.read_run_log())).await
    }

    async fn set_run_log(&mut self, log: &serde_json::Value) -> Result<(), StoreError> {
        let log = log.clone();
        self.run(move |state| state.layout.write_run_log(&log)).await
    }

    async fn set_calibration(&mut self, calibration: &serde_json::Value) -> Result<(), StoreError> {
        let calibration = calibration.clone();
        self.run(move |state| state.layout.write_calibration(&calibration)).await
    }
}
