//! A commit is seen as a whole, and by new views only.

use super::*;

pub(in crate::store) async fn changes_are_seen_after_their_commit_only(engine: &dyn EngineUnderTest) {
    let first = document("s/a.md", "A").chunk("the first text");
    let second = document("s/b.md", "B").chunk("the second text");
    let mut writer = engine.writer("visible", &identity()).await.expect("the place is free");
    put(writer.as_mut(), &first).await;
    let before = engine.reader("visible", None).await.map(|_| ());
    assert!(matches!(before, Err(StoreError::Missing { .. })), "{before:?}");
    let commit = writer.commit().await.expect("there is space");
    let kb = engine.reader("visible", Some(&identity())).await.expect("it was committed");
    assert_eq!(ids(view_at(kb.as_ref(), &commit.version).await.as_ref()).await, ["s/a.md"]);

    put(writer.as_mut(), &second).await;
    writer.remove("s/a.md").await.expect("it is there");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let view = everything(kb.as_ref()).await;
    assert_eq!(ids(view.as_ref()).await, ["s/a.md"]);
    assert_eq!(search(view.as_ref(), "text").await, ["s/a.md#0"]);

    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(ids(view.as_ref()).await, ["s/b.md"]);
    assert_eq!(search(view.as_ref(), "first second text").await, ["s/b.md#0"]);

    // Changes without a commit are lost with the writer.
    put(writer.as_mut(), &first).await;
    drop(writer);
    let mut writer = engine.writer("visible", &identity()).await.expect("the lock is free again");
    let again = writer.commit().await.expect("there is nothing to do");
    assert_eq!(again, commit);
    assert_eq!(ids(view_at(kb.as_ref(), &commit.version).await.as_ref()).await, ["s/b.md"]);
}

pub(in crate::store) async fn a_document_is_replaced_and_removed_as_a_whole(engine: &dyn EngineUnderTest) {
    let old = document("s/a.md", "Old").chunk("alpha one").chunk("alpha two").chunk("alpha three");
    let other = document("s/ab.md", "Other").chunk("alpha other");
    let kb = filled(engine, "replace", &[old, other]).await;
    let mut writer = engine.writer("replace", &identity()).await.expect("the lock is free");
    assert_eq!(writer.num_chunks("s/a.md").await.expect("readable"), 3);
    // Twice in one run: the last one counts.
    put(writer.as_mut(), &document("s/a.md", "Between").chunk("beta between")).await;
    let new = document("s/a.md", "New").chunk("alpha new").chunk("gamma new");
    put(writer.as_mut(), &new).await;
    assert_eq!(writer.num_chunks("s/a.md").await.expect("readable"), 2);
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(view.counts().await.expect("known"), Counts { documents: 2, chunks: 3 });
    assert_eq!(search(view.as_ref(), "beta one two three old").await, Vec::<String>::new());
    let mut dense = search_dense(view.as_ref(), "alpha new").await;
    assert_eq!(dense.first().map(String::as_str), Some("s/a.md#0"));
    dense.sort();
    assert_eq!(dense, ["s/a.md#0", "s/a.md#1", "s/ab.md#0"]);
    assert!(search_fields(view.as_ref(), "old between", EVEN).await.is_empty());
    assert_eq!(search_fields(view.as_ref(), "new", EVEN).await[0].0, new.key());
    let record = view.documents(&[new.key()]).await.expect("readable").remove(0).expect("it is shown");
    assert_eq!((&record.meta, record.content_hash, record.num_chunks), (&new.meta, new.hash(), 2));

    writer.remove("s/a.md").await.expect("it is there");
    writer.remove("s/never.md").await.expect("nothing happens");
    assert_eq!(writer.num_chunks("s/a.md").await.expect("readable"), 0);
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(search(view.as_ref(), "alpha").await, ["s/ab.md#0"]);
    assert_eq!(search_dense(view.as_ref(), "alpha").await, ["s/ab.md#0"]);
    assert!(view.chunks_of(new.key()).await.expect("readable").is_empty());
    assert_eq!(view.documents(&[new.key()]).await.expect("readable"), [None]);
}

