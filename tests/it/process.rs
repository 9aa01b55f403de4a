//! The binary as a process of its own.

use crate::harness::sample_kb;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The program with some arguments; nothing of the caller's settings counts.
pub fn runbookd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runbookd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RUNBOOKD_") || name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(sample_kb())
        .env("RUNBOOKD_EMBEDDER", "hashed")
        .env("RUNBOOKD_STATE", "none")
        .args(arguments);
    command
}

/// A server on the sample knowledge base.
pub struct Server {
    /// Where it listens.
    pub address: String,
    child: Killed,
    log: String,
    rest: JoinHandle<String>,
}

/// A process that does not outlive a test which fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts it and waits until it serves.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        Self::start_with(&[], environment)
    }

    /// The same, with more arguments.
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = runbookd(&["serve", "--listen", "127.0.0.1:0"])
            .arg("--kb")
            .arg(sample_kb())
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut errors = BufReader::new(child.stderr.take().expect("piped"));
        let mut log = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(errors.read_line(&mut line).expect("a line") > 0, "it ended: {log}");
            log.push_str(&line);
            if let Some((_, rest)) = line.split_once("serving").filter(|_| line.contains("address=")) {
                let at = rest.find("address=").expect("checked") + "address=".len();
                break rest[at..].split_whitespace().next().expect("an address").to_owned();
            }
        };
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = errors.read_to_string(&mut rest);
            rest
        });
        Self { address, child: Killed(child), log, rest }
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&mut self, name: &str) {
        let (name, id) = (format!("-{name}"), self.child.0.id().to_string());
        assert!(Command::new("kill").args([name, id]).status().expect("kill runs").success());
    }

    /// Ends it by SIGTERM, which must succeed; everything it logged.
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        let deadline = Instant::now() + Duration::from_secs(10);
        let code = loop {
            if let Some(status) = self.child.0.try_wait().expect("it is ours") {
                break status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(code, Some(0));
        self.log + &self.rest.join().expect("it read to the end")
    }
}
