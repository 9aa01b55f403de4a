//! A Confluence source's settings, as `ingest.toml` gives them.

use crate::credentials::Reference;
use jiff::tz::TimeZone;
use kb::document::Kind;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, path::PathBuf};

/// The place of the pages, and the choice of those that are read. One of `url` and `export` gives the place; with both,
/// `url` only says where people read the pages of the export, so that the two differ in one line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address of the site: `https://SITE.atlassian.net/wiki`, or a Data Center's base URL.
    #[serde(default)]
    pub url: Option<String>,
    /// The address at which people read the pages, where the API has another one.
    #[serde(default)]
    pub web_url: Option<String>,
    /// An export of a space, in the place of a live site: the archive, or the folder that it was unpacked to.
    #[serde(default)]
    pub export: Option<PathBuf>,
    /// The time zone of the server that wrote the export, such as `Europe/Berlin`; UTC by default, as Cloud's is.
    #[serde(default, deserialize_with = "zone")]
    pub export_time_zone: Option<TimeZone>,
    /// Keys of the spaces that are read; of an export, all by default.
    #[serde(default)]
    pub spaces: Vec<String>,
    /// The owner of the token; without it, the token is a personal access token or OAuth's.
    #[serde(default)]
    pub email: Option<String>,
    /// The reference to the token.
    #[serde(default)]
    pub token: Option<Reference>,
    /// Cloud or Data Center.
    #[serde(default)]
    pub flavor: Flavor,
    /// The treatment of pages that only some may view.
    #[serde(default)]
    pub restrictions: Restrictions,
    /// Whether comments are read; those that were resolved never are.
    #[serde(default = "yes")]
    pub comments: bool,
    /// Whether attached files are read, and named in their pages.
    #[serde(default = "yes")]
    pub attachments: bool,
    /// Whether blog posts are read.
    #[serde(default = "yes")]
    pub blog_posts: bool,
    /// How many pages are asked for at once.
    #[serde(default = "page_size")]
    pub page_size: usize,
    /// The overlap of a listing of changes with the one before. Confluence reads times in the time zone of the token's
    /// owner, so this is at least the largest distance of that zone from UTC.
    #[serde(default = "overlap_minutes")]
    pub overlap_minutes: u32,
    /// All pages are listed again, so that deleted ones are found, once this many hours have passed; by default in
    /// every run.
    #[serde(default)]
    pub full_listing_hours: u32,
    /// The kinds of pages by their labels.
    #[serde(default)]
    pub label_kinds: BTreeMap<String, Kind>,
    /// The kinds of pages by the keys of their spaces, where no label says it.
    #[serde(default)]
    pub space_kinds: BTreeMap<String, Kind>,
    /// A file of further certificates that may sign the site's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let zone = TimeZone::get(&name).map_err(|_| D::Error::custom(format!("`{name}` is no time zone")))?;
    Ok(Some(zone))
}

fn yes() -> bool {
    true
}

fn page_size() -> usize {
    50
}

fn overlap_minutes() -> u32 {
    24 * 60
}

fn timeout_s() -> u64 {
    60
}

/// The sort of Confluence or Jira.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavor {
    /// Cloud below `atlassian.net` and `atlassian.com`, otherwise Data Center.
    #[default]
    Auto,
    /// Atlassian's own cloud.
    Cloud,
    /// Data Center or Server.
    DataCenter,
}

impl Flavor {
    /// The flavor of the site at `url`.
    pub(in crate::sources) fn of(self, url: &str) -> Self {
        const CLOUD: [&str; 2] = [".atlassian.net", ".atlassian.com"];
        let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', ':']).next();
        match self {
            Self::Auto if host.is_some_and(|host| CLOUD.iter().any(|site| host.ends_with(site))) => {
                Self::Cloud
            }
            Self::Auto => Self::DataCenter,
            given => given,
        }
    }
}

/// The treatment of a page that only some may view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Restrictions {
    /// The page is left out, and reported.
    #[default]
    Skip,
    /// The page is read, for those with one of these access tags only.
    Access(Vec<String>),
}

/// The kinds that labels say where the settings do not.
const LABEL_KINDS: [(&str, Kind); 12] = [
    ("faq", Kind::Qa),
    ("incident", Kind::Incident),
    ("playbook", Kind::Runbook),
    ("playbooks", Kind::Runbook),
    ("post-mortem", Kind::Incident),
    ("postmortem", Kind::Incident),
    ("procedure", Kind::Sop),
    ("qa", Kind::Qa),
    ("runbook", Kind::Runbook),
    ("runbooks", Kind::Runbook),
    ("sop", Kind::Sop),
    ("sops", Kind::Sop),
];

