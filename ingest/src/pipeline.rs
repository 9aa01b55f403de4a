//! The document's path: from the files of a source to one commit of the knowledge base.
//!
//! Two passes keep memory bounded. The first looks at every file and keeps hashes; the second reads again only what has
//! to be written, a batch at a time. Everything becomes visible at the end, or nothing does.

use crate::{
    formats::Defaults,
    loader::{Loader, blocking},
    plan::{Found, Plan},
    progress::Progress,
    rename,
    report::{DocumentCounts, Rejection, Report},
    sources::folder::{self, Folder, ListError, PathError},
    survey::{Missing, Survey, SurveyedSource},
};
use kb::{
    document::ContentHash,
    embed::{EmbedError, EmbedderSettings},
    store::{self, Address, Filter, Identity, StoreError, Writer},
};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    path::PathBuf,
    sync::Arc,
};

/// A batch of the second pass: about this many bytes of files.
const BATCH_BYTES: u64 = 2 << 20;

/// A batch of the second pass: at most this many files.
const BATCH_FILES: usize = 64;

/// What to ingest, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// The knowledge base.
    pub kb: Address,
    /// The embedding model.
    pub embedder: EmbedderSettings,
    /// Folders and files.
    pub paths: Vec<PathBuf>,
    /// The source's name, in place of the folder's.
    pub source: Option<String>,
    /// What holds for all documents.
    pub defaults: Defaults,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Remove however much is gone.
    pub force: bool,
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The paths cannot be used.
    #[error(transparent)]
    Paths(#[from] PathError),
    /// No source could be listed.
    #[error(transparent)]
    List(#[from] ListError),
    /// The knowledge base failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedding model failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Too much would be removed.
    #[error("refused to remove {}; if they are really gone, run again with --force", list(.refused))]
    Guard {
        /// The sources, each with the number of documents that would go and that are stored.
        refused: Vec<(String, usize, usize)>,
        /// What was found.
        report: Box<Report>,
    },
    /// There is nothing to rename.
    #[error("there is no source `{name}` in the knowledge base; it has {}", list_names(.sources))]
    NoSource {
        /// The name.
        name: String,
        /// The sources that there are.
        sources: Vec<String>,
    },
    /// The two names are one.
    #[error("the source is named `{name}` already")]
    SameName {
        /// The name.
        name: String,
    },
    /// A source would be lost in another one.
    #[error(
        "`{old}` was not renamed: source `{new}` has other documents; to join the two, run again with --force"
    )]
    SourceExists {
        /// The source's name.
        old: String,
        /// The name it was to get.
        new: String,
    },
    /// A knowledge base would be built again without some of its sources.
    #[error(
        "refused to build the knowledge base again without {}; name the folders of all its sources, or run again with --force to do without them",
        sources.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    Incomplete {
        /// The sources that were not named.
        sources: Vec<String>,
    },
    /// A knowledge base cannot be built again from single files.
    #[error("`{path}` is one file: --rebuild takes the folders of all sources")]
    RebuildFromFile {
        /// As typed.
        path: String,
    },
    /// The user stopped the run.
    #[error("interrupted; nothing was committed")]
    Interrupted,
    /// A worker thread ended early; a bug.
    #[error("a worker thread failed: {detail}")]
    Worker {
        /// What it said.
        detail: String,
    },
}

