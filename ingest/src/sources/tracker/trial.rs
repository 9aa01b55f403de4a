//! Reads a source without a knowledge base, for tests: what a run of the pipeline would do with its listing.

use crate::{
    formats::Document,
    sources::{Item, Source, SourceError, SyncState},
};
use jiff::Timestamp;
use net::Policy;
use std::{collections::BTreeMap, time::Duration};

/// Calls that fail at once and are tried again at once.
pub(in crate::sources) const FAST: Policy = Policy {
    attempts: 12,
    budget: Duration::from_secs(60),
    per_try: Duration::from_secs(10),
    idle: Duration::from_secs(5),
    first_pause: Duration::ZERO,
    max_body: 32 << 20,
};

/// The stored documents and the state of a source.
#[derive(Debug, Default)]
pub(in crate::sources) struct Stored {
    pub(in crate::sources) state: SyncState,
    /// Documents by id, with the item that they are of.
    pub(in crate::sources) documents: BTreeMap<String, (String, Document)>,
    /// The rejections of the last run.
    pub(in crate::sources) rejected: Vec<String>,
    /// Keys of the items that the last run read.
    pub(in crate::sources) read: Vec<String>,
    pub(in crate::sources) is_complete: bool,
}

impl Stored {
    /// Lists the source, reads its items and keeps the state, as one run does.
    pub(in crate::sources) async fn run(&mut self, source: &dyn Source) -> Result<(), SourceError> {
        let listing = source.list(&self.state).await?;
        self.rejected = listing.rejected.iter().map(|rejection| rejection.reason.clone()).collect();
        self.is_complete = listing.is_complete;
        let listed: Vec<&str> = listing.items.iter().map(|item| item.key.as_str()).collect();
        if listing.is_complete {
            self.documents.retain(|_, (key, _)| listed.contains(&key.as_str()));
            self.state.versions.retain(|key, _| listed.contains(&key.as_str()));
            self.state.failed.retain(|key, _| listed.contains(&key.as_str()));
            self.state.listed_at = Some(Timestamp::now());
        }
        let is_new = |item: &&Item| {
            item.version.is_none()
                || self.state.versions.get(&item.key) != item.version.as_ref()
                || self.state.failed.contains_key(&item.key)
        };
        let mut items: Vec<Item> = listing.items.iter().filter(is_new).cloned().collect();
        let again = self.state.failed.keys().filter(|key| !listed.contains(&key.as_str()));
        items.extend(again.map(|key| Item { key: key.clone(), version: None, bytes: 0 }));
        self.read = items.iter().map(|item| item.key.clone()).collect();
        for batch in items.chunks(64) {
            for (item, reading) in batch.iter().zip(listing.reader.read(batch).await) {
                self.rejected
                    .extend(reading.parsed.rejected.iter().map(|rejection| rejection.reason.clone()));
                if reading.is_unknown {
                    self.state.failed.insert(item.key.clone(), "unknown".to_owned());
                    continue;
                }
                self.state.failed.remove(&item.key);
                self.documents.retain(|_, (key, _)| *key != item.key);
                match item.version.clone().filter(|_| !reading.is_gone) {
                    Some(version) => drop(self.state.versions.insert(item.key.clone(), version)),
                    None => drop(self.state.versions.remove(&item.key)),
                }
                for document in reading.parsed.documents {
                    self.documents.insert(document.meta.id.clone(), (item.key.clone(), document));
                }
            }
        }
        self.state.cursor = listing.cursor.or(self.state.cursor.take());
        Ok(())
    }

    /// The result of a first run.
    pub(in crate::sources) async fn of(source: &dyn Source) -> Self {
        let mut stored = Self::default();
        stored.run(source).await.expect("it can be listed");
        stored
    }

    /// The texts by id, with the hashes.
    pub(in crate::sources) fn texts(&self) -> BTreeMap<&str, (&str, String)> {
        let texts = self.documents.iter().map(|(id, (_, document))| {
            (id.as_str(), (document.body.as_str(), document.content_hash.to_string()))
        });
        texts.collect()
    }
}
