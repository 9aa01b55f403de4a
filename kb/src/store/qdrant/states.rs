//! The state of each source that is kept for the next run: one record for each source, in versions as documents are.

use super::{
    client::Cluster,
    points::{Draft, Sort, fields, is_sort, payload, record_id, text},
    requests::{Wanted, all},
    visible::Visible,
};
use crate::store::{error::StoreError, keys::DocumentKey};
use qdrant_client::qdrant::PointStruct;
use std::collections::BTreeMap;

/// The key of a source's record, which no document's id gives.
pub(super) fn key(source: &str) -> DocumentKey {
    DocumentKey::of(&format!("\u{0}state\u{0}{source}"))
}

/// The record of a source that the change `number` writes.
pub(super) fn point(source: &str, state: &serde_json::Value, number: u64) -> PointStruct {
    let key = key(source);
    Draft::version(record_id(Sort::State, key, number), Sort::State, key, number)
        .with(payload::SOURCE, text(source))
        .with(payload::STORED, text(state.to_string()))
        .build()
}

/// The records of a state, by their sources' names.
pub(super) async fn read(
    cluster: &Cluster,
    collection: &str,
    visible: &Visible,
) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
    let mut conditions = visible.filter();
    conditions.must.push(is_sort(Sort::State));
    let wanted = Wanted { payload: &[payload::SOURCE, payload::STORED], vectors: &[] };
    let mut states = BTreeMap::new();
    for point in all(cluster, collection, &conditions, wanted).await? {
        let fields = fields(&point);
        states.insert(fields.text(payload::SOURCE)?.to_owned(), fields.stored()?);
    }
    Ok(states)
}
