//! The asking side: serves answers from a knowledge base over HTTP and on the command line.
//!
//! `main.rs` only starts [`cli::run`]. How a question becomes an answer is the `answer` package's business; what documents
//! are and how they are found is `kb`'s; how they get in is `ingest`'s.

pub mod cli;
mod commands;
pub mod config;
pub mod http;
pub mod metrics;
pub mod telemetry;
