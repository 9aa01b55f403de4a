//! A view shows the documents of its filter and no others.

use super::*;

pub(in crate::store) async fn filters_show_what_they_say(engine: &dyn EngineUnderTest) {
    let set = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<BTreeSet<String>>();
    let documents = [
        document("one/plain.md", "T").chunk("text"),
        document("one/etcd.md", "T").chunk("text").with(|meta| {
            meta.product = Some("etcd".to_owned());
            meta.version = Some("v3.5".to_owned());
            meta.labels = vec!["cluster:prod".to_owned(), "storage".to_owned()];
        }),
        document("two/sop.md", "T").chunk("text").with(|meta| {
            meta.kind = Kind::Sop;
            meta.product = Some("Cilium".to_owned());
            meta.labels = vec!["cluster:dev".to_owned(), "network".to_owned()];
        }),
    ];
    let kb = filled(engine, "filters", &documents).await;
    let all = Filter::everything;
    for (filter, expected) in [
        (all(), vec!["one/etcd.md", "one/plain.md", "two/sop.md"]),
        (Filter { sources: set(&["one"]), ..all() }, vec!["one/etcd.md", "one/plain.md"]),
        (
            Filter { sources: set(&["one", "two"]), ..all() },
            vec!["one/etcd.md", "one/plain.md", "two/sop.md"],
        ),
        (Filter { sources: set(&["One"]), ..all() }, vec![]),
        (Filter { kinds: [Kind::Sop].into(), ..all() }, vec!["two/sop.md"]),
        (Filter { products: set(&["etcd"]), ..all() }, vec!["one/etcd.md", "one/plain.md"]),
        (Filter { versions: set(&["3.6"]), ..all() }, vec!["one/plain.md", "two/sop.md"]),
        (Filter { versions: set(&["3.5.2"]), ..all() }, vec!["one/etcd.md", "one/plain.md", "two/sop.md"]),
        (Filter { versions: set(&["3.x"]), ..all() }, vec!["one/etcd.md", "one/plain.md", "two/sop.md"]),
        (Filter { versions: set(&["3"]), ..all() }, vec!["one/plain.md", "two/sop.md"]),
        (Filter { labels: set(&["network", "storage"]), ..all() }, vec!["one/etcd.md", "two/sop.md"]),
        (Filter { clusters: set(&["prod"]), ..all() }, vec!["one/etcd.md", "one/plain.md"]),
        (Filter { labels: set(&["storage"]), kinds: [Kind::Sop].into(), ..all() }, vec![]),
        (Filter { unsaid: [OpenPart::Product].into(), ..all() }, vec!["one/plain.md"]),
        (Filter { unsaid: [OpenPart::Version].into(), ..all() }, vec!["one/plain.md", "two/sop.md"]),
        (Filter { unsaid: [OpenPart::Cluster].into(), ..all() }, vec!["one/plain.md"]),
        (Filter::nothing(), vec![]),
    ] {
        let view = kb.view(&filter).await.expect("readable");
        assert_eq!(ids(view.as_ref()).await, expected, "{filter:?}");
        let chunks: Vec<String> = expected.iter().map(|id| format!("{id}#0")).collect();
        for mut found in [search(view.as_ref(), "text").await, search_dense(view.as_ref(), "text").await] {
            found.sort();
            assert_eq!(found, chunks, "{filter:?}");
        }
        let counts = view.counts().await.expect("known");
        assert_eq!((counts.documents, counts.chunks), (expected.len() as u64, expected.len() as u64));
    }
}

pub(in crate::store) async fn access_tags_deny_by_default(engine: &dyn EngineUnderTest) {
    let documents = [
        document("s/open.md", "T").chunk("text"),
        document("s/red.md", "T").chunk("text").access("red").with(|meta| {
            meta.applies_to = vec![Rule { reason: vec!["OOMKilled".to_owned()], ..Rule::default() }];
        }),
        document("s/both.md", "T").chunk("text").access("blue").access("red"),
        document("s/pointer.md", "T").chunk("other").link("s/red.md", "words").link("s/open.md", "words"),
    ];
    let kb = filled(engine, "access", &documents).await;
    let held = |tags: &[&str]| Filter {
        access: Access::Tags(tags.iter().map(|&tag| tag.to_owned()).collect()),
        ..Filter::default()
    };
    for (filter, shown) in [
        (Filter::default(), vec!["s/open.md"]),
        (Filter::nothing(), vec![]),
        (held(&["green"]), vec!["s/open.md"]),
        (held(&["blue"]), vec!["s/both.md", "s/open.md"]),
        (held(&["red"]), vec!["s/both.md", "s/open.md", "s/red.md"]),
        (Filter::everything(), vec!["s/both.md", "s/open.md", "s/red.md"]),
    ] {
        let view = kb.view(&filter).await.expect("readable");
        let mut found = search(view.as_ref(), "text").await;
        found.sort();
        assert_eq!(found, shown.iter().map(|id| format!("{id}#0")).collect::<Vec<_>>(), "{filter:?}");
        let red = documents[1].key();
        let is_shown = shown.contains(&"s/red.md");
        assert_eq!(view.documents(&[red]).await.expect("readable")[0].is_some(), is_shown);
        assert_eq!(view.chunks_of(red).await.expect("readable").is_empty(), !is_shown);
        assert_eq!(view.ruled_documents().await.expect("readable").is_empty(), !is_shown);
        let linked = search_fields(view.as_ref(), "words", LINKS).await;
        assert_eq!(linked.iter().any(|(key, _)| *key == red), is_shown);
        assert_eq!(view.inbound(&[red]).await.expect("known")[0].linking, u32::from(is_shown));
        let near = view.document_similarities(&vector_of("text"), &[red]).await.expect("readable");
        assert_eq!(near[0].is_some(), is_shown);
        let chunk = ChunkKey::new(red, 0);
        assert_eq!(view.chunks(&[chunk]).await.is_ok(), is_shown);
        assert_eq!(view.vectors_of(red).await.expect("readable").len(), usize::from(is_shown));
        assert_eq!(view.terms_of(red, &[term("text")]).await.expect("readable"), [is_shown]);
    }
}

