//! Attached files of a live site: as documents of their own, in step with the site, and where they cannot be had.

use super::{
    live::{Target, filled, read_all, source},
    site::{FileFault, Site, State},
};
use crate::sources::{
    Source,
    contract::{SourceUnderTest, contract_tests},
};
use async_trait::async_trait;
use kb::document::Kind;
use std::sync::Arc;

/// A site with pages and files at three of them.
async fn with_files(is_cloud: bool) -> Site {
    let site = filled(is_cloud, 30).await;
    {
        let mut state = site.state();
        state.entities.get_mut("1003").expect("it is there").labels = vec!["runbook"];
        state.put_file("60000", "steps.md", "1003", "## Restart\n\nRestart relay three.\n");
        state.put_file("60001", "notes", "1003", "Relay three is in rack nine.\n");
        state.put_file("60002", "sizes.xlsx", "1003", "x");
        state.put_file("60003", "x.png", "1004", "x");
        state.put_file("60004", "faq.csv", "1005", "question,answer\nWhy is it slow?,The disk is full.\n");
        state.put_file("60005", "old.md", "1006", "Old words.\n").status = "trashed";
        state.put_page("2000", "Archived", None, "<p>x</p>").status = "archived";
        state.put_file("60006", "old.md", "2000", "Old words.\n");
    }
    site.requests();
    site
}

#[tokio::test]
async fn attached_files_are_documents() {
    for is_cloud in [true, false] {
        let site = with_files(is_cloud).await;
        let folder = tempfile::tempdir().expect("a directory");
        let (documents, reported) = read_all(&source(&site, folder.path(), "")).await;
        let ids: Vec<&str> =
            documents.keys().map(String::as_str).filter(|id| id.contains("attachment")).collect();
        assert_eq!(ids.len(), 3, "{ids:?}");
        assert_eq!(
            reported,
            ["wiki (attachments): 2 attached files are in no format that is read: 1 .png, 1 .xlsx"]
        );
        let steps = &documents["wiki/1003/attachment/60000"];
        assert_eq!(
            (steps.body.as_str(), &*steps.above),
            ("## Restart\n\nRestart relay three.\n", &["Operations › Relay 3".to_owned()][..])
        );
        let meta = &steps.meta;
        assert_eq!((meta.title.as_str(), meta.kind), ("Restart", Kind::Runbook));
        assert_eq!((meta.labels.join(" ").as_str(), meta.author.as_deref()), ("runbook", Some("Anna")));
        assert!(meta.updated_at.is_some() && meta.access.is_empty());
        let url = format!(
            "{}/pages/viewpageattachments.action?pageId=1003&preview=%2F1003%2F60000%2Fsteps%2Emd",
            site.url
        );
        assert_eq!(meta.url.as_deref(), Some(url.as_str()));
        let notes = &documents["wiki/1003/attachment/60001"];
        assert_eq!(notes.meta.title, "Relay 3: notes");
        assert_eq!(notes.body.as_str(), "Relay three is in rack nine.\n");
        assert!(documents["wiki/1003"].body.as_str().contains("- steps.md"), "its page names it");
        assert!(ids[2].starts_with("wiki/1005/attachment/60004#"), "{ids:?}");
        // One listing, one request for pages and one for comments and files of each batch, then the heads of pages.
        let requests = site.requests();
        let downloads = requests.iter().filter(|request| request.contains("/download")).count();
        assert_eq!(downloads, 3);
        assert!(requests.len() <= 20, "{requests:#?}");
        let of_store = site.state().store_requests.clone();
        assert_eq!(of_store.len(), if is_cloud { 3 } else { 0 });
        for request in of_store {
            let request = request.to_lowercase();
            assert!(!request.contains("authorization") && !request.contains("cookie"), "{request}");
        }
        let (without, reported) = read_all(&source(&site, folder.path(), "attachments = false")).await;
        assert!(without.keys().all(|id| !id.contains("attachment")) && reported.is_empty(), "{reported:?}");
        assert!(!without["wiki/1003"].body.as_str().contains("steps.md"));
    }
}

/// The site of a test as the contract needs it: each document is a file of a page of its own.
struct Filed {
    site: Site,
    folder: tempfile::TempDir,
}

