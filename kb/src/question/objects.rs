//! Finds the objects that a failure speaks of: kind, namespace and name where they stand together.
//!
//! Names have no shape of their own, so position decides: after a kind (`Deployment payments/api`, `secret "tls"`),
//! before one (`the api-gateway pod`), after a key (`pod=…`), in `namespace X`; and a hyphenated word that is no English
//! counts as a name wherever it stands, since that is how people write them in plain questions.
//!
//! Entry point: [`find`].

use super::{
    Label, Object, vocabulary as words,
    volatile::{MASK, stem},
};
use crate::analyzer::is_cjk;

/// A word of the text and what stands right before and after it.
pub(super) struct Word<'t> {
    /// The word, without punctuation around it.
    pub text: &'t str,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether it is a run of CJK characters.
    pub is_cjk: bool,
}

/// What was found in a text.
#[derive(Default)]
pub(super) struct Found {
    /// Objects with the byte where each was named, in order.
    pub objects: Vec<(usize, Object)>,
    /// Namespaces that stand by themselves.
    pub namespaces: Vec<(usize, Label)>,
    /// Kinds that are named without a name.
    pub kinds: Vec<(usize, &'static str)>,
    /// Names of containers.
    pub containers: Vec<(usize, String)>,
}

/// Cuts a text into words. A word holds letters, digits and `-_./:@+`; CJK runs are words of their own.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start: Option<(usize, bool)> = None;
    for (at, character) in text.char_indices() {
        let class = if is_cjk(character) {
            Some(true)
        } else if character.is_alphanumeric()
            || character == MASK
            || matches!(character, '-' | '_' | '.' | '/' | ':' | '@' | '+' | '\u{300}'..='\u{36f}')
        {
            Some(false)
        } else {
            None
        };
        if let Some((from, was_cjk)) = start
            && class != Some(was_cjk)
        {
            push(text, from, at, was_cjk, &mut words);
            start = None;
        }
        if start.is_none()
            && let Some(is_cjk) = class
        {
            start = Some((at, is_cjk));
        }
    }
    if let Some((from, was_cjk)) = start {
        push(text, from, text.len(), was_cjk, &mut words);
    }
    words
}

fn push<'t>(text: &'t str, start: usize, end: usize, is_cjk: bool, words: &mut Vec<Word<'t>>) {
    let word = &text[start..end];
    let word_start = start + (word.len() - word.trim_start_matches([':', '@', '+']).len());
    let word = text[word_start..end].trim_end_matches(['.', ':', '/', '@', '+', '_']);
    // The end of `Pod's` is no word.
    let is_clitic = word.len() <= 2 && text[..start].ends_with(['\'', '’']) && {
        let before = text[..start].trim_end_matches(['\'', '’']);
        before.ends_with(|c: char| c.is_alphanumeric())
    };
    if !is_clitic && word.chars().any(|c| c.is_alphanumeric() || c == MASK) {
        words.push(Word { text: word, start: word_start, end: word_start + word.len(), is_cjk });
    }
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
        finder.masked_label(i);
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

/// A kind that stands at a word, and how many words it takes.
#[derive(Clone, Copy)]
struct KindAt {
    canonical: &'static str,
    num_words: usize,
    plural: bool,
}

