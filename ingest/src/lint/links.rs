//! Links that lead nowhere, and identifiers of headings that lead to two. Only what lies within the folder is looked
//! at: nothing is fetched.

use super::{
    Check, Finding,
    outline::{Heading, Outline},
    page::{Page, is_index, milder, shown},
};
use crate::formats::{
    Place,
    links::{FoundLink, decoded, joined},
};
use std::collections::{HashMap, HashSet};

/// A link within its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Where it begins in the file.
    start: Option<usize>,
    destination: String,
    target: Target,
    /// The first folders of an address from the site's root.
    root: Option<String>,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// To a place of the document that has this id.
    Document { id: String, fragment: String },
    /// In a knowledge base: to the page that had this id when the link was stored.
    Stored { id: String },
    /// Nowhere.
    Nowhere,
}

/// Which identifiers of a document's headings only its site's generator knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unknown {
    /// Every one is known.
    #[default]
    None,
    /// Some that are in letters other than Latin ones.
    OfScript,
    /// Some, of any words.
    Any,
}

impl Unknown {
    /// Whether an identifier may be one of them.
    fn may_be(self, fragment: &str) -> bool {
        match self {
            Self::None => false,
            Self::OfScript => !fragment.is_ascii(),
            Self::Any => true,
        }
    }
}

/// The links of a document that lead to places of documents, or nowhere.
pub(crate) fn links_of(found: &[FoundLink], place: &Place<'_>) -> Vec<Link> {
    let of = |link: &FoundLink| {
        let destination = link.destination();
        let target = target(destination, place)?;
        let root = destination.strip_prefix('/').map(folders);
        Some(Link { start: link.start(), destination: destination.to_owned(), target, root })
    };
    found.iter().filter_map(of).collect()
}

/// The links that a knowledge base has of a document: those that led to pages when it was read, without their
/// fragments.
pub(super) fn stored(links: &[kb::document::Link]) -> Vec<Link> {
    let of = |link: &kb::document::Link| Link {
        start: None,
        destination: link.target.clone(),
        target: Target::Stored { id: link.target.clone() },
        root: None,
    };
    links.iter().map(of).collect()
}

/// The first two folders of a path.
fn folders(path: &str) -> String {
    path.split(['#', '?']).next().unwrap_or_default().split('/').take(2).collect::<Vec<_>>().join("/")
}

/// Where an address leads; `None` where that is out of the source, or cannot be told.
fn target(destination: &str, place: &Place<'_>) -> Option<Target> {
    let destination = destination.trim();
    // A site's generator puts something in the place of these.
    let is_template =
        destination.contains(['{', '}', '<', '>', '[', ']', '$', '%']) && !is_encoded(destination);
    if destination.is_empty() || is_template || has_scheme(destination) || destination.starts_with("//") {
        return None;
    }
    let decoded = decoded(destination);
    let decoded = decoded.as_ref();
    let (path, fragment) = decoded.split_once('#').unwrap_or((decoded, ""));
    let fragment = fragment.to_owned();
    let address = path.split('?').next().unwrap_or_default();
    let id = |relative: &str| format!("{}/{relative}", place.source);
    if address.is_empty() {
        return Some(Target::Document { id: id(place.relative), fragment });
    }
    if let Some(relative) = place.pages.path_of(place.relative, address) {
        return Some(Target::Document { id: id(relative), fragment });
    }
    let (folder, _) = place.relative.rsplit_once('/').unwrap_or_default();
    let page = place.relative.rsplit_once('.').map_or(place.relative, |(page, _)| page);
    let paths = match address.strip_prefix('/') {
        Some(absolute) => [joined("", absolute), None],
        // Beside the file, or below the page, as `path_of` has it.
        None => [joined(folder, address), joined(page, address)],
    };
    let is_outside = !address.starts_with('/') && paths[0].is_none();
    let is_there = paths.iter().flatten().any(|path| place.site.has(path));
    (!is_outside && !is_there).then_some(Target::Nowhere)
}

/// Whether all percent signs of an address stand for bytes.
fn is_encoded(address: &str) -> bool {
    let rest = address.split('%').skip(1);
    let is_byte = |part: &str| part.len() >= 2 && part.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    rest.into_iter().all(is_byte) && !address.contains(['{', '}', '<', '>', '[', ']', '$'])
}

