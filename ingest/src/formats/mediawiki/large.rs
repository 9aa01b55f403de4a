//! A dump that is too large to be read as one file: a scan finds where its pages stand, then each is read by itself.

use super::{Parsed, Place, Titles, document_of, dump, left_out, refused};
use crate::{formats::links::Pages, report::Rejection};
use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// The tags around a single page that make it a dump.
const ROOT: [&[u8]; 2] = [b"<mediawiki>", b"</mediawiki>"];

/// A dump in a file.
pub(crate) struct Dump {
    file: Mutex<File>,
    titles: Titles,
    links: Pages,
    /// The ranges of the pages in the dump, by their numbers.
    places: BTreeMap<String, Range<u64>>,
}

/// The result of a scan, beside the pages.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rejected: Vec<Rejection>,
    /// Why the rest of the dump cannot be read.
    pub(crate) broken: Option<String>,
}

impl Dump {
    /// Finds the pages of a dump, which is one of the source `source` and which reports name `shown`.
    pub(crate) fn open(mut file: File, source: &str, shown: &str) -> io::Result<(Self, Found)> {
        let mut found = Found::default();
        let mut titles = Titles::default();
        let mut taken = HashSet::new();
        let mut places = BTreeMap::new();
        file.seek(SeekFrom::Start(0))?;
        let mut pages = dump::pages(BufReader::with_capacity(256 << 10, &file));
        while let Some(page) = pages.next() {
            let page = match page {
                Ok(page) => page,
                Err(reason) => {
                    found.broken = Some(reason);
                    break;
                }
            };
            titles.add(&page);
            let shown = format!("{shown}#{}", page.id);
            if let Some(reason) = left_out(&page, &pages.wiki) {
                let rejection = Rejection::new(shown, reason);
                found.rejected.push(Rejection { by_convention: true, ..rejection });
            } else if let Some(reason) = refused(&page, &mut taken) {
                found.rejected.push(Rejection::new(shown, reason));
            } else {
                places.insert(page.id, page.place.start as u64..page.place.end as u64);
            }
        }
        titles.of_wiki(std::mem::take(&mut pages.wiki));
        drop(pages);
        let links = titles.links(source);
        Ok((Self { file: Mutex::new(file), titles, links, places }, found))
    }

    /// The numbers of its pages, with about how many bytes they have.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (&str, u64)> {
        self.places.iter().map(|(id, range)| (id.as_str(), range.end - range.start))
    }

    /// Reads a page; `place` is the dump's.
    pub(crate) fn read(&self, id: &str, place: &Place<'_>) -> Parsed {
        let shown = format!("{}#{id}", place.shown);
        let failed = |reason: String| Parsed {
            rejected: vec![Rejection::new(shown.clone(), reason)],
            is_unknown: true,
            ..Parsed::default()
        };
        let Some(range) = self.places.get(id) else { return failed("it is not in the dump".to_owned()) };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.seek(SeekFrom::Start(range.start)) {
            return failed(format!("cannot be read: {error}"));
        }
        let page = BufReader::new(Read::by_ref(&mut *file).take(range.end - range.start));
        let page = dump::pages(ROOT[0].chain(page).chain(ROOT[1])).next();
        match page {
            Some(Ok(mut page)) if page.id == id => {
                page.place = range.start as usize..range.end as usize;
                let mut parsed = document_of(page, &self.titles, &self.links, place);
                parsed.rejected.iter_mut().for_each(|rejection| rejection.path.clone_from(&shown));
                parsed
            }
            Some(Err(reason)) => failed(reason),
            _ => failed("the dump changed while it was read".to_owned()),
        }
    }
}
