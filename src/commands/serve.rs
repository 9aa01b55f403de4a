//! `runbookd serve`.

use super::{
    common::{Common, on_runtime},
    reload::{Load, Reloading},
};
use crate::{
    config::{Config, Flags},
    http::{
        AppState,
        server::{self, Ending},
        tls::Tls,
    },
    telemetry,
};
use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{io, net::SocketAddr, process::ExitCode};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use toml::Value;

/// Files beside the connections: the knowledge base's, the model's, calls of the language model.
const OTHER_FILES: u64 = 1_024;

/// The largest backlog of connections; the system may allow fewer.
const MAX_BACKLOG: u32 = 65_535;

/// Serve answers over HTTP.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    common: Common,
    /// Where to listen [default: 127.0.0.1:8000].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Answer anybody, also on a public address.
    #[arg(long)]
    allow_unauthenticated: bool,
}

impl Serve {
    /// Serves; the configuration is read again, with the same flags, when that is asked for.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut flags: Flags = Vec::new();
        flags.extend(self.listen.map(|listen| ("listen", Value::String(listen))));
        if self.allow_unauthenticated {
            flags.push(("allow_unauthenticated", Value::Boolean(true)));
        }
        let load = move || self.common.load(flags.clone());
        let config = load()?;
        on_runtime(serve(&config, Box::new(load)))
    }
}

/// Serves until SIGTERM or SIGINT; further ones hurry it. At SIGHUP the configuration is read again through `load`.
async fn serve(config: &Config, load: Load) -> anyhow::Result<ExitCode> {
    // Before anything takes time: without a handler it would end the process.
    let mut hangup = signal(SignalKind::hangup())?;
    let exporter = telemetry::start(&config.log, &config.telemetry)?;
    telemetry::log_panics();
    let settings = &config.server;
    raise_file_limit(settings.max_connections);
    let tls = settings.tls.clone().map(Tls::load).transpose()?;
    let started = super::start(config).await?;
    let listener = listen(settings.listen, settings.max_connections)
        .with_context(|| format!("failed to listen on {}", settings.listen))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let state = AppState::new(started.assistant, started.embedder, started.metrics, settings.clone());
    let models = config.llm.iter().map(|llm| llm.model()).collect::<Vec<_>>().join(", ");
    tracing::info!(
        address = %listener.local_addr()?,
        llm = if models.is_empty() { "none; answers quote the documents" } else { &models },
        scheme = if tls.is_some() { "https" } else { "http" },
        authentication = if settings.tokens.current().is_empty() { "none" } else { "bearer tokens" },
        "serving"
    );
    let mut reloading = Reloading::new(load, config, tls.clone(), state.clone());
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let reading = tokio::task::spawn_blocking(move || {
                reloading.told();
                reloading
            });
            let Ok(read) = reading.await else { return };
            reloading = read;
        }
    });
    let (stop, stops) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.send(()).is_err() {
                return;
            }
        }
    });
    if server::serve(listener, state, tls, stops).await == Ending::Abandoned {
        // Returning would wait for spans and for searches under way.
        std::process::exit(1);
    }
    if let Some(exporter) = exporter {
        exporter.shut_down().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// A listener where as many may wait to be accepted as may be connected. A shorter queue drops the last step of the
/// handshake when many come at once, and their clients learn of it seconds later.
fn listen(address: SocketAddr, max_connections: usize) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(u32::try_from(max_connections).unwrap_or(u32::MAX).min(MAX_BACKLOG))
}

/// Every connection is an open file, of which many systems give a process 1,024 unless it asks for more.
fn raise_file_limit(max_connections: usize) {
    let wanted = max_connections as u64 + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    if raised.is_err() || allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "the limit of open files is too low for `server.max_connections`; raise it, or lower that"
        );
    }
}
