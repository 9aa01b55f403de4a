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

/// Filters whose scopes a snapshot keeps; the one that was not used for longest goes first.
const CACHED_SCOPES: usize = 64;

/// The documents and rows that one filter shows in one snapshot; everything dead is left out.
pub(super) struct Scope {
    pub rows: Bits,
    pub documents: Bits,
    pub counts: Counts,
    ruled: OnceLock<Arc<[RuledDocument]>>,
}

impl Scope {
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

/// The scopes of a snapshot, most recently used last.
pub(super) struct Scopes {
    everything: Arc<Scope>,
    recent: Mutex<Vec<(Filter, Arc<Scope>)>>,
}

impl Scopes {
    pub fn new(everything: Scope) -> Self {
        Self { everything: Arc::new(everything), recent: Mutex::default() }
    }

    pub fn everything(&self) -> &Arc<Scope> {
        &self.everything
    }

    /// The scope of a filter when it was worked out before.
    pub fn cached(&self, filter: &Filter) -> Option<Arc<Scope>> {
        if filter.is_everything() {
            return Some(self.everything.clone());
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|(known, _)| known == filter)?;
        let entry = recent.remove(at);
        let scope = entry.1.clone();
        recent.push(entry);
        Some(scope)
    }

    fn keep(&self, filter: &Filter, scope: Arc<Scope>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(known, _)| known != filter);
        if recent.len() >= CACHED_SCOPES {
            recent.remove(0);
        }
        recent.push((filter.clone(), scope));
    }
}

impl Snapshot {
    /// The rows and documents that a filter shows. Searches the index when the filter is new to this snapshot.
    pub fn scope(&self, filter: &Filter) -> Result<Arc<Scope>, StoreError> {
        if let Some(scope) = self.scopes.cached(filter) {
            return Ok(scope);
        }
        let Some(query) = self.records.filter_query(filter) else {
            return Ok(self.scopes.everything().clone());
        };
        let mut scope = Scope::empty(self.owners.len(), self.documents.len());
        for number in self.matching_documents(query.as_ref())? {
            scope.insert(number as usize, &self.documents[number as usize]);
        }
        let scope = Arc::new(scope);
        self.scopes.keep(filter, scope.clone());
        Ok(scope)
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
