//! Answers given before, and questions being answered now: k8sgpt's operator asks the same every 30 seconds, and a
//! whole cluster's pods fail alike. Each costs one answer.
//!
//! The key is everything an answer depends on: the normalised failure, language, format, filter, the state of the
//! knowledge base, the model. Failures are the same when they differ in masked names and in what is drawn at random,
//! such as pods' suffixes, which are slots in question and answer; or in white space, case, addresses, times and
//! durations, as long as the answer repeats none of those. Degraded answers are given to those who wait for them, and
//! not kept.

use crate::{
    answer::{Answer, Answered},
    assistant::{AnswerError, Assistant, Outlet},
    format::Format,
    llm::Usage,
    metrics::Lookup,
    request::{Occasion, Request},
    text::one_line,
};
use kb::{
    question::{Question, Volatile},
    store::Filter,
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{HashMap, VecDeque},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::{sync::OnceCell, time::Instant};

/// How long an answer is repeated.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Bytes that all answers together may take, about.
const MAX_BYTES: usize = 64 << 20;

/// The answers that were given before, by everything that decides about them.
pub struct AnswerCache {
    max_entries: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Digest, Held>,
    order: VecDeque<Digest>,
    bytes: usize,
}

/// An entry and its size in bytes; 0 before its answer is there.
struct Held {
    entry: Arc<Entry>,
    bytes: usize,
}

/// The hash of a key, or of parts of a question, which may be long: an entry must not keep them.
type Digest = [u8; 32];

/// Everything that an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    /// The parts of the failure that were known before its text was read.
    known: Option<String>,
    language: String,
    format: Format,
    filter: Filter,
    kb_version: String,
    /// A knowledge base that was built anew has the versions of the one before again.
    kb_committed_at: Option<SystemTime>,
    model: Option<String>,
}

struct Entry {
    since: Instant,
    /// Filled by the first who asks; the others wait.
    answer: OnceCell<Kept>,
}

struct Kept {
    /// The answer with slots in place of the parts of names that change.
    answer: Answer,
    /// The digest of the addresses, times and durations in the question that it was given to.
    passing: Digest,
    /// Whether the answer repeats some of those.
    repeats_passing: bool,
}

/// An outcome that is not stored and not shared with other waiting callers.
enum NotKept {
    Interrupted(Box<Answer>),
    Failed(AnswerError),
}

impl From<AnswerError> for NotKept {
    fn from(error: AnswerError) -> Self {
        Self::Failed(error)
    }
}

impl Kept {
    /// Whether the answer holds for a question with these addresses, times and durations.
    fn holds_for(&self, passing: &[String]) -> bool {
        !self.repeats_passing || self.passing == digest(passing)
    }

    /// Its size in bytes, roughly.
    fn bytes(&self) -> usize {
        /// The size of a source, roughly.
        const SOURCE: usize = 512;
        let Answer { text, reason, citations, nearest, warnings, .. } = &self.answer;
        let texts = text.len() + reason.len() + warnings.iter().map(String::len).sum::<usize>();
        size_of::<Self>() + texts + SOURCE * (citations.len() + nearest.len())
    }
}

