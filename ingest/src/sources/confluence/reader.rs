//! Reads pages of a live site: many at once, and one by one what fails so. Comments and files are read with their page,
//! and who may view the pages above it is known before it is shown.

use super::{
    api::{Api, may_be_its_size},
    attachments::{Attachment, ids_of},
    page::{self, Body, Context, Page},
    wire::{self, Content},
};
use crate::{
    blocking::blocking,
    sources::{Item, Reader, Reading},
};
use async_trait::async_trait;
use net::CallError;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// So many comments and files are asked for at once.
const CHILDREN_AT_ONCE: usize = 100;

/// After this many failed pages in a row, the site must show that it is there before it is asked for more.
const MAX_FAILURES: usize = 5;

/// Reads the pages that a listing has, and the files that are attached to them.
pub(super) struct PageReader {
    pub(super) api: Api,
    pub(super) context: Arc<Context>,
    /// Whether pages have restrictions of their own.
    restricted: Mutex<HashMap<String, bool>>,
    /// How many comments and files pages have at least; `None` where none was counted.
    num_children: Option<HashMap<String, usize>>,
    /// Set once the site does not search for pages by their ids.
    has_no_search: AtomicBool,
    /// Set once the site does not search for comments by their pages.
    has_no_search_of_children: AtomicBool,
    /// How many pages in a row failed.
    failures: AtomicUsize,
    /// Why the site is not asked for more in this run.
    pub(super) given_up: OnceLock<CallError>,
    /// The attached files that were listed, by key.
    pub(super) files: BTreeMap<String, Attachment>,
    /// How many files in a row were not given.
    pub(super) failed_files: AtomicUsize,
    /// Why no more files are asked for in this run.
    pub(super) gives_no_files: OnceLock<CallError>,
}

/// The outcome of asking for a page.
pub(super) enum Fetched {
    Page(Box<Content>),
    /// The page is not there any more.
    Gone,
    /// The page is there, and its text stayed unknown for this reason.
    Failed(String),
}

/// The outcomes by the pages' ids.
pub(super) type Pages = HashMap<String, Fetched>;

impl PageReader {
    pub(super) fn new(
        api: Api,
        context: Arc<Context>,
        restricted: HashMap<String, bool>,
        num_children: Option<HashMap<String, usize>>,
        files: BTreeMap<String, Attachment>,
    ) -> Self {
        Self {
            api,
            context,
            restricted: Mutex::new(restricted),
            num_children,
            has_no_search: AtomicBool::new(false),
            has_no_search_of_children: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
            given_up: OnceLock::new(),
            files,
            failed_files: AtomicUsize::new(0),
            gives_no_files: OnceLock::new(),
        }
    }

    fn page_size(&self) -> usize {
        self.context.settings.page_size.clamp(1, 200)
    }

    /// Fetches pages without their comments and files.
    async fn fetch(&self, ids: &[String]) -> Pages {
        let mut pages = Pages::new();
        let mut groups: Vec<Vec<String>> =
            ids.chunks(self.page_size()).rev().map(<[String]>::to_vec).collect();
        while let Some(mut group) = groups.pop() {
            if let Some(error) = self.given_up.get() {
                groups.push(group);
                fail_all(&mut pages, groups.concat(), error);
                break;
            }
            if let [id] = group.as_slice() {
                let fetched = self.fetch_one(id).await;
                self.note(id, fetched.as_ref().err()).await;
                pages.insert(id.clone(), fetched.unwrap_or_else(|error| Fetched::Failed(error.to_string())));
                continue;
            }
            let searched = match self.has_no_search.load(Ordering::Relaxed) {
                true => Ok(HashMap::new()),
                false => self.api.search_ids(&group, wire::READ).await,
            };
            match searched {
                Ok(found) => {
                    self.failures.store(0, Ordering::Relaxed);
                    let found = found.into_iter().filter(|(_, content)| content.body().is_some());
                    pages.extend(found.map(|(id, content)| (id, Fetched::Page(Box::new(content)))));
                    group.retain(|id| !pages.contains_key(id));
                    groups.extend(group.into_iter().rev().map(|id| vec![id]));
                }
                Err(error) if may_be_its_size(&error) => {
                    let second = group.split_off(group.len() / 2);
                    groups.extend([second, group]);
                }
                Err(CallError::Status { status: 400, .. }) => {
                    self.has_no_search.store(true, Ordering::Relaxed);
                    groups.extend(group.into_iter().rev().map(|id| vec![id]));
                }
                Err(error) => {
                    groups.push(group);
                    let _ = self.given_up.set(error);
                }
            }
        }
        pages
    }

