//! When files were last changed: along the first parents of a commit, the branch's own line, as far back as it takes
//! within bounds. A file that a merge brought was changed by the merge.

use super::{GitError, tree};
use gix::{ObjectId, Repository, object::tree::EntryRef};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// Commits that are looked at.
const MAX_COMMITS: usize = 20_000;
/// Entries of trees that are compared.
const MAX_COMPARED: usize = 5_000_000;
/// For trees that are compared again and again, in bytes.
const TREE_CACHE: usize = 32 << 20;

/// The key that entries of a tree are sorted by: the name, that of a folder with a `/`.
fn key<'e>(entry: &'e EntryRef<'_, '_>) -> impl Iterator<Item = u8> + 'e {
    let end = entry.mode().is_tree().then_some(b'/');
    entry.filename().iter().copied().chain(end)
}

/// The last change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// The commit; `None` where the file is older than every commit that was looked at.
    pub(super) commit: Option<ObjectId>,
    /// When it came to the branch, or the latest time at which that may have been.
    pub(super) at: Option<Timestamp>,
}

/// The last change of each of the `wanted` files of a folder, looking at `depth` commits at most. An object that cannot
/// be read ends the search, but is not a failure: a date is worth less than a document.
pub(super) fn last_changes(
    repository: &Repository,
    tip: ObjectId,
    folder: &str,
    wanted: HashSet<String>,
    depth: usize,
) -> HashMap<String, Change> {
    let mut repository = repository.clone();
    repository.object_cache_size_if_unset(TREE_CACHE);
    let mut search = Search { repository: &repository, wanted, changes: HashMap::new(), num_compared: 0 };
    let oldest = search.run(tip, folder, depth.min(MAX_COMMITS));
    let rest = Change { commit: None, at: oldest };
    let Search { wanted, mut changes, .. } = search;
    changes.extend(wanted.into_iter().map(|path| (path, rest)));
    changes
}

struct Search<'r> {
    repository: &'r Repository,
    /// Files whose last change was not met yet.
    wanted: HashSet<String>,
    changes: HashMap<String, Change>,
    num_compared: usize,
}

impl Search<'_> {
    /// Searches, and gives the time of the oldest commit that was looked at.
    fn run(&mut self, tip: ObjectId, folder: &str, num_commits: usize) -> Option<Timestamp> {
        let mut at = tip;
        let mut oldest = None;
        for left in (0..num_commits).rev() {
            let Ok(commit) = self.repository.find_commit(at) else { break };
            let time = commit.time().ok().and_then(|time| Timestamp::from_second(time.seconds).ok());
            oldest = time.or(oldest);
            let parent = commit.parent_ids().next().map(gix::Id::detach);
            // A history that was cut names commits that it does not have. A history that has grown since says the same.
            if parent.is_some_and(|parent| left == 0 || !self.repository.has_object(parent)) {
                break;
            }
            let change = Change { commit: Some(at), at: time };
            if self.compare(parent, at, folder, change).is_err() || self.wanted.is_empty() {
                break;
            }
            let Some(parent) = parent else { break };
            at = parent;
        }
        oldest
    }

    /// Notes the files that a commit has otherwise than its parent.
    fn compare(
        &mut self,
        parent: Option<ObjectId>,
        commit: ObjectId,
        folder: &str,
        change: Change,
    ) -> Result<(), GitError> {
        let Some(new) = tree::of_folder(self.repository, commit, folder)? else { return Ok(()) };
        let old = match parent {
            Some(parent) => tree::of_folder(self.repository, parent, folder)?,
            None => None,
        };
        let mut folders = vec![(String::new(), old, new)];
        while let Some((prefix, old, new)) = folders.pop() {
            if old == Some(new) {
                continue;
            }
            let old = old.map(|old| self.repository.find_tree(old)).transpose()?;
            let new = self.repository.find_tree(new)?;
            let mut before = old.iter().flat_map(|old| old.iter().filter_map(Result::ok)).peekable();
            let mut num_entries = 0;
            for entry in new.iter() {
                let entry = entry?;
                num_entries += 1;
                // Both have their entries in one order, so what is passed over is gone.
                while before.next_if(|old| key(old).lt(key(&entry))).is_some() {
                    num_entries += 1;
                }
                let old = before.next_if(|old| key(old).eq(key(&entry))).map(|old| old.object_id());
                let id = entry.object_id();
                let Ok(name) = std::str::from_utf8(entry.filename()) else { continue };
                if old == Some(id) {
                    continue;
                }
                let path = format!("{prefix}{name}");
                if entry.mode().is_tree() {
                    folders.push((format!("{path}/"), old, id));
                } else if self.wanted.remove(&path) {
                    self.changes.insert(path, change);
                }
            }
            self.num_compared += num_entries;
            if self.num_compared > MAX_COMPARED {
                return Err(GitError::Refused("its history is too long".to_owned()));
            }
        }
        Ok(())
    }
}
