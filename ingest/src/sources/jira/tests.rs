use super::{Settings, issue, live, open};
use crate::{
    formats::Defaults,
    sources::{
        Source, SourceError,
        confluence::Flavor,
        contract::{SourceUnderTest, contract_tests},
        tracker::{
            server::{Reply, Request, Server},
            trial::{FAST, Stored},
        },
    },
};
use async_trait::async_trait;
use jiff::{Timestamp, tz::Offset};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// A Jira with one project.
#[derive(Clone)]
struct Jira {
    shop: Arc<Mutex<Shop>>,
    server: Server,
    flavor: Flavor,
}

#[derive(Default)]
struct Shop {
    issues: BTreeMap<String, Value>,
    /// Seconds since the beginning.
    clock: i64,
    failing: Option<String>,
    failing_comments: bool,
    /// Pages of a search after the first fail.
    is_cut: bool,
    /// A bulk call with more issues gives JSON that ends early.
    max_bulk: usize,
}

/// When the tests begin.
const BEGINNING: i64 = 1_767_225_600;

impl Jira {
    fn new(flavor: Flavor) -> Self {
        let shop = Arc::new(Mutex::new(Shop { max_bulk: 1_000, ..Shop::default() }));
        let theirs = shop.clone();
        let server =
            Server::start(move |request| theirs.lock().expect("no test panics with it").reply(request));
        Self { shop, server, flavor }
    }

    fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().expect("no test panics with it")
    }

    /// An issue that changes now.
    fn put(&self, key: &str, word: &str) {
        let flavor = self.flavor;
        let mut shop = self.shop();
        shop.clock += 61;
        let at = shop.now();
        let mut issue = issue::tests::record();
        issue["key"] = json!(key);
        issue["at"] = json!((BEGINNING + shop.clock) * 1_000);
        issue["self"] = json!(format!("{}/rest/api/3/issue/{key}", self.server.url));
        let fields = &mut issue["fields"];
        fields["summary"] = json!(format!("Problem {word}"));
        fields["updated"] = json!(at);
        if flavor == Flavor::DataCenter {
            fields["description"] = json!(format!("The *word* is {word}."));
            fields["comment"]["comments"]
                .as_array_mut()
                .expect("a list")
                .iter_mut()
                .for_each(|comment| comment["body"] = json!("h2. Restart {{kubelet}}"));
        }
        shop.issues.insert(key.to_owned(), issue);
    }

    fn settings(&self) -> Settings {
        let settings = json!({"url": self.server.url, "projects": ["OPS"], "full_listing_hours": 0, "page_size": 3,
            "flavor": if self.flavor == Flavor::Cloud { "cloud" } else { "data-center" }});
        serde_json::from_value(settings).expect("they are settings")
    }

    fn live(&self, settings: Settings) -> live::Live {
        let mut live = super::live("ops".to_owned(), settings, Defaults::default()).expect("it opens");
        live.policy = FAST;
        live
    }

    /// A source that reads a file with all issues of the shop, put into a JSON text by `shape`.
    fn export(&self, shape: fn(Vec<&Value>) -> String) -> (tempfile::TempDir, Box<dyn Source>) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("export.json");
        std::fs::write(&path, shape(self.shop().issues.values().collect())).expect("it can be written");
        let settings = Settings { export: Some(path), ..self.settings() };
        (directory, open("ops".to_owned(), settings, Defaults::default()).expect("it opens"))
    }
}

