//! A page of Confluence, wherever it was read from, and the document that it becomes. An export and the live site make
//! [`Page`]s, and [`parse`] is what both of them go through: equal pages give equal documents.

use super::{
    addresses::Addresses,
    listing::Titles,
    settings::{Flavor, Restrictions, Settings},
    storage,
};
use crate::{
    formats::{
        Defaults, Parsed, Place,
        front_matter::is_web_address,
        markdown,
        redaction::{self, Secrets},
        shown,
        site::Site,
        stated::Stated,
        steps::Steps,
        web_page::{self, Event, Tree},
        written::{Writer, one_line, push_words},
    },
    report::Rejection,
};
use jiff::Timestamp;
use kb::mapped::MappedText;
use std::collections::HashMap;

/// More ancestors are left out, those in the middle.
const MAX_ANCESTORS: usize = 8;

/// More attachments are not named.
const MAX_ATTACHMENTS: usize = 100;

/// Endings of attachments that are pictures of a page, and say nothing by their names.
const PICTURES: [&str; 8] = ["bmp", "drawio", "gif", "jpeg", "jpg", "png", "svg", "webp"];

/// The text of a page, by its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// Confluence's storage format.
    Storage(String),
    /// HTML, as a browser is shown it.
    View(String),
}

impl Default for Body {
    fn default() -> Self {
        Self::Storage(String::new())
    }
}

/// A comment on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    /// Its id; comments are told apart and, written at one time, put into order by it.
    pub(super) id: String,
    pub(super) created_at: Option<Timestamp>,
    pub(super) body: Body,
}

/// A page or a blog post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) id: String,
    pub(super) title: String,
    /// The key of its space.
    pub(super) space: String,
    /// The titles of the pages above it, the outermost first.
    pub(super) ancestors: Vec<String>,
    pub(super) labels: Vec<String>,
    pub(super) author: Option<String>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
    /// The address below the site's, if the site gives it.
    pub(super) address: Option<String>,
    pub(super) body: Body,
    /// Comments that were not resolved.
    pub(super) comments: Vec<Comment>,
    /// The names of attached files.
    pub(super) attachments: Vec<String>,
    /// Whether only some may view it, by its own restrictions or those of a page above it.
    pub(super) is_restricted: bool,
}

impl Page {
    /// Brings its comments into the order in which they were written.
    pub(super) fn sort_comments(&mut self) {
        self.comments.sort_by(|a, b| {
            let id = |comment: &Comment| (comment.id.len(), comment.id.clone());
            a.created_at.cmp(&b.created_at).then_with(|| id(a).cmp(&id(b)))
        });
    }
}

/// The settings and titles that all pages of a source share.
pub(super) struct Context {
    /// The source's name, the first part of its documents' ids.
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) defaults: Defaults,
    pub(super) addresses: Addresses,
}

impl Context {
    /// The context for pages with these titles.
    pub(super) fn new(name: &str, settings: &Settings, defaults: &Defaults, titles: &Titles) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            defaults: defaults.clone(),
            addresses: Addresses::new(name, settings, titles),
        }
    }

    /// How reports name a page.
    pub(super) fn shown(&self, id: &str, title: &str) -> String {
        match one_line(title).as_str() {
            "" => format!("{}/{id}", self.name),
            title => format!("{}/{id} ({})", self.name, shown(title)),
        }
    }

    /// Why a page that only some may view is left out; `None` where it is read.
    pub(super) fn refusal(&self, page: &Page) -> Option<Rejection> {
        let is_refused = page.is_restricted && !self.has_tags();
        is_refused.then(|| self.restricted(&page.id, &page.title))
    }

    /// Whether access tags stand for the restrictions of pages.
    pub(super) fn has_tags(&self) -> bool {
        matches!(&self.settings.restrictions, Restrictions::Access(tags) if !tags.is_empty())
    }

    /// The rejection of a page that only some people may view.
    pub(super) fn restricted(&self, id: &str, title: &str) -> Rejection {
        let reason =
            "only some may view it; set `restrictions = { access = [TAG] }` to read it for those with a tag";
        let by_convention = true;
        Rejection { path: self.shown(id, title), reason: reason.to_owned(), by_convention }
    }

    /// The address where a person reads a page.
    fn url_of(&self, page: &Page) -> Option<String> {
        let base = self.settings.web_address()?.trim_end_matches('/');
        let is_plain = |address: &&str| {
            address.starts_with('/')
                && !address.starts_with("//")
                && !address.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let url = match (page.address.as_deref().filter(is_plain), self.addresses.flavor()) {
            (Some(address), _) => format!("{base}{address}"),
            (None, Flavor::Cloud) if !page.space.is_empty() => {
                format!("{base}/spaces/{}/pages/{}", page.space, page.id)
            }
            _ => format!("{base}/pages/viewpage.action?pageId={}", page.id),
        };
        is_web_address(&url).then_some(url)
    }
}

