//! What can be typed: `runbookd serve | search | ask | doctor | ready | gaps | feedback`. Turns results into exit codes: 0 done,
//! 1 failed, 2 usage or configuration. Each command's flags and help are in its file of `commands/`.

use crate::{
    commands::{
        self, UsageError, ask::Ask, doctor::Doctor, feedback::Feedback, gaps::Gaps, ready::Ready,
        search::Search, serve::Serve,
    },
    config::ConfigError,
};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

pub use commands::common::Common;

/// Answers from a team's own runbooks, for k8sgpt, agents and people.
#[derive(Debug, Parser)]
#[command(name = "runbookd", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    Search(Search),
    Ask(Ask),
    Gaps(Gaps),
    #[command(subcommand)]
    Feedback(Feedback),
    Ready(Ready),
    Doctor(Doctor),
}

/// Parses the command line, runs the command, and says how it ended.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", commands::chain(error.as_ref()));
            let usage =
                error.downcast_ref::<ConfigError>().is_some() || error.downcast_ref::<UsageError>().is_some();
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(command) => command.run(),
        Command::Search(command) => command.run(),
        Command::Ask(command) => command.run(),
        Command::Gaps(command) => command.run(),
        Command::Feedback(command) => command.run(),
        Command::Ready(command) => Ok(command.run()),
        Command::Doctor(command) => command.run(),
    }
}
