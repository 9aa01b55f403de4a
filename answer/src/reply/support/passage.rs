//! A passage as sentences are held against it: its parts with what they speak of, its clauses with whether they deny,
//! its names and amounts. Pure, and linear in the passage's length.

use super::{
    names::Known,
    quantities::{self, Quantity},
    wordings::{FAILS, HALF_DENIES, HARMLESS, PERMITS},
    words::{self, Tongue, Words},
};
use crate::markdown;
use kb::{
    analyzer::{chinese::simplified_text, is_cjk},
    lists,
    prohibition::{self, Prohibition},
};
use regex::Regex;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

/// The texts of a numbered list that have a word.
#[derive(Debug, Default)]
pub struct Index {
    num_texts: usize,
    /// How many words each text has.
    sizes: Vec<usize>,
    shared: HashMap<String, Vec<usize>>,
    own: HashMap<String, Vec<usize>>,
}

/// The weight of a word of one language, where an idea weighs 1: where both texts are in that language, and where they
/// are not.
const OWN_WEIGHT: f32 = 0.7;
const FOREIGN_WEIGHT: f32 = 0.25;

impl Index {
    fn add(&mut self, words: Words) {
        self.sizes.push(words.shared.len() + words.own.len());
        for (map, words) in [(&mut self.shared, words.shared), (&mut self.own, words.own)] {
            for word in words {
                map.entry(word).or_default().push(self.num_texts);
            }
        }
        self.num_texts += 1;
    }

    /// Whether a text is about the same as another that has so many of its words: most of them.
    pub fn is_about(&self, text: usize, num_words: usize) -> bool {
        const LEAST_SHARE: f32 = 0.6;
        const LEAST_SIZE: usize = 3;
        let size = self.sizes[text];
        size >= LEAST_SIZE && num_words as f32 >= LEAST_SHARE * size as f32
    }

    /// Whether one of the texts has a word.
    pub fn has(&self, word: &str) -> bool {
        self.shared.contains_key(word) || self.own.contains_key(word)
    }

    /// Whether a text has one of some words and one of others.
    pub fn have_both(&self, some: &[&str], others: &[&str]) -> bool {
        let of = |words: &[&str]| -> HashSet<usize> {
            words.iter().filter_map(|word| self.shared.get(*word)).flatten().copied().collect()
        };
        !of(some).is_disjoint(&of(others))
    }

    /// Of each text how much of some words it has, and of all texts together; and how much there is to have. A word
    /// that many texts have says less.
    pub fn scores(&self, words: &Words, is_same_tongue: bool) -> Scores {
        let mut scores = Scores {
            of_texts: vec![0.0; self.num_texts],
            num_of_texts: vec![0; self.num_texts],
            of_all: 0.0,
            weight: 0.0,
        };
        let own_weight = if is_same_tongue { OWN_WEIGHT } else { FOREIGN_WEIGHT };
        let rarity = |places: &[usize]| 1.0 / (1.0 + 0.5 * (places.len() as f32).ln());
        let shared = words.shared.iter().map(|word| (self.shared.get(word), 1.0));
        let own = words.own.iter().map(|word| {
            let places = self.own.get(word).filter(|_| is_same_tongue).or_else(|| self.shared.get(word));
            (places, own_weight)
        });
        for (places, weight) in shared.chain(own) {
            let Some(places) = places else {
                scores.weight += weight;
                continue;
            };
            let weight = weight * rarity(places);
            scores.weight += weight;
            scores.of_all += weight;
            for place in places {
                scores.of_texts[*place] += weight;
                scores.num_of_texts[*place] += 1;
            }
        }
        scores
    }
}

/// How much of some words texts have.
#[derive(Debug)]
pub struct Scores {
    /// The weighted share of the words, for each text.
    pub of_texts: Vec<f32>,
    /// How many of the words each text has.
    pub num_of_texts: Vec<usize>,
    /// For all texts together.
    pub of_all: f32,
    /// How much there is.
    pub weight: f32,
}

