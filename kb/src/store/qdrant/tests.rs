//! The contract against a real server, named by `RUNBOOKD_TEST_QDRANT` (such as `http://127.0.0.1:6334`), and what only
//! this engine promises.

use super::*;
use crate::store::{
    Address, DocumentKey, Filter, Identity, KnowledgeBase, StoreError, View, Writer, backup,
    contract::{
        EngineUnderTest, contract_tests, document, everything, identity, ids, put, vector_of, view_at,
    },
    copy, open, open_rebuilding, restore, rollback, verify,
};
use async_trait::async_trait;
use std::sync::Arc;

/// Places are knowledge bases whose names begin with a name of the test's own.
pub(super) struct OnServer {
    servers: String,
    prefix: String,
}

impl OnServer {
    /// `None` where no server is named.
    #[expect(clippy::disallowed_methods, reason = "tests find the server by this variable")]
    pub fn find() -> Option<Self> {
        let servers = std::env::var("RUNBOOKD_TEST_QDRANT").ok().filter(|servers| !servers.is_empty());
        let Some(servers) = servers else {
            println!("SKIPPED: RUNBOOKD_TEST_QDRANT is not set");
            return None;
        };
        Some(Self { servers, prefix: format!("test-{:016x}", rand::random::<u64>()) })
    }

    pub fn address(&self, name: &str) -> QdrantAddress {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("qdrant://{}/{}-{name}?exact=true", self.servers, self.prefix).parse().expect("an address")
    }
}

#[async_trait]
impl EngineUnderTest for OnServer {
    async fn writer(&self, name: &str, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
        Ok(Box::new(QdrantWriter::open(&self.address(name), identity).await?))
    }

    async fn reader(
        &self,
        name: &str,
        identity: Option<&Identity>,
    ) -> Result<Arc<dyn KnowledgeBase>, StoreError> {
        Ok(Arc::new(Reader::open(&self.address(name), identity).await?))
    }

    async fn clean(&self) {
        remove_all(self).await;
    }
}

/// Removes the collections of a test.
async fn remove_all(engine: &OnServer) {
    let cluster = client::Cluster::new(&engine.address("any")).expect("a client");
    let listed = cluster
        .call(client::Mode::Read, "list", |server| async move { server.list_collections().await })
        .await
        .expect("the server answers");
    for found in listed.collections.into_iter().filter(|found| found.name.starts_with(&engine.prefix)) {
        cluster
            .call(client::Mode::Write, "remove", |server| {
                let name = found.name.clone();
                async move { server.delete_collection(name).await }
            })
            .await
            .expect("the server answers");
    }
}

mod contract {
    use super::*;
    contract_tests!(@when OnServer::find());
}

/// The sources of two writers at work are brought in side by side, and what links from one to the other counts.
#[tokio::test(flavor = "multi_thread")]
async fn writers_of_different_sources_do_not_hinder_each_other() {
    let Some(engine) = OnServer::find() else { return };
    let mut one = engine.writer("both", &identity()).await.expect("it answers");
    let mut two = engine.writer("both", &identity()).await.expect("it answers");
    let target = document("b/target.md", "Target").chunk("relay");
    put(one.as_mut(), &document("a/1.md", "One").chunk("relay").link("b/target.md", "the target")).await;
    put(two.as_mut(), &target).await;
    let refused = two.claim(&["a".to_owned()]).await;
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    two.commit().await.expect("it is its turn");
    put(two.as_mut(), &document("b/2.md", "Two").chunk("relay")).await;
    let first = one.commit().await.expect("it is its turn");
    let kb = engine.reader("both", Some(&identity())).await.expect("it was just written");
    let view = view_at(kb.as_ref(), &first.version).await;
    assert_eq!(ids(view.as_ref()).await, ["a/1.md", "b/target.md"], "the change at work is not seen");
    let inbound = view.inbound(&[target.key()]).await.expect("known");
    assert_eq!(inbound[0].linking, 1);
    let second = two.commit().await.expect("it is its turn");
    let view = view_at(kb.as_ref(), &second.version).await;
    assert_eq!(ids(view.as_ref()).await, ["a/1.md", "b/2.md", "b/target.md"]);
    drop((one, two));
    let found = verify(&Address::Qdrant(engine.address("both"))).await.expect("it answers");
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    engine.clean().await;
}

