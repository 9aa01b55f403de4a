//! `runbookd serve`.

use crate::{
    config::Config,
    http::{AppState, server},
};
use anyhow::Context;
use std::process::ExitCode;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Serves until SIGTERM or SIGINT.
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let started = super::start(config).await?;
    let settings = &config.server;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("failed to listen on {}", settings.listen))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let state = AppState::new(started.assistant, started.embedder, settings.clone());
    let models = config.llm.iter().map(|llm| llm.model()).collect::<Vec<_>>().join(", ");
    tracing::info!(
        address = %listener.local_addr()?,
        llm = if models.is_empty() { "none; answers quote the documents" } else { &models },
        authentication = if settings.tokens.is_empty() { "none" } else { "bearer tokens" },
        "serving"
    );
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    server::serve(listener, state, stop).await;
    Ok(ExitCode::SUCCESS)
}
