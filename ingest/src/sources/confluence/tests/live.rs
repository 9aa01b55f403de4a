//! A live site, well and unwell.

use super::{
    super::{Live, Settings},
    site::{Site, State},
};
use crate::{
    error::IngestError,
    formats::{Defaults, Document},
    pipeline::{self, Options},
    progress::Progress,
    report::Report,
    sources::{
        Source, SourceError, SyncState,
        contract::{SourceUnderTest, contract_tests},
    },
};
use async_trait::async_trait;
use kb::{
    embed::{EmbedderChoice, EmbedderSettings},
    store::{self, Address, DocumentKey, Filter},
};
use net::Policy;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Short pauses, for a site that is near.
const POLICY: Policy = Policy {
    attempts: 6,
    budget: Duration::from_secs(30),
    per_try: Duration::from_secs(10),
    idle: Duration::from_secs(10),
    first_pause: Duration::from_millis(1),
    max_body: 32 << 20,
};

/// Settings of a site, with more of them; the token is in a file of `folder`.
pub(super) fn settings(site: &Site, folder: &Path, more: &str) -> Settings {
    let token = folder.join("token");
    std::fs::write(&token, "token\n").expect("there is space");
    let (flavor, email) = match site.url.ends_with("/wiki") {
        true => ("cloud", "email = \"bot@acme.example\""),
        false => ("data-center", ""),
    };
    let url = &site.url;
    let toml = format!(
        "url = \"{url}\"\nflavor = \"{flavor}\"\n{email}\nspaces = [\"OPS\"]\ntoken = {{ file = {token:?} }}\n{more}"
    );
    Settings::sample(&toml)
}

pub(super) fn source(site: &Site, folder: &Path, more: &str) -> Live {
    let settings = settings(site, folder, more);
    Live::new("wiki".to_owned(), settings, Defaults::default(), POLICY).expect("the settings are right")
}

/// All documents of a source, as a first run reads them, and what was reported.
pub(super) async fn read_all(source: &dyn Source) -> (BTreeMap<String, Document>, Vec<String>) {
    let listing = source.list(&SyncState::default()).await.expect("it can be listed");
    let mut reported: Vec<String> = listing
        .rejected
        .iter()
        .map(|rejection| format!("{}: {}", rejection.path, rejection.reason))
        .collect();
    let mut documents = BTreeMap::new();
    for batch in listing.items.chunks(7) {
        for reading in listing.reader.read(batch).await {
            let rejected = reading.parsed.rejected;
            reported
                .extend(rejected.iter().map(|rejection| format!("{}: {}", rejection.path, rejection.reason)));
            documents.extend(
                reading.parsed.documents.into_iter().map(|document| (document.meta.id.clone(), document)),
            );
        }
    }
    (documents, reported)
}

pub(super) fn texts(documents: &BTreeMap<String, Document>) -> BTreeMap<String, String> {
    documents.iter().map(|(id, document)| (id.clone(), document.body.as_str().to_owned())).collect()
}

/// A knowledge base that a site is read into.
pub(super) struct Target {
    directory: tempfile::TempDir,
}

impl Target {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    fn address(&self) -> Address {
        Address::Directory(self.directory.path().join("kb"))
    }

    pub(super) async fn run(&self, source: Live) -> Result<Report, IngestError> {
        let options = Options {
            kb: self.address(),
            embedder: EmbedderSettings::new(EmbedderChoice::Hashed),
            sources: vec![Arc::new(source)],
            dry_run: false,
            force: false,
        };
        pipeline::ingest(&options, Arc::new(Progress::hidden()), std::future::pending()).await
    }

    pub(super) async fn texts(&self) -> BTreeMap<String, String> {
        let kb = store::open(&self.address(), None).await.expect("it opens");
        let view = kb.view(&Filter::everything()).await.expect("it opens");
        let mut texts = BTreeMap::new();
        for record in view.all_documents().await.expect("they can be read") {
            let chunks = view.chunks_of(DocumentKey::of(&record.meta.id)).await.expect("they can be read");
            let text = chunks.iter().map(|(_, chunk)| format!("{:?} {}", chunk.heading_path, chunk.text));
            let text = text.collect::<Vec<_>>().join("\n");
            let text = format!("{} {:?}\n{text}", record.meta.title, record.meta.access);
            texts.insert(record.meta.id.clone(), text);
        }
        texts
    }
}

