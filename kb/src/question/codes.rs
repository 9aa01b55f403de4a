//! Error codes as vendors and teams write them: `ORA-00600`, `E1003`, `PO-2044`, `ERR_42`.

/// The codes that a text has, in order.
pub fn error_codes(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
    words.map(|word| word.trim_matches(['-', '_'])).filter(|word| is_error_code(word))
}

/// Whether a word is a code: up to eight capitals, a hyphen or an underscore perhaps, two to six digits, and nothing
/// else.
pub fn is_error_code(word: &str) -> bool {
    let letters = word.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = &word[letters..];
    let number = rest.strip_prefix(['-', '_']).unwrap_or(rest);
    (1..=8).contains(&letters)
        && (2..=6).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_names() {
        let text =
            "ORA-00600 and E1003, PO-2044: but not web-0, HTTP, 503, v1, A1, payments-api-7c9d8b6f5 or UTF-8";
        assert_eq!(error_codes(text).collect::<Vec<_>>(), ["ORA-00600", "E1003", "PO-2044"]);
    }
}
