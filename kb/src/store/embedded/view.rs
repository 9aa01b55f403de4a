//! A snapshot through a filter. Every method hands its work to a blocking thread: searching computes, and records may
//! have to come from the disk.

use super::{
    guard::undamaged,
    selection::Selection,
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
    selection: Arc<Selection>,
}

impl EmbeddedView {
    pub fn new(snapshot: Arc<Snapshot>, selection: Arc<Selection>) -> Self {
        Self { snapshot, selection }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Snapshot, &Selection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Self { snapshot, selection } = self.clone();
        blocking(move || undamaged(&snapshot.paths.index, || work(&snapshot, &selection))).await
    }
}

/// The row of a chunk; [`StoreError::UnknownChunk`] if the selection does not show the chunk.
fn row_of(snapshot: &Snapshot, selection: &Selection, chunk: ChunkKey) -> Result<u32, StoreError> {
    let row = snapshot.document_number(chunk.document()).and_then(|number| {
        let entry = &snapshot.documents[number as usize];
        (chunk.ordinal() < entry.num_chunks).then(|| entry.first_row + chunk.ordinal())
    });
    row.filter(|&row| selection.rows.contains(row as usize)).ok_or(StoreError::UnknownChunk { chunk })
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
        Ok(self.selection.counts)
    }

    async fn search_lexical(
        &self,
        query: &LexicalQuery,
        passages: usize,
        documents: usize,
    ) -> Result<LexicalMatches, StoreError> {
        let query = query.clone();
        self.run(move |snapshot, selection| snapshot.search_lexical(selection, &query, passages, documents))
            .await
    }

    async fn search_dense(&self, query: &[f32], limit: usize) -> Result<Vec<Match>, StoreError> {
        self.snapshot.manifest.identity.check_query(query)?;
        let query = query.to_vec();
        self.run(move |snapshot, selection| {
            let key = |row: u32| (snapshot.owners[row as usize], row);
            let found = snapshot.vectors.nearest(&query, &selection.rows, limit, key, |(_, row)| row)?;
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
        self.run(move |snapshot, selection| {
            documents.iter().map(|&document| similarity(snapshot, selection, &query, document)).collect()
        })
        .await
    }

    async fn inbound(&self, documents: &[DocumentKey]) -> Result<Vec<Inbound>, StoreError> {
        let number = |&document: &DocumentKey| shown_document(&self.snapshot, &self.selection, document);
        let inbound = |number: Option<u32>| number.map(|number| self.snapshot.inbound[number as usize]);
        Ok(documents.iter().map(|document| inbound(number(document)).unwrap_or_default()).collect())
    }

    async fn vectors_of(&self, document: DocumentKey) -> Result<Vec<Vec<f32>>, StoreError> {
        self.run(move |snapshot, selection| {
            let Some(number) = shown_document(snapshot, selection, document) else { return Ok(Vec::new()) };
            let entry = snapshot.documents[number as usize];
            let rows = entry.first_row..entry.first_row + entry.num_chunks;
            rows.map(|row| Ok(snapshot.vectors.row(row as usize)?.into_owned())).collect()
        })
        .await
    }

    async fn terms_of(&self, document: DocumentKey, terms: &[Term]) -> Result<Vec<bool>, StoreError> {
        let terms = terms.to_vec();
        self.run(move |snapshot, selection| match shown_document(snapshot, selection, document) {
            Some(number) => snapshot.terms_of(number, &terms),
            None => Ok(vec![false; terms.len()]),
        })
        .await
    }

    async fn chunks(&self, keys: &[ChunkKey]) -> Result<Vec<Chunk>, StoreError> {
        let keys = keys.to_vec();
        self.run(move |snapshot, selection| {
            keys.iter().map(|&key| snapshot.chunk(row_of(snapshot, selection, key)?)).collect()
        })
        .await
    }

    async fn chunks_of(&self, document: DocumentKey) -> Result<Vec<(ChunkKey, Chunk)>, StoreError> {
        self.run(move |snapshot, selection| {
            let Some(number) = shown_document(snapshot, selection, document) else { return Ok(Vec::new()) };
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
        self.run(move |snapshot, selection| {
            let record = |&key| {
                shown_document(snapshot, selection, key).map(|number| snapshot.document(number)).transpose()
            };
            keys.iter().map(record).collect()
        })
        .await
    }

    async fn all_documents(&self) -> Result<Vec<Arc<DocumentRecord>>, StoreError> {
        self.run(move |snapshot, selection| {
            let records = selection
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
        self.run(|snapshot, selection| selection.ruled(snapshot)).await
    }
}

fn similarity(
    snapshot: &Snapshot,
    selection: &Selection,
    query: &[f32],
    document: DocumentKey,
) -> Result<Option<DocumentSimilarity>, StoreError> {
    let Some(number) = shown_document(snapshot, selection, document) else { return Ok(None) };
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

/// The number of a document that the selection shows.
fn shown_document(snapshot: &Snapshot, selection: &Selection, document: DocumentKey) -> Option<u32> {
    let number = snapshot.document_number(document).unwrap_or(NONE);
    selection.documents.contains(number as usize).then_some(number)
}
