//! `runbookd search`: what the knowledge base holds for a query, as the operator of this machine.

use super::UsageError;
use crate::{config::Config, http::wire::search::SearchReply};
use answer::{
    request, search,
    text::{clipped, one_line, visible},
};
use kb::store::Filter;
use std::process::ExitCode;

/// Prints the hits, best first.
pub async fn run(config: &Config, text: &str, limit: usize, json: bool) -> anyhow::Result<ExitCode> {
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
