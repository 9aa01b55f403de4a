//! `runbookd gaps`: what was asked and could not be answered, most asked first.

use crate::{
    config::Config,
    text::{clipped, one_line, visible},
};
use anyhow::Context;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Prints the gaps of the journals that are named, else of this configuration's own.
pub fn run(config: &Config, journals: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
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
