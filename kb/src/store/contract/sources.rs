//! Sources: their fingerprints, their states, renaming them; and the records of a knowledge base beside its documents.

use super::*;

pub(in crate::store) async fn fingerprints_are_those_of_the_sources(engine: &dyn EngineUnderTest) {
    let documents =
        [document("one/a.md", "A").chunk("x"), document("two/b.md", "B").chunk("y").access("red")];
    filled(engine, "prints", &documents).await;
    let mut writer = engine.writer("prints", &identity()).await.expect("the lock is free");
    for (sources, expected) in [
        (vec!["one"], vec![&documents[0]]),
        (vec!["two", "one"], vec![&documents[0], &documents[1]]),
        (vec!["three"], vec![]),
        (vec![], vec![]),
    ] {
        let sources: Vec<String> = sources.into_iter().map(str::to_owned).collect();
        let found = writer.fingerprints(&sources).await.expect("readable");
        let expected: HashMap<String, ContentHash> =
            expected.iter().map(|document| (document.meta.id.clone(), document.hash())).collect();
        assert_eq!(found, expected, "{sources:?}");
    }
}

pub(in crate::store) async fn a_source_is_renamed_as_a_whole(engine: &dyn EngineUnderTest) {
    let pages = |source: &str| {
        let id = |name: &str| format!("{source}/{name}");
        [
            document(&id("a.md"), "Relay").chunk("the relay restarts").chunk_under(&["Why"], "a full disk"),
            document(&id("x/b.md"), "Disk")
                .chunk("see the relay")
                .link_within(&id("a.md"), "relay", "see the relay")
                .link("other/c.md", "another source"),
        ]
        .map(|page| page.with(|meta| meta.url = None))
    };
    let other = document("other/c.md", "Other").chunk("nothing of this");
    let stored = pages("old").into_iter().chain([other.clone()]).collect::<Vec<_>>();
    let kb = filled(engine, "renamed", &stored).await;
    let mut writer = engine.writer("renamed", &identity()).await.expect("the lock is free");
    let counted = BTreeMap::from([("old".to_owned(), 2), ("other".to_owned(), 1)]);
    assert_eq!(writer.sources().await.expect("readable"), counted);
    let before = everything(kb.as_ref()).await;
    assert_eq!(writer.rename_source("old", "new").await.expect("it can be renamed"), 2);
    assert_eq!(ids(everything(kb.as_ref()).await.as_ref()).await, ids(before.as_ref()).await, "not yet");
    let commit = writer.commit().await.expect("there is space");
    let renamed = view_at(kb.as_ref(), &commit.version).await;

    let expected = pages("new").into_iter().chain([other]).collect::<Vec<_>>();
    let fresh = everything(filled(engine, "named", &expected).await.as_ref()).await;
    assert_eq!(ids(renamed.as_ref()).await, ids(fresh.as_ref()).await);
    for (document, before) in expected.iter().zip(&stored) {
        let key = [document.key()];
        let found = renamed.documents(&key).await.expect("readable").remove(0).expect("it is there");
        assert_eq!((&found.meta, found.content_hash), (&document.meta, before.hash()));
        let chunks = async |view: &dyn View| view.chunks_of(key[0]).await.expect("readable");
        assert_eq!(chunks(renamed.as_ref()).await, chunks(fresh.as_ref()).await);
    }
    for words in ["relay disk", "restarts", "another source"] {
        let lexical = lexical(words, EVEN);
        let found = async |view: &dyn View| view.search_lexical(&lexical, 9, 9).await.expect("readable");
        assert_eq!(found(renamed.as_ref()).await, found(fresh.as_ref()).await, "{words}");
        assert_eq!(search_dense(renamed.as_ref(), words).await, search_dense(fresh.as_ref(), words).await);
    }
    assert_eq!(writer.rename_source("old", "third").await.expect("there is none"), 0);
    // A document that the new name has already stays as it is, and the one of the old name is removed.
    put(writer.as_mut(), &document("third/a.md", "Newer").chunk("the newer text")).await;
    writer.commit().await.expect("there is space");
    assert_eq!(writer.rename_source("new", "third").await.expect("it can be renamed"), 2);
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(ids(view.as_ref()).await, ["other/c.md", "third/a.md", "third/x/b.md"]);
    assert_eq!(search(view.as_ref(), "newer").await, ["third/a.md#0"]);
}

