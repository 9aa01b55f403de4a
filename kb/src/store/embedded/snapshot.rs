//! One commit of one generation, open for reading: the index's segments, the vectors, and the tables that lead from
//! rows and document keys to records.
//!
//! A snapshot has every file it needs in memory or open, so it stays whole while writers commit, merge, compact and
//! delete, and it was checked against the commit's checksums. It is opened without any lock and without writing, so a
//! knowledge base on a read-only volume can be read.

use super::{
    committed::{Committed, IndexFiles},
    directory::COMMIT_FILE,
    generation::{index_error, open_index},
    guard::undamaged,
    layout::{GenerationPaths, Layout, MANIFEST, Stamp, io_error, stamp},
    records::{DOCUMENT, FIRST_ROW, NUM_CHUNKS, Payload, ROW, Records, SOURCE, SourceState, TARGET},
    selection::{Selection, Selections},
    vectors::{Purpose, Vectors},
};
use crate::{
    document::{Chunk, DocumentRecord},
    store::{
        error::StoreError,
        keys::DocumentKey,
        manifest::{Identity, Manifest},
        prepared::StoredDocument,
        view::{Field, Inbound},
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};
use tantivy::{
    DocId, Index, SegmentReader, TantivyDocument,
    columnar::Column,
    fieldnorm::FieldNormReader,
    index::InvertedIndexReader,
    schema::{IndexRecordOption, Value as _},
    store::StoreReader,
};

/// Stands for "no row" and "no document" in the tables.
pub(super) const NONE: u32 = u32::MAX;

/// How often opening is tried again when a writer moved on underneath.
const OPEN_ATTEMPTS: usize = 20;

/// Blocks of stored records (16 KiB each) that a segment keeps decompressed.
const STORE_CACHE_BLOCKS: usize = 64;

/// Parsed document records that a snapshot keeps.
const CACHED_DOCUMENTS: usize = 2_048;

/// One commit, open for reading: see the documentation of this module.
pub(super) struct Snapshot {
    /// `g7.12`: generation and commit.
    pub version: String,
    pub committed_at: Option<SystemTime>,
    pub manifest: Manifest,
    pub payload: Payload,
    pub paths: GenerationPaths,
    pub records: Records,
    pub segments: Vec<Segment>,
    /// By document key; a document's number is its place here.
    pub documents: Vec<DocumentEntry>,
    /// By row: the number of its document, or [`NONE`] for a dead row.
    pub owners: Vec<u32>,
    /// By row: where its record is.
    addresses: Vec<Address>,
    /// Where the states of sources are.
    states: Vec<Address>,
    /// By document number: the number of terms in all sentences that link to it.
    pub inbound_lengths: Vec<u32>,
    /// By document number: the links to the document.
    pub inbound: Vec<Inbound>,
    /// Average number of terms in each field, over the documents that have one.
    pub field_averages: [f32; 4],
    /// By document number: the length of the sum of its vectors; not a number until it is asked for.
    centroid_lengths: Vec<AtomicU32>,
    pub vectors: Vectors,
    pub selections: Selections,
    files: Arc<IndexFiles>,
    parsed: Mutex<HashMap<u32, Arc<DocumentRecord>>>,
}

/// The parts of a snapshot that are ready before the records of the index are read.
struct Whole {
    records: Records,
    manifest: Manifest,
    payload: Payload,
    paths: GenerationPaths,
    vectors: Vectors,
    files: Arc<IndexFiles>,
}

/// A segment of the index with its readers at hand.
pub(super) struct Segment {
    pub reader: SegmentReader,
    /// By the index's document number: a chunk's row, a document record's document number, the document number of a
    /// link's target; [`NONE`] for a record that is dead or leads nowhere. Which of them follows from the field that
    /// was hit.
    pub slots: Vec<u32>,
    pub passages: FieldIndex,
    pub fields: [FieldIndex; 4],
    store: StoreReader,
}

/// The postings and the lengths of one field.
pub(super) struct FieldIndex {
    field: tantivy::schema::Field,
    postings: Arc<InvertedIndexReader>,
    lengths: FieldNormReader,
}

/// A document in the table of documents.
#[derive(Debug, Clone, Copy)]
pub(super) struct DocumentEntry {
    pub key: DocumentKey,
    /// The row of its first chunk; the others follow in order.
    pub first_row: u32,
    pub num_chunks: u32,
    /// Hash of its source's name.
    pub source: u64,
    address: Address,
}

#[derive(Debug, Clone, Copy)]
struct Address {
    segment: u32,
    document: DocId,
}

const NOWHERE: Address = Address { segment: NONE, document: NONE };

/// The stamps of the two files of which every new state replaces at least one: a reader opens the state again when they
/// change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StateStamp {
    current: Option<Stamp>,
    index: Option<Stamp>,
}

