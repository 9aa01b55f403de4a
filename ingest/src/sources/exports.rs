//! Exports of wikis and trackers among the files of a folder. Each page and issue is a document of its own, read as the
//! system's own source reads it, with the id `<source>/<path>#<key>`.
//!
//! Entry points: [`Exports::take`] and [`Exports::take_archive`] while the folder is listed, [`Exports::added_to`] when
//! it is. An export of which not all can be read says so, and keeps what was stored of the rest; the other files of the
//! folder do not depend on it.

mod wiki;

use super::{
    Item, Listing, Reader, Reading, Source, SourceError, SyncState,
    archive::Contents,
    confluence::{self, ExportSort},
    files::MAX_FILE_BYTES,
    folder::{Folder, ListedFile},
    github, jira,
    tracker::records,
};
use crate::{
    formats::{Defaults, Document},
    report::{Rejection, Warning},
};
use async_trait::async_trait;
use kb::{causes::with_causes, redact::redact};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};
use wiki::WikiDump;

/// The first record of a file of issues stands within this many bytes.
const MAX_LOOKED_AT: u64 = 4 << 20;

/// More exports of one folder are not read.
const MAX_EXPORTS: usize = 100;

/// The file with the pages of an unpacked export of a space.
const ENTITIES: &str = "entities.xml";

/// The system that an export is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Confluence,
    Jira,
    /// GitHub, or GitLab, whose issues are read through the same source.
    Github,
    /// Dumps that are too large to be read as other files are.
    MediaWiki,
}

impl System {
    /// The name of the exported thing, and the type that `ingest.toml` gives its sources, if it has one.
    fn names(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Confluence => Some(("a space of Confluence", "confluence")),
            Self::Jira => Some(("issues of Jira", "jira")),
            Self::Github => Some(("issues of GitHub or GitLab", "github-issues")),
            Self::MediaWiki => None,
        }
    }
}

/// Settings of which nothing is said.
fn without_settings<S: DeserializeOwned>() -> S {
    serde_json::from_value(json!({})).expect("every setting has a default")
}

/// The exports among the files of a folder.
#[derive(Default)]
pub(super) struct Exports {
    found: Vec<Export>,
    rejected: Vec<Rejection>,
    warnings: Vec<Warning>,
}

/// A file that is an export.
struct Export {
    /// The path below the folder.
    key: String,
    path: PathBuf,
    /// How reports name it.
    shown: String,
    system: System,
}

impl Export {
    fn at(folder: &Folder, file: &ListedFile, system: System) -> Self {
        let (key, shown) = (file.relative.clone(), folder.shown(&file.relative));
        Self { key, path: file.path().to_owned(), shown, system }
    }

    /// The export as a source of its own.
    fn open(&self, source: &str, defaults: Defaults) -> Result<Box<dyn Source>, SourceError> {
        let (name, export) = (format!("{source}/{}", self.key), Some(self.path.clone()));
        match self.system {
            System::Confluence => {
                confluence::open(name, confluence::Settings { export, ..without_settings() }, defaults)
            }
            System::Jira => jira::open(name, jira::Settings { export, ..without_settings() }, defaults),
            System::Github => github::open(name, github::Settings { export, ..without_settings() }, defaults),
            System::MediaWiki => Ok(Box::new(WikiDump {
                source: source.to_owned(),
                relative: self.key.clone(),
                path: self.path.clone(),
                shown: self.shown.clone(),
                defaults,
            })),
        }
    }

    /// The warning that the export is better read as a source of its own, with the settings of that source.
    fn hint(&self) -> Option<Warning> {
        let (what, kind) = self.system.names()?;
        let message = format!(
            "an export of {what}, read as a file of this folder; to have the ids and links of the live system, make it \
             a source of its own in ingest.toml: type = \"{kind}\", export = {}",
            json!(self.shown)
        );
        Some(Warning { path: self.shown.clone(), message })
    }
}

