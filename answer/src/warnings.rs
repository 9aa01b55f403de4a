//! The warnings before any answer: prohibitions of documents whose rule names the object, and documents whose rule may
//! be about an object behind a masked name. They are shown with a model's answer as with a quotation. Pure.
//!
//! The prohibitions of a passage were found when it was read (`kb::prohibition`); here they are chosen, put in order
//! and written.

use crate::{
    answer::Citation,
    checks::markup,
    evidence::Evidence,
    format::Format,
    phrases::{self, Phrases},
    quote::{Quote, STEP_CHARS, push_sentence},
    text::{clipped, num_chars},
};
use kb::{
    document::untranslated,
    prohibition::{self, Prohibition},
    question::Question,
};
use std::collections::HashSet;

/// The warnings that come before an answer.
pub struct Warnings<'a> {
    /// Prohibitions of documents whose rule names this very object.
    holding: Vec<Quote<'a>>,
    /// Documents whose rule may be about the object behind a masked name.
    possible: Vec<Quote<'a>>,
    /// Most characters that a client asked for.
    max_chars: Option<usize>,
}

/// Most prohibitions that a text repeats; how many more there are is said, and the JSON field has them all.
const MAX_HOLDING: usize = 24;
/// A prohibition is not shortened to less under a client's limit.
const MIN_WARNING_CHARS: usize = 60;
/// Nor is the first, which says most.
const MIN_FIRST_CHARS: usize = 120;

/// The warnings of the evidence, best document first; of a document and its translation the one that the asker reads,
/// if it forbids anything.
pub fn warnings<'a>(
    evidence: &'a [Evidence],
    document: &'a [Evidence],
    question: &Question,
    format: &Format,
) -> Warnings<'a> {
    let is_readable = |passage: &Evidence| {
        passage.language.as_ref().is_some_and(|tag| phrases::is_same_language(tag, &question.language().0))
    };
    let of_document = |id: &str| {
        let mut passages: Vec<&Evidence> =
            evidence.iter().chain(document).filter(|passage| passage.document == id).collect();
        // The same passage may be there twice; that with a number comes first.
        passages.sort_by_key(|passage| (ordinal(passage), passage.n == 0));
        passages
    };
    let mut ruled: Vec<&Evidence> =
        evidence.iter().chain(document).filter(|passage| passage.rule.is_some()).collect();
    let forbids = |passage: &Evidence| {
        of_document(&passage.document).iter().any(|passage| !passage.prohibitions.is_empty())
    };
    ruled.sort_by_cached_key(|passage| (!forbids(passage), !is_readable(passage)));
    let mut seen = HashSet::new();
    ruled.retain(|passage| seen.insert(untranslated(&passage.document)));
    ruled.sort_by_key(|passage| passage.n);

    let mut warnings = Warnings { holding: Vec::new(), possible: Vec::new(), max_chars: format.max_chars };
    let mut told: HashSet<&str> = HashSet::new();
    for passage in ruled {
        let prohibitions = of_document(&passage.document).into_iter().flat_map(|from| {
            from.prohibitions.iter().map(move |prohibition: &'a Prohibition| (prohibition, from))
        });
        if passage.may_apply() {
            let mut text = markup::plain(&passage.title);
            let mut from = passage;
            if let Some((first, other)) =
                prohibitions.into_iter().find(|(found, _)| !found.actions.is_empty())
            {
                text.push_str(&format!(
                    " ({})",
                    clipped(&first.text, STEP_CHARS).trim_end_matches(['.', '。'])
                ));
                from = other;
            }
            warnings.possible.push(Quote { text, from });
        } else if passage.rules_object() {
            let new = prohibitions.filter(|(prohibition, _)| told.insert(&prohibition.text));
            warnings
                .holding
                .extend(new.map(|(prohibition, from)| Quote { text: prohibition.text.clone(), from }));
        }
    }
    warnings
}

/// A passage's place in its document.
fn ordinal(passage: &Evidence) -> usize {
    passage.chunk.rsplit('#').next().and_then(|ordinal| ordinal.parse().ok()).unwrap_or(usize::MAX)
}

