use super::{Settings, issue, live, open};
use crate::{
    formats::Defaults,
    sources::{
        Source, SourceError,
        contract::{SourceUnderTest, contract_tests},
        tracker::{
            instant,
            server::{Reply, Request, Server},
            trial::{FAST, Stored},
        },
    },
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// A repository, `acme/ops`.
#[derive(Clone)]
struct Github {
    shop: Arc<Mutex<Shop>>,
    server: Server,
}

#[derive(Default)]
struct Shop {
    /// Issues by number, each with its comments.
    issues: BTreeMap<u64, (Value, Vec<Value>)>,
    /// Seconds since the beginning.
    clock: i64,
    failing: Option<u64>,
    /// Pages of a listing after the first fail.
    is_cut: bool,
    /// Replies so many times that a limit is reached, without a time.
    limited: usize,
    /// The name that the repository had before.
    old_name: bool,
    url: String,
}

impl Github {
    fn new() -> Self {
        let shop = Arc::new(Mutex::new(Shop::default()));
        let theirs = shop.clone();
        let server =
            Server::start(move |request| theirs.lock().expect("no test panics with it").reply(request));
        shop.lock().expect("no test panics with it").url = server.url.clone();
        Self { shop, server }
    }

    fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().expect("no test panics with it")
    }

    /// An issue that changes now, with comments.
    fn put(&self, number: u64, word: &str) {
        let mut shop = self.shop();
        let at = shop.tick();
        let url = shop.url.clone();
        let (mut issue, _) = issue::tests::both();
        let comments = issue["comments"].take();
        issue["number"] = json!(number);
        issue["title"] = json!(format!("Operator fails: {word}"));
        issue["updated_at"] = json!(at);
        issue["html_url"] = json!(format!("https://github.com/acme/ops/issues/{number}"));
        let mut comments: Vec<Value> = comments.as_array().expect("a list").clone();
        for comment in &mut comments {
            comment["id"] = json!(comment["id"].as_u64().expect("a number") + number * 1_000);
            comment["issue_url"] = json!(format!("{url}/repos/acme/ops/issues/{number}"));
            comment["html_url"] =
                json!(format!("https://github.com/acme/ops/issues/{number}#issuecomment-{}", comment["id"]));
            comment["updated_at"] = json!(at);
        }
        issue["comments"] = json!(comments.len());
        shop.issues.insert(number, (issue, comments));
    }

    fn settings(&self) -> Settings {
        let settings = json!({"url": self.server.url, "repository": "acme/ops", "full_listing_hours": 0, "page_size": 3});
        serde_json::from_value(settings).expect("they are settings")
    }

    fn live(&self, settings: Settings) -> live::Live {
        let mut live = super::live("ops".to_owned(), settings, Defaults::default()).expect("it opens");
        (live.policy, live.limit_pause) = (FAST, Duration::from_millis(5));
        live
    }
}

impl Shop {
    fn tick(&mut self) -> String {
        self.clock += 61;
        Timestamp::from_second(1_767_225_600 + self.clock).expect("a time").to_string()
    }

    fn reply(&mut self, request: &Request) -> Reply {
        if self.limited > 0 {
            self.limited -= 1;
            return Reply::status(if self.limited.is_multiple_of(2) { 403 } else { 429 });
        }
        if self.old_name && request.path.starts_with("/repos/acme/ops/") {
            let rest = request.path.trim_start_matches("/repos/acme/ops/");
            let query: Vec<String> =
                request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            return Reply::status(301)
                .with("location", format!("{}/repositories/5/{rest}?{}", self.url, query.join("&")));
        }
        let path = request.path.trim_start_matches("/repos/acme/ops/").trim_start_matches("/repositories/5/");
        let at = |value: &Value| instant(&value["updated_at"]).expect("a time");
        let since = request.query.get("since").map(|since| since.parse::<Timestamp>().expect("a time"));
        let is_wanted = |value: &Value| since.is_none_or(|since| at(value) >= since);
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["issues"] => {
                assert_eq!(request.query.get("state").map(String::as_str), Some("all"));
                let mut issues: Vec<&Value> =
                    self.issues.values().map(|(issue, _)| issue).filter(|issue| is_wanted(issue)).collect();
                if request.query["sort"] == "updated" {
                    issues.sort_by_key(|issue| at(issue));
                }
                self.page(request, &issues)
            }
            ["issues", "comments"] => {
                let comments = self.issues.values().flat_map(|(_, comments)| comments);
                let comments: Vec<&Value> = comments.filter(|comment| is_wanted(comment)).collect();
                self.page(request, &comments)
            }
            ["issues", number] => match self.issues.get(&number.parse().expect("a number")) {
                Some((issue, _)) => Reply::json(issue),
                None => Reply::status(410),
            },
            ["issues", number, "comments"] => {
                let number = number.parse().expect("a number");
                match self.issues.get(&number) {
                    _ if self.failing == Some(number) => Reply::status(502),
                    Some((_, comments)) => self.page(request, &comments.iter().collect::<Vec<_>>()),
                    None => Reply::status(404),
                }
            }
            _ => Reply::status(404),
        }
    }

    /// A page, which says where the next one is.
    fn page(&self, request: &Request, rows: &[&Value]) -> Reply {
        let number = |name: &str, otherwise: usize| {
            request.query.get(name).map_or(otherwise, |text| text.parse().expect("a number"))
        };
        let (size, page) = (number("per_page", 30), number("page", 1));
        if self.is_cut && page > 1 {
            return Reply::status(503);
        }
        let given: Vec<&&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
        let reply = Reply::json(&json!(given));
        if page * size >= rows.len() {
            return reply;
        }
        let mut query: BTreeMap<&str, String> =
            request.query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        query.insert("page", (page + 1).to_string());
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let next = format!(
            "<{}{}?{}>; rel=\"next\", <{}/x>; rel=\"last\"",
            self.url,
            request.path,
            query.join("&"),
            self.url
        );
        reply.with("link", next)
    }
}

