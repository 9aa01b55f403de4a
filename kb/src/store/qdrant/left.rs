//! A change that an earlier writer has left without a commit: killed, stopped or failed. The next writer of the same
//! sources goes on with it under its number, so that a document that was stored whole is not stored again.
//!
//! The ids of the points tell which chunks there are; a document's point carries a digest of everything that was given
//! for it. A document of which anything is missing or different is removed and stored anew, and one that the run does
//! not bring any more is removed before the commit.

use super::{
    client::Cluster,
    points::{Sort, document_of, fields, is_any, is_key, is_sort, payload},
    requests::{self, Wanted},
};
use crate::store::{error::StoreError, keys::DocumentKey, prepared::PreparedDocument};
use qdrant_client::qdrant::Filter as Conditions;
use std::collections::HashMap;

/// Documents that are removed with one request.
const DOCUMENTS_AT_ONCE: usize = 512;

/// The documents of a change that was left, as far as nothing was decided about them yet.
#[derive(Default)]
pub(super) struct Left {
    documents: HashMap<DocumentKey, Stored>,
}

/// The parts of a document that are stored.
#[derive(Default)]
struct Stored {
    /// The digest in the document's own point; `None` where that point is missing.
    digest: Option<String>,
    chunks: usize,
    links: usize,
}

/// How a document that is to be stored compares with the one that was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// No point of the document was left.
    Absent,
    /// All points of the document are stored, and their content is the same.
    Same,
    /// The stored document is another version, or not all of its points were stored.
    Different,
}

/// A digest of everything that is stored for a document, except for the time of ingestion: BLAKE3, 64 hexadecimal
/// digits.
pub(super) fn digest(document: &PreparedDocument, vectors: &[Vec<f32>]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    let record = (&document.record.meta, &document.record.content_hash);
    part(&serde_json::to_vec(&record).expect("a record can be written as JSON"));
    for (chunk, vector) in document.chunks.iter().zip(vectors) {
        part(&chunk.stored);
        let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        part(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

impl Left {
    /// Reads which points the change `number` has stored.
    pub async fn read(cluster: &Cluster, collection: &str, number: u64) -> Result<Self, StoreError> {
        let mut documents: HashMap<DocumentKey, Stored> = HashMap::new();
        let of = |sort: Sort| Conditions::must([is_sort(sort), is_any(payload::FROM, vec![number as i64])]);
        let wanted = Wanted { payload: &[payload::DIGEST], vectors: &[] };
        let (of_documents, of_chunks, of_links) = (of(Sort::Document), of(Sort::Chunk), of(Sort::Link));
        let mut pages = requests::Pages::new(cluster, collection, &of_documents, wanted);
        while let Some(points) = pages.next().await? {
            for point in points {
                let Some(key) = document_of(point.id.as_ref()) else { continue };
                documents.entry(key).or_default().digest =
                    fields(&point).text(payload::DIGEST).ok().map(str::to_owned);
            }
        }
        let mut pages = requests::Pages::new(cluster, collection, &of_chunks, Wanted::default());
        while let Some(points) = pages.next().await? {
            for key in points.iter().filter_map(|point| document_of(point.id.as_ref())) {
                documents.entry(key).or_default().chunks += 1;
            }
        }
        let wanted = Wanted { payload: &[payload::KEY], vectors: &[] };
        let mut pages = requests::Pages::new(cluster, collection, &of_links, wanted);
        while let Some(points) = pages.next().await? {
            for point in points {
                documents.entry(fields(&point).key(payload::KEY)?).or_default().links += 1;
            }
        }
        Ok(Self { documents })
    }

    pub fn num_documents(&self) -> usize {
        self.documents.len()
    }

    /// Compares a document with the one that was left, of which the caller takes care from now on.
    pub fn take(&mut self, document: &PreparedDocument, digest: &str) -> Comparison {
        let Some(stored) = self.documents.remove(&document.key) else { return Comparison::Absent };
        let is_whole = stored.digest.as_deref() == Some(digest)
            && stored.chunks == document.chunks.len()
            && stored.links == document.links.len();
        if is_whole { Comparison::Same } else { Comparison::Different }
    }

    /// Removes the documents that were not compared with anything.
    pub async fn discard(
        &mut self,
        cluster: &Cluster,
        collection: &str,
        number: u64,
    ) -> Result<(), StoreError> {
        let mut keys: Vec<DocumentKey> = self.documents.keys().copied().collect();
        keys.sort_unstable();
        for keys in keys.chunks(DOCUMENTS_AT_ONCE) {
            remove(cluster, collection, keys, number).await?;
        }
        self.documents.clear();
        Ok(())
    }
}

/// Removes everything that the change `number` has stored of documents.
pub(super) async fn remove(
    cluster: &Cluster,
    collection: &str,
    documents: &[DocumentKey],
    number: u64,
) -> Result<(), StoreError> {
    let written = Conditions::must([
        is_key(payload::KEY, documents.iter().copied()),
        is_any(payload::FROM, vec![number as i64]),
    ]);
    requests::delete(cluster, collection, &written).await
}
