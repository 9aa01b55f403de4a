//! The documents' path: from their sources to one commit of the knowledge base.
//!
//! Each source is listed. If its items are cheap to read, two passes keep memory bounded: the first looks at every item
//! and keeps hashes ([`crate::survey`]), the second reads again only the items that have to be written, a batch at a
//! time. If its items have versions, only those that changed are read, once ([`crate::sync`]). Everything becomes
//! visible at the end, or nothing does; a live source may commit on the way.

use crate::{
    batches::{STORED, batches},
    blocking::blocking,
    error::IngestError,
    lint::Linter,
    loader::Loader,
    plan::{Found, Plan},
    progress::Progress,
    rename,
    report::{DocumentCounts, Rejection, Report, SourceReport, Warning},
    runs::RunLog,
    sources::{Listing, Source, SyncState},
    survey::{Missing, Survey},
    sync::Sync,
};
use jiff::Timestamp;
use kb::{
    causes::with_causes,
    document::{ContentHash, source_of},
    embed::{EmbedderSettings, EmbeddingCache},
    store::{self, Address, Filter, Identity, ModelIdentity, StoreError, Writer},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
    sync::Arc,
};

/// The settings of one run: its sources, the knowledge base, and the limits that are lifted.
#[derive(Clone)]
pub struct Options {
    /// The address of the knowledge base that is written.
    pub kb: Address,
    /// The embedding model's settings; the knowledge base must have been made with the same model.
    pub embedder: EmbedderSettings,
    /// The sources, with different names.
    pub sources: Vec<Arc<dyn Source>>,
    /// Whether the run only reports its plan and writes nothing.
    pub dry_run: bool,
    /// Whether documents are removed however many of them are gone.
    pub force: bool,
}

impl Options {
    fn source_names(&self) -> Vec<String> {
        self.sources.iter().map(|source| source.name().to_owned()).collect()
    }
}

/// Brings the knowledge base up to date with the sources: adds, changes and removes documents within the sources that
/// `options` names, in one commit. When `interrupted` completes first, nothing is committed, except what a live source
/// has committed on the way.
pub async fn ingest(
    options: &Options,
    progress: Arc<Progress>,
    interrupted: impl Future<Output = ()>,
) -> Result<Report, IngestError> {
    if options.dry_run {
        return tokio::select! {
            report = dry_run(options, &progress) => report,
            () = interrupted => Err(IngestError::Interrupted { kept: false }),
        };
    }
    let settings = options.embedder.clone();
    let model = blocking(move || settings.identity()).await??;
    // The writer is opened before any other work, so that a second writer learns at once that it is one.
    let mut writer = store::open_writer(&options.kb, &Identity::current(model.clone())).await?;
    let mut log = RunLog::of(writer.run_log().await?);

    let prepared = async {
        let states = writer.source_states().await?;
        writer.claim(&options.source_names()).await?;
        let listed = Listed::of(options, states, &log, &progress).await?;
        let stored = by_source(writer.as_mut(), &listed.names()).await?;
        let with_documents = stored.iter().filter(|(_, documents)| !documents.is_empty());
        let known: HashSet<String> = with_documents.map(|(name, _)| name.clone()).collect();
        let mut work = Work::planned(listed, stored, &progress).await;
        let others = async |given: &HashSet<&str>| {
            let sources = writer.sources().await?.into_keys();
            let others: Vec<String> = sources.filter(|name| !given.contains(name.as_str())).collect();
            writer.fingerprints(&others).await
        };
        work.report
            .warnings
            .extend(rename::hints(&work.found(), &known.iter().map(String::as_str).collect(), others).await?);
        work.guard(options)?;
        let cache = embedding_cache(&options.kb, writer.as_mut(), &model).await?;
        let mut loader = Loader::new(writer.as_mut(), cache, options.embedder.clone(), model);
        work.carry_out(&mut loader, true, &progress).await
    };
    let prepared = tokio::select! {
        prepared = prepared => prepared,
        () = interrupted => return Err(IngestError::Interrupted { kept: options.sources.iter().any(|source| source.folder().is_none()) }),
    };
    match prepared {
        Ok(report) => committed(writer.as_mut(), report, log, &progress).await,
        Err(error) => {
            let names = options.sources.iter().map(|source| source.name());
            log.note_failure(names, &with_causes(&error), Timestamp::now());
            log.keep(writer.as_mut()).await;
            Err(error)
        }
    }
}

