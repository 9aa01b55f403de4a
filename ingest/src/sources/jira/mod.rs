//! Jira: Cloud and Data Center, live and from exports.
//!
//! Entry point: [`open`]. The document of the issue `KEY` is `<source>/KEY`, whatever it was read from: [`issue`] reads
//! both forms that Jira gives texts in, [`adf`] and [`wiki`].

mod adf;
mod issue;
mod live;
mod search;
#[cfg(test)]
mod tests;
mod wiki;

use super::{
    Source, SourceError,
    confluence::Flavor,
    tracker::{self, Origin, export::Export, fingerprint},
};
use crate::{credentials::Reference, formats::Defaults};
use issue::JiraNormaliser;
use live::Live;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A source of issues of Jira, as it is configured: an export, or a live system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The live system's address, such as `https://acme.atlassian.net`.
    #[serde(default)]
    pub url: Option<String>,
    /// A file of JSON in place of the live system: what the search of the REST API gives, a list of issues, or one a
    /// line.
    #[serde(default)]
    pub export: Option<PathBuf>,
    /// Which Jira it is.
    #[serde(default)]
    pub flavor: Flavor,
    /// The keys of the projects that are read.
    #[serde(default)]
    pub projects: Vec<String>,
    /// A condition in JQL that issues must meet as well.
    #[serde(default)]
    pub jql: Option<String>,
    /// The account that the token is of, for Cloud; without it the token is sent as a bearer's.
    #[serde(default)]
    pub email: Option<String>,
    /// An API token of Cloud, or a personal access token of Data Center.
    #[serde(default)]
    pub token: Option<Reference>,
    /// The address where people read issues, if it is not `url`.
    #[serde(default)]
    pub web_url: Option<String>,
    /// Certificates in PEM that are trusted beside the system's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The access tags of issues with a security level, by its name. An issue with another level is left out.
    #[serde(default)]
    pub security_levels: BTreeMap<String, Vec<String>>,
    /// Access tags for comments that not everybody may read. Without them, such comments are left out.
    #[serde(default)]
    pub restricted_comments: Option<Vec<String>>,
    /// Everything is listed again after this many hours, which shows deletions.
    #[serde(default = "tracker::day_hours")]
    pub full_listing_hours: u64,
    /// How much of the time before the last run is asked for again: the index of a Jira lags.
    #[serde(default = "tracker::overlap_minutes")]
    pub overlap_minutes: u32,
    /// Issues of one page.
    #[serde(default = "tracker::page_size")]
    pub page_size: u32,
}

impl Settings {
    /// Which Jira it is, by its address where nothing is said.
    fn flavor(&self) -> Flavor {
        self.flavor.of(self.url.as_deref().unwrap_or_default())
    }
}

/// The source that settings describe. No system is called and no file is read yet.
pub fn open(name: String, settings: Settings, defaults: Defaults) -> Result<Box<dyn Source>, SourceError> {
    let mut tags = settings.security_levels.values().chain(&settings.restricted_comments);
    if tags.any(|tags| tags.is_empty() || tags.iter().any(|tag| tag.trim().is_empty())) {
        let reason =
            "`security_levels` and `restricted_comments` need access tags: without any, everybody may read";
        return Err(SourceError::failed(&name, reason));
    }
    match settings.export.clone() {
        None => Ok(Box::new(live(name, settings, defaults)?)),
        Some(path) => {
            let normaliser = normaliser(&settings);
            Ok(Box::new(Export::new("jira export", name, path, normaliser, defaults)))
        }
    }
}

/// The source of a live Jira; the error names a setting that is missing or wrong.
fn live(name: String, settings: Settings, defaults: Defaults) -> Result<Live, SourceError> {
    let refused = |reason: &str| Err(SourceError::failed(&name, reason));
    let Some(url) = settings.url.clone() else {
        return refused("give the `url` of the Jira, or the `export` to read");
    };
    if settings.projects.is_empty() && settings.jql.is_none() {
        return refused("give `projects`, or a condition in `jql`: an unbounded search is refused");
    }
    if let Some(project) = settings.projects.iter().find(|project| project.contains(['"', '\\'])) {
        return refused(&format!("`{project}` is no key of a project"));
    }
    if settings.jql.as_ref().is_some_and(|jql| jql.to_lowercase().contains("order by")) {
        return refused("`jql` is a condition; the order is that of the changes");
    }
    if url.contains('@') {
        return refused("credentials do not belong in `url`; give a `token`");
    }
    if settings.page_size == 0 {
        return refused("`page_size` is at least 1");
    }
    let normaliser = normaliser(&settings);
    let fingerprint =
        fingerprint(&("jira", &normaliser, &settings.url, &settings.projects, &settings.jql), &defaults);
    let origin = Arc::new(Origin { name, shown: url.trim_end_matches('/').to_owned(), defaults });
    Live::new(settings, origin, normaliser, fingerprint)
}

fn normaliser(settings: &Settings) -> Arc<JiraNormaliser> {
    Arc::new(JiraNormaliser {
        browse_url: settings.web_url.clone().or_else(|| settings.url.clone()),
        security_levels: settings.security_levels.clone(),
        restricted_comments: settings.restricted_comments.clone(),
    })
}