impl Shop {
    /// The time, in a zone that changes each time.
    fn now(&self) -> String {
        let at = Timestamp::from_second(BEGINNING + self.clock).expect("a time");
        let hours = [9, -11, 0, 14, -3][(self.clock % 5) as usize];
        let zoned = at.to_zoned(Offset::constant(hours).to_time_zone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S.000%z").to_string()
    }

    fn reply(&mut self, request: &Request) -> Reply {
        let path = request.path.trim_start_matches("/rest/api/3/").trim_start_matches("/rest/api/2/");
        match (request.method.as_str(), path) {
            ("POST", "search/jql") => {
                let start = request.body["nextPageToken"]
                    .as_str()
                    .map_or(0, |token| token.parse().expect("our token"));
                let size = request.body["maxResults"].as_u64().expect("a number") as usize;
                if self.is_cut && start > 0 {
                    return Reply::status(500);
                }
                let found = self.found(request.body["jql"].as_str().expect("a text"));
                let fields: Vec<&str> = request.body["fields"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                let rows: Vec<Value> =
                    found.iter().skip(start).take(size).map(|issue| with_fields(issue, &fields)).collect();
                let end = start + rows.len();
                let mut page = json!({"issues": rows, "isLast": end >= found.len()});
                if end < found.len() {
                    page["nextPageToken"] = json!(end.to_string());
                }
                Reply::json(&page)
            }
            ("GET", "search") => {
                let number = |name: &str| request.query[name].parse::<usize>().expect("a number");
                let (start, size) = (number("startAt"), number("maxResults").min(50));
                if self.is_cut && (start > 0 || request.query["jql"].contains("updated >=")) {
                    return Reply::status(500);
                }
                let found = self.found(&request.query["jql"]);
                let fields: Vec<&str> = request.query["fields"].split(',').collect();
                let rows: Vec<Value> =
                    found.iter().skip(start).take(size).map(|issue| with_fields(issue, &fields)).collect();
                Reply::json(
                    &json!({"startAt": start, "maxResults": size, "total": found.len(), "issues": rows}),
                )
            }
            ("POST", "issue/bulkfetch") => {
                let keys = request.body["issueIdsOrKeys"].as_array().expect("a list");
                let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
                let found = keys.iter().filter(|key| self.failing.as_deref() != Some(**key));
                let issues: Vec<&Value> = found.filter_map(|key| self.issues.get(*key)).collect();
                let mut reply = Reply::json(&json!({"issues": issues}));
                if keys.len() > self.max_bulk {
                    reply.body.truncate(reply.body.len() / 2);
                }
                reply
            }
            ("GET", path) => {
                let key = path.strip_prefix("issue/").unwrap_or_default();
                if let Some(key) = key.strip_suffix("/comment") {
                    return self.comments(key, request);
                }
                match self.issues.get(key) {
                    _ if self.failing.as_deref() == Some(key) => Reply::status(500),
                    Some(issue) => Reply::json(issue),
                    None => Reply::status(404),
                }
            }
            _ => Reply::status(405),
        }
    }

    fn comments(&self, key: &str, request: &Request) -> Reply {
        if self.failing_comments {
            return Reply::status(500);
        }
        let number = |name: &str| request.query[name].parse::<usize>().expect("a number");
        let comments = self.issues[key]["all_comments"].as_array().expect("a list");
        let page: Vec<&Value> = comments.iter().skip(number("startAt")).take(number("maxResults")).collect();
        Reply::json(&json!({"startAt": number("startAt"), "total": comments.len(), "comments": page}))
    }

    /// The issues that a search means, in the order of their changes.
    fn found(&self, jql: &str) -> Vec<&Value> {
        assert!(jql.starts_with("project = \"OPS\"") && jql.ends_with(" ORDER BY updated ASC"), "{jql}");
        let since = jql.split_once("updated >= ").map_or(0, |(_, rest)| {
            rest.split_once(' ').expect("an order").0.parse::<i64>().expect("milliseconds")
        });
        let at = |issue: &Value| issue["at"].as_i64().expect("a time");
        let mut found: Vec<&Value> = self.issues.values().filter(|issue| at(issue) >= since).collect();
        found.sort_by_key(|issue| at(issue));
        found
    }
}

fn with_fields(issue: &Value, fields: &[&str]) -> Value {
    let mut given = serde_json::Map::new();
    for (name, value) in issue["fields"].as_object().expect("fields") {
        if fields.contains(&name.as_str()) {
            given.insert(name.clone(), value.clone());
        }
    }
    json!({"id": issue["id"], "key": issue["key"], "self": issue["self"], "fields": given})
}

#[async_trait]
impl SourceUnderTest for Jira {
    fn open(&self) -> Arc<dyn Source> {
        Arc::new(self.live(self.settings()))
    }

    async fn put(&self, name: &str, word: &str) {
        Jira::put(self, &format!("OPS-{name}"), word);
    }

    async fn remove(&self, name: &str) {
        self.shop().issues.remove(&format!("OPS-{name}"));
    }

    async fn fail_item(&self, name: Option<&str>) -> bool {
        self.shop().failing = name.map(|name| format!("OPS-{name}"));
        self.flavor == Flavor::Cloud
    }

    async fn cut_listing(&self, is_cut: bool) -> bool {
        self.shop().is_cut = is_cut;
        true
    }
}

mod cloud_contract {
    use super::*;
    contract_tests!(Jira::new(Flavor::Cloud));
}

mod data_center_contract {
    use super::*;
    contract_tests!(Jira::new(Flavor::DataCenter));
}

fn filled(flavor: Flavor, num_issues: usize) -> Jira {
    let jira = Jira::new(flavor);
    (1..=num_issues).for_each(|number| jira.put(&format!("OPS-{number}"), &format!("word{number}")));
    jira
}

#[tokio::test]
async fn exports_and_the_live_system_give_the_same() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 20);
        let live = Stored::of(&jira.live(jira.settings())).await;
        assert_eq!(live.documents.len(), 20);
        assert!(live.rejected.is_empty() && live.is_complete, "{:?}", live.rejected);
        let search: fn(Vec<&Value>) -> String =
            |issues| json!({"total": issues.len(), "issues": issues}).to_string();
        let list: fn(Vec<&Value>) -> String =
            |issues| serde_json::to_string_pretty(&json!(issues)).expect("JSON");
        let lines: fn(Vec<&Value>) -> String =
            |issues| issues.iter().map(|issue| format!("{issue}\n")).collect();
        for shape in [search, list, lines] {
            let (_directory, export) = jira.export(shape);
            let exported = Stored::of(&*export).await;
            assert!(exported.is_complete);
            assert_eq!(exported.texts(), live.texts());
        }
    }
}

