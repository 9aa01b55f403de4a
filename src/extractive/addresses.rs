//! Web addresses in quotations: they stay as text, in code only, where no reader makes a link of them. While the rest of
//! the text is cleaned, a mark stands in the place of each. Pure.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// A web address; one with a user's name is none that a document should show.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"https?://[^\s<>"'`|@\\，。；）」]+"#).expect("the pattern is valid"));

/// A mark with the number of its address, between two characters that no text has: they are taken out of quotations.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\u{f8f0}([0-9]+)\u{f8f1}").expect("the pattern is valid"));

/// The addresses that were taken out of quotations.
#[derive(Default)]
pub struct Addresses(Vec<String>);

impl Addresses {
    /// Code with a mark in the place of each address.
    pub fn taken_from_code(&mut self, code: &str) -> String {
        ADDRESS
            .replace_all(&without_marks(code), |found: &Captures<'_>| self.take(&found[0], false))
            .into_owned()
    }

    /// Running text with a mark in the place of each address, as code where it is not code already.
    pub fn taken_from_text(&mut self, text: &str) -> String {
        let text = without_marks(text);
        let spans = text.split('`').collect::<Vec<_>>();
        let is_paired = spans.len() % 2 == 1;
        let taken = spans.iter().enumerate().map(|(at, span)| {
            let in_code = is_paired && at % 2 == 1;
            ADDRESS.replace_all(span, |found: &Captures<'_>| self.take(&found[0], !in_code)).into_owned()
        });
        taken.collect::<Vec<_>>().join("`")
    }

    fn take(&mut self, found: &str, as_code: bool) -> String {
        let address = found.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '_']);
        let after = &found[address.len()..];
        let number = self.0.len();
        self.0.push(address.to_owned());
        match as_code {
            true => format!("`\u{f8f0}{number}\u{f8f1}`{after}"),
            false => format!("\u{f8f0}{number}\u{f8f1}{after}"),
        }
    }

    /// The text with its addresses.
    pub fn put_back(&self, text: &str) -> String {
        let address = |found: &Captures<'_>| {
            let number: Option<usize> = found[1].parse().ok();
            number.and_then(|number| self.0.get(number)).cloned().unwrap_or_default()
        };
        MARK.replace_all(text, address).into_owned()
    }
}

fn without_marks(text: &str) -> String {
    text.replace(['\u{f8f0}', '\u{f8f1}'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_text_in_code() {
        for (text, expected) in [
            ("See https://a.example/b.", "See `https://a.example/b`."),
            (
                "Run `curl https://a.example/b -o x`, then wait.",
                "Run `curl https://a.example/b -o x`, then wait.",
            ),
            ("在 https://a.example/b，然後", "在 `https://a.example/b`，然後"),
            ("one ` only https://a.example", "one ` only `https://a.example`"),
            ("\u{f8f0}0\u{f8f1} https://u:p@a.example", "0 https://u:p@a.example"),
        ] {
            let mut addresses = Addresses::default();
            let taken = addresses.taken_from_text(text);
            assert!(!taken.contains("https://a.example"), "{taken}");
            assert_eq!(addresses.put_back(&taken), expected);
        }
    }
}