/// Builds the knowledge base again from nothing but the sources that `options` names, in one commit that replaces all
/// there was: the way out of damaged files. Readers see those until then, and vectors come from the embedding cache.
///
/// The plan is compared with the stored documents as far as they can still be read: sources that are not named, and
/// documents that are gone in numbers, are refused unless `options.force` is set.
pub async fn rebuild(
    options: &Options,
    progress: Arc<Progress>,
    interrupted: impl Future<Output = ()>,
) -> Result<Report, IngestError> {
    if let Some(part) = options.sources.iter().find(|source| source.is_part()) {
        return Err(IngestError::RebuildFromFile { path: part.shown() });
    }
    let settings = options.embedder.clone();
    let model = blocking(move || settings.identity()).await??;
    let before = store::documents_of_damaged(&options.kb).await;
    let mut writer = store::open_rebuilding(&options.kb, &Identity::current(model.clone())).await?;

    let prepared = async {
        let is_known = before.is_some();
        let before = before.unwrap_or_default();
        let listed = Listed::of(options, BTreeMap::new(), &RunLog::default(), &progress).await?;
        let named: HashSet<String> = listed.names().into_iter().collect();
        let mut stored: HashMap<String, HashMap<String, ContentHash>> = HashMap::new();
        for (id, hash) in before {
            stored.entry(source_of(&id).to_owned()).or_default().insert(id, hash);
        }
        let mut missing: Vec<String> = stored.keys().filter(|name| !named.contains(*name)).cloned().collect();
        missing.sort_unstable();
        if !missing.is_empty() && !options.force {
            return Err(IngestError::Incomplete { sources: missing });
        }
        let work = Work::planned(listed, stored, &progress).await;
        work.guard(options)?;
        let work = work.anew();
        let cache = embedding_cache(&options.kb, writer.as_mut(), &model).await?;
        let mut loader = Loader::new(writer.as_mut(), cache, options.embedder.clone(), model);
        // The first commit replaces everything, so there is only one.
        let mut report = work.carry_out(&mut loader, false, &progress).await?;
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
        () = interrupted => return Err(IngestError::Interrupted { kept: false }),
    };
    committed(writer.as_mut(), report, RunLog::default(), &progress).await
}

/// The vectors that were computed for a knowledge base before.
async fn embedding_cache(
    kb: &Address,
    writer: &mut dyn Writer,
    model: &ModelIdentity,
) -> Result<EmbeddingCache, StoreError> {
    let chunks = writer.counts().await?.chunks;
    Ok(EmbeddingCache::open(&kb.embedding_cache(), model.dimensions, chunks).await)
}

/// The stored documents of sources, by the sources' names.
async fn by_source(
    writer: &mut dyn Writer,
    names: &[String],
) -> Result<HashMap<String, HashMap<String, ContentHash>>, StoreError> {
    let mut stored = HashMap::with_capacity(names.len());
    for name in names {
        stored.insert(name.clone(), writer.fingerprints(std::slice::from_ref(name)).await?);
    }
    Ok(stored)
}

/// Commits, and completes the report.
async fn committed(
    writer: &mut dyn Writer,
    mut report: Report,
    mut log: RunLog,
    progress: &Progress,
) -> Result<Report, IngestError> {
    // From here on the run is not interrupted: the commit is all or nothing by itself.
    let commit = writer.commit().await?;
    // The commit is made: an error from here on does not make the run fail.
    progress.finish();
    log.note(&report, Timestamp::now());
    log.keep(writer).await;
    report.note_commit(&commit);
    report.note_if_empty();
    Ok(report)
}

