//! Finds the problems of a labelled set: labels that point nowhere, duplicates, questions copied from the corpus,
//! questions without a label. Pure: the runner brings queries, labels and documents.
//!
//! Entry point: [`Lint::new`], then [`Lint::document`] for every document, then [`Lint::finish`].

use crate::{
    datasets::{Qrels, Query},
    labels::{Target, matches_chunk},
    text::words,
};
use kb::document::Chunk;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A problem of one query or label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The kind of the problem.
    pub problem: Problem,
    /// The id of the query.
    pub query: String,
    /// The facts, in words.
    pub detail: String,
}

/// The problems that a lint knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// A label points at nothing that exists; such a query can never score fully.
    MissingTarget,
    /// Labels name a query that is not there.
    UnknownQuery,
    /// Two queries ask the same.
    DuplicateQuery,
    /// A query labels the same thing twice.
    DuplicateLabel,
    /// The query's text stands in the corpus word for word: it is found by copying, not by searching.
    VerbatimInCorpus,
    /// A query without a label: it is left out of the figures.
    Unlabelled,
    /// A passage is labelled by its chunk's number, which changes when chunks are cut otherwise.
    FragileLabel,
}

impl Problem {
    /// Whether the problem makes figures wrong; other problems only make them less telling.
    pub fn is_error(self) -> bool {
        matches!(self, Problem::MissingTarget | Problem::UnknownQuery)
    }

    /// The problem in a few words.
    pub fn describe(self) -> &'static str {
        match self {
            Problem::MissingTarget => "label points at nothing",
            Problem::UnknownQuery => "label for a query that does not exist",
            Problem::DuplicateQuery => "same question twice",
            Problem::DuplicateLabel => "same label twice",
            Problem::VerbatimInCorpus => "question stands in the corpus word for word",
            Problem::Unlabelled => "question without a label",
            Problem::FragileLabel => "label by chunk number",
        }
    }
}

/// Fewest words of a question that is looked for in the corpus: a shorter one is in any corpus by chance.
const MIN_VERBATIM_WORDS: usize = 8;