/// A filter narrowed by another shows the documents that both show; if they have no document in common it shows no
/// document, and not all documents.
pub(in crate::store) async fn narrowing_never_widens(engine: &dyn EngineUnderTest) {
    let set = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<BTreeSet<String>>();
    let documents: Vec<TestDocument> = (0..40)
        .map(|number| {
            document(&format!("{}/{number}.md", ["one", "two", "three"][number % 3]), "T").chunk("text").with(
                |meta| {
                    meta.kind = Kind::ALL[number % Kind::ALL.len()];
                    meta.product = (number % 4 > 0).then(|| ["", "etcd", "relay"][number % 3].to_owned());
                    meta.version = (number % 5 > 0).then(|| ["1.11", "1.13"][number % 2].to_owned());
                    meta.labels = match number % 7 {
                        0 => Vec::new(),
                        rest => vec![format!("cluster:{}", rest % 2), "storage".to_owned()],
                    };
                },
            )
        })
        .collect();
    let kb = filled(engine, "narrowing", &documents).await;
    let all = Filter::everything;
    let filters = [
        all(),
        Filter::nothing(),
        Filter { sources: set(&["one", "two"]), ..all() },
        Filter { sources: set(&["three"]), ..all() },
        Filter { kinds: [Kind::Sop].into(), ..all() },
        Filter { kinds: [Kind::Runbook].into(), ..all() },
        Filter { products: set(&["etcd"]), ..all() },
        Filter { products: set(&["relay"]), ..all() },
        Filter { versions: set(&["1.11"]), ..all() },
        Filter { versions: set(&["1.13"]), ..all() },
        Filter { labels: set(&["storage"]), ..all() },
        Filter { labels: set(&["network"]), ..all() },
        Filter { clusters: set(&["0"]), ..all() },
        Filter { clusters: set(&["1"]), ..all() },
    ];
    for one in &filters {
        for two in filters.iter().filter(|two| two.access == Access::All) {
            let narrowed = one.clone().narrowed_by(two.clone());
            let mut expected: Vec<&str> = documents
                .iter()
                .filter(|document| one.shows(&document.meta) && two.shows(&document.meta))
                .map(|document| document.meta.id.as_str())
                .collect();
            expected.sort_unstable();
            let view = kb.view(&narrowed).await.expect("readable");
            assert_eq!(ids(view.as_ref()).await, expected, "{one:?} narrowed by {two:?}");
        }
    }
}

/// [`Filter::shows`] is the definition; the engine must agree for whatever combination.
pub(in crate::store) async fn filters_agree_with_documents(engine: &dyn EngineUnderTest) {
    let mut random = Random(7);
    let long = "x".repeat(70_000);
    let values = ["", "a", "b", "a=b", "é", "cluster:a", "cluster:", "cluster:b", "-", long.as_str()];
    let versions = ["1.11", "v1.11.2", "1.x", "1.11, 1.13", "2", "1.12+", "<1", "latest", "", long.as_str()];
    let documents: Vec<TestDocument> = (0..60)
        .map(|number| {
            let source = ["one", "two", "one=two"][random.below(3)];
            document(&format!("{source}/{number}.md"), "T").chunk("text").with(|meta| {
                meta.kind = Kind::ALL[random.below(Kind::ALL.len())];
                meta.product = random.maybe(&values);
                meta.version = random.maybe(&versions);
                meta.labels = random.some(&values);
                meta.access = random.some(&values[..4]);
            })
        })
        .collect();
    let kb = filled(engine, "agreement", &documents).await;
    for _ in 0..200 {
        let filter = Filter {
            sources: random.some(&["one", "two", "one=two", "three"]).into_iter().collect(),
            kinds: (0..random.below(3)).map(|_| Kind::ALL[random.below(Kind::ALL.len())]).collect(),
            products: random.some(&values).into_iter().collect(),
            versions: random.some(&versions).into_iter().collect(),
            labels: random.some(&values).into_iter().collect(),
            clusters: random.some(&values).into_iter().collect(),
            unsaid: match random.below(4) {
                0 => [OpenPart::Product, OpenPart::Version, OpenPart::Cluster][random.below(3)..]
                    .iter()
                    .copied()
                    .collect(),
                _ => BTreeSet::new(),
            },
            access: match random.below(6) {
                0 | 1 => Access::All,
                2 if random.below(4) == 0 => Access::Nothing,
                _ => Access::Tags(random.some(&values[..4]).into_iter().collect()),
            },
        };
        let mut expected: Vec<&str> = documents
            .iter()
            .filter(|document| filter.shows(&document.meta))
            .map(|document| document.meta.id.as_str())
            .collect();
        expected.sort_unstable();
        let view = kb.view(&filter).await.expect("readable");
        assert_eq!(ids(view.as_ref()).await, expected, "{filter:?}");
        assert_eq!(view.search_dense(&vector_of("text"), 100).await.expect("readable").len(), expected.len());
    }
}
