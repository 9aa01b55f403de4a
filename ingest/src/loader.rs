//! Writes documents: cuts them, embeds the passages that have no vector yet, stores them. Readers see no change before
//! the writer commits.

use crate::{
    blocking::blocking,
    chunk::{Chunker, SplitDocument},
    error::IngestError,
    formats::Document,
    report::ChunkCounts,
    sources::SyncState,
};
use kb::{
    document::{ContentHash, passage},
    embed::{Embedder, EmbedderSettings, EmbeddingCache, TokenCounter},
    store::{ModelIdentity, Writer, embedding_key},
};
use rayon::prelude::*;
use std::{collections::HashMap, sync::Arc};

/// Passages handed to the model at once: enough to sort by length, few enough to lose little when interrupted.
const PASSAGES_AT_ONCE: usize = 512;

/// Writes documents through a [`Writer`]. The embedding model is loaded when the first passage needs it.
pub struct Loader<'w> {
    writer: &'w mut dyn Writer,
    cache: EmbeddingCache,
    settings: EmbedderSettings,
    identity: ModelIdentity,
    counter: Option<Arc<dyn TokenCounter>>,
    embedder: Option<Embedder>,
    counts: ChunkCounts,
}

impl<'w> Loader<'w> {
    /// A loader for a writer that was opened with this model's identity. Vectors are looked for in `cache` first.
    pub fn new(
        writer: &'w mut dyn Writer,
        cache: EmbeddingCache,
        settings: EmbedderSettings,
        identity: ModelIdentity,
    ) -> Self {
        Self {
            writer,
            cache,
            settings,
            identity,
            counter: None,
            embedder: None,
            counts: ChunkCounts::default(),
        }
    }

    /// Replaces documents. Returns the ids of those without any text to store: they are removed instead.
    ///
    /// Memory grows with the documents handed over at once; a few megabytes of text are a good batch.
    pub async fn store(&mut self, documents: Vec<Document>) -> Result<Vec<String>, IngestError> {
        let counter = self.token_counter().await?;
        let max_tokens = self.identity.max_tokens;
        let identity = self.identity.clone();
        let split = blocking(move || {
            let chunker = Chunker::new(counter.as_ref(), max_tokens);
            documents
                .into_par_iter()
                .map(|document| Cut::of(document, &chunker, &identity))
                .collect::<Vec<Cut>>()
        })
        .await?;
        let vectors = self.vectors(&split).await?;
        let mut empty = Vec::new();
        for cut in split {
            let id = &cut.document.meta.id;
            self.counts.removed += self.writer.num_chunks(id).await?;
            if cut.split.chunks.is_empty() {
                self.writer.remove(id).await?;
                empty.push(id.clone());
                continue;
            }
            let vectors: Vec<Vec<f32>> =
                cut.keys.iter().filter_map(|key| vectors.get(key).cloned()).collect();
            let mut meta = cut.document.meta;
            meta.title = cut.split.title;
            self.writer.replace(&meta, cut.document.content_hash, &cut.split.chunks, &vectors).await?;
            self.counts.written += cut.split.chunks.len() as u64;
        }
        Ok(empty)
    }

    /// Removes a document with its chunks; one that is not stored is no error.
    pub async fn remove(&mut self, id: &str) -> Result<(), IngestError> {
        self.counts.removed += self.writer.num_chunks(id).await?;
        Ok(self.writer.remove(id).await?)
    }

    /// Keeps the state of a source with the documents of the next commit.
    pub(crate) async fn keep_state(&mut self, source: &str, state: &SyncState) -> Result<(), IngestError> {
        let value = serde_json::to_value(state).expect("a state has only string keys");
        Ok(self.writer.set_source_state(source, Some(&value)).await?)
    }

    /// Makes the changes so far visible, with the state of the source that it came from.
    pub(crate) async fn checkpoint(&mut self, source: &str, state: &SyncState) -> Result<(), IngestError> {
        self.keep_state(source, state).await?;
        self.writer.commit().await?;
        Ok(())
    }

    /// The changes so far, in chunks.
    pub fn counts(&self) -> ChunkCounts {
        self.counts
    }

    /// The vector of every passage, from the cache or the model.
    async fn vectors(&mut self, split: &[Cut]) -> Result<HashMap<ContentHash, Vec<f32>>, IngestError> {
        let mut passages: HashMap<ContentHash, (usize, usize)> = HashMap::new();
        let mut keys = Vec::new();
        for (document, cut) in split.iter().enumerate() {
            for (chunk, key) in cut.keys.iter().enumerate() {
                if passages.insert(*key, (document, chunk)).is_none() {
                    keys.push(*key);
                }
            }
        }
        let cached = self.cache.get(&keys).await;
        let mut vectors: HashMap<ContentHash, Vec<f32>> = HashMap::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (key, vector) in keys.into_iter().zip(cached) {
            match vector {
                Some(vector) => drop(vectors.insert(key, vector)),
                None => missing.push(key),
            }
        }
        for keys in missing.chunks(PASSAGES_AT_ONCE) {
            let texts = keys
                .iter()
                .filter_map(|key| passages.get(key))
                .map(|&(document, chunk)| split[document].passage(chunk));
            let embedded = self.embedder().await?.embed_passages(texts.collect()).await?;
            let entries: Vec<(ContentHash, Vec<f32>)> = keys.iter().copied().zip(embedded).collect();
            self.cache.insert(&entries).await;
            self.counts.embedded += entries.len() as u64;
            vectors.extend(entries);
        }
        Ok(vectors)
    }

    async fn token_counter(&mut self) -> Result<Arc<dyn TokenCounter>, IngestError> {
        if let Some(counter) = &self.counter {
            return Ok(counter.clone());
        }
        let settings = self.settings.clone();
        let counter = blocking(move || settings.token_counter()).await??;
        Ok(self.counter.insert(counter).clone())
    }

    async fn embedder(&mut self) -> Result<Embedder, IngestError> {
        if let Some(embedder) = &self.embedder {
            return Ok(embedder.clone());
        }
        let settings = self.settings.clone();
        let embedder = blocking(move || settings.start()).await??;
        Ok(self.embedder.insert(embedder).clone())
    }
}

/// A document with its chunks and their keys in the embedding cache.
struct Cut {
    document: Document,
    split: SplitDocument,
    keys: Vec<ContentHash>,
}

impl Cut {
    fn of(document: Document, chunker: &Chunker<'_>, identity: &ModelIdentity) -> Self {
        let split = chunker.split(&document);
        let mut cut = Self { document, split, keys: Vec::new() };
        cut.keys =
            (0..cut.split.chunks.len()).map(|chunk| embedding_key(identity, &cut.passage(chunk))).collect();
        cut
    }

    fn passage(&self, chunk: usize) -> String {
        let chunk = &self.split.chunks[chunk];
        passage(&self.split.title, &chunk.heading_path, &chunk.text)
    }
}
