//! The first look at a source whose items are read twice: every item is read, parsed and hashed, and only its hashes
//! are kept, so that memory does not grow with the text.

use crate::{
    batches::{LOOKED_AT, batches},
    formats::{Document, Mark, Parsed, hash_on_version, versions_of_editions},
    lint::{self, Linter},
    plan::Found,
    progress::Progress,
    report::{RedactedSecrets, Rejection, Warning},
    sources::{Item, Listing, Look, LookedAt, Reader, Reading, SyncState},
};
use kb::document::ContentHash;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

/// A source after the first look.
pub(crate) struct Survey {
    pub(crate) found: Found,
    pub(crate) rejected: Vec<Rejection>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) secrets: Vec<RedactedSecrets>,
    /// The documents as the lint compares them.
    pub(crate) linter: Linter,
    /// The state of the source that is stored.
    pub(crate) before: SyncState,
    /// The state that is stored once all documents are.
    pub(crate) after: SyncState,
    reader: Arc<dyn Reader>,
    /// The looks at items that are not read again before their bytes change.
    pub(crate) looks: BTreeMap<String, Look>,
    /// The versions of documents that only their siblings show to be editions of one page, by id.
    versions: HashMap<String, String>,
    /// Hashes of all documents that were found.
    hashes: HashSet<ContentHash>,
    /// Items with the ids of their documents, as a range of `found.documents`.
    items: Vec<(Item, Range<usize>)>,
}

impl Survey {
    /// Looks at every item of a listing.
    pub(crate) async fn of(source: &str, listing: Listing, progress: &Progress) -> Self {
        let Listing { items, is_complete, rejected, warnings, reader, .. } = listing;
        let found = Found { source: source.to_owned(), is_complete, ..Found::default() };
        let mut survey = Self {
            found,
            rejected,
            warnings,
            secrets: Vec::new(),
            linter: Linter::default(),
            before: SyncState::default(),
            after: SyncState::default(),
            reader,
            looks: BTreeMap::new(),
            versions: HashMap::new(),
            hashes: HashSet::new(),
            items: Vec::with_capacity(items.len()),
        };
        let mut marks: Vec<(String, Mark)> = Vec::new();
        progress.begin("reading", items.len());
        for batch in batches(&items, LOOKED_AT, |item| item.bytes) {
            for (item, reading) in batch.iter().zip(survey.reader.read(batch).await) {
                survey.keep(item, reading, &mut marks);
            }
            progress.advance(batch.len());
        }
        survey.versions = versions_of_editions(&marks);
        for (id, hash) in &mut survey.found.documents {
            if let Some(version) = survey.versions.get(id) {
                *hash = hash_on_version(*hash, version);
            }
        }
        survey.hashes = survey.found.documents.iter().map(|(_, hash)| *hash).collect();
        survey
    }

    fn keep(&mut self, item: &Item, reading: Reading, marks: &mut Vec<(String, Mark)>) {
        let Reading { parsed, shown, is_unknown, keeps_stored, is_gone: _, content, tries, look } = reading;
        let start = self.found.documents.len();
        let source = self.found.source.as_str();
        if let Some(look) = &look {
            self.rejected.extend(look.rejected(&shown));
            self.warnings.extend(look.warnings(&shown));
            self.secrets.extend(RedactedSecrets::by_rule(&shown, look.secrets.clone()));
            for LookedAt { path, hash, marks: of_document } in &look.documents {
                let id = format!("{source}/{path}");
                let with_source = |(rest, version): &Mark| (format!("{source}{rest}"), version.clone());
                marks.extend(of_document.iter().map(|mark| (id.clone(), with_source(mark))));
                self.found.documents.push((id, *hash));
            }
        }
        let first = || Some(Look::of(source, &shown, content?, tries, &parsed));
        match look.or_else(first) {
            Some(look) => {
                self.linter.add_kept(source, &shown, &look.lint);
                self.looks.insert(item.key.clone(), look);
            }
            None => self.linter.add_parsed(&shown, &parsed, !self.found.is_complete),
        }
        for document in parsed.documents {
            marks.extend(document.marks().into_iter().map(|mark| (document.meta.id.clone(), mark)));
            self.found.documents.push((document.meta.id, document.content_hash));
        }
        if is_unknown || keeps_stored {
            self.found.unknown.push(item.key.clone());
        }
        self.items.push((item.clone(), start..self.found.documents.len()));
        self.rejected.extend(parsed.rejected);
        self.warnings.extend(parsed.warnings);
        self.secrets.extend(RedactedSecrets::by_rule(&shown, parsed.redacted));
    }

