//! The texts of documents that stand beside an answer's text: titles, headings, names. They are cleaned when they are
//! ingested; a knowledge base may be older than that.

use super::markup;
use crate::text::visible;
use kb::redact::redact;

/// A title on one line, without invisible characters, secrets, markup and URLs.
pub fn cleaned(title: &str) -> String {
    markup::plain(&redact(&visible(title)).text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_plain() {
        for (title, expected) in [
            ("Pod is OOMKilled (exit code 137)", "Pod is OOMKilled (exit code 137)"),
            ("![x](https://evil.example/x) A [link](https://evil.example) <b>b</b>", "A link b"),
            ("a\u{1b}[31m\u{202e}\nb\u{200b}", "a b"),
            ("key AKIAQ7RLMX\u{200b}VTN2ZPWK4D(//evil.example/x)", "key redacted:aws-access-key"),
        ] {
            assert!(cleaned(title).starts_with(expected), "{title:?} gave {:?}", cleaned(title));
            assert!(!cleaned(title).contains("evil"), "{title:?} gave {:?}", cleaned(title));
        }
    }
}