fn list_names(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn list(refused: &[(String, usize, usize)]) -> String {
    let sources =
        refused.iter().map(|(name, gone, stored)| format!("{gone} of {stored} documents of source `{name}`"));
    sources.collect::<Vec<_>>().join(" and ")
}

/// Brings the knowledge base up to date with the sources: adds, changes and removes documents within the sources that
/// `options.paths` names, in one commit. When `interrupted` completes first, nothing is committed.
pub async fn ingest(
    options: &Options,
    progress: Arc<Progress>,
    interrupted: impl Future<Output = ()>,
) -> Result<Report, IngestError> {
    let folders = folder::resolve(&options.paths, options.source.as_deref())?;
    if options.dry_run {
        return tokio::select! {
            report = dry_run(options, folders, progress) => report,
            () = interrupted => Err(IngestError::Interrupted),
        };
    }
    let settings = options.embedder.clone();
    let model = blocking(move || settings.identity()).await??;
    // Before anything else is done: a second writer shall not wait to learn that it is one.
    let mut writer = store::open_writer(&options.kb, &Identity::current(model.clone())).await?;

    let prepared = async {
        let survey = survey(folders, options, progress.clone()).await?;
        let names: Vec<String> = survey.sources.iter().map(|source| source.found.source.clone()).collect();
        let stored = writer.fingerprints(&names).await?;
        let others = async |given: &HashSet<&str>| {
            let sources = writer.sources().await?.into_keys();
            writer
                .fingerprints(&sources.filter(|name| !given.contains(name.as_str())).collect::<Vec<_>>())
                .await
        };
        let hints = rename::hints(&survey.found(), &stored, others).await?;
        let mut work = Work::planned(survey, stored);
        work.report.warnings.extend(hints);
        work.guard(options)?;
        let mut loader = Loader::new(writer.as_mut(), options.embedder.clone(), model);
        work.carry_out(&mut loader, options, &progress).await
    };
    let report = tokio::select! {
        report = prepared => report?,
        () = interrupted => return Err(IngestError::Interrupted),
    };
    committed(writer.as_mut(), report, &progress).await
}

/// Builds the knowledge base again from nothing but the folders that `options.paths` names, in one commit that replaces all
/// there was: the way out of damaged files. Readers see those until then, and vectors come from the embedding cache.
///
/// What can still be read of the documents before is compared with: sources that are not named, and documents that are
/// gone in numbers, are refused unless `options.force` is set.
pub async fn rebuild(
    options: &Options,
    progress: Arc<Progress>,
    interrupted: impl Future<Output = ()>,
) -> Result<Report, IngestError> {
    let folders = folder::resolve(&options.paths, options.source.as_deref())?;
    for (folder, path) in folders.iter().zip(&options.paths) {
        if folder.is_single_file() {
            return Err(IngestError::RebuildFromFile { path: path.display().to_string() });
        }
    }
    let settings = options.embedder.clone();
    let model = blocking(move || settings.identity()).await??;
    let before = store::documents_of_damaged(&options.kb).await;
    let mut writer = store::open_rebuilding(&options.kb, &Identity::current(model.clone())).await?;

    let prepared = async {
        let is_known = before.is_some();
        let before = before.unwrap_or_default();
        let survey = survey(folders, options, progress.clone()).await?;
        let named: HashSet<&str> = survey.sources.iter().map(|source| source.found.source.as_str()).collect();
        let mut missing: Vec<String> = before
            .keys()
            .map(|id| source_of(id))
            .filter(|name| !named.contains(name))
            .map(str::to_owned)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() && !options.force {
            return Err(IngestError::Incomplete { sources: missing });
        }
        let work = Work::planned(survey, before);
        work.guard(options)?;
        let work = work.anew();
        let mut loader = Loader::new(writer.as_mut(), options.embedder.clone(), model);
        let mut report = work.carry_out(&mut loader, options, &progress).await?;
        if !is_known {
            report.note = Some(
                "the documents of the knowledge base before could not be read; make sure that the folders of all its sources were named"
                    .to_owned(),
            );
        }
        Ok(report)
    };
    let report = tokio::select! {
        report = prepared => report?,
        () = interrupted => return Err(IngestError::Interrupted),
    };
    committed(writer.as_mut(), report, &progress).await
}

/// The source of a document, by its id.
fn source_of(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// Commits, and completes the report.
async fn committed(
    writer: &mut dyn Writer,
    mut report: Report,
    progress: &Progress,
) -> Result<Report, IngestError> {
    // From here on the run is not interrupted: the commit is all or nothing by itself.
    let commit = writer.commit().await?;
    // It stands: nothing that fails from here on makes it a failure.
    progress.finish();
    report.note_commit(&commit);
    report.note_if_empty();
    Ok(report)
}

/// Plans without a model and without the writer's lock.
async fn dry_run(
    options: &Options,
    folders: Vec<Folder>,
    progress: Arc<Progress>,
) -> Result<Report, IngestError> {
    let survey = survey(folders, options, progress.clone()).await?;
    progress.finish();
    let stored = match store::open(&options.kb, None).await {
        Ok(kb) => {
            let documents = kb.view(&Filter::everything()).await?.all_documents().await?;
            documents.iter().map(|record| (record.meta.id.clone(), record.content_hash)).collect()
        }
        Err(StoreError::Missing { .. }) => HashMap::new(),
        Err(error) => return Err(error.into()),
    };
    let hints = rename::hints(&survey.found(), &stored, async |_: &HashSet<&str>| Ok(stored.clone())).await?;
    let mut work = Work::planned(survey, stored);
    work.report.warnings.extend(hints);
    work.guard(options)?;
    let mut report = work.report();
    report.note_if_empty();
    Ok(report)
}

async fn survey(
    folders: Vec<Folder>,
    options: &Options,
    progress: Arc<Progress>,
) -> Result<Survey, IngestError> {
    let defaults = options.defaults.clone();
    Ok(blocking(move || Survey::of(folders, &defaults, &progress)).await??)
}

/// The sources with what is to be done about each.
struct Work {
    sources: Vec<(Arc<SurveyedSource>, Arc<Plan>)>,
    report: Report,
}

impl Work {
    /// Compares what was found with what is stored, by id.
    fn planned(survey: Survey, stored: HashMap<String, ContentHash>) -> Self {
        let mut by_source: HashMap<String, HashMap<String, ContentHash>> = HashMap::new();
        for (id, hash) in stored {
            let source = source_of(&id).to_owned();
            by_source.entry(source).or_default().insert(id, hash);
        }
        let mut counts = DocumentCounts::default();
        let mut sources = Vec::with_capacity(survey.sources.len());
        for source in survey.sources {
            let found: &Found = &source.found;
            let plan = Plan::diff(found, by_source.get(&found.source).unwrap_or(&HashMap::new()));
            counts.seen += found.documents.len() as u64;
            counts.added += plan.added.len() as u64;
            counts.changed += plan.changed.len() as u64;
            counts.unchanged += plan.unchanged as u64;
            counts.removed += plan.removed.len() as u64;
            sources.push((Arc::new(source), Arc::new(plan)));
        }
        let mut report = Report {
            documents: counts,
            rejected: survey.rejected,
            warnings: survey.warnings,
            redacted: survey.secrets.iter().map(|masked| masked.count).sum(),
            secrets: survey.secrets,
            ..Report::default()
        };
        report.sort();
        Self { sources, report }
    }

    /// The same for a knowledge base without documents.
    fn anew(mut self) -> Self {
        for (source, plan) in &mut self.sources {
            *plan = Arc::new(Plan::diff(&source.found, &HashMap::new()));
        }
        let added = self.sources.iter().map(|(_, plan)| plan.added.len() as u64).sum();
        self.report.documents = DocumentCounts { seen: added, added, ..DocumentCounts::default() };
        self
    }

    /// Refuses mass deletion unless it is forced.
    fn guard(&self, options: &Options) -> Result<(), IngestError> {
        let refused: Vec<(String, usize, usize)> = self
            .sources
            .iter()
            .filter(|(_, plan)| plan.removes_too_much())
            .map(|(source, plan)| (source.found.source.clone(), plan.removed.len(), plan.stored))
            .collect();
        if refused.is_empty() || options.force {
            return Ok(());
        }
        Err(IngestError::Guard { refused, report: Box::new(self.report()) })
    }

    /// The report of a run that writes nothing.
    fn report(&self) -> Report {
        Report { dry_run: true, ..self.report.clone() }
    }

    /// Writes what was added and changed, removes what is gone. The report counts what was done, which the commit makes
    /// visible, and not what was planned: files change while they are read.
    async fn carry_out(
        self,
        loader: &mut Loader<'_>,
        options: &Options,
        progress: &Progress,
    ) -> Result<Report, IngestError> {
        let mut report = self.report;
        let planned = report.documents;
        report.documents = DocumentCounts { unchanged: planned.unchanged, ..DocumentCounts::default() };
        progress.begin("embedding", (planned.added + planned.changed) as usize);
        for (source, plan) in &self.sources {
            let files = source.files_with(|id| plan.writes(id));
            for batch in batches(&files, |wanted| wanted.file.bytes) {
                let (source, batch, defaults) = (source.clone(), batch.to_vec(), options.defaults.clone());
                let look = blocking(move || source.documents(&batch, &defaults)).await?;
                progress.advance(look.documents.len() + look.missing.len());
                report.warnings.extend(look.warnings);
                for Missing { id, path, reason } in look.missing {
                    let kept = if plan.changed.contains(&id) {
                        "what was stored of it before stays"
                    } else {
                        "not indexed"
                    };
                    let reason = format!("{reason} (on the second reading; {kept}; run ingest again)");
                    report.rejected.push(Rejection::new(path, reason));
                }
                let mut stored: HashSet<String> =
                    look.documents.iter().map(|document| document.meta.id.clone()).collect();
                for id in loader.store(look.documents).await? {
                    stored.remove(&id);
                    report.documents.removed += u64::from(plan.changed.contains(&id));
                    report.rejected.push(Rejection::new(id, "no text"));
                }
                let added = stored.iter().filter(|id| plan.added.contains(*id)).count() as u64;
                report.documents.added += added;
                report.documents.changed += stored.len() as u64 - added;
            }
            for id in &plan.removed {
                loader.remove(id).await?;
                report.documents.removed += 1;
            }
        }
        let counts = &mut report.documents;
        counts.seen = counts.added + counts.changed + counts.unchanged;
        report.chunks = loader.counts();
        report.sort();
        Ok(report)
    }
}

/// Runs of items of about [`BATCH_BYTES`] and at most [`BATCH_FILES`].
fn batches<T>(items: &[T], bytes: impl Fn(&T) -> u64) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        let size = bytes(item);
        if at > start && (sum + size > BATCH_BYTES || at - start >= BATCH_FILES) {
            batches.push(&items[start..at]);
            (start, sum) = (at, 0);
        }
        sum += size;
    }
    if start < items.len() {
        batches.push(&items[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::{
        embed::{EmbedderChoice, Places},
        store::DocumentKey,
    };
    use std::{collections::BTreeMap, fs, path::Path};

    fn options(root: &Path) -> Options {
        let choice = EmbedderChoice::Hashed;
        Options {
            kb: Address::Directory(root.join("kb")),
            embedder: EmbedderSettings { choice, places: Places::default(), threads: None, endpoint: None },
            paths: vec![root.join("docs")],
            source: None,
            defaults: Defaults::default(),
            dry_run: false,
            force: false,
        }
    }

    /// The texts of the stored documents, by id.
    async fn stored(options: &Options) -> BTreeMap<String, String> {
        let kb = store::open(&options.kb, None).await.expect("it is there");
        let view = kb.view(&Filter::everything()).await.expect("it opens");
        let mut texts = BTreeMap::new();
        for record in view.all_documents().await.expect("they can be read") {
            let chunks = view.chunks_of(DocumentKey::of(&record.meta.id)).await.expect("they can be read");
            let text = chunks.iter().map(|(_, chunk)| chunk.text.as_str()).collect::<Vec<_>>().join(" ");
            texts.insert(record.meta.id.clone(), text);
        }
        texts
    }

    /// Files change between the two readings: the report counts what became of each, and says the rest.
    #[tokio::test]
    async fn what_changes_between_the_readings_is_counted_as_it_was_stored() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let docs = root.path().join("docs");
        fs::create_dir(&docs).expect("it can be made");
        let write = |name: &str, text: &str| fs::write(docs.join(name), text).expect("it can be written");
        for name in ["kept", "deleted", "emptied", "folder", "again", "gone", "two"] {
            write(&format!("{name}.md"), "# Relay\n\nold text\n");
        }
        let options = options(root.path());
        ingest(&options, Arc::new(Progress::hidden()), std::future::pending()).await.expect("it works");

        for name in ["deleted", "emptied", "folder", "again", "two", "added", "vanished"] {
            write(&format!("{name}.md"), "# Relay\n\nnew text\n");
        }
        fs::remove_file(docs.join("gone.md")).expect("it is there");
        let folders = folder::resolve(&options.paths, None).expect("it is there");
        let survey = survey(folders, &options, Arc::new(Progress::hidden())).await.expect("it can be read");
        for name in ["deleted", "folder", "vanished"] {
            fs::remove_file(docs.join(format!("{name}.md"))).expect("it is there");
        }
        fs::create_dir(docs.join("folder.md")).expect("the name is free");
        write("emptied.md", "");
        write("again.md", "# Relay\n\nnewest text\n");

        let settings = options.embedder.clone();
        let model = settings.identity().expect("it needs no model");
        let mut writer = store::open_writer(&options.kb, &Identity::current(model.clone()))
            .await
            .expect("the lock is free");
        let work =
            Work::planned(survey, writer.fingerprints(&["docs".to_owned()]).await.expect("it is there"));
        assert_eq!((work.report.documents.added, work.report.documents.changed), (2, 5));
        let mut loader = Loader::new(writer.as_mut(), settings, model);
        let mut report = work.carry_out(&mut loader, &options, &Progress::hidden()).await.expect("it works");
        report.note_commit(&writer.commit().await.expect("there is space"));
        drop(writer);

        let counts = report.documents;
        assert_eq!((counts.added, counts.changed, counts.unchanged, counts.removed), (1, 2, 1, 1));
        assert_eq!(counts.seen, 4);
        let rejected: Vec<String> = report
            .rejected
            .iter()
            .map(|rejection| {
                let name = rejection.path.rsplit('/').next().unwrap_or_default();
                format!("{name}: {}", rejection.reason)
            })
            .collect();
        insta::assert_snapshot!(rejected.join("\n"), @r"
        deleted.md: removed while ingest was running (on the second reading; what was stored of it before stays; run ingest again)
        emptied.md: no text (on the second reading; what was stored of it before stays; run ingest again)
        folder.md: no longer the regular file that was listed (on the second reading; what was stored of it before stays; run ingest again)
        vanished.md: removed while ingest was running (on the second reading; not indexed; run ingest again)
        ");
        let warned: Vec<&str> = report.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(warned, ["changed while ingest was running; indexed as it was read last"]);
        let texts = stored(&options).await;
        let told: Vec<String> = texts.iter().map(|(id, text)| format!("{id}: {text}")).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        docs/added.md: new text
        docs/again.md: newest text
        docs/deleted.md: old text
        docs/emptied.md: old text
        docs/folder.md: old text
        docs/kept.md: old text
        docs/two.md: new text
        ");

        let report =
            ingest(&options, Arc::new(Progress::hidden()), std::future::pending()).await.expect("it works");
        assert_eq!(
            (report.documents.unchanged, report.documents.removed),
            (4, 3),
            "the next run sees them gone"
        );
    }

    #[test]
    fn batches_are_bounded_by_bytes_and_files() {
        let check = |sizes: &[u64], lengths: &[usize]| {
            let found: Vec<usize> = batches(sizes, |&size| size).iter().map(|batch| batch.len()).collect();
            assert_eq!(found, lengths);
        };
        check(&[], &[]);
        check(&[1; 130], &[64, 64, 2]);
        check(&[BATCH_BYTES * 4, 1, BATCH_BYTES, 1], &[1, 1, 1, 1]);
        check(&[1, 1, BATCH_BYTES], &[2, 1]);
    }
}
