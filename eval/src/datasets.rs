//! Questions with their labels, as files: BEIR's `queries.jsonl`, `qrels.tsv` and `corpus.jsonl`.
//!
//! Entry points: [`read_queries`], [`read_qrels`], [`read_passages`], [`Beir::open`], [`Corpus`]. [`crate::labels`]
//! knows what a label points at, [`crate::lint`] whether the data is sound.

use crate::{error::EvalError, files::read_text};
use kb::document::ContentHash;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    ops::Range,
    path::{Path, PathBuf},
};

/// A question of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Unique within its file.
    #[serde(rename = "_id", deserialize_with = "text_or_number")]
    pub id: String,
    /// The text of the question.
    pub text: String,
    /// Further facts about the question, such as its class, its language or its origin.
    #[serde(default, alias = "metadata", skip_serializing_if = "serde_json::Map::is_empty")]
    pub meta: serde_json::Map<String, serde_json::Value>,
}

impl Query {
    /// The group it is reported under: the first of these keys that its `meta` has.
    pub fn class(&self) -> &str {
        ["class", "product", "domain", "topic", "source"]
            .iter()
            .find_map(|key| self.meta.get(*key)?.as_str())
            .unwrap_or("all")
    }

    /// The asker's language as free text, if `meta` has it.
    pub fn language(&self) -> Option<&str> {
        self.meta.get("language")?.as_str()
    }
}

/// Labels: for each query its relevant documents, directories or passages with their grades, in the file's order.
pub type Qrels = BTreeMap<String, Vec<(String, i32)>>;

/// Reads `queries.jsonl`: an object a line with `_id`, `text` and, optionally, `meta`. Blank lines are skipped; a
/// repeated id is an error.
pub fn read_queries(path: &Path) -> Result<Vec<Query>, EvalError> {
    let mut seen = std::collections::HashSet::new();
    let mut queries = Vec::new();
    for (at, line) in read_text(path)?.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let query: Query = serde_json::from_str(line).map_err(|error| {
            EvalError::at_line(path, at + 1, format!("not a query ({error}); expected {{\"_id\", \"text\"}}"))
        })?;
        if !seen.insert(query.id.clone()) {
            return Err(EvalError::at_line(path, at + 1, format!("the id `{}` comes twice", query.id)));
        }
        queries.push(query);
    }
    Ok(queries)
}

/// Reads labels: a tab-separated file of `query-id corpus-id score` (BEIR, with or without its header) or of `query 0
/// document grade` (TREC), or a directory of such files. In a directory, `test.tsv` is read if it is there, since
/// BEIR's figures are for that split, else every `*.tsv` by name.
pub fn read_qrels(path: &Path) -> Result<Qrels, EvalError> {
    let mut qrels = Qrels::new();
    for file in qrels_files(path)? {
        for (at, line) in read_text(&file)?.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() {
                continue;
            }
            // TREC's own files separate by any white space, but ids with spaces need tabs.
            let fields: Vec<&str> = match line.contains('\t') {
                true => line.split('\t').collect(),
                false => line.split_whitespace().collect(),
            };
            let (query, document, grade) = match fields[..] {
                [query, document, grade] | [query, _, document, grade] => (query, document, grade),
                _ => {
                    let detail =
                        format!("{} fields; expected `query-id`, `corpus-id`, `score`", fields.len());
                    return Err(EvalError::at_line(&file, at + 1, detail));
                }
            };
            match grade.trim().parse::<i32>() {
                Ok(grade) => qrels.entry(query.to_owned()).or_default().push((document.to_owned(), grade)),
                Err(_) if at == 0 => {} // The header.
                Err(_) => {
                    return Err(EvalError::at_line(
                        &file,
                        at + 1,
                        format!("`{grade}` is not a whole number"),
                    ));
                }
            }
        }
    }
    Ok(qrels)
}

/// Labelled sections: for each query, documents with the heading that answers it, in the file's order.
pub type Passages = BTreeMap<String, Vec<(String, String)>>;

/// Reads `passages.tsv`: tab-separated `query-id corpus-id heading`, with or without that header.
pub fn read_passages(path: &Path) -> Result<Passages, EvalError> {
    let mut passages = Passages::new();
    for (at, line) in read_text(path)?.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        match line.split('\t').collect::<Vec<_>>()[..] {
            _ if line.trim().is_empty() => {}
            ["query-id", "corpus-id", "heading"] if at == 0 => {}
            [query, document, heading] => {
                let labels = passages.entry(query.to_owned()).or_default();
                labels.push((document.to_owned(), heading.trim().to_owned()));
            }
            ref fields => {
                let detail = format!("{} fields; expected `query-id`, `corpus-id`, `heading`", fields.len());
                return Err(EvalError::at_line(path, at + 1, detail));
            }
        }
    }
    Ok(passages)
}

