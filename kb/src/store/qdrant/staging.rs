//! Points on their way to the server, collected into batches, of which a few are under way at a time. A writer that
//! stages points faster than the server stores them waits.

use super::{client::Cluster, requests};
use crate::store::error::StoreError;
use prost::Message as _;
use qdrant_client::qdrant::PointStruct;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The size of a batch: it is sent with so many points, or with so many encoded bytes.
const POINTS_AT_ONCE: usize = 512;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Batches under way at a time.
const BATCHES_UNDER_WAY: usize = 3;

/// The points that are not stored yet.
pub(super) struct Staging {
    cluster: Arc<Cluster>,
    collection: String,
    batch: Vec<PointStruct>,
    bytes: usize,
    under_way: JoinSet<Result<(), StoreError>>,
}

impl Staging {
    pub fn new(cluster: Arc<Cluster>, collection: String) -> Self {
        Self { cluster, collection, batch: Vec::new(), bytes: 0, under_way: JoinSet::new() }
    }

    pub async fn push(&mut self, point: PointStruct) -> Result<(), StoreError> {
        self.bytes += point.encoded_len();
        self.batch.push(point);
        if self.batch.len() >= POINTS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        while self.under_way.len() >= BATCHES_UNDER_WAY {
            self.wait_for_one().await?;
        }
        let (cluster, collection) = (self.cluster.clone(), self.collection.clone());
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        self.under_way.spawn(async move { requests::upsert(&cluster, &collection, batch).await });
        Ok(())
    }

    async fn wait_for_one(&mut self) -> Result<(), StoreError> {
        match self.under_way.join_next().await {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(Err(_)) => Err(StoreError::Stopping),
        }
    }

    /// Sends what is left and waits until everything is stored.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.send().await?;
        while !self.under_way.is_empty() {
            self.wait_for_one().await?;
        }
        Ok(())
    }
}
