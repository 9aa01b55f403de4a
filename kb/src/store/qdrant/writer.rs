//! The writing side. Documents are stored as they come, in versions that readers do not see; [`commit`](super::commit)
//! makes them visible.

use super::{
    address::QdrantAddress,
    client::{Cluster, refused},
    collection,
    commit::Changes,
    left::{self, Comparison, Left},
    lexical::{add_field_weights, field_frequencies, passage_dimensions, passage_vector, passage_weights},
    manifest::{self, State},
    meta::Meta,
    points::{
        self, DENSE, Draft, FIELDS, PASSAGE, Sort, chunk_id, document_of, fields, float, integer, is_any,
        is_key, is_sort, key, list, payload, record_id, text,
    },
    requests::{Wanted, all},
    session::Session,
    staging::Staging,
    states,
};
use crate::{
    document::{Chunk, ContentHash, DocumentMeta, DocumentRecord, source_of},
    store::{
        blocking::blocking,
        error::StoreError,
        filter::{Access, Filter},
        keys::DocumentKey,
        manifest::Identity,
        prepared::{Lengths, PreparedDocument, StoredDocument, check},
        rename::Renaming,
        view::{Counts, Field},
        writer::{Commit, Writer},
    },
};
use async_trait::async_trait;
use qdrant_client::qdrant::Filter as Conditions;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A knowledge base on a Qdrant server, open for writing. Others may write other sources at the same time.
pub struct QdrantWriter {
    pub(super) cluster: Arc<Cluster>,
    pub(super) session: Session,
    /// The generation that is written.
    pub(super) generation: u64,
    pub(super) collection: String,
    pub(super) identity: Identity,
    /// The newest state of the generation as this writer knows it.
    pub(super) state: State,
    /// Whether the generation is built beside the current one, and published by the first commit.
    pub(super) is_beside: bool,
    /// The number of the last commit of the generation before.
    pub(super) first_sequence: u64,
    pub(super) staging: Staging,
    pub(super) changes: Changes,
    /// The documents that an earlier writer had stored of the change at hand.
    pub(super) left: Left,
    /// Whether a change failed half-way: then the pending changes are not those that were asked for.
    broken: bool,
}

impl QdrantWriter {
    /// Opens the knowledge base at an address for writing, and creates it if it is missing. A knowledge base with
    /// another identity than `identity` is refused.
    pub async fn open(address: &QdrantAddress, identity: &Identity) -> Result<Self, StoreError> {
        Self::open_on(Cluster::new(address)?, identity).await
    }

    pub(super) async fn open_on(cluster: Arc<Cluster>, identity: &Identity) -> Result<Self, StoreError> {
        let meta = Meta::new(cluster.clone());
        meta.create().await?;
        let generation = match collection::current(&cluster).await? {
            Some(generation) => generation,
            None => create_first(&cluster, identity).await?,
        };
        let session = Session::begin(meta, false).await?;
        Self::new(cluster, session, generation, identity, false).await
    }

    /// Opens the knowledge base at an address to build it again, in a new generation. No other writer may be at work.
    pub async fn open_rebuilding(address: &QdrantAddress, identity: &Identity) -> Result<Self, StoreError> {
        Self::open_rebuilding_on(Cluster::new(address)?, identity).await
    }

    pub(super) async fn open_rebuilding_on(
        cluster: Arc<Cluster>,
        identity: &Identity,
    ) -> Result<Self, StoreError> {
        let meta = Meta::new(cluster.clone());
        meta.create().await?;
        let mut session = Session::begin(meta, true).await?;
        let current = collection::current(&cluster).await?;
        let generations = collection::generations(&cluster).await?;
        let before = match current {
            Some(current) => manifest::read_any(&cluster, &collection::name(&cluster, current)).await?,
            None => 0,
        };
        let beside = generations.iter().copied().filter(|&number| Some(number) > current);
        let mut resumed = None;
        if let Some(last) = beside.clone().max()
            && session.find_left(last).await?
            && is_empty_of(&cluster, last, identity).await?
        {
            resumed = Some(last);
        }
        // The rest is what rebuildings have left that were killed. The number goes on, so that no version is ever given
        // twice.
        for generation in beside.filter(|&generation| Some(generation) != resumed) {
            collection::remove(&cluster, generation).await?;
        }
        let generation = match resumed {
            Some(generation) => generation,
            None => {
                let next = generations.last().map_or(1, |last| last + 1);
                create(&cluster, next, identity).await?;
                next
            }
        };
        let mut writer = Self::new(cluster, session, generation, identity, true).await?;
        writer.first_sequence = before;
        Ok(writer)
    }

