//! Versions of products: how documents and paths write them, how questions ask for them, and which fits which.
//!
//! Entry points: [`Versions::of`] for what a document says of itself, [`of_path`] for what its path says, [`in_title`]
//! for what a title mentions, [`asked`] for what a question asks for. Not every number is a version: addresses, image
//! tags, quantities, dates and exit codes are not versions.

mod asked;

pub use asked::{Asked, asked, is_known_product, names_of_product};

use crate::lists::lines;
use regex::Regex;
use std::{collections::BTreeSet, fmt, sync::LazyLock};

const OF_ONE_RELEASE_FILE: &str = include_str!("of_one_release.txt");

/// Longer versions are names of something else.
const MAX_NUMBERS: usize = 3;
/// Versions that a range such as `1.12+` stands for, at most.
const MAX_SPAN: u32 = 40;
/// Major versions after the first that `1.12+` stands for.
const MAX_MAJORS: u32 = 8;

/// A version by its numbers. Sorts as versions do; `1.13` before `1.13.2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    numbers: Vec<u32>,
    /// Written `2.x`: all versions that begin with the numbers.
    is_open: bool,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&joined(&self.numbers))?;
        if self.is_open { f.write_str(".x") } else { Ok(()) }
    }
}

fn joined(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

impl Version {
    /// Reads `1.13`, `v1.13.2`, `2.x`, `1.13.*`, `3.1-rc.1`; the marks of a build or of a preview are left out. `None`
    /// for a text that is no version, such as a date.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let end = text.find(['-', '+', '~']).unwrap_or(text.len());
        let (core, mark) = text.split_at(end);
        // `1.13-rc1` and `1.13-1`, but not `1-2`, `1.11-1.13` and `3.1-upgrade-notes`.
        let words = mark.get(1..).unwrap_or_default();
        let is_build = words.starts_with(char::is_alphabetic) && !words.contains(['-', '~']);
        let is_revision = !words.is_empty() && words.bytes().all(|byte| byte.is_ascii_digit());
        let is_mark =
            mark.is_empty() || (mark.len() <= 24 && core.contains('.') && (is_build || is_revision));
        if !is_mark {
            return None;
        }
        let (core, is_open) = match [".x", ".X", ".*"].iter().find_map(|open| core.strip_suffix(open)) {
            Some(core) => (core, true),
            None => (core, false),
        };
        let number = |part: &str| {
            let is_number = (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<u32>().ok()).flatten()
        };
        let numbers: Vec<u32> = core.split('.').map(number).collect::<Option<_>>()?;
        let is_date = matches!(numbers[..], [1900..=2100, 1..=12, 1..=31]);
        (numbers.len() <= MAX_NUMBERS && !is_date).then_some(Self { numbers, is_open })
    }

    /// Whether a document on `described` tells of this version, which was asked for. `1.13.2` is told of by `1.13` and
    /// `1.13` by `1.13.2`; `2` is told of by `2.9` only if `2.x` was asked for.
    pub fn is_told_of_by(&self, described: &Self) -> bool {
        let shared = self.numbers.len().min(described.numbers.len());
        self.numbers[..shared] == described.numbers[..shared]
            && (self.numbers.len() >= described.numbers.len() || self.is_open || shared >= 2)
    }

    /// Whether both begin with the same number, so that one may be asked for where the other is described.
    pub fn is_of_the_same_line(&self, other: &Self) -> bool {
        self.numbers[0] == other.numbers[0]
    }

    /// The terms that documents on versions which fit have among theirs.
    fn wanted_terms(&self) -> Vec<String> {
        let count = self.numbers.len();
        let mut terms: Vec<String> = (1..=count).map(|length| joined(&self.numbers[..length])).collect();
        if self.is_open || count >= 2 {
            terms.push(within(&self.numbers));
        }
        terms
    }

    fn own_terms(&self) -> Vec<String> {
        let count = self.numbers.len();
        let mut terms = vec![joined(&self.numbers)];
        terms.extend((1..=count).map(|length| within(&self.numbers[..length])));
        terms
    }
}

/// The term of what lies within a version; no version's own looks like it.
fn within(numbers: &[u32]) -> String {
    format!("<{}", joined(numbers))
}

/// The versions that a document is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// The versions in order, each once. Empty if the document names its version in another way (`latest`).
    known: Vec<Version>,
}

impl Versions {
    /// Reads what a document says: `1.13`, `1.11, 1.12`, `1.11 - 1.13`, `1.12+`, `>= 1.12`.
    pub fn of(text: &str) -> Self {
        let mut known = BTreeSet::new();
        for part in text.split([',', ';', '|', '、', '，']) {
            known.extend(span(part.trim()));
        }
        Self { known: known.into_iter().collect() }
    }

