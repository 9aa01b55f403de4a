//! The subject of a question: its text without the words that every question has.
//!
//! "How do I fix", "怎么处理", "xử lý thế nào", "tolong" say nothing of the subject in the language they are written in,
//! and neither do function words. They would be searched for, and found missing, like the rest: so they are taken out
//! as whole phrases, before terms are made, and no term reaches over the gap. Phrases that many failures begin with
//! (`MountVolume.SetUp failed for volume`) and words such as "error" say little: they are set aside and count less. The
//! frames of English are set aside too: a document that has them by chance is a little likelier to be meant, as was
//! measured, but they say nothing about whether the question is answered.
//!
//! The phrases are in `frames/`, a file for each language and `faint.txt` for those that say little; a line that begins
//! with `=` is a word that stays whole although a frame is a part of it. Entry point: [`split`].

use crate::analyzer::{
    chinese::simplified,
    is_cjk,
    vietnamese::{is_marked, unmarked},
};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, ops::Range, sync::LazyLock};
use unicode_normalization::UnicodeNormalization;

/// If fewer words stand beside an event, the event itself is searched for.
const MIN_WORDS_BESIDE: usize = 3;

/// Shorter phrases that say little are words that stand anywhere.
const MIN_EVENT_WORDS: usize = 3;

/// Words of a phrase stand this near each other: a space, or a colon and a space.
const MAX_GAP: usize = 3;

/// Stands where something was taken out; no term reaches over it.
const GAP: &str = " · ";

/// Words of a question that are not its subject, of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The reason why the words are set aside.
    pub kind: AsideKind,
    /// The words, phrase by phrase.
    pub text: String,
}

/// The reasons why words are not part of a question's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsideKind {
    /// The beginning of many failures: `MountVolume.SetUp failed for volume`.
    Event,
    /// A word that is near every failure: `error`, `lỗi`.
    Generic,
    /// The words that form an English question: `how do I fix`.
    Frame,
}

/// A question's text in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// The text that the question is about. Never empty.
    pub subject: String,
    /// The parts that were set aside.
    pub asides: Vec<Aside>,
    /// The whole text without the events that were set aside; `None` if there are no events.
    pub without_events: Option<String>,
}

/// The use of a phrase for the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It is left out.
    Nothing,
    /// It is set aside and counts less.
    Aside(AsideKind),
}

/// A phrase of words with spaces between them, after its first word.
struct Phrase {
    rest: Vec<String>,
    weight: Weight,
    /// The language in which alone it is a frame; `None`: wherever it stands.
    language: Option<&'static str>,
}

/// The phrases of words by their first word, the longest first. Vietnamese ones are there without marks as well.
static PHRASES: LazyLock<FxHashMap<String, Vec<Phrase>>> = LazyLock::new(|| {
    let mut phrases: FxHashMap<String, Vec<Phrase>> = FxHashMap::default();
    let mut add = |line: &str, weight, language| {
        let mut words = words(line).into_iter().map(|word| word.key);
        if let Some(first) = words.next() {
            let rest = words.collect();
            phrases.entry(first).or_default().push(Phrase { rest, weight, language });
        }
    };
    for line in include_str!("frames/en.txt").lines() {
        add(line, Weight::Aside(AsideKind::Frame), None);
    }
    for line in include_str!("frames/faint.txt").lines() {
        let is_event = words(line).len() >= MIN_EVENT_WORDS;
        add(line, Weight::Aside(if is_event { AsideKind::Event } else { AsideKind::Generic }), None);
    }
    for line in include_str!("frames/id.txt").lines() {
        add(line, Weight::Nothing, Some("id"));
    }
    for line in include_str!("frames/vi.txt").lines() {
        add(line, Weight::Nothing, Some("vi"));
        let bare = unmarked(line);
        if bare.contains(' ') || UNMARKED_SYLLABLES.contains(&bare.as_str()) {
            add(&bare, Weight::Nothing, Some(UNMARKED_VIETNAMESE));
        }
    }
    phrases.values_mut().for_each(|phrases| phrases.sort_by_key(|phrase| Reverse(phrase.rest.len())));
    phrases
});

/// The syllables that are frames without their marks as well: few words of another meaning are the same without theirs.
const UNMARKED_SYLLABLES: [&str; 20] = [
    "bi", "cho", "cua", "duoc", "gi", "khi", "khong", "la", "lam", "nao", "nhu", "nhung", "phai", "roi",
    "sao", "thi", "toi", "va", "voi", "vi",
];

/// Stands for Vietnamese that is typed without marks.
const UNMARKED_VIETNAMESE: &str = "vi-unmarked";

/// A phrase of characters without spaces, and whether it is a word that stays.
type Run = (Vec<char>, bool);

