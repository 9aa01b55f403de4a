//! Answers given before, and questions being answered now: k8sgpt's operator asks the same every 30 seconds, and a whole
//! cluster's pods fail alike. Each costs one answer.
//!
//! The key is everything an answer depends on: the text with masked names as slots, language, format, scope, the state
//! of the knowledge base, the model. Degraded answers are given to those who wait for them, and not kept.

use crate::{
    answer::Answer,
    assistant::{AnswerError, Assistant, Occasion, Outlet, Request},
    format::Format,
    llm::Usage,
    telemetry::metrics::Lookup,
};
use kb::store::Filter;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::OnceCell, time::Instant};

/// How long an answer is repeated.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Answers by question.
pub struct AnswerCache {
    max_entries: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Key, Arc<Entry>>,
    order: VecDeque<Key>,
}

/// What an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    language: String,
    format: Format,
    scope: Filter,
    kb_version: String,
    model: Option<String>,
}

struct Entry {
    since: Instant,
    /// Filled by the first who asks; the others wait. Masked names are slots in it.
    answer: OnceCell<Answer>,
}

impl AnswerCache {
    /// A cache of at most `max_entries` answers; 0 keeps none and lets every question be asked.
    pub fn new(max_entries: usize) -> Self {
        Self { max_entries, entries: Mutex::default() }
    }

    /// An answer, given before or new; a new one is shown through `outlet` while it is written. Who asks what is being
    /// answered for somebody else waits for the whole, within the deadline of whoever calls this: it costs no second call
    /// of the model, and a second reader of the same blocks would need a buffer of its own. One that is interrupted is
    /// nobody else's: the next in line asks again.
    pub async fn answer(
        &self,
        assistant: &Assistant,
        request: &Request,
        scope: &Filter,
        occasion: Occasion,
        outlet: Option<&Outlet>,
    ) -> Result<Answer, AnswerError> {
        let answering = async |occasion| match outlet {
            None => assistant.answer(request, scope, occasion).await,
            Some(outlet) => assistant.stream(request, scope, occasion, outlet).await,
        };
        if self.max_entries == 0 {
            return answering(occasion).await;
        }
        let kb_version = assistant.knowledge_base().view(scope).await?.version().to_owned();
        let slots = Slots::of(request.question.masked());
        let key = Key {
            text: slots.put(request.question.text()),
            language: request.question.language().0.clone(),
            format: request.format,
            scope: scope.clone(),
            kb_version,
            model: assistant.llm().map(|(model, _)| model.to_owned()),
        };
        let entry = self.entry(&key);
        let was_known = entry.answer.initialized();
        let (id, now) = (occasion.id.clone(), occasion.now);
        let mut is_new = false;
        let answer = entry
            .answer
            .get_or_try_init(|| async {
                is_new = true;
                let answer = answering(occasion).await?;
                Ok::<_, AnswerError>(Answer { text: slots.put(&answer.text), ..answer })
            })
            .await?;
        assistant.metrics().looked_up(match (is_new, was_known) {
            (true, _) => Lookup::Miss,
            (false, true) => Lookup::Hit,
            (false, false) => Lookup::Coalesced,
        });
        if answer.degraded.is_some() || answer.kb_version != key.kb_version {
            self.forget(&key, &entry);
        }
        let text = slots.fill(&answer.text);
        let usage = if is_new { answer.usage } else { Some(Usage::default()) };
        Ok(Answer { id, created_at: now, text, cached: !is_new, usage, ..answer.clone() })
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, key: &Key) -> Arc<Entry> {
        let now = Instant::now();
        let mut entries = self.entries();
        if let Some(entry) = entries.by_key.get(key).filter(|entry| now.duration_since(entry.since) < MAX_AGE)
        {
            return entry.clone();
        }
        let entry = Arc::new(Entry { since: now, answer: OnceCell::new() });
        if entries.by_key.insert(key.clone(), entry.clone()).is_none() {
            entries.order.push_back(key.clone());
        }
        while entries.order.len() > self.max_entries {
            if let Some(oldest) = entries.order.pop_front() {
                entries.by_key.remove(&oldest);
            }
        }
        entry
    }

    fn forget(&self, key: &Key, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        if entries.by_key.get(key).is_some_and(|held| Arc::ptr_eq(held, entry)) {
            entries.by_key.remove(key);
            entries.order.retain(|other| other != key);
        }
    }
}

/// Masked names, fresh in each run of the client, as numbered slots.
struct Slots<'a> {
    /// Number and name, the longest name first: one may be part of another.
    names: Vec<(usize, &'a str)>,
}

impl<'a> Slots<'a> {
    fn of(masked: &'a [String]) -> Self {
        let mut names: Vec<(usize, &str)> =
            masked.iter().flat_map(|token| crate::checks::masked::names_in(token)).enumerate().collect();
        names.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
        Self { names }
    }

    /// A slot stands between two characters of the private use area, which no failure text has.
    fn slot(number: usize) -> String {
        format!("\u{e000}{number}\u{e001}")
    }

    fn put(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, name) in &self.names {
            text = text.replace(name, &Self::slot(*number));
        }
        text
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, name) in &self.names {
            text = text.replace(&Self::slot(*number), name);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_names_are_slots() {
        let (one, two) = (["QUJD==/REVGRw==".to_owned()], ["eHl6==/ZGVm".to_owned()]);
        let (a, b) = (Slots::of(&one), Slots::of(&two));
        let text = "Deployment QUJD==/REVGRw== is down, QUJD==";
        assert_eq!(a.put(text), b.put("Deployment eHl6==/ZGVm is down, eHl6=="));
        assert_eq!(b.fill(&a.put(text)), "Deployment eHl6==/ZGVm is down, eHl6==");
        assert_eq!(a.fill(&a.put(text)), text);
    }
}
