//! Where chunks live: the seam between the product and its storage engines.
//!
//! [`KnowledgeBase`] is opened for reading with [`open`], [`Writer`] for writing with [`open_writer`]. Reading goes
//! through a [`View`] only: one generation and one [`Filter`], held for the whole request. Engines must rank alike;
//! `contract/` holds the suite that each must pass.
//!
//! To add an engine: a folder here with a reader and a writer that implement the two traits, a variant of [`Address`],
//! a branch in each function that takes one, and a test module with `contract_tests!`.

pub(crate) mod bm25;
#[cfg(test)]
mod contract;
#[cfg(feature = "qdrant")]
mod copy;
pub mod embedded;
mod filter;
mod manifest;
mod prepared;
#[cfg(feature = "qdrant")]
pub mod qdrant;
mod rename;

pub use crate::embed::ModelIdentity;
#[cfg(feature = "qdrant")]
pub use copy::copy;
pub use filter::{Access, Filter, OpenPart};
pub use manifest::{CHUNKER_VERSION, FORMAT_VERSION, Identity, Manifest};
#[cfg(feature = "qdrant")]
pub use qdrant::{QdrantAddress, QdrantAddressError};

use crate::{
    analyzer::Term,
    document::{Chunk, ContentHash, DocumentMeta, DocumentRecord, Rule},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Names a chunk by its document's key and its ordinal; ordered by both, and so the same in every view and engine that
/// holds this version of the document. A view answers only for chunks that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkKey(pub u128);

impl ChunkKey {
    /// The key of a document's chunk.
    pub fn new(document: DocumentKey, ordinal: u32) -> Self {
        Self(u128::from(document.0) << 64 | u128::from(ordinal))
    }

    /// The key of the chunk's document.
    pub fn document(self) -> DocumentKey {
        DocumentKey((self.0 >> 64) as u64)
    }

    /// The chunk's position within its document, from 0.
    pub fn ordinal(self) -> u32 {
        self.0 as u32
    }
}

/// Names a document by the first eight bytes of its id's BLAKE3 hash; the same in every view and engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentKey(pub u64);

impl DocumentKey {
    /// The key of the document with this id.
    pub fn of(id: &str) -> Self {
        let hash = blake3::hash(id.as_bytes());
        let first: [u8; 8] = hash.as_bytes()[..8].try_into().expect("a BLAKE3 hash has 32 bytes");
        Self(u64::from_le_bytes(first))
    }
}

/// A chunk that one leg of the search found, light enough to have a thousand of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// The key of the chunk.
    pub chunk: ChunkKey,
    /// The key of its document.
    pub document: DocumentKey,
    /// BM25 sum or cosine, by the leg that found it; comparable within one result only.
    pub score: f32,
}

/// The parts of a document that are searched as a whole, each with its own length statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The document's title.
    Title,
    /// The name of the file: see [`crate::document::file_name`].
    Name,
    /// The headings of all its passages.
    Headings,
    /// The sentences that link to the document, in documents of any source that have no access tags.
    Links,
}

impl Field {
    /// All fields, in the order in which engines store their numbers.
    pub const ALL: [Field; 4] = [Field::Title, Field::Name, Field::Headings, Field::Links];

    /// Name in the index.
    pub fn name(self) -> &'static str {
        match self {
            Field::Title => "title",
            Field::Name => "name",
            Field::Headings => "headings",
            Field::Links => "links",
        }
    }
}

/// Factor of each field's BM25 score; a document's score is the weighted sum. A weight of 0 leaves the field out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FieldWeights {
    /// The weight of [`Field::Title`].
    pub title: f32,
    /// The weight of [`Field::Name`].
    pub name: f32,
    /// The weight of [`Field::Headings`].
    pub headings: f32,
    /// The weight of [`Field::Links`].
    pub links: f32,
}

impl FieldWeights {
    /// The weight of one field.
    pub fn of(&self, field: Field) -> f32 {
        match field {
            Field::Title => self.title,
            Field::Name => self.name,
            Field::Headings => self.headings,
            Field::Links => self.links,
        }
    }
}

