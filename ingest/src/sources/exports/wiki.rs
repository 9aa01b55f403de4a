//! A large dump of MediaWiki as a source whose items are its pages. A smaller one is read as one file.

use crate::{
    blocking::blocking,
    formats::{Defaults, Dump, Place, links::Pages, site::Site},
    report::Rejection,
    sources::{Item, Listing, Reader, Reading, Source, SourceError, SyncState},
};
use async_trait::async_trait;
use std::{path::PathBuf, sync::Arc};

/// A dump, as a file of a folder.
#[derive(Clone)]
pub(super) struct WikiDump {
    /// The name of the folder's source.
    pub(super) source: String,
    /// The dump's path below the folder.
    pub(super) relative: String,
    pub(super) path: PathBuf,
    pub(super) shown: String,
    pub(super) defaults: Defaults,
}

#[async_trait]
impl Source for WikiDump {
    fn name(&self) -> &str {
        &self.source
    }

    async fn list(&self, _before: &SyncState) -> Result<Listing, SourceError> {
        let place = self.clone();
        let open = move || Dump::open(kb::files::open(&place.path)?, &place.source, &place.shown);
        let failed = |reason: String| SourceError::failed(&self.source, reason);
        let opened = blocking(open).await.map_err(|error| failed(error.to_string()))?;
        let (dump, found) = opened.map_err(|error| failed(format!("cannot be read: {error}")))?;
        let item = |(id, bytes): (&str, u64)| Item { key: id.to_owned(), version: None, bytes };
        let items = dump.pages().map(item).collect();
        let mut rejected = found.rejected;
        let is_complete = found.broken.is_none();
        rejected.extend(found.broken.map(|reason| Rejection::new(self.shown.clone(), reason)));
        let reader = DumpReader { dump: Arc::new(dump), place: Arc::new(self.clone()) };
        Ok(Listing { is_complete, rejected, ..Listing::new(items, Arc::new(reader)) })
    }
}

struct DumpReader {
    dump: Arc<Dump>,
    place: Arc<WikiDump>,
}

#[async_trait]
impl Reader for DumpReader {
    fn is_cheap(&self) -> bool {
        true
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let (dump, place, owned) = (self.dump.clone(), self.place.clone(), items.to_vec());
        let read = move || owned.iter().map(|item| place.page(&dump, &item.key)).collect::<Vec<_>>();
        match blocking(read).await {
            Ok(readings) => readings,
            // A bug in a parser loses one batch, whose stored documents stay.
            Err(error) => items.iter().map(|item| Reading::unknown(&item.key, error.to_string())).collect(),
        }
    }
}

impl WikiDump {
    fn page(&self, dump: &Dump, id: &str) -> Reading {
        let place = Place {
            source: &self.source,
            relative: &self.relative,
            shown: &self.shown,
            pages: &Pages::default(),
            site: &Site::default(),
            defaults: &self.defaults,
        };
        let parsed = dump.read(id, &place);
        let is_unknown = parsed.is_unknown;
        Reading { parsed, shown: format!("{}#{id}", self.shown), is_unknown, ..Reading::default() }
    }
}
