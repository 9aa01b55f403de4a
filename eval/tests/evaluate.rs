//! The `evaluate` program as it is called: small corpora, the hashed embedder, no model and no network. The last two
//! tests want the real model, and public data; they say so when they are skipped.

use eval::metrics::{Relevance, mean, score};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A place with two runbooks about memory and certificates, questions, labels, and a cache of its own.
struct Place {
    directory: tempfile::TempDir,
}

const DOCUMENTS: &[(&str, &str)] = &[
    (
        "ops/memory.md",
        "# Container out of memory\n\n## Symptoms\n\nThe container ends with exit code 137 and the reason OOMKilled.\n\n\
         ## Mitigation\n\nRaise the memory limit of the container to 512Mi, then watch `kubectl top pod`.\n",
    ),
    (
        "ops/certificates.md",
        "# Certificate expired\n\n## Symptoms\n\nClients report an expired certificate of the ingress.\n\n\
         ## Mitigation\n\nRenew the certificate with cert-manager and check its issuer.\n",
    ),
    (
        "ops/dns.md",
        "# Name resolution\n\nLookups time out when CoreDNS has too few replicas. Scale CoreDNS to four.\n",
    ),
];

const QUERIES: &str = r#"{"_id":"q1","text":"container OOMKilled exit code 137"}
{"_id":"q2","text":"expired certificate of the ingress, renew it with cert-manager"}
{"_id":"q3","text":"lookups time out, CoreDNS replicas"}
"#;

const QRELS: &str = "query-id\tcorpus-id\tscore\nq1\tops/memory.md\t2\nq1\tops/dns.md\t1\n\
                     q2\tops/certificates.md#symptoms\t1\nq3\tops/dns.md\t1\nghost\tops/dns.md\t1\n";

const OTHERS: &str = r#"{"_id":"u1","text":"quarterly revenue forecast spreadsheet","meta":{"class":"office"}}
{"_id":"u2","text":"printer paper tray jam","meta":{"class":"office"}}
"#;