/// A bag of words for the lexical leg.
///
/// A passage scores `Σ term weight · BM25(term)` over what [`crate::document::passage`] says of it, rarity counted in
/// passages. A document scores `Σ field weight · term weight · BM25(term, field)`, rarity counted in documents that have
/// the term anywhere, so that a term is not rare because few titles have it. [`Field::Links`] counts by
/// [`Inbound::coverage`]. k1 = 1.2 and b = 0.75; a field's average length is that of the documents that have one. Rarity
/// and averages are those of the whole knowledge base, whatever a view shows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LexicalQuery {
    /// Terms, analysed as the index was, each with its factor. A term that is given twice counts once.
    pub terms: Vec<(Term, f32)>,
    /// Factor of each field.
    pub weights: FieldWeights,
}

/// The matches of the lexical leg.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LexicalMatches {
    /// The passages with the highest scores, best first, ties by key.
    pub passages: Vec<Match>,
    /// The documents with the highest scores of their fields, best first, ties by key.
    pub documents: Vec<(DocumentKey, f32)>,
    /// How common the query's terms are.
    pub commonness: Commonness,
    /// For each term of the query, in order: whether a passage that this view shows has it. A repeated term has none.
    pub shown: Vec<bool>,
}

/// How common terms are in the whole knowledge base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commonness {
    /// The numbers of all documents and chunks.
    pub total: Counts,
    /// For each term of the query, in order: the documents and passages that have it. A repeated term has none.
    pub terms: Vec<Counts>,
}

/// How near a document is to a question's vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DocumentSimilarity {
    /// The passage of the document that is nearest to the question.
    pub best_passage: ChunkKey,
    /// The cosine of that passage.
    pub best: f32,
    /// The cosine of the mean of its passages' vectors.
    pub centroid: f32,
}

/// The links to a document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Inbound {
    /// Number of other documents without access tags that link to it.
    pub linking: u32,
    /// How much links say in its source, 0..1: twice the share of the source's documents that anything links to, at
    /// most 1. Where few pages are linked, having links says little about a page.
    pub coverage: f32,
}

/// How much a view shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The number of documents.
    pub documents: u64,
    /// The number of chunks.
    pub chunks: u64,
}

/// A document that carries `applies_to` rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RuledDocument {
    /// The id of the document.
    pub document: String,
    /// Its rules; any one that matches is enough.
    pub rules: Vec<Rule>,
}

/// One generation through one filter. Every method answers from the same state, whatever writers do meanwhile.
#[async_trait]
pub trait View: Send + Sync {
    /// Names the state that is read, such as `g7.12`; changes with each commit. Cache keys contain it.
    fn version(&self) -> &str;

    /// When this state was committed; `None` where the engine does not know.
    fn committed_at(&self) -> Option<SystemTime> {
        None
    }

    /// The numbers of documents and chunks that this view shows.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// At most `passages` passages and `documents` documents for a bag of words.
    async fn search_lexical(
        &self,
        query: &LexicalQuery,
        passages: usize,
        documents: usize,
    ) -> Result<LexicalMatches, StoreError>;

    /// The chunks with the highest cosine, best first, ties by key; at most `limit`. `query` is L2-normalised.
    async fn search_dense(&self, query: &[f32], limit: usize) -> Result<Vec<Match>, StoreError>;

    /// How near documents that this view shows are to `query`, in their order; `None` for one without chunks.
    async fn document_similarities(
        &self,
        query: &[f32],
        documents: &[DocumentKey],
    ) -> Result<Vec<Option<DocumentSimilarity>>, StoreError>;

    /// The links to documents, in the order of `documents`.
    async fn inbound(&self, documents: &[DocumentKey]) -> Result<Vec<Inbound>, StoreError>;

    /// The vectors of all chunks of a document, in order; empty when this view does not show it. For copying.
    async fn vectors_of(&self, document: DocumentKey) -> Result<Vec<Vec<f32>>, StoreError>;

    /// For each of `terms`, in order: whether a passage of the document has it. All are `false` for a document that
    /// this view does not show.
    async fn terms_of(&self, document: DocumentKey, terms: &[Term]) -> Result<Vec<bool>, StoreError>;

    /// The chunks, in the order of `keys`. [`StoreError::UnknownChunk`] for one that this view does not show.
    async fn chunks(&self, keys: &[ChunkKey]) -> Result<Vec<Chunk>, StoreError>;

