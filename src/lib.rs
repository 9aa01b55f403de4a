//! The asking side: answers questions and failures from a knowledge base, over HTTP and on the command line.
//!
//! Entry point: [`Assistant::answer`]. `main.rs` only starts [`cli::run`]. What documents are and how they are found is
//! the `kb` package's business; how they get in is `ingest`'s.

pub mod answer;
pub mod assistant;
pub mod blocks;
mod cache;
pub mod calibration;
pub mod checks;
pub mod cli;
mod commands;
pub mod config;
mod draft;
pub mod evidence;
pub mod extractive;
pub mod format;
pub mod http;
pub mod journal;
pub mod journals;
mod labels;
pub mod llm;
pub mod markdown;
pub mod phrases;
pub mod prompt;
mod quote;
mod reasoning;
pub mod reply;
mod ruled;
pub mod search;
pub mod telemetry;
pub mod text;
mod translations;
mod warnings;

pub use answer::Answer;
pub use assistant::{Assistant, Occasion, Request};
