//! The keys of documents, chunks and vectors, the same in every engine.

use crate::{document::ContentHash, embed::ModelIdentity};

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

/// The key of a passage in the embedding cache: a hash of all on which its vector depends.
pub fn embedding_key(model: &ModelIdentity, text: &str) -> ContentHash {
    ContentHash::of(&[
        model.name.as_bytes(),
        model.hash.as_bytes(),
        model.passage_prefix.as_bytes(),
        text.as_bytes(),
    ])
}
