//! An export of issues as a source: a file of JSON, read a record at a time.

use super::{Asked, Normaliser, Origin, fingerprint, readings, records::Records};
use crate::{
    blocking::blocking,
    formats::Defaults,
    report::{Rejection, Warning},
    sources::{Item, Listing, Reader, Reading, Source, SourceError, SyncState},
};
use async_trait::async_trait;
use jiff::Timestamp;
use kb::document::ContentHash;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

/// Broken places of a file that are reported one by one.
const MAX_REPORTED: usize = 100;

/// A file of issues.
pub(in crate::sources) struct Export {
    path: PathBuf,
    origin: Arc<Origin>,
    normaliser: Arc<dyn Normaliser>,
    /// As [`Source::settings`] says them.
    settings: String,
}

impl Export {
    /// The export at a path; `kind` tells whose it is.
    pub(in crate::sources) fn new(
        kind: &str,
        name: String,
        path: PathBuf,
        normaliser: Arc<impl Normaliser + fmt::Debug>,
        defaults: Defaults,
    ) -> Self {
        let settings = fingerprint(&(kind, &normaliser), &defaults);
        let origin = Arc::new(Origin { name, shown: path.display().to_string(), defaults });
        Self { path, origin, normaliser, settings }
    }
}

#[async_trait]
impl Source for Export {
    fn name(&self) -> &str {
        &self.origin.name
    }

    fn settings(&self) -> String {
        self.settings.clone()
    }

    async fn stamp(&self) -> Option<u64> {
        let path = self.path.clone();
        let stamp = move || {
            let metadata = std::fs::metadata(path).ok()?;
            let mut hasher = DefaultHasher::new();
            (metadata.len(), metadata.modified().ok()?).hash(&mut hasher);
            Some(hasher.finish())
        };
        // A file that is not there has a stamp of its own: the run says why.
        blocking(stamp).await.ok().map(Option::unwrap_or_default)
    }

    async fn list(&self, _before: &SyncState) -> Result<Listing, SourceError> {
        let (path, origin, normaliser) = (self.path.clone(), self.origin.clone(), self.normaliser.clone());
        let listed = blocking(move || listing(path, origin, normaliser)).await;
        let failed = |reason: String| SourceError::Failed { name: self.origin.name.clone(), reason };
        listed.map_err(|error| failed(error.to_string()))?.map_err(failed)
    }
}

/// An issue of the file.
struct Place {
    range: Range<u64>,
    version: String,
    updated_at: Option<Timestamp>,
}

fn listing(path: PathBuf, origin: Arc<Origin>, normaliser: Arc<dyn Normaliser>) -> Result<Listing, String> {
    let unreadable =
        |error: std::io::Error| format!("the export `{}` cannot be read: {error}", path.display());
    let records = Records::open(&path).map_err(unreadable)?;
    let start = records.bytes(&(0..2)).unwrap_or_default();
    if matches!(start.as_slice(), [0xff, 0xfe] | [0xfe, 0xff]) {
        return Err(format!("the export `{}` is in UTF-16; save it as UTF-8", path.display()));
    }
    let found = records.scan().map_err(unreadable)?;
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let (mut rejected, mut warnings) = (Vec::new(), Vec::new());
    let mut num_broken = 0;
    let mut reject = |at: u64, reason: String| {
        num_broken += 1;
        if num_broken <= MAX_REPORTED {
            rejected.push(Rejection::new(format!("{} at byte {at}", origin.shown), reason));
        }
    };
    for (at, reason) in &found.broken {
        reject(*at, (*reason).to_owned());
    }
    for range in found.records {
        let bytes = match records.bytes(&range) {
            Ok(bytes) => bytes,
            Err(reason) => {
                reject(range.start, reason);
                continue;
            }
        };
        let record = match net::from_slice(&bytes) {
            Ok(record) => record,
            Err(error) => {
                reject(range.start, format!("not valid JSON: {error}"));
                continue;
            }
        };
        let Some(key) = normaliser.key(&record) else {
            reject(range.start, "no issue of the kind that this source reads".to_owned());
            continue;
        };
        let version = ContentHash::of(&[&bytes]).to_string();
        let place = Place { range, version, updated_at: normaliser.updated_at(&record) };
        // Pages that overlap have an issue twice.
        let is_newer = places.get(&key).is_none_or(|known| known.updated_at <= place.updated_at);
        if is_newer {
            places.insert(key, place);
        }
    }
    if num_broken > MAX_REPORTED {
        let message = format!("{} further places cannot be read", num_broken - MAX_REPORTED);
        warnings.push(Warning { path: origin.shown.clone(), message });
    }
    let items = places.iter().map(|(key, place)| Item {
        key: key.clone(),
        version: Some(place.version.clone()),
        bytes: place.range.end - place.range.start,
    });
    let items = items.collect();
    let places = places.into_iter().map(|(key, place)| (key, place.range)).collect();
    let listing = Listing::new(items, Arc::new(ExportReader { records, places, origin, normaliser }));
    // A record that cannot be read may be any issue.
    Ok(Listing { is_complete: num_broken == 0, rejected, warnings, ..listing })
}

struct ExportReader {
    records: Records,
    places: HashMap<String, Range<u64>>,
    origin: Arc<Origin>,
    normaliser: Arc<dyn Normaliser>,
}

#[async_trait]
impl Reader for ExportReader {
    fn is_cheap(&self) -> bool {
        false
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let asked = items.iter().map(|item| (item.key.clone(), self.asked(&item.key))).collect();
        readings(self.normaliser.clone(), self.origin.clone(), asked).await
    }
}

impl ExportReader {
    fn asked(&self, key: &str) -> Asked {
        let record = match self.places.get(key) {
            Some(range) => self.records.read(range),
            None => Err("it is not in the export".to_owned()),
        };
        record.map_or_else(Asked::Failed, Asked::Record)
    }
}
