//! Reads attached files of a live site: each with what is known of its page, several downloads at once. Files that may
//! not be viewed, or that are not read anyhow, are not downloaded.

use super::{
    attachments::{self, Attachment, ids_of},
    page::Page,
    reader::{Fetched, PageReader, Pages},
    wire,
};
use crate::{
    blocking::blocking,
    formats::Parsed,
    report::Rejection,
    sources::{Item, Reading, files::MAX_FILE_BYTES},
};
use futures::{StreamExt, stream};
use net::CallError;
use rayon::prelude::*;
use std::{
    collections::{BTreeSet, HashMap},
    sync::atomic::Ordering,
};

/// So many files are downloaded at once.
const AT_ONCE: usize = 4;

/// A file that comes in another size than was listed is asked for so often.
const MAX_TRIES: u32 = 3;

/// After this many failed downloads in a row, no more are tried in a run.
const MAX_FAILURES: usize = 5;

/// The facts about a file that are known before it is downloaded.
struct Known {
    file: Attachment,
    page: Page,
}

impl PageReader {
    /// Reads files, by their keys.
    pub(super) async fn read_files(&self, items: &[Item]) -> HashMap<String, Reading> {
        let pages: BTreeSet<String> =
            items.iter().filter_map(|item| ids_of(&item.key)).map(|(page, _)| page.to_owned()).collect();
        if pages.is_empty() {
            return HashMap::new();
        }
        let pages: Vec<String> = pages.into_iter().collect();
        let pages = self.fetch_heads(&pages).await;
        let why = self.learn_restrictions(&pages).await.err();
        let mut readings = HashMap::new();
        let mut known = Vec::new();
        for item in items {
            match self.known(item, &pages, why.as_ref()).await {
                Ok(of_item) => known.push(of_item),
                Err(reading) => drop(readings.insert(item.key.clone(), *reading)),
            }
        }
        let downloads = known.into_iter().map(async |known: Known| {
            let bytes = self.bytes_of(&known.file).await;
            (known, bytes)
        });
        let downloaded: Vec<_> = stream::iter(downloads).buffer_unordered(AT_ONCE).collect().await;
        let mut whole = Vec::new();
        for (known, bytes) in downloaded {
            match bytes {
                Ok(bytes) => whole.push((known, bytes)),
                Err(reading) => {
                    let reading = reading.of(known.file.shown(&known.page.title, &self.context));
                    readings.insert(known.file.key(), reading);
                }
            }
        }
        readings.extend(self.parsed_files(whole).await);
        readings
    }

    /// The facts about an item's file; an error is the reading of a file that is not downloaded.
    async fn known(
        &self,
        item: &Item,
        pages: &Pages,
        why: Option<&CallError>,
    ) -> Result<Known, Box<Reading>> {
        let shown = self.context.shown(&item.key, "");
        let gone = |shown: String| Box::new(Reading { shown, is_gone: true, ..Reading::default() });
        let unknown = |shown: &str, reason: String| Box::new(Reading::unknown(shown, reason));
        let Some((page_id, _)) = ids_of(&item.key) else { return Err(gone(shown)) };
        let content = match pages.get(page_id) {
            Some(Fetched::Page(content)) => content,
            Some(Fetched::Gone) => return Err(gone(shown)),
            Some(Fetched::Failed(reason)) => {
                return Err(unknown(&shown, format!("its page cannot be read: {reason}")));
            }
            None => return Err(unknown(&shown, "its page was not read".to_owned())),
        };
        let Some(mut page) = content
            .head()
            .filter(|page| content.is_current() && self.context.settings.has_space(&page.space))
        else {
            return Err(gone(shown));
        };
        let file = match self.files.get(&item.key) {
            Some(file) => Some(file.clone()),
            None => self.listed_alone(&item.key).await.map_err(|reason| unknown(&shown, reason))?,
        };
        // A renamed file may be of a format that is not read.
        let Some(file) = file.filter(|file| file.format().is_ok()) else { return Err(gone(shown)) };
        let shown = file.shown(&page.title, &self.context);
        match self.is_restricted(content) {
            Some(is_restricted) => page.is_restricted = is_restricted,
            None => {
                let why = why.map(|error| format!(": {error}")).unwrap_or_default();
                let reason = format!("who may view the pages above its page is not known{why}");
                return Err(unknown(&shown, reason));
            }
        }
        // A page that only some may view leaves no documents behind; the page itself is reported.
        match self.context.refusal(&page) {
            Some(_) => Err(gone(shown)),
            None => Ok(Known { file, page }),
        }
    }

