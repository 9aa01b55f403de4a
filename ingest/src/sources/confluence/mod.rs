//! Confluence: live sites, Cloud and Data Center, and exports of spaces.
//!
//! Entry point: [`open`]. [`listing`] lists a live site and its changes, [`reader`] reads pages of it; [`api`] makes
//! the calls and [`wire`] reads the replies. [`export`] is the same for XML and HTML exports. Both make a
//! [`page::Page`], and [`page::parse`] makes its document, whose text [`storage`] reads. An item's key is the id of its
//! page, which neither a new title nor another place changes, and which is the same in an export. Attached files are
//! items below those of their pages ([`attachments`]); [`downloads`] reads them of a live site.

mod addresses;
mod api;
mod attachments;
mod downloads;
mod export;
mod listing;
mod page;
mod reader;
mod settings;
mod storage;
mod wire;

pub use export::{ExportSort, sort_of_archive, sort_of_export};
pub use settings::{Flavor, Restrictions, Settings};

use super::{Listing, Source, SourceError, SyncState};
use crate::formats::Defaults;
use api::Api;
use async_trait::async_trait;
use jiff::Timestamp;
use kb::{document::ContentHash, store::CHUNKER_VERSION};
use net::{CallError, Policy};
use page::Context;
use reader::PageReader;
use std::sync::Arc;

/// Grows whenever the same page becomes another document, so that all are read again.
const READER_VERSION: u32 = 2;

/// The source of these settings.
pub fn open(name: String, settings: Settings, defaults: Defaults) -> Result<Box<dyn Source>, SourceError> {
    if let Some(path) = settings.export.clone() {
        return Ok(Box::new(export::Export::new(name, path, settings, defaults)));
    }
    let policy = api::policy(&settings);
    Ok(Box::new(Live::new(name, settings, defaults, policy)?))
}

/// A live site as a source.
struct Live {
    name: String,
    settings: Settings,
    defaults: Defaults,
    policy: Policy,
}

impl Live {
    fn new(
        name: String,
        settings: Settings,
        defaults: Defaults,
        policy: Policy,
    ) -> Result<Self, SourceError> {
        let is_key = |key: &String| {
            let is_sign = |c: char| c.is_alphanumeric() || matches!(c, '~' | '_' | '-' | '.' | ':' | '@');
            !key.is_empty() && key.chars().all(is_sign)
        };
        let problem = match &settings {
            Settings { url: None, .. } => "give the `url` of the site, or the path of an `export`".to_owned(),
            Settings { spaces, .. } if spaces.is_empty() => {
                "name the `spaces` to read, by their keys".to_owned()
            }
            Settings { spaces, .. } => match spaces.iter().find(|key| !is_key(key)) {
                Some(key) => format!("`{key}` is no key of a space"),
                None => return Ok(Self { name, settings, defaults, policy }),
            },
        };
        Err(SourceError::failed(&name, problem))
    }

    /// The error that is told of a listing that failed.
    fn failure(&self, error: &CallError) -> SourceError {
        let reference = match &self.settings.token {
            Some(reference) => reference.to_string(),
            None => "the setting `token`, which is not given".to_owned(),
        };
        match error.status() {
            Some(401 | 403) => SourceError::Credentials {
                name: self.name.clone(),
                reason: format!("the site refuses the credentials: {error}"),
                reference,
            },
            Some(400) => SourceError::failed(
                &self.name,
                format!(
                    "{error} to the search; check that the spaces {} exist and can be seen",
                    self.settings.spaces.join(", ")
                ),
            ),
            _ => SourceError::failed(&self.name, format!("the site cannot be listed: {error}")),
        }
    }

    fn context(&self, titles: &listing::Titles) -> Context {
        Context::new(&self.name, &self.settings, &self.defaults, titles)
    }
}

#[async_trait]
impl Source for Live {
    fn name(&self) -> &str {
        &self.name
    }

    fn settings(&self) -> String {
        read_with(&self.settings, &self.defaults)
    }

    async fn list(&self, before: &SyncState) -> Result<Listing, SourceError> {
        let api = Api::new(&self.name, &self.settings, self.policy)?;
        let without_titles = self.context(&listing::Titles::new());
        let listed = listing::list(&api, &without_titles, before, Timestamp::now()).await;
        let listed = listed.map_err(|error| self.failure(&error))?;
        let context = Arc::new(self.context(&listed.titles));
        let cursor = listed.cursor.map(|cursor| {
            serde_json::to_value(cursor).expect("a time and texts, by texts, can be written as JSON")
        });
        let reader = PageReader::new(api, context, listed.restricted, listed.num_children, listed.files);
        Ok(Listing {
            is_complete: listed.is_complete,
            gone: listed.gone,
            rejected: listed.rejected,
            warnings: listed.warnings,
            cursor,
            ..Listing::new(listed.items, Arc::new(reader))
        })
    }
}

/// A text that changes with everything that the documents of a source depend on.
fn read_with(settings: &Settings, defaults: &Defaults) -> String {
    let Settings {
        spaces, restrictions, comments, attachments, blog_posts, label_kinds, space_kinds, ..
    } = settings;
    let site = (settings.addresses(), settings.flavor());
    let read = (site, spaces, restrictions, comments, attachments, blog_posts);
    let text = format!("{read:?} {label_kinds:?} {space_kinds:?} {defaults:?}");
    let versions = [READER_VERSION, CHUNKER_VERSION].map(u32::to_le_bytes).concat();
    ContentHash::of(&[text.as_bytes(), &versions]).to_string()
}

#[cfg(test)]
mod tests;
