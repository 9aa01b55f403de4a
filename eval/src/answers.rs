//! Measures of an answer that need no judge: whether its literals stand in the documents that it cites, whether it
//! mentions the wanted facts, whether it cites the relevant documents, and how close it is to a reference. Pure.
//!
//! [`answer::citations`] decides which `[n]` exist, [`answer::answer`] which text is a refusal.

use crate::{labels::Labels, text::words};
use answer::citations;
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// A part of an answer that must be true to the letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Literal {
    /// A command line, from code or after a prompt.
    Command(String),
    /// A long flag, such as `--all-namespaces`.
    Flag(String),
    /// A path with at least one `/`.
    Path(String),
    /// A number with its unit.
    Number(String),
}

impl Literal {
    /// The literal as it stands in the answer, commands and numbers with single spaces.
    pub fn text(&self) -> &str {
        match self {
            Literal::Command(text) | Literal::Flag(text) | Literal::Path(text) | Literal::Number(text) => {
                text
            }
        }
    }
}

/// Programs whose lines are commands wherever they stand in code.
const PROGRAMS: &[&str] = &[
    "kubectl",
    "oc",
    "helm",
    "k9s",
    "kubeadm",
    "kustomize",
    "istioctl",
    "argocd",
    "flux",
    "velero",
    "etcdctl",
    "crictl",
    "ctr",
    "nerdctl",
    "docker",
    "podman",
    "systemctl",
    "journalctl",
    "curl",
    "wget",
    "dig",
    "nslookup",
    "openssl",
    "psql",
    "pg_ctl",
    "mysql",
    "redis-cli",
    "aws",
    "gcloud",
    "az",
    "ssh",
    "sudo",
    "rm",
    "chmod",
    "chown",
    "kill",
    "iptables",
    "ip",
    "df",
    "du",
    "free",
    "top",
    "git",
    "terraform",
    "ansible",
];

static FLAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[\s`(\[,'])(--[a-z][a-z0-9-]*[a-z0-9])").expect("the pattern is valid")
});
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[\s`('])(/(?:[\w.@*-]+/)*[\w.@*-]*\w)").expect("the pattern is valid")
});
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\d+(?:[.:]\d+)*\s?(?:%|(?:[KMGT]i?B?|[kmg]b|ms|s|m|h|d|seconds?|minutes?|hours?|days?|times?)\b)?",
    )
    .expect("the pattern is valid")
});
/// `1.`, `2)` at a line's start, and after a label on the same line (`Solution: 1.`).
static STEP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)(^\s*|[:.;。；：]\s*|\s)\d{1,2}[.)、](?:\s|$)").expect("the pattern is valid")
});

/// The literals that an answer quotes, without repetition. Citations and the numbers of steps are not quotes.
pub fn literals(answer: &str) -> BTreeSet<Literal> {
    let answer = citations::resolve(answer, |_| false).text;
    let mut found = BTreeSet::new();
    for line in code_lines(&answer) {
        let line = line.trim().trim_start_matches("$ ").trim();
        let program = line.split_whitespace().next().unwrap_or_default();
        if PROGRAMS.contains(&program) && line.split_whitespace().count() > 1 {
            found.insert(Literal::Command(collapsed(line)));
        }
    }
    for (pattern, kind) in [(&FLAG, Literal::Flag as fn(String) -> Literal), (&PATH, Literal::Path)] {
        found.extend(pattern.captures_iter(&answer).map(|captures| kind(captures[1].to_owned())));
    }
    let without_steps = STEP.replace_all(&answer, "$1 ");
    found.extend(
        NUMBER
            .find_iter(&without_steps)
            .filter(|number| stands_alone(&without_steps, number.range()))
            .map(|number| Literal::Number(collapsed(number.as_str()))),
    );
    found
}

/// The literals of an answer that stand neither in `cited`, the texts of the documents that it cites, nor in the
/// question.
///
/// A command is there when all of its words are: its placeholders may have been filled in from the question.
pub fn ungrounded(answer: &str, cited: &str, question: &str) -> BTreeSet<Literal> {
    let source = collapsed(&format!("{cited}\n{question}"));
    literals(answer)
        .into_iter()
        .filter(|literal| match literal {
            Literal::Command(command) => {
                !occurs(command, &source)
                    && !command.split_whitespace().all(|word| occurs(plain(word), &source))
            }
            other => !occurs(other.text(), &source),
        })
        .collect()
}