impl Filed {
    fn start(is_cloud: bool) -> Self {
        let handle = tokio::runtime::Handle::current();
        let site = tokio::task::block_in_place(|| handle.block_on(Site::start(is_cloud)));
        Self { site, folder: tempfile::tempdir().expect("a directory") }
    }
}

#[async_trait]
impl SourceUnderTest for Filed {
    fn open(&self) -> Arc<dyn Source> {
        Arc::new(source(&self.site, self.folder.path(), ""))
    }

    async fn put(&self, name: &str, word: &str) {
        let mut state = self.site.state();
        if !state.entities.contains_key(&format!("10{name}")) {
            state.put_page(&format!("10{name}"), &format!("Relay {name}"), None, "<p>See the file.</p>");
        }
        let text = format!("# Steps\n\nRestart the relay {word} now.\n");
        state.put_file(&format!("60{name}"), &format!("{name}.md"), &format!("10{name}"), &text);
    }

    async fn remove(&self, name: &str) {
        let mut state = self.site.state();
        state.entities.remove(&format!("60{name}"));
        state.entities.remove(&format!("10{name}"));
    }

    async fn fail_item(&self, name: Option<&str>) -> bool {
        let failing = name.map(|name| (format!("60{name}"), FileFault::Fails));
        self.site.state().faults.files = failing.into_iter().collect();
        true
    }

    async fn cut_listing(&self, is_cut: bool) -> bool {
        self.site.state().faults.cut_after = is_cut.then_some(4);
        true
    }
}

mod contract_of_cloud_files {
    use super::*;
    contract_tests!(Filed::start(true));
}

mod contract_of_data_center_files {
    use super::*;
    contract_tests!(Filed::start(false));
}

type Change = fn(&mut State);

/// Changes that runs must follow: each with the documents that are written, the files that are asked for, and whether
/// only a full listing sees it.
const CHANGES: [(&str, u64, usize, bool, Change); 8] = [
    ("nothing", 0, 0, false, |_| {}),
    ("a file", 1, 1, false, |state| {
        state.put_file("60000", "steps.md", "1003", "## Restart\n\nOther words.\n");
    }),
    ("a new file", 2, 1, false, |state| {
        state.put_file("60010", "new.md", "1007", "Fresh words.\n");
    }),
    ("the text of a page", 1, 0, false, |state| {
        state.put_page("1003", "Relay 3", Some("100"), "<p>New words.</p>");
    }),
    // The page, and what stands below its title.
    ("the title of a page", 3, 2, false, |state| {
        state.put_page("1003", "Relay three", Some("100"), "<p>New words.</p>");
    }),
    ("the name of a file", 2, 1, false, |state| {
        state.put_file("60010", "renamed.md", "1007", "Fresh words.\n");
    }),
    ("a file that is of no format now", 1, 0, false, |state| {
        state.put_file("60010", "renamed.zip", "1007", "Fresh words.\n");
    }),
    ("a file that is gone", 1, 0, true, |state| {
        state.entities.remove("60000");
    }),
];

async fn check_changes(is_cloud: bool, more: &'static str) {
    let site = with_files(is_cloud).await;
    let folder = tempfile::tempdir().expect("a directory");
    let open = || source(&site, folder.path(), more);
    let target = Target::new();
    target.run(open()).await.expect("it works");
    for (what, num_written, num_downloads, needs_all, change) in CHANGES {
        if needs_all && !more.is_empty() {
            continue;
        }
        change(&mut site.state());
        site.requests();
        let report = target.run(open()).await.expect("it works");
        assert!(!report.has_faults(), "{what}: {:?}", report.rejected);
        let written = report.documents.added + report.documents.changed;
        let found = (written, site.num_downloads());
        assert_eq!(found, (num_written, num_downloads), "{what}: {:?}", report.documents);
        let clean = Target::new();
        clean.run(open()).await.expect("it works");
        assert_eq!(target.texts().await, clean.texts().await, "{what}");
    }
}

#[tokio::test]
async fn files_are_kept_in_step_and_fetched_once() {
    check_changes(true, "").await;
    check_changes(false, "").await;
    check_changes(true, "full_listing_hours = 1").await;
    check_changes(false, "full_listing_hours = 1\noverlap_minutes = 1").await;
}

