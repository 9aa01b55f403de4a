//! A live Jira as a source. A listing finds what changed; Cloud's issues are then read a hundred at a time, Data
//! Center's come with the listing and are put aside in a file. Comments are paged where an issue came without all of
//! them.

use super::{
    Settings,
    issue::{FIELDS, JiraNormaliser, is_key, lacks_comments},
    search::{Ended, Search},
};
use crate::{
    report::{Rejection, Warning},
    sources::{
        Item, Listing, Reader, Reading, Source, SourceError, SyncState,
        confluence::Flavor,
        tracker::{
            Asked, Origin, instant,
            live::{self, Extent, broken_off, cursor_at, failure, told},
            readings,
            records::Records,
        },
    },
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use net::{Authorization, CallError, Client, Method, Policy};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

/// Issues of one bulk call; Jira takes no more.
const MAX_BULK: usize = 100;

/// The largest reply to a bulk call. More is asked for in halves, so that memory stays bounded.
const MAX_BULK_BYTES: usize = 12 << 20;

/// Calls for comments at a time.
const CALLS: usize = 4;

/// Comments of one page.
const COMMENTS_PAGE: usize = 100;

/// More comments of one issue are not read.
const MAX_COMMENTS: usize = 5_000;

/// About how large an issue is, where nothing tells.
const USUAL_BYTES: u64 = 8 << 10;

/// A live Jira as a source.
pub(super) struct Live {
    settings: Settings,
    origin: Arc<Origin>,
    normaliser: Arc<JiraNormaliser>,
    /// As [`Source::settings`] says them.
    fingerprint: String,
    /// The bounds of each call.
    pub(super) policy: Policy,
}

impl Live {
    pub(super) fn new(
        settings: Settings,
        origin: Arc<Origin>,
        normaliser: Arc<JiraNormaliser>,
        fingerprint: String,
    ) -> Result<Self, SourceError> {
        let live = Self { settings, origin, normaliser, fingerprint, policy: Policy::CONNECTOR };
        net::Settings::new(&live.origin.shown, Policy::CONNECTOR)
            .map_err(|error| live.origin.failed(error.to_string()))?;
        Ok(live)
    }

    /// A client with the token as it is now: it may have been rotated.
    fn client(&self) -> Result<Client, SourceError> {
        let ca_file = self.settings.ca_file.as_deref();
        let mut settings = live::calls(&self.origin, &self.origin.shown, self.policy, ca_file)?;
        if let Some(reference) = &self.settings.token {
            let token = live::secret(&self.origin, reference)?;
            settings = settings.with(match &self.settings.email {
                Some(user) => Authorization::Basic { user: user.clone(), password: token },
                None => Authorization::Bearer(token),
            });
        }
        Client::new(settings).map_err(|error| self.origin.failed(error.to_string()))
    }
}

/// The result of a search.
struct Found {
    extent: Extent,
    rows: BTreeMap<String, Row>,
    put_aside: Records,
    ended: Ended,
    /// How many issues have no key.
    num_odd: usize,
}

/// The facts about an issue in a listing.
struct Row {
    updated_at: Option<Timestamp>,
    /// The range of its content in the file.
    content: Option<Range<u64>>,
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
        let client = self.client()?;
        let overlap = SignedDuration::from_mins(i64::from(self.settings.overlap_minutes));
        let extent = Extent::after(before, self.settings.full_listing_hours, overlap);
        let put_aside = Records::temporary()
            .map_err(|error| self.origin.failed(format!("no temporary file: {error}")))?;
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let mut num_odd = 0;
        let brings_content = self.settings.flavor() == Flavor::DataCenter;
        let mut take = |issue: Value| {
            let Some(key) = issue["key"].as_str().filter(|key| is_key(key)) else {
                num_odd += 1;
                return Ok(());
            };
            let updated_at = instant(&issue["fields"]["updated"]);
            let is_stored =
                version(updated_at).is_some_and(|version| before.versions.get(key) == Some(&version));
            let content = match brings_content && !is_stored {
                true => Some(
                    put_aside
                        .push(&issue)
                        .map_err(|error| CallError::Request { detail: error.to_string() })?,
                ),
                false => None,
            };
            let known = rows.get(key).is_some_and(|row| row.updated_at > updated_at);
            if !known {
                rows.insert(key.to_owned(), Row { updated_at, content });
            }
            Ok(())
        };
        // When everything is listed to find deletions, most of it is stored already, and its content is not asked for.
        let only_new = extent == Extent::All && !before.versions.is_empty();
        let fields: &[&str] = if brings_content && !only_new { &FIELDS } else { &["updated"] };
        let search = Search { client: &client, settings: &self.settings, fields, policy: self.policy };
        let ended = search.each(extent, &mut take).await;
        let ended = ended.map_err(|error| self.refusal(&error))?;
        if only_new {
            rows.values_mut().for_each(|row| row.content = None);
        }
        Ok(self.listing(before, client, Found { extent, rows, put_aside, ended, num_odd }))
    }
}

