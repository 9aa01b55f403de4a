//! Rules for secrets without a vendor's format: assignments, sentences, commands and headers that hold a secret at a
//! known place, and the formats that are written more widely here than in `vendors.json`.
//!
//! Patterns match bytes, so that letters are ASCII's and other characters stand for themselves. The secret is the first
//! group that took part, or the whole match. To add a rule, write a `Rule` with its keywords at the place in [`RULES`]
//! that its precedence asks for, and a secret and a near miss in `tests.rs`.

use super::{
    judge::{self, is_stand_in, looks_drawn, num_classes},
    values::{holds_password, holds_secret, holds_told, is_aws_secret, is_hash_of, is_private_pem},
};

/// One rule: its pattern, and the further conditions on the secret.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// Keywords in lower case: each text that the pattern matches has one of them, in any case.
    pub(super) keywords: &'static [&'static str],
    pub(super) pattern: &'static str,
    /// Whether a value is a secret; the first text is what the pattern found before it.
    pub(super) holds: fn(&str, &str) -> bool,
}

const fn format(name: &'static str, keywords: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule { name, keywords, pattern, holds: |_, value| !judge::is_shown_format(value) }
}

/// The value in the place of a password: anything but what says where the password is.
const fn place(name: &'static str, keywords: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule {
        name,
        keywords,
        pattern,
        holds: |_, value| value.len() >= 3 && !is_stand_in(value) && !value.starts_with('-'),
    }
}

macro_rules! value {
    () => {
        r#"[!#-&(-;=?-_a-~]"#
    };
}

/// The words of it that are no verbs.
macro_rules! password_noun {
    () => {
        "passw(?:or)?d|passphrase|passcode|passwort|mot de passe|contrase(?:ñ|n)a|пароль|パスワード|비밀번호|密碼|密码|口令|m(?:ậ|Ậ|ậ)t kh(?:ẩ|Ẩ|ẩ)u|mat khau|kata ?sandi|sandi"
    };
}

/// A value with or without quotes; a dollar sign or a bracket is a part of it.
macro_rules! word {
    () => {
        r#"(?:"([^"\n]{3,200})"|'([^'\n]{3,200})'|([!#-&(-;=?-_a-~]{3,200}))"#
    };
}

macro_rules! password_key {
    () => {
        "(?:passw(?:or)?d|passphrase|passcode|passwort|mot de passe|contrase(?:ñ|n)a|пароль|パスワード|비밀번호|密碼|密码|口令|m(?:ậ|Ậ|ậ)t kh(?:ẩ|Ẩ|ẩ)u|mat khau|kata ?sandi|sandi|<password)[a-z0-9_.-]{0,20}|(?:\\b|_|-)(?:pass|pwd|pw)(?:[_.-][a-z0-9_.-]{0,20})?"
    };
}

macro_rules! secret_key {
    () => {
        "secret|token|api[ _-]?key|app(?:lication)?[_-]?key|access[ _-]?key|account[_-]?key|auth[_-]?key|private[ _-]?key|signing[_-]?key|encryption[ _-]?key|license[ _-]?key|master[ _-]?key|integration[ _-]?key|routing[ _-]?key|service[_-]?key|ingest(?:ion)?[_-]?key|write[_-]?key|session[_-]?key|shared[_-]?access[_-]?key|webhook[_-]?key|credentials?|密钥|密鑰|金鑰|令牌|權杖|mã thông báo|khóa api|kunci api"
    };
}

/// Between a key and its value: quotes and emphasis, an operator, a block of YAML on the next line.
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