#[async_trait]
impl SourceUnderTest for Github {
    fn open(&self) -> Arc<dyn Source> {
        Arc::new(self.live(self.settings()))
    }

    async fn put(&self, name: &str, word: &str) {
        Github::put(self, name.parse().expect("a number"), word);
    }

    async fn remove(&self, name: &str) {
        self.shop().issues.remove(&name.parse().expect("a number"));
    }

    async fn fail_item(&self, name: Option<&str>) -> bool {
        self.shop().failing = name.map(|name| name.parse().expect("a number"));
        true
    }

    async fn cut_listing(&self, is_cut: bool) -> bool {
        self.shop().is_cut = is_cut;
        true
    }
}

mod contract {
    use super::*;
    contract_tests!(Github::new());
}

fn filled(num_issues: u64) -> Github {
    let github = Github::new();
    (1..=num_issues).for_each(|number| github.put(number, &format!("word{number}")));
    github
}

#[tokio::test]
async fn exports_and_the_live_system_give_the_same() {
    let github = filled(40);
    let settings = Settings { page_size: 100, ..github.settings() };
    let live = Stored::of(&github.live(settings.clone())).await;
    assert_eq!((live.documents.len(), live.is_complete), (40, true));
    let seen = github.server.seen();
    assert_eq!(seen.len(), 1 + 2, "the feeds need no request for each issue: {seen:?}");
    // As `gh issue list --json` writes them.
    let (_, gh) = issue::tests::both();
    let exported: Vec<Value> = (1..=40u64)
        .map(|number| {
            let mut issue = gh.clone();
            issue["number"] = json!(number);
            issue["title"] = json!(format!("Operator fails: word{number}"));
            issue["url"] = json!(format!("https://github.com/acme/ops/issues/{number}"));
            issue["updatedAt"] = github.shop().issues[&number].0["updated_at"].clone();
            for comment in issue["comments"].as_array_mut().expect("a list") {
                let id = comment["id"]
                    .as_str()
                    .expect("a text")
                    .trim_start_matches("IC_")
                    .parse::<u64>()
                    .expect("a number");
                comment["url"] = json!(format!(
                    "https://github.com/acme/ops/issues/{number}#issuecomment-{}",
                    id + number * 1_000
                ));
            }
            issue
        })
        .collect();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("issues.json");
    std::fs::write(&path, json!(exported).to_string()).expect("it can be written");
    let export = open("ops".to_owned(), Settings { export: Some(path), ..settings }, Defaults::default())
        .expect("it opens");
    assert_eq!(Stored::of(&*export).await.texts(), live.texts());
}

#[tokio::test]
async fn faults_and_limits_change_nothing() {
    let github = filled(40);
    let settings = Settings { page_size: 10, ..github.settings() };
    let clean = Stored::of(&github.live(settings.clone())).await;
    github.server.fail(30);
    let mut stored = Stored::default();
    for _ in 0..5 {
        let _ = stored.run(&github.live(settings.clone())).await;
    }
    assert_eq!(stored.texts(), clean.texts());
    github.server.fail(0);
    let mut stored = Stored::default();
    let live = github.live(settings);
    // A limit without a time, once something was read.
    let listing = live.list(&Default::default()).await.expect("it can be listed");
    github.shop().limited = 2;
    let readings = listing.reader.read(&listing.items).await;
    assert!(readings.iter().all(|reading| !reading.is_unknown), "{readings:?}");
    github.shop().limited = 1;
    assert!(stored.run(&live).await.is_err(), "the first refusal is one");
}

