//! The `ingest` command as its users run it: files in, exit codes, reports and stored chunks out. The hashed embedder
//! needs no model.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A knowledge base and a folder `docs` in a temporary directory.
struct World {
    dir: tempfile::TempDir,
}

/// What a run printed.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
        }
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// `seen added changed unchanged removed`.
    #[track_caller]
    fn documents(&self) -> String {
        let documents = &self.json()["documents"];
        ["seen", "added", "changed", "unchanged", "removed"].map(|key| documents[key].to_string()).join(" ")
    }

    /// Rejections as `path: reason` with the path below the folder.
    #[track_caller]
    fn rejected(&self, root: &Path) -> Vec<String> {
        let json = self.json();
        let rejected = json["rejected"].as_array().expect("a list").iter();
        rejected
            .map(|rejection| {
                let path = rejection["path"].as_str().expect("a path");
                let path =
                    Path::new(path).strip_prefix(root).unwrap_or(Path::new(path)).display().to_string();
                format!("{path}: {}", rejection["reason"].as_str().expect("a reason"))
            })
            .collect()
    }
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(world.docs()).expect("it can be made");
        world
    }

    fn docs(&self) -> PathBuf {
        self.dir.path().join("docs")
    }

    fn kb(&self) -> PathBuf {
        self.dir.path().join("kb")
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.docs().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::write(path, content).expect("it can be written");
    }

    fn write_numbered(&self, count: usize) {
        for i in 0..count {
            self.write(&format!("page-{i:03}.md"), format!("# Page {i}\n\nText of page number {i}.\n"));
        }
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.docs().join(path)).expect("it can be removed");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command
            .current_dir(self.dir.path())
            .env_remove("RUNBOOKD_KB")
            .env_remove("RUNBOOKD_EMBEDDER")
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().expect("it starts"))
    }

    /// Ingests with the flags and paths given; prints JSON.
    fn ingest(&self, arguments: &[&str]) -> Run {
        self.run(&[&["--kb", "kb", "--embedder", "hashed", "--json"], arguments].concat())
    }

    /// The stored chunks.
    fn chunks(&self) -> Vec<Value> {
        let run = self.run(&["chunks", "--kb", "kb"]).exits(0);
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }

    fn chunk_ids(&self) -> String {
        let ids: Vec<String> =
            self.chunks().iter().map(|chunk| chunk["chunk"].as_str().expect("an id").to_owned()).collect();
        ids.join(" ")
    }

    fn texts(&self) -> Vec<String> {
        self.chunks().iter().map(|chunk| chunk["text"].as_str().expect("a text").to_owned()).collect()
    }
}

#[test]
fn a_folder_goes_in_and_its_chunks_come_out() {
    let world = World::new();
    world.write(
        "guide.md",
        "---\ntitle: Guide\nurl: https://e.com/g\nkind: sop\n---\n## Steps\n\nDrain the node.\n",
    );
    let report = world.ingest(&["docs"]).exits(0).json();
    for key in ["documents", "chunks", "rejected", "generation"] {
        assert!(report.get(key).is_some(), "{key} is missing: {report}");
    }
    assert_eq!(report["chunks"]["written"], 1);
    assert_eq!(report["chunks"]["embedded"], 1);
    assert!(report["generation"].is_u64());
    let chunks = world.chunks();
    let expected = serde_json::json!({
        "document": "docs/guide.md", "chunk": "docs/guide.md#0", "title": "Guide", "kind": "sop",
        "url": "https://e.com/g", "heading_path": ["Steps"], "text": "Drain the node.",
        "start_byte": 62, "end_byte": 77, "tokens": chunks[0]["tokens"],
    });
    assert_eq!(chunks, [expected]);
    let tokens = chunks[0]["tokens"].as_u64().expect("a number");
    assert!(tokens > 3, "the prefix is counted: {tokens}");

    let one = world.run(&["chunks", "--kb", "kb", "--document", "docs/guide.md"]).exits(0);
    assert_eq!(one.stdout.lines().count(), 1);
    world.run(&["chunks", "--kb", "kb", "--document", "docs/none.md"]).exits(1);
    world.run(&["chunks", "--kb", "none"]).exits(1);
}

#[test]
fn only_what_changed_is_written() {
    let world = World::new();
    world.write("a.md", "# A\n\nAlpha.\n");
    world.write("b.md", "# B\n\nBeta.\n");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "2 2 0 0 0");
    let before = world.ingest(&["docs"]).exits(0);
    assert_eq!(before.documents(), "2 0 0 2 0");
    assert_eq!(before.json()["chunks"], serde_json::json!({"written": 0, "embedded": 0, "removed": 0}));

    world.write("b.md", "# B\n\nBetter.\n");
    world.write("c/d.txt", "Gamma.\n");
    let after = world.ingest(&["docs"]).exits(0);
    assert_eq!(after.documents(), "3 1 1 1 0");
    assert_eq!(after.json()["chunks"], serde_json::json!({"written": 2, "embedded": 2, "removed": 1}));
    assert_eq!(world.chunk_ids(), "docs/a.md#0 docs/b.md#0 docs/c/d.txt#0");

    fs::rename(world.docs().join("a.md"), world.docs().join("z.md")).expect("it can be renamed");
    world.write("b.md", "# B\n\nBeta.\n");
    let moved = world.ingest(&["docs"]).exits(0);
    assert_eq!(moved.documents(), "3 1 1 1 1");
    assert_eq!(moved.json()["chunks"]["embedded"], 0, "the texts were embedded before");
    assert_eq!(world.chunk_ids(), "docs/b.md#0 docs/c/d.txt#0 docs/z.md#0");
}