impl StateStamp {
    /// The stamp of the state that has generation `number`.
    pub fn of(layout: &Layout, number: u64) -> Self {
        Self {
            current: stamp(&layout.current()),
            index: stamp(&layout.generation(number).index.join(COMMIT_FILE)),
        }
    }
}

impl Snapshot {
    /// Opens the newest committed state for searching. A knowledge base that was built with another identity than
    /// `expected` is refused; data that is the same in the state `before` is not read again.
    pub fn open(
        layout: &Layout,
        expected: Option<&Identity>,
        before: Option<&Self>,
    ) -> Result<(Self, StateStamp), StoreError> {
        let mut attempt = 0;
        loop {
            let Some(number) = layout.current_generation()? else {
                return Err(StoreError::Missing { path: layout.root().to_string_lossy().into_owned() });
            };
            let state = StateStamp::of(layout, number);
            let index = layout.generation(number).index;
            let open = || Self::open_generation(layout, number, expected, Purpose::Searching, before);
            let error = match undamaged(&index, open) {
                Ok(snapshot) => return Ok((snapshot, state)),
                Err(error) => error,
            };
            // Files that vanish while we open them were superseded: then there is a newer state to open.
            attempt += 1;
            if attempt >= OPEN_ATTEMPTS || StateStamp::of(layout, number) == state {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Opens a generation, published or not.
    pub fn open_generation(
        layout: &Layout,
        number: u64,
        expected: Option<&Identity>,
        purpose: Purpose,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let paths = layout.generation(number);
        if !paths.directory.is_dir() {
            let detail = format!("it names generation g{number}, which is not there");
            return Err(StoreError::Damaged { path: layout.current(), detail });
        }
        let manifest_bytes = layout.manifest_bytes(number)?;
        let manifest = layout.manifest(number, &manifest_bytes);
        let committed = match (Committed::read(&paths), manifest) {
            (Ok(committed), _) => committed,
            // The other files of another format need not be readable.
            (Err(_), Err(mismatch @ StoreError::Mismatch { .. })) => return Err(mismatch),
            (Err(error), _) => return Err(error),
        };
        let committed = if purpose == Purpose::Salvaging { committed.unchecked() } else { committed };
        committed.check(MANIFEST, &paths.manifest, &manifest_bytes)?;
        let manifest = layout.manifest(number, &manifest_bytes)?;
        if let Some(expected) = expected {
            manifest.check(expected, &layout.root().to_string_lossy())?;
        }
        let row_sums = committed.row_sums(&paths)?;
        let vectors = Vectors::open(
            &paths,
            manifest.identity.model.dimensions,
            committed.payload.rows,
            row_sums,
            purpose,
            before.map(|before| &before.vectors),
        )?;
        let files =
            IndexFiles::open(&paths, &committed, purpose, before.map(|before| before.files.as_ref()))?;
        let files = Arc::new(files);
        let records = Records::new();
        let index = open_index(files.directory(), &paths, &records)?;
        let metas = index.load_metas().map_err(index_error("look into", &paths))?.segments;
        let readers: Vec<SegmentReader> = metas
            .into_iter()
            .map(|meta| SegmentReader::open(&index.segment(meta)))
            .collect::<tantivy::Result<_>>()
            .map_err(index_error("open", &paths))?;
        let whole = Whole { records, manifest, payload: committed.payload, paths, vectors, files };
        Self::assemble(&index, readers, whole)
    }

    fn assemble(index: &Index, readers: Vec<SegmentReader>, whole: Whole) -> Result<Self, StoreError> {
        let Whole { records, manifest, payload, paths, vectors, files } = whole;
        debug_assert_eq!(index.schema(), records.schema);
        let failed = |error: tantivy::TantivyError| index_error("open", &paths)(error);
        let damaged = |detail: String| StoreError::Damaged { path: paths.index.clone(), detail };
        let columns =
            readers.iter().map(Columns::open).collect::<tantivy::Result<Vec<_>>>().map_err(failed)?;

        let mut documents = Vec::new();
        let mut states = Vec::new();
        for (segment, (reader, columns)) in readers.iter().zip(&columns).enumerate() {
            for document in reader.doc_ids_alive() {
                let address = Address { segment: segment as u32, document };
                let Some(num_chunks) = first(&columns.num_chunks, document) else {
                    if first(&columns.row, document).or(first(&columns.target, document)).is_none() {
                        states.push(address);
                    }
                    continue;
                };
                let (key, first_row) = (columns.key(document), first(&columns.first_row, document));
                documents.push(DocumentEntry {
                    key: DocumentKey(key),
                    first_row: first_row.unwrap_or(0) as u32,
                    num_chunks: num_chunks as u32,
                    source: first(&columns.source, document).unwrap_or_default(),
                    address,
                });
            }
        }
        documents.sort_unstable_by_key(|entry| entry.key);
        if let Some(pair) = documents.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(damaged(format!(
                "it has two records for the document with key {:016x}",
                pair[0].key.0
            )));
        }

        let rows = payload.rows as usize;
        let mut owners = vec![NONE; rows];
        for (number, entry) in documents.iter().enumerate() {
            let from = entry.first_row as usize;
            let owned = owners.get_mut(from..from + entry.num_chunks as usize);
            let owned =
                owned.ok_or_else(|| damaged("a document has rows that were not committed".to_owned()))?;
            owned.fill(number as u32);
        }

        let mut addresses = vec![NOWHERE; rows];
        let mut inbound_lengths = vec![0_u32; documents.len()];
        let mut inbound = vec![Inbound::default(); documents.len()];
        let mut averages = [Average::default(); 4];
        let mut segments = Vec::with_capacity(readers.len());
        let mut num_chunks = 0_u64;
        for (at, (reader, columns)) in readers.into_iter().zip(&columns).enumerate() {
            let field_index = |field| -> tantivy::Result<FieldIndex> {
                let postings = reader.inverted_index(field)?;
                Ok(FieldIndex { field, postings, lengths: reader.get_fieldnorms_reader(field)? })
            };
            let passages = field_index(records.passage()).map_err(failed)?;
            let mut fields = Vec::with_capacity(Field::ALL.len());
            for field in Field::ALL {
                fields.push(field_index(records.field(field)).map_err(failed)?);
            }
            let mut slots = vec![NONE; reader.max_doc() as usize];
            for document in reader.doc_ids_alive() {
                let number = |key| documents.binary_search_by_key(&DocumentKey(key), |entry| entry.key).ok();
                slots[document as usize] = if let Some(row) = first(&columns.row, document) {
                    let row = row as usize;
                    if owners
                        .get(row)
                        .is_none_or(|&owner| Some(owner as usize) != number(columns.key(document)))
                    {
                        return Err(damaged(format!("row {row} belongs to no document")));
                    }
                    addresses[row] = Address { segment: at as u32, document };
                    num_chunks += 1;
                    row as u32
                } else if let Some(target) = first(&columns.target, document) {
                    let target = number(target);
                    if let Some(target) = target {
                        inbound_lengths[target] += fields[Field::Links as usize].lengths.fieldnorm(document);
                        inbound[target].linking += 1;
                    }
                    target.map_or(NONE, |number| number as u32)
                } else {
                    for field in [Field::Title, Field::Name, Field::Headings] {
                        averages[field as usize].add(fields[field as usize].lengths.fieldnorm(document));
                    }
                    number(columns.key(document)).map_or(NONE, |number| number as u32)
                };
            }
            let store = reader
                .get_store_reader(STORE_CACHE_BLOCKS)
                .map_err(io_error("open the records of", &paths.index))?;
            let fields =
                fields.try_into().unwrap_or_else(|_| unreachable!("one index is made for each field"));
            segments.push(Segment { reader, slots, passages, fields, store });
        }
        inbound_lengths.iter().for_each(|&length| averages[Field::Links as usize].add(length));
        set_coverage(&documents, &mut inbound);
        let owned = owners.iter().filter(|&&owner| owner != NONE).count() as u64;
        if num_chunks != owned || num_chunks != payload.live.chunks {
            let detail = format!("it has {num_chunks} chunks, but {} were committed", payload.live.chunks);
            return Err(damaged(detail));
        }

        let centroid_lengths = documents.iter().map(|_| AtomicU32::new(f32::NAN.to_bits())).collect();
        let mut everything = Selection::empty(rows, documents.len());
        for (number, entry) in documents.iter().enumerate() {
            everything.insert(number, entry);
        }
        Ok(Self {
            version: format!("g{}.{}", manifest.generation, payload.sequence),
            committed_at: stamp(&paths.index.join(COMMIT_FILE)).and_then(|stamp| stamp.modified),
            selections: Selections::new(everything),
            manifest,
            payload,
            paths,
            records,
            segments,
            documents,
            owners,
            addresses,
            states,
            inbound_lengths,
            inbound,
            field_averages: averages.map(|average| average.value()),
            centroid_lengths,
            vectors,
            files,
            parsed: Mutex::default(),
        })
    }

    /// The number of a document.
    pub fn document_number(&self, key: DocumentKey) -> Option<u32> {
        self.documents.binary_search_by_key(&key, |entry| entry.key).ok().map(|number| number as u32)
    }

    /// The length of the sum of a document's vectors. Kept, because it takes reading all of them.
    pub fn centroid_length(&self, number: u32) -> Result<f32, StoreError> {
        let kept = &self.centroid_lengths[number as usize];
        let known = f32::from_bits(kept.load(Ordering::Relaxed));
        if !known.is_nan() {
            return Ok(known);
        }
        let entry = self.documents[number as usize];
        let mut sum = vec![0.0_f32; self.manifest.identity.model.dimensions];
        for row in entry.first_row..entry.first_row + entry.num_chunks {
            let row = self.vectors.row(row as usize)?;
            sum.iter_mut().zip(row.iter()).for_each(|(sum, part)| *sum += part);
        }
        let length = sum.iter().map(|part| part * part).sum::<f32>().sqrt();
        kept.store(length.to_bits(), Ordering::Relaxed);
        Ok(length)
    }

    /// Every file that the snapshot was read from.
    pub fn file_paths(&self) -> Vec<PathBuf> {
        let GenerationPaths { manifest, index, vectors, quantised, row_sums, .. } = &self.paths;
        let commit_file = index.join(COMMIT_FILE);
        let own = [manifest, &commit_file, vectors, quantised, row_sums].map(|path| path.as_path());
        own.into_iter().chain(self.files.paths()).map(Path::to_owned).collect()
    }

    /// A document's record by its number. The last ones read are kept parsed.
    pub fn document(&self, number: u32) -> Result<Arc<DocumentRecord>, StoreError> {
        let parsed = || self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = parsed().get(&number) {
            return Ok(record.clone());
        }
        let record = Arc::new(self.stored_document(number)?.record);
        let mut parsed = parsed();
        if parsed.len() >= CACHED_DOCUMENTS {
            parsed.clear();
        }
        parsed.insert(number, record.clone());
        Ok(record)
    }

    /// A document's record with what is stored beside it, by its number.
    pub fn stored_document(&self, number: u32) -> Result<StoredDocument, StoreError> {
        self.stored(self.documents[number as usize].address)
    }

    /// The chunk of a live row.
    pub fn chunk(&self, row: u32) -> Result<Chunk, StoreError> {
        self.stored(self.addresses[row as usize])
    }

    /// Reads the JSON stored with a record as `T`, which may leave out most of it.
    pub fn stored_as<T: serde::de::DeserializeOwned>(&self, number: u32) -> Result<T, StoreError> {
        self.stored(self.documents[number as usize].address)
    }

    /// The states that were committed, by their sources' names.
    pub fn source_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        let states = self.states.iter().map(|&address| self.stored::<SourceState>(address));
        states.map(|stored| stored.map(|SourceState { source, state }| (source, state))).collect()
    }

    fn stored<T: serde::de::DeserializeOwned>(&self, address: Address) -> Result<T, StoreError> {
        let store = &self.segments[address.segment as usize].store;
        let record: TantivyDocument =
            store.get(address.document).map_err(index_error("read a record of", &self.paths))?;
        let bytes = record.get_first(self.records.stored()).and_then(|value| value.as_bytes());
        let damaged = |detail: String| StoreError::Damaged { path: self.paths.index.clone(), detail };
        let bytes = bytes.ok_or_else(|| damaged("a record has no content".to_owned()))?;
        serde_json::from_slice(bytes).map_err(|error| damaged(format!("a record cannot be read: {error}")))
    }
}

impl FieldIndex {
    /// Calls `visit` with slot, number of occurrences and rounded field length of each live record that has `term`.
    pub fn visit(
        &self,
        term: &str,
        slots: &[u32],
        mut visit: impl FnMut(u32, u32, u8),
    ) -> std::io::Result<()> {
        let term = tantivy::Term::from_field_text(self.field, term);
        let Some(mut postings) = self.postings.read_block_postings(&term, IndexRecordOption::WithFreqs)?
        else {
            return Ok(());
        };
        loop {
            let documents = postings.docs();
            if documents.is_empty() {
                return Ok(());
            }
            for (&document, &frequency) in documents.iter().zip(postings.freqs()) {
                let slot = slots[document as usize];
                if slot != NONE {
                    visit(slot, frequency, self.lengths.fieldnorm_id(document));
                }
            }
            postings.advance();
        }
    }
}

/// An average to which lengths are added one by one; a length of zero does not count.
#[derive(Clone, Copy, Default)]
struct Average {
    sum: u64,
    count: u64,
}

impl Average {
    fn add(&mut self, length: u32) {
        self.sum += u64::from(length);
        self.count += u64::from(length > 0);
    }

