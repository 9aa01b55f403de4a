//! Turns text into the terms of the lexical leg, the same way for passages and for questions.
//!
//! Operational text is full of identifiers, and people quote them whole, in parts, or in another case. So each word
//! gives its parts and itself: `kube-apiserver` gives `kube`, `apiserv` and `kube-apiserver`; `OOMKilled` gives
//! `oomkil`, `oom` and `kill`. Plain English words are stemmed (Porter 2) and the commonest are left out, but not
//! negations: a node that is not ready is another matter than a ready one. Short forms become the word they stand for:
//! `pvc` and `PersistentVolumeClaim` are one term. Whole compounds stay as they are. Chinese, Japanese and Korean text has
//! no spaces and gives overlapping pairs of characters, Traditional and Simplified Chinese in one form (`chinese`). A
//! Vietnamese syllable is a term with and without its marks, and with its neighbour (`vietnamese`).

pub mod chinese;
pub mod vietnamese;

use chinese::Unit;
use rust_stemmers::{Algorithm, Stemmer};
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};
use unicode_normalization::UnicodeNormalization;

/// Version of these rules. A change of what they emit must raise it: an index made by other rules is refused.
pub const VERSION: u32 = 4;

/// A term of the index: lower case, at most [`MAX_TERM_BYTES`] long.
pub type Term = String;

/// The length in bytes above which a term is dropped. People do not type longer ones, and most of them are encoded
/// data.
pub const MAX_TERM_BYTES: usize = 64;

/// Words shorter than this are not stemmed.
const MIN_STEMMED_BYTES: usize = 4;

/// English words that tell nothing about a failure.
static STOP_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    "a an and are as at be been being but by for from had has have if in into is it its of on or so such that \
     the their then there these they this to was were will with you your we our can may do does how what when where \
     which who why i he she his her them than also"
        .split_ascii_whitespace()
        .collect()
});

/// Short forms that people type for a word that documents write out, and the other way round. Both sides become one
/// term; only forms that mean one thing in operations are here. The names of resources are those that `kubectl
/// api-resources` lists as short names.
static WRITTEN_OUT: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    HashMap::from([
        ("authn", "authentication"),
        ("authz", "authorization"),
        ("cfg", "configuration"),
        ("conf", "configuration"),
        ("config", "configuration"),
        ("configs", "configuration"),
        ("cpus", "cpu"),
        ("crd", "customresourcedefinition"),
        ("crds", "customresourcedefinition"),
        ("db", "database"),
        ("dbs", "database"),
        ("deploy", "deployment"),
        ("env", "environment"),
        ("hpa", "horizontalpodautoscaler"),
        ("hpas", "horizontalpodautoscaler"),
        ("k8s", "kubernetes"),
        ("mem", "memory"),
        ("netpol", "networkpolicy"),
        ("ns", "namespace"),
        ("pdb", "poddisruptionbudget"),
        ("pdbs", "poddisruptionbudget"),
        ("postgres", "postgresql"),
        ("psp", "podsecuritypolicy"),
        ("psps", "podsecuritypolicy"),
        ("pv", "persistentvolume"),
        ("pvs", "persistentvolume"),
        ("pvc", "persistentvolumeclaim"),
        ("pvcs", "persistentvolumeclaim"),
        ("repo", "repository"),
        ("repos", "repository"),
        ("sts", "statefulset"),
        ("svc", "service"),
        ("vpa", "verticalpodautoscaler"),
    ])
});

/// The relation of a term to the word that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The word, a part of it, or a pair of characters.
    Word,
    /// A word without its marks: another word may be the same without them.
    Unmarked,
    /// Two syllables beside each other, without their marks.
    Pair,
}

/// A term and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The term as it is indexed and searched.
    pub term: Term,
    /// The relation of the term to its word.
    pub form: Form,
    /// First byte of the word it comes from.
    pub start: usize,
    /// The offset in bytes after the end of that word.
    pub end: usize,
    /// Number of the word within the text; the parts of one word share it.
    pub position: usize,
}

/// Splits a text into tokens, in order of appearance; a compound comes after its parts.
pub fn tokens(text: &str) -> Vec<Token> {
    analyse(text, false)
}

/// The tokens of a Vietnamese text, in which words without marks are syllables too: many type without any.
pub fn vietnamese_tokens(text: &str) -> Vec<Token> {
    analyse(text, true)
}