impl Exports {
    /// Takes a file, if it is an export.
    pub(super) fn take(&mut self, folder: &Folder, file: &ListedFile) -> bool {
        system_of(folder, file).is_some_and(|system| self.add(folder, file, system))
    }

    /// Takes an archive, if it is an export. `contents` are its files, or the error of listing them.
    pub(super) fn take_archive<E>(
        &mut self,
        folder: &Folder,
        file: &ListedFile,
        contents: &Result<Contents, E>,
    ) -> bool {
        let sort = match contents {
            Ok(contents) => confluence::sort_of_export(contents.files.iter().map(|(name, _)| name.as_str())),
            // Exports have more and larger files than other archives may.
            Err(_) => folder.open(file).ok().and_then(|(file, _)| confluence::sort_of_archive(file)),
        };
        match sort {
            Some(ExportSort::Xml) => self.add(folder, file, System::Confluence),
            // The pages of such an export are read like any others.
            Some(ExportSort::Html) if contents.is_ok() => {
                self.warnings.extend(Export::at(folder, file, System::Confluence).hint());
                false
            }
            _ => false,
        }
    }

    fn add(&mut self, folder: &Folder, file: &ListedFile, system: System) -> bool {
        // Such a name is refused as any file's is.
        if !redact(&file.relative).redacted.is_empty() {
            return false;
        }
        let export = Export::at(folder, file, system);
        if self.found.len() >= MAX_EXPORTS {
            let reason =
                format!("more than {MAX_EXPORTS} exports in one folder; make it a source of its own");
            self.rejected.push(Rejection::new(export.shown, reason));
        } else {
            self.found.push(export);
        }
        true
    }

    /// Adds the pages and issues of the exports to what else the folder has.
    pub(super) async fn added_to(self, source: &str, defaults: &Defaults, mut listing: Listing) -> Listing {
        listing.rejected.extend(self.rejected);
        listing.warnings.extend(self.warnings);
        if self.found.is_empty() {
            return listing;
        }
        let mut exports = HashMap::with_capacity(self.found.len());
        for export in self.found {
            listing.warnings.extend(export.hint());
            let listed = match export.open(source, defaults.clone()) {
                Ok(opened) => opened.list(&SyncState::default()).await,
                Err(error) => Err(error),
            };
            let Export { key, shown, .. } = export;
            let (reader, broken) = match listed {
                Ok(of_export) => {
                    listing.items.extend(of_export.items.into_iter().map(|item| Item {
                        key: format!("{key}#{}", item.key),
                        version: None,
                        bytes: item.bytes,
                    }));
                    listing.rejected.extend(of_export.rejected);
                    listing.warnings.extend(of_export.warnings);
                    let reason = "not all of the export can be read; what is stored of the rest stays";
                    (Some(of_export.reader), (!of_export.is_complete).then(|| reason.to_owned()))
                }
                Err(error) => (None, Some(with_causes(&error))),
            };
            if broken.is_some() {
                listing.items.push(Item { key: key.clone(), version: None, bytes: 0 });
            }
            let id = format!("{source}/{key}");
            exports.insert(key, Nested { id, shown, reader, broken });
        }
        let (source, files) = (source.to_owned(), listing.reader.clone());
        Listing { reader: Arc::new(Mixed { source, files, exports }), ..listing }
    }
}

