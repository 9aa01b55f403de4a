//! `ingest status` and `ingest rename`: the sources of a knowledge base.

use super::{CliError, KbFlag, print_json};
use crate::{
    config,
    progress::say,
    rename::{self, Renamed},
    status::Status,
};
use clap::Args;
use std::{
    io::{self, Write},
    path::PathBuf,
};

#[derive(Debug, Args)]
pub(super) struct StatusFlags {
    #[command(flatten)]
    kb: KbFlag,
    /// The file that lists the sources: those that were never read are shown too.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RenameFlags {
    #[command(flatten)]
    kb: KbFlag,
    /// Also into a source that has other documents: what both have stays as it is there.
    #[arg(long)]
    force: bool,
    /// The name that the knowledge base has.
    #[arg(value_name = "OLD")]
    old: String,
    /// The name that the folder has now.
    #[arg(value_name = "NEW")]
    new: String,
}

pub(super) async fn status(flags: StatusFlags) -> Result<u8, CliError> {
    let StatusFlags { kb, config: file, json } = flags;
    let team = file.as_deref().map(config::file::read).transpose()?;
    let of_file = team.as_ref().and_then(|team| team.kb.as_deref());
    let address = config::address(kb.kb.as_deref().or(of_file))?;
    let names = team.iter().flat_map(|team| &team.sources).map(|source| source.source.name());
    let status = Status::of(&address, names).await?;
    match json {
        true => print_json(&status)?,
        false => write!(io::stdout(), "{status}").map_err(CliError::Output)?,
    }
    Ok(if status.is_well() { 0 } else { 5 })
}

pub(super) async fn rename(flags: RenameFlags) -> Result<u8, CliError> {
    let RenameFlags { kb, force, old, new } = flags;
    let address = config::address(kb.kb.as_deref())?;
    let Renamed { documents, commit } = rename::rename(&address, &old, &new, force).await?;
    let said = format!("source `{old}` is `{new}` now: {documents} documents; version {}", commit.version);
    for warning in &commit.warnings {
        say(warning);
    }
    // The commit stays, even when the line cannot be printed.
    if writeln!(io::stdout(), "{said}").is_err() {
        say("committed; the output cannot be written");
    }
    Ok(0)
}
