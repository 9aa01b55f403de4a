//! Files that differ from the committed ones: they are reported by name, and no answer comes from them.

use super::*;
use crate::embed::EmbeddingCache;
use crate::store::{
    DocumentKey, FieldWeights, Filter, LexicalQuery, Match,
    contract::{DIMENSIONS, Random, document, everything, identity, put, vector_of, view_at},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A knowledge base with several segments, deleted documents and a calibration.
async fn built(path: &Path) {
    let mut writer = EmbeddedWriter::open(path, &identity()).await.expect("the place is free");
    // Two threads write a segment each, and fewer than six are not merged.
    for commit in 1..3 {
        for number in 0..16 {
            let words = format!("relay {number} of commit {commit} uses --replicas={number}");
            let written = document(&format!("s/{commit}-{number}.md"), &format!("Relay {number}"));
            put(&mut writer, &written.chunk(&words).chunk(&format!("step {number} after {commit}"))).await;
        }
        writer.remove(&format!("s/{}-0.md", commit - 1)).await.expect("nothing, or it is there");
        writer.commit().await.expect("there is space");
    }
    writer.set_calibration(&serde_json::json!({"threshold": 0.51, "of": "test"})).await.expect("space");
}

/// Every file, by its path below `root`, in order.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it is there").path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path.strip_prefix(root).expect("it is below").to_owned()),
            }
        }
    }
    files.sort();
    files
}

/// The files that the newest state needs, but for those that are empty.
async fn needed(root: &Path) -> Vec<PathBuf> {
    let verification = verify(root).await.expect("it is there");
    assert!(verification.damaged.is_empty() && verification.uncovered.is_empty(), "{verification:?}");
    let below = |path: &PathBuf| path.strip_prefix(root).expect("it is below").to_owned();
    let mut needed: Vec<PathBuf> = verification.files.iter().map(below).collect();
    needed.extend(["CURRENT", "calibration.json"].map(PathBuf::from));
    needed.sort();
    needed
}

/// Copies a knowledge base file by file, onto the files that are there, as `cp` does.
pub(super) fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().expect("it is below")).expect("it can be made");
        fs::copy(from.join(&file), target).expect("it can be copied");
    }
}

/// Damages one file of a copy, or two. Says what was done, and which files are not what they were.
fn damage(random: &mut Random, kb: &Path, files: &[PathBuf]) -> (String, Vec<PathBuf>) {
    loop {
        let file = files[random.below(files.len())].clone();
        let path = kb.join(&file);
        let whole = fs::read(&path).expect("it is there");
        if whole.is_empty() {
            continue;
        }
        let at = random.below(whole.len());
        let mut bytes = whole.clone();
        let what = match random.below(6) {
            0 | 1 => {
                let bit = random.below(8);
                bytes[at] ^= 1 << bit;
                format!("bit {bit} of byte {at} of {} is flipped", file.display())
            }
            2 => {
                bytes.truncate(at);
                format!("{} is cut to {at} bytes", file.display())
            }
            3 => {
                let end = whole.len().min(at + 1 + random.below(512));
                bytes[at..end].fill(0);
                format!("bytes {at} to {end} of {} are zeros", file.display())
            }
            4 => {
                // Rows that no commit counts are a writer's at work, in this file and in no other.
                bytes.extend_from_slice(b"and more of it");
                if file.to_string_lossy().contains("vectors.") {
                    continue;
                }
                format!("{} has a tail", file.display())
            }
            _ => {
                let other = &files[random.below(files.len())];
                let others = fs::read(kb.join(other)).expect("it is there");
                if others == whole {
                    continue;
                }
                fs::write(&path, &others).expect("it is ours");
                fs::write(kb.join(other), &whole).expect("it is ours");
                let what = format!("{} and {} are swapped", file.display(), other.display());
                return (what, vec![file, other.clone()]);
            }
        };
        let is_same_name = file == Path::new("CURRENT") && bytes.trim_ascii_end() == whole.trim_ascii_end();
        if bytes == whole || is_same_name {
            continue;
        }
        fs::write(&path, bytes).expect("it is ours");
        return (what, vec![file]);
    }
}

