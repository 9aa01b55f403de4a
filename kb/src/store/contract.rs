//! What every storage engine must do: one function a property, and [`contract_tests`] to run them all against an
//! engine.
//!
//! Rankings are compared with a plain implementation over the documents in memory ([`Oracle`]), so that engines rank
//! alike because each ranks as written down. Vectors are compared by cosine.

mod oracle;

use super::*;
use crate::{
    analyzer,
    document::{Kind, Link, Trust},
};
use oracle::Oracle;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::{Duration, Instant},
};

/// An engine that can be opened at places that exist only for the test.
#[async_trait]
pub(super) trait EngineUnderTest: Sync {
    /// Opens the place called `name` for writing. Places are empty at first.
    async fn writer(&self, name: &str, identity: &Identity) -> Result<Box<dyn Writer>, StoreError>;

    /// Opens the place called `name` for reading.
    async fn reader(
        &self,
        name: &str,
        identity: Option<&Identity>,
    ) -> Result<Arc<dyn KnowledgeBase>, StoreError>;

    /// Removes what the test has left where it would stay.
    async fn clean(&self) {}
}

/// Makes a test of each property. `$engine` is an expression that makes an [`EngineUnderTest`]; after `@when`, one that
/// makes one or none.
macro_rules! contract_tests {
    ($engine:expr) => {
        crate::store::contract::contract_tests!(@when Some($engine));
    };
    (@when $engine:expr) => {
        crate::store::contract::contract_tests!(@each $engine;
            changes_are_seen_after_their_commit_only
            a_document_is_replaced_and_removed_as_a_whole
            views_keep_their_state
            a_commit_without_changes_changes_nothing
            filters_show_what_they_say
            access_tags_deny_by_default
            filters_agree_with_documents
            passages_and_fields_are_found_by_their_words
            rankings_are_as_written_down
            rankings_follow_every_change
            scores_depend_on_what_there_is
            a_source_is_renamed_as_a_whole
            commonness_is_that_of_everything
            vectors_rank_by_cosine
            documents_are_as_near_as_their_passages
            links_follow_every_change
            links_count_by_how_much_is_linked
            ties_fall_by_key
            documents_have_the_terms_of_their_passages
            chunks_come_in_order
            foreign_chunks_are_refused
            rules_are_found
            fingerprints_are_those_of_the_sources
            a_mismatch_is_refused_with_advice
            a_second_writer_is_refused_at_once
            absent_knowledge_bases_are_missing
            an_empty_knowledge_base_answers
            what_does_not_fit_is_refused
            calibration_is_kept
            states_of_sources_go_with_their_documents
            the_run_log_is_kept
            readers_never_see_a_mixture
        );
    };
    (@each $engine:expr; $($property:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $property() {
            if let Some(engine) = $engine {
                crate::store::contract::$property(&engine).await;
                engine.clean().await;
            }
        }
    )*};
}
pub(super) use contract_tests;

/// Dimensions of the vectors in these tests.
pub(super) const DIMENSIONS: usize = 24;

/// What the knowledge bases of these tests are built with.
pub(super) fn identity() -> Identity {
    Identity::current(ModelIdentity {
        name: "words".to_owned(),
        dimensions: DIMENSIONS,
        hash: String::new(),
        pooling: "sum".to_owned(),
        query_prefix: String::new(),
        passage_prefix: String::new(),
        max_tokens: 256,
        tokenizer: "words".to_owned(),
    })
}

/// A vector for a text: each of its terms adds a direction of its own.
pub(super) fn vector_of(text: &str) -> Vec<f32> {
    let mut vector = [0.0_f32; DIMENSIONS];
    for term in analyzer::tokens(text).into_iter().map(|token| token.term).chain([format!("whole {text}")]) {
        let mut stream = blake3::Hasher::new().update(term.as_bytes()).finalize_xof();
        for component in &mut vector {
            let mut bytes = [0; 2];
            stream.fill(&mut bytes);
            *component += f32::from(i16::from_le_bytes(bytes)) / 32_768.0;
        }
    }
    let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
    vector.iter().map(|component| component / length).collect()
}

