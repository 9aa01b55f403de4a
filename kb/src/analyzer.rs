//! Turns text into the terms of the lexical leg, the same way for passages and for questions.
//!
//! Operational text is full of identifiers, and people quote them whole, in parts, or in another case. So each word
//! gives its parts and itself: `kube-apiserver` gives `kube`, `apiserver` and `kube-apiserver`; `OOMKilled` gives
//! `oomkilled`, `oom` and `killed`. Chinese, Japanese and Korean text has no spaces and gives overlapping pairs of
//! characters.

use unicode_normalization::UnicodeNormalization;

/// Version of these rules. A change of what they emit must raise it: an index made by other rules is refused.
pub const VERSION: u32 = 1;

/// A term of the index: lower case, at most [`MAX_TERM_BYTES`] long.
pub type Term = String;

/// Longer terms are dropped: nobody types them, and they are mostly encoded data.
pub const MAX_TERM_BYTES: usize = 64;

/// A term and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The term.
    pub term: Term,
    /// First byte of the word it comes from.
    pub start: usize,
    /// One past the last byte of that word.
    pub end: usize,
    /// Number of the word within the text; the parts of one word share it.
    pub position: usize,
}

/// Splits a text into tokens, in order of appearance; a word's own form comes after its parts.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut sink = Sink { tokens: Vec::with_capacity(text.len() / 4), position: 0 };
    let mut word: Option<(usize, usize)> = None;
    let mut cjk: Option<(usize, char)> = None;
    let mut cjk_run = 0usize;
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        if is_cjk(character) {
            sink.end_word(text, &mut word);
            if let Some((from, previous)) = cjk {
                sink.push_cjk(&[previous, character], from, next);
            }
            cjk = Some((at, character));
            cjk_run += 1;
            continue;
        }
        sink.end_cjk(&mut cjk, &mut cjk_run);
        if character.is_alphanumeric() || is_mark(character) {
            let start = word.map_or(at, |(start, _)| start);
            word = Some((start, next));
        } else if is_joiner(character) && word.is_some() && starts_word(&text[next..]) {
            // The joiner stays inside: `kube-apiserver`, `node.kubernetes.io/not-ready`.
        } else {
            sink.end_word(text, &mut word);
        }
    }
    sink.end_word(text, &mut word);
    sink.end_cjk(&mut cjk, &mut cjk_run);
    sink.tokens
}

/// The distinct terms of a text, in order of first appearance.
pub fn distinct_terms(text: &str) -> Vec<Term> {
    let mut seen = std::collections::HashSet::new();
    tokens(text).into_iter().map(|token| token.term).filter(|term| seen.insert(term.clone())).collect()
}

struct Sink {
    tokens: Vec<Token>,
    position: usize,
}

impl Sink {
    fn push(&mut self, term: &str, start: usize, end: usize) {
        let term: String = term.nfkc().flat_map(char::to_lowercase).collect();
        if term.is_empty() || term.len() > MAX_TERM_BYTES {
            return;
        }
        self.tokens.push(Token { term, start, end, position: self.position });
    }

    fn push_cjk(&mut self, characters: &[char], start: usize, end: usize) {
        let term: String = characters.iter().collect();
        self.push(&term, start, end);
        self.position += 1;
    }

    /// Ends a run of CJK characters; a lone one is a term of its own.
    fn end_cjk(&mut self, last: &mut Option<(usize, char)>, run: &mut usize) {
        if let (Some((at, character)), 1) = (last.take(), *run) {
            self.push_cjk(&[character], at, at + character.len_utf8());
        }
        *run = 0;
    }

    /// Ends a word, and emits its parts and its compounds.
    fn end_word(&mut self, text: &str, word: &mut Option<(usize, usize)>) {
        let Some((start, end)) = word.take() else { return };
        let whole = &text[start..end];
        // A path or an API group with a name: its components are compounds in their own right.
        let mut num_components = 0;
        for component in whole.split(['/', ':']).filter(|component| !component.is_empty()) {
            num_components += 1;
            let mut num_parts = 0;
            for part in component.split(is_joiner).filter(|part| !part.is_empty()) {
                num_parts += 1;
                let humps = humps(part);
                if humps.len() > 1 {
                    for hump in &humps {
                        self.push(hump, start, end);
                    }
                }
                self.push(part, start, end);
            }
            if num_parts > 1 {
                self.push(component, start, end);
            }
        }
        if num_components > 1 {
            self.push(whole, start, end);
        }
        self.position += 1;
    }
}

/// Splits `OOMKilled` into `OOM`, `Killed`; `maxSurge` into `max`, `Surge`. Digits stay with the letters before them.
fn humps(part: &str) -> Vec<&str> {
    let characters: Vec<(usize, char)> = part.char_indices().collect();
    let mut humps = Vec::new();
    let mut start = 0;
    for i in 1..characters.len() {
        let (at, current) = characters[i];
        let previous = characters[i - 1].1;
        let next_is_lower = characters.get(i + 1).is_some_and(|(_, next)| next.is_lowercase());
        let starts_hump = current.is_uppercase() && (!previous.is_uppercase() || next_is_lower);
        if starts_hump {
            humps.push(&part[start..at]);
            start = at;
        }
    }
    humps.push(&part[start..]);
    // `PVCs` is `PVC` in the plural, not `PV` and `Cs`.
    if humps.len() > 1 && humps.iter().any(|hump| hump.len() == 2 && hump.ends_with('s')) {
        return vec![part];
    }
    humps
}

fn is_joiner(character: char) -> bool {
    matches!(character, '-' | '_' | '.' | '/' | ':')
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
        check("the kube-apiserver", "the kube apiserver kube-apiserver");
        check("OOMKilled", "oom killed oomkilled");
        check("CrashLoopBackOff", "crash loop back off crashloopbackoff");
        check("maxSurge=1", "max surge maxsurge 1");
        check("PVCs", "pvcs");
        check("k8s v1.30", "k8s v1 30 v1.30");
        check(
            "node.kubernetes.io/not-ready:NoSchedule",
            "node kubernetes io node.kubernetes.io not ready not-ready no schedule noschedule \
             node.kubernetes.io/not-ready:noschedule",
        );
    }

    #[test]
    fn text_without_spaces_gives_pairs() {
        check("節點未就緒", "節點 點未 未就 就緒");
        check("Pod 記", "pod 記");
        check("修復Pod問題", "修復 pod 問題");
    }

    #[test]
    fn case_and_width_do_not_matter() {
        check("ＰＯＤ Sự cố", "pod sự cố");
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
