//! A live repository as a source. Its issues and its comments are two feeds of the whole repository, so that the first
//! run needs no call for each issue; later runs ask for the comments of the changed issues. Issues are put aside in a
//! file.

use super::{
    Settings,
    issue::{GithubNormaliser, is_pull_request, key_of, number_of},
};
use crate::{
    report::{Rejection, Warning},
    sources::{
        Item, Listing, Reader, Reading, Source, SourceError, SyncState,
        tracker::{
            Asked, Origin, instant,
            live::{self, Extent, MAX_PAGES, broken_off, cursor_at, failure, told},
            readings,
            records::Records,
        },
    },
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use net::{Authorization, CallError, Client, HeaderName, HeaderValue, Policy, Reply, header};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Calls at a time.
const CALLS: usize = 4;

/// So many issues whose comments are unknown are worth reading the feed of all comments.
const MIN_FOR_FEED: usize = 30;

/// How often changes are listed again where the order moved meanwhile.
const MAX_PASSES: usize = 3;

/// Comments of one issue: more are not read.
const MAX_COMMENT_PAGES: usize = 50;

/// The pause where a limit is reached that says no time; doubled once.
const LIMIT_PAUSE: Duration = Duration::from_secs(60);

/// A live repository as a source.
pub(super) struct Live {
    settings: Settings,
    repository: String,
    origin: Arc<Origin>,
    normaliser: Arc<GithubNormaliser>,
    /// As [`Source::settings`] says them.
    fingerprint: String,
    /// The bounds of each call.
    pub(super) policy: Policy,
    /// The pause where a limit is reached that says no time; doubled once.
    pub(super) limit_pause: Duration,
}

/// Calls to the repository.
struct Api {
    client: Client,
    repository: String,
    page_size: u32,
    /// Whether it replied: a refusal after that is a limit.
    has_replied: AtomicBool,
    limit_pause: Duration,
}

/// An issue as it was listed.
#[derive(Debug, Default)]
struct Row {
    updated_at: Option<Timestamp>,
    num_comments: u64,
    /// The range of the issue in the file.
    content: Option<Range<u64>>,
    /// The ranges of its comments in the file.
    comments: Vec<Range<u64>>,
}

impl Row {
    /// Changes with the issue, with its comments, and with their number: of a comment that is gone, nothing else tells.
    fn version(&self) -> Option<String> {
        Some(format!("{} {}", self.updated_at?.as_millisecond(), self.num_comments))
    }

    /// Whether a stored version has all that this one has.
    fn is_covered_by(&self, stored: &str) -> bool {
        let Some((at, num_comments)) = stored.split_once(' ') else { return false };
        num_comments.parse() == Ok(self.num_comments)
            && at
                .parse()
                .ok()
                .zip(self.updated_at)
                .is_some_and(|(at, own): (i64, _)| at >= own.as_millisecond())
    }
}

/// The feeds of a run, put aside.
struct Feeds<'a> {
    api: &'a Api,
    pull_requests: bool,
    before: &'a SyncState,
    put_aside: Records,
    rows: BTreeMap<u64, Row>,
    /// When the first page was made, by the system's clock.
    begun_at: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Live {
    pub(super) fn new(
        settings: Settings,
        repository: String,
        origin: Arc<Origin>,
        normaliser: Arc<GithubNormaliser>,
        fingerprint: String,
    ) -> Result<Self, SourceError> {
        let (policy, limit_pause) = (Policy::CONNECTOR, LIMIT_PAUSE);
        let live = Self { settings, repository, origin, normaliser, fingerprint, policy, limit_pause };
        net::Settings::new(&live.settings.url, Policy::CONNECTOR)
            .map_err(|error| live.origin.failed(error.to_string()))?;
        Ok(live)
    }

    /// Calls with the token as it is now: it may have been rotated.
    fn api(&self) -> Result<Api, SourceError> {
        let ca_file = self.settings.ca_file.as_deref();
        let mut settings = live::calls(&self.origin, &self.settings.url, self.policy, ca_file)?;
        settings.headers.insert(header::ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        let version = HeaderName::from_static("x-github-api-version");
        settings.headers.insert(version, HeaderValue::from_static("2022-11-28"));
        if let Some(reference) = &self.settings.token {
            let token = live::secret(&self.origin, reference)?;
            settings = settings.with(Authorization::Bearer(token));
        }
        Ok(Api {
            client: Client::new(settings).map_err(|error| self.origin.failed(error.to_string()))?,
            repository: self.repository.clone(),
            page_size: self.settings.page_size,
            has_replied: AtomicBool::new(false),
            limit_pause: self.limit_pause,
        })
    }

    /// Why the issues could not be listed at all.
    fn refusal(&self, error: &CallError) -> SourceError {
        match error.status() {
            Some(404 | 410) => self.origin.failed(format!(
                "{}: there is no such repository that the token may read, or its issues are disabled",
                self.repository
            )),
            _ => failure(&self.origin, self.settings.token.as_ref(), error),
        }
    }
}

#[async_trait]
impl Source for Live {
    fn name(&self) -> &str {
        &self.origin.name
    }

    fn settings(&self) -> String {
        self.fingerprint.clone()
    }

    async fn list(&self, before: &SyncState) -> Result<Listing, SourceError> {
        let api = self.api()?;
        let overlap = SignedDuration::from_mins(i64::from(self.settings.overlap_minutes));
        let extent = Extent::after(before, self.settings.full_listing_hours, overlap);
        let put_aside = Records::temporary()
            .map_err(|error| self.origin.failed(format!("no temporary file: {error}")))?;
        let mut feeds = Feeds {
            api: &api,
            pull_requests: self.settings.pull_requests,
            before,
            put_aside,
            rows: BTreeMap::new(),
            begun_at: None,
            newest: None,
        };
        let listed = match extent {
            Extent::All => feeds.everything().await,
            Extent::Since(since) => feeds.changes(since).await,
        };
        let broken = match listed {
            Ok(()) => None,
            Err(error) if feeds.rows.is_empty() => return Err(self.refusal(&error)),
            Err(error) => Some(error),
        };
        let Feeds { put_aside, rows, begun_at, newest, .. } = feeds;
        let is_complete = extent == Extent::All && broken.is_none();
        let (mut rejected, mut warnings): (Vec<Rejection>, Vec<Warning>) = (Vec::new(), Vec::new());
        if let Some(error) = &broken {
            rejected.push(broken_off(&self.origin, error));
        }
        let mut items: Vec<Item> = Vec::with_capacity(rows.len());
        for (number, row) in &rows {
            let key = key_of(*number);
            let stored = before.versions.get(&key).filter(|stored| row.is_covered_by(stored));
            let bytes = row.content.iter().chain(&row.comments).map(|range| range.end - range.start).sum();
            items.push(Item { version: stored.cloned().or(row.version()), key, bytes });
        }
        if rows.values().any(|row| row.updated_at.is_none()) {
            let message = "issues came without the time of their last change".to_owned();
            warnings.push(Warning { path: self.origin.shown.clone(), message });
        }
        // An issue that changes during the listing may have been listed before the change: it is left to the next run.
        let newest = newest.map(|newest| begun_at.map_or(newest, |begun_at| newest.min(begun_at)));
        let cursor = match broken {
            Some(_) => before.cursor.clone(),
            None => newest.max(live::cursor(before)).map(|newest| cursor_at(newest, false)),
        };
        let (origin, normaliser) = (self.origin.clone(), self.normaliser.clone());
        Ok(Listing {
            items,
            unchanged: Vec::new(),
            is_complete,
            gone: Vec::new(),
            rejected,
            warnings,
            cursor,
            reader: Arc::new(LiveReader { api, put_aside, rows, origin, normaliser }),
        })
    }
}

/// The number of the issue with a key.
fn number_in(key: &str) -> Option<u64> {
    key.strip_prefix("issues/")?.parse().ok()
}

fn cannot_put_aside(error: io::Error) -> CallError {
    CallError::Request { detail: format!("the temporary file cannot be written: {error}") }
}

impl Feeds<'_> {
    /// All issues, in the order of their creation, which does not move; and their comments, where many are unknown.
    async fn everything(&mut self) -> Result<(), CallError> {
        let path = format!("repos/{}/issues", self.api.repository);
        let query = [("state", "all"), ("sort", "created"), ("direction", "asc")];
        self.issues(&path, &query).await?;
        let unknown = self.rows.values().filter(|row| row.content.is_some() && row.num_comments > 0).count();
        if unknown >= MIN_FOR_FEED || (unknown > 0 && self.before.versions.is_empty()) {
            let query = [("sort", "created"), ("direction", "asc")];
            // Missing comments are asked for with their issue.
            if let Err(error) = self.comments(&query, true).await {
                tracing::warn!(repository = self.api.repository, "the feed of comments broke off: {error}");
            }
        }
        Ok(())
    }

    /// Reads the changed issues and comments.
    async fn changes(&mut self, since: Timestamp) -> Result<(), CallError> {
        let since = since.to_string();
        let path = format!("repos/{}/issues", self.api.repository);
        let query = [("state", "all"), ("sort", "updated"), ("direction", "asc"), ("since", since.as_str())];
        for _ in 0..MAX_PASSES {
            let known = self.rows.len();
            let num_pages = self.issues(&path, &query).await?;
            // An issue that changes meanwhile moves to the end, and draws others forward over the edges of pages.
            if num_pages <= 1 || (known > 0 && self.rows.len() == known) {
                break;
            }
        }
        let query = [("sort", "updated"), ("direction", "asc"), ("since", since.as_str())];
        self.comments(&query, false).await
    }

    /// Reads the feed of issues; says how many pages it has.
    async fn issues(&mut self, path: &str, query: &[(&str, &str)]) -> Result<usize, CallError> {
        let api = self.api;
        let mut pages = Pages::of(api, path, query);
        while let Some(issues) = pages.next().await? {
            self.begun_at = self.begun_at.or(pages.made_at);
            for issue in issues {
                self.take(&issue)?;
            }
        }
        Ok(pages.num_read)
    }

    /// Puts an issue aside, unless it is stored as it is.
    fn take(&mut self, issue: &Value) -> Result<(), CallError> {
        let Some(number) = number_of(issue) else { return Ok(()) };
        let updated_at = instant(&issue["updated_at"]);
        self.newest = self.newest.max(updated_at);
        if is_pull_request(issue) && !self.pull_requests {
            return Ok(());
        }
        let num_comments = issue["comments"].as_u64().unwrap_or(0);
        let mut row = Row { updated_at, num_comments, ..Row::default() };
        let stored = self.before.versions.get(&key_of(number));
        if !stored.is_some_and(|stored| row.is_covered_by(stored)) {
            row.content = Some(self.put_aside.push(issue).map_err(cannot_put_aside)?);
        }
        let is_newer = self.rows.get(&number).is_none_or(|known| known.updated_at <= row.updated_at);
        if is_newer {
            self.rows.insert(number, row);
        }
        Ok(())
    }

    /// Reads the feed of comments: for their texts, or only for the issues that they are on.
    async fn comments(&mut self, query: &[(&str, &str)], with_texts: bool) -> Result<(), CallError> {
        let api = self.api;
        let mut changed: BTreeMap<u64, Timestamp> = BTreeMap::new();
        let path = format!("repos/{}/issues/comments", api.repository);
        let mut pages = Pages::of(api, &path, query);
        // A comment that goes meanwhile draws others forward over the edges of pages, one that comes pushes them back.
        let mut seen = HashSet::new();
        while let Some(comments) = pages.next().await? {
            for comment in comments {
                let number =
                    comment["issue_url"].as_str().and_then(|url| url.rsplit('/').next()?.parse().ok());
                let Some(number) = number.filter(|_| self.pull_requests || !is_pull_request(&comment)) else {
                    continue;
                };
                let Some(at) = instant(&comment["updated_at"]) else { continue };
                if !with_texts {
                    self.newest = self.newest.max(Some(at));
                    changed.entry(number).and_modify(|known| *known = at.max(*known)).or_insert(at);
                } else if let Some(row) = self.rows.get_mut(&number).filter(|row| row.content.is_some())
                    && seen.insert(comment["id"].as_u64())
                {
                    row.comments.push(self.put_aside.push(&comment).map_err(cannot_put_aside)?);
                    // An edited comment is newer than its issue.
                    row.updated_at = row.updated_at.max(Some(at));
                    self.newest = self.newest.max(Some(at));
                }
            }
        }
        for (number, at) in changed {
            if !self.rows.contains_key(&number) {
                let is_stored = |stored: &String| {
                    let stored: Option<i64> = stored.split_once(' ').and_then(|(at, _)| at.parse().ok());
                    stored.is_some_and(|stored| stored >= at.as_millisecond())
                };
                if self.before.versions.get(&key_of(number)).is_some_and(is_stored) {
                    continue;
                }
                // A comment that was edited need not make its issue a changed one.
                match api.get(&format!("repos/{}/issues/{number}", api.repository), &[]).await {
                    Ok(reply) => self.take(&reply.json()?)?,
                    Err(CallError::Status { status: 404 | 410, .. }) => continue,
                    Err(error) => return Err(error),
                }
            }
            let Some(row) = self.rows.get_mut(&number) else { continue };
            let is_newer = row.updated_at.is_none_or(|updated_at| updated_at < at);
            if is_newer {
                row.updated_at = Some(at);
                row.content = None;
            }
        }
        Ok(())
    }
}

/// A feed, page by page. The next page is where the last one says, on the same system.
struct Pages<'a> {
    api: &'a Api,
    path: String,
    query: Vec<(String, String)>,
    is_over: bool,
    num_read: usize,
    /// When the first page was made, by the system's clock.
    made_at: Option<Timestamp>,
}

