//! Passages and fields are found by their words and ranked as written down.

use super::*;

pub(in crate::store) async fn passages_and_fields_are_found_by_their_words(engine: &dyn EngineUnderTest) {
    let documents = [
        document("s/a.md", "Pod eviction")
            .chunk("nodes and such")
            .chunk("kills\n\n```sh\n# how the kubelet does it\n```")
            .link_within("s/linked.md", "this page", "See this page for draining."),
        document("s/pods.md", "Other").chunk_under(&["Eviction"], "nothing here").chunk("eviction eviction"),
        document("s/eviction.md", "Third").chunk("a longer passage that says so once, among many words"),
        document("s/within.md", "Fourth").chunk("intro\n\n### Eviction order\n\nfirst come, first served"),
        document("s/linked.md", "Fifth").chunk("nothing"),
        document("s/hub.md", "Sixth").chunk("nothing").link("s/linked.md", "eviction by hand"),
        document("s/empty.md", "Eviction"),
    ];
    let kb = filled(engine, "words", &documents).await;
    let view = everything(kb.as_ref()).await;
    let mut passages = search(view.as_ref(), "eviction").await;
    assert_eq!(passages[0], "s/pods.md#1", "said twice in a short passage");
    passages.sort();
    assert_eq!(passages, ["s/a.md#0", "s/a.md#1", "s/pods.md#0", "s/pods.md#1", "s/within.md#0"]);
    for (text, weights, expected) in [
        ("eviction", NONE, vec![]),
        ("eviction", FieldWeights { title: 1.0, ..NONE }, vec!["s/empty.md", "s/a.md"]),
        ("eviction", FieldWeights { name: 1.0, ..NONE }, vec!["s/eviction.md"]),
        ("eviction", FieldWeights { headings: 1.0, ..NONE }, vec!["s/pods.md", "s/within.md"]),
        ("eviction", LINKS, vec!["s/linked.md"]),
        ("draining", EVEN, vec!["s/linked.md"]),
        ("page", EVEN, vec!["s/linked.md"]),
        // A comment in code is no heading.
        ("kubelet", EVEN, vec![]),
    ] {
        let found: Vec<DocumentKey> =
            search_fields(view.as_ref(), text, weights).await.into_iter().map(|(key, _)| key).collect();
        let expected: Vec<DocumentKey> = expected.into_iter().map(DocumentKey::of).collect();
        assert_eq!(found, expected, "{text} by {weights:?}");
    }
}

pub(in crate::store) async fn rankings_are_as_written_down(engine: &dyn EngineUnderTest) {
    let documents = library();
    let kb = filled(engine, "library", &documents).await;
    let all = everything(kb.as_ref()).await;
    let sources = |sources: &[&str]| sources.iter().map(|&source| source.to_owned()).collect();
    for filter in [
        Filter::everything(),
        Filter::default(),
        Filter { sources: sources(&["wiki"]), ..Filter::everything() },
        Filter { sources: sources(&["notes", "lib"]), ..Filter::default() },
        Filter { sources: sources(&["none"]), ..Filter::everything() },
    ] {
        let view = kb.view(&filter).await.expect("readable");
        let oracle = Oracle::new(&documents, &filter);
        oracle.assert_agrees(view.as_ref(), &library_queries(), &LIBRARY_VECTORS).await;
    }
    for query in library_queries() {
        let found = all.search_lexical(&query, 1_000, 1_000).await.expect("readable");
        let few = all.search_lexical(&query, 5, 3).await.expect("readable");
        assert_eq!(
            few.passages,
            found.passages[..found.passages.len().min(5)],
            "fewer are the first of more"
        );
        assert_eq!(few.documents, found.documents[..found.documents.len().min(3)], "as with passages");
        assert_eq!(few.commonness, found.commonness, "it does not depend on limits");
        let twice = LexicalQuery { terms: [query.terms.clone(), query.terms].concat(), ..query };
        let twice = all.search_lexical(&twice, 1_000, 1_000).await.expect("readable");
        assert_eq!(
            (twice.passages, twice.documents),
            (found.passages, found.documents),
            "a term counts once"
        );
    }
    // Documents that are removed and stored again score as if they had never been removed.
    let mut writer = engine.writer("library", &identity()).await.expect("the lock is free");
    for document in documents.iter().step_by(3) {
        writer.remove(&document.meta.id).await.expect("it is there");
    }
    writer.commit().await.expect("there is space");
    for document in documents.iter().step_by(3) {
        put(writer.as_mut(), document).await;
    }
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    let oracle = Oracle::new(&documents, &Filter::everything());
    oracle.assert_agrees(view.as_ref(), &library_queries(), &LIBRARY_VECTORS).await;
}

