//! The subjects of a text: ideas that mean the same in every language that users write, and words of its own. The ideas
//! are data: `concepts.txt`. Pure, and linear in the text's length.

use kb::{
    analyzer::{self, Form, chinese::simplified, is_cjk, vietnamese},
    lists,
};
use std::{
    cmp::{Ordering, Reverse},
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// The language that a text is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// English, and every language that is not told apart.
    English,
    /// Chinese of either script.
    Chinese,
    Vietnamese,
    Indonesian,
}

/// Words that sentences of one language have many of, by which English and Indonesian are told apart.
const USUAL_WORDS: &str = include_str!("tongues.txt");

static TONGUES_OF_WORDS: LazyLock<HashMap<&'static str, Tongue>> =
    LazyLock::new(|| lists::pairs(USUAL_WORDS).map(|(word, tag)| (word, Tongue::of_tag(tag))).collect());

impl Tongue {
    /// The language that a tag names; English for those that are not told apart.
    pub fn of_tag(tag: &str) -> Self {
        match tag.split('-').next() {
            Some("zh") => Self::Chinese,
            Some("vi") => Self::Vietnamese,
            Some("id" | "ms") => Self::Indonesian,
            _ => Self::English,
        }
    }

    /// The language of a text; `usual` where it does not show.
    pub fn of(text: &str, usual: Self) -> Self {
        let (mut han, mut marked, mut latin) = (0, 0, 0);
        for character in text.chars() {
            match character {
                _ if is_cjk(character) => han += 1,
                'a'..='z' | 'A'..='Z' => latin += 1,
                _ if vietnamese::is_marked(character) => marked += 1,
                _ => {}
            }
        }
        if han >= 2 && han * 8 >= latin {
            return Self::Chinese;
        }
        if marked >= 2 && marked * 40 >= latin {
            return Self::Vietnamese;
        }
        let (mut indonesian, mut english) = (0, 0);
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let word = word.to_ascii_lowercase();
            match TONGUES_OF_WORDS.get(word.as_str()) {
                Some(Self::Indonesian) => indonesian += 1,
                Some(_) => english += 1,
                None => {}
            }
        }
        match indonesian.cmp(&english) {
            Ordering::Greater => Self::Indonesian,
            Ordering::Equal if usual == Self::Indonesian => usual,
            _ => Self::English,
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
            Self::Vietnamese => "vi",
            Self::Indonesian => "id",
        }
    }
}

/// The ideas and words of a text.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Ideas, names and words of technical English: they are compared whatever the languages are.
    pub shared: HashSet<String>,
    /// Words of its own language that no list knows: they are compared within that language only.
    pub own: HashSet<String>,
}

/// Terms of one language by their first word or character, the longest first, each with its idea.
type Terms = HashMap<String, Vec<(Vec<String>, &'static str)>>;

static CONCEPTS: LazyLock<HashMap<&'static str, Terms>> = LazyLock::new(|| {
    let mut concepts: HashMap<&'static str, Terms> = HashMap::new();
    for line in include_str!("concepts.txt").lines() {
        let mut columns = line.split('\t');
        let (Some(tag), Some(term), Some(idea)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        let parts: Vec<String> = match tag {
            "zh" => term.chars().map(|c| simplified(c).to_string()).collect(),
            _ => latin_words(term).into_iter().map(|word| word.key(tag == "en")).collect(),
        };
        if let Some(first) = parts.first().cloned() {
            concepts.entry(tag).or_default().entry(first).or_default().push((parts, idea));
        }
    }
    for terms in concepts.values_mut().flat_map(HashMap::values_mut) {
        terms.sort_by_key(|(parts, _)| Reverse(parts.len()));
    }
    concepts
});

/// Words that carry nothing, by language; negations are read elsewhere.
static EMPTY: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("empty.txt").lines().collect());

/// A word of a script with spaces.
struct LatinWord {
    start: usize,
    /// As it is written, lower case.
    surface: String,
    /// Its stem and the parts of a compound, the whole last.
    terms: Vec<String>,
}

impl LatinWord {
    fn key(self, is_english: bool) -> String {
        match self.terms.into_iter().next() {
            Some(stem) if is_english => stem,
            _ => self.surface,
        }
    }

    fn is_number(&self) -> bool {
        self.surface.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
    }
}

fn latin_words(text: &str) -> Vec<LatinWord> {
    let mut words: Vec<LatinWord> = Vec::new();
    for token in analyzer::tokens(text) {
        let surface = &text[token.start..token.end];
        if token.form != Form::Word || surface.starts_with(is_cjk) {
            continue;
        }
        match words.last_mut() {
            Some(last) if last.start == token.start => last.terms.push(token.term),
            _ => words.push(LatinWord {
                start: token.start,
                surface: surface.to_lowercase(),
                terms: vec![token.term],
            }),
        }
    }
    words
}

/// Reads what a text in a language speaks of.
pub fn read(text: &str, tongue: Tongue) -> Words {
    let mut words = Words::default();
    read_latin(text, tongue, &mut words);
    if text.contains(is_cjk) {
        read_chinese(text, &mut words);
    }
    words
}