pub(in crate::store) async fn calibration_is_kept(engine: &dyn EngineUnderTest) {
    let kb = filled(engine, "calibration", &[]).await;
    assert_eq!(kb.calibration().await.expect("readable"), None);
    let version = everything(kb.as_ref()).await.version().to_owned();
    let mut writer = engine.writer("calibration", &identity()).await.expect("the lock is free");
    for threshold in [0.25, 0.75] {
        let calibration = serde_json::json!({"threshold": threshold, "fitted_on": "測試"});
        writer.set_calibration(&calibration).await.expect("there is space");
        assert_eq!(kb.calibration().await.expect("readable"), Some(calibration));
    }
    assert_eq!(everything(kb.as_ref()).await.version(), version, "it is no part of a generation");
}

pub(in crate::store) async fn states_of_sources_go_with_their_documents(engine: &dyn EngineUnderTest) {
    let kb = filled(engine, "states", &[document("s/a", "one"), document("t/b", "two")]).await;
    let states = async |version: &str| {
        let view = view_at(kb.as_ref(), version).await;
        let states = view.source_states().await.expect("readable");
        states.into_iter().map(|(source, state)| format!("{source}={state}")).collect::<Vec<_>>().join(" ")
    };
    let mut writer = engine.writer("states", &identity()).await.expect("the lock is free");
    writer.set_source_state("s", Some(&serde_json::json!(1))).await.expect("there is space");
    writer.set_source_state("t", Some(&serde_json::json!({"文": [2]}))).await.expect("there is space");
    let before = everything(kb.as_ref()).await.version().to_owned();
    assert_eq!(states(&before).await, "", "nothing is seen before the commit");
    let first = writer.commit().await.expect("there is space").version;
    assert_eq!(states(&first).await, r#"s=1 t={"文":[2]}"#);
    assert_eq!(writer.source_states().await.expect("readable").len(), 2);
    assert_eq!(everything(kb.as_ref()).await.counts().await.expect("readable").documents, 2);

    writer.set_source_state("s", Some(&serde_json::json!(3))).await.expect("there is space");
    drop(writer);
    assert_eq!(states(&first).await, r#"s=1 t={"文":[2]}"#, "what is dropped is lost");

    let mut writer = engine.writer("states", &identity()).await.expect("the lock is free");
    writer.set_source_state("s", Some(&serde_json::json!(4))).await.expect("there is space");
    writer.set_source_state("t", None).await.expect("there is space");
    put(writer.as_mut(), &document("s/a", "other")).await;
    let second = writer.commit().await.expect("there is space").version;
    assert_eq!(states(&second).await, "s=4");
    writer.rename_source("s", "u").await.expect("there is space");
    let third = writer.commit().await.expect("there is space").version;
    assert_eq!(states(&third).await, "u=4");
}

pub(in crate::store) async fn the_run_log_is_kept(engine: &dyn EngineUnderTest) {
    let kb = filled(engine, "run log", &[]).await;
    assert_eq!(kb.run_log().await.expect("readable"), None);
    let version = everything(kb.as_ref()).await.version().to_owned();
    let mut writer = engine.writer("run log", &identity()).await.expect("the lock is free");
    for number in 0..2 {
        let log = serde_json::json!({"日誌": number});
        writer.set_run_log(&log).await.expect("there is space");
        assert_eq!(kb.run_log().await.expect("readable"), Some(log));
    }
    assert_eq!(everything(kb.as_ref()).await.version(), version, "it is no part of a generation");
}