/// After any changes, all rankings are those of a knowledge base that is built afresh.
pub(in crate::store) async fn rankings_follow_every_change(engine: &dyn EngineUnderTest) {
    let mut random = Random(41);
    let pool = library();
    let mut live: Vec<TestDocument> = pool[..20].to_vec();
    let kb = filled(engine, "changes", &live).await;
    let mut writer = engine.writer("changes", &identity()).await.expect("the lock is free");
    for round in 0..12 {
        for _ in 0..1 + random.below(6) {
            let mut document = pool[random.below(pool.len())].clone();
            let known = live.iter().position(|other| other.meta.id == document.meta.id);
            if let Some(known) = known {
                live.remove(known);
            }
            if known.is_some() && random.below(2) == 0 {
                writer.remove(&document.meta.id).await.expect("it is there");
                continue;
            }
            match random.below(4) {
                0 => document.meta.links.clear(),
                1 => document = document.access("secret"),
                2 => document = document.link(&pool[random.below(3)].meta.id, &format!("round {round}")),
                _ => {}
            }
            put(writer.as_mut(), &document).await;
            live.push(document);
        }
        let commit = writer.commit().await.expect("there is space");
        let mut queries = library_queries();
        queries.push(lexical(&format!("round {round}"), EVEN));
        let all = view_at(kb.as_ref(), &commit.version).await;
        Oracle::new(&live, &Filter::everything())
            .assert_agrees(all.as_ref(), &queries, &LIBRARY_VECTORS[..1])
            .await;
        let open = kb.view(&Filter::default()).await.expect("readable");
        Oracle::new(&live, &Filter::default())
            .assert_agrees(open.as_ref(), &queries, &LIBRARY_VECTORS[..1])
            .await;
    }
}

/// Scores depend only on the committed documents, not on the commits before: documents are added, grow, shrink and are
/// removed, and the last commit changes the average length of the passages.
pub(in crate::store) async fn scores_depend_on_what_there_is(engine: &dyn EngineUnderTest) {
    let text = |number: usize, words: usize| format!("short {}", format!("word{number} ").repeat(words));
    let page = |number: usize, words: usize| {
        let page = document(&format!("s/{number}.md"), &format!("Page {number}"))
            .chunk(&text(number, words))
            .chunk_under(&["More"], &text(number + 1, words / 2));
        match number % 3 {
            0 => page.link_within(&format!("s/{}.md", number + 1), "next", "the next page is short"),
            _ => page,
        }
    };
    let mut writer = engine.writer("grown", &identity()).await.expect("the place is free");
    for round in 0..12 {
        for number in (0..40).filter(|number| (number * 7 + round) % 5 == 0 || round == 0) {
            put(writer.as_mut(), &page(number, 2 + (number + round) % 9)).await;
        }
        writer.remove(&format!("s/{round}.md")).await.expect("it can be removed");
        writer.commit().await.expect("there is space");
    }
    let last: Vec<TestDocument> = (20..40).map(|number| page(number, 3 + number % 5)).collect();
    for number in 0..20 {
        writer.remove(&format!("s/{number}.md")).await.expect("it can be removed");
    }
    for document in &last {
        put(writer.as_mut(), document).await;
    }
    let commit = writer.commit().await.expect("there is space");
    let grown = engine.reader("grown", Some(&identity())).await.expect("it was just written");
    let grown = view_at(grown.as_ref(), &commit.version).await;
    let fresh = everything(filled(engine, "fresh", &last).await.as_ref()).await;
    for (words, weights) in [("short", NONE), ("short word21 word33 page", EVEN), ("word30 more next", EVEN)]
    {
        let query = lexical(words, weights);
        let matches = async |view: &dyn View| view.search_lexical(&query, 100, 100).await.expect("readable");
        assert_eq!(matches(grown.as_ref()).await, matches(fresh.as_ref()).await, "{words}");
        let dense =
            async |view: &dyn View| view.search_dense(&vector_of(words), 100).await.expect("readable");
        assert_eq!(dense(grown.as_ref()).await, dense(fresh.as_ref()).await, "{words}");
    }
}

