//! Which page an address or a title leads to. Pages are known by their ids, for their other names change.

use super::settings::{Flavor, Settings};
use crate::formats::links::Pages;
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, HashMap};

/// The pages of a source.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The addresses of the site, without their schemes.
    sites: Vec<String>,
    flavor: Flavor,
    /// Space and title, as [`key`] writes them, to id.
    by_title: HashMap<String, String>,
    /// The pages as links are resolved against.
    pages: Pages,
}

impl Addresses {
    /// The pages of the source `source`: space and title of each, by id.
    pub(super) fn new(
        source: &str,
        settings: &Settings,
        titles: &BTreeMap<String, (String, String)>,
    ) -> Self {
        let sites = settings.addresses().into_iter();
        let sites = sites.map(|url| without_scheme(url).trim_end_matches('/').to_owned()).collect();
        let by_title = titles.iter().map(|(id, (space, title))| (key(space, title), id.clone())).collect();
        let pages = Pages::new(source, titles.keys().map(String::as_str));
        Self { sites, flavor: settings.flavor(), by_title, pages }
    }

    /// The pages as links are resolved against.
    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// Which sort of Confluence the pages are of.
    pub(super) fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// The id of the page with a title.
    pub(super) fn page_named(&self, space: &str, title: &str) -> Option<&str> {
        self.by_title.get(&key(space, title)).map(String::as_str)
    }

    /// The id of the page at an address, if it is a page of this source.
    pub(super) fn page_at<'a>(&'a self, address: &'a str) -> Option<&'a str> {
        let within = self.within_site(address)?;
        let (path, query) = within.split_once('?').unwrap_or((within, ""));
        let query = query.split('#').next().unwrap_or_default();
        let path = path.split('#').next().unwrap_or_default();
        let of_query = query.split('&').find_map(|pair| pair.strip_prefix("pageId="));
        let id = match path.trim_end_matches('/').rsplit_once("pages/") {
            Some((_, "viewpage.action")) => of_query,
            Some((_, rest)) => rest.split('/').next(),
            None => id_in_name(path),
        };
        if let Some(id) = id.filter(|id| self.pages.holds(id)) {
            return Some(id);
        }
        let (space, title) = path.split_once("display/")?.1.split_once('/')?;
        let title = title.replace('+', " ");
        self.page_named(space, &percent_decode_str(&title).decode_utf8_lossy())
    }

    /// An address as it is below the site's; `None` for one that leads elsewhere.
    fn within_site<'a>(&self, address: &'a str) -> Option<&'a str> {
        if !address.contains("://") && !address.starts_with("//") {
            return Some(address);
        }
        let address = without_scheme(address);
        let rests = self.sites.iter().filter_map(|site| address.strip_prefix(site.as_str()));
        rests.into_iter().find(|rest| rest.starts_with(['/', '?', '#']))
    }
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url.trim_start_matches("//"), |(_, rest)| rest)
}

/// A title within its space, in the case that does not matter.
fn key(space: &str, title: &str) -> String {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    format!("{}\n{title}", space.to_lowercase())
}

/// The id of the page that a file of an HTML export holds: `Title_<id>.html`, or `<id>.html`.
pub(super) fn id_in_name(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    let stem = name.strip_suffix(".html")?;
    let id = stem.rsplit_once('_').map_or(stem, |(_, id)| id);
    is_id(id).then_some(id)
}

/// Whether a text is the id of a page.
pub(super) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_titles_lead_to_pages() {
        let titles = [("7", "OPS", "Node  down"), ("8", "OPS", "Đĩa đầy")];
        let titles = titles.map(|(id, space, title)| (id.to_owned(), (space.to_owned(), title.to_owned())));
        let settings = Settings::sample("url = \"https://acme.atlassian.net/wiki/\"");
        let addresses = Addresses::new("kb", &settings, &BTreeMap::from(titles));
        assert_eq!(addresses.flavor(), Flavor::Cloud);
        assert_eq!(addresses.page_named("ops", "node down"), Some("7"));
        assert_eq!(addresses.page_named("DEV", "node down"), None);
        for (address, page) in [
            ("/wiki/spaces/OPS/pages/7/Node+down#Check", Some("7")),
            ("https://acme.atlassian.net/wiki/spaces/OPS/pages/7", Some("7")),
            ("http://acme.atlassian.net/wiki/pages/viewpage.action?spaceKey=OPS&pageId=8#x", Some("8")),
            ("/display/OPS/Node+down", Some("7")),
            ("https://acme.atlassian.net/wiki/display/OPS/%C4%90%C4%A9a+%C4%91%E1%BA%A7y", Some("8")),
            ("Node-down_7.html", Some("7")),
            ("8.html#anchor", Some("8")),
            ("/wiki/spaces/OPS/pages/9/Other", None),
            ("https://other.example/wiki/spaces/OPS/pages/7", None),
            ("https://acme.atlassian.net.evil.example/wiki/spaces/OPS/pages/7", None),
            ("//acme.atlassian.net/wiki/spaces/OPS/pages/7", Some("7")),
            ("mailto:a@b.c", None),
            ("", None),
        ] {
            assert_eq!(addresses.page_at(address), page, "{address}");
        }
    }
}
