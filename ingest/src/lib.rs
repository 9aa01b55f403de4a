//! The writing side: reads documents from their sources, cuts them into chunks, embeds them and writes them to a
//! knowledge base, all or nothing.
//!
//! Entry points: [`pipeline::ingest`] for what the `ingest` command does, [`loader::Loader`] for documents that come
//! from elsewhere. How questions are answered is not known here.

mod batches;
pub mod blocking;
mod bounds;
pub mod chunk;
pub mod cli;
pub mod config;
pub mod convert;
pub mod credentials;
pub mod decode;
mod dialect;
pub mod error;
pub mod findings;
pub mod formats;
mod kubernetes;
pub mod lint;
pub mod loader;
pub mod pipeline;
pub mod plan;
pub mod progress;
pub mod rename;
pub mod report;
pub mod runs;
mod sentences;
pub mod sources;
pub mod status;
mod survey;
mod sync;
mod watch;
