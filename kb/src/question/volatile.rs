//! Removes the parts of a text that no document can repeat: UIDs, pod hashes, addresses, times, digests, long numbers,
//! unfilled templates and anonymised names.
//!
//! Entry point: [`clean`]. The rest of the text stays byte for byte, so prose stays as it is. The result is never
//! longer than the text, and cleaning it again changes nothing.

use regex::Regex;
use std::{net::Ipv6Addr, ops::Range, sync::LazyLock};

/// Stands for an anonymised name while a text is worked on (a private-use character, one for each token).
pub(super) const STAND_IN: char = '\u{e000}';

/// The letters and digits of Kubernetes' random name suffixes: no vowels, no digits that look like letters.
const RANDOM_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Taking something out may bring two halves of something else together; this many rounds are enough for any text that
/// was not made to need more.
const MAX_ROUNDS: usize = 8;

/// Takes the volatile parts out of a text in which anonymised names were replaced by [`STAND_IN`].
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = text.trim().to_owned();
    for _ in 0..MAX_ROUNDS {
        let removals = removals(&cleaned);
        if removals.is_empty() {
            break;
        }
        cleaned = without(&cleaned, &removals);
    }
    cleaned
}

/// A part that differs from one occurrence of a failure to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volatile {
    /// The part as it stands in the text.
    pub text: String,
    /// Drawn at random, such as a pod's suffix or a UID: no document has it. Addresses, times and durations may be
    /// anywhere.
    pub is_random: bool,
}

/// The parts that [`clean`] removes without a stand-in, and the durations that it leaves, in order of appearance.
pub(super) fn parts(text: &str) -> Vec<Volatile> {
    let mut parts = removals(text);
    parts.extend(DURATION.find_iter(text).map(|found| Removal::of(found.range())));
    parts.sort_by_key(|part| (part.range.start, usize::MAX - part.range.end));
    let mut at = 0;
    parts.retain(|part| {
        let is_apart = part.range.start >= at;
        at = at.max(part.range.end);
        is_apart
    });
    let apart = parts.into_iter().map(|part| (text[part.range].trim().to_owned(), part.is_random));
    let told = apart.filter(|(text, _)| text.chars().any(char::is_alphanumeric) && !text.contains(STAND_IN));
    told.map(|(text, is_random)| Volatile { text, is_random }).collect()
}

/// A part to remove, and the text that replaces it.
struct Removal<'t> {
    range: Range<usize>,
    keep: Option<&'t str>,
    is_random: bool,
}

impl Removal<'_> {
    fn of(range: Range<usize>) -> Self {
        Self { range, keep: None, is_random: false }
    }

    fn random(range: Range<usize>) -> Self {
        Self { is_random: true, ..Self::of(range) }
    }
}

/// Patterns that are volatile whenever they match. `(?-u:\b)`: a CJK character next to it is no part of the word.
static ALWAYS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let b = r"(?-u:\b)";
    let time = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?";
    [
        // A UID.
        format!("{b}[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}{b}"),
        // Digest, with the `@` that hangs it to an image.
        format!(r"@?{b}sha(?:1|256|512):[0-9a-fA-F]{{7,128}}{b}"),
        // RFC 3339 and its relatives; Go's `time.String` with its monotonic clock.
        format!(
            r"{b}[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[Tt ]{time}(?:Z{b}| ?[+-][0-9]{{2}}:?[0-9]{{2}}{b}(?: UTC{b})?(?: m=[+-][0-9.]{{1,20}})?| UTC{b})?"
        ),
        // The header of a line by klog.
        format!(r"{b}[IWEF][0-9]{{4}} {time} {{1,8}}[0-9]{{1,7}} "),
        // syslog, common log format, and a time alone.
        format!(r"{b}(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {{1,2}}[0-9]{{1,2}} {time}{b}"),
        format!(r"{b}[0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?: [+-][0-9]{{4}})?{b}"),
        format!(r"{b}[0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}(?:[.,][0-9]{{1,9}})?{b}"),
        // A node named after its address.
        format!(r"{b}ip-[0-9]{{1,3}}-[0-9]{{1,3}}-[0-9]{{1,3}}-[0-9]{{1,3}}(?:\.[a-z0-9-]{{1,63}}){{0,6}}"),
        // A hardware address or a pointer.
        format!("{b}(?:[0-9a-fA-F]{{2}}:){{5}}[0-9a-fA-F]{{2}}{b}"),
        format!("{b}0x[0-9a-f]{{9,16}}{b}"),
        // A measured value with the digits only a machine writes; a number that only counts something.
        format!(r"{b}[0-9]{{1,20}}\.[0-9]{{4,20}}(?:e[+-]?[0-9]{{1,3}})?{b}"),
        format!("{b}[0-9]{{9,40}}{b}"),
        // A template in an alert that was not filled in.
        r"\{\{[^{}]{0,200}\$(?:value|labels|externalLabels|externalURL)[^{}]{0,200}\}\}".to_owned(),
        "<no value>".to_owned(),
        // Anonymised names, with what joins them to each other.
        format!("[/=_.:@-]{{0,2}}{STAND_IN}(?:[/=_.:@-]{{0,2}}{STAND_IN})*[/=_@-]{{0,2}}"),
    ]
    .iter()
    .map(|pattern| Regex::new(pattern).expect("the pattern is fixed"))
    .collect()
});