/// A site with so many pages below one, each with a comment.
pub(super) async fn filled(is_cloud: bool, num_pages: usize) -> Site {
    let site = Site::start(is_cloud).await;
    {
        let mut state = site.state();
        state.put_page("100", "Operations", None, "<p>Our runbooks.</p>");
        for number in 0..num_pages {
            let id = (1000 + number).to_string();
            let body = format!("<h2>Symptoms {number}</h2><p>The relay r{number} is down.</p>");
            state.put_page(&id, &format!("Relay {number}"), Some("100"), &body);
            let comment = format!("<p>Seen on r{number}.</p>");
            state.put(&(50_000 + number).to_string(), "comment", "Re", Some(&id), &comment);
        }
    }
    site
}

#[tokio::test]
async fn a_site_is_read_as_cloud_and_data_center_reply() {
    for is_cloud in [true, false] {
        let site = filled(is_cloud, 120).await;
        {
            let mut state = site.state();
            state.put_page("2000", "Draft", None, "<p>x</p>").status = "draft";
            state.put_page("2001", "Old", None, "<p>x</p>").status = "archived";
            state.put("2002", "blogpost", "News", None, "<p>A new relay.</p>");
            state.put_page("2003", "Other", None, "<p>x</p>").space = "DEV";
            state.put_file("60000", "plan.xlsx", "1003", "x");
            state.put("60001", "comment", "Re", Some("1003"), "<p>Done.</p>").is_resolved = true;
            state.put("60002", "comment", "Re", Some("1003"), "<p>Later.</p>");
            state.entities.get_mut("1003").expect("it is there").labels = vec!["runbook"];
        }
        let folder = tempfile::tempdir().expect("a directory");
        let (documents, reported) = read_all(&source(&site, folder.path(), "")).await;
        let not_read = "wiki (attachments): 1 attached file is in no format that is read: 1 .xlsx".to_owned();
        assert_eq!((documents.len(), reported), (122, vec![not_read]), "{is_cloud}");
        let document = &documents["wiki/1003"];
        let anchor = if is_cloud { "Symptoms-3" } else { "Relay3-Symptoms3" };
        let dates = ["2026-03-01", "2026-03-02"];
        let text = document.body.as_str().replace(anchor, "ANCHOR");
        let text = dates.iter().fold(text, |text, date| text.replace(date, "DATE"));
        assert_eq!(
            text,
            "# Operations\n\n## Symptoms 3 {#ANCHOR}\n\nThe relay r3 is down.\n\n## Attachments\n\n- plan.xlsx\n\n\
             ## Comments\n\n- **DATE:**\n\n  Seen on r3.\n- **DATE:**\n\n  Later.\n"
        );
        assert_eq!(document.meta.kind, kb::document::Kind::Runbook);
        assert_eq!(document.meta.author.as_deref(), Some("Anna"));
        let url = format!("{}/spaces/OPS/pages/1003/Relay+3", site.url);
        assert_eq!(document.meta.url.as_deref(), Some(url.as_str()));
        let requests = site.requests();
        // Two replies list 245 contents, three batches of pages take one request each, and so do their comments.
        let searches = requests.iter().filter(|request| request.contains("/search?")).count();
        assert_eq!(searches, requests.len(), "{requests:#?}");
        assert!(requests.len() < 60, "{}", requests.len());
    }
}

/// The site of a test as the contract needs it.
struct Changing {
    site: Site,
    folder: tempfile::TempDir,
    more: &'static str,
}

impl Changing {
    fn start(is_cloud: bool, more: &'static str) -> Self {
        let handle = tokio::runtime::Handle::current();
        let site = tokio::task::block_in_place(|| handle.block_on(Site::start(is_cloud)));
        Self { site, folder: tempfile::tempdir().expect("a directory"), more }
    }
}

#[async_trait]
impl SourceUnderTest for Changing {
    fn open(&self) -> Arc<dyn Source> {
        Arc::new(source(&self.site, self.folder.path(), self.more))
    }

    async fn put(&self, name: &str, word: &str) {
        let body = format!("<h2>Steps</h2><p>Restart the relay {word} now.</p>");
        self.site.state().put_page(&format!("10{name}"), &format!("Relay {name}"), None, &body);
    }

    async fn remove(&self, name: &str) {
        self.site.state().entities.remove(&format!("10{name}"));
    }

    async fn fail_item(&self, name: Option<&str>) -> bool {
        self.site.state().faults.broken = name.map(|name| format!("10{name}")).into_iter().collect();
        true
    }

    async fn cut_listing(&self, is_cut: bool) -> bool {
        self.site.state().faults.cut_after = is_cut.then_some(4);
        true
    }
}

mod contract_of_cloud {
    use super::*;
    contract_tests!(Changing::start(true, ""));
}

