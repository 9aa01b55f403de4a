//! Two servers on one knowledge base behind a load balancer: each has a journal of its own, and they are read as one.

use crate::process::{Server, runbookd};
use runbookd::journals::Journals;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Output,
};

const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";
const PULL: &str = "Back-off pulling image \"registry.example/api:1.2\": ImagePullBackOff, 401 Unauthorized";

/// Posts JSON; the status and the body.
fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        server.address,
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {reply}")))
}

fn ask(server: &Server, question: &str) -> Value {
    let (status, answer) = post(server, "/v1/ask", &json!({ "question": question }));
    assert_eq!(status, 200, "{answer}");
    answer
}

fn rate(server: &Server, id: &Value, rating: &str) -> u16 {
    post(server, "/v1/feedback", &json!({ "id": id, "rating": rating })).0
}

fn run(arguments: &[&str], named: &[&Path]) -> Output {
    let output = runbookd(arguments).args(named).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// How often each pattern was asked.
fn gaps(named: &[&Path]) -> Vec<(String, u64)> {
    let found: Value = serde_json::from_slice(&run(&["gaps", "--json"], named).stdout).expect("JSON");
    let gaps = found["gaps"].as_array().expect("an array").iter();
    gaps.map(|gap| {
        (gap["pattern"].as_str().expect("a text").to_owned(), gap["count"].as_u64().expect("a number"))
    })
    .collect()
}

/// The questions that were rated well, with the documents that answered them; what the command said.
fn exported(named: &[&Path]) -> (BTreeSet<(String, String)>, usize, String) {
    let out = tempfile::tempdir().expect("a directory");
    let target = out.path().display().to_string();
    let said = run(&["feedback", "export", "--out", &target], named).stderr;
    let text = |name: &str| fs::read_to_string(out.path().join(name)).expect("written");
    let rows: Vec<Value> =
        text("queries.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let rated = text("qrels.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.split('\t');
            let (id, document) = (fields.next().expect("an id"), fields.next().expect("a document"));
            let row = rows.iter().find(|row| row["_id"] == id).expect("a query");
            (row["text"].as_str().expect("a text").to_owned(), document.to_owned())
        })
        .collect();
    let num_unanswered = text("unanswerable.jsonl").lines().count();
    (rated, num_unanswered, String::from_utf8(said).expect("UTF-8"))
}

#[test]
fn feedback_and_gaps_of_replicas_are_read_as_one() {
    let folder = tempfile::tempdir().expect("a directory");
    let states = ["one", "two"].map(|name| folder.path().join(name));
    let [one, two] =
        states.each_ref().map(|state| Server::start(&[("RUNBOOKD_STATE", state.to_str().expect("UTF-8"))]));
    let (oom, pull) = (ask(&one, OOM), ask(&two, PULL));
    // The load balancer sends each rating to the other replica.
    assert_eq!((rate(&two, &oom["id"], "up"), rate(&one, &pull["id"], "up")), (200, 200));
    assert_eq!((rate(&two, &oom["id"], "down"), rate(&two, &json!("what I think"), "up")), (200, 404));
    for (server, question) in [
        (&one, "How do I bake bread on a zeppelin?"),
        (&two, "How do I bake bread on a zeppelin?"),
        (&two, "Where do penguins sleep at night?"),
        (&one, "How do I bake bread on a zeppelin?"),
    ] {
        assert_eq!(ask(server, question)["status"], "unknown", "{question}");
    }
    // What waits to be written is written when they end.
    one.stop();
    two.stop();

    let [one, two] = states.each_ref().map(|state| state.as_path());
    let both = [
        ("how do i bake bread on a zeppelin?".to_owned(), 3),
        ("where do penguins sleep at night?".into(), 1),
    ];
    assert_eq!(gaps(&[one, two]), both);
    assert_eq!(gaps(&[folder.path()]), both);
    assert_eq!(gaps(&[one]), [(both[0].0.clone(), 2)]);
    let (rated, num_unanswered, said) = exported(&[two, one]);
    let documents = |answer: &Value, question: &str| -> Vec<(String, String)> {
        let citations = answer["citations"].as_array().expect("an array").iter();
        citations
            .map(|citation| (question.to_owned(), citation["document"].as_str().expect("an id").to_owned()))
            .collect()
    };
    let expected: BTreeSet<_> = [documents(&oom, OOM), documents(&pull, PULL)].concat().into_iter().collect();
    assert!(expected.len() >= 2, "{expected:?}");
    assert_eq!((&rated, num_unanswered), (&expected, 2));
    assert!(!said.contains("warning"), "{said}");
    // A rating whose answer is elsewhere is not passed over in silence.
    let (rated, _, said) = exported(&[two]);
    assert!(rated.is_empty() && said.contains("in none of the journals: 2"), "{said}");
    let times = Journals::named(&[folder.path().to_owned()]).expect("there").feedback().expect("read");
    assert!(times.len() == 3 && times.is_sorted_by_key(|rating| rating.at), "{times:?}");

    // A copy counts nothing twice, and its torn end costs nothing else.
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).expect("created");
    for entry in fs::read_dir(one).expect("a directory") {
        let path = entry.expect("an entry").path();
        let mut text = fs::read(&path).expect("a file");
        text.truncate(text.len() - 10);
        fs::write(copy.join(path.file_name().expect("a name")), text).expect("written");
    }
    assert_eq!(gaps(&[folder.path()]), both);
    let (rated, _, said) = exported(&[folder.path()]);
    assert!(rated == expected && !said.contains("warning"), "{said}");
}

#[test]
fn a_journal_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().expect("a directory");
    let missing = folder.path().join("three");
    for (path, says) in [(&*missing, "three`: No such file"), (folder.path(), "no journal there")] {
        let output = runbookd(&["gaps"]).arg(path).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && errors.contains(says), "{errors}");
    }
}

#[test]
fn ratings_outlive_a_restart() {
    let state = tempfile::tempdir().expect("a directory");
    let environment = [("RUNBOOKD_STATE", state.path().to_str().expect("UTF-8"))];
    let before = Server::start(&environment);
    let id = ask(&before, OOM)["id"].clone();
    before.stop();
    let after = Server::start(&environment);
    assert_eq!(rate(&after, &id, "up"), 200);
    let feedback = Journals::own(state.path()).feedback().expect("read");
    assert_eq!(feedback[0].answer.as_ref().expect("it is joined").question, OOM);
    after.stop();
}