impl<'a> Pages<'a> {
    fn of(api: &'a Api, path: &str, query: &[(&str, &str)]) -> Self {
        let mut query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        query.push(("per_page".to_owned(), api.page_size.to_string()));
        Self { api, path: path.to_owned(), query, is_over: false, num_read: 0, made_at: None }
    }

    async fn next(&mut self) -> Result<Option<Vec<Value>>, CallError> {
        if self.is_over || self.num_read >= MAX_PAGES {
            return Ok(None);
        }
        let query: Vec<(&str, &str)> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let reply = self.api.get(&self.path, &query).await?;
        if self.num_read == 0 {
            let made_at = |text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
            self.made_at = reply.header("date").and_then(made_at);
        }
        self.num_read += 1;
        match reply.next_page().filter(|next| *next != self.path) {
            Some(next) => self.path = next.to_owned(),
            None => self.is_over = true,
        }
        self.query.clear();
        reply.json().map(Some)
    }
}

impl Api {
    /// Gets what is there, and waits where a limit is reached that says no time.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, CallError> {
        let mut pause = self.limit_pause;
        for _ in 0..2 {
            match self.get_whole(path, query).await {
                Err(CallError::Status { status: 403 | 429, retry_after: None })
                    if self.has_replied.load(Ordering::Relaxed) =>
                {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                reply => {
                    self.has_replied.fetch_or(reply.is_ok(), Ordering::Relaxed);
                    return reply;
                }
            }
        }
        self.get_whole(path, query).await
    }

