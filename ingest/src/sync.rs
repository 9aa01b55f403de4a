//! A source whose items have versions, such as a live system: only items that changed are read, each once, and the
//! documents so far are committed from time to time, so that an interrupted run can be continued.

use crate::{
    batches::{STORED, batches},
    error::IngestError,
    formats::Document,
    loader::Loader,
    plan::Plan,
    progress::Progress,
    report::{DocumentCounts, RedactedSecrets, Rejection, Report, SourceReport},
    sources::{Item, Listing, Reader, Reading, SyncState},
};
use kb::document::ContentHash;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// The documents so far are committed after this many of them.
const CHECKPOINT_DOCUMENTS: u64 = 2_000;

/// The documents so far are committed after this time.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// A source with what is to be done about it.
pub(crate) struct Sync {
    /// The source's name, the first part of its documents' ids.
    pub(crate) name: String,
    /// Counts items that are to be read as though each were a document; only removals are exact.
    pub(crate) plan: Plan,
    reader: Arc<dyn Reader>,
    items: Vec<Item>,
    /// Hash of each stored document by id, of each item.
    stored: HashMap<String, BTreeMap<String, ContentHash>>,
    before: SyncState,
    after: SyncState,
    is_complete: bool,
    pub(crate) rejected: Vec<Rejection>,
}

impl Sync {
    /// Compares a listing with what the last run left and with the source's stored documents.
    pub(crate) fn planned(
        name: &str,
        settings: String,
        listing: Listing,
        before: SyncState,
        stored: HashMap<String, ContentHash>,
    ) -> Self {
        let Listing { items, unchanged, is_complete, gone, rejected, cursor, reader, .. } = listing;
        let num_stored = stored.len();
        let mut by_item: HashMap<String, BTreeMap<String, ContentHash>> = HashMap::new();
        for (id, hash) in stored {
            let key = key_of(name, &id).to_owned();
            by_item.entry(key).or_default().insert(id, hash);
        }
        let mut present: HashSet<String> = unchanged.into_iter().collect();
        present.extend(items.iter().map(|item| item.key.clone()));
        let gone: HashSet<String> = gone.into_iter().filter(|key| !present.contains(key)).collect();
        let is_gone = |key: &String| gone.contains(key) || (is_complete && !present.contains(key));

        let mut after = SyncState { settings, cursor: cursor.or(before.cursor.clone()), ..before.clone() };
        after.versions.retain(|key, _| !is_gone(key));
        after.failed.retain(|key, _| !is_gone(key));
        let is_new = |item: &Item| {
            let stored = before.versions.get(&item.key);
            item.version.is_none() || stored != item.version.as_ref() || before.failed.contains_key(&item.key)
        };
        let listed: HashSet<&str> = items.iter().map(|item| item.key.as_str()).collect();
        let again = after.failed.keys().filter(|key| !listed.contains(key.as_str()));
        let again: Vec<Item> = again.map(|key| Item { key: key.clone(), version: None, bytes: 0 }).collect();
        let items: Vec<Item> = items.into_iter().filter(is_new).chain(again).collect();

        let mut plan = Plan { stored: num_stored, ..Plan::default() };
        for (_, documents) in by_item.iter().filter(|(key, _)| is_gone(key)) {
            plan.removed.extend(documents.keys().cloned());
        }
        by_item.retain(|key, _| !is_gone(key));
        let mut to_read = 0;
        for item in &items {
            match by_item.get(&item.key) {
                Some(documents) => {
                    to_read += documents.len();
                    plan.changed.extend(documents.keys().cloned());
                }
                None => drop(plan.added.insert(format!("{name}/{}", item.key))),
            }
        }
        plan.unchanged = num_stored - plan.removed.len() - to_read;
        Self {
            name: name.to_owned(),
            plan,
            reader,
            items,
            stored: by_item,
            before,
            after,
            is_complete,
            rejected,
        }
    }

    /// The same for a knowledge base without documents.
    pub(crate) fn anew(&mut self) {
        self.stored.clear();
        let added = self.items.iter().map(|item| format!("{}/{}", self.name, item.key)).collect();
        self.plan = Plan { added, ..Plan::default() };
    }

