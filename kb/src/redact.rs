//! Masks secrets, in documents before they are kept and in questions before they reach embedding, cache, logs or prompt.
//!
//! Entry point: [`redact`]. Each secret becomes `[redacted:<rule>]`, so that the sentence around it stays readable and a
//! reader sees what stood there. Two kinds of rule:
//!
//! - *formats* that a vendor gave its tokens so that they can be recognised (`ghp_…`, `AKIA…`, a PEM block). The formats
//!   are those that gitleaks' rule set (MIT) keeps up to date; no crate on crates.io offers such a set as a library. The
//!   patterns are a little wider than there, since masking too much costs less than keeping a key;
//! - *assignments* (`password=…`, `"token": "…"`), where the key says that the value is secret, and the value must look
//!   as if somebody had drawn it at random.
//!
//! What is kept: placeholders (`<password>`, `changeme`, `$DB_PASSWORD`, `xxxx`), values that say `EXAMPLE` as AWS'
//! documentation does (`AKIAIOSFODNN7EXAMPLE`), names of Kubernetes objects, and k8sgpt's masked tokens, which have no
//! vendor's format; one is masked only where a key such as `password=` stands before it, which k8sgpt never writes.
//!
//! A secret is masked as well where only a reader sees it: with invisible characters in it, with an escape or a character
//! reference for one of its own, parted by emphasis or a comment ([`rendered`]).
//!
//! Time is linear in the text's length; redacting twice changes nothing.

use crate::rendered::{parted, rendered};
use regex::Regex;
use std::{borrow::Cow, collections::BTreeMap, ops::Range, sync::LazyLock};

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'t> {
    /// The text; borrowed when nothing was masked.
    pub text: Cow<'t, str>,
    /// How many secrets each rule masked; rules that masked none are left out.
    pub counts: BTreeMap<&'static str, usize>,
    /// What was masked, as ranges of the given text with the rule's name, in order and without overlaps: for whoever
    /// has to know where the rest of the text stood before.
    pub masked: Vec<(Range<usize>, &'static str)>,
}

impl Redacted<'_> {
    /// Number of secrets masked.
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }
}

/// One rule: what to look for, which part of it is the secret, and what else must hold of that part.
struct Rule {
    name: &'static str,
    pattern: &'static str,
    /// The capture that is masked; 0 is the whole match.
    secret: usize,
    holds: fn(&str) -> bool,
}

const fn format(name: &'static str, pattern: &'static str) -> Rule {
    Rule { name, pattern, secret: 0, holds: |_| true }
}

