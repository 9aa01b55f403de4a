//! Damaged, missing and unwritable files: always an error that names the file, and the old state goes on serving.

use super::*;
use crate::embed::EmbeddingCache;
use crate::store::{
    DocumentKey, FieldWeights, Filter, LexicalQuery,
    contract::{DIMENSIONS, document, everything, identity, ids, put, vector_of, view_at},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A directory with a knowledge base of one document.
async fn filled() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("the place is free");
    put(&mut writer, &document("s/a.md", "A").chunk("alpha").chunk("beta")).await;
    writer.commit().await.expect("there is space");
    (directory, path)
}

/// The text of the error that opening gives, for a reader and for a writer.
async fn refusals(path: &Path) -> Vec<String> {
    let reader = Reader::open(path, Some(&identity())).await.map(|_| ());
    let writer = EmbeddedWriter::open(path, &identity()).await.map(|_| ());
    [reader, writer]
        .into_iter()
        .map(|refused| {
            let error = refused.expect_err("it is damaged");
            assert!(
                matches!(
                    error,
                    StoreError::Damaged { .. } | StoreError::Io { .. } | StoreError::Mismatch { .. }
                ),
                "{error:?}"
            );
            error.to_string()
        })
        .collect()
}

#[tokio::test]
async fn damage_is_named() {
    let truncate = |path: PathBuf| {
        let file = fs::OpenOptions::new().write(true).open(&path).expect("it is there");
        file.set_len(file.metadata().expect("it is open").len() - 1).expect("it can be cut");
    };
    type Case<'a> = (&'a str, &'a dyn Fn(&Path), &'a [&'a str]);
    let cases: [Case; 10] = [
        ("a short vector file", &|kb| truncate(kb.join("g1/vectors.f32")), &["g1/vectors.f32", "committed"]),
        ("a short byte file", &|kb| truncate(kb.join("g1/vectors.i8")), &["g1/vectors.i8", "committed"]),
        (
            "no vector file",
            &|kb| fs::remove_file(kb.join("g1/vectors.i8")).expect("there"),
            &["g1/vectors.i8"],
        ),
        (
            "a garbage pointer",
            &|kb| fs::write(kb.join("CURRENT"), "\0garbage").expect("there"),
            &["CURRENT", "g7"],
        ),
        ("an empty pointer", &|kb| fs::write(kb.join("CURRENT"), "").expect("there"), &["CURRENT"]),
        (
            "a pointer to nothing",
            &|kb| fs::write(kb.join("CURRENT"), "g9\n").expect("there"),
            &["CURRENT", "g9"],
        ),
        (
            "a garbage manifest",
            &|kb| fs::write(kb.join("g1/manifest.json"), "{").expect("there"),
            &["g1/manifest.json"],
        ),
        (
            "no manifest",
            &|kb| fs::remove_file(kb.join("g1/manifest.json")).expect("there"),
            &["g1/manifest.json"],
        ),
        (
            "a garbage index",
            &|kb| fs::write(kb.join("g1/tantivy/meta.json"), "{").expect("there"),
            &["g1/tantivy"],
        ),
        (
            "a later format",
            &|kb| {
                fs::write(kb.join("g1/manifest.json"), r#"{"format_version": 99}"#).expect("there");
                fs::write(kb.join("g1/tantivy/meta.json"), "of that format").expect("there");
            },
            &["format version `99`", "ingest --kb"],
        ),
    ];
    for (what, damage, named) in cases {
        let (_directory, path) = filled().await;
        let before: Vec<_> =
            fs::read_dir(&path).expect("there").map(|entry| entry.expect("there").file_name()).collect();
        damage(&path);
        for text in refusals(&path).await {
            assert!(named.iter().all(|part| text.contains(part)), "{what}: {text}");
        }
        let after: Vec<_> =
            fs::read_dir(&path).expect("there").map(|entry| entry.expect("there").file_name()).collect();
        assert_eq!(before, after, "{what}: a refused knowledge base stays as it is");
    }
}

#[tokio::test]
async fn a_commit_that_fails_leaves_the_old_state() {
    let (_directory, path) = filled().await;
    let kb = Reader::open(&path, None).await.expect("open");
    let version = everything(&kb).await.version().to_owned();
    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("the lock is free");
    put(&mut writer, &document("s/b.md", "B").chunk("gamma")).await;
    // A directory where the commit's temporary file has to go: the last step before the new state would count.
    let obstacle = path.join("g1/tantivy/.meta.json.tmp");
    fs::create_dir(&obstacle).expect("the name is free");
    let error = writer.commit().await.expect_err("it cannot be written");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.contains("meta.json"), "{text}");
    let refused = writer.commit().await;
    assert!(matches!(refused, Err(StoreError::Broken { .. })), "{refused:?}");
    drop(writer);
    assert_eq!(everything(&Reader::open(&path, None).await.expect("open")).await.version(), version);

    fs::remove_dir(&obstacle).expect("it is there");
    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("the lock is free");
    put(&mut writer, &document("s/b.md", "B").chunk("gamma")).await;
    let commit = writer.commit().await.expect("the obstacle is gone");
    assert_eq!(ids(view_at(&kb, &commit.version).await.as_ref()).await, ["s/a.md", "s/b.md"]);
}

#[tokio::test]
async fn a_compaction_that_fails_costs_nothing() {
    let (_directory, path) = filled().await;
    let policy = CompactionPolicy { dead_share: 0.0, dead_rows: 1 };
    let mut writer = EmbeddedWriter::open_with(&path, &identity(), policy).await.expect("the lock is free");
    // The pointer cannot be replaced.
    let obstacle = path.join(".CURRENT.tmp");
    fs::create_dir(&obstacle).expect("the name is free");
    put(&mut writer, &document("s/a.md", "A").chunk("gamma")).await;
    let commit = writer.commit().await.expect("the commit itself does not need the pointer");
    assert_eq!(commit.generation, 1);
    assert!(!path.join("g2").exists(), "nothing is left of the attempt");
    fs::remove_dir(&obstacle).expect("it is there");
    put(&mut writer, &document("s/a.md", "A").chunk("delta")).await;
    let commit = writer.commit().await.expect("there is space");
    assert_eq!(commit.generation, 2);
    assert!(!path.join("g1").exists(), "the old generation is removed");
    let kb = Reader::open(&path, None).await.expect("open");
    let view = view_at(&kb, &commit.version).await;
    let chunks = view.chunks_of(crate::store::DocumentKey::of("s/a.md")).await.expect("readable");
    assert_eq!(chunks[0].1.text, "delta");
}

#[tokio::test]
async fn leftovers_are_removed_by_the_next_writer() {
    let (_directory, path) = filled().await;
    fs::create_dir_all(path.join("g2/tantivy")).expect("the name is free");
    fs::write(path.join("g2/vectors.f32"), "half").expect("the name is free");
    fs::write(path.join("g1/tantivy/.meta.json.tmp"), "half").expect("the name is free");
    for file in ["g1/vectors.f32", "g1/vectors.i8"] {
        let rows = fs::read(path.join(file)).expect("there");
        fs::write(path.join(file), [rows.as_slice(), b"appended and never committed"].concat())
            .expect("there");
    }
    let kb = Reader::open(&path, None).await.expect("readers pay them no heed");
    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("they do not matter");
    assert!(!path.join("g2").exists());
    put(&mut writer, &document("s/b.md", "B").chunk("gamma")).await;
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(&kb, &commit.version).await;
    for (id, text) in [("s/a.md", "alpha"), ("s/b.md", "gamma")] {
        let vectors = view.vectors_of(crate::store::DocumentKey::of(id)).await.expect("readable");
        assert_eq!(vectors[0], vector_of(text), "{id}");
    }
}

#[tokio::test]
async fn a_reader_outlives_a_state_that_does_not_open() {
    let (_directory, path) = filled().await;
    let kb = Reader::open(&path, Some(&identity())).await.expect("open");
    let version = everything(&kb).await.version().to_owned();
    let good = fs::read(path.join("CURRENT")).expect("there");
    fs::write(path.join("CURRENT"), "g99\n").expect("there");
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(350) {
        let view = everything(&kb).await;
        assert_eq!((view.version(), ids(view.as_ref()).await), (version.as_str(), vec!["s/a.md".to_owned()]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fs::write(path.join("CURRENT"), good).expect("there");
    let mut writer = EmbeddedWriter::open(&path, &identity()).await.expect("the lock is free");
    put(&mut writer, &document("s/b.md", "B").chunk("gamma")).await;
    let commit = writer.commit().await.expect("there is space");
    view_at(&kb, &commit.version).await;
}

#[tokio::test]
async fn documents_are_not_overrun() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("thesis.md"), "years of work").expect("the name is free");
    let refused = EmbeddedWriter::open(directory.path(), &identity()).await.map(|_| ());
    let Err(StoreError::ForeignDirectory { entry, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(entry, "thesis.md");
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1, "nothing was added");
    // A new volume has this directory; a first run that was killed early leaves only its lock.
    let volume = directory.path().join("volume");
    fs::create_dir_all(volume.join("lost+found")).expect("the name is free");
    drop(EmbeddedWriter::open(&volume, &identity()).await.expect("it is as good as empty"));
    drop(EmbeddedWriter::open(&volume, &identity()).await.expect("it is ours"));
}

/// Servers get the knowledge base on a read-only volume, or under another user than the one that wrote it.
#[cfg(unix)]
#[tokio::test]
async fn a_reader_needs_no_right_to_write() {
    use std::os::unix::fs::PermissionsExt as _;
    fn set_rights(path: &Path, directories: u32, files: Option<u32>) {
        let is_directory = path.is_dir();
        if is_directory {
            fs::set_permissions(path, fs::Permissions::from_mode(directories)).expect("it is ours");
            fs::read_dir(path).expect("there").for_each(|entry| {
                set_rights(&entry.expect("there").path(), directories, files);
            });
        } else if let Some(files) = files {
            let mode = fs::metadata(path).expect("there").permissions().mode();
            assert_ne!(mode & 0o044, 0, "{} is readable by its owner only", path.display());
            fs::set_permissions(path, fs::Permissions::from_mode(files)).expect("it is ours");
        }
    }
    let (_directory, path) = filled().await;
    set_rights(&path, 0o555, Some(0o444));
    let kb = Reader::open(&path, Some(&identity())).await.expect("reading is allowed");
    let view = everything(&kb).await;
    assert_eq!(ids(view.as_ref()).await, ["s/a.md"]);
    assert_eq!(view.search_dense(&vector_of("alpha"), 5).await.expect("readable").len(), 2);
    set_rights(&path, 0o755, None);
}

#[tokio::test]
async fn a_damaged_calibration_is_named() {
    let (_directory, path) = filled().await;
    fs::write(path.join("calibration.json"), "{").expect("there");
    let kb = Reader::open(&path, None).await.expect("the knowledge base is not concerned");
    let text = kb.calibration().await.expect_err("it is damaged").to_string();
    assert!(text.contains("calibration.json") && text.contains("evaluate calibrate"), "{text}");
}

#[tokio::test]
async fn a_damaged_cache_is_begun_anew() {
    let (_directory, path) = filled().await;
    let key = crate::document::ContentHash::of(&[b"text"]);
    fs::create_dir_all(path.join("embedding-cache")).expect("the name is free");
    fs::write(path.join("embedding-cache/vectors.redb"), "garbage ".repeat(4096)).expect("the name is free");
    for known in [None, Some(vector_of("text"))] {
        let cache = EmbeddingCache::open(&embedding_cache(&path), DIMENSIONS, 1).await;
        assert_eq!(cache.get(&[key]).await, [known]);
        cache.insert(&[(key, vector_of("text"))]).await;
    }
    assert!(path.join("embedding-cache/vectors.damaged").exists(), "it is put aside");
}

/// With any file of the index overwritten, opening and searching end in an answer or in an error, never in a panic.
#[tokio::test]
async fn a_damaged_index_is_an_error() {
    let (_directory, path) = filled().await;
    let index = path.join("g1/tantivy");
    let files: Vec<PathBuf> =
        fs::read_dir(&index).expect("it is there").flatten().map(|file| file.path()).collect();
    assert!(files.len() > 5, "{files:?}");
    let query = LexicalQuery {
        terms: vec![("alpha".to_owned(), 1.0)],
        weights: FieldWeights { title: 1.0, name: 1.0, headings: 1.0, links: 1.0 },
    };
    let mut num_errors = 0;
    for file in files {
        let whole = fs::read(&file).expect("it is there");
        for garbage in [0xff_u8, 0x00, 0x5a] {
            fs::write(&file, vec![garbage; whole.len()]).expect("it can be written");
            let searched = async {
                let kb = Reader::open(&path, Some(&identity())).await?;
                let view = kb.view(&Filter::everything()).await?;
                view.search_lexical(&query, 5, 5).await?;
                view.chunks_of(DocumentKey::of("s/a.md")).await.map(|_| ())
            };
            num_errors += usize::from(searched.await.is_err());
            let _ = EmbeddedWriter::open(&path, &identity()).await;
        }
        fs::write(&file, whole).expect("it can be written");
    }
    assert!(num_errors > 5, "{num_errors}");
}
