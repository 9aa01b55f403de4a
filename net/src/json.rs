//! JSON of other systems.

use crate::CallError;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// Reads a body. Half of a surrogate pair, which programs that cut texts leave behind, is read as the replacement
/// character, so that the rest of the body is not lost.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(CallError::Empty);
    }
    let error = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if error.is_syntax()
        && let Cow::Owned(mended) = without_halves(body)
        && let Ok(value) = serde_json::from_slice(&mended)
    {
        return Ok(value);
    }
    Err(match error.is_eof() {
        true => CallError::Cut { detail: "the JSON ends early".to_owned() },
        // Only the category, since serde's message can quote the body.
        false => {
            CallError::NotJson { detail: format!("{:?} error in its JSON", error.classify()).to_lowercase() }
        }
    })
}

/// The same JSON with `\ufffd` where half of a surrogate pair is escaped.
fn without_halves(body: &[u8]) -> Cow<'_, [u8]> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < body.len() {
        let length = match unit(body, at) {
            // Another escape, which may be that of a backslash.
            None if body[at] == b'\\' => 2,
            None => 1,
            Some(0xd800..=0xdbff) if matches!(unit(body, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                let mended = mended.get_or_insert_with(|| body.to_vec());
                mended[at..at + 6].copy_from_slice(b"\\ufffd");
                6
            }
            Some(_) => 6,
        };
        at += length;
    }
    mended.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// The code unit of an escape that begins at `at`.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)? as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_judged_without_being_quoted() {
        let read = |body: &str| from_slice::<Vec<String>>(body.as_bytes());
        assert_eq!(read(r#"["a"]"#), Ok(vec!["a".to_owned()]));
        assert_eq!(read(" \n"), Err(CallError::Empty));
        assert!(matches!(read(r#"["a"#), Err(CallError::Cut { .. })));
        for other in ["<html>canary", r#"{"canary":1}"#, r#"["canary" "b"]"#] {
            let error = read(other).expect_err(other);
            assert!(matches!(error, CallError::NotJson { .. }), "{other}: {error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn half_a_pair_loses_nothing_else() {
        let check = |body: &str, expected: &str| {
            let found = from_slice::<Vec<String>>(format!("[\"{body}\"]").as_bytes());
            assert_eq!(found.map(|texts| texts.concat()).as_deref(), Ok(expected), "{body}");
        };
        check(r"a\ud83d\ude00b", "a\u{1f600}b");
        check(r"a\ud83d b", "a\u{fffd} b");
        check(r"a\ude00", "a\u{fffd}");
        check(r"a\ud83d\ud83d\ude00", "a\u{fffd}\u{1f600}");
        check(r"a\ud83d\n\\ud83d", "a\u{fffd}\n\\ud83d");
        check(r"\ud83d\u0041", "\u{fffd}A");
    }
}