/// The phrases of Chinese, Japanese and Korean by their first character, the longest first, in Simplified characters.
static RUNS: LazyLock<FxHashMap<char, Vec<Run>>> = LazyLock::new(|| {
    let mut runs: FxHashMap<char, Vec<Run>> = FxHashMap::default();
    let files = [include_str!("frames/zh.txt"), include_str!("frames/ja.txt"), include_str!("frames/ko.txt")];
    for line in files.into_iter().flat_map(str::lines) {
        let (line, stays) = line.strip_prefix('=').map_or((line, false), |line| (line, true));
        let run: Vec<char> = line.chars().map(simplified).collect();
        runs.entry(run[0]).or_default().push((run, stays));
    }
    runs.values_mut().for_each(|runs| runs.sort_by_key(|(run, _)| Reverse(run.len())));
    runs
});

/// A word of a text.
struct Word {
    range: Range<usize>,
    /// The word in lower case and composed form.
    key: String,
}

/// Splits a text that is written in `language`.
pub(super) fn split(text: &str, language: &str) -> Subject {
    let language = match language {
        "vi" if !text.chars().any(is_marked) => UNMARKED_VIETNAMESE,
        language => language,
    };
    let mut out = spaced(text, language);
    out.extend(unspaced(text).into_iter().map(|range| (range, Weight::Nothing)));
    let mut subject = left(text, &out);
    if count(&subject) < MIN_WORDS_BESIDE {
        // An event that nothing follows is the subject itself.
        out.retain(|(_, weight)| *weight != Weight::Aside(AsideKind::Event));
        subject = left(text, &out);
    }
    if count(&subject) == 0 {
        return Subject { subject: text.to_owned(), asides: Vec::new(), without_events: None };
    }
    let aside = |kind: AsideKind| {
        let of_kind = out.iter().filter(|(_, weight)| *weight == Weight::Aside(kind));
        let texts: Vec<&str> = of_kind.map(|(range, _)| &text[range.clone()]).collect();
        (!texts.is_empty()).then(|| Aside { kind, text: texts.join(GAP) })
    };
    let asides =
        [AsideKind::Event, AsideKind::Generic, AsideKind::Frame].into_iter().filter_map(aside).collect();
    out.retain(|(_, weight)| *weight == Weight::Aside(AsideKind::Event));
    let without_events = (!out.is_empty()).then(|| left(text, &out).replace(GAP, " ").trim().to_owned());
    Subject { subject, asides, without_events }
}

/// The rest of a text without the given ranges, which do not overlap.
fn left(text: &str, out: &[(Range<usize>, Weight)]) -> String {
    let mut out: Vec<&Range<usize>> = out.iter().map(|(range, _)| range).collect();
    out.sort_unstable_by_key(|range| range.start);
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for range in out {
        left.push_str(&text[at..range.start]);
        left.push_str(GAP);
        at = range.end;
    }
    left.push_str(&text[at..]);
    left
}

/// The number of words, a character of a script without spaces counting as one.
fn count(text: &str) -> usize {
    words(text).len() + text.chars().filter(|character| is_cjk(*character)).count()
}

/// The phrases of words that a text has, in order.
fn spaced(text: &str, language: &str) -> Vec<(Range<usize>, Weight)> {
    let words = words(text);
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let follows = |phrase: &&Phrase| {
            let is_meant = phrase.language.is_none_or(|meant| meant == language);
            let end = at + 1 + phrase.rest.len();
            is_meant
                && end <= words.len()
                && phrase.rest.iter().zip(&words[at + 1..end]).all(|(word, found)| *word == found.key)
                && words[at..end].windows(2).all(|pair| pair[1].range.start - pair[0].range.end <= MAX_GAP)
        };
        let found = PHRASES.get(&words[at].key).and_then(|phrases| phrases.iter().find(follows));
        let Some(phrase) = found else {
            at += 1;
            continue;
        };
        let range = words[at].range.start..words[at + phrase.rest.len()].range.end;
        out.push((range, phrase.weight));
        at += 1 + phrase.rest.len();
    }
    out
}

/// The words of a text: letters and digits, joined as identifiers and contractions are.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<Range<usize>> = None;
    let is_letter = |c: char| (c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}')) && !is_cjk(c);
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        let joins = matches!(character, '-' | '_' | '.' | '\'' | '’')
            && word.is_some()
            && text[next..].chars().next().is_some_and(is_letter);
        if is_letter(character) || joins {
            word = Some(word.map_or(at, |word| word.start)..next);
        } else if let Some(range) = word.take() {
            words.push(Word { key: key(&text[range.clone()]), range });
        }
    }
    words.extend(word.map(|range| Word { key: key(&text[range.clone()]), range }));
    words
}

