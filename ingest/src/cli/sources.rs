//! `ingest status` and `ingest rename`: the sources of a knowledge base.

use super::{CliError, KbFlag, print_json};
use crate::{
    config,
    progress::say,
    rename::{self, Renamed},
    status::Status,
};
use std::{
    io::{self, Write},
    path::Path,
};

pub(super) async fn status(kb: &KbFlag, file: Option<&Path>, is_json: bool) -> Result<u8, CliError> {
    let team = file.map(config::file::read).transpose()?;
    let of_file = team.as_ref().and_then(|team| team.kb.as_deref());
    let address = config::address(kb.kb.as_deref().or(of_file))?;
    let names = team.iter().flat_map(|team| &team.sources).map(|source| source.source.name());
    let status = Status::of(&address, names).await?;
    match is_json {
        true => print_json(&status)?,
        false => write!(io::stdout(), "{status}").map_err(CliError::Output)?,
    }
    Ok(if status.is_well() { 0 } else { 5 })
}

pub(super) async fn rename(kb: &KbFlag, old: &str, new: &str, force: bool) -> Result<(), CliError> {
    let address = config::address(kb.kb.as_deref())?;
    let Renamed { documents, commit } = rename::rename(&address, old, new, force).await?;
    let said = format!("source `{old}` is `{new}` now: {documents} documents; version {}", commit.version);
    for warning in &commit.warnings {
        say(warning);
    }
    // The commit stays, even when the line cannot be printed.
    if writeln!(io::stdout(), "{said}").is_err() {
        say("committed; the output cannot be written");
    }
    Ok(())
}
