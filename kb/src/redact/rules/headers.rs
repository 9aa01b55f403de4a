//! Secrets in headers and in addresses.

use super::rule::{Rule, format};
use crate::redact::judge::{is_stand_in, is_uuid, looks_drawn, num_classes};

pub(super) static RULES: &[Rule] = &[
    // Headers of requests.
    Rule {
        name: "authorization",
        keywords: &["authorization", "proxy-auth"],
        pattern: r#"(?i)\bauthorization\\?["']?\s{0,4}[:=,]\s{0,4}\\?["']?(?:bearer|basic|token|digest|apikey|api-?key|geniekey|splunk|bot|ssws|negotiate|key|pve[a-z]+=)?[ =]{0,4}["']?([A-Za-z0-9._~+/=!:@|-]{6,4096})"#,
        holds: |before, value| {
            let has_scheme = before.trim_end().ends_with(|c: char| c.is_ascii_alphanumeric());
            let is_drawn = value.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
                && num_classes(value) >= 2;
            !is_stand_in(value) && is_drawn && (has_scheme || value.len() >= 16 && looks_drawn(value, 3.0))
        },
    },
    Rule {
        name: "authorization",
        keywords: &["bearer", "basic "],
        pattern: r#"(?i)\b(?:bearer|basic)(?: token)?[ :]{1,3}["'`]?([A-Za-z0-9._~+/=-]{12,4096})"#,
        holds: |_, value| !is_stand_in(value) && looks_drawn(value, 3.0) && num_classes(value) >= 2,
    },
    Rule {
        name: "authorization",
        keywords: &["token:", "-key:", "auth:", "secret:", "x-vault", "apikey:", "password:"],
        pattern: r#"(?i)(?:-H|--header)[ =]{0,4}\\?["']?(?:[a-z0-9-]{0,30}-)?(?:token|key|auth|secret|password|apikey):\s{0,4}([A-Za-z0-9._~+/=!:@|-]{8,4096})"#,
        holds: |_, value| !is_stand_in(value) && value.bytes().any(|b| b.is_ascii_digit()),
    },
    Rule {
        name: "cookie",
        keywords: &["cookie"],
        pattern: r#"(?i)\bcookie\\?["']?\s{0,4}[:=]\s{0,4}["']?[^\n"']{0,200}?(?:session|sid|auth|token|jwt)[a-z0-9_.-]{0,20}=([A-Za-z0-9._~+/%=-]{12,4096})"#,
        holds: |_, value| !is_stand_in(value) && looks_drawn(value, 3.0),
    },
    // Addresses. A password may have any characters but those that end the address; the last `@` ends it.
    Rule {
        name: "url-password",
        keywords: &["://"],
        pattern: r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@"'<>`]{0,100}:([^\s/"'<>`]{1,200})@[A-Za-z0-9\[({$]"#,
        holds: |_, value| !is_stand_in(value),
    },
    Rule {
        name: "url-password",
        keywords: &["://"],
        pattern: r#"\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|ldaps?|ftp|sftp|smtps?|nats|clickhouse)://[^\s/:@"'<>`]{0,100}:([^\s"'<>`@]{1,200}(?:@[^\s"'<>`@/]{1,100})?)@[A-Za-z0-9\[({$]"#,
        holds: |_, value| !is_stand_in(value),
    },
    Rule {
        name: "url-token",
        keywords: &["://"],
        pattern: r#"\bhttps?://([A-Za-z0-9_-]{16,200})@[A-Za-z0-9\[]"#,
        holds: |_, value| looks_drawn(value, 3.0),
    },
    Rule {
        name: "url-token",
        keywords: &["sig=", "signature=", "token=", "code=", "key="],
        pattern: r#"(?i)[?&](?:sig|x-amz-signature|x-goog-signature|x-amz-security-token|signature|access_token|refresh_token|id_token|token|code|api_?key|key|auth)=([A-Za-z0-9._~+/%=-]{12,4096})"#,
        holds: |_, value| !is_stand_in(value) && (looks_drawn(value, 3.0) || is_uuid(value)),
    },
    format(
        "chat-webhook",
        &["/bot/v2/hook/"],
        r"/bot/v2/hook/([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})",
    ),
];
