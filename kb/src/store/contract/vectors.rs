//! Passages and documents are found by their vectors.

use super::*;

pub(in crate::store) async fn vectors_rank_by_cosine(engine: &dyn EngineUnderTest) {
    let documents = library();
    let kb = filled(engine, "vectors", &documents).await;
    let view = everything(kb.as_ref()).await;
    let cosine =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    for text in ["pod node", "kubelet", "restart the probe", "nothing of this"] {
        let query = vector_of(text);
        let mut expected: Vec<(ChunkKey, f64)> = documents
            .iter()
            .flat_map(|document| document.chunks.iter().map(move |chunk| (document, chunk)))
            .map(|(document, chunk)| {
                (ChunkKey::new(document.key(), chunk.ordinal), cosine(&query, &vector_of(&chunk.text)))
            })
            .collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        let matches = view.search_dense(&query, 10).await.expect("readable");
        assert_eq!(matches.len(), 10);
        for (found, (_, expected)) in matches.iter().zip(&expected) {
            assert!(
                (f64::from(found.score) - expected).abs() < 1e-4,
                "{} instead of {expected}",
                found.score
            );
            assert_eq!(found.document, found.chunk.document());
        }
        for (key, expected) in &expected {
            let vector = &view.vectors_of(key.document()).await.expect("readable")[key.ordinal() as usize];
            let cosine: f32 = vector.iter().zip(&query).map(|(a, b)| a * b).sum();
            assert!((f64::from(cosine) - expected).abs() < 1e-4);
        }
    }
    assert!(view.search_dense(&vector_of("pod"), 0).await.expect("readable").is_empty());
    let short = view.search_dense(&[1.0], 10).await;
    assert!(matches!(short, Err(StoreError::InvalidQuery { .. })), "{short:?}");
}

pub(in crate::store) async fn documents_are_as_near_as_their_passages(engine: &dyn EngineUnderTest) {
    let query = vector_of("pod");
    let opposite: Vec<f32> = query.iter().map(|component| -component).collect();
    let other = vector_of("node");
    let cases: [(&str, Vec<Vec<f32>>); 5] = [
        ("s/none.md", vec![]),
        ("s/same.md", vec![other.clone(), query.clone(), query.clone()]),
        ("s/zero.md", vec![vec![0.0; DIMENSIONS]]),
        ("s/opposite.md", vec![opposite.clone(), query.clone()]),
        ("s/far.md", vec![opposite.clone()]),
    ];
    let mut writer = engine.writer("nearness", &identity()).await.expect("the place is free");
    for (id, vectors) in &cases {
        let document = (0..vectors.len()).fold(document(id, "T"), |document, _| document.chunk("text"));
        let replaced = writer.replace(&document.meta, document.hash(), &document.chunks, vectors).await;
        replaced.expect("the vectors are normalised, or there is none");
    }
    writer.commit().await.expect("there is space");
    let kb = engine.reader("nearness", Some(&identity())).await.expect("it was just written");
    let view = everything(kb.as_ref()).await;
    let keys = cases.each_ref().map(|(id, _)| DocumentKey::of(id));
    // Asked twice: engines may keep what they worked out.
    for _ in 0..2 {
        let found = view.document_similarities(&query, &keys).await.expect("readable");
        assert_eq!(found[0], None, "it has no chunk");
        let found: Vec<DocumentSimilarity> = found.into_iter().flatten().collect();
        let near =
            |found: f32, expected: f32| assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        for (found, (key, ordinal, best)) in
            found.iter().zip([(1, 1, 1.0), (2, 0, 0.0), (3, 1, 1.0), (4, 0, -1.0)])
        {
            assert_eq!(found.best_passage, ChunkKey::new(keys[key], ordinal), "ties fall to the first");
            near(found.best, best);
            assert!(found.centroid.abs() <= 1.0, "{} is a cosine", found.centroid);
        }
        near(found[1].centroid, 0.0);
        near(found[3].centroid, -1.0);
    }
    // The sum of two vectors that nearly cancel each other is a rounding error.
    for at in 0..DIMENSIONS {
        let mut nearly_opposite: Vec<f32> = other.iter().map(|component| -component).collect();
        nearly_opposite[at] = nearly_opposite[at].next_up();
        let document = document(&format!("s/cancelling{at}.md"), "T").chunk("text").chunk("text");
        let vectors = [other.clone(), nearly_opposite];
        let replaced = writer.replace(&document.meta, document.hash(), &document.chunks, &vectors).await;
        replaced.expect("the vectors are normalised");
    }
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    let cancelling: Vec<DocumentKey> =
        (0..DIMENSIONS).map(|at| DocumentKey::of(&format!("s/cancelling{at}.md"))).collect();
    for text in ["pod", "image", "volume", "taint"] {
        let found = view.document_similarities(&vector_of(text), &cancelling).await.expect("readable");
        let centroids: Vec<f32> = found.iter().flatten().map(|found| found.centroid).collect();
        assert!(centroids.iter().all(|centroid| centroid.abs() <= 1.0), "{centroids:?} are no cosines");
    }
    let asked = [keys[1], DocumentKey::of("s/absent.md"), keys[1]];
    let found = view.document_similarities(&query, &asked).await.expect("readable");
    assert!(found[0].is_some() && found[1].is_none() && found[2] == found[0], "{found:?}");
    let short = view.document_similarities(&[1.0], &keys).await;
    assert!(matches!(short, Err(StoreError::InvalidQuery { .. })), "{short:?}");
}
