//! The same question in the words of English documents, as far as a glossary of operations knows them. The default
//! embedding model reads no other language, and documents share few words across languages: a team that asks in one and
//! writes in another finds nothing. The vocabulary is data: `glossary.txt`. Entry point: [`in_english`].

use crate::analyzer::{chinese::simplified, is_cjk};
use rustc_hash::FxHashMap;
use std::{cmp::Reverse, sync::LazyLock};

/// A term as characters in lower case, Chinese ones simplified, with its English words.
struct Term {
    characters: Vec<char>,
    english: &'static str,
}

/// The terms by their first character, the longest first.
static TERMS: LazyLock<FxHashMap<char, Vec<Term>>> = LazyLock::new(|| {
    let mut terms: FxHashMap<char, Vec<Term>> = FxHashMap::default();
    for line in include_str!("glossary.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((term, english)) = line.split_once('\t').and_then(|(_, rest)| rest.split_once('\t')) else {
            continue;
        };
        let characters: Vec<char> = term.chars().map(simplified).collect();
        terms.entry(characters[0]).or_default().push(Term { characters, english });
    }
    terms.values_mut().for_each(|terms| terms.sort_by_key(|term| Reverse(term.characters.len())));
    terms
});

/// The text with every term of the glossary in English; all else stays, so that what is asked besides counts as before.
/// `None` where the glossary knows nothing of it.
pub(super) fn in_english(text: &str) -> Option<String> {
    let written: Vec<char> = text.chars().collect();
    let characters: Vec<char> =
        written.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).map(simplified).collect();
    let is_letter = |at: Option<&char>| at.is_some_and(|c| c.is_alphanumeric() && !is_cjk(*c));
    let (mut english, mut at, mut found) = (String::with_capacity(text.len()), 0, false);
    while at < characters.len() {
        let starts_word = is_cjk(characters[at]) || at == 0 || !is_letter(characters.get(at - 1));
        let term = starts_word.then(|| TERMS.get(&characters[at])).flatten().and_then(|terms| {
            terms.iter().find(|term| {
                characters[at..].starts_with(&term.characters)
                    && (is_cjk(characters[at]) || !is_letter(characters.get(at + term.characters.len())))
            })
        });
        match term {
            Some(term) => {
                found = true;
                english.push_str(&format!(" {} ", term.english));
                at += term.characters.len();
            }
            None => {
                english.push(written[at]);
                at += 1;
            }
        }
    }
    found.then_some(english)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{IdentifierKind, Question};
    use std::collections::HashSet;

    #[test]
    fn the_vocabulary_is_sorted_and_unique() {
        let lines: Vec<&str> =
            include_str!("glossary.txt").lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.is_sorted(), "sort glossary.txt");
        let mut seen = HashSet::new();
        for line in lines {
            let (tag, rest) = line.split_once('\t').expect("a language");
            let (term, english) = rest.split_once('\t').expect("English words");
            assert!(seen.insert((tag, term)) && english.is_ascii(), "{line}");
            assert!(term.chars().all(|c| simplified(c) == c), "{term} has a simplified form");
            // A rule holds for the names in the user's text, not for names that the glossary puts there.
            let question = Question::parse(english, None).expect("words");
            let names = |kind| question.named(kind).next().is_some();
            assert!(!names(IdentifierKind::Reason) && !names(IdentifierKind::Alert), "{line} names a reason");
        }
    }

    #[test]
    fn terms_become_english_and_the_rest_stays() {
        for (text, expected) in [
            ("节点磁盘压力怎么处理", Some("node disk pressure 怎么处理")),
            ("worker-9 磁碟壓力告警", Some("worker-9 disk pressure alert")),
            ("食堂的憑證", Some("食堂的 certificate")),
            ("Node bị áp lực đĩa", Some("Node bị disk pressure")),
            ("Sertifikat kedaluwarsa", Some("certificate expired")),
            ("nodes are down", None),
            ("memorial", None),
        ] {
            let found = in_english(text);
            let words = found.as_deref().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
            assert_eq!(words.as_deref(), expected, "{text}");
        }
    }
}