/// Plans without a model and without the writer's lock.
async fn dry_run(options: &Options, progress: &Progress) -> Result<Report, IngestError> {
    let names: HashSet<String> = options.source_names().into_iter().collect();
    let mut stored: HashMap<String, HashMap<String, ContentHash>> = HashMap::new();
    let (mut known, mut states, mut log) = (HashMap::new(), BTreeMap::new(), RunLog::default());
    match store::open(&options.kb, None).await {
        Ok(kb) => {
            let view = kb.view(&Filter::everything()).await?;
            for record in view.all_documents().await? {
                let (meta, hash) = (&record.meta, record.content_hash);
                known.insert(meta.id.clone(), hash);
                if names.contains(&meta.source) {
                    stored.entry(meta.source.clone()).or_default().insert(meta.id.clone(), hash);
                }
            }
            states = view.source_states().await?;
            log = RunLog::of(kb.run_log().await?);
        }
        Err(StoreError::Missing { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let listed = Listed::of(options, states, &log, progress).await?;
    let mut work = Work::planned(listed, stored, progress).await;
    progress.finish();
    let names: HashSet<&str> = known.keys().map(|id| source_of(id)).collect();
    let hints = rename::hints(&work.found(), &names, async |_: &HashSet<&str>| Ok(known.clone())).await?;
    work.report.warnings.extend(hints);
    work.guard(options)?;
    let mut report = work.report();
    report.note_if_empty();
    Ok(report)
}

/// The sources with their listings.
struct Listed {
    sources: Vec<ListedSource>,
    /// The sources that could not be listed, each with the reason.
    failed: Vec<(Arc<dyn Source>, String)>,
}

/// A source with its listing.
struct ListedSource {
    source: Arc<dyn Source>,
    listing: Listing,
    /// The state of the last run that the listing was given.
    before: SyncState,
    /// The state that is stored, whatever settings it is of.
    stored: SyncState,
}

impl Listed {
    /// Lists the sources of a run. A source that cannot be listed is reported, and its documents stay; it is an error
    /// when none can be listed.
    async fn of(
        options: &Options,
        mut states: BTreeMap<String, serde_json::Value>,
        log: &RunLog,
        progress: &Progress,
    ) -> Result<Self, IngestError> {
        let mut listed = Self { sources: Vec::new(), failed: Vec::new() };
        let mut failure = None;
        progress.begin("listing", options.sources.len());
        for source in &options.sources {
            let state = states.remove(source.name()).and_then(|state| serde_json::from_value(state).ok());
            let stored: SyncState = state.unwrap_or_default();
            let before = match stored.settings == source.settings() {
                true => SyncState { listed_at: log.listed_at(source.name()), ..stored.clone() },
                false => SyncState::default(),
            };
            match source.list(&before).await {
                Ok(listing) => {
                    listed.sources.push(ListedSource { source: source.clone(), listing, before, stored })
                }
                Err(error) => {
                    listed.failed.push((source.clone(), with_causes(&error)));
                    failure = Some(error);
                }
            }
            progress.advance(1);
        }
        match failure {
            Some(error) if listed.sources.is_empty() => Err(error.into()),
            _ => Ok(listed),
        }
    }

    fn names(&self) -> Vec<String> {
        self.sources.iter().map(|listed| listed.source.name().to_owned()).collect()
    }
}

/// The sources with what is to be done about each.
struct Work {
    /// The sources that are read twice.
    surveys: Vec<(Survey, Plan)>,
    /// The sources that are read once.
    syncs: Vec<Sync>,
    report: Report,
}

impl Work {
    /// Compares the documents that were found with those that are stored, by id.
    async fn planned(
        listed: Listed,
        mut stored: HashMap<String, HashMap<String, ContentHash>>,
        progress: &Progress,
    ) -> Self {
        let mut work = Self { surveys: Vec::new(), syncs: Vec::new(), report: Report::default() };
        let report = &mut work.report;
        let mut linter = Linter::default();
        for (source, reason) in listed.failed {
            report.rejected.push(Rejection::new(source.shown(), reason.clone()));
            report.sources.push(SourceReport {
                name: source.name().to_owned(),
                documents: DocumentCounts::default(),
                is_complete: false,
                failed: Some(reason),
                rejected: Vec::new(),
            });
        }
        for ListedSource { source, mut listing, before, stored: state } in listed.sources {
            let name = source.name();
            let stored = stored.remove(name).unwrap_or_default();
            if listing.is_empty() && source.folder().is_none() {
                let message = "nothing was found in it".to_owned();
                report.warnings.push(Warning { path: source.shown(), message });
            }
            let counts = if listing.reader.is_cheap() {
                let cursor = listing.cursor.take();
                let mut survey = Survey::of(name, listing, progress).await;
                // Items that could not be read are read again.
                let cursor = cursor.filter(|_| survey.found.unknown.is_empty());
                let mut looks = std::mem::take(&mut survey.looks);
                if !survey.found.is_complete {
                    // Items that were not listed may still be there.
                    for (key, look) in before.looks {
                        looks.entry(key).or_insert(look);
                    }
                }
                if cursor.is_some() || !looks.is_empty() {
                    let settings = source.settings();
                    survey.after = SyncState { settings, cursor, looks, ..SyncState::default() };
                }
                survey.before = state;
                let plan = Plan::diff(&survey.found, &stored);
                report.rejected.extend(survey.rejected.iter().cloned());
                report.warnings.extend(survey.warnings.iter().cloned());
                report.note_secrets(survey.secrets.clone());
                linter.append(std::mem::take(&mut survey.linter));
                let counts = plan.counts();
                work.surveys.push((survey, plan));
                counts
            } else {
                report.warnings.append(&mut listing.warnings);
                report.rejected.extend(listing.rejected.iter().cloned());
                let sync = Sync::planned(name, source.settings(), listing, before, stored);
                let counts = sync.plan.counts();
                work.syncs.push(sync);
                counts
            };
            report.documents.add(&counts);
        }
        report.lint = linter.counts();
        report.sort();
        work
    }

    /// The documents that were found in each source that was read.
    fn found(&self) -> Vec<&Found> {
        self.surveys.iter().map(|(survey, _)| &survey.found).collect()
    }

    /// The same for a knowledge base without documents.
    fn anew(mut self) -> Self {
        for (survey, plan) in &mut self.surveys {
            *plan = Plan::diff(&survey.found, &HashMap::new());
        }
        self.syncs.iter_mut().for_each(Sync::anew);
        self.report.documents = DocumentCounts::default();
        let plans = self.plans().map(|(_, plan)| plan.counts()).collect::<Vec<_>>();
        plans.iter().for_each(|counts| self.report.documents.add(counts));
        self
    }

    /// The plan of each source, by its name.
    fn plans(&self) -> impl Iterator<Item = (&str, &Plan)> {
        let surveys = self.surveys.iter().map(|(survey, plan)| (survey.found.source.as_str(), plan));
        surveys.chain(self.syncs.iter().map(|sync| (sync.name.as_str(), &sync.plan)))
    }

    /// Refuses mass deletion unless it is forced.
    fn guard(&self, options: &Options) -> Result<(), IngestError> {
        let refused: Vec<(String, usize, usize)> = self
            .plans()
            .filter(|(_, plan)| plan.removes_too_much())
            .map(|(name, plan)| (name.to_owned(), plan.removed.len(), plan.stored))
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

    /// Writes the documents that were added or changed, removes those that are gone. The report counts the changes that
    /// were made, which the commit makes visible, and not those that were planned: items change while they are read.
    /// Live sources come first, for they may commit on the way.
    async fn carry_out(
        self,
        loader: &mut Loader<'_>,
        commits: bool,
        progress: &Progress,
    ) -> Result<Report, IngestError> {
        let mut report = self.report;
        report.documents = DocumentCounts::default();
        for sync in self.syncs {
            sync.carry_out(loader, commits, &mut report, progress).await?;
        }
        for (survey, plan) in &self.surveys {
            write(survey, plan, loader, &mut report, progress).await?;
        }
        report.chunks = loader.counts();
        report.sort();
        Ok(report)
    }
}

/// Writes the documents that were added to a source that is read twice, or have changed in it, and removes those that
/// are gone.
async fn write(
    survey: &Survey,
    plan: &Plan,
    loader: &mut Loader<'_>,
    report: &mut Report,
    progress: &Progress,
) -> Result<(), IngestError> {
    let mut counts = DocumentCounts { unchanged: plan.unchanged as u64, ..DocumentCounts::default() };
    let mut rejected = survey.rejected.clone();
    let mut is_all_stored = true;
    progress.begin("embedding", plan.added.len() + plan.changed.len());
    let items = survey.items_with(|id| plan.writes(id));
    for batch in batches(&items, STORED, |wanted| wanted.item.bytes) {
        let look = survey.documents(batch).await;
        is_all_stored &= look.missing.is_empty();
        progress.advance(look.documents.len() + look.missing.len());
        report.warnings.extend(look.warnings);
        for Missing { id, path, reason } in look.missing {
            let kept = match plan.changed.contains(&id) {
                true => "what was stored of it before stays",
                false => "not indexed",
            };
            let reason = format!("{reason} (on the second reading; {kept}; run ingest again)");
            rejected.push(Rejection::new(path, reason));
        }
        let mut stored: HashSet<String> =
            look.documents.iter().map(|document| document.meta.id.clone()).collect();
        for id in loader.store(look.documents).await? {
            stored.remove(&id);
            counts.removed += u64::from(plan.changed.contains(&id));
            rejected.push(Rejection::new(id, "no text"));
        }
        let added = stored.iter().filter(|id| plan.added.contains(*id)).count() as u64;
        counts.added += added;
        counts.changed += stored.len() as u64 - added;
    }
    for id in &plan.removed {
        loader.remove(id).await?;
        counts.removed += 1;
    }
    let after =
        SyncState { cursor: survey.after.cursor.clone().filter(|_| is_all_stored), ..survey.after.clone() };
    let before = &survey.before;
    let is_other = after.settings != before.settings
        || after.looks != before.looks
        || after.cursor.is_some() != before.cursor.is_some();
    // A cursor that only moves is worth no commit of its own.
    if is_other || (after != *before && counts.added + counts.changed + counts.removed > 0) {
        loader.keep_state(&survey.found.source, &after).await?;
    }
    counts.seen = counts.added + counts.changed + counts.unchanged;
    report.documents.add(&counts);
    report.rejected.extend(rejected[survey.rejected.len()..].iter().cloned());
    report.sources.push(SourceReport {
        name: survey.found.source.clone(),
        documents: counts,
        is_complete: survey.found.is_complete,
        failed: None,
        rejected,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{formats::Defaults, sources::folder};
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
            sources: folder::sources(&[root.join("docs")], None, &Defaults::default()).expect("it is there"),
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
        let progress = Progress::hidden();
        let listed = Listed::of(&options, BTreeMap::new(), &RunLog::default(), &progress).await;
        let listed = listed.expect("it can be listed");
        let stored_before = {
            let kb = store::open(&options.kb, None).await.expect("it is there");
            let view = kb.view(&Filter::everything()).await.expect("it opens");
            let records = view.all_documents().await.expect("they can be read");
            records.iter().map(|record| (record.meta.id.clone(), record.content_hash)).collect()
        };
        let work =
            Work::planned(listed, HashMap::from([("docs".to_owned(), stored_before)]), &progress).await;
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
        assert_eq!((work.report.documents.added, work.report.documents.changed), (2, 5));
        let cache = embedding_cache(&options.kb, writer.as_mut(), &model).await.expect("readable");
        let mut loader = Loader::new(writer.as_mut(), cache, settings, model);
        let mut report = work.carry_out(&mut loader, true, &Progress::hidden()).await.expect("it works");
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
}
