//! Whether the passage that a sentence cites says it: amounts and names occur there, it denies what the passage denies, and
//! most of what it speaks of stands there. Pure, and linear in the reply's length.
//!
//! Entry point: [`Support::marked`] for a block. What covers a sentence is the citation in it, else the next one in its
//! paragraph, else the one before, else what `sources.rs` found to cover the block.

mod names;
mod passage;
mod quantities;
mod wordings;
mod words;

use super::{advice, sources};
use crate::{citations, evidence::Evidence, markdown, phrases::Phrases, text::edited};
use kb::{prohibition, question::Question};
use passage::{Passage, clauses, is_quotation};
use quantities::{Quantity, Unit};
use regex::Regex;
use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashSet},
    ops::Range,
    sync::LazyLock,
};
use wordings::{ADVISES, ASSURES, CONCLUDES, DENIES, EFFECTS, FOLLOWS, POINTS, STATES, TELLS, UNKNOWN};
use words::{Tongue, Words};

/// What of a sentence the passage does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An amount.
    Quantity,
    /// A name.
    Name,
    /// It denies what the passage says, or says what the passage denies.
    Negation,
    /// What it tells to do, of which the passage does not speak.
    Action,
    /// That somebody has checked the answer.
    Assurance,
    /// Too much of what it speaks of.
    Words,
}

/// How much was held against passages, and how much of it was marked, in letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    held: usize,
    marked: usize,
}

impl Tally {
    /// The share that was marked, 0..1.
    pub fn share(self) -> f32 {
        match self.held {
            0 => 0.0,
            held => self.marked as f32 / held as f32,
        }
    }

    /// Counts another text.
    pub fn add(&mut self, other: Self) {
        self.held += other.held;
        self.marked += other.marked;
    }
}

/// The passages that sentences are held against, each read when it is first needed.
pub struct Support<'a> {
    evidence: &'a [Evidence],
    passages: Vec<OnceCell<Passage>>,
    asked: Passage,
    /// The language that answers are asked for in.
    usual: Tongue,
    phrases: &'static Phrases,
}

impl<'a> Support<'a> {
    /// Holds sentences against this evidence; what the question says may be said again.
    pub fn new(evidence: &'a [Evidence], question: &Question, phrases: &'static Phrases) -> Self {
        let passages = evidence.iter().map(|_| OnceCell::new()).collect();
        let usual = Tongue::of_tag(&question.language().0);
        Self { evidence, usual, passages, asked: Passage::read("", question.text(), &[]), phrases }
    }

    fn passage(&self, n: usize) -> &Passage {
        self.passages[n - 1].get_or_init(|| {
            let passage = &self.evidence[n - 1];
            Passage::read(&passage.heading(), &passage.text, &passage.prohibitions)
        })
    }

    /// A block with a mark behind each sentence that its source does not say, and how much of it that is. `covered_by`: what
    /// covers the block besides its own citations.
    pub fn marked(&self, block: &str, covered_by: &BTreeSet<usize>) -> (String, Tally) {
        let mut tally = Tally::default();
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let outline = markdown::outline(block);
        let all = self.cited_in(block);
        if all.is_empty() && covered_by.is_empty() {
            return (block.to_owned(), tally);
        }
        let denied = denied_items(block, &outline);
        for leaf in outline.leaves.iter().filter(|leaf| leaf.is_running_text) {
            let run = &block[leaf.range.clone()];
            let sentences = sentences(run);
            let cited: Vec<BTreeSet<usize>> =
                sentences.iter().map(|range| self.cited_in(&run[range.clone()])).collect();
            let mut covering = vec![&all; sentences.len()];
            // The citation before a sentence, then the one in it or behind it, which counts for more.
            let mut last = if all.is_empty() { covered_by } else { &all };
            for (at, cited) in cited.iter().enumerate() {
                covering[at] = last;
                last = if cited.is_empty() { last } else { cited };
            }
            let mut next = None;
            for (at, cited) in cited.iter().enumerate().rev() {
                next = (!cited.is_empty()).then_some(cited).or(next);
                covering[at] = next.unwrap_or(covering[at]);
            }
            for (range, own) in sentences.iter().zip(covering) {
                let exists = |n: &usize| (1..=self.evidence.len()).contains(n);
                let own: BTreeSet<usize> = own.iter().copied().filter(exists).collect();
                if own.is_empty() {
                    continue;
                }
                let sentence = &run[range.clone()];
                if leaf.parent.is_some_and(|parent| denied.contains(&parent)) {
                    // `Do not:` with its items: each reads the other way round without it.
                    continue;
                }
                let Some(said) = self.said(sentence) else { continue };
                let weight = said.chars().filter(|c| c.is_alphanumeric()).count();
                tally.held += weight;
                if self.fault(&said, &own).is_some() {
                    tally.marked += weight;
                    if sentence.contains(self.phrases.unverified) || sentence.contains(self.phrases.removed) {
                        // It has a mark that says so.
                        continue;
                    }
                    let end = leaf.range.start + range.start + sentence.trim_end().len();
                    edits.push((end..end, format!(" ({})", self.phrases.unsupported)));
                }
            }
        }
        (edited(block, edits), tally)
    }

