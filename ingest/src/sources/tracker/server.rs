//! A local HTTP server for tests of live sources, with the faults that live systems have.

use serde_json::Value;
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone)]
pub(in crate::sources) struct Request {
    pub(in crate::sources) method: String,
    pub(in crate::sources) path: String,
    pub(in crate::sources) query: HashMap<String, String>,
    pub(in crate::sources) headers: HashMap<String, String>,
    pub(in crate::sources) body: Value,
}

#[derive(Debug, Clone, Default)]
pub(in crate::sources) struct Reply {
    pub(in crate::sources) status: u16,
    pub(in crate::sources) headers: Vec<(String, String)>,
    pub(in crate::sources) body: Vec<u8>,
    /// Ends the connection in the middle of the body.
    pub(in crate::sources) is_cut: bool,
}

impl Reply {
    pub(in crate::sources) fn json(value: &Value) -> Self {
        Self { status: 200, body: value.to_string().into_bytes(), ..Self::default() }
    }

    pub(in crate::sources) fn status(status: u16) -> Self {
        Self { status, body: b"{}".to_vec(), ..Self::default() }
    }

    pub(in crate::sources) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// The function that makes a server's reply.
type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server that runs until the test ends.
#[derive(Clone)]
pub(in crate::sources) struct Server {
    pub(in crate::sources) url: String,
    seen: Arc<Mutex<Vec<String>>>,
    /// The number of requests of a hundred that fail.
    faults: Arc<AtomicU64>,
}

impl Server {
    /// Starts a server with a thread of its own, so that it outlives no test and waits for none.
    pub(in crate::sources) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let handler: Arc<Handler> = Arc::new(handler);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let faults = Arc::new(AtomicU64::new(0));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("it can be set");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let (their_seen, their_faults) = (seen.clone(), faults.clone());
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("it listens");
                let random = Arc::new(AtomicU64::new(7));
                while let Ok((stream, _)) = listener.accept().await {
                    let (handler, seen, faults, random) =
                        (handler.clone(), their_seen.clone(), their_faults.clone(), random.clone());
                    tokio::spawn(async move {
                        let _ = serve(stream, &*handler, &seen, &faults, &random).await;
                    });
                }
            });
        });
        Self { url, seen, faults }
    }

    /// Makes a share of the requests fail, in hundredths.
    pub(in crate::sources) fn fail(&self, hundredths: u64) {
        self.faults.store(hundredths, Ordering::Relaxed);
    }

    /// The requests since the last time it was asked, as `METHOD /path`.
    pub(in crate::sources) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().expect("no test panics with it"))
    }
}

async fn serve(
    stream: TcpStream,
    handler: &Handler,
    seen: &Mutex<Vec<String>>,
    faults: &AtomicU64,
    random: &AtomicU64,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await? {
        seen.lock().expect("no test panics with it").push(format!("{} {}", request.method, request.path));
        let reply = with_fault(handler(&request), faults.load(Ordering::Relaxed), random);
        let mut head =
            format!("HTTP/1.1 {} Status\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        if reply.is_cut {
            stream.write_all(&reply.body[..reply.body.len() / 2]).await?;
            return stream.shutdown().await;
        }
        stream.write_all(&reply.body).await?;
        stream.flush().await?;
    }
    Ok(())
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
    let url = net::Url::parse(&format!("http://test{target}")).map_err(io::Error::other)?;
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let path = url.path().to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(Request { method, path, query, headers, body }))
}

/// The reply, or in this many cases of a hundred a fault: a limit, an error, a body or JSON that ends early.
fn with_fault(reply: Reply, hundredths: u64, random: &AtomicU64) -> Reply {
    let next = |value: u64| {
        Some(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let drawn = random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default() >> 33;
    if drawn % 100 >= hundredths || reply.body.len() < 2 {
        return reply;
    }
    match (drawn / 100) % 4 {
        0 => Reply::status(429).with("retry-after", "0"),
        1 => Reply::status(500),
        2 => Reply { is_cut: true, ..reply },
        _ => Reply { body: reply.body[..reply.body.len() / 2].to_vec(), ..reply },
    }
}