    async fn new(
        cluster: Arc<Cluster>,
        session: Session,
        generation: u64,
        identity: &Identity,
        is_beside: bool,
    ) -> Result<Self, StoreError> {
        let collection = collection::name(&cluster, generation);
        let state = manifest::read(&cluster, &collection).await?;
        let Some(state) = state else {
            return Err(refused(
                cluster.address(),
                "open",
                "its collection has no manifest; choose another name",
            ));
        };
        state.manifest.check(identity, &cluster.address().to_string())?;
        Ok(Self {
            staging: Staging::new(cluster.clone(), collection.clone()),
            cluster,
            session,
            generation,
            collection,
            identity: identity.clone(),
            state,
            is_beside,
            first_sequence: 0,
            changes: Changes::default(),
            left: Left::default(),
            broken: false,
        })
    }

    /// The number of the change at hand. A change that an earlier writer of the same sources has left is gone on with.
    pub(super) async fn number(&mut self) -> Result<u64, StoreError> {
        if let Some(known) = self.session.number() {
            return Ok(known);
        }
        let Some(number) = self.session.go_on(self.generation, &self.state.visible).await? else {
            return self.session.begin_change(self.generation).await;
        };
        self.left = Left::read(&self.cluster, &self.collection, number).await?;
        tracing::info!(
            documents = self.left.num_documents(),
            "going on with a run that ended without a commit"
        );
        Ok(number)
    }

