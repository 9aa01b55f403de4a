//! Links of a Markdown text: which documents they point at, and their plainer form in the text.
//!
//! An address within the site means nothing outside it, so such links become their words in the text and, where the
//! page is known, a [`Link`] in the metadata. Addresses of the web stay.

use super::front_matter::is_web_address;
use crate::dialect;
use kb::{
    document::Link,
    lists::{WordSet, words},
    mapped::{Edit, MappedText},
};
use percent_encoding::percent_decode_str;
use pulldown_cmark::{Event, LinkType, Tag, TagEnd};
use regex::Regex;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ops::Range,
    sync::LazyLock,
};

/// More links of one document are not kept.
const MAX_LINKS: usize = 512;

/// More links of one document are not looked at; all of them are made plain.
const MAX_FOUND: usize = 8 * MAX_LINKS;

/// A longer address holds a query of its own, such as a dashboard's: it says nothing to a reader, and would be cut.
const MAX_ADDRESS_BYTES: usize = 200;

/// Longer link texts are not kept.
const MAX_TEXT_CHARS: usize = 160;

/// Longer sentences are cut around their link.
const MAX_SENTENCE_BYTES: usize = 480;

/// A link as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundLink {
    /// The words a reader clicks on.
    text: String,
    /// The address, as written.
    destination: String,
    /// The sentence that it stands in.
    sentence: String,
    /// The link's range: in the text, and once the text is [`plain`], in its source. Empty if it is not known.
    range: Range<usize>,
}

impl FoundLink {
    /// A link that another format than Markdown says.
    pub(crate) fn new(text: &str, destination: &str, sentence: &str) -> Self {
        Self {
            text: text.to_owned(),
            destination: destination.to_owned(),
            sentence: sentence_at(sentence, 0),
            range: 0..0,
        }
    }

    /// The address, as written.
    pub(crate) fn destination(&self) -> &str {
        &self.destination
    }

    /// The link's start in the source; `None` if it is not known.
    pub(crate) fn start(&self) -> Option<usize> {
        (!self.range.is_empty()).then_some(self.range.start)
    }
}

/// The text with its links made plain, and the links.
pub(crate) fn plain(text: MappedText) -> (MappedText, Vec<FoundLink>) {
    let (edits, mut found) = edits(text.as_str());
    for link in &mut found {
        link.range = text.source_range(link.range.clone());
    }
    (text.edited(edits), found)
}

/// Identifiers of more elements of one page are not kept.
const MAX_ANCHORS: usize = 4_096;

/// The identifiers that a text's markup gives to places other than headings: `id="x"` and `name="x"` of HTML, `[[x]]`
/// and `[#x]` of AsciiDoc.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    static ANCHOR: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"\b(?:id|name)=(?:"([^"\s]+)"|'([^'\s]+)')|\[\[([A-Za-z0-9_.:-]+)[,\]]|\[#([A-Za-z0-9_.:-]+)[,\]]"#)
            .expect("the pattern is valid")
    });
    let found = ANCHOR.captures_iter(text).filter_map(|captures| captures.iter().skip(1).flatten().next());
    found.take(MAX_ANCHORS).map(|anchor| anchor.as_str().to_owned()).collect()
}

/// The edits that make links plain, and the links.
fn edits(text: &str) -> (Vec<Edit>, Vec<FoundLink>) {
    let (mut edits, mut found) = (Vec::new(), Vec::new());
    let mut open: Vec<Open> = Vec::new();
    let mut block = Block::default();
    let mut events = dialect::parse(text);
    for (event, range) in events.by_ref() {
        // The events directly inside an open link show where its words begin and end.
        if !matches!(event, Event::End(TagEnd::Link | TagEnd::Image)) {
            for link in innermost(&mut open) {
                let inside = link.inside.get_or_insert(range.clone());
                inside.end = inside.end.max(range.end);
            }
        }
        match &event {
            Event::Text(words) | Event::Code(words) => block.text.push_str(words),
            Event::SoftBreak | Event::HardBreak => block.text.push(' '),
            Event::Start(Tag::Link { .. }) => block.starts.push(block.text.len()),
            Event::Start(tag) if ends_block(tag.to_end()) => block.close(&mut found),
            Event::End(tag) if ends_block(*tag) => block.close(&mut found),
            _ => {}
        }
        match event {
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                open.push(Open::new(range, Some(link_type), dest_url.into_string()));
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                open.push(Open::new(range, None, dest_url.into_string()))
            }
            Event::Text(words) | Event::Code(words) => {
                innermost(&mut open).for_each(|link| link.words.push_str(&words))
            }
            Event::SoftBreak | Event::HardBreak => innermost(&mut open).for_each(|link| link.words.push(' ')),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some(link) = open.pop() {
                    let start = link.link_type.and_then(|_| block.starts.pop());
                    let known = found.len();
                    link.close(&mut edits, &mut found);
                    block.links.extend((known..found.len()).map(|at| (at, start.unwrap_or_default())));
                }
            }
            _ => {}
        }
    }
    block.close(&mut found);
    for (_, definition) in events.reference_definitions().iter() {
        edits.push(Edit::delete(definition.span.clone()));
    }
    (edits, found)
}