    /// All chunks of a document, in order; empty when this view does not show it.
    async fn chunks_of(&self, document: DocumentKey) -> Result<Vec<(ChunkKey, Chunk)>, StoreError>;

    /// The documents, in the order of `keys`; `None` for one that this view does not show.
    async fn documents(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Arc<DocumentRecord>>>, StoreError>;

    /// Every document's record that this view shows, by id; for `doctor`, `ingest chunks` and reports.
    async fn all_documents(&self) -> Result<Vec<Arc<DocumentRecord>>, StoreError>;

    /// The state that was committed with each source's documents, by the source's name; of all sources, whatever the view
    /// shows.
    async fn source_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError>;

    /// The documents with `applies_to` rules that this view shows, by id.
    async fn ruled_documents(&self) -> Result<Arc<[RuledDocument]>, StoreError>;
}

/// Why a knowledge base that is open for reading does not show what its files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// An error with its causes, which names the file and the way out.
    pub reason: String,
    /// Whether the files are damaged, overwritten or gone. Otherwise they are merely of no use to this program, such as
    /// those that a later release wrote.
    pub is_damage: bool,
}

impl Trouble {
    fn of(error: &StoreError) -> Self {
        let is_damage = !matches!(error, StoreError::Mismatch { .. });
        Self { reason: crate::causes::with_causes(error), is_damage }
    }
}

/// A knowledge base open for reading. It moves on to new generations by itself.
#[async_trait]
pub trait KnowledgeBase: Send + Sync {
    /// The identity that the knowledge base was built with.
    fn identity(&self) -> Identity;

    /// The newest state, through `filter`.
    async fn view(&self, filter: &Filter) -> Result<Arc<dyn View>, StoreError>;

    /// The damage of the stored files, while views still show the last undamaged state. Known as of the last views; a
    /// check takes a few seconds.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// The value that [`Writer::set_run_log`] stored last; `None` if it stored nothing.
    async fn run_log(&self) -> Result<Option<serde_json::Value>, StoreError>;

    /// The stored calibration of the decision to answer, as JSON; `None` when there is none.
    async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError>;
}

/// The result of one [`Writer::commit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The version that readers see from now on.
    pub version: String,
    /// The number of the generation.
    pub generation: u64,
    /// Failures after the changes were safe; the changes stand.
    pub warnings: Vec<String>,
}

