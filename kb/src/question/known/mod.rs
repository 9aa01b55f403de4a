//! The parts of a failure that are known before its text is read, as the labels of an alert or the fields of a
//! Kubernetes event tell them.
//!
//! A known part is taken as what it is given as: a namespace `node` is a namespace, and no kind is read out of it.
//! Where the message says something else of the same object, or names another alert or another namespace by itself, the
//! known part holds. The rest is understood from the message, as from any text.
//!
//! Entry point: [`Known::of`].

use super::{
    anonymised::{names_in, set_stand_ins_aside},
    names::{Label, Object},
    objects::Found,
    vocabulary,
    volatile::STAND_IN,
};
use crate::text::is_invisible;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A failure in parts. A part that is empty, longer than a name can be or has characters that do not show counts as not
/// given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureParts {
    /// The name of the alert; the label `alertname` says the same.
    pub alert: Option<String>,
    /// The reason, such as `OOMKilled`; the label `reason` says the same.
    pub reason: Option<String>,
    /// The kind of the object, in any spelling.
    pub kind: Option<String>,
    /// The namespace of the object; the label `namespace` says the same.
    pub namespace: Option<String>,
    /// The name of the object, also with its namespace and a slash in front of it.
    pub name: Option<String>,
    /// The name of the container; the label `container` says the same.
    pub container: Option<String>,
    /// The labels of an alert. Those that name an object are read (`pod`, `deployment`, `node`), the others are not. A
    /// field of this struct goes before the label that says the same.
    pub labels: BTreeMap<String, String>,
    /// The text that describes the failure, in any language.
    pub message: String,
}

/// Longest name of a kind, a reason, an alert, a namespace, an object or a container, in bytes.
const MAX_NAME_BYTES: usize = 253;

/// The prefix that Prometheus gives to a metric's own label where the scraped target has a label of this name.
const EXPORTED: &str = "exported_";

/// The labels that a scraped target has itself.
const TARGET_LABELS: [&str; 4] = ["container", "namespace", "pod", SERVICE];

/// The label of a Service, and of the Service through which Prometheus reaches a target.
const SERVICE: &str = "service";

/// A name that is known, as it was given and with [`STAND_IN`] in place of anonymised names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Name {
    given: String,
    visible: String,
}

/// An object that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownObject {
    kind: Option<String>,
    namespace: Option<Name>,
    name: Name,
}

/// The parts of a failure that are known, each checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub alert: Option<String>,
    pub reason: Option<String>,
    /// The kind of an object without a name.
    pub kind: Option<String>,
    namespace: Option<Name>,
    container: Option<Name>,
    objects: Vec<KnownObject>,
    /// The anonymised names among the parts.
    pub anonymised: Vec<String>,
    /// The words in front of the message.
    pub introduction: Introduction,
}

impl Known {
    /// Checks the parts and reads the labels; the message is not looked at.
    pub fn of(parts: &FailureParts) -> Self {
        let mut known = Self::default();
        let labels = Labels::of(&parts.labels);
        known.alert = labels.part(&parts.alert, "alertname").map(str::to_owned);
        known.reason = labels
            .part(&parts.reason, "reason")
            .map(|reason| vocabulary::reason_of_word(reason).unwrap_or(reason).to_owned());
        let kind = parts.kind.as_deref().and_then(part_of).map(|kind| {
            let base = kind.split('.').next().unwrap_or(kind);
            vocabulary::kind_of_prefix(base).unwrap_or(kind).to_owned()
        });
        known.namespace =
            labels.part(&parts.namespace, "namespace").and_then(|namespace| known.name(namespace));
        known.container =
            labels.part(&parts.container, "container").and_then(|container| known.name(container));
        match parts.name.as_deref().and_then(part_of).and_then(|name| known.name(name)) {
            Some(name) => {
                let (before, name) = name.split();
                let namespace = known.namespace.clone().or(before);
                known.namespace = known.namespace.take().or_else(|| namespace.clone());
                known.objects.push(KnownObject { kind, namespace, name });
            }
            None => known.kind = kind,
        }
        known.add_objects(&labels);
        known.kind = known
            .kind
            .take()
            .filter(|kind| known.objects.iter().all(|object| object.kind.as_ref() != Some(kind)));
        known
    }

