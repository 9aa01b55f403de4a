//! Opening a knowledge base: its identity, one writer, absence, emptiness, data that does not fit.

use super::*;

pub(in crate::store) async fn a_mismatch_is_refused_with_advice(engine: &dyn EngineUnderTest) {
    filled(engine, "mismatch", &[document("s/a.md", "A").chunk("x")]).await;
    let mut other_model = identity();
    other_model.model.name = "other".to_owned();
    let mut other_chunker = identity();
    other_chunker.chunker_version += 1;
    let mut other_analyzer = identity();
    other_analyzer.analyzer_version += 1;
    for (identity, what, advice) in [
        (other_model, "embedding model", "--embedder"),
        (other_chunker, "chunker version", "ingest --kb NEW_DIRECTORY"),
        (other_analyzer, "analyzer version", "ingest --kb NEW_DIRECTORY"),
    ] {
        let reader = engine.reader("mismatch", Some(&identity)).await.map(|_| ());
        let writer = engine.writer("mismatch", &identity).await.map(|_| ());
        for refused in [reader, writer] {
            let error = refused.expect_err("it was built with something else");
            assert!(matches!(error, StoreError::Mismatch { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(what) && text.contains(advice), "{text}");
        }
    }
    let kb = engine.reader("mismatch", None).await.expect("no identity accepts any");
    assert_eq!(kb.identity(), identity());
    assert_eq!(ids(everything(kb.as_ref()).await.as_ref()).await, ["s/a.md"]);
}

/// An engine excludes other writers, or those of the same sources.
pub(in crate::store) async fn a_second_writer_is_refused_at_once(engine: &dyn EngineUnderTest) {
    let sources = ["s".to_owned()];
    let mut first = engine.writer("locked", &identity()).await.expect("the place is free");
    first.claim(&sources).await.expect("nobody else is there");
    let started = Instant::now();
    let second = async { engine.writer("locked", &identity()).await?.claim(&sources).await };
    let second = second.await;
    assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    drop(first);
    let mut again = engine.writer("locked", &identity()).await.expect("the lock is free again");
    again.claim(&sources).await.expect("nobody is there any more");
}

pub(in crate::store) async fn absent_knowledge_bases_are_missing(engine: &dyn EngineUnderTest) {
    let error = engine.reader("absent", None).await.map(|_| ()).expect_err("there is none");
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("ingest --kb"), "{error}");
}

pub(in crate::store) async fn an_empty_knowledge_base_answers(engine: &dyn EngineUnderTest) {
    let kb = filled(engine, "empty", &[]).await;
    let view = everything(kb.as_ref()).await;
    assert_eq!(view.counts().await.expect("known"), Counts::default());
    assert!(search(view.as_ref(), "anything").await.is_empty());
    assert!(search_dense(view.as_ref(), "anything").await.is_empty());
    let words = view.search_lexical(&lexical("anything", EVEN), 5, 5).await.expect("readable");
    let nothing = Commonness { total: Counts::default(), terms: vec![Counts::default()] };
    let nowhere = vec![false];
    assert_eq!(words, LexicalMatches { commonness: nothing, shown: nowhere, ..LexicalMatches::default() });
    let absent = [DocumentKey::of("s/a.md")];
    assert_eq!(view.inbound(&absent).await.expect("known"), [Inbound::default()]);
    let near = view.document_similarities(&vector_of("anything"), &absent).await.expect("readable");
    assert_eq!(near, [None]);
    assert!(view.ruled_documents().await.expect("readable").is_empty());
    assert_eq!(view.terms_of(absent[0], &["x".to_owned()]).await.expect("readable"), [false]);
}

pub(in crate::store) async fn what_does_not_fit_is_refused(engine: &dyn EngineUnderTest) {
    let mut writer = engine.writer("fit", &identity()).await.expect("the place is free");
    let good = document("s/a.md", "A").chunk("x").chunk("y");
    let mut misnumbered = good.clone();
    misnumbered.chunks.swap(0, 1);
    let vectors = good.vectors();
    let mut short = vectors.clone();
    short[1].pop();
    let mut long = vectors.clone();
    long[0].iter_mut().for_each(|component| *component *= 3.0);
    let mut broken = vectors.clone();
    broken[0][0] = f32::NAN;
    for (document, vectors) in [
        (&good, vec![vectors[0].clone()]),
        (&good, short),
        (&good, long),
        (&good, broken),
        (&misnumbered, vectors),
    ] {
        let refused = writer.replace(&document.meta, document.hash(), &document.chunks, &vectors).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    }
    // A refusal costs only the document it concerns.
    put(writer.as_mut(), &good).await;
    writer.commit().await.expect("there is space");
}
