//! Links that lead nowhere, and identifiers of headings that lead to two. Only what lies within the folder is looked
//! at: nothing is fetched.

use super::{
    outline::{Heading, Outline},
    page::{Page, is_index, shown},
};
use crate::{
    findings::{Check, Finding},
    formats::inner_links::{Link, Target},
};
use std::collections::{HashMap, HashSet};

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
                            Finding::new(Check::DeadLink, &page.path, page.line(link.start), message)
                                .milder(),
                        ));
                    }
                }
                // A page that stands for its folder often has no text to store.
                (Target::Stored { id }, _) if is_index(id) || files.contains(id.as_str()) => {}
                (Target::Stored { .. }, _) => {
                    let message = format!("the page `{to}`, to which it links, is not in the knowledge base");
                    findings.push((page, Finding::new(Check::DeadLink, &page.path, None, message).milder()));
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

/// Whether a fragment does not name a heading: it is absent, the page's top, words to mark, or a line of a file.
fn leads_elsewhere(fragment: &str) -> bool {
    let is_line =
        fragment.strip_prefix('L').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    fragment.is_empty()
        || fragment == "top"
        || fragment.starts_with([':', '/', '!'])
        || is_line
        || simplified(fragment).is_empty()
}
