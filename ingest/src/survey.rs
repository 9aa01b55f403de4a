//! The first look at all sources: every file is listed, read, parsed and hashed, and only its hashes are kept, so that
//! memory does not grow with the text.

use crate::{
    formats::{
        self, Defaults, Document, Format, Mark, Parsed, Place, hash_on_version, links::Pages, site::Site,
    },
    plan::Found,
    progress::Progress,
    report::{MaskedSecrets, Rejection, Warning},
    sources::folder::{Folder, ListError, ListedFile},
};
use kb::{document::ContentHash, redact::redact};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A source after the first look.
pub(crate) struct SurveyedSource {
    folder: Folder,
    pages: Pages,
    site: Site,
    pub(crate) found: Found,
    /// The versions of documents that only their siblings show to be editions of one page, by id.
    versions: HashMap<String, String>,
    /// Hashes of all documents that were found.
    hashes: HashSet<ContentHash>,
    /// Files with the ids of their documents, as a range of `found.documents`.
    files: Vec<(ListedFile, std::ops::Range<usize>)>,
}

/// All sources after the first look.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) sources: Vec<SurveyedSource>,
    pub(crate) rejected: Vec<Rejection>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) secrets: Vec<MaskedSecrets>,
}

impl Survey {
    /// Looks at every file of the folders. A folder that cannot be listed is reported and removes nothing; when none can
    /// be listed, that is an error.
    pub(crate) fn of(
        folders: Vec<Folder>,
        defaults: &Defaults,
        progress: &Progress,
    ) -> Result<Self, ListError> {
        let mut survey = Self::default();
        let mut failure = None;
        for folder in folders {
            match folder.list() {
                Ok(listing) => {
                    survey.rejected.extend(listing.rejected);
                    let is_complete = listing.complete && !folder.is_single_file();
                    let source = survey.look_at(folder, listing.files, is_complete, defaults, progress);
                    survey.sources.push(source);
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                    let reason = format!("{error}{}", cause.unwrap_or_default());
                    survey.rejected.push(Rejection::new(folder.shown(""), reason));
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if survey.sources.is_empty() => Err(error),
            _ => Ok(survey),
        }
    }

    /// What was found of each source.
    pub(crate) fn found(&self) -> Vec<&Found> {
        self.sources.iter().map(|source| &source.found).collect()
    }

    fn look_at(
        &mut self,
        folder: Folder,
        files: Vec<ListedFile>,
        is_complete: bool,
        defaults: &Defaults,
        progress: &Progress,
    ) -> SurveyedSource {
        let (files, named): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| redact(&file.relative).masked.is_empty());
        for file in named {
            // The name would be a part of the document's id, which answers cite.
            let rules: Vec<&str> = redact(&file.relative).counts.into_keys().collect();
            let reason = format!("its name holds a secret ({}); rename it", rules.join(", "));
            self.rejected.push(Rejection::new(folder.shown(&file.relative), reason));
        }
        let pages = Pages::new(&folder.name, files.iter().map(|file| file.relative.as_str()));
        let site = site_of(&folder, &files);
        progress.begin("reading", files.len());
        let looks: Vec<Look> = files
            .par_iter()
            .map(|file| {
                let (parsed, is_unknown) = read(&folder, &pages, &site, file, defaults);
                progress.advance(1);
                let marks = parsed.documents.iter().flat_map(|document| {
                    document.marks().into_iter().map(|mark| (document.meta.id.clone(), mark))
                });
                let marks = marks.collect();
                let hashes =
                    parsed.documents.into_iter().map(|document| (document.meta.id, document.content_hash));
                Look {
                    documents: hashes.collect(),
                    marks,
                    is_unknown,
                    rejected: parsed.rejected,
                    warnings: parsed.warnings,
                    secrets: masked_in(&folder.shown(&file.relative), parsed.redacted),
                }
            })
            .collect();
        let mut found = Found { source: folder.name.clone(), is_complete, ..Found::default() };
        let mut surveyed = Vec::with_capacity(files.len());
        let versions = versions_of_editions(looks.iter().flat_map(|look| &look.marks));
        for (file, look) in files.into_iter().zip(looks) {
            let start = found.documents.len();
            found.documents.extend(look.documents.into_iter().map(|(id, hash)| match versions.get(&id) {
                Some(version) => (id, hash_on_version(hash, version)),
                None => (id, hash),
            }));
            if look.is_unknown {
                found.unknown.push(file.relative.clone());
            }
            surveyed.push((file, start..found.documents.len()));
            self.rejected.extend(look.rejected);
            self.warnings.extend(look.warnings);
            self.secrets.extend(look.secrets);
        }
        let hashes = found.documents.iter().map(|(_, hash)| *hash).collect();
        SurveyedSource { folder, pages, site, found, versions, hashes, files: surveyed }
    }
}

impl SurveyedSource {
    /// The files with documents that `wanted` accepts, each with those documents' ids.
    pub(crate) fn files_with(&self, wanted: impl Fn(&str) -> bool) -> Vec<WantedFile> {
        let wanted_of = |(file, range): &(ListedFile, std::ops::Range<usize>)| {
            let ids = self.found.documents[range.clone()].iter().map(|(id, _)| id);
            let ids: Vec<String> = ids.filter(|id| wanted(id)).cloned().collect();
            (!ids.is_empty()).then(|| WantedFile { file: file.clone(), ids })
        };
        self.files.iter().filter_map(wanted_of).collect()
    }