#[test]
fn sources_are_told_apart() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    fs::create_dir(world.dir.path().join("chunks")).expect("it can be made");
    fs::write(world.dir.path().join("chunks/x.md"), "Other.\n").expect("it can be written");
    assert_eq!(world.ingest(&["docs/.", "./chunks/"]).exits(0).documents(), "2 2 0 0 0");
    assert_eq!(world.chunk_ids(), "chunks/x.md#0 docs/a.md#0");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 0 1 0", "other sources stay");
    world.write("b.md", "Beta.\n");
    world.remove("a.md");
    let file = world.ingest(&["docs/b.md"]).exits(0);
    assert_eq!(file.documents(), "1 1 0 0 0", "a file removes nothing");
    world.ingest(&["--source", "team", "docs"]).exits(0);
    assert_eq!(world.chunk_ids(), "chunks/x.md#0 docs/a.md#0 docs/b.md#0 team/b.md#0");

    world.write("docs/c.md", "Gamma.\n");
    for wrong in [
        &["docs", "docs/docs"][..],
        &["docs/a.md", "docs"],
        &["--source", "x", "docs", "chunks"],
        &["--source", "a/b", "docs"],
        &["none"],
        &[],
    ] {
        let run = world.ingest(wrong).exits(2);
        assert!(run.json()["error"].is_string(), "{}", run.stdout);
    }
    let here = world
        .command(&["--kb", "../kb", "--embedder", "hashed", "--json", "."])
        .current_dir(world.docs())
        .output();
    assert_eq!(Run::of(here.expect("it starts")).exits(0).documents(), "2 1 0 1 1");
}

#[test]
fn usage_and_configuration_mistakes_exit_with_2() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    world.run(&["docs"]).exits(2);
    world.run(&["--kb", "kb", "--kind", "novel", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--wait", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--embedder", "nonsense", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--embedder", "hashed", "--access", "", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--embedder", "hashed", "--language", "!", "docs"]).exits(2);
    assert!(!world.kb().exists(), "nothing was made");
    let missing = world.run(&["--kb", "kb", "--embedder", "local", "--model-dir", "none", "docs"]).exits(2);
    assert!(missing.stderr.contains("RUNBOOKD_MODEL_DIR"), "{}", missing.stderr);
    world.run(&["--help"]).exits(0);
}

#[test]
fn mass_deletion_needs_force() {
    let world = World::new();
    world.write_numbered(10);
    world.ingest(&["docs"]).exits(0);
    for i in 0..2 {
        world.remove(&format!("page-00{i}.md"));
    }
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "8 0 0 8 2");
    for i in 2..6 {
        world.remove(&format!("page-00{i}.md"));
    }
    world.write("new.md", "New.\n");
    let refused = world.ingest(&["docs"]).exits(3);
    assert!(refused.json()["error"].as_str().expect("a text").contains("4 of 8 documents of source `docs`"));
    assert_eq!(refused.documents(), "5 1 0 4 4");
    assert_eq!(world.chunks().len(), 8, "nothing was committed");
    world.ingest(&["--dry-run", "docs"]).exits(3);
    assert_eq!(world.ingest(&["--force", "docs"]).exits(0).documents(), "5 1 0 4 4");
    assert_eq!(world.chunks().len(), 5);

    fs::remove_dir_all(world.docs()).expect("it can be removed");
    world.ingest(&["docs"]).exits(2);
    fs::create_dir(world.docs()).expect("it can be made");
    world.ingest(&["docs"]).exits(3);
    assert_eq!(world.chunks().len(), 5);
}

#[test]
fn dry_runs_change_nothing() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    let run = world.run(&["--kb", "kb", "--model-dir", "none", "--dry-run", "--json", "docs"]).exits(0);
    assert_eq!(run.documents(), "1 1 0 0 0");
    assert_eq!(
        (run.json()["generation"].clone(), run.json()["dry_run"].clone()),
        (Value::Null, Value::Bool(true))
    );
    assert!(!world.kb().exists());
    world.ingest(&["docs"]).exits(0);
    world.write("a.md", "Other.\n");
    world.write("b.md", "Beta.\n");
    assert_eq!(world.ingest(&["--dry-run", "docs"]).exits(0).documents(), "2 1 1 0 0");
    assert_eq!(world.texts(), ["Alpha."]);
}