    /// A reply whose JSON is whole: one that ends early is asked for once more.
    async fn get_whole(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, CallError> {
        let reply = self.client.get(path, query).await?;
        match reply.json::<serde::de::IgnoredAny>() {
            Err(CallError::Cut { .. } | CallError::Empty) => self.client.get(path, query).await,
            _ => Ok(reply),
        }
    }
}

struct LiveReader {
    api: Api,
    put_aside: Records,
    rows: BTreeMap<u64, Row>,
    origin: Arc<Origin>,
    normaliser: Arc<GithubNormaliser>,
}

#[async_trait]
impl Reader for LiveReader {
    fn is_cheap(&self) -> bool {
        false
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let asked: Vec<_> = items.iter().map(|item| self.asked(&item.key).boxed()).collect();
        let asked: Vec<Asked> = futures::stream::iter(asked).buffered(CALLS).collect().await;
        let asked = items.iter().map(|item| item.key.clone()).zip(asked).collect();
        readings(self.normaliser.clone(), self.origin.clone(), asked).await
    }
}

impl LiveReader {
    async fn asked(&self, key: &str) -> Asked {
        match self.record(key).await {
            Ok(Some(record)) if is_pull_request(&record) && !self.normaliser.pull_requests => Asked::Gone,
            Ok(Some(record)) => Asked::Record(record),
            Ok(None) => Asked::Gone,
            Err(reason) => Asked::Failed(reason),
        }
    }