    /// Fetches one page; as HTML where the storage format cannot be had.
    async fn fetch_one(&self, id: &str) -> Result<Fetched, CallError> {
        let is_whole = |content: &Content| content.body().is_some() || !content.is_current();
        match self.api.content(id, wire::READ).await {
            Ok(content) if is_whole(&content) => return Ok(Fetched::Page(Box::new(content))),
            Ok(_) => {}
            Err(error) if matches!(error.status(), Some(404 | 410)) => return Ok(Fetched::Gone),
            Err(error) if may_be_its_size(&error) => {}
            Err(error) => return Err(error),
        }
        let content = self.api.content_at_once(id, wire::READ_AS_VIEW).await?;
        match is_whole(&content) {
            true => Ok(Fetched::Page(Box::new(content))),
            false => Ok(Fetched::Failed("the reply has no text of the page".to_owned())),
        }
    }

    /// Fetches pages without their texts, their comments and their files.
    pub(super) async fn fetch_heads(&self, ids: &[String]) -> Pages {
        let mut pages = Pages::new();
        for group in ids.chunks(self.page_size()) {
            let is_searched = group.len() > 1 && !self.has_no_search.load(Ordering::Relaxed);
            let found = match is_searched {
                // Pages that it does not give, or cannot, are asked for one by one.
                true => self.api.search_ids(group, wire::HEAD).await.unwrap_or_default(),
                false => HashMap::new(),
            };
            pages.extend(found.into_iter().map(|(id, content)| (id, Fetched::Page(Box::new(content)))));
            for id in group {
                if pages.contains_key(id) {
                    continue;
                }
                if let Some(error) = self.given_up.get() {
                    pages.insert(id.clone(), Fetched::Failed(error.to_string()));
                    continue;
                }
                let fetched = match self.api.content(id, wire::HEAD).await {
                    Ok(content) => Ok(Fetched::Page(Box::new(content))),
                    Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(Fetched::Gone),
                    Err(error) => Err(error),
                };
                self.note(id, fetched.as_ref().err()).await;
                pages.insert(id.clone(), fetched.unwrap_or_else(|error| Fetched::Failed(error.to_string())));
            }
        }
        pages
    }

    /// Learns which of the pages above these have restrictions of their own.
    pub(super) async fn learn_restrictions(&self, pages: &Pages) -> Result<(), CallError> {
        let mut unknown = BTreeSet::new();
        {
            let mut known = self.restricted.lock().unwrap_or_else(PoisonError::into_inner);
            let contents = pages.iter().filter_map(|(id, fetched)| match fetched {
                Fetched::Page(content) => Some((id, content)),
                _ => None,
            });
            for (id, content) in contents.clone() {
                known.insert(id.clone(), content.is_restricted());
            }
            for (_, content) in contents {
                unknown.extend(content.ancestors().into_iter().filter(|id| !known.contains_key(id)));
            }
        }
        let unknown: Vec<String> = unknown.into_iter().collect();
        for group in unknown.chunks(self.page_size()) {
            let mut found = match self.has_no_search.load(Ordering::Relaxed) || group.len() == 1 {
                true => HashMap::new(),
                false => self.api.search_ids(group, wire::RESTRICTIONS).await.unwrap_or_default(),
            };
            for id in group.iter().filter(|id| !found.contains_key(*id)).cloned().collect::<Vec<_>>() {
                match self.api.content(&id, wire::RESTRICTIONS).await {
                    Ok(content) => drop(found.insert(id, content)),
                    // A page above that is archived or in the trash restricts nothing. A page that we may not view
                    // would hide the one below it as well.
                    Err(error) if matches!(error.status(), Some(404 | 410)) => {
                        self.restricted.lock().unwrap_or_else(PoisonError::into_inner).insert(id, false);
                    }
                    Err(error) => return Err(error),
                }
            }
            let mut known = self.restricted.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(found.into_iter().map(|(id, content)| (id, content.is_restricted())));
        }
        Ok(())
    }

