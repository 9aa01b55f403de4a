//! Vectors computed earlier, by [`embedding_key`](crate::store::embedding_key), in a crash-safe file of their own.
//! Several knowledge bases may share one, since a key names the model and the text; one process at a time has it open.
//!
//! It is only a cache: a failure here is logged and costs time, never the run. A file that cannot be read is put aside
//! and begun anew, and a vector that fails its check counts as unknown.

use crate::document::ContentHash;
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    TableDefinition,
};
use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Age and vector, by key.
const VECTORS: TableDefinition<&[u8; 32], (u64, &[u8])> = TableDefinition::new("vectors");
/// Keys by age, oldest first.
const AGES: TableDefinition<u64, &[u8; 32]> = TableDefinition::new("ages");

/// At least this many entries are kept, and this many for each live chunk.
const MIN_ENTRIES: u64 = 100_000;
const ENTRIES_PER_CHUNK: u64 = 3;

/// Memory for the file's pages.
const PAGE_CACHE_BYTES: usize = 16 << 20;

/// How far the length of a vector without a checksum may be from 1.
const MAX_LENGTH_ERROR: f32 = 0.01;

/// The longest time until an added vector is durable; before that it would be lost with the process.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A cache of vectors, for use from asynchronous code. A vector that is added is durable within a second, or when the
/// cache is dropped.
#[derive(Clone)]
pub struct EmbeddingCache {
    file: Arc<Mutex<CacheFile>>,
}

impl EmbeddingCache {
    /// Opens the cache in `directory`, or creates it. `live_chunks` of the knowledge base bounds its size.
    pub async fn open(directory: &Path, dimensions: usize, live_chunks: u64) -> Self {
        let directory = directory.to_owned();
        let open = move || CacheFile::open(&directory, dimensions, live_chunks);
        let file = match tokio::task::spawn_blocking(open).await {
            Ok(file) => file,
            Err(error) => ended(error, || CacheFile::absent(dimensions)),
        };
        Self { file: Arc::new(Mutex::new(file)) }
    }

    /// The vectors that are known, in the order of `keys`.
    pub async fn get(&self, keys: &[ContentHash]) -> Vec<Option<Vec<f32>>> {
        let (keys, number) = (keys.to_vec(), keys.len());
        self.with(move |file| file.get(&keys), || vec![None; number]).await
    }

    /// Remembers vectors, and forgets the oldest beyond the bound.
    pub async fn insert(&self, entries: &[(ContentHash, Vec<f32>)]) {
        let entries = entries.to_vec();
        self.with(move |file| file.insert(&entries), || ()).await;
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut CacheFile) -> T + Send + 'static,
        nothing: impl FnOnce() -> T,
    ) -> T {
        let file = self.file.clone();
        let work = move || work(&mut file.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) => ended(error, nothing),
        }
    }
}

/// Goes on with a panic; a program that is ending does without the cache.
fn ended<T>(error: tokio::task::JoinError, nothing: impl FnOnce() -> T) -> T {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => nothing(),
    }
}

/// The file of a cache; one without a file when it could not be opened, which remembers nothing.
struct CacheFile {
    file: Option<(Database, PathBuf)>,
    dimensions: usize,
    max_entries: u64,
    synced: Instant,
    unsynced: bool,
}

impl CacheFile {
    /// Opens the cache in `directory`, or creates it. `live_chunks` bounds its size.
    fn open(directory: &Path, dimensions: usize, live_chunks: u64) -> Self {
        Self::with_max_entries(directory, dimensions, MIN_ENTRIES.max(live_chunks * ENTRIES_PER_CHUNK))
    }

    /// A cache that stores nothing and finds nothing.
    fn absent(dimensions: usize) -> Self {
        Self { file: None, dimensions, max_entries: 0, synced: Instant::now(), unsynced: false }
    }

    fn with_max_entries(directory: &Path, dimensions: usize, max_entries: u64) -> Self {
        let path = directory.join("vectors.redb");
        let file = match open_or_recreate(directory, &path) {
            Ok(database) => Some((database, path)),
            Err(error) => {
                warn(&path, "cannot be opened; everything is embedded again", &error);
                None
            }
        };
        // The first insertion is synced.
        let synced = Instant::now().checked_sub(SYNC_EVERY).unwrap_or_else(Instant::now);
        Self { file, dimensions, max_entries, synced, unsynced: false }
    }

