//! What must hold of every question, whatever it says; and, where `RUNBOOKD_TEST_DATA` is set, of real failures and of
//! real documents.

use kb::{
    growth::assert_follows_size,
    question::{IdentifierKind, MAX_QUESTION_BYTES, Question},
    redact::redact,
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn parse(text: &str) -> Question {
    Question::parse(text, None).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Draws an anonymised token as k8sgpt does: one random printable character for each byte of the name, in base64.
fn anonymised(name_bytes: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    proptest::collection::vec(0..STAND_IN_ALPHABET.len(), name_bytes)
        .prop_map(|drawn| base64(&drawn.into_iter().map(|i| STAND_IN_ALPHABET[i]).collect::<Vec<u8>>()))
}

/// What k8sgpt draws from.
const STAND_IN_ALPHABET: &[u8] =
    br#"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*()-_=+[]{}|;':",./<>?"#;

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let number =
            group.iter().chain(&[0, 0]).take(3).fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        for i in 0..4 {
            let digit = DIGITS[number >> (18 - 6 * i) & 63];
            out.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Every sentence in which k8sgpt's analyzers stand-in a name, `<m>` in the place of each, and the kind of an object that the
/// stand-in hides (none where it hides a label, or something without a kind of its own).
const ANONYMISED_SENTENCES: &[(&str, Option<&str>)] = &[
    ("Deployment <m>/<m> has 1 replicas but 0 are available with status running", Some("Deployment")),
    (
        "Deployment <m>/<m> has 3 replicas in spec but 5 replicas in status because status field is not updated yet after scaling and 2 replicas are available with status running",
        Some("Deployment"),
    ),
    ("Deployment <m>/<m>-api has 1 replicas but 0 are available with status running", Some("Deployment")),
    ("DaemonSet <m>/<m> has 2 ready replicas out of 3 scheduled", Some("DaemonSet")),
    ("DaemonSet <m>/<m> references non-existent ImagePullSecret <m>", Some("DaemonSet")),
    ("StatefulSet uses the service <m>/<m> which does not exist.", Some("Service")),
    ("StatefulSet uses the service <m>/postgres-headless which does not exist.", Some("Service")),
    ("StatefulSet uses the storage class <m> which does not exist.", Some("StorageClass")),
    ("Statefulset pod <m> in the namespace <m> is not in running state.", Some("Pod")),
    ("CronJob <m> is suspended", Some("CronJob")),
    ("CronJob <m> has an invalid schedule: expected exactly 5 fields, found 1: [x]", Some("CronJob")),
    ("Job <m> has failed", Some("Job")),
    (
        "HorizontalPodAutoscaler uses StatefulSet/<m> as ScaleTargetRef which does not exist.",
        Some("StatefulSet"),
    ),
    ("ScaledObject uses Deployment/<m> as ScaleTargetRef which does not exist.", Some("Deployment")),
    ("Deployment orders/<m> does not have resource configured.", Some("Deployment")),
    ("Ingress <m>/<m> does not specify an Ingress class.", Some("Ingress")),
    ("Ingress uses the ingress class <m> which does not exist.", Some("IngressClass")),
    ("Ingress uses the service <m>/<m>-v2 which does not exist.", Some("Service")),
    ("Ingress uses the secret <m>/<m>-tls as a TLS certificate which does not exist.", Some("Secret")),
    ("Gateway uses the GatewayClass <m> which does not exist.", Some("GatewayClass")),
    ("Gateway '<m>/<m>' is not accepted. Message: 'Waiting for controller'.", Some("Gateway")),
    (
        "GatewayClass '<m>' with a controller name 'example.com/gateway' is not accepted. Message: 'x'.",
        Some("GatewayClass"),
    ),
    ("HTTPRoute uses the Gateway '<m>/<m>' which does not exist in the same namespace.", Some("Gateway")),
    (
        "HTTPRoute '<m>/<m>' is deployed in a different namespace from Gateway '<m>/<m>' which only allows HTTPRoutes from its namespace.",
        Some("HTTPRoute"),
    ),
    (
        "HTTPRoute '<m>/<m>' can't be attached on Gateway '<m>/<m>', selector labels do not match HTTProute's labels.",
        Some("Gateway"),
    ),
    ("HTTPRoute uses the Service '<m>/<m>' which does not exist.", Some("Service")),
    (
        "HTTPRoute's backend service '<m>' is using port '80' but the corresponding K8s service 'shop/<m>' isn't configured with the same port.",
        Some("Service"),
    ),
    ("Network policy allows traffic to all pods: <m>", Some("NetworkPolicy")),
    ("Network policy is not applied to any pods: <m>", Some("NetworkPolicy")),
    ("Service has no endpoints, expected label <m>=<m>", None),
    ("Service has no endpoints, expected label component=<m>", None),
    ("Service has no endpoints, expected label app.kubernetes.io/name=<m>", None),
    ("InsufficientPods, expected pdb pod label <m>=<m>", None),
    (
        "<m> has condition of type Ready, reason NodeStatusUnknown: Kubelet stopped posting node status.",
        Some("Node"),
    ),
    (
        "OLMv1 ClusterCatalog: <m> has condition of type Serving, reason Unavailable: not served",
        Some("ClusterCatalog"),
    ),
    (
        "OLMv1 ClusterExtension: <m> has condition of type Installed, reason Failed: no bundle",
        Some("ClusterExtension"),
    ),
    ("<m> has error: missing status.resolvedSource.image.ref", None),
    ("Service <m> not found as mapped to by Validating Webhook <m>", Some("Service")),
    ("No active pods found within service <m> as mapped to by Mutating Webhook <m>", Some("Service")),
    ("Validating Webhook (<m>) is pointing to an inactive receiver pod (<m>)", Some("Pod")),
    ("Error the server rejected our request from Pod <m>", Some("Pod")),
    ("Pod <m> has been evicted", Some("Pod")),
    ("Pod <m>/<m> is in a SchedulingGated state and is blocked from scheduling", Some("Pod")),
    ("the last termination reason is Error container=<m> pod=<m>", Some("Pod")),
    ("PersistentVolumeClaim <m> is in Pending state", Some("PersistentVolumeClaim")),
    ("ConfigMap <m> is not used by any pods in the namespace", Some("ConfigMap")),
    ("RoleBinding <m> references Role <m> which contains wildcard permissions", Some("RoleBinding")),
    ("Container <m> in pod <m> is running as privileged which poses security risks", Some("Pod")),
    ("FlinkDeployment <m>/<m>: the savepoint was written by an incompatible serializer", None),
];

/// What the anonymised tokens of a sentence are: two stand-ins joined by a slash are one.
fn fill(sentence: &str, mut stand_in: impl FnMut() -> String) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut tokens: Vec<String> = Vec::new();
    for (i, piece) in sentence.split("<m>").enumerate() {
        if i > 0 {
            let token = stand_in();
            text.push_str(&token);
            tokens.push(token);
        }
        text.push_str(piece);
    }
    for (i, between) in sentence.split("<m>").enumerate().collect::<Vec<_>>().into_iter().rev() {
        if between == "/" && i > 0 {
            let second = tokens.remove(i);
            tokens[i - 1] = format!("{}/{second}", tokens[i - 1]);
        }
    }
    (text, tokens)
}

/// SplitMix64, so that every run draws the same stand-ins.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).expect("31 bits") % limit
    }

    /// A stand-in for a name of this length, drawn as k8sgpt does: 256 values, reduced to the alphabet.
    fn stand_in(&mut self, name_bytes: usize) -> String {
        let name: Vec<u8> =
            (0..name_bytes).map(|_| STAND_IN_ALPHABET[self.below(256) % STAND_IN_ALPHABET.len()]).collect();
        base64(&name)
    }
}

