//! A Confluence of a test: what it holds, how it replies, and how it fails.

use jiff::{SignedDuration, Timestamp};
use net::Url;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The credentials that a Cloud site accepts: Basic of `bot@acme.example:token`.
const BASIC: &str = "Basic Ym90QGFjbWUuZXhhbXBsZTp0b2tlbg==";

/// The credentials that a Data Center accepts.
const BEARER: &str = "Bearer token";

/// A page, a blog post, a comment or a file.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) sort: &'static str,
    pub(super) title: String,
    pub(super) space: &'static str,
    pub(super) status: &'static str,
    pub(super) number: u64,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) body: String,
    pub(super) labels: Vec<&'static str>,
    /// The page above a page, or the page that a comment or a file is of.
    pub(super) parent: Option<String>,
    pub(super) is_restricted: bool,
    pub(super) is_resolved: bool,
}

/// The faults that the site shows to its clients.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// Of a hundred requests, so many fail, each in another way.
    pub(super) percent: u64,
    /// Pages whose storage format cannot be had.
    pub(super) without_storage: BTreeSet<String>,
    /// Pages of which nothing can be had.
    pub(super) broken: BTreeSet<String>,
    /// Larger pages of results fail with a status of 500.
    pub(super) most_results: Option<usize>,
    /// Listings break off after this many results.
    pub(super) cut_after: Option<usize>,
    /// Every request fails with this status.
    pub(super) status: Option<u16>,
    /// So many requests are told to come back in a second.
    pub(super) busy: usize,
    /// Searches by ids and by containers are not understood.
    pub(super) only_plain_searches: bool,
    /// So many of the next bodies are truncated JSON.
    pub(super) truncated: usize,
    /// Pages that the search does not know.
    pub(super) unsearchable: BTreeSet<String>,
    /// The faults of downloads, by the id of the file.
    pub(super) files: BTreeMap<String, FileFault>,
}

/// The reply to a download in place of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileFault {
    /// A status of 500.
    Fails,
    /// The body ends early.
    Cut,
    /// A page to log in.
    Login,
    /// Another redirect.
    SentOn,
}

/// The content of the site, its faults, and the requests that came to it.
pub(super) struct State {
    pub(super) entities: BTreeMap<String, Entity>,
    pub(super) faults: Faults,
    /// How far the time zone of the token's owner is from UTC.
    pub(super) zone_hours: i64,
    is_cloud: bool,
    random: u64,
    /// The search whose first page was asked for last, and what it found.
    searched: (String, Vec<String>),
    now: Timestamp,
    /// The requests that came, without their hosts.
    pub(super) requests: Vec<String>,
    /// The address of the store that a Cloud keeps its files in.
    store: String,
    /// The heads of the requests that came to the store.
    pub(super) store_requests: Vec<String>,
}

/// A site that listens.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl Site {
    /// An empty site.
    pub(super) async fn start(is_cloud: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let state = State {
            entities: BTreeMap::new(),
            faults: Faults::default(),
            zone_hours: 0,
            is_cloud,
            random: 1,
            searched: (String::new(), Vec::new()),
            now: "2026-03-01T00:00:00Z".parse().expect("a time"),
            requests: Vec::new(),
            store: String::new(),
            store_requests: Vec::new(),
        };
        let path = if is_cloud { "/wiki" } else { "/confluence" };
        let site = Self { url: format!("{origin}{path}"), state: Arc::new(Mutex::new(state)) };
        let store = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        site.state().store = format!("http://{}", store.local_addr().expect("an address"));
        for (listener, base) in [(listener, Some(path.to_owned())), (store, None)] {
            let state = site.state.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, state.clone(), base.clone()));
                }
            });
        }
        site
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test holds it while it fails")
    }

    /// The requests since the last time.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    /// How many files were asked for since the last time, of all requests.
    pub(super) fn num_downloads(&self) -> usize {
        self.requests().iter().filter(|request| request.contains("/download")).count()
    }
}

