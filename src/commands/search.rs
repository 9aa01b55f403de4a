//! `runbookd search`: what the knowledge base holds for a query, as the operator of this machine.

use crate::{cli::UsageError, config::Config};
use answer::{
    assistant,
    search::SearchReply,
    text::{clipped, one_line, visible},
};
use kb::store::Filter;
use std::process::ExitCode;

/// Prints the hits, best first.
pub async fn run(config: &Config, text: &str, limit: usize, json: bool) -> anyhow::Result<ExitCode> {
    let question = assistant::question(text, None).map_err(UsageError::from)?;
    let started = super::start(config).await?;
    let reply = SearchReply::find(&started.assistant, &question, &Filter::everything(), limit).await?;
    if json {
        println!("{}", serde_json::to_string(&reply)?);
        return Ok(ExitCode::SUCCESS);
    }
    for hit in &reply.hits {
        let headings = hit.heading_path.join(" > ");
        println!("{:>3}. {}  {}", hit.rank, visible(&one_line(&hit.title)), visible(&one_line(&headings)));
        let score = |score: Option<f32>| score.map_or("-".to_owned(), |score| format!("{score:.3}"));
        println!(
            "     {}  bm25 {}  dense {}",
            visible(&hit.chunk),
            score(hit.scores.bm25),
            score(hit.scores.dense)
        );
        println!("     {}", clipped(&visible(&one_line(&hit.text)), 160));
    }
    if reply.hits.is_empty() {
        eprintln!("nothing found");
    }
    Ok(ExitCode::SUCCESS)
}