fn key(word: &str) -> String {
    match word.is_ascii() {
        true => word.to_ascii_lowercase(),
        false => word.nfc().flat_map(char::to_lowercase).map(|c| if c == '’' { '\'' } else { c }).collect(),
    }
}

/// The frames of scripts without spaces that a text has. A lone character between two of them goes as well: no page has
/// a term for it.
fn unspaced(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut run: Vec<(usize, char)> = Vec::new();
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        if is_cjk(character) {
            run.push((at, simplified(character)));
        } else if !run.is_empty() {
            frames_of_run(&run, at, &mut out);
            run.clear();
        }
    }
    out
}

/// The frames of one run, whose text ends at `end`.
fn frames_of_run(run: &[(usize, char)], end: usize, out: &mut Vec<Range<usize>>) {
    let byte = |at: usize| run.get(at).map_or(end, |(byte, _)| *byte);
    let mut lefts: Vec<Range<usize>> = Vec::new();
    let mut left = 0;
    let mut at = 0;
    while at < run.len() {
        let begins = |(phrase, _): &&Run| {
            phrase.len() <= run.len() - at && phrase.iter().zip(&run[at..]).all(|(c, (_, found))| c == found)
        };
        match RUNS.get(&run[at].1).and_then(|runs| runs.iter().find(begins)) {
            Some((phrase, false)) => {
                lefts.push(left..at);
                at += phrase.len();
                left = at;
            }
            Some((word, true)) => at += word.len(),
            None => at += 1,
        }
    }
    lefts.push(left..run.len());
    if lefts.len() == 1 {
        return;
    }
    let mut from = 0;
    for left in lefts.into_iter().filter(|left| left.len() > 1) {
        if left.start > from {
            out.push(byte(from)..byte(left.start));
        }
        from = left.end;
    }
    if from < run.len() {
        out.push(byte(from)..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, language: &str, subject: &str) {
        let found = split(text, language).subject;
        let parts: Vec<&str> = found
            .split(['·', ',', '?', '？', '，', ':'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        assert_eq!(parts.join(" | "), subject, "{text}");
    }

    #[test]
    fn frames_go_in_every_language() {
        check("How do I fix the disk alarm?", "en", "the disk alarm");
        check("TikvSchedulerLatency alert fired", "en", "TikvSchedulerLatency");
        check("磁盘告警怎么处理？", "zh-CN", "磁盘告警");
        check("请问一下，磁盘告警应该怎么排查和处理呢？", "zh-CN", "磁盘告警");
        check("請問磁碟告警該怎麼處理？", "zh-TW", "磁碟告警");
        check("訊息佇列的處理器當機了，要怎麼處理？", "zh-TW", "訊息佇列 | 處理器當機");
        check("Máy in tầng 3 không in được", "vi", "Máy in tầng 3 | in");
        check("Máy chủ log báo đầy đĩa thì xử lý thế nào?", "vi", "Máy chủ log báo đầy đĩa");
        check("dang nhap khong duoc thi lam the nao", "vi", "dang nhap");
        check("Bagaimana cara mengatasi sertifikat yang kedaluwarsa?", "id", "sertifikat | kedaluwarsa");
        check("php.ini di server", "en", "php.ini di server");
        check("ディスクがいっぱいです。どうすればいいですか", "ja", "ディスクがいっぱいです。");
    }

    #[test]
    fn what_failures_begin_with_says_little_when_something_follows() {
        let event = "MountVolume.SetUp failed for volume \"web\" : configmap \"web-conf\" not found";
        let found = split(event, "en");
        assert!(!found.subject.contains("MountVolume"), "{found:?}");
        let aside = Aside { kind: AsideKind::Event, text: "MountVolume.SetUp failed for volume".to_owned() };
        assert_eq!(found.asides, [aside]);
        assert_eq!(found.without_events.as_deref(), Some("\"web\" : configmap \"web-conf\" not found"));
        assert!(split("MountVolume.SetUp failed for volume \"web\"", "en").subject.contains("MountVolume"));
    }

    #[test]
    fn nothing_but_frames_stays_as_it_is() {
        for text in ["what should I do?", "怎么办？", "làm thế nào", "error", "..."] {
            assert_eq!(split(text, "en").subject, text);
        }
    }

    #[test]
    fn the_lists_are_sorted_and_have_no_line_twice() {
        for list in [
            include_str!("frames/en.txt"),
            include_str!("frames/faint.txt"),
            include_str!("frames/vi.txt"),
            include_str!("frames/id.txt"),
            include_str!("frames/zh.txt"),
            include_str!("frames/ja.txt"),
            include_str!("frames/ko.txt"),
        ] {
            let lines: Vec<&str> = list.lines().collect();
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "not sorted, or a line comes twice");
        }
    }
}