    /// Whether a page, or one above it, has restrictions; `None` where that is not known.
    pub(super) fn is_restricted(&self, content: &Content) -> Option<bool> {
        let known = self.restricted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_restricted = content.is_restricted();
        for id in content.ancestors() {
            is_restricted |= *known.get(&id)?;
        }
        Some(is_restricted)
    }

    /// Fetches comments and files of pages, by page. A failed fetch has its reason.
    async fn fetch_children(&self, ids: Vec<String>) -> HashMap<String, Result<Vec<Content>, CallError>> {
        let mut children: HashMap<String, Result<Vec<Content>, CallError>> = HashMap::new();
        let mut groups: Vec<Vec<String>> =
            ids.chunks(self.page_size()).rev().map(<[String]>::to_vec).collect();
        while let Some(mut group) = groups.pop() {
            if let Some(error) = self.given_up.get() {
                groups.push(group);
                children.extend(groups.concat().into_iter().map(|id| (id, Err(error.clone()))));
                break;
            }
            if let [id] = group.as_slice() {
                let of_page = self.children_of(id).await;
                self.note(id, of_page.as_ref().err()).await;
                children.insert(id.clone(), of_page);
                continue;
            }
            let searched = match self.has_no_search_of_children.load(Ordering::Relaxed) {
                true => Ok(None),
                false => self.search_children(&group).await,
            };
            match searched {
                Ok(Some(mut found)) => {
                    // A search that has fewer than were listed does not know all of them.
                    let is_enough =
                        |id: &String, found: usize| found >= self.num_listed_children(id).unwrap_or(0);
                    let (known, rest): (Vec<String>, Vec<String>) =
                        group.into_iter().partition(|id| is_enough(id, found.get(id).map_or(0, Vec::len)));
                    children.extend(known.into_iter().map(|id| {
                        let of_page = found.remove(&id).unwrap_or_default();
                        (id, Ok(of_page))
                    }));
                    groups.extend(rest.into_iter().map(|id| vec![id]));
                }
                Ok(None) | Err(CallError::Status { status: 400, .. }) => {
                    self.has_no_search_of_children.store(true, Ordering::Relaxed);
                    groups.extend(group.into_iter().rev().map(|id| vec![id]));
                }
                Err(error) if may_be_its_size(&error) => {
                    let second = group.split_off(group.len() / 2);
                    groups.extend([second, group]);
                }
                Err(error) => {
                    groups.push(group);
                    let _ = self.given_up.set(error);
                }
            }
        }
        children
    }

    fn num_listed_children(&self, id: &str) -> Option<usize> {
        self.num_children.as_ref().map(|known| known.get(id).copied().unwrap_or(0))
    }

    /// Searches for comments and files by their pages; `None` where the site does not understand that.
    async fn search_children(
        &self,
        ids: &[String],
    ) -> Result<Option<HashMap<String, Vec<Content>>>, CallError> {
        let sorts = self.sorts().join(",");
        let cql = format!("container in ({}) and type in ({sorts})", ids.join(","));
        let (mut found, mut is_understood) = (HashMap::<String, Vec<Content>>::new(), true);
        let mut visit = |contents: Vec<Content>| {
            for content in contents {
                match content.container().filter(|id| !content.is_page() && ids.contains(id)) {
                    Some(container) => found.entry(container).or_default().push(content),
                    None => is_understood = false,
                }
            }
        };
        self.api.search(&cql, wire::CHILDREN, CHILDREN_AT_ONCE, &mut visit).await?;
        Ok(is_understood.then_some(found))
    }

