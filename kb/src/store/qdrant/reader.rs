//! The reading side: hands out views of the newest state and moves on when writers commit. It keeps nothing that a
//! server does not have, so any number of readers may run.

use super::{
    address::QdrantAddress,
    client::Cluster,
    collection,
    kept::Kept,
    manifest::{self, State},
    meta::Meta,
    view::QdrantView,
};
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
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a view may be behind the newest commit.
const CHECK_EVERY: Duration = Duration::from_millis(200);

/// A knowledge base on a Qdrant server, open for reading.
pub struct Reader {
    cluster: Arc<Cluster>,
    meta: Arc<Meta>,
    expected: Option<Identity>,
    state: ArcSwap<State>,
    kept: Arc<Kept>,
    checked: Mutex<Instant>,
    trouble: Mutex<Option<Trouble>>,
    /// Held by the caller that looks for a newer state; the others do not wait for it.
    watch: tokio::sync::Mutex<()>,
}

impl Reader {
    /// Opens the knowledge base at an address; one built with something else than `identity` is refused.
    pub async fn open(address: &QdrantAddress, identity: Option<&Identity>) -> Result<Self, StoreError> {
        Self::open_on(Cluster::new(address)?, identity).await
    }

    pub(super) async fn open_on(
        cluster: Arc<Cluster>,
        identity: Option<&Identity>,
    ) -> Result<Self, StoreError> {
        let state = read(&cluster, identity).await?;
        Ok(Self {
            meta: Meta::new(cluster.clone()),
            checked: Mutex::new(cluster.surroundings().instant()),
            cluster,
            expected: identity.cloned(),
            state: ArcSwap::from_pointee(state),
            kept: Arc::default(),
            trouble: Mutex::default(),
            watch: tokio::sync::Mutex::new(()),
        })
    }

    pub(super) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    pub(super) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Moves on to the newest state when it is time to look. One caller looks and waits for the reply; the others go on
    /// with the state at hand.
    async fn follow(&self) -> Result<(), StoreError> {
        let checked = *self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cluster.surroundings().instant().duration_since(checked) < CHECK_EVERY {
            return Ok(());
        }
        let Ok(_watching) = self.watch.try_lock() else { return Ok(()) };
        let newest = read(&self.cluster, self.expected.as_ref()).await;
        let (trouble, result) = match newest {
            Ok(newest) => {
                if newest.version() != self.state.load().version() {
                    self.state.store(Arc::new(newest));
                }
                (None, Ok(()))
            }
            // The knowledge base cannot be searched, which must not look like an empty one.
            Err(error @ StoreError::Unreachable { .. }) => {
                (Some(Trouble { is_damage: false, ..Trouble::of(&error) }), Err(error))
            }
            // The state at hand is still there, but for one that was removed, whose searches say so.
            Err(error) => (Some(Trouble { is_damage: false, ..Trouble::of(&error) }), Ok(())),
        };
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trouble) = trouble.as_ref().filter(|trouble| known.as_ref() != Some(trouble)) {
            tracing::warn!(error = trouble.reason, "the newest state of the knowledge base cannot be read");
        }
        *known = trouble;
        drop(known);
        let now = self.cluster.surroundings().instant();
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = now;
        result
    }
}

/// The newest state; [`StoreError::Missing`] when there was no commit yet.
async fn read(cluster: &Cluster, expected: Option<&Identity>) -> Result<State, StoreError> {
    let state = manifest::read(cluster, cluster.address().name()).await?;
    let state = state.filter(|state| state.sequence > 0);
    let Some(state) = state else {
        return Err(StoreError::Missing { path: cluster.address().to_string() });
    };
    if let Some(expected) = expected {
        state.manifest.check(expected, &cluster.address().to_string())?;
    }
    Ok(state)
}

#[async_trait]
impl KnowledgeBase for Reader {
    fn identity(&self) -> Identity {
        self.state.load().manifest.identity.clone()
    }

    async fn view(&self, filter: &Filter) -> Result<Arc<dyn View>, StoreError> {
        self.follow().await?;
        let state = self.state.load_full();
        let collection = collection::name(&self.cluster, state.manifest.generation);
        let view = QdrantView::new(self.cluster.clone(), collection, state, filter, self.kept.clone());
        Ok(Arc::new(view))
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn run_log(&self) -> Result<Option<serde_json::Value>, StoreError> {
        self.meta.run_log().await
    }

    async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError> {
        self.meta.calibration().await
    }
}

/// The documents that a knowledge base has, by id; `None` where it cannot be read.
pub(in crate::store) async fn documents(
    address: &QdrantAddress,
) -> Option<std::collections::HashMap<String, crate::document::ContentHash>> {
    let reader = Reader::open(address, None).await.ok()?;
    let view = reader.view(&Filter::everything()).await.ok()?;
    let records = view.all_documents().await.ok()?;
    Some(records.iter().map(|record| (record.meta.id.clone(), record.content_hash)).collect())
}
