//! Web addresses in quoted code: they stay, as text of which no reader makes a link. While the rest of the answer is cleaned,
//! which takes out all others, a mark stands in the place of each. Pure.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// A web address.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"https?://[^\s<>"'`|\\，。；）」]+"#).expect("the pattern is valid"));

/// A mark with the number of its address, between two characters that no text has: they are taken out of quotations.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\u{f8f0}([0-9]+)\u{f8f1}").expect("the pattern is valid"));

/// The addresses that were taken out of quotations.
#[derive(Default)]
pub struct Addresses(Vec<String>);

impl Addresses {
    /// Code with a mark in the place of each address.
    pub fn taken_from_code(&mut self, code: &str) -> String {
        ADDRESS.replace_all(&without_marks(code), |found: &Captures<'_>| self.take(&found[0])).into_owned()
    }

    fn take(&mut self, found: &str) -> String {
        // An address with a user's name may hold a password: it gets no mark, so the cleaning takes it out.
        if found.contains('@') {
            return found.to_owned();
        }
        let address = found.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '_']);
        let number = self.0.len();
        self.0.push(address.to_owned());
        format!("\u{f8f0}{number}\u{f8f1}{}", &found[address.len()..])
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
    fn addresses_of_code_are_put_back() {
        for (code, expected) in [
            ("curl https://a.example/b -o x", "curl \u{f8f0}0\u{f8f1} -o x"),
            ("url: \"http://a.example/?q=1\"", "url: \"\u{f8f0}0\u{f8f1}\""),
            ("\u{f8f0}0\u{f8f1} https://u:p@a.example", "0 https://u:p@a.example"),
        ] {
            let mut addresses = Addresses::default();
            let taken = addresses.taken_from_code(code);
            assert_eq!(taken, expected);
            assert_eq!(addresses.put_back(&taken), without_marks(code));
        }
    }
}
