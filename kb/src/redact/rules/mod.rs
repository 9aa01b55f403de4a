//! Rules for secrets without a vendor's format: assignments, sentences, commands and headers that hold a secret at a
//! known place, and the formats that are written more widely here than in `vendors.json`.
//!
//! Patterns match bytes, so that letters are ASCII's and other characters stand for themselves. To add a rule, write a
//! [`Rule`] with its keywords at the place that its precedence asks for, in the file of its subject, and a secret and a
//! near miss in `tests.rs`.

/// A character of a value without quotes, as a class.
macro_rules! value {
    () => {
        r#"[!#-&(-;=?-_a-~]"#
    };
}

/// A value with or without quotes; a dollar sign or a bracket is a part of it.
macro_rules! word {
    () => {
        r#"(?:"([^"\n]{3,200})"|'([^'\n]{3,200})'|([!#-&(-;=?-_a-~]{3,200}))"#
    };
}

mod assignments;
mod commands;
mod formats;
mod headers;
mod rule;

pub(super) use rule::Rule;

/// The rules in order: an earlier rule wins if two overlap.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [formats::RULES, headers::RULES, commands::RULES, assignments::RULES].into_iter().flatten()
}