    /// The sorts of contents below pages that are read.
    fn sorts(&self) -> Vec<&'static str> {
        let settings = &self.context.settings;
        let sorts = [("comment", settings.comments), ("attachment", settings.attachments)];
        sorts.into_iter().filter(|(_, is_read)| *is_read).map(|(sort, _)| sort).collect()
    }

    async fn children_of(&self, id: &str) -> Result<Vec<Content>, CallError> {
        let mut children = Vec::new();
        for sort in self.sorts() {
            let of_sort = match self.api.children(id, sort, wire::CHILDREN).await {
                Err(error) if may_be_its_size(&error) => {
                    self.api.children(id, sort, wire::CHILDREN_AS_VIEW).await
                }
                of_sort => of_sort,
            };
            children.extend(of_sort?);
        }
        Ok(children)
    }

    /// Reads the page of each item; an error is the reading of an item without a page.
    async fn pages(&self, items: &[Item]) -> Vec<Result<Page, Box<Reading>>> {
        let ids: Vec<String> = items.iter().map(|item| item.key.clone()).collect();
        let mut fetched = self.fetch(&ids).await;
        let of_restrictions = self.learn_restrictions(&fetched).await;
        let has_children = |id: &&String| {
            let is_there = matches!(fetched.get(*id), Some(Fetched::Page(content)) if content.is_current());
            is_there && self.num_listed_children(id) != Some(0)
        };
        let parents: Vec<String> = ids.iter().filter(has_children).cloned().collect();
        let mut children = match self.sorts().is_empty() {
            true => HashMap::new(),
            false => self.fetch_children(parents).await,
        };
        let of_id = |id: String| {
            let shown = self.context.shown(&id, "");
            let content = match fetched.remove(&id) {
                Some(Fetched::Page(content)) => content,
                Some(Fetched::Gone) => {
                    return Err(Box::new(Reading { shown, is_gone: true, ..Reading::default() }));
                }
                Some(Fetched::Failed(reason)) => return Err(Box::new(Reading::unknown(&shown, reason))),
                None => return Err(Box::new(Reading::unknown(&shown, "it was not read"))),
            };
            let shown = self.context.shown(&id, &content.title());
            if !content.is_current() || !self.context.settings.has_space(&content.space()) {
                return Err(Box::new(Reading { shown, is_gone: true, ..Reading::default() }));
            }
            let Some(mut page) = content.page() else {
                return Err(Box::new(Reading::unknown(&shown, "the reply has no text of the page")));
            };
            let Some(is_restricted) = self.is_restricted(&content) else {
                let why = of_restrictions.as_ref().err().map(|error| format!(": {error}"));
                let reason =
                    format!("who may view the pages above it is not known{}", why.unwrap_or_default());
                return Err(Box::new(Reading::unknown(&shown, reason)));
            };
            page.is_restricted = is_restricted;
            match children.remove(&id).unwrap_or(Ok(Vec::new())) {
                Ok(children) => add_children(&mut page, &children),
                Err(error) => {
                    let reason = format!("its comments and files cannot be read: {error}");
                    return Err(Box::new(Reading::unknown(&shown, reason)));
                }
            }
            Ok(page)
        };
        ids.into_iter().map(of_id).collect()
    }

    /// Makes documents of pages. The text of a page that is cut off within a tag is asked for as HTML.
    async fn readings(&self, pages: Vec<Page>) -> HashMap<String, Reading> {
        let shown: Vec<(String, String)> =
            pages.iter().map(|page| (page.id.clone(), self.context.shown(&page.id, &page.title))).collect();
        let mut read = self.parsed(pages).await;
        for (page, read) in read.iter_mut().flatten() {
            if !read.is_cut || matches!(page.body, Body::View(_)) {
                continue;
            }
            let view = self.api.content(&page.id, wire::READ_AS_VIEW).await.ok();
            if let Some(body) = view.and_then(|content| content.body()) {
                let page = Page { body, ..page.clone() };
                if let Some((_, again)) = self.parsed(vec![page]).await.into_iter().flatten().next() {
                    *read = again;
                }
            }
        }
        let mut readings = HashMap::new();
        match read {
            Ok(read) => {
                for ((id, shown), (page, read)) in shown.into_iter().zip(read) {
                    // A page that only some may view leaves no documents behind.
                    let is_gone = self.context.refusal(&page).is_some();
                    let reading = Reading { parsed: read.parsed, shown, is_gone, ..Reading::default() };
                    readings.insert(id, reading);
                }
            }
            // A bug in a parser loses one batch, whose stored documents stay.
            Err(error) => {
                let unknown = |(id, shown): (String, String)| (id, Reading::unknown(&shown, error.clone()));
                readings.extend(shown.into_iter().map(unknown));
            }
        }
        readings
    }

    async fn parsed(&self, pages: Vec<Page>) -> Result<Vec<(Page, page::Read)>, String> {
        let context = self.context.clone();
        let parse = move |page: Page| {
            let read = page::parse(&page, &context);
            (page, read)
        };
        let parse_all = move || pages.into_iter().map(parse).collect::<Vec<_>>();
        blocking(parse_all).await.map_err(|error| error.to_string())
    }

    /// Notes how a page fared. A site that fails many times in a row, and does not even say which version a page has,
    /// is asked for nothing more; neither is one that no call will reach.
    async fn note(&self, id: &str, error: Option<&CallError>) {
        let Some(error) = error else { return self.failures.store(0, Ordering::Relaxed) };
        let num_failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let is_lost = match num_failures.is_multiple_of(MAX_FAILURES) {
            _ if is_hopeless(error) => true,
            true => self.api.content_at_once(id, "version").await.is_err(),
            false => false,
        };
        if is_lost {
            let _ = self.given_up.set(error.clone());
        }
    }
}

