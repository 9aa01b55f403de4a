//! A commit makes the changes of a writer visible to readers.
//!
//! One writer commits at a time. It marks what its changes supersede, brings the documents up to date that the changed
//! ones link to, writes the counts of terms, and then the manifest, which lists the number of its change as committed.
//! Until that last write no reader sees any of it; after it, readers see all of it. The points of a writer that was
//! killed carry a number that is never listed. The next writer of the same sources goes on with them (`left.rs`), and
//! any other removes them here.

use super::{
    collection,
    lexical::add_field_weights,
    manifest::{self, Share, State},
    points::{
        self, Draft, FIELDS, Sort, document_of, fields, integer, is_any, is_key, is_of, is_sort, nested,
        payload, record_id, sparse_of,
    },
    requests::{self, Pages, Wanted, all},
    session::Turn,
    states,
    terms::{self, Delta, TERMS_AT_ONCE},
    visible::Visible,
    writer::QdrantWriter,
};
use crate::store::{error::StoreError, keys::DocumentKey, prepared::Lengths, view::Field, writer::Commit};
use jiff::Timestamp;
use qdrant_client::qdrant::{Filter as Conditions, PointStruct, RetrievedPoint, Value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

/// Documents that are brought up to date at a time.
const DOCUMENTS_AT_ONCE: usize = 128;

/// How long superseded versions stay for those who are reading an earlier state.
const GRACE: Duration = Duration::from_secs(300);

/// The changes of a writer since its last commit.
#[derive(Default)]
pub(super) struct Changes {
    pub documents: HashMap<DocumentKey, Change>,
    /// Documents whose inbound links may have changed.
    pub affected: HashSet<DocumentKey>,
    /// The changes of the counts of terms, by the term's dimension.
    terms: HashMap<u32, Delta>,
    /// New states of sources; `None` for one that is forgotten.
    pub states: BTreeMap<String, Option<serde_json::Value>>,
}

/// The change of one document.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    /// Whether it is committed in another version.
    pub was_there: bool,
    /// The lengths of the new version; `None` for a document that is removed.
    pub after: Option<Lengths>,
}

impl Changes {
    /// Adds the terms of a document's passages, given for each passage, `sign` times.
    pub fn count(&mut self, passages: impl IntoIterator<Item = BTreeSet<u32>>, sign: i64) {
        let mut of_document = BTreeSet::new();
        for passage in passages {
            for &dimension in &passage {
                self.terms.entry(dimension).or_default().chunks += sign;
            }
            of_document.extend(passage);
        }
        for dimension in of_document {
            self.terms.entry(dimension).or_default().documents += sign;
        }
    }

    /// Notes what becomes of a document that had the lengths `before`, this writer's changes included.
    pub fn set(&mut self, document: DocumentKey, before: Option<Lengths>, after: Option<Lengths>) {
        let change = self.documents.entry(document).or_insert(Change { was_there: before.is_some(), after });
        change.after = after;
        self.affected.insert(document);
    }

    fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.states.is_empty()
    }
}

/// The sentences that link to a document, added up.
#[derive(Debug, Clone, Default, PartialEq)]
struct InboundTerms {
    linking: u64,
    length: u64,
    frequencies: BTreeMap<u32, u64>,
}

impl QdrantWriter {
    pub(super) async fn commit_changes(&mut self) -> Result<Commit, StoreError> {
        self.staging.flush().await?;
        if self.changes.is_empty() && self.state.sequence > 0 && !self.is_beside {
            return Ok(self.committed_as(Vec::new()));
        }
        let number = self.number().await?;
        let turn = self.session.turn().await?;
        let result = self.commit_in_turn(&turn, number).await;
        turn.end().await;
        let warnings = result?;
        self.session.has_committed();
        self.changes = Changes::default();
        Ok(self.committed_as(warnings))
    }

    fn committed_as(&self, warnings: Vec<String>) -> Commit {
        Commit { version: self.state.version(), generation: self.generation, warnings }
    }

