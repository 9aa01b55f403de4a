//! Finds the tokens that k8sgpt puts in place of names when it anonymises.
//!
//! k8sgpt draws one random character for each byte of the name and writes the result in base64, anew in each run. So a
//! token is base64 in whole groups of four, *and decodes to the characters k8sgpt draws from*: random base64 (a key, a
//! digest) does not, and words hardly ever do. A namespace and a name are joined by `/`, which is also a base64 digit;
//! but in the encoding of such text that digit stands only at the end of a group, so a `/` at the start of a group is a
//! joint.
//!
//! Further conditions depend on the place. Names in Kubernetes are lower case, so where a sentence has one, nearly any
//! such encoding is a stand-in; elsewhere it must also look unlike words, and unlike words that people have encoded.
//!
//! Entry point: [`find`]. [`super::identifiers`] reads the objects whose names are anonymised.

use super::{vocabulary, volatile::STAND_IN};
use std::ops::Range;

/// Longest run that is looked at; a Kubernetes name has at most 253 bytes, twice that with its namespace.
const MAX_RUN_BYTES: usize = 1024;

/// The anonymised tokens of a text, as byte ranges in order; a namespace and a name joined by `/` are one range.
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
            for (from, to) in tokens_of_run(run, &text[..start], &text[at..]) {
                found.push(start + from..start + to);
            }
        }
    }
    found
}

/// The text with [`STAND_IN`] in place of each anonymised name; the tokens go to `anonymised`.
pub(super) fn set_stand_ins_aside(text: &str, anonymised: &mut Vec<String>) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut at = 0;
    let without_marks = |text: &str| text.replace(STAND_IN, " ");
    for range in find(text) {
        visible.push_str(&without_marks(&text[at..range.start]));
        let token = &text[range.clone()];
        // Namespace and name keep their places.
        for part in 0..parts(token) {
            if part > 0 {
                visible.push('/');
            }
            visible.push(STAND_IN);
        }
        if !anonymised.iter().any(|known| known == token) {
            anonymised.push(token.to_owned());
        }
        at = range.end;
    }
    visible.push_str(&without_marks(&text[at..]));
    visible
}

/// The anonymised names of a token by themselves: the namespace and the name where it joins two, in this order.
pub fn names_in(token: &str) -> Vec<&str> {
    match pieces(token).as_slice() {
        [namespace, name] if token[namespace.end..name.start] == *"/" => {
            vec![&token[namespace.start..namespace.end], &token[name.start..name.end]]
        }
        _ => vec![token],
    }
}

/// How many anonymised names a token holds: 2 where a namespace and a name are joined, else 1.
pub(super) fn parts(token: &str) -> usize {
    pieces(token).len().clamp(1, 2)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// One piece of a run, between joints and equals signs that are not padding.
struct Piece {
    start: usize,
    end: usize,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Anonymised wherever it stands.
    Certain,
    /// Anonymised where a name is expected, or beside an anonymised one.
    Possible,
    /// Anonymised beside an anonymised one only.
    Weak,
    /// The token is not anonymised.
    No,
}

fn tokens_of_run(run: &str, before: &str, after: &str) -> Vec<(usize, usize)> {
    let mut pieces = pieces(run);
    if pieces.iter().all(|piece| matches!(piece.verdict, Verdict::Weak | Verdict::No)) {
        return Vec::new();
    }
    let text = |piece: &Piece| &run[piece.start..piece.end];
    let joint = |left: &Piece, right: &Piece| &run[left.end..right.start];
    let in_label = is_label(before);
    for i in 0..pieces.len() {
        let is_beside = i > 0 && pieces[i - 1].verdict == Verdict::Certain;
        let expected = is_beside
            || match i {
                0 => in_label || expects_name(before),
                _ => match joint(&pieces[i - 1], &pieces[i]) {
                    // `StatefulSet/STAND_IN`; `Deployment orders/STAND_IN`, where the namespace was not anonymised.
                    "/" => {
                        vocabulary::kind_of_prefix(text(&pieces[i - 1])).is_some()
                            || i == 1 && expects_name(before)
                    }
                    "=" => in_label || leads_to_name(text(&pieces[i - 1]), "="),
                    _ => false,
                },
            }
            || pieces[i].end == run.len() && has_condition(before, after);
        pieces[i].verdict = match pieces[i].verdict {
            Verdict::Possible if expected => Verdict::Certain,
            Verdict::Weak if is_beside => Verdict::Certain,
            verdict => verdict,
        };
    }
    // Of two encodings with a slash between them, the first is the namespace of the second, for an object of any kind.
    for i in 1..pieces.len() {
        let is_long = |piece: &Piece| piece.verdict == Verdict::Possible && text(piece).len() >= 8;
        if joint(&pieces[i - 1], &pieces[i]) == "/" && is_long(&pieces[i - 1]) && is_long(&pieces[i]) {
            pieces[i].verdict = Verdict::Certain;
        }
    }
    // The namespace of an anonymised name is anonymised as well.
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
        let (end, verdict) = match encoding_length(&bytes[start..]) {
            Some(length) => {
                let end = with_padding(bytes, start + length);
                (end, judge_encoding(&run[start..end]))
            }
            None => {
                let length = bytes[start..].iter().position(|b| matches!(b, b'/' | b'='));
                let end = with_padding(bytes, length.map_or(bytes.len(), |length| start + length));
                (end, judge_shape(&run[start..end]))
            }
        };
        pieces.push(Piece { start, end, verdict });
        start = end;
    }
    pieces
}

