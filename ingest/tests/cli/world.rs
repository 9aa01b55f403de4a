//! A knowledge base and a folder for one test, and the runs of `ingest` over them.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A knowledge base and a folder `docs` in a temporary directory.
pub struct World {
    pub dir: tempfile::TempDir,
}

/// What a run printed.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
        }
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// `seen added changed unchanged removed`.
    #[track_caller]
    pub fn documents(&self) -> String {
        let documents = &self.json()["documents"];
        ["seen", "added", "changed", "unchanged", "removed"].map(|key| documents[key].to_string()).join(" ")
    }

    /// Rejections as `path: reason` with the path below the folder.
    #[track_caller]
    pub fn rejected(&self, root: &Path) -> Vec<String> {
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
    pub fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(world.docs()).expect("it can be made");
        world
    }

    pub fn docs(&self) -> PathBuf {
        self.dir.path().join("docs")
    }

    pub fn kb(&self) -> PathBuf {
        self.dir.path().join("kb")
    }

    /// Writes a file below `docs`.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        self.write_beside(&format!("docs/{path}"), content);
    }

    /// Writes a file below the folder that `docs` is in.
    pub fn write_beside(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::write(path, content).expect("it can be written");
    }

    pub fn write_numbered(&self, count: usize) {
        for i in 0..count {
            self.write(&format!("page-{i:03}.md"), format!("# Page {i}\n\nText of page number {i}.\n"));
        }
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.docs().join(path)).expect("it can be removed");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command
            .current_dir(self.dir.path())
            .env_remove("RUNBOOKD_KB")
            .env_remove("RUNBOOKD_EMBEDDER")
            .args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().expect("it starts"))
    }

    /// Ingests with the flags and paths given; prints JSON.
    pub fn ingest(&self, arguments: &[&str]) -> Run {
        self.run(&[&["--kb", "kb", "--embedder", "hashed", "--json"], arguments].concat())
    }

    /// The file that a writer locks.
    pub fn lock_file(&self) -> fs::File {
        let lock = fs::OpenOptions::new().write(true).open(self.kb().join("LOCK"));
        lock.expect("the lock file is there")
    }

    /// The stored chunks of a knowledge base, as JSON lines.
    #[track_caller]
    pub fn printed(&self, kb: &str) -> String {
        self.run(&["chunks", "--kb", kb]).exits(0).stdout
    }

    /// The stored chunks.
    pub fn chunks(&self) -> Vec<Value> {
        self.printed("kb").lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }

    pub fn chunk_ids(&self) -> String {
        let ids: Vec<String> =
            self.chunks().iter().map(|chunk| chunk["chunk"].as_str().expect("an id").to_owned()).collect();
        ids.join(" ")
    }

    pub fn texts(&self) -> Vec<String> {
        self.chunks().iter().map(|chunk| chunk["text"].as_str().expect("a text").to_owned()).collect()
    }
}
