//! A snapshot through a filter. Every method hands its work to a blocking thread: searching computes, and records may
//! have to come from the disk.

use super::{
    guard::undamaged,
    scope::Scope,
    snapshot::{NONE, Snapshot},
};
use crate::store::blocking::blocking;
use crate::{
    analyzer::Term,
    document::{Chunk, DocumentRecord},
    store::{
        error::StoreError,
        keys::{ChunkKey, DocumentKey},
        view::{
            Counts, DocumentSimilarity, Inbound, LexicalMatches, LexicalQuery, Match, RuledDocument, View,
        },
    },
};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

/// See the module's documentation.
#[derive(Clone)]
pub(super) struct EmbeddedView {
    snapshot: Arc<Snapshot>,
    scope: Arc<Scope>,
}

impl EmbeddedView {
    pub fn new(snapshot: Arc<Snapshot>, scope: Arc<Scope>) -> Self {
        Self { snapshot, scope }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Snapshot, &Scope) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Self { snapshot, scope } = self.clone();
        blocking(move || undamaged(&snapshot.paths.index, || work(&snapshot, &scope))).await
    }
}

/// The row of a chunk; an error when the scope does not show it, whoever asks.
fn row_of(snapshot: &Snapshot, scope: &Scope, chunk: ChunkKey) -> Result<u32, StoreError> {
    let row = snapshot.document_number(chunk.document()).and_then(|number| {
        let entry = &snapshot.documents[number as usize];
        (chunk.ordinal() < entry.num_chunks).then(|| entry.first_row + chunk.ordinal())
    });
    row.filter(|&row| scope.rows.contains(row as usize)).ok_or(StoreError::UnknownChunk { chunk })
}

#[async_trait]
impl View for EmbeddedView {
    fn version(&self) -> &str {
        &self.snapshot.version
    }

    fn committed_at(&self) -> Option<SystemTime> {
        self.snapshot.committed_at
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(self.scope.counts)
    }

    async fn search_lexical(
        &self,
        query: &LexicalQuery,
        passages: usize,
        documents: usize,
    ) -> Result<LexicalMatches, StoreError> {
        let query = query.clone();
        self.run(move |snapshot, scope| snapshot.search_lexical(scope, &query, passages, documents)).await
    }

    async fn search_dense(&self, query: &[f32], limit: usize) -> Result<Vec<Match>, StoreError> {
        self.snapshot.manifest.identity.check_query(query)?;
        let query = query.to_vec();
        self.run(move |snapshot, scope| {
            let key = |row: u32| (snapshot.owners[row as usize], row);
            let found = snapshot.vectors.nearest(&query, &scope.rows, limit, key, |(_, row)| row)?;
            Ok(found.into_iter().map(|(score, (_, row))| snapshot.to_match(row, score)).collect())
        })
        .await
    }

    async fn document_similarities(
        &self,
        query: &[f32],
        documents: &[DocumentKey],
    ) -> Result<Vec<Option<DocumentSimilarity>>, StoreError> {
        self.snapshot.manifest.identity.check_query(query)?;
        let (query, documents) = (query.to_vec(), documents.to_vec());
        self.run(move |snapshot, scope| {
            documents.iter().map(|&document| similarity(snapshot, scope, &query, document)).collect()
        })
        .await
    }

    async fn inbound(&self, documents: &[DocumentKey]) -> Result<Vec<Inbound>, StoreError> {
        let number = |&document: &DocumentKey| shown(&self.snapshot, &self.scope, document);
        let inbound = |number: Option<u32>| number.map(|number| self.snapshot.inbound[number as usize]);
        Ok(documents.iter().map(|document| inbound(number(document)).unwrap_or_default()).collect())
    }

    async fn vectors_of(&self, document: DocumentKey) -> Result<Vec<Vec<f32>>, StoreError> {
        self.run(move |snapshot, scope| {
            let Some(number) = shown(snapshot, scope, document) else { return Ok(Vec::new()) };
            let entry = snapshot.documents[number as usize];
            let rows = entry.first_row..entry.first_row + entry.num_chunks;
            rows.map(|row| Ok(snapshot.vectors.row(row as usize)?.into_owned())).collect()
        })
        .await
    }