/// Length of what the bytes start with, if it encodes what k8sgpt draws and ends at `/`, `=` or the end. The last group
/// may lack its padding.
fn encoding_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() && !matches!(bytes[at], b'/' | b'=') {
        let group = &bytes[at..bytes.len().min(at + 4)];
        if group.len() == 4 && decodes(group) {
            at += 4;
            continue;
        }
        let length = group.iter().take_while(|b| !matches!(b, b'/' | b'=')).count();
        if length == 4 || !decodes(&group[..length]) {
            return None;
        }
        let padding = group[length..].iter().take_while(|b| **b == b'=').count();
        at += if length + padding == 4 { 4 } else { length };
        break;
    }
    (at == bytes.len() || matches!(bytes[at], b'/' | b'=')).then_some(at)
}

/// The end of a piece with padding that it does not need: some tools write it, and then it belongs to the token. An
/// equals sign with something after it joins a label's key and value.
fn with_padding(bytes: &[u8], end: usize) -> usize {
    if bytes[..end].ends_with(b"=") {
        return end;
    }
    let padding = bytes[end..].iter().take(2).take_while(|b| **b == b'=').count();
    match bytes.get(end + padding) {
        None | Some(b'/') => end + padding,
        Some(_) => end,
    }
}

/// Whether two to four digits encode one to three of the characters that k8sgpt draws from.
fn decodes(digits: &[u8]) -> bool {
    let mut values = [0u8; 4];
    for (slot, digit) in values.iter_mut().zip(digits) {
        match value(*digit) {
            Some(value) => *slot = value,
            None => return false,
        }
    }
    if !(2..=4).contains(&digits.len()) {
        return false;
    }
    let decoded =
        [values[0] << 2 | values[1] >> 4, values[1] << 4 | values[2] >> 2, values[2] << 6 | values[3]];
    let (drawn, rest) = decoded.split_at(digits.len() - 1);
    // The bits that are left over are zero.
    drawn.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'`' | b'~' | b'\\'))
        && rest.first().is_none_or(|b| *b == 0)
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

/// A piece that encodes what k8sgpt draws.
fn judge_encoding(piece: &str) -> Verdict {
    let shape = Shape::of(piece);
    let digits = piece.trim_end_matches('=').len();
    let is_padded = piece.ends_with('=');
    if vocabulary::kind_of_prefix(piece).is_some() {
        return Verdict::No;
    }
    if !is_padded && !digits.is_multiple_of(4) {
        // Without its padding; so do words end.
        return match judge_shape(piece) {
            Verdict::No if digits >= 6 && shape.has_upper && !is_capitalised_words(piece) => {
                Verdict::Possible
            }
            Verdict::No if digits >= 6 => Verdict::Weak,
            verdict => verdict,
        };
    }
    if !is_padded && digits == 4 {
        let is_word = !shape.mixed_case || shape.capitalised;
        return if is_word { Verdict::Weak } else { Verdict::Possible };
    }
    // Eight digits and more: no word of the public documentation is an encoding and could be a name. But encoded
    // words, as in a secret's value, are no stand-ins where no name is expected.
    if encodes_words(piece) || !shape.has_upper || shape.capitalised {
        return Verdict::Possible;
    }
    match digits {
        12.. if shape.mixed_case && !shape.natural => Verdict::Certain,
        7.. if shape.mixed_case && !shape.natural && shape.disorder >= 0.45 => Verdict::Certain,
        16.. if (shape.mixed_case || shape.has_number) && shape.disorder >= 0.3 => Verdict::Certain,
        _ => Verdict::Possible,
    }
}

