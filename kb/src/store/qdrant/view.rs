//! One state of one generation through one filter. Every request carries the conditions that show this state, so
//! writers do not change the results.

use super::{
    client::{Cluster, Mode},
    kept::Kept,
    lexical::nearest,
    manifest::State,
    numbers::{DocumentNumbers, OF_NUMBERS},
    points::{self, DENSE, Fields, PASSAGE, Sort, fields, has_any, is_key, is_sort, payload},
    requests::{Wanted, all},
};
use crate::{
    analyzer::Term,
    document::{Chunk, DocumentRecord},
    store::{
        error::StoreError,
        filter::Filter,
        filter::HAS_RULES,
        keys::{ChunkKey, DocumentKey},
        prepared::StoredDocument,
        view::{
            Counts, DocumentSimilarity, Inbound, LexicalMatches, LexicalQuery, Match, RuledDocument, View,
        },
    },
};
use async_trait::async_trait;
use qdrant_client::qdrant::{
    CountPoints, DenseVector, Filter as Conditions, QueryPoints, RetrievedPoint, ScoredPoint, SearchParams,
    VectorInput, VectorsSelector, WithVectorsSelector, vector_input, with_vectors_selector,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::SystemTime,
};

/// Documents whose chunks are asked for at a time.
const DOCUMENTS_AT_ONCE: usize = 128;

/// Points beyond those asked for, of which some may be as near as the last.
const SPARE: usize = 16;
const MAX_TIED: usize = 8_192;

/// One state through one filter.
pub(super) struct QdrantView {
    cluster: Arc<Cluster>,
    collection: String,
    state: Arc<State>,
    version: String,
    filter: Filter,
    conditions: Conditions,
    kept: Arc<Kept>,
    /// Held while numbers of documents are fetched, so that searches side by side do not fetch the same.
    fetching: tokio::sync::Mutex<()>,
}