const SUITE: &str = r#"
name = "small"
corpus = ["ops"]
[[set]]
name = "questions"
queries = "queries.jsonl"
qrels = "qrels.tsv"
corpus = ["ops"]
floors = { "recall@10" = 0.5 }
[[abstention]]
name = "others"
corpus = ["ops"]
answerable = ["queries.jsonl"]
unanswerable = ["others.jsonl"]
[[case]]
id = "oom"
k8sgpt = { message = "the termination reason is OOMKilled exitCode=137 container=api pod=api-1" }
relevant = ["ops/memory.md"]
[[case]]
id = "office"
question = "printer paper tray jam"
answerable = false
"#;

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = Self { directory };
        fs::create_dir(place.path("ops")).expect("a directory");
        for (name, text) in DOCUMENTS {
            place.write(name, text);
        }
        place.write("queries.jsonl", QUERIES);
        place.write("qrels.tsv", QRELS);
        place.write("others.jsonl", OTHERS);
        // The decision is not what is tested here, and the hashed embedder has no calibration.
        place.write("suite.toml", &format!("case_floors = {{ passed = 0.0 }}\n{}", SUITE.trim_start()));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn evaluate(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_evaluate"))
            .args(arguments)
            .args(["--embedder", "hashed", "--cache", "cache"])
            .current_dir(self.directory.path())
            .output()
            .expect("the program runs")
    }

    /// Runs a command that must succeed and print one JSON object.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.evaluate(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }

    /// A knowledge base of the three documents, built by the run of a suite.
    fn knowledge_base(&self) -> String {
        self.evaluate(&["retrieval", "--suite", "suite.toml"]);
        self.knowledge_base_of("ops")
    }

    /// The knowledge base of a source that was built before.
    fn knowledge_base_of(&self, source: &str) -> String {
        let found = fs::read_dir(self.path("cache")).expect("a cache").flatten().map(|entry| entry.path());
        let is_wanted = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            path.is_dir() && name.starts_with(&format!("{source}-"))
        };
        found.into_iter().find(is_wanted).expect("a knowledge base").display().to_string()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn figures_are_those_of_the_run_file() {
    let place = Place::new();
    let kb = place.knowledge_base();
    let found = place.json(&[
        "retrieval",
        "--kb",
        &kb,
        "--queries",
        "queries.jsonl",
        "--qrels",
        "qrels.tsv",
        "--run",
        "run.trec",
        "--json",
    ]);
    let run = fs::read_to_string(place.path("run.trec")).expect("a run file");
    let mut rankings: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for line in run.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [query, "Q0", document, _, score, _] = fields[..] else { panic!("not a line of a run: {line}") };
        rankings.entry(query).or_default().push((document, score.parse().expect("a score")));
    }
    for (query, ranking) in &rankings {
        assert!(ranking.windows(2).all(|pair| pair[0].1 > pair[1].1), "{query}: scores fall strictly");
        let mut documents: Vec<&str> = ranking.iter().map(|(document, _)| *document).collect();
        documents.sort_unstable();
        assert!(documents.windows(2).all(|pair| pair[0] != pair[1]), "{query}: each document once");
    }
    let labels = [
        ("q1", vec![("ops/memory.md", 2), ("ops/dns.md", 1)]),
        ("q2", vec![("ops/certificates.md", 1)]),
        ("q3", vec![("ops/dns.md", 1)]),
        ("ghost", vec![("ops/dns.md", 1)]),
    ];
    let expected = mean(labels.map(|(query, judged)| {
        let relevance: Relevance =
            judged.into_iter().map(|(document, grade)| (document.to_owned(), grade)).collect();
        let ranking = rankings.get(query).into_iter().flatten().map(|(document, _)| *document);
        score(ranking, &relevance)
    }));
    let close = |key: &str, value: f64| {
        let found = found[key].as_f64().expect(key);
        assert!((found - value).abs() < 1e-9, "{key}: {found}, by the run file {value}");
    };
    close("ndcg@10", expected.ndcg_10);
    close("recall@5", expected.recall_5);
    close("recall@10", expected.recall_10);
    close("mrr@10", expected.mrr_10);
    close("map", expected.map);
    assert_eq!(found["queries"], 4, "a labelled query that is missing counts as 0");
    assert!(expected.ndcg_10 > 0.5, "three of four are found: {}", expected.ndcg_10);
}

#[test]
fn beir_directories_are_indexed_with_their_ids() {
    let place = Place::new();
    fs::create_dir_all(place.path("beir/qrels")).expect("a directory");
    place.write(
        "beir/corpus.jsonl",
        "{\"_id\":\"7\",\"title\":\"\",\"text\":\"wing in a slipstream\"}\n\
         {\"_id\":\"a_b#1/x\",\"title\":\"Plate\",\"text\":\"shear flow past a flat plate\"}\n",
    );
    place.write(
        "beir/queries.jsonl",
        "{\"_id\":1,\"text\":\"flow past a plate\"}\n{\"_id\":2,\"text\":\"slipstream wing\"}\n",
    );
    place.write("beir/qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\ta_b#1/x\t1\n2\t7\t1\n");
    let found = place.json(&["retrieval", "--beir", "beir", "--json"]);
    assert_eq!(found["queries"], 2);
    assert_eq!(found["ndcg@10"], 1.0, "{found}");
    // A second run changes nothing and finds the knowledge base again.
    assert_eq!(place.json(&["retrieval", "--beir", "beir", "--json"]), found);
}