    /// The newest version; `None` if the document states no number.
    pub fn newest(&self) -> Option<&Version> {
        self.known.last()
    }

    /// Whether a document with these tells of a version.
    pub fn tell_of(&self, asked: &Version) -> bool {
        self.known.iter().any(|described| asked.is_told_of_by(described))
    }

    /// The terms of a document's version that an index keeps, so that [`wanted_terms`] finds it.
    pub fn terms(text: &str) -> Vec<String> {
        let Self { known } = Self::of(text);
        match known.is_empty() {
            true => vec![text.to_owned()],
            false => known.iter().flat_map(Version::own_terms).collect(),
        }
    }
}

/// The terms of which a document on a version that was asked for has one among [`Versions::terms`].
pub fn wanted_terms(asked: &str) -> Vec<String> {
    match Version::parse(asked) {
        Some(version) => version.wanted_terms(),
        None => vec![asked.to_owned()],
    }
}

/// A version or a range of them.
fn span(part: &str) -> Vec<Version> {
    if let Some(version) = Version::parse(part) {
        return vec![version];
    }
    let lower = part.to_lowercase();
    let from = [">=", "≥", ">", "since ", "from "].iter().find_map(|mark| lower.strip_prefix(mark));
    let from = from.or_else(|| {
        ["+", " and later", " or later", " and newer", " and above", "及以上", "以上", " trở lên", " ke atas"]
            .iter()
            .find_map(|mark| lower.strip_suffix(mark))
    });
    if let Some(first) = from.and_then(Version::parse) {
        return following(&first, None);
    }
    let until = ["<=", "≤", "<", "until ", "up to "].iter().find_map(|mark| lower.strip_prefix(mark));
    if let Some(last) = until.and_then(Version::parse) {
        let minor = last.numbers.get(1).map(|_| 0);
        let first =
            Version { numbers: std::iter::once(last.numbers[0]).chain(minor).collect(), is_open: false };
        return following(&first, Some(&last));
    }
    for between in [" - ", " – ", "–", " to ", " ~ ", "~", "..", "-"] {
        if let Some((first, last)) = lower.split_once(between)
            && let (Some(first), Some(last)) = (Version::parse(first), Version::parse(last))
            && first <= last
        {
            return following(&first, Some(&last));
        }
    }
    // `Relay 1.13`, `release-1.29`, `version 2`.
    component(part)
        .or_else(|| lower.rsplit_once(' ').and_then(|(_, last)| component(last)))
        .into_iter()
        .collect()
}

/// The minor versions from the first on, and without a last the major ones after it.
fn following(first: &Version, last: Option<&Version>) -> Vec<Version> {
    let version = |numbers: Vec<u32>| Version { numbers, is_open: false };
    let mut versions = vec![first.clone()];
    let major = first.numbers[0];
    if let Some(minor) = first.numbers.get(1) {
        let is_same_major = last.is_none_or(|last| last.numbers[0] == major);
        let last_minor = last.and_then(|last| last.numbers.get(1)).filter(|_| is_same_major);
        let end = last_minor.map_or(minor + MAX_SPAN, |last| *last.min(&(minor + MAX_SPAN)));
        versions.extend((minor + 1..=end).map(|minor| version(vec![major, minor])));
    }
    let last_major = last.map_or(major + MAX_MAJORS, |last| last.numbers[0].min(major + MAX_MAJORS));
    versions.extend((major + 1..=last_major).map(|major| version(vec![major])));
    versions.extend(last.cloned());
    versions
}

/// Words before a version in the name of a folder that say nothing else; after them one number is enough.
const FOLDER_WORDS: [&str; 10] =
    ["release", "releases", "rel", "version", "versions", "ver", "stable", "branch", "tag", "docs"];

/// The version that a part of a path names: `1.13`, `v2`, `v2.9`, `release-1.29`, `version-2.x`, `stable-3.1`, `v1-29`,
/// `relay-1.13`.
pub fn component(name: &str) -> Option<Version> {
    let lower = name.to_lowercase();
    let dotted = |text: &str| -> Option<Version> {
        // `v1-29` and `1_13`, as addresses write them.
        let numbers = text.strip_prefix('v').unwrap_or(text);
        let parts: Vec<&str> = numbers.split(['-', '_']).collect();
        let is_number =
            |part: &&str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        ((2..=3).contains(&parts.len()) && parts.iter().all(is_number))
            .then(|| Version::parse(&parts.join(".")))
            .flatten()
    };
    let telling = |version: &Version| version.numbers.len() > 1 || version.is_open;
    if let Some(version) = Version::parse(&lower) {
        return (telling(&version) || lower.starts_with('v')).then_some(version);
    }
    if lower.starts_with('v')
        && let Some(version) = dotted(&lower)
    {
        return Some(version);
    }
    let (word, rest) = lower.split_once(['-', '_', ' '])?;
    if FOLDER_WORDS.contains(&word) {
        return Version::parse(rest).or_else(|| dotted(rest));
    }
    // A product's name; its version has a dot.
    let (word, rest) = lower.rsplit_once(['-', '_', ' '])?;
    let is_name = word.chars().any(char::is_alphabetic) && word.len() <= 32;
    Version::parse(rest).filter(|version| is_name && telling(version))
}

