use super::*;
use crate::sources::folder::FolderSource;
use std::{collections::BTreeMap, fs, io::Write as _};

/// The result of reading a folder: its documents, and the messages about it.
struct Look {
    documents: BTreeMap<String, Document>,
    told: Vec<String>,
    unknown: Vec<String>,
}

async fn look(folder: &Path) -> Look {
    let source = FolderSource::at(folder, Some("kb"), Defaults::default()).expect("it is there");
    let listing = source.list(&SyncState::default()).await.expect("it lists");
    assert!(listing.is_complete);
    let mut look = Look { documents: BTreeMap::new(), told: Vec::new(), unknown: Vec::new() };
    let place = format!("{}/", folder.display());
    let told = |path: &str, reason: &str| format!("{path}: {reason}").replace(&place, "");
    look.told.extend(listing.rejected.iter().map(|rejection| told(&rejection.path, &rejection.reason)));
    look.told.extend(listing.warnings.iter().map(|warning| told(&warning.path, &warning.message)));
    let readings = listing.reader.read(&listing.items).await;
    for (item, reading) in listing.items.iter().zip(readings) {
        let rejected = reading.parsed.rejected.iter();
        look.told.extend(rejected.map(|rejection| told(&rejection.path, &rejection.reason)));
        if reading.is_unknown {
            look.unknown.push(item.key.clone());
        }
        for document in reading.parsed.documents {
            assert_eq!(document.meta.source, "kb");
            look.documents.insert(document.meta.id.clone(), document);
        }
    }
    look
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    fs::write(path, text).expect("there is space");
}

fn issue(key: &str, word: &str, linked: &str) -> Value {
    json!({"key": key, "fields": {
        "summary": format!("Relay {word}"), "description": "It stops.", "status": {"name": "Open"},
        "issuelinks": [{"type": {"outward": "blocks"}, "outwardIssue": {"key": linked, "fields": {"summary": "x"}}}],
    }})
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().canonicalize().expect("it is there").join("kb");
    fs::create_dir(&path).expect("the name is free");
    (directory, path)
}