/// A lint under way.
pub struct Lint {
    findings: BTreeSet<Finding>,
    /// Normalised query texts that are long enough, by their first words.
    by_opening: HashMap<Vec<String>, Vec<(String, Vec<String>)>>,
    /// The labelled fragments, by document, that no chunk has had yet, with the queries that label them.
    fragments: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Lint {
    /// Does the checks that need no text of documents. `answerable` says whether queries ought to have labels.
    pub fn new(queries: &[Query], qrels: &Qrels, documents: &BTreeSet<String>, answerable: bool) -> Self {
        let mut lint =
            Lint { findings: BTreeSet::new(), by_opening: HashMap::new(), fragments: BTreeMap::new() };
        let mut first_with: HashMap<Vec<String>, &str> = HashMap::new();
        for query in queries {
            let words = words(&query.text);
            match first_with.get(&words) {
                Some(first) => {
                    lint.find(Problem::DuplicateQuery, &query.id, format!("asks the same as `{first}`"))
                }
                None => {
                    first_with.insert(words.clone(), &query.id);
                }
            }
            if answerable && !qrels.contains_key(&query.id) {
                lint.find(Problem::Unlabelled, &query.id, "has no label and is left out".to_owned());
            }
            if words.len() >= MIN_VERBATIM_WORDS {
                let opening = words[..MIN_VERBATIM_WORDS].to_vec();
                lint.by_opening.entry(opening).or_default().push((query.id.clone(), words));
            }
        }
        let known: BTreeSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
        for (query, judged) in qrels {
            if !known.contains(query.as_str()) {
                lint.find(Problem::UnknownQuery, query, "is labelled, but there is no such query".to_owned());
            }
            let mut seen = BTreeSet::new();
            for (label, _) in judged {
                if !seen.insert(label) {
                    lint.find(Problem::DuplicateLabel, query, format!("labels `{label}` twice"));
                }
                let target = Target::parse(label, documents);
                if !target.exists(documents) {
                    lint.find(Problem::MissingTarget, query, format!("`{label}` does not exist"));
                } else if let Target::Passage { document, fragment } = target {
                    if fragment.parse::<u32>().is_ok() {
                        let detail = format!("`{label}` names a chunk by number; name its heading instead");
                        lint.find(Problem::FragileLabel, query, detail);
                    }
                    lint.fragments.entry((document, fragment)).or_default().insert(query.clone());
                }
            }
        }
        lint
    }

    /// Checks one document's chunks, all of them, in order.
    pub fn document(&mut self, id: &str, chunks: &[Chunk]) {
        self.fragments.retain(|(document, fragment), _| {
            document != id || !chunks.iter().any(|chunk| matches_chunk(fragment, chunk))
        });
        if self.by_opening.is_empty() {
            return;
        }
        for chunk in chunks {
            let text = words(&chunk.text);
            let mut found = Vec::new();
            for (at, opening) in text.windows(MIN_VERBATIM_WORDS).enumerate() {
                let Some(candidates) = self.by_opening.get(opening) else { continue };
                found.extend(
                    candidates
                        .iter()
                        .filter(|(_, words)| text[at..].starts_with(words))
                        .map(|(id, _)| id.clone()),
                );
            }
            for query in found {
                self.find(
                    Problem::VerbatimInCorpus,
                    &query,
                    format!("stands word for word in `{}`", chunk.document),
                );
            }
        }
    }

    /// The findings by problem and query; the fragments that no chunk had are among them.
    pub fn finish(mut self) -> Vec<Finding> {
        for ((document, fragment), queries) in std::mem::take(&mut self.fragments) {
            for query in queries {
                let detail = format!("`{document}` has no passage `{fragment}`");
                self.find(Problem::MissingTarget, &query, detail);
            }
        }
        self.findings.into_iter().collect()
    }

    fn find(&mut self, problem: Problem, query: &str, detail: String) {
        self.findings.insert(Finding { problem, query: query.to_owned(), detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(id: &str, text: &str) -> Query {
        Query { id: id.to_owned(), text: text.to_owned(), meta: serde_json::Map::new() }
    }

    fn chunk(document: &str, heading: &str, text: &str) -> Chunk {
        Chunk {
            document: document.to_owned(),
            ordinal: 0,
            heading_path: vec![heading.to_owned()],
            anchor: None,
            text: text.to_owned(),
            start_byte: 0,
            end_byte: 0,
            tokens: 0,
            prohibitions: Vec::new(),
        }
    }

    #[test]
    fn every_problem_is_found_once() {
        let queries = [
            query("copied", "Nodes are **drained** one by one, oldest first, during an upgrade."),
            query("short", "Drain a node"),
            query("again", "drain a NODE?"),
            query("bare", "why"),
            query("passage", "what is 137"),
        ];
        let label = |label: &str| vec![(label.to_owned(), 1)];
        let qrels = Qrels::from([
            ("copied".to_owned(), [label("a.md"), label("a.md")].concat()),
            ("short".to_owned(), [label("gone.md"), label("docs/")].concat()),
            ("again".to_owned(), label("a.md#0")),
            ("passage".to_owned(), [label("a.md#exit-codes"), label("a.md#no-such-part")].concat()),
            ("ghost".to_owned(), label("a.md")),
        ]);
        let documents = BTreeSet::from(["a.md".to_owned()]);
        let mut lint = Lint::new(&queries, &qrels, &documents, true);
        let text = "Remember: nodes are drained one by one, oldest\nfirst, during an upgrade. Then wait.";
        lint.document("a.md", &[chunk("a.md", "Exit codes", text)]);
        let found: Vec<String> =
            lint.finish().iter().map(|f| format!("{:?} {}: {}", f.problem, f.query, f.detail)).collect();
        assert_eq!(
            found,
            [
                "MissingTarget passage: `a.md` has no passage `no-such-part`",
                "MissingTarget short: `docs/` does not exist",
                "MissingTarget short: `gone.md` does not exist",
                "UnknownQuery ghost: is labelled, but there is no such query",
                "DuplicateQuery again: asks the same as `short`",
                "DuplicateLabel copied: labels `a.md` twice",
                "VerbatimInCorpus copied: stands word for word in `a.md`",
                "Unlabelled bare: has no label and is left out",
                "FragileLabel again: `a.md#0` names a chunk by number; name its heading instead",
            ]
        );
    }

    #[test]
    fn a_sound_set_has_no_finding() {
        let qrels = Qrels::from([("q".to_owned(), vec![("a.md".to_owned(), 1)])]);
        let documents = BTreeSet::from(["a.md".to_owned()]);
        let mut lint = Lint::new(&[query("q", "節點未就緒時應該先檢查什麼")], &qrels, &documents, true);
        lint.document("a.md", &[chunk("a.md", "", "節點未就緒時應該先看事件")]);
        assert_eq!(lint.finish(), []);
    }

    #[test]
    fn unanswerable_sets_need_no_labels() {
        let lint = Lint::new(&[query("q", "x")], &Qrels::new(), &BTreeSet::new(), false);
        assert_eq!(lint.finish(), []);
    }
}
