//! The connections: how many, how slow they may be, and how they end.
//!
//! `axum::serve` lets an idle, half-sent or dripping head stay for ever, so the accept loop is our own: a first byte
//! within the read timeout, then a head within it, bodies as `body.rs` reads them, and a semaphore over all of it.

use super::router::{AppState, router};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

/// Longest wait for requests under way when the server stops.
const DRAIN: Duration = Duration::from_secs(24);
/// Pause after an accept that failed, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` resolves; then readiness drops, nothing new is accepted, and requests under way get their answers
/// within 24 s. The listener is bound by the caller, who reports its failure.
pub async fn serve(listener: TcpListener, state: AppState, stop: impl Future<Output = ()>) {
    let settings = state.settings();
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let graceful = GracefulShutdown::new();
    let service = TowerToHyperService::new(router(state.clone()));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.read_timeout).max_buf_size(64 * 1024);
    tokio::pin!(stop);
    loop {
        let (slot, stream) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &slots) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (http, service, watcher) = (http.clone(), service.clone(), graceful.watcher());
        let read_timeout = settings.read_timeout;
        tokio::spawn(async move {
            let _slot = slot;
            if !has_first_byte(&stream, read_timeout).await {
                return;
            }
            let connection = http.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    state.start_draining();
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered within {DRAIN:?}");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Replies are one write; waiting to fill a packet would only delay them.
    stream.set_nodelay(true)?;
    Ok((slot, stream))
}

/// Whether the client says anything at all.
async fn has_first_byte(stream: &TcpStream, within: Duration) -> bool {
    matches!(timeout(within, stream.peek(&mut [0])).await, Ok(Ok(1)))
}
