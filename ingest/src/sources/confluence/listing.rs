//! The listing of a live site: everything, or the changes since the last run.
//!
//! A page's version ([`Version`]) covers its text, its comments and files, and who may view it, for each of them
//! changes alone. A full listing knows all versions. A listing of changes knows those of the changed pages, and takes
//! the rest from the last run.

use super::{
    api::Api,
    attachments::{self, Attachment, ids_of},
    page::Context,
    settings::Settings,
    wire::{self, Content},
};
use crate::{
    report::{Rejection, Warning},
    sources::{Item, SyncState},
};
use jiff::{SignedDuration, Timestamp};
use kb::document::ContentHash;
use net::CallError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How many contents a listing asks for at once.
const LIMIT: usize = 200;

/// How many pages that a full listing lacks are asked for one by one before it is believed.
const MAX_CHECKED: usize = 20;

/// Each page counts as this many bytes, so that a batch has as many pages as a site gives at once.
const PAGE_BYTES: u64 = (2 << 20) / 50;

/// The start of the next listing of changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// When the latest change that was listed was made.
    #[serde(default)]
    pub(super) since: Option<Timestamp>,
    /// Space and title of each page, by id, where full listings are rare: links name titles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) titles: Titles,
}

/// Space and title of pages, by id.
pub(super) type Titles = BTreeMap<String, (String, String)>;

impl Cursor {
    pub(super) fn of(state: &SyncState) -> Self {
        let cursor = state.cursor.clone().and_then(|cursor| serde_json::from_value(cursor).ok());
        cursor.unwrap_or_default()
    }
}

/// The version of a page: it differs between any two states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version {
    number: u64,
    /// How many comments and files it has; `None` where that is not known.
    num_children: Option<usize>,
    /// When the latest of them changed.
    latest_child: Option<Timestamp>,
    is_restricted: bool,
}

impl Version {
    /// Reads what [`Version`]'s `to_string` wrote.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let number = parts.next()?.parse().ok()?;
        let mut version = Self { number, num_children: Some(0), ..Self::default() };
        for part in parts {
            match part.split_once('@') {
                Some((count, latest)) => {
                    version.num_children = count.parse().ok();
                    version.latest_child = latest.parse().ok();
                }
                None => version.is_restricted = part == "restricted",
            }
        }
        Some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.number)?;
        if let Some(latest) = self.latest_child {
            match self.num_children {
                Some(count) => write!(f, " {count}@{latest}")?,
                None => write!(f, " ?@{latest}")?,
            }
        }
        match self.is_restricted {
            true => f.write_str(" restricted"),
            false => Ok(()),
        }
    }
}

/// The version of an attached file: it differs between any two states.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion {
    number: u64,
    /// A mark of its name.
    name: String,
    /// A mark of its page's title, which its passages stand below.
    title: String,
    is_restricted: bool,
}

impl FileVersion {
    /// Reads what [`FileVersion`]'s `to_string` wrote.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (number, name, title) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let is_restricted = parts.next() == Some("restricted");
        Some(Self { number, name: name.to_owned(), title: title.to_owned(), is_restricted })
    }
}

impl std::fmt::Display for FileVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, name, title, is_restricted } = self;
        write!(f, "{number} {name} {title}{}", if *is_restricted { " restricted" } else { "" })
    }
}

/// A few letters that differ where texts do.
fn mark(text: &str) -> String {
    const LENGTH: usize = 12;
    let hash = ContentHash::of(&[text.as_bytes()]).to_string();
    hash[..hash.len().min(LENGTH)].to_owned()
}

/// A page as a listing shows it.
struct ListedPage {
    space: String,
    title: String,
    number: u64,
    ancestors: Vec<String>,
}

/// Comments and files of one page.
#[derive(Default)]
struct Children {
    count: usize,
    latest: Option<Timestamp>,
}

/// The result of a listing.
#[derive(Default)]
struct Found {
    pages: BTreeMap<String, ListedPage>,
    children: HashMap<String, Children>,
    /// For each page, whether it has restrictions of its own.
    restricted: HashMap<String, bool>,
    /// The attached files that may be read, by key.
    files: BTreeMap<String, Attachment>,
    /// The names of the others, by key.
    other_files: BTreeMap<String, String>,
    latest: Option<Timestamp>,
}

