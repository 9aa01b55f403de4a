//! Answers of the servers that readers of one knowledge base keep between questions. All of it is bounded, and belongs
//! to a state: a reader that moves on to a newer one asks again.

use super::{numbers::DocumentNumbers, terms::TermCounts};
use crate::store::{
    filter::Filter,
    keys::DocumentKey,
    view::{Counts, RuledDocument},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Filters whose answers are kept, counts of terms, and numbers of documents.
const KEPT_FILTERS: usize = 64;
const KEPT_TERMS: usize = 200_000;
const KEPT_DOCUMENTS: usize = 200_000;

/// The answers that readers of one knowledge base keep between questions; all of them belong to one state.
#[derive(Default)]
pub(super) struct Kept {
    terms: Mutex<TermCache>,
    filters: Mutex<Vec<(Filter, String, OfFilter)>>,
    documents: Mutex<DocumentCache>,
}

/// Numbers of documents, of one state. A document that a filter hides has none through it.
#[derive(Default)]
struct DocumentCache {
    version: String,
    filters: Vec<Filter>,
    documents: HashMap<(usize, DocumentKey), Option<DocumentNumbers>>,
}

impl DocumentCache {
    /// The number of a filter.
    fn number(&mut self, filter: &Filter, version: &str) -> usize {
        let known = self.filters.iter().position(|known| known == filter);
        if self.version != version || (known.is_none() && self.filters.len() >= KEPT_FILTERS) {
            *self = Self { version: version.to_owned(), ..Self::default() };
        } else if let Some(known) = known {
            return known;
        }
        self.filters.push(filter.clone());
        self.filters.len() - 1
    }
}

/// Answers that are the same for all questions through one filter.
#[derive(Clone, Default)]
pub(super) struct OfFilter {
    pub counts: Option<Counts>,
    pub ruled: Option<Arc<[RuledDocument]>>,
}

/// Counts of terms, of one state.
#[derive(Default)]
pub(super) struct TermCache {
    version: String,
    terms: HashMap<u32, TermCounts>,
}

impl TermCache {
    pub fn get(&self, version: &str, dimension: u32) -> Option<TermCounts> {
        (self.version == version).then(|| self.terms.get(&dimension).cloned()).flatten()
    }

    pub fn insert(&mut self, version: &str, dimension: u32, counts: TermCounts) {
        if self.version != version || self.terms.len() >= KEPT_TERMS {
            self.terms.clear();
            version.clone_into(&mut self.version);
        }
        self.terms.insert(dimension, counts);
    }
}

impl Kept {
    pub fn terms(&self) -> MutexGuard<'_, TermCache> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn documents(&self) -> MutexGuard<'_, DocumentCache> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of those documents that are kept, or `None` for a document that the filter hides.
    pub fn numbers(
        &self,
        filter: &Filter,
        version: &str,
        documents: &[DocumentKey],
    ) -> HashMap<DocumentKey, Option<DocumentNumbers>> {
        let mut cache = self.documents();
        let number = cache.number(filter, version);
        let known = |document: &DocumentKey| Some((*document, *cache.documents.get(&(number, *document))?));
        documents.iter().filter_map(known).collect()
    }

    pub fn keep_numbers(
        &self,
        filter: &Filter,
        version: &str,
        documents: &HashMap<DocumentKey, Option<DocumentNumbers>>,
    ) {
        let mut cache = self.documents();
        if cache.documents.len() + documents.len() > KEPT_DOCUMENTS {
            *cache = DocumentCache::default();
        }
        let number = cache.number(filter, version);
        cache.documents.extend(documents.iter().map(|(document, numbers)| ((number, *document), *numbers)));
    }

    fn filters(&self) -> MutexGuard<'_, Vec<(Filter, String, OfFilter)>> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn of(&self, filter: &Filter, version: &str) -> OfFilter {
        let known = self.filters();
        let found = known.iter().find(|(known, at, _)| known == filter && at == version);
        found.map(|(_, _, kept)| kept.clone()).unwrap_or_default()
    }

    pub fn keep(&self, filter: &Filter, version: &str, change: impl FnOnce(&mut OfFilter)) {
        let mut known = self.filters();
        let at = known.iter().position(|(known, at, _)| known == filter && at == version);
        let mut entry = match at {
            Some(at) => known.remove(at),
            None => (filter.clone(), version.to_owned(), OfFilter::default()),
        };
        change(&mut entry.2);
        known.retain(|(known, _, _)| known != filter);
        if known.len() >= KEPT_FILTERS {
            known.remove(0);
        }
        known.push(entry);
    }
}