#[tokio::test]
async fn only_what_changed_is_read() {
    let github = filled(50);
    let settings = Settings { full_listing_hours: 24, page_size: 20, ..github.settings() };
    let mut stored = Stored::of(&github.live(settings.clone())).await;
    github.server.seen();
    let run = async |stored: &mut Stored| {
        stored.run(&github.live(settings.clone())).await.expect("it can be listed");
        std::mem::take(&mut stored.read)
    };
    assert!(run(&mut stored).await.is_empty());
    assert_eq!(
        github.server.seen(),
        [
            "GET /repos/acme/ops/issues",
            "GET /repos/acme/ops/issues/comments",
            "GET /repos/acme/ops/issues/comments",
            "GET /repos/acme/ops/issues/comments"
        ]
    );
    github.put(7, "changed");
    assert_eq!(run(&mut stored).await, ["issues/7"]);
    assert!(run(&mut stored).await.is_empty());
    // A comment that was edited, without its issue being a changed one.
    {
        let mut shop = github.shop();
        let at = shop.tick();
        let comment = &mut shop.issues.get_mut(&3).expect("it is there").1[2];
        (comment["updated_at"], comment["body"]) = (json!(at), json!("The fix is edited."));
    }
    assert_eq!(run(&mut stored).await, ["issues/3"]);
    assert!(stored.documents["ops/issues/3"].1.body.as_str().contains("The fix is edited."));
    assert!(run(&mut stored).await.is_empty());
    // A comment that was deleted: only its number tells, once everything is listed.
    {
        let mut shop = github.shop();
        let (issue, comments) = shop.issues.get_mut(&9).expect("it is there");
        comments.retain(|comment| comment["body"] != json!("Does it happen on 1.11 too?"));
        issue["comments"] = json!(comments.len());
    }
    github.shop().issues.remove(&5);
    assert!(run(&mut stored).await.is_empty());
    let due = Settings { full_listing_hours: 0, ..settings.clone() };
    stored.run(&github.live(due.clone())).await.expect("it can be listed");
    assert_eq!(stored.read, ["issues/9"]);
    assert!(!stored.documents.contains_key("ops/issues/5") && stored.is_complete);
    assert!(!stored.documents["ops/issues/9"].1.body.as_str().contains("1.11 too"));
    assert_eq!(stored.texts(), Stored::of(&github.live(due)).await.texts());
}

#[tokio::test]
async fn comments_whose_number_disagrees_are_listed_again() {
    let github = filled(40);
    let clean = Stored::of(&github.live(github.settings())).await;
    {
        // The feed does not have what the issue has.
        let mut shop = github.shop();
        let url = shop.url.clone();
        shop.issues.get_mut(&4).expect("it is there").1[2]["issue_url"] =
            json!(format!("{url}/repos/acme/ops/issues/999"));
    }
    github.server.seen();
    let stored = Stored::of(&github.live(github.settings())).await;
    assert_eq!(stored.texts(), clean.texts());
    let again: Vec<String> =
        github.server.seen().into_iter().filter(|request| request.ends_with("/4/comments")).collect();
    assert!(!again.is_empty());
}

#[tokio::test]
async fn pull_requests_are_optional() {
    let github = filled(3);
    {
        let mut shop = github.shop();
        let (issue, _) = shop.issues.get_mut(&2).expect("it is there");
        issue["pull_request"] = json!({"merged_at": "2026-01-02T03:04:05Z"});
        issue["html_url"] = json!("https://github.com/acme/ops/pull/2");
    }
    assert_eq!(Stored::of(&github.live(github.settings())).await.documents.len(), 2);
    let all = Stored::of(&github.live(Settings { pull_requests: true, ..github.settings() })).await;
    assert!(all.documents["ops/issues/2"].1.body.as_str().contains("resolved (merged)"));
}

#[tokio::test]
async fn a_repository_that_was_renamed_is_followed_and_others_are_not() {
    let github = filled(10);
    let clean = Stored::of(&github.live(github.settings())).await;
    github.shop().old_name = true;
    assert_eq!(Stored::of(&github.live(github.settings())).await.texts(), clean.texts());

    let list = async |server: &Server| {
        let settings = serde_json::from_value(json!({"url": server.url, "repository": "acme/ops"}))
            .expect("they are settings");
        let mut live = super::live("ops".to_owned(), settings, Defaults::default()).expect("it opens");
        live.policy = FAST;
        live.list(&Default::default()).await
    };
    let elsewhere = Server::start(|_| Reply::status(301).with("location", "https://other.example/repos/x"));
    let error = list(&elsewhere).await.err().expect("nothing is sent there");
    assert!(error.to_string().contains("not followed"), "{error}");
    let disabled = Server::start(|_| Reply::status(410));
    let error = list(&disabled).await.err().expect("there is nothing");
    assert!(
        matches!(&error, SourceError::Failed { .. }) && error.to_string().contains("disabled"),
        "{error}"
    );
    let stray = Server::start(|_| {
        let issue = json!([{"number": 1, "title": "x", "updated_at": "2026-01-02T03:04:05Z", "comments": 0, "state": "open"}]);
        Reply::json(&issue).with("link", "<https://other.example/page2>; rel=\"next\"")
    });
    let listing = list(&stray).await.expect("the first page can be used");
    assert!(!listing.is_complete && listing.items.len() == 1);
    assert!(
        listing.rejected[0].reason.contains("not one of the configured system"),
        "{:?}",
        listing.rejected
    );
}