    /// Reads the items that have to be read, stores the documents that differ and removes those that are gone. With
    /// `commits`, the changes become visible from time to time.
    pub(crate) async fn carry_out(
        mut self,
        loader: &mut Loader<'_>,
        commits: bool,
        report: &mut Report,
        progress: &Progress,
    ) -> Result<(), IngestError> {
        let rejected_before = report.rejected.len();
        let mut counts =
            DocumentCounts { unchanged: self.plan.unchanged as u64, ..DocumentCounts::default() };
        for id in &self.plan.removed {
            loader.remove(id).await?;
            counts.removed += 1;
        }
        let mut pending = counts.removed;
        let mut last = Instant::now();
        let items = std::mem::take(&mut self.items);
        progress.begin("reading and embedding", items.len());
        for batch in batches(&items, STORED, |item| item.bytes) {
            let mut documents = Vec::new();
            let readings = self.reader.read(batch).await;
            for (item, reading) in batch.iter().zip(readings) {
                for gone in self.take(item, reading, &mut documents, &mut counts, report) {
                    loader.remove(&gone).await?;
                    counts.removed += 1;
                    pending += 1;
                }
            }
            let (new, changed): (Vec<_>, Vec<_>) = documents.into_iter().partition(|(is_new, _)| *is_new);
            let new_ids: HashSet<String> = new.iter().map(|(_, document)| document.meta.id.clone()).collect();
            let documents: Vec<Document> =
                new.into_iter().chain(changed).map(|(_, document)| document).collect();
            pending += documents.len() as u64;
            for id in loader.store(documents).await? {
                match new_ids.contains(&id) {
                    true => counts.added -= 1,
                    false => (counts.changed, counts.removed) = (counts.changed - 1, counts.removed + 1),
                }
                report.rejected.push(Rejection::new(id, "no text"));
            }
            progress.advance(batch.len());
            if commits && (pending >= CHECKPOINT_DOCUMENTS || last.elapsed() >= CHECKPOINT_INTERVAL) {
                // The cursor stays until everything that it covers is stored.
                let state = SyncState { cursor: self.before.cursor.clone(), ..self.after.clone() };
                loader.checkpoint(&self.name, &state).await?;
                (pending, last) = (0, Instant::now());
            }
        }
        // Without changes the state is as it was, and nothing is committed.
        if self.after != self.before || counts.added + counts.changed + counts.removed > 0 {
            loader.keep_state(&self.name, &self.after).await?;
        }
        counts.seen = counts.added + counts.changed + counts.unchanged;
        report.documents.add(&counts);
        report.sources.push(SourceReport {
            name: self.name.clone(),
            documents: counts,
            is_complete: self.is_complete,
            failed: None,
            rejected: report.rejected[rejected_before..].iter().chain(&self.rejected).cloned().collect(),
        });
        Ok(())
    }

    /// Sorts an item's documents into those to store, with whether they are new, and those that are as stored; returns
    /// the ids of those that are gone.
    fn take(
        &mut self,
        item: &Item,
        reading: Reading,
        documents: &mut Vec<(bool, Document)>,
        counts: &mut DocumentCounts,
        report: &mut Report,
    ) -> Vec<String> {
        let Reading { parsed, shown, is_unknown, keeps_stored, is_gone, .. } = reading;
        let mut stored = self.stored.remove(&item.key).unwrap_or_default();
        if is_unknown {
            let reason = parsed.rejected.first().map_or("it could not be read", |first| &first.reason);
            self.after.failed.insert(item.key.clone(), reason.to_owned());
            report.rejected.extend(parsed.rejected);
            counts.unchanged += stored.len() as u64;
            return Vec::new();
        }
        self.after.failed.remove(&item.key);
        match item.version.clone().filter(|_| !is_gone) {
            Some(version) => drop(self.after.versions.insert(item.key.clone(), version)),
            None => drop(self.after.versions.remove(&item.key)),
        }
        report.rejected.extend(parsed.rejected);
        report.warnings.extend(parsed.warnings);
        report.note_secrets(RedactedSecrets::by_rule(&shown, parsed.redacted));
        for document in parsed.documents {
            match stored.remove(&document.meta.id) {
                Some(hash) if hash == document.content_hash => counts.unchanged += 1,
                Some(_) => {
                    counts.changed += 1;
                    documents.push((false, document));
                }
                None => {
                    counts.added += 1;
                    documents.push((true, document));
                }
            }
        }
        if keeps_stored {
            counts.unchanged += stored.len() as u64;
            return Vec::new();
        }
        stored.into_keys().collect()
    }
}

