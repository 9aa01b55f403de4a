//! `runbookd gaps`: what was asked and could not be answered, most asked first.

use super::common::Common;
use crate::config::Config;
use answer::text::{clipped, one_line, visible};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// List what was asked and could not be answered, most asked first: the runbooks worth writing.
#[derive(Debug, Args)]
pub struct Gaps {
    #[command(flatten)]
    common: Common,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Journals of several servers, read as one in place of this one's own: state directories, or folders that hold some.
    #[arg(value_name = "JOURNAL")]
    journals: Vec<PathBuf>,
}

impl Gaps {
    /// Prints the gaps.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        print_gaps(&self.common.load_to_ask()?, &self.journals, self.json)
    }
}

/// Prints the gaps of the journals that are named, else of this configuration's own.
fn print_gaps(config: &Config, journals: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let gaps = super::journals(config, journals)?.gaps().context("failed to read a journal")?;
    if json {
        println!("{}", json!({ "gaps": gaps }));
        return Ok(ExitCode::SUCCESS);
    }
    for gap in &gaps {
        println!("{:>6}  {}  {}", gap.count, gap.last_at.strftime("%Y-%m-%d"), visible(&gap.pattern));
        println!("        e.g. {}", clipped(&visible(&one_line(&gap.example)), 160));
    }
    if gaps.is_empty() {
        eprintln!("no question was left unanswered");
    }
    Ok(ExitCode::SUCCESS)
}
