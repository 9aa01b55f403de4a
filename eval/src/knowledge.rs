//! Knowledge bases for suites: built once from their corpus, kept in a cache directory, and found again by the hash of
//! the corpus.
//!
//! Entry point: [`Library::open`], then [`Library::get`]. A directory's name holds the hash of the corpus and of the
//! embedding model's identity; when this program changes, the corpus is ingested again in place, which embeds nothing
//! that is known. A new knowledge base takes over the vectors of those with a source in common.

use crate::{
    corpus_source::{self, CorpusSource},
    datasets::Corpus,
    error::EvalError,
    files::json,
};
use ingest::{
    error::IngestError,
    formats::Defaults,
    pipeline::{self, Options},
    progress::Progress,
    sources::{Source, folder},
};
use kb::{
    causes::with_causes,
    document::ContentHash,
    embed::{Embedder, EmbedderSettings, EmbeddingCache},
    store::{self, Address, DocumentKey, Filter, Identity, KnowledgeBase, StoreError, View, embedding_key},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A corpus, indexed and open.
#[derive(Clone)]
pub struct Indexed {
    /// Hash of the documents it was built from.
    pub corpus: String,
    /// The open knowledge base.
    pub kb: Arc<dyn KnowledgeBase>,
    /// The newest state of the knowledge base with all its documents, those with access tags included.
    pub view: Arc<dyn View>,
    /// Ids of its documents.
    pub documents: Arc<BTreeSet<String>>,
}

impl Indexed {
    /// Opens a knowledge base that exists. [`Indexed::corpus`] is then the hash of its documents.
    pub async fn open(address: &Address, identity: &Identity) -> Result<Self, EvalError> {
        let failed = |source: StoreError| EvalError::store(address)(source);
        let kb = store::open(address, Some(identity)).await.map_err(failed)?;
        let view = kb.view(&Filter::everything()).await.map_err(failed)?;
        let records = view.all_documents().await.map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        let mut documents = BTreeSet::new();
        for record in records {
            hasher.update(&record.content_hash.0);
            documents.insert(record.meta.id.clone());
        }
        let corpus = hasher.finalize().to_hex().to_string();
        Ok(Self { corpus, kb, view, documents: Arc::new(documents) })
    }
}

/// The cache of knowledge bases.
pub struct Library {
    directory: PathBuf,
    /// As [`crate::config::Settings::server`].
    server: Option<String>,
    settings: EmbedderSettings,
    identity: Identity,
    /// Hash of this program; documents may be read otherwise by another.
    program: String,
    rebuild: bool,
    open: BTreeMap<Corpus, Indexed>,
}

/// The file beside a knowledge base, written once it is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The program that ingested it last.
    program: String,
    /// Hash of each source's files, by the source's name.
    sources: BTreeMap<String, String>,
}

/// Longest wait for another process that builds the same knowledge base.
const MAX_WAIT: Duration = Duration::from_secs(20 * 60);

impl Library {
    /// A library in `directory`. With `rebuild` every knowledge base that is asked for is cut and indexed anew, once,
    /// from the vectors that are kept.
    pub fn open(
        directory: &Path,
        server: Option<String>,
        settings: &EmbedderSettings,
        embedder: &Embedder,
        rebuild: bool,
    ) -> Result<Self, EvalError> {
        fs::create_dir_all(directory).map_err(EvalError::io("create", directory))?;
        Ok(Self {
            directory: directory.to_owned(),
            server,
            settings: settings.clone(),
            identity: Identity::current(embedder.identity().clone()),
            program: hash_of_this_program(),
            rebuild,
            open: BTreeMap::new(),
        })
    }

    /// The knowledge base of a corpus, built when it is not there.
    pub async fn get(&mut self, corpus: &Corpus) -> Result<Indexed, EvalError> {
        if let Some(indexed) = self.open.get(corpus) {
            return Ok(indexed.clone());
        }
        let owned = corpus.clone();
        let sources = blocking(move || hash_of_sources(&owned)).await??;
        let hash = hash_of_all(&sources);
        let identity = serde_json::to_vec(&self.identity).unwrap_or_default();
        let key = ContentHash::of(&[hash.as_bytes(), &identity]).to_string();
        let name = format!("{}-{}", short_name(&sources), &key[..16]);
        let directory = self.directory.join(&name);
        let record_path = self.directory.join(format!("{name}.json"));
        if self.rebuild && directory.exists() {
            forget_generations(&directory)?;
        }

        let record = read_record(&record_path);
        let is_old = self.rebuild || record.as_ref().is_none_or(|record| record.program != self.program);
        if is_old {
            let built = self.build(corpus, &directory, &name, &sources, record.is_none()).await;
            if let (Err(error), true) = (built, directory.exists()) {
                // Written by a program whose files this one does not read: cut and indexed again, not embedded again.
                eprintln!("{}; building it anew", with_causes(&error));
                forget_generations(&directory)?;
                self.build(corpus, &directory, &name, &sources, false).await?;
            }
            let record = Record { program: self.program.clone(), sources };
            let text = json(&record)?;
            fs::write(&record_path, text).map_err(EvalError::io("write", &record_path))?;
        }
        let mut address = Address::Directory(directory);
        if let Some(server) = &self.server {
            address = self.on_server(server, &address, &key[..16], is_old).await?;
        }
        let mut indexed = Indexed::open(&address, &self.identity).await?;
        indexed.corpus = hash;
        self.open.insert(corpus.clone(), indexed.clone());
        Ok(indexed)
    }