fn analyse(text: &str, is_vietnamese: bool) -> Vec<Token> {
    let mut sink = Sink {
        tokens: Vec::with_capacity(text.len() / 4),
        position: 0,
        stemmer: Stemmer::create(Algorithm::English),
        is_vietnamese,
        syllable: None,
    };
    let mut word: Option<(usize, usize)> = None;
    let mut run: Vec<Unit> = Vec::new();
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        if is_cjk(character) {
            sink.end_word(text, &mut word);
            run.push(Unit { character, start: at, end: next });
            continue;
        }
        sink.end_run(&mut run);
        if character.is_alphanumeric() || is_mark(character) {
            let start = word.map_or(at, |(start, _)| start);
            word = Some((start, next));
        } else if is_joiner(character) && word.is_some() && starts_word(&text[next..]) {
            // The joiner stays inside: `kube-apiserver`, `node.kubernetes.io`.
        } else {
            sink.end_word(text, &mut word);
        }
    }
    sink.end_word(text, &mut word);
    sink.end_run(&mut run);
    sink.tokens
}

/// The distinct terms of a text with the number of their occurrences, in order of first appearance.
pub fn term_counts(text: &str) -> Vec<(Term, u32)> {
    let mut counts: Vec<(Term, u32)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for Token { term, .. } in tokens(text) {
        match places.get(&term) {
            Some(&place) => {
                let (_, count): &mut (Term, u32) = &mut counts[place];
                *count += 1;
            }
            None => {
                places.insert(term.clone(), counts.len());
                counts.push((term, 1));
            }
        }
    }
    counts
}

/// The distinct terms of a text, in order of first appearance.
///
/// But for pairs of syllables no term reaches across white space, so a word that comes again is not analysed again: on
/// passages of documentation that is most of them.
pub fn distinct_terms(text: &str) -> Vec<Term> {
    let (mut words, mut seen) = (HashSet::new(), HashSet::new());
    let mut distinct = Vec::new();
    let mut add = |tokens: Vec<Token>| {
        for Token { term, .. } in tokens {
            if !seen.contains(&term) {
                seen.insert(term.clone());
                distinct.push(term);
            }
        }
    };
    if text.chars().any(vietnamese::is_marked) {
        add(tokens(text));
    } else {
        text.split_whitespace().filter(|word| words.insert(*word)).for_each(|word| add(tokens(word)));
    }
    distinct
}

struct Sink {
    tokens: Vec<Token>,
    position: usize,
    stemmer: Stemmer,
    /// Whether words without marks are syllables.
    is_vietnamese: bool,
    /// The last word, when it can be a syllable.
    syllable: Option<Syllable>,
}

/// A word that can be a syllable.
struct Syllable {
    is_marked: bool,
    start: usize,
    end: usize,
}

impl Sink {
    /// Adds a term that is whole already.
    fn push(&mut self, term: &str, start: usize, end: usize) {
        self.push_normalised(normalised(term), Form::Word, start, end);
    }

    fn push_normalised(&mut self, term: String, form: Form, start: usize, end: usize) {
        if !term.is_empty() && term.len() <= MAX_TERM_BYTES {
            self.tokens.push(Token { term, form, start, end, position: self.position });
        }
    }

    /// Adds a plain word: stemmed, unless it is a stop word.
    fn push_word(&mut self, word: &str, form: Form, start: usize, end: usize) {
        let term = normalised(word);
        if STOP_WORDS.contains(term.as_str()) {
            return;
        }
        let term = WRITTEN_OUT.get(term.as_str()).map_or(term, |word| (*word).to_owned());
        let plain = term.len() >= MIN_STEMMED_BYTES && term.bytes().all(|byte| byte.is_ascii_lowercase());
        let term = match plain {
            true => match indonesian_stem(&term) {
                Some(stem) => stem.to_owned(),
                None => self.stemmer.stem(&term).into_owned(),
            },
            false => term,
        };
        self.push_normalised(term, form, start, end);
    }

    /// Ends a run of CJK characters: its overlapping pairs; a lone character is a term of its own.
    fn end_run(&mut self, run: &mut Vec<Unit>) {
        if run.is_empty() {
            return;
        }
        chinese::unify(run);
        for pair in run.windows(run.len().min(2)) {
            let term: String = pair.iter().map(|unit| unit.character).collect();
            self.push(&term, pair[0].start, pair[pair.len() - 1].end);
            self.position += 1;
        }
        run.clear();
    }

    /// Ends a word, and emits its parts and the compound.
    fn end_word(&mut self, text: &str, word: &mut Option<(usize, usize)>) {
        let Some((start, end)) = word.take() else { return };
        let whole = &text[start..end];
        let is_marked = !whole.is_ascii() && whole.chars().any(vietnamese::is_marked);
        let (mut num_parts, mut num_humps) = (0, 0);
        for part in whole.split(is_joiner).filter(|part| !part.is_empty()) {
            num_parts += 1;
            self.push_word(part, Form::Word, start, end);
            if is_marked {
                self.push_word(&vietnamese::unmarked(part), Form::Unmarked, start, end);
            }
            let humps = humps(part);
            num_humps += humps.len();
            if humps.len() > 1 {
                for hump in humps {
                    self.push_word(hump, Form::Word, start, end);
                }
            }
        }
        if num_parts > 1 {
            self.push(whole, start, end);
        }
        let before = self.syllable.take();
        if num_humps == 1 && whole.len() <= vietnamese::MAX_SYLLABLE_BYTES {
            self.pair(text, before, Syllable { is_marked, start, end });
        }
        self.position += 1;
    }

