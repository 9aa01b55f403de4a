//! Finds the tokens that k8sgpt puts in place of names when it anonymises.
//!
//! k8sgpt draws one random printable character for each byte of the name and writes the result in base64, anew in each
//! run. So a token is base64 in whole groups of four, *and decodes to printable ASCII*: random base64 (a key, a digest)
//! does not, and words hardly ever do. A namespace and a name are joined by `/`, which is also a base64 digit; but in
//! the encoding of printable text that digit stands only at the end of a group, so a `/` at the start of a group is
//! a joint.
//!
//! Entry point: [`find`]. What the rest of the question makes of a masked name is in [`super::identifiers`].

use super::vocabulary;
use std::ops::Range;

/// Longest run that is looked at; a Kubernetes name has at most 253 bytes, twice that with its namespace.
const MAX_RUN_BYTES: usize = 1024;

/// The masked tokens of a text, as byte ranges in order; a namespace and a name joined by `/` are one range.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_digit(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && (is_digit(bytes[at]) || bytes[at] == b'=') {
            at += 1;
        }
        let run = &text[start..at];
        // A letter beyond ASCII before or after belongs to the same word; CJK does not.
        if run.len() >= 4 && run.len() <= MAX_RUN_BYTES {
            for (from, to) in tokens_of_run(run, &text[..start]) {
                found.push(start + from..start + to);
            }
        }
    }
    found
}

/// How many masked names a token holds: 2 where a namespace and a name are joined, else 1.
pub(super) fn parts(token: &str) -> usize {
    pieces(token).len().clamp(1, 2)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// One piece of a run: between joints and equals signs that are no padding.
struct Piece {
    start: usize,
    end: usize,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Masked wherever it stands.
    Certain,
    /// Masked where a name is expected, or beside a masked one.
    Possible,
    /// Masked beside a masked one only.
    Weak,
    /// Anything else.
    No,
}

fn tokens_of_run(run: &str, before: &str) -> Vec<(usize, usize)> {
    let mut pieces = pieces(run);
    // `Kind/MASK`, and a kind or a similar word before the run, say that a name is expected.
    let mut expected = expects_name(before);
    let mut after_masked = false;
    for piece in &mut pieces {
        let text = &run[piece.start..piece.end];
        let is_beside = after_masked && piece.verdict == Verdict::Weak;
        if is_beside || expected && piece.verdict == Verdict::Possible {
            piece.verdict = Verdict::Certain;
        }
        after_masked = piece.verdict == Verdict::Certain;
        expected = after_masked || vocabulary::kind_of_prefix(text).is_some();
    }
    // The namespace of a masked name is masked as well.
    for i in (0..pieces.len().saturating_sub(1)).rev() {
        if pieces[i + 1].verdict == Verdict::Certain && pieces[i].verdict != Verdict::No {
            pieces[i].verdict = Verdict::Certain;
        }
    }
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.verdict == Verdict::Certain) {
        match tokens.last_mut() {
            Some(last) if &run[last.1..piece.start] == "/" => last.1 = piece.end,
            _ => tokens.push((piece.start, piece.end)),
        }
    }
    tokens
}

/// Cuts a run into its pieces: at `/` where a group of four would start, and at `=` that is no padding.
fn pieces(run: &str) -> Vec<Piece> {
    let bytes = run.as_bytes();
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        if matches!(bytes[start], b'/' | b'=') {
            start += 1;
            continue;
        }
        // First by groups; a piece that is no clean encoding is taken up to the next `/` or `=`.
        let mut end = start;
        let mut clean = true;
        while end < bytes.len() && !matches!(bytes[end], b'/' | b'=') {
            let group = &bytes[end..bytes.len().min(end + 4)];
            match group_length(group) {
                Some(length) => {
                    end += length;
                    if group[..length].ends_with(b"=") || length < 4 {
                        break;
                    }
                }
                None => {
                    clean = false;
                    break;
                }
            }
        }
        let ends_well = end == bytes.len() || matches!(bytes[end], b'/' | b'=');
        if clean && ends_well {
            // Padding that is not needed, as some tools write it, still belongs to the token.
            let mut padded = end;
            while padded < bytes.len() && padded < end + 2 && bytes[padded] == b'=' {
                padded += 1;
            }
            let at_the_end = padded == bytes.len() || bytes[padded] == b'/';
            if at_the_end && !bytes[..end].ends_with(b"=") {
                end = padded;
            }
            let verdict = judge_encoding(&run[start..end]);
            pieces.push(Piece { start, end, verdict });
        } else {
            end = start
                + bytes[start..].iter().position(|b| matches!(b, b'/' | b'=')).unwrap_or(bytes.len() - start);
            let mut padded = end;
            while padded < bytes.len() && padded < end + 2 && bytes[padded] == b'=' {
                padded += 1;
            }
            if padded == bytes.len() || bytes[padded] == b'/' {
                end = padded;
            }
            let verdict = judge_shape(&run[start..end]);
            pieces.push(Piece { start, end, verdict });
        }
        start = end;
    }
    pieces
}

