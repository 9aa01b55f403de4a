//! The routes and what they share.

use super::{auth, completions, error::ApiError, health, scope};
use crate::{
    answer::Answer,
    assistant::{Assistant, Occasion, Request},
    config::Server,
};
use axum::{
    Router,
    http::{HeaderMap, Uri, header},
    routing::{get, post},
};
use kb::{embed::Embedder, store::Filter};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::time::timeout;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub(super) assistant: Assistant,
    pub(super) embedder: Embedder,
    settings: Arc<Server>,
    draining: Arc<AtomicBool>,
}

impl AppState {
    /// The state of a server.
    pub fn new(assistant: Assistant, embedder: Embedder, settings: Server) -> Self {
        Self { assistant, embedder, settings: Arc::new(settings), draining: Arc::default() }
    }

    /// From now on readiness says no: the server is about to stop.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn settings(&self) -> &Server {
        &self.settings
    }

    /// What the caller of a request may see, when they may do what `role` allows.
    pub(super) fn admit(&self, headers: &HeaderMap, uri: &Uri, role: auth::Role) -> Result<Filter, ApiError> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = self.settings.tokens.admit(authorization, role)?;
        Ok(scope::limited(scope::of_query(uri.query().unwrap_or_default())?, &caller))
    }

    /// An answer within the server's own deadline.
    pub(super) async fn answer(&self, request: &Request, scope: &Filter) -> Result<Answer, ApiError> {
        let deadline = self.settings.deadline;
        match timeout(deadline, self.assistant.answer(request, scope, Occasion::now(deadline))).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ApiError::deadline()),
        }
    }
}

/// Every route. A trailing slash is the same path: a redirect would turn k8sgpt's POST into a GET.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/completions", post(completions::completions))
        .route("/completions/", post(completions::completions))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(|| async { ApiError::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { ApiError::method() })
        .with_state(state)
}