/// What a document can repeat and a search needs.
fn meaningful() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "OOMKilled",
        "CrashLoopBackOff",
        "exitCode=137",
        "401 Unauthorized",
        "KubePodCrashLooping",
        "connection refused",
        "spec.selector",
        "storage.k8s.io/v1",
        "nginx:1.19.8",
        "4Gi",
        "85%",
        "15m",
        "v1.30.2",
        "kube-apiserver",
        "node.kubernetes.io/not-ready:NoSchedule",
        "dont-do-anything-deployment",
        "trainer-0",
        "10.96.0.0/12",
        "CVE-2021-44228",
        "storageClassName",
        "0/3 nodes are available",
        "節點未就緒",
        "Sự cố",
        "runAsNonRoot",
        "127.0.0.1:8080",
        "postgres-data-0",
    ])
}

/// Volatile parts, and words between them.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,9}",
        "[A-Za-z]{2,12}[,.;]?",
        "[0-9]{1,3}",
        "[0-9]{10,14}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[a-z]{3,8}-[0-9]{2}[bcdf]{3}[0-9]{3}[bcdf]-[bcdfg]{2}[24567]{3}",
        "(10|192|172)\\.[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}(:[0-9]{4})?",
        "2026-0[1-9]-1[0-9]T0[0-9]:1[0-9]:2[0-9]Z",
        "sha256:[0-9a-f]{64}",
        "\\PC{1,6}",
        Just("如何處理".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_the_same_each_time(text in "(?s).{1,400}", wish in proptest::option::of(".{0,20}")) {
        let first = Question::parse(&text, wish.as_deref());
        prop_assert_eq!(&first, &Question::parse(&text, wish.as_deref()));
        if let Ok(question) = first {
            prop_assert!(!question.search_text().is_empty());
            prop_assert!(question.search_text().len() <= question.text().len());
            prop_assert!(!question.failures().is_empty());
            prop_assert!(!question.language().0.is_empty());
        }
        let redacted = redact(&text);
        prop_assert_eq!(&redact(&redacted.text).text, &redacted.text);
    }

    #[test]
    fn joined_words_of_failures_are_parsed(parts in proptest::collection::vec(prop_oneof![noise(), meaningful().prop_map(str::to_owned), "[\"'()\\[\\]{}:=/_@.-]{1,3}"], 1..60), glue in "[ ]?") {
        let text = parts.join(&glue);
        if let Ok(question) = Question::parse(&text, None) {
            prop_assert!(question.search_text().len() <= question.text().len());
            let again = parse(question.search_text());
            prop_assert_eq!(again.search_text(), question.search_text(), "cleaning twice");
        }
    }

    #[test]
    fn meaningful_parts_stay_in_the_search(before in proptest::collection::vec(noise(), 0..12), part in meaningful(), after in proptest::collection::vec(noise(), 0..12)) {
        let text = format!("{} {part} {}", before.join(" "), after.join(" "));
        let question = parse(&text);
        prop_assert!(question.search_text().contains(part), "{} lost from {:?}: {:?}", part, text, question.search_text());
    }

    #[test]
    fn anonymised_names_are_kept_byte_for_byte_and_out_of_the_search(namespace in anonymised(4..20), name in anonymised(9..40), target in anonymised(9..40)) {
        let text = format!("Deployment {namespace}/{name} has 2 replicas but 0 are available with status running HorizontalPodAutoscaler uses StatefulSet/{target} as ScaleTargetRef which does not exist.");
        let question = parse(&text);
        let joined = format!("{namespace}/{name}");
        prop_assert_eq!(question.anonymised(), &[joined, target][..]);
        prop_assert!(question.name_is_anonymised());
        prop_assert_eq!(question.anonymised_kinds().into_iter().collect::<Vec<_>>(), ["Deployment", "StatefulSet"]);
        prop_assert_eq!(question.search_text(), "Deployment has 2 replicas but 0 are available with status running HorizontalPodAutoscaler uses StatefulSet as ScaleTargetRef which does not exist.");
        prop_assert_eq!(question.named(IdentifierKind::Name).count(), 0);
        prop_assert_eq!(question.failures().len(), 2);
        prop_assert_eq!(&redact(&text).text, &text);
    }
}

