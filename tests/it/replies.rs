//! Replies of strong models through the real checks, where `RUNBOOKD_TEST_DATA` is set: what is honest leaves unharmed.
//! With `--nocapture` each reply that changes is printed with what left in its place.

use answer::{
    answer::Written,
    evidence::Evidence,
    format::{Format, Shape},
    phrases,
    reply::{Refusal, from_reply},
    request,
};
use kb::{
    document::{Kind, Rule},
    question::Question,
    retrieve::{RuleMatch, RuleStrength},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// What one reply was written over.
struct Asked {
    evidence: Vec<Evidence>,
    question: Question,
    format: Format,
}

/// A reply, by its file's name: what it was, and what left.
struct Tried {
    name: String,
    reply: String,
    language: kb::question::Language,
    left: Result<Written, Refusal>,
}

impl Tried {
    /// How often our own marks of a kind stand in what left, beyond the reply.
    fn marks(&self) -> BTreeMap<&'static str, usize> {
        let phrases = phrases::phrases(&self.language);
        let text = self.left.as_ref().map_or("", |written| &written.text);
        let kinds = [
            ("uncited", phrases.uncited),
            ("unsupported", phrases.unsupported),
            ("unverified", phrases.unverified),
            ("removed", phrases.removed),
            ("destructive", phrases.destructive),
            ("link removed", "[link removed]"),
        ];
        let counted = kinds.map(|(kind, mark)| (kind, text.matches(mark).count()));
        counted.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    fn is_untouched(&self) -> bool {
        self.left.as_ref().is_ok_and(|written| written.text.trim() == self.reply.trim())
    }

    fn print(&self) {
        println!("=== {} {:?}", self.name, self.marks());
        match &self.left {
            Err(refusal) => println!("!!! {refusal:?} of:\n{}", self.reply.trim()),
            Ok(written) => {
                for change in similar(self.reply.trim(), written.text.trim()) {
                    println!("{change}");
                }
            }
        }
    }
}

/// The lines of two texts that are not in both, in order.
fn similar(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

#[expect(clippy::disallowed_methods, reason = "real data is found by this variable only")]
fn test_data() -> Option<PathBuf> {
    let path = std::env::var_os("RUNBOOKD_TEST_DATA").map(PathBuf::from);
    if path.is_none() {
        println!("SKIPPED: RUNBOOKD_TEST_DATA is not set");
    }
    path
}

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The evidence that a prompt holds.
fn evidence(prompt: &str) -> Vec<Evidence> {
    let documents = prompt.split("<<<END DOCUMENTS").next().unwrap_or_default();
    let parts = documents.split("<<<DOCUMENT [").skip(1);
    parts
        .enumerate()
        .map(|(at, part)| passage(at + 1, part.split_once(">>>\n").expect("a fence").1))
        .collect()
}

fn passage(n: usize, part: &str) -> Evidence {
    let (head, text) = part.split_once("\n\n").expect("a blank line after the head");
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let strength = match field("applies").as_deref() {
        Some("yes") => Some(RuleStrength::Exact),
        Some("maybe") => Some(RuleStrength::BehindStandIn),
        _ => None,
    };
    let heading = field("title").expect("a title");
    let mut headings = heading.split(" > ").map(str::to_owned);
    Evidence {
        n,
        document: field("id").expect("an id"),
        chunk: format!("{}#{n}", field("id").expect("an id")),
        title: headings.next().unwrap_or_default(),
        url: field("url"),
        anchor: None,
        updated_at: None,
        kind: Kind::Runbook,
        language: None,
        heading_path: headings.collect(),
        text: text.trim().to_owned(),
        rule: strength.map(|strength| RuleMatch { rule: Rule::default(), strength }),
        prohibitions: Vec::new(),
    }
}

fn asked(prompt: &str, request: &Value) -> Asked {
    let body = &request["body"];
    let text = [&body["question"], &body["options"]["message"], &body["messages"][0]["content"]]
        .into_iter()
        .find_map(Value::as_str)
        .expect("a question");
    let question = request::question(text, body["options"]["language"].as_str()).expect("a question");
    let format = match request["path"].as_str() {
        Some("/completions") => Format { shape: Shape::ErrorSolution, max_chars: Some(280) },
        _ => Format::default(),
    };
    Asked { evidence: evidence(prompt), question, format }
}

fn tried() -> Option<Vec<Tried>> {
    let folder = test_data()?.join("replies");
    let questions = read(&folder.join("questions.jsonl"));
    let asked: BTreeMap<String, Asked> = questions
        .lines()
        .map(|line| {
            let request: Value = serde_json::from_str(line).expect("a JSON line");
            let id = request["id"].as_str().expect("an id").to_owned();
            let prompt = read(&folder.join(format!("{id}.prompt.txt")));
            let asked = asked(&prompt, &request);
            (id, asked)
        })
        .collect();
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".reply.md").map(str::to_owned))
        .collect();
    names.sort();
    let tried = names.into_iter().map(|name| {
        let reply = read(&folder.join(format!("{name}.reply.md")));
        let Asked { evidence, question, format } =
            &asked[name.split('_').next().expect("the question's name is first")];
        let left = from_reply(&reply, evidence, question, format);
        Tried { name, reply, language: question.language().clone(), left }
    });
    Some(tried.collect())
}

