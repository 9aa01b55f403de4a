//! `ingest --config`, `ingest status` and `ingest --watch` as a team uses them.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// Longest wait for something that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two folders and an `ingest.toml` that lists them.
struct Team {
    dir: tempfile::TempDir,
}

impl Team {
    fn new() -> Self {
        let team = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        team.write("runbooks/dns.md", "# DNS fails\n\nRestart the resolver.\n");
        team.write("wiki/pages/a.md", "# On call\n\nThe phone is in the drawer.\n");
        team.write(
            "ingest.toml",
            "kb = \"kb\"\n\n[[source]]\ntype = \"folder\"\npath = \"runbooks\"\n\n[[source]]\nname = \"ours\"\n\
             type = \"folder\"\npath = \"wiki/pages\"\nkind = \"wiki\"\n",
        );
        team
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it is below the directory")).expect("it can be made");
        fs::write(&path, text).expect("there is space");
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command
            .args(args)
            .current_dir(self.path())
            .env("RUNBOOKD_EMBEDDER", "hashed")
            .env_remove("RUNBOOKD_KB");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program runs")
    }

    #[track_caller]
    fn json(&self, args: &[&str], code: i32) -> Value {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
    }

    fn chunks(&self) -> String {
        String::from_utf8(self.run(&["chunks", "--kb", "kb"]).stdout).expect("JSON is UTF-8")
    }
}