pub(in crate::store) async fn views_keep_their_state(engine: &dyn EngineUnderTest) {
    let documents: Vec<TestDocument> = (0..30)
        .map(|number| document(&format!("s/{number}.md"), "T").chunk(&format!("common word{number}")))
        .collect();
    let kb = filled(engine, "isolated", &documents).await;
    let old = everything(kb.as_ref()).await;
    let (expected, version) = (search(old.as_ref(), "common word7").await, old.version().to_owned());
    assert_eq!(expected.len(), 30);
    let mut writer = engine.writer("isolated", &identity()).await.expect("the lock is free");
    for round in 0..8 {
        for document in &documents {
            let text = format!("common again{round} {}", document.meta.id);
            put(writer.as_mut(), &super::contract::document(&document.meta.id, "T").chunk(&text)).await;
        }
        let commit = writer.commit().await.expect("there is space");
        assert_ne!(commit.version, version);
        view_at(kb.as_ref(), &commit.version).await;
        assert_eq!(search(old.as_ref(), "common word7").await, expected, "round {round}");
        assert_eq!(search_dense(old.as_ref(), "common word7").await[0], "s/7.md#0");
        let texts = old.chunks_of(documents[7].key()).await.expect("files are held open");
        assert_eq!(texts[0].1.text, "common word7");
        assert_eq!(old.version(), version);
    }
}

pub(in crate::store) async fn a_commit_without_changes_changes_nothing(engine: &dyn EngineUnderTest) {
    let kb = filled(engine, "idempotent", &[document("s/a.md", "A").chunk("text")]).await;
    let version = everything(kb.as_ref()).await.version().to_owned();
    let mut writer = engine.writer("idempotent", &identity()).await.expect("the lock is free");
    for _ in 0..2 {
        writer.remove("s/not-there.md").await.expect("nothing happens");
        assert_eq!(writer.commit().await.expect("nothing to write").version, version);
    }
    put(writer.as_mut(), &document("s/b.md", "B").chunk("text")).await;
    let changed = writer.commit().await.expect("there is space");
    assert_ne!(changed.version, version);
    view_at(kb.as_ref(), &changed.version).await;
}

/// Readers that look all the time while a writer commits see each commit as a whole.
pub(in crate::store) async fn readers_never_see_a_mixture(engine: &dyn EngineUnderTest) {
    const DOCUMENTS: usize = 12;
    let state = |round: usize| {
        (0..DOCUMENTS)
            .map(|number| {
                document(&format!("s/{number}.md"), &format!("Round{round}"))
                    .chunk(&format!("body round{round} {number}"))
            })
            .collect::<Vec<_>>()
    };
    let kb = filled(engine, "mixture", &state(0)).await;
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (kb, done) = (kb.clone(), done.clone());
            tokio::spawn(async move {
                let mut versions = HashSet::new();
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let view = everything(kb.as_ref()).await;
                    let query = lexical("body", EVEN);
                    let matches = view.search_lexical(&query, 100, 0).await.expect("readable").passages;
                    assert_eq!(matches.len(), DOCUMENTS);
                    let keys: Vec<ChunkKey> = matches.iter().map(|found| found.chunk).collect();
                    let chunks = view.chunks(&keys).await.expect("readable");
                    let rounds: HashSet<&str> =
                        chunks.iter().filter_map(|chunk| chunk.text.split(' ').nth(1)).collect();
                    assert_eq!(rounds.len(), 1, "{rounds:?} in {}", view.version());
                    let document = &view.documents(&[matches[0].document]).await.expect("readable")[0];
                    let title = document.as_ref().map(|record| record.meta.title.to_lowercase());
                    assert_eq!(title.as_deref(), rounds.into_iter().next());
                    let dense = view.search_dense(&vector_of(&chunks[0].text), 1).await.expect("readable");
                    assert_eq!(dense[0].chunk, keys[0], "vectors are those of the texts");
                    versions.insert(view.version().to_owned());
                }
                versions.len()
            })
        })
        .collect();
    let mut writer = engine.writer("mixture", &identity()).await.expect("the lock is free");
    for round in 1..=15 {
        for document in state(round) {
            put(writer.as_mut(), &document).await;
        }
        writer.commit().await.expect("there is space");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.expect("no assertion failed") > 1, "the reader moved on");
    }
}
