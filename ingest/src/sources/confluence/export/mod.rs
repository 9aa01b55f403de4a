//! Exports of spaces, packed or unpacked: XML, which has everything that the live site has, and HTML, which is what a
//! browser shows of the pages.

mod entities;
mod pages;
mod website;

use super::{
    addresses::id_in_name,
    attachments::{self, Attachment, ids_of},
    listing::Titles,
    page::{self, Context, Page},
    read_with,
    settings::Settings,
};
use crate::{
    blocking::blocking,
    bounds::{Allowance, Bounded, count_zip_entries},
    formats::{Defaults, Parsed, Remembered},
    report::{Rejection, Warning},
    sources::{
        Item, Listing, Look, Reader, Reading, Source, SourceError, SyncState,
        files::MAX_FILE_BYTES,
        folder::{Folder, ListedFile},
    },
};
use async_trait::async_trait;
use kb::document::ContentHash;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use zip::ZipArchive;

/// The file of an XML export.
const ENTITIES: &str = "entities.xml";

/// The folder of attached files.
const ATTACHMENTS: &str = "attachments";

/// A larger `entities.xml` is refused.
const MAX_ENTITIES_BYTES: u64 = 16 << 30;

/// An archive of more files is refused.
const MAX_FILES: usize = 200_000;

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    /// The file system failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The archive is damaged.
    #[error("cannot be read as an archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// The XML is damaged.
    #[error("entities.xml is damaged at byte {at}: {detail}")]
    Xml {
        /// The byte of the file, from 0.
        at: u64,
        /// The parser's message.
        detail: String,
    },
    /// The export is too large, or unpacks to too much.
    #[error("{0}")]
    TooLarge(String),
    /// The file or folder is not an export.
    #[error(
        "is no export of a space: neither entities.xml nor index.html with pages named `Title_<id>.html` is in it"
    )]
    Unknown,
}

/// An export as a source.
pub(super) struct Export {
    name: String,
    path: PathBuf,
    settings: Settings,
    defaults: Defaults,
}

impl Export {
    pub(super) fn new(name: String, path: PathBuf, settings: Settings, defaults: Defaults) -> Self {
        Self { name, path, settings, defaults }
    }
}

/// The pages and files of an export.
#[derive(Default)]
struct Contents {
    /// Space and title of each page, by id.
    titles: Titles,
    /// The bytes of each page, about.
    sizes: BTreeMap<String, u64>,
    /// The files that are attached to its pages, each with where it is in the export, if it is there.
    attachments: Vec<(Attachment, Option<String>)>,
    rejected: Vec<(String, String, String)>,
    warnings: Vec<String>,
    is_complete: bool,
}

/// Reads pages of an export by their ids.
trait PageStore: Send + Sync {
    fn page(&self, id: &str) -> Result<Page, String>;

    /// The page without its text and its comments.
    fn head(&self, id: &str) -> Result<Page, String> {
        self.page(id)
    }
}

/// The opened export: its contents, the store of its pages, and the files beside them.
type Opened = (Contents, Box<dyn PageStore>, Option<Arc<Files>>);

#[async_trait]
impl Source for Export {
    fn name(&self) -> &str {
        &self.name
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn settings(&self) -> String {
        format!("export {:?} {}", self.settings.export_zone(), read_with(&self.settings, &self.defaults))
    }

    async fn list(&self, before: &SyncState) -> Result<Listing, SourceError> {
        let failed = |reason: String| {
            SourceError::failed(&self.name, format!("the export `{}` {reason}", self.path.display()))
        };
        let (path, settings) = (self.path.clone(), self.settings.clone());
        let opened = blocking(move || opened(&path, &settings)).await;
        let opened = opened.map_err(|error| failed(error.to_string()))?;
        let (contents, store, files) = opened.map_err(|error| failed(error.to_string()))?;
        let context = Context::new(&self.name, &self.settings, &self.defaults, &contents.titles);
        let item = |(id, bytes): (&String, &u64)| Item { key: id.clone(), version: None, bytes: *bytes };
        let mut items: Vec<Item> = contents.sizes.iter().map(item).collect();
        let rejected = contents.rejected.into_iter();
        let mut rejected: Vec<Rejection> = rejected
            .map(|(id, title, reason)| Rejection {
                by_convention: true,
                ..Rejection::new(context.shown(&id, &title), reason)
            })
            .collect();
        let (read, others): (Vec<_>, Vec<_>) =
            contents.attachments.into_iter().partition(|(file, _)| file.format().is_ok());
        rejected.extend(attachments::not_read(&self.name, others.iter().map(|(file, _)| file.name.as_str())));
        let attached: BTreeMap<String, (Attachment, Option<String>)> =
            read.into_iter().map(|(file, path)| (file.key(), (file, path))).collect();
        items.extend(attached.values().map(|(file, _)| file.item(None)));
        let warning = |message| Warning { path: self.path.display().to_string(), message };
        let warnings = contents.warnings.into_iter().map(warning).collect();
        let looks = Mutex::new(before.looks.clone());
        let reader = Arc::new(ExportReader { context, store, attached, files, looks });
        let is_complete = contents.is_complete;
        Ok(Listing { is_complete, rejected, warnings, ..Listing::new(items, Arc::new(reader)) })
    }
}

struct ExportReader {
    context: Context,
    store: Box<dyn PageStore>,
    /// Attached files by key, each with where it is in the export.
    attached: BTreeMap<String, (Attachment, Option<String>)>,
    files: Option<Arc<Files>>,
    /// The looks of earlier runs at files that are expensive to read; taken out when they were told.
    looks: Mutex<BTreeMap<String, Look>>,
}

impl ExportReader {
    fn read_one(&self, id: &str) -> Reading {
        if ids_of(id).is_some() {
            return self.read_file(id);
        }
        match self.store.page(id) {
            Ok(page) => {
                let shown = self.context.shown(id, &page.title);
                let parsed = page::parse(&page, &self.context).parsed;
                Reading { parsed, shown, ..Reading::default() }
            }
            Err(reason) => Reading::unknown(&self.context.shown(id, ""), reason),
        }
    }

