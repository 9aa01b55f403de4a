//! Backups and restored states: whole whatever happens meanwhile, and readers that go on.

use super::{
    damage::{copy, files, told},
    *,
};
use crate::store::{
    Filter, StoreError,
    contract::{Random, document, everything, identity, ids, put, vector_of, view_at},
};
use std::{
    fs,
    io::{BufRead as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

const DOCUMENTS: usize = 12;

/// Brings a knowledge base to the state with this number, in which every document says so.
async fn write_state(writer: &mut EmbeddedWriter, state: usize) -> String {
    for number in 0..DOCUMENTS {
        let written = document(&format!("s/{number}.md"), &format!("State {state}"));
        put(writer, &written.chunk(&format!("state {state} of {number}")).chunk("and more")).await;
    }
    writer.commit().await.expect("there is space").version
}

async fn built(path: &Path, state: usize) -> String {
    let mut writer = EmbeddedWriter::open(path, &identity()).await.expect("the lock is free");
    writer.set_calibration(&serde_json::json!({ "state": state })).await.expect("there is space");
    write_state(&mut writer, state).await
}

/// The state that a view shows, after looking whether it is one.
async fn state_of(kb: &dyn KnowledgeBase) -> usize {
    let view = kb.view(&Filter::everything()).await.expect("there is a state");
    let records = view.all_documents().await.expect("readable");
    assert_eq!(records.len(), DOCUMENTS);
    let title = &records[0].meta.title;
    let state: usize = title.strip_prefix("State ").and_then(|state| state.parse().ok()).expect("a state");
    for record in &records {
        assert_eq!(&record.meta.title, title, "two states are mixed");
        let key = crate::store::DocumentKey::of(&record.meta.id);
        let chunks = view.chunks_of(key).await.expect("readable");
        assert!(chunks[0].1.text.starts_with(&format!("state {state} of")), "two states are mixed");
        let vectors = view.vectors_of(key).await.expect("readable");
        assert_eq!(vectors[0], vector_of(&chunks[0].1.text), "the vector is that of another text");
    }
    assert_eq!(view.search_dense(&vector_of("state"), 100).await.expect("readable").len(), 2 * DOCUMENTS);
    state
}

async fn opened(path: &Path) -> usize {
    state_of(&Reader::open(path, Some(&identity())).await.expect("it is whole")).await
}

async fn is_sound(path: &Path) {
    let verification = verify(path).await.expect("it is there");
    assert!(verification.damaged.is_empty() && verification.uncovered.is_empty(), "{verification:?}");
}

#[tokio::test]
async fn a_backup_comes_back() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [kb, backup_at, fresh] = ["kb", "backup", "fresh"].map(|name| directory.path().join(name));
    let first = built(&kb, 1).await;
    let kept = backup(&kb, &backup_at).await.expect("there is space");
    assert_eq!((&kept.version, kept.chunks, kept.was_covered), (&first, 2 * DOCUMENTS as u64, true));
    is_sound(&backup_at).await;
    assert_eq!(opened(&backup_at).await, 1, "a backup is a knowledge base");
    assert!(!backup_at.join("embedding-cache").exists());

    let reader = Reader::open(&kb, Some(&identity())).await.expect("open");
    let second = built(&kb, 2).await;
    view_at(&reader, &second).await;
    assert_eq!(state_of(&reader).await, 2);
    let restored = restore(&backup_at, &kb).await.expect("it is whole");
    assert_eq!(restored.version, "g2.1", "a version that no answer was given from before");
    assert!(restored.warnings.is_empty() && !kb.join("g1").exists());
    view_at(&reader, &restored.version).await;
    assert_eq!(state_of(&reader).await, 1);
    let calibration = reader.calibration().await.expect("readable");
    assert_eq!(calibration, Some(serde_json::json!({ "state": 1 })));
    is_sound(&kb).await;
    let mut writer = EmbeddedWriter::open(&kb, &identity()).await.expect("the lock is free");
    let third = write_state(&mut writer, 3).await;
    view_at(&reader, &third).await;
    assert_eq!(state_of(&reader).await, 3);

    restore(&backup_at, &fresh).await.expect("where nothing was");
    assert_eq!(opened(&fresh).await, 1);
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [kb, kept, absent, damaged] =
        ["kb", "kept", "absent", "damaged"].map(|name| directory.path().join(name));
    built(&kb, 1).await;
    backup(&kb, &kept).await.expect("there is space");
    built(&kb, 2).await;
    copy(&kept, &damaged);
    let stored = verify(&damaged).await.expect("it is there").files;
    let is_store = |file: &&std::path::PathBuf| file.extension().is_some_and(|end| end == "store");
    let store = stored.iter().find(is_store).expect("there are documents");
    let mut bytes = fs::read(store).expect("it is there");
    bytes[20] ^= 1;
    fs::write(store, bytes).expect("it is ours");

    let cases = [
        ("over a backup", backup(&kb, &kept).await, "not free"),
        ("of nothing", backup(&absent, &directory.path().join("new")).await, "there is no knowledge base"),
        ("of damage", backup(&damaged, &directory.path().join("new")).await, ".store"),
        ("from nothing", restore(&absent, &kb).await, "no backup"),
        ("from damage", restore(&damaged, &kb).await, ".store"),
        ("from itself", restore(&kb, &kb).await, "itself"),
    ];
    for (what, refused, named) in cases {
        let text = refused.expect_err(what).to_string();
        assert!(text.contains(named), "{what}: {text}");
    }
    let writer = EmbeddedWriter::open(&kb, &identity()).await.expect("the lock is free");
    let refused = restore(&kept, &kb).await;
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    drop(writer);
    assert!(!absent.exists() && !directory.path().join("new").exists() && !kb.join("g2").exists());
    assert!(!directory.path().join(".new.partial").exists());
    assert_eq!(opened(&kb).await, 2);
    is_sound(&kb).await;

    // A knowledge base that does not open any more is no hindrance.
    fs::write(kb.join("CURRENT"), "").expect("it is ours");
    restore(&kept, &kb).await.expect("it is whole");
    assert_eq!(opened(&kb).await, 1);
}

/// Commits and compactions go on while backups are taken.
#[tokio::test(flavor = "multi_thread")]
async fn backups_are_of_one_commit() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let kb = directory.path().join("kb");
    built(&kb, 0).await;
    let (path, ended) = (kb.clone(), Arc::new(AtomicBool::new(false)));
    let stop = ended.clone();
    let writing = tokio::spawn(async move {
        let policy = CompactionPolicy { dead_share: 0.3, dead_rows: 60 };
        let mut writer = EmbeddedWriter::open_with(&path, &identity(), policy).await.expect("it is free");
        let mut state = 0;
        while !stop.load(Ordering::Relaxed) {
            state += 1;
            write_state(&mut writer, state).await;
        }
        state
    });
    let mut states = std::collections::BTreeSet::new();
    for number in 0..15 {
        let to = directory.path().join(format!("backup{number}"));
        backup(&kb, &to).await.expect("whatever the writer does");
        is_sound(&to).await;
        states.insert(opened(&to).await);
        fs::remove_dir_all(&to).expect("it is ours");
    }
    ended.store(true, Ordering::Relaxed);
    let last = writing.await.expect("it ends");
    println!("{} states in 15 backups of {last} commits", states.len());
    assert!(states.len() > 1, "{states:?} of {last}");
}

