//! The languages that info strings of fences name, and how the text under them is read. They are data: `fences.txt`. Pure.

use kb::lists;
use std::{collections::HashMap, sync::LazyLock};

/// `language<TAB>readings`, the readings apart by spaces.
const FILE: &str = include_str!("fences.txt");

static LANGUAGES: LazyLock<HashMap<&'static str, Vec<Reading>>> = LazyLock::new(|| {
    let readings = |names: &'static str| names.split(' ').filter_map(Reading::named).collect();
    lists::pairs(FILE).map(|(language, names)| (language, readings(names))).collect()
});

/// How the text under a language is read. A language has several readings where rooms differ on purpose: a document's `ps` is
/// PowerShell, a reply's may be the output of `ps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// In a reply: commands, line by line.
    Commands,
    /// In a document: what was typed into a shell.
    Typed,
    /// Statements of a database.
    Queries,
    /// A program that may run commands.
    Script,
    /// Configuration, which is read as a whole.
    Manifest,
    /// In a document: by its text, for the language says nothing of it.
    Silent,
    /// As running text, when a reply as a whole stands in it.
    Prose,
    /// Not as code by every reader: some draw or run it.
    Drawn,
}

impl Reading {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "commands" => Self::Commands,
            "typed" => Self::Typed,
            "queries" => Self::Queries,
            "script" => Self::Script,
            "manifest" => Self::Manifest,
            "silent" => Self::Silent,
            "prose" => Self::Prose,
            "drawn" => Self::Drawn,
            _ => return None,
        })
    }
}

/// Whether a language, in lower case, has a reading.
pub fn is(language: &str, reading: Reading) -> bool {
    LANGUAGES.get(language).is_some_and(|readings| readings.contains(&reading))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_languages_are_sorted_and_their_readings_known() {
        assert_eq!(lists::unsorted(FILE), None);
        for (language, readings) in lists::pairs(FILE) {
            assert!(readings.split(' ').all(|name| Reading::named(name).is_some()), "{language}: {readings}");
            assert_eq!(language, language.to_lowercase());
        }
        assert!(is("ps", Reading::Typed) && !is("ps", Reading::Commands) && !is("", Reading::Silent));
    }
}