impl Live {
    /// Why nothing could be listed.
    fn refusal(&self, error: &CallError) -> SourceError {
        match error.status() {
            Some(404 | 405 | 410) => self.origin.failed(format!(
                "{}: it has no such search; is it a Jira, and is its `flavor` the right one?",
                self.origin.shown
            )),
            Some(400) => self.origin.failed(format!(
                "{}: it refuses the search (status 400); check `projects` and `jql`",
                self.origin.shown
            )),
            _ => failure(&self.origin, self.settings.token.as_ref(), error),
        }
    }

    fn listing(&self, before: &SyncState, client: Client, found: Found) -> Listing {
        let Found { extent, rows, put_aside, ended, num_odd } = found;
        let is_complete = extent == Extent::All && ended.error.is_none() && !ended.is_unsure;
        let (mut rejected, mut warnings) = (Vec::new(), Vec::new());
        if let Some(error) = &ended.error {
            rejected.push(broken_off(&self.origin, error));
        } else if ended.is_unsure {
            let message = "the listing ended before its end; nothing is removed".to_owned();
            warnings.push(Warning { path: self.origin.shown.clone(), message });
        }
        if num_odd > 0 {
            rejected.push(Rejection::new(
                self.origin.shown.clone(),
                format!("{num_odd} issues came without a key"),
            ));
        }
        // In the order of the changes, so that a run that breaks off has finished the oldest ones.
        let mut order: Vec<(&String, &Row)> = rows.iter().collect();
        order.sort_by_key(|(_, row)| row.updated_at);
        let items: Vec<Item> = order
            .into_iter()
            .map(|(key, row)| Item {
                key: key.clone(),
                version: version(row.updated_at),
                bytes: row.content.as_ref().map_or(USUAL_BYTES, |range| range.end - range.start),
            })
            .collect();
        let newest = rows.values().filter_map(|row| row.updated_at).chain(live::cursor(before)).max();
        let is_broken = ended.error.is_some() || ended.is_unsure;
        let is_partial = is_broken && (extent == Extent::All || live::is_partial(before));
        let listed = rows.keys().cloned().collect();
        let content = rows.into_iter().filter_map(|(key, row)| Some((key, row.content?))).collect();
        Listing {
            items,
            unchanged: Vec::new(),
            is_complete,
            gone: Vec::new(),
            rejected,
            warnings,
            cursor: newest.map(|newest| cursor_at(newest, is_partial)),
            reader: Arc::new(LiveReader {
                client,
                policy: self.policy,
                flavor: self.settings.flavor(),
                put_aside,
                listed,
                content,
                origin: self.origin.clone(),
                normaliser: self.normaliser.clone(),
            }),
        }
    }
}

/// An issue's version: the instant of its last change, in every zone the same.
fn version(updated_at: Option<Timestamp>) -> Option<String> {
    updated_at.map(|at| at.as_millisecond().to_string())
}

struct LiveReader {
    client: Client,
    policy: Policy,
    flavor: Flavor,
    put_aside: Records,
    /// The keys of what was listed.
    listed: HashSet<String>,
    content: HashMap<String, Range<u64>>,
    origin: Arc<Origin>,
    normaliser: Arc<JiraNormaliser>,
}

#[async_trait]
impl Reader for LiveReader {
    fn is_cheap(&self) -> bool {
        false
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let mut asked: HashMap<&str, Asked> = HashMap::new();
        let mut left: Vec<&str> = Vec::new();
        for item in items {
            match self.content.get(&item.key).map(|range| self.put_aside.read(range)) {
                Some(Ok(issue)) => drop(asked.insert(&item.key, Asked::Record(issue))),
                Some(Err(reason)) => drop(asked.insert(&item.key, Asked::Failed(reason))),
                None => left.push(&item.key),
            }
        }
        if self.flavor == Flavor::Cloud {
            for keys in left.chunks(MAX_BULK) {
                asked.extend(self.bulk(keys).await);
            }
            left.retain(|key| !asked.contains_key(key));
        }
        // Issues that the bulk call does not give are asked for one by one, which tells the reason.
        let single: Vec<_> = left.iter().map(|key| self.single(key).boxed()).collect();
        let single: Vec<Asked> = futures::stream::iter(single).buffered(CALLS).collect().await;
        asked.extend(left.into_iter().zip(single));
        let mut whole = Vec::with_capacity(items.len());
        for item in items {
            let asked =
                asked.remove(item.key.as_str()).unwrap_or(Asked::Failed("it was not given".to_owned()));
            whole.push(self.with_comments(&item.key, asked).boxed());
        }
        let whole: Vec<Asked> = futures::stream::iter(whole).buffered(CALLS).collect().await;
        let whole = items.iter().map(|item| item.key.clone()).zip(whole).collect();
        readings(self.normaliser.clone(), self.origin.clone(), whole).await
    }
}

