//! Git's smart HTTP protocol over our own calls, so that deadlines, limits, redirects, certificates and credentials are
//! those of every other source. Git asks twice: a GET for what there is, and POSTs that negotiate and receive a pack.

use super::GitError;
use bytes::Bytes;
use gix_transport::{
    Protocol,
    client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse, Transport},
};
use net::{Call, CallError, Client, HeaderName, HeaderValue, Incoming, Method, Policy};
use std::{
    any::Any,
    io::{self, BufRead, Cursor, Read, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

/// The largest pack that is received.
const MAX_PACK_BYTES: usize = 2 << 30;
/// How long all that is fetched at once may take.
const MAX_FETCH: Duration = Duration::from_secs(30 * 60);
/// How soon a run that is given up is noticed.
const NOTICED: Duration = Duration::from_millis(200);

/// The bounds of each request. A server may think about a pack for a while before it says anything.
pub(super) const POLICY: Policy = Policy {
    attempts: 4,
    budget: Duration::from_secs(5 * 60),
    per_try: Duration::from_secs(120),
    idle: Duration::from_secs(60),
    first_pause: Duration::from_secs(1),
    max_body: MAX_PACK_BYTES,
};

/// The transport that gix fetches over.
pub(super) type Connection = Transport<Calls>;

/// The failure of a call, which gix gives no more than the text of.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<CallError>>>);

impl Failure {
    pub(super) fn take(&self) -> Option<CallError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, error: &CallError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
}

/// Calls from a thread that waits for them.
#[derive(Clone)]
pub(super) struct Calls {
    client: Client,
    runtime: Handle,
    stop: Arc<AtomicBool>,
    deadline: Instant,
    failure: Failure,
    /// The repository's address since a redirect.
    moved_to: Option<String>,
}

impl Calls {
    pub(super) fn new(client: Client, runtime: Handle, stop: Arc<AtomicBool>) -> Self {
        let deadline = Instant::now() + MAX_FETCH;
        Self { client, runtime, stop, deadline, failure: Failure::default(), moved_to: None }
    }

    pub(super) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    pub(super) fn stop(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// The transport for the repository at `url`.
    pub(super) fn connection(self, url: &str) -> Result<Connection, GitError> {
        Ok(Transport::new_http(self, gix::url::parse(url)?, Protocol::V2, false))
    }

    /// Waits for something, unless the run is given up or takes too long.
    fn wait<T>(&self, work: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        let given_up = async {
            while !self.stop.load(Ordering::Relaxed) && Instant::now() < self.deadline {
                sleep(NOTICED).await;
            }
        };
        let result = self.runtime.block_on(async {
            tokio::select! {
                result = work => result,
                () = given_up => Err(CallError::Timeout),
            }
        });
        result.inspect_err(|error| self.failure.note(error))
    }

    fn open(&self, call: Call<'_>) -> Result<Incoming, CallError> {
        self.wait(call.open())
    }

    /// A call with gix's headers.
    fn call(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Call<'_>, CallError> {
        let call =
            self.client.call(method, url)?.header(net::header::ACCEPT, HeaderValue::from_static("*/*"));
        Ok(headers.iter().fold(call, |call, (name, value)| call.header(name.clone(), value.clone())))
    }
}

/// Headers of the form `name: value`.
fn parsed(headers: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<(HeaderName, HeaderValue)> {
    let parse = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
    };
    headers.into_iter().filter_map(|line| parse(line.as_ref())).collect()
}

impl Http for Calls {
    type Headers = Headers;
    type ResponseBody = Body;
    type PostBody = Written;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Headers, Body>> {
        let opened = self.call(Method::GET, url, &parsed(headers)).and_then(|call| self.open(call));
        let incoming = opened.map_err(|error| {
            self.failure.note(&error);
            gix::Error::from_error(error)
        })?;
        let tail = url.strip_prefix(base_url).unwrap_or(url);
        if incoming.url().as_str() != url {
            self.moved_to = incoming.url().as_str().strip_suffix(tail).map(str::to_owned);
        }
        let exchange = Exchange::of(self.clone(), State::Open(incoming));
        Ok(GetResponse { headers: Headers::of(&exchange), body: Body::of(&exchange) })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Headers, Body, Written>> {
        let request = Request { url: url.to_owned(), headers: parsed(headers), body: Vec::new() };
        let exchange = Exchange::of(self.clone(), State::Writing(request));
        let (headers, body) = (Headers::of(&exchange), Body::of(&exchange));
        Ok(PostResponse { post_body: Written(exchange), headers, body })
    }

    fn configure(&mut self, _: &dyn Any) -> gix::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.moved_to.clone()
    }
}

/// A request that is being written.
struct Request {
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

enum State {
    Writing(Request),
    Open(Incoming),
    Failed,
}

/// One request and its reply, which its three parts share. It is sent when the first part of the reply is read.
#[derive(Clone)]
struct Exchange {
    calls: Calls,
    state: Arc<Mutex<State>>,
}

impl Exchange {
    fn of(calls: Calls, state: State) -> Self {
        Self { calls, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the reply, which the request is sent for first.
    fn reply<T>(&self, using: impl FnOnce(&mut Incoming) -> Result<T, CallError>) -> io::Result<T> {
        let mut state = self.state();
        if let State::Writing(request) = &mut *state {
            let body = std::mem::take(&mut request.body);
            let call = self.calls.call(Method::POST, &request.url, &request.headers);
            // Fetching changes nothing there.
            let sent = call.and_then(|call| self.calls.open(call.content(body).repeatable()));
            *state = match sent {
                Ok(incoming) => State::Open(incoming),
                Err(error) => {
                    *state = State::Failed;
                    return Err(io::Error::other(error));
                }
            };
        }
        match &mut *state {
            State::Open(incoming) => using(incoming).map_err(io::Error::other),
            _ => Err(io::Error::other("the request failed before")),
        }
    }

    fn next_piece(&self) -> io::Result<Bytes> {
        let piece = self.reply(|incoming| self.calls.wait(incoming.chunk()))?;
        Ok(piece.unwrap_or_default())
    }
}

/// The request's body, collected until it is sent.
pub(super) struct Written(Exchange);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.state() {
            State::Writing(request) => request.body.extend_from_slice(bytes),
            _ => return Err(io::Error::other("the request was sent already")),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reply's headers, as lines.
pub(super) struct Headers {
    exchange: Exchange,
    lines: Option<Cursor<Vec<u8>>>,
}

impl Headers {
    fn of(exchange: &Exchange) -> Self {
        Self { exchange: exchange.clone(), lines: None }
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.lines.is_none() {
            let lines = self.exchange.reply(|incoming| {
                let line = |(name, value): (&HeaderName, &HeaderValue)| {
                    [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat()
                };
                Ok(incoming.headers().iter().flat_map(line).collect())
            })?;
            self.lines = Some(Cursor::new(lines));
        }
        self.lines.as_mut().map_or(Ok(&[]), |lines| lines.fill_buf())
    }

    fn consume(&mut self, amount: usize) {
        if let Some(lines) = &mut self.lines {
            lines.consume(amount);
        }
    }
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill_buf()?;
        self.lines.as_mut().map_or(Ok(0), |lines| lines.read(buffer))
    }
}

/// The reply's body, read as it arrives.
pub(super) struct Body {
    exchange: Exchange,
    piece: Bytes,
}

impl Body {
    fn of(exchange: &Exchange) -> Self {
        Self { exchange: exchange.clone(), piece: Bytes::new() }
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() {
            self.piece = self.exchange.next_piece()?;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.piece.split_to(amount);
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}