static POD_WITH_UID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u:\b)([a-z0-9][a-z0-9.-]{0,252})_([a-z0-9-]{1,63})\([0-9a-fA-F-]{32,36}\)")
        .expect("the pattern is fixed")
});
static IPV4: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:(?:https?|tcp|udp|grpc|wss?)://)?(?-u:\b)([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?-u:\b)(:[0-9]{1,5}(?-u:\b))?(/[0-9]{1,2}(?-u:\b))?",
    )
    .expect("the pattern is fixed")
});
static IPV6: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[?(?-u:\b)([0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7})(?:\]:[0-9]{1,5})?")
        .expect("the pattern is fixed")
});
static HEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u:\b)[0-9a-f]{12,128}(?-u:\b)").expect("the pattern is fixed"));
static HYPHENATED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u:\b)[a-z0-9]{1,63}(?:-[a-z0-9]{1,63}){1,60}-?").expect("the pattern is fixed")
});

/// How long something took or waits, as Go writes it: `10s`, `2m40s`.
static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u:\b)(?:[0-9]{1,4}h)?(?:[0-9]{1,2}m)?[0-9]{1,2}(?:\.[0-9]{1,9})?s(?-u:\b)")
        .expect("the pattern is fixed")
});

fn removals(text: &str) -> Vec<Removal<'_>> {
    let mut removals: Vec<Removal<'_>> = Vec::new();
    for found in POD_WITH_UID.captures_iter(text) {
        let (Some(all), Some(name), Some(namespace)) = (found.get(0), found.get(1), found.get(2)) else {
            continue;
        };
        removals.push(Removal { keep: Some(" "), ..Removal::of(name.end()..name.end() + 1) });
        removals.push(Removal::random(namespace.end()..all.end()));
    }
    for pattern in ALWAYS.iter() {
        removals.extend(pattern.find_iter(text).map(|found| Removal::of(found.range())));
    }
    for found in IPV4.captures_iter(text) {
        let octet =
            |i| found.get(i).and_then(|o: regex::Match<'_>| o.as_str().parse::<u16>().ok()).unwrap_or(999);
        let octets = [octet(1), octet(2), octet(3), octet(4)];
        // Loopback, the wildcard and networks are meant as such; four numbers may also be a version.
        let is_meant = octets[0] == 127 || octets == [0; 4] || octets[0] == 255 || found.get(6).is_some();
        if let Some(all) = found.get(0)
            && octets.iter().all(|octet| *octet <= 255)
            && !is_meant
        {
            // A path after a host stays next to what precedes it: `"http://10.0.0.1:80/healthz"` keeps `"/healthz"`.
            let keep = text[all.end()..].starts_with('/').then_some("");
            removals.push(Removal { keep, ..Removal::of(all.range()) });
        }
    }
    for found in IPV6.captures_iter(text) {
        if let (Some(all), Some(address)) = (found.get(0), found.get(1))
            && address.len() >= 6
            && address.as_str().bytes().any(|b| b.is_ascii_digit())
            && address.as_str().parse::<Ipv6Addr>().is_ok()
        {
            let range = match all.as_str().starts_with('[') && !all.as_str().contains(']') {
                true => address.range(),
                false => all.range(),
            };
            removals.push(Removal::of(range));
        }
    }
    for found in HEX.find_iter(text) {
        let digits = found.as_str().bytes().filter(u8::is_ascii_digit).count();
        if digits >= 2 && found.len() - digits >= 2 {
            removals.push(Removal::random(found.range()));
        }
    }
    for found in HYPHENATED.find_iter(text) {
        let stem = stem(found.as_str());
        let is_whole = !text[found.end()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if stem.len() < found.len() && is_whole {
            removals.push(Removal::random(found.start() + stem.len()..found.end()));
        }
    }
    removals.sort_by_key(|removal| (removal.range.start, usize::MAX - removal.range.end));
    removals
}

/// The text without the parts; each takes brackets and quotes that held nothing else with it, and
/// leaves a space where two words would grow together.
fn without(text: &str, removals: &[Removal<'_>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for removal in removals {
        if removal.range.start < at {
            continue;
        }
        out.push_str(&text[at..removal.range.start]);
        at = removal.range.end;
        if let Some(keep) = removal.keep {
            out.push_str(keep);
            continue;
        }
        while let (Some(open), Some(close)) = (out.chars().next_back(), text[at..].chars().next()) {
            if !matches!(
                (open, close),
                ('"', '"') | ('\'', '\'') | ('`', '`') | ('(', ')') | ('[', ']') | ('{', '}')
            ) {
                break;
            }
            out.pop();
            at += close.len_utf8();
        }
        let next = text[at..].chars().next();
        let previous = out.chars().next_back();
        if next.is_none_or(|c| matches!(c, ',' | ';' | '.' | ')' | ']' | '}')) {
            out.truncate(out.trim_end_matches(' ').len());
        } else if previous.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '{')) {
            at += text[at..].len() - text[at..].trim_start_matches(' ').len();
        } else if next.is_some_and(char::is_alphanumeric) && previous.is_some_and(char::is_alphanumeric) {
            out.push(' ');
        }
    }
    out.push_str(&text[at..]);
    out.trim().to_owned()
}

