//! The seam of embedding models.

use super::{error::EmbedError, identity::ModelIdentity};

/// An embedding model: text in, L2-normalised vectors out. Runs on the embedder's thread, one call at a time.
pub trait EmbeddingModel: Send {
    /// The identity of the model, on which its vectors depend.
    fn identity(&self) -> &ModelIdentity;

    /// Embeds texts whose prefixes have been added and that fit the window: one vector a text, in order, each of
    /// `dimensions` floats, L2-normalised.
    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// Counts a text's tokens as the model would, special tokens included. Shared by the chunker and the batcher.
pub trait TokenCounter: Send + Sync {
    /// Number of tokens of `text`, special tokens included, without any limit.
    fn count(&self, text: &str) -> usize;
}
