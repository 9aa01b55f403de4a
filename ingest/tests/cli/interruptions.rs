//! Runs that are interrupted, killed, or refused because of another writer or another model.

use crate::world::{Run, World};
use serde_json::Value;
use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn a_second_writer_is_refused_at_once() {
    let world = World::new();
    world.write_numbered(2);
    world.ingest(&["docs"]).exits(0);
    let lock = world.lock_file();
    lock.try_lock().expect("nobody else holds it");
    let started = Instant::now();
    let refused = world.ingest(&["docs"]).exits(4);
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(refused.json()["error"].as_str().expect("a text").contains("another writer"));
    world.ingest(&["--dry-run", "docs"]).exits(0);
    world.printed("kb");
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
    let lock = world.lock_file();
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

/// A run that is killed leaves the old or the new state, and the next run ends as one that was never disturbed.
#[cfg(unix)]
#[test]
fn killed_runs_leave_one_whole_state() {
    let world = World::new();
    world.write_numbered(40);
    world.ingest(&["docs"]).exits(0);
    let state = || world.printed("kb");
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
            assert_eq!(old, clean.printed("kb"));
        }
    }
    eprintln!("{kills} of 50 runs were killed before they ended");
    assert!(kills >= 10, "the moments are too late: {kills} of 50 runs were killed");
}
