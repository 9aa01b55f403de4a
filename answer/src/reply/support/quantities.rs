//! Amounts in a text: numbers with their units, in digits and in words of the languages that users write. Pure.

use super::wordings::EXAMPLE;
use kb::{analyzer::chinese::simplified, lists};
use regex::Regex;
use std::{collections::HashMap, ops::Range, sync::LazyLock};

/// Words for the parts that an answer counts of itself: `steps`, `penyebab`.
const PARTS: &str = include_str!("parts.txt");

/// Words for a part of the day: `word<TAB>before or after the hour<TAB>early or late`.
const HALVES_OF_DAY: &str = include_str!("halves_of_day.txt");

/// The base unit of an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A time, in seconds.
    Time,
    /// A size, in bytes.
    Size,
    /// A share, in hundredths.
    Percent,
    /// A time of day, in minutes since midnight.
    Clock,
    /// A number of anything else.
    Count,
}

/// An amount, and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// In the unit's base.
    pub value: f64,
    /// As it is written: 5 of `5 minutes`.
    pub written: f64,
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

/// Times of day that are written without a colon: `22 giờ`, `jam 3 sore`, `10 pm`, `晚上10点`.
static TIMES_OF_DAY: LazyLock<Regex> = LazyLock::new(|| {
    let halves = |place: &str| {
        let words: Vec<&str> = halves_of_day().filter(|half| half.1 == place).map(|half| half.0).collect();
        words.join("|")
    };
    Regex::new(&format!(
        r"(?x)(?P<half_before>{})?\s?
        (?P<before>\b(?:pukul|jam|lúc|vào)\s)?(?P<hours>\d{{1,2}})(?:[:.](?P<minutes>\d{{2}}))?
        (?:\s?(?P<mark>h\b|giờ\b|点|时|[ap]\.?m\b\.?|o'clock\b))?
        (?:\s(?P<half_after>{})\b)?",
        halves("before"),
        halves("after"),
    ))
    .expect("the pattern is valid")
});

/// The words for a part of the day, with their place and their half.
fn halves_of_day() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    lists::pairs(HALVES_OF_DAY).filter_map(|(word, rest)| {
        let (place, half) = rest.split_once('\t')?;
        Some((word, place, half))
    })
}

/// The time of day, in minutes since midnight, that numbers and the words around them tell; `None` where they tell none.
fn time_of_day(found: &regex::Captures<'_>) -> Option<f64> {
    let text = |name: &str| found.name(name).map(|part| part.as_str());
    let hours: f64 = text("hours")?.parse().ok().filter(|hours| *hours <= 24.0)?;
    let minutes: f64 = text("minutes").map_or(Some(0.0), |minutes| minutes.parse().ok())?;
    let mark = text("mark").unwrap_or_default();
    let half = text("half_before").or(text("half_after"));
    let is_told = !mark.is_empty() || text("before").is_some() || half.is_some();
    let is_late = mark.starts_with('p')
        || half.is_some_and(|word| halves_of_day().any(|half| half.0 == word && half.2 == "late"));
    let is_noon_or_midnight = hours == 12.0;
    let hours = match (is_late, mark.starts_with('a')) {
        (true, _) if hours < 12.0 => hours + 12.0,
        (_, true) if is_noon_or_midnight => 0.0,
        _ => hours,
    };
    is_told.then_some(hours * 60.0 + minutes)
}

/// Shares in words, `nine tenths`, `a third`, `三分之一`, with the hundredths that they are: `shares.txt`.
static SHARES: LazyLock<(Regex, Vec<(Regex, f64)>)> = LazyLock::new(|| {
    let compiled = |expression: &str| Regex::new(expression).expect("the expressions are valid");
    let lines: Vec<(&str, f64)> = include_str!("shares.txt")
        .lines()
        .filter_map(|line| {
            let (expression, hundredths) = line.split_once('\t')?;
            Some((expression, hundredths.parse().ok()?))
        })
        .collect();
    let any: Vec<&str> = lines.iter().map(|(expression, _)| *expression).collect();
    let each =
        lines.iter().map(|(expression, hundredths)| (compiled(&format!("^(?:{expression})$")), *hundredths));
    (compiled(&any.join("|")), each.collect())
});

/// The shares that a text tells in words, as hundredths, also rounded.
pub fn shares(text: &str) -> Vec<Quantity> {
    let text = folded(text);
    let (any, each) = &*SHARES;
    let mut found = Vec::new();
    for share in any.find_iter(&text) {
        let told = each.iter().find(|(expression, _)| expression.is_match(share.as_str()));
        for value in told.into_iter().flat_map(|(_, hundredths)| [*hundredths, hundredths.round()]) {
            found.push(Quantity { value, written: value, unit: Unit::Percent, in_words: true });
        }
    }
    found
}

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

/// The unit of the other end of a range that a number without one of its own begins or ends: of 10 in `10 to 20 minutes`, of
/// `two` in `a minute or two`.
fn unit_of_range(before: &str, rest: &str) -> Option<(Unit, f64)> {
    static GOES_ON: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^\s?(?:-|–|—|~|to|or|and|đến|tới|hoặc|hay|sampai|hingga|atau|至|到|或)\s?(?:\d+(?:[.,]\d+)*|\p{Alphabetic}+)",
        )
        .expect("the pattern is valid")
    });
    static ENDS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(\p{Alphabetic}+)\s(?:or|hoặc|hay|atau|或)\s$").expect("the pattern is valid")
    });
    let near = &before[before.floor_char_boundary(before.len().saturating_sub(40))..];
    GOES_ON
        .find(rest)
        .and_then(|other| unit_of(&rest[other.end()..]))
        .or_else(|| UNITS.get(ENDS.captures(near)?.get(1)?.as_str()).copied())
}

