//! Spans to a collector: OTLP over HTTP with protobuf, `POST {endpoint}/v1/traces`.
//!
//! Spans wait in a bounded queue that a thread of its own empties; when the collector is slow or away they are dropped,
//! and no request notices. The standard variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`) are read by its own library.

use async_trait::async_trait;
use axum::body::Bytes;
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

/// For one batch of spans.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the last spans when the program ends.
const FLUSH: Duration = Duration::from_secs(2);
/// Largest reply of a collector that is read.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Sends spans to a collector.
pub struct Exporter(SdkTracerProvider);

/// Spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// No HTTP client.
    #[error("failed to set up the HTTP client for spans")]
    Client(#[source] reqwest::Error),
    /// The endpoint cannot be used.
    #[error("`telemetry.otlp_endpoint (OTEL_EXPORTER_OTLP_ENDPOINT)` cannot be used")]
    Endpoint(#[source] opentelemetry_otlp::ExporterBuildError),
}

impl Exporter {
    /// Starts the queue and its thread; nothing is sent yet. Must be called on a runtime.
    pub fn start(endpoint: &str) -> Result<Self, OtlpError> {
        // A second installation in one process is refused, and the first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("runbookd/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(OtlpError::Client)?;
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

    /// Where spans come from.
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
    client: reqwest::Client,
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
        let result: Result<Response<Bytes>, HttpError> = async {
            let request = request.try_into()?;
            self.runtime.spawn(async move { send(&client, request).await }).await?
        }
        .await;
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

async fn send(client: &reqwest::Client, request: reqwest::Request) -> Result<Response<Bytes>, HttpError> {
    let mut response = client.execute(request).await?;
    let mut reply = Response::builder().status(response.status());
    if let Some(headers) = reply.headers_mut() {
        headers.clone_from(response.headers());
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > MAX_REPLY_BYTES {
            return Err("the collector's reply is too large".into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(reply.body(Bytes::from(body))?)
}