#[tokio::test]
async fn pages_and_issues_of_exports_are_documents_of_their_own() {
    let (_directory, folder) = folder();
    let jira = |word: &str| {
        json!({"total": 2, "issues": [issue("OPS-1", "one", "OPS-2"), issue("OPS-2", word, "OPS-1")]})
            .to_string()
    };
    write(&folder, "exports/jira.json", &jira("two"));
    let github = json!([{"number": 7, "title": "Relay hangs", "body": "It hangs.", "state": "OPEN"}]);
    write(&folder, "exports/gh#1.json", &github.to_string());
    write(
        &folder,
        "gitlab.jsonl",
        "{\"iid\": 3, \"title\": \"Relay leaks\", \"description\": \"It leaks.\", \"state\": \"opened\"}\n",
    );
    write(&folder, "page#7.md", "# Page\n\nText of it.\n");
    write(&folder, "data.json", "{\"title\": \"x\", \"number\": 1}");
    write(
        &folder,
        "incidents.jsonl",
        "{\"id\": \"a\", \"failure\": \"The relay is down\", \"resolution\": \"Start it.\"}\n",
    );
    let first = look(&folder).await;
    let ids: Vec<&str> = first.documents.keys().map(String::as_str).collect();
    assert_eq!(
        ids,
        [
            "kb/exports/gh#1.json#issues/7",
            "kb/exports/jira.json#OPS-1",
            "kb/exports/jira.json#OPS-2",
            "kb/gitlab.jsonl#issues/3",
            "kb/incidents.jsonl#a",
            "kb/page#7.md",
        ]
    );
    let links = &first.documents["kb/exports/jira.json#OPS-1"].meta.links;
    let targets: Vec<&str> = links.iter().map(|link| link.target.as_str()).collect();
    assert_eq!(targets, ["kb/exports/jira.json#OPS-2"]);
    let hint = "read as a file of this folder; to have the ids and links of the live system, make it a source of its own in ingest.toml:";
    insta::assert_snapshot!(first.told.join("\n").replace(hint, "HINT"), @r#"
    exports/gh#1.json: an export of issues of GitHub or GitLab, HINT type = "github-issues", export = "exports/gh#1.json"
    exports/jira.json: an export of issues of Jira, HINT type = "jira", export = "exports/jira.json"
    gitlab.jsonl: an export of issues of GitHub or GitLab, HINT type = "github-issues", export = "gitlab.jsonl"
    data.json: not supported yet: .json
    "#);

    // One issue's change is that issue's.
    write(&folder, "exports/jira.json", &jira("three"));
    let second = look(&folder).await;
    let is_changed = |id: &&String| first.documents[*id].content_hash != second.documents[*id].content_hash;
    let changed: Vec<&String> = first.documents.keys().filter(is_changed).collect();
    assert_eq!(changed, ["kb/exports/jira.json#OPS-2"]);
}

#[tokio::test]
async fn a_damaged_export_keeps_what_can_be_read() {
    let (_directory, folder) = folder();
    let whole = json!([issue("OPS-1", "one", "OPS-2"), issue("OPS-2", "two", "OPS-1")]).to_string();
    write(&folder, "jira.json", &whole[..whole.len() - 20]);
    write(&folder, "space/entities.xml", "<hibernate-generic><object class=\"Page\"><id name=\"id\">1</id>");
    write(&folder, "page.md", "# Page\n\nText of it.\n");
    let look = look(&folder).await;
    let ids: Vec<&str> = look.documents.keys().map(String::as_str).collect();
    assert_eq!(ids, ["kb/jira.json#OPS-1", "kb/page.md"]);
    assert_eq!(look.unknown, ["jira.json", "space/entities.xml"]);
    let told: Vec<&String> = look.told.iter().filter(|told| !told.contains(" export = ")).collect();
    insta::assert_snapshot!(told.into_iter().map(String::as_str).collect::<Vec<_>>().join("\n"), @r"
    jira.json at byte 202: not valid JSON: the file ends early
    jira.json: not all of the export can be read; what is stored of the rest stays
    space/entities.xml: source `kb/space/entities.xml`: the export `space/entities.xml` entities.xml is damaged at byte 60: it ends early
    ");
}

#[tokio::test]
async fn spaces_of_confluence_are_read_page_by_page() {
    let (_directory, folder) = folder();
    let object = |class: &str, id: u32, rest: &str| {
        format!("<object class=\"{class}\" package=\"p\"><id name=\"id\">{id}</id>{rest}</object>")
    };
    let page = |id: u32, title: &str| {
        let body = format!(
            "<property name=\"title\">{title}</property><property name=\"contentStatus\">current</property>"
        );
        let text = format!(
            "<property name=\"body\"><![CDATA[<p>All about {title}.</p>]]></property><property name=\"bodyType\">2</property>\
             <property name=\"content\" class=\"Page\" package=\"p\"><id name=\"id\">{id}</id></property>"
        );
        format!("{}{}", object("Page", id, &body), object("BodyContent", 100 + id, &text))
    };
    let entities = format!("<hibernate-generic>{}{}</hibernate-generic>", page(1, "Relay"), page(2, "Pump"));
    write(&folder, "unpacked/entities.xml", &entities);
    let file = fs::File::create(folder.join("space.zip")).expect("there is space");
    let mut zip = zip::ZipWriter::new(file);
    for (name, text) in [("entities.xml", entities.as_str()), ("attachments/1/a.md", "# A\n\nText.\n")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("it begins");
        zip.write_all(text.as_bytes()).expect("there is space");
    }
    zip.finish().expect("it ends");
    let file = fs::File::create(folder.join("site.zip")).expect("there is space");
    let mut zip = zip::ZipWriter::new(file);
    for (name, text) in
        [("OPS/index.html", "<p>Index of it</p>"), ("OPS/Relay_12.html", "<p>All about it.</p>")]
    {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("it begins");
        zip.write_all(text.as_bytes()).expect("there is space");
    }
    zip.finish().expect("it ends");
    let look = look(&folder).await;
    let ids: Vec<&str> = look.documents.keys().map(String::as_str).collect();
    assert_eq!(
        ids,
        [
            "kb/site.zip/OPS/Relay_12.html",
            "kb/site.zip/OPS/index.html",
            "kb/space.zip#1",
            "kb/space.zip#2",
            "kb/unpacked/entities.xml#1",
            "kb/unpacked/entities.xml#2",
        ]
    );
    let names: Vec<&str> = look.told.iter().filter_map(|told| told.split(": an export of").next()).collect();
    assert_eq!(names, ["site.zip", "unpacked/entities.xml", "space.zip"]);
}

/// A dump of pages, each with a text, and of one that is no article; `filling` bytes belong to the head.
fn dump(pages: &[(u32, &str)], filling: usize) -> String {
    let page = |(id, text): &(u32, &str)| {
        format!(
            "<page><title>Page {id}</title><ns>0</ns><id>{id}</id><revision><timestamp>2024-01-02T03:04:05Z</timestamp>\
             <text>{text} [[Page 1]] [[Page 2|two]]</text></revision></page>\n"
        )
    };
    let pages: String = pages.iter().map(page).collect();
    let talk = "<page><title>Talk</title><ns>1</ns><id>99</id><revision><text>x</text></revision></page>";
    let head =
        format!("<base>https://w.example/wiki/Main</base><x>{}</x><x>{0}</x>", "y".repeat(filling / 2));
    format!("<mediawiki xml:lang=\"en\">\n<siteinfo>{head}</siteinfo>\n{talk}{pages}</mediawiki>")
}

#[tokio::test]
async fn large_dumps_are_read_page_by_page() {
    let (_directory, folder) = folder();
    let pages = [(1, "Relay ééé."), (2, "Pump."), (3, "Valve.")];
    write(&folder, "wiki.xml", &dump(&pages, 0));
    let small = look(&folder).await;
    write(&folder, "wiki.xml", &dump(&pages, 10 << 20));
    let large = look(&folder).await;
    let told = |look: &Look| -> Vec<(String, String, Vec<String>, Option<String>)> {
        let of = |document: &Document| {
            let links = document.meta.links.iter().map(|link| link.target.clone()).collect();
            (document.meta.id.clone(), document.body.as_str().to_owned(), links, document.meta.url.clone())
        };
        look.documents.values().map(of).collect()
    };
    assert_eq!(told(&small), told(&large));
    assert_eq!((large.documents.len(), &large.told), (3, &small.told));
    let links = &large.documents["kb/wiki.xml#3"].meta.links;
    assert!(links.iter().any(|link| link.target == "kb/wiki.xml#1"), "{links:?}");

    let whole = dump(&pages, 10 << 20);
    write(&folder, "wiki.xml", &whole[..whole.len() - 40]);
    let cut = look(&folder).await;
    assert_eq!(cut.documents.keys().collect::<Vec<_>>(), ["kb/wiki.xml#1", "kb/wiki.xml#2"]);
    assert_eq!(cut.unknown, ["wiki.xml"]);
    // A text that is longer than any page's is not kept.
    write(&folder, "wiki.xml", &dump(&[(1, &"z".repeat(9 << 20))], 0));
    let long = look(&folder).await;
    assert!(
        long.documents.is_empty() && long.told.iter().any(|told| told.contains("cannot be read from byte"))
    );
}
