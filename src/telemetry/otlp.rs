//! Spans to a collector: OTLP over HTTP with protobuf, `POST {endpoint}/v1/traces`.
//!
//! Spans wait in a bounded queue that a thread of its own empties; when the collector is slow or away they are dropped,
//! and no request notices. The standard variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`) are read by its own library.

use async_trait::async_trait;
use axum::body::Bytes;
use net::{Client, HeaderValue, Method, Policy, Settings, header};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::runtime::Handle;

/// The deadline of one batch of spans, its connection included.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the last spans when the program ends.
const FLUSH: Duration = Duration::from_secs(2);
/// Largest reply of a collector that is read.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Sends spans to a collector.
pub struct Exporter(SdkTracerProvider);

/// Spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The collector cannot be called.
    #[error("failed to set up the HTTP client for spans")]
    Client(#[source] net::SetupError),
    /// The endpoint cannot be used.
    #[error("`telemetry.otlp_endpoint (OTEL_EXPORTER_OTLP_ENDPOINT)` cannot be used")]
    Endpoint(#[source] opentelemetry_otlp::ExporterBuildError),
}

impl Exporter {
    /// Starts the queue and its thread; nothing is sent yet. Must be called on a runtime.
    pub fn start(endpoint: &str) -> Result<Self, OtlpError> {
        let settings =
            Settings::new(endpoint, Policy::once(TIMEOUT, MAX_REPLY_BYTES)).map_err(OtlpError::Client)?;
        let client = Client::new(settings).map_err(OtlpError::Client)?;
        let client = OwnClient { client, runtime: Handle::current(), failing: AtomicBool::new(false) };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(OtlpError::Endpoint)?;
        let resource = Resource::builder()
            .with_service_name("runbookd")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self(provider))
    }

    /// The provider that makes spans.
    pub(super) fn provider(&self) -> &SdkTracerProvider {
        &self.0
    }

    /// Sends what is waiting, for two seconds at most.
    pub async fn shut_down(self) {
        let flushing = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH));
        if !matches!(flushing.await, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be exported");
        }
    }
}

/// The HTTP client that the rest of the program uses, for the exporter's thread, which has no runtime of its own.
struct OwnClient {
    client: Client,
    runtime: Handle,
    failing: AtomicBool,
}

impl fmt::Debug for OwnClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnClient")
    }
}

#[async_trait]
impl HttpClient for OwnClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { send(&client, request).await }).await;
        let result = sent.unwrap_or_else(|error| Err(error.into()));
        let succeeded = result.as_ref().is_ok_and(|response| response.status().is_success());
        // Said once when it begins and once when it ends: a batch fails every few seconds.
        match (succeeded, self.failing.swap(!succeeded, Ordering::Relaxed)) {
            (false, false) => tracing::warn!("spans cannot be exported at the moment; they are dropped"),
            (true, true) => tracing::info!("spans can be exported again"),
            _ => {}
        }
        result
    }
}

/// One try. A reply with a status of failure is a response without its headers and its body: the exporter tells the status.
async fn send(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (head, body) = request.into_parts();
    let mut call = client.call(Method::POST, &head.uri.to_string())?.content(body);
    call = call.header(header::ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in &head.headers {
        call = call.header(name.clone(), value.clone());
    }
    match call.send().await {
        Ok(reply) => {
            let mut response = Response::builder().status(reply.status);
            if let Some(headers) = response.headers_mut() {
                *headers = reply.headers;
            }
            Ok(response.body(reply.body)?)
        }
        Err(error) => match error.status() {
            Some(status) => Ok(Response::builder().status(status).body(Bytes::new())?),
            None => Err(error.into()),
        },
    }
}
