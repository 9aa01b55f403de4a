//! A writer is killed at any moment. A reader that opens the knowledge base afterwards always finds the state of one
//! commit.

use super::*;
use crate::store::{
    ChunkKey, DocumentKey, FieldWeights, LexicalQuery, View,
    contract::{DIMENSIONS, Random, TestDocument, document, everything, identity, put, vector_of},
};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const DOCUMENTS: usize = 14;
const KILLS: usize = 50;
/// Kills of the first run of a knowledge base, each in a directory of its own.
const KILLS_AT_CREATION: usize = 12;
const MARKER: &str = "kill/marker.md";
const WEIGHTS: FieldWeights = FieldWeights { title: 1.0, name: 1.0, headings: 1.0, links: 1.0 };

/// Compacts every few commits.
const COMPACTION: CompactionPolicy = CompactionPolicy { dead_share: 0.3, dead_rows: 60 };

/// The documents after `commits` commits. Each commit changes some and removes some.
fn state(commits: usize) -> BTreeMap<String, TestDocument> {
    let mut state = BTreeMap::new();
    for number in 0..DOCUMENTS {
        let id = format!("kill/{number}.md");
        let changed =
            (0..=commits).rev().find(|commit| (commit + number) % 3 == 0 || *commit == 0).unwrap_or(0);
        if (changed + number) % 7 == 6 {
            continue;
        }
        let chunks = 1 + (changed + number) % 4;
        let written = (0..chunks).fold(document(&id, &format!("Page {number}")), |document, chunk| {
            document.chunk(&format!("common passage {number} {chunk} of commit {changed}"))
        });
        state.insert(id, written.link(MARKER, &format!("see commit {changed}")));
    }
    state.insert(MARKER.to_owned(), document(MARKER, &commits.to_string()).chunk("common marker"));
    state
}

/// Brings a knowledge base from one state to the next with one commit.
async fn advance(writer: &mut EmbeddedWriter, from: Option<usize>, to: usize) {
    let before = from.map(state).unwrap_or_default();
    let after = state(to);
    for (id, document) in &after {
        if before.get(id).map(TestDocument::hash) != Some(document.hash()) {
            put(writer, document).await;
        }
    }
    for id in before.keys().filter(|id| !after.contains_key(*id)) {
        writer.remove(id).await.expect("it is there");
    }
    writer.commit().await.expect("there is space");
}