#[test]
fn every_file_is_accounted_for() {
    let world = World::new();
    world.write("good.md", "Good.\n");
    world.write("empty.md", "");
    world.write("only-title.md", "---\ntitle: A\n---\n");
    world.write("page.docx", "= Title\n");
    world.write("Makefile", "all:\n");
    world.write("photo.md", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    world.write("cut.md", &"節點狀態".as_bytes()[..11]);
    world.write("access.md", "---\naccess: [sre\n---\nSecret.\n");
    world.write("rules.md", "---\napplies_to: {nam: x}\n---\nText.\n");
    world.write(".hidden.md", "Hidden.\n");
    world.write(".git/config", "x");
    world.write("node_modules/x/readme.md", "x");
    world.write("qa/good.csv", "question,answer\nWhy?,Because.\nHow?\n");
    world.write("qa/other.csv", "name,age\na,1\n");
    let sparse = fs::File::create(world.docs().join("sparse.md")).expect("it can be made");
    sparse.set_len(20 << 30).expect("it can be sparse");
    let started = Instant::now();
    let run = world.ingest(&["docs"]).exits(0);
    assert!(started.elapsed() < Duration::from_secs(5), "the sparse file was not read");
    insta::assert_snapshot!(run.rejected(Path::new("docs")).join("\n"), @r"
    .git: hidden folder; not looked into
    .hidden.md: hidden file
    Makefile: not supported yet: a file without an extension
    access.md: front matter key `access`: line 2 cannot be read; front matter is not valid YAML: did not find expected ',' or ']' at line 3 column 1, while parsing a flow sequence at line 2 column 9
    cut.md: not valid UTF-8 at byte 9, and not wholly in another encoding; save the file as UTF-8
    empty.md: no text
    node_modules: folder of dependencies; not looked into
    only-title.md: no text
    page.docx: no Word document: it is no package of an office program
    photo.md: binary, not text: a picture under another name
    qa/good.csv#2: the row has 1 fields, the header 2
    qa/other.csv: not a question/answer CSV: unknown column `name`; use question, answer, title, source
    rules.md: front matter key `applies_to.nam`: unknown; use alert, kind, reason, namespace or name
    sparse.md: 21474836480 bytes; at most 8388608 are read
    ");
    assert_eq!(world.chunk_ids(), "docs/good.md#0 docs/qa/good.csv#1#0");
    world.ingest(&["--strict", "docs"]).exits(5);
    assert_eq!(world.chunks().len(), 2, "--strict commits all the same");

    let clean = World::new();
    clean.write("good.md", "Good.\n");
    clean.write(".git/config", "x");
    clean.ingest(&["--strict", "docs"]).exits(0);
}

#[cfg(unix)]
#[test]
fn only_regular_files_below_the_root_are_read() {
    use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};
    let world = World::new();
    world.write("good.md", "Good.\n");
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).expect("it can be made");
    fs::write(outside.join("secret.md"), "Secret.\n").expect("it can be written");
    symlink(outside.join("secret.md"), world.docs().join("link.md")).expect("it can be linked");
    symlink(&outside, world.docs().join("folder")).expect("it can be linked");
    symlink(".", world.docs().join("loop")).expect("it can be linked");
    symlink("nowhere", world.docs().join("dangling.md")).expect("it can be linked");
    let pipe = world.docs().join("pipe.md");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it starts").success());
    let _socket = UnixListener::bind(world.docs().join("socket.md")).expect("it can be bound");
    fs::write(world.docs().join(std::ffi::OsStr::from_bytes(b"latin-\xe9.md")), "x")
        .expect("it can be written");
    fs::write(world.docs().join("line\nbreak.md"), "x").expect("it can be written");
    let mut deep = world.docs();
    for _ in 0..70 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).expect("it can be made");

    let run = world.ingest(&["docs"]).exits(0);
    let rejected: Vec<String> =
        run.rejected(Path::new("docs")).into_iter().map(|line| line.replace("d/", "")).collect();
    insta::assert_snapshot!(rejected.join("\n"), @r"
    d: more than 64 folders deep
    dangling.md: a symbolic link to nothing
    folder: a symbolic link that leads out of the folder; it is not followed
    latin-�.md: the name is not UTF-8; rename the file
    line�break.md: the name holds control characters; rename the file
    link.md: a symbolic link that leads out of the folder; it is not followed
    loop: a symbolic link to a folder that is read under another name
    pipe.md: a named pipe, not a file
    socket.md: a socket, not a file
    ");
    assert_eq!(world.texts(), ["Good."]);
    let link = world.ingest(&["docs/link.md"]).exits(0);
    let refused = "link.md: a symbolic link that leads out of the folder; it is not followed";
    assert_eq!(link.rejected(Path::new("docs")), [refused]);
}

/// A ConfigMap as it is mounted, changed as the kubelet changes it: the link `..data` is put in place anew.
#[cfg(unix)]
#[test]
fn a_mounted_volume_is_read_and_followed() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    world.write("..2026_11_27/relay.md", "# Relay\n\nFirst.\n");
    symlink("..2026_11_27", world.docs().join("..data")).expect("it can be linked");
    symlink("..data/relay.md", world.docs().join("relay.md")).expect("it can be linked");
    let run = world.ingest(&["--strict", "docs"]).exits(0);
    assert_eq!((run.documents().as_str(), world.chunk_ids().as_str()), ("1 1 0 0 0", "docs/relay.md#0"));
    assert_eq!(run.json().get("note"), None);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 0 1 0");

    world.write("..2026_11_28/relay.md", "# Relay\n\nSecond.\n");
    world.remove("..data");
    symlink("..2026_11_28", world.docs().join("..data")).expect("it can be linked");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 1 0 0");
    assert_eq!(world.texts(), ["Second."]);
    assert_eq!(world.ingest(&["docs/relay.md"]).exits(0).documents(), "1 0 0 1 0");
}