/// The version that the folders of a path name, and which of the path's components it is; the outermost counts. The
/// last component is the file's.
pub fn of_path(path: &str) -> Option<(usize, Version)> {
    let components: Vec<&str> = path.split('/').collect();
    let folders = &components[..components.len() - 1];
    folders.iter().enumerate().find_map(|(at, folder)| {
        let is_api = at > 0 && matches!(folders[at - 1].to_lowercase().as_str(), "api" | "apis");
        let version = component(folder).filter(|version| version.numbers.len() > 1 || !is_api)?;
        Some((at, version))
    })
}

/// The one version that a title mentions, and the title without it. `None` if it mentions no version or several.
pub fn in_title(title: &str) -> Option<(String, Version)> {
    static MENTION: LazyLock<Regex> = LazyLock::new(|| {
        let number = r"\bv?\d{1,5}(?:\.\d{1,5}){1,2}(?:\.x)?\b|\bv\d{1,3}(?:\.x)?\b|\b\d{1,3}\.x\b";
        Regex::new(&format!(r"(?i)(?:\b(?:version|release)\s+)?(?:{number})")).expect("a right pattern")
    });
    let mut mentions = MENTION.find_iter(title);
    let mention = mentions.next()?;
    let is_part =
        |neighbour: Option<char>| neighbour.is_some_and(|c| matches!(c, '.' | '/' | ':' | '%' | '@'));
    let before = title[..mention.start()].chars().next_back();
    let after = title[mention.end()..].chars().next();
    let ends_sentence =
        after == Some('.') && !title[mention.end() + 1..].starts_with(|c: char| c.is_alphanumeric());
    let ends_phrase =
        after == Some(':') && !title[mention.end() + 1..].starts_with(|c: char| c.is_alphanumeric());
    if mentions.next().is_some() || is_part(before) || (is_part(after) && !ends_sentence && !ends_phrase) {
        return None;
    }
    let word_before =
        title[..mention.start()].split_whitespace().next_back().unwrap_or_default().to_lowercase();
    if asked::OTHER_NUMBERS.contains(word_before.as_str()) {
        return None;
    }
    let version = Version::parse(mention.as_str().rsplit(char::is_whitespace).next()?)?;
    let rest = format!("{} * {}", &title[..mention.start()], &title[mention.end()..]).to_lowercase();
    Some((rest.split_whitespace().collect::<Vec<_>>().join(" "), version))
}

/// Titles of pages that are about one release and stay true after the next.
static OF_ONE_RELEASE: LazyLock<Vec<&str>> = LazyLock::new(|| lines(OF_ONE_RELEASE_FILE).collect());