    /// The copy of a knowledge base on a server, made when it is not there.
    async fn on_server(
        &self,
        server: &str,
        original: &Address,
        key: &str,
        is_old: bool,
    ) -> Result<Address, EvalError> {
        let (place, options) = server.split_once('?').unwrap_or((server, ""));
        let copy: Address = format!("{place}-{key}?{options}")
            .parse()
            .map_err(|error: store::AddressError| EvalError::Usage(with_causes(&error)))?;
        let is_there = match store::open(&copy, Some(&self.identity)).await {
            Ok(_) => true,
            Err(StoreError::Missing { .. }) => false,
            Err(error) => return Err(EvalError::store(&copy)(error)),
        };
        if is_old || !is_there {
            eprintln!("copying to {copy}");
            store::copy(original, &copy, |_, _| ()).await.map_err(EvalError::store(&copy))?;
        }
        Ok(copy)
    }

    async fn build(
        &self,
        corpus: &Corpus,
        directory: &Path,
        name: &str,
        sources: &BTreeMap<String, String>,
        is_new: bool,
    ) -> Result<(), EvalError> {
        eprintln!("indexing {name}");
        let address = Address::Directory(directory.to_owned());
        if is_new {
            self.take_over_vectors(&address, name, sources).await?;
        }
        let progress = Arc::new(Progress::on_stderr());
        let sources = match corpus {
            Corpus::Directories(paths) => folder::sources(paths, None, &Defaults::default())
                .map_err(|error| index_error(name, &error.into()))?,
            Corpus::Jsonl(path) => vec![Arc::new(CorpusSource::new(path.clone())) as Arc<dyn Source>],
        };
        let (kb, embedder) = (address, self.settings.clone());
        let options = Options { kb, embedder, sources, dry_run: false, force: true };
        self.patiently(async || {
            pipeline::ingest(&options, progress.clone(), std::future::pending()).await.map(drop)
        })
        .await
        .map_err(|error| index_error(name, &error))
    }

    /// Waits for another process that writes the same knowledge base.
    async fn patiently<T>(
        &self,
        mut work: impl AsyncFnMut() -> Result<T, IngestError>,
    ) -> Result<T, IngestError> {
        let started = std::time::Instant::now();
        loop {
            match work().await {
                Err(IngestError::Store(StoreError::Locked { place })) if started.elapsed() < MAX_WAIT => {
                    eprintln!("another process holds `{place}`; waiting");
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                result => return result,
            }
        }
    }

    /// Fills the embedding cache of a new knowledge base from those that hold one of its sources, so that a union of
    /// corpora is not embedded again. Vectors that are missing are embedded.
    async fn take_over_vectors(
        &self,
        address: &Address,
        name: &str,
        sources: &BTreeMap<String, String>,
    ) -> Result<(), EvalError> {
        let failed = |source: StoreError| EvalError::store(address)(source);
        let entries = fs::read_dir(&self.directory).map_err(EvalError::io("list", &self.directory))?;
        let mut siblings: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        siblings.sort();
        let mut wanted: BTreeSet<&String> = sources.values().collect();
        for record_path in siblings.iter().filter(|path| path.extension().is_some_and(|ext| ext == "json")) {
            let directory = record_path.with_extension("");
            let Some(record) = read_record(record_path).filter(|_| !directory.ends_with(name)) else {
                continue;
            };
            let shared: BTreeSet<&String> = record
                .sources
                .iter()
                .filter(|(_, hash)| wanted.contains(hash))
                .map(|(source, _)| source)
                .collect();
            if shared.is_empty() {
                continue;
            }
            let sibling = Address::Directory(directory);
            // A cache that knowledge bases share has everything already.
            if sibling.embedding_cache() == address.embedding_cache() {
                return Ok(());
            }
            let Ok(from) = store::open(&sibling, Some(&self.identity)).await else { continue };
            let dimensions = self.identity.model.dimensions;
            let filter = Filter { sources: shared.into_iter().cloned().collect(), ..Filter::everything() };
            let view = from.view(&filter).await.map_err(failed)?;
            let chunks = view.counts().await.map_err(failed)?.chunks;
            let cache = EmbeddingCache::open(&sibling.embedding_cache(), dimensions, chunks).await;
            let new = EmbeddingCache::open(&address.embedding_cache(), dimensions, chunks).await;
            self.copy_vectors(view.as_ref(), &cache, &new).await.map_err(failed)?;
            wanted.retain(|hash| !record.sources.values().any(|taken| taken == *hash));
        }
        Ok(())
    }

    async fn copy_vectors(
        &self,
        from: &dyn View,
        cache: &EmbeddingCache,
        to: &EmbeddingCache,
    ) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        let records = from.all_documents().await?;
        for (at, record) in records.iter().enumerate() {
            let meta = &record.meta;
            for (_, chunk) in from.chunks_of(DocumentKey::of(&meta.id)).await? {
                keys.push(embedding_key(&self.identity.model, &chunk.passage(&meta.title)));
            }
            if keys.len() >= 2_000 || at + 1 == records.len() {
                let vectors = cache.get(&keys).await;
                let found: Vec<(ContentHash, Vec<f32>)> =
                    keys.drain(..).zip(vectors).filter_map(|(key, vector)| Some((key, vector?))).collect();
                to.insert(&found).await;
            }
        }
        Ok(())
    }
}

