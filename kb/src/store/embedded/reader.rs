//! The reading side: hands out views of the newest state, moves on when writers commit, and watches the files.
//!
//! All data of answers is in memory, so no change of the files reaches an answer. But a state that was overwritten or
//! damaged will not open again, and the operator has to be told: see [`Reader::trouble`].

use super::{
    layout::{Layout, Stamp, stamp},
    snapshot::{Snapshot, StateStamp},
    verify,
    view::EmbeddedView,
};
use crate::store::blocking::blocking;
use crate::store::{
    error::StoreError,
    filter::Filter,
    knowledge_base::{KnowledgeBase, Trouble},
    manifest::Identity,
    view::View,
};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, TryLockError},
    time::{Duration, Instant},
};

/// How long a view may be behind the newest commit.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// How long a change of a file that is not a commit may go unnoticed.
const LOOK_AT_FILES_EVERY: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 2_000 });

/// How long damage may go unnoticed that leaves a file's length and time as they were.
const VERIFY_EVERY: Duration = Duration::from_secs(3_600);

/// Repeated work takes at most one part in so many of the time.
const MIN_REST: u32 = 20;

/// A knowledge base in a directory, open for reading. Needs no lock and no right to write.
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    expected: Option<Identity>,
    snapshot: ArcSwap<Snapshot>,
    /// Held by the caller that looks for a newer state; other callers do not wait for it.
    watch: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
    /// Held by the caller that checks the files; other callers do not wait for it.
    looking: Mutex<()>,
    files: Mutex<Files>,
}

struct Seen {
    stamp: StateStamp,
    checked: Instant,
    /// Why the newest state could not be opened, which has been logged.
    trouble: Option<Trouble>,
    /// After a failure: when opening the same state is tried again, and which that was.
    retry: Option<(Instant, StateStamp)>,
}

/// The known state of the files that are served.
struct Files {
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    next_look: Instant,
    next_verification: Instant,
    trouble: Option<Trouble>,
}

impl Files {
    /// The files of a snapshot that was just opened, and so checked.
    fn of(snapshot: &Snapshot) -> Self {
        let now = Instant::now();
        // Rows that stay on disk were not looked at yet.
        let wait = if snapshot.vectors.is_held() { VERIFY_EVERY } else { Duration::ZERO };
        Self {
            stamps: stamps(snapshot),
            next_look: now + LOOK_AT_FILES_EVERY,
            next_verification: now + wait,
            trouble: None,
        }
    }
}

fn stamps(snapshot: &Snapshot) -> Vec<(PathBuf, Option<Stamp>)> {
    let stamped = |path: PathBuf| {
        let stamp = stamp(&path);
        (path, stamp)
    };
    snapshot.file_paths().into_iter().map(stamped).collect()
}

impl Reader {
    /// Opens the knowledge base in `path`; a knowledge base built with something else than `identity` is refused.
    pub async fn open(path: &Path, identity: Option<&Identity>) -> Result<Self, StoreError> {
        let (layout, expected) = (Layout::new(path), identity.cloned());
        blocking(move || {
            let (snapshot, stamp) = Snapshot::open(&layout, expected.as_ref(), None)?;
            let files = Mutex::new(Files::of(&snapshot));
            let seen = Seen { stamp, checked: Instant::now(), trouble: None, retry: None };
            let shared = Shared {
                layout,
                expected,
                files,
                looking: Mutex::new(()),
                snapshot: ArcSwap::from_pointee(snapshot),
                watch: tokio::sync::Mutex::new(()),
                seen: Mutex::new(seen),
            };
            Ok(Self { shared: Arc::new(shared) })
        })
        .await
    }