#[tokio::test]
async fn broken_exports_lose_nothing_else() {
    let jira = filled(Flavor::Cloud, 5);
    let shape: fn(Vec<&Value>) -> String = |issues| {
        let lines: String = issues.iter().map(|issue| format!("{issue}\n")).collect();
        format!("{{\"key\": \"OPS-9\", \"fields\n{lines}{{\"key\": \"x\"}}\n").replacen("đĩa", "\\ud83d", 1)
    };
    let (_directory, export) = jira.export(shape);
    let stored = Stored::of(&*export).await;
    assert_eq!(stored.documents.len(), 5);
    assert!(!stored.is_complete, "what cannot be read may be any issue");
    assert_eq!(stored.rejected.len(), 2, "{:?}", stored.rejected);
}

#[tokio::test]
async fn faults_change_nothing() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 40);
        let clean = Stored::of(&jira.live(jira.settings())).await;
        jira.server.fail(30);
        let mut stored = Stored::default();
        for _ in 0..5 {
            let _ = stored.run(&jira.live(jira.settings())).await;
        }
        assert_eq!(stored.texts(), clean.texts());
    }
}

#[tokio::test]
async fn only_what_changed_is_read() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 200);
        let settings = Settings { full_listing_hours: 24, page_size: 50, ..jira.settings() };
        let mut stored = Stored::of(&jira.live(settings.clone())).await;
        jira.server.seen();
        stored.run(&jira.live(settings.clone())).await.expect("it can be listed");
        assert!(stored.read.is_empty() && !stored.is_complete, "{:?}", stored.read);
        assert_eq!(jira.server.seen().len(), 1, "one page of the overlap");
        // An update made in any zone is later than what was seen, whatever its digits say.
        for number in [3, 150, 77, 12, 90, 91] {
            jira.put(&format!("OPS-{number}"), "changed");
            stored.run(&jira.live(settings.clone())).await.expect("it can be listed");
            assert_eq!(stored.read, [format!("OPS-{number}")]);
        }
        jira.shop().issues.remove("OPS-5");
        stored.run(&jira.live(settings.clone())).await.expect("it can be listed");
        assert!(stored.documents.contains_key("ops/OPS-5"), "only a complete listing shows what is gone");
        let due = Settings { full_listing_hours: 0, ..settings };
        stored.run(&jira.live(due.clone())).await.expect("it can be listed");
        assert!(stored.read.is_empty() && stored.is_complete);
        assert_eq!(stored.texts(), Stored::of(&jira.live(due)).await.texts());
    }
}

