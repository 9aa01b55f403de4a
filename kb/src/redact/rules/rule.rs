//! The form of a rule, and the two kinds that most rules are.

use crate::redact::judge::{is_shown_format, is_stand_in};

/// A pattern of secrets with the further conditions on a secret.
pub(in crate::redact) struct Rule {
    /// The name of the rule, as reports and redactions show it.
    pub(in crate::redact) name: &'static str,
    /// Keywords in lower case: each text that the pattern matches has one of them, in any case.
    pub(in crate::redact) keywords: &'static [&'static str],
    /// The pattern, of bytes. The secret is the first group that took part, or the whole match.
    pub(in crate::redact) pattern: &'static str,
    /// Whether a value is a secret; the first text is the part of the match before it.
    pub(in crate::redact) holds: fn(&str, &str) -> bool,
}

/// A format that is redacted but for shown examples of it.
pub(super) const fn format(
    name: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
) -> Rule {
    Rule { name, keywords, pattern, holds: |_, value| !is_shown_format(value) }
}

/// A place of a password: each value there is redacted but for stand-ins, flags and values of one or two bytes.
pub(super) const fn place(
    name: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
) -> Rule {
    Rule {
        name,
        keywords,
        pattern,
        holds: |_, value| value.len() >= 3 && !is_stand_in(value) && !value.starts_with('-'),
    }
}