    /// Reads an attached file. A file whose bytes are not in the export keeps its stored documents.
    fn read_file(&self, key: &str) -> Reading {
        let Some((file, path)) = self.attached.get(key) else {
            return Reading::unknown(&self.context.shown(key, ""), "it is not in the export");
        };
        let page = match self.store.head(&file.page) {
            Ok(page) => page,
            Err(reason) => return Reading::unknown(&file.shown("", &self.context), reason),
        };
        let shown = file.shown(&page.title, &self.context);
        // A page that only some may view leaves no documents behind; the page itself is reported.
        if self.context.refusal(&page).is_some() {
            return Reading { shown, is_gone: true, ..Reading::default() };
        }
        let (Some(path), Some(files)) = (path, &self.files) else {
            let reason = "the export does not hold the file; make one with attachments";
            let rejection = Rejection { by_convention: true, ..Rejection::new(shown.clone(), reason) };
            let parsed = Parsed { rejected: vec![rejection], ..Parsed::default() };
            return Reading { parsed, shown, is_unknown: true, ..Reading::default() };
        };
        let bytes = match file.refusal() {
            Some(_) => Vec::new(),
            None => match files.read(path) {
                Ok(bytes) => bytes,
                Err(reason) => return Reading::unknown(&shown, reason),
            },
        };
        let content =
            file.format().is_ok_and(|format| format.remembered() == Remembered::Everything).then(|| {
                let beside = format!("{file:?} {page:?}");
                ContentHash::of(&[&bytes, beside.as_bytes()])
            });
        if let Some(hash) = content {
            let look = self.looks.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            if let Some(look) = look.filter(|look| look.content == hash && look.is_final()) {
                let keeps_stored = look.documents.is_empty();
                return Reading { shown, content, look: Some(look), keeps_stored, ..Reading::default() };
            }
        }
        let parsed = attachments::parse(file, bytes, &page, &self.context);
        let content = content.filter(|_| !parsed.is_unknown);
        Reading { content, ..attachments::reading(shown, parsed) }
    }
}

#[async_trait]
impl Reader for Arc<ExportReader> {
    fn is_cheap(&self) -> bool {
        true
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let (reader, owned) = (self.clone(), items.to_vec());
        let read = move || owned.par_iter().map(|item| reader.read_one(&item.key)).collect::<Vec<_>>();
        match blocking(read).await {
            Ok(readings) => readings,
            // A bug in a parser loses one batch, whose stored documents stay.
            Err(error) => items.iter().map(|item| Reading::unknown(&item.key, error.to_string())).collect(),
        }
    }
}

fn opened(path: &Path, settings: &Settings) -> Result<Opened, ExportError> {
    let is_folder = std::fs::metadata(path)?.is_dir();
    if !is_folder && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml")) {
        let (mut contents, store) = pages::of_entities(kb::files::open(path)?, settings)?;
        // Beside the export, only its attached files are read.
        let beside = path.parent().map(|folder| folder.join(ATTACHMENTS)).filter(|folder| folder.is_dir());
        let files = match beside.filter(|_| !contents.attachments.is_empty()) {
            Some(folder) => Some(Arc::new(Files::of(&folder)?)),
            None => None,
        };
        if let Some(files) = &files {
            place_attachments(&mut contents, files, "");
        }
        return Ok((contents, Box::new(store), files));
    }
    let files = Arc::new(Files::of(path)?);
    if let Some(entities) = files.outermost(ENTITIES) {
        let (mut contents, store) = match &*files {
            Files::Folder(..) => pages::of_entities(kb::files::open(&path.join(&entities))?, settings)?,
            Files::Archive(archive, _) => {
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                let entry = archive.by_name(&entities)?;
                let mut allowance = Allowance::of(entry.compressed_size(), MAX_ENTITIES_BYTES);
                pages::of_entities(Bounded::new(entry, &mut allowance), settings)?
            }
        };
        let root = entities.strip_suffix(ENTITIES).unwrap_or_default();
        place_attachments(&mut contents, &files, &format!("{root}{ATTACHMENTS}/"));
        return Ok((contents, Box::new(store), Some(files)));
    }
    let (contents, store) = website::opened(files.clone(), settings)?;
    Ok((contents, Box::new(store), Some(files)))
}

