//! Files that were damaged in transit, cut off or made by a bad program, of every format at once: ingest ends, and each
//! file is either indexed or listed with a reason.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// So many files are made of each seed.
const MUTANTS: usize = 130;

/// Longest time for all of them; far beyond what they take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        // xorshift64* of Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() % bound.max(1)
    }
}

/// Signs that mean something to some format.
const SIGNS: [&str; 24] = [
    "```\n",
    "{{< ",
    " >}}",
    "<div>",
    "</div>",
    "<![CDATA[",
    "&#x;",
    "[[",
    "]]",
    "{|",
    "|}",
    ".. note::\n",
    "====\n",
    "|===\n",
    "\"",
    "\\",
    "\u{0}",
    "\u{202e}",
    "---\n",
    "+++\n",
    "%PDF-1.7\n",
    "PK\u{3}\u{4}",
    "{\"",
    "\r",
];

fn mutated(seed: &[u8], others: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + numbers.below(200)).min(bytes.len());
        match numbers.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                for _ in 0..=numbers.below(20) {
                    let place = numbers.below(bytes.len());
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << numbers.below(8);
                    }
                }
            }
            3 => {
                let piece = bytes[at..end].repeat(numbers.below(50));
                drop(bytes.splice(at..at, piece));
            }
            4 => {
                let noise: Vec<u8> = (0..numbers.below(64)).map(|_| numbers.next() as u8).collect();
                drop(bytes.splice(at..at, noise));
            }
            5 => {
                let other = &others[numbers.below(others.len())];
                let from = numbers.below(other.len());
                let to = (from + numbers.below(400)).min(other.len());
                drop(bytes.splice(at..end, other[from..to].to_vec()));
            }
            6 => {
                let sign = SIGNS[numbers.below(SIGNS.len())].repeat(1 + numbers.below(600));
                drop(bytes.splice(at..at, sign.into_bytes()));
            }
            _ => bytes[at..end].reverse(),
        }
    }
    bytes
}

const MARKDOWN: &str = "---\ntitle: Restart the relay\naccess: [ops]\napplies_to:\n  - kind: Deployment\n    name: relay\n---\n\n\
    # Restart\n\n!!! warning \"Never at night\"\n    Ask first.\n\n1. Look:\n\n   ```bash\n   kubectl get pods -n relay\n   ```\n\n\
    {{< note >}}Twice{{< /note >}}\n\n| a | b |\n|---|---|\n| 1 | [x](y.md#z) |\n\n<details><summary>More</summary>\n\n- *one*\n\n</details>\n";
const HTML: &str = "<!doctype html><html lang=en><head><title>Relay | Wiki</title><meta name=access content=\"ops\"></head><body><nav>no</nav>\
    <main><h1>Relay</h1><p>It <b>fails</b> &amp; falls.<table><tr><th>a<td colspan=2>b</table><pre><code class=language-sh>ls\n</code></pre></main></body></html>";
