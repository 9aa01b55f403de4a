//! The knowledge base in a directory: tantivy as the one source of truth, with append-only vector files beside it.
//!
//! ```text
//! LOCK               held by the one writer
//! CURRENT            the generation that readers use: `g7`
//! calibration.json   of the decision to answer
//! runs.json          what is known of the last runs
//! embedding-cache/   vectors by text, so that only what changed is embedded again
//! g7/manifest.json   what the generation was built with
//! g7/tantivy/        documents, chunks, links; its commits are the only commits, and have the checksums of all files
//! g7/vectors.f32     a row for each chunk, dead ones included
//! g7/vectors.i8      the same rows, quantised for the scan; the bits that choose among many are made of it in memory
//! g7/vectors.sums    checksums of the rows
//! ```
//!
//! Entry points: [`Reader`] and [`EmbeddedWriter`]. A commit is described in `generation.rs`, the state that a reader
//! opens in `snapshot.rs`; `lexical.rs` and `vectors/` are the two legs of the search. `sums.rs` says what checksums
//! there are, `committed.rs` reads against them, `verify.rs` looks at everything, `copies.rs` makes backups and brings
//! them back.

mod best;
mod bits;
mod committed;
mod copies;
mod deletion;
mod directory;
mod generation;
mod guard;
mod layout;
mod lexical;
mod reader;
mod records;
mod selection;
mod snapshot;
mod sums;
#[cfg(test)]
mod tests;
mod vectors;
mod verify;
mod view;
mod writer;

pub use copies::{backup, restore};
pub use reader::Reader;
pub use verify::{documents_of_damaged, verify};
pub use writer::EmbeddedWriter;

use std::path::{Path, PathBuf};

/// The directory of the cache of vectors in the knowledge base in `root`.
pub(super) fn embedding_cache(root: &Path) -> PathBuf {
    layout::Layout::new(root).embedding_cache()
}