/// The hash of what `Hash` tells apart.
fn digest(of: &(impl Hash + ?Sized)) -> Digest {
    struct Hashing(Sha256);

    impl Hasher for Hashing {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let mut hashing = Hashing(Sha256::new());
    of.hash(&mut hashing);
    hashing.0.finalize().into()
}

impl AnswerCache {
    /// A cache of at most `max_entries` answers; 0 keeps none and lets every question be asked.
    pub fn new(max_entries: usize) -> Self {
        Self { max_entries, entries: Mutex::default() }
    }

    /// An answer, given before or new; a new one is shown through `outlet` while it is written. A caller whose question
    /// is already being answered for another caller waits for the whole answer, within its own deadline: it costs no
    /// second call of the model, and a second reader of the same blocks would need a buffer of its own. An interrupted
    /// answer is not shared: the next caller in line asks again.
    pub async fn answer(
        &self,
        assistant: &Assistant,
        request: &Request,
        filter: &Filter,
        occasion: Occasion,
        outlet: Option<&Outlet>,
    ) -> Result<Answered, AnswerError> {
        let answering = async |occasion| match outlet {
            None => assistant.answer(request, filter, occasion).await.map(Answered::Whole),
            Some(outlet) => assistant.stream(request, filter, occasion, outlet).await,
        };
        if self.max_entries == 0 {
            return answering(occasion).await;
        }
        let view = assistant.knowledge_base().view(filter).await?;
        let slots = Slots::of(&request.question);
        let mut key = Key {
            text: slots.normalised(request.question.text()),
            known: request.question.known_parts().map(|known| slots.normalised(&known)),
            language: request.question.language().0.clone(),
            format: request.format,
            filter: filter.clone(),
            kb_version: view.version().to_owned(),
            kb_committed_at: view.committed_at(),
            model: assistant.llm().map(|(model, _)| model.to_owned()),
        };
        drop(view);
        let (id, now) = (occasion.id.clone(), occasion.now);
        let mut occasion = Some(occasion);
        loop {
            let digested = digest(&key);
            let entry = self.entry(digested);
            let was_known = entry.answer.initialized();
            let mut is_new = false;
            let kept = entry
                .answer
                .get_or_try_init(|| async {
                    is_new = true;
                    let occasion = occasion.take().expect("an answer that is new ends the loop");
                    let answer = match answering(occasion).await? {
                        Answered::Whole(answer) => answer,
                        Answered::Interrupted(answer) => return Err(NotKept::Interrupted(Box::new(answer))),
                    };
                    let answer = Answer { text: slots.put(&answer.text), ..answer };
                    let repeats_passing = slots.passing.iter().any(|part| mentions(&answer.text, part));
                    Ok(Kept { answer, passing: digest(&slots.passing), repeats_passing })
                })
                .await;
            let kept = match kept {
                Ok(kept) => kept,
                Err(NotKept::Interrupted(answer)) => return Ok(Answered::Interrupted(*answer)),
                Err(NotKept::Failed(error)) => return Err(error),
            };
            let answer = &kept.answer;
            if !is_new && !kept.holds_for(&slots.passing) {
                // The text to the letter: the answer to another question does not hold.
                key.text = slots.put(request.question.text());
                key.known = request.question.known_parts().map(|known| slots.put(&known));
                continue;
            }
            assistant.metrics().looked_up(match (is_new, was_known) {
                (true, _) => Lookup::Miss,
                (false, true) => Lookup::Hit,
                (false, false) => Lookup::Coalesced,
            });
            if answer.degraded.is_some() || answer.kb_version != key.kb_version {
                self.forget(digested, &entry);
            } else if is_new {
                self.weigh(digested, &entry, kept.bytes());
            }
            let text = slots.fill(&answer.text);
            let usage = if is_new { answer.usage } else { Some(Usage::default()) };
            let answer = Answer { id, created_at: now, text, cached: !is_new, usage, ..answer.clone() };
            return Ok(Answered::Whole(answer));
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, key: Digest) -> Arc<Entry> {
        let now = Instant::now();
        let mut entries = self.entries();
        let known = entries.by_key.get(&key).map(|held| held.entry.clone());
        if let Some(entry) = known.filter(|entry| now.duration_since(entry.since) < MAX_AGE) {
            return entry;
        }
        let entry = Arc::new(Entry { since: now, answer: OnceCell::new() });
        match entries.by_key.insert(key, Held { entry: entry.clone(), bytes: 0 }) {
            Some(old) => entries.bytes -= old.bytes,
            None => entries.order.push_back(key),
        }
        entries.drop_oldest(self.max_entries);
        entry
    }

    /// Counts what an entry takes, now that its answer is there.
    fn weigh(&self, key: Digest, entry: &Arc<Entry>, bytes: usize) {
        let mut entries = self.entries();
        let held = entries.by_key.get_mut(&key).filter(|held| Arc::ptr_eq(&held.entry, entry));
        let Some(held) = held else { return };
        let before = std::mem::replace(&mut held.bytes, bytes);
        entries.bytes = entries.bytes + bytes - before;
        entries.drop_oldest(self.max_entries);
    }

    fn forget(&self, key: Digest, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        if entries.by_key.get(&key).is_some_and(|held| Arc::ptr_eq(&held.entry, entry)) {
            entries.remove(&key);
            entries.order.retain(|other| *other != key);
        }
    }
}

impl Entries {
    fn remove(&mut self, key: &Digest) {
        if let Some(held) = self.by_key.remove(key) {
            self.bytes -= held.bytes;
        }
    }

    fn drop_oldest(&mut self, max_entries: usize) {
        while self.order.len() > max_entries || self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.remove(&oldest);
        }
    }
}

/// The slots that stand for names in a question and in its answer.
struct Slots {
    /// Number and text of masked names, fresh in each run of the client, and of what is drawn at random; the longest
    /// text first: one may be part of another.
    numbered: Vec<(usize, String)>,
    /// Addresses, times and durations, in order.
    passing: Vec<String>,
}

/// Around a slot's number, and for what passes: characters of the private use area, which are taken out of every text.
const MARKS: [char; 3] = ['\u{e000}', '\u{e001}', '\u{e002}'];

impl Slots {
    fn of(question: &Question) -> Self {
        let masked = question.anonymised().iter().flat_map(|token| crate::checks::masked::names_in(token));
        let mut texts: Vec<String> = masked.map(str::to_owned).collect();
        let mut passing = Vec::new();
        for Volatile { text, is_random } in question.volatile() {
            match is_random {
                true if !texts.contains(&text) => texts.push(text),
                true => {}
                false => passing.push(text),
            }
        }
        let mut numbered: Vec<(usize, String)> = texts.into_iter().enumerate().collect();
        numbered.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
        Self { numbered, passing }
    }

    fn slot(number: usize) -> String {
        format!("{}{number}{}", MARKS[0], MARKS[1])
    }

    /// A text with slots, to the letter.
    fn put(&self, text: &str) -> String {
        let mut text = text.replace(MARKS, "");
        for (number, part) in &self.numbered {
            text = text.replace(part, &Self::slot(*number));
        }
        text
    }

    /// A text with slots, without case, white space and what passes.
    fn normalised(&self, text: &str) -> String {
        let mut text = self.put(text);
        for part in &self.passing {
            text = text.replacen(part, &MARKS[2].to_string(), 1);
        }
        one_line(&text).to_lowercase()
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, part) in &self.numbered {
            text = text.replace(&Self::slot(*number), part);
        }
        text
    }
}

