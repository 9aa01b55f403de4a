//! Which sentences say something that needs a source.

use crate::{
    checks::commands::{self, is_known_program},
    markdown,
    phrases::Phrases,
    text::edited,
};
use kb::{analyzer::is_cjk, lists, prohibition};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// Shortest text that is a claim, in letters; a character of a script without spaces counts as three.
const MIN_CLAIM_LETTERS: usize = 20;

/// Whether a text without its citations says something that needs a source: what only shows commands, greets, or tells
/// what the documents lack does not.
pub fn says_something(text: &str, phrases: &Phrases) -> bool {
    let mut text = text.to_owned();
    for mark in [
        phrases.unverified,
        phrases.destructive,
        phrases.removed,
        phrases.forbidden,
        phrases.uncited,
        phrases.unsupported,
    ] {
        text = text.replace(mark, "");
    }
    let code = markdown::code_ranges(&text);
    let is_command = |code: &str| {
        let mut words = code.trim_matches(['`', ' ', '$']).split_whitespace();
        words.next().is_some_and(is_known_program) && words.next().is_some()
    };
    let mut hidden: Vec<Range<usize>> =
        code.into_iter().filter(|range| is_command(&text[range.clone()])).collect();
    hidden.extend(commands::in_sentences(&text));
    hidden.sort_by_key(|range| range.start);
    let said = edited(&text, hidden.into_iter().map(|range| (range, String::new()))).replace('\n', " ");
    let weight = |c: char| if is_cjk(c) { 3 } else { usize::from(c.is_alphabetic()) };
    let claims = markdown::sentences(&said).into_iter().filter(|sentence| !claims_nothing(sentence));
    claims.flat_map(str::chars).map(weight).sum::<usize>() >= MIN_CLAIM_LETTERS
}

/// Whether a sentence needs no source: it greets, or tells what the documents lack or the author cannot see.
pub fn claims_nothing(sentence: &str) -> bool {
    is_courtesy(sentence) || tells_of_documents(sentence) || tells_of_author(sentence)
}

/// Greetings and offers, each as it begins a sentence: lower case, sorted.
static COURTESIES: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("courtesies.txt").lines().collect());

/// Words that greet, thank or agree, as they begin a sentence.
const INTERJECTIONS: &str = include_str!("interjections.txt");

/// Whether a sentence greets, thanks, wishes or offers; not if much follows.
fn is_courtesy(sentence: &str) -> bool {
    const MAX_REST_CHARS: usize = 48;
    let lower = sentence.replace('’', "'").to_lowercase();
    let mut rest = lower.as_str();
    // The text after an interjection is judged by itself.
    loop {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        // Of two that begin alike, the longer is later in the file.
        let after = lists::lines(INTERJECTIONS).rev().find_map(|word| rest.strip_prefix(word));
        match after.filter(|after| !after.starts_with(|c: char| c.is_alphanumeric() && !is_cjk(c))) {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest.is_empty()
        || COURTESIES.iter().any(|beginning| {
            rest.strip_prefix(beginning).is_some_and(|rest| {
                let is_word = beginning.ends_with(is_cjk) || !rest.starts_with(char::is_alphanumeric);
                is_word && rest.chars().count() <= MAX_REST_CHARS && !rest.contains('`')
            })
        })
}

/// Whether a sentence says what the answer's author cannot see or do, which no document can prove; not if much follows.
fn tells_of_author(sentence: &str) -> bool {
    const MAX_CHARS: usize = 140;
    static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?xi)^[\W_]*(?:but\ |though\ |however,?\ )?(?:
            (?:i|we)\ (?:can(?:not|\ not|['’]t)|could(?:\ not|n['’]t)|do(?:\ not|n['’]t)|have(?:\ no|n['’]t)|am\ (?:not\ able|unable))\b.{0,30}?\b(?:see|access|look|check|inspect|view|tell|know|verify|reach|connect|log\ in)\b
            | (?:tôi|mình|em)\ (?:không|chưa)\ (?:thể\ |có\ quyền\ |có\ cách\ )?(?:xem|thấy|truy\ cập|kiểm\ tra|biết|nhìn|vào|kết\ nối)
            | (?:saya|aku|kami)\ (?:tidak|belum)\ (?:dapat\ |bisa\ |punya\ |memiliki\ )?(?:melihat|mengakses|akses|memeriksa|mengecek|tahu|masuk|terhubung)
            | (?:我|本人)(?:无法|無法|不能|看不到|看不見|没有|沒有|没法|沒法|不清楚|不知道).{0,12}?(?:查看|访问|訪問|看到|存取|连接|連接|連線|检查|檢查|权限|權限|你的|您的|集群|叢集)
            )",
        )
        .expect("the pattern is valid")
    });
    sentence.chars().count() <= MAX_CHARS
        && !sentence.contains('`')
        && LIMIT.is_match(sentence)
        && prohibition::advised(sentence).is_empty()
}

/// Whether a sentence says what the documents do not hold, which no document can prove.
fn tells_of_documents(sentence: &str) -> bool {
    static LACK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?xi)
            \b(?:documents?|docs|documentation|runbooks?|knowledge\ base|evidence|sources?)\b [^.;]{0,40}?
              (?: \b(?:only|partly|partially|barely|but\ not)\b
                | \b(?:do(?:es)?|did)(?:\ not|n['’]t)\ (?:\w+\ )?(?:cover|say|tell|mention|contain|describe|explain|include|provide|give|list|show|state|specify|name|go|hold)\b
                | \bno\ (?:fix|information|details?|steps?|answer|solution|guidance|mention)\b )
            | ^\W*(?:what\ )?i\ (?:could|can|did)(?:\ not|n['’]t)\ find\b | \bnot\ (?:covered|mentioned|described|documented)\b [^.;]{0,20} \b(?:documents?|docs|runbooks?)\b
            | (?:文档|文件|文檔|知识库|知識庫|资料|資料)[^。；]{0,12}(?:没有|沒有|未|并不|並不|不包含|只涵盖|只涵蓋|仅涵盖|僅涵蓋)[^。；]{0,16}
            | \btài\ liệu\b[^.;]{0,30}\b(?:không|chưa|chỉ)\b[^.;]{0,12}\b(?:có|nói|đề\ cập|bao\ gồm|mô\ tả|nêu|chứa|nhắc)\b
            | \bdokumen\b[^.;]{0,30}\b(?:tidak|belum|hanya)\b[^.;]{0,12}\b(?:memuat|mencakup|menyebut\w*|menjelaskan|berisi|membahas|ada)\b",
        )
        .expect("the pattern is valid")
    });
    LACK.is_match(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_sorted_and_unique() {
        assert_eq!(lists::unsorted(INTERJECTIONS), None);
        assert!(COURTESIES.is_sorted() && COURTESIES.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(COURTESIES.iter().all(|line| !line.is_empty() && line.to_lowercase() == **line));
    }
}