/// Whether the piece is a capitalised word, or several with slashes between.
fn is_capitalised_words(piece: &str) -> bool {
    piece.split('/').all(|word| Shape::of(word).capitalised)
}

/// A piece that is no encoding of printable text: other tools anonymise with random base64 too.
fn judge_shape(piece: &str) -> Verdict {
    let shape = Shape::of(piece);
    let digits = piece.trim_end_matches('=').len();
    if digits >= 16 && shape.mixed_case && shape.has_number && !shape.natural && shape.disorder >= 0.5 {
        return Verdict::Certain;
    }
    // No object has a name that ends in `==` and has an upper-case letter.
    if digits >= 8 && piece.ends_with('=') && shape.mixed_case && !shape.natural && shape.disorder >= 0.4 {
        return Verdict::Possible;
    }
    Verdict::No
}

/// Whether the encoded text is lower-case words, as people encode a secret's value: then it is no stand-in.
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
    /// An upper-case letter occurs.
    has_upper: bool,
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
            has_upper: upper > 0,
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
    let trimmed = before.trim_end_matches([' ', '\'', '"', '`', '[', '(', ':', '=', '「', '“', '*']);
    let gap = &before[trimmed.len()..];
    if vocabulary::foreign_kind_at_end(trimmed).is_some() {
        return true;
    }
    let word = last_word(trimmed, |c| c.is_ascii_alphanumeric() || c == '.');
    !gap.is_empty() && leads_to_name(word.split('.').next().unwrap_or(word), gap)
}

/// Whether a word is followed by a name, with this between them.
fn leads_to_name(word: &str, gap: &str) -> bool {
    match vocabulary::kind_of_word(word) {
        // `secret: YWRtaW4=` gives a value.
        Some(kind) => kind.canonical != "Secret" || !gap.contains([':', '=']),
        None => matches!(
            word.to_ascii_lowercase().as_str(),
            "label"
                | "class"
                | "webhook"
                | "imagepullsecret"
                | "container"
                | "policy"
                | "account"
                | "claim"
                | "volume"
                | "name"
                | "named"
                | "called"
        ),
    }
}

/// Whether the text before ends within a label, `label ` or `label app.kubernetes.`.
fn is_label(before: &str) -> bool {
    let key = last_word(before, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'));
    before[..before.len() - key.len()].ends_with("label ")
}

/// The end of a text as far as its characters belong to a word; at most 253, as a label's key has.
fn last_word(text: &str, is_part: impl Fn(char) -> bool) -> &str {
    let start = text.char_indices().rev().take(253).take_while(|(_, c)| is_part(*c)).last();
    start.map_or("", |(at, _)| &text[at..])
}

/// Whether the sentence goes on as k8sgpt does after the name of a node, catalog or extension.
fn has_condition(before: &str, after: &str) -> bool {
    after.starts_with(" has condition of type ") || before.is_empty() && after.starts_with(" has error: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = find(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_joined_token_comes_apart() {
        for (token, expected) in [
            (
                "UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z",
                ["UHRZOmdq", "Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z"].as_slice(),
            ),
            ("TikveG49Xzt5Vm0oaS1o", ["TikveG49Xzt5Vm0oaS1o"].as_slice()),
            ("VXtj=KzJaQzg=", ["VXtj=KzJaQzg="].as_slice()),
        ] {
            assert_eq!(names_in(token), expected, "{token}");
        }
    }

    #[test]
    fn anonymised_names_are_found_in_k8sgpts_sentences() {
        check(
            "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas but 0 are available",
            &["UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z"],
        );
        check("HorizontalPodAutoscaler uses StatefulSet/TikveG49Xzt5Vm0oaS1o as", &["TikveG49Xzt5Vm0oaS1o"]);
        check("Service has no endpoints, expected label VXtj=KzJaQzg=", &["VXtj", "KzJaQzg="]);
        check("HTTPRoute uses the Gateway 'UHRZOmdq/Jm1VPWgj' which", &["UHRZOmdq/Jm1VPWgj"]);
        check("用 UHRZOmdq/Jm1VPWgj== 嗎", &["UHRZOmdq/Jm1VPWgj=="]);
        check("payments-TikveG49Xzt5Vm0oaS1o has", &["TikveG49Xzt5Vm0oaS1o"]);
        check("MHYiTTRlYUQ= has condition of type Ready", &["MHYiTTRlYUQ="]);
        check("secret ZVFSTA==/ZVRHWV9PU1M9V1RU-tls as", &["ZVFSTA==/ZVRHWV9PU1M9V1RU"]);
        check("部署 ZVFSTA== 出錯了", &["ZVFSTA=="]);
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