mod contract_of_data_center {
    use super::*;
    contract_tests!(Changing::start(false, ""));
}

/// Reads a changing site run by run, and compares each state with that of a clean run.
async fn check_incremental(is_cloud: bool, more: &'static str, zone_hours: i64) {
    let site = filled(is_cloud, 30).await;
    site.state().zone_hours = zone_hours;
    let folder = tempfile::tempdir().expect("a directory");
    let open = || source(&site, folder.path(), more);
    let target = Target::new();
    target.run(open()).await.expect("it works");
    type Change = fn(&mut State);
    let changes: [(&str, Change); 8] = [
        ("nothing", |_| {}),
        ("a page", |state| {
            state.put_page("1003", "Relay 3", Some("100"), "<p>new words</p>");
        }),
        ("a comment", |state| {
            state.put("50004", "comment", "Re", Some("1004"), "<p>other words</p>");
        }),
        ("a new comment", |state| {
            state.put("59000", "comment", "Re", Some("1004"), "<p>more words</p>");
        }),
        ("a file", |state| {
            state.put_file("59001", "a.xlsx", "1005", "x");
        }),
        ("a new page", |state| {
            state.put_page("1900", "Relay new", Some("1004"), "<p>fresh words</p>");
        }),
        ("a title", |state| {
            state.put_page("1006", "Renamed", Some("100"), "<p>same words</p>");
        }),
        ("both", |state| {
            state.put_page("1007", "Relay 7", Some("100"), "<p>page words</p>");
            state.put("50007", "comment", "Re", Some("1007"), "<p>comment words</p>");
        }),
    ];
    for (what, change) in changes {
        change(&mut site.state());
        site.requests();
        let report = target.run(open()).await.expect("it works");
        let written = report.documents.added + report.documents.changed;
        assert_eq!(written, u64::from(what != "nothing"), "{what}: {:?}", report.documents);
        let num_requests = site.requests().len();
        assert!(num_requests <= 4, "{what}: {num_requests} requests");
        let clean = Target::new();
        clean.run(open()).await.expect("it works");
        assert_eq!(target.texts().await, clean.texts().await, "{what}");
    }
}

#[tokio::test]
async fn runs_over_changes_equal_clean_runs() {
    check_incremental(true, "", 0).await;
    check_incremental(false, "", 0).await;
}

/// The token's owner may live anywhere.
#[tokio::test]
async fn listings_of_changes_miss_nothing_in_any_time_zone() {
    check_incremental(true, "full_listing_hours = 1", 0).await;
    check_incremental(true, "full_listing_hours = 1", -12).await;
    check_incremental(false, "full_listing_hours = 1", 14).await;
}

/// A deletion, which a listing of changes cannot show, is found by the next full listing.
#[tokio::test]
async fn deletions_wait_for_a_full_listing() {
    let site = filled(true, 30).await;
    let folder = tempfile::tempdir().expect("a directory");
    let target = Target::new();
    target.run(source(&site, folder.path(), "full_listing_hours = 1")).await.expect("it works");
    {
        let mut state = site.state();
        state.entities.remove("1003");
        state.entities.remove("50004");
    }
    target.run(source(&site, folder.path(), "full_listing_hours = 1")).await.expect("it works");
    assert!(target.texts().await.contains_key("wiki/1003"));
    let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!((report.documents.removed, report.documents.changed), (1, 1), "{:?}", report.documents);
    assert!(!target.texts().await.contains_key("wiki/1003"));

    // A search whose index lags behind removes nothing.
    site.state().faults.unsearchable.insert("1005".to_owned());
    let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!(report.documents.removed, 0);
    assert!(report.warnings[0].message.contains("does not list the page 1005"), "{:?}", report.warnings);
    // A page that moved to another space is gone.
    site.state().faults.unsearchable.clear();
    site.state().entities.get_mut("1005").expect("it is there").space = "DEV";
    let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!((report.documents.removed, report.warnings.len()), (1, 0));
}

