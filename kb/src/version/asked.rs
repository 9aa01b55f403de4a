//! The versions that a question asks for, and the products whose they are.

use super::Version;
use crate::lists::{lines, words};
use regex::Regex;
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

const PRODUCTS_FILE: &str = include_str!("products.txt");
const OTHER_NUMBERS_FILE: &str = include_str!("other_numbers.txt");
const UNITS_FILE: &str = include_str!("units.txt");
const SAID_BEFORE_FILE: &str = include_str!("said_before.txt");

/// The names of each product whose versions failures tell; the documents may be on something that runs on them.
static PRODUCTS: LazyLock<Vec<Vec<&str>>> =
    LazyLock::new(|| lines(PRODUCTS_FILE).map(|names| names.split(' ').collect()).collect());

/// The names of a product, itself among them; empty if it is not one of the products of which failures tell the
/// version.
pub fn names_of_product(name: &str) -> &'static [&'static str] {
    PRODUCTS.iter().find(|names| names.contains(&name)).map_or(&[], Vec::as_slice)
}

/// Whether a word names a product whose versions failures tell.
pub fn is_known_product(name: &str) -> bool {
    !names_of_product(name).is_empty()
}

/// A version that a question asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The requested version.
    pub version: Version,
    /// The word before it, lower-cased, where it may name the product whose version it is.
    pub product: Option<String>,
    /// Whether the question says that it is a version (`version 1.13`, `v1.13`), or a number that may be one.
    pub is_said: bool,
}

/// Words that stand before numbers with dots which are no versions, and protocols, whose versions are not the
/// product's.
///
pub(super) static OTHER_NUMBERS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(OTHER_NUMBERS_FILE));

/// Units and other words that make the number before them a quantity.
static UNITS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(UNITS_FILE));

/// Words that say that a number is a version, in every language of our users.
static SAID_BEFORE: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(SAID_BEFORE_FILE));

/// The versions that a question asks for, in order.
pub fn asked(question: &str) -> Vec<Asked> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)v?\d{1,6}(?:\.\d{1,6}){0,2}(?:\.[x*])?(?:-(?:rc|alpha|beta|lts|ga)[.\d]*)?")
            .expect("a right pattern")
    });
    let mut found: Vec<Asked> = Vec::new();
    for number in NUMBER.find_iter(question) {
        let Some(asked) = asked_at(question, number.start(), number.as_str(), number.end()) else { continue };
        if !found.iter().any(|known| known.version == asked.version) {
            found.push(asked);
        }
        if found.len() >= MAX_ASKED {
            break;
        }
    }
    found
}

/// A question that asks for more versions is a log.
const MAX_ASKED: usize = 6;

/// The characters before and after a number that make it a part of something else.
fn is_joined(before: Option<char>, after: &str) -> bool {
    let joins_before = |c: char| {
        (c.is_alphanumeric() && !crate::analyzer::is_cjk(c))
            || matches!(c, '.' | ':' | '/' | '@' | '-' | '_' | '=' | '$' | '#' | '\\' | '+')
    };
    let mut following = after.chars();
    let joins_after = match (following.next(), following.next()) {
        (Some(c), _) if c.is_alphanumeric() => !crate::analyzer::is_cjk(c),
        (Some('%' | '/' | '@' | '_' | '°'), _) => true,
        (Some('.' | ':' | '-'), Some(next)) => next.is_alphanumeric(),
        _ => false,
    };
    before.is_some_and(joins_before) || joins_after
}