    /// What a text cites, by number or by a document's address.
    fn cited_in(&self, text: &str) -> BTreeSet<usize> {
        let mut cited = citations::resolve(text, |n| (1..=self.evidence.len()).contains(&n)).cited;
        if text.contains("://") {
            let linked = self
                .evidence
                .iter()
                .filter(|passage| passage.url.as_ref().is_some_and(|url| text.contains(url.as_str())));
            cited.extend(linked.map(|passage| passage.n));
        }
        cited
    }

    /// A sentence without citations and our own marks; `None` where it claims nothing.
    fn said(&self, sentence: &str) -> Option<String> {
        let mut said = citations::resolve(sentence, |_| false).text;
        let Phrases { unverified, destructive, removed, forbidden, uncited, unsupported, .. } = self.phrases;
        for mark in [unverified, destructive, removed, forbidden, uncited, unsupported] {
            said = said.replace(*mark, "");
        }
        let said = said.replace("**", "").replace('\n', " ");
        let said = LEFT_OUT.replace_all(&said, " ");
        let said = said.trim();
        let claims = said.contains(char::is_alphanumeric)
            && !said.ends_with(['?', '？'])
            && !sources::claims_nothing(said)
            && !tells_of_itself(said)
            && !is_command(said);
        claims.then(|| said.to_owned())
    }

    /// What of a sentence the passages with these numbers do not say.
    fn fault(&self, said: &str, cited: &BTreeSet<usize>) -> Option<Fault> {
        let passages: Vec<&Passage> = cited.iter().map(|n| self.passage(*n)).collect();
        let tongue = Tongue::of(said, self.usual);
        let words = words::read(said, tongue);
        let is_lead = said.ends_with([':', '：']);
        if self.has_unknown_quantity(said, tongue, &words, &passages) {
            return Some(Fault::Quantity);
        }
        // What stands in another passage is not made up.
        let others = (1..=self.evidence.len()).filter(|n| !cited.contains(n));
        let others: Vec<&Passage> = others.map(|n| self.passage(n)).collect();
        let knows = |name: &str| {
            let mut all = passages.iter().chain(&others);
            self.asked.names.has(name) || all.any(|passage| passage.names.has(name)) || self.fills_in(name)
        };
        if names::said(said).iter().any(|name| !knows(name)) {
            return Some(Fault::Name);
        }
        if let Some(assurance) = ASSURES.find(said)
            && !cited.iter().any(|n| self.evidence[n - 1].text.contains(assurance.as_str()))
        {
            return Some(Fault::Assurance);
        }
        if !is_lead && is_unheard_of(said, tongue, &passages) {
            return Some(Fault::Action);
        }
        // The rest of a sentence that was cut may say the opposite.
        let is_whole = !said.contains('…');
        if is_whole
            && (is_forbidden(said, &words, tongue, &passages, &self.asked)
                || (self.is_denied(said, tongue, &passages) && !repeats_prohibition(said, &words, &passages)))
        {
            return Some(Fault::Negation);
        }
        // What the answer does not know needs no source, unless advice is drawn from it.
        let known = known(said);
        let words = match known.len() < said.len() && prohibition::advised(known).is_empty() {
            true => words::read(known, tongue),
            false => words,
        };
        // An amount with its unit that was found says as much as a word, in any language.
        let is_measured = |readings: &Vec<Quantity>| {
            readings
                .iter()
                .any(|amount| amount.unit != Unit::Count && (!amount.in_words || amount.written > 1.0))
        };
        let num_amounts = quantities::read(said).iter().filter(|readings| is_measured(readings)).count();
        let is_low = !is_lead
            && !concludes(said)
            && quantities::without_examples(said).contains(char::is_alphanumeric)
            && self.shares(&words, tongue, &passages, num_amounts).are_low()
            && (others.is_empty() || self.shares(&words, tongue, &others, 0).are_low());
        is_low.then_some(Fault::Words)
    }

