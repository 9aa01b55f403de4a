//! The words that a reply may repeat: the commands of the evidence, and the words of evidence and question. Pure.

use super::{
    Mode,
    destruction::{self, is_read},
    fold::{Place, folded},
    outflow,
    programs::{self, Kind, verbs_of},
    prose,
    shell::{self, Invocation},
    vocabulary::{Reader, has, reader},
};
use crate::{evidence::Evidence, markdown};
use regex::Regex;
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// Words of more parts than this are only known whole, and by each of their parts.
const MAX_PARTS: usize = 8;

/// Most words with places to fill in that are known, and how long each may be.
const MAX_TEMPLATES: usize = 200;
const MAX_TEMPLATE_BYTES: usize = 200;

/// The commands and words that a reply may repeat.
#[derive(Debug, Default)]
pub struct Grounds {
    /// The words of evidence and question without punctuation, and what they are made of, lower case.
    words: HashSet<String>,
    /// The evidence's lines of commands, lower case, with single spaces.
    lines: HashSet<String>,
    /// Program and verb of every command in the evidence, and whether one of them is more than a rehearsal.
    calls: HashMap<(String, Option<String>), bool>,
    /// The destructive acts of the evidence's commands.
    acts: HashSet<String>,
    /// Whether one of them decodes secrets or reads files that hold them.
    shows_secrets: bool,
    /// Words of the evidence with places that a reader fills in, cut there: `robot-<namespace>`,
    /// `/api/v1/nodes/$NODE/proxy`.
    templates: Vec<Vec<String>>,
}

impl Grounds {
    /// The grounds of an answer.
    pub fn new(evidence: &[Evidence], question: &str) -> Self {
        let mut grounds = Self::default();
        for passage in evidence {
            let quotable = passage.quotable();
            let quotable = folded(&quotable, Place::Text).text;
            for line in commands_in(&quotable) {
                grounds.add_line(&folded(&line, Place::Code).text);
            }
            grounds.add_words(&quotable);
            grounds.add_templates(&quotable);
        }
        // A command that the asker has typed is no proof that it is right to run it: words only.
        grounds.add_words(&folded(question, Place::Text).text);
        grounds
    }

    fn add_line(&mut self, line: &str) {
        let line = super::bare(line);
        if line.is_empty() {
            return;
        }
        self.lines.insert(normalised(line));
        self.acts.extend(destruction::acts(line, |_| true));
        let calls = shell::invocations(line);
        self.shows_secrets |= outflow::shows_secrets(&calls);
        for call in calls {
            let is_real = !is_rehearsal(&call);
            *self.calls.entry(key(&call)).or_default() |= is_real;
        }
    }

    fn add_words(&mut self, text: &str) {
        let lower = text.to_lowercase();
        for written in lower.split(|c| !is_word_char(c)) {
            let word = bare_word(written);
            self.words.insert(word.to_owned());
            if written.starts_with('/') {
                self.add_path(word);
                continue;
            }
            for half in halves(word) {
                self.words.insert(half.to_owned());
                self.words.extend(without_suffixes(half).map(str::to_owned));
            }
            let parts: Vec<(usize, &str)> = parts_of(word);
            for (first, (start, part)) in parts.iter().enumerate() {
                self.words.insert((*part).to_owned());
                self.words.extend(without_suffixes(part).map(str::to_owned));
                for (end, last) in parts.iter().skip(first).take(MAX_PARTS) {
                    self.words.insert(word[*start..end + last.len()].to_owned());
                }
            }
        }
    }

