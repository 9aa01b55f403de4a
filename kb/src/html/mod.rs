//! The elements of HTML by their names, and the properties of each, as `elements.txt` lists them. Names are in lower
//! case. Entry point: [`is`].

use crate::lists::pairs;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

const ELEMENTS_FILE: &str = include_str!("elements.txt");

/// The properties that an element can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// The element has no content.
    Void,
    /// The element's content is text, without tags.
    Raw,
    /// The element ends an open paragraph.
    EndsParagraph,
    /// The element stands in the head of a page.
    InHead,
    /// The element ends a drawing or a formula.
    EndsForeign,
    /// No end tag in the element ends an element around it.
    Scope,
    /// The element is more than words, as are all elements with [`Habit::Scope`] or [`Habit::EndsParagraph`].
    Block,
    /// The element formats words and reaches over blocks.
    Format,
    /// The element stands within a line, or makes no line itself.
    Inline,
    /// The element is no part of a page's text.
    LeftOut,
    /// The element's tags leave no trace in Markdown.
    Unmarked,
    /// The element's tags set its content apart in Markdown.
    Apart,
    /// The element's name in `<…>` is more likely the element than a placeholder.
    Shown,
}

impl Habit {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "void" => Self::Void,
            "raw" => Self::Raw,
            "ends-paragraph" => Self::EndsParagraph,
            "in-head" => Self::InHead,
            "ends-foreign" => Self::EndsForeign,
            "scope" => Self::Scope,
            "block" => Self::Block,
            "format" => Self::Format,
            "inline" => Self::Inline,
            "left-out" => Self::LeftOut,
            "unmarked" => Self::Unmarked,
            "apart" => Self::Apart,
            "shown" => Self::Shown,
            _ => return None,
        })
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The habits of each element, a bit for each.
static ELEMENTS: LazyLock<FxHashMap<&str, u16>> = LazyLock::new(|| {
    let habits =
        |words: &str| words.split(' ').filter_map(Habit::named).fold(0, |all, habit| all | habit.bit());
    pairs(ELEMENTS_FILE).map(|(name, words)| (name, habits(words))).collect()
});

/// Whether an element, named in lower case, has a habit.
pub fn is(name: &str, habit: Habit) -> bool {
    ELEMENTS.get(name).is_some_and(|habits| habits & habit.bit() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::unsorted;

    #[test]
    fn the_list_is_sorted_and_read_whole() {
        assert_eq!(unsorted(ELEMENTS_FILE), None, "sort elements.txt");
        for (name, words) in pairs(ELEMENTS_FILE) {
            assert!(words.split(' ').is_sorted(), "sort the words of {name}");
            assert!(words.split(' ').all(|word| Habit::named(word).is_some()), "{name} is {words}");
            assert!(!(is(name, Habit::Unmarked) && is(name, Habit::Apart)), "{name} is set apart, or not");
        }
        assert!(is("br", Habit::Void) && !is("p", Habit::Void) && !is("relay-name", Habit::Shown));
    }
}