    /// Whether an amount of a sentence stands neither in the question nor in a passage near what the sentence speaks of.
    fn has_unknown_quantity(&self, said: &str, tongue: Tongue, words: &Words, passages: &[&Passage]) -> bool {
        let wanted = quantities::read(quantities::without_examples(said));
        if wanted.is_empty() {
            return false;
        }
        // What stands in the question stands near everything.
        let is_asked = |wanted: &Quantity| {
            self.asked.quantities.iter().any(|(_, held)| quantities::is_same(held, wanted))
        };
        let near: Vec<Vec<f32>> =
            passages.iter().map(|passage| passage.parts.scores(words, false).of_texts).collect();
        // Part of an address or of a name.
        let is_named = |wanted: &Quantity| {
            let written = wanted.written.to_string();
            wanted.unit == Unit::Count
                && !wanted.in_words
                && (self.asked.names.has(&written)
                    || passages.iter().any(|passage| passage.names.has(&written)))
        };
        let is_said = |wanted: &Quantity| {
            is_asked(wanted)
                || (is_named(wanted) && wanted.written >= LEAST_NAMED)
                || passages.iter().zip(&near).any(|(passage, near)| {
                    let mut held = passage.quantities.iter();
                    held.any(|(part, held)| {
                        quantities::is_same(held, wanted)
                            && (near[*part] > LEAST_NEAR
                                || words.shared.len() < 2
                                || passage.tongue != tongue)
                    })
                })
        };
        // What a reader can compute from what is known needs no source.
        let is_known = |value: f64| {
            let held = passages.iter().flat_map(|passage| &passage.quantities).chain(&self.asked.quantities);
            held.into_iter().any(|(_, held)| held.written == value || held.value == value)
        };
        let mut shown = quantities::shown_sums(said, is_known);
        shown.extend(quantities::shown_series(said, is_known));
        let terms: Vec<&Quantity> =
            wanted.iter().flatten().filter(|wanted| is_said(wanted)).take(MAX_TERMS).collect();
        let is_computed = |wanted: &Quantity| {
            shown.contains(&wanted.written)
                || self.is_concluded(said, wanted)
                || self.is_share(wanted, &terms, passages)
        };
        wanted.iter().any(|readings| {
            let is_small =
                |wanted: &Quantity| wanted.written <= 1.0 && (wanted.unit == Unit::Count || wanted.in_words);
            !readings.iter().any(|wanted| is_small(wanted) || is_said(wanted) || is_computed(wanted))
        })
    }

    /// Whether a sentence says that an amount follows from the question's, and it does: by one step, with what else it says.
    fn is_concluded(&self, said: &str, wanted: &Quantity) -> bool {
        /// As far as `about two weeks` is from 15 days.
        const ABOUT: f64 = 0.1;
        if !FOLLOWS.is_match(said) {
            return false;
        }
        let mut terms: Vec<f64> =
            self.asked.quantities.iter().map(|(_, held)| held.value).take(MAX_TERMS).collect();
        let asked = terms.len();
        terms.extend(
            quantities::read(said)
                .concat()
                .iter()
                .map(|held| held.value)
                .filter(|value| *value != wanted.value),
        );
        terms.truncate(MAX_TERMS);
        let is_near = |value: f64| (value - wanted.value).abs() <= ABOUT * wanted.value.abs();
        terms.iter().take(asked).enumerate().any(|(at, one)| {
            is_near(*one)
                || terms.iter().enumerate().filter(|(other, _)| *other != at).any(|(_, other)| {
                    let steps =
                        [one + other, (one - other).abs(), one * other, one / other, one * other / 100.0];
                    steps.iter().any(|value| {
                        value.is_finite() && (value - wanted.value).abs() < 0.01 * wanted.value.abs()
                    })
                })
        })
    }