/// Whether a fact is mentioned: one of its alternatives, which `|` separates, compared without case, markup and
/// spacing.
pub fn mentions(answer: &str, fact: &str) -> bool {
    let answer = loose(answer);
    fact.split('|').map(loose).any(|alternative| !alternative.is_empty() && answer.contains(&alternative))
}

/// How well citations agree with the labels of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CitationScore {
    /// Share of the cited units that are relevant; `None` when nothing is cited.
    pub precision: Option<f64>,
    /// Share of the relevant units that are cited; `None` when nothing is relevant.
    pub recall: Option<f64>,
}

/// Scores the documents an answer cites.
pub fn citation_score(cited: &[String], labels: &Labels, query: &str) -> CitationScore {
    let relevance = labels.relevant_documents(query);
    let relevant: BTreeSet<&str> =
        relevance.iter().filter(|(_, grade)| **grade > 0).map(|(unit, _)| unit.as_str()).collect();
    let cited: BTreeSet<String> = cited.iter().map(|document| labels.unit_of_document(document)).collect();
    let right = cited.iter().filter(|unit| relevant.contains(unit.as_str())).count() as f64;
    let share = |whole: usize| (whole > 0).then(|| right / whole as f64);
    CitationScore {
        precision: if relevant.is_empty() { None } else { share(cited.len()) },
        recall: share(relevant.len()),
    }
}

/// Longest text, in words, that is compared with a reference: the longest common subsequence takes quadratic time.
const MAX_WORDS: usize = 4_000;

/// F1 of the words two texts share, counted with repetition, as in SQuAD; articles are not left out.
pub fn token_f1(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (capped_words(answer), capped_words(reference));
    let mut available: BTreeMap<&str, usize> = BTreeMap::new();
    for word in &reference {
        *available.entry(word).or_default() += 1;
    }
    let shared = answer
        .iter()
        .filter(|word| match available.get_mut(word.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
        .count();
    f1(shared, answer.len(), reference.len())
}

/// ROUGE-L as F1: the longest common subsequence of words. Source: Lin, "ROUGE", 2004, with equal weights.
pub fn rouge_l(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (capped_words(answer), capped_words(reference));
    let mut row = vec![0usize; reference.len() + 1];
    for word in &answer {
        let mut diagonal = 0;
        for (at, other) in reference.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    f1(row[reference.len()], answer.len(), reference.len())
}

fn f1(shared: usize, answer: usize, reference: usize) -> f64 {
    match answer + reference {
        0 => 1.0,
        total => 2.0 * shared as f64 / total as f64,
    }
}

fn capped_words(text: &str) -> Vec<String> {
    let mut words = words(text);
    words.truncate(MAX_WORDS);
    words
}

/// The lines of code, of spans and fences alike, and the rest of each line that begins with `Solution:`.
fn code_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = answer::markdown::code_ranges(text)
        .into_iter()
        .filter_map(|range| text.get(range))
        .flat_map(|code| code.trim_matches('`').lines())
        .collect();
    lines.extend(text.lines().filter_map(|line| line.trim().strip_prefix("Solution:")));
    lines
}

/// Whether a number is not a part of a name or version: `v1.30`, `pod-7f9`, `10.0.0.1` as a whole is one number.
fn stands_alone(text: &str, range: std::ops::Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    let digits = text[range].chars().filter(char::is_ascii_digit).count();
    // A lone digit is more often a count in prose ("in 2 ways") than a fact.
    digits > 1
        && !before.is_some_and(|c| joins(c) || c == '.')
        && !after.is_some_and(|c| joins(c) && c != '-')
}

/// Whether `needle` stands in `text` and is not a part of a longer word.
fn occurs(needle: &str, text: &str) -> bool {
    if needle.is_empty() {
        return true;
    }
    let joins = |c: char| c.is_ascii_alphanumeric();
    let (first, last) = (needle.chars().next(), needle.chars().next_back());
    text.match_indices(needle).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + needle.len()..].chars().next();
        let joins_before = first.is_some_and(joins) && before.is_some_and(joins);
        let joins_after = last.is_some_and(joins) && after.is_some_and(joins);
        !joins_before && !joins_after
    })
}

/// A word of a command without the quotes and brackets around it.
fn plain(word: &str) -> &str {
    word.trim_matches(|c: char| matches!(c, '\'' | '"' | '`' | '<' | '>' | '(' | ')' | ',' | ';'))
}

