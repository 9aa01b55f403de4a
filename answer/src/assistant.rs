//! A question's path from text to [`Answer`]: retrieve, decide, ask the model, check, and where that fails, quote the
//! evidence. Entry points: [`Assistant::answer`], and [`Assistant::stream`] for those who read while it is written.
//!
//! The clock and all randomness come in with an [`Occasion`], so that an evaluation can repeat itself exactly. The
//! parts that a server adds (the cache of given answers, deadlines, the journal) are in `desk.rs`.

use crate::{
    answer::{Answer, Answered, Written},
    calibration,
    degraded::Degraded,
    draft::{Draft, Verdict},
    evidence::Evidence,
    extractive::{self, Material},
    format::Format,
    llm::{Health, Llm, LlmError, ProviderHealth, ReplyStream, Usage},
    metrics::{Metrics, Resource},
    prompt::Prompt,
    reply::{self, Checks, Refusal},
    request::{Occasion, Request},
    ruled::with_prohibitions,
    spans,
    translations::{self, Page},
    warnings,
};
use futures::TryStreamExt;
use kb::{
    answerable::{Decided, Status},
    question::Question,
    retrieve::{Options, Retrieval, RetrieveError, Retriever},
    store::{Filter, KnowledgeBase, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Semaphore, SemaphorePermit, mpsc},
    task::block_in_place,
    time::{Instant, timeout},
};

/// The usage where no model was asked.
const NOTHING_SPENT: Option<Usage> = Some(Usage { input_tokens: 0, output_tokens: 0 });

/// Time kept free between the model's deadline and the asker's, for what follows.
const AFTER_LLM: Duration = Duration::from_millis(500);

/// How an assistant works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much is retrieved.
    pub retrieval: Options,
    /// For one model call, all tries included.
    pub llm_timeout: Duration,
    /// Most model calls at once; a question that finds no slot is answered from the evidence.
    pub llm_slots: usize,
    /// Most searches at once; half as many more may wait.
    pub search_slots: usize,
    /// Longest wait for a search slot.
    pub search_wait: Duration,
    /// Whether a client's length limit is kept.
    pub keep_length: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retrieval: Options::default(),
            llm_timeout: Duration::from_secs(30),
            llm_slots: 8,
            search_slots: 32,
            search_wait: Duration::from_secs(5),
            keep_length: true,
        }
    }
}

/// The reason for no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The knowledge base could not be read.
    #[error("the knowledge base cannot be read")]
    KnowledgeBase(#[from] StoreError),
    #[error("the search failed")]
    Retrieve(#[from] RetrieveError),
    /// No search slot came free, or too many wait for one.
    #[error("too many questions at once; no search slot was free within {waited:?}")]
    Overloaded { waited: Duration },
}

/// The receiver of a streamed answer while it is written.
pub type Outlet = mpsc::Sender<Delta>;

/// The next part of an answer, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The model that writes it.
    pub model: String,
    /// The text; together they are how the answer's text begins.
    pub text: String,
}

/// Answers questions from a knowledge base. Cheap to clone.
#[derive(Clone)]
pub struct Assistant(Arc<Inner>);

struct Inner {
    kb: Arc<dyn KnowledgeBase>,
    retriever: Retriever,
    llm: Option<Arc<dyn Llm>>,
    settings: Settings,
    calibration: calibration::Current,
    search_slots: Semaphore,
    /// Slots and the places of those who wait for one.
    search_places: Semaphore,
    llm_slots: Semaphore,
    metrics: Metrics,
}