    /// Whether an amount is the share, the part or the changed whole of others of which the sentence tells at least one, which
    /// its sources have as well: `18,000 of 20,000 are 90 %`.
    fn is_share(&self, wanted: &Quantity, terms: &[&Quantity], passages: &[&Passage]) -> bool {
        /// As far as a rounded share is from the exact one.
        const ABOUT: f64 = 0.01;
        let held = passages.iter().flat_map(|passage| &passage.quantities).chain(&self.asked.quantities);
        let held: Vec<&Quantity> = held.map(|(_, held)| held).take(MAX_HELD).collect();
        let is_near = |value: f64| (value - wanted.value).abs() <= ABOUT * wanted.value.abs();
        let others = || terms.iter().filter(|term| term.value != wanted.value || term.unit != wanted.unit);
        let (is_share, is_amount) =
            (|term: &Quantity| term.unit == Unit::Percent, |term: &Quantity| term.unit == wanted.unit);
        if is_share(wanted) {
            return others().filter(|part| !is_share(part) && part.value > 1.0).any(|part| {
                let wholes =
                    held.iter().chain(terms).filter(|whole| whole.unit == part.unit && whole.value > 1.0);
                wholes
                    .map(|whole| 100.0 * part.value / whole.value)
                    .any(|share| share != 100.0 && is_near(share))
            });
        }
        others().filter(|share| is_share(share)).any(|share| {
            let of_whole = |whole: &&Quantity| is_near(whole.value * share.value / 100.0);
            let changed = |whole: &&&Quantity| {
                [1.0, -1.0].iter().any(|sign| is_near(whole.value * (1.0 + sign * share.value / 100.0)))
            };
            // The whole of a part that the sentence tells.
            let is_whole = |part: &&&Quantity| is_near(part.value * 100.0 / share.value);
            others().filter(|part| is_amount(part)).any(|part| is_whole(&part))
                || held.iter().filter(|whole| is_amount(whole)).any(of_whole)
                || others().filter(|whole| is_amount(whole)).any(|whole| of_whole(whole) || changed(&whole))
        })
    }

    /// Whether the clause of the passages that is most like one of a sentence denies it.
    fn is_denied(&self, said: &str, tongue: Tongue, passages: &[&Passage]) -> bool {
        for clause in clauses(said, tongue) {
            let Some(denies) = clause.denies.filter(|_| !is_quotation(clause.text)) else { continue };
            let words = self.unasked(&words::read(clause.text, tongue));
            let (mut same, mut opposite, mut weight) = (0.0f32, 0.0f32, 0.0);
            let is_foreign = passages.iter().all(|passage| passage.tongue != tongue);
            // Translations turn what they say more often.
            let (least, distance) = if is_foreign { (0.6, 0.3) } else { (0.5, 0.2) };
            for passage in passages {
                let scores = passage.clauses.scores(&words, passage.tongue == tongue);
                weight = scores.weight;
                for (at, (score, other)) in scores.of_texts.iter().zip(&passage.denies).enumerate() {
                    let share = score / scores.weight.max(f32::EPSILON);
                    match other {
                        Some(other) if *other != denies => {
                            // Of a clause that says much more, the denial may be about the rest.
                            if passage.clauses.is_about(at, scores.num_of_texts[at]) {
                                opposite = opposite.max(share);
                            }
                        }
                        _ => same = same.max(share),
                    }
                }
            }
            // Of a few words, translations share them with anything.
            let least_clause = if is_foreign { LEAST_FOREIGN_CLAUSE } else { LEAST_CLAUSE };
            if weight >= least_clause && opposite >= least && opposite >= same + distance {
                return true;
            }
        }
        false
    }

    /// Whether a name is a passage's with its place filled in: `robot-orders` of `robot-<namespace>`.
    fn fills_in(&self, name: &str) -> bool {
        name.rsplit_once('-').is_some_and(|(head, _)| {
            let place = format!("{head}-<");
            self.evidence.iter().any(|passage| passage.text.contains(&place))
        })
    }

    /// The words without those of the question, which need no source.
    fn unasked(&self, words: &Words) -> Words {
        let unasked = |words: &HashSet<String>| {
            words.iter().filter(|word| !self.asked.parts.has(word)).cloned().collect()
        };
        Words { shared: unasked(&words.shared), own: unasked(&words.own) }
    }

