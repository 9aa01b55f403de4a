//! Secrets that a key names or a sentence tells.

use super::rule::Rule;
use crate::redact::{
    judge::{is_password, is_stand_in, looks_drawn, num_classes, trimmed},
    values::{holds_password, holds_secret, holds_told, is_hash_of},
};

/// The nouns for a password, without the words that are verbs as well (`pass`).
macro_rules! password_noun {
    () => {
        "passw(?:or)?d|passphrase|passcode|passwort|mot de passe|contrase(?:ñ|n)a|пароль|パスワード|비밀번호|密碼|密码|口令|m(?:ậ|Ậ|ậ)t kh(?:ẩ|Ẩ|ẩ)u|mat khau|kata ?sandi|sandi"
    };
}

/// A key that names a password: one of the nouns with a short ending, or an abbreviation.
macro_rules! password_key {
    () => {
        concat!(
            "(?:",
            password_noun!(),
            "|<password)[a-z0-9_.-]{0,20}|(?:\\b|_|-)(?:pass|pwd|pw)(?:[_.-][a-z0-9_.-]{0,20})?"
        )
    };
}

/// A key that names a secret, a token or a key.
macro_rules! secret_key {
    () => {
        "secret|token|api[ _-]?key|app(?:lication)?[_-]?key|access[ _-]?key|account[_-]?key|auth[_-]?key|private[ _-]?key|signing[_-]?key|encryption[ _-]?key|license[ _-]?key|master[ _-]?key|integration[ _-]?key|routing[ _-]?key|service[_-]?key|ingest(?:ion)?[_-]?key|write[_-]?key|session[_-]?key|shared[_-]?access[_-]?key|webhook[_-]?key|credentials?|密钥|密鑰|金鑰|令牌|權杖|mã thông báo|khóa api|kunci api"
    };
}

/// The text between a key and its value: quotes and emphasis, an operator, a block of YAML on the next line.
macro_rules! assigned {
    () => {
        "[\"'`*\\])]{0,4}\\s{0,4}(?:=>|:=|=|->|→|:|：|＝|\\|)\\s{0,4}(?:[|>][+-]?\\s{1,40})?[\"'`*]{0,3} ?[\"'`]?"
    };
}

/// Keywords of the rules about values that are called secrets, tokens or keys.
const SECRET_WORDS: &[&str] = &[
    "secret",
    "token",
    "key",
    "credential",
    "密钥",
    "密鑰",
    "金鑰",
    "令牌",
    "權杖",
    "mã thông báo",
    "kh",
    "kunci",
];