/// The result of reading a page, and whether its text was cut off within a tag.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) parsed: Parsed,
    pub(super) is_cut: bool,
}

/// The document of a page.
pub(super) fn parse(page: &Page, context: &Context) -> Read {
    let shown = context.shown(&page.id, &page.title);
    let site = Site::default();
    let place = Place {
        source: &context.name,
        relative: &page.id,
        shown: &shown,
        pages: context.addresses.pages(),
        site: &site,
        defaults: &context.defaults,
    };
    if let Some(refusal) = context.refusal(page) {
        let parsed = Parsed { rejected: vec![refusal], ..Parsed::default() };
        return Read { parsed, is_cut: false };
    }
    let mut texts = Texts::default();
    let body = texts.add(&page.body);
    let comments: Vec<(&Comment, Part)> =
        page.comments.iter().map(|comment| (comment, texts.add(&comment.body))).collect();
    let source = MappedText::new(texts.text);
    let steps = Steps::for_text(source.as_str());
    let read = |part: &Part| part.tree(source.as_str(), context, &page.space, &steps);

    let mut tree = read(&body);
    let mut is_cut = tree.is_cut;
    let has_ancestors = page.ancestors.iter().any(|title| !title.trim().is_empty());
    let level = set_headings(&mut tree, page, body.is_storage, context.addresses.flavor(), has_ancestors);
    let mut writer = Writer::new(&source);
    if has_ancestors {
        writer.heading(1, &path_of(&page.ancestors), None, 0..0);
    }
    web_page::write(&tree, &mut writer, &steps);
    let end = body.range.end;
    let files = named_files(&page.attachments);
    if !files.is_empty() && !writer.is_empty() {
        writer.heading(level, "Attachments", None, end..end);
        writer.open_list(None);
        for file in files {
            writer.open_item();
            writer.paragraph(&words_of(&file), end..end);
            writer.close_item();
        }
        writer.close_list();
    }
    let mut has_heading = false;
    for (comment, part) in comments {
        let tree = read(&part);
        is_cut |= tree.is_cut;
        let has_words = tree
            .events
            .iter()
            .any(|event| matches!(event, Event::Text(words, _) if words.chars().any(char::is_alphanumeric)));
        if !has_words {
            continue;
        }
        if !std::mem::replace(&mut has_heading, true) {
            writer.heading(level, "Comments", None, part.range.start..part.range.start);
            writer.open_list(None);
        }
        writer.open_item();
        if let Some(time) = comment.created_at {
            writer.label(&format!("{}:", time.strftime("%Y-%m-%d")), part.range.start..part.range.start);
        }
        web_page::write(&tree, &mut writer, &steps);
        writer.close_item();
    }
    if has_heading {
        writer.close_list();
    }
    if steps.are_spent() {
        return Read { parsed: Parsed::rejected(&place, steps.refusal()), is_cut };
    }
    let (text, found_links) = writer.finish();
    let said = stated(page, context);
    let mut parsed = markdown::finished(text, &found_links, said, texts.secrets, &place);
    if is_cut && !parsed.documents.is_empty() {
        parsed.warn(&place, "a tag or a comment in its text has no end: what follows it is not read");
    }
    Read { parsed, is_cut }
}

/// The texts of a page one behind the other, their secrets redacted.
#[derive(Default)]
struct Texts {
    text: String,
    secrets: Secrets,
}

/// A text among the others.
struct Part {
    range: std::ops::Range<usize>,
    is_storage: bool,
}

impl Texts {
    fn add(&mut self, body: &Body) -> Part {
        let (text, is_storage) = match body {
            Body::Storage(text) => (text, true),
            Body::View(text) => (text, false),
        };
        let (redacted, secrets) = redaction::redacted(text.clone());
        redaction::add(&mut self.secrets, secrets);
        let start = self.text.len();
        self.text.push_str(redacted.as_str());
        let range = start..self.text.len();
        self.text.push('\n');
        Part { range, is_storage }
    }
}

impl Part {
    fn tree<'t>(&self, text: &'t str, context: &Context, space: &str, steps: &Steps) -> Tree<'t> {
        let text = &text[self.range.clone()];
        let tree = match self.is_storage {
            true => storage::html_of(text, &context.addresses, space, steps),
            false => {
                let mut tree = Tree::of(text, steps);
                for element in tree.elements.iter_mut().filter(|element| element.name == "a") {
                    let address = element.attribute("href").unwrap_or_default();
                    let page = context.addresses.page_at(address).map(str::to_owned);
                    if let Some(page) = page {
                        element.set("href", page);
                    }
                }
                tree
            }
        };
        tree.moved(self.range.start)
    }
}

