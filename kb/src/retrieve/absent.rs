//! The names in a question that no document mentions, as an answer reports them.
//!
//! English words stand between spaces. Chinese has no spaces, so a word is a run of characters between such as
//! documents have. Vietnamese has spaces between syllables, so a word is a run of syllables that nowhere stand
//! together.

use super::{legs::Legs, signals::mentioned};
use crate::{
    analyzer::{self, Form, is_cjk},
    question::{IdentifierKind, Question, is_error_code},
};
use std::ops::Range;

/// Kinds of identifiers whose absence is worth telling; an object's name is in no document as a rule.
const NAMING: [IdentifierKind; 5] = [
    IdentifierKind::Component,
    IdentifierKind::Alert,
    IdentifierKind::Reason,
    IdentifierKind::Kind,
    IdentifierKind::ApiGroup,
];
/// The least characters of a word that counts as a name.
const MIN_WORD: usize = 4;
/// The least characters of a run that counts as a word.
const MIN_RUN: usize = 2;
/// A longer run of characters is a sentence; its beginning tells enough.
const MAX_RUN: usize = 10;
/// A run of more syllables is a sentence as well.
const MAX_SYLLABLES: usize = 4;
/// The most names that are reported; people do not read longer lists.
const MAX_ABSENT: usize = 3;

/// The names in the question that no document mentions: identifiers first, then plain words.
pub(super) fn absent(question: &Question, legs: &Legs) -> Vec<String> {
    let mentioned = mentioned(legs);
    let is_absent = |term: &str| mentioned.get(term) == Some(&false);
    let named = question.identifiers().iter().filter(|identifier| NAMING.contains(&identifier.kind));
    let named = named.map(|identifier| identifier.text.as_str()).filter(|text| {
        let terms: Vec<bool> = analyzer::distinct_terms(text).iter().map(|term| is_absent(term)).collect();
        is_word_absent(text, &terms)
    });
    let subject = question.subject();
    let words = absent_words(subject, question.is_vietnamese(), is_absent);
    let mut absent: Vec<String> = Vec::new();
    for text in named.chain(words.into_iter().map(|range| &subject[range])) {
        let is_known = |known: &String| known.to_lowercase().contains(&text.to_lowercase());
        if absent.len() < MAX_ABSENT && !absent.iter().any(is_known) {
            absent.push(text.to_owned());
        }
    }
    absent
}

/// Whether no document has a word, by whether none has each of its terms, in order. A CamelCase word is one name, which
/// comes first of its terms: documents may have parts of it and not know it.
fn is_word_absent(word: &str, terms: &[bool]) -> bool {
    let is_one_name = !word.contains(['-', '_', '.', '/']) && terms.len() > 2;
    match terms {
        [] => false,
        // A code is one name, which comes last: documents have its letters of other codes.
        [.., name] if is_error_code(word) => *name,
        [name, parts @ ..] if is_one_name => *name && parts.contains(&true),
        terms => terms.iter().all(|is_absent| *is_absent),
    }
}

/// A part of the text and whether no document has it.
struct Piece {
    range: Range<usize>,
    is_absent: bool,
}

