//! XML dumps of MediaWiki: each article is a document, `<source>/<path>#<page id>`, its wikitext as Markdown.
//!
//! Entry points: [`parse`], and [`dump::pages`] for the pages alone. [`kept`] puts the parts aside that are not
//! wikitext, [`templates`] reads templates, [`blocks`] lines, [`inline`] the text in them. Pages outside the main
//! namespace and those that only lead to others are left out by convention. Only the newest revision counts.

mod blocks;
pub(crate) mod dump;
mod inline;
mod kept;
mod large;
mod templates;

use super::{
    Document, Parsed, Place, front_matter,
    links::Pages,
    markdown, redaction,
    stated::Stated,
    steps::Steps,
    written::{Writer, one_line},
};
use crate::report::Rejection;
use blocks::Blocks;
use dump::{Wiki, WikiPage};
use inline::{Inline, Space};
use kb::{document::Kind, language::normalised_tag, mapped::MappedText};
use kept::Kept;
pub(crate) use large::Dump;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Names of namespaces that are known in every wiki, in lower case.
const SPACES: [(&str, Space); 22] = [
    ("category", Space::Category),
    ("category talk", Space::Other),
    ("file", Space::Picture),
    ("file talk", Space::Other),
    ("help", Space::Other),
    ("help talk", Space::Other),
    ("image", Space::Picture),
    ("media", Space::Picture),
    ("mediawiki", Space::Other),
    ("mediawiki talk", Space::Other),
    ("module", Space::Other),
    ("module talk", Space::Other),
    ("portal", Space::Other),
    ("project", Space::Other),
    ("project talk", Space::Other),
    ("special", Space::Other),
    ("talk", Space::Other),
    ("template", Space::Other),
    ("template talk", Space::Other),
    ("user", Space::Other),
    ("user talk", Space::Other),
    ("wikipedia", Space::Other),
];

pub(super) fn parse(text: &str, place: &Place<'_>) -> Parsed {
    if !dump::is_dump(text) {
        return Parsed::rejected(place, "not supported: XML other than a dump of MediaWiki");
    }
    let titles = Titles::of(text);
    let links = titles.links(place.source);
    let mut parsed = Parsed::default();
    let mut taken = HashSet::new();
    for page in dump::pages(text.as_bytes()) {
        let page = match page {
            Ok(page) => page,
            Err(reason) => {
                // The pages behind it are unknown, and not gone.
                parsed.is_unknown = true;
                parsed.rejected.push(Rejection::new(place.shown, reason));
                break;
            }
        };
        let shown = format!("{}#{}", place.shown, page.id);
        if let Some(reason) = left_out(&page, &titles.wiki) {
            parsed.rejected.push(Rejection { by_convention: true, ..Rejection::new(shown, reason) });
            continue;
        }
        match refused(&page, &mut taken) {
            Some(reason) => parsed.rejected.push(Rejection::new(shown, reason)),
            None => {
                let of_page = document_of(page, &titles, &links, place);
                let named = |rejection| Rejection { path: shown.clone(), ..rejection };
                parsed.rejected.extend(of_page.rejected.into_iter().map(named));
                parsed.documents.extend(of_page.documents);
                redaction::add(&mut parsed.redacted, of_page.redacted);
            }
        }
    }
    if parsed.documents.is_empty() && parsed.rejected.is_empty() {
        return Parsed::rejected(place, "no text: the dump has no pages");
    }
    parsed
}

/// The reason why a page is not a document, by convention; `None` if it is one.
fn left_out(page: &WikiPage, wiki: &Wiki) -> Option<String> {
    if !matches!(page.namespace.as_str(), "" | "0") {
        let name = wiki.namespaces.get(&page.namespace).map_or("", |name| name.as_str());
        return Some(format!("a page of the namespace {} ({})", page.namespace, super::shown(name)));
    }
    let text = page.revision.text.trim_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let leads = page.redirect.is_some() || begins("#redirect");
    leads.then(|| {
        format!("it only leads to `{}`", super::shown(page.redirect.as_deref().unwrap_or("another page")))
    })
}

/// Why a page cannot be read.
fn refused(page: &WikiPage, taken: &mut HashSet<String>) -> Option<String> {
    if page.id.is_empty() || !page.id.bytes().all(|byte| byte.is_ascii_digit()) || page.id.len() > 20 {
        return Some("the page has no number".to_owned());
    }
    if !taken.insert(page.id.clone()) {
        return Some(format!("the page {} is given twice", page.id));
    }
    if page.restrictions.contains("read=") {
        return Some("who may read the page is restricted, and cannot be told from a dump".to_owned());
    }
    let model = page.revision.model.as_str();
    (!matches!(model, "" | "wikitext")).then(|| format!("not supported: a page of {}", super::shown(model)))
}

