//! A source whose items have versions, such as a live system: only items that changed are read, each once, and what was
//! read is committed from time to time, so that an interrupted run goes on where it was.

use crate::{
    batches::batches,
    formats::Document,
    loader::Loader,
    pipeline::IngestError,
    plan::Plan,
    progress::Progress,
    report::{DocumentCounts, Rejection, Report, SourceReport},
    sources::{Item, Listing, Reader, Reading, SyncState},
    survey::masked_in,
};
use kb::document::ContentHash;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// After so many documents, what was read is committed.
const CHECKPOINT_DOCUMENTS: u64 = 2_000;

/// After so long, what was read is committed.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// A source with what is to be done about it.
pub(crate) struct Sync {
    /// The source's name.
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

    /// Reads what has to be read, stores what differs and removes what is gone. With `commits`, what was read becomes
    /// visible from time to time.
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
        for batch in batches(&items, |item| item.bytes) {
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
        // A cursor alone is worth no commit: the next run lists the same again, and reads nothing.
        let is_new = SyncState { cursor: None, ..self.after.clone() }
            != SyncState { cursor: None, ..self.before.clone() };
        if is_new || counts.added + counts.changed + counts.removed > 0 {
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

    /// Sorts an item's documents into those to store, with whether they are new, and those that are as stored; returns the ids of those that are gone.
    fn take(
        &mut self,
        item: &Item,
        reading: Reading,
        documents: &mut Vec<(bool, Document)>,
        counts: &mut DocumentCounts,
        report: &mut Report,
    ) -> Vec<String> {
        let Reading { parsed, shown, is_unknown, is_gone } = reading;
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
        report.note_secrets(masked_in(&shown, parsed.redacted));
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
        stored.into_keys().collect()
    }
}

/// The key of the item that a document is of.
fn key_of<'i>(source: &str, id: &'i str) -> &'i str {
    let rest = id.strip_prefix(source).and_then(|rest| rest.strip_prefix('/')).unwrap_or(id);
    rest.split('#').next().unwrap_or(rest)
}
