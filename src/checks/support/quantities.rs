//! Amounts in a text: numbers with their units, in digits and in words of the languages that users write. Pure.

use super::wordings::EXAMPLE;
use kb::analyzer::chinese::simplified;
use regex::Regex;
use std::{collections::HashMap, sync::LazyLock};

/// What an amount counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Time,
    /// Bytes.
    Size,
    /// Hundredths.
    Percent,
    /// A time of day, in minutes since midnight.
    Clock,
    /// Anything else.
    Count,
}

/// An amount, and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// In the unit's base.
    pub value: f64,
    /// As it is written: 5 of `5 minutes`.
    pub written: f64,
    /// What it counts.
    pub unit: Unit,
    /// Whether it is written in words.
    pub in_words: bool,
}

/// Units by their words: what they count, and how much of the base one of them is.
static UNITS: LazyLock<HashMap<&'static str, (Unit, f64)>> = LazyLock::new(|| {
    let mut units = HashMap::new();
    for line in include_str!("units.txt").lines() {
        let mut columns = line.split('\t');
        let (Some(word), Some(unit), Some(size)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        let unit = match unit {
            "time" => Unit::Time,
            "size" => Unit::Size,
            _ => Unit::Percent,
        };
        units.insert(word, (unit, size.parse().unwrap_or(1.0)));
    }
    units
});

/// Numbers by their words.
static NUMBERS: LazyLock<HashMap<&'static str, f64>> = LazyLock::new(|| {
    let lines = include_str!("numbers.txt").lines();
    lines.filter_map(|line| line.split_once('\t')).map(|(word, n)| (word, n.parse().unwrap_or(0.0))).collect()
});

/// Lower case, narrow digits, simplified characters, as many as before.
fn folded(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '０'..='９' => char::from_u32(c as u32 - '０' as u32 + u32::from(b'0')).unwrap_or(c),
            '％' => '%',
            '：' => ':',
            '\u{a0}' | '\u{202f}' => ' ',
            _ => simplified(c.to_lowercase().next().unwrap_or(c)),
        })
        .collect()
}

/// Digits with what may belong to them.
static DIGITS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<clock>\b\d{1,2}:\d{2}\b)|(?P<number>\d+(?:[.,]\d+)*)").expect("the pattern is valid")
});

/// Chinese numbers before a measure word.
static HAN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<number>[一二三四五六七八九十百两]+)\s?(?P<measure>毫秒|秒|分钟|小时|个小时|个月|个工作日|个营业日|营业日|工作天|工作日|天|日|周|星期|年|晚|位|个|次|人|名|台|份|倍|分之|成员|核心|张)")
        .expect("the pattern is valid")
});

/// The unit that a text begins with, behind a word such as `business`.
fn unit_of(rest: &str) -> Option<(Unit, f64)> {
    let mut rest = rest.trim_start_matches([' ', '-']);
    for passed in 0..2 {
        if rest.starts_with('%') {
            return Some((Unit::Percent, 1.0));
        }
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let word = &rest[..end];
        // Of a script without spaces the longest beginning counts.
        let mut ends = word.char_indices().map(|(at, c)| at + c.len_utf8()).take(4).collect::<Vec<_>>();
        if word.is_ascii() || !word.starts_with(|c: char| ('\u{4e00}'..='\u{9fff}').contains(&c)) {
            ends = vec![end];
            // Vietnamese units of two syllables.
            if let Some(next) = rest[end..].strip_prefix(' ') {
                let second = next.find(|c: char| !c.is_alphabetic()).unwrap_or(next.len());
                ends.push(end + 1 + second);
            }
        }
        let found = ends.iter().rev().find_map(|end| UNITS.get(&rest[..*end]));
        if let Some((unit, size)) = found.filter(|(unit, _)| passed == 0 || *unit == Unit::Time) {
            return Some((*unit, *size));
        }
        // `three business days`, `two missed nights`.
        let is_passed = end > 2 && rest[end..].starts_with(' ');
        rest = match rest.strip_prefix('个') {
            Some(after) => after,
            None if is_passed => &rest[end + 1..],
            None => return None,
        };
    }
    None
}

fn quantity(written: f64, rest: &str) -> Quantity {
    match unit_of(rest) {
        Some((unit, size)) => Quantity { value: written * size, written, unit, in_words: false },
        None => Quantity { value: written, written, unit: Unit::Count, in_words: false },
    }
}

