//! No secret leaves in an answer's text, whether a model wrote it or not. k8sgpt's masked tokens look drawn at random
//! as well, and stay: the client puts the real names back.

use super::masked::names_in;
use crate::text::edited;
use kb::redact::redact;
use std::ops::Range;

/// A shorter rest beside a masked token is not a secret.
const MIN_REST_BYTES: usize = 8;

/// The text with its secrets masked from `from` on; the text before it is only read. `tokens` are the masked tokens of
/// the question.
pub fn masked(text: &str, from: usize, tokens: &[String]) -> String {
    let found = redact(text).redacted;
    if found.is_empty() {
        return text[from..].to_owned();
    }
    let mut kept: Vec<Range<usize>> = tokens
        .iter()
        .flat_map(|token| names_in(token))
        .filter(|name| !name.is_empty())
        .flat_map(|name| text.match_indices(name).map(|(at, name)| at..at + name.len()))
        .collect();
    kept.sort_by_key(|range| range.start);
    let mut edits = Vec::new();
    for (range, rule) in found {
        let mut at = range.start.max(from);
        let within = kept.iter().filter(|kept| kept.start < range.end && kept.end > range.start);
        let mut is_split = false;
        for kept in within {
            is_split = true;
            if kept.start >= at + MIN_REST_BYTES {
                edits.push((at..kept.start, rule));
            }
            at = at.max(kept.end);
        }
        if at < range.end && (!is_split || range.end - at >= MIN_REST_BYTES) {
            edits.push((at..range.end, rule));
        }
    }
    let mask = |(range, rule): (Range<usize>, &str)| {
        (range.start - from..range.end - from, format!("[redacted:{rule}]"))
    };
    edited(&text[from..], edits.into_iter().map(mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_masked_names_are_not() {
        let tokens = ["UHRZOmdqJm1V/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V".to_owned()];
        for (text, shown) in [
            ("key AKIAQ7RLMXVTN2ZPWK4D.", "key [redacted:aws-access-key]."),
            ("Secret: aB3dE5gH7jK9mN2pQ4rS6tU8vW", "Secret: [redacted:secret]"),
            (
                "Secret: UHRZOmdqJm1V/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V is gone",
                "Secret: UHRZOmdqJm1V/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V is gone",
            ),
            (
                "token=UHRZOmdqJm1V/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5VhJ8kLm2pQ9x",
                "token=UHRZOmdqJm1V/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V[redacted:secret]",
            ),
        ] {
            assert_eq!(masked(text, 0, &tokens), shown);
        }
        assert_eq!(masked("Password:\n\nS3cr3tP4ss!", 11, &tokens), "[redacted:password]");
        assert_eq!(masked("AKIAQ7RLMXVTN2ZPWK4D", 10, &tokens), "[redacted:aws-access-key]");
    }
}