#[test]
fn a_file_lists_the_sources() {
    let team = Team::new();
    let report = team.json(&["--config", "ingest.toml", "--json"], 0);
    assert_eq!(report["documents"]["added"], 2);
    let names: Vec<&str> = report["sources"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|source| source["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["ours", "runbooks"]);
    let chunks = team.chunks();
    assert!(
        chunks.contains("\"document\":\"ours/a.md\"") && chunks.contains("\"kind\":\"wiki\""),
        "{chunks}"
    );

    team.write("runbooks/dns.md", "# DNS fails\n\nCall Mia.\n");
    team.write("wiki/pages/a.md", "# On call\n\nThe phone is lost.\n");
    let report = team.json(&["--config", "ingest.toml", "--only", "ours", "--json"], 0);
    assert_eq!(report["documents"]["changed"], 1);
    assert!(!team.chunks().contains("Mia"), "the other source was not asked for");

    let refused = team.run(&["--config", "ingest.toml", "--only", "theirs"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("no source `theirs`; it has runbooks, ours"), "{said}");
    assert_eq!(team.run(&["--config", "absent.toml"]).status.code(), Some(2));
}

#[test]
fn the_status_shows_how_each_source_is() {
    let team = Team::new();
    let before = team.json(&["status", "--config", "ingest.toml", "--json"], 5);
    assert_eq!(before["sources"]["ours"]["last_run"], Value::Null);
    team.json(&["--config", "ingest.toml", "--json"], 0);
    let after = team.json(&["status", "--config", "ingest.toml", "--json"], 0);
    assert_eq!(after["sources"]["ours"]["documents"], 1);
    assert!(after["sources"]["ours"]["last_run"]["synced_at"].is_string(), "{after}");

    team.write("runbooks/scan.docx", "no archive");
    team.json(&["--config", "ingest.toml", "--json"], 0);
    let output = team.run(&["status", "--kb", "kb"]);
    let text = String::from_utf8(output.stdout).expect("it is UTF-8");
    assert_eq!(output.status.code(), Some(5));
    assert!(text.contains("runbooks: 1 documents; in sync ") && text.contains("scan.docx"), "{text}");

    // A folder that is gone is a failure of its source; the others are read.
    fs::remove_dir_all(team.path().join("wiki")).expect("it is there");
    assert_eq!(team.run(&["--config", "ingest.toml"]).status.code(), Some(2));
    assert!(team.chunks().contains("drawer"), "nothing is removed");
}

/// A server of GitHub's feeds for one repository with one issue, until the test ends.
fn github() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let issue = serde_json::json!([{
        "id": 1, "number": 7, "title": "Relay is stuck", "state": "open", "comments": 0, "labels": [],
        "body": "It fails.\n\n```yaml\napiVersion: batch/v1beta1\nkind: CronJob\n```\n",
        "user": { "login": "mia", "type": "User" }, "author_association": "MEMBER",
        "html_url": "https://github.com/acme/ops/issues/7",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"
    }]);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let issue = issue.to_string();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                let mut line = String::new();
                let mut path = String::new();
                while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
                    if line.starts_with("GET ") {
                        path.clone_from(&line);
                    }
                    if line == "\r\n" {
                        let body = if path.contains("/issues?") { issue.as_str() } else { "[]" };
                        let length = body.len();
                        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                        if (&stream).write_all(reply.as_bytes()).is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    url
}

#[test]
fn the_lint_reads_all_sources_of_a_file() {
    let team = Team::new();
    team.write("runbooks/links.md", "# Links\n\nSee [there](gone.md).\n");
    let file = fs::read_to_string(team.path().join("ingest.toml")).expect("it was written");
    let live = format!(
        "[[source]]\nname = \"ops\"\ntype = \"github-issues\"\nrepository = \"acme/ops\"\nurl = \"{}\"\n",
        github()
    );
    team.write("ingest.toml", &format!("{file}\n{live}"));
    let told = team.json(&["lint", "--config", "ingest.toml", "--json"], 5);
    assert_eq!(told["documents"], 4, "{told}");
    assert_eq!(
        (&told["counts"]["dead-link"], &told["counts"]["removed-api"]),
        (&1.into(), &1.into()),
        "{told}"
    );
    assert!(!team.path().join("kb").exists(), "nothing is written");

    let one = team.json(&["lint", "--config", "ingest.toml", "--source", "ops", "--json"], 0);
    assert_eq!((&one["documents"], &one["counts"]["removed-api"]), (&1.into(), &1.into()), "{one}");
    let refused = team.run(&["lint", "--config", "ingest.toml", "--source", "theirs"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("--source: the file has no source `theirs`"), "{said}");

    // A source that cannot be listed is a finding; without any other there is nothing to say.
    let absent = "[[source]]\nname = \"tickets\"\ntype = \"jira\"\nexport = \"absent.json\"\n";
    team.write("ingest.toml", &format!("{file}\n{absent}"));
    let told = team.json(&["lint", "--config", "ingest.toml", "--json"], 5);
    assert_eq!(told["counts"]["not-indexed"], 1, "{told}");
    let alone = team.run(&["lint", "--config", "ingest.toml", "--source", "tickets", "--fail-on", "never"]);
    assert_eq!(alone.status.code(), Some(1));
}

/// A running ingest, stopped at the latest when the test ends.
struct Watching {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watching {
    fn begin(team: &Team) -> Self {
        let mut command = team.command(&["--config", "ingest.toml", "--watch", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program runs");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line that has all of these.
    #[track_caller]
    fn line(&self, parts: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {parts:?} in {seen:?}");
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("it reads");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it replies");
    reply
}

#[test]
fn folders_are_watched() {
    let team = Team::new();
    let mut watching = Watching::begin(&team);
    let line = watching.line(&["metrics on http://"]);
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let address: SocketAddr = address.parse().expect("an address");
    watching.line(&["2 added"]);
    assert!(get(address, "/readyz").starts_with("HTTP/1.1 200"));

    team.write("runbooks/disk.md", "# Disk is full\n\nFree some space.\n");
    let line = watching.line(&["1 added"]);
    assert!(line.contains("runbooks") && !line.contains("ours"), "only what changed is read: {line}");
    assert!(team.chunks().contains("Free some space."));
    fs::remove_file(team.path().join("runbooks/disk.md")).expect("it is there");
    watching.line(&["1 removed"]);

    let metrics = get(address, "/metrics");
    assert!(metrics.contains("runbookd_ingest_runs_total{outcome=\"ok\",source=\"ours\"} 1"), "{metrics}");
    assert!(metrics.contains("runbookd_ingest_documents{source=\"runbooks\"} 1"), "{metrics}");
    assert!(get(address, "/other").starts_with("HTTP/1.1 404"));

    // Another run may write meanwhile: the lock is held only while something is read.
    team.json(&["--kb", "kb", "runbooks", "--json"], 0);
    let id = watching.child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().expect("it can be sent");
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match watching.child.try_wait().expect("it is our child") {
            Some(status) => break status,
            None if Instant::now() > until => panic!("it does not stop"),
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    assert!(status.success(), "{status}");
}