impl QdrantView {
    pub fn new(
        cluster: Arc<Cluster>,
        collection: String,
        state: Arc<State>,
        filter: &Filter,
        kept: Arc<Kept>,
    ) -> Self {
        let conditions = points::shown(filter, &state.visible);
        let version = state.version();
        Self {
            cluster,
            collection,
            state,
            version,
            filter: filter.clone(),
            conditions,
            kept,
            fetching: tokio::sync::Mutex::default(),
        }
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub fn collection(&self) -> &str {
        &self.collection
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    pub fn shows_everything(&self) -> bool {
        self.filter.is_everything()
    }

    /// The points that the view shows, of those that satisfy one condition more.
    fn shown(&self, condition: qdrant_client::qdrant::Condition) -> Conditions {
        let mut conditions = self.conditions.clone();
        conditions.must.push(condition);
        conditions
    }

    /// A search along one vector, which comes with each point where `with_vector` says so.
    pub fn query(&self, using: &str, vector: VectorInput, limit: usize, with_vector: bool) -> QueryPoints {
        let vectors = VectorsSelector { names: vec![using.to_owned()] };
        let with_vectors = match with_vector {
            true => with_vectors_selector::SelectorOptions::Include(vectors),
            false => with_vectors_selector::SelectorOptions::Enable(false),
        };
        QueryPoints {
            collection_name: self.collection.clone(),
            query: Some(nearest(vector)),
            using: Some(using.to_owned()),
            filter: Some(self.conditions.clone()),
            limit: Some(limit as u64),
            with_payload: Some(Wanted::default().payload_selector()),
            with_vectors: Some(WithVectorsSelector { selector_options: Some(with_vectors) }),
            ..QueryPoints::default()
        }
    }

    pub async fn search(&self, request: QueryPoints) -> Result<Vec<ScoredPoint>, StoreError> {
        let action = match request.using() {
            DENSE => "search the vectors of",
            PASSAGE => "search the passages of",
            _ => "search the fields of",
        };
        let search = |server: qdrant_client::Qdrant| {
            let request = request.clone();
            async move { server.query(request).await }
        };
        Ok(self.cluster.call(Mode::Read, action, search).await?.result)
    }

    /// The points of documents that the view shows, by their keys.
    async fn document_points(
        &self,
        keys: &[DocumentKey],
        wanted: Wanted,
    ) -> Result<HashMap<DocumentKey, RetrievedPoint>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(DOCUMENTS_AT_ONCE * 4) {
            let mut conditions = self.shown(is_sort(Sort::Document));
            conditions.must.push(is_key(payload::KEY, keys.iter().copied()));
            for point in all(&self.cluster, &self.collection, &conditions, wanted).await? {
                found.extend(points::document_of(point.id.as_ref()).map(|key| (key, point)));
            }
        }
        Ok(found)
    }

    /// The numbers of the documents that the view shows, by their keys.
    pub async fn numbers_of(
        &self,
        documents: &[DocumentKey],
    ) -> Result<HashMap<DocumentKey, DocumentNumbers>, StoreError> {
        let _fetching = self.fetching.lock().await;
        let mut numbers = self.kept.numbers(&self.filter, &self.version, documents);
        let unknown: Vec<DocumentKey> =
            documents.iter().filter(|document| !numbers.contains_key(document)).copied().collect();
        if !unknown.is_empty() {
            let wanted = Wanted { payload: OF_NUMBERS, vectors: &[] };
            let points = self.document_points(&unknown, wanted).await?;
            let fetched = unknown.into_iter().map(|document| {
                let of = |point| DocumentNumbers::of(&fields(point), &self.state);
                Ok((document, points.get(&document).map(of).transpose()?))
            });
            let fetched = fetched.collect::<Result<HashMap<_, _>, StoreError>>()?;
            self.kept.keep_numbers(&self.filter, &self.version, &fetched);
            numbers.extend(fetched);
        }
        Ok(numbers.into_iter().filter_map(|(document, numbers)| Some((document, numbers?))).collect())
    }

    /// The points of all chunks of documents that the view shows.
    pub async fn chunk_points(
        &self,
        keys: &[DocumentKey],
        wanted: Wanted,
    ) -> Result<Vec<RetrievedPoint>, StoreError> {
        let mut found = Vec::new();
        for keys in keys.chunks(DOCUMENTS_AT_ONCE) {
            let mut conditions = self.shown(is_sort(Sort::Chunk));
            conditions.must.push(is_key(payload::KEY, keys.iter().copied()));
            found.extend(all(&self.cluster, &self.collection, &conditions, wanted).await?);
        }
        Ok(found)
    }

    async fn count(&self, sort: Sort) -> Result<u64, StoreError> {
        let conditions = self.shown(is_sort(sort));
        let counted = self
            .cluster
            .call(Mode::Read, "count records of", |server| {
                let request = CountPoints {
                    collection_name: self.collection.clone(),
                    filter: Some(conditions.clone()),
                    exact: Some(true),
                    ..CountPoints::default()
                };
                async move { server.count(request).await }
            })
            .await?;
        Ok(counted.result.map(|result| result.count).unwrap_or_default())
    }

    fn check_dimensions(&self, query: &[f32]) -> Result<(), StoreError> {
        self.state.manifest.identity.check_query(query)
    }

    /// The nearest chunks among those that a filter finds, by their true cosine.
    async fn nearest(
        &self,
        query: &[f32],
        conditions: &Conditions,
        limit: usize,
        params: SearchParams,
    ) -> Result<Vec<Match>, StoreError> {
        let mut asked = limit + SPARE;
        loop {
            let vector = vector_input::Variant::Dense(DenseVector { data: query.to_vec() });
            let request = QueryPoints {
                filter: Some(conditions.clone()),
                params: Some(params.clone()),
                ..self.query(DENSE, VectorInput { variant: Some(vector) }, asked, false)
            };
            let points = self.search(request).await?;
            let last = points.last().map(|point| point.score);
            let is_cut = points.len() >= asked && asked < MAX_TIED;
            // Among hits as near as the last one, the smallest keys stay.
            if is_cut && points.get(limit.saturating_sub(1)).map(|point| point.score) == last {
                asked = (asked * 4).min(MAX_TIED);
                continue;
            }
            let found = points.iter().filter_map(|point| {
                let chunk = points::chunk_of(point.id.as_ref())?;
                Some(Match { chunk, document: chunk.document(), score: point.score })
            });
            let mut found: Vec<Match> = found.collect();
            found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
            found.truncate(limit);
            return Ok(found);
        }
    }
}

/// The order of the chunks of documents.
fn in_order(points: &mut [RetrievedPoint]) {
    points.sort_by_key(|point| points::chunk_of(point.id.as_ref()));
}

const EXACTLY: SearchParams = SearchParams {
    hnsw_ef: None,
    exact: Some(true),
    quantization: None,
    indexed_only: None,
    acorn: None,
    idf: None,
};

#[async_trait]
impl View for QdrantView {
    fn version(&self) -> &str {
        &self.version
    }

