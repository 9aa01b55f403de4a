//! Whether a value at the place of a secret is a secret, and not a placeholder, a reference, a path or a name.

use crate::lists::{lines, words};
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

const MARKERS_FILE: &str = include_str!("markers.txt");
const FILLERS_FILE: &str = include_str!("fillers.txt");
const TECHNICAL_FILE: &str = include_str!("technical.txt");

/// Markers of values that stand for a secret instead of being one.
static MARKERS: LazyLock<Vec<&str>> = LazyLock::new(|| lines(MARKERS_FILE).collect());

/// Words that stand beside a marker, or alone as a value that is never a real secret.
static FILLERS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(FILLERS_FILE));

/// The names of algorithms and formats, which have digits as passwords do.
static TECHNICAL: LazyLock<Vec<&str>> = LazyLock::new(|| lines(TECHNICAL_FILE).collect());

/// The most letters that a placeholder has beside its markers and fillers.
const MAX_REST: usize = 5;

/// Whether a value stands for a secret instead of being one: a variable, a template, a file's path, `changeme`.
pub(super) fn is_stand_in(value: &str) -> bool {
    let is_of_aws = || value.ends_with("EXAMPLE") || value.ends_with("EXAMPLEKEY");
    is_no_value(value) || is_reference(value) || is_filled(value) || is_of_aws()
}

/// Whether a value in a vendor's format is an example or a template. The format tells a secret, so fewer values are excepted
/// than by [`is_stand_in`].
pub(super) fn is_shown_format(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    is_no_value(value)
        || value.contains("EXAMPLE")
        || ["xxxx", "****", "....", "your-", "your_", "<", "${"].iter().any(|marker| lower.contains(marker))
        || lower.contains("example") && is_filled(value)
}

/// Whether a value is empty, one character repeated, or a redaction.
fn is_no_value(value: &str) -> bool {
    let bare = value.trim_matches(|c: char| !c.is_alphanumeric());
    let first = bare.chars().next();
    first.is_none()
        || bare.chars().all(|c| Some(c) == first)
        || ["[redacted", "...", "…"].iter().any(|shown| value.contains(shown))
}

/// Whether a value says where the secret is: a variable, a template, a command's output, a path, an address.
fn is_reference(value: &str) -> bool {
    let value = value.trim_start_matches('\\');
    let mut rest = value;
    loop {
        match reference_at(rest) {
            Some(0) | None => break,
            Some(end) => rest = &rest[end..],
        }
        let punctuation = rest
            .trim_start_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '$' | '%' | '{' | '<'));
        if punctuation.is_empty() || (rest.starts_with(['/', ':', '@', '.']) && is_plain(punctuation)) {
            return true;
        }
        rest = punctuation;
    }
    is_path(value) || is_address(value) || value.starts_with("//")
}

/// The length in bytes of the reference that a text begins with.
fn reference_at(text: &str) -> Option<usize> {
    let closed = |open: &str, close: &str| {
        let inside = text.strip_prefix(open)?;
        // A reference without its end was cut off at white space, and takes all of the text.
        Some(inside.find(close).map_or(text.len(), |end| open.len() + end + close.len()))
    };
    let name = |text: &str| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(text.len())
    };
    let is_variable = |name: &str| {
        let letters = || name.bytes().filter(u8::is_ascii_alphabetic);
        let is_one_case =
            letters().all(|b| b.is_ascii_lowercase()) || letters().all(|b| b.is_ascii_uppercase());
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        !name.is_empty()
            && (digits == 0
                || is_name(name)
                || (is_one_case && digits <= 2 && name.len() >= 3 * digits)
                || name.len() == 1)
    };
    closed("${", "}")
        .or_else(|| closed("$(", ")"))
        .or_else(|| closed("{{", "}}"))
        .or_else(|| closed("%(", ")s"))
        .or_else(|| closed("<", ">"))
        .or_else(|| {
            let rest = text.strip_prefix('$')?;
            let rest_at = 1 + if rest.starts_with("env:") { 4 } else { 0 };
            let end = name(&text[rest_at..]);
            is_variable(&text[rest_at..rest_at + end]).then_some(rest_at + end)
        })
        .or_else(|| {
            let sign = text.chars().next().filter(|c| matches!(c, '%' | '@'))?;
            let end = name(&text[1..]);
            (end > 0 && is_variable(&text[1..=end]) && text[1 + end..].starts_with(sign)).then_some(end + 2)
        })
        .or_else(|| (matches!(text, "%s" | "%d" | "%v" | "%q" | "@-" | "-")).then_some(text.len()))
}