/// Asks without end, from several sides; every reply must be of one state.
fn asking(kb: &Arc<Reader>, ended: &Arc<AtomicBool>) -> (Arc<AtomicUsize>, Vec<tokio::task::JoinHandle<()>>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let ask = |_| {
        let (kb, ended, asked) = (kb.clone(), ended.clone(), asked.clone());
        tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                state_of(kb.as_ref()).await;
                asked.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    (asked.clone(), (0..4).map(ask).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn restoring_under_questions_costs_none() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [kb, one, two] = ["kb", "one", "two"].map(|name| directory.path().join(name));
    for (state, to) in [(1, &one), (2, &two)] {
        built(&kb, state).await;
        backup(&kb, to).await.expect("there is space");
    }
    let (reader, ended) =
        (Arc::new(Reader::open(&kb, Some(&identity())).await.expect("open")), Arc::default());
    let (asked, questions) = asking(&reader, &ended);
    for from in [&one, &two].into_iter().cycle().take(10) {
        let restored = restore(from, &kb).await.expect("it is whole");
        view_at(reader.as_ref(), &restored.version).await;
        assert_eq!(reader.trouble(), None);
    }
    ended.store(true, Ordering::Relaxed);
    for question in questions {
        question.await.expect("every reply was of one state");
    }
    println!("{} questions over 10 restored states", asked.load(Ordering::Relaxed));
}

/// Files that are mapped and cut end the process; here no file is mapped, and an overwritten knowledge base is no state
/// until all of its files are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_base_that_is_overwritten_in_place_ends_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [kb, one, two] = ["kb", "one", "two"].map(|name| directory.path().join(name));
    for (state, to) in [(1, &one), (2, &two)] {
        built(&kb, state).await;
        // Each copy has its own segments, in the same generation: so files are overwritten by fewer and by other bytes.
        copy(&kb, to);
    }
    let (reader, ended) =
        (Arc::new(Reader::open(&kb, Some(&identity())).await.expect("open")), Arc::default());
    let (asked, questions) = asking(&reader, &ended);
    for (from, state) in [(&one, 1), (&two, 2)].into_iter().cycle().take(10) {
        let (from, to) = (from.clone(), kb.clone());
        let copied = tokio::task::spawn_blocking(move || {
            for file in files(&from) {
                let bytes = fs::read(from.join(&file)).expect("it is there");
                let mut target = fs::File::create(to.join(&file)).expect("it is cut");
                for piece in bytes.chunks(bytes.len() / 3 + 1) {
                    std::thread::sleep(Duration::from_millis(3));
                    target.write_all(piece).expect("there is space");
                }
            }
        });
        copied.await.expect("it ends");
        told(&reader, |reason| reason.is_none()).await;
        // The reader may open the copied state a moment later.
        let started = std::time::Instant::now();
        while state_of(reader.as_ref()).await != state {
            assert!(started.elapsed() < Duration::from_secs(20), "the copied state is not served");
        }
    }
    ended.store(true, Ordering::Relaxed);
    for question in questions {
        question.await.expect("every reply was of one state");
    }
    println!("{} questions over 10 copies in place", asked.load(Ordering::Relaxed));

    // Half a copy is no state; the reader says so and goes on.
    let before = state_of(reader.as_ref()).await;
    copy(&one, &kb);
    let row_sums = fs::read(kb.join("g1/vectors.sums")).expect("it is there");
    fs::write(kb.join("g1/vectors.sums"), &row_sums[..10]).expect("it is ours");
    told(&reader, |reason| reason.is_some_and(|reason| reason.contains("g1/vectors.sums"))).await;
    assert!(reader.trouble().is_some_and(|trouble| trouble.is_damage));
    assert_eq!(ids(everything(reader.as_ref()).await.as_ref()).await.len(), DOCUMENTS);
    assert!([1, before].contains(&state_of(reader.as_ref()).await));
}

/// The restoring that is killed: this test's own executable, told on its standard input what to do.
#[ignore = "run by `a_killed_restoring_leaves_one_whole_state`"]
#[tokio::test]
async fn restore_until_killed() {
    let lines: Vec<String> =
        std::io::stdin().lock().lines().collect::<Result<_, _>>().expect("standard input is readable");
    let [kb, backups @ ..] = &lines[..] else { panic!("this test is run by another one") };
    for from in backups.iter().cycle() {
        restore(Path::new(from), Path::new(kb)).await.expect("it is whole");
    }
}

#[tokio::test]
async fn a_killed_restoring_leaves_one_whole_state() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
    let [kb, one, two] = ["kb", "one", "two"].map(|name| directory.path().join(name));
    for (state, to) in [(1, &one), (2, &two)] {
        built(&kb, state).await;
        backup(&kb, to).await.expect("there is space");
    }
    let name = format!("{}::restore_until_killed", module_path!().split_once("::").expect("in a crate").1);
    let mut random = Random(7);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..25 {
        let mut child = Command::new(std::env::current_exe().expect("tests have an executable"))
            .args(["--exact", &name, "--ignored", "--nocapture", "--test-threads", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test can be run again");
        let mut stdin = child.stdin.take().expect("it is piped");
        for path in [&kb, &one, &two] {
            writeln!(stdin, "{}", path.display()).expect("it is read");
        }
        drop(stdin);
        std::thread::sleep(Duration::from_millis(20 + random.below(150) as u64));
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended by itself");
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
        is_sound(&kb).await;
        seen.insert(opened(&kb).await);
    }
    assert_eq!(seen.len(), 2, "both were restored at one time");
    drop(EmbeddedWriter::open(&kb, &identity()).await.expect("the lock went with it"));
    let generations = fs::read_dir(&kb).expect("it is there").flatten();
    let generations = generations.filter(|entry| entry.file_name().to_string_lossy().starts_with('g'));
    assert_eq!(generations.count(), 1, "what was left half-way is gone");
}
