//! The scenarios that are recorded.

use super::{super::writer::rollback_on, Place, real_server, recorded, recording, replay, script};
use crate::{
    analyzer,
    document::Rule,
    store::{
        Access, Counts, DocumentKey, FieldWeights, Filter, Identity, KnowledgeBase as _, LexicalQuery,
        StoreError, View, Writer as _,
        contract::{TestDocument, document, identity, ids, vector_of},
    },
};
use std::{collections::BTreeSet, time::Duration};

/// Dimensions of the vectors here.
const DIMENSIONS: usize = 4;

/// Longer than superseded versions stay for the readers that still use them.
const LATER: Duration = Duration::from_secs(301);
/// Longer than a reader goes on without looking for a newer commit.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Longer than a session counts that shows no sign of life.
const GIVEN_UP: Duration = Duration::from_secs(21);

fn small() -> Identity {
    let mut identity = identity();
    identity.model.dimensions = DIMENSIONS;
    identity
}

fn direction_of(text: &str) -> Vec<f32> {
    let mut vector = vector_of(text);
    vector.truncate(DIMENSIONS);
    let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
    vector.iter().map(|component| component / length).collect()
}

async fn put(writer: &mut super::QdrantWriter, document: &TestDocument) -> Result<(), StoreError> {
    let vectors: Vec<Vec<f32>> = document.chunks.iter().map(|chunk| direction_of(&chunk.text)).collect();
    writer.replace(&document.meta, document.hash(), &document.chunks, &vectors).await
}

/// A page with a rule and labels that links to another, which links back, and a page for few.
fn library() -> [TestDocument; 3] {
    [
        document("ops/oom.md", "Out of memory")
            .chunk_under(&["Symptoms"], "The kernel ends the container: OOMKilled.")
            .chunk_under(&["Repair"], "Raise the memory limit of the container.")
            .link_within("ops/limits.md", "limits", "Limits are explained in the guide to limits.")
            .with(|meta| {
                meta.labels = vec!["cluster:prod".to_owned(), "team:core".to_owned()];
                meta.applies_to = vec![Rule { reason: vec!["OOMKilled".to_owned()], ..Rule::default() }];
            }),
        document("ops/limits.md", "Memory limits")
            .chunk("The kernel enforces a memory limit.")
            .link("ops/oom.md", "out of memory"),
        document("wiki/vault.md", "Vault").chunk("The token of the vault changes monthly.").access("admins"),
    ]
}

