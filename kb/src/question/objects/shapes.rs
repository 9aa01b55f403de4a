//! How names look, wherever they stand.

use crate::question::{names::Label, volatile::STAND_IN};

/// Whether a word has a hyphen or a digit inside, as names have and English words rarely.
pub(super) fn has_name_marks(word: &str) -> bool {
    if word.contains(STAND_IN) {
        return true;
    }
    let starts_well = word.starts_with(|c: char| c.is_ascii_lowercase());
    let is_version =
        word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    starts_well
        && !is_version
        && (word.contains('-')
            || word.bytes().any(|b| b.is_ascii_digit())
            || word.contains('.') && !word.contains(".."))
}

/// The word as the name of an object: lower-case letters, digits, hyphens and dots, with a letter, at most 253 bytes. A
/// hyphen at the end stays: ReplicaSets write the start of a name so.
pub(super) fn label(word: &str) -> Option<Label> {
    if word.contains(STAND_IN) {
        let rest_is_name = word.chars().all(|c| {
            c == STAND_IN || c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_')
        });
        return rest_is_name.then_some(Label::Anonymised);
    }
    let is_name = !word.is_empty()
        && word.len() <= 253
        && word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && word.bytes().any(|b| b.is_ascii_lowercase());
    is_name.then(|| Label::Known(word.to_owned()))
}

pub(super) fn is_uid(word: &str) -> bool {
    word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Regions and zones of cloud providers: `us-east-1`, `europe-west1-d`.
pub(super) fn is_region(word: &str) -> bool {
    let mut parts = word.split('-');
    let continent = parts.next().unwrap_or_default();
    let direction = parts.next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(
        continent,
        "us" | "eu"
            | "europe"
            | "asia"
            | "ap"
            | "ca"
            | "sa"
            | "me"
            | "af"
            | "australia"
            | "northamerica"
            | "southamerica"
    ) && matches!(
        direction,
        "east"
            | "west"
            | "north"
            | "south"
            | "central"
            | "northeast"
            | "northwest"
            | "southeast"
            | "southwest"
    )
}
