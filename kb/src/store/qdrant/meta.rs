//! The records beside the generations, `NAME-meta`: sessions, claims and the turn, the run log and the calibration. Each
//! is one point, which is changed under conditions and then read back (`session.rs`).

use super::{
    client::{CallFailure, Cluster, Mode},
    manifest::{get, in_order},
    points::{self, Draft, Fields, Sort, fields, integer, numbered, payload, text},
    requests,
    surroundings::Surroundings,
};
use crate::store::error::StoreError;
use qdrant_client::qdrant::{
    Condition, CreateCollection, Filter, PointId, RetrievedPoint, UpdateMode, UpsertPoints,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// How long a session counts after it was renewed.
pub(super) const LEASE: Duration = Duration::from_secs(20);
pub(super) const NUMBER: &str = "number";
pub(super) const HOLDER: &str = "holder";
pub(super) const EXPIRES: &str = "expires";
pub(super) const NAME: &str = "name";
pub(super) const ROLE: &str = "role";
pub(super) const SESSION: &str = "session";
/// The generation of a session's change, the layout of that generation, and whether the change is being committed.
pub(super) const GENERATION: &str = "generation";
pub(super) const LAYOUT: &str = "layout";
pub(super) const COMMITS: &str = "commits";

pub(super) const COUNTER: u64 = 1;
pub(super) const TURN: u64 = 2;
pub(super) const RUN_LOG: u64 = 3;
pub(super) const CALIBRATION: u64 = 4;
/// Held while a generation is built beside the current one.
pub(super) const REBUILDING: u64 = 5;

/// The collection beside the generations.
pub(super) struct Meta {
    pub cluster: Arc<Cluster>,
    pub collection: String,
}

/// The number of a point that has a name.
pub(super) fn id_of(role: &str, name: &str) -> PointId {
    let hash = blake3::hash(format!("{role}\u{0}{name}").as_bytes());
    let [a, b, c, d, e, f, g, _] = *hash.as_bytes().first_chunk::<8>().expect("a BLAKE3 hash has 32 bytes");
    // Above the numbers that have a meaning of their own.
    numbered(u64::from_le_bytes([a, b, c, d, e, f, g, 0]) | 1 << 57)
}

impl Meta {
    pub fn new(cluster: Arc<Cluster>) -> Arc<Self> {
        let collection = format!("{}-meta", cluster.address().name());
        Arc::new(Self { cluster, collection })
    }

    /// Creates the collection if it is missing.
    pub async fn create(&self) -> Result<(), StoreError> {
        let settings = self.cluster.address().settings();
        let request = CreateCollection {
            collection_name: self.collection.clone(),
            shard_number: Some(1),
            replication_factor: Some(settings.replicas),
            write_consistency_factor: Some(settings.consistency),
            ..CreateCollection::default()
        };
        super::collection::create_once(&self.cluster, request).await?;
        for id in [COUNTER, TURN, REBUILDING] {
            self.put_once(
                Draft::new(numbered(id), Sort::Manifest).with(NUMBER, integer(0)).with(EXPIRES, integer(0)),
            )
            .await?;
        }
        Ok(())
    }

    pub fn surroundings(&self) -> &Surroundings {
        self.cluster.surroundings()
    }

    /// The time by the wall clock, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.surroundings().now().as_millisecond()
    }

    pub fn expiry(&self) -> i64 {
        self.now() + LEASE.as_millis() as i64
    }

    pub fn is_held(&self, fields: &Fields<'_>) -> bool {
        fields.integer(EXPIRES).is_ok_and(|expires| expires > self.now())
    }

    pub async fn put_once(&self, draft: Draft) -> Result<(), StoreError> {
        self.put(draft, UpdateMode::InsertOnly).await
    }

    pub async fn put(&self, draft: Draft, mode: UpdateMode) -> Result<(), StoreError> {
        let point = draft.build();
        self.cluster
            .call(Mode::Write, "write to the records beside", |server| {
                let request = UpsertPoints {
                    collection_name: self.collection.clone(),
                    wait: Some(true),
                    points: vec![point.clone()],
                    ordering: Some(in_order()),
                    update_mode: Some(mode.into()),
                    ..UpsertPoints::default()
                };
                async move { server.upsert_points(request).await }
            })
            .await
            .map(drop)
    }

    pub async fn read(&self, id: PointId) -> Result<Option<RetrievedPoint>, StoreError> {
        let found = self
            .cluster
            .try_call(Mode::Read, "read the records beside", |server| {
                let request = get(&self.collection, vec![id.clone()]);
                async move { server.get_points(request).await }
            })
            .await;
        match found {
            Ok(found) => Ok(found.result.into_iter().next()),
            Err(CallFailure::NotFound) => Ok(None),
            Err(CallFailure::Store(error)) => Err(error),
        }
    }

    /// Writes values to a point if it satisfies `conditions` then.
    pub async fn change_if(
        &self,
        id: PointId,
        mut conditions: Filter,
        values: HashMap<String, qdrant_client::qdrant::Value>,
    ) -> Result<(), StoreError> {
        conditions.must.push(points::has_id(vec![id]));
        requests::set(&self.cluster, &self.collection, &conditions, values).await
    }

    /// Takes what a session may hold. Whether it did, or who holds it.
    pub async fn take(&self, id: PointId, token: &str) -> Result<Result<(), String>, StoreError> {
        let free = Filter::should([
            points::between(EXPIRES, None, Some(self.now())),
            points::has_any(HOLDER, vec![token.to_owned()]),
        ]);
        let values =
            HashMap::from([(HOLDER.to_owned(), text(token)), (EXPIRES.to_owned(), integer(self.expiry()))]);
        self.change_if(id.clone(), free, values).await?;
        let point = self.read(id).await?;
        let holder = point.as_ref().and_then(|point| fields(point).text(HOLDER).ok().map(str::to_owned));
        Ok(match holder {
            Some(holder) if holder == token => Ok(()),
            other => Err(other.unwrap_or_default()),
        })
    }

    /// Gives back what a session holds.
    pub async fn give_back(&self, id: PointId, token: &str) -> Result<(), StoreError> {
        let held = Filter::must([points::has_any(HOLDER, vec![token.to_owned()])]);
        let values = HashMap::from([(EXPIRES.to_owned(), integer(0)), (HOLDER.to_owned(), text(""))]);
        self.change_if(id, held, values).await
    }

    pub async fn json(&self, id: u64) -> Result<Option<serde_json::Value>, StoreError> {
        let point = self.read(numbered(id)).await?;
        point.map(|point| fields(&point).stored()).transpose()
    }

    pub async fn set_json(&self, id: u64, value: &serde_json::Value) -> Result<(), StoreError> {
        let draft = Draft::new(numbered(id), Sort::Manifest).with(payload::STORED, text(value.to_string()));
        self.put(draft, UpdateMode::Upsert).await
    }

    pub async fn run_log(&self) -> Result<Option<serde_json::Value>, StoreError> {
        self.json(RUN_LOG).await
    }

    pub async fn set_run_log(&self, log: &serde_json::Value) -> Result<(), StoreError> {
        self.set_json(RUN_LOG, log).await
    }

    pub async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError> {
        self.json(CALIBRATION).await
    }

    pub async fn set_calibration(&self, calibration: &serde_json::Value) -> Result<(), StoreError> {
        self.set_json(CALIBRATION, calibration).await
    }

    /// Deletes a point if it satisfies `conditions` then.
    pub async fn delete_if(&self, id: PointId, mut conditions: Filter) -> Result<(), StoreError> {
        conditions.must.push(points::has_id(vec![id]));
        requests::delete(&self.cluster, &self.collection, &conditions).await
    }

    pub async fn sessions(&self, which: Option<Condition>) -> Result<Vec<RetrievedPoint>, StoreError> {
        let mut conditions = Filter::must([points::has_any(ROLE, vec![SESSION.to_owned()])]);
        conditions.must.extend(which);
        let wanted = requests::Wanted {
            payload: &[NUMBER, HOLDER, EXPIRES, GENERATION, LAYOUT, COMMITS],
            vectors: &[],
        };
        requests::all(&self.cluster, &self.collection, &conditions, wanted).await
    }

    /// The sessions that are at work: the number of the change of each.
    pub async fn numbers_at_work(&self) -> Result<BTreeSet<u64>, StoreError> {
        let at_work = points::between(EXPIRES, Some(self.now()), None);
        let found = self.sessions(Some(at_work)).await?;
        found.iter().map(|point| fields(point).count(NUMBER)).collect()
    }

    /// Deletes the sessions that have ended, so that no writer goes on with their changes any more. Returns the numbers
    /// of the changes of all other sessions, one of which may have gone on with such a change just before.
    pub async fn end_the_dead(&self) -> Result<BTreeSet<u64>, StoreError> {
        let dead = Filter::must([
            points::has_any(ROLE, vec![SESSION.to_owned()]),
            points::between(EXPIRES, None, Some(self.now() - 1)),
        ]);
        requests::delete(&self.cluster, &self.collection, &dead).await?;
        let found = self.sessions(None).await?;
        found.iter().map(|point| fields(point).count(NUMBER)).collect()
    }

    /// Whether a generation is being built beside the current one.
    pub async fn is_rebuilding(&self) -> Result<bool, StoreError> {
        let point = self.read(numbered(REBUILDING)).await?;
        Ok(point.is_some_and(|point| self.is_held(&fields(&point))))
    }

    pub fn locked(&self, part: &str) -> StoreError {
        StoreError::Locked { place: format!("{} ({part})", self.cluster.address()) }
    }
}