impl State {
    /// A moment later than all before.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.now = self.now.checked_add(SignedDuration::from_mins(7)).expect("a time");
        self.now
    }

    /// Adds a page to the space `OPS`, or changes its text.
    pub(super) fn put_page(
        &mut self,
        id: &str,
        title: &str,
        parent: Option<&str>,
        body: &str,
    ) -> &mut Entity {
        self.put(id, "page", title, parent, body)
    }

    /// Attaches a file to a page, or gives it another text.
    pub(super) fn put_file(&mut self, id: &str, name: &str, page: &str, text: &str) -> &mut Entity {
        self.put(id, "attachment", name, Some(page), text)
    }

    /// The media type that the site gives to a file, by its name.
    pub(super) fn media_type(name: &str) -> &'static str {
        if name.contains('.') { "application/octet-stream" } else { "text/plain" }
    }

    /// Adds anything, or changes its text.
    pub(super) fn put(
        &mut self,
        id: &str,
        sort: &'static str,
        title: &str,
        parent: Option<&str>,
        body: &str,
    ) -> &mut Entity {
        let now = self.tick();
        let number = self.entities.get(id).map_or(1, |known| known.number + 1);
        let created = self.entities.get(id).map_or(now, |known| known.created);
        let entity = Entity {
            sort,
            title: title.to_owned(),
            space: "OPS",
            status: "current",
            number,
            created,
            changed: now,
            body: body.to_owned(),
            labels: Vec::new(),
            parent: parent.map(str::to_owned),
            is_restricted: false,
            is_resolved: false,
        };
        self.entities.insert(id.to_owned(), entity);
        self.entities.get_mut(id).expect("it was put there")
    }

    /// Begins another row of faults.
    pub(super) fn random_from(&mut self, seed: u64) {
        self.random = seed;
    }

    fn random(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    /// The pages above, the outermost first.
    fn ancestors(&self, id: &str) -> Vec<String> {
        let mut above = Vec::new();
        let mut parent = self.entities.get(id).and_then(|entity| entity.parent.clone());
        while let Some(id) = parent {
            parent = self.entities.get(&id).and_then(|entity| entity.parent.clone());
            above.insert(0, id);
        }
        above
    }

    /// A content as the API writes it, with what was asked for.
    fn content(&self, id: &str, expand: &str) -> Value {
        let entity = &self.entities[id];
        let has = |what: &str| {
            expand.split(',').any(|asked| asked == what || asked.starts_with(&format!("{what}.")))
        };
        let mut content = json!({
            "id": id, "type": entity.sort, "status": entity.status, "title": entity.title,
            "_links": {"webui": format!("/spaces/{}/pages/{id}/{}", entity.space, entity.title.replace(' ', "+"))},
            "_expandable": {},
        });
        // A Data Center writes the zone of its server.
        let written = |time: Timestamp| match self.is_cloud {
            true => time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
            false => {
                (time + SignedDuration::from_hours(7)).strftime("%Y-%m-%dT%H:%M:%S.000+07:00").to_string()
            }
        };
        if has("version") {
            content["version"] = json!({"number": entity.number, "when": written(entity.changed), "by": {"displayName": "Anna"}});
        }
        if has("space") {
            content["space"] = json!({"key": entity.space, "name": "Operations"});
        }
        if has("history") {
            content["history"] =
                json!({"createdDate": written(entity.created), "createdBy": {"displayName": "Anna"}});
        }
        let is_page = matches!(entity.sort, "page" | "blogpost");
        if has("ancestors") && is_page {
            let above =
                self.ancestors(id).into_iter().map(|id| json!({"id": id, "title": self.entities[&id].title}));
            content["ancestors"] = above.collect();
        }
        if has("metadata") {
            let labels: Value =
                entity.labels.iter().map(|label| json!({"prefix": "global", "name": label})).collect();
            content["metadata"] = json!({"labels": {"results": labels, "size": entity.labels.len()}});
        }
        if has("container") && !is_page {
            let page = entity.parent.clone().unwrap_or_default();
            content["container"] = json!({"id": page, "type": "page", "title": self.entities.get(&page).map(|page| page.title.clone())});
        }
        if has("extensions") && entity.sort == "comment" {
            let status = if entity.is_resolved { "resolved" } else { "open" };
            content["extensions"] = json!({"location": "inline", "resolution": {"status": status}});
        }
        if entity.sort == "attachment" {
            let page = entity.parent.clone().unwrap_or_default();
            content["id"] = json!(format!("att{id}"));
            content["extensions"] =
                json!({"mediaType": Self::media_type(&entity.title), "fileSize": entity.body.len()});
            content["_links"]["download"] = match self.is_cloud {
                true => json!(format!("/download/attachments/{page}/wants-a-session?api=v2")),
                false => json!(format!("/download/attachments/{page}/{id}?version={}&api=v2", entity.number)),
            };
        }
        if has("restrictions") {
            let users = if entity.is_restricted { json!([{"accountId": "5b1"}]) } else { json!([]) };
            let size = usize::from(entity.is_restricted);
            content["restrictions"] = json!({"read": {"operation": "read", "restrictions": {
                "user": {"results": users, "size": size}, "group": {"results": [], "size": 0}}}});
        }
        if has("body.storage") {
            content["body"] = json!({"storage": {"value": entity.body, "representation": "storage"}});
        } else if has("body.view") {
            content["body"] = json!({"view": {"value": format!("<p>view of {}</p>", entity.title), "representation": "view"}});
        }
        content
    }

    /// The ids that a search finds, in its order; `None` for a search that is not understood.
    fn found(&self, cql: &str) -> Option<Vec<String>> {
        let (conditions, order) = cql.split_once(" order by ").unwrap_or((cql, "id asc"));
        let mut found: Vec<&String> = self.entities.keys().collect();
        let mut asked = HashSet::new();
        for condition in conditions.split(" and ") {
            let list = |text: &str| -> Vec<String> {
                let text = text.trim().trim_start_matches('(').trim_end_matches(')');
                text.split(',').map(|part| part.trim().trim_matches('"').to_owned()).collect()
            };
            if let Some((field, values)) = condition.split_once(" in ") {
                if self.faults.only_plain_searches && matches!(field, "id" | "container") {
                    return None;
                }
                let values = list(values);
                asked.extend(values.iter().cloned());
                found.retain(|id| {
                    let entity = &self.entities[*id];
                    let is_child = matches!(entity.sort, "comment" | "attachment");
                    match field {
                        "space" => values.iter().any(|value| value == entity.space),
                        "type" => values.iter().any(|value| value == entity.sort),
                        "id" => asked.contains(*id),
                        "container" => {
                            is_child && entity.parent.as_ref().is_some_and(|page| asked.contains(page))
                        }
                        _ => false,
                    }
                });
            } else if let Some(since) = condition.strip_prefix("lastmodified >= ") {
                // The minute is one of the zone of the token's owner.
                let local =
                    jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M", since.trim_matches('"')).ok()?;
                let utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
                let since = utc - SignedDuration::from_hours(self.zone_hours);
                found.retain(|id| self.entities[*id].changed >= since);
            } else {
                return None;
            }
        }
        found.retain(|id| self.entities[*id].status == "current" && !self.faults.unsearchable.contains(*id));
        match order {
            "created asc" => found.sort_by_key(|id| self.entities[*id].created),
            "lastmodified asc" => found.sort_by_key(|id| self.entities[*id].changed),
            _ => {}
        }
        Some(found.into_iter().cloned().collect())
    }

    /// A status and a body.
    fn reply(&mut self, path: &str, query: &HashMap<String, String>) -> (u16, Value) {
        let text = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
        let number = |key: &str| text(key).parse::<usize>().ok();
        let expand = text("expand").to_owned();
        let not_found = (404, json!({"statusCode": 404, "message": "No content found"}));
        let path = path.strip_prefix("/rest/api/content/").unwrap_or_default();
        let asks_storage = expand.contains("body.storage");
        let fails = |id: &String, faults: &Faults| {
            faults.broken.contains(id) && expand.contains("body.")
                || (asks_storage && faults.without_storage.contains(id))
        };
        let ids = if path == "search" {
            let is_next = query.contains_key("cursor") || query.contains_key("start");
            if self.searched.0 != text("cql") || !is_next {
                let Some(found) = self.found(text("cql")) else {
                    return (400, json!({"statusCode": 400, "message": "Could not parse cql"}));
                };
                self.searched = (text("cql").to_owned(), found);
            }
            self.searched.1.clone()
        } else if let Some((id, sort)) = path.split_once("/child/") {
            if !self.entities.contains_key(id) {
                return not_found;
            }
            let is_it = |entity: &Entity| entity.sort == sort && entity.parent.as_deref() == Some(id);
            self.entities.iter().filter(|(_, entity)| is_it(entity)).map(|(id, _)| id.clone()).collect()
        } else {
            let id = path.strip_prefix("att").unwrap_or(path).to_owned();
            return match self.entities.get(&id).map(|entity| entity.status) {
                Some("current") if fails(&id, &self.faults) => (500, json!({"message": "x"})),
                Some("current") => (200, self.content(&id, &expand)),
                _ => not_found,
            };
        };
        let asked = number("limit").unwrap_or(25);
        if self.faults.most_results.is_some_and(|most| asked > most) {
            return (500, json!({"message": "too many"}));
        }
        // Less is given than was asked for, without a word.
        let limit = asked.min(if expand.contains("body.") { 50 } else { 200 });
        let start = text("cursor")
            .strip_prefix("c")
            .and_then(|start| start.parse().ok())
            .or(number("start"))
            .unwrap_or(0);
        if self.faults.cut_after.is_some_and(|after| start >= after) {
            return (500, json!({"message": "x"}));
        }
        let mut limit = limit;
        if let Some(after) = self.faults.cut_after {
            limit = limit.min(after - start);
        }
        let page: Vec<&String> = ids.iter().skip(start).take(limit).collect();
        if page.iter().any(|id| fails(id, &self.faults)) {
            return (500, json!({"message": "x"}));
        }
        let results: Vec<Value> = page.iter().map(|id| self.content(id, &expand)).collect();
        let end = start + results.len();
        let mut links = json!({"base": "https://public.example/wiki", "context": "/wiki"});
        if end < ids.len() {
            let query = format!(
                "cql={}&expand={expand}&limit={asked}",
                text("cql").replace('"', "%22").replace(' ', "+")
            );
            // A Data Center counts on from what was asked for.
            links["next"] = match self.is_cloud {
                true => json!(format!("/rest/api/content/{path}?{query}&cursor=c{end}")),
                false => json!(format!("/rest/api/content/{path}?{query}&start={}", start + asked)),
            };
        }
        (
            200,
            json!({"results": results, "limit": limit, "size": results.len(), "start": start, "_links": links}),
        )
    }
}