/// A knowledge base open for writing: by one writer at a time, or by one for each source. Nothing is seen by readers, nor survives a drop or a
/// kill, before [`Writer::commit`] returns; then all of it does.
#[async_trait]
pub trait Writer: Send {
    /// Keeps other writers away from sources until this one is dropped; [`StoreError::Locked`] when another is at work on
    /// one of them. Changes of a source's documents do the same. Where an engine has one writer at a time, nothing is left to do.
    async fn claim(&mut self, _sources: &[String]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Content hash of every committed document whose source is among `sources`, by id.
    async fn fingerprints(&mut self, sources: &[String]) -> Result<HashMap<String, ContentHash>, StoreError>;

    /// How much is committed.
    async fn counts(&mut self) -> Result<Counts, StoreError>;

    /// The sources with committed documents, and how many each has.
    async fn sources(&mut self) -> Result<BTreeMap<String, u64>, StoreError>;

    /// Gives the committed documents of a source another source's name: in their ids, their chunks and the links among
    /// them; nothing is embedded. Of a document that the other source has already, the other source's stays. Returns how
    /// many documents the source had. The source's state goes with them unless the other source has one. Comes before
    /// other changes of the same documents.
    async fn rename_source(&mut self, from: &str, to: &str) -> Result<u64, StoreError>;

    /// Number of chunks of a document, this writer's changes included; 0 when there is none. For the report of what a
    /// removal drops.
    async fn num_chunks(&mut self, document: &str) -> Result<u64, StoreError>;

    /// Replaces a document and its chunks. `vectors` are L2-normalised, one a chunk, in order.
    async fn replace(
        &mut self,
        meta: &DocumentMeta,
        content_hash: ContentHash,
        chunks: &[Chunk],
        vectors: &[Vec<f32>],
    ) -> Result<(), StoreError>;

    /// Removes a document and its chunks; nothing happens when there is none.
    async fn remove(&mut self, document: &str) -> Result<(), StoreError>;

    /// Makes all changes durable and visible at once. Without any change it writes nothing, except that the first commit
    /// creates the knowledge base.
    ///
    /// After an error the state is the one before or the one asked for; the writer refuses further changes.
    async fn commit(&mut self) -> Result<Commit, StoreError>;

    /// The state that was committed with each source's documents, by the source's name.
    async fn source_states(&mut self) -> Result<BTreeMap<String, serde_json::Value>, StoreError>;

    /// Keeps a state with a source's documents, or forgets the one that is kept; visible with the next commit. It is for
    /// the program that writes: where it goes on.
    async fn set_source_state(
        &mut self,
        source: &str,
        state: Option<&serde_json::Value>,
    ) -> Result<(), StoreError>;

    /// The value that [`Writer::set_run_log`] stored last; `None` if it stored nothing.
    async fn run_log(&mut self) -> Result<Option<serde_json::Value>, StoreError>;

    /// Stores what is known of the last runs; visible at once, outside the generations.
    async fn set_run_log(&mut self, log: &serde_json::Value) -> Result<(), StoreError>;

    /// Stores the calibration of the decision to answer; visible at once, outside the generations.
    async fn set_calibration(&mut self, calibration: &serde_json::Value) -> Result<(), StoreError>;
}

/// The key of a passage in the embedding cache: what the vector depends on.
pub fn embedding_key(model: &ModelIdentity, text: &str) -> ContentHash {
    ContentHash::of(&[
        model.name.as_bytes(),
        model.hash.as_bytes(),
        model.passage_prefix.as_bytes(),
        text.as_bytes(),
    ])
}

/// The place of a knowledge base, as `--kb` and `RUNBOOKD_KB` hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A directory of the embedded engine.
    Directory(PathBuf),
    /// A Qdrant server or cluster.
    #[cfg(feature = "qdrant")]
    Qdrant(QdrantAddress),
}

/// The reasons why a text is not the address of a knowledge base.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The text is empty.
    #[error("the knowledge base's address is empty; give a directory")]
    Empty,
    /// The text begins like the address of a Qdrant server, and is not a valid one.
    #[cfg(feature = "qdrant")]
    #[error(transparent)]
    Qdrant(#[from] QdrantAddressError),
    /// It has a scheme that no engine serves.
    #[error(
        "`{scheme}://` is not a kind of knowledge base this program knows; give a directory, or qdrant://HOST:6334/NAME"
    )]
    Scheme {
        /// The part before `://`.
        scheme: String,
    },
}

impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        match text.split_once("://") {
            #[cfg(feature = "qdrant")]
            Some((scheme, _)) if QdrantAddress::SCHEMES.contains(&scheme) => {
                Ok(Address::Qdrant(text.parse()?))
            }
            Some((scheme, _)) => Err(AddressError::Scheme { scheme: scheme.to_owned() }),
            None => Ok(Address::Directory(PathBuf::from(text))),
        }
    }
}

impl Address {
    /// Whether the knowledge base is on servers.
    pub fn is_remote(&self) -> bool {
        !matches!(self, Address::Directory(_))
    }