fn asked_at(question: &str, start: usize, number: &str, end: usize) -> Option<Asked> {
    let before = &question[question.floor_char_boundary(start.saturating_sub(64))..start];
    let after = &question[end..question.ceil_char_boundary((end + 32).min(question.len()))];
    if is_joined(before.chars().next_back(), after) {
        return None;
    }
    let version = Version::parse(number)?;
    let spaced_before = before.trim_end();
    let word_before = spaced_before
        .rsplit(|c: char| {
            c.is_whitespace() || matches!(c, '(' | '[' | '"' | '\'' | '`' | ',' | ':' | '：' | '（')
        })
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let word_after =
        after.trim_start().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    let is_prefixed = number.starts_with(['v', 'V']);
    let chinese_before =
        ["版本", "版本号", "版本是", "版本为", "版"].iter().any(|said| spaced_before.ends_with(said));
    let is_said = SAID_BEFORE.contains(word_before.as_str())
        || chinese_before
        || ["版", "号版"].iter().any(|said| after.trim_start().starts_with(said))
        || matches!(word_after.as_str(), "version" | "release" | "versi")
        || (is_prefixed && version.numbers.len() > 1);
    let is_several = version.numbers.len() > 1 || version.is_open;
    if !is_said {
        // A single number, such as `v1` of an API, is not a version that people ask for.
        if !is_several || UNITS.contains(word_after.as_str()) || OTHER_NUMBERS.contains(word_before.as_str())
        {
            return None;
        }
        if ["秒", "分", "小时", "小時", "天", "个", "個", "倍", "核"]
            .iter()
            .any(|unit| after.trim_start().starts_with(unit))
        {
            return None;
        }
    }
    let product = (!SAID_BEFORE.contains(word_before.as_str()) && word_before.len() > 1)
        .then_some(word_before)
        .or_else(|| product_before(spaced_before));
    Some(Asked {
        version,
        product: product.filter(|word| word.chars().all(|c| c.is_alphanumeric() || c == '-')),
        is_said,
    })
}

/// The word before `version`, as in `kubernetes version 1.29`.
fn product_before(text: &str) -> Option<String> {
    let mut words = text.rsplit(char::is_whitespace);
    let said = words.next()?.to_lowercase();
    let word = words.next()?.to_lowercase();
    (SAID_BEFORE.contains(said.as_str()) && word.len() > 1).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::unsorted;

    #[test]
    fn the_lists_are_sorted_and_unique() {
        for (name, list) in [
            ("products.txt", PRODUCTS_FILE),
            ("other_numbers.txt", OTHER_NUMBERS_FILE),
            ("units.txt", UNITS_FILE),
            ("said_before.txt", SAID_BEFORE_FILE),
        ] {
            assert_eq!(unsorted(list), None, "sort {name}");
        }
    }

    #[test]
    fn questions_ask_for_versions() {
        let check = |question: &str, versions: &[&str]| {
            let found: Vec<String> = asked(question).iter().map(|asked| asked.version.to_string()).collect();
            assert_eq!(found, versions, "{question}");
        };
        check("how many messages does the queue hold by default in version 1.13?", &["1.13"]);
        check("relay v1.13 does not start", &["1.13"]);
        check("the relay 1.13.2 does not start.", &["1.13.2"]);
        check("node is not ready on 1.29", &["1.29"]);
        check("in version 2 of the relay", &["2"]);
        check("in 2.x", &["2.x"]);
        check("upgrade from 1.11 to v1.13-rc1", &["1.11", "1.13"]);
        check("1.13 版的默认队列有多大？", &["1.13"]);
        check("版本1.13的默认队列", &["1.13"]);
        check("中继 1.13 的默认队列有多大？", &["1.13"]);
        check("hàng đợi của phiên bản 1.13 chứa bao nhiêu?", &["1.13"]);
        check("antrean pada versi 1.13?", &["1.13"]);
        for none in [
            "Back-off pulling image \"registry.example.com/payments/api:1.42.0\"",
            "image api:1.42.0 and api:v1.42",
            "dial tcp 10.0.0.1:443: i/o timeout",
            "container exited with exit code 137",
            "request of 1.5 GiB, limit 2.5Gi, used 99.9%",
            "took 1.5 seconds",
            "等了 1.5 秒",
            "TLS 1.2 handshake failed, HTTP/1.1 400",
            "apiVersion apps/v1 and autoscaling/v2",
            "v1 Pod web-0",
            "at 2026.11.27 the relay failed",
            "step 1.2 of section 3.4",
            "--max=1.5 x=1.13",
            "port 8080, pid 12",
        ] {
            check(none, &[]);
        }
        let product = |question: &str| asked(question)[0].product.clone();
        assert_eq!(product("fails on kubernetes 1.29").as_deref(), Some("kubernetes"));
        assert_eq!(product("fails on kubernetes version 1.29").as_deref(), Some("kubernetes"));
    }
}
