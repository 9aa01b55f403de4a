//! A filter worked out against one snapshot: which documents and which rows it shows.

use super::{
    bits::Bits,
    generation::index_error,
    snapshot::{DocumentEntry, NONE, Snapshot},
};
use crate::store::{
    error::StoreError,
    filter::Filter,
    view::{Counts, RuledDocument},
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tantivy::query::{EnableScoring, Query};

/// Filters whose selections a snapshot keeps; the one that was not used for longest goes first.
const CACHED_SELECTIONS: usize = 64;

/// The documents and rows that one filter shows in one snapshot; everything dead is left out.
pub(super) struct Selection {
    pub rows: Bits,
    pub documents: Bits,
    pub counts: Counts,
    ruled: OnceLock<Arc<[RuledDocument]>>,
}

impl Selection {
    pub fn empty(rows: usize, documents: usize) -> Self {
        Self {
            rows: Bits::empty(rows),
            documents: Bits::empty(documents),
            counts: Counts::default(),
            ruled: OnceLock::new(),
        }
    }

    pub fn insert(&mut self, number: usize, entry: &DocumentEntry) {
        let from = entry.first_row as usize;
        self.documents.insert(number);
        self.rows.insert_range(from..from + entry.num_chunks as usize);
        self.counts.documents += 1;
        self.counts.chunks += u64::from(entry.num_chunks);
    }

    /// The shown documents with rules, by id. Worked out once.
    pub fn ruled(&self, snapshot: &Snapshot) -> Result<Arc<[RuledDocument]>, StoreError> {
        if let Some(ruled) = self.ruled.get() {
            return Ok(ruled.clone());
        }
        let mut ruled = Vec::new();
        for number in snapshot.matching_documents(snapshot.records.rules_query().as_ref())? {
            if self.documents.contains(number as usize) {
                let record = snapshot.document(number)?;
                ruled.push(RuledDocument {
                    document: record.meta.id.clone(),
                    rules: record.meta.applies_to.clone(),
                });
            }
        }
        ruled.sort_unstable_by(|a, b| a.document.cmp(&b.document));
        Ok(self.ruled.get_or_init(|| ruled.into()).clone())
    }
}

/// The selections of a snapshot, most recently used last.
pub(super) struct Selections {
    everything: Arc<Selection>,
    recent: Mutex<Vec<(Filter, Arc<Selection>)>>,
}

impl Selections {
    pub fn new(everything: Selection) -> Self {
        Self { everything: Arc::new(everything), recent: Mutex::default() }
    }

    pub fn everything(&self) -> &Arc<Selection> {
        &self.everything
    }

    /// The selection of a filter when it was worked out before.
    pub fn cached(&self, filter: &Filter) -> Option<Arc<Selection>> {
        if filter.is_everything() {
            return Some(self.everything.clone());
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|(known, _)| known == filter)?;
        let entry = recent.remove(at);
        let selection = entry.1.clone();
        recent.push(entry);
        Some(selection)
    }

    fn keep(&self, filter: &Filter, selection: Arc<Selection>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(known, _)| known != filter);
        if recent.len() >= CACHED_SELECTIONS {
            recent.remove(0);
        }
        recent.push((filter.clone(), selection));
    }
}

impl Snapshot {
    /// The rows and documents that a filter shows. Searches the index when the filter is new to this snapshot.
    pub fn selection(&self, filter: &Filter) -> Result<Arc<Selection>, StoreError> {
        if let Some(selection) = self.selections.cached(filter) {
            return Ok(selection);
        }
        let Some(query) = self.records.filter_query(filter) else {
            return Ok(self.selections.everything().clone());
        };
        let mut selection = Selection::empty(self.owners.len(), self.documents.len());
        for number in self.matching_documents(query.as_ref())? {
            selection.insert(number as usize, &self.documents[number as usize]);
        }
        let selection = Arc::new(selection);
        self.selections.keep(filter, selection.clone());
        Ok(selection)
    }

    /// The numbers of the live documents whose records match.
    fn matching_documents(&self, query: &dyn Query) -> Result<Vec<u32>, StoreError> {
        let mut numbers = Vec::new();
        let mut search = || -> tantivy::Result<()> {
            let weight = query.weight(EnableScoring::disabled_from_schema(&self.records.schema))?;
            for segment in &self.segments {
                weight.for_each_no_score(&segment.reader, &mut |documents| {
                    let slots = documents.iter().map(|&document| segment.slots[document as usize]);
                    numbers.extend(slots.filter(|&slot| slot != NONE));
                })?;
            }
            Ok(())
        };
        search().map_err(index_error("filter", &self.paths))?;
        Ok(numbers)
    }
}
