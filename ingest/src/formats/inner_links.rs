//! The links of a document within its source, with the place that each leads to; for [`crate::lint`].

use super::{
    Place,
    links::{FoundLink, decoded, joined},
};

/// A link within its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The link's start in the file.
    pub(crate) start: Option<usize>,
    pub(crate) destination: String,
    pub(crate) target: Target,
    /// The first folders of an address from the site's root.
    pub(crate) root: Option<String>,
}

/// The target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// To a place of the document that has this id.
    Document { id: String, fragment: String },
    /// In a knowledge base: the page that had this id when the link was stored.
    Stored { id: String },
    /// No file of the source.
    Nowhere,
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

/// The first two folders of a path.
fn folders(path: &str) -> String {
    path.split(['#', '?']).next().unwrap_or_default().split('/').take(2).collect::<Vec<_>>().join("/")
}

/// The target of an address; `None` if it leads out of the source, or cannot be determined.
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
