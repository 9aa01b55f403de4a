//! The first look at all sources: every file is listed, read, parsed and hashed, and only its hashes are kept, so that
//! memory does not grow with the text.

use crate::{
    formats::{self, Defaults, Document, Format, Parsed, Place, links::Pages},
    plan::Found,
    progress::Progress,
    report::{Rejection, Warning},
    sources::folder::{Folder, ListError, ListedFile},
};
use kb::document::ContentHash;
use rayon::prelude::*;

/// A source after the first look.
pub(crate) struct SurveyedSource {
    folder: Folder,
    pages: Pages,
    pub(crate) found: Found,
    /// Files with the ids of their documents, as a range of `found.documents`.
    files: Vec<(ListedFile, std::ops::Range<usize>)>,
}

/// All sources after the first look.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) sources: Vec<SurveyedSource>,
    pub(crate) rejected: Vec<Rejection>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) redacted: u64,
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

    fn look_at(
        &mut self,
        folder: Folder,
        files: Vec<ListedFile>,
        is_complete: bool,
        defaults: &Defaults,
        progress: &Progress,
    ) -> SurveyedSource {
        let pages = Pages::new(&folder.name, files.iter().map(|file| file.relative.as_str()));
        progress.begin("reading", files.len());
        let looks: Vec<Look> = files
            .par_iter()
            .map(|file| {
                let (parsed, is_unknown) = read(&folder, &pages, file, defaults);
                progress.advance(1);
                let hashes =
                    parsed.documents.into_iter().map(|document| (document.meta.id, document.content_hash));
                Look {
                    documents: hashes.collect(),
                    is_unknown,
                    rejected: parsed.rejected,
                    warnings: parsed.warnings,
                    redacted: parsed.redacted,
                }
            })
            .collect();
        let mut found = Found { source: folder.name.clone(), is_complete, ..Found::default() };
        let mut surveyed = Vec::with_capacity(files.len());
        for (file, look) in files.into_iter().zip(looks) {
            let start = found.documents.len();
            found.documents.extend(look.documents);
            if look.is_unknown {
                found.unknown.push(file.relative.clone());
            }
            surveyed.push((file, start..found.documents.len()));
            self.rejected.extend(look.rejected);
            self.warnings.extend(look.warnings);
            self.redacted += look.redacted;
        }
        SurveyedSource { folder, pages, found, files: surveyed }
    }
}

impl SurveyedSource {
    /// The files with at least one document that `wanted` accepts.
    pub(crate) fn files_with(&self, wanted: impl Fn(&str) -> bool) -> Vec<&ListedFile> {
        let has = |range: &std::ops::Range<usize>| {
            self.found.documents[range.clone()].iter().any(|(id, _)| wanted(id))
        };
        self.files.iter().filter(|(_, range)| has(range)).map(|(file, _)| file).collect()
    }

    /// Reads the documents of files again, those that `wanted` accepts.
    pub(crate) fn documents(
        &self,
        files: &[&ListedFile],
        defaults: &Defaults,
        wanted: impl Fn(&str) -> bool + Sync,
    ) -> Vec<Document> {
        files
            .par_iter()
            .flat_map_iter(|file| read(&self.folder, &self.pages, file, defaults).0.documents)
            .filter(|document| wanted(&document.meta.id))
            .collect()
    }
}

/// What the first look keeps of a file.
struct Look {
    documents: Vec<(String, ContentHash)>,
    is_unknown: bool,
    rejected: Vec<Rejection>,
    warnings: Vec<Warning>,
    redacted: u64,
}

/// A file's documents, and whether its content stayed unknown.
fn read(folder: &Folder, pages: &Pages, file: &ListedFile, defaults: &Defaults) -> (Parsed, bool) {
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
            let place =
                Place { source: &folder.name, relative: &file.relative, shown: &shown, pages, defaults };
            (formats::parse(format, bytes, &place), false)
        }
        Err(error) => (rejected(error.to_string()), error.content_is_unknown()),
    }
}
