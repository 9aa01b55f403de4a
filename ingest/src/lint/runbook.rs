//! Whether a runbook says how to find out more and how to act. The headings that show it are known by the answering
//! side's words (`kb::sections`), in every language that it knows.

use super::{
    outline::Outline,
    page::{is_index, shown},
};
use crate::findings::Check;
use kb::{
    document::{DocumentMeta, Kind},
    sections::Role,
};

/// More headings of one page are not read.
const MAX_HEADINGS: usize = 1_000;

/// A page with fewer words points to another one, or says that there is nothing to do.
const MIN_WORDS: usize = 40;

/// The parts that a runbook lacks, each with a message.
pub(super) fn missing(meta: &DocumentMeta, outline: &Outline) -> Vec<(Check, String)> {
    if meta.kind != Kind::Runbook || is_index(&meta.id) || meta.id.contains('#') {
        return Vec::new();
    }
    let headings = &outline.headings[..outline.headings.len().min(MAX_HEADINGS)];
    let roles: Vec<Option<Role>> = headings.iter().map(|heading| Role::told_by(&heading.words)).collect();
    // If no heading has a part in a runbook, the page is a short answer, a table or a list of commands.
    let names_part = |words: &str| Role::alone_in(words).is_some_and(|role| role != Role::Aside);
    let has_parts = headings.iter().any(|heading| names_part(&heading.words));
    let shows = outline.num_steps >= 2 || outline.codes.iter().any(|code| code.is_block);
    if !has_parts && (shows || outline.num_words < MIN_WORDS) {
        return Vec::new();
    }
    let title = Role::told_by(&meta.title);
    let told = |role: Role| {
        title == Some(role)
            || (0..roles.len()).any(|at| roles[at] == Some(role) && has_words_below(outline, at))
    };
    let missing = |check: Check, role: Role, otherwise: &str| {
        let named = headings.iter().find(|heading| Role::alone_in(&heading.words) == Some(role));
        let empty = named.map(|heading| format!("the section `{}` is empty", shown(&heading.words)));
        (check, empty.unwrap_or_else(|| otherwise.to_owned()))
    };
    // If no heading shows it, commands that only read and numbered steps do.
    let looks = outline.codes.iter().any(|code| code.text.lines().any(only_reads));
    let mut found = Vec::new();
    if !told(Role::Diagnosis) && !looks {
        let otherwise = "no section and no command says how to find out more";
        found.push(missing(Check::MissingDiagnosis, Role::Diagnosis, otherwise));
    }
    if !told(Role::Steps) && outline.num_steps < 2 {
        let otherwise = "no section and no numbered list says what to do";
        found.push(missing(Check::MissingMitigation, Role::Steps, otherwise));
    }
    found
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
