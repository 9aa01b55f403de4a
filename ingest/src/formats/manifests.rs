//! Manifests that a page names by their file (`{{% code_sample file="pods/probe.yaml" %}}`, `[x.yaml](samples/x.yaml)`,
//! `kubectl apply -f manifests/x.yaml`) become part of it, where the source has them: who follows the page needs them,
//! and neither a reader of an answer nor a model can open the file.
//!
//! A manifest stands at the end of the section that names it, so that lists of steps stay whole; each once in a page.
//! Entry point: [`with_manifests`].

use super::Place;
use kb::mapped::{Edit, MappedText};
use regex::Regex;
use std::{collections::HashSet, sync::LazyLock};

/// Manifests of one page, at most.
const MAX_MANIFESTS: usize = 16;
/// Bytes of them together, at most.
const MAX_BYTES: usize = 64 << 10;
/// At most this many names are looked up in one page.
const MAX_NAMES: usize = 256;

/// A relative path of a YAML file, within what includes, links, quotes or applies it.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let path = r"((?:\.{1,2}/|/)?[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}\.ya?ml)";
    let forms = [
        format!(r#"\{{\{{[<%]\s*(?:code_sample|codenew|code|code_file|example)\s[^>%\n]*?["`]?{path}["`]?"#),
        format!(r"\]\({path}[)#]"),
        format!(r"`{path}`"),
        format!(r#"(?:-f|--filename)[ =]["']?{path}(?:["'\s]|$)"#),
    ];
    Regex::new(&format!("(?m){}", forms.join("|"))).expect("a right pattern")
});

/// A page with the manifests that it names.
pub(super) fn with_manifests(text: MappedText, place: &Place<'_>) -> MappedText {
    if !text.as_str().contains(".y") {
        return text;
    }
    let mut seen: HashSet<String> = HashSet::new();
    let (mut bytes_left, mut names_left) = (MAX_BYTES, MAX_NAMES);
    let mut edits = Vec::new();
    for (start, end) in sections(text.as_str()) {
        let mut blocks = String::new();
        for captures in NAMED.captures_iter(&text.as_str()[start..end]) {
            let Some(name) = captures.iter().skip(1).flatten().next().map(|name| name.as_str()) else {
                continue;
            };
            if names_left == 0 || seen.len() == MAX_MANIFESTS {
                break;
            }
            names_left -= 1;
            let Some((path, manifest)) = place.site.manifest(place.relative, name) else { continue };
            if manifest.len() > bytes_left || !seen.insert(path) {
                continue;
            }
            bytes_left -= manifest.len();
            blocks.push_str(&format!("\n\nThe manifest `{name}`:\n\n```yaml\n{}\n```\n", manifest.trim()));
        }
        if !blocks.is_empty() {
            blocks.push('\n');
            edits.push(Edit::replace(end..end, blocks));
        }
    }
    if edits.is_empty() { text } else { text.edited(edits) }
}

/// The sections of a page, each up to the next heading or the end. Lines in code that look like headings do not count.
fn sections(text: &str) -> Vec<(usize, usize)> {
    let mut sections = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut fence: Option<(char, usize)> = None;
    for line in text.split_inclusive('\n') {
        let words = line.trim_start();
        let mark = words.chars().next().filter(|c| matches!(c, '`' | '~'));
        let length = mark.map_or(0, |mark| words.chars().take_while(|c| *c == mark).count());
        match (fence, mark) {
            (Some((open, least)), Some(mark))
                if mark == open && length >= least && words.trim_end().chars().all(|c| c == mark) =>
            {
                fence = None;
            }
            (None, Some(mark)) if length >= 3 => fence = Some((mark, length)),
            (None, None) if line.starts_with('#') => {
                sections.push((start, at));
                start = at;
            }
            _ => {}
        }
        at += line.len();
    }
    sections.push((start, at));
    sections
}