/// The words of a text that no document has, in order.
fn absent_words(text: &str, is_vietnamese: bool, is_absent: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let tokens = if is_vietnamese { analyzer::vietnamese_tokens(text) } else { analyzer::tokens(text) };
    let (mut words, mut characters, mut syllables) =
        (Vec::<(Range<usize>, Vec<bool>)>::new(), Vec::new(), Vec::new());
    for token in tokens {
        let range = token.start..token.end;
        let piece = Piece { is_absent: is_absent(&token.term), range };
        match token.form {
            Form::Unmarked => {}
            Form::Pair => syllables.push(piece),
            Form::Word if text[piece.range.clone()].chars().all(is_cjk) => characters.push(piece),
            Form::Word => match words.last_mut() {
                Some((word, terms)) if *word == piece.range => terms.push(piece.is_absent),
                _ => words.push((piece.range, vec![piece.is_absent])),
            },
        }
    }
    let length = |range: &Range<usize>| text[range.clone()].chars().count();
    let is_name = |range: &Range<usize>| {
        let word = &text[range.clone()];
        word.chars().any(char::is_alphabetic) && (length(range) >= MIN_WORD || !word.is_ascii())
    };
    let absent =
        words.into_iter().filter(|(word, terms)| is_word_absent(&text[word.clone()], terms) && is_name(word));
    let absent: Vec<Range<usize>> = absent.map(|(word, _)| word).collect();

    let mut compounds = Vec::new();
    for run in runs(&syllables) {
        let is_told = run.is_whole || absent.iter().any(|word| within(word, &run.range));
        if is_told {
            let mut ends = text[run.range.clone()].match_indices(' ').map(|(at, _)| run.range.start + at);
            let end = ends.nth(MAX_SYLLABLES - 1).unwrap_or(run.range.end);
            compounds.push(run.range.start..end);
        }
    }
    let alone = absent.into_iter().filter(|word| !compounds.iter().any(|compound| within(word, compound)));
    let mut all: Vec<Range<usize>> = alone.collect();
    for run in runs(&characters).into_iter().filter(|run| length(&run.range) >= MIN_RUN) {
        let mut ends = text[run.range.clone()].char_indices().map(|(at, _)| run.range.start + at);
        all.push(run.range.start..ends.nth(MAX_RUN).unwrap_or(run.range.end));
    }
    all.extend(compounds);
    all.sort_by_key(|range| range.start);
    all
}

fn within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Overlapping pairs that are absent, together, but for what a pair beside them shares that is not absent.
struct Run {
    range: Range<usize>,
    /// Whether no pair beside it overlaps.
    is_whole: bool,
}

fn runs(pairs: &[Piece]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < pairs.len() {
        let begin = at;
        while at < pairs.len()
            && pairs[at].is_absent
            && (at == begin || pairs[at].range.start < pairs[at - 1].range.end)
        {
            at += 1;
        }
        if at == begin {
            at += 1;
            continue;
        }
        let (first, last) = (&pairs[begin].range, &pairs[at - 1].range);
        let before = pairs[..begin].last().map(|pair| pair.range.end).filter(|end| *end > first.start);
        let after = pairs[at..].first().map(|pair| pair.range.start).filter(|start| *start < last.end);
        let (start, end) = (before.unwrap_or(first.start), after.unwrap_or(last.end));
        if start < end {
            runs.push(Run { range: start..end, is_whole: before.is_none() && after.is_none() });
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that are reported missing of a text if documents have these terms.
    fn check(text: &str, is_vietnamese: bool, known: &str, told: &[&str]) {
        let known: Vec<&str> = known.split_whitespace().collect();
        let words = absent_words(text, is_vietnamese, |term| !known.contains(&term));
        let words: Vec<&str> = words.into_iter().map(|range| text[range].trim()).collect();
        assert_eq!(words, told, "{text}");
    }

    #[test]
    fn words_are_told_whole() {
        check("TikvSchedulerLatency and the kube-apiserver", false, "kube", &["TikvSchedulerLatency"]);
        check("TikvSchedulerLatency", false, "schedul latenc", &["TikvSchedulerLatency"]);
        check("SchedulerLatency", false, "schedul latenc", &[]);
        check("打印机无法打印", false, "无法", &["打印机", "打印"]);
        check("磁盘告警", false, "磁盘 盘告 告警", &[]);
        check("Máy in tầng 3", true, "máy", &["Máy in tầng"]);
        check("mật khẩu máy chủ", true, "máy chủ may_chu", &["mật khẩu"]);
        check("máy chủ đầy", true, "máy chủ đầy may_chu", &[]);
        check("bánh mì", true, "", &["bánh mì"]);
    }
}