pub(super) static RULES: &[Rule] = &[
    // Keys with an operator and a value.
    Rule {
        name: "password",
        keywords: &[
            "pw",
            "passw",
            "passphrase",
            "passcode",
            "pass",
            "pwd",
            "密碼",
            "密码",
            "口令",
            "kh",
            "mat khau",
            "sandi",
            "contrase",
            "пароль",
            "パスワード",
            "비밀번호",
        ],
        pattern: concat!(
            "(?i)(?:",
            password_key!(),
            ")",
            assigned!(),
            "(?:<[a-z]{1,12}>)?(",
            value!(),
            "{3,200})"
        ),
        holds: holds_password,
    },
    Rule {
        name: "password",
        keywords: &["passphrase", "password"],
        pattern: r#"(?i)(?:passphrase|password)["'`*]{0,3}\s{0,4}(?:=|:|：|is)\s{0,4}["'`]([^"'`\n]{3,40}(?: [^"'`\n ]{2,40}){2,10})["'`]"#,
        holds: |_, value| !value.contains(['<', '$', '{', ',', '.', '(']),
    },
    Rule {
        name: "password",
        keywords: &["<password", "\"password\"", "password</", "passwd"],
        pattern: r#"(?i)(?:<(?:password|passwd|secret)>|name="[^"\n]{0,60}(?:password|passwd|secret)"\s+value="|password</name>\s*<value>)([^<"\s]{3,200})[<"]"#,
        holds: |_, value| !is_stand_in(value),
    },
    Rule {
        name: "secret",
        keywords: SECRET_WORDS,
        pattern: concat!(
            "(?i)(?:",
            secret_key!(),
            r"|<token)(?:[a-z0-9_.-]{0,20})",
            assigned!(),
            r"([A-Za-z0-9+/_.~!@#$%^&*=?-]{12,2048})"
        ),
        holds: holds_secret,
    },
    Rule {
        name: "secret",
        keywords: &["auth", "cred", "key"],
        pattern: concat!(
            r"(?i)(?:\b|_|-)(?:auth|creds?|key|passkey)",
            r#"["'`*]{0,3}\s{0,4}(?:=>|:=|=|:|：)\s{0,4}["'`]?([A-Za-z0-9+/_.-]{20,512}={0,2})"#
        ),
        holds: |_, value| {
            !is_stand_in(value) && !value.contains('.') && looks_drawn(value, 3.7) && num_classes(value) >= 3
        },
    },
    Rule {
        name: "password",
        keywords: &[":"],
        pattern: concat!(
            r"(?m)^\s{0,8}(?:[A-Za-z0-9_.*-]+):(?:[0-9]{2,5}|\*):[A-Za-z0-9_*-]+:[A-Za-z0-9_*-]+:(",
            value!(),
            r"{6,100})\s*$"
        ),
        holds: |_, value| !value.contains(':') && is_password(value, false),
    },
    Rule {
        name: "password",
        keywords: &[
            "credential",
            "creds",
            "login",
            "log in",
            "账号",
            "帳號",
            "賬號",
            "tài khoản",
            "akun",
            "user",
        ],
        pattern: concat!(
            "(?i)(?:credentials?|creds|log ?in|login as|帐号|账号|帳號|賬號|tài khoản|akun|user(?:name)?)[^\\n]{0,30}?(?::|：|=|with|as|is|are|là|adalah|为|為|是) ?[\"'`*]{0,3}[A-Za-z0-9_.@-]{2,40}[\"'`*]{0,3}(?: ?/ ?|:| and | / |／)[\"'`*]{0,3}(",
            value!(),
            "{6,100})"
        ),
        holds: |before, value| {
            let value = trimmed(value);
            let has_upper = value.bytes().any(|b| b.is_ascii_uppercase());
            let has_sign = value.bytes().any(|b| b"!@#$%^&?~+*".contains(&b));
            !before.contains("://")
                && !value.contains(['/', ':'])
                && value.len() <= 24
                && (has_upper || has_sign)
                && value.bytes().any(|b| b.is_ascii_digit())
                && is_password(value, false)
        },
    },
    // Sentences that tell a value.
    Rule {
        name: "password",
        keywords: &[
            "passw",
            "passphrase",
            "passcode",
            "pwd",
            "密碼",
            "密码",
            "口令",
            "kh",
            "mat khau",
            "sandi",
            "contrase",
            "пароль",
            "パスワード",
            "비밀번호",
        ],
        pattern: concat!(
            "(?i)(?:",
            password_noun!(),
            r")(?:-?nya)?",
            "[\"'`*]{0,3}(?:[ (\\x80-\\xff][^\\n.;:!?|=]{0,40}?)?(?:\\b(?:is|was|are|becomes?|to|equals?|as)\\b| là | thành | la |\\b(?:adalah|ialah|yaitu|yakni|menjadi|jadi)\\b|:|：|是|为|為|成|用|＝)",
            "(?: (?:now|currently|still|always|set to|probably|just|simply|initially|bây giờ là|sekarang|masih))?\\s{0,2}(?:“|「|『|‘)?[\"'`*]{0,3}(",
            value!(),
            "{6,100})"
        ),
        holds: holds_told,
    },
    Rule {
        name: "password",
        keywords: &[
            "passw",
            "passphrase",
            "密碼",
            "密码",
            "口令",
            "kh",
            "mat khau",
            "sandi",
            "contrase",
            "пароль",
            "パスワード",
            "비밀번호",
        ],
        pattern: concat!(
            "(?i)(?:(?:",
            password_noun!(),
            ")(?:-?nya)?(?: {1,2}|“|「|『|‘|（)|密碼|密码|口令)(?:“|「|『|‘|\\(|（)?[\"'`*]{0,3}(",
            value!(),
            "{6,100})"
        ),
        holds: |before, value| {
            holds_told(before, value) && {
                let value = trimmed(value);
                let has_sign = value.bytes().any(|b| b"!@#$%^&?~+*".contains(&b));
                let is_quoted = before.ends_with(['"', '\'', '`', '“', '「', '『', '‘']);
                num_classes(value) >= if is_quoted { 2 } else { 3 }
                    && (is_quoted || has_sign || num_classes(value) == 3)
            }
        },
    },
    Rule {
        name: "secret",
        keywords: SECRET_WORDS,
        pattern: concat!(
            "(?i)(?:",
            secret_key!(),
            r")(?:-?nya)?",
            "[\"'`*]{0,3}(?:[ (\\x80-\\xff][^\\n.;:!?|=]{0,40}?)?(?:\\b(?:is|was|are|becomes?|to|equals?|as)\\b| là | thành |\\b(?:adalah|ialah|yaitu|yakni|menjadi|jadi)\\b|:|：|是|为|為|成|用)",
            "(?: (?:now|currently|still))?\\s{0,2}(?:“|「|『|‘)?[\"'`*]{0,3}([A-Za-z0-9+/_.~!@#$%^&*=?-]{12,2048})"
        ),
        holds: |_, value| {
            let value = trimmed(value);
            !is_stand_in(value) && looks_drawn(value, 3.0) && !is_hash_of(value)
        },
    },
];
