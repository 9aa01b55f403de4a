//! Code of a page: its text, and the language that the elements around it name.

use super::{
    content::Page,
    tree::{Element, Event, Tree},
};
use kb::html::{self, Habit};

/// The text of code, with its line breaks.
pub(super) fn text_of(page: &Page<'_>, number: usize) -> String {
    let element = &page.tree.elements[number];
    let mut code = String::new();
    let mut at = element.opens + 1;
    while at < element.closes {
        match &page.tree.events[at] {
            Event::Open(inner) if page.left_out[*inner] => at = page.tree.elements[*inner].closes,
            Event::Open(inner) => {
                let name = page.tree.elements[*inner].name.as_str();
                let begins_line = name == "br"
                    || (!html::is(name, Habit::Inline) && !code.is_empty() && !code.ends_with('\n'));
                if begins_line {
                    code.push('\n');
                }
            }
            Event::Text(words, _) => code.push_str(&words.replace('\u{a0}', " ")),
            Event::Close(_) => {}
        }
        at += 1;
    }
    code
}

/// The language of a block of code, as one of the elements around it names it.
pub(super) fn language_of(tree: &Tree<'_>, number: usize) -> String {
    const PREFIXES: [&str; 6] =
        ["language-", "lang-", "highlight-source-", "highlight-text-", "sourceCode-", "highlight-"];
    let of_element = |element: &Element| {
        let given = element.attribute("data-lang").or(element.attribute("data-language"));
        let brush = element
            .attribute("data-syntaxhighlighter-params")
            .and_then(|parameters| parameters.split(';').find_map(|part| part.trim().strip_prefix("brush:")));
        let of_class = || {
            element.classes().find_map(|class| PREFIXES.iter().find_map(|prefix| class.strip_prefix(prefix)))
        };
        given.or(brush).or_else(of_class).map(|name| name.trim().to_ascii_lowercase())
    };
    let element = &tree.elements[number];
    let inner = tree.events.get(element.opens + 1..element.closes).unwrap_or_default().iter().take(2);
    let inner = inner.filter_map(|event| match event {
        Event::Open(inner) => Some(&tree.elements[*inner]),
        _ => None,
    });
    let parent = element.parent.map(|parent| &tree.elements[parent]);
    let grandparent = parent.and_then(|parent| parent.parent).map(|parent| &tree.elements[parent]);
    let found = [element].into_iter().chain(inner).chain(parent).chain(grandparent).find_map(of_element);
    found
        .filter(|name| !matches!(name.as_str(), "default" | "none" | "plaintext" | "plain" | "text"))
        .unwrap_or_default()
}
