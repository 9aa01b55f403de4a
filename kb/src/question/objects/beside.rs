//! Names that the words beside them tell: those of kinds, and of the sentences that k8sgpt writes.

use super::{
    Finder,
    shapes::{has_name_marks, label},
};
use crate::question::{
    Label,
    vocabulary::{self, is_generic},
    volatile::STAND_IN,
};

impl Finder<'_, '_> {
    /// `secret "tls"`, `Pod web-7d9c5b6f4-x2x9k`, `deployment named web`, `ConfigMap flags is not used`.
    pub(super) fn after_kind(&mut self, i: usize) {
        if self.claimed[i] {
            return;
        }
        let (kind, plural, last) = match self.kind_at(i) {
            Some(kind) => (kind.canonical, kind.plural, i + kind.num_words - 1),
            None if self.words[i].is_cjk => {
                let text = self.words[i].text;
                let Some(kind) = vocabulary::foreign_kind_at_end(text) else { return };
                (kind, false, i)
            }
            None => return,
        };
        let mut next = last + 1;
        let in_parentheses = self.gap(last) == " (" && self.word(next).contains(STAND_IN);
        if kind == "Namespace" || next >= self.words.len() || !(self.beside(last) || in_parentheses) {
            // `pod: "web_payments(uid)"` and `within service web` are elsewhere; a colon introduces a sentence.
            return;
        }
        let named = matches!(self.word(next), "named" | "called" | "bernama" | "tên")
            && next + 1 < self.words.len()
            && self.beside(next);
        if named {
            next += 1;
        }
        let text = self.word(next);
        if self.claimed[next] || text.contains('/') {
            return;
        }
        let Some(name) = label(text) else { return };
        let is_known_word = vocabulary::kind_of_prefix(text).is_some()
            || vocabulary::reason_of_word(text).is_some()
            || is_generic(text);
        let quoted = self.quoted(next);
        let accept = name == Label::Anonymised
            || quoted
            || named
            || (!is_known_word
                && if has_name_marks(text) {
                    !plural && !vocabulary::is_compound(text)
                } else {
                    self.words[i].is_cjk && vocabulary::component_of_word(text).is_none()
                        || self.followed_as_k8sgpt_writes(i, next)
                });
        if accept && (!is_known_word || quoted || named) {
            self.push(next, Some(kind), None, name);
        }
    }

    /// After `<Kind> <name>`, k8sgpt goes on in few ways; only then a plain word is a name.
    pub(super) fn followed_as_k8sgpt_writes(&self, kind: usize, name: usize) -> bool {
        let is_capitalised = self.word(kind).starts_with(|c: char| c.is_ascii_uppercase());
        let (verb, rest) = (self.word(name + 1), self.word(name + 2));
        if verb == "which" && rest == "does" {
            return true;
        }
        let follows = matches!(
            (verb, rest),
            ("is", "empty" | "suspended" | "larger")
                | ("is", "not" | "in")
                | ("has", "failed" | "a" | "an" | "small" | "no" | "been")
                | ("does", "not")
                | ("references", "Role" | "non-existent")
                | ("uses", "deprecated")
                | ("not", "found")
                | ("as", "mapped")
        );
        let starts_sentence =
            kind == 0 || self.text[..self.words[kind].start].trim_end().ends_with(['.', ':']);
        let is_service = self.word(kind).eq_ignore_ascii_case("service") && matches!(verb, "not" | "as");
        follows && ((is_capitalised && starts_sentence) || is_service)
    }

    /// `the api-gateway pod`, `dont-touch-me 這個部署`.
    pub(super) fn before_kind(&mut self, i: usize) {
        if i + 1 >= self.words.len() || self.claimed[i] || !self.beside(i) {
            return;
        }
        let text = self.word(i);
        let next = &self.words[i + 1];
        let kind = if next.is_cjk {
            let after = next.text.trim_start_matches(['的', '這', '这', '個', '个', '該', '该', '此', '那']);
            vocabulary::foreign_kind_at_start(after)
        } else {
            self.kind_at(i + 1).filter(|kind| !kind.plural).map(|kind| kind.canonical)
        };
        let Some(kind) = kind.filter(|kind| *kind != "Namespace") else { return };
        let is_name = has_name_marks(text) || self.quoted(i) || next.is_cjk;
        let is_known_word = vocabulary::kind_of_word(text).is_some()
            || vocabulary::reason_of_word(text).is_some()
            || vocabulary::component_of_word(text).is_some()
            || vocabulary::is_compound(text) && text.contains('-')
            || is_generic(text);
        if let Some(name) = label(text)
            && is_name
            && !is_known_word
        {
            self.push(i, Some(kind), None, name);
            self.claimed[i + 1] = !next.is_cjk;
        }
    }

    /// `worker-2 has condition of type Ready`, `ClusterCatalog: operators has condition of type Serving`.
    pub(super) fn with_condition(&mut self, i: usize) {
        let follows =
            self.word(i + 1) == "has" && self.word(i + 2) == "condition" && self.word(i + 3) == "of";
        if follows
            && !self.claimed[i]
            && let Some(name) = label(self.word(i))
        {
            let kind = match i.checked_sub(1).filter(|before| self.gap(*before) == ": ") {
                Some(before) => self.kind_at(before).map(|kind| kind.canonical),
                None => None,
            };
            self.push(i, Some(kind.unwrap_or("Node")), None, name);
        }
    }

    /// `Network policy is not applied to any pods: deny-egress`: the name of the policy, after the pods.
    pub(super) fn network_policy(&mut self, i: usize) {
        let starts = self.word(0) == "Network" && self.word(1) == "policy";
        if starts
            && i >= 2
            && !self.claimed[i]
            && self.word(i - 1) == "pods"
            && self.gap(i - 1) == ": "
            && let Some(name) = label(self.word(i))
        {
            self.push(i, Some("NetworkPolicy"), None, name);
        }
    }
}