fn read_latin(text: &str, tongue: Tongue, words: &mut Words) {
    let latin = latin_words(text);
    let english = &CONCEPTS["en"];
    let native = &CONCEPTS[tongue.tag()];
    let mut at = 0;
    while at < latin.len() {
        let word = &latin[at];
        let stem = &word.terms[0];
        let found = |terms: &Terms, is_english: bool| {
            let key = if is_english { stem } else { &word.surface };
            let candidates = terms.get(key)?;
            candidates.iter().find_map(|(parts, idea)| {
                let is_here = latin.len() >= at + parts.len()
                    && parts.iter().zip(&latin[at..]).all(|(part, word)| match is_english {
                        true => word.terms[0] == *part,
                        false => word.surface == *part,
                    });
                is_here.then_some((parts.len(), *idea))
            })
        };
        let of_native =
            (tongue != Tongue::English && tongue != Tongue::Chinese).then(|| found(native, false)).flatten();
        // A short word of another language may look like an English one.
        let may_be_english = matches!(tongue, Tongue::English | Tongue::Chinese)
            || (stem.len() > 3 && word.surface.is_ascii());
        let of_english = may_be_english.then(|| found(english, true)).flatten();
        // A compound is a name besides.
        if word.terms.len() > 1 {
            words.shared.extend(word.terms.iter().filter(|term| term.len() > 1).cloned());
        }
        match of_native.or(of_english) {
            Some((num_words, idea)) => {
                words.shared.insert(format!("={idea}"));
                at += num_words;
                continue;
            }
            None if word.terms.len() > 1 || word.is_number() => {}
            None if EMPTY.contains(word.surface.as_str()) || word.surface.len() < 2 => {}
            None => {
                let is_own = match tongue {
                    Tongue::English | Tongue::Chinese => false,
                    Tongue::Vietnamese | Tongue::Indonesian => {
                        word.surface.bytes().all(|byte| byte.is_ascii_lowercase()) || !word.surface.is_ascii()
                    }
                };
                match is_own {
                    true => words.own.insert(stem.clone()),
                    false => words.shared.insert(stem.clone()),
                };
            }
        }
        at += 1;
    }
}

fn read_chinese(text: &str, words: &mut Words) {
    let terms = &CONCEPTS["zh"];
    let characters: Vec<char> = text.chars().map(simplified).collect();
    let (mut at, mut before) = (0, None);
    while at < characters.len() {
        let character = characters[at];
        if !is_cjk(character) {
            before = None;
            at += 1;
            continue;
        }
        let found = terms.get(character.to_string().as_str()).and_then(|candidates| {
            candidates.iter().find(|(parts, _)| {
                characters.len() >= at + parts.len()
                    && parts.iter().zip(&characters[at..]).all(|(part, c)| part.chars().eq([*c]))
            })
        });
        match found {
            Some((parts, idea)) => {
                words.shared.insert(format!("={idea}"));
                before = None;
                at += parts.len();
            }
            None => {
                let is_empty = EMPTY.contains(character.to_string().as_str());
                if let Some(before) = before.filter(|_| !is_empty) {
                    words.own.insert([before, character].iter().collect());
                }
                before = (!is_empty).then_some(character);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_sorted_and_unique() {
        for (name, data) in
            [("concepts.txt", include_str!("concepts.txt")), ("empty.txt", include_str!("empty.txt"))]
        {
            let lines: Vec<&str> = data.lines().collect();
            assert!(lines.is_sorted_by(|a, b| a < b), "{name} is sorted and holds each line once");
        }
        assert_eq!(lists::unsorted(USUAL_WORDS), None);
        assert!(lists::pairs(USUAL_WORDS).all(|(_, tag)| ["en", "id"].contains(&tag)));
        let terms = include_str!("concepts.txt").lines().map(|line| line.rsplit_once('\t'));
        let terms: Vec<&str> = terms.map(|line| line.expect("three columns").0).collect();
        let distinct: HashSet<&str> = terms.iter().copied().collect();
        assert_eq!(distinct.len(), terms.len(), "a term stands for one idea");
    }

    #[test]
    fn ideas_are_the_same_in_every_language() {
        let check = |text: &str, tongue: Tongue, expected: &[&str]| {
            assert_eq!(Tongue::of(text, Tongue::English), tongue, "{text}");
            let words = read(text, tongue);
            for idea in expected {
                assert!(words.shared.contains(&format!("={idea}")), "{text}: {idea} in {words:?}");
            }
        };
        check(
            "Do not restart the node before the certificate has expired.",
            Tongue::English,
            &["reboot", "node", "certificate", "expire"],
        );
        check(
            "證書過期之前不要重新啟動節點。",
            Tongue::Chinese,
            &["reboot", "node", "certificate", "expire"],
        );
        check("证书过期之前不要重启节点。", Tongue::Chinese, &["reboot", "node", "certificate", "expire"]);
        check(
            "Đừng khởi động lại nút trước khi chứng chỉ hết hạn.",
            Tongue::Vietnamese,
            &["reboot", "node", "certificate", "expire"],
        );
        check(
            "Jangan mulai ulang simpul sebelum sertifikat kedaluwarsa.",
            Tongue::Indonesian,
            &["reboot", "node", "certificate", "expire"],
        );
    }
}
