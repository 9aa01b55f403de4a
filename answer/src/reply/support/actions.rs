//! The actions that a sentence advises, forbids and denies, compared with the passages.

use super::{
    Support, known,
    passage::{self, Passage, clauses, is_quotation},
    wordings::{ADVISES, EFFECTS, TELLS},
    words::{self, Tongue, Words},
};
use kb::prohibition;
use std::collections::BTreeSet;

/// A clause that says less is not compared.
const LEAST_CLAUSE: f32 = 1.6;
const LEAST_FOREIGN_CLAUSE: f32 = 2.4;

/// Actions that must not be made up, with the ideas that stand for them.
const GRAVE: [(&str, &[&str]); 3] = [
    ("delete", &["=delete", "=clear", "=kill", "=drain"]),
    ("restart", &["=reboot", "=recreate", "=kill", "=stop"]),
    ("drain", &["=drain", "=move"]),
];

/// Whether a sentence denies or forbids something, in whatever language it is.
pub fn denies(said: &str) -> bool {
    passage::denies(said, Tongue::of(said, Tongue::English)) == Some(true)
}

/// The actions that a sentence advises, in whatever language it is.
pub fn advises(said: &str) -> BTreeSet<String> {
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

/// Whether a sentence advises a grave action that no clause of the passages speaks of together with anything else of
/// it.
pub fn is_unheard_of(said: &str, tongue: Tongue, passages: &[&Passage]) -> bool {
    /// The idea of `all`.
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
            // An action on everything, with no other object, cannot be found in a passage.
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
pub fn is_forbidden(
    said: &str,
    words: &Words,
    tongue: Tongue,
    passages: &[&Passage],
    asked: &Passage,
) -> bool {
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
    // A sentence that forbids an action itself does not tell the reader to do it.
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
pub fn repeats_prohibition(said: &str, words: &Words, passages: &[&Passage]) -> bool {
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

impl Support<'_> {
    /// Whether the clause of the passages that is most like one of a sentence denies it.
    pub(super) fn is_denied(&self, said: &str, tongue: Tongue, passages: &[&Passage]) -> bool {
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
}