    async fn terms_of(&self, document: DocumentKey, terms: &[Term]) -> Result<Vec<bool>, StoreError> {
        let terms = terms.to_vec();
        self.run(move |snapshot, scope| match shown(snapshot, scope, document) {
            Some(number) => snapshot.terms_of(number, &terms),
            None => Ok(vec![false; terms.len()]),
        })
        .await
    }

    async fn chunks(&self, keys: &[ChunkKey]) -> Result<Vec<Chunk>, StoreError> {
        let keys = keys.to_vec();
        self.run(move |snapshot, scope| {
            keys.iter().map(|&key| snapshot.chunk(row_of(snapshot, scope, key)?)).collect()
        })
        .await
    }

    async fn chunks_of(&self, document: DocumentKey) -> Result<Vec<(ChunkKey, Chunk)>, StoreError> {
        self.run(move |snapshot, scope| {
            let Some(number) = shown(snapshot, scope, document) else { return Ok(Vec::new()) };
            let entry = snapshot.documents[number as usize];
            let ordinals = 0..entry.num_chunks;
            ordinals
                .map(|ordinal| {
                    Ok((ChunkKey::new(document, ordinal), snapshot.chunk(entry.first_row + ordinal)?))
                })
                .collect()
        })
        .await
    }

    async fn documents(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Arc<DocumentRecord>>>, StoreError> {
        let keys = keys.to_vec();
        self.run(move |snapshot, scope| {
            let record =
                |&key| shown(snapshot, scope, key).map(|number| snapshot.document(number)).transpose();
            keys.iter().map(record).collect()
        })
        .await
    }

    async fn all_documents(&self) -> Result<Vec<Arc<DocumentRecord>>, StoreError> {
        self.run(move |snapshot, scope| {
            let records = scope
                .documents
                .iter()
                .map(|number| Ok(Arc::new(snapshot.stored_document(number as u32)?.record)));
            let mut records = records.collect::<Result<Vec<_>, StoreError>>()?;
            records.sort_unstable_by(|a, b| a.meta.id.cmp(&b.meta.id));
            Ok(records)
        })
        .await
    }

    async fn source_states(&self) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
        self.run(|snapshot, _| snapshot.source_states()).await
    }

    async fn ruled_documents(&self) -> Result<Arc<[RuledDocument]>, StoreError> {
        self.run(|snapshot, scope| scope.ruled(snapshot)).await
    }
}

fn similarity(
    snapshot: &Snapshot,
    scope: &Scope,
    query: &[f32],
    document: DocumentKey,
) -> Result<Option<DocumentSimilarity>, StoreError> {
    let Some(number) = shown(snapshot, scope, document) else { return Ok(None) };
    let entry = snapshot.documents[number as usize];
    let (mut best, mut best_ordinal, mut sum) = (f32::MIN, 0, 0.0);
    for ordinal in 0..entry.num_chunks {
        let cosine = snapshot.vectors.similarity((entry.first_row + ordinal) as usize, query)?;
        sum += cosine;
        if cosine > best {
            (best, best_ordinal) = (cosine, ordinal);
        }
    }
    // If vectors nearly cancel each other out, only rounding errors are left of both.
    let centroid = (sum / snapshot.centroid_length(number)?.max(f32::MIN_POSITIVE)).clamp(-1.0, 1.0);
    let best_passage = ChunkKey::new(document, best_ordinal);
    Ok((entry.num_chunks > 0).then_some(DocumentSimilarity { best_passage, best, centroid }))
}

/// The number of a document that the scope shows.
fn shown(snapshot: &Snapshot, scope: &Scope, document: DocumentKey) -> Option<u32> {
    let number = snapshot.document_number(document).unwrap_or(NONE);
    scope.documents.contains(number as usize).then_some(number)
}