async fn damages(number: usize, seed: u64) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let sound = directory.path().join("sound");
    built(&sound).await;
    let files = needed(&sound).await;
    let stores = files.iter().filter(|file| file.extension().is_some_and(|end| end == "store")).count();
    assert!(stores > 1 && files.iter().any(|file| file.to_string_lossy().ends_with(".del")), "{files:?}");

    let mut random = Random(seed);
    let mut by_file: std::collections::BTreeMap<String, usize> = Default::default();
    for at in 0..number {
        let kb = directory.path().join(format!("kb{at}"));
        copy(&sound, &kb);
        let (what, damaged) = damage(&mut random, &kb, &files);
        let end = damaged[0].extension().map_or("none".into(), |end| end.to_string_lossy().into_owned());
        *by_file.entry(end).or_default() += 1;
        let names_it = |text: &str| damaged.iter().any(|file| text.contains(&*file.to_string_lossy()));

        let verification = verify(&kb).await.expect("there is something");
        let told: Vec<String> = verification.damaged.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|text| names_it(text)), "{what}: {told:?}");
        for text in &told {
            assert!(text.contains("ingest") || text.contains("evaluate calibrate"), "{what}: {text}");
        }
        let is_calibration = |file: &PathBuf| file == Path::new("calibration.json");
        match Reader::open(&kb, Some(&identity())).await {
            Err(error) => assert!(names_it(&error.to_string()), "{what}: {error}"),
            Ok(reader) => {
                assert!(damaged.iter().all(is_calibration), "{what}: served");
                let error = reader.calibration().await.expect_err("it is damaged");
                assert!(names_it(&error.to_string()), "{what}: {error}");
            }
        }
        if !damaged.iter().any(is_calibration) {
            let error = EmbeddedWriter::open(&kb, &identity()).await.map(drop).expect_err(&what);
            assert!(names_it(&error.to_string()), "{what}: {error}");
        }
        fs::remove_dir_all(&kb).expect("it is ours");
    }
    println!("{number} damages, all told; by the end of the file's name: {by_file:?}");
}

#[tokio::test]
async fn damage_is_told_by_the_name_of_the_file() {
    damages(60, 11).await;
}

#[ignore = "takes a minute"]
#[tokio::test]
async fn much_damage_is_told_by_the_name_of_the_file() {
    damages(600, 12).await;
}

async fn found(kb: &Reader) -> (Vec<Match>, Vec<Match>, Vec<String>) {
    let view = kb.view(&Filter::everything()).await.expect("there is a state");
    let weights = FieldWeights { title: 1.0, name: 1.0, headings: 1.0, links: 1.0 };
    let query = LexicalQuery { terms: vec![("relay".to_owned(), 1.0), ("replica".to_owned(), 1.0)], weights };
    let lexical = view.search_lexical(&query, 50, 50).await.expect("it is in memory").passages;
    let dense = view.search_dense(&vector_of("relay 3 of commit 2"), 50).await.expect("it is in memory");
    let chunks = view.chunks_of(DocumentKey::of("s/2-3.md")).await.expect("it is in memory");
    (lexical, dense, chunks.into_iter().map(|(_, chunk)| chunk.text).collect())
}