/// What digits with signs between them may mean: `1,000` is 1000 and, as some write it, 1.
fn readings(digits: &str) -> Vec<f64> {
    let plain: String = digits.chars().filter(char::is_ascii_digit).collect();
    let dotted = digits.replace(',', ".");
    let mut found = Vec::new();
    let is_grouped = digits.split(['.', ',']).skip(1).all(|group| group.len() == 3);
    if !digits.contains(['.', ',']) || is_grouped {
        found.extend(plain.parse::<f64>());
    }
    if digits.matches(['.', ',']).count() == 1 {
        found.extend(dotted.parse::<f64>());
    }
    found
}

/// A sentence as far as it gives no example of its own, which goes on to its end.
pub fn without_examples(text: &str) -> &str {
    EXAMPLE.find(text).map_or(text, |example| &text[..example.start()])
}

/// The numbers of sums that a sentence shows and that are right, where one of their numbers is `known`: `90 / 3 = 30`.
pub fn shown_sums(text: &str, known: impl Fn(f64) -> bool) -> Vec<f64> {
    static SUM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(\d+(?:\.\d+)?)\s*(?:[^\d\s=]{1,12}\s*)?([-+−–×x*/÷])\s*(\d+(?:\.\d+)?)\s*(?:[^\d\s=]{1,12}\s*)?=\s*(\d+(?:\.\d+)?)")
            .expect("the pattern is valid")
    });
    let text = folded(text);
    let mut shown = Vec::new();
    for sum in SUM.captures_iter(&text) {
        let number = |group: usize| sum[group].parse::<f64>().ok();
        let (Some(left), Some(right), Some(result)) = (number(1), number(3), number(4)) else { continue };
        let computed = match &sum[2] {
            "+" => left + right,
            "-" | "−" | "–" => left - right,
            "/" | "÷" => left / right,
            _ => left * right,
        };
        if (computed - result).abs() <= 0.5 && [left, right, result].into_iter().any(&known) {
            shown.extend([left, right, result]);
        }
    }
    shown
}

/// The amounts of a text, each in every way that it may be read.
pub fn read(text: &str) -> Vec<Vec<Quantity>> {
    let text = folded(text);
    let mut found: Vec<Vec<Quantity>> = Vec::new();
    for digits in DIGITS.captures_iter(&text) {
        let whole = digits.get(0).expect("group 0 is the match");
        let (before, rest) = (&text[..whole.start()], &text[whole.end()..]);
        let starts_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '#' | '.' | '@');
        let is_joined = before
            .ends_with(|c: char| c.is_alphanumeric() && c.is_ascii() || matches!(c, '_' | '/' | '#'))
            || before.strip_suffix(['-', '.', ':']).is_some_and(|before| before.ends_with(starts_name));
        if let Some(clock) = digits.name("clock") {
            if let Some((hours, minutes)) = clock.as_str().split_once(':')
                && let (Ok(hours), Ok(minutes)) = (hours.parse::<f64>(), minutes.parse::<f64>())
                && hours <= 24.0
                && !is_joined
            {
                let value = hours * 60.0 + minutes;
                found.push(vec![Quantity { value, written: value, unit: Unit::Clock, in_words: false }]);
            }
            continue;
        }
        let is_setting = before.ends_with(['=', '+', '*'])
            || before
                .strip_suffix(':')
                .is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_digit() || c == ':'));
        // Part of a name, a version or an address, which are compared as they are written.
        if (is_joined && !is_setting) || whole.as_str().matches('.').count() > 1 {
            continue;
        }
        let is_name = rest.starts_with(['_', '/', '@'])
            || rest
                .strip_prefix(':')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            || rest.strip_prefix(['-', '.']).is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_lowercase()) && unit_of(rest).is_none()
            });
        // The number of a step within running text.
        let begins = before.trim().is_empty() || before.trim_end().ends_with([';', '；', '。']);
        let is_ordinal = (begins && rest.starts_with(['.', ')', '、', ':']))
            || rest.starts_with('、')
            || (rest.starts_with(')') && !before.contains('('));
        if is_ordinal && !whole.as_str().contains(['.', ',']) {
            continue;
        }
        let suffix: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        if is_name || (!suffix.is_empty() && !UNITS.contains_key(suffix.as_str())) {
            continue;
        }
        let seconds_before = named_unit(before);
        found.push(
            readings(whole.as_str())
                .into_iter()
                .map(|written| match (unit_of(rest), seconds_before) {
                    (None, Some((unit, size))) => {
                        Quantity { value: written * size, written, unit, in_words: false }
                    }
                    _ => quantity(written, rest),
                })
                .collect(),
        );
    }
    for number in HAN.captures_iter(&text) {
        let Some(written) = han(&number["number"]) else { continue };
        let measure = &number["measure"];
        let Quantity { value, unit, .. } = quantity(written, measure);
        if (written > 1.0 || unit != Unit::Count) && measure != "分之" {
            found.push(vec![Quantity { value, written, unit, in_words: true }]);
        }
    }
    let mut rest = text.as_str();
    let mut at = 0;
    while let Some(start) = rest.find(char::is_alphabetic) {
        let word_start = at + start;
        let word_len =
            text[word_start..].find(|c: char| !c.is_alphabetic()).unwrap_or(text.len() - word_start);
        let word = &text[word_start..word_start + word_len];
        let after = &text[word_start + word_len..];
        if let Some(&written) = NUMBERS.get(word)
            && !text[..word_start].ends_with(['-', '_', '/', '`'])
        {
            let mut of_word = quantity(written, after);
            of_word.in_words = true;
            // `a minute`; and `năm` is a year as well as five.
            let is_said = written > 1.0 && word != "năm" && !counts_parts(after);
            if of_word.unit != Unit::Count || is_said {
                found.push(vec![of_word]);
            }
        }
        at = word_start + word_len;
        rest = &text[at..];
    }
    found
}