/// Whether a title or a path says that its page is about one release: notes on it, or the way to it.
pub fn is_of_one_release(title: &str) -> bool {
    let title = title.to_lowercase().replace(['-', '_'], " ");
    OF_ONE_RELEASE.iter().any(|mark| title.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_unique() {
        assert_eq!(crate::lists::unsorted(OF_ONE_RELEASE_FILE), None, "sort of_one_release.txt");
    }

    fn version(text: &str) -> Version {
        Version::parse(text).expect(text)
    }

    #[test]
    fn versions_are_read_as_they_are_written() {
        for (text, read) in [
            ("1.13", Some("1.13")),
            ("v1.13.2", Some("1.13.2")),
            ("2.x", Some("2.x")),
            ("1.13.*", Some("1.13.x")),
            ("3.1-rc.1", Some("3.1")),
            ("1.29.3+k3s1", Some("1.29.3")),
            ("2", Some("2")),
            ("10.0.0.1", None),
            ("2026.11.27", None),
            ("2024.1", Some("2024.1")),
            ("latest", None),
            ("1.13-upgrade-notes", None),
            ("1..2", None),
            ("", None),
            ("v", None),
            ("x", None),
        ] {
            assert_eq!(Version::parse(text).map(|version| version.to_string()).as_deref(), read, "{text}");
        }
        assert!(version("1.9") < version("1.13") && version("1.13") < version("1.13.2"));
    }

    #[test]
    fn a_version_is_told_of_by_what_begins_alike() {
        let check = |asked: &str, described: &str, fits: bool| {
            assert_eq!(version(asked).is_told_of_by(&version(described)), fits, "{asked} by {described}");
            let (wanted, own) = (wanted_terms(asked), Versions::terms(described));
            assert_eq!(
                wanted.iter().any(|term| own.contains(term)),
                fits,
                "{asked} by {described}, by terms"
            );
        };
        check("1.13", "1.13", true);
        check("1.13.2", "1.13", true);
        check("1.13", "1.13.2", true);
        check("1.13", "1.13.x", true);
        check("1.13", "1.1", false);
        check("1.1", "1.13", false);
        check("2", "2.9", false);
        check("2.x", "2.9", true);
        check("2", "2.x", true);
        check("2.9", "2", true);
        check("2.9", "2.x", true);
        check("3.9", "2.x", false);
    }

    #[test]
    fn documents_say_several_versions_and_ranges() {
        let check = |said: &str, fits: &[&str], others: &[&str]| {
            let versions = Versions::of(said);
            for asked in fits {
                assert!(versions.tell_of(&version(asked)), "{asked} by {said}");
            }
            for asked in others {
                assert!(!versions.tell_of(&version(asked)), "{asked} by {said}");
            }
        };
        check("1.11, 1.12", &["1.11", "1.12.3"], &["1.13"]);
        check("1.11 - 1.13", &["1.11", "1.12", "1.13"], &["1.10", "1.14"]);
        check("1.11-1.13", &["1.12"], &["1.14"]);
        check("1.12+", &["1.12", "1.20", "2.1"], &["1.11"]);
        check(">= 1.12", &["1.13"], &["1.11"]);
        check("<= 1.12", &["1.3", "1.12"], &["1.13"]);
        check("Relay 1.13", &["1.13"], &["1.12"]);
        check("release-1.29", &["1.29"], &["1.28"]);
        check("latest", &[], &["1.13"]);
        assert_eq!(Versions::terms("latest"), ["latest"]);
        assert_eq!(wanted_terms("latest"), ["latest"]);
    }

    #[test]
    fn paths_name_versions() {
        for (path, found) in [
            ("s/docs/1.13/defaults.md", Some((2, "1.13"))),
            ("1.13/defaults.md", Some((0, "1.13"))),
            ("s/v2.9/a/b.md", Some((1, "2.9"))),
            ("s/v2/a.md", Some((1, "2"))),
            ("s/release-1.29/a.md", Some((1, "1.29"))),
            ("s/versioned_docs/version-2.x/a.md", Some((2, "2.x"))),
            ("s/1.13.x/a.md", Some((1, "1.13.x"))),
            ("s/stable-3.1/a.md", Some((1, "3.1"))),
            ("s/release-5/a.md", Some((1, "5"))),
            ("s/relay-1.13/a.md", Some((1, "1.13"))),
            ("s/v1-29/a.md", Some((1, "1.29"))),
            ("s/1.13/plugins/2.0/a.md", Some((1, "1.13"))),
            ("s/api/v1/a.md", None),
            ("s/2024/a.md", None),
            ("s/2026.11.27/a.md", None),
            ("s/2024-05-01/a.md", None),
            ("s/02-install/a.md", None),
            ("s/10.0.0.1/a.md", None),
            ("s/a-1.13.md", None),
            ("s/part-2/a.md", None),
        ] {
            let of_path = of_path(path).map(|(at, version)| (at, version.to_string()));
            assert_eq!(of_path, found.map(|(at, version)| (at, version.to_owned())), "{path}");
        }
    }

    #[test]
    fn titles_mention_one_version() {
        for (title, found) in [
            ("relay v1.33 upgrade", Some(("relay * upgrade", "1.33"))),
            ("Defaults of the relay (1.13)", Some(("defaults of the relay ( * )", "1.13"))),
            ("Relay 1.13: defaults", Some(("relay * : defaults", "1.13"))),
            ("Relay version 2.x", Some(("relay *", "2.x"))),
            ("From 1.11 to 1.13", None),
            ("Chapter 1.2", None),
            ("The host 10.0.0.1 is down", None),
            ("Image api:1.42.0 fails", None),
            ("Relay is down", None),
        ] {
            let mentioned = in_title(title).map(|(rest, version)| (rest, version.to_string()));
            assert_eq!(
                mentioned,
                found.map(|(rest, version)| (rest.to_owned(), version.to_owned())),
                "{title}"
            );
        }
    }
}
