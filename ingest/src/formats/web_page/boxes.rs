//! Boxes: notes, warnings and the like, which sites mark by classes.

use super::tree::{Element, Event, Tree};

/// Classes of boxes, which say their sort in another class.
const BOXES: [&str; 9] = [
    "admonition",
    "admonitionblock",
    "alert",
    "callout",
    "confluence-information-macro",
    "markdown-alert",
    "notice",
    "panel",
    "theme-admonition",
];

/// The sorts of boxes, sorted.
const SORTS: [&str; 12] = [
    "attention",
    "caution",
    "danger",
    "error",
    "hint",
    "important",
    "info",
    "note",
    "seealso",
    "tip",
    "todo",
    "warning",
];

/// Sorts that are boxes without any other class.
const BARE_SORTS: [&str; 8] =
    ["attention", "caution", "danger", "hint", "important", "note", "tip", "warning"];

/// Classes of a box's title.
const TITLES: [&str; 9] = [
    "admonition-heading",
    "admonition-title",
    "alert-heading",
    "alert-title",
    "callout-title",
    "markdown-alert-title",
    "panel-heading",
    "panelHeader",
    "title",
];

/// The sort of a box, `Some(None)` for a box that names none; `None` for an element that is not a box.
pub(super) fn sort_of(element: &Element) -> Option<Option<&'static str>> {
    let sort_named = |name: &str, sorts: &[&'static str]| {
        sorts.iter().find(|sort| name.eq_ignore_ascii_case(sort)).copied()
    };
    if !matches!(
        element.name.as_str(),
        "div" | "aside" | "section" | "p" | "blockquote" | "details" | "table"
    ) {
        return None;
    }
    let is_box = element.classes().any(|class| BOXES.contains(&class));
    let bare = element.classes().find_map(|class| sort_named(class, &BARE_SORTS));
    if !is_box {
        return bare.map(Some);
    }
    let of_class = |class: &str| {
        let last = class.rsplit('-').next().unwrap_or_default();
        sort_named(class, &SORTS).or_else(|| sort_named(last, &SORTS))
    };
    Some(element.classes().find_map(of_class))
}

/// The label that a sort gets in the text: `Note:`.
pub(super) fn label_of(sort: &str) -> String {
    let mut letters = sort.chars();
    match sort {
        "seealso" => "See also:".to_owned(),
        _ => letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain([':']).collect(),
    }
}

/// Whether words are the name of a sort, as in a title.
pub(super) fn is_sort(words: &str) -> bool {
    SORTS.iter().any(|sort| words.eq_ignore_ascii_case(sort))
}

/// Whether an element is the title of a box.
pub(super) fn is_title(element: &Element) -> bool {
    element.classes().any(|class| TITLES.contains(&class))
}

/// Whether a box has a title of its own.
pub(super) fn has_title(tree: &Tree<'_>, number: usize) -> bool {
    /// The title is near the beginning.
    const NEAR: usize = 16;
    let element = &tree.elements[number];
    let inside = tree.events[element.opens + 1..element.closes].iter().take(NEAR);
    let mut elements = inside.filter_map(|event| match event {
        Event::Open(inner) => Some(&tree.elements[*inner]),
        _ => None,
    });
    elements.any(|inner| inner.name == "summary" || is_title(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_sorted() {
        assert!(BOXES.is_sorted() && SORTS.is_sorted() && BARE_SORTS.is_sorted() && TITLES.is_sorted());
    }
}