    /// Moves on to the newest state when it is time to look. One caller looks and waits for it; others go on with the
    /// state at hand.
    async fn follow(&self) -> Result<(), StoreError> {
        if !self.shared.is_due() {
            return Ok(());
        }
        let Ok(_watching) = self.shared.watch.try_lock() else { return Ok(()) };
        let shared = self.shared.clone();
        blocking(move || {
            shared.look();
            Ok(())
        })
        .await?;
        // Reading everything may take long: no question waits for it.
        let shared = self.shared.clone();
        if shared.files().next_look <= Instant::now() {
            drop(tokio::task::spawn_blocking(move || shared.look_at_files()));
        }
        Ok(())
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self) -> bool {
        match self.seen.try_lock() {
            Ok(seen) => seen.checked.elapsed() >= CHECK_EVERY,
            Err(TryLockError::Poisoned(_)) => true,
            Err(TryLockError::WouldBlock) => false,
        }
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a newer state if there is one. If it cannot be opened, the old state goes on serving.
    fn look(&self) {
        let before = self.snapshot.load_full();
        let now = StateStamp::of(&self.layout, before.manifest.generation);
        let started = Instant::now();
        let mut seen = self.seen();
        seen.checked = started;
        if now == seen.stamp {
            seen.trouble = None;
            return;
        }
        if seen.retry.is_some_and(|(at, state)| state == now && started < at) {
            return;
        }
        drop(seen);
        let opened = Snapshot::open(&self.layout, self.expected.as_ref(), Some(&before));
        let mut seen = self.seen();
        match opened {
            Ok((snapshot, stamp)) => {
                tracing::debug!(
                    version = snapshot.version,
                    "moved on to a newer state of the knowledge base"
                );
                *self.files() = Files::of(&snapshot);
                self.snapshot.store(Arc::new(snapshot));
                (seen.stamp, seen.trouble, seen.retry) = (stamp, None, None);
            }
            Err(error) => {
                let trouble = Trouble::of(&error);
                if seen.trouble.as_ref() != Some(&trouble) {
                    tracing::warn!(
                        error = trouble.reason,
                        "the newest state of the knowledge base cannot be opened; still serving the one before"
                    );
                }
                seen.trouble = Some(trouble);
                seen.retry = Some((Instant::now() + started.elapsed() * MIN_REST, now));
            }
        }
        seen.checked = Instant::now();
    }

    /// Looks whether the files of the state that is served are still what was committed: at once where one has changed
    /// without a commit, and all of them now and then.
    fn look_at_files(&self) {
        let Ok(_looking) = self.looking.try_lock() else { return };
        let snapshot = self.snapshot.load_full();
        let stamps = stamps(&snapshot);
        let started = Instant::now();
        {
            let mut files = self.files();
            let is_quiet = files.stamps == stamps && files.trouble.is_none();
            if is_quiet && started < files.next_verification {
                files.next_look = started + LOOK_AT_FILES_EVERY;
                return;
            }
        }
        let found = verify::first_damage(&self.layout);
        // A commit in between: the next look is at its files.
        let is_current = Arc::ptr_eq(&snapshot, &self.snapshot.load());
        let took = started.elapsed();
        let mut files = self.files();
        files.next_look = Instant::now() + LOOK_AT_FILES_EVERY.max(took * MIN_REST);
        if !is_current {
            return;
        }
        files.next_verification = Instant::now() + VERIFY_EVERY.max(took * MIN_REST);
        files.stamps = stamps;
        let trouble = found.as_ref().map(Trouble::of);
        match &trouble {
            Some(trouble) if files.trouble.as_ref() != Some(trouble) => tracing::error!(
                error = trouble.reason,
                "the files of the knowledge base are not what was committed; still serving what is in memory"
            ),
            None if files.trouble.is_some() => {
                tracing::info!("the files of the knowledge base are what was committed again");
            }
            _ => {}
        }
        files.trouble = trouble;
    }
}

#[async_trait]
impl KnowledgeBase for Reader {
    fn identity(&self) -> Identity {
        self.shared.snapshot.load().manifest.identity.clone()
    }

    async fn view(&self, filter: &Filter) -> Result<Arc<dyn View>, StoreError> {
        self.follow().await?;
        let snapshot = self.shared.snapshot.load_full();
        let selection = match snapshot.selections.cached(filter) {
            Some(selection) => selection,
            None => {
                let (snapshot, filter) = (snapshot.clone(), filter.clone());
                blocking(move || snapshot.selection(&filter)).await?
            }
        };
        Ok(Arc::new(EmbeddedView::new(snapshot, selection)))
    }

    fn trouble(&self) -> Option<Trouble> {
        let newest = self.shared.seen().trouble.clone();
        newest.or_else(|| self.shared.files().trouble.clone())
    }

    async fn run_log(&self) -> Result<Option<serde_json::Value>, StoreError> {
        let layout = self.shared.layout.clone();
        blocking(move || Ok(layout.read_run_log())).await
    }

    async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError> {
        let layout = self.shared.layout.clone();
        blocking(move || layout.read_calibration()).await
    }
}
