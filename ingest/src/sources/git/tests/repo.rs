//! Repositories that Git itself makes in a temporary folder.

use super::super::{Settings, open};
use crate::{formats::Defaults, sources::Source};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::Mutex,
};
use tempfile::TempDir;

/// The first commit's time; each later one is a day after the one before.
pub const FIRST_DAY: u64 = 1_767_225_600;

/// A folder with a repository `docs` that has a work tree, and a cache.
pub struct Repo {
    pub root: TempDir,
    pub num_commits: Mutex<u64>,
}

impl Repo {
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(root.path().join("docs")).expect("it is empty");
        let repo = Self { root, num_commits: Mutex::new(0) };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().join("docs")
    }

    pub fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// Runs Git in the repository, without anybody's configuration.
    pub fn git(&self, arguments: &[&str]) -> String {
        let days = *self.num_commits.lock().expect("no panic");
        let date = format!("{} +0000", FIRST_DAY + days * 86_400);
        let output = quiet(Command::new("git"))
            .args(["-c", "user.name=A", "-c", "user.email=a@h.example"])
            .args(arguments)
            .current_dir(self.path())
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
            .output()
            .expect("git runs");
        text_of(output, arguments)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }

    pub fn page(&self, name: &str, word: &str) {
        self.write(name, &format!("# Relay {name}\n\nThe {word} relay is drained first.\n"));
    }

    /// Commits everything and gives the commit's id.
    pub fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "m"]);
        *self.num_commits.lock().expect("no panic") += 1;
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn settings(&self, url: &str) -> Settings {
        Settings {
            url: url.to_owned(),
            branch: None,
            tag: None,
            commit: None,
            folder: None,
            web_url: Some("https://h.example/{commit}/{path}".to_owned()),
            user: None,
            token: None,
            depth: None,
            ca_file: None,
        }
    }

    pub fn here(&self) -> Settings {
        self.settings(&self.path().display().to_string())
    }

    pub fn open(&self, settings: Settings) -> Box<dyn Source> {
        open("docs".to_owned(), settings, Defaults::default(), &self.cache()).expect("right settings")
    }
}

pub fn quiet(mut command: Command) -> Command {
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

pub fn text_of(output: Output, arguments: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}