/// A passage, read once.
#[derive(Debug)]
pub struct Passage {
    pub tongue: Tongue,
    /// Its paragraphs, items, rows and lines of code, each with the heading above it.
    pub parts: Index,
    /// The amounts, and the part that each stands in.
    pub quantities: Vec<(usize, Quantity)>,
    /// Its clauses, but for code.
    pub clauses: Index,
    /// Whether each clause denies; `None` where that is open.
    pub denies: Vec<Option<bool>>,
    /// The actions that each clause advises.
    pub advised: Vec<BTreeSet<String>>,
    /// Its prohibitions, in the order of `forbidding`.
    pub rules: Vec<Rule>,
    /// The words of each of its prohibitions.
    pub forbidding: Index,
    /// Its names, with those of its headings.
    pub names: Known,
    /// Its rows that allow something, in lower case.
    permitting: Vec<String>,
}

/// A prohibition of a passage.
#[derive(Debug)]
pub struct Rule {
    pub actions: Vec<String>,
    /// The kinds of objects.
    pub classes: Vec<&'static str>,
    /// The names of objects in it, in lower case.
    pub names: Vec<String>,
    /// Whether it holds under a condition.
    pub is_conditional: bool,
}

impl Passage {
    /// Reads a text below a heading.
    pub fn read(heading: &str, text: &str, prohibitions: &[Prohibition]) -> Self {
        let mut names = Known::default();
        names.add(heading);
        names.add(text);
        let text = text.replace("**", "");
        let mut passage = Self {
            tongue: Tongue::of(&text, Tongue::English),
            parts: Index::default(),
            quantities: Vec::new(),
            clauses: Index::default(),
            denies: Vec::new(),
            advised: Vec::new(),
            rules: Vec::new(),
            forbidding: Index::default(),
            names,
            permitting: Vec::new(),
        };
        for prohibition in prohibitions.iter().filter(|prohibition| !prohibition.actions.is_empty()) {
            passage.forbidding.add(words::read(&prohibition.text, passage.tongue));
            passage.rules.push(Rule {
                actions: prohibition.actions.clone(),
                classes: prohibition::object_classes(&prohibition.text),
                names: object_names(&prohibition.text),
                is_conditional: prohibition::is_conditional(&prohibition.text),
            });
        }
        passage.add(heading, "", false);
        let (mut above, mut run, mut in_code) = (String::new(), String::new(), false);
        for line in text.lines() {
            let trimmed = line.trim_start_matches([' ', '\t', '>']);
            let is_row = trimmed.starts_with('|');
            let is_fence = trimmed.starts_with("```") || trimmed.starts_with("~~~");
            let is_heading = trimmed.starts_with('#') && !in_code;
            if is_fence || in_code || is_row || is_heading || trimmed.is_empty() || is_item(trimmed) {
                passage.add(&std::mem::take(&mut run), &above, false);
            }
            if is_fence {
                in_code = !in_code;
            } else if in_code {
                passage.add(line, &above, true);
            } else if is_heading {
                above = trimmed.trim_start_matches(['#', ' ']).to_owned();
                passage.add(&above, "", false);
            } else if is_row {
                passage.add(trimmed, &above, false);
            } else {
                run.push_str(trimmed);
                run.push(' ');
            }
        }
        passage.add(&run, &above, false);
        passage
    }

    /// Whether a row of a table allows something of what a sentence names in code.
    pub fn permits(&self, said: &str) -> bool {
        let mut names = said.split('`').skip(1).step_by(2).map(str::to_lowercase).take(MAX_NAMES);
        names.any(|name| {
            let is_end = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
            name.len() > 2
                && self.permitting.iter().any(|row| {
                    row.match_indices(&name).any(|(at, _)| {
                        row[..at].chars().next_back().is_none_or(is_end)
                            && row[at + name.len()..].chars().next().is_none_or(is_end)
                    })
                })
        })
    }

