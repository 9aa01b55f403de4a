//! A `corpus.jsonl` as a source: each line is an item, and its document keeps the id that the line gives.

use crate::datasets::{self, CorpusDocument};
use async_trait::async_trait;
use ingest::{
    formats::{Document, Parsed, Syntax},
    sources::{Item, Listing, Reader, Reading, Source, SourceError, SyncState},
};
use kb::{
    causes::with_causes,
    document::{DocumentMeta, Kind},
    mapped::MappedText,
};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of the source; the ids of its documents do not begin with it.
pub(crate) const NAME: &str = "corpus";

/// The documents of one `corpus.jsonl`.
pub(crate) struct CorpusSource {
    path: PathBuf,
}

impl CorpusSource {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

#[async_trait]
impl Source for CorpusSource {
    fn name(&self) -> &str {
        NAME
    }

    async fn list(&self, _before: &SyncState) -> Result<Listing, SourceError> {
        let path = self.path.clone();
        let list = move || {
            let mut items = Vec::new();
            datasets::read_corpus(&path, |_, place| {
                let bytes = place.end - place.start;
                items.push(Item { key: place.start.to_string(), version: None, bytes });
            })?;
            Ok(items)
        };
        let listed = tokio::task::spawn_blocking(list).await;
        let items = listed.map_err(|error| SourceError::failed(NAME, error.to_string()))?;
        let items =
            items.map_err(|error: crate::error::EvalError| SourceError::failed(NAME, with_causes(&error)))?;
        Ok(Listing::new(items, Arc::new(Lines { path: self.path.clone() })))
    }
}

/// Reads single lines of the file; an item's key is where its line begins.
struct Lines {
    path: PathBuf,
}

#[async_trait]
impl Reader for Lines {
    fn is_cheap(&self) -> bool {
        true
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let (path, owned) = (self.path.clone(), items.to_vec());
        let read = move || owned.iter().map(|item| reading(&path, item)).collect::<Vec<_>>();
        match tokio::task::spawn_blocking(read).await {
            Ok(readings) => readings,
            Err(error) => items.iter().map(|item| Reading::unknown(&item.key, error.to_string())).collect(),
        }
    }
}

fn reading(path: &Path, item: &Item) -> Reading {
    let shown = format!("{}@{}", path.display(), item.key);
    match line_at(path, item).map(|line| serde_json::from_slice::<CorpusDocument>(&line)) {
        Ok(Ok(CorpusDocument { id, title, text })) => {
            let meta = DocumentMeta::new(id, NAME, title.trim(), Kind::Docs);
            let document = Document::new(meta, MappedText::new(text), Syntax::Plain);
            Reading { parsed: Parsed::of(document), shown, ..Reading::default() }
        }
        Ok(Err(error)) => Reading::unknown(&shown, error.to_string()),
        Err(error) => Reading::unknown(&shown, error.to_string()),
    }
}

fn line_at(path: &Path, item: &Item) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(item.key.parse().map_err(io::Error::other)?))?;
    let mut line = Vec::new();
    file.take(item.bytes).read_to_end(&mut line)?;
    Ok(line)
}