    /// The objects that labels name, but for those of a kind that is known already.
    fn add_objects(&mut self, labels: &Labels<'_>) {
        let (services, others): (Vec<_>, Vec<_>) =
            vocabulary::labels_of_objects().partition(|(label, ..)| *label == SERVICE);
        for (label, kind, is_namespaced) in others.into_iter().chain(services) {
            let is_known = |object: &KnownObject| object.kind.as_deref() == Some(kind);
            // A scraped target is reached through a Service, which is not what an alert about something else is about.
            let is_beside = label == SERVICE && !self.objects.is_empty();
            if is_beside || self.objects.iter().any(is_known) {
                continue;
            }
            let Some(name) = labels.get(label).and_then(part_of).and_then(|name| self.name(name)) else {
                continue;
            };
            let unnamed = self.objects.iter_mut().find(|object| object.kind.is_none() && object.name == name);
            match unnamed {
                Some(object) => object.kind = Some(kind.to_owned()),
                None => {
                    let namespace = self.namespace.clone().filter(|_| is_namespaced);
                    self.objects.push(KnownObject { kind: Some(kind.to_owned()), namespace, name });
                }
            }
        }
    }

    /// A name as it is given. A name that Kubernetes allows is not taken for an anonymised one.
    fn name(&mut self, given: &str) -> Option<Name> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-./:".contains(c);
        if given.contains(char::is_whitespace) {
            return None;
        }
        let visible = match given.chars().all(is_plain) {
            true => given.to_owned(),
            // Whether a token is an anonymised name depends on the place: here, one where names stand.
            false => set_stand_ins_aside(&format!("{BEFORE_NAME}{given}"), &mut self.anonymised)
                .split_off(BEFORE_NAME.len()),
        };
        Some(Name { given: given.to_owned(), visible })
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        let Self { alert, reason, kind, namespace, container, objects, .. } = self;
        alert.is_none()
            && reason.is_none()
            && kind.is_none()
            && namespace.is_none()
            && container.is_none()
            && objects.is_empty()
    }

    /// The known objects; a kind or a namespace that is not known is taken from what the message says of the same
    /// object. `found` keeps the other objects.
    pub fn settle(&self, found: &mut Found) -> Vec<Object> {
        let mut objects: Vec<Object> = self.objects.iter().map(KnownObject::object).collect();
        found.objects.retain(|(_, guess)| {
            let same = objects.iter_mut().find(|object| is_same(object, guess));
            let is_new = same.is_none();
            if let Some(object) = same {
                object.kind = object.kind.take().or_else(|| guess.kind.clone());
                object.namespace = object.namespace.take().or_else(|| guess.namespace.clone());
            }
            is_new
        });
        if self.namespace.is_some() {
            found.namespaces.clear();
        }
        objects
    }

    /// The known namespace, for objects that are named without a namespace.
    pub fn namespace(&self) -> Option<Label> {
        self.namespace.as_ref().map(Name::label)
    }

    /// The name of the container, with [`STAND_IN`] in place of anonymised names.
    pub fn container(&self) -> Option<&str> {
        self.container.as_ref().map(|container| container.visible.as_str())
    }

    /// Puts what the message does not say in words, to stand in front of it: `KubePodNotReady: Pod payments/web-0: `.
    pub fn introducing(mut self, message: &str) -> Self {
        self.introduction = self.introduction_to(message);
        self
    }

    fn introduction_to(&self, message: &str) -> Introduction {
        let mut details: Vec<(String, String)> = Vec::new();
        let mut add = |words: &str, name: &Name| {
            details.push((format!("{words}{}", name.given), format!("{words}{}", name.visible)));
        };
        let mut is_namespace_said =
            self.namespace.as_ref().is_none_or(|namespace| says(message, &namespace.given));
        let is_said = |object: &&KnownObject| {
            says(message, &object.name.given) && object.kind.as_ref().is_none_or(|kind| says(message, kind))
        };
        for object in self.objects.iter().filter(|object| !is_said(object)) {
            let kind = object.kind.as_ref().map_or(String::new(), |kind| format!("{kind} "));
            match &object.namespace {
                Some(Name { given, visible }) => {
                    is_namespace_said |= Some(given) == self.namespace.as_ref().map(|name| &name.given);
                    let joined = Name {
                        given: format!("{given}/{}", object.name.given),
                        visible: format!("{visible}/{}", object.name.visible),
                    };
                    add(&kind, &joined);
                }
                None => add(&kind, &object.name),
            }
        }
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !is_namespace_said) {
            add("namespace ", namespace);
        }
        if let Some(container) = self.container.as_ref().filter(|name| !says(message, &name.given)) {
            add("container ", container);
        }
        let plain = |word: &String| (word.clone(), word.clone());
        details.extend(self.kind.iter().filter(|kind| !says(message, kind)).map(plain));
        details.extend(self.reason.iter().filter(|reason| !says(message, reason)).map(plain));
        let (given, visible): (Vec<String>, Vec<String>) = details.into_iter().unzip();
        let is_headed = |alert: &&String| message.strip_prefix(alert.as_str()).is_some_and(ends_name);
        let alert = self.alert.as_ref().filter(|alert| !is_headed(alert));
        let joined = |details: Vec<String>| {
            let details = details.join(", ");
            let parts = alert.into_iter().map(String::as_str).chain([details.as_str()]);
            let parts = parts.chain([message]).filter(|part| !part.is_empty());
            let mut words = parts.collect::<Vec<_>>().join(": ");
            words.truncate(words.len() - message.len());
            words
        };
        Introduction { given: joined(given), visible: joined(visible) }
    }
}

