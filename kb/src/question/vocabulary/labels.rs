//! The labels of alerts that name an object.

use crate::lists::lines;

const LABELS_FILE: &str = include_str!("labels.txt");

#[cfg(test)]
pub(super) const LISTS: [(&str, &str); 1] = [("labels.txt", LABELS_FILE)];

/// A label, the kind of the object that it names, and whether objects of the kind have a namespace.
pub(in crate::question) fn labels_of_objects() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    lines(LABELS_FILE).filter_map(|line| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.next()?, columns.next() != Some("cluster")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{kind_named, kinds};

    #[test]
    fn every_label_names_a_kind() {
        assert_eq!(labels_of_objects().count(), lines(LABELS_FILE).count());
        for (label, kind, _) in labels_of_objects() {
            assert!(kinds().any(|known| known == kind), "{label}: {kind}");
            assert!(kind_named(label).is_none_or(|named| named == kind), "{label}: {kind}");
        }
    }
}