impl Warnings<'_> {
    /// The warnings as lines, their sources numbered by `number`. Under a client's limit each is shortened, none is
    /// left out.
    pub fn lines(&self, phrases: &Phrases, mut number: impl FnMut(&Evidence) -> usize) -> Vec<String> {
        let Phrases { warning, behind_mask, colon, full_stop, .. } = phrases;
        let shared = |max_chars: usize| max_chars / self.holding.len().max(1);
        let room = |is_first: bool| match self.max_chars {
            Some(max_chars) => shared(max_chars).clamp(MIN_WARNING_CHARS, STEP_CHARS).max(match is_first {
                true => MIN_FIRST_CHARS,
                false => 0,
            }),
            None => STEP_CHARS,
        };
        let mut lines: Vec<String> = Vec::new();
        let mut rest = &self.holding[..self.holding.len().min(MAX_HOLDING)];
        while let [first, ..] = rest {
            // The prohibitions of one passage are one line.
            let end =
                rest.iter().position(|quote| quote.from.chunk != first.from.chunk).unwrap_or(rest.len());
            let mut said = String::new();
            for quote in &rest[..end] {
                let is_first = lines.is_empty() && said.is_empty();
                push_sentence(&mut said, &ended(&shortened(&quote.text, room(is_first)), full_stop));
            }
            lines.push(format!("{warning}{colon}{said} [{}]", number(first.from)));
            rest = &rest[end..];
        }
        let num_more = self.holding.len().saturating_sub(MAX_HOLDING);
        if let Some(next) = self.holding.get(MAX_HOLDING) {
            lines.push(format!("{warning}{colon}+{num_more} [{}]", number(next.from)));
        }
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

/// A sentence with its end.
fn ended(sentence: &str, full_stop: &str) -> String {
    match sentence.ends_with(['.', '!', '?', '。', '！', '？', '…', ':', '：']) {
        true => sentence.to_owned(),
        false => format!("{sentence}{full_stop}"),
    }
}

/// A prohibition within a length: what stands before the words that forbid goes first.
fn shortened(sentence: &str, max_chars: usize) -> String {
    let length = num_chars(sentence);
    if length <= max_chars {
        return sentence.to_owned();
    }
    let begins = (prohibition::begins_at(sentence) * length as f32) as usize;
    if begins + 20 < max_chars {
        return clipped(sentence, max_chars);
    }
    // Where the two texts differ in length the place is a little off: a few words before it are kept.
    let start = sentence.char_indices().nth(begins.saturating_sub(20)).map_or(0, |(at, _)| at);
    let start =
        sentence[start..].find(char::is_whitespace).filter(|at| *at < 20).map_or(start, |at| start + at);
    format!("…{}", clipped(sentence[start..].trim_start(), max_chars))
}

/// The prohibitions of the object's documents, sentence by sentence: the answer's field.
pub fn told(evidence: &[Evidence], question: &Question) -> Vec<String> {
    let warnings = warnings(evidence, &[], question, &Format::default());
    warnings.holding.iter().map(|quote| markup::clean(&quote.text, &[])).collect()
}

/// The warnings for a model's answer, so that the team's prohibitions never depend on the model. A warning about an
/// object that may be behind a mask is left out where the text cites its document. Numbers are the evidence's own.
pub fn missing(
    evidence: &[Evidence],
    cited: &[Citation],
    question: &Question,
    format: &Format,
) -> (Vec<String>, Vec<Citation>) {
    let mut missing = warnings(evidence, &[], question, format);
    let is_cited = |quote: &Quote<'_>| cited.iter().any(|citation| citation.document == quote.from.document);
    // A rule's prohibition is shown even where the model cites it: citing a prohibition is not keeping it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_sentence_keeps_what_forbids() {
        for (sentence, expected) in [
            ("Never touch it.", "Never touch it."),
            (
                "Do not restart it while the clearing run is active, which is from 20:00 to 10:00 of the next day.",
                "Do not restart it while the clearing run is active, which…",
            ),
            (
                "Outside that window the state is not normal, and still nobody but the owner touches it.",
                "…and still nobody but the owner touches it.",
            ),
        ] {
            assert_eq!(shortened(sentence, 60), expected);
        }
    }
}