#[tokio::test]
async fn many_issues_of_one_moment_are_all_found() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 120);
        {
            let mut shop = jira.shop();
            let (at, milliseconds) = (shop.now(), (BEGINNING + shop.clock) * 1_000);
            for issue in shop.issues.values_mut().take(100) {
                (issue["fields"]["updated"], issue["at"]) = (json!(at), json!(milliseconds));
            }
        }
        let stored = Stored::of(&jira.live(Settings { page_size: 30, ..jira.settings() })).await;
        assert_eq!((stored.documents.len(), stored.is_complete), (120, true));
    }
}

#[tokio::test]
async fn a_listing_that_broke_off_goes_on_where_it_was() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 30);
        let settings =
            Settings { full_listing_hours: 24, page_size: 10, overlap_minutes: 2, ..jira.settings() };
        jira.shop().is_cut = true;
        let mut stored = Stored::of(&jira.live(settings.clone())).await;
        assert_eq!((stored.documents.len(), stored.is_complete), (10, false));
        assert!(stored.rejected[0].contains("broke off"), "{:?}", stored.rejected);
        jira.shop().is_cut = false;
        stored.run(&jira.live(settings.clone())).await.expect("it can be listed");
        assert_eq!((stored.read.len(), stored.documents.len()), (20, 30));
        stored.run(&jira.live(settings.clone())).await.expect("it can be listed");
        assert!(stored.is_complete, "everything is listed once it can be");
        assert!(stored.read.is_empty(), "{:?}", stored.read);
    }
}

#[tokio::test]
async fn large_bulk_replies_are_asked_for_in_halves() {
    let jira = filled(Flavor::Cloud, 30);
    let clean = Stored::of(&jira.live(jira.settings())).await;
    jira.shop().max_bulk = 4;
    assert_eq!(Stored::of(&jira.live(jira.settings())).await.texts(), clean.texts());
    jira.shop().max_bulk = 0;
    assert_eq!(Stored::of(&jira.live(jira.settings())).await.texts(), clean.texts(), "one by one");
}

#[tokio::test]
async fn all_comments_of_an_issue_are_read() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 3);
        let comment = |number: usize| {
            let mut comment = json!({"id": number.to_string(), "author": {"displayName": "Mia"}, "created": "2026-01-02T04:00:00.000+0700",
                "body": format!("Comment number{number} of many, said in wiki markup.")});
            if number == 7 {
                comment["jsdPublic"] = json!(false);
            }
            comment
        };
        let all: Vec<Value> = (0..130).map(comment).collect();
        {
            let mut shop = jira.shop();
            let issue = shop.issues.get_mut("OPS-2").expect("it is there");
            issue["fields"]["comment"] = json!({"total": 130, "maxResults": 20, "comments": all[110..]});
            issue["all_comments"] = json!(all);
            shop.failing_comments = true;
        }
        let settings = Settings { full_listing_hours: 24, ..jira.settings() };
        let mut stored = Stored::of(&jira.live(settings.clone())).await;
        assert_eq!(stored.documents.len(), 2);
        assert!(stored.rejected[0].contains("its comments cannot be read"), "{:?}", stored.rejected);
        jira.shop().failing_comments = false;
        stored.run(&jira.live(settings)).await.expect("it can be listed");
        assert_eq!(stored.read, ["OPS-2"], "the cursor leaves nothing behind");
        let text = stored.documents["ops/OPS-2"].1.body.as_str();
        assert!(text.contains("number0 ") && text.contains("number129 "), "{text}");
        assert!(!text.contains("number7 "), "a service desk's internal comment");
    }
}

