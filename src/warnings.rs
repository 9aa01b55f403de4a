//! What must be read before any answer: prohibitions of documents whose rule names the object, and documents whose rule
//! may be about an object behind a masked name. Said whoever wrote the answer. Pure.

use crate::{
    answer::Citation,
    checks::markup,
    evidence::{Evidence, untranslated},
    markdown::{Unit, sentences, units},
    phrases::{self, Phrases},
    quote::{Quote, STEP_CHARS, first_sentences},
    text::clipped,
};
use kb::question::Question;
use std::collections::HashSet;

/// What must be read before anything else.
pub struct Warnings<'a> {
    /// Prohibitions of documents whose rule names this very object.
    holding: Vec<Quote<'a>>,
    /// Documents whose rule may be about the object behind a masked name.
    possible: Vec<Quote<'a>>,
}

/// Words that forbid, lower case.
const FORBIDDING: [&str; 14] = [
    "do not",
    "don't",
    "never",
    "must not",
    "nobody",
    "no exception",
    "不要",
    "不得",
    "禁止",
    "切勿",
    "không được",
    "đừng",
    "jangan",
    "dilarang",
];

/// The warnings of the evidence, a document once, best first; of a document and its translation the one that the asker
/// reads.
pub fn warnings<'a>(evidence: &'a [Evidence], document: &'a [Evidence], question: &Question) -> Warnings<'a> {
    let is_readable = |passage: &Evidence| {
        passage.language.as_ref().is_some_and(|tag| phrases::is_same_language(tag, &question.language().0))
    };
    let mut ruled: Vec<&Evidence> =
        evidence.iter().chain(document).filter(|passage| passage.rule.is_some()).collect();
    ruled.sort_by_key(|passage| !is_readable(passage));
    let mut seen = HashSet::new();
    ruled.retain(|passage| seen.insert(untranslated(&passage.document)));
    ruled.sort_by_key(|passage| passage.n);

    let mut warnings = Warnings { holding: Vec::new(), possible: Vec::new() };
    for passage in ruled {
        let names_object = passage.rule.as_ref().is_some_and(|rule| {
            let rule = &rule.rule;
            !rule.name.is_empty() || !rule.namespace.is_empty()
        });
        let of_document = evidence.iter().chain(document).filter(|other| other.document == passage.document);
        let prohibition = of_document
            .flat_map(|other| units(&other.text).into_iter().map(move |unit| (unit, other)))
            .find_map(|(unit, other)| match unit {
                Unit::Warning(text) => Some((text, other)),
                _ => None,
            });
        if passage.may_apply() {
            let mut text = markup::plain(&passage.title);
            let mut from = passage;
            if let Some((prohibition, other)) = &prohibition
                && let Some(first) = sentences(prohibition).first().filter(|first| forbids(first))
            {
                text.push_str(&format!(" ({})", clipped(first, STEP_CHARS).trim_end_matches(['.', '。'])));
                from = other;
            }
            warnings.possible.push(Quote { text, from });
        } else if names_object && let Some((text, from)) = prohibition {
            warnings.holding.push(Quote { text: first_sentences(&text, STEP_CHARS), from });
        }
    }
    warnings
}

/// Whether a sentence forbids something.
pub fn forbids(sentence: &str) -> bool {
    let sentence = sentence.to_lowercase();
    FORBIDDING.iter().any(|word| sentence.contains(word))
}

impl Warnings<'_> {
    /// The warnings as lines, their sources numbered by `number`.
    pub fn lines(&self, phrases: &Phrases, mut number: impl FnMut(&Evidence) -> usize) -> Vec<String> {
        let Phrases { warning, behind_mask, colon, full_stop, .. } = phrases;
        let mut lines: Vec<String> = self
            .holding
            .iter()
            .map(|quote| format!("{warning}{colon}{} [{}]", quote.text, number(quote.from)))
            .collect();
        if !self.possible.is_empty() {
            let listed: Vec<String> = self
                .possible
                .iter()
                .map(|quote| format!("{} [{}]", quote.text, number(quote.from)))
                .collect();
            lines.push(format!("{warning}{colon}{behind_mask}{colon}{}{full_stop}", listed.join("; ")));
        }
        lines
    }
}

/// The warnings whose documents a text does not cite: for a model's answer, so that the team's prohibitions never depend
/// on the model. Numbers are the evidence's own.
pub fn missing(
    evidence: &[Evidence],
    cited: &[Citation],
    question: &Question,
) -> (Vec<String>, Vec<Citation>) {
    let mut missing = warnings(evidence, &[], question);
    let is_cited = |quote: &Quote<'_>| cited.iter().any(|citation| citation.document == quote.from.document);
    // What a rule forbids is said whatever the model made of it: citing a prohibition is not keeping it.
    missing.possible.retain(|quote| !is_cited(quote));
    let mut citations: Vec<Citation> = Vec::new();
    let lines = missing.lines(phrases::phrases(question.language()), |from| {
        if !citations.iter().any(|citation| citation.n == from.n) {
            citations.push(Citation::of(from));
        }
        from.n
    });
    (lines.iter().map(|line| markup::clean(line, &[])).collect(), citations)
}
