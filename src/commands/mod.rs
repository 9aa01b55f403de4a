//! The commands of the command line, a file each: its flags, its help, what it prints. Deciding is done elsewhere.

pub mod ask;
pub mod common;
pub mod doctor;
pub mod feedback;
pub mod gaps;
pub mod ready;
mod reload;
pub mod search;
pub mod serve;

use crate::{config::Config, metrics::Metrics};
use answer::{
    assistant::Assistant,
    journals::Journals,
    llm::{Llm, breaker, providers::Providers},
};
use anyhow::Context;
use kb::{
    embed::Embedder,
    retrieve::Retriever,
    store::{self, Identity, KnowledgeBase},
};
use prometheus::Registry;
use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

pub use kb::causes::with_causes as chain;

/// The parts that answering needs, started.
pub(crate) struct Started {
    pub assistant: Assistant,
    pub embedder: Embedder,
    pub metrics: Metrics,
}

/// An argument cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UsageError(#[from] kb::question::QuestionError);

/// Starts the embedder and opens the knowledge base.
pub(crate) async fn start(config: &Config) -> anyhow::Result<Started> {
    let address = config.knowledge_base()?;
    let mut settings = config.embedder.clone();
    // Questions are short: handing parts of one to a second core costs more than it saves.
    settings.threads.get_or_insert(NonZeroUsize::MIN);
    // Loading a model blocks.
    let embedder = tokio::task::spawn_blocking(move || settings.start())
        .await
        .context("the model's loader failed")??;
    let identity = Identity::current(embedder.identity().clone());
    let kb: Arc<dyn KnowledgeBase> = store::open(address, Some(&identity)).await?;
    let registry = Registry::new();
    let counted = answer::Metrics::new(&registry);
    let llm = Providers::connect(&config.llm, breaker::Settings::default(), &counted)
        .context("a language model's endpoint cannot be used")?
        .map(|providers| Arc::new(providers) as Arc<dyn Llm>);
    let retriever = Retriever::new(embedder.clone());
    let assistant = Assistant::new(kb, retriever, llm, config.assistant.clone(), counted);
    Ok(Started { assistant, embedder, metrics: Metrics::new(registry) })
}

/// The journals that are named, else the configuration's own.
pub(crate) fn journals(config: &Config, named: &[PathBuf]) -> anyhow::Result<Journals> {
    if named.is_empty() {
        return Ok(Journals::own(config.state()?));
    }
    let journals = Journals::named(named)?;
    for path in journals.empty() {
        eprintln!("warning: `{}` holds no journal", path.display());
    }
    Ok(journals)
}