    fn get(&mut self, keys: &[ContentHash]) -> Vec<Option<Vec<f32>>> {
        let Some((database, path)) = &self.file else { return vec![None; keys.len()] };
        let read = || -> Result<Vec<Option<Vec<f32>>>, redb::Error> {
            let transaction = database.begin_read()?;
            let vectors = match transaction.open_table(VECTORS) {
                Ok(vectors) => vectors,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(vec![None; keys.len()]),
                Err(error) => return Err(error.into()),
            };
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let entry = vectors.get(&key.0)?;
                found.push(entry.and_then(|entry| decode(entry.value().1, self.dimensions)));
            }
            Ok(found)
        };
        match unbroken(read) {
            Ok(found) => found,
            Err(error) => {
                warn(path, "cannot be read; everything is embedded again", &error);
                self.file = None;
                vec![None; keys.len()]
            }
        }
    }

    fn insert(&mut self, entries: &[(ContentHash, Vec<f32>)]) {
        let sync = self.synced.elapsed() >= SYNC_EVERY;
        if self.write(entries, sync) && sync {
            self.synced = Instant::now();
        }
        self.unsynced = !sync;
    }

    fn flush(&mut self) {
        if self.unsynced {
            self.write(&[], true);
            self.unsynced = false;
        }
    }

    fn write(&mut self, entries: &[(ContentHash, Vec<f32>)], sync: bool) -> bool {
        let Some((database, path)) = &self.file else { return false };
        let write = || -> Result<(), redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(if sync { Durability::Immediate } else { Durability::None })?;
            {
                let mut vectors = transaction.open_table(VECTORS)?;
                let mut ages = transaction.open_table(AGES)?;
                let next_age = ages.last()?.map_or(0, |(age, _)| age.value() + 1);
                for (age, (key, vector)) in (next_age..).zip(entries) {
                    let bytes = encode(vector);
                    let before =
                        vectors.insert(&key.0, (age, bytes.as_slice()))?.map(|entry| entry.value().0);
                    if let Some(before) = before {
                        ages.remove(before)?;
                    }
                    ages.insert(age, &key.0)?;
                }
                while ages.len()? > self.max_entries {
                    let Some((_, key)) = ages.pop_first()? else { break };
                    vectors.remove(key.value())?;
                }
            }
            transaction.commit()?;
            Ok(())
        };
        match unbroken(write) {
            Ok(()) => true,
            Err(error) => {
                warn(path, "cannot be written; what is embedded from now on will be embedded again", &error);
                self.file = None;
                false
            }
        }
    }
}

impl Drop for CacheFile {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A vector and its checksum, as they are stored.
fn encode(vector: &[f32]) -> Vec<u8> {
    let mut bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The vector in stored bytes; `None` when they are not what was stored, or of another model. Earlier versions stored
/// no checksum: of theirs, a vector is known by its length of 1.
fn decode(bytes: &[u8], dimensions: usize) -> Option<Vec<f32>> {
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.as_chunks::<4>().0.iter().map(|component| f32::from_le_bytes(*component)).collect()
    };
    if bytes.len() == dimensions * 4 {
        let vector = floats(bytes);
        let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
        return ((length - 1.0).abs() < MAX_LENGTH_ERROR || length == 0.0).then_some(vector);
    }
    let (vector, sum) = bytes.split_last_chunk::<4>()?;
    let is_whole = vector.len() == dimensions * 4 && crc32fast::hash(vector) == u32::from_le_bytes(*sum);
    is_whole.then(|| floats(vector))
}

/// Runs work on the file, whose library panics over some damage.
fn unbroken<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(redb::Error::Corrupted("reading it ended in a panic, which the log describes".to_owned()))
    })
}

fn warn(path: &Path, what: &str, error: &redb::Error) {
    tracing::warn!(path = %path.display(), %error, "the embedding cache {what}");
}

fn open_or_recreate(directory: &Path, path: &Path) -> Result<Database, redb::Error> {
    fs::create_dir_all(directory).map_err(redb::Error::Io)?;
    let open = || {
        let open = || Database::builder().set_cache_size(PAGE_CACHE_BYTES).create(path);
        catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| {
            let detail = "opening it ended in a panic, which the log describes".to_owned();
            Err(redb::DatabaseError::Storage(redb::StorageError::Corrupted(detail)))
        })
    };
    match open() {
        Ok(database) => Ok(database),
        // Out of space or rights is not damage, and would not be better with a new file.
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error))) if !looks_like_damage(&error) => {
            Err(redb::Error::Io(error))
        }
        Err(error) => {
            let aside = path.with_extension("damaged");
            warn(path, "is damaged and begun anew", &error.into());
            fs::rename(path, &aside).map_err(redb::Error::Io)?;
            Ok(open()?)
        }
    }
}

fn looks_like_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let key = |number: u8| ContentHash([number; 32]);
        let vector = |number: u8| vec![f32::from(number), 0.5];
        let mut cache = CacheFile::with_max_entries(directory.path(), 2, 3);
        for number in 0..4 {
            cache.insert(&[(key(number), vector(number))]);
        }
        // Used again counts as new.
        cache.insert(&[(key(1), vector(1))]);
        cache.insert(&[(key(4), vector(4))]);
        let found = cache.get(&[0, 1, 2, 3, 4].map(key));
        assert_eq!(found, [None, Some(vector(1)), None, Some(vector(3)), Some(vector(4))]);
        drop(cache);
        let mut other_model = CacheFile::with_max_entries(directory.path(), 3, 3);
        assert_eq!(other_model.get(&[key(4)]), [None], "a vector of another length is none of ours");
    }

    #[test]
    fn a_damaged_vector_is_not_known() {
        let vector = [0.6_f32, 0.8];
        let stored = encode(&vector);
        assert_eq!(decode(&stored, 2).as_deref(), Some(&vector[..]));
        for at in 0..stored.len() * 8 {
            let mut damaged = stored.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert_eq!(decode(&damaged, 2), None, "bit {at}");
        }
        let earlier = &stored[..8];
        assert_eq!(decode(earlier, 2).as_deref(), Some(&vector[..]), "earlier versions stored no checksum");
        assert_eq!(decode(&[0xff; 8], 2), None, "and what is no vector is seen without");
    }
}