fn document_of(page: WikiPage, titles: &Titles, links: &Pages, place: &Place<'_>) -> Parsed {
    let (text, redacted) = redaction::redacted(page.revision.text);
    if let Err(error) = front_matter::refuse_in_text(text.as_str()) {
        return Parsed::rejected(place, error.to_string());
    }
    let text = text.as_str();
    let steps = Steps::for_text(text);
    let mut kept = Kept::of(text, &steps);
    templates::resolved(&mut kept, &page.title, &steps);
    let inline = Inline {
        titles,
        pieces: &kept.pieces,
        steps: &steps,
        categories: std::cell::RefCell::new(Vec::new()),
    };
    // The place of a single line in the dump is not known, only that of its page.
    let source = MappedText::standing_for(text.to_owned(), page.place.clone());
    let mut blocks = Blocks::new(Writer::new(&source), &inline, 0..text.len());
    blocks.write(&kept.text);
    if steps.are_spent() {
        return Parsed::rejected(place, steps.refusal());
    }
    let (body, found_links) = blocks.writer.finish();
    let said = Stated {
        title: Some(page.title.clone()).filter(|title| !title.trim().is_empty()),
        kind: Some(Kind::Wiki),
        labels: inline.categories.borrow().iter().map(|name| super::shown(&one_line(name))).collect(),
        language: normalised_tag(&titles.wiki.language),
        author: Some(super::shown(&page.revision.author)).filter(|author| !author.trim().is_empty()),
        updated_at: page.revision.timestamp.parse().ok(),
        url: titles.address_of(&page.title),
        ..Stated::default()
    };
    let key = format!("page/{}", page.id);
    let of_page = Place { relative: &key, pages: links, ..*place };
    let mut parsed = markdown::finished(body, &found_links, said, redacted, &of_page);
    let id_of = |key: &str| format!("{}/{}#{key}", place.source, place.relative);
    let documents = parsed.documents.drain(..).map(|Document { mut meta, body, syntax, .. }| {
        meta.id = id_of(&page.id);
        for link in &mut meta.links {
            link.target = id_of(link.target.rsplit('/').next().unwrap_or_default());
        }
        Document::new(meta, body, syntax)
    });
    let documents: Vec<Document> = documents.collect();
    Parsed { documents, ..parsed }
}

/// The titles of a dump's articles, for links.
#[derive(Debug, Default)]
pub(super) struct Titles {
    /// Numbers of pages by their titles.
    ids: HashMap<String, String>,
    /// Titles by the titles of pages that only lead there.
    redirects: HashMap<String, String>,
    wiki: Wiki,
    spaces: BTreeMap<String, Space>,
}

impl Titles {
    fn of(text: &str) -> Self {
        let mut titles = Self::default();
        let mut pages = dump::pages(text.as_bytes());
        for page in pages.by_ref().map_while(Result::ok) {
            titles.add(&page);
        }
        titles.of_wiki(pages.wiki);
        titles
    }

    fn add(&mut self, page: &WikiPage) {
        if matches!(page.namespace.as_str(), "" | "0") {
            match &page.redirect {
                Some(target) => drop(self.redirects.insert(key_of(&page.title), key_of(target))),
                None => drop(self.ids.insert(key_of(&page.title), page.id.clone())),
            }
        }
    }

    /// Takes what a dump says of its wiki.
    fn of_wiki(&mut self, wiki: Wiki) {
        self.wiki = wiki;
        self.spaces = SPACES.iter().map(|(name, space)| ((*name).to_owned(), *space)).collect();
        for (number, name) in &self.wiki.namespaces {
            let space = match number.as_str() {
                "0" => continue,
                "-2" | "6" => Space::Picture,
                "14" => Space::Category,
                _ => Space::Other,
            };
            self.spaces.insert(name.to_lowercase(), space);
        }
    }

    /// The pages that links may lead to.
    fn links(&self, source: &str) -> Pages {
        let ids: Vec<String> = self.ids.values().map(|id| format!("page/{id}")).collect();
        Pages::new(source, ids.iter().map(String::as_str))
    }

    /// The number of the page that a link leads to.
    pub(super) fn page(&self, title: &str) -> Option<&str> {
        let key = key_of(title);
        let key = self.redirects.get(&key).unwrap_or(&key);
        self.ids.get(key).map(String::as_str)
    }

    /// The namespace that a link's target names, if it names one.
    fn namespace_of(&self, target: &str) -> Option<Space> {
        let (name, _) = target.split_once(':')?;
        self.spaces.get(&name.trim().replace('_', " ").to_lowercase()).copied()
    }

    /// Whether a link leads to the same article in another language, which is shown elsewhere.
    fn is_language_link(&self, target: &str) -> bool {
        let Some((name, rest)) = target.split_once(':') else { return false };
        let is_tag = (2..=3).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
        is_tag && !rest.is_empty() && self.page(target).is_none()
    }

    /// The address where a person reads a page.
    fn address_of(&self, title: &str) -> Option<String> {
        let base = Some(self.wiki.base.as_str()).filter(|base| front_matter::is_web_address(base))?;
        let end = base
            .rfind("title=")
            .map(|at| at + "title=".len())
            .or_else(|| base.rfind('/').map(|at| at + 1))?;
        let mut address = base[..end].to_owned();
        for byte in title.trim().replace(' ', "_").bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' => {
                    address.push(char::from(byte));
                }
                byte => address.push_str(&format!("%{byte:02X}")),
            }
        }
        Some(address)
    }
}

/// A title as titles are compared: the first letter may be small, and blanks may be underscores.
fn key_of(title: &str) -> String {
    let title = one_line(&title.replace('_', " "));
    let mut letters = title.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