/// Whether a value is a file's path: from the root, the home, the folder, or after `@`, of parts that do not look drawn
/// at random.
pub(super) fn is_path(value: &str) -> bool {
    let path = value.strip_prefix('@').unwrap_or(value);
    let starts = ["/", "~/", "./", "../"].iter().any(|start| path.starts_with(start));
    let is_file = value.starts_with('@') && path.contains('.');
    (starts || is_file) && path.split('/').all(|part| !looks_random(part)) && is_plain(path)
}

/// Whether a text has only letters, digits and the marks of names and paths.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-:~@{}$*,\\[]#".contains(&b))
        && !text.split(['/', ':']).any(looks_random)
}

/// Whether a part of a path looks drawn at random: long, with letters of both cases and digits, or with many changes
/// between letters and digits.
fn looks_random(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let upper = part.bytes().filter(u8::is_ascii_uppercase).count();
    let has = |test: fn(&u8) -> bool| part.as_bytes().iter().any(test);
    (part.len() >= 10 && digits >= 2 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
        || (part.len() >= 16 && digits >= 1 && has(u8::is_ascii_lowercase) && upper >= 4)
        || (part.len() >= 24 && digits >= 4 && turns(part) >= 6)
}

/// Number of changes between digits and other characters.
fn turns(text: &str) -> usize {
    text.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count()
}

/// Whether a value is a URL, a reference to a secret store such as `vault:secret/data/x`, or a mail address.
fn is_address(value: &str) -> bool {
    let scheme = value.find(':').map(|end| &value[..end]);
    let is_scheme = scheme.is_some_and(|scheme| {
        scheme.len() >= 2 && scheme.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'+' | b'-'))
    });
    let is_mail = value.split_once('@').is_some_and(|(name, host)| {
        let is_host =
            host.contains('.') && host.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'-'));
        is_host && name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'-' | b'_'))
    });
    is_mail || (is_scheme && (value.contains("://") || value.contains('/') || value.starts_with("arn:")))
}

/// Whether a value is a placeholder: markers and fillers with at most [`MAX_REST`] other letters, fillers alone with at most
/// one digit, or a name such as `my_db_password`.
fn is_filled(value: &str) -> bool {
    let mut rest = value.to_ascii_lowercase();
    let mut is_marked = false;
    for marker in MARKERS.iter() {
        if rest.contains(marker) {
            is_marked = true;
            rest = rest.replace(marker, " ");
        }
    }
    let is_filler = |word: &str| FILLERS.contains(word) || word.bytes().all(|b| b.is_ascii_digit());
    let words = || rest.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    match is_marked {
        true => words().filter(|word| !is_filler(word)).map(str::len).sum::<usize>() <= MAX_REST,
        // `secret`, `value1` and `my_db_password` are placeholders; `test123` may be a real password.
        false => {
            words().all(|word| FILLERS.contains(word.trim_end_matches(|c: char| c.is_ascii_digit())))
                && value.bytes().filter(u8::is_ascii_digit).count() <= 1
                || names_itself(value)
        }
    }
}

/// Whether a value has only letters, `-`, `_` and spaces, and contains `password`, `passwd`, `secret` or `token`.
fn names_itself(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_' | b' '))
        && ["password", "passwd", "secret", "token"].iter().any(|word| lower.contains(word))
}

/// Whether a value in a Secret is a placeholder or a reference; all other values there are secret.
pub(super) fn is_stand_in_of_secret(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    is_no_value(value)
        || value.starts_with('(') && value.ends_with(')')
        || (is_reference(value) && !is_address(value))
        || (MARKERS.iter().any(|marker| lower.contains(marker)) && is_filled(value))
        || (value.contains(['-', '_']) && names_itself(value))
}

/// The value without the signs that end the sentence or the statement around it, and without a further assignment
/// behind it.
pub(super) fn trimmed(value: &str) -> &str {
    let next = value.match_indices([',', ';', '&']).find(|(at, _)| {
        let after = value[at + 1..].trim_start();
        let end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or(after.len());
        end > 0 && after[end..].starts_with(['=', ':'])
    });
    let mut value = &value[..next.map_or(value.len(), |(at, _)| at)];
    // The ends of table cells and the signs between commands.
    for end in ["|", "&&", "||"] {
        value = value.trim_end_matches(end);
    }
    loop {
        let shorter = value.trim_end_matches([',', ';', ':', '.', '\\']);
        let open = |open: char, close: char| shorter.matches(open).count() < shorter.matches(close).count();
        let shorter = match shorter.chars().next_back() {
            Some(')') if open('(', ')') => &shorter[..shorter.len() - 1],
            Some(']') if open('[', ']') => &shorter[..shorter.len() - 1],
            Some('}') if open('{', '}') => &shorter[..shorter.len() - 1],
            Some('*' | '|') if shorter.ends_with("**") || shorter.ends_with('|') => {
                shorter.trim_end_matches(['*', '|'])
            }
            _ => shorter,
        };
        if shorter.len() == value.len() {
            return value;
        }
        value = shorter;
    }
}