#[test]
fn no_mask_of_a_name_of_four_characters_and_more_is_missed() {
    let mut draws = Draws(4);
    let (mut num_drawn, mut missed) = (0usize, Vec::new());
    for &(sentence, kind) in ANONYMISED_SENTENCES {
        for name_bytes in 4..=40 {
            for _ in 0..24 {
                let (text, tokens) = fill(sentence, || draws.stand_in(name_bytes));
                let question = parse(&text);
                num_drawn += tokens.len();
                if question.anonymised() != tokens {
                    missed.push(format!("{text}: {:?}", question.anonymised()));
                } else if let Some(kind) = kind {
                    assert!(question.anonymised_kinds().contains(kind), "{kind}: {text}: {question:#?}");
                } else if sentence.contains("label") {
                    assert!(!question.name_is_anonymised(), "a label names no object: {text}: {question:#?}");
                }
            }
        }
    }
    missed.sort_by_key(String::len);
    assert!(missed.is_empty(), "{} of {num_drawn}: {:#?}", missed.len(), &missed[..missed.len().min(40)]);
}

#[test]
fn stand_ins_without_their_padding_are_found_where_a_name_stands() {
    let mut draws = Draws(5);
    for name_bytes in 4..=40 {
        for _ in 0..24 {
            let (namespace, name) = (draws.stand_in(name_bytes), draws.stand_in(name_bytes));
            let (namespace, name) = (namespace.trim_end_matches('='), name.trim_end_matches('='));
            let text = format!("Deployment {namespace}/{name} has 1 replicas but 0 are available");
            assert_eq!(parse(&text).anonymised(), [format!("{namespace}/{name}")], "{text}");
        }
    }
}

