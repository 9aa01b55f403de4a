//! The `ingest` command. Parses what was typed and leaves the rest to [`ingest::cli`].

use clap::Parser;
use ingest::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(cli::run(cli));
    // An interrupted run does not wait for work whose result nobody wants.
    runtime.shutdown_background();
    Ok(code)
}
