//! The targets of relevance labels, and the units that ranked documents and passages count as. Pure.
//!
//! A label is a document id (`docs/tasks/debug.md`), a directory of documents (`docs/tasks/`), or a passage: by its
//! heading (`docs/tasks/debug.md#exit-codes`), which survives another way of cutting chunks, or by its chunk's id
//! (`docs/tasks/debug.md#3`), which does not. Rankings are turned into *units*: each labelled passage or directory is
//! one, and every other document is its own, so that the metrics need not know the targets of labels.

use crate::metrics::Relevance;
use kb::document::Chunk;
use std::collections::{BTreeMap, BTreeSet};

/// The target of a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A document, by its id.
    Document(String),
    /// Every document whose id starts with this text, which ends in `/`.
    Directory(String),
    /// A part of a document.
    Passage {
        /// The id of the document.
        document: String,
        /// A heading, its anchor, or a chunk's ordinal.
        fragment: String,
    },
}

impl Target {
    /// Reads a label. Document ids may hold a `#` themselves (a row of a CSV file), so the ids that exist decide;
    /// a label that names none of them keeps its most likely reading.
    pub fn parse(label: &str, documents: &BTreeSet<String>) -> Target {
        if documents.contains(label) {
            return Target::Document(label.to_owned());
        }
        if label.ends_with('/') {
            return Target::Directory(label.to_owned());
        }
        match label.split_once('#') {
            Some(_) => {
                let mut splits = label.match_indices('#').map(|(at, _)| (&label[..at], &label[at + 1..]));
                let known = splits.clone().rfind(|(document, _)| documents.contains(*document));
                let (document, fragment) = known.or_else(|| splits.next_back()).unwrap_or((label, ""));
                Target::Passage { document: document.to_owned(), fragment: fragment.to_owned() }
            }
            None => Target::Document(label.to_owned()),
        }
    }

    /// Whether the target exists among these documents. A passage counts when its document does: its heading can only
    /// be checked against the chunks ([`matches_chunk`]).
    pub fn exists(&self, documents: &BTreeSet<String>) -> bool {
        match self {
            Target::Document(id) | Target::Passage { document: id, .. } => documents.contains(id),
            Target::Directory(prefix) => {
                documents.range(prefix.clone()..).next().is_some_and(|id| id.starts_with(prefix.as_str()))
            }
        }
    }
}

/// Whether a passage label's fragment means this chunk: its ordinal, its anchor, one of its headings, or a heading
/// within its text (merged passages hold several).
pub fn matches_chunk(fragment: &str, chunk: &Chunk) -> bool {
    if fragment.parse() == Ok(chunk.ordinal) || chunk.anchor.as_deref() == Some(fragment) {
        return true;
    }
    let wanted = slug(fragment);
    let is_wanted = |heading: &str| !wanted.is_empty() && slug(heading) == wanted;
    chunk.heading_path.iter().any(|heading| is_wanted(heading))
        || chunk.text.lines().filter_map(heading_of_line).any(is_wanted)
}

/// The text of an ATX heading.
fn heading_of_line(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?.trim_start_matches('#');
    rest.starts_with(' ').then(|| rest.trim().trim_end_matches('#').trim_end())
}