/// The next commit of another writer removes the changes that a writer has stored and not committed.
#[tokio::test(flavor = "multi_thread")]
async fn leftovers_are_cleaned_away() {
    let Some(engine) = OnServer::find() else { return };
    let mut writer = engine.writer("left", &identity()).await.expect("it answers");
    put(writer.as_mut(), &document("s/a.md", "A").chunk("alpha")).await;
    writer.commit().await.expect("it is its turn");
    put(writer.as_mut(), &document("s/a.md", "A").chunk("changed")).await;
    put(writer.as_mut(), &document("s/b.md", "B").chunk("beta")).await;
    writer.remove("s/a.md").await.expect("it is there");
    drop(writer);
    let mut writer = engine.writer("left", &identity()).await.expect("it answers");
    put(writer.as_mut(), &document("s/c.md", "C").chunk("gamma")).await;
    let commit = writer.commit().await.expect("it is its turn");
    let kb = engine.reader("left", Some(&identity())).await.expect("it was just written");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(ids(view.as_ref()).await, ["s/a.md", "s/c.md"]);
    assert_eq!(view.vectors_of(DocumentKey::of("s/a.md")).await.expect("readable"), [vector_of("alpha")]);
    let cluster = client::Cluster::new(&engine.address("left")).expect("a client");
    let collection = collection::name(&cluster, 1);
    let chunks = qdrant_client::qdrant::Filter::must([points::is_sort(points::Sort::Chunk)]);
    let stored = requests::all(&cluster, &collection, &chunks, requests::Wanted::default()).await;
    assert_eq!(stored.expect("readable").len(), 2, "nothing of what was given up is left");
    engine.clean().await;
}

/// When a document was stored, as its record says.
async fn ingested_at(view: &dyn View, document: &str) -> jiff::Timestamp {
    let records = view.documents(&[DocumentKey::of(document)]).await.expect("readable");
    records[0].as_ref().expect("it is there").ingested_at
}

/// The next writer of the same sources does not store again what a writer without a commit has stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_where_another_has_ended() {
    let Some(engine) = OnServer::find() else { return };
    let page = |number: usize| {
        document(&format!("s/{number}.md"), &format!("Page {number}"))
            .chunk(&format!("pod {number} fails"))
            .chunk("it is killed again and again")
            .link(&format!("s/{}.md", number / 2), "see the other page")
    };
    let mut writer = engine.writer("goes-on", &identity()).await.expect("it answers");
    put(writer.as_mut(), &page(0)).await;
    writer.commit().await.expect("it is its turn");
    for number in 0..600 {
        put(writer.as_mut(), &page(number)).await;
    }
    // The changes that were not sent yet are lost with the writer.
    drop(writer);
    let second = jiff::Timestamp::now();
    let mut writer = engine.writer("goes-on", &identity()).await.expect("it answers");
    for number in 0..500 {
        let page = if number == 7 { page(7).chunk("and a third chunk") } else { page(number) };
        put(writer.as_mut(), &page).await;
    }
    put(writer.as_mut(), &page(9)).await;
    writer.remove("s/11.md").await.expect("it is there");
    let commit = writer.commit().await.expect("it is its turn");
    drop(writer);
    let kb = engine.reader("goes-on", Some(&identity())).await.expect("it was just written");
    let view = view_at(kb.as_ref(), &commit.version).await;
    assert_eq!(ids(view.as_ref()).await.len(), 499);
    let anew = [7, 9];
    for number in [0, 3, 4, 5, 7, 9, 100] {
        let is_anew = ingested_at(view.as_ref(), &format!("s/{number}.md")).await >= second;
        assert_eq!(is_anew, anew.contains(&number), "page {number}");
    }
    assert_eq!(view.inbound(&[DocumentKey::of("s/5.md")]).await.expect("known")[0].linking, 1);
    assert_eq!(view.counts().await.expect("known").chunks, 499 * 2 + 1);
    let found = verify(&Address::Qdrant(engine.address("goes-on"))).await.expect("it answers");
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    engine.clean().await;
}

/// A rebuilding goes on as well, if its generation has the layout that is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilding_goes_on_where_another_has_ended() {
    let Some(engine) = OnServer::find() else { return };
    let address = engine.address("beside");
    let open = async |options: &str| {
        let address: QdrantAddress = format!("{address}{options}").parse().expect("an address");
        open_rebuilding(&Address::Qdrant(address), &identity()).await.expect("nobody is at work")
    };
    let mut writer = engine.writer("beside", &identity()).await.expect("it answers");
    put(writer.as_mut(), &document("s/a.md", "A").chunk("alpha")).await;
    writer.commit().await.expect("it is its turn");
    drop(writer);
    let pages: Vec<_> =
        (0..600).map(|number| document(&format!("s/{number}.md"), "Page").chunk("beta")).collect();
    for (options, generation, is_anew) in [("", 2, true), ("", 2, false), ("&m=8", 4, true)] {
        let began = jiff::Timestamp::now();
        let mut writer = open(options).await;
        for page in &pages {
            put(writer.as_mut(), page).await;
        }
        if is_anew && generation == 2 {
            continue;
        }
        let commit = writer.commit().await.expect("it is its turn");
        drop(writer);
        assert_eq!(commit.generation, generation);
        let kb = engine.reader("beside", Some(&identity())).await.expect("it was just written");
        let view = view_at(kb.as_ref(), &commit.version).await;
        assert_eq!(ids(view.as_ref()).await.len(), 600);
        assert_eq!(ingested_at(view.as_ref(), "s/0.md").await >= began, is_anew, "{options}");
        if generation == 2 {
            // A third rebuilding ends without a commit, in the generation 3, which has another layout than the next.
            let mut writer = open("").await;
            put(writer.as_mut(), &pages[0]).await;
        }
    }
    engine.clean().await;
}

