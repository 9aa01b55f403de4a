//! The manifest of a generation, in one point of its collection: the model and versions that it was built with, the
//! changes that are committed, and the numbers that ranking needs of the whole. The writing of this point is the
//! commit.

use super::{
    client::{Cluster, Mode},
    points::{self, Draft, Fields, Sort, fields, integer, numbered, payload, text},
    visible::Visible,
};
use crate::store::{
    error::StoreError,
    manifest::{FORMAT_VERSION, Identity, Manifest},
    prepared::Lengths,
    view::{Counts, Field},
};
use jiff::Timestamp;
use qdrant_client::qdrant::{
    Filter, GetPoints, PointId, UpdateMode, UpsertPoints, WithPayloadSelector, WriteOrdering,
    WriteOrderingType, with_payload_selector::SelectorOptions,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The id of the manifest's point: beyond those of terms.
const MANIFEST: u64 = 1 << 40;

/// The number of the commit, in the payload.
const SEQUENCE: &str = "sequence";

/// The content of the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub manifest: Manifest,
    /// Number of the commit; goes on through generations. 0 before the first, which makes the knowledge base.
    pub sequence: u64,
    pub committed_at: Option<Timestamp>,
    pub visible: Visible,
    /// Changes whose superseded versions may still be read, each with the time of its commit.
    pub finished: Vec<(u64, Timestamp)>,
    pub counts: Counts,
    /// Lengths of all chunks.
    pub lengths: Lengths,
    /// The lengths of each field, over the documents that have the field.
    pub fields: [FieldLengths; 4],
    pub sources: BTreeMap<String, SourceCounts>,
}

/// The sum of a field's lengths, and how many documents have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FieldLengths {
    pub sum: u64,
    pub count: u64,
}

/// How many documents a source has, and how many of them anything links to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceCounts {
    pub documents: u64,
    pub linked: u64,
}

/// The part of one document in the numbers of the whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Share {
    pub source: String,
    pub lengths: Lengths,
    /// The rounded number of terms of each field.
    pub fields: [u64; 4],
    pub linking: u64,
}

impl Share {
    /// The share of the document that a point holds.
    pub fn of(point: &Fields<'_>) -> Result<Self, StoreError> {
        let mut lengths = [0; 4];
        for (length, stored) in lengths.iter_mut().zip(point.integers(payload::LENGTHS)?) {
            *length = stored.max(0) as u64;
        }
        lengths[Field::Links as usize] = point.count(payload::INBOUND_LENGTH)?;
        Ok(Self {
            source: point.text(payload::SOURCE)?.to_owned(),
            lengths: Lengths { chunks: point.count(payload::CHUNKS)?, terms: point.count(payload::TERMS)? },
            fields: lengths,
            linking: point.count(payload::LINKING)?,
        })
    }
}

impl State {
    /// The manifest of a generation without documents.
    pub fn new(generation: u64, identity: &Identity) -> Self {
        let manifest = Manifest { format_version: FORMAT_VERSION, generation, identity: identity.clone() };
        Self {
            manifest,
            sequence: 0,
            committed_at: None,
            visible: Visible::default(),
            finished: Vec::new(),
            counts: Counts::default(),
            lengths: Lengths::default(),
            fields: Default::default(),
            sources: BTreeMap::new(),
        }
    }

    /// `g7.12`: generation and commit.
    pub fn version(&self) -> String {
        format!("g{}.{}", self.manifest.generation, self.sequence)
    }

    pub fn add(&mut self, share: &Share) {
        self.counts.documents += 1;
        self.counts.chunks += share.lengths.chunks;
        self.lengths.add(&share.lengths);
        for (total, &length) in self.fields.iter_mut().zip(&share.fields) {
            total.sum += length;
            total.count += u64::from(length > 0);
        }
        let source = self.sources.entry(share.source.clone()).or_default();
        source.documents += 1;
        source.linked += u64::from(share.linking > 0);
    }

    /// Takes back what [`State::add`] added.
    pub fn subtract(&mut self, share: &Share) {
        self.counts.documents = self.counts.documents.saturating_sub(1);
        self.counts.chunks = self.counts.chunks.saturating_sub(share.lengths.chunks);
        self.lengths.chunks = self.lengths.chunks.saturating_sub(share.lengths.chunks);
        self.lengths.terms = self.lengths.terms.saturating_sub(share.lengths.terms);
        for (total, &length) in self.fields.iter_mut().zip(&share.fields) {
            total.sum = total.sum.saturating_sub(length);
            total.count = total.count.saturating_sub(u64::from(length > 0));
        }
        if let Some(source) = self.sources.get_mut(&share.source) {
            source.documents = source.documents.saturating_sub(1);
            source.linked = source.linked.saturating_sub(u64::from(share.linking > 0));
        }
        self.sources.retain(|_, source| source.documents > 0);
    }