/// The unit that a setting's name ends with: `timeoutSeconds: 1`.
fn named_unit(before: &str) -> Option<(Unit, f64)> {
    let name = before.trim_end_matches([' ', ':', '=', '`', '"']);
    (name.len() < before.len() && name.ends_with("seconds")).then_some((Unit::Time, 1.0))
}

/// Whether a text begins with what an answer counts of itself: `two steps`.
fn counts_parts(after: &str) -> bool {
    const PARTS: [&str; 22] = [
        "steps",
        "things",
        "ways",
        "points",
        "reasons",
        "causes",
        "cases",
        "options",
        "possibilities",
        "checks",
        "questions",
        "parts",
        "different",
        "langkah",
        "hal",
        "cara",
        "penyebab",
        "kemungkinan",
        "bước",
        "cách",
        "nguyên nhân",
        "trường hợp",
    ];
    let after = after.trim_start();
    PARTS.iter().any(|part| after.starts_with(part))
}

fn han(number: &str) -> Option<f64> {
    let (mut total, mut digit) = (0.0, None);
    for character in number.chars() {
        match character {
            '十' => total += digit.take().unwrap_or(1.0) * 10.0,
            '百' => total += digit.take().unwrap_or(1.0) * 100.0,
            '两' => digit = Some(2.0),
            _ => {
                let place = "一二三四五六七八九".chars().position(|c| c == character)?;
                digit = Some(place as f64 + 1.0);
            }
        }
    }
    Some(total + digit.unwrap_or(0.0))
}

/// Whether one amount is the other.
pub fn is_same(one: &Quantity, other: &Quantity) -> bool {
    const TOLERANCE: f64 = 0.001;
    let is_near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs());
    one.unit == other.unit && is_near(one.value, other.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_sorted_and_unique() {
        for (name, data) in
            [("units.txt", include_str!("units.txt")), ("numbers.txt", include_str!("numbers.txt"))]
        {
            let lines: Vec<&str> = data.lines().collect();
            assert!(lines.is_sorted_by(|a, b| a < b), "{name} is sorted and holds each line once");
        }
    }

    #[test]
    fn amounts_are_the_same_in_every_language() {
        let all = |text: &str| read(text).concat();
        for (one, other) in [
            ("30 s", "30 seconds"),
            ("30 seconds", "30 giây"),
            ("30 seconds", "30 秒"),
            ("30 seconds", "30 detik"),
            ("30000ms", "30 seconds"),
            ("1,000 addresses", "1000 个地址"),
            ("1.000 alamat", "1000 addresses"),
            ("0.5 %", "0,5%"),
            ("2 GiB", "2Gi"),
            ("two minutes", "2 phút"),
            ("兩分鐘", "2 minutes"),
            ("十四小时", "14 hours"),
            ("three business days", "三個營業日"),
            ("20:00 ICT", "pukul 20:00"),
            ("24 hours", "1 day"),
            ("timeoutSeconds: 5", "5 seconds"),
        ] {
            let (left, right) = (all(one), all(other));
            assert!(
                left.iter().any(|left| right.iter().any(|right| is_same(left, right))),
                "{one} {left:?}: {other} {right:?}"
            );
        }
        for (one, other) in [
            ("30 s", "30 minutes"),
            ("3 days", "3 hours"),
            ("5 %", "5"),
            ("10:00", "10 hours"),
            ("2 MiB", "2 GiB"),
        ] {
            let (left, right) = (all(one), all(other));
            assert!(
                !left.iter().any(|left| right.iter().any(|right| is_same(left, right))),
                "{one} {left:?}: {other} {right:?}"
            );
        }
        for none in ["worker-17", "10.244.7.21:5432", "v1.2.3", "sha256:12ab", "a1b2"] {
            assert_eq!(all(none), [], "{none}");
        }
    }
}