impl Found {
    fn add(&mut self, contents: Vec<Content>) {
        for content in contents.into_iter().filter(Content::is_current) {
            let Some(id) = content.id() else { continue };
            let changed_at = content.changed_at();
            self.latest = self.latest.max(changed_at);
            if content.is_page() {
                self.restricted.insert(id.clone(), content.is_restricted());
                let page = ListedPage {
                    space: content.space(),
                    title: content.title(),
                    number: content.version(),
                    ancestors: content.ancestors(),
                };
                // A page that changes while it is listed may come twice.
                let is_older = self.pages.get(&id).is_some_and(|known| known.number > page.number);
                if !is_older {
                    self.pages.insert(id, page);
                }
            } else if let Some(container) = content.container().filter(|_| content.is_shown_child()) {
                let children = self.children.entry(container).or_default();
                children.count += 1;
                children.latest = children.latest.max(changed_at);
                if let Some(file) = content.attachment() {
                    self.add_file(file);
                }
            }
        }
    }

    fn add_file(&mut self, file: Attachment) {
        let key = file.key();
        let is_older = self.files.get(&key).is_some_and(|known| known.version > file.version);
        match file.format() {
            Ok(_) if is_older => {}
            Ok(_) => drop(self.files.insert(key, file)),
            Err(_) => drop(self.other_files.insert(key, file.name)),
        }
    }

    /// Whether a page or one above it has restrictions.
    fn is_restricted(&self, id: &str) -> bool {
        let is = |id: &str| self.restricted.get(id).copied().unwrap_or(false);
        is(id) || self.pages.get(id).is_some_and(|page| page.ancestors.iter().any(|id| is(id)))
    }
}

/// A listing before there is someone to read it.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) items: Vec<Item>,
    pub(super) is_complete: bool,
    pub(super) gone: Vec<String>,
    pub(super) rejected: Vec<Rejection>,
    pub(super) warnings: Vec<Warning>,
    pub(super) cursor: Option<Cursor>,
    pub(super) titles: Titles,
    /// Whether pages have restrictions of their own, of those that were listed.
    pub(super) restricted: HashMap<String, bool>,
    /// How many comments and files pages have at least; `None` where none was counted.
    pub(super) num_children: Option<HashMap<String, usize>>,
    /// The attached files that were listed, by key.
    pub(super) files: BTreeMap<String, Attachment>,
}

/// Whether all pages have to be listed.
fn is_due(settings: &Settings, before: &SyncState, cursor: &Cursor, now: Timestamp) -> bool {
    let hours = SignedDuration::from_hours(i64::from(settings.full_listing_hours));
    let is_fresh = before.listed_at.is_some_and(|listed| now.duration_since(listed) < hours);
    cursor.since.is_none() || !is_fresh
}

/// The search for what a source has; since a time, for what changed.
fn cql(settings: &Settings, since: Option<Timestamp>) -> String {
    let spaces = settings.spaces.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(",");
    let sorts = [
        ("page", true),
        ("blogpost", settings.blog_posts),
        ("comment", settings.comments),
        ("attachment", settings.attachments),
    ];
    let sorts: Vec<&str> = sorts.into_iter().filter(|(_, is_read)| *is_read).map(|(sort, _)| sort).collect();
    let what = format!("space in ({spaces}) and type in ({})", sorts.join(","));
    match since {
        // An order that changes of pages do not change.
        None => format!("{what} order by created asc"),
        Some(since) => {
            let overlap = SignedDuration::from_mins(i64::from(settings.overlap_minutes));
            let since = since.checked_sub(overlap).unwrap_or(Timestamp::UNIX_EPOCH);
            let since = since.strftime("%Y-%m-%d %H:%M");
            format!("{what} and lastmodified >= \"{since}\" order by lastmodified asc")
        }
    }
}

