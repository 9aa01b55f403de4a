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

/// How patient a breaker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that open it.
    pub max_failures: u32,
    /// How long it stays open.
    pub pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_failures: 5, pause: Duration::from_secs(20) }
    }
}

/// An [`Llm`] that is not asked while it keeps failing.
pub struct Breaker {
    inner: Arc<dyn Llm>,
    settings: Settings,
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
    pub fn new(inner: Arc<dyn Llm>, settings: Settings) -> Self {
        Self { inner, settings, state: Arc::default() }
    }

    /// Whether a call would be turned away now.
    pub fn is_open(&self, now: Instant) -> bool {
        self.state().open_until.is_some_and(|until| now < until)
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
                state.open_until = Some(now + self.settings.pause);
                true
            }
            None => true,
        }
    }

    fn record(&self, succeeded: bool, now: Instant) {
        self.state().record(succeeded, now, self.settings);
    }
}

impl State {
    fn record(&mut self, succeeded: bool, now: Instant, settings: Settings) {
        self.asked = true;
        match succeeded {
            true => {
                self.failures = 0;
                self.open_until = None;
            }
            false => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= settings.max_failures {
                    self.open_until = Some(now + settings.pause);
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

    fn provider(&self) -> &'static str {
        self.inner.provider()
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        if !self.admit(Instant::now()) {
            return Err(LlmError::BreakerOpen);
        }
        let result = self.inner.complete(prompt, deadline).await;
        self.record(result.is_ok(), Instant::now());
        result
    }

    /// A stream that is not read to its end says nothing about the model.
    async fn stream(
        &self,
        prompt: &Prompt,
        begins_by: Instant,
        deadline: Instant,
    ) -> Result<ReplyStream, LlmError> {
        if !self.admit(Instant::now()) {
            return Err(LlmError::BreakerOpen);
        }
        let ReplyStream { model, usage, pieces } = match self.inner.stream(prompt, begins_by, deadline).await
        {
            Ok(reply) => reply,
            Err(error) => {
                self.record(false, Instant::now());
                return Err(error);
            }
        };
        let settings = self.settings;
        let watched =
            stream::try_unfold((pieces, self.state.clone()), move |(mut pieces, state)| async move {
                let next = pieces.try_next().await;
                if let Ok(None) | Err(_) = &next {
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    state.record(next.is_ok(), Instant::now(), settings);
                }
                next.map(|piece| piece.map(|piece| (piece, (pieces, state))))
            });
        Ok(ReplyStream { model, usage, pieces: watched.boxed() })
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
        async fn stream(&self, _: &Prompt, _: Instant, _: Instant) -> Result<ReplyStream, LlmError> {
            let pieces = stream::iter([Ok("Raise".to_owned()), Err(LlmError::Timeout)]).boxed();
            Ok(ReplyStream { model: "breaking".to_owned(), usage: None, pieces })
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_is_a_failure_and_one_that_is_left_is_none() {
        let question = kb::question::Question::parse("why?", None).expect("a question");
        let prompt = Prompt::grounded_in(&[], &question, &Default::default(), crate::prompt::Fence::random());
        let settings = Settings::default();
        let breaker = Breaker::new(Arc::new(Breaking), settings);
        let until = Instant::now() + settings.pause;
        let ask = async || breaker.stream(&prompt, until, until).await;
        for _ in 0..settings.max_failures {
            assert_eq!(breaker.health(), Health::Unknown);
            let mut left = ask().await.expect("it begins").pieces;
            assert_eq!(left.next().await, Some(Ok("Raise".to_owned())));
        }
        for _ in 0..settings.max_failures {
            let mut pieces = ask().await.expect("it begins").pieces;
            assert_eq!(pieces.try_next().await, Ok(Some("Raise".to_owned())));
            assert_eq!(pieces.try_next().await, Err(LlmError::Timeout));
            assert_eq!(breaker.health(), Health::Degraded);
        }
        assert_eq!(ask().await.err(), Some(LlmError::BreakerOpen));
    }

    #[test]
    fn it_opens_after_failures_and_lets_one_trial_through() {
        let settings = Settings::default();
        let breaker = Breaker::new(Arc::new(Never), settings);
        let start = Instant::now();
        for _ in 0..settings.max_failures {
            assert!(breaker.admit(start));
            breaker.record(false, start);
        }
        assert!(!breaker.admit(start) && breaker.is_open(start), "open");
        assert_eq!(breaker.health(), Health::Degraded);
        let later = start + settings.pause;
        assert!(breaker.admit(later), "the trial");
        assert!(!breaker.admit(later), "only one");
        breaker.record(true, later);
        assert!(breaker.admit(later), "closed again");
        assert_eq!(breaker.health(), Health::Ok);
    }
}
