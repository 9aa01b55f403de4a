//! Finds the objects that a failure speaks of: kind, namespace and name where they stand together.
//!
//! Names have no shape of their own, so position decides: after a kind (`Deployment payments/api`, `secret "tls"`),
//! before one (`the api-gateway pod`), after a key (`pod=…`), in `namespace X`; and a hyphenated word that is no English
//! counts as a name wherever it stands, since that is how people write them in plain questions.
//!
//! Entry point: [`find`].

mod alone;
mod beside;
mod kinds;
mod namespaces;
mod notation;
mod shapes;
mod words;

pub(super) use words::{Word, words};

use super::names::{Label, Object};

/// The objects and containers in a text.
#[derive(Default)]
pub(super) struct Found {
    /// Objects with the byte where each was named, in order.
    pub objects: Vec<(usize, Object)>,
    /// Namespaces that stand by themselves.
    pub namespaces: Vec<(usize, Label)>,
    /// Kinds that are named without a name.
    pub kinds: Vec<(usize, &'static str)>,
    /// The containers, by the place of their word.
    pub containers: Vec<(usize, String)>,
}

/// The objects, namespaces and kinds that a text names.
pub(super) fn find(text: &str, words: &[Word<'_>]) -> Found {
    let mut finder = Finder {
        text,
        words,
        kinds: Vec::new(),
        claimed: vec![false; words.len()],
        kind_of_name: vec![None; words.len()],
        found: Found::default(),
    };
    finder.kinds = (0..words.len()).map(|i| finder.look_up_kind(i)).collect();
    for i in 0..words.len() {
        finder.anonymised_label(i);
    }
    for i in 0..words.len() {
        finder.slashed(i);
        finder.pod_with_uid(i);
        finder.keyed(i);
        finder.namespace(i);
    }
    for i in 0..words.len() {
        finder.after_kind(i);
    }
    for i in 0..words.len() {
        finder.before_kind(i);
        finder.with_condition(i);
        finder.network_policy(i);
    }
    for i in 0..words.len() {
        finder.standing_alone(i);
        finder.kind_alone(i);
    }
    finder.found.objects.sort_by_key(|(at, _)| *at);
    finder.found
}

/// A kind that stands at a word, and how many words it takes.
#[derive(Clone, Copy)]
struct KindAt {
    canonical: &'static str,
    num_words: usize,
    plural: bool,
}

struct Finder<'t, 'w> {
    text: &'t str,
    words: &'w [Word<'t>],
    /// The kind that starts at each word.
    kinds: Vec<Option<KindAt>>,
    /// Words that are part of something found.
    claimed: Vec<bool>,
    /// The kind of the object that each word names.
    kind_of_name: Vec<Option<&'static str>>,
    found: Found,
}

impl<'t> Finder<'t, '_> {
    fn word(&self, i: usize) -> &'t str {
        self.words.get(i).map_or("", |word| word.text)
    }

    /// The text between word `i` and the next one.
    fn gap(&self, i: usize) -> &'t str {
        match (self.words.get(i), self.words.get(i + 1)) {
            (Some(word), Some(next)) => &self.text[word.end..next.start],
            _ => "\n",
        }
    }

    /// Whether two words stand side by side: a space, quotes or backticks between them at most.
    fn beside(&self, i: usize) -> bool {
        let gap = self.gap(i);
        gap.len() <= 6
            && gap.chars().all(|c| matches!(c, ' ' | '"' | '\'' | '`' | '「' | '」' | '“' | '”' | '*'))
    }

    fn quoted(&self, i: usize) -> bool {
        self.words.get(i).is_some_and(|word| self.text[..word.start].ends_with(['"', '\'', '`', '「', '“']))
    }

    fn push(&mut self, i: usize, kind: Option<&'static str>, namespace: Option<Label>, name: Label) {
        let at = self.words[i].start;
        self.kind_of_name[i] = kind;
        let kind = kind.map(str::to_owned);
        self.found.objects.push((at, Object { kind, namespace, name }));
        self.claimed[i] = true;
    }

    fn kind_at(&self, i: usize) -> Option<KindAt> {
        self.kinds.get(i).copied().flatten()
    }
}