/// The ids of the attached files in a knowledge base.
async fn files_of(target: &Target) -> Vec<String> {
    target.texts().await.into_keys().filter(|id| id.contains("attachment")).collect()
}

#[tokio::test]
async fn who_may_view_a_page_may_view_its_files() {
    let site = with_files(true).await;
    let folder = tempfile::tempdir().expect("a directory");
    let (target, tagged) = (Target::new(), Target::new());
    let tags = "restrictions = { access = [\"leads\"] }";
    target.run(source(&site, folder.path(), "")).await.expect("it works");
    tagged.run(source(&site, folder.path(), tags)).await.expect("it works");
    assert_eq!(files_of(&target).await.len(), 3);
    let restrict = |page: &str, is_restricted: bool| {
        site.state().entities.get_mut(page).expect("it is there").is_restricted = is_restricted;
    };
    restrict("1003", true);
    site.requests();
    let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!((report.documents.removed, site.num_downloads()), (3, 0), "the page and its files");
    assert_eq!(files_of(&target).await.len(), 1);
    tagged.run(source(&site, folder.path(), tags)).await.expect("it works");
    let with_tag = async || {
        let texts = tagged.texts().await;
        let tagged = texts.into_iter().filter(|(_, text)| text.contains("[\"leads\"]"));
        tagged.map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(with_tag().await, ["wiki/1003", "wiki/1003/attachment/60000", "wiki/1003/attachment/60001"]);
    // A new file of a restricted page is not even downloaded.
    site.state().put_file("60020", "new.md", "1003", "Hidden words.\n");
    site.requests();
    target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!((site.num_downloads(), files_of(&target).await.len()), (0, 1));
    // The restriction of a page above counts as well, and it may be lifted again.
    restrict("1003", false);
    restrict("100", true);
    tagged.run(source(&site, folder.path(), tags)).await.expect("it works");
    assert_eq!(with_tag().await.iter().filter(|id| id.contains("attachment")).count(), 4);
    restrict("100", false);
    tagged.run(source(&site, folder.path(), tags)).await.expect("it works");
    assert!(with_tag().await.is_empty());
    target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!(files_of(&target).await.len(), 4);
}

#[tokio::test]
async fn in_a_listing_of_changes_restrictions_are_found_at_the_page() {
    let site = with_files(true).await;
    let folder = tempfile::tempdir().expect("a directory");
    let open = || source(&site, folder.path(), "full_listing_hours = 1\noverlap_minutes = 1");
    let target = Target::new();
    target.run(open()).await.expect("it works");
    {
        let mut state = site.state();
        state.put_page("1003", "Relay 3", Some("100"), "<p>words</p>").is_restricted = true;
        // The page above it is not listed, and is asked for.
        state.entities.get_mut("100").expect("it is there").is_restricted = true;
        state.put_file("60004", "faq.csv", "1005", "question,answer\nWhy?,Hidden.\n");
    }
    target.run(open()).await.expect("it works");
    assert!(files_of(&target).await.is_empty(), "{:?}", files_of(&target).await);
}

#[tokio::test]
async fn a_file_that_cannot_be_had_keeps_its_old_version() {
    for is_cloud in [true, false] {
        for (fault, reason) in [
            (FileFault::Fails, "it cannot be downloaded: it answered with status 500"),
            (FileFault::Cut, "it cannot be downloaded: the reply was cut off"),
            (FileFault::Login, "47 bytes were given, and 29 are listed"),
            (FileFault::SentOn, "it cannot be downloaded: it answered with status 302 and another address"),
        ] {
            // A Data Center sends on to its store, which gives no file with such a fault.
            let site = with_files(is_cloud).await;
            let folder = tempfile::tempdir().expect("a directory");
            let open = || source(&site, folder.path(), "");
            let target = Target::new();
            target.run(open()).await.expect("it works");
            let before = target.texts().await;
            {
                let mut state = site.state();
                state.put_file("60000", "steps.md", "1003", "## Restart\n\nQuite new words.\n");
                state.faults.files.insert("60000".to_owned(), fault);
            }
            let report = target.run(open()).await.expect("the others can be read");
            let rejection = report.rejected.iter().find(|rejection| !rejection.by_convention);
            let rejection = rejection.expect("it is reported");
            assert_eq!(rejection.path, "wiki/1003/attachment/60000 (Relay 3: steps.md)");
            assert!(rejection.reason.starts_with(reason), "{fault:?}: {}", rejection.reason);
            assert_eq!(target.texts().await, before, "{fault:?}");
            site.state().faults.files.clear();
            let report = target.run(open()).await.expect("it works");
            assert!(!report.has_faults() && report.documents.changed == 1, "{:?}", report.documents);
            assert!(target.texts().await["wiki/1003/attachment/60000"].contains("Quite new words"));
        }
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_keeps_its_old_version_and_is_fetched_once() {
    let site = with_files(true).await;
    let folder = tempfile::tempdir().expect("a directory");
    let open = || source(&site, folder.path(), "");
    let target = Target::new();
    target.run(open()).await.expect("it works");
    for (text, reason) in
        [("%PDF-1.4 words", "binary, not text: a PDF file under another name"), (" \n", "no text")]
    {
        site.state().put_file("60000", "steps.md", "1003", text);
        let report = target.run(open()).await.expect("it works");
        assert!(report.rejected.iter().any(|rejection| rejection.reason == reason), "{:?}", report.rejected);
        assert_eq!(report.documents.removed, 0);
        assert!(target.texts().await["wiki/1003/attachment/60000"].contains("Restart relay three."));
        site.requests();
        let report = target.run(open()).await.expect("it works");
        assert_eq!((report.documents.removed, site.num_downloads()), (0, 0));
    }
    site.state().put_file("60009", "plan.docx", "1003", "\u{1}\u{2} no package");
    site.state().put_file("60008", "plan.pdf", "1003", "no PDF");
    let report = target.run(open()).await.expect("it works");
    let faults: Vec<String> = report
        .rejected
        .iter()
        .filter(|rejection| !rejection.by_convention)
        .map(|rejection| format!("{}: {}", rejection.path, rejection.reason))
        .collect();
    assert_eq!(
        faults,
        [
            "wiki/1003/attachment/60008 (Relay 3: plan.pdf): no PDF file",
            "wiki/1003/attachment/60009 (Relay 3: plan.docx): no Word document: it is no package of an office program"
        ]
    );
}

#[tokio::test]
async fn a_store_that_fails_is_left_alone() {
    let site = with_files(true).await;
    {
        let mut state = site.state();
        for number in 0..40 {
            let id = (61_000 + number).to_string();
            state.put_file(&id, "notes.md", "1008", &format!("Words {number}.\n"));
            state.faults.files.insert(id, FileFault::SentOn);
        }
    }
    let folder = tempfile::tempdir().expect("a directory");
    let target = Target::new();
    let report = target.run(source(&site, folder.path(), "")).await.expect("the pages are read");
    assert_eq!(report.documents.added, 34, "{:?}", report.documents);
    let num_faults = report.rejected.iter().filter(|rejection| !rejection.by_convention).count();
    let num_downloads = site.num_downloads();
    assert!(num_faults == 40 && num_downloads < 15, "{num_faults} {num_downloads}");
    site.state().faults.files.clear();
    let report = target.run(source(&site, folder.path(), "")).await.expect("it works");
    assert_eq!((report.documents.added, report.has_faults()), (40, false));
}

/// A file that the search does not list, but that the site still has, stays.
#[tokio::test]
async fn files_go_only_when_a_complete_listing_lacks_them() {
    let site = with_files(true).await;
    let folder = tempfile::tempdir().expect("a directory");
    let open = || source(&site, folder.path(), "");
    let target = Target::new();
    target.run(open()).await.expect("it works");
    site.state().faults.unsearchable.insert("60000".to_owned());
    let report = target.run(open()).await.expect("it works");
    assert_eq!(report.documents.removed, 0);
    let message = &report.warnings[0].message;
    assert!(message.contains("does not list the attached file 1003/attachment/60000"), "{message}");
    site.state().entities.get_mut("60000").expect("it is there").status = "trashed";
    let report = target.run(open()).await.expect("it works");
    assert_eq!((report.documents.removed, report.warnings.len()), (1, 0));
}