    /// An issue with its comments; `None` for one that is gone.
    async fn record(&self, key: &str) -> Result<Option<Value>, String> {
        let number = number_in(key).ok_or("it has no number")?;
        let path = format!("repos/{}/issues/{number}", self.api.repository);
        let row = self.rows.get(&number);
        let mut issue = match row.and_then(|row| row.content.as_ref()) {
            Some(content) => self.put_aside.read(content)?,
            None => match self.api.get(&path, &[]).await.and_then(|reply| reply.json::<Value>()) {
                // An issue that was moved to another repository has another number there.
                Ok(issue) if number_of(&issue) != Some(number) => return Ok(None),
                Ok(issue) => issue,
                // An issue that was listed a moment ago is gone for sure once it is not listed any more.
                Err(CallError::Status { status: 404 | 410, .. }) if row.is_none() => return Ok(None),
                Err(error) => return Err(told(&error)),
            },
        };
        let num_comments = issue["comments"].as_u64().unwrap_or(0);
        let known = row.map(|row| row.comments.as_slice()).unwrap_or_default();
        let comments = match known.len() as u64 == num_comments {
            true => known
                .iter()
                .map(|range| self.put_aside.read(range))
                .collect::<Result<Vec<Value>, String>>()?,
            false => {
                let unread = |error: CallError| format!("its comments cannot be read: {}", told(&error));
                self.comments(&format!("{path}/comments")).await.map_err(unread)?
            }
        };
        issue["comments"] = Value::Array(comments);
        Ok(Some(issue))
    }

    async fn comments(&self, path: &str) -> Result<Vec<Value>, CallError> {
        let mut pages = Pages::of(&self.api, path, &[]);
        let mut comments: HashMap<String, Value> = HashMap::new();
        let mut order = Vec::new();
        while let Some(page) = pages.next().await?.filter(|_| pages.num_read <= MAX_COMMENT_PAGES) {
            for comment in page {
                let id = comment["id"].to_string();
                if comments.insert(id.clone(), comment).is_none() {
                    order.push(id);
                }
            }
        }
        Ok(order.iter().filter_map(|id| comments.remove(id)).collect())
    }
}
