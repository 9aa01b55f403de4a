//! A circuit breaker: after several failures in a row a model is left alone for a while, so that a dead endpoint costs
//! its timeout a few times, not with every question. Then one call tries it again.

use super::{Health, Llm, LlmError, Reply, ReplyStream};
use crate::prompt::Prompt;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Failures in a row that open the breaker.
const MAX_FAILURES: u32 = 5;
/// How long it stays open.
const PAUSE: Duration = Duration::from_secs(20);

/// An [`Llm`] that is not asked while it keeps failing.
pub struct Breaker {
    inner: Arc<dyn Llm>,
    /// Shared with the streams under way: how they end counts too.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    asked: bool,
    failures: u32,
    /// Open until then; a call after it is the trial.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Guards a model.
    pub fn new(inner: Arc<dyn Llm>) -> Self {
        Self { inner, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may go through now; while a trial is under way no second one does.
    fn admit(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    fn record(&self, succeeded: bool, now: Instant) {
        self.state().record(succeeded, now);
    }
}

impl State {
    fn record(&mut self, succeeded: bool, now: Instant) {
        self.asked = true;
        match succeeded {
            true => {
                self.failures = 0;
                self.open_until = None;
            }
            false => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= MAX_FAILURES {
                    self.open_until = Some(now + PAUSE);
                }
            }
        }
    }
}

#[async_trait]
impl Llm for Breaker {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        if !self.admit(Instant::now()) {
            return Err(LlmError::BreakerOpen);
        }
        let result = self.inner.complete(prompt, deadline).await;
        self.record(result.is_ok(), Instant::now());
        result
    }

    /// A stream that nobody reads to its end says nothing about the model.
    async fn stream(&self, prompt: &Prompt, deadline: Instant) -> Result<ReplyStream, LlmError> {
        if !self.admit(Instant::now()) {
            return Err(LlmError::BreakerOpen);
        }
        let ReplyStream { model, pieces } = match self.inner.stream(prompt, deadline).await {
            Ok(reply) => reply,
            Err(error) => {
                self.record(false, Instant::now());
                return Err(error);
            }
        };
        let watched = stream::try_unfold((pieces, self.state.clone()), |(mut pieces, state)| async move {
            let next = pieces.try_next().await;
            if let Ok(None) | Err(_) = &next {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.record(next.is_ok(), Instant::now());
            }
            next.map(|piece| piece.map(|piece| (piece, (pieces, state))))
        });
        Ok(ReplyStream { model, pieces: watched.boxed() })
    }

    fn health(&self) -> Health {
        let state = self.state();
        match (state.asked, state.failures) {
            (false, _) => Health::Unknown,
            (true, 0) => Health::Ok,
            (true, _) => Health::Degraded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;

    #[async_trait]
    impl Llm for Never {
        fn model(&self) -> &str {
            "never"
        }
        async fn complete(&self, _: &Prompt, _: Instant) -> Result<Reply, LlmError> {
            Err(LlmError::Timeout)
        }
    }

    struct Breaking;

    #[async_trait]
    impl Llm for Breaking {
        fn model(&self) -> &str {
            "breaking"
        }
        async fn complete(&self, _: &Prompt, _: Instant) -> Result<Reply, LlmError> {
            Err(LlmError::Empty)
        }
        async fn stream(&self, _: &Prompt, _: Instant) -> Result<ReplyStream, LlmError> {
            let pieces = stream::iter([Ok("Raise".to_owned()), Err(LlmError::Timeout)]).boxed();
            Ok(ReplyStream { model: "breaking".to_owned(), pieces })
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_is_a_failure_and_one_that_is_left_is_none() {
        let question = kb::question::Question::parse("why?", None).expect("a question");
        let prompt = Prompt::grounded_in(&[], &question, &Default::default(), crate::prompt::Fence::random());
        let breaker = Breaker::new(Arc::new(Breaking));
        let ask = async || breaker.stream(&prompt, Instant::now() + PAUSE).await;
        for _ in 0..MAX_FAILURES {
            assert_eq!(breaker.health(), Health::Unknown);
            let mut left = ask().await.expect("it begins").pieces;
            assert_eq!(left.next().await, Some(Ok("Raise".to_owned())));
        }
        for _ in 0..MAX_FAILURES {
            let mut pieces = ask().await.expect("it begins").pieces;
            assert_eq!(pieces.try_next().await, Ok(Some("Raise".to_owned())));
            assert_eq!(pieces.try_next().await, Err(LlmError::Timeout));
            assert_eq!(breaker.health(), Health::Degraded);
        }
        assert_eq!(ask().await.err(), Some(LlmError::BreakerOpen));
    }

    #[test]
    fn it_opens_after_failures_and_lets_one_trial_through() {
        let breaker = Breaker::new(Arc::new(Never));
        let start = Instant::now();
        for _ in 0..MAX_FAILURES {
            assert!(breaker.admit(start));
            breaker.record(false, start);
        }
        assert!(!breaker.admit(start), "open");
        assert_eq!(breaker.health(), Health::Degraded);
        let later = start + PAUSE;
        assert!(breaker.admit(later), "the trial");
        assert!(!breaker.admit(later), "only one");
        breaker.record(true, later);
        assert!(breaker.admit(later), "closed again");
        assert_eq!(breaker.health(), Health::Ok);
    }
}
