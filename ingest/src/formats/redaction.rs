//! Secrets in a file's text are masked before anything else reads it, with what nobody sees still in it: a colour that
//! ends where a key begins parts the two. Then what nobody sees is taken out.

use super::invisible;
use kb::{
    mapped::{Edit, MappedText},
    redact::redact,
};
use std::collections::BTreeMap;

/// How many secrets each rule masked.
pub(crate) type Secrets = BTreeMap<&'static str, u64>;

/// Adds what was masked in a part of a file.
pub(crate) fn add(secrets: &mut Secrets, more: Secrets) {
    for (rule, count) in more {
        *secrets.entry(rule).or_insert(0) += count;
    }
}

/// The text without invisible characters and with its secrets masked, and how many secrets there were.
pub(crate) fn masked(text: String) -> (MappedText, Secrets) {
    let (text, secrets) = again(MappedText::new(text));
    let edits = invisible::edits(text.as_str());
    (text.edited(edits), secrets)
}

/// The same of a text that was edited since: what stood apart may have come together.
pub(crate) fn again(text: MappedText) -> (MappedText, Secrets) {
    let redacted = redact(text.as_str());
    let secrets = redacted.counts.iter().map(|(rule, count)| (*rule, *count as u64)).collect();
    let edits: Vec<Edit> = redacted
        .masked
        .into_iter()
        .map(|(range, rule)| Edit::replace(range, format!("[redacted:{rule}]")))
        .collect();
    (text.edited(edits), secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_keeps_its_place() {
        let key = "AKIAQ7RLMXVTN2ZPWK4D";
        let source = format!("key AK\u{200b}IA{} and text, key {key} end", &key[4..]);
        let (text, secrets) = masked(source.clone());
        assert_eq!(secrets, Secrets::from([("aws-access-key", 2)]));
        assert_eq!(
            text.as_str(),
            "key [redacted:aws-access-key] and text, key [redacted:aws-access-key] end"
        );
        let end = text.as_str().len();
        assert_eq!(&source[text.source_range(end - 3..end)], "end");
        let (text, _) = masked(format!("\u{1b}[31m{key}\u{1b}[0m"));
        assert_eq!(text.as_str(), "[redacted:aws-access-key]");
    }
}
