//! Issues of GitHub, live and from exports; GitLab's from exports.
//!
//! Entry point: [`open`]. The document of the issue with a number is `<source>/issues/NUMBER`, whatever it was read
//! from.

mod issue;
mod live;
#[cfg(test)]
mod tests;

use super::{
    Source, SourceError,
    tracker::{self, Origin, export::Export, fingerprint},
};
use crate::{credentials::Reference, formats::Defaults};
use issue::GithubNormaliser;
use live::Live;
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc};

/// A source of issues of a repository, as it is configured: an export, or the live system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The repository, `OWNER/NAME`.
    #[serde(default)]
    pub repository: Option<String>,
    /// A file of JSON in place of the live system, as `gh issue list --json` writes it, or GitLab's API.
    #[serde(default)]
    pub export: Option<PathBuf>,
    /// The address of the API; of an own GitHub, `https://HOST/api/v3`.
    #[serde(default = "api_url")]
    pub url: String,
    /// A token that may read the repository's issues.
    #[serde(default)]
    pub token: Option<Reference>,
    /// Certificates in PEM that are trusted beside the system's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether pull requests are read like issues.
    #[serde(default)]
    pub pull_requests: bool,
    /// Everything is listed again after this many hours, which shows deletions.
    #[serde(default = "tracker::day_hours")]
    pub full_listing_hours: u64,
    /// How much of the time before the last run is asked for again.
    #[serde(default = "tracker::overlap_minutes")]
    pub overlap_minutes: u32,
    /// Issues and comments of one page, at most 100.
    #[serde(default = "tracker::page_size")]
    pub page_size: u32,
}

fn api_url() -> String {
    "https://api.github.com".to_owned()
}

/// The source that settings describe. No system is called and no file is read yet.
pub fn open(name: String, settings: Settings, defaults: Defaults) -> Result<Box<dyn Source>, SourceError> {
    match settings.export.clone() {
        None => Ok(Box::new(live(name, settings, defaults)?)),
        Some(path) => {
            let normaliser = Arc::new(GithubNormaliser { pull_requests: settings.pull_requests });
            Ok(Box::new(Export::new("github export", name, path, normaliser, defaults)))
        }
    }
}

/// The source of a live repository; the error names a setting that is missing or wrong.
fn live(name: String, settings: Settings, defaults: Defaults) -> Result<Live, SourceError> {
    let refused = |reason: &str| Err(SourceError::failed(&name, reason));
    let Some(repository) = settings.repository.clone() else {
        return refused("give the `repository`, or the `export` to read");
    };
    let is_part = |part: &str| {
        let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part != "." && part != ".." && part.chars().all(is_sign)
    };
    if !repository.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name)) {
        return refused("the `repository` is written `OWNER/NAME`");
    }
    if settings.url.contains('@') {
        return refused("credentials do not belong in `url`; give a `token`");
    }
    if !(1..=100).contains(&settings.page_size) {
        return refused("`page_size` is from 1 to 100");
    }
    let normaliser = Arc::new(GithubNormaliser { pull_requests: settings.pull_requests });
    let fingerprint = fingerprint(&("github", &normaliser, &settings.url, &repository), &defaults);
    let origin = Arc::new(Origin { name, shown: repository.clone(), defaults });
    Live::new(settings, repository, origin, normaliser, fingerprint)
}