    fn add_templates(&mut self, text: &str) {
        static PLACE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"<[a-z][a-z0-9 _-]{0,40}>|\$\{[a-z_][a-z0-9_]{0,40}\}|\$[a-z_][a-z0-9_]{0,40}")
                .expect("the pattern is valid")
        });
        let lower = text.to_lowercase();
        let is_end =
            |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | ')' | ',' | ';' | '|');
        for place in PLACE.find_iter(&lower) {
            let start = lower[..place.start()].rfind(is_end).map_or(0, |at| lower.ceil_char_boundary(at + 1));
            let end = lower[place.end()..].find(is_end).map_or(lower.len(), |at| place.end() + at);
            let word = lower[start..end].trim_end_matches(['.', ':']);
            let pieces: Vec<String> = PLACE.split(word).map(str::to_owned).collect();
            let says_enough =
                pieces.iter().flat_map(|piece| piece.chars()).filter(|c| c.is_alphanumeric()).count() > 3;
            if says_enough
                && word.len() <= MAX_TEMPLATE_BYTES
                && self.templates.len() < MAX_TEMPLATES
                && !self.templates.contains(&pieces)
            {
                self.templates.push(pieces);
            }
        }
    }

    /// Whether a word is one of the evidence's with its places filled in by words of the sources.
    fn fills_in(&self, word: &str) -> bool {
        self.templates.iter().any(|pieces| {
            let [first, between @ .., last] = pieces.as_slice() else { return false };
            let Some(mut rest) = word.strip_prefix(first.as_str()) else { return false };
            for piece in between {
                let Some((filled, after)) = rest.split_once(piece.as_str()) else { return false };
                if !self.words.contains(filled) {
                    return false;
                }
                rest = after;
            }
            rest.strip_suffix(last.as_str()).is_some_and(|filled| self.words.contains(filled))
        })
    }

    /// A path's folders, and its file: a folder's name is no object's.
    fn add_path(&mut self, path: &str) {
        self.words.extend(path.match_indices('/').take(MAX_PARTS).map(|(end, _)| path[..end].to_owned()));
        self.words.extend(path.rsplit('/').next().map(str::to_owned));
    }

    /// Whether the sources have every word of this; namespace and name may stand apart in them.
    pub(super) fn say(&self, literal: &str) -> bool {
        let lower = literal.to_lowercase();
        words_of(&lower).all(|word| self.words.contains(word) || self.say_both(word) || self.fills_in(word))
            || self.fills_in(&lower)
    }

    /// Whether a word chooses objects by a field or label that everybody has, and a value that the sources have.
    fn selects(&self, word: &str) -> bool {
        word.contains('=')
            && word.split(',').all(|term| {
                let (key, value) = term.split_once('=').unwrap_or((term, ""));
                let (key, value) = (key.trim_end_matches('!'), value.trim_start_matches('='));
                (has("selectors", key) || self.say(key))
                    && (is_placeholder(value) || has("system names", value) || self.say(value))
            })
    }

    /// `namespace/name`, or a name in a service's address, of which the sources have both.
    fn say_both(&self, word: &str) -> bool {
        let parts: Vec<&str> = match word.strip_suffix(".svc.cluster.local").or(word.strip_suffix(".svc")) {
            Some(host) => host.split('.').collect(),
            None => word.split('/').collect(),
        };
        matches!(parts.as_slice(), [_, _])
            && parts.iter().all(|part| is_name(part) && self.words.contains(*part))
    }

    /// Whether the evidence has this very line.
    pub(super) fn has_line(&self, line: &str) -> bool {
        self.lines.contains(&normalised(line))
    }

    /// Whether the evidence decodes secrets, or reads files that hold them.
    pub(super) fn shows_secrets(&self) -> bool {
        self.shows_secrets
    }

    /// Whether the evidence destroys in this way.
    pub(super) fn has_act(&self, act: &str) -> bool {
        self.acts.contains(act)
    }

    /// Whether a program may be called so: it only reads, or a document calls it so. In code every word counts; in
    /// running text ordinary words are the sentence's.
    pub(super) fn allow(&self, call: &Invocation, mode: Mode, destroys: bool) -> bool {
        if call.is_quotation {
            return true;
        }
        let reads = is_read(call);
        if !reads {
            match self.calls.get(&key(call)) {
                None => return false,
                // Every source only rehearses it.
                Some(false) if !is_rehearsal(call) => return false,
                Some(_) => {}
            }
            if call.written.contains('/') && !self.say(&call.written) {
                return false;
            }
        }
        let reader = reader(&call.program).filter(|_| reads);
        let shapes_text = reader.is_some_and(Reader::shapes_text);
        // A reading program whose output goes into a file writes.
        let is_own = |file: &String| {
            is_upper_placeholder(file) || (is_placeholder(file) && !is_path(file)) || self.say(file)
        };
        if !call.outputs.iter().all(is_own) {
            return false;
        }
        // The operands of a free reader (texts to print, search for or set) need no source.
        if reader.is_some_and(Reader::is_free) {
            return true;
        }
        let verb = verb_of(call).unwrap_or_default();
        let num_verb_words = reader.map_or(0, |reader| reader.num_verb_words(call));
        let known: Vec<String> =
            verb.split(' ').map(str::to_owned).chain(call.operands().take(num_verb_words)).collect();
        let has_names_only = verbs_of(&call.program).is_some();
        let is_plain = |word: &str| {
            (mode == Mode::Prose || shapes_text || (reads && !has_names_only))
                && !word.starts_with("--")
                && !word.contains(['-', '/', '.', '_', '='])
        };
        let shapes_output = |flag: &str| reads && flag.starts_with("--") && !has("value flags", flag);
        call.args
            .iter()
            .filter(|word| !known.contains(&word.text.to_lowercase()))
            .flat_map(|word| match word.text.split_once('=') {
                // A flag that shapes a reader's output names no object.
                Some((flag, value)) if shapes_output(flag) && !value.contains(['/', ':']) => vec![flag],
                Some((flag, value)) if flag.starts_with('-') => vec![flag, value],
                _ => vec![word.text.as_str()],
            })
            .all(|word| {
                is_plain(word)
                    || (reads && word.starts_with(['-', '+']))
                    || (reads
                        && has(
                            "everyday files",
                            if word.len() > 1 { word.trim_end_matches('/') } else { word },
                        ))
                    || word.contains("/dev/null")
                    || (!destroys && is_number(word))
                    || is_upper_placeholder(word)
                    || (reads && (has("common", word) || is_template(word) || self.selects(word)))
                    || (is_path(word) && self.say(word))
                    || !is_path(word)
                        && word.split(['/', ',']).all(|piece| {
                            piece.is_empty()
                                || (!is_template(word) && is_placeholder(piece))
                                || (!destroys && is_number(piece))
                                || (reads && has("common", &piece.to_lowercase()))
                                || (reads && has("system names", piece))
                                || self.say(piece)
                        })
            })
    }
}

