//! The connections: how many, how slow they may be, and how they end.
//!
//! `axum::serve` lets an idle, half-sent or dripping head stay for ever, so the accept loop is our own: a first byte
//! and, with a certificate, a handshake within the read timeout, then a head within it, bodies as `body.rs` reads them,
//! replies that are taken within it, and a limit over all of it. A client beyond the limit is told so at once, for a
//! place in a queue would not help it.

use super::{
    error::ApiError,
    linger::{Lingering, Unread},
    router::router,
    state::AppState,
    tls::Tls,
};
use crate::metrics::{Connection, Metrics};
use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use std::{
    error::Error as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc::UnboundedReceiver},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_io_timeout::TimeoutStream;

/// Longest wait for requests under way when the server stops.
const DRAIN: Duration = Duration::from_secs(22);
/// Pause after an accept that failed, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most connections at once that are told that there are too many; further ones are closed without a word.
const MAX_REFUSALS: usize = 64;
/// The time that writing a refusal may take.
const REFUSAL: Duration = Duration::from_secs(1);

/// How often memory is given back to the system, when there is some.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(5);

/// The end of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All requests had their replies.
    Drained,
    /// At once, because that was asked for: requests under way may have got no answer.
    Abandoned,
}

/// Serves until the first of `stops`. Then readiness drops; after the shutdown delay, or at the next of `stops`,
/// nothing new is accepted; and requests under way get their answers within 22 s, or until yet another. The listener is
/// bound by the caller, who reports its failure; with `tls` it speaks HTTPS only.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    tls: Option<Tls>,
    mut stops: UnboundedReceiver<()>,
) -> Ending {
    let settings = state.settings();
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
    let graceful = GracefulShutdown::new();
    let door = Arc::new(Door {
        service: TowerToHyperService::new(router(state.clone())),
        state: state.clone(),
        refusing: http(REFUSAL),
        tls: tls.clone(),
        metrics: state.metrics.clone(),
    });
    // The tasks of this set end with this function.
    let mut following = JoinSet::new();
    following.spawn(settings.tokens.clone().follow());
    if let Some(tls) = tls {
        following.spawn(tls.follow());
    }
    following.spawn(give_memory_back(state.clone()));
    let mut closes_at = None;
    loop {
        let stream = tokio::select! {
            () = next(&mut stops) => {
                let delay = state.settings().shutdown_delay;
                if closes_at.is_some() || delay.is_zero() {
                    break;
                }
                state.start_draining();
                tracing::info!(delay_s = delay.as_secs_f64(), "not ready any more; stopping soon");
                closes_at = Some(Instant::now() + delay);
                continue;
            }
            () = until(closes_at) => break,
            accepted = accept(&listener) => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let door = door.clone();
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _slot = slot;
                let _open = door.metrics.connection_opens();
                door.let_in(stream, watcher).await;
            });
        } else {
            door.metrics.connection(Connection::Refused);
            if let Ok(slot) = refusals.clone().try_acquire_owned() {
                tokio::spawn(async move {
                    let _slot = slot;
                    door.turn_away(stream).await;
                });
            }
        }
    }
    state.start_draining();
    drop(listener);
    tracing::info!("stopping");
    tokio::select! {
        () = next(&mut stops) => {
            tracing::warn!("told to stop once more: ending at once, requests under way are given up");
            return Ending::Abandoned;
        }
        drained = timeout(DRAIN, graceful.shutdown()) => if drained.is_err() {
            tracing::warn!("some requests were not answered within {DRAIN:?}");
        },
    }
    Ending::Drained
}

/// Waits for the next order to stop the server; for ever when all senders of such orders are gone.
async fn next(stops: &mut UnboundedReceiver<()>) {
    if stops.recv().await.is_none() {
        std::future::pending().await
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Now and then, after large bodies: answering them takes far more memory than they have bytes.
async fn give_memory_back(state: AppState) {
    loop {
        sleep(GIVE_BACK_EVERY).await;
        if state.bodies.were_large() {
            let _ = tokio::task::spawn_blocking(kb::memory::give_back).await;
        }
    }
}

fn http(read_timeout: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(read_timeout).max_buf_size(64 * 1024);
    http
}

async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Replies are one write; waiting to fill a packet would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a connection ended because its client took nothing of a reply in time.
fn was_not_read(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Everything that the handling of a new connection needs.
struct Door {
    service: TowerToHyperService<Router>,
    state: AppState,
    refusing: http1::Builder,
    tls: Option<Tls>,
    metrics: Metrics,
}

impl Door {
    async fn let_in(&self, stream: TcpStream, watcher: Watcher) {
        self.metrics.connection(Connection::Accepted);
        let read_timeout = self.state.settings().read_timeout;
        let deadline = Instant::now() + read_timeout;
        // Whether the client says anything at all.
        match timeout_at(deadline, stream.peek(&mut [0])).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return,
            Err(_) => return self.metrics.connection(Connection::Slow),
        }
        let Some(tls) = &self.tls else { return self.converse(stream, read_timeout, watcher).await };
        match timeout_at(deadline, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, read_timeout, watcher).await,
            Ok(Err(error)) => {
                self.metrics.connection(Connection::NoTls);
                tracing::debug!(%error, "a handshake failed");
            }
            Err(_) => self.metrics.connection(Connection::Slow),
        }
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        read_timeout: Duration,
        watcher: Watcher,
    ) {
        let unread = Unread::default();
        let was_used = Arc::new(AtomicBool::new(false));
        let (service, used, watch) = (self.service.clone(), was_used.clone(), unread.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            used.store(true, Ordering::Relaxed);
            let answering = service.call(request.map(|body| watch.watch(body)));
            let watch = watch.clone();
            async move {
                let mut response = answering.await?;
                // The unread rest of a large body is thrown away, and the connection with it.
                if watch.is_much() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(read_timeout));
        let stream = Lingering::new(Box::pin(stream), unread, read_timeout);
        let connection = http(read_timeout).serve_connection(TokioIo::new(stream), service);
        match watcher.watch(connection).await {
            Ok(()) => {}
            Err(error) if was_not_read(&error) => self.metrics.connection(Connection::Slow),
            Err(error) if error.is_timeout() && was_used.load(Ordering::Relaxed) => {
                self.metrics.connection(Connection::Idle);
            }
            Err(error) => {
                if error.is_timeout() {
                    self.metrics.connection(Connection::Slow);
                }
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }

    /// Says that there are too many. With TLS the handshake alone would cost more than there is to say.
    async fn turn_away(&self, stream: TcpStream) {
        if self.tls.is_some() {
            return;
        }
        let unread = Unread::default();
        let watch = unread.clone();
        let refusal = service_fn(move |request: Request<Incoming>| {
            drop(watch.watch(request.into_body()));
            let error = ApiError::unavailable("too many connections at once");
            std::future::ready(Ok::<_, std::convert::Infallible>(error.into_response()))
        });
        let mut http = self.refusing.clone();
        let stream = TokioIo::new(Lingering::new(stream, unread, REFUSAL));
        let _ = timeout(REFUSAL, http.keep_alive(false).serve_connection(stream, refusal)).await;
    }
}
