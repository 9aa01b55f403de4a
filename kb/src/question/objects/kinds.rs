//! The kinds that words name, and those that are named without an object.

use super::{Finder, KindAt};
use crate::question::vocabulary;

impl Finder<'_, '_> {
    /// The kind at word `i`, in one word (`Deployment`, `deployments.apps`) or two (`service account`).
    pub(super) fn look_up_kind(&self, i: usize) -> Option<KindAt> {
        let text = self.word(i);
        let at_most_a_space = |i: usize| self.gap(i) == " ";
        if at_most_a_space(i)
            && !text.is_empty()
            && text.is_ascii()
            && text.len() <= 20
            && self.word(i + 1).len() <= 20
        {
            let next = self.word(i + 1);
            if vocabulary::is_first_part(text)
                && let Some(kind) = vocabulary::kind_of_word(&format!("{text}{next}"))
            {
                if kind.canonical == "PersistentVolume"
                    && at_most_a_space(i + 1)
                    && self.word(i + 2).eq_ignore_ascii_case("claim")
                {
                    return Some(KindAt { canonical: "PersistentVolumeClaim", num_words: 3, plural: false });
                }
                return Some(KindAt {
                    canonical: kind.canonical,
                    num_words: 2,
                    plural: is_plural(next, kind.canonical),
                });
            }
        }
        if self.words.get(i).is_some_and(|word| word.is_cjk) {
            return None;
        }
        let base = text.split('.').next().unwrap_or(text);
        if let Some(kind) = vocabulary::kind_of_word(base)
            && (base.len() == text.len() || is_group(&text[base.len() + 1..]))
        {
            return Some(KindAt {
                canonical: kind.canonical,
                num_words: 1,
                plural: is_plural(base, kind.canonical),
            });
        }
        // Vietnamese and Indonesian words for kinds are one to three words.
        if !vocabulary::begins_foreign_kind(text) {
            return None;
        }
        let mut joined = String::new();
        for num_words in 1..=3 {
            let word = self.word(i + num_words - 1);
            if word.is_empty() || word.len() > 20 || (num_words > 1 && !at_most_a_space(i + num_words - 2)) {
                break;
            }
            if num_words > 1 {
                joined.push(' ');
            }
            joined.push_str(&word.to_lowercase());
            if let Some(canonical) = vocabulary::foreign_kind(&joined) {
                return Some(KindAt { canonical, num_words, plural: false });
            }
        }
        None
    }

    /// The kind whose word ends right before word `i`.
    pub(super) fn kind_before(&self, i: usize) -> Option<&'static str> {
        if i == 0 || !self.beside(i - 1) {
            return None;
        }
        let before = &self.words[i - 1];
        if before.is_cjk {
            return vocabulary::foreign_kind_at_end(before.text);
        }
        (1..=3.min(i)).rev().find_map(|back| {
            let kind = self.kind_at(i - back)?;
            (kind.num_words == back).then_some(kind.canonical)
        })
    }

    /// A kind that names no object. Plain English words count when capitalised.
    pub(super) fn kind_alone(&mut self, i: usize) {
        if self.claimed[i] {
            return;
        }
        if self.words[i].is_cjk {
            let word = &self.words[i];
            let found = vocabulary::foreign_kind_within(word.text);
            self.found.kinds.extend(found.map(|(at, kind)| (word.start + at, kind)));
            return;
        }
        let Some(kind) = self.kind_at(i) else { return };
        let text = self.word(i);
        let base = text.split('.').next().unwrap_or(text);
        let is_plain_word =
            vocabulary::kind_of_word(base).is_some_and(|kind| kind.ambiguous) && kind.num_words == 1;
        let is_foreign = vocabulary::kind_of_word(base).is_none() && kind.num_words == 1;
        let capitalised = base.starts_with(|c: char| c.is_ascii_uppercase());
        let names_next = self.kind_of_name.get(i + kind.num_words).copied().flatten() == Some(kind.canonical);
        let node_or_namespace = matches!(kind.canonical, "Node" | "Namespace") && !kind.plural;
        if (!is_plain_word || capitalised || names_next || node_or_namespace) && !is_foreign {
            self.found.kinds.push((self.words[i].start, kind.canonical));
        }
    }
}

fn is_plural(word: &str, canonical: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    lower.ends_with('s') && !(lower.len() == canonical.len() && canonical.ends_with('s')) && lower.len() > 2
}

/// Whether the rest of `deployment.apps` or `storageclass.storage.k8s.io` is an API group.
pub(super) fn is_group(rest: &str) -> bool {
    vocabulary::is_short_api_group(rest) || vocabulary::is_api_group(rest) || {
        // Custom resources: `certificates.cert-manager.io`, `widgets.example.com`.
        rest.contains('.')
            && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    }
}