/// The rules in order: an earlier rule wins if two overlap.
pub(super) static RULES: &[Rule] = &[
    // Base64 lines of 16 and more characters, so that `-----BEGIN … KEY-----` with dots below stays; the end may be cut off.
    format(
        "private-key",
        &["-----begin"],
        r"-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----(?:(?:[\s>#|]|\\[nr])+(?:Proc-Type|DEK-Info|Version|Comment):[^\n]{0,200})*(?:(?:[\s>#|]|\\[nr])*[A-Za-z0-9+/=]{16,})+(?:(?:[\s>#|]|\\[nr])*[A-Za-z0-9+/=]{1,76})?(?:(?:[\s>#|]|\\[nr])*-----END[ A-Z0-9_-]{0,100}-----)?",
    ),
    format("private-key", &["private-lines:"], r"Private-Lines: [0-9]+\s+((?:[A-Za-z0-9+/=]{16,}\s*)+)"),
    // The same in base64, as `tls.key` and kubeconfigs have it.
    Rule {
        name: "private-key",
        keywords: &["ls0tls1crudjti"],
        pattern: r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}={0,2}",
        holds: |_, value| is_private_pem(value),
    },
    format("jwt", &["ey"], r"\bey[A-Za-z0-9_-]{15,}\.ey[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}"),
    format(
        "docker-auth",
        &[
            "eyjhdxrocyi6",
            "ewogicjhdxrocyi6",
            "ewogicagimf1dghzijo",
            "ewogicaglcjhdxrocyi6",
            "ewoijimf1dghzijo",
            "ewoijhdxrocyi6",
        ],
        r"\b(?:eyJhdXRo|ewogICJhdXRo|ewogICAgImF1dGhz|ewoJImF1dGhz|ewoiYXV0aHMi)[A-Za-z0-9+/=]{20,}",
    ),
    format(
        "aws-access-key",
        &["akia", "asia", "abia", "acca", "a3t"],
        r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    ),
    // The secret that goes with a key's id, whatever the words between them.
    Rule {
        name: "aws-secret-key",
        keywords: &["akia", "asia", "aws-access-key"],
        pattern: r"(?:\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|\[redacted:aws-access-key\])[^\n]{1,160}?[^A-Za-z0-9/+=]([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        holds: |_, value| is_aws_secret(value),
    },
    Rule {
        name: "aws-secret-key",
        keywords: &["akia", "asia", "aws-access-key"],
        pattern: r"(?:^|[^A-Za-z0-9/+=])([A-Za-z0-9/+]{40})[^A-Za-z0-9/+=][^\n]{0,160}?(?:\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|\[redacted:aws-access-key\])",
        holds: |_, value| is_aws_secret(value),
    },
    format("gcp-api-key", &["aiza"], r"\bAIza[A-Za-z0-9_-]{35}"),
    format(
        "gcp-oauth-token",
        &["ya29.", "gocspx-"],
        r"\bya29\.[A-Za-z0-9_-]{30,}|\bGOCSPX-[A-Za-z0-9_-]{20,40}",
    ),
    format(
        "azure-client-secret",
        &["q~"],
        r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
    ),
    format(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{70,255})",
    ),
    format(
        "gitlab-token",
        &["gl"],
        r"\bgl(?:pat|dt|ft|rt|ptt|soat|cbt|imt|agent|oas|ffct)-[A-Za-z0-9_.-]{20,300}",
    ),
    format(
        "slack-token",
        &["xox", "xapp-"],
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}|\bxapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+",
    ),
    format(
        "slack-webhook",
        &["hooks.slack"],
        r"hooks\.slack(?:-gov)?\.com/((?:services|workflows|triggers)/[A-Za-z0-9+/]{30,80})",
    ),
    format(
        "discord-webhook",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/(api/webhooks/[0-9]{16,20}/[A-Za-z0-9_-]{60,80})",
    ),
    format("telegram-token", &[":aa"], r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    format("anthropic-key", &["sk-ant-"], r"\bsk-ant-[a-z0-9]{2,12}-[A-Za-z0-9_-]{20,200}"),
    format(
        "openai-key",
        &["sk-"],
        r"\bsk-(?:proj|svcacct|admin|None|or-v1|lf)-[A-Za-z0-9_-]{20,250}|\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|\bsk-[A-Za-z0-9]{48}\b",
    ),
    format(
        "ai-provider-key",
        &["gsk_", "xai-", "r8_", "hf_", "api_org_"],
        r"\b(?:gsk_[A-Za-z0-9]{40,60}|xai-[A-Za-z0-9]{60,90}|r8_[A-Za-z0-9]{37}|hf_[A-Za-z]{34}|api_org_[A-Za-z]{34})\b",
    ),
    format("npm-token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}\b"),
    format("pypi-token", &["pypi-"], r"\bpypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{40,1000}"),
    format("docker-token", &["dckr_"], r"\bdckr_[po]at_[A-Za-z0-9_-]{27,40}"),
    format(
        "stripe-key",
        &["k_test_", "k_live_", "k_prod_", "whsec_"],
        r"\b[sr]k_(?:test|live|prod)_[A-Za-z0-9]{10,99}|\bwhsec_[A-Za-z0-9+/]{24,64}",
    ),
    format("sendgrid-key", &["sg."], r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    format("vault-token", &["hvs.", "hvb.", "hvr."], r"\bhv[sbr]\.[A-Za-z0-9_-]{24,300}"),
    format(
        "grafana-token",
        &["glsa_", "glc_"],
        r"\bglsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|\bglc_[A-Za-z0-9+/]{32,400}",
    ),
    format("sonar-token", &["sqp_", "squ_", "sqa_"], r"\bsq[pua]_[a-f0-9]{40}\b"),
    format(
        "atlassian-token",
        &["atatt3", "atctt3", "atbb"],
        r"\bAT[AC]TT3[A-Za-z0-9_=-]{100,250}|\bATBB[A-Za-z0-9]{28,36}\b",
    ),
    format("tailscale-key", &["tskey-"], r"\btskey-[a-z]+-[A-Za-z0-9]{6,}-[A-Za-z0-9]{16,}"),
    format(
        "ci-token",
        &["ccipat_", "bkua_", "nfp_", "sbp_", "figd_"],
        r"\b(?:CCIPAT_[A-Za-z0-9]{16,30}_[a-f0-9]{40}|bkua_[a-f0-9]{40}|nfp_[A-Za-z0-9]{36}|sbp_[a-f0-9]{40}|figd_[A-Za-z0-9_-]{40})\b",
    ),
    format("newrelic-key", &["nral", "nrak-"], r"\b(?:[a-f0-9]{36}NRAL|NRAK-[A-Z0-9]{27})\b"),
    format("openshift-token", &["sha256~"], r"\bsha256~[A-Za-z0-9_-]{43}"),
    format("bootstrap-token", &["kubeconfig-u"], r"\bkubeconfig-(?:user|u)-[a-z0-9]{5,20}:[a-z0-9]{40,60}\b"),
    Rule {
        name: "bootstrap-token",
        keywords: &["token", "kubeadm", "令牌", "權杖", "bootstrap"],
        pattern: r"(?:^|[^A-Za-z0-9._/-])([a-z0-9]{6}\.[a-z0-9]{16})(?:[^A-Za-z0-9._/-]|\.(?:\s|$)|$)",
        // Kubernetes' documentation shows tokens that begin with `abcdef`.
        holds: |_, value| {
            !value.starts_with("abcdef.") && value.bytes().filter(u8::is_ascii_digit).count() >= 2
        },
    },
    place(
        "bootstrap-token",
        &["kubeadm"],
        r"\bkubeadm\s[^\n]{0,300}?token[= ]{1,4}\\?\s{0,4}([a-z0-9]{6}\.[a-z0-9]{16})\b",
    ),
    place(
        "kubeadm-hash",
        &["discovery-token-ca-cert-hash"],
        r"(?i)discovery-token-ca-cert-hash[ =:]{1,4}\\?\s{0,4}(sha256:[a-f0-9]{32,64})",
    ),
    place("kubeadm-key", &["certificate-key"], r"(?i)certificate-key[ =:]{1,4}([a-f0-9]{64})"),
    format(
        "password-hash",
        &["$1$", "$2", "$5$", "$6$", "$y$", "$apr1$", "$argon2"],
        r"\$(?:1|2[abxy]|5|6|y|apr1|argon2id?)\$[./A-Za-z0-9$,=+]{20,250}",
    ),
    format(
        "wireguard-key",
        &["privatekey", "presharedkey"],
        r"(?i)\b(?:PrivateKey|PresharedKey)\s{0,4}[=:]\s{0,4}([A-Za-z0-9+/]{43}=)",
    ),
    // The secrets in a kubeconfig, in a registry's credentials and in a Secret within a template.
    format(
        "kubeconfig",
        &["client-key-data", "client-certificate-data"],
        r#"(?i)client-(?:key|certificate)-data["']?\s{0,4}[:=]\s{0,4}(?:[|>][+-]?\s{1,40})?["']?([A-Za-z0-9+/]{16,}(?:\s+[A-Za-z0-9+/]{40,})*={0,2})"#,
    ),
    format(
        "docker-auth",
        &[".dockerc"],
        r#"(?i)\.docker(?:configjson|cfg)["']?\s{0,4}[:=]\s{0,4}(?:[|>][+-]?\s{1,40})?["']?([A-Za-z0-9+/]{16,}(?:\s+[A-Za-z0-9+/]{40,})*={0,2})"#,
    ),
    format(
        "docker-auth",
        &["\"auth\"", "identitytoken", "registrytoken"],
        r#""(?:auth|identitytoken|registrytoken)"\s{0,4}:\s{0,4}"([A-Za-z0-9+/._-]{8,4096}={0,2})""#,
    ),
    place(
        "kubernetes-secret",
        &["secret"],
        r#"\bkind\\?["']?:\s{0,2}\\?["']?Secret\b[^\n{}]{0,2000}\b(?:data|stringData)\\?["']?:\s{0,2}\{([^{}\n]{3,4000})\}"#,
    ),
    place(
        "kubernetes-secret",
        &["secret"],
        r#"\{([^{}\n]{3,4000})\}[^\n{}]{0,2000}\bkind\\?["']?:\s{0,2}\\?["']?Secret\b[^A-Za-z]"#,
    ),
    Rule {
        name: "kubernetes-secret",
        keywords: &["from-literal"],
        pattern: concat!(
            r#"--from-literal(?:=|\s{1,4})["']?[A-Za-z0-9._-]{1,100}=["']?("#,
            value!(),
            r#"{3,400})"#
        ),
        holds: |before, value| {
            let key = before.to_ascii_lowercase();
            let words = ["pass", "secret", "token", "pwd", "cred", "apikey", "api-key", "api_key", "private"];
            let is_named = words.iter().any(|word| key.contains(word));
            !is_stand_in(value)
                && (is_named || value.bytes().any(|b| b.is_ascii_digit()) && num_classes(value) >= 3)
        },
    },
    // Headers.
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
    // Addresses. A password may hold anything but what ends the address; the last `@` ends it.
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
        holds: |_, value| !is_stand_in(value) && (looks_drawn(value, 3.0) || judge::is_uuid(value)),
    },
    format(
        "chat-webhook",
        &["/bot/v2/hook/"],
        r"/bot/v2/hook/([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})",
    ),
    // The environment.
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
        holds: |_, value| !is_stand_in(value) && (judge::is_password(value, true) || looks_drawn(value, 2.5)),
    },
    // Commands.
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
        holds: |_, value| judge::is_password(value, true),
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
        holds: |before, value| !before.ends_with("system:") && judge::is_password(value, false),
    },
    place(
        "password",
        &["sqlplus"],
        concat!(r#"\bsqlplus\s[^\n]{0,40}?[A-Za-z0-9_]{1,40}/"#, r#"([^\s@"']{3,100})@"#),
    ),
    // Flags.
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
                    || judge::is_password(judge::trimmed(value), true)
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
            !is_stand_in(value)
                && !value.contains("id=")
                && (looks_drawn(value, 2.5) || judge::is_uuid(value))
        },
    },
    // Assignments.
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
        holds: |_, value| !value.contains(':') && judge::is_password(value, false),
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
            let value = judge::trimmed(value);
            let has_upper = value.bytes().any(|b| b.is_ascii_uppercase());
            let has_sign = value.bytes().any(|b| b"!@#$%^&?~+*".contains(&b));
            !before.contains("://")
                && !value.contains(['/', ':'])
                && value.len() <= 24
                && (has_upper || has_sign)
                && value.bytes().any(|b| b.is_ascii_digit())
                && judge::is_password(value, false)
        },
    },
    // Sentences.
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
                let value = judge::trimmed(value);
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
            let value = judge::trimmed(value);
            !is_stand_in(value) && looks_drawn(value, 3.0) && !is_hash_of(value)
        },
    },
];
