//! `ingest chunks`.

use super::{CliError, KbFlag};
use crate::config;
use clap::Args;
use kb::{
    document::Kind,
    store::{self, DocumentKey, Filter},
};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Args)]
pub(super) struct Flags {
    #[command(flatten)]
    kb: KbFlag,
    /// Only the chunks of the document with this id.
    #[arg(long, value_name = "ID")]
    document: Option<String>,
}

/// One line of `ingest chunks`.
#[derive(Serialize)]
struct ChunkLine<'a> {
    document: &'a str,
    chunk: String,
    title: &'a str,
    kind: Kind,
    url: Option<&'a str>,
    heading_path: &'a [String],
    text: &'a str,
    start_byte: u64,
    end_byte: u64,
    tokens: u32,
}

/// Prints the stored chunks, of one document or of all.
pub(super) async fn print(flags: Flags) -> Result<u8, CliError> {
    let address = config::address(flags.kb.kb.as_deref())?;
    let kb = store::open(&address, None).await?;
    let view = kb.view(&Filter::everything()).await?;
    let records = match flags.document.as_deref() {
        Some(id) => {
            let found = view.documents(&[DocumentKey::of(id)]).await?;
            let found: Vec<_> = found.into_iter().flatten().collect();
            if found.is_empty() {
                return Err(CliError::NoDocument { id: id.to_owned() });
            }
            found
        }
        None => view.all_documents().await?,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for record in records {
        let meta = &record.meta;
        for (_, chunk) in view.chunks_of(DocumentKey::of(&meta.id)).await? {
            let line = ChunkLine {
                document: &meta.id,
                chunk: chunk.id(),
                title: &meta.title,
                kind: meta.kind,
                url: meta.url.as_deref(),
                heading_path: &chunk.heading_path,
                text: &chunk.text,
                start_byte: chunk.start_byte,
                end_byte: chunk.end_byte,
                tokens: chunk.tokens,
            };
            serde_json::to_writer(&mut out, &line).map_err(|error| CliError::Output(error.into()))?;
            out.write_all(b"\n").map_err(CliError::Output)?;
        }
    }
    out.flush().map_err(CliError::Output)?;
    Ok(0)
}