/// Whether no other call will go better.
fn is_hopeless(error: &CallError) -> bool {
    !may_be_its_size(error) && !matches!(error.status(), Some(400 | 403 | 404))
}

fn fail_all(pages: &mut Pages, ids: Vec<String>, error: &CallError) {
    pages.extend(ids.into_iter().map(|id| (id, Fetched::Failed(error.to_string()))));
}

/// Adds comments, in the order in which they were written, and the names of files.
fn add_children(page: &mut Page, children: &[Content]) {
    page.comments = children.iter().filter_map(Content::comment).collect();
    page.sort_comments();
    let files = children.iter().filter(|child| child.sort() == "attachment" && child.is_current());
    page.attachments = files.map(Content::title).collect();
}

#[async_trait]
impl Reader for PageReader {
    fn is_cheap(&self) -> bool {
        false
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let is_file = |item: &&Item| ids_of(&item.key).is_some();
        let (of_files, of_pages): (Vec<Item>, Vec<Item>) = {
            let (files, pages): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_file);
            (files.into_iter().cloned().collect(), pages.into_iter().cloned().collect())
        };
        let (mut pages, mut failed) = (Vec::new(), HashMap::new());
        for (item, page) in of_pages.iter().zip(self.pages(&of_pages).await) {
            match page {
                Ok(page) => pages.push(page),
                Err(reading) => drop(failed.insert(item.key.clone(), *reading)),
            }
        }
        let mut readings = self.readings(pages).await;
        readings.extend(failed);
        readings.extend(self.read_files(&of_files).await);
        let reading_of = |item: &Item| {
            let reading = readings.remove(&item.key);
            reading.unwrap_or_else(|| Reading::unknown(&self.context.shown(&item.key, ""), "it was not read"))
        };
        items.iter().map(reading_of).collect()
    }
}