const ASCIIDOC: &str = "= Relay\n:toc:\n\nIt fails.\n\n== Steps\n\n. First\n+\n[source,sh]\n----\nls\n----\n\nNOTE: careful\n\n|===\n|a |b\n|===\n";
const RST: &str = "Relay\n=====\n\n.. note:: Careful\n\nIt fails::\n\n    ls\n\n+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+\n\n.. code-block:: sh\n\n   ls\n\n`x <y.html>`_\n";
const TEXT: &str = "The relay fails when the disk is full.\n\nFree some space and restart it.\n";
const CSV: &str = "question,title,answer,source\n\"Why does the relay fail?\",Relay,\"The disk, \"\"data\"\", is full.\",https://wiki.example/relay\nHow?,B,Restart it.,me\n";
const LINES: &str = "{\"question\": \"Why?\", \"answer\": \"The disk is full.\"}\n{\"id\": \"i1\", \"failure\": \"relay down\", \"resolution\": \"restarted\", \"when\": \"2026-01-02T03:04:05Z\", \"links\": [\"https://a.example\"]}\n";
const RULES: &str = "groups:\n- name: relay\n  rules:\n  - alert: RelayDown\n    expr: up{job=\"relay\"} == 0\n    for: 5m\n    labels: {severity: page}\n    annotations:\n      summary: The relay is down\n      runbook_url: https://wiki.example/relay\n";
const WIKI: &str = "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\"><page><title>Relay</title><ns>0</ns><id>1</id><revision><id>5</id><timestamp>2026-01-02T03:04:05Z</timestamp><text>== Steps ==\n* '''Stop''' [[Disk|it]]\n{| class=x\n! a\n|-\n| b\n|}\n&lt;pre&gt;ls&lt;/pre&gt;</text></revision></page></mediawiki>";
const CONFLUENCE: &str = "<?xml version=\"1.0\"?><hibernate-generic><object class=\"Space\"><id name=\"id\">1</id><property name=\"key\"><![CDATA[OPS]]></property></object>\
    <object class=\"Page\"><id name=\"id\">7</id><property name=\"title\"><![CDATA[Relay]]></property><property name=\"space\" class=\"Space\"><id name=\"id\">1</id></property>\
    <property name=\"version\">1</property><property name=\"contentStatus\"><![CDATA[current]]></property><collection name=\"bodyContents\"><element class=\"BodyContent\"><id name=\"id\">9</id></element></collection></object>\
    <object class=\"BodyContent\"><id name=\"id\">9</id><property name=\"body\"><![CDATA[<p>It fails.</p><ac:structured-macro ac:name=\"code\"><ac:plain-text-body><![CDATA[ls]]]]><![CDATA[></ac:plain-text-body></ac:structured-macro>]]></property></object></hibernate-generic>";
const JIRA: &str = r#"{"issues":[{"id":"1","key":"OPS-1","fields":{"summary":"Relay down","status":{"name":"Done"},"resolution":{"name":"Fixed"},"created":"2026-01-02T03:04:05.000+0700","updated":"2026-01-03T03:04:05.000+0700","description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"It fails.","marks":[{"type":"strong"}]}]}]},"comment":{"comments":[{"id":"3","body":"h1. Fixed\n{code:sh}\nls\n{code}","created":"2026-01-02T03:04:05.000+0000"}]}}}]}"#;
const GITHUB: &str = r#"[{"number":3,"title":"Relay down","body":"It fails with `x`.","state":"CLOSED","stateReason":"COMPLETED","author":{"login":"mia"},"labels":[{"name":"bug"}],"createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-03T03:04:05Z","closedAt":"2026-01-03T03:04:05Z","url":"https://github.com/o/r/issues/3","comments":[{"author":{"login":"li"},"authorAssociation":"MEMBER","body":"Restart it:\n```\nls\n```","createdAt":"2026-01-02T04:04:05Z","isMinimized":false,"reactionGroups":[],"url":"https://github.com/o/r/issues/3#c"}]}]"#;

fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in [("a/relay.md", MARKDOWN), ("b.txt", TEXT)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes()).expect("memory takes it");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("memory takes it")
}

fn zipped() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("a/relay.md", MARKDOWN), ("b.html", HTML)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory takes it");
        zip.write_all(text.as_bytes()).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name))
        .expect("it is committed")
}