/// Whether a text has a part, and not as a part of something longer.
fn mentions(text: &str, part: &str) -> bool {
    let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(part).any(|(at, _)| {
        !is_inside(text[..at].chars().next_back()) && !is_inside(text[at + part.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(text: &str) -> (Question, Slots) {
        let question = Question::parse(text, None).expect("a question");
        let slots = Slots::of(&question);
        (question, slots)
    }

    #[test]
    fn the_same_failure_has_one_key() {
        let key = |text: &str| {
            let (question, slots) = slots(text);
            slots.normalised(question.text())
        };
        let failure =
            "Back-off 10s restarting failed container=api pod=payments-api-7c9d8b6f5-x2x7k of 10.0.0.1";
        for same in [
            "Back-off 2m40s restarting failed container=api pod=payments-api-7c9d8b6f5-x2x7k of 10.0.0.1",
            "Back-off 10s  restarting failed container=api pod=payments-api-7c9d8b6f5-aa7x4 of 10.0.0.2",
            "back-off 10s restarting failed\ncontainer=api pod=payments-api-6b7f9d5c4-zz8rt of 10.0.0.1",
        ] {
            assert_eq!(key(same), key(failure), "{same}");
        }
        for other in [
            "Back-off 10s restarting failed container=web pod=payments-api-7c9d8b6f5-x2x7k of 10.0.0.1",
            "Back-off 10s restarting failed container=api pod=orders-api-7c9d8b6f5-x2x7k of 10.0.0.1",
            "Back-off 10s restarting failed container=api pod=payments-api-7c9d8b6f5-x2x7k",
        ] {
            assert_ne!(key(other), key(failure), "{other}");
        }
    }

    #[test]
    fn masked_names_and_random_suffixes_are_slots() {
        let (_, a) = slots("Deployment JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6 has no pod api-7c9d8b6f5-x2x7k");
        let (_, b) = slots("Deployment eHl6MjN0UQ==/ZGVmdjk4NHI1dDY3dTh5 has no pod api-6b7f9d5c4-zz8rt");
        let text = "JUBBMl8rRw== is down: QUtkIVR4OW0jUTdfcEx6, see api-7c9d8b6f5-x2x7k";
        let other = "eHl6MjN0UQ== is down: ZGVmdjk4NHI1dDY3dTh5, see api-6b7f9d5c4-zz8rt";
        assert_eq!(b.fill(&a.put(text)), other);
        assert_eq!(a.fill(&a.put(text)), text);
    }

    #[test]
    fn slots_cannot_be_forged() {
        let forged = "Deployment \u{e000}0\u{e001}/\u{e000}1\u{e001} has 3 replicas";
        let (question, forger) = slots(forged);
        let (masked, victim) = slots("Deployment JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6 has 3 replicas");
        assert_ne!(forger.normalised(question.text()), victim.normalised(masked.text()));
        assert_eq!(victim.fill(&victim.put("say \u{e000}0\u{e001}")), "say 0");
    }

    /// A long question leaves nothing of itself behind but a hash.
    #[test]
    fn entries_take_a_bounded_number_of_bytes() {
        let cache = AnswerCache::new(4_096);
        let entry_of = |number: usize| {
            let key = digest(&format!("{}{number}", "long question ".repeat(1_000)));
            let entry = cache.entry(key);
            cache.weigh(key, &entry, MAX_BYTES / 4);
            key
        };
        let keys: Vec<Digest> = (0..6).map(entry_of).collect();
        let held =
            |entries: &Entries| keys.iter().map(|key| entries.by_key.contains_key(key)).collect::<Vec<_>>();
        let entries = cache.entries();
        assert_eq!(held(&entries), [false, false, true, true, true, true]);
        assert_eq!((entries.bytes, entries.order.len()), (MAX_BYTES, 4));
    }

    #[test]
    fn digests_tell_parts_apart() {
        let of = |parts: &[&str]| digest(&parts.iter().map(|part| part.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&["10s", "2m"]), of(&["10s", "2m"]));
        for other in [&["10s2m"][..], &["10s", "2m", ""], &["10", "s2m"], &["2m", "10s"], &[]] {
            assert_ne!(of(other), of(&["10s", "2m"]), "{other:?}");
        }
    }

    #[test]
    fn an_answer_that_repeats_what_passes_is_for_one() {
        assert!(mentions("It waits 10s.", "10s") && mentions("(10.0.0.1)", "10.0.0.1"));
        assert!(!mentions("It waits 110s.", "10s") && !mentions("10.0.0.12", "10.0.0.1"));
    }
}
