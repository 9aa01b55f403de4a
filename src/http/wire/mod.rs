//! What goes over the wire, in JSON: a file for each endpoint's requests and replies, made from the values of `answer`,
//! which knows neither JSON nor its description. `runbookd ask --json` and `search --json` write the same objects.
//!
//! To add a field: here, with its description, and where the value is made of its domain type. `tests/it/openapi.rs`
//! compares what is described with what is sent.

pub mod answer;
pub mod ask;
pub mod chat;
pub mod completions;
pub mod documents;
pub mod feedback;
pub mod filter;
pub mod health;
pub mod json;
pub mod mcp;
pub mod models;
mod named;
pub mod openai;
mod schema;
pub mod search;
