//! What must hold of every question, whatever it says; and, where `RUNBOOKD_TEST_DATA` is set, of real failures and of
//! real documents.

use kb::{
    question::{IdentifierKind, MAX_QUESTION_BYTES, Question},
    redact::redact,
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn parse(text: &str) -> Question {
    Question::parse(text, None).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Draws a masked token as k8sgpt does: one random printable character for each byte of the name, in base64.
fn masked(name_bytes: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    const ALPHABET: &[u8] =
        br#"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*()-_=+[]{}|;':",./<>?"#;
    proptest::collection::vec(0..ALPHABET.len(), name_bytes)
        .prop_map(|drawn| base64(&drawn.into_iter().map(|i| ALPHABET[i]).collect::<Vec<u8>>()))
}

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
    fn masked_names_are_kept_byte_for_byte_and_out_of_the_search(namespace in masked(4..20), name in masked(9..40), target in masked(9..40)) {
        let text = format!("Deployment {namespace}/{name} has 2 replicas but 0 are available with status running HorizontalPodAutoscaler uses StatefulSet/{target} as ScaleTargetRef which does not exist.");
        let question = parse(&text);
        let joined = format!("{namespace}/{name}");
        prop_assert_eq!(question.masked(), &[joined, target][..]);
        prop_assert!(question.name_is_masked());
        prop_assert_eq!(question.masked_kinds().into_iter().collect::<Vec<_>>(), ["Deployment", "StatefulSet"]);
        prop_assert_eq!(question.search_text(), "Deployment has 2 replicas but 0 are available with status running HorizontalPodAutoscaler uses StatefulSet as ScaleTargetRef which does not exist.");
        prop_assert_eq!(question.named(IdentifierKind::Name).count(), 0);
        prop_assert_eq!(question.failures().len(), 2);
        prop_assert_eq!(&redact(&text).text, &text);
    }
}

#[test]
fn the_longest_question_is_read_and_the_next_is_refused() {
    assert!(Question::parse(&"é".repeat(MAX_QUESTION_BYTES / 2), None).is_ok());
    assert!(Question::parse(&"x".repeat(MAX_QUESTION_BYTES + 1), None).is_err());
    assert!(Question::parse(" \n\t ", None).is_err());
}

/// Twice the text may take about twice the time. Generous, since tests share the machine: a quadratic step would take
/// sixteen times as long.
#[test]
fn time_grows_with_the_text_only() {
    let time = |text: &str| {
        (0..3)
            .map(|_| {
                let start = std::time::Instant::now();
                let _ = (parse(text), redact(text));
                start.elapsed()
            })
            .min()
            .expect("three runs")
    };
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
    ] {
        let text = |bytes: usize| unit.repeat(bytes / unit.len());
        time(&text(1_000));
        let (short, long) = (time(&text(16_000)), time(&text(64_000)));
        assert!(
            long < short * 12 + std::time::Duration::from_millis(50),
            "{unit:?}: {short:?}, then {long:?}"
        );
    }
}

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
        assert!(question.masked().iter().all(|token| text.contains(token.as_str())), "{text}");
        assert!(
            question.masked().iter().all(|token| !question.search_text().contains(token.as_str())),
            "{text}"
        );
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
            assert!(question.masked().is_empty(), "{text}: {:?}", question.masked());
        }
    }
}

/// Public documentation holds no live secret; what is masked there are its examples. The share says how often a reader
/// loses one.
#[test]
fn few_documents_lose_an_example() {
    let Some(data) = test_data() else { return };
    let (mut num_files, mut num_touched, mut num_masked) = (0usize, 0usize, 0usize);
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
                num_masked += redacted.total();
            }
        }
    }
    println!("{num_masked} examples masked in {num_touched} of {num_files} documents");
    assert!(num_files > 0 && num_touched * 50 < num_files, "{num_touched} of {num_files} documents");
}
