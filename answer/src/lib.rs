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
pub mod degraded;
pub mod documents;
mod draft;
pub mod evidence;
pub mod extractive;
pub mod format;
pub mod journal;
pub mod k8sgpt;
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
pub mod search;
pub mod spans;
pub mod text;
mod translations;
mod warnings;

pub use answer::{Answer, AnsweredBy, Citation, Nearest};
pub use assistant::{Assistant, Occasion, Request};
pub use degraded::Degraded;