/// A document of a test.
#[derive(Debug, Clone)]
pub(super) struct TestDocument {
    pub meta: DocumentMeta,
    pub chunks: Vec<Chunk>,
}

/// A document with a title and no chunks.
pub(super) fn document(id: &str, title: &str) -> TestDocument {
    let source = id.split('/').next().unwrap_or(id).to_owned();
    let meta = DocumentMeta {
        url: Some(format!("https://docs.example/{id}")),
        trust: Trust::Official,
        language: Some("en".to_owned()),
        ..DocumentMeta::new(id, source, title, Kind::Docs)
    };
    TestDocument { meta, chunks: Vec::new() }
}

impl TestDocument {
    pub fn with(mut self, change: impl FnOnce(&mut DocumentMeta)) -> Self {
        change(&mut self.meta);
        self
    }

    pub fn chunk(self, text: &str) -> Self {
        self.chunk_under(&[], text)
    }

    pub fn chunk_under(mut self, headings: &[&str], text: &str) -> Self {
        let ordinal = self.chunks.len() as u32;
        self.chunks.push(Chunk {
            document: self.meta.id.clone(),
            ordinal,
            heading_path: headings.iter().map(|&heading| heading.to_owned()).collect(),
            anchor: None,
            text: text.to_owned(),
            start_byte: 0,
            end_byte: text.len() as u64,
            tokens: 1,
            prohibitions: Vec::new(),
        });
        self
    }

    pub fn link(self, target: &str, text: &str) -> Self {
        self.link_within(target, text, "")
    }

    pub fn link_within(self, target: &str, text: &str, sentence: &str) -> Self {
        let link = Link { target: target.to_owned(), text: text.to_owned(), sentence: sentence.to_owned() };
        self.with(|meta| meta.links.push(link))
    }

    pub fn access(self, tag: &str) -> Self {
        let tag = tag.to_owned();
        self.with(|meta| meta.access.push(tag))
    }

    pub fn key(&self) -> DocumentKey {
        DocumentKey::of(&self.meta.id)
    }

    pub fn hash(&self) -> ContentHash {
        ContentHash::of(&[format!("{self:?}").as_bytes()])
    }

    pub fn vectors(&self) -> Vec<Vec<f32>> {
        self.chunks.iter().map(|chunk| vector_of(&chunk.text)).collect()
    }
}

pub(super) async fn put(writer: &mut dyn Writer, document: &TestDocument) {
    writer
        .replace(&document.meta, document.hash(), &document.chunks, &document.vectors())
        .await
        .expect("the document can be stored");
}

/// Writes documents into a new place with one commit.
async fn filled(
    engine: &dyn EngineUnderTest,
    name: &str,
    documents: &[TestDocument],
) -> Arc<dyn KnowledgeBase> {
    let mut writer = engine.writer(name, &identity()).await.expect("the place is free");
    for document in documents {
        put(writer.as_mut(), document).await;
    }
    writer.commit().await.expect("there is space");
    engine.reader(name, Some(&identity())).await.expect("it was just written")
}

