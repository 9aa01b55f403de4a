//! Everything that stands around an answer when a server gives it: answers given before, the deadline, strictness, the
//! counters, the journal. Every protocol asks here, once for each question.
//!
//! Entry points: [`Desk::answer`], and [`Desk::stream`] for those who read while it is written.

use crate::{
    answer::{Answer, Answered},
    assistant::{AnswerError, Assistant, Outlet},
    cache::AnswerCache,
    documents::{self, Document},
    journal::Journal,
    request::{Occasion, Request},
    search::{self, Found},
};
use kb::{question::Question, store::Filter};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Takes the questions of a server. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    assistant: Assistant,
    cache: Arc<AnswerCache>,
    journal: Arc<Journal>,
}

/// The settings of one request; a running server may have others for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// For the whole answer.
    pub deadline: Duration,
    /// Whether a degraded answer is refused instead of given.
    pub strict: bool,
}

/// Why nothing is given.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no answer.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// No answer was ready within the deadline, which is the value.
    #[error("no answer within {0:?}")]
    TooLate(Duration),
    /// The answer is degraded, and the terms are strict.
    #[error("the language model cannot be used")]
    Degraded,
}

impl Desk {
    /// A desk that keeps at most `cached_answers`, and whose journal is in `state`; without a directory nothing is written.
    pub fn new(assistant: Assistant, cached_answers: usize, state: Option<PathBuf>) -> Self {
        Self {
            assistant,
            cache: Arc::new(AnswerCache::new(cached_answers)),
            journal: Arc::new(Journal::new(state)),
        }
    }

    /// The assistant that answers.
    pub fn assistant(&self) -> &Assistant {
        &self.assistant
    }

    /// The journal that ratings are written to.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// An answer, given before or new.
    pub async fn answer(
        &self,
        request: &Request,
        filter: &Filter,
        terms: Terms,
    ) -> Result<Answer, DeskError> {
        let occasion = Occasion::now(terms.deadline);
        Ok(self.answer_through(request, filter, occasion, terms, None).await?.into_answer())
    }

    /// The same, and what a model writes is shown through `outlet` while it is written. Only then can it be interrupted.
    pub async fn stream(
        &self,
        request: &Request,
        filter: &Filter,
        occasion: Occasion,
        terms: Terms,
        outlet: &Outlet,
    ) -> Result<Answered, DeskError> {
        self.answer_through(request, filter, occasion, terms, Some(outlet)).await
    }

    async fn answer_through(
        &self,
        request: &Request,
        filter: &Filter,
        occasion: Occasion,
        terms: Terms,
        outlet: Option<&Outlet>,
    ) -> Result<Answered, DeskError> {
        let answering = self.cache.answer(&self.assistant, request, filter, occasion, outlet);
        let answered = within(terms.deadline, answering).await?;
        let answer = answered.answer();
        self.assistant.metrics().answered(answer.status, answer.answered_by.as_str(), answer.degraded);
        // An interrupted answer was shown in part and cannot be refused any more.
        if matches!(&answered, Answered::Whole(answer) if terms.strict && answer.degraded.is_some()) {
            return Err(DeskError::Degraded);
        }
        self.journal.note(request, answer);
        Ok(answered)
    }

    /// At most `limit` passages.
    pub async fn search(
        &self,
        question: &Question,
        filter: &Filter,
        limit: usize,
        terms: Terms,
    ) -> Result<Found, DeskError> {
        within(terms.deadline, search::find(&self.assistant, question, filter, limit)).await
    }

    /// The document with this id, when `filter` shows it.
    pub async fn document(
        &self,
        id: &str,
        filter: &Filter,
        terms: Terms,
    ) -> Result<Option<Document>, DeskError> {
        let kb = self.assistant.knowledge_base().as_ref();
        within(terms.deadline, async { Ok(documents::find(kb, filter, id).await?) }).await
    }
}

/// The result of some work, if it comes before the deadline.
async fn within<T>(
    deadline: Duration,
    coming: impl Future<Output = Result<T, AnswerError>>,
) -> Result<T, DeskError> {
    match timeout(deadline, coming).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(DeskError::TooLate(deadline)),
    }
}
