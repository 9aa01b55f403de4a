//! The shared floor: documents and chunks, how they are embedded, where they are kept and how they are
//! found. The writing side (`ingest`) and the asking side (`runbookd`) both stand on it; it knows neither HTTP nor file
//! formats.
//!
//! Entry points: [`embed::Embedder`], [`store::open`], [`question::Question::parse`], [`retrieve::Retriever`],
//! [`answerable::decide`].

// Every other package stands on this one, so its public items are all documented.
#![warn(missing_docs)]

pub mod analyzer;
pub mod answerable;
pub mod causes;
pub mod document;
pub mod embed;
pub mod files;
pub mod growth;
pub mod html;
pub mod language;
pub mod lists;
pub mod mapped;
pub mod memory;
pub mod prohibition;
pub mod question;
pub mod redact;
mod rendered;
pub mod retrieve;
pub mod sections;
pub mod sentences;
pub mod store;
pub mod text;
pub mod version;
