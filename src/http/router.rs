//! The routes, and who may use them.
//!
//! To add one: a handler in a file of its own, what it takes and sends in `wire/`, a line in [`routes`], and its path
//! in `openapi.rs`.

use super::{
    ask, auth::Role, chat, completions, documents, error::ApiError, feedback, guard, health, mcp, metrics,
    models, observe, openapi, search, state::AppState, wire::filter,
};
use axum::{
    Router,
    extract::State,
    http::{self, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;

/// A path, its method, and the role that it takes; `None` is open to everybody.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
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

/// The reply where a handler panicked. The panic's own message goes only to the log: see
/// [`crate::telemetry::log_panics`].
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal().into_response()
}

/// Lets a caller through who has the role `role`. The limits on the documents that the caller may see go with a request
/// of the role [`Role::Ask`], as a [`Filter`].
async fn admit(
    State((state, role)): State<(AppState, Role)>,
    mut request: http::Request<axum::body::Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = state.settings().tokens.current().admit(authorization, role)?;
    if role == Role::Ask {
        let filter = filter::limited(filter::of_query(request.uri().query().unwrap_or_default())?, &caller);
        request.extensions_mut().insert(filter);
    }
    Ok(next.run(request).await)
}