    fn shares(&self, words: &Words, tongue: Tongue, passages: &[&Passage], num_amounts: usize) -> Shares {
        // What the question says needs no source: it counts as found.
        let unasked = self.unasked(words);
        let is_foreign = passages.iter().all(|passage| passage.tongue != tongue);
        let of_amounts = if is_foreign { num_amounts as f32 } else { 0.0 };
        let asked = (words.shared.len() - unasked.shared.len()) as f32 + of_amounts;
        let words = unasked;
        let mut shares = Shares { is_same_tongue: false, of_part: 0.0, of_passage: 0.0, weight: 0.0 };
        for passage in passages {
            let is_same_tongue = passage.tongue == tongue;
            let scores = passage.parts.scores(&words, is_same_tongue);
            let weight = (scores.weight + asked).max(f32::EPSILON);
            let of_part = (scores.of_texts.iter().copied().fold(0.0, f32::max) + asked) / weight;
            let of_passage = (scores.of_all + asked) / weight;
            if of_part + of_passage >= shares.of_part + shares.of_passage {
                shares = Shares { is_same_tongue, of_part, of_passage, weight: scores.weight };
            }
        }
        shares
    }
}

/// A sentence without the clause at its beginning that says what the answer does not know.
fn known(said: &str) -> &str {
    UNKNOWN.find(said).map_or(said, |unknown| &said[unknown.end()..])
}

/// Whether a sentence is nothing but a command, which `commands/` judges.
fn is_command(said: &str) -> bool {
    let mut outside = said.split('`').step_by(2).flat_map(str::chars);
    !outside.any(char::is_alphabetic)
        && said.split('`').skip(1).step_by(2).any(|code| code.trim().contains(' '))
}

/// Addresses, and what stands for a secret.
static LEFT_OUT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"https?://[^\s)`]+|\[redacted:[a-z0-9-]+\]").expect("the pattern is valid"));

/// Whether a short sentence draws the conclusion of the one before.
fn concludes(said: &str) -> bool {
    const MAX_CHARS: usize = 60;
    // It says what something is, and tells nobody to do anything.
    said.chars().count() <= MAX_CHARS
        && CONCLUDES.is_match(said)
        && STATES.is_match(said)
        && prohibition::advised(said).is_empty()
}

/// Whether a sentence only points at other parts of the answer.
fn tells_of_itself(said: &str) -> bool {
    const MAX_CHARS: usize = 60;
    said.chars().count() <= MAX_CHARS
        && POINTS.is_match(said)
        && prohibition::advised(said).is_empty()
        && !ASSURES.is_match(said)
}

/// Actions that must not be made up, with the ideas that stand for them.
const GRAVE: [(&str, &[&str]); 3] = [
    ("delete", &["=delete", "=clear", "=kill", "=drain"]),
    ("restart", &["=reboot", "=recreate", "=kill", "=stop"]),
    ("drain", &["=drain", "=move"]),
];

/// Whether a sentence denies or forbids something, in whatever language it is.
pub(super) fn denies(said: &str) -> bool {
    passage::denies(said, Tongue::of(said, Tongue::English)) == Some(true)
}

/// The actions that a sentence advises, in whatever language it is.
pub(super) fn advises(said: &str) -> BTreeSet<String> {
    advised(said, Tongue::of(said, Tongue::English))
}

/// The actions that a sentence advises.
fn advised(said: &str, tongue: Tongue) -> BTreeSet<String> {
    let tells = || EFFECTS.is_match(said) || TELLS.is_match(said) && !ADVISES.is_match(said);
    match tongue != Tongue::English && tells() {
        true => BTreeSet::new(),
        false => prohibition::advised(said),
    }
}

/// Whether a sentence advises a grave action that no clause of the passages speaks of together with anything else of it.
fn is_unheard_of(said: &str, tongue: Tongue, passages: &[&Passage]) -> bool {
    /// Everything there is.
    const ALL: &str = "=all";
    clauses(known(said), tongue).into_iter().any(|clause| {
        let advised = advised(clause.text, tongue);
        if advised.is_empty() {
            return false;
        }
        let words = words::read(clause.text, tongue);
        GRAVE.iter().any(|(action, ideas)| {
            let is_other = |word: &&str| !ideas.contains(word) && *word != ALL;
            let others: Vec<&str> = words.shared.iter().map(String::as_str).filter(is_other).collect();
            // What is done to everything and nothing else is in no passage.
            let is_of_all = others.is_empty() && words.shared.contains(ALL);
            let is_told = advised.contains(*action)
                && (is_of_all || !others.is_empty())
                && (*action != "restart" || tongue == Tongue::English);
            let is_advised =
                |passage: &&Passage| passage.advised.iter().any(|advised| advised.contains(*action));
            let is_heard_of = !is_of_all
                && (passages.iter().any(is_advised)
                    || passages.iter().any(|passage| passage.clauses.have_both(ideas, &others)));
            is_told && !is_heard_of
        })
    })
}