    /// Runs a change; one that fails half-way ends the writer's usefulness.
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken { place: self.cluster.address().to_string() });
        }
        self.session.check()?;
        // Set first, so that a panic and a dropped future count as well.
        self.broken = true;
        Ok(())
    }

    fn end<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.broken = result.is_err();
        result
    }

    /// The conditions for the committed points of a document.
    fn committed(&self, sort: Sort, document: DocumentKey) -> Conditions {
        let mut conditions = self.state.visible.filter();
        conditions.must.extend([is_sort(sort), is_key(payload::KEY, [document])]);
        conditions
    }

    async fn all(
        &self,
        conditions: &Conditions,
        wanted: Wanted,
    ) -> Result<Vec<qdrant_client::qdrant::RetrievedPoint>, StoreError> {
        all(&self.cluster, &self.collection, conditions, wanted).await
    }

    /// The lengths of a document as it would be committed now; `None` if there is no such document.
    async fn lengths(&self, document: DocumentKey, id: &str) -> Result<Option<Lengths>, StoreError> {
        if let Some(change) = self.changes.documents.get(&document) {
            return Ok(change.after);
        }
        if self.state.counts.documents == 0 {
            return Ok(None);
        }
        let wanted = Wanted { payload: &[payload::ID, payload::CHUNKS, payload::TERMS], vectors: &[] };
        let points = self.all(&self.committed(Sort::Document, document), wanted).await?;
        let Some(point) = points.first() else { return Ok(None) };
        let fields = fields(point);
        let stored = fields.text(payload::ID)?;
        if stored != id {
            let detail = format!("its key is that of `{stored}`; rename one of them");
            return Err(StoreError::Invalid { document: id.to_owned(), detail });
        }
        Ok(Some(Lengths { chunks: fields.count(payload::CHUNKS)?, terms: fields.count(payload::TERMS)? }))
    }

    /// Takes a document out of the pending changes: its terms, the pages that it links to, and a version of this
    /// run.
    async fn take_out(&mut self, document: DocumentKey, before: Option<Lengths>) -> Result<(), StoreError> {
        if before.is_none() {
            return Ok(());
        }
        let number = self.number().await?;
        let is_of_this_run =
            self.changes.documents.get(&document).is_some_and(|change| change.after.is_some());
        if is_of_this_run {
            self.staging.flush().await?;
        }
        let conditions = |sort: Sort| match is_of_this_run {
            true => Conditions::must([
                is_sort(sort),
                is_key(payload::KEY, [document]),
                is_any(payload::FROM, vec![number as i64]),
            ]),
            false => self.committed(sort, document),
        };
        let chunks = conditions(Sort::Chunk);
        let links = conditions(Sort::Link);
        let chunks = self.all(&chunks, Wanted { payload: &[], vectors: &[PASSAGE] }).await?;
        let dimensions = chunks
            .iter()
            .map(|chunk| passage_dimensions(chunk.vectors.as_ref()).into_iter().collect::<BTreeSet<u32>>());
        self.changes.count(dimensions.collect::<Vec<_>>(), -1);
        let links = self.all(&links, Wanted { payload: &[payload::TARGET], vectors: &[] }).await?;
        for link in &links {
            self.changes.affected.insert(fields(link).key(payload::TARGET)?);
        }
        if is_of_this_run {
            left::remove(&self.cluster, &self.collection, &[document], number).await?;
        }
        Ok(())
    }

    async fn put(
        &mut self,
        document: PreparedDocument,
        id: &str,
        vectors: &[Vec<f32>],
    ) -> Result<(), StoreError> {
        self.session.claim(std::slice::from_ref(&document.record.meta.source)).await?;
        let number = self.number().await?;
        let before = self.lengths(document.key, id).await?;
        self.take_out(document.key, before).await?;
        let digest = left::digest(&document, vectors);
        let comparison = self.left.take(&document, &digest);
        if comparison == Comparison::Different {
            left::remove(&self.cluster, &self.collection, &[document.key], number).await?;
        }
        // The points are there, but the counts of terms are made by the writer that commits.
        let is_stored = comparison == Comparison::Same;
        let PreparedDocument {
            key: document_key, lengths, record, filter_terms, fields, links, chunks, ..
        } = document;
        if chunks.len() > points::MAX_ORDINAL as usize {
            let detail = format!("it has more than {} chunks", points::MAX_ORDINAL);
            return Err(StoreError::Invalid { document: id.to_owned(), detail });
        }
        let filter = || list(filter_terms.iter().map(text));
        let mut dimensions = Vec::with_capacity(chunks.len());
        let mut sum = vec![0.0_f32; self.identity.model.dimensions];
        for ((ordinal, chunk), vector) in (0_u32..).zip(&chunks).zip(vectors) {
            let mut frequencies: HashMap<&str, u32> = HashMap::new();
            chunk.terms.lines().for_each(|term| *frequencies.entry(term).or_default() += 1);
            let weights = passage_weights(&frequencies, chunk.length);
            dimensions.push(weights.keys().copied().collect::<BTreeSet<u32>>());
            if is_stored {
                continue;
            }
            sum.iter_mut().zip(vector).for_each(|(sum, part)| *sum += part);
            let stored = String::from_utf8_lossy(&chunk.stored).into_owned();
            let point =
                Draft::version(chunk_id(document_key, ordinal, number), Sort::Chunk, document_key, number)
                    .with(payload::ORDINAL, integer(i64::from(ordinal)))
                    .with(payload::FILTER, filter())
                    .with(payload::STORED, text(stored))
                    .dense(vector)
                    .sparse(PASSAGE, &passage_vector(weights, chunk.length));
            self.staging.push(point.build()).await?;
        }
        self.changes.count(dimensions, 1);
        self.changes.affected.extend(links.iter().map(|(target, _)| *target));
        self.changes.set(document_key, before, Some(lengths));
        if is_stored {
            return Ok(());
        }

        let centroid = sum.iter().map(|part| part * part).sum::<f32>().sqrt();
        let mut weights = BTreeMap::new();
        let mut field_lengths = [0_u64; 3];
        for (length, field) in field_lengths.iter_mut().zip(&fields) {
            *length = u64::from(crate::store::prepared::round_length(field.1.lines().count() as u32));
            add_field_weights(&mut weights, field.0, &field_frequencies(field.0, &field.1), *length);
        }
        let source_name = record.meta.source.clone();
        let hash = serde_json::to_string(&record.content_hash).expect("a hash can be written as JSON");
        let stored = String::from_utf8_lossy(&PreparedDocument::stored(record, lengths)).into_owned();
        let point = Draft::version(
            record_id(Sort::Document, document_key, number),
            Sort::Document,
            document_key,
            number,
        )
        .with(payload::ID, text(id))
        .with(payload::HASH, text(hash))
        .with(payload::DIGEST, text(digest))
        .with(payload::SOURCE, text(source_name))
        .with(payload::FILTER, filter())
        .with(payload::STORED, text(stored))
        .with(payload::LENGTHS, list(field_lengths.map(|length| integer(length as i64))))
        .with(payload::CHUNKS, integer(lengths.chunks as i64))
        .with(payload::TERMS, integer(lengths.terms as i64))
        .with(payload::CENTROID, float(f64::from(centroid)))
        .with(payload::INBOUND_LENGTH, integer(0))
        .with(payload::LINKING, integer(0))
        .sparse(FIELDS, &weights);
        self.staging.push(point.build()).await?;

        for (target, terms) in links {
            let of_both = format!("\u{0}link\u{0}{:016x}{:016x}", document_key.0, target.0);
            let frequencies = field_frequencies(Field::Links, &terms);
            let length = crate::store::prepared::round_length(terms.lines().count() as u32);
            let id = record_id(Sort::Link, DocumentKey::of(&of_both), number);
            let point = Draft::version(id, Sort::Link, document_key, number)
                .with(payload::TARGET, key(target))
                .with(payload::LENGTH, integer(i64::from(length)))
                .with(
                    payload::DIMENSIONS,
                    list(frequencies.keys().map(|&dimension| integer(i64::from(dimension)))),
                )
                .with(payload::FREQUENCIES, list(frequencies.values().map(|&count| integer(count as i64))));
            self.staging.push(point.build()).await?;
        }
        Ok(())
    }

    async fn take_away(&mut self, id: &str) -> Result<(), StoreError> {
        let document = DocumentKey::of(id);
        let before = self.lengths(document, id).await?;
        if before.is_some() {
            self.session.claim(&[source_of(id).to_owned()]).await?;
            self.take_out(document, before).await?;
            self.changes.set(document, before, None);
        }
        Ok(())
    }

    /// The keys of a source's committed documents.
    async fn documents_of(&self, source: &str) -> Result<Vec<DocumentKey>, StoreError> {
        let conditions = self.of_sources(BTreeSet::from([source.to_owned()]));
        let points = self.all(&conditions, Wanted::default()).await?;
        Ok(points.iter().filter_map(|point| document_of(point.id.as_ref())).collect())
    }

    fn of_sources(&self, sources: BTreeSet<String>) -> Conditions {
        let filter = Filter { sources, access: Access::All, ..Filter::default() };
        let mut conditions = points::shown(&filter, &self.state.visible);
        conditions.must.push(is_sort(Sort::Document));
        conditions
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<u64, StoreError> {
        self.session.claim(&[from.to_owned(), to.to_owned()]).await?;
        let documents = self.documents_of(from).await?;
        let renaming = Renaming::new(from, to);
        for &document in &documents {
            let wanted = Wanted { payload: &[payload::STORED], vectors: &[] };
            let records = self.all(&self.committed(Sort::Document, document), wanted).await?;
            let Some(record) = records.first() else { continue };
            let StoredDocument { record, .. } = fields(record).stored()?;
            let wanted = Wanted { payload: &[payload::STORED], vectors: &[DENSE] };
            let mut points = self.all(&self.committed(Sort::Chunk, document), wanted).await?;
            points.sort_by_key(|point| points::chunk_of(point.id.as_ref()));
            let chunks =
                points.iter().map(|point| fields(point).stored()).collect::<Result<Vec<Chunk>, _>>()?;
            let vector = |point: &qdrant_client::qdrant::RetrievedPoint| {
                points::dense_of(point.vectors.as_ref()).ok_or_else(|| points::damaged(DENSE))
            };
            let vectors = points.iter().map(vector).collect::<Result<Vec<_>, StoreError>>()?;
            let old = record.meta.id.clone();
            let (record, chunks) = renaming.applied(record, chunks)?;
            let id = record.meta.id.clone();
            let is_there = self.lengths(DocumentKey::of(&id), &id).await?.is_some();
            self.take_away(&old).await?;
            if !is_there {
                self.put(prepared(record, chunks).await?, &id, &vectors).await?;
            }
        }
        let mut states = self.known_states().await?;
        if let Some(state) = states.remove(from) {
            self.changes.states.insert(from.to_owned(), None);
            if !states.contains_key(to) {
                self.changes.states.insert(to.to_owned(), Some(state));
            }
        }
        Ok(documents.len() as u64)
    }

    async fn known_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        states::read(&self.cluster, &self.collection, &self.state.visible).await
    }
}

