//! Writers among each other: numbers for their changes, claims on sources, and the one commit at a time.
//!
//! A collection beside the generations, `NAME-meta`, has a point for each of these. A writer's *session* says that it is at
//! work; it is renewed all the time, and whatever belongs to a session that was not renewed counts as given up. A source
//! is *claimed* by one session, so that several writers can bring in different sources at once. The *turn* to commit is
//! held by one session.
//!
//! Each is taken by a conditional write and then read back: a server applies the writes of a point one after the other,
//! so only one of those who saw it free finds itself there. Times are those of the writers' clocks, which must not differ by more than
//! [`LEASE`].

use super::{
    client::{CallFailure, Cluster, Mode},
    manifest::{get, in_order},
    points::{self, Draft, Fields, Sort, fields, integer, numbered, payload, text},
    requests,
    surroundings::Surroundings,
};
use crate::store::StoreError;
use qdrant_client::qdrant::{
    Condition, CreateCollection, Filter, PointId, RetrievedPoint, UpdateMode, UpsertPoints,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How long a session counts after it was renewed.
pub(super) const LEASE: Duration = Duration::from_secs(20);
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// From here on a session that could not be renewed takes itself for given up, well before others do.
const SELF_DOUBT: Duration = Duration::from_secs(14);

/// How long something that another writer is about to give back is waited for.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long a commit waits for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(60);
/// How long ending a session may hold up its program.
const GOODBYE: Duration = Duration::from_secs(3);

const NUMBER: &str = "number";
const HOLDER: &str = "holder";
const EXPIRES: &str = "expires";
const NAME: &str = "name";
const ROLE: &str = "role";
const SESSION: &str = "session";

const COUNTER: u64 = 1;
const TURN: u64 = 2;
const RUN_LOG: u64 = 3;
const CALIBRATION: u64 = 4;
/// Held while a generation is built beside the current one.
const REBUILDING: u64 = 5;

/// The collection beside the generations.
pub(super) struct Meta {
    cluster: Arc<Cluster>,
    collection: String,
}

/// A writer at work.
pub(super) struct Session {
    meta: Arc<Meta>,
    token: String,
    /// When the session was last renewed, in milliseconds since `started`.
    renewed: Arc<AtomicU64>,
    started: Instant,
    /// The number of the change at hand; 0 for none.
    number: Arc<AtomicU64>,
    claims: BTreeSet<String>,
    renewing: tokio::task::JoinHandle<()>,
}

/// The number of a point that has a name.
fn id_of(role: &str, name: &str) -> PointId {
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

    /// Creates the collection when there is none.
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

    fn surroundings(&self) -> &Surroundings {
        self.cluster.surroundings()
    }

    /// Milliseconds since 1970.
    fn now(&self) -> i64 {
        self.surroundings().now().as_millisecond()
    }

    fn expiry(&self) -> i64 {
        self.now() + LEASE.as_millis() as i64
    }

    fn is_held(&self, fields: &Fields<'_>) -> bool {
        fields.integer(EXPIRES).is_ok_and(|expires| expires > self.now())
    }

    async fn put_once(&self, draft: Draft) -> Result<(), StoreError> {
        self.put(draft, UpdateMode::InsertOnly).await
    }

    async fn put(&self, draft: Draft, mode: UpdateMode) -> Result<(), StoreError> {
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

    async fn read(&self, id: PointId) -> Result<Option<RetrievedPoint>, StoreError> {
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
    async fn change_if(
        &self,
        id: PointId,
        mut conditions: Filter,
        values: HashMap<String, qdrant_client::qdrant::Value>,
    ) -> Result<(), StoreError> {
        conditions.must.push(points::has_id(vec![id]));
        requests::set(&self.cluster, &self.collection, &conditions, values).await
    }

    /// Takes what a session may hold. Whether it did, or who holds it.
    async fn take(&self, id: PointId, token: &str) -> Result<Result<(), String>, StoreError> {
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
    async fn give_back(&self, id: PointId, token: &str) -> Result<(), StoreError> {
        let held = Filter::must([points::has_any(HOLDER, vec![token.to_owned()])]);
        let values = HashMap::from([(EXPIRES.to_owned(), integer(0)), (HOLDER.to_owned(), text(""))]);
        self.change_if(id, held, values).await
    }

    async fn json(&self, id: u64) -> Result<Option<serde_json::Value>, StoreError> {
        let point = self.read(numbered(id)).await?;
        point.map(|point| fields(&point).stored()).transpose()
    }

    async fn set_json(&self, id: u64, value: &serde_json::Value) -> Result<(), StoreError> {
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

    /// The sessions that are at work: the number of the change of each.
    pub async fn numbers_at_work(&self) -> Result<BTreeSet<u64>, StoreError> {
        let sessions = Filter::must([
            points::has_any(ROLE, vec![SESSION.to_owned()]),
            points::between(EXPIRES, Some(self.now()), None),
        ]);
        let wanted = requests::Wanted { payload: &[NUMBER], vectors: &[] };
        let found = requests::all(&self.cluster, &self.collection, &sessions, wanted).await?;
        found.iter().map(|point| fields(point).count(NUMBER)).collect()
    }

    /// Whether a generation is being built beside the current one.
    async fn is_rebuilding(&self) -> Result<bool, StoreError> {
        let point = self.read(numbered(REBUILDING)).await?;
        Ok(point.is_some_and(|point| self.is_held(&fields(&point))))
    }

    fn locked(&self, part: &str) -> StoreError {
        StoreError::Locked { place: format!("{} ({part})", self.cluster.address()) }
    }
}

impl Session {
    /// Begins a session. One that rebuilds is alone; others are refused while one rebuilds.
    pub async fn begin(meta: Arc<Meta>, rebuilds: bool) -> Result<Self, StoreError> {
        let token = meta.surroundings().new_name();
        let (renewed, number) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let started = meta.surroundings().instant();
        if rebuilds {
            let end = started + PATIENCE;
            while meta.take(numbered(REBUILDING), &token).await?.is_err()
                || !meta.numbers_at_work().await?.is_empty()
            {
                if meta.surroundings().instant() > end {
                    meta.give_back(numbered(REBUILDING), &token).await?;
                    return Err(meta.locked("another writer is at work"));
                }
                meta.surroundings().wait(LOOK_EVERY).await;
            }
        }
        write_session(&meta, &token, 0).await?;
        // One that began to rebuild just now looks for sessions after it has said so, and this looks after its own is written.
        if !rebuilds && meta.is_rebuilding().await? {
            let own = Filter::must([points::has_id(vec![id_of(SESSION, &token)])]);
            requests::delete(&meta.cluster, &meta.collection, &own).await?;
            return Err(meta.locked("it is being built again"));
        }
        let renewing = tokio::spawn(renew(
            meta.clone(),
            token.clone(),
            rebuilds,
            number.clone(),
            renewed.clone(),
            started,
        ));
        Ok(Self { meta, token, renewed, started, number, claims: BTreeSet::new(), renewing })
    }

    pub fn meta(&self) -> &Arc<Meta> {
        &self.meta
    }

    /// An error once the session may have passed for given up: then nothing more may be written under its number.
    pub fn check(&self) -> Result<(), StoreError> {
        let elapsed = self.meta.surroundings().instant().duration_since(self.started).as_millis() as u64;
        let since = elapsed.saturating_sub(self.renewed.load(Ordering::Relaxed));
        match since < SELF_DOUBT.as_millis() as u64 {
            true => Ok(()),
            false => Err(StoreError::Unreachable {
                address: self.meta.cluster.address().to_string(),
                action: "keep the right to write to",
                detail: format!("for {} s the server took no sign of life", since / 1_000),
            }),
        }
    }

    /// The number of the change at hand; the first call after a commit takes a new one.
    pub async fn number(&self) -> Result<u64, StoreError> {
        let known = self.number.load(Ordering::Relaxed);
        if known != 0 {
            return Ok(known);
        }
        loop {
            let counter = self.meta.read(numbered(COUNTER)).await?;
            let last = counter.as_ref().map(|point| fields(point).count(NUMBER)).transpose()?.unwrap_or(0);
            let next = last + 1;
            if next > points::MAX_NUMBER {
                return Err(super::client::refused(
                    self.meta.cluster.address(),
                    "change",
                    "it has no numbers left; build it again under another name",
                ));
            }
            // The session has the number before the counter has it: nobody may take it for one that was given up.
            write_session(&self.meta, &self.token, next).await?;
            let values = HashMap::from([
                (NUMBER.to_owned(), integer(next as i64)),
                (HOLDER.to_owned(), text(self.token.clone())),
            ]);
            let unchanged = Filter::must([points::is_any(NUMBER, vec![last as i64])]);
            self.meta.change_if(numbered(COUNTER), unchanged, values).await?;
            let counter = self.meta.read(numbered(COUNTER)).await?;
            let won = counter.as_ref().is_some_and(|point| {
                let fields = fields(point);
                fields.count(NUMBER).is_ok_and(|number| number == next)
                    && fields.text(HOLDER).is_ok_and(|holder| holder == self.token)
            });
            if won {
                self.number.store(next, Ordering::Relaxed);
                return Ok(next);
            }
        }
    }

    /// The number is used up.
    pub fn has_committed(&self) {
        self.number.store(0, Ordering::Relaxed);
    }

    /// Keeps other writers away from sources until the session ends.
    pub async fn claim(&mut self, sources: &[String]) -> Result<(), StoreError> {
        for source in sources {
            if self.claims.contains(source) {
                continue;
            }
            let id = id_of("source", source);
            let draft = Draft::new(id.clone(), Sort::Manifest)
                .with(NAME, text(source.clone()))
                .with(HOLDER, text(""))
                .with(EXPIRES, integer(0));
            self.meta.put_once(draft).await?;
            let end = self.meta.surroundings().instant() + PATIENCE;
            loop {
                if self.take_from_dead(&id).await? {
                    break;
                }
                if self.meta.surroundings().instant() > end {
                    return Err(self.meta.locked(&format!("source `{source}`")));
                }
                self.meta.surroundings().wait(LOOK_EVERY).await;
            }
            self.claims.insert(source.clone());
        }
        Ok(())
    }

    /// A claim lasts as long as the session of its holder.
    async fn take_from_dead(&self, id: &PointId) -> Result<bool, StoreError> {
        let point = self.meta.read(id.clone()).await?;
        let holder = point.as_ref().and_then(|point| fields(point).text(HOLDER).ok().map(str::to_owned));
        let holder = holder.unwrap_or_default();
        if !holder.is_empty() && holder != self.token {
            let session = self.meta.read(id_of(SESSION, &holder)).await?;
            if session.is_some_and(|session| self.meta.is_held(&fields(&session))) {
                return Ok(false);
            }
        }
        let unchanged: Condition = points::has_any(HOLDER, vec![holder]);
        let values = HashMap::from([(HOLDER.to_owned(), text(self.token.clone()))]);
        self.meta.change_if(id.clone(), Filter::must([unchanged]), values).await?;
        let point = self.meta.read(id.clone()).await?;
        Ok(point.is_some_and(|point| fields(&point).text(HOLDER).is_ok_and(|holder| holder == self.token)))
    }

    /// Waits for the turn to commit. It ends with the guard, or when the session does.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        let end = self.meta.surroundings().instant() + TURN_PATIENCE;
        while self.meta.take(numbered(TURN), &self.token).await?.is_err() {
            if self.meta.surroundings().instant() > end {
                return Err(self.meta.locked("another writer commits"));
            }
            self.meta.surroundings().wait(LOOK_EVERY).await;
        }
        let (meta, token) = (self.meta.clone(), self.token.clone());
        let renewing = tokio::spawn(async move {
            loop {
                meta.surroundings().wait_to_renew(RENEW_EVERY).await;
                if let Err(error) = meta.take(numbered(TURN), &token).await {
                    tracing::warn!(%error, "the turn to commit was not renewed");
                }
            }
        });
        Ok(Turn { meta: self.meta.clone(), token: self.token.clone(), renewing })
    }

    /// Gives everything back. What was not committed is left to the next writer, who cleans it away.
    fn end(&mut self) {
        self.renewing.abort();
        let (meta, token, claims) = (self.meta.clone(), self.token.clone(), std::mem::take(&mut self.claims));
        // Without a runtime nobody can be told; the lease ends by itself.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let work = async move {
            let gone = Filter::must([points::has_id(vec![id_of(SESSION, &token)])]);
            if let Err(error) = requests::delete(&meta.cluster, &meta.collection, &gone).await {
                tracing::debug!(%error, "a session was not taken back; it ends by itself");
            }
            for source in claims {
                let _ = meta.give_back(id_of("source", &source), &token).await;
            }
            let _ = meta.give_back(numbered(REBUILDING), &token).await;
        };
        // A program that ends now would leave the claims until the lease is over.
        match runtime.runtime_flavor() {
            tokio::runtime::RuntimeFlavor::CurrentThread => drop(runtime.spawn(work)),
            _ => tokio::task::block_in_place(|| {
                let _ = runtime.block_on(tokio::time::timeout(GOODBYE, work));
            }),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

/// The turn to commit.
pub(super) struct Turn {
    meta: Arc<Meta>,
    token: String,
    renewing: tokio::task::JoinHandle<()>,
}

impl Turn {
    /// An error unless the turn is still held.
    pub async fn check(&self) -> Result<(), StoreError> {
        match self.meta.take(numbered(TURN), &self.token).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(self.meta.locked("another writer took the turn to commit")),
        }
    }

    pub async fn end(self) {
        self.renewing.abort();
        let _ = self.meta.give_back(numbered(TURN), &self.token).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

async fn write_session(meta: &Meta, token: &str, number: u64) -> Result<(), StoreError> {
    let draft = Draft::new(id_of(SESSION, token), Sort::Manifest)
        .with(ROLE, text(SESSION))
        .with(NUMBER, integer(number as i64))
        .with(EXPIRES, integer(meta.expiry()));
    meta.put(draft, UpdateMode::Upsert).await
}

/// Renews a session until it ends.
async fn renew(
    meta: Arc<Meta>,
    token: String,
    rebuilds: bool,
    number: Arc<AtomicU64>,
    renewed: Arc<AtomicU64>,
    started: Instant,
) {
    loop {
        meta.surroundings().wait_to_renew(RENEW_EVERY).await;
        let asked = meta.surroundings().instant().duration_since(started);
        let still = Filter::must([points::has_id(vec![id_of(SESSION, &token)])]);
        let values = HashMap::from([(EXPIRES.to_owned(), integer(meta.expiry()))]);
        let mut result = requests::set(&meta.cluster, &meta.collection, &still, values).await;
        if rebuilds && result.is_ok() {
            result = meta.take(numbered(REBUILDING), &token).await.map(drop);
        }
        match result {
            Ok(()) => renewed.store(asked.as_millis() as u64, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, number = number.load(Ordering::Relaxed), "the right to write was not renewed");
            }
        }
    }
}