    /// The directory of the cache of vectors that were computed for the knowledge base.
    pub fn embedding_cache(&self) -> PathBuf {
        crate::embed::embedding_cache(match self {
            Address::Directory(path) => Some(embedded::embedding_cache(path)),
            #[cfg(feature = "qdrant")]
            Address::Qdrant(_) => None,
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Directory(path) => path.display().fmt(f),
            #[cfg(feature = "qdrant")]
            Address::Qdrant(address) => address.fmt(f),
        }
    }
}

/// Opens a knowledge base for reading.
///
/// `identity` is what this program would build one with; a knowledge base built otherwise is refused with
/// [`StoreError::Mismatch`]. `None` accepts any (for `doctor`).
pub async fn open(
    address: &Address,
    identity: Option<&Identity>,
) -> Result<Arc<dyn KnowledgeBase>, StoreError> {
    match address {
        Address::Directory(path) => Ok(Arc::new(embedded::Reader::open(path, identity).await?)),
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => Ok(Arc::new(qdrant::Reader::open(address, identity).await?)),
    }
}

/// Opens a knowledge base for writing and creates it when there is none. A second writer is refused with
/// [`StoreError::Locked`] within a second.
pub async fn open_writer(address: &Address, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
    match address {
        Address::Directory(path) => Ok(Box::new(embedded::EmbeddedWriter::open(path, identity).await?)),
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => Ok(Box::new(qdrant::QdrantWriter::open(address, identity).await?)),
    }
}

/// Opens a knowledge base to build it again, as though it had no documents. Readers go on with what is there, if it can be
/// read, until the first commit; vectors that were computed for it are still known.
pub async fn open_rebuilding(address: &Address, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
    match address {
        Address::Directory(path) => {
            Ok(Box::new(embedded::EmbeddedWriter::open_rebuilding(path, identity).await?))
        }
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => {
            Ok(Box::new(qdrant::QdrantWriter::open_rebuilding(address, identity).await?))
        }
    }
}

/// The documents that a knowledge base seems to have, by id, whatever state its files are in; `None` where they cannot be
/// read at all. Good for comparing, not for answering.
pub async fn documents_of_damaged(address: &Address) -> Option<HashMap<String, ContentHash>> {
    match address {
        Address::Directory(path) => embedded::documents_of_damaged(path).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => qdrant::documents(address).await,
    }
}

/// The result of [`verify`].
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

/// Goes back to the generation that was current before the last rebuilding, where an engine keeps it: readers move to it as
/// they do to a commit. Going back again returns to the later one.
pub async fn rollback(address: &Address) -> Result<Commit, StoreError> {
    match address {
        Address::Directory(path) => Err(StoreError::NoEarlier {
            address: path.display().to_string(),
            advice: "a directory keeps none; bring back a backup with `ingest restore`",
        }),
        #[cfg(feature = "qdrant")]
        Address::Qdrant(server) => qdrant::rollback(server).await,
    }
}

/// Reads every file of a knowledge base and compares it with its checksum. On servers, compares its records with what was
/// committed, and looks at the servers.
pub async fn verify(address: &Address) -> Result<Verification, StoreError> {
    match address {
        Address::Directory(path) => embedded::verify(path).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => qdrant::verify(address).await,
    }
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

/// Copies the newest state of a knowledge base into a new directory, while it may be read and written. The directory is
/// there when all of it is written and checked.
pub async fn backup(address: &Address, to: &Path) -> Result<Copied, StoreError> {
    match address {
        Address::Directory(path) => embedded::backup(path, to).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(server) => copy::backup(server, to).await,
    }
}

/// Makes a backup the newest state of a knowledge base, which is created when there is none. Readers move on to it as they
/// do to a commit; until then, whatever happens, they see the state before.
pub async fn restore(from: &Path, address: &Address) -> Result<Copied, StoreError> {
    match address {
        Address::Directory(path) => embedded::restore(from, path).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(server) => copy::restore(from, server).await,
    }
}

/// Runs blocking work off the asynchronous threads, within the caller's span.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Stopping),
        },
    }
}

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
    /// A file's content is not what was written.
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
    /// The servers of the knowledge base do not answer, or not in time, or lack the copies that they need. What was asked
    /// for may work later.
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
    /// The servers of the knowledge base do not do what was asked for, now or later.
    #[error("the knowledge base at `{address}` does not allow to {action} it: {detail}")]
    Refused {
        /// The address that was called.
        address: String,
        /// The operation that failed: a verb phrase before "it".
        action: &'static str,
        /// The server's reason, in one line.
        detail: String,
    },
    /// The stored calibration is not what was written. The knowledge base itself is not concerned.
    #[error("`{path}` is damaged: {detail}; remove it, or write it again with `evaluate calibrate`")]
    DamagedCalibration {
        /// The path of the file.
        path: PathBuf,
        /// The defect, in one line.
        detail: String,
    },
    /// A knowledge base was to be made among somebody's files.
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
    /// There is nothing to restore.
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
    /// The writer failed before; what it has pending is incomplete and cannot be committed.
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