/// The same amount as the other end of its range has it, besides.
fn in_range(quantity: Quantity, before: &str, rest: &str) -> Vec<Quantity> {
    let other = unit_of_range(before, rest).filter(|_| quantity.unit == Unit::Count);
    let of_range =
        other.map(|(unit, size)| Quantity { value: quantity.written * size, unit, ..quantity.clone() });
    std::iter::once(quantity).chain(of_range).collect()
}

/// The numbers that digits with signs between them may mean: `1,000` is 1000 and, as some write it, 1.
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
pub fn right_sums(text: &str, known: impl Fn(f64) -> bool) -> Vec<f64> {
    static SUM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(\d+(?:\.\d+)?)\s*(?:[^\d\s=]{1,12}\s*)?([-+−–×x*/÷])\s*(\d+(?:\.\d+)?)\s*(?:[^\d\s=]{1,12}\s*)?=\s*(\d+(?:\.\d+)?)")
            .expect("the pattern is valid")
    });
    let text = folded(text);
    let mut numbers_found = Vec::new();
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
            numbers_found.extend([left, right, result]);
        }
    }
    numbers_found
}

/// The numbers of series that a text works out, where the first is `known`: `10, 20, 40, 80 s`, `5, 10, 15 minutes`. The last may be
/// a known limit instead.
pub fn worked_series(text: &str, known: impl Fn(f64) -> bool) -> Vec<f64> {
    static RUN: LazyLock<Regex> = LazyLock::new(|| {
        let number = r"\d+(?:\.\d+)?\s?(?:\p{L}{1,8}\.?)?";
        let joint = r"\s?(?:[,，、→/;]|->|–|…|\.\.\.)[\s,，、→]{0,4}(?:and |then |up to |và |rồi |dan |lalu |和|再|最多)?";
        Regex::new(&format!("{number}(?:{joint}{number}){{2,}}")).expect("the pattern is valid")
    });
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\d+(?:\.\d+)?").expect("the pattern is valid"));
    let text = folded(text);
    let mut numbers_found = Vec::new();
    for run in RUN.find_iter(&text) {
        let numbers: Vec<f64> =
            NUMBER.find_iter(run.as_str()).filter_map(|number| number.as_str().parse().ok()).collect();
        let [first, second, ..] = numbers.as_slice() else { continue };
        let is_near = |one: f64, other: f64| (one - other).abs() <= 0.01 * one.abs().max(other.abs());
        let grows = |numbers: &[f64]| {
            let is_ratio = numbers.windows(2).all(|pair| is_near(pair[1] * first, pair[0] * second));
            let is_step = numbers.windows(2).all(|pair| is_near(pair[1] - pair[0], second - first));
            numbers.len() > 2
                && *first > 0.0
                && first != second
                && (is_ratio || is_step && known(second - first))
        };
        let (last, others) = numbers.split_last().expect("a run has numbers");
        if known(*first) && (grows(&numbers) || grows(others) && known(*last)) {
            numbers_found.extend(numbers);
        }
    }
    numbers_found
}