/// Waits until the trouble that a reader tells is as it should be.
pub(super) async fn told(kb: &Reader, is_right: impl Fn(Option<&str>) -> bool) {
    let started = Instant::now();
    loop {
        everything(kb).await;
        let trouble = kb.trouble();
        if is_right(trouble.as_ref().map(|trouble| trouble.reason.as_str())) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{trouble:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// While a file is damaged, the reader goes on answering from the last whole state, and says which file is damaged.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_the_last_whole_state() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    built(&path).await;
    let kb = Reader::open(&path, Some(&identity())).await.expect("open");
    let sound = found(&kb).await;
    assert!(!sound.0.is_empty() && sound.1.len() == 50 && sound.2.len() == 2);
    for file in needed(&path).await {
        let name = file.to_string_lossy().into_owned();
        let whole = fs::read(path.join(&file)).expect("it is there");
        if name == "calibration.json" {
            continue;
        }
        for damaged in [vec![0xff; whole.len()], whole[..whole.len() / 2].to_vec(), Vec::new()] {
            fs::write(path.join(&file), &damaged).expect("it is ours");
            assert_eq!(found(&kb).await, sound, "{name}");
            told(&kb, |reason| reason.is_some_and(|reason| reason.contains(&name))).await;
            assert_eq!(found(&kb).await, sound, "{name}");
        }
        fs::write(path.join(&file), &whole).expect("it is ours");
        told(&kb, |reason| reason.is_none()).await;
    }
}

/// Takes away what earlier versions did not write.
fn without_checksums(path: &Path) {
    let commit_file = path.join("g1/tantivy/meta.json");
    let mut commit: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&fs::read(&commit_file).expect("it is there")).expect("it is JSON");
    assert!(commit.remove("checksums").is_some() && commit.remove("checksum").is_some());
    fs::write(&commit_file, serde_json::to_vec_pretty(&commit).expect("it is JSON")).expect("it is ours");
    fs::remove_file(path.join("g1/vectors.sums")).expect("it is there");
    fs::write(path.join("g1/tantivy/.managed.json"), r#"["meta.json"]"#).expect("it is ours");
}

#[tokio::test]
async fn a_base_without_checksums_is_read_and_then_covered() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    built(&path).await;
    let kb = Reader::open(&path, Some(&identity())).await.expect("open");
    let sound = found(&kb).await;
    without_checksums(&path);
    let kb = Reader::open(&path, Some(&identity())).await.expect("it is of an earlier version");
    assert_eq!(found(&kb).await, sound);
    let verification = verify(&path).await.expect("it is there");
    assert!(verification.damaged.is_empty(), "{verification:?}");
    assert_eq!(verification.uncovered.len(), verification.files.len());

    // Without checksums in the commit, those of the index's library are compared.
    let is_store = |file: &&PathBuf| file.extension().is_some_and(|end| end == "store");
    let store = verification.files.iter().find(is_store).expect("it has documents");
    let whole = fs::read(store).expect("it is there");
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 4;
    fs::write(store, flipped).expect("it is ours");
    let damaged = verify(&path).await.expect("it is there").damaged;
    assert!(damaged.iter().any(|error| error.to_string().contains(".store")), "{damaged:?}");
    fs::write(store, whole).expect("it is ours");

    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("the lock is free");
    put(&mut writer, &document("s/new.md", "New").chunk("gamma")).await;
    let commit = writer.commit().await.expect("there is space");
    drop(writer);
    let verification = verify(&path).await.expect("it is there");
    assert!(verification.damaged.is_empty() && verification.uncovered.is_empty(), "{verification:?}");
    assert!(!path.join("g1/tantivy/.managed.json").exists());
    let view = view_at(&kb, &commit.version).await;
    let near = view.search_dense(&vector_of("gamma"), 1).await.expect("readable");
    assert_eq!(near[0].document, DocumentKey::of("s/new.md"));
    damage_anywhere_is_seen(&path).await;
}

async fn damage_anywhere_is_seen(path: &Path) {
    for file in needed(path).await {
        let whole = fs::read(path.join(&file)).expect("it is there");
        if file == Path::new("calibration.json") {
            continue;
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(path.join(&file), flipped).expect("it is ours");
        let error = Reader::open(path, None).await.map(drop).expect_err("it is damaged");
        assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
        fs::write(path.join(&file), whole).expect("it is ours");
    }
}

#[tokio::test]
async fn a_damaged_base_is_built_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    built(&path).await;
    let key = crate::document::ContentHash::of(&[b"text"]);
    let cache = async || EmbeddingCache::open(&embedding_cache(&path), DIMENSIONS, 1).await;
    cache().await.insert(&[(key, vector_of("text"))]).await;
    let kb = Reader::open(&path, Some(&identity())).await.expect("open");
    let sound = found(&kb).await;
    let rows = fs::read(path.join("g1/vectors.i8")).expect("it is there");
    fs::write(path.join("g1/vectors.i8"), vec![7; rows.len()]).expect("it is ours");
    assert!(EmbeddedWriter::open(&path, &identity()).await.is_err());
    let documents = documents_of_damaged(&path).await.expect("the records are whole");
    assert_eq!(documents.len(), 31);
    assert!(documents.contains_key("s/2-3.md"), "{documents:?}");

    // A run that is given up changes nothing.
    let mut writer = EmbeddedWriter::open_rebuilding(&path, &identity()).await.expect("whatever is there");
    put(&mut writer, &document("s/other.md", "Other").chunk("other")).await;
    drop(writer);
    assert_eq!(found(&kb).await, sound);
    let mut writer = EmbeddedWriter::open_rebuilding(&path, &identity()).await.expect("whatever is there");
    assert_eq!(writer.fingerprints(&["s".to_owned()]).await.expect("none"), Default::default());
    assert_eq!(cache().await.get(&[key]).await, [Some(vector_of("text"))]);
    put(&mut writer, &document("s/2-3.md", "Relay").chunk("relay 3")).await;
    let commit = writer.commit().await.expect("there is space");
    assert_eq!(commit.version, "g2.1");
    put(&mut writer, &document("s/2-4.md", "Relay").chunk("relay 4")).await;
    let commit = writer.commit().await.expect("it goes on as any other");
    drop(writer);
    assert!(!path.join("g1").exists());
    let view = view_at(&kb, &commit.version).await;
    assert_eq!(view.counts().await.expect("known").documents, 2);
    told(&kb, |reason| reason.is_none()).await;
    assert!(verify(&path).await.expect("it is there").damaged.is_empty());
    // A knowledge base of which no file can be read is built again as well.
    fs::write(path.join("CURRENT"), "garbage").expect("it is ours");
    assert!(documents_of_damaged(&path).await.is_none());
    let mut writer = EmbeddedWriter::open_rebuilding(&path, &identity()).await.expect("whatever is there");
    put(&mut writer, &document("s/2-5.md", "Relay").chunk("relay 5")).await;
    let commit = writer.commit().await.expect("there is space");
    assert_eq!(commit.version, "g3.1");
}

/// Rows that are too many for memory are compared as they are used.
#[tokio::test]
async fn rows_that_stay_on_disk_are_never_wrong() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("the place is free");
    let written = (0..3_000)
        .fold(document("s/long.md", "Long"), |document, number| document.chunk(&format!("passage {number}")));
    put(&mut writer, &written).await;
    writer.commit().await.expect("there is space");
    let kb = Reader::open(&path, Some(&identity())).await.expect("open");
    let view = everything(&kb).await;
    let query = vector_of("passage 7");
    let sound = view.search_dense(&query, 5).await.expect("readable");
    let file = path.join("g1/vectors.f32");
    let whole = fs::read(&file).expect("it is there");
    let flipped: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at % 96 == 50)).collect();
    for damaged in [flipped, whole[..1_000].to_vec()] {
        fs::write(&file, damaged).expect("it is ours");
        let error = view.search_dense(&query, 5).await.expect_err("no row is what it was");
        assert!(error.to_string().contains("g1/vectors.f32"), "{error}");
        told(&kb, |reason| reason.is_some_and(|reason| reason.contains("g1/vectors.f32"))).await;
    }
    fs::write(&file, whole).expect("it is ours");
    assert_eq!(view.search_dense(&query, 5).await.expect("readable"), sound);
    told(&kb, |reason| reason.is_none()).await;
}