/// Whether a sentence advises an action that the passages forbid rather than advise.
fn is_forbidden(said: &str, words: &Words, tongue: Tongue, passages: &[&Passage], asked: &Passage) -> bool {
    if passages.iter().all(|passage| passage.rules.is_empty()) {
        return false;
    }
    // A row or an item that allows it by name.
    if passages.iter().any(|passage| passage.permits(said)) {
        return false;
    }
    let lower = said.to_lowercase();
    let is_named = |name: &String| lower.contains(name.as_str()) || asked.names.has(name);
    if does_what_is_forbidden(said, words, passages) {
        return true;
    }
    let advised = advised(said, tongue);
    if advised.is_empty() {
        return false;
    }
    let classes = prohibition::object_classes(said);
    let is_conditional = prohibition::is_conditional(said);
    advised.iter().any(|action| {
        let (mut of_rules, mut of_advice) = (0.0f32, 0.0f32);
        for passage in passages {
            let scores = passage.forbidding.scores(words, passage.tongue == tongue);
            for (rule, score) in passage.rules.iter().zip(&scores.of_texts) {
                // In another language, only the object tells what a rule is about.
                let is_about = rule.classes.is_empty()
                    || (classes.is_empty() && passage.tongue == tongue)
                    || rule.classes.iter().any(|class| classes.contains(class));
                let is_forbidden =
                    rule.actions.iter().any(|forbidden| prohibition::forbids(forbidden, action));
                // A rule of an object that is named says nothing of others.
                let is_near =
                    passage.tongue == tongue || rule.names.is_empty() || rule.names.iter().any(&is_named);
                // In another language nothing but words would tell what it is about.
                let is_bare = passage.tongue != tongue && rule.classes.is_empty() && rule.names.is_empty();
                let is_any = rule.actions.iter().all(|action| action == prohibition::ANY);
                let least = if is_bare && is_any { LEAST_OF_UNKNOWN } else { LEAST_OF_RULE };
                let share = score / scores.weight.max(f32::EPSILON);
                let holds = is_about && is_near && is_forbidden && share >= least;
                if holds && !(is_conditional && rule.is_conditional) {
                    of_rules = of_rules.max(share);
                }
            }
            let scores = passage.clauses.scores(words, passage.tongue == tongue);
            for ((advised, denies), score) in
                passage.advised.iter().zip(&passage.denies).zip(&scores.of_texts)
            {
                if advised.contains(action) && *denies != Some(true) {
                    of_advice = of_advice.max(score / scores.weight.max(f32::EPSILON));
                }
            }
        }
        of_rules > of_advice
    })
}

/// Least share of a sentence that what a passage forbids has to have; more where the verb is one that no list knows.
const LEAST_OF_RULE: f32 = 0.3;
const LEAST_OF_UNKNOWN: f32 = 0.45;

/// Whether a sentence has a verb, outside of what it forbids itself, that the passages forbid and no list knows.
fn does_what_is_forbidden(said: &str, words: &Words, passages: &[&Passage]) -> bool {
    let outside = prohibition::words_outside(said);
    // What it forbids as well it does not tell to do, whatever else it says.
    let own: Vec<String> = prohibition::of_title(said).map(|own| own.actions).unwrap_or_default();
    passages.iter().any(|passage| {
        let scores = passage.forbidding.scores(words, true);
        passage.rules.iter().zip(&scores.of_texts).any(|(rule, score)| {
            if rule.actions.iter().any(|action| own.contains(action)) {
                return false;
            }
            let mut unknown = rule.actions.iter().filter(|action| !prohibition::is_known(action));
            !rule.is_conditional
                && score / scores.weight.max(f32::EPSILON) >= LEAST_OF_UNKNOWN
                && unknown.any(|action| outside.contains(action))
        })
    })
}

/// Whether a sentence forbids what the passages forbid too.
fn repeats_prohibition(said: &str, words: &Words, passages: &[&Passage]) -> bool {
    let Some(own) = prohibition::of_title(said) else { return false };
    passages.iter().any(|passage| {
        let scores = passage.forbidding.scores(words, false);
        passage.rules.iter().zip(&scores.of_texts).any(|(rule, score)| {
            let is_same = |one: &String, other: &String| {
                prohibition::forbids(one, other) || prohibition::forbids(other, one)
            };
            *score > 0.0 && rule.actions.iter().any(|one| own.actions.iter().any(|other| is_same(one, other)))
        })
    })
}