    fn add(&mut self, text: &str, above: &str, is_code: bool) {
        if !text.contains(char::is_alphanumeric) {
            return;
        }
        for clause in clauses(&text[..text.floor_char_boundary(MAX_CLAUSED_BYTES)], self.tongue)
            .into_iter()
            .filter(|clause| !is_code && !is_quotation(clause.text))
        {
            self.clauses.add(words::read(clause.text, self.tongue));
            self.denies.push(clause.denies);
            self.advised.push(prohibition::advised(clause.text));
        }
        let mut of_part = words::read(text, self.tongue);
        let of_above = words::read(above, self.tongue);
        of_part.shared.extend(of_above.shared);
        of_part.own.extend(of_above.own);
        if text.starts_with('|') && PERMITS.is_match(text) {
            self.permitting.push(text.to_lowercase());
        }
        let part = self.parts.num_texts;
        let amounts = quantities::read(text).concat().into_iter().chain(quantities::shares(text));
        self.quantities.extend(amounts.map(|quantity| (part, quantity)));
        self.parts.add(of_part);
    }
}

/// The largest number of names in code that are looked up for a sentence.
const MAX_NAMES: usize = 8;

/// A part's clauses are read up to this many bytes.
const MAX_CLAUSED_BYTES: usize = 4 << 10;

/// Whether next to nothing of a clause stands outside of code: a message that is quoted.
pub fn is_quotation(clause: &str) -> bool {
    const LEAST_LETTERS: usize = 12;
    let outside = clause.split('`').step_by(2).flat_map(str::chars);
    let weight = outside.map(|c| if is_cjk(c) { 3 } else { usize::from(c.is_alphanumeric()) }).sum::<usize>();
    clause.contains('`') && weight < LEAST_LETTERS
}

/// The names of objects that a prohibition is about: with a hyphen, a slash or a digit.
fn object_names(text: &str) -> Vec<String> {
    let mut names = prohibition::names(text);
    names.retain(|name| name.contains(|c: char| c == '-' || c == '/' || c.is_ascii_digit()));
    names
}

fn is_item(line: &str) -> bool {
    line.starts_with(['-', '*', '+'])
        || line
            .split_once(['.', ')'])
            .is_some_and(|(n, _)| n.len() < 3 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// A clause of a text.
#[derive(Debug, Clone, Copy)]
pub struct Clause<'t> {
    pub text: &'t str,
    /// Whether it denies; `None` where that is open, as in a list behind a negation.
    pub denies: Option<bool>,
}

/// Ends a clause, whatever stands around it.
static ENDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[;；：|—]|: |（|\(").expect("the pattern is valid"));

/// May end a clause.
static JOINTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?P<strong>\b(?:but|because|since|so that|in order|whereas|tetapi|karena|sedangkan|nhưng|vì|để)\b|但|因为|因為|所以)|(?P<list>\b(?:and|dan|và)\b)|[,，。] ?|\b(?:so|while|sehingga|còn)\b",
    )
    .expect("the pattern is valid")
});

/// Begins a condition, which ends with the first comma.
static CONDITION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*(?:(?:if|when|once|unless|jika|bila|kalau|apabila|nếu|khi)\b|如果|若|当|當|一旦)")
        .expect("the pattern is valid")
});

/// The clauses of a text: its sentences, cut where another statement begins.
pub fn clauses(text: &str, tongue: Tongue) -> Vec<Clause<'_>> {
    let mut found = Vec::new();
    for sentence in markdown::sentences(text) {
        let mut start = 0;
        let plain = without_code(sentence);
        let ends = ENDS.find_iter(&plain).map(|end| (end.start(), end.end()));
        for (end, next) in ends.chain([(sentence.len(), sentence.len())]) {
            add_clauses(&sentence[start..end], tongue, &mut found);
            start = next;
        }
    }
    found
}

