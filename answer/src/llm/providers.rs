//! Several providers in order, as one [`Llm`]: where one fails the next is asked, within one deadline and with one
//! number of further tries for the whole call.
//!
//! - Every provider is asked once, in order, whatever the failure of the one before: another endpoint may have the key,
//!   the model or the connection that this one lacks. One behind an open breaker is left out.
//! - The time that is left is divided equally among those that were not asked yet, so that a silent first provider
//!   leaves time to the others; what a quick failure does not use goes to them as well.
//! - Then those whose failure may pass are asked again, first the one that may be asked soonest: after the pause it
//!   asked for with `Retry-After`, or a short one of ours.
//! - When all have failed, the failure is that of the first in order that was asked.

use super::{
    Health, Llm, LlmError, ProviderHealth, Reply, ReplyStream,
    breaker::{self, Breaker},
    calls,
    settings::ProviderSettings,
    turns::{Turn, Turns},
};
use crate::{metrics::Metrics, prompt::Prompt};
use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture};
use net::SetupError;
use tokio::time::{Instant, sleep_until};

/// At least one provider, each behind a breaker of its own.
pub struct Providers {
    providers: Vec<Provider>,
    metrics: Metrics,
}

struct Provider {
    kind: &'static str,
    llm: Breaker,
}

impl Providers {
    /// The configured providers, in order, whose calls are counted in `metrics`; `None` where no provider is
    /// configured. No request is sent yet.
    pub fn connect(
        settings: &[ProviderSettings],
        breaker: breaker::Settings,
        metrics: &Metrics,
    ) -> Result<Option<Self>, SetupError> {
        let connected = settings.iter().map(|settings| {
            let llm = Breaker::new(settings.connect()?, breaker);
            Ok(Provider { kind: settings.kind(), llm })
        });
        let providers = connected.collect::<Result<Vec<_>, SetupError>>()?;
        Ok((!providers.is_empty()).then(|| Self { providers, metrics: metrics.clone() }))
    }

    /// The first success of `ask`, which is given a provider and the time it has.
    async fn first_success<'a, T>(
        &'a self,
        deadline: Instant,
        ask: impl Fn(&'a dyn Llm, Instant) -> BoxFuture<'a, Result<T, LlmError>>,
    ) -> Result<T, LlmError> {
        let mut turns = Turns::new(self.providers.len(), Instant::now(), deadline);
        loop {
            let now = Instant::now();
            let is_open = |at: usize| self.providers[at].llm.is_open(now);
            let Some(Turn { provider, starts_at, ends_at }) = turns.next(now, is_open) else {
                return Err(turns.error());
            };
            sleep_until(starts_at).await;
            let error = match ask(&self.providers[provider].llm, ends_at).await {
                Ok(success) => return Ok(success),
                Err(error) => error,
            };
            self.report(&self.providers[provider], &error);
            turns.failed(provider, error, Instant::now());
        }
    }

    /// A failure that the caller may never hear of; of a single provider it always does.
    fn report(&self, provider: &Provider, error: &LlmError) {
        let (kind, model) = (provider.kind, provider.llm.model());
        match error {
            LlmError::BreakerOpen => {
                tracing::debug!(target: "runbookd::llm::providers", provider = kind, model, %error, "left out")
            }
            _ if self.providers.len() == 1 => {
                tracing::debug!(target: "runbookd::llm::providers", provider = kind, model, %error, "a try failed")
            }
            _ if error.is_ours() => {
                tracing::error!(target: "runbookd::llm::providers", provider = kind, model, %error, "this provider cannot be used")
            }
            _ => {
                tracing::warn!(target: "runbookd::llm::providers", provider = kind, model, %error, "this provider failed")
            }
        }
    }
}

#[async_trait]
impl Llm for Providers {
    /// The first provider's model.
    fn model(&self) -> &str {
        self.providers[0].llm.model()
    }

    /// The first provider's name.
    fn provider(&self) -> &'static str {
        self.providers[0].llm.provider()
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        let ask = |llm, until| calls::whole(&self.metrics, llm, llm.complete(prompt, until)).boxed();
        self.first_success(deadline, ask).await
    }

    /// A provider's share of the time is that for its first text; once it has begun, it may take what is left.
    async fn stream(
        &self,
        prompt: &Prompt,
        begins_by: Instant,
        deadline: Instant,
    ) -> Result<ReplyStream, LlmError> {
        let ask =
            |llm, until| calls::streamed(&self.metrics, llm, llm.stream(prompt, until, deadline)).boxed();
        self.first_success(begins_by, ask).await
    }

    /// The first provider's health: with it degraded answers still come, but not from where they should.
    fn health(&self) -> Health {
        self.providers[0].llm.health()
    }

    fn providers(&self) -> Vec<ProviderHealth> {
        let now = Instant::now();
        let one = |provider: &Provider| ProviderHealth {
            provider: provider.kind,
            model: provider.llm.model().to_owned(),
            health: provider.llm.health(),
            is_left_alone: provider.llm.is_open(now),
        };
        self.providers.iter().map(one).collect()
    }
}