#[tokio::test]
async fn restricted_pages_go_at_once_or_get_their_tags() {
    let site = filled(true, 10).await;
    let folder = tempfile::tempdir().expect("a directory");
    let target = Target::new();
    let tags = "restrictions = { access = [\"leads\"] }";
    site.state().put_page("1100", "Below", Some("1003"), "<p>below words</p>");
    target.run(source(&site, folder.path(), "")).await.expect("it works");
    // No version changes with who may view a page.
    site.state().entities.get_mut("1003").expect("it is there").is_restricted = true;
    let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!(report.documents.removed, 2, "the page and the one below it");
    let shown: Vec<&str> = report.rejected.iter().map(|rejection| rejection.path.as_str()).collect();
    assert_eq!(shown, ["wiki/1003 (Relay 3)", "wiki/1100 (Below)"]);
    assert!(!report.has_faults(), "it is as the settings say");
    let tagged = Target::new();
    tagged.run(source(&site, folder.path(), tags)).await.expect("it works");
    let with_tag: Vec<String> = tagged
        .texts()
        .await
        .into_iter()
        .filter(|(_, text)| text.contains("[\"leads\"]"))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(with_tag, ["wiki/1003", "wiki/1100"]);
    site.state().entities.get_mut("1003").expect("it is there").is_restricted = false;
    tagged.run(source(&site, folder.path(), tags)).await.expect("it works");
    assert!(!tagged.texts().await["wiki/1100"].contains("leads"));

    // In a listing of changes, pages above are asked for.
    let daily = "full_listing_hours = 1";
    let target = Target::new();
    target.run(source(&site, folder.path(), daily)).await.expect("it works");
    {
        let mut state = site.state();
        state.entities.get_mut("1003").expect("it is there").is_restricted = true;
        state.put_page("1100", "Below", Some("1003"), "<p>changed words</p>");
    }
    target.run(source(&site, folder.path(), daily)).await.expect("it works");
    let texts = target.texts().await;
    assert!(!texts.contains_key("wiki/1100"), "{:?}", texts.get("wiki/1100"));
}

#[tokio::test]
async fn faults_of_the_site_cost_no_page() {
    for is_cloud in [true, false] {
        let site = filled(is_cloud, 120).await;
        for (id, page) in [("60000", "1003"), ("60001", "1003"), ("60002", "1050")] {
            site.state().put_file(id, "steps.md", page, &format!("Words of the file {id}.\n"));
        }
        let folder = tempfile::tempdir().expect("a directory");
        let (well, _) = read_all(&source(&site, folder.path(), "")).await;
        assert_eq!(well.len(), 124);
        for seed in 1..4 {
            site.state().random_from(seed);
            site.state().faults.percent = 30;
            let (documents, reported) = read_all(&source(&site, folder.path(), "")).await;
            assert_eq!((texts(&documents), reported), (texts(&well), Vec::new()));
        }
        site.state().faults.percent = 0;
        for most in [1, 3, 60] {
            site.state().faults.most_results = Some(most);
            let (documents, reported) = read_all(&source(&site, folder.path(), "")).await;
            assert_eq!((texts(&documents), reported), (texts(&well), Vec::new()), "{most}");
        }
        site.state().faults.most_results = None;
        site.state().faults.only_plain_searches = true;
        let (documents, reported) = read_all(&source(&site, folder.path(), "")).await;
        assert_eq!((texts(&documents), reported), (texts(&well), Vec::new()));
    }
}

#[tokio::test]
async fn truncated_replies_and_pages_without_storage_are_read_another_way() {
    let site = filled(true, 20).await;
    let folder = tempfile::tempdir().expect("a directory");
    {
        let mut state = site.state();
        state.faults.without_storage.insert("1003".to_owned());
        state.faults.broken.insert("1004".to_owned());
        state.put_page("1005", "Cut", Some("100"), "<p>begin</p><![CDATA[never ends");
        state.faults.truncated = 6;
    }
    let (documents, reported) = read_all(&source(&site, folder.path(), "")).await;
    let text = |id: &str| documents[id].body.as_str().to_owned();
    assert!(text("wiki/1003").starts_with("# Operations\n\nview of Relay 3\n"), "{}", text("wiki/1003"));
    assert!(text("wiki/1003").contains("Seen on r3."), "{}", text("wiki/1003"));
    assert!(text("wiki/1005").contains("view of Cut"), "{}", text("wiki/1005"));
    assert_eq!((documents.len(), reported), (20, vec!["wiki/1004: it answered with status 500".to_owned()]));
}