    async fn commit_in_turn(&mut self, turn: &Turn, number: u64) -> Result<Vec<String>, StoreError> {
        let mut state = self.newest().await?;
        let before = state.sequence;
        let cleaned = self.clean_up(&state.visible, number).await?;
        self.left.discard(&self.cluster, &self.collection, number).await?;
        self.session.begin_commit().await?;
        let visible = state.visible.clone();
        self.supersede_changed(&visible, number).await?;
        let mut affected: Vec<DocumentKey> = self.changes.affected.iter().copied().collect();
        affected.sort_unstable();
        for documents in affected.chunks(DOCUMENTS_AT_ONCE) {
            self.session.check()?;
            self.bring_up_to_date(&mut state, documents, number).await?;
        }
        self.write_terms(&visible, number).await?;
        self.write_states(&visible, number).await?;

        state.visible = visible.with(number);
        cleaned.into_iter().for_each(|number| state.visible.forget(number));
        state.sequence = state.sequence.max(self.first_sequence) + 1;
        let now = self.cluster.surroundings().now();
        state.committed_at = Some(now);
        state.finished.push((number, now));
        let expired = expired(&mut state, now);
        // A writer that holds the turn by now would write the manifest as well.
        turn.check().await?;
        self.session.check()?;
        if !manifest::write(&self.cluster, &self.collection, &state, before).await? {
            let detail = "another writer committed at the same moment; run again";
            return Err(super::client::refused(self.cluster.address(), "commit to", detail));
        }
        self.state = state;

        // Readers see the changes from here on, so a later failure is a warning and no error.
        let mut warnings = Vec::new();
        if self.is_beside {
            // Readers see a generation that is built beside the current one only after this.
            self.publish().await?;
        }
        if let Err(error) = self.remove_superseded(&expired).await {
            let warning = crate::causes::with_causes(&error);
            tracing::warn!("the commit stands, but afterwards: {warning}");
            warnings.push(warning);
        }
        Ok(warnings)
    }

    /// The state that others may have committed to meanwhile.
    async fn newest(&self) -> Result<State, StoreError> {
        let state = manifest::read(&self.cluster, &self.collection).await?;
        let current = collection::current(&self.cluster).await?;
        match state {
            Some(state) if self.is_beside || current == Some(self.generation) => Ok(state),
            _ => Err(super::client::refused(
                self.cluster.address(),
                "commit to",
                "another generation was published meanwhile; run again",
            )),
        }
    }

    /// Removes what writers have left that ended without a commit, of numbers up to the one at hand. Returns those
    /// numbers.
    async fn clean_up(&self, visible: &Visible, number: u64) -> Result<Vec<u64>, StoreError> {
        let given_out = visible.clone().with(number);
        let pending: Vec<u64> = given_out.pending().collect();
        if pending.is_empty() {
            return Ok(pending);
        }
        let at_work = self.session.meta().end_the_dead().await?;
        let left: Vec<u64> = pending.into_iter().filter(|number| !at_work.contains(number)).collect();
        if left.is_empty() {
            return Ok(left);
        }
        let numbers: Vec<i64> = left.iter().map(|&number| number as i64).collect();
        let written = Conditions::must([is_any(payload::FROM, numbers.clone())]);
        requests::delete(&self.cluster, &self.collection, &written).await?;
        let superseded = Conditions::must([is_any(payload::UNTIL, numbers)]);
        requests::supersede(&self.cluster, &self.collection, &superseded, points::NEVER).await?;
        Ok(left)
    }

    /// Marks the committed versions of everything that came from changed documents.
    async fn supersede_changed(&self, visible: &Visible, number: u64) -> Result<(), StoreError> {
        let changed = self.changes.documents.iter().filter(|(_, change)| change.was_there);
        let mut changed: Vec<DocumentKey> = changed.map(|(key, _)| *key).collect();
        changed.sort_unstable();
        for keys in changed.chunks(DOCUMENTS_AT_ONCE * 4) {
            let mut conditions = visible.filter();
            conditions.must.push(is_key(payload::KEY, keys.iter().copied()));
            requests::supersede(&self.cluster, &self.collection, &conditions, number as i64).await?;
        }
        Ok(())
    }

