//! Tests of the texts that are redacted and of those that stay.

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
fn tokens_with_a_format_are_redacted_wherever_they_stand() {
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
            format!("{}.{}.{}", token("eyJ", LETTERS, 30), token("eyJ", LETTERS, 60), token("", LETTERS, 43)),
        ),
    ] {
        check(&format!("it said {secret}, then died"), &format!("it said [redacted:{rule}], then died"));
        check(&format!("用戶端{secret}失敗"), &format!("用戶端[redacted:{rule}]失敗"));
    }
}

#[test]
fn private_keys_are_redacted_whole_or_cut_off() {
    let body = token("", LETTERS, 64);
    let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\nMIIB\n-----END RSA PRIVATE KEY-----");
    check(&format!("a\n{key}\nb"), "a\n[redacted:private-key]\nb");
    check(&format!("a -----BEGIN PRIVATE KEY-----\\n{body}\\n{body}"), "a [redacted:private-key]");
    let shown = "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----";
    check(shown, shown);
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----");
    check(&certificate, &certificate);
}

#[test]
fn assignments_are_redacted_when_the_value_looks_drawn() {
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
fn what_only_a_reader_sees_is_redacted() {
    let (aws, github) = (token("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), token("ghp_", LETTERS, 36));
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
        let redacted = "key [redacted:aws-access-key], then";
        check(&format!("key {start}{between}{end}, then"), redacted);
    }
    for shown in [format!("_{aws}_"), format!("__{aws}__"), format!("\u{1b}[31m{aws}\u{1b}[0m")] {
        let redacted = redact(&shown).text.into_owned();
        assert!(redacted.contains("[redacted:aws-access-key]") && !redacted.contains(&aws), "{redacted}");
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
        "Deployment YWFhYWFhYWE+Pw==/YWFhYWFhYWFh has 2 replicas",
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

/// A text that a pattern fits, drawn at random.
pub(super) fn drawn(pattern: &str, random: &mut Random) -> String {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
    let mut out = Vec::new();
    draw(&parser.parse(pattern).expect("it parses"), random, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn draw(hir: &regex_syntax::hir::Hir, random: &mut Random, out: &mut Vec<u8>) {
    use regex_syntax::hir::{Class, HirKind};
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            let printable = |byte: &u8| (b' '..=b'~').contains(byte);
            let bytes: Vec<u8> = class
                .ranges()
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .filter(printable)
                .collect();
            out.push(if bytes.is_empty() { b'\n' } else { bytes[random.below(bytes.len())] });
        }
        HirKind::Class(Class::Unicode(class)) => {
            let range = class.ranges()[random.below(class.ranges().len())];
            out.extend_from_slice(range.start().to_string().as_bytes());
        }
        HirKind::Repetition(repetition) => {
            let min = repetition.min as usize;
            let max = repetition.max.map_or(min + 4, |max| max as usize).min(min + 40);
            for _ in 0..min + random.below(max - min + 1) {
                draw(&repetition.sub, random, out);
            }
        }
        HirKind::Capture(capture) => draw(&capture.sub, random, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, random, out)),
        HirKind::Alternation(parts) => draw(&parts[random.below(parts.len())], random, out),
    }
}

/// Numbers that look drawn at random, the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";

/// Secrets as the vendors' own generators make them: twenty are drawn for each format, and at least nineteen of them
/// are redacted, whatever the text around them.
#[test]
fn formats_of_vendors_are_redacted() {
    let mut random = Random(7);
    let (mut drawn_in_all, mut caught_in_all, mut low) = (0, 0, Vec::new());
    for vendor in vendors::all() {
        let (mut num_drawn, mut caught) = (0, 0);
        let pattern = compiled(&vendor.pattern);
        while num_drawn < 20 {
            // The end of the pattern matches the text after the secret, so it is not drawn.
            let inside = vendor.pattern.trim_end_matches(r"(?:[^\w/+=-]|$)");
            let text = drawn(inside, &mut random);
            let Some(found) = pattern.captures(text.as_bytes()) else { continue };
            let group = vendor.group.and_then(|group| found.get(group));
            let secret = group.or_else(|| found.iter().skip(1).flatten().find(|group| !group.is_empty()));
            let secret = secret.or(found.get(0)).expect("it was found");
            let secret = String::from_utf8_lossy(secret.as_bytes()).into_owned();
            let (before, after) =
                [("key ", ", then"), ("用戶端：", "。"), ("> `", "`"), ("export X=1\n", "\n")]
                    [random.below(4)];
            num_drawn += 1;
            caught += usize::from(!redact(&format!("{before}{text}{after}")).text.contains(&secret));
        }
        if caught < 19 {
            low.push(format!("{} {caught}", vendor.id));
        }
        drawn_in_all += num_drawn;
        caught_in_all += caught;
    }
    println!("vendors: {caught_in_all} of {drawn_in_all} drawn secrets redacted; below 19 of 20: {low:?}");
    assert!(caught_in_all * 100 >= drawn_in_all * 95);
    assert!(low.len() * 20 <= vendors::all().len(), "{low:?}");
}

/// A password that a person or a generator made.
fn password(random: &mut Random) -> String {
    match random.below(6) {
        0 => format!("{}{}!", random.pick(&["Winter", "Kopi", "Relay", "Saigon"]), 1000 + random.below(9000)),
        1 => random.text(ALNUM, 16),
        2 => format!("{}@{}", random.text("abcdefgh", 4), 10 + random.below(90)),
        3 => format!("{}{}", random.pick(&["$", "%", "/", "@"]), random.text(ALNUM, 18) + "7aQ"),
        4 => format!("{}-sample-{}", random.text(ALNUM, 8), random.text(ALNUM, 8) + "4x"),
        _ => format!("Tr0ub4dor&{}", random.below(100)),
    }
}

/// A text in which `§` stands for the secret, with the kind of secret.
const DOMAIN: &[(&str, &str)] = &[
    ("base64", "client-key-data: §"),
    ("base64", "    client-certificate-data: §\n"),
    ("base64", "\"client-key-data\": \"§\""),
    ("bootstrap", "kubeadm join 10.0.0.1:6443 --token § --discovery-token-ca-cert-hash sha256:x"),
    ("bootstrap", "kubeadm token list\nTOKEN TTL\n§ 23h"),
    ("bootstrap", "節點加入用的令牌是 §，一天後失效"),
    ("hash", "--discovery-token-ca-cert-hash sha256:§"),
    ("hash", "kubeadm init phase upload-certs --certificate-key §"),
    ("any", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  user: bob\n  pass: §\n"),
    ("any", "apiVersion: v1\nstringData:\n  a.conf: |\n    user bob\n    word §\nkind: Secret\n"),
    ("word", "kind: Secret\nmetadata:\n  name: a\ndata:\n  x: §\n"),
    ("base64", "> kind: Secret\n> data:\n>   x: §\n"),
    ("base64", "- apiVersion: v1\n  data:\n    x: §\n  kind: Secret\n"),
    ("base64", "{\"apiVersion\":\"v1\",\"data\":{\"x\":\"§\"},\"kind\":\"Secret\"}"),
    ("word", "{\"kind\":\"Secret\",\n\"stringData\": {\"x\": \"§\"}}"),
    (
        "base64",
        "last-applied-configuration: \"{\\\"data\\\":{\\\"x\\\":\\\"§\\\"},\\\"kind\\\":\\\"Secret\\\"}\"",
    ),
    ("word", "{kind: Secret, stringData: {x: §}}"),
    ("base64", ".dockerconfigjson: §"),
    ("base64", "data:\n  .dockerconfigjson: >-\n    §\n"),
    ("any", "curl -u admin:§ https://a.example/x"),
    ("any", "curl -sS 'https://a.example/x?a=b&c=d' --user 'admin:§'"),
    ("any", "curl --user=admin:§ https://a.example"),
    ("any", "mysql -h db -u root -p'§' relay"),
    ("alnum", "mysqldump -uroot -p§ relay > x.sql"),
    ("alnum", "mysqladmin --user=root --password=§ ping"),
    ("any", "sshpass -p '§' ssh root@10.0.0.1"),
    ("alnum", "sshpass -p§ scp a b:"),
    ("any", "PGPASSWORD='§' psql -h db -U app"),
    ("alnum", "export PGPASSWORD=§"),
    ("alnum", "psql postgres://app:§@db:5432/relay"),
    ("alnum", "psql \"postgresql://app:§@db/relay?sslmode=require\""),
    ("alnum", "MYSQL_PWD=§ mysql -u root"),
    ("alnum", "redis-cli -h cache -a § ping"),
    ("alnum", "mongodump -u admin -p § --out x"),
    ("alnum", "docker login -u bob -p § registry.example.com"),
    ("alnum", "echo § | docker login --password-stdin registry.example.com"),
    ("any", "echo '§' | sudo -S systemctl restart kubelet"),
    ("alnum", "kubectl create secret docker-registry r --docker-password=§ --docker-username=bob"),
    ("any", "kubectl create secret generic db --from-literal=password='§'"),
    ("alnum", "argocd login argocd.example.com --username admin --password §"),
    ("alnum", "ldapsearch -x -D cn=admin -w § -b dc=a"),
    ("any", "ALTER USER 'relay'@'%' IDENTIFIED BY '§';"),
    ("any", "CREATE ROLE relay WITH LOGIN PASSWORD '§';"),
    ("alnum", "machine git.example.com login bob password §"),
    ("alnum", "env:\n- name: DB_PASSWORD\n  value: \"§\"\n"),
    ("token", "curl -H \"Authorization: Bearer §\" https://a.example/api"),
    ("token", "curl -H 'Authorization: Basic §' https://a.example/api"),
    ("token", "curl --header \"X-Api-Key: §\" https://a.example/api"),
    ("token", "curl -H \"X-Vault-Token: §\" $VAULT_ADDR/v1/secret/data/x"),
    ("token", "curl -H 'PRIVATE-TOKEN: §' https://git.example.com/api/v4/projects"),
    ("token", "用這個 header 呼叫：Authorization: Bearer §，不要外流"),
    ("token", "kubectl --token=§ get pods"),
    ("token", "https://a.example/hook?token=§"),
    ("jwt", "The session was §."),
    ("jwt", "令牌為§，一小時後失效"),
    ("any", "The password is §"),
    ("any", "the root password for db-1 is now §, change it after use"),
    ("any", "Password: §"),
    ("any", "Log in with the password `§`."),
    ("any", "set the password to \"§\""),
    ("any", "password for the relay user was §."),
    ("any", "DB_PASSWORD=§"),
    ("any", "| Password | § |"),
    ("any", "数据库的密码是 §，请勿外传"),
    ("any", "密码：§"),
    ("any", "資料庫密碼為「§」"),
    ("any", "root 密碼改為 § 之後重啟"),
    ("any", "请使用密码 `§` 登录"),
    ("any", "口令: §"),
    ("any", "Mật khẩu là §"),
    ("any", "mật khẩu của cơ sở dữ liệu là §, đừng gửi cho ai"),
    ("any", "Đăng nhập với mật khẩu `§`"),
    ("any", "Mật khẩu: §"),
    ("any", "Kata sandi adalah §"),
    ("any", "kata sandi basis data relay adalah §, jangan dibagikan"),
    ("any", "Kata sandinya: §"),
    ("any", "Masuk dengan password `§`"),
    ("any", "ubah kata sandi menjadi §"),
    ("token", "The API key is §."),
    ("token", "AWS_SECRET_ACCESS_KEY=§"),
    ("slashed", "AWS_SECRET_ACCESS_KEY=§"),
    ("slashed", "aws_secret_access_key = §"),
    ("token", "API 密钥是 §"),
    ("token", "Khóa API là §"),
    ("token", "Kunci API adalah §"),
    ("token", "token: §"),
    ("token", "PAGERDUTY_ROUTING_KEY=§"),
    ("token", "client_secret = \"§\""),
    ("webhook", "Post to https://hooks.slack.com/services/§"),
    ("webhook", "SLACK_WEBHOOK_URL: https://hooks.slack.com/services/§"),
];

fn secret(kind: &str, random: &mut Random) -> String {
    match kind {
        "any" => password(random),
        "alnum" | "word" => random.text(ALNUM, 10) + "3k",
        "base64" => random.text(ALNUM, 60) + "9Q==",
        "bootstrap" => format!("{}.{}", random.text(LOWER, 6), random.text(LOWER, 14) + "47"),
        "hash" => random.text(HEX, 64),
        "token" => random.text(ALNUM, 38) + "4z",
        "slashed" => format!("/{}+{}/", random.text(ALNUM, 20), random.text(ALNUM, 16) + "5y"),
        "webhook" => {
            format!(
                "T{}/B{}/{}",
                random.text("ABCDEFGH0123", 9),
                random.text("ABCDEFGH0123", 9),
                random.text(ALNUM, 24)
            )
        }
        _ => {
            format!("eyJ{}.eyJ{}.{}", random.text(ALNUM, 33), random.text(ALNUM, 60), random.text(ALNUM, 43))
        }
    }
}

#[test]
fn secrets_of_operations_are_redacted() {
    let mut random = Random(11);
    let (mut num_drawn, mut missed) = (0, Vec::new());
    for (kind, text) in DOMAIN {
        for _ in 0..20 {
            let secret = secret(kind, &mut random);
            let text = text.replace('§', &secret);
            num_drawn += 1;
            let redacted = redact(&text);
            if redacted.text.contains(&secret) || !redacted.text.contains("[redacted:") {
                missed.push(text);
            }
        }
    }
    println!(
        "operations: {} of {num_drawn} drawn secrets redacted; missed: {missed:#?}",
        num_drawn - missed.len()
    );
    assert!(missed.len() * 20 <= num_drawn);
}

/// Texts that look as if they held a secret and hold no secret; `HEX40` and the like are replaced by random characters.
const NEAR: &[&str] = &[
    "redis-password: {{ .Values.password | b64enc | quote }}",
    "Reinitiates the login with password\nargocd relogin --password",
    "the login with password authentication is off",
    "[SecretTemplate]: ../reference/api-docs.md#cert-manager.io/v1.SecretTemplate",
    "clientSecret: $oidc.auth0.clientSecret",
    "an [ID Token](https://openid.net/specs/openid-connect-core-1_0.html#IDToken) is sent",
    "image: registry.example.com/relay@sha256:HEX64",
    "Image digest sha256:HEX64 of relay",
    "sentry image digest: sha256:HEX64",
    "artifactory digest: sha256:HEX64",
    "uid: UUID",
    "Pod UID UUID was evicted",
    "commit HEX40 broke it",
    "git revert HEX40",
    "fixed in sourcegraph commit HEX40",
    "revision: HEX40",
    "Deployment B64_16/B64_24 has 2 replicas but 0 are available",
    "HorizontalPodAutoscaler uses StatefulSet/B64_24 as ScaleTargetRef which does not exist.",
    "Service has no endpoints, expected label B64_16=B64_24",
    "user-data: YXBpVmVyc2lvbjogdjEKa2luZDogQ29uZmlnTWFwCm1ldGFkYXRhOgogIG5hbWU6IHJlbGF5Cg==",
    "kind: ConfigMap\ndata:\n  log_level: debug\n  url: http://relay:8080\nbinaryData:\n  x: YXBpVmVyc2lvbjogdjEK\n",
    "caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI",
    "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIB64_24",
    "kubeadm join 10.0.0.1:6443 --token <token> --discovery-token-ca-cert-hash sha256:<hash>",
    "kubeadm join $API --token $TOKEN --discovery-token-ca-cert-hash $HASH",
    "kind: Secret\nmetadata:\n  name: relay-db-2024\ntype: Opaque\nstringData:\n  password: <password>\n  user: ${DB_USER}\n",
    "kind: SealedSecret\nspec:\n  name: relay\n",
    "client-key-data: REDACTED, client-certificate-data: DATA+OMITTED",
    "curl -u admin:$PASSWORD https://a.example",
    "curl -u \"$USER:$PASS\" https://a.example",
    "curl -u <user>:<password> https://a.example",
    "curl -u admin:changeme https://a.example",
    "docker run -u 1000:1000 --user nginx:nginx relay",
    "mysql -u root -p relay",
    "mysql -h db -P 3306 -u root -p$MYSQL_ROOT_PASSWORD",
    "mysql --password=\"${MYSQL_PASSWORD}\"",
    "sshpass -p \"$SSHPASS\" ssh root@a",
    "sshpass -e ssh root@a",
    "PGPASSWORD=$(kubectl get secret db -o jsonpath='{.data.password}' | base64 -d) psql",
    "export PGPASSWORD=changeme",
    "psql postgres://app:$PGPASSWORD@db:5432/relay",
    "postgres://user:password@host/db",
    "https://a.example:8443/x?mail=b@c.example",
    "The password is rotated every 90 days",
    "The password is stored in vault at secret/data/relay/db-2024",
    "the password is required and must have 12 characters",
    "password is hashed with SHA-256",
    "密码是必填项，长度至少 12 位",
    "密码为空时登录失败",
    "密碼：請向值班人員索取",
    "mật khẩu là bắt buộc",
    "Mật khẩu phải có ít nhất 12 ký tự",
    "kata sandi adalah wajib",
    "kata sandi: minta ke petugas jaga",
    "the token is valid for 24h",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "token: \"{{ .Values.token }}\"",
    "password: {{ .Values.db.password | quote }}",
    "password: changeme",
    "password: REDACTED",
    "password: xxxxxxxxxxxx",
    "password: your_password_here",
    "api_key: YOUR_API_KEY",
    "apiKey: your-api-key-here-123",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "curl -H \"Authorization: Bearer ${TOKEN}\" https://a.example",
    "curl -H \"X-Vault-Token: $VAULT_TOKEN\" https://vault.example/v1/secret/data/relay",
    "vault kv get -field=password secret/data/relay/db-2024",
    "vault read database/creds/relay-2024",
    "secret: secret/data/prod/api-key-2",
    "password: vault:secret/data/relay#db_password_2",
    "passwordSecretRef:\n  name: relay-db-2024\n  key: password-1",
    "secretName: relay-tls-2024-11",
    "imagePullSecrets:\n- name: regcred-2024",
    "serviceAccountToken expires after 3600s",
    "tokenExpirationSeconds: 3600",
    "secret/relay-tls-2024 created",
    "Secret \"relay-token-x7k2p\" not found",
    "couldn't find key DB_PASSWORD_2 in Secret relay/db-credentials-v2",
    "MountVolume.SetUp failed for volume \"relay-token-x7k2p\" : secret \"relay-token-x7k2p\" not found",
    "pod relay-7d9f8b6c5d-x2k4j is in CrashLoopBackOff",
    "resourceVersion: \"48213377\"",
    "etag: W/\"HEX40\"",
    "traceparent: 00-HEX32-HEX16-01",
    "trace_id=HEX32 span_id=HEX16",
    "sha1 fingerprint HEX40",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHEX40 ops@relay",
    "key: node-role.kubernetes.io/control-plane",
    "--set key1=value1,key2=value2",
    "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "Confluent, responsibilities of the team and Dropbox, troubleshooting it",
    "linear: acknowledgements and travis: synchronisation99 of queues",
    "Datadog: https://docs.datadoghq.com/containers/kubernetes/installation/",
    "passphrase: see the sealed envelope",
    "pass --kubeconfig=/etc/kubernetes/admin.conf to kubectl",
    "AWS_SECRET_ACCESS_KEY=/run/secrets/aws/secret-access-key",
    "password_file: /etc/relay/db-password.txt",
    "--token-auth-file=/etc/kubernetes/tokens.csv",
    "--password-stdin",
    "bearer token authentication is required for /metrics",
    "kubectl create secret generic db --from-literal=password=$PASSWORD",
    "kubectl create secret generic db --from-file=password=./password.txt",
    "kubectl create configmap a --from-literal=key1=config1 --from-literal=log=debug2",
    "ENC[AES256_GCM,data:B64_24,iv:B64_24,tag:B64_16,type:str]",
    "Basic auth is disabled; use OIDC instead of password v2",
    "runtime: panic at 0xHEX16 goroutine 42",
    "container id containerd://HEX64",
    "nginx.ingress.kubernetes.io/auth-secret: relay-basic-auth-2",
];

#[test]
fn what_only_looks_like_a_secret_stays() {
    let mut random = Random(13);
    let (mut num_drawn, mut wrong) = (0, Vec::new());
    for near in NEAR {
        for _ in 0..10 {
            let mut text = (*near).to_owned();
            for (name, alphabet, length) in [
                ("HEX64", HEX, 64),
                ("HEX40", HEX, 40),
                ("HEX32", HEX, 32),
                ("HEX16", HEX, 16),
                ("B64_24", ALNUM, 24),
                ("B64_16", ALNUM, 16),
            ] {
                while text.contains(name) {
                    text = text.replacen(name, &random.text(alphabet, length), 1);
                }
            }
            let uuid = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length)).join("-");
            text = text.replace("UUID", &uuid);
            num_drawn += 1;
            let redacted = redact(&text);
            if redacted.total() > 0 {
                wrong.push(redacted.text.into_owned());
            }
        }
    }
    wrong.dedup();
    println!("near misses: {} of {num_drawn} redacted: {wrong:#?}", wrong.len());
    assert!(wrong.len() * 100 <= num_drawn);
}

#[test]
fn every_pattern_compiles() {
    for detector in &DETECTORS.all {
        detector.pattern();
        assert!(!detector.keywords().is_empty(), "{}", detector.name());
    }
    for allowed in vendors::all().iter().flat_map(vendors::Vendor::allowed) {
        compiled(allowed);
    }
}