/// The key by which a call is looked up among the documents' calls. A call that lists secrets has another key than one
/// that prints them.
fn key(call: &Invocation) -> (String, Option<String>) {
    let verb = verb_of(call);
    match destruction::discloses(call) {
        true => (call.program.clone(), Some(format!("{} (values)", verb.unwrap_or_default()))),
        false => (call.program.clone(), verb),
    }
}

/// A call's verb: its first word that is no flag, and the second where the first says little.
pub fn verb_of(call: &Invocation) -> Option<String> {
    let mut operands = call.operands();
    let is_verb = |word: &String| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let first = operands.next().filter(is_verb)?;
    let is_group = has("groups", &first) || programs::is(&call.program, Kind::TwoWordVerbs);
    match operands.next().filter(is_verb) {
        Some(second) if is_group => Some(format!("{first} {second}")),
        _ => Some(first),
    }
}

fn is_rehearsal(call: &Invocation) -> bool {
    call.args.iter().any(|word| match word.text.split_once('=') {
        Some((flag, value)) => has("rehearsals", flag) && !matches!(value, "none" | "false"),
        None => has("rehearsals", &word.text),
    })
}

fn normalised(line: &str) -> String {
    line.to_lowercase().split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ")
}

/// The words of a lower-case text: names, paths, flags and numbers as they are written, in any script with spaces.
fn words_of(lower: &str) -> impl Iterator<Item = &str> {
    lower.split(|c| !is_word_char(c)).map(bare_word).filter(|word| !word.is_empty())
}

