//! Calls to other systems, and the secrets that they take. Language models, embeddings and live sources share it.

pub mod secret;

pub use secret::Secret;
