//! Formats of secrets, and the places of Kubernetes' own secrets.

use super::rule::{Rule, format, place};
use crate::redact::{
    judge::{is_stand_in, num_classes},
    values::{is_aws_secret, is_private_pem},
};

pub(super) static RULES: &[Rule] = &[
    // Base64 lines of 16 and more characters, so that `-----BEGIN … KEY-----` with dots below stays; the end may be cut
    // off.
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
];
