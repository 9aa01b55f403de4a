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
        addresses::id_in_name,
        page::{Body, Page},
    },
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::collections::BTreeMap;

/// The pages of an HTML export.
pub(super) struct Website {
    files: Files,
    /// By id, the file.
    pages: BTreeMap<String, String>,
    space: String,
}

pub(super) fn opened(files: Files) -> Result<(Contents, Website), ExportError> {
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
    let website = Website { files, pages, space };
    let mut contents = Contents { is_complete: website.files.are_all(), ..Contents::default() };
    contents.warnings.push(
        "an HTML export does not say who may view a page: give `access` if not all of them are for everybody"
            .to_owned(),
    );
    for id in website.pages.keys() {
        let title = website.page(id).map(|page| page.title).unwrap_or_default();
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

impl PageStore for Website {
    fn page(&self, id: &str) -> Result<Page, String> {
        let name = self.pages.get(id).ok_or("it is not in the export")?;
        let bytes = self.files.read(name)?;
        let text = decode::decode(bytes).map_err(|error| error.to_string())?.text;
        Ok(page_of(id, &self.space, &text))
    }
}

fn page_of(id: &str, space: &str, text: &str) -> Page {
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
    Page {
        id: id.to_owned(),
        title,
        space: space.to_owned(),
        ancestors: ancestors(&tree),
        author: of_metadata("editor").or_else(|| of_metadata("author")),
        updated_at: metadata.and_then(|metadata| date_in(&words(metadata))),
        body: Body::View(main.map_or(text, |main| inside(&tree, main, text)).to_owned()),
        attachments: files(&tree, main),
        ..Page::default()
    }
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

/// The names of attached files, which are listed below the page.
fn files(tree: &Tree<'_>, main: Option<usize>) -> Vec<String> {
    let end = main.map_or(0, |main| tree.elements[main].closes);
    let below = tree.elements.iter().enumerate().filter(|(_, element)| element.opens > end);
    let is_file = |element: &Element| {
        element.name == "a"
            && element.attribute("href").is_some_and(|address| address.starts_with("attachments/"))
    };
    below
        .filter(|(_, element)| is_file(element))
        .map(|(number, _)| one_line(&tree.text_of(number)))
        .filter(|name| !name.is_empty())
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
        let page = page_of("7", "OPS", html);
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