    /// Adds a pair of syllables when one of them shows that they are Vietnamese; the second is remembered.
    fn pair(&mut self, text: &str, before: Option<Syllable>, syllable: Syllable) {
        if let Some(before) = before
            && (before.is_marked || syllable.is_marked || self.is_vietnamese)
            && matches!(&text[before.end..syllable.start], " " | "\u{a0}" | "\n")
            && let Some(first) = vietnamese::syllable(&text[before.start..before.end])
            && let Some(second) = vietnamese::syllable(&text[syllable.start..syllable.end])
        {
            let pair = format!("{first}{}{second}", vietnamese::PAIR);
            self.push_normalised(pair, Form::Pair, before.start, syllable.end);
        }
        self.syllable = Some(syllable);
    }
}

/// The stem of an Indonesian word that ends in `-kan` or `-nya`, which no English word of this length does:
/// `mengarsipkan`, `diarsipkan` and `arsipkan` are `arsip`.
fn indonesian_stem(word: &str) -> Option<&str> {
    const MIN_WORD: usize = 6;
    const MIN_STEM: usize = 4;
    if word.len() < MIN_WORD {
        return None;
    }
    let without_suffix = word.strip_suffix("kan").or_else(|| word.strip_suffix("nya"))?;
    let prefixes = ["meng", "meny", "mem", "men", "me", "di", "ter", "ber", "per"];
    let stems = prefixes.iter().filter_map(|prefix| without_suffix.strip_prefix(prefix));
    Some(stems.into_iter().find(|stem| stem.len() >= MIN_STEM).unwrap_or(without_suffix))
}

/// Compatibility forms composed, lower case; most words are ASCII and need no tables.
fn normalised(word: &str) -> String {
    match word.is_ascii() {
        true => word.to_ascii_lowercase(),
        false => word.nfkc().flat_map(char::to_lowercase).collect(),
    }
}

/// Splits `OOMKilled` into `OOM`, `Killed`; `maxSurge` into `max`, `Surge`. Digits stay with the letters before them;
/// the plural of an abbreviation (`PVCs`) is one word.
pub fn humps(part: &str) -> Vec<&str> {
    let abbreviation = part.strip_suffix('s').unwrap_or("");
    if abbreviation.len() >= 2 && abbreviation.chars().all(char::is_uppercase) {
        return vec![part];
    }
    let characters: Vec<(usize, char)> = part.char_indices().collect();
    let mut humps = Vec::new();
    let mut start = 0;
    for i in 1..characters.len() {
        let (at, current) = characters[i];
        let previous = characters[i - 1].1;
        let next_is_lower = characters.get(i + 1).is_some_and(|(_, next)| next.is_lowercase());
        if current.is_uppercase() && (!previous.is_uppercase() || next_is_lower) {
            humps.push(&part[start..at]);
            start = at;
        }
    }
    humps.push(&part[start..]);
    humps
}

/// A text with each CamelCase word written apart: embedding models know `crash loop`, not `CrashLoop`.
pub fn with_humps_apart(text: &str) -> String {
    let mut apart = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        apart.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        for (i, hump) in humps(&rest[..end]).into_iter().enumerate() {
            if i > 0 {
                apart.push(' ');
            }
            apart.push_str(hump);
        }
        rest = &rest[end..];
    }
    apart.push_str(rest);
    apart
}

fn is_joiner(character: char) -> bool {
    matches!(character, '-' | '_' | '.')
}

fn starts_word(rest: &str) -> bool {
    rest.chars().next().is_some_and(|next| next.is_alphanumeric() && !is_cjk(next))
}

