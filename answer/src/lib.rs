//! The question's path: from a text to an [`Answer`] that rests on the knowledge base and on nothing else.
//!
//! Entry points: [`Desk::answer`] for servers, [`Assistant::answer`] for one question. Documents and their search are
//! in the `kb` package; the HTTP interface and the command line are in the package that serves.

pub mod answer;
pub mod assistant;
pub mod cache;
pub mod calibration;
pub mod checks;
pub mod citations;
pub mod degraded;
pub mod desk;
pub mod documents;
mod draft;
pub mod evidence;
pub mod extractive;
mod fences;
pub mod format;
pub mod journal;
pub mod journals;
pub mod k8sgpt;
pub mod llm;
pub mod markdown;
pub mod metrics;
pub mod phrases;
pub mod prompt;
mod quote;
pub mod reply;
pub mod request;
mod ruled;
pub mod search;
mod spans;
pub mod text;
mod translations;
mod warnings;

pub use answer::{Answer, Answered, AnsweredBy, Citation, Nearest};
pub use assistant::Assistant;
pub use degraded::Degraded;
pub use desk::Desk;
pub use metrics::Metrics;
pub use request::{Occasion, Request};