    fn committed_at(&self) -> Option<SystemTime> {
        self.state.committed_at.map(SystemTime::from)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        if self.shows_everything() {
            return Ok(self.state.counts);
        }
        if let Some(counts) = self.kept.of(&self.filter, &self.version).counts {
            return Ok(counts);
        }
        let (documents, chunks) = tokio::try_join!(self.count(Sort::Document), self.count(Sort::Chunk))?;
        let counts = Counts { documents, chunks };
        self.kept.keep(&self.filter, &self.version, |kept| kept.counts = Some(counts));
        Ok(counts)
    }

    async fn search_lexical(
        &self,
        query: &LexicalQuery,
        passages: usize,
        documents: usize,
    ) -> Result<LexicalMatches, StoreError> {
        self.lexical(query, passages, documents).await
    }

    async fn search_dense(&self, query: &[f32], limit: usize) -> Result<Vec<Match>, StoreError> {
        self.check_dimensions(query)?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let settings = self.cluster.address().settings();
        let params = match settings.exact {
            true => EXACTLY,
            false => SearchParams {
                hnsw_ef: Some(settings.ef.max(limit as u64)),
                quantization: settings.quantization.search_params(),
                ..SearchParams::default()
            },
        };
        self.nearest(query, &self.conditions, limit, params).await
    }

    async fn document_similarities(
        &self,
        query: &[f32],
        documents: &[DocumentKey],
    ) -> Result<Vec<Option<DocumentSimilarity>>, StoreError> {
        self.check_dimensions(query)?;
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = self.numbers_of(documents).await?;
        let mut near: HashMap<DocumentKey, (Match, f32)> = HashMap::new();
        let mut keys: Vec<DocumentKey> = numbers.keys().copied().collect();
        keys.sort_unstable();
        for keys in keys.chunks(DOCUMENTS_AT_ONCE * 4) {
            let chunks: u64 = keys.iter().map(|key| numbers[key].chunks).sum();
            if chunks == 0 {
                continue;
            }
            let conditions = self.shown(is_key(payload::KEY, keys.iter().copied()));
            for found in self.nearest(query, &conditions, chunks as usize, EXACTLY).await? {
                let entry = near.entry(found.document).or_insert((found, 0.0));
                entry.1 += found.score;
            }
        }
        let similarity = |document: &DocumentKey| {
            let (best, sum) = near.get(document)?;
            // Where vectors nearly cancel each other out, rounding is all that is left of both.
            let length = numbers.get(document)?.centroid.max(f32::MIN_POSITIVE);
            let centroid = (sum / length).clamp(-1.0, 1.0);
            Some(DocumentSimilarity { best_passage: best.chunk, best: best.score, centroid })
        };
        Ok(documents.iter().map(similarity).collect())
    }

    async fn inbound(&self, documents: &[DocumentKey]) -> Result<Vec<Inbound>, StoreError> {
        let numbers = self.numbers_of(documents).await?;
        let inbound = |document: &DocumentKey| {
            let numbers = numbers.get(document);
            numbers.map(|numbers| Inbound { linking: numbers.linking, coverage: numbers.coverage })
        };
        Ok(documents.iter().map(|document| inbound(document).unwrap_or_default()).collect())
    }

    async fn vectors_of(&self, document: DocumentKey) -> Result<Vec<Vec<f32>>, StoreError> {
        let mut points = self.chunk_points(&[document], Wanted { payload: &[], vectors: &[DENSE] }).await?;
        in_order(&mut points);
        let vector = |point: &RetrievedPoint| {
            points::dense_of(point.vectors.as_ref()).ok_or_else(|| points::damaged(DENSE))
        };
        points.iter().map(vector).collect()
    }

    async fn terms_of(&self, document: DocumentKey, terms: &[Term]) -> Result<Vec<bool>, StoreError> {
        self.terms_in(document, terms).await
    }

