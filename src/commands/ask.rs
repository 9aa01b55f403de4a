//! `runbookd ask`: one question, as the operator of this machine, who may read everything.

use super::UsageError;
use crate::{config::Config, http::wire};
use answer::{
    format::Format,
    request::{Occasion, Request},
    text::visible,
};
use kb::store::Filter;
use std::process::ExitCode;

/// Prints the answer; `unknown` is an answer too.
pub async fn run(
    config: &Config,
    text: &str,
    language: Option<&str>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let request = Request::parse(text, language, Format::default()).map_err(UsageError::from)?;
    let started = super::start(config).await?;
    let occasion = Occasion::now(config.server.deadline);
    let answer = started.assistant.answer(&request, &Filter::everything(), occasion).await?;
    match json {
        true => println!("{}", serde_json::to_string(&wire::answer::Answer::from(answer))?),
        false => {
            println!("{}", visible(&answer.with_sources()));
            eprintln!(
                "({:?}, confidence {:.2}: {})",
                answer.status,
                answer.confidence,
                visible(&answer.reason)
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
