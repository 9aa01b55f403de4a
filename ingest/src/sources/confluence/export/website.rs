//! The pages of an HTML export: files named by the ids of their pages, with what a browser shows of them. An export of
//! this sort says neither labels nor who may view a page.

use super::{Contents, ExportError, Files, PageStore};
use crate::{
    decode,
    formats::{
        steps::Steps,
        web_page::{Element, Event, Tree},
        written::one_line,
    },
    sources::confluence::{
        addresses::{id_in_name, is_id},
        attachments::Attachment,
        page::{Body, Page},
        settings::Settings,
    },
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The pages of an HTML export.
pub(super) struct Website {
    files: Arc<Files>,
    /// The file of each page, by the page's id.
    pages: BTreeMap<String, String>,
    space: String,
    /// Whether pages name their attached files.
    names_files: bool,
}

pub(super) fn opened(files: Arc<Files>, settings: &Settings) -> Result<(Contents, Website), ExportError> {
    let index = files.outermost("index.html").ok_or(ExportError::Unknown)?;
    let root = index.strip_suffix("index.html").unwrap_or_default().to_owned();
    let mut pages: BTreeMap<String, String> = BTreeMap::new();
    for name in files.names() {
        let is_beside = name.strip_prefix(&root).is_some_and(|rest| !rest.contains('/'));
        if let Some(id) = id_in_name(name).filter(|_| is_beside) {
            pages.entry(id.to_owned()).or_insert_with(|| name.to_owned());
        }
    }
    if pages.is_empty() {
        return Err(ExportError::Unknown);
    }
    let space = files.read(&index).ok().and_then(text_of).map(|text| space_of(&text)).unwrap_or_default();
    let website = Website { files, pages, space, names_files: settings.attachments };
    let mut contents = Contents { is_complete: website.files.are_all(), ..Contents::default() };
    contents.warnings.push(
        "an HTML export does not say who may view a page: give `access` if not all of them are for everybody"
            .to_owned(),
    );
    let names: BTreeSet<&str> = website.files.names().into_iter().collect();
    for id in website.pages.keys() {
        let (page, attached) = website.read(id).unwrap_or_default();
        let title = page.title;
        for (file, path) in attached {
            let path = Some(format!("{root}{path}")).filter(|path| names.contains(path.as_str()));
            contents.attachments.push((file, path));
        }
        contents.titles.insert(id.clone(), (website.space.clone(), title));
        contents.sizes.insert(id.clone(), 16 << 10);
    }
    Ok((contents, website))
}

fn text_of(bytes: Vec<u8>) -> Option<String> {
    decode::decode(bytes).ok().map(|decoded| decoded.text)
}

/// The key of the space, which the index has in a table.
fn space_of(index: &str) -> String {
    let tree = Tree::of(index, &Steps::for_text(index));
    let is_key = |&number: &usize| tree.elements[number].name == "th" && tree.text_of(number).trim() == "Key";
    let key = (0..tree.elements.len()).find(is_key);
    let after =
        key.and_then(|key| (key + 1..tree.elements.len()).find(|&number| tree.elements[number].name == "td"));
    after.map(|cell| one_line(&tree.text_of(cell))).unwrap_or_default()
}

impl Website {
    /// A page, and the files that are attached to it, each with its path below the pages.
    fn read(&self, id: &str) -> Result<(Page, Vec<(Attachment, String)>), String> {
        let name = self.pages.get(id).ok_or("it is not in the export")?;
        let bytes = self.files.read(name)?;
        let text = decode::decode(bytes).map_err(|error| error.to_string())?.text;
        let (mut page, mut attached) = page_of(id, &self.space, &text);
        if !self.names_files {
            page.attachments.clear();
            attached.clear();
        }
        Ok((page, attached))
    }
}

impl PageStore for Website {
    fn page(&self, id: &str) -> Result<Page, String> {
        self.read(id).map(|(page, _)| page)
    }
}

fn page_of(id: &str, space: &str, text: &str) -> (Page, Vec<(Attachment, String)>) {
    let tree = Tree::of(text, &Steps::for_text(text));
    let with = |is_it: &dyn Fn(&Element) -> bool| tree.elements.iter().position(is_it);
    let words = |number: usize| one_line(&tree.text_of(number));
    let title = with(&|element| element.attribute("id") == Some("title-text")).map(words).unwrap_or_default();
    let title = title.split_once(" : ").map_or(title.as_str(), |(_, page)| page).to_owned();
    let main = with(&|element| element.attribute("id") == Some("main-content"));
    let metadata = with(&|element| element.classes().any(|class| class == "page-metadata"));
    let of_metadata = |class: &str| {
        let metadata = &tree.elements[metadata?];
        let inside = &tree.events[metadata.opens..metadata.closes];
        let found = inside.iter().find_map(|event| match event {
            Event::Open(number) if tree.elements[*number].classes().any(|known| known == class) => {
                Some(*number)
            }
            _ => None,
        });
        found.map(words).filter(|name| !name.is_empty())
    };
    let files = files(&tree, main);
    let attached = files.iter().filter_map(|(address, name)| attached_at(id, address, name)).collect();
    let page = Page {
        id: id.to_owned(),
        title,
        space: space.to_owned(),
        ancestors: ancestors(&tree),
        author: of_metadata("editor").or_else(|| of_metadata("author")),
        updated_at: metadata.and_then(|metadata| date_in(&words(metadata))),
        body: Body::View(main.map_or(text, |main| inside(&tree, main, text)).to_owned()),
        attachments: files.into_iter().map(|(_, name)| name).collect(),
        ..Page::default()
    };
    (page, attached)
}

/// The file at an address such as `attachments/7/9.pdf`, which tells the ids of the page and the file.
fn attached_at(page: &str, address: &str, name: &str) -> Option<(Attachment, String)> {
    let path = address.split(['?', '#']).next()?;
    let (of_page, file) = path.strip_prefix("attachments/")?.split_once('/')?;
    let id = file.split_once('.').map_or(file, |(id, _)| id);
    let is_of_page = of_page == page && is_id(id) && !file.contains('/');
    let (page, id, name) = (page.to_owned(), id.to_owned(), name.to_owned());
    let attachment = Attachment { page, id, name, version: 1, ..Attachment::default() };
    is_of_page.then(|| (attachment, path.to_owned()))
}

/// The text within an element.
fn inside<'t>(tree: &Tree<'_>, number: usize, text: &'t str) -> &'t str {
    let element = &tree.elements[number];
    let after = tree.events[element.closes..].iter().find_map(|event| match event {
        Event::Open(number) => Some(tree.elements[*number].place.start),
        Event::Text(_, place) => Some(place.start),
        Event::Close(_) => None,
    });
    let start = element.place.end;
    &text[start..after.unwrap_or(text.len()).max(start)]
}

/// The titles of the pages above. The first crumb is the space.
fn ancestors(tree: &Tree<'_>) -> Vec<String> {
    let is_crumbs = |element: &Element| element.attribute("id") == Some("breadcrumbs");
    let Some(crumbs) = tree.elements.iter().find(|element| is_crumbs(element)) else { return Vec::new() };
    let items = tree.events[crumbs.opens..crumbs.closes].iter().filter_map(|event| match event {
        Event::Open(number) if tree.elements[*number].name == "li" => Some(one_line(&tree.text_of(*number))),
        _ => None,
    });
    items.skip(1).filter(|title| !title.is_empty()).collect()
}

/// The addresses and names of attached files, which are listed below the page.
fn files(tree: &Tree<'_>, main: Option<usize>) -> Vec<(String, String)> {
    let end = main.map_or(0, |main| tree.elements[main].closes);
    let below = tree.elements.iter().enumerate().filter(|(_, element)| element.opens > end);
    let is_file = |element: &Element| {
        element.name == "a"
            && element.attribute("href").is_some_and(|address| address.starts_with("attachments/"))
    };
    below
        .filter(|(_, element)| is_file(element))
        .map(|(number, element)| {
            let address = element.attribute("href").unwrap_or_default().to_owned();
            (address, one_line(&tree.text_of(number)))
        })
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// The last date in a line such as "last modified by Anna on Jan 02, 2026".
fn date_in(line: &str) -> Option<Timestamp> {
    let (_, date) = line.rsplit_once(" on ")?;
    let date = Date::strptime("%b %d, %Y", date.trim()).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_with_what_stands_around_them() {
        let html = r#"<!DOCTYPE html><html><head><title>Operations : Node &amp; disk</title></head><body>
<div id="breadcrumb-section"><ol id="breadcrumbs"><li class="first"><span><a href="index.html">Operations</a></span></li>
<li><span><a href="Home_1.html">Ops Home</a></span></li><li><span><a href="Nodes_5.html">Nodes</a></span></li></ol></div>
<h1 id="title-heading" class="pagetitle"><span id="title-text">Operations : Node &amp; disk</span></h1>
<div class="page-metadata">Created by <span class='author'> Anna</span>, last modified by <span class='editor'> Bình</span> on Jan 02, 2026</div>
<div id="main-content" class="wiki-content group"><h2 id="x">Check</h2><div><p>Look at <a href="Restart_8.html">restart</a>.</p></div></div>
<div class="pageSection group"><h2 id="attachments">Attachments:</h2><div class="greybox"><a href="attachments/7/9.pdf">plan.pdf</a> (application/pdf)</div></div>
</body></html>"#;
        let (page, attached) = page_of("7", "OPS", html);
        let [(file, path)] = <[_; 1]>::try_from(attached).expect("there is one");
        assert_eq!(
            (file.key().as_str(), file.name.as_str(), path.as_str()),
            ("7/attachment/9", "plan.pdf", "attachments/7/9.pdf")
        );
        for address in
            ["attachments/8/9.pdf", "attachments/7/x.pdf", "attachments/7/../9.pdf", "attachments/7"]
        {
            assert!(attached_at("7", address, "x").is_none(), "{address}");
        }
        assert_eq!(
            (page.title.as_str(), page.ancestors.join("/").as_str()),
            ("Node & disk", "Ops Home/Nodes")
        );
        assert_eq!((page.author.as_deref(), page.attachments.join(" ").as_str()), (Some("Bình"), "plan.pdf"));
        assert_eq!(page.updated_at.map(|time| time.to_string()).as_deref(), Some("2026-01-02T00:00:00Z"));
        let Body::View(body) = page.body else { panic!("{:?}", page.body) };
        assert!(body.starts_with("<h2 id=\"x\">Check</h2>") && !body.contains("pageSection"), "{body}");
        assert_eq!(space_of("<table><tr><th>Key</th><td> OPS </td></tr></table>"), "OPS");
        assert_eq!(space_of("<p>Key</p>"), "");
    }
}