fn bare_word(word: &str) -> &str {
    word.trim_start_matches(['.', ':', '/', '+']).trim_end_matches(['.', ':', '/', '+', '-'])
}

fn is_word_char(c: char) -> bool {
    // Scripts without spaces would join what stands on both sides of them.
    (c.is_alphanumeric() && c < '\u{2e80}') || matches!(c, '-' | '_' | '.' | '/' | ':' | '%' | '+')
}

/// The parts of a word between dots, slashes and colons, with their places.
fn parts_of(word: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    let mut parts = Vec::new();
    for part in word.split(['.', '/', ':']) {
        if !part.is_empty() {
            parts.push((at, part));
        }
        at += part.len() + 1;
    }
    parts
}

/// Namespace and name, which the kubelet and container runtimes join by `_`, as no name of an object has one:
/// `web-7c9d8b6f5-x2x7k_shop`, `k8s_api_web-7c9d8b6f5-x2x7k_shop_1c0f`. Names of metrics have no hyphen.
fn halves(word: &str) -> impl Iterator<Item = &str> {
    let parts = || word.split('_');
    let joins_names = word.contains('_') && word.contains('-') && parts().all(is_name);
    parts().filter(move |_| joins_names)
}

/// Whether a word can be the name of an object.
fn is_name(word: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    word.starts_with(is_end)
        && word.ends_with(is_end)
        && word.chars().all(|c| is_end(c) || matches!(c, '-' | '.'))
}

/// The name of what a pod belongs to, by the pod's: `search-api` of `search-api-6b7f9d5c4-zz8rt` and of `search-api-0`.
fn without_suffixes(name: &str) -> impl Iterator<Item = &str> {
    let is_random = |suffix: &str| {
        suffix.chars().all(|c| c.is_ascii_alphanumeric()) && suffix.chars().any(|c| c.is_ascii_digit())
    };
    let owner = name.rsplit_once('-').filter(|(_, suffix)| {
        (is_random(suffix) && suffix.len() == 5)
            || suffix.chars().all(|c| c.is_ascii_digit())
            || (is_random(suffix) && (8..=10).contains(&suffix.len()))
    });
    let owner_of_set = name.rsplit_once('-').and_then(|(rest, suffix)| {
        let (owner, hash) = rest.rsplit_once('-')?;
        (suffix.len() == 5 && is_random(hash) && (8..=10).contains(&hash.len())).then_some(owner)
    });
    [owner.map(|(rest, _)| rest), owner_of_set].into_iter().flatten()
}

pub(super) fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit() || matches!(c, 's' | 'm' | 'h'))
}

/// A path with nothing to fill in.
fn is_path(word: &str) -> bool {
    word.starts_with(['/', '~', '.']) && word.contains('/') && !word.contains(['<', '>', '$', '*', '{'])
}

/// Whether a piece is left for the reader to fill in.
fn is_placeholder(piece: &str) -> bool {
    piece.contains(['<', '>', '$', '*', '…']) || is_upper_placeholder(piece)
}

/// `POD_NAME`
fn is_upper_placeholder(word: &str) -> bool {
    word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '-'))
}

/// Whether a word shapes output: `{.items[0]}`, a query with spaces.
fn is_template(word: &str) -> bool {
    word.contains(['{', '}', ' '])
}

/// Every line in the code of a text, and every command in its sentences.
fn commands_in(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for range in markdown::code_ranges(text) {
        let code = text[range].replace("\\\n", " ");
        commands.extend(code.lines().map(|line| line.trim_matches(['`', ' ', '\t', '>']).to_owned()));
    }
    // People also write commands into sentences.
    commands.extend(
        text.lines().flat_map(|line| prose::segments(line).into_iter().map(|range| line[range].to_owned())),
    );
    commands
}