/// A name without the suffixes that controllers draw at random: `payments-api-7c9d8b6f5-x2x7k` and
/// `payments-api-7c9d8b6f5-` give `payments-api`. Ordinals of StatefulSets stay.
pub(crate) fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some(shorter) = shorter_stem(stem) {
        stem = shorter;
    }
    stem
}

fn shorter_stem(name: &str) -> Option<&str> {
    // A ReplicaSet writes the start of its pods' names when it cannot create one.
    if let Some(prefix) = name.strip_suffix('-') {
        let (stem, last) = prefix.rsplit_once('-')?;
        return (is_template_hash(last) || is_random(last)).then_some(stem).filter(|stem| has_letter(stem));
    }
    let (head, last) = name.rsplit_once('-')?;
    if let Some((stem, hash)) = head.rsplit_once('-')
        && is_pod_suffix(last)
        && (is_loose_hash(hash) || is_cron_minute(hash))
        && has_letter(stem)
    {
        return Some(stem);
    }
    ((is_random(last) || is_template_hash(last) || is_cron_minute(last)) && has_letter(head)).then_some(head)
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// The five characters after a template hash.
fn is_pod_suffix(part: &str) -> bool {
    part.len() == 5
        && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && (part.bytes().any(|b| b.is_ascii_digit()) || part.bytes().all(|b| RANDOM_ALPHABET.contains(&b)))
        && part.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Five random characters on their own: with a letter and a digit, so that no word (`https`) is taken for them.
fn is_random(part: &str) -> bool {
    part.len() == 5
        && part.bytes().all(|b| RANDOM_ALPHABET.contains(&b))
        && part.bytes().any(|b| b.is_ascii_digit())
        && part.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A pod template hash before a pod suffix.
fn is_loose_hash(part: &str) -> bool {
    (6..=10).contains(&part.len())
        && part.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        && part.bytes().any(|b| b.is_ascii_digit())
}

/// A pod template hash on its own: drawn from ten characters, the digits and letters mixed.
fn is_template_hash(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    (8..=10).contains(&part.len())
        && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && digits >= 2
        && part.len() - digits >= 2
}

/// The minute a CronJob's Job was scheduled for, counted from 1970: 2020 to 2040.
fn is_cron_minute(part: &str) -> bool {
    part.len() == 8
        && part.bytes().all(|b| b.is_ascii_digit())
        && (part.starts_with('3') || matches!(&part[..2], "26" | "27" | "28" | "29"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let cleaned = clean(text);
        assert_eq!(cleaned, expected, "{text}");
        assert_eq!(clean(&cleaned), cleaned, "cleaning twice: {text}");
    }

    #[test]
    fn volatile_parts_go() {
        check(
            "back-off 5m0s restarting failed container=api pod=payments-api-7c9d8b6f5-x2x7k_payments(1c0f6e0a-5c2a-4d2e-9a0e-3b1f4c6d7e8f)",
            "back-off 5m0s restarting failed container=api pod=payments-api payments",
        );
        check("pods \"batch-runner-6f7b9c4d5-\" is forbidden", "pods \"batch-runner\" is forbidden");
        check(
            "Readiness probe failed: Get \"http://10.244.3.17:8080/healthz\": dial tcp 10.244.3.17:8080: connect: connection refused",
            "Readiness probe failed: Get \"/healthz\": dial tcp : connect: connection refused",
        );
        check("2026-03-02T04:11:09.221Z ERROR [pool-3] timed out", "ERROR [pool-3] timed out");
        check("for sandbox \"3f0c9f2f7f5f4f0a9f0b7d3b1c2d4e5f\": plugin", "for sandbox : plugin");
        check("image web@sha256:3f0c9f2f7f5f4f0a9f0b7d3b1c2d4e5f not found", "image web not found");
        check("Oracle DB down (instance 10.0.12.7:9100). It is", "Oracle DB down (instance). It is");
        check("value is 0.8234567 at {{ $labels.instance }}", "value is at");
        check("E0302 04:11:09.221000       1 reflector.go:138] failed", "reflector.go:138] failed");
        check("at fd00:10:244::5 and [fe80::42:acff]:8080 down", "at and down");
        check(
            "pods: [Pod/checkout-6d5c7b8f9-p7x2v Pod/checkout-6d5c7b8f9-9s4kd]",
            "pods: [Pod/checkout Pod/checkout]",
        );
        check("ip-10-0-3-14.ec2.internal has condition of type Ready", "has condition of type Ready");
        check(&format!("Deployment {STAND_IN}/{STAND_IN} has 1 replicas"), "Deployment has 1 replicas");
        check(&format!("expected label {STAND_IN}={STAND_IN}"), "expected label");
        check(&format!("StatefulSet/{STAND_IN} as"), "StatefulSet as");
        check("节点3f0c9f2f7f5f4f0a9f0b7d3b异常", "节点 异常");
    }

    #[test]
    fn what_differs_between_occurrences_is_told_apart() {
        let found = |text: &str| -> Vec<(String, bool)> {
            parts(text).into_iter().map(|part| (part.text, part.is_random)).collect()
        };
        let told = |parts: &[(&str, bool)]| -> Vec<(String, bool)> {
            parts.iter().map(|(text, is_random)| ((*text).to_owned(), *is_random)).collect()
        };
        assert_eq!(
            found("back-off 2m40s restarting failed container=api pod=payments-api-7c9d8b6f5-x2x7k"),
            told(&[("2m40s", false), ("-7c9d8b6f5-x2x7k", true)])
        );
        assert_eq!(
            found(&format!("Get \"http://10.244.3.17:8080/healthz\" of {STAND_IN}/{STAND_IN} at 04:11:09")),
            told(&[("http://10.244.3.17:8080", false), ("04:11:09", false)])
        );
        assert_eq!(found("the termination reason is OOMKilled exitCode=137"), []);
    }

    #[test]
    fn what_a_document_can_repeat_stays() {
        for text in [
            "the termination reason is Error exitCode=137 container=api",
            "unexpected status: 401 Unauthorized",
            "nginx:1.19.8 in v1.30.2 and kubernetes 1.25",
            "requested: limits.memory=4Gi, used: limits.memory=30Gi",
            "listen on 127.0.0.1:8080, 0.0.0.0 or 10.96.0.0/12",
            "Pod ml-train/trainer-0 is in a SchedulingGated state",
            "node-role.kubernetes.io/control-plane: NoSchedule",
            "KubePodCrashLooping has been above 85% for more than 15 minutes",
            "foo-https, ipv4-ipv6, x86-64, sha256, log4j-core, end-to-end, dual-stack",
            "CVE-2021-44228 and https://kubernetes.io/docs/concepts/",
            "CronJob db-backup has an invalid schedule: [*/5 * * *]",
            "exit code 0xc0000005",
            "How do I  keep   my spaces?\n  - and lines",
        ] {
            check(text, text);
        }
    }
}