#[test]
fn a_run_that_indexes_nothing_says_so_last() {
    let world = World::new();
    let plain = |paths: &[&str]| {
        let run = world.run(&[&["--kb", "kb", "--embedder", "hashed"], paths].concat()).exits(0);
        run.stdout.lines().last().expect("a line").to_owned()
    };
    assert_eq!(plain(&["docs"]), "nothing was indexed: no file was found");
    world.write("page.docx", "x");
    let last = plain(&["docs"]);
    assert!(last.starts_with("nothing was indexed: 1 entries were left out, the first for this: "), "{last}");
    assert!(
        last.ends_with("docs/page.docx: no Word document: it is no package of an office program"),
        "{last}"
    );
    assert_eq!(plain(&["--dry-run", "docs"]), last);
    let json = world.ingest(&["docs"]).exits(0);
    assert_eq!(json.json()["note"], last.as_str());
    assert!(json.stderr.contains(&last), "{}", json.stderr);
    world.write("page.md", "Text.\n");
    assert!(plain(&["docs"]).starts_with("knowledge base version: "));
    assert!(plain(&["docs"]).starts_with("knowledge base version: "), "nothing changed, which is no fault");
}

#[test]
fn front_matter_that_is_not_quite_yaml_is_reported_and_read() {
    let world = World::new();
    world.write("a.md", "---\ntitle: Relay: queue is stuck\ntags: [relay, @oncall]\n---\n\nDrain it.\n");
    world.write("b.md", "---\ntitle: Relay: secret\naccess: [sre\n---\n\nClosed.\n");
    let run = world.ingest(&["docs"]).exits(0);
    assert_eq!(run.documents(), "1 1 0 0 0");
    assert_eq!(world.chunks()[0]["title"], "Relay: queue is stuck");
    let json = run.json();
    let warnings: Vec<&str> = json["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|w| w["message"].as_str().expect("one"))
        .collect();
    assert_eq!(
        warnings,
        [
            "front matter line 2: key `title` is not valid YAML; read as the text that stands there",
            "front matter line 3: key `tags` is not valid YAML; read as a list",
        ]
    );
    assert!(
        run.rejected(Path::new("docs"))[0].starts_with(
            "b.md: front matter key `access`: line 3 cannot be read; front matter is not valid YAML"
        ),
        "{}",
        run.stdout
    );
}

/// The versions that a run stores: by path, by front matter, and by titles that differ only by one.
#[test]
fn editions_of_a_page_get_their_versions() {
    let world = World::new();
    world.write("1.11/a.md", "# A\n\nOld.\n");
    world.write("one-1.11.md", "# One\n\nOld.\n");
    world.write("one-1.13.md", "# One\n\nNew.\n");
    world.write("two.md", "# Relay 1.11: limits\n\nOld.\n");
    world.write("three.md", "# Relay v1.13: limits\n\nNew.\n");
    world.write("alone-1.11.md", "# Alone\n\nThe only one.\n");
    world.write("said.md", "---\nproduct_version: 1.20\n---\n# Said\n\nIt.\n");
    world.ingest(&["docs"]).exits(0);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "7 0 0 7 0", "the hashes know the versions");
    // Its sibling gone, a title only mentions a version.
    world.remove("two.md");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "6 0 1 5 1");
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_for_now_stays() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    world.write("sub/b.md", "Beta.\n");
    world.ingest(&["docs"]).exits(0);
    let set_mode = |path: &str, mode| {
        fs::set_permissions(world.docs().join(path), fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set_mode("sub", 0o000);
    set_mode("a.md", 0o000);
    if fs::read_dir(world.docs().join("sub")).is_ok() {
        eprintln!("SKIPPED: this user may read everything");
        return set_mode("sub", 0o755);
    }
    let run = world.ingest(&["docs"]).exits(0);
    assert_eq!(run.rejected(Path::new("docs")).len(), 2, "{}", run.stdout);
    assert_eq!(run.documents(), "0 0 0 0 0");
    assert_eq!(world.chunks().len(), 2);
    set_mode("sub", 0o755);
}

#[test]
fn refused_content_takes_its_earlier_version_out() {
    let world = World::new();
    world.write("a.md", "Public.\n");
    world.write("b.md", "Beta.\n");
    world.ingest(&["docs"]).exits(0);
    world.write("a.md", "---\naccess: [sre\n---\nPublic.\n");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 0 1 1");
    assert_eq!(world.texts(), ["Beta."]);
}

#[test]
fn other_encodings_come_out_right() {
    let world = World::new();
    let chinese = "节点未就绪时，先检查网络与磁盘，然后重新启动服务。集群中的工作负载会被调度到其他节点。";
    world.write("gb.md", encoding_rs::GB18030.encode(chinese).0);
    let russian =
        "Если узел не готов, сначала проверьте сеть и диск, затем перезапустите службу на этом узле.";
    world.write("koi.txt", encoding_rs::KOI8_R.encode(russian).0);
    let utf16: Vec<u8> = "\u{feff}Node ready.\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.write("utf16.txt", utf16);
    let run = world.ingest(&["docs"]).exits(0);
    assert_eq!(world.texts(), [chinese, russian, "Node ready."]);
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("read as gb18030") && warnings.contains("read as KOI8-U"), "{warnings}");
}