#[test]
fn words_are_no_masks_wherever_they_stand() {
    const WORDS: &[&str] = &[
        "ERROR",
        "HTTP",
        "README",
        "NodeNotReady",
        "OOMKilled",
        "PVC",
        "PVCs",
        "CSR",
        "PDB",
        "PDBs",
        "CRD",
        "HPA",
        "UTF8",
        "SHA1",
        "KUBE",
        "TERM",
        "NTFS",
        "V100",
        "Only",
        "With",
        "List",
        "Type",
        "Side",
        "Will",
        "Okta",
        "Kill",
        "Into",
        "Tips",
        "LoadBalancer",
        "ClusterIP",
        "ImagePullBackOff",
        "CrashLoopBackOff",
        "MemoryPressure",
        "DiskPressure",
        "KubeletNotReady",
        "NodeStatusUnknown",
        "InsufficientPods",
        "NotFound",
        "Unauthorized",
        "PodDisruptionBudget",
        "CI/CD",
        "TCP/UDP",
        "HTTP/1.1",
        "OAuth2/OpenID",
        "IPv4/IPv6",
        "GitOps",
        "GitHub",
        "PostgreSQL",
        "MySQL",
        "RabbitMQ",
        "NVIDIA",
        "IMDSv2",
        "readOnlyRootFilesystem",
        "runAsNonRoot",
        "storageClassName",
        "DB_PASSWORD",
        "HikariPool",
        "Systems",
        "Signals",
    ];
    for word in WORDS {
        for sentence in [
            "WORD",
            "WORD has condition of type Ready",
            "Pod WORD",
            "pods: WORD",
            "the Service 'WORD' is",
            "secret: WORD",
            "Deployment WORD/WORD has 1 replicas",
            "kind=WORD",
            "pod=WORD container=WORD",
            "expected label WORD=WORD",
            "StatefulSet/WORD",
            "the webhook (WORD)",
            "class WORD",
            "what does WORD mean?",
        ] {
            let text = sentence.replace("WORD", word);
            assert!(parse(&text).anonymised().is_empty(), "{text}: {:?}", parse(&text).anonymised());
        }
    }
    for text in [
        "set YWRtaW4tdXNlcg== as the value",
        "username: YWRtaW4=\npassword: MWYyZDFlMmU2N2Rm",
        "echo YWRtaW5pc3RyYXRvcg== | base64 -d",
        "secret: YWRtaW4=",
        "the data of the secret is aGVsbG8td29ybGQ= in base64",
    ] {
        assert!(parse(text).anonymised().is_empty(), "{text}: {:?}", parse(text).anonymised());
    }
}

#[test]
fn the_longest_question_is_read_and_the_next_is_refused() {
    assert!(Question::parse(&"é".repeat(MAX_QUESTION_BYTES / 2), None).is_ok());
    assert!(Question::parse(&"x".repeat(MAX_QUESTION_BYTES + 1), None).is_err());
    assert!(Question::parse(" \n\t ", None).is_err());
}

/// However often something is repeated.
#[test]
fn time_grows_with_the_text_only() {
    for unit in [
        "a",
        "x ",
        "a-",
        "a/",
        "\"a\" ",
        "pods \"",
        "Back-off pulling image the last termination reason is X ",
        "x has condition of type ",
        "-9xk4t",
        "部署 a-b ",
        "service account named ",
        "UHRZOmdq/Jm1VPWgj ",
        "{{$value",
        "http://a:b",
        "password=aB3dE5gH7jK9 ",
        "eyJaaaaaaaaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----\n",
        "in the namespace a ",
        "1:2:3::",
        "a\u{200b}",
        "a*",
        "*a",
        "a _",
        "`",
        "~~",
        "<a ",
        "<b>",
        "a<b>c",
        "<!--",
        "<!-- a <!-- --> <!--",
        "&#55;",
        "&amp;",
        "&",
        "\\_",
        "\u{1b}[31m",
        "\u{1b}]",
    ] {
        let text = |bytes: usize| unit.repeat(bytes / unit.len());
        assert_follows_size(unit, 64_000, text, |text| drop((parse(text), redact(text))));
    }
}

