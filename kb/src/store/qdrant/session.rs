//! Writers among each other: numbers for their changes, claims on sources, and the one commit at a time.
//!
//! A collection beside the generations, `NAME-meta`, has a point for each of these. A writer's *session* says that it
//! is at work; it is renewed all the time, and whatever belongs to a session that was not renewed counts as given up. A
//! source is *claimed* by one session, so that several writers can bring in different sources at once. The *turn* to
//! commit is held by one session.
//!
//! Each is taken by a conditional write and then read back: a server applies the writes of a point one after the other,
//! so only one of those who saw it free finds itself there. Times are those of the writers' clocks, which must not
//! differ by more than [`LEASE`](super::meta::LEASE).
//!
//! A session that ended without a commit stays, and its claims with it: the next session of the same sources *goes on*
//! with its change (`left.rs`), unless a commit of another has removed it meanwhile. A change that was being committed
//! is never gone on with, for by then it has touched more than its own points.

use super::{
    meta::{
        COMMITS, COUNTER, EXPIRES, GENERATION, HOLDER, LAYOUT, Meta, NAME, NUMBER, REBUILDING, ROLE, SESSION,
        TURN, id_of,
    },
    points::{self, Draft, Fields, Sort, fields, integer, numbered, text},
    surroundings::Surroundings,
    visible::Visible,
};
use crate::store::error::StoreError;
use qdrant_client::qdrant::{Condition, Filter, PointId, UpdateMode};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const RENEW_EVERY: Duration = Duration::from_secs(4);
/// A session that could not be renewed for so long takes itself for given up, well before others do.
const SELF_DOUBT: Duration = Duration::from_secs(14);

/// How long something that another writer is about to give back is waited for.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long a commit waits for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(60);
/// How long ending a session may hold up its program.
const GOODBYE: Duration = Duration::from_secs(3);

/// A writer at work.
pub(super) struct Session {
    meta: Arc<Meta>,
    token: String,
    renewed: Arc<Renewed>,
    /// The number of the change at hand; 0 for none.
    number: u64,
    /// The generation that the change is of.
    generation: u64,
    /// Whether the change is being committed.
    commits: bool,
    claims: BTreeSet<String>,
    /// Sessions that ended without giving back what this one has taken from them.
    left: Vec<String>,
    renewing: tokio::task::JoinHandle<()>,
}

/// The last sign of life that the server took of a session.
struct Renewed {
    started: Instant,
    /// Milliseconds since `started`. A suspended machine may not count them.
    at: AtomicU64,
    /// The same by the wall clock: milliseconds since 1970.
    at_time_of_day: AtomicI64,
    /// Whether others have taken the session for given up, which is never taken back.
    is_lost: AtomicBool,
}

impl Renewed {
    fn new(surroundings: &Surroundings) -> Self {
        let started = surroundings.instant();
        let now = AtomicI64::new(surroundings.now().as_millisecond());
        Self { started, at: AtomicU64::new(0), at_time_of_day: now, is_lost: AtomicBool::new(false) }
    }

    /// Notes that the server took a sign of life which was sent at these times.
    fn note(&self, sent: Instant, time_of_day: i64) {
        self.at.store(sent.duration_since(self.started).as_millis() as u64, Ordering::Relaxed);
        self.at_time_of_day.store(time_of_day, Ordering::Relaxed);
    }

    /// The time since then, in milliseconds.
    fn age(&self, surroundings: &Surroundings) -> u64 {
        let elapsed = surroundings.instant().duration_since(self.started).as_millis() as u64;
        let by_time_of_day =
            surroundings.now().as_millisecond() - self.at_time_of_day.load(Ordering::Relaxed);
        elapsed.saturating_sub(self.at.load(Ordering::Relaxed)).max(by_time_of_day.max(0) as u64)
    }
}