#[test]
fn a_page_whose_restriction_cannot_be_read_stays_out() {
    let world = World::new();
    world.write("a.md", "# A\n\nOpen text.\n");
    world.write("b.md", "# B\n\nText that was open.\n");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "2 2 0 0 0");
    world.write("b.md", "---\ntitle: B\naccess:[ops]\n---\nText that was open.\n");
    world.write("c.md", "\n---\naccess: [ops]\n---\nClosed text.\n");
    world.write("d.txt", "---\naccess: [ops]\n---\nClosed text.\n");
    world.write("e.md", "---\ntitle: E\nlables: [x]\n---\nOpen text.\n");
    let run = world.ingest(&["--strict", "docs"]).exits(5);
    assert_eq!(run.documents(), "2 1 0 1 1");
    let rejected = run.rejected(&world.docs());
    for (at, part) in ["line", "(line 3)", "line 2: it is read in Markdown only"].iter().enumerate() {
        assert!(rejected[at].contains(part) && rejected[at].contains("access"), "{}", rejected[at]);
    }
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("was `labels` meant?"), "{warnings}");
    assert_eq!(world.texts(), ["Open text.", "Open text."]);
}

#[test]
fn secrets_do_not_reach_the_knowledge_base() {
    let world = World::new();
    let key = format!("AKIA{}", "Q7RLMXVTN2ZPWK4D");
    world.write("a.md", format!("---\ntitle: Key {key}\n---\nUse `{key}` for the bucket.\n"));
    world.write("b.txt", format!("The key is {key}.\n"));
    world.write("c.csv", format!("question,answer\nWhich key?,{key}\n"));
    world.write(&format!("{key}.md"), "Text.\n");
    world.write("d.md", format!("See AK[{}](a.md), the key.\n", &key[2..]));
    let run = world.ingest(&["docs"]).exits(0);
    let report = run.json();
    assert_eq!(report["redacted"], 5);
    assert_eq!(report["secrets"][0]["rule"], "aws-access-key");
    assert_eq!(report["secrets"].as_array().map(Vec::len), Some(4));
    assert!(run.rejected(&world.docs())[0].contains("its name holds a secret (aws-access-key); rename it"));
    assert!(!run.stdout.contains(&key) && !run.stderr.contains(&key));
    assert!(!world.run(&["chunks", "--kb", "kb"]).stdout.contains(&key));
    for entry in
        walkdir::WalkDir::new(world.kb()).into_iter().flatten().filter(|entry| entry.file_type().is_file())
    {
        let bytes = fs::read(entry.path()).expect("it can be read");
        assert!(
            !bytes.windows(key.len()).any(|window| window == key.as_bytes()),
            "{}",
            entry.path().display()
        );
    }
}

#[test]
fn flags_fill_in_what_documents_do_not_say() {
    let world = World::new();
    world.write("a.md", "---\naccess: [sre]\nkind: wiki\n---\nAlpha.\n");
    world.write("b.md", "Beta.\n");
    world.ingest(&["--kind", "runbook", "--access", "team", "docs"]).exits(0);
    let kinds: Vec<Value> = world.chunks().iter().map(|chunk| chunk["kind"].clone()).collect();
    assert_eq!(kinds, ["runbook", "runbook"]);
    assert_eq!(
        world.ingest(&["--kind", "runbook", "docs"]).exits(0).documents(),
        "2 0 1 1 0",
        "only b had the tag"
    );
}

#[test]
fn a_second_writer_is_refused_at_once() {
    let world = World::new();
    world.write_numbered(2);
    world.ingest(&["docs"]).exits(0);
    let lock =
        fs::OpenOptions::new().write(true).open(world.kb().join("LOCK")).expect("the lock file is there");
    lock.try_lock().expect("nobody else holds it");
    let started = Instant::now();
    let refused = world.ingest(&["docs"]).exits(4);
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(refused.json()["error"].as_str().expect("a text").contains("another writer"));
    world.ingest(&["--dry-run", "docs"]).exits(0);
    world.run(&["chunks", "--kb", "kb"]).exits(0);
    drop(lock);
    world.ingest(&["docs"]).exits(0);
}