/// The reply of a store, or of a Data Center itself, to the download of a file.
fn file(state: &State, id: &str) -> Answer {
    let Some(entity) = state.entities.get(id) else { return Answer::Whole(404, String::new(), Vec::new()) };
    let bytes = entity.body.clone().into_bytes();
    let whole =
        |status: u16, headers: &str, body: &[u8]| Answer::Whole(status, headers.to_owned(), body.to_vec());
    match state.faults.files.get(id) {
        None => whole(200, "", &bytes),
        Some(FileFault::Fails) => whole(500, "", b"canary"),
        Some(FileFault::Cut) => Answer::Cut(bytes),
        Some(FileFault::Login) => whole(200, "", b"<html><body><p>canary: log in</p></body></html>"),
        Some(FileFault::SentOn) => whole(302, &format!("Location: {}/file/{id}?sig=2\r\n", state.store), b""),
    }
}

/// The reply of the store, which checks no credentials.
fn answer_of_store(state: &mut State, target: &str, head: &str) -> Answer {
    state.store_requests.push(head.to_owned());
    let id = target.strip_prefix("/file/").and_then(|rest| rest.split_once("?sig=")).map(|(id, _)| id);
    file(state, id.unwrap_or_default())
}

/// How a request is answered.
enum Answer {
    Whole(u16, String, Vec<u8>),
    /// The body ends before its length.
    Cut(Vec<u8>),
    /// The connection ends without a response.
    Nothing,
}

