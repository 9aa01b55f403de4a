//! `ingest backup`, `restore`, `copy` and `rollback`.

use super::{CliError, KbFlag, print_json};
use crate::{
    config,
    progress::{Progress, say},
};
use clap::Args;
use kb::{
    causes::with_causes,
    store::{self, Copied},
};
use std::{
    io::{self, Write},
    path::PathBuf,
};

#[derive(Debug, Args)]
pub(super) struct BackupFlags {
    #[command(flatten)]
    kb: KbFlag,
    /// The new directory.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// One JSON object on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreFlags {
    #[command(flatten)]
    kb: KbFlag,
    /// The directory of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// One JSON object on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CopyFlags {
    /// The knowledge base to copy: a directory, or qdrant://HOST:6334/NAME.
    #[arg(long, value_name = "KB")]
    from: String,
    /// Where to, in the same way.
    #[arg(long, value_name = "KB")]
    to: String,
}

#[derive(Debug, Args)]
pub(super) struct RollbackFlags {
    #[command(flatten)]
    kb: KbFlag,
}

pub(super) async fn backup(flags: BackupFlags) -> Result<u8, CliError> {
    let BackupFlags { kb, to, json } = flags;
    let address = config::address(kb.kb.as_deref())?;
    let copied = store::backup(&address, &to).await?;
    print_copied(&format!("backed up to {}", to.display()), &copied, json)
}

pub(super) async fn restore(flags: RestoreFlags) -> Result<u8, CliError> {
    let RestoreFlags { kb, from, json } = flags;
    let address = config::address(kb.kb.as_deref())?;
    let copied = store::restore(&from, &address).await?;
    print_copied(&format!("restored to {address}"), &copied, json)
}

pub(super) async fn copy(flags: CopyFlags) -> Result<u8, CliError> {
    let (from, to) = (config::address(Some(&flags.from))?, config::address(Some(&flags.to))?);
    let progress = Progress::on_stderr();
    let mut copied = 0;
    let commit = store::copy(&from, &to, |done, total| {
        if copied == 0 {
            progress.begin("copying", total.chunks as usize);
        }
        progress.advance((done.chunks - copied) as usize);
        copied = done.chunks;
    })
    .await?;
    progress.finish();
    commit.warnings.iter().for_each(|warning| say(warning));
    told(&format!("copied to {to}: version {}", commit.version))
}

pub(super) async fn rollback(flags: RollbackFlags) -> Result<u8, CliError> {
    let address = config::address(flags.kb.kb.as_deref())?;
    let commit = store::rollback(&address).await?;
    told(&format!("{address} is at version {} again", commit.version))
}

fn print_copied(what: &str, copied: &Copied, is_json: bool) -> Result<u8, CliError> {
    copied.warnings.iter().for_each(|warning| say(&format!("{what}; but afterwards: {warning}")));
    let printed = match is_json {
        true => print_json(copied),
        false => {
            let Copied { version, chunks, files, bytes, .. } = copied;
            let line = format!("{what}: version {version}, {chunks} chunks, {files} files, {bytes} bytes");
            writeln!(io::stdout(), "{line}").map_err(CliError::Output)
        }
    };
    // The copy stays, even when its report cannot be printed.
    if let Err(error) = printed {
        say(&format!("{what}; {}", with_causes(&error)));
    }
    Ok(0)
}

/// Prints the result of a finished command, which stays even when the line cannot be printed.
fn told(line: &str) -> Result<u8, CliError> {
    if writeln!(io::stdout(), "{line}").is_err() {
        say("done; the output cannot be written");
    }
    Ok(0)
}