/// In order: an earlier rule wins where two overlap.
static RULES: &[Rule] = &[
    // Base64 lines of 16 and more characters, so that `-----BEGIN … KEY-----` with dots below stays; the end may be cut off.
    format(
        "private-key",
        r"-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----(?:(?:\s|\\[nr])+(?:Proc-Type|DEK-Info|Version|Comment):[^\n]{0,200})*(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{16,})+(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{1,76})?(?:(?:\s|\\[nr])*-----END[ A-Z0-9_-]{0,100}-----)?",
    ),
    format("age-secret-key", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    format("jwt", r"\bey[A-Za-z0-9_-]{15,}\.ey[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}"),
    format("docker-auth", r"\beyJhdXRocyI6[A-Za-z0-9+/=]{20,}"),
    format("aws-access-key", r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    format("gcp-api-key", r"\bAIza[A-Za-z0-9_-]{35}"),
    format("gcp-oauth-token", r"\bya29\.[A-Za-z0-9_-]{30,}"),
    Rule {
        name: "azure-client-secret",
        pattern: r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
        secret: 1,
        holds: |_| true,
    },
    format("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{70,255})"),
    format("gitlab-token", r"\bgl(?:pat|dt|ft|rt|ptt|soat|cbt|imt|agent|oas|ffct)-[A-Za-z0-9_.-]{20,300}"),
    format("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}|\bxapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+"),
    format(
        "slack-webhook",
        r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,80}",
    ),
    format("anthropic-key", r"\bsk-ant-[a-z0-9]{2,12}-[A-Za-z0-9_-]{20,200}"),
    format(
        "openai-key",
        r"\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,250}|\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|\bsk-[A-Za-z0-9]{48}\b",
    ),
    format("huggingface-token", r"\b(?:hf_[A-Za-z]{34}|api_org_[A-Za-z]{34})\b"),
    format("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    format("pypi-token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,1000}"),
    format("rubygems-token", r"\brubygems_[a-f0-9]{48}\b"),
    format("stripe-key", r"\b[sr]k_(?:test|live|prod)_[A-Za-z0-9]{10,99}"),
    format("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    format("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    format("vault-token", r"\bhv[sb]\.[A-Za-z0-9_-]{24,300}"),
    format("grafana-token", r"\bglsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|\bglc_[A-Za-z0-9+/]{32,400}"),
    format("databricks-token", r"\bdapi[a-f0-9]{32}\b"),
    format("openshift-token", r"\bsha256~[A-Za-z0-9_-]{43}"),
    format("bootstrap-token", r"\bkubeconfig-(?:user|u)-[a-z0-9]{5,20}:[a-z0-9]{40,60}\b"),
    Rule {
        name: "docker-auth",
        pattern: r#""auth"\s{0,4}:\s{0,4}"([A-Za-z0-9+/]{8,4096}={0,2})""#,
        secret: 1,
        holds: |_| true,
    },
    Rule {
        name: "authorization",
        pattern: r#"(?i)\bauthorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic|token|api-?key)\s{1,4}([A-Za-z0-9._~+/=-]{6,4096})"#,
        secret: 1,
        holds: |value| value.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
    },
    Rule {
        name: "authorization",
        pattern: r"(?i)\bbearer ([A-Za-z0-9._~+/=-]{20,4096})",
        secret: 1,
        holds: |value| num_classes(value) >= 2 && value.bytes().any(|b| b.is_ascii_digit()),
    },
    // The last colon before the `@`: a password may hold anything else.
    Rule {
        name: "url-password",
        pattern: r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@"'<>]{0,100}:([^\s/@"'<>]{2,200})@[A-Za-z0-9\[]"#,
        secret: 1,
        holds: |_| true,
    },
    Rule {
        name: "password",
        pattern: r#"(?i)(?:passw(?:or)?d|passphrase|\bpwd|_pwd|密碼|密码|mật khẩu|kata sandi)[a-z0-9_.-]{0,20}["'`]?\s{0,4}(?:=|:=|=>|:|：)\s{0,4}["'`]?([^\s"'`,;<>(){}]{8,200})"#,
        secret: 1,
        holds: |value| looks_drawn(value, 2.75),
    },
    Rule {
        name: "secret",
        pattern: r#"(?i)(?:secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|shared[_-]?access[_-]?key|credentials?)[a-z0-9_.-]{0,20}["'`]?\s{0,4}(?:=|:=|=>|:|：)\s{0,4}["'`]?([A-Za-z0-9+/_.~!@#$%^&*=-]{16,2048})"#,
        secret: 1,
        holds: |value| looks_drawn(value, 3.5),
    },
];

static COMPILED: LazyLock<Vec<(&'static Rule, Regex)>> = LazyLock::new(|| {
    let ascii_boundaries = |pattern: &str| pattern.replace(r"\b", r"(?-u:\b)");
    let compile =
        |rule: &'static Rule| Regex::new(&ascii_boundaries(rule.pattern)).expect("the pattern is fixed");
    RULES.iter().map(|rule| (rule, compile(rule))).collect()
});

/// Masks the secrets of a text.
pub fn redact(text: &str) -> Redacted<'_> {
    let mut found = secrets(text);
    for seen in [rendered(text), parted(text)].into_iter().flatten() {
        let shown = secrets(seen.as_str()).into_iter();
        found.extend(shown.map(|(range, rule)| (seen.source_range(range), rule)));
    }
    let mut counts = BTreeMap::new();
    if found.is_empty() {
        return Redacted { text: Cow::Borrowed(text), counts, masked: Vec::new() };
    }
    // Stable: of two that start together the earlier rule stays first.
    found.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut masked: Vec<(Range<usize>, &'static str)> = Vec::with_capacity(found.len());
    let mut at = 0;
    for (range, rule) in found {
        if range.start < at {
            // The rest of an overlapping find is no less secret.
            at = at.max(range.end);
            if let Some((last, _)) = masked.last_mut() {
                last.end = at;
            }
            continue;
        }
        out.push_str(&text[at..range.start]);
        out.push_str("[redacted:");
        out.push_str(rule);
        out.push(']');
        *counts.entry(rule).or_insert(0) += 1;
        at = range.end;
        masked.push((range, rule));
    }
    out.push_str(&text[at..]);
    Redacted { text: Cow::Owned(out), counts, masked }
}

/// Where the rules find something, rule by rule.
fn secrets(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    for (rule, pattern) in COMPILED.iter() {
        for captures in pattern.captures_iter(text) {
            let Some(secret) = captures.get(rule.secret) else { continue };
            if !is_placeholder(secret.as_str()) && (rule.holds)(secret.as_str()) {
                found.push((secret.range(), rule.name));
            }
        }
    }
    found
}

/// Whether the value stands for a secret instead of being one.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_reference = lower.starts_with(['$', '<', '{', '%', '*', '[', '/', '.', '@'])
        || lower.contains("://")
        || lower.contains("${");
    let first = bare.bytes().next();
    is_reference
        || bare.is_empty()
        || bare.bytes().all(|b| Some(b) == first)
        || bare.contains("xxxx")
        || [
            "example",
            "changeme",
            "change-me",
            "change_me",
            "placeholder",
            "redacted",
            "your-",
            "your_",
            "dummy",
            "sample",
        ]
        .iter()
        .any(|word| lower.contains(word))
        || matches!(
            bare,
            "password"
                | "passwd"
                | "pass"
                | "pwd"
                | "secret"
                | "token"
                | "user"
                | "none"
                | "null"
                | "nil"
                | "true"
                | "false"
                | "port"
                | "foo"
                | "bar"
                | "foobar"
                | "test"
                | "admin"
                | "root"
                | "string"
                | "value"
                | "key"
                | "hidden"
        )
}