/// Whether a value looks like a password. `is_named`: it is in quotes or behind a word for password, so that a name of
/// lower-case letters and digits is a password as well, and so are digits alone.
pub(super) fn is_password(value: &str, is_named: bool) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let has_digit = has(u8::is_ascii_digit);
    let has_letter = has(u8::is_ascii_alphabetic);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let has_sign = value.bytes().any(|b| b"!@#$%^&?~+*=".contains(&b));
    if value.len() < 6 || is_stand_in(value) || is_technical(value) || is_call(value) {
        return false;
    }
    if has_sign && has_letter && (has_digit || is_mixed) {
        return true;
    }
    match (has_letter, has_digit) {
        (true, true) => (!is_object_name(value) || (is_named && !is_version(value))) && entropy(value) >= 2.2,
        (false, true) => is_named && value.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// Whether a value looks drawn at random, and not like a name, a path or a word. `min_entropy` is in bits a byte.
pub(super) fn looks_drawn(value: &str, min_entropy: f32) -> bool {
    let is_field = value.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'_'));
    value.len() >= 8
        && !is_name(value)
        && (!is_object_name(value)
            || value.split(['-', '.', '/', '_']).any(|part| part.len() >= 16 && turns(part) >= 4))
        && !is_field
        && !is_call(value)
        && num_classes(value) >= 2
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && entropy(value) >= min_entropy
}

/// Whether a value has the form of a UUID: hexadecimal digits in groups of 8, 4, 4, 4 and 12.
pub(super) fn is_uuid(value: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = value.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a value could be the name of an object: lower-case letters and digits, with at least one of the signs
/// between them that such names have.
fn is_object_name(value: &str) -> bool {
    value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'/' | b'_'))
        && value.contains(['-', '.', '/', '_'])
}

/// Whether a value is a name of words with signs between them. A word has at most a capital at its beginning and four
/// digits at its end, or letters only, fewer than 20.
fn is_name(value: &str) -> bool {
    value.contains(['-', '.', '_', '/'])
        && value.split(['-', '.', '/', '_']).all(|part| {
            let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
            part.len() - word.len() <= 4
                && word.bytes().all(|b| b.is_ascii_alphabetic())
                && !word[1.min(word.len())..].bytes().any(|b| b.is_ascii_uppercase())
                || part.bytes().all(|b| b.is_ascii_alphabetic()) && part.len() < 20
        })
}

/// Whether a value is a version or a date: `v1.2.3`, `2024-05-01`.
fn is_version(value: &str) -> bool {
    let digits = value.strip_prefix('v').unwrap_or(value);
    digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'/'))
}

/// Whether a value is the name of an algorithm or a format, alone, with a number, or with further words.
fn is_technical(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    TECHNICAL.iter().any(|word| {
        lower.strip_prefix(word).is_some_and(|rest| {
            rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/'))
                || rest.starts_with(['-', '_']) && !rest.bytes().any(|b| b.is_ascii_digit())
        })
    })
}

/// Whether a value looks like a call of a function or a chain of commands.
fn is_call(value: &str) -> bool {
    value.ends_with('(') || value.contains("()") || value.contains('|')
}

/// The number of classes that occur: lower case, upper case, digits, other characters.
pub(super) fn num_classes(value: &str) -> usize {
    let any = |test: fn(&u8) -> bool| usize::from(value.as_bytes().iter().any(test));
    any(u8::is_ascii_lowercase)
        + any(u8::is_ascii_uppercase)
        + any(u8::is_ascii_digit)
        + any(|b| !b.is_ascii_alphanumeric())
}

/// Shannon entropy of the bytes, in bits a byte.
pub(super) fn entropy(value: &str) -> f32 {
    let mut counts = [0u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = value.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f32 / length)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::unsorted;

    #[test]
    fn the_lists_are_sorted_and_unique() {
        for (name, list) in
            [("markers.txt", MARKERS_FILE), ("fillers.txt", FILLERS_FILE), ("technical.txt", TECHNICAL_FILE)]
        {
            assert_eq!(unsorted(list), None, "sort {name}");
        }
    }
}