/// The text with one space in place of each run of white space.
fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text in lower case with single spaces, without quotation marks and emphasis.
fn loose(text: &str) -> String {
    let plain: String =
        text.chars().filter(|c| !matches!(c, '`' | '*' | '"' | '\u{201c}' | '\u{201d}')).collect();
    collapsed(&plain.replace(['\u{2019}', '\u{2018}'], "'").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CITED: &str = "Exit code 137 means SIGKILL. Run `kubectl top pod <pod> --containers -n <namespace>`, then raise \
                         limits to 512Mi. See /etc/kubernetes/manifests and wait 30 seconds.";

    fn check(answer: &str, expected: &[&str]) {
        let found = ungrounded(answer, CITED, "Pod shop/cart-0 was OOMKilled");
        let found: Vec<&str> = found.iter().map(Literal::text).collect();
        assert_eq!(found, expected, "{answer}");
    }

    #[test]
    fn what_stands_in_the_sources_is_grounded() {
        check(
            "It was killed with exit code 137 [1].\n\n1. Raise the limit to `512Mi` [1].\n2. Wait 30 seconds. [12]",
            &[],
        );
        check("Run `kubectl top pod cart-0 --containers -n shop` [1].", &[]);
        check("Error: 137\nSolution: 1. Look. 2. Raise it to 512Mi.", &[]);
        check("記憶體上限 512Mi，退出碼137。", &[]);
        check("Look in /etc/kubernetes/manifests.", &[]);
    }

    #[test]
    fn what_does_not_is_named() {
        check("Run `kubectl delete pod cart-0 --force`.", &["kubectl delete pod cart-0 --force", "--force"]);
        check("Exit code 139.", &["139"]);
        check("Raise it to 1024Mi, not 512.", &["1024Mi", "512"]);
        check("See /etc/passwd", &["/etc/passwd"]);
        check("```\n$ rm -rf /var/lib/etcd\n```", &["rm -rf /var/lib/etcd", "/var/lib/etcd"]);
        check("Solution: kubectl drain node-1", &["kubectl drain node-1"]);
    }

    #[test]
    fn names_and_versions_are_not_numbers() {
        check("cart-7f9d8 on v1.30, step 2, https://x/2024/a", &[]);
    }

    #[test]
    fn facts_are_compared_loosely() {
        for (fact, expected) in [
            ("do NOT touch", true),
            ("restart it | do not  touch", true),
            ("restart it", false),
            ("dont-do-anything-deployment", true),
            ("", false),
        ] {
            let answer = "**Do not touch** `dont-do-anything-deployment`.";
            assert_eq!(mentions(answer, fact), expected, "{fact}");
        }
        assert!(mentions("請勿變更此部署", "請勿變更"));
    }

    #[test]
    fn citations_are_scored_by_unit() {
        let judged = vec![("a.md".to_owned(), 1), ("b.md".to_owned(), 1), ("n.md".to_owned(), 0)];
        let labels = Labels::new(&BTreeMap::from([("q".to_owned(), judged)]), &BTreeSet::new());
        let score = |cited: &[&str], query: &str| {
            let cited: Vec<String> = cited.iter().map(|id| (*id).to_owned()).collect();
            let found = citation_score(&cited, &labels, query);
            (found.precision, found.recall)
        };
        assert_eq!(score(&["a.md", "a.md", "x.md"], "q"), (Some(0.5), Some(0.5)));
        assert_eq!(score(&["n.md"], "q"), (Some(0.0), Some(0.0)));
        assert_eq!(score(&[], "q"), (None, Some(0.0)));
        assert_eq!(score(&["a.md"], "unlabelled"), (None, None));
    }

    #[test]
    fn overlap_with_a_reference() {
        // Shared: the, cat, sat: 3 of 3 and 3 of 4.
        assert!((token_f1("the cat sat", "the cat sat down") - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(token_f1("the the", "the"), 2.0 / 3.0);
        // Subsequence of order: police, killed, gunman against police, kill, gunman -> 2 of 3.
        assert!((rouge_l("police killed the gunman", "police kill the gunman") - 0.75).abs() < 1e-12);
        assert!((rouge_l("the gunman police killed", "police kill the gunman") - 0.5).abs() < 1e-12);
        assert_eq!((rouge_l("", ""), token_f1("", "x")), (1.0, 0.0));
    }
}