    async fn chunks(&self, keys: &[ChunkKey]) -> Result<Vec<Chunk>, StoreError> {
        let mut ordinals: BTreeMap<DocumentKey, Vec<i64>> = BTreeMap::new();
        for key in keys {
            ordinals.entry(key.document()).or_default().push(i64::from(key.ordinal()));
        }
        let mut found: HashMap<ChunkKey, Chunk> = HashMap::with_capacity(keys.len());
        let ordinals: Vec<(DocumentKey, Vec<i64>)> = ordinals.into_iter().collect();
        for some in ordinals.chunks(DOCUMENTS_AT_ONCE) {
            let of_document = |(document, ordinals): &(DocumentKey, Vec<i64>)| {
                points::nested(Conditions::must([
                    is_key(payload::KEY, [*document]),
                    points::is_any(payload::ORDINAL, ordinals.clone()),
                ]))
            };
            let mut conditions = self.shown(is_sort(Sort::Chunk));
            conditions.must.push(points::nested(Conditions::should(some.iter().map(of_document))));
            let wanted = Wanted { payload: &[payload::STORED], vectors: &[] };
            for point in all(&self.cluster, &self.collection, &conditions, wanted).await? {
                if let Some(key) = points::chunk_of(point.id.as_ref()) {
                    found.insert(key, fields(&point).stored()?);
                }
            }
        }
        let chunk = |&chunk: &ChunkKey| found.get(&chunk).cloned().ok_or(StoreError::UnknownChunk { chunk });
        keys.iter().map(chunk).collect()
    }

    async fn chunks_of(&self, document: DocumentKey) -> Result<Vec<(ChunkKey, Chunk)>, StoreError> {
        let wanted = Wanted { payload: &[payload::STORED], vectors: &[] };
        let mut points = self.chunk_points(&[document], wanted).await?;
        in_order(&mut points);
        let chunk = |point: &RetrievedPoint| {
            let key = points::chunk_of(point.id.as_ref()).ok_or_else(|| points::damaged("id"))?;
            Ok((key, fields(point).stored()?))
        };
        points.iter().map(chunk).collect()
    }

    async fn documents(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Arc<DocumentRecord>>>, StoreError> {
        let wanted = Wanted { payload: &[payload::STORED], vectors: &[] };
        let records = self.document_points(keys, wanted).await?;
        let record = |key: &DocumentKey| records.get(key).map(record_of).transpose();
        keys.iter().map(record).collect()
    }

    async fn all_documents(&self) -> Result<Vec<Arc<DocumentRecord>>, StoreError> {
        let wanted = Wanted { payload: &[payload::STORED], vectors: &[] };
        let points =
            all(&self.cluster, &self.collection, &self.shown(is_sort(Sort::Document)), wanted).await?;
        let mut records = points.iter().map(record_of).collect::<Result<Vec<_>, StoreError>>()?;
        records.sort_unstable_by(|a, b| a.meta.id.cmp(&b.meta.id));
        Ok(records)
    }

    async fn source_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        super::states::read(&self.cluster, &self.collection, &self.state.visible).await
    }

    async fn ruled_documents(&self) -> Result<Arc<[RuledDocument]>, StoreError> {
        if let Some(ruled) = self.kept.of(&self.filter, &self.version).ruled {
            return Ok(ruled);
        }
        let mut conditions = self.shown(is_sort(Sort::Document));
        conditions.must.push(has_any(payload::FILTER, vec![HAS_RULES.to_owned()]));
        let wanted = Wanted { payload: &[payload::STORED], vectors: &[] };
        let mut ruled = Vec::new();
        for point in all(&self.cluster, &self.collection, &conditions, wanted).await? {
            let record = record_of(&point)?;
            ruled.push(RuledDocument {
                document: record.meta.id.clone(),
                rules: record.meta.applies_to.clone(),
            });
        }
        ruled.sort_unstable_by(|a, b| a.document.cmp(&b.document));
        let ruled: Arc<[RuledDocument]> = ruled.into();
        self.kept.keep(&self.filter, &self.version, |kept| kept.ruled = Some(ruled.clone()));
        Ok(ruled)
    }
}

fn record_of(point: &RetrievedPoint) -> Result<Arc<DocumentRecord>, StoreError> {
    let fields: Fields<'_> = fields(point);
    let StoredDocument { record, .. } = fields.stored()?;
    Ok(Arc::new(record))
}