    /// Writes the versions of documents with the sentences that link to them now, and corrects the numbers of the
    /// whole.
    async fn bring_up_to_date(
        &self,
        state: &mut State,
        documents: &[DocumentKey],
        number: u64,
    ) -> Result<(), StoreError> {
        let visible = state.visible.clone();
        let everything = Wanted { payload: ALL_OF_A_DOCUMENT, vectors: &[FIELDS] };
        let mut before: HashMap<DocumentKey, RetrievedPoint> = HashMap::new();
        let mut staged: HashMap<DocumentKey, RetrievedPoint> = HashMap::new();
        let either =
            Conditions::should([nested(visible.filter()), is_any(payload::FROM, vec![number as i64])]);
        let mut conditions =
            Conditions::must([is_sort(Sort::Document), is_key(payload::KEY, documents.iter().copied())]);
        conditions.must.push(nested(either.clone()));
        for point in all(&self.cluster, &self.collection, &conditions, everything).await? {
            let Some(key) = document_of(point.id.as_ref()) else { continue };
            let is_staged = fields(&point).count(payload::FROM)? == number;
            if is_staged { &mut staged } else { &mut before }.insert(key, point);
        }
        let inbound = self.inbound(documents, either, number).await?;
        let mut points: Vec<PointStruct> = Vec::new();
        let mut superseded = Vec::new();
        for document in documents {
            let change = self.changes.documents.get(document);
            let old = before.get(document);
            let base = match change {
                Some(Change { after: None, .. }) => None,
                Some(_) => staged.get(document),
                None => old,
            };
            let inbound = inbound.get(document).cloned().unwrap_or_default();
            let is_new = change.is_some();
            if let (false, Some(old)) = (is_new, old)
                && inbound == inbound_of(old)?
            {
                continue;
            }
            if let Some(old) = old {
                state.subtract(&Share::of(&fields(old))?);
            }
            let Some(base) = base else { continue };
            if !is_new {
                superseded.push(*document);
            }
            // A staged version without inbound links is as it should be.
            let point = with_inbound(base, *document, &inbound, number);
            let share = Share::of(&points::Fields { payload: &point.payload })?;
            if !is_new || inbound.linking > 0 {
                points.push(point);
            }
            state.add(&share);
        }
        requests::upsert(&self.cluster, &self.collection, points).await?;
        if !superseded.is_empty() {
            let mut conditions = visible.filter();
            conditions.must.extend([is_sort(Sort::Document), is_key(payload::KEY, superseded)]);
            requests::supersede(&self.cluster, &self.collection, &conditions, number as i64).await?;
        }
        Ok(())
    }

    /// The sentences that link to documents once the change is committed, added up.
    async fn inbound(
        &self,
        documents: &[DocumentKey],
        either: Conditions,
        number: u64,
    ) -> Result<HashMap<DocumentKey, InboundTerms>, StoreError> {
        let mut conditions =
            Conditions::must([is_sort(Sort::Link), is_key(payload::TARGET, documents.iter().copied())]);
        conditions.must.push(nested(either));
        let wanted = Wanted {
            payload: &[
                payload::KEY,
                payload::FROM,
                payload::TARGET,
                payload::LENGTH,
                payload::DIMENSIONS,
                payload::FREQUENCIES,
            ],
            vectors: &[],
        };
        let mut inbound: HashMap<DocumentKey, InboundTerms> = HashMap::new();
        let mut pages = Pages::new(&self.cluster, &self.collection, &conditions, wanted);
        while let Some(links) = pages.next().await? {
            for link in &links {
                let link = fields(link);
                let is_changed = self.changes.documents.contains_key(&link.key(payload::KEY)?);
                if is_changed && link.count(payload::FROM)? != number {
                    continue;
                }
                let inbound = inbound.entry(link.key(payload::TARGET)?).or_default();
                inbound.linking += 1;
                inbound.length += link.count(payload::LENGTH)?;
                let dimensions = link.integers(payload::DIMENSIONS)?;
                for (dimension, frequency) in dimensions.into_iter().zip(link.integers(payload::FREQUENCIES)?)
                {
                    *inbound.frequencies.entry(dimension as u32).or_default() += frequency.max(0) as u64;
                }
            }
        }
        Ok(inbound)
    }

    async fn write_terms(&self, visible: &Visible, number: u64) -> Result<(), StoreError> {
        let moved = self.changes.terms.iter().filter(|(_, delta)| **delta != Delta::default());
        let mut dimensions: Vec<u32> = moved.map(|(dimension, _)| *dimension).collect();
        dimensions.sort_unstable();
        for dimensions in dimensions.chunks(TERMS_AT_ONCE) {
            self.session.check()?;
            // Before the first commit there are no counts to read.
            let mut known = match visible == &Visible::default() {
                true => HashMap::new(),
                false => terms::read(&self.cluster, &self.collection, dimensions).await?,
            };
            let points = dimensions.iter().map(|dimension| {
                let before = known.remove(dimension).unwrap_or_default();
                before.changed(visible, number, self.changes.terms[dimension]).point(*dimension)
            });
            requests::upsert(&self.cluster, &self.collection, points.collect()).await?;
        }
        Ok(())
    }