#[test]
fn damaged_files_are_indexed_or_listed() {
    let seeds: Vec<(&str, Vec<u8>)> = vec![
        ("md", MARKDOWN.into()),
        ("html", HTML.into()),
        ("adoc", ASCIIDOC.into()),
        ("rst", RST.into()),
        ("txt", TEXT.into()),
        ("csv", CSV.into()),
        ("jsonl", LINES.into()),
        ("yml", RULES.into()),
        ("xml", WIKI.into()),
        ("tgz", archive()),
        ("zip", zipped()),
        ("docx", fixture("pandoc.docx")),
        ("pdf", fixture("reportlab.pdf")),
        ("confluence.xml", CONFLUENCE.into()),
        ("jira.json", JIRA.into()),
        ("github.json", GITHUB.into()),
    ];
    let others: Vec<Vec<u8>> = seeds.iter().map(|(_, seed)| seed.clone()).collect();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (docs, exports) = (dir.path().join("docs"), dir.path().join("exports"));
    fs::create_dir(&docs).expect("the name is free");
    fs::create_dir(&exports).expect("the name is free");
    let mut numbers = Numbers(20_261_127);
    let mut config = "kb = \"kb\"\n[[source]]\ntype = \"folder\"\npath = \"docs\"\n".to_owned();
    let (mut files, mut sources) = (BTreeSet::new(), BTreeSet::new());
    for (kind, seed) in &seeds {
        let system = kind.split_once('.').map(|(system, _)| system);
        for number in 0..MUTANTS {
            let bytes = mutated(seed, &others, &mut numbers);
            let name = format!("{number:03}.{kind}");
            let Some(system) = system else {
                fs::write(docs.join(&name), bytes).expect("there is space");
                files.insert(name);
                continue;
            };
            fs::write(exports.join(&name), bytes).expect("there is space");
            let kind = if system == "github" { "github-issues" } else { system };
            let source = format!("{system}{number:03}");
            config.push_str(&format!(
                "[[source]]\nname = \"{source}\"\ntype = \"{kind}\"\nexport = \"exports/{name}\"\n"
            ));
            sources.insert(source);
        }
    }
    assert!(files.len() + sources.len() > 2_000);
    fs::write(dir.path().join("ingest.toml"), config).expect("there is space");

    let out = fs::File::create(dir.path().join("report.json")).expect("the name is free");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ingest"))
        .args(["--config", "ingest.toml", "--json"])
        .current_dir(dir.path())
        .env("RUNBOOKD_EMBEDDER", "hashed")
        .env_remove("RUNBOOKD_KB")
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().expect("it is our child") {
            Some(status) => break status,
            None if Instant::now() > until => {
                let _ = child.kill();
                panic!("it does not end");
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    let text = fs::read_to_string(dir.path().join("report.json")).expect("it was written");
    assert!(matches!(status.code(), Some(0 | 5)), "{status}: {text:.500}");
    let report: Value = serde_json::from_str(&text).expect("one JSON object");

    let chunks = Command::new(env!("CARGO_BIN_EXE_ingest"))
        .args(["chunks", "--kb", "kb"])
        .current_dir(dir.path())
        .output()
        .expect("the program runs");
    let mut told: BTreeSet<String> = BTreeSet::new();
    for line in String::from_utf8(chunks.stdout).expect("it is UTF-8").lines() {
        let chunk: Value = serde_json::from_str(line).expect("a JSON object");
        let id = chunk["document"].as_str().expect("an id");
        let mut parts = id.split(['/', '#']);
        let (source, file) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        told.insert(if source == "docs" { file.to_owned() } else { source.to_owned() });
    }
    for rejection in report["rejected"].as_array().expect("a list") {
        let path = rejection["path"].as_str().expect("a path");
        assert!(rejection["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{rejection}");
        let file = path.split("docs/").nth(1).unwrap_or(path).split(['/', '#']).next().unwrap_or_default();
        told.insert(file.to_owned());
        // An export is named by its file or by its source.
        let name = path.split("exports/").nth(1).unwrap_or_default();
        if let Some((number, rest)) = name.split_once('.') {
            told.insert(format!("{}{number}", rest.split('.').next().unwrap_or_default()));
        }
        if let Some(source) = path.strip_prefix("source ") {
            told.insert(source.to_owned());
        }
    }
    for warning in report["warnings"].as_array().expect("a list") {
        let path = warning["path"].as_str().expect("a path");
        if let Some(source) =
            path.strip_prefix("source ").filter(|_| warning["message"] == "nothing was found in it")
        {
            told.insert(source.to_owned());
        }
        let name = path.split("exports/").nth(1).unwrap_or_default();
        if let Some((number, rest)) = name.split_once('.') {
            told.insert(format!("{}{number}", rest.split('.').next().unwrap_or_default()));
        }
    }
    for source in report["sources"].as_array().expect("a list") {
        if source["failed"].is_string() {
            told.insert(source["name"].as_str().expect("a name").to_owned());
        }
    }
    let silent: Vec<&String> = files.iter().chain(&sources).filter(|name| !told.contains(*name)).collect();
    assert!(silent.is_empty(), "neither indexed nor listed: {silent:?}");
}