/// Leads up to a name wherever [`super::anonymised`] looks for one.
const BEFORE_NAME: &str = "name ";

/// The words in front of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Introduction {
    /// The words with every name as it was given.
    pub given: String,
    /// The words with [`STAND_IN`] in place of anonymised names.
    pub visible: String,
}

/// The labels of an alert, without those of the exporter that an alert about something else was scraped from.
struct Labels<'p> {
    labels: &'p BTreeMap<String, String>,
    is_exported: bool,
}

impl<'p> Labels<'p> {
    fn of(labels: &'p BTreeMap<String, String>) -> Self {
        let is_exported =
            TARGET_LABELS.iter().any(|label| labels.contains_key(&format!("{EXPORTED}{label}")));
        Self { labels, is_exported }
    }

    fn get(&self, label: &str) -> Option<&'p str> {
        let value = match self.is_exported && TARGET_LABELS.contains(&label) {
            true => self.labels.get(&format!("{EXPORTED}{label}")),
            false => self.labels.get(label),
        };
        value.map(String::as_str)
    }

    /// A part that is given, or else the label that says the same.
    fn part(&self, given: &'p Option<String>, label: &str) -> Option<&'p str> {
        given.as_deref().and_then(part_of).or_else(|| self.get(label).and_then(part_of))
    }
}

impl Name {
    fn label(&self) -> Label {
        match self.visible.contains(STAND_IN) {
            true => Label::Anonymised,
            false => Label::Known(self.given.clone()),
        }
    }

    /// A namespace and a name that are joined by a slash.
    fn split(self) -> (Option<Self>, Self) {
        let Some((visible_before, visible_name)) = self.visible.split_once('/') else { return (None, self) };
        let is_anonymised = visible_before.contains(STAND_IN);
        // The digits of an anonymised name may be slashes as well: its parts are told by those who know them.
        let (before, name) = match is_anonymised {
            true => match names_in(&self.given).as_slice() {
                [before, name] => (*before, *name),
                _ => self.given.rsplit_once('/').unwrap_or(("", &self.given)),
            },
            false => self.given.split_once('/').unwrap_or(("", &self.given)),
        };
        if before.is_empty() || name.is_empty() {
            return (None, self);
        }
        let part = |given: &str, visible: &str| Self { given: given.to_owned(), visible: visible.to_owned() };
        (Some(part(before, visible_before)), part(name, visible_name))
    }
}

impl KnownObject {
    fn object(&self) -> Object {
        Object {
            kind: self.kind.clone(),
            namespace: self.namespace.as_ref().map(Name::label),
            name: self.name.label(),
        }
    }
}

/// Whether the message speaks of a known object: by its name, and with no other kind. Two anonymised names may be
/// different ones, so both must be of one kind.
fn is_same(known: &Object, guess: &Object) -> bool {
    let is_of_one_kind = match (&known.kind, &guess.kind) {
        (Some(known), Some(guess)) => known == guess,
        _ => known.name != Label::Anonymised,
    };
    known.name == guess.name && is_of_one_kind
}

/// A part as it is given, without white space around it; `None` where it cannot be a name.
fn part_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_hostile = |c: char| c.is_control() || c == STAND_IN || is_invisible(c);
    (!text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.contains(is_hostile)).then_some(text)
}

/// Whether a text has a name as a whole, in any case.
fn says(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(&name)
        .any(|(at, _)| !text[..at].ends_with(is_inside) && !text[at + name.len()..].starts_with(is_inside))
}

/// Whether a text goes on as after an alert's name that stands in front of it.
fn ends_name(rest: &str) -> bool {
    rest.starts_with([':', '：', '('])
}

#[cfg(test)]
mod tests;
