//! A circuit breaker: after several failures in a row a model is left alone for a while, so that a dead endpoint costs
//! its timeout a few times, not with every question. Then one call tries it again.

use super::{Health, Llm, LlmError, Reply};
use crate::prompt::Prompt;
use async_trait::async_trait;
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
    state: Mutex<State>,
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
        Self { inner, state: Mutex::new(State::default()) }
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
        let mut state = self.state();
        state.asked = true;
        match succeeded {
            true => {
                state.failures = 0;
                state.open_until = None;
            }
            false => {
                state.failures = state.failures.saturating_add(1);
                if state.failures >= MAX_FAILURES {
                    state.open_until = Some(now + PAUSE);
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
