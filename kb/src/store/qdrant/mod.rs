//! The knowledge base on a Qdrant server or cluster.
//!
//! ```text
//! NAME          alias of the generation that readers use
//! NAME-g7       a generation: every record of it is a point
//! NAME-meta     who writes; the run log; the calibration
//! ```
//!
//! The records of a generation are versions, and a state shows some of them: see `visible.rs`. Sorts of points:
//!
//! - a *chunk*: its stored JSON, the vector of its passage, the weighted terms of its passage;
//! - a *document*: its stored JSON, the weighted terms of its fields, those of the sentences that link to it included;
//! - a *link* from one document to another: the terms of the linking sentences, from which the documents' are added up;
//! - the *state* of a source;
//! - a *term*: how many documents and passages have it (`terms.rs`);
//! - the *manifest*: identity, committed changes, numbers of the whole (`manifest.rs`).
//!
//! What ranking owes to side tables is therefore: term counts by change, lengths with every record, inbound links added
//! up at the commit, and totals in the manifest; the server's own statistics are not used. Entry points: [`Reader`] and
//! [`QdrantWriter`]. Reading is in `view.rs` and `lexical.rs`, writing in `writer.rs` and `commit.rs`, writers among
//! each other in `session.rs`, failing servers in `client.rs`.

mod address;
mod client;
mod collection;
mod commit;
mod health;
mod kept;
mod key;
mod left;
mod lexical;
mod manifest;
mod meta;
mod numbers;
mod points;
mod reader;
#[cfg(test)]
mod recorded;
mod requests;
mod session;
mod staging;
mod states;
mod surroundings;
mod terms;
#[cfg(test)]
mod tests;
mod view;
mod visible;
mod writer;

pub use address::{QdrantAddress, QdrantAddressError};
pub(super) use health::verify;
pub use reader::Reader;
pub(super) use reader::documents;
pub use writer::QdrantWriter;
pub(super) use writer::rollback;