    /// The site's data of one file; `None` if it is not there any more.
    async fn listed_alone(&self, key: &str) -> Result<Option<Attachment>, String> {
        let Some((page, id)) = ids_of(key) else { return Ok(None) };
        if let Some(error) = self.given_up.get() {
            return Err(error.to_string());
        }
        match self.api.content(&format!("att{id}"), wire::FILE).await {
            Ok(content) => Ok(content.attachment().filter(|file| file.page == page)),
            Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The bytes of a file. They are empty if it is too large, which is reported when it is parsed.
    async fn bytes_of(&self, file: &Attachment) -> Result<Vec<u8>, NotGiven> {
        if file.refusal().is_some() {
            return Ok(Vec::new());
        }
        let given_up = self.given_up.get().or(self.gives_no_files.get());
        if let Some(error) = given_up {
            return Err(NotGiven::Failed(error.to_string()));
        }
        let mut num_tries = 0;
        let error = loop {
            num_tries += 1;
            match self.api.download(file).await {
                // A part of the file, or a page in its place, such as one to log in.
                Ok(bytes) if file.bytes.is_some_and(|listed| listed != bytes.len() as u64) => {
                    let listed = file.bytes.unwrap_or_default();
                    if num_tries >= MAX_TRIES {
                        let reason = format!("{} bytes were given, and {listed} are listed", bytes.len());
                        return Err(NotGiven::Failed(reason));
                    }
                }
                Ok(bytes) => {
                    self.failed_files.store(0, Ordering::Relaxed);
                    return Ok(bytes);
                }
                Err(CallError::TooLarge { .. }) => return Err(NotGiven::TooLarge),
                Err(error) => break error,
            }
        };
        // These two states are about one file.
        if !matches!(error.status(), Some(403 | 404)) {
            let num_failures = self.failed_files.fetch_add(1, Ordering::Relaxed) + 1;
            if num_failures >= MAX_FAILURES {
                let _ = self.gives_no_files.set(error.clone());
            }
        }
        Err(NotGiven::Failed(format!("it cannot be downloaded: {error}")))
    }

    /// Makes documents of files.
    async fn parsed_files(&self, files: Vec<(Known, Vec<u8>)>) -> HashMap<String, Reading> {
        let named: Vec<(String, String)> = files
            .iter()
            .map(|(known, _)| (known.file.key(), known.file.shown(&known.page.title, &self.context)))
            .collect();
        let context = self.context.clone();
        let parse = move |(Known { file, page }, bytes): (Known, Vec<u8>)| {
            let shown = file.shown(&page.title, &context);
            let parsed = attachments::parse(&file, bytes, &page, &context);
            (file.key(), attachments::reading(shown, parsed))
        };
        let parse_all = move || files.into_par_iter().map(parse).collect::<HashMap<_, _>>();
        match blocking(parse_all).await {
            Ok(readings) => readings,
            // A bug in a parser loses one batch, whose stored documents stay.
            Err(error) => {
                let unknown =
                    |(key, shown): (String, String)| (key, Reading::unknown(&shown, error.to_string()));
                named.into_iter().map(unknown).collect()
            }
        }
    }
}

/// The reason why there are no bytes of a file.
enum NotGiven {
    /// It has more than are read.
    TooLarge,
    /// The download failed, for this reason; the content stayed unknown.
    Failed(String),
}

impl NotGiven {
    /// The reading of the file that reports name so.
    fn of(self, shown: String) -> Reading {
        match self {
            Self::TooLarge => {
                let reason = format!("more than {MAX_FILE_BYTES} bytes; at most {MAX_FILE_BYTES} are read");
                let rejected = vec![Rejection::new(shown.clone(), reason)];
                attachments::reading(shown, Parsed { rejected, ..Parsed::default() })
            }
            Self::Failed(reason) => Reading::unknown(&shown, reason),
        }
    }
}