/// A generation is built beside the one that is read, and the one before can be gone back to.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilding_is_seen_at_once_and_taken_back() {
    let Some(engine) = OnServer::find() else { return };
    let address = Address::Qdrant(engine.address("again"));
    let mut writer = engine.writer("again", &identity()).await.expect("it answers");
    put(writer.as_mut(), &document("s/a.md", "A").chunk("alpha")).await;
    let first = writer.commit().await.expect("it is its turn");
    let kb = engine.reader("again", Some(&identity())).await.expect("it was just written");
    let refused = open_rebuilding(&address, &identity()).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "a writer is at work: {refused:?}");
    drop(writer);
    let mut anew = open_rebuilding(&address, &identity()).await.expect("nobody is at work");
    let refused = engine.writer("again", &identity()).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "it is being built again: {refused:?}");
    put(anew.as_mut(), &document("s/b.md", "B").chunk("beta")).await;
    assert_eq!(ids(everything(kb.as_ref()).await.as_ref()).await, ["s/a.md"]);
    let second = anew.commit().await.expect("it is its turn");
    drop(anew);
    assert_eq!(ids(view_at(kb.as_ref(), &second.version).await.as_ref()).await, ["s/b.md"]);
    let back = rollback(&address).await.expect("there is one before");
    assert_eq!(back.version, first.version);
    assert_eq!(ids(view_at(kb.as_ref(), &first.version).await.as_ref()).await, ["s/a.md"]);
    let forth = rollback(&address).await.expect("there is the later one");
    assert_eq!(forth.version, second.version);
    engine.clean().await;
}

/// A copy has the same documents, chunks and vectors on every engine, by way of a backup as well.
#[tokio::test(flavor = "multi_thread")]
async fn copies_are_the_same_on_both_engines() {
    let Some(engine) = OnServer::find() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let original = Address::Directory(directory.path().join("original"));
    let mut writer = crate::store::open_writer(&original, &identity()).await.expect("the place is free");
    for number in 0..30 {
        let page = document(&format!("s/{number}.md"), &format!("Page {number}"))
            .chunk(&format!("pod {number} fails"))
            .chunk(&format!("node {} is not ready", number % 7))
            .link(&format!("s/{}.md", number / 3), "see the other page");
        put(writer.as_mut(), &page).await;
    }
    writer.set_source_state("s", Some(&serde_json::json!({"cursor": 7}))).await.expect("there is space");
    writer.commit().await.expect("there is space");
    writer.set_calibration(&serde_json::json!({"fitted": true})).await.expect("there is space");
    drop(writer);
    let on_server = Address::Qdrant(engine.address("copy"));
    copy(&original, &on_server, |_, _| ()).await.expect("it answers");
    let kept = directory.path().join("backup");
    backup(&on_server, &kept).await.expect("there is space");
    let restored = Address::Qdrant(engine.address("restored"));
    restore(&kept, &restored).await.expect("it answers");
    let expected = open(&original, None).await.expect("it is there");
    let expected = everything(expected.as_ref()).await;
    for address in [on_server, Address::Directory(kept), restored] {
        let kb = open(&address, Some(&identity())).await.expect("it is there");
        let view = kb.view(&Filter::everything()).await.expect("readable");
        assert_eq!(ids(view.as_ref()).await, ids(expected.as_ref()).await);
        for number in 0..30 {
            let key = DocumentKey::of(&format!("s/{number}.md"));
            let chunks = view.chunks_of(key).await.expect("readable");
            assert_eq!(chunks, expected.chunks_of(key).await.expect("readable"));
            let vectors = view.vectors_of(key).await.expect("readable");
            assert_eq!(vectors, expected.vectors_of(key).await.expect("readable"));
            let inbound = view.inbound(&[key]).await.expect("known");
            assert_eq!(inbound, expected.inbound(&[key]).await.expect("known"));
        }
        assert_eq!(view.source_states().await.expect("readable")["s"]["cursor"], 7, "{address}");
        assert_eq!(kb.calibration().await.expect("readable").expect("one")["fitted"], true, "{address}");
    }
    engine.clean().await;
}
