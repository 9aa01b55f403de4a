//! Secrets in a file's text are redacted before anything else reads it, with the invisible characters still in it: a
//! colour code that ends where a key begins separates the two. Then the invisible characters are taken out.

use super::invisible;
use kb::{
    mapped::{Edit, MappedText},
    redact::redact,
};
use std::{borrow::Cow, collections::BTreeMap, ops::Range};

/// How many secrets each rule redacted.
pub(crate) type Secrets = BTreeMap<&'static str, u64>;

/// Adds what was redacted in a part of a file.
pub(crate) fn add(secrets: &mut Secrets, more: Secrets) {
    for (rule, count) in more {
        *secrets.entry(rule).or_insert(0) += count;
    }
}

/// The text without invisible characters and with its secrets redacted, and how many secrets there were.
pub(crate) fn redacted(text: String) -> (MappedText, Secrets) {
    let (text, secrets) = again(MappedText::new(text));
    let edits = invisible::edits(text.as_str());
    (text.edited(edits), secrets)
}

/// Redacts the secrets of a text that was edited after its first redaction, for an edit may have joined the parts of a
/// secret.
pub(crate) fn again(text: MappedText) -> (MappedText, Secrets) {
    let redacted = redact(text.as_str());
    let secrets = redacted.counts.iter().map(|(rule, count)| (*rule, *count as u64)).collect();
    let edits: Vec<Edit> = redacted
        .redacted
        .into_iter()
        .map(|(range, rule)| Edit::replace(range, format!("[redacted:{rule}]")))
        .collect();
    (text.edited(edits), secrets)
}

/// The secrets of a text of which pieces are shown one by one.
pub(crate) struct Redactions<'t> {
    text: &'t str,
    redacted: Vec<(Range<usize>, &'static str)>,
}

impl<'t> Redactions<'t> {
    /// Looks for the secrets of a text, and counts them.
    pub(crate) fn of(text: &'t str) -> (Self, Secrets) {
        let redacted = redact(text);
        let secrets = redacted.counts.iter().map(|(rule, count)| (*rule, *count as u64)).collect();
        (Self { text, redacted: redacted.redacted }, secrets)
    }

    /// A piece of the text without secrets. One that reaches over several pieces is named in the first.
    pub(crate) fn shown(&self, piece: Range<usize>) -> Cow<'t, str> {
        let first = self.redacted.partition_point(|(range, _)| range.end <= piece.start);
        let within = self.redacted[first..].iter().take_while(|(range, _)| range.start < piece.end);
        let mut within = within.peekable();
        if within.peek().is_none() {
            return Cow::Borrowed(&self.text[piece]);
        }
        let (mut shown, mut at) = (String::new(), piece.start);
        for (range, rule) in within {
            if range.start >= piece.start {
                shown.push_str(&self.text[at..range.start]);
                shown.push_str(&format!("[redacted:{rule}]"));
            }
            at = range.end.min(piece.end);
        }
        shown.push_str(&self.text[at..piece.end]);
        Cow::Owned(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_piece_by_piece() {
        let text = "the key AKIAQ7RLMXVTN2ZPWK4D and more";
        let (redactions, secrets) = Redactions::of(text);
        assert_eq!(secrets, Secrets::from([("aws-access-key", 1)]));
        let pieces: Vec<Cow<'_, str>> =
            [0..8, 8..12, 12..20, 20..text.len()].into_iter().map(|piece| redactions.shown(piece)).collect();
        assert_eq!(pieces, ["the key ", "[redacted:aws-access-key]", "", " and more"]);
        assert_eq!(redactions.shown(0..text.len()), "the key [redacted:aws-access-key] and more");
    }

    #[test]
    fn secrets_are_redacted_and_the_rest_keeps_its_place() {
        let key = "AKIAQ7RLMXVTN2ZPWK4D";
        let source = format!("key AK\u{200b}IA{} and text, key {key} end", &key[4..]);
        let (text, secrets) = redacted(source.clone());
        assert_eq!(secrets, Secrets::from([("aws-access-key", 2)]));
        assert_eq!(
            text.as_str(),
            "key [redacted:aws-access-key] and text, key [redacted:aws-access-key] end"
        );
        let end = text.as_str().len();
        assert_eq!(&source[text.source_range(end - 3..end)], "end");
        let (text, _) = redacted(format!("\u{1b}[31m{key}\u{1b}[0m"));
        assert_eq!(text.as_str(), "[redacted:aws-access-key]");
    }
}