/// Length of the next group if it encodes printable text: 4, or less at the end where the padding is missing.
fn group_length(group: &[u8]) -> Option<usize> {
    let mut values = [0u8; 4];
    let mut length = 0;
    for &byte in group {
        if byte == b'=' {
            break;
        }
        values[length] = value(byte)?;
        length += 1;
    }
    if length < 2 {
        return None;
    }
    let decoded =
        [values[0] << 2 | values[1] >> 4, values[1] << 4 | values[2] >> 2, values[2] << 6 | values[3]];
    let num_bytes = length - 1;
    if !decoded[..num_bytes].iter().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    match length {
        4 => Some(4),
        _ => {
            // The bits that are left over must be zero, and the padding either complete or absent.
            let rest_is_zero = decoded[num_bytes] == 0;
            let padding = group[length..].iter().take_while(|b| **b == b'=').count();
            let complete = length + padding == 4;
            (rest_is_zero && complete).then_some(4)
        }
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// A piece that decodes to printable text.
fn judge_encoding(piece: &str) -> Verdict {
    let shape = Shape::of(piece);
    if vocabulary::kind_of_prefix(piece).is_some() {
        return Verdict::No;
    }
    if !shape.mixed_case || shape.capitalised {
        return Verdict::Weak;
    }
    if encodes_words(piece) {
        // No object's name has upper-case letters, so where a name is expected even this is a stand-in.
        return Verdict::Possible;
    }
    match piece.trim_end_matches('=').len() {
        12.. if !shape.natural => Verdict::Certain,
        7.. if !shape.natural && shape.disorder >= 0.45 => Verdict::Certain,
        16.. if shape.disorder >= 0.3 => Verdict::Certain,
        _ => Verdict::Possible,
    }
}

/// A piece that is no encoding of printable text: other tools mask with random base64 too.
fn judge_shape(piece: &str) -> Verdict {
    let shape = Shape::of(piece);
    let digits = piece.trim_end_matches('=').len();
    if digits >= 16 && shape.mixed_case && shape.has_number && !shape.natural && shape.disorder >= 0.5 {
        return Verdict::Certain;
    }
    // `…==` with an upper-case letter inside is no name of anything.
    if digits >= 8 && piece.ends_with('=') && shape.mixed_case && !shape.natural && shape.disorder >= 0.4 {
        return Verdict::Possible;
    }
    Verdict::No
}

/// Whether the encoded text is lower-case words, as people encode a secret's value: then it is no mask.
fn encodes_words(piece: &str) -> bool {
    let mut decoded = Vec::with_capacity(piece.len());
    for group in piece.trim_end_matches('=').as_bytes().chunks(4) {
        let mut values = [0u8; 4];
        for (slot, byte) in values.iter_mut().zip(group) {
            *slot = value(*byte).unwrap_or(0);
        }
        let bytes =
            [values[0] << 2 | values[1] >> 4, values[1] << 4 | values[2] >> 2, values[2] << 6 | values[3]];
        decoded.extend_from_slice(&bytes[..group.len().saturating_sub(1).min(3)]);
    }
    decoded.len() >= 4
        && decoded
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_'))
}

/// How a piece looks, apart from what it encodes.
struct Shape {
    /// Upper and lower case letters both occur.
    mixed_case: bool,
    /// A digit, `+` or `/` occurs.
    has_number: bool,
    /// Reads like words in camel case: humps of three letters and more on average, numbers only at their ends.
    natural: bool,
    /// One upper-case letter, then lower-case letters only.
    capitalised: bool,
    /// Share of neighbours that change between upper case, lower case and digit.
    disorder: f32,
}

impl Shape {
    fn of(piece: &str) -> Self {
        let bytes = piece.trim_end_matches('=').as_bytes();
        let class = |b: u8| match b {
            b'A'..=b'Z' => 0,
            b'a'..=b'z' => 1,
            _ => 2,
        };
        let changes = bytes.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
        let humps = 1 + bytes.windows(2).filter(|pair| class(pair[1]) == 0 && class(pair[0]) != 0).count();
        let numbers = bytes.iter().filter(|b| class(**b) == 2).count();
        let upper = bytes.iter().filter(|b| class(**b) == 0).count();
        let lower = bytes.len() - numbers - upper;
        let numbers_inside =
            bytes.windows(2).filter(|pair| class(pair[0]) == 2 && class(pair[1]) == 1).count();
        Self {
            mixed_case: upper > 0 && lower > 0,
            has_number: numbers > 0,
            natural: numbers_inside == 0 && bytes.len() >= 3 * humps && lower >= upper,
            capitalised: upper == 1 && numbers == 0 && bytes.first().is_some_and(u8::is_ascii_uppercase),
            disorder: changes as f32 / (bytes.len().max(2) - 1) as f32,
        }
    }
}

/// Whether the text before says that a name comes now: a kind, or one of the words k8sgpt writes before a name.
fn expects_name(before: &str) -> bool {
    let trimmed = before.trim_end_matches([' ', '\'', '"', '[', ':', '=']);
    if trimmed.len() == before.len() {
        return false;
    }
    let start = trimmed
        .char_indices()
        .rev()
        .take(40)
        .take_while(|(_, c)| c.is_ascii_alphanumeric() || *c == '.')
        .last()
        .map_or(trimmed.len(), |(at, _)| at);
    let word = &trimmed[start..];
    let base = word.split('.').next().unwrap_or(word);
    vocabulary::kind_of_word(base).is_some()
        || matches!(
            base.to_ascii_lowercase().as_str(),
            "label" | "class" | "webhook" | "imagepullsecret" | "pods" | "container" | "policy" | "name"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = find(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn masked_names_are_found_in_k8sgpts_sentences() {
        check(
            "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas but 0 are available",
            &["UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z"],
        );
        check("HorizontalPodAutoscaler uses StatefulSet/TikveG49Xzt5Vm0oaS1o as", &["TikveG49Xzt5Vm0oaS1o"]);
        check("Service has no endpoints, expected label VXtj=KzJaQzg=", &["VXtj", "KzJaQzg="]);
        check("HTTPRoute uses the Gateway 'UHRZOmdq/Jm1VPWgj' which", &["UHRZOmdq/Jm1VPWgj"]);
        check("用 UHRZOmdq/Jm1VPWgj== 嗎", &["UHRZOmdq/Jm1VPWgj=="]);
        check("payments-TikveG49Xzt5Vm0oaS1o has", &["TikveG49Xzt5Vm0oaS1o"]);
    }

    #[test]
    fn a_slash_that_is_a_digit_of_the_encoding_stays_inside() {
        // "a?b?c?d?e?f?" has a `/` at the end of groups.
        check("Deployment eD97Pz8/Pz8/fXs= has", &["eD97Pz8/Pz8/fXs="]);
    }

    #[test]
    fn words_paths_and_names_are_none() {
        for text in [
            "Deployment payments/payments-api has 3 replicas in spec",
            "KubePodCrashLooping: Pod prod/web is restarting",
            "ImagePullBackOff CreateContainerConfigError FailedCreatePodSandBox HorizontalPodAutoscaler",
            "/var/lib/kubelet/pods and /etc/kubernetes/manifests/kube-apiserver.yaml",
            "networking.k8s.io/v1 NetworkPolicy apiVersion/kind spec/selector",
            "registry.example.com/Team/App:latest",
            "sha256:3f0c9f2f7f5f4f0a9f0b7d3b1c2d4e5f",
            "set YWRtaW4tdXNlcg== as the value",
            "ClusterServiceVersion PodDisruptionBudgetAtLimit ThanosRuleRuleEvaluationLatencyHigh",
            "AlertmanagerMembersInconsistent NodeNetworkReceiveErrs IPv4 TCP/UDP HTTP/1.1 CI/CD OAuth2/OpenID",
        ] {
            check(text, &[]);
        }
    }
}
