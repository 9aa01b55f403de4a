//! The requests that reading and writing share.

use super::{
    client::{Cluster, Mode},
    points::payload,
};
use crate::store::error::StoreError;
use qdrant_client::qdrant::{
    Filter, PayloadIncludeSelector, PointId, PointStruct, PointsSelector, RetrievedPoint, ScrollPoints,
    SetPayloadPoints, UpsertPoints, Value, VectorsSelector, WithPayloadSelector, WithVectorsSelector,
    points_selector::PointsSelectorOneOf, with_payload_selector, with_vectors_selector,
};
use std::collections::HashMap;

/// Points of a page of a scroll.
const PAGE: u32 = 1_000;
/// Points of a page of a scroll that returns vectors.
const PAGE_WITH_VECTORS: u32 = 256;
/// Points of a page of a scroll that returns only ids.
const PAGE_OF_IDS: u32 = 10_000;

/// The parts of points that are read beside their ids.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// The names of values in the payload.
    pub payload: &'static [&'static str],
    /// The names of vectors.
    pub vectors: &'static [&'static str],
}

impl Wanted {
    pub fn payload_selector(self) -> WithPayloadSelector {
        let include =
            PayloadIncludeSelector { fields: self.payload.iter().map(|&name| name.to_owned()).collect() };
        let options = match self.payload.is_empty() {
            true => with_payload_selector::SelectorOptions::Enable(false),
            false => with_payload_selector::SelectorOptions::Include(include),
        };
        WithPayloadSelector { selector_options: Some(options) }
    }

    fn page_size(self) -> u32 {
        match (self.vectors.is_empty(), self.payload.is_empty()) {
            (false, _) => PAGE_WITH_VECTORS,
            (true, false) => PAGE,
            (true, true) => PAGE_OF_IDS,
        }
    }

    pub fn vectors_selector(self) -> WithVectorsSelector {
        let include = VectorsSelector { names: self.vectors.iter().map(|&name| name.to_owned()).collect() };
        let options = match self.vectors.is_empty() {
            true => with_vectors_selector::SelectorOptions::Enable(false),
            false => with_vectors_selector::SelectorOptions::Include(include),
        };
        WithVectorsSelector { selector_options: Some(options) }
    }
}

/// The points that a filter finds, a page at a time.
pub(super) struct Pages<'a> {
    cluster: &'a Cluster,
    collection: &'a str,
    filter: &'a Filter,
    wanted: Wanted,
    /// Where the next page begins; `None` for the first page.
    offset: Option<PointId>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    pub fn new(cluster: &'a Cluster, collection: &'a str, filter: &'a Filter, wanted: Wanted) -> Self {
        Self { cluster, collection, filter, wanted, offset: None, is_over: false }
    }

    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<RetrievedPoint>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let found = self
            .cluster
            .call(Mode::Read, "read records of", |server| {
                let request = ScrollPoints {
                    collection_name: self.collection.to_owned(),
                    filter: Some(self.filter.clone()),
                    offset: self.offset.clone(),
                    limit: Some(self.wanted.page_size()),
                    with_payload: Some(self.wanted.payload_selector()),
                    with_vectors: Some(self.wanted.vectors_selector()),
                    ..ScrollPoints::default()
                };
                async move { server.scroll(request).await }
            })
            .await?;
        self.is_over = found.next_page_offset.is_none();
        self.offset = found.next_page_offset;
        Ok(Some(found.result))
    }
}

/// All points that a filter finds. For sets that are known to be small.
pub(super) async fn all(
    cluster: &Cluster,
    collection: &str,
    filter: &Filter,
    wanted: Wanted,
) -> Result<Vec<RetrievedPoint>, StoreError> {
    let mut points = Vec::new();
    let mut pages = Pages::new(cluster, collection, filter, wanted);
    while let Some(found) = pages.next().await? {
        points.extend(found);
    }
    Ok(points)
}

/// Writes points, each in place of the one with its id.
pub(super) async fn upsert(
    cluster: &Cluster,
    collection: &str,
    points: Vec<PointStruct>,
) -> Result<(), StoreError> {
    if points.is_empty() {
        return Ok(());
    }
    cluster
        .call(Mode::Write, "write records to", |server| {
            let request = UpsertPoints {
                collection_name: collection.to_owned(),
                wait: Some(true),
                points: points.clone(),
                ..UpsertPoints::default()
            };
            async move { server.upsert_points(request).await }
        })
        .await
        .map(drop)
}

/// Marks the versions that a filter finds as superseded by a change; [`super::points::NEVER`] takes that back.
pub(super) async fn supersede(
    cluster: &Cluster,
    collection: &str,
    filter: &Filter,
    until: i64,
) -> Result<(), StoreError> {
    let until = HashMap::from([(payload::UNTIL.to_owned(), super::points::integer(until))]);
    set(cluster, collection, filter, until).await
}

/// Sets values in the payload of the points that a filter finds.
pub(super) async fn set(
    cluster: &Cluster,
    collection: &str,
    filter: &Filter,
    values: HashMap<String, Value>,
) -> Result<(), StoreError> {
    cluster
        .call(Mode::Write, "mark records of", |server| {
            let request = SetPayloadPoints {
                collection_name: collection.to_owned(),
                wait: Some(true),
                payload: values.clone(),
                points_selector: Some(by(filter)),
                ordering: Some(super::manifest::in_order()),
                ..SetPayloadPoints::default()
            };
            async move { server.set_payload(request).await }
        })
        .await
        .map(drop)
}

/// Deletes the points that a filter finds.
pub(super) async fn delete(cluster: &Cluster, collection: &str, filter: &Filter) -> Result<(), StoreError> {
    cluster
        .call(Mode::Write, "delete records of", |server| {
            let request = qdrant_client::qdrant::DeletePoints {
                collection_name: collection.to_owned(),
                wait: Some(true),
                points: Some(by(filter)),
                ordering: Some(super::manifest::in_order()),
                ..qdrant_client::qdrant::DeletePoints::default()
            };
            async move { server.delete_points(request).await }
        })
        .await
        .map(drop)
}

fn by(filter: &Filter) -> PointsSelector {
    PointsSelector { points_selector_one_of: Some(PointsSelectorOneOf::Filter(filter.clone())) }
}