impl Session {
    /// Begins a session. A session that rebuilds is the only one; others are refused while it lasts.
    pub async fn begin(meta: Arc<Meta>, rebuilds: bool) -> Result<Self, StoreError> {
        let token = meta.surroundings().new_name();
        if rebuilds {
            let end = meta.surroundings().instant() + PATIENCE;
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
        let renewed = Arc::new(Renewed::new(meta.surroundings()));
        let renewing = tokio::spawn(std::future::pending());
        let mut session = Self {
            meta: meta.clone(),
            token: token.clone(),
            renewed: renewed.clone(),
            number: 0,
            generation: 0,
            commits: false,
            claims: BTreeSet::new(),
            left: Vec::new(),
            renewing,
        };
        session.write().await?;
        // A session that begins to rebuild at the same moment writes that first and looks for sessions then. This one
        // has written its own point first, so at least one of the two sees the other.
        if !rebuilds && meta.is_rebuilding().await? {
            meta.delete_if(id_of(SESSION, &token), Filter::default()).await?;
            return Err(meta.locked("it is being built again"));
        }
        session.renewing = tokio::spawn(renew(meta, token, rebuilds, renewed));
        Ok(session)
    }

    /// Writes the session's point.
    async fn write(&self) -> Result<(), StoreError> {
        let layout = self.meta.cluster.address().settings().layout();
        let draft = Draft::new(id_of(SESSION, &self.token), Sort::Manifest)
            .with(ROLE, text(SESSION))
            .with(HOLDER, text(self.token.clone()))
            .with(NUMBER, integer(self.number as i64))
            .with(GENERATION, integer(self.generation as i64))
            .with(LAYOUT, text(layout))
            .with(COMMITS, integer(i64::from(self.commits)))
            .with(EXPIRES, integer(self.meta.expiry()));
        self.meta.put(draft, UpdateMode::Upsert).await
    }

    /// Sends a sign of life at once, where no clock does.
    #[cfg(test)]
    pub async fn renew_now(&self) -> Result<(), StoreError> {
        renew_once(&self.meta, &self.token, false, &self.renewed).await
    }

    pub fn meta(&self) -> &Arc<Meta> {
        &self.meta
    }

    /// An error once the session may have passed for given up: then no more points may be written under its number.
    pub fn check(&self) -> Result<(), StoreError> {
        let since = self.renewed.age(self.meta.surroundings());
        let detail = match self.renewed.is_lost.load(Ordering::Relaxed) {
            true => "another writer took this one for given up; run again".to_owned(),
            false if since < SELF_DOUBT.as_millis() as u64 => return Ok(()),
            false => format!("for {} s the server took no sign of life", since / 1_000),
        };
        Err(StoreError::Unreachable {
            address: self.meta.cluster.address().to_string(),
            action: "keep the right to write to",
            detail,
        })
    }

    /// Looks for the change of a rebuilding that was left in a generation of the present layout. Whether there is one.
    pub async fn find_left(&mut self, generation: u64) -> Result<bool, StoreError> {
        let layout = self.meta.cluster.address().settings().layout();
        let dead = points::between(EXPIRES, None, Some(self.meta.now() - 1));
        for point in self.meta.sessions(Some(dead)).await? {
            let fields = fields(&point);
            let is_of_it = Change::of(&fields).is_some_and(|change| change.can_go_on(generation));
            if is_of_it && fields.text(LAYOUT).is_ok_and(|other| other == layout) {
                self.left.push(fields.text(HOLDER)?.to_owned());
            }
        }
        Ok(!self.left.is_empty())
    }

    /// The number of the change at hand; `None` until there is one.
    pub fn number(&self) -> Option<u64> {
        (self.number != 0).then_some(self.number)
    }

    /// Goes on with a change that another session has left in a generation, and whose claims this one has taken.
    /// Returns the number of the change; `None` where no change was left.
    pub async fn go_on(&mut self, generation: u64, visible: &Visible) -> Result<Option<u64>, StoreError> {
        for token in std::mem::take(&mut self.left) {
            let id = id_of(SESSION, &token);
            let point = self.meta.read(id.clone()).await?;
            let change = point.as_ref().and_then(|point| Change::of(&fields(point)));
            let Some(change) = change.filter(|change| change.can_go_on(generation)) else { continue };
            if visible.has(change.number) || self.meta.take(id.clone(), &self.token).await?.is_err() {
                continue;
            }
            // Two sessions have the number for a moment, and both are this one's.
            (self.number, self.generation) = (change.number, generation);
            self.write().await?;
            let taken = Filter::must([points::has_any(HOLDER, vec![self.token.clone()])]);
            self.meta.delete_if(id, taken).await?;
            return Ok(Some(change.number));
        }
        Ok(None)
    }

    /// Begins a change of a generation, with a number of its own.
    pub async fn begin_change(&mut self, generation: u64) -> Result<u64, StoreError> {
        self.generation = generation;
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
            // The session has the number before the counter has it, so that no other writer takes it for a number that
            // was given up.
            self.number = next;
            let written = self.write().await;
            self.number = 0;
            written?;
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
                self.number = next;
                return Ok(next);
            }
        }
    }

    /// Notes that the change is being committed: no other session may go on with it.
    pub async fn begin_commit(&mut self) -> Result<(), StoreError> {
        self.commits = true;
        self.write().await
    }

    /// The number is used up.
    pub fn has_committed(&mut self) {
        (self.number, self.commits) = (0, false);
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
    async fn take_from_dead(&mut self, id: &PointId) -> Result<bool, StoreError> {
        let point = self.meta.read(id.clone()).await?;
        let holder = point.as_ref().and_then(|point| fields(point).text(HOLDER).ok().map(str::to_owned));
        let holder = holder.unwrap_or_default();
        if !holder.is_empty() && holder != self.token {
            match self.meta.read(id_of(SESSION, &holder)).await? {
                Some(session) if self.meta.is_held(&fields(&session)) => return Ok(false),
                Some(_) if !self.left.contains(&holder) => self.left.push(holder.clone()),
                Some(_) | None => {}
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

    /// Gives everything back, but for the claims of a change without a commit: the next writer of these sources goes on
    /// with it, and any other cleans it away.
    fn end(&mut self) {
        self.renewing.abort();
        let (meta, token, claims) = (self.meta.clone(), self.token.clone(), std::mem::take(&mut self.claims));
        let leaves = self.number != 0 && !self.commits;
        // Without a runtime no call can be made; the lease ends by itself.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let work = async move {
            let (id, own) =
                (id_of(SESSION, &token), Filter::must([points::has_any(HOLDER, vec![token.clone()])]));
            let ended = match leaves {
                true => {
                    let values = HashMap::from([(EXPIRES.to_owned(), integer(0))]);
                    meta.change_if(id, own, values).await
                }
                false => meta.delete_if(id, own).await,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a session was not taken back; it ends by itself");
            }
            for source in claims.into_iter().filter(|_| !leaves) {
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

/// The change of a session that may have ended.
struct Change {
    number: u64,
    generation: u64,
    commits: bool,
}

impl Change {
    /// `None` where the point is of an earlier version of this program.
    fn of(session: &Fields<'_>) -> Option<Self> {
        Some(Self {
            number: session.count(NUMBER).ok()?,
            generation: session.count(GENERATION).ok()?,
            commits: session.count(COMMITS).ok()? != 0,
        })
    }

    fn can_go_on(&self, generation: u64) -> bool {
        self.number != 0 && self.generation == generation && !self.commits
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

/// Renews a session until it ends or is lost.
async fn renew(meta: Arc<Meta>, token: String, rebuilds: bool, renewed: Arc<Renewed>) {
    while !renewed.is_lost.load(Ordering::Relaxed) {
        meta.surroundings().wait_to_renew(RENEW_EVERY).await;
        if let Err(error) = renew_once(&meta, &token, rebuilds, &renewed).await {
            tracing::warn!(%error, "the right to write was not renewed");
        }
    }
}

/// Sends one sign of life.
async fn renew_once(meta: &Meta, token: &str, rebuilds: bool, renewed: &Renewed) -> Result<(), StoreError> {
    let (sent, time_of_day) = (meta.surroundings().instant(), meta.now());
    let id = id_of(SESSION, token);
    let own = Filter::must([points::has_any(HOLDER, vec![token.to_owned()])]);
    let values = HashMap::from([(EXPIRES.to_owned(), integer(meta.expiry()))]);
    meta.change_if(id.clone(), own, values).await?;
    let point = meta.read(id).await?;
    let is_own = point.is_some_and(|point| fields(&point).text(HOLDER).is_ok_and(|holder| holder == token));
    if !is_own || (rebuilds && meta.take(numbered(REBUILDING), token).await?.is_err()) {
        renewed.is_lost.store(true, Ordering::Relaxed);
        tracing::warn!("another writer took this one for given up; nothing more is written");
        return Ok(());
    }
    renewed.note(sent, time_of_day);
    Ok(())
}