#[test]
fn another_model_is_refused() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    world.ingest(&["docs"]).exits(0);
    let manifest = walkdir::WalkDir::new(world.kb())
        .into_iter()
        .flatten()
        .find(|entry| entry.file_name() == "manifest.json")
        .expect("there is a manifest");
    let text = fs::read_to_string(manifest.path()).expect("it can be read");
    fs::write(manifest.path(), text.replace("\"hashed\"", "\"other\"")).expect("it can be written");
    // Without the checksums that tell that it was changed, as earlier versions wrote it.
    let commit_file = manifest.path().with_file_name("tantivy").join("meta.json");
    let mut commit: serde_json::Map<String, Value> =
        serde_json::from_slice(&fs::read(&commit_file).expect("it can be read")).expect("JSON");
    commit.retain(|name, _| !name.starts_with("checksum"));
    fs::write(&commit_file, serde_json::to_vec(&commit).expect("JSON")).expect("it can be written");
    let refused = world.ingest(&["docs"]).exits(2);
    assert!(refused.stderr.contains("--embedder"), "{}", refused.stderr);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_commits_nothing() {
    let world = World::new();
    world.write("page-000.md", "Old.\n");
    world.ingest(&["docs"]).exits(0);
    world.write_numbered(3_000);
    let child = world
        .command(&["--kb", "kb", "--embedder", "hashed", "--json", "docs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It listens for signals from when it takes the lock.
    let lock =
        fs::OpenOptions::new().write(true).open(world.kb().join("LOCK")).expect("the lock file is there");
    while lock.try_lock().is_ok() {
        lock.unlock().expect("it was ours");
        std::thread::sleep(Duration::from_millis(2));
    }
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("it starts");
    assert!(signalled.success());
    let run = Run::of(child.wait_with_output().expect("it ends")).exits(1);
    assert!(run.json()["error"].as_str().expect("a text").contains("nothing was committed"));
    assert_eq!(world.texts(), ["Old."]);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "3000 2999 1 0 0");
}

/// Real documentation, where it is at hand: every file is a document or in the report.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the data is found is no part of the product's configuration"
)]
fn real_folders_are_accounted_for() {
    let Some(data) = std::env::var_os("RUNBOOKD_TEST_DATA") else {
        return println!("SKIPPED: RUNBOOKD_TEST_DATA is not set");
    };
    let corpora = Path::new(&data).join("corpora");
    let world = World::new();
    for folder in fs::read_dir(&corpora).expect("it lists").flatten() {
        let folder = folder.path();
        let run = world.ingest(&["--dry-run", folder.to_str().expect("UTF-8")]).exits(0);
        let files: Vec<PathBuf> = walkdir::WalkDir::new(&folder)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.into_path())
            .collect();
        let rejected = run.json()["rejected"].as_array().expect("a list").len();
        let seen = run.json()["documents"]["seen"].as_u64().expect("a number");
        assert_eq!(seen as usize + rejected, files.len(), "{}", folder.display());
        let reasons = run.rejected(&folder);
        let expected = |line: &String| line.ends_with(": no text") || line.contains(": not supported yet: ");
        assert!(reasons.iter().all(expected), "{reasons:#?}");
    }
}

