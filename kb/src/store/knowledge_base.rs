//! A knowledge base open for reading.

use super::{error::StoreError, filter::Filter, manifest::Identity, view::View};
use async_trait::async_trait;
use std::sync::Arc;

/// Why a knowledge base that is open for reading does not show what its files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// An error with its causes, which names the file and the way out.
    pub reason: String,
    /// Whether the files are damaged, overwritten or gone. Otherwise they are merely of no use to this program, such as
    /// those that a later release wrote.
    pub is_damage: bool,
}

impl Trouble {
    pub(super) fn of(error: &StoreError) -> Self {
        let is_damage = !matches!(error, StoreError::Mismatch { .. });
        Self { reason: crate::causes::with_causes(error), is_damage }
    }
}

/// A knowledge base open for reading. It moves on to new generations by itself.
#[async_trait]
pub trait KnowledgeBase: Send + Sync {
    /// The identity that the knowledge base was built with.
    fn identity(&self) -> Identity;

    /// The newest state, through `filter`.
    async fn view(&self, filter: &Filter) -> Result<Arc<dyn View>, StoreError>;

    /// The damage of the stored files, while views still show the last undamaged state. Known as of the last views; a
    /// check takes a few seconds.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// The value that [`Writer::set_run_log`](super::Writer::set_run_log) stored last; `None` if it stored nothing.
    async fn run_log(&self) -> Result<Option<serde_json::Value>, StoreError>;

    /// The stored calibration of the decision to answer, as JSON; `None` if no calibration is stored.
    async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError>;
}