    /// Average length of a passage.
    pub fn average(&self) -> f32 {
        self.lengths.average()
    }

    /// Average length of a field, over the documents that have one.
    pub fn field_average(&self, field: Field) -> f32 {
        let FieldLengths { sum, count } = self.fields[field as usize];
        if count == 0 { 0.0 } else { sum as f32 / count as f32 }
    }

    /// The coverage of a source's documents by links: see [`crate::store::Inbound::coverage`].
    pub fn coverage(&self, source: &str) -> f32 {
        let SourceCounts { documents, linked } = self.sources.get(source).copied().unwrap_or_default();
        if documents == 0 { 0.0 } else { (2.0 * linked as f32 / documents as f32).min(1.0) }
    }
}

/// The manifest of a collection, or of the one that an alias names; `None` if there is no such collection or no
/// manifest in it.
pub(super) async fn read(cluster: &Cluster, collection: &str) -> Result<Option<State>, StoreError> {
    use super::client::CallFailure;
    let found = cluster
        .try_call(Mode::Read, "read the manifest of", |server| {
            let request = get(collection, vec![numbered(MANIFEST)]);
            async move { server.get_points(request).await }
        })
        .await;
    let points = match found {
        Ok(response) => response.result,
        Err(CallFailure::NotFound) => return Ok(None),
        Err(CallFailure::Store(error)) => return Err(error),
    };
    let Some(point) = points.first() else { return Ok(None) };
    let stored = fields(point).text(payload::STORED)?.to_owned();
    let version: FormatVersion =
        serde_json::from_str(&stored).map_err(|_| points::damaged(payload::STORED))?;
    // Another version's manifest may have another shape.
    if version.manifest.format_version != FORMAT_VERSION {
        let address = cluster.address().to_string();
        return Err(StoreError::format_mismatch(&address, version.manifest.format_version));
    }
    serde_json::from_str(&stored).map(Some).map_err(|_| points::damaged(payload::STORED))
}

/// The number of a collection's last commit; 0 without a manifest, or with one that this version cannot read.
pub(super) async fn read_any(cluster: &Cluster, collection: &str) -> Result<u64, StoreError> {
    match read(cluster, collection).await {
        Ok(state) => Ok(state.map_or(0, |state| state.sequence)),
        // A manifest of another format, or a damaged one, is a reason to build the knowledge base again.
        Err(StoreError::Mismatch { .. } | StoreError::Damaged { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct FormatVersion {
    manifest: Version,
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

/// Writes the manifest of a collection in place of that of commit `before`. Whether it did: another may have come
/// first.
pub(super) async fn write(
    cluster: &Cluster,
    collection: &str,
    state: &State,
    before: u64,
) -> Result<bool, StoreError> {
    let unchanged = Filter::must([points::is_any(SEQUENCE, vec![before as i64])]);
    put(cluster, collection, state, UpdateMode::UpdateOnly, Some(unchanged)).await?;
    // A try whose answer was lost has written it as well.
    Ok(read(cluster, collection).await?.as_ref() == Some(state))
}

/// Writes the manifest of a new collection, unless another writer has.
pub(super) async fn write_first(
    cluster: &Cluster,
    collection: &str,
    state: &State,
) -> Result<(), StoreError> {
    put(cluster, collection, state, UpdateMode::InsertOnly, None).await
}

async fn put(
    cluster: &Cluster,
    collection: &str,
    state: &State,
    mode: UpdateMode,
    condition: Option<Filter>,
) -> Result<(), StoreError> {
    let stored = serde_json::to_string(state).expect("a manifest can be written as JSON");
    let point = Draft::new(numbered(MANIFEST), Sort::Manifest)
        .with(SEQUENCE, integer(state.sequence as i64))
        .with(payload::STORED, text(stored))
        .build();
    cluster
        .call(Mode::Write, "write the manifest of", |server| {
            let request = UpsertPoints {
                collection_name: collection.to_owned(),
                wait: Some(true),
                points: vec![point.clone()],
                ordering: Some(in_order()),
                update_filter: condition.clone(),
                update_mode: Some(mode.into()),
                ..UpsertPoints::default()
            };
            async move { server.upsert_points(request).await }
        })
        .await
        .map(drop)
}

/// Points by their ids, with their whole payload.
pub(super) fn get(collection: &str, ids: Vec<PointId>) -> GetPoints {
    GetPoints {
        collection_name: collection.to_owned(),
        ids,
        with_payload: Some(WithPayloadSelector { selector_options: Some(SelectorOptions::Enable(true)) }),
        ..GetPoints::default()
    }
}

/// Writes of one point keep their order on every replica: they pass through one of them, and another takes its place
/// when it fails. (With the strong ordering nothing could be written until it is back.)
pub(super) fn in_order() -> WriteOrdering {
    WriteOrdering { r#type: WriteOrderingType::Medium.into() }
}
