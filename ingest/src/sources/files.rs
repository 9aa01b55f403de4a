//! Files as items: the part that folders, repositories and archives share. Each says what it holds and reads one file's
//! bytes ([`FileTree`]); here the bytes become documents, with the links and the site that all files make up together.

use super::{Item, Listing, Look, Reader, Reading};
use crate::{
    blocking::blocking,
    formats::{self, Defaults, Format, Origin, Parsed, Place, Remembered, links::Pages, site::Site},
    report::Rejection,
};
use async_trait::async_trait;
use kb::{document::ContentHash, redact::redact};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, HashSet},
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// Larger files are refused before they are read.
pub const MAX_FILE_BYTES: u64 = 8 << 20;

/// Files below one root, by their paths with `/`.
pub trait FileTree: Send + Sync {
    /// How reports name a file.
    fn shown(&self, path: &str) -> String;

    /// Reads a file that was listed, at most [`MAX_FILE_BYTES`].
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// The facts about a file that are not in its bytes: its address and the time of its last change.
    fn origin(&self, _path: &str) -> Origin {
        Origin::default()
    }
}

/// Why a listed file has no bytes for us.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is too large.
    #[error("{bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge {
        /// The file's size on disk.
        bytes: u64,
    },
    /// The file is not the one that was listed.
    #[error("no longer the regular file that was listed")]
    Swapped,
    /// It was removed after listing.
    #[error("removed while ingest was running")]
    Gone,
    /// The file is there and cannot be used, for this reason.
    #[error("{0}")]
    Refused(String),
    /// The file system failed.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
}

impl ReadError {
    /// Whether the file's content is unknown, as opposed to known and refused. Then an earlier version stays.
    pub fn content_is_unknown(&self) -> bool {
        match self {
            Self::Io(_) | Self::Swapped => true,
            Self::TooLarge { .. } | Self::Gone | Self::Refused(_) => false,
        }
    }
}

/// The files of a source.
pub struct Files {
    source: String,
    tree: Arc<dyn FileTree>,
    pages: Pages,
    site: Site,
    defaults: Defaults,
    /// The looks of earlier runs at files that are not read again before their bytes change; taken out when they were
    /// told.
    looks: Mutex<BTreeMap<String, Look>>,
}

impl Files {
    /// The files of `tree` that `items` lists. A file whose bytes are the same as those of its look in `looks` is not
    /// parsed: the look is told in its place, once.
    pub fn new(
        source: &str,
        tree: Arc<dyn FileTree>,
        items: &[Item],
        defaults: Defaults,
        looks: BTreeMap<String, Look>,
    ) -> Self {
        let pages = Pages::new(source, items.iter().map(|item| item.key.as_str()));
        let sizes = items.iter().map(|item| (item.key.clone(), item.bytes));
        let listed: HashSet<String> = items.iter().map(|item| item.key.clone()).collect();
        let included = tree.clone();
        let site = Site::of(sizes, move |path| included.read(listed.get(path)?).ok());
        Self { source: source.to_owned(), tree, pages, site, defaults, looks: Mutex::new(looks) }
    }

    /// Reads and parses one file. An error is in the reading, as a rejection.
    pub fn parse(&self, path: &str) -> Reading {
        let shown = self.tree.shown(path);
        let rejected = |reason: String| Parsed {
            rejected: vec![Rejection::new(shown.clone(), reason)],
            ..Parsed::default()
        };
        let format = match Format::of(path) {
            Ok(format) => format,
            Err(reason) => return Reading { parsed: rejected(reason), shown, ..Reading::default() },
        };
        match self.tree.read(path) {
            Ok(bytes) => {
                let place = Place {
                    source: &self.source,
                    relative: path,
                    shown: &shown,
                    pages: &self.pages,
                    site: &self.site,
                    defaults: &self.defaults,
                };
                let origin = self.tree.origin(path);
                let remembered = format.remembered();
                let (mut content, mut tries) = (None, 0);
                if remembered != Remembered::Nothing {
                    let hash = ContentHash::of(&[&bytes, format!("{origin:?}").as_bytes()]);
                    let look = self.looks.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
                    let look = look.filter(|look| look.content == hash);
                    tries = look.as_ref().map_or(0, |look| look.tries).saturating_add(1);
                    content = Some(hash);
                    if let Some(look) = look.filter(Look::is_final) {
                        let is_unknown = look.is_unknown;
                        return Reading {
                            shown,
                            is_unknown,
                            content,
                            look: Some(look),
                            ..Reading::default()
                        };
                    }
                }
                let mut parsed = formats::parse(format, bytes, &place);
                parsed.documents =
                    parsed.documents.into_iter().map(|document| document.from(&origin)).collect();
                let is_unknown = parsed.is_unknown;
                let is_remembered = match (remembered, is_unknown) {
                    (Remembered::Nothing, _) => false,
                    (_, true) => parsed.is_slow,
                    (Remembered::Refusal, false) => parsed.documents.is_empty(),
                    (Remembered::Everything, false) => true,
                };
                let content = content.filter(|_| is_remembered);
                Reading { parsed, shown, is_unknown, content, tries, ..Reading::default() }
            }
            Err(error) => {
                let is_unknown = error.content_is_unknown();
                Reading { parsed: rejected(error.to_string()), shown, is_unknown, ..Reading::default() }
            }
        }
    }
}