/// Lists a site. An error only where nothing at all was listed.
pub(super) async fn list(
    api: &Api,
    context: &Context,
    before: &SyncState,
    now: Timestamp,
) -> Result<Outcome, CallError> {
    let settings = &context.settings;
    let cursor = Cursor::of(before);
    let is_full = is_due(settings, before, &cursor, now);
    let since = cursor.since.filter(|_| !is_full);
    let mut found = Found::default();
    let mut visit = |contents| found.add(contents);
    let failure = api.search(&cql(settings, since), wire::LISTED, LIMIT, &mut visit).await.err();
    let is_whole = is_full && failure.is_none();
    let mut outcome = Outcome { is_complete: is_whole, ..Outcome::default() };
    if let Some(error) = failure {
        if found.pages.is_empty() && found.children.is_empty() {
            return Err(error);
        }
        let message = format!("the listing broke off: {error}; what it had is read, and nothing is removed");
        outcome.warn(context, message);
    }
    if is_full {
        let is_absent = |key: &&String| match ids_of(key) {
            None => !found.pages.contains_key(*key),
            // Files of a page that is gone go with it.
            Some((page, _)) => {
                let is_listed = found.files.contains_key(*key) || found.other_files.contains_key(*key);
                found.pages.contains_key(page) && !is_listed
            }
        };
        for key in before.versions.keys().filter(is_absent).take(MAX_CHECKED) {
            if !outcome.is_complete {
                break;
            }
            outcome.is_complete = is_gone(api, settings, key).await;
            if !outcome.is_complete {
                let what = if ids_of(key).is_some() { "attached file" } else { "page" };
                let message = format!(
                    "the search does not list the {what} {key}, which is there; nothing is removed in this run"
                );
                outcome.warn(context, message);
            }
        }
    }
    let known = if is_full { Titles::new() } else { cursor.titles };
    outcome.titles = known;
    let listed = found.pages.iter().map(|(id, page)| (id.clone(), (page.space.clone(), page.title.clone())));
    outcome.titles.extend(listed);
    outcome.items_of(&found, is_whole, before, context);
    outcome.files_of(&found, is_whole, before, context);
    // A listing of changes comes in the order of the changes, so its part before it broke off need not be listed again.
    if is_whole || !is_full {
        let titles = if settings.full_listing_hours > 0 { outcome.titles.clone() } else { Titles::new() };
        outcome.cursor = Some(Cursor { since: found.latest.max(cursor.since), titles });
    }
    outcome.num_children =
        is_whole.then(|| found.children.iter().map(|(id, children)| (id.clone(), children.count)).collect());
    // In a listing of changes, pages above may be missing.
    outcome.restricted = found.restricted;
    outcome.files = found.files;
    Ok(outcome)
}

/// Whether a page or a file that a full listing lacks is gone from the source. One whose state cannot be learnt is not
/// gone.
async fn is_gone(api: &Api, settings: &Settings, key: &str) -> bool {
    if let Some((page, id)) = ids_of(key) {
        return match api.content(&format!("att{id}"), wire::FILE).await {
            Ok(file) => file.attachment().is_none_or(|file| file.page != page),
            Err(error) => matches!(error.status(), Some(404 | 410)),
        };
    }
    let id = key;
    match api.content(id, "version,space").await {
        Ok(page) => !page.is_current() || !settings.has_space(&page.space()),
        Err(error) => matches!(error.status(), Some(404 | 410)),
    }
}

impl Outcome {
    fn warn(&mut self, context: &Context, message: String) {
        self.warnings.push(Warning { path: context.name.clone(), message });
    }

    /// The items of the pages that were found; a page that only some may view is gone if no tags stand for that. Unless
    /// everything was listed, facts that are not known of an item stay as before.
    fn items_of(&mut self, found: &Found, is_whole: bool, before: &SyncState, context: &Context) {
        let known = |id: &str| before.versions.get(id).and_then(|version| Version::parse(version));
        for (id, page) in &found.pages {
            let is_restricted = found.is_restricted(id);
            if is_restricted && !context.has_tags() {
                self.rejected.push(context.restricted(id, &page.title));
                self.gone.push(id.clone());
                continue;
            }
            let mut version = Version { number: page.number, is_restricted, ..Version::default() };
            let listed = found.children.get(id);
            match known(id).filter(|_| !is_whole) {
                Some(old) => {
                    // Restrictions of pages above may not have been listed.
                    version.is_restricted |= old.is_restricted;
                    version.inherit(&old, listed);
                }
                None => {
                    version.num_children = Some(listed.map_or(0, |children| children.count));
                    version.latest_child = listed.and_then(|children| children.latest);
                }
            }
            self.push(id, Some(version));
        }
        if is_whole {
            return;
        }
        // A comment or a file changed, and the page did not.
        let mut containers: Vec<_> =
            found.children.iter().filter(|(id, _)| !found.pages.contains_key(*id)).collect();
        containers.sort_by_key(|(id, _)| id.as_str());
        for (id, children) in containers {
            let version = known(id).map(|old| {
                let mut version =
                    Version { number: old.number, is_restricted: old.is_restricted, ..Version::default() };
                version.inherit(&old, Some(children));
                version
            });
            self.push(id, version);
        }
    }