impl<'t> Finder<'t, '_> {
    fn word(&self, i: usize) -> &'t str {
        self.words.get(i).map_or("", |word| word.text)
    }

    /// What stands between word `i` and the next one.
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

    /// The kind at word `i`, in one word (`Deployment`, `deployments.apps`) or two (`service account`).
    fn look_up_kind(&self, i: usize) -> Option<KindAt> {
        let text = self.word(i);
        let at_most_a_space = |i: usize| self.gap(i) == " ";
        if at_most_a_space(i)
            && !text.is_empty()
            && text.is_ascii()
            && text.len() <= 20
            && self.word(i + 1).len() <= 20
        {
            let next = self.word(i + 1);
            let starts_one = matches!(
                text.to_ascii_lowercase().as_str(),
                "service"
                    | "config"
                    | "storage"
                    | "ingress"
                    | "persistent"
                    | "replica"
                    | "stateful"
                    | "daemon"
                    | "cron"
                    | "network"
                    | "cluster"
                    | "role"
                    | "resource"
                    | "limit"
                    | "priority"
                    | "gateway"
                    | "runtime"
                    | "http"
                    | "volume"
            );
            if starts_one && let Some(kind) = words::kind_of_word(&format!("{text}{next}")) {
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
        if let Some(kind) = words::kind_of_word(base)
            && (base.len() == text.len() || is_group(&text[base.len() + 1..]))
        {
            return Some(KindAt {
                canonical: kind.canonical,
                num_words: 1,
                plural: is_plural(base, kind.canonical),
            });
        }
        // Vietnamese and Indonesian words for kinds are one to three words.
        const FIRST: [&str; 7] = ["không", "triển", "dịch", "nút", "ruang", "layanan", "simpul"];
        if !FIRST.iter().any(|first| first.eq_ignore_ascii_case(text)) {
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
            if let Some((_, canonical)) = words::FOREIGN_KINDS.iter().find(|(word, _)| *word == joined) {
                return Some(KindAt { canonical, num_words, plural: false });
            }
        }
        None
    }

    /// The kind whose word ends right before word `i`.
    fn kind_before(&self, i: usize) -> Option<&'static str> {
        if i == 0 || !self.beside(i - 1) {
            return None;
        }
        let before = &self.words[i - 1];
        if before.is_cjk {
            return words::FOREIGN_KINDS
                .iter()
                .find(|(word, _)| before.text.ends_with(word))
                .map(|(_, kind)| *kind);
        }
        (1..=3.min(i)).rev().find_map(|back| {
            let kind = self.kind_at(i - back)?;
            (kind.num_words == back).then_some(kind.canonical)
        })
    }

    /// `label app=web` with a masked key or value: those hide no object.
    fn masked_label(&mut self, i: usize) {
        if self.word(i) == "label" && self.gap(i) == " " && self.gap(i + 1) == "=" {
            for at in [i + 1, i + 2] {
                self.claimed[at] |= self.word(at).contains(MASK);
            }
        }
    }

    /// `payments/api` after a kind; `StatefulSet/db`; two masked halves; `prod/web-7d9c5b6f4-x2x9k`.
    fn slashed(&mut self, i: usize) {
        let Some((left, right)) = self.word(i).split_once('/') else { return };
        if self.claimed[i] || right.contains('/') || right.contains(':') || left.is_empty() {
            return;
        }
        let prefix = left.split('.').next().unwrap_or(left);
        if let Some(kind) = words::kind_of_prefix(prefix)
            && (prefix.len() == left.len() || is_group(&left[prefix.len() + 1..]))
        {
            if let Some(name) = label(right)
                && words::kind_of_prefix(right).is_none()
                && !is_generic(right)
            {
                self.push(i, Some(kind), None, name);
            }
            return;
        }
        let (Some(namespace), Some(name)) = (label(left), label(right)) else { return };
        let kind = self.kind_before(i).filter(|_| !is_generic(left) || !is_generic(right));
        let is_masked = namespace == Label::Masked || name == Label::Masked;
        if kind.is_some() || is_masked {
            self.push(i, kind, Some(namespace), name);
        } else if stem(right).len() < right.len() {
            self.push(i, Some("Pod"), Some(namespace), name);
        }
    }

    /// `web-7d9c5b6f4-x2x9k_payments(1c0f6e0a-…)`, as the kubelet writes pods.
    fn pod_with_uid(&mut self, i: usize) {
        let Some((name, namespace)) = self.word(i).split_once('_') else { return };
        let is_uid =
            self.gap(i) == "(" && self.word(i + 1).len() == 36 && self.word(i + 1).matches('-').count() == 4;
        if is_uid && let (Some(name), Some(namespace)) = (label(name), label(namespace)) {
            self.push(i, Some("Pod"), Some(namespace), name);
            self.claimed[i + 1] = true;
        }
    }

    /// `pod=web`, `namespace="payments"`, `"name": "web"`, `container: web`.
    fn keyed(&mut self, i: usize) {
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
                    let kind = words::kind_of_word(self.word(at + 1))?;
                    (is_kind_key && self.gap(at).contains(':')).then_some(kind.canonical)
                });
                self.push(i + 1, kind, None, value);
            }
            "name" | "type" | "kind" | "status" | "reason" | "role" | "service" | "event"
                if !is_assignment => {}
            key => {
                if let Some(kind) = words::kind_of_prefix(key)
                    && (is_assignment || is_quoted)
                    && !is_generic(self.word(i + 1))
                {
                    self.push(i + 1, Some(kind), None, value);
                }
            }
        }
    }

    /// `namespace payments`, `the payments namespace`, `-n payments`, `命名空間 payments`.
    fn namespace(&mut self, i: usize) {
        let text = self.word(i);
        let accept = |finder: &mut Self, at: usize| {
            let word = finder.word(at);
            let is_word = !words::NOT_A_NAMESPACE.contains(&word.to_ascii_lowercase().as_str())
                && words::kind_of_word(word).is_none();
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
            let is_namespace = |word: &&(&str, &str)| word.1 == "Namespace";
            let mut kinds = words::FOREIGN_KINDS.iter().filter(is_namespace);
            if kinds.clone().any(|(kind, _)| text.ends_with(kind))
                && self.words.len() > i + 1
                && self.beside(i)
            {
                accept(self, i + 1);
            } else if kinds.any(|(kind, _)| {
                text.trim_start_matches(['的', '這', '这', '個', '个', '該', '该']).starts_with(kind)
            }) && i > 0
                && self.beside(i - 1)
            {
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
                || (has_name_marks(before) && !words::is_compound(before));
            if is_name || (leads_up && !kind.plural) {
                accept(self, i - 1);
            }
        }
    }

    /// `secret "tls"`, `Pod web-7d9c5b6f4-x2x9k`, `deployment named web`, `ConfigMap flags is not used`.
    fn after_kind(&mut self, i: usize) {
        if self.claimed[i] {
            return;
        }
        let (kind, plural, last) = match self.kind_at(i) {
            Some(kind) => (kind.canonical, kind.plural, i + kind.num_words - 1),
            None if self.words[i].is_cjk => {
                let text = self.words[i].text;
                let Some((_, kind)) = words::FOREIGN_KINDS.iter().find(|(word, _)| text.ends_with(word))
                else {
                    return;
                };
                (*kind, false, i)
            }
            None => return,
        };
        let mut next = last + 1;
        let in_parentheses = self.gap(last) == " (" && self.word(next).contains(MASK);
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
        let is_known_word = words::kind_of_prefix(text).is_some()
            || words::reason_of_word(text).is_some()
            || is_generic(text);
        let quoted = self.quoted(next);
        let accept = name == Label::Masked
            || quoted
            || named
            || (!is_known_word
                && if has_name_marks(text) {
                    !plural && !words::is_compound(text)
                } else {
                    self.words[i].is_cjk && words::component_of_word(text).is_none()
                        || self.followed_as_k8sgpt_writes(i, next)
                });
        if accept && (!is_known_word || quoted || named) {
            self.push(next, Some(kind), None, name);
        }
    }

    /// After `<Kind> <name>`, k8sgpt goes on in few ways; only then a plain word is a name.
    fn followed_as_k8sgpt_writes(&self, kind: usize, name: usize) -> bool {
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
    fn before_kind(&mut self, i: usize) {
        if i + 1 >= self.words.len() || self.claimed[i] || !self.beside(i) {
            return;
        }
        let text = self.word(i);
        let next = &self.words[i + 1];
        let kind = if next.is_cjk {
            let after = next.text.trim_start_matches(['的', '這', '这', '個', '个', '該', '该', '此', '那']);
            words::FOREIGN_KINDS.iter().find(|(word, _)| after.starts_with(word)).map(|(_, kind)| *kind)
        } else {
            self.kind_at(i + 1).filter(|kind| !kind.plural).map(|kind| kind.canonical)
        };
        let Some(kind) = kind.filter(|kind| *kind != "Namespace") else { return };
        let is_name = has_name_marks(text) || self.quoted(i) || next.is_cjk;
        let is_known_word = words::kind_of_word(text).is_some()
            || words::reason_of_word(text).is_some()
            || words::component_of_word(text).is_some()
            || words::is_compound(text) && text.contains('-')
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
    fn with_condition(&mut self, i: usize) {
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
    fn network_policy(&mut self, i: usize) {
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

    /// A masked name, a pod with its hash, or a hyphenated word that is no English, wherever it stands.
    fn standing_alone(&mut self, i: usize) {
        let text = self.word(i);
        if self.claimed[i] || text.contains(['/', ':', '@', '_', '.', '+']) && !text.contains(MASK) {
            return;
        }
        let Some(name) = label(text) else { return };
        if name == Label::Masked {
            self.push(i, None, None, name);
            return;
        }
        if stem(text).len() < text.len() {
            self.push(i, Some("Pod"), None, name);
            return;
        }
        let num_word_parts =
            text.split('-').filter(|part| part.bytes().any(|b| b.is_ascii_alphabetic())).count();
        let before = self.text[..self.words[i].start].chars().next_back();
        let after = self.text[self.words[i].end..].chars().next();
        let is_path = before.is_some_and(|c| matches!(c, '/' | '\\' | '<' | '$' | '{' | '%'))
            || after.is_some_and(|c| matches!(c, '=' | '(' | '>' | '*' | '\\'));
        let is_name = num_word_parts >= 1
            && text.contains('-')
            && (num_word_parts >= 2
                || text.bytes().any(|b| b.is_ascii_digit()) && num_word_parts == 1 && text.len() >= 5)
            && !is_path
            && !is_uid(text)
            && !is_region(text)
            && !words::is_compound(text)
            && words::component_of_word(text).is_none()
            && words::reason_of_word(&text.replace('-', "")).is_none()
            && words::kind_of_word(&text.replace('-', "")).is_none();
        if is_name {
            let part_of_word = |c: Option<char>| c.is_some_and(|c| matches!(c, '\u{2019}'));
            if !part_of_word(after) {
                self.push(i, None, None, name);
            }
        }
    }

    /// A kind that names no object. Plain English words count when capitalised.
    fn kind_alone(&mut self, i: usize) {
        if self.claimed[i] {
            return;
        }
        if self.words[i].is_cjk {
            let text = self.words[i].text;
            // Only words that mean little else; `部署` and `服務` are verbs and more as well.
            for (word, kind) in words::FOREIGN_KINDS {
                if let Some(at) = text.find(word)
                    && !matches!(*word, "部署" | "服務" | "服务" | "機密" | "持久卷" | "密鑰" | "密钥")
                {
                    self.found.kinds.push((self.words[i].start + at, kind));
                    break;
                }
            }
            return;
        }
        let Some(kind) = self.kind_at(i) else { return };
        let text = self.word(i);
        let base = text.split('.').next().unwrap_or(text);
        let is_plain_word =
            words::kind_of_word(base).is_some_and(|kind| kind.ambiguous) && kind.num_words == 1;
        let is_foreign = words::kind_of_word(base).is_none() && kind.num_words == 1;
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
fn is_group(rest: &str) -> bool {
    words::SHORT_API_GROUPS.contains(&rest)
        || rest.ends_with(".k8s.io")
        || words::API_GROUPS.contains(&rest)
        || {
            // Custom resources: `certificates.cert-manager.io`, `widgets.example.com`.
            rest.contains('.')
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        }
}

/// A hyphen or a digit inside: what names have and English words rarely do.
fn has_name_marks(word: &str) -> bool {
    if word.contains(MASK) {
        return true;
    }
    let starts_well = word.starts_with(|c: char| c.is_ascii_lowercase());
    let is_version =
        word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    starts_well
        && !is_version
        && (word.contains('-')
            || word.bytes().any(|b| b.is_ascii_digit())
            || word.contains('.') && !word.contains(".."))
}

/// The word as the name of an object: lower-case letters, digits, hyphens and dots, with a letter, at most 253 bytes. A
/// hyphen at the end stays: ReplicaSets write the start of a name so.
fn label(word: &str) -> Option<Label> {
    if word.contains(MASK) {
        let rest_is_name = word.chars().all(|c| {
            c == MASK || c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_')
        });
        return rest_is_name.then_some(Label::Masked);
    }
    let is_name = !word.is_empty()
        && word.len() <= 253
        && word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && word.bytes().any(|b| b.is_ascii_lowercase());
    is_name.then(|| Label::Known(word.to_owned()))
}

fn is_uid(word: &str) -> bool {
    word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Regions and zones of cloud providers: `us-east-1`, `europe-west1-d`.
fn is_region(word: &str) -> bool {
    let mut parts = word.split('-');
    let continent = parts.next().unwrap_or_default();
    let direction = parts.next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(
        continent,
        "us" | "eu"
            | "europe"
            | "asia"
            | "ap"
            | "ca"
            | "sa"
            | "me"
            | "af"
            | "australia"
            | "northamerica"
            | "southamerica"
    ) && matches!(
        direction,
        "east"
            | "west"
            | "north"
            | "south"
            | "central"
            | "northeast"
            | "northwest"
            | "southeast"
            | "southwest"
    )
}

/// Words that stand beside a kind and name nothing.
fn is_generic(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "container"
            | "containers"
            | "volume"
            | "volumes"
            | "image"
            | "images"
            | "spec"
            | "status"
            | "metadata"
            | "rollout"
            | "rollouts"
            | "replicas"
            | "template"
            | "selector"
            | "object"
            | "objects"
            | "resource"
            | "resources"
            | "name"
            | "names"
            | "which"
            | "that"
            | "it"
            | "and"
            | "or"
            | "controller"
            | "controllers"
            | "execution"
            | "creation"
            | "scheduling"
            | "logs"
            | "events"
            | "yaml"
            | "manifest"
            | "manifests"
            | "config"
            | "configuration"
            | "level"
            | "type"
            | "types"
            | "class"
            | "api"
            | "scope"
            | "itself"
            | "network"
            | "security"
            | "startup"
            | "readiness"
            | "liveness"
            | "probe"
            | "k8s"
            | "kubernetes"
            | "cluster"
            | "host"
            | "exec"
            | "port"
            | "ports"
            | "label"
            | "labels"
            | "annotation"
            | "annotations"
            | "data"
            | "key"
            | "keys"
            | "value"
            | "health"
            | "quota"
            | "lifecycle"
            | "uid"
            | "not"
            | "was"
            | "has"
            | "is"
    )
}
