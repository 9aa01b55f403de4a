//! The part of a page that is the page, without the furniture of its site.

use super::{
    boxes,
    tree::{Element, Event, Tree},
};
use crate::formats::written::one_line;
use kb::html::{self, Habit};
use std::ops::Range;

/// Classes and identifiers of elements that stand around a page, or in it for browsers only: one a line, sorted.
const FURNITURE: &str = include_str!("furniture.txt");

/// A page that was read: what of it is shown.
pub(super) struct Page<'t> {
    pub(super) tree: &'t Tree<'t>,
    /// For each element, whether it is left out of the page's text.
    pub(super) left_out: Vec<bool>,
    /// For each element, whether words stand in it that are shown.
    has_words: Vec<bool>,
}

impl<'t> Page<'t> {
    pub(super) fn of(tree: &'t Tree<'t>) -> Self {
        let none = vec![false; tree.elements.len()];
        let mut page = Self { tree, left_out: none.clone(), has_words: none };
        let mut innermost = None;
        let mut at = 0;
        while let Some(event) = tree.events.get(at) {
            match event {
                Event::Open(number) => {
                    let is_left_out = is_left_out(&tree.elements[*number]);
                    page.left_out[*number] = is_left_out;
                    match is_left_out {
                        true => at = tree.elements[*number].closes,
                        false => innermost = Some(*number),
                    }
                }
                Event::Close(number) => innermost = tree.elements[*number].parent,
                Event::Text(words, _) if words.chars().any(char::is_alphanumeric) => {
                    let mut around = innermost;
                    while let Some(number) = around.filter(|&number| !page.has_words[number]) {
                        page.has_words[number] = true;
                        around = tree.elements[number].parent;
                    }
                }
                Event::Text(..) => {}
            }
            at += 1;
        }
        page
    }

    /// The element that is the page; `None` for the whole text.
    pub(super) fn root(&self) -> Option<usize> {
        let elements = &self.tree.elements;
        let found = |is_it: &dyn Fn(&Element) -> bool| {
            let mut fitting =
                (0..elements.len()).filter(|&number| self.has_words[number] && is_it(&elements[number]));
            fitting.next().map(|first| (first, fitting.next().is_none()))
        };
        let is_main = |element: &Element| element.name == "main" || element.attribute("role") == Some("main");
        let main =
            found(&|element| element.attribute("id") == Some("main-content")).or_else(|| found(&is_main));
        let article = || found(&|element| element.name == "article").filter(|(_, is_only)| *is_only);
        main.or_else(article).or_else(|| found(&|element| element.name == "body")).map(|(number, _)| number)
    }

    /// The numbers of the events within an element.
    pub(super) fn within(&self, root: Option<usize>) -> Range<usize> {
        let whole = 0..self.tree.events.len();
        root.map_or(whole, |root| self.tree.elements[root].opens + 1..self.tree.elements[root].closes)
    }

    /// Whether the page says a text in its own words.
    pub(super) fn holds(&self, root: Option<usize>, text: &str) -> bool {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let words = self.tree.events[self.within(root)].iter().filter_map(|event| match event {
            Event::Text(words, _) => Some(letters(words)),
            _ => None,
        });
        words.collect::<String>().contains(&letters(text))
    }

    /// The words of a heading, without what is for browsers only.
    pub(super) fn heading_words(&self, heading: usize) -> Option<String> {
        let mut words = String::new();
        let range = self.within(Some(heading));
        let mut at = range.start;
        while at < range.end {
            match &self.tree.events[at] {
                Event::Open(inner) if self.left_out[*inner] => at = self.tree.elements[*inner].closes,
                Event::Text(text, _) => words.push_str(text),
                _ => {}
            }
            at += 1;
        }
        let words = one_line(without_signs(&words));
        Some(words).filter(|words| words.chars().any(char::is_alphanumeric))
    }
}

/// A heading without the signs that show its address.
pub(super) fn without_signs(words: &str) -> &str {
    words.trim_end().trim_end_matches(['¶', '#', '§', '🔗']).trim_end()
}

/// Whether an element does not belong to a page's text.
fn is_left_out(element: &Element) -> bool {
    let is_outer = matches!(element.name.as_str(), "html" | "body" | "main");
    match element.name.as_str() {
        name if html::is(name, Habit::LeftOut) => return true,
        "header" => return !element.holds.title || element.holds.navigation,
        // On some sites one form surrounds the whole page.
        "form" => return !element.holds.page,
        "aside" if boxes::sort_of(element).is_none() => return true,
        _ => {}
    }
    let role = element.attribute("role").unwrap_or_default();
    if matches!(
        role,
        "navigation" | "search" | "banner" | "contentinfo" | "complementary" | "dialog" | "toolbar"
    ) {
        return true;
    }
    let style =
        element.attribute("style").unwrap_or_default().to_ascii_lowercase().replace(char::is_whitespace, "");
    let is_hidden = element.attribute("hidden").is_some()
        || element.attribute("aria-hidden").is_some_and(|value| value == "true")
        || style.contains("display:none")
        || style.contains("visibility:hidden");
    let names = element.classes().chain(element.attribute("id"));
    is_hidden || (!is_outer && names.map(str::to_ascii_lowercase).any(|name| is_furniture(&name)))
}

fn is_furniture(name: &str) -> bool {
    FURNITURE.lines().any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn furniture_is_sorted() {
        let names: Vec<&str> = FURNITURE.lines().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "sorted, each once");
    }
}