/// The amounts of a text, each in every way that it may be read.
pub fn read(text: &str) -> Vec<Vec<Quantity>> {
    let text = folded(text);
    let mut found: Vec<Vec<Quantity>> = Vec::new();
    let clock = |value: f64| Quantity { value, written: value, unit: Unit::Clock, in_words: false };
    let times: HashMap<usize, f64> = TIMES_OF_DAY
        .captures_iter(&text)
        .filter_map(|time| Some((time.name("hours")?.start(), time_of_day(&time)?)))
        .collect();
    for digits in DIGITS.captures_iter(&text) {
        let whole = digits.get(0).expect("group 0 is the match");
        let (before, rest) = (&text[..whole.start()], &text[whole.end()..]);
        let starts_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '#' | '.' | '@');
        let is_joined = before
            .ends_with(|c: char| c.is_alphanumeric() && c.is_ascii() || matches!(c, '_' | '/' | '#'))
            || before.strip_suffix(['-', '.', ':']).is_some_and(|before| before.ends_with(starts_name));
        let time = times.get(&whole.start()).copied();
        if let Some(written) = digits.name("clock") {
            if let Some((hours, minutes)) = written.as_str().split_once(':')
                && let (Ok(hours), Ok(minutes)) = (hours.parse::<f64>(), minutes.parse::<f64>())
                && hours <= 24.0
                && !is_joined
            {
                found.push(std::iter::once(hours * 60.0 + minutes).chain(time).map(clock).collect());
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
            found.extend(time.filter(|_| !is_name).map(|time| vec![clock(time)]));
            continue;
        }
        let seconds_before = named_unit(before);
        let of_number =
            readings(whole.as_str()).into_iter().flat_map(|written| match (unit_of(rest), seconds_before) {
                (None, Some((unit, size))) => {
                    vec![Quantity { value: written * size, written, unit, in_words: false }]
                }
                _ => in_range(quantity(written, rest), before, rest),
            });
        found.push(of_number.chain(time.map(clock)).collect());
    }
    for number in HAN.captures_iter(&text) {
        let Some(written) = han(&number["number"]) else { continue };
        let measure = &number["measure"];
        let Quantity { value, unit, .. } = quantity(written, measure);
        if (written > 1.0 || unit != Unit::Count) && measure != "分之" {
            found.push(vec![Quantity { value, written, unit, in_words: true }]);
        }
    }
    let shares: Vec<Range<usize>> = SHARES.0.find_iter(&text).map(|share| share.range()).collect();
    let mut rest = text.as_str();
    let mut at = 0;
    while let Some(start) = rest.find(char::is_alphabetic) {
        let word_start = at + start;
        let word_len =
            text[word_start..].find(|c: char| !c.is_alphabetic()).unwrap_or(text.len() - word_start);
        let word = &text[word_start..word_start + word_len];
        let after = &text[word_start + word_len..];
        let is_of_share = || {
            let next = shares.partition_point(|share| share.end <= word_start);
            shares.get(next).is_some_and(|share| share.start <= word_start)
        };
        if let Some(&written) = NUMBERS.get(word)
            && !text[..word_start].ends_with(['-', '_', '/', '`'])
            && !is_of_share()
        {
            let of_word = Quantity { in_words: true, ..quantity(written, after) };
            // `a minute`.
            let is_said = written > 1.0 && !counts_parts(after);
            let is_count = of_word.unit == Unit::Count;
            if !is_count || is_said {
                let mut readings = in_range(of_word, &text[..word_start], after);
                if is_count && word == "năm" {
                    // A year as well as five.
                    readings.push(Quantity { value: 1.0, written: 1.0, unit: Unit::Count, in_words: true });
                }
                found.push(readings);
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
    let after = after.trim_start();
    lists::lines(PARTS).any(|part| after.starts_with(part))
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
        for (name, data) in [
            ("numbers.txt", include_str!("numbers.txt")),
            ("shares.txt", include_str!("shares.txt")),
            ("units.txt", include_str!("units.txt")),
        ] {
            let lines: Vec<&str> = data.lines().collect();
            assert!(lines.is_sorted_by(|a, b| a < b), "{name} is sorted and holds each line once");
        }
        assert_eq!((lists::unsorted(PARTS), lists::unsorted(HALVES_OF_DAY)), (None, None));
        assert_eq!(halves_of_day().count(), lists::lines(HALVES_OF_DAY).count());
        assert!(halves_of_day().all(|(_, place, half)| {
            ["before", "after"].contains(&place) && ["early", "late"].contains(&half)
        }));
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
            ("22 giờ", "22:00"),
            ("10 giờ tối", "22:00"),
            ("10pm", "22:00"),
            ("3:30 p.m.", "15:30"),
            ("jam 3 sore", "15:00"),
            ("pukul 15.00", "15:00"),
            ("下午3点", "15:00"),
            ("晚上 10 點", "22:00"),
            ("tối đa năm số", "5 numbers"),
            ("a minute or two", "2 minutes"),
            ("10 to 20 minutes", "10 minutes"),
            ("10 đến 20 phút", "between 10 minutes and 20 minutes"),
            ("satu atau dua menit", "within a minute or two"),
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
