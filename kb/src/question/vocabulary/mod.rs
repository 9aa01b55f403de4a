//! The closed lists that recognition rests on, as data files: resource kinds with their other spellings, reasons and
//! the phrases that mean them, sentences of the operating system, components and products, and hyphenated English words
//! that are not names. How they are applied to a text is in [`super::identifiers`] and [`super::objects`].

mod case;
mod components;
mod compounds;
mod kinds;
mod labels;
mod reasons;

pub(super) use components::{component_of_word, component_of_words, is_api_group, is_short_api_group};
pub(super) use compounds::{is_compound, is_generic, names_no_namespace};
pub(super) use kinds::{
    begins_foreign_kind, foreign_kind, foreign_kind_at_end, foreign_kind_at_start, foreign_kind_within,
    is_first_part, kind_of_prefix, kind_of_word,
};
pub use kinds::{kind_named, kinds, kinds_in_name};
pub(super) use labels::labels_of_objects;
pub(super) use reasons::{errnos, is_plain_reason, reason_of_word, reason_phrases};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::unsorted;

    #[test]
    fn the_lists_are_sorted_and_unique() {
        let of_rooms =
            [kinds::LISTS.as_slice(), &labels::LISTS, &reasons::LISTS, &components::LISTS, &compounds::LISTS];
        for (name, list) in of_rooms.into_iter().flatten() {
            assert_eq!(unsorted(list), None, "sort {name}");
        }
    }
}
