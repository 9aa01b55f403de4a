//! `runbookd ready`: whether the running server can answer, for health checks of containers, whose image has no other client.
//! Exit code 0 when it is ready, 1 in every other case, and one line that says which.

use super::common::{Common, on_runtime};
use crate::http::{settings::Server, tls::MAX_FILE_BYTES};
use answer::text::visible;
use anyhow::{Context, bail};
use clap::Args;
use net::{Client, Policy, Settings};
use serde::Deserialize;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

/// For the whole call. The server itself waits 2 s for its knowledge base, and health checks are ended after 5 s.
const DEADLINE: Duration = Duration::from_secs(4);
const MAX_REPLY_BYTES: usize = 64 << 10;

/// The fields that are read of the reply of `/readyz`.
#[derive(Deserialize)]
struct Readiness {
    status: String,
    #[serde(default)]
    kb_version: Option<String>,
}

/// Ask the running server whether it can answer: exit code 0 when it can, else 1. For health checks of containers.
#[derive(Debug, Args)]
pub struct Ready {
    #[command(flatten)]
    common: Common,
    /// Where the server is, with a path where a proxy gives it one [default: where this configuration listens].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Ready {
    /// Asks the server. Health checks of containers know two exit codes, so a wrong configuration has no other.
    pub fn run(self) -> ExitCode {
        self.ask().unwrap_or_else(|error| {
            eprintln!("not ready: {}", super::chain(error.as_ref()));
            ExitCode::FAILURE
        })
    }

    fn ask(self) -> anyhow::Result<ExitCode> {
        let server = match &self.url {
            Some(url) => at(url)?,
            None => listener(&self.common.load_to_ask()?.server)?,
        };
        on_runtime(ask(server))
    }
}

/// The server at an address of the web; on this machine it is called past every proxy.
fn at(url: &str) -> anyhow::Result<Settings> {
    let settings = Settings::new(url, Policy::once(DEADLINE, MAX_REPLY_BYTES))?;
    let directly = settings.base.host_str().is_some_and(is_this_machine);
    Ok(Settings { directly, ..settings })
}

/// The server of a configuration, from the machine that it runs on. Its certificate has the names that others call it by, so
/// it has to be the very one of the configured file.
fn listener(server: &Server) -> anyhow::Result<Settings> {
    let address = reachable(server.listen);
    if address.port() == 0 {
        bail!("`listen` leaves the port to the system; give `--url`");
    }
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let settings = at(&format!("{scheme}://{address}"))?;
    let certificate = match &server.tls {
        Some(files) => {
            let read = kb::files::read(&files.certificate, MAX_FILE_BYTES);
            Some(read.with_context(|| format!("cannot read `{}`", files.certificate.display()))?)
        }
        None => None,
    };
    Ok(Settings { certificate, directly: true, ..settings })
}

/// Asks, and prints what came of it.
async fn ask(server: Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(server)?;
    let asking = client.get_json::<Readiness>("readyz", &[]);
    let readiness = asking.await.with_context(|| client.base().origin().ascii_serialization())?;
    if readiness.status != "ready" {
        bail!("it says `{}`", visible(&readiness.status));
    }
    let version = readiness.kb_version.unwrap_or_default();
    println!("ready: knowledge base {}", visible(&version));
    Ok(ExitCode::SUCCESS)
}

/// The address of a listener for its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn is_this_machine(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_asked_where_they_can_be_reached() {
        for (listen, expected) in
            [("0.0.0.0:8000", "127.0.0.1:8000"), ("[::]:8000", "[::1]:8000"), ("10.0.0.7:80", "10.0.0.7:80")]
        {
            let listen: SocketAddr = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), expected);
        }
    }

    #[test]
    fn this_machine_needs_no_proxy() {
        for (url, directly) in [
            ("http://127.0.0.1:8000", true),
            ("http://[::1]:8000/runbooks", true),
            ("http://localhost:8000", true),
            ("https://runbooks.example", false),
            ("http://10.0.0.7", false),
        ] {
            assert_eq!(at(url).expect("a URL").directly, directly, "{url}");
        }
        assert!(at("127.0.0.1:8000").is_err());
    }
}