/// The system that a file is an export of.
fn system_of(folder: &Folder, file: &ListedFile) -> Option<System> {
    let name = Path::new(&file.relative).file_name()?.to_str()?;
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let head = |most: u64| {
        let mut bytes = Vec::new();
        folder.open(file).ok()?.0.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let begins_with =
        |tag: &str| head(4 << 10).is_some_and(|head| String::from_utf8_lossy(&head).contains(tag));
    match extension.to_ascii_lowercase().as_str() {
        "json" | "jsonl" | "ndjson" => tracker_of(&head(MAX_LOOKED_AT)?),
        "xml" if name == ENTITIES => begins_with("<hibernate-generic").then_some(System::Confluence),
        "xml" if file.bytes > MAX_FILE_BYTES => begins_with("<mediawiki").then_some(System::MediaWiki),
        _ => None,
    }
}

/// The tracker whose issues a file begins with.
fn tracker_of(bytes: &[u8]) -> Option<System> {
    let first = std::str::from_utf8(&bytes[records::first(bytes)?]).ok()?;
    // This test keeps most other files from being parsed.
    if !["\"fields\"", "\"title\""].iter().any(|name| first.contains(name)) {
        return None;
    }
    let record: Value = net::from_slice(first.as_bytes()).ok()?;
    let is_there = |name: &str| record.get(name).is_some();
    if record["key"].is_string() && record["fields"].is_object() {
        return Some(System::Jira);
    }
    let is_numbered = record["number"].is_u64() || record["iid"].is_u64();
    let is_told = ["body", "comments", "description", "state"].into_iter().any(is_there);
    (record["title"].is_string() && is_numbered && is_told).then_some(System::Github)
}

/// An export that was listed.
struct Nested {
    /// The beginning of its documents' ids.
    id: String,
    shown: String,
    reader: Option<Arc<dyn Reader>>,
    /// Why not all of it can be read.
    broken: Option<String>,
}

impl Nested {
    async fn read(&self, source: &str, keys: Vec<(&str, u64)>) -> Vec<Reading> {
        let item = |(key, bytes): (&str, u64)| Item { key: key.to_owned(), version: None, bytes };
        let items: Vec<Item> = keys.into_iter().map(item).collect();
        let Some(reader) = &self.reader else {
            return items.iter().map(|_| self.unknown()).collect();
        };
        let mut readings = reader.read(&items).await;
        for reading in &mut readings {
            let documents = std::mem::take(&mut reading.parsed.documents);
            reading.parsed.documents =
                documents.into_iter().map(|document| self.renamed(document, source)).collect();
        }
        readings
    }

    /// The document as one of the folder.
    fn renamed(&self, document: Document, source: &str) -> Document {
        document.named(source, |id| match id.strip_prefix(&self.id).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => format!("{}#{rest}", self.id),
            None => id.to_owned(),
        })
    }

    /// The reading of an export whose content stayed unknown.
    fn unknown(&self) -> Reading {
        Reading::unknown(&self.shown, self.broken.clone().unwrap_or_default())
    }
}

/// Reads the files of a folder, and the contents of its exports.
struct Mixed {
    source: String,
    files: Arc<dyn Reader>,
    /// The exports by their paths below the folder.
    exports: HashMap<String, Nested>,
}

impl Mixed {
    /// The export that an item is of, and the key within it; none where the item is the whole.
    fn export_of<'i>(&self, item: &'i Item) -> Option<(&Nested, Option<&'i str>)> {
        if let Some(nested) = self.exports.get(&item.key) {
            return Some((nested, None));
        }
        let (path, key) = item.key.rsplit_once('#')?;
        Some((self.exports.get(path)?, Some(key)))
    }
}

#[async_trait]
impl Reader for Mixed {
    fn is_cheap(&self) -> bool {
        true
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let run_of =
            |item: &Item| self.export_of(item).map(|(nested, key)| (nested.id.as_str(), key.is_some()));
        let mut readings = Vec::with_capacity(items.len());
        for run in items.chunk_by(|one, next| run_of(one) == run_of(next)) {
            match self.export_of(&run[0]) {
                None => readings.extend(self.files.read(run).await),
                Some((nested, None)) => readings.extend(run.iter().map(|_| nested.unknown())),
                Some((nested, Some(_))) => {
                    let key = |item| self.export_of(item).and_then(|(_, key)| key).unwrap_or_default();
                    let keys = run.iter().map(|item| (key(item), item.bytes)).collect();
                    readings.extend(nested.read(&self.source, keys).await);
                }
            }
        }
        readings
    }
}

#[cfg(test)]
mod tests;