/// Combining marks belong to the letter before them (decomposed Vietnamese).
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// Characters of scripts written without spaces between words.
pub fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, terms: &str) {
        let found: Vec<String> = tokens(text).into_iter().map(|token| token.term).collect();
        assert_eq!(found.join(" "), terms, "{text}");
    }

    #[test]
    fn words_give_their_parts_and_themselves() {
        check("the kube-apiserver", "kube apiserv kube-apiserver");
        check("OOMKilled", "oomkil oom kill");
        check("CrashLoopBackOff", "crashloopbackoff crash loop back off");
        check("maxSurge=1", "maxsurg max surg 1");
        check("k8s v1.30", "kubernet v1 30 v1.30");
        check("NotReady", "notreadi not readi");
        check(
            "node.kubernetes.io/not-ready:NoSchedule",
            "node kubernet io node.kubernetes.io not readi not-ready noschedul no schedul",
        );
    }

    #[test]
    fn short_forms_are_the_words_they_stand_for() {
        let whole = |text: &str| tokens(text).into_iter().next().map(|token| token.term);
        for (short, long) in [
            ("PVCs", "PersistentVolumeClaim"),
            ("hpa", "HorizontalPodAutoscaler"),
            ("config", "configuration"),
            ("k8s", "Kubernetes"),
            ("svc", "services"),
            ("sts", "StatefulSet"),
        ] {
            assert_eq!(whole(short), whole(long), "{short}");
        }
        for (short, long) in WRITTEN_OUT.iter() {
            assert!(!WRITTEN_OUT.contains_key(long), "{short}: {long} stands for something itself");
        }
    }

    #[test]
    fn words_with_humps_are_written_apart() {
        for (text, apart) in [
            ("KubePodCrashLooping", "Kube Pod Crash Looping"),
            ("see `OOMKilled` (exit 137), PVCs", "see `OOM Killed` (exit 137), PVCs"),
            ("節點 NotReady", "節點 Not Ready"),
        ] {
            assert_eq!(with_humps_apart(text), apart);
        }
    }

    #[test]
    fn terms_are_counted() {
        assert_eq!(term_counts("pod, Pods and a node"), [("pod".to_owned(), 2), ("node".to_owned(), 1)]);
    }

    #[test]
    fn distinct_terms_are_those_of_the_whole_text() {
        for text in [
            "the pod, the Pods and kube-apiserver kube-apiserver: OOMKilled\u{3000}OOMKilled",
            "節點未就緒 節點未就緒，Pod 記 憶體\n節點",
            "cafe\u{301} Sự cố ＰＯＤ not-ready \u{a0} NotReady",
            "",
        ] {
            let whole: Vec<Term> = term_counts(text).into_iter().map(|(term, _)| term).collect();
            assert_eq!(distinct_terms(text), whole, "{text}");
        }
    }

    #[test]
    fn text_without_spaces_gives_pairs() {
        check("节点未就绪", "节点 点未 未就 就绪");
        check("Pod 记", "pod 记");
        check("修复Pod问题", "修复 pod 问题");
    }

    #[test]
    fn both_chinese_scripts_are_one() {
        for (traditional, simplified) in [
            ("節點未就緒", "节点未就绪"),
            ("伺服器的記憶體不足", "服务器的内存不足"),
            ("網路介面逾時", "网络接口超时"),
            ("資料庫連線被拒絕", "数据库连接被拒绝"),
            ("磁碟空間", "磁盘空间"),
            ("叢集憑證", "集群证书"),
        ] {
            let terms = |text: &str| tokens(text).into_iter().map(|token| token.term).collect::<Vec<_>>();
            assert_eq!(terms(traditional), terms(simplified), "{traditional}");
        }
        let found = tokens("查伺服器");
        assert_eq!((found[0].start, found[0].end), (0, 12), "a word of three characters is three characters");
    }

    #[test]
    fn vietnamese_has_terms_without_marks_and_of_two_syllables() {
        check("mật khẩu", "mật mat khẩu khau mat_khau");
        check("máy in, tầng 3", "máy may_in tầng tang 3");
        check("kubelet ngừng", "kubelet ngừng ngung kubelet_ngung");
        check("cafe\u{301} in the bar", "café cafe cafe_in bar");
        check("pod is pending", "pod pend");
        let typed: Vec<Term> = vietnamese_tokens("mat khau").into_iter().map(|token| token.term).collect();
        assert_eq!(typed, ["mat", "khau", "mat_khau"]);
    }

    #[test]
    fn indonesian_affixes_do_not_matter() {
        check("mengarsipkan diarsipkan arsipkan", "arsip arsip arsip");
        check("dimatikan matikan saldonya", "mati mati saldo");
        check("menaikkan naikkan", "naik naik");
    }

    #[test]
    fn case_and_width_do_not_matter() {
        check("ＰＯＤ Sự cố", "pod sự su cố co su_co");
        check("", "");
        check("-- ... //", "");
    }

    #[test]
    fn encoded_data_is_dropped() {
        check(&"a".repeat(65), "");
    }

    #[test]
    fn offsets_are_those_of_the_word() {
        let text = "see kube-proxy.";
        for token in tokens(text).iter().skip(1) {
            assert_eq!(&text[token.start..token.end], "kube-proxy");
        }
    }
}