#[test]
fn replies_of_real_models_are_shown_with_what_leaves() {
    let Some(tried) = tried() else { return };
    let (untouched, changed): (Vec<&Tried>, Vec<&Tried>) =
        tried.iter().partition(|tried| tried.is_untouched());
    for tried in &changed {
        tried.print();
    }
    let refused = tried.iter().filter(|tried| tried.left.is_err()).count();
    println!("{} replies: {} untouched, {refused} refused", tried.len(), untouched.len());
    // Whoever answers honestly is neither refused nor damaged, and hardly marked.
    let honest = tried.iter().filter(|tried| {
        ["gpt", "claude", "qwen", "llama"].iter().any(|model| tried.name.ends_with(&format!("_{model}")))
    });
    let mut num_uncited = 0;
    for tried in honest {
        let marks = tried.marks();
        assert!(tried.left.is_ok(), "{} was refused", tried.name);
        assert!(
            !marks.contains_key("removed") && !marks.contains_key("link removed"),
            "{}: {marks:?}",
            tried.name
        );
        num_uncited += marks.get("uncited").copied().unwrap_or_default();
    }
    assert!(num_uncited <= 1, "{num_uncited} claims of honest replies are marked");
    let names: Vec<&str> = untouched.iter().map(|tried| tried.name.as_str()).collect();
    println!("untouched: {}", names.join(" "));
}

/// What is costly to read, over and over: as one line, on lines and in blocks.
fn hostile() -> Vec<(String, String)> {
    const BYTES: usize = 32 << 10;
    let parts = [
        "[",
        "![a](",
        "[a]: x ",
        "<a ",
        "<!-- ",
        "`",
        "``` ",
        "*a_ ",
        "> ",
        "- ",
        "1. ",
        "| a ",
        "\\[",
        "&#58;",
        "[1] ",
        "a [9] ",
        "https://evil.example/x ",
        "evil.example/?q ",
        "kubectl delete ns x ",
        "`kubectl get pods` ",
        "AKIAQ7RLMXVTN2ZPWK4D ",
        "Restart it. That is safe [1]. ",
        "請執行kubectl delete ns shop ",
        "a](//evil.example/x) ",
        "<think> ",
        "x",
    ];
    let mut replies = Vec::new();
    for part in parts {
        for (name, end) in [("line", ""), ("lines", "\n"), ("blocks", "\n\n")] {
            let unit = format!("{part}{end}");
            let reply = format!("Look [1].\n\n{}", unit.repeat(BYTES / unit.len()));
            replies.push((format!("{part:?} in {name}"), reply));
        }
    }
    replies
}

/// Long replies that are costly to read take no longer than their length.
#[test]
fn hostile_replies_are_checked_in_time() {
    let evidence = vec![passage(1, "title: Frobnicator\nid: wiki/1.md\n\nRaise the limit.")];
    let question = request::question("Frobnicator is down", None).expect("a question");
    let mut times: Vec<(Duration, String)> = Vec::new();
    for (name, reply) in hostile() {
        let begun = Instant::now();
        let _ = from_reply(&reply, &evidence, &question, &Format::default());
        times.push((begun.elapsed(), name));
    }
    times.sort();
    for (time, name) in times.iter().rev().take(12) {
        println!("{time:?} {name}");
    }
    println!("p50 {:?}", times[times.len() / 2].0);
    assert!(times.iter().all(|(time, _)| *time < Duration::from_secs(5)), "{:?}", times.last());
}
