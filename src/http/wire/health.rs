//! What the probes send.

use super::named::named;
use answer::llm;
use serde::Serialize;
use utoipa::ToSchema;

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// `ok`.
    status: &'static str,
}

impl Status {
    /// All is well.
    pub const OK: Self = Self { status: "ok" };
}

/// Whether the server can answer, and what is in its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// `ready`, `not ready` or `draining`.
    pub status: &'static str,
    /// `ok`; `unavailable`; `damaged`: the files were damaged or overwritten, and answers come from the last state that was
    /// whole; `outdated`: so they do because this program cannot use what the files hold now.
    pub knowledge_base: &'static str,
    /// What is wrong with the knowledge base's files, with the file and the way out.
    #[schema(required)]
    pub reason: Option<String>,
    #[schema(required)]
    pub kb_version: Option<String>,
    /// `ok` or `stopped`.
    pub embedder: &'static str,
    /// `not configured`, or how the last call went: `unknown`, `ok`, `degraded`.
    pub llm: &'static str,
    /// Each provider of the model, in the order in which they are asked.
    pub llm_providers: Vec<ProviderHealth>,
}

named!(Health, llm::Health, "What is known of a model without asking it.");

/// One provider's state.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderHealth {
    /// Its name, as configured.
    provider: &'static str,
    /// Its health.
    health: Health,
}

impl From<llm::ProviderHealth> for ProviderHealth {
    fn from(provider: llm::ProviderHealth) -> Self {
        Self { provider: provider.provider, health: provider.health.into() }
    }
}
