//! The routes, who may use them, and what they share.

use super::{
    ask, auth::Role, body::Bodies, chat, completions, documents, error::ApiError, feedback, guard, health,
    mcp, metrics, models, observe, openapi, search, wire::filter,
};
use crate::config::Server;
use answer::{
    answer::Answer,
    assistant::{AnswerError, Assistant, Occasion, Outlet, Request},
    cache::AnswerCache,
    journal::Journal,
};
use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::State,
    http::{self, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use kb::{embed::Embedder, store::Filter};
use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub(super) assistant: Assistant,
    pub(super) embedder: Embedder,
    pub(super) journal: Arc<Journal>,
    pub(super) bodies: Bodies,
    cache: Arc<AnswerCache>,
    settings: Arc<ArcSwap<Server>>,
    draining: Arc<AtomicBool>,
}

impl AppState {
    /// The state of a server.
    pub fn new(assistant: Assistant, embedder: Embedder, settings: Server) -> Self {
        Self {
            assistant,
            embedder,
            bodies: Bodies::default(),
            journal: Arc::new(Journal::new(settings.state.clone())),
            cache: Arc::new(AnswerCache::new(settings.cached_answers)),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            draining: Arc::default(),
        }
    }

    /// From now on readiness says no: the server is about to stop.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// What the server goes by now.
    pub fn settings(&self) -> Arc<Server> {
        self.settings.load_full()
    }

    /// From now on the server goes by other settings, as far as it takes new ones while it runs: see [`crate::config::LIVE_KEYS`].
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

    /// An answer within the server's own deadline, given before or new; the journal remembers what it was.
    pub(super) async fn answer(&self, request: &Request, scope: &Filter) -> Result<Answer, ApiError> {
        self.answer_through(request, scope, Occasion::now(self.settings().deadline), None).await
    }

    /// The same, and what a model writes is shown through `outlet` while it is written. Only then can it end early: the
    /// answer is [`interrupted`](Answer::is_interrupted).
    pub(super) async fn answer_through(
        &self,
        request: &Request,
        scope: &Filter,
        occasion: Occasion,
        outlet: Option<&Outlet>,
    ) -> Result<Answer, ApiError> {
        let settings = self.settings();
        let answering = self.cache.answer(&self.assistant, request, scope, occasion, outlet);
        let answer = match timeout(settings.deadline, answering).await {
            Ok(Err(AnswerError::Interrupted(answer))) => {
                self.assistant.metrics().answered(&answer);
                self.journal.note(request, &answer);
                return Ok(*answer);
            }
            Ok(answered) => answered?,
            Err(_) => return Err(ApiError::deadline()),
        };
        self.assistant.metrics().answered(&answer);
        if settings.strict && answer.degraded.is_some() {
            return Err(ApiError::unavailable("the language model cannot be used at the moment"));
        }
        self.journal.note(request, &answer);
        Ok(answer)
    }
}

/// A path, its method, and the role that it takes; `None` is open to everybody.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// The role.
    pub role: Option<Role>,
    handler: MethodRouter<AppState>,
}

impl Route {
    /// Whether web pages are kept out; probes tell them nothing.
    pub fn is_guarded(&self) -> bool {
        !matches!(self.path, "/healthz" | "/readyz")
    }

    /// Whether what it shows is narrowed by the query string; the list of models shows no document.
    pub fn is_scoped(&self) -> bool {
        self.role == Some(Role::Ask) && self.path != "/v1/models"
    }
}

/// Every route there is.
pub fn routes() -> Vec<Route> {
    let open = |path, handler| Route { method: Method::GET, path, role: None, handler };
    let reads = |path, handler| Route { method: Method::GET, path, role: Some(Role::Ask), handler };
    let asks = |path, handler| Route { method: Method::POST, path, role: Some(Role::Ask), handler };
    vec![
        asks("/completions", post(completions::completions)),
        asks("/v1/completions", post(completions::v1_completions)),
        asks("/v1/chat/completions", post(chat::chat_completions)),
        asks("/v1/ask", post(ask::ask)),
        asks("/v1/search", post(search::search)),
        reads("/v1/documents", get(documents::document)),
        reads("/v1/models", get(models::models)),
        Route {
            method: Method::POST,
            path: "/v1/feedback",
            role: Some(Role::Feedback),
            handler: post(feedback::feedback),
        },
        asks("/mcp", post(mcp::mcp)),
        Route {
            method: Method::GET,
            path: "/metrics",
            role: Some(Role::Metrics),
            handler: get(metrics::metrics),
        },
        open("/healthz", get(health::healthz)),
        open("/readyz", get(health::readyz)),
        open("/openapi.json", get(openapi::openapi)),
    ]
}

/// The service. A trailing slash is the same path: a redirect would turn k8sgpt's POST into a GET.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let is_guarded = route.is_guarded();
        let Route { path, role, mut handler, .. } = route;
        if let Some(role) = role {
            handler = handler.layer(middleware::from_fn_with_state((state.clone(), role), admit));
        }
        if is_guarded {
            handler = handler.layer(middleware::from_fn_with_state(state.clone(), guard::pages));
        }
        router = router.route(path, handler.clone()).route(&format!("{path}/"), handler);
    }
    router
        .fallback(|| async { ApiError::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { ApiError::method() })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), observe::request))
        .with_state(state)
}

/// The reply where a handler panicked. What the panic says is for the log: see [`crate::telemetry::log_panics`].
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal().into_response()
}

/// Lets a caller through who may do what `role` allows. What they may see goes with the request, as a [`Filter`].
async fn admit(
    State((state, role)): State<(AppState, Role)>,
    mut request: http::Request<axum::body::Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = state.settings().tokens.current().admit(authorization, role)?;
    if role == Role::Ask {
        let scope = filter::limited(filter::of_query(request.uri().query().unwrap_or_default())?, &caller);
        request.extensions_mut().insert(scope);
    }
    Ok(next.run(request).await)
}