/// Finds the attached files of an XML export below `root`: `PAGE/FILE/VERSION`. If the version that the entities name
/// is not there, the newest that is there is taken.
fn place_attachments(contents: &mut Contents, files: &Files, root: &str) {
    if contents.attachments.is_empty() {
        return;
    }
    let names: BTreeSet<&str> = files.names().into_iter().filter(|name| name.starts_with(root)).collect();
    for (file, path) in &mut contents.attachments {
        let folder = format!("{root}{}/{}/", file.page, file.id);
        let wanted = format!("{folder}{}", file.version);
        if names.contains(wanted.as_str()) {
            *path = Some(wanted);
            continue;
        }
        let versions = names.range(folder.as_str()..).take_while(|name| name.starts_with(&folder));
        let newest = versions.filter_map(|name| name[folder.len()..].parse::<u64>().ok()).max();
        *path = newest.map(|version| format!("{folder}{version}"));
    }
}

/// How an export of a space is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportSort {
    /// The XML that the site stores.
    Xml,
    /// The HTML that a browser shows of the pages.
    Html,
}

/// The sort of the export whose files have these names; `None` if they are not an export.
pub fn sort_of_export<'n>(names: impl Iterator<Item = &'n str>) -> Option<ExportSort> {
    let (mut has_entities, mut has_index, mut has_pages) = (false, false, false);
    for name in names {
        let (folders, file) = name.rsplit_once('/').unwrap_or(("", name));
        if folders.contains('/') {
            continue;
        }
        match file {
            // Jira's own backups have a file of that name as well.
            "activeobjects.xml" => return None,
            ENTITIES => has_entities = true,
            "index.html" => has_index = true,
            _ => has_pages |= id_in_name(name).is_some(),
        }
    }
    match has_entities {
        true => Some(ExportSort::Xml),
        false => (has_index && has_pages).then_some(ExportSort::Html),
    }
}

/// The sort of the export in a ZIP archive, from the names of its files; `None` also for an archive that cannot be read
/// or has too many files.
pub fn sort_of_archive(file: File) -> Option<ExportSort> {
    if count_zip_entries(&file, MAX_FILES).ok()? > MAX_FILES {
        return None;
    }
    let archive = ZipArchive::new(file).ok()?;
    let names: Vec<_> = archive.file_names().filter_map(Result::ok).collect();
    sort_of_export(names.iter().map(|name| name.as_ref()))
}

/// The files of an export.
enum Files {
    /// A folder with its files, and whether all of them were seen.
    Folder(Folder, BTreeMap<String, ListedFile>, bool),
    Archive(Mutex<ZipArchive<File>>, Vec<String>),
}

impl Files {
    fn of(path: &Path) -> Result<Self, ExportError> {
        if std::fs::metadata(path)?.is_dir() {
            let folder =
                Folder::at(path, Some("export")).map_err(|error| io::Error::other(error.to_string()))?;
            let listing = folder.list().map_err(|error| io::Error::other(error.to_string()))?;
            let files = listing.files.into_iter().map(|file| (file.relative.clone(), file)).collect();
            return Ok(Self::Folder(folder, files, listing.complete));
        }
        if count_zip_entries(kb::files::open(path)?, MAX_FILES)? > MAX_FILES {
            return Err(ExportError::TooLarge(format!("holds more than {MAX_FILES} files")));
        }
        let archive = ZipArchive::new(kb::files::open(path)?)?;
        let names = archive.file_names().filter_map(Result::ok).map(|name| name.into_owned()).collect();
        Ok(Self::Archive(Mutex::new(archive), names))
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Folder(_, files, _) => files.keys().map(String::as_str).collect(),
            Self::Archive(_, names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// Whether every file was seen.
    fn are_all(&self) -> bool {
        match self {
            Self::Folder(_, _, are_all) => *are_all,
            Self::Archive(..) => true,
        }
    }

    /// The path of the file with a name, the one in the fewest folders.
    fn outermost(&self, name: &str) -> Option<String> {
        let named = self.names().into_iter().filter(|path| path.rsplit('/').next() == Some(name));
        named.min_by_key(|path| (path.matches('/').count(), path.len())).map(str::to_owned)
    }

    /// Reads a file, at most as large as any file may be.
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Folder(folder, files, _) => {
                let file = files.get(name).ok_or("it is not there")?;
                folder.read(file).map_err(|error| error.to_string())
            }
            Self::Archive(archive, _) => {
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                let entry = archive.by_name(name).map_err(|error| error.to_string())?;
                let mut allowance = Allowance::of(entry.compressed_size(), MAX_FILE_BYTES);
                let mut bytes = Vec::new();
                let read = Bounded::new(entry, &mut allowance).read_to_end(&mut bytes);
                read.map(|_| bytes).map_err(|error| error.to_string())
            }
        }
    }
}
