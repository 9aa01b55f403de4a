//! `runbookd search`: what the knowledge base holds for a query, as the operator of this machine.

use super::{
    UsageError,
    common::{Common, on_runtime, quiet},
};
use crate::{config::Config, http::wire::search::SearchReply, telemetry};
use answer::{
    request, search,
    text::{clipped, one_line, visible},
};
use clap::Args;
use kb::store::Filter;
use std::process::ExitCode;

/// Search the knowledge base.
#[derive(Debug, Args)]
pub struct Search {
    #[command(flatten)]
    common: Common,
    /// Most hits.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// What to look for.
    #[arg(value_name = "QUERY", required = true, num_args = 1..)]
    query: Vec<String>,
}

impl Search {
    /// Searches as the operator of this machine.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.common.load_to_ask()?;
        telemetry::start_log(&quiet(&config.log))?;
        on_runtime(print_hits(&config, &self.query.join(" "), usize::from(self.limit), self.json))
    }
}

/// Prints the hits, best first.
async fn print_hits(config: &Config, text: &str, limit: usize, json: bool) -> anyhow::Result<ExitCode> {
    let question = request::question(text, None).map_err(UsageError::from)?;
    let started = super::start(config).await?;
    let found = search::find(&started.assistant, &question, &Filter::everything(), limit).await?;
    if json {
        println!("{}", serde_json::to_string(&SearchReply::from(found))?);
        return Ok(ExitCode::SUCCESS);
    }
    for (at, hit) in found.passages.iter().enumerate() {
        let headings = hit.passage.heading_path.join(" > ");
        println!("{:>3}. {}  {}", at + 1, visible(&one_line(&hit.title)), visible(&one_line(&headings)));
        let score = |score: Option<f32>| score.map_or("-".to_owned(), |score| format!("{score:.3}"));
        println!(
            "     {}  bm25 {}  dense {}",
            visible(&hit.passage.chunk),
            score(hit.scores.bm25),
            score(hit.scores.dense)
        );
        println!("     {}", clipped(&visible(&one_line(&hit.passage.text)), 160));
    }
    if found.passages.is_empty() {
        eprintln!("nothing found");
    }
    Ok(ExitCode::SUCCESS)
}