#[expect(clippy::disallowed_methods, reason = "real data is found by this variable only")]
fn test_data() -> Option<PathBuf> {
    let path = std::env::var_os("RUNBOOKD_TEST_DATA").map(PathBuf::from);
    if path.is_none() {
        println!("SKIPPED: RUNBOOKD_TEST_DATA is not set");
    }
    path
}

fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn real_failures_name_something_and_keep_nothing_volatile() {
    let Some(data) = test_data() else { return };
    let uid = regex::Regex::new("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}").expect("fixed");
    let address = regex::Regex::new(r"\b[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\b").expect("fixed");
    let messages = json_lines(&data.join("k8sgpt_messages.jsonl"));
    assert!(!messages.is_empty());
    for message in &messages {
        let text = message["message"].as_str().expect("a message");
        let question = parse(text);
        assert!(!question.identifiers().is_empty(), "{text}");
        assert!(!uid.is_match(question.search_text()) && !address.is_match(question.search_text()), "{text}");
        assert!(question.identifiers().iter().all(|identifier| !uid.is_match(&identifier.text)), "{text}");
        for token in question.anonymised() {
            assert!(
                text.contains(token.as_str()) && !question.search_text().contains(token.as_str()),
                "{text}"
            );
            // Real names are lower case, and a stand-in is drawn for one message: what others say too is a real word.
            let num_messages = |half: &str| {
                messages.iter().filter(|m| m["message"].as_str().is_some_and(|m| m.contains(half))).count()
            };
            for half in token.split('/') {
                assert!(half.bytes().any(|b| b.is_ascii_uppercase()), "{text}: {token}");
                assert_eq!(num_messages(half), 1, "{text}: {token}");
            }
        }
        assert_eq!(question.language().0, "en", "{text}");
        assert_eq!(redact(text).text, text);
        // The kind is not sent: it must be in the text, or the failure's reason is.
        let kind = message["kind"].as_str().expect("a kind").rsplit('/').next().expect("a kind");
        let says_what = question.named(IdentifierKind::Kind).any(|named| named == kind)
            || question.named(IdentifierKind::Reason).next().is_some()
            || question.identifiers().len() >= 2;
        assert!(says_what, "{text}: {:?}", question.identifiers());
    }
}

#[test]
fn prose_comes_out_as_it_went_in() {
    let Some(data) = test_data() else { return };
    for set in [
        "apifield",
        "blogcite_en",
        "blogcite_zh",
        "xcite_en",
        "glossary_en",
        "glossary_zh",
        "exam_tasks",
        "policycheck",
        "unans_zh",
    ] {
        for query in json_lines(&data.join("questions").join(set).join("queries.jsonl")) {
            let text = query["text"].as_str().expect("a text").trim();
            let question = parse(text);
            assert_eq!(question.search_text(), text, "{set}");
            assert_eq!(question.failures().len(), 1, "{text}");
            assert!(question.anonymised().is_empty(), "{text}: {:?}", question.anonymised());
        }
    }
}

/// Public documentation holds no live secret; what is anonymised there are its examples, half of them values of manifests of
/// Secrets, all of which are anonymised. The share says how often a reader loses one.
#[test]
fn few_documents_lose_an_example() {
    let Some(data) = test_data() else { return };
    let (mut num_files, mut num_touched, mut num_anonymised) = (0usize, 0usize, 0usize);
    let mut folders = vec![data.join("corpora")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let redacted = redact(&text);
                num_files += 1;
                num_touched += usize::from(redacted.total() > 0);
                num_anonymised += redacted.total();
            }
        }
    }
    println!("{num_anonymised} examples anonymised in {num_touched} of {num_files} documents");
    assert!(num_files > 0 && num_touched * 25 < num_files, "{num_touched} of {num_files} documents");
}