/// The text with signs that mean nothing in place of those in code, as long as before.
fn without_code(text: &str) -> String {
    let mut in_code = false;
    text.chars()
        .map(|c| match c {
            '`' => {
                in_code = !in_code;
                c
            }
            _ if in_code && c.is_ascii() => '_',
            _ => c,
        })
        .collect()
}

/// Cuts at joints with enough on both sides.
fn add_clauses<'t>(text: &'t str, tongue: Tongue, found: &mut Vec<Clause<'t>>) {
    let is_long = |text: &str| {
        let num_cjk = text.chars().filter(|c| is_cjk(*c)).count();
        text.split_whitespace().count() + num_cjk / 2 > 3
    };
    let mut start = 0;
    let mut after_list = None;
    let plain = without_code(text);
    let joints: Vec<(usize, usize, Joint)> = JOINTS
        .captures_iter(&plain)
        .map(|joint| {
            let whole = joint.get(0).expect("group 0 is the match");
            let kind = match (joint.name("strong"), joint.name("list")) {
                (Some(_), _) => Joint::Strong,
                (_, Some(_)) => Joint::List,
                _ => Joint::Weak,
            };
            (whole.start(), whole.end(), kind)
        })
        .chain([(text.len(), text.len(), Joint::Strong)])
        .collect();
    for (at, (end, next, kind)) in joints.iter().enumerate() {
        let until = joints.get(at + 1).map_or(text.len(), |joint| joint.0);
        let piece = &text[start..*end];
        let is_cut = *kind == Joint::Strong
            || (*kind == Joint::Weak && CONDITION.is_match(piece))
            || (is_long(piece) && is_long(&text[*next..until]));
        if !is_cut {
            continue;
        }
        if piece.contains(char::is_alphanumeric) {
            let denies = match denies(piece, tongue) {
                Some(false) if after_list == Some(true) => None,
                denies => denies,
            };
            found.push(Clause { text: piece, denies });
            after_list = (*kind == Joint::List).then_some(denies != Some(false));
        }
        start = *next;
    }
}

/// How two clauses are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// By a word that begins another statement.
    Strong,
    /// By a word that may go on with a list.
    List,
    /// By a comma.
    Weak,
}

/// Words that deny or forbid, with the tags of their languages.
const DENIAL_WORDS: &str = include_str!("denials.txt");

static DENIALS: LazyLock<Vec<(&'static str, Tongue)>> =
    LazyLock::new(|| lists::pairs(DENIAL_WORDS).map(|(word, tag)| (word, Tongue::of_tag(tag))).collect());

/// Whether a clause denies or forbids something; `None` where that is open.
pub fn denies(clause: &str, tongue: Tongue) -> Option<bool> {
    let outside = clause.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase().replace('’', "'");
    let outside = HARMLESS.replace_all(&simplified_text(&outside), " ").into_owned();
    let denials_of = |tongue| DENIALS.iter().filter(move |denial| denial.1 == tongue).map(|denial| denial.0);
    let has_word = |tongue| {
        let mut words = outside.split(|c: char| !(c.is_alphanumeric() || c == '\''));
        words.any(|word| denials_of(tongue).any(|denial| denial == word) || word.ends_with("n't"))
    };
    let denies = match tongue {
        Tongue::Chinese => {
            let begins = outside.trim_start().starts_with('别') || outside.contains("请别");
            denials_of(tongue).any(|denial| outside.contains(denial)) || begins
        }
        Tongue::English | Tongue::Vietnamese | Tongue::Indonesian => {
            has_word(tongue) || has_word(Tongue::English)
        }
    };
    let is_open = match denies {
        // `Not found` and the like say it in one way of many.
        true => FAILS.is_match(&outside),
        false => HALF_DENIES.is_match(&outside),
    };
    (!is_open).then_some(denies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_denials_are_sorted_and_of_known_languages() {
        assert_eq!(lists::unsorted(DENIAL_WORDS), None);
        assert!(lists::pairs(DENIAL_WORDS).all(|(_, tag)| ["en", "id", "vi", "zh"].contains(&tag)));
    }
}
