//! The plan of a run: the documents that were found, compared with those that are stored. Pure.

use crate::report::DocumentCounts;
use kb::document::ContentHash;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The guard lets this many documents of a source go without asking.
pub const ALWAYS_REMOVABLE: usize = 3;

/// The guard lets this share of a source's documents go without asking.
pub const REMOVABLE_SHARE: f64 = 0.3;

/// The documents that were found in one source.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The source's name, the first part of its documents' ids.
    pub source: String,
    /// Id and hash of each document, in order.
    pub documents: Vec<(String, ContentHash)>,
    /// Whether the source was seen as a whole. Otherwise no document is removed.
    pub is_complete: bool,
    /// Paths whose content could not be read; their stored documents stay.
    pub unknown: Vec<String>,
}

/// The changes that one source needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ids of documents that are not stored yet.
    pub added: HashSet<String>,
    /// Ids of documents that are stored with another hash.
    pub changed: HashSet<String>,
    /// Number of documents that are stored as they are.
    pub unchanged: usize,
    /// Ids to remove, sorted.
    pub removed: BTreeSet<String>,
    /// Number of stored documents before.
    pub stored: usize,
}

impl Plan {
    /// Compares the documents that were found with the hashes of the source's stored documents, by id.
    pub fn diff(found: &Found, stored: &HashMap<String, ContentHash>) -> Self {
        let mut plan = Self { stored: stored.len(), ..Self::default() };
        let mut present: HashSet<&str> = HashSet::with_capacity(found.documents.len());
        for (id, hash) in &found.documents {
            present.insert(id);
            match stored.get(id) {
                None => drop(plan.added.insert(id.clone())),
                Some(known) if known != hash => drop(plan.changed.insert(id.clone())),
                Some(_) => plan.unchanged += 1,
            }
        }
        if found.is_complete {
            let unknown: HashSet<String> =
                found.unknown.iter().map(|path| format!("{}/{path}", found.source)).collect();
            let is_unknown = |id: &str| {
                unknown.contains(id) || id.rsplit_once('#').is_some_and(|(file, _)| unknown.contains(file))
            };
            let absent = stored.keys().filter(|id| !present.contains(id.as_str()) && !is_unknown(id));
            plan.removed = absent.cloned().collect();
        }
        plan
    }

    /// How many documents there are of each sort.
    pub fn counts(&self) -> DocumentCounts {
        let (added, changed) = (self.added.len() as u64, self.changed.len() as u64);
        let unchanged = self.unchanged as u64;
        DocumentCounts {
            seen: added + changed + unchanged,
            added,
            changed,
            unchanged,
            removed: self.removed.len() as u64,
        }
    }

    /// Whether a document has to be written.
    pub fn writes(&self, id: &str) -> bool {
        self.added.contains(id) || self.changed.contains(id)
    }

    /// Whether so much would go that it looks like a mistake: all of a source's documents, or more than
    /// [`ALWAYS_REMOVABLE`] of them and more than [`REMOVABLE_SHARE`].
    pub fn removes_too_much(&self) -> bool {
        let removed = self.removed.len();
        if removed == 0 {
            return false;
        }
        let empties = removed == self.stored && self.added.is_empty();
        let is_large = removed > ALWAYS_REMOVABLE && removed as f64 > REMOVABLE_SHARE * self.stored as f64;
        empties || is_large
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> ContentHash {
        ContentHash::of(&[text.as_bytes()])
    }

    fn stored(ids: &[&str]) -> HashMap<String, ContentHash> {
        ids.iter().map(|id| (format!("s/{id}"), hash("old"))).collect()
    }

    fn found(documents: &[(&str, &str)]) -> Found {
        let documents = documents.iter().map(|(id, text)| (format!("s/{id}"), hash(text))).collect();
        Found { source: "s".to_owned(), documents, is_complete: true, unknown: Vec::new() }
    }

    fn ids(set: impl IntoIterator<Item = String>) -> String {
        let mut ids: Vec<String> = set.into_iter().collect();
        ids.sort();
        ids.join(" ")
    }

    fn check(found: &Found, stored: &HashMap<String, ContentHash>, expected: &str) {
        let plan = Plan::diff(found, stored);
        let said =
            format!("+{} ~{} ={} -{}", ids(plan.added), ids(plan.changed), plan.unchanged, ids(plan.removed));
        assert_eq!(said, expected);
    }

    #[test]
    fn documents_are_told_apart_by_hash() {
        check(
            &found(&[("a", "old"), ("b", "new"), ("c", "new")]),
            &stored(&["a", "b", "d"]),
            "+s/c ~s/b =1 -s/d",
        );
        check(&found(&[]), &stored(&[]), "+ ~ =0 -");
    }

    #[test]
    fn what_was_not_seen_is_not_removed() {
        let partial = Found { is_complete: false, ..found(&[("a", "old")]) };
        check(&partial, &stored(&["a", "b"]), "+ ~ =1 -");
        let unreadable = Found { unknown: vec!["b".to_owned(), "q.csv".to_owned()], ..found(&[]) };
        check(&unreadable, &stored(&["a", "b", "q.csv#1", "q.csv#2", "q.csvx"]), "+ ~ =0 -s/a s/q.csvx");
    }

    #[test]
    fn mass_deletion_is_noticed() {
        let check = |num_stored: usize, num_left: usize, num_new: usize, too_much: bool| {
            let names: Vec<String> = (0..num_stored).map(|i| format!("{i}")).collect();
            let stored: HashMap<_, _> = names.iter().map(|id| (format!("s/{id}"), hash("old"))).collect();
            let new: Vec<String> = (0..num_new).map(|i| format!("new{i}")).collect();
            let documents: Vec<(&str, &str)> =
                names[..num_left].iter().chain(&new).map(|id| (id.as_str(), "old")).collect();
            let plan = Plan::diff(&found(&documents), &stored);
            assert_eq!(
                plan.removes_too_much(),
                too_much,
                "{num_stored} stored, {num_left} left, {num_new} new"
            );
        };
        check(10, 10, 0, false);
        check(10, 7, 0, false);
        check(10, 6, 0, true);
        check(10, 0, 10, true);
        check(100, 70, 0, false);
        check(100, 69, 0, true);
        check(3, 1, 0, false);
        check(1, 0, 0, true);
        check(1, 0, 1, false);
        check(0, 0, 0, false);
    }
}