/// A directory of questions with labelled sections: `queries.jsonl`, `passages.tsv` and, optionally, `set.json` with
/// the folders that they are asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionSet {
    /// The name of the directory.
    pub name: String,
    /// The path of `queries.jsonl`.
    pub queries: PathBuf,
    /// The path of `passages.tsv`.
    pub passages: PathBuf,
    /// The path of `set.json`, which need not exist.
    pub about: PathBuf,
}

impl SectionSet {
    /// The parts of a directory; none of them is read yet.
    pub fn at(directory: &Path) -> Self {
        let name = directory.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let [queries, passages, about] =
            ["queries.jsonl", "passages.tsv", "set.json"].map(|part| directory.join(part));
        Self { name, queries, passages, about }
    }

    /// The folders that `set.json` says its questions are asked of, as they are written there.
    pub fn corpus_dirs(&self) -> Result<Vec<String>, EvalError> {
        /// As much of the file as matters here.
        #[derive(Deserialize)]
        struct About {
            corpus_dirs: Vec<String>,
        }
        let about: About = serde_json::from_str(&read_text(&self.about)?)
            .map_err(|error| EvalError::data(&self.about, format!("expected `corpus_dirs`: {error}")))?;
        Ok(about.corpus_dirs)
    }
}

fn qrels_files(path: &Path) -> Result<Vec<PathBuf>, EvalError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let test = path.join("test.tsv");
    if test.is_file() {
        return Ok(vec![test]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(EvalError::io("list", path))? {
        let file = entry.map_err(EvalError::io("list", path))?.path();
        if file.extension().is_some_and(|extension| extension == "tsv") {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(EvalError::data(path, "holds no `*.tsv` file with labels")),
        false => Ok(files),
    }
}

/// The origin of a set's documents.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Corpus {
    /// Directories; each is a source named after its last component.
    Directories(Vec<PathBuf>),
    /// A `corpus.jsonl`, whose ids are used verbatim.
    Jsonl(PathBuf),
}

/// A directory in BEIR's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beir {
    /// The path of `corpus.jsonl`.
    pub corpus: PathBuf,
    /// The path of `queries.jsonl`.
    pub queries: PathBuf,
    /// The path of `qrels.tsv`, or of the directory `qrels`.
    pub qrels: PathBuf,
}

impl Beir {
    /// Finds the three parts; each must exist.
    pub fn open(directory: &Path) -> Result<Self, EvalError> {
        let first_of = |names: &[&str]| {
            names.iter().map(|name| directory.join(name)).find(|path| path.exists()).ok_or_else(|| {
                EvalError::data(
                    directory,
                    format!("is not in BEIR's layout: it has no `{}`", names.join("` or `")),
                )
            })
        };
        Ok(Self {
            corpus: first_of(&["corpus.jsonl"])?,
            queries: first_of(&["queries.jsonl"])?,
            qrels: first_of(&["qrels.tsv", "qrels"])?,
        })
    }
}

/// A document of `corpus.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CorpusDocument {
    /// The id of the document, used verbatim.
    #[serde(rename = "_id", deserialize_with = "text_or_number")]
    pub id: String,
    /// Title; may be empty.
    #[serde(default)]
    pub title: String,
    /// The whole text of the document.
    pub text: String,
}

