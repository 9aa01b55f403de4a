//! Namespaces that stand by themselves.

use super::{
    Finder,
    shapes::{has_name_marks, label},
};
use crate::question::vocabulary;

impl Finder<'_, '_> {
    /// `namespace payments`, `the payments namespace`, `-n payments`, `命名空間 payments`.
    pub(super) fn namespace(&mut self, i: usize) {
        let text = self.word(i);
        let accept = |finder: &mut Self, at: usize| {
            let word = finder.word(at);
            let is_word = !vocabulary::names_no_namespace(word) && vocabulary::kind_of_word(word).is_none();
            if let Some(name) = label(word)
                && is_word
                && !word.ends_with('-')
                && !finder.claimed[at]
            {
                finder.found.namespaces.push((finder.words[at].start, name));
                finder.claimed[at] = true;
                return true;
            }
            false
        };
        if matches!(text, "-n" | "--namespace") && self.words.len() > i + 1 && self.gap(i).len() == 1 {
            accept(self, i + 1);
            return;
        }
        if text.starts_with("namespace-") && i > 0 && matches!(self.word(i - 1), "in" | "from" | "of") {
            accept(self, i);
            return;
        }
        let word = &self.words[i];
        if word.is_cjk {
            let is_namespace = |kind: Option<&str>| kind == Some("Namespace");
            let after = text.trim_start_matches(['的', '這', '这', '個', '个', '該', '该']);
            if is_namespace(vocabulary::foreign_kind_at_end(text))
                && self.words.len() > i + 1
                && self.beside(i)
            {
                accept(self, i + 1);
            } else if is_namespace(vocabulary::foreign_kind_at_start(after)) && i > 0 && self.beside(i - 1) {
                accept(self, i - 1);
            }
            return;
        }
        let Some(kind) = self.kind_at(i).filter(|kind| kind.canonical == "Namespace") else { return };
        let last = i + kind.num_words - 1;
        if !kind.plural && last + 1 < self.words.len() && self.beside(last) {
            let next = last + 1;
            let named = matches!(self.word(next), "named" | "called")
                && next + 1 < self.words.len()
                && self.beside(next);
            let at = if named { next + 1 } else { next };
            // A lone English word after `namespace` is a name only where the sentence leads up to one.
            let leads_up = named
                || self.quoted(at)
                || has_name_marks(self.word(at))
                || kind.num_words > 1
                || i == 0
                || matches!(
                    self.word(i - 1).to_ascii_lowercase().as_str(),
                    "in" | "from"
                        | "under"
                        | "inside"
                        | "into"
                        | "of"
                        | "the"
                        | "for"
                        | "within"
                        | "di"
                        | "dalam"
                        | "trong"
                        | "ở"
                );
            if leads_up && accept(self, at) {
                return;
            }
        }
        if i > 0 && self.beside(i - 1) {
            let before = self.word(i - 1);
            let leads_up = i >= 2
                && matches!(self.word(i - 2).to_ascii_lowercase().as_str(), "in" | "from" | "the" | "of");
            let is_name = before == "default"
                || self.quoted(i - 1)
                || (has_name_marks(before) && !vocabulary::is_compound(before));
            if is_name || (leads_up && !kind.plural) {
                accept(self, i - 1);
            }
        }
    }
}
