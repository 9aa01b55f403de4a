//! Whether a value that a rule found is a secret, judged with the key, the sentence or the format before it.

use super::judge::{self, is_stand_in, looks_drawn, num_classes};
use crate::lists::lines;
use std::sync::LazyLock;

const ABOUT_FILE: &str = include_str!("about.txt");

/// Whether 40 characters look drawn as AWS draws its secret keys, and not like a digest or a path.
pub(super) fn is_aws_secret(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    !is_stand_in(value)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && judge::entropy(value) >= 4.0
}

/// Whether a value that a sentence tells is a password.
pub(super) fn holds_told(before: &str, value: &str) -> bool {
    let value = judge::trimmed(value);
    let is_quoted = before.ends_with(['"', '\'', '`', '“', '「', '『', '‘']);
    !value.starts_with(['=', ':', '-', '#', '('])
        && !value.contains("](")
        && judge::is_password(value, is_quoted)
}

/// The last word of the text before a value, its operator left out, in lower case: the key, or the end of a key of
/// several words.
fn key_end(before: &str) -> String {
    let key = before.trim_end_matches(|c: char| !c.is_alphanumeric());
    key.rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .next()
        .unwrap_or_default()
        .to_lowercase()
}

/// Endings of keys whose values are facts about a secret, such as its name or its length.
static ABOUT: LazyLock<Vec<&str>> = LazyLock::new(|| lines(ABOUT_FILE).collect());

fn is_about(key: &str) -> bool {
    ABOUT.iter().any(|word| key.ends_with(word))
}

/// Whether a value behind a key for passwords is a password.
pub(super) fn holds_password(before: &str, value: &str) -> bool {
    // `…Pw==/…` are two anonymised names with a slash between them; the first ends in padding.
    if before.ends_with('=') && value.starts_with("=/") {
        return false;
    }
    let value = judge::trimmed(value);
    let key = key_end(before);
    let is_named = [
        "password",
        "passwd",
        "pwd",
        "pass",
        "passphrase",
        "passcode",
        "sandi",
        "密码",
        "密碼",
        "口令",
        "khẩu",
        "khau",
    ]
    .iter()
    .any(|word| key.ends_with(word));
    match is_about(&key) {
        true => looks_drawn(value, 3.0) && !is_stand_in(value) && num_classes(value) >= 3,
        false => judge::is_password(value, is_named),
    }
}

/// Whether a value behind a key for secrets, tokens or keys is a secret.
pub(super) fn holds_secret(before: &str, value: &str) -> bool {
    let value = judge::trimmed(value);
    let key = key_end(before);
    let is_named = ["secret", "token", "key", "credentials", "credential", "令牌", "密钥", "密鑰", "金鑰"]
        .iter()
        .any(|word| key.ends_with(word));
    let min_entropy = if is_named { 3.0 } else { 3.5 };
    !is_stand_in(value)
        && !is_hash_of(value)
        && !is_about(&key)
        && ((value.len() >= if is_named { 12 } else { 16 } && looks_drawn(value, min_entropy))
            || (is_named && judge::is_uuid(value)))
}

/// Whether a value contains the name of a hash, as `sha256:…` and an image's name with its digest do.
pub(super) fn is_hash_of(value: &str) -> bool {
    ["sha256", "sha512", "sha1", "md5"].iter().any(|name| value.to_ascii_lowercase().contains(name))
}

/// Whether base64 that begins like a PEM block is that of a private key.
pub(super) fn is_private_pem(value: &str) -> bool {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut decoded = Vec::with_capacity(64);
    for four in value.as_bytes().chunks_exact(4).take(20) {
        let six = |at: usize| LETTERS.iter().position(|letter| *letter == four[at]).unwrap_or(0) as u32;
        let bits = six(0) << 18 | six(1) << 12 | six(2) << 6 | six(3);
        decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    decoded.windows(11).any(|window| window == b"PRIVATE KEY")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::unsorted;

    #[test]
    fn the_list_is_sorted_and_unique() {
        assert_eq!(unsorted(ABOUT_FILE), None, "sort about.txt");
    }
}