/// Images can stand in images; who nests them deeper than this gets less care.
fn innermost(open: &mut [Open]) -> impl Iterator<Item = &mut Open> {
    const MAX_NESTING: usize = 8;
    open.iter_mut().rev().take(MAX_NESTING)
}

/// The words of a paragraph, a heading, a list item or a cell, and the links among them.
#[derive(Default)]
struct Block {
    text: String,
    /// The starts of the links that are open.
    starts: Vec<usize>,
    /// Number among the found links, and where it begins.
    links: Vec<(usize, usize)>,
}

impl Block {
    /// Gives each link its sentence, and begins anew.
    fn close(&mut self, found: &mut [FoundLink]) {
        for (link, start) in self.links.drain(..) {
            found[link].sentence = sentence_at(&self.text, start);
        }
        self.text.clear();
    }
}

fn ends_block(tag: TagEnd) -> bool {
    !matches!(
        tag,
        TagEnd::Link
            | TagEnd::Image
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
    )
}

/// The sentence around a place of a text, on one line.
fn sentence_at(text: &str, place: usize) -> String {
    let near = |boundary: usize| text.floor_char_boundary(boundary);
    // A paragraph may be the whole file, with a thousand links.
    let mut start = near(place.saturating_sub(MAX_SENTENCE_BYTES));
    let mut end = near(place + MAX_SENTENCE_BYTES);
    let window = start;
    for (at, character) in text[start..end].char_indices() {
        let after = window + at + character.len_utf8();
        let ends = match character {
            '。' | '！' | '？' | '；' => true,
            '.' | '!' | '?' => {
                let mut rest = text[after..].chars();
                rest.next().is_some_and(char::is_whitespace)
                    && rest.find(|next| !next.is_whitespace()).is_some_and(|next| !next.is_lowercase())
            }
            _ => false,
        };
        if ends && after <= place {
            start = after;
        } else if ends {
            end = after;
            break;
        }
    }
    if end - start > MAX_SENTENCE_BYTES {
        start = near(start.max(place.saturating_sub(MAX_SENTENCE_BYTES / 2)));
        end = near(end.min(start + MAX_SENTENCE_BYTES));
    }
    text[start..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A link or an image whose end has not been seen.
struct Open {
    range: Range<usize>,
    /// `None` for an image.
    link_type: Option<LinkType>,
    destination: String,
    inside: Option<Range<usize>>,
    words: String,
}

impl Open {
    fn new(range: Range<usize>, link_type: Option<LinkType>, destination: String) -> Self {
        Self { range, link_type, destination, inside: None, words: String::new() }
    }

    fn close(self, edits: &mut Vec<Edit>, found: &mut Vec<FoundLink>) {
        let Some(link_type) = self.link_type else {
            return self.unwrap("", "", edits);
        };
        let is_long = self.destination.len() > MAX_ADDRESS_BYTES;
        match link_type {
            LinkType::Autolink if is_long && is_web_address(&self.destination) => {
                let page = self.destination.split(['?', '#']).next().unwrap_or_default();
                edits.push(Edit::replace(self.range, format!("<{page}>")));
                return;
            }
            LinkType::Autolink | LinkType::Email => return,
            _ if is_long => self.unwrap("", "", edits),
            LinkType::Inline if is_web_address(&self.destination) => {}
            // A definition far below will be gone from the text.
            _ if is_web_address(&self.destination) => {
                self.unwrap("[", &format!("]({})", self.destination), edits);
            }
            _ => self.unwrap("", "", edits),
        }
        let text = self.words.split_whitespace().collect::<Vec<_>>().join(" ");
        if found.len() >= MAX_FOUND {
            return;
        }
        let range = self.range;
        found.push(FoundLink { text, destination: self.destination, sentence: String::new(), range });
    }

    /// Puts `before` and `after` in the place of the markup around the words.
    fn unwrap(&self, before: &str, after: &str, edits: &mut Vec<Edit>) {
        match &self.inside {
            Some(inside) if inside.start >= self.range.start && inside.end <= self.range.end => {
                edits.push(Edit::replace(self.range.start..inside.start, before));
                edits.push(Edit::replace(inside.end..self.range.end, after));
            }
            _ => edits.push(Edit::delete(self.range.clone())),
        }
    }
}

/// The pages of a source, to resolve links against. Pages are known by their path without extension, and an index page
/// by its folder.
#[derive(Debug, Default)]
pub struct Pages {
    /// Page to relative path.
    by_page: HashMap<String, String>,
    /// Last component of a page to the pages that end in it.
    by_last: HashMap<String, Vec<String>>,
    source: String,
}

impl Pages {
    /// The pages of the source `source` with these relative paths.
    pub fn new<'a>(source: &str, paths: impl Iterator<Item = &'a str>) -> Self {
        let mut pages = Self { source: source.to_owned(), ..Self::default() };
        for path in paths {
            let page = page_of(path);
            let last = page.rsplit('/').next().unwrap_or_default().to_owned();
            if pages.by_page.insert(page.clone(), path.to_owned()).is_none() {
                pages.by_last.entry(last).or_default().push(page);
            }
        }
        pages
    }

    /// Whether there is a page with this path.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.exact(&page_of(path)).is_some()
    }

    /// The links of the document at `from` that lead to other documents of the source and say something about them.
    pub(crate) fn resolve(&self, from: &str, links: &[FoundLink]) -> Vec<Link> {
        let mut resolved = Vec::new();
        let mut seen = HashSet::new();
        for link in links {
            if resolved.len() >= MAX_LINKS {
                break;
            }
            let text = if says_something(&link.text) { link.text.as_str() } else { "" };
            if text.is_empty() && !says_something_around(link) {
                continue;
            }
            let Some(path) = self.path_of(from, &link.destination).filter(|path| *path != from) else {
                continue;
            };
            if seen.insert((path, link.sentence.as_str(), text)) {
                let target = format!("{}/{path}", self.source);
                // Only here the parts of a secret that a link parts stand together.
                resolved.push(Link {
                    target,
                    text: super::shown(text),
                    sentence: super::shown(&link.sentence),
                });
            }
        }
        resolved
    }

    /// The relative path of the page that an address on the page at `from` leads to.
    pub(crate) fn path_of(&self, from: &str, destination: &str) -> Option<&str> {
        let address = decoded(destination.split(['#', '?']).next().unwrap_or_default());
        let address = address.as_ref();
        if address.is_empty() || address.contains(':') || address.starts_with("//") {
            return None;
        }
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(absolute) = address.strip_prefix('/') {
            let page = page_of(&joined("", absolute)?);
            return self.below_root(&page).or_else(|| self.by_ending(&page, from));
        }
        // As a file beside this one, or, on sites where every page is a folder, below this page.
        let beside = joined(folder, address).map(|path| page_of(&path));
        let below = joined(&page_of(from), address).map(|path| page_of(&path));
        [beside, below].into_iter().flatten().find_map(|page| self.exact(&page)).or_else(|| {
            let page = page_of(&joined("", address.trim_start_matches("../"))?);
            page.contains('/').then(|| self.below_root(&page).or_else(|| self.by_ending(&page, from)))?
        })
    }

    /// The page that an address leads to: the one whose path the address ends in, or for a path, the one that it names.
    pub(crate) fn at_address(&self, address: &str) -> Option<&str> {
        const MAX_PARTS: usize = 12;
        let path = address.split(['#', '?']).next().unwrap_or_default();
        let path = match path.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?.1,
            None => path,
        };
        let page = joined("", path)?;
        let page = page_of(&page);
        let mut rest = page.as_str();
        for _ in 0..MAX_PARTS {
            if let Some(path) = self.exact(rest).filter(|_| !rest.is_empty()) {
                return Some(path);
            }
            let Some((_, after)) = rest.split_once('/') else { break };
            rest = after;
        }
        // The source may be above what the address shows.
        match self.by_last.get(rest).filter(|_| !rest.is_empty())?.as_slice() {
            [only] => self.exact(only),
            _ => None,
        }
    }

    fn exact(&self, page: &str) -> Option<&str> {
        self.by_page.get(page).map(String::as_str)
    }

    /// The source is some folder of the site: leading components (`/docs/`, `/zh-cn/docs/`) may lie above it.
    fn below_root(&self, page: &str) -> Option<&str> {
        const MAX_ABOVE: usize = 4;
        let mut rest = page;
        for _ in 0..=MAX_ABOVE {
            if let Some(path) = self.exact(rest).filter(|_| !rest.is_empty()) {
                return Some(path);
            }
            rest = rest.split_once('/')?.1;
        }
        None
    }

    /// The site is some folder of the source (`content/en/docs/`): the page that ends so. Of several (translations,
    /// say) the one that shares most folders with the page that links, if there is one such.
    fn by_ending(&self, page: &str, from: &str) -> Option<&str> {
        let last = page.rsplit('/').next().filter(|last| !last.is_empty())?;
        let ending = format!("/{page}");
        let nearness = |page: &str| page.split('/').zip(from.split('/')).take_while(|(a, b)| a == b).count();
        let mut best: Option<(usize, &str)> = None;
        let mut is_tie = false;
        for candidate in self.by_last.get(last)?.iter().filter(|page| page.ends_with(&ending)) {
            let near = nearness(candidate);
            match best {
                Some((nearest, _)) if near < nearest => {}
                Some((nearest, _)) if near == nearest => is_tie = true,
                _ => (best, is_tie) = (Some((near, candidate.as_str())), false),
            }
        }
        best.filter(|_| !is_tie).and_then(|(_, page)| self.exact(page))
    }
}