impl Settings {
    /// The kind of a page with these labels in a space.
    pub(super) fn kind_of(&self, space: &str, labels: &[String]) -> Kind {
        let of_label = |label: &String| {
            let label = label.to_lowercase();
            let known = || LABEL_KINDS.iter().find(|(known, _)| *known == label).map(|(_, kind)| *kind);
            self.label_kinds.get(&label).copied().or_else(known)
        };
        let mut labels: Vec<&String> = labels.iter().collect();
        labels.sort();
        let of_space = || self.space_kinds.get(space).copied();
        labels.into_iter().find_map(of_label).or_else(of_space).unwrap_or(Kind::Wiki)
    }

    /// The address at which people read the pages.
    pub(super) fn web_address(&self) -> Option<&str> {
        self.web_url.as_deref().or(self.url.as_deref())
    }

    /// The addresses at which the site's pages are.
    pub(super) fn addresses(&self) -> Vec<&str> {
        [&self.url, &self.web_url].into_iter().filter_map(Option::as_deref).collect()
    }

    /// The sort of the site.
    pub(super) fn flavor(&self) -> Flavor {
        self.flavor.of(self.url.as_deref().or(self.web_url.as_deref()).unwrap_or_default())
    }

    /// Whether a space is read.
    pub(super) fn has_space(&self, key: &str) -> bool {
        self.spaces.is_empty() || self.spaces.iter().any(|known| known.eq_ignore_ascii_case(key))
    }

    /// The time zone of an export's times.
    pub(super) fn export_zone(&self) -> TimeZone {
        self.export_time_zone.clone().unwrap_or(TimeZone::UTC)
    }

    /// Settings of a site or an export that say nothing else.
    #[cfg(test)]
    pub(super) fn sample(toml: &str) -> Self {
        toml::from_str(toml).expect("they can be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let settings = Settings::sample(
            "url = \"https://acme.atlassian.net/wiki\"\nspaces = [\"OPS\"]\nemail = \"bot@acme.example\"\n\
             token = { env = \"CONFLUENCE_TOKEN\" }\nrestrictions = { access = [\"ops-leads\"] }\n\
             label_kinds = { \"how-to\" = \"runbook\" }\nspace_kinds = { SRE = \"sop\" }\n",
        );
        assert_eq!(settings.restrictions, Restrictions::Access(vec!["ops-leads".to_owned()]));
        assert_eq!((settings.page_size, settings.overlap_minutes, settings.comments), (50, 1440, true));
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
        for (space, given, kind) in [
            ("OPS", labels(&["x"]), Kind::Wiki),
            ("OPS", labels(&["x", "Runbook"]), Kind::Runbook),
            ("OPS", labels(&["how-to"]), Kind::Runbook),
            ("SRE", labels(&[]), Kind::Sop),
            ("SRE", labels(&["faq"]), Kind::Qa),
        ] {
            assert_eq!(settings.kind_of(space, &given), kind, "{space} {given:?}");
        }
        assert!(toml::from_str::<Settings>("token = \"abc\"").is_err(), "no secret stands in settings");
        assert!(toml::from_str::<Settings>("urll = \"x\"").is_err());
        assert!(toml::from_str::<Settings>("export_time_zone = \"Nowhere\"").is_err());
        assert_eq!(Settings::sample("restrictions = \"skip\"").restrictions, Restrictions::Skip);
    }

    #[test]
    fn the_address_tells_the_flavor() {
        for (url, flavor) in [
            ("https://acme.atlassian.net/wiki", Flavor::Cloud),
            ("https://api.atlassian.com/ex/confluence/1", Flavor::Cloud),
            ("https://wiki.acme.example/confluence", Flavor::DataCenter),
            ("https://atlassian.net.evil.example", Flavor::DataCenter),
        ] {
            assert_eq!(Flavor::Auto.of(url), flavor, "{url}");
        }
        assert_eq!(Flavor::Cloud.of("http://127.0.0.1:1"), Flavor::Cloud);
        let kinds: Vec<&str> = LABEL_KINDS.iter().map(|(label, _)| *label).collect();
        assert!(kinds.is_sorted());
    }
}
