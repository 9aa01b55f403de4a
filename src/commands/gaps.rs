//! `runbookd gaps`: what was asked and could not be answered, most asked first.

use crate::config::Config;
use answer::{
    journal,
    text::{clipped, one_line, visible},
};
use anyhow::Context;
use serde_json::json;
use std::process::ExitCode;

/// Prints the gaps.
pub fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let directory = config.state()?;
    let gaps =
        journal::gaps(directory).with_context(|| format!("failed to read `{}`", directory.display()))?;
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
