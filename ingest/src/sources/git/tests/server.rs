//! Git's smart protocol over HTTP, with faults.

use super::repo::quiet;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

/// The fault that the server shows at the next requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Ends packs after so many bytes.
    Cut(usize),
    /// Answers packs with nothing, and keeps the connection.
    Stall,
    Status(u16),
}

/// Git's smart protocol over HTTP: `git http-backend` behind a listener.
pub struct Server {
    pub url: String,
    pub fault: Arc<Mutex<Fault>>,
    /// The value that the header `Authorization` must have; `None` where every request is let in.
    pub wanted: Arc<Mutex<Option<String>>>,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/docs/.git", listener.local_addr().expect("an address"));
        let server = Self { url, fault: Arc::default(), wanted: Arc::default(), requests: Arc::default() };
        let (fault, wanted, requests) =
            (server.fault.clone(), server.wanted.clone(), server.requests.clone());
        let root = root.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (root, fault) = (root.clone(), *fault.lock().expect("no panic"));
                let wanted = wanted.lock().expect("no panic").clone();
                let requests = requests.clone();
                std::thread::spawn(move || serve(stream, &root, fault, wanted, &requests));
            }
        });
        server
    }

    pub fn set(&self, fault: Fault) {
        *self.fault.lock().expect("no panic") = fault;
    }

    pub fn num_posts(&self) -> usize {
        self.requests.lock().expect("no panic").iter().filter(|line| line.starts_with("POST")).count()
    }
}

pub fn serve(
    mut stream: TcpStream,
    root: &Path,
    fault: Fault,
    wanted: Option<String>,
    requests: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let found = head
            .iter()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let first = head.first()?.clone();
    requests.lock().expect("no panic").push(first.clone());
    let (method, target) = first.split_once(' ')?;
    let target = target.split(' ').next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut say = |status: &str, headers: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()
    };
    if wanted.is_some_and(|wanted| header("authorization") != wanted) {
        return say("401 Unauthorized", "www-authenticate: Basic\r\n", b"");
    }
    if let Some(rest) = path.strip_prefix("/moved/") {
        return say("301 Moved", &format!("location: /docs/{rest}?{query}\r\n"), b"");
    }
    let is_pack = method == "POST" && String::from_utf8_lossy(&body).contains("command=fetch");
    match fault {
        Fault::Status(status) => return say(&format!("{status} X"), "", b""),
        Fault::Stall if is_pack => std::thread::sleep(Duration::from_secs(20)),
        _ => {}
    }
    let mut backend = quiet(Command::new("git"))
        .arg("http-backend")
        .envs([("GIT_PROJECT_ROOT", root.to_str()?), ("GIT_HTTP_EXPORT_ALL", "1"), ("PATH_INFO", path)])
        .envs([("QUERY_STRING", query), ("REQUEST_METHOD", method), ("REMOTE_ADDR", "127.0.0.1")])
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    backend.stdin.take()?.write_all(&body).ok()?;
    let output = backend.wait_with_output().ok()?.stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let headers: String =
        head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    let content = &output[end + 4..];
    match fault {
        Fault::Cut(length) if is_pack => {
            let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", content.len());
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&content[..length.min(content.len())]).ok()
        }
        _ => say(status, &headers, content),
    }
}