/// Prepares a page's headings: the one that only says the title goes, the others come below that of the pages above,
/// and each gets the fragment by which Confluence shows it. Returns the level of further sections.
fn set_headings(
    tree: &mut Tree<'_>,
    page: &Page,
    is_storage: bool,
    flavor: Flavor,
    has_ancestors: bool,
) -> usize {
    let level_of = |name: &str| match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => Some(usize::from(digit - b'0')),
        _ => None,
    };
    let mut headings: Vec<(usize, usize, String)> = Vec::new();
    let mut end = 0;
    for (number, element) in tree.elements.iter().enumerate() {
        // The content of another heading is words of it.
        if let Some(level) = level_of(&element.name).filter(|_| element.opens >= end) {
            end = element.closes;
            headings.push((number, level, one_line(&tree.text_of(number))));
        }
    }
    headings.retain(|(_, _, words)| !words.is_empty());
    if let Some((first, _, words)) = headings.first()
        && *words == one_line(&page.title)
    {
        tree.elements[*first].name = "template".to_owned();
        headings.remove(0);
    }
    let top = headings.iter().map(|(_, level, _)| *level).min();
    let below = usize::from(has_ancestors && top == Some(1));
    let mut seen: HashMap<String, usize> = HashMap::new();
    let without_space = |text: &str| text.split_whitespace().collect::<String>();
    for (number, level, words) in headings {
        let element = &mut tree.elements[number];
        element.name = format!("h{}", (level + below).min(6));
        if is_storage {
            let fragment = match flavor {
                Flavor::Cloud => words.replace(' ', "-"),
                _ => format!("{}-{}", without_space(&page.title), without_space(&words)),
            };
            let count = seen.entry(fragment.clone()).or_insert(0);
            let fragment = if *count == 0 { fragment } else { format!("{fragment}.{count}") };
            *count += 1;
            element.set("id", fragment);
        }
    }
    top.map_or(if has_ancestors { 2 } else { 1 }, |top| top + below)
}

/// The pages above, as one heading.
fn path_of(ancestors: &[String]) -> String {
    joined_path(ancestors.iter().map(|title| words_of(title)).filter(|title| !title.is_empty()).collect())
}

/// Titles, the outermost first, as one line.
fn joined_path(titles: Vec<String>) -> String {
    match titles.len() > MAX_ANCESTORS {
        true => {
            let (head, tail) = titles.split_at(MAX_ANCESTORS / 2);
            let tail = &tail[tail.len() - MAX_ANCESTORS / 2..];
            format!("{} › … › {}", head.join(" › "), tail.join(" › "))
        }
        false => titles.join(" › "),
    }
}

/// The pages above a page and the page itself, as the heading that its files stand below.
pub(super) fn path_in_words(page: &Page) -> Vec<String> {
    let titles = page.ancestors.iter().chain([&page.title]);
    let titles = titles.map(|title| one_line(&shown(title))).filter(|title| !title.is_empty());
    let path = joined_path(titles.collect());
    if path.is_empty() { Vec::new() } else { vec![path] }
}

/// A text of one line that stands beside the body.
fn words_of(text: &str) -> String {
    let mut words = String::new();
    push_words(&mut words, &one_line(&shown(text)), false);
    words
}

/// The attached files whose names say something, sorted.
fn named_files(attachments: &[String]) -> Vec<String> {
    let is_picture = |name: &str| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
        ending.is_none_or(|ending| PICTURES.contains(&ending.as_str()))
    };
    let mut files: Vec<String> = attachments.iter().filter(|name| !is_picture(name)).cloned().collect();
    files.sort();
    files.dedup();
    files.truncate(MAX_ATTACHMENTS);
    files
}

/// The metadata of a page.
fn stated(page: &Page, context: &Context) -> Stated {
    let access = match &context.settings.restrictions {
        Restrictions::Access(tags) if page.is_restricted => Some(tags.clone()),
        _ => None,
    };
    let text = |text: &String| Some(one_line(&shown(text))).filter(|text| !text.is_empty());
    Stated {
        title: text(&page.title),
        kind: Some(context.settings.kind_of(&page.space, &page.labels)),
        labels: page.labels.iter().filter_map(text).collect(),
        author: page.author.as_ref().and_then(text),
        created_at: page.created_at,
        updated_at: page.updated_at,
        url: context.url_of(page),
        access,
        ..Stated::default()
    }
}
