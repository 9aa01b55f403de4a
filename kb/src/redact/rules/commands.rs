//! Passwords and secrets in the environment, in the arguments of commands and in flags.

use super::rule::{Rule, place};
use crate::redact::judge::{is_password, is_stand_in, is_uuid, looks_drawn, num_classes, trimmed};

pub(super) static RULES: &[Rule] = &[
    // Variables of the environment.
    place(
        "password",
        &[
            "pgpassword",
            "mysql_pwd",
            "sshpass",
            "rediscli_auth",
            "_password",
            "_passwd",
            "_passphrase",
            "_pass=",
            "_pwd=",
        ],
        concat!(
            r#"\b(?:PGPASSWORD|MYSQL_PWD|SSHPASS|REDISCLI_AUTH|[A-Z][A-Z0-9_]{0,60}(?:PASSWORD|PASSWD|PASSPHRASE|_PASS|_PWD))\s?=\s?\\?"#,
            word!()
        ),
    ),
    Rule {
        name: "secret",
        keywords: &["password", "passwd", "passphrase", "secret", "token", "key", "credential"],
        pattern: concat!(
            r#"(?i)\bname\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?[a-z0-9_.-]{0,60}(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?)\\?["']?\s{0,4},?\s{0,40}\\?["']?value\\?["']?\s{0,4}[:=]\s{0,4}\\?"#,
            word!()
        ),
        holds: |_, value| !is_stand_in(value) && (is_password(value, true) || looks_drawn(value, 2.5)),
    },
    // Arguments of commands that have passwords at known places.
    place("password", &["net use"], concat!(r#"(?i)\bnet use\s[^\n]{0,200}?\s"#, word!(), r"\s+/user:")),
    place("password", &["snmp"], concat!(r#"\bsnmp[a-z]+\s[^\n|;]{0,200}?\s-A\s{1,4}"#, word!())),
    place("password", &["snmp"], concat!(r#"\bsnmp[a-z]+\s[^\n|;]{0,200}?\s-X\s{1,4}"#, word!())),
    place("password", &["sshpass"], concat!(r#"\bsshpass\s[^\n|;&]{0,60}?-p\s{0,4}\\?"#, word!())),
    place(
        "password",
        &["mysql", "mariadb", "7z"],
        concat!(r#"\b(?:mysql|mariadb|7z)[a-z-]{0,20}[^\n|;]{0,300}?\s-p"#, word!()),
    ),
    place(
        "password",
        &[
            "mongo", "docker", "podman", "nerdctl", "helm", "skopeo", "buildah", "crane", "oras", "az ",
            "oc ", "cqlsh", "sqlcmd", "bcp", "influx", "sshpass", "cf ",
        ],
        concat!(
            r#"\b(?:mongo(?:sh|dump|restore|export|import|stat|top)?|(?:docker|podman|nerdctl|helm registry|skopeo|buildah|crane auth|oras|az|oc|cf) login|cqlsh|sqlcmd|bcp|influx)\s[^\n|;]{0,300}?\s-[pP](?:\s{1,4}|=)\\?"#,
            word!()
        ),
    ),
    place("password", &["redis-cli"], concat!(r#"\bredis-cli\s[^\n|;]{0,200}?-a\s{1,4}\\?"#, word!())),
    place("password", &["ldap"], concat!(r#"\bldap[a-z]{3,10}\s[^\n|;]{0,300}?-w\s{0,4}\\?"#, word!())),
    place(
        "password",
        &["ipmitool", "snmp", "unzip", "zip "],
        concat!(r#"\b(?:ipmitool|unzip|zip)\s[^\n|;]{0,200}?-P\s{0,4}\\?"#, word!()),
    ),
    place(
        "password",
        &["smbclient", "mount.cifs", "rpcclient"],
        concat!(
            r#"\b(?:smbclient|rpcclient)\s[^\n|;]{0,200}?-U\s{0,4}["']?[A-Za-z0-9_.\\-]{1,60}%"#,
            word!()
        ),
    ),
    place(
        "password",
        &["htpasswd"],
        concat!(
            r#"\bhtpasswd\s+-[a-zA-Z]*[bn][a-zA-Z]*(?:\s+-[a-zA-Z]+)*(?:\s+[^\s|;&]{1,200}){1,2}?\s+\\?"#,
            word!(),
            r"\s*(?:$|[\n|;&])"
        ),
    ),
    place(
        "password",
        &["pass:"],
        concat!(r#"\s-?-?pass(?:in|out)?\s{0,2}\\?["']?pass:"#, "(", value!(), "{3,200})"),
    ),
    place(
        "password",
        &["chpasswd"],
        concat!(
            r#"\becho\s+(?:-[en]+\s+)*["']?[A-Za-z0-9_.-]{1,60}:("#,
            value!(),
            r#"{3,200})["']?\s*\|[^\n]{0,40}chpasswd"#
        ),
    ),
    place(
        "password",
        &["--password-stdin", "sudo", "--stdin", "kinit", "passphrase-fd"],
        concat!(
            r#"\b(?:echo|printf)\s+(?:-[en]+\s+|'%s(?:\\n)?'\s+)*"#,
            word!(),
            r#"\s*\|[^\n|]{0,60}?(?:--password-stdin|sudo\s+-\w*S|--stdin|kinit|passphrase-fd)"#
        ),
    ),
    place(
        "password",
        &["rabbitmqctl"],
        concat!(
            r#"\brabbitmqctl\s[^\n|;]{0,60}?(?:add_user|change_password|authenticate_user)\s+[^\s]{1,60}\s+\\?"#,
            word!()
        ),
    ),
    place(
        "password",
        &["identified", "password"],
        r#"(?i)\b(?:identified\s+(?:with\s+\S{1,40}\s+)?by|set\s+password(?:\s+for\s+\S{1,80})?\s*=|(?:with|encrypted|login|role|user)\b[^\n;]{0,80}?\bpassword(?:\s*=|\s*\(|\s+for\s+\S{1,60}\s*=)?)\s*'([^'\n]{3,200})'"#,
    ),
    Rule {
        name: "password",
        keywords: &["login", "machine"],
        pattern: concat!(r#"\blogin[ \t]+\S{1,100}[ \t]+password[ \t]+"#, word!()),
        holds: |_, value| is_password(value, true),
    },
    place(
        "password",
        &["curl", "wget", "http", "etcdctl"],
        concat!(
            r#"\b(?:curl|wget|https?|xh|etcdctl)\s(?:[^|;\n]|\\\r?\n){0,1000}?[\s"'`](?:-u|-U|--user|--proxy-user|-a)[ =]{0,3}\\?["']?[^\s:"'`]{0,60}:("#,
            value!(),
            r#"{3,200})"#
        ),
    ),
    Rule {
        name: "password",
        keywords: &["-u", "--user", "--proxy-user"],
        pattern: concat!(
            r#"(?:^|[\s"'`])(?:-u|-U|--user|--proxy-user)[ =]{0,3}\\?["']?[A-Za-z0-9_.@\\%+-]{0,60}:("#,
            value!(),
            r#"{3,200})"#
        ),
        holds: |before, value| !before.ends_with("system:") && is_password(value, false),
    },
    place(
        "password",
        &["sqlplus"],
        concat!(r#"\bsqlplus\s[^\n]{0,40}?[A-Za-z0-9_]{1,40}/"#, r#"([^\s@"']{3,100})@"#),
    ),
    // Flags whose names say that a secret follows.
    Rule {
        name: "password",
        keywords: &["-pass", "-pwd", "password", "passphrase", "storepass", "keypass"],
        pattern: concat!(
            r#"(?:^|[\s"'`(\[])--?(?:[a-zA-Z0-9]+[_-]){0,5}?(?:password|passwd|passphrase|pass|pwd|storepass|keypass)(?:=|[ \t]{1,4}|["'],\s?["'])\\?"#,
            word!()
        ),
        holds: |before, value| {
            let is_plain_word = value.bytes().all(|b| b.is_ascii_lowercase())
                && !before.trim_end().ends_with(['=', '"', '\'']);
            !is_stand_in(value)
                && !is_plain_word
                && !value.starts_with("-")
                && !value.ends_with(':')
                && value.bytes().any(|b| b.is_ascii_alphanumeric())
                && (before.ends_with('=')
                    || is_password(trimmed(value), true)
                    || num_classes(value) >= 2 && value.len() >= 6)
        },
    },
    Rule {
        name: "secret",
        keywords: &["token", "secret", "key", "bearer", "credential"],
        pattern: concat!(
            r#"(?:^|[\s"'`(\[])--?(?:[a-zA-Z0-9]+[_-]){0,5}?(?:token|secret|api-?key|api_key|secret-?key|access-?key|access-key-id|auth-?key|license-?key|encryption-?key|client-?secret|oauth2-bearer|accesskey|secretkey|integration-key|routing-key)(?:=|[ \t]{1,4}|["'],\s?["'])\\?"#,
            word!()
        ),
        holds: |_, value| {
            !is_stand_in(value) && !value.contains("id=") && (looks_drawn(value, 2.5) || is_uuid(value))
        },
    },
];
