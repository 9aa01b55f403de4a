//! The duties of every source, as tests over a source that a test can change: ids are stable, a run over changes leads
//! to the same as a clean run, documents go only when a complete listing lacks them, and an item that cannot be read
//! keeps its old version and is read again.

use super::Source;
use crate::{
    error::IngestError,
    pipeline::{self, Options},
    progress::Progress,
    report::Report,
};
use async_trait::async_trait;
use kb::{
    embed::{EmbedderChoice, EmbedderSettings},
    store::{self, Address, DocumentKey, Filter, StoreError},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// A source that exists only for a test, empty at first.
#[async_trait]
pub(crate) trait SourceUnderTest: Send + Sync {
    /// Opens the source, as a new process would.
    fn open(&self) -> Arc<dyn Source>;

    /// Adds the document called `name`, or changes it; its text holds `word`.
    async fn put(&self, name: &str, word: &str);

    /// Removes the document called `name`.
    async fn remove(&self, name: &str);

    /// Makes reading the document called `name` fail until it is mended; `false` where nothing of it can fail alone.
    async fn fail_item(&self, name: Option<&str>) -> bool;

    /// Makes listings break off after a part, until it is mended; `false` where a listing cannot.
    async fn cut_listing(&self, is_cut: bool) -> bool;
}

/// Makes a test of each property. `$source` is an expression that makes a [`SourceUnderTest`].
macro_rules! contract_tests {
    ($source:expr) => {
        crate::sources::contract::contract_tests!(@each $source;
            a_run_over_changes_equals_a_clean_run
            a_run_without_changes_commits_nothing
            documents_go_only_when_a_complete_listing_lacks_them
            a_document_that_cannot_be_read_keeps_its_old_version
            too_many_deletions_are_refused
        );
    };
    (@each $source:expr; $($property:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $property() {
            crate::sources::contract::$property(&$source).await;
        })*
    };
}
pub(crate) use contract_tests;

/// A knowledge base that a source is read into.
struct Target {
    directory: tempfile::TempDir,
}

impl Target {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    fn address(&self) -> Address {
        Address::Directory(self.path().join("kb"))
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    async fn run(&self, source: &dyn SourceUnderTest) -> Result<Report, IngestError> {
        let options = Options {
            kb: self.address(),
            embedder: EmbedderSettings::new(EmbedderChoice::Hashed),
            sources: vec![source.open()],
            dry_run: false,
            force: false,
        };
        pipeline::ingest(&options, Arc::new(Progress::hidden()), std::future::pending()).await
    }

    /// The texts of the stored documents, by id.
    async fn texts(&self) -> BTreeMap<String, String> {
        let kb = match store::open(&self.address(), None).await {
            Err(StoreError::Missing { .. }) => return BTreeMap::new(),
            kb => kb.expect("it opens"),
        };
        let view = kb.view(&Filter::everything()).await.expect("it opens");
        let mut texts = BTreeMap::new();
        for record in view.all_documents().await.expect("they can be read") {
            let chunks = view.chunks_of(DocumentKey::of(&record.meta.id)).await.expect("they can be read");
            let text = chunks.iter().map(|(_, chunk)| chunk.text.as_str()).collect::<Vec<_>>().join("\n");
            texts.insert(record.meta.id.clone(), text);
        }
        texts
    }
}

async fn filled(source: &dyn SourceUnderTest) -> Target {
    for name in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        source.put(name, &format!("first{name}")).await;
    }
    let target = Target::new();
    target.run(source).await.expect("it can be read");
    target
}

fn holds(texts: &BTreeMap<String, String>, word: &str) -> bool {
    texts.values().any(|text| text.contains(word))
}

pub(crate) async fn a_run_over_changes_equals_a_clean_run(source: &dyn SourceUnderTest) {
    let target = filled(source).await;
    let before = target.texts().await;
    assert!((1..=8).all(|number| holds(&before, &format!("first{number}"))), "{before:?}");
    source.put("2", "second2").await;
    source.put("9", "first9").await;
    source.remove("5").await;
    let report = target.run(source).await.expect("it can be read");
    assert!(report.documents.unchanged > 0, "{:?}", report.documents);
    let (after, clean) = (target.texts().await, Target::new());
    clean.run(source).await.expect("it can be read");
    assert_eq!(after, clean.texts().await);
    assert!(holds(&after, "second2") && holds(&after, "first9"), "{after:?}");
    assert!(!holds(&after, "first2") && !holds(&after, "first5"), "{after:?}");
    let kept = before.iter().filter(|(id, text)| after.get(*id) == Some(*text)).count();
    assert!(kept * 8 >= before.len() * 6, "ids are stable: {before:?} {after:?}");
}

pub(crate) async fn a_run_without_changes_commits_nothing(source: &dyn SourceUnderTest) {
    let target = filled(source).await;
    let first = target.run(source).await.expect("it can be read");
    let second = target.run(source).await.expect("it can be read");
    assert_eq!(first.kb_version, second.kb_version);
    assert_eq!((second.chunks.written, second.chunks.removed), (0, 0));
    assert_eq!(second.documents.seen, second.documents.unchanged);
}

pub(crate) async fn documents_go_only_when_a_complete_listing_lacks_them(source: &dyn SourceUnderTest) {
    let target = filled(source).await;
    let before = target.texts().await;
    source.remove("3").await;
    if source.cut_listing(true).await {
        // A listing that gives nothing at all may be an error; either way nothing goes.
        let _ = target.run(source).await;
        assert_eq!(target.texts().await, before);
        source.cut_listing(false).await;
        // Some sources go on where the listing broke off before they list everything again.
        target.run(source).await.expect("it can be read");
    }
    target.run(source).await.expect("it can be read");
    let after = target.texts().await;
    assert!(!holds(&after, "first3") && holds(&after, "first4"), "{after:?}");
}

pub(crate) async fn a_document_that_cannot_be_read_keeps_its_old_version(source: &dyn SourceUnderTest) {
    let target = filled(source).await;
    source.put("4", "second4").await;
    source.put("6", "second6").await;
    if !source.fail_item(Some("4")).await {
        return;
    }
    let report = target.run(source).await.expect("the others can be read");
    assert!(report.has_faults(), "it is reported");
    let after = target.texts().await;
    assert!(holds(&after, "first4") && holds(&after, "second6"), "{after:?}");
    source.fail_item(None).await;
    target.run(source).await.expect("it can be read");
    let (mended, clean) = (target.texts().await, Target::new());
    assert!(holds(&mended, "second4") && !holds(&mended, "first4"), "{mended:?}");
    clean.run(source).await.expect("it can be read");
    assert_eq!(mended, clean.texts().await);
}

pub(crate) async fn too_many_deletions_are_refused(source: &dyn SourceUnderTest) {
    let target = filled(source).await;
    let before = target.texts().await;
    for name in ["1", "2", "3", "4", "5", "6"] {
        source.remove(name).await;
    }
    let refused = target.run(source).await;
    assert!(
        matches!(refused, Err(IngestError::Guard { .. })),
        "{:?}",
        refused.map(|report| report.documents)
    );
    assert_eq!(target.texts().await, before);
}
