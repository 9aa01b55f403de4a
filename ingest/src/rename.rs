//! Sources that were renamed: how one is recognised, and how a knowledge base learns of it.
//!
//! A folder under another name is another source, whose documents would stand beside those of the old one. Whether it
//! is the same one, the paths and the contents of its documents tell, for they are hashed without the source's name.

use crate::{error::IngestError, plan::Found, report::Warning, runs::RunLog, sources::folder::check_name};
use kb::{
    document::{ContentHash, source_of},
    store::{self, Address, Commit, Identity, StoreError},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Two sources are one and the same when this share of the documents of each is in the other.
const SAME_SHARE: f64 = 0.5;

/// The result of a renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// How many documents the source had under its old name.
    pub documents: u64,
    /// The commit that made it visible.
    pub commit: Commit,
}

/// Renames a source in one commit, without embedding anything. If the new name has the same documents already, as after
/// an ingest under that name, those of the old name go; a source of other documents is only joined with `force`.
pub async fn rename(kb: &Address, old: &str, new: &str, force: bool) -> Result<Renamed, IngestError> {
    check_name(new)?;
    if old == new {
        return Err(IngestError::SameName { name: old.to_owned() });
    }
    let model = store::open(kb, None).await?.identity().model;
    let mut writer = store::open_writer(kb, &Identity::current(model)).await?;
    let stored = by_path(writer.fingerprints(&[old.to_owned()]).await?, old);
    let there = by_path(writer.fingerprints(&[new.to_owned()]).await?, new);
    if stored.is_empty() {
        let sources = writer.sources().await?.into_keys().collect();
        return Err(IngestError::NoSource { name: old.to_owned(), sources });
    }
    if !(there.is_empty() || force || are_same(&stored, &there)) {
        return Err(IngestError::SourceExists { old: old.to_owned(), new: new.to_owned() });
    }
    let documents = writer.rename_source(old, new).await?;
    let commit = writer.commit().await?;
    let mut log = RunLog::of(writer.run_log().await?);
    log.rename(old, new);
    log.keep(writer.as_mut()).await;
    Ok(Renamed { documents, commit })
}

/// A warning for each source that is stored under its name for the first time, and has the documents of one that is
/// stored under another name which this run does not give. `known` are sources with stored documents, those of the
/// given ones among them; `others` fetches those of the sources whose names it is asked for.
pub(crate) async fn hints(
    found: &[&Found],
    known: &HashSet<&str>,
    others: impl AsyncFnOnce(&HashSet<&str>) -> Result<HashMap<String, ContentHash>, StoreError>,
) -> Result<Vec<Warning>, StoreError> {
    let is_new = |found: &&&Found| !found.documents.is_empty() && !known.contains(found.source.as_str());
    let new: Vec<_> = found
        .iter()
        .filter(is_new)
        .map(|found| (&found.source, by_path(found.documents.iter().cloned(), &found.source)))
        .collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let given: HashSet<&str> = found.iter().map(|found| found.source.as_str()).collect();
    let mut stored: BTreeMap<String, HashMap<String, ContentHash>> = BTreeMap::new();
    for (id, hash) in others(&given).await? {
        let source = source_of(&id);
        if !given.contains(source) {
            let path = id[source.len()..].trim_start_matches('/').to_owned();
            stored.entry(source.to_owned()).or_default().insert(path, hash);
        }
    }
    let mut hints = Vec::new();
    for (old, stored) in &stored {
        for (name, documents) in new.iter().filter(|(_, documents)| are_same(stored, documents)) {
            hints.push(hint(old, name, shared(stored, documents), stored.len()));
        }
    }
    Ok(hints)
}

fn hint(old: &str, new: &str, shared: usize, stored: usize) -> Warning {
    let message = format!(
        "{shared} of the {stored} documents of source `{old}` are the same as here, so both names answer; if it was renamed, run \
         `ingest rename {} {}` with the same `--kb`",
        quoted(old),
        quoted(new)
    );
    Warning { path: format!("source {new}"), message }
}

/// As a shell reads one word.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '@' | ':');
    match name.chars().all(is_plain) && !name.starts_with('-') {
        true => name.to_owned(),
        false => {
            format!("{}'{}'", if name.starts_with('-') { "-- " } else { "" }, name.replace('\'', r"'\''"))
        }
    }
}

/// Documents by their paths within the source.
fn by_path(
    documents: impl IntoIterator<Item = (String, ContentHash)>,
    source: &str,
) -> HashMap<String, ContentHash> {
    let prefix = format!("{source}/");
    let within = |(id, hash): (String, ContentHash)| Some((id.strip_prefix(&prefix)?.to_owned(), hash));
    documents.into_iter().filter_map(within).collect()
}

/// The number of documents that are in both, with the same path and content.
fn shared(one: &HashMap<String, ContentHash>, two: &HashMap<String, ContentHash>) -> usize {
    one.iter().filter(|(path, hash)| two.get(*path) == Some(hash)).count()
}

fn are_same(one: &HashMap<String, ContentHash>, two: &HashMap<String, ContentHash>) -> bool {
    let shared = shared(one, two) as f64;
    shared > 0.0 && shared >= SAME_SHARE * one.len() as f64 && shared >= SAME_SHARE * two.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_a_shell() {
        for (name, word) in [
            ("docs-2.0", "docs-2.0"),
            ("my docs", "'my docs'"),
            ("it's", r"'it'\''s'"),
            ("-x", "-- '-x'"),
            ("文档", "文档"),
        ] {
            assert_eq!(quoted(name), word);
        }
    }

    #[test]
    fn sources_are_the_same_by_paths_and_contents() {
        let documents = |entries: &[(&str, &str)]| -> HashMap<String, ContentHash> {
            entries
                .iter()
                .map(|(path, text)| ((*path).to_owned(), ContentHash::of(&[text.as_bytes()])))
                .collect()
        };
        let old = documents(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        for (new, same) in [
            (&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")][..], true),
            (&[("a", "1"), ("b", "2"), ("c", "9"), ("e", "4")], true),
            (&[("a", "1"), ("b", "9"), ("c", "9"), ("d", "9")], false),
            (&[("x", "1"), ("y", "2"), ("z", "3")], false),
            (&[("a", "1")], false),
            (&[("a", "1"), ("b", "2"), ("p", "5"), ("q", "6"), ("r", "7")], false),
            (&[], false),
        ] {
            assert_eq!(are_same(&old, &documents(new)), same, "{new:?}");
        }
    }
}