#[tokio::test]
async fn refusals_say_what_to_check() {
    let server = Server::start(|request| match request.headers.get("authorization").map(String::as_str) {
        // `ann@acme.example:secret`
        Some("Basic YW5uQGFjbWUuZXhhbXBsZTpzZWNyZXQ=") => Reply::json(&json!({"issues": [], "isLast": true})),
        _ => Reply::status(401),
    });
    let directory = tempfile::tempdir().expect("a directory");
    let token = directory.path().join("token");
    std::fs::write(&token, "secret\n").expect("it can be written");
    let settings = |more: Value| {
        let mut settings = json!({"url": server.url, "projects": ["OPS"]});
        settings.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        serde_json::from_value::<Settings>(settings).expect("they are settings")
    };
    let list = async |settings: Settings| {
        let source = open("ops".to_owned(), settings, Defaults::default())?;
        source.list(&Default::default()).await.map(|listing| listing.is_complete)
    };
    let account = json!({"email": "ann@acme.example", "token": {"file": token}});
    assert!(list(settings(account)).await.expect("it is let in"), "an empty project");
    let error = list(settings(json!({"token": {"file": token}}))).await.expect_err("no such bearer");
    assert!(matches!(&error, SourceError::Credentials { .. }), "{error}");
    assert!(
        error.to_string().contains("the credentials are refused") && error.to_string().contains("/token`"),
        "{error}"
    );
    assert!(!error.to_string().contains("secret"));
    let error = list(settings(json!({"token": {"env": "RUNBOOKD_NO_SUCH_VARIABLE"}})))
        .await
        .expect_err("it is unset");
    assert!(error.to_string().contains("RUNBOOKD_NO_SUCH_VARIABLE"), "{error}");
    for (broken, part) in [
        (json!({"projects": []}), "unbounded"),
        (json!({"url": null}), "`url`"),
        (json!({"url": "https://a:b@jira.example"}), "`token`"),
        (json!({"url": "ftp://jira.example"}), "http"),
        (json!({"jql": "a = b ORDER BY c"}), "condition"),
        (json!({"restricted_comments": []}), "everybody may read"),
        (json!({"security_levels": {"x": [" "]}}), "everybody may read"),
    ] {
        let error = list(settings(broken.clone())).await.expect_err("it is refused");
        assert!(error.to_string().contains(part), "{broken}: {error}");
    }
    assert!(serde_json::from_value::<Settings>(json!({"url": "x", "tokens": 1})).is_err(), "an unknown key");
}

/// A load: `cargo test -p runbookd-ingest --lib ten_thousand -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "takes long, for figures"]
async fn ten_thousand_issues() {
    for flavor in [Flavor::Cloud, Flavor::DataCenter] {
        let jira = filled(flavor, 10_000);
        let settings = Settings { full_listing_hours: 24, page_size: 100, ..jira.settings() };
        let mut stored = Stored::default();
        for run in ["first", "second", "with a complete listing"] {
            let hours = if run == "with a complete listing" { 0 } else { 24 };
            let started = std::time::Instant::now();
            let live = jira.live(Settings { full_listing_hours: hours, ..settings.clone() });
            stored.run(&live).await.expect("it can be listed");
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
            println!(
                "{flavor:?}, {run}: {} read in {:?}, {} requests, {peak}",
                stored.read.len(),
                started.elapsed(),
                jira.server.seen().len()
            );
        }
        assert_eq!(stored.documents.len(), 10_000);
    }
}