impl LiveReader {
    async fn with_comments(&self, key: &str, asked: Asked) -> Asked {
        let Asked::Record(mut issue) = asked else { return asked };
        if lacks_comments(&issue) {
            match self.comments(key).await {
                Ok(comments) => {
                    issue["fields"]["comment"] = json!({"total": comments.len(), "comments": comments})
                }
                Err(error) => return Asked::Failed(format!("its comments cannot be read: {}", told(&error))),
            }
        }
        Asked::Record(issue)
    }

    /// Asks for issues at once, in halves where the reply is cut off or too large.
    async fn bulk<'k>(&self, keys: &[&'k str]) -> HashMap<&'k str, Asked> {
        let mut asked = HashMap::new();
        let mut waiting = vec![keys];
        while let Some(keys) = waiting.pop() {
            let error = match self.bulk_once(keys).await {
                Ok(issues) => {
                    let mut issues: HashMap<String, Value> = issues;
                    for key in keys {
                        if let Some(issue) = issues.remove(*key) {
                            asked.insert(*key, Asked::Record(issue));
                        }
                    }
                    continue;
                }
                Err(error) => error,
            };
            let is_of_size = match &error {
                CallError::Status { status, .. } => *status == 400 || (500..600).contains(status),
                CallError::Cut { .. }
                | CallError::TooLarge { .. }
                | CallError::NotJson { .. }
                | CallError::Timeout => true,
                _ => false,
            };
            if is_of_size && keys.len() > 1 {
                let (first, second) = keys.split_at(keys.len() / 2);
                waiting.extend([second, first]);
            } else if !is_of_size && !matches!(error.status(), Some(403..=405)) {
                asked.extend(keys.iter().map(|key| (*key, Asked::Failed(told(&error)))));
            }
            // A single issue is asked for in another way, as is any issue if bulk calls are refused.
        }
        asked
    }

    async fn bulk_once(&self, keys: &[&str]) -> Result<HashMap<String, Value>, CallError> {
        let body = json!({"issueIdsOrKeys": keys, "fields": FIELDS});
        let mut policy = Policy { max_body: MAX_BULK_BYTES, ..self.policy };
        // A reply that is cut off for its size is so each time.
        policy.attempts = policy.attempts.min(4);
        let call = self.client.call(Method::POST, "rest/api/3/issue/bulkfetch")?.json(&body)?;
        let mut reply: Value = call.repeatable().policy(policy).send_for_json().await?;
        let Value::Array(issues) = reply["issues"].take() else {
            return Err(CallError::NotJson { detail: "it has no list of `issues`".to_owned() });
        };
        let keyed = issues.into_iter().filter_map(|issue| Some((issue["key"].as_str()?.to_owned(), issue)));
        Ok(keyed.collect())
    }

    async fn single(&self, key: &str) -> Asked {
        let fields = FIELDS.join(",");
        let path = format!("{}/issue/{key}", self.api());
        match self.client.get_json::<Value>(&path, &[("fields", &fields)]).await {
            // A moved issue answers to the key that it had.
            Ok(issue) if issue["key"].as_str() != Some(key) => Asked::Gone,
            Ok(issue) => Asked::Record(issue),
            // An issue that was listed a moment ago is gone for sure once it is not listed any more.
            Err(CallError::Status { status: 404 | 410, .. }) if !self.listed.contains(key) => Asked::Gone,
            Err(error) => Asked::Failed(told(&error)),
        }
    }

    /// All comments of an issue, in the order of their times.
    async fn comments(&self, key: &str) -> Result<Vec<Value>, CallError> {
        let path = format!("{}/issue/{key}/comment", self.api());
        let (mut comments, mut seen) = (Vec::new(), HashSet::new());
        let mut start = 0;
        while start < MAX_COMMENTS {
            let (from, most) = (start.to_string(), COMMENTS_PAGE.to_string());
            let query = [("startAt", from.as_str()), ("maxResults", &most), ("orderBy", "created")];
            let mut page: Value = self.client.get_json(&path, &query).await?;
            let total = page["total"].as_u64().unwrap_or(0) as usize;
            let Value::Array(more) = page["comments"].take() else {
                return Err(CallError::NotJson { detail: "it has no list of `comments`".to_owned() });
            };
            let num_read = more.len();
            // A comment that is deleted meanwhile draws the others forward, one that is added may stand twice.
            comments.extend(more.into_iter().filter(|comment| seen.insert(comment["id"].to_string())));
            start += num_read;
            if num_read == 0 || start >= total {
                break;
            }
        }
        Ok(comments)
    }

    fn api(&self) -> &'static str {
        match self.flavor {
            Flavor::Cloud => "rest/api/3",
            _ => "rest/api/2",
        }
    }
}