#[test]
fn two_runs_write_the_same_bytes() {
    let place = Place::new();
    for out in ["one", "two"] {
        let output = place.evaluate(&["run", "suite.toml", "--out", out]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    let mut compared = 0;
    for folder in ["", "queries", "runs"] {
        for entry in fs::read_dir(place.path("one").join(folder)).expect("reports").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(place.path("one")).expect("a file of the first run").to_owned();
            if path.is_file() && !name.display().to_string().starts_with("latency") {
                let [one, two] =
                    ["one", "two"].map(|out| fs::read(place.path(out).join(&name)).expect("a report"));
                assert!(one == two, "{} differs", name.display());
                compared += 1;
            }
        }
    }
    assert!(compared >= 10, "{compared} files compared");
}

#[test]
fn gates_and_baselines_decide_the_exit_code() {
    let place = Place::new();
    let baseline = ["run", "suite.toml", "--write-baseline", "baseline.json"];
    assert_eq!(code(&place.evaluate(&baseline)), 0);
    assert_eq!(code(&place.evaluate(&["run", "suite.toml", "--baseline", "baseline.json"])), 0);

    // A loss against the baseline, here pretended, fails.
    let text = fs::read_to_string(place.path("baseline.json")).expect("a baseline");
    let mut better: Value = serde_json::from_str(&text).expect("JSON");
    for value in better["series"]["questions"]["values"].as_object_mut().expect("queries").values_mut() {
        *value = 1.0.into();
    }
    better["series"]["questions"]["values"]["q1"] = 2.0.into();
    place.write("better.json", &better.to_string());
    let output = place.evaluate(&["run", "suite.toml", "--baseline", "better.json"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAILED  questions: ndcg@10, change"));

    // A floor that is not reached fails.
    let suite = fs::read_to_string(place.path("suite.toml")).expect("a suite");
    place.write("strict.toml", &suite.replace("\"recall@10\" = 0.5", "\"recall@10\" = 1.0"));
    assert_eq!(code(&place.evaluate(&["run", "strict.toml"])), 1);

    // A corpus that changed cannot be compared, and neither can anything that is missing be run.
    place.write("ops/dns.md", "# Name resolution\n\nSomething else.\n");
    let output = place.evaluate(&["run", "suite.toml", "--baseline", "baseline.json"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("made with another corpus"), "{}", stderr(&output));
    assert_eq!(code(&place.evaluate(&["run", "missing.toml"])), 2);
    assert_eq!(
        code(&place.evaluate(&["retrieval", "--queries", "queries.jsonl", "--qrels", "qrels.tsv"])),
        2
    );
}

#[test]
fn a_calibration_is_stored_and_used() {
    let place = Place::new();
    let kb = place.knowledge_base();
    let sides =
        ["--kb", kb.as_str(), "--answerable", "queries.jsonl", "--unanswerable", "others.jsonl", "--json"];
    let before = place.json(&[&["abstention"][..], &sides].concat());
    for key in ["auroc", "aurc", "false_answers_at_95", "threshold", "false_answers", "false_refusals"] {
        assert!(before[key].is_number(), "{key}: {before}");
    }
    let fit = place.json(&[&["calibrate"][..], &sides].concat());
    let after = place.json(&[&["abstention"][..], &sides].concat());
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!((number(&after["threshold"]) - number(&fit["calibration"]["threshold"])).abs() < 1e-6);
    assert_eq!(after["auroc"], 1.0, "{after}");
    assert_eq!(after["false_refusals"], 0.0, "{after}");
    let dry = [&["calibrate", "--dry-run", "--l2", "50"][..], &sides].concat();
    assert_ne!(place.json(&dry)["calibration"]["threshold"], after["threshold"]);
    assert_eq!(place.json(&[&["abstention"][..], &sides].concat()), after, "a dry run stores nothing");
}

#[test]
fn rules_give_a_set_and_lint_finds_what_is_wrong() {
    let place = Place::new();
    let kb = place.knowledge_base();
    place.write(
        "rules.yaml",
        "groups: [{name: g, rules: [{alert: ContainerOom, annotations: {summary: out of memory, runbook_url: \
         'https://example.com/ops/memory.md'}}, {alert: Orphan, annotations: {summary: none}}]}]\n",
    );
    let coverage = place.json(&["init", "--kb", &kb, "--rules", "rules.yaml", "--out", "set", "--json"]);
    assert_eq!((&coverage["alerts"], &coverage["covered"]), (&2.into(), &1.into()));
    let set = ["--kb", &kb, "--queries", "set/queries.jsonl", "--qrels", "set/qrels.tsv", "--json"];
    assert_eq!(place.json(&[&["retrieval"][..], &set].concat())["ndcg@10"], 1.0);
    assert_eq!(code(&place.evaluate(&[&["lint"][..], &set].concat())), 0);

    let output = place.evaluate(&["lint", "suite.toml", "--json"]);
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 1, "{found}");
    assert!(found.contains("unknown_query") && found.contains("ghost"), "{found}");
}

#[test]
fn the_documented_suite_is_one() {
    let page = fs::read_to_string(root().join("docs/evaluation.md")).expect("the page");
    let section = page.split("\n## Suites\n").nth(1).expect("the section");
    let lines = section.lines().skip_while(|line| !line.starts_with("    "));
    let example: Vec<&str> =
        lines.take_while(|line| line.is_empty() || line.starts_with("    ")).map(str::trim_start).collect();
    let place = Place::new();
    place.write("documented.toml", &example.join("\n"));
    let suite = eval::suite::Suite::read(&place.path("documented.toml"), None).expect("a suite");
    assert_eq!(
        (suite.sets.len(), suite.abstention.len(), suite.fidelity.len(), suite.cases.len()),
        (1, 1, 1, 1)
    );
}

/// A page with a problem to each heading, and one question for each of two of them.
const ALERTS: &str = "# Relay alerts\n\n\
    ## Relay queue has stopped moving\n\nMessages wait in the queue and no consumer takes them. The consumer lost its \
    lease in a failover. Drain the queue with `relayctl drain`, then start the consumer again.\n\n\
    ## Relay certificate expires tomorrow\n\nClients will refuse the relay from tomorrow on. Order a certificate at the \
    authority and load it with `relayctl cert load`. Clients need no restart for it.\n\n\
    ## Relay disk is nearly full of segments\n\nOld segments are kept for a week and fill the disk. Remove those that \
    every reader has passed with `relayctl prune --passed`, and look at the disk after a minute.\n\n\
    ## Relay forgets its subscriptions\n\nThe store of subscriptions was mounted read-only after a power cut. Mount it \
    again for writing, then load the subscriptions with `relayctl subscriptions load`.\n";

const SECTIONS: &str = "query-id\tcorpus-id\theading\nr1\trelay/alerts.md\tRelay certificate expires tomorrow\n\
                        r2\trelay/alerts.md\tRelay disk is nearly full of segments\n";

#[test]
fn answers_are_held_against_the_section_asked_about() {
    let place = Place::new();
    for folder in ["relay", "set"] {
        fs::create_dir(place.path(folder)).expect("a directory");
    }
    place.write("relay/alerts.md", ALERTS);
    place.write(
        "set/queries.jsonl",
        "{\"_id\":\"r1\",\"text\":\"relay certificate expires, clients refuse the relay\"}\n\
         {\"_id\":\"r2\",\"text\":\"relay disk nearly full of old segments\"}\n\
         {\"_id\":\"r3\",\"text\":\"a question without a labelled section\"}\n",
    );
    place.write("set/passages.tsv", SECTIONS);
    place.write("set/set.json", "{\"corpus_dirs\": [\"relay\"]}");
    let found = place.json(&["fidelity", "--set", "set", "--corpora", ".", "--json"]);
    assert_eq!((&found["of"], &found["questions"]), (&"labels".into(), &2.into()), "{found}");
    assert_eq!(found["head@1"], 1.0, "{found}");

    // The hashed embedder has no calibration: one is fitted, so that something is answered.
    let kb = place.knowledge_base_of("relay");
    place.json(&[
        "calibrate",
        "--kb",
        &kb,
        "--answerable",
        "set/queries.jsonl",
        "--unanswerable",
        "others.jsonl",
        "--json",
    ]);
    let found = place.json(&["fidelity", "--kb", &kb, "relay", "--set", "set", "--json"]);
    assert_eq!(found["answered"], 1.0, "{found}");
    for figure in ["mostly", "nothing"] {
        assert!(found[figure].is_number(), "{found}");
    }
    let headings = ["fidelity", "--kb", &kb, "relay", "--json", "--per-query", "asked.jsonl"];
    let found = place.json(&headings);
    assert_eq!((&found["of"], &found["questions"]), (&"headings".into(), &4.into()), "{found}");
    let asked = fs::read_to_string(place.path("asked.jsonl")).expect("questions");
    assert_eq!(asked.lines().count(), 4);
    assert!(asked.contains("\"wanted\":[\"relay/alerts.md#Relay forgets its subscriptions\"]"), "{asked}");
    assert_eq!(place.json(&headings), found, "the order of asking is fixed");

    // A suite's bounds are gates, and a label that names no section is a mistake in the set.
    let suite =
        "name = \"sections\"\n[[fidelity]]\nname = \"relay\"\ncorpus = [\"relay\"]\nsets = [\"set\"]\n";
    place.write("sections.toml", &format!("{suite}floors = {{ \"head@1\" = 0.9 }}\n"));
    assert_eq!(code(&place.evaluate(&["run", "sections.toml"])), 0);
    place.write("strict.toml", &format!("{suite}ceilings = {{ \"head@1\" = 0.9 }}\n"));
    let output = place.evaluate(&["run", "strict.toml"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAILED  relay: head@1 1.0000, at most 0.9000"));
    place.write("set/passages.tsv", "r1\trelay/alerts.md\tNo such heading\n");
    let output = place.evaluate(&["run", "sections.toml"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("has no section `No such heading`"), "{}", stderr(&output));
    assert_eq!(code(&place.evaluate(&["fidelity"])), 2);
}

/// The root of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in the workspace")
}

fn has_the_local_model() -> bool {
    kb::embed::EmbedderSettings::new(kb::embed::EmbedderChoice::Local).identity().is_ok()
}

#[test]
fn the_sample_knowledge_base_keeps_what_it_reached() {
    if !has_the_local_model() {
        println!("SKIPPED: the local embedding model is not installed; run `make setup`");
        return;
    }
    let cache = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env!("CARGO_BIN_EXE_evaluate"))
        .args([
            "run",
            "eval/suites/runbooks.toml",
            "--baseline",
            "eval/suites/runbooks.baseline.json",
            "--cache",
        ])
        .arg(cache.path())
        .current_dir(root())
        .output()
        .expect("the program runs");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{found}\n{}", stderr(&output));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where the public data is, is said to tests alone")]
fn a_public_set_is_scored() {
    let data = std::env::var_os("RUNBOOKD_TEST_DATA").map(PathBuf::from).unwrap_or_default();
    if !data.is_dir() || !has_the_local_model() {
        println!("SKIPPED: RUNBOOKD_TEST_DATA is not set, or the local embedding model is not installed");
        return;
    }
    let cache = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env!("CARGO_BIN_EXE_evaluate"))
        .args([
            "retrieval",
            "--suite",
            "eval/suites/public.toml",
            "--only",
            "alerts_easy",
            "--json",
            "--stages",
            "--cache",
        ])
        .arg(cache.path())
        .current_dir(root())
        .env("RUNBOOKD_TEST_DATA", &data)
        .output()
        .expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let ndcg = found["sets"]["alerts_easy"]["ndcg@10"].as_f64().expect("a figure");
    assert!(ndcg > 0.9, "{found}");
}
