//! Ingest that keeps running: folders are read again when they change, live sources at their intervals.
//!
//! Entry point: [`watch`]. A folder's changes are noticed by the system's events and, where those do not arrive
//! (network file systems, mounted ConfigMaps), by looking at names, sizes and times now and then. Each run is one of
//! [`crate::pipeline`], which holds the writer's lock only meanwhile.

mod health;

use crate::{
    config::Configured,
    error::IngestError,
    pipeline::{self, Options},
    progress::{Progress, say},
    report::Report,
    sources::Source,
};
use health::Health;
use kb::{causes::with_causes, store::StoreError};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// How often folders are looked at where no event arrives.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// After an event, so long nothing may happen before the folder is read: files come in groups.
const QUIET: Duration = Duration::from_millis(1_500);

/// Longest wait for that.
const MAX_UNREST: Duration = Duration::from_secs(15);

/// Another writer is waited for so long.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Why watching cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The address for metrics is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was to be listened on.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// A source with when it is read next.
struct Watched {
    source: Arc<dyn Source>,
    interval: Duration,
    /// When it is read, whatever happens before.
    due: Instant,
    /// The stamp of the source before it was last read.
    stamp: Option<u64>,
}

/// Keeps a knowledge base in sync until `interrupted` completes. A run that fails is told and tried again; an
/// interrupted step leaves the knowledge base as it was.
pub async fn watch(configured: Configured, interrupted: impl Future<Output = ()>) -> Result<(), WatchError> {
    let Configured { options, intervals, listen } = configured;
    let health = Arc::new(Health::new(options.sources.iter().map(|source| source.name())));
    let server = match listen {
        Some(address) => Some(health::serve(address, health.clone()).await?),
        None => None,
    };
    let (events, mut changed) = mpsc::channel(1);
    let _watcher = watcher(&options, events);
    let now = Instant::now();
    let watched = options.sources.iter().zip(intervals);
    let mut watched: Vec<Watched> = watched
        .map(|(source, interval)| Watched { source: source.clone(), interval, due: now, stamp: None })
        .collect();
    let work = async {
        loop {
            run_due(&mut watched, &options, &health).await;
            wait(&mut watched, &mut changed).await;
        }
    };
    tokio::select! {
        never = work => never,
        () = interrupted => {}
    }
    say("stopped");
    drop(server);
    Ok(())
}

/// Reads the sources whose time has come, in one run.
async fn run_due(watched: &mut [Watched], options: &Options, health: &Health) {
    let now = Instant::now();
    let mut due: Vec<&mut Watched> = watched.iter_mut().filter(|watched| watched.due <= now).collect();
    if due.is_empty() {
        return;
    }
    for watched in &mut due {
        // The stamp is taken before reading: a change during it shows at the next look.
        watched.stamp = watched.source.stamp().await;
    }
    let sources: Vec<Arc<dyn Source>> = due.iter().map(|watched| watched.source.clone()).collect();
    let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
    let started = Instant::now();
    let options = Options { sources: sources.clone(), ..options.clone() };
    let ran = pipeline::ingest(&options, Arc::new(Progress::hidden()), std::future::pending()).await;
    let is_locked = matches!(ran, Err(IngestError::Store(StoreError::Locked { .. })));
    match ran {
        Ok(report) => {
            health.note(&report, started.elapsed());
            tell(&report, &names);
        }
        Err(error) if is_locked => say(&format!("{}; waiting", with_causes(&error))),
        Err(error) => {
            health.note_failure(&names);
            say(&format!("{}: {}", names.join(", "), with_causes(&error)));
        }
    }
    let next = Instant::now();
    for watched in due {
        watched.due = next + if is_locked { LOCK_WAIT } else { watched.interval };
    }
}

/// Waits until a source is due.
async fn wait(watched: &mut [Watched], changed: &mut mpsc::Receiver<()>) {
    let mut next_look = Instant::now() + LOOK_INTERVAL;
    loop {
        let due = watched.iter().map(|watched| watched.due).min().unwrap_or(next_look);
        if due <= Instant::now() {
            return;
        }
        tokio::select! {
            () = sleep_until(due.min(next_look)) => {}
            Some(()) = changed.recv() => quiet(changed).await,
        }
        next_look = Instant::now() + LOOK_INTERVAL;
        for watched in watched.iter_mut() {
            let stamp = watched.source.stamp().await;
            if stamp.is_some() && stamp != watched.stamp {
                watched.due = Instant::now();
            }
        }
    }
}

/// Waits until no more events come.
async fn quiet(changed: &mut mpsc::Receiver<()>) {
    let until = Instant::now() + MAX_UNREST;
    while let Ok(Some(())) = tokio::time::timeout(QUIET, changed.recv()).await {
        if Instant::now() >= until {
            return;
        }
    }
}

/// Sends an event whenever a watched folder changes. If the system cannot watch it, only the looks find changes.
fn watcher(options: &Options, events: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let notice = move |event: notify::Result<notify::Event>| {
        // Reading a file is not a change. One waiting event stands for all.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = events.try_send(());
        }
    };
    let mut watcher = match notify::recommended_watcher(notice) {
        Ok(watcher) => watcher,
        Err(error) => {
            say(&format!("changes of folders are only looked for every {LOOK_INTERVAL:?}: {error}"));
            return None;
        }
    };
    for folder in options.sources.iter().filter_map(|source| source.folder()) {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::Recursive) {
            let folder = folder.display();
            say(&format!("changes of `{folder}` are only looked for every {LOOK_INTERVAL:?}: {error}"));
        }
    }
    Some(watcher)
}

/// Prints the result of a run in a line, and the files that it could not read.
fn tell(report: &Report, names: &[&str]) {
    let documents = &report.documents;
    for rejection in report.rejected.iter().filter(|rejection| !rejection.by_convention) {
        say(&format!("not indexed: {}: {}", rejection.path, rejection.reason));
    }
    let counts = format!(
        "{} seen, {} added, {} changed, {} removed",
        documents.seen, documents.added, documents.changed, documents.removed
    );
    say(&format!(
        "{}: {counts}; version {}",
        names.join(", "),
        report.kb_version.as_deref().unwrap_or("none")
    ));
}
