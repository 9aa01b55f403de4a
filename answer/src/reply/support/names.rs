//! Names in a text: what stands in code, what has digits or signs within, objects and channels. Pure.

use crate::citations;
use kb::analyzer;
use regex::Regex;
use std::{collections::HashSet, sync::LazyLock};

/// A run of signs that a name may be made of.
static RUN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[#@]?[A-Za-z0-9_.*-]+(?:[/:=@+~][A-Za-z0-9_.*-]+)*").expect("the pattern is valid")
});

/// A number with a unit, an ordinal number, a number that something is multiplied with.
static AMOUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?i:[+-]?\d+(?:,\d{3})*(?:[.,]\d+)?(?:ms|s|sec|m|min|h|hr|d|[kmgt]i?b?|%|st|nd|rd|th|x)?|\d{1,2}:\d{2}(?:-\d{1,2}:\d{2})?|\d+-[a-z]+)$",
    )
    .expect("the pattern is valid")
});

/// The name of a severity, in whatever form: `SEV2`, `SEV-2`, `severity 2`.
static SEVERITY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\bsev(?:erity)?(?: level)?[ -]?(\d)\b").expect("the pattern is valid"));

/// Stands between the parts of a name that are names by themselves.
const JOINTS: [char; 7] = ['/', ':', '=', '@', '+', '~', ','];

/// The names that a sentence must have from somewhere.
pub fn said(text: &str) -> Vec<String> {
    let text = citations::resolve(text, |_| false).text;
    let mut names = Vec::new();
    for (at, part) in text.split('`').enumerate() {
        let is_code = at % 2 == 1;
        let num_words = part.split_whitespace().count();
        if is_code && part.contains(['^', '$', '[', '|', '\\']) {
            // An expression, not a name.
            continue;
        }
        for word in part.split_whitespace().filter(|word| !word.contains("://") && !word.contains('<')) {
            for run in RUN.find_iter(word) {
                // The rest of a name that was cut is not known.
                if word[run.end()..].starts_with('…') || run.as_str().ends_with("...") {
                    continue;
                }
                let name = trimmed(run.as_str());
                if is_name(name, is_code && num_words == 1) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn trimmed(run: &str) -> &str {
    run.trim_matches(|c: char| matches!(c, '.' | ':' | '-' | '*' | '=' | '+' | '~'))
}

/// Whether a run of signs is a name; code of a single word with a sign or a digit within is always one.
fn is_name(run: &str, is_lone_code: bool) -> bool {
    // Indonesian ordinals: `hari ke-60`.
    let is_ordinal = run.strip_prefix("ke-").is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
    if AMOUNT.is_match(run) || is_ordinal || run.len() < 2 {
        return false;
    }
    // Numbers are read as amounts; a word may be one of the manifest's that the passage says in its own words.
    let is_plain = |is_of: fn(&u8) -> bool| run.bytes().all(|byte| is_of(&byte) || byte == b'/');
    if is_plain(u8::is_ascii_digit) || is_plain(u8::is_ascii_alphabetic) {
        return false;
    }
    if is_lone_code {
        return true;
    }
    let has_digit = run.contains(|c: char| c.is_ascii_digit());
    let has_letter = run.contains(|c: char| c.is_ascii_alphabetic());
    let is_version = run.matches('.').count() > 1 && run.starts_with(|c: char| c.is_ascii_digit());
    let is_joined = run.contains('_') || run.starts_with('#') && has_letter;
    (has_digit && (has_letter || is_version || run.contains(JOINTS))) || is_joined
}

/// Whether a name is words written together, `certificateRequest`, all of which are known.
fn is_word_run(name: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let humps = analyzer::humps(name);
    humps.len() > 1 && humps.iter().all(|hump| hump.len() > 2 && is_known(&hump.to_lowercase()))
}

/// Endings of files.
const EXTENSIONS: [&str; 6] = ["conf", "json", "log", "md", "yaml", "yml"];

/// The names that are known from some texts.
#[derive(Debug, Clone, Default)]
pub struct Known {
    names: HashSet<String>,
}

impl Known {
    /// Takes the names of one more text.
    pub fn add(&mut self, text: &str) {
        for run in RUN.find_iter(text) {
            self.add_name(trimmed(run.as_str()));
        }
        for severity in SEVERITY.captures_iter(text) {
            self.names.insert(format!("sev{}", &severity[1]));
        }
    }

    fn add_name(&mut self, name: &str) {
        let lower = name.to_lowercase();
        for part in lower.split(JOINTS).filter(|part| !part.is_empty()) {
            self.names.insert(trimmed(part).to_owned());
            for piece in part.split(['.', '_', '*']).filter(|piece| piece.len() > 1) {
                self.names.insert(trimmed(piece).to_owned());
            }
        }
        self.names.extend(written_out(name));
        self.names.insert(lower);
    }

    /// Whether a name is known, or all of its parts are.
    pub fn has(&self, written: &str) -> bool {
        if let Some(severity) =
            SEVERITY.captures(written).filter(|severity| severity[0].len() == written.len())
        {
            return self.names.contains(&format!("sev{}", &severity[1]));
        }
        let lower = written.to_lowercase();
        let name = lower.as_str();
        let is_known = |name: &str| {
            let name = trimmed(name);
            let singular = name.strip_suffix('s').unwrap_or(name);
            name.is_empty()
                || self.names.contains(name)
                || self.names.contains(singular)
                || written_out(name).is_some_and(|whole| self.names.contains(&whole))
        };
        // Words with dots are a path in a manifest or a file; numbers with dots are a version.
        let is_path = name.contains('.') && !name.contains(|c: char| c.is_ascii_digit());
        is_known(name)
            || (name.contains(JOINTS) && name.split(JOINTS).all(is_known))
            || is_word_run(written, is_known)
            || (is_path && name.split('.').all(|part| is_known(part) || EXTENSIONS.contains(&part)))
    }
}

/// The word that a short form stands for.
fn written_out(name: &str) -> Option<String> {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word.then(|| analyzer::tokens(name).into_iter().next().map(|token| token.term)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_words() {
        for (text, expected) in [
            (
                "Page `settlement-primary` in #settlement-core as SEV1.",
                "settlement-primary #settlement-core SEV1",
            ),
            ("The StatefulSet needs 30s, the 2nd at 20:00.", ""),
            ("Run `kubectl get pods -n shop` on worker-17 [1].", "worker-17"),
            ("It listens on 10.96.0.10:53, version 1.42.0.", "10.96.0.10:53 1.42.0"),
            ("read-only and/or read/write", ""),
        ] {
            assert_eq!(said(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn known_names_are_found_whole_or_by_their_parts() {
        let mut known = Known::default();
        known.add("legacy/dont-do-anything-deployment on `worker-17`, image registry.example.com/team/app:1.0.0, PVCs");
        known.add("It is of severity 2.");
        for name in [
            "SEV2",
            "SEV-2",
            "worker-17",
            "legacy",
            "legacy/worker-17",
            "app:1.0.0",
            "persistentvolumeclaim",
            "pvc",
        ] {
            assert!(known.has(name), "{name}");
        }
        for name in ["SEV1", "worker-1", "worker-18", "1.0.1", "legacy/other"] {
            assert!(!known.has(name), "{name}");
        }
    }
}