pub(in crate::store) async fn commonness_is_that_of_everything(engine: &dyn EngineUnderTest) {
    let documents = [
        document("s/pod.md", "Pod").chunk("pod pod").chunk("node"),
        document("t/other.md", "Other")
            .chunk_under(&["Pod"], "node")
            .chunk("image")
            .link("s/pod.md", "taint"),
        document("t/red.md", "Secret").chunk("node keeper").access("red"),
        document("t/empty.md", "Image"),
    ];
    let kb = filled(engine, "commonness", &documents).await;
    let words = [("pod", 1.0), ("node", 0.0), ("image", 2.0), ("pod", 3.0), ("taint", 1.0), ("absent", 1.0)];
    let query =
        LexicalQuery { terms: words.map(|(word, weight)| (term(word), weight)).to_vec(), weights: EVEN };
    let counts = |documents, chunks| Counts { documents, chunks };
    let mut expected = Commonness {
        total: counts(4, 5),
        terms: [(2, 3), (3, 3), (1, 1), (0, 0), (0, 0), (0, 0)].map(|(d, c)| counts(d, c)).to_vec(),
    };
    let only = Filter { sources: ["s".to_owned()].into(), ..Filter::default() };
    for filter in [Filter::everything(), Filter::default(), only] {
        let view = kb.view(&filter).await.expect("readable");
        let found = view.search_lexical(&query, 10, 10).await.expect("readable");
        assert_eq!(found.commonness, expected, "{filter:?}");
        // A hidden document's words are as if they were nowhere.
        let is_all_of_them = filter.sources.is_empty();
        assert_eq!(found.shown, [true, true, is_all_of_them, false, false, false], "{filter:?}");
        let hidden = view.search_lexical(&lexical("keeper", EVEN), 10, 10).await.expect("readable");
        assert_eq!(hidden.shown, [filter == Filter::everything()], "{filter:?}");
    }
    // A removed document does not count.
    let mut writer = engine.writer("commonness", &identity()).await.expect("the lock is free");
    writer.remove("s/pod.md").await.expect("it is there");
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    expected.total = counts(3, 3);
    expected.terms[..2].copy_from_slice(&[counts(1, 1), counts(2, 2)]);
    assert_eq!(view.search_lexical(&query, 0, 0).await.expect("readable").commonness, expected);
}

pub(in crate::store) async fn ties_fall_by_key(engine: &dyn EngineUnderTest) {
    let mut documents: Vec<TestDocument> = (0..300)
        .map(|number| document(&format!("s/{number}.md"), "T").chunk("same text").chunk("same text"))
        .collect();
    documents.iter_mut().for_each(|document| document.meta.links.clear());
    let orders = [documents.clone(), documents.iter().rev().cloned().collect()];
    let mut results = Vec::new();
    for (at, documents) in orders.iter().enumerate() {
        let kb = filled(engine, &format!("ties{at}"), documents).await;
        let view = everything(kb.as_ref()).await;
        let dense = view.search_dense(&vector_of("same text"), 70).await.expect("readable");
        let query = lexical("same t", EVEN);
        let words = view.search_lexical(&query, 70, 40).await.expect("readable");
        let mut keys: Vec<ChunkKey> = documents
            .iter()
            .flat_map(|document| [ChunkKey::new(document.key(), 0), ChunkKey::new(document.key(), 1)])
            .collect();
        keys.sort_unstable();
        for found in [&dense, &words.passages] {
            let found: Vec<ChunkKey> = found.iter().map(|found| found.chunk).collect();
            assert_eq!(found, keys[..70]);
        }
        let found: Vec<DocumentKey> = words.documents.iter().map(|(key, _)| *key).collect();
        assert_eq!(found, keys.iter().step_by(2).take(40).map(|key| key.document()).collect::<Vec<_>>());
        results.push((dense, words));
    }
    assert_eq!(results[0], results[1], "the order of writing shows nowhere");
}

pub(in crate::store) async fn documents_have_the_terms_of_their_passages(engine: &dyn EngineUnderTest) {
    let pod = document("s/pod.md", "Pod").chunk("pod pod").chunk("node");
    let other = document("t/other.md", "Other").chunk_under(&["Pod"], "node").chunk("image");
    let empty = document("t/empty.md", "Image");
    let kb = filled(engine, "terms", &[pod.clone(), other.clone(), empty.clone()]).await;
    let asked = ["image", "pod", "absent", "node", "pod", "other"].map(term).to_vec();
    let terms_of = async |view: &dyn View, document: &TestDocument| {
        view.terms_of(document.key(), &asked).await.expect("readable")
    };
    let view = everything(kb.as_ref()).await;
    assert_eq!(terms_of(view.as_ref(), &pod).await, [false, true, false, true, true, false]);
    assert_eq!(terms_of(view.as_ref(), &other).await, [true, true, false, true, true, true]);
    assert_eq!(terms_of(view.as_ref(), &empty).await, [false; 6]);
    let filter = Filter { sources: ["t".to_owned()].into(), ..Filter::everything() };
    let view = kb.view(&filter).await.expect("readable");
    assert_eq!(terms_of(view.as_ref(), &pod).await, [false; 6], "it is not shown");
    // Dead passages do not count.
    let mut writer = engine.writer("terms", &identity()).await.expect("the lock is free");
    let changed = document("s/pod.md", "Pod").chunk("image");
    put(writer.as_mut(), &changed).await;
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(terms_of(view.as_ref(), &pod).await, [true, true, false, false, true, false]);
}
