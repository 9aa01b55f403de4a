//! Whether a runbook says how to find out more and what to do. The words by which headings tell it are the answering side's
//! (`kb::sections`), in every language that it knows.

use super::{
    Check,
    outline::{Heading, Outline},
    page::is_index,
};
use kb::{
    document::{DocumentMeta, Kind},
    sections::Role,
};

/// What a runbook does not say.
pub(super) fn missing(meta: &DocumentMeta, outline: &Outline) -> Vec<(Check, String)> {
    if meta.kind != Kind::Runbook || is_index(&meta.id) || meta.id.contains('#') {
        return Vec::new();
    }
    let title = Role::told_by(&meta.title);
    let told = |role: Role| {
        let is_told = |(at, heading): (usize, &Heading)| {
            Role::told_by(&heading.words) == Some(role) && has_words_below(outline, at)
        };
        outline.headings.iter().enumerate().any(is_told)
    };
    let empty = |role: Role| {
        let named = outline.headings.iter().find(|heading| Role::alone_in(&heading.words) == Some(role));
        named.map(|heading| format!("the section `{}` is empty", super::page::shown(&heading.words)))
    };
    let mut missing = Vec::new();
    // Where no heading says it, commands that look and numbered steps do.
    let looks = outline.codes.iter().any(|code| code.text.lines().any(only_reads));
    if !told(Role::Diagnosis) && !looks && title != Some(Role::Diagnosis) {
        let message = empty(Role::Diagnosis)
            .unwrap_or_else(|| "no section and no command says how to find out more".to_owned());
        missing.push((Check::MissingDiagnosis, message));
    }
    if !told(Role::Steps) && outline.num_steps < 2 && title != Some(Role::Steps) {
        let message = empty(Role::Steps)
            .unwrap_or_else(|| "no section and no numbered list says what to do".to_owned());
        missing.push((Check::MissingMitigation, message));
    }
    missing
}

/// Whether words stand below a heading or a heading below it.
fn has_words_below(outline: &Outline, at: usize) -> bool {
    let level = outline.headings[at].level;
    let below = outline.headings[at + 1..].iter().take_while(|heading| heading.level > level);
    outline.headings[at].has_words || below.into_iter().any(|heading| heading.has_words)
}

/// Whether a line of code is a command that only looks.
fn only_reads(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches(['$', '#', ' ']);
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    match program {
        "kubectl" | "oc" | "k" => words.any(|word| {
            matches!(word, "get" | "describe" | "logs" | "top" | "events" | "explain" | "status" | "adm")
        }),
        "journalctl" | "crictl" | "curl" | "dig" | "nslookup" | "df" | "du" | "free" | "dmesg" | "ss"
        | "ps" | "top" | "etcdctl" | "promtool" | "amtool" | "stern" => true,
        "systemctl" => words.next() == Some("status"),
        _ => false,
    }
}
