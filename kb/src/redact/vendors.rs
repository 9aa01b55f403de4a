//! The formats of vendors' secrets: `vendors.json`, which `scripts/secrets/generate.py` writes from gitleaks' rule set
//! (MIT).

use super::judge;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct File {
    stop_words: Vec<String>,
    rules: Vec<Vendor>,
}

/// A vendor's format of a secret.
#[derive(Deserialize)]
pub(super) struct Vendor {
    /// The format's name, as reports and redactions show it.
    pub(super) id: String,
    /// The regular expression of the format.
    pub(super) pattern: String,
    /// Keywords: each text that the pattern matches has one of them, in any case.
    pub(super) keywords: Vec<String>,
    /// The entropy that a secret exceeds, in bits a byte; 0: any.
    #[serde(default)]
    entropy: f32,
    /// The group that is the secret; `None`: the first group that is not empty, or the whole match.
    pub(super) group: Option<usize>,
    /// Whether the pattern has the vendor's name and an operator before the value, which alone has no special form.
    #[serde(default)]
    assigned: bool,
    /// Patterns of values in this format that are not secret.
    #[serde(default)]
    allowed: Vec<String>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    serde_json::from_str(include_str!("vendors.json")).expect("the file is generated and tested")
});

/// The formats of `vendors.json`.
pub(super) fn all() -> &'static [Vendor] {
    &FILE.rules
}

/// Words before a value that say that it identifies a thing and is not secret.
const IDENTIFIERS: [&str; 13] = [
    "checksum",
    "commit",
    "digest",
    "etag",
    "fingerprint",
    "md5",
    "namespace",
    "revision",
    "sha1",
    "sha256",
    "sha512",
    "uid",
    "uuid",
];

impl Vendor {
    /// The patterns of values in this format that are not secret.
    #[cfg(test)]
    pub(super) fn allowed(&self) -> impl Iterator<Item = &str> {
        self.allowed.iter().map(String::as_str)
    }

    /// Whether the value is a secret; `before` is the part of the match before it.
    pub(super) fn holds(&'static self, before: &str, value: &str) -> bool {
        let lower = value.to_ascii_lowercase();
        if judge::is_shown_format(value)
            || (self.entropy > 0.0 && judge::entropy(value) <= self.entropy)
            || FILE.stop_words.iter().any(|word| lower.contains(word.as_str()))
            || self.allowed.iter().any(|pattern| super::is_match(pattern, value))
        {
            return false;
        }
        if !self.assigned {
            return true;
        }
        let named = before.to_ascii_lowercase();
        value.bytes().any(|b| b.is_ascii_digit()) && !IDENTIFIERS.iter().any(|word| named.contains(word))
    }
}