/// Lower-case words joined by `-`, as anchors are commonly made; other characters are left out.
fn slug(heading: &str) -> String {
    let mut slug = String::with_capacity(heading.len());
    for character in heading.chars().flat_map(char::to_lowercase) {
        match character {
            character if character.is_alphanumeric() => slug.push(character),
            ' ' | '-' | '_' | '\t' if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// The labels of one set, ready to turn rankings into units.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// For each query: each label with its grade.
    by_query: BTreeMap<String, Vec<(Target, i32)>>,
    /// Documents with a label of their own.
    documents: BTreeSet<String>,
    /// Labelled directories, each ending in `/`.
    directories: BTreeSet<String>,
    /// Number of path components of the shallowest labelled directory.
    depth: Option<usize>,
    /// Labelled fragments by document.
    passages: BTreeMap<String, BTreeSet<String>>,
}

impl Labels {
    /// Reads the labels of a set, `query -> [(label, grade)]`, for a knowledge base with these documents.
    pub fn new(judgements: &BTreeMap<String, Vec<(String, i32)>>, documents: &BTreeSet<String>) -> Self {
        let mut labels = Labels::default();
        for (query, judged) in judgements {
            let mut targets = Vec::with_capacity(judged.len());
            for (label, grade) in judged {
                let target = Target::parse(label, documents);
                match &target {
                    Target::Document(id) => {
                        labels.documents.insert(id.clone());
                    }
                    Target::Directory(prefix) => {
                        let depth = prefix.matches('/').count();
                        labels.depth = Some(labels.depth.map_or(depth, |shallowest| shallowest.min(depth)));
                        labels.directories.insert(prefix.clone());
                    }
                    Target::Passage { document, fragment } => {
                        labels.passages.entry(document.clone()).or_default().insert(fragment.clone());
                    }
                }
                targets.push((target, *grade));
            }
            labels.by_query.insert(query.clone(), targets);
        }
        labels
    }

    /// The queries that have labels, by id.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.by_query.keys().map(String::as_str)
    }

    /// The distinct targets of all labels.
    pub fn targets(&self) -> BTreeSet<&Target> {
        self.by_query.values().flatten().map(|(target, _)| target).collect()
    }

    /// Whether any label points at a passage.
    pub fn has_passages(&self) -> bool {
        !self.passages.is_empty()
    }

    /// The relevant units of a query, where units are documents and directories; a passage counts as its document. A
    /// unit with several grades has the highest.
    pub fn relevant_documents(&self, query: &str) -> Relevance {
        self.relevance(query, |target| match target {
            Target::Document(id) | Target::Directory(id) => id.clone(),
            Target::Passage { document, .. } => document.clone(),
        })
    }

    /// The relevant units of a query, where passages are units of their own.
    pub fn relevant_passages(&self, query: &str) -> Relevance {
        self.relevance(query, |target| match target {
            Target::Document(id) | Target::Directory(id) => id.clone(),
            Target::Passage { document, fragment } => format!("{document}#{fragment}"),
        })
    }

    fn relevance(&self, query: &str, unit: impl Fn(&Target) -> String) -> Relevance {
        let mut relevance = Relevance::new();
        for (target, grade) in self.by_query.get(query).into_iter().flatten() {
            let entry = relevance.entry(unit(target)).or_insert(*grade);
            *entry = (*entry).max(*grade);
        }
        relevance
    }

    /// The unit of a ranked document. In a set with labelled directories, documents without a label of their own stand
    /// for their directory: the labelled one, else the one as deep as the shallowest labelled one, so that a directory
    /// of many documents takes one place in the ranking whether it is relevant or not.
    pub fn unit_of_document(&self, document: &str) -> String {
        let Some(depth) = self.depth else { return document.to_owned() };
        if self.documents.contains(document) {
            return document.to_owned();
        }
        let mut prefixes = document.match_indices('/').map(|(at, _)| &document[..=at]);
        if let Some(labelled) = prefixes.clone().rfind(|prefix| self.directories.contains(*prefix)) {
            return labelled.to_owned();
        }
        prefixes.clone().nth(depth - 1).or_else(|| prefixes.next_back()).unwrap_or(document).to_owned()
    }

    /// The units of a ranked passage: every labelled passage that it covers, else the unit of its document, or its own
    /// id where the document's labels are passages.
    pub fn units_of_chunk(&self, chunk: &Chunk) -> Vec<String> {
        let Some(fragments) = self.passages.get(&chunk.document) else {
            return vec![self.unit_of_document(&chunk.document)];
        };
        let covered: Vec<String> = fragments
            .iter()
            .filter(|fragment| matches_chunk(fragment, chunk))
            .map(|fragment| format!("{}#{fragment}", chunk.document))
            .collect();
        match (covered.is_empty(), self.documents.contains(&chunk.document)) {
            (false, _) => covered,
            (true, true) => vec![chunk.document.clone()],
            (true, false) => vec![chunk.id()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn labels(judged: &[(&str, i32)], ids: &[&str]) -> Labels {
        let judged = judged.iter().map(|(label, grade)| ((*label).to_owned(), *grade)).collect();
        Labels::new(&BTreeMap::from([("q".to_owned(), judged)]), &documents(ids))
    }

    fn chunk(document: &str, ordinal: u32, headings: &[&str], text: &str) -> Chunk {
        Chunk {
            document: document.to_owned(),
            ordinal,
            heading_path: headings.iter().map(|heading| (*heading).to_owned()).collect(),
            anchor: None,
            text: text.to_owned(),
            start_byte: 0,
            end_byte: 0,
            tokens: 0,
            prohibitions: Vec::new(),
        }
    }

    #[test]
    fn labels_are_read_by_what_exists() {
        let known = documents(&["faq/qa.csv#3", "docs/c#/intro.md", "docs/a.md"]);
        for (label, target) in [
            ("docs/a.md", Target::Document("docs/a.md".into())),
            ("faq/qa.csv#3", Target::Document("faq/qa.csv#3".into())),
            ("docs/", Target::Directory("docs/".into())),
            (
                "docs/a.md#exit codes",
                Target::Passage { document: "docs/a.md".into(), fragment: "exit codes".into() },
            ),
            (
                "docs/c#/intro.md#x",
                Target::Passage { document: "docs/c#/intro.md".into(), fragment: "x".into() },
            ),
            ("gone.md#x", Target::Passage { document: "gone.md".into(), fragment: "x".into() }),
            ("gone.md", Target::Document("gone.md".into())),
        ] {
            assert_eq!(Target::parse(label, &known), target, "{label}");
        }
        assert!(Target::Directory("docs/".into()).exists(&known));
        assert!(!Target::Directory("doc/".into()).exists(&known));
        assert!(!Target::Document("gone.md".into()).exists(&known));
    }

    #[test]
    fn headings_match_whatever_the_chunk_they_fell_into() {
        let small = chunk("d", 7, &["Debug", "Exit codes"], "137 means OOM.");
        let merged = chunk("d", 2, &["Debug"], "Look first.\n\n## Exit Codes\n\n137 means OOM.");
        for (fragment, in_small, in_merged) in [
            ("exit-codes", true, true),
            ("Exit codes", true, true),
            ("debug", true, true),
            ("7", true, false),
            ("look", false, false),
            ("", false, false),
        ] {
            assert_eq!(matches_chunk(fragment, &small), in_small, "{fragment}");
            assert_eq!(matches_chunk(fragment, &merged), in_merged, "{fragment}");
        }
        assert!(matches_chunk("退出碼", &chunk("d", 0, &["退出碼"], "")));
    }

    #[test]
    fn directories_take_one_place() {
        let found = labels(&[("docs/a/", 1), ("docs/b/x.md", 2)], &["docs/b/x.md"]);
        for (document, unit) in [
            ("docs/a/1.md", "docs/a/"),
            ("docs/a/sub/2.md", "docs/a/"),
            ("docs/b/x.md", "docs/b/x.md"),
            ("docs/b/y.md", "docs/b/"),
            ("docs/readme.md", "docs/"),
            ("lone", "lone"),
        ] {
            assert_eq!(found.unit_of_document(document), unit, "{document}");
        }
        assert_eq!(found.relevant_documents("q").get("docs/a/"), Some(&1));
    }

    #[test]
    fn without_directories_a_document_is_its_own_unit() {
        assert_eq!(labels(&[("docs/a.md", 1)], &[]).unit_of_document("docs/b.md"), "docs/b.md");
    }

    #[test]
    fn passages_are_units_of_their_own_and_count_for_their_document() {
        let found = labels(&[("d#exit-codes", 2), ("d#logs", 1), ("e", 1)], &["d", "e"]);
        assert!(found.has_passages());
        assert_eq!(found.relevant_documents("q"), BTreeMap::from([("d".into(), 2), ("e".into(), 1)]));
        assert_eq!(found.relevant_passages("q").len(), 3);
        assert_eq!(found.units_of_chunk(&chunk("d", 0, &["Exit codes"], "")), ["d#exit-codes"]);
        assert_eq!(
            found.units_of_chunk(&chunk("d", 1, &["Exit codes"], "## Logs\n")),
            ["d#exit-codes", "d#logs"]
        );
        assert_eq!(found.units_of_chunk(&chunk("d", 4, &["Other"], "")), ["d#4"]);
        assert_eq!(found.units_of_chunk(&chunk("e", 4, &["Other"], "")), ["e"]);
    }
}