/// Reads `corpus.jsonl` line by line and hands each document to `each` with the place of its line in bytes: a corpus
/// need not fit in memory.
pub fn read_corpus(path: &Path, mut each: impl FnMut(CorpusDocument, Range<u64>)) -> Result<(), EvalError> {
    use std::io::BufRead as _;
    let file = kb::files::open(path).map_err(EvalError::io("read", path))?;
    let mut reader = std::io::BufReader::new(file);
    let mut line = Vec::new();
    let mut start = 0;
    for at in 1.. {
        line.clear();
        let read = reader
            .by_ref()
            .take(MAX_CORPUS_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(EvalError::io("read", path))?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_CORPUS_LINE_BYTES {
            return Err(EvalError::at_line(path, at, format!("longer than {MAX_CORPUS_LINE_BYTES} bytes")));
        }
        let place = start..start + read as u64;
        start = place.end;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let document = serde_json::from_slice(&line).map_err(|error| {
            EvalError::at_line(path, at, format!("not a document ({error}); expected {{\"_id\", \"text\"}}"))
        })?;
        each(document, place);
    }
    Ok(())
}

/// Longest line of a `corpus.jsonl`: 64 MiB.
const MAX_CORPUS_LINE_BYTES: u64 = 64 << 20;

/// Hash of questions and labels, as far as figures depend on them.
pub fn hash_of_set(queries: &[Query], qrels: &Qrels) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    for query in queries {
        add(&query.id);
        add(&query.text);
    }
    add("labels");
    for (query, judged) in qrels {
        for (label, grade) in judged {
            add(query);
            add(label);
            add(&grade.to_string());
        }
    }
    ContentHash(*hasher.finalize().as_bytes())
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("an id is a string, not {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file in it");
        (directory, path)
    }

    #[test]
    fn queries_are_read_in_order_with_their_class() {
        let text = "{\"_id\":\"a\",\"text\":\"why?\",\"meta\":{\"product\":\"flink\",\"language\":\"vi\"}}\n\n{\"_id\":7,\"text\":\"how\"}\n";
        let (_directory, path) = file("queries.jsonl", text);
        let queries = read_queries(&path).expect("two queries");
        assert_eq!(queries.iter().map(|query| query.id.as_str()).collect::<Vec<_>>(), ["a", "7"]);
        assert_eq!((queries[0].class(), queries[0].language()), ("flink", Some("vi")));
        assert_eq!((queries[1].class(), queries[1].language()), ("all", None));
    }

    #[test]
    fn a_bad_query_is_named_with_its_line() {
        for (text, expected) in [
            (
                "{\"_id\":\"a\",\"text\":\"x\"}\n{\"_id\":\"a\",\"text\":\"y\"}",
                "line 2: the id `a` comes twice",
            ),
            ("\nnot json", "line 2: not a query"),
            ("{\"_id\":\"a\"}", "line 1: not a query (missing field `text`"),
            ("{\"_id\":[],\"text\":\"\"}", "line 1: not a query (an id is a string"),
        ] {
            let (_directory, path) = file("queries.jsonl", text);
            let error = read_queries(&path).expect_err("a bad file").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn qrels_come_in_two_forms() {
        let expected = Qrels::from([("q".to_owned(), vec![("d 1.md".to_owned(), 2), ("e".to_owned(), 0)])]);
        for text in [
            "query-id\tcorpus-id\tscore\nq\td 1.md\t2\nq\te\t0\n",
            "q\td 1.md\t2\r\nq\te\t0\r\n",
            "q\t0\td 1.md\t2\nq 0 e 0\n",
        ] {
            let (_directory, path) = file("qrels.tsv", text);
            assert_eq!(read_qrels(&path).expect("labels"), expected, "{text}");
        }
        let (_directory, path) = file("qrels.tsv", "q\td\t1\nq\td\tx\n");
        assert!(read_qrels(&path).expect_err("a bad grade").to_string().contains("line 2: `x` is not"));
    }

    #[test]
    fn labelled_sections_are_read_with_or_without_a_header() {
        for header in ["", "query-id\tcorpus-id\theading\n"] {
            let text = format!("{header}q\tops/a.md\tDisk full\r\n\nq\tops/b.md\tLease\n");
            let (_directory, path) = file("passages.tsv", &text);
            let expected =
                [("ops/a.md", "Disk full"), ("ops/b.md", "Lease")].map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(read_passages(&path).expect("labels")["q"], expected, "{text}");
        }
        let (_directory, path) = file("passages.tsv", "q\tops/a.md\n");
        assert!(read_passages(&path).expect_err("two fields").to_string().contains("line 1: 2 fields"));
    }

    #[test]
    fn of_a_directory_the_test_split_is_read() {
        let (directory, _) = file("a.tsv", "q\tfrom-a\t1\n");
        fs::write(directory.path().join("b.tsv"), "q\tfrom-b\t1\n").expect("a second file");
        let both = read_qrels(directory.path()).expect("labels");
        assert_eq!(both["q"].len(), 2);
        fs::write(directory.path().join("test.tsv"), "q\tfrom-test\t1\n").expect("a third file");
        assert_eq!(read_qrels(directory.path()).expect("labels")["q"], [("from-test".to_owned(), 1)]);
    }

    #[test]
    fn the_hash_tells_sets_apart() {
        let query = |text: &str| Query { id: "q".into(), text: text.into(), meta: serde_json::Map::new() };
        let qrels = |grade| Qrels::from([("q".to_owned(), vec![("d".to_owned(), grade)])]);
        let hash = hash_of_set(&[query("a")], &qrels(1));
        assert_eq!(hash, hash_of_set(&[query("a")], &qrels(1)));
        assert_ne!(hash, hash_of_set(&[query("b")], &qrels(1)));
        assert_ne!(hash, hash_of_set(&[query("a")], &qrels(2)));
    }
}
