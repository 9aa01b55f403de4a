//! The reading side: hands out views of the newest state and moves on when writers commit.

use super::{
    blocking,
    layout::Layout,
    snapshot::{Snapshot, StateStamp},
    view::EmbeddedView,
};
use crate::store::{Filter, Identity, KnowledgeBase, StoreError, View};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, TryLockError},
    time::{Duration, Instant},
};

/// How long a view may be behind the newest commit.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// A knowledge base in a directory, open for reading. Needs no lock and no right to write.
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    expected: Option<Identity>,
    snapshot: ArcSwap<Snapshot>,
    /// Held by the one that looks for a newer state; nobody waits for it.
    watch: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

struct Seen {
    stamp: StateStamp,
    checked: Instant,
    /// Whether the newest state could not be opened, and that has been logged.
    failing: bool,
}

impl Reader {
    /// Opens the knowledge base in `path`; a knowledge base built with something else than `identity` is refused.
    pub async fn open(path: &Path, identity: Option<&Identity>) -> Result<Self, StoreError> {
        let (layout, expected) = (Layout::new(path), identity.cloned());
        blocking(move || {
            let (snapshot, stamp) = Snapshot::open(&layout, expected.as_ref())?;
            let shared = Shared {
                layout,
                expected,
                snapshot: ArcSwap::from_pointee(snapshot),
                watch: tokio::sync::Mutex::new(()),
                seen: Mutex::new(Seen { stamp, checked: Instant::now(), failing: false }),
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
        .await
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

    /// Opens a newer state when there is one. What cannot be opened leaves the old one serving.
    fn look(&self) {
        let known = self.seen().stamp;
        let generation = self.snapshot.load().manifest.generation;
        let mut failing = false;
        if StateStamp::of(&self.layout, generation) != known {
            match Snapshot::open(&self.layout, self.expected.as_ref()) {
                Ok((snapshot, stamp)) => {
                    tracing::debug!(
                        version = snapshot.version,
                        "moved on to a newer state of the knowledge base"
                    );
                    self.snapshot.store(Arc::new(snapshot));
                    self.seen().stamp = stamp;
                }
                Err(error) => {
                    failing = true;
                    if !self.seen().failing {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(
                            error,
                            "the newest state of the knowledge base cannot be opened; still serving the one before"
                        );
                    }
                }
            }
        }
        let mut seen = self.seen();
        seen.checked = Instant::now();
        seen.failing = failing;
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
        let scope = match snapshot.scopes.cached(filter) {
            Some(scope) => scope,
            None => {
                let (snapshot, filter) = (snapshot.clone(), filter.clone());
                blocking(move || snapshot.scope(&filter)).await?
            }
        };
        Ok(Arc::new(EmbeddedView::new(snapshot, scope)))
    }

    async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError> {
        let layout = self.shared.layout.clone();
        blocking(move || layout.read_calibration()).await
    }
}