/// The key of the item that a document is of.
fn key_of<'i>(source: &str, id: &'i str) -> &'i str {
    let rest = id.strip_prefix(source).and_then(|rest| rest.strip_prefix('/')).unwrap_or(id);
    rest.split('#').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        formats::{self, Defaults, Format, Parsed, Place, links::Pages, site::Site},
        pipeline::{self, Options},
        sources::{
            Source, SourceError,
            contract::{SourceUnderTest, contract_tests},
        },
    };
    use async_trait::async_trait;
    use kb::{
        embed::{EmbedderChoice, EmbedderSettings},
        store::{self, Address, Filter},
    };
    use serde_json::json;
    use std::sync::{Mutex, MutexGuard};

    /// Pages with versions, which a cursor counts: the part of a live system that the pipeline sees.
    #[derive(Clone, Default)]
    struct Shelf(Arc<Mutex<Stock>>);

    #[derive(Default)]
    struct Stock {
        pages: BTreeMap<String, (u64, String)>,
        clock: u64,
        failing: Option<String>,
        /// Cannot be read as it is, and what was read of it before stays.
        damaged: Option<String>,
        is_cut: bool,
        /// Keys of the items that were read, in order.
        read: Vec<String>,
        /// After so many readings the process hangs.
        hangs_after: Option<usize>,
    }

    impl Shelf {
        fn pages(&self) -> MutexGuard<'_, Stock> {
            self.0.lock().expect("no test panics with it")
        }
    }

    #[async_trait]
    impl Source for Shelf {
        fn name(&self) -> &str {
            "shelf"
        }

        fn settings(&self) -> String {
            "v1".to_owned()
        }

        async fn list(&self, before: &SyncState) -> Result<Listing, SourceError> {
            let since = before.cursor.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(0);
            let shelf = self.pages();
            let (mut items, mut unchanged) = (Vec::new(), Vec::new());
            for (key, (version, text)) in &shelf.pages {
                // A page changed at the cursor is listed again, as an overlap does.
                match *version >= since {
                    true => items.push(Item {
                        key: key.clone(),
                        version: Some(version.to_string()),
                        bytes: text.len() as u64,
                    }),
                    false => unchanged.push(key.clone()),
                }
            }
            if shelf.is_cut {
                items.truncate(items.len() / 2);
                unchanged.clear();
            }
            let cursor = (!shelf.is_cut).then(|| json!(shelf.clock));
            let listing = Listing::new(items, Arc::new(self.clone()));
            Ok(Listing { unchanged, is_complete: !shelf.is_cut, cursor, ..listing })
        }
    }

    #[async_trait]
    impl Reader for Shelf {
        fn is_cheap(&self) -> bool {
            false
        }

        async fn read(&self, items: &[Item]) -> Vec<Reading> {
            let hangs = {
                let shelf = self.pages();
                shelf.hangs_after.is_some_and(|after| shelf.read.len() >= after)
            };
            if hangs {
                std::future::pending::<()>().await;
            }
            items.iter().map(|item| self.reading(&item.key)).collect()
        }
    }

    impl Shelf {
        fn reading(&self, key: &str) -> Reading {
            let mut shelf = self.pages();
            shelf.read.push(key.to_owned());
            if shelf.failing.as_deref() == Some(key) {
                return Reading::unknown(key, "status 500");
            }
            let Some((_, text)) = shelf.pages.get(key) else {
                return Reading { is_gone: true, ..Reading::default() };
            };
            if shelf.damaged.as_deref() == Some(key) {
                let rejected = vec![Rejection::new(key, "damaged")];
                let parsed = Parsed { rejected, ..Parsed::default() };
                return Reading { parsed, shown: key.to_owned(), keeps_stored: true, ..Reading::default() };
            }
            let (pages, site, defaults) = (Pages::default(), Site::default(), Defaults::default());
            let place = Place {
                source: "shelf",
                relative: key,
                shown: key,
                pages: &pages,
                site: &site,
                defaults: &defaults,
            };
            let parsed: Parsed = formats::parse(Format::Markdown, text.clone().into_bytes(), &place);
            Reading { parsed, shown: key.to_owned(), ..Reading::default() }
        }
    }

    #[async_trait]
    impl SourceUnderTest for Shelf {
        fn open(&self) -> Arc<dyn Source> {
            Arc::new(self.clone())
        }

        async fn put(&self, name: &str, word: &str) {
            let mut shelf = self.pages();
            shelf.clock += 1;
            let version = shelf.clock;
            shelf.pages.insert(name.to_owned(), (version, format!("# Page {name}\n\nThe word is {word}.\n")));
        }

        async fn remove(&self, name: &str) {
            self.pages().pages.remove(name);
        }

        async fn fail_item(&self, name: Option<&str>) -> bool {
            self.pages().failing = name.map(str::to_owned);
            true
        }

        async fn cut_listing(&self, is_cut: bool) -> bool {
            self.pages().is_cut = is_cut;
            true
        }
    }

    contract_tests!(Shelf::default());

    fn options(root: &std::path::Path, shelf: &Shelf) -> Options {
        Options {
            kb: Address::Directory(root.join("kb")),
            embedder: EmbedderSettings::new(EmbedderChoice::Hashed),
            sources: vec![shelf.open()],
            dry_run: false,
            force: false,
        }
    }

    #[tokio::test]
    async fn only_changed_items_are_read() {
        let (root, shelf) = (tempfile::tempdir().expect("a directory"), Shelf::default());
        for name in ["a", "b", "c"] {
            shelf.put(name, "first").await;
        }
        let options = options(root.path(), &shelf);
        let run = async || {
            shelf.pages().read.clear();
            let report = pipeline::ingest(&options, Arc::new(Progress::hidden()), std::future::pending());
            let report = report.await.expect("it can be read");
            (shelf.pages().read.join(" "), report)
        };
        assert_eq!(run().await.0, "a b c");
        let (read, report) = run().await;
        assert_eq!((read.as_str(), report.documents.unchanged), ("", 3));
        shelf.put("b", "second").await;
        shelf.fail_item(Some("b")).await;
        assert_eq!(run().await.0, "b");
        assert_eq!(run().await.0, "b", "a failed item is read again");
        shelf.fail_item(None).await;
        let (read, report) = run().await;
        assert_eq!((read.as_str(), report.documents.changed), ("b", 1));
        assert_eq!(run().await.0, "");
        // The document of a damaged item stays as it was, and the item is read again when it changes.
        shelf.put("b", "third").await;
        shelf.pages().damaged = Some("b".to_owned());
        let (read, report) = run().await;
        assert_eq!((read.as_str(), report.documents.unchanged, report.rejected.len()), ("b", 3, 1));
        assert_eq!(run().await.0, "");
        shelf.put("b", "fourth").await;
        shelf.pages().damaged = None;
        assert_eq!(run().await.1.documents.changed, 1);
    }

    #[tokio::test]
    async fn an_interrupted_run_goes_on_where_it_was() {
        let (root, shelf) = (tempfile::tempdir().expect("a directory"), Shelf::default());
        let all = CHECKPOINT_DOCUMENTS as usize + 500;
        for number in 0..all {
            shelf.put(&format!("p{number:05}"), "word").await;
        }
        shelf.pages().hangs_after = Some(CHECKPOINT_DOCUMENTS as usize + 100);
        let options = options(root.path(), &shelf);
        let stopped = async {
            let wanted = CHECKPOINT_DOCUMENTS as usize + 100;
            while shelf.pages().read.len() < wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = pipeline::ingest(&options, Arc::new(Progress::hidden()), stopped).await;
        assert!(matches!(ended, Err(IngestError::Interrupted { kept: true })));
        let kb = store::open(&options.kb, None).await.expect("something was committed");
        let view = kb.view(&Filter::everything()).await.expect("it opens");
        let committed = view.counts().await.expect("readable").documents as usize;
        assert!((CHECKPOINT_DOCUMENTS as usize..all).contains(&committed), "{committed}");

        (shelf.pages().hangs_after, shelf.pages().read) = (None, Vec::new());
        let report = pipeline::ingest(&options, Arc::new(Progress::hidden()), std::future::pending()).await;
        let report = report.expect("it can be read");
        assert_eq!(shelf.pages().read.len(), all - committed);
        assert_eq!(report.documents.seen as usize, all);
    }
}