fn index_error(name: &str, error: &IngestError) -> EvalError {
    EvalError::Index { corpus: name.to_owned(), detail: with_causes(error) }
}

/// Removes the generations of a knowledge base and keeps its vectors.
fn forget_generations(directory: &Path) -> Result<(), EvalError> {
    for entry in fs::read_dir(directory).map_err(EvalError::io("list", directory))? {
        let entry = entry.map_err(EvalError::io("list", directory))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_generation = name.strip_prefix('g').is_some_and(|number| number.parse::<u64>().is_ok());
        if is_generation {
            fs::remove_dir_all(&path).map_err(EvalError::io("remove", &path))?;
        } else if name == "CURRENT" {
            fs::remove_file(&path).map_err(EvalError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn read_record(path: &Path) -> Option<Record> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// The names of the sources, joined and shortened so that they fit into a directory's name.
fn short_name(sources: &BTreeMap<String, String>) -> String {
    let name = sources.keys().map(String::as_str).collect::<Vec<_>>().join("+");
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_+".contains(c) { c } else { '_' }).collect();
    safe.chars().take(60).collect()
}

/// Hash of each source's files by the source's name: relative paths and contents of all regular files.
fn hash_of_sources(corpus: &Corpus) -> Result<BTreeMap<String, String>, EvalError> {
    let mut sources = BTreeMap::new();
    match corpus {
        Corpus::Jsonl(path) => {
            let bytes = fs::File::open(path).map_err(EvalError::io("read", path))?;
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(bytes).map_err(EvalError::io("read", path))?;
            let folder =
                path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            sources.insert(
                folder.unwrap_or_else(|| corpus_source::NAME.to_owned()),
                hasher.finalize().to_hex().to_string(),
            );
        }
        Corpus::Directories(paths) => {
            for path in paths {
                let canonical = path.canonicalize().map_err(EvalError::io("find", path))?;
                let name = canonical
                    .file_name()
                    .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                let mut files = Vec::new();
                list_files(&canonical, &mut files)?;
                files.sort();
                let mut hasher = blake3::Hasher::new();
                for file in files {
                    let relative = file.strip_prefix(&canonical).unwrap_or(&file);
                    hasher.update(relative.as_os_str().as_encoded_bytes());
                    let mut content = blake3::Hasher::new();
                    let opened = fs::File::open(&file).map_err(EvalError::io("read", &file))?;
                    content.update_reader(opened).map_err(EvalError::io("read", &file))?;
                    hasher.update(content.finalize().as_bytes());
                }
                sources.insert(name, hasher.finalize().to_hex().to_string());
            }
        }
    }
    Ok(sources)
}

/// All regular files below a directory; links are not followed.
fn list_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), EvalError> {
    let entries = fs::read_dir(directory).map_err(EvalError::io("list", directory))?;
    for entry in entries {
        let entry = entry.map_err(EvalError::io("list", directory))?;
        let kind = entry.file_type().map_err(EvalError::io("list", directory))?;
        if kind.is_dir() {
            list_files(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn hash_of_all(sources: &BTreeMap<String, String>) -> String {
    let parts: Vec<&[u8]> =
        sources.iter().flat_map(|(name, hash)| [name.as_bytes(), hash.as_bytes()]).collect();
    ContentHash::of(&parts).to_string()
}

fn hash_of_this_program() -> String {
    let hash = || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(fs::File::open(std::env::current_exe().ok()?).ok()?).ok()?;
        Some(hasher.finalize().to_hex().to_string())
    };
    hash().unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EvalError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EvalError::Usage(format!("a worker thread failed: {error}")))
}