/// A run that is killed leaves the old or the new state, and the next run ends as one that was never disturbed.
#[cfg(unix)]
#[test]
fn killed_runs_leave_one_whole_state() {
    let world = World::new();
    world.write_numbered(40);
    world.ingest(&["docs"]).exits(0);
    let state = || world.run(&["chunks", "--kb", "kb"]).exits(0).stdout;
    let mut old = state();
    // A fixed sequence of moments: a failure can be repeated.
    let mut random: u64 = 0x5eed;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut kills = 0;
    for round in 0..50 {
        for i in 0..40 {
            world.write(
                &format!("page-{i:03}.md"),
                format!("# Page {i}\n\nText of page {i} in round {round}.\n"),
            );
        }
        let clean = World::new();
        for entry in fs::read_dir(world.docs()).expect("it lists").flatten() {
            fs::copy(entry.path(), clean.docs().join(entry.file_name())).expect("it can be copied");
        }
        let mut child = world
            .command(&["--kb", "kb", "--embedder", "hashed", "docs"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_micros(next(150_000)));
        child.kill().expect("it is ours");
        kills += u32::from(!child.wait().expect("it ends").success());
        let left = state();
        if left != old {
            assert_eq!(left.lines().count(), 40);
            let is_new = |line: &str| line.contains(&format!("in round {round}."));
            assert!(left.lines().all(is_new), "a mixed state after round {round}");
            old = left;
        }
        if round % 10 == 9 {
            world.ingest(&["docs"]).exits(0);
            clean.ingest(&["docs"]).exits(0);
            old = state();
            assert_eq!(old, clean.run(&["chunks", "--kb", "kb"]).exits(0).stdout);
        }
    }
    eprintln!("{kills} of 50 runs were killed before they ended");
    assert!(kills >= 10, "the moments are too late: {kills} of 50 runs were killed");
}

/// A folder under another name is recognised, and its source renamed without embedding anything.
#[test]
fn a_renamed_folder_offers_to_rename_its_source() {
    let world = World::new();
    world.write_numbered(12);
    world.write("links.md", "# Links\n\nSee [page 3](page-003.md) about the relay.\n");
    fs::create_dir(world.dir.path().join("other")).expect("it can be made");
    fs::write(world.dir.path().join("other/a.md"), "# Other\n\nSomething else.\n")
        .expect("it can be written");
    world.ingest(&["docs", "other"]).exits(0);
    let chunks_before = world.chunks();
    fs::rename(world.docs(), world.dir.path().join("new docs")).expect("it can be renamed");
    fs::write(world.dir.path().join("new docs/page-000.md"), "# Page 0\n\nAnother text.\n").expect("written");
    fs::remove_file(world.dir.path().join("new docs/page-001.md")).expect("it is there");

    let offered = "run `ingest rename docs 'new docs'` with the same `--kb`";
    let warnings = |run: &Run| run.json()["warnings"].to_string();
    let dry = world.ingest(&["--dry-run", "new docs"]).exits(0);
    assert!(warnings(&dry).contains(offered), "{}", warnings(&dry));
    let other = world.ingest(&["--dry-run", "new docs", "docs"]).code;
    assert_ne!(other, Some(0), "there is no folder of the old name");

    // Renamed before the folder is read under its new name, or after: the same.
    for reads_first in [false, true] {
        let kb = format!("kb-{reads_first}");
        let copied = Command::new("cp").args(["-r", "kb", &kb]).current_dir(world.dir.path()).status();
        assert!(copied.expect("it runs").success());
        let ingest = || world.run(&["--kb", &kb, "--embedder", "hashed", "--json", "new docs"]).exits(0);
        if reads_first {
            let run = ingest();
            assert!(warnings(&run).contains(offered), "{}", warnings(&run));
            assert!(!warnings(&ingest()).contains("rename"), "it is known by then");
        }
        let run = world.run(&["rename", "--kb", &kb, "docs", "new docs"]).exits(0);
        assert!(run.stdout.contains("source `docs` is `new docs` now: 13 documents"), "{}", run.stdout);
        let run = ingest();
        let expected = if reads_first { "12 0 0 12 1" } else { "12 0 1 11 1" };
        assert_eq!(run.documents(), expected);
        assert_eq!(run.json()["chunks"]["embedded"], if reads_first { 0 } else { 1 });
        let run = world.run(&["chunks", "--kb", &kb]).exits(0);
        assert!(
            !run.stdout.contains("\"docs/") && run.stdout.contains("\"new docs/links.md\""),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("\"other/a.md\""));
    }

    // What cannot be renamed stays as it is.
    for (arguments, code, says) in [
        (&["rename", "--kb", "kb", "none", "x"][..], 2, "there is no source `none`"),
        (&["rename", "--kb", "kb", "docs", "other"], 3, "has other documents"),
        (&["rename", "--kb", "kb", "docs", "docs"], 2, "is named `docs` already"),
        (&["rename", "--kb", "kb", "docs", "a/b"], 2, "cannot name a source"),
        (&["rename", "--kb", "absent", "docs", "x"], 1, "there is no knowledge base"),
    ] {
        let run = world.run(arguments).exits(code);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    assert_eq!(world.chunks(), chunks_before);
    world.run(&["rename", "--kb", "kb", "--force", "docs", "other"]).exits(0);
    let run = world.run(&["chunks", "--kb", "kb"]).exits(0);
    assert!(
        run.stdout.contains("\"other/a.md\"") && run.stdout.contains("\"other/page-003.md\""),
        "{}",
        run.stdout
    );
}

/// Flips a bit in the middle of each stored file with such a name.
fn damage(folder: &Path, end: &str) -> usize {
    let mut damaged = 0;
    for entry in fs::read_dir(folder).expect("it lists").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("embedding-cache") {
            damaged += damage(&path, end);
        } else if path.to_string_lossy().ends_with(end) {
            let mut bytes = fs::read(&path).expect("it is ours");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 2;
            fs::write(&path, bytes).expect("it is ours");
            damaged += 1;
        }
    }
    damaged
}

#[test]
fn backups_come_back() {
    let world = World::new();
    world.write_numbered(5);
    world.ingest(&["docs"]).exits(0);
    let before = world.texts();
    let kept = world.run(&["backup", "--kb", "kb", "--to", "kept", "--json"]).exits(0).json();
    assert_eq!(
        (&kept["version"], &kept["chunks"], &kept["was_covered"]),
        (&"g1.1".into(), &5.into(), &true.into())
    );
    world.run(&["backup", "--kb", "kb", "--to", "kept"]).exits(2);
    world.run(&["restore", "--kb", "kb", "--from", "docs"]).exits(2);
    world.run(&["restore", "--kb", "kb", "--from", "kb"]).exits(2);
    world.run(&["backup", "--kb", "absent", "--to", "new"]).exits(1);
    world.write("page-000.md", "# Page 0\n\nOther text.\n");
    world.ingest(&["docs"]).exits(0);
    assert_ne!(world.texts(), before);
    let said = world.run(&["restore", "--kb", "kb", "--from", "kept"]).exits(0).stdout;
    assert!(said.contains("restored to kb: version g2.1, 5 chunks"), "{said}");
    assert_eq!(world.texts(), before);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "5 0 1 4 0", "runs go on from there");
    assert!(damage(&world.dir.path().join("kept"), ".store") > 0);
    let refused = world.run(&["restore", "--kb", "kb", "--from", "kept"]).exits(1);
    assert!(refused.stderr.contains(".store"), "{}", refused.stderr);
}

#[test]
fn damage_is_refused_and_built_again() {
    let world = World::new();
    world.write_numbered(6);
    fs::create_dir(world.dir.path().join("wiki")).expect("the name is free");
    fs::write(world.dir.path().join("wiki/a.md"), "# A\n\nOne page.\n").expect("it can be written");
    world.ingest(&["docs", "wiki"]).exits(0);
    let before = world.texts();
    world.ingest(&["--rebuild", "docs/page-000.md"]).exits(2);
    world.ingest(&["--rebuild", "--dry-run", "docs"]).exits(2);

    assert_eq!(damage(&world.kb(), "vectors.f32"), 1);
    let refused = world.ingest(&["docs", "wiki"]).exits(1);
    assert!(
        refused.stderr.contains("g1/vectors.f32") && refused.stderr.contains("--rebuild"),
        "{}",
        refused.stderr
    );
    let refused = world.ingest(&["--rebuild", "docs"]).exits(3);
    assert!(refused.stderr.contains("`wiki`"), "{}", refused.stderr);
    let report = world.ingest(&["--rebuild", "docs", "wiki"]).exits(0).json();
    assert_eq!((&report["documents"]["added"], &report["chunks"]["written"]), (&7.into(), &7.into()));
    assert_eq!(report["chunks"]["embedded"], 0, "the cache knows all of them");
    assert_eq!(world.texts(), before);
    assert_eq!(world.ingest(&["docs", "wiki"]).exits(0).documents(), "7 0 0 7 0");

    // Where the records themselves are damaged, nothing can be compared with, and the report says so.
    fs::write(world.kb().join("CURRENT"), "g?\n").expect("it is ours");
    world.ingest(&["docs"]).exits(1);
    let report = world.ingest(&["--rebuild", "docs"]).exits(0).json();
    assert!(report["note"].as_str().expect("it has one").contains("could not be read"), "{report}");
    assert_eq!(world.texts().len(), 6);

    for i in 0..5 {
        world.remove(&format!("page-{i:03}.md"));
    }
    assert_eq!(damage(&world.kb(), "vectors.i8"), 1);
    world.ingest(&["--rebuild", "docs"]).exits(3);
    world.ingest(&["--rebuild", "--force", "docs"]).exits(0);
    assert_eq!(world.texts().len(), 1);
}