fn answer(state: &mut State, target: &str, head: &str, base: &str) -> Answer {
    let url = Url::parse(&format!("http://site{target}")).expect("an address");
    state.requests.push(target.to_owned());
    let whole = |status: u16, headers: &str, body: Value| {
        Answer::Whole(status, headers.to_owned(), body.to_string().into_bytes())
    };
    let wanted = if state.is_cloud { BASIC } else { BEARER };
    let is_known = head.lines().any(|line| {
        line.split_once(": ")
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case("authorization") && value == wanted)
    });
    if !is_known {
        return whole(401, "", json!({"message": "canary"}));
    }
    if let Some(status) = state.faults.status {
        return whole(status, "", json!({"message": "canary"}));
    }
    if state.faults.busy > 0 {
        state.faults.busy -= 1;
        return whole(429, "Retry-After: 1\r\n", json!({}));
    }
    let query: HashMap<String, String> =
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let path = url.path().strip_prefix(base).unwrap_or_default();
    let download = path.strip_suffix("/download").and_then(|path| path.rsplit_once("/child/attachment/att"));
    let is_file = download.is_some() || path.starts_with("/download/");
    if is_file && state.faults.percent > 0 {
        let fault = state.random();
        match fault / 100 % 4 {
            _ if fault % 100 >= state.faults.percent => {}
            0 => return whole(429, "Retry-After: 0\r\n", json!({})),
            1 => return whole(500, "", json!({"message": "canary"})),
            2 => return Answer::Whole(200, String::new(), b"half".to_vec()),
            _ => return Answer::Nothing,
        }
    }
    match download {
        // Only a Cloud has this address.
        Some((_, id)) if state.is_cloud => {
            return Answer::Whole(302, format!("Location: {}/file/{id}?sig=1\r\n", state.store), Vec::new());
        }
        Some(_) => return whole(404, "", json!({})),
        None => {}
    }
    if let Some((_, id)) = path.strip_prefix("/download/attachments/").and_then(|path| path.split_once('/')) {
        return file(state, id);
    }
    let (status, body) = state.reply(path, &query);
    let mut bytes = body.to_string().into_bytes();
    if state.faults.truncated > 0 {
        state.faults.truncated -= 1;
        bytes.truncate(bytes.len() / 2);
        return Answer::Whole(status, String::new(), bytes);
    }
    let fault = state.random();
    if fault % 100 < state.faults.percent {
        return match fault / 100 % 5 {
            0 => whole(429, "Retry-After: 0\r\n", json!({})),
            1 => whole(500, "", json!({"message": "canary"})),
            2 => Answer::Cut(bytes),
            3 => {
                bytes.truncate(bytes.len() / 2);
                Answer::Whole(200, String::new(), bytes)
            }
            _ => Answer::Nothing,
        };
    }
    Answer::Whole(status, String::new(), bytes)
}

/// Serves a connection to the site at the path `base`, or to the store.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, base: Option<String>) {
    let mut request = Vec::new();
    loop {
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut piece = [0; 8192];
            let length = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut piece)).await;
            match length {
                Ok(Ok(length)) if length > 0 => request.extend_from_slice(&piece[..length]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&request).into_owned();
        request.clear();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let answer = {
            let mut state = state.lock().expect("no test holds it while it fails");
            match &base {
                Some(base) => answer(&mut state, target, &head, base),
                None => answer_of_store(&mut state, target, &head),
            }
        };
        let (status, headers, body, length) = match answer {
            Answer::Nothing => return,
            Answer::Cut(body) => (200, String::new(), body[..body.len() / 2].to_vec(), body.len()),
            Answer::Whole(status, headers, body) => {
                let length = body.len();
                (status, headers, body, length)
            }
        };
        let is_cut = body.len() < length;
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        let sent = [head.as_bytes(), &body].concat();
        if stream.write_all(&sent).await.is_err() || is_cut {
            return;
        }
    }
}