async fn write(place: &Place, documents: &[TestDocument]) -> Result<(), StoreError> {
    let mut writer = place.writer(&small()).await?;
    for document in documents {
        put(&mut writer, document).await?;
    }
    writer.commit().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn writing() {
    recorded("writing", |place| async move {
        let mut writer = place.writer(&small()).await?;
        writer.claim(&["ops".to_owned()]).await?;
        for document in library() {
            put(&mut writer, &document).await?;
        }
        writer.set_source_state("ops", Some(&serde_json::json!({"cursor": 7}))).await?;
        assert_eq!(writer.commit().await?.version, "g1.1");
        let changed = document("ops/oom.md", "Out of memory").chunk("Read how much the container uses.");
        put(&mut writer, &changed).await?;
        writer.remove("wiki/vault.md").await?;
        assert_eq!(writer.commit().await?.version, "g1.2");
        assert_eq!(writer.counts().await?, Counts { documents: 2, chunks: 2 });
        let hashes = writer.fingerprints(&["ops".to_owned()]).await?;
        assert_eq!(hashes["ops/oom.md"], changed.hash());
        assert_eq!(writer.source_states().await?["ops"]["cursor"], 7);
        writer.set_calibration(&serde_json::json!({"fitted": true})).await?;
        writer.set_run_log(&serde_json::json!({"runs": []})).await?;
        assert_eq!(writer.run_log().await?, Some(serde_json::json!({"runs": []})));
        drop(writer);
        // No reader needs the versions any more that the second commit superseded; the next commit removes them.
        place.pass(LATER);
        let mut writer = place.writer(&small()).await?;
        assert_eq!(writer.rename_source("ops", "team").await?, 2);
        assert_eq!(writer.commit().await?.version, "g1.3");
        drop(writer);
        let reader = place.reader(Some(&small())).await?;
        let view = reader.view(&Filter::everything()).await?;
        assert_eq!(ids(view.as_ref()).await, ["team/limits.md", "team/oom.md"]);
        assert_eq!(reader.calibration().await?, Some(serde_json::json!({"fitted": true})));
        Ok(())
    })
    .await;
}

/// How many documents link to each of these.
async fn linking(view: &dyn View, documents: &[DocumentKey]) -> Result<Vec<u32>, StoreError> {
    Ok(view.inbound(documents).await?.iter().map(|inbound| inbound.linking).collect())
}

/// Reads what [`library`] has through a filter that shows two of the three documents.
async fn read(place: Place, filter: Filter) -> Result<(), StoreError> {
    let documents = library();
    write(&place, &documents).await?;
    let [oom, limits, vault] = documents.map(|document| document.key());
    let reader = place.reader(Some(&small())).await?;
    let everything = reader.view(&Filter::everything()).await?;
    let nearest = everything.search_dense(&direction_of("The kernel enforces a memory limit."), 2).await?;
    assert_eq!(nearest[0].document, limits);
    let view = reader.view(&filter).await?;
    assert_eq!(view.counts().await?, Counts { documents: 2, chunks: 3 });
    let weights = FieldWeights { title: 2.0, name: 1.0, headings: 0.5, links: 0.25 };
    let terms = analyzer::distinct_terms("memory of the vault and its kernel");
    let query = LexicalQuery { terms: terms.into_iter().map(|term| (term, 1.0)).collect(), weights };
    let found = view.search_lexical(&query, 5, 5).await?;
    assert_eq!((found.passages.len(), found.documents.len()), (3, 2), "{found:?}");
    assert_eq!(found.commonness.total, Counts { documents: 3, chunks: 4 });
    let vector = direction_of("Raise the memory limit of the container.");
    let nearest = view.search_dense(&vector, 3).await?;
    assert_eq!((nearest[0].document, nearest.len()), (oom, 3));
    let chunks = view.chunks(&[nearest[0].chunk, nearest[2].chunk]).await?;
    assert_eq!(chunks[0].text, "Raise the memory limit of the container.");
    let similar = view.document_similarities(&vector, &[oom, limits, vault]).await?;
    assert!(similar[0].is_some() && similar[1].is_some() && similar[2].is_none());
    assert_eq!(linking(view.as_ref(), &[oom, limits, vault]).await?, [1, 1, 0]);
    assert_eq!(view.vectors_of(limits).await?, [direction_of("The kernel enforces a memory limit.")]);
    assert_eq!(view.chunks_of(oom).await?.len(), 2);
    let terms = analyzer::distinct_terms("kernel vault");
    assert_eq!(view.terms_of(limits, &terms).await?, [true, false]);
    let records = view.documents(&[vault, limits, DocumentKey::of("ops/never.md")]).await?;
    assert_eq!(records.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(view.ruled_documents().await?[0].document, "ops/oom.md");
    assert!(view.source_states().await?.is_empty());
    Ok(())
}

/// The documents of one source that are open to everybody.
fn open_pages() -> Filter {
    Filter { sources: BTreeSet::from(["ops".to_owned()]), ..Filter::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading() {
    recorded("reading", |place| read(place, open_pages())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_filter_is_told() {
    if real_server().is_some() {
        return;
    }
    let access = Access::Tags(BTreeSet::from(["admins".to_owned()]));
    let calls = script::read(&recording("reading"));
    let deviation = replay("reading", calls, |place| read(place, Filter { access, ..open_pages() })).await;
    let deviation = deviation.expect_err("another filter is another request");
    assert!(deviation.contains("/qdrant.Points/Count) is not as recorded"), "{deviation}");
    assert!(deviation.contains("access"), "{deviation}");
}

async fn rebuild(place: Place) -> Result<(), StoreError> {
    write(&place, &[document("ops/a.md", "A").chunk("alpha")]).await?;
    let reader = place.reader(None).await?;
    let mut anew = super::QdrantWriter::open_rebuilding_on(place.cluster(), &small()).await?;
    put(&mut anew, &document("ops/b.md", "B").chunk("beta")).await?;
    let commit = anew.commit().await?;
    assert_eq!((commit.version.as_str(), commit.generation), ("g2.2", 2));
    drop(anew);
    place.pass(A_MOMENT);
    let view = reader.view(&Filter::everything()).await?;
    assert_eq!(ids(view.as_ref()).await, ["ops/b.md"]);
    assert_eq!(rollback_on(place.cluster()).await?.version, "g1.1");
    place.pass(A_MOMENT);
    assert_eq!(reader.view(&Filter::everything()).await?.version(), "g1.1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding() {
    recorded("rebuilding", rebuild).await;
}

/// An engine that wrote the manifest before the records would be told: here the recording has it so, and the engine
/// does not.
#[tokio::test(flavor = "multi_thread")]
async fn another_order_is_told() {
    if real_server().is_some() {
        return;
    }
    let mut calls = script::read(&recording("rebuilding"));
    let place_of = |part: &str| {
        let found = calls
            .iter()
            .position(|call| call.method == "/qdrant.Points/Upsert" && call.request.contains(part));
        found.expect("the recording has it")
    };
    let (records, manifest) = (place_of("\"sort\": \"chunk\""), place_of("\"sequence\": 1\n"));
    assert!(records < manifest, "a commit is the writing of the manifest");
    calls[records..=manifest].rotate_right(1);
    let deviation = replay("rebuilding", calls, rebuild).await.expect_err("it is another order");
    let told = format!(
        "(/qdrant.Points/Upsert) comes too early: call {records} (/qdrant.Points/Upsert) was not made"
    );
    assert!(deviation.contains(&told), "{deviation}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers() {
    recorded("two-writers", |place| async move {
        let mut one = place.writer(&small()).await?;
        let mut two = place.writer(&small()).await?;
        put(&mut one, &document("ops/a.md", "A").chunk("alpha")).await?;
        put(&mut two, &document("wiki/b.md", "B").chunk("beta")).await?;
        let refused = two.claim(&["ops".to_owned()]).await;
        assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
        // The other writer is still at work, and readers do not see its points.
        assert_eq!(two.commit().await?.version, "g1.1");
        drop(one);
        // The other writer has ended without a commit. This one goes on with its change, does not bring the document,
        // and so removes it.
        two.claim(&["ops".to_owned()]).await?;
        put(&mut two, &document("ops/c.md", "C").chunk("gamma")).await?;
        assert_eq!(two.commit().await?.version, "g1.2");
        let reader = place.reader(None).await?;
        let view = reader.view(&Filter::everything()).await?;
        assert_eq!(ids(view.as_ref()).await, ["ops/c.md", "wiki/b.md"]);
        Ok(())
    })
    .await;
}

/// A writer is killed, and the next one of the same sources goes on with its change; should the first wake again, it
/// writes nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn going_on() {
    recorded("going-on", |place| async move {
        let [oom, limits, _] = library();
        let mut killed = place.writer(&small()).await?;
        put(&mut killed, &oom).await?;
        put(&mut killed, &limits).await?;
        put(&mut killed, &document("ops/gone.md", "Gone").chunk("gamma")).await?;
        killed.staging.flush().await?;
        let began = place.cluster().surroundings().now();
        place.pass(GIVEN_UP);
        let mut next = place.writer(&small()).await?;
        put(&mut next, &oom).await?;
        let changed = document("ops/limits.md", "Memory limits").chunk("There are two limits.");
        put(&mut next, &changed).await?;
        killed.session.renew_now().await?;
        let refused = put(&mut killed, &limits).await.expect_err("its change is another's");
        assert!(refused.to_string().contains("given up"), "{refused}");
        assert_eq!(next.commit().await?.version, "g1.1");
        let reader = place.reader(None).await?;
        let view = reader.view(&Filter::everything()).await?;
        assert_eq!(ids(view.as_ref()).await, ["ops/limits.md", "ops/oom.md"]);
        let records = view.documents(&[oom.key(), changed.key()]).await?;
        let ingested: Vec<_> = records.into_iter().flatten().map(|record| record.ingested_at).collect();
        assert_eq!(ingested, [began, began + GIVEN_UP], "the first was stored by the killed writer");
        assert_eq!(linking(view.as_ref(), &[changed.key(), oom.key()]).await?, [1, 0]);
        Ok(())
    })
    .await;
}
