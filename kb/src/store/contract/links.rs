//! Links between documents count, whichever commit brought them.

use super::*;

pub(in crate::store) async fn links_follow_every_change(engine: &dyn EngineUnderTest) {
    let kb = filled(engine, "inbound", &[document("s/start.md", "S").chunk("text")]).await;
    let mut writer = engine.writer("inbound", &identity()).await.expect("the lock is free");
    let hub = |text: &str| document("s/hub.md", "Hub").chunk("text").link("s/target.md", text);
    let target = document("s/target.md", "Target").chunk("text").link("s/target.md", "myself");
    let target_key = target.key();
    // Each step is one commit; then the words that find the target.
    type Step = (&'static str, Vec<TestDocument>, Vec<&'static str>, &'static [&'static str]);
    let steps: [Step; 8] = [
        ("a link to a page that is not there", vec![hub("alpha")], vec![], &[]),
        ("the page arrives", vec![target.clone()], vec![], &["alpha"]),
        ("the link's text changes", vec![hub("beta")], vec![], &["beta"]),
        (
            "another page links",
            vec![document("s/two.md", "2").chunk("x").link_within("s/target.md", "alpha", "gamma")],
            vec![],
            &["beta", "gamma"],
        ),
        ("the target is replaced", vec![target.clone()], vec![], &["beta", "gamma"]),
        ("the hub becomes restricted", vec![hub("beta").access("red")], vec![], &["gamma"]),
        ("the other page goes", vec![], vec!["s/two.md"], &[]),
        ("the hub is open again, and the target goes", vec![hub("beta")], vec!["s/target.md"], &[]),
    ];
    for (what, replaced, removed, expected) in steps {
        for document in &replaced {
            put(writer.as_mut(), document).await;
        }
        for id in removed {
            writer.remove(id).await.expect("it is there");
        }
        let commit = writer.commit().await.expect("there is space");
        let view = view_at(kb.as_ref(), &commit.version).await;
        let mut finding = Vec::new();
        for word in ["alpha", "beta", "gamma", "myself"] {
            let found = search_fields(view.as_ref(), word, LINKS).await;
            assert!(found.iter().all(|(key, _)| *key == target_key), "{what}");
            if !found.is_empty() {
                finding.push(word);
            }
        }
        assert_eq!(finding, expected, "{what}");
        let inbound = view.inbound(&[target_key]).await.expect("known");
        assert_eq!(inbound[0].linking as usize, expected.len(), "{what}: each page links with one word");
    }
    // The same sentence twice on one page counts once, on two pages twice.
    let page = |id: &str, times: usize| {
        (0..times).fold(document(id, "P").chunk("x"), |page, _| page.link("s/start.md", "delta"))
    };
    let mut scores = Vec::new();
    for pages in
        [vec![page("p/1.md", 1)], vec![page("p/1.md", 3)], vec![page("p/1.md", 1), page("p/2.md", 1)]]
    {
        for page in &pages {
            put(writer.as_mut(), page).await;
        }
        let commit = writer.commit().await.expect("there is space");
        let view = view_at(kb.as_ref(), &commit.version).await;
        scores.push(search_fields(view.as_ref(), "delta", LINKS).await[0].1);
        let inbound = view.inbound(&[DocumentKey::of("s/start.md")]).await.expect("known");
        assert_eq!(inbound[0], Inbound { linking: pages.len() as u32, coverage: 1.0 });
    }
    assert_eq!(scores[0], scores[1]);
    assert!(scores[2] > scores[0], "{scores:?}");
}

pub(in crate::store) async fn links_count_by_how_much_is_linked(engine: &dyn EngineUnderTest) {
    let page = |number: usize| document(&format!("s/{number}.md"), "T").chunk("text");
    let index = |linked: usize| {
        (0..linked).fold(document("t/index.md", "Index").chunk("text"), |index, number| {
            index.link(&format!("s/{number}.md"), "words")
        })
    };
    let documents: Vec<TestDocument> = (0..8).map(page).chain([index(0)]).collect();
    let kb = filled(engine, "coverage", &documents).await;
    let mut writer = engine.writer("coverage", &identity()).await.expect("the lock is free");
    let mut scores = Vec::new();
    for (linked, coverage) in [(1, 0.25), (2, 0.5), (4, 1.0), (8, 1.0), (0, 0.0)] {
        put(writer.as_mut(), &index(linked)).await;
        let commit = writer.commit().await.expect("there is space");
        let view = view_at(kb.as_ref(), &commit.version).await;
        let keys = ["s/0.md", "s/7.md", "t/index.md", "s/absent.md"].map(DocumentKey::of);
        let found = view.inbound(&keys).await.expect("known");
        let linking = |number: usize| u32::from(number < linked);
        let expected = [
            Inbound { linking: linking(0), coverage },
            Inbound { linking: linking(7), coverage },
            Inbound::default(),
            Inbound::default(),
        ];
        assert_eq!(found, expected, "{linked} of 8 are linked; nothing links to the other source");
        let found = search_fields(view.as_ref(), "words", LINKS).await;
        assert_eq!(found.len(), linked);
        scores.extend(found.first().map(|(_, score)| *score));
    }
    for (score, share) in scores.iter().zip([0.25, 0.5, 1.0, 1.0]) {
        assert!((score / scores[3] - share).abs() < 1e-5, "{scores:?}");
    }
}
