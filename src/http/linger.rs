//! Connections that end before their client has sent everything.
//!
//! Whoever refuses a request does not read its body. Closing a connection on which something unread lies makes the system
//! reset it, and the client, still sending, loses the refusal that waits for it. So what was not read is thrown away for a
//! while after the reply: within bounds, for it is of no use to anybody.

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The most bytes that are thrown away on one connection.
const MAX_BYTES: usize = 128 << 20;
/// A client that has sent nothing for so long waits for the end.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Whether the body of the request under way was read to its end.
#[derive(Clone, Default)]
pub struct Unread(Arc<State>);

#[derive(Default)]
struct State {
    is_left: AtomicBool,
    is_large: AtomicBool,
}

/// A body up to which the rest may have arrived already, so that the connection can go on.
const SMALL_BYTES: u64 = 16 << 10;

impl Unread {
    /// The body of a request that begins.
    pub fn watch<B: HttpBody>(&self, body: B) -> Watched<B> {
        self.0.is_left.store(!body.is_end_stream(), Ordering::Relaxed);
        let is_large = body.size_hint().upper().is_none_or(|bytes| bytes > SMALL_BYTES);
        self.0.is_large.store(is_large, Ordering::Relaxed);
        Watched { body, unread: self.clone() }
    }

    fn is_left(&self) -> bool {
        self.0.is_left.load(Ordering::Relaxed)
    }

    /// Whether much of it may be left.
    pub fn is_much(&self) -> bool {
        self.is_left() && self.0.is_large.load(Ordering::Relaxed)
    }
}

/// A body that says when it was read to its end.
pub struct Watched<B> {
    body: B,
    unread: Unread,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.0.is_left.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that, when it is shut down, takes what its client still sends.
pub struct Lingering<S> {
    stream: S,
    unread: Unread,
    longest: Duration,
    /// When it is shut down: how much more is taken, and until when.
    rest: Option<Rest>,
}

struct Rest {
    bytes: usize,
    ends: Instant,
    pause: Pin<Box<Sleep>>,
}

impl<S> Lingering<S> {
    /// Takes what is left of an `unread` body for at most `longest`.
    pub fn new(stream: S, unread: Unread, longest: Duration) -> Self {
        Self { stream, unread, longest, rest: None }
    }
}

impl Rest {
    fn new(longest: Duration) -> Self {
        let ends = Instant::now() + longest;
        Self { bytes: MAX_BYTES, ends, pause: Box::pin(sleep(longest.min(MAX_PAUSE))) }
    }

    /// Ready when nothing more is to be taken.
    fn poll_taken(&mut self, stream: Pin<&mut impl AsyncRead>, context: &mut Context<'_>) -> Poll<()> {
        let (mut bytes, mut stream) = ([0; 16 << 10], stream);
        while self.bytes > 0 && self.pause.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match stream.as_mut().poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.bytes = self.bytes.saturating_sub(buffer.filled().len());
                    self.pause.as_mut().reset(self.ends.min(Instant::now() + MAX_PAUSE));
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, unread, longest, rest } = &mut *self;
        if rest.is_none() {
            // The reply is complete for the client from here on.
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
        }
        if unread.is_left() {
            let rest = rest.get_or_insert_with(|| Rest::new(*longest));
            ready!(rest.poll_taken(Pin::new(stream), context));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