/// Whether a value looks as if it had been drawn at random, and not like a name, a path or a word.
fn looks_drawn(value: &str, min_entropy: f32) -> bool {
    let value = value.trim_end_matches(['.', ':', '!', '?', ')', ']']);
    let is_object_name = value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'/' | b'_'))
        && value.contains(['-', '.', '/', '_']);
    let is_field = value.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.' || b == b'_');
    let is_call = value.ends_with('(') || value.contains("()") || value.contains('|');
    value.len() >= 8
        && !is_object_name
        && !is_field
        && !is_call
        && num_classes(value) >= 2
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && entropy(value) >= min_entropy
}

/// How many of lower case, upper case, digits and signs occur.
fn num_classes(value: &str) -> usize {
    let any = |test: fn(&u8) -> bool| usize::from(value.as_bytes().iter().any(test));
    any(u8::is_ascii_lowercase)
        + any(u8::is_ascii_uppercase)
        + any(u8::is_ascii_digit)
        + any(|b| !b.is_ascii_alphanumeric())
}

/// Shannon entropy of the bytes, in bits a byte.
fn entropy(value: &str) -> f32 {
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

    fn check(text: &str, expected: &str) {
        let redacted = redact(text);
        assert_eq!(redacted.text, expected, "{text}");
        assert_eq!(redact(&redacted.text).text, expected, "redacting twice");
        assert_eq!(redacted.total() > 0, text != expected);
    }

    /// Tokens are put together here, so that no scanner takes this file for a leak.
    fn token(prefix: &str, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let drawn = (0..length as u64).map(|i| {
            let mixed = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            letters[(mixed >> 33) as usize % letters.len()]
        });
        prefix.chars().chain(drawn).collect()
    }

    const LETTERS: &str = "aB3dE5gH7jK9mN2pQ4rS6tU8vWxYz0";

    #[test]
    fn tokens_with_a_format_are_masked_wherever_they_stand() {
        for (rule, secret) in [
            ("aws-access-key", token("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            ("gcp-api-key", token("AIza", LETTERS, 35)),
            ("azure-client-secret", format!("abc8Q~{}", token("", LETTERS, 34))),
            ("github-token", token("ghp_", LETTERS, 36)),
            ("github-token", token("github_pat_", LETTERS, 82)),
            ("gitlab-token", token("glpat-", LETTERS, 20)),
            ("slack-token", format!("xoxb-123456789012-123456789012-{}", token("", LETTERS, 24))),
            ("openai-key", token("sk-proj-", LETTERS, 74)),
            ("anthropic-key", token("sk-ant-api03-", LETTERS, 93)),
            ("npm-token", token("npm_", LETTERS, 36)),
            ("pypi-token", token("pypi-AgEIcHlwaS5vcmc", LETTERS, 60)),
            ("vault-token", token("hvs.", LETTERS, 90)),
            ("openshift-token", token("sha256~", LETTERS, 43)),
            (
                "jwt",
                format!(
                    "{}.{}.{}",
                    token("eyJ", LETTERS, 30),
                    token("eyJ", LETTERS, 60),
                    token("", LETTERS, 43)
                ),
            ),
        ] {
            check(&format!("it said {secret}, then died"), &format!("it said [redacted:{rule}], then died"));
            check(&format!("用戶端{secret}失敗"), &format!("用戶端[redacted:{rule}]失敗"));
        }
    }

    #[test]
    fn private_keys_are_masked_whole_or_cut_off() {
        let body = token("", LETTERS, 64);
        let key =
            format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\nMIIB\n-----END RSA PRIVATE KEY-----");
        check(&format!("a\n{key}\nb"), "a\n[redacted:private-key]\nb");
        check(&format!("a -----BEGIN PRIVATE KEY-----\\n{body}\\n{body}"), "a [redacted:private-key]");
        let shown = "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----";
        check(shown, shown);
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----");
        check(&certificate, &certificate);
    }

    #[test]
    fn assignments_are_masked_when_the_value_looks_drawn() {
        check("password=S3cr3tP4ss! and more", "password=[redacted:password] and more");
        check("DB_PASSWORD: \"hJ8#kLm2pQ\"", "DB_PASSWORD: \"[redacted:password]\"");
        check("密碼：hJ8kLm2pQ9", "密碼：[redacted:password]");
        let secret = token("", LETTERS, 40);
        check(&format!("aws_secret_access_key = {secret}"), "aws_secret_access_key = [redacted:secret]");
        check(&format!("{{\"token\": \"{secret}\"}}"), "{\"token\": \"[redacted:secret]\"}");
        check("postgres://app:pw12@db:5432/x", "postgres://app:[redacted:url-password]@db:5432/x");
        check(
            &format!("-H 'Authorization: Bearer {secret}'"),
            "-H 'Authorization: Bearer [redacted:authorization]'",
        );
        check(&format!("sent Bearer {secret}"), "sent Bearer [redacted:authorization]");
        check(
            "{\"auths\":{\"r.example.com\":{\"auth\":\"dXNlcjpodW50ZXIy\"}}}",
            "{\"auths\":{\"r.example.com\":{\"auth\":\"[redacted:docker-auth]\"}}}",
        );
    }

    #[test]
    fn what_only_a_reader_sees_is_masked() {
        let (aws, github) =
            (token("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), token("ghp_", LETTERS, 36));
        let (start, end) = aws.split_at(9);
        for between in [
            "\u{200b}",
            "\u{200d}",
            "\u{202e}",
            "\u{1b}[31m",
            "\u{1b}]8;;https://a.example\u{7}",
            "**",
            "****",
            "*",
            "``",
            "~~",
            "<!-- x -->",
            "<b></b>",
            "&shy;",
            "&#8203;",
            "&amp;#8203;",
        ] {
            let masked = "key [redacted:aws-access-key], then";
            check(&format!("key {start}{between}{end}, then"), masked);
        }
        for shown in [format!("_{aws}_"), format!("__{aws}__"), format!("\u{1b}[31m{aws}\u{1b}[0m")] {
            let masked = redact(&shown).text.into_owned();
            assert!(masked.contains("[redacted:aws-access-key]") && !masked.contains(&aws), "{masked}");
        }
        let first = aws.chars().nth(9).map(u32::from).expect("it is longer");
        let rest = &aws[10..];
        check(&format!("see\u{1b}[31m{aws}\u{1b}[0m"), "see\u{1b}[31m[redacted:aws-access-key]\u{1b}[0m");
        for reference in [format!("&#{first};"), format!("&#x{first:x};"), format!("&amp;#{first};")] {
            check(&format!("{start}{reference}{rest}."), "[redacted:aws-access-key].");
        }
        check(&github.replace('_', "\\_"), "[redacted:github-token]");
        check(&github.replace('_', "&lowbar;"), "[redacted:github-token]");
        check("pass&#119;ord=S3cr3tP4ss", "pass&#119;ord=[redacted:password]");
        check("**Password:** S3cr3tP4ss!", "**Password:** [redacted:password]");
        check("{\\\"password\\\":\\\"S3cr3tP4ss\\\"}", "{\\\"password\\\":\\\"[redacted:password]\\\"}");
    }

    #[test]
    fn placeholders_names_and_prose_stay() {
        for text in [
            "password: <password>, password=changeme, password=$DB_PASSWORD, PASSWORD={{ .Values.password }}",
            "token=xxxxxxxxxxxxxxxxxxxx and secret: ****************",
            "AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "secret: ingress-tls-2024-certificate and secretName: payments-db-credentials-v2",
            "tokenRequests: audience and credentials: /etc/kubernetes/pki/apiserver-2024.key",
            "couldn't find key DB_PASSWORD in Secret payments/db-credentials",
            "postgres://user:password@host/db and https://<user>:<token>@host",
            "The token: it is mounted at /var/run/secrets/kubernetes.io/serviceaccount/token",
            "secretKeyRef: name, tokenExpirationSeconds: 3600000000000000, passwordPolicy: StrictPolicy",
            "Authorization: Bearer <token>, Authorization: Bearer $TOKEN, Authorization: Bearer strong-password",
            "task-scheduler, disk-pressure-threshold, sk-learn, risk-assessment-for-the-year",
            "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas",
            "Service has no endpoints, expected label VXtjKzJa=TikveG49Xzt5Vm0oaS1o",
            "password reset for the 3rd time; 重設密碼的步驟",
            "password=***\nhost=db1Prod9Xy, secret: ****************\nRevision7f9C2dE4bA61",
            "?password=<password>&user=Ab3dE5gH7jK9, **Token:** the one of `my-app`, \\$DB_PASSWORD",
        ] {
            check(text, text);
        }
    }
}