/// An address with the characters that `%20` and its like stand for.
pub(crate) fn decoded(address: &str) -> Cow<'_, str> {
    percent_decode_str(address).decode_utf8().unwrap_or(Cow::Borrowed(address))
}

/// A path without extension, index name and outer slashes.
fn page_of(path: &str) -> String {
    let path = path.trim_matches('/');
    let path =
        [".md", ".markdown", ".mdx", ".txt", ".text", ".html", ".htm", ".adoc", ".asciidoc", ".rst", ".rest"]
            .iter()
            .find_map(|extension| path.strip_suffix(extension))
            .unwrap_or(path);
    let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
    match last {
        "index" | "_index" | "README" | "readme" => folder.to_owned(),
        _ => path.to_owned(),
    }
}

/// Resolves `.` and `..`; `None` when the path leaves the root.
pub(crate) fn joined(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether the sentence has words besides those of a link that says nothing.
fn says_something_around(link: &FoundLink) -> bool {
    link.sentence.split_whitespace().count() > link.text.split_whitespace().count() + 2
        || link.sentence.chars().filter(|c| kb::analyzer::is_cjk(*c)).count() > link.text.chars().count() + 4
}

/// Words of links that say nothing.
const EMPTY_WORDS_FILE: &str = include_str!("empty_words.txt");
/// Texts of links that say nothing.
const EMPTY_PHRASES_FILE: &str = include_str!("empty_phrases.txt");

static EMPTY_WORDS: LazyLock<WordSet> = LazyLock::new(|| words(EMPTY_WORDS_FILE));
static EMPTY_PHRASES: LazyLock<WordSet> = LazyLock::new(|| words(EMPTY_PHRASES_FILE));

/// Whether a link's words name what it leads to: not an address, and not "here".
fn says_something(text: &str) -> bool {
    let text = text.trim();
    let chars = text.chars().count();
    if !(2..=MAX_TEXT_CHARS).contains(&chars) || text.contains("://") || EMPTY_PHRASES.contains(text) {
        return false;
    }
    if !text.chars().any(char::is_alphabetic) {
        return false;
    }
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.any(|word| !EMPTY_WORDS.contains(word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_unique() {
        for (name, list) in [("empty_words.txt", EMPTY_WORDS_FILE), ("empty_phrases.txt", EMPTY_PHRASES_FILE)]
        {
            assert_eq!(kb::lists::unsorted(list), None, "sort {name}");
        }
    }

    use kb::mapped::MappedText;

    fn check_text(source: &str, cleaned: &str) {
        let text = MappedText::new(source.to_owned()).edited(edits(source).0);
        assert_eq!(text.as_str(), cleaned, "{source}");
    }

    #[test]
    fn links_become_plain() {
        check_text("see [the *page*](../page.md) now", "see the *page* now");
        check_text("see [site](https://example.com/a) now", "see [site](https://example.com/a) now");
        check_text(
            "see [site][s] and [s]\n\n[s]: https://example.com \"t\"\n",
            "see [site](https://example.com) and [s](https://example.com)\n\n\n",
        );
        check_text("![alt `x`](a.png) and [![in](b.png)](c.md)", "alt `x` and in");
        check_text("<https://example.com>", "<https://example.com>");
        check_text("[](x.md) [a](x.md)", " a");
        check_text("`[a](b.md)`", "`[a](b.md)`");
    }

    #[test]
    fn links_carry_their_sentence() {
        for (text, sentences) in [
            ("One. See [the *page*](p.md) for pods. Three.", vec!["See the page for pods."]),
            ("- a [x](x.md)\n- b v1.2 [y](y.md) c", vec!["a x", "b v1.2 y c"]),
            ("前句。參考[頁面](p.md)的說明。後句。", vec!["參考頁面的說明。"]),
            ("# Head [h](h.md)\n\nText", vec!["Head h"]),
            ("| a [c](c.md) | b |\n|-|-|\n| d | e |", vec!["a c"]),
        ] {
            let found: Vec<String> = edits(text).1.into_iter().map(|link| link.sentence).collect();
            assert_eq!(found, sentences, "{text}");
        }
        let long = format!("{} [x](x.md) {}", "before ".repeat(200), "after ".repeat(200));
        let found = edits(&long).1.remove(0).sentence;
        assert!(found.len() <= MAX_SENTENCE_BYTES && found.contains(" x "), "{found}");
    }

    fn check_target(pages: &Pages, from: &str, destination: &str, target: Option<&str>) {
        let link = FoundLink {
            sentence: "See Some page for more.".to_owned(),
            ..FoundLink::new("Some page", destination, "")
        };
        let found = pages.resolve(from, &[link]);
        assert_eq!(found.first().map(|link| link.target.as_str()), target, "{destination} from {from}");
    }

    #[test]
    fn links_find_their_pages() {
        let paths = [
            "concepts/_index.md",
            "concepts/pods.md",
            "concepts/storage/volumes.md",
            "tasks/debug.md",
            "README.md",
        ];
        let pages = Pages::new("k8s", paths.into_iter());
        for (destination, target) in [
            ("pods.md#anchor", Some("k8s/concepts/pods.md")),
            ("./pods", Some("k8s/concepts/pods.md")),
            ("../tasks/debug/", Some("k8s/tasks/debug.md")),
            ("../../tasks/debug/", Some("k8s/tasks/debug.md")),
            ("/docs/tasks/debug/?x=1", Some("k8s/tasks/debug.md")),
            ("/zh-cn/docs/concepts/", Some("k8s/concepts/_index.md")),
            ("docs/tasks/debug", Some("k8s/tasks/debug.md")),
            ("storage/volumes", Some("k8s/concepts/storage/volumes.md")),
            ("/docs/nowhere/", None),
            ("https://kubernetes.io/docs/tasks/debug/", None),
            ("mailto:a@b.c", None),
            ("#here", None),
            ("volumes.md", None),
            ("../../../etc/passwd", None),
        ] {
            check_target(&pages, "concepts/other.md", destination, target);
        }
        check_target(&pages, "concepts/pods.md", "pods.md", None);

        let paths = ["content/en/docs/a/pods.md", "content/zh/docs/a/pods.md", "x/only.md"];
        let site = Pages::new("web", paths.into_iter());
        check_target(&site, "x/only.md", "/docs/a/pods/", None);
        check_target(&site, "content/zh/docs/b.md", "/docs/a/pods/", Some("web/content/zh/docs/a/pods.md"));
    }

    #[test]
    fn addresses_lead_to_pages_of_the_source() {
        let pages = Pages::new("kb", ["docs/NodeDown.md", "a/x.md", "b/x.md", "README.md"].into_iter());
        for (address, page) in [
            ("https://github.com/acme/kb/blob/main/docs/NodeDown.md#steps", Some("docs/NodeDown.md")),
            ("https://runbooks.acme.example/NodeDown/", Some("docs/NodeDown.md")),
            ("https://runbooks.acme.example/", None),
            ("https://runbooks.acme.example", None),
            ("https://runbooks.acme.example/x", None),
            ("https://runbooks.acme.example/b/x", Some("b/x.md")),
            ("../NodeDown", None),
            ("docs/NodeDown", Some("docs/NodeDown.md")),
        ] {
            assert_eq!(pages.at_address(address), page, "{address}");
        }
    }

    #[test]
    fn empty_words_say_nothing() {
        for (text, says) in [
            ("Configure a Pod", true),
            ("here", false),
            ("this page", false),
            ("Read more", false),
            ("https://example.com", false),
            ("这里", false),
            ("污点和容忍度", true),
            ("1.2", false),
            ("`kubectl drain`", true),
        ] {
            assert_eq!(says_something(text), says, "{text}");
        }
    }
}