    /// The items of attached files. The files of a page that is left out are gone. The unchanged files of a page that
    /// changed are read again if its title, or who may view it, is another.
    fn files_of(&mut self, found: &Found, is_whole: bool, before: &SyncState, context: &Context) {
        let is_refused = |page: &str| found.is_restricted(page) && !context.has_tags();
        let known = |key: &str| before.versions.get(key).and_then(|version| FileVersion::parse(version));
        let others = found.other_files.iter().filter_map(|(key, name)| {
            let (page, _) = ids_of(key)?;
            (self.titles.contains_key(page) && !is_refused(page)).then_some(name.as_str())
        });
        self.rejected.extend(attachments::not_read(&context.name, others));
        // A renamed file may have been read before.
        self.gone.extend(found.other_files.keys().filter(|key| before.versions.contains_key(*key)).cloned());
        // A file without a page that is read is in the trash, in an archive or in another space.
        for (key, file) in &found.files {
            let Some((_, title)) = self.titles.get(&file.page) else { continue };
            if is_refused(&file.page) {
                continue;
            }
            let old = known(key).filter(|_| !is_whole);
            let version = FileVersion {
                number: file.version,
                name: mark(&file.name),
                title: mark(title),
                is_restricted: found.is_restricted(&file.page) || old.is_some_and(|old| old.is_restricted),
            };
            self.items.push(file.item(Some(version.to_string())));
        }
        for (page, listed) in &found.pages {
            for (key, version) in files_before(before, page) {
                if is_refused(page) {
                    self.gone.push(key.clone());
                    continue;
                }
                if is_whole || found.files.contains_key(key) || found.other_files.contains_key(key) {
                    continue;
                }
                let Some(old) = FileVersion::parse(version) else { continue };
                let is_restricted = old.is_restricted || found.is_restricted(page);
                let now = FileVersion { title: mark(&listed.title), is_restricted, ..old.clone() };
                if let Some((page, id)) = ids_of(key).filter(|_| now != old) {
                    let (page, id) = (page.to_owned(), id.to_owned());
                    let file = Attachment { page, id, ..Attachment::default() };
                    self.items.push(file.item(Some(now.to_string())));
                }
            }
        }
    }

    fn push(&mut self, id: &str, version: Option<Version>) {
        let version = version.map(|version| version.to_string());
        self.items.push(Item { key: id.to_owned(), version, bytes: PAGE_BYTES });
    }
}

/// The files of a page that the last run left, with their versions.
fn files_before<'b>(before: &'b SyncState, page: &str) -> impl Iterator<Item = (&'b String, &'b String)> {
    let start = format!("{page}/");
    let of_page = before.versions.range(start.clone()..).take_while(move |(key, _)| key.starts_with(&start));
    of_page.filter(|(key, _)| ids_of(key).is_some())
}

impl Version {
    /// Takes over what is known of the comments and files, but for what a listing of changes has of them.
    fn inherit(&mut self, old: &Self, listed: Option<&Children>) {
        (self.num_children, self.latest_child) = (old.num_children, old.latest_child);
        let latest = listed.and_then(|children| children.latest);
        if latest > old.latest_child {
            (self.num_children, self.latest_child) = (None, latest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        for text in
            ["7", "7 3@2026-01-02T03:04:05Z", "7 ?@2026-01-02T03:04:05.25Z restricted", "1 restricted"]
        {
            assert_eq!(Version::parse(text).map(|version| version.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Version::parse("x"), None);
        for text in ["3 0123456789ab ab0123456789", "1 a b restricted"] {
            assert_eq!(FileVersion::parse(text).map(|version| version.to_string()).as_deref(), Some(text));
        }
        assert_eq!((FileVersion::parse("7"), FileVersion::parse("7 3@2026-01-02T03:04:05Z")), (None, None));
        assert!(mark("a").len() == 12 && mark("a") != mark("b"));
    }

    #[test]
    fn searches_are_for_the_spaces_and_reach_back() {
        let settings = Settings::sample("spaces = [\"OPS\", \"SRE\"]\nattachments = false");
        assert_eq!(
            cql(&settings, None),
            "space in (\"OPS\",\"SRE\") and type in (page,blogpost,comment) order by created asc"
        );
        let since = "2026-01-02T03:04:59Z".parse().ok();
        assert_eq!(
            cql(&settings, since),
            "space in (\"OPS\",\"SRE\") and type in (page,blogpost,comment) and lastmodified >= \"2026-01-01 03:04\" \
             order by lastmodified asc"
        );
    }

    #[test]
    fn full_listings_are_due_after_their_hours() {
        let now: Timestamp = "2026-01-02T12:00:00Z".parse().expect("a time");
        let cursor = Cursor { since: Some(now), ..Cursor::default() };
        let state = |hours: i64| SyncState {
            listed_at: now.checked_sub(SignedDuration::from_hours(hours)).ok(),
            ..SyncState::default()
        };
        let (always, daily) = (Settings::sample(""), Settings::sample("full_listing_hours = 24"));
        assert!(is_due(&always, &state(0), &cursor, now));
        assert!(!is_due(&daily, &state(23), &cursor, now));
        assert!(is_due(&daily, &state(24), &cursor, now));
        assert!(is_due(&daily, &state(1), &Cursor::default(), now), "nothing was listed yet");
        assert!(is_due(&daily, &SyncState::default(), &cursor, now));
    }
}
