//! `runbookd ask`: one question, as the operator of this machine, who may read everything.

use super::{
    UsageError,
    common::{Common, on_runtime, quiet},
};
use crate::{config::Config, http::wire, telemetry};
use answer::{
    format::Format,
    request::{Occasion, Request},
    text::visible,
};
use clap::Args;
use kb::store::Filter;
use std::process::ExitCode;

/// Ask a question, or paste a failure.
#[derive(Debug, Args)]
pub struct Ask {
    #[command(flatten)]
    common: Common,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// The answer's language, such as `english` or `zh-TW`; the question's own when absent.
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// The question.
    #[arg(value_name = "QUESTION", required = true, num_args = 1..)]
    question: Vec<String>,
}

impl Ask {
    /// Asks as the operator of this machine.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.common.load_to_ask()?;
        telemetry::start_log(&quiet(&config.log))?;
        on_runtime(print_answer(&config, &self.question.join(" "), self.language.as_deref(), self.json))
    }
}

/// Prints the answer; `unknown` is an answer too.
async fn print_answer(
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