impl Assistant {
    /// An assistant over a knowledge base, which counts in `metrics`; without a model it quotes the evidence.
    pub fn new(
        kb: Arc<dyn KnowledgeBase>,
        retriever: Retriever,
        llm: Option<Arc<dyn Llm>>,
        settings: Settings,
        metrics: Metrics,
    ) -> Self {
        let search_slots = Semaphore::new(settings.search_slots);
        // Further questions are refused at once: the longer all wait, the fewer callers still need the answer.
        let search_places = Semaphore::new(settings.search_slots + settings.search_slots.div_ceil(2));
        let llm_slots = Semaphore::new(settings.llm_slots);
        let calibration = calibration::Current::default();
        Self(Arc::new(Inner {
            kb,
            retriever,
            llm,
            settings,
            calibration,
            search_slots,
            search_places,
            llm_slots,
            metrics,
        }))
    }

    /// The knowledge base it reads.
    pub fn knowledge_base(&self) -> &Arc<dyn KnowledgeBase> {
        &self.0.kb
    }

    /// The model's name and health; `None` without one.
    pub fn llm(&self) -> Option<(&str, Health)> {
        self.0.llm.as_ref().map(|llm| (llm.model(), llm.health()))
    }

    /// The providers of the model, in the order in which they are asked.
    pub fn llm_providers(&self) -> Vec<ProviderHealth> {
        self.0.llm.as_ref().map(|llm| llm.providers()).unwrap_or_default()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Sets the gauges of what is in use at this moment: slots, and providers of the model that are left alone.
    pub fn show_use(&self) {
        let Settings { search_slots, llm_slots, .. } = self.0.settings;
        for (resource, total, slots) in [
            (Resource::Search, search_slots, &self.0.search_slots),
            (Resource::Llm, llm_slots, &self.0.llm_slots),
        ] {
            self.0.metrics.set_slots(resource, total, total.saturating_sub(slots.available_permits()));
        }
        let providers = self.llm_providers();
        for one in &providers {
            // Two endpoints of one model are one series: open when either is.
            let is_same =
                |other: &&ProviderHealth| (other.provider, &other.model) == (one.provider, &one.model);
            let is_open = providers.iter().filter(is_same).any(|other| other.is_left_alone);
            self.0.metrics.set_breaker(one.provider, &one.model, is_open);
        }
    }

    /// Answers a question from the documents that `filter` shows. An `Err` means that the knowledge base could not be
    /// asked; everything a model can do wrong ends in an [`Answer`].
    pub async fn answer(
        &self,
        request: &Request,
        filter: &Filter,
        occasion: Occasion,
    ) -> Result<Answer, AnswerError> {
        Ok(self.answer_through(request, filter, occasion, None).await?.into_answer())
    }

    /// The same, and what the model writes is shown block by block as soon as it is checked. The answer that is
    /// returned begins with what was shown; when the rest does not come, it is [`Answered::Interrupted`]. A text that
    /// the model did not write is only returned.
    pub async fn stream(
        &self,
        request: &Request,
        filter: &Filter,
        occasion: Occasion,
        outlet: &Outlet,
    ) -> Result<Answered, AnswerError> {
        self.answer_through(request, filter, occasion, Some(outlet)).await
    }

    async fn answer_through(
        &self,
        request: &Request,
        filter: &Filter,
        occasion: Occasion,
        outlet: Option<&Outlet>,
    ) -> Result<Answered, AnswerError> {
        let question = &request.question;
        let format = match self.0.settings.keep_length {
            true => request.format,
            false => request.format.without_limit(),
        };
        let Decided { retrieval, mut decision } = self.decide(question, filter).await?;
        let version_gap = retrieval.version_gap.as_ref();
        if let (Some(gap), Status::Answered) = (version_gap, decision.status) {
            decision.status = Status::Partial;
            decision.reason =
                format!("the documents describe version {}, not {}", gap.described.join(", "), gap.asked);
        }
        let draft = Draft {
            question,
            occasion: &occasion,
            decision: &decision,
            kb_version: retrieval.view.version(),
            version_gap,
            warnings: &[],
            usage: NOTHING_SPENT,
        };
        if decision.status == Status::Unknown || retrieval.evidence.is_empty() {
            return Ok(Answered::Whole(draft.unknown(&retrieval, &decision.reason)));
        }

        let evidence = with_prohibitions(Evidence::of_hits(&retrieval.evidence), &retrieval).await?;
        let warnings = warnings::told(&evidence, question);
        let (asked, usage) = self.ask_model(&evidence, question, &format, &occasion, outlet).await;
        let draft = Draft { usage, warnings: &warnings, ..draft };
        let degraded = match asked {
            Asked::Answered(written, model, verdict) => {
                return Ok(Answered::Whole(draft.by_llm(written, model, verdict)));
            }
            Asked::Interrupted(written, model, verdict, cause) => {
                return Ok(Answered::Interrupted(draft.interrupted(written, model, verdict, cause)));
            }
            Asked::DoesNotKnow(reason)
                if !evidence.iter().any(|passage| passage.applies() || passage.may_apply()) =>
            {
                return Ok(Answered::Whole(draft.unknown(&retrieval, reason)));
            }
            Asked::DoesNotKnow(_) => Some(Degraded::LlmUncited),
            Asked::Failed(cause) => Some(cause),
            Asked::NoModel => None,
        };

        let page = match extractive::leading(&evidence) {
            Some(lead) => translations::unit_of(&retrieval, lead, question.language()).await?,
            None => Page::default(),
        };
        let material = Material {
            evidence: &evidence,
            passages: &page.passages,
            depth: page.depth,
            lead: page.lead.as_deref(),
            twin: page.twin.as_ref(),
            linked: &page.linked,
        };
        Ok(Answered::Whole(match extractive::answer(&material, question, &format) {
            Some(written) => draft.extractive(written, degraded),
            None => draft.unknown(&retrieval, "the evidence holds no text to quote"),
        }))
    }

    /// Searches one state of the knowledge base through `filter`, when a search slot comes free in time.
    pub async fn search(
        &self,
        question: &Question,
        filter: &Filter,
        options: &Options,
    ) -> Result<Retrieval, AnswerError> {
        let searching = async {
            let _slots = self.search_slot().await?;
            let view = self.0.kb.view(filter).await?;
            Ok(self.0.retriever.retrieve(view, question, options).await?)
        };
        spans::search(&self.0.metrics, searching).await
    }

    /// Searches for what an answer may rest on, and decides whether it answers the question.
    pub async fn decide(&self, question: &Question, filter: &Filter) -> Result<Decided, AnswerError> {
        let calibration = self.0.calibration.of(self.0.kb.as_ref()).await?;
        let searching = async {
            let _slots = self.search_slot().await?;
            let view = self.0.kb.view(filter).await?;
            Ok(self.0.retriever.decide(view, question, &self.0.settings.retrieval, &calibration).await?)
        };
        spans::search(&self.0.metrics, searching).await
    }

    /// A place and a slot, held while they are kept.
    async fn search_slot(&self) -> Result<[SemaphorePermit<'_>; 2], AnswerError> {
        let refuse = |waited| {
            self.0.metrics.slot_refused(Resource::Search);
            AnswerError::Overloaded { waited }
        };
        let place = self.0.search_places.try_acquire().map_err(|_| refuse(Duration::ZERO))?;
        let wait = self.0.settings.search_wait;
        match timeout(wait, self.0.search_slots.acquire()).await {
            Ok(slot) => Ok([place, slot.expect("the semaphore is never closed")]),
            Err(_) => Err(refuse(wait)),
        }
    }

    /// The outcome of the call, and the tokens that the model counted for it; `None` where it did not tell.
    async fn ask_model(
        &self,
        evidence: &[Evidence],
        question: &Question,
        format: &Format,
        occasion: &Occasion,
        outlet: Option<&Outlet>,
    ) -> (Asked, Option<Usage>) {
        let Some(llm) = &self.0.llm else { return (Asked::NoModel, NOTHING_SPENT) };
        let Ok(_slot) = self.0.llm_slots.try_acquire() else {
            self.0.metrics.slot_refused(Resource::Llm);
            return (Asked::Failed(Degraded::Overloaded), NOTHING_SPENT);
        };
        let asker_waits_until = occasion.deadline.checked_sub(AFTER_LLM).unwrap_or(occasion.deadline);
        let deadline = (Instant::now() + self.0.settings.llm_timeout).min(asker_waits_until);
        let prompt = Prompt::grounded_in(evidence, question, format, occasion.fence.clone());
        let asked = match outlet {
            None => llm.complete(&prompt, deadline).await.map(ReplyStream::from),
            Some(_) => llm.stream(&prompt, deadline, deadline).await,
        };
        let ReplyStream { model, usage, mut pieces } = match asked {
            Ok(reply) => reply,
            Err(error) => return (Asked::Failed(logged(&error, occasion)), None),
        };
        let mut checks = Checks::new(evidence, question, format);
        if outlet.is_none() {
            checks = checks.unshown();
        }
        let mut num_bytes = 0;
        let error = loop {
            let piece = match pieces.try_next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            num_bytes += piece.len();
            let text = apart(num_bytes, || checks.push(&piece));
            if let Some(outlet) = outlet.filter(|_| !text.is_empty()) {
                // A caller who hangs up ends the whole call, so a closed channel needs no answer here.
                let _ = outlet.send(Delta { model: model.clone(), text }).await;
            }
            if checks.is_too_long() {
                break Some(LlmError::TooLarge { max_bytes: reply::MAX_BYTES });
            }
        };
        if let Some(error) = error {
            let cause = logged(&error, occasion);
            let asked = match checks.emitted() {
                Some(written) => Asked::Interrupted(written, model, verdict(&checks), cause),
                None => Asked::Failed(cause),
            };
            return (asked, usage);
        }
        let asked = match apart(num_bytes, || checks.finish()) {
            Ok(written) => Asked::Answered(written, model, verdict(&checks)),
            Err(Refusal::SaidSo) => Asked::DoesNotKnow("the model found no answer in the documents"),
            Err(Refusal::Uncited) => Asked::DoesNotKnow("the model's reply cited none of the documents"),
            Err(Refusal::Forbidden) => Asked::Failed(Degraded::LlmForbidden),
            Err(Refusal::Empty) => Asked::Failed(Degraded::LlmEmpty),
            Err(Refusal::MaskedName) => Asked::Failed(Degraded::LlmMaskedName),
            Err(Refusal::TooLong) => Asked::Failed(Degraded::LlmTooLarge),
        };
        (asked, usage)
    }
}

/// From this many bytes on, a single block of a reply may take milliseconds to check.
const LONG_REPLY: usize = 4 << 10;

/// Does the work of a long reply where it delays no other task, as far as the runtime has other threads.
fn apart<T>(num_bytes: usize, work: impl FnOnce() -> T) -> T {
    match num_bytes >= LONG_REPLY && Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        true => block_in_place(work),
        false => work(),
    }
}

/// Says in the log why the model is of no use now.
fn logged(error: &LlmError, occasion: &Occasion) -> Degraded {
    match error.is_ours() {
        true => {
            tracing::error!(target: "runbookd::assistant", answer = occasion.id, %error, "the model cannot be used")
        }
        false => {
            tracing::warn!(target: "runbookd::assistant", answer = occasion.id, %error, "the model failed")
        }
    }
    error.cause()
}

/// The findings of the checks.
fn verdict(checks: &Checks<'_>) -> Verdict {
    Verdict { contradicts: checks.contradicts(), unsupported: checks.unsupported() }
}

/// The outcome of the model's call.
enum Asked {
    /// The text, the model's name, and the findings of the checks.
    Answered(Written, String, Verdict),
    /// The same, and why the rest did not come.
    Interrupted(Written, String, Verdict, Degraded),
    DoesNotKnow(&'static str),
    Failed(Degraded),
    NoModel,
}
