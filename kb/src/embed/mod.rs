//! Text to vectors. [`Embedder`] is the cheap handle that everybody holds; behind it the model has a thread of its own,
//! because it needs `&mut` and uses every core.
//!
//! Models differ in what they want before a text (`query: `, `passage: `); the handle adds it, so callers say what a
//! text is, not how to spell it.
//!
//! To add a model that runs here: a file that implements [`EmbeddingModel`], a variant of [`EmbedderChoice`] and a
//! branch where `choice.rs` loads it; then run `tests/embedding_model.rs` on it.

mod cache;
mod choice;
mod error;
mod fastembed;
mod handle;
mod hashed;
mod identity;
mod locate;
mod model;
mod openai;

pub use cache::EmbeddingCache;
pub use choice::{EmbedderChoice, EmbedderSettings, EndpointSettings};
pub use error::EmbedError;
pub use handle::Embedder;
pub use hashed::{HashedModel, WordCounter};
pub use identity::ModelIdentity;
pub use locate::{Places, embedding_cache};
pub use model::{EmbeddingModel, TokenCounter};
