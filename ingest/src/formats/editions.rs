//! Editions: documents whose titles or file names are equal but for the version in them. Their versions tell them
//! apart.

use super::{Document, language, stem_of};
use kb::{
    document::ContentHash,
    version::{Version, in_title},
};
use std::collections::{BTreeSet, HashMap};

/// A document's title or its file's name without the version in it, and that version.
pub type Mark = (String, String);

impl Document {
    /// The marks of one edition among others: documents with equal marks differ in their versions only.
    pub fn marks(&self) -> Vec<Mark> {
        if self.meta.version.is_some() {
            return Vec::new();
        }
        let path = self.meta.id.split('#').next().unwrap_or_default();
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let words = language::without_suffix(stem_of(file)).replace(['-', '_'], " ");
        let has_words = |(rest, _): &(String, Version)| rest.chars().any(char::is_alphabetic);
        let named = [in_title(&self.meta.title), in_title(&words)].into_iter().flatten().filter(has_words);
        let language = self.meta.language.as_deref().unwrap_or_default();
        named.map(|(rest, version)| (format!("{folder}\n{rest}\n{language}"), version.to_string())).collect()
    }
}

/// A document's hash when it is [`Document::on_version`].
pub fn hash_on_version(hash: ContentHash, version: &str) -> ContentHash {
    ContentHash::of(&[&hash.0, version.as_bytes()])
}

/// The version of each document that has the title or the file name of another one but for the version: a single page
/// that mentions one may be about anything.
pub(crate) fn versions_of_editions(marks: &[(String, Mark)]) -> HashMap<String, String> {
    let mut editions: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for (_, (rest, version)) in marks {
        editions.entry(rest).or_default().insert(version);
    }
    let mut versions = HashMap::new();
    for (id, (rest, version)) in marks {
        if editions[rest.as_str()].len() > 1 {
            // The title's mark comes first.
            versions.entry(id.clone()).or_insert_with(|| version.clone());
        }
    }
    versions
}