fn has_scheme(address: &str) -> bool {
    address.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// An identifier without what generators of sites write differently: letters and digits, lower case.
pub(super) fn simplified(anchor: &str) -> String {
    anchor.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The identifiers that lead to a heading.
pub(super) fn anchors_of(heading: &Heading) -> impl Iterator<Item = String> {
    let names = [Some(heading.anchor.as_str()), heading.given.as_deref(), Some(heading.words.as_str())];
    names
        .into_iter()
        .flatten()
        .map(simplified)
        .filter(|name| !name.is_empty())
        .collect::<Vec<_>>()
        .into_iter()
}

/// Identifiers that a page gives to two headings.
pub(super) fn duplicate_anchors(
    outline: &Outline,
    path: &str,
    line: impl Fn(usize) -> Option<usize>,
) -> Vec<Finding> {
    let mut seen: HashMap<&str, Option<usize>> = HashMap::new();
    let mut findings = Vec::new();
    for heading in &outline.headings {
        let Some(given) = heading.given.as_deref() else { continue };
        match seen.get(given) {
            None => drop(seen.insert(given, line(heading.start))),
            Some(first) => {
                let first = first.map(|line| format!(", as on line {line}")).unwrap_or_default();
                let message =
                    format!("the heading has the identifier `{}` of another one{first}", shown(given));
                findings.push(Finding::new(Check::DuplicateAnchor, path, line(heading.start), message));
            }
        }
    }
    findings
}

/// The links that lead nowhere.
pub(super) fn dead(pages: &[Page]) -> Vec<(&Page, Finding)> {
    let known: HashMap<&str, &Page> = pages.iter().map(|page| (page.id.as_str(), page)).collect();
    // The folder may be a part of the site only: of addresses from the site's root those are judged that begin like
    // others which lead to pages.
    let roots: HashSet<(&str, &str)> = pages
        .iter()
        .flat_map(|page| page.links.iter().map(move |link| (page.source.as_str(), link)))
        .filter(|(_, link)| matches!(link.target, Target::Document { .. }))
        .filter_map(|(source, link)| Some((source, link.root.as_deref()?)))
        .collect();
    // A file with several documents is linked to as a whole.
    let files: HashSet<&str> = pages.iter().filter_map(|page| page.id.split('#').next()).collect();
    let mut findings = Vec::new();
    for page in pages {
        for link in &page.links {
            let to = shown(&link.destination);
            match (&link.target, &link.root) {
                (Target::Nowhere, None) => {
                    let message = format!("the link `{to}` leads to nothing in the folder");
                    findings.push((
                        page,
                        Finding::new(Check::DeadLink, &page.path, page.line(link.start), message),
                    ));
                }
                (Target::Nowhere, Some(root)) => {
                    if roots.contains(&(page.source.as_str(), root.as_str())) {
                        let message = format!(
                            "the link `{to}` leads to nothing in the folder, though its neighbours do"
                        );
                        findings.push((
                            page,
                            milder(Finding::new(Check::DeadLink, &page.path, page.line(link.start), message)),
                        ));
                    }
                }
                // A page that stands for its folder often has no text to store.
                (Target::Stored { id }, _) if is_index(id) || files.contains(id.as_str()) => {}
                (Target::Stored { .. }, _) => {
                    let message = format!("the page `{to}`, to which it links, is not in the knowledge base");
                    findings.push((page, milder(Finding::new(Check::DeadLink, &page.path, None, message))));
                }
                (Target::Document { id, fragment }, _) => {
                    let Some(target) = known.get(id.as_str()) else { continue };
                    let Some(anchors) = &target.anchors else { continue };
                    let is_known = anchors.contains(&simplified(fragment));
                    if leads_elsewhere(fragment) || is_known || target.unknown_anchors.may_be(fragment) {
                        continue;
                    }
                    let whose = if target.id == page.id { "this page" } else { "that page" };
                    let message = format!("the link `{to}` leads to no heading of {whose}");
                    findings.push((
                        page,
                        Finding::new(Check::DeadAnchor, &page.path, page.line(link.start), message),
                    ));
                }
            }
        }
    }
    findings
}

/// Whether a fragment is none of a heading: absent, the page's top, words to mark, a line of a file.
fn leads_elsewhere(fragment: &str) -> bool {
    let is_line =
        fragment.strip_prefix('L').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    fragment.is_empty()
        || fragment == "top"
        || fragment.starts_with([':', '/', '!'])
        || is_line
        || simplified(fragment).is_empty()
}
