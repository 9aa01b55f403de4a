//! The question's path: from a text to an [`Answer`] that rests on the knowledge base and on nothing else.
//!
//! Entry point: [`Assistant::answer`]. What documents are and how they are found is the `kb` package's business; who asks,
//! over HTTP or on the command line, is that of the package that serves.

pub mod answer;
pub mod assistant;
pub mod blocks;
pub mod cache;
pub mod calibration;
pub mod checks;
mod draft;
pub mod evidence;
pub mod extractive;
pub mod format;
pub mod journal;
mod labels;
pub mod llm;
pub mod markdown;
pub mod metrics;
pub mod phrases;
pub mod prompt;
mod quote;
mod reasoning;
pub mod reply;
mod ruled;
mod schema;
pub mod search;
pub mod spans;
pub mod text;
mod translations;
mod warnings;

pub use answer::Answer;
pub use assistant::{Assistant, Occasion, Request};
