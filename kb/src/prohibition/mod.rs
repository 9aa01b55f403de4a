//! Prohibitions: found when a document is read, kept with its passages, and stated before every answer about the object
//! that the document's rule names. Pure, and linear in the text's length.
//!
//! Entry points: [`of_passage`] for the prohibitions in a passage, [`sentence::advised`] for the actions that a reply
//! advises, [`forbids`] to compare the two. The lists of `vocabulary.rs` tell other negative sentences apart: `do not
//! worry`, `if it does not start`, `to avoid downtime`.

mod passage;
mod sentence;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use passage::{of_passage, of_title};
pub use sentence::{ANY, advised, begins_at, is_conditional, object_classes, spoken_of, words_outside};
pub use vocabulary::names;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A sentence that forbids something, or the warning of a box that forbids nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prohibition {
    /// The sentence, on one line, without its markup but for code; the items of a list below it follow it.
    pub text: String,
    /// The forbidden actions, by their names in `actions.txt`; [`ANY`] stands for all actions, and a verb that is not
    /// in the file stands for itself. Empty for a box that only warns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// The names and the kinds of objects that the sentence speaks of; empty where it says `it`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
}

impl Prohibition {
    fn new(text: String, actions: BTreeSet<String>) -> Self {
        let objects =
            names(&text).into_iter().chain(object_classes(&text).into_iter().map(str::to_owned)).collect();
        Self { text, actions: actions.into_iter().collect(), objects }
    }
}

/// Whether an action has a name of its own; others are verbs that stand for themselves.
pub fn is_known(action: &str) -> bool {
    const KNOWN: [&str; 12] = [
        ANY, "restart", "delete", "drain", "scale", "edit", "rollback", "upgrade", "stop", "move", "exec",
        "restore",
    ];
    KNOWN.contains(&action)
}

/// Whether an advised action is an instance of a forbidden one: it is the same action, or one that amounts to it.
pub fn forbids(forbidden: &str, advised: &str) -> bool {
    forbidden == advised
        || match forbidden {
            ANY => true,
            "restart" => advised == "stop",
            "stop" => advised == "restart",
            "edit" => matches!(advised, "scale" | "upgrade" | "rollback"),
            "drain" => advised == "move",
            _ => false,
        }
}