    /// Reads files again, for the documents that are wanted of each.
    pub(crate) fn documents(&self, files: &[WantedFile], defaults: &Defaults) -> SecondLook {
        let looks: Vec<SecondLook> =
            files.par_iter().map(|wanted| self.look_again(wanted, defaults)).collect();
        let mut all = SecondLook::default();
        for look in looks {
            all.documents.extend(look.documents);
            all.missing.extend(look.missing);
            all.warnings.extend(look.warnings);
        }
        all
    }

    fn look_again(&self, WantedFile { file, ids }: &WantedFile, defaults: &Defaults) -> SecondLook {
        let (parsed, _) = read(&self.folder, &self.pages, &self.site, file, defaults);
        let mut found: HashMap<String, Document> = HashMap::new();
        for document in parsed.documents {
            found.insert(document.meta.id.clone(), document);
        }
        let shown = self.folder.shown(&file.relative);
        let mut look = SecondLook::default();
        let mut is_changed = false;
        for id in ids {
            let Some(document) = found.remove(id) else {
                let row = id.rsplit_once('#').map(|(_, row)| format!("#{row}")).unwrap_or_default();
                let path = format!("{shown}{row}");
                let why = parsed.rejected.iter().find(|rejection| rejection.path == path);
                let why = why.or(parsed.rejected.first()).map(|rejection| rejection.reason.clone());
                let reason = why.unwrap_or_else(|| "it is no longer in the file".to_owned());
                look.missing.push(Missing { id: id.clone(), path, reason });
                continue;
            };
            let document = match self.versions.get(id) {
                Some(version) => document.on_version(version),
                None => document,
            };
            is_changed |= !self.hashes.contains(&document.content_hash);
            look.documents.push(document);
        }
        if is_changed {
            let message = "changed while ingest was running; indexed as it was read last".to_owned();
            look.warnings.push(Warning { path: shown, message });
        }
        look
    }
}

/// A file whose documents are to be written.
#[derive(Debug, Clone)]
pub(crate) struct WantedFile {
    pub(crate) file: ListedFile,
    /// The documents that are wanted of it.
    ids: Vec<String>,
}

/// What a second reading gave.
#[derive(Debug, Default)]
pub(crate) struct SecondLook {
    /// The documents that were wanted, as they are now.
    pub(crate) documents: Vec<Document>,
    /// Those that the first look found and this one does not.
    pub(crate) missing: Vec<Missing>,
    /// Files that changed in between.
    pub(crate) warnings: Vec<Warning>,
}

/// A document that is gone since the first look, or cannot be read any more.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) id: String,
    /// As reports name it.
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// What the first look keeps of a file.
struct Look {
    documents: Vec<(String, ContentHash)>,
    marks: Vec<(String, Mark)>,
    is_unknown: bool,
    rejected: Vec<Rejection>,
    warnings: Vec<Warning>,
    secrets: Vec<MaskedSecrets>,
}

/// The version of each document that has the title or the file name of another one but for the version: a single page that
/// mentions one may be about anything.
fn versions_of_editions<'m>(
    marks: impl Iterator<Item = &'m (String, Mark)> + Clone,
) -> HashMap<String, String> {
    let mut editions: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for (_, (rest, version)) in marks.clone() {
        editions.entry(rest).or_default().insert(version);
    }
    let mut versions = HashMap::new();
    for (id, (rest, version)) in marks {
        if editions[rest.as_str()].len() > 1 {
            // The title's mark comes first.
            versions.entry(id.clone()).or_insert_with(|| version.clone());
        }
    }
    versions
}

/// What was masked in a file, by rule.
fn masked_in(path: &str, counts: BTreeMap<&'static str, u64>) -> Vec<MaskedSecrets> {
    let of_rule = |(rule, count)| MaskedSecrets { path: path.to_owned(), rule, count };
    counts.into_iter().map(of_rule).collect()
}

/// The site of a folder's files, which reads those that its pages include.
pub fn site_of(folder: &Folder, files: &[ListedFile]) -> Site {
    let sizes: Vec<(String, u64)> = files.iter().map(|file| (file.relative.clone(), file.bytes)).collect();
    let listed: HashMap<String, ListedFile> =
        files.iter().map(|file| (file.relative.clone(), file.clone())).collect();
    let folder = folder.clone();
    Site::of(sizes.into_iter(), move |path| folder.read(listed.get(path)?).ok())
}

/// A file's documents, and whether its content stayed unknown.
fn read(
    folder: &Folder,
    pages: &Pages,
    site: &Site,
    file: &ListedFile,
    defaults: &Defaults,
) -> (Parsed, bool) {
    let shown = folder.shown(&file.relative);
    let rejected = |reason: String| Parsed {
        rejected: vec![Rejection::new(shown.clone(), reason)],
        ..Parsed::default()
    };
    let format = match Format::of(&file.relative) {
        Ok(format) => format,
        Err(reason) => return (rejected(reason), false),
    };
    match folder.read(file) {
        Ok(bytes) => {
            let place = Place {
                source: &folder.name,
                relative: &file.relative,
                shown: &shown,
                pages,
                site,
                defaults,
            };
            (formats::parse(format, bytes, &place), false)
        }
        Err(error) => (rejected(error.to_string()), error.content_is_unknown()),
    }
}
