//! A server that replies from a script, or one that stands before a real server and records.

use super::{
    messages::{settled, without_others},
    script::{Call, Playback, Recorder, Reply, request_of},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    client::conn::http2::{SendRequest, handshake},
    header::HeaderValue,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Status};

/// How long a reply is held back while recording: the calls that the engine makes at the same time arrive before the
/// reply, and are recorded as such.
const HELD_BACK: Duration = Duration::from_millis(30);

/// The server of one scenario.
pub(super) struct Server {
    work: Arc<Work>,
    address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

struct Work {
    /// The key that every call must carry.
    api_key: Option<String>,
    /// The knowledge base that the scenario has.
    name: String,
    mode: Mode,
}

enum Mode {
    Record { real: SendRequest<Full<Bytes>>, address: String, recorder: Mutex<Recorder> },
    Replay(Mutex<Playback>),
}

impl Server {
    /// A server that replies from a script.
    pub async fn replaying(calls: Vec<Call>, api_key: Option<&str>) -> Self {
        Self::start("", api_key, Mode::Replay(Mutex::new(Playback::new(calls)))).await
    }

    /// A server that hands calls on to a real one and records them.
    pub async fn recording(address: &str, name: &str, api_key: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the real server is there");
        let (real, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("it speaks HTTP/2");
        tokio::spawn(connection);
        let (address, recorder) = (address.to_owned(), Mutex::default());
        Self::start(name, Some(api_key), Mode::Record { real, address, recorder }).await
    }

    async fn start(name: &str, api_key: Option<&str>, mode: Mode) -> Self {
        let api_key = api_key.map(str::to_owned);
        let work = Arc::new(Work { api_key, name: name.to_owned(), mode });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let accepting = tokio::spawn(accept(listener, work.clone()));
        Self { work, address, accepting }
    }

    /// The address of the server: `HOST:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Stops the server. Returns the recorder of one that records; the error is the first deviation from the script.
    pub fn finish(self) -> Result<Option<Recorder>, String> {
        self.accepting.abort();
        match &self.work.mode {
            Mode::Record { recorder, .. } => Ok(Some(std::mem::take(&mut *locked(recorder)))),
            Mode::Replay(playback) => {
                let playback = std::mem::replace(&mut *locked(playback), Playback::new(Vec::new()));
                playback.finish().map(|()| None)
            }
        }
    }
}

async fn accept(listener: TcpListener, work: Arc<Work>) {
    while let Ok((stream, _)) = listener.accept().await {
        let work = work.clone();
        let service = service_fn(move |request| {
            let work = work.clone();
            async move { Ok::<_, Infallible>(work.response(request).await) }
        });
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while holding it")
}

type Body = http_body_util::combinators::WithTrailers<
    Full<Bytes>,
    std::future::Ready<Option<Result<HeaderMap, Infallible>>>,
>;

impl Work {
    async fn response(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let frame = body.collect().await.expect("the client sends all of it").to_bytes();
        let reply = self.reply(parts.uri.path(), &parts.headers, frame).await;
        let (body, status) = match reply {
            Reply::Message(message) => (framed(&message), Status::ok("")),
            Reply::Status(code, message) => (Bytes::new(), Status::new(code, message)),
        };
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).expect("a status is a header");
        let mut response =
            Response::new(Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers)))));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        response
    }

    async fn reply(&self, method: &str, headers: &HeaderMap, frame: Bytes) -> Reply {
        let sent = headers.get("api-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        let request = match request_of(method, &frame) {
            Ok(_) if sent != self.api_key => {
                Err(format!("{method} carries the key {sent:?} instead of {:?}", self.api_key))
            }
            Ok(request) => Ok(request),
            Err(error) => Err(format!("{method} cannot be compared: {error}")),
        };
        match &self.mode {
            Mode::Record { real, address, recorder } => {
                let request = request.expect("it can be recorded");
                let place = locked(recorder).begin(method, request);
                let reply = hand_on(real.clone(), address, method, frame).await;
                let reply = match reply {
                    Reply::Message(message) => {
                        Reply::Message(without_others(method, &settled(method, &message), &self.name))
                    }
                    status => status,
                };
                tokio::time::sleep(HELD_BACK).await;
                locked(recorder).end(place, reply.clone());
                reply
            }
            Mode::Replay(playback) => {
                let mut playback = locked(playback);
                let place = match request {
                    Ok(request) => playback.begin(method, &request),
                    Err(deviation) => {
                        playback.deviates(deviation);
                        None
                    }
                };
                match place {
                    Some(place) => playback.end(place),
                    // A code after which the client does not try again.
                    None => Reply::Status(Code::InvalidArgument, "this is not as recorded".to_owned()),
                }
            }
        }
    }
}

/// Asks the real server.
async fn hand_on(mut real: SendRequest<Full<Bytes>>, address: &str, method: &str, frame: Bytes) -> Reply {
    let request = Request::post(format!("http://{address}{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(frame))
        .expect("a request");
    let response = real.send_request(request).await.expect("the real server replies");
    let in_headers = Status::from_header_map(response.headers());
    let collected = response.into_body().collect().await.expect("it sends all of it");
    let status = in_headers.or_else(|| collected.trailers().and_then(Status::from_header_map));
    match status {
        Some(status) if status.code() == Code::Ok => {
            Reply::Message(collected.to_bytes().get(5..).expect("a reply is a message").to_vec())
        }
        Some(status) => Reply::of(&status),
        None => panic!("{method}: the real server sends no status"),
    }
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("replies are small").to_be_bytes();
    [&[0][..], &length, message].concat().into()
}