/// The number of the state that a directory holds, after checking that it holds exactly that.
async fn verify(path: &Path) -> Option<usize> {
    let kb = match Reader::open(path, Some(&identity())).await {
        Ok(kb) => kb,
        Err(StoreError::Missing { .. }) => return None,
        Err(error) => panic!("a killed writer must leave something that opens: {error:?}"),
    };
    let view = everything(&kb).await;
    let records = view.all_documents().await.expect("readable");
    let marker = records.iter().find(|record| record.meta.id == MARKER).expect("every state has it");
    let number: usize = marker.meta.title.parse().expect("it says which state this is");
    let expected = state(number);
    assert_eq!(
        records.iter().map(|record| &record.meta.id).collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    let mut keys = Vec::new();
    for record in &records {
        let document = &expected[&record.meta.id];
        assert_eq!((&record.meta, record.content_hash), (&document.meta, document.hash()));
        let chunks = view.chunks_of(document.key()).await.expect("readable");
        assert_eq!(chunks.iter().map(|(_, chunk)| chunk.clone()).collect::<Vec<_>>(), document.chunks);
        assert_eq!(view.vectors_of(document.key()).await.expect("readable"), document.vectors());
        keys.extend(chunks.iter().map(|(key, _)| *key));
    }
    keys.sort_unstable();
    assert_eq!(found_by_word(view.as_ref()).await, keys);
    let mut dense: Vec<ChunkKey> = view
        .search_dense(&vector_of("x"), 1_000)
        .await
        .expect("readable")
        .iter()
        .map(|found| found.chunk)
        .collect();
    dense.sort_unstable();
    assert_eq!(dense, keys);
    assert_eq!(view.counts().await.expect("known").chunks, keys.len() as u64);
    Some(number)
}

async fn found_by_word(view: &dyn View) -> Vec<ChunkKey> {
    let query = LexicalQuery { terms: vec![("common".to_owned(), 1.0)], weights: WEIGHTS };
    let found = view.search_lexical(&query, 1_000, 0).await.expect("readable").passages;
    let mut found: Vec<ChunkKey> = found.iter().map(|found| found.chunk).collect();
    found.sort_unstable();
    found
}

/// The writer that is killed: this test's own executable, told on its standard input where to write.
#[ignore = "run by `a_killed_writer_leaves_one_whole_state`"]
#[tokio::test(flavor = "multi_thread")]
async fn write_until_killed() {
    let mut path = String::new();
    std::io::stdin().lock().read_line(&mut path).expect("standard input is readable");
    let path = Path::new(path.trim_end());
    assert!(path.is_absolute(), "this test is run by another one");
    let mut from = verify(path).await;
    let mut writer =
        EmbeddedWriter::open_with(path, &identity(), COMPACTION).await.expect("nobody else writes");
    loop {
        let to = from.map_or(0, |from| from + 1);
        advance(&mut writer, from, to).await;
        from = Some(to);
    }
}

/// Runs the writer and kills it after `delay`.
fn write_and_kill(path: &Path, delay: Duration) {
    let name = format!("{}::write_until_killed", module_path!().split_once("::").expect("in a crate").1);
    let mut child = Command::new(std::env::current_exe().expect("tests have an executable"))
        .args(["--exact", &name, "--ignored", "--nocapture", "--test-threads", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test can be run again");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "{}", path.display()).expect("it is read");
    std::thread::sleep(delay);
    assert!(child.try_wait().expect("it can be asked").is_none(), "it ended by itself: {}", {
        let output = child.wait_with_output().expect("it has ended");
        String::from_utf8_lossy(&output.stderr).into_owned()
    });
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
}

/// A directory in memory, where the machine has one: the data that a killed process wrote is there whether it was
/// synced or not, and as no commit waits for a disk, more commits can be killed in the same time.
fn memory_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_leaves_one_whole_state() {
    let directory = memory_directory();
    let mut random = Random(20_26);
    let mut delay = |most: usize| Duration::from_millis(10 + random.below(most) as u64);

    let mut absent = 0;
    for number in 0..KILLS_AT_CREATION {
        let path = directory.path().join(format!("new{number}"));
        write_and_kill(&path, delay(100));
        absent += usize::from(verify(&path).await.is_none());
    }

    let path = directory.path().join("long");
    let mut newest = None;
    let mut generations = std::collections::BTreeSet::new();
    for _ in 0..KILLS - KILLS_AT_CREATION {
        write_and_kill(&path, delay(200));
        let now = verify(&path).await;
        assert!(now >= newest, "state {now:?} after {newest:?}");
        newest = now;
        generations.extend(std::fs::read_to_string(path.join("CURRENT")));
    }
    let newest = newest.expect("38 runs get at least to the first commit");
    println!(
        "{absent} of {KILLS_AT_CREATION} killed at creation, {newest} commits, {} generations",
        generations.len()
    );

    // A run after the last kill ends where a clean run does, in content and in ranking.
    let last = newest + 3;
    let mut writer =
        EmbeddedWriter::open_with(&path, &identity(), COMPACTION).await.expect("the lock went with it");
    advance(&mut writer, Some(newest), last).await;
    drop(writer);
    let clean = directory.path().join("clean");
    let mut writer = EmbeddedWriter::open(&clean, &identity()).await.expect("the place is free");
    advance(&mut writer, None, last).await;
    for path in [&path, &clean] {
        assert_eq!(verify(path).await, Some(last));
    }
    let (killed, clean) =
        (Reader::open(&path, None).await.expect("open"), Reader::open(&clean, None).await.expect("open"));
    let (killed, clean) = (everything(&killed).await, everything(&clean).await);
    let keys: Vec<DocumentKey> = state(last).values().map(TestDocument::key).collect();
    let words = ["page", "7", "marker", "see", &last.to_string()];
    let terms = words.map(|word| (word.to_owned(), 1.0)).to_vec();
    let query = LexicalQuery { terms, weights: WEIGHTS };
    let mut found = Vec::new();
    for view in [&killed, &clean] {
        let mut matches = view.search_lexical(&query, 100, 100).await.expect("readable");
        assert!(!matches.documents.is_empty(), "titles, names and links have these words");
        // The average length that counts is one of an earlier commit, so passages are the same, not their scores.
        matches.passages.iter_mut().for_each(|found| found.score = 0.0);
        matches.passages.sort_unstable_by_key(|found| found.chunk);
        found.push((matches, view.inbound(&keys).await.expect("known")));
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0].1.iter().map(|inbound| inbound.linking as usize).max(), Some(keys.len() - 1));
    let query = vector_of("common passage 3");
    assert_eq!(query.len(), DIMENSIONS);
    assert_eq!(
        killed.search_dense(&query, 100).await.expect("readable"),
        clean.search_dense(&query, 100).await.expect("readable")
    );
    assert_eq!(
        killed.document_similarities(&query, &keys).await.expect("readable"),
        clean.document_similarities(&query, &keys).await.expect("readable")
    );
}
