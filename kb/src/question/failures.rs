//! Splits what k8sgpt joined: the failures of one object arrive as one line, with a single space between them.
//!
//! There is no delimiter, so a new failure is seen only where one of the sentences starts that k8sgpt's analyzers, the
//! kubelet or the scheduler write. A sentence that follows a colon, an equals sign, a comma or an opening quote is part
//! of the one before. Texts that people write are left whole.
//!
//! Entry point: [`split`].

use super::alerts::begins_with_alert;
use crate::lists::{lines, words};
use regex::Regex;
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

/// How the failures begin that are known to be joined, as patterns, which [`STARTS`] anchors at a word.
const SENTENCES_FILE: &str = include_str!("vocabulary/sentences.txt");
/// Words that no failure ends with.
const UNFINISHED_FILE: &str = include_str!("vocabulary/unfinished.txt");

static STARTS: LazyLock<Regex> = LazyLock::new(|| {
    let sentences: Vec<&str> = lines(SENTENCES_FILE).collect();
    Regex::new(&format!("(?:^| )((?:{}))", sentences.join("|"))).expect("the patterns are fixed")
});

static UNFINISHED: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(UNFINISHED_FILE));

/// The most failures that are told apart; the last one holds the rest.
const MAX_FAILURES: usize = 64;

/// The failures of a text, in order and without the spaces between them; one if nothing can be told apart.
pub(super) fn split(text: &str) -> Vec<&str> {
    if reads_like_a_person(text) {
        return vec![text];
    }
    let mut failures = Vec::new();
    let (mut from, mut counted, mut num_quotes) = (0, 0, 0usize);
    for found in STARTS.captures_iter(text).filter_map(|captures| captures.get(1)) {
        num_quotes += text[counted..found.start()].bytes().filter(|b| *b == b'"').count();
        counted = found.start();
        let before = text[from..found.start()].trim_end_matches(' ');
        // Quotes of a failure come in pairs: after an odd one this is within a quotation.
        if before.is_empty() || num_quotes % 2 == 1 || continues(before) || failures.len() + 1 == MAX_FAILURES
        {
            continue;
        }
        failures.push(before);
        (from, num_quotes) = (found.start(), 0);
    }
    failures.push(&text[from..]);
    failures
}

/// Whether the text cannot have ended here, so that the text after it belongs to it.
fn continues(before: &str) -> bool {
    if before.ends_with([':', ',', '=', '(', '[', '{', ';', '-', '>', '|', '：', '，']) {
        return true;
    }
    UNFINISHED.contains(before.rsplit(' ').next().unwrap_or(before))
}

/// Whether the text is a question, or an alert with its name in front. Such a text is never joined from several
/// failures.
fn reads_like_a_person(text: &str) -> bool {
    // Log lines end in `?` as well; a person's question mark stands at the end or before a new sentence.
    text.ends_with(['?', '？']) || text.contains("? ") || text.contains('？') || begins_with_alert(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split(text), expected);
    }

    #[test]
    fn the_lists_are_sorted_and_unique() {
        assert_eq!(crate::lists::unsorted(SENTENCES_FILE), None, "sort sentences.txt");
        assert_eq!(crate::lists::unsorted(UNFINISHED_FILE), None, "sort unfinished.txt");
    }

    #[test]
    fn joined_failures_are_told_apart() {
        check(
            "Ingress uses the service shop/storefront-v2 which does not exist. Ingress uses the secret shop/storefront-tls as a TLS certificate which does not exist.",
            &[
                "Ingress uses the service shop/storefront-v2 which does not exist.",
                "Ingress uses the secret shop/storefront-tls as a TLS certificate which does not exist.",
            ],
        );
        check(
            "back-off 5m0s restarting failed container=api pod=web-7c9d8b6f5-x2x7k_payments(1c0f6e0a-5c2a-4d2e-9a0e-3b1f4c6d7e8f) the last termination reason is OOMKilled container=api pod=web-7c9d8b6f5-x2x7k Back-off pulling image \"a/b:1\"",
            &[
                "back-off 5m0s restarting failed container=api pod=web-7c9d8b6f5-x2x7k_payments(1c0f6e0a-5c2a-4d2e-9a0e-3b1f4c6d7e8f)",
                "the last termination reason is OOMKilled container=api pod=web-7c9d8b6f5-x2x7k",
                "Back-off pulling image \"a/b:1\"",
            ],
        );
        check(
            "Service has no endpoints, expected label app=web Service has no endpoints, expected label tier=front",
            &[
                "Service has no endpoints, expected label app=web",
                "Service has no endpoints, expected label tier=front",
            ],
        );
        check(
            "Deployment a/b has 3 replicas but 1 are available with status running Deployment a/b has condition Available=False, reason MinimumReplicasUnavailable: Deployment does not have minimum availability.",
            &[
                "Deployment a/b has 3 replicas but 1 are available with status running",
                "Deployment a/b has condition Available=False, reason MinimumReplicasUnavailable: Deployment does not have minimum availability.",
            ],
        );
        check(
            "worker-2 has condition of type MemoryPressure, reason X: low worker-2 has condition of type Ready, reason KubeletNotReady: container runtime network not ready",
            &[
                "worker-2 has condition of type MemoryPressure, reason X: low",
                "worker-2 has condition of type Ready, reason KubeletNotReady: container runtime network not ready",
            ],
        );
    }

    #[test]
    fn one_failure_stays_whole() {
        for text in [
            "0/3 nodes are available: 2 Insufficient memory. preemption: 0/3 nodes are available: 1 Preemption is not helpful.",
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox",
            "rpc error: code = Unknown desc = failed to pull and unpack image \"a/b:1\": failed to resolve reference",
            "HTTPRoute 'a/b' is deployed in a different namespace from Gateway 'c/d' which only allows HTTPRoutes from its namespace.",
            "Why do I get \"0/3 nodes are available: 3 Insufficient cpu\"?",
            "KubePodNotReady: Pod prod/web has been in a non-ready state. Pod prod/web has been evicted",
            "ConfigMap old-flags is not used by any pods in the namespace",
            "plain words",
        ] {
            check(text, &[text]);
        }
    }
}