    fn value(self) -> f32 {
        if self.count == 0 { 0.0 } else { self.sum as f32 / self.count as f32 }
    }
}

/// Works out [`Inbound::coverage`] for each source.
fn set_coverage(documents: &[DocumentEntry], inbound: &mut [Inbound]) {
    let mut sources: HashMap<u64, (u32, u32)> = HashMap::new();
    for (document, inbound) in documents.iter().zip(inbound.iter()) {
        let (all, linked) = sources.entry(document.source).or_default();
        *all += 1;
        *linked += u32::from(inbound.linking > 0);
    }
    for (document, inbound) in documents.iter().zip(inbound) {
        let (all, linked) = sources[&document.source];
        inbound.coverage = (2.0 * linked as f32 / all as f32).min(1.0);
    }
}

/// The columns of a segment; one is absent when no record of the segment has a value for it.
struct Columns {
    document: Option<Column<u64>>,
    row: Option<Column<u64>>,
    first_row: Option<Column<u64>>,
    num_chunks: Option<Column<u64>>,
    target: Option<Column<u64>>,
    source: Option<Column<u64>>,
}

impl Columns {
    fn open(reader: &SegmentReader) -> tantivy::Result<Self> {
        let column = |name| reader.fast_fields().column_opt::<u64>(name);
        Ok(Self {
            document: column(DOCUMENT)?,
            row: column(ROW)?,
            first_row: column(FIRST_ROW)?,
            num_chunks: column(NUM_CHUNKS)?,
            target: column(TARGET)?,
            source: column(SOURCE)?,
        })
    }

    fn key(&self, document: DocId) -> u64 {
        first(&self.document, document).unwrap_or_default()
    }
}

fn first(column: &Option<Column<u64>>, document: DocId) -> Option<u64> {
    column.as_ref()?.first(document)
}