    async fn write_states(&self, visible: &Visible, number: u64) -> Result<(), StoreError> {
        if self.changes.states.is_empty() {
            return Ok(());
        }
        let keys = self.changes.states.keys().map(|source| states::key(source));
        let mut conditions = visible.filter();
        conditions.must.extend([is_sort(Sort::State), is_key(payload::KEY, keys)]);
        requests::supersede(&self.cluster, &self.collection, &conditions, number as i64).await?;
        let kept = self.changes.states.iter().filter_map(|(source, state)| Some((source, state.as_ref()?)));
        let points = kept.map(|(source, state)| states::point(source, state, number)).collect();
        requests::upsert(&self.cluster, &self.collection, points).await
    }

    /// Makes the generation that was built beside the current one current, and removes all others but the previous one.
    async fn publish(&mut self) -> Result<(), StoreError> {
        let before = collection::current(&self.cluster).await?;
        collection::publish(&self.cluster, self.generation).await?;
        self.is_beside = false;
        for generation in collection::generations(&self.cluster).await? {
            if generation != self.generation && Some(generation) != before {
                collection::remove(&self.cluster, generation).await?;
            }
        }
        Ok(())
    }

    /// Deletes versions that no state shows any more.
    async fn remove_superseded(&self, numbers: &[u64]) -> Result<(), StoreError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let numbers = numbers.iter().map(|&number| number as i64).collect();
        let superseded = Conditions::must([is_any(payload::UNTIL, numbers)]);
        requests::delete(&self.cluster, &self.collection, &superseded).await
    }
}

/// The fields of a document's point that [`Share::of`] and [`with_inbound`] need.
const ALL_OF_A_DOCUMENT: &[&str] = &[
    payload::FROM,
    payload::ID,
    payload::HASH,
    payload::SOURCE,
    payload::FILTER,
    payload::STORED,
    payload::LENGTHS,
    payload::CHUNKS,
    payload::TERMS,
    payload::CENTROID,
    payload::INBOUND_LENGTH,
    payload::LINKING,
];

/// The sentences that link to a document, as its point has them. The numbers of occurrences follow from the weights.
fn inbound_of(point: &RetrievedPoint) -> Result<InboundTerms, StoreError> {
    let fields = fields(point);
    let length = fields.count(payload::INBOUND_LENGTH)?;
    let weights = sparse_of(point.vectors.as_ref(), FIELDS).unwrap_or_default();
    let of_links = weights.into_iter().filter(|(dimension, _)| is_of(Field::Links, *dimension));
    let frequencies = of_links.map(|(dimension, weight)| {
        (dimension, super::lexical::field_frequency_of(Field::Links, weight, length))
    });
    Ok(InboundTerms { linking: fields.count(payload::LINKING)?, length, frequencies: frequencies.collect() })
}

/// A version of a document with the sentences that link to it.
fn with_inbound(
    base: &RetrievedPoint,
    document: DocumentKey,
    inbound: &InboundTerms,
    number: u64,
) -> PointStruct {
    let mut weights = sparse_of(base.vectors.as_ref(), FIELDS).unwrap_or_default();
    weights.retain(|dimension, _| !is_of(Field::Links, *dimension));
    add_field_weights(&mut weights, Field::Links, &inbound.frequencies, inbound.length);
    let id = record_id(Sort::Document, document, number);
    let mut draft = Draft::version(id, Sort::Document, document, number);
    for name in ALL_OF_A_DOCUMENT.iter().filter(|name| **name != payload::FROM) {
        let value: Option<&Value> = base.payload.get(*name);
        draft = draft.with(name, value.cloned().unwrap_or_default());
    }
    draft
        .with(payload::INBOUND_LENGTH, integer(inbound.length as i64))
        .with(payload::LINKING, integer(inbound.linking as i64))
        .sparse(FIELDS, &weights)
        .build()
}

/// Removes from a state the changes that were finished longer than [`GRACE`] ago, and returns their numbers: no reader
/// uses the versions that they superseded any more.
fn expired(state: &mut State, now: Timestamp) -> Vec<u64> {
    let is_old = |at: &Timestamp| now.duration_since(*at).unsigned_abs() > GRACE;
    let (old, recent): (Vec<_>, Vec<_>) = state.finished.drain(..).partition(|(_, at)| is_old(at));
    state.finished = recent;
    old.into_iter().map(|(number, _)| number).collect()
}
