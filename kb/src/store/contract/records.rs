//! Passages and rules are read as they were written.

use super::*;

pub(in crate::store) async fn chunks_come_in_order(engine: &dyn EngineUnderTest) {
    let long = (0..25).fold(document("s/long.md", "Long"), |document, number| {
        document.chunk_under(&["H", &format!("H{number}")], &format!("passage {number} 節點"))
    });
    let empty = document("s/empty.md", "Empty");
    let kb =
        filled(engine, "order", &[document("s/a.md", "A").chunk("x"), long.clone(), empty.clone()]).await;
    let view = everything(kb.as_ref()).await;
    let chunks = view.chunks_of(long.key()).await.expect("readable");
    assert_eq!(chunks.iter().map(|(_, chunk)| chunk.clone()).collect::<Vec<_>>(), long.chunks);
    assert_eq!(chunks[3].0, ChunkKey::new(long.key(), 3));
    let keys: Vec<ChunkKey> = [19, 3, 3, 24].map(|ordinal| ChunkKey::new(long.key(), ordinal)).to_vec();
    let picked = view.chunks(&keys).await.expect("readable");
    assert_eq!(picked.iter().map(|chunk| chunk.ordinal).collect::<Vec<_>>(), [19, 3, 3, 24]);
    assert!(view.chunks_of(empty.key()).await.expect("readable").is_empty());
    assert!(
        view.documents(&[empty.key()]).await.expect("readable")[0].is_some(),
        "a document may have no text"
    );
    assert!(view.chunks_of(DocumentKey::of("s/absent.md")).await.expect("readable").is_empty());
}

pub(in crate::store) async fn foreign_chunks_are_refused(engine: &dyn EngineUnderTest) {
    let known = document("s/a.md", "A").chunk("x");
    let kb = filled(engine, "foreign", std::slice::from_ref(&known)).await;
    let view = everything(kb.as_ref()).await;
    for key in [ChunkKey::new(known.key(), 1), ChunkKey::new(DocumentKey::of("s/b.md"), 0), ChunkKey(0)] {
        let chunks = view.chunks(&[ChunkKey::new(known.key(), 0), key]).await;
        assert!(matches!(chunks, Err(StoreError::UnknownChunk { .. })), "{chunks:?}");
    }
}

pub(in crate::store) async fn rules_are_found(engine: &dyn EngineUnderTest) {
    let ruled = |id: &str, reason: &str| {
        let rule = Rule { reason: vec![reason.to_owned()], ..Rule::default() };
        document(id, "T").chunk("x").with(|meta| meta.applies_to = vec![rule])
    };
    let kb =
        filled(engine, "rules", &[ruled("s/b.md", "B"), document("s/c.md", "C"), ruled("s/a.md", "A")]).await;
    let view = everything(kb.as_ref()).await;
    let rules = view.ruled_documents().await.expect("readable");
    let found: Vec<(&str, &str)> =
        rules.iter().map(|ruled| (ruled.document.as_str(), ruled.rules[0].reason[0].as_str())).collect();
    assert_eq!(found, [("s/a.md", "A"), ("s/b.md", "B")]);
    let mut writer = engine.writer("rules", &identity()).await.expect("the lock is free");
    put(writer.as_mut(), &document("s/a.md", "A").chunk("no rules any more")).await;
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(view.ruled_documents().await.expect("readable").len(), 1);
}
