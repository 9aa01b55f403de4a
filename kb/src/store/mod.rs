//! Where chunks live: the seam between the product and its storage engines.
//!
//! [`KnowledgeBase`] is opened for reading with [`open`], [`Writer`] for writing with [`open_writer`]. Reading goes
//! through a [`View`] only: one generation and one [`Filter`], held for the whole request. Engines must rank alike;
//! `contract/` holds the suite that each must pass.
//!
//! To add an engine: a folder here with a reader and a writer that implement the two traits, a variant of [`Address`],
//! a branch in each function of `open.rs` that takes one, and a test module with `contract_tests!`.

mod blocking;
pub(crate) mod bm25;
#[cfg(test)]
mod contract;
#[cfg(feature = "qdrant")]
mod copy;
pub mod embedded;
mod error;
mod filter;
mod keys;
mod knowledge_base;
mod manifest;
mod open;
mod prepared;
#[cfg(feature = "qdrant")]
pub mod qdrant;
mod rename;
mod upkeep;
mod view;
mod writer;

pub use crate::embed::ModelIdentity;
#[cfg(feature = "qdrant")]
pub use copy::copy;
pub use error::StoreError;
pub use filter::{Access, Filter, OpenPart};
pub use keys::{ChunkKey, DocumentKey, embedding_key};
pub use knowledge_base::{KnowledgeBase, Trouble};
pub use manifest::{CHUNKER_VERSION, FORMAT_VERSION, Identity, Manifest};
pub use open::{
    Address, AddressError, backup, documents_of_damaged, open, open_rebuilding, open_writer, restore,
    rollback, verify,
};
#[cfg(feature = "qdrant")]
pub use qdrant::{QdrantAddress, QdrantAddressError};
pub use upkeep::{Copied, ServerHealth, Verification};
pub use view::{
    Commonness, Counts, DocumentSimilarity, Field, FieldWeights, Inbound, LexicalMatches, LexicalQuery,
    Match, RuledDocument, View,
};
pub use writer::{Commit, Writer};