/// A view of everything at `version`, waiting for the reader to notice it.
pub(super) async fn view_at(kb: &dyn KnowledgeBase, version: &str) -> Arc<dyn View> {
    let started = Instant::now();
    loop {
        let view = everything(kb).await;
        if view.version() == version {
            return view;
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "still at {} instead of {version}",
            view.version()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn everything(kb: &dyn KnowledgeBase) -> Arc<dyn View> {
    kb.view(&Filter::everything()).await.expect("the knowledge base is there")
}

pub(super) async fn ids(view: &dyn View) -> Vec<String> {
    view.all_documents()
        .await
        .expect("records are readable")
        .iter()
        .map(|record| record.meta.id.clone())
        .collect()
}

const NONE: FieldWeights = FieldWeights { title: 0.0, name: 0.0, headings: 0.0, links: 0.0 };
const EVEN: FieldWeights = FieldWeights { title: 1.0, name: 1.0, headings: 1.0, links: 1.0 };
const LINKS: FieldWeights = FieldWeights { links: 1.0, ..NONE };

fn lexical(text: &str, weights: FieldWeights) -> LexicalQuery {
    let terms = analyzer::distinct_terms(text).into_iter().map(|term| (term, 1.0)).collect();
    LexicalQuery { terms, weights }
}

/// The term of a simple word.
fn term(word: &str) -> analyzer::Term {
    analyzer::distinct_terms(word).pop().expect("a word has a term")
}

/// The ids of found chunks.
async fn found(view: &dyn View, matches: &[Match]) -> Vec<String> {
    let keys: Vec<ChunkKey> = matches.iter().map(|found| found.chunk).collect();
    view.chunks(&keys).await.expect("found chunks are there").iter().map(Chunk::id).collect()
}

async fn search(view: &dyn View, text: &str) -> Vec<String> {
    let matches = view.search_lexical(&lexical(text, EVEN), 100, 0).await.expect("the index is readable");
    assert!(matches.documents.is_empty(), "none were asked for");
    found(view, &matches.passages).await
}

/// The documents that have words in fields, with their scores.
async fn search_fields(view: &dyn View, text: &str, weights: FieldWeights) -> Vec<(DocumentKey, f32)> {
    let matches = view.search_lexical(&lexical(text, weights), 0, 100).await.expect("the index is readable");
    assert!(matches.passages.is_empty(), "none were asked for");
    matches.documents
}

async fn search_dense(view: &dyn View, text: &str) -> Vec<String> {
    let matches = view.search_dense(&vector_of(text), 100).await.expect("the vectors are readable");
    found(view, &matches).await
}

const WORDS: [&str; 10] =
    ["pod", "node", "oomkilled", "kubelet", "image", "volume", "probe", "memory", "taint", "restart"];

/// Documents of three sources with words of very different frequency: no chunk or several, headings above them and
/// within them, names that say nothing, restricted documents, and links with and without sentences, of which few lead
/// to one of the sources.
fn library() -> Vec<TestDocument> {
    let word = |number: usize, at: usize| WORDS[(number * number + at * at) % (1 + at % WORDS.len())];
    let id = |number: usize| match (["lib", "wiki", "notes"][number % 3], number) {
        (source, 6) => format!("{source}/README.md"),
        (source, 7) => format!("{source}/restart-loop/_index.md"),
        (source, _) => format!("{source}/{}/{}-{number}.md", word(number, 3), word(number, 4)),
    };
    (0..40_usize)
        .map(|number| {
            let word = |at: usize| word(number, at);
            let mut document = document(&id(number), &format!("About {} and {} {number}", word(5), word(7)));
            for chunk in 0..number % 4 {
                let words: Vec<&str> = (0..5 + number * (chunk + 1) % 90).map(word).collect();
                let mut text = words.join(" ");
                if number % 5 == 0 {
                    text = format!("{text}\n\n### The {} of {}\n\n{text}", word(chunk + 4), word(8));
                }
                document = document.chunk_under(&[word(chunk), "Diagnosis"], &text);
            }
            for at in 0..number % 5 {
                let target = (number * 7 + at) % 40;
                if target % 3 == 2 && target % 12 != 2 {
                    continue;
                }
                let text = format!("{} guide", WORDS[(number + at) % 10]);
                let sentence = match at {
                    0 => String::new(),
                    1 => format!("When a {} fails, see the {text} before you restart it.", word(6)),
                    _ => format!("{} as in the {text}", format!("{} ", word(9)).repeat(number * at)),
                };
                document = document.link_within(&id(target), &text, &sentence).link(&id(number), "myself");
            }
            match number {
                9 => document.link(&id(1), "").link("lib/never.md", "pod guide"),
                number if number % 11 == 3 => document.access("secret"),
                _ => document,
            }
        })
        .collect()
}

/// Questions about the library, with all that a query can hold.
fn library_queries() -> Vec<LexicalQuery> {
    let texts = [
        "pod",
        "oomkilled memory",
        "kubelet taint restart probe guide",
        "about 17",
        "diagnosis of the restart loop",
        "see myself fail",
        "unheard-of",
    ];
    let weights = FieldWeights { title: 2.5, name: 1.5, headings: 0.5, links: 3.0 };
    let mut queries: Vec<LexicalQuery> = texts.iter().map(|text| lexical(text, weights)).collect();
    for query in &mut queries {
        for (at, (_, weight)) in query.terms.iter_mut().enumerate() {
            *weight = 1.0 + at as f32 / 4.0;
        }
    }
    queries
        .extend([NONE, LINKS, FieldWeights { headings: 1.0, ..NONE }].map(|only| lexical("pod guide", only)));
    let mut mixed = lexical("node volume image taint", weights);
    mixed.terms[1].1 = 0.0;
    mixed.terms.extend(lexical("node image", weights).terms.into_iter().map(|(term, _)| (term, 7.0)));
    queries.push(mixed);
    queries
}

const LIBRARY_VECTORS: [&str; 3] = ["pod node", "restart the probe", "nothing of this"];

pub(super) async fn changes_are_seen_after_their_commit_only(engine: &dyn EngineUnderTest) {
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

    // What was not committed is gone with the writer.
    put(writer.as_mut(), &first).await;
    drop(writer);
    let mut writer = engine.writer("visible", &identity()).await.expect("the lock is free again");
    let again = writer.commit().await.expect("there is nothing to do");
    assert_eq!(again, commit);
    assert_eq!(ids(view_at(kb.as_ref(), &commit.version).await.as_ref()).await, ["s/b.md"]);
}

pub(super) async fn a_document_is_replaced_and_removed_as_a_whole(engine: &dyn EngineUnderTest) {
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

pub(super) async fn views_keep_their_state(engine: &dyn EngineUnderTest) {
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

pub(super) async fn a_commit_without_changes_changes_nothing(engine: &dyn EngineUnderTest) {
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

pub(super) async fn filters_show_what_they_say(engine: &dyn EngineUnderTest) {
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

pub(super) async fn access_tags_deny_by_default(engine: &dyn EngineUnderTest) {
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

/// [`Filter::shows`] is the definition; the engine must agree for whatever combination.
pub(super) async fn filters_agree_with_documents(engine: &dyn EngineUnderTest) {
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
            access: match random.below(3) {
                0 => Access::All,
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

/// A small repeatable generator.
pub(super) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    fn maybe(&mut self, values: &[&str]) -> Option<String> {
        (self.below(3) > 0).then(|| values[self.below(values.len())].to_owned())
    }

    fn some(&mut self, values: &[&str]) -> Vec<String> {
        let chosen: BTreeSet<String> =
            (0..self.below(4)).map(|_| values[self.below(values.len())].to_owned()).collect();
        chosen.into_iter().collect()
    }
}

pub(super) async fn passages_and_fields_are_found_by_their_words(engine: &dyn EngineUnderTest) {
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

pub(super) async fn rankings_are_as_written_down(engine: &dyn EngineUnderTest) {
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
    // What went and came back scores as if it had never gone.
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

/// After whatever changes, everything is that of a knowledge base built afresh.
pub(super) async fn rankings_follow_every_change(engine: &dyn EngineUnderTest) {
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

/// Whatever commits led to it: adding, growing, shrinking, removing, and a last one that changes how long passages are.
pub(super) async fn scores_depend_on_what_there_is(engine: &dyn EngineUnderTest) {
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

pub(super) async fn vectors_rank_by_cosine(engine: &dyn EngineUnderTest) {
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

pub(super) async fn commonness_is_that_of_everything(engine: &dyn EngineUnderTest) {
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
    // What is gone does not count.
    let mut writer = engine.writer("commonness", &identity()).await.expect("the lock is free");
    writer.remove("s/pod.md").await.expect("it is there");
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    expected.total = counts(3, 3);
    expected.terms[..2].copy_from_slice(&[counts(1, 1), counts(2, 2)]);
    assert_eq!(view.search_lexical(&query, 0, 0).await.expect("readable").commonness, expected);
}

pub(super) async fn documents_are_as_near_as_their_passages(engine: &dyn EngineUnderTest) {
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
    // What two vectors leave that nearly cancel each other is rounding.
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

pub(super) async fn links_follow_every_change(engine: &dyn EngineUnderTest) {
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

pub(super) async fn links_count_by_how_much_is_linked(engine: &dyn EngineUnderTest) {
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

pub(super) async fn ties_fall_by_key(engine: &dyn EngineUnderTest) {
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

pub(super) async fn documents_have_the_terms_of_their_passages(engine: &dyn EngineUnderTest) {
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

pub(super) async fn chunks_come_in_order(engine: &dyn EngineUnderTest) {
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

pub(super) async fn foreign_chunks_are_refused(engine: &dyn EngineUnderTest) {
    let known = document("s/a.md", "A").chunk("x");
    let kb = filled(engine, "foreign", std::slice::from_ref(&known)).await;
    let view = everything(kb.as_ref()).await;
    for key in [ChunkKey::new(known.key(), 1), ChunkKey::new(DocumentKey::of("s/b.md"), 0), ChunkKey(0)] {
        let chunks = view.chunks(&[ChunkKey::new(known.key(), 0), key]).await;
        assert!(matches!(chunks, Err(StoreError::UnknownChunk { .. })), "{chunks:?}");
    }
}

pub(super) async fn rules_are_found(engine: &dyn EngineUnderTest) {
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

pub(super) async fn fingerprints_are_those_of_the_sources(engine: &dyn EngineUnderTest) {
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

pub(super) async fn a_source_is_renamed_as_a_whole(engine: &dyn EngineUnderTest) {
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
    // What the new name has already stays as it is, and the old one goes.
    put(writer.as_mut(), &document("third/a.md", "Newer").chunk("the newer text")).await;
    writer.commit().await.expect("there is space");
    assert_eq!(writer.rename_source("new", "third").await.expect("it can be renamed"), 2);
    let commit = writer.commit().await.expect("there is space");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(ids(view.as_ref()).await, ["other/c.md", "third/a.md", "third/x/b.md"]);
    assert_eq!(search(view.as_ref(), "newer").await, ["third/a.md#0"]);
}

pub(super) async fn a_mismatch_is_refused_with_advice(engine: &dyn EngineUnderTest) {
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
pub(super) async fn a_second_writer_is_refused_at_once(engine: &dyn EngineUnderTest) {
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

pub(super) async fn absent_knowledge_bases_are_missing(engine: &dyn EngineUnderTest) {
    let error = engine.reader("absent", None).await.map(|_| ()).expect_err("there is none");
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("ingest --kb"), "{error}");
}

pub(super) async fn an_empty_knowledge_base_answers(engine: &dyn EngineUnderTest) {
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

pub(super) async fn what_does_not_fit_is_refused(engine: &dyn EngineUnderTest) {
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

pub(super) async fn calibration_is_kept(engine: &dyn EngineUnderTest) {
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

pub(super) async fn states_of_sources_go_with_their_documents(engine: &dyn EngineUnderTest) {
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

pub(super) async fn the_run_log_is_kept(engine: &dyn EngineUnderTest) {
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

/// Readers that look all the time while a writer commits see each commit as a whole.
pub(super) async fn readers_never_see_a_mixture(engine: &dyn EngineUnderTest) {
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