    /// The items with documents that `wanted` accepts, each with those documents' ids.
    pub(crate) fn items_with(&self, wanted: impl Fn(&str) -> bool) -> Vec<WantedItem> {
        let wanted_of = |(item, range): &(Item, Range<usize>)| {
            let ids = self.found.documents[range.clone()].iter().map(|(id, _)| id);
            let ids: Vec<String> = ids.filter(|id| wanted(id)).cloned().collect();
            (!ids.is_empty()).then(|| WantedItem { item: item.clone(), ids })
        };
        self.items.iter().filter_map(wanted_of).collect()
    }

    /// Reads items again, for the documents that are wanted of each.
    pub(crate) async fn documents(&self, wanted: &[WantedItem]) -> SecondLook {
        let items: Vec<Item> = wanted.iter().map(|wanted| wanted.item.clone()).collect();
        let mut look = SecondLook::default();
        for (wanted, reading) in wanted.iter().zip(self.reader.read(&items).await) {
            self.look_again(&wanted.ids, reading, &mut look);
        }
        look
    }

    fn look_again(&self, ids: &[String], reading: Reading, look: &mut SecondLook) {
        let Reading { parsed, shown, .. } = reading;
        let mut found: HashMap<String, Document> = HashMap::new();
        for document in parsed.documents {
            found.insert(document.meta.id.clone(), document);
        }
        let mut is_changed = false;
        for id in ids {
            let Some(document) = found.remove(id) else {
                let part = id.rsplit_once('#').map(|(_, part)| format!("#{part}")).unwrap_or_default();
                let path = format!("{shown}{part}");
                let why = parsed.rejected.iter().find(|rejection| rejection.path == path);
                let why = why.or(parsed.rejected.first()).map(|rejection| rejection.reason.clone());
                let reason = why.unwrap_or_else(|| "it is no longer in the file".to_owned());
                look.missing.push(Missing { id: id.clone(), path, reason });
                continue;
            };
            let document = match self.versions.get(id) {
                Some(version) => document.on_version(version),
                None => document,
            };
            is_changed |= !self.hashes.contains(&document.content_hash);
            look.documents.push(document);
        }
        if is_changed {
            let message = "changed while ingest was running; indexed as it was read last".to_owned();
            look.warnings.push(Warning { path: shown, message });
        }
    }
}

impl Look {
    /// The look at an item of `source`, which reports name `shown` and whose bytes have the hash `content`.
    fn of(source: &str, shown: &str, content: ContentHash, tries: u32, parsed: &Parsed) -> Self {
        let within = |text: &str| text.strip_prefix(source).unwrap_or(text).to_owned();
        let looked_at = |document: &Document| LookedAt {
            path: within(&document.meta.id).trim_start_matches('/').to_owned(),
            hash: document.content_hash,
            marks: document.marks().iter().map(|(rest, version)| (within(rest), version.clone())).collect(),
        };
        let part = |path: &str| path.strip_prefix(shown).unwrap_or(path).to_owned();
        let rejected = |rejection: &Rejection| Rejection { path: part(&rejection.path), ..rejection.clone() };
        let warning = |warning: &Warning| Warning { path: part(&warning.path), ..warning.clone() };
        Self {
            content,
            tries,
            is_unknown: parsed.is_unknown,
            documents: parsed.documents.iter().map(looked_at).collect(),
            rejected: parsed.rejected.iter().map(rejected).collect(),
            warnings: parsed.warnings.iter().map(warning).collect(),
            secrets: parsed.redacted.iter().map(|(rule, count)| ((*rule).to_owned(), *count)).collect(),
            lint: lint::Kept::of(source, shown, parsed),
        }
    }

    /// The rejections of an item that reports name `shown`.
    fn rejected<'l>(&'l self, shown: &'l str) -> impl Iterator<Item = Rejection> + 'l {
        let of = move |rejection: &Rejection| Rejection {
            path: format!("{shown}{}", rejection.path),
            ..rejection.clone()
        };
        self.rejected.iter().map(of)
    }

    /// The warnings of an item that reports name `shown`.
    fn warnings<'l>(&'l self, shown: &'l str) -> impl Iterator<Item = Warning> + 'l {
        let of =
            move |warning: &Warning| Warning { path: format!("{shown}{}", warning.path), ..warning.clone() };
        self.warnings.iter().map(of)
    }
}

/// An item whose documents are to be written.
#[derive(Debug, Clone)]
pub(crate) struct WantedItem {
    pub(crate) item: Item,
    /// The documents that are wanted of it.
    ids: Vec<String>,
}

/// The result of a second reading.
#[derive(Debug, Default)]
pub(crate) struct SecondLook {
    /// The documents that were wanted, as they are now.
    pub(crate) documents: Vec<Document>,
    /// The documents that the first look found and the second did not.
    pub(crate) missing: Vec<Missing>,
    /// Items that changed in between.
    pub(crate) warnings: Vec<Warning>,
}

/// A document that is gone since the first look, or cannot be read any more.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) id: String,
    /// As reports name it.
    pub(crate) path: String,
    pub(crate) reason: String,
}