#[async_trait]
impl Reader for Arc<Files> {
    fn is_cheap(&self) -> bool {
        true
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let (files, owned) = (self.clone(), items.to_vec());
        let read = move || owned.par_iter().map(|item| files.parse(&item.key)).collect::<Vec<_>>();
        match blocking(read).await {
            Ok(readings) => readings,
            // A bug in a parser loses one batch, whose stored documents stay.
            Err(error) => items.iter().map(|item| Reading::unknown(&item.key, error.to_string())).collect(),
        }
    }
}

/// The listing of a source whose items are files. Files whose names hold secrets are left out of it. `looks` are those
/// of the run before, made with the same settings.
pub fn listing(
    source: &str,
    tree: Arc<dyn FileTree>,
    items: Vec<Item>,
    is_complete: bool,
    mut rejected: Vec<Rejection>,
    defaults: &Defaults,
    looks: BTreeMap<String, Look>,
) -> Listing {
    let (items, named): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| redact(&item.key).redacted.is_empty());
    for item in named {
        // The name would be a part of the document's id, which answers cite.
        let rules: Vec<&str> = redact(&item.key).counts.into_keys().collect();
        let reason = format!("its name holds a secret ({}); rename it", rules.join(", "));
        rejected.push(Rejection::new(tree.shown(&item.key), reason));
    }
    let files = Files::new(source, tree, &items, defaults.clone(), looks);
    Listing { rejected, is_complete, ..Listing::new(items, Arc::new(Arc::new(files))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint;

    struct OneFile(&'static [u8]);

    impl FileTree for OneFile {
        fn shown(&self, path: &str) -> String {
            path.to_owned()
        }

        fn read(&self, _path: &str) -> Result<Vec<u8>, ReadError> {
            Ok(self.0.to_vec())
        }
    }

    /// A look at the file `path` with these bytes, of which the first look of a run tells what an earlier one has.
    fn look(bytes: &[u8]) -> Look {
        Look {
            content: ContentHash::of(&[bytes, format!("{:?}", Origin::default()).as_bytes()]),
            tries: 1,
            is_unknown: false,
            documents: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            secrets: BTreeMap::new(),
            lint: lint::Kept::default(),
        }
    }

    /// Whether an earlier look at `path` is told, for each of two readings; how often the first one says that it was
    /// tried.
    #[track_caller]
    fn check(path: &str, look: &Look, now: &'static [u8], told: [bool; 2], tries: u32) {
        let items = [Item { key: path.to_owned(), version: None, bytes: 1 }];
        let looks = BTreeMap::from([(path.to_owned(), look.clone())]);
        let files = Files::new("kb", Arc::new(OneFile(now)), &items, Defaults::default(), looks);
        let readings = [files.parse(path), files.parse(path)];
        assert_eq!(readings.each_ref().map(|reading| reading.look.as_ref() == Some(look)), told);
        for reading in readings.iter().filter(|reading| reading.look.is_none()) {
            assert!(!reading.parsed.rejected.is_empty(), "it was read, and is no PDF and no Word document");
        }
        assert_eq!(readings[0].tries, tries);
    }

    #[test]
    fn a_file_is_read_when_its_bytes_changed_or_its_documents_are_wanted() {
        for path in ["a.pdf", "a.docx"] {
            check(path, &look(b"one"), b"one", [true, false], 0);
            check(path, &look(b"one"), b"two", [false, false], 1);
        }
        check("a.md", &look(b" "), b" ", [false, false], 0);
    }

    #[test]
    fn a_file_that_takes_too_long_is_tried_three_times() {
        for (tries, told, said) in [(1, false, 2), (2, false, 3), (3, true, 0)] {
            let look = Look { is_unknown: true, tries, ..look(b"one") };
            check("a.pdf", &look, b"one", [told, false], said);
        }
    }
}
