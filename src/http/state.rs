//! The state that the handlers share.

use super::{bodies::Bodies, error::ApiError, settings::Server};
use crate::metrics::Metrics;
use answer::{
    Answer, Assistant, Request,
    desk::{Desk, Terms},
};
use arc_swap::ArcSwap;
use kb::{embed::Embedder, store::Filter};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub(super) desk: Desk,
    pub(super) embedder: Embedder,
    pub(super) metrics: Metrics,
    pub(super) bodies: Bodies,
    settings: Arc<ArcSwap<Server>>,
    draining: Arc<AtomicBool>,
}

impl AppState {
    /// The state of a server.
    pub fn new(assistant: Assistant, embedder: Embedder, metrics: Metrics, settings: Server) -> Self {
        Self {
            desk: Desk::new(assistant, settings.cached_answers, settings.state.clone()),
            embedder,
            metrics,
            bodies: Bodies::default(),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            draining: Arc::default(),
        }
    }

    /// Makes the server unready from now on: it is about to stop.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The settings in use.
    pub fn settings(&self) -> Arc<Server> {
        self.settings.load_full()
    }

    /// From now on the server goes by other settings, as far as it takes new ones while it runs: see `config::LIVE_KEYS`.
    /// Requests under way go on by those that they began with.
    pub fn take_up(&self, new: Server) {
        let old = self.settings();
        old.tokens.become_as(&new.tokens);
        let live = Server {
            deadline: new.deadline,
            max_body_bytes: new.max_body_bytes,
            read_timeout: new.read_timeout,
            shutdown_delay: new.shutdown_delay,
            allowed_hosts: new.allowed_hosts,
            strict: new.strict,
            ..Server::clone(&old)
        };
        self.settings.store(Arc::new(live));
    }

    /// The terms of a request that begins now.
    pub(super) fn terms(&self) -> Terms {
        let settings = self.settings();
        Terms { deadline: settings.deadline, strict: settings.strict }
    }

    /// An answer of the desk.
    pub(super) async fn answer(&self, request: &Request, filter: &Filter) -> Result<Answer, ApiError> {
        Ok(self.desk.answer(request, filter, self.terms()).await?)
    }
}
