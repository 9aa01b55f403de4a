//! Names that notation tells: `payments/api`, `pod=web`, `"name": "web"`, a pod with its UID.

use super::{Finder, kinds::is_group, shapes::label};
use crate::question::{
    names::Label,
    vocabulary::{self, is_generic},
    volatile::{STAND_IN, stem},
};

impl Finder<'_, '_> {
    /// `label app=web` with an anonymised key or value: those hide no object.
    pub(super) fn anonymised_label(&mut self, i: usize) {
        if self.word(i) == "label" && self.gap(i) == " " && self.gap(i + 1) == "=" {
            for at in [i + 1, i + 2] {
                self.claimed[at] |= self.word(at).contains(STAND_IN);
            }
        }
    }

    /// `payments/api` after a kind; `StatefulSet/db`; two anonymised halves; `prod/web-7d9c5b6f4-x2x9k`.
    pub(super) fn slashed(&mut self, i: usize) {
        let Some((left, right)) = self.word(i).split_once('/') else { return };
        if self.claimed[i] || right.contains('/') || right.contains(':') || left.is_empty() {
            return;
        }
        let prefix = left.split('.').next().unwrap_or(left);
        if let Some(kind) = vocabulary::kind_of_prefix(prefix)
            && (prefix.len() == left.len() || is_group(&left[prefix.len() + 1..]))
        {
            if let Some(name) = label(right)
                && vocabulary::kind_of_prefix(right).is_none()
                && !is_generic(right)
            {
                self.push(i, Some(kind), None, name);
            }
            return;
        }
        let (Some(namespace), Some(name)) = (label(left), label(right)) else { return };
        let kind = self.kind_before(i).filter(|_| !is_generic(left) || !is_generic(right));
        let is_anonymised = namespace == Label::Anonymised || name == Label::Anonymised;
        if kind.is_some() || is_anonymised {
            self.push(i, kind, Some(namespace), name);
        } else if stem(right).len() < right.len() {
            self.push(i, Some("Pod"), Some(namespace), name);
        }
    }

    /// `web-7d9c5b6f4-x2x9k_payments(1c0f6e0a-…)`, as the kubelet writes pods.
    pub(super) fn pod_with_uid(&mut self, i: usize) {
        let Some((name, namespace)) = self.word(i).split_once('_') else { return };
        let is_uid =
            self.gap(i) == "(" && self.word(i + 1).len() == 36 && self.word(i + 1).matches('-').count() == 4;
        if is_uid && let (Some(name), Some(namespace)) = (label(name), label(namespace)) {
            self.push(i, Some("Pod"), Some(namespace), name);
            self.claimed[i + 1] = true;
        }
    }

    /// `pod=web`, `namespace="payments"`, `"name": "web"`, `container: web`.
    pub(super) fn keyed(&mut self, i: usize) {
        let gap = self.gap(i);
        let in_url = self.text[..self.words[i].start].ends_with(['?', '&']);
        if self.claimed.get(i + 1).copied().unwrap_or(true) || gap.len() > 5 || in_url {
            return;
        }
        let is_assignment =
            gap.contains('=') && gap.chars().all(|c| matches!(c, '=' | '"' | '\'' | ' ' | '~' | '\\'));
        let is_entry = gap.contains(':') && gap.chars().all(|c| matches!(c, ':' | '"' | '\'' | ' '));
        if !is_assignment && !is_entry {
            return;
        }
        let is_quoted = gap.ends_with(['"', '\'']);
        let Some(value) = label(self.word(i + 1).split('_').next().unwrap_or_default()) else { return };
        let key = self.word(i).rsplit(['.', '/', '_']).next().unwrap_or_default().to_ascii_lowercase();
        match key.as_str() {
            "namespace" | "ns" if is_assignment || is_quoted => {
                self.found.namespaces.push((self.words[i + 1].start, value));
                self.claimed[i + 1] = true;
            }
            "container" => {
                if let Label::Known(name) = value {
                    self.found.containers.push((self.words[i + 1].start, name));
                }
                self.claimed[i + 1] = true;
            }
            "name" if is_entry && is_quoted => {
                // JSON: the kind stands beside it, as `"type"` or `"kind"`.
                let kind = (i.saturating_sub(4)..i + 6).find_map(|at| {
                    let is_kind_key = matches!(self.word(at).to_ascii_lowercase().as_str(), "type" | "kind");
                    let kind = vocabulary::kind_of_word(self.word(at + 1))?;
                    (is_kind_key && self.gap(at).contains(':')).then_some(kind.canonical)
                });
                self.push(i + 1, kind, None, value);
            }
            "name" | "type" | "kind" | "status" | "reason" | "role" | "service" | "event"
                if !is_assignment => {}
            key => {
                if let Some(kind) = vocabulary::kind_of_prefix(key)
                    && (is_assignment || is_quoted)
                    && !is_generic(self.word(i + 1))
                {
                    self.push(i + 1, Some(kind), None, value);
                }
            }
        }
    }
}
