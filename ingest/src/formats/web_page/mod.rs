//! HTML pages, as sites and exports of wikis have them: the page itself, without what stands around it.
//!
//! Entry point: [`parse`]. [`tokens`] reads the text, [`builder`] makes a [`tree`] of it, [`content`] finds the part
//! that is the page, [`writing`] writes it as Markdown: its [`boxes`], [`tables`] and [`code`]. The page's own metadata
//! stand in `<title>`, `<meta>`, `<html
//! lang>` and `<link rel=canonical>`; `access` is read as strictly there as in front matter.

mod boxes;
mod builder;
mod code;
mod content;
mod tables;
mod tokens;
mod tree;
mod writing;

pub(crate) use tree::{Element, Event, Tree, character_named};

use super::{
    Parsed, Place,
    front_matter::{self, FrontMatterError},
    markdown, redaction,
    stated::Stated,
    steps::Steps,
    written::{Writer, one_line, push_words},
};
use content::Page;
use kb::language::normalised_tag;

/// The names of `<meta>` that are read, and the keys of front matter that they stand for.
const KEYS: [(&str, &str); 10] = [
    ("article:author", "author"),
    ("article:modified_time", "updated"),
    ("article:published_time", "created"),
    ("dc.date", "created"),
    ("dc.description", "description"),
    ("dc.language", "lang"),
    ("docsearch:language", "lang"),
    ("docsearch:version", "version"),
    ("last-modified", "updated"),
    ("og:description", "description"),
];

/// Signs between a page's title and its site's.
const TITLE_SIGNS: [&str; 8] = [" | ", " — ", " – ", " - ", " · ", " • ", " :: ", " « "];

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    let (source, redacted) = redaction::redacted(text);
    let (front, start) = match front_matter::parse(source.as_str()) {
        Ok(None) => (Stated::default(), 0),
        Ok(Some((said, range))) => (said, range.end),
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    // Places are counted from the text's beginning.
    let text = format!("{}{}", " ".repeat(start), &source.as_str()[start..]);
    let steps = Steps::for_text(&text);
    let tree = Tree::of(&text, &steps);
    let mut said = match keys_of(&tree).and_then(|of_page| front.or(of_page)) {
        Ok(said) => said,
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let page = Page::of(&tree);
    let root = page.root();
    let mut writer = Writer::new(&source);
    if let Some(description) =
        said.description.as_deref().filter(|description| !page.holds(root, description))
    {
        let mut words = String::new();
        push_words(&mut words, description, false);
        writer.paragraph(&words, start..start);
    }
    writing::write(&page, root, &mut writer, &steps);
    if steps.are_spent() {
        return Parsed::rejected(place, steps.refusal());
    }
    said.title = said.title.or_else(|| title_of(&page, root));
    let (body, found_links) = writer.finish();
    let mut parsed = markdown::finished(body, &found_links, said, redacted, place);
    if tree.is_cut && !parsed.documents.is_empty() {
        parsed.warn(place, "a tag or a comment has no end: what follows it is not read");
    }
    parsed
}

/// Writes the page that is in a tree which others read or made.
pub(crate) fn write(tree: &Tree<'_>, writer: &mut Writer<'_>, steps: &Steps) {
    let page = Page::of(tree);
    writing::write(&page, page.root(), writer, steps);
}

/// Whether a text restricts who may read it, so that no other page may show it.
pub(super) fn restricts(text: &str) -> bool {
    let tree = Tree::of(text, &Steps::for_text(text));
    !keys_of(&tree).is_ok_and(|said| said.access.is_none())
}

/// The metadata of the page.
fn keys_of(tree: &Tree<'_>) -> Result<Stated, FrontMatterError> {
    let mut keys: Vec<(String, String)> = Vec::new();
    for element in &tree.elements {
        match element.name.as_str() {
            "html" => {
                let tag = element.attribute("lang").or(element.attribute("xml:lang"));
                if let Some(tag) = tag.and_then(normalised_tag) {
                    keys.push(("lang".to_owned(), tag));
                }
            }
            "meta" => {
                let name = ["name", "property", "itemprop"].iter().find_map(|name| element.attribute(name));
                let Some(name) = name.map(|name| name.trim().to_lowercase()) else { continue };
                let known = KEYS.iter().find(|(known, _)| *known == name).map(|(_, key)| (*key).to_owned());
                let value = element.attribute("content").or(element.attribute("value")).unwrap_or_default();
                // An address that <meta> gives is a picture's or a player's.
                if !matches!(name.as_str(), "url" | "permalink" | "title") {
                    keys.push((known.unwrap_or(name), value.to_owned()));
                }
            }
            "link" => {
                let is_canonical = element
                    .attribute("rel")
                    .unwrap_or_default()
                    .split_whitespace()
                    .any(|rel| rel == "canonical");
                let address = element.attribute("href").unwrap_or_default().trim();
                if is_canonical && address.starts_with("https://") {
                    keys.push(("url".to_owned(), address.to_owned()));
                }
            }
            _ => {}
        }
    }
    front_matter::of_keys(keys)
}

/// The page's title: its first heading of the first level, or what the browser's window shows, without the site's name.
fn title_of(page: &Page<'_>, root: Option<usize>) -> Option<String> {
    /// More headings without words are not looked at.
    const MAX_HEADINGS: usize = 16;
    let tree = page.tree;
    let words = |element: usize| Some(one_line(&tree.text_of(element))).filter(|words| !words.is_empty());
    let within = page.within(root);
    let in_root = tree.named("h1").filter(|&heading| within.contains(&tree.elements[heading].opens));
    let heading = in_root.take(MAX_HEADINGS).find_map(|heading| page.heading_words(heading));
    // A space's export begins titles with the space's name.
    let of_space = || {
        let title =
            words(tree.elements.iter().position(|element| element.attribute("id") == Some("title-text"))?)?;
        Some(title.split_once(" : ").map_or(title.as_str(), |(_, page)| page).to_owned())
    };
    heading.or_else(of_space).or_else(|| {
        let title = words(tree.named("title").next()?)?;
        let cut = TITLE_SIGNS.iter().filter_map(|sign| title.rfind(sign)).max();
        let kept = cut.map_or("", |cut| title[..cut].trim_end());
        Some(if kept.chars().any(char::is_alphanumeric) { kept.to_owned() } else { title })
    })
}

#[cfg(test)]
mod tests;