/// A clause that says less is not compared.
const LEAST_CLAUSE: f32 = 1.6;
const LEAST_FOREIGN_CLAUSE: f32 = 2.4;

/// A smaller number is no name.
const LEAST_NAMED: f64 = 1000.0;

/// Least score of a part for an amount to stand near what a sentence speaks of.
const LEAST_NEAR: f32 = 0.3;

/// How much of a sentence a passage has.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    is_same_tongue: bool,
    /// The best part's share.
    of_part: f32,
    /// The share of all parts together.
    of_passage: f32,
    /// How much there is to find.
    weight: f32,
}

/// Least sum of both shares, where sentence and passage have one language and where not. Fitted on one half of the sentences of
/// `eval/suites/support`, and so that no honest reply of `eval/suites/replies` is marked.
const LEAST_SHARES: f32 = 0.7;
const LEAST_FOREIGN_SHARES: f32 = 0.6;

/// What says less is judged by its words only where next to none of them stand there, or not at all.
const LEAST_WEIGHT: f32 = 2.5;
const LEAST_SHORT: f32 = 1.7;

impl Shares {
    fn are_low(self) -> bool {
        let (least, least_of_short) = match self.is_same_tongue {
            true => (LEAST_SHARES, LEAST_SHARES / 2.0),
            false => (LEAST_FOREIGN_SHARES, 0.0),
        };
        let found = self.of_part + self.of_passage;
        (self.weight >= LEAST_WEIGHT && found < least)
            || (self.weight >= LEAST_SHORT && found < least_of_short)
    }
}

/// Most amounts from which others may follow, and most of the sources' that they may follow from.
const MAX_TERMS: usize = 12;
const MAX_HELD: usize = 256;

/// The items that stand below a lead which forbids or denies, as `Do not:` does.
fn denied_items(block: &str, outline: &markdown::Outline) -> BTreeSet<usize> {
    /// As long as a heading.
    const MAX_CHARS: usize = 60;
    let leads = |text: &str| {
        let said = citations::resolve(text, |_| false).text;
        let said = said.trim_end_matches([' ', '*', '_', '\n']);
        let ends = said.ends_with(['.', '。', '!', '！', '?', '？', ';', '；']);
        DENIES.is_match(said) && (said.ends_with([':', '：']) || (!ends && said.chars().count() <= MAX_CHARS))
    };
    let mut denied = BTreeSet::new();
    let mut lead: Option<Option<usize>> = None;
    for leaf in &outline.leaves {
        match leaf.parent {
            Some(parent)
                if lead.is_some_and(|of| {
                    of != Some(parent) && (of.is_none() || outline.parents[parent] == of)
                }) =>
            {
                denied.insert(parent);
            }
            _ => {
                let is_lead = leaf.is_running_text && leads(&block[leaf.range.clone()]);
                lead = is_lead.then_some(leaf.parent);
            }
        }
    }
    denied
}

/// Where the sentences of a run stand, each with the citations behind it.
fn sentences(run: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for range in advice::sentences(run) {
        let text = &run[range.clone()];
        let led = led_by_citations(text);
        match found.last_mut() {
            Some(last) if led > 0 && run[last.end..range.start].trim().is_empty() => {
                last.end = range.start + led;
                found.push(range.start + led..range.end);
            }
            _ => found.push(range),
        }
    }
    // `Do this [1] 2.`: the number belongs to what follows.
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[\]`)）]\s+\d{1,2}[.)]\s*$").expect("the pattern is valid"));
    for range in &mut found {
        if let Some(number) = NUMBER.find(&run[range.clone()]) {
            range.end = range.start + number.start() + 1;
            range.end = run.ceil_char_boundary(range.end);
        }
    }
    found.retain(|range| run[range.clone()].contains(char::is_alphanumeric));
    found
}

/// The length of the citations that a text begins with.
fn led_by_citations(text: &str) -> usize {
    let mut rest = text.trim_start();
    while let Some(inner) = rest.strip_prefix('[') {
        match inner.split_once(']') {
            Some((n, after)) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = after.trim_start_matches([' ', '.', '。']);
            }
            _ => break,
        }
    }
    let led = text.len() - rest.len();
    if rest.len() == text.trim_start().len() { 0 } else { led }
}

#[cfg(test)]
mod tests;
