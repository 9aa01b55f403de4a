//! Around every request: its id, its span, its line in the log, its figures. They hold no more of the request than
//! its method, the template of its route and its id, for a path and a query string may name private things.

use super::state::AppState;
use crate::metrics::Metrics;
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use opentelemetry::{propagation::TextMapPropagator, trace::Status};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer id than this is replaced.
const MAX_ID_BYTES: usize = 128;
/// The name of the route, in the log and the figures, of a request whose path no route has.
const UNMATCHED: &str = "unmatched";
/// Routes that machines ask every few seconds; their success is not worth a line.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Gives a request its id, and tells of it when its reply has been sent or its client has left.
pub async fn request(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = route(&request);
    let method = method_name(request.method());
    let span = span(&state, &request, &id, &route, method);
    let metrics = state.metrics.clone();
    metrics.request_begins();
    let mut ending =
        Ending { metrics, span: span.clone(), route, method, status: None, began: Instant::now() };
    let mut response = next.run(request).instrument(span).await;
    ending.status = Some(response.status().as_u16());
    response.headers_mut().insert(REQUEST_ID, id);
    response.map(|body| Body::new(ObservedBody { body, ending }))
}

/// The caller's id where it is one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_sane = |id: &&HeaderValue| {
        (1..=MAX_ID_BYTES).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~:+/=@".contains(byte))
    };
    headers.get(REQUEST_ID).filter(is_sane).cloned().unwrap_or_else(|| {
        let id = format!("{:032x}", rand::random::<u128>());
        HeaderValue::try_from(id).expect("hexadecimal digits are a header's value")
    })
}

/// The template of the request's route, the same with a slash at its end.
fn route(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match matched.map(|path| path.trim_end_matches('/')) {
        None => UNMATCHED.to_owned(),
        Some("") => "/".to_owned(),
        Some(path) => path.to_owned(),
    }
}

/// The method; a client may make one up.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn span(state: &AppState, request: &Request, id: &HeaderValue, route: &str, method: &'static str) -> Span {
    let is_traced = state.settings().traces;
    // On the highest level, so that a line has its request's id whatever the log's level is.
    let span = tracing::error_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        otel.kind = is_traced.then_some("server"),
        otel.name = is_traced.then(|| format!("{method} {route}")),
    );
    if is_traced {
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
        // It fails only where no spans are exported.
        let _ = span.set_parent(parent);
        span.set_attribute("http.request.method", method);
        span.set_attribute("http.route", route.to_owned());
    }
    span
}

/// Tells of a request when it is dropped, which is when its reply has been sent or its client has left.
struct Ending {
    metrics: Metrics,
    span: Span,
    route: String,
    method: &'static str,
    status: Option<u16>,
    began: Instant,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Self { metrics, span, route, method, status, began } = self;
        let took = began.elapsed();
        metrics.request_ends(route, method, *status, took);
        if let Some(status) = *status {
            span.set_attribute("http.response.status_code", i64::from(status));
            if status >= 500 {
                span.set_attribute("error.type", status.to_string());
                span.set_status(Status::error(""));
            }
        }
        let _entered = span.enter();
        let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        match status {
            Some(status) if *status < 400 && PROBES.contains(&route.as_str()) => {
                tracing::debug!(method, route, status, duration_ms, "request");
            }
            Some(status) => tracing::info!(method, route, status, duration_ms, "request"),
            None => tracing::info!(method, route, duration_ms, "request canceled by its client"),
        }
    }
}

/// A reply's body, made within its request's span.
struct ObservedBody {
    body: Body,
    ending: Ending,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, ending } = &mut *self;
        let _entered = ending.span.enter();
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_kept_when_it_is_one() {
        let check = |given: &[u8], kept: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(given).expect("a header's value"));
            let id = request_id(&headers);
            assert_eq!(id.as_bytes() == given, kept, "{given:?}");
            assert!(!id.is_empty() && id.len() <= MAX_ID_BYTES && id.to_str().is_ok());
        };
        check(b"0af7651916cd43dd8448eb211c80319c", true);
        check(b"Root=1-67891233-abcdef012345678912345678", true);
        check(&[b'a'; MAX_ID_BYTES], true);
        check(&[b'a'; MAX_ID_BYTES + 1], false);
        check(b"", false);
        check(b"two words", false);
        check(b"a\"b", false);
        check(b"\xff\xfe", false);
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