#[test]
fn a_missing_file_says_what_to_do() {
    let world = World::new();
    world.write_numbered(2);
    world.ingest(&["docs"]).exits(0);
    for file in ["manifest.json", "vectors.f32", "vectors.sums", "tantivy/meta.json"] {
        let path = world.kb().join("g1").join(file);
        let bytes = fs::read(&path).expect("it is there");
        fs::remove_file(&path).expect("it is ours");
        let refused = world.ingest(&["docs"]).exits(1);
        for part in [file, "it is missing", "ingest restore", "ingest --rebuild"] {
            assert!(refused.stderr.contains(part), "{file}: {}", refused.stderr);
        }
        fs::write(&path, bytes).expect("it is ours");
    }
    world.ingest(&["docs"]).exits(0);
}

#[test]
fn lint_says_what_is_wrong_and_exits_by_how_bad_it_is() {
    let world = World::new();
    world.write(
        "a.md",
        "---\ntitle: A\nupdated: 2020-01-02\n---\n# A\n\nSee [the limits of the relay](b.md#part).\n",
    );
    world.write("b.md", "# B\n\n## Part\n\nx\n");
    let clean = world.run(&["lint", "docs"]).exits(0);
    assert!(
        clean.stdout.contains("docs/a.md: note[stale]: not touched since 2020-01-02"),
        "{}",
        clean.stdout
    );
    assert!(clean.stdout.ends_with("2 documents: 0 errors, 0 warnings, 1 notes\n"), "{}", clean.stdout);
    world.run(&["lint", "--fail-on", "note", "docs"]).exits(5);
    world.run(&["lint", "--fail-on", "note", "--stale", "36500", "docs"]).exits(0);

    world.remove("b.md");
    world.run(&["lint", "docs"]).exits(5);
    world.run(&["lint", "--fail-on", "never", "docs"]).exits(0);
    world.run(&["lint", "--ignore", "dead-link", "docs"]).exits(0);
    let json = world.run(&["lint", "--json", "--only", "dead-link", "docs"]).exits(5).json();
    assert_eq!((&json["documents"], &json["counts"]["dead-link"]), (&1.into(), &1.into()));
    let finding = &json["findings"][0];
    assert_eq!((&finding["path"], &finding["line"]), (&"docs/a.md".into(), &7.into()), "{finding}");
    assert_eq!(
        (&finding["check"], &finding["severity"]),
        (&"dead-link".into(), &"error".into()),
        "{finding}"
    );
    let log = world.run(&["lint", "--format", "sarif", "docs"]).exits(5).json();
    let result = &log["runs"][0]["results"][1];
    assert_eq!((&result["ruleId"], &result["level"]), (&"dead-link".into(), &"error".into()), "{result}");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "docs/a.md");
    assert_eq!(place["region"]["startLine"], 7);

    // Of one file the links are not looked at, for its neighbours are not read.
    world.run(&["lint", "docs/a.md"]).exits(0);
    for wrong in [
        &["lint"][..],
        &["lint", "--only", "nothing", "docs"],
        &["lint", "--kb", "kb", "docs"],
        &["lint", "--config", "ingest.toml", "docs"],
        &["lint", "--config", "absent.toml"],
        &["lint", "--source", "docs", "docs"],
    ] {
        world.run(wrong).exits(2);
    }
    world.run(&["lint", "absent"]).exits(2);
    world.run(&["lint", "--kb", "absent"]).exits(1);

    let report = world.ingest(&["docs"]).exits(0).json();
    assert_eq!(report["lint"], serde_json::json!({ "dead-link": 1, "stale": 1 }));
    let stored = world.run(&["lint", "--kb", "kb", "--json"]).exits(0).json();
    assert_eq!(stored["counts"], serde_json::json!({ "stale": 1 }), "links to nowhere are not stored");
    assert_eq!(stored["findings"][0]["path"], "docs/a.md");

    // A page that links lead to, and that was not indexed, is known to be absent.
    world.write("b.md", "---\naccess: []\n---\n# B\n\nx\n");
    world.ingest(&["docs"]).exits(0);
    let stored = world.run(&["lint", "--kb", "kb", "--json"]).exits(5).json();
    assert_eq!(
        stored["counts"],
        serde_json::json!({ "dead-link": 1, "not-indexed": 1, "stale": 1 }),
        "{stored}"
    );
}