/// Analyses a document off the asynchronous threads.
async fn prepared(record: DocumentRecord, chunks: Vec<Chunk>) -> Result<PreparedDocument, StoreError> {
    blocking(move || Ok(PreparedDocument::new(record, &chunks))).await
}

async fn create_first(cluster: &Cluster, identity: &Identity) -> Result<u64, StoreError> {
    // Several writers may do this at once: each step is the same for all of them.
    create(cluster, 1, identity).await?;
    collection::publish(cluster, 1).await?;
    Ok(1)
}

/// Whether a generation is without a commit, and made for `identity`.
async fn is_empty_of(cluster: &Cluster, generation: u64, identity: &Identity) -> Result<bool, StoreError> {
    match manifest::read(cluster, &collection::name(cluster, generation)).await {
        Ok(state) => {
            let is_it = |state: State| state.sequence == 0 && state.manifest.identity == *identity;
            Ok(state.is_some_and(is_it))
        }
        Err(StoreError::Mismatch { .. } | StoreError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a generation without documents.
async fn create(cluster: &Cluster, generation: u64, identity: &Identity) -> Result<(), StoreError> {
    collection::create(cluster, generation, identity.model.dimensions).await?;
    let collection = collection::name(cluster, generation);
    match manifest::read(cluster, &collection).await? {
        Some(_) => Ok(()),
        None => manifest::write_first(cluster, &collection, &State::new(generation, identity)).await,
    }
}

#[async_trait]
impl Writer for QdrantWriter {
    async fn claim(&mut self, sources: &[String]) -> Result<(), StoreError> {
        self.session.claim(sources).await
    }

    async fn fingerprints(&mut self, sources: &[String]) -> Result<HashMap<String, ContentHash>, StoreError> {
        if sources.is_empty() {
            return Ok(HashMap::new());
        }
        let conditions = self.of_sources(sources.iter().cloned().collect());
        let points =
            self.all(&conditions, Wanted { payload: &[payload::ID, payload::HASH], vectors: &[] }).await?;
        let fingerprint = |point: &qdrant_client::qdrant::RetrievedPoint| {
            let fields = fields(point);
            let hash = serde_json::from_str(fields.text(payload::HASH)?)
                .map_err(|_| points::damaged(payload::HASH))?;
            Ok((fields.text(payload::ID)?.to_owned(), hash))
        };
        points.iter().map(fingerprint).collect()
    }

    async fn counts(&mut self) -> Result<Counts, StoreError> {
        Ok(self.state.counts)
    }

    async fn sources(&mut self) -> Result<BTreeMap<String, u64>, StoreError> {
        Ok(self.state.sources.iter().map(|(name, counts)| (name.clone(), counts.documents)).collect())
    }

    async fn rename_source(&mut self, from: &str, to: &str) -> Result<u64, StoreError> {
        self.begin()?;
        let result = self.rename(from, to).await;
        self.end(result)
    }

    async fn num_chunks(&mut self, document: &str) -> Result<u64, StoreError> {
        let lengths = self.lengths(DocumentKey::of(document), document).await?;
        Ok(lengths.map_or(0, |lengths| lengths.chunks))
    }

    async fn replace(
        &mut self,
        meta: &DocumentMeta,
        content_hash: ContentHash,
        chunks: &[Chunk],
        vectors: &[Vec<f32>],
    ) -> Result<(), StoreError> {
        check(meta, chunks, vectors, self.identity.model.dimensions)?;
        self.begin()?;
        let result = async {
            let (num_chunks, ingested_at) = (chunks.len() as u32, self.cluster.surroundings().now());
            let record = DocumentRecord { meta: meta.clone(), content_hash, num_chunks, ingested_at };
            let document = prepared(record, chunks.to_vec()).await?;
            self.put(document, &meta.id, vectors).await
        }
        .await;
        self.end(result)
    }

    async fn remove(&mut self, document: &str) -> Result<(), StoreError> {
        self.begin()?;
        let result = self.take_away(document).await;
        self.end(result)
    }

    async fn commit(&mut self) -> Result<Commit, StoreError> {
        self.begin()?;
        let result = self.commit_changes().await;
        self.end(result)
    }

    async fn source_states(&mut self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        self.known_states().await
    }

    async fn set_source_state(
        &mut self,
        source: &str,
        state: Option<&serde_json::Value>,
    ) -> Result<(), StoreError> {
        self.begin()?;
        let claimed = self.session.claim(&[source.to_owned()]).await;
        if claimed.is_ok() {
            self.changes.states.insert(source.to_owned(), state.cloned());
        }
        self.end(claimed)
    }

    async fn run_log(&mut self) -> Result<Option<serde_json::Value>, StoreError> {
        self.session.meta().run_log().await
    }

    async fn set_run_log(&mut self, log: &serde_json::Value) -> Result<(), StoreError> {
        self.session.meta().set_run_log(log).await
    }

    async fn set_calibration(&mut self, calibration: &serde_json::Value) -> Result<(), StoreError> {
        self.session.meta().set_calibration(calibration).await
    }
}

/// Makes the generation before the current one the current one. No writer may be at work.
pub(in crate::store) async fn rollback(address: &QdrantAddress) -> Result<Commit, StoreError> {
    rollback_on(Cluster::new(address)?).await
}

pub(super) async fn rollback_on(cluster: Arc<Cluster>) -> Result<Commit, StoreError> {
    let current = collection::current(&cluster).await?;
    let Some(current) = current else {
        return Err(StoreError::Missing { path: cluster.address().to_string() });
    };
    let meta = Meta::new(cluster.clone());
    meta.create().await?;
    let _session = Session::begin(meta, true).await?;
    let generations = collection::generations(&cluster).await?;
    for generation in generations.into_iter().rev().filter(|&generation| generation != current) {
        let collection = collection::name(&cluster, generation);
        let state = manifest::read(&cluster, &collection).await?;
        // No reader ever opened a generation without a commit.
        let Some(state) = state.filter(|state| state.sequence > 0) else { continue };
        collection::publish(&cluster, generation).await?;
        return Ok(Commit { version: state.version(), generation, warnings: Vec::new() });
    }
    Err(StoreError::NoEarlier {
        address: cluster.address().to_string(),
        advice: "only the last rebuilding leaves the generation before it",
    })
}