#[tokio::test]
async fn a_site_that_is_busy_is_waited_for() {
    let site = filled(true, 3).await;
    let folder = tempfile::tempdir().expect("a directory");
    site.state().faults.busy = 2;
    let started = Instant::now();
    let (documents, _) = read_all(&source(&site, folder.path(), "")).await;
    assert_eq!(documents.len(), 4);
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_site_that_fails_as_a_whole_is_left_alone() {
    let site = filled(true, 60).await;
    let folder = tempfile::tempdir().expect("a directory");
    let live = source(&site, folder.path(), "");
    let listing = live.list(&SyncState::default()).await.expect("it can be listed");
    site.requests();
    site.state().faults.status = Some(500);
    let readings = listing.reader.read(&listing.items).await;
    assert!(readings.iter().all(|reading| reading.is_unknown && reading.parsed.rejected.len() == 1));
    let num_requests = site.requests().len();
    assert!(num_requests < 200, "{num_requests}");
    let readings = listing.reader.read(&listing.items).await;
    assert!(readings.iter().all(|reading| reading.is_unknown) && site.requests().is_empty());
}

#[tokio::test]
async fn refused_credentials_name_the_source_and_where_they_are() {
    let site = filled(false, 1).await;
    let folder = tempfile::tempdir().expect("a directory");
    let live = source(&site, folder.path(), "");
    std::fs::write(folder.path().join("token"), "wrong-canary").expect("there is space");
    let error = live.list(&SyncState::default()).await.err().expect("it is refused");
    assert!(matches!(error, SourceError::Credentials { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.starts_with(
            "source `wiki`: the site refuses the credentials: it answered with status 401; check the file"
        ),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
    std::fs::remove_file(folder.path().join("token")).expect("it is there");
    let said =
        live.list(&SyncState::default()).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("cannot be read"), "{said}");
    for (toml, reason) in [
        ("", "give the `url` of the site"),
        ("url = \"http://x\"", "name the `spaces`"),
        ("url = \"http://x\"\nspaces = [\"A\\\") or type in (page\"]", "is no key of a space"),
    ] {
        let error = Live::new("wiki".to_owned(), Settings::sample(toml), Defaults::default(), POLICY).err();
        let said = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(reason), "{said}");
    }
}

/// A run that is killed on the way leaves what it had committed, and the next one goes on.
#[tokio::test]
async fn a_run_that_is_killed_is_gone_on_with() {
    let site = filled(true, 120).await;
    let folder = tempfile::tempdir().expect("a directory");
    let target = Target::new();
    for after_ms in [30, 60, 120, 240] {
        let run = target.run(source(&site, folder.path(), ""));
        let _ = tokio::time::timeout(Duration::from_millis(after_ms), run).await;
    }
    // The first listing breaks off as well. A killed run may hold the lock for a moment.
    site.state().faults.cut_after = Some(100);
    let mut run = target.run(source(&site, folder.path(), "")).await;
    while matches!(run, Err(IngestError::Store(store::StoreError::Locked { .. }))) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        run = target.run(source(&site, folder.path(), "")).await;
    }
    run.expect("what was listed is read");
    site.state().faults.cut_after = None;
    target.run(source(&site, folder.path(), "")).await.expect("it works");
    let clean = Target::new();
    clean.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!(target.texts().await, clean.texts().await);
}

/// `cargo test -p runbookd-ingest --lib confluence::tests::live::ten_thousand -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; prints times"]
async fn ten_thousand_pages() {
    let site = filled(true, 10_000).await;
    for number in (0..10_000).step_by(5) {
        let (id, page) = ((70_000 + number).to_string(), (1000 + number).to_string());
        site.state().put_file(&id, "steps.md", &page, &format!("Restart the relay r{number}.\n"));
    }
    let folder = tempfile::tempdir().expect("a directory");
    let target = Target::new();
    for what in ["first", "unchanged", "one page changed"] {
        if what == "one page changed" {
            site.state().put_page("1003", "Relay 3", Some("100"), "<p>new words</p>");
        }
        site.requests();
        let started = Instant::now();
        let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
        let requests = site.requests();
        println!(
            "{what}: {:.1} s, {} requests, of them {} for files, {:?}, peak memory {}",
            started.elapsed().as_secs_f32(),
            requests.len(),
            requests.iter().filter(|request| request.contains("/download")).count(),
            report.documents,
            peak_memory()
        );
    }
    site.requests();
    let started = Instant::now();
    let listing =
        source(&site, folder.path(), "").list(&SyncState::default()).await.expect("it can be listed");
    let listed = started.elapsed();
    let mut num_documents = 0;
    for batch in listing.items.chunks(64) {
        num_documents +=
            listing.reader.read(batch).await.iter().map(|read| read.parsed.documents.len()).sum::<usize>();
    }
    println!(
        "without storing: listed in {:.1} s, {num_documents} documents read in {:.1} s, {} requests",
        listed.as_secs_f32(),
        (started.elapsed() - listed).as_secs_f32(),
        site.requests().len()
    );
}

/// The most memory that this process has had, as the kernel counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or(" unknown").trim().to_owned()
}
